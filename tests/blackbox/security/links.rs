//! Rows F5 to F9: symbolic links at rest, on creation, in races, and in cleaning up.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wharf_tests::program::contains;
use wharf_tests::{Wharf, data, pattern, probe, tree};

#[test]
fn f5_links_that_lead_outside_lead_nowhere() {
    let wharf = Wharf::start();
    let beside = wharf.scratch().beside();
    fs::write(beside.join("canary"), CANARY).expect("the canary");
    wharf.write("inside/f", "inside");
    symlink("inside/f", wharf.path("good")).expect("a link that stays inside");
    symlink("../beside", wharf.path("rel_escape")).expect("a link");
    symlink(&beside, wharf.path("abs")).expect("a link");
    symlink(wharf.root(), wharf.path("abs_back")).expect("a link");
    symlink("/proc/self/root", wharf.path("proc")).expect("a link");
    symlink("../beside/canary", wharf.path("file_escape")).expect("a link");
    symlink("rel_escape/canary", wharf.path("twice")).expect("a link");

    let mut control = wharf.session();
    assert_eq!(
        control.retrieve("RETR good"),
        b"inside",
        "links inside the root work"
    );
    let paths = [
        "rel_escape/canary",
        "abs/canary",
        "abs_back/inside/f",
        "proc/etc/passwd",
        "file_escape",
        "twice",
        "rel_escape",
        "abs",
        "abs_back",
        "proc",
    ];
    for path in paths {
        for verb in ["RETR", "NLST", "LIST", "MLSD"] {
            let transfer = control.fetch(format!("{verb} {path}/"));
            assert!(!contains(&transfer.bytes, CANARY), "{verb} {path}");
            assert!(!contains(&transfer.bytes, b"canary\r\n"), "{verb} {path}");
            let transfer = control.fetch(format!("{verb} {path}"));
            assert!(!contains(&transfer.bytes, CANARY), "{verb} {path}");
            if verb == "RETR" {
                assert_eq!(transfer.reply.code, 550, "{verb} {path}\n{control}");
            }
        }
        control.expect(format!("CWD {path}"), 550);
        control.expect(format!("SIZE {path}"), 550);
    }
    for path in [
        "rel_escape/new",
        "abs/new",
        "proc/tmp/new",
        "rel_escape/canary",
        "abs/canary",
    ] {
        for verb in ["STOR", "APPE"] {
            let reply = control.put(format!("{verb} {path}"), b"poison");
            assert!(
                [550, 553].contains(&reply.code),
                "{verb} {path}: {reply}\n{control}"
            );
        }
        for line in [
            format!("MKD {path}"),
            format!("DELE {path}"),
            format!("RMD {path}"),
            format!("RNFR {path}"),
            format!("SITE CHMOD 777 {path}"),
            format!("MFMT 20200101000000 {path}"),
            format!("SITE SYMLINK inside {path}"),
        ] {
            let reply = control.command(&line);
            assert!(reply.is_refused(), "{line}: {reply}\n{control}");
        }
    }
    assert_eq!(tree::names(&beside), [b"canary"]);
    assert_eq!(fs::read(beside.join("canary")).expect("the canary"), CANARY);
}

#[test]
fn f5_anonymous_follows_no_link_at_all() {
    let wharf = Wharf::with().argument("--anonymous").start();
    wharf.write("inside/f", "inside");
    symlink("inside/f", wharf.path("good")).expect("a link that stays inside");
    symlink("inside", wharf.path("folder")).expect("a link that stays inside");
    let mut control = wharf.connect();
    if control.expect_any("USER anonymous", &[331, 230]).code == 331 {
        control.expect("PASS x@example.org", 230);
    }
    control.expect("TYPE I", 200);
    assert_eq!(control.retrieve("RETR inside/f"), b"inside");
    assert_eq!(control.fetch("RETR good").reply.code, 550, "{control}");
    assert_eq!(control.fetch("RETR folder/f").reply.code, 550, "{control}");
    control.expect("CWD folder", 550);
}

#[test]
fn f6_a_dangling_link_makes_nothing_outside() {
    let wharf = Wharf::start();
    let beside = wharf.scratch().beside();
    for name in ["for_stor", "for_appe", "for_mkd", "for_rest", "for_link"] {
        symlink(format!("../beside/{name}"), wharf.path(name)).expect("a dangling link");
        symlink(beside.join(name), wharf.path(&format!("abs_{name}"))).expect("a dangling link");
    }
    let mut control = wharf.session();
    for prefix in ["", "abs_"] {
        let reply = control.put(format!("STOR {prefix}for_stor"), b"poison");
        assert!(reply.is_refused(), "{reply}\n{control}");
        let reply = control.put(format!("APPE {prefix}for_appe"), b"poison");
        assert!(reply.is_refused(), "{reply}\n{control}");
        control.expect("REST 3", 350);
        let reply = control.put(format!("STOR {prefix}for_rest"), b"poison");
        assert!(reply.is_refused(), "{reply}\n{control}");
        let reply = control.command(format!("MKD {prefix}for_mkd"));
        assert!(reply.is_refused(), "{reply}\n{control}");
        let reply = control.command(format!("SITE SYMLINK x {prefix}for_link"));
        assert!(reply.is_refused(), "{reply}\n{control}");
    }
    assert!(
        tree::names(&beside).is_empty(),
        "made outside: {:?}",
        tree::names(&beside)
    );
}

#[test]
fn f7_no_race_with_links_is_won() {
    let wharf = Wharf::start();
    let beside = wharf.scratch().beside();
    for name in ["f", "g", "h"] {
        fs::write(beside.join(name), CANARY).expect("the canary");
    }
    fs::create_dir(beside.join("empty")).expect("a folder outside");
    wharf.write("real/f", "harmless");
    symlink("real", wharf.path("swapped")).expect("a link");
    let before = tree::read_tree(&beside);
    let stop = Arc::new(AtomicBool::new(false));
    let swaps = Arc::new(AtomicU64::new(0));
    let racer = {
        let (stop, swaps) = (Arc::clone(&stop), Arc::clone(&swaps));
        let root = wharf.root().to_owned();
        std::thread::spawn(move || race(&root, &stop, &swaps))
    };
    let started = Instant::now();
    let mut control = wharf.session();
    let mut rounds = 0;
    while started.elapsed() < Duration::from_secs(3) || rounds < 20 {
        rounds += 1;
        let transfer = control.fetch("RETR swapped/f");
        assert!(
            !contains(&transfer.bytes, CANARY),
            "RETR won the race in round {rounds}"
        );
        let transfer = control.fetch("NLST swapped");
        assert!(
            !contains(&transfer.bytes, b"empty"),
            "NLST won the race in round {rounds}"
        );
        control.put("STOR swapped/f", b"poison");
        control.put("APPE swapped/g", b"poison");
        for line in [
            "DELE swapped/h",
            "RMD swapped/empty",
            "MKD swapped/made",
            "SITE CHMOD 777 swapped/h",
            "MFMT 20200101000000 swapped/h",
            "RNFR swapped/h",
            "RNTO swapped/h2",
            "SITE SYMLINK f swapped/l",
        ] {
            control.command(line);
        }
    }
    stop.store(true, Ordering::Relaxed);
    racer.join().expect("the racer");
    assert!(
        swaps.load(Ordering::Relaxed) > 1000,
        "{swaps:?} swaps are no race"
    );
    assert_eq!(
        before,
        tree::read_tree(&beside),
        "a race was won within {rounds} rounds"
    );
    assert!(beside.join("empty").is_dir() && !beside.join("made").exists());
    let modified = fs::metadata(beside.join("h"))
        .expect("the canary")
        .modified()
        .expect("a time");
    assert!(
        modified
            .elapsed()
            .is_ok_and(|age| age < Duration::from_secs(3600)),
        "MFMT won"
    );
}

// Exchanges a link that stays inside, one that does not, and a folder, as fast as it can.
fn race(root: &Path, stop: &AtomicBool, swaps: &AtomicU64) {
    let swapped = root.join("swapped");
    for name in ["inner", "outer"] {
        let target = if name == "inner" { "real" } else { "../beside" };
        symlink(target, root.join(name)).expect("a link");
    }
    while !stop.load(Ordering::Relaxed) {
        for name in ["inner", "outer"] {
            let other = root.join(name);
            let flags = rustix::fs::RenameFlags::EXCHANGE;
            let at = rustix::fs::CWD;
            let _ = rustix::fs::renameat_with(at, &other, at, &swapped, flags);
            swaps.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn f8_cleaning_up_follows_no_link() {
    let wharf = Wharf::start();
    let beside = wharf.scratch().beside();
    wharf.write("in/f", "old");
    let mut control = wharf.session();
    let mut upload = control.begin("STOR in/f");
    upload.write_all(&pattern(1, 300_000)).expect("a piece");
    assert!(
        probe::eventually(wharf_tests::PATIENCE, || tree::names(&wharf.path("in"))
            .len()
            > 1),
        "300 kB are staged beside the target"
    );
    // The folder becomes a link to one where the same names wait to be removed.
    for name in tree::names(&wharf.path("in")) {
        tree::write(&beside, &name, b"not yours");
    }
    let before = tree::read_tree(&beside);
    fs::rename(wharf.path("in"), wharf.path("in.real")).expect("moving the folder");
    symlink("../beside", wharf.path("in")).expect("the link");
    data::reset(upload);
    control.await_code(426);
    control.command("DELE in/f");
    drop(control);
    drop(wharf.session());
    assert_eq!(
        before,
        tree::read_tree(&beside),
        "cleaning up went through the link"
    );
    assert_eq!(wharf.read("in.real/f"), b"old");
}

#[test]
fn f9_the_root_is_held_not_looked_up() {
    let wharf = Wharf::start();
    let beside = wharf.scratch().beside();
    fs::write(beside.join("f"), CANARY).expect("the canary");
    wharf.write("f", "the first root");
    let mut before = wharf.session();
    let moved = wharf.scratch().base().join("moved");
    fs::rename(wharf.root(), &moved).expect("moving the root");
    symlink(&beside, wharf.root()).expect("a link in its place");
    assert_eq!(before.retrieve("RETR f"), b"the first root");
    before.store("STOR g", b"new");
    assert_eq!(
        fs::read(moved.join("g")).expect("in the moved folder"),
        b"new"
    );
    assert!(!beside.join("g").exists());
}

const CANARY: &[u8] = b"YELLOW BIRD";
