//! `dana talk`: be the caller in a terminal. Time is the call's own: nothing is waited for, prompts
//! take as long as they would, and so do back ends. Lines may as well come from a pipe. With a
//! speaker time runs as in life, and stands still while the caller types.

use std::io;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::audio::wav;
use crate::bundle::Bundle;
use crate::call::{Digit, Locale, PhoneNumber, Said};
use crate::caller::MediaSide;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::speaker::Speaker;
use crate::cli::tape::{sound, tape};
use crate::clock;
use crate::dialog::action::Action;
use crate::dialog::event::{Alternative, Event};
use crate::journal::Entry;
use crate::lookup::Network;
use crate::network;
use crate::network::TmForum;
use crate::network::mock::Mock;
use crate::problem::Source;
use crate::script::run::{BackEnds, Run, offer};
use crate::script::{RING_MS, Situation, parse, render};
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

const HELP: &str = "say something and press Enter; digits, * and # are keys; an empty line is silence; \
                    /hangup hangs up; /help";

/// How long a character takes to say.
const CHARACTER_MS: u32 = 70;

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let speaker = match args.speaker.then(Speaker::open).transpose() {
        Ok(speaker) => speaker,
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
            out::talk(&format!("error: {error}"));
            Exit::BadFile
        }
    }
}

fn talk(args: &Args, speaker: Option<Speaker>) -> Result<(), String> {
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
        Some(file) => {
            let text = std::fs::read_to_string(file);
            let text = text.map_err(|error| format!("{}: {error}", file.display()))?;
            Source::new(file.display().to_string(), text)
        }
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

/// Real back ends over HTTP, asked one after the other; what they take is the call's time.
struct Http {
    runtime: Runtime,
    network: TmForum,
}

impl Http {
    fn new(root: Option<&str>) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let root = match root {
            Some(root) => root.to_owned(),
            None => runtime
                .block_on(start_mock())
                .map_err(|error| error.to_string())?,
        };
        let network = TmForum::new(network::Settings::new(root)).map_err(|e| e.to_string())?;
        Ok(Self { runtime, network })
    }
}

async fn start_mock() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let root = format!("http://{}", listener.local_addr()?);
    let mock = Mock::new(Duration::from_millis(400));
    tokio::spawn(mock.serve(listener, std::future::pending()));
    Ok(root)
}

impl BackEnds for Http {
    fn answer(&mut self, action: &Action) -> Option<(u32, Event)> {
        let began = Instant::now();
        let event = if let Action::LookUp(lookup) = action {
            Event::Found(self.runtime.block_on(self.network.look_up(lookup.clone())))
        } else if let Action::CreateTicket(order, attempt) = action {
            let order = order.as_ref().clone();
            Event::TicketFinished(
                self.runtime
                    .block_on(self.network.create_ticket(order, *attempt)),
            )
        } else {
            return None;
        };
        Some((
            u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX),
            event,
        ))
    }
}

/// The conversation, until one side ends it; gives all that happened.
fn converse<B: BackEnds>(
    bundle: &Arc<Bundle>,
    situation: &Situation,
    back_ends: B,
    speaker: Option<Speaker>,
) -> Result<Vec<Entry>, String> {
    let transfer = situation.transfer.as_ref();
    let result = transfer.map(|transfer| transfer.value);
    let media = MediaSide::new(
        result,
        transfer.map_or(RING_MS, |transfer| transfer.after_ms),
    );
    let (run, actions) = Run::begin(bundle, offer(situation), back_ends);
    let mut talk = Talk {
        run,
        media,
        at: CallTime::ZERO,
        shown: 0,
        step: String::new(),
        heard: speaker.map(|speaker| Heard {
            speaker,
            bundle: Arc::clone(bundle),
            began: Instant::now(),
        }),
    };
    talk.apply(&actions);
    let mut lines = io::stdin().lock().lines();
    while !talk.run.dialog.is_over() {
        if talk.goes_on() {
            continue;
        }
        let asked = Instant::now();
        let line = match lines.next() {
            Some(line) => line.map_err(|error| error.to_string())?,
            None => "/hangup".to_owned(),
        };
        if let Some(heard) = &mut talk.heard {
            heard.began += asked.elapsed();
        }
        talk.hear(line.trim());
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
struct Heard {
    speaker: Speaker,
    bundle: Arc<Bundle>,
    /// The moment that the call's time is counted from. It moves while the caller types.
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

struct Talk<B> {
    run: Run<B>,
    media: MediaSide,
    at: CallTime,
    /// Entries that were printed.
    shown: usize,
    step: String,
    heard: Option<Heard>,
}

impl<B: BackEnds> Talk<B> {
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

    /// What the caller does.
    fn hear(&mut self, line: &str) {
        let keys: Option<Vec<Digit>> = line.chars().map(Digit::new).collect();
        match (line, keys) {
            ("/help", _) => out::talk(HELP),
            ("/hangup", _) => self.media.hang_up(),
            (line, None) if line.starts_with('/') && line != "/wait" => {
                out::talk(&format!("`{line}` is no command; {HELP}"));
            }
            ("" | "/wait", _) => {
                let next = self.media.next().unwrap_or(self.at);
                self.pass(next.max(self.at));
                return;
            }
            (_, Some(keys)) => keys.into_iter().for_each(|key| self.media.press(key)),
            (words, None) => {
                let heard = Alternative {
                    text: Said::new(words),
                    confidence_permille: None,
                };
                let letters = u32::try_from(words.chars().count()).unwrap_or(u32::MAX);
                self.media
                    .speak(vec![heard], None, letters.saturating_mul(CHARACTER_MS));
            }
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
