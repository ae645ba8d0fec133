//! A ticket is created exactly once, whatever breaks: the desk over the mocked ticket system, whose
//! ledger is the oracle. Names of tests begin with the rows of the catalogue of faults.

mod at_rest;
mod back_end;
mod commands;
mod crash;
mod owner;
mod store;

use std::sync::Arc;
use std::time::Duration;

use dana::call::{Locale, Login, PhoneNumber};
use dana::lookup::{Attempt, Network, TicketOrder, TicketResult};
use dana::network::TmForum;
use dana::network::mock::{Api, Fault, Mock};
use dana::seal::Keys;
use dana::store::memory::Memory;
use dana::store::{IntentState, Store};
use dana::tickets::{Desk, Settings};
use dana::time::WallTime;
use tokio::net::TcpListener;
use tokio::runtime::Handle;

const HOUR: Duration = Duration::from_hours(1);

/// What stores in files are sealed with.
fn keys() -> Keys {
    Keys::new([(1, [7; 32])])
}

/// The mock on a free port; where it is.
async fn mock() -> (Arc<Mock>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    let mock = Mock::new(Duration::from_millis(20));
    tokio::spawn(Arc::clone(&mock).serve(listener, std::future::pending()));
    (mock, root)
}

fn client(root: &str) -> TmForum {
    TmForum::new(dana::network::Settings {
        read: Duration::from_millis(400),
        ..dana::network::Settings::new(root)
    })
    .expect("a client")
}

/// In a hurry where a caller waits, and patient where nobody does.
fn settings() -> Settings {
    Settings {
        within: Duration::from_millis(600),
        backlog_per_second: 1_000,
        ..Settings::default()
    }
}

fn desk_at(root: &str, settings: Settings) -> Desk<Memory, TmForum> {
    Desk::new(Memory::default(), client(root), settings, Handle::current())
}

/// A desk and the mock behind it.
async fn desk() -> (Desk<Memory, TmForum>, Arc<Mock>) {
    let (mock, root) = mock().await;
    (desk_at(&root, settings()), mock)
}

/// The number of a fixture.
fn number(index: u32) -> String {
    format!("+77770000{index:03}")
}

/// An order of call `call` for the line of a fixture.
fn order_of(call: &str, index: u32) -> TicketOrder {
    TicketOrder {
        key: format!("ivr:gateway:{call}:1:technicianVisit"),
        login: Login::new(&format!("0770000{index:03}")).expect("a login"),
        customer: format!("C-00{index:03}"),
        contact: PhoneNumber::parse(&number(index)).expect("a number"),
        locale: Locale::Ru,
        test: "ST-1".to_owned(),
        call_began: WallTime::from_unix_ms(1_760_418_000_000),
    }
}

fn order(index: u32) -> TicketOrder {
    order_of(&format!("c-{index}"), index)
}

async fn create(desk: &impl Network, index: u32) -> TicketResult {
    desk.create_ticket(order(index), Attempt::First).await
}

async fn state<O: dana::lookup::Oss>(desk: &Desk<Memory, O>, order: &TicketOrder) -> IntentState {
    let intent = desk.store().intent(&order.key).await.expect("an answer");
    intent.expect("it was recorded").state
}

/// Hours pass, until no order is left that the reconciler could still bring to an end.
async fn in_the_end<O: dana::lookup::Oss>(desk: &Desk<Memory, O>) {
    for _ in 0..20 {
        let open = desk
            .store()
            .intents(IntentState::OPEN, "", 1)
            .await
            .expect("an answer");
        if open.is_empty() {
            return;
        }
        desk.store().pass_time(HOUR);
        desk.reconcile().await.expect("an answer");
    }
}

/// How many tickets there are with that key.
fn tickets(mock: &Mock, order: &TicketOrder) -> usize {
    mock.ledger()
        .iter()
        .filter(|entry| entry.key == order.key)
        .count()
}

fn created(mock: &Mock, order: &TicketOrder) -> TicketResult {
    let ledger = mock.ledger();
    let entry = ledger
        .iter()
        .find(|entry| entry.key == order.key)
        .expect("a ticket");
    TicketResult::Created {
        id: entry.id.clone(),
    }
}
