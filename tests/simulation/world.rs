//! One seed: callers, back ends and what goes wrong; then what must be true.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use dana::bundle::Bundle;
use dana::call::{CallId, Login, PhoneNumber};
use dana::caller::MediaSide;
use dana::chance::Chance;
use dana::client::{self, Lengths, Plan, Target};
use dana::dialog::action::Action;
use dana::journal::Entry;
use dana::journal::cdr::{Cdr, fold, join};
use dana::lookup::{Finding, LookupKind, SubscriberFinding};
use dana::script::{Script, Situation};
use dana::store::{IntentState, Store};
use tokio::task::JoinSet;

use super::ticket_system::{BackEnds, whose};
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
/// How long the reconciler may take, once everything works: so many times five minutes.
const SETTLES: usize = 24;
/// How often the store's clock is set.
const TICK: Duration = Duration::from_millis(500);
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
        let back_ends = Arc::new(BackEnds::new(Vec::new(), Chance::default()));
        let (_cluster, target) =
            Cluster::new(Arc::clone(&BUNDLE), back_ends, 1, Chance::default(), 0);
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
        let all = self.kills > 20
            && self.drains > 20
            && self.resumes > 20
            && self.tickets > 20
            && self.doubtful > 5;
        self.calls > 0 && (self.calls < 100 || all)
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
    let mut dice = Chance::new(seed, &[]);
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
    let back_ends = Arc::new(BackEnds::new(
        situations.clone(),
        Chance::new(dice.draw(), &[]),
    ));
    let (cluster, target) = Cluster::new(
        Arc::clone(&BUNDLE),
        Arc::clone(&back_ends),
        REPLICAS,
        Chance::new(dice.draw(), &[]),
        CUT_ONE_IN,
    );
    let mut calls = JoinSet::new();
    for ((at, script), situation) in chosen.iter().enumerate().zip(situations) {
        let (target, back_ends) = (target.clone(), Arc::clone(&back_ends));
        let plan = plan(at, script, &situation, &lengths);
        let path = script.source.path.clone();
        let begins = Duration::from_millis(dice.below(20_000));
        calls.spawn(async move {
            tokio::time::sleep(begins).await;
            call(&target, plan, &back_ends, at)
                .await
                .map_err(|what| format!("{path}: {what}"))
        });
    }
    let mut figures = Figures::default();
    let clock = Arc::clone(&cluster);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(TICK).await;
            clock.store().pass_time(TICK);
        }
    });
    let trouble = tokio::spawn(trouble(Arc::clone(&cluster), Chance::new(dice.draw(), &[])));
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
    figures.doubtful = back_ends.doubtful();
    settled(&cluster, &back_ends, &records).await?;
    figures.tickets = back_ends.ledger().len();
    Ok(figures)
}

/// Once everything works again, each order comes to its end: as one ticket, or with an operator.
async fn settled(cluster: &Cluster, back_ends: &BackEnds, records: &[Cdr]) -> Result<(), String> {
    back_ends.calm();
    for replica in 0..REPLICAS {
        cluster.start(replica);
    }
    let store = cluster.store();
    let mut open = Vec::new();
    for _ in 0..SETTLES {
        // Requests that are on their way are taken by then.
        tokio::time::sleep(Duration::from_mins(5)).await;
        let left = store.intents(IntentState::OPEN, "", 100).await;
        open = left.map_err(|error| error.to_string())?;
        if open.is_empty() {
            break;
        }
    }
    if let Some(intent) = open.first() {
        let (state, note) = (intent.state, &intent.note);
        return Err(format!("an order is still {state}: {note}"));
    }
    let ledger = back_ends.ledger();
    let logins: BTreeSet<&str> = ledger.iter().map(|ticket| ticket.login.as_str()).collect();
    if logins.len() < ledger.len() {
        let (tickets, lines) = (ledger.len(), logins.len());
        return Err(format!("{tickets} tickets for {lines} lines"));
    }
    let done = store.intents(&[IntentState::Done], "", 100).await;
    for intent in done.map_err(|error| error.to_string())? {
        let key = &intent.order.key;
        if !ledger
            .iter()
            .any(|ticket| ticket.key == *key && Some(&ticket.id) == intent.ticket.as_ref())
        {
            return Err("an order is done without a ticket".to_owned());
        }
    }
    let ordered = |key: &str| {
        records
            .iter()
            .any(|of| of.tickets.iter().any(|t| t.key == key))
    };
    if ledger.iter().any(|ticket| !ordered(&ticket.key)) {
        return Err("a ticket that no call ordered".to_owned());
    }
    Ok(())
}

/// Replicas die, drain and come again.
async fn trouble(cluster: Arc<Cluster>, mut dice: Chance) -> (usize, usize) {
    let (mut kills, mut drained) = (0, 0);
    let mut moments: Vec<u64> = (0..dice.roll(FAULTS + 1))
        .map(|_| dice.below(WITHIN_MS))
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
        let (cluster, down) = (Arc::clone(&cluster), dice.below(DOWN_MS));
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
        patience: client::PATIENCE,
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
fn records(cluster: &Cluster) -> Result<Vec<Cdr>, String> {
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
