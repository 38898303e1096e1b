//! The same for many things, a few at a time: stores answer slowly, and to many at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};

use crate::sync::lock;
use crate::{Error, Result};

/// The stack of a thread that goes through trees to their depth.
pub(crate) const STACK: usize = 64 << 20;
/// The stack of others: the system keeps it for the next thread.
const STACK_FLAT: usize = 2 << 20;

/// The outcomes in order; after the first error no more is begun.
pub(crate) fn map<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    Crew { stack: STACK_FLAT, ..Crew::new(threads) }.map(items, work)
}

/// Two things at once.
pub(crate) fn both<A: Send, B>(
    one: impl FnOnce() -> Result<A> + Send,
    other: impl FnOnce() -> Result<B>,
) -> (Result<A>, Result<B>) {
    thread::scope(|scope| match thread::Builder::new().stack_size(STACK_FLAT).spawn_scoped(scope, one) {
        Ok(thread) => {
            let other = other();
            (thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), other)
        }
        Err(error) => (Err(Error::from_io("thread", error)), other()),
    })
}

/// Threads that are shared by all that goes on at once, and within each other: whoever has more than one thing to do gets those that are idle.
pub(crate) struct Crew {
    idle: AtomicUsize,
    stack: usize,
}

impl Crew {
    /// So many threads, with the one that calls.
    pub(crate) fn new(threads: usize) -> Self {
        Self { idle: AtomicUsize::new(threads.saturating_sub(1)), stack: STACK }
    }

    /// How many threads have nothing to do.
    pub(crate) fn idle(&self) -> usize {
        self.idle.load(Ordering::Relaxed)
    }

    /// The outcomes in order; after the first error no more is begun.
    pub(crate) fn map<T: Sync, R: Send>(
        &self,
        items: &[T],
        work: impl Fn(&T) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        let outcomes = Mutex::new(items.iter().map(|_| None).collect());
        let shared = Shared { crew: self, items, work, next: AtomicUsize::new(0), outcomes };
        thread::scope(|scope| join(shared.run(scope)));
        let outcomes = shared.outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcomes.into_iter().flatten().collect()
    }

    fn take(&self) -> bool {
        let fewer = |idle: usize| idle.checked_sub(1);
        self.idle.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok()
    }

    fn give_back(&self) {
        self.idle.fetch_add(1, Ordering::Relaxed);
    }
}

/// What threads share that do the same for many things.
struct Shared<'a, T, R, F> {
    crew: &'a Crew,
    items: &'a [T],
    work: F,
    next: AtomicUsize,
    outcomes: Mutex<Vec<Option<Result<R>>>>,
}

/// Threads that help. All of them are joined: the C library of many systems may fail where one ends while it is being let go.
type Helpers<'scope> = Vec<ScopedJoinHandle<'scope, ()>>;

impl<T: Sync, R: Send, F: Fn(&T) -> Result<R> + Sync> Shared<'_, T, R, F> {
    fn run<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) -> Helpers<'scope> {
        let mut helpers = Vec::new();
        loop {
            helpers.extend(self.ask_for_help(scope));
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = self.items.get(index) else { return helpers };
            let outcome = (self.work)(item);
            if outcome.is_err() {
                self.next.fetch_max(self.items.len(), Ordering::Relaxed);
            }
            if let Some(place) = lock(&self.outcomes).get_mut(index) {
                *place = Some(outcome);
            }
        }
    }

    /// Has another thread do the same, if one is idle and there is something for it.
    fn ask_for_help<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
    ) -> Option<ScopedJoinHandle<'scope, ()>> {
        if self.next.load(Ordering::Relaxed) + 1 >= self.items.len() || !self.crew.take() {
            return None;
        }
        let help = || {
            let helpers = self.run(scope);
            self.crew.give_back();
            join(helpers);
        };
        let helper = thread::Builder::new().stack_size(self.crew.stack).spawn_scoped(scope, help);
        helper.inspect_err(|_| self.crew.give_back()).ok()
    }
}

/// Waits for threads. One that has panicked makes the scope that it belongs to panic.
fn join(helpers: Helpers<'_>) {
    for helper in helpers {
        if let Err(panic) = helper.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Does something that goes as deep as trees do.
pub(crate) fn deep<R: Send>(work: impl FnOnce() -> Result<R> + Send) -> Result<R> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let thread = thread.map_err(|error| Error::from_io("thread", error))?;
        thread.join().unwrap_or_else(|_| Err(Error::invalid("thread", "has panicked")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_come_in_order_and_an_error_ends_it() {
        let items: Vec<u64> = (0..100).collect();
        assert_eq!(
            map(&items, 8, |item| Ok(item * 2)).unwrap(),
            items.iter().map(|item| item * 2).collect::<Vec<_>>()
        );
        assert_eq!(map(&[], 8, |_: &u64| Ok(0)).unwrap(), [0; 0]);
        let error = map(&items, 8, |item| match item {
            50 => Err(Error::invalid("fifty", "no")),
            item => Ok(*item),
        });
        assert_eq!(error.unwrap_err().subject(), "fifty");
    }

    #[test]
    fn what_goes_on_within_each_other_shares_the_threads() {
        let (crew, running, most) = (Crew::new(4), AtomicUsize::new(0), AtomicUsize::new(0));
        let items: Vec<u64> = (0..20).collect();
        let sums = crew.map(&items, |outer| {
            let parts = crew.map(&items, |inner| {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::sleep(std::time::Duration::from_micros(200));
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(outer * inner)
            })?;
            Ok(parts.into_iter().sum::<u64>())
        });
        assert_eq!(sums.unwrap(), items.iter().map(|outer| outer * 190).collect::<Vec<_>>());
        assert_eq!((most.into_inner(), crew.idle()), (4, 3));
    }
}
