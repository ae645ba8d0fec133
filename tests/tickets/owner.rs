//! Who may create the ticket: the reconciler or an operator, never both; and the caller who calls
//! again.

use dana::lookup::{Finding, Lookup, TicketsFinding};
use dana::store::CallRow;

use super::*;

/// An order whose request was lost.
async fn unconfirmed() -> (Desk<Memory, TmForum>, Arc<Mock>) {
    let (desk, mock) = desk().await;
    mock.break_for(&number(101), Api::CreateTicket, Fault::Status(500), 1);
    assert_eq!(create(&desk, 101).await, TicketResult::Unconfirmed);
    (desk, mock)
}

/// No operator took the caller.
async fn taken_back(desk: &Desk<Memory, TmForum>) {
    desk.take_back(order(101).key);
    while state(desk, &order(101)).await != IntentState::Unknown {
        tokio::task::yield_now().await;
    }
}

async fn looked_up(desk: &impl Network, index: u32) -> TicketsFinding {
    let login = order(index).login;
    let Finding::Tickets(found) = desk.look_up(Lookup::Tickets { login }).await else {
        panic!("another kind");
    };
    found
}

/// By hand, as an operator does: a request of another channel.
async fn made_by_hand(mock: &Arc<Mock>, index: u32) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(Arc::clone(mock).serve(listener, std::future::pending()));
    let by_hand = desk_at(&root, settings());
    let order = TicketOrder {
        key: "crm-4711".to_owned(),
        ..order(index)
    };
    let made = by_hand.create_ticket(order, Attempt::First).await;
    assert!(matches!(made, TicketResult::Created { .. }));
}

#[tokio::test]
async fn what_an_operator_owns_is_never_sent() {
    let (desk, mock) = unconfirmed().await;
    desk.hand_over(order(101).key).await;
    assert_eq!(state(&desk, &order(101)).await, IntentState::HandedOver);
    for _ in 0..10 {
        desk.store().pass_time(HOUR);
        for done in desk.reconcile().await.expect("an answer") {
            assert_eq!((done.sent, done.state), (false, IntentState::HandedOver));
        }
    }
    assert_eq!(mock.ledger(), []);
    made_by_hand(&mock, 101).await;
    desk.store().pass_time(HOUR);
    desk.reconcile().await.expect("an answer");
    assert_eq!(state(&desk, &order(101)).await, IntentState::AlreadyOpen);
    assert_eq!(mock.ledger().len(), 1);
}

#[tokio::test]
async fn what_no_operator_took_is_sent_after_all() {
    let (desk, mock) = unconfirmed().await;
    desk.hand_over(order(101).key).await;
    taken_back(&desk).await;
    in_the_end(&desk).await;
    assert_eq!(tickets(&mock, &order(101)), 1);
}

#[tokio::test]
async fn an_operator_who_created_one_without_a_word_is_noticed_before_anything_is_sent() {
    let (desk, mock) = unconfirmed().await;
    made_by_hand(&mock, 101).await;
    in_the_end(&desk).await;
    assert_eq!(state(&desk, &order(101)).await, IntentState::AlreadyOpen);
    assert_eq!((mock.ledger().len(), tickets(&mock, &order(101))), (1, 0));
}

#[tokio::test]
async fn an_answer_that_comes_after_the_hand_over_is_a_fact_all_the_same() {
    let (desk, mock) = desk().await;
    mock.break_for(&number(101), Api::CreateTicket, Fault::Slow(250), 1);
    let other = desk.clone();
    let ordered = tokio::spawn(async move { create(&other, 101).await });
    while mock.ledger().is_empty() {
        tokio::task::yield_now().await;
    }
    desk.hand_over(order(101).key).await;
    assert_eq!(state(&desk, &order(101)).await, IntentState::HandedOver);
    assert_eq!(ordered.await.expect("it ends"), created(&mock, &order(101)));
    assert_eq!(state(&desk, &order(101)).await, IntentState::Done);
    // Too late to be taken back.
    desk.take_back(order(101).key);
    in_the_end(&desk).await;
    assert_eq!(state(&desk, &order(101)).await, IntentState::Done);
    assert_eq!(mock.ledger().len(), 1);
}

#[tokio::test]
async fn a_caller_who_calls_again_gets_no_second_ticket() {
    let (desk, mock) = unconfirmed().await;
    // Nothing is claimed, nothing is offered: as good as an open ticket.
    assert_eq!(looked_up(&desk, 101).await, TicketsFinding::Unavailable);
    assert_eq!(looked_up(&desk, 102).await, TicketsFinding::None);
    let again = desk
        .create_ticket(order_of("again", 101), Attempt::First)
        .await;
    assert_eq!(again, TicketResult::Unavailable);
    assert_eq!(
        desk.store().intent(&order_of("again", 101).key).await,
        Ok(None)
    );
    desk.hand_over(order(101).key).await;
    assert_eq!(looked_up(&desk, 101).await, TicketsFinding::Unavailable);
    taken_back(&desk).await;
    in_the_end(&desk).await;
    assert!(matches!(
        looked_up(&desk, 101).await,
        TicketsFinding::Open(_)
    ));
    assert_eq!(mock.ledger().len(), 1);
}

#[tokio::test]
async fn two_calls_of_one_line_at_the_same_moment_are_one_ticket() {
    let (desk, mock) = desk().await;
    let call = |name: &'static str| desk.create_ticket(order_of(name, 101), Attempt::First);
    let (one, two) = tokio::join!(call("one"), call("two"));
    let mut results = [one, two];
    results.sort_by_key(|result| *result == TicketResult::AlreadyOpen);
    assert!(
        matches!(results[0], TicketResult::Created { .. }),
        "{results:?}"
    );
    assert_eq!(results[1], TicketResult::AlreadyOpen);
    assert_eq!(mock.ledger().len(), 1);
}

/// One line, however many calls: one order is under way, one ticket is open.
#[tokio::test]
async fn x12_a_thousand_calls_of_one_line_are_one_ticket() {
    let (desk, mock) = desk().await;
    let mut calls = tokio::task::JoinSet::new();
    for at in 0..1_000 {
        let desk = desk.clone();
        calls.spawn(async move {
            let order = order_of(&format!("c-{at}"), 101);
            desk.create_ticket(order, Attempt::First).await
        });
    }
    let results = calls.join_all().await;
    let made = |result: &&TicketResult| matches!(result, TicketResult::Created { .. });
    assert_eq!(results.iter().filter(made).count(), 1);
    let others = |result: &TicketResult| *result == TicketResult::AlreadyOpen;
    assert_eq!(results.iter().filter(|result| others(result)).count(), 999);
    assert_eq!((mock.ledger().len(), mock.ledger()[0].posts), (1, 1));
    // The next caller is told of it before anything is offered.
    let open = looked_up(&desk, 101).await;
    assert!(matches!(open, TicketsFinding::Open(_)), "{open:?}");
}

#[tokio::test]
async fn orders_of_one_call_at_the_same_moment_are_one_ticket() {
    let (desk, mock) = desk().await;
    let one = || create(&desk, 101);
    let results = tokio::join!(one(), one(), one(), one());
    let ticket = created(&mock, &order(101));
    assert_eq!(
        results,
        (ticket.clone(), ticket.clone(), ticket.clone(), ticket)
    );
    assert_eq!((mock.ledger().len(), mock.ledger()[0].posts), (1, 1));
}

/// A gateway that resumes a call with a token of before its order, and whose caller then chooses another line.
#[tokio::test]
async fn an_order_for_one_line_is_none_for_another_line_of_the_same_call() {
    let (desk, mock) = desk().await;
    assert!(matches!(
        create(&desk, 101).await,
        TicketResult::Created { .. }
    ));
    let other = TicketOrder {
        key: order(101).key,
        ..order(102)
    };
    let told = desk.create_ticket(other, Attempt::Resumed).await;
    assert_eq!(told, TicketResult::Unavailable);
    assert_eq!(mock.ledger().len(), 1);
}

/// Whatever replica served it: its record is in the store.
#[tokio::test]
async fn a_call_is_over_when_its_record_says_so() {
    let (desk, _mock) = desk().await;
    let row = |key: &str, closed| CallRow {
        call_key: key.to_owned(),
        began: 0,
        resumes: 0,
        closed,
        from: None,
        body: String::new(),
    };
    let rows = [row("ended", true), row("goes on", false)];
    desk.store().put_calls(&rows).await.expect("an answer");
    for (key, over) in [("ended", true), ("goes on", false), ("unknown", false)] {
        assert_eq!(desk.is_over(key.into()).await, over, "{key}");
    }
}

/// The turn with the transfer was never received: the call goes on from before it, and asks again.
#[tokio::test]
async fn an_order_that_its_call_asks_for_again_is_no_operators() {
    let (desk, mock) = unconfirmed().await;
    desk.hand_over(order(101).key).await;
    mock.break_for(&number(101), Api::Tickets, Fault::Status(500), 1);
    let again = desk.create_ticket(order(101), Attempt::Resumed).await;
    assert_eq!(again, TicketResult::Unconfirmed);
    assert_eq!(state(&desk, &order(101)).await, IntentState::Unknown);
}

/// It is the operator's from then on: he is told of the line that was chosen instead.
#[tokio::test]
async fn an_open_order_for_one_line_is_the_operators_when_its_call_chooses_another() {
    let (desk, mock) = unconfirmed().await;
    let other = TicketOrder {
        key: order(101).key,
        ..order(102)
    };
    let told = desk.create_ticket(other, Attempt::Resumed).await;
    assert_eq!(told, TicketResult::Unavailable);
    assert_eq!(state(&desk, &order(101)).await, IntentState::HandedOver);
    assert_eq!(mock.ledger(), []);
}

/// Both callers of a line had heard that there is no ticket; and this ticket system would make a second one.
#[tokio::test]
async fn two_calls_of_one_line_come_to_one_ticket() {
    let (desk, mock) = desk().await;
    mock.forget_keys();
    assert!(matches!(
        create(&desk, 101).await,
        TicketResult::Created { .. }
    ));
    let second = desk.create_ticket(order_of("b", 101), Attempt::First).await;
    assert_eq!(second, TicketResult::AlreadyOpen);
    assert_eq!(mock.ledger().len(), 1);
}

#[tokio::test]
async fn a_line_whose_order_an_operator_has_gets_no_other_one() {
    let (desk, mock) = unconfirmed().await;
    desk.hand_over(order(101).key).await;
    let second = desk.create_ticket(order_of("b", 101), Attempt::First).await;
    assert_eq!(second, TicketResult::Unavailable);
    assert_eq!(
        state(&desk, &order_of("b", 101)).await,
        IntentState::Rejected
    );
    assert_eq!(mock.ledger(), []);
}
