//! What is counted, and what is not called contained.

use dana::call::{Disposition, OtherReason, PhoneNumber, Question, Queue, TransferReason};
use dana::dialog::event::{ListenCause, TransferResult};
use dana::journal::Entry;
use dana::journal::cdr::{Cdr, LeftAt, LookupRecord, QuestionRecord, TransferRecord, fold};
use dana::lookup::LookupKind;
use dana::report::{Outcomes, Report, Spread};
use dana::time::WallTime;

use super::{records, some_calls};

const HOUR: i64 = 60 * 60 * 1000;

/// A call of a number, so many hours in, that ended so.
fn call(number: &str, hours: i64, disposition: Disposition) -> Cdr {
    let header = match &some_calls()[0][0] {
        Entry::Header(header) => header.clone(),
        Entry::Event { .. } | Entry::Action { .. } | Entry::Gap { .. } | Entry::Ended { .. } => {
            unreachable!("a call begins with its header")
        }
    };
    let cdr = fold(&[Entry::Header(header)]).unwrap();
    Cdr {
        from: PhoneNumber::parse(number),
        began: WallTime::from_unix_ms(1_768_000_000_000 + hours * HOUR),
        bundle: "b0".into(),
        disposition: Some(disposition),
        ..cdr
    }
}

#[test]
fn contained_is_who_was_helped_and_did_not_call_again() {
    let told = Disposition::InformedTopic;
    let mut report = Report::default();
    for cdr in [
        // Helped, and quiet for more than a day.
        call("+77000000001", 0, told),
        call("+77000000001", 25, Disposition::CallerHungUp),
        // Helped, and calls again the same day: twice not contained, the third is.
        call("+77000000002", 0, Disposition::TicketCreated),
        call("+77000000002", 23, told),
        call("+77000000002", 40, told),
        // A person; nothing; nobody knows.
        call("+77000000003", 1, Disposition::TransferredOperator),
        call("+77000000003", 2, Disposition::EndedDeclined),
        call("withheld", 3, told),
        Cdr {
            disposition: None,
            ..call("+77000000004", 4, told)
        },
        // Too near to the end of the archive to say.
        call("+77000000005", 80, told),
        call("+77000000006", 90, Disposition::TransferFailedInformed),
    ] {
        report.add(&cdr);
    }
    let reported = report.finish();
    let expected = Outcomes {
        contained: 4,
        called_again: 2,
        handed_over: 1,
        abandoned: 1,
        not_helped: 2,
        no_end: 1,
        contained_unknown_number: 1,
        contained_too_recent: 1,
    };
    assert_eq!(reported.all.outcomes, expected);
    assert_eq!(reported.versions["b0"].outcomes, expected);
    assert_eq!((reported.all.calls, reported.versions.len()), (11, 1));
}

#[test]
fn what_is_counted_does_not_depend_on_the_order_and_versions_stay_apart() {
    let mut calls = records();
    calls
        .iter_mut()
        .skip(100)
        .for_each(|cdr| cdr.bundle = "another".into());
    let report = |calls: &mut dyn Iterator<Item = &Cdr>| {
        let mut report = Report::default();
        calls.for_each(|cdr| report.add(cdr));
        report.finish()
    };
    let forwards = report(&mut calls.iter());
    assert_eq!(forwards, report(&mut calls.iter().rev()));
    assert_eq!(forwards.versions["another"].calls, 140);
    assert_eq!(forwards.all.calls, 240);
    let outcomes = forwards.all.outcomes;
    let all = outcomes.contained
        + outcomes.called_again
        + outcomes.handed_over
        + outcomes.abandoned
        + outcomes.not_helped
        + outcomes.no_end;
    assert_eq!(all, 240);
}

#[test]
fn where_callers_give_up_and_what_was_recovered() {
    let asked = |misses, outcome| QuestionRecord {
        question: Question::ConfirmHome,
        outcome: Some(outcome),
        misses,
    };
    let mut report = Report::default();
    report.add(&Cdr {
        left_at: Some(LeftAt::Question),
        questions: vec![
            asked(0, ListenCause::Speech),
            asked(2, ListenCause::Digits),
            asked(1, ListenCause::CallEnded),
        ],
        ..call("+77000000001", 0, Disposition::CallerHungUp)
    });
    report.add(&Cdr {
        left_at: Some(LeftAt::Transfer),
        ..call("+77000000001", 0, Disposition::CallerHungUp)
    });
    let all = report.finish().all;
    let given_up: Vec<(&str, u64)> = all.given_up.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    assert_eq!(
        given_up,
        [
            ("question confirm_home", 1),
            ("transfer, last asked: before any question", 1)
        ]
    );
    let figures = all.questions["confirm_home"];
    assert_eq!(
        (
            figures.visits,
            figures.at_once,
            figures.recovered,
            figures.lost,
            figures.misses
        ),
        (3, 1, 1, 1, 3)
    );
}

#[test]
fn a_spread_is_exact_to_two_digits() {
    let mut spread = Spread::default();
    (1..=1000).for_each(|figure| spread.add(figure));
    let percentiles = [1, 50, 90, 99, 100].map(|percent| spread.percentile(percent));
    assert_eq!(percentiles, [10, 500, 900, 990, 1000]);
    assert_eq!((spread.mean(), spread.most()), (500, 1000));
    assert_eq!(Spread::default().percentile(50), 0);
}

/// Of two callers who were asked three times, one was understood in the end; of two questions to a back end,
/// one was answered: there is no outage.
#[test]
fn who_is_given_up_has_not_answered_and_no_answer_is_no_class() {
    let visit = QuestionRecord {
        question: Question::Open,
        misses: 2,
        outcome: Some(ListenCause::Speech),
    };
    let asked = |class: Option<&str>| LookupRecord {
        kind: LookupKind::Outage,
        class: class.map(|class| class.to_owned().into()),
        ms: class.map(|_| 40),
    };
    let given_up = Cdr {
        questions: vec![visit.clone()],
        transfers: vec![TransferRecord {
            queue: Queue::Operator,
            reason: TransferReason::Other(OtherReason::NotUnderstood),
            result: Some(TransferResult::Connected),
        }],
        look_ups: vec![asked(None)],
        ..call("+77000000001", 0, Disposition::TransferredOperator)
    };
    let understood = Cdr {
        questions: vec![visit],
        look_ups: vec![asked(Some("none"))],
        ..call("+77000000002", 0, Disposition::TicketCreated)
    };
    let mut report = Report::default();
    report.add(&given_up);
    report.add(&understood);
    let all = report.finish().all;
    let open = all.questions["open"];
    assert_eq!((open.visits, open.recovered, open.lost), (2, 1, 1));
    let classes = &all.look_ups["outage"].classes;
    assert_eq!((classes["none"], classes["unanswered"]), (1, 1));
}
