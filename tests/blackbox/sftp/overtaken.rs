//! Requests that overtake the CLOSE of the file they are about, as those of sshfs can.

use std::fs;
use std::time::{Duration, Instant};

use wharf_tests::disk::SmallDisk;
use wharf_tests::sftp::{Body, Reply, Sftp, body, kind, open_flag, packet, status};
use wharf_tests::ssh::Ssh;
use wharf_tests::{Wharf, probe, tree};

use super::start;

#[test]
fn what_comes_before_the_close_is_served_behind_it() {
    let (wharf, mut sftp) = start();
    // A machine that is busy enough makes every CLOSE late.
    let in_time = (0..5).any(|turn| overtakes(&wharf, &mut sftp, turn));
    assert!(in_time, "five times not all was asked within half a second");
}

/// `false` when the test itself was too slow for its outcome to say anything.
fn overtakes(wharf: &Wharf, sftp: &mut Sftp, turn: u32) -> bool {
    let [f, d, g, h] = ["f", "d", "d/g", "h"].map(|name| format!("{turn}{name}"));
    wharf.write(&f, "an old version");
    fs::create_dir(wharf.path(&d)).expect("a folder");
    let first = upload(sftp, &f, "one");
    let second = upload(sftp, &g, "two");
    let begun = Instant::now();
    let words = body().string(&f).u32(open_flag::READ).u32(0);
    let opened = sftp.request(kind::OPEN, &words);
    let looked = sftp.request(kind::LSTAT, &body().string(&f));
    let renamed = sftp.request(kind::RENAME, &body().string(&g).string(&h));
    let removed = sftp.request(kind::RMDIR, &body().string(&d));
    // What has nothing to do with them does not wait.
    sftp.stat("e").expect(status::NO_SUCH_FILE);
    let other = upload(sftp, "other", "three");
    sftp.close(&other).expect(status::OK);
    let closes = [&first, &second].map(|handle| sftp.request(kind::CLOSE, &body().string(handle)));
    if begun.elapsed() > PATIENCE / 2 {
        let asked = [opened, looked, renamed, removed].into_iter().chain(closes);
        asked.for_each(|id| drop(sftp.reply(id)));
        return false;
    }
    for id in closes.into_iter().chain([renamed, removed]) {
        sftp.reply(id).expect(status::OK);
    }
    let handle = sftp.reply(opened).handle();
    assert_eq!(sftp.reply(looked).attributes().size, Some(3));
    assert_eq!(sftp.read(&handle, 0, 100).data(), b"one");
    assert_eq!(wharf.read(&h), b"two");
    assert!(!wharf.path(&d).exists());
    assert_eq!(wharf.read("other"), b"three");
    true
}

/// Work of other files ends and begins all the time; what is aside has its turn all the same.
#[test]
fn what_is_aside_comes_before_what_is_behind_it() {
    let (wharf, mut sftp) = start();
    let long = sftp.open_file("long", open_flag::NEW);
    let data = vec![7; 16_384];
    let write = |sftp: &mut Sftp, number: u64| {
        let words = body().string(&long).u64(number * 16_384).string(&data);
        sftp.request(kind::WRITE, &words)
    };
    let open = upload(&mut sftp, "f", "x");
    let mut writes: Vec<_> = (0..300).map(|number| write(&mut sftp, number)).collect();
    let renamed = sftp.request(kind::RENAME, &body().string("f").string("g"));
    let close = sftp.request(kind::CLOSE, &body().string(&open));
    writes.extend((300..3000).map(|number| write(&mut sftp, number)));
    let mut written = 0;
    loop {
        let (id, reply) = sftp.any_reply();
        reply.expect(status::OK);
        if id == renamed {
            break;
        }
        written += u32::from(id != close);
    }
    assert!(written < 2000, "{written} of 3000 writes came first");
    assert_eq!(wharf.read("g"), b"x");
}

#[test]
fn a_log_is_added_to_while_it_is_being_closed() {
    let (wharf, mut sftp) = start();
    let mut open = upload(&mut sftp, "log", "0");
    let words = body().string("log");
    let append = words.u32(open_flag::WRITE | open_flag::APPEND).u32(0);
    for turn in 1..10_u8 {
        let opened = sftp.request(kind::OPEN, &append);
        sftp.close(&open).expect(status::OK);
        open = sftp.reply(opened).handle();
        sftp.write(&open, 0, &[b'0' + turn]).expect(status::OK);
    }
    sftp.close(&open).expect(status::OK);
    assert_eq!(wharf.read("log"), b"0123456789");
}

#[test]
fn who_does_not_close_is_not_waited_for_long() {
    let (wharf, mut sftp) = start();
    wharf.write("d/f", "old");
    let open = upload(&mut sftp, "d/f", "newer");
    let words = body().string("d/f").u32(open_flag::READ).u32(0);
    let begun = Instant::now();
    // These wait together.
    let asked: Vec<_> = (0..50).map(|_| sftp.request(kind::OPEN, &words)).collect();
    for id in asked {
        let reader = sftp.reply(id).handle();
        assert_eq!(sftp.read(&reader, 0, 9).data(), b"old");
        sftp.close(&reader).expect(status::OK);
    }
    // And for some time nobody waits any more.
    for _ in 0..30 {
        let reader = sftp.open_file("d/f", open_flag::READ);
        sftp.close(&reader).expect(status::OK);
    }
    assert!(begun.elapsed() >= PATIENCE, "nobody waited");
    assert!(begun.elapsed() < 20 * PATIENCE, "{:?}", begun.elapsed());
    sftp.close(&open).expect(status::OK);
    assert_eq!(wharf.read("d/f"), b"newer");
}

#[test]
fn what_an_upload_makes_no_difference_to_does_not_wait() {
    let (wharf, mut sftp) = start();
    let mut quick = |turn: u32| {
        let folder = format!("d{turn}");
        fs::create_dir(wharf.path(&folder)).expect("a folder");
        upload(&mut sftp, &format!("{folder}/f"), "x");
        let begun = Instant::now();
        let reply = sftp.ask(kind::MKDIR, &body().string(&folder).u32(0));
        reply.expect_cause(status::FAILURE, "C-15");
        sftp.stat(format!("{folder}/f")).attributes();
        begun.elapsed() < PATIENCE / 2
    };
    // Who waits does so every time.
    assert!((0..5).any(&mut quick), "they wait");
}

/// A small upload is in memory until its CLOSE: the file system would let its directory go.
#[test]
fn a_folder_is_not_removed_under_an_upload() {
    let (wharf, mut sftp) = start();
    fs::create_dir(wharf.path("d")).expect("a folder");
    let open = upload(&mut sftp, "d/f", "x");
    let reply = sftp.ask(kind::RMDIR, &body().string("d"));
    reply.expect_cause(status::FAILURE, "C-15");
    sftp.close(&open).expect(status::OK);
    assert_eq!(wharf.read("d/f"), b"x");
}

#[test]
fn who_removes_an_upload_takes_it_back() {
    let (wharf, mut sftp) = start();
    wharf.write("old", "o");
    for name in ["old", "new"] {
        let flags = open_flag::READ | open_flag::NEW;
        let open = sftp.open_file(name, flags);
        sftp.write(&open, 0, b"taken back").expect(status::OK);
        let remove = body().string(name);
        sftp.ask(kind::REMOVE, &remove).expect(status::OK);
        sftp.stat(name).expect(status::NO_SUCH_FILE);
        sftp.ask(kind::REMOVE, &remove).expect(status::NO_SUCH_FILE);
        // A disk takes what is written to a file without a name, too.
        sftp.write(&open, 10, b"!").expect(status::OK);
        let cut = body().string(&open).u32(1).u64(3);
        sftp.ask(kind::FSETSTAT, &cut).expect(status::OK);
        // Nothing of this has an answer, and nothing waits for one.
        for (kind, words) in [
            (kind::READ, body().string(&open).u64(0).u32(10)),
            (kind::FSTAT, body().string(&open)),
            (kind::EXTENDED, copy_within(&open)),
        ] {
            let reply = sftp.ask(kind, &words);
            assert!(
                matches!(reply, Reply::Status(1.., _) | Reply::Attributes(_)),
                "{reply:?}"
            );
        }
        sftp.close(&open).expect(status::OK);
        assert!(!wharf.path(name).exists(), "{name}");
    }
    let open = upload(&mut sftp, "new", "first");
    sftp.ask(kind::REMOVE, &body().string("new"))
        .expect(status::OK);
    let again = upload(&mut sftp, "new", "second");
    sftp.close(&again).expect(status::OK);
    sftp.close(&open).expect(status::OK);
    assert_eq!(wharf.read("new"), b"second");
    assert_eq!(
        tree::names(wharf.root()),
        [b"new".to_vec()],
        "something is left"
    );
}

/// However often it is open, and begun to be written or not.
#[test]
fn what_is_removed_does_not_come_back() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "old");
    let remove = body().string("f");
    let both = open_flag::READ | open_flag::WRITE;
    let handles: Vec<_> = [open_flag::NEW, open_flag::NEW, both]
        .into_iter()
        .map(|flags| sftp.open_file("f", flags))
        .collect();
    for handle in &handles[..2] {
        sftp.write(handle, 0, b"new").expect(status::OK);
    }
    sftp.ask(kind::REMOVE, &remove).expect(status::OK);
    assert_eq!(sftp.read(&handles[2], 0, 9).data(), b"old");
    for handle in &handles {
        sftp.write(handle, 0, b"more").expect(status::OK);
        sftp.close(handle).expect(status::OK);
    }
    assert!(tree::names(wharf.root()).is_empty(), "something is left");
    // Nor does what was renamed before anything was written to it.
    wharf.write("f", "old");
    let handle = sftp.open_file("f", both);
    let rename = body().string("f").string("g");
    sftp.ask(kind::RENAME, &rename).expect(status::OK);
    let written = sftp.write(&handle, 0, b"new");
    assert!(
        !matches!(written, Reply::Status(status::OK, _)),
        "{written:?}"
    );
    let closed = sftp.close(&handle);
    assert!(
        !matches!(closed, Reply::Status(status::OK, _)),
        "{closed:?}"
    );
    assert!(!wharf.path("f").exists());
    assert_eq!(wharf.read("g"), b"old");
}

/// What is closed later would appear under the old name, or over what was renamed.
#[test]
fn the_name_of_an_upload_stays() {
    let (wharf, mut sftp) = start();
    wharf.write("other", "stays");
    let open = upload(&mut sftp, "f", "x");
    for (from, to) in [("f", "g"), ("other", "f")] {
        let rename = body().string(from).string(to);
        let reply = sftp.ask(kind::RENAME, &rename);
        reply.expect_cause(status::FAILURE, "C-15");
        let reply = sftp.extended("posix-rename@openssh.com", &rename);
        reply.expect_cause(status::FAILURE, "C-15");
    }
    sftp.close(&open).expect(status::OK);
    assert_eq!(wharf.read("f"), b"x");
    assert_eq!(wharf.read("other"), b"stays");
    let rename = body().string("f").string("g");
    sftp.ask(kind::RENAME, &rename).expect(status::OK);
}

#[test]
fn an_upload_is_there_for_its_own_channel_only() {
    let (wharf, mut sftp) = start();
    wharf.write("old", "o");
    let first = upload(&mut sftp, "old", "longer");
    let second = upload(&mut sftp, "new", "four");
    let mut other = Sftp::open(&Ssh::of(&wharf));
    assert_eq!(seen(&mut sftp), ["new 4", "old 6"]);
    assert_eq!(seen(&mut other), ["old 1"]);
    assert_eq!(sftp.stat("old").attributes().size, Some(6));
    assert_eq!(sftp.stat("new").attributes().size, Some(4));
    assert_eq!(other.stat("old").attributes().size, Some(1));
    sftp.close(&first).expect(status::OK);
    sftp.close(&second).expect(status::OK);
    assert_eq!(seen(&mut sftp), ["new 4", "old 6"]);
    assert_eq!(seen(&mut other), ["new 4", "old 6"]);
}

#[test]
fn an_upload_that_is_closed_while_its_folder_is_read_is_told_once() {
    let (wharf, mut sftp) = start();
    wharf.write("a", "");
    // Behind which answer it is closed: of the dots, of what is there, and never.
    for closed_behind in 0..4 {
        let name = format!("f{closed_behind}");
        let mut open = Some(upload(&mut sftp, &name, "x"));
        let folder = sftp.open_folder(".");
        let mut names = Vec::new();
        for turn in 0.. {
            if turn == closed_behind
                && let Some(open) = open.take()
            {
                sftp.close(&open).expect(status::OK);
            }
            match sftp.ask(kind::READDIR, &body().string(&folder)) {
                Reply::Name(more) => names.extend(more.into_iter().map(|entry| entry.name)),
                end => {
                    end.expect(status::EOF);
                    break;
                }
            }
        }
        sftp.close(&folder).expect(status::OK);
        if let Some(open) = open {
            sftp.close(&open).expect(status::OK);
        }
        let told = |wanted: &[u8]| names.iter().filter(|name| *name == wanted).count();
        assert_eq!(told(name.as_bytes()), 1, "{closed_behind}");
        assert_eq!(told(b"a"), 1, "{closed_behind}");
    }
}

#[test]
fn a_file_that_is_changed_twice_at_a_time_is_told_once() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "old");
    let both = open_flag::READ | open_flag::WRITE;
    let handles = [(); 2].map(|()| sftp.open_file("f", both));
    for handle in &handles {
        sftp.write(handle, 0, b"new").expect(status::OK);
    }
    assert_eq!(seen(&mut sftp), ["f 3"]);
}

/// It will not be published: what is there stays.
#[test]
fn an_upload_that_failed_is_not_seen() {
    let disk = SmallDisk::mount("1m");
    let wharf = Wharf::with().sftp().root(disk.folder()).start();
    let mut sftp = Sftp::open(&Ssh::of(&wharf));
    wharf.write("f", "old");
    let open = sftp.open_file("f", open_flag::NEW);
    let data = vec![7; 200_000];
    let written = (0..10).map(|number| sftp.write(&open, number * 200_000, &data));
    let failed = written.filter(|reply| !matches!(reply, Reply::Status(status::OK, _)));
    assert!(failed.count() > 0, "the disk is not full");
    assert_eq!(sftp.stat("f").attributes().size, Some(3));
    assert_eq!(seen(&mut sftp), ["f 3"]);
}

/// What is put aside is in memory: a flood of it has to wait in the channel instead.
#[test]
fn r12_a_flood_of_what_must_wait_ends() {
    let (wharf, mut sftp) = start();
    let open = upload(&mut sftp, "f", "x");
    // Nobody looks behind the two paths; both are as long as a path may be.
    let long = "d/".repeat(2000);
    let words = body().string(format!("f/{long}")).string(&long);
    let ids: Vec<_> = (0..200)
        .map(|_| sftp.request(kind::RENAME, &words))
        .collect();
    let close = sftp.request(kind::CLOSE, &body().string(&open));
    let begun = Instant::now();
    for id in ids {
        let reply = sftp.reply(id);
        assert!(!matches!(reply, Reply::Status(status::OK, _)), "{reply:?}");
    }
    sftp.reply(close).expect(status::OK);
    // A few at a time, each for a second, they would take 25.
    assert!(begun.elapsed() < 15 * PATIENCE, "{:?}", begun.elapsed());
    assert_eq!(wharf.read("f"), b"x");
}

/// A small request that comes in two pieces behind a large one is read into its buffer.
#[test]
fn r12_what_is_put_aside_keeps_no_large_buffers() {
    let (wharf, mut sftp) = start();
    upload(&mut sftp, "f", "x");
    let unknown = body().string("unknown").raw(&[7; 262_000]);
    let words = body().string("f").string("g");
    let before = probe::resident(wharf.pid());
    for number in 0..60 {
        let mut bytes = packet(kind::EXTENDED, number, &unknown);
        let split = bytes.len() + 5;
        bytes.extend(packet(kind::RENAME, 1000 + number, &words));
        sftp.send_raw(&bytes[..split]);
        std::thread::sleep(Duration::from_millis(3));
        sftp.send_raw(&bytes[split..]);
    }
    for number in 0..60 {
        sftp.reply(number).expect(status::OP_UNSUPPORTED);
    }
    let grown = probe::resident(wharf.pid()).saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes more");
}

/// What was put aside is begun by the same bounds as everything else.
#[test]
fn r12_answers_to_what_was_put_aside_wait_for_a_reader() {
    let (wharf, sftp) = start();
    drop(sftp);
    wharf.write("big", vec![1; 3000 * 256]);
    let mut sftp = Sftp::before_init(&Ssh::of(&wharf), 1);
    sftp.send_raw(&body().u32(5).u8(kind::INIT).u32(3).done());
    sftp.version();
    let open = upload(&mut sftp, "f", "x");
    let before = probe::resident(wharf.pid());
    sftp.request(kind::RENAME, &body().string("f").string("big"));
    // A hash of each block of 256 bytes: answers of 190 KiB.
    let hash = body().string("big").string("sha512").u64(0).u64(0).u32(256);
    let check = body().string("check-file-name").append(&hash);
    for _ in 0..60 {
        sftp.request(kind::EXTENDED, &check);
    }
    // The RENAME waits for five seconds, the hashes behind it.
    std::thread::sleep(8 * PATIENCE);
    let grown = probe::resident(wharf.pid()).saturating_sub(before);
    assert!(grown < 6 << 20, "{grown} bytes more");
    drop(open);
}

fn copy_within(handle: &[u8]) -> Body {
    let words = body().string("copy-data").string(handle).u64(0).u64(3);
    words.string(handle).u64(100)
}

#[track_caller]
fn upload(sftp: &mut Sftp, name: &str, content: &str) -> Vec<u8> {
    let handle = sftp.open_file(name, open_flag::NEW);
    sftp.write(&handle, 0, content.as_bytes())
        .expect(status::OK);
    handle
}

#[track_caller]
fn seen(sftp: &mut Sftp) -> Vec<String> {
    let mut names: Vec<_> = sftp
        .names(".")
        .into_iter()
        .map(|entry| {
            let size = entry.attributes.size.unwrap_or_default();
            format!("{} {size}", wharf_tests::show(&entry.name))
        })
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

/// How long the server waits for a CLOSE.
const PATIENCE: Duration = Duration::from_secs(1);
