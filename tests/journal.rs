//! The journal: what is written is what happened, a call never waits for it, and the call's record
//! is a fold over it.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

mod kept;
mod known;
mod record;
mod written;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use dana::call::BargeIn;
use dana::call::CallId;
use dana::call::Disposition;
use dana::call::Locale;
use dana::call::OtherReason;
use dana::call::PhoneNumber;
use dana::call::Question;
use dana::call::Queue;
use dana::call::Said;
use dana::call::TransferReason;
use dana::dialog::action::Action;
use dana::dialog::action::Listen;
use dana::dialog::action::Play;
use dana::dialog::action::Transfer;
use dana::dialog::action::TypeAhead;
use dana::dialog::event::Capabilities;
use dana::dialog::event::EndedBy;
use dana::dialog::event::Event;
use dana::dialog::event::ListenCause;
use dana::dialog::event::Offer;
use dana::dialog::event::PlaybackCause;
use dana::dialog::event::TransferResult;
use dana::journal::Entry;
use dana::journal::Header;
use dana::journal::Retention;
use dana::journal::cdr;
use dana::journal::cdr::Cdr;
use dana::journal::cdr::LookupRecord;
use dana::journal::cdr::QuestionRecord;
use dana::journal::cdr::TicketRecord;
use dana::journal::cdr::TransferRecord;
use dana::journal::reader;
use dana::journal::recorder::CallRecorder;
use dana::journal::recorder::Recorder;
use dana::lookup::Attempt;
use dana::lookup::Finding;
use dana::lookup::Lookup;
use dana::lookup::LookupKind;
use dana::lookup::SubscriberFinding;
use dana::lookup::TicketOrder;
use dana::lookup::TicketResult;
use dana::seal::Keys;
use dana::time::CallTime;
use dana::time::WallTime;

/// Longest wait for the writer in these tests; it takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(20);

fn header(resume: u32) -> Header {
    let offer = Offer {
        call: CallId::new("call-1").unwrap(),
        call_key: "gw/call-1/7".into(),
        from: PhoneNumber::parse("+77011234567"),
        to: "3131".to_owned(),
        locale: None,
        capabilities: Capabilities {
            recognizer: true,
            transfer: true,
        },
        began: WallTime::from_rfc3339("2026-01-10T20:00:00Z").unwrap(),
    };
    Header::new("b0".to_owned(), resume, 12, offer)
}

fn keys() -> Keys {
    Keys::new([(7, [7; 32])])
}

fn head(resume: u32) -> Entry {
    Entry::Header(Box::new(header(resume)))
}

fn event(at: u32, seq: u64, event: Event) -> Entry {
    let at = CallTime::from_ms(at);
    let seq = (seq > 0).then_some(seq);
    Entry::Event { at, seq, event }
}

fn action(at: u32, action: Action) -> Entry {
    let at = CallTime::from_ms(at);
    Entry::Action { at, action }
}

fn play(id: u32) -> Action {
    Action::Play(Play {
        id,
        locale: Locale::Ru,
        segments: Vec::new(),
        barge_in: BargeIn::Any,
        barge_in_after_ms: 0,
    })
}

fn played(playback: u32) -> Event {
    let cause = PlaybackCause::Completed;
    Event::PlaybackFinished {
        playback,
        cause,
        played_ms: 900,
    }
}

fn listen(id: u32, question: Question) -> Action {
    Action::Listen(Listen {
        id,
        question,
        after_playback: id - 1,
        locale: Some(Locale::Ru),
        phrases: Arc::default(),
        max_digits: 1,
        terminator: None,
        inter_digit_ms: 3_000,
        no_input_ms: 5_000,
        max_speech_ms: 15_000,
        type_ahead: TypeAhead::Flush,
        sensitive: false,
    })
}

fn listened(listen: u32, cause: ListenCause) -> Event {
    Event::ListenFinished {
        listen,
        cause,
        digits: Said::default(),
        alternatives: Vec::new(),
        locale: None,
    }
}

fn ask_subscriber() -> Action {
    let number = PhoneNumber::parse("+77011234567").unwrap();
    Action::LookUp(Lookup::Subscriber { number })
}

fn order() -> Action {
    let order = TicketOrder {
        key: "ivr:gw/call-1/7:technicianVisit".to_owned(),
        login: dana::call::Login::new("0301234567").unwrap(),
        customer: "C-1".to_owned(),
        contact: PhoneNumber::parse("+77011234567").unwrap(),
        locale: Locale::Ru,
        test: "T-1".to_owned(),
        call_began: header(0).offer.began,
    };
    Action::CreateTicket(Box::new(order), Attempt::First)
}

fn transfer(id: u32, queue: Queue) -> Action {
    Action::Transfer(Transfer {
        id,
        queue,
        reason: TransferReason::Other(OtherReason::TicketStatusUnknown),
        ring_timeout_ms: 30_000,
        context: Box::default(),
    })
}

fn transferred(transfer: u32, result: TransferResult) -> Event {
    let sip_code = 0;
    Event::TransferFinished {
        transfer,
        result,
        sip_code,
    }
}

fn call_ended(by: EndedBy) -> Event {
    Event::CallEnded {
        by,
        sip_code: 0,
        q850_cause: 16,
    }
}

/// Greeting, a slow look-up, a question that takes three askings, a ticket that stays open, an
/// operator.
fn whole_call() -> Vec<Entry> {
    vec![
        head(0),
        action(0, Action::Answer),
        action(0, ask_subscriber()),
        event(100, 2, Event::Answered),
        action(100, play(1)),
        event(1_100, 3, played(1)),
        event(
            3_000,
            0,
            Event::Found(Finding::Subscriber(SubscriberFinding::Unknown)),
        ),
        action(3_000, play(2)),
        action(3_000, listen(3, Question::ConfirmHome)),
        event(4_000, 4, played(2)),
        event(9_000, 5, listened(3, ListenCause::NoInput)),
        action(9_000, listen(4, Question::ConfirmHome)),
        event(10_000, 6, listened(4, ListenCause::Speech)),
        action(10_000, listen(5, Question::ConfirmHome)),
        event(11_000, 7, listened(5, ListenCause::Digits)),
        action(11_000, order()),
        event(11_500, 0, Event::TicketFinished(TicketResult::Unconfirmed)),
        action(11_500, transfer(6, Queue::Operator)),
        event(20_000, 8, transferred(6, TransferResult::Connected)),
        Entry::Gap { entries: 2 },
        event(20_400, 9, call_ended(EndedBy::Operator)),
    ]
}

fn whole_record() -> Cdr {
    Cdr {
        call: CallId::new("call-1").unwrap(),
        call_key: "gw/call-1/7".into(),
        from: PhoneNumber::parse("+77011234567"),
        to: "3131".to_owned(),
        began: WallTime::from_rfc3339("2026-01-10T20:00:00Z").unwrap(),
        answered_ms: Some(100),
        ended_ms: Some(20_400),
        duration_ms: 20_400,
        bundle: "b0".into(),
        disposition: Some(Disposition::TransferredOperator),
        left_at: None,
        transfers: vec![TransferRecord {
            queue: Queue::Operator,
            reason: TransferReason::Other(OtherReason::TicketStatusUnknown),
            result: Some(TransferResult::Connected),
        }],
        tickets: vec![TicketRecord {
            key: "ivr:gw/call-1/7:technicianVisit".to_owned(),
            result: Some(TicketResult::Unconfirmed),
        }],
        look_ups: vec![LookupRecord {
            kind: LookupKind::Subscriber,
            class: Some("unknown".into()),
            ms: Some(3_000),
        }],
        questions: vec![QuestionRecord {
            question: Question::ConfirmHome,
            outcome: Some(ListenCause::Digits),
            misses: 2,
        }],
        misses: 2,
        dead_air_ms: 1_900 + 500,
        longest_silence_ms: 1_900,
        resumes: 0,
        gaps: 2,
    }
}

fn write(recorder: &mut CallRecorder, entries: &[Entry]) {
    for entry in entries {
        match entry {
            Entry::Event { at, seq, event } => recorder.event(*at, *seq, event),
            Entry::Action { at, action } => recorder.action(*at, action),
            Entry::Ended { at, disposition } => recorder.ended(*at, *disposition),
            Entry::Header(_) | Entry::Gap { .. } => {}
        }
    }
}

fn read(path: &Path) -> Vec<Entry> {
    reader::read(path, &keys())
        .collect::<Result<_, _>>()
        .unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A service that drains ends all its calls at once: their records are still read.
#[test]
fn thousands_of_calls_that_end_at_once_leave_their_records() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::to_folder(folder.path(), keys(), Retention::FOR_EVER).unwrap();
    let mut running = Vec::new();
    for number in 0..6_000 {
        let mut header = header(0);
        Arc::make_mut(&mut header.offer).call_key = format!("gw/call-{number}/7").into();
        let mut call = recorder.begin(header);
        write(&mut call, &whole_call());
        running.push(call);
        if number % 200 == 0 {
            assert!(recorder.flush(DEADLINE));
        }
    }
    assert!(recorder.flush(DEADLINE));
    drop(running);
    assert!(recorder.flush(DEADLINE));
    let records = folder.path().join("cdr/2026-01-11.jsonl");
    let read = reader::Lines::open(&records, &keys())
        .filter_map(Result::ok)
        .count();
    assert_eq!((read, recorder.lost()), (6_000, 0));
}

#[test]
fn a_folder_holds_each_segment_and_each_record() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::to_folder(folder.path(), keys(), Retention::FOR_EVER).unwrap();
    let call: Vec<Entry> = whole_call()
        .into_iter()
        .filter(|entry| !matches!(entry, Entry::Gap { .. }))
        .collect();
    // The gateway told nothing again: the second segment begins where the first stops.
    let (first, second) = call.split_at(10);

    let mut segment = recorder.begin(header(0));
    write(&mut segment, first);
    drop(segment);
    let mut segment = recorder.begin(header(1));
    write(&mut segment, second);
    drop(segment);
    assert!(recorder.flush(DEADLINE));

    // 20:00 UTC is the next day in Kazakhstan.
    let day = folder.path().join("journals/2026-01-11");
    let segments = [
        day.join("gw%2Fcall-1%2F7.0.jsonl"),
        day.join("gw%2Fcall-1%2F7.1.jsonl"),
    ];
    assert_eq!(read(&segments[0]), first);
    assert_eq!(read(&segments[1]), [&[head(1)], second].concat());
    assert_eq!((mode(&day), mode(&segments[0])), (0o700, 0o600));

    let records: Vec<Cdr> =
        reader::Lines::open(&folder.path().join("cdr/2026-01-11.jsonl"), &keys())
            .map(|line| serde_json::from_slice(&line.unwrap().text).unwrap())
            .collect();
    let at_crash = cdr::fold(first).unwrap();
    assert_eq!((at_crash.ended_ms, at_crash.disposition), (None, None));
    let whole = Cdr {
        resumes: 1,
        gaps: 0,
        ..whole_record()
    };
    assert_eq!(records, [at_crash, whole]);
}

#[test]
fn more_calls_than_open_files_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::to_folder(folder.path(), keys(), Retention::FOR_EVER).unwrap();
    let keyed = |call: u32| {
        let mut header = header(0);
        Arc::make_mut(&mut header.offer).call_key = format!("call-{call}").into();
        header
    };
    let mut calls: Vec<CallRecorder> = (0..600).map(|call| recorder.begin(keyed(call))).collect();
    for call in &mut calls {
        call.event(CallTime::from_ms(5), Some(2), &Event::Answered);
    }
    drop(calls);
    assert!(recorder.flush(DEADLINE));
    for call in 0..600 {
        let path = folder
            .path()
            .join(format!("journals/2026-01-11/call-{call}.0.jsonl"));
        let expected = [
            Entry::Header(Box::new(keyed(call))),
            event(5, 2, Event::Answered),
        ];
        assert_eq!(read(&path), expected);
    }
}

/// A pipe that nobody reads stands for a disk that stands still.
#[test]
fn a_disk_that_stands_still_costs_entries_and_never_time() {
    const SENT: u32 = 100_000;
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::to_folder(folder.path(), keys(), Retention::FOR_EVER).unwrap();
    let day = folder.path().join("journals/2026-01-11");
    fs::create_dir(&day).unwrap();
    let pipe = day.join("gw%2Fcall-1%2F7.0.jsonl");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());

    let mut second = header(0);
    Arc::make_mut(&mut second.offer).call_key = "call-2".into();
    let mut calls = [header(0), second].map(|header| recorder.begin(header));
    for at in 0..SENT {
        for call in &mut calls {
            call.event(CallTime::from_ms(at), None, &Event::Woke);
        }
    }
    drop(calls);
    assert!(
        !recorder.flush(Duration::from_millis(1)),
        "the writer hangs in the pipe"
    );

    let journal = thread::spawn(move || read(&pipe));
    assert!(recorder.flush(DEADLINE));
    let counted = recorder.lost();
    drop(recorder);
    let mut written = 0;
    let mut lost = 0;
    let second = read(&day.join("call-2.0.jsonl"));
    for entry in journal.join().unwrap().into_iter().chain(second) {
        match entry {
            Entry::Event { .. } => written += 1,
            Entry::Gap { entries } => lost += entries,
            Entry::Header(_) | Entry::Action { .. } | Entry::Ended { .. } => {}
        }
    }
    assert!(lost > 0, "the queue is bounded");
    assert_eq!(written + lost, 2 * u64::from(SENT));
    assert_eq!(counted, lost, "what is lost is counted");
}

#[test]
fn a_torn_tail_is_passed_over_and_written_on_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder
        .path()
        .join("journals/2026-01-11/gw%2Fcall-1%2F7.0.jsonl");
    let recorder = Recorder::to_folder(folder.path(), keys(), Retention::FOR_EVER).unwrap();
    drop(recorder.begin(header(0)));
    assert!(recorder.flush(DEADLINE));
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], b"{\"event\":{\"at\":1"].concat()).unwrap();
    assert_eq!(read(&path), [head(0)]);

    drop(recorder.begin(header(0)));
    assert!(recorder.flush(DEADLINE));
    assert_eq!(read(&path), [head(0), head(0)]);
}

#[test]
fn a_reader_says_what_it_cannot_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let good = serde_json::to_string(&head(0)).unwrap();
    let said = |text: String| -> Vec<String> {
        fs::write(&path, text).unwrap();
        let keys = keys();
        let errors = reader::read(&path, &keys).filter_map(Result::err);
        let prefix = format!("{}:", path.display());
        errors.map(|e| e.to_string().replace(&prefix, "")).collect()
    };
    let secret = "{\"event\":{\"at\":1,\"event\":{\"+77011234567\":1}}}";
    assert_eq!(
        said(format!("{good}\nnonsense\n{secret}\n")),
        ["2: not JSON, at byte 1", "3: not an entry, at byte 40"]
    );
    assert_eq!(
        said("{\"gap\":{\"entries\":1}}\n".to_owned()),
        ["1: a journal begins with a header"]
    );
    let newer = "{\"header\":{\"format\":3,\"all\":\"else\"}}\n{\"gap\":{\"entries\":1}}\n";
    assert_eq!(
        said(newer.to_owned()),
        ["1: written in form 3, this build reads up to 2: use a newer build"]
    );
    let absent = folder.path().join("absent.jsonl");
    let errors: Vec<String> = reader::read(&absent, &keys())
        .filter_map(Result::err)
        .map(|e| e.to_string())
        .collect();
    let name = absent.display();
    assert_eq!(
        errors,
        [format!(
            "cannot read `{name}`: No such file or directory (os error 2)"
        )]
    );
}

#[test]
fn in_memory_keeps_a_call_and_nowhere_keeps_nothing() {
    let call: Vec<Entry> = whole_call()
        .into_iter()
        .filter(|entry| !matches!(entry, Entry::Gap { .. }))
        .collect();
    let recorder = Recorder::in_memory();
    write(&mut recorder.begin(header(0)), &call);
    assert_eq!(recorder.entries("gw/call-1/7"), call);
    assert_eq!(recorder.call_keys(), ["gw/call-1/7"]);

    let recorder = Recorder::nowhere();
    write(&mut recorder.begin(header(0)), &call);
    assert_eq!(recorder.entries("gw/call-1/7"), []);
}
