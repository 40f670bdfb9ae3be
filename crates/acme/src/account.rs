//! The account at the CA: made once, its key kept.

use instant_acme::{Account, AccountCredentials, NewAccount};
use serde_json::{Value, json};

use crate::config::Checked;
use crate::error::AcmeError;
use crate::folder::Folder;
use crate::manager::on_disk;
use crate::transport::Transport;

/// What the CA was told, beside what `instant-acme` writes into the file.
const CONTACT: &str = "contact";

/// The account of this CA; `None` where none was made yet.
pub(crate) async fn existing(
    wanted: &Checked,
    folder: &Folder,
    transport: &Transport,
) -> Result<Option<Account>, AcmeError> {
    let reading = folder.clone();
    let Some(bytes) = on_disk(move || reading.account()).await? else {
        return Ok(None);
    };
    let Some((saved, credentials)) = parse(&bytes, wanted, folder)? else {
        return Ok(None);
    };
    let of = |error| AcmeError::of(error, &wanted.directory);
    let builder = Account::builder_with_http(Box::new(transport.clone()));
    let account = builder.from_credentials(credentials).await.map_err(of)?;
    if saved.get(CONTACT) != Some(&json!(wanted.contact)) {
        account
            .update_contacts(&contacts(wanted))
            .await
            .map_err(of)?;
        save(saved, wanted, folder).await?;
    }
    Ok(Some(account))
}

/// The account of this CA, made if need be.
pub(crate) async fn open(
    wanted: &Checked,
    folder: &Folder,
    transport: &Transport,
) -> Result<Account, AcmeError> {
    if let Some(account) = existing(wanted, folder, transport).await? {
        return Ok(account);
    }
    let new = NewAccount {
        contact: &contacts(wanted),
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let builder = Account::builder_with_http(Box::new(transport.clone()));
    let (account, credentials) = builder
        .create(&new, wanted.directory.clone(), None)
        .await
        .map_err(|error| AcmeError::of(error, &wanted.directory))?;
    save(json!(credentials), wanted, folder).await?;
    tracing::info!(account = account.id(), "an account was made at the CA");
    Ok(account)
}

fn contacts(wanted: &Checked) -> Vec<&str> {
    wanted.contact.iter().map(String::as_str).collect()
}

/// `None` where the file is of another CA: its account is of no use here.
fn parse(
    bytes: &[u8],
    wanted: &Checked,
    folder: &Folder,
) -> Result<Option<(Value, AccountCredentials)>, AcmeError> {
    // serde's errors quote what they find, and the file holds a key.
    let damaged = |why: &str| AcmeError::AccountFile {
        file: folder.account_file(),
        why: why.to_owned(),
    };
    let saved: Value = serde_json::from_slice(bytes).map_err(|_| damaged("it is no JSON"))?;
    let directory = saved.get("directory").and_then(Value::as_str);
    if directory.ok_or_else(|| damaged("it names no CA"))? != wanted.directory {
        return Ok(None);
    }
    match serde_json::from_value(saved.clone()) {
        Ok(credentials) => Ok(Some((saved, credentials))),
        Err(_) => Err(damaged("a part of it is missing")),
    }
}

async fn save(mut saved: Value, wanted: &Checked, folder: &Folder) -> Result<(), AcmeError> {
    if let Some(members) = saved.as_object_mut() {
        members.insert(CONTACT.to_owned(), json!(wanted.contact));
    }
    let (text, folder) = (format!("{saved:#}\n"), folder.clone());
    on_disk(move || folder.save_account(text.as_bytes())).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;

    #[test]
    fn a_damaged_file_is_named_and_its_content_is_not() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Folder::open(scratch.path()).unwrap();
        let wanted = Checked::new(config()).unwrap();
        let directory = &wanted.directory;
        let parse = |text: &str| parse(text.as_bytes(), &wanted, &folder);
        for damaged in [
            "",
            "{",
            "[]",
            r#"{"key_pkcs8":"c2VjcmV0"}"#,
            &format!(r#"{{"directory":"{directory}"}}"#),
            &format!(r#"{{"directory":"{directory}","contact":[],"id":"x","key_pkcs8":"c2Vj*"}}"#),
        ] {
            let text = parse(damaged).err().unwrap().to_string();
            assert!(text.contains("account.json` is damaged"), "{text}");
            assert!(!text.contains("c2Vj"), "{text}");
        }
        assert!(
            parse(r#"{"directory":"https://other.example"}"#)
                .unwrap()
                .is_none()
        );
    }
}
