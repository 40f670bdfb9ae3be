//! A change to an account reaches live sessions within five seconds.

use std::time::{Duration, Instant};

use wharf_sftp::{OpenFlags, Request};
use wharf_tests::ssh_client::{Said, Sftp, SshClient, UserKey, keygen};
use wharf_tests::{Wharf, pattern, probe};

use super::serve;

#[track_caller]
fn user(wharf: &Wharf, words: &[&str]) {
    let done = wharf.user(words.iter().copied(), "");
    done.well().unwrap_or_else(|problem| panic!("{problem}"));
}

/// `ann` with a key, in the middle of a download and of an upload.
fn busy(wharf: &Wharf) -> (Sftp, UserKey) {
    wharf.write("large", pattern(1, 8 << 20));
    wharf.write("f", "old");
    let key = UserKey::make(&wharf.scratch().local(), "ann");
    wharf.add_account("ann", &["--key", &key.public()]);
    let mut client = SshClient::ready_to_log_in(wharf);
    assert_eq!(client.by_key("ann", &key), Said::Success);
    let mut sftp = Sftp::over(client, u32::MAX);
    let upload = sftp.begin_upload("f");
    sftp.write(&upload, 0, b"half of it");
    let download = sftp.handle("large", OpenFlags::READ);
    sftp.read(&download, 0, 1000);
    keep_reading(&mut sftp, &download);
    (sftp, key)
}

/// Something is always asked for and not answered yet.
fn keep_reading(sftp: &mut Sftp, download: &[u8]) {
    for number in 0..30 {
        let offset = number * 261_120;
        let id = sftp.id();
        let request = Request::Read {
            id,
            handle: download,
            offset,
            length: 261_120,
        };
        sftp.send(&request).expect("the connection");
    }
}

/// The session is told and ended, in time, and what it uploaded is not published.
#[track_caller]
fn put_out(wharf: &Wharf, mut sftp: Sftp, since: Instant) {
    let ended = sftp.client.ended(Duration::from_secs(7));
    assert!(
        since.elapsed() < Duration::from_secs(6),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(ended.code(), 11, "{ended:?}");
    assert!(ended.text().contains("[B-12]"), "{ended:?}");
    assert_eq!(wharf.read("f"), b"old");
    let gone = probe::eventually(Duration::from_secs(5), || {
        wharf
            .events()
            .iter()
            .any(|event| event["event"] == "closed")
    });
    assert!(gone, "the session is still counted");
}

#[test]
fn what_is_taken_away_ends_transfers_within_five_seconds() {
    // Side by side: each waits for the server to hear of it.
    let cases: [fn(); 5] = [
        a_disabled_account_loses_its_transfers,
        a_removed_account_loses_its_transfers,
        a_removed_key_takes_its_sessions_along_and_no_others,
        a_network_that_is_closed_puts_out_who_came_from_it,
        codes_that_are_asked_for_now_put_out_who_showed_none,
    ];
    for case in cases.map(std::thread::spawn) {
        case.join().expect("one of the cases");
    }
}

fn a_disabled_account_loses_its_transfers() {
    let wharf = serve();
    let (sftp, key) = busy(&wharf);
    let mut others = Sftp::of(&wharf);
    let since = Instant::now();
    user(&wharf, &["disable", "ann"]);
    put_out(&wharf, sftp, since);
    assert!(
        SshClient::ready_to_log_in(&wharf)
            .by_key("ann", &key)
            .is_refused()
    );
    // Others are not concerned.
    others.store("others", b"x");
    user(&wharf, &["enable", "ann"]);
    assert_eq!(
        SshClient::ready_to_log_in(&wharf).by_key("ann", &key),
        Said::Success
    );
}

fn a_removed_account_loses_its_transfers() {
    let wharf = serve();
    let (sftp, _) = busy(&wharf);
    let since = Instant::now();
    user(&wharf, &["remove", "ann"]);
    put_out(&wharf, sftp, since);
}

fn a_removed_key_takes_its_sessions_along_and_no_others() {
    let wharf = serve();
    let (sftp, key) = busy(&wharf);
    let second = UserKey::make(&wharf.scratch().local(), "second");
    user(&wharf, &["key", "add", "ann", &second.public()]);
    let mut by_second = SshClient::ready_to_log_in(&wharf);
    assert_eq!(by_second.by_key("ann", &second), Said::Success);
    let mut by_password = SshClient::ready_to_log_in(&wharf);
    assert_eq!(by_password.password("ann", b"pass-of-ann"), Said::Success);
    let fingerprint = keygen(&["-lf", &key.public()]);
    let fingerprint = fingerprint.split(' ').nth(1).expect("a fingerprint");
    let since = Instant::now();
    user(&wharf, &["key", "remove", "ann", fingerprint]);
    put_out(&wharf, sftp, since);
    for client in [by_second, by_password] {
        assert_eq!(Sftp::over(client, u32::MAX).retrieve("f"), b"old");
    }
}

#[test]
fn permissions_that_are_taken_away_hold_for_the_next_request() {
    let wharf = serve();
    let (mut sftp, _) = busy(&wharf);
    for _ in 0..30 {
        sftp.packet().expect("what was asked for");
    }
    user(&wharf, &["change", "ann", "--permissions", "read-only"]);
    let refused = probe::eventually(Duration::from_secs(5), || {
        !sftp
            .open("another", OpenFlags::WRITE.and(OpenFlags::CREATE))
            .refusal()
            .is_empty()
    });
    assert!(refused, "it may still write");
    assert!(!wharf.path("another").exists());
}

fn a_network_that_is_closed_puts_out_who_came_from_it() {
    let wharf = serve();
    let (sftp, key) = busy(&wharf);
    let since = Instant::now();
    user(&wharf, &["change", "ann", "--networks", "192.0.2.0/24"]);
    put_out(&wharf, sftp, since);
    assert!(
        SshClient::ready_to_log_in(&wharf)
            .by_key("ann", &key)
            .is_refused()
    );
}

fn codes_that_are_asked_for_now_put_out_who_showed_none() {
    let wharf = serve();
    let (sftp, key) = busy(&wharf);
    let since = Instant::now();
    user(&wharf, &["totp", "ann", "--no-confirm"]);
    put_out(&wharf, sftp, since);
    assert!(
        SshClient::ready_to_log_in(&wharf)
            .by_key("ann", &key)
            .is_partial()
    );
}

#[test]
fn a_new_password_leaves_the_old_one_useless() {
    let wharf = serve();
    let ann = wharf.add_account::<&str>("ann", &[]);
    drop(SshClient::session_of(&wharf, &ann));
    let changed = wharf.user(["password", "ann", "--password-stdin"], "another secret\n");
    assert!(changed.status.success(), "{changed}");
    let gone = probe::eventually(Duration::from_secs(5), || {
        let mut client = SshClient::ready_to_log_in(&wharf);
        client.password("ann", ann.password.as_bytes()).is_refused()
    });
    assert!(gone, "the old password is still taken");
    let mut client = SshClient::ready_to_log_in(&wharf);
    assert_eq!(client.password("ann", b"another secret"), Said::Success);
}
