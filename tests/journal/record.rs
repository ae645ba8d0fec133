//! The call's record: a fold over the journal and nothing else.

use dana::call::Disposition;
use dana::call::Question;
use dana::call::Queue;
use dana::dialog::action::Action;
use dana::dialog::event::EndedBy;
use dana::dialog::event::Event;
use dana::dialog::event::ListenCause;
use dana::dialog::event::TransferResult;
use dana::journal::Entry;
use dana::journal::cdr;
use dana::journal::cdr::Cdr;
use dana::journal::cdr::LeftAt;
use dana::journal::cdr::QuestionRecord;
use dana::lookup::TicketResult;
use dana::time::CallTime;

use crate::journal::action;
use crate::journal::call_ended;
use crate::journal::event;
use crate::journal::head;
use crate::journal::listen;
use crate::journal::listened;
use crate::journal::order;
use crate::journal::transfer;
use crate::journal::transferred;
use crate::journal::whole_call;
use crate::journal::whole_record;

fn empty_record() -> Cdr {
    cdr::fold(&[head(0)]).unwrap()
}

#[test]
fn a_record_is_all_that_the_journal_says() {
    assert_eq!(cdr::fold(&whole_call()), Some(whole_record()));
    assert_eq!(cdr::fold(&[]), None);
}

#[test]
fn a_record_is_displayed_with_its_number_masked() {
    assert_eq!(
        whole_record().to_string(),
        "2026-01-10T20:00:00Z call-1 from +770***67: transferred_operator after 20.400 s, \
         2.400 s of dead air"
    );
}

#[test]
fn how_a_call_ended() {
    let created = || {
        Event::TicketFinished(TicketResult::Created {
            id: "TT-1".to_owned(),
        })
    };
    let hang_up = || Action::HangUp {
        q850_cause: 16,
        disposition: Disposition::InformedFee,
    };
    let ended = |at, disposition| Entry::Ended {
        at: CallTime::from_ms(at),
        disposition,
    };
    let caller = || event(9, 3, call_ended(EndedBy::Caller));
    for (entries, expected) in [
        (vec![], None),
        (vec![caller()], Some(Disposition::CallerHungUp)),
        (
            vec![event(9, 3, call_ended(EndedBy::Network))],
            Some(Disposition::Failed),
        ),
        (
            vec![action(1, order()), caller()],
            Some(Disposition::TicketUnconfirmed),
        ),
        (
            vec![action(1, order()), event(2, 0, created()), caller()],
            Some(Disposition::TicketCreated),
        ),
        (
            vec![action(1, hang_up()), caller()],
            Some(Disposition::InformedFee),
        ),
        (
            vec![
                action(1, transfer(1, Queue::Universal)),
                event(2, 2, transferred(1, TransferResult::Connected)),
            ],
            Some(Disposition::TransferredUniversal),
        ),
        (
            vec![
                action(1, hang_up()),
                caller(),
                ended(9, Disposition::EndedDeclined),
            ],
            Some(Disposition::EndedDeclined),
        ),
    ] {
        let journal: Vec<Entry> = [head(0)].into_iter().chain(entries).collect();
        let disposition = cdr::fold(&journal).unwrap().disposition;
        assert_eq!(disposition, expected, "{journal:#?}");
    }
}

#[test]
fn what_the_gateway_tells_again_after_a_resume_counts_once() {
    let first = vec![
        head(0),
        event(100, 2, Event::Answered),
        action(100, listen(2, Question::Open)),
        event(5_000, 3, listened(2, ListenCause::NoInput)),
        action(5_000, listen(3, Question::Open)),
    ];
    let second = vec![
        head(1),
        event(6_000, 0, Event::Resumed),
        event(6_000, 3, listened(2, ListenCause::NoInput)),
        action(6_000, listen(3, Question::Open)),
        event(7_000, 4, call_ended(EndedBy::Caller)),
    ];
    let expected = Cdr {
        answered_ms: Some(100),
        ended_ms: Some(7_000),
        duration_ms: 7_000,
        disposition: Some(Disposition::CallerHungUp),
        left_at: Some(LeftAt::Question),
        questions: vec![QuestionRecord {
            question: Question::Open,
            outcome: None,
            misses: 1,
        }],
        misses: 1,
        resumes: 1,
        ..empty_record()
    };
    assert_eq!(
        cdr::fold(&cdr::join([first.clone(), second.clone()])),
        Some(expected)
    );

    let joined = cdr::join([first.clone(), second.clone()]);
    assert_eq!(joined, [&first[..3], &second[..]].concat());
}
