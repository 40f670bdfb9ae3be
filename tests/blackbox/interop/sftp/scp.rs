//! The old protocol of scp: OpenSSH's `scp -O`, PuTTY's `pscp`, curl, and what no client says.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use wharf_tests::program::{Finished, contains};
use wharf_tests::ssh::{Kind, Ssh};
use wharf_tests::{Wharf, assert_bytes, pattern, tree};

use super::openssh::{OLD_SCP, Scp};
use super::suite;

const OLD: Scp = Scp { old: true };

fn start() -> (Wharf, Ssh) {
    let wharf = suite::start_for(OLD_SCP);
    let ssh = Ssh::of(&wharf);
    (wharf, ssh)
}

/// Copies from the server into the local folder; the words are as the server is to read them.
fn get(ssh: &Ssh, options: &[&str], words: &[&str], to: &Path) -> Finished {
    let there = words
        .iter()
        .map(|word| format!("{}:{word}", ssh.host()).into_bytes());
    let here = to.as_os_str().as_encoded_bytes().to_vec();
    OLD.run(ssh, options, &there.chain([here]).collect::<Vec<_>>())
}

/// What `ssh` gets for a command that is sent these bytes.
fn raw(ssh: &Ssh, command: &str, sent: &[u8]) -> Finished {
    ssh.program("ssh", "openssh-client")
        .args(ssh.options())
        .args(["-p", &ssh.port.to_string(), &ssh.host(), command])
        .input(sent)
        .run()
}

#[track_caller]
fn well(finished: Finished) {
    if let Err(problem) = finished.well() {
        panic!("{problem}");
    }
}

#[track_caller]
fn tells(finished: &Finished, text: &str) {
    assert!(
        !finished.status.success(),
        "it says that all is well: {finished}"
    );
    let told = contains(&finished.errors, text.as_bytes()) || finished.says(text);
    assert!(told, "no `{text}` in {finished}");
}

fn names(folder: &Path) -> Vec<String> {
    let names = tree::names(folder).into_iter();
    names
        .map(|name| String::from_utf8(name).expect("a plain name"))
        .collect()
}

#[test]
fn times_and_modes_of_a_tree_are_kept_both_ways() {
    let (wharf, ssh) = start();
    let local = wharf.scratch().local();
    let time = UNIX_EPOCH + Duration::from_secs(1_577_934_245);
    let dress = |path: &Path, mode| {
        let file = fs::File::open(path).expect("it is there");
        file.set_modified(time).expect("its time");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
    };
    let look = |path: &Path| {
        let metadata = fs::metadata(path).expect("it was copied");
        (metadata.mode() & 0o7777, metadata.mtime())
    };
    fs::create_dir_all(local.join("t/in ner")).expect("folders");
    fs::write(local.join("t/in ner/ä"), "x").expect("a file");
    dress(&local.join("t/in ner/ä"), 0o604);
    dress(&local.join("t/in ner"), 0o750);
    dress(&local.join("t"), 0o711);
    let here = local.join("t").into_os_string().into_encoded_bytes();
    let there = format!("{}:", ssh.host()).into_bytes();
    well(OLD.run(&ssh, &["-rp"], &[here, there]));
    well(get(&ssh, &["-rp"], &["t"], &local.join("back")));
    for root in [wharf.path("t"), local.join("back")] {
        for (name, mode) in [("", 0o711), ("in ner", 0o750), ("in ner/ä", 0o604)] {
            let path = root.join(name);
            assert_eq!(look(&path), (mode, 1_577_934_245), "{}", path.display());
        }
    }
}

#[test]
fn patterns_and_several_sources() {
    let (wharf, ssh) = start();
    for name in ["a.txt", "b.txt", ".c.txt", "d.bin", "f o/1", "f o/2", "[x]"] {
        wharf.write(name, name);
    }
    for (words, wanted) in [
        (&["*.txt"][..], &["a.txt", "b.txt"][..]),
        (&["?.bin", "f\\ o/[12]"], &["1", "2", "d.bin"]),
        (&["~/\\[x\\]", "/d.bin"], &["[x]", "d.bin"]),
        (&[".*.txt"], &[".c.txt"]),
    ] {
        let to = wharf
            .scratch()
            .local()
            .join(words.concat().replace('/', "-"));
        fs::create_dir(&to).expect("a folder");
        well(get(&ssh, &[], words, &to));
        assert_eq!(names(&to), wanted, "{words:?}");
    }
    let to = wharf.scratch().local();
    tells(&get(&ssh, &[], &["*.none"], &to), "No such file");
}

#[test]
fn what_fails_is_told_and_the_rest_goes_on() {
    let (wharf, ssh) = start();
    wharf.write("t/a", "a");
    wharf.write("t/sub/b", "b");
    symlink("sub", wharf.path("t/link")).expect("a link");
    symlink("a", wharf.path("t/file link")).expect("a link");
    symlink("nothing", wharf.path("t/broken")).expect("a link");
    let to = wharf.scratch().local();
    let finished = get(&ssh, &["-r"], &["missing", "t"], &to);
    tells(&finished, "/missing: No such file or directory [C-7]");
    tells(&finished, "/t/link: A link to a directory is not followed");
    tells(&finished, "/t/broken: No such file or directory [C-7]");
    assert_eq!(names(&to.join("t")), ["a", "file link", "sub"]);
    assert_eq!(fs::read(to.join("t/file link")).expect("copied"), b"a");
    tells(&get(&ssh, &[], &["t"], &to), "-r copies those");
}

#[test]
fn an_account_that_may_not_is_told_so() {
    let (wharf, ssh) = start();
    wharf.write("f", "old");
    let words = ["change", &ssh.name, "--scp", "no"];
    well(wharf.user(words, ""));
    let local = wharf.scratch().local();
    fs::write(local.join("f"), "new").expect("a file");
    let there = format!("{}:f", ssh.host()).into_bytes();
    let here = local.join("f").into_os_string().into_encoded_bytes();
    let refused = "not allowed for this account; use sftp";
    tells(&OLD.run(&ssh, &[], &[here, there]), refused);
    tells(&get(&ssh, &[], &["f"], &local.join("g")), refused);
    assert_eq!(wharf.read("f"), b"old");
    assert_eq!(names(&local), ["f"]);
}

#[test]
fn permissions_hold() {
    let (wharf, ssh) = start();
    wharf.write("f", "old");
    well(wharf.user(["change", &ssh.name, "--permissions", "read-only"], ""));
    tells(&raw(&ssh, "scp -t .", b"C0644 1 f\nx\0"), "[C-");
    tells(&raw(&ssh, "scp -r -t .", b"D0755 0 d\nE\n"), "");
    assert_eq!(names(wharf.root()), ["f"]);
    well(wharf.user(["change", &ssh.name, "--permissions", "upload-only"], ""));
    tells(&raw(&ssh, "scp -f f", b"\0\0\0"), "[C-3]");
    tells(
        &raw(&ssh, "scp -t .", b"C0644 1 f\nx\0"),
        "may not overwrite",
    );
    well(raw(&ssh, "scp -t .", b"C0644 1 g\nx\0"));
    assert_eq!(wharf.read("f"), b"old");
    assert_eq!(wharf.read("g"), b"x");
}

/// Security A21: nothing but scp is run, and scp is not run by a shell.
#[test]
fn a21_other_commands_are_refused() {
    let (wharf, ssh) = start();
    for command in [
        "id",
        "scp -t x; touch made",
        "scp -f `touch made`",
        "scp -t $(touch made)",
    ] {
        let finished = raw(&ssh, command, b"\0C0644 1 y\nx\0");
        assert!(!finished.status.success(), "{finished}");
    }
    assert_eq!(names(wharf.root()), [""; 0]);
}

/// Security C1, the other way round (CVE-2019-6111): no name leads out of the target.
#[test]
fn c1_names_that_lead_elsewhere_are_refused() {
    let (wharf, ssh) = start();
    wharf.write("d/kept", "x");
    for name in ["..", ".", "", "../x", "/x", "a/b", "a\0b", "a\rb"] {
        let sent = format!("C0644 0 {name}\nD0755 0 {name}\n");
        let finished = raw(&ssh, "scp -r -t d", sent.as_bytes());
        tells(&finished, "[C-6]");
        assert_eq!(
            finished.output.iter().filter(|byte| **byte == 0).count(),
            1,
            "{finished}"
        );
    }
    assert_eq!(names(wharf.root()), ["d"]);
    assert_eq!(names(&wharf.path("d")), ["kept"]);
}

#[test]
fn what_is_not_whole_is_not_published() {
    let (wharf, ssh) = start();
    for (name, sent) in [
        ("short", &b"C0644 5 short\nabc"[..]),
        ("unreadable", b"C0644 3 unreadable\nabc\x01read error\n"),
        ("longer", b"C0644 3 longer\nabcd\n"),
        ("huge", b"C0644 999999999999999999 huge\n"),
        ("size", b"C0644 99999999999999999999 size\n"),
    ] {
        wharf.write(name, "old");
        let finished = raw(&ssh, "scp -t .", sent);
        assert_eq!(finished.status.code(), Some(1), "{finished}");
        assert_eq!(wharf.read(name), b"old", "{name}");
    }
    wharf.wait_event("upload", |line| {
        line["path"] == "/short" && line["outcome"] == "failed"
    });
}

#[test]
fn a_cut_upload_leaves_the_old_file() {
    let (wharf, ssh) = start();
    wharf.write("f", "old");
    let local = wharf.scratch().local().join("f");
    fs::write(&local, pattern(1, 20 << 20)).expect("a file");
    let output = fs::File::create(wharf.scratch().local().join("said")).expect("a file");
    let running = ssh
        .program("scp", "openssh-client")
        .args(ssh.options())
        .args(["-O", "-l", "20000", "-P", &ssh.port.to_string()])
        .arg(&local)
        .arg(format!("{}:", ssh.host()))
        .start(&output);
    while tree::names(wharf.root()).len() < 2 {
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(running);
    wharf.wait_event("upload", |line| line["outcome"] == "failed");
    assert_eq!(wharf.read("f"), b"old");
}

#[test]
fn putty_pscp_both_ways() {
    let (wharf, ssh) = start();
    let local = wharf.scratch().local();
    let content = pattern(2, 300_000);
    fs::create_dir_all(local.join("t/a b")).expect("folders");
    fs::write(local.join("t/a b/ü"), &content).expect("a file");
    let pscp = |words: &[&str]| {
        let mut program = ssh
            .program("pscp", "putty-tools")
            .folder(&local)
            .args(["-scp", "-batch", "-q", "-r", "-p"])
            .args(["-P", &ssh.port.to_string(), "-pw", &ssh.password]);
        for kind in [Kind::Ed25519, Kind::Ecdsa] {
            program = program.args(["-hostkey", &ssh.fingerprint(kind)]);
        }
        program.args(words).run()
    };
    let there = |name: &str| format!("{}:{name}", ssh.host());
    well(pscp(&["t", &there("up")]));
    assert_bytes("up/a b/ü", &content, &wharf.read("up/a b/ü"));
    well(pscp(&[&there("'up/a b'"), "down"]));
    let down = fs::read(local.join("down/ü")).expect("it was copied");
    assert_bytes("down/ü", &content, &down);
    well(wharf.user(["change", &ssh.name, "--scp", "no"], ""));
    tells(
        &pscp(&["t", &there("again")]),
        "not allowed for this account",
    );
}

/// libssh2 never says that a file was whole; it ends the channel.
#[test]
fn curl_both_ways() {
    let (wharf, ssh) = start();
    let content = pattern(3, 500_000);
    let local = wharf.scratch().local();
    fs::write(local.join("up"), &content).expect("a file");
    let curl = |words: &[&str]| {
        let url = format!("scp://127.0.0.1:{}/it%27s%20there", ssh.port);
        let user = format!("{}:{}", ssh.name, ssh.password);
        ssh.program("curl", "curl")
            .args(["-sS", "-u", &user, "--insecure"])
            .args(words)
            .arg(url)
            .run()
    };
    let path = |name: &str| {
        local
            .join(name)
            .into_os_string()
            .into_string()
            .expect("plain")
    };
    well(curl(&["-T", &path("up")]));
    assert_bytes("up", &content, &wharf.read("it's there"));
    well(curl(&["-o", &path("down")]));
    assert_bytes(
        "down",
        &content,
        &fs::read(local.join("down")).expect("it was copied"),
    );
}
