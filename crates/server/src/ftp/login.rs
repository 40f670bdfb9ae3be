//! USER, PASS and REIN.

use std::time::Duration;

use secrecy::SecretSlice;
use wharf_accounts::{Account, CertificateUse, Denial, LoginError, PasswordUse};
use wharf_causes::{Id, id};
use wharf_ftp::server::Outcome;
use wharf_vfs::VPath;

use super::codes::reported;
use super::control::Connection;
use crate::config::{Plaintext, Requirement};
use crate::entrance::Entrance;
use crate::event::What;
use crate::failure::{Failure, Kind};
use crate::registry::Credential;

/// How long a refused login waits for its answer, whatever was wrong with it (security A1). A
/// random part is added so that small differences of the check itself drown in it.
const REFUSAL_DELAY: Duration = Duration::from_millis(250);
const REFUSAL_JITTER_MILLISECONDS: u8 = 50;
/// Names that a client with a certificate may send before a login.
const NAMES_TRIED: u32 = 30;

impl Connection {
    /// USER. Every name is asked for its password, known or not; `anonymous` is let in at once.
    pub(super) async fn identify(&mut self, name: &[u8]) -> Outcome {
        self.names_tried += u32::from(self.presented.is_some());
        if self.names_tried > NAMES_TRIED {
            // Each costs a look at the client's whole chain.
            let failure = Failure::new(Kind::ServiceClosing, id::B_1, "Too many names were tried");
            return self.refuse_login(name, failure).await;
        }
        let protected = self.stream.is_protected();
        let tls_wanted = self.listener.tls == Requirement::Required || self.requires_certificate();
        if !protected && tls_wanted {
            let text = "This server wants TLS before the login: begin with AUTH TLS (explicit TLS)";
            let failure = Failure::new(Kind::PlaintextPassword, id::B_3, text);
            return self.refuse_login(name, failure).await;
        }
        let anonymous = [b"anonymous".as_slice(), b"ftp"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
        if anonymous {
            return match self.config().anonymous.clone() {
                Some(_) if self.must_be_known() => {
                    let text = "A client certificate that this server trusts is required";
                    let failure = Failure::new(Kind::LoginFailed, id::F_15, text);
                    self.refuse_login(name, failure).await
                }
                Some(anonymous) => {
                    let seen = self.shared.revision();
                    let account = Account::anonymous(anonymous.home);
                    self.admit(account, Credential::Nothing, seen).await
                }
                None => {
                    let text = "Anonymous access is off; log in with an account";
                    let failure = Failure::new(Kind::LoginFailed, id::B_8, text);
                    self.refuse_login(name, failure).await
                }
            };
        }
        if let Some(outcome) = self.identify_by_certificate(name).await {
            return outcome;
        }
        if protected || self.may_send_password() {
            Outcome::AskPassword
        } else {
            let text = "A password may not be sent in clear: begin with AUTH TLS (explicit TLS)";
            let failure = Failure::new(Kind::PlaintextPassword, id::B_3, text);
            self.refuse_login(name, failure).await
        }
    }

    fn may_send_password(&self) -> bool {
        match self.listener.plaintext {
            Plaintext::Allow => true,
            Plaintext::Loopback => {
                self.guard.handle.peer.ip().is_loopback() && self.local.is_loopback()
            }
            Plaintext::Deny => false,
        }
    }

    /// PASS.
    pub(super) async fn authenticate(
        &mut self,
        name: &[u8],
        password: &SecretSlice<u8>,
    ) -> Outcome {
        let (seen, asked) = (self.shared.revision(), std::time::Instant::now());
        let peer = self.guard.handle.peer.ip();
        let accounts = &self.shared.accounts;
        let told = accounts.authenticate(name, password, PasswordUse::WithCode, peer);
        match told.await {
            Ok(account) => match self.second_factor(&account).await {
                Ok(credential) => self.admit(account, credential, seen).await,
                Err(cause) => {
                    // As late as for a wrong password: the right one is half of what is needed.
                    self.shared.accounts.refusal(asked).await;
                    self.refuse_credentials(name, cause).await
                }
            },
            Err(LoginError::Denied(denial)) => {
                let cause = match denial {
                    Denial::BadCredentials => id::B_1,
                    Denial::Disabled | Denial::Expired => id::B_12,
                    Denial::Network => id::B_6,
                    Denial::Key => id::G_9,
                    Denial::Code | Denial::Method => id::B_19,
                };
                self.refuse_credentials(name, cause).await
            }
            Err(LoginError::Busy) => {
                self.tell_login_failed(name, id::E_3.as_str());
                let text = "Too many logins at once, try again in 5 s";
                let failure = Failure::new(Kind::ServiceClosing, id::E_3, text);
                Outcome::Failed(reported(&failure))
            }
            Err(LoginError::Backend(error)) => {
                tracing::error!(%error, "accounts cannot be read");
                let text = "The accounts cannot be read, try again later";
                let failure = Failure::new(Kind::ServiceClosing, id::B_14, text);
                Outcome::Failed(reported(&failure))
            }
        }
    }

    /// One text and one id for all: which it was is for the log only (security A2).
    async fn refuse_credentials(&mut self, name: &[u8], cause: Id) -> Outcome {
        self.tell_login_failed(name, cause.as_str());
        let failure = Failure::new(Kind::LoginFailed, id::B_1, "User name or password is wrong");
        self.count_refusal(failure).await
    }

    /// USER where the client has shown a certificate: in at once, if it is this account's and the
    /// account may log in by it.
    async fn identify_by_certificate(&mut self, name: &[u8]) -> Option<Outcome> {
        let certified = self.certified()?;
        let seen = self.shared.revision();
        let fingerprint = certified.fingerprint();
        let subject = certified.subject.as_deref();
        let peer = self.guard.handle.peer.ip();
        let accounts = &self.shared.accounts;
        let known = accounts.authenticate_by_certificate(name, &fingerprint, subject, peer);
        let account = match known.await {
            Ok(account) => account,
            Err(LoginError::Backend(error)) => {
                tracing::error!(%error, "accounts cannot be read");
                return None;
            }
            // There is still the password.
            Err(LoginError::Denied(_) | LoginError::Busy) => return None,
        };
        let credential = Credential::Certificate(certified);
        Some(match self.admit(account, credential, seen).await {
            Outcome::LoggedIn => Outcome::LoggedInByCertificate,
            other => other,
        })
    }

    /// After the right password: the certificate, where the account or the server wants one. The
    /// error is the cause for the log.
    async fn second_factor(&self, account: &Account) -> Result<Credential, Id> {
        let factor = account.certificate_use == CertificateUse::Factor;
        if !factor && !self.must_be_known() {
            return Ok(Credential::Password);
        }
        let Some(certified) = self.certified() else {
            return Err(id::F_15);
        };
        let fingerprint = certified.fingerprint();
        let subject = certified.subject.as_deref();
        let accounts = &self.shared.accounts;
        let known = accounts.has_certificate(account.id, &fingerprint, subject);
        match known.await {
            Ok(true) => Ok(Credential::PasswordAndCertificate(certified)),
            Ok(false) => Err(id::F_15),
            Err(error) => {
                tracing::error!(%error, "accounts cannot be read");
                Err(id::B_14)
            }
        }
    }

    /// Whether the server wants a certificate that somebody knows, and no authority that the
    /// settings trust vouches for this one. It need not be the account's own then.
    fn must_be_known(&self) -> bool {
        let vouched = || self.certified().is_some_and(|it| it.subject.is_some());
        self.requires_certificate() && !vouched()
    }

    /// The last steps of a login. `seen` is the revision of the accounts before the check. What
    /// fails here leaves nothing of the account behind.
    async fn admit(&mut self, account: Account, credential: Credential, seen: u64) -> Outcome {
        let name = account.name.clone();
        let method = match (&credential, account.has_totp) {
            (Credential::Nothing, _) => "anonymous",
            (Credential::Password, false) => "password",
            (Credential::Password, true) => "password and code",
            (Credential::PasswordAndCertificate(_), false) => "password and certificate",
            (Credential::PasswordAndCertificate(_), true) => "password, code and certificate",
            (Credential::Certificate(_), _) => "certificate",
            // Logins by SSH end elsewhere.
            (Credential::Ssh(_), _) => "ssh",
        };
        self.guard.handle.set_credential(credential);
        if self.requires_certificate() {
            let vouched = self.certified().filter(|it| it.subject.is_some());
            self.guard.handle.set_vouched(vouched);
        }
        let entering = Entrance {
            shared: &self.shared,
            config: &self.current.config,
            handle: &self.guard.handle,
            permit: &mut self.permit,
            deadline: self.login_deadline,
            steps: 1,
        };
        match entering.enter(account, seen).await {
            Ok(session) => {
                self.names_tried = 0;
                session.logged_in(method, self.stream.tls_version());
                self.session = Some(Box::new(session));
                Outcome::LoggedIn
            }
            Err(failure) => {
                self.guard.handle.set_account(None);
                self.permit.leave_account();
                self.tell_login_failed(name.as_str().as_bytes(), failure.cause_name());
                Outcome::Failed(reported(&failure))
            }
        }
    }

    async fn refuse_login(&mut self, name: &[u8], failure: Failure) -> Outcome {
        self.tell_login_failed(name, failure.cause_name());
        self.count_refusal(failure).await
    }

    /// Delays the refusal, and ends the connection at the limit of attempts.
    async fn count_refusal(&mut self, failure: Failure) -> Outcome {
        self.failed_logins += 1;
        tokio::time::sleep(REFUSAL_DELAY + jitter()).await;
        let mut reported = reported(&failure);
        if self.failed_logins >= self.config().limits.login_attempts {
            reported.close = true;
        }
        Outcome::Failed(reported)
    }

    /// REIN: as if just connected, the time for the login included.
    pub(super) fn reinitialise(&mut self) -> Outcome {
        self.passive = None;
        self.guard.handle.set_account(None);
        self.guard.handle.set_credential(Credential::Nothing);
        self.guard.handle.set_vouched(None);
        self.permit.leave_account();
        self.directory = VPath::root();
        self.host = None;
        self.umask = self.config().umask;
        self.idle = self.config().timeouts.idle;
        if self.session.take().is_some() {
            // Not for one who never logged in: REIN after REIN would last for ever.
            self.restart_login_deadline();
        }
        Outcome::Done
    }

    fn tell_login_failed(&self, name: &[u8], cause: &'static str) {
        self.tell(What::LoginFailed {
            name: name.into(),
            cause,
        });
    }

    pub(super) fn tell(&self, what: What) {
        let handle = &self.guard.handle;
        let account = handle.account().map(|account| account.name.as_str().into());
        self.shared.tell_of(handle.id, handle.peer, account, what);
    }
}

fn jitter() -> Duration {
    let mut byte = [0_u8; 1];
    // Without randomness the delay is merely constant.
    let _ = getrandom::fill(&mut byte);
    Duration::from_millis(u64::from(byte[0] % REFUSAL_JITTER_MILLISECONDS))
}
