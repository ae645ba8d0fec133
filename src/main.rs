//! The binary `dana`.

fn main() {}
