//! `dana mock`: the mocked back ends, for a service or a gateway to try itself against.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::serve;
use crate::network::mock::{Mock, subscribers};
use crate::time::WallTime;

/// Options of `dana mock`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8621")]
    listen: SocketAddr,
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    for subscriber in subscribers(WallTime::from_unix_ms(0)) {
        out::data(&format!("{}  {}", subscriber.number, subscriber.about));
    }
    let served = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .and_then(|here| {
            here.block_on(async {
                let listener = TcpListener::bind(args.listen).await?;
                out::talk(&format!(
                    "the back ends are at http://{}",
                    listener.local_addr()?
                ));
                out::talk("tickets: GET /mock/ledger; faults: POST /mock/faults");
                Mock::new(serve::LINE_TEST)
                    .serve(listener, serve::stopped())
                    .await
            })
        });
    match served {
        Ok(()) => Exit::Good,
        Err(error) => {
            out::talk(&format!("error: cannot serve at {}: {error}", args.listen));
            Exit::Environment
        }
    }
}
