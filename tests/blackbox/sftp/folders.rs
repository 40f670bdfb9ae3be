//! Folders and paths.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use wharf_tests::sftp::{body, kind, open_flag, status};
use wharf_tests::show;

use super::start;

#[test]
fn a_folder_is_read_to_its_end_and_each_name_comes_once() {
    let (wharf, mut sftp) = start();
    fs::create_dir(wharf.path("d")).expect("a folder");
    let wanted: BTreeSet<Vec<u8>> = (0..5000)
        .map(|n| format!("entry {n}").into_bytes())
        .collect();
    for name in &wanted {
        fs::write(wharf.path("d").join(OsStr::from_bytes(name)), "12").expect("a file");
    }
    let entries = sftp.names("d");
    let own: Vec<_> = entries
        .iter()
        .filter(|e| e.name != b"." && e.name != b"..")
        .collect();
    assert_eq!(own.len(), 5000);
    let found: BTreeSet<_> = own.iter().map(|entry| entry.name.clone()).collect();
    assert!(found == wanted, "other names");
    for entry in own.iter().take(10) {
        assert_eq!(entry.attributes.size, Some(2));
        assert_eq!(
            entry.attributes.mode.map(|mode| mode & 0o170_000),
            Some(0o100_000)
        );
        let line = show(&entry.line);
        assert!(
            line.starts_with("-r") && line.ends_with(&show(&entry.name)),
            "{line}"
        );
    }
}

#[test]
fn names_are_bytes() {
    let (wharf, mut sftp) = start();
    let names: [&[u8]; 5] = [
        b"latin-1 caf\xe9",
        b"\xff\xfe",
        b"back\\slash",
        b" ",
        b"-rf",
    ];
    for name in names {
        let handle = sftp.open_file(name, open_flag::NEW);
        sftp.close(&handle).expect(status::OK);
        assert!(
            wharf.root().join(OsStr::from_bytes(name)).exists(),
            "{}",
            show(name)
        );
        sftp.stat(name).attributes();
    }
    let found: BTreeSet<_> = sftp
        .names("/")
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    for name in names {
        assert!(found.contains(name), "{}", show(name));
        sftp.ask(kind::REMOVE, &body().string(name))
            .expect(status::OK);
    }
}

/// They are well said and mean nothing: the text says why.
#[test]
fn f24_names_with_nul_and_line_ends_are_refused() {
    let (wharf, mut sftp) = start();
    for name in ["a\0b", "a\r\nb", "a\nb", "d/a\0"] {
        let make = body().string(name).u32(0);
        sftp.ask(kind::MKDIR, &make)
            .expect_cause(status::FAILURE, "C-6");
        let open = body().string(name).u32(open_flag::NEW).u32(0);
        sftp.ask(kind::OPEN, &open)
            .expect_cause(status::FAILURE, "C-6");
    }
    assert!(wharf_tests::tree::names(wharf.root()).is_empty());
}

#[test]
fn what_is_no_folder_is_not_read_as_one() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "x");
    let reply = sftp.ask(kind::OPENDIR, &body().string("f"));
    reply.expect_cause(status::FAILURE, "C-8");
    let reply = sftp.ask(kind::OPENDIR, &body().string("none"));
    reply.expect_cause(status::NO_SUCH_FILE, "C-7");
}

#[test]
fn folders_are_made_and_removed_when_they_are_empty() {
    let (wharf, mut sftp) = start();
    let make = body().string("d").u32(0);
    sftp.ask(kind::MKDIR, &make).expect(status::OK);
    assert!(wharf.path("d").is_dir());
    sftp.ask(kind::MKDIR, &make)
        .expect_cause(status::FAILURE, "C-15");
    let reply = sftp.ask(kind::MKDIR, &body().string("none/d").u32(0));
    reply.expect_cause(status::NO_SUCH_FILE, "C-7");
    wharf.write("d/f", "x");
    let remove = body().string("d");
    sftp.ask(kind::RMDIR, &remove)
        .expect_cause(status::FAILURE, "C-15");
    sftp.ask(kind::REMOVE, &body().string("d/f"))
        .expect(status::OK);
    sftp.ask(kind::RMDIR, &remove).expect(status::OK);
    assert!(!wharf.path("d").exists());
    sftp.ask(kind::RMDIR, &remove)
        .expect_cause(status::NO_SUCH_FILE, "C-7");
    wharf.write("f", "x");
    let reply = sftp.ask(kind::RMDIR, &body().string("f"));
    reply.expect_cause(status::FAILURE, "C-8");
}

/// Also of what is not there: clients ask for the path of what they are about to make.
#[test]
fn realpath_normalises() {
    let (wharf, mut sftp) = start();
    fs::create_dir_all(wharf.path("a/b")).expect("folders");
    for (asked, wanted) in [
        ("", "/"),
        (".", "/"),
        ("/", "/"),
        ("a", "/a"),
        ("a/b/..", "/a"),
        ("//a///b//", "/a/b"),
        ("../../..", "/"),
        ("/../a/./b", "/a/b"),
        ("not there", "/not there"),
        ("a/not/there", "/a/not/there"),
    ] {
        let found = sftp.ask(kind::REALPATH, &body().string(asked)).path();
        assert_eq!(show(&found), wanted, "REALPATH {asked}");
    }
}

#[test]
fn nothing_outside_is_reached() {
    let (wharf, mut sftp) = start();
    fs::write(wharf.scratch().beside().join("canary"), "secret").expect("a canary");
    let outside = wharf.scratch().beside();
    let absolute = outside.to_str().expect("a plain name");
    for folder in ["../beside", "/../beside", "a/../../beside", absolute] {
        let name = format!("{folder}/canary");
        for kind in [kind::STAT, kind::LSTAT, kind::REMOVE, kind::READLINK] {
            sftp.ask(kind, &body().string(&name))
                .expect(status::NO_SUCH_FILE);
        }
        let open = body().string(&name).u32(open_flag::READ).u32(0);
        sftp.ask(kind::OPEN, &open).expect(status::NO_SUCH_FILE);
        sftp.ask(kind::OPENDIR, &body().string(folder))
            .expect(status::NO_SUCH_FILE);
    }
    let root = wharf.root().to_str().expect("a plain name").to_owned();
    for asked in ["", "x/y", "..", "/etc"] {
        let path = show(&sftp.ask(kind::REALPATH, &body().string(asked)).path());
        assert!(!path.contains(&root), "{path} tells where the folder is");
    }
    assert!(outside.join("canary").exists());
}
