//! The binary `dana`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dana::cli::main()
}
