//! Compiles the contract with protox, a compiler in Rust: no protoc has to be installed.

use std::error::Error;

const CONTRACT: &str = "proto/dana/gateway/v1/gateway.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={CONTRACT}");
    let files = protox::compile([CONTRACT], ["proto"])?;
    tonic_prost_build::configure()
        .codec_path("crate::gateway::codec::SmallCodec")
        .compile_fds(files)?;
    Ok(())
}
