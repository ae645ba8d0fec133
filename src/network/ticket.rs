//! Creating a ticket at most once: one key in `externalId` and `Idempotency-Key`, one body however
//! often it is made, a look before anything is sent again.

use tokio::time::{Instant, timeout_at};

use crate::call::Login;
use crate::lookup::{Attempt, TicketOrder, TicketResult};
use crate::network::client::{TmForum, failed, is_id};
use crate::network::http::Failure;
use crate::network::wire::{Error, Note, OPEN, Ref, TroubleTicket, VISIT, path};

/// The first POST gets this share of the whole deadline, so that a look or a repeat still fits.
const FIRST_SHARE: u32 = 2;

/// Creates, or finds, the ticket of an order.
pub(super) async fn create(
    network: &TmForum,
    order: &TicketOrder,
    attempt: Attempt,
) -> TicketResult {
    let begin = Instant::now();
    let until = begin + network.settings.ticket;
    let safe = network.settings.safe_repost;
    if attempt != Attempt::First {
        let resend = safe || attempt == Attempt::Resumed;
        let found = look_for(network, order, until).await;
        match found {
            Some(Some(id)) => return TicketResult::Created { id },
            Some(None) if resend => {}
            Some(None) | None => return TicketResult::Unconfirmed,
        }
    }
    let first = begin + network.settings.ticket / FIRST_SHARE;
    match post(network, order, first).await {
        Sent::Ended(result) => result,
        Sent::Unclear if safe => match post(network, order, until).await {
            Sent::Ended(TicketResult::Created { id }) => TicketResult::Created { id },
            // Whatever the repeat got, the first may have created it.
            Sent::Ended(_) | Sent::Unclear => TicketResult::Unconfirmed,
        },
        Sent::Unclear => match look_for(network, order, until).await {
            Some(Some(id)) => TicketResult::Created { id },
            Some(None) | None => TicketResult::Unconfirmed,
        },
    }
}

/// How a POST ended.
enum Sent {
    /// It is known.
    Ended(TicketResult),
    /// The ticket may exist.
    Unclear,
}

async fn post(network: &TmForum, order: &TicketOrder, until: Instant) -> Sent {
    let body = serde_json::to_vec(&body(order)).unwrap_or_default();
    let headers = [("Idempotency-Key", order.key.as_str())];
    let answer: Result<TroubleTicket, Failure> =
        network.http.post(path::TICKET, &headers, body, until).await;
    match answer {
        Ok(ticket) if is_ours(&ticket, order) => {
            Sent::Ended(TicketResult::Created { id: ticket.id })
        }
        // A success that is not our ticket proves nothing.
        Ok(_) => Sent::Unclear,
        Err(failure) => {
            failed(path::TICKET, &failure);
            match failure {
                Failure::NotSent => Sent::Ended(TicketResult::Unavailable),
                Failure::Unclear(_) => Sent::Unclear,
                Failure::Refused(status, body) => Sent::Ended(refused(status.as_u16(), &body)),
            }
        }
    }
}

fn refused(status: u16, body: &[u8]) -> TicketResult {
    let error: Error = serde_json::from_slice(body).unwrap_or_default();
    match (status, error.code.as_str()) {
        (409, "openTicketExists") => TicketResult::AlreadyOpen,
        (409, "idempotencyConflict") => {
            tracing::error!("the ticket system knows our key with another body");
            TicketResult::Unconfirmed
        }
        // In progress elsewhere, or too many requests: it may come to exist.
        (408 | 409 | 425 | 429, _) => TicketResult::Unconfirmed,
        _ => TicketResult::Refused,
    }
}

/// The id of the ticket with the order's key: `Some(None)` if there surely is none.
async fn look_for(
    network: &TmForum,
    order: &TicketOrder,
    until: Instant,
) -> Option<Option<String>> {
    let query = [("externalId", order.key.as_str())];
    let asked = |ticket: &TroubleTicket| is_ours(ticket, order);
    let found = timeout_at(until, network.list(path::TICKET, &query, asked))
        .await
        .ok()??;
    Some(found.into_iter().next().map(|ticket| ticket.id))
}

fn is_ours(ticket: &TroubleTicket, order: &TicketOrder) -> bool {
    let entity = ticket
        .related_entity
        .iter()
        .any(|entity| entity.id == order.login.reveal());
    is_id(&ticket.id) && ticket.external_id == order.key && entity
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
