//! Certificates that are replaced in time, or cannot be.

use std::time::Duration;

use super::*;

#[test]
fn a_renewal_replaces_the_certificate_under_live_sessions() {
    let site = Site::new(Knobs {
        first_lifetime: Some(Duration::from_secs(6)),
        held_after: Some(1),
        ..Knobs::default()
    });
    let wharf = site.serve("http-01");
    wharf.write("f", "content");
    let first = site.in_force(&wharf, 0);
    let mut live = wharf.session_tls(&named());
    assert_eq!(shown(&mut live), first.der);
    assert_eq!(live.retrieve("RETR f"), b"content");

    site.ca.release();
    let second = site.in_force(&wharf, 1);
    assert_ne!(second.public_key, first.public_key);
    assert_eq!(shown(&mut wharf.connect_tls(&named())), second.der);
    assert_eq!(verified(&wharf, site.ca.root(), NAME).as_deref(), Ok("220"));
    // Its data connections go on resuming the session that began under the first.
    assert_eq!(live.retrieve("RETR f"), b"content");
    let seen = site.ca.seen();
    assert_eq!((seen.accounts, seen.violations.len()), (1, 0));
}

#[test]
fn a_failed_renewal_keeps_the_certificate_and_is_told() {
    let site = Site::new(Knobs {
        lifetime: Duration::from_secs(6),
        broken_dns_after: Some(1),
        ..Knobs::default()
    });
    let wharf = site.serve("tls-alpn-01");
    let first = site.in_force(&wharf, 0);
    let told = acme_event(&wharf, "failed");
    let text = told["text"].as_str().expect("a text");
    assert!(
        text.contains(NAME) && text.contains("no such domain"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "{text:?}");
    assert!(text.contains("hint: "), "{text}");
    let wait = told["retry_in_s"].as_u64().expect("a time");
    assert!((60..=90).contains(&wait), "{told}");
    assert!(wharf.log().contains("no such domain"), "{}", wharf.log());
    assert_eq!(shown(&mut wharf.connect_tls(&named())), first.der);
    assert_eq!(site.ca.seen().issued.len(), 1);
}
