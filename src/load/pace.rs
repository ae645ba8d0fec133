//! When something is due, to some microseconds: the runtime's own timers wake to the millisecond,
//! and a thousand calls woken together would be a burst that no line of callers makes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use tokio::time::Instant;

/// Wakes at moments. Cheap to clone; clones share one clock.
#[derive(Clone)]
pub(super) struct Pace {
    shared: Arc<Shared>,
}

struct Shared {
    due: Mutex<Due>,
    alarm: Alarm,
}

#[derive(Default)]
struct Due {
    heap: BinaryHeap<Reverse<Entry>>,
    /// What the alarm is set to.
    set: Option<Instant>,
    last: u64,
}

/// Ordered by time, then by arrival.
struct Entry(Instant, u64, Waker);

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

impl Pace {
    /// A clock, with the task that drives it in the runtime that this is called in.
    pub(super) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared {
            due: Mutex::default(),
            alarm: Alarm::new()?,
        });
        let pace = Self { shared };
        let driven = pace.clone();
        tokio::spawn(async move {
            while driven.shared.alarm.rings().await.is_ok() {
                driven.wake(Instant::now());
            }
        });
        Ok(pace)
    }

    /// Wakes at that moment; may wake once more than that.
    pub(super) fn wake_at(&self, at: Instant, waker: &Waker) {
        let mut due = self.lock();
        due.last += 1;
        let entry = Entry(at, due.last, waker.clone());
        due.heap.push(Reverse(entry));
        if due.set.is_none_or(|set| at < set) {
            due.set = Some(at);
            self.shared.alarm.set(at);
        }
    }

    /// Waits until then.
    pub(super) async fn until(&self, at: Instant) {
        poll_fn(|cx| {
            if Instant::now() >= at {
                return Poll::Ready(());
            }
            self.wake_at(at, cx.waker());
            Poll::Pending
        })
        .await;
    }

    /// Wakes everybody, whatever they wait for.
    pub(super) fn wake_all(&self) {
        let heap = std::mem::take(&mut self.lock().heap);
        for Reverse(Entry(_, _, waker)) in heap {
            waker.wake();
        }
    }

    fn wake(&self, now: Instant) {
        let mut due = self.lock();
        while let Some(Reverse(Entry(at, ..))) = due.heap.peek()
            && *at <= now
        {
            if let Some(Reverse(Entry(_, _, waker))) = due.heap.pop() {
                waker.wake();
            }
        }
        due.set = due.heap.peek().map(|Reverse(Entry(at, ..))| *at);
        if let Some(at) = due.set {
            self.shared.alarm.set(at);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Due> {
        self.shared
            .due
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The kernel's timer.
#[cfg(target_os = "linux")]
struct Alarm(tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>);

#[cfg(target_os = "linux")]
impl Alarm {
    #[expect(
        deprecated,
        reason = "the newer one is unsafe; a descriptor that is owned here stays open"
    )]
    fn new() -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self(tokio::io::unix::AsyncFd::new(timer)?))
    }

    fn set(&self, at: Instant) {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        // Zero would switch it off.
        let left = at
            .saturating_duration_since(Instant::now())
            .max(std::time::Duration::from_nanos(1));
        let never = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let time = Itimerspec {
            it_interval: never,
            it_value: Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            },
        };
        // It takes every time that is not negative.
        let _ = timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &time);
    }

    async fn rings(&self) -> io::Result<()> {
        let mut ready = self.0.readable().await?;
        let mut count = [0; 8];
        // Set anew since it rang, it has nothing to be read: the next ring counts.
        let _ = rustix::io::read(self.0.get_ref(), &mut count);
        ready.clear_ready();
        Ok(())
    }
}

/// Elsewhere the runtime's timer, to the millisecond.
#[cfg(not(target_os = "linux"))]
#[derive(Default)]
struct Alarm {
    at: Mutex<Option<Instant>>,
    changed: tokio::sync::Notify,
}

#[cfg(not(target_os = "linux"))]
impl Alarm {
    fn new() -> io::Result<Self> {
        Ok(Self::default())
    }

    fn set(&self, at: Instant) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
        self.changed.notify_one();
    }

    async fn rings(&self) -> io::Result<()> {
        loop {
            let at = *self.at.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(at) = at else {
                self.changed.notified().await;
                continue;
            };
            tokio::select! {
                () = tokio::time::sleep_until(at) => {
                    self.at.lock().unwrap_or_else(PoisonError::into_inner).take();
                    return Ok(());
                }
                () = self.changed.notified() => {}
            }
        }
    }
}
