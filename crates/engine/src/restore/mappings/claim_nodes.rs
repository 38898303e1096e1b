//! `velero.io/change-pvc-node-selector`: the nodes that the volumes of claims were made for, `OLD: NEW`.
//!
//! A claim loses its node when it is restored, as with Velero since 1.17. Up to 1.16 this ConfigMap gave it another one;
//! where there is one, it still does.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Entry, problem};
use crate::document::{annotation, set_annotation};
use crate::problem::{Problem, Severity};
use crate::restore::adjustments::problems::NO_SUCH_NODE;
use crate::restore::modifiers::Subject;

/// The label of its ConfigMap.
pub(super) const LABEL: &str = "velero.io/change-pvc-node-selector";
/// The annotation of claims that names their node.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// New names of nodes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ClaimNodes {
    new: BTreeMap<String, String>,
    /// Those of the new names that there are not.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    missing: BTreeSet<String>,
}

/// The node that a claim's volume was made for.
pub(super) fn of(archived: &Value) -> Option<String> {
    annotation(archived, SELECTED_NODE).map(str::to_owned)
}

impl ClaimNodes {
    pub(super) fn read(entries: &[Entry]) -> Result<Self, String> {
        let mut new = BTreeMap::new();
        for Entry { key, value } in entries {
            if value.trim().is_empty() {
                return Err(format!("{key} is mapped to nothing"));
            }
            new.insert(key.clone(), value.trim().to_owned());
        }
        Ok(Self { new, missing: BTreeSet::new() })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.new.is_empty()
    }

    pub(super) fn complete(&mut self, existing: &BTreeSet<String>) {
        self.missing = self.new.values().filter(|node| !existing.contains(*node)).cloned().collect();
    }

    pub(super) fn apply(
        &self,
        document: &mut Value,
        old: Option<&str>,
        subject: &Subject<'_>,
    ) -> Option<Problem> {
        let new = self.new.get(old?).filter(|_| subject.resource.is("", "persistentvolumeclaims"))?;
        if self.missing.contains(new) {
            let message =
                format!("the node {new} that its own is mapped to is not in the cluster: it gets none");
            return Some(problem(&NO_SUCH_NODE, Severity::Warning, message, subject));
        }
        set_annotation(document, SELECTED_NODE, new);
        None
    }
}
