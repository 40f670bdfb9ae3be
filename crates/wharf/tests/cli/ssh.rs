//! Host keys and the port of SFTP, as the program shows them.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use crate::harness::{Running, Scratch, paste};

/// What `ssh-keygen -l` says of a key: its fingerprint, and its kind as clients show it.
fn keygen(path: &Path) -> (String, String) {
    let line = format!(
        "ssh-keygen -y -f '{0}' > '{0}.pub' && ssh-keygen -lf '{0}.pub'",
        path.display()
    );
    let told = paste(&line, Path::new("/"));
    assert_eq!(
        told.code,
        Some(0),
        "this test needs ssh-keygen (the package openssh-client): {}",
        told.stderr
    );
    fs::remove_file(path.with_extension("pub")).unwrap();
    let words: Vec<_> = told.stdout.split_whitespace().collect();
    let kind = words[words.len() - 1].trim_matches(['(', ')']);
    (words[1].to_owned(), kind.to_owned())
}

#[test]
fn the_first_start_makes_host_keys_that_stay_and_shows_their_fingerprints() {
    let scratch = Scratch::new();
    let first = Running::start(&scratch, &["--sftp", "0"]).printed();
    let names = ["ssh_host_ed25519_key", "ssh_host_ecdsa_key"];
    let path = |name: &str| scratch.path("states/wharf").join(name);
    let before = names.map(|name| fs::read(path(name)).unwrap());
    for (name, kind) in names.iter().zip(["ED25519", "ECDSA"]) {
        assert_eq!(fs::metadata(path(name)).unwrap().mode() & 0o777, 0o600);
        let (fingerprint, of) = keygen(&path(name));
        assert_eq!(of, kind);
        assert!(
            first.contains(&format!("\n  host key     {fingerprint}  ({kind})\n")),
            "{fingerprint}\n{first}"
        );
    }
    let left = fs::read_dir(scratch.path("states/wharf")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        !left.iter().any(|name| name == "ssh_host_ed25519_key.new"),
        "{left:?}"
    );

    let second = Running::start(&scratch, &["--sftp", "0"]).printed();
    let told = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.contains("host key "));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(told(&first), told(&second));
    assert_eq!(names.map(|name| fs::read(path(name)).unwrap()), before);
    assert_ne!(
        told(&first),
        told(&Running::start(&Scratch::new(), &[]).printed())
    );
}

#[test]
fn the_commands_for_sftp_have_the_port_and_the_account() {
    let scratch = Scratch::new();
    let text = Running::start(&scratch, &["--ftp", "off", "--ftps", "off"]).printed();
    let line = |start: &str| {
        let found = text
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with(start));
        found
            .unwrap_or_else(|| panic!("no `{start}` in {text}"))
            .to_owned()
    };
    let address = line("sftp  ");
    let address = address.strip_prefix("sftp").unwrap().trim();
    let address = address.strip_suffix(", SSH").unwrap();
    let port = address.rsplit(':').next().unwrap();
    assert_eq!(line("sftp -P"), format!("sftp -P {port} wharf@127.0.0.1"));
    let password = line("password")
        .split_whitespace()
        .last()
        .unwrap()
        .to_owned();
    assert_eq!(
        line("filezilla"),
        format!("filezilla sftp://wharf:{password}@127.0.0.1:{port}/")
    );
    // What belongs to FTP alone is not told.
    for word in ["curl", "lftp", "passive", "certificate"] {
        assert!(!text.contains(word), "{word}\n{text}");
    }
}

#[test]
fn sftp_can_be_off_and_makes_no_key_then() {
    let scratch = Scratch::new();
    let running = Running::start(&scratch, &["--sftp", "off", "--format", "json"]);
    let text = running.printed();
    assert!(
        !text.contains("sftp") && !text.contains("host_key"),
        "{text}"
    );
    assert!(!scratch.path("states/wharf/ssh_host_ed25519_key").exists());
}

#[test]
fn the_port_of_sftp_in_use_is_named() {
    let scratch = Scratch::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = scratch.run(&["serve", "--ftp", "0", "--ftps", "0", "--sftp", &port]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("`--sftp PORT` takes another port"),
        "{}",
        refused.stderr
    );
}

#[test]
fn s5_own_host_keys_that_are_open_or_damaged_are_refused_with_the_cure() {
    let scratch = Scratch::new();
    Running::start(&scratch, &[]).stop();
    let path = scratch.path("states/wharf/ssh_host_ecdsa_key");
    let refused = |says: &str, cure: &str| {
        let refused = scratch.run(&["serve", "--ftp", "0", "--ftps", "0", "--sftp", "0"]);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        let told = &refused.stderr;
        assert!(told.contains(says) && told.contains(cure), "{told}");
    };
    let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    set(0o640);
    refused("mode 0640", "hint: `chmod 600 ");
    set(0o600);
    fs::write(&path, "").unwrap();
    refused("the server's own host key cannot be used", "hint: `rm ");
    fs::remove_file(&path).unwrap();
    Running::start(&scratch, &[]);
    assert!(path.exists());
}

#[test]
fn bad_key_files_are_reported_with_file_and_line() {
    let scratch = Scratch::new();
    scratch.write("text", "no key");
    let text = scratch.path("text");
    fs::set_permissions(&text, fs::Permissions::from_mode(0o644)).unwrap();
    let config = scratch.write(
        "wharf.toml",
        "[server]\nsftp = 2022\n[ssh]\nhost_keys = [\n  \"nowhere\",\n  \"text\",\n]\n",
    );
    let config = config.to_str().unwrap();
    for command in [&["config", "check"][..], &["serve"]] {
        let refused = scratch.run(&[command, &["--config", config]].concat());
        assert_eq!(refused.code, Some(1));
        let told = &refused.stderr;
        for part in [
            "the settings have 2 problems".to_owned(),
            format!(
                "{config}:4: the host key `{}` does not exist\n  hint: ",
                scratch.text("nowhere")
            ),
            format!(
                "{config}:4: the host key `{}` is open to other users (mode 0644)",
                text.display()
            ),
            format!("hint: `chmod 600 {}`", text.display()),
        ] {
            assert!(told.contains(&part), "{part}\n{told}");
        }
    }
    assert!(!scratch.path("states").exists());
}

#[test]
fn keys_of_another_program_are_taken_as_ssh_keygen_makes_them() {
    let scratch = Scratch::new();
    let mut expected = Vec::new();
    for (name, make) in [
        ("rsa", "-t rsa -b 2048"),
        ("ed25519", "-t ed25519"),
        ("ecdsa", "-t ecdsa -b 384 -m PEM"),
    ] {
        let line = format!("ssh-keygen -q {make} -N '' -f {}", scratch.text(name));
        let made = paste(&line, Path::new("/"));
        assert_eq!(
            made.code,
            Some(0),
            "this test needs ssh-keygen (the package openssh-client): {}",
            made.stderr
        );
        expected.push(keygen(&scratch.path(name)).0);
    }
    let config = scratch.write(
        "wharf.toml",
        "[ssh]\nhost_keys = [\"rsa\", \"ed25519\", \"ecdsa\"]\n",
    );
    let running = Running::start(
        &scratch,
        &["--format", "json", "--config", config.to_str().unwrap()],
    );
    let objects = running.objects();
    let told = objects
        .iter()
        .filter(|object| object["event"] == "host_key");
    let told: Vec<_> = told
        .map(|object| object["fingerprint"].as_str().unwrap())
        .collect();
    assert_eq!(told, expected);
    assert!(!scratch.path("states/wharf/ssh_host_ed25519_key").exists());
}
