//! The good ways to a certificate.

use std::collections::BTreeSet;

use super::*;

#[tokio::test]
async fn a_certificate_is_ordered_and_told() {
    let setup = Setup::http(Knobs::default());
    let (_manager, mut events) = setup.manager();
    let names = setup.names.clone();
    assert_eq!(
        next(&mut events).await,
        AcmeEvent::Ordering {
            names: names.clone()
        }
    );
    let AcmeEvent::Issued {
        names: issued,
        not_after,
        renew_at,
    } = next(&mut events).await
    else {
        panic!("not issued")
    };
    let certificate = setup.certificate();
    assert_eq!(issued, names);
    assert_eq!(certificate.names(), names);
    assert_eq!(certificate.not_after(), not_after);
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(not_after.duration_since(renew_at).unwrap(), 30 * day);

    let chain = fs::read_to_string(setup.config().files().chain).unwrap();
    assert_eq!(chain.matches("BEGIN CERTIFICATE").count(), 2, "{chain}");
    let seen = setup.server.seen();
    assert_eq!(seen.violations, [""; 0]);
    assert_eq!((seen.accounts, seen.orders), (1, 1));
    assert_eq!(seen.contact, ["mailto:ann@example.org"]);
}

#[tokio::test]
async fn every_name_is_proven_over_either_challenge() {
    for challenge in [Challenge::Http01, Challenge::TlsAlpn01] {
        let mut setup = Setup::new(challenge, Knobs::default());
        setup.names = ["b.example.org", "A.Example.org", "c.example.org"]
            .map(str::to_owned)
            .to_vec();
        turn(&mut setup.keeper()).await;

        let found: BTreeSet<_> = setup.certificate().names().iter().cloned().collect();
        let expected = ["a.example.org", "b.example.org", "c.example.org"];
        assert!(found.iter().eq(expected.iter()), "{found:?}");
        let seen = setup.server.seen();
        assert_eq!(seen.violations, [""; 0]);
        assert_eq!(seen.asked.len(), 3);
        for asked in &seen.asked {
            assert_eq!(asked.kind, challenge.to_string());
            assert_eq!(asked.error, None, "{asked:?}");
        }
        // Nothing listens when no order runs.
        let address = setup.config().listen;
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }
}

#[tokio::test]
async fn a_nonce_that_is_refused_is_taken_anew() {
    let setup = Setup::http(Knobs {
        bad_nonces: 1,
        ..Knobs::default()
    });
    turn(&mut setup.keeper()).await;
    let seen = setup.server.seen();
    assert_eq!((seen.bad_nonces, seen.issued.len()), (1, 1));
}

#[tokio::test]
async fn an_order_in_the_works_is_waited_for_as_the_ca_says() {
    let setup = Setup::http(Knobs {
        processing: 3,
        retry_after: Some(1),
        ..Knobs::default()
    });
    let before = std::time::Instant::now();
    turn(&mut setup.keeper()).await;
    assert_eq!(setup.server.seen().processing, 3);
    // Two waits of a second lie between three looks, and one before the certificate.
    assert!(before.elapsed() >= Duration::from_secs(3));
}

#[tokio::test]
async fn a_name_the_ca_knows_as_proven_is_not_proven_again() {
    let mut setup = Setup::http(Knobs {
        reuse: true,
        ..Knobs::default()
    });
    turn(&mut setup.keeper()).await;
    setup.names.push("two.example.org".to_owned());
    turn(&mut setup.keeper()).await;
    let seen = setup.server.seen();
    let asked: Vec<_> = seen.asked.iter().map(|asked| asked.name.as_str()).collect();
    assert_eq!(asked, ["ftp.example.org", "two.example.org"]);
    assert_eq!(seen.issued.len(), 2);
}

#[tokio::test]
async fn a_good_certificate_means_no_order_after_a_restart() {
    let mut setup = Setup::http(Knobs::default());
    turn(&mut setup.keeper()).await;
    let first = setup.certificate().fingerprint();
    let left = turn(&mut setup.keeper()).await;
    assert!(left > Duration::from_secs(59 * 24 * 3600), "{left:?}");
    assert_eq!(setup.server.seen().orders, 1);
    assert_eq!(setup.certificate().fingerprint(), first);

    // Other names, fewer too, are another certificate.
    setup.names.push("two.example.org".to_owned());
    turn(&mut setup.keeper()).await;
    assert_eq!(setup.certificate().names().len(), 2);
    setup.names.pop();
    turn(&mut setup.keeper()).await;
    assert_eq!(setup.certificate().names(), ["ftp.example.org"]);
    let seen = setup.server.seen();
    assert_eq!((seen.orders, seen.accounts), (3, 1));

    // So is one of another CA.
    let other = Setup::http(Knobs::default());
    fs::write(setup.scratch.path().join("ca.pem"), other.server.ca_pem()).unwrap();
    let mut config = setup.config();
    config.directory = other.server.directory();
    config.listen = other.config().listen;
    turn(&mut Keeper::new(config, PACE).unwrap().0).await;
    let seen = other.server.seen();
    assert_eq!((seen.orders, seen.accounts), (1, 1));
}

#[tokio::test]
async fn a_key_that_does_not_belong_to_the_certificate_is_replaced() {
    let setup = Setup::http(Knobs::default());
    turn(&mut setup.keeper()).await;
    let (_, key) = crate::certificate::tests::self_signed("ftp.example.org");
    fs::write(setup.config().files().key, key).unwrap();
    turn(&mut setup.keeper()).await;
    assert_eq!(setup.server.seen().issued.len(), 2);
    assert_eq!(setup.certificate().names(), ["ftp.example.org"]);
}

#[tokio::test]
async fn the_account_is_made_once_and_its_contact_kept_up() {
    let setup = Setup::http(Knobs::default());
    turn(&mut setup.keeper()).await;
    let order_anew = || fs::remove_file(setup.config().files().chain).unwrap();

    order_anew();
    let mut config = setup.config();
    config.contact = vec!["mailto:bob@example.org".to_owned()];
    turn(&mut Keeper::new(config.clone(), PACE).unwrap().0).await;
    let seen = setup.server.seen();
    assert_eq!(seen.accounts, 1);
    assert_eq!(seen.contact, ["mailto:bob@example.org"]);

    // A CA that was set up anew gets a new account.
    order_anew();
    setup.server.forget();
    turn(&mut Keeper::new(config, PACE).unwrap().0).await;
    let seen = setup.server.seen();
    assert_eq!((seen.accounts, seen.issued.len()), (2, 3));
    assert_eq!(seen.violations, [""; 0]);
}

#[tokio::test]
async fn a_dropped_manager_lets_go_of_the_port() {
    let setup = Setup::http(Knobs {
        held_after: Some(0),
        ..Knobs::default()
    });
    let (manager, mut events) = setup.manager();
    next(&mut events).await;
    drop(manager);
    // The sender in the task is the last one.
    while events.recv().await.is_ok() {}
    std::net::TcpListener::bind(setup.config().listen).unwrap();
    assert!(!setup.config().files().chain.exists());
}
