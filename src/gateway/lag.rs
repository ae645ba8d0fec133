//! How late a worker's loop is: a tick that comes late says that everything on this worker does.
//! New calls are refused while it is so, and those that are live get the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, interval};

use crate::metrics::Metrics;

/// A hundred ticks are two seconds, the time after which a refused gateway tries again.
const TICK: Duration = Duration::from_millis(20);
/// The ticks looked at, as bits.
const WINDOW: u128 = (1 << 100) - 1;
/// Late ticks of a hundred that are too many: the 99th percentile is late.
const TOO_MANY: u32 = 2;

/// Whether a worker is late.
#[derive(Debug, Default)]
pub(super) struct Lag(AtomicBool);

impl Lag {
    /// Whether the 99th percentile of the last two seconds is above the limit.
    pub(super) fn is_high(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Ticks on this worker until it is dropped. Ticks that were missed are made up for, each with
    /// its own lateness: a loop that stood still for a second was late all of that second. Without
    /// a limit there is nothing to watch: on virtual time nothing is ever late.
    pub(super) async fn watch(self: Arc<Self>, limit: Option<Duration>, metrics: Metrics) {
        let Some(limit) = limit else {
            return std::future::pending().await;
        };
        let mut ticks = interval(TICK);
        let mut late: u128 = 0;
        loop {
            let planned = ticks.tick().await;
            let lag = Instant::now().saturating_duration_since(planned);
            metrics.lag(lag);
            late = (late << 1 | u128::from(lag > limit)) & WINDOW;
            self.0
                .store(late.count_ones() >= TOO_MANY, Ordering::Relaxed);
        }
    }
}
