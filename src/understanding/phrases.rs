//! All phrases in one tree of symbols: finds every phrase of an utterance in one pass.

use std::fmt;
use std::sync::Arc;

use crate::call::{Locale, Question, Topic};
use crate::understanding::letters::{at, place};
use crate::understanding::marks::{Mark, Marks, bit};
use crate::understanding::tokens::{Mask, Symbol, Token, Tokens};
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

    /// Its bit in a set; all subjects share one, and all languages.
    pub(super) const fn bit(self) -> u16 {
        match self {
            Self::Topic(_) => SUBJECT,
            Self::Yes => 1 << 1,
            Self::No => 1 << 2,
            Self::Doubt => 1 << 3,
            Self::Operator => 1 << 4,
            Self::Repeat => 1 << 5,
            Self::Language(_) => 1 << 6,
            Self::Filler => 1 << 7,
            Self::NotBefore => 1 << 8,
            Self::NotAfter => 1 << 9,
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
    /// Behind the root: by a word that turns a meaning; a phrase does not reach over it.
    negates: bool,
}

/// A phrase that ends at a node.
#[derive(Clone, Copy, Debug)]
struct End {
    phrase: Phrase,
    /// How many words it has in this spelling.
    words: u8,
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
            let words = u8::try_from(symbols.len()).unwrap_or(u8::MAX);
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
    /// where their symbols say, one for each of so many.
    pub(super) fn packed(mut self, symbols: usize) -> Phrases {
        self.ways.sort_unstable();
        // Of equals the last one comes first.
        self.ends.reverse();
        self.ends.sort_by_key(|(node, _)| *node);
        let roots = self.ways.partition_point(|(from, ..)| *from == 0);
        let mut phrases = Phrases {
            texts: self.texts,
            ends: Vec::with_capacity(self.ends.len()),
            nodes: vec![Node::default(); symbols],
            symbols: vec![0; symbols],
        };
        for (node, negates) in phrases.nodes.iter_mut().zip(self.negations) {
            node.negates = negates;
        }
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
            let tight = phrases.nodes[new].tight || phrases.root(symbol).negates;
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
                ..phrases.nodes[new]
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
    /// What leads to each node, apart from it: a search looks at little memory.
    symbols: Vec<Symbol>,
}

impl Phrases {
    /// A phrase as the grammar writes it.
    pub(super) fn text(&self, phrase: &Phrase) -> Arc<str> {
        let text = self.texts.get(at(phrase.place));
        text.map_or_else(|| "".into(), Arc::clone)
    }

    /// The node behind another by a symbol.
    fn child(&self, of: &Node, symbol: Symbol) -> Option<&Node> {
        let first = at(of.children);
        let children = &self.symbols[first..first + usize::from(of.child_count)];
        let place = children.binary_search(&symbol).ok()?;
        self.nodes.get(first + place)
    }

    /// The node behind the root by a symbol: each has one.
    fn root(&self, symbol: Symbol) -> &Node {
        &self.nodes[usize::from(symbol)]
    }

    /// Every phrase of the utterance that fits the question.
    pub(super) fn find(&self, tokens: &Tokens, question: Question) -> Marks<'_> {
        let negating = tokens.all().iter().fold(0, |all, token| {
            let negates = u64::from(self.root(token.symbol).negates);
            all | (negates * bit(token.word()))
        });
        let mut found = Find {
            phrases: self,
            tokens,
            negating,
            question,
            marks: Vec::with_capacity(16),
        };
        // Which symbols lead anywhere is asked of many before any is followed: each question has an
        // answer that no processor guesses.
        for tokens in tokens.all().chunks(AT_ONCE) {
            let (mut ends, mut leads) = (0_u64, 0_u64);
            for token in tokens.iter().rev() {
                let node = self.root(token.symbol);
                let rest = found.tokens.rest(token.word());
                ends = ends << 1 | u64::from(node.end_count > 0);
                leads = leads << 1 | u64::from(node.onward.meets(rest));
            }
            for at in Bits(leads) {
                let token = tokens[at];
                found.follow(found.path(token), token.word());
            }
            for at in Bits(ends) {
                let token = tokens[at];
                found.ends(found.path(token), token.word(), token.denied);
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
    first: u8,
    /// Most words that stood between two of its own.
    gap: u8,
}

/// Symbols of which the bits of one number tell.
const AT_ONCE: usize = 64;

/// The places of the bits of a set.
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let at = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (at < 64).then(|| usize::try_from(at).unwrap_or_default())
    }
}

impl<'g> Find<'_, 'g> {
    fn path(&self, token: Token) -> Path<'g> {
        Path {
            node: self.phrases.root(token.symbol),
            first: token.word(),
            gap: 0,
        }
    }

    /// Takes the phrases that end here, and goes on.
    #[inline]
    fn reach(&mut self, path: Path<'g>, word: u8, denied: bool) {
        if path.node.end_count > 0 {
            self.ends(path, word, denied);
        }
        if path.node.onward.meets(self.tokens.rest(word)) {
            self.follow(path, word);
        }
    }

    #[inline(never)]
    fn ends(&mut self, Path { node, first, gap }: Path<'g>, last: u8, denied: bool) {
        let start = at(node.ends);
        let all = first == 0 && usize::from(last) + 1 == self.tokens.len();
        for end in &self.phrases.ends[start..start + usize::from(node.end_count)] {
            let phrase = &end.phrase;
            let asked = phrase.question.is_none_or(|of| of == self.question);
            let may = [asked, all || !phrase.alone, gap <= phrase.gap];
            // Taken in any case, and dropped again: no processor has to guess.
            let found = self.marks.len() + may.map(usize::from).iter().product::<usize>();
            self.marks.push(Mark {
                phrase,
                meaning: phrase.meaning(denied),
                first,
                last,
                words: end.words,
            });
            self.marks.truncate(found);
        }
    }

    /// Looks at the words that may come next; a phrase does not reach over a negation.
    #[inline(never)]
    fn follow(&mut self, Path { node, first, gap }: Path<'g>, word: u8) {
        let (phrases, tokens) = (self.phrases, self.tokens);
        let next = word + 1;
        let most = if node.tight { 0 } else { node.gap };
        // One that negates is the last that may come.
        let negating = (self.negating & !bit(next).wrapping_sub(1)).trailing_zeros();
        let last = next
            .saturating_add(most)
            .min(u8::try_from(negating).unwrap_or(u8::MAX));
        for tokens in tokens
            .between(next.into(), usize::from(last) + 1)
            .chunks(AT_ONCE)
        {
            let mut may = 0_u64;
            for token in tokens.iter().rev() {
                may = may << 1 | u64::from(node.onward.has(token.symbol));
            }
            for at in Bits(may) {
                let token = tokens[at];
                if let Some(node) = phrases.child(node, token.symbol) {
                    let word = token.word();
                    let gap = gap.max(word - next);
                    self.reach(Path { node, first, gap }, word, token.denied);
                }
            }
        }
    }
}
