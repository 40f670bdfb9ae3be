//! Connections that are cut, at any moment and in every way.

use wharf_sftp::{OpenFlags, Request};
use wharf_tests::ssh_client::{Sftp, SshClient, channel_data, of_channel};
use wharf_tests::{Wharf, assert_bytes, pattern, probe};

use super::{OpenSsh, serve, serve_with, visible};

const SIZE: usize = 400_000;

/// How a connection ends.
#[derive(Debug, Clone, Copy)]
enum Cut {
    Reset,
    Fin,
    MiddleOfPacket,
    Disconnect,
    ChannelClose,
    ChannelEnd,
}

const CUTS: [Cut; 6] = [
    Cut::Reset,
    Cut::Fin,
    Cut::MiddleOfPacket,
    Cut::Disconnect,
    Cut::ChannelClose,
    Cut::ChannelEnd,
];

fn cut(mut sftp: Sftp, how: Cut) -> Option<SshClient> {
    let channel = sftp.channel;
    match how {
        Cut::Reset => sftp.client.reset(),
        Cut::Fin => drop(sftp),
        Cut::MiddleOfPacket => {
            let packet = sftp.client.sealed(&channel_data(channel, &[7; 1000]));
            sftp.client.raw(&packet[..500]).expect("half a packet");
            sftp.client.finish_sending();
        }
        Cut::Disconnect => sftp.client.send(&[1, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0]),
        // The connection goes on, so that the server's end of the channel can be waited for.
        Cut::ChannelClose => {
            sftp.client.send(&of_channel(97, channel));
            return Some(sftp.client);
        }
        Cut::ChannelEnd => {
            sftp.client.send(&of_channel(96, channel));
            return Some(sftp.client);
        }
    }
    None
}

#[test]
fn a_cut_at_any_moment_publishes_nothing_and_is_resumed() {
    let wharf = serve_with("[uploads]\ndurability = \"none\"\n");
    let content = pattern(9, SIZE);
    for round in 0..24_usize {
        let how = CUTS[round % CUTS.len()];
        let sent = 1 + (round * 7919 * 31) % (SIZE - 1);
        let (new, old) = (format!("new{round}"), format!("old{round}"));
        wharf.write(&old, "old");
        for name in [&new, &old] {
            let mut sftp = Sftp::of(&wharf);
            let handle = sftp.begin_upload(name);
            sftp.write(&handle, 0, &content[..sent]);
            let client = cut(sftp, how);
            failed(&wharf, name);
            drop(client);
        }
        assert!(!wharf.path(&new).exists(), "{how:?} after {sent} bytes");
        assert_eq!(wharf.read(&old), b"old", "{how:?} after {sent} bytes");
        // All that was answered is kept, and nothing else.
        let mut sftp = Sftp::of(&wharf);
        assert_eq!(sftp.size(&new), Some(sent as u64), "{how:?}");
        let flags = if round % 2 == 0 {
            OpenFlags::WRITE
        } else {
            OpenFlags::WRITE
                .and(OpenFlags::CREATE)
                .and(OpenFlags::APPEND)
        };
        let handle = sftp.handle(&new, flags);
        sftp.write(&handle, sent as u64, &content[sent..]);
        assert!(sftp.close(&handle).is_ok());
        assert_bytes(&new, &content, &wharf.read(&new));
    }
}

/// Waits until the server says that the upload failed.
#[track_caller]
fn failed(wharf: &Wharf, name: &str) {
    let path = format!("/{name}");
    let end = wharf.wait_event("upload", |event| event["path"] == path.as_str());
    assert_eq!(end["outcome"], "failed", "{end}");
}

#[test]
fn writes_that_nobody_saw_answered_are_never_half_published() {
    let wharf = serve_with("[uploads]\ndurability = \"none\"\n");
    let content = pattern(3, SIZE);
    for round in 0..12_usize {
        let name = format!("f{round}");
        wharf.write(&name, "old");
        let mut sftp = Sftp::of(&wharf);
        let handle = sftp.begin_upload(&name);
        // Everything with its CLOSE, in one go and cut right behind it, or in the middle.
        let mut bytes = Vec::new();
        for (number, data) in content.chunks(30_000).enumerate() {
            let (id, offset) = (1000 + number as u32, (number * 30_000) as u64);
            let request = Request::Write {
                id,
                handle: &handle,
                offset,
                data,
            };
            request.encode_into(&mut bytes).expect("it can be said");
        }
        let request = Request::Close {
            id: 2000,
            handle: &handle,
        };
        request.encode_into(&mut bytes).expect("it can be said");
        let whole = bytes.len()
            - if round % 3 == 0 {
                0
            } else {
                (round * 30_011) % SIZE
            };
        sftp.send_bytes(&bytes[..whole]).expect("the connection");
        if round % 2 == 0 {
            sftp.client.reset();
        } else {
            drop(sftp);
        }
        let path = format!("/{name}");
        let end = wharf.wait_event("upload", |event| event["path"] == path.as_str());
        let found = wharf.read(&name);
        if end["outcome"] == "done" {
            assert_bytes(&name, &content, &found);
            assert_eq!(whole, bytes.len(), "its CLOSE was not sent");
        } else {
            assert_eq!(found, b"old", "{name}");
        }
    }
}

#[test]
fn a_client_that_dies_right_behind_its_close_leaves_one_whole_version() {
    let wharf = serve_with("[uploads]\ndurability = \"none\"\n");
    let content = pattern(5, 100_000);
    for round in 0..20 {
        let name = format!("f{round}");
        wharf.write(&name, "old");
        let mut sftp = Sftp::of(&wharf);
        let handle = sftp.begin_upload(&name);
        sftp.write(&handle, 0, &content);
        sftp.send(&Request::Close {
            id: 1,
            handle: &handle,
        })
        .expect("sent");
        if round % 2 == 0 {
            sftp.client.reset();
        } else {
            drop(sftp);
        }
        let path = format!("/{name}");
        let end = wharf.wait_event("upload", |event| event["path"] == path.as_str());
        let expected: &[u8] = if end["outcome"] == "done" {
            &content
        } else {
            b"old"
        };
        assert_bytes(&name, expected, &wharf.read(&name));
    }
}

#[test]
fn a_close_and_the_end_in_one_segment_are_told_and_leave_one_whole_version() {
    let wharf = serve_with("[uploads]\ndurability = \"none\"\n");
    let content = pattern(5, 50_000);
    for round in 0..12 {
        let name = format!("f{round}");
        wharf.write(&name, "old");
        let mut sftp = Sftp::of(&wharf);
        let handle = sftp.begin_upload(&name);
        sftp.write(&handle, 0, &content);
        let mut bytes = Vec::new();
        let request = Request::Close {
            id: 1,
            handle: &handle,
        };
        request.encode_into(&mut bytes).expect("it can be said");
        let (mut client, channel) = (sftp.client, sftp.channel);
        client.queue(&channel_data(channel, &bytes));
        // The end of the channel, of the connection, and what is no message at all.
        client.queue(&match round % 4 {
            0 => of_channel(97, channel),
            1 => vec![1, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0],
            2 => vec![94],
            _ => channel_data(channel, &[255; 8]),
        });
        client.flush().expect("the connection");
        client.finish_sending();
        let path = format!("/{name}");
        let end = wharf.wait_event("upload", |event| event["path"] == path.as_str());
        let expected: &[u8] = if end["outcome"] == "done" {
            &content
        } else {
            b"old"
        };
        assert_bytes(&name, expected, &wharf.read(&name));
    }
}

#[test]
fn openssh_killed_in_the_middle_leaves_the_old_version_and_resumes() {
    let wharf = serve();
    wharf.write("f", "old");
    let client = OpenSsh::of(&wharf);
    let content = pattern(2, 20 << 20);
    std::fs::write(client.folder.join("f"), &content).expect("a local file");
    std::fs::write(client.folder.join("put"), "put f new\n").expect("commands");
    let mut sftp = std::process::Command::new("sftp")
        .current_dir(&client.folder)
        // 8 Mbit/s.
        .args([
            "-q",
            "-l",
            "8000",
            "-b",
            "put",
            "-P",
            &client.port.to_string(),
            "-i",
        ])
        .arg(&client.key)
        .args([
            "-oStrictHostKeyChecking=no",
            "-oUserKnownHostsFile=/dev/null",
        ])
        .arg(format!("{}@127.0.0.1", client.name))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("sftp, of the package openssh-client");
    let begun = probe::eventually(wharf_tests::PATIENCE, || {
        let names = wharf_tests::tree::names(wharf.root());
        names.iter().any(|name| name.ends_with(b".part"))
    });
    sftp.kill().expect("a signal");
    sftp.wait().expect("its end");
    assert!(begun, "the upload never began");
    failed(&wharf, "new");
    assert_eq!(visible(&wharf), ["f"]);
    let put = client.run(&[], "put -a f new\n");
    put.well().unwrap_or_else(|problem| panic!("{problem}"));
    assert_bytes("new", &content, &wharf.read("new"));
}
