//! `dana demo --chaos`: the service is killed under a caller (SIGKILL), as it stands, and started
//! again; others call meanwhile. Shows the call as the caller has it, and checks that nothing was
//! lost, nothing done twice and nothing said twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::call::Question;
use crate::cli::demo::replica::Replica;
use crate::cli::demo::{Args, CALLERS, Caller, LINE_TEST, at, mock, plan, report};
use crate::cli::out;
use crate::client;
use crate::client::{CallFailure, PATIENCE};
use crate::dialog::action::Action;
use crate::dialog::event::{Event, PlaybackCause};
use crate::journal::Entry;
use crate::journal::cdr::fold;
use crate::network::mock::{Api, Fault, Mock};
use crate::script::render;
use crate::store::{IntentState, Store};

/// A machine may be slow, and starts a service in longer than a gateway waits: the demo waits, and
/// says so.
const WAITS: Duration = Duration::from_mins(2);
/// How often the back ends are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Entries of a call that wait to be looked at.
const SEEN: usize = 1_024;
/// How long an order that its caller was told of may take to be settled in the store.
const SETTLED: Duration = Duration::from_secs(10);

/// When the service is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    LookUp,
    Prompt,
    Ticket,
    Farewell,
}

/// In the order of the call.
const MOMENTS: [Moment; 4] = [
    Moment::LookUp,
    Moment::Prompt,
    Moment::Ticket,
    Moment::Farewell,
];

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LookUp => "while the line test is out",
            Self::Prompt => "in a prompt",
            Self::Ticket => "while the ticket is ordered: it exists, the answer is lost",
            Self::Farewell => "in the farewell",
        })
    }
}

impl Moment {
    /// Waits until it comes; `false` when the call ends before.
    async fn comes(self, caller: &Caller, call: &mut mpsc::Receiver<Entry>, mock: &Mock) -> bool {
        loop {
            let login = caller.login();
            let there = match self {
                Self::LookUp => mock.has_tested(&login),
                Self::Ticket => mock.ledger().iter().any(|entry| entry.login == login),
                Self::Prompt | Self::Farewell => false,
            };
            if there {
                return true;
            }
            match timeout(LOOK_EVERY, call.recv()).await {
                Ok(Some(Entry::Action { action, .. })) if self.is(&action) => return true,
                Ok(Some(_)) | Err(_) => {}
                Ok(None) => return false,
            }
        }
    }

    /// Whether that action begins it.
    fn is(self, action: &Action) -> bool {
        match (self, action) {
            (Self::Prompt, Action::Listen(listen)) => listen.question == Question::ConfirmHome,
            (Self::Farewell, Action::HangUp { .. }) => true,
            _ => false,
        }
    }
}

/// Makes the calls, and kills the service under the first.
pub(super) async fn chaos(args: &Args) -> Result<bool, String> {
    let [victim, ..] = CALLERS else {
        return Err("nobody calls".to_owned());
    };
    let (root, mock) = mock(LINE_TEST).await?;
    let lost = Fault::CreatesThenTimesOut;
    mock.break_for(victim.number, Api::CreateTicket, lost, 1);
    let mut service = Replica::new(&args.bundle, &root)?;
    service.start().await?;

    let kills = Arc::new(AtomicUsize::new(0));
    let (seen, mut call) = mpsc::channel(SEEN);
    let mut calls = call_all(args, &service, &kills, seen).await?;
    let mut outages = Vec::new();
    for moment in MOMENTS {
        if !moment.comes(victim, &mut call, &mock).await {
            break;
        }
        note(&format!("the service is killed {moment}"));
        kills.fetch_add(1, Ordering::Relaxed);
        let killed = Instant::now();
        service.kill();
        service.start().await?;
        outages.push(killed.elapsed());
        note(&format!("back after {} ms", killed.elapsed().as_millis()));
    }
    // The rest of the call is only shown.
    drop(call);

    let mut faults = Vec::new();
    let mut endings = Vec::new();
    while let Some(call) = calls.join_next().await {
        let (caller, made) = call.map_err(|error| error.to_string())?;
        if let Ok(entries) = &made {
            let again = twice(entries, caller.name == victim.name);
            faults.extend(again.map(|what| format!("{}: {what}", caller.name)));
        }
        endings.push((caller, made.map(|entries| fold(&entries))));
    }
    let good = report(endings, args.speed, Some(&mock));
    faults.extend(orders(&service, &mock).await);
    if outages.len() < MOMENTS.len() {
        faults.push("the call was over before the service was killed each time".to_owned());
    }
    Ok(conclude(&outages, &faults) && good)
}

type Call = (&'static Caller, Result<Vec<Entry>, CallFailure>);

/// Begins the calls: the first is shown, and told to `seen`. The others order nothing: a ticket that
/// was ordered and never sent is for an operator, by design, and no two runs would be alike.
async fn call_all(
    args: &Args,
    service: &Replica,
    kills: &Arc<AtomicUsize>,
    seen: mpsc::Sender<Entry>,
) -> Result<JoinSet<Call>, String> {
    let target = at(&service.url())?;
    let lengths = client::lengths(&target).await.map_err(|e| e.to_string())?;
    let lengths = Arc::new(lengths);
    let mut seen = Some(seen);
    let mut calls = JoinSet::new();
    for (number, caller) in CALLERS.iter().enumerate() {
        if number > 0 && caller.tickets > 0 {
            continue;
        }
        let mut plan = plan(number, caller, args.speed, &lengths)?;
        plan.patience = WAITS;
        let (target, kills) = (target.clone(), Arc::clone(kills));
        let seen = seen.take();
        calls.spawn(async move {
            let mut playing = Playing::new();
            let tell = |entry: &Entry| {
                if let Some(seen) = &seen {
                    show(entry, &mut playing, kills.load(Ordering::Relaxed));
                    // Beyond that the call is not looked at any more, which shows.
                    let _ = seen.try_send(entry.clone());
                }
            };
            (caller, client::make(&target, plan, tell).await)
        });
    }
    Ok(calls)
}

/// What plays, by its id: how often the service had been killed when it came, and its text.
type Playing = BTreeMap<u32, (usize, String)>;

/// Shows what happens in the call, and what is heard though the service was killed meanwhile.
fn show(entry: &Entry, playing: &mut Playing, kills: usize) {
    if let Some(line) = render::line(entry) {
        out::data(&line);
    }
    if let Entry::Action {
        action: Action::Play(play),
        ..
    } = entry
    {
        playing.insert(play.id, (kills, play.text()));
    } else if let Entry::Event {
        event: Event::PlaybackFinished {
            playback, cause, ..
        },
        ..
    } = entry
    {
        let played = playing.remove(playback);
        let over = |(before, _): &(usize, String)| *before < kills;
        if let Some((_, text)) = played.filter(over)
            && *cause == PlaybackCause::Completed
        {
            note(&format!("heard to its end: {text}"));
        }
    }
}

/// A line about what the caller does not see.
fn note(text: &str) {
    out::data(&format!("{:>8}  ~       {text}", ""));
}

/// What came twice in a call: a playback and, where the caller asks for no repeat, words.
fn twice(entries: &[Entry], words: bool) -> Option<String> {
    let (mut ids, mut texts) = (BTreeSet::new(), BTreeSet::new());
    let mut plays = entries.iter().filter_map(|entry| {
        let Entry::Action {
            action: Action::Play(play),
            ..
        } = entry
        else {
            return None;
        };
        Some(play)
    });
    let again = plays.find(|play| !ids.insert(play.id) || (words && !texts.insert(play.text())));
    again.map(|play| format!("said twice: {}", play.text()))
}

/// What is wrong with the orders of tickets, in the store and in the ticket system.
async fn orders(service: &Replica, mock: &Mock) -> Option<String> {
    let tickets = mock.ledger();
    if tickets.len() != 1 {
        return Some(format!("{} tickets instead of one", tickets.len()));
    }
    let store = match service.store().await {
        Ok(store) => store,
        Err(error) => return Some(format!("the store: {error}")),
    };
    let until = Instant::now() + SETTLED;
    loop {
        let orders = store.intents(IntentState::ALL, "", 100).await;
        let orders = orders.unwrap_or_default();
        let done = |order: &crate::store::Intent| order.state == IntentState::Done;
        if orders.len() == 1 && orders.iter().all(done) {
            return None;
        }
        if Instant::now() > until {
            let states = orders.iter().map(|order| order.state.as_str());
            let states = states.collect::<Vec<_>>().join(", ");
            return Some(format!("the orders in the store are: {states}"));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The last lines; whether there was no fault.
fn conclude(outages: &[Duration], faults: &[String]) -> bool {
    let times = outages.iter().map(|outage| outage.as_millis().to_string());
    let times = times.collect::<Vec<_>>().join(", ");
    out::data(&format!(
        "killed {} times, back after {times} ms",
        outages.len()
    ));
    if outages.iter().any(|outage| *outage > PATIENCE) {
        let longest = PATIENCE.as_secs();
        out::talk(&format!(
            "a gateway waits for {longest} s only, and then goes on without Dana: this machine is slow"
        ));
    }
    for fault in faults {
        out::data(&format!("NOT {fault}"));
    }
    if faults.is_empty() {
        out::data("nothing was lost, nothing ordered twice, nothing said twice");
    }
    faults.is_empty()
}
