//! Rows F2 to F4: prefixes, rules and names of accounts.

use std::os::unix::fs::symlink;

use wharf_tests::program::contains;
use wharf_tests::{Wharf, tree};

#[test]
fn f2_neighbours_with_a_common_beginning_are_strangers() {
    let wharf = Wharf::start();
    wharf.write("bob/own", "bob's");
    wharf.write("bob2/secret", "bob2's");
    wharf.write("share/f", "1");
    wharf.write("share2/f", "2");
    let home = wharf.path("bob");
    let bob = wharf.add_account("bob", &["--home", home.to_str().expect("UTF-8")]);
    let mut control = wharf.session_of(&bob);
    assert_eq!(control.retrieve("RETR own"), b"bob's");
    for path in [
        "../bob2/secret",
        "/../bob2/secret",
        "../bob2",
        "2/secret",
        "/bob2/secret",
    ] {
        assert_eq!(
            control.fetch(format!("RETR {path}")).reply.code,
            550,
            "{path}\n{control}"
        );
        control.expect(format!("RNFR {path}"), 550);
        let listing = control.fetch(format!("NLST {path}"));
        assert!(!contains(&listing.bytes, b"secret"), "{path}");
    }
    // A rule for /share is none for /share2, nor the other way round.
    let carol = wharf.add_account("carol", &["--permissions", "full,/share=read-only"]);
    let mut control = wharf.session_of(&carol);
    control.store("STOR share2/new", b"1");
    for path in [
        "share/new",
        "/share/new",
        "share2/../share/new",
        "//share/new",
        "./share/new",
    ] {
        let reply = control.put(format!("STOR {path}"), b"1");
        assert!(
            [550, 553].contains(&reply.code),
            "{path}: {reply}\n{control}"
        );
    }
    assert!(!wharf.path("share/new").exists());
}

#[test]
fn f3_rules_and_files_see_the_same_path() {
    let wharf = Wharf::start();
    wharf.write("locked/f", "locked");
    wharf.write("open/f", "open");
    let account = wharf.add_account("eve", &["--permissions", "full,/locked=list"]);
    let mut control = wharf.session_of(&account);
    for path in [
        "locked/f",
        "/locked/f",
        "//locked//f",
        "./locked/./f",
        "open/../locked/f",
        "/open/../../locked/f",
        "locked/../locked/f",
        "locked/f/.",
    ] {
        let transfer = control.fetch(format!("RETR {path}"));
        assert_eq!(transfer.reply.code, 550, "RETR {path}\n{control}");
        let reply = control.put(format!("STOR {path}"), b"x");
        assert!(
            [550, 553].contains(&reply.code),
            "STOR {path}: {reply}\n{control}"
        );
        control.expect(format!("DELE {path}"), 550);
        // Neither the source nor the target of a rename may lie there.
        let reply = control.command(format!("RNFR {path}"));
        let reply = if reply.code == 350 {
            control.command("RNTO open/stolen")
        } else {
            reply
        };
        assert!(reply.is_refused(), "RNFR {path}: {reply}\n{control}");
        control.expect("RNFR open/f", 350);
        let reply = control.command(format!("RNTO {path}"));
        assert!(reply.is_refused(), "RNTO {path}: {reply}\n{control}");
    }
    // A folder above a locked one does not carry it away.
    control.command("RNFR /locked");
    let reply = control.command("RNTO /open/moved");
    assert!(reply.is_refused(), "{reply}\n{control}");
    assert_eq!(wharf.read("locked/f"), b"locked");
    // A backslash is a byte like any other here.
    let mut control = wharf.session();
    control.store("STOR a\\..\\b", b"1");
    assert!(wharf.path("a\\..\\b").is_file());
}

#[test]
fn f3_links_do_not_go_round_the_rules() {
    let wharf = Wharf::start();
    wharf.write("locked/f", "locked");
    wharf.write("open/f", "open");
    let account = wharf.add_account("eve", &["--permissions", "full,/locked=list"]);
    let mut control = wharf.session_of(&account);
    // One that is there, and whatever the account may make itself.
    symlink("locked", wharf.path("alias")).expect("a link");
    control.command("SITE SYMLINK locked own");
    control.command("SITE SYMLINK ../locked/f open/own");
    for path in ["alias/f", "own/f", "open/own", "alias/../alias/f"] {
        let transfer = control.fetch(format!("RETR {path}"));
        assert!(
            !contains(&transfer.bytes, b"locked"),
            "RETR {path}\n{control}"
        );
        control.put(format!("APPE {path}"), b"poison");
        control.put(format!("STOR {path}"), b"poison");
        control.command(format!("SITE CHMOD 777 {path}"));
        control.command(format!("MFMT 20200101000000 {path}"));
        assert_eq!(
            wharf.read("locked/f"),
            b"locked",
            "written through {path}\n{control}"
        );
    }
    for path in ["alias", "own"] {
        control.put(format!("STOR {path}/new"), b"poison");
        control.command(format!("MKD {path}/made"));
        control.command(format!("RNFR {path}/f"));
        control.command("RNTO open/stolen");
        control.command(format!("DELE {path}/f"));
        control.expect("CWD /", 250);
        control.command(format!("CWD {path}"));
        let transfer = control.fetch("RETR f");
        assert!(
            !contains(&transfer.bytes, b"locked"),
            "from within {path}\n{control}"
        );
        control.expect("CWD /", 250);
    }
    assert_eq!(tree::names(&wharf.path("locked")), [b"f"], "{control}");
    assert_eq!(wharf.read("locked/f"), b"locked");
}

#[test]
fn f4_account_names_are_not_paths() {
    let wharf = Wharf::start();
    let long = "x".repeat(65);
    let names = [
        "../../x",
        "a/b",
        "..",
        ".",
        "",
        "a\nb",
        "a\u{7}b",
        "back\\slash",
        "anonymous",
        "ftp",
        "Anonymous",
        &long,
        "wharf",
    ];
    for name in names {
        let finished = wharf.user(["add", "--password-stdin", "--", name], "secret secret\n");
        assert!(!finished.status.success(), "{name:?} was taken: {finished}");
    }
    let listed = wharf.user(["list"], "");
    assert!(!listed.says("secret"), "{listed}");
    // Names that only look alike are two accounts.
    for name in ["A.b", "a.b", "a-b", "a b"] {
        let account = wharf.add_account::<&str>(name, &[]);
        wharf.session_of(&account).expect("PWD", 257);
    }
}
