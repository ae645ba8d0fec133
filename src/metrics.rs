//! What the service counts, in the form that Prometheus reads. Labels are from closed sets and the
//! names of gateways: nothing of a caller, a line or a call is ever one.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Seconds. A caller waits 4 s at most; a line test takes up to 15 s.
const LOOK_UP: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 15.0];
/// Seconds. New calls are refused from 0.05 on.
const LAG: [f64; 8] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];

/// The form in which [`Metrics::text`] writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The counters of one service. Cheap to clone; clones count the same.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    registry: Registry,
    calls: Family<ByGateway, Gauge>,
    offers: Family<ByGateway, Counter>,
    resumes: Family<ByGateway, Counter>,
    refusals: Family<Reason, Counter>,
    events: Counter,
    turns: Counter,
    handshakes_refused: Family<Reason, Counter>,
    look_ups: Family<LookUp, Histogram, fn() -> Histogram>,
    look_ups_shared: Counter,
    tickets: Family<Outcome, Counter>,
    breakers: Family<BackEnd, Gauge>,
    retries: Family<BackEnd, Counter>,
    lag: Histogram,
    journal_lost: Gauge,
    store_up: Gauge,
    spool_bytes: Gauge,
    records_lost: Gauge,
    bundle: Family<Hash, Gauge>,
    reloads_failed: Family<What, Counter>,
    certificate_ends: Family<What, Gauge>,
}

/// Declares a set of labels.
macro_rules! labels {
    ($($name:ident { $($label:ident: $type:ty),+ })+) => {$(
        #[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
        struct $name { $($label: $type),+ }
    )+};
}

labels! {
    ByGateway { gateway: String }
    Reason { reason: &'static str }
    LookUp { kind: &'static str, class: &'static str }
    Outcome { result: &'static str }
    BackEnd { back_end: &'static str }
    Hash { hash: String }
    What { what: &'static str }
    Build { version: &'static str }
}

impl Default for Metrics {
    fn default() -> Self {
        let look_up: fn() -> Histogram = || Histogram::new(LOOK_UP);
        let mut counters = Counters {
            registry: Registry::with_prefix("dana"),
            calls: Family::default(),
            offers: Family::default(),
            resumes: Family::default(),
            refusals: Family::default(),
            events: Counter::default(),
            turns: Counter::default(),
            handshakes_refused: Family::default(),
            look_ups: Family::new_with_constructor(look_up),
            look_ups_shared: Counter::default(),
            tickets: Family::default(),
            breakers: Family::default(),
            retries: Family::default(),
            lag: Histogram::new(LAG),
            journal_lost: Gauge::default(),
            store_up: Gauge::default(),
            spool_bytes: Gauge::default(),
            records_lost: Gauge::default(),
            bundle: Family::default(),
            reloads_failed: Family::default(),
            certificate_ends: Family::default(),
        };
        counters.register();
        Self(Arc::new(counters))
    }
}

impl Counters {
    fn register(&mut self) {
        let build = Family::<Build, Gauge>::default();
        let version = env!("CARGO_PKG_VERSION");
        build.get_or_create(&Build { version }).set(1);
        macro_rules! register {
            ($($name:literal, $help:literal, $metric:expr;)+) => {
                $(self.registry.register($name, $help, $metric.clone());)+
            };
        }
        register! {
            "build", "This build", build;
            "bundle", "The bundle of new calls", self.bundle;
            "calls", "Calls that are live", self.calls;
            "offers", "Calls that were taken", self.offers;
            "resumes", "Calls that went on here after a reconnect", self.resumes;
            "refusals", "Streams that were refused or ended by us", self.refusals;
            "events", "Events of gateways", self.events;
            "turns", "Turns sent to gateways", self.turns;
            "handshakes_refused", "Connections without a good certificate, or too slow", self.handshakes_refused;
            "look_up_seconds", "Look-ups by kind and class of what was found", self.look_ups;
            "look_ups_shared", "Questions that another caller's answer answered", self.look_ups_shared;
            "tickets", "Ticket orders by result", self.tickets;
            "breaker_open", "1 while a back end is not asked because it failed", self.breakers;
            "retries", "Reads that were sent a second time", self.retries;
            "loop_lag_seconds", "How late a worker's tick was", self.lag;
            "journal_lost", "Journal entries that could not be written", self.journal_lost;
            "store_up", "1 while the store takes what it is told; 0: no ticket can be ordered", self.store_up;
            "spool_bytes", "Call records that wait for the store", self.spool_bytes;
            "records_lost", "Call records that will not come to the store", self.records_lost;
            "reloads_failed", "Files that changed and could not be used; the old ones stay in use", self.reloads_failed;
            "certificate_ends_seconds", "When our certificate ends, in seconds since 1970", self.certificate_ends;
        }
    }
}

impl Metrics {
    /// All of them, as `OpenMetrics` text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = encode(&mut text, &self.0.registry);
        text
    }

    /// How many calls of each gateway are live now.
    pub fn calls(&self, live: impl IntoIterator<Item = (String, usize)>) {
        self.0.calls.clear();
        for (gateway, calls) in live {
            let calls = i64::try_from(calls).unwrap_or(i64::MAX);
            self.0
                .calls
                .get_or_create(&ByGateway { gateway })
                .set(calls);
        }
    }

    /// The hash of the bundle that new calls are taken on.
    pub fn bundle(&self, hash: &str) {
        self.0.bundle.clear();
        let hash = hash.to_owned();
        self.0.bundle.get_or_create(&Hash { hash }).set(1);
    }

    /// Journal entries that could not be written so far.
    pub fn journal_lost(&self, entries: u64) {
        let entries = i64::try_from(entries).unwrap_or(i64::MAX);
        self.0.journal_lost.set(entries);
    }

    /// Whether the store takes what it is told.
    pub fn store_up(&self, up: bool) {
        self.0.store_up.set(i64::from(up));
    }

    /// Bytes of call records that wait for the store, and records that will not come there.
    pub fn records(&self, waiting: u64, lost: u64) {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.0.spool_bytes.set(count(waiting));
        self.0.records_lost.set(count(lost));
    }

    /// A call was taken.
    pub fn offered(&self, gateway: &str) {
        let gateway = gateway.to_owned();
        self.0.offers.get_or_create(&ByGateway { gateway }).inc();
    }

    /// A call went on here.
    pub fn resumed(&self, gateway: &str) {
        let gateway = gateway.to_owned();
        self.0.resumes.get_or_create(&ByGateway { gateway }).inc();
    }

    /// A stream was refused, or ended by us.
    pub fn refused(&self, reason: &'static str) {
        self.0.refusals.get_or_create(&Reason { reason }).inc();
    }

    /// An event came.
    pub fn event(&self) {
        self.0.events.inc();
    }

    /// A turn went out.
    pub fn turn(&self) {
        self.0.turns.inc();
    }

    /// A connection came to nothing.
    pub fn handshake_refused(&self, reason: &'static str) {
        let refused = &self.0.handshakes_refused;
        refused.get_or_create(&Reason { reason }).inc();
    }

    /// A look-up ended.
    pub fn looked_up(&self, kind: &'static str, class: &'static str, took: Duration) {
        let look_ups = &self.0.look_ups;
        look_ups
            .get_or_create(&LookUp { kind, class })
            .observe(took.as_secs_f64());
    }

    /// A question was answered by another caller's answer.
    pub fn look_up_shared(&self) {
        self.0.look_ups_shared.inc();
    }

    /// An order ended.
    pub fn ticket(&self, result: &'static str) {
        self.0.tickets.get_or_create(&Outcome { result }).inc();
    }

    /// A back end is no longer asked, or is asked again.
    pub fn breaker(&self, back_end: &'static str, open: bool) {
        let breakers = &self.0.breakers;
        breakers
            .get_or_create(&BackEnd { back_end })
            .set(i64::from(open));
    }

    /// A read was sent a second time.
    pub fn retried(&self, back_end: &'static str) {
        self.0.retries.get_or_create(&BackEnd { back_end }).inc();
    }

    /// A worker's tick came so late.
    pub fn lag(&self, late: Duration) {
        self.0.lag.observe(late.as_secs_f64());
    }

    /// A file changed and could not be used.
    pub fn reload_failed(&self, what: &'static str) {
        self.0.reloads_failed.get_or_create(&What { what }).inc();
    }

    /// What we show others is good until then, in seconds since 1970.
    pub fn certificate_ends(&self, what: &'static str, at: i64) {
        self.0
            .certificate_ends
            .get_or_create(&What { what })
            .set(at);
    }
}
