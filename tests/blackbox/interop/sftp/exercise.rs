//! A mounted folder under programs that expect a file system.
//!
//! fio writes blocks of a laid out file in random order, through the kernel's cache and past it,
//! and reads each back by its checksum: offsets, sizes, overlapping writes and cached attributes
//! that go wrong show there. git renames over files, links, locks by exclusive creation and
//! checks its own hashes. tar and cp carry modes, times, links and names.

use std::fs;
use std::path::Path;

use wharf_tests::program::{Finished, Program};
use wharf_tests::ssh::Ssh;
use wharf_tests::{PATIENCE, Wharf, assert_bytes, long, pattern, probe, tree};

use super::sshfs::Mounted;
use super::suite;

#[test]
fn fio_verifies_random_writes() {
    let wharf = suite::start();
    let ssh = Ssh::of(&wharf);
    let mounted = Mounted::new(&ssh, PLAIN);
    let size = if long() { "256m" } else { "16m" };
    for (name, options) in [
        ("buffered", ["--ioengine=psync", "--fsync=32"]),
        ("direct", ["--ioengine=psync", "--direct=1"]),
    ] {
        let file = mounted.folder.join(name);
        // Laid out first: what is written at random has no gaps then.
        let content = vec![0; if long() { 256 << 20 } else { 16 << 20 }];
        fs::write(&file, content).expect("a file laid out");
        let fio = program(&ssh, "fio", "fio")
            .args(["--name=exercise", "--rw=randwrite", "--bsrange=1k-64k"])
            .args(["--verify=crc32c", "--do_verify=1", "--verify_fatal=1"])
            .args(["--randrepeat=1", "--allow_file_create=0", "--overwrite=1"])
            .arg(format!("--size={size}"))
            .arg(format!("--filename={}", file.display()))
            .args(options);
        well(fio);
    }
}

#[test]
fn git_works_in_a_mounted_folder() {
    let wharf = suite::start();
    let ssh = Ssh::of(&wharf);
    let mounted = Mounted::new(&ssh, PLAIN);
    let folder = mounted.folder.join("repository");
    fs::create_dir(&folder).expect("a folder");
    let git = |words: &[&str]| {
        let program = program(&ssh, "git", "git").args(["-c", "user.name=t", "-c"]);
        let program = program.args(["user.email=t@localhost", "-C"]).arg(&folder);
        well(program.args(words))
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    for number in 0..20_u64 {
        let content = pattern(number, 5_000 + 997 * number as usize);
        fs::write(folder.join(format!("file {number}")), content).expect("a file");
    }
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "first"]);
    git(&["mv", "file 1", "renamed"]);
    fs::write(folder.join("file 2"), "shorter").expect("a file");
    git(&["commit", "--quiet", "-a", "-m", "second"]);
    git(&["checkout", "--quiet", "-b", "other", "HEAD~1"]);
    git(&["gc", "--quiet"]);
    git(&["fsck", "--full", "--strict"]);
    git(&["checkout", "--quiet", "main"]);
    let status = git(&["status", "--porcelain"]);
    assert!(status.output.is_empty(), "{status}");
    // What is on the server's disk is whole by itself.
    drop(mounted);
    let served = wharf.path("repository");
    let fsck = program(&ssh, "git", "git").args(["-c", "safe.directory=*", "-C"]);
    well(fsck.arg(served).args(["fsck", "--full", "--strict"]));
}

#[test]
fn trees_are_copied_through_a_mounted_folder() {
    let wharf = suite::start();
    let ssh = Ssh::of(&wharf);
    let mounted = Mounted::new(&ssh, PLAIN);
    let local = wharf.scratch().local();
    let expected = tree::make_odd_tree(&local.join("tree"), |_| false);
    let archive = local.join("tree.tar");
    well(
        tar(&ssh)
            .arg("-cf")
            .arg(&archive)
            .arg("-C")
            .arg(&local)
            .arg("tree"),
    );
    well(
        tar(&ssh)
            .arg("-xf")
            .arg(&archive)
            .arg("-C")
            .arg(&mounted.folder),
    );
    let copy = program(&ssh, "cp", "coreutils").args(["-a", "--"]);
    well(
        copy.arg(mounted.folder.join("tree"))
            .arg(local.join("back")),
    );
    // Unmounted, everything is closed.
    drop(mounted);
    for place in [wharf.path("tree"), local.join("back")] {
        if let Err(problem) = tree::compare(&expected, &tree::read_tree(&place)) {
            panic!("{}: {problem}", place.display());
        }
        let original = fs::metadata(local.join("tree/plain")).expect("a folder");
        let copied = fs::metadata(place.join("plain")).expect("its copy");
        // SFTP 3 has whole seconds.
        assert_eq!(seconds(&original), seconds(&copied), "{}", place.display());
    }
}

#[test]
fn single_calls_do_what_a_file_system_does() {
    let wharf = suite::start();
    let ssh = Ssh::of(&wharf);
    let mounted = Mounted::new(&ssh, PLAIN);
    let at = |name: &str| mounted.folder.join(name);
    fs::write(at("f"), "0123456789").expect("a file");
    let file = fs::File::options().write(true).open(at("f")).expect("f");
    file.set_len(4).expect("a shorter file");
    file.set_len(6).expect("a longer file");
    drop(file);
    becomes(&wharf, "f", b"0123\0\0");
    // Over what is there, and over itself.
    fs::write(at("g"), "g").expect("a file");
    fs::rename(at("g"), at("f")).expect("a rename over a file");
    becomes(&wharf, "f", b"g");
    fs::create_dir(at("d")).expect("a folder");
    fs::create_dir(at("e")).expect("a folder");
    fs::rename(at("d"), at("e")).expect("a rename over an empty folder");
    fs::write(at("e/inner"), "x").expect("a file");
    assert!(fs::remove_dir(at("e")).is_err(), "a full folder is removed");
    // A name that is gone while it is open.
    let open = fs::File::open(at("f")).expect("f");
    fs::remove_file(at("f")).expect("its end");
    assert!(!wharf.path("f").exists());
    drop(open);
    let new = fs::File::options()
        .write(true)
        .create_new(true)
        .open(at("e/inner"));
    assert!(new.is_err(), "an exclusive creation over a file");
    // Appended to in pieces.
    let content = pattern(9, 300_000);
    for piece in content.chunks(70_001) {
        let file = fs::File::options()
            .append(true)
            .create(true)
            .open(at("log"));
        std::io::Write::write_all(&mut file.expect("a log"), piece).expect("a piece");
    }
    becomes(&wharf, "log", &content);
}

/// The kernel does not wait for sshfs to close what a program has closed, and what is not closed
/// is not published.
#[track_caller]
fn becomes(wharf: &Wharf, name: &str, content: &[u8]) {
    let _ = probe::eventually(PATIENCE, || {
        fs::read(wharf.path(name)).is_ok_and(|found| found == content)
    });
    assert_bytes(name, content, &wharf.read(name));
}

fn seconds(metadata: &fs::Metadata) -> i64 {
    std::os::unix::fs::MetadataExt::mtime(metadata)
}

fn program(ssh: &Ssh, name: &str, package: &'static str) -> Program {
    // No settings of the person who runs the tests.
    ssh.program(name, package)
        .env("GIT_CONFIG_GLOBAL", Path::new("/dev/null"))
        .env("GIT_CONFIG_SYSTEM", Path::new("/dev/null"))
}

fn tar(ssh: &Ssh) -> Program {
    program(ssh, "tar", "tar")
}

#[track_caller]
fn well(program: Program) -> Finished {
    match program.run().well() {
        Ok(finished) => finished,
        Err(problem) => panic!("{problem}"),
    }
}

/// Nothing that hides what the server says.
const PLAIN: &str = "cache=yes,compression=no";
