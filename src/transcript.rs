//! A call that was recorded as sound, with its words beside it, as a recording of ours: what was
//! said from the transcript, keys and times of speech from the sound. Invents nothing: what neither
//! of them says is not there.
//!
//! The transcript is a table, its columns separated by tabs, its first line their names. Times are
//! seconds from the beginning of the sound. A caller's line names the question that it answers
//! (`open`, `confirm_home` …); without a text it is an answer by the keys that are heard then, or a
//! silence.
//!
//! ```text
//! from  to    who     question      text
//! 0.4   3.9   dana                  Здравствуйте! Чем могу помочь?
//! 4.6   5.8   caller  open          нет интернета
//! 6.0   8.1   dana                  Это домашний интернет?
//! 8.9   9.0   caller  confirm_home
//! ```

use std::ops::Range;
use std::sync::Arc;

use crate::audio::dtmf;
use crate::audio::dtmf::Key;
use crate::audio::speech::spoken;
use crate::call::{BargeIn, Locale, Question, Said};
use crate::dialog::action::{Action, Listen, Play, TypeAhead};
use crate::dialog::event::{Alternative, EndedBy, Event, ListenCause, PlaybackCause};
use crate::journal::{Entry, Header};
use crate::problem::{Problems, Source};
use crate::prompt::Segment;
use crate::time::CallTime;

/// How far speech in the sound may be from where the transcript has it, in milliseconds.
const APART_MS: u32 = 500;
/// The columns.
const COLUMNS: [&str; 5] = ["from", "to", "who", "question", "text"];

/// A line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// From when to when, in milliseconds.
    pub times: Range<u32>,
    /// The question that a caller answers; `None`: Dana speaks.
    pub question: Option<Question>,
    /// What was said.
    pub text: String,
    /// Its number in the file, from 1.
    pub number: usize,
}

/// The sound of a call, heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// How long it is, in milliseconds.
    pub ms: u32,
    /// Keys of the caller.
    pub keys: Vec<Key>,
    /// When he speaks, in milliseconds.
    pub speech: Vec<Range<u32>>,
}

impl Sound {
    /// Listens to the caller's channel.
    pub fn hear(caller: &[i16], rate: u32, ms: u32) -> Self {
        let keys = dtmf::keys(caller, rate);
        let tone = |times: &Range<u32>| {
            let within = |key: &Key| key.at_ms < times.end && times.start < key.at_ms + key.ms;
            keys.iter().any(within)
        };
        let speech = spoken(caller, rate)
            .into_iter()
            .filter(|times| !tone(times))
            .collect();
        Self { ms, keys, speech }
    }
}

/// Reads a transcript.
///
/// # Errors
/// Every line that is none, with its place.
pub fn read(source: &Arc<Source>) -> Result<Vec<Line>, Problems> {
    let mut problems = Problems::default();
    let mut lines: Vec<Line> = Vec::new();
    let mut from = 0;
    for (text, number) in source.text.split_inclusive('\n').zip(1..) {
        let place = from..from + text.trim_end().len();
        from += text.len();
        let fields: Vec<&str> = text.trim_end_matches(['\r', '\n']).split('\t').collect();
        if number == 1 {
            if fields != COLUMNS {
                let title = "the first line names the columns";
                problems.push(source.problem(place, title).hint(COLUMNS.join("⇥")));
            }
            continue;
        }
        if text.trim().is_empty() {
            continue;
        }
        match line(&fields, number) {
            Ok(line)
                if lines
                    .last()
                    .is_some_and(|last| last.times.start > line.times.start) =>
            {
                problems.push(source.problem(place, "it begins before the line above it"));
            }
            Ok(line) => lines.push(line),
            Err(title) => problems.push(source.problem(place, title)),
        }
    }
    if lines.is_empty() && problems.is_empty() {
        problems.push(source.problem(0..0, "nobody says anything"));
    }
    problems.or_ok(lines)
}

fn line(fields: &[&str], number: usize) -> Result<Line, String> {
    let [from, to, who, question, text] = fields else {
        return Err(format!(
            "a line has {} columns, this one {}",
            COLUMNS.len(),
            fields.len()
        ));
    };
    let (start, end) = (seconds(from)?, seconds(to)?);
    if end < start {
        return Err("it ends before it begins".to_owned());
    }
    let question = match (*who, question.parse()) {
        ("dana", _) if question.is_empty() => None,
        ("dana", _) => return Err("only a caller answers a question".to_owned()),
        ("caller", Ok(question)) => Some(question),
        ("caller", Err(_)) => {
            let names: Vec<&str> = Question::ALL.iter().map(|known| known.as_str()).collect();
            return Err(format!("the question is one of {}", names.join(", ")));
        }
        (other, _) => return Err(format!("`{other}` is neither dana nor caller")),
    };
    Ok(Line {
        times: start..end,
        question,
        text: (*text).to_owned(),
        number,
    })
}

/// Seconds with at most three decimals, as milliseconds.
fn seconds(text: &str) -> Result<u32, String> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let ms = format!("{whole}{part:0<3}");
    let fits = !whole.is_empty() && part.len() <= 3 && digits(whole) && digits(part);
    let ms = ms.parse().ok().filter(|_| fits);
    ms.ok_or_else(|| format!("`{text}` is no time in seconds, like 12.345"))
}

/// The recording of such a call, and where sound and transcript do not agree.
pub fn recording(
    header: Header,
    lines: &[Line],
    sound: &Sound,
    ended_by: EndedBy,
) -> (Vec<Entry>, Vec<String>) {
    let locale = header.offer.locale.unwrap_or(Locale::Ru);
    let mut making = Making {
        timed: Vec::new(),
        odd: Vec::new(),
        next: 1,
        heard: 0,
        asked_at: 0,
    };
    making.action(0, Action::Answer);
    making.event(0, Event::Answered);
    for (place, line) in lines.iter().enumerate() {
        match line.question {
            None => making.says(line, lines.get(place + 1), locale),
            Some(question) => making.answers(line, question, sound, locale),
        }
    }
    for key in &sound.keys {
        let (digit, duration_ms) = (key.digit, key.ms);
        let pressed = Event::DtmfReceived { digit, duration_ms };
        making.event(key.at_ms + key.ms, pressed);
    }
    let last = lines.iter().map(|line| line.times.end).max().unwrap_or(0);
    if last > sound.ms.saturating_add(APART_MS) {
        making.odd.push(format!(
            "the transcript ends at {}, the sound at {}",
            CallTime::from_ms(last),
            CallTime::from_ms(sound.ms)
        ));
    }
    let ended = Event::CallEnded {
        by: ended_by,
        sip_code: 0,
        q850_cause: 16,
    };
    making.event(sound.ms.max(last), ended);
    let odd = std::mem::take(&mut making.odd);
    (making.finish(header), odd)
}

struct Making {
    timed: Vec<(u32, Entry)>,
    odd: Vec<String>,
    /// The next id.
    next: u32,
    /// Keys that answered already.
    heard: usize,
    /// When the last prompt began.
    asked_at: u32,
}

impl Making {
    fn event(&mut self, at: u32, event: Event) {
        let (at_ms, at) = (at, CallTime::from_ms(at));
        let seq = None;
        self.timed.push((at_ms, Entry::Event { at, seq, event }));
    }

    fn action(&mut self, at: u32, action: Action) {
        let (at_ms, at) = (at, CallTime::from_ms(at));
        self.timed.push((at_ms, Entry::Action { at, action }));
    }

    fn id(&mut self) -> u32 {
        let id = self.next;
        self.next += 1;
        id
    }

    fn says(&mut self, line: &Line, next: Option<&Line>, locale: Locale) {
        let id = self.id();
        let played_ms = line.times.end - line.times.start;
        let mut segment = Segment::silence(played_ms);
        segment.text = line.text.as_str().into();
        let play = Play {
            id,
            locale,
            segments: vec![segment],
            barge_in: BargeIn::Any,
            barge_in_after_ms: 0,
        };
        self.asked_at = line.times.start;
        self.action(line.times.start, Action::Play(play));
        let cut = |next: &Line| next.question.is_some() && next.times.start < line.times.end;
        let cause = if next.is_some_and(cut) {
            PlaybackCause::BargeInSpeech
        } else {
            PlaybackCause::Completed
        };
        let finished = Event::PlaybackFinished {
            playback: id,
            cause,
            played_ms,
        };
        self.event(line.times.end, finished);
    }

    fn answers(&mut self, line: &Line, question: Question, sound: &Sound, locale: Locale) {
        let after_playback = self.next.saturating_sub(1);
        let id = self.id();
        let listen = Listen {
            id,
            question,
            after_playback,
            locale: Some(locale),
            phrases: Arc::default(),
            max_digits: 32,
            terminator: None,
            inter_digit_ms: 3_000,
            no_input_ms: 5_000,
            max_speech_ms: 15_000,
            type_ahead: TypeAhead::Keep,
            sensitive: true,
        };
        self.action(self.asked_at, Action::Listen(listen));
        let until = line.times.end.saturating_add(APART_MS);
        let rest = sound.keys.iter().skip(self.heard);
        let keys: String = rest
            .take_while(|key| key.at_ms <= until)
            .map(|key| key.digit.as_char())
            .collect();
        self.heard += keys.len();
        let spoken = !line.text.is_empty();
        if spoken {
            let begins = self.begins(line, sound);
            self.event(begins, Event::SpeechStarted);
        }
        let cause = match (spoken, keys.is_empty()) {
            (true, _) => ListenCause::Speech,
            (false, false) => ListenCause::Digits,
            (false, true) => ListenCause::NoInput,
        };
        let words = Alternative {
            text: Said::new(&line.text),
            confidence_permille: None,
        };
        let finished = Event::ListenFinished {
            listen: id,
            cause,
            digits: Said::new(if spoken { "" } else { &keys }),
            alternatives: if spoken { vec![words] } else { Vec::new() },
            locale: None,
        };
        let last_key = sound.keys.get(self.heard.wrapping_sub(1));
        let pressed = last_key
            .filter(|_| !spoken)
            .map_or(0, |key| key.at_ms + key.ms);
        self.event(line.times.end.max(pressed), finished);
    }

    /// When the words of a line begin in the sound.
    fn begins(&mut self, line: &Line, sound: &Sound) -> u32 {
        let near = |times: &&Range<u32>| {
            times.start < line.times.end.saturating_add(APART_MS)
                && line.times.start < times.end.saturating_add(APART_MS)
        };
        let heard = sound.speech.iter().find(near).map(|times| times.start);
        let number = line.number;
        match heard {
            None => self
                .odd
                .push(format!("line {number}: nobody speaks there in the sound")),
            Some(begins) if begins.abs_diff(line.times.start) > APART_MS => {
                self.odd.push(format!(
                    "line {number}: begins at {} in the sound",
                    CallTime::from_ms(begins)
                ));
            }
            Some(_) => {}
        }
        heard.unwrap_or(line.times.start).min(line.times.end)
    }

    /// By time; what happens at one time stays as it came. The gateway's events are numbered.
    fn finish(mut self, header: Header) -> Vec<Entry> {
        self.timed.sort_by_key(|(at, entry)| {
            let last = matches!(
                entry,
                Entry::Event {
                    event: Event::CallEnded { .. },
                    ..
                }
            );
            (last, *at)
        });
        let mut entries = vec![Entry::Header(Box::new(header))];
        let mut next = 2;
        for (_, mut entry) in self.timed {
            if let Entry::Event { seq, .. } = &mut entry {
                *seq = Some(next);
                next += 1;
            }
            entries.push(entry);
        }
        entries
    }
}
