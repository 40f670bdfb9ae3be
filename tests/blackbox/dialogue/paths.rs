//! Folders, names and what may be in them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use wharf_tests::{Wharf, session_dialogue, tree};

#[test]
fn walking_about() {
    let wharf = Wharf::start();
    wharf.write("one/two/three/f", "1");
    session_dialogue(
        &wharf,
        "C: CWD one
         S: 250 ...
         C: CWD two/three
         S: 250 ...
         C: PWD
         S: 257 \"/one/two/three\"...
         C: XPWD
         S: 257 \"/one/two/three\"...
         C: CDUP
         S: 2...
         C: PWD
         S: 257 \"/one/two\"...
         C: CWD ../two/./three//
         S: 250 ...
         C: PWD
         S: 257 \"/one/two/three\"...
         C: CWD /
         S: 250 ...
         C: CDUP
         S: 2...
         C: PWD
         S: 257 \"/\"...
         C: CWD ..
         S: 250 ...
         C: PWD
         S: 257 \"/\"...
         C: XCWD one
         S: 250 ...
         C: XCUP
         S: 2...
         C: CWD missing
         S: 550 ...
         C: CWD one/two/three/f
         S: 550 ...
         C: PWD
         S: 257 \"/\"...",
    );
}

#[test]
fn folders_are_made_and_removed() {
    let wharf = Wharf::start();
    wharf.write("file", "1");
    wharf.write("full/file", "1");
    session_dialogue(
        &wharf,
        "C: MKD new
         S: 257 \"/new\"...
         C: MKD new
         S: 5...
         C: XMKD new/inner
         S: 257 \"/new/inner\"...
         C: RMD new
         S: 550 ...
         C: XRMD new/inner
         S: 250 ...
         C: RMD /new
         S: 250 ...
         C: RMD new
         S: 550 ...
         C: RMD file
         S: 550 ...
         C: RMD full
         S: 550 ...
         C: RMD /
         S: 550 ...
         C: MKD missing/inner
         S: 550 ...
         C: MKD file
         S: 5...
         C: MKD file/inner
         S: 550 ...
         C: DELE full
         S: 550 ...
         C: DELE missing
         S: 550 ...
         C: DELE full/file
         S: 250 ...
         C: RMD full
         S: 250 ...",
    );
    assert_eq!(tree::names(wharf.root()), [b"file"]);
}

#[test]
fn names_are_changed() {
    let wharf = Wharf::start();
    wharf.write("a", "1");
    wharf.write("old", "old");
    wharf.write("folder/inner", "2");
    session_dialogue(
        &wharf,
        "C: RNFR a
         S: 350 ...
         C: RNTO folder/a
         S: 250 ...
         C: RNFR folder
         S: 350 ...
         C: RNTO moved
         S: 250 ...
         C: RNFR moved
         S: 350 ...
         C: RNTO moved/inside/itself
         S: 5...
         C: RNFR moved/a
         S: 350 ...
         C: RNTO missing/a
         S: 5...
         C: RNFR moved/a
         S: 350 ...
         C: RNTO old
         S: 250 ...
         C: PWD
         S: 257 \"/\"...",
    );
    let mut control = wharf.session();
    if control.command("RNFR /").code == 350 {
        assert!(
            control.command("RNTO root").is_refused(),
            "the root has no other name\n{control}"
        );
    }
    assert_eq!(
        wharf.read("old"),
        b"1",
        "a rename takes the place of an old file"
    );
    assert_eq!(wharf.read("moved/inner"), b"2");
}

#[test]
fn quotes_in_names_are_doubled() {
    let wharf = Wharf::start();
    session_dialogue(
        &wharf,
        "C: MKD say \"hello\"
         S: 257 \"/say \"\"hello\"\"\"...
         C: CWD say \"hello\"
         S: 250 ...
         C: PWD
         S: 257 \"/say \"\"hello\"\"\"...
         C: MKD \"
         S: 257 \"/say \"\"hello\"\"/\"\"\"...",
    );
    assert!(wharf.path("say \"hello\"/\"").is_dir());
}

#[test]
fn spaces_belong_to_the_name() {
    let wharf = Wharf::start();
    session_dialogue(
        &wharf,
        "C: MKD  leading
         S: 257 \"/ leading\"...
         C: MKD trailing\\x20\\x20
         S: 257 \"/trailing  \"...
         C: CWD  leading
         S: 250 ...
         C: CWD ../trailing\\x20\\x20
         S: 250 ...
         C: CWD ../trailing
         S: 550 ...",
    );
    let names = tree::names(wharf.root());
    assert_eq!(names, [b" leading".to_vec(), b"trailing  ".to_vec()]);
}

#[test]
fn names_that_look_like_options_are_names() {
    let wharf = Wharf::start();
    wharf.write("-l", "option?");
    wharf.write("-R/inner", "2");
    let mut control = wharf.session();
    assert_eq!(control.retrieve("RETR -l"), b"option?");
    control.store("STOR -a", b"new");
    assert_eq!(wharf.read("-a"), b"new");
    control.expect("SIZE -l", 213);
    control.expect("MLST -l", 250);
    control.expect("CWD -R", 250);
    control.expect("CWD /", 250);
    control.expect("RNFR -l", 350);
    control.expect("RNTO --", 250);
    for command in [
        "LIST ./-a",
        "LIST -- -a",
        "LIST -l -- -a",
        "NLST ./-a",
        "NLST -- -a",
    ] {
        let lines = control.listing(command);
        assert_eq!(lines.len(), 1, "{command}: {lines:?}");
        assert!(lines[0].ends_with(b"-a"), "{command}: {lines:?}");
    }
    control.expect("DELE -a", 250);
    control.expect("DELE --", 250);
    assert_eq!(tree::names(wharf.root()), [b"-R"]);
}

#[test]
fn names_are_bytes() {
    let wharf = Wharf::start();
    let names: [&[u8]; 6] = [
        b"latin-1 caf\xe9",
        "utf-8 caf\u{e9}".as_bytes(),
        b"mixed \xc3\xa9 \xe9 \xf0\x9f",
        b"back\\slash",
        b"percent%41;semi",
        "crab \u{1f980}".as_bytes(),
    ];
    let mut control = wharf.session();
    for name in names {
        let mut content = b"content of ".to_vec();
        content.extend_from_slice(name);
        control.store([b"STOR ", name].concat(), &content);
        let disk = fs::read(wharf.root().join(OsStr::from_bytes(name))).expect("on the disk");
        assert_eq!(disk, content);
        assert_eq!(control.retrieve([b"RETR ", name].concat()), content);
        let reply = control.expect([b"MLST ", name].concat(), 250);
        assert!(reply.inner()[0].ends_with(name), "{reply}");
    }
    let mut listed = control.listing("NLST");
    listed.sort();
    assert_eq!(listed, tree::names(wharf.root()));
    for line in control.listing("LIST") {
        assert!(
            names.iter().any(|name| line.ends_with(name)),
            "{}",
            line.escape_ascii()
        );
    }
    control.expect([b"RNFR ", names[0]].concat(), 350);
    control.expect(b"RNTO renamed \xff\xff\xfe", 250);
    // 0xFF is Telnet's escape: a client sends two of them for one (RFC 854).
    assert!(
        wharf
            .root()
            .join(OsStr::from_bytes(b"renamed \xff\xfe"))
            .exists()
    );
}

#[test]
fn names_have_a_length() {
    let wharf = Wharf::start();
    let longest = "x".repeat(255);
    let mut control = wharf.session();
    control.store(format!("STOR {longest}"), b"1");
    assert_eq!(wharf.read(&longest), b"1");
    assert_eq!(control.retrieve(format!("RETR {longest}")), b"1");
    for command in ["STOR", "APPE", "MKD", "DELE", "CWD"] {
        let reply = control.put(format!("{command} {longest}x"), b"");
        assert!(
            [501, 550, 553].contains(&reply.code),
            "{command}: {reply}\n{control}"
        );
    }
    assert_eq!(tree::names(wharf.root()).len(), 1);
}
