//! Mistakes in a flow, each found by the recordings of the call scripts, and what is said of it.

use dana::call::{Disposition, OtherReason, TransferReason};
use dana::flow::{Body, Flow, Outcome, StepId};
use dana::replay::report::{Kind, Report};

use crate::replay::{report, with};

fn id(flow: &Flow, name: &str) -> StepId {
    let mut steps = flow.steps();
    let found = steps.find(|(_, step)| &*step.name == name);
    found.expect("a step of that name").0
}

fn leads(flow: &mut Flow, step: &str, by: Outcome, to: &str) {
    let (step, to) = (id(flow, step), id(flow, to));
    flow.step_mut(step).on.insert(by, to);
}

/// Verdicts in figures, and the lines of what is different.
fn found(report: &Report) -> (u64, u64, u64, Vec<String>) {
    let lines = report.groups.iter().filter(|(key, _)| key.verdict == Kind::Different);
    let lines = lines.map(|(key, group)| format!("{} {key}", group.calls));
    (report.same, report.different, report.cannot_know, lines.collect())
}

#[test]
fn an_unpaid_fee_that_is_no_longer_told() {
    let candidate = with(|flow| leads(flow, "fee", Outcome::Unpaid, "operator_fee"));
    println!("{:#?}", found(&report(&candidate)));
}

#[test]
fn yes_and_no_changed_over_at_the_offer() {
    let candidate = with(|flow| {
        leads(flow, "offer", Outcome::Yes, "declined");
        leads(flow, "offer", Outcome::No, "create");
    });
    println!("{:#?}", found(&report(&candidate)));
}

#[test]
fn an_outage_that_is_not_told() {
    let candidate = with(|flow| leads(flow, "check_outage", Outcome::Known, "check_tickets"));
    println!("{:#?}", found(&report(&candidate)));
}

#[test]
fn a_wrong_reason_for_a_transfer() {
    let candidate = with(|flow| {
        let step = id(flow, "operator_overdue");
        if let Body::Transfer { reason, .. } = &mut flow.step_mut(step).body {
            *reason = Some(TransferReason::Other(OtherReason::CallerAsked));
        }
    });
    println!("{:#?}", found(&report(&candidate)));
}

#[test]
fn terms_that_are_left_out() {
    let candidate = with(|flow| leads(flow, "created", Outcome::Next, "more"));
    println!("{:#?}", found(&report(&candidate)));
}

#[test]
fn a_disposition_that_is_forgotten() {
    let candidate = with(|flow| {
        let step = id(flow, "mobile_116");
        flow.step_mut(step).outcome = Some(Disposition::InformedTopic);
    });
    println!("{:#?}", found(&report(&candidate)));
}

#[test]
fn a_shorter_wait_for_the_line_test() {
    let candidate = with(|flow| {
        flow.limits.look_up_wait_ms = 2_500;
    });
    println!("{:#?}", found(&report(&candidate)));
}
#[test]
fn wif() {
    for c in ["limits.no_input=7s", "limits.no_input=3s", "limits.no_input=700ms", "limits.accept=0.9", "limits.reject=0.5", "limits.patience=3", "limits.ring_timeout=4s", "steps.offer.barge_in_after=9s", "limits.inter_digit=200ms", "limits.max_speech=1s"] {
        let b = dana::replay::what_if::what_if(&crate::replay::BUNDLE, c).unwrap();
        let candidate = dana::replay::verdict::Candidate::new(std::sync::Arc::new(b), Some(&crate::replay::BUNDLE));
        let r = report(&candidate);
        let lines: Vec<_> = r.groups.iter().map(|(k, g)| format!("{} {k} ({})", g.calls, g.examples[0])).collect();
        println!("{c}: {} {} {} {} {lines:#?}", r.same, r.another_way, r.different, r.cannot_know);
    }
}
