//! What to do about an object that is there already.

use std::collections::BTreeMap;
use std::fmt;

use api::labels;
use api::names::label_value;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::plan::{PlannedItem, Policy, RestorePlan};
use super::problems;
use super::transform::{Context, settled};
use crate::document::{annotation, list, remove_annotation, remove_label};
use crate::merge::diff;
use crate::problem::{Problem, Severity};

/// What became of an object, as the resource list counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was created.
    Created,
    /// It was there, and was changed.
    Updated,
    /// It could not be restored.
    Failed,
    /// It was there, or a rule left it out.
    Skipped,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        })
    }
}

/// What to do about an object that is there already.
#[derive(Debug, Clone, PartialEq)]
pub enum Existing {
    /// This restore created it, before a crash.
    OursAlready,
    /// It is what the backup has.
    Equal,
    /// Add to a service account what it lacks.
    MergeServiceAccount(Value),
    /// Make it what the backup has.
    Update(Value),
    /// It is what the backup has: only say which restore found it so.
    LabelsOnly(Value),
    /// It differs, and stays.
    Differs(Problem),
}

impl Existing {
    /// The merge patch to send, if any.
    pub fn patch(&self) -> Option<&Value> {
        match self {
            Self::MergeServiceAccount(patch) | Self::Update(patch) | Self::LabelsOnly(patch) => Some(patch),
            Self::OursAlready | Self::Equal | Self::Differs(_) => None,
        }
    }

    /// How it counts once its patch went through.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::OursAlready => Outcome::Created,
            Self::MergeServiceAccount(_) | Self::Update(_) => Outcome::Updated,
            Self::Equal | Self::LabelsOnly(_) => Outcome::Skipped,
            Self::Differs(_) => Outcome::Failed,
        }
    }
}

/// What a refused patch leads to. The object counts as failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// What to report.
    pub problem: Problem,
    /// What to try instead; if it is refused too, that is an error.
    pub instead: Option<Existing>,
}

/// Decides about an object that is in the cluster where `desired`, the outcome of [`super::transform()`], should go.
pub fn decide(in_cluster: &Value, desired: &Value, item: &PlannedItem, plan: &RestorePlan) -> Existing {
    if annotation(in_cluster, labels::OPERATION_UID) == Some(plan.restore.uid.as_str()) {
        return Existing::OursAlready;
    }
    // Fields that a restore resets are reset on both sides: they neither count as a difference nor get patched.
    let context = Context { plan, item, mapping: &BTreeMap::new() };
    let current = settled(in_cluster.clone(), &context).map_or_else(|_| in_cluster.clone(), bare);
    let wanted = bare(desired.clone());
    if diff(&current, &wanted).is_none() {
        return match plan.policy {
            Policy::Update => Existing::LabelsOnly(labels_patch(plan)),
            Policy::None => Existing::Equal,
        };
    }
    if plan.resource(item).group_resource().is("", "serviceaccounts") {
        return merged_account(in_cluster, &wanted, plan);
    }
    match diff(&current, &labelled(wanted, plan)) {
        Some(patch) if plan.policy == Policy::Update => Existing::Update(patch),
        _ => Existing::Differs(difference(item, plan)),
    }
}

/// Decides what a refused patch leads to; `reason` is the server's.
pub fn refused(existing: &Existing, reason: &str, item: &PlannedItem, plan: &RestorePlan) -> Refused {
    let target = plan.target(item);
    let labels = || Existing::LabelsOnly(labels_patch(plan));
    let (severity, instead) = match existing {
        Existing::LabelsOnly(_) => (Severity::Error, None),
        _ if plan.policy == Policy::Update => (Severity::Warning, Some(labels())),
        _ => (Severity::Warning, None),
    };
    let message = format!("failed to update {} {}: {reason}", plan.resource(item).kind, target.full_name());
    Refused { problem: Problem::new(&problems::NOT_UPDATED, severity, message).about(&target), instead }
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
        _ => Existing::MergeServiceAccount(labelled(patch, plan)),
    }
}
