//! `dana check`: loads a bundle as the service would and tells every problem of its files: flow,
//! rules, prompts, grammars.

use std::path::PathBuf;

use serde_json::json;

use crate::bundle::Bundle;
use crate::bundle::BundleError;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::out::Format;
use crate::problem::Problem;

/// Arguments of `dana check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder that holds flows/, grammars/ and prompts/: ours, or a candidate's.
    #[arg(long, visible_alias = "flow", value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// For people, or for machines.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Checks: 0 when all is good, 2 when there are problems or a file cannot be read.
pub fn run(args: &Args) -> Exit {
    match (Bundle::load(&args.bundle), args.format) {
        (Ok(bundle), Format::Text) => {
            let (steps, prompts) = (bundle.flow.steps().count(), bundle.catalog.names().len());
            out::data(&format!(
                "{}: good, {steps} steps, {} rules, {prompts} prompts, bundle {}",
                bundle.flow.name,
                bundle.rules.len(),
                bundle.hash
            ));
            Exit::Good
        }
        (Ok(bundle), Format::Json) => {
            let report = json!({
                "flow": &*bundle.flow.name,
                "hash": &*bundle.hash,
                "steps": bundle.flow.steps().count(),
                "rules": bundle.rules.len(),
                "prompts": bundle.catalog.names().len(),
                "problems": [],
            });
            out::data(&report.to_string());
            Exit::Good
        }
        (Err(BundleError::Problems(problems)), Format::Text) => {
            out::data(&problems.to_string());
            Exit::BadFile
        }
        (Err(BundleError::Problems(problems)), Format::Json) => {
            let problems: Vec<_> = problems.iter().map(as_json).collect();
            out::data(&json!({ "problems": problems }).to_string());
            Exit::BadFile
        }
        (Err(error @ BundleError::Unreadable { .. }), Format::Text | Format::Json) => {
            out::bad_file(&error)
        }
    }
}

fn as_json(problem: &Problem) -> serde_json::Value {
    let (path, line, column) = problem.location();
    json!({ "path": path, "line": line, "column": column, "title": problem.title() })
}
