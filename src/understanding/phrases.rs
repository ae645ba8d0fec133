//! All phrases in one tree of symbols: finds every phrase of an utterance in one pass.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::call::{Locale, Question, Topic};
use crate::understanding::letters::{at, place};
use crate::understanding::lexicon::{Mask, Symbol, Tokens};
use crate::understanding::words::{Keyed, mix};

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
#[derive(Clone, Copy, Debug)]
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
    /// One word that stands for no other form of it: «нет».
    pub(super) whole: bool,
    /// How many words may stand between two of its own.
    pub(super) gap: u8,
    /// The more it says, the more it weighs.
    pub(super) weight: u16,
    /// Which of the grammars' phrases it is.
    pub(super) place: u32,
}

impl Phrase {
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
    /// The first of the nodes that they lead to; these stand side by side in the order of their symbols.
    children: u32,
    /// The first of the phrases that end here.
    ends: u32,
    /// How many of both there are.
    child_count: u16,
    end_count: u16,
    /// What leads here.
    symbol: Symbol,
    /// Words that may stand before the next, by the phrase that allows most.
    gap: u8,
    /// A negation came before: it turns the words beside it and no others.
    tight: bool,
}

/// A phrase that ends at a node.
#[derive(Clone, Copy, Debug)]
struct End {
    phrase: Phrase,
    /// How many words it has in this spelling.
    words: u16,
}

/// Phrases as they are read, in one tree; to be [packed](Self::packed).
#[derive(Debug, Default)]
pub(super) struct Gathered {
    texts: Vec<Arc<str>>,
    /// The ways from a node by a symbol, as they came, and the same to look up. The root is 0.
    ways: Vec<(u32, Symbol, u32)>,
    looked_up: Keyed<u32>,
    /// What ends at a node.
    ends: Vec<(u32, End)>,
    /// The widest gap behind each node.
    gaps: Vec<u8>,
    negations: Vec<bool>,
}

impl Gathered {
    /// A word that turns the meaning of what follows.
    pub(super) fn negates(&mut self, symbol: Symbol) {
        let place = usize::from(symbol);
        let places = self.negations.len().max(place + 1);
        self.negations.resize(places, false);
        self.negations[place] = true;
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.texts.len()
    }

    /// Takes a phrase in, in each of its spellings, as the grammar writes it.
    pub(super) fn add(&mut self, phrase: Phrase, text: &str, spellings: &[Vec<Symbol>]) {
        let phrase = Phrase {
            place: place(self.texts.len()),
            ..phrase
        };
        for symbols in spellings {
            let mut node = 0;
            for symbol in symbols {
                node = self.node(node, *symbol);
                let gaps = self.gaps.len().max(at(node) + 1);
                self.gaps.resize(gaps, 0);
                let gap = &mut self.gaps[at(node)];
                *gap = phrase.gap.max(*gap);
            }
            let words = u16::try_from(symbols.len()).unwrap_or(u16::MAX);
            self.ends.push((node, End { phrase, words }));
        }
        self.texts.push(text.into());
    }

    /// The node behind another by a symbol; made, if there is none.
    fn node(&mut self, from: u32, symbol: Symbol) -> u32 {
        let next = place(self.ways.len() + 1);
        let key = mix(u64::from(from) << 16 | u64::from(symbol));
        let way = *self.looked_up.entry(key).or_insert(next);
        if way == next {
            self.ways.push((from, symbol, next));
        }
        way
    }

    /// Every node beside its neighbours. Those behind the root stand where their symbols say.
    pub(super) fn packed(mut self) -> Phrases {
        self.ways.sort_unstable();
        // Of equals the last one comes first.
        self.ends.reverse();
        self.ends.sort_by_key(|(node, _)| *node);
        let roots = self.ways.partition_point(|(from, ..)| *from == 0);
        let symbols = self.ways[..roots].last();
        let symbols = symbols.map_or(0, |(_, symbol, _)| usize::from(*symbol) + 1);
        let mut phrases = Phrases {
            texts: self.texts,
            ends: self.ends.iter().map(|(_, end)| *end).collect(),
            nodes: vec![Node::default(); symbols],
            negations: self.negations,
        };
        // What was which node: those that wait for their children, in the order of their new places.
        let mut waiting = VecDeque::new();
        for (_, symbol, old) in &self.ways[..roots] {
            waiting.push_back((usize::from(*symbol), *old, *symbol));
        }
        while let Some((new, old, symbol)) = waiting.pop_front() {
            let of = |from: &u32| old.cmp(from).reverse();
            let ways = equal(&self.ways, |(from, ..)| of(from));
            let ends = equal(&self.ends, |(node, _)| of(node));
            let tight = phrases.nodes[new].tight || phrases.is_negation(symbol);
            let children = phrases.nodes.len();
            let mut onward = Mask::default();
            for (child, (_, symbol, old)) in (children..).zip(&self.ways[ways.clone()]) {
                onward.add(*symbol);
                waiting.push_back((child, *old, *symbol));
                phrases.nodes.push(Node {
                    tight,
                    ..Node::default()
                });
            }
            phrases.nodes[new] = Node {
                onward,
                children: place(children),
                ends: place(ends.start),
                child_count: u16::try_from(ways.len()).unwrap_or(u16::MAX),
                end_count: u16::try_from(ends.len()).unwrap_or(u16::MAX),
                symbol,
                gap: self.gaps.get(at(old)).copied().unwrap_or_default(),
                tight,
            };
        }
        phrases
    }
}

/// Where the items stand that compare as equal, in a sorted list.
fn equal<T>(items: &[T], compare: impl Fn(&T) -> Ordering) -> Range<usize> {
    let start = items.partition_point(|item| compare(item) == Ordering::Less);
    let end = items.partition_point(|item| compare(item) != Ordering::Greater);
    start..end
}

/// Every phrase of the grammars.
#[derive(Debug)]
pub(super) struct Phrases {
    /// As the grammars write them.
    texts: Vec<Arc<str>>,
    ends: Vec<End>,
    /// First those behind the root, by symbol.
    nodes: Vec<Node>,
    /// Words that turn a meaning, by symbol; a phrase does not reach over them.
    negations: Vec<bool>,
}

impl Phrases {
    /// A phrase as the grammar writes it.
    pub(super) fn text(&self, phrase: &Phrase) -> Arc<str> {
        let text = self.texts.get(at(phrase.place));
        text.map_or_else(|| "".into(), Arc::clone)
    }

    /// The node behind another by a symbol.
    fn child(&self, of: Node, symbol: Symbol) -> Option<Node> {
        let first = at(of.children);
        let children = &self.nodes[first..first + usize::from(of.child_count)];
        let place = children.binary_search_by_key(&symbol, |child| child.symbol);
        place.ok().map(|place| children[place])
    }

    fn is_negation(&self, symbol: Symbol) -> bool {
        let place = usize::from(symbol);
        self.negations.get(place).copied().unwrap_or_default()
    }

    /// Every phrase of the utterance that fits the question, in the order of their ends.
    pub(super) fn find(&self, tokens: &Tokens, question: Question) -> Vec<Mark<'_>> {
        let negates = |at: &usize| {
            let mut tokens = tokens.of(*at).iter();
            tokens.any(|token| self.is_negation(token.symbol))
        };
        let negating = (0..tokens.len()).filter(negates);
        let mut found = Find {
            phrases: self,
            tokens,
            negating: negating.fold(0, |all, at| all | 1 << at),
            question,
            marks: Vec::with_capacity(32),
        };
        for first in 0..tokens.len() {
            for token in tokens.of(first) {
                if let Some(&node) = self.nodes.get(usize::from(token.symbol)) {
                    let path = Path {
                        node,
                        first,
                        gap: 0,
                    };
                    found.reach(path, first, token.denied);
                }
            }
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
    /// The words that negate, a bit each.
    negating: u64,
    question: Question,
    marks: Vec<Mark<'g>>,
}

/// How far a phrase has come.
#[derive(Clone, Copy)]
struct Path {
    node: Node,
    first: usize,
    /// Most words that stood between two of its own.
    gap: u8,
}

impl Find<'_, '_> {
    /// Takes the phrases that end here, and goes on.
    fn reach(&mut self, path: Path, word: usize, denied: bool) {
        if path.node.end_count > 0 {
            self.ends(path, word, denied);
        }
        if path.node.child_count > 0 {
            self.follow(path, word);
        }
    }

    fn ends(&mut self, Path { node, first, gap }: Path, last: usize, denied: bool) {
        let start = at(node.ends);
        for end in &self.phrases.ends[start..start + usize::from(node.end_count)] {
            let phrase = &end.phrase;
            if phrase.question.is_some_and(|of| of != self.question) {
                continue;
            }
            let alone = first == 0 && last + 1 == self.tokens.len();
            let fits = alone || !phrase.alone;
            if fits && gap <= phrase.gap {
                self.marks.push(Mark {
                    phrase,
                    meaning: phrase.meaning(denied),
                    first,
                    last,
                    words: usize::from(end.words),
                });
            }
        }
    }

    /// Looks at the words that may come next; a phrase does not reach over a negation.
    fn follow(&mut self, Path { node, first, gap }: Path, word: usize) {
        for between in 0..=if node.tight { 0 } else { node.gap } {
            let next = word + 1 + usize::from(between);
            let Some(mask) = self.tokens.mask(next) else {
                break;
            };
            if node.onward.meets(mask) {
                let gap = gap.max(between);
                for token in self.tokens.of(next) {
                    if let Some(node) = self.phrases.child(node, token.symbol) {
                        self.reach(Path { node, first, gap }, next, token.denied);
                    }
                }
            }
            if self.negating >> next & 1 != 0 {
                break;
            }
        }
    }
}
