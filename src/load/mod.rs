//! A load of whole calls, as gateways make them: so many at once, or so many a second, over so many
//! connections. Measures from each event to its turn, and checks that every call comes to the end
//! that it has to come to. Knows nothing of what Dana is made of.

mod call;
pub mod caller;
mod figures;
mod line;
mod pace;
mod server;
mod situation;
mod worker;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tonic::Code;

use crate::call::Disposition;
use crate::client::Target;
pub use crate::load::figures::Figures;
pub use crate::load::server::{Process, Spent, Usage};
pub use crate::load::situation::{Situation, Unfit};
use crate::load::worker::Worker;

/// An event that is not answered for so long has failed. A gateway waits 3 s for its offer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a load that is watched tells how far it is.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// How often somebody looks whether all calls were made.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The service.
    pub target: Target,
    /// Threads that make the calls, each with a runtime of its own.
    pub threads: u32,
    /// Connections, over all threads.
    pub connections: u32,
    /// When calls begin.
    pub pattern: Pattern,
    /// From a turn to the event that answers it, on average; zero: at once.
    pub think: Duration,
    /// How far that goes up and down.
    pub jitter_percent: u32,
    /// Decides the order of the situations, the jitter, and the names of the calls.
    pub seed: u64,
    /// Before anything is counted.
    pub warm_up: Duration,
    /// How long it is counted.
    pub lasts: Duration,
    /// No more calls than that.
    pub calls: Option<u64>,
    /// The callers, each with its weight in the mix.
    pub mix: Vec<(u64, Arc<Situation>)>,
    /// The service's process, if it runs on this machine.
    pub process: Option<Process>,
}

/// When calls begin.
#[derive(Clone, Copy, Debug)]
pub enum Pattern {
    /// So many at once, each followed by the next; the first ones spread over `ramp`.
    Closed {
        /// How many at once.
        calls: u32,
        /// How long it takes until all of them are there.
        ramp: Duration,
    },
    /// So many a second, by chance, whatever becomes of the others.
    Open {
        /// Calls a second.
        rate: f64,
    },
}

impl Plan {
    /// The sum of the weights.
    fn weight(&self) -> u64 {
        self.mix
            .iter()
            .map(|(weight, _)| weight)
            .sum::<u64>()
            .max(1)
    }

    /// The situation in which the running sum of weights passes `which`.
    fn situation(&self, mut which: u64) -> Option<Arc<Situation>> {
        for (weight, situation) in &self.mix {
            if which < *weight {
                return Some(Arc::clone(situation));
            }
            which -= weight;
        }
        None
    }
}

/// What went wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No connection.
    #[error("the service cannot be reached")]
    Unreachable,
    /// The connection or stream broke, and could not be resumed.
    #[error("the stream was lost")]
    Lost,
    /// The service ended the stream.
    #[error("refused, {code:?}: {message}")]
    Refused {
        /// The status.
        code: Code,
        /// Its message.
        message: String,
    },
    /// Nothing came.
    #[error("an event was not answered for {} s", PATIENCE.as_secs())]
    NoAnswer,
    /// It is none of the contract.
    #[error("a turn cannot be read")]
    Unreadable,
    /// Numbers that run backwards.
    #[error("a turn is out of order")]
    OutOfOrder,
    /// The call went another way.
    #[error("`{situation}` ended {}, not {expected}", outcome.map_or("without Dana's word", Disposition::as_str))]
    Otherwise {
        /// Whose call.
        situation: String,
        /// How it has to end.
        expected: Disposition,
        /// How it ended.
        outcome: Option<Disposition>,
    },
}

impl Failure {
    /// Whether the call can go on elsewhere.
    const fn is_lost(&self) -> bool {
        matches!(
            self,
            Self::Lost
                | Self::Refused {
                    code: Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled,
                    ..
                }
        )
    }
}

/// What the threads are told, and tell.
struct Signals {
    counting: AtomicBool,
    over: watch::Sender<bool>,
    begun: AtomicU64,
    ended: AtomicU64,
}

/// How far a load is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Since it began.
    pub since: Duration,
    /// Calls that began.
    pub begun: u64,
    /// Calls that are over.
    pub ended: u64,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was counted.
    pub figures: Figures,
    /// How long it was counted.
    pub lasted: Duration,
    /// Calls at once at the end of it.
    pub at_once: u64,
    /// What this process spent meanwhile.
    pub own: Option<Spent>,
    /// What the service's process spent meanwhile.
    pub service: Option<Spent>,
}

/// Makes the calls; tells now and then how far it is.
pub fn run(plan: Plan, mut tell: impl FnMut(Progress)) -> io::Result<Report> {
    let plan = Arc::new(plan);
    let signals = Arc::new(Signals {
        counting: AtomicBool::new(false),
        over: watch::Sender::new(false),
        begun: AtomicU64::new(0),
        ended: AtomicU64::new(0),
    });
    let own = Process::own();
    let look = || (own.usage(), plan.process.and_then(Process::usage));
    let idle = look();
    let threads: Vec<_> = (0..plan.threads)
        .map(|number| {
            let (plan, signals) = (Arc::clone(&plan), Arc::clone(&signals));
            std::thread::Builder::new()
                .name(format!("load-{number}"))
                .spawn(move || runtime()?.block_on(Worker::run(plan, signals, number)))
        })
        .collect::<io::Result<_>>()?;
    let began = Instant::now();
    let mut wait = |until: Instant| {
        let mut told = Instant::now();
        loop {
            let ended = signals.ended.load(Ordering::Relaxed);
            let now = Instant::now();
            if now >= until || plan.calls.is_some_and(|calls| ended >= calls) {
                return;
            }
            if now.saturating_duration_since(told) > TELL_EVERY {
                told = now;
                let begun = signals.begun.load(Ordering::Relaxed);
                let since = began.elapsed();
                tell(Progress {
                    since,
                    begun,
                    ended,
                });
            }
            std::thread::sleep(LOOK_EVERY.min(until - now));
        }
    };
    wait(began + plan.warm_up);
    let begun = look();
    let counted = Instant::now();
    signals.counting.store(true, Ordering::Relaxed);
    wait(counted + plan.lasts);
    signals.counting.store(false, Ordering::Relaxed);
    let lasted = counted.elapsed();
    let ended = look();
    let at_once = signals
        .begun
        .load(Ordering::Relaxed)
        .saturating_sub(signals.ended.load(Ordering::Relaxed));
    signals.over.send_replace(true);
    let mut figures = Figures::new().map_err(io::Error::other)?;
    for thread in threads {
        let joined = thread
            .join()
            .map_err(|_| io::Error::other("a thread panicked"))?;
        figures.add(&joined?);
    }
    Ok(Report {
        figures,
        lasted,
        at_once,
        own: Spent::between(idle.0, begun.0, ended.0),
        service: Spent::between(idle.1, begun.1, ended.1),
    })
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}
