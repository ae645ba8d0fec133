//! How words are spoken that are written otherwise: names in Latin letters, stressed vowels. The
//! `[pronounce]` table of a file of prompts; a stress is an acute behind its vowel.

/// Replaces whole words and phrases, the longest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Pronounce(Vec<(String, String)>);

impl Pronounce {
    pub(super) fn new(mut entries: Vec<(String, String)>) -> Self {
        entries.sort_by_key(|(written, _)| std::cmp::Reverse(written.len()));
        Self(entries)
    }

    /// The text as it is spoken.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut spoken = String::with_capacity(text.len());
        let mut rest = text;
        let mut inside_word = false;
        while let Some(c) = rest.chars().next() {
            let found = self.0.iter().find_map(|(written, said)| {
                let after = rest.strip_prefix(written.as_str())?;
                let ends = !after.starts_with(char::is_alphanumeric);
                (!inside_word && ends).then_some((said, after))
            });
            if let Some((said, after)) = found {
                spoken.push_str(said);
                rest = after;
                inside_word = false;
                continue;
            }
            spoken.push(c);
            inside_word = c.is_alphanumeric();
            rest = rest.strip_prefix(c).unwrap_or_default();
        }
        spoken
    }
}

/// A word that no Russian or Kazakh voice can read: it has Latin letters or digits.
pub(super) fn unreadable(spoken: &str) -> Option<&str> {
    let foreign = |word: &&str| word.chars().any(|c| c.is_ascii_alphanumeric());
    let word = spoken.split_whitespace().find(foreign)?;
    Some(word.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
}
