//! How phrases are written: words, `{lists}` of words, parts in any order; and the symbols that each
//! way to say one comes down to.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::call::Locale;
use crate::problem::did_you_mean;
use crate::understanding::lexicon::{FEWEST_ROOT, Lexicon, Pattern, Shape};
use crate::understanding::tokens::Symbol;
use crate::understanding::words::one_word;

/// Most ways to say one phrase, when its `{lists}` are put in.
const MAX_SPELLINGS: usize = 2_000;
/// What ends a word that stands for all that begin so.
const BEGINNING: char = '*';
/// What begins a word that stands for no other form of it.
pub(super) const WHOLE: char = '=';
/// What stands between parts that may come in any order, with more words between them.
pub(super) const ANY_ORDER: &str = " & ";
/// Most parts in any order.
const MAX_PARTS: usize = 3;

/// The symbols of a phrase, in one way to say it.
pub(super) type Spelling = Vec<Symbol>;

/// A phrase that cannot be read: what is wrong, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unwritable {
    pub(super) title: String,
    pub(super) hint: String,
}

/// A list of words that stand for one another.
#[derive(Debug)]
struct List {
    /// Those of one word.
    symbol: Symbol,
    /// Those of several.
    long: Vec<Spelling>,
}

/// All words and lists that phrases are made of.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    pub(super) lexicon: Lexicon,
    symbols: HashMap<Pattern, Symbol>,
    lists: BTreeMap<String, List>,
    /// How many symbols there are.
    count: usize,
}

impl Vocabulary {
    /// Whether there are more symbols than there is room for.
    pub(super) fn is_full(&self) -> bool {
        self.count > usize::from(Symbol::MAX)
    }

    /// How many symbols there are.
    pub(super) const fn symbols(&self) -> usize {
        self.count
    }

    /// Whether a list has that name.
    pub(super) fn has_list(&self, name: &str) -> bool {
        self.lists.contains_key(name)
    }

    /// Begins a list; [`Self::fill`] puts words in.
    pub(super) fn list(&mut self, name: &str) {
        let list = List {
            symbol: self.fresh(),
            long: Vec::new(),
        };
        self.lists.insert(name.to_owned(), list);
    }

    /// Puts a word, or several that belong together, into a list.
    pub(super) fn fill(
        &mut self,
        name: &str,
        locale: Option<Locale>,
        text: &str,
    ) -> Result<(), Unwritable> {
        let single = (!text.contains([' ', '{']))
            .then(|| pattern(text, locale))
            .flatten();
        let spellings = match single {
            Some(_) => Vec::new(),
            None => self.spellings(locale, text)?,
        };
        if let Some(list) = self.lists.get_mut(name) {
            list.long.extend(spellings);
            if let Some(pattern) = single {
                self.lexicon.add(&pattern, list.symbol);
            }
        }
        Ok(())
    }

    fn fresh(&mut self) -> Symbol {
        // More than there is room for is told at the end.
        let symbol = Symbol::try_from(self.count).unwrap_or(Symbol::MAX);
        self.count += 1;
        symbol
    }

    /// The symbol of a word; `None` if it is none.
    pub(super) fn word(&mut self, locale: Option<Locale>, written: &str) -> Option<Symbol> {
        let pattern = pattern(written, locale)?;
        if let Some(symbol) = self.symbols.get(&pattern) {
            return Some(*symbol);
        }
        let symbol = self.fresh();
        self.lexicon.add(&pattern, symbol);
        self.symbols.insert(pattern, symbol);
        Some(symbol)
    }

    /// Every way to say a phrase, with the lists put in and the parts in any order.
    pub(super) fn spellings(
        &mut self,
        locale: Option<Locale>,
        text: &str,
    ) -> Result<Vec<Spelling>, Unwritable> {
        let parts: Vec<&str> = text.split(ANY_ORDER).collect();
        if parts.len() > MAX_PARTS {
            return Err(Unwritable {
                title: format!("more than {MAX_PARTS} parts in any order"),
                hint: "take some out".to_owned(),
            });
        }
        let parts: Result<Vec<_>, _> = parts
            .iter()
            .map(|part| self.in_order(locale, part))
            .collect();
        let mut parts = parts?;
        if parts.len() == 1 {
            return Ok(parts.swap_remove(0));
        }
        let mut spellings = Vec::new();
        for order in ORDERS.iter().filter(|order| order.len() == parts.len()) {
            let mut ways = vec![Vec::new()];
            for part in *order {
                ways = product(&ways, &parts[*part])?;
            }
            spellings.extend(ways);
        }
        if spellings.len() > MAX_SPELLINGS {
            return Err(too_many());
        }
        Ok(spellings)
    }

    fn in_order(
        &mut self,
        locale: Option<Locale>,
        text: &str,
    ) -> Result<Vec<Spelling>, Unwritable> {
        let mut spellings = vec![Vec::new()];
        for written in text.split_whitespace() {
            let name = written
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'));
            let Some(name) = name else {
                let word = self.word(locale, written);
                let word = word.ok_or_else(|| no_word(written))?;
                for way in &mut spellings {
                    Spelling::push(way, word);
                }
                continue;
            };
            spellings = product(&spellings, &self.ways(name)?)?;
        }
        Ok(spellings)
    }

    /// What a list stands for.
    fn ways(&self, name: &str) -> Result<Vec<Spelling>, Unwritable> {
        let list = self.lists.get(name).ok_or_else(|| Unwritable {
            title: format!("`{name}` is not known here"),
            hint: did_you_mean(name, self.lists.keys().map(String::as_str)).map_or_else(
                || "there is no such list under [words]".to_owned(),
                |near| format!("did you mean `{near}`?"),
            ),
        })?;
        Ok([vec![list.symbol]]
            .into_iter()
            .chain(list.long.iter().cloned())
            .collect())
    }
}

fn no_word(written: &str) -> Unwritable {
    Unwritable {
        title: format!("`{written}` is not a word"),
        hint: "write words, `*` for any ending".to_owned(),
    }
}

fn too_many() -> Unwritable {
    Unwritable {
        title: format!("more than {MAX_SPELLINGS} ways to say this"),
        hint: "take shorter lists of words, or two phrases".to_owned(),
    }
}

/// The orders of two or three parts.
const ORDERS: &[&[usize]] = &[
    &[0, 1],
    &[1, 0],
    &[0, 1, 2],
    &[0, 2, 1],
    &[1, 0, 2],
    &[1, 2, 0],
    &[2, 0, 1],
    &[2, 1, 0],
];

/// Every head with every tail.
fn product(heads: &[Spelling], tails: &[Spelling]) -> Result<Vec<Spelling>, Unwritable> {
    if heads.len().saturating_mul(tails.len()) > MAX_SPELLINGS {
        return Err(too_many());
    }
    let with = |head: &Spelling| {
        tails
            .iter()
            .map(|tail| [head.as_slice(), tail].concat())
            .collect::<Vec<_>>()
    };
    Ok(heads.iter().flat_map(with).collect())
}

/// A word of a phrase: `слово`, `слово*`, `=слово`.
fn pattern(written: &str, locale: Option<Locale>) -> Option<Pattern> {
    let text = one_word(written)?;
    let short = text.chars().count() < FEWEST_ROOT;
    let shape = match (
        written.starts_with(WHOLE),
        written.ends_with(BEGINNING),
        locale,
    ) {
        (true, _, _) => Shape::Whole,
        (_, false, _) if short => Shape::Whole,
        (_, true, _) => Shape::Beginning,
        (_, _, Some(Locale::Kk)) => Shape::Kazakh,
        (_, _, Some(Locale::Ru) | None) => Shape::Russian,
    };
    Some(Pattern { text, shape })
}
