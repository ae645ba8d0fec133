//! The back ends of all callers, with their faults, and the ledger of tickets: the oracle. The
//! ticket system takes a request and says so, takes it and does not say so, takes it long after
//! its answer was given up, or never; it finds what it has only after a while.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dana::call::Login;
use dana::chance::Chance;
use dana::lookup::{
    Finding, Lookup, OpenTicket, Oss, OurTicket, Posted, Sought, TicketOrder, TicketResult,
    TicketsFinding,
};
use dana::script::Situation;
use tokio::time::{Instant, sleep, timeout};

/// One look-up in so many is slow by up to so long; one in so many fails.
const SLOW_ONE_IN: usize = 8;
const SLOW_MS: u64 = 6_000;
const FAILS_ONE_IN: usize = 25;
/// A request may be taken, and a ticket be found, so long after it was sent, and no later: less
/// than the quiet window.
const LATEST_MS: u64 = 100_000;

/// A ticket that exists.
#[derive(Clone)]
pub(super) struct Ticket {
    pub(super) key: String,
    pub(super) login: String,
    pub(super) id: String,
    /// From then on it is found.
    found: Instant,
}

/// What becomes of a request.
#[derive(Clone, Copy)]
enum Fate {
    Taken,
    TakenInSilence,
    TakenLate,
    Lost,
    NotSent,
}

const FATES: [Fate; 8] = [
    Fate::Taken,
    Fate::Taken,
    Fate::Taken,
    Fate::Taken,
    Fate::TakenInSilence,
    Fate::TakenLate,
    Fate::Lost,
    Fate::NotSent,
];

/// The back ends.
pub(super) struct BackEnds {
    situations: Vec<Situation>,
    ledger: Arc<Mutex<Vec<Ticket>>>,
    state: Mutex<State>,
    /// It makes another ticket of a key that it has already.
    keyless: bool,
}

struct State {
    dice: Chance,
    /// From now on nothing goes wrong.
    calm: bool,
    /// Requests that nobody was told the end of.
    doubtful: usize,
}

impl BackEnds {
    pub(super) fn new(situations: Vec<Situation>, mut dice: Chance) -> Self {
        let keyless = dice.roll(2) == 0;
        let state = State {
            dice,
            calm: false,
            doubtful: 0,
        };
        Self {
            situations,
            ledger: Arc::default(),
            state: Mutex::new(state),
            keyless,
        }
    }

    pub(super) fn ledger(&self) -> Vec<Ticket> {
        self.ledger.lock().expect("nobody panics with it").clone()
    }

    /// Everything works from now on.
    pub(super) fn calm(&self) {
        self.state(|state| state.calm = true);
    }

    pub(super) fn doubtful(&self) -> usize {
        self.state(|state| state.doubtful)
    }

    fn state<T>(&self, of: impl FnOnce(&mut State) -> T) -> T {
        of(&mut self.state.lock().expect("nobody panics with it"))
    }

    /// Whether what goes wrong once in so many times does now.
    fn hits(&self, one_in: usize) -> bool {
        self.state(|state| !state.calm && state.dice.roll(one_in) == 0)
    }

    fn up_to(&self, ms: u64) -> Duration {
        Duration::from_millis(self.state(|state| state.dice.below(ms)))
    }

    fn situation(&self, lookup: &Lookup) -> Option<&Situation> {
        let login = match lookup {
            Lookup::Subscriber { number } => {
                let mine = |of: &&Situation| of.number.as_ref() == Some(number);
                return self.situations.iter().find(mine);
            }
            Lookup::Tickets { login } => login,
            Lookup::Outage { line } | Lookup::LineTest { line } | Lookup::Fee { line, .. } => {
                &line.login
            }
        };
        self.situations.get(whose(login.reveal()))
    }

    /// Takes a request, after a while.
    async fn take(ledger: Arc<Mutex<Vec<Ticket>>>, ticket: Ticket, after: Duration, keyless: bool) {
        sleep(after).await;
        let mut ledger = ledger.lock().expect("nobody panics with it");
        if keyless || !ledger.iter().any(|known| known.key == ticket.key) {
            let id = format!("TT-90{:04}", ledger.len());
            ledger.push(Ticket { id, ..ticket });
        }
    }
}

/// Whose situation a login is of: the seventh digit says it.
pub(super) fn whose(login: &str) -> usize {
    let digit = login.chars().nth(6).and_then(|c| c.to_digit(10));
    usize::try_from(digit.unwrap_or(0)).expect("a digit")
}

impl Oss for BackEnds {
    async fn look_up(&self, lookup: Lookup) -> Finding {
        let kind = lookup.kind();
        let found = self
            .situation(&lookup)
            .and_then(|of| of.findings.get(&kind));
        let Some(found) = found else {
            return std::future::pending().await;
        };
        sleep(Duration::from_millis(u64::from(found.after_ms))).await;
        if self.hits(SLOW_ONE_IN) {
            sleep(self.up_to(SLOW_MS)).await;
        }
        if self.hits(FAILS_ONE_IN) {
            return Finding::unavailable(kind);
        }
        if let Lookup::Tickets { login } = &lookup {
            let now = Instant::now();
            let mine = |ticket: &&Ticket| ticket.login == login.reveal() && ticket.found <= now;
            if let Some(ticket) = self.ledger().iter().find(mine) {
                return Finding::Tickets(TicketsFinding::Open(OpenTicket {
                    id: ticket.id.clone(),
                    created_at: None,
                    visit_at: None,
                }));
            }
        }
        found.value.clone()
    }

    fn render(&self, order: &TicketOrder) -> Vec<u8> {
        order.key.clone().into_bytes()
    }

    async fn post_ticket(&self, key: &str, login: &Login, body: &[u8], within: Duration) -> Posted {
        assert_eq!(body, key.as_bytes(), "the frozen bytes");
        let planned = self.situations.get(whose(login.reveal()));
        let planned = planned.and_then(|of| of.ticket.as_ref());
        match planned.map(|planned| &planned.value) {
            Some(TicketResult::Refused) => return Posted::Refused,
            Some(TicketResult::AlreadyOpen) => return Posted::AlreadyOpen,
            Some(TicketResult::Created { .. } | TicketResult::Unconfirmed) | None => {}
            Some(TicketResult::Unavailable) => {
                if !self.state(|state| state.calm) {
                    return Posted::NotTaken { retry_in: None };
                }
            }
        }
        let fate = self.state(|state| match state.dice.one(&FATES) {
            Some(fate) if !state.calm => *fate,
            Some(_) | None => Fate::Taken,
        });
        let (latest, silent) = match fate {
            Fate::NotSent => return Posted::NotTaken { retry_in: None },
            Fate::Lost => (None, true),
            Fate::Taken => (Some(500), false),
            Fate::TakenInSilence => (Some(500), true),
            Fate::TakenLate => (Some(LATEST_MS / 2), true),
        };
        let after = latest.map(|latest| self.up_to(latest));
        if let Some(after) = after {
            let seen = if fate_is_late(fate) { LATEST_MS / 2 } else { 1 };
            let ticket = Ticket {
                key: key.to_owned(),
                login: login.reveal().to_owned(),
                id: String::new(),
                found: Instant::now() + after + self.up_to(seen),
            };
            // It is on its way, whatever becomes of who sent it.
            let ledger = Arc::clone(&self.ledger);
            tokio::spawn(Self::take(ledger, ticket, after, self.keyless));
        }
        if silent {
            self.state(|state| state.doubtful += 1);
            sleep(within).await;
            return Posted::Unclear;
        }
        let taken = sleep(after.unwrap_or_default() + Duration::from_millis(1));
        if timeout(within, taken).await.is_err() {
            return Posted::Unclear;
        }
        let ledger = self.ledger();
        let ticket = ledger.iter().rev().find(|ticket| ticket.key == key);
        ticket.map_or(Posted::Unclear, |ticket| Posted::Created(ticket.id.clone()))
    }

    async fn find_ticket(&self, key: &str, _: &Login, within: Duration) -> Sought {
        if self.hits(FAILS_ONE_IN) {
            sleep(within).await;
            return Sought::Unclear;
        }
        let now = Instant::now();
        let mut ids = self.ledger();
        ids.retain(|ticket| ticket.key == key && ticket.found <= now);
        let mut ids: Vec<String> = ids.into_iter().map(|ticket| ticket.id).collect();
        match ids.len() {
            0 => Sought::None,
            1 => Sought::One(ids.remove(0)),
            _ => Sought::Several(ids),
        }
    }

    async fn our_tickets(&self) -> Option<Vec<OurTicket>> {
        let ours = |ticket: Ticket| OurTicket {
            key: ticket.key,
            id: ticket.id,
        };
        Some(self.ledger().into_iter().map(ours).collect())
    }
}

const fn fate_is_late(fate: Fate) -> bool {
    matches!(fate, Fate::TakenLate | Fate::TakenInSilence)
}
