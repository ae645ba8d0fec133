//! Call scripts, `tests/calls/*.call`: one readable file is a situation, what the caller does, and
//! the whole conversation that is expected, on virtual time.
//!
//! ```text
//! # A damaged cable: the caller agrees, a ticket is created.
//! situation
//!   now         2025-10-14 11:00            # in Kazakhstan
//!   number      +77770000101                # or: withheld
//!   locale      ru                          # the gateway's hint, or: none
//!   subscriber  one language=ru after=0.3s  # one · several N · unknown · unavailable; package
//!   outage      none                        # known restored=2025-10-14T18:00 · none · unavailable
//!   tickets     none                        # open created=… visit=… number=… · none · unavailable
//!   line_test   cable_fault after=4s        # any look-up may also `never` answer
//!   fee         paid
//!   ticket      created TT-900345           # already_open · unconfirmed · refused · unavailable
//!   transfer    connected after=5s          # busy · no_answer · declined · failed
//! caller
//!   open            says "нет интернета"    # after=1.5s  over=1s  confidence=450  or="…"
//!   confirm_home    says "да" "ага" "угу"   # each of them has to lead the same way
//!   open            unheard                 # the recogniser fails
//!   confirm_home    presses 1
//!   confirm_ticket  hangs up over=1.5s
//!   any             silent
//!   at 3.5s         presses 0
//! conversation
//!   …                                       # rewritten by --bless, like all that follows
//! ```

mod ordinary;
pub mod parse;
pub mod render;
pub mod run;
mod words;
pub mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::call::{Locale, PhoneNumber, Said};
use crate::caller::turns::Turn;
use crate::dialog::event::TransferResult;
use crate::lookup::{Finding, LookupKind, TicketResult};
use crate::problem::Source;
use crate::time::WallTime;

/// A script, read.
#[derive(Debug)]
pub struct Script {
    /// The file.
    pub source: Arc<Source>,
    /// How the world is.
    pub situation: Situation,
    /// What the caller does.
    pub turns: Vec<Turn>,
    /// Other words of a turn, by its number: the call has to go the same way with each of them.
    pub others: Vec<(usize, Said)>,
    /// The conversation that is expected, and its ending, as they stand in the file.
    pub expected: String,
    /// Everything before that: what a bless keeps.
    pub head: String,
}

/// How the world is: the call, the back ends' answers, the operators.
#[derive(Clone, Debug)]
pub struct Situation {
    /// The wall clock at the offer.
    pub now: WallTime,
    /// The calling number.
    pub number: Option<PhoneNumber>,
    /// The gateway's hint.
    pub locale: Option<Locale>,
    /// What each look-up finds; without an entry it never answers.
    pub findings: BTreeMap<LookupKind, Delayed<Finding>>,
    /// How a ticket ends; `None`: the back end never answers.
    pub ticket: Option<Delayed<TicketResult>>,
    /// How a transfer ends; `None`: it rings out.
    pub transfer: Option<Delayed<TransferResult>>,
}

/// Something that comes after a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delayed<T> {
    /// How long it takes.
    pub after_ms: u32,
    /// What comes.
    pub value: T,
}

/// How long a back end takes that a script says nothing of.
pub const BACK_END_MS: u32 = 200;
/// How long a transfer rings that a script says nothing of.
pub const RING_MS: u32 = 5_000;
