//! Rows F10 to F14: /proc, globs, recursion and child processes.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use wharf_tests::program::contains;
use wharf_tests::{Wharf, data, probe, tree};

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
