//! R3, R4: what is idle and what is not.

use std::fs::File;
use std::time::{Duration, Instant};

use wharf_tests::ssh_client::{Sftp, SshClient, channel_data, of_channel};
use wharf_tests::{Wharf, pattern};

use super::channels::hash_of;
use super::serve_with;

/// A server that waits for a second, and lets copy by scp.
fn impatient() -> Wharf {
    let wharf = serve_with("[timeouts]\nidle = \"1 s\"\nstall = \"5 s\"\n");
    let name = wharf.account().name.clone();
    let changed = wharf.user(["change", &name, "--scp", "yes"], "");
    changed.well().unwrap_or_else(|problem| panic!("{problem}"));
    wharf
}

/// A session whose first channel runs this command.
fn exec(wharf: &Wharf, command: &[u8]) -> (SshClient, u32) {
    let mut client = SshClient::session(wharf);
    let opened = client.open_channel(4096, 1 << 15).expect("an answer");
    let channel = opened.expect("a channel");
    assert!(client.exec(channel, command).expect("an answer"));
    (client, channel)
}

#[test]
fn r3_a_session_is_not_idle_right_after_long_work() {
    let wharf = impatient();
    let mut sftp = Sftp::of(&wharf);
    // As much as takes longer than the server waits.
    for size in [1 << 30, 3 << 30, 12 << 30] {
        let file = File::create(wharf.path("huge")).expect("a file");
        file.set_len(size).expect("a sparse file");
        let request = hash_of(7, b"huge", 0);
        sftp.send_bytes(&request).expect("the connection");
        let since = Instant::now();
        let answer = sftp.packet().expect("the hash");
        assert_eq!(answer.first(), Some(&201), "{answer:?}");
        if since.elapsed() > Duration::from_millis(1200) {
            std::thread::sleep(Duration::from_millis(500));
            assert_eq!(sftp.size("huge"), Some(size));
            return;
        }
    }
    panic!("12 GiB are hashed in no time");
}

#[test]
fn r3_copies_that_nobody_goes_on_with_are_let_go() {
    let wharf = impatient();
    wharf.write("f", pattern(1, 1 << 20));
    let said: [(&[u8], &[u8]); 4] = [
        (b"scp -t .", b""),
        (b"scp -t .", b"C0644 100 up\nhalf of it"),
        (b"scp -f f", b""),
        // Its window is full soon.
        (b"scp -f f", b"\0\0\0"),
    ];
    let waiting = said.map(|(command, sent)| {
        let (mut client, channel) = exec(&wharf, command);
        if !sent.is_empty() {
            client.send(&channel_data(channel, sent));
        }
        client
    });
    for mut client in waiting {
        let ended = client.ended(Duration::from_secs(10));
        assert!(ended.text().contains("[E-6]"), "{ended:?}");
    }
    assert!(!wharf.path("up").exists());
}

#[test]
fn r4_a_copy_that_goes_on_slowly_is_served_to_the_end() {
    let wharf = impatient();
    let (mut client, channel) = exec(&wharf, b"scp -t .");
    client.send(&channel_data(channel, b"C0644 8 up\n"));
    for byte in b"slow, at" {
        std::thread::sleep(Duration::from_millis(400));
        client.send(&channel_data(channel, &[*byte]));
    }
    client.send(&channel_data(channel, b"\0"));
    client.send(&of_channel(96, channel));
    while client.reply().expect("the connection goes on").first() != Some(&97) {}
    assert_eq!(wharf.read("up"), b"slow, at");
}
