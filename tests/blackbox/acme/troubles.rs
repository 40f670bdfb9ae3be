//! A server without an automatic certificate serves all the same, and says why it has none.

use std::net::TcpListener;

use super::*;

#[test]
fn a_port_that_is_taken_is_named_with_its_cure() {
    let site = Site::new(Knobs::default());
    let _taken = TcpListener::bind(("127.0.0.1", site.port())).expect("the port");
    let wharf = site.serve("http-01");
    let told = acme_event(&wharf, "failed");
    let text = told["text"].as_str().expect("a text");
    let address = format!("`127.0.0.1:{}`", site.port());
    assert!(
        text.contains(&address) && text.contains("hint: another program"),
        "{text}"
    );
    assert_eq!(site.ca.seen().accounts, 0);
    serves(&wharf);
}

#[test]
fn a_limit_of_the_ca_is_kept() {
    let site = Site::new(Knobs {
        rate_limited: Some(7200),
        ..Knobs::default()
    });
    let wharf = site.serve("http-01");
    let told = acme_event(&wharf, "failed");
    let wait = told["retry_in_s"].as_u64().expect("a time");
    assert!((7000..=7200).contains(&wait), "{told}");
    assert!(told["text"].to_string().contains("rateLimited"), "{told}");
    serves(&wharf);
}

#[test]
fn a_ca_that_is_down_or_not_trusted_does_not_keep_the_server_from_serving() {
    let site = Site::new(Knobs {
        instead: Some((503, 400)),
        ..Knobs::default()
    });
    let wharf = site.serve("http-01");
    assert!(
        acme_event(&wharf, "failed")["text"]
            .to_string()
            .contains("503")
    );
    serves(&wharf);

    let other = Site::new(Knobs::default());
    let builder = Wharf::with().implicit();
    let settings = site.settings("http-01", &[NAME], &builder);
    // The root of another CA's web server.
    other.settings("http-01", &[NAME], &builder);
    let wharf = builder.settings(&settings).start();
    let told = acme_event(&wharf, "failed");
    assert!(told["text"].to_string().contains("`acme.ca`"), "{told}");
    serves(&wharf);
}

/// By the certificate it made itself.
fn serves(wharf: &Wharf) {
    wharf.write("f", "content");
    let mut session = wharf.session_tls(&named());
    assert_eq!(session.retrieve("RETR f"), b"content");
    assert!(acme_events(wharf, "issued").is_empty());
}
