//! The files and directories of a memory store.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::stage::Partials;
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::{Attributes, Follow, Kind, Metadata, Replace, Space, Timestamp};
use crate::path::{MAX_COMPONENT, VPath};
use crate::upload::check_attributes;

/// What the handles of a store share.
pub(super) struct Shared {
    tree: Mutex<Tree>,
    used: Arc<AtomicU64>,
    limit: u64,
}

pub(super) struct Tree {
    nodes: HashMap<u64, Node>,
    next: u64,
    used: Arc<AtomicU64>,
    pub(super) partials: Partials,
}

struct Node {
    body: Body,
    mode: u32,
    modified: Timestamp,
    created: Timestamp,
    uid: u32,
    gid: u32,
    /// How many names it has.
    links: u64,
}

pub(super) enum Body {
    File(Arc<Vec<u8>>),
    Directory(BTreeMap<Box<[u8]>, u64>),
    Symlink(Box<[u8]>),
}

impl Shared {
    pub(super) fn new(limit: u64) -> Self {
        let used = Arc::new(AtomicU64::new(0));
        let root = Node::new(Body::Directory(BTreeMap::new()), 0o755);
        Self {
            tree: Mutex::new(Tree {
                nodes: HashMap::from([(ROOT, root)]),
                next: ROOT + 1,
                used: Arc::clone(&used),
                partials: Partials::default(),
            }),
            used,
            limit,
        }
    }

    pub(super) fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes room for content, or says `NoSpace`.
    pub(super) fn reserve(&self, bytes: usize) -> Result<()> {
        let bytes = bytes as u64;
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= self.limit)
            })
            .map(|_| ())
            .map_err(|_| Error::new(ErrorKind::NoSpace))
    }

    pub(super) fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn space(&self) -> Space {
        let free = self.limit - self.used.load(Ordering::Relaxed);
        Space {
            total: self.limit,
            free,
            available: free,
            block_size: 1,
            files_total: 0,
            files_free: 0,
            files_available: 0,
            read_only: false,
            name_max: MAX_COMPONENT as u64,
        }
    }
}

impl Tree {
    /// Walks from the root. Links before the end are followed, at the end if asked for, and `..`
    /// in them as a kernel does: in the directory one is in, never above the root.
    pub(super) fn find(&self, path: &VPath, follow: Follow) -> Result<u64> {
        let mut todo: Vec<Box<[u8]>> = path.components().rev().map(Box::from).collect();
        let mut trail = vec![ROOT];
        let mut links = 0;
        while let Some(component) = todo.pop() {
            let here = *trail.last().unwrap_or(&ROOT);
            if *component == *b".." {
                trail.pop();
                if trail.is_empty() {
                    return Err(Error::new(ErrorKind::PermissionDenied));
                }
                continue;
            }
            let entries = self.entries(here)?;
            let node = *entries.get(&component).ok_or(ErrorKind::NotFound)?;
            match self.body(node)? {
                Body::Symlink(target) if !todo.is_empty() || follow == Follow::Yes => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Error::new(ErrorKind::Loop));
                    }
                    let parts = target.split(|byte| *byte == b'/').rev();
                    todo.extend(parts.filter(|p| !matches!(*p, b"" | b".")).map(Box::from));
                }
                Body::File(_) | Body::Symlink(_) if !todo.is_empty() => {
                    return Err(Error::new(ErrorKind::NotADirectory));
                }
                Body::File(_) | Body::Symlink(_) | Body::Directory(_) => trail.push(node),
            }
        }
        Ok(*trail.last().unwrap_or(&ROOT))
    }

    /// The directory that holds `path`, and the name in it.
    pub(super) fn place<'a>(&self, path: &'a VPath) -> Result<(u64, &'a [u8])> {
        let root = || Error::with_text(ErrorKind::PermissionDenied, "not possible with the root");
        let parent = self.find(&path.parent().ok_or_else(root)?, Follow::Yes)?;
        self.entries(parent)?;
        Ok((parent, path.name().ok_or_else(root)?))
    }

    pub(super) fn body(&self, node: u64) -> Result<&Body> {
        self.node(node).map(|node| &node.body)
    }

    pub(super) fn entries(&self, node: u64) -> Result<&BTreeMap<Box<[u8]>, u64>> {
        match self.body(node)? {
            Body::Directory(entries) => Ok(entries),
            Body::File(_) | Body::Symlink(_) => Err(Error::new(ErrorKind::NotADirectory)),
        }
    }

    pub(super) fn file(&self, node: u64) -> Result<&Arc<Vec<u8>>> {
        match self.body(node)? {
            Body::File(content) => Ok(content),
            Body::Directory(_) => Err(Error::new(ErrorKind::IsADirectory)),
            Body::Symlink(_) => Err(Error::new(ErrorKind::NotRegular)),
        }
    }

    pub(super) fn metadata(&self, number: u64) -> Result<Metadata> {
        let node = self.node(number)?;
        let (kind, size) = match &node.body {
            Body::File(content) => (Kind::File, content.len()),
            Body::Directory(_) => (Kind::Directory, 0),
            Body::Symlink(target) => (Kind::Symlink, target.len()),
        };
        Ok(Metadata {
            kind,
            size: size as u64,
            modified: node.modified,
            created: Some(node.created),
            mode: node.mode,
            uid: node.uid,
            gid: node.gid,
            links: node.links,
            device: 0,
            inode: number,
            partial: false,
        })
    }

    /// Makes something new.
    pub(super) fn create(&mut self, path: &VPath, body: Body, mode: u32) -> Result<()> {
        let (parent, name) = self.place(path)?;
        if self.entries(parent)?.contains_key(name) {
            return Err(Error::new(ErrorKind::Exists));
        }
        self.put(parent, name, body, mode)
    }

    /// Puts something under a name, whatever was there.
    pub(super) fn put(&mut self, parent: u64, name: &[u8], body: Body, mode: u32) -> Result<()> {
        let number = self.next;
        self.next += 1;
        let replaced = self.entries_mut(parent)?.insert(name.into(), number);
        self.nodes.insert(number, Node::new(body, mode));
        if let Some(replaced) = replaced {
            self.drop_node(replaced);
        }
        self.touch(parent);
        Ok(())
    }

    pub(super) fn remove_dir(&mut self, path: &VPath) -> Result<()> {
        let (parent, name) = self.place(path)?;
        let node = self.child(parent, name)?;
        if !self.entries(node)?.is_empty() || self.partials.live_in(node) {
            return Err(Error::new(ErrorKind::NotEmpty));
        }
        let kept = self.partials.forget_directory(node);
        self.used.fetch_sub(kept, Ordering::Relaxed);
        self.unlink(parent, name)
    }

    pub(super) fn remove_file(&mut self, path: &VPath) -> Result<()> {
        let (parent, name) = self.place(path)?;
        match self.body(self.child(parent, name)?)? {
            Body::Directory(_) => Err(Error::new(ErrorKind::IsADirectory)),
            Body::File(_) | Body::Symlink(_) => self.unlink(parent, name),
        }
    }

    pub(super) fn rename(&mut self, from: &VPath, to: &VPath, replace: Replace) -> Result<()> {
        let (old_parent, old) = self.place(from)?;
        let (new_parent, new) = self.place(to)?;
        let node = self.child(old_parent, old)?;
        if let Some(target) = self.entries(new_parent)?.get(new).copied() {
            if replace == Replace::No {
                return Err(Error::new(ErrorKind::Exists));
            }
            if target == node {
                return Ok(());
            }
            self.check_replace(node, target)?;
            self.drop_node(target);
        }
        self.entries_mut(old_parent)?.remove(old);
        self.entries_mut(new_parent)?.insert(new.into(), node);
        self.touch(old_parent);
        self.touch(new_parent);
        Ok(())
    }

    pub(super) fn hard_link(&mut self, existing: &VPath, new: &VPath) -> Result<()> {
        let (old_parent, old) = self.place(existing)?;
        let (parent, name) = self.place(new)?;
        let number = self.child(old_parent, old)?;
        self.file(number)?;
        if self.entries(parent)?.contains_key(name) {
            return Err(Error::new(ErrorKind::Exists));
        }
        self.entries_mut(parent)?.insert(name.into(), number);
        if let Some(node) = self.nodes.get_mut(&number) {
            node.links += 1;
        }
        self.touch(parent);
        Ok(())
    }

    pub(super) fn set_attributes(
        &mut self,
        path: &VPath,
        attributes: &Attributes,
        follow: Follow,
    ) -> Result<()> {
        let found = self.find(path, follow)?;
        self.change(found, attributes)
    }

    /// Changes what `attributes` names, or nothing.
    pub(super) fn change(&mut self, number: u64, attributes: &Attributes) -> Result<()> {
        let node = self.nodes.get_mut(&number).ok_or(ErrorKind::NotFound)?;
        match node.body {
            Body::File(_) => check_attributes(attributes)?,
            Body::Symlink(_) if attributes.mode.is_some() => {
                return Err(Error::new(ErrorKind::Unsupported));
            }
            Body::Directory(_) | Body::Symlink(_) => {}
        }
        node.mode = attributes.mode.map_or(node.mode, |mode| mode & 0o7777);
        node.modified = attributes.modified.unwrap_or(node.modified);
        node.uid = attributes.uid.unwrap_or(node.uid);
        node.gid = attributes.gid.unwrap_or(node.gid);
        Ok(())
    }

    pub(super) fn child(&self, parent: u64, name: &[u8]) -> Result<u64> {
        Ok(*self.entries(parent)?.get(name).ok_or(ErrorKind::NotFound)?)
    }

    fn check_replace(&self, node: u64, target: u64) -> Result<()> {
        match (self.body(node)?, self.body(target)?) {
            (Body::Directory(_), Body::Directory(entries)) if entries.is_empty() => Ok(()),
            (Body::Directory(_), Body::Directory(_)) => Err(Error::new(ErrorKind::NotEmpty)),
            (Body::Directory(_), Body::File(_) | Body::Symlink(_)) => {
                Err(Error::new(ErrorKind::NotADirectory))
            }
            (Body::File(_) | Body::Symlink(_), Body::Directory(_)) => {
                Err(Error::new(ErrorKind::IsADirectory))
            }
            (Body::File(_) | Body::Symlink(_), Body::File(_) | Body::Symlink(_)) => Ok(()),
        }
    }

    fn unlink(&mut self, parent: u64, name: &[u8]) -> Result<()> {
        if let Some(node) = self.entries_mut(parent)?.remove(name) {
            self.drop_node(node);
        }
        self.touch(parent);
        Ok(())
    }

    /// One of its names is gone, and with the last one the node.
    fn drop_node(&mut self, number: u64) {
        if let Some(node) = self.nodes.get_mut(&number)
            && node.links > 1
        {
            node.links -= 1;
            return;
        }
        if let Some(node) = self.nodes.remove(&number)
            && let Body::File(content) = node.body
        {
            self.used.fetch_sub(content.len() as u64, Ordering::Relaxed);
        }
    }

    fn touch(&mut self, number: u64) {
        if let Some(node) = self.nodes.get_mut(&number) {
            node.modified = Timestamp::now();
        }
    }

    fn node(&self, number: u64) -> Result<&Node> {
        self.nodes
            .get(&number)
            .ok_or_else(|| Error::new(ErrorKind::NotFound))
    }

    fn entries_mut(&mut self, number: u64) -> Result<&mut BTreeMap<Box<[u8]>, u64>> {
        match self.nodes.get_mut(&number).map(|node| &mut node.body) {
            Some(Body::Directory(entries)) => Ok(entries),
            Some(Body::File(_) | Body::Symlink(_)) => Err(Error::new(ErrorKind::NotADirectory)),
            None => Err(Error::new(ErrorKind::NotFound)),
        }
    }
}

impl Node {
    fn new(body: Body, mode: u32) -> Self {
        let now = Timestamp::now();
        Self {
            body,
            mode,
            modified: now,
            created: now,
            uid: 0,
            gid: 0,
            links: 1,
        }
    }
}

const ROOT: u64 = 1;
const MAX_LINKS: u32 = 40;
