//! One thread of a load: its connections, its calls, its figures. Shares nothing with the others
//! but the moments at which counting begins and ends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::call::CallId;
use crate::chance::Chance;
use crate::load::call::Call;
use crate::load::figures::Figures;
use crate::load::line::{Connection, Stream};
use crate::load::pace::Pace;
use crate::load::{Failure, Pattern, Plan, Signals};

/// How long calls may take to hang up when the load is over.
const LEAVE: Duration = Duration::from_secs(10);
/// Pause after a call that failed.
const BREATHER: Duration = Duration::from_millis(100);

/// One thread's part.
pub(super) struct Worker {
    pub(super) plan: Arc<Plan>,
    pub(super) pace: Pace,
    signals: Arc<Signals>,
    number: u32,
    connections: Vec<tokio::sync::Mutex<Option<Connection>>>,
    /// Streams opened: each on the next connection.
    streams: AtomicUsize,
    inner: Mutex<Inner>,
}

struct Inner {
    figures: Figures,
    random: Chance,
    /// Calls begun, for their names and connections.
    calls: u64,
}

impl Worker {
    /// Plays its part until the load is over.
    pub(super) async fn run(
        plan: Arc<Plan>,
        signals: Arc<Signals>,
        number: u32,
    ) -> std::io::Result<Figures> {
        // The threads share the connections and the calls, the first ones take what is left over.
        let part = |all: u32| all / plan.threads + u32::from(number < all % plan.threads);
        let connections = (0..part(plan.connections).max(1)).map(|_| tokio::sync::Mutex::default());
        let worker = Arc::new(Self {
            pace: Pace::start()?,
            number,
            connections: connections.collect(),
            streams: AtomicUsize::new(0),
            inner: Mutex::new(Inner {
                figures: Figures::new().map_err(std::io::Error::other)?,
                random: Chance::new(plan.seed, &[u64::from(number)]),
                calls: 0,
            }),
            plan: Arc::clone(&plan),
            signals,
        });
        let mut calls = JoinSet::new();
        match plan.pattern {
            Pattern::Closed { calls: all, ramp } => {
                let all = part(all);
                for at in 0..all {
                    let worker = Arc::clone(&worker);
                    calls.spawn(async move { worker.slot(ramp * at / all).await });
                }
            }
            Pattern::Open { rate } => worker.arrivals(rate, &mut calls).await,
        }
        let all = async { while calls.join_next().await.is_some() {} };
        let over = async {
            worker.over().await;
            worker.pace.wake_all();
            tokio::time::sleep(LEAVE).await;
        };
        tokio::select! {
            () = all => {}
            () = over => {}
        }
        calls.abort_all();
        Ok(worker.lock().figures.clone())
    }

    /// One call after the other.
    async fn slot(self: Arc<Self>, after: Duration) {
        self.pace.until(Instant::now() + after).await;
        while self.may_begin() {
            Arc::clone(&self).call(Instant::now()).await;
        }
    }

    /// Calls by chance, as they come: so many a second on average, whatever became of the others.
    async fn arrivals(self: &Arc<Self>, rate: f64, calls: &mut JoinSet<()>) {
        let mut at = Instant::now();
        while self.may_begin() {
            let chance = 1.0 - self.lock().random.share();
            let gap = -chance.ln() * f64::from(self.plan.threads) / rate;
            at += Duration::from_secs_f64(gap);
            tokio::select! {
                () = self.pace.until(at) => {}
                () = self.over() => return,
            }
            calls.spawn(Arc::clone(self).call(at));
            while calls.try_join_next().is_some() {}
        }
    }

    fn may_begin(&self) -> bool {
        let limit = self.plan.calls.unwrap_or(u64::MAX);
        let one_more = |begun: u64| (begun < limit).then_some(begun + 1);
        let begun = &self.signals.begun;
        !self.is_over()
            && begun
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
                .is_ok()
    }

    async fn call(self: Arc<Self>, at: Instant) {
        let (number, situation) = {
            let mut inner = self.lock();
            inner.calls += 1;
            inner.figures.begun += 1;
            let which = inner.random.below(self.plan.weight());
            (inner.calls, self.plan.situation(which))
        };
        let id = format!("load-{:x}-{}-{number}", self.plan.seed, self.number);
        let (Some(id), Some(situation)) = (CallId::new(&id), situation) else {
            return;
        };
        let ended = Call::play(Arc::clone(&self), id, situation, at).await;
        let lost = ended.is_err();
        {
            let mut inner = self.lock();
            match ended {
                Ok(()) if self.is_counting() => inner.figures.calls += 1,
                Ok(()) => {}
                Err(failure) => inner.figures.failed(&failure),
            }
        }
        self.signals.ended.fetch_add(1, Ordering::Relaxed);
        if lost {
            // A service that refuses is not to be asked again a thousand times a second.
            tokio::time::sleep(BREATHER).await;
        }
    }

    /// A stream of the next connection, which is opened if it is not there or gone.
    pub(super) async fn stream(&self) -> Result<Stream, Failure> {
        let number = self.streams.fetch_add(1, Ordering::Relaxed);
        let Some(slot) = self.connections.get(number % self.connections.len()) else {
            return Err(Failure::Unreachable);
        };
        let connection = slot.lock().await.clone();
        if let Some(connection) = connection
            && let Ok(stream) = connection.stream().await
        {
            return Ok(stream);
        }
        let connection = {
            let mut slot = slot.lock().await;
            match slot.as_ref().filter(|connection| connection.is_open()) {
                Some(connection) => connection.clone(),
                None => slot
                    .insert(Connection::open(&self.plan.target).await?)
                    .clone(),
            }
        };
        connection.stream().await
    }

    /// How long something takes: the mean, give or take its jitter.
    pub(super) fn think(&self) -> Duration {
        if self.plan.think.is_zero() {
            return Duration::ZERO;
        }
        let spread = f64::from(self.plan.jitter_percent.min(100)) / 100.0;
        let chance = self.lock().random.share();
        self.plan.think.mul_f64(1.0 + spread * (2.0 * chance - 1.0))
    }

    /// An event was answered.
    pub(super) fn answered(&self, took: Duration) {
        if !self.is_counting() {
            return;
        }
        let mut inner = self.lock();
        inner.figures.answered(took);
    }

    /// A stream was lost, and is going to be resumed.
    pub(super) fn resumes(&self) {
        self.lock().figures.resumes += 1;
    }

    pub(super) fn is_over(&self) -> bool {
        *self.signals.over.borrow()
    }

    async fn over(&self) {
        // The sender lives as long as the load.
        let _ = self.signals.over.subscribe().wait_for(|over| *over).await;
    }

    fn is_counting(&self) -> bool {
        self.signals.counting.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
