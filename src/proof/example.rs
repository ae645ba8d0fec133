//! From a way through the states to a call script: the situation, what the caller does, and the
//! conversation that follows, by running it. What it needs of time (an answer that comes late, a key
//! while waiting) it reads off a run of the call so far.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use crate::bundle::Bundle;
use crate::call::{Locale, Question, Topic};
use crate::dialog::action::Action;
use crate::dialog::event::EndedBy;
use crate::dialog::explore::{EITHER_WAY, Waits};
use crate::dialog::hear::Heard;
use crate::dialog::trail::Passed;
use crate::flow::Fact;
use crate::journal::Entry;
use crate::lookup::{
    Finding, LookupKind, OutageFinding, SubscriberFinding, TicketResult, TicketsFinding,
};
use crate::problem::Source;
use crate::proof::input::Input;
use crate::proof::walk::{Walk, Walked};
use crate::proof::words::{said, word};
use crate::script::run::{Run, conversation, play};
use crate::script::{Script, Situation, parse, write};
use crate::time::{CallTime, WallTime};

/// A call made of a way.
#[derive(Clone, Debug)]
pub struct Example {
    /// The whole file: comment, situation, caller, conversation.
    pub text: String,
    /// What it led through.
    pub passed: Vec<Passed>,
}

/// A call being written down.
#[derive(Default)]
struct Draft {
    locale: Option<Locale>,
    situation: BTreeMap<&'static str, String>,
    turns: Vec<String>,
    /// Listens that the turns have answered.
    listens: usize,
    /// What the findings have to carry for the facts that are assumed on the way.
    /// Answers that came late so far.
    comings: u32,
    package: bool,
    restored: bool,
    visit: bool,
}

/// A ticket's id that has no number to be spoken.
const UNSPEAKABLE: &str = "TT-A1B2C";
/// When an outage ends or a technician comes: later than any day that a script is on.
const LATER: &str = "2025-10-29T12:00:00+05:00";
/// How long after a moment something happens that has to come after it.
const SOON_MS: u32 = 100;

/// Writes the call that was walked; `None` if it cannot be written as a script.
pub(super) fn example(bundle: &Arc<Bundle>, walk: &Walk, title: &str) -> Option<Example> {
    let walked = &walk.walked;
    let mut draft = Draft {
        locale: walk.hint,
        ..Draft::default()
    };
    draft.facts(walked);
    for (at, step) in walked.iter().enumerate() {
        // Something else came while the call waited as it still does.
        let before = at.checked_sub(1).and_then(|at| walked.get(at));
        let again = before.is_some_and(|before| before.waits == step.waits);
        draft.take(bundle, step, again, walked.get(at + 1..).unwrap_or(&[]))?;
    }
    let mut text = format!("# {title}\n{}", draft.text());
    let run = draft.play(bundle)?;
    let _ = write!(text, "conversation\n{}", conversation(&run));
    Some(Example {
        text,
        passed: run.passed,
    })
}

impl Draft {
    /// Day and hour and what else the facts want that are assumed on the way.
    fn facts(&mut self, walked: &[Walked]) {
        let day = if assumed(walked, Fact::PeakPeriod) {
            28
        } else {
            14
        };
        let time = if assumed(walked, Fact::TechnicianHours) {
            "11:00"
        } else {
            "20:30"
        };
        self.situation
            .insert("now", format!("2025-10-{day} {time}"));
        // What a late subscriber's look-ups find is late too, or never comes.
        let hung = |step: &Walked| {
            step.input == Input::Waits && step.waits == Waits::Finding(LookupKind::Subscriber)
        };
        let found = |key: &str| {
            walked.iter().any(|step| {
                matches!(&step.input, Input::Found(finding) if finding.kind().as_str() == key)
            })
        };
        for key in ["outage", "tickets"] {
            if walked.iter().any(hung) && !found(key) {
                self.situation.insert(key, "never".to_owned());
            }
        }
        self.package = assumed(walked, Fact::InPackage);
        self.restored = assumed(walked, Fact::RestorationKnown);
        self.visit = assumed(walked, Fact::VisitAgreed);
    }

    fn text(&self) -> String {
        let mut text = "situation\n".to_owned();
        let order = [
            "now",
            "locale",
            "subscriber",
            "outage",
            "tickets",
            "line_test",
            "fee",
            "ticket",
            "transfer",
        ];
        let locale = self.locale.map_or("none", Locale::as_str).to_owned();
        for key in order {
            let value = if key == "locale" {
                Some(&locale)
            } else {
                self.situation.get(key)
            };
            if let Some(value) = value {
                let _ = writeln!(text, "  {key:<11} {value}");
            }
        }
        text.push_str("caller\n");
        for turn in &self.turns {
            let _ = writeln!(text, "  {turn}");
        }
        text
    }

    fn play(&self, bundle: &Arc<Bundle>) -> Option<Run<Situation>> {
        let source = Source::new("", self.text());
        let script: Script = parse::parse(&source).ok()?;
        Some(play(bundle, &script))
    }

    /// When the call so far began to wait as it does now, and the call.
    fn moment(&self, bundle: &Arc<Bundle>, waits: Waits) -> Option<(CallTime, Run<Situation>)> {
        let run = self.play(bundle)?;
        let mut listens = 0;
        let mut moment = None;
        for (at, of) in &run.waited {
            if *of == Waits::Caller {
                listens += 1;
            }
            let now = if waits == Waits::Caller {
                self.listens + 1
            } else {
                self.listens
            };
            if listens == now && *of == waits {
                moment = Some(*at);
            }
        }
        Some((moment?, run))
    }

    /// One more thing that happens; `rest` is what follows.
    fn take(
        &mut self,
        bundle: &Arc<Bundle>,
        step: &Walked,
        again: bool,
        rest: &[Walked],
    ) -> Option<()> {
        match &step.input {
            Input::Answered
            | Input::Ended(EndedBy::Dana | EndedBy::Operator | EndedBy::Network) => {}
            Input::Waits => self.hangs(step.waits),
            Input::Says(heard, language) => {
                self.says(bundle, (heard, *language), step.over, rest)?;
            }
            Input::Confirms(_, language) => {
                self.says(bundle, (&Heard::Yes, *language), step.over, rest)?;
            }
            Input::Found(finding) => self.found(bundle, finding, (step.waits, again))?,
            Input::Ticket(result) => self.ticket(bundle, result, step.waits)?,
            Input::Transfer(result) => {
                self.situation.insert("transfer", result.to_string());
            }
            Input::KeyRepeat => {
                let (question, _) = self.asked(bundle)?;
                self.turns.push(format!("{question:<15} presses *"));
                self.listens += 1;
            }
            Input::KeyOperator => {
                self.hangs(step.waits);
                let at = self.moment(bundle, step.waits)?.0.plus(SOON_MS);
                self.turns.push(format!("at {}s presses 0", seconds(at)));
            }
            Input::Ended(EndedBy::Caller) => self.hangs_up(bundle, step.waits)?,
            Input::MediaFails => {
                let (question, _) = self.asked(bundle)?;
                for _ in 0..3 {
                    self.turns.push(format!("{question:<15} unheard"));
                }
                self.listens += 3;
            }
        }
        Some(())
    }

    /// What is waited for does not come, unless it is told later.
    fn hangs(&mut self, waits: Waits) {
        match waits {
            Waits::Finding(kind) => {
                let key = kind.as_str();
                // The line is tested only after the outage is known.
                let outage = kind == LookupKind::LineTest && !self.situation.contains_key("outage");
                let key = if outage { "outage" } else { key };
                self.situation
                    .entry(key)
                    .or_insert_with(|| "never".to_owned());
            }
            Waits::Ticket => {
                self.situation
                    .entry("ticket")
                    .or_insert_with(|| "never".to_owned());
            }
            Waits::Answer
            | Waits::Caller
            | Waits::Operator
            | Waits::Connected
            | Waits::Ending
            | Waits::Nothing => {}
        }
    }

    fn ticket(&mut self, bundle: &Arc<Bundle>, result: &TicketResult, waits: Waits) -> Option<()> {
        let late = if waits == Waits::Ticket {
            String::new()
        } else {
            let asks = |action: &Action| matches!(action, Action::CreateTicket(..));
            self.late(bundle, "ticket", waits, asks)?
        };
        let mut result = result.clone();
        if let TicketResult::Created { id } = &mut result
            && id.is_empty()
        {
            UNSPEAKABLE.clone_into(id);
        }
        let text = write::ticket(&result);
        self.situation.insert("ticket", format!("{text}{late}"));
        Some(())
    }

    fn hangs_up(&mut self, bundle: &Arc<Bundle>, waits: Waits) -> Option<()> {
        self.hangs(waits);
        if waits == Waits::Caller {
            let (question, _) = self.asked(bundle)?;
            self.turns.push(format!("{question:<15} hangs up"));
            self.listens += 1;
        } else {
            let at = self.moment(bundle, waits)?.0.plus(SOON_MS);
            self.turns.push(format!("at {}s hangs up", seconds(at)));
        }
        Some(())
    }

    /// The question that is asked now, and the language of the call.
    fn asked(&self, bundle: &Arc<Bundle>) -> Option<(Question, Option<Locale>)> {
        let run = self.play(bundle)?;
        let mut listens = run.entries.iter().filter_map(|entry| {
            if let Entry::Action {
                action: Action::Listen(listen),
                ..
            } = entry
            {
                Some((listen.question, listen.locale))
            } else {
                None
            }
        });
        listens.nth(self.listens)
    }

    fn says(
        &mut self,
        bundle: &Arc<Bundle>,
        heard: (&Heard, Option<Locale>),
        over: bool,
        rest: &[Walked],
    ) -> Option<()> {
        let (heard, language) = heard;
        let (question, locale) = self.asked(bundle)?;
        let spoken = language.or(locale);
        let words = |heard: &Heard| {
            let alike = alike(bundle, heard);
            let mut said = alike
                .iter()
                .map(|heard| said(bundle, spoken, question, heard));
            said.find_map(|said| said)
        };
        let does = match (heard, spoken) {
            (Heard::Silence, _) => "silent".to_owned(),
            (Heard::Broken, _) => "unheard".to_owned(),
            (Heard::NoMatch, _) => format!("says \"{}\"", word::UNCLEAR),
            (Heard::Digits(digits), _) if question == Question::AskLogin => {
                format!("presses {digits}#")
            }
            (Heard::Digits(digits), _) => format!("presses {digits}"),
            (Heard::Language(_), _) if digits_asked(question) => {
                format!("says \"{}\"", words(heard)?)
            }
            (Heard::Language(Locale::Kk), _) => "presses 8".to_owned(),
            (Heard::Language(Locale::Ru), _) => "presses 9".to_owned(),
            (Heard::Topic { sure: false, .. }, _) => {
                let topic = confirmed(rest).unwrap_or(Topic::InternetDown);
                let sure = Heard::Topic { topic, sure: true };
                format!("says \"{}\" confidence=450", words(&sure)?)
            }
            (heard, Some(_)) => match (words(heard), key(heard)) {
                (Some(words), _) => format!("says \"{words}\""),
                (None, key) => format!("presses {}", key?),
            },
            (heard, None) => match (key(heard), words(heard)) {
                (Some(key), _) => format!("presses {key}"),
                (None, words) => format!("says \"{}\"", words?),
            },
        };
        let over = match over {
            true if question == Question::ConfirmTicket => " over=1.6s",
            true => " over=0.6s",
            false => "",
        };
        self.turns.push(format!("{question:<15} {does}{over}"));
        self.listens += 1;
        Some(())
    }

    fn found(
        &mut self,
        bundle: &Arc<Bundle>,
        finding: &Finding,
        (waits, again): (Waits, bool),
    ) -> Option<()> {
        let kind = finding.kind();
        let asks = |action: &Action| matches!(action, Action::LookUp(of) if of.kind() == kind);
        let outage = waits == Waits::Finding(LookupKind::LineTest) && kind == LookupKind::Outage;
        let awaited = outage || waits == Waits::Finding(kind);
        let in_time = (awaited && !again) || waits == Waits::Answer;
        let late = if in_time {
            String::new()
        } else {
            self.late(bundle, kind.as_str(), waits, asks)?
        };
        let text = write::finding(&self.spelt(finding));
        self.situation
            .insert(kind.as_str(), format!("{text}{late}"));
        Some(())
    }

    /// The finding with the values that the facts want which are assumed on the way.
    fn spelt(&self, finding: &Finding) -> Finding {
        let mut finding = finding.clone();
        let later = || WallTime::from_rfc3339(LATER);
        match &mut finding {
            Finding::Subscriber(SubscriberFinding::Known(known)) if self.package => {
                for line in &mut known.lines {
                    line.in_package = true;
                }
            }
            Finding::Outage(OutageFinding::Known { restored_at }) => {
                *restored_at = later().filter(|_| restored_at.is_some() || self.restored);
            }
            Finding::Tickets(TicketsFinding::Open(ticket)) => {
                if ticket.id.is_empty() {
                    UNSPEAKABLE.clone_into(&mut ticket.id);
                }
                let visit = ticket.visit_at.is_some() || self.visit;
                let visit = visit && ticket.created_at.is_none();
                ticket.visit_at = later().filter(|_| visit);
            }
            Finding::Subscriber(_)
            | Finding::Outage(_)
            | Finding::Tickets(_)
            | Finding::LineTest(_)
            | Finding::Fee(_) => {}
        }
        finding
    }

    /// The `after=` of an answer that comes when nobody waits for it any more.
    fn late(
        &mut self,
        bundle: &Arc<Bundle>,
        key: &'static str,
        waits: Waits,
        asks: impl Fn(&Action) -> bool,
    ) -> Option<String> {
        self.situation.insert(key, "never".to_owned());
        self.hangs(waits);
        let (at, run) = self.moment(bundle, waits)?;
        let asked = run.entries.iter().find_map(|entry| {
            if let Entry::Action { at, action } = entry {
                asks(action).then_some(*at)
            } else {
                None
            }
        })?;
        // One after the other, in the order of the way.
        self.comings += 1;
        let after = CallTime::from_ms(at.plus(SOON_MS * self.comings).since(asked));
        Some(format!(" after={}s", seconds(after)))
    }
}

fn seconds(at: CallTime) -> String {
    at.to_string()
}

/// Whether some step on the way was taken with that fact assumed.
fn assumed(walked: &[Walked], fact: Fact) -> bool {
    let bit = EITHER_WAY.iter().position(|of| *of == fact);
    bit.is_some_and(|bit| walked.iter().any(|step| step.assumed & (1 << bit) != 0))
}

/// The subject that is confirmed next.
fn confirmed(rest: &[Walked]) -> Option<Topic> {
    rest.iter().find_map(|step| {
        if let Input::Confirms(topic, _) = &step.input {
            Some(*topic)
        } else {
            None
        }
    })
}

/// What leads to the same: the subject itself, then the others that lead where it does.
fn alike(bundle: &Bundle, heard: &Heard) -> Vec<Heard> {
    let mut all = vec![heard.clone()];
    if let Heard::Topic { topic, sure } = heard {
        let topics = &bundle.flow.topics;
        let same = topics
            .iter()
            .filter(|(_, to)| Some(*to) == topics.get(topic));
        let sure = *sure;
        all.extend(same.map(|(&topic, _)| Heard::Topic { topic, sure }));
    }
    all
}

const fn digits_asked(question: Question) -> bool {
    matches!(question, Question::ChooseLogin | Question::AskLogin)
}

/// The key that means the same, where one does.
const fn key(heard: &Heard) -> Option<char> {
    match heard {
        Heard::Yes => Some('1'),
        Heard::No => Some('2'),
        Heard::Operator => Some('0'),
        Heard::Repeat => Some('*'),
        Heard::Language(_)
        | Heard::Topic { .. }
        | Heard::Digits(_)
        | Heard::Place { .. }
        | Heard::Silence
        | Heard::NoMatch
        | Heard::Broken
        | Heard::Nothing => None,
    }
}
