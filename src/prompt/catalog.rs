//! Reads `prompts/<locale>.toml`: every prompt in every locale, with the same slots, or problems.

use std::sync::Arc;

use super::{PromptId, Segment, Slot, Values};
use crate::call::Locale;
use crate::problem::{Problems, Source};

/// All prompts. Loaded whole or not at all.
#[derive(Debug)]
pub struct Catalog {}

impl Catalog {
    /// Reads the prompts of each locale from its file.
    pub fn load(files: &[(Locale, Arc<Source>)]) -> Result<Self, Problems> {
        let _ = files;
        Ok(Self {})
    }

    /// The prompt of that name.
    pub fn find(&self, name: &str) -> Option<PromptId> {
        let _ = name;
        None
    }

    /// Its name.
    pub fn name(&self, id: PromptId) -> &Arc<str> {
        let _ = id;
        unreachable!()
    }

    /// Every name, sorted; a [`PromptId`] is an index into it.
    pub fn names(&self) -> &[Arc<str>] {
        &[]
    }

    /// The slots in its text, the same in every locale.
    pub fn slots(&self, id: PromptId) -> &[Slot] {
        let _ = id;
        &[]
    }

    /// The prompt in one locale, ready to be played; `None` when a value for a slot is missing.
    /// Without slots this is a clone of three `Arc`s.
    pub fn segment(&self, id: PromptId, locale: Locale, values: &Values) -> Option<Segment> {
        let _ = (id, locale, values);
        None
    }

    /// The text of a prompt as it stands in its file.
    pub fn text(&self, id: PromptId, locale: Locale) -> &Arc<str> {
        let _ = (id, locale);
        unreachable!()
    }
}
