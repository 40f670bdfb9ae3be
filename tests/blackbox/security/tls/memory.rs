//! What TLS sessions cost, and lines without end inside of TLS.

use std::io::Write;

use wharf_tests::{Control, Tls, Wharf, probe};

use super::unhurt;

#[test]
fn an_idle_tls_session_is_small() {
    let wharf = Wharf::with_settings(
        "[limits]\nsessions = 2000\nsessions_per_address = 2000\nsessions_per_account = 2000\n",
    );
    let tls = Tls::v13();
    let start = || -> Control {
        let mut control = wharf.session_tls(&tls);
        // A session that has done something: what it used is given back.
        assert_eq!(control.retrieve("NLST"), b"");
        control
    };
    let mut sessions: Vec<_> = (0..50).map(|_| start()).collect();
    let before = private(wharf.pid());
    sessions.extend((0..500).map(|_| start()));
    let each = private(wharf.pid()).saturating_sub(before) / 500;
    assert!(each <= 48 * 1024, "{each} bytes for each idle session");
    for control in sessions.iter_mut().step_by(97) {
        control.expect("NOOP", 200);
    }
}

// Memory of the process that is nobody else's (proc(5), smaps_rollup).
fn private(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
        .expect("the process lives, and its kernel has smaps_rollup");
    let kibibytes: u64 = text
        .lines()
        .filter(|line| line.starts_with("Private_"))
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum();
    kibibytes * 1024
}

#[test]
fn m1_a_line_without_end_is_cut_under_tls_too() {
    let wharf = Wharf::start();
    for account in [false, true] {
        for tls in [Tls::v12(), Tls::v13()] {
            let mut control = if account {
                wharf.session_tls(&tls)
            } else {
                wharf.connect_tls(&tls)
            };
            let mut line = b"NOOP ".to_vec();
            line.resize(5000, b'x');
            line.extend_from_slice(b"\r\n");
            control.send_raw(&line);
            control.await_code(500);
            control.expect_end();
        }
    }
    let mut control = wharf.session_tls(&Tls::v13());
    let mut line = b"CWD ".to_vec();
    line.resize(4090, b'x');
    control.expect_any(&line, &[550, 553]);
    control.expect("PWD", 257);
}

#[test]
fn m1_ten_megabytes_of_records_without_a_line_cost_no_memory() {
    let mut wharf = Wharf::start();
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = wharf.session_tls(&tls);
        let before = probe::resident(wharf.pid());
        let block = vec![b'x'; 16 * 1024];
        let mut sent = 0;
        while sent < 640 && control.try_send_raw(&block).is_ok() {
            sent += 1;
        }
        let after = probe::resident(wharf.pid());
        assert!(after < before + (4 << 20), "from {before} to {after} bytes");
        // The 500 may be lost with the reset of what was sent after it.
        if let Ok(Some(reply)) = control.try_reply() {
            assert_eq!(reply.code, 500, "{control}");
        }
        assert!(control.try_send_raw(b"NOOP\r\n").is_err() || sent < 640 || ended(&mut control));
    }
    unhurt(&mut wharf);
}

fn ended(control: &mut Control) -> bool {
    !matches!(control.try_reply(), Ok(Some(_)))
}

#[test]
fn a_line_of_many_records_and_a_record_of_many_lines() {
    let wharf = Wharf::start();
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = wharf.session_tls(&tls);
        // One record for each byte.
        for byte in b"NOOP\r\n" {
            control.send_raw(&[*byte]);
        }
        control.await_code(200);
        control.send_raw(b"NOOP\r\nPWD\r\nSYST\r\nNOOP\r\n");
        for code in [200, 257, 215, 200] {
            control.await_code(code);
        }
        // A line that ends in the next record.
        control.send_raw(b"NOOP\r\nPW");
        control.await_code(200);
        control.send_raw(b"D\r\n");
        control.await_code(257);
    }
}

#[test]
fn bytes_in_clear_inside_of_tls_end_the_session() {
    let mut wharf = Wharf::start();
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = wharf.session_tls(&tls);
        control
            .stream()
            .write_all(b"DELE f\r\nNOOP\r\n")
            .expect("clear text");
        // An alert, then the end; never a reply.
        assert!(!matches!(control.try_reply(), Ok(Some(_))), "{control}");
    }
    unhurt(&mut wharf);
}
