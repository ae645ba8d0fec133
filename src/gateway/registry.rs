//! Which calls are live, and how to reach their streams. Touched when a call is offered, resumed
//! or over, never on an event's way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::task::AtomicWaker;

use crate::call::CallId;

/// Calls that are over are remembered, so that no token of theirs opens them again. A token dies
/// of age after an hour; a replica ends no more calls than this in one.
const MAX_CLOSED: usize = 200_000;

/// Why a stream has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// A newer stream serves the call.
    Superseded,
    /// The service is going down.
    Draining,
}

/// A stream, as the registry reaches it.
#[derive(Debug, Default)]
pub(super) struct Signal {
    notice: AtomicU8,
    waker: AtomicWaker,
}

impl Signal {
    fn send(&self, notice: Notice) {
        let code = match notice {
            Notice::Superseded => 1,
            Notice::Draining => 2,
        };
        self.notice.store(code, Ordering::Release);
        self.waker.wake();
    }

    /// The notice, if there is one; else the waker is kept for it.
    pub(super) fn poll(&self, waker: &std::task::Waker) -> Option<Notice> {
        self.waker.register(waker);
        match self.notice.load(Ordering::Acquire) {
            1 => Some(Notice::Superseded),
            2 => Some(Notice::Draining),
            _ => None,
        }
    }
}

/// Why a call is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    Live,
    Full,
    Draining,
    Closed,
}

/// The live calls.
#[derive(Debug, Default)]
pub(super) struct Registry {
    calls: Mutex<Calls>,
}

#[derive(Debug, Default)]
struct Calls {
    draining: bool,
    live: BTreeMap<CallId, Arc<Signal>>,
    closed: BTreeSet<String>,
    order: VecDeque<String>,
}

impl Registry {
    /// A new call.
    pub(super) fn offer(&self, call: &CallId, limit: usize) -> Result<Arc<Signal>, NotTaken> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.draining {
            return Err(NotTaken::Draining);
        }
        if calls.live.contains_key(call) {
            return Err(NotTaken::Live);
        }
        if calls.live.len() >= limit {
            return Err(NotTaken::Full);
        }
        let signal = Arc::new(Signal::default());
        calls.live.insert(call.clone(), Arc::clone(&signal));
        Ok(signal)
    }

    /// A call that goes on: an older stream of it gives way. Never refused for lack of room.
    pub(super) fn resume(&self, call: &CallId, call_key: &str) -> Result<Arc<Signal>, NotTaken> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.draining {
            return Err(NotTaken::Draining);
        }
        if calls.closed.contains(call_key) {
            return Err(NotTaken::Closed);
        }
        let signal = Arc::new(Signal::default());
        if let Some(older) = calls.live.insert(call.clone(), Arc::clone(&signal)) {
            older.send(Notice::Superseded);
        }
        Ok(signal)
    }

    /// A stream is gone; `closed` when its call is over with it.
    pub(super) fn leave(&self, call: &CallId, signal: &Arc<Signal>, closed: Option<&str>) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls
            .live
            .get(call)
            .is_some_and(|live| Arc::ptr_eq(live, signal))
        {
            calls.live.remove(call);
        }
        if let Some(call_key) = closed {
            calls.closed.insert(call_key.to_owned());
            calls.order.push_back(call_key.to_owned());
            if calls.order.len() > MAX_CLOSED
                && let Some(oldest) = calls.order.pop_front()
            {
                calls.closed.remove(&oldest);
            }
        }
    }

    /// No more offers; every stream ends at its next turn.
    pub(super) fn drain(&self) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.draining = true;
        for signal in calls.live.values() {
            signal.send(Notice::Draining);
        }
    }

    /// How many calls are live.
    pub(super) fn live(&self) -> usize {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .live
            .len()
    }
}
