//! Logins: which steps there are, in which order, and what they come to.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use secrecy::SecretSlice;
use wharf_accounts::{Account, Denial, LoginError, Method as LoginMethod, PasswordUse, Progress};
use wharf_causes::{Id, id};
use wharf_ssh::Violation;
use wharf_ssh::message::auth::{self, Method, Request};

use super::connection::Connection;
use super::end::End;
use crate::entrance::Entrance;
use crate::event::What;
use crate::failure::{Failure, Kind};
use crate::registry::{Credential, SshCredential};

/// How far a login has come.
#[derive(Default)]
pub(super) struct Login {
    service: bool,
    /// Who it is for. Another name begins anew (security A8, A9).
    pub(super) user: Vec<u8>,
    done: Vec<LoginMethod>,
    /// The account, once a step has proved to be its own.
    account: Option<Account>,
    credential: SshCredential,
    /// When what was shown ends.
    until: Option<SystemTime>,
    /// The revision of the accounts before the first step.
    seen: u64,
    failures: u32,
    /// What was asked for last, interactively.
    asked: Option<Question>,
    /// When the step began that is being checked.
    begun: Option<Instant>,
}

/// What a user is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Password,
    Code,
}

/// What a step came to.
pub(super) enum Step {
    /// It is the account's own; and what was shown, if it counts.
    Right(Box<Account>, Shown),
    /// It is not; the cause is for the log only (security A2).
    Wrong(Id),
}

/// What a step has shown.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) credential: SshCredential,
    /// When it ends.
    pub(super) until: Option<SystemTime>,
}

impl Connection {
    /// A message before the login.
    pub(super) async fn login_message(&mut self, payload: &[u8]) -> Result<(), End> {
        let request = Request::read(payload).map_err(|_| Violation::unreadable())?;
        // What was revoked since the connection began is revoked for it, too (security A11).
        if let Some(ssh) = self.shared.current().ssh {
            self.files = ssh.files();
        }
        self.login.begun = Some(Instant::now());
        match request {
            Request::Service(b"ssh-userauth") => {
                self.login.service = true;
                self.say(&auth::accept_service(b"ssh-userauth"))
            }
            Request::Service(_) => Err(Violation::no_service().into()),
            Request::Login { service, .. }
                if !self.login.service || service != b"ssh-connection" =>
            {
                Err(Violation::no_service().into())
            }
            Request::Login { user, method, .. } => {
                self.login_as(user);
                self.step(&method).await
            }
            Request::Answers(answers) => self.answers(&answers).await,
        }
    }

    fn login_as(&mut self, user: &[u8]) {
        if self.login.user == user {
            return;
        }
        self.login = Login {
            service: true,
            user: user.into(),
            failures: self.login.failures,
            seen: self.shared.revision(),
            ..Login::default()
        };
    }

    async fn step(&mut self, method: &Method<'_>) -> Result<(), End> {
        self.login.asked = None;
        if self.login.done.is_empty() {
            self.login.seen = self.shared.revision();
        }
        match method {
            // It is only asked which there are.
            Method::None => self.say_failure(false),
            Method::Password(password) => {
                let step = self.check_password(password).await?;
                self.took(LoginMethod::Password, step).await
            }
            Method::PublicKey {
                algorithm,
                key,
                signature: None,
            } => self.query_key(algorithm, key).await,
            Method::PublicKey {
                algorithm,
                key,
                signature: Some(signature),
            } => {
                let step = self.check_key(algorithm, key, signature).await?;
                self.took(LoginMethod::PublicKey, step).await
            }
            Method::KeyboardInteractive => self.ask_first(),
            Method::NewPassword | Method::Other(_) => self.refuse(id::G_8).await,
        }
    }

    /// A password, unless the account has none and the code is what is wanted.
    fn ask_first(&mut self) -> Result<(), End> {
        let account = self.login.account.as_ref();
        let code_only = account.is_some_and(|one| one.has_totp && !one.has_password);
        self.ask(if code_only {
            Question::Code
        } else {
            Question::Password
        })
    }

    fn ask(&mut self, question: Question) -> Result<(), End> {
        self.login.asked = Some(question);
        let prompt = match question {
            Question::Password => "Password: ",
            Question::Code => "One-time code: ",
        };
        self.say(&auth::questions("", "", &[(prompt, false)]))
    }

    async fn answers(&mut self, answers: &[&[u8]]) -> Result<(), End> {
        let (Some(question), [answer]) = (self.login.asked.take(), answers) else {
            return self.refuse(id::B_1).await;
        };
        let step = match question {
            Question::Password => match self.check_password(answer).await? {
                // Only where a code would lead on; elsewhere the password is refused below.
                Step::Right(account, _) if account.has_totp && self.leads_on(&account) => {
                    self.login.account = Some(*account);
                    return self.ask(Question::Code);
                }
                step => step,
            },
            Question::Code => self.check_code(answer).await?,
        };
        self.took(LoginMethod::KeyboardInteractive, step).await
    }

    async fn check_password(&mut self, password: &[u8]) -> Result<Step, End> {
        let password = SecretSlice::from(password.to_vec());
        let peer = self.guard.handle.peer.ip();
        let accounts = &self.shared.accounts;
        let name = &self.login.user;
        let told = accounts.authenticate(name, &password, PasswordUse::Alone, peer);
        let told = told.await;
        self.step_of(told)
    }

    /// Whether an interactive login belongs to this point of this account's rule.
    fn leads_on(&self, account: &Account) -> bool {
        let same = |held: &Account| held.id == account.id;
        self.login.account.as_ref().is_none_or(same)
            && may_follow(account, &self.login.done, LoginMethod::KeyboardInteractive)
    }

    async fn check_code(&mut self, code: &[u8]) -> Result<Step, End> {
        let Some(account) = self.login.account.clone() else {
            return Ok(Step::Wrong(id::B_1));
        };
        let code = SecretSlice::from(code.to_vec());
        let begun = Instant::now();
        let right = self.shared.accounts.verify_code(account.id, &code).await;
        match right.map_err(LoginError::from) {
            Ok(true) => Ok(Step::Right(Box::new(account), Shown::default())),
            Ok(false) => {
                self.shared.accounts.refusal(begun).await;
                Ok(Step::Wrong(id::B_1))
            }
            Err(error) => self.step_of(Err(error)),
        }
    }

    /// What the accounts say, by who is at fault.
    pub(super) fn step_of(&self, told: Result<Account, LoginError>) -> Result<Step, End> {
        match told {
            Ok(account) => Ok(Step::Right(Box::new(account), Shown::default())),
            Err(LoginError::Denied(denial)) => Ok(Step::Wrong(match denial {
                Denial::BadCredentials | Denial::Code => id::B_1,
                Denial::Key => id::G_9,
                Denial::Disabled | Denial::Expired => id::B_12,
                Denial::Network => id::B_6,
                Denial::Method => id::G_13,
            })),
            Err(LoginError::Busy) => {
                let text = "Too many logins at once, try again in 5 s";
                Err(End::Refused(Failure::new(
                    Kind::ServiceClosing,
                    id::E_3,
                    text,
                )))
            }
            Err(LoginError::Backend(error)) => {
                tracing::error!(%error, "accounts cannot be read");
                let text = "The accounts cannot be read, try again later";
                Err(End::Refused(Failure::new(
                    Kind::ServiceClosing,
                    id::B_14,
                    text,
                )))
            }
        }
    }

    /// A step is through: it was right and enough, right and not enough, or wrong.
    async fn took(&mut self, method: LoginMethod, step: Step) -> Result<(), End> {
        let (account, shown) = match step {
            Step::Right(account, shown) => (*account, shown),
            Step::Wrong(cause) => return self.refuse(cause).await,
        };
        // The name may have gone to another account between two steps; and what does not belong
        // here is refused, right as it may be (security A14), and as late as what is wrong.
        let same = |held: &Account| held.id == account.id;
        let same = self.login.account.as_ref().is_none_or(same);
        if !same || !may_follow(&account, &self.login.done, method) {
            if let Some(begun) = self.login.begun {
                self.shared.accounts.refusal(begun).await;
            }
            return self.refuse(id::G_13).await;
        }
        self.login.done.push(method);
        self.login.credential.add(shown.credential, method);
        self.login.until = earliest(self.login.until, shown.until);
        let rule = account.login_rule();
        match rule.progress(&self.login.done) {
            Progress::Complete => self.admit(account).await,
            Progress::Partial { next } => {
                self.login.account = Some(account);
                let next: Vec<&str> = next.iter().map(LoginMethod::word).collect();
                self.say(&auth::failure(next, true))
            }
        }
    }

    async fn admit(&mut self, account: Account) -> Result<(), End> {
        let name = account.name.clone();
        let method = method_name(&self.login.done);
        let credential = std::mem::take(&mut self.login.credential);
        let handle = &self.guard.handle;
        let steps = credential.done.len();
        let credential = Arc::new(credential);
        handle.set_credential(Credential::Ssh(credential.clone()));
        // Whoever revokes it from here on finds this session; what was revoked before is looked at
        // once more.
        let ssh = self.shared.current().ssh;
        if ssh.is_none_or(|ssh| ssh.files().revokes(&credential)) {
            self.tell_login_failed(name.as_str().as_bytes(), id::B_12.as_str());
            return Err(End::Revoked);
        }
        let entering = Entrance {
            shared: &self.shared,
            config: &self.current.config,
            handle,
            permit: &mut self.permit,
            deadline: self.login_deadline,
            steps,
        };
        let session = match entering.enter(account, self.login.seen).await {
            Ok(session) => session,
            Err(failure) => {
                self.guard.handle.set_account(None);
                self.permit.leave_account();
                self.tell_login_failed(name.as_str().as_bytes(), failure.cause_name());
                return Err(End::Refused(failure));
            }
        };
        session.logged_in(method, None);
        self.until = self.login.until;
        self.say(&auth::success())?;
        self.transport.set_authenticated();
        self.session = Some(session);
        self.login = Login::default();
        self.announce_host_keys()
    }

    /// Refuses a step, later than it would have to be, and ends the connection at the limit.
    pub(super) async fn refuse(&mut self, cause: Id) -> Result<(), End> {
        let user = std::mem::take(&mut self.login.user);
        self.tell_login_failed(&user, cause.as_str());
        self.login.user = user;
        self.login.failures += 1;
        if self.login.failures >= self.ssh.config.login_attempts {
            let text = "Too many failed logins";
            return Err(End::Refused(Failure::new(
                Kind::ServiceClosing,
                id::B_1,
                text,
            )));
        }
        tokio::time::sleep(REFUSAL_DELAY).await;
        self.say_failure(false)
    }

    /// The same list for every name, known or not (security A2), until a step was right.
    fn say_failure(&mut self, partial: bool) -> Result<(), End> {
        let next = match &self.login.account {
            Some(account) => match account.login_rule().progress(&self.login.done) {
                Progress::Partial { next } => next.iter().map(LoginMethod::word).collect(),
                Progress::Complete => Vec::new(),
            },
            None => LoginMethod::ALL.map(LoginMethod::word).to_vec(),
        };
        self.say(&auth::failure(next, partial))
    }

    fn tell_login_failed(&self, name: &[u8], cause: &'static str) {
        let handle = &self.guard.handle;
        let what = What::LoginFailed {
            name: name.into(),
            cause,
        };
        self.shared.tell_of(handle.id, handle.peer, None, what);
    }
}

/// Whether a method belongs behind what was done.
fn may_follow(account: &Account, done: &[LoginMethod], method: LoginMethod) -> bool {
    match account.login_rule().progress(done) {
        Progress::Partial { next } => next.contains(method),
        Progress::Complete => false,
    }
}

/// The earlier of two ends, where there are some.
pub(super) fn earliest(one: Option<SystemTime>, other: Option<SystemTime>) -> Option<SystemTime> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// How the audit log names what was done.
fn method_name(done: &[LoginMethod]) -> &'static str {
    let has = |method| done.contains(&method);
    match (
        has(LoginMethod::PublicKey),
        has(LoginMethod::Password),
        has(LoginMethod::KeyboardInteractive),
    ) {
        (true, false, false) => "publickey",
        (true, true, false) => "publickey,password",
        (true, _, true) => "publickey,keyboard-interactive",
        (false, true, false) => "password",
        (false, _, true) => "keyboard-interactive",
        (false, false, false) => "none",
    }
}

/// How long a refused step waits for its answer beside what the check takes; the check itself is
/// as long for every name (security A1).
const REFUSAL_DELAY: Duration = Duration::from_millis(50);
