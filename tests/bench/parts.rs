//! What each part costs: one whole call (a damaged cable, to the ticket) through one part at a time,
//! with its allocations. `cargo bench --bench parts`; divan prints the time of a call, and the
//! events (or turns, utterances, lines) a second.

use std::hint::black_box;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use dana::bundle::Bundle;
use dana::call::{CallId, Locale, Login, PhoneNumber, Question};
use dana::dialog::Dialog;
use dana::dialog::action::{Action, Turn};
use dana::dialog::event::{Capabilities, Event, Offer};
use dana::gateway::wire::gateway::pb_event;
use dana::gateway::wire::pb::CallEvent;
use dana::gateway::wire::service::{event, pb_turn};
use dana::journal::Entry;
use dana::load::Situation;
use dana::load::caller::Caller;
use dana::lookup::{
    Access, FeeFinding, Finding, Line, LineTestFinding, Lookup, OutageFinding, Subscriber,
    SubscriberFinding, TicketResult, TicketsFinding,
};
use dana::problem::Source;
use dana::script::parse;
use dana::time::{CallTime, WallTime};
use dana::token::{Known, MasterKey, Progress, TokenKeys};
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use prost::Message;

#[global_allocator]
static ALLOCATOR: AllocProfiler<mimalloc::MiMalloc> = AllocProfiler::new(mimalloc::MiMalloc);

fn main() {
    divan::main();
}

/// What happened in the call, with what the dialog made of it.
struct Recorded {
    bundle: Arc<Bundle>,
    offer: Offer,
    steps: Vec<(Event, Turn)>,
}

static RECORDED: LazyLock<Recorded> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bundle = Bundle::load(root).expect("our own bundle");
    let path = root.join("tests/calls/cable_fault_ticket_ru.call");
    let text = std::fs::read_to_string(path).expect("our own script");
    let script = parse::parse(&Source::new("cable fault", text)).expect("our own script");
    let situation = Situation::new("cable fault", &script).expect("a situation");
    let offer = Offer {
        call: CallId::new("load-1-0-100000").expect("an id"),
        call_key: "gateway:load-1-0-100000:1760000000000".into(),
        from: PhoneNumber::parse("+77770000101"),
        to: "3131".to_owned(),
        locale: Some(Locale::Ru),
        capabilities: Capabilities {
            recognizer: true,
            transfer: true,
        },
        began: WallTime::from_unix_ms(1_760_000_000_000),
    };
    let mut caller = Caller::new(Arc::new(situation));
    let (mut dialog, first) = Dialog::answer(Arc::clone(&bundle), offer.clone());
    let mut found = take(&first, &mut caller);
    let mut steps = Vec::new();
    // The back ends are quicker than the caller.
    while let Some(event) = found.pop().or_else(|| caller.next_event()) {
        let turn = dialog.handle(CallTime::ZERO, event.clone());
        found.extend(take(&turn, &mut caller));
        steps.push((event, turn));
    }
    assert!(caller.verdict().is_ok(), "the call ends as it should");
    Recorded {
        bundle,
        offer,
        steps,
    }
});

/// The caller hears it; the back ends answer.
fn take(turn: &Turn, caller: &mut Caller) -> Vec<Event> {
    let mut found = Vec::new();
    for action in &turn.actions {
        match action {
            Action::Answer => caller.answer(),
            Action::Play(play) => caller.play(play.id),
            Action::Listen(listen) => caller.listen(listen.id, listen.question),
            Action::HangUp { disposition, .. } => caller.hang_up(Some(*disposition)),
            Action::StopPlayback => caller.stop_playback(),
            Action::StopListening => caller.stop_listening(),
            Action::Transfer(transfer) => caller.transfer(transfer.id, transfer.queue),
            Action::Reject { .. } => {}
            Action::LookUp(lookup) => found.push(Event::Found(answer(lookup))),
            Action::CreateTicket(..) => found.push(Event::TicketFinished(TicketResult::Created {
                id: "TT-900345".to_owned(),
            })),
        }
    }
    found
}

fn answer(lookup: &Lookup) -> Finding {
    match lookup {
        Lookup::Subscriber { .. } => Finding::Subscriber(SubscriberFinding::Known(Subscriber {
            customer: "C-1000123".to_owned(),
            language: Some(Locale::Ru),
            lines: vec![Line {
                login: Login::new("0770000101").expect("a login"),
                house: Some("HOUSE-1".to_owned()),
                address: None,
                resource: Some("NODE-1".to_owned()),
                account: Some("BA-1".to_owned()),
                access: Access::Fttb,
                suspended: false,
                in_package: false,
            }],
        })),
        Lookup::Outage { .. } => Finding::Outage(OutageFinding::None),
        Lookup::Tickets { .. } => Finding::Tickets(TicketsFinding::None),
        Lookup::LineTest { .. } => Finding::LineTest(LineTestFinding::CableFault {
            test: "ST-1".to_owned(),
        }),
        Lookup::Fee { .. } => Finding::Fee(FeeFinding::Paid),
    }
}

/// The gateway's events as they come.
fn messages() -> Vec<Vec<u8>> {
    let steps = RECORDED.steps.iter();
    let messages = steps.filter_map(|(event, _)| pb_event(2, 20_000, event));
    messages.map(|message| message.encode_to_vec()).collect()
}

#[divan::bench]
fn a_decode(bencher: Bencher<'_, '_>) {
    let messages = messages();
    bencher.counter(ItemsCount::new(messages.len())).bench(|| {
        for message in &messages {
            let message = CallEvent::decode(message.as_slice()).expect("an event");
            black_box(event(message));
        }
    });
}

#[divan::bench]
fn b_understand(bencher: Bencher<'_, '_>) {
    let said = [
        (Question::Open, "третий час сидим без интернета"),
        (Question::ConfirmHome, "да домашний интернет"),
        (Question::ConfirmTicket, "да создайте"),
        (Question::AnythingElse, "нет благодарю"),
    ];
    let grammars = &RECORDED.bundle.grammars;
    bencher.counter(ItemsCount::new(said.len())).bench(|| {
        for (question, text) in said {
            black_box(grammars.understand(Some(Locale::Ru), question, text));
        }
    });
}

/// Understanding included; findings and the caller's events alike.
#[divan::bench]
fn c_dialog(bencher: Bencher<'_, '_>) {
    let Recorded {
        bundle,
        offer,
        steps,
    } = &*RECORDED;
    let events = || {
        let events: Vec<Event> = steps.iter().map(|(event, _)| event.clone()).collect();
        (Arc::clone(bundle), offer.clone(), events)
    };
    bencher
        .counter(ItemsCount::new(steps.len() + 1))
        .with_inputs(events)
        .bench_values(|(bundle, offer, events)| {
            let (mut dialog, turn) = Dialog::answer(bundle, offer);
            drop(black_box(turn));
            for event in events {
                drop(black_box(dialog.handle(CallTime::ZERO, event)));
            }
            dialog
        });
}

/// A line each.
#[divan::bench]
fn d_journal_lines(bencher: Bencher<'_, '_>) {
    let at = CallTime::from_ms(20_000);
    let mut entries = Vec::new();
    for (event, turn) in &RECORDED.steps {
        entries.push(Entry::Event {
            at,
            seq: Some(2),
            event: event.clone(),
        });
        let actions = turn.actions.iter().cloned();
        entries.extend(actions.map(|action| Entry::Action { at, action }));
    }
    bencher.counter(ItemsCount::new(entries.len())).bench(|| {
        for entry in &entries {
            black_box(serde_json::to_vec(entry).expect("JSON"));
        }
    });
}

/// One token, in the middle of the call: what is written anew when something was learnt, and the token
/// of each turn.
#[divan::bench(args = ["learn", "seal"])]
fn e_token(bencher: Bencher<'_, '_>, part: &str) {
    let Recorded {
        bundle,
        offer,
        steps,
    } = &*RECORDED;
    let (mut dialog, _) = Dialog::answer(Arc::clone(bundle), offer.clone());
    for (event, _) in steps.iter().take(steps.len() * 2 / 3) {
        drop(dialog.handle(CallTime::ZERO, event.clone()));
    }
    let mut known = Known::new(offer, &bundle.hash);
    let learn = |known: &mut Known| {
        known.learn(&dialog.context(), |state| dialog.write_case(state));
    };
    learn(&mut known);
    let key = MasterKey {
        id: 1,
        secret: [7; 32],
    };
    let keys = TokenKeys::new(vec![key]).expect("a key");
    let mut sealer = keys.sealer("gateway", &offer.call).expect("a key");
    let progress = Progress::default();
    let bencher = bencher.counter(ItemsCount::new(1usize));
    if part == "learn" {
        return bencher.bench_local(|| learn(&mut known));
    }
    bencher.bench_local(|| {
        let rest = |state: &mut Vec<u8>| dialog.write_rest(state);
        // A stream has 16 million tokens: more than that is measured here.
        sealer
            .seal(&known, &progress, rest)
            .or_else(|| {
                sealer = keys.sealer("gateway", &offer.call)?;
                sealer.seal(&known, &progress, rest)
            })
            .expect("sealed")
    });
}

#[divan::bench]
fn f_encode(bencher: Bencher<'_, '_>) {
    let turns: Vec<&Turn> = RECORDED.steps.iter().map(|(_, turn)| turn).collect();
    let mut buffer = Vec::with_capacity(64 * 1024);
    bencher
        .counter(ItemsCount::new(turns.len()))
        .bench_local(|| {
            for turn in &turns {
                buffer.clear();
                pb_turn(2, 2, vec![7; 450], &turn.actions)
                    .encode(&mut buffer)
                    .expect("room");
                black_box(&buffer);
            }
        });
}
