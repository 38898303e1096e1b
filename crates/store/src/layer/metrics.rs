//! Counts calls and measures them.

use std::time::Instant;

use async_trait::async_trait;
use futures::future::BoxFuture;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::{Call, Layer};
use crate::{ErrorKind, Result};

/// What calls are told apart by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CallLabels {
    /// What was asked.
    pub verb: &'static str,
    /// `ok`, or the kind of failure.
    pub outcome: &'static str,
}

/// The figures of all stores of a process; clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// How many calls were made.
    pub calls: Family<CallLabels, Counter>,
    /// How long they took.
    pub seconds: Family<CallLabels, Histogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        let buckets: fn() -> Histogram = || Histogram::new(exponential_buckets(0.005, 3.0, 9));
        Self { calls: Family::default(), seconds: Family::new_with_constructor(buckets) }
    }
}

impl Metrics {
    /// Makes the figures visible.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("store_calls", "Calls of object stores by verb and outcome", self.calls.clone());
        let seconds = self.seconds.clone();
        registry.register("store_call_seconds", "Duration of calls of object stores in seconds", seconds);
    }
}

/// What became of a call, as a label.
fn outcome<T>(done: &Result<T>) -> &'static str {
    match done.as_ref().map_err(|error| error.kind) {
        Ok(_) => "ok",
        Err(ErrorKind::NotFound) => "not_found",
        Err(ErrorKind::NoBucket) => "no_bucket",
        Err(ErrorKind::Precondition) => "precondition",
        Err(ErrorKind::Denied) => "denied",
        Err(ErrorKind::Certificate) => "certificate",
        Err(ErrorKind::Unavailable) => "unavailable",
        Err(ErrorKind::Config) => "config",
        Err(ErrorKind::Unsupported) => "unsupported",
        Err(ErrorKind::Other) => "other",
    }
}

#[async_trait]
impl Layer for Metrics {
    async fn once<T: Send>(&self, call: Call<'_>, run: BoxFuture<'_, Result<T>>) -> Result<T> {
        let begun = Instant::now();
        let done = run.await;
        let labels = CallLabels { verb: call.verb.name(), outcome: outcome(&done) };
        self.calls.get_or_create(&labels).inc();
        self.seconds.get_or_create(&labels).observe(begun.elapsed().as_secs_f64());
        done
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Store;
    use crate::adapter::Memory;
    use crate::layer::Layered;

    #[tokio::test]
    async fn calls_are_counted_by_verb_and_outcome() {
        let metrics = Metrics::default();
        let store = Layered::new(Arc::new(Memory::default()), metrics.clone());
        assert!(store.get("absent").await.is_err());
        store.list("").await.unwrap();
        store.list("").await.unwrap();
        let count = |verb, outcome| metrics.calls.get_or_create(&CallLabels { verb, outcome }).get();
        assert_eq!((count("get", "not_found"), count("list", "ok")), (1, 2));
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains(r#"store_calls_total{verb="list",outcome="ok"} 2"#), "{text}");
    }
}
