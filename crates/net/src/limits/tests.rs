use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::*;

fn gate(total: u32, per_address: u32) -> Gate {
    Gate::new(Limits { total, per_address })
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn r14_the_cap_is_exact_under_64_threads() {
    const CAP: u32 = 100;
    let gate = gate(CAP, u32::MAX);
    let inside = AtomicU32::new(0);
    let highest = AtomicU32::new(0);
    let refusals = AtomicU32::new(0);
    let start = std::sync::Barrier::new(64);
    thread::scope(|scope| {
        for thread in 0..64_u8 {
            let (gate, inside, highest) = (&gate, &inside, &highest);
            let (refusals, start) = (&refusals, &start);
            scope.spawn(move || {
                let peer = IpAddr::from([10, 0, 0, thread]);
                start.wait();
                for _ in 0..200 {
                    // Each thread wants ten at once, all together 640 of 100.
                    let permits: Vec<_> = (0..10).map_while(|_| gate.admit(peer).ok()).collect();
                    let held = u32::try_from(permits.len()).unwrap();
                    let now = inside.fetch_add(held, Ordering::SeqCst) + held;
                    highest.fetch_max(now, Ordering::SeqCst);
                    if held < 10 {
                        refusals.fetch_add(1, Ordering::SeqCst);
                    }
                    thread::yield_now();
                    inside.fetch_sub(held, Ordering::SeqCst);
                    drop(permits);
                }
            });
        }
    });
    assert!(highest.load(Ordering::SeqCst) <= CAP);
    assert!(refusals.load(Ordering::SeqCst) > 0, "the cap was never met");
    assert_eq!(gate.sessions(), 0);
    let all: Vec<_> = (0..CAP)
        .map(|_| gate.admit(address("::1")).unwrap())
        .collect();
    let over = gate.admit(address("::1")).unwrap_err();
    assert_eq!((over.limit, over.allowed), (Limit::Total, CAP));
    drop(all);
}

#[test]
fn r14_ten_thousand_at_once_leave_exactly_the_cap_inside() {
    let gate = gate(1_000, 1_000);
    let permits = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..157 {
                    if let Ok(permit) = gate.admit(address("192.0.2.1")) {
                        permits.lock().unwrap().push(permit);
                    }
                }
            });
        }
    });
    assert_eq!(permits.lock().unwrap().len(), 1_000);
    assert_eq!(gate.sessions(), 1_000);
}

#[test]
fn an_address_is_a_v4_address_or_a_v6_slash_64() {
    let gate = gate(100, 1);
    let plain = gate.admit(address("192.0.2.1")).unwrap();
    let mapped = gate.admit(address("::ffff:192.0.2.1")).unwrap_err();
    assert_eq!(mapped.limit, Limit::PerAddress);
    let _next = gate.admit(address("192.0.2.2")).unwrap();
    let _six = gate.admit(address("2001:db8:0:1::1")).unwrap();
    let neighbour = gate.admit(address("2001:db8:0:1:ffff::9")).unwrap_err();
    assert_eq!(neighbour.limit, Limit::PerAddress);
    let _other = gate.admit(address("2001:db8:0:2::1")).unwrap();
    drop(plain);
    assert!(gate.admit(address("::ffff:192.0.2.1")).is_ok());
}

#[test]
fn an_account_has_its_own_share() {
    let gate = gate(10, 10);
    let mut first = gate.admit(address("192.0.2.1")).unwrap();
    let mut second = gate.admit(address("192.0.2.2")).unwrap();
    first.admit_account("ann", 1).unwrap();
    first.admit_account("ann", 1).unwrap();
    let refused = second.admit_account("ann", 1).unwrap_err();
    assert_eq!((refused.limit, refused.allowed), (Limit::PerAccount, 1));
    assert!(refused.retry_after > Duration::ZERO);
    second.admit_account("bob", 1).unwrap();
    first.leave_account();
    second.admit_account("ann", 1).unwrap();
    first.admit_account("bob", 1).unwrap();
    drop(second);
    first.admit_account("ann", 1).unwrap();
    drop(first);
    assert!(locked(&gate.0).accounts.is_empty());
}

#[test]
fn tables_are_empty_and_small_when_nobody_is_inside() {
    let gate = gate(u32::MAX, 1);
    let permits: Vec<_> = (0..100_000_u32)
        .map(|n| gate.admit(IpAddr::from(n.to_be_bytes())).unwrap())
        .collect();
    drop(permits);
    let counts = locked(&gate.0);
    assert!(counts.addresses.is_empty());
    assert!(counts.addresses.capacity() <= SMALL_TABLE * 2);
}

#[test]
fn new_limits_hold_for_the_next_session() {
    let gate = gate(2, 2);
    let first = gate.admit(address("192.0.2.1")).unwrap();
    let _second = gate.admit(address("192.0.2.1")).unwrap();
    gate.set_limits(Limits {
        total: 1,
        per_address: 1,
    });
    assert!(gate.admit(address("192.0.2.2")).is_err());
    drop(first);
    assert!(
        gate.admit(address("192.0.2.2")).is_err(),
        "one is still inside"
    );
    gate.set_limits(Limits {
        total: 5,
        per_address: 1,
    });
    assert!(gate.admit(address("192.0.2.2")).is_ok());
    gate.set_limits(Limits {
        total: 0,
        per_address: 0,
    });
    assert_eq!(
        gate.admit(address("192.0.2.3")).unwrap_err().limit,
        Limit::Total
    );
}

#[test]
fn limits_have_the_names_of_their_settings() {
    let refused = gate(5, 0).admit(address("::1")).unwrap_err();
    assert_eq!(refused.limit.name(), "sessions_per_address");
    assert_eq!(
        refused.to_string(),
        "the limit `sessions_per_address` of 0 is reached"
    );
}
