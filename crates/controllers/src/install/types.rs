//! The resource types of the objects that installations are made of, and the address of one such object.

use api::meta::ResourceType;
use cluster::ObjectRef;
use engine::document;
use serde_json::Value;

/// Group, version, plural, kind, and whether objects live in namespaces.
type Row = (&'static str, &'static str, &'static str, &'static str, bool);

const TYPES: &[Row] = &[
    ("", "v1", "events", "Event", true),
    ("", "v1", "namespaces", "Namespace", false),
    ("", "v1", "secrets", "Secret", true),
    ("", "v1", "serviceaccounts", "ServiceAccount", true),
    ("", "v1", "services", "Service", true),
    ("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", false),
    ("apps", "v1", "deployments", "Deployment", true),
    ("flowcontrol.apiserver.k8s.io", "v1", "flowschemas", "FlowSchema", false),
    (
        "flowcontrol.apiserver.k8s.io",
        "v1",
        "prioritylevelconfigurations",
        "PriorityLevelConfiguration",
        false,
    ),
    ("oadp.openshift.io", "v1alpha1", "dataprotectionapplications", "DataProtectionApplication", true),
    ("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false),
    ("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false),
    ("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true),
    ("rbac.authorization.k8s.io", "v1", "roles", "Role", true),
    ("velero.io", "v1", "backupstoragelocations", "BackupStorageLocation", true),
    ("velero.io", "v1", "restores", "Restore", true),
    ("velero.io", "v1", "volumesnapshotlocations", "VolumeSnapshotLocation", true),
    ("velero.io", "v2alpha1", "datadownloads", "DataDownload", true),
    ("velero.io", "v2alpha1", "datauploads", "DataUpload", true),
];

/// The type of a kind; `None` for kinds that no installation has.
pub fn of_kind(kind: &str) -> Option<ResourceType> {
    let (group, version, plural, kind, namespaced) = *TYPES.iter().find(|row| row.3 == kind)?;
    Some(ResourceType::addressed(group, version, plural, kind, namespaced))
}

/// Where an object of an installation lives; `None` for kinds that no installation has.
pub fn address(object: &Value) -> Option<ObjectRef> {
    Some(ObjectRef {
        resource: of_kind(document::text(object, &["kind"]))?,
        namespace: document::namespace(object).map(str::to_owned),
        name: document::name(object).to_owned(),
    })
}
