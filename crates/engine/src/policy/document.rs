//! The YAML of a resource policy, as it is written. Keys that nobody knows are errors: a policy that is misspelt would
//! otherwise protect nothing.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::UserMessageFormatter;

use super::lists::Lists;
use crate::files::or_default;

/// The version that is read.
const VERSION: &str = "v1";

/// A resource policy.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Document {
    #[serde(deserialize_with = "or_default")]
    version: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) volume_policies: Vec<VolumePolicy>,
    pub(super) include_exclude_policy: Option<Lists>,
    pub(super) cluster_scoped_filter_policy: Option<ClusterScoped>,
    #[serde(deserialize_with = "or_default")]
    pub(super) namespaced_filter_policies: Vec<Namespaced>,
}

/// One rule about volumes.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct VolumePolicy {
    #[serde(deserialize_with = "or_default")]
    pub(super) conditions: Conditions,
    #[serde(deserialize_with = "or_default")]
    pub(super) action: Action,
}

/// What a volume must be like.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Conditions {
    #[serde(deserialize_with = "or_default")]
    pub(super) capacity: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) storage_class: Vec<String>,
    pub(super) nfs: Option<Nfs>,
    pub(super) csi: Option<Csi>,
    #[serde(deserialize_with = "or_default")]
    pub(super) volume_types: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) pvc_labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) pvc_phase: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) pvc_volume_mode: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) pvc_access_modes: Vec<String>,
}

/// Which NFS volumes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Nfs {
    #[serde(deserialize_with = "or_default")]
    pub(super) server: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) path: String,
}

/// Which CSI volumes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Csi {
    #[serde(deserialize_with = "or_default")]
    pub(super) driver: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) volume_attributes: BTreeMap<String, String>,
}

/// What becomes of a volume.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Action {
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub(super) kind: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) parameters: BTreeMap<String, Value>,
}

/// Filters of cluster-scoped kinds.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ClusterScoped {
    #[serde(deserialize_with = "or_default")]
    pub(super) resource_filters: Vec<ResourceFilter>,
}

/// Filters of some namespaces.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Namespaced {
    #[serde(deserialize_with = "or_default")]
    pub(super) namespaces: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) resource_filters: Vec<ResourceFilter>,
}

/// What is selected of some kinds.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ResourceFilter {
    #[serde(deserialize_with = "or_default")]
    pub(super) kinds: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) label_selector: Labels,
    #[serde(deserialize_with = "or_default")]
    pub(super) or_label_selectors: Vec<Labels>,
    #[serde(deserialize_with = "or_default")]
    pub(super) names: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) excluded_names: Vec<String>,
}

/// A label selector: labels with their values, as Velero has it, or as resources have it. One without requirements is none.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "BTreeMap<String, Value>")]
pub(super) struct Labels(Selector);

/// A label selector as resources have it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Selector {
    #[serde(deserialize_with = "or_default")]
    match_labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    match_expressions: Vec<Requirement>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Requirement {
    key: String,
    operator: String,
    #[serde(deserialize_with = "or_default")]
    values: Vec<String>,
}

impl Document {
    /// Reads the text of a policy.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let read = serde_saphyr::from_str::<Option<Self>>(text);
        let document =
            read.map_err(|error| format!("it cannot be read: {}", words(&error)))?.unwrap_or_default();
        match document.version.as_str() {
            VERSION => Ok(document),
            "" => Err(format!("it has no version: begin it with \"version: {VERSION}\"")),
            other => Err(format!("its version is {other:?}, and only {VERSION} is known")),
        }
    }
}

impl TryFrom<BTreeMap<String, Value>> for Labels {
    type Error = String;

    fn try_from(members: BTreeMap<String, Value>) -> Result<Self, String> {
        let of_selector = |(key, value): (&String, &Value)| {
            matches!(key.as_str(), "matchLabels" | "matchExpressions") && scalar(value).is_none()
        };
        if members.iter().all(of_selector) {
            let selector = serde_json::from_value(members.into_iter().collect());
            return selector.map(Self).map_err(|error| format!("it is no label selector: {error}"));
        }
        let label = |(key, value): (String, Value)| match scalar(&value) {
            Some(text) => Ok((key, text)),
            None => {
                Err(format!("{key} is neither a label with its value, nor matchLabels or matchExpressions"))
            }
        };
        let match_labels = members.into_iter().map(label).collect::<Result<_, _>>()?;
        Ok(Self(Selector { match_labels, ..Selector::default() }))
    }
}

/// A value of a label as it is meant, also where somebody left the quotes out.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

impl Labels {
    /// Whether it asks for nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.0.match_labels.is_empty() && self.0.match_expressions.is_empty()
    }

    /// The same, as resources have it.
    pub(super) fn to_selector(&self) -> LabelSelector {
        let requirement = |of: &Requirement| LabelSelectorRequirement {
            key: of.key.clone(),
            operator: of.operator.clone(),
            values: Some(of.values.clone()),
        };
        LabelSelector {
            match_labels: Some(self.0.match_labels.clone()),
            match_expressions: Some(self.0.match_expressions.iter().map(requirement).collect()),
        }
    }
}

/// What the parser says, in words for people and without the piece of the text that it quotes below.
fn words(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().render_with_formatter(&UserMessageFormatter);
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}
