//! The driver, over a cluster in memory. The clock of tokio is paused: waiting costs nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::meta::ResourceType;
use cluster::fake::FakeCluster;
use cluster::port::WriteOptions;
use cluster::{Cluster, ObjectRef, Patch};
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{GRACE, Host, Next, Spec, always, never, run};
use crate::deps::{Clock, Ids, RandomIds, SystemClock};
use crate::error::{Error, Result};
use crate::metrics::Metrics;

/// A process in which reconciles only tell that they ran.
struct Process {
    cluster: Arc<dyn Cluster>,
    metrics: Metrics,
    stop: CancellationToken,
    seen: Mutex<Vec<String>>,
    changed: Notify,
    working: AtomicUsize,
    most: AtomicUsize,
}

impl Host for Process {
    fn cluster(&self) -> &Arc<dyn Cluster> {
        &self.cluster
    }

    fn namespace(&self) -> &'static str {
        "default"
    }

    fn clock(&self) -> &dyn Clock {
        &SystemClock
    }

    fn ids(&self) -> &dyn Ids {
        &RandomIds
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

impl Process {
    fn new(fake: &FakeCluster) -> Arc<Self> {
        Arc::new(Self {
            cluster: Arc::new(fake.clone()),
            metrics: Metrics::default(),
            stop: CancellationToken::new(),
            seen: Mutex::default(),
            changed: Notify::new(),
            working: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }

    fn saw(&self, what: String) {
        self.seen.lock().unwrap().push(what);
        self.changed.notify_waiters();
    }

    fn count(&self, what: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|seen| *seen == what).count()
    }

    /// Waits until `what` was seen so often.
    async fn until(&self, what: &str, times: usize) {
        loop {
            let changed = self.changed.notified();
            if self.count(what) >= times {
                return;
            }
            changed.await;
        }
    }
}

fn kind() -> ResourceType {
    ResourceType::addressed("", "v1", "configmaps", "ConfigMap", true)
}

fn at(name: &str) -> ObjectRef {
    ObjectRef { resource: kind(), namespace: Some("default".into()), name: name.into() }
}

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}})
}

const fn spec(reconcile: super::Reconcile<Process>) -> Spec<Process> {
    Spec {
        name: "test",
        watches: kind,
        concerns: always,
        resync: |_| Duration::ZERO,
        stirs: never,
        workers: |_| 2,
        deadline: Duration::from_secs(5),
        reconcile,
    }
}

fn behave(process: Arc<Process>, document: Value) -> BoxFuture<'static, Result<Next>> {
    Box::pin(async move {
        let name = engine::document::name(&document).to_owned();
        process.saw(name.clone());
        match name.as_str() {
            "panics" => std::panic::resume_unwind(Box::new("as told")),
            "malformed" => Err(Error::Malformed { what: name, message: "as told".into() }),
            "fails" => Err(Error::Other("do it".into())),
            "again" => Ok(Next::After(Duration::from_secs(30))),
            "hangs" => std::future::pending().await,
            _ => Ok(Next::Wait),
        }
    })
}

#[tokio::test(start_paused = true)]
async fn one_that_panics_fails_or_is_malformed_stops_no_other() {
    static SPEC: Spec<Process> = spec(behave);
    let fake = FakeCluster::new();
    fake.seed(["panics", "malformed", "fails", "again", "good"].map(map));
    let process = Process::new(&fake);
    let running = tokio::spawn(run(Arc::clone(&process), vec![&SPEC]));
    for (name, times) in [("panics", 4), ("fails", 4), ("again", 3), ("good", 1), ("malformed", 1)] {
        process.until(name, times).await;
    }
    assert_eq!((process.count("good"), process.count("malformed")), (1, 1), "these wait for a change");
    let patch = Patch::Merge(json!({"data": {"a": "b"}}));
    process.cluster.patch(&at("malformed"), None, &patch, Default::default()).await.unwrap();
    process.until("malformed", 2).await;
    process.stop.cancel();
    running.await.unwrap().unwrap();
    let text = process.metrics.render();
    assert!(text.contains("salvor_reconcile_total{controller=\"test\",outcome=\"panicked\"}"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_hangs_is_given_up_and_tried_again() {
    static SPEC: Spec<Process> = spec(behave);
    let fake = FakeCluster::new();
    fake.seed(["hangs", "good"].map(map));
    let process = Process::new(&fake);
    let running = tokio::spawn(run(Arc::clone(&process), vec![&SPEC]));
    process.until("hangs", 3).await;
    let stopping = Instant::now();
    process.stop.cancel();
    running.await.unwrap().unwrap();
    assert!(stopping.elapsed() <= GRACE + Duration::from_secs(1), "stopping is bounded");
}

#[tokio::test(start_paused = true)]
async fn no_more_are_at_work_than_the_controller_has_workers() {
    static SPEC: Spec<Process> = spec(|process, document| {
        Box::pin(async move {
            let working = process.working.fetch_add(1, Ordering::SeqCst) + 1;
            process.most.fetch_max(working, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            process.working.fetch_sub(1, Ordering::SeqCst);
            process.saw("done".into());
            drop(document);
            Ok(Next::Wait)
        })
    });
    let fake = FakeCluster::new();
    fake.seed((0..9).map(|number| map(&format!("m{number}"))));
    let process = Process::new(&fake);
    let running = tokio::spawn(run(Arc::clone(&process), vec![&SPEC]));
    process.until("done", 9).await;
    assert_eq!(process.most.load(Ordering::SeqCst), 2);
    process.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn resyncs_look_at_what_concerns_the_controller_and_the_gone_is_left_alone() {
    static SPEC: Spec<Process> = Spec {
        resync: |_| Duration::from_secs(60),
        concerns: |document: &Value, _: Timestamp| engine::document::name(document) != "other",
        ..spec(behave)
    };
    let fake = FakeCluster::new();
    fake.seed(["good", "gone", "other"].map(map));
    let process = Process::new(&fake);
    let running = tokio::spawn(run(Arc::clone(&process), vec![&SPEC]));
    process.until("gone", 1).await;
    process.cluster.delete(&at("gone"), None).await.unwrap();
    process.until("good", 4).await;
    assert_eq!((process.count("gone"), process.count("other")), (1, 0));
    process.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_ends_stirs_all_others_and_what_had_ended_before_stirs_nothing() {
    static SPEC: Spec<Process> = Spec {
        concerns: |document: &Value, _: Timestamp| engine::document::name(document) == "good",
        stirs: |document| document["data"]["ended"] == "yes",
        ..spec(behave)
    };
    let mut ended = map("old");
    ended["data"] = json!({"ended": "yes"});
    let fake = FakeCluster::new();
    fake.seed([map("good"), map("runs"), ended]);
    let process = Process::new(&fake);
    let running = tokio::spawn(run(Arc::clone(&process), vec![&SPEC]));
    process.until("good", 1).await;
    for (name, seen) in [("old", 1), ("runs", 2)] {
        let patch = json!({"data": {"ended": "yes", "more": "yes"}});
        let merge = Patch::Merge(patch);
        process.cluster.patch(&at(name), None, &merge, WriteOptions::default()).await.unwrap();
        process.until("good", seen).await;
    }
    process.stop.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(process.count("good"), 2);
}

#[tokio::test(start_paused = true)]
async fn two_controllers_share_a_watch_and_each_sees_everything() {
    static FIRST: Spec<Process> = Spec { name: "first", ..spec(behave) };
    static SECOND: Spec<Process> = Spec { name: "second", ..spec(behave) };
    assert_eq!(super::by_kind(vec![&FIRST, &SECOND]).len(), 1);
    let fake = FakeCluster::new();
    fake.seed(["good"].map(map));
    let process = Process::new(&fake);
    let running = tokio::spawn(run(Arc::clone(&process), vec![&FIRST, &SECOND]));
    process.until("good", 2).await;
    process.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_at_work_ends_when_its_object_goes() {
    static SPEC: Spec<Process> = Spec { deadline: Duration::from_secs(3600), workers: |_| 1, ..spec(behave) };
    let fake = FakeCluster::new();
    fake.seed([map("hangs")]);
    let process = Process::new(&fake);
    let running = tokio::spawn(run(Arc::clone(&process), vec![&SPEC]));
    process.until("hangs", 1).await;
    let began = cluster::clock::instant();
    fake.delete(&at("hangs"), None).await.unwrap();
    fake.seed([map("good")]);
    process.until("good", 1).await;
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    process.stop.cancel();
    running.await.unwrap().unwrap();
}
