//! Row S2: the process is killed (SIGKILL) before and after every operation of its store, on a call's
//! way and on the reconciler's, and the next process goes on. The oracle is the ticket system's ledger:
//! no order that was recorded is lost, none has two tickets.
//!
//! A dozen points by default; `CRASHES=1800 cargo test --test dana s2_` for the long form: three in ten are killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use dana::store::sql::Sql;
use dana::store::{
    CallRow, Confirmed, Erased, Intent, Order, Publication, Recorded, Settled, StoreError, StoreUrl,
};
use sqlx::{Connection, SqliteConnection};

use super::*;

/// Variables by which a child is told what to do.
const ROOT: &str = "CRASH_ROOT";
const FILE: &str = "CRASH_FILE";
const POINT: &str = "CRASH_POINT";
/// Operations of one child, at most.
const OPERATIONS: u32 = 16;

/// A store whose process stands still at one point, for ever.
#[derive(Clone)]
struct Halting {
    inner: Sql,
    done: Arc<AtomicU32>,
    /// Twice the operation, and one more if after it.
    point: u32,
}

impl Halting {
    async fn step<T>(&self, operation: impl Future<Output = T>) -> T {
        let count = self.done.fetch_add(2, Ordering::Relaxed);
        self.halt_at(count).await;
        let answer = operation.await;
        self.halt_at(count + 1).await;
        answer
    }

    async fn halt_at(&self, point: u32) {
        if point == self.point {
            say("halted");
            std::future::pending::<()>().await;
        }
    }
}

/// Not `println!`: the harness may keep that to itself.
fn say(word: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "\nchild {word}");
}

macro_rules! operations {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)+) => {
        impl Store for Halting {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$answer, StoreError> {
                self.step(self.inner.$name($($arg),*)).await
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

fn hurried() -> Settings {
    Settings {
        within: Duration::from_millis(500),
        quiet: Duration::ZERO,
        ..settings()
    }
}

/// The life of a child: one order, then the reconciler's work. A test only for whoever starts it so.
#[tokio::test]
#[ignore = "the child of the crash loop"]
async fn child() {
    let told = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
    let (Some(root), Some(file), Some(point)) = (told(ROOT), told(FILE), told(POINT)) else {
        return;
    };
    let inner = Sql::open(&StoreUrl::sqlite(Path::new(&file)), &keys())
        .await
        .expect("a store");
    let store = Halting {
        inner,
        done: Arc::default(),
        point: point.parse().expect("a number"),
    };
    let desk = Desk::new(store, client(&root), hurried(), Handle::current());
    let result = desk.create_ticket(order(101), Attempt::First).await;
    if result == TicketResult::Unconfirmed {
        desk.hand_over(order(101).key).await;
        desk.take_back(order(101).key);
        for _ in 0..3 {
            desk.reconcile().await.expect("an answer");
        }
    }
    say("done");
}

/// One child, killed at that point; whether it came there.
fn killed_at(point: u32, root: &str, file: &Path) -> bool {
    let mut child = Command::new(std::env::current_exe().expect("ourselves"))
        .args([
            "--exact",
            "tickets::crash::child",
            "--ignored",
            "--nocapture",
        ])
        .env(ROOT, root)
        .env(FILE, file)
        .env(POINT, point.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child");
    let said = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut words = said.lines().map_while(Result::ok);
    let word = words.find(|line| line.starts_with("child "));
    child.kill().expect("it is killed");
    child.wait().expect("it is dead");
    let word = word.expect("it says how far it came");
    word == "child halted"
}

/// All leases and pauses are over.
async fn time_passes(file: &Path) {
    let url = format!("sqlite:{}", file.display());
    let mut connection = SqliteConnection::connect(&url).await.expect("a store");
    let passed = "UPDATE ticket_intents SET leased_until = 0, next_at = 0, sent_at = 0";
    sqlx::raw_sql(passed)
        .execute(&mut connection)
        .await
        .expect("an answer");
    connection.close().await.expect("it closes");
}

/// What the next process makes of what it finds; tickets, and where the order stands.
async fn goes_on(root: &str, file: &Path) -> Option<IntentState> {
    let store = Sql::open(&StoreUrl::sqlite(file), &keys())
        .await
        .expect("it opens without repair");
    let desk = Desk::new(store.clone(), client(root), hurried(), Handle::current());
    let key = order(101).key;
    let mut state = store.intent(&key).await.expect("an answer")?.state;
    // Handed over by a process that died before it could take it back: that is the operator's.
    if state == IntentState::HandedOver {
        store
            .pass(&key, &[IntentState::HandedOver], IntentState::Unknown)
            .await
            .expect("an answer");
    }
    for _ in 0..20 {
        time_passes(file).await;
        desk.reconcile().await.expect("an answer");
        state = store.intent(&key).await.expect("an answer")?.state;
        if !IntentState::UNSETTLED.contains(&state) {
            break;
        }
    }
    store.close().await;
    Some(state)
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_killed_at_any_point_no_order_is_lost_and_none_has_two_tickets() {
    let asked = std::env::var_os("CRASHES").and_then(|count| count.into_string().ok());
    let runs: u32 = asked
        .as_ref()
        .map_or(12, |count| count.parse().expect("a number"));
    let faults = [
        None,
        Some(Fault::CreatesThenTimesOut),
        Some(Fault::Status(500)),
        Some(Fault::CreatesThenFails(502)),
    ];
    let points = OPERATIONS * 2;
    let (mut kills, mut recorded) = (0, 0);
    for run in 0..runs {
        // A step without a common divisor comes to every point of every fault.
        let at = run * 7;
        let point = at % points;
        let fault = faults[usize::try_from(run % 4).expect("few")];
        let (mock, root) = mock().await;
        if let Some(fault) = fault {
            mock.break_for(&number(101), Api::CreateTicket, fault, 1);
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("dana.db");
        let (there, here) = (root.clone(), file.clone());
        let killed = tokio::task::spawn_blocking(move || killed_at(point, &there, &here));
        kills += u32::from(killed.await.expect("it ends"));
        let state = goes_on(&root, &file).await;
        let tickets = mock.ledger().len();
        recorded += u32::from(state.is_some());
        let wanted = match state {
            None => 0,
            Some(_) => 1,
        };
        assert_eq!(
            tickets, wanted,
            "run {run}, point {point}, {fault:?}: {state:?}"
        );
        assert!(
            state.is_none_or(|state| state == IntentState::Done),
            "run {run}, point {point}, {fault:?}: {state:?}"
        );
    }
    assert!(
        kills * 4 >= runs,
        "{kills} of {runs}: the points are not those of the code"
    );
    if asked.is_some() {
        let said =
            format!("\n{runs} runs, {kills} kills, {recorded} orders recorded: 0 lost, 0 double\n");
        std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).expect("it is said");
    }
}
