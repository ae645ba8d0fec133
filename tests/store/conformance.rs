//! What every store does, told once, for the model, SQLite and PostgreSQL.

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

fn row(call_key: &str, resumes: i64, closed: bool) -> CallRow {
    let body = format!("{{\"resumes\":{resumes},\"closed\":{closed}}}");
    CallRow {
        call_key: call_key.to_owned(),
        began: 1_000,
        resumes,
        closed,
        from: Some(number(1)),
        body,
    }
}

async fn of_several_records_of_a_call_the_last_word_stands(store: &impl Store) {
    let words = [row("a", 0, false), row("a", 1, false), row("a", 1, true)];
    for said in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 2, 2]] {
        for at in said {
            store
                .put_calls(std::slice::from_ref(&words[at]))
                .await
                .expect("an answer");
        }
        assert_eq!(
            store.call("a").await,
            Ok(Some(words[2].clone())),
            "{said:?}"
        );
    }
    store
        .put_calls(&[row("b", 0, true), row("c", 0, true)])
        .await
        .expect("an answer");
    assert_eq!(store.call("c").await, Ok(Some(row("c", 0, true))));
    assert_eq!(store.call("d").await, Ok(None));
}

async fn calls_that_never_came_back_are_found(store: &impl Store) {
    let young = CallRow {
        began: 4_000_000_000_000,
        ..row("young", 0, false)
    };
    let calls = [row("lost", 0, false), row("ended", 0, true), young];
    store.put_calls(&calls).await.expect("an answer");
    assert_eq!(
        store.unclosed(MINUTE, 10).await,
        Ok(vec![row("lost", 0, false)])
    );
    assert_eq!(store.unclosed(MINUTE, 0).await, Ok(vec![]));
}

async fn the_newest_publication_is_that_of_new_calls(store: &impl Store) {
    assert_eq!(store.publications(1).await, Ok(vec![]));
    let mut seqs = Vec::new();
    for hash in ["aa", "bb", "aa"] {
        let files = hash.repeat(100_000).into_bytes();
        seqs.push(store.publish(hash, &files).await.expect("an answer").seq);
        assert_eq!(store.bundle(hash).await, Ok(Some(files)));
    }
    assert!(seqs.is_sorted());
    let newest = store.publications(2).await.expect("an answer");
    let hashes: Vec<&str> = newest
        .iter()
        .map(|publication| publication.hash.as_str())
        .collect();
    assert_eq!(hashes, ["aa", "bb"]);
    assert_eq!(store.bundle("cc").await, Ok(None));
}

async fn what_is_old_is_forgotten_and_what_is_open_is_not(store: &impl Store) {
    recorded(store, "open", 1, AT_ONCE).await;
    recorded(store, "done", 2, AT_ONCE).await;
    store
        .confirm(&order("done", 2).key, "TT-1")
        .await
        .expect("an answer");
    store
        .put_calls(&[row("old", 0, true)])
        .await
        .expect("an answer");
    assert_eq!(
        store.forget(Duration::from_hours(24)).await,
        Ok(1),
        "the call of 1970"
    );
    assert_eq!(
        store
            .intent(&order("done", 2).key)
            .await
            .map(|i| i.is_some()),
        Ok(true)
    );
    // A millisecond later everything that has ended is old.
    let mut forgotten = 0;
    while forgotten == 0 {
        forgotten = store.forget(AT_ONCE).await.expect("an answer");
    }
    assert_eq!(forgotten, 1);
    assert_eq!(store.intent(&order("done", 2).key).await, Ok(None));
    assert_eq!(the(store, "open").await.state, IntentState::Sending);
}

/// Everything is bound: a call's id may be any printable text.
async fn x9_what_looks_like_sql_is_a_text(store: &impl Store) {
    let keys = [
        "c';DROP/**/TABLE/**/ticket_intents;--",
        "c\"OR\"1\"=\"1",
        "%",
        "_",
        ",done,",
        "\\",
        "$1",
        "?1",
        "=1+1",
    ];
    for (index, key) in keys.into_iter().enumerate() {
        let index = u32::try_from(index).expect("few");
        assert_eq!(
            recorded(store, key, index, AT_ONCE).await,
            Recorded::New { epoch: 1 },
            "{key}"
        );
        let call = CallRow {
            body: format!("{{\"id\":\"{key}\"}}"),
            ..row(key, 0, true)
        };
        let put = store.put_calls(std::slice::from_ref(&call)).await;
        assert_eq!((put, store.call(key).await), (Ok(()), Ok(Some(call))));
    }
    for key in keys {
        assert_eq!(the(store, key).await.order.key, order(key, 0).key);
        let ticket = format!("TT-{key}");
        let confirmed = store.confirm(&order(key, 0).key, &ticket).await;
        assert_eq!(confirmed, Ok(Confirmed::Done), "{key}");
        assert_eq!(the(store, key).await.ticket, Some(ticket));
    }
    let all = store.intents(IntentState::ALL, "", 100).await;
    assert_eq!(all.map(|all| all.len()), Ok(keys.len()));
    assert_eq!(store.intent("ivr:%").await, Ok(None));
    assert_eq!(store.hold("'", "\"", MINUTE).await, Ok(true));
    assert_eq!(store.bundle("' OR ''='").await, Ok(None));
}

async fn what_there_is_of_a_number_is_found_and_erased(store: &impl Store) {
    for (key, index) in [("a", 1), ("b", 2), ("c", 1)] {
        recorded(store, key, index, MINUTE).await;
        if key == "a" {
            let key = order(key, index).key;
            let ended = store.settle(&key, 1, to(IntentState::Rejected)).await;
            assert_eq!(ended, Ok(true));
        }
        let call = CallRow {
            from: Some(number(index)),
            ..row(key, 0, true)
        };
        store.put_calls(&[call]).await.expect("an answer");
    }
    let unknown = CallRow {
        from: None,
        ..row("d", 0, true)
    };
    store.put_calls(&[unknown]).await.expect("an answer");
    let found = async |index: u32, after: &str, limit: u32| {
        let (calls, intents) = (
            store.calls_of(&number(index), after, limit).await,
            store
                .intents_of(&number(index), &order(after, 0).key, limit)
                .await,
        );
        let calls = calls.expect("an answer").into_iter();
        let intents = intents.expect("an answer").into_iter();
        (
            calls.map(|call| call.call_key).collect::<Vec<_>>(),
            intents.map(|intent| intent.order.key).collect::<Vec<_>>(),
        )
    };
    let all = |keys: &[&str]| {
        (
            keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>(),
            keys.iter().map(|key| order(key, 0).key).collect::<Vec<_>>(),
        )
    };
    assert_eq!(found(1, "", 9).await, all(&["a", "c"]));
    assert_eq!(found(1, "", 1).await, all(&["a"]));
    assert_eq!(found(1, "a", 9).await, all(&["c"]));
    let erased = Erased {
        calls: 2,
        intents: 1,
        unsettled: 1,
    };
    assert_eq!(store.erase(&number(1)).await, Ok(erased));
    assert_eq!(found(1, "", 9).await, (vec![], vec![order("c", 1).key]));
    assert_eq!(found(2, "", 9).await, all(&["b"]));
    assert!(store.call("d").await.expect("an answer").is_some());
    let again = Erased {
        unsettled: 1,
        ..Erased::default()
    };
    assert_eq!(store.erase(&number(1)).await, Ok(again));
    assert_eq!(store.erase(&number(9)).await, Ok(Erased::default()));
}

async fn a_bundle_goes_when_no_call_and_no_rollback_can_need_it(store: &impl Store) {
    let hashes = async || {
        let all = store.publications(99).await.expect("an answer").into_iter();
        all.map(|publication| publication.hash).collect::<Vec<_>>()
    };
    assert_eq!(store.forget_bundles(AT_ONCE).await, Ok(0));
    for hash in ["aa", "bb", "aa", "cc"] {
        store.publish(hash, b"files").await.expect("an answer");
    }
    assert_eq!(
        store.forget_bundles(MINUTE).await,
        Ok(0),
        "calls go on with it"
    );
    assert_eq!(store.forget_bundles(AT_ONCE).await, Ok(1));
    assert_eq!(store.bundle("bb").await, Ok(None));
    assert_eq!(
        hashes().await,
        ["cc", "aa"],
        "the newest, and that before it"
    );
    // The newest once more: a rollback goes back to another one all the same.
    store.publish("cc", b"").await.expect("an answer");
    assert_eq!(store.forget_bundles(AT_ONCE).await, Ok(0));
    assert_eq!(store.bundle("aa").await, Ok(Some(b"files".to_vec())));
    store.publish("dd", b"files").await.expect("an answer");
    assert_eq!(store.forget_bundles(AT_ONCE).await, Ok(1));
    assert_eq!(hashes().await, ["dd", "cc"]);
    // What is gone may come again.
    store.publish("aa", b"anew").await.expect("an answer");
    assert_eq!(store.bundle("aa").await, Ok(Some(b"anew".to_vec())));
}
