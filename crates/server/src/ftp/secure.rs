//! TLS in the dialogue: its beginning, its end, and who the client says it is.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wharf_causes::id;
use wharf_ftp::reply::Reply;
use wharf_ftp::server::{Outcome, Transfer};
use wharf_net::data::{DataConnection, DataRole, DataTls};
use wharf_net::tls::client::ClientCertificates;
use wharf_net::tls::handshake::HandshakeError;

use super::control::{Connection, End};
use crate::config::{CloseNotify, Reuse};
use crate::event::What;
use crate::failure::{Failure, Kind, tls_cause};
use crate::registry::Certified;
use crate::tls::TlsPolicy;

/// What a protected transfer does before its first byte.
pub(super) struct Securing {
    tls: DataTls,
    reuse: Reuse,
    /// The client's address.
    peer: IpAddr,
    limit: Duration,
}

/// How the TLS of a data connection came out where there is no failure to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Yes,
    /// Not to its control connection; the policy lets it pass.
    No,
}

impl Connection {
    /// A ClientHello where a command was awaited.
    pub(super) fn tls_too_soon(&self) -> End {
        let text =
            "TLS began where a command was awaited: this port begins in clear, with AUTH TLS";
        self.tell_tls_failed(Some(id::F_2), text);
        End::TlsTooSoon
    }

    /// AUTH: the reply in clear, then the handshake.
    pub(super) async fn start_tls(&mut self, reply: Reply) -> Result<(), End> {
        if self.has_more() {
            // Sent before the keys existed, it could be anybody's (security P9).
            let text = "Commands in clear came behind AUTH, where TLS was to begin";
            self.tell_tls_failed(Some(id::F_6), text);
            return Err(End::Injected);
        }
        self.send(&reply).await?;
        self.protect().await?;
        self.dialogue.protected();
        Ok(())
    }

    /// CCC: the reply under TLS, then its end.
    pub(super) async fn stop_tls(&mut self, reply: Reply) -> Result<(), End> {
        if self.has_more() {
            return Err(End::Injected);
        }
        self.send(&reply).await?;
        let limit = self.config().timeouts.handshake;
        let handle = self.guard.handle.clone();
        let ended = tokio::select! {
            biased;
            ended = self.stream.unprotect(limit) => ended,
            () = handle.ordered() => return Err(End::TlsFailed),
        };
        self.presented = None;
        if let Err(error) = ended {
            tracing::debug!(%error, "CCC");
            return Err(End::TlsFailed);
        }
        self.dialogue.unprotected();
        Ok(())
    }

    /// The handshake of the control connection, within its own time and the login's.
    pub(super) async fn protect(&mut self) -> Result<(), End> {
        let Some(tls) = self.current.tls.clone() else {
            return Err(End::TlsFailed);
        };
        let left = self
            .login_deadline
            .saturating_duration_since(Instant::now());
        let limit = self.config().timeouts.handshake.min(left);
        let host = self.host.as_deref();
        let handle = self.guard.handle.clone();
        let protected = tokio::select! {
            biased;
            protected = self.stream.protect(&tls.server, host, limit) => protected,
            // Without words: in clear they would be taken for the other side's TLS.
            () = handle.ordered() => return Err(End::TlsFailed),
        };
        if let Err(error) = protected {
            self.tell_tls_failed(tls_cause(&error), &error.to_string());
            let in_clear = matches!(error, HandshakeError::NotTls | HandshakeError::Silent(_));
            if in_clear && self.listener.is_implicit() {
                // The one failure in which words can be read at the other end.
                let text = "421 This port begins with TLS: use ftps:// (implicit TLS) [F-2]\r\n";
                let _ = self.send_bytes(text.as_bytes()).await;
            }
            return Err(End::TlsFailed);
        }
        self.presented = self.stream.peer_certificate();
        Ok(())
    }

    /// The client's certificate, as it is believed at this moment.
    pub(super) fn certified(&self) -> Option<Arc<Certified>> {
        // Whom to believe is not kept from the connection's beginning: lists of revocations change.
        let certificate = self.presented.clone()?;
        let tls = self.shared.current().tls?;
        Certified::new(certificate, tls.server.trust()).map(Arc::new)
    }

    /// Whether a client without a certificate that somebody knows may do nothing here.
    pub(super) fn requires_certificate(&self) -> bool {
        let tls = self.current.tls.as_deref();
        tls.is_some_and(|tls| tls.clients == ClientCertificates::Require)
    }

    /// HOST: a name that one of our certificates has.
    pub(super) fn select_site(&mut self, name: &str) -> Result<Outcome, Failure> {
        let tls = self.current.tls.as_deref();
        let known = tls.is_some_and(|tls| tls.server.certificates().find(name).is_some());
        let own = name.parse() == Ok(self.local);
        if known || own {
            self.host = Some(name.into());
            return Ok(Outcome::Done);
        }
        Err(Failure::new(
            Kind::Unsupported,
            id::F_10,
            "No site of that name is served here",
        ))
    }

    /// SSCN: ON is for accounts that may transfer from server to server.
    pub(super) fn secure_client(&self, on: bool) -> Result<Outcome, Failure> {
        if on {
            self.must_be_fxp()?;
        }
        Ok(Outcome::Done)
    }

    /// Whether this session's data may go to and come from other addresses than its own.
    pub(super) fn is_fxp(&self) -> bool {
        let account = self.guard.handle.account();
        account.is_some_and(|account| account.fxp && !account.is_anonymous())
    }

    pub(super) fn must_be_fxp(&self) -> Result<(), Failure> {
        if self.is_fxp() {
            return Ok(());
        }
        Err(Failure::new(
            Kind::Forbidden,
            id::D_9,
            "This account may not transfer from server to server",
        ))
    }

    /// What holds for the TLS of a transfer; `None` in clear.
    fn tls_policy(&self, transfer: &Transfer) -> Option<TlsPolicy> {
        let tls = self.current.tls.as_deref().filter(|_| transfer.protected)?;
        Some(tls.policy(self.listener.protocol, self.guard.handle.peer.ip()))
    }

    /// Whether TLS itself will prove the end of an upload.
    pub(super) fn proves_end(&self, transfer: &Transfer) -> bool {
        let policy = self.tls_policy(transfer);
        policy.is_some_and(|policy| policy.close_notify == CloseNotify::Required)
    }

    /// What a transfer needs for its TLS; `None` in clear, and only where it may be in clear.
    pub(super) fn securing(&self, transfer: &Transfer) -> Result<Option<Securing>, Failure> {
        if !transfer.protected {
            return Ok(None);
        }
        let securing = self.securing_protected(transfer);
        let missing = || Failure::internal("There is no TLS to protect the transfer with");
        securing.map(Some).ok_or_else(missing)
    }

    fn securing_protected(&self, transfer: &Transfer) -> Option<Securing> {
        let policy = self.tls_policy(transfer)?;
        let role = DataRole {
            tls_client: transfer.tls_client,
            sends: !transfer.kind.is_upload(),
            must_close: policy.close_notify == CloseNotify::Required,
        };
        Some(Securing {
            tls: self.stream.data_tls(role)?,
            // As its client we are the one who could resume, and have nothing to resume.
            reuse: if transfer.tls_client {
                Reuse::Off
            } else {
                policy.reuse
            },
            peer: self.guard.handle.peer.ip(),
            limit: self.config().timeouts.handshake,
        })
    }

    pub(super) fn tell_not_resumed(&self, policy: Reuse) {
        let times = self.shared.count_not_resumed();
        self.tell(What::DataNotResumed {
            policy: policy.name(),
            times,
        });
    }

    pub(super) fn tell_tls_failed(&self, cause: Option<wharf_causes::Id>, text: &str) {
        self.tell(What::TlsFailed {
            cause: cause.map_or("-", |cause| cause.as_str()),
            text: text.into(),
        });
    }
}

impl Securing {
    pub(super) const fn reuse(&self) -> Reuse {
        self.reuse
    }

    /// The handshake of a data connection, and whether it may go on.
    pub(super) async fn secure(
        &self,
        mut connection: DataConnection,
    ) -> Result<(DataConnection, Bound), Failure> {
        let protected = connection.protect(&self.tls, self.limit).await;
        let protected = protected.map_err(|error| no_data_tls(&error))?;
        // The other server of an FXP transfer has no session with us that it could resume. Only an
        // account that may do that gets a connection of another address as far as this.
        if connection.peer().ip() != self.peer {
            return Ok((connection, Bound::Yes));
        }
        match (protected.resumed, self.reuse) {
            (true, _) | (false, Reuse::Off) => Ok((connection, Bound::Yes)),
            (false, Reuse::Prefer) => Ok((connection, Bound::No)),
            (false, Reuse::Require) => {
                connection.refuse();
                Err(Failure::new(
                    Kind::DataNotResumed,
                    id::D_13,
                    "The data connection must resume the TLS session of the control connection \
                     (session reuse required)",
                ))
            }
        }
    }
}

fn no_data_tls(error: &HandshakeError) -> Failure {
    let cause = match error {
        // Here it is the client's turn: what it said was lost, or it waits for something else.
        HandshakeError::Silent(_) => Some(id::F_17),
        other => tls_cause(other).or(Some(id::T_2)),
    };
    Failure {
        kind: Kind::DataTls,
        cause,
        text: format!("TLS on the data connection failed: {error}").into(),
    }
}
