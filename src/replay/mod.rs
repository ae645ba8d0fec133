//! Recorded calls replayed: on the same build and bundle, to the byte; on a candidate, with a verdict
//! for each call: same, different, cannot know.
//!
//! Pure and on virtual time. What callers, operators and back ends did is taken from the recording,
//! what Dana does is computed anew by the engine that serves live calls. An answer is only carried
//! over to the stimulus that it was given to; where there is none, the verdict is that it cannot be
//! known. Nothing here guesses.

mod adapt;
pub mod again;
mod caller;
mod candidate;
pub mod expect;
mod follow;
pub mod report;
pub mod stage;
mod testimony;
pub mod told;
pub mod unknown;
pub mod verdict;
mod way;
pub mod what_if;
