//! The dialog: one pure step function from an event to a turn. No I/O, no clock, no await, no
//! failure. It knows what an event told it and nothing else.

/// What can be done.
pub mod action;
/// What can happen.
pub mod event;

use std::sync::Arc;

use action::Turn;
use event::{Event, Offer};

use crate::bundle::Bundle;
use crate::call::{CallTime, Disposition};

/// One call's conversation.
#[derive(Clone, Debug)]
pub struct Dialog {}

impl Dialog {
    /// Begins a call, at `CallTime` zero.
    pub fn answer(bundle: Arc<Bundle>, offer: Offer) -> (Self, Turn) {
        let _ = (bundle, offer);
        (Self {}, Turn::default())
    }

    /// Steps the call. `at` must not run backwards. An event that does not fit changes nothing.
    pub fn handle(&mut self, at: CallTime, event: Event) -> Turn {
        let _ = (at, event);
        Turn::default()
    }

    /// How the call ended; `None` while it goes on.
    pub fn disposition(&self) -> Option<Disposition> {
        None
    }

    /// The state, small and binary, for the resume token. Holds no texts and no names.
    pub fn to_bytes(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The call that a token of the same bundle holds; `None` if it is not of this build's form.
    /// The next event has to be [`Event::Resumed`].
    pub fn from_bytes(bundle: Arc<Bundle>, bytes: &[u8]) -> Option<Self> {
        let _ = (bundle, bytes);
        None
    }

    /// The name of the step the call is in, for people.
    pub fn step(&self) -> &str {
        ""
    }
}
