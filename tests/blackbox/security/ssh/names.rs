//! A1 to A5: what a login gives away, and what it costs.

use std::time::{Duration, Instant};

use wharf_ssh::encoding::Writer;
use wharf_tests::ssh_client::{Said, SshClient, UserKey};
use wharf_tests::{Wharf, probe};

use super::keys::keyed;
use super::{NO_MORE_AUTH_METHODS, serve, serve_with};
use crate::security::accounts::mann_whitney;

/// Everything that can be asked of a name, and what is said to it.
fn transcript(wharf: &Wharf, stranger: &UserKey, name: &str) -> Vec<Vec<u8>> {
    let mut client = SshClient::ready_to_log_in(wharf);
    let mut said = Vec::new();
    let mut ask = |payload: &[u8]| {
        let answer = client.exchange(payload);
        said.push(answer.expect("an answer").1);
    };
    ask(&request(name, b"none", b""));
    ask(&SshClient::password_message(name, b"wrong"));
    ask(&SshClient::password_message(name, b""));
    ask(&request(name, b"keyboard-interactive", &[0; 8]));
    ask(&answers(&[b"wrong"]));
    ask(&request(name, b"keyboard-interactive", &[0; 8]));
    ask(&answers(&[]));
    let mut query = vec![0];
    query.put_string(b"ssh-ed25519");
    query.put_string(&stranger.wire);
    ask(&request(name, b"publickey", &query));
    let mut unreadable = vec![0];
    unreadable.put_string(b"ssh-ed25519");
    unreadable.put_string(b"no key");
    ask(&request(name, b"publickey", &unreadable));
    ask(&request(name, b"hostbased", b"anything"));
    ask(&request(name, b"gssapi-with-mic", b"anything"));
    let (mut signed, message) = client.to_sign(name, &stranger.algorithm, &stranger.wire);
    signed.put_string(&stranger.sign(&message));
    said.push(client.exchange(&signed).expect("an answer").1);
    said
}

#[test]
fn a2_every_name_is_answered_the_same() {
    let (wharf, [.., stranger]) = keyed();
    wharf.add_account::<&str>("disabled", &[]);
    wharf.add_account("elsewhere", &["--networks", "192.0.2.0/24"]);
    wharf.add_account("chained", &["--login", "publickey,password"]);
    wharf.add_account::<&str>("coded", &[]);
    for words in [
        vec!["disable", "disabled"],
        vec!["totp", "coded", "--no-confirm"],
    ] {
        let done = wharf.user(words, "");
        done.well().unwrap_or_else(|problem| panic!("{problem}"));
    }
    let names = [
        "missing",
        "wharf",
        "ann",
        "disabled",
        "elsewhere",
        "chained",
        "coded",
        "",
        "no/such:name",
    ];
    // Side by side: each waits for many refusals.
    let said = std::thread::scope(|scope| {
        let threads = names.map(|name| scope.spawn(|| transcript(&wharf, &stranger, name)));
        threads.map(|thread| thread.join().expect("a transcript"))
    });
    let [missing, others @ ..] = said;
    for (name, said) in names.iter().skip(1).zip(others) {
        for (step, (expected, found)) in missing.iter().zip(&said).enumerate() {
            assert_eq!(expected, found, "`{name}` at step {step}");
        }
    }
    // Nor does what would be right for an account that may not come in now tell more.
    let mut client = SshClient::ready_to_log_in(&wharf);
    let wrong = client.password("missing", b"wrong");
    for name in ["disabled", "elsewhere", "chained", "coded"] {
        let said = client.password(name, format!("pass-of-{name}").as_bytes());
        assert_eq!(said, wrong, "{name}");
    }
}

#[test]
fn a1_a_missing_user_takes_as_long_as_a_wrong_password() {
    let wharf = serve_with("[ssh]\nlogin_attempts = 100\n");
    let known = wharf.account().name.clone();
    compare(&wharf, &known, 16, |client, name, round| {
        client.password(name, format!("wrong-{round}").as_bytes())
    });
}

#[test]
fn a1_a_missing_user_takes_as_long_as_a_wrong_answer() {
    let wharf = serve_with("[ssh]\nlogin_attempts = 100\n");
    let known = wharf.account().name.clone();
    compare(&wharf, &known, 16, |client, name, round| {
        client.interactive(name);
        client.answer(format!("wrong-{round}").as_bytes())
    });
}

#[test]
fn a1_a_missing_user_takes_as_long_as_an_unknown_key() {
    let (wharf, [_, _, nobodys]) = keyed();
    let file = wharf.scratch().local().join("authorized_keys");
    std::fs::write(&file, format!("{}\n", nobodys.line())).expect("a file of keys");
    let file = file.to_str().expect("UTF-8");
    // With a key in the database, and with a file that has to be read.
    let with_file = wharf.user(
        ["add", "cam", "--no-password", "--authorized-keys", file],
        "",
    );
    with_file
        .well()
        .unwrap_or_else(|problem| panic!("{problem}"));
    let other = UserKey::make(&wharf.scratch().local(), "other");
    for known in ["ann", "cam"] {
        compare(&wharf, known, 20, |client, name, _| {
            client.query(name, &other.algorithm, &other.wire)
        });
    }
}

/// The same step for a name that is known and for names that are not, in turn.
fn compare(
    wharf: &Wharf,
    known: &str,
    rounds: usize,
    step: impl Fn(&mut SshClient, &str, usize) -> Said,
) {
    let mut client = SshClient::ready_to_log_in(wharf);
    let mut times: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        for which in [round % 2, (round + 1) % 2] {
            let name = if which == 0 {
                known.to_owned()
            } else {
                format!("nobody{round}")
            };
            let since = Instant::now();
            let said = step(&mut client, &name, round);
            times[which].push(since.elapsed().as_secs_f64());
            assert!(said.is_refused(), "{name}: {said:?}");
        }
    }
    let z = mann_whitney(&times[0], &times[1]);
    assert!(z.abs() < 4.5, "{known}: z = {z}: {times:?}");
}

#[test]
fn a3_tries_have_an_end_whatever_is_tried_and_whoever_is_named() {
    let wharf = serve();
    let mut client = SshClient::ready_to_log_in(&wharf);
    for number in 0..5 {
        // None of it begins the count anew: another name, another method, a question of keys.
        let said = match number % 3 {
            0 => client.password(&format!("name{number}"), b"wrong"),
            1 => client.query("ann", "ssh-ed25519", b"no key"),
            _ => {
                client.interactive("ann");
                client.answer(b"wrong")
            }
        };
        assert!(said.is_refused(), "try {number}: {said:?}");
        client.none("somebody");
    }
    let account = wharf.account().clone();
    let Said::Ended(ended) = client.password(&account.name, b"wrong") else {
        panic!("a sixth wrong try is not the last");
    };
    assert_eq!(ended.code(), NO_MORE_AUTH_METHODS, "{ended:?}");
    assert!(ended.text().contains("[B-1]"), "{ended:?}");
    // Right at the last try is right.
    let mut client = SshClient::ready_to_log_in(&wharf);
    for _ in 0..5 {
        assert!(client.password(&account.name, b"wrong").is_refused());
    }
    let said = client.password(&account.name, account.password.as_bytes());
    assert_eq!(said, Said::Success);
}

#[test]
fn a4_long_passwords_cost_no_hash() {
    let wharf = serve_with("[ssh]\nlogin_attempts = 100\n");
    let name = wharf.account().name.clone();
    let cost = |length: usize| {
        let mut client = SshClient::ready_to_log_in(&wharf);
        let before = probe::cpu_ticks(wharf.pid());
        for _ in 0..6 {
            let said = client.password(&name, &vec![b'x'; length]);
            assert!(said.is_refused(), "{length}: {said:?}");
        }
        probe::cpu_ticks(wharf.pid()) - before
    };
    let hashed = cost(20);
    let long = cost(1025);
    let longer = cost(30_000);
    assert!(hashed >= 3, "six hashes took {hashed} ticks");
    assert!(
        long * 3 < hashed + 3 && longer * 3 < hashed + 3,
        "{hashed}, {long}, {longer} ticks"
    );
    // A megabyte does not even fit a packet, whole or claimed.
    let before = probe::resident(wharf.pid());
    let mut client = SshClient::ready_to_log_in(&wharf);
    let said = client.password(&name, &vec![b'x'; 1 << 20]);
    assert!(matches!(said, Said::Ended(_)), "{said:?}");
    let mut client = SshClient::ready_to_log_in(&wharf);
    let mut payload = request(&name, b"password", &[0]);
    payload.put_u32(1 << 20);
    payload.push(b'x');
    let said = client.step(&payload);
    assert!(matches!(said, Said::Ended(_)), "{said:?}");
    let grown = probe::resident(wharf.pid()).saturating_sub(before);
    assert!(grown < 2 << 20, "{grown} bytes");
    drop(SshClient::session(&wharf));
}

#[test]
fn a4_many_logins_at_once_leave_the_others_alone() {
    let wharf = serve_with("[limits]\nsessions_per_account = 200\n");
    let mut idle = wharf_tests::ssh_client::Sftp::of(&wharf);
    let threads: Vec<_> = (0..60)
        .map(|number| {
            let mut client = SshClient::ready_to_log_in(&wharf);
            let name = wharf.account().name.clone();
            std::thread::spawn(move || {
                let said = client.password(&name, format!("wrong-{number}").as_bytes());
                let busy = matches!(&said, Said::Ended(ended) if ended.text().contains("[E-3]"));
                assert!(said.is_refused() || busy, "{said:?}");
            })
        })
        .collect();
    let mut times = Vec::new();
    while !threads.iter().all(std::thread::JoinHandle::is_finished) {
        let since = Instant::now();
        idle.size("/");
        times.push(since.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
    for thread in threads {
        thread.join().expect("a login");
    }
    times.sort();
    let late = times[times.len() * 9 / 10];
    assert!(
        late < Duration::from_millis(500),
        "one in ten took {late:?} or more"
    );
}

#[test]
fn a5_nothing_is_neither_a_name_nor_a_password() {
    let (wharf, _) = keyed();
    let mut client = SshClient::ready_to_log_in(&wharf);
    for name in [wharf.account().name.as_str(), "ann", "missing", ""] {
        assert!(client.none(name).is_refused(), "`{name}`");
        assert!(client.password(name, b"").is_refused(), "`{name}`");
        client.interactive(name);
        assert!(client.answer(b"").is_refused(), "`{name}`");
    }
}

fn request(name: &str, method: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut payload = vec![50];
    payload.put_string(name.as_bytes());
    payload.put_string(b"ssh-connection");
    payload.put_string(method);
    payload.extend_from_slice(rest);
    payload
}

fn answers(answers: &[&[u8]]) -> Vec<u8> {
    let mut payload = vec![61];
    payload.put_u32(u32::try_from(answers.len()).expect("few"));
    for answer in answers {
        payload.put_string(answer);
    }
    payload
}
