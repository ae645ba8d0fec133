//! `dana check`: loads a bundle as the service would and tells every problem of its files: flow,
//! rules, prompts, grammars.

use std::path::PathBuf;

use serde_json::json;

use crate::bundle::Bundle;
use crate::bundle::BundleError;
use crate::call::Locale;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::out::Format;
use crate::problem::{Problem, Problems};

/// Arguments of `dana check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder that holds flows/, grammars/, prompts/ and audio/: ours, or a candidate's.
    #[arg(long, visible_alias = "flow", value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// For people, or for machines.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Checks: 0 when all is good, 2 when there are problems or a file cannot be read.
pub fn run(args: &Args) -> Exit {
    match Bundle::load(&args.bundle) {
        Ok(bundle) if bundle.audio_problems.is_empty() => good(&bundle, args.format),
        Ok(bundle) => bad(&bundle.audio_problems, args.format),
        Err(BundleError::Problems(problems)) => bad(&problems, args.format),
        Err(error @ (BundleError::Unreadable { .. } | BundleError::TooLarge { .. })) => {
            out::bad_file(&error)
        }
    }
}

fn good(bundle: &Bundle, format: Format) -> Exit {
    let (steps, prompts) = (bundle.flow.steps().count(), bundle.catalog.names().len());
    let rules = bundle.rules.len();
    let clips: usize = Locale::ALL
        .iter()
        .map(|&locale| bundle.catalog.clips(locale).count())
        .sum();
    match format {
        Format::Text => out::data(&format!(
            "{}: good, {steps} steps, {rules} rules, {prompts} prompts, {clips} clips, bundle {}",
            bundle.flow.name, bundle.hash
        )),
        Format::Json => out::json(&json!({
            "flow": &*bundle.flow.name,
            "hash": &*bundle.hash,
            "steps": steps,
            "rules": rules,
            "prompts": prompts,
            "clips": clips,
            "problems": [],
        })),
    }
    for warning in bundle.audio.placeholders() {
        out::talk(&format!("warning: {warning}"));
    }
    Exit::Good
}

fn bad(problems: &Problems, format: Format) -> Exit {
    match format {
        Format::Text => out::data(&problems.to_string()),
        Format::Json => {
            let problems: Vec<_> = problems.iter().map(as_json).collect();
            out::json(&json!({ "problems": problems }));
        }
    }
    Exit::BadFile
}

fn as_json(problem: &Problem) -> serde_json::Value {
    let (path, line, column) = problem.location();
    json!({ "path": path, "line": line, "column": column, "title": problem.title() })
}
