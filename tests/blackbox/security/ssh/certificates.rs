//! A10, A11: what certificates let in, and what takes them back.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use wharf_sftp::Request;
use wharf_tests::Wharf;
use wharf_tests::ssh_client::{Said, Sftp, SshClient, UserKey, keygen};

/// A server that trusts an authority, an account `ann`, and a key.
pub(super) fn trusting() -> (Wharf, UserKey, UserKey) {
    let builder = Wharf::with().sftp();
    let folder = builder.scratch().local();
    let authority = UserKey::make(&folder, "authority");
    fs::copy(authority.public(), folder.join("user_ca")).expect("the authority's public half");
    fs::write(folder.join("revoked"), "").expect("nothing revoked");
    let settings = format!(
        "[ssh]\nlogin_attempts = 100\nuser_ca = \"{0}/user_ca\"\nrevoked_keys = \"{0}/revoked\"\n",
        folder.to_str().expect("UTF-8")
    );
    let wharf = builder.settings(&settings).start();
    wharf.add_account::<&str>("ann", &[]);
    wharf.add_account::<&str>("bob", &[]);
    let key = UserKey::make(&folder, "key");
    (wharf, authority, key)
}

fn revoked(wharf: &Wharf) -> PathBuf {
    wharf.scratch().local().join("revoked")
}

/// What is said to a certificate of `key`. What opens something was told to be of use before.
#[track_caller]
fn offer(wharf: &Wharf, name: &str, authority: &UserKey, key: &UserKey, options: &[&str]) -> Said {
    let certificate = authority.certify(key, options);
    let mut client = SshClient::ready_to_log_in(wharf);
    let would = client.query(name, &certificate.algorithm, &certificate.wire);
    let said = client.signed(name, &certificate.algorithm, &certificate.wire, key);
    let told = would == Said::KeyWouldDo;
    assert!(told || said != Said::Success, "{options:?}: {would:?}");
    said
}

#[test]
fn a10_certificates_let_in_whom_they_name_and_when_and_nobody_else() {
    let (wharf, authority, key) = trusting();
    let forever = ["-V", "always:forever"];
    for (what, options) in [
        ("no principals", &[][..]),
        ("every principal", &["-n", "*"]),
        ("another user", &["-n", "bob"]),
        ("another spelling", &["-n", "Ann"]),
        ("the beginning of the name", &["-n", "an"]),
        ("over", &["-n", "ann", "-V", "-2d:-1d"]),
        ("not yet", &["-n", "ann", "-V", "+1d:+2d"]),
        ("of a host", &["-h", "-n", "ann"]),
        (
            "an unknown critical option",
            &["-n", "ann", "-O", "critical:no-such@example.org=x"],
        ),
        ("a command", &["-n", "ann", "-O", "force-command=true"]),
        (
            "another address",
            &["-n", "ann", "-O", "source-address=192.0.2.0/24"],
        ),
        (
            "a touch of hardware",
            &["-n", "ann", "-O", "verify-required"],
        ),
    ] {
        let said = offer(&wharf, "ann", &authority, &key, options);
        assert!(said.is_refused(), "{what}: {said:?}");
    }
    for options in [
        &["-n", "ann"][..],
        &["-n", "bob,ann"],
        &["-n", "ann", "-V", "-1d:+1d"],
        &["-n", "ann", forever[0], forever[1]],
        &["-n", "ann", "-O", "source-address=127.0.0.1/32"],
        &["-n", "ann", "-O", "extension:no-such@example.org=x"],
    ] {
        let said = offer(&wharf, "ann", &authority, &key, options);
        assert_eq!(said, Said::Success, "{options:?}");
    }
    // Nor an account that is not there.
    let said = offer(&wharf, "missing", &authority, &key, &["-n", "missing"]);
    assert!(said.is_refused(), "{said:?}");
}

#[test]
fn a10_a_certificate_needs_its_own_key_and_its_own_authority() {
    let (wharf, authority, key) = trusting();
    let folder = wharf.scratch().local();
    let other = UserKey::make(&folder, "other");
    let certificate = authority.certify(&key, &["-n", "ann"]);
    let (algorithm, wire) = (certificate.algorithm, certificate.wire);
    let mut client = SshClient::ready_to_log_in(&wharf);
    // Signed by another key, by the authority itself, under another algorithm's name.
    assert!(client.signed("ann", &algorithm, &wire, &other).is_refused());
    assert!(
        client
            .signed("ann", &algorithm, &wire, &authority)
            .is_refused()
    );
    assert!(
        client
            .signed("ann", "ssh-ed25519", &wire, &key)
            .is_refused()
    );
    // Every changed byte is seen.
    for at in (0..wire.len()).step_by(13) {
        let mut changed = wire.clone();
        changed[at] ^= 1;
        let said = client.signed("ann", &algorithm, &changed, &key);
        if !said.is_refused() {
            panic!("byte {at} may be changed: {said:?}");
        }
        if at % 130 == 117 {
            client = SshClient::ready_to_log_in(&wharf);
        }
    }
    // By an authority of its own, and by its subject.
    for authority in [&other, &key] {
        let said = offer(&wharf, "ann", authority, &key, &["-n", "ann"]);
        assert!(said.is_refused(), "{said:?}");
    }
    // The authority's key is no user's key.
    let mut client = SshClient::ready_to_log_in(&wharf);
    assert!(client.by_key("ann", &authority).is_refused());
    assert_eq!(client.signed("ann", &algorithm, &wire, &key), Said::Success);
}

#[test]
fn a10_disabled_accounts_are_closed_to_certificates_too() {
    let (wharf, authority, key) = trusting();
    assert!(wharf.user(["disable", "ann"], "").status.success());
    let said = offer(&wharf, "ann", &authority, &key, &["-n", "ann"]);
    assert!(said.is_refused(), "{said:?}");
}

/// How something is revoked: by a KRL of ssh-keygen's or by a list of public keys.
fn revoke(wharf: &Wharf, krl: bool, what: &str) {
    let file = revoked(wharf);
    let new = file.with_extension("new");
    let shown = new.to_str().expect("UTF-8");
    if krl {
        keygen(&["-k", "-f", shown, what]);
    } else {
        fs::copy(what, &new).expect("a list");
    }
    // As administrators should: never half a list.
    fs::rename(&new, &file).expect("the list");
}

#[test]
fn a11_what_is_revoked_opens_nothing_and_its_sessions_end() {
    let cases = [
        (true, "serial"),
        (true, "key"),
        (true, "authority"),
        (false, "key"),
    ];
    let threads = cases.map(|(krl, by)| std::thread::spawn(move || revoked_by(krl, by)));
    for thread in threads {
        thread.join().expect("one of the cases");
    }
}

fn revoked_by(krl: bool, by: &str) {
    let (wharf, authority, key) = trusting();
    let certificate = authority.certify(&key, &["-n", "ann", "-z", "77"]);
    let mut live = SshClient::ready_to_log_in(&wharf);
    let said = live.signed("ann", &certificate.algorithm, &certificate.wire, &key);
    assert_eq!(said, Said::Success);
    // Somebody else's session by the same authority is not concerned, unless it is revoked.
    let others = UserKey::make(&wharf.scratch().local(), "others");
    let second = authority.certify(&others, &["-n", "bob", "-z", "78"]);
    let mut bobs = SshClient::ready_to_log_in(&wharf);
    let said = bobs.signed("bob", &second.algorithm, &second.wire, &others);
    assert_eq!(said, Said::Success);
    let what = match by {
        // ssh-keygen revokes a certificate by its serial and its authority.
        "serial" => certificate.file.to_str().expect("UTF-8").to_owned(),
        "authority" => authority.public(),
        _ => key.public(),
    };
    revoke(&wharf, krl, &what);
    let ended = live.ended(Duration::from_secs(8));
    assert!(ended.text().contains("[B-12]"), "{by}: {ended:?}");
    let mut client = SshClient::ready_to_log_in(&wharf);
    let said = client.signed("ann", &certificate.algorithm, &certificate.wire, &key);
    assert!(said.is_refused(), "{by}: {said:?}");
    if by == "authority" {
        bobs.ended(Duration::from_secs(5));
    } else {
        Sftp::over(bobs, u32::MAX).store("bobs", b"x");
    }
}

#[test]
fn a11_what_is_revoked_before_a_login_is_over_is_revoked_for_it() {
    let (wharf, authority, key) = trusting();
    let certificate = authority.certify(&key, &["-n", "ann"]);
    // Connected, and asked whether it would do, before it is revoked.
    let mut client = SshClient::ready_to_log_in(&wharf);
    let would = client.query("ann", &certificate.algorithm, &certificate.wire);
    assert_eq!(would, Said::KeyWouldDo);
    revoke(&wharf, true, &key.public());
    let mut witness = SshClient::ready_to_log_in(&wharf);
    let known = wharf_tests::probe::eventually(Duration::from_secs(8), || {
        let said = witness.query("ann", &certificate.algorithm, &certificate.wire);
        said.is_refused()
    });
    assert!(known, "the list is not read");
    let said = client.signed("ann", &certificate.algorithm, &certificate.wire, &key);
    assert!(said.is_refused(), "{said:?}");
}

/// Between the step by key and the step by password.
#[test]
fn a11_what_is_revoked_between_two_steps_lets_nobody_in() {
    let (wharf, authority, key) = trusting();
    wharf.add_account("chained", &["--login", "publickey,password"]);
    let certificate = authority.certify(&key, &["-n", "chained"]);
    let by_certificate = |client: &mut SshClient| {
        client.signed("chained", &certificate.algorithm, &certificate.wire, &key)
    };
    let mut client = SshClient::ready_to_log_in(&wharf);
    assert!(by_certificate(&mut client).is_partial());
    revoke(&wharf, true, &key.public());
    let known = wharf_tests::probe::eventually(Duration::from_secs(8), || {
        by_certificate(&mut SshClient::ready_to_log_in(&wharf)).is_refused()
    });
    assert!(known, "the list is not read");
    let said = client.password("chained", b"pass-of-chained");
    assert!(said != Said::Success, "{said:?}");
    drop(client);
    wharf.wait_event("closed", |event| event["reason"] == "revoked");
    let events = wharf.events();
    assert!(!events.iter().any(|event| event["event"] == "login"));
}

#[test]
fn a10_a_certificate_ends_also_for_who_sends_without_a_pause() {
    let (wharf, authority, key) = trusting();
    let certificate = authority.certify(&key, &["-n", "ann", "-V", "-1m:+4s"]);
    let mut client = SshClient::ready_to_log_in(&wharf);
    let said = client.signed("ann", &certificate.algorithm, &certificate.wire, &key);
    assert_eq!(said, Said::Success);
    let mut sftp = Sftp::over(client, u32::MAX);
    // There is always more to do: the server never waits for anything.
    let mut requests = Vec::new();
    for id in 0..1000 {
        let request = Request::Realpath { id, path: b"a/b/c" };
        request.encode_into(&mut requests).expect("it can be said");
    }
    let since = Instant::now();
    while sftp.send_bytes(&requests).is_ok() {
        assert!(since.elapsed() < Duration::from_secs(10), "it goes on");
    }
    wharf.wait_event("closed", |event| event["reason"] == "expired");
}

#[test]
fn a11_a_revoked_key_is_revoked_wherever_it_stands() {
    let (wharf, ..) = trusting();
    let key = UserKey::make(&wharf.scratch().local(), "plain");
    let added = wharf.user(["key", "add", "ann", &key.public()], "");
    added.well().unwrap_or_else(|problem| panic!("{problem}"));
    let mut live = SshClient::ready_to_log_in(&wharf);
    assert_eq!(live.by_key("ann", &key), Said::Success);
    revoke(&wharf, false, &key.public());
    live.ended(Duration::from_secs(8));
    let mut client = SshClient::ready_to_log_in(&wharf);
    assert!(client.by_key("ann", &key).is_refused());
    // A list that cannot be read leaves the one in force.
    fs::write(revoked(&wharf), "SSHKRL\n\0half of a list").expect("a broken list");
    std::thread::sleep(Duration::from_secs(3));
    assert!(
        SshClient::ready_to_log_in(&wharf)
            .by_key("ann", &key)
            .is_refused()
    );
}

#[test]
fn a11_an_authority_that_is_taken_back_takes_its_sessions_along() {
    let (wharf, authority, key) = trusting();
    let folder = wharf.scratch().local();
    let certificate = authority.certify(&key, &["-n", "ann"]);
    let mut live = SshClient::ready_to_log_in(&wharf);
    let said = live.signed("ann", &certificate.algorithm, &certificate.wire, &key);
    assert_eq!(said, Said::Success);
    let mut by_password = SshClient::ready_to_log_in(&wharf);
    assert_eq!(by_password.password("ann", b"pass-of-ann"), Said::Success);
    // Another authority in its place.
    let other = UserKey::make(&folder, "next");
    fs::copy(other.public(), folder.join("next_ca")).expect("a copy");
    fs::rename(folder.join("next_ca"), folder.join("user_ca")).expect("the authorities");
    live.ended(Duration::from_secs(8));
    let mut client = SshClient::ready_to_log_in(&wharf);
    let said = client.signed("ann", &certificate.algorithm, &certificate.wire, &key);
    assert!(said.is_refused(), "{said:?}");
    assert_eq!(
        offer(&wharf, "ann", &other, &key, &["-n", "ann"]),
        Said::Success
    );
    // Who came in by something else stays.
    assert!(
        by_password
            .open_channel(1 << 20, 1 << 15)
            .expect("an answer")
            .is_ok()
    );
}

#[test]
fn a11_an_authority_in_the_accounts_own_file_is_for_that_account_alone() {
    let (wharf, _, key) = trusting();
    let folder = wharf.scratch().local();
    let own = UserKey::make(&folder, "own");
    let file = folder.join("authorized_keys");
    let line = |options: &str| format!("cert-authority{options} {}\n", own.line());
    fs::write(&file, line("")).expect("a file of keys");
    let words = [
        "change",
        "ann",
        "--authorized-keys",
        file.to_str().expect("UTF-8"),
    ];
    let changed = wharf.user(words, "");
    changed.well().unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!(
        offer(&wharf, "ann", &own, &key, &["-n", "ann"]),
        Said::Success
    );
    assert!(offer(&wharf, "bob", &own, &key, &["-n", "bob"]).is_refused());
    assert!(offer(&wharf, "ann", &own, &key, &["-n", "bob"]).is_refused());
    assert!(offer(&wharf, "ann", &own, &key, &[]).is_refused());
    // With principals of its own the name counts no more.
    fs::write(&file, line(",principals=\"staff\"")).expect("a file of keys");
    assert!(offer(&wharf, "ann", &own, &key, &["-n", "ann"]).is_refused());
    assert_eq!(
        offer(&wharf, "ann", &own, &key, &["-n", "staff"]),
        Said::Success
    );
    // As a plain key the authority opens nothing.
    assert!(
        SshClient::ready_to_log_in(&wharf)
            .by_key("ann", &own)
            .is_refused()
    );
}
