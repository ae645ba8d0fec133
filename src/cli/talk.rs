//! `dana talk`: be the caller in a terminal. Time is the call's own: nothing is waited for, prompts
//! take as long as they would, and so do back ends. Lines may as well come from a pipe. With a
//! speaker time runs as in life, and stands still while the caller types.

use std::io;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::audio::wav;
use crate::bundle::Bundle;
use crate::call::{Digit, Locale, PhoneNumber, Question, Said};
use crate::caller::MediaSide;
use crate::cli::back_ends::{Breakable, Http, TICKET};
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::speaker::Speaker;
use crate::cli::tape::{sound, tape};
use crate::cli::test;
use crate::clock;
use crate::dialog::action::Action;
use crate::dialog::event::{Alternative, Event};
use crate::journal::Entry;
use crate::lookup::LookupKind;
use crate::problem::Source;
use crate::script::run::{BackEnds, Run, offer};
use crate::script::{RING_MS, Situation, parse, render, write};
use crate::time::CallTime;

/// Options of `dana talk`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The calling number, or `withheld`; `dana mock` lists numbers with a situation.
    #[arg(long = "as", value_name = "NUMBER", default_value = "+77770000101")]
    number: String,
    /// The gateway's language hint.
    #[arg(long, value_parser = ["ru", "kk"])]
    locale: Option<String>,
    /// Take the back ends' answers from a call script instead of the mocked back ends.
    #[arg(long, value_name = "FILE")]
    situation: Option<PathBuf>,
    /// Ask these back ends.
    #[arg(long, value_name = "URL", conflicts_with = "situation")]
    backends: Option<String>,
    /// Hear her: time runs as in life.
    #[arg(long)]
    speaker: bool,
    /// Write the call to a WAV file when it is over: keys as tones on the left, Dana on the right.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// The folder with flows, prompts, audio and grammars.
    #[arg(long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
}

const HELP: &str = "\
say something and press Enter; digits, * and # are keys; an empty line is silence
/over WORDS OR KEYS    over the question, not after it
/after 4 WORDS OR KEYS after so many seconds
/break outage          that back end answers no more (subscriber, outage, tickets, line_test, fee, ticket)
/delay outage 5        it answers after so many seconds
/back                  takes the last line back
/wait                  until the next thing happens
/save FILE.call        what happened so far, as a call script
/hangup, /help";

/// How long a character takes to say.
const CHARACTER_MS: u32 = 70;

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let speaker = match args.speaker.then(Speaker::open).transpose() {
        Ok(speaker) => speaker.map(Arc::new),
        Err(error) => {
            out::talk(&format!(
                "error: {error}\nhint: --record FILE.wav needs no sound card"
            ));
            return Exit::Environment;
        }
    };
    match talk(args, speaker) {
        Ok(()) => Exit::Good,
        Err(error) => {
            out::error(&error);
            Exit::BadFile
        }
    }
}

fn talk(args: &Args, speaker: Option<Arc<Speaker>>) -> Result<(), String> {
    let bundle = Bundle::load(&args.bundle).map_err(|error| error.to_string())?;
    let record = args.record.as_deref();
    let mut situation = situation(args)?;
    situation.locale = args
        .locale
        .as_deref()
        .and_then(|l| l.parse::<Locale>().ok())
        .or(situation.locale);
    out::talk(HELP);
    if args.situation.is_some() {
        let entries = converse(&bundle, &situation, situation.clone(), speaker)?;
        return keep(record, &entries, &bundle);
    }
    situation.number = PhoneNumber::parse(&args.number);
    if situation.number.is_none() && args.number != "withheld" {
        return Err(format!(
            "`{}` is no number: write +77770000101 or withheld",
            args.number
        ));
    }
    let back_ends = Http::new(args.backends.as_deref())?;
    let entries = converse(&bundle, &situation, back_ends, speaker)?;
    keep(record, &entries, &bundle)
}

/// Writes the call as sound, if that was asked for.
fn keep(record: Option<&Path>, entries: &[Entry], bundle: &Bundle) -> Result<(), String> {
    let Some(file) = record else { return Ok(()) };
    let tape = tape(entries, &bundle.audio);
    let bytes = wav::write_stereo(&tape.caller, &tape.dana);
    std::fs::write(file, bytes).map_err(|error| format!("{}: {error}", file.display()))
}

fn situation(args: &Args) -> Result<Situation, String> {
    let source = match &args.situation {
        Some(file) => test::source(file).map_err(|error| error.to_string())?,
        None => Source::new("", ""),
    };
    let mut situation = parse::parse(&source)
        .map_err(|problems| problems.to_string())?
        .situation;
    if args.situation.is_none() {
        situation.now = clock::now();
    }
    Ok(situation)
}

/// How far into a question one speaks over it.
const OVER_MS: u32 = 600;

/// The conversation, until one side ends it; gives all that happened.
fn converse<B: BackEnds + Clone>(
    bundle: &Arc<Bundle>,
    situation: &Situation,
    back_ends: B,
    speaker: Option<Arc<Speaker>>,
) -> Result<Vec<Entry>, String> {
    let transfer = situation.transfer.as_ref();
    let result = transfer.map(|transfer| transfer.value);
    let media = MediaSide::new(
        result,
        transfer.map_or(RING_MS, |transfer| transfer.after_ms),
    );
    let back_ends = Breakable::new(back_ends);
    let (run, actions) = Run::begin(bundle, offer(situation), back_ends);
    let mut talk = Talk {
        run,
        media,
        at: CallTime::ZERO,
        shown: 0,
        step: String::new(),
        question: None,
        turns: Vec::new(),
        asked: None,
        heard: speaker.map(|speaker| Heard {
            speaker,
            bundle: Arc::clone(bundle),
            began: Instant::now(),
        }),
    };
    talk.apply(&actions);
    let mut before: Vec<Talk<B>> = Vec::new();
    let mut lines = io::stdin().lock().lines();
    loop {
        while !talk.run.dialog.is_over() && talk.goes_on() {}
        if talk.run.dialog.is_over() {
            break;
        }
        let line = match lines.next() {
            Some(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                out::talk("that is no text in UTF-8; say it again");
                continue;
            }
            Some(line) => line.map_err(|error| error.to_string())?,
            None => "/hangup".to_owned(),
        };
        talk.resume();
        let line = line.trim();
        if line == "/back" {
            match before.pop() {
                Some(last) => {
                    talk = last;
                    talk.resume();
                }
                None => out::talk("there is nothing to take back"),
            }
            continue;
        }
        if let Some(file) = line.strip_prefix("/save ") {
            save(&talk, situation, file.trim());
            continue;
        }
        let now = talk.clone();
        if talk.hear(line) {
            before.push(now);
        }
    }
    if let Some(cdr) = talk.run.cdr() {
        out::data(&render::ending(&cdr));
    }
    if let Some(heard) = &talk.heard {
        heard.speaker.wait();
    }
    Ok(talk.run.entries)
}

/// What makes a talk be heard.
#[derive(Clone)]
struct Heard {
    speaker: Arc<Speaker>,
    bundle: Arc<Bundle>,
    /// The moment that the call's time is counted from.
    began: Instant,
}

impl Heard {
    fn apply(&self, action: &Action) {
        if let Action::Play(play) = action {
            let sound = sound(play.locale, &play.segments, &self.bundle.audio);
            self.speaker.play(&sound);
        } else if matches!(action, Action::StopPlayback) {
            self.speaker.stop();
        }
    }

    /// Waits until the call's time has come.
    fn wait(&self, at: CallTime) {
        let moment = self.began + Duration::from_millis(u64::from(at.ms()));
        std::thread::sleep(moment.saturating_duration_since(Instant::now()));
    }
}

/// Writes what happened so far as a script.
fn save<B: BackEnds>(talk: &Talk<B>, situation: &Situation, file: &str) {
    let text = write::script(situation, &talk.run.entries, &talk.turns);
    match std::fs::write(file, text) {
        Ok(()) => out::talk(&format!(
            "saved: {file}; `dana test --bless {file}` completes it"
        )),
        Err(error) => out::talk(&format!("error: {file}: {error}")),
    }
}

#[derive(Clone)]
struct Talk<B> {
    run: Run<Breakable<B>>,
    media: MediaSide,
    at: CallTime,
    /// Entries that were printed.
    shown: usize,
    step: String,
    /// The call when the present question began to be said, for what is said over it.
    question: Option<Box<Self>>,
    /// What the caller did, as lines of a script.
    turns: Vec<String>,
    asked: Option<Question>,
    heard: Option<Heard>,
}

impl<B: BackEnds + Clone> Talk<B> {
    /// Lets time pass to the next thing that happens by itself; `false` when it is the caller's
    /// turn: the question was heard to its end.
    fn goes_on(&mut self) -> bool {
        let quiet = self.media.quiet_since().is_some();
        if self.media.hears().is_some() && quiet {
            return false;
        }
        let next = self.media.next().into_iter().chain(self.run.next()).min();
        let Some(at) = next else { return false };
        self.pass(at.max(self.at));
        true
    }

    /// Time goes on from where the call is: what was typed took none, and what is taken back did not
    /// happen.
    fn resume(&mut self) {
        let at = Duration::from_millis(u64::from(self.at.ms()));
        if let Some(heard) = &mut self.heard {
            let now = Instant::now();
            heard.began = now.checked_sub(at).unwrap_or(now);
        }
    }

    fn pass(&mut self, at: CallTime) {
        if let Some(heard) = &self.heard {
            heard.wait(at);
        }
        self.at = at;
        while let Some(event) = self.run.due(at) {
            let actions = self.run.handle(at, event);
            self.apply(&actions);
        }
        for event in self.media.advance(at) {
            let actions = self.run.handle(at, event);
            self.apply(&actions);
        }
    }

    fn apply(&mut self, actions: &[Action]) {
        for action in actions {
            self.media.apply(self.at, action);
            if let Some(heard) = &self.heard {
                heard.apply(action);
            }
        }
        self.show();
        for action in actions {
            if let Action::Listen(listen) = action {
                self.asked = Some(listen.question);
                self.question = None;
                self.question = Some(Box::new(self.clone()));
            }
        }
    }

    fn show(&mut self) {
        let step = self.run.dialog.step().to_string();
        if step != self.step {
            out::data(&format!("{:>8}  step    {step}", self.at));
            self.step = step;
        }
        for entry in self.run.entries.iter().skip(self.shown) {
            if let Some(line) = render::line(entry) {
                out::data(&line);
            }
        }
        self.shown = self.run.entries.len();
    }

    /// What the caller does; `false` if it was only about the talk.
    fn hear(&mut self, line: &str) -> bool {
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        match command {
            "/help" => out::talk(HELP),
            "/hangup" => {
                self.note("hangs up");
                self.media.hang_up();
                self.pass(self.at);
                return true;
            }
            "/break" | "/delay" => self.spoil(rest),
            "/over" => return self.over(rest.trim()),
            "/after" => {
                let (seconds, words) = rest.split_once(' ').unwrap_or((rest, ""));
                let Ok(seconds) = seconds.parse::<u32>() else {
                    out::talk("write: /after 4 words");
                    return false;
                };
                let then = self.at.plus(seconds.saturating_mul(1_000));
                self.until(then);
                self.does(words.trim(), &format!(" after={seconds}s"));
                return true;
            }
            "" | "/wait" => {
                if command.is_empty() {
                    self.note("silent");
                }
                let next = self.media.next().unwrap_or(self.at);
                self.pass(next.max(self.at));
                return true;
            }
            command if command.starts_with('/') => {
                out::talk(&format!("`{command}` is no command\n{HELP}"));
            }
            _ => {
                self.does(line, "");
                return true;
            }
        }
        false
    }

    /// Lets everything happen that happens by then.
    fn until(&mut self, then: CallTime) {
        loop {
            let next = self.media.next().into_iter().chain(self.run.next()).min();
            match next.filter(|at| *at <= then) {
                Some(at) if !self.run.dialog.is_over() => self.pass(at.max(self.at)),
                Some(_) | None => break,
            }
        }
        self.pass(then.max(self.at));
    }

    /// Goes back to the question's beginning and speaks into it.
    fn over(&mut self, words: &str) -> bool {
        let Some(question) = self.question.take() else {
            out::talk("no question was asked yet");
            return false;
        };
        let turns = std::mem::take(&mut self.turns);
        *self = *question;
        self.turns = turns;
        self.resume();
        while self.media.hears().is_none() && !self.run.dialog.is_over() {
            let next = self.media.next().into_iter().chain(self.run.next()).min();
            let Some(at) = next else { break };
            self.pass(at.max(self.at));
        }
        self.until(self.at.plus(OVER_MS));
        self.does(words, " over=0.6s");
        true
    }

    /// Breaks a back end, or slows it down.
    fn spoil(&mut self, what: &str) {
        let (name, seconds) = what.split_once(' ').unwrap_or((what, ""));
        let known = LookupKind::ALL.iter().map(|kind| kind.as_str());
        if !known.chain([TICKET]).any(|of| of == name) {
            out::talk(&format!("`{name}` is no back end\n{HELP}"));
        } else if let Ok(seconds) = seconds.trim().parse::<u32>() {
            let delay = seconds.saturating_mul(1_000);
            self.run.back_ends().delays.insert(name.to_owned(), delay);
        } else {
            self.run.back_ends().broken.insert(name.to_owned());
        }
        let answered = self.run.entries.iter().any(|entry| {
            if let Entry::Event { event, .. } = entry
                && let Event::Found(found) = event
            {
                return found.kind().as_str() == name;
            }
            false
        });
        if answered {
            out::talk(&format!(
                "`{name}` has answered already: it counts if it is asked again; --situation FILE has it from \
                 the beginning"
            ));
        }
    }

    fn note(&mut self, does: &str) {
        let question = self.asked.map_or("any", Question::as_str);
        self.turns.push(format!("{question:<15} {does}"));
    }

    /// Speaks or presses, until it was heard.
    fn does(&mut self, line: &str, when: &str) {
        let keys: Option<Vec<Digit>> = line.chars().map(Digit::new).collect();
        if let Some(keys) = keys.filter(|keys| !keys.is_empty()) {
            self.note(&format!("presses {line}{when}"));
            for key in keys {
                self.media.press(key);
            }
        } else {
            self.note(&format!("says \"{}\"{when}", line.replace('"', "'")));
            let heard = Alternative {
                text: Said::new(line),
                confidence_permille: None,
            };
            let letters = u32::try_from(line.chars().count()).unwrap_or(u32::MAX);
            self.media
                .speak(vec![heard], None, letters.saturating_mul(CHARACTER_MS));
        }
        self.pass(self.at);
        // Words are heard when they have been said.
        while self.media.is_spoken_to() {
            let Some(next) = self.media.next() else {
                return;
            };
            self.pass(next.max(self.at));
        }
    }
}
