//! The back ends behind the port: TM Forum Open API v4 shapes over HTTP, client and mock. Every
//! object that comes back is checked again against what was asked; what is somebody else's is
//! dropped, and if nothing else came back, nothing is known.

mod answers;
mod client;
mod guard;
mod http;
pub mod mock;
mod ticket;
mod verdict;
mod wire;

use std::time::Duration;

pub use client::TmForum;
pub use http::SetUpError;

use crate::metrics::Metrics;

/// Settings of the client.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Root of all back ends: `http://host:port`.
    pub root: String,
    /// The authorities, in PEM, that certify the back ends; `None` for those of this machine.
    pub authorities: Option<Vec<u8>>,
    /// Questions to one back end at once; more wait for their turn.
    pub at_once: usize,
    /// What is counted.
    pub metrics: Metrics,
    /// For a read, both tries together.
    pub read: Duration,
    /// For a line test, from the request to its result.
    pub line_test: Duration,
    /// Pause between two looks at a running line test.
    pub poll: Duration,
}

impl Settings {
    /// The usual deadlines.
    pub fn new(root: impl Into<String>) -> Self {
        Self {
            root: root.into(),
            authorities: None,
            at_once: 256,
            metrics: Metrics::default(),
            read: Duration::from_millis(3_500),
            line_test: Duration::from_secs(15),
            poll: Duration::from_millis(500),
        }
    }
}
