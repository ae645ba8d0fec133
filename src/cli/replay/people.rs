//! The callers of recordings as subscribers of the mocked back ends: a service elsewhere then finds
//! what was found. Ids of customers and tickets are the mock's own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::call::PhoneNumber;
use crate::lookup::{
    FeeFinding, Finding, LineTestFinding, Lookup, OutageFinding, SubscriberFinding, TicketResult,
    TicketsFinding,
};
use crate::network::mock::{Api, Fault, Line, Mock, Subscriber};
use crate::replay::stage::Stage;

/// Requests that a look-up of a subscriber, or a line test, makes.
const REQUESTS: u32 = 2;
/// Answers that come sooner are not slowed down.
const QUICK_MS: u32 = 50;

/// The mocked back ends, with those who call now.
pub(super) struct Crowd(Arc<Mock>);

/// Callers who may not call at once: the mock names its customers by the end of their number.
pub(super) fn group_of(number: &PhoneNumber) -> String {
    let digits = number.reveal();
    let at = digits.len().saturating_sub(5);
    digits.get(at..).unwrap_or(digits).to_owned()
}

impl Crowd {
    /// Serves them there, as long as this process lives.
    pub(super) async fn serve(at: Option<SocketAddr>) -> Result<Option<Self>, String> {
        let Some(at) = at else { return Ok(None) };
        let listener = TcpListener::bind(at).await;
        let listener = listener.map_err(|error| format!("cannot serve at {at}: {error}"))?;
        let mock = Mock::new(Duration::ZERO);
        tokio::spawn(Arc::clone(&mock).serve(listener, std::future::pending()));
        Ok(Some(Self(mock)))
    }

    /// From here on the back ends answer about that caller as they are recorded.
    pub(super) fn tell(&self, number: Option<&PhoneNumber>, stage: &Stage) {
        let Some(number) = number else { return };
        let mut subscriber = Subscriber {
            number: number.reveal().to_owned(),
            about: "a recorded caller",
            package: None,
            language: None,
            lines: Vec::new(),
            faults: Vec::new(),
        };
        for (lookup, ms, finding) in stage.findings() {
            take(&mut subscriber, lookup, ms, finding);
        }
        match stage.recorded_ticket() {
            Some((_, TicketResult::Refused)) => {
                fault(&mut subscriber, Api::CreateTicket, Fault::Status(400));
            }
            Some((_, TicketResult::Unavailable)) => {
                fault(&mut subscriber, Api::CreateTicket, Fault::Status(503));
            }
            Some((_, TicketResult::Unconfirmed)) | None => {
                fault(
                    &mut subscriber,
                    Api::CreateTicket,
                    Fault::CreatesThenTimesOut,
                );
            }
            Some((ms, TicketResult::Created { .. } | TicketResult::AlreadyOpen)) => {
                slow(&mut subscriber, Api::CreateTicket, ms);
            }
        }
        self.0.put(subscriber);
    }
}

fn fault(subscriber: &mut Subscriber, api: Api, fault: Fault) {
    subscriber.faults.push((api, fault));
}

fn slow(subscriber: &mut Subscriber, api: Api, ms: u32) {
    if ms > QUICK_MS {
        fault(subscriber, api, Fault::Slow(ms));
    }
}

fn line<'s>(subscriber: &'s mut Subscriber, login: &str) -> Option<&'s mut Line> {
    subscriber.lines.iter_mut().find(|line| line.login == login)
}

fn take(subscriber: &mut Subscriber, lookup: &Lookup, ms: u32, finding: &Finding) {
    let (api, requests) = match lookup {
        Lookup::Subscriber { .. } => (Api::Inventory, REQUESTS),
        Lookup::Outage { .. } => (Api::Outage, 1),
        Lookup::Tickets { .. } => (Api::Tickets, 1),
        Lookup::LineTest { .. } => (Api::LineTest, REQUESTS),
        Lookup::Fee { .. } => (Api::Fee, 1),
    };
    if finding.class() == "unavailable" {
        return fault(subscriber, api, Fault::Status(503));
    }
    slow(subscriber, api, ms / requests);
    let login = match lookup {
        Lookup::Subscriber { .. } => "",
        Lookup::Outage { line } | Lookup::LineTest { line } | Lookup::Fee { line, .. } => {
            line.login.reveal()
        }
        Lookup::Tickets { login } => login.reveal(),
    };
    if let Finding::Subscriber(SubscriberFinding::Known(known)) = finding {
        subscriber.language = known.language;
        let package = known.lines.iter().any(|line| line.in_package);
        subscriber.package = package.then(|| subscriber.number.clone());
        let lines = known.lines.iter().map(|line| Line {
            login: line.login.reveal().to_owned(),
            suspended: line.suspended,
            payment: "paid",
            verdict: "ok",
            outage: None,
            ticket: None,
        });
        subscriber.lines = lines.collect();
        return;
    }
    let Some(line) = line(subscriber, login) else {
        return;
    };
    match finding {
        Finding::Outage(OutageFinding::Known { restored_at }) => line.outage = Some(*restored_at),
        Finding::Tickets(TicketsFinding::Open(ticket)) => {
            let created = ticket.created_at.or(ticket.visit_at);
            line.ticket = created.map(|created| (created, ticket.visit_at));
        }
        Finding::LineTest(LineTestFinding::CableFault { .. }) => line.verdict = "cableDamaged",
        Finding::LineTest(LineTestFinding::LineError) => line.verdict = "lineErrors",
        Finding::LineTest(LineTestFinding::EquipmentOff) => line.verdict = "equipmentOff",
        Finding::Fee(FeeFinding::Unpaid) => line.payment = "in arrears",
        Finding::Subscriber(_)
        | Finding::Outage(OutageFinding::None | OutageFinding::Unavailable)
        | Finding::Tickets(TicketsFinding::None | TicketsFinding::Unavailable)
        | Finding::LineTest(LineTestFinding::NoFault | LineTestFinding::Unavailable)
        | Finding::Fee(FeeFinding::Paid | FeeFinding::Unavailable) => {}
    }
}
