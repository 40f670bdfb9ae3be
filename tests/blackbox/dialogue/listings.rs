//! LIST, NLST, MLSD, MLST and STAT with a path.

use std::fs;
use std::time::{Duration, SystemTime};

use wharf_tests::{Control, Wharf, session_dialogue, show};

#[test]
fn the_long_form_is_that_of_unix() {
    let wharf = folder();
    let mut control = wharf.session();
    for command in ["LIST", "LIST -l", "LIST -la", "LIST /", "LIST -a /"] {
        let lines = texts(control.listing(command));
        let old = find_name(&lines, "old.txt");
        let fields: Vec<_> = old.split_whitespace().collect();
        assert_eq!(fields.len(), 9, "{old}");
        assert_eq!(fields[0], "-rw-r--r--", "{old}");
        assert_eq!(fields[4], "1234", "the size: {old}");
        assert_eq!(
            &fields[5..],
            ["Feb", "1", "2003", "old.txt"],
            "UTC, year form: {old}"
        );
        assert!(
            find(&lines, "folder").starts_with("drwxr-xr-x "),
            "{lines:?}"
        );
        assert!(
            find(&lines, "link -> old.txt").starts_with('l'),
            "{lines:?}"
        );
        let fresh = find_name(&lines, "with space.txt");
        assert!(
            fresh.contains(':'),
            "hours and minutes for what is new: {fresh}"
        );
    }
}

#[test]
fn the_dots_are_never_entries_of_mlsd_or_nlst_but_as_their_kind() {
    let wharf = folder();
    let mut control = wharf.session();
    let names = texts(control.listing("NLST"));
    assert!(
        !names.iter().any(|name| name == "." || name == ".."),
        "{names:?}"
    );
    for line in texts(control.listing("MLSD")) {
        if line.ends_with(" .") {
            assert!(line.contains("type=cdir;"), "{line}");
        }
        if line.ends_with(" ..") {
            assert!(line.contains("type=pdir;"), "{line}");
        }
    }
}

#[test]
fn options_are_taken() {
    let wharf = folder();
    wharf.write(".hidden", "h");
    let mut control = wharf.session();
    let all = texts(control.listing("LIST -a"));
    find(&all, ".hidden");
    let all = texts(control.listing("NLST -a"));
    assert!(all.contains(&".hidden".to_owned()), "{all:?}");
    // -t: newest first; -r turns it round.
    let by_time = texts(control.listing("NLST -t *.txt"));
    let reversed = texts(control.listing("NLST -tr *.txt"));
    assert_eq!(
        by_time.last().map(String::as_str),
        Some("old.txt"),
        "{by_time:?}"
    );
    let mut turned = reversed;
    turned.reverse();
    assert_eq!(by_time, turned);
    // -1 is one name a line; unknown ones are ignored.
    for command in ["NLST -1", "NLST -CF", "LIST -laF", "LIST -l -a"] {
        let lines = control.listing(command);
        assert!(lines.len() >= 4, "{command}: {lines:?}");
    }
}

#[test]
fn a_recursive_listing_names_its_folders() {
    let wharf = folder();
    wharf.write("folder/inner/deep.txt", "1");
    let text = texts(wharf.session().listing("LIST -R")).join("\n");
    for piece in ["folder:", "folder/inner:", "deep.txt", "inner.txt"] {
        assert!(text.contains(piece), "{piece} is missing:\n{text}");
    }
}

#[test]
fn one_file_and_globs_are_listed() {
    let wharf = folder();
    wharf.write("[x].txt", "1");
    let mut control = wharf.session();
    let lines = texts(control.listing("LIST old.txt"));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].ends_with(" old.txt"), "{lines:?}");
    assert_eq!(sorted(control.listing("NLST old.txt")), ["old.txt"]);
    assert_eq!(
        sorted(control.listing("NLST *.txt")),
        ["[x].txt", "old.txt", "with space.txt"]
    );
    assert_eq!(sorted(control.listing("NLST o?d.*")), ["old.txt"]);
    assert_eq!(sorted(control.listing("NLST [n-p]ld.txt")), ["old.txt"]);
    assert_eq!(sorted(control.listing("NLST with*")), ["with space.txt"]);
    assert_eq!(
        sorted(control.listing("NLST folder/in*.txt")),
        ["folder/inner.txt"]
    );
    // A name that exists is that name, whatever is in it.
    assert_eq!(sorted(control.listing("NLST [x].txt")), ["[x].txt"]);
    let lines = texts(control.listing("LIST *.txt"));
    assert_eq!(lines.len(), 3, "{lines:?}");
    // Tilde and braces are bytes.
    let missing = control.fetch("LIST ~root");
    assert_eq!(missing.reply.code, 550, "{control}");
}

#[test]
fn an_empty_folder_is_an_empty_list() {
    let wharf = Wharf::start();
    fs::create_dir(wharf.path("empty")).expect("a folder");
    let mut control = wharf.session();
    assert_eq!(control.retrieve("NLST empty"), b"");
    assert_eq!(texts(control.listing("LIST empty")), no_names());
    let lines = texts(control.listing("MLSD empty"));
    assert!(
        lines
            .iter()
            .all(|line| line.contains("type=cdir") || line.contains("type=pdir"))
    );
    control.expect("CWD empty", 250);
    assert_eq!(control.retrieve("NLST"), b"");
    assert_eq!(control.retrieve("NLST -a"), b"");
}

#[test]
fn what_is_missing_is_550() {
    let wharf = folder();
    let mut control = wharf.session();
    for command in [
        "LIST missing",
        "NLST missing",
        "MLSD missing",
        "LIST missing/*",
        "LIST folder/x",
    ] {
        let transfer = control.fetch(command);
        assert_eq!(transfer.reply.code, 550, "{command}\n{control}");
        assert!(transfer.reply.has_cause(), "{}", transfer.reply);
    }
    control.expect("MLST missing", 550);
    // RFC 3659 section 7.2.1: MLSD is for folders.
    let transfer = control.fetch("MLSD old.txt");
    assert!([501, 550].contains(&transfer.reply.code), "{control}");
}

#[test]
fn a_folder_one_may_not_list_is_550() {
    let wharf = folder();
    let account = wharf.add_account("mole", &["--permissions", "full,/folder=create"]);
    let mut control = wharf.session_of(&account);
    for command in ["LIST folder", "NLST folder", "MLSD folder", "LIST folder/*"] {
        let transfer = control.fetch(command);
        assert_eq!(transfer.reply.code, 550, "{command}\n{control}");
        assert!(transfer.bytes.is_empty());
    }
    let reply = control.command("STAT folder");
    assert!(!reply.says("inner.txt"), "{reply}");
    assert!(!control.listing("LIST").is_empty());
}

#[test]
fn mlst_tells_the_facts_of_one_file() {
    let wharf = folder();
    let mut control = wharf.session();
    let reply = control.expect("MLST old.txt", 250);
    let [line] = reply.inner() else {
        panic!("one line: {reply}")
    };
    let text = show(line);
    assert!(
        text.starts_with(' ') && !text.starts_with("  "),
        "RFC 3659 section 7.2: {reply}"
    );
    let (facts, name) = text[1..].split_once(' ').expect("facts and a name");
    assert_eq!(name, "/old.txt", "the whole path: {reply}");
    for fact in ["type=file;", "size=1234;", "UNIX.mode=0644;"] {
        assert!(facts.contains(fact), "{fact} is missing: {facts}");
    }
    assert!(facts.contains("modify=20030201000000"), "{facts}");
    for fact in ["perm=", "unique=", "UNIX.owner=", "UNIX.group="] {
        assert!(facts.contains(fact), "{fact} is missing: {facts}");
    }
    assert!(!facts.contains("media-type"), "off by default: {facts}");
    let perm = fact(facts, "perm");
    for letter in ["r", "w", "a", "d", "f"] {
        assert!(
            perm.contains(letter),
            "a full account may {letter}: {facts}"
        );
    }
    let reply = control.expect("MLST folder", 250);
    assert!(reply.says("type=dir;"), "{reply}");
    let reply = control.expect("MLST", 250);
    assert!(reply.says("type=") && reply.says("dir;"), "{reply}");
}

#[test]
fn mlsd_tells_the_facts_of_all() {
    let wharf = folder();
    let mut control = wharf.session();
    let lines = texts(control.listing("MLSD"));
    let old = find(&lines, " old.txt");
    assert!(
        old.contains("type=file;") && old.contains("size=1234;"),
        "{old}"
    );
    assert!(old.contains("modify=20030201000000"), "{old}");
    let inner = find(&lines, " folder");
    assert!(inner.contains("type=dir;"), "{inner}");
    assert!(
        find(&lines, "type=cdir").contains("perm="),
        "the folder itself: {lines:?}"
    );
    // What one may do is in `perm`, for this account and this place.
    let reader = wharf.add_account("reader", &["--permissions", "read-only"]);
    let mut control = wharf.session_of(&reader);
    let lines = texts(control.listing("MLSD"));
    let perm = fact(&find(&lines, " old.txt"), "perm");
    assert!(
        perm.contains('r') && !perm.contains('w') && !perm.contains('d'),
        "{perm}"
    );
    // A unique fact is one file's own, and the same by every way to it.
    let unique = fact(&find(&lines, " old.txt"), "unique");
    let reply = control.expect("MLST folder/../old.txt", 250);
    assert!(reply.says(&format!("unique={unique};")), "{reply}");
    let others = lines
        .iter()
        .filter(|line| line.contains(&format!("unique={unique};")));
    assert!(others.count() <= 2, "the link may share it: {lines:?}");
}

#[test]
fn mlsd_has_fractions_of_seconds() {
    let wharf = Wharf::start();
    wharf.write("f", "1");
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_600_000_000_250);
    set_time(&wharf, "f", time);
    let lines = texts(wharf.session().listing("MLSD"));
    assert!(
        find(&lines, " f").contains("modify=20200913122640.25"),
        "{lines:?}"
    );
}

#[test]
fn stat_lists_over_the_control_connection() {
    let wharf = folder();
    let mut control = wharf.session();
    let reply = control.expect_any("STAT folder", &[211, 212, 213]);
    assert!(reply.says("inner.txt"), "{reply}");
    let reply = control.expect_any("STAT old.txt", &[211, 212, 213]);
    assert!(reply.says("old.txt") && reply.says("1234"), "{reply}");
    let reply = control.expect_any("STAT -l *.txt", &[211, 212, 213]);
    assert!(reply.says("with space.txt"), "{reply}");
    control.expect_any("STAT missing", &[450, 550]);
    // A name that looks like the end of a reply is not one.
    wharf.write("226 done", "1");
    wharf.write("213 End", "1");
    let reply = control.expect_any("STAT /", &[211, 212, 213]);
    assert!(reply.says("226 done"), "{reply}");
    control.expect("NOOP", 200);
}

#[test]
fn a_session_lists_many_times() {
    let wharf = folder();
    session_dialogue(
        &wharf,
        "D: passive
         C: LIST
         S: 150 ...
         D< ...old.txt...
         S: 226 ...
         D: active
         C: NLST
         S: 150 ...
         D< ...old.txt...
         S: 226 ...
         D: passive-old
         C: MLSD folder
         S: 150 ...
         D< ... inner.txt\\r\\n
         S: 226 ...",
    );
}

#[test]
fn list_with_all_four_letters_is_a_listing_to_every_client() {
    // What lftp, wget, ncftp and old browsers say.
    let wharf = folder();
    let mut control: Control = wharf.session();
    for command in [
        "LIST -aL",
        "LIST -a",
        "LIST -al folder",
        "LIST -lAR",
        "NLST -1a",
        "LIST -T",
    ] {
        assert_eq!(
            control.fetch(command).reply.code,
            226,
            "{command}\n{control}"
        );
    }
}

fn folder() -> Wharf {
    let wharf = Wharf::start();
    wharf.write("old.txt", "x".repeat(1234));
    wharf.write("with space.txt", "new");
    wharf.write("folder/inner.txt", "inner");
    std::os::unix::fs::symlink("old.txt", wharf.path("link")).expect("a link");
    // 2003-02-01 00:00:00 UTC.
    set_time(
        &wharf,
        "old.txt",
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_044_057_600),
    );
    set_mode(&wharf, "old.txt", 0o644);
    set_mode(&wharf, "folder", 0o755);
    wharf
}

fn set_time(wharf: &Wharf, name: &str, time: SystemTime) {
    let file = fs::File::options()
        .append(true)
        .open(wharf.path(name))
        .expect("the file");
    file.set_modified(time).expect("a time");
}

fn set_mode(wharf: &Wharf, name: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(wharf.path(name), PermissionsExt::from_mode(mode)).expect("a mode");
}

fn texts(lines: Vec<Vec<u8>>) -> Vec<String> {
    lines.iter().map(|line| show(line)).collect()
}

fn sorted(lines: Vec<Vec<u8>>) -> Vec<String> {
    let mut names = texts(lines);
    names.sort();
    names
}

fn no_names() -> Vec<String> {
    Vec::new()
}

#[track_caller]
fn find(lines: &[String], piece: &str) -> String {
    lines
        .iter()
        .find(|line| line.contains(piece))
        .unwrap_or_else(|| panic!("no {piece} in {lines:#?}"))
        .clone()
}

#[track_caller]
fn find_name(lines: &[String], name: &str) -> String {
    lines
        .iter()
        .find(|line| line.ends_with(&format!(" {name}")) && !line.contains(" -> "))
        .unwrap_or_else(|| panic!("no {name} in {lines:#?}"))
        .clone()
}

#[track_caller]
fn fact(facts: &str, name: &str) -> String {
    facts
        .split(';')
        .find_map(|fact| fact.trim().strip_prefix(&format!("{name}=")))
        .unwrap_or_else(|| panic!("no {name} in {facts}"))
        .to_owned()
}
