//! Reads a `.call` file, or tells every problem of it with its place.

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use crate::call::{Digit, PhoneNumber, Question, Said};
use crate::caller::turns::{Does, REACTION_MS, Turn, When};
use crate::dialog::event::{Alternative, TransferResult};
use crate::lookup::{
    FeeFinding, Finding, LineTestFinding, LookupKind, OpenTicket, OutageFinding, SubscriberFinding,
    TicketResult, TicketsFinding,
};
use crate::problem::{Problems, Source, did_you_mean};
use crate::script::ordinary::{ordinary, subscriber};
use crate::script::words::{Word, words};
use crate::script::{BACK_END_MS, Delayed, RING_MS, Script, Situation};
use crate::time::{CallTime, WallTime};

/// Largest script. A long call has 10 KiB.
const MAX_BYTES: usize = 1 << 20;
/// Most turns. A caller of more has no patience left by far.
const MAX_TURNS: usize = 1_000;

/// Reads a script.
pub fn parse(source: &Arc<Source>) -> Result<Script, Problems> {
    let mut parser = Parser {
        source,
        problems: Problems::default(),
        others: Vec::new(),
    };
    if source.text.len() > MAX_BYTES {
        let title = format!("the script is larger than {MAX_BYTES} bytes");
        parser.wrong(&(0..0), title, "keep one call in it");
        return Err(parser.problems);
    }
    let mut script = Script {
        source: Arc::clone(source),
        situation: ordinary(),
        turns: Vec::new(),
        others: Vec::new(),
        expected: String::new(),
        head: source.text.clone(),
    };
    let mut section = "";
    let mut at = 0;
    for line in source.text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let words = words(line, start);
        let Some(first) = words.first() else { continue };
        if line.starts_with(' ') {
            if script.turns.len() > MAX_TURNS {
                parser.wrong(
                    &first.span,
                    format!("more than {MAX_TURNS} turns"),
                    "split the call",
                );
                break;
            }
            match section {
                "situation" => parser.situation(&words, &mut script.situation),
                "caller" => {
                    script.turns.extend(parser.turn(&words));
                    let turn = script.turns.len().saturating_sub(1);
                    let others = parser.others.drain(..).map(|words| (turn, words));
                    script.others.extend(others);
                }
                _ => parser.wrong(&first.span, "this line belongs to no section", SECTIONS),
            }
            continue;
        }
        section = match first.text.as_str() {
            "situation" => "situation",
            "caller" => "caller",
            "conversation" => {
                source
                    .text
                    .get(..start)
                    .unwrap_or_default()
                    .clone_into(&mut script.head);
                source
                    .text
                    .get(at..)
                    .unwrap_or_default()
                    .clone_into(&mut script.expected);
                break;
            }
            _ => {
                parser.wrong(&first.span, "this is no section", SECTIONS);
                ""
            }
        };
    }
    parser.problems.or_ok(script)
}

const SECTIONS: &str = "there are: situation, caller, conversation; their lines are indented";

struct Parser<'a> {
    source: &'a Arc<Source>,
    problems: Problems,
    /// Other words of the turn that was read last.
    others: Vec<Said>,
}

/// `key=value` words of a line.
type Options<'w> = BTreeMap<&'w str, (&'w Range<usize>, &'w str)>;

impl Parser<'_> {
    fn wrong(&mut self, span: &Range<usize>, title: impl Into<String>, hint: impl Into<String>) {
        self.problems
            .push(self.source.problem(span.clone(), title).hint(hint));
    }

    fn unknown(&mut self, word: &Word, names: &[&str]) {
        let near = did_you_mean(&word.text, names.iter().copied());
        let hint = near.map_or_else(
            || format!("there are: {}", names.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        self.wrong(
            &word.span,
            format!("`{}` is not known here", word.text),
            hint,
        );
    }

    fn named<T: FromStr>(&mut self, word: &Word, names: &[&str]) -> Option<T> {
        let parsed = word.text.parse().ok();
        if parsed.is_none() {
            self.unknown(word, names);
        }
        parsed
    }

    /// The options of a line; anything but the known ones is a problem.
    fn options<'w>(&mut self, words: &'w [Word], known: &[&str]) -> Options<'w> {
        let mut options = Options::new();
        for word in words {
            match word.text.split_once('=') {
                Some((key, value)) if known.contains(&key) => {
                    options.insert(key, (&word.span, value));
                }
                Some(_) | None => self.unknown(word, known),
            }
        }
        options
    }

    /// `1.5s`, `300ms`.
    fn duration(&mut self, span: &Range<usize>, text: &str) -> u32 {
        let ms = text.strip_suffix("ms").and_then(|ms| ms.parse().ok());
        let ms = ms.or_else(|| {
            let seconds = text.strip_suffix('s')?;
            let (whole, part) = seconds.split_once('.').unwrap_or((seconds, "0"));
            let part: u32 = format!("{part:0<3}")
                .parse()
                .ok()
                .filter(|part| *part < 1_000)?;
            whole
                .parse::<u32>()
                .ok()?
                .checked_mul(1_000)?
                .checked_add(part)
        });
        ms.unwrap_or_else(|| {
            self.wrong(span, "a duration is wanted here", "write 1.5s or 300ms");
            0
        })
    }

    fn time(&mut self, span: &Range<usize>, text: &str) -> Option<WallTime> {
        let text = text.replace(' ', "T");
        let seconds = if text.len() == 16 { ":00" } else { "" };
        let time = WallTime::from_rfc3339(&format!("{text}{seconds}+05:00"));
        if time.is_none() {
            self.wrong(
                span,
                "a date and time is wanted here",
                "write 2025-10-14T11:00",
            );
        }
        time
    }

    fn situation(&mut self, words: &[Word], situation: &mut Situation) {
        let [key, value, rest @ ..] = words else {
            if let Some(key) = words.first() {
                self.wrong(
                    &key.span,
                    format!("`{}` says nothing", key.text),
                    "write a value after it",
                );
            }
            return;
        };
        match key.text.as_str() {
            "now" => {
                let day = rest.first().map_or("", |word| word.text.as_str());
                let text = format!("{} {day}", value.text);
                situation.now = self.time(&value.span, text.trim()).unwrap_or(situation.now);
            }
            "number" => {
                situation.number = PhoneNumber::parse(&value.text);
                if situation.number.is_none() && value.text != "withheld" {
                    self.wrong(
                        &value.span,
                        "this is no number",
                        "write +77770000101 or withheld",
                    );
                }
            }
            "locale" if value.text == "none" => situation.locale = None,
            "locale" => situation.locale = self.named(value, &["ru", "kk", "none"]),
            "ticket" => situation.ticket = self.ticket(value, rest),
            "transfer" => {
                let options = self.options(rest, &["after"]);
                let after_ms = self.after(&options, RING_MS);
                let names: Vec<_> = TransferResult::ALL
                    .iter()
                    .map(|name| name.as_str())
                    .collect();
                situation.transfer = if value.text == "never" {
                    None
                } else {
                    self.named(value, &names)
                        .map(|value| Delayed { after_ms, value })
                };
            }
            _ => {
                let mut names: Vec<_> = LookupKind::ALL.iter().map(|kind| kind.as_str()).collect();
                names.extend(["now", "number", "locale", "ticket", "transfer"]);
                if let Some(kind) = self.named::<LookupKind>(key, &names) {
                    situation.findings.remove(&kind);
                    let found = self.finding(kind, value, rest);
                    situation.findings.extend(found.map(|found| (kind, found)));
                }
            }
        }
    }

    fn after(&mut self, options: &Options<'_>, usual: u32) -> u32 {
        options
            .get("after")
            .map_or(usual, |(span, text)| self.duration(span, text))
    }

    fn ticket(&mut self, value: &Word, rest: &[Word]) -> Option<Delayed<TicketResult>> {
        let (id, rest) = match rest.split_first() {
            Some((id, rest)) if !id.text.contains('=') => (id.text.clone(), rest),
            Some(_) | None => ("TT-900345".to_owned(), rest),
        };
        let options = self.options(rest, &["after"]);
        let after_ms = self.after(&options, BACK_END_MS);
        let value = match value.text.as_str() {
            "created" => TicketResult::Created { id },
            "already_open" => TicketResult::AlreadyOpen,
            "unconfirmed" => TicketResult::Unconfirmed,
            "refused" => TicketResult::Refused,
            "unavailable" => TicketResult::Unavailable,
            "never" => return None,
            _ => {
                let names = [
                    "created",
                    "already_open",
                    "unconfirmed",
                    "refused",
                    "unavailable",
                    "never",
                ];
                self.unknown(value, &names);
                return None;
            }
        };
        Some(Delayed { after_ms, value })
    }

    fn finding(
        &mut self,
        kind: LookupKind,
        value: &Word,
        rest: &[Word],
    ) -> Option<Delayed<Finding>> {
        let known = [
            "after",
            "language",
            "lines",
            "package",
            "suspended",
            "restored",
            "created",
            "visit",
            "number",
        ];
        let options = self.options(rest, &known);
        let after_ms = self.after(&options, BACK_END_MS);
        let mut time = |key: &str| {
            options
                .get(key)
                .copied()
                .and_then(|(span, text)| self.time(span, text))
        };
        let (restored_at, created_at, visit_at) =
            (time("restored"), time("created"), time("visit"));
        let option = |key: &str| options.get(key).map(|(_, text)| *text);
        let yes = |key: &str| option(key) == Some("yes");
        let number = |key: &str| option(key).and_then(|text| text.parse().ok());
        let people = |lines| {
            subscriber(
                lines,
                option("language").and_then(|l| l.parse().ok()),
                yes("package"),
                yes("suspended"),
            )
        };
        let id = option("number").unwrap_or("TT-900345").to_owned();
        let test = "ST-1".to_owned();
        let value = match (kind, value.text.as_str()) {
            (_, "never") => return None,
            (_, "unavailable") => Finding::unavailable(kind),
            (LookupKind::Subscriber, "one") => Finding::Subscriber(people(1)),
            (LookupKind::Subscriber, "several") => {
                Finding::Subscriber(people(number("lines").unwrap_or(2)))
            }
            (LookupKind::Subscriber, "unknown") => Finding::Subscriber(SubscriberFinding::Unknown),
            (LookupKind::Outage, "known") => Finding::Outage(OutageFinding::Known { restored_at }),
            (LookupKind::Outage, "none") => Finding::Outage(OutageFinding::None),
            (LookupKind::Tickets, "open") => Finding::Tickets(TicketsFinding::Open(OpenTicket {
                id,
                created_at,
                visit_at,
            })),
            (LookupKind::Tickets, "none") => Finding::Tickets(TicketsFinding::None),
            (LookupKind::LineTest, "cable_fault") => {
                Finding::LineTest(LineTestFinding::CableFault { test })
            }
            (LookupKind::LineTest, "no_fault") => Finding::LineTest(LineTestFinding::NoFault),
            (LookupKind::LineTest, "line_error") => Finding::LineTest(LineTestFinding::LineError),
            (LookupKind::LineTest, "equipment_off") => {
                Finding::LineTest(LineTestFinding::EquipmentOff)
            }
            (LookupKind::Fee, "paid") => Finding::Fee(FeeFinding::Paid),
            (LookupKind::Fee, "unpaid") => Finding::Fee(FeeFinding::Unpaid),
            _ => {
                let body = crate::flow::Body::LookUp(kind);
                let mut names: Vec<_> = body.outcomes().iter().map(|name| name.as_str()).collect();
                names.push("never");
                self.unknown(value, &names);
                return None;
            }
        };
        Some(Delayed { after_ms, value })
    }

    /// `confirm_home says "да"`, `at 3.5s presses 0`.
    fn turn(&mut self, words: &[Word]) -> Option<Turn> {
        let (first, rest) = words.split_first()?;
        if first.text == "at" {
            let (time, rest) = rest.split_first()?;
            let at = CallTime::from_ms(self.duration(&time.span, &time.text));
            let (does, _) = self.does(first, rest)?;
            return Some(Turn {
                when: When::At(at),
                does,
            });
        }
        let question = if first.text == "any" {
            None
        } else {
            let mut names: Vec<_> = Question::ALL.iter().map(|name| name.as_str()).collect();
            names.extend(["any", "at"]);
            Some(self.named::<Question>(first, &names)?)
        };
        let (does, options) = self.does(first, rest)?;
        let when = match options.get("over").copied() {
            Some((span, text)) => When::Over(question, self.duration(span, text)),
            None => When::After(question, self.after(&options, REACTION_MS)),
        };
        Some(Turn { when, does })
    }

    fn does<'w>(&mut self, first: &Word, rest: &'w [Word]) -> Option<(Does, Options<'w>)> {
        let known = ["after", "over", "confidence", "or", "locale"];
        let verbs = ["says", "presses", "silent", "unheard", "hangs up"];
        let Some((verb, rest)) = rest.split_first() else {
            self.wrong(
                &first.span,
                "the caller does nothing here",
                format!("write: {}", verbs.join(", ")),
            );
            return None;
        };
        match verb.text.as_str() {
            "silent" => Some((Does::KeepsSilent, self.options(rest, &known))),
            "unheard" => Some((Does::Unheard, self.options(rest, &known))),
            "hangs" => Some((
                Does::HangsUp,
                self.options(rest.get(1..).unwrap_or(&[]), &known),
            )),
            "presses" => {
                let (keys, rest) = rest.split_first()?;
                let digits: Vec<Digit> = keys.text.chars().filter_map(Digit::new).collect();
                if digits.len() != keys.text.chars().count() {
                    self.wrong(&keys.span, "these are no keys", "there are: 0 to 9, *, #");
                }
                Some((Does::Presses(digits), self.options(rest, &known)))
            }
            "says" => {
                let (text, rest) = rest.split_first()?;
                // Other words for the same: each is tried in a run of its own.
                let count = rest.iter().take_while(|word| word.quoted).count();
                let (others, rest) = rest.split_at(count);
                let others = others.iter().map(|word| Said::new(&word.text));
                self.others.extend(others);
                let options = self.options(rest, &known);
                let confidence = options
                    .get("confidence")
                    .and_then(|(_, text)| text.parse().ok());
                let locale = options
                    .get("locale")
                    .and_then(|(_, text)| text.parse().ok());
                let also = options.get("or").map(|(_, text)| *text);
                let alternative = |text: &str| Alternative {
                    text: Said::new(text),
                    confidence_permille: confidence,
                };
                let heard = [Some(text.text.as_str()), also].into_iter().flatten();
                Some((
                    Does::Says(heard.map(alternative).collect(), locale),
                    options,
                ))
            }
            _ => {
                self.unknown(verb, &verbs);
                None
            }
        }
    }
}
