//! Which calls are live, and how to reach their streams. Locked when a call is offered, resumed or
//! over; on an event's way only the count of notices is read.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::task::AtomicWaker;

use crate::call::CallId;

/// Calls that are over are remembered, so that no token of theirs opens them again. A token dies
/// of age after an hour; a replica ends no more calls than this in one.
const MAX_CLOSED: usize = 200_000;

/// A tenth of the room is only for gateways that have less than their share.
const KEPT_FREE: usize = 10;

/// Why a stream has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// A newer stream serves the call.
    Superseded,
    /// The service is going down.
    Draining,
}

impl Notice {
    const fn code(self) -> u8 {
        match self {
            Self::Superseded => 1,
            Self::Draining => 2,
        }
    }
}

/// A stream, as the registry reaches it.
#[derive(Debug)]
pub(super) struct Signal {
    /// Whose it is: a gateway that starts again may use the id of a call for another.
    call_key: Arc<str>,
    notice: AtomicU8,
    waker: AtomicWaker,
}

impl Signal {
    fn new(call_key: &Arc<str>) -> Self {
        Self {
            call_key: Arc::clone(call_key),
            notice: AtomicU8::default(),
            waker: AtomicWaker::default(),
        }
    }

    /// Keeps the waker for a notice; gives one that is there already.
    pub(super) fn wait(&self, waker: &std::task::Waker) -> Option<Notice> {
        self.waker.register(waker);
        self.notice()
    }

    /// The notice, if there is one.
    pub(super) fn notice(&self) -> Option<Notice> {
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
    /// How many notices were sent.
    notices: AtomicU32,
}

#[derive(Debug, Default)]
struct Calls {
    draining: bool,
    live: BTreeMap<Arc<str>, BTreeMap<CallId, Arc<Signal>>>,
    count: usize,
    closed: HashSet<Arc<str>>,
    order: VecDeque<Arc<str>>,
}

impl Registry {
    /// A new call of that gateway.
    pub(super) fn offer(
        &self,
        gateway: &Arc<str>,
        call: &CallId,
        call_key: &Arc<str>,
        limit: usize,
    ) -> Result<Arc<Signal>, NotTaken> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.draining {
            return Err(NotTaken::Draining);
        }
        let own = calls.live.get(gateway);
        if own.is_some_and(|own| own.contains_key(call)) {
            return Err(NotTaken::Live);
        }
        if !calls.has_room(gateway, limit) {
            return Err(NotTaken::Full);
        }
        Ok(calls.enter(gateway, call, call_key).0)
    }

    /// A call that goes on: an older stream of it gives way, but never that of another call of the
    /// same id. Not refused for lack of room.
    pub(super) fn resume(
        &self,
        gateway: &Arc<str>,
        call: &CallId,
        call_key: &Arc<str>,
    ) -> Result<Arc<Signal>, NotTaken> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.draining {
            return Err(NotTaken::Draining);
        }
        let live = calls.live.get(gateway).and_then(|own| own.get(call));
        let another = live.is_some_and(|live| live.call_key != *call_key);
        if another || calls.closed.contains(call_key) {
            return Err(NotTaken::Closed);
        }
        let (signal, older) = calls.enter(gateway, call, call_key);
        if let Some(older) = older {
            self.send(&older, Notice::Superseded);
        }
        Ok(signal)
    }

    fn send(&self, signal: &Signal, notice: Notice) {
        signal.notice.store(notice.code(), Ordering::Release);
        self.notices.fetch_add(1, Ordering::Release);
        signal.waker.wake();
    }

    /// How many notices were sent, to whomever: a stream looks for its own when there are more.
    pub(super) fn notices(&self) -> u32 {
        self.notices.load(Ordering::Acquire)
    }

    /// A stream is gone; `closed` when its call is over with it.
    pub(super) fn leave(
        &self,
        gateway: &Arc<str>,
        call: &CallId,
        signal: &Arc<Signal>,
        closed: Option<&Arc<str>>,
    ) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = calls.live.get_mut(gateway)
            && own.get(call).is_some_and(|live| Arc::ptr_eq(live, signal))
        {
            own.remove(call);
            if own.is_empty() {
                calls.live.remove(gateway);
            }
            calls.count -= 1;
        }
        if let Some(call_key) = closed {
            calls.closed.insert(Arc::clone(call_key));
            calls.order.push_back(Arc::clone(call_key));
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
        for signal in calls.live.values().flat_map(BTreeMap::values) {
            self.send(signal, Notice::Draining);
        }
    }

    /// Whether offers are refused for good.
    pub(super) fn is_draining(&self) -> bool {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.draining
    }

    /// How many calls of each gateway are live.
    pub(super) fn live(&self) -> Vec<(String, usize)> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let own = calls.live.iter();
        own.map(|(gateway, own)| (gateway.to_string(), own.len()))
            .collect()
    }
}

impl Calls {
    /// Everybody may have an equal share of the room; more only while some of the room is free, so
    /// that a gateway that comes with its share finds it.
    fn has_room(&self, gateway: &Arc<str>, limit: usize) -> bool {
        let own = self.live.get(gateway).map_or(0, BTreeMap::len);
        let others = self.live.keys().filter(|other| *other != gateway).count();
        let share = limit / (others + 1);
        let kept = if others == 0 { 0 } else { limit / KEPT_FREE };
        self.count < limit && (own < share || self.count < limit - kept)
    }

    /// The call's new stream, and the one that it had.
    fn enter(
        &mut self,
        gateway: &Arc<str>,
        call: &CallId,
        call_key: &Arc<str>,
    ) -> (Arc<Signal>, Option<Arc<Signal>>) {
        let signal = Arc::new(Signal::new(call_key));
        let own = self.live.entry(Arc::clone(gateway)).or_default();
        let older = own.insert(call.clone(), Arc::clone(&signal));
        if older.is_none() {
            self.count += 1;
        }
        (signal, older)
    }
}
