//! The call's record (CDR), folded from its journal: nothing else is counted anywhere.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::{CallId, Disposition, PhoneNumber, Question, Queue, TransferReason, named};
use crate::dialog::event::{ListenCause, TransferResult};
use crate::journal::Entry;
use crate::journal::fold::Fold;
use crate::lookup::LookupKind;
use crate::lookup::TicketResult;
use crate::time::CallTime;
use crate::time::WallTime;

/// One call. Serialised it holds the whole number; displayed it is masked. Times are milliseconds
/// since `began`. Where a call has several records, the last one stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cdr {
    /// The gateway's name of the call.
    pub call: CallId,
    /// Unique over restarts of gateways.
    pub call_key: Arc<str>,
    /// The calling number.
    pub from: Option<PhoneNumber>,
    /// The dialled number.
    pub to: String,
    /// When it was offered.
    pub began: WallTime,
    /// When media was up; `None`: never.
    pub answered_ms: Option<u32>,
    /// When it ended; `None`: it went on elsewhere, or was lost.
    pub ended_ms: Option<u32>,
    /// From the offer to the last thing known.
    pub duration_ms: u32,
    /// Hash of the bundle.
    pub bundle: Arc<str>,
    /// How it ended for the business; `None` as for `ended_ms`.
    pub disposition: Option<Disposition>,
    /// What was going on when the caller hung up; `None` if he did not.
    #[serde(default)]
    pub left_at: Option<LeftAt>,
    /// Hand-overs, in order.
    pub transfers: Vec<TransferRecord>,
    /// Tickets ordered, in order; the same key once.
    pub tickets: Vec<TicketRecord>,
    /// What was asked of the back ends, in order.
    pub look_ups: Vec<LookupRecord>,
    /// What the caller was asked, in order; the same question asked again at once is one.
    pub questions: Vec<QuestionRecord>,
    /// The sum of the questions' misses.
    pub misses: u32,
    /// Time between answer and end in which nothing played, listened or rang.
    pub dead_air_ms: u32,
    /// The longest piece of that.
    pub longest_silence_ms: u32,
    /// How often the call was resumed.
    pub resumes: u32,
    /// Journal entries that were lost: the record may lack what they held.
    pub gaps: u64,
}

named! {
    /// What was going on when a caller hung up.
    LeftAt {
        /// He was asked something, or could have answered already.
        Question = "question",
        /// Something was said to him.
        Prompt = "prompt",
        /// It rang at the operators.
        Transfer = "transfer",
        /// Nothing: he waited.
        Wait = "wait",
    }
}

/// One hand-over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferRecord {
    /// To whom.
    pub queue: Queue,
    /// Why.
    pub reason: TransferReason,
    /// How it ended.
    pub result: Option<TransferResult>,
}

/// One ticket order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketRecord {
    /// `externalId` at the ticket system.
    pub key: String,
    /// How it ended.
    pub result: Option<TicketResult>,
}

/// One look-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupRecord {
    /// What was asked.
    pub kind: LookupKind,
    /// Class of the finding (`one`, `cable_fault` …; an overdue ticket is `open`), if it came.
    pub class: Option<Cow<'static, str>>,
    /// From the asking to the answer.
    pub ms: Option<u32>,
}

/// One visit of a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionRecord {
    /// Which.
    pub question: Question,
    /// How the last asking ended.
    pub outcome: Option<ListenCause>,
    /// Askings that did not lead on: asked again, or a last one that heard nothing to understand.
    pub misses: u32,
}

/// The record of a whole journal; `None` without a header.
pub fn fold(entries: &[Entry]) -> Option<Cdr> {
    let mut fold = Fold::default();
    for entry in entries {
        fold.push(entry);
    }
    fold.finish()
}

/// The silences of a call: the entry that ended each, by its place, and how long it was.
pub fn silences(entries: &[Entry]) -> Vec<(usize, u32)> {
    let mut fold = Fold::default();
    let mut silences = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let before = fold.dead_air_ms();
        fold.push(entry);
        let silence = fold.dead_air_ms().saturating_sub(before);
        if silence > 0 {
            silences.push((place, silence));
        }
    }
    silences
}

/// The segments of one call, first to last, as one journal. A gateway tells again what our newest
/// token did not hold: from there on the earlier segment never happened, and is left out.
pub fn join(segments: impl IntoIterator<Item = Vec<Entry>>) -> Vec<Entry> {
    let seq_of = |entry: &Entry| match entry {
        Entry::Event { seq, .. } => *seq,
        Entry::Header(_) | Entry::Action { .. } | Entry::Gap { .. } | Entry::Ended { .. } => None,
    };
    let mut segments = segments.into_iter();
    let mut joined = segments.next().unwrap_or_default();
    for segment in segments {
        if let Some(first) = segment.iter().find_map(seq_of) {
            let told_again = |entry: &Entry| seq_of(entry).is_some_and(|seq| seq >= first);
            let keep = joined.iter().position(told_again).unwrap_or(joined.len());
            joined.truncate(keep);
        }
        joined.extend(segment);
    }
    joined
}

impl fmt::Display for Cdr {
    /// One line, for people: the number masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.began.to_rfc3339(), self.call)?;
        match &self.from {
            Some(from) => write!(f, " from {from}")?,
            None => f.write_str(" number withheld")?,
        }
        let ended = self.disposition.map_or("not ended", Disposition::as_str);
        let duration = CallTime::from_ms(self.duration_ms);
        let silence = CallTime::from_ms(self.dead_air_ms);
        write!(f, ": {ended} after {duration} s, {silence} s of dead air")
    }
}
