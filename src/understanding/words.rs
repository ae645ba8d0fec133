//! From a recogniser's text to comparable words: lower case, no punctuation, Kazakh letters folded
//! onto the Russian ones that recognisers write for them.

/// Longest text that is looked at, in bytes: a minute of speech has a tenth of it.
const MAX_TEXT: usize = 4_096;
/// Most words of an utterance that are looked at.
const MAX_WORDS: usize = 64;

/// The words of a text, folded.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for c in text.chars().take(MAX_TEXT).chain([' ']) {
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase().map(fold));
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if words.len() == MAX_WORDS {
            break;
        }
    }
    words
}

/// One letter for those that are heard or written alike.
const fn fold(c: char) -> char {
    match c {
        'ё' => 'е',
        'қ' => 'к',
        'ә' => 'а',
        'ұ' | 'ү' => 'у',
        'ө' => 'о',
        'ғ' => 'г',
        'ң' => 'н',
        'һ' => 'х',
        'і' => 'и',
        c => c,
    }
}

/// Whether two words differ by at most `limit` letters put in, left out or changed.
pub(super) fn near(a: &str, b: &str, limit: usize) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > limit {
        return false;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().is_some_and(|distance| *distance <= limit)
}

/// How many letters a recogniser may get wrong in a word of that length.
pub(super) const fn tolerance(letters: usize) -> usize {
    match letters {
        0..=4 => 0,
        5..=8 => 1,
        _ => 2,
    }
}
