//! From a start without a certificate to one that clients trust.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use wharf_tests::{Tls, assert_bytes, pattern};

use super::*;

#[test]
fn a_certificate_by_http_01_comes_while_sessions_go_on() {
    comes_while_sessions_go_on("http-01");
}

#[test]
fn a_certificate_by_tls_alpn_01_comes_while_sessions_go_on() {
    comes_while_sessions_go_on("tls-alpn-01");
}

fn comes_while_sessions_go_on(challenge: &str) {
    let site = Site::new(Knobs {
        held_after: Some(0),
        bad_nonces: 1,
        ..Knobs::default()
    });
    let wharf = site.serve(challenge);
    assert_eq!(acme_event(&wharf, "ordering")["names"][0], NAME);
    site.ca
        .wait("an order in the works", |seen| seen.processing > 0);

    let mut live = wharf.session_tls(&named());
    let own = shown(&mut live);
    assert!(
        verified(&wharf, site.ca.root(), NAME).is_err(),
        "trusted already"
    );
    let content = pattern(7, 2_000_000);
    let mut upload = live.begin_tls("STOR f");
    upload.write_all(&content[..1_000_000]).expect("a part");

    site.ca.release();
    let issued = site.in_force(&wharf, 0);
    let told = acme_event(&wharf, "issued");
    assert_eq!(told["names"][0], NAME, "{told}");
    assert!(told["expires"].is_string(), "{told}");

    // Who names the server is shown the new one, which leads to the CA's root.
    assert_ne!(own, issued.der);
    for tls in [Tls::v12(), Tls::v13()] {
        let tls = tls.name(NAME);
        assert_eq!(shown(&mut wharf.connect_tls(&tls)), issued.der);
        assert_eq!(shown(&mut wharf.connect_implicit(&tls)), issued.der);
    }
    assert_eq!(verified(&wharf, site.ca.root(), NAME).as_deref(), Ok("220"));
    assert!(verified(&wharf, site.ca.root(), "other.example").is_err());

    // The session from before goes on, its transfer too, and its next ones.
    upload.write_all(&content[1_000_000..]).expect("the rest");
    drop(upload);
    live.await_code(226);
    assert_bytes("f", &content, &live.retrieve("RETR f"));

    let seen = site.ca.seen();
    assert_eq!(seen.violations, [""; 0]);
    assert_eq!(seen.bad_nonces, 1);
    assert_eq!(seen.contact, ["mailto:ann@example.org"]);
    let asked: Vec<_> = seen.asked.iter().map(|asked| asked.kind.as_str()).collect();
    assert_eq!(asked, [challenge]);
    // Nobody listens where no order runs.
    assert!(TcpStream::connect(("127.0.0.1", site.port())).is_err());
}

#[test]
fn a_restart_keeps_the_certificate_and_new_names_order_another() {
    let site = Site::new(Knobs::default());
    let mut wharf = site.serve("http-01");
    let first = site.in_force(&wharf, 0);
    wharf.kill();
    wharf.restart();
    assert_eq!(shown(&mut wharf.connect_tls(&named())), first.der);

    let builder = Wharf::with();
    let names = [NAME, "www.example.org"];
    wharf.change_settings(&site.settings("http-01", &names, &builder));
    wharf.signal(Signal::HUP);
    let second = site.in_force(&wharf, 1);
    assert_eq!(second.names, names);
    for name in names {
        let tls = Tls::new().name(name);
        assert_eq!(shown(&mut wharf.connect_tls(&tls)), second.der, "{name}");
    }
    // The only order since the restart was for the new names, by the account from before.
    let ordered = acme_events(&wharf, "ordering");
    assert_eq!(ordered.len(), 1, "{ordered:?}");
    assert_eq!(ordered[0]["names"][1], "www.example.org");
    let seen = site.ca.seen();
    assert_eq!((seen.orders, seen.accounts), (2, 1));
}

#[test]
fn keys_are_for_their_owner_and_stay_out_of_every_log() {
    let site = Site::new(Knobs::default());
    let builder = Wharf::with().implicit().argument("--log").argument("trace");
    let settings = site.settings("tls-alpn-01", &[NAME], &builder);
    let wharf = builder.settings(&settings).start();
    site.in_force(&wharf, 0);

    let folder = wharf.scratch().state().join("acme");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).expect("the folder") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("a mode").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name().into_string().expect("UTF-8"));
    }
    names.sort();
    assert_eq!(names, ["account.json", "certificate.pem", "key.pem"]);
    let mode = fs::metadata(&folder).expect("the folder").permissions();
    assert_eq!(mode.mode() & 0o7777, 0o700);

    let key = fs::read_to_string(folder.join("key.pem")).expect("the key");
    let key = key.lines().nth(1).expect("a line of it").to_owned();
    let account = fs::read(folder.join("account.json")).expect("the account");
    let account: Value = serde_json::from_slice(&account).expect("JSON");
    let account = account["key_pkcs8"].as_str().expect("its key").to_owned();
    let said = format!("{}\n{}\n{:?}", wharf.log(), wharf.audit(), wharf.events());
    assert!(said.contains("certificate"), "nothing is logged");
    assert!(!said.contains(&key) && !said.contains(&account));
}
