//! How long, from where and by what an account logs in.

use std::path::{Path, PathBuf};

use wharf_accounts::{Account, AccountName, AuthorizedKeys, Error, KeyFileError};

use super::User;
use crate::arguments::{Changes, KeysFile};
use crate::failure::Failure;
use crate::shell;

impl User {
    pub(super) async fn apply_logins(
        &self,
        name: &AccountName,
        changes: &Changes,
        keys_file: Option<PathBuf>,
    ) -> Result<(), Error> {
        let accounts = &self.accounts;
        if let Some(expires) = changes.expires {
            accounts.set_expires(name, expires.0).await?;
        }
        if let Some(networks) = &changes.networks {
            accounts.set_networks(name, &networks.0).await?;
        }
        if let Some(login) = &changes.login {
            accounts.set_login(name, login.0.as_ref()).await?;
        }
        if let Some(scp) = changes.scp {
            accounts.set_scp(name, scp.into()).await?;
        }
        if changes.authorized_keys.is_some() {
            let file = keys_file.as_deref();
            accounts.set_authorized_keys(name, file).await?;
        }
        Ok(())
    }
}

/// The file wherever the server starts. It need not be there yet.
pub(super) fn keys_file(given: Option<&KeysFile>) -> Result<Option<PathBuf>, Failure> {
    let Some(file) = given.and_then(|given| given.0.as_deref()) else {
        return Ok(None);
    };
    let failed = |error| {
        Failure::new(format!(
            "the file of keys `{}` cannot be used: {error}",
            file.display()
        ))
    };
    // By the folder it really lies in, for `..` in its path; the file itself may be put in later.
    let absolute = std::path::absolute(file).map_err(failed)?;
    let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name()) else {
        return Err(Failure::new(format!("`{}` is no file", file.display())));
    };
    let folder = std::fs::canonicalize(folder).map_err(failed)?;
    Ok(Some(folder.join(name)))
}

/// What is not as it was probably meant, after a change.
pub(super) fn notes(account: &Account, changes: &Changes) -> String {
    let mut notes = String::new();
    if let (Some(file), Some(_)) = (&account.authorized_keys, &changes.authorized_keys) {
        notes.push_str(&keys_notes(file));
    }
    let interactive = account
        .login
        .as_ref()
        .is_some_and(|rule| rule.to_string().contains("keyboard-interactive"));
    if changes.login.is_some() && interactive && !account.has_totp {
        let name = shell::quote(account.name.as_str());
        notes.push_str(&format!(
            "\n\n`keyboard-interactive` asks for the password alone yet: \
             `wharf user totp {name}` adds codes"
        ));
    }
    if changes.login.is_some() && !account.password_is_enough() {
        notes.push_str(
            "\n\nOver FTP it does not get in by its password any more: that would be a way round the key",
        );
    }
    notes
}

fn keys_notes(file: &Path) -> String {
    let shown = file.display();
    match AuthorizedKeys::read(file) {
        Ok(keys) => keys
            .problems()
            .iter()
            .fold(String::new(), |notes, problem| {
                format!("{notes}\n\nIn `{shown}`, {problem}; it counts for nothing")
            }),
        Err(KeyFileError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            format!("\n\nThere is no `{shown}` yet; it is looked for at each login")
        }
        Err(error) => format!("\n\n`{shown}` counts for nothing yet: {error}"),
    }
}
