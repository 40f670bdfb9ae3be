//! Rows A: what a login gives away, and what it costs.

use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use wharf_tests::{Account, Control, Wharf, probe};

#[test]
fn a1_a_missing_user_takes_as_long_as_a_wrong_password() {
    let wharf = Wharf::with_settings("[limits]\nlogin_attempts = 100\n");
    let mut control = wharf.connect();
    let mut times: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for round in 0..48 {
        // Which goes first changes, so that a slow moment of the machine favours neither.
        for which in [round % 2, (round + 1) % 2] {
            let name = if which == 0 {
                wharf.account().name.clone()
            } else {
                format!("nobody{round}")
            };
            control.expect(format!("USER {name}"), 331);
            let since = Instant::now();
            control.expect(format!("PASS wrong-{round}"), 530);
            times[which].push(since.elapsed().as_secs_f64());
        }
    }
    let z = mann_whitney(&times[0], &times[1]);
    // If only one of the two ran the hash they would not overlap: z would be beyond 8.
    assert!(z.abs() < 4.5, "z = {z}: {times:?}");
}

// The normal approximation of the rank-sum test: how many standard deviations the ranks of the
// first are away from where chance has them.
pub(super) fn mann_whitney(first: &[f64], second: &[f64]) -> f64 {
    let wins: f64 = first
        .iter()
        .map(|a| {
            second
                .iter()
                .map(|b| if a > b { 1.0 } else { f64::from(a == b) / 2.0 })
                .sum::<f64>()
        })
        .sum();
    let (n, m) = (first.len() as f64, second.len() as f64);
    (wins - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

#[test]
fn a2_the_flow_is_the_same_for_everybody() {
    let wharf = Wharf::start();
    wharf.add_account::<&str>("disabled", &[]);
    assert!(wharf.user(["disable", "disabled"], "").status.success());
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl x";
    let file = wharf.scratch().base().join("key.pub");
    std::fs::write(&file, format!("{key}\n")).expect("a key");
    let finished = wharf.user(["add", "keyed", "--key", file.to_str().expect("UTF-8")], "");
    let keyed = finished.status.success();
    let mut transcripts = Vec::new();
    let mut names = vec!["wharf", "missing", "disabled"];
    if keyed {
        names.push("keyed");
    }
    for name in names {
        let mut control = wharf.connect();
        let mut said = String::new();
        for line in [format!("USER {name}"), "PASS wrong".to_owned()] {
            said.push_str(&control.command(line).to_string());
        }
        transcripts.push((name, said.replace(name, "NAME")));
    }
    for (name, said) in &transcripts {
        assert_eq!(said, &transcripts[0].1, "{name} is answered in another way");
    }
    // Nor does the right password of a disabled account say more than a wrong one.
    let mut control = wharf.connect();
    control.expect("USER disabled", 331);
    let right = control.expect("PASS pass-of-disabled", 530);
    control.expect("USER disabled", 331);
    let wrong = control.expect("PASS wrong", 530);
    assert_eq!(right, wrong);
}

#[test]
fn a4_long_passwords_cost_no_hash() {
    let wharf = Wharf::with_settings("[limits]\nlogin_attempts = 100\n");
    let mut control = wharf.connect();
    let attempt = |control: &mut Control, password: &str| {
        let before = probe::cpu_ticks(wharf.pid());
        for _ in 0..10 {
            control.expect(format!("USER {}", wharf.account().name), 331);
            control.expect_any(format!("PASS {password}"), &[530, 501]);
        }
        probe::cpu_ticks(wharf.pid()) - before
    };
    let hashed = attempt(&mut control, "wrong");
    let long = attempt(&mut control, &"x".repeat(1025));
    assert!(
        hashed >= 5,
        "ten hashes took {hashed} ticks: is there a hash at all?"
    );
    assert!(
        long * 3 < hashed + 3,
        "ten long ones took {long} ticks, ten hashes {hashed}"
    );
    // The longest that is looked at.
    control.expect(format!("USER {}", wharf.account().name), 331);
    control.expect(format!("PASS {}", "x".repeat(1024)), 530);
    // A megabyte is no password but a line without end (M1).
    control.expect(format!("USER {}", wharf.account().name), 331);
    let _ =
        control.try_send_raw(&[b"PASS ".to_vec(), vec![b'x'; 1 << 20], b"\r\n".to_vec()].concat());
    if let Ok(Some(reply)) = control.try_reply() {
        assert!([500, 530].contains(&reply.code), "{control}");
    }
    drop(control);
    wharf.session().expect("NOOP", 200);
}

#[test]
fn a4_many_logins_at_once_leave_the_others_alone() {
    let wharf = Wharf::with_settings("[limits]\nsessions_per_account = 200\n");
    let mut idle = wharf.session();
    let threads: Vec<_> = (0..100)
        .map(|number| {
            let mut control = wharf.connect();
            let name = wharf.account().name.clone();
            std::thread::spawn(move || {
                control.expect(format!("USER {name}"), 331);
                control.set_patience(Duration::from_secs(120));
                let reply = control.command(format!("PASS wrong-{number}"));
                assert!([530, 421].contains(&reply.code), "{reply}");
            })
        })
        .collect();
    let mut times = Vec::new();
    while !threads.iter().all(std::thread::JoinHandle::is_finished) {
        let since = Instant::now();
        idle.expect("NOOP", 200);
        times.push(since.elapsed());
    }
    for thread in threads {
        thread.join().expect("a login");
    }
    times.sort();
    let late = times[times.len() * 9 / 10];
    assert!(
        late < Duration::from_millis(500),
        "a NOOP in ten took {late:?} or more"
    );
}

#[test]
fn a5_nothing_is_not_a_password() {
    let wharf = Wharf::with_settings("[limits]\nlogin_attempts = 100\n");
    let mut control = wharf.connect();
    for name in [wharf.account().name.as_str(), "missing"] {
        for pass in ["PASS ", "PASS"] {
            control.expect(format!("USER {name}"), 331);
            let reply = control.command(pass);
            assert!(
                [530, 501].contains(&reply.code),
                "{pass:?}: {reply}\n{control}"
            );
            control.expect("PWD", 530);
        }
    }
    for line in ["USER", "USER "] {
        let reply = control.command(line);
        assert!(
            [501, 530].contains(&reply.code),
            "{line:?}: {reply}\n{control}"
        );
        let reply = control.command("PASS x");
        assert!([503, 530].contains(&reply.code), "{reply}\n{control}");
    }
    // An account with a key and without a password cannot be entered with any.
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl x";
    let file = wharf.scratch().base().join("key.pub");
    std::fs::write(&file, format!("{key}\n")).expect("a key");
    let finished = wharf.user(["add", "keyed", "--key", file.to_str().expect("UTF-8")], "");
    if let Err(problem) = finished.well() {
        panic!("{problem}");
    }
    for password in ["", "x", "keyed"] {
        control.expect("USER keyed", 331);
        let reply = control.command(format!("PASS {password}"));
        assert!(
            [530, 501].contains(&reply.code),
            "{password:?}: {reply}\n{control}"
        );
    }
    // Nor does an empty line make an empty password.
    let finished = wharf.user(["add", "empty", "--password-stdin"], "\n");
    assert!(!finished.status.success(), "{finished}");
}

#[test]
fn a9_one_session_is_one_account() {
    let wharf = Wharf::start();
    wharf.write("ann/own", "ann's");
    wharf.write("bob/own", "bob's");
    let home = |name: &str| wharf.path(name).to_str().expect("UTF-8").to_owned();
    let ann = wharf.add_account("ann", &["--home", &home("ann")]);
    let bob = wharf.add_account("bob", &["--home", &home("bob")]);
    let mut control = wharf.session_of(&ann);
    control.expect_any(format!("USER {}", bob.name), &[503, 530]);
    control.command(format!("PASS {}", bob.password));
    let status = control.expect("STAT", 211);
    assert!(
        status.says(&ann.name) && !status.says(&bob.name),
        "{status}"
    );
    assert_eq!(control.retrieve("RETR own"), b"ann's");

    // Between USER and PASS, the last USER counts and nothing of the first remains.
    let mut control = wharf.connect();
    control.expect("USER ann", 331);
    control.expect("USER bob", 331);
    control.expect(format!("PASS {}", ann.password), 530);
    control.expect("PWD", 530);
    control.expect("USER ann", 331);
    control.expect(format!("PASS {}", bob.password), 530);
    control.login(&bob);
    assert_eq!(control.retrieve("RETR own"), b"bob's");
}

#[test]
fn a8_an_account_enters_from_its_networks_only() {
    let wharf = Wharf::start();
    let ann = wharf.add_account("ann", &["--networks", "192.0.2.0/24,2001:db8::/32"]);
    let mut control = wharf.connect();
    control.expect("USER ann", 331);
    let right = control.expect(format!("PASS {}", ann.password), 530);
    control.expect("USER ann", 331);
    let wrong = control.expect("PASS wrong", 530);
    assert_eq!(
        right, wrong,
        "the right password from elsewhere says no more"
    );
    wharf.wait_event("login_failed", |event| event["cause"] == "B-6");
    let here = wharf.user(["change", "ann", "--networks", "127.0.0.0/8,::1"], "");
    assert!(here.status.success(), "{here}");
    wharf.session_of(&ann).expect("PWD", 257);
}

#[test]
fn a14_the_code_follows_the_password_and_is_used_up() {
    let wharf = Wharf::with_settings("[limits]\nlogin_attempts = 100\n");
    let ann = wharf.add_account::<&str>("ann", &[]);
    let given = wharf.user(["totp", "ann", "--no-confirm"], "");
    let given: serde_json::Value = serde_json::from_slice(&given.output).expect("JSON");
    let secret = given["secret"].as_str().expect("a secret");
    let recovery = given["recovery_codes"][0].as_str().expect("a code");
    let mut control = wharf.connect();
    let mut refused = |password: String| {
        control.expect("USER ann", 331);
        control.expect(format!("PASS {password}"), 530)
    };
    let without = refused(ann.password.clone());
    assert_eq!(
        without,
        refused("wrong".to_owned()),
        "half of it says no more than none"
    );
    wharf.wait_event("login_failed", |event| event["cause"] == "B-19");
    let code = totp(secret);
    refused(format!("wrong{code}"));
    refused(format!("{}+{code}", ann.password));
    let with = |code: &str| Account {
        name: ann.name.clone(),
        password: format!("{}{code}", ann.password),
    };
    // At the same time, on twenty connections: one gets in.
    let tries: Vec<_> = (0..20)
        .map(|_| {
            let (mut control, sent) = (wharf.connect(), with(&code).password);
            std::thread::spawn(move || {
                control.expect("USER ann", 331);
                control.command(format!("PASS {sent}")).code
            })
        })
        .collect();
    let told: Vec<_> = tries
        .into_iter()
        .map(|one| one.join().expect("a login"))
        .collect();
    assert_eq!(
        told.iter().filter(|code| **code == 230).count(),
        1,
        "{told:?}"
    );
    wharf
        .session_of(&with(&format!("+{recovery}")))
        .expect("PWD", 257);
    refused(format!("{}+{recovery}", ann.password));
}

/// RFC 6238, by hand.
fn totp(secret: &str) -> String {
    let mut bits = 0_u64;
    let mut key = Vec::new();
    for (at, letter) in secret.bytes().enumerate() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            _ => letter - b'2' + 26,
        };
        bits = bits << 5 | u64::from(value);
        if at % 8 == 7 {
            key.extend_from_slice(&bits.to_be_bytes()[3..]);
            bits = 0;
        }
    }
    let since = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("after 1970");
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = hmac::sign(&key, &(since.as_secs() / 30).to_be_bytes());
    let offset = usize::from(tag.as_ref()[19] & 0xf);
    let word: [u8; 4] = tag.as_ref()[offset..offset + 4]
        .try_into()
        .expect("four bytes");
    format!(
        "{:06}",
        (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000
    )
}
