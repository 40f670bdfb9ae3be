//! The suite that every SFTP client goes through: all acts are prepared on the disks, told to the
//! program at once, and judged by what they left behind.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use wharf_tests::program::contains;
use wharf_tests::ssh::{Kind, Ssh};
use wharf_tests::{Wharf, pattern, same_bytes, show, tree};

use super::client::{Act, Client, Verb};
use super::names::ODD_NAMES;

/// Everything, by password.
#[track_caller]
pub(crate) fn run(client: &dyn Client) {
    let wharf = start_for(client.permission());
    let ssh = Ssh::of(&wharf);
    let mut tasks = Tasks::new(client, &wharf);
    for prepare in ALL {
        prepare(&mut tasks);
    }
    tasks.run(&ssh);
}

/// A listing and a file each way, by a key of each of `kinds`.
#[track_caller]
pub(crate) fn run_by_key(client: &dyn Client, kinds: &[Kind]) {
    let wharf = start_for(client.permission());
    for &kind in kinds {
        let ssh = Ssh::by_key(&wharf, kind);
        let mut tasks = Tasks::new(client, &wharf);
        tasks.label = format!("{}-", kind.name());
        lists(&mut tasks);
        moves(&mut tasks, "short", 100_000);
        tasks.run(&ssh);
    }
}

/// A server for SFTP; waiting for the disk would test the disk.
pub(crate) fn start() -> Wharf {
    Wharf::with()
        .sftp()
        .settings("[uploads]\ndurability = \"none\"\n")
        .start()
}

/// The same, with what the first account is allowed besides.
#[track_caller]
pub(crate) fn start_for(permission: &[&str]) -> Wharf {
    let wharf = start();
    if !permission.is_empty() {
        let words = ["change", &wharf.account().name].into_iter();
        let finished = wharf.user(words.chain(permission.iter().copied()), "");
        if let Err(problem) = finished.well() {
            panic!("{problem}");
        }
    }
    wharf
}

const ALL: &[fn(&mut Tasks<'_>)] = &[
    misses,
    lists,
    lists_many,
    |tasks| moves(tasks, "empty", 0),
    |tasks| moves(tasks, "one", 1),
    |tasks| moves(tasks, "medium", 300_000),
    |tasks| moves(tasks, "large", 20 << 20),
    odd_names,
    puts_over,
    resumes,
    keeps,
    renames,
    removes,
    folders,
    attributes,
    links,
];

type Check = Box<dyn Fn(&[u8]) -> Result<(), String>>;

struct Tasks<'a> {
    client: &'a dyn Client,
    root: PathBuf,
    local: PathBuf,
    /// What names begin with, so that several runs can share a folder.
    label: String,
    acts: Vec<Act>,
    checks: Vec<(String, Check)>,
}

impl<'a> Tasks<'a> {
    fn new(client: &'a dyn Client, wharf: &Wharf) -> Self {
        Self {
            client,
            root: wharf.root().to_owned(),
            local: wharf.scratch().local(),
            label: String::new(),
            acts: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// `false` where the client has no such command or cannot say the names.
    fn add(&mut self, act: Act, check: impl Fn(&[u8]) -> Result<(), String> + 'static) -> bool {
        let can_say = act.names().iter().all(|name| self.client.can_say(name));
        if self.client.lacks(act.verb()) || !can_say {
            return false;
        }
        let names: Vec<_> = act.names().into_iter().map(show).collect();
        let title = format!("{:?} {}", act.verb(), names.join(", "));
        self.checks.push((title, Box::new(check)));
        self.acts.push(act);
        true
    }

    #[track_caller]
    fn run(self, ssh: &Ssh) {
        let said = self.client.act(ssh, &self.acts);
        let problems: Vec<_> = self
            .checks
            .iter()
            .filter_map(|(title, check)| Some(format!("== {title}\n{}", check(&said).err()?)))
            .collect();
        let lines: Vec<_> = said.split(|&byte| byte == b'\n').map(show).collect();
        assert!(
            problems.is_empty(),
            "{}: {} of {} acts failed\n{}\nit said:\n{}",
            self.client.name(),
            problems.len(),
            self.checks.len(),
            problems.join("\n"),
            lines[lines.len().saturating_sub(80)..].join("\n")
        );
    }

    fn served(&self, name: &[u8]) -> PathBuf {
        self.root.join(OsStr::from_bytes(name))
    }

    fn write(&self, name: &[u8], content: &[u8]) {
        tree::write(&self.root, name, content);
    }

    fn local(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.local.join(format!("{}{name}", self.label));
        fs::write(&path, content).expect("a local file");
        path
    }
}

fn holds(path: &Path, wanted: &[u8]) -> Result<(), String> {
    let name = show(path.as_os_str().as_bytes());
    let found = fs::read(path).map_err(|error| format!("{name}: {error}"))?;
    same_bytes(&name, wanted, &found)
}

fn gone(path: &Path) -> Result<(), String> {
    match fs::symlink_metadata(path) {
        Err(_) => Ok(()),
        Ok(_) => Err(format!("{} is there", show(path.as_os_str().as_bytes()))),
    }
}

// First, so that everything after it shows that the session goes on.
fn misses(tasks: &mut Tasks<'_>) {
    let local = tasks.local.join("missing.bin");
    let act = Act::Get(b"nowhere/missing.bin".to_vec(), local.clone());
    tasks.add(act, move |_| {
        match fs::metadata(&local).map_or(0, |metadata| metadata.len()) {
            0 => Ok(()),
            size => Err(format!("a missing file came with {size} bytes")),
        }
    });
}

fn lists(tasks: &mut Tasks<'_>) {
    let names = [
        "first.txt",
        "second file.txt",
        "third-\u{e9}.bin",
        "-fourth",
        ".fifth",
    ];
    let folder = format!("{}to list", tasks.label).into_bytes();
    for name in names {
        tasks.write(
            &[folder.as_slice(), b"/", name.as_bytes()].concat(),
            name.as_bytes(),
        );
    }
    fs::create_dir(tasks.served(&folder).join("inner")).expect("a folder");
    tasks.add(Act::List(folder), move |said| {
        let missing: Vec<_> = names
            .into_iter()
            .chain(["inner"])
            .filter(|name| !contains(said, name.as_bytes()))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("{missing:?} are not listed"))
        }
    });
}

// More than fit into one reply.
fn lists_many(tasks: &mut Tasks<'_>) {
    for number in 0..ENTRIES {
        tasks.write(format!("many/entry-{number:04}").as_bytes(), b"");
    }
    tasks.add(Act::List(b"many".to_vec()), |said| {
        let missing: Vec<_> = (0..ENTRIES)
            .map(|number| format!("entry-{number:04}"))
            .filter(|name| !contains(said, name.as_bytes()))
            .collect();
        match missing.len() {
            0 => Ok(()),
            count => Err(format!("{count} of {ENTRIES} entries are not listed")),
        }
    });
}

fn moves(tasks: &mut Tasks<'_>, name: &str, size: usize) {
    let (down, up) = (pattern(1, size), pattern(2, size));
    let remote = format!("{}out/{name}.bin", tasks.label).into_bytes();
    tasks.write(&remote, &down);
    let local = tasks.local.join(format!("{}down-{name}", tasks.label));
    tasks.add(Act::Get(remote, local.clone()), move |_| {
        holds(&local, &down)
    });

    let local = tasks.local(&format!("up-{name}"), &up);
    let remote = format!("{}up-{name}.bin", tasks.label).into_bytes();
    let served = tasks.served(&remote);
    tasks.add(Act::Put(local, remote), move |_| holds(&served, &up));
}

fn odd_names(tasks: &mut Tasks<'_>) {
    for (number, name) in ODD_NAMES.iter().enumerate() {
        let (down, up) = (pattern(100 + number as u64, 777), pattern(200, 888));
        let remote = [b"odd/down ", *name].concat();
        tasks.write(&remote, &down);
        let local = tasks.local.join(format!("odd-down-{number}"));
        tasks.add(Act::Get(remote, local.clone()), move |_| {
            holds(&local, &down)
        });
        let local = tasks.local(&format!("odd-up-{number}"), &up);
        // The name itself: some begin with what begins an option.
        let served = tasks.served(name);
        tasks.add(Act::Put(local, name.to_vec()), move |_| holds(&served, &up));
    }
}

fn puts_over(tasks: &mut Tasks<'_>) {
    tasks.write(b"over.bin", &pattern(3, 500_000));
    let content = pattern(4, 20_000);
    let local = tasks.local("over.bin", &content);
    let served = tasks.served(b"over.bin");
    tasks.add(Act::Put(local, b"over.bin".to_vec()), move |_| {
        holds(&served, &content)
    });
}

// The piece that is there already is marked: what comes out shows that it was kept and not moved
// again.
fn resumes(tasks: &mut Tasks<'_>) {
    let content = pattern(5, 900_000);
    let mut marked = content.clone();
    marked[..KEPT].fill(b'x');
    tasks.write(b"rest-down.bin", &content);
    let local = tasks.local("rest-down.bin", &marked[..KEPT]);
    let wanted = marked.clone();
    let act = Act::GetRest(b"rest-down.bin".to_vec(), local.clone());
    tasks.add(act, move |_| holds(&local, &wanted));

    tasks.write(b"rest-up.bin", &marked[..KEPT]);
    let local = tasks.local("rest-up.bin", &content);
    let served = tasks.served(b"rest-up.bin");
    let act = Act::PutRest(local, b"rest-up.bin".to_vec());
    tasks.add(act, move |_| holds(&served, &marked));
}

fn keeps(tasks: &mut Tasks<'_>) {
    tasks.write(b"kept-down.bin", b"kept");
    stamp(&tasks.served(b"kept-down.bin"), 0o640);
    let local = tasks.local.join("kept-down.bin");
    let act = Act::GetKept(b"kept-down.bin".to_vec(), local.clone());
    tasks.add(act, move |_| stamped(&local, Some(0o640)));

    let local = tasks.local("kept-up.bin", b"kept");
    stamp(&local, 0o604);
    let served = tasks.served(b"kept-up.bin");
    let act = Act::PutKept(local, b"kept-up.bin".to_vec());
    let has_modes = !tasks.client.lacks(Verb::Mode);
    tasks.add(act, move |_| stamped(&served, has_modes.then_some(0o604)));
}

fn stamp(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    let file = fs::File::options().write(true).open(path).expect("a file");
    file.set_modified(UNIX_EPOCH + Duration::from_secs(SOME_TIME))
        .expect("a time");
}

fn stamped(path: &Path, mode: Option<u32>) -> Result<(), String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    let time = metadata.mtime();
    if time != i64::try_from(SOME_TIME).unwrap_or_default() {
        return Err(format!("the time is {time} instead of {SOME_TIME}"));
    }
    let found = metadata.mode() & 0o7777;
    match mode {
        Some(wanted) if wanted != found => {
            Err(format!("the mode is {found:o} instead of {wanted:o}"))
        }
        Some(_) | None => Ok(()),
    }
}

fn renames(tasks: &mut Tasks<'_>) {
    tasks.write(b"old name.txt", b"to rename");
    let (old, new) = (tasks.served(b"old name.txt"), tasks.served(b"new name.txt"));
    let act = Act::Rename(b"old name.txt".to_vec(), b"new name.txt".to_vec());
    tasks.add(act, move |_| {
        gone(&old)?;
        holds(&new, b"to rename")
    });

    let names = (b"old over.txt".to_vec(), b"new over.txt".to_vec());
    tasks.write(&names.0, b"the new, longer one");
    tasks.write(&names.1, b"the old one");
    let (old, new) = (tasks.served(&names.0), tasks.served(&names.1));
    if tasks.client.lacks(Verb::Replace) {
        tasks.add(Act::Rename(names.0, names.1), move |_| {
            holds(&old, b"the new, longer one")?;
            holds(&new, b"the old one")
        });
    } else {
        tasks.add(Act::Replace(names.0, names.1), move |_| {
            gone(&old)?;
            holds(&new, b"the new, longer one")
        });
    }
}

fn removes(tasks: &mut Tasks<'_>) {
    tasks.write(b"to delete.txt", b"x");
    let path = tasks.served(b"to delete.txt");
    let act = Act::Remove(b"to delete.txt".to_vec());
    tasks.add(act, move |_| gone(&path));
}

fn folders(tasks: &mut Tasks<'_>) {
    let path = tasks.served(b"made folder");
    tasks.add(
        Act::MakeFolder(b"made folder".to_vec()),
        move |_| match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => Ok(()),
            other => Err(format!("no folder: {other:?}")),
        },
    );
    fs::create_dir(tasks.served(b"folder to go")).expect("a folder");
    let path = tasks.served(b"folder to go");
    tasks.add(Act::RemoveFolder(b"folder to go".to_vec()), move |_| {
        gone(&path)
    });
    tasks.write(b"full folder/file", b"stays");
    let path = tasks.served(b"full folder/file");
    tasks.add(Act::RemoveFolder(b"full folder".to_vec()), move |_| {
        holds(&path, b"stays")
    });
}

fn attributes(tasks: &mut Tasks<'_>) {
    tasks.write(b"mode.txt", b"x");
    let path = tasks.served(b"mode.txt");
    tasks.add(
        Act::Mode(b"mode.txt".to_vec(), 0o640),
        move |_| match fs::metadata(&path).map(|metadata| metadata.mode() & 0o7777) {
            Ok(0o640) => Ok(()),
            Ok(mode) => Err(format!("the mode is {mode:o}")),
            Err(error) => Err(error.to_string()),
        },
    );
    tasks.write(b"time.txt", b"x");
    let path = tasks.served(b"time.txt");
    let act = Act::Time(b"time.txt".to_vec(), SOME_TIME);
    tasks.add(act, move |_| stamped(&path, None));
}

// The order of the two arguments is not the draft's: every client sends OpenSSH's.
fn links(tasks: &mut Tasks<'_>) {
    tasks.write(b"pointed at.txt", b"x");
    let path = tasks.served(b"link.txt");
    let act = Act::Link(b"pointed at.txt".to_vec(), b"link.txt".to_vec());
    tasks.add(act, move |_| match fs::read_link(&path) {
        Ok(target) if target.as_os_str() == "pointed at.txt" => Ok(()),
        other => Err(format!("the link says {other:?}")),
    });
}

const ENTRIES: usize = 2_500;
const KEPT: usize = 250_001;
/// 3 February 2019.
const SOME_TIME: u64 = 1_549_152_000;
