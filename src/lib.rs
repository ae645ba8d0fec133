//! Dana: the voice IVR backend of a home-internet support line.
//!
//! Rooms, lowest first. A room uses only rooms above it in this list; `tests/architecture.rs`
//! holds the arrows and the doors.

/// Flow, grammars and prompts under one hash.
pub mod bundle;
/// Shared words of a call.
pub mod call;
/// A simulated caller and media side.
pub mod caller;
/// Commands.
pub mod cli;
/// A scripted gateway client.
pub mod client;
/// The pure dialog engine.
pub mod dialog;
/// The graph of steps.
pub mod flow;
/// The gRPC service.
pub mod gateway;
/// What happened, line by line.
pub mod journal;
/// The port to the back ends.
pub mod lookup;
/// TM Forum back ends: client and mock.
pub mod network;
/// Problems of files, with place and hint.
pub mod problem;
/// What Dana says.
pub mod prompt;
/// Call scripts.
pub mod script;
/// Configuration and wiring.
pub mod serve;
/// One live call.
pub mod session;
/// State that rides with the gateway.
pub mod token;
/// What Dana understands.
pub mod understanding;
