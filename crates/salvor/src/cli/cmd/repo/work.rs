//! Doing what blocks, aside; and ending it when somebody interrupts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

/// Does something that blocks, away from the runtime, which goes on meanwhile. An interrupt sets the flag that the work is given: it then ends as soon
/// as what is there is sound.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce(&AtomicBool) -> kopia::Result<T> + Send + 'static,
) -> Result<T> {
    let cancel = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancel);
    let mut work = tokio::task::spawn_blocking(move || work(&flag));
    let outcome = tokio::select! {
        outcome = &mut work => outcome,
        Ok(()) = tokio::signal::ctrl_c() => {
            cancel.store(true, Ordering::Relaxed);
            work.await
        }
    };
    Ok(outcome.context("work on the repository")??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_blocks_may_wait_for_what_does_not() {
        let runtime = tokio::runtime::Handle::current();
        let done = blocking(move |cancel| {
            runtime.block_on(tokio::task::yield_now());
            Ok(cancel.load(Ordering::Relaxed))
        });
        assert!(!done.await.unwrap());
        let failed =
            blocking(|_| Err::<(), _>(kopia::Error::new(kopia::ErrorKind::Invalid, "it", "is wrong")));
        assert_eq!(failed.await.unwrap_err().to_string(), "it: is wrong");
    }
}
