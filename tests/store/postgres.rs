//! A real PostgreSQL, started by the tests in a folder of its own, and what becomes of a store when
//! it goes away. Where its programs are not installed, that is said on stderr, or is a failure if
//! `REQUIRE_POSTGRES` is set.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use dana::store::sql::Sql;
use dana::store::{Recorded, Store, StoreError, StoreUrl};
use sqlx::{Connection, Executor, PgConnection};

use super::*;

/// Starts the server, says so, waits until we are gone, takes it down.
const SCRIPT: &str = r#"
folder=$1; bin=$2; shift 2
as() { "$@"; }
if [ "$(id -u)" = 0 ]; then chown nobody "$folder"; as() { setpriv --reuid=nobody --clear-groups "$@"; }; fi
cd "$folder"
as "$bin/initdb" -D "$folder/data" -U dana -A trust -E UTF8 --locale=C > "$folder/log" 2>&1 &&
    printf "unix_socket_directories = '%s'\nlisten_addresses = ''\nmax_connections = 300\n" "$folder" >> "$folder/data/postgresql.conf" &&
    as "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/server" start >> "$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
echo ready
while read -r command; do as "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/server" $command >> "$folder/log" 2>&1; echo "$command $?"; done
as "$bin/pg_ctl" -D "$folder/data" -m immediate stop >> "$folder/log" 2>&1
rm -rf "$folder"
"#;

/// A server of our own.
pub(crate) struct Server {
    folder: PathBuf,
    shell: Child,
    said: BufReader<std::process::ChildStdout>,
    databases: u32,
}

/// The server that scenarios share, each with a database of its own.
static SERVER: LazyLock<Mutex<Option<Server>>> = LazyLock::new(|| Mutex::new(Server::start()));

/// The folder of its programs, this one among them; `None` where it is not installed, which is said.
pub(super) fn programs(wanted: &str) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default();
    let installed = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    folders.extend(
        installed
            .flatten()
            .map(|version| version.path().join("bin")),
    );
    let has = |folder: &&PathBuf| {
        ["initdb", "pg_ctl", wanted]
            .iter()
            .all(|name| folder.join(name).exists())
    };
    let found = folders.iter().find(has).cloned();
    if found.is_none() {
        assert!(
            std::env::var_os("REQUIRE_POSTGRES").is_none(),
            "no initdb, or no {wanted}, on PATH or in /usr/lib/postgresql/*/bin"
        );
        // Not `eprintln!`: that is swallowed when a test passes.
        let _ = std::io::stderr().write_all(
            b"\n*** SKIPPED: PostgreSQL is not installed (no initdb): its tests did not run ***\n\n",
        );
    }
    found
}

impl Server {
    /// `None` where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let programs = programs("pg_ctl")?;
        let folder = tempfile::Builder::new()
            .prefix("dana-pg")
            .tempdir()
            .expect("a folder")
            .keep();
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(&folder)
            .arg(programs)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let said = BufReader::new(shell.stdout.take().expect("a pipe"));
        let mut server = Self {
            folder,
            shell,
            said,
            databases: 0,
        };
        assert_eq!(server.line(), "ready\n");
        Some(server)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("a line");
        line
    }

    /// `pg_ctl` with these words.
    pub(crate) fn control(&mut self, words: &str) {
        let stdin = self.shell.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{words}").expect("it listens");
        assert_eq!(self.line(), format!("{words} 0\n"));
    }

    fn url_of(folder: &Path, database: &str) -> String {
        format!(
            "postgres://dana@localhost/{database}?host={}",
            folder.display()
        )
    }

    /// The name of a database that is new.
    fn fresh(&mut self) -> (String, String) {
        self.databases += 1;
        let name = format!("dana_{}", self.databases);
        (Self::url_of(&self.folder, "postgres"), name)
    }

    /// A new database; its URL.
    pub(crate) async fn database(&mut self) -> StoreUrl {
        let (admin, name) = self.fresh();
        create(&admin, &self.folder, &name).await.0
    }
}

async fn create(admin: &str, folder: &Path, name: &str) -> (StoreUrl, String) {
    let mut admin = PgConnection::connect(admin).await.expect("it serves");
    let sql = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    admin.execute(sql).await.expect("a database");
    let url = Server::url_of(folder, name);
    (StoreUrl::parse(&url).expect("a URL"), url)
}

/// The URL of a new database of the shared server, and the same in plain text; `None` where there is
/// none.
pub(crate) async fn database() -> Option<(StoreUrl, String)> {
    let (admin, folder, name) = {
        let mut server = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        let server = server.as_mut()?;
        let (admin, name) = server.fresh();
        (admin, server.folder.clone(), name)
    };
    Some(create(&admin, &folder, &name).await)
}

/// A store in a new database.
pub(super) async fn postgres() -> Option<Sql> {
    let (url, _) = database().await?;
    Some(Sql::open(&url, &keys()).await.expect("a store"))
}

/// What a killed server had said yes to is there when it comes back, without a new connection
/// string and without a restart of ours.
#[tokio::test]
async fn s8_s12_a_server_that_dies_and_comes_back_keeps_what_it_said_yes_to() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let url = server.database().await;
    let store = Sql::open(&url, &keys()).await.expect("a store");
    let mut said_yes = Vec::new();
    for index in 0..40 {
        if index == 20 {
            server.control("-m immediate stop");
            let away = store.record(&order("away", 500), MINUTE).await;
            assert!(matches!(away, Err(StoreError::Away(_))), "{away:?}");
            let opened = Sql::open(&url, &keys()).await;
            assert!(matches!(opened, Err(StoreError::Away(_))), "{opened:?}");
            server.control("start");
        }
        let made = order(&format!("c-{index}"), index);
        if matches!(store.record(&made, MINUTE).await, Ok(Recorded::New { .. })) {
            said_yes.push(made);
        }
    }
    assert_eq!(said_yes.len(), 40);
    for made in said_yes {
        let known = store.intent(&made.key).await.expect("an answer");
        assert_eq!(known.map(|intent| intent.order), Some(made));
    }
}

/// Two builds that start at the same moment make the tables once.
#[tokio::test]
async fn s16_tables_are_made_once() {
    let Some((url, _)) = database().await else {
        return;
    };
    let keys = keys();
    let open = || Sql::open(&url, &keys);
    let (one, two, three) = tokio::join!(open(), open(), open());
    for store in [one, two, three] {
        assert_eq!(store.expect("a store").publications(1).await, Ok(vec![]));
    }
}
