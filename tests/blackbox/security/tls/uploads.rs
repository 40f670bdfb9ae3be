//! Row P7: no upload is cut, whatever the client leaves unread.

use std::io::Write;

use wharf_tests::{Control, Tls, Wharf, assert_bytes, pattern};

#[test]
fn p7_tls13_upload_is_not_truncated() {
    every_size(&[Tls::v13()]);
}

#[test]
fn p7_tls12_upload_is_not_truncated() {
    every_size(&[Tls::v12(), Tls::v12_with_session_ids()]);
}

// The client sends, says close_notify and closes at once, having read nothing of what the server
// may have sent: as curl and lftp do.
fn every_size(ways: &[Tls]) {
    let long = wharf_tests::long();
    let times = if long { 50 } else { 10 };
    let wharf = Wharf::with_settings("[uploads]\ndurability = \"none\"\n");
    for tls in ways {
        let mut control = wharf.session_tls(tls);
        for (size, times) in [
            (0, times),
            (1, times),
            (16 * 1024, times),
            (300 * 1024, times * 2),
            (10 << 20, times / 5),
        ] {
            let content = pattern(size as u64, size);
            for number in 0..times {
                upload(&wharf, &mut control, &content, number);
            }
            let transfer = control.fetch("RETR f");
            assert_eq!(transfer.reply.code, 226, "{control}");
            assert_bytes("the download", &content, &transfer.bytes);
        }
    }
}

#[track_caller]
fn upload(wharf: &Wharf, control: &mut Control, content: &[u8], number: usize) {
    let mut data = control.begin_tls("STOR f");
    data.write_all(content).expect("the content");
    assert_eq!(data.tickets(), 0);
    drop(data);
    let reply = control.reply();
    assert_eq!(
        reply.code,
        226,
        "{} bytes, number {number}: {reply}\n{control}",
        content.len()
    );
    assert_bytes("the upload", content, &wharf.read("f"));
}

/// The tail of a file is in the last records, with the end right behind them.
#[test]
fn p7_the_last_byte_arrives_whatever_the_pieces() {
    let wharf = Wharf::with_settings("[uploads]\ndurability = \"none\"\n");
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = wharf.session_tls(&tls);
        for size in [1, 2, 7, 1000, 16_383, 16_384, 16_385, 65_536, 100_001] {
            let content = pattern(size as u64, 200_003);
            let mut data = control.begin_tls("STOR f");
            for piece in content.chunks(size.max(100)) {
                data.write_all(piece).expect("a piece");
            }
            drop(data);
            control.await_code(226);
            assert_bytes("the upload", &content, &wharf.read("f"));
        }
    }
}

#[test]
fn p7_text_is_converted_under_tls_as_in_clear() {
    let wharf = Wharf::start();
    let mut control = wharf.session_tls(&Tls::v13());
    control.expect("TYPE A", 200);
    control.store("STOR f", b"one\r\ntwo\r\n");
    assert_eq!(wharf.read("f"), b"one\ntwo\n");
    assert_eq!(control.retrieve("RETR f"), b"one\r\ntwo\r\n");
    control.expect("TYPE I", 200);
    assert_eq!(control.retrieve("RETR f"), b"one\ntwo\n");
}

#[test]
fn p7_many_transfers_at_once() {
    let wharf = Wharf::with_settings("[uploads]\ndurability = \"none\"\n");
    let threads: Vec<_> = (0..12_u64)
        .map(|number| {
            let tls = if number % 2 == 0 {
                Tls::v12()
            } else {
                Tls::v13()
            };
            let mut control = wharf.session_tls(&tls);
            std::thread::spawn(move || {
                let content = pattern(number, 700_000);
                for round in 0..5 {
                    let name = format!("f{number}-{round}");
                    control.store(format!("STOR {name}"), &content);
                    assert_bytes(&name, &content, &control.retrieve(format!("RETR {name}")));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("one session");
    }
}
