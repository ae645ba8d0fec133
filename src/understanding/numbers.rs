//! Digits and number words, as people say a login, a house or «the second one».

use std::collections::BTreeMap;

use crate::call::Locale;
use crate::understanding::tokens::{Symbol, Tokens};
use crate::understanding::words::Words;

/// A number word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    value: u16,
    /// Below which value the next number word completes it: 20 takes 1–9, 100 takes 1–99.
    takes: u16,
}

impl Number {
    /// A number below a thousand, as the grammar of a language names it. In Kazakh ten and a unit
    /// are two words («он бес»), in Russian one.
    pub(super) fn new(digits: &str, locale: Option<Locale>) -> Option<Self> {
        let value: u16 = digits.parse().ok().filter(|value| *value < 1000)?;
        let takes = match value {
            10 if locale == Some(Locale::Kk) => 10,
            100.. if value.is_multiple_of(100) => 100,
            20..=99 if value.is_multiple_of(10) => 10,
            _ => 1,
        };
        Some(Self { value, takes })
    }
}

/// The number words of all languages.
#[derive(Debug, Default)]
pub(super) struct Numbers(BTreeMap<Symbol, Number>);

impl Numbers {
    /// Takes a word in.
    pub(super) fn add(&mut self, symbol: Symbol, number: Number) {
        self.0.insert(symbol, number);
    }

    /// The numbers of an utterance, one text of digits for each, and which words they took: «ноль
    /// семь сто двадцать три» is `0`, `7`, `123`.
    pub(super) fn read(&self, words: &Words<'_>, tokens: &Tokens) -> (Vec<String>, Vec<usize>) {
        let mut said = Said::default();
        let mut taken = Vec::new();
        for (at, word) in words.iter().enumerate() {
            if word.bytes().all(|b| b.is_ascii_digit()) {
                said.numeral(&word);
            } else if let Some(number) = self.of(tokens, at) {
                said.word(number);
            } else {
                said.close();
                continue;
            }
            taken.push(at);
        }
        said.close();
        (said.numbers, taken)
    }

    fn of(&self, tokens: &Tokens, at: usize) -> Option<Number> {
        tokens
            .of(at)
            .iter()
            .find_map(|token| self.0.get(&token.symbol))
            .copied()
    }
}

/// Numbers so far, and the one that may still grow.
#[derive(Default)]
struct Said {
    numbers: Vec<String>,
    open: Option<Number>,
}

impl Said {
    fn numeral(&mut self, digits: &str) {
        self.close();
        self.numbers.push(digits.to_owned());
    }

    fn word(&mut self, next: Number) {
        match self.open {
            Some(open) if next.value > 0 && next.value < open.takes => {
                // «сто двадцать» goes on as «двадцать» does.
                self.open = Some(Number {
                    value: open.value + next.value,
                    takes: next.takes,
                });
            }
            _ => {
                self.close();
                self.open = Some(next);
            }
        }
    }

    fn close(&mut self) {
        self.numbers
            .extend(self.open.take().map(|number| number.value.to_string()));
    }
}
