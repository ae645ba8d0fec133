//! What callers say: the examples of the grammars (`question⇥intent⇥text`), by language.

use std::collections::BTreeMap;

use crate::call::{Locale, Question};
use crate::chance::Chance;

/// Letters that only Kazakh has.
const KAZAKH: &[char] = &['ә', 'ғ', 'қ', 'ң', 'ө', 'ұ', 'ү', 'һ', 'і'];
/// The word for every question.
const ANY: &str = "any";

/// Utterances by question, intent and language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(BTreeMap<(String, String), [Vec<String>; 2]>);

/// There are no examples in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are no examples of what callers say: a line is `question⇥intent⇥text`")]
pub struct NoWords;

impl Words {
    /// Reads `grammars/examples.tsv`.
    ///
    /// # Errors
    /// There is no example in it.
    pub fn read(text: &str) -> Result<Self, NoWords> {
        let mut words: BTreeMap<(String, String), [Vec<String>; 2]> = BTreeMap::new();
        for line in text.lines().skip(1) {
            let mut fields = line.split('\t');
            if let (Some(question), Some(intent), Some(said)) =
                (fields.next(), fields.next(), fields.next())
            {
                let key = (question.to_owned(), intent.to_owned());
                let [kazakh, russian] = words.entry(key).or_default();
                let of = if said.contains(KAZAKH) {
                    kazakh
                } else {
                    russian
                };
                of.push(said.to_owned());
            }
        }
        if words.is_empty() {
            Err(NoWords)
        } else {
            Ok(Self(words))
        }
    }

    /// Utterances of that meaning in the language of `text`.
    pub fn like(&self, question: Question, intent: &str, text: &str) -> &[String] {
        let kazakh = text.contains(KAZAKH);
        self.of(
            question,
            intent,
            if kazakh { Locale::Kk } else { Locale::Ru },
        )
    }

    /// Words of that meaning; of another question or in the other language if there are none.
    pub(super) fn say(
        &self,
        question: Question,
        intent: &str,
        locale: Locale,
        chance: &mut Chance,
    ) -> Option<&str> {
        let of = self.of(question, intent, locale);
        chance.one(of).map(String::as_str)
    }

    fn of(&self, question: Question, intent: &str, locale: Locale) -> &[String] {
        let found = [question.as_str(), ANY, Question::Open.as_str()]
            .iter()
            .find_map(|question| self.0.get(&((*question).to_owned(), intent.to_owned())));
        let Some([kazakh, russian]) = found else {
            return &[];
        };
        let (own, other) = match locale {
            Locale::Kk => (kazakh, russian),
            Locale::Ru => (russian, kazakh),
        };
        if own.is_empty() { other } else { own }
    }
}
