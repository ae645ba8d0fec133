//! A service as a process of its own, of this very program: with its store, its journals and its
//! keys in a folder that is gone afterwards. Can be killed and started again at the same address.

use std::env::current_exe;
use std::fs;
use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep};

use crate::serve::keys;
use crate::store::StoreUrl;
use crate::store::sql::Sql;

/// A service that does not listen by then will not.
const START: Duration = Duration::from_mins(1);
/// How often it is tried meanwhile.
const TRY_EVERY: Duration = Duration::from_millis(10);

/// The service; killed when it is dropped.
pub(super) struct Replica {
    folder: TempDir,
    at: SocketAddr,
    /// Bound and never listening: nobody else takes the port while the service is dead.
    _port: TcpSocket,
    child: Option<Child>,
}

impl Replica {
    /// Sets it up on a free port, with the back ends at `root`.
    pub(super) fn new(bundle: &Path, root: &str) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("a folder: {error}"))?;
        let (port, at) = free_port().map_err(|error| format!("a port: {error}"))?;
        // A text of JSON is one of TOML.
        let path = |path: &Path| Value::from(path.display().to_string());
        let settings = format!(
            "[gateway]\nlisten = \"{at}\"\nplaintext = true\n\
             # Every caller is taken, on however slow a machine.\nmax_lag_ms = 60000\n\
             [status]\nlisten = \"127.0.0.1:0\"\n\
             [service]\nstate = {}\n\
             [bundle]\nfolder = {}\n\
             [network]\nroot = \"{root}\"\n",
            path(&folder.path().join("state")),
            path(bundle),
        );
        let written = fs::write(folder.path().join("dana.toml"), settings);
        written.map_err(|error| format!("the configuration: {error}"))?;
        Ok(Self {
            folder,
            at,
            _port: port,
            child: None,
        })
    }

    /// Where gateways dial in.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// Where it keeps orders.
    pub(super) async fn store(&self) -> Result<Sql, String> {
        let state = self.folder.path().join("state");
        let keys = keys::load(&state.join("journal.keys")).map_err(|error| error.to_string())?;
        let url = StoreUrl::sqlite(&state.join("dana.db"));
        let store = Sql::open(&url, &keys::of_recordings(keys)).await;
        store.map_err(|error| error.to_string())
    }

    /// Starts it; returns when it listens.
    pub(super) async fn start(&mut self) -> Result<(), String> {
        let mut child = self
            .spawn()
            .map_err(|error| format!("the service does not start: {error}"))?;
        let give_up = Instant::now() + START;
        while TcpStream::connect(self.at).await.is_err() {
            let ended = child.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || Instant::now() > give_up {
                kill(&mut child);
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                let last = log.lines().last().unwrap_or_default();
                return Err(format!("the service does not serve: {last}"));
            }
            sleep(TRY_EVERY).await;
        }
        self.child = Some(child);
        Ok(())
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log())?;
        Command::new(current_exe()?)
            .args(["serve", "--config"])
            .arg(self.folder.path().join("dana.toml"))
            // Nothing but its file says how it runs.
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Kills it, as it stands: SIGKILL.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            kill(&mut child);
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill();
    }
}

fn kill(child: &mut Child) {
    // One that has ended cannot be killed.
    let _ = child.kill();
    let _ = child.wait();
}

/// A port that only sockets that share it can have, as those of the service do.
fn free_port() -> std::io::Result<(TcpSocket, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let at = socket.local_addr()?;
    Ok((socket, at))
}
