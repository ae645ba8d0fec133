//! Call records and bundles: what is kept, found, and forgotten.

use super::*;

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

pub(super) async fn of_several_records_of_a_call_the_last_word_stands(store: &impl Store) {
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
    let key = |at: u32| format!("many-{at}");
    let many = (0..60).map(key).flat_map(|key| {
        let said = [(0, true), (1, false), (0, false)];
        let mut rows = said.map(|(resumes, closed)| row(&key, resumes, closed));
        rows[1].began = 2_000;
        rows
    });
    let many: Vec<CallRow> = many.collect();
    store.put_calls(&many).await.expect("an answer");
    for at in 0..60 {
        let last = row(&key(at), 1, false);
        assert_eq!(store.call(&key(at)).await, Ok(Some(last)), "at once");
    }
}

pub(super) async fn calls_that_never_came_back_are_found(store: &impl Store) {
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

pub(super) async fn the_newest_publication_is_that_of_new_calls(store: &impl Store) {
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

pub(super) async fn what_is_old_is_forgotten_and_what_is_open_is_not(store: &impl Store) {
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

pub(super) async fn what_there_is_of_a_number_is_found_and_erased(store: &impl Store) {
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

pub(super) async fn a_bundle_goes_when_no_call_and_no_rollback_can_need_it(store: &impl Store) {
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

/// Everything is bound: a call's id may be any printable text.
pub(super) async fn x9_what_looks_like_sql_is_a_text(store: &impl Store) {
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
