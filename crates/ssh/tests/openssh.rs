//! What wharf writes is read by OpenSSH, and the other way round, with keys made on the spot.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wharf_ssh::certificate::{Certificate, Demands};
use wharf_ssh::encoding::{Reader, Writer as _};
use wharf_ssh::key::{HostKey, HostKeyKind, PublicKey};
use wharf_ssh::krl::RevocationList;

const KINDS: [HostKeyKind; 4] = [
    HostKeyKind::Ed25519,
    HostKeyKind::EcdsaP256,
    HostKeyKind::EcdsaP384,
    HostKeyKind::Rsa3072,
];

#[test]
fn ssh_keygen_reads_our_key_files_and_signatures() {
    let folder = tempfile::tempdir().expect("a folder");
    for kind in KINDS {
        let key = HostKey::generate(kind).expect("a key");
        let text = key.to_openssh("made by wharf").expect("its text");
        write_private(folder.path(), "key", text.as_bytes());
        let line = keygen(folder.path(), &["-y", "-P", "", "-f", "key"], "").stdout;
        assert_eq!(wire(&line), key.public().wire());
        assert!(line.ends_with(b" made by wharf\n"), "{kind:?}");
        for algorithm in key.algorithms() {
            let signature = key.sign(algorithm, &signed("a message")).expect("signs");
            check(folder.path(), key.public(), &signature);
        }
    }
}

#[test]
fn ssh_keygen_agrees_what_a_hardware_key_signs() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = b"sk-ssh-ed25519@openssh.com";
    let pair = Ed25519KeyPair::generate().expect("a key");
    let mut blob = Vec::new();
    blob.put_string(name);
    blob.put_string(pair.public_key().as_ref());
    blob.put_string(b"ssh:");
    let key = PublicKey::decode(&blob).expect("a key");
    let mut under = digest(&SHA256, b"ssh:").as_ref().to_vec();
    under.extend_from_slice(&[1, 0, 0, 0, 9]);
    under.extend_from_slice(digest(&SHA256, &signed("a message")).as_ref());
    let mut signature = Vec::new();
    signature.put_string(name);
    signature.put_string(pair.sign(&under).as_ref());
    signature.extend_from_slice(&[1, 0, 0, 0, 9]);
    check(folder.path(), &key, &signature);
    key.verify(name, &signed("a message"), &signature)
        .expect("ours agrees");
}

#[test]
fn keys_and_signatures_of_ssh_keygen_are_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    for (number, kind) in [
        ("ed25519", ""),
        ("ecdsa", "256"),
        ("ecdsa", "384"),
        ("ecdsa", "521"),
        ("rsa", "2048"),
        ("rsa", "4096"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("key{number}");
        let key = make_key(folder.path(), &name, kind);
        let text = std::fs::read(folder.path().join(&name)).expect("its text");
        let host = HostKey::from_openssh(&text).expect("a host key");
        assert_eq!(*host.public(), key);
        let command = ["-q", "-Y", "sign", "-n", "test", "-f", &name];
        let armoured = keygen(folder.path(), &command, "a message").stdout;
        let signature = signature(&armoured);
        let algorithm = Reader::new(&signature).string(64).expect("a name");
        key.verify(algorithm, &signed("a message"), &signature)
            .expect("it signed");
    }
}

#[test]
fn certificates_of_ssh_keygen_are_judged_and_revoked() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let authority = make_key(path, "ca", ("ed25519", ""));
    make_key(path, "ann", ("ecdsa", "256"));
    let command = "-q -s ca -I ann@laptop -n ann -z 12 -V -1h:+1h -O clear ann.pub";
    let command: Vec<&str> = command.split(' ').collect();
    keygen(path, &command, "");
    let line = std::fs::read(path.join("ann-cert.pub")).expect("a certificate");
    let certificate = Certificate::decode(&wire(&line)).expect("a certificate");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let authorities = [authority];
    let demands = Demands {
        now: now.expect("a clock").as_secs(),
        principals: &[b"ann"],
        peer: [127, 0, 0, 1].into(),
        authorities: &authorities,
        revoked: &[],
    };
    certificate.verify(&demands).expect("it is Ann's");
    keygen(
        path,
        &["-q", "-k", "-f", "krl", "-s", "ca.pub", "ann-cert.pub"],
        "",
    );
    let list = std::fs::read(path.join("krl")).expect("a list");
    let list = RevocationList::parse(&list).expect("a list");
    let revoked = Demands {
        revoked: &[&list],
        ..demands
    };
    assert!(certificate.verify(&revoked).is_err());
}

fn make_key(folder: &Path, name: &str, (kind, bits): (&str, &str)) -> PublicKey {
    let mut command = vec!["-q", "-N", "", "-C", "a key", "-t", kind, "-f", name];
    if !bits.is_empty() {
        command.extend(["-b", bits]);
    }
    keygen(folder, &command, "");
    let line = std::fs::read(folder.join(format!("{name}.pub"))).expect("its public half");
    PublicKey::decode(&wire(&line)).expect("a key")
}

/// OpenSSH's PROTOCOL.sshsig: what is signed for the namespace `test`.
fn signed(message: &str) -> Vec<u8> {
    let mut out = b"SSHSIG".to_vec();
    out.put_string(b"test");
    out.put_string(b"");
    out.put_string(b"sha512");
    out.put_string(digest(&SHA512, message.as_bytes()).as_ref());
    out
}

/// That `ssh-keygen` takes the signature of [`signed`].
fn check(folder: &Path, key: &PublicKey, signature: &[u8]) {
    let mut blob = b"SSHSIG".to_vec();
    blob.put_u32(1);
    blob.put_string(key.wire());
    blob.put_string(b"test");
    blob.put_string(b"");
    blob.put_string(b"sha512");
    blob.put_string(signature);
    let armour = "SSH SIGNATURE-----";
    let body = STANDARD.encode(blob);
    let lines: Vec<&str> = body
        .as_bytes()
        .chunks(70)
        .map(|line| std::str::from_utf8(line).expect("base64"))
        .collect();
    let body = lines.join("\n");
    let text = format!("-----BEGIN {armour}\n{body}\n-----END {armour}\n");
    std::fs::write(folder.join("sig"), text).expect("writing");
    let command = ["-Y", "check-novalidate", "-n", "test", "-s", "sig"];
    keygen(folder, &command, "a message");
}

fn signature(armoured: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(armoured).expect("text");
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let blob = STANDARD.decode(body).expect("base64");
    let mut reader = Reader::new(&blob);
    reader.bytes(6).and_then(|_| reader.u32()).expect("a head");
    for _ in 0..4 {
        reader.string(4096).expect("a field");
    }
    reader.string(4096).expect("a signature").to_vec()
}

fn wire(line: &[u8]) -> Vec<u8> {
    let base64 = line.split(|byte| *byte == b' ').nth(1).expect("a key");
    STANDARD.decode(base64).expect("base64")
}

/// As `ssh-keygen` demands it: nobody else may read it.
fn write_private(folder: &Path, name: &str, text: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(name);
    std::fs::write(&path, text).expect("writing");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, mode).expect("its mode");
}

fn keygen(folder: &Path, arguments: &[&str], input: &str) -> Output {
    std::fs::write(folder.join("input"), input).expect("writing");
    let output = Command::new("ssh-keygen")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::from(
            std::fs::File::open(folder.join("input")).expect("the input"),
        ))
        .output()
        .expect("ssh-keygen is not installed: `apt-get install openssh-client`");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ssh-keygen {arguments:?}: {told}");
    output
}
