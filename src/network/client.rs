//! The client: look-ups as TM Forum requests, answers judged. Never guesses: an answer that is not
//! about what was asked is no answer.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::Instrument;

use crate::call::{Login, PhoneNumber, Said};
use crate::clock;
use crate::lookup::{
    Access, Attempt, FeeFinding, Finding, Line, LineTestFinding, Lookup, Network, OpenTicket,
    OutageFinding, Subscriber, SubscriberFinding, TicketOrder, TicketResult, TicketsFinding,
};
use crate::network::Settings;
use crate::network::answers::Answers;
use crate::network::http::{Failure, Http, SetUpError};
use crate::network::ticket;
use crate::network::verdict;
use crate::network::wire::{
    BillingAccount, Characteristic, Customer, OPEN, Product, Ref, ServiceProblem, ServiceTest,
    TroubleTicket, VISIT, path,
};
use crate::time::WallTime;

/// The back ends over HTTP.
#[derive(Clone, Debug)]
pub struct TmForum {
    pub(super) http: Http,
    pub(super) settings: Settings,
    /// When the problems of a house or a node are thought to end, by its id.
    outages: Arc<Answers<Vec<Option<WallTime>>>>,
}

impl TmForum {
    /// Fails if TLS cannot be set up on this machine, or the authorities are none.
    pub fn new(settings: Settings) -> Result<Self, SetUpError> {
        Ok(Self {
            http: Http::new(&settings)?,
            outages: Arc::default(),
            settings,
        })
    }

    /// Shows the back ends this bearer token from now on; `false` if it can be none.
    pub fn replace_token(&self, token: &str) -> bool {
        self.http.replace_token(token)
    }

    /// A list: those objects that are about what was asked. If something came back and all of it
    /// was about something else, the filter is broken and the answer worth nothing.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        asked: impl Fn(&T) -> bool,
    ) -> Option<Vec<T>> {
        let answer: Result<Vec<T>, Failure> = self.http.read(path, query, self.settings.read).await;
        let mut all = answer.inspect_err(|failure| failed(path, failure)).ok()?;
        let came = all.len();
        all.retain(asked);
        if all.len() < came {
            let foreign = came - all.len();
            tracing::warn!(
                path,
                foreign,
                "the back end returned objects that were not asked for"
            );
        }
        (came == 0 || !all.is_empty()).then_some(all)
    }

    async fn subscriber(&self, number: &PhoneNumber) -> SubscriberFinding {
        let Some((customer, language)) = self.customer(number).await else {
            return SubscriberFinding::Unavailable;
        };
        let Some(customer) = customer else {
            return SubscriberFinding::Unknown;
        };
        let query = [
            ("relatedParty.id", customer.id.as_str()),
            ("status", "active,suspended"),
        ];
        let asked = |product: &Product| {
            belongs(&product.related_party, &customer.id)
                && matches!(product.status.as_str(), "active" | "suspended")
        };
        let Some(products) = self.list(path::PRODUCT, &query, asked).await else {
            return SubscriberFinding::Unavailable;
        };
        let contact = is_contact(&customer, number);
        let lines: Vec<Line> = products
            .iter()
            .filter_map(|product| line(product, number, contact))
            .collect();
        if lines.is_empty() || lines.len() > Subscriber::MAX_LINES {
            return SubscriberFinding::Unknown;
        }
        SubscriberFinding::Known(Subscriber {
            customer: customer.id,
            language,
            lines,
        })
    }

    /// The customer with that contact number, or with a product that has it. Two customers on one
    /// number are nobody: an operator finds out.
    async fn customer(
        &self,
        number: &PhoneNumber,
    ) -> Option<(Option<Customer>, Option<crate::call::Locale>)> {
        let query = [("contactMedium.characteristic.phoneNumber", number.reveal())];
        let asked = |customer: &Customer| is_contact(customer, number) && !customer.id.is_empty();
        let mut found: Vec<Customer> = self.list(path::CUSTOMER, &query, asked).await?;
        if found.is_empty() {
            let query = [("productCharacteristic.value", number.reveal())];
            let asked = |product: &Product| msisdns(product).any(|known| known == *number);
            let products: Vec<Product> = self.list(path::PRODUCT, &query, asked).await?;
            let mut owners: Vec<&str> = products.iter().filter_map(owner).collect();
            owners.sort_unstable();
            owners.dedup();
            if let [owner] = owners.as_slice() {
                let query = [("id", *owner)];
                let asked = |customer: &Customer| customer.id == *owner;
                found = self.list(path::CUSTOMER, &query, asked).await?;
            }
        }
        let customer = if found.len() == 1 { found.pop() } else { None };
        let language = customer.as_ref().and_then(|customer| {
            text(&customer.characteristic, "language").and_then(|language| language.parse().ok())
        });
        Some((customer, language))
    }

    async fn outage(&self, line: &Line) -> OutageFinding {
        let open = OPEN.join(",");
        let house = line.house.as_deref().filter(|house| !house.is_empty());
        let resource = line
            .resource
            .as_deref()
            .and_then(|resource| resource.split(':').next());
        if house.is_none() && resource.is_none() {
            return OutageFinding::Unavailable;
        }
        let by = async |key: &str, id: Option<&str>| {
            let Some(id) = id else {
                return Some(Vec::new());
            };
            let query = [(key, id), ("status", open.as_str())];
            let asked = |problem: &ServiceProblem| {
                let places = problem
                    .affected_location
                    .iter()
                    .chain(&problem.affected_resource);
                OPEN.contains(&problem.status.as_str()) && places.into_iter().any(|r| r.id == id)
            };
            let ask = async {
                let problems = self.list(path::PROBLEM, &query, asked).await?;
                Some(problems.iter().map(restored_at).collect::<Vec<_>>())
            };
            let (ends, shared) = self.outages.get(format!("{key} {id}"), ask).await;
            if shared {
                self.settings.metrics.look_up_shared();
            }
            ends
        };
        let (house, resource) = tokio::join!(
            by("affectedLocation.id", house),
            by("affectedResource.id", resource)
        );
        let unknown = house.is_none() || resource.is_none();
        let ends: Vec<Option<WallTime>> = house.into_iter().chain(resource).flatten().collect();
        if ends.is_empty() {
            return if unknown {
                OutageFinding::Unavailable
            } else {
                OutageFinding::None
            };
        }
        // Of several problems the last to be mended counts, and none of unknown end is forgotten.
        let restored_at = ends
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .and_then(|e| e.into_iter().max());
        OutageFinding::Known { restored_at }
    }

    async fn tickets(&self, login: &Login) -> TicketsFinding {
        let open = OPEN.join(",");
        let query = [
            ("relatedEntity.id", login.reveal()),
            ("ticketType", VISIT),
            ("status", open.as_str()),
        ];
        let asked = |ticket: &TroubleTicket| ticket::is_open_visit(ticket, login);
        let Some(mut tickets) = self.list(path::TICKET, &query, asked).await else {
            return TicketsFinding::Unavailable;
        };
        let created = |ticket: &TroubleTicket| {
            ticket
                .creation_date
                .as_deref()
                .and_then(WallTime::from_rfc3339)
        };
        tickets.sort_by_key(created);
        tickets.pop().map_or(TicketsFinding::None, |ticket| {
            let visit_at = ticket.expected_resolution_date.as_deref();
            TicketsFinding::Open(OpenTicket {
                created_at: created(&ticket),
                visit_at: visit_at.and_then(WallTime::from_rfc3339),
                id: ticket.id,
            })
        })
    }

    /// Asynchronous: 201, then looked at until it has ended. A lost answer to the request is not
    /// asked again, as a second test of one port can fail: a running one is looked for.
    async fn line_test(&self, line: &Line) -> LineTestFinding {
        let until = Instant::now() + self.settings.line_test;
        let login = line.login.reveal();
        let body = serde_json::to_vec(&test_request(line)).unwrap_or_default();
        let first: Result<ServiceTest, Failure> =
            self.http.post(path::TEST, &[], body, until).await;
        let running = match first {
            Ok(test) => Some(test),
            Err(Failure::Unclear(_)) => {
                let query = [("relatedService.id", login), ("state", "inProgress")];
                let asked = |test: &ServiceTest| test.related_service.id == login;
                self.list(path::TEST, &query, asked)
                    .await
                    .and_then(|mut tests| tests.pop())
            }
            Err(failure) => {
                failed(path::TEST, &failure);
                None
            }
        };
        let Some(mut test) = running.filter(|test| is_id(&test.id)) else {
            return LineTestFinding::Unavailable;
        };
        while matches!(
            test.state.as_str(),
            "acknowledged" | "inProgress" | "pending"
        ) {
            if Instant::now() + self.settings.poll >= until {
                return LineTestFinding::Unavailable;
            }
            tokio::time::sleep(self.settings.poll).await;
            let path = format!("{}/{}", path::TEST, test.id);
            let looked: Result<ServiceTest, Failure> =
                self.http.read(&path, &[], self.settings.read).await;
            match looked {
                Ok(seen) if seen.id == test.id => test = seen,
                Ok(_) | Err(_) => return LineTestFinding::Unavailable,
            }
        }
        if test.related_service.id != login {
            tracing::warn!("the line test is of another line");
            return LineTestFinding::Unavailable;
        }
        verdict::finding(&test, clock::now())
    }

    async fn fee(&self, customer: &str, line: &Line) -> FeeFinding {
        if line.suspended {
            return FeeFinding::Unpaid;
        }
        let Some(account) = line.account.as_deref() else {
            return FeeFinding::Unavailable;
        };
        let query = [("relatedParty.id", customer)];
        let asked = |of: &BillingAccount| of.id == account && belongs(&of.related_party, customer);
        let accounts: Option<Vec<BillingAccount>> = self.list(path::ACCOUNT, &query, asked).await;
        let status = accounts
            .as_deref()
            .and_then(<[_]>::first)
            .map(|of| of.payment_status.as_str());
        match status {
            Some("paid") => FeeFinding::Paid,
            Some("due" | "in arrears") => FeeFinding::Unpaid,
            Some(_) | None => FeeFinding::Unavailable,
        }
    }
}

impl TmForum {
    async fn answer(&self, lookup: &Lookup) -> Finding {
        match lookup {
            Lookup::Subscriber { number } => Finding::Subscriber(self.subscriber(number).await),
            Lookup::Outage { line } => Finding::Outage(self.outage(line).await),
            Lookup::Tickets { login } => Finding::Tickets(self.tickets(login).await),
            Lookup::LineTest { line } => Finding::LineTest(self.line_test(line).await),
            Lookup::Fee { customer, line } => Finding::Fee(self.fee(customer, line).await),
        }
    }
}

impl Network for TmForum {
    async fn look_up(&self, lookup: Lookup) -> Finding {
        let kind = lookup.kind().as_str();
        let span = tracing::info_span!("look_up", kind);
        let began = Instant::now();
        let finding = self.answer(&lookup).instrument(span.clone()).await;
        let took = began.elapsed();
        let class = finding.class();
        self.settings.metrics.looked_up(kind, class, took);
        span.in_scope(|| tracing::debug!(class, ms = Duration::as_millis(&took), "looked up"));
        finding
    }

    async fn create_ticket(&self, order: TicketOrder, attempt: Attempt) -> TicketResult {
        let span = tracing::info_span!("ticket", attempt = attempt.as_str());
        let create = ticket::create(self, &order, attempt);
        let result = create.instrument(span.clone()).await;
        self.settings.metrics.ticket(result.class());
        span.in_scope(|| tracing::debug!(result = result.class(), "ordered"));
        result
    }
}

pub(super) fn failed(path: &str, failure: &Failure) {
    match failure {
        Failure::NotSent => tracing::warn!(path, "the back end cannot be reached"),
        Failure::Unclear(why) => tracing::warn!(path, why, "no usable answer"),
        Failure::Refused(status, _) => {
            tracing::warn!(path, status = status.as_u16(), "the back end refused");
        }
    }
}

/// An id goes into a URL's path: nothing that would lead elsewhere.
pub(super) fn is_id(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    (1..=64).contains(&id.len()) && id.bytes().all(plain) && !id.starts_with('.')
}

fn is_contact(customer: &Customer, number: &PhoneNumber) -> bool {
    let numbers = customer
        .contact_medium
        .iter()
        .map(|medium| &medium.characteristic.phone_number);
    numbers
        .into_iter()
        .any(|known| PhoneNumber::parse(known).as_ref() == Some(number))
}

fn belongs(parties: &[Ref], customer: &str) -> bool {
    parties.iter().any(|party| party.id == customer)
}

fn owner(product: &Product) -> Option<&str> {
    let owner = product
        .related_party
        .iter()
        .find(|party| party.role == "customer");
    owner.map(|party| party.id.as_str()).filter(|id| is_id(id))
}

fn text<'c>(characteristics: &'c [Characteristic], name: &str) -> Option<&'c str> {
    characteristics
        .iter()
        .find(|c| c.name == name)
        .and_then(|c| c.value.as_str())
}

fn msisdns(product: &Product) -> impl Iterator<Item = PhoneNumber> {
    let numbers = product.characteristic.iter().filter(|c| c.name == "msisdn");
    numbers.filter_map(|c| c.value.as_str().and_then(PhoneNumber::parse))
}

fn line(product: &Product, number: &PhoneNumber, contact: bool) -> Option<Line> {
    let id = |refs: &[Ref]| {
        refs.first()
            .map(|r| r.id.clone())
            .filter(|id| !id.is_empty())
    };
    let place = product
        .place
        .iter()
        .find(|place| place.role == "installationAddress");
    let access = text(&product.characteristic, "accessType");
    let mobile = msisdns(product).next().is_some();
    let own = contact || msisdns(product).any(|known| known == *number);
    Some(Line {
        login: Login::new(&product.realizing_service.first()?.id)?,
        house: place.map(|place| place.id.clone()),
        address: place.map(|place| Said::new(&place.name)),
        resource: id(&product.realizing_resource),
        account: product
            .billing_account
            .as_ref()
            .map(|account| account.id.clone()),
        access: access
            .and_then(|access| access.parse().ok())
            .unwrap_or(Access::Unknown),
        suspended: product.status == "suspended",
        in_package: product.is_bundle && mobile && own,
    })
}

fn restored_at(problem: &ServiceProblem) -> Option<WallTime> {
    text(&problem.characteristic, "estimatedRestorationTime").and_then(WallTime::from_rfc3339)
}

fn test_request(line: &Line) -> ServiceTest {
    let specification = match line.access {
        Access::Gpon => "LINE-TEST-GPON",
        Access::Fttb | Access::Unknown => "LINE-TEST-FTTB",
    };
    ServiceTest {
        name: "line test".to_owned(),
        mode: "ONDEMAND".to_owned(),
        related_service: Ref::new(line.login.reveal(), "", ""),
        test_specification: Ref::new(specification, "", "ServiceTestSpecification"),
        characteristic: vec![Characteristic::new("allowDisruptive", false)],
        ..ServiceTest::default()
    }
}
