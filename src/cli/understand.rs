//! `dana understand`: what an utterance means, and why; or a whole table of them, scored.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::bundle::Bundle;
use crate::call::{Locale, Question, Topic};
use crate::cli::out::{self, Exit, Format};
use crate::understanding::{Explained, Intent};

/// Largest table.
const MAX_BYTES: u64 = 64 << 20;

/// Options of `dana understand`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What the caller says. Without it a table is read: tab-separated, with a header that names
    /// `text` and maybe `id`, `locale`, `question`, `expected`, `also_ok`.
    text: Vec<String>,
    /// A table to read instead of stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    file: Option<PathBuf>,
    /// The language of the call, where the table names none; without it both are as likely.
    #[arg(long, value_parser = locale)]
    locale: Option<Locale>,
    /// The question that is answered, where the table names none.
    #[arg(long, default_value = "open", value_parser = question)]
    question: Question,
    /// Compare with the column `expected`: only the misses are shown, then the score.
    #[arg(long, conflicts_with = "text")]
    expect: bool,
    /// Show only what another bundle understands differently: the one in this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "expect")]
    against: Option<PathBuf>,
    /// Show the phrases that were found, and the words that no grammar knows.
    #[arg(long)]
    explain: bool,
    /// The folder with flows, prompts and grammars.
    #[arg(long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// An utterance of a table.
#[derive(Debug)]
struct Row {
    id: String,
    locale: Option<Locale>,
    question: Question,
    text: String,
    expected: Vec<String>,
}

/// What is printed of an utterance.
#[derive(Debug, Serialize)]
struct Line<'a> {
    id: &'a str,
    locale: Option<Locale>,
    question: Question,
    intent: &'static str,
    score: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    digits: &'a str,
    words: &'a str,
    rule: &'static str,
    runner_up: Option<RunnerUp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phrases: Option<Vec<(&'a str, &'a str, &'a str)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<&'a [String]>,
}

#[derive(Debug, Serialize)]
struct RunnerUp {
    intent: &'static str,
    score: u16,
}

/// A table that cannot be read.
#[derive(Debug, thiserror::Error)]
enum TableError {
    #[error("cannot read `{path}`: {source}")]
    Unreadable { path: String, source: io::Error },
    #[error("{path}: larger than {MAX_BYTES} bytes\n\nhint: split it")]
    TooLarge { path: String },
    #[error(
        "{path}:1: no column `{column}`\n\nhint: the first line names the columns, with tabs between them: id, locale, question, text"
    )]
    NoColumn { path: String, column: &'static str },
    #[error("{path}:{line}: {what}\n\nhint: {hint}")]
    Line {
        path: String,
        line: usize,
        what: String,
        hint: String,
    },
}

/// Names that tables of utterances use for the flow's questions; any yes/no question will do for `any`.
const OTHER_NAMES: &[(&str, Question)] = &[
    ("any", Question::ConfirmTopic),
    ("home_problem", Question::ConfirmHome),
    ("create_ticket", Question::ConfirmTicket),
    ("connect_operator", Question::ConfirmOperator),
    ("at_home_now", Question::AtHome),
];

fn question(name: &str) -> Result<Question, String> {
    let other = OTHER_NAMES
        .iter()
        .find(|(other, _)| *other == name)
        .map(|(_, question)| *question);
    name.parse().ok().or(other).ok_or_else(|| {
        let names = Question::ALL.iter().map(|question| question.as_str());
        let names: Vec<&str> = names
            .chain(OTHER_NAMES.iter().map(|(name, _)| *name))
            .collect();
        format!("there are: {}", names.join(", "))
    })
}

fn locale(name: &str) -> Result<Locale, String> {
    name.parse()
        .map_err(|_unknown| "there are: kk, ru".to_owned())
}

/// Understands: 0 when all is as expected, 1 when something is missed or understood differently.
pub fn run(args: &Args) -> Exit {
    let bundle = match Bundle::load(&args.bundle) {
        Ok(bundle) => bundle,
        Err(error) => return out::bad_file(&error),
    };
    let rows = match rows(args) {
        Ok(rows) => rows,
        Err(error) => return out::bad_file(&error),
    };
    match &args.against {
        None => show_all(args, &bundle, &rows),
        Some(folder) => match Bundle::load(folder) {
            Ok(other) => show_changes(args, [&bundle, &other], &rows),
            Err(error) => out::bad_file(&error),
        },
    }
}

fn show_all(args: &Args, bundle: &Arc<Bundle>, rows: &[Row]) -> Exit {
    let mut score = Score::default();
    for row in rows {
        let explained = bundle.grammars.explain(row.locale, row.question, &row.text);
        let right = row
            .expected
            .iter()
            .any(|label| label == explained.understood.intent.as_str());
        if args.expect {
            score.count(row, &explained, right);
        }
        if !(args.expect && right) {
            show(args, row, &explained);
        }
    }
    if args.expect {
        score.show(args.format);
    }
    if score.misses > 0 {
        Exit::Found
    } else {
        Exit::Good
    }
}

/// The utterances that two bundles understand differently, in both ways.
fn show_changes(args: &Args, [bundle, other]: [&Arc<Bundle>; 2], rows: &[Row]) -> Exit {
    let mut changed = 0_usize;
    for row in rows {
        let [now, before] = [bundle, other]
            .map(|bundle| bundle.grammars.explain(row.locale, row.question, &row.text));
        if now.understood.intent == before.understood.intent {
            continue;
        }
        changed += 1;
        if args.format == Format::Text {
            let was = before.understood.intent.as_str();
            out::data(&format!(
                "{}\t{}\t«{}» was {was}",
                row.id, row.question, row.text
            ));
        }
        show(args, row, &now);
    }
    out::talk(&format!(
        "{changed} of {} are understood differently",
        rows.len()
    ));
    if changed > 0 { Exit::Found } else { Exit::Good }
}

fn show(args: &Args, row: &Row, explained: &Explained) {
    let understood = &explained.understood;
    let runner_up = explained.runner_up.map(|(intent, score)| RunnerUp {
        intent: intent.as_str(),
        score,
    });
    if args.format == Format::Json {
        let phrases = explained
            .phrases
            .iter()
            .map(|f| (f.words.as_str(), &*f.phrase, f.meaning.as_str()));
        out::json(&Line {
            id: &row.id,
            locale: understood.locale,
            question: row.question,
            intent: understood.intent.as_str(),
            score: understood.score,
            digits: &understood.digits,
            words: &explained.words,
            rule: understood.rule,
            runner_up,
            expected: args.expect.then_some(&row.expected),
            phrases: args.explain.then(|| phrases.collect()),
            unknown: args.explain.then_some(&explained.unknown),
        });
        return;
    }
    let expected = if args.expect {
        format!(" (expected {})", row.expected.join(" or "))
    } else {
        String::new()
    };
    let words = match explained.words.as_str() {
        "" => String::new(),
        words => format!(" in «{words}»"),
    };
    let next = runner_up.map_or_else(String::new, |next| {
        format!("; then {} {}", next.intent, next.score)
    });
    let line = format!(
        "{}\t{}\t{}{expected}\t«{}» at {}: {}{words}{next}",
        row.id,
        understood.intent.as_str(),
        understood.score,
        row.text,
        row.question,
        understood.rule
    );
    out::data(&line);
    if args.explain {
        for found in &explained.phrases {
            out::data(&format!(
                "    {:<12} «{}» by `{}`",
                found.meaning, found.words, found.phrase
            ));
        }
        for word in &explained.unknown {
            out::data(&format!("    {:<12} «{word}»", "unknown"));
        }
    }
}

/// Right answers by language and kind of question, and the errors that cost most.
#[derive(Debug, Default)]
struct Score {
    cells: BTreeMap<(String, &'static str), (usize, usize)>,
    pairs: BTreeMap<(String, &'static str), usize>,
    misses: usize,
    wrong_consents: usize,
    missed_operators: usize,
}

impl Score {
    fn count(&mut self, row: &Row, explained: &Explained, right: bool) {
        let intent = explained.understood.intent;
        let language = row.locale.map_or("any", Locale::as_str);
        let kind = if row.question == Question::Open {
            "open"
        } else {
            "yes/no"
        };
        let cell = self.cells.entry((language.to_owned(), kind)).or_default();
        cell.1 += 1;
        if right {
            cell.0 += 1;
            return;
        }
        self.misses += 1;
        *self
            .pairs
            .entry((row.expected.join("/"), intent.as_str()))
            .or_default() += 1;
        let consent = intent == Intent::Yes && row.question == Question::ConfirmTicket;
        self.wrong_consents += usize::from(consent);
        self.missed_operators += usize::from(row.expected.iter().all(|label| label == "operator"));
    }

    fn show(&self, format: Format) {
        let (right, of) = self
            .cells
            .values()
            .fold((0, 0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
        if format == Format::Json {
            out::json(&serde_json::json!({
                "right": right, "of": of,
                "wrong_consents": self.wrong_consents, "missed_operators": self.missed_operators,
            }));
            return;
        }
        for ((language, kind), (right, of)) in &self.cells {
            out::data(&format!(
                "{language:<6} {kind:<7} {right:>4} of {of:>4}  {:>5.1} %",
                percent(*right, *of)
            ));
        }
        let mut pairs: Vec<_> = self.pairs.iter().collect();
        pairs.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
        for ((expected, is), times) in pairs.into_iter().take(MOST_PAIRS) {
            out::data(&format!("{times:>4} × {expected} understood as {is}"));
        }
        out::data(&format!(
            "all    {right} of {of}, {:.1} %; a wrong yes to a ticket: {}; a missed operator: {}",
            percent(right, of),
            self.wrong_consents,
            self.missed_operators,
        ));
    }
}

/// Most pairs of labels that are shown.
const MOST_PAIRS: usize = 12;

fn percent(part: usize, of: usize) -> f64 {
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    100.0 * count(part) / count(of).max(1.0)
}

fn rows(args: &Args) -> Result<Vec<Row>, TableError> {
    if !args.text.is_empty() {
        return Ok(vec![Row {
            id: "1".to_owned(),
            locale: args.locale,
            question: args.question,
            text: args.text.join(" "),
            expected: Vec::new(),
        }]);
    }
    let path = args.file.as_deref().unwrap_or_else(|| Path::new("-"));
    let shown = if args.file.is_some() {
        path.display().to_string()
    } else {
        "stdin".to_owned()
    };
    let text = read(path).map_err(|source| TableError::Unreadable {
        path: shown.clone(),
        source,
    })?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(TableError::TooLarge { path: shown });
    }
    Table::new(args, shown, &text)?.rows(&text)
}

/// Bytes that are no UTF-8 become a sign that no word has: such a line is unclear, the rest is read.
fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin()
            .lock()
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)?;
    } else {
        fs::File::open(path)?
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Where the columns of a table are.
struct Table<'a> {
    args: &'a Args,
    path: String,
    text: usize,
    id: Option<usize>,
    locale: Option<usize>,
    question: Option<usize>,
    expected: Option<usize>,
    also_ok: Option<usize>,
}

impl<'a> Table<'a> {
    fn new(args: &'a Args, path: String, text: &str) -> Result<Self, TableError> {
        let header = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches('\u{feff}');
        let columns: Vec<&str> = header.split('\t').map(str::trim).collect();
        let find = |name: &str| columns.iter().position(|column| *column == name);
        let Some(text) = find("text") else {
            return Err(TableError::NoColumn {
                path,
                column: "text",
            });
        };
        let expected = find("expected");
        if args.expect && expected.is_none() {
            return Err(TableError::NoColumn {
                path,
                column: "expected",
            });
        }
        Ok(Self {
            args,
            path,
            text,
            id: find("id"),
            locale: find("locale").or_else(|| find("lang")),
            question: find("question"),
            expected,
            also_ok: find("also_ok"),
        })
    }

    fn rows(&self, text: &str) -> Result<Vec<Row>, TableError> {
        let lines = text
            .lines()
            .enumerate()
            .skip(1)
            .filter(|(_, line)| !line.trim().is_empty());
        lines.map(|(at, line)| self.row(at + 1, line)).collect()
    }

    fn row(&self, line: usize, text: &str) -> Result<Row, TableError> {
        let fields: Vec<&str> = text.split('\t').map(str::trim).collect();
        let field = |column: Option<usize>| {
            let field = column.and_then(|column| fields.get(column)).copied();
            field.filter(|field| !matches!(*field, "" | "-"))
        };
        let wrong = |what: String, hint: String| TableError::Line {
            path: self.path.clone(),
            line,
            what,
            hint,
        };
        let asked = match field(self.question) {
            Some(name) => {
                question(name).map_err(|hint| wrong(format!("`{name}` is no question"), hint))?
            }
            None => self.args.question,
        };
        let spoken = match field(self.locale) {
            None => self.args.locale,
            Some("mixed") => None,
            Some(name) => {
                Some(locale(name).map_err(|hint| wrong(format!("`{name}` is no locale"), hint))?)
            }
        };
        let labels = [self.expected, self.also_ok].into_iter().filter_map(field);
        let expected: Vec<String> = labels
            .flat_map(|labels| labels.split([',', '|', ' ']))
            .filter(|label| !label.is_empty())
            .map(str::to_owned)
            .collect();
        let odd = expected.iter().find(|label| !is_label(label));
        if self.args.expect && (odd.is_some() || field(self.expected).is_none()) {
            let missing = || "the expected label is missing".to_owned();
            let what = odd.map_or_else(missing, |odd| format!("`{odd}` is no label"));
            let hint = format!("labels are {ANSWERS}, and the subjects");
            return Err(wrong(what, hint));
        }
        Ok(Row {
            id: field(self.id).map_or_else(|| line.to_string(), str::to_owned),
            locale: spoken,
            question: asked,
            text: fields
                .get(self.text)
                .copied()
                .unwrap_or_default()
                .to_owned(),
            expected,
        })
    }
}

/// What may be meant that is no subject.
const ANSWERS: &str = "yes no operator repeat other_topic unclear digits language_kk language_ru";

fn is_label(label: &str) -> bool {
    ANSWERS.split(' ').any(|answer| answer == label) || label.parse::<Topic>().is_ok()
}
