//! Reports of replays, as text and as JSON.

use std::fmt::Write as _;

use serde_json::json;

use crate::bundle::Bundle;
use crate::cli::out;
use crate::replay::again::Repeats;
use crate::replay::report::{Figures, Group, Key, Kind, Report};
use crate::replay::verdict::Candidate;
use crate::report::percent;

/// Groups of one step that are printed; the rest are counted. JSON has them all.
const GROUPS: usize = 8;
/// Steps that are printed.
const STEPS: usize = 12;

/// The replay on the same bundle.
pub(super) fn repeats(repeats: &Repeats, bundle: &Bundle) {
    for (key, difference) in &repeats.differences {
        out::data(&format!(
            "{key}  at {} s, step {}",
            difference.at, difference.step
        ));
        for field in &difference.fields {
            out::data(&format!("  {field}"));
        }
    }
    out::data(&format!(
        "{} calls replayed on bundle {}: {} to the byte, {} to the byte as far as they are recorded, {} differ",
        repeats.replayed(),
        bundle.hash,
        repeats.identical,
        repeats.as_far_as_they_go,
        repeats.differing
    ));
    if repeats.headless > 0 {
        out::data(&format!(
            "{} are recorded without their beginning: not replayed",
            repeats.headless
        ));
    }
    builds(repeats.builds.iter());
}

/// Another build may do what this one does not.
fn builds<'b>(builds: impl Iterator<Item = (&'b String, &'b u64)>) {
    let own = env!("CARGO_PKG_VERSION");
    for (build, calls) in builds.filter(|(build, _)| *build != own) {
        out::talk(&format!(
            "{calls} calls were recorded by build {build}, this is {own}"
        ));
    }
}

pub(super) fn repeats_json(repeats: &Repeats, bundle: &Bundle) {
    let difference = |(key, difference): &(String, crate::replay::again::Difference)| {
        json!({
            "call": key,
            "at_ms": difference.at.ms(),
            "step": &*difference.step,
            "fields": difference.fields,
        })
    };
    let differences: Vec<_> = repeats.differences.iter().map(difference).collect();
    out::json(&json!({
        "bundle": &*bundle.hash,
        "replayed": repeats.replayed(),
        "identical": repeats.identical,
        "as_far_as_they_go": repeats.as_far_as_they_go,
        "headless": repeats.headless,
        "differing": repeats.differing,
        "differences": differences,
        "other_bundles": repeats.other_bundles,
        "builds": repeats.builds,
    }));
}

/// The replay on a candidate.
pub(super) fn report(report: &Report, candidate: &Candidate) {
    let recorded: Vec<_> = report.bundles.keys().map(String::as_str).collect();
    out::data(&format!(
        "{} calls, recorded on bundle {}; candidate {}",
        thousands(report.calls()),
        recorded.join(", "),
        candidate.bundle.hash
    ));
    let same = format!(
        "{:>9}  end the same ({} by another way)",
        thousands(report.same),
        thousands(report.another_way)
    );
    out::data(&same);
    out::data(&format!(
        "{:>9}  end differently",
        thousands(report.different)
    ));
    out::data(&format!(
        "{:>9}  cannot be known, {}",
        thousands(report.cannot_know),
        percent(report.cannot_know, report.calls())
    ));
    if report.reworded > 0 {
        out::data(&format!(
            "In {} an answer was carried over to a question in other words.",
            thousands(report.reworded)
        ));
    }
    figures(report);
    groups(
        report,
        Kind::Different,
        "\nEnd differently, by the step where they part",
    );
    groups(
        report,
        Kind::CannotKnow,
        "\nCannot be known, by the step from where on",
    );
    groups(report, Kind::AnotherWay, "\nAnother way, the same ending");
    builds(report.builds.iter());
}

fn figures(report: &Report) {
    out::data(&format!(
        "\nWhat it means, over the {} calls that are known ({} are not)",
        thousands(report.known()),
        percent(report.cannot_know, report.calls())
    ));
    out::data(&format!(
        "{:<34} {:>12} {:>12} {:>10}",
        "", "recorded", "now", ""
    ));
    for (name, [was, now]) in rows(&report.figures.recorded, &report.figures.now) {
        let change = i128::from(now) - i128::from(was);
        let change = if change == 0 {
            String::new()
        } else {
            format!("{change:+}")
        };
        out::data(
            format!(
                "{name:<34} {:>12} {:>12} {change:>10}",
                thousands(was),
                thousands(now)
            )
            .trim_end(),
        );
    }
}

/// The figures by name, as recorded and now.
pub(super) fn rows(recorded: &Figures, now: &Figures) -> Vec<(String, [u64; 2])> {
    let mut rows = vec![
        (
            "tickets created".to_owned(),
            [recorded.tickets, now.tickets],
        ),
        (
            "transfers".to_owned(),
            [recorded.all_transfers(), now.all_transfers()],
        ),
    ];
    let named = |of: [&std::collections::BTreeMap<&'static str, u64>; 2]| {
        let names: std::collections::BTreeSet<_> = of[0].keys().chain(of[1].keys()).collect();
        names
            .into_iter()
            .map(|name| {
                let count = |of: &std::collections::BTreeMap<&'static str, u64>| {
                    of.get(name).copied().unwrap_or(0)
                };
                (format!("  {name}"), of.map(count))
            })
            .collect::<Vec<_>>()
    };
    rows.extend(named([&recorded.transfers, &now.transfers]));
    rows.push((
        "talk, seconds".to_owned(),
        [recorded.talk_ms, now.talk_ms].map(|ms| ms / 1000),
    ));
    rows.push((
        "dead air, seconds".to_owned(),
        [recorded.dead_air_ms, now.dead_air_ms].map(|ms| ms / 1000),
    ));
    let calls = |figures: &Figures| figures.dispositions.values().sum();
    rows.push(("dispositions".to_owned(), [calls(recorded), calls(now)]));
    rows.extend(named([&recorded.dispositions, &now.dispositions]));
    rows
}

fn groups(report: &Report, verdict: Kind, title: &str) {
    let steps = report.by_step(verdict);
    if steps.is_empty() {
        return;
    }
    out::data(title);
    for (step, calls, groups) in steps.iter().take(STEPS) {
        out::data(&format!("{:>9}  {step}", thousands(*calls)));
        for (key, group) in groups.iter().take(GROUPS) {
            one(key, group);
        }
        let more = groups.len().saturating_sub(GROUPS);
        if more > 0 {
            out::data(&format!("{:>9}  and {more} other ways there", ""));
        }
    }
    let more = steps.len().saturating_sub(STEPS);
    if more > 0 {
        out::data(&format!("{:>9}  and at {more} other steps", ""));
    }
}

fn one(key: &Key, group: &Group) {
    out::data(&format!("{:>15}  {}", thousands(group.calls), key.how));
    if !key.ending.is_empty() {
        out::data(&format!("{:>15}  {}", "", key.ending.join("; ")));
    }
    if key.verdict != Kind::CannotKnow {
        let moved = moved(group);
        if !moved.is_empty() {
            out::data(&format!("{:>15}  {moved}", ""));
        }
    }
    out::data(&format!("{:>15}  e.g. {}", "", group.examples.join(" ")));
}

/// What a group means, in a line: the figures that move, but for the dispositions, which its ending
/// names.
pub(super) fn moved(group: &Group) -> String {
    let (was, now) = (&group.figures.recorded, &group.figures.now);
    let figures = [
        ("tickets", was.tickets, now.tickets),
        ("transfers", was.all_transfers(), now.all_transfers()),
        ("talk seconds", was.talk_ms / 1000, now.talk_ms / 1000),
        (
            "dead air seconds",
            was.dead_air_ms / 1000,
            now.dead_air_ms / 1000,
        ),
    ];
    let mut text = String::new();
    for (name, was, now) in figures {
        let change = i128::from(now) - i128::from(was);
        if change != 0 {
            let comma = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{comma}{name} {change:+}");
        }
    }
    text
}

pub(super) fn report_json(report: &Report, candidate: &Candidate) {
    let groups: Vec<_> = report
        .groups
        .iter()
        .map(|(key, group)| json!({ "key": key, "line": key.to_string(), "group": group }))
        .collect();
    out::json(&json!({
        "calls": report.calls(),
        "same": report.same,
        "another_way": report.another_way,
        "different": report.different,
        "cannot_know": report.cannot_know,
        "reworded": report.reworded,
        "whys": report.whys,
        "bundles": report.bundles,
        "builds": report.builds,
        "candidate": &*candidate.bundle.hash,
        "figures": report.figures,
        "groups": groups,
    }));
}

/// `41,203`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
