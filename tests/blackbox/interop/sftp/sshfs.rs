//! sshfs: a mounted folder, which takes acts as system calls.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use wharf_tests::program::{Program, Running};
use wharf_tests::ssh::Ssh;
use wharf_tests::{PATIENCE, probe, show};

use super::client::{Act, Client, Verb};

pub(crate) struct Sshfs;

/// The login folder, mounted; unmounted when dropped.
pub(crate) struct Mounted {
    pub(crate) folder: PathBuf,
    _program: Running,
}

impl Mounted {
    /// `options` as after `-o`.
    #[track_caller]
    pub(crate) fn new(ssh: &Ssh, options: &str) -> Self {
        let folder = ssh.folder.join("mounted");
        fs::create_dir_all(&folder).expect("a folder to mount on");
        let output = ssh.folder.join("sshfs.output");
        let said = File::create(&output).expect("a file");
        let program = ssh
            .program("sshfs", "sshfs")
            .args(ssh.options())
            .args(["-f", "-o", options, "-p", &ssh.port.to_string()])
            .arg(format!("{}:", ssh.host()))
            .arg(&folder)
            .start(&said);
        let mounted = Self {
            folder,
            _program: program,
        };
        assert!(
            probe::eventually(PATIENCE, || mounted.is_there()),
            "nothing is mounted: {}\nhint: sshfs needs /dev/fuse, and fusermount3 of the package fuse3",
            show(&fs::read(output).unwrap_or_default())
        );
        mounted
    }

    // Told by the kernel: a look into the folder itself would wait for the server.
    fn is_there(&self) -> bool {
        let line = format!(" {} ", self.folder.display());
        fs::read_to_string("/proc/self/mountinfo").is_ok_and(|mounts| mounts.contains(&line))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily where somebody still has a file open: a mount must not outlive its test.
        for options in [["-u", "-q"].as_slice(), &["-u", "-z", "-q"]] {
            if self.is_there() {
                let program = Program::new("fusermount3", "fuse3").args(options);
                let _ = program.arg(&self.folder).limit(PATIENCE).run();
            }
        }
    }
}

impl Client for Sshfs {
    fn name(&self) -> &'static str {
        "sshfs"
    }

    fn act(&self, ssh: &Ssh, acts: &[Act]) -> Vec<u8> {
        let mounted = Mounted::new(ssh, "reconnect");
        let mut said = Vec::new();
        for act in acts {
            if let Err(error) = one(&mounted.folder, act, &mut said) {
                said.extend_from_slice(format!("{act:?}: {error}\n").as_bytes());
            }
        }
        said
    }

    fn without(&self) -> &'static [(Verb, &'static str)] {
        &[]
    }
}

fn one(folder: &Path, act: &Act, said: &mut Vec<u8>) -> io::Result<()> {
    let at = |name: &[u8]| folder.join(OsStr::from_bytes(name));
    match act {
        Act::List(name) => {
            for entry in fs::read_dir(at(name))? {
                said.extend_from_slice(entry?.file_name().as_bytes());
                said.push(b'\n');
            }
        }
        Act::Get(name, local) => copy(&at(name), local)?,
        Act::GetRest(name, local) => rest(&at(name), local)?,
        Act::GetKept(name, local) => kept(&at(name), local)?,
        Act::Put(local, name) => copy(local, &at(name))?,
        Act::PutRest(local, name) => rest(local, &at(name))?,
        Act::PutKept(local, name) => kept(local, &at(name))?,
        Act::Rename(from, to) | Act::Replace(from, to) => fs::rename(at(from), at(to))?,
        Act::Remove(name) => fs::remove_file(at(name))?,
        Act::MakeFolder(name) => fs::create_dir(at(name))?,
        Act::RemoveFolder(name) => fs::remove_dir(at(name))?,
        Act::Mode(name, mode) => fs::set_permissions(at(name), Permissions::from_mode(*mode))?,
        Act::Time(name, time) => stamp(&at(name), *time)?,
        Act::Link(says, name) => symlink(OsStr::from_bytes(says), at(name))?,
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    // Closed before it is looked at: what the close says counts.
    let mut target = File::create(to)?;
    io::copy(&mut File::open(from)?, &mut target)?;
    target.sync_all()
}

fn rest(from: &Path, to: &Path) -> io::Result<()> {
    let mut target = File::options().append(true).open(to)?;
    let mut source = File::open(from)?;
    let size = target.metadata()?.len();
    io::Seek::seek(&mut source, io::SeekFrom::Start(size))?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

fn kept(from: &Path, to: &Path) -> io::Result<()> {
    copy(from, to)?;
    let metadata = fs::metadata(from)?;
    fs::set_permissions(to, Permissions::from_mode(metadata.mode() & 0o7777))?;
    stamp(to, u64::try_from(metadata.mtime()).unwrap_or_default())
}

fn stamp(path: &Path, time: u64) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    file.set_modified(UNIX_EPOCH + Duration::from_secs(time))
}
