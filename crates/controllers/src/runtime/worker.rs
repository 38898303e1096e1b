//! The loop of one controller.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use api::meta::ResourceType;
use cluster::ObjectRef;
use cluster::clock::instant;
use engine::document::is_leaving;
use futures::FutureExt;
use serde_json::Value;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info_span, warn};

use super::feed::Event;
use super::queue::Queue;
use super::{Host, Key, Next, Spec};
use crate::error::{Error, Result};
use crate::metrics::Metric;

/// How long what is at work may go on once the process is about to end.
pub const GRACE: Duration = Duration::from_secs(20);

/// Before an object is looked at again that changed while it was worked on.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What became of a reconcile; `None` where the object has gone.
type Outcome = Option<Result<Next>>;

pub(super) struct Worker<H: Host> {
    host: Arc<H>,
    spec: &'static Spec<H>,
    kind: ResourceType,
    queue: Queue,
    known: BTreeMap<Key, Arc<Value>>,
    working: JoinSet<(Key, Outcome)>,
    /// Ends what is at work on an object.
    ends: HashMap<Key, CancellationToken>,
}

impl<H: Host> Worker<H> {
    pub(super) fn new(host: Arc<H>, spec: &'static Spec<H>) -> Self {
        Self {
            host,
            spec,
            kind: (spec.watches)(),
            queue: Queue::default(),
            known: BTreeMap::new(),
            working: JoinSet::new(),
            ends: HashMap::new(),
        }
    }

    pub(super) async fn run(mut self, mut events: Receiver<Event>) {
        let stop = self.host.stop().clone();
        let mut resync = ticks((self.spec.resync)(&self.host));
        while !stop.is_cancelled() {
            self.begin();
            let wake = self.queue.wake().filter(|_| self.has_room());
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                Some(Ok((key, outcome))) = self.working.join_next() => self.end(&key, outcome),
                Some(event) = events.recv() => self.hear(event),
                () = at(wake) => {}
                () = tick(&mut resync) => self.look_again(),
            }
        }
        // Whatever does not end in time is dropped: it is begun again by the next process.
        let ending = async { while self.working.join_next().await.is_some() {} };
        let _ = timeout(GRACE, ending).await;
    }

    fn has_room(&self) -> bool {
        self.working.len() < (self.spec.workers)(&self.host).max(1)
    }

    fn begin(&mut self) {
        while self.has_room()
            && let Some(key) = self.queue.take(instant())
        {
            let span = info_span!("reconcile", controller = self.spec.name, object = %key);
            let end = CancellationToken::new();
            self.ends.insert(key.clone(), end.clone());
            self.working.spawn(one(Arc::clone(&self.host), self.spec, key, end).instrument(span));
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Applied(document) => {
                let key = Key::of(&document);
                if (self.spec.concerns)(&document, self.host.clock().now()) {
                    self.queue.offer(&key, instant());
                } else if is_leaving(&document) {
                    self.leave(&key);
                }
                let stirs = (self.spec.stirs)(&document);
                let before = self.known.insert(key, document);
                // A watch that begins again tells of all that ended long ago.
                if stirs && before.is_some_and(|before| !(self.spec.stirs)(&before)) {
                    self.look_again();
                }
            }
            Event::Deleted(document) => {
                let key = Key::of(&document);
                self.known.remove(&key);
                self.queue.forget(&key);
                // Whoever sees to it that an object goes is about to end by itself.
                if !(is_leaving(&document) && (self.spec.concerns)(&document, self.host.clock().now())) {
                    self.leave(&key);
                }
            }
        }
        self.host.counted(&self.kind, self.known.len());
    }

    /// Nobody wants any more what is being done for an object.
    fn leave(&self, key: &Key) {
        if let Some(end) = self.ends.get(key) {
            end.cancel();
        }
    }

    fn look_again(&mut self) {
        let now = self.host.clock().now();
        for (key, document) in &self.known {
            if (self.spec.concerns)(document, now) {
                self.queue.offer(key, instant());
            }
        }
    }

    fn end(&mut self, key: &Key, outcome: Outcome) {
        self.ends.remove(key);
        match outcome {
            // Gone: the watch says so too, or will, of the very same object.
            None | Some(Ok(Next::Wait)) => self.queue.done(key, None),
            Some(Ok(Next::After(wait))) => self.queue.done(key, Some(instant() + wait)),
            Some(Err(error @ Error::Malformed { .. })) => {
                warn!(controller = self.spec.name, object = %key, "failed to {error}; waiting for a change");
                self.queue.done(key, None);
            }
            Some(Err(error)) if error.is_superseded() => {
                debug!(controller = self.spec.name, object = %key, "failed to {error}; looking again");
                self.queue.done(key, Some(instant() + LOOK_AGAIN));
            }
            Some(Err(error)) => self.back_off(key, &error),
        }
    }

    fn back_off(&mut self, key: &Key, error: &Error) {
        let jitter = self.host.ids().uuid().as_u64_pair().0;
        let at_least = error.retry_after().unwrap_or_default();
        let wait = self.queue.failed(key, instant(), at_least, jitter);
        match error {
            Error::Panicked(_) => {
                error!(controller = self.spec.name, object = %key, "failed to {error}; again in {wait:?}");
            }
            _ => warn!(controller = self.spec.name, object = %key, "failed to {error}; again in {wait:?}"),
        }
    }
}

/// Reads an object anew and reconciles it, counted, timed, under a deadline, with panics caught, until it has gone.
async fn one<H: Host>(
    host: Arc<H>,
    spec: &'static Spec<H>,
    key: Key,
    end: CancellationToken,
) -> (Key, Outcome) {
    let began = instant();
    let work = AssertUnwindSafe(reconcile(&host, spec, &key)).catch_unwind();
    let outcome = match end.run_until_cancelled(timeout(spec.deadline, work)).await {
        Some(Ok(Ok(outcome))) => outcome.transpose(),
        Some(Ok(Err(panic))) => Some(Err(Error::Panicked(said(panic.as_ref())))),
        Some(Err(_)) => Some(Err(Error::Deadline(spec.deadline))),
        None => None,
    };
    let class = match &outcome {
        Some(Err(error)) => error.class(),
        Some(Ok(_)) | None => "ok",
    };
    host.metrics().count(Metric::Reconcile, &[spec.name, class]);
    host.metrics().observe(Metric::ReconcileDuration, &[spec.name], began.elapsed().as_secs_f64());
    (key, outcome)
}

async fn reconcile<H: Host>(host: &Arc<H>, spec: &Spec<H>, key: &Key) -> Result<Option<Next>> {
    let at =
        ObjectRef { resource: (spec.watches)(), namespace: key.namespace.clone(), name: key.name.clone() };
    let document = match host.cluster().get(&at).await.map_err(Error::from) {
        Err(error) if error.is_not_found() => return Ok(None),
        document => document?,
    };
    if !(spec.concerns)(&document, host.clock().now()) {
        return Ok(Some(Next::Wait));
    }
    debug!("reconciling");
    (spec.reconcile)(Arc::clone(host), document).await.map(Some)
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a defect".to_owned())
}

fn ticks(period: Duration) -> Option<Interval> {
    let mut ticks = (!period.is_zero()).then(|| interval_at(instant() + period, period))?;
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Some(ticks)
}

async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => drop(ticks.tick().await),
        None => std::future::pending().await,
    }
}

async fn at(then: Option<Instant>) {
    match then {
        Some(then) => sleep_until(then).await,
        None => std::future::pending().await,
    }
}
