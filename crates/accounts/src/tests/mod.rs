//! Tests of the whole, on real database files with a cheap hash.

mod certificates;
mod changes;
mod codes;
mod files;
mod keys;
mod limits;
mod logins;
mod remembering;
mod versions;
mod watching;

use crate::{Account, AccountName, Accounts, KdfCost, NewAccount, Options, PasswordUse};
use secrecy::SecretSlice;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// Who logs in, where nothing else is said.
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
/// As FTP sends it.
const WHOLE: PasswordUse<'_> = PasswordUse::WithCode;

/// A database in a folder of its own.
struct House {
    folder: TempDir,
    accounts: Accounts,
}

impl House {
    async fn new() -> Self {
        Self::with(cheap()).await
    }

    async fn with(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(&folder.path().join("accounts.db"), options)
            .await
            .unwrap();
        Self { folder, accounts }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("accounts.db")
    }

    /// Another handle on the same file, which is what another process has.
    async fn neighbour(&self) -> Accounts {
        Accounts::open(&self.file(), cheap()).await.unwrap()
    }

    async fn add(&self, text: &str, password: Option<&str>) -> Account {
        let new = NewAccount {
            password: password.map(secret),
            ..NewAccount::new(name(text))
        };
        self.accounts.add(new).await.unwrap()
    }

    /// Runs SQL as somebody with the `sqlite3` program would.
    async fn sql(&self, sql: &'static str) {
        sqlx::query(sql)
            .execute(&self.accounts.0.pool)
            .await
            .unwrap();
    }

    /// Runs SQL that leaves what the database's own checks would not let in.
    async fn damage(&self, sql: &'static str) {
        let mut connection = self.accounts.0.pool.acquire().await.unwrap();
        for sql in [
            "PRAGMA ignore_check_constraints = ON",
            sql,
            "PRAGMA ignore_check_constraints = OFF",
        ] {
            sqlx::query(sql).execute(&mut *connection).await.unwrap();
        }
    }

    fn kdf_runs(&self) -> u64 {
        self.accounts.0.kdf.runs()
    }
}

fn cheap() -> Options {
    Options {
        kdf: KdfCost::MINIMUM,
        kdf_parallel: 2,
        login_queue: 8,
        password_memory: true,
        refusal_step: Duration::ZERO,
    }
}

fn forgetful() -> Options {
    Options {
        password_memory: false,
        ..cheap()
    }
}

fn name(text: &str) -> AccountName {
    text.parse().unwrap()
}

fn secret(text: &str) -> SecretSlice<u8> {
    text.as_bytes().to_vec().into()
}

/// Waits until a login stands in the queue; it has read its record by then.
async fn queued(house: &House) {
    let queued = async {
        while house.accounts.0.kdf.waiting() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), queued)
        .await
        .unwrap();
}
