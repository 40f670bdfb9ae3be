//! `wharf user`: accounts in a scratch state.

use std::fs;

use serde_json::{Value as Json, json};

use crate::harness::{Running, Scratch, dialogue};

/// Made for this test with `ssh-keygen -t ed25519`; nobody has its private half.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtVq1lAsMEsJ0Yl9O5d0vDHVdyYN5wQH4bR9CzI1pQk ann@example";

fn show(scratch: &Scratch, name: &str) -> Json {
    scratch.json(&["user", "show", name, "--format", "json"])
}

#[test]
fn an_account_from_its_first_day_to_its_last() {
    let scratch = Scratch::new();
    let home = scratch.text("files");
    let added = scratch.json(&[
        "user",
        "add",
        "ann",
        "--home",
        &home,
        "--permissions",
        "read-only,/in=upload-only",
        "--max-sessions",
        "3",
        "--format",
        "json",
    ]);
    assert_eq!(added["name"], "ann");
    assert_eq!(added["permissions"], "read-only,/in=upload-only");
    assert_eq!(added["max_sessions"], 3);
    assert_eq!(added["has_password"], true);
    assert!(added["password"].as_str().unwrap().len() >= 20);
    assert_eq!(
        added["home"],
        fs::canonicalize(&home).unwrap().to_str().unwrap()
    );
    assert_eq!(show(&scratch, "ann").get("password"), None);

    assert_eq!(scratch.ok(&["user", "disable", "ann"]), "`ann` disabled\n");
    assert_eq!(show(&scratch, "ann")["enabled"], false);
    assert_eq!(scratch.ok(&["user", "enable", "ann"]), "`ann` enabled\n");
    assert_eq!(show(&scratch, "ann")["enabled"], true);

    scratch.ok(&[
        "user",
        "change",
        "ann",
        "--no-home",
        "--permissions",
        "full",
        "--max-sessions",
        "default",
    ]);
    let changed = show(&scratch, "ann");
    assert_eq!(
        (&changed["home"], &changed["max_sessions"]),
        (&Json::Null, &Json::Null)
    );
    assert_eq!(changed["permissions"], "full");

    let list = scratch.ok(&["user", "list"]);
    assert_eq!(
        list,
        "name  state    sessions  home               permissions\n\
         ann   enabled  default   the served folder  full\n"
    );
    assert_eq!(scratch.ok(&["user", "remove", "ann"]), "`ann` removed\n");
    assert_eq!(scratch.ok(&["user", "list", "--format", "json"]), "");
}

#[test]
fn passwords_come_from_standard_input_or_are_made_up() {
    let scratch = Scratch::new();
    let made_up = scratch.ok(&["user", "add", "ann"]);
    let password = made_up.lines().last().unwrap().trim();
    assert!(
        password.len() >= 20 && password.chars().all(|c| c.is_ascii_alphanumeric()),
        "{made_up}"
    );

    let given = scratch.run_with_input(
        &["user", "add", "bob", "--password-stdin"],
        b"correct horse\n",
    );
    assert_eq!(
        (given.code, given.stdout.as_str()),
        (Some(0), "`bob` added\n")
    );
    let empty = scratch.run_with_input(&["user", "add", "cat", "--password-stdin"], b"\n");
    assert_eq!(empty.code, Some(1));
    assert!(
        empty.stderr.contains("the password is empty"),
        "{}",
        empty.stderr
    );

    let running = Running::start(&scratch, &["--format", "json", "--allow-plaintext"]);
    let login = |name: &str, password: &str| {
        let said = dialogue(
            &running.address(),
            &[&format!("USER {name}"), &format!("PASS {password}"), "QUIT"],
        );
        said.contains("\r\n230")
    };
    assert!(login("ann", password));
    assert!(login("bob", "correct horse"));
    assert!(!login("bob", "correct house"));

    let changed = scratch.run_with_input(
        &["user", "password", "bob", "--password-stdin"],
        b"battery staple",
    );
    assert_eq!(changed.code, Some(0), "{}", changed.stderr);
    assert!(login("bob", "battery staple"));
    assert!(!login("bob", "correct horse"));
}

#[test]
fn keys_are_added_listed_and_removed() {
    let scratch = Scratch::new();
    let file = scratch.write("ann.pub", &format!("{KEY}\n"));
    let file = file.to_str().unwrap();
    let added = scratch.json(&[
        "user",
        "add",
        "ann",
        "--no-password",
        "--key",
        file,
        "--format",
        "json",
    ]);
    assert_eq!(added["has_password"], false);
    let key = &added["keys"][0];
    assert_eq!(
        (&key["algorithm"], &key["label"]),
        (&json!("ssh-ed25519"), &json!("ann@example"))
    );
    let fingerprint = key["fingerprint"].as_str().unwrap();

    let twice = scratch.run(&["user", "key", "add", "ann", file]);
    assert_eq!(twice.code, Some(1));
    assert!(twice.stderr.contains("already"), "{}", twice.stderr);
    let listed = scratch.ok(&["user", "key", "list", "ann"]);
    assert_eq!(listed, format!("{fingerprint} ssh-ed25519 ann@example\n"));
    scratch.ok(&["user", "key", "remove", "ann", fingerprint]);
    assert_eq!(scratch.ok(&["user", "key", "list", "ann"]), "");
    let again = scratch.run(&["user", "key", "remove", "ann", fingerprint]);
    assert_eq!(again.code, Some(1));

    let piped = scratch.run_with_input(&["user", "key", "add", "ann", "-"], KEY.as_bytes());
    assert_eq!(piped.code, Some(0), "{}", piped.stderr);
    assert!(scratch.ok(&["user", "show", "ann"]).contains(fingerprint));
}

#[test]
fn a_private_key_is_refused() {
    let scratch = Scratch::new();
    let begin = ["-----BEGIN OPENSSH ", "PRIVATE KEY-----"].concat();
    let file = scratch.write("id", &format!("{begin}\nAAAA\n"));
    let refused = scratch.run(&["user", "add", "ann", "--key", file.to_str().unwrap()]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("this is a private key"),
        "{}",
        refused.stderr
    );
    assert_eq!(scratch.ok(&["user", "list", "--format", "json"]), "");

    scratch.ok(&["user", "add", "ann"]);
    let public = scratch.write("id.pub", KEY);
    let refused = scratch.run(&["user", "key", "add", "ann", file.to_str().unwrap()]);
    for says in [
        format!("`{}`: this is a private key", file.display()),
        format!("hint: give its public half, `{}`", public.display()),
    ] {
        assert!(refused.stderr.contains(&says), "{}", refused.stderr);
    }
}

// tidy: table
#[test]
fn what_cannot_be_is_refused_and_nothing_is_added() {
    let scratch = Scratch::new();
    scratch.ok(&["user", "add", "ann"]);
    for (arguments, code, says) in [
        (
            &["user", "add", "ann"][..],
            1,
            "there is an account `ann` already",
        ),
        (&["user", "add", "a/b"], 2, "has no `/`"),
        (&["user", "add", "anonymous"], 2, "anonymous login"),
        (&["user", "add", ""], 2, "at least one character"),
        (
            &["user", "add", "x", "--permissions", "wirte"],
            2,
            "`wirte` is not a permission",
        ),
        (
            &["user", "add", "x", "--permissions", "full,/a/../b=none"],
            2,
            "`--permissions full,/a/../b=none`: ",
        ),
        (
            &["user", "add", "x", "--home", "/nowhere"],
            1,
            "hint: make it with `mkdir -p /nowhere`",
        ),
        (
            &["user", "add", "x", "--max-sessions", "0"],
            2,
            "--max-sessions",
        ),
        (
            &["user", "add", "x", "--key", "/nowhere"],
            1,
            "cannot read the key `/nowhere`",
        ),
        (
            &["user", "add", "x", "--permissions", "full,/in"],
            2,
            "hint: for example `/in=read-only`",
        ),
        (
            &["user", "key", "add", "ann", "/"],
            1,
            "cannot read the key `/`: it is a folder",
        ),
        (
            &["user", "key", "remove", "ann", "SHA256:x"],
            1,
            "hint: `wharf user key list ann` shows what it has",
        ),
        (
            &["user", "show", "bob"],
            1,
            "hint: `wharf user list` shows the accounts there are",
        ),
        (&["user", "remove", "bob"], 1, "there is no account `bob`"),
        (&["user", "disable", "bob"], 1, "there is no account `bob`"),
        (&["user", "password", "bob"], 1, "there is no account `bob`"),
        (&["user", "change", "ann"], 2, "required"),
        (
            &["user", "change", "ann", "--expires", "tomorrow"],
            2,
            "give a day as `2027-01-31`",
        ),
        (
            &["user", "change", "ann", "--networks", "10.0.0.1/8"],
            2,
            "hint: `10.0.0.0/8` is the network",
        ),
        (
            &["user", "change", "ann", "--login", "publickey,"],
            2,
            "is not a way to log in",
        ),
        (
            &[
                "user",
                "change",
                "ann",
                "--authorized-keys",
                "/nowhere/keys",
            ],
            1,
            "the file of keys `/nowhere/keys` cannot be used",
        ),
        (&["user", "totp", "bob"], 1, "there is no account `bob`"),
    ] {
        let refused = scratch.run(arguments);
        assert_eq!(
            refused.code,
            Some(code),
            "{arguments:?}: {}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains(says),
            "{arguments:?}: {}",
            refused.stderr
        );
        assert_eq!(refused.stdout, "", "{arguments:?}");
    }
    assert_eq!(
        scratch
            .ok(&["user", "list", "--format", "json"])
            .lines()
            .count(),
        1
    );
}
