//! All phrases in one tree of symbols: finds every phrase of an utterance in one pass.

use std::fmt;
use std::sync::Arc;

use crate::call::{Locale, Question, Topic};
use hashbrown::HashMap;

use crate::understanding::lexicon::{Mask, Symbol, Tokens};

/// What a phrase means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    Yes,
    No,
    /// Neither: put off, not sure.
    Doubt,
    Operator,
    Repeat,
    Language(Locale),
    Topic(Topic),
    /// Means nothing of its own, and takes nothing from a yes.
    Filler,
    /// Turns the meaning of what follows.
    NotBefore,
    /// Turns the meaning of what came before.
    NotAfter,
}

impl Meaning {
    /// The subject, if it is one.
    pub(super) const fn topic(self) -> Option<Topic> {
        match self {
            Self::Topic(topic) => Some(topic),
            Self::Yes
            | Self::No
            | Self::Doubt
            | Self::Operator
            | Self::Repeat
            | Self::Language(_)
            | Self::Filler
            | Self::NotBefore
            | Self::NotAfter => None,
        }
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Doubt => "doubt",
            Self::Operator => "operator",
            Self::Repeat => "repeat",
            Self::Language(Locale::Ru) => "language_ru",
            Self::Language(Locale::Kk) => "language_kk",
            Self::Topic(topic) => topic.as_str(),
            Self::Filler => "filler",
            Self::NotBefore => "not before",
            Self::NotAfter => "not after",
        })
    }
}

/// Words that mean something, in order.
#[derive(Clone, Debug)]
pub(super) struct Phrase {
    pub(super) meaning: Meaning,
    /// Only as an answer to this question.
    pub(super) question: Option<Question>,
    /// `None`: shared by both languages.
    pub(super) locale: Option<Locale>,
    /// Asked about before it counts.
    pub(super) weak: bool,
    /// Counts only when nothing else was said.
    pub(super) alone: bool,
    /// How many words may stand between two of its own.
    pub(super) gap: usize,
    /// The more it says, the more it weighs.
    pub(super) weight: usize,
    /// As the grammar writes it.
    pub(super) text: Arc<str>,
}

impl Phrase {
    /// One word that stands for no other form of it: «нет».
    pub(super) fn whole(&self) -> bool {
        self.text.starts_with('=') && !self.text.contains(' ')
    }

    /// What it means, if the last word carries the Kazakh suffix of negation or not.
    fn meaning(&self, denied: bool) -> Meaning {
        let verb = self.meaning == Meaning::Yes && self.locale != Some(Locale::Ru);
        let no = verb || self.meaning == Meaning::Operator;
        if denied && no {
            Meaning::No
        } else {
            self.meaning
        }
    }
}

/// A phrase that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark<'g> {
    pub(super) phrase: &'g Phrase,
    /// The phrase's meaning, turned by a Kazakh suffix of negation.
    pub(super) meaning: Meaning,
    pub(super) first: usize,
    pub(super) last: usize,
    /// How many words the phrase has; the others from `first` to `last` are not its own.
    pub(super) words: usize,
}

impl Mark<'_> {
    /// Belongs to the question that was asked.
    pub(super) const fn asked(&self) -> bool {
        self.phrase.question.is_some()
    }

    /// Nothing stands between its words.
    pub(super) const fn whole(&self) -> bool {
        self.last + 1 - self.first == self.words
    }
}

#[derive(Debug, Default)]
struct Node {
    /// The symbols that lead on.
    onward: Mask,
    /// The phrases that end here, each with how many words it has in this spelling.
    ends: Vec<(usize, usize)>,
    /// Words that may stand before the next, by the phrase that allows most.
    gap: usize,
    /// A negation came before: it turns the words beside it and no others.
    tight: bool,
}

impl Default for Phrases {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            nodes: vec![Node::default()],
            beginnings: Vec::new(),
            ways: HashMap::new(),
            negations: Vec::new(),
        }
    }
}

/// Every phrase of the grammars.
#[derive(Debug)]
pub(super) struct Phrases {
    all: Vec<Phrase>,
    nodes: Vec<Node>,
    /// The ways from the root, by symbol.
    beginnings: Vec<Option<usize>>,
    /// The way from any other node by a symbol. Looked up only, so its order does not matter.
    ways: HashMap<(usize, Symbol), usize>,
    /// Words that turn a meaning; a phrase does not reach over them.
    negations: Vec<Symbol>,
}

impl Phrases {
    /// A word that turns the meaning of what follows; to be told before the phrases.
    pub(super) fn negates(&mut self, symbol: Symbol) {
        self.negations.push(symbol);
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.all.len()
    }

    /// Takes a phrase in, in each of its spellings.
    pub(super) fn add(&mut self, phrase: &Phrase, spellings: &[Vec<Symbol>]) {
        for symbols in spellings {
            let mut at = 0;
            for symbol in symbols {
                at = self.node(at, *symbol);
                self.nodes[at].gap = self.nodes[at].gap.max(phrase.gap);
            }
            self.nodes[at].ends.push((self.all.len(), symbols.len()));
        }
        self.all.push(phrase.clone());
    }

    fn node(&mut self, at: usize, symbol: Symbol) -> usize {
        let next = self.nodes.len();
        let way = if at == 0 {
            let place = usize::from(symbol);
            let places = self.beginnings.len().max(place + 1);
            self.beginnings.resize(places, None);
            *self.beginnings[place].get_or_insert(next)
        } else {
            *self.ways.entry((at, symbol)).or_insert(next)
        };
        if way == next {
            let tight = self.nodes[at].tight || self.negations.contains(&symbol);
            self.nodes[at].onward.add(symbol);
            self.nodes.push(Node {
                tight,
                ..Node::default()
            });
        }
        way
    }

    fn way(&self, at: usize, symbol: Symbol) -> Option<usize> {
        if at == 0 {
            self.beginnings.get(usize::from(symbol)).copied().flatten()
        } else {
            self.ways.get(&(at, symbol)).copied()
        }
    }

    /// Every phrase of the utterance that fits the question, in the order of their ends.
    pub(super) fn find(&self, tokens: &Tokens, question: Question) -> Vec<Mark<'_>> {
        let negates = |at: &usize| {
            let tokens = tokens.of(*at).iter();
            tokens
                .into_iter()
                .any(|token| self.negations.contains(&token.symbol))
        };
        let mut found = Find {
            phrases: self,
            tokens,
            masks: tokens.masks(),
            negating: (0..tokens.len())
                .filter(negates)
                .fold(0, |all, at| all | 1 << at),
            question,
            marks: Vec::with_capacity(32),
        };
        for first in 0..tokens.len() {
            found.step(
                Path {
                    node: 0,
                    first,
                    gap: 0,
                },
                first,
            );
        }
        found
            .marks
            .sort_by_key(|mark| (mark.last, mark.phrase.weight));
        found.marks
    }
}

struct Find<'a, 'g> {
    phrases: &'g Phrases,
    tokens: &'a Tokens,
    /// The symbols of each word, roughly.
    masks: Vec<Mask>,
    /// The words that negate, a bit each.
    negating: u64,
    question: Question,
    marks: Vec<Mark<'g>>,
}

/// How far a phrase has come.
#[derive(Clone, Copy)]
struct Path {
    node: usize,
    first: usize,
    /// Most words that stood between two of its own.
    gap: usize,
}

impl Find<'_, '_> {
    /// Goes on with the word at `at`.
    fn step(&mut self, path: Path, at: usize) {
        for &token in self.tokens.of(at) {
            if let Some(node) = self.phrases.way(path.node, token.symbol) {
                let path = Path { node, ..path };
                self.ends(path, at, token.denied);
                self.follow(path, at);
            }
        }
    }

    /// Takes the phrases that end here.
    fn ends(&mut self, Path { node, first, gap }: Path, last: usize, denied: bool) {
        for &(phrase, words) in &self.phrases.nodes[node].ends {
            let phrase = &self.phrases.all[phrase];
            let alone = first == 0 && last + 1 == self.tokens.len();
            let fits =
                phrase.question.is_none_or(|of| of == self.question) && (alone || !phrase.alone);
            if fits && gap <= phrase.gap {
                let meaning = phrase.meaning(denied);
                self.marks.push(Mark {
                    phrase,
                    meaning,
                    first,
                    last,
                    words,
                });
            }
        }
    }

    /// Looks at the words that may come next; a phrase does not reach over a negation.
    fn follow(&mut self, path: Path, at: usize) {
        let node = &self.phrases.nodes[path.node];
        for gap in 0..=if node.tight { 0 } else { node.gap } {
            let next = at + 1 + gap;
            let Some(mask) = self.masks.get(next) else {
                break;
            };
            if node.onward.meets(*mask) {
                let gap = path.gap.max(gap);
                self.step(Path { gap, ..path }, next);
            }
            if self.negating >> next & 1 != 0 {
                break;
            }
        }
    }
}
