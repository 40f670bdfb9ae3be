//! Proving that a name leads here: what is answered to the CA, and to everybody else.

mod http;
mod tls_alpn;

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use instant_acme::ChallengeType;
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};
use wharf_net::listener::Listener;

use crate::error::AcmeError;

/// How the CA is shown that a name leads here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// A file fetched over HTTP from port 80 (RFC 8555 8.3).
    Http01,
    /// A certificate shown in a TLS handshake on port 443 (RFC 8737).
    TlsAlpn01,
}

impl Challenge {
    /// The port of the name that the CA connects to; no CA can be told another one.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Http01 => 80,
            Self::TlsAlpn01 => 443,
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Http01 => Self::TlsAlpn01,
            Self::TlsAlpn01 => Self::Http01,
        }
    }

    pub(crate) const fn kind(self) -> ChallengeType {
        match self {
            Self::Http01 => ChallengeType::Http01,
            Self::TlsAlpn01 => ChallengeType::TlsAlpn01,
        }
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        })
    }
}

impl FromStr for Challenge {
    type Err = UnknownChallenge;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "http-01" => Ok(Self::Http01),
            "tls-alpn-01" => Ok(Self::TlsAlpn01),
            _ => Err(UnknownChallenge),
        }
    }
}

/// Not the name of a challenge that is offered here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a challenge is `http-01` or `tls-alpn-01`")]
pub struct UnknownChallenge;

/// What shows that a name leads here (RFC 8555 8.1).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proof<'a> {
    pub(crate) name: &'a str,
    /// What the CA asks with, chosen by it.
    pub(crate) token: &'a str,
    /// The key authorization: the token and the thumbprint of the account's key.
    pub(crate) authorization: &'a str,
    /// Its SHA-256.
    pub(crate) digest: &'a [u8],
}

/// Answers the CA's questions for as long as it lives.
#[derive(Debug)]
pub(crate) struct Responder {
    answers: Answers,
    address: SocketAddr,
    task: JoinHandle<()>,
}

#[derive(Debug, Clone)]
enum Answers {
    Http(Arc<http::Answers>),
    TlsAlpn(Arc<tls_alpn::Answers>),
}

impl Responder {
    /// Listens from now on and knows no answer yet. Must be called inside a tokio runtime.
    pub(crate) fn bind(challenge: Challenge, address: SocketAddr) -> Result<Self, AcmeError> {
        let answers = match challenge {
            Challenge::Http01 => Answers::Http(Arc::default()),
            Challenge::TlsAlpn01 => Answers::TlsAlpn(Arc::new(tls_alpn::Answers::new()?)),
        };
        let listener = Listener::bind(address).map_err(|source| AcmeError::Listen {
            address,
            challenge,
            source,
        })?;
        Ok(Self {
            answers: answers.clone(),
            address: listener.local_addr(),
            task: tokio::spawn(answer_all(listener, answers)),
        })
    }

    /// Where it listens: the port too, if any free one was wanted.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the question that the proof belongs to is answered.
    pub(crate) fn publish(&self, proof: &Proof<'_>) -> Result<(), AcmeError> {
        match &self.answers {
            Answers::Http(answers) => answers.publish(proof),
            Answers::TlsAlpn(answers) => answers.publish(proof),
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connections attended to at a time; a CA makes a handful for each name.
const MAX_CONNECTIONS: usize = 64;
/// From the first byte to the last: what is asked fits one packet, and who holds the port keeps
/// the CA away from it.
const DEADLINE: Duration = Duration::from_secs(3);

async fn answer_all(listener: Listener, answers: Answers) {
    // Ends with this task, and its connections with it.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= MAX_CONNECTIONS {
            // What comes now waits in the kernel, for the deadline at most.
            connections.join_next().await;
        }
        let (stream, peer) = listener.accept().await;
        let answers = answers.clone();
        connections.spawn(async move {
            let outcome = tokio::time::timeout(DEADLINE, answer(stream, &answers)).await;
            tracing::debug!(%peer, ?outcome, "a question on the challenge's port");
        });
    }
}

async fn answer(stream: TcpStream, answers: &Answers) -> std::io::Result<Asked> {
    match answers {
        Answers::Http(answers) => http::answer(stream, answers).await,
        Answers::TlsAlpn(answers) => answers.answer(stream).await,
    }
}

/// How a question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Answered,
    /// Not one of ours.
    Refused,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_as_they_are_written() {
        for challenge in [Challenge::Http01, Challenge::TlsAlpn01] {
            assert_eq!(challenge.to_string().parse(), Ok(challenge));
            assert_eq!(challenge.other().other(), challenge);
        }
        assert_eq!("dns-01".parse::<Challenge>(), Err(UnknownChallenge));
    }

    #[tokio::test]
    async fn a_taken_port_is_named_with_its_cure() {
        let responder = Responder::bind(Challenge::Http01, ([127, 0, 0, 1], 0).into()).unwrap();
        let error = Responder::bind(Challenge::Http01, responder.address()).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&format!("`{}`", responder.address())),
            "{text}"
        );
        assert!(text.contains("hint: another program has port"), "{text}");
    }

    #[tokio::test]
    async fn the_port_is_free_when_the_responder_is_gone() {
        let responder = Responder::bind(Challenge::TlsAlpn01, ([127, 0, 0, 1], 0).into()).unwrap();
        let address = responder.address();
        drop(responder);
        // The task ends at its next turn.
        tokio::task::yield_now().await;
        assert!(TcpStream::connect(address).await.is_err());
    }
}
