//! What stands between us and one back end, so that a sick one is not asked to death and does not
//! hold up calls: a limit of questions at once, a breaker, a budget of repeats.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use crate::metrics::Metrics;

/// The answers looked at, as bits; half of them bad opens the breaker.
const BAD: u32 = u32::BITS / 2;
/// So long a back end is not asked, before one question tries it again.
const OPEN: Duration = Duration::from_secs(2);
/// A repeat costs ten questions: a sick back end gets a tenth more of them, not twice as many.
const REPEAT: u32 = 10;
/// Repeats that can be saved up, for the odd lost answer of a quiet hour.
const SAVED: u32 = 10 * REPEAT;

/// One back end, as all calls see it.
#[derive(Debug)]
pub(super) struct Guard {
    /// Where its paths begin.
    pub(super) path: &'static str,
    room: Semaphore,
    health: Mutex<Health>,
    metrics: Metrics,
}

#[derive(Debug)]
struct Health {
    /// The last answers, newest lowest; 1 is bad.
    answers: u32,
    open_until: Option<Instant>,
    /// One question tries it.
    tried: bool,
    /// Tenths of repeats.
    saved: u32,
}

/// Why a back end is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Barred {
    /// It fails.
    Open,
    /// Too many questions wait for it.
    Full,
}

/// A question on its way. Dropped without an end it says nothing of the back end.
pub(super) struct Pass<'g> {
    guard: &'g Guard,
    trial: bool,
    _room: SemaphorePermit<'g>,
}

impl Guard {
    pub(super) fn new(path: &'static str, at_once: usize, metrics: Metrics) -> Self {
        metrics.breaker(path, false);
        Self {
            path,
            room: Semaphore::new(at_once),
            health: Mutex::new(Health {
                answers: 0,
                open_until: None,
                tried: false,
                saved: SAVED,
            }),
            metrics,
        }
    }

    /// Leave to ask, once there is room.
    pub(super) async fn enter(&self, until: Instant) -> Result<Pass<'_>, Barred> {
        if self.health().is_barred() {
            return Err(Barred::Open);
        }
        let room = timeout_at(until, self.room.acquire()).await;
        let room = room.ok().and_then(Result::ok).ok_or(Barred::Full)?;
        // Whoever waited long may find that it failed meanwhile.
        let mut health = self.health();
        if health.is_barred() {
            return Err(Barred::Open);
        }
        let trial = health.open_until.is_some();
        health.tried = trial;
        drop(health);
        Ok(Pass {
            guard: self,
            trial,
            _room: room,
        })
    }

    /// Takes a repeat out of the budget, if there is one.
    pub(super) fn may_repeat(&self) -> bool {
        let mut health = self.health();
        let may = !health.is_barred() && health.saved >= REPEAT;
        if may {
            health.saved -= REPEAT;
            self.metrics.retried(self.path);
        }
        may
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Health {
    fn is_barred(&self) -> bool {
        let open = self.open_until;
        open.is_some_and(|until| self.tried || Instant::now() < until)
    }
}

impl Pass<'_> {
    /// The back end has answered, or failed to.
    pub(super) fn ended(mut self, good: bool) {
        let mut health = self.guard.health();
        health.saved = health.saved.saturating_add(1).min(SAVED);
        let was_open = health.open_until.is_some();
        if self.trial {
            self.trial = false;
            health.tried = false;
            health.answers = if good { 0 } else { u32::MAX };
        } else {
            health.answers = health.answers << 1 | u32::from(!good);
        }
        if health.answers.count_ones() < BAD {
            health.open_until = None;
        } else if !good {
            health.open_until = Some(Instant::now() + OPEN);
        }
        let is_open = health.open_until.is_some();
        drop(health);
        if is_open != was_open {
            let path = self.guard.path;
            self.guard.metrics.breaker(path, is_open);
            if is_open {
                tracing::error!(path, "the back end fails: it is not asked for a while");
            } else {
                tracing::info!(path, "the back end answers again");
            }
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.trial {
            // The caller went away before it was known: let another try.
            self.guard.health().tried = false;
        }
    }
}
