//! What carries over and what does not: each reason why a call cannot be known, and the cases next
//! to it that can.

use std::sync::{Arc, LazyLock};

use dana::bundle::Bundle;
use dana::call::BargeIn;
use dana::dialog::event::{EndedBy, Event};
use dana::flow::{Flow, Outcome};
use dana::journal::Entry;
use dana::replay::unknown::Why;
use dana::replay::verdict::{Candidate, Verdict, compare};
use dana::replay::what_if::what_if;
use proptest::prelude::*;

use crate::replay::regressions::{id, leads};
use crate::replay::{BUNDLE, RECORDINGS, with};

fn recording(script: &str) -> &'static [Entry] {
    let wanted = format!("{script}.call");
    let mut all = RECORDINGS.iter();
    let (_, entries) = all.find(|(name, _)| *name == wanted).expect("a script");
    entries
}

/// The verdict in a word or two.
fn verdict(candidate: &Candidate, entries: &[Entry]) -> String {
    match compare(candidate, entries).expect("a header").verdict {
        Verdict::Same { another_way: false } => "same".to_owned(),
        Verdict::Same { another_way: true } => "same, another way".to_owned(),
        Verdict::Different => "different".to_owned(),
        Verdict::CannotKnow(unknown) => unknown.to_string(),
    }
}

fn limit(change: &str) -> Candidate {
    let bundle = what_if(&BUNDLE, change).expect("a limit");
    Candidate::new(Arc::new(bundle), Some(Arc::clone(&BUNDLE)))
}

#[test]
fn limits() {
    for (change, script, expected) in [
        // The caller was silent for 5 s: with 3 s he would have been silent too.
        ("limits.no_input=3s", "silence_to_the_end", "same"),
        (
            "limits.no_input=7s",
            "silence_to_the_end",
            "question open waits longer than the caller was silent",
        ),
        ("limits.no_input=7s", "fee_unpaid", "same"),
        // He began to speak 0.8 s after the question: the silence is known, the words after it are not.
        (
            "limits.no_input=700ms",
            "fee_unpaid",
            "question open, asked 2 times was never met in the recording",
        ),
        ("limits.inter_digit=4s", "several_logins_by_key", "same"),
        (
            "limits.inter_digit=4s",
            "login_keyed_without_the_last_key",
            "question ask_login collects keys otherwise",
        ),
        ("limits.ring_timeout=10s", "transfer_rings_out", "same"),
        (
            "limits.ring_timeout=40s",
            "transfer_rings_out",
            "transfer to operator waits longer than was waited for",
        ),
        ("limits.max_speech=16s", "fee_unpaid", "same"),
    ] {
        let found = verdict(&limit(change), recording(script));
        assert_eq!(found, expected, "{change} on {script}");
    }
}

#[test]
fn a_limit_that_is_none_is_said() {
    for (change, problem) in [
        ("limits.no_input=soon", "`soon` is no value"),
        ("limits.nothing=7s", "no limit is called `nothing`"),
        ("limits.no_input=1ms", "no_input_ms is 100 to 120000, not 1"),
        ("limits.accept=0.1", "contradicts another limit"),
        (
            "steps.nowhere.barge_in_after=1s",
            "no step is called `nowhere`",
        ),
        ("prompts.open=1", "`prompts.open` is no limit"),
        ("limits.no_input", "changes nothing"),
    ] {
        let said = what_if(&BUNDLE, change).expect_err(change);
        assert!(said.contains(problem), "{change}: {said}");
    }
}

#[test]
fn steps() {
    type Change = fn(&mut Flow);
    let cases: [(&str, Change, &str, &str); 6] = [
        (
            "an offer that may not be cut",
            |flow| {
                let offer = id(flow, "offer");
                flow.step_mut(offer).barge_in = BargeIn::None;
            },
            "yes_in_other_words",
            "same",
        ),
        (
            "a question that was never asked",
            |flow| leads(flow, "created", Outcome::Next, "equipment"),
            "cable_fault_ticket_ru",
            "question at_home was never met in the recording",
        ),
        (
            "the terms left out before a question",
            |flow| leads(flow, "created", Outcome::Next, "more"),
            "cable_fault_ticket_ru",
            "question anything_else is met after other facts were told",
        ),
        (
            "an operator who was never called",
            |flow| leads(flow, "created", Outcome::Next, "operator_asked"),
            "cable_fault_ticket_ru",
            "transfer to operator was never met in the recording",
        ),
        (
            "a ticket without what it needs: the operator has the caller",
            |flow| leads(flow, "unpaid", Outcome::No, "create"),
            "fee_unpaid",
            "transfer to operator was never met in the recording",
        ),
        (
            "no waiting for the fee",
            |flow| leads(flow, "cable", Outcome::Next, "offer_tickets"),
            "fee_unpaid",
            "question confirm_ticket was never met in the recording",
        ),
    ];
    for (name, change, script, expected) in cases {
        let found = verdict(&with(change), recording(script));
        assert_eq!(found, expected, "{name}");
    }
}

/// Wording is no stimulus: answers carry over to the same question in other words, and it is said.
#[test]
fn other_words_are_the_same_question() {
    let mut bundle = Bundle::clone(&BUNDLE);
    let open_more = bundle.catalog.find("open_silence_2").expect("a prompt");
    bundle.flow = Arc::new(bundle.flow.with(|flow| {
        let open = id(flow, "open");
        flow.step_mut(open).say = vec![dana::flow::Said::Prompt(open_more)];
    }));
    let candidate = Candidate::new(Arc::new(bundle), Some(Arc::clone(&BUNDLE)));
    let compared = compare(&candidate, recording("fee_unpaid")).expect("a header");
    assert_eq!(compared.verdict, Verdict::Same { another_way: false });
    assert!(compared.reworded);
}

#[test]
fn a_gap_and_a_missing_end_or_beginning_can_only_give_cannot_know() {
    let own = Candidate::new(Arc::clone(&BUNDLE), None);
    let whole = recording("fee_unpaid");
    let why = |entries: &[Entry]| match compare(&own, entries).expect("a header").verdict {
        Verdict::CannotKnow(unknown) => Some(unknown.why),
        Verdict::Same { .. } | Verdict::Different => None,
    };
    let mut gap = whole.to_vec();
    gap.insert(9, Entry::Gap { entries: 1 });
    let mut later = whole.to_vec();
    if let Some(Entry::Header(header)) = later.first_mut() {
        header.resume = 1;
    }
    assert_eq!(why(whole), None);
    assert_eq!(why(&gap), Some(Why::Gap));
    assert_eq!(why(&later), Some(Why::NoBegin));
    assert_eq!(why(&whole[..whole.len() - 1]), Some(Why::NoEnd));
}

static CANDIDATES: LazyLock<Vec<Candidate>> = LazyLock::new(|| {
    vec![
        Candidate::new(Arc::clone(&BUNDLE), None),
        limit("limits.max_speech=14s"),
        limit("limits.no_input=3s"),
        limit("limits.ring_timeout=4s"),
        with(|flow| leads(flow, "fee", Outcome::Unpaid, "operator_fee")),
        with(|flow| leads(flow, "home", Outcome::Yes, "operator_asked")),
    ]
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is cut off, lost or never written down can only make less known.
    #[test]
    fn truncating_a_recording_can_only_turn_a_verdict_into_cannot_know(
        script in 0..RECORDINGS.len(),
        candidate in 0..CANDIDATES.len(),
        cut in 1..400usize,
        kept_end in any::<bool>(),
    ) {
        let candidate = &CANDIDATES[candidate];
        let (name, whole) = &RECORDINGS[script];
        let cut = cut % whole.len().max(2);
        let mut short = whole[..cut.max(1)].to_vec();
        if kept_end {
            // A writer that lost what lies between says so.
            short.push(Entry::Gap { entries: 1 });
            short.extend(whole.last().cloned());
        }
        let after = compare(candidate, &short).expect("a header").verdict;
        let unknown = matches!(after, Verdict::CannotKnow(_));
        prop_assert!(unknown, "{name} at {cut}: {after:?}");
    }

    /// Without one answer, a call is as known as before, or not at all.
    #[test]
    fn an_answer_that_is_not_there_is_never_made_up(
        script in 0..RECORDINGS.len(),
        candidate in 1..CANDIDATES.len(),
        lost in 0..40usize,
    ) {
        let candidate = &CANDIDATES[candidate];
        let (name, whole) = &RECORDINGS[script];
        let answers: Vec<usize> = (0..whole.len()).filter(|at| is_answer(&whole[*at])).collect();
        prop_assume!(!answers.is_empty());
        let lost = answers[lost % answers.len()];
        // Who hung up after the one that is lost has hung up while he was asked: that is known.
        prop_assume!(answers.last() != Some(&lost) || !whole.iter().any(hung_up));
        let mut without = whole.clone();
        without.remove(lost);
        let (before, after) = (verdict(candidate, whole), verdict(candidate, &without));
        let known = ["same", "same, another way", "different"].contains(&after.as_str());
        prop_assert!(!known || before == after, "{name}: {before}, then {after}");
    }
}

fn hung_up(entry: &Entry) -> bool {
    let Entry::Event { event, .. } = entry else {
        return false;
    };
    matches!(
        event,
        Event::CallEnded {
            by: EndedBy::Caller,
            ..
        }
    )
}

fn is_answer(entry: &Entry) -> bool {
    let Entry::Event { event, .. } = entry else {
        return false;
    };
    // A look-up or a ticket without an answer is one that was waited for in vain: that is known.
    matches!(
        event,
        Event::ListenFinished { .. } | Event::TransferFinished { .. }
    )
}
