//! Operations of plugins that go on in the background.

use api::Time;
use api::meta::ObjectKey;
use serde::{Deserialize, Serialize};

use super::or_default;

/// One operation of a backup item action.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Operation {
    /// What it is for.
    pub spec: OperationSpec,
    /// How it goes.
    pub status: OperationStatus,
}

/// What an operation is for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OperationSpec {
    /// The Backup's name.
    pub backup_name: String,
    /// The Backup's UID.
    #[serde(rename = "backupUID")]
    pub backup_uid: String,
    /// The name of the action.
    pub backup_item_action: String,
    /// The object that it was begun for.
    pub resource_identifier: ResourceIdentifier,
    /// Its name for the action.
    #[serde(rename = "operationID")]
    pub operation_id: String,
    /// Objects to store again when it has ended.
    pub post_operation_items: Option<Vec<ResourceIdentifier>>,
}

/// An object, with the capitals that Velero's files have.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ResourceIdentifier {
    /// The API group.
    pub group: String,
    /// The plural name.
    pub resource: String,
    /// The namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// The name.
    pub name: String,
}

/// How an operation goes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OperationStatus {
    /// Where it is in its life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<OperationPhase>,
    /// Why it failed.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub error: String,
    /// Units done.
    #[serde(skip_serializing_if = "is_zero")]
    pub n_completed: i64,
    /// Units to do.
    #[serde(skip_serializing_if = "is_zero")]
    pub n_total: i64,
    /// What is counted, such as `Bytes`.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub operation_units: String,
    /// What it is at.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub description: String,
    /// When it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Time>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Time>,
    /// When it was last heard of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<Time>,
}

/// Where an operation is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationPhase {
    /// Asked for.
    New,
    /// Begun.
    InProgress,
    /// Done.
    Completed,
    /// Given up.
    Failed,
}

impl OperationStatus {
    /// Whether there is nothing to wait for.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase, Some(OperationPhase::Completed | OperationPhase::Failed))
    }
}

impl From<&ObjectKey> for ResourceIdentifier {
    fn from(key: &ObjectKey) -> Self {
        Self {
            group: key.resource.group.clone(),
            resource: key.resource.resource.clone(),
            namespace: key.namespace.clone().unwrap_or_default(),
            name: key.name.clone(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &i64) -> bool {
    *count == 0
}
