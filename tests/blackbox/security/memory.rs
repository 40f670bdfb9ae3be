//! Rows M: lines without end, Telnet, and teardown in the middle.

use std::io::Write;
use std::time::Duration;

use wharf_tests::{Control, Wharf, data, pattern, probe};

#[test]
fn m1_a_line_without_end_is_cut() {
    let wharf = Wharf::start();
    for account in [false, true] {
        let mut control = if account {
            wharf.session()
        } else {
            wharf.connect()
        };
        let mut line = b"NOOP ".to_vec();
        line.resize(5000, b'x');
        line.extend_from_slice(b"\r\n");
        control.send_raw(&line);
        control.await_code(500);
        control.expect_end();
    }
    // The longest that is allowed.
    let mut control = wharf.session();
    let mut line = b"CWD ".to_vec();
    line.resize(4090, b'x');
    control.expect_any(&line, &[550, 553]);
    control.expect("PWD", 257);
}

#[test]
fn m1_a_hundred_megabytes_without_a_line_end_cost_no_memory() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    let before = probe::resident(wharf.pid());
    let block = vec![b'x'; 1 << 20];
    let mut sent = 0;
    while sent < 100 && control.try_send_raw(&block).is_ok() {
        sent += 1;
    }
    let after = probe::resident(wharf.pid());
    assert!(after < before + (8 << 20), "from {before} to {after} bytes");
    // The 500 may be lost with the reset of what was sent after it.
    if let Ok(Some(reply)) = control.try_reply() {
        assert_eq!(reply.code, 500, "{control}");
    }
    drop(control);
    wharf.session().expect("NOOP", 200);
}

#[test]
fn m2_telnet_sequences_are_taken_out() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    // Interrupt process, data mark, ABOR: as RFC 959 section 4.1.3 has it.
    control.send_raw(b"\xff\xf4\xff\xf2ABOR\r\n");
    let reply = control.reply();
    assert!([225, 226].contains(&reply.code), "{reply}");
    for sequence in [
        b"\xff\xf4".as_slice(),                  // IP
        b"\xff\xf2",                             // DM
        b"\xff\xf1",                             // NOP
        b"\xff\xfb\x01",                         // WILL ECHO
        b"\xff\xfc\x01\xff\xfd\x03\xff\xfe\x05", // WONT, DO, DONT
        b"\xff\xfa\x18\x01\xff\xf0",             // a subnegotiation
        b"\xff\xfa\x18\xff\xff\x01\xff\xf0",     // with an escaped 0xFF
    ] {
        for line in [
            [sequence, b"PWD\r\n"].concat(),
            [b"P", sequence, b"WD\r\n"].concat(),
        ] {
            control.send_raw(&line);
            control.await_code(257);
        }
    }
    // A subnegotiation without end is bounded, like any line.
    let mut other = wharf.session();
    let mut endless = b"\xff\xfa\x18".to_vec();
    endless.resize(100_000, b'x');
    let _ = other.try_send_raw(&endless);
    let _ = other.try_send_raw(b"\r\nNOOP\r\n");
    other.set_patience(Duration::from_secs(2));
    if let Ok(Some(reply)) = other.try_reply() {
        assert!([500, 200].contains(&reply.code), "{reply}");
    }
    control.expect("PWD", 257);
}

#[test]
fn m2_abor_as_urgent_data_stops_a_transfer() {
    let wharf = Wharf::start();
    wharf.write("large", vec![1; 50_000_000]);
    let mut control = wharf.session();
    // A read ends at the urgent mark although more has come: whether it falls so depends on the
    // moment, hence many rounds.
    for _ in 0..30 {
        let mut download = control.begin("RETR large");
        let _ = data::read_some(&mut download, 1000);
        control.send_raw(b"\xff\xf4\xff");
        control.send_urgent(b"\xf2");
        control.send("ABOR");
        control.await_code(426);
        control.await_code(226);
    }
    control.expect("PWD", 257);
}

#[test]
fn m2_garbage_never_ends_the_server() {
    let mut wharf = Wharf::start();
    for seed in 0..60 {
        let mut control = wharf.session();
        let mut garbage = pattern(seed, 3000);
        // More line ends than chance gives, so that lines are tried and not only the bound.
        for (at, byte) in garbage.iter_mut().enumerate() {
            if at % 37 == 0 {
                *byte = b'\n';
            }
            if at % 37 == 1 && at % 2 == 0 {
                *byte = 0xff;
            }
        }
        let _ = control.try_send_raw(&garbage);
        control.finish_sending();
        drain(&mut control);
    }
    assert!(wharf.alive());
    wharf.session().expect("NOOP", 200);
}

#[test]
fn m4_an_abor_storm_keeps_the_grammar() {
    let mut wharf = Wharf::start();
    wharf.write("large", pattern(1, 8_000_000));
    for number in 0..300 {
        wharf.write(&format!("folder/{number}"), "");
    }
    let threads: Vec<_> = (0..50_u64)
        .map(|number| {
            let control = wharf.session();
            std::thread::spawn(move || storm(control, number))
        })
        .collect();
    for thread in threads {
        thread.join().expect("one session of the storm");
    }
    assert!(wharf.alive());
    assert_eq!(wharf.read("large"), pattern(1, 8_000_000));
    let idle = probe::eventually(wharf_tests::PATIENCE, || {
        probe::listening(&wharf.ports().ports()).is_empty()
    });
    assert!(idle, "passive ports are left open");
}

// Each round: a transfer begun, some of it moved, ABOR at an odd moment; then exactly the
// replies that RFC 959 section 4.1.3 allows.
fn storm(mut control: Control, number: u64) {
    for round in 0..6_u64 {
        let moved = (number * 7919 + round * 104_729) % 200_000;
        let command = match (number + round) % 3 {
            0 => "RETR large".to_owned(),
            1 => "LIST folder".to_owned(),
            _ => format!("STOR storm-{number}"),
        };
        let port = control.epsv_port();
        let address = std::net::SocketAddr::new(control.peer().ip(), port);
        // One time in four nobody comes to the data connection.
        let connection = (round % 4 != 3).then(|| data::open(address));
        control.send(&command);
        if let Some(mut connection) = connection {
            if command.starts_with("STOR") {
                let _ = connection.write_all(&pattern(number, moved as usize));
            } else if command.starts_with("RETR") {
                let _ = data::read_some(&mut connection, moved as usize);
            }
            control.send("ABOR");
            settle(&mut control, &command);
            drop(connection);
        } else {
            control.send("ABOR");
            settle(&mut control, &command);
        }
        control.expect("NOOP", 200);
    }
    control.expect("QUIT", 221);
    control.expect_end();
}

fn settle(control: &mut Control, command: &str) {
    let mut first = control.reply();
    if first.is_preliminary() {
        first = control.reply();
    }
    match first.code {
        // Stopped: then ABOR's own.
        426 | 425 | 451 => {
            control.await_code(226);
        }
        // It was over before the ABOR came.
        226 | 250 => {
            let abor = control.reply();
            assert!(
                [225, 226].contains(&abor.code),
                "{command}: {abor}\n{control}"
            );
        }
        other => panic!("{other} to {command} and ABOR\n{control}"),
    }
}

fn drain(control: &mut Control) {
    // 82 lines at most were in it; each has one reply.
    for _ in 0..400 {
        match control.try_reply() {
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return,
        }
    }
    panic!("more replies than lines\n{control}");
}
