//! Numbers, logins, addresses and words of callers are in no output of the service.

use dana::call::{CallId, Locale, PhoneNumber};
use dana::caller::MediaSide;
use dana::client::{self, Plan, Target};
use dana::clock;
use dana::dialog::event::TransferResult;
use dana::network::mock::Mock;
use dana::problem::Source;
use dana::script::parse;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;

/// Callers whose calls go every way that writes a log line: number and what is done.
const CALLERS: [(&str, &str); 9] = [
    // A ticket; one that times out; an open one; an operator with everything known.
    (
        "+77770000101",
        "open says \"канарейка нет интернета\"\n  confirm_home says \"да канарейка\"\n  confirm_ticket says \"да создайте\"\n  anything_else says \"нет\"",
    ),
    (
        "+77770000118",
        "open says \"кабель порвали канарейка\"\n  confirm_home says \"да\"\n  confirm_ticket says \"да создавайте\"\n  anything_else says \"нет\"",
    ),
    ("+77770000106", "anything_else says \"жоқ рақмет\""),
    (
        "+77770000108",
        "open says \"скорости нет канарейка\"\n  confirm_home says \"да\"",
    ),
    // A number that nobody knows, and a login that is keyed.
    (
        "+77779999999",
        "open says \"интернет не работает\"\n  confirm_home says \"да\"\n  ask_login presses 0770000777#",
    ),
    // Back ends that are broken in every way that the mock has.
    ("+77770000122", "open says \"канарейка\"\n  open presses 0"),
    (
        "+77770000124",
        "open says \"нет интернета\"\n  confirm_home says \"да\"",
    ),
    (
        "+77770000125",
        "open says \"нет интернета\"\n  confirm_home says \"да\"",
    ),
    (
        "+77770000129",
        "open says \"нет интернета\"\n  confirm_home says \"да\"",
    ),
];

/// What must not be found: whole numbers, logins and customers of these, the street, a word.
const CANARIES: [&str; 6] = [
    "7777000",
    "7777999",
    "0770000",
    "C-001",
    "Абая",
    "канарейка",
];

fn plan(at: usize, number: &str, does: &str) -> Plan {
    let source = Source::new("caller", format!("caller\n  {does}\n"));
    Plan {
        // A gateway may well name its calls by the caller.
        call: CallId::new(&format!("{}-{at}", number.trim_start_matches('+'))).expect("an id"),
        from: PhoneNumber::parse(number),
        locale: Some(Locale::Ru),
        turns: parse::parse(&source).expect("a script").turns,
        media: MediaSide::new(Some(TransferResult::Busy), 500),
        speed: 10,
        at: clock::now(),
        lengths: Arc::default(),
        patience: client::PATIENCE,
    }
}

async fn call(target: Target, plan: Plan) {
    let made = client::make(&target, plan, |_| {}).await;
    made.expect("it comes to its end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn x6_x7_nothing_of_a_caller_is_in_any_output() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    let mock = Mock::new(Duration::from_millis(300));
    tokio::spawn(Arc::clone(&mock).serve(listener, std::future::pending()));
    let folder = tempfile::tempdir().expect("a folder");
    for format in ["text", "json"] {
        let settings = [
            ("gateway.plaintext", "true"),
            ("network.root", root.as_str()),
            ("log.level", "trace"),
            ("log.format", format),
        ];
        let mut service = Service::start(folder.path(), &settings);
        let target = format!("http://{}", service.gateways());
        let target = Target::at(&target, None).expect("a service");
        let mut calls = JoinSet::new();
        for (at, (number, does)) in CALLERS.into_iter().enumerate() {
            let (target, plan) = (target.clone(), plan(at, number, does));
            calls.spawn(call(target, plan));
        }
        while let Some(called) = calls.join_next().await {
            called.expect("no panic");
        }
        // What a gateway may send where an id or a number should be.
        let mut odd = plan(0, CALLERS[0].0, "open presses 0");
        odd.call = CallId::new("\u{1b}[31m7777000".trim_start_matches('\u{1b}')).expect("an id");
        call(target, odd).await;

        let at = service.status();
        let (_, table, _) = dana(&["status", "--at", &at]);
        let (_, json, _) = dana(&["status", "--at", &at, "--format", "json"]);
        let metrics = status::get(&at, "/metrics").expect("an answer");
        service.signal("TERM");
        assert_eq!(service.ended(), Some(0));
        let log = service.log();
        assert!(
            log.contains("looked_up") || log.contains("looked up"),
            "a log at trace:\n{log}"
        );
        let outputs = [
            ("log", log),
            ("table", table),
            ("JSON", json),
            ("metrics", metrics),
        ];
        for (name, output) in outputs {
            for canary in CANARIES {
                let found = output.lines().find(|line| line.contains(canary));
                assert_eq!(found, None, "{canary} in the {name}");
            }
            let printable = output
                .chars()
                .all(|c| c == '\n' || c == '\r' || c == '\u{1b}' || !c.is_control());
            assert!(printable, "control characters in the {name}");
        }
    }
}
