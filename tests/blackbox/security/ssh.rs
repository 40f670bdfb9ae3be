//! Rows of SSH and SFTP that a client of OpenSSH's, or a plain socket, can show.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use wharf_tests::program::{Finished, contains};
use wharf_tests::sftp::{Body, Fields, Sftp, body, kind, open_flag, packet, status};
use wharf_tests::ssh::{Kind, Ssh};
use wharf_tests::{PATIENCE, Wharf, probe, show};

fn start() -> (Wharf, Ssh) {
    let wharf = Wharf::with()
        .sftp()
        .settings("[uploads]\ndurability = \"none\"\n")
        .start();
    let ssh = Ssh::of(&wharf);
    (wharf, ssh)
}

/// One run of `ssh`; `words` come before the host.
fn ssh(ssh: &Ssh, words: &[&str], command: &[&str]) -> Finished {
    ssh.program("ssh", "openssh-client")
        .args(ssh.options())
        .args(["-p", &ssh.port.to_string()])
        .args(words)
        .arg(ssh.host())
        .args(command)
        .limit(PATIENCE)
        .run()
}

#[test]
fn a21_nothing_is_run() {
    let (wharf, login) = start();
    let marker = wharf.path("marker");
    let touch = format!("touch {}", marker.display());
    let runs: [(&[&str], &[&str]); 6] = [
        (&["-T"], &[]),
        (&["-tt"], &[]),
        (&["-T"], &[&touch]),
        (&["-tt"], &["id"]),
        (&["-T"], &["scp", "-t", "/"]),
        (&["-s"], &["shell"]),
    ];
    for (words, command) in runs {
        let finished = ssh(&login, words, command);
        assert!(!finished.status.success(), "{finished}");
        assert!(finished.output.is_empty(), "{finished}");
    }
    assert!(!marker.exists());
    Sftp::open(&login).stat("/").attributes();
}

/// What is asked for before the subsystem is refused, and the subsystem runs all the same.
#[test]
fn a21_forwarding_pty_and_environment_are_refused_and_sftp_goes_on() {
    let (_wharf, login) = start();
    let requests: [&[&str]; 4] = [
        &["-tt"],
        &["-A", "-o", "ForwardAgent=yes"],
        &["-X", "-o", "ForwardX11=yes"],
        &["-o", "SetEnv=LD_PRELOAD=/tmp/evil.so"],
    ];
    for words in requests {
        let finished = login
            .program("ssh", "openssh-client")
            .args(login.options())
            .args(["-p", &login.port.to_string(), "-s"])
            .args(words)
            .args([&login.host(), "sftp"])
            .input(init_and_stat())
            .limit(PATIENCE)
            .run();
        assert!(
            contains(&finished.output, b"posix-rename"),
            "{words:?}: {finished}"
        );
    }
}

#[test]
fn a21_tunnels_are_refused() {
    let (wharf, login) = start();
    // direct-tcpip, as `-W` asks for it.
    let target = wharf.address().to_string();
    let finished = ssh(&login, &["-W", &target], &[]);
    assert!(!finished.status.success(), "{finished}");
    assert!(
        !contains(&finished.output, b"220"),
        "the FTP greeting came through: {finished}"
    );
    // tcpip-forward.
    let port = *wharf.ports().ports().start();
    let forward = format!("127.0.0.1:{port}:{target}");
    let words = ["-o", "ExitOnForwardFailure=yes", "-N", "-R", &forward];
    let finished = ssh(&login, &words, &[]);
    assert!(!finished.status.success(), "{finished}");
    assert!(
        TcpStream::connect(("127.0.0.1", port)).is_err(),
        "it listens"
    );
    Sftp::open(&login).stat("/").attributes();
}

#[test]
fn a6_only_the_accounts_own_keys_let_in() {
    let (wharf, login) = start();
    let mut stranger = login.clone();
    let key = login.folder.join("stranger");
    wharf_tests::ssh::make_key(&key, Kind::Ed25519);
    stranger.key = Some(key);
    refused(&stranger, "Permission denied");
    // A key of another account.
    let ann = wharf.add_account::<&str>("ann", &[]);
    let mut other = Ssh::by_key(&wharf, Kind::Ed25519);
    other.name.clone_from(&ann.name);
    refused(&other, "Permission denied");
    // And the password of another one, or none.
    for password in ["", "wrong", ann.password.as_str()] {
        let mut wrong = login.clone();
        password.clone_into(&mut wrong.password);
        refused(&wrong, "Permission denied");
    }
    let mut nobody = login.clone();
    "nobody-at-all".clone_into(&mut nobody.name);
    refused(&nobody, "Permission denied");
}

#[track_caller]
fn refused(login: &Ssh, text: &str) {
    let finished = ssh(login, &["-s"], &["sftp"]);
    assert!(!finished.status.success(), "{finished}");
    assert!(contains(&finished.errors, text.as_bytes()), "{finished}");
    assert!(finished.output.is_empty(), "{finished}");
}

#[test]
fn p22_compression_has_no_common_algorithm() {
    let (_wharf, login) = start();
    // `yes` is a wish: OpenSSH goes on without.
    let finished = ssh(&login, &["-v", "-o", "Compression=yes", "-s"], &["sftp"]);
    let said = show(&finished.errors);
    assert!(said.contains("compression: none"), "{said}");
    // A client that takes nothing else.
    for method in ["zlib", "zlib@openssh.com"] {
        let mut socket = connect(&login);
        let lists = ["curve25519-sha256", "ssh-ed25519", "aes128-gcm@openssh.com"];
        let [exchange, key, cipher] = lists;
        let mut init = body().u8(20).raw(&[7; 16]);
        for list in [
            exchange,
            key,
            cipher,
            cipher,
            "hmac-sha2-256",
            "hmac-sha2-256",
        ] {
            init = init.string(list);
        }
        let init = init.string(method).string(method).string("").string("");
        socket
            .write_all(&plain(&init.u8(0).u32(0).done()))
            .expect("a KEXINIT");
        let end = rest(&mut socket);
        // SSH_MSG_DISCONNECT, key exchange failed: what the server says instead of going on.
        assert!(contains(&end, &[1, 0, 0, 0, 3]), "{method}: {}", show(&end));
    }
}

#[test]
fn p23_what_is_offered() {
    let (_wharf, login) = start();
    let mut socket = connect(&login);
    let offered = kexinit(&mut socket);
    let kinds = [
        "key exchange",
        "host keys",
        "ciphers to the server",
        "ciphers to the client",
        "MACs to the server",
        "MACs to the client",
        "compression to the server",
        "compression to the client",
    ];
    let text: String = kinds
        .iter()
        .zip(&offered)
        .map(|(kind, list)| format!("{kind}: {list}\n"))
        .collect();
    for (weak, why) in WEAK {
        let words = text.split([' ', ',', '\n']);
        assert!(
            !words
                .clone()
                .any(|word| word == *weak || word.ends_with(weak)),
            "{why}\n{text}"
        );
    }
    assert_eq!(text, OFFERED);
}

/// What old clients would take if it were offered.
const WEAK: &[(&str, &str)] = &[
    ("-cbc", "CBC (CVE-2008-5161)"),
    ("3des-cbc", "blocks of 64 bits"),
    ("arcfour", "RC4"),
    ("-sha1", "SHA-1"),
    ("-sha1-etm@openssh.com", "SHA-1"),
    ("hmac-md5", "MD5"),
    ("ssh-rsa", "signatures by SHA-1"),
    ("ssh-dss", "DSA"),
    ("zlib", "compression before the login"),
    ("zlib@openssh.com", "compression"),
    ("diffie-hellman-group1-sha1", "1024 bits"),
];

// Changed only on purpose. The two MACs without ETM are for libssh2 before 1.11, which has no other
// that is good; in CTR they are no part of what Terrapin or CVE-2008-5161 need.
const OFFERED: &str = "\
key exchange: mlkem768x25519-sha256,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ext-info-s,kex-strict-s-v00@openssh.com
host keys: ssh-ed25519,ecdsa-sha2-nistp256
ciphers to the server: aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr
ciphers to the client: aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr
MACs to the server: hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512
MACs to the client: hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512
compression to the server: none
compression to the client: none
";

/// Every algorithm that OpenSSH's client has too carries a file.
#[test]
fn p23_what_is_offered_works() {
    let (wharf, login) = start();
    wharf.write("f", "content");
    let mut socket = connect(&login);
    let offered = kexinit(&mut socket);
    drop(socket);
    for (index, option) in [
        (0, "KexAlgorithms"),
        (1, "HostKeyAlgorithms"),
        (3, "Ciphers"),
    ] {
        let has = option_values(&login, option);
        for name in offered[index]
            .split(',')
            .filter(|name| has.iter().any(|one| one == name))
        {
            works(&login, &[format!("{option}={name}")]);
        }
    }
    for mac in offered[5].split(',') {
        works(
            &login,
            &["Ciphers=aes128-ctr".to_owned(), format!("MACs={mac}")],
        );
    }
}

#[track_caller]
fn works(login: &Ssh, options: &[String]) {
    let mut words = vec!["-s"];
    for option in options {
        words.extend(["-o", option]);
    }
    let finished = login
        .program("ssh", "openssh-client")
        .args(&words)
        .args(login.options())
        .args(["-p", &login.port.to_string(), &login.host(), "sftp"])
        .input(init_and_stat())
        .limit(PATIENCE)
        .run();
    assert!(
        contains(&finished.output, b"posix-rename"),
        "{options:?}: {finished}"
    );
}

/// What this machine's `ssh` knows.
fn option_values(login: &Ssh, option: &str) -> Vec<String> {
    let finished = login
        .program("ssh", "openssh-client")
        .args(["-Q", option])
        .run();
    show(&finished.output)
        .replace("\\n", "\n")
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn s8_the_identification_has_no_version() {
    let (_wharf, login) = start();
    let mut socket = TcpStream::connect(("127.0.0.1", login.port)).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a bound");
    let mut line = String::new();
    BufReader::new(&mut socket)
        .read_line(&mut line)
        .expect("a line");
    assert_eq!(line, "SSH-2.0-wharf\r\n");
}

#[test]
fn m6_m7_impossible_lengths_close_the_channel_and_cost_no_memory() {
    let (wharf, login) = start();
    Sftp::open(&login).stat("/").attributes();
    let before = probe::resident(wharf.pid());
    for length in [0_u32, 262_145, 1 << 31, u32::MAX] {
        for pieces in [false, true] {
            let mut sftp = Sftp::open(&login);
            let bytes = body().u32(length).u8(kind::STAT).u32(1).string("/").done();
            if pieces {
                for byte in bytes {
                    let _ = sftp.try_send_raw(&[byte]);
                }
            } else {
                sftp.send_raw(&bytes);
            }
            sftp.expect_end();
        }
    }
    let after = probe::resident(wharf.pid());
    assert!(after < before + (4 << 20), "from {before} to {after} bytes");
    // The shortest and the longest that are allowed: a kind alone, and the largest WRITE.
    let mut sftp = Sftp::open(&login);
    sftp.send_raw(&body().u32(1).u8(kind::STAT).done());
    sftp.expect_silence(Duration::from_millis(50));
    let handle = sftp.open_file("f", open_flag::NEW);
    let data = vec![b'x'; 262_144 - 1 - 4 - 4 - handle.len() - 8 - 4];
    let write = packet(
        kind::WRITE,
        99,
        &body().string(&handle).u64(0).string(&data),
    );
    assert_eq!(write.len(), 4 + 262_144);
    sftp.send_raw(&write);
    sftp.reply(99).expect(status::OK);
}

#[test]
fn m9_a_handle_is_its_channels_own_and_forged_ones_fail() {
    let (wharf, login) = start();
    wharf.write("f", "content");
    let (mut one, mut other) = (Sftp::open(&login), Sftp::open(&login));
    let handle = one.open_file("f", open_flag::READ);
    let closed = one.open_file("f", open_flag::READ);
    one.close(&closed).expect(status::OK);
    let folder = one.open_folder("/");
    let mut near = handle.clone();
    *near.last_mut().expect("a handle") ^= 1;
    let forged = [
        Vec::new(),
        b"\0\0\0\0".to_vec(),
        vec![b'x'; 256],
        near,
        closed,
    ];
    for handle in &forged {
        fails(&mut one, handle);
    }
    fails(&mut other, &handle);
    fails(&mut other, &folder);
    // One kind for the other.
    one.read(&folder, 0, 10).expect(status::FAILURE);
    one.ask(kind::READDIR, &body().string(&handle))
        .expect(status::FAILURE);
    assert_eq!(one.read(&handle, 0, 100).data(), b"content");
    // And they tell nothing about one another.
    let more: Vec<_> = (0..50)
        .map(|_| one.open_file("f", open_flag::READ))
        .collect();
    for (index, handle) in more.iter().enumerate() {
        assert!(!more[..index].contains(handle), "the same handle twice");
        assert!(
            handle.len() >= 8,
            "a handle that can be guessed: {handle:?}"
        );
    }
}

#[track_caller]
fn fails(sftp: &mut Sftp, handle: &[u8]) {
    let own = || body().string(handle);
    let requests: [(u8, Body); 6] = [
        (kind::CLOSE, own()),
        (kind::READ, own().u64(0).u32(10)),
        (kind::WRITE, own().u64(0).string("x")),
        (kind::FSTAT, own()),
        (kind::FSETSTAT, own().u32(0)),
        (kind::READDIR, own()),
    ];
    for (kind, body) in requests {
        let reply = sftp.ask(kind, &body);
        let text = reply.expect(status::FAILURE);
        assert!(!text.is_empty(), "request {kind} fails without a text");
    }
}

#[test]
fn r11_a_session_has_128_handles() {
    let (wharf, login) = start();
    wharf.write("f", "content");
    let mut sftp = Sftp::open(&login);
    let handles: Vec<_> = (0..128)
        .map(|number| match number % 2 {
            0 => sftp.open_file("f", open_flag::READ),
            _ => sftp.open_folder("/"),
        })
        .collect();
    let file = body().string("f").u32(open_flag::READ).u32(0);
    for (kind, body) in [(kind::OPEN, file), (kind::OPENDIR, body().string("/"))] {
        let text = sftp.ask(kind, &body).expect(status::FAILURE);
        assert!(
            text.contains("too many open") && text.ends_with("[G-20]"),
            "{text}"
        );
    }
    sftp.close(&handles[0]).expect(status::OK);
    let again = sftp.open_file("f", open_flag::READ);
    assert_eq!(sftp.read(&again, 0, 100).data(), b"content");
}

/// 10 GB of READs are asked for and nothing of it is taken.
#[test]
fn r12_a_reader_that_takes_nothing_costs_no_memory() {
    let (wharf, login) = start();
    std::fs::File::create(wharf.path("large"))
        .and_then(|file| file.set_len(10_000_000_000))
        .expect("a sparse file");
    let mut sftp = Sftp::before_init(&login, 1);
    sftp.send_raw(&body().u32(5).u8(kind::INIT).u32(3).done());
    sftp.version();
    let handle = sftp.open_file("large", open_flag::READ);
    assert_eq!(sftp.read(&handle, 0, 32_768).data().len(), 32_768);
    let before = probe::resident(wharf.pid());
    let reads: Vec<u8> = (0..10_000_000_000 / 32_768)
        .flat_map(|number: u64| {
            let id = 1000 + u32::try_from(number).unwrap_or_default();
            let words = body().string(&handle).u64(number * 32_768).u32(32_768);
            packet(kind::READ, id, &words)
        })
        .collect();
    let (sent, all) = std::sync::mpsc::sync_channel(1);
    let mut input = sftp.take_input();
    let writer = std::thread::spawn(move || {
        // It blocks when the server reads no more: that is what is wanted.
        let outcome = input.write_all(&reads);
        let _ = sent.send(());
        (input, outcome.is_ok())
    });
    // Either all is sent, or the server has stopped reading: both are steady.
    let _ = all.recv_timeout(Duration::from_secs(3));
    let highest = (0..20)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(50));
            probe::resident(wharf.pid())
        })
        .max()
        .unwrap_or_default();
    assert!(
        highest < before + (8 << 20),
        "from {before} to {highest} bytes"
    );
    // Others are served meanwhile.
    Sftp::open(&login).stat("/").attributes();
    sftp.cut();
    let _ = writer.join();
}

/// INIT and a STAT of the login folder, as a client's input.
fn init_and_stat() -> Vec<u8> {
    let init = body().u32(5).u8(kind::INIT).u32(3).done();
    [init, packet(kind::STAT, 1, &body().string("/"))].concat()
}

/// A socket after both identifications.
fn connect(login: &Ssh) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", login.port)).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a bound");
    socket
        .write_all(b"SSH-2.0-tests\r\n")
        .expect("an identification");
    let mut byte = [0];
    while byte != *b"\n" {
        socket.read_exact(&mut byte).expect("its identification");
    }
    socket
}

/// The eight lists of the server's KEXINIT (RFC 4253, section 7.1).
fn kexinit(socket: &mut TcpStream) -> Vec<String> {
    let mut length = [0; 4];
    socket.read_exact(&mut length).expect("a packet");
    let length = u32::from_be_bytes(length);
    assert!(length < 35_000, "{length}");
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    socket.read_exact(&mut bytes).expect("its bytes");
    // The padding's length, the kind, and the cookie.
    assert_eq!(bytes.get(1), Some(&20), "KEXINIT");
    let mut fields = Fields(&bytes[18..]);
    (0..8)
        .map(|_| show(fields.string().expect("a list")))
        .collect()
}

/// An unencrypted packet (RFC 4253, section 6).
fn plain(payload: &[u8]) -> Vec<u8> {
    let padding = 16 - (payload.len() + 5) % 8;
    let inner = body()
        .u8(u8::try_from(padding).unwrap_or_default())
        .raw(payload)
        .raw(&vec![0; padding]);
    body().string(inner.done()).done()
}

fn rest(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = socket.read_to_end(&mut bytes);
    bytes
}
