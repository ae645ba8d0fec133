//! `dana calls import`: a call that was recorded as sound, with a transcript, becomes a recording.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::audio::wav::{LARGEST_CALL, read_call};
use crate::call::{CallId, Locale, PhoneNumber};
use crate::cli::calls::filter::moment;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::dialog::event::{Capabilities, EndedBy, Offer};
use crate::digest::sha256;
use crate::journal::{Audio, Header};
use crate::problem::Source;
use crate::time::WallTime;
use crate::transcript::{Sound, read, recording};

/// What stands for the flow of a call that no flow of ours made.
const NO_FLOW: &str = "imported";

/// Options.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sound: WAV, 8 or 16 kHz, 16-bit PCM or A-law; stereo with the caller on one side.
    #[arg(long, value_name = "FILE")]
    audio: PathBuf,
    /// The words: a table of from, to, who, question, text, separated by tabs.
    #[arg(long, value_name = "FILE")]
    transcript: PathBuf,
    /// The call's name.
    #[arg(long, value_name = "NAME", value_parser = call)]
    call: CallId,
    /// When it began (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    began: WallTime,
    /// The calling number; withheld if not given.
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    number: Option<PhoneNumber>,
    /// The language.
    #[arg(long, value_name = "NAME")]
    locale: Option<Locale>,
    /// The caller's side of a stereo file.
    #[arg(long, value_enum, default_value_t = Side::Left)]
    caller: Side,
    /// Who ended it.
    #[arg(long, value_name = "WHO", default_value = "caller")]
    ended_by: EndedBy,
}

/// A side of a stereo file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Side {
    Left,
    Right,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Exit, Exit> {
    let bytes = load(&args.audio)?;
    let audio = read_call(&bytes).map_err(|error| {
        out::talk(&format!("error: `{}`: {error}", args.audio.display()));
        Exit::BadFile
    })?;
    let text = fs::read_to_string(&args.transcript)
        .map_err(|error| unreadable(&args.transcript, &error))?;
    let source = Source::new(args.transcript.display().to_string(), text);
    let lines = read(&source).map_err(|problems| out::bad_file(&problems))?;
    let right = audio.right.as_ref().filter(|_| args.caller == Side::Right);
    let caller = right.unwrap_or(&audio.left);
    let sound = Sound::hear(caller, audio.rate, audio.ms());
    let (entries, odd) = recording(header(args, &bytes), &lines, &sound, args.ended_by);
    entries.iter().for_each(out::json);
    out::talk(&format!(
        "{} keys, {} times of speech in the caller's channel",
        sound.keys.len(),
        sound.speech.len()
    ));
    for odd in &odd {
        out::talk(&format!("{}: {odd}", args.transcript.display()));
    }
    Ok(if odd.is_empty() {
        Exit::Good
    } else {
        Exit::Found
    })
}

fn header(args: &Args, bytes: &[u8]) -> Header {
    let offer = Offer {
        call: args.call.clone(),
        call_key: format!("import:{}:{}", args.call, args.began.unix_ms()).into(),
        from: args.number.clone(),
        to: "3131".to_owned(),
        locale: args.locale,
        capabilities: Capabilities {
            recognizer: true,
            transfer: true,
        },
        began: args.began,
    };
    let mut header = Header::new(NO_FLOW, 0, 0, offer);
    let sha256 = sha256(bytes);
    let name = args.audio.file_name().unwrap_or_default();
    let file = name.to_string_lossy().into_owned();
    header.audio = Some(Box::new(Audio { file, sha256 }));
    header
}

fn load(path: &Path) -> Result<Vec<u8>, Exit> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let read = file.take(LARGEST_CALL + 1).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(path, &error))?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > LARGEST_CALL) {
        let path = path.display();
        out::talk(&format!(
            "error: `{path}`: larger than {LARGEST_CALL} bytes: an hour at most"
        ));
        return Err(Exit::BadFile);
    }
    Ok(bytes)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Exit {
    out::talk(&format!("error: cannot read `{}`: {error}", path.display()));
    Exit::BadFile
}

fn call(text: &str) -> Result<CallId, String> {
    CallId::new(text).ok_or_else(|| "1 to 128 printable ASCII characters without space".to_owned())
}

fn number(text: &str) -> Result<PhoneNumber, String> {
    PhoneNumber::parse(text).ok_or_else(|| "no telephone number".to_owned())
}
