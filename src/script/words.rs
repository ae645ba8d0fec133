//! Splits the lines of a call script into words with their places.

use std::ops::Range;

/// A word of a line and where it stands. `quoted` words keep their spaces.
pub(super) struct Word {
    pub(super) span: Range<usize>,
    pub(super) text: String,
    /// It begins with a quote.
    pub(super) quoted: bool,
}

/// Splits a line at spaces, outside of quotes; a `#` begins a comment.
pub(super) fn words(line: &str, start: usize) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let (mut quoted, mut open) = (false, false);
    for (at, c) in line.char_indices() {
        let span = start + at..start + at + c.len_utf8();
        match c {
            '#' if !quoted && !open => break,
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => {
                open = false;
                continue;
            }
            _ => {}
        }
        if !open {
            words.push(Word {
                span: span.clone(),
                text: String::new(),
                quoted: c == '"',
            });
            open = true;
        }
        if let Some(word) = words.last_mut() {
            word.span.end = span.end;
            if c != '"' {
                word.text.push(c);
            }
        }
    }
    words
}
