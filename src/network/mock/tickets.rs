//! The mock's tickets: one a key, one open visit a login.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::clock;
use crate::network::mock::fixtures::{Line, tail};
use crate::network::mock::routes::{
    Filter, Shared, answer, answer_with, created, error, list, not_found,
};
use crate::network::mock::{Api, Fault, Mock};
use crate::network::wire::{OPEN, Ref, TroubleTicket, VISIT, path};

/// The ticket that a fixture has from before.
fn fixture_ticket(line: &Line) -> Option<TroubleTicket> {
    let (created, visit) = line.ticket?;
    let id = format!("TT-8{}", tail(&line.login, 5));
    Some(TroubleTicket {
        href: format!("{}/{id}", path::TICKET),
        status: "acknowledged".to_owned(),
        creation_date: Some(created.to_rfc3339()),
        expected_resolution_date: visit.map(crate::time::WallTime::to_rfc3339),
        description: "visit".to_owned(),
        severity: "Major".to_owned(),
        ticket_type: VISIT.to_owned(),
        related_entity: vec![Ref::new(&line.login, "faultyService", "Service")],
        id,
        ..TroubleTicket::default()
    })
}

/// Every ticket that there is.
fn all_tickets(mock: &Mock) -> Vec<TroubleTicket> {
    let state = mock.lock();
    let before = state
        .subscribers
        .iter()
        .flat_map(|s| &s.lines)
        .filter_map(fixture_ticket);
    before
        .chain(state.tickets.iter().map(|(ticket, _)| ticket.clone()))
        .collect()
}

pub(super) async fn list_tickets(State(mock): Shared, Query(filter): Filter) -> Response {
    let entity = filter.get("relatedEntity.id");
    let key = filter.get("externalId");
    let status: Option<Vec<&str>> = filter.get("status").map(|all| all.split(',').collect());
    let fits = |ticket: &TroubleTicket| {
        entity.is_none_or(|id| ticket.related_entity.iter().any(|r| r.id == *id))
            && key.is_none_or(|key| ticket.external_id == *key)
            && filter
                .get("ticketType")
                .is_none_or(|kind| ticket.ticket_type == *kind)
            && status
                .as_ref()
                .is_none_or(|all| all.contains(&ticket.status.as_str()))
    };
    let mut right = all_tickets(&mock);
    right.retain(fits);
    let number = |name: &str| filter.get(name).and_then(|text| text.parse().ok());
    let (offset, limit) = (number("offset").unwrap_or(0), number("limit"));
    right = right
        .into_iter()
        .skip(offset)
        .take(limit.unwrap_or(usize::MAX))
        .collect();
    // A look by key is about the line that its ticket is for, if there is one.
    let of_key = key.and_then(|key| mock.ledger().into_iter().find(|entry| entry.key == *key));
    let login = entity.cloned().or_else(|| of_key.map(|entry| entry.login));
    let subscriber = login
        .and_then(|login| mock.by_login(&login))
        .map(|(subscriber, _)| subscriber);
    let foreign = || {
        let other = all_tickets(&mock)
            .into_iter()
            .filter(|ticket| !fits(ticket))
            .take(1);
        list(&other.collect::<Vec<_>>())
    };
    answer(
        &mock,
        Api::Tickets,
        subscriber.as_ref(),
        list(&right),
        foreign,
    )
    .await
}

pub(super) async fn one_ticket(State(mock): Shared, Path(id): Path<String>) -> Response {
    let found = all_tickets(&mock)
        .into_iter()
        .find(|ticket| ticket.id == id);
    found.map_or_else(not_found, |ticket| Json(ticket).into_response())
}

pub(super) async fn create_ticket(
    State(mock): Shared,
    headers: HeaderMap,
    Json(asked): Json<TroubleTicket>,
) -> Response {
    let key = headers
        .get("Idempotency-Key")
        .and_then(|key| key.to_str().ok())
        .unwrap_or("");
    let login = asked
        .related_entity
        .first()
        .map(|r| r.id.clone())
        .unwrap_or_default();
    let subscriber = mock.by_login(&login).map(|(subscriber, _)| subscriber);
    let wrong =
        asked.description.is_empty() || asked.severity.is_empty() || asked.ticket_type.is_empty();
    if wrong || asked.external_id != key {
        let reason = "description, severity, ticketType and one key are required";
        return error(StatusCode::BAD_REQUEST, "20", reason, String::new());
    }
    let fault = subscriber.and_then(|subscriber| mock.fault(Api::CreateTicket, &subscriber));
    let right = match fault {
        Some(Fault::Status(_) | Fault::Busy(_) | Fault::Dead) => not_found(),
        Some(Fault::CreatesLate(ms)) => {
            let (mock, asked) = (Arc::clone(&mock), asked.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(u64::from(ms))).await;
                take_ticket(&mock, asked, &login)
            });
            not_found()
        }
        Some(
            Fault::Slow(_)
            | Fault::Garbage
            | Fault::Foreign
            | Fault::CreatesThenTimesOut
            | Fault::CreatesThenFails(_),
        )
        | None => take_ticket(&mock, asked.clone(), &login),
    };
    // Somebody else's ticket, as if it were the one that was asked for.
    let foreign = || {
        let id = mock.ledger().first().map(|entry| entry.id.clone());
        created(&TroubleTicket {
            id: id.unwrap_or_default(),
            ..asked
        })
    };
    answer_with(fault, right, foreign).await
}

/// One ticket a key, one open visit a login.
fn take_ticket(mock: &Mock, asked: TroubleTicket, login: &str) -> Response {
    let keyless = mock.keyless.load(Ordering::Relaxed);
    let open = all_tickets(mock).into_iter().find(|ticket| {
        !keyless
            && ticket.related_entity.iter().any(|r| r.id == login)
            && OPEN.contains(&ticket.status.as_str())
    });
    let mut state = mock.lock();
    let same = state
        .tickets
        .iter_mut()
        .find(|(ticket, _)| !keyless && ticket.external_id == asked.external_id);
    if let Some((ticket, posts)) = same {
        *posts += 1;
        let frozen = (&ticket.description, &ticket.note) == (&asked.description, &asked.note);
        if !frozen {
            let reason = "the key is known with another body";
            return error(
                StatusCode::CONFLICT,
                "idempotencyConflict",
                reason,
                String::new(),
            );
        }
        return created(&*ticket);
    }
    if let Some(open) = open {
        let reason = "an open visit ticket exists";
        return error(StatusCode::CONFLICT, "openTicketExists", reason, open.href);
    }
    let id = format!("TT-{}", 900_345 + state.created);
    state.created += 1;
    let ticket = TroubleTicket {
        href: format!("{}/{id}", path::TICKET),
        status: "acknowledged".to_owned(),
        creation_date: Some(clock::now().to_rfc3339()),
        id,
        ..asked
    };
    state.tickets.push((ticket.clone(), 1));
    created(&ticket)
}
