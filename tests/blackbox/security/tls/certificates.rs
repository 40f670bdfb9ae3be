//! The server's own certificates: made, chosen, replaced.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use wharf_tests::program::Program;
use wharf_tests::tls::certificates::{Authority, Issued, fingerprint, replace};
use wharf_tests::{Builder, Control, Tls, Wharf, assert_bytes, pattern, probe};

use super::{told, unhurt};

#[test]
fn a_first_start_makes_a_certificate_and_keeps_it() {
    let mut wharf = Wharf::start();
    let shown = shown(&mut wharf.connect_tls(&Tls::new()));
    let event = wharf.wait_event("certificate", |event| event["fingerprint"].is_string());
    assert_eq!(event["fingerprint"], shown.as_str(), "{event}");
    let names = event["names"].to_string();
    assert!(
        names.contains("localhost") && names.contains("127.0.0.1"),
        "{event}"
    );

    let folder = wharf.scratch().state().join("tls");
    let text = look_into(&folder.join("certificate.pem"));
    for wanted in [
        "DNS:localhost",
        "IP Address:127.0.0.1",
        "TLS Web Server Authentication",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
    assert!(!text.contains("CA:TRUE"), "{text}");
    let mode = fs::metadata(folder.join("key.pem"))
        .expect("the key")
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);

    wharf.kill();
    wharf.restart();
    let again = self::shown(&mut wharf.connect_tls(&Tls::new()));
    assert_eq!(again, shown, "another one after a restart");
    let other = Wharf::start();
    assert_ne!(self::shown(&mut other.connect_tls(&Tls::new())), shown);
}

fn look_into(certificate: &Path) -> String {
    let finished = Program::new("openssl", "openssl")
        .args(["x509", "-noout", "-text", "-in"])
        .arg(certificate)
        .run();
    String::from_utf8(finished.output).expect("UTF-8")
}

#[test]
fn d15_data_connections_show_the_certificate_of_the_control_connection() {
    let (wharf, one, two) = two_sites();
    for (name, issued) in [("one.example", &one), ("two.example", &two)] {
        // A full handshake on the data connection, refused afterwards, shows what it shows.
        let tls = Tls::v12().name(name);
        let mut control = wharf.session_tls(&tls);
        control.set_data_tls(Some(tls.clone()));
        let data = control.passive();
        control.expect_any("LIST", &[125, 150]);
        let data = tls.connect(data).expect("a handshake");
        assert_eq!(fingerprint(&data.certificate()), issued.fingerprint());
        drop(data);
        control.await_code(522);
    }
}

#[test]
fn sni_chooses_the_certificate() {
    let (wharf, one, two) = two_sites();
    for tls in [Tls::v12(), Tls::v13()] {
        for (name, issued) in [
            ("one.example", &one),
            ("two.example", &two),
            ("TWO.example", &two),
            ("any.two.example", &two),
            // Unknown, too deep for the wildcard: the first.
            ("three.example", &one),
            ("very.any.two.example", &one),
        ] {
            let mut control = wharf.connect_tls(&tls.clone().name(name));
            assert_eq!(shown(&mut control), issued.fingerprint(), "{name}");
            let mut control = wharf.connect_implicit(&tls.clone().name(name));
            assert_eq!(
                shown(&mut control),
                issued.fingerprint(),
                "{name}, implicit"
            );
        }
        assert_eq!(
            shown(&mut wharf.connect_tls(&tls)),
            one.fingerprint(),
            "no name"
        );
        // A whole session under a name.
        let mut control = wharf.session_tls(&tls.name("two.example"));
        control.store("STOR f", b"content");
        assert_eq!(control.retrieve("RETR f"), b"content");
    }
}

#[test]
fn host_chooses_the_certificate_where_sni_does_not() {
    let (wharf, one, two) = two_sites();
    let chosen = |host: &str, tls: &Tls| {
        let mut control = wharf.connect();
        control.expect(format!("HOST {host}"), 220);
        control.auth_tls(tls);
        control.login(wharf.account());
        control.expect("TYPE I", 200);
        control.protect();
        control.store("STOR f", host.as_bytes());
        shown(&mut control)
    };
    let tls = Tls::v13();
    assert_eq!(chosen("two.example", &tls), two.fingerprint());
    assert_eq!(chosen("one.example", &tls), one.fingerprint());
    let named = tls.name("one.example");
    assert_eq!(chosen("two.example", &named), one.fingerprint(), "SNI wins");
    let mut control = wharf.connect();
    control.expect("HOST three.example", 504);
    control.expect("HOST two.example", 220);
}

#[test]
fn a_new_certificate_is_taken_without_dropping_a_session() {
    let authority = Authority::new("root");
    let old = authority.server(&["localhost"]);
    let (builder, chain, key) = with_certificate(&old);
    let mut wharf = builder.start();
    let content = pattern(1, 3_000_000);
    let tls = Tls::v13();
    let mut live = wharf.session_tls(&tls);
    assert_eq!(shown(&mut live), old.fingerprint());
    let mut upload = live.begin_tls("STOR f");
    std::io::Write::write_all(&mut upload, &content[..1_000_000]).expect("a part");

    let new = authority.server(&["localhost"]);
    replace(&key, &new.key);
    replace(&chain, &new.chain);
    let wanted = new.fingerprint();
    let event = wharf.wait_event("certificate", |event| {
        event["fingerprint"] == wanted.as_str()
    });
    assert_eq!(event["outcome"], "loaded", "{event}");
    assert_eq!(shown(&mut wharf.connect_tls(&tls)), wanted);

    // The session goes on, its transfer too, and its next data connection resumes it.
    std::io::Write::write_all(&mut upload, &content[1_000_000..]).expect("the rest");
    drop(upload);
    live.await_code(226);
    assert_bytes("f", &content, &wharf.read("f"));
    assert_bytes("f", &content, &live.retrieve("RETR f"));
    unhurt(&mut wharf);
}

#[test]
fn a_bad_certificate_leaves_the_old_one_in_force() {
    let authority = Authority::new("root");
    let old = authority.server(&["localhost"]);
    let (builder, chain, key) = with_certificate(&old);
    let mut wharf = builder.start();
    let other = authority.server(&["localhost"]);
    for (what, path, content) in [
        ("a key of another one", &key, Some(other.key.as_str())),
        ("no PEM", &chain, Some("nonsense\n")),
        ("an empty file", &chain, Some("")),
        ("no file", &chain, None),
    ] {
        match content {
            Some(content) => replace(path, content),
            None => fs::remove_file(path).expect("the file"),
        }
        // SIGHUP asks for it now, instead of waiting for a pair that may still be changing.
        let event = reload(&wharf);
        assert_eq!(event["outcome"], "failed", "{what}: {event}");
        let said = event["problems"].to_string();
        assert!(said.contains("server."), "{what}: which file: {said}");
        let secret = other.key.lines().nth(1).expect("a line of the key");
        assert!(!said.contains(secret), "{what}: a key is shown: {said}");
        let now = shown(&mut wharf.connect_tls(&Tls::new()));
        assert_eq!(now, old.fingerprint(), "{what}");
        replace(&chain, &old.chain);
        replace(&key, &old.key);
        assert_eq!(
            reload(&wharf)["outcome"],
            "done",
            "{what}, then right again"
        );
    }
    unhurt(&mut wharf);
}

// SIGHUP, and how that came out.
#[track_caller]
fn reload(wharf: &Wharf) -> serde_json::Value {
    let before = told(wharf, "reload").len();
    wharf.signal(Signal::HUP);
    let ended = probe::eventually(wharf_tests::PATIENCE, || {
        told(wharf, "reload").len() > before
    });
    assert!(ended, "nothing came of SIGHUP: {:?}", wharf.events());
    told(wharf, "reload").pop().expect("an event")
}

#[test]
fn sighup_takes_a_new_certificate_and_new_tls_settings() {
    let authority = Authority::new("root");
    let old = authority.server(&["localhost"]);
    let (builder, chain, key) = with_certificate(&old);
    let first = settings(&chain, &key);
    let wharf = builder.start();
    wharf.write("f", "content");
    let tls = Tls::v13();
    let mut live = wharf.session_tls(&tls);

    let new = authority.server(&["localhost"]);
    let (chain, key) = new.write(wharf.scratch().base(), "other");
    wharf.change_settings(&format!("{}reuse = \"off\"\n", settings(&chain, &key)));
    wharf.signal(Signal::HUP);
    let taken = probe::eventually(wharf_tests::PATIENCE, || {
        shown(&mut wharf.connect_tls(&tls)) == new.fingerprint()
    });
    assert!(taken, "the other files are not taken");
    let mut fresh = wharf.session_tls(&tls);
    fresh.set_data_tls(Some(tls.fresh()));
    assert_eq!(fresh.retrieve("RETR f"), b"content");
    // The session from before keeps what it began with.
    assert_eq!(live.retrieve("RETR f"), b"content");
    live.set_data_tls(Some(tls.fresh()));
    assert_eq!(live.fetch("RETR f").reply.code, 522, "{live}");
    assert!(!first.contains("other"));
}

#[test]
fn a_start_with_a_bad_certificate_says_which_file_and_why() {
    let authority = Authority::new("root");
    let (one, two) = (authority.server(&["one"]), authority.server(&["two"]));
    let (builder, chain, key) = with_certificate(&one);
    replace(&key, &two.key);
    let refused = builder.try_start().expect_err("it starts");
    let names = [&chain, &key].map(|path| path.file_name().expect("a name").to_owned());
    let names = names.map(|name| name.into_string().expect("UTF-8"));
    assert!(
        names.iter().any(|name| refused.text.contains(name)),
        "{}",
        refused.text
    );
    assert!(
        !refused.text.contains("BEGIN"),
        "a key is shown: {}",
        refused.text
    );

    let (builder, chain, _) = with_certificate(&one);
    fs::remove_file(&chain).expect("the chain");
    let refused = builder.try_start().expect_err("it starts");
    assert!(refused.text.contains("server.pem"), "{}", refused.text);
}

#[test]
fn keys_and_passwords_under_tls_stay_out_of_every_log() {
    let issued = Authority::new("root").server(&["localhost"]);
    let (builder, ..) = with_certificate(&issued);
    let wharf = builder
        .implicit()
        .argument("--log")
        .argument("trace")
        .start();
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = wharf.session_tls(&tls);
        control.command("PASS once-more-in-the-wrong-place");
        control.store("STOR f", b"the-content-of-a-file");
        let mut control = wharf.connect_implicit(&tls);
        control.expect(format!("USER {}", wharf.account().name), 331);
        control.expect("PASS a-wrong-guess", 530);
    }
    let key_line = issued.key.lines().nth(1).expect("a line of the key");
    let seen = format!("{}\n{}\n{:?}", wharf.log(), wharf.audit(), wharf.events());
    for secret in [
        "once-more-in-the-wrong-place",
        "a-wrong-guess",
        "the-content-of-a-file",
        key_line,
    ] {
        assert!(!seen.contains(secret), "{secret} is in a log");
    }
    // The first start tells the first account's password, once, as an event.
    let mut others = wharf.events();
    others.retain(|event| event["event"] != "account");
    let seen = format!("{}\n{}\n{others:?}", wharf.log(), wharf.audit());
    assert!(
        !seen.contains(&wharf.account().password),
        "the password is in a log"
    );
}

fn two_sites() -> (Wharf, Issued, Issued) {
    let authority = Authority::new("root");
    let one = authority.server(&["one.example", "127.0.0.1"]);
    let two = authority.server(&["two.example", "*.two.example"]);
    let builder = Wharf::with();
    let folder = builder.scratch().base().to_owned();
    let (chain_one, key_one) = one.write(&folder, "one");
    let (chain_two, key_two) = two.write(&folder, "two");
    let settings = format!(
        "[tls]\ncertificate = [{chain_one:?}, {chain_two:?}]\nkey = [{key_one:?}, {key_two:?}]\n"
    );
    (builder.settings(&settings).implicit().start(), one, two)
}

fn with_certificate(issued: &Issued) -> (Builder, PathBuf, PathBuf) {
    let builder = Wharf::with();
    let (chain, key) = issued.write(builder.scratch().base(), "server");
    let settings = settings(&chain, &key);
    (builder.settings(&settings), chain, key)
}

fn settings(chain: &Path, key: &Path) -> String {
    format!("[tls]\ncertificate = {chain:?}\nkey = {key:?}\n")
}

fn shown(control: &mut Control) -> String {
    fingerprint(&control.tls_stream().certificate())
}
