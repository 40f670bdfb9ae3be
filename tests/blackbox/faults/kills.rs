//! kill -9 at many moments of many uploads: every name is one whole version.

use std::io::Write;
use std::net::TcpStream;

use wharf_tests::{Control, Wharf, data, pattern};

#[test]
fn kill_9_at_many_moments_leaves_whole_files_only() {
    let mut wharf = Wharf::with_settings("[uploads]\ndurability = \"none\"\n");
    let versions: Vec<Vec<u8>> = (0..4)
        .map(|n| pattern(n, 200_000 + n as usize * 50_000))
        .collect();
    wharf.write("f", &versions[0]);
    for round in 0..12_usize {
        let address = wharf.address();
        let account = wharf.account().clone();
        let contents = versions.clone();
        let (sender, receiver) = std::sync::mpsc::sync_channel(0);
        let writer = std::thread::spawn(move || {
            write_until_it_breaks(address, &account, &contents, &sender)
        });
        // Killed somewhere within the upload after this many; the pipe of events decides.
        for _ in 0..=round % 5 {
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
    wharf.session().store("STOR f", b"and it works");
    assert_eq!(wharf.read("f"), b"and it works");
}

fn write_until_it_breaks(
    address: std::net::SocketAddr,
    account: &wharf_tests::Account,
    contents: &[Vec<u8>],
    sender: &std::sync::mpsc::SyncSender<()>,
) {
    let mut control = Control::open(address);
    let mut alive = |line: String| {
        control
            .try_send_raw(line.as_bytes())
            .is_ok()
            .then(|| control.try_reply().ok().flatten())?
    };
    alive(String::new());
    alive(format!("USER {}\r\n", account.name));
    alive(format!("PASS {}\r\n", account.password));
    alive("TYPE I\r\n".to_owned());
    for content in contents.iter().cycle() {
        let Some(reply) = alive("EPSV\r\n".to_owned()) else {
            return;
        };
        let Some(port) = data::parse_229(&reply) else {
            return;
        };
        let Ok(mut upload) = TcpStream::connect((address.ip(), port)) else {
            return;
        };
        if alive("STOR f\r\n".to_owned()).is_none() {
            return;
        }
        let (first, second) = content.split_at(content.len() / 2);
        if upload.write_all(first).is_err() || sender.send(()).is_err() {
            return;
        }
        let _ = upload.write_all(second);
        drop(upload);
        if alive(String::new()).is_none() {
            return;
        }
    }
}
