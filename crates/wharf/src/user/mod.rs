//! `wharf user`: accounts, their keys and certificates, in the database of the state folder.

mod certificates;
mod files;
mod keys;
mod logins;
mod permissions;
mod show;
mod totp;

use std::fs;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value as Json, json};
use wharf_accounts::{
    Account, AccountName, Accounts, CertificateUse, Error, NewAccount, Options, Permissions,
    generate_password,
};

use crate::arguments::{
    AddArguments, CertificateLogin, ChangeArguments, Changes, CommonArguments, Format,
    PasswordArguments, UserArguments, UserCommand,
};
use crate::failure::Failure;
use crate::output;
use crate::prompt::{NewPassword, new_password};
use crate::shell;
use crate::state::State;

use permissions::permissions;
use show::Everything;

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

/// An error of the accounts with everything below it, and what to do about it.
pub(crate) fn database(error: Error) -> Failure {
    let list = |of: &str, name: &AccountName| {
        let name = shell::quote(name.as_str());
        format!("`wharf user {of} list {name}` shows what it has")
    };
    let hint = match &error {
        Error::UnknownAccount(_) => Some("`wharf user list` shows the accounts there are".into()),
        Error::AccountExists(name) => {
            let name = shell::quote(name.as_str());
            Some(format!("`wharf user change {name}` changes what it may do"))
        }
        Error::UnknownKey { name, .. } => Some(list("key", name)),
        Error::UnknownCertificate { name, .. } => Some(list("certificate", name)),
        Error::TotpExists(name) => {
            let name = shell::quote(name.as_str());
            Some(format!(
                "`wharf user totp {name} --off` takes them away, for new ones"
            ))
        }
        Error::TooManyKeys { .. } => Some("`wharf user key remove` makes room".into()),
        Error::TooManyCertificates { .. } => {
            Some("`wharf user certificate remove` makes room".into())
        }
        _ => None,
    };
    let failure = Failure::caused(&error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
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
            UserCommand::Totp(arguments) => self.totp(&arguments).await,
            UserCommand::Key(command) => self.key(command).await,
            UserCommand::Certificate(command) => self.certificate(command).await,
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
            .map(|file| files::public_key(file))
            .collect::<Result<_, _>>()?;
        let certificates = arguments
            .certificates
            .iter()
            .map(|file| files::certificate(file))
            .collect::<Result<_, _>>()?;
        if arguments.no_password && arguments.certificate_login == CertificateLogin::Factor {
            return Err(Failure::usage(
                "`--certificate-login factor` asks for a certificate and a password, and `--no-password` gives none",
            )
            .hint("`--certificate-login login` lets the certificate alone in"));
        }
        if self.accounts.find(&name).await.map_err(database)?.is_some() {
            return Err(database(Error::AccountExists(name)));
        }
        let mut made_up = None;
        let mut new = NewAccount {
            home,
            permissions,
            keys,
            certificates,
            max_sessions: arguments.max_sessions,
            certificate_use: arguments.certificate_login.into(),
            fxp: arguments.fxp.into(),
            expires: arguments.expires.and_then(|expires| expires.0),
            networks: arguments
                .networks
                .map(|networks| networks.0)
                .unwrap_or_default(),
            login: arguments.login.and_then(|login| login.0),
            scp: arguments.scp.into(),
            authorized_keys: logins::keys_file(arguments.authorized_keys.as_ref())?,
            ..NewAccount::new(name.clone())
        };
        if !arguments.no_password {
            new.password = Some(
                match new_password(arguments.password.password_stdin, name.as_str())? {
                    NewPassword::Given(password) => password,
                    NewPassword::MakeUp => password_bytes(made_up.insert(make_up()?)),
                },
            );
        }
        let account = self.accounts.add(new).await.map_err(database)?;
        let object = self.everything(&account).await?.json();
        self.told(&name, "added", object, made_up.as_ref())
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
                    output::json(&show::json(account))?;
                }
            }
        }
        Ok(())
    }

    async fn show(&self, name: &str) -> Result<(), Failure> {
        let account = self.account(name).await?;
        let everything = self.everything(&account).await?;
        match self.format {
            Format::Text => output::text(&everything.text())?,
            Format::Json => output::json(&everything.json())?,
        }
        Ok(())
    }

    async fn everything<'a>(&self, account: &'a Account) -> Result<Everything<'a>, Failure> {
        let accounts = &self.accounts;
        Ok(Everything {
            account,
            keys: accounts.keys(&account.name).await.map_err(database)?,
            certificates: accounts
                .certificates(&account.name)
                .await
                .map_err(database)?,
            recovery_codes: accounts
                .recovery_codes_left(account.id)
                .await
                .map_err(database)?,
        })
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
        let keys_file = logins::keys_file(changes.authorized_keys.as_ref())?;
        self.apply(&name, &changes, new_permissions, new_home)
            .await
            .map_err(database)?;
        self.apply_logins(&name, &changes, keys_file)
            .await
            .map_err(database)?;
        let account = self.account(name.as_str()).await?;
        let notes = logins::notes(&account, &changes);
        self.say(&name, &format!("changed{notes}"), show::json(&account))
    }

    async fn apply(
        &self,
        name: &AccountName,
        changes: &Changes,
        permissions: Option<Permissions>,
        home: Option<Option<PathBuf>>,
    ) -> Result<(), Error> {
        let accounts = &self.accounts;
        if let Some(permissions) = permissions {
            accounts.set_permissions(name, &permissions).await?;
        }
        if let Some(home) = home {
            accounts.set_home(name, home.as_deref()).await?;
        }
        if let Some(limit) = changes.max_sessions {
            accounts.set_max_sessions(name, limit.0).await?;
        }
        if let Some(login) = changes.certificate_login {
            let certificate_use = CertificateUse::from(login);
            accounts.set_certificate_use(name, certificate_use).await?;
        }
        if let Some(fxp) = changes.fxp {
            accounts.set_fxp(name, fxp.into()).await?;
        }
        Ok(())
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

    async fn account(&self, name: &str) -> Result<Account, Failure> {
        let name = account_name(name)?;
        let found = self.accounts.find(&name).await.map_err(database)?;
        found.ok_or_else(|| database(Error::UnknownAccount(name)))
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
            let cure = shell::command(&["mkdir", "-p"], folder);
            Err(failed("does not exist".to_owned()).hint(format!("make it with {cure}")))
        }
        Err(error) => Err(failed(format!("cannot be used: {error}"))),
    }
}
