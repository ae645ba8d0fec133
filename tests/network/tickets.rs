//! The ticket system's requests, one by one: what is sent, what an answer is worth, what is found.

use super::*;

const SOON: Duration = Duration::from_millis(400);

async fn posted(client: &TmForum, order: &TicketOrder) -> Posted {
    let body = client.render(order);
    client
        .post_ticket(&order.key, &order.login, &body, SOON)
        .await
}

async fn sought(client: &TmForum, order: &TicketOrder) -> Sought {
    client.find_ticket(&order.key, &order.login, SOON).await
}

#[tokio::test]
async fn the_same_order_is_the_same_request_and_the_same_ticket() {
    let (mock, client, _) = mock().await;
    let first = posted(&client, &order(101)).await;
    assert!(matches!(first, Posted::Created(_)), "{first:?}");
    assert_eq!(posted(&client, &order(101)).await, first);
    assert_eq!((mock.ledger().len(), mock.ledger()[0].posts), (1, 2));
    assert_eq!(client.render(&order(101)), client.render(&order(101)));
}

#[tokio::test]
async fn a_key_is_looked_for() {
    let (mock, client, _) = mock().await;
    assert_eq!(sought(&client, &order(101)).await, Sought::None);
    posted(&client, &order(101)).await;
    let id = mock.ledger()[0].id.clone();
    assert_eq!(sought(&client, &order(101)).await, Sought::One(id.clone()));
    assert_eq!(sought(&client, &order(102)).await, Sought::None);
    mock.forget_keys();
    posted(&client, &order(101)).await;
    let other = mock.ledger()[1].id.clone();
    assert_eq!(
        sought(&client, &order(101)).await,
        Sought::Several(vec![id, other])
    );
    let nobody = TmForum::new(hurried("http://127.0.0.1:9")).expect("a client");
    assert_eq!(sought(&nobody, &order(101)).await, Sought::Unclear);
}

#[tokio::test]
async fn an_answer_is_worth_what_it_proves() {
    use dana::network::mock::{Api, Fault};
    let later = |retry_in| Posted::NotTaken { retry_in };
    let cases = [
        (Fault::Status(400), Posted::Refused),
        (Fault::Status(404), Posted::Refused),
        (Fault::Status(401), Posted::Refused),
        (Fault::Status(409), Posted::Unclear),
        (Fault::Status(500), Posted::Unclear),
        (Fault::Status(503), Posted::Unclear),
        (Fault::Status(429), later(None)),
        (Fault::Busy(7), later(Some(Duration::from_secs(7)))),
        (Fault::Garbage, Posted::Unclear),
        (Fault::Dead, Posted::Unclear),
        (Fault::CreatesThenTimesOut, Posted::Unclear),
        (Fault::CreatesThenFails(502), Posted::Unclear),
    ];
    for (fault, worth) in cases {
        let (mock, client, _) = mock().await;
        mock.break_for("+77770000101", Api::CreateTicket, fault, 1);
        assert_eq!(posted(&client, &order(101)).await, worth, "{fault:?}");
    }
    let nobody = TmForum::new(hurried("http://127.0.0.1:9")).expect("a client");
    assert_eq!(posted(&nobody, &order(101)).await, later(None));
}

#[tokio::test]
async fn an_open_ticket_of_another_channel_stands_in_the_way() {
    let (mock, client, _) = mock().await;
    assert_eq!(posted(&client, &order(105)).await, Posted::AlreadyOpen);
    posted(&client, &order(101)).await;
    let mut other_call = order(101);
    other_call.key = "ivr:gateway:c-other:1:technicianVisit".to_owned();
    assert_eq!(posted(&client, &other_call).await, Posted::AlreadyOpen);
    // The same key with another body is a fault of ours: nothing is claimed.
    let mut changed = order(101);
    changed.contact = number(102);
    assert_eq!(posted(&client, &changed).await, Posted::Unclear);
    assert_eq!(mock.ledger().len(), 1);
}

#[tokio::test]
async fn our_tickets_are_listed_page_by_page_and_nobody_elses() {
    let (mock, client, _) = mock().await;
    for index in [101, 102] {
        posted(&client, &order(index)).await;
    }
    let ours = client.our_tickets().await.expect("a list");
    let ids: Vec<(String, String)> = ours
        .into_iter()
        .map(|ticket| (ticket.key, ticket.id))
        .collect();
    let ledger: Vec<(String, String)> = mock
        .ledger()
        .into_iter()
        .map(|entry| (entry.key, entry.id))
        .collect();
    assert_eq!(ids, ledger);
}
