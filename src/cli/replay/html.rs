//! The report of a replay as a page that a supervisor can mail. It names calls by their keys; no
//! number, login or word of a caller is in it.

use crate::cli::replay::print::{moved, rows, thousands};
use crate::page::Page;
use crate::replay::report::{Group, Key, Kind, Report};
use crate::replay::verdict::Candidate;
use crate::report::percent;

/// Groups of a verdict that are shown; the rest are counted.
const GROUPS: usize = 60;

/// The page.
pub(super) fn html(report: &Report, candidate: &Candidate) -> String {
    let mut page = Page::new("Which calls would now end differently?");
    let recorded: Vec<_> = report.bundles.keys().map(String::as_str).collect();
    page.paragraph(&format!(
        "{} recorded calls, held against a candidate: {} end the same, {} end differently, and of {} ({}) it cannot be known.",
        thousands(report.calls()),
        thousands(report.same),
        thousands(report.different),
        thousands(report.cannot_know),
        percent(report.cannot_know, report.calls())
    ));
    page.remark(&format!(
        "Recorded on bundle {}; candidate {}. An answer only counts where the caller was asked the same question after the same facts; in {} calls the question was in other words.",
        recorded.join(", "),
        candidate.bundle.hash,
        thousands(report.reworded)
    ));
    page.bars(
        "Verdicts",
        &[
            ("the same".to_owned(), report.same - report.another_way),
            ("the same, another way".to_owned(), report.another_way),
            ("different".to_owned(), report.different),
            ("cannot be known".to_owned(), report.cannot_know),
        ],
    );
    means(&mut page, report);
    let different = "Calls that end differently, by the step where they part";
    groups(&mut page, report, Kind::Different, different);
    let unknown = "Calls of which it cannot be known, by the step from where on";
    groups(&mut page, report, Kind::CannotKnow, unknown);
    let another = "Calls that end the same, by another way";
    groups(&mut page, report, Kind::AnotherWay, another);
    page.finish()
}

fn means(page: &mut Page, report: &Report) {
    page.heading("What it means");
    page.remark(&format!(
        "Over the {} calls that are known; the {} that are not may change every figure.",
        thousands(report.known()),
        percent(report.cannot_know, report.calls())
    ));
    let figures = rows(&report.figures.recorded, &report.figures.now);
    let changes: Vec<Vec<String>> = figures
        .iter()
        .map(|(name, [was, now])| {
            let change = i128::from(*now) - i128::from(*was);
            let change = if change == 0 {
                String::new()
            } else {
                format!("{change:+}")
            };
            vec![
                name.trim().to_owned(),
                thousands(*was),
                thousands(*now),
                change,
            ]
        })
        .collect();
    page.table(&["", "recorded", "now", "change"], &changes);
}

fn groups(page: &mut Page, report: &Report, verdict: Kind, title: &str) {
    let steps = report.by_step(verdict);
    if steps.is_empty() {
        return;
    }
    page.heading(title);
    let bars: Vec<(String, u64)> = steps
        .iter()
        .map(|(step, calls, _)| ((*step).to_owned(), *calls))
        .collect();
    page.bars(title, &bars);
    let all: Vec<(&Key, &Group)> = steps
        .into_iter()
        .flat_map(|(_, _, groups)| groups)
        .collect();
    let rows: Vec<Vec<String>> = all
        .iter()
        .take(GROUPS)
        .map(|(key, group)| {
            let ending = if verdict == Kind::CannotKnow {
                String::new()
            } else {
                [key.ending.join("; "), moved(group)]
                    .into_iter()
                    .filter(|text| !text.is_empty())
                    .collect::<Vec<_>>()
                    .join("; ")
            };
            vec![
                key.step.clone(),
                thousands(group.calls),
                key.how.clone(),
                ending,
                group.examples.join(" "),
            ]
        })
        .collect();
    let heads = [
        "step",
        "calls",
        "recorded -> now",
        "what it means",
        "for example",
    ];
    page.table(&heads, &rows);
    let more = all.len().saturating_sub(GROUPS);
    if more > 0 {
        page.remark(&format!("And {more} smaller groups: see --format json."));
    }
}
