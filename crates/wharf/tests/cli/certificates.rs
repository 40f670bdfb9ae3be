//! `wharf user certificate`, and what certificates are good for.

use serde_json::{Value as Json, json};

use crate::harness::Scratch;

/// Made for this test with `openssl req -x509 -subj /C=DE/O=Example/CN=ann`; nobody has its key.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBsTCCAVegAwIBAgIUac4eXaPO3u1h1ng52W/XBH/0FW8wCgYIKoZIzj0EAwIw\n\
LTELMAkGA1UEBhMCREUxEDAOBgNVBAoMB0V4YW1wbGUxDDAKBgNVBAMMA2FubjAg\n\
Fw0yNjExMjIxMzI5NTRaGA8yMTI2MTAyOTEzMjk1NFowLTELMAkGA1UEBhMCREUx\n\
EDAOBgNVBAoMB0V4YW1wbGUxDDAKBgNVBAMMA2FubjBZMBMGByqGSM49AgEGCCqG\n\
SM49AwEHA0IABOlnnOG5a4wCMmIQDQPniUkSJIdtYoY9zdf6NIygV2wMBq13wYt2\n\
LH6PaMatgDaEkZ3dpblL/z4SqAy5xDtOyC6jUzBRMB0GA1UdDgQWBBSJ7FHWajey\n\
mRRNA85PrxwZR8DHtDAfBgNVHSMEGDAWgBSJ7FHWajeymRRNA85PrxwZR8DHtDAP\n\
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQDK5whx9bF0TrbHuAhL\n\
audoZJIF+C91rEqO1YDJF4x+PgIgYlbpVpE2anfgeVd2Hbctd5OQkWl6LJNNy/ja\n\
4agPpJU=\n\
-----END CERTIFICATE-----\n";
/// What `openssl x509 -noout -fingerprint -sha256` prints of it, after `sha256 Fingerprint=`.
const DIGITS: &str = "5C:02:AB:F4:35:3B:82:C8:E4:C9:90:33:1E:05:ED:AD:26:2F:E2:00:C3:C2:80:50:4E:97:30:10:2C:4B:D8:2A";
/// What `openssl x509 -noout -subject -nameopt RFC2253` prints of it.
const SUBJECT: &str = "subject=CN=ann,O=Example,C=DE";

#[test]
fn certificates_are_added_listed_and_removed() {
    let scratch = Scratch::new();
    scratch.ok(&["user", "add", "ann"]);
    let file = scratch.write(
        "ann.pem",
        &format!("Some text before it\n{CERTIFICATE}{CERTIFICATE}"),
    );
    let file = file.to_str().unwrap();
    let fingerprint = format!("SHA256:{DIGITS}");

    let told = scratch.ok(&["user", "certificate", "add", "ann", "--file", file]);
    assert!(
        told.starts_with(&format!("`ann` has the certificate {fingerprint}\n")),
        "{told}"
    );
    let cure = "`wharf user change ann --certificate-login login`";
    assert!(told.contains(cure), "{told}");
    let printed = format!("sha256 Fingerprint={DIGITS}");
    let again = scratch.run(&[
        "user",
        "certificate",
        "add",
        "ann",
        "--fingerprint",
        &printed,
    ]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("already"), "{}", again.stderr);

    scratch.ok(&["user", "change", "ann", "--certificate-login", "login"]);
    let add = [
        "user",
        "certificate",
        "add",
        "ann",
        "--format",
        "json",
        "--subject",
        SUBJECT,
    ];
    let added = scratch.json(&add);
    assert_eq!(added["certificate"], "CN=ann,O=Example,C=DE");
    assert_eq!(
        (&added["name"], &added["certificate_login"]),
        (&json!("ann"), &json!("login"))
    );

    let listed = scratch.ok(&["user", "certificate", "list", "ann"]);
    assert_eq!(listed, format!("{fingerprint}\nCN=ann,O=Example,C=DE\n"));
    let shown = scratch.ok(&["user", "show", "ann"]);
    assert!(
        shown.contains(&format!("certificate  {fingerprint}\n")),
        "{shown}"
    );
    for certificate in listed.lines() {
        let told = scratch.ok(&["user", "certificate", "remove", "ann", certificate]);
        assert_eq!(
            told,
            format!("`ann` has lost the certificate {certificate}\n")
        );
    }
    let list = ["user", "certificate", "list", "ann", "--format", "json"];
    assert_eq!(scratch.ok(&list), "");

    let add = ["user", "certificate", "add", "ann", "--file", "-"];
    let piped = scratch.run_with_input(&add, CERTIFICATE.as_bytes());
    assert_eq!(piped.code, Some(0), "{}", piped.stderr);
    let line: Json = serde_json::from_str(&scratch.ok(&list)).unwrap();
    assert_eq!(line["certificate"], fingerprint.as_str());
}

#[test]
fn what_certificates_are_good_for_is_said_and_shown() {
    let scratch = Scratch::new();
    let file = scratch.write("ann.pem", CERTIFICATE);
    let file = file.to_str().unwrap();
    let show = |name: &str| scratch.json(&["user", "show", name, "--format", "json"]);
    scratch.ok(&["user", "add", "bob"]);
    let bob = show("bob");
    assert_eq!(
        (&bob["certificate_login"], &bob["fxp"]),
        (&json!("off"), &json!(false))
    );
    assert_eq!(bob.get("certificates"), None);

    let mut add = vec!["user", "add", "ann", "--no-password", "--certificate", file];
    add.extend(["--certificate-login", "login", "--fxp", "yes"]);
    scratch.ok(&add);
    let ann = show("ann");
    assert_eq!(
        (&ann["certificate_login"], &ann["fxp"]),
        (&json!("login"), &json!(true))
    );
    assert_eq!(
        ann["certificates"][0]["certificate"],
        format!("SHA256:{DIGITS}")
    );
    scratch.ok(&[
        "user",
        "change",
        "ann",
        "--certificate-login",
        "off",
        "--fxp",
        "no",
    ]);
    let lines = scratch.ok(&["user", "list", "--format", "json"]);
    let ann: Json = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&ann["certificate_login"], &ann["fxp"]),
        (&json!("off"), &json!(false))
    );
}

// tidy: table
#[test]
fn what_is_no_certificate_is_refused_and_says_what_to_do() {
    let scratch = Scratch::new();
    scratch.ok(&["user", "add", "ann"]);
    let begin = ["-----BEGIN ", "PRIVATE KEY-----"].concat();
    let end = begin.replace("BEGIN", "END");
    let key = format!("{begin}\nAAAA\n{end}\n");
    let der = scratch.text("der");
    std::fs::write(&der, b"\x30\x82\x01\x00").unwrap();
    let cut = CERTIFICATE.replace("MIIB", "MIIC");
    for (arguments, code, says) in [
        (
            ["--file", "/nowhere"],
            1,
            "cannot read the certificate `/nowhere`: there is no such file",
        ),
        (["--file", "/"], 1, "it is a folder"),
        (
            ["--file", scratch.write("key", &key).to_str().unwrap()],
            1,
            "no certificate in it but `PRIVATE KEY`",
        ),
        (
            ["--file", scratch.write("cut", &cut).to_str().unwrap()],
            1,
            "is damaged",
        ),
        (
            ["--file", scratch.write("text", "ann").to_str().unwrap()],
            1,
            "no PEM file with a certificate",
        ),
        (["--file", &der], 1, "hint: `openssl x509 -inform DER -in"),
        (
            ["--fingerprint", "SHA256:00"],
            2,
            "hint: `openssl x509 -noout -fingerprint -sha256",
        ),
        (["--fingerprint", "CN=ann"], 2, "give it with `--subject`"),
        (["--subject", "/CN=ann"], 2, "-nameopt RFC2253"),
        (["--subject", "CN="], 2, "`CN` has no value"),
    ] {
        let mut all = vec!["user", "certificate", "add", "ann"];
        all.extend(arguments);
        let refused = scratch.run(&all);
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
        assert!(!refused.stderr.contains("AAAA"), "{}", refused.stderr);
    }
    assert_eq!(scratch.ok(&["user", "certificate", "list", "ann"]), "");
    for (arguments, code, says) in [
        (
            &["certificate", "add", "bob", "--subject", "CN=bob"][..],
            1,
            "there is no account `bob`",
        ),
        (
            &["certificate", "list", "bob"],
            1,
            "there is no account `bob`",
        ),
        (&["certificate", "add", "ann"], 2, "--fingerprint"),
        (
            &["certificate", "remove", "ann", "CN=ann"],
            1,
            "hint: `wharf user certificate list ann`",
        ),
        (
            &["certificate", "remove", "ann", "ann"],
            2,
            "64 hexadecimal digits",
        ),
        (&["change", "ann", "--certificate-login", "on"], 2, "factor"),
        (&["change", "ann", "--fxp", "maybe"], 2, "yes"),
        (
            &[
                "add",
                "cat",
                "--no-password",
                "--certificate-login",
                "factor",
            ],
            2,
            "and a password",
        ),
    ] {
        let refused = scratch.run(&[&["user"], arguments].concat());
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
}
