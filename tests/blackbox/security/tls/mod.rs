//! TLS: rows P6 to P17, R2 and M11, each refusal with the id of its cause.

mod certificates;
mod clients;
mod greedy;
mod handshakes;
mod hello;
mod memory;
mod reuse;
mod slow;
mod stolen;
mod truncation;
mod upgrade;
mod uploads;

use serde_json::Value;
use wharf_tests::Wharf;

/// The event of a handshake that failed for this cause.
#[track_caller]
fn failed(wharf: &Wharf, cause: &str) -> Value {
    wharf.wait_event("tls_failed", |event| event["cause"] == cause)
}

/// The events of this name so far.
fn told(wharf: &Wharf, name: &str) -> Vec<Value> {
    let mut events = wharf.events();
    events.retain(|event| event["event"] == name);
    events
}

/// Nothing a server says when all is well: no panic in its log.
#[track_caller]
fn unhurt(wharf: &mut Wharf) {
    assert!(wharf.alive(), "the server is gone");
    let log = wharf.log();
    assert!(!log.contains("panicked"), "a panic:\n{log}");
    wharf.session().expect("NOOP", 200);
}
