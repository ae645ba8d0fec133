//! Reading single values of a flow file, each with its own problem and its place.

use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use crate::problem::{Problems, Source, did_you_mean};

/// A value and where it stands.
pub(crate) type At<T> = (Range<usize>, T);

/// A file being read, and its problems so far.
pub(crate) struct Reader<'a> {
    pub(crate) source: &'a Arc<Source>,
    pub(crate) problems: Problems,
}

/// What a table holds, by key with its place.
pub(crate) type Pairs<'t> = Vec<(At<String>, toml::Spanned<DeValue<'t>>)>;

impl<'a> Reader<'a> {
    /// Begins with a file, and keeps what is wrong with its form; one that is too large is not read.
    pub(crate) fn open(
        source: &'a Arc<Source>,
        most_bytes: usize,
    ) -> Result<(Self, toml::Spanned<DeTable<'a>>), Problems> {
        let mut problems = Problems::default();
        if source.text.len() > most_bytes {
            let title = format!("the file is larger than {most_bytes} bytes");
            problems.push(source.problem(0..0, title));
            return Err(problems);
        }
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            problems.push(source.problem(span, error.message()));
        }
        Ok((Self { source, problems }, table))
    }
}

/// Reading of single values, each with its own problem.
impl Reader<'_> {
    pub(crate) fn wrong(
        &mut self,
        span: Range<usize>,
        title: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.problems
            .push(self.source.problem(span, title).hint(hint));
    }

    /// The entries of a sub-table, in the order of the file; none if it is not there.
    pub(crate) fn table<'t>(&mut self, table: &DeTable<'t>, name: &str) -> Pairs<'t> {
        let Some(value) = table.get(name) else {
            return Vec::new();
        };
        let DeValue::Table(entries) = value.get_ref() else {
            self.wrong(
                value.span(),
                format!("`{name}` is not a table"),
                format!("write [{name}]"),
            );
            return Vec::new();
        };
        let pair = |(key, value): (&toml::Spanned<_>, &toml::Spanned<_>)| {
            let key: &toml::Spanned<toml::de::DeString<'t>> = key;
            ((key.span(), key.get_ref().to_string()), value.clone())
        };
        let mut pairs: Pairs<'t> = entries.iter().map(pair).collect();
        pairs.sort_by_key(|((span, _), _)| span.start);
        pairs
    }

    pub(crate) fn required<'v, 't>(
        &mut self,
        table: &'v DeTable<'t>,
        key: &str,
        span: Range<usize>,
    ) -> Option<&'v toml::Spanned<DeValue<'t>>> {
        let value = table.get(key);
        if value.is_none() {
            self.wrong(
                span,
                format!("`{key}` is missing"),
                format!("add {key} = …"),
            );
        }
        value
    }

    pub(crate) fn text(&mut self, value: &toml::Spanned<DeValue<'_>>) -> Option<At<String>> {
        if let DeValue::String(text) = value.get_ref() {
            return Some((value.span(), text.to_string()));
        }
        self.wrong(
            value.span(),
            "a text is wanted here",
            "write it in quotes: \"…\"",
        );
        None
    }

    pub(crate) fn texts(&mut self, value: &toml::Spanned<DeValue<'_>>) -> Vec<At<String>> {
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(
                value.span(),
                "a list of texts is wanted here",
                "write [\"…\", \"…\"]",
            );
            return Vec::new();
        };
        items.iter().filter_map(|item| self.text(item)).collect()
    }

    pub(crate) fn number(
        &mut self,
        value: &toml::Spanned<DeValue<'_>>,
        range: (u32, u32),
    ) -> Option<u32> {
        let (least, most) = range;
        let number = if let DeValue::Integer(number) = value.get_ref() {
            u32::from_str_radix(number.as_str(), number.radix()).ok()
        } else {
            None
        };
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let hint = format!("from {least} to {most}");
            self.wrong(value.span(), "a whole number is wanted here", hint);
        }
        number
    }

    pub(crate) fn named<T>(
        &mut self,
        value: &toml::Spanned<DeValue<'_>>,
        all: &[T],
        what: &str,
    ) -> Option<T>
    where
        T: FromStr + Display,
    {
        let text = self.text(value)?;
        self.parse(&text, all, what)
    }

    pub(crate) fn parse<T: FromStr + Display>(
        &mut self,
        text: &At<String>,
        all: &[T],
        what: &str,
    ) -> Option<T> {
        let parsed = text.1.parse().ok();
        if parsed.is_none() {
            let names: Vec<String> = all.iter().map(ToString::to_string).collect();
            self.unknown(text, names.iter().map(String::as_str), what);
        }
        parsed
    }

    pub(crate) fn unknown<'n>(
        &mut self,
        (span, text): &At<String>,
        names: impl Iterator<Item = &'n str> + Clone,
        what: &str,
    ) {
        let near = did_you_mean(text, names.clone());
        let all = names.collect::<Vec<_>>().join(", ");
        let hint = near.map_or_else(
            || format!("there are: {all}"),
            |near| format!("did you mean `{near}`?"),
        );
        self.wrong(span.clone(), format!("`{text}` is no {what}"), hint);
    }

    /// A key of a closed set.
    pub(crate) fn known(&mut self, key: &At<String>, known: &[&str], place: &str) {
        if !known.contains(&key.1.as_str()) {
            self.unknown(key, known.iter().copied(), &format!("key {place}"));
        }
    }

    /// No key but these.
    pub(crate) fn only(&mut self, table: &DeTable<'_>, keys: &[&str], what: &str) {
        for key in table.keys() {
            let at = (key.span(), key.get_ref().to_string());
            self.known(&at, keys, &format!("of {what}"));
        }
    }
}
