//! What a stretch of traffic came to, from the records of its calls: who was helped without a
//! person, why callers were handed over, where they gave up, how the back ends did. For each version
//! of the flow by itself. Counts alone: the same for any order of the work.
//!
//! **Contained** is a call that ended with what the caller came for, without a person, and whose
//! line did not call again within 24 hours. A caller who hung up before an outcome is not contained.
//!
//! Memory does not grow with the archive, but for 24 bytes a call: to see who called again.

mod tables;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::call::{Disposition, OtherReason, TransferReason};
use crate::dialog::event::{ListenCause, TransferResult};
use crate::digest::short;
use crate::journal::cdr::{Cdr, LeftAt, LookupRecord, QuestionRecord, TicketRecord};
use crate::lookup::TicketResult;
pub use tables::{Table, percent, tables};

/// Whoever calls again within this was not helped.
const AGAIN_MS: i64 = 24 * 60 * 60 * 1000;

/// The counts of a name.
pub type Counts = BTreeMap<String, u64>;

/// Figures of the calls of one flow, or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Calls.
    pub calls: u64,
    /// How they ended for the caller.
    pub outcomes: Outcomes,
    /// Calls by disposition; `none` for those without an end.
    pub dispositions: Counts,
    /// Hand-overs by reason.
    pub transfers: BTreeMap<String, Transfers>,
    /// Where callers hung up: what was going on, and the last question.
    pub given_up: Counts,
    /// Visits of questions.
    pub questions: BTreeMap<String, Questions>,
    /// Look-ups by kind.
    pub look_ups: BTreeMap<String, LookUps>,
    /// Ticket orders by result; `none` for those whose result is not known.
    pub tickets: Counts,
    /// How long calls lasted, in milliseconds.
    pub duration_ms: Spread,
    /// Silence of a call, in milliseconds.
    pub dead_air_ms: Spread,
    /// Longest silence of a call, in milliseconds.
    pub longest_silence_ms: Spread,
    /// Calls by the hour in Kazakhstan.
    pub hours: BTreeMap<String, u64>,
    /// Calls by the day in Kazakhstan.
    pub days: BTreeMap<String, u64>,
    /// Reconnects of gateways.
    pub resumes: u64,
    /// Calls of which entries were lost.
    pub with_gaps: u64,
}

/// How calls ended for the caller. They add up to all calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// Helped without a person, and did not call again.
    pub contained: u64,
    /// Ended like that, but the line called again within 24 hours.
    pub called_again: u64,
    /// Connected to a person.
    pub handed_over: u64,
    /// The caller hung up before an outcome.
    pub abandoned: u64,
    /// Ended without what the caller came for.
    pub not_helped: u64,
    /// The recording has no end.
    pub no_end: u64,
    /// Of the contained: the number was withheld, so nobody knows who called again.
    pub contained_unknown_number: u64,
    /// Of the contained: less than 24 hours before the last call of the archive.
    pub contained_too_recent: u64,
}

/// Hand-overs for one reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Transfers {
    /// To a person.
    pub connected: u64,
    /// Nobody could be reached.
    pub failed: u64,
    /// The caller hung up while it rang.
    pub hung_up: u64,
}

/// Visits of one question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Questions {
    /// How often it was put.
    pub visits: u64,
    /// Answered at once.
    pub at_once: u64,
    /// Answered after being put again.
    pub recovered: u64,
    /// Left without an answer.
    pub lost: u64,
    /// Times it was put again.
    pub misses: u64,
}

/// Look-ups of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LookUps {
    /// How many.
    pub asked: u64,
    /// By the class of the answer; `none` if the call ended first.
    pub classes: Counts,
    /// How long they took, in milliseconds.
    pub ms: Spread,
}

/// How a figure is spread, to two digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    count: u64,
    sum: u64,
    most: u32,
    /// Figures rounded down to two digits.
    figures: BTreeMap<u32, u64>,
}

impl Spread {
    /// One more.
    pub fn add(&mut self, figure: u32) {
        self.count += 1;
        self.sum += u64::from(figure);
        self.most = self.most.max(figure);
        let mut unit = 1;
        while figure / unit >= 100 {
            unit *= 10;
        }
        *self.figures.entry(figure / unit * unit).or_default() += 1;
    }

    /// The mean.
    pub fn mean(&self) -> u64 {
        self.sum / self.count.max(1)
    }

    /// The greatest.
    pub const fn most(&self) -> u32 {
        self.most
    }

    /// So many in a hundred are no greater, to two digits.
    pub fn percentile(&self, percent: u64) -> u32 {
        let mut left = (self.count * percent).div_ceil(100);
        for (figure, count) in &self.figures {
            left = left.saturating_sub(*count);
            if left == 0 {
                return *figure;
            }
        }
        self.most
    }
}

impl Serialize for Spread {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let percentiles = [50, 90, 99].map(|percent| u64::from(self.percentile(percent)));
        let names = ["mean", "p50", "p90", "p99", "max"];
        let figures = [self.mean()]
            .into_iter()
            .chain(percentiles)
            .chain([u64::from(self.most)]);
        serializer.collect_map(names.into_iter().zip(figures))
    }
}

/// A report in the making.
#[derive(Clone, Debug, Default)]
pub struct Report {
    versions: BTreeMap<Arc<str>, Figures>,
    /// Calls of known numbers: a hash of the number, when, and the version if it ended contained.
    callers: Vec<(u64, i64, u32)>,
    /// Names of the versions, by the number in `callers`.
    names: Vec<Arc<str>>,
    last: i64,
    first: Option<i64>,
}

/// A report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reported {
    /// When the first call began (RFC 3339); empty without calls.
    pub from: String,
    /// When the last call began.
    pub to: String,
    /// All calls.
    pub all: Figures,
    /// The calls of each flow, by the hash of its bundle.
    pub versions: BTreeMap<Arc<str>, Figures>,
}

/// Not contained, in `Report::callers`.
const NOT_CONTAINED: u32 = u32::MAX;

impl Report {
    /// Counts a call in.
    pub fn add(&mut self, cdr: &Cdr) {
        let began = cdr.began.unix_ms();
        self.last = self.last.max(began);
        self.first = Some(self.first.map_or(began, |first| first.min(began)));
        if !self.versions.contains_key(&cdr.bundle) {
            self.versions
                .insert(Arc::clone(&cdr.bundle), Figures::default());
            self.names.push(Arc::clone(&cdr.bundle));
        }
        let Some(figures) = self.versions.get_mut(&cdr.bundle) else {
            return;
        };
        figures.add(cdr);
        let contained = is_contained(cdr.disposition);
        if let Some(number) = &cdr.from {
            let version = self.names.iter().position(|name| *name == cdr.bundle);
            let version = version.and_then(|version| u32::try_from(version).ok());
            let version = version.filter(|_| contained).unwrap_or(NOT_CONTAINED);
            self.callers
                .push((short(number.reveal().as_bytes()), began, version));
        } else if contained {
            figures.outcomes.contained_unknown_number += 1;
        }
    }

    /// The report of all that was counted in.
    pub fn finish(mut self) -> Reported {
        self.callers.sort_unstable();
        for (at, (number, began, version)) in self.callers.iter().enumerate() {
            let name = usize::try_from(*version)
                .ok()
                .and_then(|version| self.names.get(version));
            let Some(figures) = name.and_then(|name| self.versions.get_mut(name)) else {
                continue;
            };
            let next = self
                .callers
                .get(at + 1)
                .filter(|(other, ..)| other == number);
            if next.is_some_and(|(_, again, _)| again - began <= AGAIN_MS) {
                figures.outcomes.contained -= 1;
                figures.outcomes.called_again += 1;
            } else if self.last - began < AGAIN_MS {
                figures.outcomes.contained_too_recent += 1;
            }
        }
        let mut all = Figures::default();
        for figures in self.versions.values() {
            all.join(figures);
        }
        let written = |ms: i64| crate::time::WallTime::from_unix_ms(ms).to_rfc3339();
        Reported {
            from: self.first.map(written).unwrap_or_default(),
            to: self.first.map(|_| written(self.last)).unwrap_or_default(),
            all,
            versions: self.versions,
        }
    }
}

/// Stands in place of a class where the call ended before the answer came.
const UNANSWERED: &str = "unanswered";

/// Ended with what the caller came for, without a person.
const fn is_contained(disposition: Option<Disposition>) -> bool {
    matches!(
        disposition,
        Some(
            Disposition::TicketCreated
                | Disposition::InformedOutage
                | Disposition::InformedExistingTicket
                | Disposition::InformedFee
                | Disposition::InformedTopic
                | Disposition::InformedNotAtHome
                | Disposition::Redirected116
        )
    )
}

impl Figures {
    fn add(&mut self, cdr: &Cdr) {
        self.calls += 1;
        let outcomes = &mut self.outcomes;
        match cdr.disposition {
            ended if is_contained(ended) => outcomes.contained += 1,
            Some(Disposition::TransferredOperator | Disposition::TransferredUniversal) => {
                outcomes.handed_over += 1;
            }
            Some(Disposition::CallerHungUp) => outcomes.abandoned += 1,
            Some(_) => outcomes.not_helped += 1,
            None => outcomes.no_end += 1,
        }
        count(
            &mut self.dispositions,
            cdr.disposition.map_or("none", Disposition::as_str),
        );
        for transfer in &cdr.transfers {
            let figures = self
                .transfers
                .entry(transfer.reason.to_string())
                .or_default();
            match transfer.result {
                Some(TransferResult::Connected) => figures.connected += 1,
                Some(TransferResult::CallEnded) | None => figures.hung_up += 1,
                Some(_) => figures.failed += 1,
            }
        }
        if cdr.disposition == Some(Disposition::CallerHungUp) {
            count(&mut self.given_up, &place(cdr));
        }
        // Who was heard to the end, not understood, and handed over for that has not answered.
        let not_understood = TransferReason::Other(OtherReason::NotUnderstood);
        let given_up = cdr.transfers.iter().any(|to| to.reason == not_understood);
        for (at, visit) in (1..).zip(&cdr.questions) {
            self.question(visit, given_up && at == cdr.questions.len());
        }
        cdr.look_ups
            .iter()
            .for_each(|look_up| self.look_up(look_up));
        cdr.tickets
            .iter()
            .for_each(|ticket| count(&mut self.tickets, result(ticket)));
        self.duration_ms.add(cdr.duration_ms);
        self.dead_air_ms.add(cdr.dead_air_ms);
        self.longest_silence_ms.add(cdr.longest_silence_ms);
        let began = cdr.began.in_kazakhstan();
        count(&mut self.hours, &format!("{:02}", began.hour()));
        count(&mut self.days, &began.date().to_string());
        self.resumes += u64::from(cdr.resumes);
        self.with_gaps += u64::from(cdr.gaps > 0);
    }

    fn question(&mut self, visit: &QuestionRecord, given_up: bool) {
        let figures = self
            .questions
            .entry(visit.question.to_string())
            .or_default();
        figures.visits += 1;
        figures.misses += u64::from(visit.misses);
        match (visit.outcome.filter(|_| !given_up), visit.misses) {
            (Some(ListenCause::Speech | ListenCause::Digits), 0) => figures.at_once += 1,
            (Some(ListenCause::Speech | ListenCause::Digits), _) => figures.recovered += 1,
            (Some(_) | None, _) => figures.lost += 1,
        }
    }

    fn look_up(&mut self, look_up: &LookupRecord) {
        let figures = self.look_ups.entry(look_up.kind.to_string()).or_default();
        figures.asked += 1;
        count(
            &mut figures.classes,
            look_up.class.as_deref().unwrap_or(UNANSWERED),
        );
        if let Some(ms) = look_up.ms {
            figures.ms.add(ms);
        }
    }

    fn join(&mut self, other: &Self) {
        self.calls += other.calls;
        self.outcomes.join(other.outcomes);
        join(&mut self.dispositions, &other.dispositions);
        for (reason, figures) in &other.transfers {
            let own = self.transfers.entry(reason.clone()).or_default();
            own.connected += figures.connected;
            own.failed += figures.failed;
            own.hung_up += figures.hung_up;
        }
        join(&mut self.given_up, &other.given_up);
        for (question, figures) in &other.questions {
            let own = self.questions.entry(question.clone()).or_default();
            own.visits += figures.visits;
            own.at_once += figures.at_once;
            own.recovered += figures.recovered;
            own.lost += figures.lost;
            own.misses += figures.misses;
        }
        for (kind, figures) in &other.look_ups {
            let own = self.look_ups.entry(kind.clone()).or_default();
            own.asked += figures.asked;
            join(&mut own.classes, &figures.classes);
            own.ms.join(&figures.ms);
        }
        join(&mut self.tickets, &other.tickets);
        self.duration_ms.join(&other.duration_ms);
        self.dead_air_ms.join(&other.dead_air_ms);
        self.longest_silence_ms.join(&other.longest_silence_ms);
        join(&mut self.hours, &other.hours);
        join(&mut self.days, &other.days);
        self.resumes += other.resumes;
        self.with_gaps += other.with_gaps;
    }
}

impl Outcomes {
    const fn join(&mut self, other: Self) {
        self.contained += other.contained;
        self.called_again += other.called_again;
        self.handed_over += other.handed_over;
        self.abandoned += other.abandoned;
        self.not_helped += other.not_helped;
        self.no_end += other.no_end;
        self.contained_unknown_number += other.contained_unknown_number;
        self.contained_too_recent += other.contained_too_recent;
    }
}

impl Spread {
    fn join(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.most = self.most.max(other.most);
        for (figure, count) in &other.figures {
            *self.figures.entry(*figure).or_default() += count;
        }
    }
}

fn count(counts: &mut Counts, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => {
            counts.insert(name.to_owned(), 1);
        }
    }
}

fn join(counts: &mut Counts, other: &Counts) {
    for (name, count) in other {
        *counts.entry(name.clone()).or_default() += count;
    }
}

/// Where a caller gave up.
fn place(cdr: &Cdr) -> String {
    let during = cdr.left_at.map_or("unknown", LeftAt::as_str);
    let asked = cdr
        .questions
        .last()
        .map_or("before any question", |last| last.question.as_str());
    match cdr.left_at {
        Some(LeftAt::Question) => format!("{during} {asked}"),
        Some(LeftAt::Prompt | LeftAt::Transfer | LeftAt::Wait) | None => {
            format!("{during}, last asked: {asked}")
        }
    }
}

const fn result(ticket: &TicketRecord) -> &'static str {
    match ticket.result {
        Some(TicketResult::Created { .. }) => "created",
        Some(TicketResult::AlreadyOpen) => "already_open",
        Some(TicketResult::Unconfirmed) => "unconfirmed",
        Some(TicketResult::Refused) => "refused",
        Some(TicketResult::Unavailable) => "unavailable",
        None => "none",
    }
}
