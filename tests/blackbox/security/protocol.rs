//! Rows P: protocol design and transport.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use rustix::net::sockopt;
use wharf_tests::{Control, Wharf, data, probe, show};

#[test]
fn p1_bounce_is_refused() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    let victim = TcpListener::bind(("127.0.0.2", 0)).expect("the victim's port");
    let port = victim.local_addr().expect("its address").port();
    let [high, low] = port.to_be_bytes();
    let mut control = wharf.session();
    for line in [
        format!("PORT 127,0,0,2,{high},{low}"),
        format!("EPRT |1|127.0.0.2|{port}|"),
        format!("EPRT |2|::ffff:127.0.0.2|{port}|"),
        "PORT 10,0,0,1,0,80".to_owned(),
        "EPRT |1|10.0.0.1|80|".to_owned(),
        "PORT 0,0,0,0,200,200".to_owned(),
        "PORT 127,255,255,255,200,200".to_owned(),
    ] {
        let reply = control.command(&line);
        assert!(
            reply.code == 500 || (line.contains("|2|") && reply.code == 522),
            "{line}: {reply}\n{control}"
        );
        control.expect("RETR f", 425);
    }
    assert!(nobody_came(&victim), "a connection reached the victim");
}

#[test]
fn p2_low_ports_are_refused() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    let mut control = wharf.session();
    for port in [0_u16, 1, 21, 22, 80, 1023] {
        let [high, low] = port.to_be_bytes();
        for line in [
            format!("PORT 127,0,0,1,{high},{low}"),
            format!("EPRT |1|127.0.0.1|{port}|"),
        ] {
            let reply = control.command(&line);
            assert!(
                [500, 501].contains(&reply.code),
                "{line}: {reply}\n{control}"
            );
            control.expect("RETR f", 425);
        }
    }
    // The first port that is allowed: what is refused above is refused for its number.
    control.expect("PORT 127,0,0,1,4,0", 200);
}

#[test]
fn p3_sloppy_port_numbers_are_refused_and_forget_the_old_ones() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    for line in [
        "PORT 127,0,0,1,256,1",
        "PORT 1,2,3",
        "PORT 127,0,0,1,200,200,1",
        "PORT 127,0,0,1,-1,200",
        "PORT 127,0,0,1,+4,200",
        "PORT 127,0,0,1, 4,200",
        "PORT 127,0,0,1,0x10,200",
        "PORT 127,0,0,1,00200,200",
        "PORT 383,0,0,1,200,200",
        "PORT 127.0.0.1,200,200",
        "EPRT |3|x|1|",
        "EPRT |2|::1%lo|99999|",
        "EPRT |1|127.0.0.1|65536|",
        "EPRT |1|127.0.0.1|50000",
        "EPRT |1|127.0.0.1|50000|x",
        "EPRT |1|127.0.0|50000|",
        "EPRT |1|0177.0.0.1|50000|",
        "EPRT 1|127.0.0.1|50000|",
        "EPRT ||||",
    ] {
        // Something is pending, and a wrong PORT must not leave it so.
        drop(control.passive());
        let reply = control.command(line);
        assert!(
            [501, 500, 522].contains(&reply.code),
            "{line}: {reply}\n{control}"
        );
        control.expect("LIST", 425);
    }
}

#[test]
fn p4_a_stranger_gets_nothing_and_the_client_still_does() {
    let wharf = Wharf::start();
    wharf.write("f", "the pizza");
    let mut control = wharf.session();
    let port = control.epsv_port();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let thieves: Vec<_> = (0..3)
        .map(|_| data::connect_from(Ipv4Addr::new(127, 0, 0, 2), address).expect("a thief"))
        .collect();
    control.send("RETR f");
    for thief in thieves {
        let (bytes, _) = data::read_what_comes(thief);
        assert_eq!(bytes, b"", "the stranger was given data");
    }
    let own = data::open(address);
    assert_eq!(data::read_all(own), b"the pizza");
    let first = control.reply();
    assert!(first.is_preliminary(), "{control}");
    control.await_code(226);
    let event = wharf.wait_event("data_peer_mismatch", |_| true);
    assert!(event.to_string().contains("127.0.0.2"), "{event}");
    assert!(
        probe::eventually(wharf_tests::PATIENCE, || wharf
            .audit()
            .contains("data_peer_mismatch")),
        "the audit log tells of it:\n{}",
        wharf.audit()
    );
}

#[test]
fn p4_an_upload_is_taken_from_the_client_only() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    let port = control.epsv_port();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut thief = data::connect_from(Ipv4Addr::new(127, 0, 0, 2), address).expect("a thief");
    control.send("STOR f");
    let _ = std::io::Write::write_all(&mut thief, b"poison");
    let (bytes, _) = data::read_what_comes(thief);
    assert_eq!(bytes, b"");
    let mut own = data::open(address);
    std::io::Write::write_all(&mut own, b"the client's").expect("our bytes");
    drop(own);
    assert!(control.reply().is_preliminary());
    control.await_code(226);
    assert_eq!(wharf.read("f"), b"the client's");
}

#[test]
fn p5_passive_ports_are_random_and_nobody_elses() {
    let wharf = Wharf::start();
    let range = wharf.ports().ports();
    let mut control = wharf.session();
    let ports: Vec<u16> = (0..1000).map(|_| control.pasv_address().port()).collect();
    let mut counts: BTreeMap<u16, u32> = range.clone().map(|port| (port, 0)).collect();
    for port in &ports {
        *counts
            .get_mut(port)
            .unwrap_or_else(|| panic!("{port} is outside of {range:?}")) += 1;
    }
    // 49 degrees of freedom: chance stays between these but once in a million runs at each end.
    // Too even is as telling as too uneven: that is a counter.
    let expected = 1000.0 / 50.0;
    let chi: f64 = counts
        .values()
        .map(|&n| (f64::from(n) - expected).powi(2) / expected)
        .sum();
    assert!((15.0..112.0).contains(&chi), "chi-square {chi}: {counts:?}");
    let steps = ports
        .windows(2)
        .filter(|pair| pair[1].wrapping_sub(pair[0]) == 1)
        .count();
    assert!(
        steps < 60,
        "{steps} of 999 ports follow the one before (20 expected)"
    );

    // No port is live in two sessions of one address at once.
    let mut others: Vec<Control> = (0..10).map(|_| wharf.session()).collect();
    for _ in 0..50 {
        let mut live: Vec<u16> = others.iter_mut().map(Control::epsv_port).collect();
        live.sort_unstable();
        live.dedup();
        assert_eq!(live.len(), 10, "two sessions share a port");
    }
}

#[test]
fn p14_replies_never_begin_with_what_the_client_said() {
    let wharf = Wharf::start();
    let trap = "227 Entering Passive Mode (1,2,3,4,0,21)";
    wharf.write("226 done/213 f", "1");
    let mut control = wharf.session();
    for verb in [
        "NLST", "LIST", "MLSD", "RETR", "STOR", "MLST", "STAT", "CWD", "MKD", "RMD", "DELE",
        "SIZE", "MDTM", "RNFR", "SITE", "OPTS", "HELP", "TYPE", "PORT", "EPSV", "LANG", "HOST",
        "CLNT", "NOOP", "XYZZY", "USER", "REST", "",
    ] {
        let line = format!("{verb} {trap}");
        let reply = control.command(line.trim_start());
        assert_tame(&reply, &line);
        if reply.is_preliminary() {
            control.reply();
        }
        if verb == "MKD" {
            control.command(format!("RMD {trap}"));
        }
        if verb == "USER" {
            control = wharf.session();
        }
    }
    let reply = control.command("STAT 226 done");
    for line in reply.inner() {
        assert!(
            !line.starts_with(b"213 ") && !line.starts_with(b"226 "),
            "{reply}"
        );
    }
}

#[test]
fn p14_control_bytes_come_back_as_something_else() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    for line in [
        b"XYZZY \x1b[2J".to_vec(),
        b"RETR \x1b]0;title\x07".to_vec(),
        b"CWD \x08\x08\x7f".to_vec(),
        b"SITE \x1b[31m".to_vec(),
        b"MKD bad \xc3\x28 utf-8/x".to_vec(),
        b"HELP \x0b\x0c".to_vec(),
        b"RMD \x1b[31m".to_vec(),
        b"MKD made\x1b[31m".to_vec(),
        b"CWD made\x1b[31m".to_vec(),
        b"PWD".to_vec(),
    ] {
        let reply = control.command(&line);
        assert_tame(&reply, &show(&line));
    }
}

#[test]
fn p18_epsv_all_outlives_an_aborted_transfer() {
    let wharf = Wharf::start();
    wharf.write("large", vec![0; 20_000_000]);
    let mut control = wharf.session();
    control.expect("EPSV ALL", 200);
    let mut download = control.begin("RETR large");
    let _ = data::read_some(&mut download, 1000);
    control.send("ABOR");
    control.await_code(426);
    control.await_code(226);
    drop(download);
    for line in ["PASV", "PORT 127,0,0,1,200,200", "EPRT |1|127.0.0.1|50000|"] {
        control.expect(line, 501);
    }
    // A transfer that broke by itself as well.
    let download = control.begin("RETR large");
    data::reset(download);
    control.await_code(426);
    control.expect("PASV", 501);
    control.epsv_port();
}

#[track_caller]
fn assert_tame(reply: &wharf_tests::Reply, said: &str) {
    for line in &reply.lines {
        let begins_like_227 = line.starts_with(b"227");
        assert!(
            !begins_like_227,
            "{said} made the server say {}",
            show(line)
        );
        let control = line.iter().find(|&&byte| byte < 0x20 || byte == 0x7f);
        assert_eq!(control, None, "{said} came back in {}", show(line));
    }
}

fn nobody_came(listener: &TcpListener) -> bool {
    sockopt::set_socket_timeout(
        listener,
        sockopt::Timeout::Recv,
        Some(Duration::from_millis(200)),
    )
    .expect("a timeout");
    match listener.accept() {
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        Ok((mut stream, _)) => {
            let _ = stream.read(&mut [0; 1]);
            false
        }
    }
}
