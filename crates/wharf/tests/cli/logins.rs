//! `wharf user`: how long, from where and by what an account logs in.

use std::fs;

use serde_json::{Value as Json, json};

use crate::harness::Scratch;

/// Made for this test with `ssh-keygen -t ed25519`; nobody has its private half.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtVq1lAsMEsJ0Yl9O5d0vDHVdyYN5wQH4bR9CzI1pQk ann@example";

fn show(scratch: &Scratch, name: &str) -> Json {
    scratch.json(&["user", "show", name, "--format", "json"])
}

#[test]
fn what_holds_for_logins_is_set_shown_and_taken_back() {
    let scratch = Scratch::new();
    let keys = scratch.write("keys", &format!("{KEY}\nsurprise {KEY}\n"));
    let keys = keys.to_str().unwrap();
    let added = scratch.json(&[
        "user",
        "add",
        "ann",
        "--expires",
        "2040-01-31",
        "--networks",
        "10.0.0.0/8,::1",
        "--login",
        "publickey,password",
        "--scp",
        "yes",
        "--authorized-keys",
        keys,
        "--format",
        "json",
    ]);
    let real = fs::canonicalize(keys).unwrap();
    for (name, value) in [
        ("expires", json!("2040-01-31T00:00:00Z")),
        ("networks", json!(["10.0.0.0/8", "::1/128"])),
        ("login", json!("publickey,password")),
        ("scp", json!(true)),
        ("authorized_keys", json!(real.to_str().unwrap())),
        ("totp", json!(false)),
    ] {
        assert_eq!(added[name], value, "{name}");
    }
    let shown = scratch.ok(&["user", "show", "ann"]);
    for line in [
        "expires      2040-01-31T00:00:00Z\n",
        "networks     10.0.0.0/8,::1/128\n",
        "login        publickey,password\n",
        "scp          yes\n",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let told = scratch.ok(&["user", "change", "ann", "--authorized-keys", keys]);
    assert!(told.contains("line 2: `surprise` is not known"), "{told}");
    let told = scratch.ok(&["user", "change", "ann", "--login", "publickey"]);
    assert!(told.contains("Over FTP it does not get in"), "{told}");
    for (option, value) in [
        ("--expires", "never"),
        ("--networks", "any"),
        ("--login", "any"),
        ("--scp", "no"),
        ("--authorized-keys", "none"),
    ] {
        let told = scratch.ok(&["user", "change", "ann", option, value]);
        assert_eq!(told, "`ann` changed\n");
    }
    let changed = show(&scratch, "ann");
    for name in ["expires", "login", "authorized_keys"] {
        assert_eq!(changed[name], Json::Null, "{name}");
    }
    assert_eq!(
        (&changed["networks"], &changed["scp"]),
        (&json!([]), &json!(false))
    );

    scratch.ok(&["user", "change", "ann", "--expires", "2020-01-01"]);
    assert!(scratch.ok(&["user", "list"]).contains("ann   expired "));
}

#[test]
fn codes_are_given_and_taken_away() {
    let scratch = Scratch::new();
    scratch.ok(&["user", "add", "ann"]);
    let refused = scratch.run(&["user", "totp", "ann"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("hint: `--no-confirm`"),
        "{}",
        refused.stderr
    );
    assert_eq!(show(&scratch, "ann")["totp"], false);

    let given = scratch.ok(&["user", "totp", "ann", "--no-confirm"]);
    let address = "otpauth://totp/wharf:ann?secret=";
    for says in ["█▄▄▄█ ", address, "is asked for a code", "Recovery codes"] {
        assert!(given.contains(says), "{given}");
    }
    let recovery = given
        .lines()
        .filter(|line| line.len() == 21 && line.matches('-').count() == 3);
    assert_eq!(recovery.count(), 10, "{given}");
    let shown = show(&scratch, "ann");
    assert_eq!(
        (&shown["totp"], &shown["recovery_codes_left"]),
        (&json!(true), &json!(10))
    );
    let again = scratch.run(&["user", "totp", "ann", "--no-confirm"]);
    assert_eq!(again.code, Some(1));
    assert!(
        again.stderr.contains("hint: `wharf user totp ann --off`"),
        "{}",
        again.stderr
    );
    scratch.ok(&["user", "totp", "ann", "--off"]);
    assert_eq!(show(&scratch, "ann")["totp"], false);
    let again = scratch.run(&["user", "totp", "ann", "--off"]);
    assert!(
        again.stderr.contains("has no one-time codes"),
        "{}",
        again.stderr
    );

    let given = scratch.json(&["user", "totp", "ann", "--no-confirm", "--format", "json"]);
    let secret = given["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 32);
    assert!(
        given["address"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{address}{secret}&"))
    );
    assert_eq!(given["recovery_codes"].as_array().unwrap().len(), 10);
}
