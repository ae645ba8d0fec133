//! Dana: the voice IVR backend of a home-internet support line.
//!
//! Rooms, lowest first. A room uses only rooms above it in this list; `tests/architecture.rs`
//! holds the arrows and the doors.

/// Flow, grammars and prompts under one hash.
pub mod bundle;
/// Shared words of a call.
pub mod call;
/// The pure dialog engine.
pub mod dialog;
/// The graph of steps.
pub mod flow;
/// The port to the back ends.
pub mod lookup;
/// Problems of files, with place and hint.
pub mod problem;
/// What Dana says.
pub mod prompt;
/// What Dana understands.
pub mod understanding;
