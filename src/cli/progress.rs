//! How far a long command has come: a bar on the terminal of whoever watches, from the first second
//! on; nothing for a program that reads.

use std::time::{Duration, Instant};

use crate::cli::out;

/// Nothing that is over sooner has a bar.
const AFTER: Duration = Duration::from_secs(1);
/// How often it is drawn.
const EVERY: Duration = Duration::from_millis(200);
/// Characters of the bar.
const WIDTH: u64 = 30;

/// A bar.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    total: Option<u64>,
    done: u64,
    began: Instant,
    drawn: Option<Instant>,
    watched: bool,
}

impl Progress {
    /// Of so many things; `None` if nobody knows how many.
    #[expect(
        clippy::disallowed_methods,
        reason = "a bar for a person, no call's time"
    )]
    pub fn new(what: &'static str, total: Option<u64>) -> Self {
        Self {
            what,
            total,
            done: 0,
            began: Instant::now(),
            drawn: None,
            watched: out::is_watched(),
        }
    }

    /// So many more are done.
    pub fn add(&mut self, more: usize) {
        self.done += u64::try_from(more).unwrap_or(0);
        let early = self.began.elapsed() < AFTER;
        if !self.watched || early || self.drawn.is_some_and(|drawn| drawn.elapsed() < EVERY) {
            return;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a bar for a person, no call's time"
        )]
        let now = Instant::now();
        self.drawn = Some(now);
        let (what, done) = (self.what, self.done);
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let rate = done * 1000 / ms.max(1);
        let text = match self.total.filter(|total| *total > 0) {
            Some(total) => {
                let full = usize::try_from(WIDTH * done.min(total) / total).unwrap_or(0);
                let bar = format!("{:<30}", "#".repeat(full));
                let left = total.saturating_sub(done) / rate.max(1);
                format!("[{bar}] {done} of {total} {what}, {rate} a second, {left} s left")
            }
            None => format!("{done} {what}, {rate} a second"),
        };
        out::again(&text);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            out::again("");
        }
    }
}
