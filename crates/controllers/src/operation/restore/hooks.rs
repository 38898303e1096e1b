//! Runs the hooks of restored pods: those of one pod one after the other, as its containers come up, those of different
//! pods side by side, while the restore goes on.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use api::labels::RESTORE_NAME;
use api::meta::ResourceType;
use api::names::label_value;
use cluster::ErrorKind;
use cluster::clock::instant;
use cluster::port::{ObjectRef, WatchEvent};
use engine::document::{name, namespace};
use engine::hooks::restore::{Look, Next, RestoreHook, Seen, by_container, look, next, too_late};
use engine::hooks::{Outcome, Run, Steps};
use engine::journal::{self, Record};
use engine::restore::RestorePlan;
use futures::StreamExt;
use futures::future::join_all;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::operation::hooks::Runner;
use crate::operation::journal::Journal;
use crate::operation::log::OperationLog;
use crate::operation::patience::{blamed, patiently};

/// Commands that run at once.
const AT_ONCE: usize = 16;

/// What became of hooks, by number.
type Ended = Vec<(u32, Outcome)>;

/// The hooks of a restore at work.
pub(super) struct Hooks {
    shared: Arc<Shared>,
    /// The numbers of the hooks of each item that has any.
    of_items: BTreeMap<u32, Range<u32>>,
    steps: Steps,
    tasks: JoinSet<Result<Ended>>,
    watching: Option<AbortOnDropHandle<()>>,
}

/// What the hooks of all pods have in common.
struct Shared {
    runner: Runner,
    hooks: Vec<RestoreHook>,
    /// What pods with hooks look like, by namespace and name.
    pods: BTreeMap<(String, String), watch::Sender<Option<serde_json::Value>>>,
    slots: Semaphore,
    /// Cancelled when no hook may begin any more.
    stop: CancellationToken,
    selector: String,
}

impl Hooks {
    /// The hooks of `plan`, of which `steps` are done.
    pub(super) fn new(
        operation: &Operation,
        (journal, steps): (&Arc<Journal>, &Steps),
        plan: &RestorePlan,
        log: &OperationLog,
    ) -> Self {
        let hooks = plan.hooks.clone();
        let place = |hook: &RestoreHook| (hook.exec.namespace.clone(), hook.exec.pod.clone());
        let shared = Shared {
            runner: Runner {
                deps: Arc::clone(&operation.deps),
                journal: Arc::clone(journal),
                log: log.clone(),
                is_last: false,
            },
            pods: hooks.iter().map(|hook| (place(hook), watch::Sender::new(None))).collect(),
            slots: Semaphore::new(AT_ONCE),
            stop: CancellationToken::new(),
            selector: format!("{RESTORE_NAME}={}", label_value(&plan.restore.name)),
            hooks,
        };
        shared.runner.recall(|number| Some(&plan.hooks.get(number as usize)?.exec), steps);
        let of_items = of_items(&shared.hooks);
        let shared = Arc::new(shared);
        Self { shared, of_items, steps: steps.clone(), tasks: JoinSet::new(), watching: None }
    }

    /// This became of an item: if it is a pod with hooks, their time has come.
    pub(super) fn settled(&mut self, item: u32, outcome: &journal::Outcome) {
        let Some(numbers) = self.of_items.remove(&item) else { return };
        let shared = Arc::clone(&self.shared);
        self.watching
            .get_or_insert_with(|| AbortOnDropHandle::new(tokio::spawn(watch_pods(Arc::clone(&shared)))));
        let steps = Mutex::new(self.steps.only(numbers.clone()));
        let pod = Pod { shared, steps, outcome: outcome.clone() };
        self.tasks.spawn(pod.run(numbers));
    }

    /// Waits until all hooks of the items so far have ended, or only until those have that run; what became of them.
    pub(super) async fn finish(mut self, wait: bool) -> Result<Vec<Record>> {
        if !wait {
            self.shared.stop.cancel();
        }
        let (mut records, mut failed) = (Vec::new(), None);
        while let Some(joined) = self.tasks.join_next().await {
            match joined.map_err(|error| Error::Panicked(error.to_string())).flatten() {
                Ok(ended) => records.extend(
                    ended
                        .into_iter()
                        .map(|(number, outcome)| Record::Hook { number, outcome: Box::new(outcome) }),
                ),
                // The hooks of other pods go on: cut off, nobody would know what became of them.
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(records), Err)
    }
}

/// The hooks of one pod lie side by side.
fn of_items(hooks: &[RestoreHook]) -> BTreeMap<u32, Range<u32>> {
    let mut of_items: BTreeMap<u32, Range<u32>> = BTreeMap::new();
    for (number, hook) in (0u32..).zip(hooks) {
        of_items.entry(hook.item).or_insert(number..number).end = number + 1;
    }
    of_items
}

/// Keeps up with the pods of the restore for as long as it runs.
async fn watch_pods(shared: Arc<Shared>) {
    let mut events = shared.runner.deps.cluster.watch(&pods(), None, &shared.selector);
    while let Some(event) = events.next().await {
        let pod = match event {
            Ok(WatchEvent::Applied(pod)) => pod,
            Ok(WatchEvent::Deleted(mut pod)) => {
                // It may have gone without a mark, when its node did.
                pod["metadata"]["deletionTimestamp"] = shared.runner.deps.now().to_string().into();
                pod
            }
            Ok(WatchEvent::Ready) => continue,
            Err(error) => {
                tracing::warn!("failed to {error}; the pods of hooks are watched again");
                continue;
            }
        };
        let place = (namespace(&pod).unwrap_or_default().to_owned(), name(&pod).to_owned());
        if let Some(sender) = shared.pods.get(&place) {
            sender.send_replace(Some(pod));
        }
    }
}

fn pods() -> ResourceType {
    ResourceType::addressed("", "v1", "pods", "Pod", true)
}

/// The hooks of one pod at work.
struct Pod {
    shared: Arc<Shared>,
    /// Whoever runs a command in the pod has it: no two run at once.
    steps: Mutex<Steps>,
    /// What became of the pod.
    outcome: journal::Outcome,
}

/// What became of a hook, where that was not known already, and how it ran, if it did.
type Turn = (Option<Outcome>, Option<Run>);

/// What waiting for a container came to.
enum Awaited {
    /// Its hook can run.
    Ready,
    /// Its hook will never run.
    Settled(Outcome),
    /// No hook may begin any more.
    Stopped,
}

impl Pod {
    async fn run(self, numbers: Range<u32>) -> Result<Ended> {
        let created = instant();
        let containers = by_container(&self.shared.hooks, numbers);
        // Each to its end, also where another one fails: cut off, nobody would know what became of it.
        let ended = join_all(containers.into_iter().map(|numbers| self.container(numbers, created))).await;
        let ended: Vec<Ended> = ended.into_iter().collect::<Result<_>>()?;
        Ok(ended.into_iter().flatten().collect())
    }

    /// Runs the hooks of one container, one after the other.
    async fn container(&self, numbers: Vec<u32>, created: Instant) -> Result<Ended> {
        let mut ended = Vec::new();
        for number in numbers {
            let Some(hook) = self.shared.hooks.get(number as usize) else { continue };
            let Some((outcome, run)) = self.turn(number, hook, created).await? else { break };
            let Some(outcome) = outcome else { continue };
            self.shared.runner.settle((number, &hook.exec), &outcome, run.as_ref()).await?;
            ended.push((number, outcome));
        }
        Ok(ended)
    }

    /// Brings a hook to its end: what became of it, where that was not known already; nothing, if none may begin any more.
    async fn turn(&self, number: u32, hook: &RestoreHook, created: Instant) -> Result<Option<Turn>> {
        let next = self.next(number, &*self.steps.lock().await);
        let settled = match next {
            Next::Nothing => return Ok(Some((None, None))),
            Next::Settle(outcome) => outcome,
            Next::Await => {
                let wait = hook.wait_timeout.to_std().unwrap_or_default();
                match timeout_at(created + wait, self.wait(hook)).await {
                    Ok(awaited) => match awaited? {
                        Awaited::Ready => return self.exec(number, hook).await,
                        Awaited::Settled(outcome) => outcome,
                        Awaited::Stopped => return Ok(None),
                    },
                    Err(_) => too_late(hook),
                }
            }
        };
        self.steps.lock().await.end(number, settled.clone());
        Ok(Some((Some(settled), None)))
    }

    fn next(&self, number: u32, steps: &Steps) -> Next {
        next(&self.shared.hooks, number, self.outcome.action, steps)
    }

    /// Runs a hook, unless none may begin any more, or one of another container has failed meanwhile.
    async fn exec(&self, number: u32, hook: &RestoreHook) -> Result<Option<Turn>> {
        let mut steps = self.steps.lock().await;
        let _slot = self.shared.slots.acquire().await;
        if self.shared.stop.is_cancelled() {
            return Ok(None);
        }
        if let Next::Settle(outcome) = self.next(number, &steps) {
            steps.end(number, outcome.clone());
            return Ok(Some((Some(outcome), None)));
        }
        steps.begin(number);
        let run = self.shared.runner.run(number, &hook.exec).await?;
        let outcome = Outcome::ran(&hook.exec, &run);
        steps.end(number, outcome.clone());
        Ok(Some((Some(outcome), Some(run))))
    }

    /// Waits for the container of a hook.
    async fn wait(&self, hook: &RestoreHook) -> Result<Awaited> {
        let place = (hook.exec.namespace.clone(), hook.exec.pod.clone());
        let Some(sender) = self.shared.pods.get(&place) else { return Ok(Awaited::Stopped) };
        let mut changes = sender.subscribe();
        // A pod that has gone already is not among those that a watch begins with.
        let mut seen = self.look(hook).await?;
        loop {
            match look(hook, &seen) {
                Look::Now => return Ok(Awaited::Ready),
                Look::Never(outcome) => return Ok(Awaited::Settled(outcome)),
                Look::NotYet => {}
            }
            tokio::select! {
                changed = changes.changed() => {
                    // The sender lives as long as we do.
                    if changed.is_err() {
                        return Ok(Awaited::Stopped);
                    }
                }
                () = self.shared.stop.cancelled() => return Ok(Awaited::Stopped),
            }
            seen = changes
                .borrow_and_update()
                .as_ref()
                .map_or(Seen::NotYet, |pod| Seen::of(pod, &self.outcome.uid));
        }
    }

    /// The pod as it is now.
    async fn look(&self, hook: &RestoreHook) -> Result<Seen> {
        let cluster = self.shared.runner.deps.cluster.as_ref();
        let at = ObjectRef {
            resource: pods(),
            namespace: Some(hook.exec.namespace.clone()),
            name: hook.exec.pod.clone(),
        };
        match patiently(|| cluster.get(&at)).await {
            Ok(pod) => Ok(Seen::of(&pod, &self.outcome.uid)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Seen::Gone),
            // What cannot be looked at alone may be seen by the watch.
            Err(error) => blamed(cluster, error).await.map(|_| Seen::NotYet),
        }
    }
}
