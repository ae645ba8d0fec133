//! Configuration and wiring.

/// The configuration: one file and the environment.
pub mod config;
/// The keys that seal resume tokens.
pub mod keys;
