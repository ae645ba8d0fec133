//! `dana serve`: the service, until it is told to stop.

use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal;
use tokio::signal::unix::SignalKind;
use tracing_subscriber::EnvFilter;

use crate::cli::out;
use crate::cli::out::Exit;
use crate::network::mock::Mock;
use crate::serve::config::{Config, LogFormat, LogLevel};
use crate::serve::{Service, Signal, raise_open_files};

/// Options of `dana serve`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration file; see `dana config`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Serve the mocked back ends in this process, at the address of `network.root`.
    #[arg(long)]
    mock: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let mut config = match Config::load(args.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return out::bad_file(&error),
    };
    // Whoever asks for the mock tries things out on his own machine.
    config.plaintext |= args.mock && config.certificate.0.is_none();
    log(config.log_level, config.log_format);
    if args.mock
        && let Err(error) = start_mock(config.root.reveal())
    {
        out::talk(&format!(
            "error: cannot serve the mocked back ends: {error}"
        ));
        return Exit::Environment;
    }
    if let Err(error) = raise_open_files() {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let service = match Service::new(&config) {
        Ok(service) => service,
        Err(error) => {
            out::error(&error);
            return Exit::Environment;
        }
    };
    let security = if config.plaintext {
        "without certificates"
    } else {
        "with certificates"
    };
    let ready = |at, status| {
        out::talk(&format!("dana serves gateways at {at}, {security}"));
        out::talk(&format!("metrics and health are at http://{status}"));
    };
    let mut signals = None;
    let signal = async || match signals.get_or_insert_with(Signals::new) {
        Ok(signals) => signals.next().await,
        Err(_) => std::future::pending().await,
    };
    match service.run(ready, signal) {
        Ok(()) => Exit::Good,
        Err(error) => {
            out::error(&error);
            Exit::Environment
        }
    }
}

/// Logs go to stderr; stdout is for data.
fn log(level: LogLevel, format: LogFormat) {
    // The libraries below tell what goes wrong with them; what they handle is none of a log's
    // business: at `trace` it would be the callers' numbers.
    let others = if level == LogLevel::Error {
        "error"
    } else {
        "warn"
    };
    let filter = EnvFilter::new(format!("{others},dana={level}"));
    let builder = tracing_subscriber::fmt()
        .with_writer(out::log)
        .with_env_filter(filter);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

/// What the system tells the process. Kept, so that none is lost between two.
struct Signals {
    terminate: signal::unix::Signal,
    interrupt: signal::unix::Signal,
    hang_up: signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal::unix::signal(SignalKind::terminate())?,
            interrupt: signal::unix::signal(SignalKind::interrupt())?,
            hang_up: signal::unix::signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hang_up.recv() => Signal::Reload,
        }
    }
}

/// SIGTERM or Ctrl-C.
pub(super) async fn stopped() {
    match Signals::new() {
        Ok(mut signals) => while signals.next().await != Signal::Stop {},
        Err(_) => std::future::pending().await,
    }
}

/// How long a mocked line test takes.
pub(super) const LINE_TEST: Duration = Duration::from_secs(2);

/// The mock in a thread of its own, as it would be on a machine of its own.
fn start_mock(root: &str) -> std::io::Result<()> {
    let at = root
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind(&at))?;
    std::thread::spawn(move || {
        let mock = Mock::new(LINE_TEST);
        runtime.block_on(mock.serve(listener, std::future::pending()))
    });
    Ok(())
}
