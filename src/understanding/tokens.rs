//! What the words of an utterance stand for.

/// What a word of a phrase is called inside.
pub(super) type Symbol = u16;

/// A symbol that a word stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) symbol: Symbol,
    /// A Kazakh verb with the suffix of negation.
    pub(super) denied: bool,
    /// Which word of the utterance.
    word: u8,
}

impl Token {
    /// Of no utterance yet.
    pub(super) const fn new(symbol: Symbol, denied: bool) -> Self {
        Self {
            symbol,
            denied,
            word: 0,
        }
    }

    /// Which word of the utterance it is.
    pub(super) const fn word(self) -> u8 {
        self.word
    }
}

/// The symbols of each word of an utterance.
#[derive(Debug)]
pub(super) struct Tokens {
    /// Of all words, one after the other.
    all: Vec<Token>,
    words: Vec<Word>,
    /// Whether any word was known as it is spelt.
    pub(super) known: bool,
}

/// Where the symbols of a word end, and what they are, roughly.
#[derive(Clone, Copy, Debug)]
struct Word {
    end: usize,
    mask: Mask,
    /// The symbols of all words behind it.
    rest: Mask,
}

/// A set of symbols, roughly: what is not in it is not among them. The low bits of a symbol are one bit,
/// those above them are another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mask([u64; 2]);

impl Mask {
    const fn bits(symbol: Symbol) -> [u64; 2] {
        [1 << (symbol % 64), 1 << (symbol / 64 % 64)]
    }

    pub(super) fn add(&mut self, symbol: Symbol) {
        let [low, high] = Self::bits(symbol);
        self.0[0] |= low;
        self.0[1] |= high;
    }

    pub(super) fn of(tokens: &[Token]) -> Self {
        let mut mask = Self::default();
        for token in tokens {
            mask.add(token.symbol);
        }
        mask
    }

    pub(super) const fn has(self, symbol: Symbol) -> bool {
        let [low, high] = self.0;
        low >> (symbol % 64) & high >> (symbol / 64 % 64) & 1 != 0
    }

    /// All that is in one of both.
    pub(super) const fn or(self, other: Self) -> Self {
        Self([self.0[0] | other.0[0], self.0[1] | other.0[1]])
    }

    pub(super) fn meets(self, other: Self) -> bool {
        // Both halves have something in common if the less of both is something.
        (self.0[0] & other.0[0]).min(self.0[1] & other.0[1]) != 0
    }
}

impl Tokens {
    /// Room for so many words.
    pub(super) fn new(words: usize) -> Self {
        Self {
            all: Vec::with_capacity(8 * words),
            words: Vec::with_capacity(words + 1),
            known: false,
        }
    }

    /// Drops the last word.
    pub(super) fn pop(&mut self) {
        self.words.pop();
        self.all.truncate(self.start(self.words.len()));
    }

    /// Where the symbols of the words before `at` end.
    fn start(&self, at: usize) -> usize {
        let before = at.checked_sub(1).and_then(|last| self.words.get(last));
        before.map_or(0, |word| word.end)
    }

    /// The symbols of all words behind one, roughly.
    pub(super) fn rest(&self, at: u8) -> Mask {
        self.words
            .get(usize::from(at))
            .map(|word| word.rest)
            .unwrap_or_default()
    }

    /// The symbols of all words.
    pub(super) fn all(&self) -> &[Token] {
        &self.all
    }

    /// The symbols of the words from one to another, without that.
    pub(super) fn between(&self, first: usize, end: usize) -> &[Token] {
        let end = end.min(self.len());
        let symbols = self.all.get(self.start(first)..self.start(end));
        symbols.unwrap_or_default()
    }

    /// The symbols of the word at `at`.
    pub(super) fn of(&self, at: usize) -> &[Token] {
        self.between(at, at + 1)
    }

    /// How many words there are.
    pub(super) const fn len(&self) -> usize {
        self.words.len()
    }

    /// The symbols of the next word, and what they are, roughly.
    pub(super) fn take(&mut self, symbols: &[Token], mask: Mask) {
        let word = self.next();
        let own = symbols.iter().map(|token| Token { word, ..*token });
        self.all.extend(own);
        self.end(mask);
    }

    /// The same of a known word: all the places of its first symbols are copied, and those behind the
    /// last one dropped again, so that no processor has to guess how many there are.
    pub(super) fn take_known<const N: usize>(
        &mut self,
        first: &[Token; N],
        more: &[Token],
        count: usize,
        mask: Mask,
    ) {
        let word = self.next();
        let before = self.all.len();
        self.all
            .extend_from_slice(&first.map(|token| Token { word, ..token }));
        self.all.truncate(before + count);
        for token in more {
            self.all.push(Token { word, ..*token });
        }
        self.end(mask);
    }

    /// Which word the next one is.
    fn next(&self) -> u8 {
        u8::try_from(self.words.len()).unwrap_or(u8::MAX)
    }

    /// A word's symbols are there.
    fn end(&mut self, mask: Mask) {
        self.words.push(Word {
            end: self.all.len(),
            mask,
            rest: Mask::default(),
        });
    }

    /// All words are there: sums up what stands behind each.
    pub(super) fn close(&mut self) {
        let mut rest = Mask::default();
        for word in self.words.iter_mut().rev() {
            word.rest = rest;
            rest = rest.or(word.mask);
        }
    }
}
