//! The database of accounts, opened: made where it is missing, and brought up to date.

use crate::error::{DatabaseError, Error, Result};
use crate::key_file::KeyFiles;
use crate::password::{Kdf, KdfCost, VerifiedPasswords};
use crate::store::{Accounts, Inner, stored_revision};
use crate::watch::Revision;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlitePool};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How accounts are kept and logins checked.
#[derive(Debug, Clone)]
pub struct Options {
    /// What one check of a password costs.
    pub kdf: KdfCost,
    /// Passwords checked at a time; by default one for each core.
    pub kdf_parallel: usize,
    /// Logins that may wait for their check; more are answered with `Busy`.
    pub login_queue: usize,
    /// Whether a password that was verified is known again for ten minutes without a new check.
    pub password_memory: bool,
    /// A refused login is answered after a whole number of these, and up to a quarter of one by
    /// chance, so that the time does not tell why (security A1); zero answers at once.
    pub refusal_step: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            kdf: KdfCost::default(),
            kdf_parallel: std::thread::available_parallelism().map_or(1, usize::from),
            login_queue: 256,
            password_memory: true,
            refusal_step: Duration::from_millis(100),
        }
    }
}

impl Accounts {
    /// Opens the database of accounts, making it (mode 0600) where there is none. Several
    /// processes may have it open. Needs a tokio runtime with time.
    ///
    /// # Errors
    /// [`Error::LaxMode`] when others may read or write it, [`Error::File`] when it cannot be
    /// reached, [`Error::Open`] when it is no such database or one of a later version.
    pub async fn open(file: &Path, options: Options) -> Result<Self> {
        let kdf = move || Kdf::new(options.kdf, options.kdf_parallel, options.login_queue);
        let path = file.to_owned();
        let prepare = move || prepare_file(&path).and_then(|()| kdf());
        let kdf = tokio::task::spawn_blocking(prepare)
            .await
            .map_err(|_| Error::GivenUp)??;
        let unusable = |source| Error::Open {
            file: file.to_owned(),
            source,
        };
        let pool = connect(file).await.map_err(unusable)?;
        let revision = stored_revision(&pool)
            .await
            .map_err(|error| unusable(error.into()))?;
        let verified = options
            .password_memory
            .then(VerifiedPasswords::new)
            .transpose()?;
        let revision = Revision::new(revision);
        Ok(Self(Arc::new(Inner {
            pool,
            kdf,
            verified,
            revision,
            refusal_step: options.refusal_step,
            key_files: KeyFiles::default(),
        })))
    }
}

/// Makes an empty file of mode 0600 where there is none; SQLite would ask the umask. An existing
/// one is only looked at: to open and close it here would drop the locks this process may hold on
/// it through SQLite (POSIX locks belong to the process, not to the descriptor).
fn prepare_file(file: &Path) -> Result<()> {
    let failed = |source| Error::File {
        file: file.to_owned(),
        source,
    };
    match std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
    {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    refuse_lax(file, mode(file).map_err(failed)?)?;
    // The log and its index hold the same secrets; SQLite gives them the mode of the database.
    for suffix in ["-wal", "-shm"] {
        let mut companion = file.as_os_str().to_owned();
        companion.push(suffix);
        if let Ok(mode) = mode(Path::new(&companion)) {
            refuse_lax(Path::new(&companion), mode)?;
        }
    }
    Ok(())
}

fn mode(file: &Path) -> std::io::Result<u32> {
    Ok(std::fs::metadata(file)?.permissions().mode() & 0o7777)
}

fn refuse_lax(file: &Path, mode: u32) -> Result<()> {
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Error::LaxMode {
        file: file.to_owned(),
        mode,
    })
}

/// A small pool on the database, its schema brought up to date.
async fn connect(file: &Path) -> Result<SqlitePool, DatabaseError> {
    let connection = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        // Accounts change rarely, and a change that was confirmed should outlive a power cut.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        // A connection to a file does not go away; the ping would double the cost of a login.
        .test_before_acquire(false);
    // While one process turns a new database to WAL, SQLite tells another that it is busy without
    // asking the busy timeout.
    let deadline = Instant::now() + BUSY_TIMEOUT;
    let pool = loop {
        match pool.clone().connect_with(connection.clone()).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            outcome => break outcome?,
        }
    };
    // IMMEDIATE: two processes that start on a new database must not both make its tables.
    let mut change = pool.begin_with("BEGIN IMMEDIATE").await?;
    // Not `run`: its future cannot be sent between threads (rust-lang/rust#110338).
    sqlx::migrate!()
        .run_direct(None, &mut *change, false)
        .await?;
    change.commit().await?;
    Ok(pool)
}

fn is_busy(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(|error| error.code()?.parse::<u32>().ok());
    // The low byte of an extended code is the plain one; 5 is SQLITE_BUSY.
    code.is_some_and(|code| code & 0xff == 5)
}

const MAX_CONNECTIONS: u32 = 4;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
