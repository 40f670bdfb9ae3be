//! What the server agrees to in a handshake, found out by the scanners that auditors use.

use std::fs;

use serde_json::Value;
use std::time::Duration;
use wharf_tests::program::Finished;

use super::client::{Mode, Start, Target, Tls, Version, text};

const STARTS: [Start; 2] = [Start::Explicit, Start::Implicit];

/// Every version and every cipher suite that OpenSSL knows, on both ports.
#[test]
fn openssl_gets_nothing_below_grade() {
    let wharf = super::tls::start(Version::V12);
    for start in STARTS {
        let scan = Scan(Target::over_tls(&wharf, Mode::Passive, tls(start)));
        for suite in GOOD_TLS_1_2 {
            let said = scan.handshake(&["-tls1_2", "-cipher", suite]);
            assert!(agreed(&said, "TLSv1.2", suite), "{start:?} {suite}: {said}");
        }
        for suite in GOOD_TLS_1_3 {
            let said = scan.handshake(&["-tls1_3", "-ciphersuites", suite]);
            assert!(agreed(&said, "TLSv1.3", suite), "{start:?} {suite}: {said}");
        }
        let others = scan.others();
        let refused: [&[&str]; 5] = [
            &["-tls1_2", "-cipher", &others],
            &[
                "-tls1_3",
                "-ciphersuites",
                "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256",
            ],
            &["-tls1_1", "-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
            &["-tls1", "-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
            &[
                "-tls1_2",
                "-cipher",
                "ALL:@SECLEVEL=0",
                "-groups",
                "P-224:secp256k1",
            ],
        ];
        for options in refused {
            let said = scan.handshake(options);
            let alert = "alert";
            assert!(
                !said.status.success() && complains(&said, alert),
                "{start:?} {options:?}: {said}"
            );
        }
    }
}

/// testssl.sh: all of it on both ports in the long form, otherwise what of it is quick, on one.
#[test]
fn testssl_finds_nothing_below_grade() {
    let wharf = super::tls::start(Version::V12);
    for &start in if wharf_tests::long() {
        &STARTS[..]
    } else {
        &STARTS[..1]
    } {
        let scan = Scan(Target::over_tls(&wharf, Mode::Passive, tls(start)));
        let findings = scan.testssl();
        assert!(findings.len() > 5, "{start:?}: {findings:?}");
        let bad: Vec<_> = findings
            .iter()
            .filter(|finding| !HARMLESS.contains(&finding["severity"].as_str().unwrap_or("")))
            .filter(|finding| {
                let id = finding["id"].as_str().unwrap_or_default();
                !EXPLAINED.contains(&id)
            })
            .collect();
        assert!(bad.is_empty(), "{start:?}: {bad:#?}");
    }
}

const HARMLESS: [&str; 3] = ["OK", "INFO", "DEBUG"];

/// What testssl.sh finds, and why it is nothing: about the certificate that is made at the first
/// start, about this machine, or about tickets, which are good for one control connection only.
const EXPLAINED: &[&str] = &[
    "cert_chain_of_trust",
    "cert_revocation",
    "cert_validityPeriod",
    "engine_problem",
    // They end with their control connection, whatever the client is told.
    "TLS_session_ticket",
    // It tries them on another connection.
    "sessionresumption_ticket",
];

const GOOD_TLS_1_2: [&str; 3] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
];

const GOOD_TLS_1_3: [&str; 3] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

const fn tls(start: Start) -> Tls {
    Tls {
        start,
        version: Version::V12,
    }
}

struct Scan(Target);

impl Scan {
    fn handshake(&self, options: &[&str]) -> Finished {
        let program = self.0.program("openssl", "openssl");
        let program = program.args(["s_client", "-brief", "-connect"]);
        let program = program.arg(format!("127.0.0.1:{}", self.0.port));
        let explicit: &[&str] = if self.0.is_implicit() {
            &[]
        } else {
            &["-starttls", "ftp"]
        };
        program
            .args(explicit)
            .args(options)
            .limit(Duration::from_secs(20))
            .run()
    }

    /// Every suite before TLS 1.3 that OpenSSL has, but for the good ones.
    fn others(&self) -> String {
        let all = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";
        let program = self.0.program("openssl", "openssl");
        let said = program.args(["ciphers", "-tls1_2", all]).run().well();
        let said = said.unwrap_or_else(|problem| panic!("{problem}")).output;
        let said = String::from_utf8(said).expect("names of suites");
        let others: Vec<_> = said
            .trim()
            .split(':')
            .filter(|suite| !suite.starts_with("TLS_") && !GOOD_TLS_1_2.contains(suite))
            .collect();
        assert!(others.len() > 50, "{others:?}");
        format!("{}:@SECLEVEL=0", others.join(":"))
    }

    fn testssl(&self) -> Vec<Value> {
        let json = self.0.home.join("testssl.json");
        let _ = fs::remove_file(&json);
        let explicit: &[&str] = if self.0.is_implicit() {
            &[]
        } else {
            &["--starttls", "ftp"]
        };
        let tests: &[&str] = if wharf_tests::long() { &[] } else { QUICK };
        let finished = self
            .0
            .program("testssl", "testssl.sh")
            .args([
                "--nodns",
                "none",
                "--quiet",
                "--color",
                "0",
                "--warnings",
                "off",
            ])
            .args(["--jsonfile", &text(&json)])
            .args(explicit)
            .args(tests)
            .arg(format!("127.0.0.1:{}", self.0.port))
            .limit(Duration::from_secs(600))
            .run();
        let findings = fs::read(&json).unwrap_or_else(|error| panic!("{error}: {finished}"));
        serde_json::from_slice(&findings).unwrap_or_else(|error| panic!("{error}: {finished}"))
    }
}

/// Which versions are spoken.
const QUICK: &[&str] = &["--protocols"];

fn agreed(finished: &Finished, version: &str, suite: &str) -> bool {
    finished.status.success()
        && complains(finished, &format!("Protocol version: {version}"))
        && complains(finished, &format!("Ciphersuite: {suite}"))
}

// `-brief` tells everything on standard error.
fn complains(finished: &Finished, text: &str) -> bool {
    wharf_tests::program::contains(&finished.errors, text.as_bytes())
}
