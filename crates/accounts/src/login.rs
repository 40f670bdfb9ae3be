//! The login by password, and what every login ends with.

use crate::account::Account;
use crate::error::Error;
use crate::name::AccountName;
use crate::password::{MAX_PASSWORD, StoredPassword, Subject, Verdict};
use crate::store::{Accounts, Record};
use crate::totp;
use secrecy::{ExposeSecret, SecretSlice};
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

/// Why nobody was logged in.
#[derive(Debug)]
pub enum LoginError {
    /// The client is refused. All reasons look the same from outside (security A2).
    Denied(Denial),
    /// Too many logins wait for their check already (security A4): try again later.
    Busy,
    /// The accounts cannot be asked, or the record is damaged: nobody's fault at the client.
    Backend(Error),
}

/// Why a client is refused, for the log and never for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// No such account, an account without a password, or another password.
    BadCredentials,
    /// The right password or key of a disabled account.
    Disabled,
    /// The right password or key of an account whose time is over.
    Expired,
    /// The right password or key from where the account may not come.
    Network,
    /// A key or authority that the account is not known by, or not from there, or no more.
    Key,
    /// The right password, with a wrong or used code or none.
    Code,
    /// The right password of an account for which a password is not enough.
    Method,
}

/// What a password is sent for.
#[derive(Debug, Clone, Copy)]
pub enum PasswordUse<'a> {
    /// It is the whole login, as in FTP: an account with codes sends one behind its password, six
    /// digits directly or a recovery code after a `+`.
    WithCode,
    /// It is one step of a login by SSH, whose front-end follows
    /// [`Account::login_rule`] and asks for the code on its own.
    Alone,
    /// It was asked for together with this code (keyboard-interactive), of everybody, so that the
    /// question does not tell whose password was right. An account without codes takes any.
    Beside(&'a SecretSlice<u8>),
}

impl Accounts {
    /// Checks a name and a password, as they came from the client at this address. The answer for
    /// an unknown name, an account without a password and a wrong password costs the same work
    /// (security A1).
    ///
    /// Where the password is the whole login it has to be enough for the account's own rule: one
    /// that asks for a key as well would be gone round by another protocol (security A14). A
    /// client certificate that is asked for beside the password stands for the key.
    ///
    /// The anonymous login is no account: whoever allows it does not ask here.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn authenticate(
        &self,
        name: &[u8],
        password: &SecretSlice<u8>,
        purpose: PasswordUse<'_>,
        peer: IpAddr,
    ) -> Result<Account, LoginError> {
        let start = Instant::now();
        let told = self.check(name, password, purpose, peer).await;
        if let Err(LoginError::Denied(_)) = told {
            self.refusal(start).await;
        }
        told
    }

    /// Waits until a login that was asked for at `start` would be refused for a wrong password: for
    /// those who refuse the right one for another reason, and must not tell that by their haste
    /// (security A1).
    pub async fn refusal(&self, start: Instant) {
        sleep_until_exactly(refusal_time(start, self.0.refusal_step)).await;
    }

    /// The same for a key. What is looked at for one is sooner done, and a client offers several
    /// keys one after the other.
    pub(crate) async fn key_refusal(&self, start: Instant) {
        let step = self.0.refusal_step / KEY_REFUSALS_PER_STEP;
        sleep_until_exactly(refusal_time(start, step)).await;
    }

    /// Until its last steps it does the same for a name that is known and one that is not.
    async fn check(
        &self,
        name: &[u8],
        sent: &SecretSlice<u8>,
        purpose: PasswordUse<'_>,
        peer: IpAddr,
    ) -> Result<Account, LoginError> {
        // Refused before any work, and whoever is asked for: so nothing is told by it.
        if !(1..=MAX_PASSWORD).contains(&sent.expose_secret().len()) {
            return Err(LoginError::Denied(Denial::BadCredentials));
        }
        let record = match AccountName::try_from(name) {
            Ok(name) => self.record(&name).await?,
            Err(_) => None,
        };
        let has_totp = record.as_ref().is_some_and(Record::has_totp);
        let whole = || SecretSlice::from(sent.expose_secret().to_vec());
        let (password, code) = match purpose {
            PasswordUse::WithCode if has_totp => totp::split(sent),
            PasswordUse::WithCode | PasswordUse::Alone => (whole(), None),
            PasswordUse::Beside(code) => (whole(), Some(code.clone())),
        };
        let account = self.check_password(record, &password, peer).await?;
        match purpose {
            PasswordUse::Alone => return Ok(account),
            PasswordUse::WithCode if !account.password_is_enough() => {
                return Err(LoginError::Denied(Denial::Method));
            }
            PasswordUse::WithCode | PasswordUse::Beside(_) => {}
        }
        self.check_code(&account, code.as_ref()).await?;
        Ok(account)
    }

    /// The account as it is when its turn comes, if the password is its own.
    async fn check_password(
        &self,
        record: Option<Record>,
        password: &SecretSlice<u8>,
        peer: IpAddr,
    ) -> Result<Account, LoginError> {
        const BAD: LoginError = LoginError::Denied(Denial::BadCredentials);
        let stored = record.as_ref().and_then(Record::stored_password);
        if self.is_known(record.as_ref(), stored.as_ref(), password) {
            return admit(record.ok_or(BAD)?.account()?, peer);
        }
        let turn = self.0.kdf.turn().await?;
        // Of the connections a client opens at the same time, the first pays for all.
        let known = self.is_known(record.as_ref(), stored.as_ref(), password);
        let (verdict, _turn) = if known {
            (Some(Verdict::Right { stronger: None }), turn)
        } else {
            self.0.kdf.verify(turn, password, stored.as_ref()).await?
        };
        let (Some(record), Some(stored)) = (record, stored) else {
            return Err(BAD);
        };
        match verdict {
            None => Err(record.damaged("the password").into()),
            Some(Verdict::Wrong) => Err(BAD),
            Some(Verdict::Right { stronger }) => {
                let account = admit(self.unchanged(&record, &stored).await?, peer)?;
                if !known {
                    self.keep(&account, stored, stronger, password).await;
                }
                Ok(account)
            }
        }
    }

    /// The code behind a right password. An account that was given codes since the password was
    /// sent has none behind it, and is not let in without.
    async fn check_code(
        &self,
        account: &Account,
        code: Option<&SecretSlice<u8>>,
    ) -> Result<(), LoginError> {
        let right = match (account.has_totp, code) {
            (false, _) => true,
            (true, None) => false,
            (true, Some(code)) => self.verify_code(account.id, code).await?,
        };
        if right {
            Ok(())
        } else {
            Err(LoginError::Denied(Denial::Code))
        }
    }

    fn is_known(
        &self,
        record: Option<&Record>,
        stored: Option<&StoredPassword>,
        password: &SecretSlice<u8>,
    ) -> bool {
        let Some(memory) = &self.0.verified else {
            return false;
        };
        let subject = Subject {
            id: record.map_or(0, |record| record.id),
            revision: record.map_or(0, |record| record.revision),
            stored: stored.unwrap_or_else(|| self.0.kdf.nobody()),
        };
        memory.knows(subject, password, Instant::now())
    }

    /// The account after its turn came, which may have taken seconds: disabled, removed or given
    /// another password meanwhile, it must not be let in as it was.
    async fn unchanged(
        &self,
        before: &Record,
        stored: &StoredPassword,
    ) -> Result<Account, LoginError> {
        let gone = LoginError::Denied(Denial::BadCredentials);
        let record = self.record_by_id(before.id).await?.ok_or(gone)?;
        let account = record.account()?;
        // At the same revision another login may have stored a stronger hash of the same password.
        if account.revision != before.revision && record.stored_password().as_ref() != Some(stored)
        {
            return Err(LoginError::Denied(Denial::BadCredentials));
        }
        Ok(account)
    }

    /// Remembers a password that is right, and stores its hash at today's cost where it has another.
    async fn keep(
        &self,
        account: &Account,
        mut stored: StoredPassword,
        stronger: Option<StoredPassword>,
        password: &SecretSlice<u8>,
    ) {
        if let Some(stronger) = stronger {
            // No new revision: what the account may do is the same.
            let update =
                sqlx::query("UPDATE account SET password = ? WHERE id = ? AND password = ?")
                    .bind(stronger.as_str())
                    .bind(account.id)
                    .bind(stored.as_str());
            match update.execute(&self.0.pool).await {
                Ok(done) if done.rows_affected() == 1 => stored = stronger,
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(account = %account.name, %error, "cannot store a stronger hash of a password");
                }
            }
        }
        if let Some(memory) = &self.0.verified {
            let subject = Subject {
                id: account.id,
                revision: account.revision,
                stored: &stored,
            };
            memory.remember(subject, password, Instant::now());
        }
    }
}

impl From<Error> for LoginError {
    fn from(error: Error) -> Self {
        match error {
            Error::Busy => Self::Busy,
            error => Self::Backend(error),
        }
    }
}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied(
                Denial::BadCredentials
                | Denial::Disabled
                | Denial::Expired
                | Denial::Network
                | Denial::Key
                | Denial::Code
                | Denial::Method,
            ) => "login refused",
            Self::Busy => "too many logins at the moment",
            Self::Backend(_) => "the accounts cannot be asked",
        })
    }
}

impl std::error::Error for LoginError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Denied(_) | Self::Busy => None,
            Self::Backend(error) => Some(error),
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadCredentials => "bad credentials",
            Self::Disabled => "account disabled",
            Self::Expired => "account expired",
            Self::Network => "not from this address",
            Self::Key => "key not authorized",
            Self::Code => "wrong one-time code, or none",
            Self::Method => "a password is not enough",
        })
    }
}

/// The runtime's timers count whole milliseconds from when a thread goes to sleep, which is after
/// the check: a sleep by them alone ends as much later as the check took, microseconds included.
/// The last milliseconds are slept in a thread, to a point in time.
async fn sleep_until_exactly(end: Instant) {
    if end <= Instant::now() {
        return;
    }
    if let Some(coarse) = end.checked_sub(COARSE) {
        tokio::time::sleep_until(coarse.into()).await;
    }
    let rest = move || std::thread::sleep(end.saturating_duration_since(Instant::now()));
    // It fails only when the process is ending.
    let _ = tokio::task::spawn_blocking(rest).await;
}

/// When a refusal that was asked for at `start` is given: at the next whole step, a little later by
/// chance. What differs between two refusals in microseconds is not seen then.
fn refusal_time(start: Instant, step: Duration) -> Instant {
    if step.is_zero() {
        return start;
    }
    let steps = start.elapsed().as_nanos() / step.as_nanos() + 1;
    let whole = step.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX));
    let mut chance = [0];
    // Without random bytes the step alone must do.
    let _ = getrandom::fill(&mut chance);
    start + whole + step / 4 * u32::from(chance[0]) / 256
}

/// The last step of every login by whatever protocol and method: whether the account may be
/// entered, now and from there (security A8, A22).
pub(crate) fn admit(account: Account, peer: IpAddr) -> Result<Account, LoginError> {
    let denial = if !account.enabled {
        Denial::Disabled
    } else if !account.is_active(SystemTime::now()) {
        Denial::Expired
    } else if !account.allows(peer) {
        Denial::Network
    } else {
        return Ok(account);
    };
    Err(LoginError::Denied(denial))
}

/// How much later than asked for a timer of the runtime may end: its own millisecond and that of
/// the system call, and one more.
const COARSE: Duration = Duration::from_millis(3);
/// How many refusals of keys fit into the time of one of a password.
const KEY_REFUSALS_PER_STEP: u32 = 8;
