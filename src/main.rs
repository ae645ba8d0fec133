//! The binary `dana`.

use std::process::ExitCode;

/// Thousands of calls allocate and free small pieces in turn: there it is the quicker allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    dana::cli::main()
}
