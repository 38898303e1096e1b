//! Mappings: what the ConfigMaps of the server's namespace want called differently in every object that is restored.
//!
//! A ConfigMap is one by two labels: `velero.io/plugin-config`, with any value, and the name of the mapping with the value
//! `RestoreItemAction`. Namespaces are mapped by the Restore itself: their names follow in [`super::actions`].

mod claim_nodes;
mod images;
mod new_names;
mod node_labels;
mod storage_classes;
mod workloads;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::images::Images;
use self::new_names::NewNames;
use self::node_labels::NodeLabels;
use super::modifiers::Subject;
use crate::document::{at, label, name, strings};
use crate::problem::{Code, Problem, Severity};

/// The label that every ConfigMap of this kind carries.
pub const CONFIG: &str = "velero.io/plugin-config";
/// The value of the label that says which mapping a ConfigMap has.
const ON_RESTORE: &str = "RestoreItemAction";

/// Every mapping of a restore.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mappings {
    #[serde(skip_serializing_if = "NewNames::is_empty")]
    storage_classes: NewNames,
    #[serde(skip_serializing_if = "Images::is_empty")]
    images: Images,
    #[serde(skip_serializing_if = "NewNames::is_empty")]
    claim_nodes: NewNames,
    #[serde(skip_serializing_if = "NodeLabels::is_empty")]
    node_labels: NodeLabels,
}

/// What the mappings have to know of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Existing {
    /// The names of its storage classes, and of those that the restore makes.
    pub storage_classes: BTreeSet<String>,
    /// The names of its nodes.
    pub nodes: BTreeSet<String>,
}

/// What of a document is looked at by a mapping before the actions have removed it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Before {
    /// The node that a claim's volume was made for.
    node: Option<String>,
}

impl Before {
    /// Of the archived document.
    pub fn of(archived: &Value) -> Self {
        Self { node: claim_nodes::of(archived) }
    }
}

impl Mappings {
    /// Reads the mappings from ConfigMaps. Errors are sentences that name the ConfigMap.
    pub fn read(config_maps: &[Value]) -> Result<Self, Vec<String>> {
        let mut errors = Vec::new();
        let mappings = Self {
            storage_classes: taken(config_maps, storage_classes::LABEL, NewNames::read, &mut errors),
            images: taken(config_maps, images::LABEL, Images::read, &mut errors),
            claim_nodes: taken(config_maps, claim_nodes::LABEL, NewNames::read, &mut errors),
            node_labels: taken(config_maps, node_labels::LABEL, NodeLabels::read, &mut errors),
        };
        if errors.is_empty() { Ok(mappings) } else { Err(errors) }
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it has to be known which storage classes there are.
    pub fn ask_for_storage_classes(&self) -> bool {
        !self.storage_classes.is_empty()
    }

    /// Whether it has to be known which nodes there are.
    pub fn ask_for_nodes(&self) -> bool {
        !self.claim_nodes.is_empty()
    }

    /// Notes which of the new names there are.
    pub fn complete(&mut self, existing: &Existing) {
        self.storage_classes.complete(&existing.storage_classes);
        self.claim_nodes.complete(&existing.nodes);
    }

    /// Changes a document. An error means that it must not be restored like that.
    pub fn apply(
        &self,
        document: &mut Value,
        before: &Before,
        subject: &Subject<'_>,
    ) -> Result<Vec<Problem>, Problem> {
        storage_classes::apply(&self.storage_classes, document, subject)?;
        let mut problems = self.images.apply(document, subject);
        problems.extend(claim_nodes::apply(&self.claim_nodes, document, before.node.as_deref(), subject));
        problems.extend(self.node_labels.apply(document, subject));
        Ok(problems)
    }
}

/// The mapping of a label, of which there may be one ConfigMap.
fn taken<T: Default>(
    config_maps: &[Value],
    key: &str,
    read: fn(&[Entry]) -> Result<T, String>,
    errors: &mut Vec<String>,
) -> T {
    let mine: Vec<&Value> = config_maps.iter().filter(|of| label(of, key) == Some(ON_RESTORE)).collect();
    match mine.as_slice() {
        [] => return T::default(),
        [one] => match read(&entries(one)) {
            Ok(mapping) => return mapping,
            Err(error) => errors.push(format!("the ConfigMap {:?} with the label {key}: {error}", name(one))),
        },
        many => {
            let names: Vec<&str> = many.iter().map(|of| name(of)).collect();
            errors.push(format!("more than one ConfigMap has the label {key}: {}", names.join(", ")));
        }
    }
    T::default()
}

/// An entry of a ConfigMap.
struct Entry {
    key: String,
    value: String,
}

/// The entries of a ConfigMap, in the order of their keys.
fn entries(config_map: &Value) -> Vec<Entry> {
    strings(at(config_map, &["data"])).into_iter().map(|(key, value)| Entry { key, value }).collect()
}

/// What stands on both sides of the comma of `OLD,NEW`.
fn halves(entry: &Entry) -> Result<(&str, &str), String> {
    let halves = entry.value.split_once(',').map(|(old, new)| (old.trim(), new.trim()));
    let halves = halves.filter(|(old, _)| !old.is_empty());
    halves.ok_or_else(|| format!("{} is {:?}, and not OLD,NEW", entry.key, entry.value))
}

fn problem(code: &Code, severity: Severity, message: String, subject: &Subject<'_>) -> Problem {
    Problem::new(code, severity, message).about(subject.target)
}

#[cfg(test)]
mod tests;
