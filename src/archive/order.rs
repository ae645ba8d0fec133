//! Work on all cores whose results come in the order of the items: the same for any number of
//! threads, and never more than a few items under way.

use std::num::NonZeroUsize;
use std::sync::mpsc::sync_channel;
use std::thread;

/// Items that a thread has before it: one at work, one waiting.
const AHEAD: usize = 2;

/// As many threads as the machine has cores.
pub fn all_cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Does `work` on every item, and gives each result to `sink`, in order. Ends with the first error
/// of `sink`.
///
/// # Errors
/// What `sink` says.
pub fn in_order<I: Send, T: Send, E>(
    threads: NonZeroUsize,
    items: impl IntoIterator<Item = I>,
    work: impl Fn(I) -> T + Sync,
    mut sink: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let work = &work;
    thread::scope(|scope| {
        let mut workers = Vec::with_capacity(threads.get());
        for _ in 0..threads.get() {
            let (give, items) = sync_channel::<I>(AHEAD);
            let (results, take) = sync_channel::<T>(AHEAD);
            scope.spawn(move || {
                // Nobody takes results any more: the work is over.
                let _ = items
                    .into_iter()
                    .try_for_each(|item| results.send(work(item)));
            });
            workers.push((give, take));
        }
        let mut items = items.into_iter();
        // Each thread gets every n-th item, so the next result is always that of the next thread.
        let (mut given, mut taken) = (0, 0);
        loop {
            while given - taken < AHEAD * workers.len() {
                let Some(item) = items.next() else { break };
                // A thread that is gone has panicked; the scope passes that on.
                if workers[given % threads].0.send(item).is_err() {
                    return Ok(());
                }
                given += 1;
            }
            if taken == given {
                return Ok(());
            }
            let Ok(result) = workers[taken % threads].1.recv() else {
                return Ok(());
            };
            taken += 1;
            sink(result)?;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_for_any_number_of_threads_and_an_error_ends_it() {
        for threads in 1..5 {
            let threads = NonZeroUsize::new(threads).unwrap();
            let mut got = Vec::new();
            let all: Result<(), ()> = in_order(
                threads,
                0..100,
                |i| i * 2,
                |i| {
                    got.push(i);
                    Ok(())
                },
            );
            assert_eq!((all, &got), (Ok(()), &(0..100).map(|i| i * 2).collect()));
            let ended = in_order(threads, 0.., |i| i, |i| if i < 7 { Ok(()) } else { Err(i) });
            assert_eq!(ended, Err(7));
        }
    }
}
