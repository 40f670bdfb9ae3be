//! Many commands in one segment, answered in order.

use std::io::Write;

use wharf_tests::{Wharf, assert_bytes, data, pattern};

#[test]
fn sixty_four_commands_in_one_segment_are_answered_in_order() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    for number in 0..64 {
        wharf.write(&format!("f{number}"), "x".repeat(number));
    }
    let segment: String = (0..64)
        .map(|number| format!("SIZE f{number}\r\n"))
        .collect();
    control.send_raw(segment.as_bytes());
    for number in 0..64 {
        let reply = control.await_code(213);
        assert_eq!(reply.text(), number.to_string());
    }
    assert!(
        control.silent_for(std::time::Duration::from_millis(50)),
        "one reply each\n{control}"
    );
}

#[test]
fn commands_of_all_kinds_keep_their_order() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    control.send_raw(
        b"MKD a\r\nCWD a\r\nPWD\r\nNOSUCH\r\nMKD b\r\nRNFR b\r\nRNTO c\r\nSIZE c\r\nRMD c\r\n\
          CDUP\r\nRMD a\r\nPWD\r\nNOOP\r\n",
    );
    let codes: Vec<u16> = (0..13).map(|_| control.reply().code).collect();
    let cdup = codes[9];
    assert!([200, 250].contains(&cdup), "{control}");
    assert_eq!(
        codes,
        [
            257, 250, 257, 500, 257, 350, 250, 550, 250, cdup, 250, 257, 200
        ],
        "{control}"
    );
}

#[test]
fn a_whole_session_in_one_segment() {
    let wharf = Wharf::start();
    let mut control = wharf_tests::Control::open(wharf.address());
    let account = wharf.account();
    control.send_raw(
        format!(
            "USER {}\r\nPASS {}\r\nPWD\r\nQUIT\r\n",
            account.name, account.password
        )
        .as_bytes(),
    );
    let codes: Vec<u16> = (0..5).map(|_| control.reply().code).collect();
    assert_eq!(codes, [220, 331, 230, 257, 221], "{control}");
    control.expect_end();
}

#[test]
fn commands_sent_during_a_transfer_wait_for_its_end() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    let mut upload = control.begin("STOR slow.bin");
    let content = pattern(7, 200_000);
    upload
        .write_all(&content[..100_000])
        .expect("the first half");
    let segment: String = (0..60).map(|_| "SIZE slow.bin\r\n").collect();
    control.send_raw(segment.as_bytes());
    assert!(
        control.silent_for(std::time::Duration::from_millis(100)),
        "they wait\n{control}"
    );
    upload
        .write_all(&content[100_000..])
        .expect("the second half");
    drop(upload);
    control.await_code(226);
    for _ in 0..60 {
        assert_eq!(
            control.await_code(213).text(),
            "200000",
            "after the upload, in order"
        );
    }
    assert_bytes("slow.bin", &content, &wharf.read("slow.bin"));
}

#[test]
fn more_lines_than_wait_their_turn_lose_nothing() {
    // At most 64 lines wait; what comes after stays in the socket until there is room.
    let wharf = Wharf::start();
    let mut control = wharf.session();
    let mut upload = control.begin("STOR slow.bin");
    upload.write_all(b"first").expect("a piece");
    let segment: String = (0..500)
        .map(|number| format!("SITE IDLE {}\r\n", 60 + number % 60))
        .collect();
    control.send_raw(segment.as_bytes());
    upload.write_all(b" second").expect("a piece");
    drop(upload);
    control.await_code(226);
    for number in 0..500 {
        let reply = control.reply();
        assert_eq!(reply.code, 200, "line {number}: {reply}\n{control}");
    }
    assert_eq!(wharf.read("slow.bin"), b"first second");
}

#[test]
fn bytes_that_come_one_by_one_make_the_same_line() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    for byte in b"MKD slowly typed\r\n" {
        control.send_raw(&[*byte]);
    }
    control.await_code(257);
    assert!(wharf.path("slowly typed").is_dir());
}

#[test]
fn a_transfer_may_be_asked_for_before_its_connection_is_made() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    let mut control = wharf.session();
    let port = control.epsv_port();
    control.send("RETR f");
    let address = std::net::SocketAddr::new(control.peer().ip(), port);
    let bytes = data::read_all(data::open(address));
    assert_eq!(bytes, b"content");
    control.expect_end_of_transfer();
}

trait Ends {
    fn expect_end_of_transfer(&mut self);
}

impl Ends for wharf_tests::Control {
    #[track_caller]
    fn expect_end_of_transfer(&mut self) {
        let first = self.reply();
        assert!(first.is_preliminary(), "{first}");
        self.await_code(226);
    }
}
