//! The same for many things, a few at a time: stores answer slowly, and to many at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::Result;
use crate::sync::lock;

/// The outcomes in order; after the first error no more is begun.
pub(crate) fn map<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let outcomes: Mutex<Vec<Option<Result<R>>>> = Mutex::new(items.iter().map(|_| None).collect());
    let run = || {
        while let Some((index, item)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, items.get(at)?)))
        {
            let outcome = work(item);
            if outcome.is_err() {
                next.fetch_max(items.len(), Ordering::Relaxed);
            }
            lock(&outcomes)[index] = Some(outcome);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            scope.spawn(run);
        }
        run();
    });
    let outcomes = outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    outcomes.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

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
}
