//! Tickets over HTTP: one POST, a look by key, the list of ours. One key in `externalId` and
//! `Idempotency-Key`; what was sent before, and whether it is sent again, is not decided here.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::call::Login;
use crate::lookup::{OurTicket, Posted, Sought, TicketOrder};
use crate::network::client::{TmForum, failed, is_id};
use crate::network::http::Failure;
use crate::network::wire::{Error, Note, OPEN, Ref, TroubleTicket, VISIT, path};

/// What all our keys begin with.
const OURS: &str = "ivr:";
/// Tickets asked for at once, and pages of them: beyond a million nobody compares by hand.
const PAGE: usize = 500;
const MAX_PAGES: usize = 2_000;

/// Sends a frozen order, once.
pub(super) async fn post(
    network: &TmForum,
    (key, login): (&str, &Login),
    body: &[u8],
    within: Duration,
) -> Posted {
    let headers = [("Idempotency-Key", key)];
    let until = Instant::now() + within;
    let body = body.to_vec();
    let answer: Result<TroubleTicket, Failure> =
        network.http.post(path::TICKET, &headers, body, until).await;
    match answer {
        Ok(ticket) if is_ours(&ticket, key, login) => Posted::Created(ticket.id),
        // A success that is not our ticket proves nothing.
        Ok(_) => Posted::Unclear,
        Err(failure) => {
            failed(path::TICKET, &failure);
            match failure {
                Failure::NotSent => Posted::NotTaken { retry_in: None },
                Failure::Later(retry_in) => Posted::NotTaken { retry_in },
                Failure::Unclear(_) => Posted::Unclear,
                Failure::Refused(status, body) => refused(status.as_u16(), &body),
            }
        }
    }
}

fn refused(status: u16, body: &[u8]) -> Posted {
    let error: Error = serde_json::from_slice(body).unwrap_or_default();
    match (status, error.code.as_str()) {
        (409, "openTicketExists") => Posted::AlreadyOpen,
        (409 | 422, "idempotencyConflict") => {
            tracing::error!("the ticket system knows our key with another body");
            Posted::Unclear
        }
        // In progress elsewhere: it may come to exist.
        (408 | 409 | 425, _) => Posted::Unclear,
        _ => {
            tracing::error!(
                status,
                "the ticket system refused a ticket: for an operator"
            );
            Posted::Refused
        }
    }
}

/// The tickets with that key.
pub(super) async fn find(network: &TmForum, key: &str, login: &Login, within: Duration) -> Sought {
    let query = [("externalId", key)];
    let asked = |ticket: &TroubleTicket| is_ours(ticket, key, login);
    let found = timeout(within, network.list(path::TICKET, &query, asked)).await;
    let Ok(Some(mut found)) = found else {
        return Sought::Unclear;
    };
    found.sort_by(|a, b| a.creation_date.cmp(&b.creation_date));
    let mut ids: Vec<String> = found.into_iter().map(|ticket| ticket.id).collect();
    ids.dedup();
    match ids.as_slice() {
        [] => Sought::None,
        [id] => Sought::One(id.clone()),
        [..] => Sought::Several(ids),
    }
}

/// Every ticket of ours, page by page.
pub(super) async fn ours(network: &TmForum) -> Option<Vec<OurTicket>> {
    let mut ours = Vec::new();
    for page in 0..MAX_PAGES {
        let (offset, limit) = ((page * PAGE).to_string(), PAGE.to_string());
        let query = [
            ("ticketType", VISIT),
            ("offset", offset.as_str()),
            ("limit", limit.as_str()),
        ];
        let found: Vec<TroubleTicket> = network.list(path::TICKET, &query, |_| true).await?;
        let last = found.len() < PAGE;
        let keyed = found
            .into_iter()
            .filter(|ticket| ticket.external_id.starts_with(OURS));
        ours.extend(keyed.map(|ticket| OurTicket {
            key: ticket.external_id,
            id: ticket.id,
        }));
        if last {
            return Some(ours);
        }
    }
    None
}

fn is_ours(ticket: &TroubleTicket, key: &str, login: &Login) -> bool {
    let entity = ticket
        .related_entity
        .iter()
        .any(|entity| entity.id == login.reveal());
    is_id(&ticket.id) && ticket.external_id == key && entity
}

/// Whether it is an open visit ticket of that login.
pub(super) fn is_open_visit(ticket: &TroubleTicket, login: &Login) -> bool {
    let entity = ticket
        .related_entity
        .iter()
        .any(|entity| entity.id == login.reveal());
    is_id(&ticket.id)
        && entity
        && ticket.ticket_type == VISIT
        && OPEN.contains(&ticket.status.as_str())
}

/// The same order gives the same bytes.
pub(super) fn render(order: &TicketOrder) -> Vec<u8> {
    serde_json::to_vec(&body(order)).unwrap_or_default()
}

fn body(order: &TicketOrder) -> TroubleTicket {
    let began = order.call_began.to_rfc3339();
    let contact = order.contact.reveal();
    let locale = order.locale;
    TroubleTicket {
        external_id: order.key.clone(),
        name: "Выезд техника: повреждён кабель".to_owned(),
        description: format!(
            "Повреждён кабель, тест линии {}. Ключ {}",
            order.test, order.key
        ),
        severity: "Major".to_owned(),
        priority: "High".to_owned(),
        ticket_type: VISIT.to_owned(),
        channel: Some(Ref {
            name: "Voice IVR".to_owned(),
            ..Ref::new("ivr", "", "")
        }),
        related_entity: vec![
            Ref::new(order.login.reveal(), "faultyService", "Service"),
            Ref::new(&order.test, "diagnosis", "ServiceTest"),
        ],
        related_party: vec![Ref::new(&order.customer, "customer", "Customer")],
        note: vec![Note {
            author: "ivr".to_owned(),
            date: began,
            text: format!("Контактный номер {contact}, язык {locale}"),
        }],
        ..TroubleTicket::default()
    }
}
