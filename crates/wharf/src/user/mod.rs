//! `wharf user`: accounts and their keys, in the database of the state folder.

mod show;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value as Json, json};
use wharf_accounts::{
    Account, AccountName, Accounts, Error, NewAccount, Options, Permissions, PublicKey,
    generate_password,
};

use crate::arguments::{
    AddArguments, ChangeArguments, CommonArguments, Format, KeyCommand, PasswordArguments,
    UserArguments, UserCommand,
};
use crate::failure::Failure;
use crate::output;
use crate::prompt::{NewPassword, new_password};
use crate::state::State;

/// Does what was asked of the accounts.
pub(crate) fn run(arguments: UserArguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start threads: {error}")))?;
    let CommonArguments { state, format } = arguments.common;
    runtime.block_on(async {
        let state = State::open(state.as_deref())?;
        let accounts = open(&state, true).await?;
        User {
            accounts,
            format,
            state: state.folder().to_owned(),
        }
        .run(arguments.command)
        .await
    })
}

/// Opens the database of a state folder; makes it when it is missing.
pub(crate) async fn open(state: &State, password_memory: bool) -> Result<Accounts, Failure> {
    let options = Options {
        password_memory,
        ..Options::default()
    };
    Accounts::open(&state.database(), options)
        .await
        .map_err(database)
}

/// An error of the accounts with everything below it.
pub(crate) fn database(error: Error) -> Failure {
    Failure::caused(&error)
}

struct User {
    accounts: Accounts,
    /// The state folder.
    state: PathBuf,
    format: Format,
}

impl User {
    async fn run(&self, command: UserCommand) -> Result<(), Failure> {
        match command {
            UserCommand::Add(arguments) => self.add(arguments).await,
            UserCommand::List => self.list().await,
            UserCommand::Show { name } => self.show(&name).await,
            UserCommand::Change(arguments) => self.change(arguments).await,
            UserCommand::Remove { name } => {
                let name = account_name(&name)?;
                self.accounts.remove(&name).await.map_err(database)?;
                self.say(
                    &name,
                    "removed",
                    json!({ "name": name.as_str(), "removed": true }),
                )
            }
            UserCommand::Enable { name } => {
                let name = account_name(&name)?;
                self.accounts.enable(&name).await.map_err(database)?;
                self.say(
                    &name,
                    "enabled",
                    json!({ "name": name.as_str(), "enabled": true }),
                )
            }
            UserCommand::Disable { name } => {
                let name = account_name(&name)?;
                self.accounts.disable(&name).await.map_err(database)?;
                self.say(
                    &name,
                    "disabled",
                    json!({ "name": name.as_str(), "enabled": false }),
                )
            }
            UserCommand::Password { name, password } => self.password(&name, &password).await,
            UserCommand::Key(command) => self.key(command).await,
        }
    }

    async fn add(&self, arguments: AddArguments) -> Result<(), Failure> {
        let name = account_name(&arguments.name)?;
        // Everything that can be wrong is looked at before anybody types a password.
        let permissions = permissions(&arguments.permissions)?;
        let home = arguments
            .home
            .as_deref()
            .map(|folder| self.home(folder))
            .transpose()?;
        let keys = arguments
            .keys
            .iter()
            .map(|file| public_key(file))
            .collect::<Result<_, _>>()?;
        if self.accounts.find(&name).await.map_err(database)?.is_some() {
            return Err(database(Error::AccountExists(name)));
        }
        let mut made_up = None;
        let mut new = NewAccount {
            home,
            permissions,
            keys,
            ..NewAccount::new(name.clone())
        };
        new.max_sessions = arguments.max_sessions;
        if !arguments.no_password {
            new.password = Some(
                match new_password(arguments.password.password_stdin, name.as_str())? {
                    NewPassword::Given(password) => password,
                    NewPassword::MakeUp => password_bytes(made_up.insert(make_up()?)),
                },
            );
        }
        let account = self.accounts.add(new).await.map_err(database)?;
        let keys = self.accounts.keys(&name).await.map_err(database)?;
        self.told(
            &name,
            "added",
            show::json(&account, &keys),
            made_up.as_ref(),
        )
    }

    /// A home that the server will serve.
    fn home(&self, folder: &Path) -> Result<PathBuf, Failure> {
        let path = home(folder)?;
        if wharf_server::lies_in(&path, &self.state) {
            return Err(Failure::new(format!(
                "the home `{}` lies in the state folder `{}`: passwords would be served",
                folder.display(),
                self.state.display()
            ))
            .hint("give another folder, or keep the state elsewhere with `--state`"));
        }
        Ok(path)
    }

    async fn list(&self) -> Result<(), Failure> {
        let accounts = self.accounts.list().await.map_err(database)?;
        match self.format {
            Format::Text => output::text(&show::table(&accounts))?,
            Format::Json => {
                for account in &accounts {
                    output::json(&show::json(account, &[]))?;
                }
            }
        }
        Ok(())
    }

    async fn show(&self, name: &str) -> Result<(), Failure> {
        let account = self.account(name).await?;
        let keys = self.accounts.keys(&account.name).await.map_err(database)?;
        match self.format {
            Format::Text => output::text(&show::text(&account, &keys))?,
            Format::Json => output::json(&show::json(&account, &keys))?,
        }
        Ok(())
    }

    async fn change(&self, arguments: ChangeArguments) -> Result<(), Failure> {
        let ChangeArguments { name, changes } = arguments;
        let name = self.account(&name).await?.name;
        // All of it is read before any of it is done.
        let new_permissions = changes
            .permissions
            .as_deref()
            .map(permissions)
            .transpose()?;
        let new_home = match (&changes.home, changes.no_home) {
            (Some(folder), _) => Some(Some(self.home(folder)?)),
            (None, true) => Some(None),
            (None, false) => None,
        };
        if let Some(permissions) = new_permissions {
            self.accounts
                .set_permissions(&name, &permissions)
                .await
                .map_err(database)?;
        }
        if let Some(home) = new_home {
            self.accounts
                .set_home(&name, home.as_deref())
                .await
                .map_err(database)?;
        }
        if let Some(limit) = changes.max_sessions {
            self.accounts
                .set_max_sessions(&name, limit.0)
                .await
                .map_err(database)?;
        }
        let account = self.account(name.as_str()).await?;
        self.say(&name, "changed", show::json(&account, &[]))
    }

    async fn password(&self, name: &str, arguments: &PasswordArguments) -> Result<(), Failure> {
        let name = self.account(name).await?.name;
        let mut made_up = None;
        let password = match new_password(arguments.password_stdin, name.as_str())? {
            NewPassword::Given(password) => password,
            NewPassword::MakeUp => password_bytes(made_up.insert(make_up()?)),
        };
        self.accounts
            .set_password(&name, &password)
            .await
            .map_err(database)?;
        self.told(
            &name,
            "has a new password",
            json!({ "name": name.as_str() }),
            made_up.as_ref(),
        )
    }

    async fn key(&self, command: KeyCommand) -> Result<(), Failure> {
        match command {
            KeyCommand::Add { name, file } => {
                let name = account_name(&name)?;
                let line = key_line(&file)?;
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

    async fn account(&self, name: &str) -> Result<Account, Failure> {
        let name = account_name(name)?;
        let found = self.accounts.find(&name).await.map_err(database)?;
        found.ok_or_else(|| {
            database(Error::UnknownAccount(name))
                .hint("`wharf user list` shows the accounts there are")
        })
    }

    fn say(&self, name: &AccountName, done: &str, object: Json) -> Result<(), Failure> {
        self.told(name, done, object, None)
    }

    /// The answer to a change, with the password if one was made up.
    fn told(
        &self,
        name: &AccountName,
        done: &str,
        mut object: Json,
        made_up: Option<&SecretString>,
    ) -> Result<(), Failure> {
        let made_up = made_up.map(|password| password.expose_secret());
        match self.format {
            Format::Text => {
                let mut text = format!("`{name}` {done}\n");
                if let Some(password) = made_up {
                    text.push_str(&format!(
                        "\nIts password, shown only this once:\n\n  {password}\n"
                    ));
                }
                output::text(&text)?;
            }
            Format::Json => {
                if let Some(password) = made_up {
                    object["password"] = password.into();
                }
                output::json(&object)?;
            }
        }
        Ok(())
    }
}

fn account_name(text: &str) -> Result<AccountName, Failure> {
    text.parse()
        .map_err(|error| Failure::usage(format!("`{}`: {error}", text.escape_debug())))
}

fn permissions(text: &str) -> Result<Permissions, Failure> {
    text.parse()
        .map_err(|error| Failure::usage(format!("`--permissions`: {error}")))
}

fn make_up() -> Result<SecretString, Failure> {
    generate_password().map_err(database)
}

fn password_bytes(password: &SecretString) -> secrecy::SecretSlice<u8> {
    secrecy::SecretSlice::from(password.expose_secret().as_bytes().to_vec())
}

/// A home is a folder that is there: an account that can log in and then sees nothing is a riddle.
fn home(folder: &Path) -> Result<PathBuf, Failure> {
    let failed = |what: String| Failure::new(format!("the home `{}` {what}", folder.display()));
    match fs::canonicalize(folder) {
        Ok(path) if path.is_dir() => Ok(path),
        Ok(_) => Err(failed("is not a folder".to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let cure = crate::shell::command(&["mkdir", "-p"], folder);
            Err(failed("does not exist".to_owned()).hint(format!("make it with {cure}")))
        }
        Err(error) => Err(failed(format!("cannot be used: {error}"))),
    }
}

/// The one public key in a file.
fn public_key(file: &Path) -> Result<PublicKey, Failure> {
    let parsed = key_line(file)?.parse();
    parsed.map_err(|error| Failure::new(format!("`{}`: {error}", file.display())))
}

/// What stands in a file with a public key, or on standard input for `-`.
fn key_line(file: &Path) -> Result<String, Failure> {
    let shown = file.display();
    let unreadable =
        |error: std::io::Error| Failure::new(format!("cannot read the key `{shown}`: {error}"));
    let mut text = String::new();
    // A little more than a key may have, so that the parser sees that it is too much.
    let most = PublicKey::MAX_LINE as u64 + 1024;
    if file == Path::new("-") {
        std::io::stdin()
            .take(most)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
    } else {
        let opened = fs::File::open(file).map_err(unreadable)?;
        opened
            .take(most)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
    }
    text.parse()
        .map_err(|error| Failure::new(format!("`{shown}`: {error}")))
}
