//! `dana load`'s generator against a service: it makes whole calls, and notices when they go wrong.

use std::time::Duration;

use dana::call::Disposition;
use dana::client::Target;
use dana::dialog::event::{EndedBy, Event};
use dana::load;
use dana::load::caller::Caller;
use dana::load::{Pattern, Plan, Process, Report, Situation};
use dana::problem::Source;
use dana::script::parse;

use super::*;

const CABLE: &str = "caller\n  open  says \"нет интернета\"\n  confirm_home  says \"да домашний\"\n  \
                     confirm_ticket  says \"да создайте\"\n  anything_else  says \"нет\"\n";
const SILENT: &str = "caller\n  any  silent\n";
const LEAVES: &str = "caller\n  confirm_home  hangs up\n  open  says \"нет интернета\"\n";

fn situation(text: &str, ends: Disposition) -> Arc<Situation> {
    let script = parse::parse(&Source::new("test", text)).expect("a script");
    Arc::new(Situation::ending("test", &script, ends).expect("a situation"))
}

/// So many calls, four at once, over two connections of two threads.
pub(super) fn plan(replica: &Replica, situation: Arc<Situation>, calls: u64) -> Plan {
    Plan {
        target: Target::at(&replica.target, None).expect("a service"),
        threads: 2,
        connections: 2,
        pattern: Pattern::Closed {
            calls: 4,
            ramp: Duration::ZERO,
        },
        think: Duration::ZERO,
        jitter_percent: 0,
        seed: 7,
        warm_up: Duration::ZERO,
        lasts: Duration::from_mins(1),
        calls: Some(calls),
        mix: vec![(1, situation)],
        process: None,
    }
}

/// A turn that was on its way when he hung up changes nothing.
#[test]
fn a_caller_hangs_up_once() {
    let mut caller = Caller::new(situation(CABLE, Disposition::TicketCreated));
    caller.play(1);
    caller.leave();
    caller.hang_up(Some(Disposition::EndedNoInput));
    caller.play(2);
    let ended = caller.next_event();
    let by_himself = matches!(
        ended,
        Some(Event::CallEnded {
            by: EndedBy::Caller,
            ..
        })
    );
    assert!(by_himself, "{ended:?}");
    assert_eq!(caller.next_event(), None);
}

async fn run(plan: Plan) -> Report {
    let ran = tokio::task::spawn_blocking(|| load::run(plan, |_| {}));
    ran.await.expect("no panic").expect("it runs")
}

#[tokio::test]
async fn every_call_is_made_to_its_end_and_every_event_is_answered() {
    let back_ends = BackEnds::default();
    let replica = replica(&back_ends, 7, Settings::default()).await;
    let report = run(plan(
        &replica,
        situation(CABLE, Disposition::TicketCreated),
        20,
    ))
    .await;
    let figures = &report.figures;
    assert_eq!(figures.failures, std::collections::BTreeMap::new());
    assert_eq!((figures.begun, figures.calls, figures.resumes), (20, 20, 0));
    assert_eq!(figures.events, figures.latency.len());
    assert_eq!(figures.events % 20, 0, "all calls are alike");
    assert_eq!(back_ends.tickets.lock().expect("no panic").len(), 20);
}

#[tokio::test]
async fn calls_come_at_a_rate_and_at_a_pace() {
    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    let mut plan = plan(
        &replica,
        situation(SILENT, Disposition::TransferredOperator),
        20,
    );
    plan.pattern = Pattern::Open { rate: 1_000.0 };
    plan.think = Duration::from_micros(300);
    plan.jitter_percent = 100;
    let report = run(plan).await;
    assert_eq!(report.figures.failures, std::collections::BTreeMap::new());
    assert_eq!(report.figures.calls, 20);
}

#[tokio::test]
async fn who_hangs_up_has_no_ending_to_be_checked() {
    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    let report = run(plan(&replica, situation(LEAVES, Disposition::Failed), 8)).await;
    assert_eq!(report.figures.calls, 8);
}

#[tokio::test]
async fn a_call_that_goes_another_way_is_told() {
    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    let report = run(plan(
        &replica,
        situation(CABLE, Disposition::InformedOutage),
        8,
    ))
    .await;
    let failures: Vec<(String, u64)> = report.figures.failures.into_iter().collect();
    let told = "`test` ended ticket_created, not informed_outage".to_owned();
    assert_eq!(failures, [(told, 8)]);
}

#[tokio::test]
async fn a_refusal_is_told_with_its_reason() {
    let settings = Settings {
        max_calls: 0,
        ..Settings::default()
    };
    let replica = replica(&BackEnds::default(), 7, settings).await;
    let report = run(plan(
        &replica,
        situation(CABLE, Disposition::TicketCreated),
        4,
    ))
    .await;
    let failures: Vec<(String, u64)> = report.figures.failures.into_iter().collect();
    let told = "refused, ResourceExhausted: no more calls can be taken now".to_owned();
    assert_eq!(failures, [(told, 4)]);
}

#[tokio::test]
async fn the_process_that_listens_is_found() {
    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    let address = replica.target.trim_start_matches("http://").parse();
    let found = Process::listening(address.expect("an address"));
    assert_eq!(found, Some(Process::own()));
    let usage = Process::own().usage().expect("we are alive");
    assert!(usage.memory > 1 << 20 && usage.descriptors > 2, "{usage:?}");
}
