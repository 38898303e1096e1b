//! Calls that may go through later are made again.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;

use super::resume::resumed;
use super::{Call, Layer, Layered, Pieces, Verb};
use crate::{Error, ErrorKind, Put, Result, Store, Tag};

/// Gives numbers from 0 to 1 that spread the waiting times.
#[derive(Clone)]
pub struct Jitter(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Jitter {
    /// Numbers from this source.
    pub fn new(source: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }
}

impl Default for Jitter {
    /// Numbers that nobody can foresee.
    fn default() -> Self {
        Self::new(|| {
            let random = std::hash::RandomState::new().build_hasher().finish();
            (random >> 11) as f64 / (1_u64 << 53) as f64
        })
    }
}

impl fmt::Debug for Jitter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Jitter")
    }
}

/// Makes calls again that failed for the moment. Uploads repeat their parts by themselves.
#[derive(Debug, Clone)]
pub struct Retry {
    /// How often a call is made at most.
    pub attempts: u32,
    /// How long is waited after the first failure; twice as long after each further one.
    pub first_wait: Duration,
    /// How long is waited at most.
    pub longest_wait: Duration,
    /// What spreads the waiting times over their upper half.
    pub jitter: Jitter,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(10),
            jitter: Jitter::default(),
        }
    }
}

impl Retry {
    /// Waits after the `failed`-th failure.
    async fn wait(&self, call: Call<'_>, failed: u32, error: &Error) {
        let full = self.first_wait.saturating_mul(1 << (failed - 1).min(16)).min(self.longest_wait);
        let wait = full.mul_f64(0.5 + (self.jitter.0)().clamp(0.0, 1.0) / 2.0);
        tracing::debug!(verb = call.verb.name(), key = call.key, failed, ?wait, %error, "calling again");
        tokio::time::sleep(wait).await;
    }

    fn goes_on(&self, failed: u32, error: &Error) -> bool {
        error.is_transient() && failed < self.attempts
    }

    /// The version of an object that holds this content: then an earlier attempt wrote it.
    async fn own_earlier_put(
        &self,
        inner: &dyn Store,
        key: &str,
        content: &Bytes,
    ) -> Result<Option<Option<Tag>>> {
        let found = self.repeat(Call { verb: Verb::Get, key }, || inner.get(key)).await?;
        if found != content {
            return Ok(None);
        }
        let meta = self.repeat(Call { verb: Verb::Head, key }, || inner.head(key)).await?;
        Ok(Some(meta.tag))
    }
}

#[async_trait]
impl Layer for Retry {
    async fn once<T: Send>(&self, _call: Call<'_>, run: BoxFuture<'_, Result<T>>) -> Result<T> {
        run.await
    }

    async fn repeat<'a, T, F>(&self, call: Call<'a>, run: F) -> Result<T>
    where
        T: Send + 'a,
        F: Fn() -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        let mut failed = 0;
        loop {
            match run().await {
                Err(error) if self.goes_on(failed + 1, &error) => {
                    failed += 1;
                    self.wait(call, failed, &error).await;
                }
                done => return done,
            }
        }
    }

    /// A stream that breaks goes on from its last byte.
    async fn stream(&self, inner: &Arc<dyn Store>, key: &str) -> Result<Pieces> {
        // Read before the content, so that what is read later is known to be the same.
        let meta = self.repeat(Call { verb: Verb::Head, key }, || inner.head(key)).await?;
        let pieces = self.repeat(Call { verb: Verb::Stream, key }, || inner.stream(key)).await?;
        Ok(resumed(Layered::new(Arc::clone(inner), self.clone()), meta, pieces))
    }

    /// A put whose answer was lost may have gone through, so that the next attempt finds its condition broken
    /// by the first: then what is there is what was to be written.
    async fn put(&self, inner: &dyn Store, key: &str, content: Bytes, put: Put) -> Result<Option<Tag>> {
        let call = Call { verb: Verb::Put, key };
        let mut failed = 0;
        loop {
            match inner.put(key, content.clone(), put.clone()).await {
                Err(error) if self.goes_on(failed + 1, &error) => {
                    failed += 1;
                    self.wait(call, failed, &error).await;
                }
                Err(error) if error.kind == ErrorKind::Precondition && failed > 0 => {
                    return self.own_earlier_put(inner, key, &content).await?.ok_or(error);
                }
                done => return done,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::Memory;
    use crate::fault::{Fault, Faults, Rule};
    use futures::StreamExt;

    fn quick() -> Retry {
        let wait = Duration::from_micros(10);
        Retry { attempts: 4, first_wait: wait, longest_wait: wait, jitter: Jitter::new(|| 0.5) }
    }

    fn store(rules: Vec<Rule>) -> (Memory, Faults, Layered<Retry>) {
        let memory = Memory::default();
        let faults = Faults::new(rules);
        let faulty = Layered::new(Arc::new(memory.clone()), faults.clone());
        (memory, faults, Layered::new(Arc::new(faulty), quick()))
    }

    #[tokio::test]
    async fn only_what_may_go_through_later_is_made_again() {
        let cases = [
            (ErrorKind::Unavailable, 3, true, 4),
            (ErrorKind::Unavailable, 4, false, 4),
            (ErrorKind::Denied, 1, false, 1),
            (ErrorKind::NotFound, 1, false, 1),
        ];
        for (kind, times, succeeds, calls) in cases {
            let (_, faults, store) = store(vec![Rule::first(Verb::List, Fault::Before(kind)).times(times)]);
            assert_eq!(store.list("").await.is_ok(), succeeds, "{kind:?} {times}");
            assert_eq!(faults.calls(), calls, "{kind:?} {times}");
        }
    }

    #[tokio::test]
    async fn a_stream_that_breaks_goes_on_from_its_last_byte() {
        let content: Vec<u8> = (0..3_000_000_u32).map(|number| number as u8).collect();
        for (nth, times, whole) in [(1, 1, true), (2, 3, true), (1, u64::MAX, false)] {
            let broken = Rule::nth(nth, Fault::Before(ErrorKind::Unavailable)).verb(Verb::Piece);
            let again = Rule::first(Verb::GetRange, Fault::Before(ErrorKind::Unavailable)).times(times);
            let (memory, _, store) = store(vec![broken, again]);
            memory.put("archive", content.clone().into(), Put::Overwrite).await.unwrap();
            let pieces: Vec<_> = store.stream("archive").await.unwrap().collect().await;
            let read: Result<Vec<Bytes>> = pieces.into_iter().collect();
            match read {
                Ok(read) => assert!(whole && read.concat() == content, "broken at piece {nth}"),
                Err(error) => assert!(!whole && error.is_transient(), "{error}"),
            }
        }
    }

    #[tokio::test]
    async fn a_stream_does_not_go_on_with_another_object() {
        let (memory, faults, store) = store(Vec::new());
        memory.put("archive", vec![1; 100].into(), Put::Overwrite).await.unwrap();
        let mut pieces = store.stream("archive").await.unwrap();
        memory.put("archive", vec![2; 100].into(), Put::Overwrite).await.unwrap();
        faults.set(vec![Rule::first(Verb::Piece, Fault::Before(ErrorKind::Unavailable))]);
        assert!(pieces.next().await.unwrap().is_err());
        assert!(pieces.next().await.is_none());
    }

    #[tokio::test]
    async fn a_create_whose_answer_was_lost_has_gone_through() {
        let (memory, _, store) = store(vec![Rule::first(Verb::Put, Fault::After(ErrorKind::Unavailable))]);
        let tag = store.put("marker", Bytes::from_static(b"mine"), Put::Create).await.unwrap();
        assert_eq!(tag, memory.head("marker").await.unwrap().tag);
    }

    #[tokio::test]
    async fn a_create_that_somebody_else_won_is_lost() {
        let (memory, _, store) = store(vec![Rule::first(Verb::Put, Fault::Before(ErrorKind::Unavailable))]);
        memory.put("marker", Bytes::from_static(b"theirs"), Put::Create).await.unwrap();
        let lost = store.put("marker", Bytes::from_static(b"mine"), Put::Create).await.unwrap_err();
        assert_eq!(lost.kind, ErrorKind::Precondition);
        assert_eq!(memory.get("marker").await.unwrap(), "theirs");
    }

    #[tokio::test]
    async fn a_create_of_what_is_there_is_refused_at_once() {
        let (memory, _, store) = store(Vec::new());
        memory.put("marker", Bytes::from_static(b"same"), Put::Create).await.unwrap();
        let refused = store.put("marker", Bytes::from_static(b"same"), Put::Create).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Precondition);
    }
}
