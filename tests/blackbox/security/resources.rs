//! Rows R: what a client may use up.

use std::fs::File;
use std::io::Read;
use std::time::{Duration, Instant};

use wharf_tests::disk::SmallDisk;
use wharf_tests::{Wharf, assert_bytes, data, pattern, probe, tree};

#[test]
fn r4_a_reader_that_stops_reading_is_let_go_and_may_stay() {
    let wharf = Wharf::with_settings("[timeouts]\nstall = \"1 s\"\n");
    large(&wharf, "large", 256 << 20);
    let mut control = wharf.session();
    let port = control.epsv_port();
    let download = data::open((control.peer().ip(), port).into());
    data::read_little(&download);
    control.expect_any("RETR large", &[125, 150]);
    let since = Instant::now();
    let reply = control.await_code(426);
    assert!(reply.has_cause(), "{reply}");
    assert!(
        since.elapsed() < Duration::from_secs(15),
        "after {:?}",
        since.elapsed()
    );
    control.expect("NOOP", 200);
    control.expect("PWD", 257);
    drop(download);
}

#[test]
fn r4_an_upload_that_stops_sending_is_let_go_and_the_old_file_stays() {
    let wharf = Wharf::with_settings("[timeouts]\nstall = \"1 s\"\n");
    wharf.write("f", "old");
    let mut control = wharf.session();
    let mut upload = control.begin("STOR f");
    std::io::Write::write_all(&mut upload, b"the first piece").expect("a piece");
    control.await_code(426);
    control.expect("NOOP", 200);
    assert_eq!(wharf.read("f"), b"old");
    drop(upload);
}

#[test]
fn r5_a_session_has_one_listener_and_the_range_has_an_end() {
    let wharf = Wharf::with().passive_ports(3).start();
    let range = wharf.ports().ports();
    let mut control = wharf.session();
    for number in 0..100 {
        if number % 2 == 0 {
            control.pasv_address().port()
        } else {
            control.epsv_port()
        };
        let open = probe::listening(&range);
        assert_eq!(open.len(), 1, "after {} commands: {open:?}", number + 1);
    }
    let mut others: Vec<_> = (0..2).map(|_| wharf.session()).collect();
    for other in &mut others {
        other.epsv_port();
    }
    let mut late = wharf.session();
    for command in ["PASV", "EPSV"] {
        let since = Instant::now();
        let reply = late.expect(command, 425);
        assert!(reply.has_cause(), "{reply}");
        assert!(since.elapsed() < Duration::from_secs(5), "it hangs");
    }
    // The port is free again as soon as its session is gone.
    drop(others.pop());
    let freed = probe::eventually(wharf_tests::PATIENCE, || late.command("EPSV").code == 229);
    assert!(
        freed,
        "a port of a session that is gone stays taken\n{late}"
    );
    assert!(
        range.contains(&late_port(&wharf)),
        "never a port outside the range"
    );
}

fn late_port(wharf: &Wharf) -> u16 {
    probe::listening(&wharf.ports().ports())
        .last()
        .copied()
        .unwrap_or_default()
}

#[test]
fn r5_a_listener_lives_as_long_as_the_settings_say() {
    let wharf = Wharf::with_settings("[timeouts]\npassive = \"1 s\"\n");
    let mut control = wharf.session();
    control.epsv_port();
    let range = wharf.ports().ports();
    assert!(!probe::listening(&range).is_empty());
    let gone = probe::eventually(Duration::from_secs(10), || {
        probe::listening(&range).is_empty()
    });
    assert!(gone, "the passive port is still open");
    control.expect("LIST", 425);
}

#[test]
fn r7_a_huge_folder_streams() {
    let long = wharf_tests::long();
    let count = if long { 1_000_000 } else { 100_000 };
    let wharf = Wharf::start();
    std::fs::create_dir(wharf.path("huge")).expect("a folder");
    for number in 0..count {
        File::create(wharf.path(&format!("huge/file number {number:07}"))).expect("a file");
    }
    let mut control = wharf.session();
    control.set_patience(Duration::from_secs(300));
    control.retrieve("NLST /");
    let base = probe::resident(wharf.pid());
    for command in ["MLSD huge", "NLST huge", "LIST huge"] {
        let mut listing = control.passive();
        let since = Instant::now();
        control.expect_any(command, &[125, 150]);
        let first = data::read_some(&mut listing, 1);
        let first_byte = since.elapsed();
        let mut lines = usize::from(first == b"\n");
        let mut peak = 0;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let got = listing.read(&mut buffer).expect("the listing");
            if got == 0 {
                break;
            }
            lines += buffer
                .iter()
                .take(got)
                .filter(|&&byte| byte == b'\n')
                .count();
            peak = peak.max(probe::resident(wharf.pid()));
        }
        control.await_code(226);
        assert!(
            (count..=count + 2).contains(&lines),
            "{command}: {lines} lines"
        );
        let grown = peak.saturating_sub(base) >> 20;
        assert!(grown < 20, "{command}: {grown} MiB more");
        // The row says 200 ms; a debug build on a busy machine is given more.
        assert!(
            first_byte < Duration::from_secs(1),
            "{command}: first byte {first_byte:?}"
        );
    }
    let mut listing = control.begin("LIST huge");
    let _ = data::read_some(&mut listing, 10_000);
    control.send("ABOR");
    control.await_code(426);
    control.await_code(226);
    control.expect("NOOP", 200);
}

#[test]
fn r8_offsets_beyond_numbers_are_refused() {
    let wharf = Wharf::start();
    wharf.write("f", "abc");
    let mut control = wharf.session();
    for line in [
        "REST -5",
        "REST 99999999999999999999999",
        "REST 9223372036854775808",
        "REST +1",
        "REST 1e3",
        "REST 18446744073709551615",
        "RANG 0 99999999999999999999999",
        "RANG -1 5",
    ] {
        control.expect(line, 501);
        // Nothing of it is left: what follows is whole.
        assert_eq!(control.retrieve("RETR f"), b"abc");
    }
    control.expect("REST 1000", 350);
    assert_eq!(control.put("STOR f", b"xy").code, 554, "{control}");
    assert_eq!(wharf.read("f"), b"abc", "no hole, no truncation");
    control.expect("REST 9223372036854775807", 350);
    assert_eq!(control.put("STOR f", b"xy").code, 554, "{control}");
    control.expect("REST 1000", 350);
    assert_eq!(control.put("STOR new", b"xy").code, 554, "{control}");
    assert_eq!(tree::names(wharf.root()), [b"f"]);
    assert_eq!(wharf.read("f"), b"abc");
}

#[test]
fn r10_quit_waits_for_the_transfer_and_nothing_leaks() {
    let wharf = Wharf::start();
    let content = pattern(3, 3_000_000);
    wharf.write("f", &content);
    let mut before = 0;
    for round in 0..200 {
        let mut control = wharf.session();
        let download = control.begin("RETR f");
        control.send("QUIT");
        if round % 20 == 0 {
            assert_bytes("the download", &content, &data::read_all(download));
            control.await_code(226);
            control.await_code(221);
            control.expect_end();
        } else {
            // Gone without a word.
            data::reset(download);
        }
        if round == 50 {
            before = probe::resident(wharf.pid());
        }
    }
    let ended = probe::eventually(wharf_tests::PATIENCE, || {
        probe::listening(&wharf.ports().ports()).is_empty()
    });
    assert!(ended);
    let after = probe::resident(wharf.pid());
    assert!(
        after < before + (6 << 20),
        "from {before} to {after} bytes in 150 sessions"
    );
}

#[test]
fn r16_a_full_disk_is_452_and_the_old_file_stays() {
    let disk = SmallDisk::mount("1m");
    let wharf = Wharf::with().root(disk.folder()).start();
    wharf.write("f", "the old version");
    let mut control = wharf.session();
    for command in ["STOR f", "STOR new", "APPE f"] {
        let reply = control.put(command, &pattern(1, 4 << 20));
        assert!(
            [452, 552].contains(&reply.code),
            "{command}: {reply}\n{control}"
        );
        assert!(reply.has_cause(), "{reply}");
        assert_eq!(wharf.read("f"), b"the old version", "after {command}");
    }
    let early = control.expect_any("ALLO 100000000", &[452, 552]);
    assert!(early.has_cause(), "{early}");
    // The session, the disk and the server are well: what fits is taken, after room is made.
    control.expect("NOOP", 200);
    for name in tree::names(disk.folder()) {
        if name.starts_with(b".") {
            let path = disk.folder().join(std::ffi::OsStr::new(
                std::str::from_utf8(&name).expect("UTF-8"),
            ));
            std::fs::remove_file(path).expect("removing a kept partial");
        }
    }
    control.store("STOR f", b"the new version");
    assert_eq!(wharf.read("f"), b"the new version");
    wharf.session().expect("PWD", 257);
}

fn large(wharf: &Wharf, name: &str, size: u64) {
    File::create(wharf.path(name))
        .and_then(|file| file.set_len(size))
        .expect("a sparse file");
}
