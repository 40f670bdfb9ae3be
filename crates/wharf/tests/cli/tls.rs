//! TLS from the first start: the server's own certificate, and what clients do with it.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair};
use rustix::process::Signal;
use serde_json::Value as Json;

use crate::harness::{Running, Scratch, dialogue, paste};

const DAY: Duration = Duration::from_secs(86_400);

fn mode(scratch: &Scratch, name: &str) -> u32 {
    let metadata = fs::metadata(scratch.path(name)).unwrap();
    metadata.permissions().mode() & 0o777
}

fn fingerprint(certificate: &Json) -> String {
    certificate["fingerprint"].as_str().unwrap().to_owned()
}

/// A certificate with its key, as the server keeps its own.
fn own(scratch: &Scratch, names: &[&str], begins: SystemTime, ends: SystemTime) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = begins.into();
    params.not_after = ends.into();
    let key = KeyPair::generate().unwrap();
    let chain = params.self_signed(&key).unwrap().pem();
    for (name, text) in [("certificate.pem", chain), ("key.pem", key.serialize_pem())] {
        let path = scratch.write(&format!("states/wharf/tls/{name}"), &text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn the_first_start_makes_a_certificate_and_later_ones_keep_it() {
    let scratch = Scratch::new();
    let mut first = Running::start(
        &scratch,
        &["--format", "json", "--public-address", "ftp.example.org"],
    );
    let certificate = first.told("certificate");
    assert_eq!(first.stop(), Some(0));
    let names: Vec<_> = certificate["names"].as_array().unwrap().iter().collect();
    for name in ["localhost", "127.0.0.1", "::1", "ftp.example.org"] {
        assert!(
            names.iter().any(|own| *own == name),
            "no {name} in {names:?}"
        );
    }
    assert_eq!(mode(&scratch, "states/wharf/tls"), 0o700);
    assert_eq!(mode(&scratch, "states/wharf/tls/key.pem"), 0o600);
    let openssl = format!(
        "openssl x509 -noout -fingerprint -sha256 -in {}",
        certificate["file"].as_str().unwrap()
    );
    let printed = paste(&openssl, &scratch.path("files")).stdout;
    let (_, hexadecimal) = printed.trim().split_once('=').unwrap();
    assert_eq!(fingerprint(&certificate), format!("SHA256:{hexadecimal}"));

    let second = Running::start(&scratch, &[]).printed();
    let shown = format!(
        "  certificate  {}  (self-signed, until ",
        fingerprint(&certificate)
    );
    assert!(second.contains(&shown), "{second}");
}

#[test]
fn a_name_that_was_added_is_told_and_the_certificate_kept() {
    let scratch = Scratch::new();
    let mut first = Running::start(&scratch, &["--format", "json"]);
    let before = first.told("certificate");
    first.stop();
    let config = scratch.write("wharf.toml", "[tls]\nnames = [\"ftp.example.org\"]\n");
    let config = config.to_str().unwrap();
    let mut second = Running::start(&scratch, &["--format", "json", "--config", config]);
    assert_eq!(
        fingerprint(&second.told("certificate")),
        fingerprint(&before)
    );
    let log = second.log();
    assert!(
        log.contains("the server's own certificate is not for ftp.example.org"),
        "{log}"
    );
    second.stop();

    // What the log advises.
    let command = log
        .split("remove it (`")
        .nth(1)
        .and_then(|rest| rest.split('`').next());
    let removed = paste(command.expect(&log), &scratch.path("files"));
    assert_eq!((removed.code, removed.stderr.as_str()), (Some(0), ""));
    let third = Running::start(&scratch, &["--format", "json", "--config", config]);
    let after = third.told("certificate");
    assert_ne!(fingerprint(&after), fingerprint(&before));
    assert_eq!(after["names"][0], "ftp.example.org");
    assert!(!third.log().contains("ftp.example.org"), "{}", third.log());
}

#[test]
fn an_own_certificate_that_ends_is_replaced_and_both_fingerprints_are_told() {
    for left in [0, 20] {
        let scratch = Scratch::new();
        Running::start(&scratch, &[]).stop();
        let now = SystemTime::now();
        own(&scratch, &["127.0.0.1"], now - 100 * DAY, now + left * DAY);
        let running = Running::start(&scratch, &["--format", "json"]);
        let certificate = running.told("certificate");
        let log = running.log();
        assert!(log.contains(&fingerprint(&certificate)), "{log}");
        assert_eq!(log.matches("SHA256:").count(), 2, "{log}");
    }
}

#[test]
fn s5_a_key_that_others_can_read_is_refused_with_the_cure() {
    let scratch = Scratch::new();
    Running::start(&scratch, &[]).stop();
    for (name, laxer, cure) in [
        ("states/wharf/tls/key.pem", 0o640, "`chmod 600 "),
        ("states/wharf/tls", 0o750, "`chmod 700 "),
    ] {
        let before = mode(&scratch, name);
        let set = |mode| fs::set_permissions(scratch.path(name), fs::Permissions::from_mode(mode));
        set(laxer).unwrap();
        let refused = scratch.run(&["serve", "--ftp", "0", "--ftps", "0"]);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        assert!(refused.stderr.contains(cure), "{}", refused.stderr);
        set(before).unwrap();
    }
    Running::start(&scratch, &[]);
}

#[test]
fn an_own_certificate_that_is_damaged_is_refused_with_the_cure() {
    let scratch = Scratch::new();
    Running::start(&scratch, &[]).stop();
    scratch.write("states/wharf/tls/certificate.pem", "");
    let refused = scratch.run(&["serve", "--ftp", "0", "--ftps", "0"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused
            .stderr
            .contains("the server's own certificate cannot be used: ")
            && refused.stderr.contains("\n\nhint: `rm "),
        "{}",
        refused.stderr
    );
}

#[test]
fn p12_a_password_is_refused_in_clear_before_it_is_sent() {
    let scratch = Scratch::new();
    let running = Running::start(&scratch, &["--format", "json", "--anonymous"]);
    let said = dialogue(&running.address(), &["USER wharf", "QUIT"]);
    assert!(
        said.contains("\r\n530 ") && said.contains("[B-3]"),
        "{said}"
    );
    // Who has no password shows none.
    let said = dialogue(&running.address(), &["USER anonymous", "QUIT"]);
    assert!(said.contains("\r\n230 "), "{said}");
}

#[test]
fn explicit_and_implicit_tls_can_be_verified_by_the_certificate_that_is_told() {
    let scratch = Scratch::new();
    scratch.write("files/hello.txt", "hello");
    let running = Running::start(&scratch, &["--format", "json"]);
    let file = scratch.text("states/wharf/tls/certificate.pem");
    let password = running.told("account");
    let password = password["password"].as_str().unwrap();
    for listening in running.objects() {
        if listening["event"] != "listening" || listening["protocol"] == "sftp" {
            continue;
        }
        let (protocol, address) = (&listening["protocol"], &listening["address"]);
        let url = format!(
            "{}://{}/hello.txt",
            protocol.as_str().unwrap(),
            address.as_str().unwrap()
        );
        for version in ["1.2", "1.3"] {
            let curl = format!(
                "curl -sS --ssl-reqd --tlsv{version} --tls-max {version} --cacert {file} --user wharf:{password} {url}"
            );
            let got = paste(&curl, &scratch.path("files"));
            assert_eq!(
                got.stdout,
                "hello",
                "{curl}: {}\n{}",
                got.stderr,
                running.log()
            );
        }
    }
}

#[test]
fn without_clear_ftp_the_commands_are_those_of_implicit_tls() {
    let scratch = Scratch::new();
    scratch.write("files/hello.txt", "hello");
    let running = Running::start(&scratch, &["--ftp", "off", "--anonymous"]);
    let text = running.printed();
    assert!(!text.contains(" ftp://"), "{text}");
    assert!(text.contains("filezilla ftps://"), "{text}");
    let curls: Vec<_> = text.lines().filter(|line| line.contains("curl ")).collect();
    assert_eq!(curls.len(), 2, "{text}");
    for curl in curls {
        let got = paste(curl, &scratch.path("files"));
        assert!(got.stdout.contains("hello.txt"), "{curl}: {}", got.stderr);
    }
}

#[test]
fn the_argument_of_the_port_in_use_is_named() {
    let scratch = Scratch::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = scratch.run(&["serve", "--ftp", "0", "--ftps", &port]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("`--ftps PORT` takes another port"),
        "{}",
        refused.stderr
    );
}

#[test]
fn check_loads_the_certificates() {
    let scratch = Scratch::new();
    let config = scratch.write("wharf.toml", "[tls]\ncertificate = \"nowhere.pem\"\n");
    let config = config.to_str().unwrap();
    let refused = scratch.run(&["config", "check", "--config", config]);
    assert_eq!(refused.code, Some(1));
    let told = format!("{config}:2: cannot read `{}`", scratch.text("nowhere.pem"));
    assert!(refused.stderr.contains(&told), "{}", refused.stderr);

    // Expired: a problem for `check`, and none that keeps a server from starting.
    Running::start(&scratch, &[]).stop();
    let now = SystemTime::now();
    own(&scratch, &["127.0.0.1"], now - 2 * DAY, now - DAY);
    let tls = "[tls]\ncertificate = \"states/wharf/tls/certificate.pem\"\nkey = \"states/wharf/tls/key.pem\"\n";
    scratch.write("wharf.toml", tls);
    let refused = scratch.run(&["config", "check", "--config", config, "--format", "json"]);
    assert_eq!(refused.code, Some(1));
    let told: Json = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(told["problems"][0]["line"], 2);
    let message = told["problems"][0]["message"].as_str().unwrap();
    assert!(message.contains("the certificate expired on "), "{message}");
    let mut running = Running::start(&scratch, &["--format", "json", "--config", config]);
    assert!(
        running.log().contains("the certificate expired on "),
        "{}",
        running.log()
    );
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn a_reload_brings_other_certificates_and_nothing_of_a_bad_file() {
    let scratch = Scratch::new();
    let config = scratch.write("wharf.toml", "");
    let mut running = Running::start(
        &scratch,
        &["--format", "json", "--config", config.to_str().unwrap()],
    );
    let implicit = running.objects()[1]["address"].as_str().unwrap().to_owned();
    let shown = || {
        let openssl = format!(
            "openssl s_client -connect {implicit} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256"
        );
        let printed = paste(&openssl, &scratch.path("files")).stdout;
        format!("SHA256:{}", printed.trim().rsplit('=').next().unwrap())
    };
    let first = fingerprint(&running.told("certificate"));
    assert_eq!(shown(), first);

    scratch.write("wharf.toml", "[tls]\ncertificate = \"nowhere.pem\"\n");
    running.signal(Signal::HUP);
    let failed = running.event("reload");
    assert_eq!(failed["outcome"], "failed");
    let problem = failed["problems"][0].as_str().unwrap();
    assert!(problem.contains("wharf.toml:2: cannot read "), "{problem}");
    assert_eq!(shown(), first);

    let now = SystemTime::now();
    own(&scratch, &["other.example"], now - DAY, now + 90 * DAY);
    for name in ["certificate.pem", "key.pem"] {
        let from = scratch.path(&format!("states/wharf/tls/{name}"));
        fs::rename(from, scratch.path(name)).unwrap();
    }
    scratch.write(
        "wharf.toml",
        "[tls]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\nmin_version = \"1.3\"\n",
    );
    running.signal(Signal::HUP);
    let done = running.event("reload");
    assert_eq!(done["outcome"], "done");
    assert_eq!(done["at_next_start"], serde_json::json!([]));
    let second = shown();
    assert_ne!(second, first);
    let config = config.to_str().unwrap();
    let told = scratch.json(&["config", "show", "--config", config, "--format", "json"]);
    assert_eq!(
        told["tls"]["certificates"][0]["fingerprint"],
        second.as_str()
    );
    let older = format!("openssl s_client -connect {implicit} -tls1_2 </dev/null");
    assert_ne!(paste(&older, &scratch.path("files")).code, Some(0));
}

#[test]
fn show_tells_the_policy_and_the_certificate_of_the_state_folder() {
    let scratch = Scratch::new();
    let before = scratch.json(&["config", "show", "--format", "json"]);
    assert_eq!(
        before["tls"]["certificates"][0]["missing"],
        "made at the first start"
    );
    assert!(!scratch.path("states").exists());

    let running = Running::start(&scratch, &["--format", "json"]);
    let certificate = running.told("certificate");
    let shown = scratch.json(&["config", "show", "--format", "json"]);
    assert_eq!(
        shown["tls"]["certificates"][0]["fingerprint"],
        certificate["fingerprint"]
    );
    assert_eq!(shown["tls"]["reuse"]["default"], "require");
    let text = scratch.ok(&["config", "show"]);
    assert!(text.contains(&fingerprint(&certificate)), "{text}");
    assert!(text.contains("# TLS as it is in force\n"), "{text}");
}
