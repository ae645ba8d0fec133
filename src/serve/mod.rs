//! Configuration and wiring of the service: the one place that knows all of its parts.

pub mod config;
pub mod desk;
pub mod keys;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::bundle::{Bundle, BundleError};
use crate::gateway;
use crate::gateway::Gateway;
use crate::journal::recorder::Recorder;
use crate::lookup::Network;
use crate::network::TmForum;
use crate::serve::config::{Clock, Config};
use crate::serve::keys::KeyError;
use crate::session::{ClockSource, Shared};
use crate::store::StoreError;
use crate::store::sql::Sql;
use crate::tickets::Desk;
use crate::token::{MasterKey, TokenKeys};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// How long the last journals may take to reach the disk.
const FLUSH: Duration = Duration::from_secs(2);

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The bundle.
    #[error("{0}")]
    Bundle(#[from] BundleError),
    /// The keys of resume tokens.
    #[error("{0}")]
    Keys(#[from] KeyError),
    /// There is no key.
    #[error("the file of token keys has no key in it")]
    NoKey,
    /// The store.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// TLS towards the back ends.
    #[error("cannot set up HTTP to the back ends: {0}")]
    Http(String),
    /// A folder or a port.
    #[error("{what}: {source}")]
    Io {
        /// What could not be had.
        what: String,
        /// Why.
        source: io::Error,
    },
}

type ServiceDesk = Desk<Sql, TmForum>;

/// The parts of a service that is not running yet.
pub struct Service {
    gateway: Gateway<ServiceDesk>,
    desk: ServiceDesk,
    /// Where the store lives, and all that outlives a call.
    home: Runtime,
    recorder: Recorder,
    listen: SocketAddr,
    workers: usize,
}

impl Service {
    /// Puts it together from its configuration.
    pub fn new(config: &Config) -> Result<Self, ServeError> {
        let bundle = Bundle::load(&config.bundle)?;
        for warning in bundle.audio.placeholders() {
            tracing::warn!("{warning}");
        }
        for problem in bundle.audio_problems.iter() {
            // Its text is played by synthesis: worth a word, no reason to serve nobody.
            tracing::warn!("{}: a gateway has to speak it", problem.title());
        }
        let keys = keys::load_or_create(&config.token_keys())?;
        let keys = keys.into_iter().map(|key| MasterKey {
            id: key.id,
            secret: key.secret,
        });
        let keys = TokenKeys::new(keys.collect()).ok_or(ServeError::NoKey)?;
        let io = |what: String| move |source| ServeError::Io { what, source };
        let folder = config.journal();
        let recorder = Recorder::to_folder(folder).map_err(io(format!(
            "cannot write to the journal's folder `{}`",
            folder.display()
        )))?;
        let home = runtime().map_err(io("cannot start a runtime".to_owned()))?;
        let desk = home.block_on(async {
            let store = desk::store(config).await?;
            desk::desk(config, store)
        })?;
        let max_calls = usize::try_from(config.call_limit.get()).unwrap_or(usize::MAX);
        let settings = gateway::Settings {
            max_calls,
            ..gateway::Settings::default()
        };
        let clock = match config.clock {
            Clock::Server => ClockSource::Server,
            Clock::Gateway => ClockSource::Gateway,
        };
        let shared = Shared {
            network: Arc::new(desk.clone()),
            recorder: recorder.clone(),
            clock,
        };
        let gateway = Gateway::new(settings, bundle, shared, keys);
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let workers = usize::from(config.workers);
        let workers = if workers == 0 { cores } else { workers };
        Ok(Self {
            gateway,
            desk,
            home,
            recorder,
            listen: config.listen,
            workers,
        })
    }

    /// Serves until `shutdown`: one single-threaded runtime a worker, each with its own share of
    /// the listening port, so that no call waits for a lock or another core.
    pub fn run(
        self,
        ready: impl FnOnce(SocketAddr),
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let io = |what: &str| {
            let what = what.to_owned();
            move |source| ServeError::Io { what, source }
        };
        let (stop, stopped) = watch::channel(());
        let mut threads = Vec::new();
        let mut listen = self.listen;
        for _ in 0..self.workers {
            let runtime = runtime().map_err(io("cannot start a runtime"))?;
            let listener = {
                let _entered = runtime.enter();
                share(listen).map_err(io(&format!("cannot listen at {listen}")))?
            };
            listen = listener.local_addr().unwrap_or(listen);
            let (gateway, stopped) = (self.gateway.clone(), stopped.clone());
            threads.push(std::thread::spawn(move || {
                serve(&runtime, listener, gateway, stopped);
            }));
        }
        ready(listen);
        let holder = format!("{}:{listen}", std::process::id());
        let mut stopping = stop.subscribe();
        let work = self.desk.clone();
        self.home.spawn(async move {
            let stop = async {
                let _ = stopping.changed().await;
            };
            work.work(holder, stop).await;
        });
        self.home.block_on(async {
            shutdown.await;
            drop(stop);
            // The store goes on answering until the last call has been handed back.
            let joined = tokio::task::spawn_blocking(move || {
                for thread in threads {
                    // A worker that panicked has said so.
                    let _ = thread.join();
                }
            });
            let _ = joined.await;
            self.desk.store().close().await;
        });
        self.recorder.flush(FLUSH);
        Ok(())
    }
}

fn serve<N: Network>(
    runtime: &Runtime,
    listener: TcpListener,
    gateway: Gateway<N>,
    mut stopped: watch::Receiver<()>,
) {
    let shutdown = async move {
        // It only ends, by the sender's drop.
        let _ = stopped.changed().await;
    };
    if let Err(error) = runtime.block_on(gateway.serve(listener, shutdown)) {
        tracing::error!(%error, "a worker ended");
    }
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// One of several listeners of one port.
fn share(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    #[cfg(unix)]
    socket.set_reuseport(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}
