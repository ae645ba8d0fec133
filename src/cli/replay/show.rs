//! One call as it was and as it would be, side by side.

use crate::archive::Archive;
use crate::cli::beside::beside;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::journal::Entry;
use crate::replay::verdict::{Candidate, Verdict, changes, compare};
use crate::script::render;

/// Characters of each side.
const WIDTH: usize = 58;

/// Prints the call of that key.
pub(super) fn show(archive: &Archive, candidate: &Candidate, key: &str) -> Result<Exit, Exit> {
    let found = archive.find(key).ok_or_else(|| {
        out::talk(&format!("error: no call `{key}` is recorded here"));
        Exit::BadFile
    })?;
    let call = found.map_err(|fault| out::bad_file(&fault))?;
    let Some(compared) = compare(candidate, &call.entries) else {
        return Err(Exit::BadFile);
    };
    let held = compared.held.as_deref().unwrap_or(&call.entries);
    out::data(&format!("   {:<WIDTH$}   now", "recorded"));
    for row in rows(&lines(&call.entries), &lines(held)) {
        for line in shown(&row) {
            out::data(line.trim_end());
        }
    }
    out::data("");
    for (side, record) in [("recorded", &compared.recorded), ("now", &compared.now)] {
        if let Some(record) = record {
            out::data(&format!("{side:<9} {}", render::ending(record)));
        }
    }
    let verdict = match &compared.verdict {
        Verdict::Same { another_way: false } => "same".to_owned(),
        Verdict::Same { another_way: true } => "same ending, another way".to_owned(),
        Verdict::Different => "different".to_owned(),
        Verdict::CannotKnow(unknown) => format!("cannot know, from {} s on: {unknown}", unknown.at),
    };
    out::data(&format!("verdict   {verdict}"));
    if let Some(turning) = &compared.turning {
        out::data(&format!("parts at  {turning}"));
    }
    if compared.verdict == Verdict::Different {
        for change in changes(&compared.endings) {
            out::data(&format!("          {change}"));
        }
        return Ok(Exit::Found);
    }
    Ok(Exit::Good)
}

/// A line, and what of it counts: all but the time.
struct Line {
    text: String,
    said: String,
}

fn lines(entries: &[Entry]) -> Vec<Line> {
    let lines = entries.iter().filter_map(render::line);
    lines
        .map(|text| {
            let said = text.trim_start();
            let said = said.split_once("  ").map_or(said, |(_, said)| said);
            let said = said.to_owned();
            Line { text, said }
        })
        .collect()
}

/// One row: what is on each side, and whether it is the same.
struct Row<'l> {
    sides: [&'l str; 2],
    same: bool,
}

/// What was said on both sides in one row.
fn rows<'l>(was: &'l [Line], now: &'l [Line]) -> Vec<Row<'l>> {
    let rows = beside(was, now, |was, now| was.said == now.said);
    let text = |line: Option<&'l Line>| line.map_or("", |line| line.text.as_str());
    let row = |(was, now): (Option<&'l Line>, Option<&'l Line>)| Row {
        sides: [text(was), text(now)],
        same: was.is_some() && now.is_some(),
    };
    rows.into_iter().map(row).collect()
}

/// A row as it is printed, wrapped.
fn shown(row: &Row<'_>) -> Vec<String> {
    let [left, right] = row.sides.map(wrapped);
    let mark = if row.same { ' ' } else { '≠' };
    let at = |side: &[String], at: usize| side.get(at).cloned().unwrap_or_default();
    (0..left.len().max(right.len()))
        .map(|line| {
            let (left, right) = (at(&left, line), at(&right, line));
            let mark = if line == 0 { mark } else { ' ' };
            format!("{mark}  {left:<WIDTH$}   {right}")
        })
        .collect()
}

/// Lines of at most [`WIDTH`] characters; what is wrapped stands below the words.
fn wrapped(text: &str) -> Vec<String> {
    const INDENT: usize = 18;
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_inclusive(' ') {
        let length = line.chars().count() + word.trim_end().chars().count();
        if length > WIDTH && line.trim() != "" {
            lines.push(line.trim_end().to_owned());
            line = " ".repeat(INDENT);
        }
        line.push_str(word);
    }
    lines.push(line.trim_end().to_owned());
    lines
}
