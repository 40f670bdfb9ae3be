//! SITE: UMASK, IDLE, SYMLINK, and what it must not have.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use wharf_tests::{Wharf, session_dialogue};

#[test]
fn umask_counts_for_files_and_folders_of_this_session() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    control.expect("SITE UMASK", 200);
    let reply = control.expect("SITE UMASK 027", 200);
    assert!(reply.says("027"), "{reply}");
    control.store("STOR f", b"1");
    control.expect("MKD d", 257);
    assert_eq!(mode(&wharf, "f"), 0o640);
    assert_eq!(mode(&wharf, "d"), 0o750);
    let mut other = wharf.session();
    other.store("STOR g", b"1");
    assert_ne!(mode(&wharf, "g") & 0o004, 0, "another session has its own");
}

#[test]
fn the_umask_of_the_settings_counts() {
    let wharf = Wharf::with_settings("[server]\numask = \"077\"\n");
    let mut control = wharf.session();
    control.store("STOR f", b"1");
    control.expect("MKD d", 257);
    assert_eq!((mode(&wharf, "f"), mode(&wharf, "d")), (0o600, 0o700));
}

#[test]
fn idle_is_told_and_shortened() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    let reply = control.expect("SITE IDLE", 200);
    assert!(reply.says("300"), "five minutes by default: {reply}");
    control.expect("SITE IDLE 1", 200);
    let since = Instant::now();
    control.await_code(421);
    control.expect_end();
    assert!(
        since.elapsed() < Duration::from_secs(10),
        "after {:?}",
        since.elapsed()
    );
}

#[test]
fn idle_cannot_be_made_longer_than_the_settings_say() {
    let wharf = Wharf::with_settings("[timeouts]\nidle = \"2 s\"\n");
    let mut control = wharf.session();
    let reply = control.command("SITE IDLE 100000");
    assert!([200, 501, 504].contains(&reply.code), "{reply}");
    let since = Instant::now();
    control.await_code(421);
    assert!(
        since.elapsed() < Duration::from_secs(10),
        "after {:?}",
        since.elapsed()
    );
}

#[test]
fn symlinks_stay_inside() {
    let wharf = Wharf::start();
    wharf.write("target.txt", "target");
    wharf.write("folder/inner.txt", "inner");
    let mut control = wharf.session();
    control.expect("SITE SYMLINK target.txt link", 200);
    assert_eq!(control.retrieve("RETR link"), b"target");
    assert_eq!(
        fs::read_link(wharf.path("link"))
            .expect("a link")
            .as_os_str(),
        "target.txt"
    );
    control.expect("SITE SYMLINK ../target.txt folder/up", 200);
    assert_eq!(control.retrieve("RETR folder/up"), b"target");
    for line in [
        "SITE SYMLINK /etc/passwd absolute",
        "SITE SYMLINK ../../../../etc/passwd climbing",
        "SITE SYMLINK folder/../../beside climbing",
        "SITE SYMLINK target.txt link",
        "SITE SYMLINK target.txt missing/link",
    ] {
        let reply = control.command(line);
        assert!(reply.is_refused(), "{line}: {reply}");
    }
    assert!(fs::symlink_metadata(wharf.path("absolute")).is_err());
    assert!(fs::symlink_metadata(wharf.path("climbing")).is_err());
    control.expect("DELE link", 250);
    assert_eq!(wharf.read("target.txt"), b"target", "DELE removes the link");
}

#[test]
fn unknown_words_and_words_of_later_versions_are_refused() {
    let wharf = Wharf::start();
    session_dialogue(
        &wharf,
        "C: SITE XYZZY
         S: 50...
         C: SITE CPFR f
         S: 502 ...
         C: SITE CPTO g
         S: 502 ...
         C: SITE QUOTA
         S: 502 ...
         C: SITE WHO
         S: 502 ...",
    );
}

fn mode(wharf: &Wharf, name: &str) -> u32 {
    fs::metadata(wharf.path(name))
        .expect("the file")
        .permissions()
        .mode()
        & 0o7777
}
