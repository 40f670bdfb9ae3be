//! Times and modes: MDTM, MFMT, MFF.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use wharf_tests::{Wharf, session_dialogue};

#[test]
fn mdtm_tells_and_sets() {
    let wharf = Wharf::start();
    wharf.write("f", "1");
    wharf.write("folder/g", "1");
    session_dialogue(
        &wharf,
        "C: MDTM 20030201000000 f
         S: 2...
         C: MDTM f
         S: 213 20030201000000
         C: MDTM missing
         S: 550 ...
         C: MDTM 20030201000000 missing
         S: 550 ...
         C: MDTM 19991231235959 folder/g
         S: 2...
         C: MDTM folder/g
         S: 213 19991231235959",
    );
    assert_eq!(modified(&wharf, "f"), 1_044_057_600);
}

#[test]
fn a_name_that_begins_like_a_time_is_a_name() {
    let wharf = Wharf::start();
    wharf.write("20030201000000 f", "1");
    wharf.write("f", "2");
    let before = modified(&wharf, "f");
    let mut control = wharf.session();
    control.expect("MFMT 20040506070809 20030201000000 f", 213);
    assert_eq!(
        control.expect("MDTM 20030201000000 f", 213).text(),
        "20040506070809"
    );
    assert_eq!(
        modified(&wharf, "f"),
        before,
        "the file of the shorter name is untouched"
    );
}

#[test]
fn mfmt_sets_the_time_and_says_so() {
    let wharf = Wharf::start();
    wharf.write("some file", "1");
    wharf.write("folder/g", "1");
    let mut control = wharf.session();
    // draft-somers-ftp-mfxx section 3.1: `213 Modify=time; path`.
    let reply = control.expect("MFMT 20030201000000 some file", 213);
    let text = reply.text();
    assert!(
        text.to_ascii_lowercase()
            .starts_with("modify=20030201000000"),
        "{text}"
    );
    assert!(
        text.ends_with("; /some file") || text.ends_with("; some file"),
        "{text}"
    );
    assert_eq!(modified(&wharf, "some file"), 1_044_057_600);
    control.expect("MFMT 20030201000000.250 some file", 213);
    let metadata = fs::metadata(wharf.path("some file")).expect("the file");
    assert_eq!(
        (metadata.mtime(), metadata.mtime_nsec()),
        (1_044_057_600, 250_000_000)
    );
    control.expect("MFMT 20030201000000 folder", 213);
    assert_eq!(modified(&wharf, "folder"), 1_044_057_600);
    control.expect("MFMT 20030201000000 missing", 550);
}

#[test]
fn mff_sets_facts() {
    let wharf = Wharf::start();
    wharf.write("f", "1");
    let mut control = wharf.session();
    control.expect("MFF modify=20030201000000;UNIX.mode=0604; f", 213);
    assert_eq!(modified(&wharf, "f"), 1_044_057_600);
    assert_eq!(mode(&wharf, "f"), 0o604);
    // All or nothing: a fact that cannot be set leaves the others alone.
    let reply = control.command("MFF modify=20040201000000;nonsense=1; f");
    assert!([501, 504].contains(&reply.code), "{reply}");
    assert_eq!(modified(&wharf, "f"), 1_044_057_600);
    control.expect("MFF modify=20040201000000; missing", 550);
}

#[test]
fn site_utime_has_two_forms() {
    let wharf = Wharf::start();
    wharf.write("f", "1");
    wharf.write("with space", "1");
    let mut control = wharf.session();
    control.expect("SITE UTIME 20030201000000 f", 200);
    assert_eq!(modified(&wharf, "f"), 1_044_057_600);
    // ncftp and lftp: path, access, modification and creation time, and the zone.
    control.expect(
        "SITE UTIME with space 20010101000000 20030201000000 20010101000000 UTC",
        200,
    );
    assert_eq!(modified(&wharf, "with space"), 1_044_057_600);
    control.expect("SITE UTIME 20030201000000 missing", 550);
}

#[test]
fn site_chmod_sets_the_mode() {
    let wharf = Wharf::start();
    wharf.write("some file", "1");
    wharf.write("folder/g", "1");
    let mut control = wharf.session();
    control.expect("SITE CHMOD 604 some file", 200);
    assert_eq!(mode(&wharf, "some file"), 0o604);
    control.expect("SITE CHMOD 0640 /some file", 200);
    assert_eq!(mode(&wharf, "some file"), 0o640);
    control.expect("SITE CHMOD 711 folder", 200);
    assert_eq!(mode(&wharf, "folder"), 0o711);
    control.expect("SITE CHMOD 644 missing", 550);
}

fn modified(wharf: &Wharf, name: &str) -> i64 {
    fs::metadata(wharf.path(name)).expect("the file").mtime()
}

fn mode(wharf: &Wharf, name: &str) -> u32 {
    fs::metadata(wharf.path(name))
        .expect("the file")
        .permissions()
        .mode()
        & 0o7777
}
