//! The mock's HTTP: paths, filters and bodies as the specifications have them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;

use crate::call::PhoneNumber;
use crate::clock;
use crate::network::mock::fixtures::{Line, Subscriber, tail};
use crate::network::mock::{Api, Entry, Fault, Mock, OnDemand, tickets};
use crate::network::wire::{
    BillingAccount, Characteristic, ContactMedium, Customer, Error, MediumCharacteristic, Period,
    Product, Ref, ServiceProblem, ServiceTest, path,
};

pub(super) type Filter = Query<BTreeMap<String, String>>;
pub(super) type Shared = State<Arc<Mock>>;

/// Longer than any client waits.
const NEVER: Duration = Duration::from_mins(1);

pub(super) fn router(mock: Arc<Mock>) -> Router {
    let ticket = format!("{}/{{id}}", path::TICKET);
    Router::new()
        .route(path::CUSTOMER, get(customers))
        .route(path::PRODUCT, get(products))
        .route(path::ACCOUNT, get(accounts))
        .route(path::PROBLEM, get(problems))
        .route(path::TEST, get(tests).post(start_test))
        .route(&format!("{}/{{id}}", path::TEST), get(test))
        .route(
            path::TICKET,
            get(tickets::list_tickets).post(tickets::create_ticket),
        )
        .route(&ticket, get(tickets::one_ticket))
        .route("/mock/ledger", get(ledger))
        .route("/mock/faults", post(ask_for_fault))
        .with_state(mock)
}

/// A list with its counts.
pub(super) fn list<T: Serialize>(items: &[T]) -> Response {
    let count = HeaderValue::from(items.len());
    let mut headers = HeaderMap::new();
    headers.insert("X-Total-Count", count.clone());
    headers.insert("X-Result-Count", count);
    (headers, Json(items)).into_response()
}

pub(super) fn error(status: StatusCode, code: &str, reason: &str, reference: String) -> Response {
    let error = Error {
        code: code.to_owned(),
        reason: reason.to_owned(),
        message: reason.to_owned(),
        status: status.as_u16().to_string(),
        reference,
        kind: "Error".to_owned(),
    };
    (status, Json(error)).into_response()
}

pub(super) fn not_found() -> Response {
    error(
        StatusCode::NOT_FOUND,
        "60",
        "Resource not found",
        String::new(),
    )
}

/// Answers as the subscriber's faults have it; `foreign` is somebody else's data.
pub(super) async fn answer(
    mock: &Mock,
    api: Api,
    subscriber: Option<&Subscriber>,
    right: Response,
    foreign: impl FnOnce() -> Response,
) -> Response {
    mock.count(api);
    let fault = subscriber.and_then(|subscriber| mock.fault(api, subscriber));
    answer_with(fault, right, foreign).await
}

pub(super) async fn answer_with(
    fault: Option<Fault>,
    right: Response,
    foreign: impl FnOnce() -> Response,
) -> Response {
    match fault {
        None => right,
        Some(Fault::Slow(ms)) => {
            tokio::time::sleep(Duration::from_millis(u64::from(ms))).await;
            right
        }
        Some(Fault::Busy(seconds)) => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            let later = [("Retry-After", seconds.to_string())];
            (
                later,
                error(status, "1", "too many requests", String::new()),
            )
                .into_response()
        }
        Some(Fault::Status(status) | Fault::CreatesThenFails(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            error(status, "1", "the mock was told to fail", String::new())
        }
        Some(Fault::Garbage) => "<html>please log in</html>".into_response(),
        Some(Fault::Foreign) => foreign(),
        Some(Fault::Dead) => {
            let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            Body::from_stream(tokio_stream::once(Err::<Vec<u8>, _>(broken))).into_response()
        }
        Some(Fault::CreatesThenTimesOut | Fault::CreatesLate(_)) => {
            tokio::time::sleep(NEVER).await;
            right
        }
    }
}

impl Mock {
    fn by_number(&self, number: &str) -> Option<Subscriber> {
        let number = PhoneNumber::parse(number)?;
        self.find(|s| PhoneNumber::parse(&s.number).as_ref() == Some(&number))
    }

    fn by_customer(&self, id: &str) -> Option<Subscriber> {
        self.find(|s| s.customer() == id)
    }

    pub(super) fn by_login(&self, login: &str) -> Option<(Subscriber, Line)> {
        let subscriber = self.find(|s| s.lines.iter().any(|line| line.login == login))?;
        let line = subscriber
            .lines
            .iter()
            .find(|line| line.login == login)?
            .clone();
        Some((subscriber, line))
    }

    fn find(&self, wanted: impl Fn(&Subscriber) -> bool) -> Option<Subscriber> {
        self.lock().subscribers.iter().find(|s| wanted(s)).cloned()
    }
}

fn customer_of(subscriber: &Subscriber) -> Customer {
    let language = subscriber
        .language
        .map(|l| Characteristic::new("language", l.as_str()));
    let id = subscriber.customer();
    let characteristic = MediumCharacteristic {
        phone_number: subscriber.number.clone(),
    };
    let number = tail(&subscriber.number, 3);
    Customer {
        href: format!("{}/{id}", path::CUSTOMER),
        name: format!("Абонент {number}"),
        status: "active".to_owned(),
        contact_medium: vec![ContactMedium {
            medium_type: "mobilePhone".to_owned(),
            characteristic,
        }],
        characteristic: language.into_iter().collect(),
        engaged_party: Some(Ref::new(&format!("I-{number}"), "", "Individual")),
        kind: "Customer".to_owned(),
        id,
    }
}

async fn customers(State(mock): Shared, Query(filter): Filter) -> Response {
    let number = filter.get("contactMedium.characteristic.phoneNumber");
    let found = match (number, filter.get("id")) {
        (Some(number), _) => mock.by_number(number),
        (None, Some(id)) => mock.by_customer(id),
        (None, None) => None,
    };
    let right: Vec<Customer> = found.iter().map(customer_of).collect();
    let foreign = || {
        let other = mock.find(|s| Some(&s.number) != number);
        list(&other.iter().map(customer_of).collect::<Vec<_>>())
    };
    answer(&mock, Api::Inventory, found.as_ref(), list(&right), foreign).await
}

/// Where the lines of a subscriber are, in turn.
const STREETS: [&str; 3] = ["пр. Абая", "ул. Гоголя", "ул. Сатпаева"];

fn products_of(subscriber: &Subscriber) -> Vec<Product> {
    let number = tail(&subscriber.number, 3);
    let product = |(line, street): (&Line, &&str)| {
        let login = &line.login;
        let mobile = subscriber
            .package
            .iter()
            .map(|m| Characteristic::new("msisdn", m.as_str()));
        let mut characteristic = vec![
            Characteristic::new("login", login.as_str()),
            Characteristic::new("accessType", "fttb"),
        ];
        characteristic.extend(mobile);
        Product {
            id: format!("P-{login}"),
            href: format!("{}/P-{login}", path::PRODUCT),
            name: "Internet at Home".to_owned(),
            status: if line.suspended {
                "suspended"
            } else {
                "active"
            }
            .to_owned(),
            is_bundle: subscriber.package.is_some(),
            billing_account: Some(Ref::new(&format!("BA-{login}"), "", "")),
            related_party: vec![Ref::new(&subscriber.customer(), "customer", "Customer")],
            place: vec![Ref {
                name: format!("г. Алматы, {street}, д. 10, кв. {number}"),
                ..Ref::new(
                    &format!("HOUSE-{login}"),
                    "installationAddress",
                    "GeographicAddress",
                )
            }],
            realizing_service: vec![Ref::new(login, "", "")],
            realizing_resource: vec![Ref::new(&format!("SW-{number}:port/1"), "", "")],
            characteristic,
            kind: "Product".to_owned(),
        }
    };
    subscriber
        .lines
        .iter()
        .zip(STREETS.iter().cycle())
        .map(product)
        .collect()
}

async fn products(State(mock): Shared, Query(filter): Filter) -> Response {
    let number = filter
        .get("productCharacteristic.value")
        .and_then(|n| PhoneNumber::parse(n));
    let found = match (filter.get("relatedParty.id"), number) {
        (Some(id), _) => mock.by_customer(id),
        (None, Some(number)) => mock
            .find(|s| s.package.as_deref().and_then(PhoneNumber::parse).as_ref() == Some(&number)),
        (None, None) => None,
    };
    let right = found.as_ref().map(products_of).unwrap_or_default();
    answer(&mock, Api::Inventory, found.as_ref(), list(&right), || {
        list::<Product>(&[])
    })
    .await
}

async fn accounts(State(mock): Shared, Query(filter): Filter) -> Response {
    let found = filter
        .get("relatedParty.id")
        .and_then(|id| mock.by_customer(id));
    let account = |subscriber: &Subscriber, line: &Line| BillingAccount {
        id: format!("BA-{}", line.login),
        href: format!("{}/BA-{}", path::ACCOUNT, line.login),
        name: line.login.clone(),
        state: "Active".to_owned(),
        payment_status: line.payment.to_owned(),
        related_party: vec![Ref {
            name: "Абонент".to_owned(),
            ..Ref::new(&subscriber.customer(), "owner", "Customer")
        }],
        kind: "BillingAccount".to_owned(),
    };
    let of = |s: &Subscriber| {
        s.lines
            .iter()
            .map(|line| account(s, line))
            .collect::<Vec<_>>()
    };
    let right = found.as_ref().map(of).unwrap_or_default();
    let foreign = || {
        let other = mock.find(|s| found.as_ref().is_none_or(|found| s.number != found.number));
        list(&other.as_ref().map(of).unwrap_or_default())
    };
    answer(&mock, Api::Fee, found.as_ref(), list(&right), foreign).await
}

fn problem(place: &str, ends: Option<String>) -> ServiceProblem {
    let ends = ends.map(|ends| Characteristic::new("estimatedRestorationTime", ends));
    ServiceProblem {
        id: format!("SP-{place}"),
        href: format!("{}/SP-{place}", path::PROBLEM),
        category: "serviceProvider.originated".to_owned(),
        description: "mass outage".to_owned(),
        reason: "fibreCut".to_owned(),
        priority: 1,
        status: "inProgress".to_owned(),
        originating_system: "NOC".to_owned(),
        originator_party: Ref {
            name: "NOC".to_owned(),
            ..Ref::new("NOC", "originator", "Organization")
        },
        affected_location: vec![Ref::new(place, "affectedHouse", "GeographicAddress")],
        affected_resource: Vec::new(),
        characteristic: ends.into_iter().collect(),
        kind: "ServiceProblem".to_owned(),
    }
}

async fn problems(State(mock): Shared, Query(filter): Filter) -> Response {
    let place = filter.get("affectedLocation.id").map_or("", String::as_str);
    let found = place
        .strip_prefix("HOUSE-")
        .and_then(|login| mock.by_login(login));
    let outage = found.as_ref().and_then(|(_, line)| line.outage);
    let right: Vec<_> = outage
        .iter()
        .map(|ends| problem(place, ends.map(crate::time::WallTime::to_rfc3339)))
        .collect();
    let subscriber = found.as_ref().map(|(subscriber, _)| subscriber);
    let foreign = || list(&[problem("HOUSE-OTHER", None)]);
    answer(&mock, Api::Outage, subscriber, list(&right), foreign).await
}

fn test_of(mock: &Mock, id: &str) -> Option<(ServiceTest, Subscriber)> {
    let (login, ends) = mock.lock().tests.get(id)?.clone();
    let (subscriber, line) = mock.by_login(&login)?;
    let running = tokio::time::Instant::now() < ends;
    let state = match (running, line.verdict) {
        (true, _) => "inProgress",
        (false, "failed") => "failed",
        (false, _) => "completed",
    };
    let valid = (!running).then(|| Period {
        end_date_time: Some(clock::now().plus_ms(7_200_000).to_rfc3339()),
    });
    let verdict = (!running).then(|| Characteristic::new("verdict", line.verdict));
    let test = ServiceTest {
        id: id.to_owned(),
        href: format!("{}/{id}", path::TEST),
        name: format!("line test {login}"),
        mode: "ONDEMAND".to_owned(),
        state: state.to_owned(),
        related_service: Ref::new(&login, "", ""),
        test_specification: Ref::new("LINE-TEST-FTTB", "", ""),
        valid_for: valid,
        characteristic: verdict.into_iter().collect(),
        test_measure: Vec::new(),
    };
    Some((test, subscriber))
}

async fn start_test(State(mock): Shared, Json(asked): Json<ServiceTest>) -> Response {
    let login = asked.related_service.id;
    let id = {
        let ends = tokio::time::Instant::now() + mock.line_test;
        let mut state = mock.lock();
        let id = format!("ST-{}", state.tests.len() + 1);
        state.tests.insert(id.clone(), (login, ends));
        id
    };
    let Some((test, subscriber)) = test_of(&mock, &id) else {
        return not_found();
    };
    let foreign = || {
        created(&ServiceTest {
            related_service: Ref::new("0000", "", ""),
            ..test.clone()
        })
    };
    answer(
        &mock,
        Api::LineTest,
        Some(&subscriber),
        created(&test),
        foreign,
    )
    .await
}

pub(super) fn created<T: Serialize>(body: &T) -> Response {
    (StatusCode::CREATED, Json(body)).into_response()
}

async fn test(State(mock): Shared, Path(id): Path<String>) -> Response {
    let Some((test, subscriber)) = test_of(&mock, &id) else {
        return not_found();
    };
    let right = Json(&test).into_response();
    let foreign = || {
        let other = ServiceTest {
            related_service: Ref::new("0000", "", ""),
            ..test.clone()
        };
        Json(other).into_response()
    };
    answer(&mock, Api::LineTest, Some(&subscriber), right, foreign).await
}

async fn tests(State(mock): Shared, Query(filter): Filter) -> Response {
    let login = filter.get("relatedService.id").cloned().unwrap_or_default();
    let ids: Vec<String> = mock.lock().tests.keys().cloned().collect();
    let running = ids
        .iter()
        .filter_map(|id| test_of(&mock, id))
        .map(|(test, _)| test);
    let running = running.filter(|t| t.related_service.id == login && t.state == "inProgress");
    list(&running.collect::<Vec<_>>())
}

async fn ledger(State(mock): Shared) -> Json<Vec<Entry>> {
    Json(mock.ledger())
}

async fn ask_for_fault(State(mock): Shared, Json(fault): Json<OnDemand>) -> StatusCode {
    mock.lock().faults.push(fault);
    StatusCode::NO_CONTENT
}
