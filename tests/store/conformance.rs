//! What every store does, told once, for the model, SQLite and PostgreSQL.

mod kept;

use kept::{
    a_bundle_goes_when_no_call_and_no_rollback_can_need_it, calls_that_never_came_back_are_found,
    of_several_records_of_a_call_the_last_word_stands, the_newest_publication_is_that_of_new_calls,
    what_is_old_is_forgotten_and_what_is_open_is_not,
    what_there_is_of_a_number_is_found_and_erased, x9_what_looks_like_sql_is_a_text,
};

use dana::store::memory::Memory;
use dana::store::{CallRow, Confirmed, Erased, Intent, IntentState, Recorded, Settled, Store};

use super::*;

/// Each scenario once an engine.
macro_rules! every_engine {
    ($($scenario:ident)+) => {
        mod memory { $(
            #[tokio::test]
            async fn $scenario() {
                super::$scenario(&super::Memory::default()).await;
            }
        )+ }
        mod sqlite { $(
            #[tokio::test]
            async fn $scenario() {
                let (store, _folder) = super::sqlite().await;
                super::$scenario(&store).await;
            }
        )+ }
        mod postgres { $(
            #[tokio::test]
            async fn $scenario() {
                if let Some(store) = super::super::postgres::postgres().await {
                    super::$scenario(&store).await;
                }
            }
        )+ }
    };
}

every_engine! {
    an_order_is_recorded_once_and_leased_to_whoever_recorded_it
    a_login_has_one_open_intent_at_a_time
    of_two_who_want_an_intent_one_gets_it
    a_result_of_an_older_lease_is_not_taken
    a_ticket_that_exists_is_a_fact_whoever_holds_the_intent
    a_ticket_belongs_to_one_intent
    automatic_or_operator_one_of_them_owns_an_intent
    what_is_due_comes_in_bounded_pieces
    an_office_has_one_holder
    of_several_records_of_a_call_the_last_word_stands
    calls_that_never_came_back_are_found
    the_newest_publication_is_that_of_new_calls
    what_is_old_is_forgotten_and_what_is_open_is_not
    x9_what_looks_like_sql_is_a_text
    what_there_is_of_a_number_is_found_and_erased
    a_bundle_goes_when_no_call_and_no_rollback_can_need_it
}

async fn recorded(store: &impl Store, key: &str, index: u32, lease: Duration) -> Recorded {
    store
        .record(&order(key, index), lease)
        .await
        .expect("an answer")
}

async fn the(store: &impl Store, key: &str) -> Intent {
    let intent = store.intent(&order(key, 0).key).await.expect("an answer");
    intent.expect("it was recorded")
}

fn to(state: IntentState) -> Settled {
    Settled {
        state,
        next_in: AT_ONCE,
        note: "for a reason",
    }
}

async fn an_order_is_recorded_once_and_leased_to_whoever_recorded_it(store: &impl Store) {
    assert_eq!(store.intent("nothing").await, Ok(None));
    assert_eq!(
        recorded(store, "a", 1, MINUTE).await,
        Recorded::New { epoch: 1 }
    );
    let intent = the(store, "a").await;
    assert_eq!(intent.order, order("a", 1));
    assert_eq!(
        (intent.state, intent.posts, intent.epoch),
        (IntentState::Sending, 1, 1)
    );
    assert_eq!((intent.ticket, intent.note.as_str()), (None, ""));
    assert_eq!(
        intent.order.payload.intact(),
        Some(&br#"{"externalId":"a"}"#[..])
    );
    assert!(intent.created_at <= intent.read_at && intent.sent_at == intent.created_at);
    assert_eq!(intent.leased_until, intent.created_at + 60_000);

    let again = recorded(store, "a", 1, MINUTE).await;
    assert!(matches!(again, Recorded::Known(known) if known.order == order("a", 1)));
    assert_eq!(
        store.lease(&order("a", 1).key, MINUTE).await,
        Ok(None),
        "it is held"
    );
    assert_eq!(store.due(10).await, Ok(vec![]), "it is held");
}

async fn a_login_has_one_open_intent_at_a_time(store: &impl Store) {
    assert_eq!(store.has_unsettled(&login(1)).await, Ok(false));
    recorded(store, "a", 1, MINUTE).await;
    assert_eq!(store.has_unsettled(&login(1)).await, Ok(true));
    let busy = recorded(store, "b", 1, MINUTE).await;
    assert!(matches!(busy, Recorded::Busy(other) if other.order.key == order("a", 1).key));
    assert_eq!(
        recorded(store, "c", 2, MINUTE).await,
        Recorded::New { epoch: 1 }
    );
    for (state, unsettled) in [(IntentState::Unknown, true), (IntentState::Rejected, false)] {
        let settled = store.settle(&order("a", 1).key, 1, to(state)).await;
        assert_eq!(
            (settled, store.has_unsettled(&login(1)).await),
            (Ok(true), Ok(unsettled))
        );
    }
    assert_eq!(
        recorded(store, "b", 1, MINUTE).await,
        Recorded::New { epoch: 1 }
    );
}

async fn of_two_who_want_an_intent_one_gets_it(store: &impl Store) {
    recorded(store, "a", 1, AT_ONCE).await;
    let key = order("a", 1).key;
    let wanted = || store.lease(&key, MINUTE);
    let (one, two, three) = tokio::join!(wanted(), wanted(), wanted());
    let got: Vec<Intent> = [one, two, three]
        .into_iter()
        .filter_map(Result::unwrap)
        .collect();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].epoch, 2);
    assert_eq!(store.lease("nothing", MINUTE).await, Ok(None));
}

async fn a_result_of_an_older_lease_is_not_taken(store: &impl Store) {
    recorded(store, "a", 1, AT_ONCE).await;
    let key = order("a", 1).key;
    let held = store
        .lease(&key, AT_ONCE)
        .await
        .expect("an answer")
        .expect("it is free");
    let newer = store
        .lease(&key, MINUTE)
        .await
        .expect("an answer")
        .expect("it ran out");
    assert_eq!((held.epoch, newer.epoch), (2, 3));
    for state in [
        IntentState::Sending,
        IntentState::Unknown,
        IntentState::Rejected,
    ] {
        assert_eq!(store.settle(&key, held.epoch, to(state)).await, Ok(false));
    }
    assert_eq!(
        store
            .settle(&key, newer.epoch, to(IntentState::Sending))
            .await,
        Ok(true)
    );
    let sent = the(store, "a").await;
    assert_eq!(
        (sent.posts, sent.leased_until),
        (2, newer.leased_until),
        "sending keeps the lease"
    );
    assert!(sent.sent_at >= newer.sent_at);
    assert_eq!(
        store
            .settle(&key, newer.epoch, to(IntentState::Unknown))
            .await,
        Ok(true)
    );
    let unknown = the(store, "a").await;
    assert_eq!((unknown.looks, unknown.leased_until), (1, 0));
    assert_eq!(unknown.note, "for a reason");
}

async fn a_ticket_that_exists_is_a_fact_whoever_holds_the_intent(store: &impl Store) {
    recorded(store, "a", 1, MINUTE).await;
    let key = order("a", 1).key;
    store
        .pass(&key, IntentState::OPEN, IntentState::HandedOver)
        .await
        .expect("an answer");
    for _ in 0..2 {
        assert_eq!(store.confirm(&key, "TT-1").await, Ok(Confirmed::Done));
    }
    let done = the(store, "a").await;
    assert_eq!(
        (done.state, done.ticket.as_deref()),
        (IntentState::Done, Some("TT-1"))
    );
    assert_eq!(
        store
            .settle(&key, done.epoch, to(IntentState::Unknown))
            .await,
        Ok(false)
    );
    assert_eq!(store.lease(&key, MINUTE).await, Ok(None));

    assert_eq!(store.confirm(&key, "TT-2").await, Ok(Confirmed::Second));
    let twice = the(store, "a").await;
    assert_eq!(
        (twice.state, twice.ticket.as_deref()),
        (IntentState::Duplicate, Some("TT-1"))
    );
    assert_eq!(
        store.confirm("nothing", "TT-3").await,
        Ok(Confirmed::Nobody)
    );
}

async fn a_ticket_belongs_to_one_intent(store: &impl Store) {
    recorded(store, "a", 1, MINUTE).await;
    recorded(store, "b", 2, MINUTE).await;
    assert_eq!(
        store.confirm(&order("a", 1).key, "TT-1").await,
        Ok(Confirmed::Done)
    );
    assert_eq!(
        store.confirm(&order("b", 2).key, "TT-1").await,
        Ok(Confirmed::Foreign)
    );
    assert_eq!(the(store, "b").await.state, IntentState::Sending);
}

async fn automatic_or_operator_one_of_them_owns_an_intent(store: &impl Store) {
    use IntentState as S;
    recorded(store, "a", 1, MINUTE).await;
    let key = order("a", 1).key;
    let over = || store.pass(&key, S::OPEN, S::HandedOver);
    for _ in 0..2 {
        let handed = over().await.expect("an answer").expect("it is there");
        assert_eq!(
            (handed.state, handed.epoch, handed.leased_until),
            (S::HandedOver, 2, 0)
        );
    }
    assert_eq!(
        store.settle(&key, 2, to(S::Sending)).await,
        Ok(false),
        "nothing is sent for it"
    );
    assert_eq!(
        recorded(store, "b", 1, MINUTE).await,
        Recorded::New { epoch: 1 }
    );
    store
        .settle(&order("b", 1).key, 1, to(S::Rejected))
        .await
        .expect("an answer");

    let back = store
        .pass(&key, &[S::HandedOver], S::Unknown)
        .await
        .expect("an answer");
    assert_eq!(back.map(|intent| intent.state), Some(S::Unknown));
    // A later intent for the login is open: the older one never becomes a second ticket.
    over().await.expect("an answer");
    recorded(store, "c", 1, MINUTE).await;
    let back = store
        .pass(&key, &[S::HandedOver], S::Unknown)
        .await
        .expect("an answer");
    assert_eq!(back.map(|intent| intent.state), Some(S::AlreadyOpen));
    assert_eq!(store.pass("nothing", S::OPEN, S::Parked).await, Ok(None));
}

async fn what_is_due_comes_in_bounded_pieces(store: &impl Store) {
    for (index, key) in ["c", "a", "b", "later", "held"].into_iter().enumerate() {
        let index = u32::try_from(index).expect("few");
        let lease = if key == "held" { MINUTE } else { AT_ONCE };
        recorded(store, key, index, lease).await;
    }
    for key in ["b", "a", "later"] {
        let next_in = if key == "later" { MINUTE } else { AT_ONCE };
        let settled = Settled {
            next_in,
            ..to(IntentState::Unknown)
        };
        store
            .settle(&order(key, 0).key, 1, settled)
            .await
            .expect("an answer");
    }
    let mut due = store.due(10).await.expect("an answer");
    due.sort();
    assert_eq!(due, ["a", "b", "c"].map(|key| order(key, 0).key));
    assert_eq!(store.due(2).await.map(|due| due.len()), Ok(2));

    let keys = |intents: Vec<Intent>| -> Vec<String> {
        intents.into_iter().map(|intent| intent.order.key).collect()
    };
    let unknown = [IntentState::Unknown];
    let page = store.intents(&unknown, "", 2).await.expect("an answer");
    assert_eq!(keys(page), ["a", "b"].map(|key| order(key, 0).key));
    let page = store
        .intents(&unknown, &order("b", 0).key, 2)
        .await
        .expect("an answer");
    assert_eq!(keys(page), [order("later", 0).key]);
}

async fn an_office_has_one_holder(store: &impl Store) {
    assert_eq!(store.hold("reconciler", "one", MINUTE).await, Ok(true));
    assert_eq!(store.hold("reconciler", "two", MINUTE).await, Ok(false));
    assert_eq!(store.hold("sweeper", "two", MINUTE).await, Ok(true));
    assert_eq!(store.hold("reconciler", "one", AT_ONCE).await, Ok(true));
    assert_eq!(
        store.hold("reconciler", "two", MINUTE).await,
        Ok(true),
        "it ran out"
    );
    assert_eq!(store.hold("reconciler", "one", MINUTE).await, Ok(false));
}
