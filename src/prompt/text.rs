//! One text of a prompt: split at its slots, then into the clips that speak it.

use std::ops::Range;
use std::sync::Arc;

use crate::problem::{Problems, Source, did_you_mean};
use crate::prompt::Slot;

/// Longest prompt, in characters: half a minute of speech; nobody listens longer.
const MAX_TEXT: usize = 600;
/// Between two sentences.
const SENTENCE_MS: u32 = 350;
/// At a comma between two clips.
const COMMA_MS: u32 = 250;

/// A piece of a text as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Words(String),
    Slot(Slot),
}

/// A piece of a text as it is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The clip of that id.
    Clip(Arc<str>),
    /// The clips of numbers of a value.
    Slot(Slot),
    /// What stands behind the clip before, and how long it is silent for it.
    Mark(&'static str, u32),
}

/// Splits a text at its slots and says what is wrong with it.
pub(super) fn split(
    source: &Arc<Source>,
    name: &str,
    span: &Range<usize>,
    text: &str,
    problems: &mut Problems,
) -> Vec<Written> {
    let mut wrong = |title: String, hint: String| {
        problems.push(source.problem(span.clone(), title).hint(hint));
    };
    if text.trim().is_empty() {
        wrong(
            format!("prompt `{name}` says nothing"),
            "write what Dana says".to_owned(),
        );
    }
    if text.chars().count() > MAX_TEXT {
        let hint = format!("{MAX_TEXT} characters are half a minute: split it");
        wrong(format!("prompt `{name}` is too long"), hint);
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        if !before.is_empty() {
            parts.push(Written::Words(before.to_owned()));
        }
        let Some((slot, after)) = after.split_once('}') else {
            wrong(
                format!("prompt `{name}` opens a slot and does not close it"),
                "add }".to_owned(),
            );
            return parts;
        };
        if let Ok(slot) = slot.parse() {
            parts.push(Written::Slot(slot));
        } else {
            let known = Slot::ALL.iter().map(|slot| slot.as_str());
            let near = did_you_mean(slot, known.clone());
            let all = known.collect::<Vec<_>>().join(", ");
            let hint = near.map_or_else(
                || format!("there are: {all}"),
                |n| format!("did you mean `{n}`?"),
            );
            wrong(format!("no slot is called `{slot}`"), hint);
        }
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Written::Words(rest.to_owned()));
    }
    parts
}

/// The parts of a text that is called `id`, and its own clips: id and words.
pub(super) fn spoken(id: &str, written: &[Written]) -> (Vec<Part>, Vec<(Arc<str>, String)>) {
    let has_slots = written.iter().any(|part| matches!(part, Written::Slot(_)));
    let mut parts = Vec::new();
    let mut clips: Vec<(Arc<str>, String)> = Vec::new();
    for piece in written {
        let words = match piece {
            Written::Slot(slot) => {
                parts.push(Part::Slot(*slot));
                continue;
            }
            Written::Words(words) => words.as_str(),
        };
        let begin = words.find(|c: char| c.is_alphanumeric() || c == '«');
        let (mark, words) = words.split_at(begin.unwrap_or(words.len()));
        if !parts.is_empty() {
            parts.extend(mark_of(mark));
        }
        let words = words.trim();
        if words.is_empty() {
            continue;
        }
        let id: Arc<str> = if has_slots {
            format!("{id}-{}", clips.len() + 1).into()
        } else {
            id.into()
        };
        parts.push(Part::Clip(Arc::clone(&id)));
        clips.push((id, words.to_owned()));
        if words.ends_with(['.', '!']) {
            parts.push(Part::Mark("", SENTENCE_MS));
        }
    }
    (parts, clips)
}

/// The mark that stands between two clips or at the end.
fn mark_of(text: &str) -> Option<Part> {
    text.chars().find_map(|c| match c {
        ',' => Some(Part::Mark(",", COMMA_MS)),
        ':' => Some(Part::Mark(":", COMMA_MS)),
        ';' => Some(Part::Mark(";", COMMA_MS)),
        '?' => Some(Part::Mark("?", 0)),
        '!' => Some(Part::Mark("!", SENTENCE_MS)),
        '.' => Some(Part::Mark(".", SENTENCE_MS)),
        _ => None,
    })
}

/// At a comma inside a number.
pub(super) const COMMA: Part = Part::Mark(",", COMMA_MS);
