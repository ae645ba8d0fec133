//! `dana status`: what a running service says of itself, for people and for programs. Reads its
//! status listener, as Prometheus does; knows nothing that is not there.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::cli::out;
use crate::cli::out::{Exit, Format};
use crate::serve::config::Config;

/// Options of `dana status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The service's configuration file; see `dana config`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where its status is [default: `status.listen`].
    #[arg(long, value_name = "HOST:PORT")]
    at: Option<SocketAddr>,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// A service that does not answer at once is no answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Runs the command: 0 if the service takes calls, 1 if not.
pub fn run(args: &Args) -> Exit {
    let at = match args.at {
        Some(at) => at,
        None => match Config::load(args.config.as_deref()) {
            Ok(config) => config.status,
            Err(error) => return out::bad_file(&error),
        },
    };
    let asked = get(at, "/readyz").and_then(|ready| Ok((ready, get(at, "/metrics")?)));
    let status = match asked {
        Ok((ready, metrics)) => Status::read(ready.trim(), &metrics),
        Err(error) => {
            out::talk(&format!("error: no service answers at {at}: {error}"));
            return Exit::Environment;
        }
    };
    match args.format {
        Format::Json => out::json(&status),
        Format::Text => {
            for line in status.lines() {
                out::data(&line);
            }
        }
    }
    if TAKES_CALLS.contains(&status.state.as_str()) {
        Exit::Good
    } else {
        Exit::Found
    }
}

/// What `/readyz` says of a service that takes calls.
const TAKES_CALLS: [&str; 2] = ["ready", "degraded"];

/// The body of an answer.
fn get(at: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {at}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n");
    let body = body.ok_or_else(|| std::io::Error::other("that is no HTTP"))?;
    Ok(body.1.to_owned())
}

/// What is told.
#[derive(Debug, Default, Serialize)]
struct Status {
    /// `ready`; `degraded`: calls are taken, and no ticket can be ordered; `draining`.
    state: String,
    version: String,
    bundle: String,
    /// Live calls by gateway.
    calls: BTreeMap<String, u64>,
    offers: u64,
    resumes: u64,
    /// Refused streams by reason.
    refusals: BTreeMap<String, u64>,
    events: u64,
    turns: u64,
    /// Refused connections by reason.
    handshakes_refused: BTreeMap<String, u64>,
    look_ups: BTreeMap<String, LookUps>,
    look_ups_shared: u64,
    /// Orders by result.
    tickets: BTreeMap<String, u64>,
    /// Back ends that are not asked because they fail.
    back_ends_failing: Vec<String>,
    /// The 99th percentile is at most so late, in seconds; since the start.
    loop_lag_p99_s: Option<f64>,
    journal_lost: u64,
    store_up: bool,
    /// Call records that wait for the store.
    spool_bytes: u64,
    /// Call records that will not come there.
    records_lost: u64,
    /// Files that changed and could not be used.
    reloads_failed: BTreeMap<String, u64>,
}

/// The look-ups of one kind.
#[derive(Debug, Default, Serialize)]
struct LookUps {
    /// How many found what.
    classes: BTreeMap<String, u64>,
    /// Half of them took at most so long, in seconds; `null` beyond the last bound.
    p50_s: Option<f64>,
    /// 99 of a hundred took at most so long.
    p99_s: Option<f64>,
    #[serde(skip)]
    buckets: Buckets,
}

/// Counts by upper bound, in the bound's order.
#[derive(Debug, Default)]
struct Buckets(Vec<(f64, u64)>);

impl Buckets {
    fn add(&mut self, bound: f64, count: u64) {
        match self
            .0
            .iter_mut()
            .find(|(known, _)| known.total_cmp(&bound).is_eq())
        {
            Some((_, sum)) => *sum += count,
            None => self.0.push((bound, count)),
        }
    }

    /// The lowest bound that holds so many of a thousand; `None` if only the endless one does.
    fn quantile(&self, permille: u64) -> Option<f64> {
        let all = self.0.last()?.1;
        let enough = |count: u64| count * 1000 >= all * permille && all > 0;
        let found = self.0.iter().find(|(_, count)| enough(*count))?;
        Some(found.0).filter(|bound| bound.is_finite())
    }
}

/// One line of the metrics: its name, its labels, its value.
struct Sample<'m> {
    name: &'m str,
    labels: Vec<(&'m str, &'m str)>,
    value: f64,
}

impl<'m> Sample<'m> {
    fn read(line: &'m str) -> Option<Self> {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}')?),
            None => (series, ""),
        };
        let labels = labels.split(',').filter_map(|label| {
            let (name, value) = label.split_once('=')?;
            Some((name, value.trim_matches('"')))
        });
        Some(Self {
            name: name.strip_prefix("dana_")?,
            labels: labels.collect(),
            value: value.parse().ok()?,
        })
    }

    fn label(&self, name: &str) -> &'m str {
        let found = self.labels.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value)
    }

    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are whole, and none reaches 2^53"
    )]
    const fn count(&self) -> u64 {
        self.value as u64
    }
}

impl Status {
    fn read(state: &str, metrics: &str) -> Self {
        let mut status = Self {
            state: state.to_owned(),
            ..Self::default()
        };
        let mut lag = Buckets::default();
        let samples = metrics.lines().filter(|line| !line.starts_with('#'));
        for sample in samples.filter_map(Sample::read) {
            let count = sample.count();
            let by = |label| (sample.label(label).to_owned(), count);
            let bound = || sample.label("le").parse().unwrap_or(f64::INFINITY);
            match sample.name {
                "build" => sample.label("version").clone_into(&mut status.version),
                "bundle" => sample.label("hash").clone_into(&mut status.bundle),
                "calls" => status.calls.extend([by("gateway")]),
                "offers_total" => status.offers += count,
                "resumes_total" => status.resumes += count,
                "refusals_total" => status.refusals.extend([by("reason")]),
                "events_total" => status.events = count,
                "turns_total" => status.turns = count,
                "handshakes_refused_total" => status.handshakes_refused.extend([by("reason")]),
                "look_up_seconds_bucket" => {
                    let kind = sample.label("kind").to_owned();
                    status
                        .look_ups
                        .entry(kind)
                        .or_default()
                        .buckets
                        .add(bound(), count);
                }
                "look_up_seconds_count" => {
                    let kind = sample.label("kind").to_owned();
                    let classes = &mut status.look_ups.entry(kind).or_default().classes;
                    classes.extend([by("class")]);
                }
                "look_ups_shared_total" => status.look_ups_shared = count,
                "tickets_total" => status.tickets.extend([by("result")]),
                "breaker_open" if count > 0 => {
                    let back_end = sample.label("back_end");
                    status.back_ends_failing.push(back_end.to_owned());
                }
                "loop_lag_seconds_bucket" => lag.add(bound(), count),
                "journal_lost" => status.journal_lost = count,
                "store_up" => status.store_up = count > 0,
                "spool_bytes" => status.spool_bytes = count,
                "records_lost" => status.records_lost = count,
                "reloads_failed_total" => status.reloads_failed.extend([by("what")]),
                _ => {}
            }
        }
        for look_ups in status.look_ups.values_mut() {
            look_ups.p50_s = look_ups.buckets.quantile(500);
            look_ups.p99_s = look_ups.buckets.quantile(990);
        }
        status.loop_lag_p99_s = lag.quantile(990);
        status
    }

    fn lines(&self) -> Vec<String> {
        let list = |counts: &BTreeMap<String, u64>| {
            let parts: Vec<_> = counts
                .iter()
                .map(|(name, n)| format!("{name} {n}"))
                .collect();
            if parts.is_empty() {
                "none".to_owned()
            } else {
                parts.join(", ")
            }
        };
        let live: u64 = self.calls.values().sum();
        let failing = if self.back_ends_failing.is_empty() {
            "all are asked".to_owned()
        } else {
            format!(
                "not asked, they fail: {}",
                self.back_ends_failing.join(", ")
            )
        };
        let store = if self.store_up {
            "takes what it is told"
        } else {
            "is away: no ticket can be ordered"
        };
        let mut lines = vec![
            format!(
                "dana {}, bundle {}: {}",
                self.version, self.bundle, self.state
            ),
            format!("live calls   {live} ({})", list(&self.calls)),
            format!(
                "taken        {} offers, {} resumes",
                self.offers, self.resumes
            ),
            format!("refused      {}", list(&self.refusals)),
            format!("connections  refused: {}", list(&self.handshakes_refused)),
            format!("messages     {} events, {} turns", self.events, self.turns),
            format!("tickets      {}", list(&self.tickets)),
            format!("back ends    {failing}"),
            format!("loop lag     p99 {}", at_most(self.loop_lag_p99_s)),
            format!("journal      {} entries lost", self.journal_lost),
            format!(
                "store        {store}; {} bytes of records wait, {} records lost",
                self.spool_bytes, self.records_lost
            ),
            format!("reloads      failed: {}", list(&self.reloads_failed)),
            format!(
                "look-ups     {} answered by another's answer",
                self.look_ups_shared
            ),
        ];
        for (kind, look_ups) in &self.look_ups {
            let (p50, p99) = (at_most(look_ups.p50_s), at_most(look_ups.p99_s));
            let classes = list(&look_ups.classes);
            lines.push(format!("  {kind:<12} p50 {p50:<9} p99 {p99:<9} {classes}"));
        }
        lines
    }
}

fn at_most(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "-".to_owned(), |seconds| format!("≤ {seconds} s"))
}
