//! `--permissions`, and what to write instead.

use wharf_accounts::{Permissions, PermissionsError};

use crate::failure::Failure;
use crate::shell;

/// What the argument says.
pub(super) fn permissions(text: &str) -> Result<Permissions, Failure> {
    text.parse().map_err(|error| {
        let hint = hint(text, &error);
        let text = shell::quote(&text.escape_debug().to_string());
        let failure = Failure::usage(format!("`--permissions {text}`: {error}"));
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

/// What to write instead, where the error itself does not say it.
fn hint(text: &str, error: &PermissionsError) -> Option<String> {
    match error {
        PermissionsError::Word(_) if text.trim().is_empty() => {
            Some("`none` allows nothing".to_owned())
        }
        PermissionsError::Word(unknown) if unknown.word == "write" => Some(
            "writing is `create`, `overwrite` and `append`: `read-only,create,overwrite,append`"
                .to_owned(),
        ),
        PermissionsError::Word(_) => {
            Some("for example `read-only`, or `read-only,/incoming=upload-only`".to_owned())
        }
        PermissionsError::NoSet(prefix) => Some(format!("for example `{prefix}=read-only`")),
        PermissionsError::Prefix { .. } => {
            Some("a prefix is a folder as the account sees it, as `/incoming`".to_owned())
        }
        PermissionsError::NoBase
        | PermissionsError::WordAfterRule(_)
        | PermissionsError::Twice(_)
        | PermissionsError::TooMany => None,
    }
}
