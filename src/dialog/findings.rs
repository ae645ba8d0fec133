//! Look-ups: when they start, what a finding is worth, which facts follow from it.

use std::sync::Arc;

use crate::call::{Locale, Said};
use crate::dialog::Dialog;
use crate::dialog::action::Action;
use crate::dialog::state::{Core, Facts, Phase, Slot, Ticket};
use crate::dialog::trail::Passed;
use crate::flow::{Fact, Flow, Outcome, StepId};
use crate::lookup::{
    FeeFinding, Finding, LineTestFinding, Lookup, LookupKind, OpenTicket, OutageFinding,
    SubscriberFinding, TicketsFinding,
};
use crate::time::WallTime;

/// An open ticket older than this is overdue (F19, C11): three days.
const OVERDUE_MS: i64 = 3 * 24 * 60 * 60 * 1000;

impl Facts {
    /// The clock's facts, fixed at the beginning of the call.
    pub(super) fn at(began: WallTime) -> Self {
        let local = began.in_kazakhstan();
        Self {
            peak_period: local.day() >= 27 || local.day() <= 4,
            technician_hours: (9..18).contains(&local.hour()),
            ..Self::default()
        }
    }
}

impl Dialog {
    /// Starts every look-up whose key is known and that a step may read: beside the speaking, so
    /// that the caller waits for none. The line test only after the outage is known to be none.
    pub(super) fn start_look_ups(&mut self) {
        if self.offer.from.is_none() && self.core.subscriber == Slot::Idle {
            self.core.subscriber = Slot::Ready(Outcome::Unknown);
        }
        for &kind in LookupKind::ALL {
            let live = self.bundle.flow.step(self.core.step).live.contains(&kind);
            let blocked =
                kind == LookupKind::LineTest && self.core.outage.class() != Some(Outcome::None);
            let slot = self.core.slot(kind);
            let idle = matches!(slot, Slot::Idle | Slot::Skipped);
            if live
                && idle
                && !blocked
                && let Some(lookup) = self.look_up(kind)
            {
                let late = slot == Slot::Skipped;
                *self.core.slot_mut(kind) = if late { Slot::Late } else { Slot::Running };
                self.actions.push(Action::LookUp(lookup));
            }
        }
    }

    /// The look-up of that kind; `None` while its key is not known.
    pub(super) fn look_up(&self, kind: LookupKind) -> Option<Lookup> {
        let line = || self.case.line().cloned();
        Some(match kind {
            LookupKind::Subscriber => Lookup::Subscriber {
                number: self.offer.from.clone()?,
            },
            LookupKind::Outage => Lookup::Outage { line: line()? },
            LookupKind::Tickets => Lookup::Tickets {
                login: line()?.login,
            },
            LookupKind::LineTest => Lookup::LineTest { line: line()? },
            LookupKind::Fee => {
                let customer = self.case.subscriber.as_ref()?.customer.clone();
                Lookup::Fee {
                    customer,
                    line: line()?,
                }
            }
        })
    }

    /// A back end answered. Only an answer that is waited for counts.
    pub(super) fn found(&mut self, finding: Finding) {
        let kind = finding.kind();
        let slot = self.core.slot(kind);
        if !slot.is_running() {
            return;
        }
        let class = self.fill(finding);
        self.case.classes.insert(kind, class);
        *self.core.slot_mut(kind) = if slot == Slot::Late {
            Slot::Untold(class)
        } else {
            Slot::Ready(class)
        };
        self.start_look_ups();
        if let Phase::Finding(awaited) = self.core.phase
            && let Some(outcome) = self.read(awaited)
        {
            self.leave_by(outcome);
        }
    }

    /// Takes what the finding carries into ledger and facts; gives its class.
    fn fill(&mut self, finding: Finding) -> Outcome {
        match finding {
            Finding::Subscriber(SubscriberFinding::Known(mut subscriber)) => {
                self.follow_record(subscriber.language);
                let lines = subscriber.lines.len();
                let addresses = subscriber.lines.iter_mut().map(|line| line.address.take());
                let place = |address: Option<Said>| {
                    // The only line is not told apart from another.
                    let address = address.filter(|_| lines > 1);
                    let text = address.as_ref().map_or("", Said::reveal);
                    self.bundle.grammars.place(text)
                };
                self.case.places = addresses.map(place).collect();
                self.case.subscriber = Some(Arc::new(subscriber));
                match lines {
                    0 => Outcome::Unknown,
                    1 => {
                        self.choose_line(0);
                        Outcome::One
                    }
                    _ => Outcome::Several,
                }
            }
            Finding::Outage(OutageFinding::Known { restored_at }) => {
                // A time that is past by now is no news.
                let ahead = restored_at.filter(|at| *at > self.now());
                self.core.facts.restoration_known = ahead.is_some();
                self.case.restored_at = ahead;
                Outcome::Known
            }
            Finding::Tickets(TicketsFinding::Open(ticket)) => self.open_ticket(ticket),
            Finding::LineTest(LineTestFinding::CableFault { test }) => {
                self.case.test = Some(test);
                Outcome::CableFault
            }
            Finding::LineTest(LineTestFinding::NoFault) => Outcome::NoFault,
            Finding::LineTest(LineTestFinding::LineError) => Outcome::LineError,
            Finding::LineTest(LineTestFinding::EquipmentOff) => Outcome::EquipmentOff,
            Finding::Fee(FeeFinding::Paid) => Outcome::Paid,
            Finding::Fee(FeeFinding::Unpaid) => Outcome::Unpaid,
            Finding::Subscriber(SubscriberFinding::Unknown) => Outcome::Unknown,
            Finding::Outage(OutageFinding::None) | Finding::Tickets(TicketsFinding::None) => {
                Outcome::None
            }
            Finding::Subscriber(SubscriberFinding::Unavailable)
            | Finding::Outage(OutageFinding::Unavailable)
            | Finding::Tickets(TicketsFinding::Unavailable)
            | Finding::LineTest(LineTestFinding::Unavailable)
            | Finding::Fee(FeeFinding::Unavailable) => Outcome::Unavailable,
        }
    }

    /// Remembers an open ticket: overdue when older than three days or its agreed time is past.
    pub(super) fn open_ticket(&mut self, ticket: OpenTicket) -> Outcome {
        let now = self.now();
        let old = ticket
            .created_at
            .is_some_and(|at| at.plus_ms(OVERDUE_MS) < now);
        let missed = ticket.visit_at.is_some_and(|at| at < now);
        self.core.facts.visit_agreed = ticket.visit_at.is_some() && !missed;
        self.core.facts.numbered = number_of(&ticket.id).is_some();
        self.case.open_ticket = Some(ticket);
        if old || missed {
            Outcome::Overdue
        } else {
            Outcome::Open
        }
    }

    /// The wall clock now, from the call's beginning and its time.
    pub(super) fn now(&self) -> WallTime {
        self.offer.began.plus_ms(i64::from(self.ledger.at.ms()))
    }

    /// The line is the one meant.
    pub(super) fn choose_line(&mut self, index: u8) {
        self.case.line = Some(index);
        self.case.places.clear();
        let line = self.case.line();
        self.core.facts.in_package = line.is_some_and(|line| line.in_package);
        self.core.facts.identified = line.is_some();
        // From here on it is known who calls, as if he had one line.
        if self.core.subscriber == Slot::Ready(Outcome::Several) {
            self.core.subscriber = Slot::Ready(Outcome::One);
        }
    }

    /// The record's language holds until the caller has spoken; never in mid-question.
    fn follow_record(&mut self, language: Option<Locale>) {
        if !self.core.facts.spoken && self.core.phase != Phase::Asking {
            self.core.locale = language.or(self.core.locale);
        }
    }

    /// The outcome of a look-up for a step that reads it; `None` while it may still come.
    pub(super) fn read(&mut self, kind: LookupKind) -> Option<Outcome> {
        match self.core.slot(kind) {
            Slot::Ready(class) => Some(class),
            Slot::Untold(class) => {
                *self.core.slot_mut(kind) = Slot::Ready(class);
                Some(class)
            }
            Slot::Running => None,
            Slot::Idle if kind == LookupKind::LineTest && self.core.outage == Slot::Running => None,
            Slot::Idle => {
                *self.core.slot_mut(kind) = Slot::Skipped;
                Some(Outcome::Unavailable)
            }
            Slot::Skipped | Slot::Late | Slot::Forgotten => Some(Outcome::Unavailable),
        }
    }

    /// A step will wait no longer. What has not come by now may still be told later.
    pub(super) fn give_up(&mut self, kind: LookupKind) {
        for late in [kind, LookupKind::Outage] {
            let waits = late == kind || kind == LookupKind::LineTest;
            if waits && self.core.slot(late) == Slot::Running {
                *self.core.slot_mut(late) = Slot::Late;
            }
        }
    }

    /// Where a finding leads that came after its step had given up.
    pub(super) fn untold(&mut self, flow: &Flow) -> Option<StepId> {
        flow.late.iter().find_map(|(&(kind, class), &step)| {
            let slot = self.core.slot_mut(kind);
            (*slot == Slot::Untold(class)).then(|| {
                *slot = Slot::Ready(class);
                self.trail.push(Passed::Late(kind, class));
                step
            })
        })
    }

    /// Forgets what nothing that can follow reads.
    pub(super) fn forget_but(&mut self, live: &[LookupKind]) {
        for &kind in LookupKind::ALL {
            if !live.contains(&kind) {
                *self.core.slot_mut(kind) = Slot::Forgotten;
            }
        }
    }
}

impl Core {
    /// The answer to a `when` step.
    pub(super) fn fact(&self, fact: Fact) -> Outcome {
        let yes_no = |yes| if yes { Outcome::Yes } else { Outcome::No };
        match fact {
            Fact::PeakPeriod => yes_no(self.facts.peak_period),
            Fact::TechnicianHours => yes_no(self.facts.technician_hours),
            Fact::Numbered => yes_no(self.facts.numbered),
            Fact::LanguageKnown => yes_no(self.locale.is_some()),
            Fact::Identified => yes_no(self.facts.identified),
            Fact::TicketCreated => yes_no(self.ticket == Ticket::Created),
            Fact::InPackage => match self.subscriber.class() {
                Some(Outcome::One | Outcome::Several) if self.facts.identified => {
                    yes_no(self.facts.in_package)
                }
                Some(Outcome::Unknown) => Outcome::No,
                _ => Outcome::Unknown,
            },
            Fact::VisitAgreed => match self.tickets.class() {
                Some(Outcome::Open | Outcome::Overdue) => yes_no(self.facts.visit_agreed),
                _ => Outcome::Unknown,
            },
            Fact::RestorationKnown => match self.outage.class() {
                Some(Outcome::Known) => yes_no(self.facts.restoration_known),
                _ => Outcome::Unknown,
            },
        }
    }
}

/// The longest number that can be listened to.
const MAX_SPOKEN_DIGITS: usize = 12;

/// The part of a ticket's id that can be spoken: its digits, if they are all of it but a prefix.
pub(super) fn number_of(id: &str) -> Option<String> {
    let digits: String = id.chars().filter(char::is_ascii_digit).collect();
    let prefix = id.strip_suffix(digits.as_str())?;
    let spoken = (1..=MAX_SPOKEN_DIGITS).contains(&digits.len());
    (spoken && prefix.chars().all(|c| !c.is_ascii_digit())).then_some(digits)
}
