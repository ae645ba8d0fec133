//! What can happen next to a call, class by class: every answer, every finding, every failure.
//! Subjects that lead to the same step are one class; texts and scores play no part.

use std::collections::BTreeSet;

use crate::call::{Locale, Question, Topic};
use crate::dialog::Dialog;
use crate::dialog::action::Turn;
use crate::dialog::event::{EndedBy, Event, TransferResult};
use crate::dialog::explore::Waits;
use crate::dialog::hear::Heard;
use crate::flow::rules::{Check, Condition, Rule, TicketIs};
use crate::flow::{Body, Fact, Flow, Outcome, StepId};
use crate::lookup::{
    Access, FeeFinding, Finding, Line, LineTestFinding, LookupKind, OpenTicket, OutageFinding,
    Subscriber, SubscriberFinding, TicketResult, TicketsFinding,
};
use crate::time::WallTime;

/// One thing that can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// The call is answered.
    Answered,
    /// The caller answers a question; the language is told where the call follows it.
    Says(Heard, Option<Locale>),
    /// The caller confirms the subject that was heard.
    Confirms(Topic, Option<Locale>),
    /// A back end answers, before it is waited for or in the last moment.
    Found(Finding),
    /// Nobody answers: the wait runs to its end.
    Waits,
    /// The key for an operator, while the caller waits.
    KeyOperator,
    /// The key for a repeat: unlike an answer, it is not taken for the caller's first words.
    KeyRepeat,
    /// The ticket system answers.
    Ticket(TicketResult),
    /// The transfer ends.
    Transfer(TransferResult),
    /// The media side fails for the last time that it may.
    MediaFails,
    /// The call ends.
    Ended(EndedBy),
}

/// Who decides that it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The caller, as he wishes.
    Caller,
    /// A caller who is silent or not understood.
    Unlucky,
    /// Back ends and operators.
    World,
    /// A broken media side, or the end of the call.
    Fault,
}

impl Input {
    pub(super) const fn who(&self) -> Who {
        match self {
            Self::Says(Heard::Silence | Heard::NoMatch, _) => Who::Unlucky,
            Self::Says(Heard::Broken, _) | Self::MediaFails | Self::Ended(_) => Who::Fault,
            Self::Says(..) | Self::Confirms(..) | Self::KeyOperator | Self::KeyRepeat => {
                Who::Caller
            }
            Self::Answered | Self::Found(_) | Self::Waits | Self::Ticket(_) | Self::Transfer(_) => {
                Who::World
            }
        }
    }

    /// Whether it brings that fact with it: then the fact is not assumed.
    pub(super) const fn decides(&self, fact: Fact) -> bool {
        match (self, fact) {
            (Self::Found(finding), _) => match (finding.kind(), fact.reads()) {
                (LookupKind::Subscriber, Some(LookupKind::Subscriber))
                | (LookupKind::Outage, Some(LookupKind::Outage))
                | (LookupKind::Tickets, Some(LookupKind::Tickets)) => true,
                (LookupKind::Tickets, None) => matches!(fact, Fact::Numbered),
                _ => false,
            },
            (Self::Ticket(_), Fact::Numbered | Fact::VisitAgreed) => true,
            _ => false,
        }
    }

    /// Steps the call by it, and whatever has to happen for it.
    pub(super) fn apply(&self, dialog: &mut Dialog) -> Turn {
        let (at, _) = dialog.times();
        match self {
            Self::Answered => dialog.handle(at, Event::Answered),
            Self::Says(heard, language) => dialog.hear(heard.clone(), *language),
            Self::Confirms(topic, language) => {
                dialog.about(*topic);
                dialog.hear(Heard::Yes, *language)
            }
            Self::Found(finding) => dialog.handle(at, Event::Found(finding.clone())),
            Self::Waits => Turn::default(),
            Self::KeyOperator => dialog.press('0'),
            Self::KeyRepeat => dialog.press('*'),
            Self::Ticket(result) => dialog.handle(at, Event::TicketFinished(result.clone())),
            Self::Transfer(result) => dialog.transfer_ends(*result),
            Self::MediaFails => dialog.media_fails(),
            Self::Ended(by) => dialog.handle(
                at,
                Event::CallEnded {
                    by: *by,
                    sip_code: 0,
                    q850_cause: 16,
                },
            ),
        }
    }
}

/// Everything that can happen in a flow, made once.
pub(super) struct Inputs {
    /// One subject for each step that subjects lead to.
    topics: Vec<Topic>,
    findings: Vec<(LookupKind, Vec<Finding>)>,
    tickets: Vec<TicketResult>,
    /// Look-ups whose coming matters before a step waits for them.
    pub(super) eager: BTreeSet<LookupKind>,
}

impl Inputs {
    pub(super) fn of(flow: &Flow, rules: &[Rule], began: WallTime) -> Self {
        let mut seen = BTreeSet::new();
        let topics = flow.topics.iter().filter(|(_, step)| seen.insert(**step));
        let asked: BTreeSet<Fact> = (flow.steps())
            .filter_map(|(_, step)| {
                if let Body::When(fact) = step.body {
                    Some(fact)
                } else {
                    None
                }
            })
            .collect();
        let findings = LookupKind::ALL.iter();
        Self {
            topics: topics.map(|(topic, _)| *topic).collect(),
            findings: findings
                .map(|&kind| (kind, findings_of(kind, &asked, began)))
                .collect(),
            tickets: ticket_results(&asked),
            eager: eager(flow, rules),
        }
    }

    /// The ways that a look-up can be answered.
    pub(super) fn of_kind(&self, kind: LookupKind) -> &[Finding] {
        let mut all = self.findings.iter();
        all.find(|(of, _)| *of == kind)
            .map_or(&[], |(_, findings)| findings)
    }

    /// The ways that the ticket system can answer.
    pub(super) fn tickets(&self) -> &[TicketResult] {
        &self.tickets
    }

    /// What can happen to this call now, always in the same order.
    pub(super) fn at(&self, dialog: &Dialog, inputs: &mut Choices) {
        inputs.own.clear();
        inputs.answers.clear();
        inputs.subjects.clear();
        let own = &mut inputs.own;
        match dialog.waits() {
            Waits::Answer => {
                own.push(Input::Answered);
                self.coming(dialog, None, own);
                own.push(Input::Ended(EndedBy::Network));
            }
            Waits::Caller => {
                self.question(dialog, inputs);
                self.coming(dialog, None, &mut inputs.own);
                inputs.subjects.push(Input::MediaFails);
                inputs.subjects.push(Input::Ended(EndedBy::Caller));
                return;
            }
            Waits::Finding(kind) => {
                self.coming(dialog, Some(kind), own);
                own.extend([Input::Waits, Input::KeyOperator, Input::MediaFails]);
            }
            Waits::Ticket => {
                own.extend(self.tickets.iter().cloned().map(Input::Ticket));
                self.coming(dialog, None, own);
                own.extend([Input::Waits, Input::KeyOperator, Input::MediaFails]);
            }
            Waits::Operator => {
                let results = TransferResult::ALL.iter().copied();
                let results = results.filter(|result| *result != TransferResult::CallEnded);
                own.extend(results.map(Input::Transfer));
            }
            Waits::Connected => own.push(Input::Ended(EndedBy::Operator)),
            Waits::Ending => own.push(Input::Ended(EndedBy::Dana)),
            Waits::Nothing => return,
        }
        own.push(Input::Ended(EndedBy::Caller));
    }

    /// Answers of back ends that may come now and make a difference.
    fn coming(&self, dialog: &Dialog, awaited: Option<LookupKind>, inputs: &mut Vec<Input>) {
        // The line is tested only after the outage is known to be none.
        let awaited = match awaited {
            Some(LookupKind::LineTest) if !dialog.is_running(LookupKind::LineTest) => {
                Some(LookupKind::Outage)
            }
            awaited => awaited,
        };
        for (kind, findings) in &self.findings {
            let now = awaited == Some(*kind) || self.eager.contains(kind) || dialog.is_late(*kind);
            if now && dialog.is_running(*kind) {
                inputs.extend(findings.iter().cloned().map(Input::Found));
            }
        }
        if dialog.ticket() == TicketIs::Ordered && dialog.waits() != Waits::Ticket {
            inputs.extend(self.tickets.iter().cloned().map(Input::Ticket));
        }
    }

    fn question(&self, dialog: &Dialog, inputs: &mut Choices) {
        let flow = &dialog.bundle().flow;
        let Body::Ask(ask) = &flow.step(dialog.step_id()).body else {
            return;
        };
        let mut answers = Vec::new();
        match ask.question {
            Question::Open => {
                let topic = self.topics.first().copied();
                answers.extend(topic.map(|topic| Heard::Topic { topic, sure: false }));
            }
            Question::ChooseLogin => answers.extend(["1", "2"].map(digits)),
            Question::AskLogin => answers.push(digits("0771234567")),
            Question::Language => answers.push(Heard::Language(Locale::Ru)),
            Question::ConfirmTopic => answers.push(Heard::No),
            Question::ConfirmHome
            | Question::AtHome
            | Question::ConfirmTicket
            | Question::ConfirmOperator
            | Question::PaymentWhen
            | Question::AnythingElse => answers.extend([Heard::Yes, Heard::No]),
        }
        // Where the language is not known, words tell it and keys do not.
        let unknown = dialog.locale().is_none();
        let spoken = Some(Some(Locale::Ru)).filter(|_| unknown);
        for language in [None].into_iter().chain(spoken) {
            if ask.question == Question::ConfirmTopic {
                let topics = self.topics.iter();
                let confirms = topics.map(|&topic| Input::Confirms(topic, language));
                inputs.answers.extend(confirms);
            }
            let answers = answers.iter().cloned();
            inputs
                .answers
                .extend(answers.map(|heard| Input::Says(heard, language)));
            let topics = self.topics.iter();
            let topics = topics.map(|&topic| Heard::Topic { topic, sure: true });
            let heard = [Heard::Operator].into_iter().chain(topics);
            inputs
                .subjects
                .extend(heard.map(|heard| Input::Says(heard, language)));
        }
        let again = if unknown && ask.question != Question::Language {
            vec![Heard::Repeat, Heard::Language(Locale::Ru)]
        } else {
            vec![Heard::Repeat]
        };
        if dialog.is_running(LookupKind::Subscriber) {
            inputs.own.push(Input::KeyRepeat);
        }
        let misses = [Heard::Silence, Heard::NoMatch, Heard::Broken];
        let own = again.into_iter().chain(misses);
        inputs.own.extend(own.map(|heard| Input::Says(heard, None)));
    }
}

/// What can happen next. What leads on from a question without regard to how often it was asked,
/// or to which question it was, is apart: it is followed once for all of them.
#[derive(Debug, Default)]
pub(super) struct Choices {
    /// Only of this state.
    pub(super) own: Vec<Input>,
    /// Answers, the same after each miss.
    pub(super) answers: Vec<Input>,
    /// Subjects and the wish for a person, the same at each question.
    pub(super) subjects: Vec<Input>,
}

impl Choices {
    /// The first input of that kind.
    pub(super) fn find(&self, wanted: impl Fn(&Input) -> bool) -> Option<u16> {
        let groups = [
            (&self.own, 0),
            (&self.answers, GROUP),
            (&self.subjects, 2 * GROUP),
        ];
        groups.into_iter().find_map(|(inputs, base)| {
            let mut numbered = (base..).zip(inputs);
            numbered
                .find(|(_, input)| wanted(input))
                .map(|(number, _)| number)
        })
    }

    /// The inputs that `via` counts.
    pub(super) fn get(&self, via: u16) -> Option<&Input> {
        let group = [&self.own, &self.answers, &self.subjects];
        let group = group.get(usize::from(via / GROUP))?;
        group.get(usize::from(via % GROUP))
    }
}

/// Each group of choices counts from a multiple of it.
pub(super) const GROUP: u16 = 1_000;

fn digits(text: &str) -> Heard {
    Heard::Digits(text.to_owned())
}

/// Look-ups whose coming counts before a step waits for them: those that a step may ask a fact of
/// without having waited, those that a rule looks at, and the subscriber's, as it decides the
/// language and the line.
fn eager(flow: &Flow, rules: &[Rule]) -> BTreeSet<LookupKind> {
    let looks = |kind: LookupKind| {
        let of =
            |condition: &Condition| matches!(condition, Condition::Found(of, _) if *of == kind);
        let guards =
            |rule: &Rule| matches!(&rule.check, Check::OnlyIf(guard) if guard.when.iter().any(of));
        rules.iter().any(guards)
    };
    let unwaited = |kind: LookupKind| {
        let late: BTreeSet<StepId> = (flow.late.iter())
            .filter(|((of, _), _)| *of == kind)
            .map(|(_, step)| *step)
            .collect();
        let mut open = vec![flow.start];
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            let step = flow.step(id);
            if matches!(step.body, Body::When(fact) if fact.reads() == Some(kind)) {
                return true;
            }
            if matches!(step.body, Body::LookUp(of) if of == kind) {
                continue;
            }
            let own: BTreeSet<StepId> = step.on.values().copied().collect();
            let next = flow.successors(id);
            open.extend(next.filter(|next| own.contains(next) || !late.contains(next)));
        }
        false
    };
    let kinds = LookupKind::ALL.iter().copied();
    kinds
        .filter(|kind| *kind == LookupKind::Subscriber || looks(*kind) || unwaited(*kind))
        .collect()
}

/// The ways a look-up can be answered, but for what is the same to everything that follows.
fn findings_of(kind: LookupKind, asked: &BTreeSet<Fact>, began: WallTime) -> Vec<Finding> {
    let later = began.plus_ms(6 * 60 * 60 * 1000);
    let either = |fact: Fact| -> Vec<bool> {
        if asked.contains(&fact) {
            vec![false, true]
        } else {
            vec![false]
        }
    };
    match kind {
        LookupKind::Subscriber => subscribers(&either(Fact::InPackage)),
        LookupKind::Outage => either(Fact::RestorationKnown)
            .into_iter()
            .map(|known| OutageFinding::Known {
                restored_at: known.then_some(later),
            })
            .chain([OutageFinding::None, OutageFinding::Unavailable])
            .map(Finding::Outage)
            .collect(),
        LookupKind::Tickets => tickets(&either(Fact::VisitAgreed), &either(Fact::Numbered), began),
        LookupKind::LineTest => [
            LineTestFinding::CableFault {
                test: "ST-1".to_owned(),
            },
            LineTestFinding::NoFault,
            LineTestFinding::LineError,
            LineTestFinding::EquipmentOff,
            LineTestFinding::Unavailable,
        ]
        .map(Finding::LineTest)
        .into(),
        LookupKind::Fee => FeeFinding::ALL.iter().copied().map(Finding::Fee).collect(),
    }
}

fn subscribers(packages: &[bool]) -> Vec<Finding> {
    let mut all = vec![SubscriberFinding::Unknown, SubscriberFinding::Unavailable];
    let languages = [None, Some(Locale::Ru)];
    for language in languages {
        for &package in packages {
            all.push(subscriber(language, &[package]));
        }
        all.push(subscriber(language, &[true, false]));
    }
    all.into_iter().map(Finding::Subscriber).collect()
}

fn subscriber(language: Option<Locale>, packages: &[bool]) -> SubscriberFinding {
    let line = |(at, &in_package): (usize, &bool)| {
        let login = crate::call::Login::new(&format!("077000{:02}{:02}", at * 11 + 11, at * 7 + 7));
        login.map(|login| Line {
            login,
            house: Some("HOUSE-1".to_owned()),
            address: None,
            resource: None,
            account: None,
            access: Access::Fttb,
            suspended: false,
            in_package,
        })
    };
    SubscriberFinding::Known(Subscriber {
        customer: "C-1".to_owned(),
        language,
        lines: packages.iter().enumerate().filter_map(line).collect(),
    })
}

fn tickets(visits: &[bool], numbers: &[bool], began: WallTime) -> Vec<Finding> {
    let id = |numbered| if numbered { "TT-900345" } else { "" }.to_owned();
    let later = began.plus_ms(24 * 60 * 60 * 1000);
    let old = began.plus_ms(-10 * 24 * 60 * 60 * 1000);
    let mut all = vec![TicketsFinding::None, TicketsFinding::Unavailable];
    for &numbered in numbers {
        for &visit in visits {
            all.push(TicketsFinding::Open(OpenTicket {
                id: id(numbered),
                created_at: None,
                visit_at: visit.then_some(later),
            }));
        }
        all.push(TicketsFinding::Open(OpenTicket {
            id: id(numbered),
            created_at: Some(old),
            visit_at: None,
        }));
    }
    all.into_iter().map(Finding::Tickets).collect()
}

fn ticket_results(asked: &BTreeSet<Fact>) -> Vec<TicketResult> {
    let created = |id: &str| TicketResult::Created { id: id.to_owned() };
    let mut all = vec![created("TT-900345")];
    if asked.contains(&Fact::Numbered) {
        all.push(created(""));
    }
    all.extend([
        TicketResult::AlreadyOpen,
        TicketResult::Unconfirmed,
        TicketResult::Refused,
        TicketResult::Unavailable,
    ]);
    all
}

/// The outcome of a finding, as a step that reads it is left by.
pub(super) fn outcome_of(finding: &Finding) -> Option<(LookupKind, Outcome)> {
    let kind = finding.kind();
    let old = matches!(
        finding,
        Finding::Tickets(TicketsFinding::Open(ticket)) if ticket.created_at.is_some()
    );
    let outcome = if old {
        Outcome::Overdue
    } else {
        finding.class().parse().ok()?
    };
    Some((kind, outcome))
}
