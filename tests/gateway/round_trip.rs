//! What is written in the contract's words is read back as it was.

use dana::call::{BargeIn, Digit, Question, Queue, Said, Topic, TransferReason};
use dana::dialog::action::{Action, Listen, Play, Transfer, TransferContext, TypeAhead};
use dana::dialog::event::{
    ActionFailure, Alternative, EndedBy, Event, ListenCause, PlaybackCause, TransferResult,
};
use dana::gateway::wire::{gateway, service};
use dana::prompt::{Segment, estimated_ms};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn events() -> impl Strategy<Value = Event> {
    let heard =
        ("[а-я ]{0,20}", prop::option::of(0u16..=1000)).prop_map(|(text, sure)| Alternative {
            text: Said::new(&text),
            confidence_permille: sure,
        });
    let listened = (
        any::<u32>(),
        select(ListenCause::ALL),
        "[0-9]{0,9}",
        prop::collection::vec(heard, 0..4),
        prop::option::of(select(Locale::ALL)),
    );
    prop_oneof![
        Just(Event::Answered),
        Just(Event::SpeechStarted),
        (any::<u32>(), select(PlaybackCause::ALL), any::<u32>()).prop_map(
            |(playback, cause, played_ms)| Event::PlaybackFinished {
                playback,
                cause,
                played_ms
            }
        ),
        listened.prop_map(
            |(listen, cause, digits, alternatives, locale)| Event::ListenFinished {
                listen,
                cause,
                digits: Said::new(&digits),
                alternatives,
                locale,
            }
        ),
        (select(&['0', '5', '*', '#'][..]), any::<u32>()).prop_map(|(key, duration_ms)| {
            Event::DtmfReceived {
                digit: Digit::new(key).expect("a key"),
                duration_ms,
            }
        }),
        (any::<u32>(), any::<u32>())
            .prop_map(|(transfer, sip_code)| Event::TransferProgress { transfer, sip_code }),
        (any::<u32>(), select(TransferResult::ALL), any::<u32>()).prop_map(
            |(transfer, result, sip_code)| Event::TransferFinished {
                transfer,
                result,
                sip_code
            }
        ),
        (select(EndedBy::ALL), any::<u32>(), any::<u32>()).prop_map(
            |(by, sip_code, q850_cause)| Event::CallEnded {
                by,
                sip_code,
                q850_cause
            }
        ),
        (any::<u32>(), select(ActionFailure::ALL))
            .prop_map(|(action, reason)| Event::ActionFailed { action, reason }),
    ]
}

fn texts() -> impl Strategy<Value = Vec<Arc<str>>> {
    prop::collection::vec("[a-z_=]{1,12}".prop_map(Arc::from), 0..4)
}

fn transfers() -> impl Strategy<Value = Action> {
    let transfer = (
        any::<[u32; 2]>(),
        select(Queue::ALL),
        select(Topic::ALL),
        texts(),
        texts(),
    );
    transfer.prop_map(|([id, ring_timeout_ms], queue, topic, findings, answers)| {
        let context = TransferContext {
            locale: Some(Locale::Kk),
            login: Login::new("0770000101"),
            topic: Some(topic),
            findings,
            asked_and_answered: answers,
            ..TransferContext::default()
        };
        let (reason, context) = (TransferReason::Topic(topic), Box::new(context));
        Action::Transfer(Transfer {
            id,
            queue,
            reason,
            ring_timeout_ms,
            context,
        })
    })
}

fn actions() -> impl Strategy<Value = Action> {
    let segment = ("[a-z_]{1,12}", "[а-я ]{0,30}").prop_map(|(prompt, text)| Segment {
        prompt: prompt.into(),
        sha256: "".into(),
        duration_ms: estimated_ms(&text),
        text: text.into(),
    });
    let segment = prop_oneof![segment, (1..60_000u32).prop_map(Segment::silence)];
    let play = (
        any::<u32>(),
        select(Locale::ALL),
        prop::collection::vec(segment, 0..4),
        select(BargeIn::ALL),
        any::<u32>(),
    );
    let listen = (
        any::<[u32; 6]>(),
        select(Question::ALL),
        texts(),
        select(TypeAhead::ALL),
        any::<bool>(),
    );
    prop_oneof![
        Just(Action::Answer),
        Just(Action::StopPlayback),
        Just(Action::StopListening),
        any::<u32>().prop_map(|sip_code| Action::Reject { sip_code }),
        play.prop_map(|(id, locale, segments, barge_in, barge_in_after_ms)| {
            Action::Play(Play {
                id,
                locale,
                segments,
                barge_in,
                barge_in_after_ms,
            })
        }),
        listen.prop_map(|(numbers, question, phrases, type_ahead, sensitive)| {
            let [
                id,
                after_playback,
                max_digits,
                inter_digit_ms,
                no_input_ms,
                max_speech_ms,
            ] = numbers;
            Action::Listen(Listen {
                id,
                question,
                after_playback,
                locale: None,
                phrases: phrases.into(),
                max_digits,
                terminator: Digit::new('#'),
                inter_digit_ms,
                no_input_ms,
                max_speech_ms,
                type_ahead,
                sensitive,
            })
        }),
        transfers(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn an_event(event in events(), seq in any::<u64>(), offset_ms in any::<u32>()) {
        let written = gateway::pb_event(seq, offset_ms, &event).expect("a gateway's event");
        prop_assert_eq!((written.seq, written.offset_ms), (seq, offset_ms));
        prop_assert_eq!(service::event(written), event);
    }

    #[test]
    fn a_turn(actions in prop::collection::vec(actions(), 0..5)) {
        let written = service::pb_turn(7, 5, vec![1], &actions);
        prop_assert_eq!((written.seq, written.acked_event_seq), (7, 5));
        prop_assert_eq!(gateway::actions(written), actions);
    }
}
