//! What changes while the server runs, brought to it and to its sessions: accounts, certificates.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{MissedTickBehavior, interval};
use wharf_accounts::{Account, CertificateUse, Progress};
use wharf_net::tls::client::ClientTrust;

use crate::event::What;
use crate::registry::{Certified, Credential, Handle, SshCredential};
use crate::session::follows_links;
use crate::shared::Shared;
use crate::ssh;
use crate::tls::Refreshed;

/// How soon accounts that could not be read are asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How often it is looked for accounts whose time is over.
const EXPIRED_LOOKED_FOR: Duration = Duration::from_secs(2);
/// How often the files of certificates are looked at.
const CERTIFICATES_LOOKED_AT: Duration = Duration::from_secs(2);

/// Brings changed certificate files into force. Live sessions go on with what they have agreed on.
pub(crate) async fn follow_certificates(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(CERTIFICATES_LOOKED_AT).await;
        let Some(tls) = shared.current().tls else {
            continue;
        };
        let looked = tokio::task::spawn_blocking(move || tls.refresh()).await;
        let Ok(Refreshed {
            changed,
            trust,
            problems,
        }) = looked
        else {
            continue;
        };
        if trust {
            tracing::info!("the authorities of client certificates were read again");
            // Who was let in by a certificate that is revoked now goes.
            shared.ask_again.notify_one();
        }
        for certificate in changed {
            shared.tell_of_process(What::Certificate {
                fingerprint: certificate.fingerprint().to_string().into(),
                names: certificate.names().into(),
                expires: certificate.not_after(),
            });
        }
        for problem in problems {
            tracing::error!(%problem, "changed certificate files cannot be used; those in force stay");
            shared.tell_of_process(What::CertificateFailed {
                text: problem.to_string().into(),
            });
        }
    }
}

/// Brings changed host keys, authorities and revocations into force, and changed files of keys to
/// the sessions that were let in by them.
pub(crate) async fn follow_ssh_files(shared: Arc<Shared>) {
    let mut stamps = HashMap::new();
    loop {
        tokio::time::sleep(CERTIFICATES_LOOKED_AT).await;
        let files = key_files(&shared);
        if let Ok(now) = tokio::task::spawn_blocking(move || ssh::stamps(files)).await {
            // One that is new here may have changed since it let somebody in.
            let changed = |(file, stamp)| stamps.get(file) != Some(stamp);
            if now.iter().any(changed) {
                shared.ask_again.notify_one();
            }
            stamps = now;
        }
        let Some(ssh) = shared.current().ssh else {
            continue;
        };
        match tokio::task::spawn_blocking(move || ssh.refresh()).await {
            Ok(Ok(true)) => {
                tracing::info!("the files of SSH were read again");
                shared.ask_again.notify_one();
            }
            Ok(Ok(false)) | Err(_) => {}
            Ok(Err(problems)) => {
                for problem in problems {
                    tracing::error!(%problem, "changed files of SSH cannot be used; those in force stay");
                }
            }
        }
    }
}

/// The files of keys of accounts that somebody is logged in with by SSH.
fn key_files(shared: &Shared) -> HashSet<PathBuf> {
    let handles = shared.registry.all().into_iter();
    let by_ssh = handles.filter(|handle| matches!(handle.credential(), Credential::Ssh(_)));
    let files = by_ssh.filter_map(|handle| handle.account()?.authorized_keys.clone());
    files.collect()
}

/// Brings changes of accounts to live sessions, also while the server drains.
pub(crate) async fn follow_accounts(shared: Arc<Shared>) {
    let mut revision = shared.accounts.watch();
    let mut expired = interval(EXPIRED_LOOKED_FOR);
    expired.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = expired.tick() => {
                end_expired(&shared);
                continue;
            }
            changed = revision.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = shared.ask_again.notified() => {}
        }
        while !refresh_accounts(&shared).await {
            // The change is known and must not be lost: ask until there is an answer.
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }
}

/// Ends the sessions of accounts whose time is over: no change of the account tells of that.
fn end_expired(shared: &Shared) {
    let now = SystemTime::now();
    for handle in shared.registry.all() {
        if handle
            .account()
            .is_some_and(|account| account.has_expired(now))
        {
            handle.revoke();
        }
    }
}

/// Asks once for each account that somebody is logged in with. `false` when the accounts could
/// not be read.
async fn refresh_accounts(shared: &Shared) -> bool {
    let mut sessions: HashMap<i64, Vec<Arc<Handle>>> = HashMap::new();
    let tls = shared.current().tls;
    let trust = tls.as_deref().and_then(|tls| tls.server.trust());
    let ssh = shared.current().ssh;
    for handle in shared.registry.all() {
        if let (Some(ssh), Credential::Ssh(shown)) = (&ssh, handle.credential())
            && ssh.files().revokes(&shown)
        {
            handle.revoke();
        }
        if handle
            .vouched()
            .is_some_and(|held| !is_vouched_for(&held, trust))
        {
            handle.revoke();
        }
        if let Some(account) = handle.account()
            && !account.is_anonymous()
        {
            sessions.entry(account.id).or_default().push(handle);
        }
    }
    let mut all_read = true;
    for (id, handles) in sessions {
        match shared.accounts.current(id).await {
            Ok(now) => {
                let now = now.filter(|now| now.is_active(SystemTime::now()));
                let now = now.map(Arc::new);
                for handle in handles {
                    let still = match &now {
                        Some(now) => still_let_in(shared, &handle, now).await,
                        None => Ok(false),
                    };
                    match still {
                        Ok(true) => bring(&handle, id, now.as_ref()),
                        Ok(false) => bring(&handle, id, None),
                        Err(error) => {
                            tracing::error!(%error, "accounts cannot be read");
                            all_read = false;
                        }
                    }
                }
            }
            Err(error) => {
                tracing::error!(%error, "accounts cannot be read");
                all_read = false;
            }
        }
    }
    all_read
}

/// Whether what a session was let in by would let it in again, into its account as it is now.
pub(crate) async fn still_let_in(
    shared: &Shared,
    handle: &Handle,
    now: &Account,
) -> Result<bool, wharf_accounts::Error> {
    let without_code = |held: Arc<Account>| held.id == now.id && !held.has_totp;
    if !now.allows(handle.peer.ip()) || now.has_totp && handle.account().is_some_and(without_code) {
        return Ok(false);
    }
    let certified = match handle.credential() {
        Credential::Nothing => return Ok(true),
        Credential::Password => return Ok(now.certificate_use != CertificateUse::Factor),
        Credential::Ssh(shown) => return still_shown(shared, handle, &shown, now).await,
        Credential::Certificate(_) if now.certificate_use != CertificateUse::Login => {
            return Ok(false);
        }
        Credential::Certificate(certified) | Credential::PasswordAndCertificate(certified) => {
            certified
        }
    };
    let tls = shared.current().tls;
    let trust = tls.as_deref().and_then(|tls| tls.server.trust());
    let Some(certified) = Certified::new(certified.certificate.clone(), trust) else {
        return Ok(false);
    };
    let subject = certified.subject.as_deref();
    let accounts = &shared.accounts;
    accounts
        .has_certificate(now.id, &certified.fingerprint(), subject)
        .await
}

/// The same for what a login by SSH has shown.
async fn still_shown(
    shared: &Shared,
    handle: &Handle,
    shown: &SshCredential,
    now: &Account,
) -> Result<bool, wharf_accounts::Error> {
    let (accounts, peer) = (&shared.accounts, handle.peer.ip());
    if let Some(authority) = &shown.authority
        && accounts
            .has_authority(now.id, authority, peer)
            .await?
            .is_none()
    {
        return Ok(false);
    }
    for key in &shown.keys {
        if !accounts.has_key(now.id, key, peer).await? {
            return Ok(false);
        }
    }
    Ok(now.login_rule().progress(&shown.done) == Progress::Complete)
}

fn is_vouched_for(held: &Certified, trust: Option<&ClientTrust>) -> bool {
    let now = Certified::new(held.certificate.clone(), trust);
    now.is_some_and(|now| now.subject.is_some())
}

/// Brings one account's new state to one session, unless it belongs to another account by now.
fn bring(handle: &Handle, id: i64, now: Option<&Arc<Account>>) {
    let Some(held) = handle.account().filter(|held| held.id == id) else {
        return;
    };
    match now {
        // Its store is the old home, or follows links that the new rules forbid: log in again.
        Some(now) if held.home != now.home || follows_links(&held) && !follows_links(now) => {
            handle.revoke();
        }
        Some(now) => handle.update_account(now),
        None => handle.revoke(),
    }
}
