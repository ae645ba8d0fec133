//! One integration-test binary: each module is a subject.

mod architecture;
mod archive;
mod audio;
mod caller;
mod calls;
mod cli;
mod config;
mod dialog;
mod faults;
mod flow;
mod gateway;
mod journal;
mod network;
mod operations;
mod prompts;
mod proof;
mod publication;
mod recordings;
mod records;
mod replay;
mod simulation;
mod store;
mod supervisor;
mod tickets;
mod understanding;
