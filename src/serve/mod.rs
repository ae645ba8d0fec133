//! Configuration and wiring of the service: the one place that knows all of its parts.

pub mod config;
pub mod credentials;
pub mod keys;
pub mod secret;
mod status;

use std::io;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, watch};

use crate::bundle::{Bundle, BundleError};
use crate::gateway;
use crate::gateway::Gateway;
use crate::gateway::tls::Tls;
use crate::journal::Retention;
use crate::journal::recorder::Recorder;
use crate::lookup::Network;
use crate::metrics::Metrics;
use crate::network;
use crate::network::TmForum;
use crate::serve::config::{Clock, Config};
use crate::serve::credentials::{CredentialError, Credentials};
use crate::serve::status::Status;
use crate::session::{ClockSource, Shared};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// How long the last journals may take to reach the disk.
const FLUSH: Duration = Duration::from_secs(2);

/// How often files of certificates, keys and tokens are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

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

/// The parts of a service that is not running yet.
pub struct Service {
    gateway: Gateway<TmForum>,
    network: Arc<TmForum>,
    credentials: Credentials,
    tls: Option<Arc<Tls>>,
    metrics: Metrics,
    recorder: Recorder,
    listen: SocketAddr,
    status: SocketAddr,
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
        let io = |what: String| move |source| ServeError::Io { what, source };
        let folder = config.journal();
        let retention = Retention {
            days: u32::from(config.keep_days),
            bytes: u64::from(config.keep_mb.get()) * 1_000_000,
        };
        let sealing = keys::load_or_create(&config.journal_keys())
            .map(keys::of_recordings)
            .map_err(CredentialError::from)?;
        let recorder = Recorder::to_folder(folder, sealing, retention).map_err(io(format!(
            "cannot write to the journal's folder `{}`",
            folder.display()
        )))?;
        let metrics = Metrics::default();
        let network = Arc::new(TmForum::new(back_ends(config, &metrics)?)?);
        let (credentials, made) = Credentials::load(config, &network)?;
        let max_calls = usize::try_from(config.call_limit.get()).unwrap_or(usize::MAX);
        let settings = gateway::Settings {
            tls: made.tls.clone(),
            max_calls,
            max_lag: Some(ms(config.max_lag_ms)),
            metrics: metrics.clone(),
            ..gateway::Settings::default()
        };
        let clock = match config.clock {
            Clock::Server => ClockSource::Server,
            Clock::Gateway => ClockSource::Gateway,
        };
        let shared = Shared {
            network: Arc::clone(&network),
            recorder: recorder.clone(),
            clock,
        };
        let gateway = Gateway::new(settings, bundle, shared, made.keys);
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let workers = usize::from(config.workers);
        let workers = if workers == 0 { cores } else { workers };
        Ok(Self {
            gateway,
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
        let here = runtime().map_err(io("cannot start a runtime"))?;
        let about = Arc::new(Status {
            gateway: self.gateway.clone(),
            metrics: self.metrics.clone(),
            listening: AtomicBool::new(false),
        });
        let listener = here.block_on(TcpListener::bind(self.status));
        let listener = listener.map_err(io(&format!("cannot listen at {}", self.status)))?;
        let status = listener.local_addr().unwrap_or(self.status);
        here.spawn(Arc::clone(&about).serve(listener));
        let (stop, stopped) = watch::channel(());
        let (working, mut worked) = mpsc::channel::<()>(1);
        let mut listen = self.listen;
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
        about.listening.store(true, Ordering::Release);
        ready(listen, status);
        here.block_on(async {
            self.until_stopped(&mut signal).await;
            drop(stop);
            tokio::select! {
                // It only ends, when every worker has.
                _ = worked.recv() => {}
                () = until_told_again(&mut signal) => {}
            }
        });
        self.recorder.flush(FLUSH);
        Ok(())
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
        self.credentials.look(tls, gateway, network, &self.metrics);
    }
}

async fn until_told_again(signal: &mut impl AsyncFnMut() -> Signal) {
    while signal().await != Signal::Stop {}
    tracing::warn!("told to stop again: ending at once");
}

fn serve<N: Network>(
    runtime: &tokio::runtime::Runtime,
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

fn runtime() -> io::Result<tokio::runtime::Runtime> {
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

fn ms(ms: NonZeroU32) -> Duration {
    Duration::from_millis(u64::from(ms.get()))
}

fn back_ends(config: &Config, metrics: &Metrics) -> Result<network::Settings, CredentialError> {
    let authorities = config.authorities.0.as_deref();
    Ok(network::Settings {
        authorities: authorities.map(credentials::open).transpose()?,
        at_once: usize::try_from(config.at_once.get()).unwrap_or(usize::MAX),
        read: ms(config.read_ms),
        line_test: ms(config.line_test_ms),
        ticket: ms(config.ticket_ms),
        safe_repost: config.safe_repost,
        metrics: metrics.clone(),
        ..network::Settings::new(config.root.reveal())
    })
}
