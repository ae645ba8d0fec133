//! Recordings as a supervisor and QA meet them: traffic that could have been, lists, reports,
//! redaction, sound.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

mod commands;
mod report;
mod sound;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use dana::bundle::{Bundle, EXAMPLES};
use dana::call::Disposition;
use dana::dialog::event::Event;
use dana::journal::cdr::fold;
use dana::journal::{Entry, cdr::Cdr};
use dana::lookup::{Finding, Line, SubscriberFinding};
use dana::redact::{Redactor, Refused};
use dana::replay::again::{Again, again};
use dana::retrace::{does_the_same, retrace};
use dana::seal::Keys;
use dana::traffic::{Traffic, Wanted, Words};
use jiff::civil::date;

use crate::replay::{BUNDLE, RECORDINGS};

fn bundle() -> Arc<Bundle> {
    static BUNDLE: OnceLock<Arc<Bundle>> = OnceLock::new();
    let load = || Bundle::load(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    Arc::clone(BUNDLE.get_or_init(load))
}

fn words() -> Words {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(EXAMPLES);
    Words::read(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn traffic(seed: u64, calls: u64) -> Traffic {
    let wanted = Wanted {
        seed,
        calls,
        from: date(2026, 1, 12),
        days: 7,
    };
    Traffic::new(bundle(), words(), wanted)
}

/// Calls enough for most of what there is.
pub(crate) fn some_calls() -> &'static [Vec<Entry>] {
    static CALLS: OnceLock<Vec<Vec<Entry>>> = OnceLock::new();
    CALLS.get_or_init(|| {
        let traffic = traffic(1, 240);
        (0..240).map(|number| traffic.call(number)).collect()
    })
}

fn records() -> Vec<Cdr> {
    some_calls().iter().filter_map(|call| fold(call)).collect()
}

#[test]
fn traffic_is_that_of_its_seed_in_the_order_of_time() {
    let calls = some_calls();
    let again = traffic(1, 240);
    for number in [239, 0, 120] {
        assert_eq!(again.call(number), calls[usize::try_from(number).unwrap()]);
    }
    assert_ne!(traffic(2, 240).call(5), calls[5]);
    let began: Vec<i64> = records().iter().map(|cdr| cdr.began.unix_ms()).collect();
    assert!(began.is_sorted());
    let keys: BTreeSet<String> = records()
        .into_iter()
        .map(|cdr| cdr.call_key.to_string())
        .collect();
    assert_eq!(keys.len(), 240);
}

#[test]
fn traffic_has_what_a_week_has() {
    let dispositions: BTreeSet<Option<Disposition>> =
        records().iter().map(|cdr| cdr.disposition).collect();
    for expected in [
        Disposition::TicketCreated,
        Disposition::InformedOutage,
        Disposition::InformedTopic,
        Disposition::TransferredOperator,
        Disposition::CallerHungUp,
    ] {
        assert!(
            dispositions.contains(&Some(expected)),
            "{expected}: {dispositions:?}"
        );
    }
    let records = records();
    let withheld = records.iter().filter(|cdr| cdr.from.is_none()).count();
    let again = records.iter().filter(|cdr| {
        let same = |other: &&Cdr| other.from == cdr.from && cdr.from.is_some();
        records.iter().filter(same).count() > 1
    });
    assert!(withheld > 0 && again.count() > 0);
    let evening = records
        .iter()
        .filter(|cdr| cdr.began.in_kazakhstan().hour() >= 18);
    let night = records
        .iter()
        .filter(|cdr| (1..6).contains(&cdr.began.in_kazakhstan().hour()));
    assert!(evening.count() > 5 * night.count());
}

#[test]
fn a_recording_leads_through_the_dialog_once_more() {
    for call in some_calls() {
        let retraced = retrace(&bundle(), call).unwrap();
        assert!(does_the_same(call, &retraced.entries));
        assert!(retraced.punctual);
        assert!(!retraced.passed.is_empty() || call.len() < 5);
    }
}

/// With a shorter prompt the media side would not have been silent for as long.
#[test]
fn a_wake_up_that_is_due_and_not_recorded_is_seen() {
    let mut call = some_calls()[0].clone();
    let first = |event: &Event| matches!(event, Event::PlaybackFinished { .. });
    let mut late = false;
    for entry in &mut call {
        if let Entry::Event { at, event, .. } = entry {
            late |= first(event);
            *at = at.plus(if late { 60_000 } else { 0 });
        }
    }
    assert!(!retrace(&bundle(), &call).unwrap().punctual);
}

fn lines(call: &[Entry]) -> Vec<Line> {
    let of = |entry: &Entry| match entry {
        Entry::Event {
            event: Event::Found(Finding::Subscriber(SubscriberFinding::Known(known))),
            ..
        } => Some(known.lines.clone()),
        Entry::Header(_)
        | Entry::Event { .. }
        | Entry::Action { .. }
        | Entry::Gap { .. }
        | Entry::Ended { .. } => None,
    };
    call.iter().find_map(of).unwrap_or_default()
}

fn text(call: &[Entry]) -> String {
    let line = |entry: &Entry| serde_json::to_string(entry).unwrap() + "\n";
    call.iter().map(line).collect()
}

#[test]
fn a_redacted_call_holds_nothing_of_a_person_and_goes_the_same_way() {
    let key = Keys::new([(1, [1; 32])]).pseudonyms().unwrap();
    let redactor = Redactor::new(bundle(), words(), key);
    let (mut redacted, mut refused) = (0, 0);
    for call in some_calls() {
        let own = match redactor.redact(call) {
            Ok(own) => own,
            Err(Refused::GoesElsewhere) => {
                refused += 1;
                continue;
            }
            Err(why) => panic!("{why}"),
        };
        redacted += 1;
        let (old, new) = (fold(call).unwrap(), fold(&own).unwrap());
        assert_eq!(
            (old.disposition, old.transfers, old.misses, old.duration_ms),
            (new.disposition, new.transfers, new.misses, new.duration_ms)
        );
        assert!(does_the_same(
            &retrace(&bundle(), &own).unwrap().entries,
            call
        ));
        let shown = text(&own);
        let mut secrets: Vec<String> = lines(call)
            .into_iter()
            .flat_map(|line| {
                [
                    line.login.reveal().to_owned(),
                    line.address.unwrap().reveal().to_owned(),
                ]
            })
            .collect();
        secrets.extend(old.from.map(|number| number.reveal().to_owned()));
        secrets.push(old.call_key.to_string());
        for secret in secrets {
            assert!(!shown.contains(&secret), "{secret} in\n{shown}");
        }
    }
    // What cannot be shown to go the same way is rare, and refused.
    assert!(
        refused * 20 <= redacted,
        "{refused} of {}",
        redacted + refused
    );
}

/// Every call of the scripts, those who ask for a language among them.
#[test]
fn a_redacted_call_replays_to_the_byte() {
    let key = Keys::new([(1, [1; 32])]).pseudonyms().unwrap();
    let redactor = Redactor::new(Arc::clone(&BUNDLE), words(), key);
    let (mut replayed, mut differ) = (0, Vec::new());
    for (name, call) in RECORDINGS.iter() {
        let Ok(own) = redactor.redact(call) else {
            continue;
        };
        match again(&BUNDLE, &own) {
            Some(Again::Identical) => replayed += 1,
            other => differ.push((name, other)),
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
    assert!(
        replayed * 10 > RECORDINGS.len() * 8,
        "{replayed} of {}",
        RECORDINGS.len()
    );
}

/// A caller who hangs up while he keys, and a recording that breaks off there.
#[test]
fn keys_that_were_no_answer_are_redacted_too() {
    let key = Keys::new([(1, [1; 32])]).pseudonyms().unwrap();
    let redactor = Redactor::new(bundle(), words(), key);
    let keyed = |call: &[Entry]| -> String {
        let digit = |entry: &Entry| match entry {
            Entry::Event {
                event: Event::DtmfReceived { digit, .. },
                ..
            } => Some(digit.as_char()),
            Entry::Event { .. }
            | Entry::Header(_)
            | Entry::Action { .. }
            | Entry::Gap { .. }
            | Entry::Ended { .. } => None,
        };
        call.iter().filter_map(digit).collect()
    };
    let answers = |entry: &Entry| {
        matches!(
            entry,
            Entry::Event {
                event: Event::ListenFinished { .. },
                ..
            }
        )
    };
    let mut tried = 0;
    for call in some_calls() {
        let asked = |at: usize| call[..at].iter().rposition(answers).unwrap_or(0);
        let begins = |at: &usize| keyed(&call[asked(*at)..*at]).len() == 4;
        let Some(at) = (0..call.len()).find(begins) else {
            continue;
        };
        let own = redactor.redact(&call[..at]).unwrap();
        assert_ne!(keyed(&own[asked(at)..]), keyed(&call[asked(at)..at]));
        tried += 1;
    }
    assert!(tried > 0, "nobody keys in these calls");
}

#[test]
fn redaction_calls_the_same_by_the_same_name_and_another_flow_is_refused() {
    let redactor = |key: u8| {
        let key = Keys::new([(1, [key; 32])]).pseudonyms().unwrap();
        Redactor::new(bundle(), words(), key)
    };
    let one = redactor(1);
    let calls = some_calls();
    assert_eq!(one.redact(&calls[0]), redactor(1).redact(&calls[0]));
    let name = |call: &[Entry]| fold(call).unwrap().from;
    let other = redactor(2).redact(&calls[0]).unwrap();
    assert_ne!(name(&one.redact(&calls[0]).unwrap()), name(&other));
    let mut foreign = calls[0].clone();
    if let Entry::Header(header) = &mut foreign[0] {
        header.bundle = "another".into();
    }
    assert_eq!(
        one.redact(&foreign),
        Err(Refused::OtherFlow("another".to_owned()))
    );
    assert_eq!(one.redact(&calls[0][1..]), Err(Refused::NoBeginning));
}
