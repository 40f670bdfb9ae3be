//! check-file: hashes of a file, made where it lies (filexfer-extensions-00 §3).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest;
use md5::{Digest as _, Md5};
use wharf_causes::id;
use wharf_sftp::{HashRange, response};
use wharf_vfs::Reader;

use super::claims::Claim;
use super::dispatch::{Flow, not_opened_for, resolve};
use super::long::at_length;
use super::{Effect, Engine, status};
use crate::failure::{Failure, Kind};
use crate::op::Op;

/// The hashes there are. MD5 and SHA-1 find errors, not forgeries; old clients know nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
    Sha224,
    Sha1,
    Md5,
}

impl Algorithm {
    const ALL: [Self; 6] = [
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::Sha224,
        Self::Sha1,
        Self::Md5,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Sha224 => "sha224",
            Self::Sha1 => "sha1",
            Self::Md5 => "md5",
        }
    }

    /// The first of the client's that is known.
    fn choose(wanted: &[u8]) -> Option<Self> {
        let names = wanted.split(|byte| *byte == b',');
        let mut known = names.filter_map(|name| {
            let mut all = Self::ALL.into_iter();
            all.find(|one| one.name().as_bytes() == name)
        });
        known.next()
    }

    fn begin(self) -> Hasher {
        let algorithm = match self {
            Self::Md5 => return Hasher::Md5(Md5::new()),
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
            Self::Sha224 => &digest::SHA224,
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        };
        Hasher::Sha(digest::Context::new(algorithm))
    }
}

enum Hasher {
    Sha(digest::Context),
    Md5(Md5),
}

impl Hasher {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha(context) => context.update(bytes),
            Self::Md5(md5) => md5.update(bytes),
        }
    }

    fn end(self, out: &mut Vec<u8>) {
        match self {
            Self::Sha(context) => out.extend_from_slice(context.finish().as_ref()),
            Self::Md5(md5) => out.extend_from_slice(&md5.finalize()),
        }
    }
}

/// What is to be hashed.
#[derive(Clone, Copy)]
struct Asked {
    algorithm: Algorithm,
    offset: u64,
    length: u64,
    block: u64,
}

impl Asked {
    fn read(range: &HashRange<'_>) -> Result<Self, Failure> {
        let Some(algorithm) = Algorithm::choose(range.algorithms) else {
            let names = Algorithm::ALL.map(Algorithm::name).join(", ");
            return Err(Failure {
                kind: Kind::Unsupported,
                cause: None,
                text: format!("None of these hashes is made here; there are {names}").into(),
            });
        };
        if range.block_size != 0 && range.block_size < LEAST_BLOCK {
            let text = "A block to be hashed has at least 256 bytes";
            return Err(Failure::new(Kind::BadOffset, id::C_5, text));
        }
        Ok(Self {
            algorithm,
            offset: range.offset,
            length: match range.length {
                0 => u64::MAX,
                length => length,
            },
            block: u64::from(range.block_size),
        })
    }
}

impl Engine {
    pub(super) fn check_path(
        &mut self,
        id: u32,
        path: &[u8],
        range: &HashRange<'_>,
    ) -> Result<Flow, Failure> {
        let asked = Asked::read(range)?;
        let path = resolve(path)?;
        let claim = Claim::looks(&path);
        if self.has_long_work() {
            return Ok(Flow::Stalled);
        }
        if let Some(wait) = self.waits(&claim) {
            return Ok(wait);
        }
        self.begin_long_work();
        let (session, alive) = (self.session.clone(), self.alive.clone());
        Ok(self.start(claim, async move {
            let hashed = async {
                let mut reader = session.read(&path).await?;
                at_length(move || hash(&mut *reader, asked, &alive)).await
            };
            let answer = told(id, asked, false, hashed.await);
            let effect: Effect = Box::new(move |engine| {
                engine.end_long_work();
                engine.outgoing.add(answer);
            });
            effect
        }))
    }

    pub(super) fn check_handle(
        &mut self,
        id: u32,
        handle: &[u8],
        range: &HashRange<'_>,
        echo: bool,
    ) -> Result<Flow, Failure> {
        let asked = Asked::read(range)?;
        let (handle, file) = self.handles.file(handle)?;
        if !file.may_read || file.staged.is_some() {
            return Err(not_opened_for(
                "Only a file that is open for reading alone can be hashed",
            ));
        }
        let busy = file.is_busy();
        let claim = Claim::handle(handle);
        if busy || self.has_long_work() || self.must_wait(&claim) {
            return Ok(Flow::Stalled);
        }
        let (_, file) = self.handles.file(&handle)?;
        self.session.may_still(Op::Read, &file.path)?;
        let Some(mut reader) = file.reader.take() else {
            return Ok(Flow::Stalled);
        };
        self.begin_long_work();
        let alive: Arc<AtomicBool> = self.alive.clone();
        Ok(self.start(claim, async move {
            let done = at_length(move || {
                let hashed = hash(&mut *reader, asked, &alive);
                Ok((hashed, reader))
            });
            let done = done.await;
            let effect: Effect = Box::new(move |engine| {
                engine.end_long_work();
                let hashed = match done {
                    Ok((hashed, reader)) => {
                        if let Ok((_, file)) = engine.handles.file(&handle) {
                            file.reader = Some(reader);
                        }
                        hashed
                    }
                    Err(failure) => Err(failure),
                };
                engine.outgoing.add(told(id, asked, echo, hashed));
            });
            effect
        }))
    }
}

fn told(id: u32, asked: Asked, echo: bool, hashed: Result<Vec<u8>, Failure>) -> Vec<u8> {
    let mut answer = Vec::new();
    match hashed {
        Ok(hashes) => {
            response::check_file(&mut answer, id, echo, asked.algorithm.name(), &hashes);
        }
        Err(failure) => status::refuse(&mut answer, id, &failure),
    }
    answer
}

/// One hash for each block, or one for all.
fn hash(reader: &mut dyn Reader, asked: Asked, alive: &AtomicBool) -> Result<Vec<u8>, Failure> {
    let mut buffer = vec![0; BUFFER];
    let mut hashes = Vec::new();
    let mut hasher = asked.algorithm.begin();
    let (mut done, mut in_block) = (0_u64, 0_u64);
    while done < asked.length {
        if !alive.load(Ordering::Acquire) {
            return Err(Failure::new(Kind::Aborted, id::T_2, "Stopped"));
        }
        let mut wanted = (asked.length - done).min(BUFFER as u64);
        if asked.block != 0 {
            wanted = wanted.min(asked.block - in_block);
        }
        let place = buffer.get_mut(..usize::try_from(wanted).unwrap_or_default());
        let place = place.unwrap_or_default();
        let count = reader.read_at(asked.offset.saturating_add(done), place)?;
        if count == 0 {
            break;
        }
        hasher.update(place.get(..count).unwrap_or_default());
        done += count as u64;
        in_block += count as u64;
        if in_block == asked.block {
            std::mem::replace(&mut hasher, asked.algorithm.begin()).end(&mut hashes);
            in_block = 0;
            if hashes.len() > MOST {
                let text = "That would be too many hashes for one answer; take larger blocks";
                return Err(Failure::new(Kind::BadOffset, id::C_5, text));
            }
        }
    }
    if in_block > 0 || hashes.is_empty() {
        hasher.end(&mut hashes);
    }
    Ok(hashes)
}

const BUFFER: usize = 256 * 1024;
/// filexfer-extensions-00 §3.
const LEAST_BLOCK: u32 = 256;
/// Bytes of hashes that fit an answer.
const MOST: usize = 200 * 1024;
