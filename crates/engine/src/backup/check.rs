//! Lints over a plan. They hold for every plan that planning makes; a plan that breaks one is not run.

use std::collections::HashSet;
use std::fmt;

use super::actions;
use super::plan::{BackupPlan, VERSION};
use super::select::is_namespaces;
use crate::hooks::backup::BackupHook;

/// What a lint found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// How bad it is.
    pub gravity: Gravity,
    /// What was found.
    pub message: String,
}

/// How bad a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gravity {
    /// Worth a look.
    Advice,
    /// The plan must not be run.
    Fatal,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gravity = match self.gravity {
            Gravity::Advice => "advice",
            Gravity::Fatal => "fatal",
        };
        write!(f, "{gravity}: {}", self.message)
    }
}

/// Whether a plan with these notes may not be run.
pub fn is_fatal(notes: &[Note]) -> bool {
    notes.iter().any(|note| note.gravity == Gravity::Fatal)
}

/// Lints a plan.
pub fn check(plan: &BackupPlan) -> Vec<Note> {
    let lints = [version, classes, paths, order, blocks, hooks, namespaces, left_out, emptiness];
    lints.iter().flat_map(|lint| lint(plan)).collect()
}

fn fatal(message: String) -> Note {
    Note { gravity: Gravity::Fatal, message }
}

fn version(plan: &BackupPlan) -> Vec<Note> {
    let known = plan.v == VERSION;
    let message = || fatal(format!("the plan has format {}, and this version runs {VERSION}", plan.v));
    (!known).then(message).into_iter().collect()
}

fn classes(plan: &BackupPlan) -> Vec<Note> {
    let unknown = plan.items.iter().filter(|item| plan.class(item).is_none());
    let mut notes: Vec<Note> = unknown.map(|item| fatal(format!("{} has no class", item.name))).collect();
    for action in plan.classes.iter().flat_map(|class| &class.actions) {
        if actions::named(action).is_none() {
            notes.push(fatal(format!("there is no action {action}")));
        }
    }
    notes
}

fn paths(plan: &BackupPlan) -> Vec<Note> {
    let mut seen = HashSet::with_capacity(plan.items.len());
    let twice = plan.items.iter().filter(|item| !seen.insert((item.class, &item.namespace, &item.name)));
    twice.map(|item| fatal(format!("{} is stored twice", plan.key(item)))).collect()
}

fn order(plan: &BackupPlan) -> Vec<Note> {
    let mut notes = Vec::new();
    for (index, item) in plan.items.iter().enumerate() {
        if item.needs.iter().any(|need| *need as usize >= index) {
            notes.push(fatal(format!("{} is stored before what it needs", plan.key(item))));
        }
    }
    notes
}

fn blocks(plan: &BackupPlan) -> Vec<Note> {
    let torn = plan.items.windows(2).filter(|pair| pair[0].block > pair[1].block);
    torn.map(|pair| fatal(format!("the block of {} is torn apart", plan.key(&pair[1])))).collect()
}

fn hooks(plan: &BackupPlan) -> Vec<Note> {
    let place = |hook: &BackupHook| (hook.block, hook.exec.kind);
    let torn = plan.hooks.windows(2).filter(|pair| place(&pair[0]) > place(&pair[1]));
    let torn = torn.map(|pair| fatal(format!("a hook of {} comes too late", pair[1].exec.key())));
    let needed: HashSet<_> = plan.hooks.iter().map(|hook| (hook.block, hook.exec.key())).collect();
    let blocks: HashSet<u32> = plan.hooks.iter().map(|hook| hook.block).collect();
    let hooked = plan.items.iter().filter(|item| blocks.contains(&item.block));
    let stored: HashSet<_> = hooked.map(|item| (item.block, plan.key(item))).collect();
    let strange = needed.difference(&stored);
    torn.chain(strange.map(|(_, pod)| fatal(format!("{pod} has hooks and is not in their block")))).collect()
}

fn namespaces(plan: &BackupPlan) -> Vec<Note> {
    if !plan.keeps_namespaces {
        return Vec::new();
    }
    let is_namespace =
        |class: Option<&super::plan::Class>| class.is_some_and(|class| is_namespaces(&class.resource));
    let stored =
        plan.items.iter().filter(|item| is_namespace(plan.class(item))).map(|item| item.name.as_str());
    let left_out =
        plan.left_out.iter().filter(|of| is_namespaces(&of.key.resource)).map(|of| of.key.name.as_str());
    let missing = plan.problems.iter().filter_map(|problem| problem.object.as_ref());
    let missing = missing.filter(|key| is_namespaces(&key.resource)).map(|key| key.name.as_str());
    let known: HashSet<&str> = stored.chain(left_out).chain(missing).collect();
    let touched: HashSet<&str> = plan.items.iter().filter_map(|item| item.namespace.as_deref()).collect();
    let unknown = touched.difference(&known);
    unknown
        .map(|name| fatal(format!("namespace {name} has objects in the backup and is not in it")))
        .collect()
}

fn left_out(plan: &BackupPlan) -> Vec<Note> {
    let left_out: HashSet<_> = plan.left_out.iter().map(|of| &of.key).collect();
    if left_out.is_empty() {
        return Vec::new();
    }
    let both = plan.items.iter().map(|item| plan.key(item)).filter(|key| left_out.contains(key));
    both.map(|key| fatal(format!("{key} is both stored and left out"))).collect()
}

fn emptiness(plan: &BackupPlan) -> Vec<Note> {
    let message = "nothing is selected".to_owned();
    plan.items.is_empty().then_some(Note { gravity: Gravity::Advice, message }).into_iter().collect()
}
