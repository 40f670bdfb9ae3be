//! SIGTERM while files are open.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use wharf_sftp::OpenFlags;
use wharf_tests::ssh_client::{Answer, Sftp, SshClient, channel_data, of_channel};
use wharf_tests::{Wharf, assert_bytes, data, pattern, probe};

use super::{serve, serve_with};

#[test]
fn sigterm_lets_open_files_end_and_takes_no_new_sessions() {
    let mut wharf = serve();
    let content = pattern(1, 2_000_000);
    wharf.write("down", &content);
    let mut idle = Sftp::of(&wharf);
    let mut reading = Sftp::of(&wharf);
    let download = reading.handle("down", OpenFlags::READ);
    let mut read = read_some(&mut reading, &download, 0, 500_000);
    let mut writing = Sftp::of(&wharf);
    let upload = writing.begin_upload("up");
    writing.write(&upload, 0, &content[..500_000]);
    let mut waiting = SshClient::ready_to_log_in(&wharf);

    wharf.signal(Signal::TERM);
    for client in [&mut idle.client, &mut waiting] {
        let ended = client.ended(Duration::from_secs(10));
        assert_eq!(ended.code(), 11, "{ended:?}");
        assert!(ended.text().contains("[E-7]"), "{ended:?}");
    }
    let refused = probe::eventually(wharf_tests::PATIENCE, || no_session(&wharf));
    assert!(refused, "new sessions are still taken");
    assert!(wharf.alive(), "two files are open");

    read.extend(read_some(&mut reading, &download, read.len(), 1_500_000));
    assert_bytes("down", &content, &read);
    assert!(reading.close(&download).is_ok());
    let ended = reading.client.ended(Duration::from_secs(10));
    assert!(ended.text().contains("[E-7]"), "{ended:?}");
    writing.write(&upload, 500_000, &content[500_000..]);
    assert!(writing.close(&upload).is_ok());
    let ended = writing.client.ended(Duration::from_secs(10));
    assert!(ended.text().contains("[E-7]"), "{ended:?}");
    let status = wharf.ended(Duration::from_secs(10));
    assert_eq!(status.code(), Some(0), "{status}");
    assert_bytes("up", &content, &wharf.read("up"));
}

fn no_session(wharf: &Wharf) -> bool {
    let Ok(stream) = std::net::TcpStream::connect(wharf.sftp()) else {
        return true;
    };
    let mut client = SshClient::around(stream, wharf_tests::ssh_client::options());
    client.try_exchange_keys().is_err()
}

fn read_some(sftp: &mut Sftp, handle: &[u8], from: usize, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < count {
        let length = (count - bytes.len()).min(100_000);
        let offset = (from + bytes.len()) as u64;
        match sftp.read(handle, offset, u32::try_from(length).expect("small")) {
            Answer::Data(data) => bytes.extend(data),
            other => panic!("{other:?}"),
        }
    }
    bytes
}

#[test]
fn sigterm_waits_no_longer_than_the_settings_say() {
    let mut wharf = serve_with("[timeouts]\ndrain = \"1 s\"\n");
    wharf.write("f", "old");
    let mut writing = Sftp::of(&wharf);
    let upload = writing.begin_upload("f");
    writing.write(&upload, 0, b"half");
    let since = Instant::now();
    wharf.signal(Signal::TERM);
    let ended = writing.client.ended(Duration::from_secs(10));
    assert!(ended.text().contains("[E-7]"), "{ended:?}");
    let status = wharf.ended(Duration::from_secs(15));
    assert!(
        since.elapsed() > Duration::from_millis(900),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(status.code(), Some(0), "{status}");
    assert_eq!(wharf.read("f"), b"old");
}

/// The end of the client's stream is the last that is heard of an upload by scp; its answer comes
/// all the same.
#[test]
fn sigterm_lets_a_copy_by_scp_end_and_tells_how() {
    let mut wharf = serve();
    let name = wharf.account().name.clone();
    let changed = wharf.user(["change", &name, "--scp", "yes"], "");
    changed.well().unwrap_or_else(|problem| panic!("{problem}"));
    let mut idle = Sftp::of(&wharf);
    let mut client = SshClient::session(&wharf);
    let opened = client.open_channel(1 << 20, 1 << 15).expect("an answer");
    let channel = opened.expect("a channel");
    assert!(client.exec(channel, b"scp -t .").expect("an answer"));
    client.send(&channel_data(channel, b"C0644 8 up\nhalf"));
    wharf.signal(Signal::TERM);
    idle.client.ended(Duration::from_secs(10));
    client.queue(&channel_data(channel, b" all"));
    // As libssh2 does it: no word that the file is whole.
    client.queue(&of_channel(96, channel));
    client.flush().expect("the connection");
    let (mut said, mut status) = (Vec::new(), None);
    while let Ok(message) = client.reply() {
        match message.first() {
            Some(94) => said.extend_from_slice(&message[9..]),
            Some(98) => status = message.last().copied(),
            _ => {}
        }
    }
    assert_eq!((said, status), (vec![0; 3], Some(0)));
    assert_eq!(wharf.ended(Duration::from_secs(10)).code(), Some(0));
    assert_eq!(wharf.read("up"), b"half all");
}

#[test]
fn sighup_during_uploads_loses_nothing() {
    let wharf = serve_with("[timeouts]\nidle = \"250 s\"\n");
    let content = pattern(4, 3_000_000);
    let mut sftp = Sftp::of(&wharf);
    let upload = sftp.begin_upload("f");
    for (number, piece) in content.chunks(300_000).enumerate() {
        sftp.write(&upload, (number * 300_000) as u64, piece);
        wharf.change_settings(&format!("[timeouts]\nidle = \"{} s\"\n", 100 + number));
        wharf.signal(Signal::HUP);
    }
    assert!(sftp.close(&upload).is_ok());
    assert_bytes("f", &content, &wharf.read("f"));
    drop(data::open(wharf.sftp()));
}
