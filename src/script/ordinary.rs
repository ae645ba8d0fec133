//! The situation that a script says nothing of.

use crate::call::{Locale, Login, PhoneNumber, Said};
use crate::dialog::event::TransferResult;
use crate::lookup::{
    Access, FeeFinding, Finding, Line, LineTestFinding, OutageFinding, Subscriber,
    SubscriberFinding, TicketResult, TicketsFinding,
};
use crate::script::{BACK_END_MS, Delayed, RING_MS, Situation};
use crate::time::WallTime;

/// A subscriber with one line, back ends that answer at once and find nothing.
pub(super) fn ordinary() -> Situation {
    let delayed = |finding: Finding| {
        (
            finding.kind(),
            Delayed {
                after_ms: BACK_END_MS,
                value: finding,
            },
        )
    };
    let findings = [
        Finding::Subscriber(subscriber(1, None, false, false)),
        Finding::Outage(OutageFinding::None),
        Finding::Tickets(TicketsFinding::None),
        Finding::LineTest(LineTestFinding::NoFault),
        Finding::Fee(FeeFinding::Paid),
    ];
    let created = TicketResult::Created {
        id: "TT-900345".to_owned(),
    };
    Situation {
        now: WallTime::from_rfc3339("2025-10-14T11:00:00+05:00")
            .unwrap_or(WallTime::from_unix_ms(0)),
        number: PhoneNumber::parse("+77770000101"),
        locale: None,
        findings: findings.into_iter().map(delayed).collect(),
        ticket: Some(Delayed {
            after_ms: BACK_END_MS,
            value: created,
        }),
        transfer: Some(Delayed {
            after_ms: RING_MS,
            value: TransferResult::Connected,
        }),
    }
}

/// The addresses of a scripted subscriber's lines, in the form of TM Forum `place.name`.
const ADDRESSES: [&str; 3] = [
    "г. Алматы, пр. Абая, д. 10, кв. 25",
    "г. Алматы, ул. Гоголя, д. 15, кв. 20",
    "г. Алматы, ул. Сатпаева, д. 10, кв. 7",
];

pub(super) fn subscriber(
    lines: usize,
    language: Option<Locale>,
    package: bool,
    suspended: bool,
) -> SubscriberFinding {
    let line = |at: usize| {
        Login::new(&format!("077000{:02}{:02}", at * 11, at * 7)).map(|login| Line {
            login,
            house: Some("HOUSE-1".to_owned()),
            address: ADDRESSES.get(at - 1).map(|address| Said::new(address)),
            resource: None,
            account: Some("BA-1".to_owned()),
            access: Access::Fttb,
            suspended,
            in_package: package,
        })
    };
    let lines = (1..=lines).filter_map(line).collect();
    SubscriberFinding::Known(Subscriber {
        customer: "C-1".to_owned(),
        language,
        lines,
    })
}
