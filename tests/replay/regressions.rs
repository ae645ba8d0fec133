//! Mistakes in a flow, each found by the recordings of the call scripts, and what is said of it: the
//! groups by where the calls part, with their calls.

use dana::call::{Disposition, OtherReason, TransferReason};
use dana::flow::{Body, Flow, Outcome, StepId};
use dana::replay::report::{Kind, Report};

use crate::replay::{report, with};

pub(super) fn id(flow: &Flow, name: &str) -> StepId {
    let mut steps = flow.steps();
    let found = steps.find(|(_, step)| &*step.name == name);
    found.expect("a step of that name").0
}

pub(super) fn leads(flow: &mut Flow, step: &str, by: Outcome, to: &str) {
    let (step, to) = (id(flow, step), id(flow, to));
    flow.step_mut(step).on.insert(by, to);
}

/// The groups of what is different and of what cannot be known, and how many calls are the same.
fn found(report: &Report) -> String {
    let groups = report.groups.iter();
    let groups = groups.filter(|(key, _)| key.verdict != Kind::AnotherWay);
    let mut text: String = groups
        .map(|(key, group)| format!("{} {key}\n", group.calls))
        .collect();
    text.push_str(&format!("{} the same\n", report.same));
    text
}

fn finds(change: impl FnOnce(&mut Flow), expected: &str) {
    let found = found(&report(&with(change)));
    assert_eq!(found.trim(), expected.trim(), "\n{found}");
}

#[test]
fn an_unpaid_fee_that_is_no_longer_told() {
    finds(
        |flow| leads(flow, "fee", Outcome::Unpaid, "operator_fee"),
        "",
    );
}

#[test]
fn yes_and_no_changed_over_at_the_offer() {
    finds(
        |flow| {
            leads(flow, "offer", Outcome::Yes, "declined");
            leads(flow, "offer", Outcome::No, "create");
        },
        "",
    );
}

#[test]
fn an_outage_that_is_not_told() {
    finds(
        |flow| leads(flow, "check_outage", Outcome::Known, "check_tickets"),
        "",
    );
}

#[test]
fn a_wrong_reason_for_a_transfer() {
    finds(
        |flow| {
            let step = id(flow, "operator_overdue");
            if let Body::Transfer { reason, .. } = &mut flow.step_mut(step).body {
                *reason = Some(TransferReason::Other(OtherReason::CallerAsked));
            }
        },
        "",
    );
}

#[test]
fn a_mobile_question_that_counts_as_answered() {
    finds(
        |flow| {
            let step = id(flow, "mobile_116");
            flow.step_mut(step).outcome = Some(Disposition::InformedTopic);
        },
        "",
    );
}

#[test]
fn a_caller_who_gives_up_at_once_after_a_silence() {
    finds(
        |flow| leads(flow, "operator_silent", Outcome::NoAnswer, "bye"),
        "",
    );
}
