//! `wharf user key`.

use serde_json::json;

use super::{User, account_name, database, files, show};
use crate::arguments::{Format, KeyCommand};
use crate::failure::Failure;
use crate::output;

impl User {
    pub(super) async fn key(&self, command: KeyCommand) -> Result<(), Failure> {
        match command {
            KeyCommand::Add { name, file } => {
                let name = account_name(&name)?;
                let line = files::public_key(&file)?.to_string();
                let key = self
                    .accounts
                    .add_key(&name, &line, None)
                    .await
                    .map_err(database)?;
                let mut object = show::key_json(&key);
                object["name"] = name.as_str().into();
                self.say(
                    &name,
                    &format!("has the key {}", key.key.fingerprint()),
                    object,
                )
            }
            KeyCommand::List { name } => {
                let account = self.account(&name).await?;
                let keys = self.accounts.keys(&account.name).await.map_err(database)?;
                match self.format {
                    Format::Text => output::text(&show::keys(&keys))?,
                    Format::Json => {
                        for key in &keys {
                            output::json(&show::key_json(key))?;
                        }
                    }
                }
                Ok(())
            }
            KeyCommand::Remove { name, fingerprint } => {
                let name = account_name(&name)?;
                self.accounts
                    .remove_key(&name, &fingerprint)
                    .await
                    .map_err(database)?;
                let object =
                    json!({ "name": name.as_str(), "fingerprint": fingerprint, "removed": true });
                self.say(&name, &format!("has lost the key {fingerprint}"), object)
            }
        }
    }
}
