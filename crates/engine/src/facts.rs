//! What planning needs to know of an object, so that plans are made without documents.

mod details;
mod labels;

pub use details::{ClaimDetails, Details, Origin, PodDetails, PodVolume, VolumeDetails};
pub use labels::Labels;

use api::labels as names;
use api::meta::{GroupResource, ObjectKey, ResourceType};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::{annotation, at, label, list, name, namespace, text, uid};

/// The group of the operators' life cycle.
pub(crate) const OLM: &str = "operators.coreos.com";

/// What planning needs to know of one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Its address.
    pub key: ObjectKey,
    /// The version (without group) that the document is written in.
    pub version: String,
    /// Its kind.
    pub kind: String,
    /// Its UID.
    #[serde(default)]
    pub uid: String,
    /// Its labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// What owns it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Owner>,
    /// What it names, and how.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
    /// What it is, as far as planning asks.
    #[serde(default)]
    pub marks: Marks,
    /// What else is asked of namespaces, pods, claims and volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<Details>>,
    /// Where the document is.
    pub at: Span,
}

/// Where a document lies in a spool: which of its files, and which bytes of that, uncompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Span {
    /// The number of the spool file.
    pub file: u32,
    /// Its first byte.
    pub start: u64,
    /// How many bytes it has.
    pub length: u32,
}

/// An owner reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The owner's `apiVersion`.
    pub api_version: String,
    /// The owner's kind.
    pub kind: String,
    /// The owner's name.
    pub name: String,
    /// The owner's UID.
    pub uid: String,
}

/// One object naming another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// As what.
    pub relation: Relation,
    /// Which.
    pub key: ObjectKey,
}

/// How one object names another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Relation {
    /// A pod mounts a claim.
    Claim,
    /// A pod has a priority class.
    PriorityClass,
    /// A bound claim has a volume.
    Volume,
    /// A binding grants to a service account.
    Subject,
    /// A binding grants a role.
    Role,
    /// A volume is claimed.
    ClaimedBy,
    /// A subscription to an operator has installed a version of it.
    Installed,
}

/// What an object is, as far as planning asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Marks {
    /// It is being deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub terminating: bool,
    /// It carries `velero.io/exclude-from-backup=true`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub excluded: bool,
    /// A pod or job that has ended.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub completed: bool,
    /// A mirror pod of the kubelet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mirror: bool,
    /// Server-side apply owns some of its fields: only then does a restore bring `managedFields` back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub applied: bool,
    /// Its `status` is not empty.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub has_status: bool,
    /// A secret that holds the token of a service account.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub token: bool,
    /// A volume whose storage goes when its claim goes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reclaimed: bool,
    /// A Service whose selector says which pods it leads to: its endpoints are made from that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub selects: bool,
    /// A lease that somebody has renewed, and takes again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub renewed: bool,
    /// What its annotation `velero.io/restore-status` asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_status: Option<bool>,
}

impl Facts {
    /// The facts of a document that was listed as, or lay in an archive as, `resource`.
    pub fn of(document: &Value, resource: &ResourceType, span: Span) -> Self {
        let scope = if resource.namespaced { namespace(document) } else { None };
        let api_version = text(document, &["apiVersion"]);
        Self {
            key: ObjectKey::new(resource.group_resource(), scope, name(document)),
            version: api_version.rsplit('/').next().unwrap_or_default().to_owned(),
            kind: text(document, &["kind"]).to_owned(),
            uid: uid(document).to_owned(),
            labels: crate::document::labels(document).into(),
            owners: owners(document),
            references: references(document, &resource.group_resource()),
            marks: marks(document, &resource.group_resource()),
            details: Details::of(document, &resource.group_resource()).map(Box::new),
            at: span,
        }
    }

    /// The objects that it names as `relation`.
    pub fn named(&self, relation: Relation) -> impl Iterator<Item = &ObjectKey> {
        self.references.iter().filter(move |to| to.relation == relation).map(|to| &to.key)
    }
}

fn owners(document: &Value) -> Vec<Owner> {
    let owner = |of: &Value| Owner {
        api_version: text(of, &["apiVersion"]).to_owned(),
        kind: text(of, &["kind"]).to_owned(),
        name: name_of(of),
        uid: text(of, &["uid"]).to_owned(),
    };
    list(document, &["metadata", "ownerReferences"]).iter().map(owner).collect()
}

fn name_of(of: &Value) -> String {
    text(of, &["name"]).to_owned()
}

fn marks(document: &Value, resource: &GroupResource) -> Marks {
    let ended_pod =
        resource.is("", "pods") && matches!(text(document, &["status", "phase"]), "Succeeded" | "Failed");
    let ended_job = resource.is("batch", "jobs") && !at(document, &["status", "completionTime"]).is_null();
    let managed = list(document, &["metadata", "managedFields"]);
    Marks {
        terminating: !at(document, &["metadata", "deletionTimestamp"]).is_null(),
        excluded: label(document, names::EXCLUDE_FROM_BACKUP) == Some("true"),
        completed: ended_pod || ended_job,
        mirror: resource.is("", "pods") && annotation(document, "kubernetes.io/config.mirror").is_some(),
        applied: managed.iter().any(|entry| text(entry, &["operation"]) == "Apply"),
        has_status: document["status"].as_object().is_some_and(|status| !status.is_empty()),
        token: resource.is("", "secrets")
            && text(document, &["type"]) == "kubernetes.io/service-account-token",
        reclaimed: resource.is("", "persistentvolumes")
            && text(document, &["spec", "persistentVolumeReclaimPolicy"]) == "Delete",
        selects: resource.is("", "services")
            && at(document, &["spec", "selector"]).as_object().is_some_and(|selector| !selector.is_empty()),
        renewed: resource.group == "coordination.k8s.io" && !at(document, &["spec", "renewTime"]).is_null(),
        restore_status: annotation(document, names::RESTORE_STATUS).and_then(yes_or_no),
    }
}

fn yes_or_no(text: &str) -> Option<bool> {
    text.trim().to_lowercase().parse().ok()
}

fn references(document: &Value, resource: &GroupResource) -> Vec<Reference> {
    match (resource.group.as_str(), resource.resource.as_str()) {
        ("", "pods") => of_pod(document),
        ("", "persistentvolumeclaims") => of_claim(document),
        ("", "persistentvolumes") => of_volume(document),
        ("rbac.authorization.k8s.io", "clusterrolebindings" | "rolebindings") => of_binding(document),
        (OLM, "subscriptions") => of_subscription(document),
        _ => Vec::new(),
    }
}

fn to(
    relation: Relation,
    group: &str,
    resource: &str,
    namespace: Option<&str>,
    name: &str,
) -> Option<Reference> {
    let key = ObjectKey::new(GroupResource::new(group, resource), namespace, name);
    (!name.is_empty()).then_some(Reference { relation, key })
}

fn of_pod(pod: &Value) -> Vec<Reference> {
    let class = text(pod, &["spec", "priorityClassName"]);
    let class = to(Relation::PriorityClass, "scheduling.k8s.io", "priorityclasses", None, class);
    let claims = list(pod, &["spec", "volumes"]).iter().filter_map(|volume| {
        let claim = text(volume, &["persistentVolumeClaim", "claimName"]);
        to(Relation::Claim, "", "persistentvolumeclaims", namespace(pod), claim)
    });
    class.into_iter().chain(claims).collect()
}

fn of_subscription(subscription: &Value) -> Vec<Reference> {
    let installed = text(subscription, &["status", "installedCSV"]);
    let namespace = namespace(subscription);
    to(Relation::Installed, OLM, "clusterserviceversions", namespace, installed).into_iter().collect()
}

fn of_claim(claim: &Value) -> Vec<Reference> {
    let bound = text(claim, &["status", "phase"]) == "Bound";
    let volume = if bound { text(claim, &["spec", "volumeName"]) } else { "" };
    to(Relation::Volume, "", "persistentvolumes", None, volume).into_iter().collect()
}

fn of_volume(volume: &Value) -> Vec<Reference> {
    let claim = at(volume, &["spec", "claimRef"]);
    let namespace = Some(text(claim, &["namespace"]));
    to(Relation::ClaimedBy, "", "persistentvolumeclaims", namespace, text(claim, &["name"]))
        .into_iter()
        .collect()
}

fn of_binding(binding: &Value) -> Vec<Reference> {
    let rbac = "rbac.authorization.k8s.io";
    let role = text(binding, &["roleRef", "name"]);
    let role = match text(binding, &["roleRef", "kind"]) {
        "ClusterRole" => to(Relation::Role, rbac, "clusterroles", None, role),
        _ => to(Relation::Role, rbac, "roles", namespace(binding), role),
    };
    let accounts =
        list(binding, &["subjects"]).iter().filter(|subject| text(subject, &["kind"]) == "ServiceAccount");
    let accounts = accounts.filter_map(|subject| {
        to(
            Relation::Subject,
            "",
            "serviceaccounts",
            Some(text(subject, &["namespace"])),
            text(subject, &["name"]),
        )
    });
    role.into_iter().chain(accounts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_names_its_claims_and_class() {
        let pods = ResourceType::addressed("", "v1", "pods", "Pod", true);
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "db-0", "namespace": "shop", "uid": "u"},
            "spec": {"priorityClassName": "high", "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}, {"name": "tmp", "emptyDir": {}}]},
            "status": {"phase": "Succeeded"}});
        let facts = Facts::of(&pod, &pods, Span::default());
        let claims: Vec<_> = facts.named(Relation::Claim).map(ObjectKey::full_name).collect();
        assert_eq!(claims, ["shop/data-db-0"]);
        assert_eq!(facts.named(Relation::PriorityClass).count(), 1);
        assert!(facts.marks.completed && facts.marks.has_status && !facts.marks.applied);
    }

    #[test]
    fn a_binding_names_its_role_and_accounts() {
        let bindings = ResourceType::addressed(
            "rbac.authorization.k8s.io",
            "v1",
            "clusterrolebindings",
            "ClusterRoleBinding",
            false,
        );
        let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "b"}, "roleRef": {"kind": "ClusterRole", "name": "r"},
            "subjects": [{"kind": "ServiceAccount", "namespace": "shop", "name": "web"}, {"kind": "User", "name": "u"}]});
        let facts = Facts::of(&binding, &bindings, Span::default());
        assert_eq!(facts.named(Relation::Role).next().unwrap().full_name(), "r");
        assert_eq!(facts.named(Relation::Subject).next().unwrap().full_name(), "shop/web");
        assert_eq!(facts.named(Relation::Subject).count(), 1);
    }
}
