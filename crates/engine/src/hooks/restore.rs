//! Hooks of restores: commands in restored pods, once their containers run.
//!
//! The hooks of one container run in their order, those of one pod never two at once, and those of different pods side by
//! side: what one pod does never keeps the hooks of another from running. Each waits for its container until its own time
//! to wait is over, or the restore's `itemOperationTimeout` where it has none; a hook whose time is over is an error and is
//! not run. The time counts from when the pod was created, or found by a server that goes on with the restore. A hook that
//! was cut off is an error and never runs again. After a failure with `onError: Fail` the pod's other hooks are not run.

use std::collections::BTreeMap;
use std::ops::Range;

use api::GoDuration;
use api::velero::v1::{RestoreHooks, RestoreResourceHook};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::annotations::Written;
use super::filter::Filter;
use super::outcome::{Outcome, planned};
use super::{End, Exec, Kind, Pod, Source, Steps, problems};
use crate::document::{at, list, text, uid};
use crate::facts::{Details, Facts};
use crate::journal::Action;
use crate::problem::{Problem, Severity};

/// How long to wait for a container where neither the hook nor the Restore says.
const WAIT: GoDuration = GoDuration::from_hours(4);

/// A hook of a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreHook {
    /// The number of its pod's item in the plan.
    pub item: u32,
    /// How long to wait for its container.
    pub wait_timeout: GoDuration,
    /// Whether to wait until that is ready, not only until it runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wait_for_ready: bool,
    /// What is run where.
    #[serde(flatten)]
    pub exec: Exec,
}

/// What a Restore asks for.
pub(crate) struct Asked<'a> {
    entries: Vec<Entry<'a>>,
    wait: GoDuration,
}

struct Entry<'a> {
    name: &'a str,
    filter: Filter,
    hooks: &'a [RestoreResourceHook],
}

impl<'a> Asked<'a> {
    /// By its spec, with the time that its operations have. Entries that cannot be read, validation has refused.
    pub(crate) fn new(hooks: &'a RestoreHooks, wait: GoDuration) -> Self {
        let entry = |of: &'a api::velero::v1::RestoreResourceHookSpec| {
            let namespaces = (&of.included_namespaces, &of.excluded_namespaces);
            let filter = Filter::new(namespaces.0, namespaces.1, of.label_selector.as_ref()).ok()?;
            Some(Entry { name: &of.name, filter, hooks: &of.post_hooks })
        };
        let wait = if wait.is_zero() { WAIT } else { wait };
        Self { entries: hooks.resources.iter().filter_map(entry).collect(), wait }
    }

    /// The hooks of a pod that goes to a namespace as item `item`, in order; and what is wrong with them.
    pub(crate) fn hooks(
        &self,
        item: u32,
        facts: &Facts,
        namespace: &str,
    ) -> (Vec<RestoreHook>, Vec<Problem>) {
        let Some(Details::Pod(details)) = facts.details.as_deref() else { return Default::default() };
        let pod = Pod { namespace, name: &facts.key.name, ended: facts.marks.completed, details };
        let by_pod = details.hooks.as_deref().and_then(|hooks| hooks.restored.as_ref());
        let asked = match by_pod {
            Some(written) => vec![(written.clone(), Source::Annotation)],
            None => self.by_spec(facts, namespace),
        };
        let (mut hooks, mut problems) = (Vec::new(), Vec::new());
        for (written, source) in asked {
            let exec = Exec::of(Kind::Restored, &pod, &written, source);
            problems.extend(planned(&exec, &written.unread, &details.containers));
            let wait_timeout = written.wait_timeout.unwrap_or(self.wait);
            hooks.push(RestoreHook { item, wait_timeout, wait_for_ready: written.wait_for_ready, exec });
        }
        (hooks, problems)
    }

    fn by_spec(&self, facts: &Facts, namespace: &str) -> Vec<(Written, Source)> {
        let entries = self.matching(facts, namespace);
        let commands = entries.flat_map(|entry| {
            let commands = entry.hooks.iter().filter_map(|hook| hook.exec.as_ref());
            commands.map(|exec| (written(exec), Source::Spec(entry.name.to_owned())))
        });
        commands.collect()
    }

    /// The init containers that the spec adds to a pod, in order.
    pub(crate) fn init_containers(&self, facts: &Facts, namespace: &str) -> Vec<Value> {
        let hooks = self.matching(facts, namespace).flat_map(|entry| entry.hooks);
        hooks.filter_map(|hook| hook.init.as_ref()).flat_map(|init| init.init_containers.clone()).collect()
    }

    fn matching(&self, facts: &Facts, namespace: &str) -> impl Iterator<Item = &Entry<'a>> {
        self.entries.iter().filter(move |entry| entry.filter.matches(namespace, &facts.labels))
    }
}

fn written(exec: &api::velero::v1::ExecRestoreHook) -> Written {
    let some = |time: GoDuration| Some(time).filter(|time| !time.is_zero());
    Written {
        container: exec.container.clone(),
        command: exec.command.clone(),
        on_error: exec.on_error.map(Into::into),
        timeout: some(exec.exec_timeout),
        wait_timeout: some(exec.wait_timeout),
        wait_for_ready: exec.wait_for_ready == Some(true),
        unread: Vec::new(),
    }
}

/// What to do about a hook whose turn has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is known what became of it.
    Nothing,
    /// Write down that this became of it.
    Settle(Outcome),
    /// Wait until [`look`] says so, and no longer than its time to wait; then write down that it begins, run it, and
    /// write down how it ended.
    Await,
}

/// The hooks of each container among some hooks of one pod, by number.
pub fn by_container(hooks: &[RestoreHook], numbers: Range<u32>) -> Vec<Vec<u32>> {
    let mut containers: Vec<(&str, Vec<u32>)> = Vec::new();
    for number in numbers {
        let Some(hook) = hooks.get(number as usize) else { continue };
        let name = hook.exec.container.as_str();
        match containers.iter_mut().find(|(container, _)| *container == name) {
            Some((_, of_container)) => of_container.push(number),
            None => containers.push((name, vec![number])),
        }
    }
    containers.into_iter().map(|(_, numbers)| numbers).collect()
}

/// What to do about hook `number`, when all of its container before it are settled, and `action` became of the pod.
pub fn next(hooks: &[RestoreHook], number: u32, action: Action, steps: &Steps) -> Next {
    let Some(hook) = hooks.get(number as usize) else { return Next::Nothing };
    if steps.outcome(number).is_some() {
        return Next::Nothing;
    }
    if action != Action::Created {
        return Next::Settle(Outcome::of(End::NotNeeded));
    }
    if let Some(unfit) = hook.exec.unfit {
        return Next::Settle(Outcome::unfit(unfit));
    }
    if steps.begun(number) > 0 {
        let how = "was cut off when the server died: it is not known whether it did its work";
        return Next::Settle(Outcome::failed(End::CutOff, &hook.exec, how));
    }
    let first = hooks.partition_point(|other| other.item < hook.item);
    let mut of_pod = (0u32..).zip(hooks).skip(first).take_while(|(_, other)| other.item == hook.item);
    let stopped =
        of_pod.any(|(number, other)| steps.outcome(number).is_some_and(|outcome| outcome.stops(&other.exec)));
    if stopped { Next::Settle(Outcome::of(End::NotRun)) } else { Next::Await }
}

/// A pod, as far as its hooks ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Seen {
    /// It was not seen yet.
    #[default]
    NotYet,
    /// It is there.
    There {
        /// The phase that it ended in.
        ended: Option<String>,
        /// Whether each of its containers that run is ready.
        running: BTreeMap<String, bool>,
    },
    /// It is being deleted, or has gone; another one of its name may be there.
    Gone,
}

impl Seen {
    /// The pod that was created with this UID, by the document that is in its place now.
    pub fn of(pod: &Value, created: &str) -> Self {
        if !at(pod, &["metadata", "deletionTimestamp"]).is_null() || uid(pod) != created {
            return Self::Gone;
        }
        let phase = text(pod, &["status", "phase"]);
        let statuses = ["initContainerStatuses", "containerStatuses"];
        let statuses = statuses.iter().flat_map(|field| list(pod, &["status", field]));
        let running = statuses.filter(|of| of["state"]["running"].is_object());
        Self::There {
            ended: matches!(phase, "Succeeded" | "Failed").then(|| phase.to_owned()),
            running: running.map(|of| (text(of, &["name"]).to_owned(), of["ready"] == true)).collect(),
        }
    }
}

/// What a look at a pod says of one of its hooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// It can run.
    Now,
    /// Not yet.
    NotYet,
    /// It never will.
    Never(Outcome),
}

/// Looks at the pod of a hook.
pub fn look(hook: &RestoreHook, pod: &Seen) -> Look {
    let never = |how: &str| Look::Never(Outcome::failed(End::Failed, &hook.exec, how));
    match pod {
        Seen::NotYet => Look::NotYet,
        Seen::Gone => never("was not run: the pod has gone"),
        Seen::There { ended: Some(phase), .. } => {
            never(&format!("was not run: the pod has ended as {phase}"))
        }
        Seen::There { running, .. } => match running.get(&hook.exec.container) {
            Some(ready) if *ready || !hook.wait_for_ready => Look::Now,
            _ => Look::NotYet,
        },
    }
}

/// What became of a hook whose time to wait is over.
pub fn too_late(hook: &RestoreHook) -> Outcome {
    let what = if hook.wait_for_ready { "ready" } else { "running" };
    let message = format!(
        "{} was not run: the container was not {what} within {}",
        hook.exec.words(),
        hook.wait_timeout
    );
    let problem = Problem::new(&problems::TOO_LATE, Severity::Error, message).about(&hook.exec.key());
    Outcome { problems: vec![problem], ..Outcome::of(End::Failed) }
}
