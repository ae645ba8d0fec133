//! Replicas behind a balancer, while callers talk: they are replaced one after the other, one is
//! killed, one stands still and comes back.

use std::sync::atomic::{AtomicUsize, Ordering};

use dana::call::{CallId, Disposition, Locale, PhoneNumber};
use dana::caller::MediaSide;
use dana::client::{self, Plan, Target};
use dana::clock;
use dana::dialog::event::TransferResult;
use dana::journal::cdr::fold;
use dana::network::mock::{Api, Fault, Mock};
use dana::problem::Source;
use dana::script::{parse, render};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use super::*;
use crate::gateway::Call;

/// Calls at a time.
const CALLS: usize = 30;

/// A caller: number, what he does, how it ends.
type Caller = (&'static str, &'static str, Disposition);

const CALLERS: [Caller; 3] = [
    (
        "+77770000104",
        "confirm_home says \"да домашний\"\n  anything_else says \"нет спасибо\"",
        Disposition::InformedOutage,
    ),
    (
        "+77770000106",
        "anything_else says \"жоқ рақмет\"",
        Disposition::InformedExistingTicket,
    ),
    (
        "+77770000114",
        "open says \"вопрос по мобильной связи\"\n  anything_else says \"нет\"",
        Disposition::Redirected116,
    ),
];

/// Each of them once: they get a ticket.
const TICKETS: [&str; 2] = ["+77770000101", "+77770000102"];
const ORDERS: &str = "open says \"нет интернета\"\n  confirm_home says \"да домашний\"\n  \
    confirm_ticket says \"да создайте\"\n  anything_else says \"нет\"";

/// The balancer before the replicas: to the next that answers.
#[derive(Default)]
struct Balancer {
    replicas: Mutex<Vec<String>>,
    next: AtomicUsize,
}

impl Balancer {
    async fn serve(self: Arc<Self>, listener: TcpListener) {
        while let Ok((mut gateway, _)) = listener.accept().await {
            let replicas = self.replicas.lock().expect("no panic").clone();
            let first = self.next.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move { forward(&mut gateway, &replicas, first).await });
        }
    }

    fn set(&self, at: usize, replica: String) {
        let mut replicas = self.replicas.lock().expect("no panic");
        let known = replicas.len().max(at + 1);
        replicas.resize(known, String::new());
        replicas[at] = replica;
    }
}

/// Until one side goes away, which ends both.
async fn forward(gateway: &mut TcpStream, replicas: &[String], first: usize) {
    for at in 0..replicas.len() {
        let replica = &replicas[(first + at) % replicas.len()];
        if let Ok(mut service) = TcpStream::connect(replica).await {
            let _ = tokio::io::copy_bidirectional(gateway, &mut service).await;
            return;
        }
    }
}

/// Replicas behind a balancer, and the ticket system behind them. Each has a store of its own: what
/// one knows of an order, another learns from the ticket system only.
struct Fleet {
    folder: TempDir,
    root: String,
    mock: Arc<Mock>,
    balancer: Arc<Balancer>,
    target: Target,
    calls: usize,
    /// How many times faster than life callers are.
    speed: u32,
}

impl Fleet {
    async fn new(speed: u32) -> Self {
        let port = async || TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = |port: &TcpListener| {
            let at = port.local_addr().expect("an address");
            format!("http://{at}")
        };
        let (back_ends, gateways) = (port().await, port().await);
        let target = Target::at(&url(&gateways), None).expect("a service");
        let root = url(&back_ends);
        let mock = Mock::new(Duration::from_millis(300));
        tokio::spawn(Arc::clone(&mock).serve(back_ends, std::future::pending()));
        let balancer = Arc::new(Balancer::default());
        tokio::spawn(Arc::clone(&balancer).serve(gateways));
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            root,
            mock,
            balancer,
            target,
            calls: 0,
            speed,
        }
    }

    /// What starts one more replica, in place of that one.
    fn starter(&self) -> impl Fn(usize, &str) -> Service + Clone + Send + 'static {
        let folder = self.folder.path().to_owned();
        let keys = folder.join("token.keys").display().to_string();
        let (root, balancer) = (self.root.clone(), Arc::clone(&self.balancer));
        move |at, name| {
            let settings = [
                ("gateway.plaintext", "true"),
                ("network.root", root.as_str()),
                ("service.token_keys", &keys),
                ("service.state", name),
                // Callers are faster than life: a call goes on at the time that is theirs.
                ("gateway.clock", "gateway"),
            ];
            let service = Service::start(&folder, &settings);
            balancer.set(at, service.gateways());
            service
        }
    }

    /// As many replicas, started at once.
    fn start<const N: usize>(&self, names: [&'static str; N]) -> [Service; N] {
        let mut at = 0;
        let starting = names.map(|name| {
            let start = self.starter();
            at += 1;
            std::thread::spawn(move || start(at - 1, name))
        });
        starting.map(|service| service.join().expect("it starts"))
    }

    /// One more call.
    fn begin(&mut self, calls: &mut JoinSet<Option<String>>, caller: Caller) {
        let (number, does, ends) = caller;
        self.calls += 1;
        let plan = Plan {
            speed: self.speed,
            ..plan(self.calls, number, does)
        };
        calls.spawn(call(self.target.clone(), plan, ends));
    }
}

pub(super) fn plan(id: usize, number: &str, does: &str) -> Plan {
    let source = Source::new("caller", format!("caller\n  {does}\n"));
    let script = parse::parse(&source).expect("a script");
    Plan {
        call: CallId::new(&format!("c-{id}")).expect("an id"),
        from: PhoneNumber::parse(number),
        locale: Some(Locale::Ru),
        turns: script.turns,
        media: MediaSide::new(Some(TransferResult::Connected), 3_000),
        speed: 20,
        at: clock::now(),
        lengths: Arc::default(),
        patience: client::PATIENCE,
    }
}

/// What a gateway saw of a call, if it did not end so.
pub(super) async fn call(target: Target, plan: Plan, ends: Disposition) -> Option<String> {
    let mut said = String::new();
    let made = client::make(&target, plan, |entry| {
        said.extend(render::line(entry).map(|line| line + "\n"));
    });
    match made.await {
        Ok(entries) => {
            let ended = fold(&entries).and_then(|cdr| cdr.disposition);
            (ended != Some(ends)).then_some(said)
        }
        Err(error) => Some(format!("{said}{error}")),
    }
}

/// Calls of all kinds, and two that come to a ticket.
fn begin_all(fleet: &mut Fleet) -> JoinSet<Option<String>> {
    let mut calls = JoinSet::new();
    for at in 0..CALLS {
        // Each kind at each replica.
        fleet.begin(&mut calls, CALLERS[at / CALLERS.len() % CALLERS.len()]);
    }
    for number in TICKETS {
        fleet.begin(&mut calls, (number, ORDERS, Disposition::TicketCreated));
    }
    calls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn p12_two_replicas_are_upgraded_one_after_the_other_and_no_call_is_dropped() {
    let mut fleet = Fleet::new(5).await;
    let mut replicas = fleet.start(["one", "two"]);
    let mut calls = begin_all(&mut fleet);
    let start = fleet.starter();
    let upgrade = tokio::task::spawn_blocking(move || {
        for (at, name) in ["three", "four"].into_iter().enumerate() {
            replicas[at].signal("TERM");
            assert_eq!(replicas[at].ended(), Some(0), "{}", replicas[at].log());
            replicas[at] = start(at, name);
        }
        replicas
    });
    let mut ended = 0;
    let mut wrong = Vec::new();
    while let Some(made) = calls.join_next().await {
        ended += 1;
        wrong.extend(made.expect("no panic"));
        if !upgrade.is_finished() {
            fleet.begin(&mut calls, CALLERS[ended % CALLERS.len()]);
        }
    }
    assert!(wrong.is_empty(), "of {ended} calls:\n{}", wrong.join("\n"));
    assert_eq!(fleet.mock.ledger().len(), TICKETS.len());
    let resumed: u64 = upgrade.await.expect("no panic").iter().map(resumes).sum();
    assert!(resumed > 0, "nothing was upgraded under a call");
}

/// Killed without a word, as the kernel does where memory is short.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn p1_p3_one_of_three_replicas_is_killed_and_its_calls_go_on_at_the_others() {
    let mut fleet = Fleet::new(20).await;
    let [killed, left, right] = fleet.start(["one", "two", "three"]);
    let mut calls = begin_all(&mut fleet);
    let mut wrong = Vec::new();
    let first = calls.join_next().await.expect("a call");
    wrong.extend(first.expect("no panic"));
    killed.signal("KILL");
    while let Some(made) = calls.join_next().await {
        wrong.extend(made.expect("no panic"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(fleet.mock.ledger().len(), TICKETS.len());
    let resumed = resumes(&left) + resumes(&right);
    assert!(resumed > 0, "nothing was killed under a call");
}

/// A replica that stands still in the midst of a ticket, and wakes when the call has gone on at
/// another: it has nothing to say, and nobody to say it to.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn p2_a_replica_that_stood_still_does_nothing_when_it_comes_back() {
    let fleet = Fleet::new(1).await;
    let slow = Fault::Slow(3_000);
    fleet
        .mock
        .break_for("+77770000101", Api::CreateTicket, slow, 1);
    let [mut zombie, other] = fleet.start(["one", "two"]);
    let dial = async |service: &Service| {
        let target = format!("http://{}", service.gateways());
        let endpoint = Channel::from_shared(target).expect("an address");
        endpoint.connect().await.expect("it listens")
    };
    let mut call = Call::offer(&dial(&zombie).await, "c-1").await;
    call.answer("open", "нет интернета").await;
    call.answer("confirm_home", "да домашний").await;
    call.answer("confirm_ticket", "да создайте").await;
    call.caught_up().await;
    // The ticket is made, and the answer that says so is under way.
    while fleet.mock.ledger().is_empty() {
        tokio::task::yield_now().await;
    }
    zombie.signal("STOP");
    let mut call = call.go_on(&dial(&other).await, "c-1").await;
    assert_eq!(call.question().await.0, "anything_else");

    zombie.signal("CONT");
    let at = zombie.status();
    let live = "dana_calls{gateway=\"gateway\"}";
    while status::get(&at, "/metrics").is_ok_and(|text| text.contains(live)) {
        tokio::task::yield_now().await;
    }
    zombie.signal("TERM");
    let ended = tokio::task::spawn_blocking(move || zombie.ended());
    assert_eq!(ended.await.expect("no panic"), Some(0));
    let ledger = fleet.mock.ledger();
    assert_eq!((ledger.len(), ledger[0].posts), (1, 1));
}

fn resumes(service: &Service) -> u64 {
    let (_, json, _) = dana(&["status", "--at", &service.status(), "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    json["resumes"].as_u64().expect("a count")
}
