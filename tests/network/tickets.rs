//! A ticket is created once, whatever the ticket system does.

use dana::lookup::{Attempt, TicketResult};

use super::*;

fn created(result: &TicketResult) -> bool {
    matches!(result, TicketResult::Created { .. })
}

#[tokio::test]
async fn the_same_order_is_the_same_ticket() {
    let (mock, client, _) = mock().await;
    let first = client.create_ticket(order(101), Attempt::First).await;
    assert!(created(&first));
    assert_eq!(
        client.create_ticket(order(101), Attempt::First).await,
        first
    );
    assert_eq!(
        client.create_ticket(order(101), Attempt::Again).await,
        first
    );
    assert_eq!(mock.ledger().len(), 1);
}

#[tokio::test]
async fn an_order_of_a_resumed_call_is_sent_if_it_is_not_there_yet() {
    let (mock, client, _) = mock().await;
    assert!(created(
        &client.create_ticket(order(101), Attempt::Resumed).await
    ));
    assert_eq!(mock.ledger()[0].posts, 1);
}

#[tokio::test]
async fn orders_at_the_same_moment_are_one_ticket() {
    let (mock, client, _) = mock().await;
    let one = || client.create_ticket(order(101), Attempt::First);
    let results = tokio::join!(one(), one(), one(), one());
    assert!(created(&results.0));
    assert_eq!(
        (&results.0, &results.0, &results.0),
        (&results.1, &results.2, &results.3)
    );
    assert_eq!(mock.ledger().len(), 1);
}

#[tokio::test]
async fn a_ticket_that_was_created_and_never_answered_is_found_by_its_key() {
    let (mock, client, root) = mock().await;
    let result = client.create_ticket(order(118), Attempt::First).await;
    assert_eq!(
        result,
        TicketResult::Created {
            id: mock.ledger()[0].id.clone()
        }
    );
    assert_eq!(mock.ledger()[0].posts, 1, "looked for, not sent again");

    // A ticket system that keeps its keys is asked again at once; this one never answers at all.
    let safe = TmForum::new(Settings {
        safe_repost: true,
        ..hurried(&root)
    })
    .expect("a client");
    let result = safe.create_ticket(order(118), Attempt::First).await;
    assert_eq!(result, TicketResult::Unconfirmed);
    assert_eq!(mock.ledger().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_known_is_said_to_be_unknown() {
    let (mock, client, _) = mock().await;
    assert_eq!(
        client.create_ticket(order(119), Attempt::First).await,
        TicketResult::Refused
    );
    assert_eq!(
        client.create_ticket(order(120), Attempt::First).await,
        TicketResult::Unconfirmed
    );
    // A resumed call does not send blindly what may have been sent.
    assert_eq!(
        client.create_ticket(order(108), Attempt::Again).await,
        TicketResult::Unconfirmed
    );
    assert_eq!(mock.ledger(), Vec::new());
    let nobody = TmForum::new(hurried("http://127.0.0.1:9")).expect("a client");
    assert_eq!(
        nobody.create_ticket(order(101), Attempt::First).await,
        TicketResult::Unavailable
    );
}

#[tokio::test]
async fn an_open_ticket_of_another_channel_stands_in_the_way() {
    let (mock, client, _) = mock().await;
    assert_eq!(
        client.create_ticket(order(105), Attempt::First).await,
        TicketResult::AlreadyOpen
    );
    let mut other_call = order(101);
    assert!(created(
        &client.create_ticket(order(101), Attempt::First).await
    ));
    other_call.key = "ivr:gateway:c-other:1:technicianVisit".to_owned();
    assert_eq!(
        client.create_ticket(other_call, Attempt::First).await,
        TicketResult::AlreadyOpen
    );
    // The same key with another body is a fault of ours: nothing is claimed.
    let mut changed = order(101);
    changed.contact = number(102);
    assert_eq!(
        client.create_ticket(changed, Attempt::First).await,
        TicketResult::Unconfirmed
    );
    assert_eq!(mock.ledger().len(), 1);
}
