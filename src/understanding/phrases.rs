//! All phrases in one tree of symbols: finds every phrase of an utterance in one pass.

use std::fmt;
use std::sync::Arc;

use crate::call::{Locale, Question, Topic};
use crate::understanding::letters::{at, place};
use crate::understanding::marks::{Mark, Marks, bit};
use crate::understanding::tokens::{Mask, Symbol, Tokens};
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

    /// Its bit in a set; all subjects share one.
    pub(super) const fn bit(self) -> u16 {
        match self {
            Self::Topic(_) => SUBJECT,
            Self::Yes => 1 << 1,
            Self::No => 1 << 2,
            Self::Doubt => 1 << 3,
            Self::Operator => 1 << 4,
            Self::Repeat => 1 << 5,
            Self::Language(Locale::Kk) => 1 << 6,
            Self::Language(Locale::Ru) => 1 << 7,
            Self::Filler => 1 << 8,
            Self::NotBefore => 1 << 9,
            Self::NotAfter => 1 << 10,
        }
    }
}

pub(super) const SUBJECT: u16 = 1;

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
        let verb = matches!(self.meaning, Meaning::Yes) && self.locale != Some(Locale::Ru);
        if denied && (verb || matches!(self.meaning, Meaning::Operator)) {
            Meaning::No
        } else {
            self.meaning
        }
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

    /// The node where a spelling ends, whose words may have others between them.
    pub(super) fn end(&mut self, symbols: &[Symbol], gap: u8) -> u32 {
        let mut node = 0;
        for symbol in symbols {
            node = self.node(node, *symbol);
            let gaps = self.gaps.len().max(at(node) + 1);
            self.gaps.resize(gaps, 0);
            let widest = &mut self.gaps[at(node)];
            *widest = gap.max(*widest);
        }
        node
    }

    /// Takes a phrase in, as the grammar writes it, with each of its spellings and where that [ends](Self::end).
    pub(super) fn add<'s>(
        &mut self,
        phrase: Phrase,
        text: &str,
        spellings: impl Iterator<Item = (&'s Vec<Symbol>, u32)>,
    ) {
        let phrase = Phrase {
            place: place(self.texts.len()),
            ..phrase
        };
        for (symbols, node) in spellings {
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

    /// Every node beside its neighbours, and before theirs what is behind it. Those behind the root stand
    /// where their symbols say.
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
            ends: Vec::with_capacity(self.ends.len()),
            nodes: vec![Node::default(); symbols],
            roots: symbols,
            symbols: vec![0; symbols],
            negation: Mask::default(),
            negations: self.negations,
        };
        let negations = (0..).zip(&phrases.negations).filter(|(_, is)| **is);
        negations.for_each(|(symbol, _)| phrases.negation.add(symbol));
        let nodes = self.ways.len() + 1;
        let ways = starts(self.ways.iter().map(|(from, ..)| *from), nodes);
        let ends = starts(self.ends.iter().map(|(node, _)| *node), nodes);
        // What was which node: those that wait for their children, the next one last.
        let mut waiting = Vec::new();
        for (_, symbol, old) in self.ways[..roots].iter().rev() {
            waiting.push((usize::from(*symbol), *old, *symbol));
        }
        while let Some((new, old, symbol)) = waiting.pop() {
            let [ways, ends] = [&ways, &ends].map(|starts| starts[at(old)]..starts[at(old) + 1]);
            let tight = phrases.nodes[new].tight || phrases.is_negation(symbol);
            let children = phrases.nodes.len();
            let (mut onward, waited) = (Mask::default(), waiting.len());
            for (child, (_, symbol, old)) in (children..).zip(&self.ways[ways.clone()]) {
                onward.add(*symbol);
                waiting.push((child, *old, *symbol));
                phrases.symbols.push(*symbol);
                phrases.nodes.push(Node {
                    tight,
                    ..Node::default()
                });
            }
            waiting[waited..].reverse();
            let first_end = place(phrases.ends.len());
            phrases
                .ends
                .extend(self.ends[ends.clone()].iter().map(|(_, end)| *end));
            phrases.nodes[new] = Node {
                onward,
                children: place(children),
                ends: first_end,
                child_count: u16::try_from(ways.len()).unwrap_or(u16::MAX),
                end_count: u16::try_from(ends.len()).unwrap_or(u16::MAX),
                gap: self.gaps.get(at(old)).copied().unwrap_or_default(),
                tight,
            };
        }
        phrases
    }
}

/// Where what belongs to each node begins, in a list that is sorted by node; the end of the last behind it.
fn starts(of: impl Iterator<Item = u32>, nodes: usize) -> Vec<usize> {
    let mut starts = vec![0; nodes + 1];
    for node in of {
        starts[at(node) + 1] += 1;
    }
    for node in 0..nodes {
        starts[node + 1] += starts[node];
    }
    starts
}

/// Every phrase of the grammars.
#[derive(Debug)]
pub(super) struct Phrases {
    /// As the grammars write them.
    texts: Vec<Arc<str>>,
    ends: Vec<End>,
    /// First those behind the root, by symbol.
    nodes: Vec<Node>,
    /// How many these are: a symbol beyond begins no phrase.
    roots: usize,
    /// What leads to each node, apart from it: a search looks at little memory.
    symbols: Vec<Symbol>,
    /// Words that turn a meaning, by symbol; a phrase does not reach over them.
    negations: Vec<bool>,
    /// The same, roughly.
    negation: Mask,
}

impl Phrases {
    /// A phrase as the grammar writes it.
    pub(super) fn text(&self, phrase: &Phrase) -> Arc<str> {
        let text = self.texts.get(at(phrase.place));
        text.map_or_else(|| "".into(), Arc::clone)
    }

    /// The node behind another by a symbol.
    fn child(&self, of: &Node, symbol: Symbol) -> Option<&Node> {
        if !of.onward.has(symbol) {
            return None;
        }
        let first = at(of.children);
        let children = &self.symbols[first..first + usize::from(of.child_count)];
        let place = children.binary_search(&symbol).ok()?;
        self.nodes.get(first + place)
    }

    fn is_negation(&self, symbol: Symbol) -> bool {
        let place = usize::from(symbol);
        self.negations.get(place).copied().unwrap_or_default()
    }

    /// Every phrase of the utterance that fits the question.
    pub(super) fn find(&self, tokens: &Tokens, question: Question) -> Marks<'_> {
        let negates = |symbol| self.negation.has(symbol) && self.is_negation(symbol);
        let all = tokens.all().iter();
        let negating = all.filter(|token| negates(token.symbol));
        let mut found = Find {
            phrases: self,
            tokens,
            negating: negating.fold(0, |all, token| all | bit(token.word())),
            question,
            marks: Vec::with_capacity(24),
        };
        let roots = &self.nodes[..self.roots];
        for token in tokens.all() {
            if let Some(node) = roots.get(usize::from(token.symbol)) {
                let (first, gap) = (token.word(), 0);
                found.reach(Path { node, first, gap }, first, token.denied);
            }
        }
        Marks::new(found.marks)
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
struct Path<'g> {
    node: &'g Node,
    first: usize,
    /// Most words that stood between two of its own.
    gap: usize,
}

impl<'g> Find<'_, 'g> {
    /// Takes the phrases that end here, and goes on.
    #[inline]
    fn reach(&mut self, path: Path<'g>, word: usize, denied: bool) {
        if path.node.end_count > 0 {
            self.ends(path, word, denied);
        }
        if path.node.onward.meets(self.tokens.rest(word)) {
            self.follow(path, word);
        }
    }

    #[inline(never)]
    fn ends(&mut self, Path { node, first, gap }: Path<'g>, last: usize, denied: bool) {
        let start = at(node.ends);
        let all = first == 0 && last + 1 == self.tokens.len();
        for end in &self.phrases.ends[start..start + usize::from(node.end_count)] {
            let phrase = &end.phrase;
            let asked = phrase.question.is_none_or(|of| of == self.question);
            if asked && (all || !phrase.alone) && gap <= usize::from(phrase.gap) {
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
    #[inline(never)]
    fn follow(&mut self, Path { node, first, gap }: Path<'g>, word: usize) {
        let (phrases, tokens) = (self.phrases, self.tokens);
        let next = word + 1;
        let most = if node.tight { 0 } else { usize::from(node.gap) };
        // One that negates is the last that may come.
        let negating = (self.negating & !bit(next).wrapping_sub(1)).trailing_zeros();
        let last = (next + most).min(usize::try_from(negating).unwrap_or(usize::MAX));
        for token in tokens.between(next, last + 1) {
            if let Some(node) = phrases.child(node, token.symbol) {
                let word = token.word();
                let gap = gap.max(word - next);
                self.reach(Path { node, first, gap }, word, token.denied);
            }
        }
    }
}
