//! All phrases in one tree of symbols: finds every phrase of an utterance in one pass.

use std::fmt;
use std::sync::Arc;

use crate::call::{Locale, Question, Topic};
use hashbrown::HashMap;

use crate::understanding::letters::{at, place};
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
    pub(super) gap: u8,
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

/// Small, so that many fit into a processor's cache: most of what a look-up costs is waiting for memory.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    /// The symbols that lead on.
    onward: Mask,
    /// The first of the phrases that end here, by its place among the ends; 0 is none.
    end: u32,
    /// Words that may stand before the next, by the phrase that allows most.
    gap: u8,
    /// A negation came before: it turns the words beside it and no others.
    tight: bool,
}

/// A phrase that ends at a node.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    phrase: u32,
    /// The only question that it answers: most do not answer the one that was asked.
    question: Option<Question>,
    /// How many words it has in this spelling.
    words: u16,
    /// The next that ends there; 0 is none.
    next: u32,
}

impl Default for Phrases {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            ends: vec![End::default()],
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
    ends: Vec<End>,
    nodes: Vec<Node>,
    /// The ways from the root, by symbol.
    beginnings: Vec<u32>,
    /// The way from any other node by a symbol. Looked up only, so its order does not matter.
    ways: HashMap<(u32, Symbol), u32>,
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
            let mut node = 0;
            for symbol in symbols {
                node = self.node(node, *symbol);
                let reached = &mut self.nodes[at(node)];
                reached.gap = reached.gap.max(phrase.gap);
            }
            let reached = &mut self.nodes[at(node)];
            let end = End {
                phrase: place(self.all.len()),
                question: phrase.question,
                words: u16::try_from(symbols.len()).unwrap_or(u16::MAX),
                next: reached.end,
            };
            reached.end = place(self.ends.len());
            self.ends.push(end);
        }
        self.all.push(phrase.clone());
    }

    /// The node behind another by a symbol; made, if there is none.
    fn node(&mut self, from: u32, symbol: Symbol) -> u32 {
        if let Some(way) = self.way(from, symbol) {
            return way;
        }
        let next = place(self.nodes.len());
        let tight = self.nodes[at(from)].tight || self.negations.contains(&symbol);
        self.nodes[at(from)].onward.add(symbol);
        self.nodes.push(Node {
            tight,
            ..Node::default()
        });
        if from == 0 {
            let place = usize::from(symbol);
            let places = self.beginnings.len().max(place + 1);
            self.beginnings.resize(places, 0);
            self.beginnings[place] = next;
        } else {
            self.ways.insert((from, symbol), next);
        }
        next
    }

    fn way(&self, from: u32, symbol: Symbol) -> Option<u32> {
        if from == 0 {
            let way = self.beginnings.get(usize::from(symbol)).copied();
            way.filter(|way| *way > 0)
        } else {
            self.ways.get(&(from, symbol)).copied()
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
    node: u32,
    first: usize,
    /// Most words that stood between two of its own.
    gap: u8,
}

impl Find<'_, '_> {
    /// Goes on with the word at `at`.
    fn step(&mut self, path: Path, word: usize) {
        for &token in self.tokens.of(word) {
            if let Some(node) = self.phrases.way(path.node, token.symbol) {
                let path = Path { node, ..path };
                self.ends(path, word, token.denied);
                self.follow(path, word);
            }
        }
    }

    /// Takes the phrases that end here.
    fn ends(&mut self, Path { node, first, gap }: Path, last: usize, denied: bool) {
        let mut place = self.phrases.nodes[at(node)].end;
        while place > 0 {
            let end = self.phrases.ends[at(place)];
            place = end.next;
            if end.question.is_some_and(|of| of != self.question) {
                continue;
            }
            let phrase = &self.phrases.all[at(end.phrase)];
            let alone = first == 0 && last + 1 == self.tokens.len();
            let fits = alone || !phrase.alone;
            if fits && gap <= phrase.gap {
                let meaning = phrase.meaning(denied);
                self.marks.push(Mark {
                    phrase,
                    meaning,
                    first,
                    last,
                    words: usize::from(end.words),
                });
            }
        }
    }

    /// Looks at the words that may come next; a phrase does not reach over a negation.
    fn follow(&mut self, path: Path, word: usize) {
        let node = self.phrases.nodes[at(path.node)];
        for gap in 0..=if node.tight { 0 } else { node.gap } {
            let next = word + 1 + usize::from(gap);
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
