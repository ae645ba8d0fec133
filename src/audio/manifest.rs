//! The manifest of a locale's audio: what each file says, where it comes from, what it is. One JSON
//! object a line, by id, so that a changed clip is a changed line.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::named;
use crate::digest::sha256;
use crate::problem::{Problems, Source};
use crate::prompt::catalog::Clip;

/// Its name, beside the audio.
pub const FILE: &str = "manifest.jsonl";

named! {
    /// Where a clip comes from.
    Origin {
        /// A person said it.
        Recorded = "recorded",
        /// A voice good enough for callers.
        Synthetic = "synthetic",
        /// A voice that only holds the place of a recording.
        Placeholder = "placeholder",
    }
}

/// One clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its id, and the name of its file.
    pub id: Arc<str>,
    /// SHA-256 of what it says, as it is spoken.
    pub text_sha256: String,
    /// Where it comes from.
    pub source: Origin,
    /// The program that spoke it; empty: a person.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub engine: String,
    /// Version of that program.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Whose voice it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub voice: String,
    /// How long it is.
    pub duration_ms: u32,
    /// Its loudness by EBU R 128, to a tenth.
    pub lufs: f64,
    /// SHA-256 of its file.
    pub sha256: Arc<str>,
}

impl Entry {
    /// Whether it says what the clip says now.
    pub fn says(&self, clip: &Clip) -> bool {
        self.text_sha256 == sha256(clip.spoken.as_bytes())
    }
}

/// A manifest that was read: entries with the place of their line.
#[derive(Debug)]
pub struct Manifest {
    /// The file.
    pub source: Arc<Source>,
    /// By id.
    pub entries: BTreeMap<Arc<str>, (std::ops::Range<usize>, Entry)>,
}

impl Manifest {
    /// Reads every line that can be read; the others are problems.
    pub fn read(source: Arc<Source>, problems: &mut Problems) -> Self {
        let mut entries = BTreeMap::new();
        let mut at = 0;
        for line in source.text.split_inclusive('\n') {
            let span = at..at + line.trim_end().len();
            at += line.len();
            match serde_json::from_str::<Entry>(line) {
                _ if line.trim().is_empty() => {}
                Ok(entry) if !is_clip(&entry.id) => {
                    let title = format!("`{}` cannot name a clip", entry.id);
                    let problem = source.problem(span, title);
                    problems.push(problem.hint("use a-z, 0-9, _ and -, at most 64 characters"));
                }
                Ok(entry) => {
                    let again = entries.insert(Arc::clone(&entry.id), (span.clone(), entry));
                    if let Some((first, entry)) = again {
                        let title = format!("clip `{}` is listed twice", entry.id);
                        problems.push(source.problem(span, title).related(first, "first here"));
                    }
                }
                Err(error) => {
                    let problem =
                        source.problem(span, format!("no clip can be read here: {error}"));
                    problems.push(problem.hint("`dana prompts render` writes this file"));
                }
            }
        }
        Self { source, entries }
    }
}

/// The manifest of these entries.
pub fn write<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let mut text = String::new();
    for entry in entries {
        text.push_str(&serde_json::to_string(entry).unwrap_or_default());
        text.push('\n');
    }
    text
}

/// Whether a file may have that name: no path can be made of it.
pub fn is_clip(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    (1..=64).contains(&id.len()) && id.bytes().all(plain)
}
