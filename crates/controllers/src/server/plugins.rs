//! The plugins that are built in, by the names that Velero gives them.

use api::velero::v1::PluginInfo;

/// Kinds and the names of their plugins, each below `velero.io/`.
const BUILT_IN: &[(&str, &[&str])] = &[
    ("BackupItemAction", &["crd-remap-version", "pod", "pv", "service-account"]),
    (
        "BackupItemActionV2",
        &[
            "csi-pvc-backupper",
            "csi-volumesnapshot-backupper",
            "csi-volumesnapshotclass-backupper",
            "csi-volumesnapshotcontent-backupper",
        ],
    ),
    ("DeleteItemAction", &["csi-volumesnapshotcontent-delete", "dataupload-delete"]),
    ("ItemBlockAction", &["pod", "pvc", "service-account"]),
    ("ObjectStore", &["aws", "azure", "gcp"]),
    (
        "RestoreItemAction",
        &[
            "add-pvc-from-pod",
            "admission-webhook-configuration",
            "apiservice",
            "change-image-name",
            "change-storage-class",
            "cluster-role-bindings",
            "crd-preserve-fields",
            "dataupload",
            "init-restore-hook",
            "job",
            "pod",
            "pod-volume-restore",
            "pvc",
            "role-bindings",
            "secret",
            "service",
            "service-account",
        ],
    ),
    (
        "RestoreItemActionV2",
        &[
            "csi-pvc-restorer",
            "csi-volumesnapshot-restorer",
            "csi-volumesnapshotclass-restorer",
            "csi-volumesnapshotcontent-restorer",
        ],
    ),
];

/// The one action that gives way to keeping all versions of a group.
const REMAP: &str = "crd-remap-version";

/// The plugins of this server.
pub fn list(all_group_versions: bool) -> Vec<PluginInfo> {
    let named =
        |kind: &str, name: &str| PluginInfo { name: format!("velero.io/{name}"), kind: kind.to_owned() };
    let built_in = BUILT_IN.iter().flat_map(|(kind, names)| names.iter().map(move |name| (*kind, *name)));
    let built_in = built_in.filter(|(_, name)| !(all_group_versions && *name == REMAP));
    let mut all: Vec<PluginInfo> = built_in.map(|(kind, name)| named(kind, name)).collect();
    let kind = "ObjectStore".to_owned();
    all.push(PluginInfo { name: api::labels::FILESYSTEM_PROVIDER.to_owned(), kind });
    all.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plugin_stands_once_and_the_remapper_gives_way() {
        let mut all = list(false);
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
        assert_eq!(list(true).len() + 1, count);
        assert!(all.iter().any(|plugin| plugin.kind == "ObjectStore" && plugin.name == "velero.io/aws"));
    }
}
