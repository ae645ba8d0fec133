//! The back ends' client against the mock, and against servers that are worse than any mock.

mod certified;
mod nasty;
mod official;
mod sick;
mod tickets;

use std::sync::Arc;
use std::time::Duration;

use dana::call::{Locale, Login, PhoneNumber, Said};
use dana::lookup::{
    Access, Attempt, FeeFinding, Finding, Line, LineTestFinding, Lookup, Network, Oss,
    OutageFinding, Posted, Sought, SubscriberFinding, TicketOrder, TicketResult, TicketsFinding,
};
use dana::network::mock::Mock;
use dana::network::{Settings, TmForum};
use dana::store::memory::Memory;
use dana::tickets::Desk;
use dana::time::WallTime;
use tokio::net::TcpListener;

/// The mock on a free port, and a client of it in a hurry.
async fn mock() -> (Arc<Mock>, TmForum, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    let mock = Mock::new(Duration::from_millis(20));
    tokio::spawn(Arc::clone(&mock).serve(listener, std::future::pending()));
    (mock, TmForum::new(hurried(&root)).expect("a client"), root)
}

fn hurried(root: &str) -> Settings {
    Settings {
        read: Duration::from_millis(600),
        line_test: Duration::from_millis(800),
        poll: Duration::from_millis(10),
        ..Settings::new(root)
    }
}

/// A call's way to a ticket.
async fn create(client: TmForum, order: TicketOrder) -> TicketResult {
    let settings = dana::tickets::Settings {
        within: Duration::from_millis(800),
        ..dana::tickets::Settings::default()
    };
    let here = tokio::runtime::Handle::current();
    let desk = Desk::new(Memory::default(), client, settings, here);
    desk.create_ticket(order, Attempt::First).await
}

fn number(index: u32) -> PhoneNumber {
    PhoneNumber::parse(&format!("+77770000{index:03}")).expect("a number")
}

fn line(index: u32) -> Line {
    Line {
        login: Login::new(&format!("0770000{index:03}")).expect("a login"),
        house: Some(format!("HOUSE-0770000{index:03}")),
        address: Some(Said::new(&format!(
            "г. Алматы, пр. Абая, д. 10, кв. {index}"
        ))),
        resource: Some(format!("SW-{index:03}:port/1")),
        account: Some(format!("BA-0770000{index:03}")),
        access: Access::Fttb,
        suspended: false,
        in_package: false,
    }
}

fn order(index: u32) -> TicketOrder {
    TicketOrder {
        key: format!("ivr:gateway:c-{index}:1:technicianVisit"),
        login: line(index).login,
        customer: format!("C-00{index:03}"),
        contact: number(index),
        locale: Locale::Ru,
        test: "ST-1".to_owned(),
        call_began: WallTime::from_unix_ms(1_760_418_000_000),
    }
}

async fn subscriber(client: &TmForum, number: PhoneNumber) -> SubscriberFinding {
    let found = client.look_up(Lookup::Subscriber { number }).await;
    let Finding::Subscriber(found) = found else {
        panic!("{found:?}")
    };
    found
}

/// What is found of a fixture's line: outage, tickets, line test, fee.
async fn checks(client: &TmForum, index: u32) -> [String; 4] {
    let line = line(index);
    let customer = format!("C-00{index:03}");
    let outage = client.look_up(Lookup::Outage { line: line.clone() }).await;
    let tickets = client
        .look_up(Lookup::Tickets {
            login: line.login.clone(),
        })
        .await;
    let test = client
        .look_up(Lookup::LineTest { line: line.clone() })
        .await;
    let fee = client.look_up(Lookup::Fee { customer, line }).await;
    [class(&outage), class(&tickets), class(&test), class(&fee)].map(str::to_owned)
}

fn class(finding: &Finding) -> &'static str {
    match finding {
        Finding::Outage(OutageFinding::Known {
            restored_at: Some(_),
        }) => "until",
        Finding::Outage(OutageFinding::Known { restored_at: None }) => "known",
        Finding::Outage(OutageFinding::None) | Finding::Tickets(TicketsFinding::None) => "none",
        Finding::Tickets(TicketsFinding::Open(ticket)) if ticket.visit_at.is_some() => "visit",
        Finding::Tickets(TicketsFinding::Open(_)) => "open",
        Finding::LineTest(LineTestFinding::CableFault { .. }) => "cable",
        Finding::LineTest(LineTestFinding::NoFault) => "no fault",
        Finding::LineTest(LineTestFinding::LineError) => "error",
        Finding::LineTest(LineTestFinding::EquipmentOff) => "off",
        Finding::Fee(FeeFinding::Paid) => "paid",
        Finding::Fee(FeeFinding::Unpaid) => "unpaid",
        Finding::Subscriber(_) => "subscriber",
        Finding::Outage(OutageFinding::Unavailable)
        | Finding::Tickets(TicketsFinding::Unavailable)
        | Finding::LineTest(LineTestFinding::Unavailable)
        | Finding::Fee(FeeFinding::Unavailable) => "?",
    }
}

#[tokio::test]
async fn each_situation_of_the_mock_is_found_as_it_is() {
    let (_mock, client, _) = mock().await;
    let table = [
        (101, ["none", "none", "cable", "paid"]),
        (103, ["known", "none", "no fault", "paid"]),
        (104, ["until", "none", "no fault", "paid"]),
        (105, ["none", "open", "no fault", "paid"]),
        (106, ["none", "visit", "no fault", "paid"]),
        (107, ["none", "open", "no fault", "paid"]),
        (108, ["none", "none", "no fault", "paid"]),
        (109, ["none", "none", "off", "paid"]),
        (110, ["none", "none", "error", "paid"]),
        (111, ["none", "none", "cable", "unpaid"]),
        (112, ["none", "none", "cable", "?"]),
        (117, ["none", "none", "?", "paid"]),
        // Broken back ends: nothing is claimed, and what is somebody else's is not believed.
        (124, ["?", "?", "?", "?"]),
        (125, ["none", "?", "cable", "paid"]),
        (126, ["none", "none", "?", "paid"]),
        (127, ["?", "none", "cable", "paid"]),
        (128, ["none", "?", "cable", "paid"]),
        (129, ["none", "none", "cable", "?"]),
    ];
    for (index, wanted) in table {
        assert_eq!(checks(&client, index).await, wanted, "fixture {index}");
    }
}

#[tokio::test]
async fn a_caller_is_known_by_his_contact_number_or_a_number_of_his_package() {
    let (_mock, client, _) = mock().await;
    let SubscriberFinding::Known(found) = subscriber(&client, number(102)).await else {
        panic!("102 is known")
    };
    assert_eq!(
        (found.customer.as_str(), found.language),
        ("C-00102", Some(Locale::Kk))
    );
    assert_eq!(found.lines, [line(102)]);

    for index in [115, 915] {
        let SubscriberFinding::Known(found) = subscriber(&client, number(index)).await else {
            panic!("{index} is known")
        };
        assert_eq!(
            found.lines,
            [Line {
                in_package: true,
                ..line(115)
            }],
            "{index}"
        );
    }

    let SubscriberFinding::Known(several) = subscriber(&client, number(116)).await else {
        panic!("116 is known")
    };
    assert_eq!(several.lines.len(), 3);

    let SubscriberFinding::Known(found) = subscriber(&client, number(113)).await else {
        panic!("113 is known")
    };
    assert!(found.lines[0].suspended);
    let suspended = found.lines[0].clone();
    let lookup = Lookup::Fee {
        customer: found.customer,
        line: suspended,
    };
    assert_eq!(
        client.look_up(lookup).await,
        Finding::Fee(FeeFinding::Unpaid)
    );

    assert_eq!(
        subscriber(&client, number(999)).await,
        SubscriberFinding::Unknown
    );
    for broken in [122, 123, 124] {
        let found = subscriber(&client, number(broken)).await;
        assert_eq!(found, SubscriberFinding::Unavailable, "{broken}");
    }
}
