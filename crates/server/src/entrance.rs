//! The last steps of every login, whatever protocol and method led to it.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::{Instant, timeout_at};
use wharf_accounts::Account;
use wharf_causes::id;
use wharf_net::limits::Permit;

use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::follow;
use crate::registry::Handle;
use crate::session::Session;
use crate::shared::Shared;

/// Where a session is about to begin.
pub(crate) struct Entrance<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) config: &'a Arc<Config>,
    pub(crate) handle: &'a Arc<Handle>,
    pub(crate) permit: &'a mut Permit,
    /// Until when the login must be through.
    pub(crate) deadline: Instant,
    /// How many steps it took: what the first has shown may be gone by the last.
    pub(crate) steps: usize,
}

impl Entrance<'_> {
    /// The audit log's room, the account's own limit, its home. `seen` is the revision of the
    /// accounts before the credentials were checked. What fails leaves the permit and the handle
    /// to the caller, who gives both back.
    pub(crate) async fn enter(self, account: Account, seen: u64) -> Result<Session, Failure> {
        let auditable = self.shared.auditable();
        if timeout_at(self.deadline, auditable).await.is_err() {
            // A login that could not be recorded must not happen.
            let text = "The server cannot record logins now, try again later";
            return Err(Failure::new(Kind::ServiceClosing, id::B_14, text));
        }
        let allowed = self.sessions_allowed(&account);
        self.permit.admit_account(account.name.as_str(), allowed)?;
        let (id, revision) = (account.id, account.revision);
        let anonymous = account.is_anonymous();
        let session = Session::open(self.shared, self.config, self.handle, account).await?;
        if !anonymous && (self.shared.revision() != seen || self.steps > 1) {
            self.recheck(id, revision).await?;
        }
        Ok(session)
    }

    fn sessions_allowed(&self, account: &Account) -> u32 {
        let limits = &self.config.limits;
        match account.max_sessions {
            Some(own) => own,
            // Anonymous users are many people; the limits per address and in all hold for them.
            None if account.is_anonymous() => limits.sessions,
            None => limits.sessions_per_account,
        }
    }

    /// Security A22: a change made between the check of the credentials and now must not be missed.
    /// Steps of a login may lie minutes apart, and what the first has shown may be gone.
    async fn recheck(&self, id: i64, revision: i64) -> Result<(), Failure> {
        match self.still_let_in(id, revision).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::revoked()),
            Err(error) => {
                tracing::error!(%error, "accounts cannot be read");
                Err(Failure::internal(
                    "The accounts cannot be read, try again later",
                ))
            }
        }
    }

    async fn still_let_in(&self, id: i64, revision: i64) -> Result<bool, wharf_accounts::Error> {
        let account = self.shared.accounts.current(id).await?;
        let unchanged = |account: &Account| {
            account.is_active(SystemTime::now()) && account.revision == revision
        };
        match account.filter(unchanged) {
            Some(account) => follow::still_let_in(self.shared, self.handle, &account).await,
            None => Ok(false),
        }
    }
}
