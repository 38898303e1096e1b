//! At most so many calls at a time.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;

use super::{Call, Layer};
use crate::Result;

/// Lets a bounded number of calls be in flight; the others wait their turn.
#[derive(Debug, Clone)]
pub struct Limit {
    turns: Arc<Semaphore>,
}

impl Limit {
    /// At most `calls` calls at a time.
    pub fn new(calls: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(calls.max(1))) }
    }
}

#[async_trait]
impl Layer for Limit {
    async fn once<T: Send>(&self, _call: Call<'_>, run: BoxFuture<'_, Result<T>>) -> Result<T> {
        // The semaphore is never closed; were it, calls would not be held up.
        let _turn = self.turns.acquire().await;
        run.await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::layer::Verb;

    #[tokio::test]
    async fn no_more_calls_than_that_are_in_flight() {
        let limit = Limit::new(3);
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let calls = (0..20).map(|_| {
            limit.once(
                Call { verb: Verb::Get, key: "" },
                Box::pin(async {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    now.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                }),
            )
        });
        futures::future::join_all(calls).await;
        assert_eq!(most.into_inner(), 3);
    }
}
