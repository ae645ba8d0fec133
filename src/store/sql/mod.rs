//! The store in SQL: one set of statements for SQLite and PostgreSQL. What the engines call
//! differently is in `schema`.

mod operations;
pub(super) mod sealed;
mod statements;

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection, Executor};

use crate::seal::Keys;
use crate::store::schema;
use crate::store::sql::sealed::Seals;
use crate::store::url::{StoreUrl, of_file};
use crate::store::{Answer, StoreError};

/// A free connection, or an answer of the engine, is waited for no longer.
const PATIENCE: Duration = Duration::from_secs(3);
/// A deadlock, a serialisation failure, a broken connection: asked again so often.
const TRIES: u32 = 3;
/// A bundle has some 40 MB of audio.
const BUNDLE_PATIENCE: Duration = Duration::from_mins(1);
/// Connections of one replica. A call's way has two short statements a ticket.
const CONNECTIONS: u32 = 8;
/// The same to a SQLite file: one writes, for a connection drops the pages that it keeps when another
/// one has written; the others only read, and wait for no writer.
const SQLITE_WRITERS: u32 = 1;
const SQLITE_READERS: u32 = 2;
/// A SQLite file up to this size is checked whole at the start; of a larger one, the tickets.
const CHECKED_WHOLE: u64 = 64 * 1024 * 1024;

/// What every connection is told first.
const SQLITE_FIRST: &str = "PRAGMA busy_timeout = 3000; PRAGMA journal_mode = WAL; \
                            PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                            PRAGMA secure_delete = ON";
const POSTGRES_FIRST: &str = "SET statement_timeout = 10000; SET lock_timeout = 2000; \
                              SET idle_in_transaction_session_timeout = 5000";

/// A SQLite file that is open. What is written to it when its name is gone, or is another file's, is lost
/// with the process.
#[derive(Debug)]
struct File {
    path: PathBuf,
    inode: u64,
}

impl File {
    fn of(path: &Path) -> Answer<Self> {
        let about = path.metadata().map_err(|error| unusable(&error.into()))?;
        Ok(Self {
            path: path.to_owned(),
            inode: about.ino(),
        })
    }

    fn is_there(&self) -> Answer<()> {
        let about = self.path.metadata();
        if about.is_ok_and(|about| about.ino() == self.inode) {
            return Ok(());
        }
        Err(StoreError::Away(format!(
            "the file `{}` was removed or replaced while it was open",
            self.path.display()
        )))
    }
}

/// A store in SQL. Cheap to clone. To be used in the runtime that it was opened in.
#[derive(Clone, Debug)]
pub struct Sql {
    file: Option<Arc<File>>,
    pool: AnyPool,
    /// For what is only read.
    readers: AnyPool,
    seals: Seals,
}

impl Sql {
    /// Opens the store, makes it if there is none, and brings its tables to this build's version.
    /// Whoever has no keys gets at bundles only.
    pub async fn open(url: &StoreUrl, keys: &Keys) -> Answer<Self> {
        sqlx::any::install_default_drivers();
        let (file, pool, readers, dialect) = if let Some(path) = url.file() {
            make(&path, keys).await?;
            let file = of_file(&path);
            let [pool, readers] =
                [SQLITE_WRITERS, SQLITE_READERS].map(|of| pool(&file, SQLITE_FIRST, of));
            let (pool, readers) = (pool?, readers?);
            // A pool tells that it waited, and not what for.
            check(&file, &path)
                .await
                .map_err(|error| refused(&path, &error))?;
            let file = Arc::new(File::of(&path)?);
            (Some(file), pool, readers, &schema::SQLITE)
        } else {
            let pool = pool(url.reveal(), POSTGRES_FIRST, CONNECTIONS)?;
            (None, pool.clone(), pool, &schema::POSTGRES)
        };
        let mut connection = pool.acquire().await.map_err(|error| unusable(&error))?;
        schema::migrate(&mut connection, dialect, keys).await?;
        let seals = Seals::open(&mut connection, keys).await?;
        drop(connection);
        Ok(Self {
            file,
            pool,
            readers,
            seals,
        })
    }

    /// The keys were replaced: what everything else is found by is sealed by the first of the new
    /// ones, so that an old one may go some day.
    pub async fn reseal(&self) -> Answer<()> {
        let connection = self.pool.acquire().await;
        let mut connection = connection.map_err(|error| unusable(&error))?;
        self.seals.again(&mut connection).await
    }

    /// Closes every connection, so that a SQLite file is whole without its log.
    pub async fn close(&self) {
        self.readers.close().await;
        self.pool.close().await;
    }

    /// Asks for something to be written.
    async fn run<T, F>(&self, ask: impl Fn(AnyPool) -> F + Send) -> Answer<T>
    where
        F: Future<Output = Result<T, sqlx::Error>> + Send,
    {
        self.outlives_us()?;
        again(&self.pool, PATIENCE, ask).await
    }

    /// Whether what is written now can be found later.
    fn outlives_us(&self) -> Answer<()> {
        self.file.as_deref().map_or(Ok(()), File::is_there)
    }

    /// The same, of what writes nothing.
    async fn read<T, F>(&self, ask: impl Fn(AnyPool) -> F + Send) -> Answer<T>
    where
        F: Future<Output = Result<T, sqlx::Error>> + Send,
    {
        again(&self.readers, PATIENCE, ask).await
    }
}

/// Asks; again, if the engine says that it may be.
async fn again<T, F>(
    pool: &AnyPool,
    patience: Duration,
    ask: impl Fn(AnyPool) -> F + Send,
) -> Answer<T>
where
    F: Future<Output = Result<T, sqlx::Error>> + Send,
{
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match tokio::time::timeout(patience, ask(pool.clone())).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => return Err(StoreError::Away("no answer in time".to_owned())),
        };
        if tries == TRIES || !may_repeat(&error) {
            return Err(StoreError::Away(error.to_string()));
        }
    }
}

fn pool(url: &str, first: &'static str, connections: u32) -> Answer<AnyPool> {
    let options: AnyConnectOptions = url.parse().map_err(|error| unusable(&error))?;
    let options = options.disable_statement_logging();
    Ok(AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(first).await.map(drop) })
        })
        .connect_lazy_with(options))
}

/// A new SQLite file appears whole or not at all: it is made under another name, then linked.
async fn make(path: &Path, keys: &Keys) -> Answer<()> {
    let io = |error: &io::Error| {
        StoreError::Unusable(format!(
            "cannot make the store `{}`: {error}",
            path.display()
        ))
    };
    match path.metadata() {
        Ok(file) if file.len() == 0 => {
            return Err(StoreError::Unusable(format!(
                "the store `{}` is empty: what it held is lost\n\nhint: restore a backup, or remove \
                 the file to begin anew",
                path.display()
            )));
        }
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(&error)),
    }
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        let folders = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        folders.map_err(|error| io(&error))?;
    }
    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft);
    file.map_err(|error| io(&error))?;
    let options: AnyConnectOptions = of_file(&draft).parse().map_err(|error| unusable(&error))?;
    let mut connection = AnyConnection::connect_with(&options)
        .await
        .map_err(|error| unusable(&error))?;
    let made = schema::migrate(&mut connection, &schema::SQLITE, keys).await;
    let closed = connection.close().await.map_err(|error| unusable(&error));
    let linked = match made.and(closed) {
        Ok(()) => match std::fs::hard_link(&draft, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(io(&error)),
            Ok(()) | Err(_) => Ok(()),
        },
        Err(error) => Err(error),
    };
    let _ = std::fs::remove_file(&draft);
    linked
}

async fn check(url: &str, path: &Path) -> Result<(), sqlx::Error> {
    let whole = path
        .metadata()
        .is_ok_and(|file| file.len() <= CHECKED_WHOLE);
    let asked = if whole {
        "PRAGMA quick_check(1)"
    } else {
        "PRAGMA quick_check(ticket_intents)"
    };
    let options: AnyConnectOptions = url.parse()?;
    let mut connection = AnyConnection::connect_with(&options).await?;
    connection.execute(SQLITE_FIRST).await?;
    let said: String = sqlx::query_scalar(asked).fetch_one(&mut connection).await?;
    connection.close().await?;
    if said == "ok" {
        Ok(())
    } else {
        Err(sqlx::Error::Protocol(said))
    }
}

/// Why a SQLite file is not taken: for what is in it, or for what is around it.
fn refused(path: &Path, error: &sqlx::Error) -> StoreError {
    // Of the codes' families, "malformed" and "no database".
    let code = error
        .as_database_error()
        .and_then(|error| error.code()?.parse::<u32>().ok());
    let damaged = match code {
        Some(code) => matches!(code & 0xFF, 11 | 26),
        None => matches!(error, sqlx::Error::Protocol(_)),
    };
    let [what, hint] = if damaged {
        [
            "is damaged",
            "restore the newest backup of it (with its -wal file, or without both), then run `dana \
             tickets reconcile`",
        ]
    } else {
        [
            "cannot be used",
            "the file and its folder have to be writable, and the disk needs room",
        ]
    };
    let path = path.display();
    StoreError::Unusable(format!(
        "the store `{path}` {what}: {error}\n\nhint: {hint}"
    ))
}

/// At the opening: a server that is not there, or not yet, may come; anything else will not.
pub(super) fn unusable(error: &sqlx::Error) -> StoreError {
    let starting = error
        .as_database_error()
        .is_some_and(|error| error.code().as_deref() == Some("57P03"));
    if starting || matches!(error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) {
        return StoreError::Away(error.to_string());
    }
    StoreError::Unusable(format!("cannot open the store: {error}"))
}

/// Every statement of ours may be made twice. A violated rule stays violated, though.
fn may_repeat(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else {
        return matches!(error, sqlx::Error::Io(_));
    };
    // SQLSTATE classes: transaction rollback, connection, operator intervention; SQLite: busy.
    error.code().is_some_and(|code| match code.len() {
        5 => ["40", "08", "57"]
            .iter()
            .any(|class| code.starts_with(class)),
        _ => matches!(code.as_ref(), "5" | "517"),
    })
}
