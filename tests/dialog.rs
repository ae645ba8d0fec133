//! The engine under any events whatever: it never panics, every call ends, and a call that was
//! written down and read again goes on as if nothing had happened.

use std::path::Path;
use std::sync::Arc;
use std::sync::LazyLock;

use dana::bundle::Bundle;
use dana::call::{CallId, Digit, Locale, Login, PhoneNumber, Question, Said};
use dana::dialog::Dialog;
use dana::dialog::action::Action;
use dana::dialog::event::{
    ActionFailure, Alternative, Capabilities, EndedBy, Event, ListenCause, Offer, PlaybackCause,
    TransferResult,
};
use dana::lookup::{
    Access, FeeFinding, Finding, Line, LineTestFinding, LookupKind, OpenTicket, OutageFinding,
    Subscriber, SubscriberFinding, TicketResult, TicketsFinding,
};
use dana::time::{CallTime, WallTime};
use proptest::prelude::*;

static BUNDLE: LazyLock<Arc<Bundle>> =
    LazyLock::new(|| Bundle::load(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("our own bundle"));

fn offer(from: Option<&str>, locale: Option<Locale>) -> Offer {
    Offer {
        call: CallId::new("c-1").expect("an id"),
        call_key: "gateway:c-1:1760418000000".into(),
        from: from.and_then(PhoneNumber::parse),
        to: "3131".to_owned(),
        locale,
        capabilities: Capabilities {
            recognizer: true,
            transfer: true,
        },
        began: WallTime::from_rfc3339("2025-10-14T11:00:00+05:00").expect("a time"),
    }
}

fn line(login: &str) -> Line {
    Line {
        login: Login::new(login).expect("a login"),
        house: Some("HOUSE-1".to_owned()),
        address: None,
        resource: None,
        account: Some("BA-1".to_owned()),
        access: Access::Fttb,
        suspended: false,
        in_package: false,
    }
}

fn subscriber(lines: usize) -> Finding {
    let lines = (0..lines)
        .map(|i| line(&format!("07700001{i:02}")))
        .collect();
    let language = Some(Locale::Kk);
    Finding::Subscriber(SubscriberFinding::Known(Subscriber {
        customer: "C-1".to_owned(),
        language,
        lines,
    }))
}

fn findings() -> impl Strategy<Value = Finding> {
    let visit = WallTime::from_rfc3339("2025-10-15T10:00:00Z");
    let ticket = OpenTicket {
        id: "TT-900345".to_owned(),
        created_at: visit,
        visit_at: visit,
    };
    let test = "ST-1".to_owned();
    prop_oneof![
        Just(subscriber(1)),
        Just(subscriber(9)),
        Just(subscriber(0)),
        Just(Finding::Outage(OutageFinding::Known { restored_at: visit })),
        Just(Finding::Outage(OutageFinding::None)),
        Just(Finding::Tickets(TicketsFinding::Open(ticket))),
        Just(Finding::Tickets(TicketsFinding::None)),
        Just(Finding::LineTest(LineTestFinding::CableFault { test })),
        Just(Finding::LineTest(LineTestFinding::NoFault)),
        Just(Finding::Fee(FeeFinding::Paid)),
        Just(Finding::Fee(FeeFinding::Unpaid)),
        prop::sample::select(LookupKind::ALL).prop_map(Finding::unavailable),
    ]
}

const WORDS: &[&str] = &[
    "нет интернета",
    "да домашний",
    "да создайте",
    "нет",
    "оператор",
    "повторите",
    "иә",
    "жоқ",
    "қазақша",
    "мобильный",
    "тариф",
    "эээ",
    "",
    "0771",
    "последняя цифра один",
];

fn answers() -> impl Strategy<Value = (ListenCause, Said, Vec<Alternative>)> {
    let said = (prop::sample::select(WORDS), prop::option::of(0u16..=1000));
    let alternative = said.prop_map(|(text, confidence_permille)| Alternative {
        text: Said::new(text),
        confidence_permille,
    });
    let keys = prop::sample::select(&["", "0", "1", "2", "9", "*", "#", "0771234567", "77777"][..]);
    (
        prop::sample::select(ListenCause::ALL),
        keys.prop_map(Said::new),
        prop::collection::vec(alternative, 0..4),
    )
}

fn events() -> impl Strategy<Value = Event> {
    let id = 0u32..30;
    prop_oneof![
        4 => Just(Event::Woke),
        2 => Just(Event::Answered),
        6 => findings().prop_map(Event::Found),
        4 => (id.clone(), prop::sample::select(PlaybackCause::ALL)).prop_map(|(playback, cause)| {
            Event::PlaybackFinished { playback, cause, played_ms: 0 }
        }),
        10 => (id.clone(), answers()).prop_map(|(listen, (cause, digits, alternatives))| {
            Event::ListenFinished { listen, cause, digits, alternatives, locale: None }
        }),
        1 => prop::sample::select(&['0', '*', '1', '#'][..]).prop_map(|key| {
            Event::DtmfReceived { digit: Digit::new(key).expect("a key"), duration_ms: 90 }
        }),
        1 => (id.clone(), prop::sample::select(TransferResult::ALL)).prop_map(|(transfer, result)| {
            Event::TransferFinished { transfer, result, sip_code: 0 }
        }),
        1 => (id, prop::sample::select(ActionFailure::ALL))
            .prop_map(|(action, reason)| Event::ActionFailed { action, reason }),
        1 => prop_oneof![
            Just(TicketResult::Created { id: "TT-1".to_owned() }),
            Just(TicketResult::Unconfirmed),
            Just(TicketResult::Refused),
        ].prop_map(Event::TicketFinished),
        1 => Just(Event::Resumed),
        1 => Just(Event::Unknown),
    ]
}

/// The id of the listen or transfer that the dialog waits for now, so that random events fit often.
fn aim(event: Event, actions: &[Action]) -> Event {
    let last = actions.iter().rev().find_map(|action| {
        if let Action::Listen(listen) = action {
            Some(listen.id)
        } else if let Action::Transfer(transfer) = action {
            Some(transfer.id)
        } else {
            None
        }
    });
    match (event, last) {
        (
            Event::ListenFinished {
                listen,
                cause,
                digits,
                alternatives,
                locale,
            },
            Some(id),
        ) => {
            let listen = if listen % 4 == 0 { listen } else { id };
            Event::ListenFinished {
                listen,
                cause,
                digits,
                alternatives,
                locale,
            }
        }
        (
            Event::TransferFinished {
                result, sip_code, ..
            },
            Some(transfer),
        ) => Event::TransferFinished {
            transfer,
            result,
            sip_code,
        },
        (event, _) => event,
    }
}

fn orders(actions: &[Action]) -> usize {
    actions
        .iter()
        .filter(|action| matches!(action, Action::CreateTicket(..)))
        .count()
}

fn case(dialog: &Dialog) -> Vec<u8> {
    let mut case = Vec::new();
    dialog.write_case(&mut case);
    case
}

fn state(dialog: &Dialog) -> Vec<u8> {
    let mut state = case(dialog);
    dialog.write_rest(&mut state);
    state
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_events_end_in_a_call_with_one_ticket_at_most(
        from in prop::option::of(Just("+77770000101")),
        locale in prop::option::of(prop::sample::select(Locale::ALL)),
        script in prop::collection::vec((0u32..6_000, events()), 0..120),
    ) {
        let offer = Arc::new(offer(from, locale));
        let (mut dialog, turn) = Dialog::answer(Arc::clone(&BUNDLE), Arc::clone(&offer));
        let mut twin = dialog.clone();
        let mut done = turn.actions;
        let mut at = CallTime::ZERO;
        let mut resumes = 0;
        for (later, event) in script {
            at = at.plus(later);
            let event = aim(event, &done);
            resumes += usize::from(matches!(event, Event::Resumed));
            let known = event.is_of_media().then(|| (case(&dialog), dialog.context()));
            let turn = dialog.handle(at, event.clone());
            prop_assert_eq!(&turn, &twin.handle(at, event));
            if let Some(known) = known {
                prop_assert_eq!(known, (case(&dialog), dialog.context()));
            }
            let bytes = state(&dialog);
            prop_assert!(bytes.len() <= 4096, "state of {} bytes", bytes.len());
            let read = Dialog::from_bytes(Arc::clone(&BUNDLE), Arc::clone(&offer), &bytes);
            twin = read.expect("what we wrote");
            done.extend(turn.actions);
        }
        prop_assert!(orders(&done) <= 1 + resumes);
        let end = Event::CallEnded { by: EndedBy::Caller, sip_code: 0, q850_cause: 16 };
        let _ = dialog.handle(at, end);
        prop_assert!(dialog.disposition().is_some());
        let after = dialog.handle(at, Event::Woke);
        prop_assert_eq!((after.actions, after.wake_at), (Vec::new(), None));
    }

    #[test]
    fn a_state_of_other_bytes_is_refused_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let offer = offer(None, None);
        if let Some(mut dialog) = Dialog::from_bytes(Arc::clone(&BUNDLE), offer, &bytes) {
            let _ = dialog.handle(CallTime::ZERO, Event::Resumed);
        }
    }
}

/// Says `words` to the last question of `turn`, at `at`.
fn say(dialog: &mut Dialog, at: CallTime, turn: &[Action], words: &str) -> Vec<Action> {
    let asked = turn.iter().rev().find_map(|action| {
        let Action::Listen(listen) = action else {
            return None;
        };
        Some(listen.id)
    });
    let heard = Alternative {
        text: Said::new(words),
        confidence_permille: None,
    };
    let said = Event::ListenFinished {
        listen: asked.expect("a question"),
        cause: ListenCause::Speech,
        digits: Said::new(""),
        alternatives: vec![heard],
        locale: None,
    };
    dialog.handle(at, said).actions
}

/// The service was away for longer than a caller waits for a ticket. What is asked for again is
/// waited for anew: the ticket that is found then is told, and no operator is needed.
#[test]
fn a_ticket_that_is_asked_for_again_is_waited_for_anew() {
    let number = Some("+77770000101");
    let offer = Arc::new(offer(number, Some(Locale::Ru)));
    let (mut dialog, turn) = Dialog::answer(Arc::clone(&BUNDLE), Arc::clone(&offer));
    assert!(!turn.actions.is_empty());
    let test = "ST-1".to_owned();
    let findings = [
        subscriber(1),
        Finding::Outage(OutageFinding::None),
        Finding::Tickets(TicketsFinding::None),
        Finding::LineTest(LineTestFinding::CableFault { test }),
        Finding::Fee(FeeFinding::Paid),
    ];
    let mut at = CallTime::ZERO;
    let mut turn = dialog.handle(at, Event::Answered).actions;
    for finding in findings {
        turn.extend(dialog.handle(at, Event::Found(finding)).actions);
    }
    for words in ["нет интернета", "да домашний", "да создайте"] {
        at = at.plus(5_000);
        turn = say(&mut dialog, at, &turn, words);
    }
    assert_eq!(orders(&turn), 1);

    let bytes = state(&dialog);
    let dialog = Dialog::from_bytes(Arc::clone(&BUNDLE), offer, &bytes);
    let mut dialog = dialog.expect("what we wrote");
    at = at.plus(9_000);
    assert_eq!(orders(&dialog.handle(at, Event::Resumed).actions), 1);
    let woken = dialog.handle(at, Event::Woke).actions;
    let handed = |action: &Action| matches!(action, Action::Transfer(_));
    assert!(!woken.iter().any(handed), "{woken:?}");
    let id = "TT-900345".to_owned();
    let created = Event::TicketFinished(TicketResult::Created { id });
    let told = dialog.handle(at.plus(100), created).actions;
    let asks = |action: &Action| matches!(action, Action::Listen(listen) if listen.question == Question::AnythingElse);
    assert!(told.iter().any(asks), "{told:?}");
}

#[test]
fn a_call_left_alone_ends_by_itself() {
    let (mut dialog, mut turn) = Dialog::answer(Arc::clone(&BUNDLE), offer(None, None));
    turn = {
        drop(turn);
        dialog.handle(CallTime::ZERO, Event::Answered)
    };
    for _ in 0..200 {
        let Some(at) = turn.wake_at else { break };
        turn = dialog.handle(at, Event::Woke);
    }
    assert!(
        dialog.disposition().is_some(),
        "still in step {}",
        dialog.step()
    );
}

/// How long what these actions play takes.
fn played_ms(actions: &[Action]) -> Vec<u32> {
    let plays = actions.iter().filter_map(|action| {
        let Action::Play(play) = action else {
            return None;
        };
        Some(
            play.segments
                .iter()
                .map(|segment| segment.duration_ms)
                .sum(),
        )
    });
    plays.collect()
}

/// The end of a prompt that is never told is taken for granted when it is over and half as much
/// again and two seconds more have passed; then the question is waited for, as if it had been told.
#[test]
fn g4_a_prompt_whose_end_is_never_told_is_taken_as_said() {
    let number = Some("+77770000101");
    let (mut dialog, _) = Dialog::answer(Arc::clone(&BUNDLE), offer(number, Some(Locale::Ru)));
    let found = [
        subscriber(1),
        Finding::Outage(OutageFinding::None),
        Finding::Tickets(TicketsFinding::None),
    ];
    for finding in found {
        let _ = dialog.handle(CallTime::ZERO, Event::Found(finding));
    }
    let asked = dialog.handle(CallTime::ZERO, Event::Answered);
    let prompts = played_ms(&asked.actions);
    let over = CallTime::from_ms(prompts.iter().sum::<u32>() + prompts[0] / 2 + 2_000);
    assert_eq!(asked.wake_at, Some(over));

    let waited = dialog.handle(over, Event::Woke);
    let limits = &BUNDLE.flow.limits;
    let answered = over.plus(limits.no_input_ms + limits.max_speech_ms + 5_000);
    assert_eq!((waited.actions, waited.wake_at), (vec![], Some(answered)));

    let again = dialog.handle(answered, Event::Woke);
    assert_eq!(again.actions[0], Action::StopListening);
    assert!(played_ms(&again.actions)[0] > 0, "it is asked again");
}
