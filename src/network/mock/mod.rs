//! The mocked back ends: TM Forum shapes over HTTP with fixture subscribers, a ledger of tickets,
//! and faults on demand. For demos, tests and drills; never part of a live service.

mod fixtures;
mod routes;
mod tickets;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::call::{PhoneNumber, named};
use crate::clock;
pub use crate::network::mock::fixtures::{Line, Subscriber, subscribers};
use crate::network::wire::TroubleTicket;

named! {
    /// A back end.
    Api {
        /// TMF629 and TMF637.
        Inventory = "inventory",
        /// TMF656.
        Outage = "outage",
        /// TMF621, looking.
        Tickets = "tickets",
        /// TMF621, creating.
        CreateTicket = "create_ticket",
        /// TMF653.
        LineTest = "line_test",
        /// TMF666.
        Fee = "fee",
    }
}

/// What is wrong with a back end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It answers so many milliseconds late.
    Slow(u32),
    /// It answers with that status.
    Status(u16),
    /// It answers something that is no JSON.
    Garbage,
    /// It answers with another customer's data.
    Foreign,
    /// It breaks the connection.
    Dead,
    /// Too many requests: it did nothing, and says after how many seconds to come again.
    Busy(u32),
    /// It creates the ticket and never answers.
    CreatesThenTimesOut,
    /// It creates the ticket and answers with that status.
    CreatesThenFails(u16),
    /// It never answers, and creates the ticket so many milliseconds later.
    CreatesLate(u32),
}

/// A ticket that was created here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// `externalId`.
    pub key: String,
    /// The login that it is for.
    pub login: String,
    /// How often it was asked for.
    pub posts: u32,
}

/// The mocked back ends.
#[derive(Debug)]
pub struct Mock {
    state: Mutex<State>,
    /// How long a line test takes.
    line_test: Duration,
    /// It keeps no keys: each request is a ticket.
    keyless: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    subscribers: Vec<Subscriber>,
    tickets: Vec<(TroubleTicket, u32)>,
    /// How many were created, those that are forgotten among them.
    created: u64,
    /// Running and ended tests: login, and when it ends.
    tests: BTreeMap<String, (String, tokio::time::Instant)>,
    /// Faults from outside: how many more requests each one hits.
    faults: Vec<OnDemand>,
    /// Questions answered, by back end.
    asked: BTreeMap<Api, u64>,
}

/// A fault asked for by `POST /mock/faults`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnDemand {
    number: String,
    api: Api,
    fault: Fault,
    #[serde(default = "once")]
    times: u32,
}

const fn once() -> u32 {
    1
}

impl Mock {
    /// With the fixture subscribers.
    pub fn new(line_test: Duration) -> Arc<Self> {
        let state = State {
            subscribers: subscribers(clock::now()),
            ..State::default()
        };
        Arc::new(Self {
            state: Mutex::new(state),
            line_test,
            keyless: AtomicBool::new(false),
        })
    }

    /// One more subscriber.
    pub fn add(&self, subscriber: Subscriber) {
        self.lock().subscribers.push(subscriber);
    }

    /// From now on no key is kept: each request is a ticket, whatever there is.
    pub fn forget_keys(&self) {
        self.keyless.store(true, Ordering::Relaxed);
    }

    /// This fault hits the next `times` requests about the subscriber with that number.
    pub fn break_for(&self, number: &str, api: Api, fault: Fault, times: u32) {
        self.lock().faults.push(OnDemand {
            number: number.to_owned(),
            api,
            fault,
            times,
        });
    }

    /// A subscriber in place of the one with his number and of whoever has his lines; tickets for
    /// those are forgotten.
    pub fn put(&self, subscriber: Subscriber) {
        let has = |login: &str| subscriber.lines.iter().any(|line| line.login == login);
        let mut state = self.lock();
        state.subscribers.retain(|known| {
            known.number != subscriber.number && !known.lines.iter().any(|line| has(&line.login))
        });
        state
            .tickets
            .retain(|(ticket, _)| !ticket.related_entity.iter().any(|entity| has(&entity.id)));
        state.subscribers.push(subscriber);
    }

    /// Whether the line of that login is or was tested.
    pub fn has_tested(&self, login: &str) -> bool {
        let state = self.lock();
        state.tests.values().any(|(tested, _)| tested == login)
    }

    /// The tickets that were created, in order.
    pub fn ledger(&self) -> Vec<Entry> {
        let entry = |(ticket, posts): &(TroubleTicket, u32)| Entry {
            id: ticket.id.clone(),
            key: ticket.external_id.clone(),
            login: ticket
                .related_entity
                .first()
                .map(|r| r.id.clone())
                .unwrap_or_default(),
            posts: *posts,
        };
        self.lock().tickets.iter().map(entry).collect()
    }

    /// How many questions of a back end were answered, rightly or not; tickets that were created
    /// stand in the [`ledger`](Self::ledger).
    pub fn asked(&self, api: Api) -> u64 {
        self.lock().asked.get(&api).copied().unwrap_or_default()
    }

    fn count(&self, api: Api) {
        *self.lock().asked.entry(api).or_default() += 1;
    }

    /// Serves until `shutdown`.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        axum::serve(listener, routes::router(self))
            .with_graceful_shutdown(shutdown)
            .await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault that hits this request, if any; one on demand goes before one of the fixture.
    fn fault(&self, api: Api, subscriber: &Subscriber) -> Option<Fault> {
        let mut state = self.lock();
        let wanted = PhoneNumber::parse(&subscriber.number);
        let asked = state.faults.iter_mut().find(|fault| {
            fault.api == api && fault.times > 0 && PhoneNumber::parse(&fault.number) == wanted
        });
        if let Some(asked) = asked {
            asked.times -= 1;
            return Some(asked.fault);
        }
        subscriber
            .faults
            .iter()
            .find(|(of, _)| *of == api)
            .map(|(_, fault)| *fault)
    }
}
