//! What a load measures. Times are in nanoseconds, from the moment that an event was due (not from
//! when it could be sent: a service that stands still must not stop the clock) to its turn.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::load::Failure;

/// Faster or slower than this is counted as this.
const FASTEST_NS: u64 = 1_000;
const SLOWEST_NS: u64 = 60_000_000_000;

/// What was counted.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Calls that began.
    pub begun: u64,
    /// Calls that came to the end that they have to come to.
    pub calls: u64,
    /// Events that were answered.
    pub events: u64,
    /// Streams that were lost and resumed.
    pub resumes: u64,
    /// From event to turn.
    pub latency: Histogram<u64>,
    /// What went wrong, and how often.
    pub failures: BTreeMap<String, u64>,
}

impl Figures {
    /// Nothing counted.
    pub(super) fn new() -> Result<Self, hdrhistogram::CreationError> {
        Ok(Self {
            begun: 0,
            calls: 0,
            events: 0,
            resumes: 0,
            // Three digits: right to a thousandth.
            latency: Histogram::new_with_bounds(FASTEST_NS, SLOWEST_NS, 3)?,
            failures: BTreeMap::new(),
        })
    }

    pub(super) fn answered(&mut self, took: Duration) {
        self.events += 1;
        let took = u64::try_from(took.as_nanos()).unwrap_or(SLOWEST_NS);
        self.latency.saturating_record(took);
    }

    pub(super) fn failed(&mut self, failure: &Failure) {
        *self.failures.entry(failure.to_string()).or_insert(0) += 1;
    }

    /// Adds another thread's.
    pub(super) fn add(&mut self, other: &Self) {
        self.begun += other.begun;
        self.calls += other.calls;
        self.events += other.events;
        self.resumes += other.resumes;
        // Both have the same bounds.
        let _ = self.latency.add(&other.latency);
        for (failure, times) in &other.failures {
            *self.failures.entry(failure.clone()).or_insert(0) += times;
        }
    }

    /// At that percentile, in microseconds.
    pub fn latency_us(&self, percentile: f64) -> u64 {
        self.latency.value_at_percentile(percentile) / 1_000
    }

    /// How many failures there were.
    pub fn failed_calls(&self) -> u64 {
        self.failures.values().sum()
    }
}
