//! What `[tls]` and `[acme]` come to: certificates that can be used or problems, and the policy.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair};
use wharf_net::tls::self_signed::self_signed;

use super::*;
use crate::config::case::Case;
use crate::config::policy;

/// A file with a certificate for these names and its key.
pub(in crate::config) fn pem(folder: &Path, names: &[&str]) -> PathBuf {
    written(folder, names, |_| {})
}

fn written(folder: &Path, names: &[&str], change: fn(&mut CertificateParams)) -> PathBuf {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = (SystemTime::now() - DAY).into();
    params.not_after = (SystemTime::now() + 90 * DAY).into();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let path = folder.join("both.pem");
    let text = format!("{}{}", certificate.pem(), key.serialize_pem());
    fs::write(&path, text).unwrap();
    close(&path);
    path
}

fn close(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

const DAY: Duration = Duration::from_secs(86_400);

fn told(remarks: &[crate::config::problem::Problem], folder: &Path) -> Vec<String> {
    let prefix = format!("{}/", folder.display());
    remarks
        .iter()
        .map(|remark| remark.to_string().replace(&prefix, ""))
        .collect()
}

#[test]
fn the_defaults_are_the_safe_ones() {
    let config = Case::new("").settings().server_config(Path::new("/state"));
    let tls = config.tls.unwrap();
    assert_eq!(tls.certificates, [own_certificate(Path::new("/state"))]);
    assert_eq!(tls.minimum, TlsVersion::V1_2);
    assert_eq!((tls.reuse, tls.implicit_reuse), (Reuse::Require, None));
    assert_eq!(tls.close_notify, CloseNotify::Required);
    assert_eq!(tls.data, Requirement::Required);
    assert_eq!(tls.clients, ClientCertificates::Off);
    assert!(tls.networks.is_empty() && !tls.ccc);
}

#[test]
fn every_setting_of_tls_arrives_at_the_server() {
    let case = Case::new(
        "[server]\n\
         tls = \"required\"\n\
         data_tls = \"allowed\"\n\
         [tls]\n\
         certificate = \"both.pem\"\n\
         min_version = \"1.3\"\n\
         reuse = \"prefer\"\n\
         implicit_reuse = \"off\"\n\
         close_notify = \"optional\"\n\
         client_certificates = \"require\"\n\
         client_ca = \"both.pem\"\n\
         ccc = true\n\
         networks = [\n\
           { clients = \"10.0.0.0/8\", reuse = \"require\" },\n\
           { clients = \"::1/128\", close_notify = \"required\" },\n\
         ]\n\
         [timeouts]\n\
         handshake = \"3 s\"\n\
         [acme]\n\
         names = [\"ftp.example.org\"]\n\
         agree = true\n",
    );
    let both = pem(case.folder.path(), &["ftp.example.org"]);
    let config = case.settings().server_config(Path::new("/state"));
    assert!(
        config
            .listeners
            .iter()
            .all(|l| l.tls == Requirement::Required)
    );
    assert_eq!(config.timeouts.handshake, Duration::from_secs(3));
    let tls = config.tls.unwrap();
    let chains: Vec<_> = tls.certificates.iter().map(|files| &files.chain).collect();
    assert_eq!(chains, [Path::new("/state/acme/certificate.pem"), &both]);
    assert!(tls.certificates[0].optional && !tls.certificates[1].optional);
    assert_eq!(tls.certificates[1].key, both);
    assert_eq!(tls.minimum, TlsVersion::V1_3);
    assert_eq!(
        (tls.reuse, tls.implicit_reuse),
        (Reuse::Prefer, Some(Reuse::Off))
    );
    assert_eq!(tls.close_notify, CloseNotify::Optional);
    assert_eq!(tls.data, Requirement::Allowed);
    assert_eq!(tls.clients, ClientCertificates::Require);
    assert_eq!(tls.client_ca, Some(both));
    assert!(tls.ccc);
    let networks: Vec<_> = tls
        .networks
        .iter()
        .map(|n| (n.clients.as_str(), n.reuse, n.close_notify))
        .collect();
    assert_eq!(
        networks,
        [
            ("10.0.0.0/8", Some(Reuse::Require), None),
            ("::1/128", None, Some(CloseNotify::Required)),
        ]
    );
}

#[test]
fn every_certificate_that_cannot_be_used_is_told_with_its_line() {
    let case = Case::new(
        "[tls]\n\
         certificate = [\"nowhere.pem\", \"other.pem\", \"both.pem\"]\n\
         key = [\"both.pem\", \"both.pem\", \"both.pem\"]\n\
         client_ca = \"empty.pem\"\n",
    );
    let folder = case.folder.path();
    pem(folder, &["ftp.example.org"]);
    fs::write(
        folder.join("other.pem"),
        self_signed(&["x".into()]).unwrap().chain_pem,
    )
    .unwrap();
    fs::write(folder.join("empty.pem"), "").unwrap();
    let problems = case.problems();
    let [missing, mismatch, empty] = problems.as_slice() else {
        panic!("{problems:#?}")
    };
    assert!(
        missing.starts_with("wharf.toml:2: cannot read `nowhere.pem`: "),
        "{missing}"
    );
    assert!(
        mismatch.starts_with("wharf.toml:3: the private key in `both.pem` does not belong to the certificate in `other.pem`"),
        "{mismatch}"
    );
    assert!(empty.starts_with("wharf.toml:4: `empty.pem` "), "{empty}");
}

#[test]
fn keys_and_certificates_are_counted() {
    let alone = Case::new("[tls]\nkey = \"key.pem\"\n").problems();
    assert_eq!(
        alone,
        ["wharf.toml:2: `tls.key` has no `tls.certificate` beside it"]
    );
    let more = Case::new("[tls]\ncertificate = \"a\"\nkey = [\"a\", \"b\"]\n").problems();
    assert!(
        more[0].starts_with(
            "wharf.toml:3: `tls.key` has 2 files and `tls.certificate` has 1\n  hint: "
        ),
        "{more:?}"
    );
    let revoked = Case::new("[tls]\nclient_crl = \"crl.pem\"\n").problems();
    assert!(
        revoked[0].contains("revokes certificates of nobody"),
        "{revoked:?}"
    );
}

#[test]
fn an_expired_certificate_is_told_and_keeps_no_server_from_starting() {
    let case = Case::new("[tls]\ncertificate = \"both.pem\"\n");
    written(case.folder.path(), &["a.example"], |params| {
        params.not_before = (SystemTime::UNIX_EPOCH + 365 * DAY).into();
        params.not_after = (SystemTime::UNIX_EPOCH + 730 * DAY).into();
    });
    let settings = case.settings();
    let warnings = told(&settings.warnings, case.folder.path());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("wharf.toml:2: `both.pem`: the certificate expired on "),
        "{warnings:?}"
    );
}

#[test]
fn what_will_be_a_problem_soon_is_a_note() {
    let case = Case::new(
        "[tls]\ncertificate = \"both.pem\"\n[passive]\npublic_address = \"ftp.example.org\"\n",
    );
    written(case.folder.path(), &["a.example"], |params| {
        params.not_after = (SystemTime::now() + 2 * DAY).into();
    });
    let settings = case.settings();
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    let notes = told(&settings.notes, case.folder.path());
    assert!(
        notes[0].contains("`both.pem`: the certificate expires on "),
        "{notes:?}"
    );
    assert_eq!(
        notes[1],
        "wharf.toml:4: no certificate is for `ftp.example.org`, the address clients are told\n  hint: clients that check names must connect to: a.example"
    );
}

#[test]
fn s5_a_key_that_others_can_read_is_told_with_the_cure() {
    use std::os::unix::fs::PermissionsExt as _;
    let case = Case::new("[tls]\ncertificate = \"both.pem\"\n");
    let both = pem(case.folder.path(), &["a.example"]);
    fs::set_permissions(&both, fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = told(&case.settings().warnings, case.folder.path());
    assert!(
        warnings[0].starts_with(
            "wharf.toml:2: the key `both.pem` can be read by other users\n  hint: `chmod 600 "
        ),
        "{warnings:?}"
    );
}

#[test]
fn certificates_of_clients_that_count_by_fingerprint_only_are_noted() {
    let notes = Case::new("[tls]\nclient_certificates = \"require\"\n")
        .settings()
        .notes;
    assert!(
        notes[0]
            .what
            .contains("any certificate is taken in the handshake"),
        "{notes:?}"
    );
    let case = Case::new("[tls]\nclient_ca = \"both.pem\"\n");
    pem(case.folder.path(), &["a.example"]);
    let notes = case.settings().notes;
    assert!(
        notes[0].what.contains("`tls.client_ca` has no effect"),
        "{notes:?}"
    );
    assert!(Case::new("").settings().notes.is_empty());
}

#[test]
fn an_automatic_certificate_needs_agreement_and_names_that_can_be_proved() {
    let problems = Case::new(
        "[acme]\nnames = [\"ftp.example.org\", \"*.example.org\", \"192.0.2.1\"]\nca = \"nowhere\"\n[server]\nftps = 80\n",
    )
    .problems();
    let starts: Vec<_> = problems
        .iter()
        .map(|problem| problem.lines().next().unwrap())
        .collect();
    assert!(
        starts[0].contains("`acme.listen` has port 80, the port of `server.ftps`"),
        "{starts:#?}"
    );
    assert!(
        starts[1].contains("needs your agreement to the terms of service of `https://acme-v02"),
        "{starts:#?}"
    );
    assert!(
        starts[2].starts_with("wharf.toml:2: `*.example.org` is a wildcard"),
        "{starts:#?}"
    );
    assert!(
        starts[3].starts_with("wharf.toml:2: `192.0.2.1` is an address"),
        "{starts:#?}"
    );
    assert!(
        starts[4].starts_with("wharf.toml:3: cannot read "),
        "{starts:#?}"
    );
    assert_eq!(starts.len(), 5, "{starts:#?}");
    // Without a name, nothing of it is used.
    Case::new("[acme]\ncontact = \"ann@example.org\"\n").settings();
}

#[test]
fn the_challenge_chooses_the_port() {
    let listen = |text: &str| {
        let text = format!("[acme]\nnames = \"a.example\"\nagree = true\n{text}");
        let config = Case::new(&text).settings().automatic(Path::new("/state"));
        config.unwrap().listen.to_string()
    };
    assert_eq!(listen(""), "0.0.0.0:80");
    assert_eq!(listen("challenge = \"tls-alpn-01\"\n"), "0.0.0.0:443");
    assert_eq!(listen("listen = \"[::1]:8080\"\n"), "[::1]:8080");
}

#[test]
fn the_own_certificate_is_for_the_names_that_were_written() {
    let names = Case::new(
        "[server]\nlisten = [\"0.0.0.0\", \"192.0.2.1\"]\n[passive]\npublic_address = \"FTP.example.org.\"\n[tls]\nnames = [\"files.example.org\", \"192.0.2.1\"]\n",
    )
    .settings()
    .own_names();
    assert_eq!(names, ["files.example.org", "192.0.2.1", "ftp.example.org"]);
}

#[test]
fn f26_no_mutation_of_a_file_loosens_tls_silently() {
    // Every single-byte change of a file that demands must either be refused or leave it demanding.
    let text = "[server]\ntls = \"required\"\ndata_tls = \"required\"\n[tls]\nreuse = \"require\"\nclose_notify = \"required\"\n";
    for at in 0..text.len() {
        for byte in [b'x', b' ', b'"', b'=', b'\n', b'#', b'0'] {
            let mut mutated = text.as_bytes().to_vec();
            mutated[at] = byte;
            let mutated = String::from_utf8(mutated).unwrap();
            let Ok(settings) = Case::new(&mutated).sources.load() else {
                continue;
            };
            let tls = settings.tls(Path::new("/state"));
            let kept = tls.reuse == Reuse::Require
                && tls.close_notify == CloseNotify::Required
                && tls.data == Requirement::Required;
            assert!(kept, "{mutated}");
            let commented = byte == b'#';
            assert!(
                commented || settings.tls_requirement() == Requirement::Required,
                "{mutated}"
            );
        }
    }
}

#[test]
fn the_policy_tells_what_follows_from_the_settings() {
    let case = Case::new(
        "[server]\nftp = 21\nftps = 990\nplaintext = \"loopback\"\n[anonymous]\nenabled = true\n[tls]\nimplicit_reuse = \"prefer\"\nnetworks = [{ clients = \"10.0.0.0/8\", reuse = \"off\", close_notify = \"optional\" }]\n",
    );
    let settings = case.settings();
    let text = policy::text(&settings, Path::new("/nowhere"));
    for line in [
        "#   versions             TLS 1.3, TLS 1.2",
        "#   cipher suites        TLS_AES_256_GCM_SHA384",
        "#                        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "#   key exchange         X25519MLKEM768, X25519, secp256r1, secp384r1",
        "#   spoken on            127.0.0.1:21: when the client asks (AUTH TLS)",
        "#                        127.0.0.1:990: from the first byte on",
        "#   passwords in clear   taken on this machine only",
        "#   anonymous users      may come in clear",
        "#   files and listings   encrypted wherever the control connection is (else 522)",
        "#   data connections     must resume the control connection's TLS session (else 522)",
        "#                        on implicit listeners: should resume the control connection's TLS session; who does not is logged",
        "#   certificate          /nowhere/tls/certificate.pem: made at the first start",
    ] {
        assert!(
            text.lines().any(|told| told == line),
            "no {line:?} in\n{text}"
        );
    }
    assert!(
        text.lines()
            .all(|line| line.is_empty() || line.starts_with('#')),
        "{text}"
    );

    let [(_, json), _] = policy::json(&settings, Path::new("/nowhere"));
    assert_eq!(json["versions"][0], "1.3");
    assert_eq!(json["key_exchange"][0], "X25519MLKEM768");
    assert_eq!(json["plaintext_passwords"], "loopback");
    assert_eq!(json["plaintext_anonymous"], "allow");
    assert_eq!(json["reuse"]["default"], "require");
    assert_eq!(json["reuse"]["implicit"], "prefer");
    assert_eq!(json["reuse"]["networks"]["10.0.0.0/8"], "off");
    assert_eq!(json["close_notify"]["networks"]["10.0.0.0/8"], "optional");
    assert_eq!(json["listeners"]["implicit"][0], "127.0.0.1:990");
    assert_eq!(
        json["certificates"][0]["missing"],
        "made at the first start"
    );
}

#[test]
fn the_policy_tells_the_certificate() {
    let case = Case::new(
        "[tls]\ncertificate = \"both.pem\"\nmin_version = \"1.3\"\n[server]\ntls = \"required\"\n",
    );
    let both = pem(case.folder.path(), &["ftp.example.org"]);
    let settings = case.settings();
    let [(_, json), _] = policy::json(&settings, Path::new("/nowhere"));
    let certificate = &json["certificates"][0];
    assert_eq!(certificate["names"][0], "ftp.example.org");
    assert_eq!(certificate["self_signed"], true);
    assert_eq!(certificate["file"], both.to_str().unwrap());
    let fingerprint = certificate["fingerprint"].as_str().unwrap();
    assert!(fingerprint.starts_with("SHA256:"), "{fingerprint}");
    assert!(policy::text(&settings, Path::new("/nowhere")).contains(fingerprint));
    assert_eq!(json["versions"], serde_json::json!(["1.3"]));
    assert_eq!(json["listeners"]["required"], true);
    assert_eq!(json["plaintext_passwords"], "deny");
}
