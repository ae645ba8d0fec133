//! Problems of files that people write: where (`file:line:column`), the line, a caret, a hint.
//!
//! A loader returns all of them at once; [`Problems`] prints them in the order of the file.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// A file that was read, kept to show its lines.
#[derive(PartialEq, Eq)]
pub struct Source {
    /// The path, as the person who reads the problem would write it.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl fmt::Debug for Source {
    /// Its path: nobody wants to read the file in a message about it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

impl Source {
    /// Keeps a text under its path.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            path: path.into(),
            text: text.into(),
        })
    }

    /// A problem at the bytes `span` of this file.
    pub fn problem(self: &Arc<Self>, span: Range<usize>, title: impl Into<String>) -> Problem {
        let end = self.text.len();
        let span = span.start.min(end)..span.end.min(end).max(span.start.min(end));
        Problem {
            source: Arc::clone(self),
            span,
            title: title.into(),
            label: String::new(),
            hint: None,
            related: None,
        }
    }
}

/// One problem. Built by [`Source::problem`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    source: Arc<Source>,
    span: Range<usize>,
    title: String,
    label: String,
    hint: Option<String>,
    related: Option<(Range<usize>, String)>,
}

impl Problem {
    /// A word beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Another place of the same file that has to do with it.
    #[must_use]
    pub fn related(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.related = Some((span, label.into()));
        self
    }

    /// What is wrong, in one line.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Path, line and column (both from 1; the column counts characters).
    pub fn location(&self) -> (&str, usize, usize) {
        let before = self.source.text.get(..self.span.start).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        (&self.source.path, line, column)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut primary = AnnotationKind::Primary.span(self.span.clone());
        if !self.label.is_empty() {
            primary = primary.label(&self.label);
        }
        let mut snippet = Snippet::source(&self.source.text).path(&self.source.path);
        snippet = snippet.annotation(primary);
        if let Some((span, label)) = &self.related {
            snippet = snippet.annotation(AnnotationKind::Context.span(span.clone()).label(label));
        }
        let mut group = Level::ERROR.primary_title(&self.title).element(snippet);
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.with_name("hint").message(hint));
        }
        f.write_str(&Renderer::plain().render(&[group]))
    }
}

/// All problems of a load. Never empty when it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Adds all of another load.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `Ok(value)` when there are none.
    pub fn or_ok<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }

    /// In the order of file and place.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        let mut sorted: Vec<&Problem> = self.0.iter().collect();
        sorted.sort_by_key(|p| (p.source.path.as_str(), p.span.start, p.title.as_str()));
        sorted.into_iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.iter() {
            writeln!(f, "{problem}\n")?;
        }
        let count = self.0.len();
        write!(f, "{count} problem{}", if count == 1 { "" } else { "s" })
    }
}

impl std::error::Error for Problems {}

/// The name in `known` that `wrong` is most likely a slip of, for a "did you mean".
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wrong.chars().count() / 3).clamp(1, 3);
    let near = known.into_iter().map(|name| (distance(wrong, name), name));
    near.filter(|(d, _)| *d <= limit)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}
