//! `dana train`: learns the weights of the model from the examples of a bundle.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::bundle;
use crate::cli::out::{self, Exit};
use crate::problem::Source;
use crate::understanding;

/// Options of `dana train`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder with flows, prompts and grammars.
    #[arg(long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
}

/// Reads `grammars/examples.tsv`, writes `grammars/weights.bin`: the same bytes every time.
pub fn run(args: &Args) -> Exit {
    let [examples, weights] =
        [bundle::EXAMPLES, bundle::WEIGHTS].map(|name| args.bundle.join(name));
    let text = match fs::read_to_string(&examples) {
        Ok(text) => text,
        Err(error) => return fails("read", &examples, &error),
    };
    let source = Source::new(examples.display().to_string(), text);
    let learnt = match understanding::train(&source) {
        Ok(learnt) => learnt,
        Err(problems) => return out::bad_file(&problems),
    };
    if let Err(error) = fs::write(&weights, &learnt.weights) {
        return fails("write", &weights, &error);
    }
    let [open, yes_no] = learnt.examples;
    out::talk(&format!(
        "{}: learnt from {open} answers to open questions and {yes_no} to yes/no questions",
        weights.display()
    ));
    Exit::Good
}

fn fails(what: &str, path: &Path, error: &io::Error) -> Exit {
    out::talk(&format!(
        "error: cannot {what} `{}`: {error}",
        path.display()
    ));
    Exit::BadFile
}
