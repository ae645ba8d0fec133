//! A report as tables: for the terminal and for the page alike.

use std::fmt::Write;

use crate::page::Page;
use crate::report::{Counts, Figures, Outcomes, Reported, Spread, UNANSWERED};

/// A table: a title, heads, rows; and what is plotted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it is about.
    pub title: &'static str,
    /// Heads of its columns.
    pub heads: Vec<&'static str>,
    /// Its rows: a name, then figures.
    pub rows: Vec<Vec<String>>,
    plot: Plot,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Plot {
    None,
    Bars(Vec<(String, u64)>),
    Columns(Vec<(String, u64)>),
}

/// All tables of some figures. An empty one is left out.
pub fn tables(figures: &Figures) -> Vec<Table> {
    let tables = [
        outcomes(figures.outcomes, figures.calls),
        counts("dispositions", &figures.dispositions, figures.calls),
        transfers(figures),
        counts(
            "where callers hung up",
            &figures.given_up,
            figures.outcomes.abandoned,
        ),
        questions(figures),
        back_ends(figures),
        counts("tickets", &figures.tickets, figures.tickets.values().sum()),
        times(figures),
        along("calls by the hour", &figures.hours),
        along("calls by the day", &figures.days),
    ];
    tables
        .into_iter()
        .filter(|table| !table.rows.is_empty())
        .collect()
}

/// `12.3 %`.
pub fn percent(part: u64, of: u64) -> String {
    let tenths = (part * 1000 + of / 2) / of.max(1);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn outcomes(outcomes: Outcomes, calls: u64) -> Table {
    let rows = [
        (
            "contained: helped, no person, no second call in 24 h",
            outcomes.contained,
        ),
        (
            "  of these: number withheld, a second call cannot be seen",
            outcomes.contained_unknown_number,
        ),
        (
            "  of these: in the last 24 h of the archive",
            outcomes.contained_too_recent,
        ),
        (
            "ended so, but the line called again within 24 h",
            outcomes.called_again,
        ),
        ("connected to a person", outcomes.handed_over),
        ("abandoned: hung up before an outcome", outcomes.abandoned),
        ("not helped", outcomes.not_helped),
        ("the recording has no end", outcomes.no_end),
    ];
    let row = |(name, count): &(&str, u64)| {
        vec![
            (*name).to_owned(),
            count.to_string(),
            percent(*count, calls),
        ]
    };
    let bars = rows.iter().filter(|(name, _)| !name.starts_with(' '));
    let short = |name: &str| name.split(':').next().unwrap_or(name).to_owned();
    Table {
        title: "how calls ended for callers",
        heads: vec!["outcome", "calls", "share"],
        rows: rows.iter().map(row).collect(),
        plot: Plot::Bars(bars.map(|(name, count)| (short(name), *count)).collect()),
    }
}

/// Most first; equal ones by their names.
fn counts(title: &'static str, counts: &Counts, of: u64) -> Table {
    let mut sorted: Vec<(&String, &u64)> = counts.iter().collect();
    sorted.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    let row = |(name, count): &(&String, &u64)| {
        vec![(*name).clone(), count.to_string(), percent(**count, of)]
    };
    let bar = |(name, count): &(&String, &u64)| ((*name).clone(), **count);
    Table {
        title,
        heads: vec!["name", "count", "share"],
        rows: sorted.iter().map(row).collect(),
        plot: Plot::Bars(sorted.iter().map(bar).collect()),
    }
}

fn along(title: &'static str, counts: &Counts) -> Table {
    let row = |(name, count): (&String, &u64)| vec![name.clone(), count.to_string()];
    Table {
        title,
        heads: vec!["", "calls"],
        rows: counts.iter().map(row).collect(),
        plot: Plot::Columns(
            counts
                .iter()
                .map(|(name, count)| (name.clone(), *count))
                .collect(),
        ),
    }
}

fn transfers(figures: &Figures) -> Table {
    let mut sorted: Vec<_> = figures
        .transfers
        .iter()
        .map(|(reason, of)| (of.connected + of.failed + of.hung_up, reason, of))
        .collect();
    sorted.sort_by_key(|(all, reason, _)| (std::cmp::Reverse(*all), (*reason).clone()));
    let rows = sorted.iter().map(|(all, reason, of)| {
        vec![
            (*reason).clone(),
            all.to_string(),
            percent(*all, figures.calls),
            of.connected.to_string(),
            of.failed.to_string(),
            of.hung_up.to_string(),
        ]
    });
    Table {
        title: "handed over, and why",
        heads: vec![
            "reason",
            "calls",
            "share",
            "connected",
            "not reached",
            "hung up",
        ],
        rows: rows.collect(),
        plot: Plot::Bars(
            sorted
                .iter()
                .map(|(all, reason, _)| ((*reason).clone(), *all))
                .collect(),
        ),
    }
}

fn questions(figures: &Figures) -> Table {
    let rows = figures.questions.iter().map(|(question, of)| {
        vec![
            question.clone(),
            of.visits.to_string(),
            percent(of.at_once, of.visits),
            percent(of.recovered, of.visits),
            percent(of.lost, of.visits),
            of.misses.to_string(),
        ]
    });
    Table {
        title: "questions",
        heads: vec![
            "question",
            "visits",
            "at once",
            "recovered",
            "no answer",
            "put again",
        ],
        rows: rows.collect(),
        plot: Plot::None,
    }
}

fn back_ends(figures: &Figures) -> Table {
    let rows = figures.look_ups.iter().map(|(kind, of)| {
        let failed = of.classes.get("unavailable").copied().unwrap_or(0);
        let unanswered = of.classes.get(UNANSWERED).copied().unwrap_or(0);
        let mut row = vec![
            kind.clone(),
            of.asked.to_string(),
            percent(failed, of.asked),
            percent(unanswered, of.asked),
        ];
        row.extend([50, 90, 99].map(|p| seconds(u64::from(of.ms.percentile(p)))));
        row
    });
    let failed = figures.look_ups.iter().map(|(kind, of)| {
        (
            kind.clone(),
            of.classes.get("unavailable").copied().unwrap_or(0),
        )
    });
    Table {
        title: "back ends",
        heads: vec![
            "look-up",
            "asked",
            "unavailable",
            "call ended first",
            "p50",
            "p90",
            "p99",
        ],
        rows: rows.collect(),
        plot: Plot::Bars(failed.collect()),
    }
}

fn times(figures: &Figures) -> Table {
    let row = |name: &str, of: &Spread| {
        let mut row = vec![name.to_owned(), seconds(of.mean())];
        row.extend([50, 90, 99].map(|p| seconds(u64::from(of.percentile(p)))));
        row.push(seconds(u64::from(of.most())));
        row
    };
    let rows = vec![
        row("duration", &figures.duration_ms),
        row("dead air", &figures.dead_air_ms),
        row("longest silence", &figures.longest_silence_ms),
    ];
    Table {
        title: "times of a call",
        heads: vec!["", "mean", "p50", "p90", "p99", "longest"],
        rows: if figures.calls > 0 { rows } else { Vec::new() },
        plot: Plot::None,
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

impl Table {
    /// For a terminal.
    pub fn text(&self) -> String {
        let heads: Vec<String> = self.heads.iter().map(|head| (*head).to_owned()).collect();
        let all = || std::iter::once(&heads).chain(&self.rows);
        let width = |column: usize| {
            let cells = all().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..heads.len()).map(width).collect();
        let mut text = format!("{}\n", self.title);
        for row in all() {
            let mut line = String::from(" ");
            for ((cell, width), column) in row.iter().zip(&widths).zip(0..) {
                let _ = if column == 0 {
                    write!(line, " {cell:<width$}")
                } else {
                    write!(line, "  {cell:>width$}")
                };
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }
}

impl Reported {
    /// For a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{} calls, {} to {}\n", self.all.calls, self.from, self.to);
        for table in tables(&self.all) {
            let _ = write!(text, "\n{}", table.text());
        }
        if self.versions.len() > 1 {
            for (version, figures) in &self.versions {
                let _ = write!(text, "\nflow {version}: {} calls\n", figures.calls);
                for table in tables(figures) {
                    let _ = write!(text, "\n{}", table.text());
                }
            }
        }
        text
    }

    /// A page that can be mailed.
    pub fn html(&self) -> String {
        let mut page = Page::new("Calls");
        page.paragraph(&format!(
            "{} calls, {} to {}",
            self.all.calls, self.from, self.to
        ));
        put(&mut page, &self.all);
        for (version, figures) in &self.versions {
            if self.versions.len() > 1 {
                page.heading(&format!("Flow {version}: {} calls", figures.calls));
                put(&mut page, figures);
            } else {
                page.remark(&format!("All of them with the flow {version}."));
            }
        }
        page.remark(
            "Contained: ended with what the caller came for, without a person, and the line did not \
             call again within 24 hours.",
        );
        page.finish()
    }
}

fn put(page: &mut Page, figures: &Figures) {
    for table in tables(figures) {
        page.heading(table.title);
        match &table.plot {
            Plot::None => {}
            Plot::Bars(bars) => page.bars(table.title, bars),
            Plot::Columns(columns) => page.columns(table.title, columns),
        }
        if !matches!(table.plot, Plot::Columns(_)) {
            page.table(&table.heads, &table.rows);
        }
    }
}
