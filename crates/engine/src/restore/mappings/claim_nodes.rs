//! `velero.io/change-pvc-node-selector`: the nodes that the volumes of claims were made for, `OLD: NEW`.
//!
//! A claim loses its node when it is restored, as with Velero since 1.17. Up to 1.16 this ConfigMap gave it another one;
//! where there is one, it still does.

use serde_json::Value;

use super::new_names::NewNames;
use super::problem;
use crate::document::{annotation, set_annotation};
use crate::problem::{Problem, Severity};
use crate::restore::adjustments::problems::NO_SUCH_NODE;
use crate::restore::modifiers::Subject;

/// The label of its ConfigMap.
pub(super) const LABEL: &str = "velero.io/change-pvc-node-selector";
/// The annotation of claims that names their node.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// The node that a claim's volume was made for.
pub(super) fn of(archived: &Value) -> Option<String> {
    annotation(archived, SELECTED_NODE).map(str::to_owned)
}

/// Gives a claim the node that `names` has for its old one.
pub(super) fn apply(
    names: &NewNames,
    document: &mut Value,
    old: Option<&str>,
    subject: &Subject<'_>,
) -> Option<Problem> {
    let new = names.of(old?).filter(|_| subject.resource.is("", "persistentvolumeclaims"))?;
    if names.lacks(new) {
        let message = format!("the node {new} that its own is mapped to is not in the cluster: it gets none");
        return Some(problem(&NO_SUCH_NODE, Severity::Warning, message, subject));
    }
    set_annotation(document, SELECTED_NODE, new);
    None
}
