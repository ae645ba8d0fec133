//! A tree of letters or sounds: what ends on the way along a word, and what ends near it.

use std::iter;

use crate::understanding::tokens::{Symbol, Token};

/// What a node of the tree says of a word that came as far as it.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// The word ends here.
    Whole,
    /// The word's Russian stem ends here.
    Stem,
    /// What follows is Kazakh suffixes.
    Root,
    /// Anything may follow.
    Beginning,
}

/// A tree of letters that grows.
#[derive(Debug)]
pub(super) struct Growing {
    nodes: Vec<Shoot>,
    /// What ends at a node, and the place of the next that ends there.
    ends: Vec<(End, Symbol, u32)>,
}

/// Reached by a letter from its parent. Places are 0 for none: the root is nobody's child.
#[derive(Clone, Copy, Debug, Default)]
struct Shoot {
    letter: char,
    /// Its first child, and the next child of its parent.
    child: u32,
    next: u32,
    /// The first of its ends.
    end: u32,
}

impl Default for Growing {
    fn default() -> Self {
        Self {
            nodes: vec![Shoot::default()],
            ends: vec![(End::Whole, 0, 0)],
        }
    }
}

impl Growing {
    pub(super) fn add(&mut self, letters: impl Iterator<Item = char>, end: End, symbol: Symbol) {
        let mut node = 0;
        for letter in letters {
            let leads = |child: &u32| self.nodes[at(*child)].letter == letter;
            let known = self.children(node).find(leads);
            node = known.unwrap_or_else(|| {
                let new = place(self.nodes.len());
                let next = self.nodes[at(node)].child;
                self.nodes.push(Shoot {
                    letter,
                    next,
                    ..Shoot::default()
                });
                self.nodes[at(node)].child = new;
                new
            });
        }
        let first = &mut self.nodes[at(node)].end;
        self.ends.push((end, symbol, *first));
        *first = place(self.ends.len() - 1);
    }

    fn children(&self, node: u32) -> impl Iterator<Item = u32> {
        let first = self.nodes[at(node)].child;
        let beside = |place: &u32| Some(self.nodes[at(*place)].next).filter(|next| *next > 0);
        iter::successors(Some(first).filter(|first| *first > 0), beside)
    }

    fn ends(&self, node: u32) -> impl Iterator<Item = (End, Symbol)> {
        let mut next = self.nodes[at(node)].end;
        iter::from_fn(move || {
            let (end, symbol, after) = self.ends[at(next)];
            let found = (next > 0).then_some((end, symbol));
            next = after;
            found
        })
    }

    /// Every node beside its neighbours, and before theirs what is behind it: a walk along a word stays
    /// in few lines of a processor's cache.
    pub(super) fn grown(&self) -> Tree {
        let mut tree = Tree {
            letters: vec![char::default()],
            nodes: vec![Node::default()],
            ends: Vec::with_capacity(self.ends.len()),
        };
        // What each node was that waits for its children.
        let mut waiting = vec![(0, 0)];
        while let Some((new, old)) = waiting.pop() {
            let (children, ends) = (tree.nodes.len(), place(tree.ends.len()));
            let waited = waiting.len();
            for child in self.children(old) {
                waiting.push((tree.nodes.len(), child));
                tree.letters.push(self.nodes[at(child)].letter);
                tree.nodes.push(Node::default());
            }
            waiting[waited..].reverse();
            tree.ends.extend(self.ends(old));
            tree.nodes[new] = Node {
                children: (place(children), place(tree.nodes.len())),
                ends: (ends, place(tree.ends.len())),
            };
        }
        tree
    }
}

/// A tree of letters. What a walk touches is small: most of what it costs is waiting for memory.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// What leads to each node, apart from it.
    letters: Vec<char>,
    nodes: Vec<Node>,
    ends: Vec<(End, Symbol)>,
}

/// Where its children are, and what ends at it: from, and up to.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    children: (u32, u32),
    ends: (u32, u32),
}

impl Tree {
    fn node(&self, node: u32) -> Node {
        self.nodes.get(at(node)).copied().unwrap_or_default()
    }

    fn letters_behind(&self, node: Node) -> &[char] {
        let (first, end) = node.children;
        self.letters.get(at(first)..at(end)).unwrap_or_default()
    }

    /// The letters that lead on from a node, and where to.
    fn children(&self, node: u32) -> impl Iterator<Item = (char, u32)> {
        let node = self.node(node);
        self.letters_behind(node)
            .iter()
            .copied()
            .zip(node.children.0..)
    }

    pub(super) fn child(&self, node: u32, letter: char) -> Option<u32> {
        let node = self.node(node);
        let found = self.letters_behind(node).iter().position(|c| *c == letter);
        found.map(|found| node.children.0 + place(found))
    }

    pub(super) fn ends(&self, node: u32) -> impl Iterator<Item = (End, Symbol)> {
        let (first, end) = self.node(node).ends;
        let ends = self.ends.get(at(first)..at(end)).unwrap_or_default();
        ends.iter().copied()
    }
}

/// The place of a node or an end.
pub(super) fn at(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// There are fewer of them than a `u32` holds: see the loader's limits.
pub(super) fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Fewest sounds of a word that may be heard wrong.
pub(super) const FEWEST_SOUNDS: usize = 4;

/// How many sounds of a word a recogniser may get wrong.
pub(super) const fn tolerance(sounds: usize) -> usize {
    match sounds {
        0..=4 => 0,
        _ => 1,
    }
}

/// Most sounds of an ending behind a root that was heard wrong.
const MOST_ENDING: usize = 5;

/// A search for the words within a number of wrong sounds. The first two sounds must be right.
pub(super) struct Search<'a> {
    pub(super) tree: &'a Tree,
    pub(super) sounds: &'a [char],
    /// A phrase's word must have more sounds than these.
    pub(super) beyond: usize,
    /// How many sounds are wrong in all.
    pub(super) wrong: usize,
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reached {
    node: u32,
    /// How deep the node is.
    depth: usize,
    /// How many sounds were used.
    used: usize,
    /// How many may still be wrong.
    pub(super) wrong: usize,
}

impl Reached {
    /// Nothing was used yet.
    pub(super) fn beginning(wrong: usize) -> Self {
        Self {
            wrong,
            ..Self::default()
        }
    }

    /// On to a node by a sound that was there, or stands for one.
    const fn heard(self, node: u32) -> Self {
        Self {
            used: self.used + 1,
            ..self.unheard(node)
        }
    }

    /// On to a node by a sound that is missing.
    const fn unheard(self, node: u32) -> Self {
        Self {
            node,
            depth: self.depth + 1,
            ..self
        }
    }

    const fn erred(self) -> Self {
        Self {
            wrong: self.wrong - 1,
            ..self
        }
    }
}

impl Search<'_> {
    /// Takes only what uses all wrong sounds up, since fewer were tried before.
    pub(super) fn walk(&self, mut at: Reached, tokens: &mut Vec<Token>) {
        // Nothing more may be wrong: there is one way on.
        while at.wrong == 0 {
            self.take(at, tokens);
            let next = self.sounds.get(at.used);
            let Some(node) = next.and_then(|next| self.tree.child(at.node, *next)) else {
                return;
            };
            at = at.heard(node);
        }
        let next = self.sounds.get(at.used);
        let may_err = at.depth > 1;
        for (c, node) in self.tree.children(at.node) {
            if next == Some(&c) {
                self.walk(at.heard(node), tokens);
            } else if may_err {
                if next.is_some() {
                    self.walk(at.heard(node).erred(), tokens);
                }
                self.walk(at.unheard(node).erred(), tokens);
            }
        }
        if may_err && next.is_some() {
            let used = at.used + 1;
            self.walk(Reached { used, ..at }.erred(), tokens);
        }
    }

    fn take(&self, at: Reached, tokens: &mut Vec<Token>) {
        let left = self.sounds.len() - at.used;
        for (end, symbol) in self.tree.ends(at.node) {
            let fits = match end {
                End::Whole => left == 0,
                End::Stem | End::Root => left <= MOST_ENDING,
                End::Beginning => true,
            };
            let fewest = (FEWEST_SOUNDS + usize::from(left > 0)).max(self.beyond + 1);
            let enough = at.depth >= fewest
                && self.wrong <= tolerance(at.depth)
                && !tokens.iter().any(|t| t.symbol == symbol);
            if fits && enough {
                tokens.push(Token::new(symbol, false));
            }
        }
    }
}
