//! `dana replay --against`: recorded calls through the gRPC service, as a gateway would make them.
//! `own` is a service of this process on virtual time, one for each call, whose back ends answer as
//! they are recorded. A URL is a service that runs elsewhere, in real time or faster; `--back-ends`
//! serves mocked back ends for it here, told for each call what is recorded.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::archive::{Archive, Recorded};
use crate::bundle::Bundle;
use crate::call::{CallId, Locale};
use crate::caller::MediaSide;
use crate::chance::Chance;
use crate::cli::against::OWN;
use crate::cli::certificates::Shown;
use crate::cli::demo;
use crate::cli::out;
use crate::cli::out::{Exit, Format};
use crate::cli::progress::Progress;
use crate::cli::recordings::Faults as Unread;
use crate::cli::replay::people::{Crowd, group_of};
use crate::cli::replay::{Args, load, over};
use crate::client;
use crate::client::{Faults, Lengths, Plan, Target};
use crate::clock;
use crate::dialog::event::Offer;
use crate::journal::Entry;
use crate::journal::recorder::Recorder;
use crate::lookup::{Attempt, Finding, Lookup, Network, TicketOrder, TicketResult};
use crate::replay::stage::Stage;
use crate::replay::told::Item;
use crate::replay::unknown::Unknown;
use crate::replay::verdict::Candidate;
use crate::session::{ClockSource, Shared};

/// Differences that are told one by one; the rest are counted.
const TOLD: usize = 20;

/// Options of `dana replay --against`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Through the gRPC service, as a gateway would: `own`, on virtual time, or `http://host:port`,
    /// whose setting gateway.clock has to be "gateway".
    #[arg(long, value_name = "SERVICE", conflicts_with_all = ["what_if", "show", "expect", "html"])]
    pub(super) against: Option<String>,
    /// How many times faster than life a service elsewhere is called; 1 is as callers spoke. Waits
    /// of the service do not run faster.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000), requires = "against")]
    speed: u32,
    /// Calls that run at once against a service elsewhere.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=5000), requires = "against")]
    at_once: u32,
    /// What goes wrong between gateway and service, in thousandths of the events:
    /// duplicate=20,delay=20,reorder=20,drop=20,reconnect=20.
    #[arg(long, value_name = "KIND=N,…", requires = "against", value_parser = faults)]
    faults: Option<Faults>,
    /// The same seed makes the same faults.
    #[arg(long, default_value_t = 1, requires = "against")]
    seed: u64,
    /// Serve the mocked back ends of a service elsewhere here.
    #[arg(long, value_name = "HOST:PORT", requires = "against")]
    back_ends: Option<SocketAddr>,
    #[command(flatten)]
    shown: Shown,
}

fn faults(text: &str) -> Result<Faults, String> {
    let mut faults = Faults::default();
    for pair in text.split(',') {
        let (kind, share) = pair.split_once('=').ok_or("write duplicate=20,drop=5")?;
        let share: u16 = share
            .trim()
            .parse()
            .map_err(|_| format!("`{share}` is no number"))?;
        let of = match kind.trim() {
            "duplicate" => &mut faults.duplicate,
            "delay" => &mut faults.delay,
            "reorder" => &mut faults.reorder,
            "drop" => &mut faults.drop,
            "reconnect" => &mut faults.reconnect,
            other => return Err(format!("no fault is called `{other}`")),
        };
        *of = share;
    }
    let all = [
        faults.duplicate,
        faults.delay,
        faults.reorder,
        faults.drop,
        faults.reconnect,
    ];
    if all.into_iter().map(u32::from).sum::<u32>() > 500 {
        return Err("more than half of the events would go wrong: no call would end".to_owned());
    }
    Ok(faults)
}

/// What came of the calls.
#[derive(Debug, Default)]
struct Made {
    same: u64,
    unknown: u64,
    broken: u64,
    different: u64,
    told: Vec<String>,
}

impl Made {
    fn add(&mut self, next: Self) {
        self.same += next.same;
        self.unknown += next.unknown;
        self.broken += next.broken;
        self.different += next.different;
        let room = TOLD.saturating_sub(self.told.len());
        self.told.extend(next.told.into_iter().take(room));
    }

    fn count(&mut self, key: &str, stage: &Stage, made: Result<Vec<Entry>, String>) {
        let line = match made {
            Err(error) => {
                self.broken += 1;
                format!("{key}  {error}")
            }
            Ok(entries) => {
                let (recorded, now) = (stage.recorded(), stage.made(&entries));
                match (stage.unknown(), recorded == now) {
                    (_, true) => {
                        self.same += 1;
                        return;
                    }
                    (Some(unknown), false) => return self.cannot_know(key, &unknown),
                    (None, false) => {
                        self.different += 1;
                        format!("{key}  {}", first(&recorded, &now))
                    }
                }
            }
        };
        self.tell(line);
    }

    fn cannot_know(&mut self, key: &str, unknown: &Unknown) {
        self.unknown += 1;
        self.tell(format!("{key}  cannot know: {unknown}"));
    }

    fn tell(&mut self, line: String) {
        if self.told.len() < TOLD {
            self.told.push(line);
        }
    }

    fn print(&self, format: Format, service: &str) {
        match format {
            Format::Text => {
                self.told.iter().for_each(|line| out::data(line));
                out::data(&format!(
                    "{} calls through {service}: {} the same, {} different, {} cannot be known, {} broken",
                    self.same + self.different + self.unknown + self.broken,
                    self.same,
                    self.different,
                    self.unknown,
                    self.broken
                ));
            }
            Format::Json => out::json(&json!({
                "service": service,
                "same": self.same,
                "different": self.different,
                "cannot_know": self.unknown,
                "broken": self.broken,
                "told": self.told,
            })),
        }
    }
}

/// The first thing that is not the same.
fn first(recorded: &[Item], now: &[Item]) -> String {
    let same = recorded.iter().zip(now).take_while(|(was, is)| was == is);
    let at = same.count();
    let item = |items: &[Item]| {
        items
            .get(at)
            .map_or_else(|| "nothing more".to_owned(), ToString::to_string)
    };
    format!("{} -> {}", item(recorded), item(now))
}

/// Makes the calls of an archive.
pub(super) fn against(args: &Args, service: &str) -> Result<Exit, Exit> {
    let bundle = load(args.flow.as_ref().unwrap_or(&args.bundle))?;
    let target = Some(service).filter(|service| *service != OWN);
    let target = args.through.shown.to(target).map_err(|error| {
        out::error(&error);
        Exit::BadFile
    })?;
    let archive = args.recordings.open()?;
    let mut made = Made::default();
    let read = if let Some(target) = target {
        elsewhere(args, &bundle, &archive, target, &mut made).map_err(|error| {
            out::error(&error);
            Exit::Environment
        })?
    } else {
        let candidate = Candidate::new(Arc::clone(&bundle), None);
        let lengths = lengths_of(&bundle);
        let work = |sum: &mut Made, entries: &[Entry]| {
            let key = key_of(entries);
            match Stage::new(&candidate, entries) {
                Ok(stage) => {
                    let faults = faults_of(&args.through, key);
                    let made = own(&bundle, entries, &stage, Arc::clone(&lengths), faults);
                    sum.count(key, &stage, made);
                }
                Err(unknown) => sum.cannot_know(key, &unknown),
            }
        };
        let faults = over(args, &archive, work, Made::default, |sum| made.add(sum));
        faults.of_something()?;
        faults.exit()
    };
    made.print(args.format, service);
    let good = made.different + made.broken == 0;
    Ok(if good { read } else { Exit::Found })
}

fn offer_of(entries: &[Entry]) -> Option<&Offer> {
    let Some(Entry::Header(header)) = entries.first() else {
        return None;
    };
    Some(&header.offer)
}

fn key_of(entries: &[Entry]) -> &str {
    offer_of(entries).map_or("", |offer| &offer.call_key)
}

/// Each call has faults of its own, the same in every run.
fn faults_of(options: &Options, key: &str) -> Faults {
    let mut faults = options.faults.clone().unwrap_or_default();
    let name: Vec<u64> = key.bytes().map(u64::from).collect();
    faults.chance = Chance::new(options.seed, &name);
    faults
}

fn plan(entries: &[Entry], id: &str, speed: u32, lengths: Arc<Lengths>) -> Result<Plan, String> {
    let offer = offer_of(entries).ok_or("the call has no beginning")?;
    Ok(Plan {
        call: CallId::new(id).ok_or("a call id")?,
        from: offer.from.clone(),
        locale: offer.locale,
        turns: Vec::new(),
        media: MediaSide::default(),
        speed,
        at: offer.began,
        lengths,
        patience: client::PATIENCE,
    })
}

/// One call through a service of its own, on virtual time.
fn own(
    bundle: &Arc<Bundle>,
    entries: &[Entry],
    stage: &Stage,
    lengths: Arc<Lengths>,
    faults: Faults,
) -> Result<Vec<Entry>, String> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let shared = Shared {
            network: Arc::new(BackEnds(stage.clone())),
            recorder: Recorder::nowhere(),
            clock: ClockSource::Gateway,
        };
        let service = demo::service(Arc::clone(bundle), shared)?;
        let (pipe, connections) = client::pipe();
        tokio::spawn(service.serve_on(connections, std::future::pending()));
        let target = Target::Pipe(pipe);
        let plan = plan(entries, "replay", 1, lengths)?;
        let made = client::make_as(&target, plan, stage.caller(), faults, |_| {}).await;
        made.map_err(|error| error.to_string())
    })
}

/// As a gateway that has fetched every clip would know.
fn lengths_of(bundle: &Bundle) -> Arc<Lengths> {
    let clips = Locale::ALL
        .iter()
        .flat_map(|&locale| bundle.catalog.clips(locale));
    let known = clips.filter_map(|clip| {
        let recorded = clip.recorded.as_ref()?;
        Some((recorded.sha256.to_string(), recorded.duration_ms))
    });
    Arc::new(known.collect())
}

/// The back ends of a recording.
struct BackEnds(Stage);

impl Network for BackEnds {
    async fn look_up(&self, lookup: Lookup) -> Finding {
        match self.0.look_up(&lookup) {
            Some((ms, finding)) => {
                tokio::time::sleep(Duration::from_millis(u64::from(ms))).await;
                finding
            }
            None => std::future::pending().await,
        }
    }

    async fn create_ticket(&self, order: TicketOrder, _: Attempt) -> TicketResult {
        match self.0.ticket(&order) {
            Some((ms, result)) => {
                tokio::time::sleep(Duration::from_millis(u64::from(ms))).await;
                result
            }
            None => std::future::pending().await,
        }
    }
}

/// All calls through a service elsewhere; so many at once, and none at the same time as another of
/// its number.
fn elsewhere(
    args: &Args,
    bundle: &Arc<Bundle>,
    archive: &Archive,
    target: Target,
    made: &mut Made,
) -> Result<Exit, String> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    let candidate = Candidate::new(Arc::clone(bundle), None);
    let mut unread = Unread::default();
    runtime
        .map_err(|error| error.to_string())?
        .block_on(async {
            let lengths = client::lengths(&target)
                .await
                .map_err(|error| error.to_string())?;
            let crowd = Crowd::serve(args.through.back_ends).await?;
            let mut desk = Desk {
                options: &args.through,
                target,
                lengths: Arc::new(lengths),
                crowd,
                busy: BTreeSet::new(),
                running: JoinSet::new(),
                number: 0,
            };
            let mut progress = Progress::new("calls", archive.calls());
            for part in archive.parts() {
                let calls = archive.read(&part);
                progress.add(calls.len());
                for call in calls {
                    match call {
                        Ok(call) => match Stage::new(&candidate, &call.entries) {
                            Ok(stage) => desk.begin(call, stage, made).await?,
                            Err(unknown) => made.cannot_know(call.key(), &unknown),
                        },
                        Err(fault) => unread.tell(&fault),
                    }
                }
            }
            while desk.end_one(made).await? {}
            Ok::<_, String>(())
        })?;
    Ok(unread.exit())
}

type Ended = (String, String, Stage, Result<Vec<Entry>, String>);

struct Desk<'a> {
    options: &'a Options,
    target: Target,
    lengths: Arc<Lengths>,
    crowd: Option<Crowd>,
    busy: BTreeSet<String>,
    running: JoinSet<Ended>,
    number: u64,
}

impl Desk<'_> {
    async fn begin(&mut self, call: Recorded, stage: Stage, made: &mut Made) -> Result<(), String> {
        let most = usize::try_from(self.options.at_once).unwrap_or(1);
        let from = offer_of(&call.entries).and_then(|offer| offer.from.as_ref());
        let group = from.map_or_else(String::new, group_of);
        while self.running.len() >= most || (!group.is_empty() && self.busy.contains(&group)) {
            self.end_one(made).await?;
        }
        if let Some(crowd) = &self.crowd {
            crowd.tell(from, &stage);
        }
        self.busy.insert(group.clone());
        self.number += 1;
        let id = format!("replay-{}-{}", self.number, clock::now().unix_ms());
        let lengths = Arc::clone(&self.lengths);
        let plan = plan(&call.entries, &id, self.options.speed, lengths)?;
        let faults = faults_of(self.options, call.key());
        let (target, key) = (self.target.clone(), call.key().to_owned());
        self.running.spawn(async move {
            let caller = stage.caller();
            let entries = client::make_as(&target, plan, caller, faults, |_| {}).await;
            (
                group,
                key,
                stage,
                entries.map_err(|error| error.to_string()),
            )
        });
        Ok(())
    }

    /// `false` when none runs any more.
    async fn end_one(&mut self, made: &mut Made) -> Result<bool, String> {
        let Some(ended) = self.running.join_next().await else {
            return Ok(false);
        };
        let (group, key, stage, entries) = ended.map_err(|error| error.to_string())?;
        self.busy.remove(&group);
        made.count(&key, &stage, entries);
        Ok(true)
    }
}
