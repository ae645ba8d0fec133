//! `dana test`: runs call scripts and shows, line by line, where a conversation differs from what
//! its file expects. `--bless` rewrites what is expected and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use crate::bundle::Bundle;
use crate::cli::against;
use crate::cli::beside::beside;
use crate::cli::certificates::Shown;
use crate::cli::mutate;
use crate::cli::mutate::Noticed;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::recordings::Sealed;
use crate::cli::weight;
use crate::problem::{Problems, Source};
use crate::proof::{Target, prove, targets};
use crate::script::{Script, parse, run};

/// Where the scripts are when none are named.
const SCRIPTS: &str = "tests/calls";

/// Options of `dana test`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Scripts, or folders of scripts.
    #[arg(default_value = SCRIPTS)]
    paths: Vec<PathBuf>,
    /// Rewrite the expected conversations.
    #[arg(long)]
    bless: bool,
    /// Also tell which exits of which steps no script takes.
    #[arg(long)]
    coverage: bool,
    /// Weigh the coverage by recorded traffic: the share of calls that take each exit, and how many
    /// scripts do.
    #[arg(
        long,
        value_name = "ARCHIVE",
        requires = "coverage",
        conflicts_with = "write_missing"
    )]
    weight: Vec<PathBuf>,
    #[command(flatten)]
    sealed: Sealed,
    /// Write scripts for the exits that none takes, for a person to review, into `exits/` below the
    /// first folder.
    #[arg(long, conflicts_with = "bless")]
    write_missing: bool,
    /// Make small mistakes in the flow, one at a time, and tell which of them neither the scripts
    /// nor the rules notice.
    #[arg(long, conflicts_with = "bless")]
    mutate: bool,
    /// Play the scripts through the gRPC service: `own`, on virtual time, or in real time one at
    /// `http://host:port`, whose back ends have to be as the scripts' situations.
    #[arg(long, value_name = "SERVICE", conflicts_with_all = ["bless", "coverage", "write_missing", "mutate"])]
    against: Option<String>,
    #[command(flatten)]
    shown: Shown,
    /// The folder with flows, prompts and grammars.
    #[arg(long, visible_alias = "flow", value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// How to print.
    #[arg(long, value_enum, default_value_t = out::Format::Text)]
    format: out::Format,
}

/// How one script ended.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// The file.
    pub path: String,
    /// Whether the conversation is as expected (after a bless: whether it was).
    pub passed: bool,
    /// The file could not be read: what is wrong stands in `difference`.
    pub unreadable: bool,
    /// The differing lines, `-` expected and `+` said now; or the problems of the file.
    pub difference: Vec<String>,
    /// The exits that it takes.
    #[serde(skip)]
    pub exits: BTreeSet<Target>,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let bundle = match Bundle::load(&args.bundle) {
        Ok(bundle) => bundle,
        Err(error) => return out::bad_file(&error),
    };
    if let Some(service) = &args.against {
        return against(&bundle, args, service);
    }
    let outcomes = match run_all(&bundle, &args.paths, args.bless) {
        Ok(outcomes) => outcomes,
        Err(error) => return out::bad_file(&error),
    };
    let failed = outcomes.iter().filter(|outcome| !outcome.passed).count();
    match args.format {
        out::Format::Json => {
            for outcome in &outcomes {
                out::json(outcome);
            }
        }
        out::Format::Text => {
            for outcome in outcomes.iter().filter(|outcome| !outcome.passed) {
                out::data(&format!(
                    "{}\n{}\n",
                    outcome.path,
                    outcome.difference.join("\n")
                ));
            }
        }
    }
    if outcomes.is_empty() {
        out::talk("error: there are no call scripts here\n\nhint: they end in .call");
        return Exit::BadFile;
    }
    if outcomes.iter().any(|outcome| outcome.unreadable) {
        out::talk("some scripts cannot be read");
        return Exit::BadFile;
    }
    if !args.weight.is_empty() {
        let weighed = weigh(&bundle, args, &outcomes);
        if weighed != Exit::Good || failed == 0 {
            return weighed;
        }
    } else if (args.coverage || args.write_missing)
        && let Err(error) = cover(&bundle, args, &outcomes)
    {
        return out::bad_file(&error);
    }
    if args.mutate && failed == 0 {
        return mutation(&bundle, args);
    }
    let word = if args.bless { "rewritten" } else { "different" };
    out::talk(&format!("{} calls, {failed} {word}", outcomes.len()));
    let endless = outcomes.iter().any(|o| {
        o.difference
            .iter()
            .any(|l| l.ends_with(run::ENDLESS.trim()))
    });
    if failed > 0 && (!args.bless || endless) {
        Exit::Found
    } else {
        Exit::Good
    }
}

/// Plays the scripts through the service.
fn against(bundle: &Arc<Bundle>, args: &Args, service: &str) -> Exit {
    let scripts = match scripts(&args.paths) {
        Ok(scripts) => scripts,
        Err(error) => return out::bad_file(&error),
    };
    let elsewhere = Some(service).filter(|service| *service != against::OWN);
    let target = match args.shown.to(elsewhere) {
        Ok(target) => target,
        Err(error) => {
            out::error(&error);
            return Exit::BadFile;
        }
    };
    let count = scripts.len();
    if target.is_some() {
        out::talk(&format!("{count} calls in real time, against {service}"));
    }
    let played = match against::play(bundle, scripts, target) {
        Ok(played) => played,
        Err(error) => {
            out::error(&error);
            return Exit::Environment;
        }
    };
    let differs = played
        .iter()
        .filter(|played| played.lines[0] != played.lines[1]);
    let mut failed = 0;
    for played in differs {
        failed += 1;
        let lines = difference(&played.lines[0], &played.lines[1]);
        out::data(&format!("{}\n{}\n", played.path, lines.join("\n")));
    }
    out::talk(&format!("{count} calls, {failed} different"));
    if failed == 0 { Exit::Good } else { Exit::Found }
}

/// Tells which mistakes nobody would notice.
fn mutation(bundle: &Arc<Bundle>, args: &Args) -> Exit {
    let scripts = match scripts(&args.paths) {
        Ok(scripts) => scripts,
        Err(error) => return out::bad_file(&error),
    };
    let tried = mutate::mutate(bundle, &scripts);
    let count = |by: Noticed| tried.iter().filter(|(_, noticed)| *noticed == by).count();
    let (script, rule, nobody) = (
        count(Noticed::Script),
        count(Noticed::Rule),
        count(Noticed::Nobody),
    );
    let mistakes = tried.len();
    tell(
        args,
        &format!(
            "{mistakes} mistakes: {script} noticed by scripts, {rule} by rules only, {nobody} by nobody"
        ),
        &json!({ "mistakes": mistakes, "by_scripts": script, "by_rules": rule, "by_nobody": nobody }),
    );
    let unnoticed = tried.iter().filter(|(_, by)| *by == Noticed::Nobody);
    for (what, _) in unnoticed {
        tell(
            args,
            &format!("if {what}, nothing would notice"),
            &json!({ "nothing_would_notice": what }),
        );
    }
    if nobody == 0 { Exit::Good } else { Exit::Found }
}

/// Every script below these paths, in the order of their names.
pub fn scripts(paths: &[PathBuf]) -> io::Result<Vec<Script>> {
    let read = |file: &PathBuf| {
        let source = source(file)?;
        let bad = |problems: Problems| io::Error::other(problems.to_string());
        parse::parse(&source).map_err(bad)
    };
    files(paths)?.iter().map(read).collect()
}

/// Tells what traffic takes and scripts do not.
fn weigh(bundle: &Arc<Bundle>, args: &Args, outcomes: &[Outcome]) -> Exit {
    let mut scripts: BTreeMap<Target, usize> = BTreeMap::new();
    for target in outcomes.iter().flat_map(|outcome| &outcome.exits) {
        *scripts.entry(target.clone()).or_default() += 1;
    }
    let all = prove(bundle).exits();
    weight::weigh(bundle, &args.weight, &args.sealed, &all, &scripts).unwrap_or_else(|exit| exit)
}

/// Tells what no script takes; writes scripts for it.
fn cover(bundle: &Arc<Bundle>, args: &Args, outcomes: &[Outcome]) -> io::Result<()> {
    let proof = prove(bundle);
    let taken = outcomes
        .iter()
        .flat_map(|outcome| outcome.exits.iter().cloned());
    let taken: BTreeSet<Target> = taken.collect();
    let all = proof.exits();
    let missing: Vec<&Target> = all.iter().filter(|exit| !taken.contains(exit)).collect();
    let (exits, taken_by_scripts) = (all.len(), all.len() - missing.len());
    tell(
        args,
        &format!("{taken_by_scripts} of {exits} exits are taken"),
        &json!({ "exits": exits, "taken": taken_by_scripts }),
    );
    if !args.write_missing {
        for exit in missing {
            let exit = exit.to_string();
            tell(
                args,
                &format!("not taken  {exit}"),
                &json!({ "not_taken": exit }),
            );
        }
        return Ok(());
    }
    let covered: Vec<Target> = taken.into_iter().collect();
    let (calls, rest) = proof.missing(&covered);
    let folder = args
        .paths
        .first()
        .map_or_else(|| SCRIPTS.into(), PathBuf::clone);
    let folder = folder.join("exits");
    fs::create_dir_all(&folder).map_err(|error| named(&folder, &error))?;
    for (name, call) in &calls {
        let path = write_new(&folder, name, &call.text)?;
        let path = path.display().to_string();
        tell(
            args,
            &format!("written    {path}"),
            &json!({ "written": path }),
        );
    }
    for exit in rest {
        let exit = exit.to_string();
        tell(
            args,
            &format!("by hand    {exit}"),
            &json!({ "by_hand": exit }),
        );
    }
    Ok(())
}

/// Writes a script into a file that was not there: one that is was reviewed.
fn write_new(folder: &Path, name: &str, text: &str) -> io::Result<PathBuf> {
    for number in 1_u32.. {
        let number = Some(number).filter(|number| *number > 1);
        let number = number.map_or_else(String::new, |number| format!("_{number}"));
        let path = folder.join(format!("{name}{number}.call"));
        match fs::File::create_new(&path) {
            Ok(mut file) => {
                let written = file.write_all(text.as_bytes());
                return written
                    .map(|()| path.clone())
                    .map_err(|error| named(&path, &error));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(named(&path, &error)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Data in the form that is asked for.
fn tell(args: &Args, text: &str, value: &serde_json::Value) {
    match args.format {
        out::Format::Text => out::data(text),
        out::Format::Json => out::json(value),
    }
}

/// Runs every script below these paths, in the order of their names.
pub fn run_all(bundle: &Arc<Bundle>, paths: &[PathBuf], bless: bool) -> io::Result<Vec<Outcome>> {
    files(paths)?
        .iter()
        .map(|file| run_file(bundle, file, bless))
        .collect()
}

fn files(paths: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, &mut files)?;
    }
    files.sort();
    Ok(files)
}

/// A script's text.
pub(super) fn source(file: &Path) -> io::Result<Arc<Source>> {
    let text = fs::read_to_string(file).map_err(|error| named(file, &error))?;
    Ok(Source::new(file.display().to_string(), text))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let named = |error: io::Error| named(path, &error);
    if !path.is_dir() {
        fs::metadata(path).map_err(named)?;
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(named)? {
        let path = entry?.path();
        if path.is_dir() || path.extension().is_some_and(|ending| ending == "call") {
            collect(&path, files)?;
        }
    }
    Ok(())
}

fn run_file(bundle: &Arc<Bundle>, file: &Path, bless: bool) -> io::Result<Outcome> {
    let source = source(file)?;
    let path = source.path.clone();
    let script = match parse::parse(&source) {
        Ok(script) => script,
        Err(problems) => {
            let difference = problems.to_string().lines().map(str::to_owned).collect();
            return Ok(Outcome {
                path,
                passed: false,
                unreadable: true,
                difference,
                exits: BTreeSet::new(),
            });
        }
    };
    let call = run::play(bundle, &script);
    let said = run::conversation(&call);
    // A call without end is never what was wanted.
    let passed = said == script.expected && !said.ends_with(run::ENDLESS);
    if bless && !passed && !said.ends_with(run::ENDLESS) {
        fs::write(
            file,
            format!("{}conversation\n{said}", with_break(&script.head)),
        )?;
    }
    let mut difference = if passed {
        Vec::new()
    } else {
        difference(&script.expected, &said)
    };
    let elsewhere = if passed {
        run::other_ways(bundle, &script)
    } else {
        Vec::new()
    };
    let passed = passed && elsewhere.is_empty();
    for (words, said) in elsewhere {
        difference.push(format!("with the words «{words}»:"));
        difference.extend(said.lines().map(|line| format!("+ {line}")));
    }
    Ok(Outcome {
        path,
        passed,
        unreadable: false,
        difference,
        exits: targets(&bundle.flow, &call.passed),
    })
}

fn with_break(head: &str) -> String {
    if head.ends_with('\n') {
        head.to_owned()
    } else {
        format!("{head}\n")
    }
}

/// The lines that differ, among the others.
fn difference(expected: &str, said: &str) -> Vec<String> {
    let old: Vec<&str> = expected.lines().collect();
    let new: Vec<&str> = said.lines().collect();
    let rows = beside(&old, &new, |old, new| old == new).into_iter();
    rows.map(|row| match row {
        (Some(both), Some(_)) => format!("  {both}"),
        (Some(old), None) => format!("- {old}"),
        (None, new) => format!("+ {}", new.unwrap_or(&"")),
    })
    .collect()
}
