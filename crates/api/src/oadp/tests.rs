//! Applications as OADP's documentation shows them, through the types.

use serde_json::json;

use super::*;
use crate::Kind;

#[test]
fn the_fields_of_every_level_have_oadp_s_names() {
    let document = json!({
        "apiVersion": "oadp.openshift.io/v1alpha1",
        "kind": "DataProtectionApplication",
        "metadata": {"name": "dpa", "namespace": "openshift-adp"},
        "spec": {
            "backupImages": false,
            "configuration": {
                "nodeAgent": {"uploaderType": "restic", "enable": true, "backupPVC": {"fast": {"readOnly": true}}},
                "velero": {
                    "defaultVolumesToFSBackup": true,
                    "client-qps": 7,
                    "args": {"default-backup-ttl": 1, "log_file_max_size": 2, "max-concurrent-k8s-connections": 3},
                    "defaultPlugins": ["legacy-aws"],
                    "podConfig": {"resourceAllocations": {"limits": {"cpu": 2, "memory": "1Gi"}}},
                },
            },
            "nonAdmin": {"requireApprovalForBSL": true, "enforceBSLSpec": {"provider": "aws"}},
        },
    });
    let read = DataProtectionApplication::from_document(&document).unwrap();
    assert_eq!(read.to_document(), document);
    let velero = read.spec.configuration.velero.unwrap();
    assert_eq!(velero.default_plugins, [DefaultPlugin::LegacyAws]);
    assert_eq!(velero.args.unwrap().default_backup_ttl, Some(1));
}

#[test]
fn what_a_later_version_says_is_passed_over() {
    let document = json!({"spec": {
        "configuration": {"velero": {"defaultPlugins": ["tomorrow"], "fieldOfTomorrow": 1}},
        "imagePullPolicy": "Sometimes",
    }});
    let read = DataProtectionApplication::from_document(&document).unwrap();
    assert_eq!(read.spec.configuration.velero.unwrap().default_plugins, [DefaultPlugin::Unknown]);
}
