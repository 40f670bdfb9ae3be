//! The other rows F: prefixes, names, odd files, recursion, and what a reply gives away.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use wharf_tests::program::contains;
use wharf_tests::{Control, Wharf, data, probe, tree};

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
    // A folder above a locked one does not carry it away, nor a link around the rule.
    control.command("RNFR /locked");
    let reply = control.command("RNTO /open/moved");
    assert!(reply.is_refused(), "{reply}\n{control}");
    symlink("locked", wharf.path("alias")).expect("a link");
    let transfer = control.fetch("RETR alias/f");
    assert!(
        !contains(&transfer.bytes, b"locked"),
        "a link goes round the rule\n{control}"
    );
    assert_eq!(wharf.read("locked/f"), b"locked");
    // A backslash is a byte like any other here.
    let mut control = wharf.session();
    control.store("STOR a\\..\\b", b"1");
    assert!(wharf.path("a\\..\\b").is_file());
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

#[test]
fn f10_proc_is_no_way_out() {
    let wharf = Wharf::start();
    let account = wharf.add_account("rooty", &["--home", "/"]);
    let mut control = wharf.session_of(&account);
    for path in [
        "proc/self/root/etc/passwd",
        "/proc/self/root/etc/passwd",
        "/proc/self/cwd/root",
        "/proc/thread-self/root/etc/passwd",
    ] {
        control.expect(format!("RNFR {path}"), 550);
        assert_eq!(
            control.fetch(format!("RETR {path}")).reply.code,
            550,
            "{path}\n{control}"
        );
        control.expect(format!("SIZE {path}"), 550);
    }
    // Magic links as the last component are links, never what they point to.
    for path in ["/proc/self/exe", "/proc/self/fd/0", "/proc/self/fd/1"] {
        assert_eq!(
            control.fetch(format!("RETR {path}")).reply.code,
            550,
            "{path}\n{control}"
        );
        control.expect(format!("SIZE {path}"), 550);
        control.expect(format!("CWD {path}"), 550);
    }
    control.expect("CWD /proc/self/root", 550);
    control.expect("CWD /proc/self/cwd", 550);
    let refused = Wharf::with().root("/proc").try_start();
    assert!(refused.is_err(), "/proc was served");
}

#[test]
fn f11_globs_take_linear_time() {
    let wharf = Wharf::start();
    for number in 0..50 {
        wharf.write(&format!("{}{number}", "a".repeat(200)), "");
    }
    let mut control = wharf.session();
    for pattern in [
        "NLST a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b".to_owned(),
        format!("NLST {}b", "*a".repeat(100)),
        "STAT {{*},{*},{*},{*}}".to_owned(),
        format!("NLST {}", "{".repeat(2000)),
        "NLST */../*/../*/../*/../*/../*".to_owned(),
        format!("NLST {}", "[".repeat(2000)),
    ] {
        let since = Instant::now();
        if pattern.starts_with("STAT") {
            control.command(&pattern);
        } else {
            control.fetch(&pattern);
        }
        // Far below what an exponential matcher needs, far above what a busy machine adds.
        assert!(
            since.elapsed() < Duration::from_secs(5),
            "{pattern}: {:?}",
            since.elapsed()
        );
    }
}

#[test]
fn f12_recursion_has_bounds() {
    let wharf = Wharf::with_settings("[limits]\nrecursion_entries = 500\nrecursion_depth = 5\n");
    deep_tree(&wharf);
    symlink("..", wharf.path("d/loop")).expect("a loop");
    for number in 0..2000 {
        wharf.write(&format!("many/{number}"), "");
    }
    let mut control = wharf.session();
    for command in [
        "LIST -R",
        "LIST -R d",
        "LIST -R many",
        "LIST -aR /",
        "NLST -R",
    ] {
        let transfer = control.fetch(command);
        assert_eq!(transfer.reply.code, 226, "{command}\n{control}");
        assert!(
            transfer.reply.says("truncated"),
            "{command}: {}",
            transfer.reply
        );
        let lines = data::split_lines(&transfer.bytes).len();
        assert!(lines < 700, "{command}: {lines} lines");
        assert!(
            !contains(&transfer.bytes, b"d/d/d/d/d/d/d/d"),
            "{command} goes too deep"
        );
    }
    // What fits is not called truncated.
    wharf.write("small/inner/f", "");
    let transfer = control.fetch("LIST -R small");
    assert!(!transfer.reply.says("truncated"), "{}", transfer.reply);
}

// 5 000 levels are longer than any path may be: made level by level.
fn deep_tree(wharf: &Wharf) {
    use rustix::fs::{Mode, OFlags, mkdirat, open, openat};
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut folder = open(wharf.root(), flags, Mode::empty()).expect("the root");
    for _ in 0..5000 {
        mkdirat(&folder, "d", Mode::RWXU).expect("a level");
        folder = openat(&folder, "d", flags, Mode::empty()).expect("the level");
    }
}

#[test]
fn f13_no_child_process_ever() {
    let trace = tempfile::NamedTempFile::new().expect("a file for the trace");
    let path = trace.path().to_str().expect("UTF-8").to_owned();
    assert!(
        Command::new("strace").arg("-V").output().is_ok(),
        "`strace` is missing: install the Debian package `strace` (apt-get install -y strace)"
    );
    // -D: strace is the grandchild and wharf keeps its place, so that it can be stopped.
    let words = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "-o",
        &path,
        "-e",
        "trace=execve,execveat",
    ];
    let wharf = Wharf::with().before(words).start();
    wharf.write("folder/f", "1");
    let mut control = wharf.session();
    for command in [
        "LIST -la",
        "LIST *",
        "NLST f*",
        "LIST -R",
        "MLSD",
        "LIST $(id)",
        "LIST `id`",
    ] {
        control.fetch(command);
    }
    for line in [
        "STAT -la /",
        "STAT *",
        "SITE EXEC id",
        "SITE HELP",
        "HELP",
        "SYST",
        "SITE CHMOD 777 folder",
        "MKD ;id",
        "DELE |id",
        "RETR |id",
        "SITE UTIME 20200101000000 folder",
        "LANG en",
        "REIN",
    ] {
        control.command(line);
    }
    assert_eq!(probe::children(wharf.pid()), Vec::<String>::new());
    drop(wharf);
    let text = probe_trace(&path);
    let programs: Vec<_> = text.lines().filter(|line| line.contains("exec")).collect();
    assert_eq!(programs.len(), 1, "only the start itself: {programs:#?}");
}

// strace writes its last lines after the process it watches is gone.
fn probe_trace(path: &str) -> String {
    let mut text = String::new();
    let ended = probe::eventually(wharf_tests::PATIENCE, || {
        text = fs::read_to_string(path).unwrap_or_default();
        text.contains("+++ killed by SIGKILL +++")
    });
    assert!(ended, "the trace is not whole:\n{text}");
    text
}

#[test]
fn f14_site_exec_does_not_exist() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    for line in [
        "SITE EXEC id",
        "SITE exec touch made",
        "SITE %p%n",
        "SITE SHELL id",
        "EXEC id",
    ] {
        control.expect_any(line, &[500, 504]);
    }
    assert!(tree::names(wharf.root()).is_empty());
}

#[test]
fn f19_what_is_no_file_is_refused_at_once() {
    let wharf = Wharf::start();
    let made = Command::new("mkfifo")
        .arg(wharf.path("fifo"))
        .status()
        .expect("mkfifo");
    assert!(made.success());
    let socket = std::os::unix::net::UnixListener::bind(wharf.path("socket")).expect("a socket");
    let mut control = wharf.session();
    for name in ["fifo", "socket"] {
        let since = Instant::now();
        assert_eq!(
            control.fetch(format!("RETR {name}")).reply.code,
            550,
            "{control}"
        );
        for verb in ["STOR", "APPE"] {
            let reply = control.put(format!("{verb} {name}"), b"x");
            assert!(
                [550, 553].contains(&reply.code),
                "{verb} {name}: {reply}\n{control}"
            );
        }
        control.expect(format!("SIZE {name}"), 550);
        control.fetch(format!("LIST {name}"));
        control.command(format!("MLST {name}"));
        assert!(
            since.elapsed() < Duration::from_secs(2),
            "{:?}",
            since.elapsed()
        );
        control.expect("NOOP", 200);
    }
    drop(socket);
}

#[test]
fn f21_replies_tell_nothing_of_the_host() {
    let wharf = Wharf::start();
    wharf.write("folder/f", "1");
    symlink("/etc/passwd", wharf.path("there")).expect("a link");
    symlink("/etc/no-such-file", wharf.path("not there")).expect("a link");
    let base = wharf.scratch().base().to_str().expect("UTF-8").to_owned();
    let mut control = wharf.session();
    for verb in VERBS_WITH_PATHS {
        for path in [
            "missing",
            "folder",
            "folder/f/g",
            "there",
            "../..",
            "x/y/z",
            "/",
        ] {
            if verb.starts_with("RM") && path == "folder" {
                continue;
            }
            talk(&mut control, verb, path);
        }
        // What exists outside and what does not look the same.
        let there = talk(&mut control, verb, "there");
        let not_there = talk(&mut control, verb, "not there");
        assert_eq!(
            there.replace("there", "X"),
            not_there.replace("not there", "X"),
            "{verb} tells whether a file outside exists"
        );
    }
    control.command("HELP");
    control.command("STAT");
    control.command("FEAT");
    for line in control.transcript() {
        assert!(!line.contains(&base), "the host's path in: {line}");
        assert!(!line.contains("os error"), "the system's words in: {line}");
    }
}

fn talk(control: &mut Control, verb: &str, path: &str) -> String {
    let command = format!("{verb} {path}");
    let reply = match *verb.as_bytes() {
        [b'R', b'E', b'T', b'R', ..] => control.fetch(command).reply,
        [b'S', b'T', b'O', b'R', ..] | [b'A', b'P', b'P', b'E', ..] => control.put(command, b""),
        _ => control.command(command),
    };
    reply.to_string()
}

const VERBS_WITH_PATHS: &[&str] = &[
    "RETR",
    "APPE",
    "SIZE",
    "MDTM",
    "CWD",
    "MKD",
    "RMD",
    "RNTO",
    "MFMT 20200101000000",
    "SITE CHMOD 644",
];

#[test]
fn f24_control_bytes_in_names_are_refused_and_listed_safely() {
    let wharf = Wharf::start();
    wharf.write("f", "1");
    let mut control = wharf.session();
    for verb in [
        "MKD",
        "RNTO",
        "SITE SYMLINK f",
        "DELE",
        "RETR",
        "CWD",
        "SIZE",
        "STOR",
    ] {
        for name in [b"a\0b".as_slice(), b"a\rb", b"\0", b"a\r\0b"] {
            if verb == "RNTO" {
                control.expect("RNFR f", 350);
            }
            let reply = control.command([verb.as_bytes(), b" ", name].concat());
            assert!(
                reply.code == 553 || reply.code == 501,
                "{verb}: {reply}\n{control}"
            );
        }
    }
    assert_eq!(control.command(b"MKD a\0b").code, 553, "{control}");
    assert_eq!(tree::names(wharf.root()), [b"f"]);
    // A line feed ends the line: what follows is a command of its own, never part of a name.
    control.send_raw(b"MKD a\r\nPWD\r\n");
    control.await_code(257);
    control.await_code(257);

    let evil: [&[u8]; 5] = [
        b"new\nline",
        b"re\rturn",
        b"esc\x1b[31m",
        b"bell\x07",
        b"tab\there",
    ];
    for name in evil {
        tree::write(wharf.root(), name, b"");
    }
    for command in ["LIST", "NLST", "MLSD", "LIST -a", "LIST -R"] {
        let bytes = control.retrieve(command);
        for line in data::split_lines(&bytes) {
            assert!(
                !line.contains(&b'\n') && !line.contains(&b'\r'),
                "{command}"
            );
            assert!(!line.contains(&0x1b) || command != "LIST", "{command}");
        }
        assert!(
            !contains(&bytes, b"\nline"),
            "{command} has a name of two lines"
        );
    }
    let lines = control.listing("LIST");
    assert!(
        lines.iter().any(|line| contains(line, b"esc?[31m")),
        "escaped, not left out"
    );
    control.expect_any("STAT /", &[211, 212, 213]);
    control.expect("NOOP", 200);
}
