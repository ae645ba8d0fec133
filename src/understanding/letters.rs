//! A tree of letters or sounds: what ends on the way along a word, and what ends near it.

use std::iter;

use hashbrown::HashMap;

use crate::understanding::lexicon::{Symbol, Token};

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

/// A tree of letters. What a walk touches is small: most of what it costs is waiting for memory.
#[derive(Debug)]
pub(super) struct Tree {
    /// The first end of each node, by its place among the ends; 0 is none.
    nodes: Vec<u32>,
    /// What ends at a node, and the place of the next that ends there.
    ends: Vec<(End, Symbol, u32)>,
    /// The way from a node by a letter. Looked up only, so its order does not matter.
    ways: HashMap<(u32, char), u32>,
    /// The same by node, to try every letter.
    children: Vec<Vec<(char, u32)>>,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            nodes: vec![0],
            ends: vec![(End::Whole, 0, 0)],
            ways: HashMap::new(),
            children: vec![Vec::new()],
        }
    }
}

impl Tree {
    pub(super) fn add(&mut self, letters: impl Iterator<Item = char>, end: End, symbol: Symbol) {
        let mut node = 0;
        for c in letters {
            let next = place(self.nodes.len());
            let way = *self.ways.entry((node, c)).or_insert(next);
            if way == next {
                self.children[at(node)].push((c, next));
                self.nodes.push(0);
                self.children.push(Vec::new());
            }
            node = way;
        }
        let first = &mut self.nodes[at(node)];
        self.ends.push((end, symbol, *first));
        *first = place(self.ends.len() - 1);
    }

    pub(super) fn child(&self, node: u32, c: char) -> Option<u32> {
        self.ways.get(&(node, c)).copied()
    }

    pub(super) fn ends(&self, node: u32) -> impl Iterator<Item = (End, Symbol)> {
        let mut next = self.nodes[at(node)];
        iter::from_fn(move || {
            let (end, symbol, after) = self.ends[at(next)];
            let found = (next > 0).then_some((end, symbol));
            next = after;
            found
        })
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
}

impl Search<'_> {
    /// Takes only what uses all wrong sounds up, since fewer were tried before.
    pub(super) fn walk(&self, at: Reached, tokens: &mut Vec<Token>) {
        if at.wrong == 0 {
            self.take(at, tokens);
        }
        let next = self.sounds.get(at.used);
        let may_err = at.wrong > 0 && at.depth > 1;
        for &(c, node) in &self.tree.children[self::at(at.node)] {
            let on = Reached {
                node,
                depth: at.depth + 1,
                ..at
            };
            if next == Some(&c) {
                self.walk(
                    Reached {
                        used: at.used + 1,
                        ..on
                    },
                    tokens,
                );
            } else if may_err {
                let err = Reached {
                    wrong: at.wrong - 1,
                    ..on
                };
                if next.is_some() {
                    self.walk(
                        Reached {
                            used: at.used + 1,
                            ..err
                        },
                        tokens,
                    );
                }
                self.walk(err, tokens);
            }
        }
        if may_err && next.is_some() {
            self.walk(
                Reached {
                    used: at.used + 1,
                    wrong: at.wrong - 1,
                    ..at
                },
                tokens,
            );
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
                tokens.push(Token {
                    symbol,
                    denied: false,
                });
            }
        }
    }
}
