//! Keys: those of users and their certificates, and the server's own.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wharf_accounts::{Account, Accounts, Denial, LoginError};
use wharf_causes::id;
use wharf_ssh::certificate::{Certificate, CertificateRefused, Demands, Verified};
use wharf_ssh::encoding::{Reader, Writer as _};
use wharf_ssh::key::PublicKey;
use wharf_ssh::message::{auth, channel};

use super::connection::Connection;
use super::end::End;
use super::login::{Shown, Step, earliest};
use super::setup::Files;
use crate::registry::SshCredential;

/// A key a client has offered.
enum Offered {
    Key(PublicKey),
    Certificate(Box<Certificate>),
}

/// What a key or certificate would open, once it is proved that the client has it.
struct Opens {
    account: Account,
    until: Option<SystemTime>,
    /// Of a certificate: one of these must be among its principals.
    principals: Vec<String>,
    /// The authority of the account's own that vouched.
    authority: Option<Box<[u8]>>,
}

/// Who looks keys up, for one name from one address.
struct Prover<'a> {
    accounts: &'a Accounts,
    files: &'a Files,
    name: &'a [u8],
    peer: IpAddr,
}

impl Offered {
    /// What is no key that is taken, or not under this name, is nobody's.
    fn read(algorithm: &[u8], key: &[u8]) -> Option<Self> {
        if Certificate::is_named_by(algorithm) {
            let certificate = Certificate::decode(key).ok()?;
            return Some(Self::Certificate(Box::new(certificate)));
        }
        let key = PublicKey::decode(key).ok()?;
        let fits = |name: &&str| name.as_bytes() == algorithm;
        let known = key.signature_algorithms().iter().any(fits);
        known.then_some(Self::Key(key))
    }
}

impl Prover<'_> {
    async fn opens(&self, offered: &Offered) -> Result<Opens, LoginError> {
        match offered {
            Offered::Key(key) => self.key_opens(key).await,
            Offered::Certificate(certificate) => self.certificate_opens(certificate).await,
        }
    }

    async fn key_opens(&self, key: &PublicKey) -> Result<Opens, LoginError> {
        let mut name = self.name;
        if self.files.is_revoked(key) {
            tracing::info!(fingerprint = key.fingerprint(), "a revoked key was offered");
            // Refused as one that nobody knows.
            name = b"";
        }
        let login = self
            .accounts
            .authenticate_by_key(name, key.wire(), self.peer);
        let login = login.await?;
        Ok(Opens {
            account: login.account,
            until: login.until,
            principals: Vec::new(),
            authority: None,
        })
    }

    /// A certificate of an authority in the settings opens the account whose name is among its
    /// principals; one of the account's own file opens that account.
    async fn certificate_opens(&self, certificate: &Certificate) -> Result<Opens, LoginError> {
        let authority = certificate.authority();
        let wire = authority.wire();
        let mut opens = if self.files.authorities.contains(authority) {
            let proven = self.accounts.authenticate_proven(self.name, self.peer);
            let account = proven.await?;
            Opens {
                principals: vec![account.name.as_str().to_owned()],
                account,
                until: None,
                authority: None,
            }
        } else {
            let found = self
                .accounts
                .certificate_authority_for(self.name, wire, self.peer);
            let found = found.await?;
            Opens {
                account: found.account,
                until: found.until,
                principals: found.principals,
                authority: Some(wire.into()),
            }
        };
        if let Err(why) = self.judge(certificate, &opens, |_| ()) {
            tracing::info!(account = %opens.account.name, %why, "a user certificate is refused");
            // As late, and in the same words, as for a key that nobody knows.
            let refused = self.accounts.authenticate_by_key(b"", wire, self.peer);
            refused.await?;
            return Err(LoginError::Denied(Denial::Key));
        }
        opens.until = earliest(opens.until, ends(certificate.valid_before()));
        Ok(opens)
    }

    /// Judges a certificate for what it would open, and gives it to `then` if it holds.
    fn judge<T>(
        &self,
        certificate: &Certificate,
        opens: &Opens,
        then: impl FnOnce(Verified<'_>) -> T,
    ) -> Result<T, CertificateRefused> {
        let principals: Vec<&[u8]> = opens.principals.iter().map(String::as_bytes).collect();
        let authorities = [certificate.authority().clone()];
        let revoked: Vec<_> = self.files.revoked.iter().collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let judged = certificate.verify(&Demands {
            now: now.map_or(0, |since| since.as_secs()),
            principals: &principals,
            peer: self.peer,
            authorities: &authorities,
            revoked: &revoked,
        })?;
        Ok(then(judged))
    }

    /// Whether the client has proved that it has the key.
    fn proves(
        &self,
        offered: &Offered,
        opens: &Opens,
        algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        match offered {
            Offered::Key(key) => key.verify(algorithm, message, signature).is_ok(),
            Offered::Certificate(certificate) => {
                let signed = |judged: Verified<'_>| judged.verify(algorithm, message, signature);
                matches!(self.judge(certificate, opens, signed), Ok(Ok(())))
            }
        }
    }
}

impl Connection {
    fn prover(&self) -> Prover<'_> {
        Prover {
            accounts: &self.shared.accounts,
            files: &self.files,
            name: &self.login.user,
            peer: self.guard.handle.peer.ip(),
        }
    }

    /// Whether a signature by this key would be of use (RFC 4252 §7). It grants nothing
    /// (security A7).
    pub(super) async fn query_key(&mut self, algorithm: &[u8], key: &[u8]) -> Result<(), End> {
        let Some(offered) = Offered::read(algorithm, key) else {
            return self.refuse(id::G_9).await;
        };
        let opens = self.prover().opens(&offered).await;
        match opens {
            Ok(_) => self.say(&auth::key_would_do(algorithm, key)),
            Err(error) => match self.step_of(Err(error))? {
                Step::Wrong(cause) => self.refuse(cause).await,
                Step::Right(..) => Ok(()),
            },
        }
    }

    /// A key and the proof that the client has it. Who it is comes of the verified signature.
    pub(super) async fn check_key(
        &mut self,
        algorithm: &[u8],
        key: &[u8],
        signature: &auth::Signature<'_>,
    ) -> Result<Step, End> {
        let Some(offered) = Offered::read(algorithm, key) else {
            return Ok(Step::Wrong(id::G_9));
        };
        let opens = self.prover().opens(&offered).await;
        let opens = match opens {
            Ok(opens) => opens,
            Err(error) => return self.step_of(Err(error)),
        };
        let session = self.transport.session().unwrap_or_default();
        let message = signature.message(session);
        let prover = self.prover();
        if !prover.proves(&offered, &opens, algorithm, &message, signature.blob) {
            return Ok(Step::Wrong(id::G_9));
        }
        let mut credential = SshCredential::default();
        match &offered {
            Offered::Key(key) => credential.keys.push(key.wire().into()),
            Offered::Certificate(certificate) => {
                credential.certificate = Some(certificate.wire().into());
                credential.authority = opens.authority;
            }
        }
        let shown = Shown {
            credential,
            until: opens.until,
        };
        Ok(Step::Right(Box::new(opens.account), shown))
    }

    /// Tells the client which host keys there are, so that it learns new ones before old ones go
    /// (OpenSSH's PROTOCOL §2.5).
    pub(super) fn announce_host_keys(&mut self) -> Result<(), End> {
        let mut data = Vec::new();
        for key in &self.files.transport.host_keys {
            data.put_string(key.public().wire());
        }
        let request = channel::global_request(b"hostkeys-00@openssh.com", false, &data);
        self.say(&request)
    }

    /// The proof that the server has them, for a client that asks.
    pub(super) fn prove_host_keys(&self, data: &[u8]) -> Option<Vec<u8>> {
        let session = self.transport.session()?;
        let mut reader = Reader::new(data);
        let mut answer = Vec::new();
        let mut proved = 0;
        while !reader.is_empty() {
            let wanted = reader.string(PublicKey::MAX_WIRE).ok()?;
            proved += 1;
            // Each once is enough, and each costs a signature.
            if proved > self.files.transport.host_keys.len() {
                return None;
            }
            let mut keys = self.files.transport.host_keys.iter();
            let key = keys.find(|key| key.public().wire() == wanted)?;
            let mut message = Vec::new();
            message.put_string(b"hostkeys-prove-00@openssh.com");
            message.put_string(session);
            message.put_string(wanted);
            // RSA signs by SHA-2, as it does in the key exchange.
            let algorithm = key.algorithms().first()?;
            answer.put_string(&key.sign(algorithm, &message).ok()?);
        }
        Some(answer)
    }
}

/// A certificate's end; `None` for one that has none.
fn ends(valid_before: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(valid_before))
}
