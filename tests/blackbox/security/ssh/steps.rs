//! A8, A9, A14, A20, A22: logins of several steps, and what holds between them.

use std::sync::{Arc, Barrier};
use std::time::{Duration, SystemTime};

use wharf_tests::ssh_client::{Said, SshClient, UserKey, totp};
use wharf_tests::{Wharf, probe};

use super::keys::keyed;
use super::serve_with;

/// Runs `wharf user …`, which must go well.
#[track_caller]
fn user(wharf: &Wharf, words: &[&str]) -> String {
    let done = wharf.user(words.iter().copied(), "");
    let done = done.well().unwrap_or_else(|problem| panic!("{problem}"));
    String::from_utf8(done.output).expect("UTF-8")
}

/// `chained`: a key and then the password; and its key.
fn chained() -> (Wharf, UserKey) {
    let wharf = serve_with("[ssh]\nlogin_attempts = 100\n");
    let key = UserKey::make(&wharf.scratch().local(), "chained");
    wharf.add_account(
        "chained",
        &["--login", "publickey,password", "--key", &key.public()],
    );
    (wharf, key)
}

#[test]
fn a8_a_chain_is_walked_in_its_order_and_to_its_end() {
    let (wharf, key) = chained();
    let mut client = SshClient::ready_to_log_in(&wharf);
    // The second step first is no step, right as it is.
    assert!(client.password("chained", b"pass-of-chained").is_refused());
    let said = client.by_key("chained", &key);
    assert_eq!(
        said,
        Said::Failure {
            methods: "password".to_owned(),
            partial: true
        }
    );
    // The first step twice is not two steps.
    assert!(client.by_key("chained", &key).is_refused());
    assert!(client.password("chained", b"wrong").is_refused());
    client.interactive("chained");
    assert!(client.answer(b"pass-of-chained").is_refused());
    assert_eq!(
        client.password("chained", b"pass-of-chained"),
        Said::Success
    );
}

#[test]
fn a8_another_name_between_two_steps_begins_anew() {
    let (wharf, key) = chained();
    let ann = UserKey::make(&wharf.scratch().local(), "ann");
    wharf.add_account(
        "ann",
        &["--login", "publickey,password", "--key", &ann.public()],
    );
    let mut client = SshClient::ready_to_log_in(&wharf);
    // Ann's key and another one's password.
    assert!(client.by_key("ann", &ann).is_partial());
    assert!(client.password("chained", b"pass-of-chained").is_refused());
    // And back: ann's first step is forgotten.
    assert!(client.password("ann", b"pass-of-ann").is_refused());
    assert!(client.by_key("chained", &key).is_partial());
    assert!(client.none("ann").is_refused());
    assert!(client.password("chained", b"pass-of-chained").is_refused());
    assert!(client.by_key("chained", &key).is_partial());
    assert_eq!(
        client.password("chained", b"pass-of-chained"),
        Said::Success
    );
}

#[test]
fn a9_questions_belong_to_the_name_they_were_asked_for() {
    let (wharf, _) = keyed();
    let bob = wharf.add_account::<&str>("cam", &[]);
    let mut client = SshClient::ready_to_log_in(&wharf);
    // Asked as one, answered after another name was tried.
    client.interactive("ann");
    assert!(client.none("cam").is_refused());
    assert!(client.answer(bob.password.as_bytes()).is_refused());
    client.interactive("cam");
    assert!(client.none("cam").is_refused());
    assert!(client.answer(bob.password.as_bytes()).is_refused());
    client.interactive("cam");
    assert_eq!(client.answer(bob.password.as_bytes()), Said::Success);
}

#[test]
fn a8_what_a_certificate_demands_holds_through_the_chain() {
    let (wharf, authority, key) = super::certificates::trusting();
    user(&wharf, &["change", "ann", "--login", "publickey,password"]);
    for (source, enough) in [("192.0.2.0/24", false), ("127.0.0.0/8", true)] {
        let option = format!("source-address={source}");
        let certificate = authority.certify(&key, &["-n", "ann", "-O", &option]);
        let mut client = SshClient::ready_to_log_in(&wharf);
        let said = client.signed("ann", &certificate.algorithm, &certificate.wire, &key);
        assert_eq!(said.is_partial(), enough, "{source}: {said:?}");
        let said = client.password("ann", b"pass-of-ann");
        assert_eq!(said == Said::Success, enough, "{source}: {said:?}");
    }
}

/// `coded`: a password and codes; gives the secret of the codes and a recovery code.
fn coded(wharf: &Wharf) -> (String, String) {
    let key = UserKey::make(&wharf.scratch().local(), "coded");
    wharf.add_account("coded", &["--key", &key.public()]);
    let said = user(wharf, &["totp", "coded", "--no-confirm"]);
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    (text(&said["secret"]), text(&said["recovery_codes"][0]))
}

/// The password and a code, one after the other.
fn with_code(client: &mut SshClient, code: &str) -> Said {
    client.interactive("coded");
    let asked = client.answer(b"pass-of-coded");
    if !matches!(asked, Said::Questions(_)) {
        return asked;
    }
    client.answer(code.as_bytes())
}

#[test]
fn a14_a_code_is_taken_once_however_many_send_it_at_once() {
    let wharf = serve_with("[ssh]\nlogin_attempts = 100\n[limits]\nsessions_per_account = 100\n");
    let (secret, _) = coded(&wharf);
    // The password is remembered: then all of them are at the code at the same time.
    let code = totp(&secret, SystemTime::now());
    let barrier = Arc::new(Barrier::new(20));
    let threads: Vec<_> = (0..20)
        .map(|_| {
            let mut client = SshClient::ready_to_log_in(&wharf);
            let (barrier, code) = (Arc::clone(&barrier), code.clone());
            std::thread::spawn(move || {
                client.interactive("coded");
                let asked = client.answer(b"pass-of-coded");
                assert!(matches!(asked, Said::Questions(_)), "{asked:?}");
                barrier.wait();
                client.answer(code.as_bytes())
            })
        })
        .collect();
    let said: Vec<_> = threads
        .into_iter()
        .map(|one| one.join().expect("one"))
        .collect();
    let through = said.iter().filter(|said| **said == Said::Success).count();
    assert_eq!(through, 1, "{said:?}");
    // Nor does FTP take it once more.
    let mut control = wharf.connect();
    control.expect("USER coded", 331);
    control.expect(format!("PASS pass-of-coded{code}"), 530);
}

#[test]
fn a14_nobody_enters_an_account_with_codes_without_one() {
    let wharf = serve_with("[ssh]\nlogin_attempts = 100\n");
    let (secret, recovery) = coded(&wharf);
    let key = UserKey::read(&wharf.scratch().local().join("coded"));
    let mut client = SshClient::ready_to_log_in(&wharf);
    // A password alone, a key alone, the code in the place of the password.
    assert!(client.password("coded", b"pass-of-coded").is_refused());
    let code = totp(&secret, SystemTime::now());
    let together = format!("pass-of-coded{code}");
    assert!(client.password("coded", together.as_bytes()).is_refused());
    client.interactive("coded");
    assert!(client.answer(code.as_bytes()).is_refused());
    for wrong in ["", "000000", "12345", &"9".repeat(4000)] {
        let said = with_code(&mut client, wrong);
        assert!(said.is_refused(), "{wrong}: {said:?}");
    }
    let mut client = SshClient::ready_to_log_in(&wharf);
    let said = client.by_key("coded", &key);
    assert!(said.is_partial(), "{said:?}");
    // FTP: the password alone is not enough either.
    let mut control = wharf.connect();
    control.expect("USER coded", 331);
    control.expect("PASS pass-of-coded", 530);
    // A recovery code lets in, once, by whatever protocol.
    assert_eq!(
        with_code(&mut SshClient::ready_to_log_in(&wharf), &recovery),
        Said::Success
    );
    assert!(with_code(&mut SshClient::ready_to_log_in(&wharf), &recovery).is_refused());
    let mut control = wharf.connect();
    control.expect("USER coded", 331);
    control.expect(format!("PASS pass-of-coded+{recovery}"), 530);
}

#[test]
fn a14_codes_cannot_be_guessed_by_trying() {
    let wharf = serve_with("[ssh]\nlogin_attempts = 100\n");
    let (secret, _) = coded(&wharf);
    let mut client = SshClient::ready_to_log_in(&wharf);
    for number in 0..12 {
        assert!(with_code(&mut client, &format!("{number:06}")).is_refused());
    }
    // After so many even the right one is not looked at for a while, and it looks the same.
    let code = totp(&secret, SystemTime::now());
    let said = with_code(&mut client, &code);
    assert!(said.is_refused(), "{said:?}");
}

#[test]
fn a20_the_options_of_a_key_hold() {
    let wharf = serve_with("[ssh]\nlogin_attempts = 100\n");
    let folder = wharf.scratch().local();
    let keys: Vec<_> = (0..9)
        .map(|number| UserKey::make(&folder, &format!("k{number}")))
        .collect();
    let options = [
        ("", true),
        ("restrict ", true),
        ("from=\"192.0.2.0/24\" ", false),
        ("from=\"127.0.0.0/8,!127.0.0.1\" ", false),
        ("from=\"127.0.0.1\" ", true),
        ("expiry-time=\"20200101\" ", false),
        ("expiry-time=\"20990101\",restrict ", true),
        ("command=\"true\" ", false),
        ("no-such-option ", false),
    ];
    let lines = options.iter().zip(&keys);
    let text: String = lines
        .map(|((option, _), key)| format!("{option}{}\n", key.line()))
        .collect();
    let file = folder.join("authorized_keys");
    std::fs::write(&file, text).expect("a file of keys");
    let file = file.to_str().expect("UTF-8");
    user(
        &wharf,
        &["add", "ann", "--no-password", "--authorized-keys", file],
    );
    for ((option, enough), key) in options.iter().zip(&keys) {
        let mut client = SshClient::ready_to_log_in(&wharf);
        let would = client.query("ann", &key.algorithm, &key.wire);
        assert_eq!(would == Said::KeyWouldDo, *enough, "{option}: {would:?}");
        let said = client.by_key("ann", key);
        assert_eq!(said == Said::Success, *enough, "{option}: {said:?}");
    }
}

#[test]
fn a20_a_key_whose_time_is_over_ends_its_session() {
    let wharf = serve_with("[ssh]\nlogin_attempts = 100\n");
    let folder = wharf.scratch().local();
    let key = UserKey::make(&folder, "key");
    let end = SystemTime::now() + Duration::from_secs(3);
    let seconds = end
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("now")
        .as_secs();
    let time = wharf_tests::program::Program::new("date", "coreutils")
        .args(["-u", "-d", &format!("@{seconds}"), "+%Y%m%d%H%M%SZ"])
        .run();
    let time = String::from_utf8(time.output).expect("a time");
    let file = folder.join("authorized_keys");
    std::fs::write(
        &file,
        format!("expiry-time=\"{}\" {}\n", time.trim(), key.line()),
    )
    .expect("a file of keys");
    let file = file.to_str().expect("UTF-8");
    user(
        &wharf,
        &["add", "ann", "--no-password", "--authorized-keys", file],
    );
    let mut client = SshClient::ready_to_log_in(&wharf);
    assert_eq!(client.by_key("ann", &key), Said::Success);
    let ended = client.ended(Duration::from_secs(8));
    assert!(ended.text().contains("[B-12]"), "{ended:?}");
    assert!(
        SystemTime::now() >= end - Duration::from_secs(1),
        "too early"
    );
    assert!(
        SshClient::ready_to_log_in(&wharf)
            .by_key("ann", &key)
            .is_refused()
    );
}

#[test]
fn a11_a_line_taken_out_of_a_file_of_keys_ends_its_session() {
    let wharf = serve_with("[ssh]\nlogin_attempts = 100\n");
    let folder = wharf.scratch().local();
    let keys = ["goes", "stays"].map(|name| UserKey::make(&folder, name));
    let file = folder.join("authorized_keys");
    let text = |keys: &[UserKey]| {
        let lines = keys.iter().map(|key| format!("{}\n", key.line()));
        lines.collect::<String>()
    };
    std::fs::write(&file, text(&keys)).expect("a file of keys");
    let name = file.to_str().expect("UTF-8");
    user(
        &wharf,
        &["add", "ann", "--no-password", "--authorized-keys", name],
    );
    let mut clients = keys.each_ref().map(|key| {
        let mut client = SshClient::ready_to_log_in(&wharf);
        assert_eq!(client.by_key("ann", key), Said::Success);
        client
    });
    std::fs::write(&file, text(&keys[1..])).expect("a file of keys");
    clients[0].ended(Duration::from_secs(8));
    assert!(clients[1].is_open(Duration::from_millis(100)));
}

#[test]
fn a22_what_changes_between_two_steps_counts() {
    let threads = [false, true].map(|late| std::thread::spawn(move || changed_between(late)));
    for thread in threads {
        thread.join().expect("one of the cases");
    }
}

fn changed_between(late: bool) {
    let (wharf, key) = chained();
    // Disabled between the steps, then without its key.
    let mut client = SshClient::ready_to_log_in(&wharf);
    assert!(client.by_key("chained", &key).is_partial());
    user(&wharf, &["disable", "chained"]);
    let said = client.password("chained", b"pass-of-chained");
    assert!(said != Said::Success, "{said:?}");
    user(&wharf, &["enable", "chained"]);
    let mut client = SshClient::ready_to_log_in(&wharf);
    assert!(client.by_key("chained", &key).is_partial());
    let fingerprint = wharf_tests::ssh_client::keygen(&["-lf", &key.public()]);
    let fingerprint = fingerprint.split(' ').nth(1).expect("a fingerprint");
    user(&wharf, &["key", "remove", "chained", fingerprint]);
    // The server asks once a second whether something has changed: both are tried.
    if late {
        std::thread::sleep(Duration::from_millis(2500));
    }
    // What was proved does not hold any more, whether the server has heard of it by now or hears
    // of it later.
    let mut said = client.password("chained", b"pass-of-chained");
    if said == Said::Success {
        said = Said::Ended(client.ended(Duration::from_secs(6)));
    }
    assert!(matches!(said, Said::Ended(_)), "{said:?}");
}

#[test]
fn a22_a_removed_account_is_nobodys_between_two_steps() {
    let (wharf, key) = chained();
    let mut client = SshClient::ready_to_log_in(&wharf);
    assert!(client.by_key("chained", &key).is_partial());
    user(&wharf, &["remove", "chained"]);
    // Somebody else's, of the same name and with the same password.
    wharf.add_account("chained", &["--login", "publickey,password"]);
    let said = client.password("chained", b"pass-of-chained");
    assert!(said != Said::Success, "{said:?}");
    let none = !probe::eventually(Duration::from_millis(300), || {
        wharf.events().iter().any(|event| event["event"] == "login")
    });
    assert!(none, "somebody logged in");
}
