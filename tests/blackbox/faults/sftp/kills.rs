//! kill -9 at many moments of many uploads: every name is one whole version.

use std::net::SocketAddr;
use std::sync::mpsc::SyncSender;

use wharf_sftp::{Attributes, OpenFlags, Request};
use wharf_tests::ssh_client::{Answer, Ended, Said, Sftp, SshClient};
use wharf_tests::{Account, assert_bytes, pattern};

use super::{OpenSsh, serve, serve_with, visible};

#[test]
fn kill_9_at_many_moments_leaves_whole_files_only() {
    let mut wharf = serve_with("[uploads]\ndurability = \"none\"\n");
    let versions: Vec<Vec<u8>> = (0..4)
        .map(|n| pattern(n, 200_000 + n as usize * 50_000))
        .collect();
    wharf.write("f", &versions[0]);
    for round in 0..10_usize {
        let (address, account) = (wharf.sftp(), wharf.account().clone());
        let contents = versions.clone();
        let (sender, receiver) = std::sync::mpsc::sync_channel(0);
        let writer = std::thread::spawn(move || {
            let _ = write_until_it_breaks(address, &account, &contents, &sender);
        });
        for _ in 0..=round % 7 {
            receiver.recv().expect("the writer lives");
        }
        wharf.kill();
        drop(receiver);
        writer.join().expect("the writer");
        let found = wharf.read("f");
        assert!(
            versions.contains(&found),
            "round {round}: {} bytes of something else",
            found.len()
        );
        wharf.restart();
    }
    Sftp::of(&wharf).store("f", b"and it works");
    assert_eq!(wharf.read("f"), b"and it works");
}

/// Uploads one version after the other, and tells of each step.
fn write_until_it_breaks(
    address: SocketAddr,
    account: &Account,
    contents: &[Vec<u8>],
    sender: &SyncSender<()>,
) -> Result<(), Ended> {
    let mut client = SshClient::open(address);
    client.try_exchange_keys()?;
    client.ask_for_logins();
    if client.password(&account.name, account.password.as_bytes()) != Said::Success {
        return Ok(());
    }
    let mut sftp = Sftp::try_over(client, u32::MAX)?;
    for content in contents.iter().cycle() {
        let id = sftp.id();
        let opened = sftp.try_ask(&Request::Open {
            id,
            path: b"f",
            flags: OpenFlags::WRITE
                .and(OpenFlags::CREATE)
                .and(OpenFlags::TRUNCATE),
            attributes: Attributes::default(),
        })?;
        let Answer::Handle(handle) = opened else {
            return Ok(());
        };
        let (first, second) = content.split_at(content.len() / 2);
        sftp.try_write(&handle, 0, first)?;
        if sender.send(()).is_err() {
            return Ok(());
        }
        sftp.try_write(&handle, first.len() as u64, second)?;
        let id = sftp.id();
        sftp.send(&Request::Close {
            id,
            handle: &handle,
        })?;
        if sender.send(()).is_err() {
            return Ok(());
        }
        sftp.packet()?;
    }
    Ok(())
}

#[test]
fn an_upload_that_kill_9_cut_is_resumed_by_openssh() {
    let mut wharf = serve();
    let content = pattern(9, 3_000_000);
    let mut sftp = Sftp::of(&wharf);
    let handle = sftp.begin_upload("f");
    sftp.write(&handle, 0, &content[..1_234_567]);
    wharf.kill();
    drop(sftp);
    assert!(!wharf.path("f").exists(), "nothing is published");
    wharf.restart();
    assert_eq!(
        visible(&wharf),
        Vec::<String>::new(),
        "no partial is listed"
    );
    let size = Sftp::of(&wharf)
        .size("f")
        .expect("what was kept tells its size");
    assert!((1..=1_234_567).contains(&size), "{size} bytes");
    let client = OpenSsh::of(&wharf);
    std::fs::write(client.folder.join("f"), &content).expect("the local file");
    let put = client.run(&[], "put -a f f\n");
    put.well().unwrap_or_else(|problem| panic!("{problem}"));
    assert_bytes("f", &content, &wharf.read("f"));
    assert_eq!(visible(&wharf), ["f"]);
}
