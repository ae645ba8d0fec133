//! Dana beside the floor: the same calls, made by the same generator, of a service on one core by a
//! client on another. See `PERFORMANCE.md`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints"
)]

mod floor;
mod service;
mod table;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    match arguments.split_first() {
        Some((command, rest)) if command == "serve" => service::serve(rest),
        _ => table::run(&arguments),
    }
}
