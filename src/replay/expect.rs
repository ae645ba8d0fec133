//! A reviewed list of expected differences: one line a group, as a report prints its key.
//! `#` begins a comment line.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::replay::report::{Kind, Report};

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    lines: BTreeSet<String>,
}

/// What a report has beside a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Review {
    /// Differences that nobody expects, with their calls.
    pub unexpected: Vec<(String, u64)>,
    /// Expected differences that are not there.
    pub missing: Vec<String>,
}

impl Expected {
    /// Reads a list.
    pub fn read(text: &str) -> Self {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self {
            lines: lines.map(str::to_owned).collect(),
        }
    }

    /// The list that a report comes to, for a person to review.
    pub fn of(report: &Report) -> String {
        let mut text =
            "# Differences that are expected: a line each, reviewed by a person.\n".to_owned();
        for (line, calls) in differences(report) {
            let _ = write!(text, "\n# {calls} calls\n{line}\n");
        }
        text
    }

    /// Holds a report against the list.
    pub fn review(&self, report: &Report) -> Review {
        let found: Vec<_> = differences(report).collect();
        let is_there = |line: &&String| found.iter().any(|(found, _)| found == *line);
        Review {
            missing: self
                .lines
                .iter()
                .filter(|line| !is_there(line))
                .cloned()
                .collect(),
            unexpected: found
                .iter()
                .filter(|(line, _)| !self.lines.contains(line))
                .cloned()
                .collect(),
        }
    }
}

fn differences(report: &Report) -> impl Iterator<Item = (String, u64)> {
    let groups = report.groups.iter();
    groups
        .filter(|(key, _)| key.verdict == Kind::Different)
        .map(|(key, group)| (key.to_string(), group.calls))
}
