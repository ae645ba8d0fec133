//! `dana prove`: tries the rules of the flow in every call that there can be. Prints the worst
//! cases, and for each broken rule the shortest call that breaks it, as a script.

use std::path::PathBuf;

use serde_json::json;

use crate::bundle::Bundle;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::out::Format;
use crate::proof::{Cost, MAX_STATES, Proof, Verdict, prove, sample};

/// Options of `dana prove`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder with flows, prompts and grammars.
    #[arg(long, visible_alias = "flow", value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// Also write the calls that break a rule into this folder, to be run, heard and kept.
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// Also run so many random calls, with texts and times, and tell if one is in a state that was
    /// not tried: the proof of the proof.
    #[arg(long, value_name = "CALLS", default_value_t = 0)]
    sample: u64,
    /// For people, or for machines.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Lines of a call that are shown whole; a longer one is to be read in a file.
const MAX_SHOWN: usize = 80;

/// Runs the command: 0 when every rule holds, 1 when one is broken or says nothing.
pub fn run(args: &Args) -> Exit {
    let bundle = match Bundle::load(&args.bundle) {
        Ok(bundle) => bundle,
        Err(error) => return out::bad_file(&error),
    };
    let proof = prove(&bundle);
    match args.format {
        Format::Text => out::data(text(&proof).trim_end()),
        Format::Json => out::data(&as_json(&proof).to_string()),
    }
    if let Some(folder) = &args.write
        && let Err(error) = write(&proof, folder)
    {
        out::talk(&format!("error: {}: {error}", folder.display()));
        return Exit::Environment;
    }
    if args.sample > 0 {
        let stray = sample(&proof, args.sample);
        out::talk(&format!("{} random calls", args.sample));
        if let Some(stray) = stray {
            out::data(&format!(
                "call {} strays\n{}",
                stray.call,
                stray.story.join("\n")
            ));
            return Exit::Found;
        }
        out::talk("every state of them was among those that were tried");
    }
    if proof.is_good() {
        Exit::Good
    } else {
        Exit::Found
    }
}

fn broken(proof: &Proof) -> impl Iterator<Item = &str> {
    let broken = proof
        .verdicts()
        .filter(|(_, verdict)| *verdict == Verdict::Broken);
    broken.map(|(rule, _)| rule.name.as_str())
}

fn write(proof: &Proof, folder: &std::path::Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for rule in broken(proof) {
        if let Some(example) = proof.example(rule) {
            let path = folder.join(format!("breaks_{rule}.call"));
            std::fs::write(&path, example.text)?;
            out::talk(&format!("written: {}", path.display()));
        }
    }
    Ok(())
}

/// What is printed.
pub fn text(proof: &Proof) -> String {
    let mut lines = vec![format!(
        "{}: {} states, {} steps between them, every one tried",
        proof.bundle().flow.name,
        proof.states(),
        proof.steps()
    )];
    if !proof.is_whole() {
        lines = vec![format!(
            "more than {MAX_STATES} states: given up, not all calls were tried\n\n\
             hint: fewer questions that can be reached from anywhere, or less patience"
        )];
    }
    lines.push(String::new());
    lines.extend(figures(proof).map(|(what, value)| format!("{what:<44} {value}")));
    lines.push(String::new());
    for (rule, verdict) in proof.verdicts() {
        let why = match verdict {
            Verdict::Vacuous => "  nothing could ever break it",
            Verdict::Holds | Verdict::Broken | Verdict::Unknown => "",
        };
        lines.push(format!("{:<8} {}{why}", verdict.as_str(), rule.name));
    }
    let mut shown: Vec<(String, &str)> = Vec::new();
    for rule in broken(proof) {
        lines.push(String::new());
        let Some(example) = proof.example(rule) else {
            lines.push(format!(
                "{rule}: no script can show the call that breaks it"
            ));
            continue;
        };
        let (_, call) = example.text.split_once('\n').unwrap_or_default();
        if let Some((_, other)) = shown.iter().find(|(text, _)| text == call) {
            lines.push(format!("# The same call as for `{other}` breaks `{rule}`."));
            continue;
        }
        shown.push((call.to_owned(), rule));
        let count = example.text.lines().count();
        if count > MAX_SHOWN {
            let head = example.text.split("conversation\n").next().unwrap_or("");
            lines.push(head.trim_end().to_owned());
            lines.push(format!("# … {count} lines: --write DIR saves it whole"));
        } else {
            lines.push(example.text.trim_end().to_owned());
        }
    }
    lines.join("\n") + "\n"
}

/// The worst cases, in words.
pub fn figures(proof: &Proof) -> [(&'static str, String); 5] {
    let worst = proof.worst();
    [
        (
            "whoever asks for a person is handed over in",
            cost(worst.person),
        ),
        (
            "whoever says nothing or is not understood in",
            cost(worst.unlucky),
        ),
        (
            "longest silence, if every back end hangs",
            seconds(worst.silence_ms),
        ),
        ("longest wait for a back end", seconds(worst.wait_ms)),
        ("longest call that can be had", cost(worst.call)),
    ]
}

fn cost(cost: Cost) -> String {
    format!("{}, {} prompts", seconds(cost.ms), cost.prompts)
}

fn seconds(ms: u32) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

fn as_json(proof: &Proof) -> serde_json::Value {
    let worst = proof.worst();
    let cost = |cost: Cost| json!({ "ms": cost.ms, "prompts": cost.prompts });
    let rules: Vec<_> = (proof.verdicts())
        .map(|(rule, verdict)| {
            let example = proof.example(&rule.name).map(|example| example.text);
            json!({ "rule": rule.name, "verdict": verdict.as_str(), "call": example })
        })
        .collect();
    json!({
        "flow": &*proof.bundle().flow.name,
        "bundle": &*proof.bundle().hash,
        "states": proof.states(),
        "steps": proof.steps(),
        "whole": proof.is_whole(),
        "person": cost(worst.person),
        "unlucky": cost(worst.unlucky),
        "silence_ms": worst.silence_ms,
        "wait_ms": worst.wait_ms,
        "call": cost(worst.call),
        "rules": rules,
    })
}
