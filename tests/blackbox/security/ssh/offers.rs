//! What the server offers before anybody is logged in.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use wharf_tests::program::contains;
use wharf_tests::sftp::{Fields, Sftp, body};
use wharf_tests::ssh::Ssh;
use wharf_tests::{PATIENCE, show};

use super::refusals::ssh;
use super::start;

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
            let login = login.with(&["-o", &format!("{option}={name}")]);
            Sftp::open(&login).stat("f").attributes();
        }
    }
    for mac in offered[5].split(',') {
        let mac = format!("MACs={mac}");
        let login = login.with(&["-o", "Ciphers=aes128-ctr", "-o", &mac]);
        Sftp::open(&login).stat("f").attributes();
    }
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
