//! P25 and P26: numbers of channels and windows that cannot be, and answers to nothing.

use std::time::Duration;

use wharf_ssh::encoding::{Reader, Writer};
use wharf_tests::ssh_client::{
    Sftp, SshClient, channel_data, channel_extended_data, channel_open, of_channel, subsystem,
};
use wharf_tests::{Wharf, probe};

use super::{breach, serve};

#[test]
fn p25_a_channel_of_packets_of_nothing_is_refused() {
    let wharf = serve();
    let mut client = SshClient::session(&wharf);
    for (window, packet) in [(0, 0), (0, 1 << 15), (u32::MAX, 0), (1 << 20, 1)] {
        let opened = client.open_channel(window, packet).expect("an answer");
        assert!(opened.is_err(), "window {window}, packets of {packet}");
    }
    // The connection is as it was, and nothing spins.
    quiet(&wharf);
    works(client);
}

#[test]
fn p25_a_window_beyond_its_bounds_ends_the_connection() {
    let wharf = serve();
    let mut client = SshClient::session(&wharf);
    let channel = client.open_channel(1 << 20, 1 << 15).expect("an answer");
    let channel = channel.expect("a channel");
    client.send(&adjust(channel, u32::MAX));
    breach(&mut client);
    // Also in two steps, and under SFTP.
    let mut sftp = Sftp::of(&wharf);
    sftp.client.send(&adjust(sftp.channel, u32::MAX));
    sftp.client.send(&adjust(sftp.channel, u32::MAX));
    breach(&mut sftp.client);
    quiet(&wharf);
    // On a channel that is not there it is nobody's.
    let mut client = SshClient::session(&wharf);
    client.send(&adjust(77, u32::MAX));
    works(client);
}

#[test]
fn p25_more_data_than_the_window_allows_ends_the_connection() {
    let wharf = serve();
    let mut client = SshClient::session(&wharf);
    let channel = client.open_channel(1 << 20, 1 << 15).expect("an answer");
    let channel = channel.expect("a channel");
    assert!(client.subsystem(channel, b"sftp").expect("an answer"));
    // A packet whose rest does not come, so that the window is not given back.
    client.send(&channel_data(channel, &[0, 3, 255, 255]));
    let piece = channel_data(channel, &[1; 200_000]);
    let mut sent = 0;
    let ended = loop {
        if let Err(ended) = client.try_send(&piece) {
            break ended;
        }
        sent += 200_000;
        if sent > 64 << 20 {
            break client.ended(wharf_tests::PATIENCE);
        }
    };
    // SFTP itself breaks on what stands behind the first packet, so the channel may be closed
    // first; whatever comes on it then is counted all the same.
    assert!(sent < 64 << 20, "{sent} bytes, {ended:?}");
}

#[test]
fn p26_channels_that_are_refused_leave_nothing_behind() {
    let wharf = serve();
    let mut client = SshClient::session(&wharf);
    let most = if wharf_tests::long() {
        1_000_000
    } else {
        100_000
    };
    reject(&mut client, 5_000);
    let before = probe::resident(wharf.pid());
    reject(&mut client, most);
    let grown = probe::resident(wharf.pid()).saturating_sub(before);
    assert!(grown < 1 << 20, "{grown} bytes after {most} refusals");
    works(client);
}

fn reject(client: &mut SshClient, count: u32) {
    let kinds = [b"direct-tcpip".as_slice(), b"x11", b"session", b"nonsense"];
    for batch in 0..count / 500 {
        for number in 0..500_u32 {
            let kind = kinds[number as usize % kinds.len()];
            // A session with packets of nothing.
            let payload = channel_open(kind, batch * 500 + number, 1 << 20, 0);
            client.queue(&payload);
        }
        client.flush().expect("the connection");
        for number in 0..500_u32 {
            let answer = client.reply().expect("an answer");
            let mut reader = Reader::new(&answer);
            assert_eq!(reader.byte(), Ok(92));
            assert_eq!(reader.u32(), Ok(batch * 500 + number));
        }
    }
}

#[test]
fn p26_answers_that_nobody_asked_for_are_ignored() {
    let wharf = serve();
    let mut sftp = Sftp::of(&wharf);
    for channel in [sftp.channel, 77] {
        for number in [99, 100, 96] {
            if (number, channel) != (96, sftp.channel) {
                sftp.client.send(&of_channel(number, channel));
            }
        }
        let mut opened = vec![91];
        let mut failed = vec![92];
        for payload in [&mut opened, &mut failed] {
            payload.put_u32(channel);
        }
        for _ in 0..3 {
            opened.put_u32(0);
        }
        failed.put_u32(1);
        failed.put_string(b"");
        failed.put_string(b"");
        sftp.client.send(&opened);
        sftp.client.send(&failed);
        sftp.client.send(&[81]);
        sftp.client.send(&[82]);
    }
    sftp.store("f", b"content");
    assert_eq!(wharf.read("f"), b"content");
}

#[test]
fn p26_a_second_stream_closes_its_channel_and_a_new_one_works() {
    let wharf = serve();
    wharf.write("f", "old");
    let mut sftp = Sftp::of(&wharf);
    let handle = sftp.begin_upload("f");
    sftp.write(&handle, 0, b"new");
    let (mut client, channel) = (sftp.client, sftp.channel);
    client.send(&channel_extended_data(channel, b"what is this"));
    loop {
        let message = client.reply().expect("the connection goes on");
        if message.first() == Some(&97) {
            break;
        }
    }
    client.send(&of_channel(97, channel));
    assert_eq!(
        wharf.read("f"),
        b"old",
        "nothing of a broken channel is published"
    );
    works(client);
}

#[test]
fn p26_channels_and_their_work_end_with_them() {
    let wharf = serve();
    wharf.write("large", vec![7; 4 << 20]);
    let mut client = SshClient::session(&wharf);
    open_and_close(&mut client, 50);
    let before = probe::resident(wharf.pid());
    let descriptors = probe::descriptors(wharf.pid());
    open_and_close(&mut client, 400);
    let settled = probe::eventually(wharf_tests::PATIENCE, || {
        probe::descriptors(wharf.pid()) <= descriptors + 2
    });
    assert!(settled, "{} descriptors", probe::descriptors(wharf.pid()));
    let grown = probe::resident(wharf.pid()).saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes more");
    works(client);
}

/// Channels with a file open and reads asked for, closed without a word.
fn open_and_close(client: &mut SshClient, count: u32) {
    for _ in 0..count {
        let channel = client.open_channel(1 << 20, 1 << 15).expect("an answer");
        let channel = channel.expect("its place is free again");
        client.queue(&subsystem(channel, b"sftp"));
        let mut bytes = vec![0, 0, 0, 5, 1, 0, 0, 0, 3];
        for id in 0..40 {
            let request = wharf_sftp::Request::Open {
                id,
                path: b"large",
                flags: wharf_sftp::OpenFlags::READ,
                attributes: wharf_sftp::Attributes::default(),
            };
            request.encode_into(&mut bytes).expect("it can be said");
        }
        client.queue(&channel_data(channel, &bytes));
        client.queue(&of_channel(97, channel));
        client.flush().expect("the connection");
    }
}

#[test]
fn p26_channels_that_are_closed_at_once_wait_for_their_work() {
    let wharf = serve();
    let mut client = SshClient::session(&wharf);
    // Its number tells those of the next ones, which are asked for without an answer.
    let first = client.open_channel(1 << 20, 1 << 15).expect("an answer");
    let first = first.expect("a channel");
    client.send(&of_channel(97, first));
    at_once(&mut client, first + 1, 100);
    let before = probe::resident(wharf.pid());
    let mut peak = 0;
    for batch in 0..10 {
        at_once(&mut client, first + 101 + batch * 100, 100);
        peak = peak.max(probe::resident(wharf.pid()));
    }
    let grown = peak.saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes more");
    works(client);
}

/// Opens channels, asks for much, and closes them, all in one go.
fn at_once(client: &mut SshClient, first: u32, count: u32) {
    for channel in first..first + count {
        client.queue(&channel_open(b"session", channel, 1 << 20, 1 << 15));
        client.queue(&subsystem(channel, b"sftp"));
        let mut bytes = vec![0, 0, 0, 5, 1, 0, 0, 0, 3];
        for id in 0..64 {
            let request = wharf_sftp::Request::Opendir { id, path: b"/" };
            request.encode_into(&mut bytes).expect("it can be said");
        }
        client.queue(&channel_data(channel, &bytes));
        client.queue(&of_channel(97, channel));
    }
    client.flush().expect("the connection");
    let mut closed = 0;
    while closed < count {
        let message = client.reply().expect("the connection goes on");
        closed += u32::from(message.first() == Some(&97));
    }
}

#[test]
fn p26_work_of_channels_that_are_gone_does_not_pile_up() {
    let wharf = serve();
    let file = std::fs::File::create(wharf.path("huge")).expect("a file");
    file.set_len(64 << 30).expect("a sparse file");
    let mut client = SshClient::session(&wharf);
    for _ in 0..30 {
        let channel = client.open_channel(1 << 20, 1 << 15).expect("an answer");
        let channel = channel.expect("its place is free again");
        client.queue(&subsystem(channel, b"sftp"));
        let mut bytes = vec![0, 0, 0, 5, 1, 0, 0, 0, 3];
        for id in 0..64 {
            bytes.extend(hash_of(id, b"huge", 0));
        }
        client.queue(&channel_data(channel, &bytes));
        client.queue(&of_channel(97, channel));
        client.flush().expect("the connection");
    }
    // What nobody waits for is not worked on for long.
    let idle = probe::eventually(Duration::from_secs(5), || {
        let before = probe::cpu_ticks(wharf.pid());
        std::thread::sleep(Duration::from_millis(300));
        probe::cpu_ticks(wharf.pid()) - before <= 3
    });
    let threads = probe::threads(wharf.pid());
    assert!(idle, "hashes of closed channels go on, {threads} threads");
    works(client);
}

/// check-file-name of the whole of a file, in blocks of this size.
pub(super) fn hash_of(id: u32, path: &[u8], block: u32) -> Vec<u8> {
    let mut body = vec![200];
    body.put_u32(id);
    body.put_string(b"check-file-name");
    body.put_string(path);
    body.put_string(b"sha256");
    body.put_u64(0);
    body.put_u64(0);
    body.put_u32(block);
    let mut packet = Vec::new();
    packet.put_string(&body);
    packet
}

fn adjust(channel: u32, bytes: u32) -> Vec<u8> {
    let mut payload = vec![93];
    payload.put_u32(channel);
    payload.put_u32(bytes);
    payload
}

/// A new channel of this connection does what it should.
#[track_caller]
fn works(client: SshClient) {
    let mut sftp = Sftp::over(client, u32::MAX);
    sftp.store("works", b"content");
    assert_eq!(sftp.retrieve("works"), b"content");
}

/// The process does nothing: at most 30 ms of processor in half a second.
#[track_caller]
fn quiet(wharf: &Wharf) {
    let quiet = probe::eventually(Duration::from_secs(10), || {
        let before = probe::cpu_ticks(wharf.pid());
        std::thread::sleep(Duration::from_millis(500));
        probe::cpu_ticks(wharf.pid()) - before <= 3
    });
    assert!(quiet, "the server spins");
}
