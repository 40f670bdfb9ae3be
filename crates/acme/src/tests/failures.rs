//! What goes wrong, and what is said about it.

use super::*;

#[tokio::test]
async fn a_limit_is_kept_for_as_long_as_the_ca_says() {
    let setup = Setup::http(Knobs {
        rate_limited: Some(3600),
        ..Knobs::default()
    });
    let (_manager, mut events) = setup.manager();
    let AcmeEvent::Failed { text, retry_in } = outcome(&mut events).await else {
        panic!("not failed")
    };
    assert!(
        text.contains("too many certificates for these names (rateLimited)"),
        "{text}"
    );
    let hour = Duration::from_secs(3600);
    assert!(
        retry_in <= hour && retry_in > hour - Duration::from_secs(60),
        "{retry_in:?}"
    );
}

#[tokio::test]
async fn failures_are_told_apart() {
    type Break = fn(&mut Knobs);
    type Expected = fn(&AcmeError) -> bool;
    let cases: &[(Break, Expected, &str)] = &[
        (
            |knobs| knobs.instead = Some((503, 400)),
            |error| matches!(error, AcmeError::CaTrouble { .. }),
            "503",
        ),
        (
            |knobs| knobs.instead = Some((301, 400)),
            |error| matches!(error, AcmeError::NotAcme { .. }),
            "301 Moved Permanently",
        ),
        (
            |knobs| knobs.instead = Some((200, 2 * 1024 * 1024)),
            |error| matches!(error, AcmeError::NotAcme { .. }),
            "larger than 1048576 bytes",
        ),
        (
            |knobs| knobs.invalid_orders = true,
            |error| matches!(error, AcmeError::CaTrouble { .. }),
            r"the certificate cannot be\nsigned today",
        ),
        (
            |knobs| knobs.terms_changed = true,
            |error| matches!(error, AcmeError::Terms { .. }),
            "acme.agree",
        ),
        (
            |knobs| knobs.challenges = vec!["dns-01"],
            |error| matches!(error, AcmeError::NoChallenge { .. }),
            "tls-alpn-01",
        ),
        (
            |knobs| knobs.wrong_name = Some("other.example".to_owned()),
            |error| matches!(error, AcmeError::Certificate { .. }),
            "it is for other.example",
        ),
        (
            |knobs| knobs.http_port = 1,
            |error| matches!(error, AcmeError::Challenge { .. }),
            "through every firewall",
        ),
    ];
    for (break_it, expected, words) in cases {
        let setup = Setup::http(Knobs::default());
        setup.server.change(break_it);
        let error = failure(&mut setup.keeper()).await;
        assert!(expected(&error), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!setup.config().files().chain.exists(), "{error}");
        assert_eq!(setup.server.seen().violations, [""; 0]);
    }
}

#[tokio::test]
async fn a_ca_that_is_not_trusted_is_not_spoken_to() {
    let setup = Setup::http(Knobs::default());
    let other = AcmeServer::start(Knobs::default());
    fs::write(setup.scratch.path().join("ca.pem"), other.ca_pem()).unwrap();
    let error = failure(&mut setup.keeper()).await;
    assert!(matches!(error, AcmeError::Unreachable { .. }), "{error}");
    assert!(
        error.to_string().contains("invalid peer certificate"),
        "{error}"
    );
    assert!(error.to_string().contains("`acme.ca`"), "{error}");
    assert_eq!(setup.server.seen().accounts, 0);
}

#[tokio::test]
async fn a_ca_that_is_not_there_is_named() {
    let setup = Setup::http(Knobs::default());
    let mut config = setup.config();
    config.directory = "https://127.0.0.1:1/directory".to_owned();
    let error = failure(&mut Keeper::new(config, PACE).unwrap().0).await;
    let text = error.to_string();
    assert!(
        text.contains("cannot reach the CA at `https://127.0.0.1:1/directory`"),
        "{text}"
    );
    assert!(text.contains("efused"), "{text}");
}

#[tokio::test]
async fn a_ca_that_says_nothing_is_given_up() {
    let setup = Setup::http(Knobs::default());
    // The kernel accepts, and nobody answers.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut config = setup.config();
    config.directory = format!("https://{}/directory", silent.local_addr().unwrap());
    let mut keeper = Keeper::new(config, Pace::PRODUCT).unwrap().0;
    tokio::time::pause();
    let error = failure(&mut keeper).await;
    assert!(matches!(error, AcmeError::Unreachable { .. }), "{error}");
    assert!(
        error.to_string().contains("no answer within 30 s"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_no_directory_is_named() {
    let setup = Setup::http(Knobs::default());
    for (path, words) in [
        ("nonce", "JSON"),
        ("nothing", "does not answer as an ACME server"),
    ] {
        let mut config = setup.config();
        config.directory = setup.server.directory().replace("directory", path);
        let error = failure(&mut Keeper::new(config, PACE).unwrap().0).await;
        assert!(
            matches!(error, AcmeError::NotAcme { .. }),
            "{path}: {error:?}"
        );
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_asks_nothing_of_the_ca() {
    let setup = Setup::http(Knobs::default());
    let _taken = std::net::TcpListener::bind(setup.config().listen).unwrap();
    let error = failure(&mut setup.keeper()).await;
    assert!(matches!(error, AcmeError::Listen { .. }), "{error}");
    assert_eq!(setup.server.seen().accounts, 0);
}

#[tokio::test]
async fn a_damaged_account_is_not_replaced_in_silence() {
    let setup = Setup::http(Knobs::default());
    turn(&mut setup.keeper()).await;
    fs::remove_file(setup.config().files().chain).unwrap();
    fs::write(setup.folder().join("account.json"), "{").unwrap();
    let error = failure(&mut setup.keeper()).await;
    assert!(matches!(error, AcmeError::AccountFile { .. }), "{error}");
    assert_eq!(setup.server.seen().accounts, 1);
}

#[tokio::test]
async fn a_start_tells_what_cannot_work_at_all() {
    let setup = Setup::http(Knobs::default());
    let refusal = |change: fn(&mut AcmeConfig)| {
        let mut config = setup.config();
        change(&mut config);
        Manager::start(config).map(drop).unwrap_err()
    };
    assert!(matches!(
        refusal(|config| config.names.clear()),
        AcmeError::NoNames
    ));
    let error = refusal(|config| config.directory = "http://127.0.0.1/".to_owned());
    assert!(matches!(error, AcmeError::Directory(_)), "{error}");
    let error = refusal(|config| config.ca = Some("/nonexistent".into()));
    assert!(matches!(error, AcmeError::Ca { .. }), "{error}");
    let error = refusal(|config| config.folder = "/proc/acme".into());
    assert!(matches!(error, AcmeError::Folder { .. }), "{error}");
}
