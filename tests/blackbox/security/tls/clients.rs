//! Certificates of clients: asked for, as a second factor, as the login.

use std::time::{Duration, Instant};

use wharf_tests::tls::certificates::{Authority, Issued, replace};
use wharf_tests::{Account, Control, Tls, Wharf};

use super::{failed, unhurt};

#[test]
fn f15_where_a_certificate_is_required_nobody_comes_in_without_one() {
    let mut site = Site::with("client_certificates = \"require\"\n", &[]);
    let ann = site.account("ann", "off", &["--fingerprint", &site.ann.fingerprint()]);
    let wharf = &site.wharf;
    for (tls, alert) in [(Tls::v12(), None), (Tls::v13(), Some(116))] {
        let mut control = wharf.connect();
        control.expect("AUTH TLS", 234);
        // In TLS 1.3 the client is done before the server has looked.
        match control.handshake(&tls) {
            Err(failure) => {
                assert!(failure.alert.is_some(), "{failure}");
                assert!(alert.is_none() || failure.alert == alert, "{failure}");
            }
            Ok(()) => {
                let problem = control.try_reply().expect_err("it goes on");
                assert!(problem.contains("CertificateRequired"), "{problem}");
            }
        }
    }
    failed(wharf, "F-15");
    // Somebody must know the certificate: one made for the occasion is none.
    let anybody = Authority::new("nobody's").client("anybody");
    for tls in [Tls::v12(), Tls::v13()] {
        let unknown = tls.clone().certificate(&anybody.identity());
        let (code, text) = attempt(wharf, &unknown, &ann.name, &ann.password);
        assert_eq!(code, 530, "{text}");
        let known = tls.certificate(&site.ann.identity());
        let mut control = wharf.session_tls_of(&ann, &known);
        control.store("STOR f", b"content");
        assert_eq!(control.retrieve("RETR f"), b"content");
    }
    // In clear there would be none.
    let mut control = wharf.connect();
    let refusal = control.expect("USER ann", 530);
    assert!(refusal.has_cause(), "{refusal}");
    assert!(site.wharf.alive());
    assert!(!site.wharf.log().contains("panicked"));
}

#[test]
fn a_certificate_is_not_needed_where_it_is_only_asked_for() {
    let site = Site::with("client_certificates = \"request\"\n", &[]);
    for tls in [Tls::v12(), Tls::v13()] {
        site.wharf.session_tls(&tls).store("STOR f", b"content");
    }
}

#[test]
fn a_certificate_as_second_factor() {
    let mut site = Site::with("client_certificates = \"request\"\n", &[]);
    let ann = site.account("ann", "factor", &["--fingerprint", &site.ann.fingerprint()]);
    for tls in [Tls::v12(), Tls::v13()] {
        let with = tls.clone().certificate(&site.ann.identity());
        let other = tls
            .clone()
            .certificate(&site.authority.client("bob").identity());
        // Neither alone is enough, and what is missing is not told to who guesses passwords.
        for tls in [&tls, &other] {
            let right = attempt(&site.wharf, tls, &ann.name, &ann.password);
            let wrong = attempt(&site.wharf, tls, &ann.name, "wrong");
            assert_eq!(right.0, 530, "the password alone: {}", right.1);
            assert_eq!(wrong.0, 530);
        }
        assert_eq!(attempt(&site.wharf, &with, &ann.name, "wrong").0, 530);
        let mut control = site.wharf.session_tls_of(&ann, &with);
        control.store("STOR f", b"content");
        assert_eq!(control.retrieve("RETR f"), b"content");
    }
    // In clear there is no certificate.
    let mut control = site.wharf.connect();
    control.expect("USER ann", 331);
    control.expect(format!("PASS {}", ann.password), 530);
    unhurt(&mut site.wharf);
}

#[test]
fn a_certificate_as_login_by_its_fingerprint() {
    let mut site = Site::with("client_certificates = \"request\"\n", &[]);
    let ann = site.account("ann", "login", &["--fingerprint", &site.ann.fingerprint()]);
    for tls in [Tls::v12(), Tls::v13()] {
        let with = tls.clone().certificate(&site.ann.identity());
        let mut control = site.wharf.connect_tls(&with);
        control.expect("USER ann", 232);
        control.expect("TYPE I", 200);
        control.protect();
        control.store("STOR f", b"content");
        // An identity never changes under a live session.
        control.expect_any(format!("USER {}", site.wharf.account().name), &[503, 530]);
        // Another name is not opened by it.
        let mut control = site.wharf.connect_tls(&with);
        control.expect(format!("USER {}", site.wharf.account().name), 331);
        control.expect("PWD", 530);
        // Nor ann by another one; her password still does.
        let other = tls.certificate(&site.authority.client("ann").identity());
        let mut control = site.wharf.connect_tls(&other);
        control.expect("USER ann", 331);
        control.expect("PWD", 530);
        control.expect(format!("PASS {}", ann.password), 230);
    }
    // In clear it is a name like any other.
    site.wharf.connect().expect("USER ann", 331);
    // Taken away, it opens nothing.
    let fingerprint = site.ann.fingerprint();
    let removed = site.user(&["certificate", "remove", "ann", &fingerprint]);
    assert!(removed.is_ok(), "{removed:?}");
    let with = Tls::v13().certificate(&site.ann.identity());
    site.wharf.connect_tls(&with).expect("USER ann", 331);
    unhurt(&mut site.wharf);
}

#[test]
fn a_certificate_as_login_by_its_subject_needs_one_who_vouches_for_it() {
    let authority = Authority::new("the company");
    let revoked = authority.client("ann");
    let mut site = Site::of(
        authority,
        "client_certificates = \"request\"\n",
        &[&revoked],
    );
    site.account("ann", "login", &["--subject", "CN=ann,O=Example"]);
    let stranger = Authority::new("the company");
    let refused: [(&str, Issued); 5] = [
        ("another subject", site.authority.client("bob")),
        ("another authority of the same name", stranger.client("ann")),
        ("expired", site.authority.expired_client("ann")),
        ("a server's", site.authority.server_as_client("ann")),
        ("revoked", revoked),
    ];
    for tls in [Tls::v12(), Tls::v13()] {
        let with = tls.clone().certificate(&site.ann.identity());
        site.wharf.connect_tls(&with).expect("USER ann", 232);
        for (what, issued) in &refused {
            let mut control = site.wharf.connect();
            control.expect("AUTH TLS", 234);
            // An alert is as good as a login that is not one.
            if control
                .handshake(&tls.clone().certificate(&issued.identity()))
                .is_err()
            {
                continue;
            }
            control.send("USER ann");
            if let Ok(Some(reply)) = control.try_reply() {
                assert!([331, 530].contains(&reply.code), "{what}: {reply}");
                control.expect("PWD", 530);
            }
        }
    }
    unhurt(&mut site.wharf);
}

#[test]
fn a_revoked_certificate_is_worth_nothing_however_it_is_known() {
    let authority = Authority::new("root");
    let revoked = authority.client("ann");
    let mut site = Site::of(
        authority,
        "client_certificates = \"request\"\n",
        &[&revoked],
    );
    site.account("ann", "login", &["--fingerprint", &revoked.fingerprint()]);
    site.account("bob", "login", &["--fingerprint", &site.ann.fingerprint()]);
    let with = Tls::v13().certificate(&revoked.identity());
    let mut control = site.wharf.connect_tls(&with);
    control.expect("USER ann", 331);
    control.expect("PWD", 530);
    // Revoked while it is logged in.
    let mut live = site
        .wharf
        .connect_tls(&Tls::v13().certificate(&site.ann.identity()));
    live.expect("USER bob", 232);
    let list = site.authority.revocation_list(&[&revoked, &site.ann]);
    replace(&site.wharf.scratch().base().join("crl.pem"), &list);
    live.await_code(421);
    unhurt(&mut site.wharf);
}

#[test]
fn a1_without_the_second_factor_the_right_password_takes_as_long_as_a_wrong_one() {
    const LOGINS: usize = 8;
    let site = Site::with(
        "client_certificates = \"request\"\n[limits]\nlogin_attempts = 100\n",
        &[],
    );
    let ann = site.account("ann", "factor", &["--fingerprint", &site.ann.fingerprint()]);
    let mut control = site.wharf.connect_tls(&Tls::v13());
    let mut times: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    for round in 0..2 * LOGINS {
        let password = if round % 2 == 0 {
            &ann.password
        } else {
            "wrong"
        };
        control.expect("USER ann", 331);
        let since = Instant::now();
        control.expect(format!("PASS {password}"), 530);
        times[round % 2].push(since.elapsed());
    }
    let [right, wrong] = &times;
    let apart = |one: &[Duration], other: &[Duration]| one.iter().max() < other.iter().min();
    assert!(!apart(right, wrong) && !apart(wrong, right), "{times:?}");
}

#[test]
fn a_subject_counts_nothing_without_an_authority() {
    // No `client_ca`: anybody can sign `CN=ann,O=Example`.
    let site = Site::without_authority("client_certificates = \"request\"\n");
    site.account("ann", "login", &["--subject", "CN=ann,O=Example"]);
    let with = Tls::v13().certificate(&site.ann.identity());
    let mut control = site.wharf.connect_tls(&with);
    control.expect("USER ann", 331);
    control.expect("PWD", 530);
}

#[test]
fn a_certificate_that_is_no_secret_is_no_login() {
    // The certificate is public; only who has its key may show it.
    let site = Site::with("client_certificates = \"request\"\n", &[]);
    site.account("ann", "login", &["--fingerprint", &site.ann.fingerprint()]);
    let thief = site.authority.client("thief");
    let borrowed = rustls::sign::CertifiedKey::new(
        site.ann.identity().cert.clone(),
        std::sync::Arc::clone(&thief.identity().key),
    );
    for tls in [Tls::v12(), Tls::v13()] {
        let mut control = site.wharf.connect();
        control.expect("AUTH TLS", 234);
        if control.handshake(&tls.certificate(&borrowed)).is_ok() {
            control.send("USER ann");
            assert!(
                !matches!(control.try_reply(), Ok(Some(_))),
                "it goes on\n{control}"
            );
        }
    }
}

#[test]
fn m11_a_hostile_revocation_list_is_an_error_at_the_start() {
    let authority = Authority::new("root");
    for text in [
        "-----BEGIN X509 CRL-----\nMIIBAAAA\n-----END X509 CRL-----\n",
        "-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n",
        "nonsense\n",
    ] {
        let builder = Wharf::with();
        let folder = builder.scratch().base().to_owned();
        std::fs::write(folder.join("ca.pem"), authority.pem()).expect("the authority");
        std::fs::write(folder.join("crl.pem"), text).expect("the list");
        let settings = format!(
            "[tls]\nclient_certificates = \"request\"\nclient_ca = {:?}\nclient_crl = {:?}\n",
            folder.join("ca.pem"),
            folder.join("crl.pem")
        );
        let refused = builder
            .settings(&settings)
            .try_start()
            .expect_err("it starts");
        assert!(refused.text.contains("crl.pem"), "{}", refused.text);
        assert!(!refused.text.contains("panicked"), "{}", refused.text);
    }
}

/// A server that asks for certificates, who signs them, and one of them.
struct Site {
    wharf: Wharf,
    authority: Authority,
    ann: Issued,
}

impl Site {
    fn with(settings: &str, revoked: &[&Issued]) -> Self {
        Self::of(Authority::new("root"), settings, revoked)
    }

    fn of(authority: Authority, settings: &str, revoked: &[&Issued]) -> Self {
        let builder = Wharf::with();
        let folder = builder.scratch().base().to_owned();
        let (ca, crl) = (folder.join("ca.pem"), folder.join("crl.pem"));
        std::fs::write(&ca, authority.pem()).expect("the authority");
        std::fs::write(&crl, authority.revocation_list(revoked)).expect("the list");
        let settings = format!("[tls]\nclient_ca = {ca:?}\nclient_crl = {crl:?}\n{settings}");
        let ann = authority.client("ann");
        Self {
            wharf: builder.settings(&settings).start(),
            authority,
            ann,
        }
    }

    fn without_authority(settings: &str) -> Self {
        let authority = Authority::new("root");
        let ann = authority.client("ann");
        Self {
            wharf: Wharf::with_settings(&format!("[tls]\n{settings}")),
            authority,
            ann,
        }
    }

    #[track_caller]
    fn account(&self, name: &str, how: &str, certificate: &[&str]) -> Account {
        let account = self.wharf.add_account(name, &["--certificate-login", how]);
        let mut words = vec!["certificate", "add", name];
        words.extend_from_slice(certificate);
        if let Err(problem) = self.user(&words) {
            panic!("{problem}");
        }
        account
    }

    fn user(&self, words: &[&str]) -> Result<(), String> {
        let finished = self.wharf.user(words.iter().copied(), "");
        finished.well().map(|_| ())
    }
}

fn attempt(wharf: &Wharf, tls: &Tls, name: &str, password: &str) -> (u16, Control) {
    let mut control = wharf.connect_tls(tls);
    control.expect(format!("USER {name}"), 331);
    let reply = control.command(format!("PASS {password}"));
    (reply.code, control)
}
