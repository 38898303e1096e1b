//! What to do about an object that is there already.

use std::collections::BTreeMap;

use api::labels;
use api::names::label_value;
use serde_json::{Value, json};

use super::plan::{PlannedItem, Policy, RestorePlan};
use super::problems;
use super::transform::{Context, settled};
use crate::document::{annotation, list, remove_annotation, remove_label, text};
use crate::journal::Action as Outcome;
use crate::merge::diff;
use crate::problem::{Problem, Severity};

/// What to do about an object that is there already.
#[derive(Debug, Clone, PartialEq)]
pub enum Existing {
    /// This restore created it, before a crash.
    Ours,
    /// It is what the backup has.
    Equal,
    /// Change it.
    Patch(Change),
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
}

/// What an object that is there already is changed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// To add to a service account what it lacks.
    MergeServiceAccount,
    /// To make it what the backup has.
    Update,
    /// To say which restore found it: it is what the backup has, or could not be made so.
    LabelsOnly,
}

impl Existing {
    /// How it counts, once its patch went through.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Ours => Outcome::Created,
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
            Aim::MergeServiceAccount | Aim::Update => Outcome::Updated,
            Aim::LabelsOnly => Outcome::Skipped,
        }
    }

    /// What it leads to that the server refused it, for `reason`.
    pub fn refused(&self, reason: &str, item: &PlannedItem, plan: &RestorePlan) -> Refused {
        let target = plan.target(item);
        let (severity, instead) = match self.aim {
            Aim::LabelsOnly => (Severity::Error, None),
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
    if annotation(in_cluster, labels::OPERATION_UID) == Some(plan.restore.uid.as_str()) {
        return Existing::Ours;
    }
    let (current, wanted) = compared(in_cluster, desired, item, plan);
    if diff(&current, &wanted).is_none() {
        return match plan.policy {
            Policy::Update => Existing::Patch(labels_only(plan)),
            Policy::None => Existing::Equal,
        };
    }
    if plan.resource(item).group_resource().is("", "serviceaccounts") {
        return merged_account(in_cluster, &wanted, plan);
    }
    match diff(&current, &labelled(wanted, plan)) {
        Some(patch) if plan.policy == Policy::Update => Existing::Patch(Change { aim: Aim::Update, patch }),
        _ => Existing::Differs(difference(item, plan)),
    }
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

/// A document without the marks of restores.
fn bare(mut document: Value) -> Value {
    remove_label(&mut document, labels::BACKUP_NAME);
    remove_label(&mut document, labels::RESTORE_NAME);
    remove_annotation(&mut document, labels::OPERATION_UID);
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
    Change { aim: Aim::LabelsOnly, patch: labels_patch(plan) }
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
        _ => Existing::Patch(Change { aim: Aim::MergeServiceAccount, patch: labelled(patch, plan) }),
    }
}
