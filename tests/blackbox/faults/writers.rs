//! Several writers of one name: whoever reads sees one whole version.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wharf_tests::{Wharf, data};

const SIZE: usize = 300_000;

#[test]
fn readers_never_see_mixed_content() {
    let wharf = Wharf::with_settings("[uploads]\ndurability = \"none\"\n");
    wharf.write("f", vec![b'0'; SIZE]);
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (1..=4_u8)
        .map(|number| {
            let (mut control, stop) = (wharf.session(), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    let reply = control.put("STOR f", &vec![b'0' + number; SIZE]);
                    // The later one wins; a server may as well refuse it while another writes.
                    assert!([226, 450].contains(&reply.code), "{reply}\n{control}");
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut control = wharf.session();
    let since = Instant::now();
    let mut seen = [false; 5];
    let mut reads = 0;
    while since.elapsed() < Duration::from_secs(3) || reads < 20 {
        let bytes = control.retrieve("RETR f");
        assert_eq!(bytes.len(), SIZE, "read {reads}");
        assert!(
            bytes.iter().all(|byte| *byte == bytes[0]),
            "read {reads} is mixed"
        );
        seen[usize::from(bytes[0] - b'0')] = true;
        let disk = wharf.read("f");
        assert!(
            disk.len() == SIZE && disk.iter().all(|byte| *byte == disk[0]),
            "on the disk"
        );
        reads += 1;
    }
    stop.store(true, Ordering::Relaxed);
    let written: u32 = writers
        .into_iter()
        .map(|writer| writer.join().expect("a writer"))
        .sum();
    assert!(written >= 8, "{written} versions are no competition");
    assert!(
        seen.iter().filter(|seen| **seen).count() > 1,
        "more than one version was seen"
    );
}

#[test]
fn a_reader_keeps_the_version_it_began_with() {
    let wharf = Wharf::start();
    let old = wharf_tests::pattern(1, 40_000_000);
    wharf.write("f", &old);
    let mut reader = wharf.session();
    let mut download = reader.begin("RETR f");
    let mut bytes = data::read_some(&mut download, 1000);
    wharf.session().store("STOR f", b"new");
    std::io::Read::read_to_end(&mut download, &mut bytes).expect("the rest");
    reader.await_code(226);
    wharf_tests::assert_bytes("the old version", &old, &bytes);
    assert_eq!(wharf.read("f"), b"new");
}

#[test]
fn a_name_that_goes_away_during_an_upload_is_made_again() {
    let wharf = Wharf::start();
    wharf.write("folder/f", "old");
    let mut writer = wharf.session();
    let mut upload = writer.begin("STOR folder/f");
    upload.write_all(b"new").expect("the content");
    wharf.session().expect("DELE folder/f", 250);
    drop(upload);
    writer.await_code(226);
    assert_eq!(wharf.read("folder/f"), b"new");
}
