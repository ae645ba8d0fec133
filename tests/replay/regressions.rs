//! Mistakes in a flow, each found by the recordings of the call scripts, and what is said of it: the
//! groups by where the calls part, with their calls.

use dana::call::{Disposition, OtherReason, TransferReason};
use dana::flow::{Body, Flow, Outcome, StepId};
use dana::replay::report::{Kind, Report};
use std::fmt::Write;

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
    let mut text = String::new();
    for (key, group) in groups {
        let _ = writeln!(text, "{} {key}", group.calls);
    }
    let _ = writeln!(text, "{} the same", report.same);
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
        "
1 different  fee: tells fee_unpaid -> transfers to operator: fee_disputed  =>  disposition informed_fee -> caller_hung_up; no longer told fee_unpaid
2 different  fee: tells fee_unpaid -> transfers to operator: fee_disputed  =>  no longer told fee_unpaid
1 different  fee: tells fee_unpaid -> transfers to operator: fee_disputed  =>  transfer operator: caller_asked -> operator: fee_disputed; no longer told fee_unpaid
1 different  fee: tells fee_unpaid -> transfers to operator: fee_disputed  =>  transfer operator: tv -> operator: fee_disputed; no longer told fee_unpaid
4 cannot_know  fee: tells fee_unpaid -> transfers to operator: fee_disputed; then transfer to operator was never met in the recording
251 the same",
    );
}

/// Nobody was recorded who heard that no ticket is created after he had said yes: what he would say
/// to that is not made up.
#[test]
fn yes_and_no_changed_over_at_the_offer() {
    finds(
        |flow| {
            leads(flow, "offer", Outcome::Yes, "declined");
            leads(flow, "offer", Outcome::No, "create");
        },
        "
14 cannot_know  offer: tells ticket_creating -> tells ticket_declined; then question anything_else is met after other facts were told
15 cannot_know  offer: tells ticket_creating -> tells ticket_declined; then question anything_else was never met in the recording
1 cannot_know  offer: tells ticket_creating -> tells ticket_declined; then question anything_else, visit 2 is met after other facts were told
1 cannot_know  offer: tells ticket_creating -> tells ticket_declined; then question anything_else, visit 3 is met after other facts were told
3 cannot_know  offer: tells ticket_declined -> tells ticket_creating; then transfer to operator was never met in the recording
226 the same",
    );
}

#[test]
fn an_outage_that_is_not_told() {
    finds(
        |flow| leads(flow, "check_outage", Outcome::Known, "check_tickets"),
        "
1 different  check_outage: tells outage -> transfers to operator: existing_ticket_overdue  =>  no longer told outage
1 cannot_know  check_outage: tells outage -> asks open; then question confirm_home is met after other facts were told
16 cannot_know  check_outage: tells outage -> asks open; then question open was never met in the recording
1 cannot_know  check_outage: tells outage -> tells ticket_exists; then question anything_else is put in another language
241 the same",
    );
}

#[test]
fn a_wrong_reason_for_a_transfer() {
    let reason = "transfers to operator: existing_ticket_overdue -> transfers to operator: caller_asked  =>  transfer operator: existing_ticket_overdue -> operator: caller_asked";
    let steps = "2 different  check_tickets\n1 different  fault_tickets\n1 different  offer_tickets\n1 different  open\n1 different  visit_tickets";
    let lines = steps.lines().map(|step| format!("{step}: {reason}\n"));
    finds(
        |flow| {
            let step = id(flow, "operator_overdue");
            if let Body::Transfer { reason, .. } = &mut flow.step_mut(step).body {
                *reason = Some(TransferReason::Other(OtherReason::CallerAsked));
            }
        },
        &format!("{}254 the same", lines.collect::<String>()),
    );
}

#[test]
fn a_mobile_question_that_counts_as_answered() {
    finds(
        |flow| {
            let step = id(flow, "mobile_116");
            flow.step_mut(step).outcome = Some(Disposition::InformedTopic);
        },
        "
5 different  more: hangs up: redirected_116 -> hangs up: informed_topic  =>  disposition redirected_116 -> informed_topic
255 the same",
    );
}

#[test]
fn a_silent_caller_who_is_no_longer_told_of_other_channels() {
    finds(
        |flow| leads(flow, "operator_silent", Outcome::NoAnswer, "bye"),
        "
1 different  operator_silent: tells other_channels -> hangs up: ended_declined  =>  disposition ended_no_input -> ended_declined; no longer told other_channels
259 the same",
    );
}
