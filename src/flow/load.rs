//! Reads a flow file: TOML with spans → draft. Reports every problem of form; what the steps mean
//! together is for `check`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use crate::call::{BargeIn, Disposition, Question, Queue, Topic, TransferReason};
use crate::flow::values::{At, Reader};
use crate::flow::{Fact, Flow, Limits, Outcome, check};
use crate::lookup::LookupKind;
use crate::problem::{Problems, Source};
use crate::prompt::catalog::Catalog;
use crate::prompt::read::is_name;

/// Largest flow file. A flow of a hundred steps has 30 KiB.
const MAX_BYTES: usize = 1 << 20;
/// Most steps. A flow of a support line has some eighty.
const MAX_STEPS: usize = 1_000;

/// Reads a flow, or tells every problem of the file.
pub fn load(source: &Arc<Source>, catalog: &Catalog) -> Result<Flow, Problems> {
    let (draft, problems) = draft(source)?;
    check::check(draft, source, catalog, problems)
}

/// The problems of a flow's form, where there are no prompts to look its names up in.
pub fn problems(source: &Arc<Source>) -> Problems {
    draft(source).map_or_else(|problems| problems, |(_, problems)| problems)
}

/// The draft and its problems so far; only the problems where nothing can be made of the file.
fn draft(source: &Arc<Source>) -> Result<(Draft, Problems), Problems> {
    let (mut reader, table) = Reader::open(source, MAX_BYTES)?;
    let broken = !reader.problems.is_empty();
    let steps = reader.table(table.get_ref(), "steps").len();
    if steps > MAX_STEPS {
        reader.wrong(
            0..0,
            format!("more than {MAX_STEPS} steps"),
            "split the flow",
        );
    }
    if broken || steps > MAX_STEPS {
        return Err(reader.problems);
    }
    let draft = reader.draft(table.get_ref());
    Ok((draft, reader.problems))
}

/// A flow as written: names, not yet looked up.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) start: Option<At<String>>,
    pub(super) always: BTreeMap<String, At<String>>,
    pub(super) topics: BTreeMap<Topic, At<String>>,
    pub(super) late: BTreeMap<(LookupKind, Outcome), At<String>>,
    pub(super) filler: Vec<At<String>>,
    pub(super) ticket_filler: Vec<At<String>>,
    pub(super) limits: Limits,
    pub(super) steps: Vec<DraftStep>,
    /// Where the tables `always`, `topics` and `waiting` are named, for what is missing in them.
    pub(super) places: [Range<usize>; 3],
}

/// A step as written.
pub(super) struct DraftStep {
    pub(super) name: At<String>,
    pub(super) outcome: Option<Disposition>,
    pub(super) say: Vec<At<String>>,
    pub(super) barge_in: BargeIn,
    pub(super) barge_in_after_ms: u32,
    pub(super) body: Option<DraftBody>,
    pub(super) on: BTreeMap<Outcome, At<String>>,
    /// Where its outcomes are written, for those that are missing.
    pub(super) on_span: Range<usize>,
}

/// What a step does, as written.
pub(super) enum DraftBody {
    Say,
    Ask {
        question: Question,
        no_input: Vec<At<String>>,
        no_match: Vec<At<String>>,
    },
    LookUp(LookupKind),
    CreateTicket,
    When(Fact),
    Transfer {
        queue: Queue,
        reason: Option<TransferReason>,
    },
    HangUp(Option<Disposition>),
}

const TOP_KEYS: &[&str] = &[
    "name", "start", "always", "topics", "late", "waiting", "limits", "steps",
];
const STEP_KEYS: &[&str] = &["kind", "say", "barge_in", "barge_in_after_ms", "outcome"];

impl Reader<'_> {
    fn draft(&mut self, table: &DeTable<'_>) -> Draft {
        self.only(table, TOP_KEYS, "the flow");
        let place = |name: &str| {
            table
                .get_key_value(name)
                .map_or(0..0, |(key, _)| key.span())
        };
        let places = ["always", "topics", "waiting"].map(place);
        let mut draft = Draft {
            places,
            ..Draft::default()
        };
        let name = self.required(table, "name", 0..0);
        draft.name = name
            .and_then(|value| self.text(value))
            .map(|(_, name)| name)
            .unwrap_or_default();
        let start = self.required(table, "start", 0..0);
        draft.start = start.and_then(|value| self.text(value));
        for (key, target) in self.table(table, "always") {
            if let Some(text) = self.text(&target) {
                self.known(&key, &["operator", "patience", "trouble"], "in [always]");
                draft.always.insert(key.1, text);
            }
        }
        for (key, target) in self.table(table, "topics") {
            let topic = self.parse::<Topic>(&key, Topic::ALL, "subject");
            let target = self.text(&target);
            draft.topics.extend(topic.zip(target));
        }
        self.late(table, &mut draft);
        for (key, value) in self.table(table, "waiting") {
            self.known(&key, &["look_up", "ticket"], "in [waiting]");
            let prompts = self.texts(&value);
            if key.1 == "ticket" {
                draft.ticket_filler = prompts;
            } else {
                draft.filler = prompts;
            }
        }
        self.limits(table, &mut draft.limits);
        for (key, value) in self.table(table, "steps") {
            let step = self.step(key, &value);
            draft.steps.extend(step);
        }
        draft.steps.sort_by_key(|step| step.name.0.start);
        draft
    }

    fn late(&mut self, table: &DeTable<'_>, draft: &mut Draft) {
        for (key, value) in self.table(table, "late") {
            let kind = self.parse::<LookupKind>(&key, LookupKind::ALL, "look-up");
            let DeValue::Table(classes) = value.get_ref() else {
                self.wrong(
                    value.span(),
                    "a table is wanted here",
                    "write known = \"step\"",
                );
                continue;
            };
            for (class, target) in classes {
                let class = (class.span(), class.get_ref().to_string());
                let outcome = self.parse::<Outcome>(&class, Outcome::ALL, "outcome");
                let target = self.text(target);
                let found = kind.zip(outcome).zip(target);
                draft.late.extend(found);
            }
        }
    }

    fn limits(&mut self, table: &DeTable<'_>, limits: &mut Limits) {
        for (key, value) in self.table(table, "limits") {
            let name = key.1.as_str();
            if !LIMITS.contains(&name) {
                self.known(&key, LIMITS, "in [limits]");
                continue;
            }
            let Some(number) = self.number(&value, Limits::range(name)) else {
                continue;
            };
            let small = u16::try_from(number).unwrap_or(u16::MAX);
            match name {
                "patience" => limits.patience = u8::try_from(number).unwrap_or(u8::MAX),
                "no_input_ms" => limits.no_input_ms = number,
                "inter_digit_ms" => limits.inter_digit_ms = number,
                "max_speech_ms" => limits.max_speech_ms = number,
                "filler_after_ms" => limits.filler_after_ms = number,
                "look_up_wait_ms" => limits.look_up_wait_ms = number,
                "ticket_wait_ms" => limits.ticket_wait_ms = number,
                "ring_timeout_ms" => limits.ring_timeout_ms = number,
                "accept_permille" => limits.accept_permille = small,
                _ => limits.reject_permille = small,
            }
        }
        if limits.contradict() {
            let span = table.get("limits").map_or(0..0, toml::Spanned::span);
            self.wrong(span, "these limits contradict each other", Limits::ORDER);
        }
    }

    fn step(&mut self, name: At<String>, value: &toml::Spanned<DeValue<'_>>) -> Option<DraftStep> {
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong(
                value.span(),
                "a step is a table",
                "write [steps.name] above its keys",
            );
            return None;
        };
        if !is_name(&name.1) {
            let title = format!("`{}` cannot name a step", name.1);
            self.wrong(
                name.0.clone(),
                title,
                "use a-z, 0-9 and _, at most 64 characters",
            );
        }
        let outcome = table
            .get("outcome")
            .and_then(|v| self.named(v, Disposition::ALL, "disposition"));
        let barge_in = table
            .get("barge_in")
            .and_then(|v| self.named(v, BargeIn::ALL, "barge-in"));
        let after = table
            .get("barge_in_after_ms")
            .and_then(|v| self.number(v, (0, 120_000)));
        let mut step = DraftStep {
            outcome,
            say: table
                .get("say")
                .map(|value| self.texts(value))
                .unwrap_or_default(),
            barge_in: barge_in.unwrap_or(BargeIn::Any),
            barge_in_after_ms: after.unwrap_or(0),
            body: None,
            on: BTreeMap::new(),
            on_span: table
                .get("on")
                .map_or_else(|| name.0.clone(), toml::Spanned::span),
            name,
        };
        let kind = self.required(table, "kind", step.name.0.clone());
        let kind = kind.and_then(|value| self.text(value));
        if let Some(kind) = kind {
            step.body = self.body(table, &kind, &step);
            self.on(table, &mut step);
        }
        Some(step)
    }

    /// The keys and the body of a step of that kind.
    fn body(
        &mut self,
        table: &DeTable<'_>,
        kind: &At<String>,
        step: &DraftStep,
    ) -> Option<DraftBody> {
        let (own, body): (&[&str], _) = match kind.1.as_str() {
            "say" => (&["next"], Some(DraftBody::Say)),
            "ask" => (
                &["question", "no_input", "no_match", "on"],
                self.ask(table, step),
            ),
            "look_up" => {
                let value = self.required(table, "look_up", step.name.0.clone());
                let kind = value.and_then(|v| self.named(v, LookupKind::ALL, "look-up"));
                (&["look_up", "on"], kind.map(DraftBody::LookUp))
            }
            "create_ticket" => (&["on"], Some(DraftBody::CreateTicket)),
            "when" => {
                let value = self.required(table, "when", step.name.0.clone());
                let fact = value.and_then(|v| self.named(v, Fact::ALL, "fact"));
                (&["when", "on"], fact.map(DraftBody::When))
            }
            "transfer" => (&["queue", "reason", "on"], self.transfer(table, step)),
            "hang_up" => (&["disposition"], self.hang_up(table, step)),
            _ => {
                self.known(kind, KINDS, "kind of step");
                return None;
            }
        };
        let keys = [STEP_KEYS, own].concat();
        self.only(table, &keys, &format!("a `{}` step", kind.1));
        body
    }

    fn ask(&mut self, table: &DeTable<'_>, step: &DraftStep) -> Option<DraftBody> {
        let question = self.required(table, "question", step.name.0.clone());
        let no_input = self.required(table, "no_input", step.name.0.clone());
        let no_match = self.required(table, "no_match", step.name.0.clone());
        let question = question.and_then(|v| self.named(v, Question::ALL, "question"));
        let mut reprompts = |value: Option<&toml::Spanned<DeValue<'_>>>| {
            let prompts = value.map(|value| self.texts(value)).unwrap_or_default();
            if let Some(value) = value.filter(|_| prompts.len() != 2) {
                let hint = "one for the first miss, one for the second; the third leaves";
                self.wrong(value.span(), "exactly two reprompts are wanted here", hint);
            }
            prompts
        };
        let (no_input, no_match) = (reprompts(no_input), reprompts(no_match));
        Some(DraftBody::Ask {
            question: question?,
            no_input,
            no_match,
        })
    }

    fn transfer(&mut self, table: &DeTable<'_>, step: &DraftStep) -> Option<DraftBody> {
        let queue = self.required(table, "queue", step.name.0.clone());
        let queue = queue.and_then(|v| self.named(v, Queue::ALL, "queue"));
        let reason = self.required(table, "reason", step.name.0.clone())?;
        let (span, text) = self.text(reason)?;
        if text == "topic" {
            return Some(DraftBody::Transfer {
                queue: queue?,
                reason: None,
            });
        }
        let Ok(reason) = text.parse::<TransferReason>() else {
            let others = crate::call::OtherReason::ALL
                .iter()
                .map(|reason| reason.as_str());
            let names = Topic::ALL
                .iter()
                .map(|topic| topic.as_str())
                .chain(others)
                .chain(["topic"]);
            self.unknown(&(span, text), names, "reason");
            return None;
        };
        Some(DraftBody::Transfer {
            queue: queue?,
            reason: Some(reason),
        })
    }

    fn hang_up(&mut self, table: &DeTable<'_>, step: &DraftStep) -> Option<DraftBody> {
        let value = self.required(table, "disposition", step.name.0.clone())?;
        if self.text(value)?.1 == "outcome" {
            return Some(DraftBody::HangUp(None));
        }
        self.named(value, Disposition::ALL, "disposition")
            .map(|end| DraftBody::HangUp(Some(end)))
    }

    fn on(&mut self, table: &DeTable<'_>, step: &mut DraftStep) {
        if let Some(next) = table.get("next").and_then(|value| self.text(value)) {
            step.on.insert(Outcome::Next, next);
        }
        for (key, target) in self.table(table, "on") {
            let outcome = self.parse::<Outcome>(&key, Outcome::ALL, "outcome");
            let target = self.text(&target);
            step.on.extend(outcome.zip(target));
        }
    }
}

const KINDS: &[&str] = &[
    "say",
    "ask",
    "look_up",
    "create_ticket",
    "when",
    "transfer",
    "hang_up",
];
const LIMITS: &[&str] = &[
    "patience",
    "no_input_ms",
    "inter_digit_ms",
    "max_speech_ms",
    "filler_after_ms",
    "look_up_wait_ms",
    "ticket_wait_ms",
    "ring_timeout_ms",
    "accept_permille",
    "reject_permille",
];
