//! The simulated media side keeps the contract: one end for each action, the cut, the keys, the
//! silence.

use dana::call::{BargeIn, Digit, Locale, Question, Said};
use dana::caller::MediaSide;
use dana::dialog::action::{Action, Listen, Play, Transfer, TransferContext, TypeAhead};
use dana::dialog::event::{Alternative, Event, TransferResult};
use dana::prompt::Segment;
use dana::time::CallTime;

fn play(id: u32, duration_ms: u32, barge_in: BargeIn, barge_in_after_ms: u32) -> Action {
    let segment = Segment {
        prompt: "x".into(),
        sha256: "".into(),
        text: "x".into(),
        duration_ms,
    };
    let segments = vec![segment];
    Action::Play(Play {
        id,
        locale: Locale::Ru,
        segments,
        barge_in,
        barge_in_after_ms,
    })
}

fn listen(id: u32, type_ahead: TypeAhead) -> Action {
    Action::Listen(Listen {
        id,
        question: Question::Open,
        after_playback: 1,
        locale: None,
        phrases: std::sync::Arc::default(),
        max_digits: 1,
        terminator: None,
        inter_digit_ms: 3_000,
        no_input_ms: 5_000,
        max_speech_ms: 10_000,
        type_ahead,
        sensitive: false,
    })
}

fn at(ms: u32) -> CallTime {
    CallTime::from_ms(ms)
}

/// Everything up to `until`, each with its time, in short.
fn run(media: &mut MediaSide, until: u32) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(next) = media.next().filter(|next| *next <= at(until)) {
        lines.extend(media.advance(next).iter().map(|event| short(next, event)));
    }
    lines.extend(
        media
            .advance(at(until))
            .iter()
            .map(|event| short(at(until), event)),
    );
    lines
}

fn short(at: CallTime, event: &Event) -> String {
    let at = at.ms();
    if let Event::PlaybackFinished {
        playback,
        cause,
        played_ms,
    } = event
    {
        format!("{at} play {playback} {cause} {played_ms}")
    } else if let Event::ListenFinished {
        listen,
        cause,
        digits,
        ..
    } = event
    {
        format!("{at} listen {listen} {cause} {}", digits.reveal())
            .trim_end()
            .to_owned()
    } else if let Event::TransferFinished {
        transfer, result, ..
    } = event
    {
        format!("{at} transfer {transfer} {result}")
    } else if let Event::CallEnded { by, .. } = event {
        format!("{at} ended {by}")
    } else if let Event::DtmfReceived { digit, .. } = event {
        format!("{at} key {}", digit.as_char())
    } else if matches!(event, Event::TransferProgress { .. }) {
        format!("{at} ringing")
    } else {
        format!("{at} {event:?}")
    }
}

fn side(actions: &[Action]) -> MediaSide {
    let mut media = MediaSide::new(Some(TransferResult::Connected), 2_000);
    for action in actions {
        media.apply(at(0), action);
    }
    media
}

fn words() -> Vec<Alternative> {
    vec![Alternative {
        text: Said::new("да"),
        confidence_permille: None,
    }]
}

#[test]
fn silence_is_counted_from_the_end_of_the_last_prompt() {
    let mut media = side(&[
        play(1, 1_000, BargeIn::Any, 0),
        play(2, 2_000, BargeIn::Any, 0),
        listen(3, TypeAhead::Flush),
    ]);
    let wanted = [
        "1000 play 1 completed 1000",
        "3000 play 2 completed 2000",
        "8000 listen 3 no_input",
    ];
    assert_eq!(run(&mut media, 20_000), wanted);
}

#[test]
fn words_cut_what_may_be_cut_and_are_not_heard_before() {
    let mut media = side(&[
        play(1, 4_000, BargeIn::Any, 1_500),
        listen(2, TypeAhead::Flush),
    ]);
    assert!(run(&mut media, 1_000).is_empty());
    media.speak(words(), None, 700);
    assert_eq!(
        run(&mut media, 1_400),
        Vec::<String>::new(),
        "too early to be heard"
    );
    run(&mut media, 2_000);
    media.speak(words(), None, 700);
    let wanted = [
        "2000 SpeechStarted",
        "2000 play 1 barge_in_speech 2000",
        "2700 listen 2 speech",
    ];
    assert_eq!(run(&mut media, 9_000), wanted);
}

#[test]
fn who_speaks_too_long_is_cut_off() {
    let mut media = side(&[listen(1, TypeAhead::Flush)]);
    media.speak(words(), None, 60_000);
    assert_eq!(
        run(&mut media, 90_000),
        ["0 SpeechStarted", "10000 listen 1 max_speech"]
    );
}

#[test]
fn early_keys_answer_where_they_are_kept_and_are_dropped_where_consent_is_asked() {
    for (type_ahead, wanted) in [
        (
            TypeAhead::Keep,
            vec![
                "500 key 1",
                "1000 play 1 completed 1000",
                "1000 listen 2 digits 1",
            ],
        ),
        (
            TypeAhead::Flush,
            vec![
                "500 key 1",
                "1000 play 1 completed 1000",
                "6000 listen 2 no_input",
            ],
        ),
    ] {
        let mut media = side(&[play(1, 1_000, BargeIn::None, 0), listen(2, type_ahead)]);
        run(&mut media, 500);
        media.press(Digit::new('1').expect("a key"));
        assert_eq!(run(&mut media, 9_000), wanted, "{type_ahead}");
    }
}

#[test]
fn each_action_gets_one_end_whoever_ends_the_call() {
    let mut media = side(&[play(1, 4_000, BargeIn::Any, 0), listen(2, TypeAhead::Flush)]);
    media.apply(at(0), &listen(3, TypeAhead::Flush));
    assert_eq!(run(&mut media, 0), ["0 listen 2 stopped"]);
    media.hang_up();
    let wanted = [
        "0 play 1 call_ended 0",
        "0 listen 3 call_ended",
        "0 ended caller",
    ];
    assert_eq!(run(&mut media, 0), wanted);
    media.apply(at(0), &play(4, 1_000, BargeIn::Any, 0));
    media.hang_up();
    assert_eq!(run(&mut media, 9_000), Vec::<String>::new());
}

#[test]
fn a_transfer_waits_for_the_prompt_and_the_operator_ends_the_call() {
    let transfer = Action::Transfer(Transfer {
        id: 2,
        queue: dana::call::Queue::Operator,
        reason: "caller_asked".parse().expect("a reason"),
        ring_timeout_ms: 30_000,
        context: Box::new(TransferContext::default()),
    });
    let mut media = side(&[play(1, 1_000, BargeIn::Any, 0), transfer]);
    let wanted = [
        "1000 play 1 completed 1000",
        "1000 ringing",
        "3000 transfer 2 connected",
        "4000 ended operator",
    ];
    assert_eq!(run(&mut media, 9_000), wanted);
}
