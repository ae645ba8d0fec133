//! `dana train`: learns the weights of the model from the examples of a bundle.

use std::fs;
use std::path::PathBuf;

use crate::bundle;
use crate::cli::out::{self, Exit};
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
    let source = match bundle::examples(&args.bundle) {
        Ok(source) => source,
        Err(error) => return out::bad_file(&error),
    };
    let weights = args.bundle.join(bundle::WEIGHTS);
    let learnt = match understanding::train(&source) {
        Ok(learnt) => learnt,
        Err(problems) => return out::bad_file(&problems),
    };
    if let Err(error) = fs::write(&weights, &learnt.weights) {
        out::talk(&format!(
            "error: cannot write `{}`: {error}",
            weights.display()
        ));
        return Exit::BadFile;
    }
    let [open, yes_no] = learnt.examples;
    out::talk(&format!(
        "{}: learnt from {open} answers to open questions and {yes_no} to yes/no questions",
        weights.display()
    ));
    Exit::Good
}
