//! What `[ssh]` comes to: keys that can be used or problems, and what `config show` tells.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use wharf_ssh::key::{HostKey, HostKeyKind};

use crate::config::case::Case;
use crate::config::policy;

/// A file with a host key that can be used.
pub(in crate::config) fn key(folder: &Path, kind: HostKeyKind) -> String {
    let path = folder.join(format!("{kind:?}"));
    let text = HostKey::generate(kind).unwrap().to_openssh("").unwrap();
    fs::write(&path, text.as_bytes()).unwrap();
    mode(&path, 0o600);
    path.display().to_string()
}

/// A file with a public key.
pub(in crate::config) fn public(folder: &Path) -> String {
    let path = folder.join("some.pub");
    fs::write(&path, PUBLIC).unwrap();
    path.display().to_string()
}

/// Made for this test; nobody has the private half.
const PUBLIC: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICiBV+5TjbgP9Gg0PFgDB0+5y+dh5OWoBunp1oVCo0f5 ca\n";

/// The same with a passphrase, without its first and last line.
const ENCRYPTED: &str = "\
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABALUOkRhE\n\
dT6eI+AC1A9YXkAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIFwKrITRBdgg/kmj\n\
+Oo/id2N3LaNl5uuyr6JjZMclAkxAAAAkJFaPPOD3fMSlO7HL9IcblYpokoOW7SzBlmxuY\n\
QLrkg18Ich6ytmJTADdpqp23ISAayTjKcJsQbjViJeUI09Yc7wxtSowCkS91gVcb2RKtXI\n\
FYhNdDT6tvRiqzrJkDMC3Rar7ncOj75MWph8Y2JvNGlRapzh9h9eqsQqHsVZKTGMcNIxli\n\
kMw2c4kkMLuAzvlg==\n";

/// The text of a file between the lines that say what it is.
fn pem(text: &str) -> String {
    let begin = ["-----BEGIN OPENSSH ", "PRIVATE KEY-----"].concat();
    format!("{begin}\n{text}{}\n", begin.replace("BEGIN", "END"))
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn every_setting_of_ssh_arrives_at_the_server() {
    let case = Case::new(
        "[ssh]\n\
         host_keys = [\"EcdsaP256\", \"Ed25519\"]\n\
         user_ca = \"some.pub\"\n\
         revoked_keys = \"some.pub\"\n\
         login_attempts = 4\n\
         max_handles = 20\n\
         channels = 3\n",
    );
    let folder = case.folder.path();
    let ecdsa = key(folder, HostKeyKind::EcdsaP256);
    let ed25519 = key(folder, HostKeyKind::Ed25519);
    let file = public(folder);
    let settings = case.settings();
    assert!(settings.warnings.is_empty() && settings.notes.is_empty());
    let ssh = settings.server_config(Path::new("/state")).ssh.unwrap();
    assert_eq!(ssh.host_keys, [Path::new(&ecdsa), Path::new(&ed25519)]);
    assert_eq!(ssh.user_ca.as_deref(), Some(Path::new(&file)));
    assert_eq!(ssh.revoked_keys.as_deref(), Some(Path::new(&file)));
    let numbers = (ssh.login_attempts, ssh.max_handles, ssh.channels);
    assert_eq!(numbers, (4, 20, 3));
}

#[test]
fn without_sftp_there_is_no_ssh_and_settings_of_it_are_remarked_on() {
    let case = Case::new("[server]\nsftp = \"off\"\n[ssh]\nhost_keys = \"Ed25519\"\n");
    key(case.folder.path(), HostKeyKind::Ed25519);
    let settings = case.settings();
    assert!(settings.server_config(Path::new("/state")).ssh.is_none());
    let [note] = settings.notes.as_slice() else {
        panic!("{:?}", settings.notes)
    };
    assert_eq!(
        note.what,
        "`ssh.host_keys` has no effect: `server.sftp` is off"
    );
    assert_eq!(note.origin.line(), Some(4));
    assert!(!policy::text(&settings, Path::new("/state")).contains("SSH"));
}

#[test]
fn a_reload_leaves_the_host_keys_to_a_listener_that_goes_on() {
    let before = Case::new("").settings();
    let written = Case::new("[server]\nsftp = \"off\"\n[ssh]\nmax_handles = 9\n").settings();
    let later: Vec<_> = written
        .fixed_changes(&before)
        .iter()
        .map(|key| key.name)
        .collect();
    assert_eq!(later, ["server.sftp"]);
    let after = written
        .keeping_fixed(&before)
        .server_config(Path::new("/state"));
    let ssh = after.ssh.unwrap();
    assert_eq!((ssh.host_keys.len(), ssh.max_handles), (2, 9));
}

#[test]
fn s5_every_host_key_that_cannot_be_used_is_told_at_once_with_its_cure() {
    let case = Case::new(
        "[ssh]\nhost_keys = [\"missing\", \"folder\", \"RSA open\", \"public\", \"locked\", \"empty\", \"Ed25519\"]\n",
    );
    let folder = case.folder.path();
    fs::create_dir(folder.join("folder")).unwrap();
    fs::rename(key(folder, HostKeyKind::EcdsaP256), folder.join("RSA open")).unwrap();
    mode(&folder.join("RSA open"), 0o640);
    let locked = pem(ENCRYPTED);
    for (name, text) in [("public", PUBLIC), ("locked", &locked), ("empty", "")] {
        fs::write(folder.join(name), text).unwrap();
        mode(&folder.join(name), 0o600);
    }
    key(folder, HostKeyKind::Ed25519);
    let told = case.problems();
    let at = "wharf.toml:2: the host key ";
    let expected = [
        format!(
            "{at}`missing` does not exist\n  hint: `ssh-keygen -q -t ed25519 -N '' -f missing` makes it; without `host_keys` the server makes its own"
        ),
        format!("{at}`folder` is no file"),
        format!(
            "{at}`RSA open` is open to other users (mode 0640): whoever has it can pass for this server\n  hint: `chmod 600 'RSA open'`"
        ),
        format!(
            "{at}`public` cannot be used: this is a public key\n  hint: give the private one, the file without `.pub`"
        ),
        format!(
            "{at}`locked` cannot be used: this key is protected by a passphrase, and a server starts without anybody to type it\n  hint: `ssh-keygen -p -N '' -f locked` takes the passphrase away"
        ),
        format!(
            "{at}`empty` cannot be used: there is no key in it\n  hint: `ssh-keygen -t ed25519 -N '' -f FILE` makes one"
        ),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let case = Case::new("[ssh]\nhost_keys = \"pipe\"\n");
    let path = case.folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    assert_eq!(
        case.problems(),
        ["wharf.toml:2: the host key `pipe` is no file"]
    );
}

#[test]
fn a_second_key_of_a_kind_is_a_warning() {
    let case = Case::new("[ssh]\nhost_keys = [\"first\", \"EcdsaP256\", \"Ed25519\"]\n");
    let folder = case.folder.path();
    fs::rename(key(folder, HostKeyKind::Ed25519), folder.join("first")).unwrap();
    key(folder, HostKeyKind::EcdsaP256);
    key(folder, HostKeyKind::Ed25519);
    let settings = case.settings();
    let prefix = folder.join("").display().to_string();
    let warnings: Vec<_> = settings
        .warnings
        .iter()
        .map(|warning| warning.to_string().replace(&prefix, ""))
        .collect();
    assert_eq!(
        warnings,
        [
            "wharf.toml:2: `Ed25519` is a second ED25519 host key and counts for nothing: the first is `first`\n  hint: leave it out"
        ]
    );
}

#[test]
fn files_of_authorities_and_revoked_keys_must_be_there() {
    let case = Case::new("[ssh]\nuser_ca = \"ca.pub\"\nrevoked_keys = \"krl\"\n");
    assert_eq!(
        case.problems(),
        [
            "wharf.toml:2: the file `ca.pub` does not exist",
            "wharf.toml:3: the file `krl` does not exist\n  hint: `ssh-keygen -k -f krl` makes an empty one",
        ]
    );
}

#[test]
fn lists_that_cannot_be_read_to_their_end_are_told_with_their_line() {
    let case = Case::new("[ssh]\nuser_ca = \"ca.pub\"\nrevoked_keys = \"krl\"\n");
    let folder = case.folder.path();
    fs::write(
        folder.join("ca.pub"),
        format!("# ours\n{PUBLIC}ssh-ed25519 AAAA\n"),
    )
    .unwrap();
    fs::write(folder.join("krl"), "SSHKRL\n\0\0\0\0\x09").unwrap();
    let told = case.problems();
    assert!(
        told[0].starts_with("wharf.toml:2: `ca.pub`, line 3: "),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("wharf.toml:3: `krl`: this revocation list "),
        "{told:?}"
    );
    // A list of what is revoked lets nobody in.
    fs::copy(folder.join("krl"), folder.join("ca.pub")).unwrap();
    assert!(
        case.problems()[0].contains("a revocation list, not a list of authorities"),
        "{:?}",
        case.problems()
    );
    // It would be easy to believe that a list without a key lets somebody in.
    fs::write(folder.join("ca.pub"), "# nobody yet\n").unwrap();
    fs::write(folder.join("krl"), "").unwrap();
    assert_eq!(
        case.problems(),
        ["wharf.toml:2: there is no public key in `ca.pub`"]
    );
}

#[test]
fn show_tells_the_keys_and_where_nothing_is_made_yet() {
    let case = Case::new("[ssh]\nhost_keys = \"Ed25519\"\nuser_ca = \"some.pub\"\n");
    let folder = case.folder.path();
    let file = key(folder, HostKeyKind::Ed25519);
    let ca = public(folder);
    let text = policy::text(&case.settings(), Path::new("/nowhere"));
    let fingerprint = HostKey::from_openssh(&fs::read(&file).unwrap())
        .unwrap()
        .public()
        .fingerprint();
    for line in [
        "# SSH as it is in force".to_owned(),
        "#   spoken on            127.0.0.1:2222".to_owned(),
        format!("#   host keys            {fingerprint} (ED25519), {file}"),
        format!("#   user certificates    of the authorities in {ca}"),
        "#   revoked keys         none".to_owned(),
    ] {
        assert!(text.contains(&format!("\n{line}\n")), "{line}\n{text}");
    }
    let settings = Case::new("").settings();
    let [_, (name, json)] = policy::json(&settings, Path::new("/nowhere"));
    assert_eq!(name, "ssh");
    assert_eq!(
        json["host_keys"][1],
        serde_json::json!({ "file": "/nowhere/ssh_host_ecdsa_key", "missing": "made at the first start" })
    );
}
