//! Dana: the voice IVR backend of a home-internet support line.
//!
//! One pure dialog engine stands behind the live service, the call scripts and the terminal talk.
//! The rooms, lowest first; a room uses only rooms above it here, and `tests/architecture.rs` holds
//! the arrows and the doors:
//!
//! | room | what it is |
//! |---|---|
//! | [`time`] | the two times of a call |
//! | [`chance`] | chance from a seed |
//! | [`digest`] | hashes, and how they are written |
//! | `compact` | values in binary form |
//! | [`call`] | the words every room shares |
//! | [`problem`] | problems of files, with place and hint |
//! | [`page`] | an HTML page with plots |
//! | [`lookup`] | the port to the back ends |
//! | [`prompt`] | what Dana says |
//! | [`audio`] | what Dana sounds like |
//! | [`understanding`] | what Dana understands |
//! | [`flow`] | the graph of steps |
//! | [`bundle`] | flow, grammars, prompts and audio under one hash |
//! | [`dialog`] | the pure engine: an event in, a turn out |
//! | [`seal`] | what is written down, sealed |
//! | [`journal`] | what happened, line by line |
//! | [`archive`] | recordings by the hundred thousand |
//! | [`report`] | what a stretch of traffic came to |
//! | [`caller`] | a simulated caller and media side |
//! | [`script`] | call scripts |
//! | [`traffic`] | calls that could have been, by a seed |
//! | [`transcript`] | sound and a transcript as a recording |
//! | [`retrace`] | a recorded call through the dialog once more |
//! | [`redact`] | recordings that may leave the house |
//! | [`proof`] | every state that a call can be in, and the rules it must keep |
//! | [`replay`] | recorded calls held against the engine of today, or against a candidate |
//! | [`fallback`] | the dialog, or the way to the operator when it cannot |
//! | [`clock`] | the one reading of the wall clock |
//! | [`metrics`] | what the service counts |
//! | [`token`] | the state that rides with the gateway |
//! | [`network`] | TM Forum back ends: client and mock |
//! | [`store`] | ticket intents, call records, bundles: what outlives a process |
//! | [`tickets`] | created exactly once |
//! | [`shelf`] | the bundles at hand |
//! | [`records`] | call records on their way to the store |
//! | [`publication`] | bundles in the store |
//! | [`session`] | one live call, the only clock |
//! | [`gateway`] | the gRPC service |
//! | [`client`] | a scripted gateway client |
//! | [`load`] | calls by the thousand, measured |
//! | [`serve`] | configuration and wiring |
//! | [`cli`] | the commands |
//!
//! Deliberately absent: a session database, a lock on a call's way, a clock or an `await` below
//! [`session`], expressions in flows.

pub mod archive;
pub mod audio;
pub mod bundle;
pub mod call;
pub mod caller;
pub mod chance;
pub mod cli;
pub mod client;
pub mod clock;
mod compact;
pub mod dialog;
pub mod digest;
pub mod fallback;
pub mod flow;
pub mod gateway;
pub mod journal;
pub mod load;
pub mod lookup;
pub mod metrics;
pub mod network;
pub mod page;
pub mod problem;
pub mod prompt;
pub mod proof;
pub mod publication;
pub mod records;
pub mod redact;
pub mod replay;
pub mod report;
pub mod retrace;
pub mod script;
pub mod seal;
pub mod serve;
pub mod session;
pub mod shelf;
pub mod store;
pub mod tickets;
pub mod time;
pub mod token;
pub mod traffic;
pub mod transcript;
pub mod understanding;
