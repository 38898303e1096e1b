//! What to do about an object that is there already.
//!
//! An update brings into the object what the backup has, and takes nothing away that only the cluster has; whose fields it
//! overwrote, it says. Recreating deletes the object first: never what holds data or other objects.

use std::collections::BTreeMap;

use api::labels;
use api::names::label_value;
use serde_json::{Value, json};

use super::plan::{PlannedItem, Policy, RestorePlan};
use super::problems;
use super::transform::{Context, settled};
use super::volumes::{Decision, Held};
use crate::document::{annotation, at, is_leaving, label, list, remove_annotation, remove_label, text};
use crate::journal::Action as Outcome;
use crate::merge::{additions, diff};
use crate::problem::{Problem, Severity};

/// Types whose objects are never deleted to be made again: their data, or what is in them, would go, too.
const KEPT: &[&str] = &[
    "customresourcedefinitions.apiextensions.k8s.io",
    "namespaces",
    "persistentvolumeclaims",
    "persistentvolumes",
];

/// Annotations by which the deployment controller keeps count: it sets them again whatever they are set to.
const COUNTED: &[&str] = &[
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
];

/// Fields of other owners that a problem names at the most.
const FIELDS_NAMED_MAX: usize = 5;

/// What to do about an object that is there already.
#[derive(Debug, Clone, PartialEq)]
pub enum Existing {
    /// This restore created it, before a crash.
    Ours,
    /// It is what the backup has.
    Equal,
    /// Change it.
    Patch(Change),
    /// Delete it, if it still is what was seen, and create it once it has gone.
    Recreate,
    /// It is being deleted: create it once it has gone.
    Leaving,
    /// It differs, and stays.
    Differs(Problem),
}

/// A change to an object that is there already.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What for.
    pub aim: Aim,
    /// The merge patch.
    pub patch: Value,
    /// What there is to report once it went through.
    pub problem: Option<Problem>,
}

/// What an object that is there already is changed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// To add to a service account what it lacks.
    MergeServiceAccount,
    /// To make it what the backup has.
    Update,
    /// To give a volume free whose claim has gone.
    Release,
    /// To say which restore found it: it is what the backup has, or could not be made so.
    LabelsOnly,
}

impl Existing {
    /// How it counts, once its patch went through.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Ours | Self::Recreate | Self::Leaving => Outcome::Created,
            Self::Equal => Outcome::Skipped,
            Self::Patch(change) => change.outcome(),
            Self::Differs(_) => Outcome::Failed,
        }
    }
}

impl Change {
    /// How it counts once it went through.
    pub fn outcome(&self) -> Outcome {
        match self.aim {
            Aim::MergeServiceAccount | Aim::Update | Aim::Release => Outcome::Updated,
            Aim::LabelsOnly => Outcome::Skipped,
        }
    }

    /// What it leads to that the server refused it, for `reason`.
    pub fn refused(&self, reason: &str, item: &PlannedItem, plan: &RestorePlan) -> Refused {
        let target = plan.target(item);
        let (severity, instead) = match self.aim {
            Aim::LabelsOnly | Aim::Release => (Severity::Error, None),
            _ if plan.policy == Policy::Update => (Severity::Warning, Some(labels_only(plan))),
            _ => (Severity::Warning, None),
        };
        let message =
            format!("failed to update {} {}: {reason}", plan.resource(item).kind, target.full_name());
        Refused { problem: Problem::new(&problems::NOT_UPDATED, severity, message).about(&target), instead }
    }
}

/// What a refused change leads to. The object counts as failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// What to report.
    pub problem: Problem,
    /// What to try instead.
    pub instead: Option<Change>,
}

/// Whether a refused create means that the object may be there after all: a Service whose node ports are taken. The
/// server looks at ports before names.
pub fn port_taken(status: Option<&Value>) -> bool {
    let causes = status.map_or(&[][..], |status| list(status, &["details", "causes"]));
    let taken = |cause: &Value| text(cause, &["message"]).contains("provided port is already allocated");
    !causes.is_empty() && causes.iter().all(taken)
}

/// Decides about an object that is in the cluster where `desired`, the outcome of [`super::transform()`], should go.
pub fn decide(in_cluster: &Value, desired: &Value, item: &PlannedItem, plan: &RestorePlan) -> Existing {
    if is_ours(in_cluster, plan) {
        return Existing::Ours;
    }
    if is_leaving(in_cluster) {
        return Existing::Leaving;
    }
    if let Some(change) = released(in_cluster, item, plan) {
        return Existing::Patch(change);
    }
    let (current, wanted) = compared(in_cluster, desired, item, plan);
    let differs = diff(&current, &wanted).is_some();
    if differs && plan.resource(item).group_resource().is("", "serviceaccounts") {
        return merged_account(in_cluster, &wanted, plan);
    }
    match plan.policy {
        Policy::Update if differs => Existing::Patch(update(in_cluster, &current, wanted, item, plan)),
        Policy::Update => Existing::Patch(labels_only(plan)),
        Policy::None | Policy::Recreate if !differs => Existing::Equal,
        Policy::None => Existing::Differs(difference(item, plan)),
        Policy::Recreate if is_kept(item, plan) => Existing::Differs(not_recreated(item, plan)),
        Policy::Recreate => Existing::Recreate,
    }
}

/// Whether this restore created an object. Controllers copy annotations to what they make of an object, but no labels.
fn is_ours(in_cluster: &Value, plan: &RestorePlan) -> bool {
    annotation(in_cluster, labels::OPERATION_UID) == Some(plan.restore.uid.as_str())
        && label(in_cluster, labels::RESTORE_NAME) == Some(&*label_value(&plan.restore.name))
}

/// The change that gives a volume free whose claim has gone, if that was decided: whatever else it says, the claim that
/// comes back needs it. It goes to the volume that was seen, and to none that has a claim by then.
fn released(in_cluster: &Value, item: &PlannedItem, plan: &RestorePlan) -> Option<Change> {
    let is_volume = plan.resource(item).group_resource().is("", "persistentvolumes");
    let decided = is_volume && plan.volumes.get(&item.name) == Some(&Decision::Release);
    (decided && Held::of(in_cluster).is_released).then(|| {
        let version = at(in_cluster, &["metadata", "resourceVersion"]);
        let claim = json!({"uid": null, "resourceVersion": null});
        let patch = json!({"metadata": {"resourceVersion": version}, "spec": {"claimRef": claim}});
        Change { aim: Aim::Release, patch, problem: None }
    })
}

/// The change that brings into an object what the backup has.
fn update(
    in_cluster: &Value,
    current: &Value,
    wanted: Value,
    item: &PlannedItem,
    plan: &RestorePlan,
) -> Change {
    let Some(patch) = additions(current, &wanted) else { return labels_only(plan) };
    let mut taken = Vec::new();
    for entry in list(in_cluster, &["metadata", "managedFields"]) {
        let manager = text(entry, &["manager"]);
        if text(entry, &["operation"]) == "Apply" && manager != labels::FIELD_MANAGER {
            let fields = owned(&patch, &entry["fieldsV1"], "");
            taken.extend(fields.into_iter().map(|field| format!("{field} of {manager}")));
        }
    }
    let problem = (!taken.is_empty()).then(|| overwrote(&taken, item, plan));
    let patch = additions(current, &labelled(wanted, plan)).unwrap_or(patch);
    Change { aim: Aim::Update, patch, problem }
}

/// The fields of a patch that are among the fields of an owner, which lists them as the server does.
fn owned(patch: &Value, fields: &Value, above: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in patch.as_object().into_iter().flatten() {
        let Some(inner) = fields.get(format!("f:{key}")) else { continue };
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        if value.is_object() && inner.as_object().is_some_and(|inner| !inner.is_empty()) {
            found.extend(owned(value, inner, &path));
        } else {
            found.push(path);
        }
    }
    found
}

fn overwrote(taken: &[String], item: &PlannedItem, plan: &RestorePlan) -> Problem {
    let target = plan.target(item);
    let named = taken.iter().take(FIELDS_NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = match taken.len().saturating_sub(FIELDS_NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!("fields that others manage were set to what the backup has: {named}{more}");
    Problem::new(&problems::FIELDS_TAKEN, Severity::Warning, message).about(&target)
}

fn is_kept(item: &PlannedItem, plan: &RestorePlan) -> bool {
    KEPT.contains(&plan.resource(item).group_resource().to_string().as_str())
}

fn not_recreated(item: &PlannedItem, plan: &RestorePlan) -> Problem {
    let target = plan.target(item);
    let kind = &plan.resource(item).kind;
    let message = format!(
        "{kind} {} exists, is different, and is not recreated: with it would go what it holds",
        target.full_name()
    );
    Problem::new(&problems::NOT_RECREATED, Severity::Error, message).about(&target)
}

/// That an object was to be made again, and the one that is there did not go in time.
pub fn still_there(item: &PlannedItem, plan: &RestorePlan) -> Problem {
    let target = plan.target(item);
    let message = format!(
        "{} {} is still being deleted, so that it could not be created",
        plan.resource(item).kind,
        target.full_name()
    );
    Problem::new(&problems::STILL_THERE, Severity::Error, message).about(&target)
}

/// What is compared of an object that is in the cluster, and of what is wanted there. Fields that a restore resets are
/// reset on both sides: they neither count as a difference nor get patched.
pub fn compared(
    in_cluster: &Value,
    desired: &Value,
    item: &PlannedItem,
    plan: &RestorePlan,
) -> (Value, Value) {
    let context = Context { plan, item, mapping: &BTreeMap::new() };
    let current = settled(in_cluster.clone(), &context).map_or_else(|_| in_cluster.clone(), bare);
    (current, bare(desired.clone()))
}

/// A document without the marks of restores, and without what a controller counts in it.
fn bare(mut document: Value) -> Value {
    remove_label(&mut document, labels::BACKUP_NAME);
    remove_label(&mut document, labels::RESTORE_NAME);
    remove_annotation(&mut document, labels::OPERATION_UID);
    COUNTED.iter().for_each(|key| remove_annotation(&mut document, key));
    document
}

fn difference(item: &PlannedItem, plan: &RestorePlan) -> Problem {
    let target = plan.target(item);
    let message = format!(
        "could not restore, {} {:?} already exists. Warning: the in-cluster version is different than the backed-up \
         version",
        plan.resource(item).kind,
        target.full_name()
    );
    Problem::new(&problems::EXISTS, Severity::Warning, message).about(&target)
}

fn labels_patch(plan: &RestorePlan) -> Value {
    json!({"metadata": {"labels": {
        labels::BACKUP_NAME: label_value(&plan.backup),
        labels::RESTORE_NAME: label_value(&plan.restore.name),
    }}})
}

fn labels_only(plan: &RestorePlan) -> Change {
    Change { aim: Aim::LabelsOnly, patch: labels_patch(plan), problem: None }
}

/// The document with the labels that a restore puts on it.
fn labelled(mut document: Value, plan: &RestorePlan) -> Value {
    json_patch::merge(&mut document, &labels_patch(plan));
    document
}

/// A service account keeps what it has, and gets what it lacks.
fn merged_account(in_cluster: &Value, wanted: &Value, plan: &RestorePlan) -> Existing {
    let mut patch = json!({});
    for field in ["secrets", "imagePullSecrets"] {
        let has = list(in_cluster, &[field]);
        let lacks = |one: &&Value| !has.iter().any(|other| other["name"] == one["name"]);
        let added: Vec<&Value> = list(wanted, &[field]).iter().filter(lacks).collect();
        if !added.is_empty() {
            patch[field] = has.iter().chain(added).cloned().collect();
        }
    }
    for field in ["labels", "annotations"] {
        let has = &in_cluster["metadata"][field];
        for (key, value) in wanted["metadata"][field].as_object().into_iter().flatten() {
            if has.get(key).is_none() {
                patch["metadata"][field][key] = value.clone();
            }
        }
    }
    match patch.as_object() {
        Some(empty) if empty.is_empty() => Existing::Equal,
        _ => {
            let patch = labelled(patch, plan);
            Existing::Patch(Change { aim: Aim::MergeServiceAccount, patch, problem: None })
        }
    }
}
