//! How the world is for one call: the subscriber behind the number, what the back ends know and how
//! long they take, the operators.

use std::collections::BTreeMap;

use crate::call::{Locale, Login, PhoneNumber, Said, Topic};
use crate::chance::Chance;
use crate::dialog::event::TransferResult;
use crate::lookup::{
    Access, FeeFinding, Finding, Line, LineTestFinding, LookupKind, OpenTicket, OutageFinding,
    Subscriber, SubscriberFinding, TicketResult, TicketsFinding,
};
use crate::script::{Delayed, Situation};
use crate::traffic::calendar::Moment;
use crate::traffic::people::Caller;

/// What a back end does not answer within; the adapter gives up then.
const DEADLINE_MS: u32 = 3_500;
const LINE_TEST_DEADLINE_MS: u32 = 15_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Answers that fail in a usual hour, out of a thousand.
const FAILS: u64 = 3;

/// Streets that the prompts' and the tests' addresses have.
const STREETS: [&str; 6] = [
    "пр. Абая",
    "ул. Гоголя",
    "ул. Сатпаева",
    "ул. Толе би",
    "пр. Достык",
    "ул. Жандосова",
];

/// What a caller wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A subject.
    Topic(Topic),
    /// A person.
    Operator,
}

/// Everything about a call but what is done in it.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) situation: Situation,
    pub(super) caller: Caller,
    pub(super) wish: Wish,
    /// The lines behind the number, if it is known.
    pub(super) logins: Vec<Login>,
}

/// What callers call about, out of a thousand.
const WISHES: &[(u64, Wish)] = &[
    (295, Wish::Topic(Topic::InternetDown)),
    (85, Wish::Topic(Topic::SlowInternet)),
    (70, Wish::Topic(Topic::FrequentDrops)),
    (60, Wish::Topic(Topic::CableDamaged)),
    (75, Wish::Topic(Topic::Tv)),
    (35, Wish::Topic(Topic::Password)),
    (25, Wish::Topic(Topic::PaidWrongLogin)),
    (40, Wish::Topic(Topic::PaymentNotArrived)),
    (35, Wish::Topic(Topic::ChangeTariff)),
    (55, Wish::Topic(Topic::TechnicianEta)),
    (20, Wish::Topic(Topic::CallbackWait)),
    (25, Wish::Topic(Topic::MobileNumber)),
    (20, Wish::Topic(Topic::Relocation)),
    (25, Wish::Topic(Topic::TariffInfo)),
    (15, Wish::Topic(Topic::MobileBalance)),
    (5, Wish::Topic(Topic::StaticIp)),
    (20, Wish::Topic(Topic::EquipmentLostOrDamaged)),
    (12, Wish::Topic(Topic::VoluntaryBlock)),
    (13, Wish::Topic(Topic::ReturnEquipment)),
    (70, Wish::Operator),
];

impl World {
    pub(super) fn draw(caller: &Caller, moment: &Moment, seed: u64, chance: &mut Chance) -> Self {
        let wish = if moment.surge.is_some() {
            Wish::Topic(Topic::InternetDown)
        } else {
            chance.by_weight(WISHES, Wish::Operator)
        };
        let (subscriber, logins) = subscriber(caller, seed);
        let mut situation = Situation {
            now: moment.now,
            number: number(caller),
            locale: caller.hint.then_some(caller.locale),
            findings: BTreeMap::new(),
            ticket: Some(ticket(chance)),
            transfer: transfer(moment, chance),
        };
        let findings = [
            subscriber,
            outage(moment, chance),
            tickets(caller, wish, moment, chance),
            line_test(wish, moment, chance),
            fee(wish, chance),
        ];
        for finding in findings {
            let kind = finding.kind();
            situation
                .findings
                .insert(kind, answer(finding, moment, chance));
        }
        Self {
            situation,
            caller: caller.clone(),
            wish,
            logins,
        }
    }
}

fn number(caller: &Caller) -> Option<PhoneNumber> {
    let withheld = caller.line % 67 == 13;
    let number = format!("+7000{:07}", caller.line % 10_000_000);
    PhoneNumber::parse(&number).filter(|_| !withheld)
}

/// Who a line belongs to: always the same for the same line.
fn subscriber(caller: &Caller, seed: u64) -> (Finding, Vec<Login>) {
    let mut chance = Chance::new(seed, &[4, caller.line]);
    if chance.happens(55) {
        return (Finding::Subscriber(SubscriberFinding::Unknown), Vec::new());
    }
    let lines = chance.by_weight(&[(915, 1), (65, 2), (20, 3)], 1);
    let in_package = chance.happens(220);
    let customer = format!("C-{}", 1_000_000 + caller.line % 9_000_000);
    let lines: Vec<Line> = (0..lines)
        .filter_map(|at| {
            let login = Login::new(&format!("03{:08}", chance.below(100_000_000)))?;
            let street = chance.one(&STREETS)?;
            let (house, flat) = (1 + chance.below(90), 1 + chance.below(120));
            let address = format!("г. Алматы, {street}, д. {house}, кв. {flat}");
            Some(Line {
                login,
                house: Some(format!("HOUSE-{}", chance.below(40_000))),
                address: Some(Said::new(&address)),
                resource: Some(format!("NODE-{}", chance.below(4_000))),
                account: Some(format!("BA-{}-{at}", 1_000_000 + caller.line % 9_000_000)),
                access: if chance.happens(600) {
                    Access::Gpon
                } else {
                    Access::Fttb
                },
                suspended: false,
                in_package,
            })
        })
        .collect();
    let logins = lines.iter().map(|line| line.login.clone()).collect();
    let language = chance.happens(700).then_some(caller.locale);
    let known = Subscriber {
        customer,
        language,
        lines,
    };
    (Finding::Subscriber(SubscriberFinding::Known(known)), logins)
}

fn outage(moment: &Moment, chance: &mut Chance) -> Finding {
    Finding::Outage(match moment.surge {
        Some(surge) if surge.known => OutageFinding::Known {
            restored_at: surge.ends,
        },
        None if chance.happens(18) => OutageFinding::Known {
            restored_at: chance
                .happens(600)
                .then(|| moment.now.plus_ms(2 * 60 * 60 * 1000)),
        },
        Some(_) | None => OutageFinding::None,
    })
}

fn tickets(caller: &Caller, wish: Wish, moment: &Moment, chance: &mut Chance) -> Finding {
    let likely = match wish {
        Wish::Topic(Topic::TechnicianEta) => 880,
        Wish::Topic(Topic::InternetDown | Topic::CableDamaged) if caller.again => 420,
        Wish::Topic(_) | Wish::Operator => 45,
    };
    if !chance.happens(likely) {
        return Finding::Tickets(TicketsFinding::None);
    }
    let overdue = chance.happens(140);
    let hours = i64::try_from(chance.below(if overdue { 48 } else { 40 })).unwrap_or(0);
    let age = if overdue { 4 * DAY_MS } else { 0 } + hours * 60 * 60 * 1000;
    let visit = chance.happens(500) && !overdue;
    Finding::Tickets(TicketsFinding::Open(OpenTicket {
        id: format!("TT-{}", 900_000 + chance.below(100_000)),
        created_at: Some(moment.now.plus_ms(-age)),
        visit_at: visit.then(|| moment.now.plus_ms(DAY_MS)),
    }))
}

fn line_test(wish: Wish, moment: &Moment, chance: &mut Chance) -> Finding {
    let cable = match wish {
        _ if moment.surge.is_some() => 0,
        Wish::Topic(Topic::CableDamaged) => 640,
        Wish::Topic(Topic::InternetDown) => 270,
        Wish::Topic(_) | Wish::Operator => 60,
    };
    let weights = [(cable, 0), (330, 1), (170, 2), (220, 3)];
    Finding::LineTest(match chance.by_weight(&weights, 1) {
        0 => LineTestFinding::CableFault {
            test: format!("LT-{}", chance.below(10_000_000)),
        },
        1 => LineTestFinding::NoFault,
        2 => LineTestFinding::LineError,
        _ => LineTestFinding::EquipmentOff,
    })
}

fn fee(wish: Wish, chance: &mut Chance) -> Finding {
    let unpaid = match wish {
        Wish::Topic(Topic::InternetDown) => 110,
        Wish::Topic(Topic::PaymentNotArrived | Topic::PaidWrongLogin) => 450,
        Wish::Topic(_) | Wish::Operator => 40,
    };
    Finding::Fee(if chance.happens(unpaid) {
        FeeFinding::Unpaid
    } else {
        FeeFinding::Paid
    })
}

/// When an answer comes, and whether it does.
fn answer(finding: Finding, moment: &Moment, chance: &mut Chance) -> Delayed<Finding> {
    let kind = finding.kind();
    let tests = kind == LookupKind::LineTest;
    let deadline = if tests {
        LINE_TEST_DEADLINE_MS
    } else {
        DEADLINE_MS
    };
    let usual = if tests { (1_800, 7_500) } else { (60, 480) };
    let trouble = moment.trouble.iter().find(|(of, _)| *of == kind);
    let (fails, usual) = match trouble {
        Some((_, true)) => (850, usual),
        Some((_, false)) => (60, (usual.0 * 6, deadline)),
        None => (FAILS, usual),
    };
    if chance.happens(fails) {
        let after_ms = if chance.happens(700) {
            deadline
        } else {
            usual.0
        };
        let value = Finding::unavailable(kind);
        return Delayed { after_ms, value };
    }
    let after_ms = chance.ms(usual.0, usual.1);
    Delayed {
        after_ms,
        value: finding,
    }
}

fn ticket(chance: &mut Chance) -> Delayed<TicketResult> {
    let weights = [(958, 0), (12, 1), (14, 2), (6, 3), (10, 4)];
    let value = match chance.by_weight(&weights, 0) {
        0 => TicketResult::Created {
            id: format!("TT-{}", 900_000 + chance.below(100_000)),
        },
        1 => TicketResult::AlreadyOpen,
        2 => TicketResult::Unconfirmed,
        3 => TicketResult::Refused,
        _ => TicketResult::Unavailable,
    };
    let after_ms = match value {
        TicketResult::Unconfirmed => 7_500,
        TicketResult::Created { .. }
        | TicketResult::AlreadyOpen
        | TicketResult::Refused
        | TicketResult::Unavailable => chance.ms(250, 2_400),
    };
    Delayed { after_ms, value }
}

fn transfer(moment: &Moment, chance: &mut Chance) -> Option<Delayed<TransferResult>> {
    let busy = moment.busy;
    let weights = [
        (960, Some(TransferResult::Connected)),
        (10 + busy / 2, Some(TransferResult::Busy)),
        (20 + busy, None),
        (6, Some(TransferResult::Declined)),
        (4, Some(TransferResult::Failed)),
    ];
    let value = chance.by_weight(&weights, None)?;
    let longest = 6_000 + 180 * u32::try_from(busy).unwrap_or(0);
    let after_ms = chance.ms(2_000, longest);
    Some(Delayed { after_ms, value })
}

/// The language that a caller speaks.
pub(super) const fn other(locale: Locale) -> Locale {
    match locale {
        Locale::Kk => Locale::Ru,
        Locale::Ru => Locale::Kk,
    }
}
