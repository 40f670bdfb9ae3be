//! Exact limits on sessions: in all, per address and per account.
//!
//! A permit is taken under one lock, so a cap can never be passed between a look and a leap
//! (security R14, R21), and gives back what it holds when it is dropped. The tables hold only
//! what live permits hold: their size is bounded by the number of sessions.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::sync::locked;

/// How many sessions may be open at a time; 0 admits nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sessions in all.
    pub total: u32,
    /// Sessions of one IPv4 address or one IPv6 /64, the smallest block a subscriber is given.
    pub per_address: u32,
}

/// The limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Sessions in all.
    Total,
    /// Sessions of one address or /64.
    PerAddress,
    /// Sessions of one account.
    PerAccount,
}

impl Limit {
    /// The name used in refusals, logs and counters: that of the setting.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Total => "sessions",
            Self::PerAddress => "sessions_per_address",
            Self::PerAccount => "sessions_per_account",
        }
    }

    /// How long a refused client is told to wait. The whole server frees a place soon; one
    /// address or account frees one only when its own sessions end.
    const fn retry_after(self) -> Duration {
        match self {
            Self::Total => Duration::from_secs(10),
            Self::PerAddress | Self::PerAccount => Duration::from_secs(30),
        }
    }
}

/// Why a session was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the limit `{}` of {allowed} is reached", limit.name())]
pub struct Refused {
    /// The limit that was reached.
    pub limit: Limit,
    /// How many it allows.
    pub allowed: u32,
    /// How long the client should wait before it tries again.
    pub retry_after: Duration,
}

/// The counter all sessions of a server pass. Clones count together.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Mutex<Counts>>);

#[derive(Debug)]
struct Counts {
    limits: Limits,
    total: u32,
    addresses: HashMap<AddressKey, u32>,
    accounts: HashMap<Box<str>, u32>,
}

/// What counts as one address: all of an IPv4 address, the upper 64 bits of an IPv6 one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct AddressKey(IpAddr);

impl Gate {
    /// A gate nobody has passed yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(Counts {
            limits,
            total: 0,
            addresses: HashMap::new(),
            accounts: HashMap::new(),
        })))
    }

    /// Replaces the limits. Sessions beyond a lower limit stay; new ones are refused until
    /// enough of them have ended.
    pub fn set_limits(&self, limits: Limits) {
        locked(&self.0).limits = limits;
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> Limits {
        locked(&self.0).limits
    }

    /// Permits held now.
    #[must_use]
    pub fn sessions(&self) -> u32 {
        locked(&self.0).total
    }

    /// Admits one session of `peer`.
    ///
    /// # Errors
    /// [`Refused`] when the total, or else the share of the address, is used up.
    pub fn admit(&self, peer: IpAddr) -> Result<Permit, Refused> {
        let key = AddressKey::new(peer);
        let mut counts = locked(&self.0);
        let Limits { total, per_address } = counts.limits;
        if counts.total >= total {
            return Err(refused(Limit::Total, total));
        }
        take(&mut counts.addresses, key, per_address)
            .map_err(|()| refused(Limit::PerAddress, per_address))?;
        counts.total += 1;
        drop(counts);
        Ok(Permit {
            gate: self.clone(),
            address: key,
            account: None,
        })
    }
}

/// The right to one session, given back when dropped.
#[must_use = "a dropped permit is given back"]
pub struct Permit {
    gate: Gate,
    address: AddressKey,
    account: Option<Box<str>>,
}

impl Permit {
    /// Takes one of the `allowed` sessions of `account` as well. A share of another account
    /// that this permit held is given back first; where the same account is already held,
    /// nothing changes.
    ///
    /// # Errors
    /// [`Refused`] when the account's share is used up; the permit then holds no account.
    pub fn admit_account(&mut self, account: &str, allowed: u32) -> Result<(), Refused> {
        if self.account.as_deref() == Some(account) {
            return Ok(());
        }
        self.leave_account();
        let mut counts = locked(&self.gate.0);
        take(&mut counts.accounts, account.into(), allowed)
            .map_err(|()| refused(Limit::PerAccount, allowed))?;
        drop(counts);
        self.account = Some(account.into());
        Ok(())
    }

    /// Gives back the account's share (`REIN`, or a login that failed after it was counted).
    pub fn leave_account(&mut self) {
        if let Some(account) = self.account.take() {
            give_back(&mut locked(&self.gate.0).accounts, &account);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.leave_account();
        let mut counts = locked(&self.gate.0);
        counts.total -= 1;
        give_back(&mut counts.addresses, &self.address);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Permit")
            .field("address", &self.address.0)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl AddressKey {
    fn new(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => {
                let prefix = u128::from(v6) & !u128::from(u64::MAX);
                Self(IpAddr::V6(Ipv6Addr::from(prefix)))
            }
            v4 @ IpAddr::V4(_) => Self(v4),
        }
    }
}

fn refused(limit: Limit, allowed: u32) -> Refused {
    Refused {
        limit,
        allowed,
        retry_after: limit.retry_after(),
    }
}

fn take<K: Hash + Eq>(counts: &mut HashMap<K, u32>, key: K, allowed: u32) -> Result<(), ()> {
    if allowed == 0 {
        return Err(());
    }
    let count = counts.entry(key).or_insert(0);
    if *count >= allowed {
        return Err(());
    }
    *count += 1;
    Ok(())
}

/// Below this many places a table is never shrunk.
const SMALL_TABLE: usize = 1024;

fn give_back<K, Q>(counts: &mut HashMap<K, u32>, key: &Q)
where
    K: Hash + Eq + std::borrow::Borrow<Q>,
    Q: Hash + Eq + ?Sized,
{
    let Some(count) = counts.get_mut(key) else {
        return;
    };
    *count -= 1;
    if *count == 0 {
        counts.remove(key);
        if counts.capacity() > SMALL_TABLE && counts.len() < counts.capacity() / 8 {
            counts.shrink_to(counts.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
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
                        let permits: Vec<_> =
                            (0..10).map_while(|_| gate.admit(peer).ok()).collect();
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
}
