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
mod tests;
