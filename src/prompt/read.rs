//! Reads `prompts/<locale>.toml`: every prompt in every locale, with the same slots, or problems.
//!
//! The file is flat TOML, `id = "text"`, or `id = ["text", "other words for it"]` where a caller may
//! hear it twice; a slot stands in braces, `{ticket_number}`. The table `[pronounce]` tells how words
//! are spoken that are written otherwise.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::call::Locale;
use crate::problem::{Problems, Source};
use crate::prompt::Slot;
use crate::prompt::pronounce::Pronounce;
use crate::prompt::text::{self, Written};

/// Most prompts: a prompt's id is a `u16`, and a real catalog has a few hundred.
const MAX_PROMPTS: usize = 4_000;
/// Most texts of one prompt: the third time a caller hears it he hears the first one again.
const MAX_TAKES: usize = 4;
/// The table of a file that is no prompt.
const PRONOUNCE: &str = "pronounce";

/// One prompt as it stands in a file.
pub(super) struct Draft {
    pub(super) span: Range<usize>,
    pub(super) takes: Vec<(String, Vec<Written>)>,
}

impl Draft {
    /// The slots of every text together.
    pub(super) fn slots(&self) -> Vec<Slot> {
        let written = self.takes.iter().flat_map(|(_, written)| written);
        let mut slots: Vec<Slot> = written.filter_map(slot_of).collect();
        slots.sort();
        slots.dedup();
        slots
    }
}

fn slot_of(written: &Written) -> Option<Slot> {
    match written {
        Written::Slot(slot) => Some(*slot),
        Written::Words(_) => None,
    }
}

/// What stands in one file.
#[derive(Default)]
pub(super) struct Drafts {
    pub(super) prompts: BTreeMap<String, Draft>,
    pub(super) pronounce: Pronounce,
}

/// Largest file of prompts: ten times what Dana says.
const MAX_BYTES: usize = 1 << 18;

/// Reads one file as far as it can be read.
pub(super) fn read(source: &Arc<Source>, problems: &mut Problems) -> Drafts {
    if source.text.len() > MAX_BYTES {
        let title = format!("the file is larger than {MAX_BYTES} bytes");
        problems.push(source.problem(0..0, title).hint("keep it to what is said"));
        return Drafts::default();
    }
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    for error in errors {
        problems.push(source.problem(error.span().unwrap_or(0..0), error.message()));
    }
    let mut drafts = Drafts::default();
    for (key, value) in table.get_ref() {
        let name = key.get_ref().as_ref();
        if let (PRONOUNCE, DeValue::Table(words)) = (name, value.get_ref()) {
            drafts.pronounce = pronounced(source, words, problems);
            continue;
        }
        if !is_name(name) {
            let problem = source.problem(key.span(), format!("`{name}` cannot name a prompt"));
            problems.push(problem.hint("use a-z, 0-9 and _, at most 64 characters"));
        }
        let Some(texts) = texts(value) else {
            let problem = source.problem(value.span(), format!("prompt `{name}` is not a text"));
            let hint = format!("write {name} = \"…\", or up to {MAX_TAKES} texts in brackets");
            problems.push(problem.hint(hint));
            continue;
        };
        let takes = texts.into_iter().map(|(text, span)| {
            let written = text::split(source, name, &span, &text, problems);
            (text, written)
        });
        let takes = takes.collect();
        let span = key.span();
        drafts
            .prompts
            .insert(name.to_owned(), Draft { span, takes });
    }
    if drafts.prompts.len() > MAX_PROMPTS {
        problems.push(source.problem(0..0, format!("more than {MAX_PROMPTS} prompts")));
    }
    drafts
}

/// One text or several, each with its place; `None` when it is neither.
fn texts(value: &Spanned<DeValue<'_>>) -> Option<Vec<(String, Range<usize>)>> {
    let text = |value: &Spanned<DeValue<'_>>| {
        let text = value.get_ref().as_str()?;
        Some((text.to_owned(), value.span()))
    };
    if let Some(texts) = value.get_ref().as_array() {
        let fits = (1..=MAX_TAKES).contains(&texts.len());
        return fits.then(|| texts.iter().map(text).collect()).flatten();
    }
    text(value).map(|text| vec![text])
}

fn pronounced(source: &Arc<Source>, words: &DeTable<'_>, problems: &mut Problems) -> Pronounce {
    let mut entries = Vec::new();
    for (written, said) in words {
        let written = written.get_ref().as_ref();
        match said.get_ref().as_str() {
            Some(said) if !written.is_empty() => {
                entries.push((written.to_owned(), said.to_owned()));
            }
            Some(_) | None => {
                let title = format!("how `{written}` is spoken is not a text");
                problems.push(source.problem(said.span(), title));
            }
        }
    }
    Pronounce::new(entries)
}

/// Whether a prompt or a step may have that name: it becomes a file's name.
pub fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// Every prompt in every locale, with the same slots.
pub(super) fn compare(files: &[(Locale, Arc<Source>)], drafts: &[Drafts], problems: &mut Problems) {
    for ((locale, source), here) in files.iter().zip(drafts) {
        for ((other, there_source), there) in files.iter().zip(drafts) {
            if other == locale {
                continue;
            }
            for (name, draft) in &there.prompts {
                let Some(same) = here.prompts.get(name) else {
                    let title = format!("prompt `{name}` is missing in `{locale}`");
                    let problem = there_source.problem(draft.span.clone(), title);
                    problems.push(problem.hint(format!("add {name} = \"…\" to {}", source.path)));
                    continue;
                };
                if same.slots() != draft.slots() && other < locale {
                    let title = format!("prompt `{name}` has other slots in `{locale}`");
                    let problem = source.problem(same.span.clone(), title);
                    let slots: Vec<_> = draft.slots().iter().map(|s| format!("{{{s}}}")).collect();
                    let there = format!("in {}: {}", there_source.path, slots.join(" "));
                    problems.push(problem.label(there));
                }
            }
        }
    }
}
