//! What becomes of one document on its way into the archive.

use serde_json::Value;

use super::plan::{BackupPlan, PlannedItem};
use super::{actions, problems};
use crate::document::{name, namespace, remove_annotation, uid};
use crate::problem::{Problem, Severity};

use api::labels;

/// The document as it is stored. Nothing is taken out but what an action of the plan takes out, and what such
/// actions leave behind.
pub fn transform(mut document: Value, item: &PlannedItem, plan: &BackupPlan) -> Result<Value, Problem> {
    let key = plan.key(item);
    let wrong = |what: &str| {
        let message = format!("the document that was collected for {key} {what}");
        Problem::new(&problems::WRONG_DOCUMENT, Severity::Error, message).about(&key)
    };
    if !document.is_object() {
        return Err(wrong("is not an object"));
    }
    if name(&document) != item.name
        || (item.namespace.is_some() && namespace(&document) != item.namespace.as_deref())
    {
        return Err(wrong("is that of another object"));
    }
    if uid(&document) != item.uid {
        return Err(wrong("is that of an object that was made anew under its name"));
    }
    for name in plan.class(item).map_or(&[][..], |class| &class.actions) {
        let action =
            actions::named(name).ok_or_else(|| wrong("has an action that this version does not know"))?;
        (action.transform)(&mut document, plan);
    }
    for leftover in [labels::MUST_INCLUDE_ADDITIONAL_ITEMS, labels::SKIPPED_NO_CSI_PV] {
        remove_annotation(&mut document, leftover);
    }
    Ok(document)
}

#[cfg(test)]
mod tests;
