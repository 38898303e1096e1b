//! The exact texts of side files.

use super::*;
use crate::backup::fixture::{Cluster, backup};

const CLUSTER: &str = r"
- {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: shop, name: data}, spec: {volumeName: pv-1}, status: {phase: Bound}}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: pv-1, labels: {disk: a}},
   spec: {persistentVolumeReclaimPolicy: Delete, csi: {driver: d}, claimRef: {namespace: shop, name: data}}}
- {apiVersion: example.com/v1, kind: Widget, metadata: {namespace: shop, name: w}}
";

fn check(files: &SideFiles) -> String {
    let files = files.encode().unwrap();
    let text = |(name, content): &(&str, Vec<u8>)| format!("{name} {}", String::from_utf8_lossy(content));
    files.iter().map(text).collect()
}

#[test]
fn a_plan_becomes_files() {
    let plan = Cluster::new(CLUSTER).plan(&backup("{includedNamespaces: [shop]}"));
    let all = SideFiles::of(&plan, |_| true, &plan.problems);
    insta::assert_snapshot!(check(&all), @r#"
    resource-list.json.gz {"example.com/v1/Widget":["shop/w"],"v1/Namespace":["shop"],"v1/PersistentVolume":["pv-1"],"v1/PersistentVolumeClaim":["shop/data"]}
    results.gz {"errors":{},"warnings":{"namespaces":{"shop":[" resource: /persistentvolumeclaims name: /data message: /the data of the volume is not in the backup: nothing asks for it (SLV-1301)"]}}}
    volumeinfo.json.gz [{"pvcName":"data","pvcNamespace":"shop","pvName":"pv-1","snapshotDataMoved":false,"preserveLocalSnapshot":false,"skipped":true,"skippedReason":"csiSnapshot: nothing asks for it;","pvInfo":{"reclaimPolicy":"Delete","labels":{"disk":"a"}}}]
    itemoperations.json.gz []
    volumesnapshots.json.gz null
    podvolumebackups.json.gz null
    "#);
    let without_volumes = SideFiles::of(&plan, |index| plan.items[index].name != "pv-1", &[]);
    assert!(without_volumes.volume_info.is_empty());
}

#[test]
fn empty_files_are_as_velero_writes_them() {
    insta::assert_snapshot!(check(&SideFiles::default()), @r#"
    resource-list.json.gz {}
    results.gz {"errors":{},"warnings":{}}
    volumeinfo.json.gz []
    itemoperations.json.gz []
    volumesnapshots.json.gz null
    podvolumebackups.json.gz null
    "#);
}

#[test]
fn files_of_velero_are_read() {
    assert_eq!(decode::<Vec<NativeSnapshot>>(b"null\n").unwrap(), []);
    let volumes: Vec<VolumeInfo> = decode(
        br#"[{"pvcName":"data","pvcNamespace":"shop","pvName":"pvc-1","backupMethod":"CSISnapshot","snapshotDataMoved":true,
        "preserveLocalSnapshot":false,"skipped":false,"startTimestamp":"2026-05-20T10:00:05Z","result":"succeeded",
        "csiSnapshotInfo":{"snapshotHandle":"unknown","size":0,"driver":"d","vscName":"unknown","operationID":"unknown","ReadyToUse":null},
        "snapshotDataMovementInfo":{"dataMover":"velero","uploaderType":"kopia","retainedSnapshot":"s","snapshotHandle":"h",
        "operationID":"du-1","size":73,"incrementalSize":10,"Phase":"Completed"},"pvInfo":{"reclaimPolicy":"Delete","labels":{"a":"b"}}},
        {"backupMethod":"PodVolumeBackup","snapshotDataMoved":false,"preserveLocalSnapshot":false,"skipped":false,"unheardOf":1,
        "pvbInfo":{"snapshotHandle":"i","size":10,"uploaderType":"kopia","volumeName":"c","podName":"p","podNamespace":"shop","Phase":"Completed"}}]"#,
    )
    .unwrap();
    let moved = volumes[0].snapshot_data_movement_info.as_ref().unwrap();
    assert_eq!(
        (moved.phase.as_str(), moved.operation_id.as_str(), moved.incremental_size),
        ("Completed", "du-1", Some(10))
    );
    assert_eq!(volumes[1].pvb_info.as_ref().unwrap().size, Some(10));
    let text = serde_json::to_string(&volumes).unwrap();
    assert_eq!(serde_json::from_str::<Vec<VolumeInfo>>(&text).unwrap(), volumes);
    for key in ["\"ReadyToUse\":null", "\"Phase\":\"Completed\"", "\"vscName\"", "\"operationID\""] {
        assert!(text.contains(key), "{key}");
    }

    let operations: Vec<Operation> = decode(
        br#"[{"spec":{"backupName":"b1","backupUID":"7d","backupItemAction":"velero.io/csi-pvc-backupper",
        "resourceIdentifier":{"Group":"","Resource":"persistentvolumeclaims","Namespace":"shop","Name":"data"},"operationID":"du-7d",
        "postOperationItems":[{"Group":"velero.io","Resource":"datauploads","Namespace":"n","Name":"b1-x"}]},
        "status":{"phase":"Completed","nCompleted":7,"nTotal":7,"operationUnits":"Bytes","created":"2026-05-20T10:00:05Z"}}]"#,
    )
    .unwrap();
    assert!(operations[0].status.has_ended());
    let text = serde_json::to_string(&operations).unwrap();
    assert!(text.contains(r#""resourceIdentifier":{"Group":"","Resource":"persistentvolumeclaims","Namespace":"shop","Name":"data"}"#));
    assert!(
        text.contains(r#""backupUID":"7d""#)
            && text.contains(r#""operationID":"du-7d""#)
            && !text.contains("error")
    );

    let snapshots: Vec<NativeSnapshot> = decode(
        br#"[{"spec":{"backupName":"b","backupUID":"u","location":"l","persistentVolumeName":"pv","providerVolumeID":"vol-1",
        "volumeType":"gp3","volumeAZ":"z","volumeIOPS":100},"status":{"providerSnapshotID":"snap-1","phase":"Completed"}}]"#,
    )
    .unwrap();
    let text = serde_json::to_string(&snapshots[0]).unwrap();
    for key in ["providerVolumeID", "volumeAZ", "volumeIOPS", "providerSnapshotID"] {
        assert!(text.contains(key), "{key}");
    }
}
