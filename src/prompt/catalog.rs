//! All prompts in all locales, and every clip that speaks them, with its length once the audio is
//! known. What stands in the files is read by [`read`](crate::prompt::read).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::call::Locale;
use crate::problem::{Problem, Problems, Source};
use crate::prompt::pronounce::{self, Pronounce};
use crate::prompt::read::{Draft, Drafts, compare, read};
use crate::prompt::spoken;
use crate::prompt::text::{self, Part};
use crate::prompt::{PromptId, Recorded, Segment, Slot, Values, estimated_ms};

/// All prompts. Loaded whole or not at all.
#[derive(Debug)]
pub struct Catalog {
    names: Vec<Arc<str>>,
    slots: Vec<Vec<Slot>>,
    /// By locale, in the order of [`Locale::ALL`].
    speech: Vec<Speech>,
    silence: Arc<str>,
}

/// All that is said in one locale.
#[derive(Debug, Default)]
struct Speech {
    /// By prompt; one or more texts each.
    takes: Vec<Vec<Take>>,
    clips: BTreeMap<Arc<str>, Clip>,
    pronounce: Pronounce,
}

/// One text of a prompt.
#[derive(Debug)]
struct Take {
    raw: Arc<str>,
    parts: Vec<Part>,
    /// What says it, where that needs no value.
    fixed: Option<Vec<Segment>>,
}

/// What one audio file says.
#[derive(Clone, Debug)]
pub struct Clip {
    /// Its id, also the name of its file: `a-z`, `0-9`, `_`, and `-` before what is not the
    /// prompt's own name.
    pub id: Arc<str>,
    /// What it says, as it is shown.
    pub text: Arc<str>,
    /// What it says, as it is spoken: stresses marked by an acute, foreign names in the locale's
    /// letters.
    pub spoken: String,
    /// The prompt that it is a part of; `None`: a clip of numbers.
    pub prompt: Option<PromptId>,
    /// Its audio, once it is known.
    pub recorded: Option<Recorded>,
    place: (Arc<Source>, Range<usize>),
}

impl Clip {
    /// A problem where its text stands.
    pub fn problem(&self, title: impl Into<String>) -> Problem {
        self.place.0.problem(self.place.1.clone(), title)
    }

    /// The word in it that a voice of its locale cannot read.
    pub fn unreadable(&self) -> Option<String> {
        pronounce::unreadable(&self.spoken).map(str::to_owned)
    }

    /// How long it takes: of the audio, or estimated.
    pub fn duration_ms(&self) -> u32 {
        match &self.recorded {
            Some(recorded) => recorded.duration_ms,
            None => estimated_ms(&self.text),
        }
    }
}

impl Catalog {
    /// Reads the prompts of each locale from its file.
    pub fn load(files: &[(Locale, Arc<Source>)]) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let drafts: Vec<Drafts> = files
            .iter()
            .map(|(_, source)| read(source, &mut problems))
            .collect();
        compare(files, &drafts, &mut problems);
        let mut catalog = Self {
            names: Vec::new(),
            slots: Vec::new(),
            speech: Vec::new(),
            silence: "".into(),
        };
        for &locale in Locale::ALL {
            let file = files.iter().zip(&drafts).find(|((of, _), _)| *of == locale);
            let Some(((_, source), drafts)) = file else {
                continue;
            };
            let prompts = &drafts.prompts;
            catalog.names = prompts
                .keys()
                .map(|name| Arc::from(name.as_str()))
                .collect();
            catalog.slots = prompts.values().map(Draft::slots).collect();
            let mut speech = speech(locale, source, drafts);
            speech.pronounce = drafts.pronounce.clone();
            speech.fix();
            catalog.speech.push(speech);
        }
        problems.or_ok(catalog)
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

    /// Whether it has other words for a second time.
    pub fn varies(&self, id: PromptId) -> bool {
        let takes = self
            .speech
            .iter()
            .map(|speech| speech.takes.get(usize::from(id.0)));
        takes.flatten().any(|takes| takes.len() > 1)
    }

    /// What says the prompt the `nth` time in a call (from 0): clips and pauses, ready to be
    /// played. `None` when a value for a slot is missing or cannot be said.
    pub fn segments(
        &self,
        id: PromptId,
        locale: Locale,
        nth: u8,
        values: &Values,
    ) -> Option<Cow<'_, [Segment]>> {
        let speech = self.speech(locale)?;
        let takes = speech.takes.get(usize::from(id.0))?;
        let take = takes.get(usize::from(nth).checked_rem(takes.len())?)?;
        if let Some(fixed) = &take.fixed {
            return Some(Cow::Borrowed(fixed));
        }
        let said = said(&speech.clips, &take.parts, |slot, segments| {
            self.fill(locale, &slot.value(values)?, segments)
        });
        said.map(Cow::Owned)
    }

    /// Adds what says a value.
    pub fn fill(
        &self,
        locale: Locale,
        value: &spoken::Value,
        segments: &mut Vec<Segment>,
    ) -> Option<()> {
        let clips = &self.speech(locale)?.clips;
        for piece in spoken::pieces(locale, value) {
            segments.push(segment(clips, &piece.unit.id())?);
            if let (true, Part::Mark(mark, silence_ms)) = (piece.comma, text::COMMA) {
                punctuate(mark, silence_ms, segments);
            }
        }
        Some(())
    }

    /// The text of a prompt as it stands in its file; the first one, where it has several.
    pub fn text(&self, id: PromptId, locale: Locale) -> &Arc<str> {
        let takes = (self.speech(locale)).and_then(|speech| speech.takes.get(usize::from(id.0)));
        let first = takes.and_then(|takes| takes.first());
        first.map_or(&self.silence, |take| &take.raw)
    }

    /// Every clip of a locale: those of the prompts and those of numbers, by id.
    pub fn clips(&self, locale: Locale) -> impl Iterator<Item = &Clip> {
        let speech = self.speech(locale);
        speech.into_iter().flat_map(|speech| speech.clips.values())
    }

    /// The clip of that id.
    pub fn clip(&self, locale: Locale, id: &str) -> Option<&Clip> {
        self.speech(locale)?.clips.get(id)
    }

    /// A text as it is spoken in a locale.
    pub fn pronounced(&self, locale: Locale, text: &str) -> String {
        let speech = self.speech(locale);
        speech.map_or_else(|| text.to_owned(), |speech| speech.pronounce.apply(text))
    }

    /// Tells what the clips of a locale sound like.
    pub fn record(
        &mut self,
        locale: Locale,
        recorded: impl IntoIterator<Item = (Arc<str>, Recorded)>,
    ) {
        let at = Locale::ALL.iter().position(|known| *known == locale);
        let Some(speech) = at.and_then(|at| self.speech.get_mut(at)) else {
            return;
        };
        for (id, recorded) in recorded {
            if let Some(clip) = speech.clips.get_mut(&id) {
                clip.recorded = Some(recorded);
            }
        }
        speech.fix();
    }

    fn speech(&self, locale: Locale) -> Option<&Speech> {
        let at = Locale::ALL.iter().position(|known| *known == locale)?;
        self.speech.get(at)
    }
}

impl Speech {
    /// Makes ready what needs no value, with the clips as they are now.
    fn fix(&mut self) {
        for take in self.takes.iter_mut().flatten() {
            take.fixed = said(&self.clips, &take.parts, |_, _| None);
        }
    }
}

/// What says these parts; `fill` says the value of a slot, if it can.
fn said(
    clips: &BTreeMap<Arc<str>, Clip>,
    parts: &[Part],
    fill: impl Fn(Slot, &mut Vec<Segment>) -> Option<()>,
) -> Option<Vec<Segment>> {
    let mut segments = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Part::Clip(id) => segments.push(segment(clips, id)?),
            Part::Slot(slot) => fill(*slot, &mut segments)?,
            Part::Mark(mark, silence_ms) => punctuate(mark, *silence_ms, &mut segments),
        }
    }
    Some(segments)
}

/// One clip as a segment.
fn segment(clips: &BTreeMap<Arc<str>, Clip>, id: &str) -> Option<Segment> {
    let clip = clips.get(id)?;
    let sha256 = clip.recorded.as_ref().map(|recorded| &recorded.sha256);
    Some(Segment {
        prompt: Arc::clone(&clip.id),
        sha256: sha256.cloned().unwrap_or_default(),
        text: Arc::clone(&clip.text),
        duration_ms: clip.duration_ms(),
    })
}

/// Puts a mark behind what was said last, and the pause that it stands for.
fn punctuate(mark: &str, silence_ms: u32, segments: &mut Vec<Segment>) {
    if let Some(last) = segments.last_mut().filter(|_| !mark.is_empty()) {
        last.text = format!("{}{mark}", last.text).into();
    }
    if silence_ms > 0 {
        segments.push(Segment::silence(silence_ms));
    }
}

fn speech(locale: Locale, source: &Arc<Source>, drafts: &Drafts) -> Speech {
    let mut speech = Speech::default();
    let clip = |id: Arc<str>, text: String, prompt, span: Range<usize>| Clip {
        id,
        spoken: drafts.pronounce.apply(&text),
        text: text.into(),
        prompt,
        recorded: None,
        place: (Arc::clone(source), span),
    };
    for ((name, draft), at) in drafts.prompts.iter().zip(0u16..) {
        let mut takes = Vec::new();
        for ((raw, written), nth) in draft.takes.iter().zip(1..) {
            let id = if nth == 1 {
                name.clone()
            } else {
                format!("{name}-alt{nth}")
            };
            let (parts, words) = text::spoken(&id, written);
            for (id, text) in words {
                let clip = clip(
                    Arc::clone(&id),
                    text,
                    Some(PromptId(at)),
                    draft.span.clone(),
                );
                speech.clips.insert(id, clip);
            }
            takes.push(Take {
                raw: raw.as_str().into(),
                parts,
                fixed: None,
            });
        }
        speech.takes.push(takes);
    }
    for (unit, text) in spoken::inventory(locale) {
        let id: Arc<str> = unit.id().into();
        speech
            .clips
            .insert(Arc::clone(&id), clip(id, text, None, 0..0));
    }
    speech
}
