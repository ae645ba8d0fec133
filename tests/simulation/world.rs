//! One seed: callers, back ends and what goes wrong; then what must be true.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use dana::bundle::Bundle;
use dana::call::{CallId, Login, PhoneNumber};
use dana::caller::MediaSide;
use dana::client::{self, Lengths, Plan, Target};
use dana::dialog::action::Action;
use dana::journal::Entry;
use dana::journal::cdr::{Cdr, fold, join};
use dana::lookup::{
    Attempt, Finding, Lookup, LookupKind, Network, OpenTicket, SubscriberFinding, TicketOrder,
    TicketResult, TicketsFinding,
};
use dana::script::{Script, Situation};
use tokio::task::JoinSet;

use super::dice::Dice;
use super::wire::Cluster;

/// Replicas of the service, and calls at a time.
const REPLICAS: usize = 2;
const CALLS: usize = 3;
/// A replica that died is there again after at most so long: within a gateway's patience.
const DOWN_MS: u64 = 4_000;
/// Replicas that die or drain, at most, and until when.
const FAULTS: usize = 6;
const WITHIN_MS: u64 = 60_000;
/// One connection in so many is cut some time.
const CUT_ONE_IN: usize = 4;
/// One look-up in so many is slow by up to so long; one in so many fails.
const SLOW_ONE_IN: usize = 8;
const SLOW_MS: u64 = 6_000;
const FAILS_ONE_IN: usize = 25;
/// One answer of the ticket system in so many is lost on its way.
const LOST_ONE_IN: usize = 4;
/// No call of these callers lasts longer.
const LONGEST: Duration = Duration::from_mins(45);

static BUNDLE: LazyLock<Arc<Bundle>> =
    LazyLock::new(|| Bundle::load(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("our own bundle"));

/// How long the clips are: the same for every seed.
static LENGTHS: LazyLock<Arc<Lengths>> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let lengths = runtime.block_on(async {
        let back_ends = Arc::new(BackEnds::new(Vec::new(), Dice::new(0)));
        let (_cluster, target) = Cluster::new(Arc::clone(&BUNDLE), back_ends, 1, Dice::new(0), 0);
        client::lengths(&target).await
    });
    Arc::new(lengths.expect("our own service"))
});

/// What happened over many seeds.
#[derive(Default)]
pub(super) struct Figures {
    calls: usize,
    kills: usize,
    drains: usize,
    resumes: u32,
    tickets: usize,
    doubtful: usize,
}

impl Figures {
    pub(super) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.kills += other.kills;
        self.drains += other.drains;
        self.resumes += other.resumes;
        self.tickets += other.tickets;
        self.doubtful += other.doubtful;
    }

    /// Whether enough went wrong to say something.
    pub(super) const fn is_telling(&self) -> bool {
        self.calls > 0 && (self.calls < 100 || (self.resumes > 20 && self.tickets > 5))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} calls, {} kills, {} drains, {} resumes, {} tickets, {} answers lost on the way",
            self.calls, self.kills, self.drains, self.resumes, self.tickets, self.doubtful
        )
    }
}

/// Plays a seed; says what is not as it must be.
pub(super) fn run(seed: u64, scripts: &[Script]) -> Result<Figures, String> {
    let lengths = Arc::clone(&LENGTHS);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(play(seed, scripts, lengths))
}

async fn play(seed: u64, scripts: &[Script], lengths: Arc<Lengths>) -> Result<Figures, String> {
    let mut dice = Dice::new(seed);
    let orders = |script: &&Script| script.expected.contains("ending  ticket_");
    let orders: Vec<&Script> = scripts.iter().filter(orders).collect();
    let all: Vec<&Script> = scripts.iter().collect();
    let chosen = (0..CALLS).filter_map(|_| {
        let of = if dice.roll(2) == 0 { &orders } else { &all };
        dice.one(of).copied()
    });
    let chosen: Vec<&Script> = chosen.collect();
    let situations = (chosen.iter().zip(0..)).map(|(script, at)| own(&script.situation, at));
    let situations: Vec<Situation> = situations.collect();
    let back_ends = Arc::new(BackEnds::new(situations.clone(), dice.split()));
    let (cluster, target) = Cluster::new(
        Arc::clone(&BUNDLE),
        Arc::clone(&back_ends),
        REPLICAS,
        dice.split(),
        CUT_ONE_IN,
    );
    let mut calls = JoinSet::new();
    for ((at, script), situation) in chosen.iter().enumerate().zip(situations) {
        let (target, back_ends) = (target.clone(), Arc::clone(&back_ends));
        let plan = plan(at, script, &situation, &lengths);
        let path = script.source.path.clone();
        let begins = Duration::from_millis(dice.up_to(20_000));
        calls.spawn(async move {
            tokio::time::sleep(begins).await;
            call(&target, plan, &back_ends, at)
                .await
                .map_err(|what| format!("{path}: {what}"))
        });
    }
    let mut figures = Figures::default();
    let trouble = tokio::spawn(trouble(Arc::clone(&cluster), dice.split()));
    while let Some(call) = calls.join_next().await {
        call.map_err(|error| error.to_string())??;
    }
    trouble.abort();
    if let Ok((kills, drains)) = trouble.await {
        (figures.kills, figures.drains) = (kills, drains);
    }
    let records = records(&cluster)?;
    figures.calls = records.len();
    figures.resumes = records.iter().map(|record| record.resumes).sum();
    let ledger = back_ends.ledger();
    figures.tickets = ledger.len();
    figures.doubtful = *back_ends.lost.lock().expect("nobody panics with it");
    let logins: BTreeSet<&str> = ledger.iter().map(|ticket| ticket.login.as_str()).collect();
    if logins.len() < ledger.len() {
        return Err(format!(
            "{} tickets for {} lines",
            ledger.len(),
            logins.len()
        ));
    }
    Ok(figures)
}

/// Replicas die, drain and come again.
async fn trouble(cluster: Arc<Cluster<BackEnds>>, mut dice: Dice) -> (usize, usize) {
    let (mut kills, mut drained) = (0, 0);
    let mut moments: Vec<u64> = (0..dice.roll(FAULTS + 1))
        .map(|_| dice.up_to(WITHIN_MS))
        .collect();
    moments.sort_unstable();
    let mut now = 0;
    for moment in moments {
        tokio::time::sleep(Duration::from_millis(moment.saturating_sub(now))).await;
        now = now.max(moment);
        let at = dice.roll(REPLICAS);
        if dice.roll(3) == 0 {
            cluster.drain(at);
            drained += 1;
        } else {
            cluster.kill(at);
            kills += 1;
        }
        let (cluster, down) = (Arc::clone(&cluster), dice.up_to(DOWN_MS));
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(down)).await;
            cluster.start(at);
        });
    }
    (kills, drained)
}

/// A situation with a subscriber of its own.
fn own(situation: &Situation, at: usize) -> Situation {
    let mut own = situation.clone();
    own.number = (own.number).and_then(|_| PhoneNumber::parse(&format!("+7777000090{at}")));
    let subscriber = own.findings.get_mut(&LookupKind::Subscriber);
    if let Some(found) = subscriber
        && let Finding::Subscriber(SubscriberFinding::Known(known)) = &mut found.value
    {
        for (line, number) in known.lines.iter_mut().zip(0..) {
            line.login = Login::new(&format!("077000{at}{number:03}")).expect("a login");
        }
    }
    own
}

/// Whose situation a login is of: see [`own`].
fn whose(login: &str) -> usize {
    let digit = login.chars().nth(6).and_then(|c| c.to_digit(10));
    usize::try_from(digit.unwrap_or(0)).expect("a digit")
}

fn plan(at: usize, script: &Script, situation: &Situation, lengths: &Arc<Lengths>) -> Plan {
    let transfer = situation.transfer.as_ref();
    Plan {
        call: CallId::new(&format!("call-{at}")).expect("an id"),
        from: situation.number.clone(),
        locale: situation.locale,
        turns: script.turns.clone(),
        media: MediaSide::new(
            transfer.map(|transfer| transfer.value),
            transfer.map_or(0, |transfer| transfer.after_ms),
        ),
        speed: 1,
        at: situation.now,
        lengths: Arc::clone(lengths),
    }
}

/// Makes a call; what its caller was told has to be so when he is told.
async fn call(target: &Target, plan: Plan, back_ends: &BackEnds, at: usize) -> Result<(), String> {
    let mut untrue = None;
    let tell = |entry: &Entry| {
        if let Entry::Action {
            action: Action::Play(play),
            ..
        } = entry
            && play.segments.iter().any(|s| &*s.prompt == "ticket_created")
            && !back_ends.ledger().iter().any(|t| whose(&t.login) == at)
        {
            untrue = Some("told of a ticket that is not there".to_owned());
        }
    };
    let made = tokio::time::timeout(LONGEST, client::make(target, plan, tell)).await;
    let entries = made
        .map_err(|_| "the call goes on for ever".to_owned())?
        .map_err(|error| error.to_string())?;
    if !client::ended(&entries) {
        return Err("the call has no end".to_owned());
    }
    untrue.map_or(Ok(()), Err)
}

/// The record of each call, from the segments that its replicas wrote.
fn records(cluster: &Cluster<BackEnds>) -> Result<Vec<Cdr>, String> {
    let recorder = cluster.recorder();
    let record = |key: String| {
        let mut segments: Vec<Vec<Entry>> = Vec::new();
        for entry in recorder.entries(&key) {
            if matches!(entry, Entry::Header(_)) {
                segments.push(Vec::new());
            }
            if let Some(segment) = segments.last_mut() {
                segment.push(entry);
            }
        }
        let record = fold(&join(segments)).ok_or("no record")?;
        match (record.disposition, record.ended_ms) {
            (Some(_), Some(_)) => Ok(record),
            _ => Err(format!("{key}: the record is not closed")),
        }
    };
    let keys = recorder.call_keys();
    if keys.len() != CALLS {
        return Err(format!("{} records of {CALLS} calls", keys.len()));
    }
    keys.into_iter().map(record).collect()
}

/// A ticket that exists.
#[derive(Clone)]
struct Ticket {
    key: String,
    login: String,
    id: String,
}

/// The back ends of all callers, with their faults, and the ledger of tickets: the oracle.
struct BackEnds {
    situations: Vec<Situation>,
    ledger: Mutex<Vec<Ticket>>,
    lost: Mutex<usize>,
    dice: Mutex<Dice>,
}

impl BackEnds {
    fn new(situations: Vec<Situation>, dice: Dice) -> Self {
        Self {
            situations,
            ledger: Mutex::default(),
            lost: Mutex::default(),
            dice: Mutex::new(dice),
        }
    }

    fn ledger(&self) -> Vec<Ticket> {
        self.ledger.lock().expect("nobody panics with it").clone()
    }

    fn dice<T>(&self, roll: impl FnOnce(&mut Dice) -> T) -> T {
        roll(&mut self.dice.lock().expect("nobody panics with it"))
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
}

async fn after(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

impl Network for BackEnds {
    async fn look_up(&self, lookup: Lookup) -> Finding {
        let kind = lookup.kind();
        let found = self
            .situation(&lookup)
            .and_then(|of| of.findings.get(&kind));
        let Some(found) = found else {
            return std::future::pending().await;
        };
        let slow = self.dice(|dice| match dice.roll(SLOW_ONE_IN) {
            0 => dice.up_to(SLOW_MS),
            _ => 0,
        });
        after(u64::from(found.after_ms) + slow).await;
        if self.dice(|dice| dice.roll(FAILS_ONE_IN)) == 0 {
            return Finding::unavailable(kind);
        }
        if let Lookup::Tickets { login } = &lookup
            && let Some(ticket) = self.ledger().iter().find(|t| t.login == login.reveal())
        {
            return Finding::Tickets(TicketsFinding::Open(OpenTicket {
                id: ticket.id.clone(),
                created_at: None,
                visit_at: None,
            }));
        }
        found.value.clone()
    }

    async fn create_ticket(&self, order: TicketOrder, _: Attempt) -> TicketResult {
        let login = order.login.reveal().to_owned();
        let planned = self
            .situations
            .get(whose(&login))
            .and_then(|of| of.ticket.clone());
        let Some(planned) = planned else {
            return std::future::pending().await;
        };
        after(self.dice(|dice| dice.up_to(500))).await;
        let result = match planned.value {
            TicketResult::Created { .. } => {
                let mut ledger = self.ledger.lock().expect("nobody panics with it");
                let known = ledger
                    .iter()
                    .find(|ticket| ticket.key == order.key)
                    .cloned();
                let ticket = known.unwrap_or_else(|| Ticket {
                    key: order.key.clone(),
                    id: format!("TT-90{:04}", ledger.len()),
                    login,
                });
                if !ledger.iter().any(|of| of.key == ticket.key) {
                    ledger.push(ticket.clone());
                }
                TicketResult::Created { id: ticket.id }
            }
            as_planned @ (TicketResult::AlreadyOpen
            | TicketResult::Unconfirmed
            | TicketResult::Refused
            | TicketResult::Unavailable) => as_planned,
        };
        after(u64::from(planned.after_ms)).await;
        if self.dice(|dice| dice.roll(LOST_ONE_IN)) == 0 {
            *self.lost.lock().expect("nobody panics with it") += 1;
            after(7_500).await;
            return TicketResult::Unconfirmed;
        }
        result
    }
}
