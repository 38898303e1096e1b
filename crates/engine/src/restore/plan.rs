//! The plan of a restore: complete before the first effect, and never changed afterwards.

use std::collections::BTreeMap;

use api::meta::{GroupResource, ObjectKey, ResourceType};
use serde::{Deserialize, Serialize};

use super::adjustments::Adjustments;
use super::owners::Link;
use super::volumes::Decision;
use crate::facts::Span;
use crate::hooks::init::InitHooks;
use crate::hooks::restore::RestoreHook;
use crate::problem::Problem;

/// The version of the plan's form.
pub const VERSION: u32 = 1;

/// Everything that a restore will do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestorePlan {
    /// The version of this form.
    pub v: u32,
    /// The Restore.
    pub restore: Identity,
    /// The name of the backup.
    pub backup: String,
    /// What happens to objects that are there already.
    pub policy: Policy,
    /// Whether services keep all their node ports.
    #[serde(default)]
    pub keep_node_ports: bool,
    /// New names of namespaces, by their names in the backup.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub namespace_mapping: BTreeMap<String, String>,
    /// What ConfigMaps want changed in the objects.
    #[serde(default, skip_serializing_if = "Adjustments::is_empty")]
    pub adjustments: Adjustments,
    /// The types of the objects, each once; items refer to them by position.
    pub kinds: Vec<PlannedKind>,
    /// Whether what is created gets no finalizers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strip_finalizers: bool,
    /// What happens to each persistent volume that the backup knows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Decision>,
    /// What to create, in order: a stage begins when the one before is through its gate.
    pub stages: Vec<Stage>,
    /// The commands to run in restored pods, those of one pod one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<RestoreHook>,
    /// Init containers that the spec adds to pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub init_hooks: Vec<InitHooks>,
    /// What is not restored, and which rule says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// Which object a restore is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Identity {
    /// The namespace of the Restore.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// What happens to objects that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// They stay as they are.
    #[default]
    None,
    /// They get what the backup has, and keep what only they have.
    Update,
    /// They are deleted and created, where they differ from what the backup has.
    Recreate,
}

/// A type of which objects are restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedKind {
    /// The group-resource in the archive.
    pub source: GroupResource,
    /// The type, in the version to create in.
    pub resource: ResourceType,
    /// The changes that its documents go through, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
}

/// Objects that may be created side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// What it is called in logs.
    pub name: String,
    /// Namespaces that must be there, and not terminating, at its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<PlannedNamespace>,
    /// The objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<PlannedItem>,
    /// What the next stage waits for, beyond the end of this one.
    #[serde(default)]
    pub gate: Gate,
}

/// What a stage waits for when its objects are created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Gate {
    /// Nothing more.
    #[default]
    None,
    /// Each definition that it created is `Established` and `NamesAccepted`, and discovery shows its types.
    Established,
}

/// A namespace to make sure of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedNamespace {
    /// Its name in the cluster.
    pub name: String,
    /// Where its document is; absent for a namespace that the backup has only objects of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Span>,
    /// Whether it was there when the plan was made.
    #[serde(default)]
    pub exists: bool,
}

/// One object to restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedItem {
    /// The position of its type in [`RestorePlan::kinds`].
    pub kind: usize,
    /// Its namespace in the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Where its document is.
    pub at: Span,
    /// Whether `managedFields` are brought back by a second write.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub managed_fields: bool,
    /// Whether its status is brought back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub status: bool,
    /// The owners that it had, as far as they may be there again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Link>,
}

/// Objects that one rule leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The rule.
    pub rule: Rule,
    /// Their type, as in the archive.
    pub resource: GroupResource,
    /// Their namespace in the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Their kind, with its version: the key of the resource list.
    pub kind: String,
    /// Their names, sorted.
    pub names: Vec<String>,
}

/// Why an object is not restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Rule {
    /// Objects of its type belong to one cluster.
    NotRestorable,
    /// It records a snapshot: restores of volumes use it.
    SnapshotRecord,
    /// The resource filters.
    ResourceFilter,
    /// The namespace filters.
    NamespaceFilter,
    /// The rule on cluster-scoped objects.
    ClusterScope,
    /// The label selectors.
    LabelSelector,
    /// A filter of the resource policy.
    FilterPolicy,
    /// A pod or job that has ended.
    Completed,
    /// The kubelet makes mirror pods.
    MirrorPod,
    /// The aggregation layer makes this APIService.
    Automanaged,
    /// The token controller makes this secret.
    AccountToken,
    /// A controller makes it of other objects.
    Derived,
    /// The storage class makes the volume anew.
    Reprovisioned,
    /// The cluster does not have its type, or not in this version.
    NotServed,
    /// Another object of the backup goes to the same place, and every namespace has one of that name by itself.
    SameTarget,
}

impl Rule {
    /// The rule in words that follow "not restored: ".
    pub fn text(self) -> &'static str {
        match self {
            Self::NotRestorable => "objects of this type belong to one cluster",
            Self::SnapshotRecord => "it records a snapshot, and is read, not restored",
            Self::ResourceFilter => "its type is filtered out",
            Self::NamespaceFilter => "its namespace is filtered out",
            Self::ClusterScope => "cluster-scoped objects are not part of this restore",
            Self::LabelSelector => "the label selector does not match",
            Self::FilterPolicy => "a filter of the resource policy leaves it out",
            Self::Completed => "it has ended",
            Self::MirrorPod => "the kubelet makes mirror pods",
            Self::Automanaged => "the API server makes this APIService",
            Self::AccountToken => "the token of a service account is made anew",
            Self::Derived => "a controller makes it of other objects",
            Self::Reprovisioned => "the volume is provisioned anew",
            Self::NotServed => "the cluster does not serve its API version",
            Self::SameTarget => "another object of the backup goes to the same place",
        }
    }

    /// How the resource list counts an object that it leaves out, if it does.
    pub fn outcome(self) -> Option<super::Outcome> {
        match self {
            Self::MirrorPod
            | Self::Automanaged
            | Self::AccountToken
            | Self::Derived
            | Self::Reprovisioned
            | Self::SameTarget => Some(super::Outcome::Skipped),
            Self::NotServed => Some(super::Outcome::Failed),
            _ => None,
        }
    }
}

impl RestorePlan {
    /// The type of an item, with its actions.
    pub fn kind(&self, item: &PlannedItem) -> &PlannedKind {
        &self.kinds[item.kind]
    }

    /// The type to create an item in.
    pub fn resource(&self, item: &PlannedItem) -> &ResourceType {
        &self.kind(item).resource
    }

    /// Where an item comes from.
    pub fn source(&self, item: &PlannedItem) -> ObjectKey {
        ObjectKey::new(self.kind(item).source.clone(), item.namespace.as_deref(), &item.name)
    }

    /// Where an item goes.
    pub fn target(&self, item: &PlannedItem) -> ObjectKey {
        let namespace = item.namespace.as_deref().map(|source| self.mapped(source));
        ObjectKey::new(self.resource(item).group_resource(), namespace, &item.name)
    }

    /// Where the owner that a link of an item means is now.
    pub fn owner(&self, link: &Link, item: &PlannedItem) -> ObjectKey {
        let resource = &self.kinds[link.kind].resource;
        let namespace = item.namespace.as_deref().filter(|_| resource.namespaced);
        let namespace = namespace.map(|source| self.mapped(source));
        ObjectKey::new(resource.group_resource(), namespace, &link.name)
    }

    /// The name in the cluster of a namespace of the backup.
    pub fn mapped<'a>(&'a self, namespace: &'a str) -> &'a str {
        self.namespace_mapping.get(namespace).map_or(namespace, String::as_str)
    }

    /// Every item, in order.
    pub fn items(&self) -> impl Iterator<Item = &PlannedItem> {
        self.stages.iter().flat_map(|stage| &stage.items)
    }

    /// How many namespaces and objects there are to restore.
    pub fn total(&self) -> usize {
        self.stages.iter().map(|stage| stage.namespaces.len() + stage.items.len()).sum()
    }
}
