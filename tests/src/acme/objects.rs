//! What a CA remembers: nonces, accounts, orders, authorizations (RFC 8555 7.1).

use std::collections::HashSet;

use serde_json::{Value, json};

use super::Shared;
use super::issuer::random;
use super::jose::{Key, encode};

#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) nonces: HashSet<String>,
    pub(super) accounts: Vec<Account>,
    pub(super) orders: Vec<Order>,
}

#[derive(Debug)]
pub(super) struct Account {
    pub(super) key: Key,
    pub(super) contact: Vec<String>,
    /// What it has proven, if that need not be repeated.
    pub(super) proven: HashSet<String>,
}

#[derive(Debug)]
pub(super) struct Order {
    pub(super) account: usize,
    /// Sorted.
    pub(super) names: Vec<String>,
    pub(super) authorizations: Vec<Authorization>,
    pub(super) replaces: Option<String>,
    pub(super) outcome: Option<Outcome>,
    /// Looks that still find it `processing`.
    pub(super) processing: usize,
}

#[derive(Debug)]
pub(super) struct Authorization {
    pub(super) name: String,
    pub(super) token: String,
    pub(super) kinds: Vec<&'static str>,
    /// The challenge that was chosen, and how it went.
    pub(super) chosen: Option<(String, Checked)>,
    /// Proven in an earlier order.
    pub(super) known: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Checked {
    Processing,
    Valid,
    Invalid { kind: &'static str, detail: String },
}

/// What became of a finalized order.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Certificate(String),
    Invalid,
}

impl Objects {
    pub(super) fn nonce(&mut self) -> String {
        let nonce = encode(&random());
        self.nonces.insert(nonce.clone());
        nonce
    }

    pub(super) fn account_of(&self, key: &Key) -> Option<usize> {
        self.accounts.iter().position(|account| account.key == *key)
    }
}

impl Order {
    pub(super) fn status(&self) -> &'static str {
        let statuses = || self.authorizations.iter().map(Authorization::status);
        match &self.outcome {
            Some(_) if self.processing > 0 => "processing",
            Some(Outcome::Certificate(_)) => "valid",
            Some(Outcome::Invalid) => "invalid",
            None if statuses().any(|status| status == "invalid") => "invalid",
            None if statuses().all(|status| status == "valid") => "ready",
            None => "pending",
        }
    }

    pub(super) fn json(&self, number: usize, shared: &Shared) -> Value {
        let status = self.status();
        let authorizations: Vec<_> = (0..self.authorizations.len())
            .map(|index| shared.url(&format!("authorization/{number}/{index}")))
            .collect();
        let identifiers: Vec<_> = self
            .names
            .iter()
            .map(|name| json!({"type": "dns", "value": name}))
            .collect();
        let mut order = json!({
            "status": status,
            "expires": FAR,
            "identifiers": identifiers,
            "authorizations": authorizations,
            "finalize": shared.url(&format!("finalize/{number}")),
        });
        if let Some(replaces) = &self.replaces {
            order["replaces"] = json!(replaces);
        }
        match (&self.outcome, status) {
            (Some(Outcome::Certificate(_)), "valid") => {
                order["certificate"] = json!(shared.url(&format!("certificate/{number}")));
            }
            (Some(Outcome::Invalid), "invalid") => {
                let detail = "the certificate cannot be\nsigned today";
                order["error"] = problem("serverInternal", detail, 500);
            }
            _ => {}
        }
        order
    }
}

impl Authorization {
    pub(super) fn status(&self) -> &'static str {
        match &self.chosen {
            _ if self.known => "valid",
            Some((_, Checked::Valid)) => "valid",
            Some((_, Checked::Invalid { .. })) => "invalid",
            Some((_, Checked::Processing)) | None => "pending",
        }
    }

    pub(super) fn json(&self, order: usize, number: usize, shared: &Shared) -> Value {
        let challenges: Vec<_> = self
            .kinds
            .iter()
            // RFC 8555 7.1.4: once it is decided, only what decided is listed.
            .filter(|&&kind| {
                self.chosen
                    .as_ref()
                    .is_none_or(|(chosen, _)| chosen == kind)
            })
            .map(|kind| self.challenge(kind, order, number, shared))
            .collect();
        json!({
            "identifier": {"type": "dns", "value": self.name},
            "status": self.status(),
            "expires": FAR,
            "challenges": challenges,
        })
    }

    pub(super) fn challenge(
        &self,
        kind: &str,
        order: usize,
        number: usize,
        shared: &Shared,
    ) -> Value {
        let checked = match &self.chosen {
            Some((chosen, checked)) if chosen == kind => Some(checked),
            _ => None,
        };
        let mut challenge = json!({
            "type": kind,
            "url": shared.url(&format!("challenge/{order}/{number}/{kind}")),
            "token": self.token,
            "status": match checked {
                _ if self.known => "valid",
                None => "pending",
                Some(Checked::Processing) => "processing",
                Some(Checked::Valid) => "valid",
                Some(Checked::Invalid { .. }) => "invalid",
            },
        });
        if let Some(Checked::Invalid { kind, detail }) = checked {
            challenge["error"] = problem(kind, detail, 400);
        }
        challenge
    }
}

/// RFC 8555 6.7.
pub(super) fn problem(kind: &str, detail: &str, status: u16) -> Value {
    json!({
        "type": format!("urn:ietf:params:acme:error:{kind}"),
        "detail": detail,
        "status": status,
    })
}

/// Nothing here expires while a test runs.
const FAR: &str = "2100-01-01T00:00:00Z";
