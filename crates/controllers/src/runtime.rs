//! The one driver of all controllers.
//!
//! Kinds are watched once, however many controllers look at them. Each controller has a queue in which an
//! object stands at most once and is never worked on twice at a time; it reads the object anew, runs its
//! reconcile under a deadline, and comes back when the reconcile says, when the object changes, at every
//! resync, or after a back-off when it failed. A reconcile that fails, panics or meets a malformed object
//! stops no other.

mod feed;
mod queue;
#[cfg(test)]
mod tests;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use api::meta::ResourceType;
use cluster::Cluster;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::deps::{Clock, Ids};
use crate::error::{Error, Result};
use crate::metrics::Metrics;

pub use worker::GRACE;

/// Events that may wait for one controller before the watch itself waits.
const EVENTS_MAX: usize = 256;

/// When a reconcile wants to run again, besides changes of the object and resyncs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Not before something changes.
    Wait,
    /// After a while.
    After(Duration),
}

impl Next {
    /// At a time.
    pub fn at(then: Timestamp, now: Timestamp) -> Self {
        Self::After(Duration::try_from(then.duration_since(now)).unwrap_or_default())
    }
}

/// Names an object of a controller's kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its namespace; absent for cluster-scoped objects.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl Key {
    fn of(document: &Value) -> Self {
        let namespace = engine::document::namespace(document).map(str::to_owned);
        Self { namespace, name: engine::document::name(document).to_owned() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What the driver itself needs of the process that it runs in.
pub trait Host: Send + Sync + 'static {
    /// The cluster that is watched.
    fn cluster(&self) -> &Arc<dyn Cluster>;
    /// The namespace that is watched.
    fn namespace(&self) -> &str;
    /// The time.
    fn clock(&self) -> &dyn Clock;
    /// Jitter.
    fn ids(&self) -> &dyn Ids;
    /// Where reconciles are counted.
    fn metrics(&self) -> &Metrics;
    /// Cancelled when the process is about to end.
    fn stop(&self) -> &CancellationToken;
    /// Hears how many objects of a kind there are, as they come and go.
    fn counted(&self, _kind: &ResourceType, _count: usize) {}
}

/// A reconcile: brings one object, as it is now, a step further. May be dropped at any await.
pub type Reconcile<H> = fn(Arc<H>, Value) -> BoxFuture<'static, Result<Next>>;

/// A controller, as data.
pub struct Spec<H> {
    /// Its name, in logs, metrics and `--disable-controllers`.
    pub name: &'static str,
    /// The kind of its objects.
    pub watches: fn() -> ResourceType,
    /// Which objects it has to do with at all, judged before they are read anew.
    pub concerns: fn(&Value, Timestamp) -> bool,
    /// How often it looks at every object again; zero never does.
    pub resync: fn(&H) -> Duration,
    /// What has become of an object when it may be the turn of any other: all that concern it are looked at then.
    pub stirs: fn(&Value) -> bool,
    /// How many objects it works on at once.
    pub workers: fn(&H) -> usize,
    /// How long one reconcile may take.
    pub deadline: Duration,
    /// What it does.
    pub reconcile: Reconcile<H>,
}

/// No object's change is the turn of another.
pub fn never(_: &Value) -> bool {
    false
}

/// Every object concerns the controller.
pub fn always(_: &Value, _: Timestamp) -> bool {
    true
}

/// Runs controllers until the host stops; then lets what is at work end within [`GRACE`].
pub async fn run<H: Host>(host: Arc<H>, specs: Vec<&'static Spec<H>>) -> Result<()> {
    let mut tasks = JoinSet::new();
    for (kind, specs) in by_kind(specs) {
        let mut outputs = Vec::new();
        for spec in specs {
            let (output, events) = mpsc::channel(EVENTS_MAX);
            outputs.push(output);
            tasks.spawn(worker::Worker::new(Arc::clone(&host), spec).run(events));
        }
        tasks.spawn(feed::feed(Arc::clone(&host), kind, outputs));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            host.stop().cancel();
            return Err(Error::Panicked(error.to_string()));
        }
    }
    Ok(())
}

type Group<H> = (ResourceType, Vec<&'static Spec<H>>);

fn by_kind<H>(specs: Vec<&'static Spec<H>>) -> Vec<Group<H>> {
    let mut groups: Vec<Group<H>> = Vec::new();
    for spec in specs {
        let kind = (spec.watches)();
        match groups.iter_mut().find(|(of, _)| *of == kind) {
            Some((_, group)) => group.push(spec),
            None => groups.push((kind, vec![spec])),
        }
    }
    groups
}
