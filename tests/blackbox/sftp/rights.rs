//! Accounts that may do some of what changes a file, and handles whose file is not there any more.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use wharf_sftp::{Attributes, OpenFlags, Request};
use wharf_tests::Wharf;
use wharf_tests::ssh_client::{Answer, Sftp};

/// A server with a file `f`, and a session of an account that may do this.
fn with_rights(permissions: &str) -> (Wharf, Sftp) {
    let wharf = Wharf::with().sftp().start();
    wharf.write("f", OLD);
    let ann = wharf.add_account("ann", &["--permissions", permissions]);
    let sftp = Sftp::of_account(&wharf, &ann);
    (wharf, sftp)
}

fn cut(size: u64) -> Attributes {
    Attributes {
        size: Some(size),
        ..Attributes::default()
    }
}

fn by_path(sftp: &mut Sftp, path: &str, attributes: Attributes) -> Answer {
    let id = sftp.id();
    sftp.ask(&Request::Setstat {
        id,
        path: path.as_bytes(),
        attributes,
    })
}

fn by_handle(sftp: &mut Sftp, handle: &[u8], attributes: Attributes) -> Answer {
    let id = sftp.id();
    sftp.ask(&Request::Fsetstat {
        id,
        handle,
        attributes,
    })
}

#[test]
fn who_may_only_add_to_a_file_cannot_cut_it() {
    // With attributes, too, the length is not theirs.
    for permissions in ["list,read,append", "list,read,create,append,attributes"] {
        for more in [OpenFlags::default(), OpenFlags::READ, OpenFlags::CREATE] {
            let (wharf, mut sftp) = with_rights(permissions);
            let flags = OpenFlags::WRITE.and(OpenFlags::APPEND).and(more);
            let handle = sftp.handle("f", flags);
            for round in 0..2 {
                for size in [0, 3, 100] {
                    let answer = by_path(&mut sftp, "f", cut(size));
                    assert!(!answer.refusal().is_empty(), "{flags:?}: {answer:?}");
                    let answer = by_handle(&mut sftp, &handle, cut(size));
                    assert!(!answer.refusal().is_empty(), "{flags:?}: {answer:?}");
                }
                if round == 0 {
                    sftp.write(&handle, 0, b"more");
                }
            }
            assert!(sftp.close(&handle).is_ok());
            assert_eq!(wharf.read("f"), b"what was theremore", "{flags:?}");
        }
    }
}

#[test]
fn who_may_only_add_adds_to_what_is_there() {
    let (wharf, mut sftp) = with_rights("append");
    let flags = OpenFlags::WRITE
        .and(OpenFlags::CREATE)
        .and(OpenFlags::APPEND);
    let handle = sftp.handle("f", flags);
    sftp.write(&handle, 0, b" and more");
    assert!(sftp.close(&handle).is_ok());
    assert_eq!(wharf.read("f"), b"what was there and more");
    // Nothing new is made, and nothing is replaced.
    never(&mut sftp, "new", flags);
    never(&mut sftp, "f", OpenFlags::WRITE);
    never(&mut sftp, "f", REPLACE);
    assert!(!wharf.path("new").exists());
    assert_eq!(wharf.read("f"), b"what was there and more");
}

#[test]
fn who_may_only_overwrite_replaces_what_is_there() {
    let (wharf, mut sftp) = with_rights("overwrite");
    for flags in [REPLACE, OpenFlags::WRITE.and(OpenFlags::CREATE)] {
        wharf.write("f", OLD);
        let handle = sftp.handle("f", flags);
        sftp.write(&handle, 0, b"this is in it!");
        assert!(sftp.close(&handle).is_ok());
        assert_eq!(wharf.read("f"), b"this is in it!");
    }
    never(&mut sftp, "new", REPLACE);
    assert!(!wharf.path("new").exists());
}

/// Refused at the latest by the close.
#[track_caller]
fn never(sftp: &mut Sftp, path: &str, flags: OpenFlags) {
    let Answer::Handle(handle) = sftp.open(path, flags) else {
        return;
    };
    let _ = sftp.try_write(&handle, 0, b"never");
    let closed = sftp.close(&handle);
    assert!(!closed.is_ok(), "{path}: {closed:?}");
}

#[test]
fn attributes_of_a_handle_are_not_set_on_another_file() {
    let (wharf, mut sftp) = with_rights("full");
    let set = |mode| Attributes {
        permissions: Some(mode),
        times: Some((1_000_000, 2_000_000)),
        ..Attributes::default()
    };
    let mode = || {
        let metadata = fs::metadata(wharf.path("f")).expect("f");
        metadata.permissions().mode() & 0o777
    };
    for flags in [OpenFlags::READ, OpenFlags::READ.and(OpenFlags::WRITE)] {
        let handle = sftp.handle("f", flags);
        let answer = by_handle(&mut sftp, &handle, set(0o600));
        assert!(answer.is_ok(), "{flags:?}: {answer:?}");
        assert_eq!(mode(), 0o600);
        wharf.write("other", "another file");
        fs::rename(wharf.path("other"), wharf.path("f")).expect("replaced");
        let (before, changed) = (mode(), modified(&wharf));
        let answer = by_handle(&mut sftp, &handle, set(0o604));
        assert!(!answer.refusal().is_empty(), "{flags:?}: {answer:?}");
        assert_eq!((mode(), modified(&wharf)), (before, changed), "{flags:?}");
        // By its path it is meant.
        assert!(by_path(&mut sftp, "f", set(0o640)).is_ok());
        assert_eq!(mode(), 0o640);
        assert!(sftp.close(&handle).is_ok());
    }
}

fn modified(wharf: &Wharf) -> std::time::SystemTime {
    let metadata = fs::metadata(wharf.path("f")).expect("f");
    metadata.modified().expect("a time")
}

const OLD: &str = "what was there";
const REPLACE: OpenFlags = OpenFlags::WRITE
    .and(OpenFlags::CREATE)
    .and(OpenFlags::TRUNCATE);
