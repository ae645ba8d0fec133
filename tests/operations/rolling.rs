//! Two replicas are replaced one after the other while callers talk.

use std::sync::atomic::{AtomicUsize, Ordering};

use dana::call::{CallId, Disposition, Locale, PhoneNumber};
use dana::caller::MediaSide;
use dana::client::{self, Plan, Target};
use dana::clock;
use dana::dialog::event::TransferResult;
use dana::journal::cdr::fold;
use dana::network::mock::Mock;
use dana::problem::Source;
use dana::script::{parse, render};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;

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

fn plan(id: usize, number: &str, does: &str) -> Plan {
    let source = Source::new("caller", format!("caller\n  {does}\n"));
    let script = parse::parse(&source).expect("a script");
    Plan {
        call: CallId::new(&format!("c-{id}")).expect("an id"),
        from: PhoneNumber::parse(number),
        locale: Some(Locale::Ru),
        turns: script.turns,
        media: MediaSide::new(Some(TransferResult::Connected), 3_000),
        speed: 5,
        at: clock::now(),
        lengths: Arc::default(),
        patience: client::PATIENCE,
    }
}

/// What a gateway saw of a call, if it did not end so.
async fn call(target: Target, plan: Plan, ends: Disposition) -> Option<String> {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn p12_two_replicas_are_upgraded_one_after_the_other_and_no_call_is_dropped() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    let mock = Mock::new(Duration::from_millis(300));
    tokio::spawn(Arc::clone(&mock).serve(listener, std::future::pending()));

    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("token.keys").display().to_string();
    let start = {
        let folder = folder.path().to_owned();
        move |name: &str| {
            let settings = [
                ("gateway.plaintext", "true"),
                ("network.root", root.as_str()),
                ("service.token_keys", &keys),
                ("service.state", name),
            ];
            Service::start(&folder, &settings)
        }
    };
    let mut replicas = [start("one"), start("two")];
    let balancer = Arc::new(Balancer::default());
    for (at, replica) in replicas.iter().enumerate() {
        balancer.set(at, replica.gateways());
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target = format!("http://{}", listener.local_addr().expect("an address"));
    let target = Target::at(&target, None).expect("a service");
    tokio::spawn(Arc::clone(&balancer).serve(listener));

    let mut id = 0;
    let mut calls = JoinSet::new();
    let mut begin = |calls: &mut JoinSet<_>, (number, does, ends): Caller| {
        id += 1;
        let (target, plan) = (target.clone(), plan(id, number, does));
        calls.spawn(call(target, plan, ends));
    };
    for at in 0..CALLS {
        begin(&mut calls, CALLERS[at % CALLERS.len()]);
    }
    for number in TICKETS {
        begin(&mut calls, (number, ORDERS, Disposition::TicketCreated));
    }
    let upgrade = tokio::task::spawn_blocking({
        let balancer = Arc::clone(&balancer);
        move || {
            for (at, name) in ["three", "four"].into_iter().enumerate() {
                replicas[at].signal("TERM");
                assert_eq!(replicas[at].ended(), Some(0), "{}", replicas[at].log());
                replicas[at] = start(name);
                balancer.set(at, replicas[at].gateways());
            }
            replicas
        }
    });
    let mut ended = 0;
    let mut wrong = Vec::new();
    while let Some(made) = calls.join_next().await {
        ended += 1;
        wrong.extend(made.expect("no panic"));
        if !upgrade.is_finished() {
            begin(&mut calls, CALLERS[ended % CALLERS.len()]);
        }
    }
    assert!(wrong.is_empty(), "of {ended} calls:\n{}", wrong.join("\n"));
    assert_eq!(mock.ledger().len(), TICKETS.len());
    let resumed: u64 = upgrade.await.expect("no panic").iter().map(resumes).sum();
    assert!(resumed > 0, "nothing was upgraded under a call");
}

fn resumes(service: &Service) -> u64 {
    let (_, json, _) = dana(&["status", "--at", &service.status(), "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    json["resumes"].as_u64().expect("a count")
}
