//! Configuration and wiring.

pub mod config;
pub mod keys;
