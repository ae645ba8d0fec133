//! Rules: what must hold in every call, written by the owner of the flow in
//! `flows/dana.rules.toml`. A closed set of kinds, no expressions; `dana prove` tries them in every
//! call that there can be.
//!
//! ```toml
//! [rules.person]                  # the name is the owner's
//! kind = "person_within"          # whoever wants a person is on the way to one, from everywhere
//! prompts = 2
//! seconds = 15
//!
//! [rules.outage_is_told]
//! kind = "only_if"                # at these steps: only if all of this holds
//! at = { asks = ["any"] }         # says = [prompts], also when asking again and while waiting ·
//!                                 # asks = [questions] · does = [kinds] · steps = […]
//! when = { outage = "known" }     # where this does not hold, the rule says nothing
//! said = ["outage"]               # one of these was said before
//! only_if = { identified = "yes" }
//!
//! [rules.no_second_ticket]
//! kind = "never"
//! at = { does = ["create_ticket"] }
//! when = { tickets = ["open", "overdue"] }
//! ```
//!
//! Conditions: the look-ups by name with their outcomes, `identified` (yes · no), `ticket` (none ·
//! ordered · created · unconfirmed · failed), `confirm_home` and `confirm_ticket` (yes: answered by
//! a clear yes).

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use crate::call::{Locale, Question, named};
use crate::flow::values::Reader;
use crate::flow::{Ask, Body, Flow, Outcome, Said, Step, StepId};
use crate::lookup::LookupKind;
use crate::problem::{Problems, Source};
use crate::prompt::PromptId;
use crate::prompt::catalog::Catalog;

/// Largest file of rules.
const MAX_BYTES: usize = 1 << 18;
/// Most rules: each is looked at in every state.
const MAX_RULES: usize = 64;
/// Most prompts of all `said`: each is a bit of what an explored call remembers.
const MAX_SAID: usize = 16;

named! {
    /// Where this call's ticket stands.
    TicketIs {
        /// Not ordered.
        None = "none",
        /// Ordered, not answered.
        Ordered = "ordered",
        /// It exists.
        Created = "created",
        /// It may exist.
        Unconfirmed = "unconfirmed",
        /// It does not exist.
        Failed = "failed",
    }
}

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// The comment above it in the file, or its name: what it is for, in words.
    pub line: usize,
    /// What it wants.
    pub check: Check,
}

/// What a rule wants, by kind. Times in milliseconds.
#[derive(Debug)]
pub enum Check {
    /// Whoever asks for a person is handed over within that, from every question and every wait.
    PersonWithin {
        /// Prompts on the way.
        prompts: u32,
        /// Time on the way.
        ms: u32,
    },
    /// Nothing plays, listens or rings for at most that, even if every back end hangs.
    SilenceWithin {
        /// The longest silence.
        ms: u32,
    },
    /// A wait for a back end, fillers included, lasts at most that.
    WaitWithin {
        /// The longest wait.
        ms: u32,
    },
    /// Every call is over within that, whatever the caller says.
    CallWithin {
        /// The longest call.
        ms: u32,
    },
    /// One visit of a question asks at most so often for an answer.
    AsksWithin {
        /// Askings.
        times: u32,
    },
    /// At these steps only if all of that holds.
    OnlyIf(Guard),
    /// At most once in a call.
    Once {
        /// The steps.
        at: BTreeSet<StepId>,
    },
    /// Every call ends, and with a disposition.
    Ends,
    /// Every step can be done wherever it is reached: each prompt has its values.
    Works,
    /// Every prompt is there in these languages.
    Languages(Vec<Locale>),
}

/// The body of a guard.
#[derive(Debug, Default)]
pub struct Guard {
    /// Where.
    pub at: BTreeSet<StepId>,
    /// Where one of these does not hold, the guard says nothing.
    pub when: Vec<Condition>,
    /// All of them.
    pub only_if: Vec<Condition>,
    /// One of them was said before, unless there are none.
    pub said: Vec<PromptId>,
    /// Never, whatever else holds.
    pub never: bool,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A look-up was answered by one of these.
    Found(LookupKind, Vec<Outcome>),
    /// Whether a line was identified by the caller's own number.
    Identified(bool),
    /// The ticket stands at one of these.
    Ticket(Vec<TicketIs>),
    /// `confirm_home` was answered by a clear yes.
    HomeConfirmed,
    /// `confirm_ticket` was answered by a clear yes.
    Consented,
}

/// Reads the rules of a flow, or tells every problem of the file.
pub fn load(source: &Arc<Source>, flow: &Flow, catalog: &Catalog) -> Result<Vec<Rule>, Problems> {
    let (mut reader, table) = Reader::open(source, MAX_BYTES)?;
    let mut rules = Vec::new();
    if reader.problems.is_empty() {
        reader.only(table.get_ref(), &["rules"], "the rules");
        let mut loader = Loader {
            reader,
            flow,
            catalog,
        };
        for ((span, name), value) in loader.reader.table(table.get_ref(), "rules") {
            rules.extend(loader.rule(name, &span, &value));
        }
        loader.sizes(&rules);
        reader = loader.reader;
    }
    reader.problems.or_ok(rules)
}

struct Loader<'a> {
    reader: Reader<'a>,
    flow: &'a Flow,
    catalog: &'a Catalog,
}

const KINDS: &[&str] = &[
    "person_within",
    "silence_within",
    "wait_within",
    "call_within",
    "asks_within",
    "only_if",
    "never",
    "once",
    "ends",
    "works",
    "languages",
];

type Value<'t> = toml::Spanned<DeValue<'t>>;

impl Loader<'_> {
    fn rule(&mut self, name: String, span: &Range<usize>, value: &Value<'_>) -> Option<Rule> {
        let DeValue::Table(table) = value.get_ref() else {
            let hint = "write [rules.name] above its keys";
            self.reader.wrong(value.span(), "a rule is a table", hint);
            return None;
        };
        let kind = self.reader.required(table, "kind", span.clone())?;
        let kind = self.reader.text(kind)?;
        let keys: &[&str] = match kind.1.as_str() {
            "person_within" => &["kind", "prompts", "seconds"],
            "silence_within" | "wait_within" | "call_within" => &["kind", "seconds"],
            "asks_within" => &["kind", "times"],
            "only_if" => &["kind", "at", "when", "only_if", "said"],
            "never" => &["kind", "at", "when"],
            "once" => &["kind", "at"],
            "languages" => &["kind", "languages"],
            _ => &["kind"],
        };
        self.reader
            .only(table, keys, &format!("a `{}` rule", kind.1));
        let check = match kind.1.as_str() {
            "person_within" => Check::PersonWithin {
                prompts: self.number(table, "prompts", span)?,
                ms: self.seconds(table, span)?,
            },
            "silence_within" => Check::SilenceWithin {
                ms: self.seconds(table, span)?,
            },
            "wait_within" => Check::WaitWithin {
                ms: self.seconds(table, span)?,
            },
            "call_within" => Check::CallWithin {
                ms: self.seconds(table, span)?,
            },
            "asks_within" => Check::AsksWithin {
                times: self.number(table, "times", span)?,
            },
            "only_if" | "never" => Check::OnlyIf(self.guard(table, span, kind.1 == "never")?),
            "once" => Check::Once {
                at: self.at(table, span)?,
            },
            "ends" => Check::Ends,
            "works" => Check::Works,
            "languages" => Check::Languages(self.languages(table, span)?),
            _ => {
                self.reader
                    .unknown(&kind, KINDS.iter().copied(), "kind of rule");
                return None;
            }
        };
        let before = self.reader.source.text.get(..span.start).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        Some(Rule { name, line, check })
    }

    fn number(&mut self, table: &DeTable<'_>, key: &str, span: &Range<usize>) -> Option<u32> {
        let value = self.reader.required(table, key, span.clone())?;
        self.reader.number(value, (0, 100_000))
    }

    fn seconds(&mut self, table: &DeTable<'_>, span: &Range<usize>) -> Option<u32> {
        self.number(table, "seconds", span)
            .map(|seconds| seconds.saturating_mul(1_000))
    }

    fn languages(&mut self, table: &DeTable<'_>, span: &Range<usize>) -> Option<Vec<Locale>> {
        let value = self.reader.required(table, "languages", span.clone())?;
        let names = self.reader.texts(value);
        let mut locale = |name| self.reader.parse(name, Locale::ALL, "language");
        Some(names.iter().filter_map(&mut locale).collect())
    }

    fn guard(&mut self, table: &DeTable<'_>, span: &Range<usize>, never: bool) -> Option<Guard> {
        let guard = Guard {
            at: self.at(table, span)?,
            when: self.conditions(table, "when"),
            only_if: self.conditions(table, "only_if"),
            said: self.prompts(table, "said"),
            never,
        };
        if !never && guard.only_if.is_empty() && guard.said.is_empty() {
            let hint = "add only_if = { … } or said = […], or make it kind = \"never\"";
            self.reader
                .wrong(span.clone(), "this rule wants nothing", hint);
        }
        Some(guard)
    }

    /// The steps that `at = { … }` means.
    fn at(&mut self, table: &DeTable<'_>, span: &Range<usize>) -> Option<BTreeSet<StepId>> {
        let value = self.reader.required(table, "at", span.clone())?;
        let DeValue::Table(at) = value.get_ref() else {
            let hint =
                "write at = { says = […] }, { asks = […] }, { does = […] } or { steps = […] }";
            self.reader
                .wrong(value.span(), "a table is wanted here", hint);
            return None;
        };
        self.reader
            .only(at, &["says", "asks", "does", "steps"], "`at`");
        let said = self.prompts(at, "says");
        let mut steps: BTreeSet<StepId> = (self.flow.steps())
            .filter(|(_, step)| said.iter().any(|prompt| may_say(self.flow, step, *prompt)))
            .map(|(id, _)| id)
            .collect();
        for key in ["asks", "does", "steps"] {
            let Some(value) = at.get(key) else { continue };
            for name in self.reader.texts(value) {
                let found = self.steps(key, &name.1);
                if found.is_empty() {
                    let names = self.names(key);
                    let names = names.iter().map(String::as_str);
                    self.reader.unknown(
                        &name,
                        names,
                        NOUNS[usize::from(key != "asks") + usize::from(key == "steps")],
                    );
                }
                steps.extend(found);
            }
        }
        Some(steps)
    }

    fn steps(&self, key: &str, name: &str) -> Vec<StepId> {
        let question = name.parse::<Question>().ok();
        let fits = |step: &Step| match (key, &step.body) {
            ("asks", Body::Ask(ask)) => {
                Some(ask.question) == question || (name == "any" && !identifies(ask.question))
            }
            ("does", body) => body.kind() == name,
            ("steps", _) => *step.name == *name,
            _ => false,
        };
        let steps = self.flow.steps().filter(|(_, step)| fits(step));
        steps.map(|(id, _)| id).collect()
    }

    /// What may stand under that key of `at`.
    fn names(&self, key: &str) -> Vec<String> {
        let mut names: Vec<String> = (self.flow.steps())
            .filter_map(|(_, step)| match (key, &step.body) {
                ("asks", Body::Ask(ask)) => Some(ask.question.to_string()),
                ("asks", _) => None,
                ("does", body) => Some(body.kind().to_owned()),
                _ => Some(step.name.to_string()),
            })
            .collect();
        names.sort();
        names.dedup();
        if key == "asks" {
            names.push("any".to_owned());
        }
        names
    }

    fn prompts(&mut self, table: &DeTable<'_>, key: &str) -> Vec<PromptId> {
        let Some(value) = table.get(key) else {
            return Vec::new();
        };
        let names = self.reader.texts(value);
        let mut prompts = Vec::new();
        for name in names {
            let found = self.catalog.find(&name.1);
            if found.is_none() {
                let known = self.catalog.names().iter().map(AsRef::as_ref);
                self.reader.unknown(&name, known, "prompt");
            }
            prompts.extend(found);
        }
        prompts
    }

    fn conditions(&mut self, table: &DeTable<'_>, key: &str) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for (about, value) in self.reader.table(table, key) {
            let values = if let DeValue::Array(_) = value.get_ref() {
                self.reader.texts(&value)
            } else {
                self.reader.text(&value).into_iter().collect()
            };
            let yes = |reader: &mut Reader<'_>| {
                let known = ["yes"].into_iter();
                for value in values.iter().filter(|(_, value)| value != "yes") {
                    reader.unknown(value, known.clone(), "answer that a rule can ask for");
                }
            };
            conditions.push(match about.1.as_str() {
                "identified" => {
                    let yes = values.iter().any(|(_, value)| value == "yes");
                    Condition::Identified(yes)
                }
                "ticket" => {
                    let parse = |v| self.reader.parse(v, TicketIs::ALL, "state of a ticket");
                    Condition::Ticket(values.iter().filter_map(parse).collect())
                }
                "confirm_home" => {
                    yes(&mut self.reader);
                    Condition::HomeConfirmed
                }
                "confirm_ticket" => {
                    yes(&mut self.reader);
                    Condition::Consented
                }
                name => {
                    let Ok(kind) = name.parse::<LookupKind>() else {
                        let own = ["identified", "ticket", "confirm_home", "confirm_ticket"];
                        let kinds = LookupKind::ALL.iter().map(|kind| kind.as_str());
                        self.reader.unknown(&about, kinds.chain(own), "condition");
                        continue;
                    };
                    let all = Body::LookUp(kind);
                    let parse = |v| self.reader.parse(v, all.outcomes(), "outcome of it");
                    let found: Vec<Outcome> = values.iter().filter_map(parse).collect();
                    self.never_given(kind, &found, &values);
                    Condition::Found(kind, found)
                }
            });
        }
        conditions
    }

    /// An outcome that is one, but not of this look-up.
    fn never_given(&mut self, kind: LookupKind, found: &[Outcome], at: &[(Range<usize>, String)]) {
        let all = Body::LookUp(kind);
        for (outcome, (span, _)) in found.iter().zip(at) {
            if !all.outcomes().contains(outcome) {
                let names: Vec<_> = all.outcomes().iter().map(|o| o.as_str()).collect();
                let title = format!("`{kind}` never gives `{outcome}`");
                let hint = format!("{kind} gives: {}", names.join(", "));
                self.reader.wrong(span.clone(), title, hint);
            }
        }
    }

    fn sizes(&mut self, rules: &[Rule]) {
        let said: BTreeSet<PromptId> = said(rules).collect();
        if rules.len() > MAX_RULES || said.len() > MAX_SAID {
            let title = format!("more than {MAX_RULES} rules, or {MAX_SAID} prompts in `said`");
            self.reader.wrong(0..0, title, "keep what matters");
        }
    }
}

const NOUNS: [&str; 3] = [
    "question that this flow asks",
    "kind of step that this flow has",
    "step of this flow",
];

/// Every prompt that some rule wants to have been said.
pub fn said(rules: &[Rule]) -> impl Iterator<Item = PromptId> {
    rules.iter().flat_map(|rule| {
        if let Check::OnlyIf(guard) = &rule.check {
            guard.said.clone()
        } else {
            Vec::new()
        }
    })
}

/// Whether a step says that prompt when it is entered.
pub fn says(step: &Step, prompt: PromptId) -> bool {
    step.say.iter().any(|said| match said {
        Said::Prompt(id) => *id == prompt,
        Said::ByTopic(prompts) => prompts.values().any(|id| *id == prompt),
    })
}

/// Whether a step says that prompt at any time: when it is entered, when it asks again, or while it waits.
fn may_say(flow: &Flow, step: &Step, prompt: PromptId) -> bool {
    let later: &[PromptId] = match &step.body {
        Body::Ask(Ask {
            no_input, no_match, ..
        }) => &[*no_input, *no_match].concat(),
        Body::LookUp(_) => &flow.waiting.look_up,
        Body::CreateTicket => &flow.waiting.ticket,
        Body::Say | Body::When(_) | Body::Transfer { .. } | Body::HangUp(_) => &[],
    };
    says(step, prompt) || later.contains(&prompt)
}

/// Questions that only find out who calls and in which language.
pub const fn identifies(question: Question) -> bool {
    matches!(
        question,
        Question::Language | Question::ChooseLogin | Question::AskLogin
    )
}
