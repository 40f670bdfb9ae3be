//! What comes after the first certificate.

use std::time::SystemTime;

use super::server::Renewal;
use super::*;
use crate::certificate::Current;

#[tokio::test]
async fn a_certificate_is_replaced_by_itself_with_a_new_key() {
    let setup = Setup::http(Knobs {
        first_lifetime: Some(Duration::from_secs(6)),
        ..Knobs::default()
    });
    let (_manager, mut events) = setup.manager();
    let mut fingerprints = Vec::new();
    for _ in 0..2 {
        let AcmeEvent::Issued { not_after, .. } = outcome(&mut events).await else {
            panic!("not issued")
        };
        assert!(not_after > SystemTime::now(), "the old one was over before");
        fingerprints.push(setup.certificate().fingerprint());
    }
    assert_ne!(fingerprints[0], fingerprints[1]);
    let seen = setup.server.seen();
    // The CA refuses a key that it has seen, as a violation.
    assert_eq!(seen.violations, [""; 0]);
    assert_eq!((seen.accounts, seen.issued.len()), (1, 2));
    assert_ne!(seen.issued[0].public_key, seen.issued[1].public_key);
}

#[tokio::test]
async fn the_ca_may_say_when() {
    let life = Duration::from_secs(90 * 24 * 3600);
    let day = Duration::from_secs(24 * 3600);
    for (renewal, left, asked) in [
        (None, 30 * day, 0),
        // Whatever it wishes: not before a day is over, and not in the last ninth.
        (Some(Renewal::Now), 89 * day, 1),
        (Some(Renewal::Later), 10 * day, 1),
    ] {
        let setup = Setup::http(Knobs {
            lifetime: life,
            renewal,
            ..Knobs::default()
        });
        let mut keeper = setup.keeper();
        turn(&mut keeper).await;
        let current = Current::read(&keeper.folder, &keeper.wanted)
            .unwrap()
            .unwrap();
        for _ in 0..2 {
            let due = keeper.due(&current).await;
            assert_eq!(
                current.not_after.duration_since(due).unwrap(),
                left,
                "{renewal:?}"
            );
        }
        // Asked once, then remembered until the CA wants to be asked again.
        assert_eq!(setup.server.seen().renewals_asked, asked);
    }
}

#[tokio::test]
async fn a_renewal_names_what_it_replaces_and_does_without_if_it_must() {
    let setup = Setup::http(Knobs {
        lifetime: Duration::from_secs(9),
        renewal: Some(Renewal::Now),
        ..Knobs::default()
    });
    let mut keeper = setup.keeper();
    turn(&mut keeper).await;
    let current = Current::read(&keeper.folder, &keeper.wanted)
        .unwrap()
        .unwrap();
    keeper
        .order(Some(&current))
        .await
        .map_err(|failure| failure.error)
        .unwrap();
    let seen = setup.server.seen();
    let identifier = current.identifier.clone().unwrap().to_string();
    assert_eq!(seen.replaced, [identifier]);

    // The same again: it is replaced already (409), and ordered all the same.
    keeper
        .order(Some(&current))
        .await
        .map_err(|failure| failure.error)
        .unwrap();
    // A CA that says nothing about renewal is not told.
    setup.server.change(|knobs| knobs.renewal = None);
    keeper
        .order(Some(&current))
        .await
        .map_err(|failure| failure.error)
        .unwrap();
    let seen = setup.server.seen();
    assert_eq!((seen.replaced.len(), seen.issued.len()), (1, 4));
    assert_eq!(seen.violations, [""; 0]);
}

#[tokio::test]
async fn a_certificate_that_is_over_when_it_comes_takes_no_place_and_is_complained_about() {
    let setup = Setup::http(Knobs {
        lifetime: Duration::ZERO,
        ..Knobs::default()
    });
    let error = failure(&mut setup.keeper()).await;
    assert!(matches!(error, AcmeError::Clock { .. }), "{error}");
    assert!(
        error.to_string().contains("hint: check the clock"),
        "{error}"
    );
    assert!(Certificate::from_files(&setup.config().files()).is_err());
}

#[tokio::test]
async fn a_failed_renewal_leaves_the_old_one_and_is_tried_again() {
    let setup = Setup::http(Knobs {
        lifetime: Duration::from_secs(3),
        broken_dns_after: Some(1),
        ..Knobs::default()
    });
    let (_manager, mut events) = setup.manager();
    outcome(&mut events).await;
    let first = setup.certificate().fingerprint();
    for _ in 0..2 {
        let AcmeEvent::Failed { text, retry_in } = outcome(&mut events).await else {
            panic!("not failed")
        };
        // What the CA said, harmless on a screen, and what to do.
        assert!(
            text.contains(r"no such domain:\n\u{1b}[31mftp.example.org (dns)"),
            "{text}"
        );
        assert!(text.contains("\n\nhint: it comes from outside to port 80 of `ftp.example.org`"));
        assert!(retry_in <= PACE.most * 3 / 2);
        assert_eq!(setup.certificate().fingerprint(), first);
    }
    setup.server.change(|knobs| knobs.broken_dns_after = None);
    while !matches!(outcome(&mut events).await, AcmeEvent::Issued { .. }) {}
    assert_ne!(setup.certificate().fingerprint(), first);
}
