//! Row P8: the end of a file must be its sender's word, not a FIN that anybody can forge.

use std::io::Write;
use std::net::Ipv4Addr;

use wharf_tests::{Control, Tls, Wharf, assert_bytes, data, pattern, probe};

#[test]
fn p8_an_upload_without_close_notify_has_failed() {
    let wharf = Wharf::start();
    let content = pattern(5, 900_000);
    let part = content.get(..300_000).expect("a part");
    for (way, tls) in [("TLS 1.2", Tls::v12()), ("TLS 1.3", Tls::v13())] {
        wharf.write("f", "the old version");
        let mut control = wharf.session_tls(&tls);
        let mut upload = control.begin_tls("STOR f");
        upload.write_all(part).expect("a part");
        let _socket = upload.cut();
        let reply = control.await_code(426);
        assert!(reply.says("[F-13]"), "{way}: {reply}");
        assert_eq!(wharf.read("f"), b"the old version", "{way}");
        let event = wharf.wait_event("upload", |event| event["outcome"] == "failed");
        assert_eq!(event["cause"], "F-13", "{event}");

        // What came is kept, to go on from.
        std::fs::remove_file(wharf.path("f")).expect("the old version");
        let size = control.expect("SIZE f", 213).text();
        assert_eq!(size, "300000", "{way}: the partial\n{control}");
        control.expect("REST 300000", 350);
        let rest = content.get(300_000..).expect("the rest");
        let reply = control.put("STOR f", rest);
        assert_eq!(reply.code, 226, "{way}: {reply}\n{control}");
        assert_bytes(way, &content, &wharf.read("f"));
        std::fs::remove_file(wharf.path("f")).expect("the new version");
    }
}

#[test]
fn p8_not_even_an_empty_or_an_appended_file_ends_without_it() {
    let wharf = Wharf::start();
    let mut control = wharf.session_tls(&Tls::v13());
    let upload = control.begin_tls("STOR empty");
    let _socket = upload.cut();
    control.await_code(426);
    assert!(!wharf.path("empty").exists());

    wharf.write("log", "first ");
    let mut upload = control.begin_tls("APPE log");
    upload.write_all(b"second").expect("a part");
    let _socket = upload.cut();
    let reply = control.await_code(426);
    assert!(reply.says("[F-13]"), "{reply}");
    assert_eq!(wharf.read("log"), b"first ");
}

#[test]
fn p8_a_reset_is_no_end_either() {
    let wharf = Wharf::start();
    wharf.write("f", "the old version");
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = wharf.session_tls(&tls);
        let mut upload = control.begin_tls("STOR f");
        upload.write_all(&pattern(1, 100_000)).expect("a part");
        upload.reset();
        let reply = control.await_code(426);
        assert!(reply.has_cause(), "{reply}");
        assert_eq!(wharf.read("f"), b"the old version");
        control.expect("NOOP", 200);
    }
}

#[test]
fn p8_records_that_were_changed_on_the_way_are_no_file() {
    let wharf = Wharf::start();
    wharf.write("f", "the old version");
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = wharf.session_tls(&tls);
        let mut upload = control.begin_tls("STOR f");
        upload.write_all(b"what the client said").expect("a part");
        // An application data record that nobody with the key has made.
        let mut forged = vec![23, 3, 3, 0, 64];
        forged.extend_from_slice(&pattern(2, 64));
        (&mut upload.socket())
            .write_all(&forged)
            .expect("a forged record");
        let reply = control.reply();
        assert!([426, 451].contains(&reply.code), "{reply}\n{control}");
        assert!(reply.has_cause(), "{reply}");
        assert_eq!(wharf.read("f"), b"the old version");
        control.expect("NOOP", 200);
        upload.abandon();
    }
}

#[test]
fn p8_close_notify_is_the_end_with_or_without_a_fin() {
    let wharf = Wharf::start();
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = wharf.session_tls(&tls);
        let mut upload = control.begin_tls("STOR f");
        upload.write_all(b"all of it").expect("the content");
        upload.close_notify();
        // The client's FIN is still to come; nothing in clear behind the end counts.
        let _ = (&mut upload.socket()).write_all(b"and something in clear");
        control.await_code(226);
        assert_eq!(wharf.read("f"), b"all of it");
        upload.abandon();
        std::fs::remove_file(wharf.path("f")).expect("the file");
    }
}

#[test]
fn p8_relaxed_everywhere_a_fin_is_enough() {
    let wharf = Wharf::with_settings("[tls]\nclose_notify = \"optional\"\n");
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = wharf.session_tls(&tls);
        cut_upload(&mut control);
        control.await_code(226);
        assert_eq!(wharf.read("f"), b"all of it");
        std::fs::remove_file(wharf.path("f")).expect("the file");
        // A reset stays what it is.
        let mut upload = control.begin_tls("STOR f");
        upload.write_all(b"half").expect("a part");
        upload.reset();
        control.await_code(426);
        assert!(!wharf.path("f").exists());
    }
}

#[test]
fn p8_relaxed_for_one_network_only() {
    let settings =
        "[tls]\nnetworks = [{ clients = \"127.0.0.2/32\", close_notify = \"optional\" }]\n";
    let wharf = Wharf::with_settings(settings);
    let tls = Tls::v13();
    let socket = data::connect_from(Ipv4Addr::new(127, 0, 0, 2), wharf.address());
    let mut there = Control::around(socket.expect("another address"));
    there.await_code(220);
    there.auth_tls(&tls);
    there.login(wharf.account());
    there.expect("TYPE I", 200);
    there.protect();
    cut_upload(&mut there);
    there.await_code(226);
    assert_eq!(wharf.read("f"), b"all of it");

    let mut here = wharf.session_tls(&tls);
    cut_upload(&mut here);
    here.await_code(426);
    assert_eq!(wharf.read("f"), b"all of it");
}

fn cut_upload(control: &mut Control) {
    let mut upload = control.begin_tls("STOR f");
    upload.write_all(b"all of it").expect("the content");
    drop(upload.cut());
}

#[test]
fn p8_downloads_and_listings_end_with_close_notify() {
    let wharf = Wharf::start();
    let content = pattern(3, 2_000_000);
    wharf.write("f", &content);
    wharf.write("empty", "");
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = wharf.session_tls(&tls);
        for command in ["RETR f", "RETR empty", "LIST", "NLST", "MLSD"] {
            let transfer = control.fetch(command);
            assert_eq!(transfer.reply.code, 226, "{control}");
            let session = transfer.tls.expect("TLS").expect("a handshake");
            assert!(session.close_notify, "{command} ends like a cut line");
        }
        assert_bytes("f", &content, &control.retrieve("RETR f"));
    }
}

#[test]
fn p8_a_download_cut_by_the_client_is_426() {
    let wharf = Wharf::start();
    wharf.write("large", pattern(4, 60_000_000));
    let mut control = wharf.session_tls(&Tls::v13());
    let mut download = control.begin_tls("RETR large");
    std::io::Read::read_exact(&mut download, &mut [0; 1000]).expect("a part");
    download.reset();
    let reply = control.await_code(426);
    assert!(reply.has_cause(), "{reply}");
    control.expect("NOOP", 200);
    // One that says close_notify in the middle reads no more: the same.
    let mut download = control.begin_tls("RETR large");
    std::io::Read::read_exact(&mut download, &mut [0; 1000]).expect("a part");
    drop(download);
    control.await_code(426);
    let settled = probe::eventually(wharf_tests::PATIENCE, || {
        probe::listening(&wharf.ports().ports()).is_empty()
    });
    assert!(settled, "a passive port stays open");
}

/// Where the end of the connection is taken for the end of the file, half a record is still a cut.
#[test]
fn p8_half_a_record_is_a_cut_whatever_the_settings_say() {
    let wharf = Wharf::with_settings("[tls]\nclose_notify = \"optional\"\n");
    for tls in [Tls::v12(), Tls::v13()] {
        wharf.write("f", "the old version");
        let mut control = wharf.session_tls(&tls);
        let mut upload = control.begin_tls("STOR f");
        upload.write_all(b"a whole record").expect("a record");
        // The header of a record of 100 bytes, and ten of them.
        let half = [&[0x17, 3, 3, 0, 100][..], &[7; 10]].concat();
        upload.raw().write_all(&half).expect("half a record");
        let _socket = upload.cut();
        let reply = control.await_code(426);
        assert!(reply.says("[F-13]"), "{reply}");
        assert_eq!(wharf.read("f"), b"the old version");
    }
}
