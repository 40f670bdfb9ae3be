//! Several writers of one name: the last close wins, and readers see one whole version.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wharf_sftp::OpenFlags;
use wharf_tests::ssh_client::{Answer, Sftp};
use wharf_tests::{assert_bytes, pattern};

use super::{serve, serve_with, visible};

const SIZE: usize = 300_000;

#[test]
fn the_last_close_wins() {
    let wharf = serve();
    wharf.write("f", "old");
    let [mut first, mut second] = [Sftp::of(&wharf), Sftp::of(&wharf)];
    let (one, two) = (pattern(1, SIZE), pattern(2, SIZE / 2));
    let (of_first, of_second) = (first.begin_upload("f"), second.begin_upload("f"));
    first.write(&of_first, 0, &one[..SIZE / 2]);
    second.write(&of_second, 0, &two);
    first.write(&of_first, (SIZE / 2) as u64, &one[SIZE / 2..]);
    let mut reader = Sftp::of(&wharf);
    assert_eq!(reader.retrieve("f"), b"old");
    assert!(second.close(&of_second).is_ok());
    assert_bytes("after the first close", &two, &reader.retrieve("f"));
    assert!(first.close(&of_first).is_ok());
    assert_bytes("after the last close", &one, &reader.retrieve("f"));
    assert_eq!(visible(&wharf), ["f"]);
}

#[test]
fn two_writers_in_one_session_are_two_writers() {
    let wharf = serve();
    let mut sftp = Sftp::of(&wharf);
    let (one, two) = (pattern(1, SIZE), pattern(2, SIZE));
    let (first, second) = (sftp.begin_upload("f"), sftp.begin_upload("f"));
    for (at, (left, right)) in one.chunks(50_000).zip(two.chunks(50_000)).enumerate() {
        sftp.write(&first, (at * 50_000) as u64, left);
        sftp.write(&second, (at * 50_000) as u64, right);
    }
    assert!(sftp.close(&second).is_ok());
    assert_bytes("second", &two, &wharf.read("f"));
    assert!(sftp.close(&first).is_ok());
    assert_bytes("first", &one, &wharf.read("f"));
}

#[test]
fn a_reader_keeps_the_version_it_began_with() {
    let wharf = serve();
    let old = pattern(1, SIZE);
    wharf.write("f", &old);
    let mut reader = Sftp::of(&wharf);
    let handle = reader.handle("f", OpenFlags::READ);
    let mut read = Vec::new();
    let mut writer = Sftp::of(&wharf);
    while read.len() < SIZE {
        let answer = reader.read(&handle, read.len() as u64, 50_000);
        let Answer::Data(data) = answer else {
            panic!("{answer:?}");
        };
        read.extend(data);
        writer.store("f", &pattern(read.len() as u64, 1000));
    }
    assert_bytes("the old version", &old, &read);
}

#[test]
fn readers_never_see_mixed_content() {
    let wharf = serve_with("[uploads]\ndurability = \"none\"\n");
    wharf.write("f", vec![b'0'; SIZE]);
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (1..=3_u8)
        .map(|number| {
            let (mut sftp, stop) = (Sftp::of(&wharf), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    sftp.store("f", &vec![b'0' + number; SIZE]);
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut sftp = Sftp::of(&wharf);
    let since = Instant::now();
    let mut seen = [false; 4];
    let mut reads = 0;
    while since.elapsed() < Duration::from_millis(1500) || reads < 20 {
        let bytes = sftp.retrieve("f");
        assert_eq!(bytes.len(), SIZE, "read {reads}");
        assert!(
            bytes.iter().all(|byte| *byte == bytes[0]),
            "read {reads} is mixed"
        );
        seen[usize::from(bytes[0] - b'0')] = true;
        reads += 1;
    }
    stop.store(true, Ordering::Relaxed);
    let written: u32 = writers
        .into_iter()
        .map(|writer| writer.join().expect("a writer"))
        .sum();
    assert!(written >= 6, "{written} versions are no competition");
    assert!(
        seen.iter().filter(|seen| **seen).count() > 1,
        "more than one version was seen"
    );
}
