//! Rows S: the store is away, slow, full or loses answers, while tickets are ordered.

use std::sync::Mutex;

use dana::store::{
    CallRow, Confirmed, Erased, Intent, Order, Publication, Recorded, Settled, StoreError,
};

use super::*;

/// What a store does wrong with the next operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// Nothing.
    Nothing,
    /// It does nothing and says so: full, read-only, no connection.
    Away,
    /// It does what it is asked, and the answer is lost.
    LosesAnswers,
    /// It hangs.
    Hangs,
}

/// A store that can be broken.
struct Broken {
    inner: Memory,
    wrong: Mutex<Wrong>,
}

impl Broken {
    fn new(wrong: Wrong) -> Arc<Self> {
        Arc::new(Self {
            inner: Memory::default(),
            wrong: Mutex::new(wrong),
        })
    }

    fn becomes(&self, wrong: Wrong) {
        *self.wrong.lock().expect("no test panics with it") = wrong;
    }

    async fn answer<T>(
        &self,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let wrong = *self.wrong.lock().expect("no test panics with it");
        let away = Err(StoreError::Away("the test says so".to_owned()));
        match wrong {
            Wrong::Nothing => operation.await,
            Wrong::Away => away,
            Wrong::LosesAnswers => operation.await.and(away),
            Wrong::Hangs => std::future::pending().await,
        }
    }
}

/// A handle of it, as a desk owns one.
#[derive(Clone)]
struct Handed(Arc<Broken>);

macro_rules! operations {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)+) => {
        impl Store for Handed {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$answer, StoreError> {
                self.0.answer(self.0.inner.$name($($arg),*)).await
            })+
        }
    };
}

operations! {
    record(order: &Order, lease: Duration) -> Recorded;
    intent(key: &str) -> Option<Intent>;
    intents(states: &[IntentState], after: &str, limit: u32) -> Vec<Intent>;
    has_unsettled(login: &Login) -> bool;
    due(limit: u32) -> Vec<String>;
    lease(key: &str, lease: Duration) -> Option<Intent>;
    settle(key: &str, epoch: i64, settled: Settled) -> bool;
    confirm(key: &str, ticket: &str) -> Confirmed;
    pass(key: &str, from: &[IntentState], to: IntentState) -> Option<Intent>;
    hold(office: &str, holder: &str, lease: Duration) -> bool;
    put_calls(calls: &[CallRow]) -> ();
    call(call_key: &str) -> Option<CallRow>;
    unclosed(older_than: Duration, limit: u32) -> Vec<CallRow>;
    publish(hash: &str, files: &[u8]) -> Publication;
    publications(limit: u32) -> Vec<Publication>;
    bundle(hash: &str) -> Option<Vec<u8>>;
    calls_of(number: &PhoneNumber, after: &str, limit: u32) -> Vec<CallRow>;
    intents_of(number: &PhoneNumber, after: &str, limit: u32) -> Vec<Intent>;
    erase(number: &PhoneNumber) -> Erased;
    forget_bundles(replaced_for: Duration) -> u64;
    forget(older_than: Duration) -> u64;
}

type BrokenDesk = Desk<Handed, TmForum>;

async fn broken(wrong: Wrong) -> (BrokenDesk, Arc<Broken>, Arc<Mock>) {
    let (mock, root) = mock().await;
    let store = Broken::new(wrong);
    let handed = Handed(Arc::clone(&store));
    let desk = Desk::new(handed, client(&root), settings(), Handle::current());
    (desk, store, mock)
}

/// Where the order of the first fixture stands.
async fn stands(store: &Broken) -> Option<IntentState> {
    let intent = store.inner.intent(&order(101).key).await;
    intent.expect("an answer").map(|intent| intent.state)
}

/// The desk's own work, for as long as it takes the store to stand like that.
async fn works_until(desk: &BrokenDesk, store: &Broken, wanted: Option<IntentState>) {
    let until = async {
        loop {
            if stands(store).await == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    desk.work("test".to_owned(), until).await;
}

#[tokio::test]
async fn s3_s4_s8_an_order_that_cannot_be_recorded_is_not_sent_and_not_promised() {
    let (desk, store, mock) = broken(Wrong::Away).await;
    assert_eq!(create(&desk, 101).await, TicketResult::Unavailable);
    assert_eq!(mock.ledger(), []);
    store.becomes(Wrong::Nothing);
    assert!(matches!(
        create(&desk, 101).await,
        TicketResult::Created { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn s7_a_store_that_hangs_is_waited_for_three_seconds_and_then_the_truth_is_told() {
    let store = Broken::new(Wrong::Hangs);
    let handed = Handed(Arc::clone(&store));
    let desk = Desk::new(
        handed,
        client("http://127.0.0.1:9"),
        settings(),
        Handle::current(),
    );
    let began = tokio::time::Instant::now();
    assert_eq!(create(&desk, 101).await, TicketResult::Unavailable);
    assert_eq!(began.elapsed(), Duration::from_secs(3));
}

#[tokio::test]
async fn s13_an_order_whose_commit_was_not_heard_of_is_never_sent_by_itself() {
    let (desk, store, mock) = broken(Wrong::LosesAnswers).await;
    // The caller is told that no ticket could be created, and may get one from an operator.
    assert_eq!(create(&desk, 101).await, TicketResult::Unavailable);
    assert_eq!(mock.ledger(), []);
    store.becomes(Wrong::Nothing);
    works_until(&desk, &store, Some(IntentState::HandedOver)).await;
    store.inner.pass_time(HOUR);
    desk.reconcile().await.expect("an answer");
    assert_eq!(mock.ledger(), []);
}

/// As when a standby is frozen for a while: the commit waits for it longer than the caller does.
#[tokio::test(start_paused = true)]
async fn s10_an_order_that_is_committed_after_all_is_the_operators_and_never_sent() {
    let store = Broken::new(Wrong::Away);
    let handed = Handed(Arc::clone(&store));
    let nowhere = client("http://127.0.0.1:9");
    let desk = Desk::new(handed, nowhere, settings(), Handle::current());
    assert_eq!(create(&desk, 101).await, TicketResult::Unavailable);
    store.becomes(Wrong::Nothing);
    let waits = tokio::time::sleep(Duration::from_secs(10));
    desk.work("test".to_owned(), waits).await;
    let late = Order {
        key: order(101).key,
        login: order(101).login,
        contact: None,
        payload: dana::store::Payload::new(b"{}".to_vec()),
    };
    let recorded = store.inner.record(&late, Duration::ZERO).await;
    assert_eq!(recorded, Ok(Recorded::New { epoch: 1 }));
    let waits = tokio::time::sleep(Duration::from_secs(3));
    desk.work("test".to_owned(), waits).await;
    assert_eq!(stands(&store).await, Some(IntentState::HandedOver));
}

#[tokio::test]
async fn s13_a_ticket_that_exists_is_told_even_if_the_store_went_away_and_is_written_later() {
    let (desk, store, mock) = broken(Wrong::Nothing).await;
    mock.break_for(&number(101), Api::CreateTicket, Fault::Slow(100), 1);
    let other = desk.clone();
    let ordered = tokio::spawn(async move { create(&other, 101).await });
    while mock.ledger().is_empty() {
        tokio::task::yield_now().await;
    }
    store.becomes(Wrong::Away);
    assert_eq!(ordered.await.expect("it ends"), created(&mock, &order(101)));
    store.becomes(Wrong::Nothing);
    works_until(&desk, &store, Some(IntentState::Done)).await;
    assert_eq!((mock.ledger().len(), mock.ledger()[0].posts), (1, 1));
}

#[tokio::test]
async fn s8_ownership_passes_as_soon_as_the_store_is_back_and_the_last_word_counts() {
    for (taken_back, stands) in [
        (false, IntentState::HandedOver),
        (true, IntentState::Unknown),
    ] {
        let (desk, store, mock) = broken(Wrong::Nothing).await;
        mock.break_for(&number(101), Api::CreateTicket, Fault::Status(500), 1);
        assert_eq!(create(&desk, 101).await, TicketResult::Unconfirmed);
        store.becomes(Wrong::Away);
        desk.hand_over(order(101).key).await;
        if taken_back {
            desk.take_back(order(101).key);
        }
        store.becomes(Wrong::Nothing);
        works_until(&desk, &store, Some(stands)).await;
        assert_eq!(mock.ledger(), []);
    }
}

#[tokio::test]
async fn s18_a_store_restored_from_a_backup_finds_the_ticket_and_sends_nothing() {
    let (mock, root) = mock().await;
    let before = desk_at(&root, settings());
    assert!(matches!(
        create(&before, 101).await,
        TicketResult::Created { .. }
    ));
    // The backup knew the order as being sent.
    let restored = desk_at(&root, settings());
    let payload = dana::lookup::Oss::render(&client(&root), &order(101));
    let known = Order {
        key: order(101).key,
        login: order(101).login,
        contact: Some(order(101).contact),
        payload: dana::store::Payload::new(payload),
    };
    restored
        .store()
        .record(&known, Duration::ZERO)
        .await
        .expect("an answer");
    in_the_end(&restored).await;
    assert_eq!(state(&restored, &order(101)).await, IntentState::Done);
    // And of the other calls' orders it knows nothing: a resumed call looks before it sends.
    let resumed = desk_at(&root, settings());
    let result = resumed.create_ticket(order(101), Attempt::Again).await;
    assert_eq!(result, created(&mock, &order(101)));
    assert_eq!((mock.ledger().len(), mock.ledger()[0].posts), (1, 1));
}
