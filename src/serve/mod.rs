//! Configuration and wiring of the service: the one place that knows all of its parts.

pub mod config;
pub mod credentials;
pub mod desk;
pub mod forms;
pub mod keys;
pub mod secret;
mod status;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::bundle::{Bundle, BundleError};
use crate::digest::hex;
use crate::gateway;
use crate::gateway::Gateway;
use crate::gateway::tls::Tls;
use crate::journal::Retention;
use crate::journal::cdr::Cdr;
use crate::journal::recorder::Recorder;
use crate::lookup::Network;
use crate::metrics::Metrics;
use crate::network;
use crate::network::TmForum;
use crate::publication;
use crate::records;
use crate::records::Spool;
use crate::seal;
use crate::seal::Keys;
use crate::serve::config::{Clock, Config};
use crate::serve::credentials::{CredentialError, Credentials};
use crate::serve::status::{Status, StoreHealth};
use crate::session::{ClockSource, Shared};
use crate::shelf::Shelf;
use crate::store::StoreError;
use crate::store::sql::Sql;
use crate::tickets::Desk;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// How long the last journals may take to reach the disk.
const FLUSH: Duration = Duration::from_secs(2);

/// How often files of certificates, keys and tokens are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Raises the limit of open files to what the process may have: a connection and a recording need
/// one each, and the usual limit of 1,024 is from another time.
///
/// # Errors
/// The system refuses.
pub fn raise_open_files() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

/// What the service is told while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Look at certificates, keys and tokens now.
    Reload,
    /// Drain and end; the second time, end at once.
    Stop,
}

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The bundle.
    #[error("{0}")]
    Bundle(#[from] BundleError),
    /// Certificates, keys, tokens.
    #[error("{0}")]
    Credentials(#[from] CredentialError),
    /// The store.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// HTTP towards the back ends.
    #[error("cannot set up HTTP to the back ends: {0}")]
    Http(#[from] network::SetUpError),
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
    home: Arc<Runtime>,
    spool: Arc<Spool>,
    shelf: Shelf,
    /// Where published bundles are unpacked.
    cache: PathBuf,
    /// Who we are among the replicas of a store.
    holder: String,
    /// How long the store keeps what has ended.
    keep: Duration,
    network: Arc<TmForum>,
    credentials: Credentials,
    tls: Option<Arc<Tls>>,
    metrics: Metrics,
    recorder: Recorder,
    listen: SocketAddr,
    status: SocketAddr,
    workers: usize,
}

/// Says what of the voice is missing: worth a word, no reason to serve nobody.
fn warn_of_voice(bundle: &Bundle) {
    for warning in bundle.audio.placeholders() {
        tracing::warn!("{warning}");
    }
    for problem in bundle.audio_problems.iter() {
        // Its text is played by synthesis.
        tracing::warn!("{}: a gateway has to speak it", problem.title());
    }
}

/// Where records wait for the store, and who writes the journals and hands them in.
fn records_of(config: &Config, keys: &Keys) -> Result<(Arc<Spool>, Recorder), ServeError> {
    let folder = config.journal();
    let retention = Retention {
        days: u32::from(config.keep_days),
        bytes: u64::from(config.keep_mb.get()) * 1_000_000,
    };
    let unwritable = |folder: &Path| {
        let what = format!("cannot write to the folder `{}`", folder.display());
        move |source| ServeError::Io { what, source }
    };
    let spool = config.spool();
    let spool = Arc::new(Spool::open(&spool, keys).map_err(unwritable(&spool))?);
    let spooled = Arc::clone(&spool);
    let tell = Box::new(move |records: &[Cdr]| spooled.push(records));
    let recorder = Recorder::to_folder_telling(folder, keys.clone(), retention, tell)
        .map_err(unwritable(folder))?;
    Ok((spool, recorder))
}

impl Service {
    /// Puts it together from its configuration.
    pub fn new(config: &Config) -> Result<Self, ServeError> {
        let bundle = Bundle::load(&config.bundle)?;
        let io = |what: String| move |source| ServeError::Io { what, source };
        let metrics = Metrics::default();
        let network = Arc::new(TmForum::new(desk::back_ends(config, &metrics)?)?);
        let (credentials, made) = Credentials::load(config, &network)?;
        let (spool, recorder) = records_of(config, &made.sealing)?;
        let home = runtime().map_err(io("cannot start a runtime".to_owned()))?;
        let home = Arc::new(home);
        let store = home.block_on(desk::store(config, &made.sealing))?;
        let cache = config.bundles();
        let shelf = home.block_on(desk::shelf(bundle, &store, &cache));
        warn_of_voice(&shelf.newest());
        let oss = TmForum::clone(&network);
        let settings = desk::settings(config, &metrics);
        let desk = Desk::new(store, oss, settings, home.handle().clone());
        let max_calls = usize::try_from(config.call_limit.get()).unwrap_or(usize::MAX);
        let settings = gateway::Settings {
            tls: made.tls.clone(),
            max_calls,
            max_lag: Some(desk::ms(config.max_lag_ms)),
            metrics: metrics.clone(),
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
        let gateway = Gateway::new(settings, shelf.clone(), shared, made.keys);
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let workers = usize::from(config.workers);
        let workers = if workers == 0 { cores } else { workers };
        Ok(Self {
            gateway,
            desk,
            home,
            spool,
            shelf,
            cache,
            holder: hex(&random()?),
            keep: Duration::from_hours(24) * config.store_days.get(),
            network,
            credentials,
            tls: made.tls,
            metrics,
            recorder,
            listen: config.listen,
            status: config.status,
            workers,
        })
    }

    /// Serves until it is told to stop: one single-threaded runtime a worker, each with its own
    /// share of the listening port, so that no call waits for a lock or another core; and one for
    /// everything that is no call. `ready` is told where gateways dial in, and where the status is.
    pub fn run(
        mut self,
        ready: impl FnOnce(SocketAddr, SocketAddr),
        mut signal: impl AsyncFnMut() -> Signal,
    ) -> Result<(), ServeError> {
        let io = |what: &str| {
            let what = what.to_owned();
            move |source| ServeError::Io { what, source }
        };
        let health = StoreHealth::opened();
        let about = Arc::new(Status {
            gateway: self.gateway.clone(),
            metrics: self.metrics.clone(),
            recorder: self.recorder.clone(),
            spool: Arc::clone(&self.spool),
            store: health.clone(),
        });
        let listener = self.home.block_on(TcpListener::bind(self.status));
        let listener = listener.map_err(io(&format!("cannot listen at {}", self.status)))?;
        let status = listener.local_addr().unwrap_or(self.status);
        self.home.spawn(Arc::clone(&about).serve(listener));
        let (stop, stopped) = watch::channel(());
        let (working, mut worked) = mpsc::channel::<()>(1);
        let mut listen = self.listen;
        if answers(listen) {
            let source = io::Error::new(io::ErrorKind::AddrInUse, "another service answers there");
            return Err(io(&format!("cannot listen at {listen}"))(source));
        }
        for _ in 0..self.workers {
            let runtime = runtime().map_err(io("cannot start a runtime"))?;
            let listener = {
                let _entered = runtime.enter();
                share(listen).map_err(io(&format!("cannot listen at {listen}")))?
            };
            listen = listener.local_addr().unwrap_or(listen);
            let (gateway, stopped) = (self.gateway.clone(), stopped.clone());
            let working = working.clone();
            std::thread::spawn(move || {
                serve(&runtime, listener, gateway, stopped);
                drop(working);
            });
        }
        drop(working);
        ready(listen, status);
        self.home.spawn(self.chores(health, &stop));
        // The runtime is driven while the service drains: the store goes on answering.
        let home = Arc::clone(&self.home);
        home.block_on(async {
            self.until_stopped(&mut signal).await;
            drop(stop);
            tokio::select! {
                // It only ends, when every worker has.
                _ = worked.recv() => {}
                () = until_told_again(&mut signal) => {}
            }
            let recorder = self.recorder.clone();
            let flushed = tokio::task::spawn_blocking(move || recorder.flush(FLUSH));
            let _ = flushed.await;
            self.desk.close(FLUSH).await;
            let store = self.desk.store();
            // What does not get there now, the next process brings.
            let _ = timeout(FLUSH, records::ship(&self.spool, store)).await;
            store.close().await;
        });
        Ok(())
    }

    /// All that is no call: tickets that wait, call records, published bundles; until the drain.
    fn chores(
        &self,
        health: StoreHealth,
        stop: &watch::Sender<()>,
    ) -> impl Future<Output = ()> + use<> {
        let (desk, shelf, cache) = (self.desk.clone(), self.shelf.clone(), self.cache.clone());
        let (spool, keep) = (Arc::clone(&self.spool), self.keep);
        let holder = self.holder.clone();
        let stopped = stop.subscribe();
        let stopped = move || {
            let mut stopped = stopped.clone();
            async move {
                let _ = stopped.changed().await;
            }
        };
        async move {
            tokio::join!(
                desk.work(holder.clone(), stopped()),
                records::work(&spool, desk.store(), (&holder, keep), stopped()),
                publication::follow(desk.store(), &shelf, &cache, stopped()),
                publication::prune(desk.store(), &shelf, &cache, stopped()),
                health.watch(desk.store(), &holder, stopped()),
            );
        }
    }

    /// Looks at files that may change, until it is told to stop.
    async fn until_stopped(&mut self, signal: &mut impl AsyncFnMut() -> Signal) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            let mut told = std::pin::pin!(signal());
            loop {
                tokio::select! {
                    signal = &mut told => match signal {
                        Signal::Stop => return,
                        Signal::Reload => break,
                    },
                    _ = looks.tick() => self.look(),
                }
            }
            self.look();
        }
    }

    fn look(&mut self) {
        let tls = self.tls.as_deref();
        let (gateway, network) = (&self.gateway, &*self.network);
        let resealed = self.credentials.look(tls, gateway, network, &self.metrics);
        if resealed {
            let store = self.desk.store().clone();
            self.home.spawn(async move {
                match store.reseal().await {
                    Ok(()) => tracing::info!("the store is sealed by a new key"),
                    Err(error) => {
                        tracing::error!(%error, "the store is not sealed by the new key: start again");
                    }
                }
            });
        }
    }
}

async fn until_told_again(signal: &mut impl AsyncFnMut() -> Signal) {
    while signal().await != Signal::Stop {}
    tracing::warn!("told to stop again: ending at once");
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

/// Eight random bytes: replicas may have one process id and one address each in a box of its own.
fn random() -> Result<[u8; 8], ServeError> {
    seal::random().map_err(|source| ServeError::Io {
        what: "cannot name this replica".to_owned(),
        source,
    })
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// Whether somebody listens there already. Our workers share their port, and another service would share
/// it too: half of the calls would be its own, and nobody told.
fn answers(at: SocketAddr) -> bool {
    const PATIENCE: Duration = Duration::from_millis(500);
    std::net::TcpStream::connect_timeout(&at, PATIENCE).is_ok()
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
