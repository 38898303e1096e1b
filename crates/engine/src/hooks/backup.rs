//! Hooks of backups: around the data of the volumes of a block.
//!
//! Pods of one block are brought to rest together: all their pre hooks run, one after the other, then the data of the
//! block's volumes is taken, then all their post hooks run. What follows from failures, and from servers that die:
//!
//! - A pre hook that fails is an error of the backup. With `onError: Fail`, which also is what no `onError` means, the
//!   pre hooks of the pod after it are not run. The pod's objects are stored all the same.
//! - A post hook runs if any pre hook of its pod has begun, however that ended, or if the pod has none: it releases
//!   what may be at rest. One that fails keeps no other from running.
//! - A pre hook that was cut off counts as failed, and never runs again. A post hook that was cut off runs again, with
//!   a warning: a pod that stays at rest is worse than one that is released twice.

use std::ops::Range;

use api::velero::v1::{BackupHooks, BackupResourceHook};
use serde::{Deserialize, Serialize};

use super::annotations::Written;
use super::filter::Filter;
use super::outcome::{Outcome, again, planned};
use super::{End, Exec, Kind, Pod, Run, Source, Steps};
use crate::catalog::Catalog;
use crate::facts::{Details, Facts};
use crate::problem::Problem;

/// A hook of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupHook {
    /// The block of its pod.
    pub block: u32,
    /// What is run where.
    #[serde(flatten)]
    pub exec: Exec,
}

/// The hooks of the pods among `stored`, which come with their blocks, in the order in which they run; and what is
/// wrong with them.
pub(crate) fn plan<'a>(
    hooks: &BackupHooks,
    catalog: &Catalog,
    stored: impl Iterator<Item = (u32, &'a Facts)>,
) -> (Vec<BackupHook>, Vec<Problem>) {
    let entries = entries(hooks, catalog);
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    for (block, facts) in stored {
        let Some(Details::Pod(details)) = facts.details.as_deref() else { continue };
        let namespace = facts.key.namespace.as_deref().unwrap_or_default();
        let pod = Pod { namespace, name: &facts.key.name, ended: facts.marks.completed, details };
        for (kind, written, source) in asked(facts, &entries, namespace) {
            let exec = Exec::of(kind, &pod, &written, source);
            problems.extend(planned(&exec, &written.unread, &details.containers));
            all.push(BackupHook { block, exec });
        }
    }
    // Stable: pods and their hooks stay in their order.
    all.sort_by_key(|hook| (hook.block, hook.exec.kind));
    (all, problems)
}

/// An entry of `spec.hooks`.
struct Entry<'a> {
    name: &'a str,
    filter: Filter,
    pre: &'a [BackupResourceHook],
    post: &'a [BackupResourceHook],
}

/// The entries that can be read: validation has refused others.
fn entries<'a>(hooks: &'a BackupHooks, catalog: &Catalog) -> Vec<Entry<'a>> {
    let entry = |of: &'a api::velero::v1::BackupResourceHookSpec| {
        let filter =
            Filter::new(&of.included_namespaces, &of.excluded_namespaces, of.label_selector.as_ref()).ok()?;
        let filter = filter.of_resources(&of.included_resources, &of.excluded_resources, catalog);
        Some(Entry { name: &of.name, filter, pre: &of.pre_hooks, post: &of.post_hooks })
    };
    hooks.resources.iter().filter_map(entry).collect()
}

/// What is asked for a pod: by its annotations, or by the spec where they are silent on that kind of hook.
fn asked(facts: &Facts, entries: &[Entry<'_>], namespace: &str) -> Vec<(Kind, Written, Source)> {
    let annotated = match facts.details.as_deref() {
        Some(Details::Pod(pod)) => pod.hooks.as_deref(),
        _ => None,
    };
    let matching = |kind| {
        entries.iter().filter(|of| of.filter.matches(namespace, &facts.labels)).flat_map(move |of| {
            let hooks = if kind == Kind::Pre { of.pre } else { of.post };
            hooks.iter().map(move |hook| (kind, written(hook), Source::Spec(of.name.to_owned())))
        })
    };
    let mut asked = Vec::new();
    for kind in [Kind::Pre, Kind::Post] {
        let by_pod =
            annotated.and_then(|pod| if kind == Kind::Pre { pod.pre.as_ref() } else { pod.post.as_ref() });
        match by_pod {
            Some(written) => asked.push((kind, written.clone(), Source::Annotation)),
            None => asked.extend(matching(kind)),
        }
    }
    asked
}

fn written(BackupResourceHook { exec }: &BackupResourceHook) -> Written {
    Written {
        container: exec.container.clone(),
        command: exec.command.clone(),
        on_error: Some(exec.on_error.into()),
        timeout: Some(exec.timeout).filter(|time| !time.is_zero()),
        ..Written::default()
    }
}

/// The hooks of each block, by number. Those of different blocks know nothing of one another.
pub fn blocks(hooks: &[BackupHook]) -> Vec<Range<u32>> {
    let mut start = 0;
    let of_block = hooks.chunk_by(|one, other| one.block == other.block);
    of_block
        .map(|block| {
            let end = start + u32::try_from(block.len()).unwrap_or(u32::MAX);
            std::mem::replace(&mut start, end)..end
        })
        .collect()
}

/// What to do about a hook whose turn has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is known what became of it.
    Nothing,
    /// Write down that this became of it.
    Settle(Outcome),
    /// Write down that it begins, run it, and write down [`ended`].
    Run,
}

/// What to do about hook `number`, when all before it are settled.
pub fn next(hooks: &[BackupHook], number: u32, steps: &Steps) -> Next {
    let Some(hook) = hooks.get(number as usize) else { return Next::Nothing };
    if steps.outcome(number).is_some() {
        return Next::Nothing;
    }
    if let Some(unfit) = hook.exec.unfit {
        return Next::Settle(Outcome::unfit(unfit));
    }
    match hook.exec.kind {
        Kind::Post if is_at_rest(hooks, hook, steps) => Next::Run,
        Kind::Post => Next::Settle(Outcome::of(End::NotNeeded)),
        _ if steps.begun(number) > 0 => {
            let how = "was cut off when the server died: it is not known whether it brought the application to rest";
            Next::Settle(Outcome::failed(End::CutOff, &hook.exec, how))
        }
        _ if is_stopped(hooks, hook, steps) => Next::Settle(Outcome::of(End::NotRun)),
        _ => Next::Run,
    }
}

/// Whether a pre hook of the pod before this one keeps it from running.
fn is_stopped(hooks: &[BackupHook], hook: &BackupHook, steps: &Steps) -> bool {
    let mut before = pre_hooks(hooks, hook).filter_map(|(number, of)| Some((of, steps.outcome(number)?)));
    before.any(|(of, outcome)| outcome.stops(&of.exec))
}

/// Whether the pod of a post hook may be at rest.
fn is_at_rest(hooks: &[BackupHook], hook: &BackupHook, steps: &Steps) -> bool {
    let mut pre = pre_hooks(hooks, hook).peekable();
    pre.peek().is_none() || pre.any(|(number, _)| steps.begun(number) > 0)
}

/// The pre hooks of the pod of a hook.
fn pre_hooks<'a>(
    hooks: &'a [BackupHook],
    hook: &'a BackupHook,
) -> impl Iterator<Item = (u32, &'a BackupHook)> {
    let start = hooks.partition_point(|other| other.block < hook.block);
    let of_block = (0u32..).zip(hooks).skip(start).take_while(move |(_, other)| other.block == hook.block);
    of_block.filter(move |(_, other)| other.exec.kind == Kind::Pre && other.exec.shares_pod(&hook.exec))
}

/// What became of a hook that has run, and has begun so often.
pub fn ended(hook: &BackupHook, begun: u32, run: &Run) -> Outcome {
    let mut outcome = Outcome::ran(&hook.exec, run);
    if begun > 1 {
        outcome.problems.push(again(&hook.exec));
    }
    outcome
}

/// Whether a hook has to be settled also where its backup is given up: what has begun, and what releases that.
pub fn is_owed(hooks: &[BackupHook], number: u32, steps: &Steps) -> bool {
    let Some(hook) = hooks.get(number as usize) else { return false };
    let releases = || pre_hooks(hooks, hook).any(|(pre, _)| steps.begun(pre) > 0);
    steps.begun(number) > 0 || (hook.exec.kind == Kind::Post && releases())
}
