//! `wharf serve`: its first words and its refusals.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{Running, Scratch, dialogue, paste};

#[test]
fn json_says_where_it_listens_the_account_once_and_that_it_is_ready() {
    let scratch = Scratch::new();
    let mut first = Running::start(&scratch, &["--format", "json"]);
    let address = first.address();
    let [
        listening,
        implicit,
        sftp,
        certificate,
        ed25519,
        ecdsa,
        account,
        ready,
    ] = first.objects().try_into().unwrap();
    assert_eq!(
        listening.to_string(),
        format!(r#"{{"event":"listening","protocol":"ftp","address":"{address}"}}"#)
    );
    assert_eq!(implicit["protocol"], "ftps");
    assert_eq!(sftp["protocol"], "sftp");
    assert_eq!(certificate["event"], "certificate");
    assert_eq!(certificate["self_signed"], true);
    assert_eq!(
        certificate["file"],
        scratch.text("states/wharf/tls/certificate.pem")
    );
    assert_eq!(
        ed25519.to_string(),
        format!(
            r#"{{"event":"host_key","kind":"ssh-ed25519","fingerprint":{},"file":"{}"}}"#,
            ed25519["fingerprint"],
            scratch.text("states/wharf/ssh_host_ed25519_key")
        )
    );
    assert_eq!(
        (ecdsa["event"].as_str(), ecdsa["kind"].as_str()),
        (Some("host_key"), Some("ecdsa-sha2-nistp256"))
    );
    assert_eq!(
        (account["event"].as_str(), account["name"].as_str()),
        (Some("account"), Some("wharf"))
    );
    assert!(account["password"].as_str().unwrap().len() >= 20);
    assert_eq!(ready.to_string(), r#"{"event":"ready"}"#);
    assert_eq!(first.stop(), Some(0));

    let second = Running::start(&scratch, &["--format", "json"]);
    let events: Vec<_> = second
        .objects()
        .into_iter()
        .map(|o| o["event"].clone())
        .collect();
    assert_eq!(
        events,
        [
            "listening",
            "listening",
            "listening",
            "certificate",
            "host_key",
            "host_key",
            "ready"
        ]
    );
}

#[test]
fn every_listener_is_told() {
    let scratch = Scratch::new();
    let running = Running::start(
        &scratch,
        &[
            "--format",
            "json",
            "--listen",
            "127.0.0.1",
            "--listen",
            "127.0.0.2",
        ],
    );
    let objects = running.objects();
    let listening = objects
        .iter()
        .filter(|object| object["event"] == "listening")
        .map(|object| {
            let address = object["address"].as_str().unwrap();
            let host = address.split(':').next().unwrap();
            format!("{} {host}", object["protocol"].as_str().unwrap())
        });
    assert_eq!(
        listening.collect::<Vec<_>>(),
        [
            "ftp 127.0.0.1",
            "ftps 127.0.0.1",
            "sftp 127.0.0.1",
            "ftp 127.0.0.2",
            "ftps 127.0.0.2",
            "sftp 127.0.0.2"
        ]
    );
}

#[test]
fn s4_every_first_start_makes_its_own_password() {
    let password = || {
        let scratch = Scratch::new();
        let running = Running::start(&scratch, &["--format", "json"]);
        let accounts = scratch.ok(&["user", "list", "--format", "json"]);
        assert_eq!(accounts.lines().count(), 1, "{accounts}");
        running.told("account")["password"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_ne!(password(), password());
}

#[test]
fn s5_the_state_folder_is_never_served() {
    let scratch = Scratch::new();
    let state = scratch.text("files/state");
    let mut running = Running::start(
        &scratch,
        &["--anonymous", "--format", "json", "--state", &state],
    );
    let curl = |what: &str| {
        paste(
            &format!("curl -s ftp://{}/{what}", running.address()),
            &scratch.path("files"),
        )
    };
    assert!(scratch.path("files/state/wharf.db").exists());
    let listing = curl("");
    assert!(!listing.stdout.contains("state"), "{}", listing.stdout);
    for inside in ["state/", "state/wharf.db", "state/../state/wharf.db"] {
        assert_ne!(curl(inside).code, Some(0), "{inside}");
    }
    running.stop();

    for arguments in [
        ["serve", &state, "--state", &state].as_slice(),
        &["user", "add", "ann", "--home", &state, "--state", &state],
    ] {
        let refused = scratch.run(arguments);
        assert_eq!(refused.code, Some(1));
        assert!(
            refused.stderr.contains("lies in the state folder"),
            "{}",
            refused.stderr
        );
        assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
    }
}

#[test]
fn the_commands_that_are_printed_work_when_they_are_pasted() {
    let scratch = Scratch::new();
    fs::write(scratch.path("files/hello.txt"), "hello").unwrap();
    let mut running = Running::start(
        &scratch,
        &["--anonymous", "--state", &scratch.text("a state")],
    );
    let text = running.printed();
    assert!(text.ends_with("\n\nwharf is ready"), "{text}");
    let commands: Vec<_> = text.lines().map(str::trim).collect();
    let starting = |start: &str| {
        commands
            .iter()
            .filter(|line| line.starts_with(start))
            .copied()
            .collect::<Vec<_>>()
    };
    let [with_password, anonymous] = starting("curl ").try_into().expect(&text);
    for curl in [with_password, anonymous] {
        let listing = paste(curl, &scratch.path("files"));
        assert!(
            listing.stdout.contains("hello.txt"),
            "{curl}: {} {}",
            listing.stderr,
            running.log()
        );
    }
    let [lftp] = starting("lftp ").try_into().expect(&text);
    let listing = paste(
        &format!("echo 'set net:max-retries 1; ls; exit' | {lftp}"),
        &scratch.path("files"),
    );
    // Not even a complaint about the certificate.
    assert_eq!(listing.stderr, "", "{lftp}");
    assert!(
        listing.stdout.contains("hello.txt"),
        "{lftp}: {} {}",
        listing.stderr,
        running.log()
    );
    let add = commands
        .iter()
        .find(|line| line.contains(" user add "))
        .expect(&text);
    let added = paste(add, &scratch.path("files"));
    assert!(
        added.stdout.contains("`ann` added"),
        "{add}: {}",
        added.stderr
    );
    let list = scratch.ok(&["user", "list", "--state", &scratch.text("a state")]);
    assert!(list.contains("\nann "), "{list}");
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn later_starts_show_commands_without_a_password() {
    let scratch = Scratch::new();
    Running::start(&scratch, &[]).stop();
    let again = Running::start(&scratch, &[]).printed();
    assert!(
        again.contains("certificate.pem --user wharf ftp://127.0.0.1:"),
        "{again}"
    );
    assert!(!again.contains("password"), "{again}");
}

#[test]
fn who_can_log_in_from_where_is_said() {
    let scratch = Scratch::new();
    let text = Running::start(&scratch, &["--listen", "0.0.0.0"]).printed();
    assert_eq!(text.matches("note: ").count(), 2, "{text}");
    assert!(
        text.contains("note: the certificate is self-signed")
            && text.contains("note: SFTP clients ask at their first connection"),
        "{text}"
    );
    let text = Running::start(&scratch, &["--listen", "0.0.0.0", "--allow-plaintext"]).printed();
    assert!(
        text.contains("note: passwords are taken in clear as well"),
        "{text}"
    );
    assert!(!Running::start(&scratch, &[]).printed().contains("note:"));
}

#[test]
fn a_port_in_use_is_named_and_no_account_is_made() {
    let scratch = Scratch::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = scratch.run(&["serve", "--ftp", &port, "--ftps", "0"]);
    assert_eq!(refused.code, Some(1));
    let expected =
        format!("error: cannot listen on 127.0.0.1:{port}: another program uses this port");
    assert!(refused.stderr.contains(&expected), "{}", refused.stderr);
    // Otherwise its password would be lost.
    assert_eq!(scratch.ok(&["user", "list", "--format", "json"]), "");
}

#[test]
fn wrong_arguments_are_usage_errors() {
    let scratch = Scratch::new();
    scratch.write("file", "");
    for arguments in [
        &["serve", "--ftp", "x"][..],
        &["serve", "--ftps", "x"],
        &["serve", "--sftp", "x"],
        &["serve", "--web", "8443"],
        &["serve", "--passive-ports", "5"],
        &["serve", "--listen", "localhost"],
        &["serve", "--bogus"],
        &["serve", "--config", "/nowhere/wharf.toml"],
        &["serve", "/nowhere"],
        &["serve", &scratch.text("file")],
        &["serve", "--log", "infoo"],
        &["bogus"],
    ] {
        let refused = scratch.run(arguments);
        assert_eq!(refused.code, Some(2), "{arguments:?}: {}", refused.stderr);
        assert!(
            refused.stderr.starts_with("error: "),
            "{arguments:?}: {}",
            refused.stderr
        );
        assert_eq!(refused.stdout, "", "{arguments:?}");
    }
}

#[test]
fn a_bad_file_is_refused_before_anything_is_made() {
    let scratch = Scratch::new();
    let config = scratch.write(
        "wharf.toml",
        "[limits]\nsesions = 1\n[server]\nftp = true\n",
    );
    let refused = scratch.run(&["serve", "--config", config.to_str().unwrap()]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("the settings have 2 problems"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("wharf.toml:2: "),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("wharf.toml:4: "),
        "{}",
        refused.stderr
    );
    assert!(!scratch.path("states").exists());
}

#[test]
fn s5_a_database_that_others_can_read_is_refused_with_the_cure() {
    let scratch = Scratch::new();
    scratch.ok(&["user", "list"]);
    let database = scratch.path("states/wharf/wharf.db");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o644)).unwrap();
    for arguments in [
        &["serve", "--ftp", "0", "--ftps", "0"][..],
        &["user", "list"],
    ] {
        let refused = scratch.run(arguments);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        assert!(refused.stderr.contains("chmod 600"), "{}", refused.stderr);
    }
}

#[test]
fn s5_what_is_made_is_for_the_owner_alone() {
    let scratch = Scratch::new();
    let mut running = Running::start(&scratch, &["--format", "json"]);
    dialogue(&running.address(), &["QUIT"]);
    running.event("closed");
    for entry in fs::read_dir(scratch.path("states/wharf")).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} has mode {mode:o}", entry.file_name());
    }
}

#[test]
fn s8_the_first_line_has_no_version() {
    let scratch = Scratch::new();
    let running = Running::start(&scratch, &["--format", "json"]);
    let said = dialogue(&running.address(), &["QUIT"]);
    let first = said.lines().next().unwrap();
    assert_eq!(first, "220 ready");
}

#[test]
fn no_password_is_logged_at_any_level() {
    let scratch = Scratch::new();
    let mut running = Running::start(&scratch, &["--log", "trace", "--allow-plaintext"]);
    let text = running.printed();
    let find = |label: &str| {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(label))
            .expect(&text);
        line.trim().split(',').next().unwrap().to_owned()
    };
    let (password, address) = (find("password"), find("ftp "));
    let said = dialogue(
        &address,
        &[
            "USER wharf",
            &format!("PASS {password}"),
            "USER wharf",
            "PASS not-this-one",
            "QUIT",
        ],
    );
    assert!(said.contains("\r\n230"), "{said}");
    assert_eq!(running.stop(), Some(0));
    let log = running.log();
    assert!(log.contains("login"), "{log}");
    assert!(
        !log.contains(&password) && !log.contains("not-this-one"),
        "{log}"
    );
    let audit = fs::read_to_string(scratch.path("states/wharf/audit.jsonl")).unwrap();
    assert!(audit.contains("\"login\""), "{audit}");
    assert!(
        !audit.contains(&password) && !audit.contains("not-this-one"),
        "{audit}"
    );
}
