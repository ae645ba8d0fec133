//! The back ends behind the port: TM Forum Open API v4 shapes over HTTP, client and mock. Every
//! object that comes back is checked again against what was asked; what is somebody else's is
//! dropped, and if nothing else came back, nothing is known.

mod client;
mod http;
pub mod mock;
mod ticket;
mod verdict;
mod wire;

use std::time::Duration;

pub use client::TmForum;

/// Settings of the client.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Root of all back ends: `http://host:port`.
    pub root: String,
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
            read: Duration::from_millis(3_500),
            line_test: Duration::from_secs(15),
            poll: Duration::from_millis(500),
        }
    }
}
