//! A change to an account reaches live sessions within five seconds.

use std::time::{Duration, Instant};

use wharf_tests::{Control, Wharf, data, pattern};

#[test]
fn a_disabled_account_is_out_within_five_seconds() {
    let wharf = Wharf::start();
    let ann = wharf.add_account::<&str>("ann", &[]);
    let mut live = wharf.session_of(&ann);
    assert!(wharf.user(["disable", "ann"], "").status.success());
    refused_within_five_seconds(&mut live, "PWD");
    let mut again = wharf.connect();
    again.expect("USER ann", 331);
    again.expect(format!("PASS {}", ann.password), 530);
    // Others are not concerned.
    wharf.session().expect("PWD", 257);
    assert!(wharf.user(["enable", "ann"], "").status.success());
    wharf.session_of(&ann).expect("PWD", 257);
}

#[test]
fn a_removed_account_is_out_within_five_seconds() {
    let wharf = Wharf::start();
    let ann = wharf.add_account::<&str>("ann", &[]);
    let mut live = wharf.session_of(&ann);
    assert!(wharf.user(["remove", "ann"], "").status.success());
    refused_within_five_seconds(&mut live, "PWD");
}

#[test]
fn an_account_whose_time_is_over_is_out_within_five_seconds() {
    let wharf = Wharf::start();
    let ann = wharf.add_account::<&str>("ann", &[]);
    let mut live = wharf.session_of(&ann);
    let soon = std::time::SystemTime::now() + Duration::from_secs(3);
    let soon = wharf_tests::probe::utc(soon);
    assert!(
        wharf
            .user(["change", "ann", "--expires", &soon], "")
            .status
            .success()
    );
    // Nothing changes any more when the moment comes.
    live.expect("PWD", 257);
    std::thread::sleep(Duration::from_secs(2));
    refused_within_five_seconds(&mut live, "PWD");
    let mut again = wharf.connect();
    again.expect("USER ann", 331);
    again.expect(format!("PASS {}", ann.password), 530);
    wharf.wait_event("login_failed", |event| event["cause"] == "B-12");
    assert!(
        wharf
            .user(["change", "ann", "--expires", "never"], "")
            .status
            .success()
    );
    wharf.session_of(&ann).expect("PWD", 257);
}

#[test]
fn who_may_not_come_from_there_any_more_is_out_within_five_seconds() {
    let wharf = Wharf::start();
    let ann = wharf.add_account("ann", &["--networks", "127.0.0.0/8,::1"]);
    let mut live = wharf.session_of(&ann);
    let elsewhere = wharf.user(["change", "ann", "--networks", "192.0.2.0/24"], "");
    assert!(elsewhere.status.success(), "{elsewhere}");
    refused_within_five_seconds(&mut live, "PWD");
}

#[test]
fn an_account_that_is_given_codes_loses_the_sessions_without_one() {
    let wharf = Wharf::start();
    let ann = wharf.add_account::<&str>("ann", &[]);
    let mut live = wharf.session_of(&ann);
    assert!(
        wharf
            .user(["totp", "ann", "--no-confirm"], "")
            .status
            .success()
    );
    refused_within_five_seconds(&mut live, "PWD");
}

#[test]
fn a_disabled_account_loses_a_running_transfer() {
    let wharf = Wharf::start();
    let ann = wharf.add_account::<&str>("ann", &[]);
    wharf.write("large", pattern(1, 80_000_000));
    let mut live = wharf.session_of(&ann);
    let mut download = live.begin("RETR large");
    let _ = data::read_some(&mut download, 1000);
    assert!(wharf.user(["disable", "ann"], "").status.success());
    let since = Instant::now();
    // Nothing is read any more: the rest cannot be in the socket's buffers.
    let reply = live.reply();
    assert!([426, 421].contains(&reply.code), "{reply}\n{live}");
    assert!(
        since.elapsed() < Duration::from_secs(6),
        "{:?}",
        since.elapsed()
    );
    drop(download);
}

#[test]
fn a_new_password_leaves_the_old_one_useless() {
    let wharf = Wharf::start();
    let ann = wharf.add_account::<&str>("ann", &[]);
    drop(wharf.session_of(&ann));
    let changed = wharf.user(["password", "ann", "--password-stdin"], "another secret\n");
    assert!(changed.status.success(), "{changed}");
    // The memory of verified passwords must not outlive the change.
    let gone = wharf_tests::probe::eventually(Duration::from_secs(5), || {
        let mut control = wharf.connect();
        control.expect("USER ann", 331);
        control.command(format!("PASS {}", ann.password)).code == 530
    });
    assert!(gone, "the old password is still taken");
    let mut control = wharf.connect();
    control.expect("USER ann", 331);
    control.expect("PASS another secret", 230);
}

fn refused_within_five_seconds(live: &mut Control, command: &str) {
    let since = Instant::now();
    loop {
        let sent = live.try_send_raw(format!("{command}\r\n").as_bytes());
        match (sent, live.try_reply()) {
            (Ok(()), Ok(Some(reply))) if reply.is_done() => {}
            (_, Ok(Some(reply))) => {
                assert!([421, 530].contains(&reply.code), "{reply}\n{live}");
                return;
            }
            (_, Ok(None)) | (Err(_), Err(_)) => return,
            (Ok(()), Err(error)) => panic!("{error}\n{live}"),
        }
        assert!(
            since.elapsed() < Duration::from_secs(5),
            "still served\n{live}"
        );
    }
}
