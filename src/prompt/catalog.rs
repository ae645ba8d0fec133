//! Reads `prompts/<locale>.toml`: every prompt in every locale, with the same slots, or problems.
//!
//! The file is flat TOML, `id = "text"`; a slot stands in braces, `{ticket_number}`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use crate::call::Locale;
use crate::problem::{Problems, Source, did_you_mean};
use crate::prompt::spoken;
use crate::prompt::{PromptId, Segment, Slot, Values, estimated_ms};

/// Longest prompt, in characters: half a minute of speech; nobody listens longer.
const MAX_TEXT: usize = 600;
/// Most prompts: a [`PromptId`] is a `u16`, and a real catalog has a few hundred.
const MAX_PROMPTS: usize = 4_000;

/// All prompts. Loaded whole or not at all.
#[derive(Debug)]
pub struct Catalog {
    names: Vec<Arc<str>>,
    slots: Vec<Vec<Slot>>,
    /// By locale, in the order of [`Locale::ALL`].
    texts: Vec<Vec<Text>>,
    silence: Arc<str>,
}

/// One prompt in one locale.
#[derive(Debug)]
struct Text {
    raw: Arc<str>,
    parts: Vec<Part>,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Words(String),
    Slot(Slot),
}

/// One prompt as it stands in a file.
struct Draft {
    span: Range<usize>,
    text: String,
    parts: Vec<Part>,
}

impl Draft {
    fn slots(&self) -> Vec<Slot> {
        let mut slots: Vec<Slot> = (self.parts.iter())
            .filter_map(|part| {
                if let Part::Slot(slot) = part {
                    Some(*slot)
                } else {
                    None
                }
            })
            .collect();
        slots.sort();
        slots.dedup();
        slots
    }
}

impl Catalog {
    /// Reads the prompts of each locale from its file.
    pub fn load(files: &[(Locale, Arc<Source>)]) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let drafts: Vec<BTreeMap<String, Draft>> = files
            .iter()
            .map(|(_, source)| read(source, &mut problems))
            .collect();
        compare(files, &drafts, &mut problems);
        let mut texts = Vec::new();
        let mut names = Vec::new();
        let mut slots = Vec::new();
        for &locale in Locale::ALL {
            let file = files.iter().position(|(of, _)| *of == locale);
            let Some(drafts) = file.and_then(|at| drafts.get(at)) else {
                continue;
            };
            names = drafts.keys().map(|name| Arc::from(name.as_str())).collect();
            slots = drafts.values().map(Draft::slots).collect();
            let text = |draft: &Draft| Text {
                raw: draft.text.as_str().into(),
                parts: draft.parts.clone(),
            };
            texts.push(drafts.values().map(text).collect());
        }
        problems.or_ok(Self {
            names,
            slots,
            texts,
            silence: "".into(),
        })
    }

    /// The prompt of that name.
    pub fn find(&self, name: &str) -> Option<PromptId> {
        let at = self
            .names
            .binary_search_by(|known| known.as_ref().cmp(name))
            .ok()?;
        u16::try_from(at).ok().map(PromptId)
    }

    /// Its name.
    pub fn name(&self, id: PromptId) -> &Arc<str> {
        self.names.get(usize::from(id.0)).unwrap_or(&self.silence)
    }

    /// Every name, sorted; a [`PromptId`] is an index into it.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// The slots in its text, the same in every locale.
    pub fn slots(&self, id: PromptId) -> &[Slot] {
        self.slots.get(usize::from(id.0)).map_or(&[], Vec::as_slice)
    }

    /// The prompt in one locale, ready to be played; `None` when a value for a slot is missing.
    /// Without slots this is a clone of three `Arc`s.
    pub fn segment(&self, id: PromptId, locale: Locale, values: &Values) -> Option<Segment> {
        let text = self.of(id, locale)?;
        let said = match text.parts.as_slice() {
            [] | [Part::Words(_)] => Arc::clone(&text.raw),
            parts => {
                let mut said = String::with_capacity(text.raw.len());
                for part in parts {
                    match part {
                        Part::Words(words) => said.push_str(words),
                        Part::Slot(slot) => said.push_str(&spoken::fill(*slot, locale, values)?),
                    }
                }
                said.into()
            }
        };
        Some(Segment {
            prompt: Arc::clone(self.name(id)),
            sha256: Arc::clone(&self.silence),
            duration_ms: estimated_ms(&said),
            text: said,
        })
    }

    /// The text of a prompt as it stands in its file.
    pub fn text(&self, id: PromptId, locale: Locale) -> &Arc<str> {
        self.of(id, locale).map_or(&self.silence, |text| &text.raw)
    }

    fn of(&self, id: PromptId, locale: Locale) -> Option<&Text> {
        let at = Locale::ALL.iter().position(|known| *known == locale)?;
        self.texts.get(at)?.get(usize::from(id.0))
    }
}

/// Reads one file as far as it can be read.
fn read(source: &Arc<Source>, problems: &mut Problems) -> BTreeMap<String, Draft> {
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    for error in errors {
        problems.push(source.problem(error.span().unwrap_or(0..0), error.message()));
    }
    let mut drafts = BTreeMap::new();
    for (key, value) in table.get_ref() {
        let name = key.get_ref().as_ref();
        if !is_name(name) {
            let problem = source.problem(key.span(), format!("`{name}` cannot name a prompt"));
            problems.push(problem.hint("use a-z, 0-9 and _, at most 64 characters"));
        }
        let DeValue::String(text) = value.get_ref() else {
            let problem = source.problem(value.span(), format!("prompt `{name}` is not a text"));
            problems.push(problem.hint(format!("write {name} = \"…\"")));
            continue;
        };
        let parts = parts(source, name, &value.span(), text, problems);
        let draft = Draft {
            span: key.span(),
            text: text.to_string(),
            parts,
        };
        drafts.insert(name.to_owned(), draft);
    }
    if drafts.len() > MAX_PROMPTS {
        problems.push(source.problem(0..0, format!("more than {MAX_PROMPTS} prompts")));
    }
    drafts
}

/// Whether a prompt or a step may have that name: it becomes a file's name one day.
pub fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// Splits a text at its slots.
fn parts(
    source: &Arc<Source>,
    name: &str,
    span: &Range<usize>,
    text: &str,
    problems: &mut Problems,
) -> Vec<Part> {
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
            parts.push(Part::Words(before.to_owned()));
        }
        let Some((slot, after)) = after.split_once('}') else {
            wrong(
                format!("prompt `{name}` opens a slot and does not close it"),
                "add }".to_owned(),
            );
            return parts;
        };
        if let Ok(slot) = slot.parse() {
            parts.push(Part::Slot(slot));
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
        parts.push(Part::Words(rest.to_owned()));
    }
    parts
}

/// Every prompt in every locale, with the same slots.
fn compare(
    files: &[(Locale, Arc<Source>)],
    drafts: &[BTreeMap<String, Draft>],
    problems: &mut Problems,
) {
    for ((locale, source), here) in files.iter().zip(drafts) {
        for ((other, there_source), there) in files.iter().zip(drafts) {
            if other == locale {
                continue;
            }
            for (name, draft) in there {
                let Some(same) = here.get(name) else {
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
