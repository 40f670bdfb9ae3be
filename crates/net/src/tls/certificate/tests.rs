pub(in crate::tls) mod samples;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rcgen::date_time_ymd;
use tempfile::TempDir;

use self::samples::{Authority, Sample, openssl, server};
use super::*;

fn files(folder: &TempDir, chain: &str, key: &str) -> CertificateFiles {
    CertificateFiles {
        chain: folder.path().join(chain),
        key: folder.path().join(key),
        optional: false,
    }
}

#[track_caller]
fn refused(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> CertificateError {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("chain.pem"), chain).unwrap();
    fs::write(folder.path().join("key.pem"), key).unwrap();
    Certificate::from_files(&files(&folder, "chain.pem", "key.pem")).unwrap_err()
}

fn sample() -> Sample {
    Authority::new("Test CA").server(&["ftp.example.org", "192.0.2.7"])
}

#[test]
fn a_pair_is_read_and_described() {
    let authority = Authority::new("Test CA");
    let mut params = server(&[
        "ftp.example.org",
        "*.example.net",
        "192.0.2.7",
        "2001:db8::1",
    ]);
    params.not_before = date_time_ymd(2024, 2, 3);
    params.not_after = date_time_ymd(2124, 2, 3);
    let sample = authority.sign(&params, &rcgen::KeyPair::generate().unwrap());
    let chain = format!("{}{}", sample.chain, authority.pem);
    let certificate = Certificate::from_pem(chain.as_bytes(), sample.key.as_bytes()).unwrap();

    let names = [
        "ftp.example.org",
        "*.example.net",
        "192.0.2.7",
        "2001:db8::1",
    ];
    assert_eq!(certificate.names(), names);
    assert!(certificate.covers("any.example.net") && !certificate.covers("example.net"));
    assert_eq!(
        certificate.not_before(),
        SystemTime::from(date_time_ymd(2024, 2, 3))
    );
    assert_eq!(
        certificate.not_after(),
        SystemTime::from(date_time_ymd(2124, 2, 3))
    );
    assert!(!certificate.is_self_signed());
    assert_eq!(certificate.key().cert.len(), 2);
    assert_eq!(certificate.warnings(SystemTime::now()), []);
}

#[test]
fn every_kind_of_key_openssl_makes_is_read() {
    let folder = TempDir::new().unwrap();
    let run = |arguments: &str| {
        openssl(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
    };
    for (algorithm, traditional) in [
        ("rsa -pkeyopt rsa_keygen_bits:2048", true),
        ("ec -pkeyopt ec_paramgen_curve:P-256", true),
        ("ec -pkeyopt ec_paramgen_curve:P-384", true),
        ("ec -pkeyopt ec_paramgen_curve:P-521", true),
        ("ed25519", false),
    ] {
        run(&format!("genpkey -algorithm {algorithm} -out key.pem"));
        run(
            "req -x509 -new -key key.pem -out chain.pem -subj /CN=test -addext subjectAltName=DNS:test",
        );
        let files = files(&folder, "chain.pem", "key.pem");
        let certificate = Certificate::from_files(&files).unwrap();
        assert!(
            certificate.is_self_signed() && certificate.covers("test"),
            "{algorithm}"
        );
        let printed = openssl(
            folder.path(),
            &[
                "x509",
                "-in",
                "chain.pem",
                "-noout",
                "-fingerprint",
                "-sha256",
            ],
        );
        assert_eq!(printed.parse(), Ok(certificate.fingerprint()));
        if traditional {
            // PKCS#1 and SEC1.
            run("pkey -in key.pem -traditional -out old.pem");
            fs::rename(folder.path().join("old.pem"), &files.key).unwrap();
            let text = fs::read_to_string(folder.path().join("key.pem")).unwrap();
            assert!(!text.contains("BEGIN PRIVATE KEY"), "{text}");
            Certificate::from_files(&files).unwrap();
        }
    }
}

#[test]
fn the_key_may_be_in_the_file_of_the_chain() {
    let folder = TempDir::new().unwrap();
    let sample = sample();
    let key_first = format!("{}{}", sample.key, sample.chain);
    // As an editor of Windows leaves it.
    let windows = format!("\u{feff}{}", sample.both().replace('\n', "\r\n"));
    for both in [sample.both(), key_first, windows] {
        fs::write(folder.path().join("both.pem"), &both).unwrap();
        let certificate = Certificate::from_files(&files(&folder, "both.pem", "both.pem")).unwrap();
        assert!(certificate.covers("ftp.example.org"));
        Certificate::from_pem(both.as_bytes(), b"").unwrap();
    }
}

#[test]
fn a_key_of_another_certificate_is_told_from_a_wrong_order() {
    let authority = Authority::new("Test CA");
    let (mine, other) = (authority.server(&["a.test"]), authority.server(&["b.test"]));
    let error = refused(&mine.chain, &other.key);
    assert!(
        matches!(error, CertificateError::WrongKey { position: None, .. }),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains("key.pem") && text.contains("chain.pem"),
        "{text}"
    );

    let backwards = format!("{}{}", authority.pem, mine.chain);
    let error = refused(backwards, &mine.key);
    assert!(
        matches!(
            error,
            CertificateError::WrongKey {
                position: Some(2),
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("comes first"), "{error}");
}

#[test]
fn what_is_no_pem_is_told_how_to_become_it() {
    let sample = sample();
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("chain.pem"), &sample.chain).unwrap();
    fs::write(folder.path().join("key.pem"), &sample.key).unwrap();
    let make = |arguments: &[&str]| openssl(folder.path(), arguments);
    make(&[
        "x509",
        "-in",
        "chain.pem",
        "-outform",
        "DER",
        "-out",
        "chain.der",
    ]);
    make(&[
        "pkcs12",
        "-export",
        "-in",
        "chain.pem",
        "-inkey",
        "key.pem",
        "-passout",
        "pass:",
        "-out",
        "both.p12",
    ]);
    for name in ["chain.der", "both.p12"] {
        let content = fs::read(folder.path().join(name)).unwrap();
        let error = refused(content, &sample.key);
        assert!(
            matches!(error, CertificateError::NotPem { binary: true, .. }),
            "{error}"
        );
        assert!(
            error.to_string().contains("openssl pkcs12 -in '/"),
            "{error}"
        );
    }
    for content in ["", "hello", "\0\0\0"] {
        let error = refused(content, &sample.key);
        assert!(
            matches!(error, CertificateError::NotPem { binary: false, .. }),
            "{error}"
        );
        let error = refused(&sample.chain, content);
        assert!(
            matches!(error, CertificateError::NotPem { binary: false, .. }),
            "{error}"
        );
        assert!(error.file().unwrap().ends_with("key.pem"));
    }
}

#[test]
fn pem_without_what_is_looked_for_says_so() {
    let sample = sample();
    let error = refused(&sample.key, &sample.key);
    assert!(
        matches!(error, CertificateError::NoCertificate { .. }),
        "{error}"
    );
    let error = refused(&sample.chain, &sample.chain);
    assert!(matches!(error, CertificateError::NoKey { .. }), "{error}");
    assert!(error.to_string().contains("key.pem"), "{error}");
}

#[test]
fn damaged_pem_says_so_without_showing_the_key() {
    let sample = sample();
    let half = &sample.key[..sample.key.len() / 2];
    let starred = sample.key.replacen("MI", "M*", 1);
    let secret = &sample.key.lines().nth(1).unwrap()[..20];
    for key in [half, &starred, "-----BEGIN PRIVATE KEY--\nAAAA\n"] {
        let error = refused(&sample.chain, key);
        assert!(
            matches!(error, CertificateError::BrokenPem { .. }),
            "{error}"
        );
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let error = refused(format!("{}{garbage}", sample.chain), &sample.key);
    assert!(
        matches!(error, CertificateError::BadCertificate { position: 2, .. }),
        "{error}"
    );
}

#[test]
fn an_encrypted_key_comes_with_the_command_that_decrypts_it() {
    let sample = sample();
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("key.pem"), &sample.key).unwrap();
    let encrypt = |arguments: &[&str]| {
        openssl(folder.path(), arguments);
        fs::read_to_string(folder.path().join("locked.pem")).unwrap()
    };
    let words = [
        "-in",
        "key.pem",
        "-aes256",
        "-passout",
        "pass:secret",
        "-out",
        "locked.pem",
    ];
    let modern = encrypt(&[&["pkey"], &words[..]].concat());
    let traditional = encrypt(&[&["ec"], &words[..]].concat());
    assert!(traditional.contains("Proc-Type"), "{traditional}");
    for key in [modern, traditional] {
        let error = refused(&sample.chain, key);
        assert!(
            matches!(error, CertificateError::EncryptedKey { .. }),
            "{error}"
        );
        assert!(
            error.to_string().contains("`openssl pkey -in '/"),
            "{error}"
        );
    }
}

#[test]
fn a_weak_rsa_key_is_refused() {
    let folder = TempDir::new().unwrap();
    let arguments = "req -x509 -newkey rsa:1024 -nodes -keyout key.pem -out chain.pem -subj /CN=t";
    openssl(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
    let error = Certificate::from_files(&files(&folder, "chain.pem", "key.pem")).unwrap_err();
    assert!(
        matches!(error, CertificateError::WeakKey { bits: 1024, .. }),
        "{error}"
    );
}

#[test]
fn other_kinds_of_keys_are_named() {
    let folder = TempDir::new().unwrap();
    for algorithm in ["ec -pkeyopt ec_paramgen_curve:secp256k1", "ed448"] {
        for arguments in [
            format!("genpkey -algorithm {algorithm} -out key.pem"),
            "req -x509 -new -key key.pem -out chain.pem -subj /CN=t".to_owned(),
        ] {
            openssl(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
        }
        let error = Certificate::from_files(&files(&folder, "chain.pem", "key.pem")).unwrap_err();
        assert!(
            matches!(error, CertificateError::UnsupportedKey { .. }),
            "{error}"
        );
    }
    let ssh = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
    let error = refused(sample().chain, ssh);
    assert!(error.to_string().contains("OpenSSH"), "{error}");
}

#[test]
fn a_file_is_read_within_bounds() {
    let sample = sample();
    let mut big = sample.chain.clone().into_bytes();
    big.resize(usize::try_from(MAX_FILE).unwrap() + 1, b'\n');
    let error = refused(&big, &sample.key);
    assert!(
        matches!(error, CertificateError::TooLarge { .. }),
        "{error}"
    );

    let folder = TempDir::new().unwrap();
    let refused = |name: &str| Certificate::from_files(&files(&folder, name, name)).unwrap_err();
    assert!(matches!(
        refused("missing"),
        CertificateError::Unreadable { .. }
    ));
    assert!(matches!(refused("."), CertificateError::NotAFile { .. }));
    let made = Command::new("mkfifo")
        .arg(folder.path().join("pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    // And it does not wait for somebody to write.
    assert!(matches!(refused("pipe"), CertificateError::NotAFile { .. }));
}

#[test]
fn a_key_others_may_read_is_told() {
    let folder = TempDir::new().unwrap();
    let files = files(&folder, "chain.pem", "key.pem");
    assert!(!exposed_key(&files), "there is none");
    fs::write(&files.key, "").unwrap();
    for (mode, exposed) in [(0o600, false), (0o640, false), (0o644, true)] {
        fs::set_permissions(&files.key, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(exposed_key(&files), exposed, "{mode:o}");
    }
}
