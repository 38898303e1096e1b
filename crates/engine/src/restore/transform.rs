//! What becomes of one document on its way from the archive to the cluster.

use std::collections::BTreeMap;

use api::labels;
use api::names::label_value;
use serde_json::Value;

use super::actions;
use super::mappings::Before;
use super::modifiers::Subject;
use super::plan::{PlannedItem, RestorePlan};
use super::problems;
use crate::document::{at, object_mut, remove, remove_annotation, set_annotation, set_label};
use crate::problem::{Problem, Severity};

/// Fields of `metadata` that belong to the object that was, not to the one that is made.
const METADATA: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generateName",
    "generation",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// What an action may look at besides the document.
pub struct Context<'a> {
    /// The plan.
    pub plan: &'a RestorePlan,
    /// The item that the document is of.
    pub item: &'a PlannedItem,
    /// New names of namespaces; empty for a document that is in the cluster already.
    pub mapping: &'a BTreeMap<String, String>,
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Transformed {
    /// The document to create.
    pub document: Value,
    /// What could not be done as it was asked for.
    pub problems: Vec<Problem>,
}

/// The document to create, made of the one in the archive. Fields that nothing here knows stay as they are.
pub fn transform(document: Value, item: &PlannedItem, plan: &RestorePlan) -> Result<Transformed, Problem> {
    let target = plan.target(item);
    if !at(&document, &["metadata"]).is_object() {
        let message = "its document has no metadata".to_owned();
        return Err(Problem::new(&problems::BAD_ITEM, Severity::Error, message).about(&target));
    }
    let before = Before::of(&document);
    let mut document = settled(document, &Context { plan, item, mapping: &plan.namespace_mapping })?;
    if let Some(root) = object_mut(&mut document, &[]) {
        root.insert("apiVersion".to_owned(), Value::String(plan.resource(item).api_version()));
    }
    let resource = &plan.kind(item).source;
    let subject =
        Subject { resource, namespace: item.namespace.as_deref(), target: &target, backup: &plan.backup };
    let problems = plan.adjustments.apply(&mut document, &before, &subject)?;
    // Only now: whatever was modified, the object keeps its place and the marks of its restore.
    if let Some(metadata) = object_mut(&mut document, &["metadata"]) {
        metadata.insert("name".to_owned(), Value::String(target.name));
        match target.namespace {
            Some(namespace) => metadata.insert("namespace".to_owned(), Value::String(namespace)),
            None => metadata.remove("namespace"),
        };
    }
    set_label(&mut document, labels::BACKUP_NAME, &label_value(&plan.backup));
    set_label(&mut document, labels::RESTORE_NAME, &label_value(&plan.restore.name));
    set_annotation(&mut document, labels::OPERATION_UID, &plan.restore.uid);
    Ok(Transformed { document, problems })
}

/// A document without what the cluster says of it: what two documents of one object are compared by.
pub(super) fn settled(mut document: Value, context: &Context<'_>) -> Result<Value, Problem> {
    for field in METADATA {
        remove(&mut document, &["metadata", field]);
    }
    if context.plan.strip_finalizers {
        remove(&mut document, &["metadata", "finalizers"]);
    }
    remove(&mut document, &["status"]);
    remove_annotation(&mut document, labels::MUST_INCLUDE_ADDITIONAL_ITEMS);
    remove_annotation(&mut document, labels::SKIPPED_NO_CSI_PV);
    for name in &context.plan.kind(context.item).actions {
        let Some(action) = actions::named(name) else {
            let message = format!("the plan names the change {name:?}, which this version does not know");
            let problem = Problem::new(&problems::UNKNOWN_ACTION, Severity::Error, message);
            return Err(problem.about(&context.plan.target(context.item)));
        };
        (action.run)(&mut document, context);
    }
    // Only now: actions read them. A create drops them; the second write brings them back where it matters.
    remove(&mut document, &["metadata", "managedFields"]);
    Ok(document)
}
