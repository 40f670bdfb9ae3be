//! ABOR, STAT, NOOP and QUIT while bytes flow: one final reply for each command, in order.

use std::io::{Read, Write};
use std::net::TcpStream;

use wharf_tests::{Control, Wharf, assert_bytes, data, pattern};

#[test]
fn noop_and_stat_are_answered_while_a_download_runs() {
    let (wharf, content) = large();
    let mut control = wharf.session();
    let mut download = control.begin("RETR large");
    let mut bytes = data::read_some(&mut download, 1000);
    control.expect("NOOP", 200);
    let reply = control.expect_any("STAT", &[211, 213]);
    assert!(
        reply
            .to_string()
            .chars()
            .filter(char::is_ascii_digit)
            .count()
            > 4,
        "bytes, rate and time: {reply}"
    );
    control.expect("NOOP", 200);
    download.read_to_end(&mut bytes).expect("the rest");
    control.await_code(226);
    assert_bytes("the download", &content, &bytes);
}

#[test]
fn noop_and_stat_are_answered_while_an_upload_runs() {
    let wharf = Wharf::start();
    let content = pattern(2, 400_000);
    let mut control = wharf.session();
    let mut upload = control.begin("STOR f");
    for piece in content.chunks(100_000) {
        upload.write_all(piece).expect("a piece");
        control.expect("NOOP", 200);
        control.expect_any("STAT", &[211, 213]);
    }
    drop(upload);
    control.await_code(226);
    assert_bytes("f", &content, &wharf.read("f"));
}

#[test]
fn abor_stops_a_download_with_426_and_226() {
    let (wharf, _) = large();
    let mut control = wharf.session();
    for _ in 0..5 {
        let mut download = control.begin("RETR large");
        let _ = data::read_some(&mut download, 1000);
        control.send("ABOR");
        let reply = control.await_code(426);
        assert!(reply.has_cause(), "{reply}");
        control.await_code(226);
        let (rest, _) = data::read_what_comes(download);
        assert!(rest.len() < 50_000_000, "it was not stopped");
    }
    control.expect("PWD", 257);
}

#[test]
fn abor_without_a_transfer_is_one_reply() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    for _ in 0..3 {
        control.expect_any("ABOR", &[225, 226]);
    }
    // With a passive port open and nobody on it.
    control.epsv_port();
    control.expect_any("ABOR", &[225, 226]);
    control.expect("NOOP", 200);
    assert_eq!(control.retrieve("NLST"), b"");
}

#[test]
fn abor_while_the_data_connection_is_awaited() {
    let (wharf, _) = large();
    let mut control = wharf.session();
    control.epsv_port();
    control.send("RETR large");
    control.send("ABOR");
    let mut replies = vec![control.reply()];
    if replies[0].is_preliminary() {
        replies.push(control.reply());
    }
    replies.push(control.reply());
    let codes: Vec<_> = replies
        .iter()
        .map(|reply| reply.code)
        .filter(|code| *code >= 200)
        .collect();
    assert!(
        [[426, 226], [425, 226]]
            .iter()
            .any(|wanted| *wanted == codes.as_slice()),
        "{control}"
    );
    control.expect("PWD", 257);
}

#[test]
fn quit_lets_the_transfer_end_first() {
    let (wharf, content) = large();
    let mut control = wharf.session();
    let mut download = control.begin("RETR large");
    let mut bytes = data::read_some(&mut download, 1000);
    control.send("QUIT");
    download.read_to_end(&mut bytes).expect("the rest");
    assert_bytes("the download", &content, &bytes);
    control.await_code(226);
    control.await_code(221);
    control.expect_end();

    let mut control = wharf.session();
    let mut upload = control.begin("STOR f");
    upload.write_all(b"first ").expect("a piece");
    control.send("QUIT");
    upload.write_all(b"second").expect("a piece");
    drop(upload);
    control.await_code(226);
    control.await_code(221);
    assert_eq!(wharf.read("f"), b"first second");
}

#[test]
fn each_command_has_one_final_reply_whatever_the_mixture() {
    let (wharf, content) = large();
    let mut control = wharf.session();
    let mut download = control.begin("RETR large");
    let bytes = data::read_some(&mut download, 1000);
    // PWD and SIZE wait for the end; NOOP does not.
    control.send_raw(b"PWD\r\nSIZE large\r\n");
    control.send_raw(b"MKD later\r\n");
    let all = read_rest(download, bytes);
    assert_bytes("the download", &content, &all);
    let codes: Vec<_> = (0..4).map(|_| control.reply().code).collect();
    assert_eq!(codes, [226, 257, 213, 257], "{control}");
    control.expect("NOOP", 200);
    assert!(
        control.silent_for(std::time::Duration::from_millis(50)),
        "{control}"
    );
}

#[test]
fn lines_that_waited_are_answered_after_abor() {
    let (wharf, _) = large();
    let mut control = wharf.session();
    let mut download = control.begin("RETR large");
    let _ = data::read_some(&mut download, 1000);
    control.send_raw(b"PWD\r\nSYST\r\nABOR\r\n");
    // ABOR overtakes the waiting ones in effect; each still has its one reply.
    let mut codes: Vec<_> = (0..4).map(|_| control.reply().code).collect();
    assert_eq!(codes[0], 426, "{control}");
    codes.sort_unstable();
    assert_eq!(codes, [215, 226, 257, 426], "{control}");
    drop(download);
    control.expect("NOOP", 200);
}

#[test]
fn a_reader_that_leaves_is_426() {
    let (wharf, _) = large();
    let mut control = wharf.session();
    for reset in [true, false] {
        let mut download = control.begin("RETR large");
        let _ = data::read_some(&mut download, 1000);
        if reset {
            data::reset(download);
        } else {
            drop(download);
        }
        let reply = control.await_code(426);
        assert!(reply.has_cause(), "{reply}");
        control.expect("NOOP", 200);
    }
    let download = control.begin("LIST many");
    data::reset(download);
    control.expect_any_end();
}

#[test]
fn stat_with_a_path_waits_for_the_end_of_a_transfer() {
    let (wharf, content) = large();
    let mut control = wharf.session();
    let mut download = control.begin("RETR large");
    let bytes = data::read_some(&mut download, 1000);
    control.send("STAT /");
    let all = read_rest(download, bytes);
    assert_bytes("the download", &content, &all);
    // Either is allowed by RFC 959; both replies must come, each once.
    let codes = [control.reply().code, control.reply().code];
    assert!(codes.contains(&226), "{control}");
    assert!(
        codes.iter().any(|code| [211, 212, 213].contains(code)),
        "{control}"
    );
    control.expect("NOOP", 200);
}

fn read_rest(mut download: TcpStream, mut bytes: Vec<u8>) -> Vec<u8> {
    download.read_to_end(&mut bytes).expect("the rest");
    bytes
}

fn large() -> (Wharf, Vec<u8>) {
    let wharf = Wharf::start();
    let content = pattern(1, 60_000_000);
    wharf.write("large", &content);
    for number in 0..500 {
        wharf.write(
            &format!("many/a file with a rather long name, number {number}"),
            "",
        );
    }
    (wharf, content)
}

trait AnyEnd {
    fn expect_any_end(&mut self);
}

impl AnyEnd for Control {
    // A short listing may be gone before the reader is.
    #[track_caller]
    fn expect_any_end(&mut self) {
        let reply = self.reply();
        assert!([226, 426].contains(&reply.code), "{reply}\n{self}");
        self.expect("NOOP", 200);
    }
}
