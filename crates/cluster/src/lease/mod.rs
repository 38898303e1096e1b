//! Leader election on a Lease, with the record that client-go writes: one server at a time does the work.
//!
//! `decide` holds the rules. The driver here reads and writes the Lease, by resource version, and tells the
//! rest of the process: a watch channel says until when we lead, and a token is cancelled when we do no more.

mod decide;
mod fence;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use api::meta::ResourceType;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub use decide::{Observed, Seen, Step, Terms, next};
pub use fence::{Fenced, LEASE_IS_OVER};

use crate::clock::{BootTime, LeaseClock};
use crate::port::{Cluster, Error, ErrorKind, ObjectRef, Result, WriteOptions};

/// How long giving the lease back may take at the end of a process.
const RELEASE_DEADLINE: Duration = Duration::from_secs(5);

/// Which lease to stand for, and as whom.
#[derive(Clone)]
pub struct LeaseOptions {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who we are: different for each process, such as the pod's name and a random part.
    pub identity: String,
    /// How long things last.
    pub terms: Terms,
    /// What the time is read from.
    pub clock: Arc<dyn LeaseClock>,
}

/// That we lead.
#[derive(Debug, Clone)]
pub struct Leadership {
    /// Until when, if it is not renewed before.
    pub held_until: BootTime,
    /// Cancelled when this term is over.
    pub lost: CancellationToken,
}

/// Standing for a lease, from now until this is released or dropped.
pub struct Election {
    standing: Standing,
    stop: CancellationToken,
    driver: Option<JoinHandle<()>>,
}

/// Whether we lead, for those who ask before they write.
#[derive(Clone)]
pub struct Standing {
    state: watch::Receiver<Option<Leadership>>,
    clock: Arc<dyn LeaseClock>,
}

impl Election {
    /// Begins to stand for a lease.
    pub fn start(cluster: Arc<dyn Cluster>, options: LeaseOptions) -> Self {
        let (state, receiver) = watch::channel(None);
        let standing = Standing { state: receiver, clock: Arc::clone(&options.clock) };
        let stop = CancellationToken::new();
        let driver = Driver::new(cluster, options, state);
        let driver = tokio::spawn(driver.run(stop.clone()));
        Self { standing, stop, driver: Some(driver) }
    }

    /// Whether we lead, to hand to others.
    pub fn standing(&self) -> Standing {
        self.standing.clone()
    }

    /// Ends the term and gives the lease back, so that the next leader need not wait: call it when the work
    /// has stopped.
    pub async fn release(mut self) {
        self.stop.cancel();
        if let Some(driver) = self.driver.take()
            && let Err(error) = driver.await
        {
            tracing::error!(%error, "the lease's task has failed");
        }
    }
}

impl Drop for Election {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Standing {
    /// Whether we lead at this moment.
    pub fn leads(&self) -> bool {
        self.left().is_some()
    }

    /// How long we lead from this moment on, if the lease is not renewed; `None` if we do not.
    fn left(&self) -> Option<Duration> {
        let until = self.state.borrow().as_ref().map(|leadership| leadership.held_until)?;
        Some(until.since(self.clock.boot())).filter(|left| !left.is_zero())
    }

    /// Waits until we lead; never again once the election is over.
    pub async fn won(&mut self) -> Option<Leadership> {
        let state = self.state.wait_for(Option::is_some).await.ok()?;
        state.clone()
    }

    /// The channel behind this: what there is to know, each time it changes.
    pub fn channel(&self) -> watch::Receiver<Option<Leadership>> {
        self.state.clone()
    }
}

/// Reads and writes the lease.
struct Driver {
    cluster: Arc<dyn Cluster>,
    options: LeaseOptions,
    at: ObjectRef,
    observed: Observed,
    /// The lease as it was last read.
    document: Value,
    /// Whether it has to be read before anything is decided.
    stale: bool,
    state: watch::Sender<Option<Leadership>>,
}

impl Driver {
    fn new(
        cluster: Arc<dyn Cluster>,
        options: LeaseOptions,
        state: watch::Sender<Option<Leadership>>,
    ) -> Self {
        let resource = ResourceType::addressed("coordination.k8s.io", "v1", "leases", "Lease", true);
        let at =
            ObjectRef { resource, namespace: Some(options.namespace.clone()), name: options.name.clone() };
        let observed = Observed { us: options.identity.clone(), lease: None, renewed_at: None };
        Self { cluster, options, at, observed, document: Value::Null, stale: true, state }
    }

    async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                // The end is heard first, so that a busy election cannot outrun it.
                biased;
                () = stop.cancelled() => break,
                () = self.turn() => {}
            }
        }
        let led = self.observed.renewed_at.is_some();
        self.lose("the process ends");
        if led && let Err(error) = self.give_back().await {
            tracing::warn!(%error, lease = self.at.name, "failed to give the lease back; it will expire");
        }
    }

    async fn turn(&mut self) {
        let now = self.options.clock.boot();
        match next(&self.observed, &self.options.terms, now) {
            Step::Lost => self.lose("it was not renewed in time, or another has it"),
            _ if self.stale => self.look().await,
            Step::Wait(at) => {
                sleep(at.since(now)).await;
                self.stale = self.observed.renewed_at.is_none();
            }
            Step::Create | Step::Take | Step::Renew => self.claim().await,
        }
    }

    /// Reads the lease.
    async fn look(&mut self) {
        match within(self.patience(), self.cluster.get(&self.at)).await {
            Ok(document) => self.observe(document),
            Err(error) if error.is_not_found() => self.observe(Value::Null),
            Err(error) => self.complain(&error).await,
        }
    }

    /// Writes ourselves into the lease. What counts is when the write was sent.
    async fn claim(&mut self) {
        let sent_at = self.options.clock.boot();
        let document = claimed(&self.document, &self.at, &self.options, self.options.clock.wall());
        let write = async {
            if self.observed.lease.is_none() {
                return self.cluster.create(&self.at, &document, WriteOptions::default()).await;
            }
            self.cluster.replace(&self.at, &document).await
        };
        match within(self.patience(), write).await {
            Ok(document) => {
                self.observe(document);
                self.lead(sent_at);
            }
            Err(error) if matches!(error.kind, ErrorKind::Conflict | ErrorKind::AlreadyExists) => {
                tracing::debug!(%error, "the lease has changed meanwhile");
                self.stale = true;
            }
            Err(error) => {
                self.stale = true;
                self.complain(&error).await;
            }
        }
    }

    /// How long a call may take: no longer than it could be of use.
    fn patience(&self) -> Duration {
        let deadline = self.options.terms.renew_deadline;
        let now = self.options.clock.boot();
        self.observed.renewed_at.map_or(deadline, |renewed_at| renewed_at.plus(deadline).since(now))
    }

    async fn complain(&self, error: &Error) {
        tracing::warn!(%error, lease = self.at.name, "the lease is out of reach");
        sleep(self.options.terms.retry.min(self.patience())).await;
    }

    fn observe(&mut self, document: Value) {
        let same = !document.is_null() && document["spec"] == self.document["spec"];
        let before = self.observed.lease.take().filter(|_| same);
        let changed_at = before.map_or_else(|| self.options.clock.boot(), |lease| lease.changed_at);
        self.observed.lease = (!document.is_null()).then(|| seen(&document, &self.options.terms, changed_at));
        self.document = document;
        self.stale = false;
    }

    fn lead(&mut self, sent_at: BootTime) {
        if self.observed.renewed_at.replace(sent_at).is_none() {
            tracing::info!(lease = self.at.name, identity = self.options.identity, "we lead");
        }
        let held_until = sent_at.plus(self.options.terms.renew_deadline);
        self.state.send_modify(|state| match state {
            Some(leadership) => leadership.held_until = held_until,
            None => *state = Some(Leadership { held_until, lost: CancellationToken::new() }),
        });
    }

    fn lose(&mut self, why: &str) {
        if let Some(leadership) = self.state.send_replace(None) {
            leadership.lost.cancel();
            tracing::info!(lease = self.at.name, identity = self.options.identity, why, "we lead no more");
        }
        self.observed.renewed_at = None;
        self.stale = true;
    }

    /// Leaves the lease without a holder, if it still is ours.
    async fn give_back(&self) -> Result<()> {
        let give = async {
            let document = self.cluster.get(&self.at).await?;
            if document["spec"]["holderIdentity"] == *self.options.identity {
                let released = released(&document, self.options.clock.wall());
                self.cluster.replace(&self.at, &released).await?;
            }
            Ok(())
        };
        within(RELEASE_DEADLINE, give).await
    }
}

async fn within<T>(deadline: Duration, call: impl Future<Output = Result<T>>) -> Result<T> {
    crate::client::within(deadline, "hold the lease", call).await
}

fn seen(document: &Value, terms: &Terms, changed_at: BootTime) -> Seen {
    let spec = &document["spec"];
    Seen {
        holder: spec["holderIdentity"].as_str().unwrap_or_default().to_owned(),
        duration: spec["leaseDurationSeconds"].as_u64().map_or(terms.duration, Duration::from_secs),
        changed_at,
    }
}

/// The lease with us as its holder: what else it says stays.
fn claimed(document: &Value, at: &ObjectRef, options: &LeaseOptions, now: Timestamp) -> Value {
    let mut claimed = document.clone();
    if claimed.is_null() {
        claimed = json!({"apiVersion": at.resource.api_version(), "kind": at.resource.kind,
            "metadata": {"name": at.name, "namespace": at.namespace}, "spec": {}});
    }
    let spec = &mut claimed["spec"];
    let ours = spec["holderIdentity"] == *options.identity;
    let transitions = document["spec"]["leaseTransitions"].as_i64();
    spec["holderIdentity"] = options.identity.as_str().into();
    spec["leaseDurationSeconds"] = options.terms.duration.as_secs().max(1).into();
    spec["renewTime"] = micro_time(now);
    if !ours {
        spec["acquireTime"] = micro_time(now);
        spec["leaseTransitions"] = if document.is_null() { 0 } else { transitions.unwrap_or(0) + 1 }.into();
    }
    claimed
}

fn released(document: &Value, now: Timestamp) -> Value {
    let mut released = document.clone();
    let spec = &mut released["spec"];
    spec["holderIdentity"] = "".into();
    spec["leaseDurationSeconds"] = 1.into();
    spec["renewTime"] = micro_time(now);
    spec["acquireTime"] = micro_time(now);
    released
}

fn micro_time(now: Timestamp) -> Value {
    now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string().into()
}
