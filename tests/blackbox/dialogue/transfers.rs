//! RETR, STOR, APPE, STOU, REST, RANG, and how data connections are made.

use std::net::TcpListener;

use wharf_tests::{Control, Wharf, assert_bytes, data, pattern, session_dialogue, tree};

#[test]
fn a_file_goes_out_by_all_four_ways() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    for way in ["passive", "passive-old", "active", "active-old"] {
        session_dialogue(
            &wharf,
            &format!(
                "D: {way}
                 C: RETR f
                 S: 150 ...
                 D< content
                 S: 226 ..."
            ),
        );
    }
}

#[test]
fn a_file_comes_in_by_all_four_ways() {
    let wharf = Wharf::start();
    for way in ["passive", "passive-old", "active", "active-old"] {
        session_dialogue(
            &wharf,
            &format!(
                "D: {way}
                 C: STOR {way}
                 S: 150 ...
                 D> by {way}
                 S: 226 ..."
            ),
        );
        assert_eq!(wharf.read(way), format!("by {way}").as_bytes());
    }
}

#[test]
fn sizes_of_all_kinds_come_through_both_ways() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    for size in [
        0, 1, 1459, 4096, 65_535, 65_536, 65_537, 262_144, 262_145, 5_000_011,
    ] {
        let content = pattern(size as u64, size);
        control.store("STOR f", &content);
        assert_bytes("the upload", &content, &wharf.read("f"));
        assert_bytes("the download", &content, &control.retrieve("RETR f"));
        assert_eq!(control.expect("SIZE f", 213).text(), size.to_string());
    }
}

#[test]
fn an_upload_takes_the_place_of_an_old_file_and_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let wharf = Wharf::start();
    wharf.write("f", pattern(1, 100_000));
    std::fs::set_permissions(wharf.path("f"), PermissionsExt::from_mode(0o604)).expect("a mode");
    wharf.session().store("STOR f", b"new");
    assert_eq!(wharf.read("f"), b"new");
    let mode = std::fs::metadata(wharf.path("f"))
        .expect("the file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o604);
    assert_eq!(tree::names(wharf.root()), [b"f"], "no staging file is left");
}

#[test]
fn append_makes_or_lengthens() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    control.store("APPE log", b"one\n");
    control.store("APPE log", b"two\n");
    control.store("APPE log", b"");
    assert_eq!(wharf.read("log"), b"one\ntwo\n");
}

#[test]
fn stou_names_the_file_it_made() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    let mut seen = Vec::new();
    for round in 0..3 {
        let upload = control.passive();
        let first = control.command("STOU");
        assert_eq!(first.code, 150, "{control}");
        let text = first.text();
        let name = text
            .strip_prefix("FILE: ")
            .unwrap_or_else(|| panic!("RFC 1123 section 4.1.2.9 has `FILE: name`, not {text}"))
            .to_owned();
        std::io::Write::write_all(&mut &upload, format!("round {round}").as_bytes())
            .expect("the content");
        drop(upload);
        let last = control.expect_done();
        assert!(
            last.says(name.trim_start_matches('/')),
            "{name} again in the end: {last}"
        );
        assert_eq!(wharf.read(&name), format!("round {round}").as_bytes());
        assert!(!seen.contains(&name), "a new name each time: {name}");
        seen.push(name);
    }
    // With a wish: the name is unique even when the wish is taken.
    wharf.write("wish", "old");
    control.put("STOU wish", b"new");
    assert_eq!(wharf.read("wish"), b"old", "STOU never replaces");
}

#[test]
fn epsv_all_allows_nothing_else_from_then_on() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    session_dialogue(
        &wharf,
        "C: EPSV ALL
         S: 200 ...
         C: PASV
         S: 501 ...
         C: PORT 127,0,0,1,200,200
         S: 501 ...
         C: EPRT |1|127.0.0.1|50000|
         S: 501 ...
         D: passive
         C: RETR f
         S: 150 ...
         D< content
         S: 226 ...",
    );
}

#[test]
fn epsv_takes_a_protocol_number() {
    let wharf = Wharf::start();
    session_dialogue(
        &wharf,
        "C: EPSV 1
         S: 229 ...(|||...|)...
         # RFC 2428 section 3: 522 with the list of what would do.
         C: EPSV 2
         S: 522 ...(1)...
         C: EPRT |3|127.0.0.1|50000|
         S: 522 ...(1...)...
         C: EPSV
         S: 229 ...(|||...|)...",
    );
}

#[test]
fn passive_replies_have_the_form_of_their_rfcs() {
    let wharf = Wharf::start();
    let ports = wharf.ports().ports();
    let mut control = wharf.session();
    for _ in 0..20 {
        let address = control.pasv_address();
        assert_eq!(
            address.ip(),
            control
                .peer()
                .ip()
                .to_string()
                .parse::<std::net::Ipv4Addr>()
                .as_ref()
                .expect("IPv4")
        );
        assert!(
            ports.contains(&address.port()),
            "{address} is outside of {ports:?}"
        );
        assert!(ports.contains(&control.epsv_port()));
    }
}

#[test]
fn a_transfer_without_a_data_connection_is_425() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    let mut control = wharf.session();
    for command in ["RETR f", "STOR g", "APPE g", "STOU", "LIST", "NLST", "MLSD"] {
        control.expect(command, 425);
    }
    assert_eq!(tree::names(wharf.root()), [b"f"]);
}

#[test]
fn a_passive_port_that_nobody_uses_is_425_and_no_hang() {
    let wharf = Wharf::with_settings("[timeouts]\ndata_connect = \"1 s\"\n");
    wharf.write("f", "content");
    let mut control = wharf.session();
    for command in ["RETR f", "STOR g", "LIST"] {
        control.epsv_port();
        control.send(command);
        let mut reply = control.reply();
        if reply.is_preliminary() {
            reply = control.reply();
        }
        assert_eq!(reply.code, 425, "{control}");
        assert!(reply.has_cause(), "{reply}");
    }
    assert_eq!(
        control.retrieve("RETR f"),
        b"content",
        "the session goes on"
    );
    assert_eq!(tree::names(wharf.root()), [b"f"]);
}

#[test]
fn an_active_connection_that_is_refused_is_425() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    let mut control = wharf.session();
    let closed = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = closed.local_addr().expect("its address").port();
    drop(closed);
    control.expect(format!("EPRT |1|127.0.0.1|{port}|"), 200);
    control.send("RETR f");
    let mut reply = control.reply();
    if reply.is_preliminary() {
        reply = control.reply();
    }
    assert_eq!(reply.code, 425, "{control}");
    assert!(reply.has_cause(), "{reply}");
    assert_eq!(control.retrieve("RETR f"), b"content");
}

#[test]
fn a_data_connection_serves_one_transfer() {
    let wharf = Wharf::start();
    wharf.write("f", "content");
    let mut control = wharf.session();
    assert_eq!(control.retrieve("RETR f"), b"content");
    control.expect("RETR f", 425);
    // The last of several commands counts.
    let unused = control.active();
    let data = control.passive();
    control.expect_any("RETR f", &[125, 150]);
    assert_eq!(data::read_all(data), b"content");
    control.await_code(226);
    drop(unused);
}

#[test]
fn a_folder_or_a_missing_file_is_550() {
    let wharf = Wharf::start();
    wharf.write("folder/f", "1");
    let mut control = wharf.session();
    for command in [
        "RETR folder",
        "RETR missing",
        "RETR folder/f/g",
        "RETR missing/f",
        "RETR /",
    ] {
        let transfer = control.fetch(command);
        assert_eq!(transfer.reply.code, 550, "{command}\n{control}");
        assert!(transfer.reply.has_cause(), "{command}: {}", transfer.reply);
    }
    for command in [
        "STOR folder",
        "STOR missing/f",
        "STOR folder/f/g",
        "STOR /",
        "APPE folder",
    ] {
        let reply = control.put(command, b"x");
        assert!(
            [550, 553].contains(&reply.code),
            "{command}: {reply}\n{control}"
        );
        assert!(reply.has_cause(), "{command}: {reply}");
    }
    assert_eq!(wharf.read("folder/f"), b"1");
}

#[test]
fn the_texts_of_success_have_no_cause() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    let reply = control.store("STOR f", b"1");
    assert!(!reply.has_cause(), "{reply}");
}

#[test]
fn ten_sessions_transfer_at_once() {
    let wharf = Wharf::start();
    let threads: Vec<_> = (0..10_u64)
        .map(|number| {
            let mut control = wharf.session();
            std::thread::spawn(move || {
                let content = pattern(number, 1_000_000 + number as usize);
                control.store(format!("STOR f{number}"), &content);
                let back = control.retrieve(format!("RETR f{number}"));
                assert_bytes("there and back", &content, &back);
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("a session");
    }
}

trait Done {
    fn expect_done(&mut self) -> wharf_tests::Reply;
}

impl Done for Control {
    #[track_caller]
    fn expect_done(&mut self) -> wharf_tests::Reply {
        let reply = self.reply();
        assert!([226, 250].contains(&reply.code), "{reply}\n{self}");
        reply
    }
}
