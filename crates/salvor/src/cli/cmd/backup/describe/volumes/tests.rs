//! What became of volumes, out of files of Velero's shape.

use super::*;

/// One volume of each method, as a finalizer of Velero leaves the file.
const RECORDED: &str = r#"[
{"pvcName":"scratch","pvcNamespace":"shop","pvName":"pvc-3333","snapshotDataMoved":false,"preserveLocalSnapshot":false,"skipped":true,
 "skippedReason":"volumeSnapshot: no applicable volumesnapshotter found;","pvInfo":{"reclaimPolicy":"Delete","labels":null}},
{"pvcName":"old","pvcNamespace":"shop","pvName":"pvc-0000","backupMethod":"NativeSnapshot","snapshotDataMoved":false,
 "preserveLocalSnapshot":false,"skipped":false,"result":"succeeded","nativeSnapshotInfo":{"snapshotHandle":"snap-0","volumeType":"gp3",
 "volumeAZ":"eu-1a","iops":"3000","Phase":"Completed"},"pvInfo":{"reclaimPolicy":"Delete","labels":null}},
{"pvcName":"data","pvcNamespace":"shop","pvName":"pvc-1111","backupMethod":"CSISnapshot","snapshotDataMoved":false,
 "preserveLocalSnapshot":true,"skipped":false,"startTimestamp":"2026-05-20T10:00:05Z","completionTimestamp":"2026-05-20T10:00:21Z",
 "result":"succeeded","csiSnapshotInfo":{"snapshotHandle":"0001-a","size":1073741824,"driver":"rbd.csi.ceph.com",
 "vscName":"snapcontent-2222","operationID":"shop/velero-data-abcde/2026-05-20T10:00:10Z","ReadyToUse":true},
 "pvInfo":{"reclaimPolicy":"Delete","labels":null}},
{"pvcName":"moved","pvcNamespace":"shop","pvName":"pvc-2222","backupMethod":"CSISnapshot","snapshotDataMoved":true,
 "preserveLocalSnapshot":false,"skipped":false,"result":"failed","csiSnapshotInfo":{"snapshotHandle":"unknown","size":0,
 "driver":"rbd.csi.ceph.com","vscName":"unknown","operationID":"unknown","ReadyToUse":null},"snapshotDataMovementInfo":{"dataMover":"",
 "uploaderType":"kopia","retainedSnapshot":"velero-data-abcde","snapshotHandle":"4f","operationID":"du-7d9c","size":734003200,
 "incrementalSize":1048576,"Phase":"Failed"},"pvInfo":{"reclaimPolicy":"Delete","labels":{"a":"b"}}},
{"backupMethod":"PodVolumeBackup","snapshotDataMoved":false,"preserveLocalSnapshot":false,"skipped":false,"result":"succeeded",
 "pvbInfo":{"snapshotHandle":"1a","size":10,"incrementalSize":4,"uploaderType":"kopia","volumeName":"logs","podName":"db-0",
 "podNamespace":"shop","nodeName":"n1","Phase":"Completed"}},
{"backupMethod":"PodVolumeBackup","snapshotDataMoved":false,"preserveLocalSnapshot":false,"skipped":false,"result":"succeeded",
 "pvbInfo":{"snapshotHandle":"1b","size":10,"uploaderType":"kopia","volumeName":"cache","podName":"db-0","podNamespace":"shop",
 "Phase":"Completed"}},
{"backupMethod":"PodVolumeBackup","snapshotDataMoved":false,"preserveLocalSnapshot":false,"skipped":false,"result":"failed",
 "pvbInfo":{"uploaderType":"kopia","volumeName":"cache","podName":"db-1","podNamespace":"shop","Phase":"Failed"}}
]"#;

fn recorded() -> Volumes {
    Volumes::recorded(engine::files::decode(RECORDED.as_bytes()).unwrap(), &[])
}

fn text(volumes: &Volumes, details: bool) -> String {
    let mut sheet = Sheet::default();
    volumes.describe(&mut sheet, details);
    sheet.finish()
}

#[test]
fn volumes_of_every_method_are_counted() {
    insta::assert_snapshot!(text(&recorded(), false), @"
    Velero-Native Snapshots:
      pvc-0000: specify --details for more information

    CSI Snapshots:
      shop/data:
        Snapshot: included, specify --details for more information
      shop/moved:
        Data Movement: included, specify --details for more information

    Pod Volume Backups - kopia (specify --details for more information):
      Completed:  2
      Failed:     1
    ");
    insta::assert_snapshot!(serde_json::to_string_pretty(&recorded().to_json(false)).unwrap(), @r#"
    {
      "csiSnapshots": {
        "shop/data": {
          "snapshot": "included, specify --details for more information"
        },
        "shop/moved": {
          "dataMovement": "included, specify --details for more information"
        }
      },
      "nativeSnapshots": {
        "pvc-0000": "specify --details for more information"
      },
      "podVolumeBackups": {
        "podVolumeBackupsDetails": {
          "Completed": 2,
          "Failed": 1
        },
        "uploderType": "kopia"
      }
    }
    "#);
}

#[test]
fn details_say_what_became_of_each_volume() {
    insta::assert_snapshot!(text(&recorded(), true), @"
    Velero-Native Snapshots:
      pvc-0000:
        Snapshot ID:        snap-0
        Type:               gp3
        Availability Zone:  eu-1a
        IOPS:               3000
        Result:             succeeded

    CSI Snapshots:
      shop/data:
        Snapshot:
          Operation ID: shop/velero-data-abcde/2026-05-20T10:00:10Z
          Snapshot Content Name: snapcontent-2222
          Storage Snapshot ID: 0001-a
          Snapshot Size (bytes): 1073741824
          CSI Driver: rbd.csi.ceph.com
          Result: succeeded
      shop/moved:
        Data Movement:
          Operation ID: du-7d9c
          Data Mover: velero
          Uploader Type: kopia
          Moved data Size (bytes): 734003200
          Incremental data Size (bytes): 1048576
          Result: failed

    Pod Volume Backups - kopia:
      Completed:
        shop/db-0: cache (size: 10), logs (size: 10, incremental size: 4)
      Failed:
        shop/db-1: cache

    Skipped:
      shop/scratch:  volumeSnapshot: no applicable volumesnapshotter found;
    ");
}

#[test]
fn details_are_in_json_too() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&recorded().to_json(true)).unwrap(), @r#"
    {
      "csiSnapshots": {
        "shop/data": {
          "snapshot": {
            "csiDriver": "rbd.csi.ceph.com",
            "operationID": "shop/velero-data-abcde/2026-05-20T10:00:10Z",
            "result": "succeeded",
            "snapshotContentName": "snapcontent-2222",
            "snapshotSize(bytes)": 1073741824,
            "storageSnapshotID": "0001-a"
          }
        },
        "shop/moved": {
          "dataMovement": {
            "dataMover": "velero",
            "incrementalSize": 1048576,
            "operationID": "du-7d9c",
            "result": "failed",
            "size": 734003200,
            "uploaderType": "kopia"
          }
        }
      },
      "nativeSnapshots": {
        "pvc-0000": {
          "IOPS": "3000",
          "availabilityZone": "eu-1a",
          "result": "succeeded",
          "snapshotID": "snap-0",
          "type": "gp3"
        }
      },
      "podVolumeBackups": {
        "podVolumeBackupsDetails": {
          "Completed": [
            {
              "shop/db-0": "cache (size: 10), logs (size: 10, incremental size: 4)"
            }
          ],
          "Failed": [
            {
              "shop/db-1": "cache"
            }
          ]
        },
        "uploderType": "kopia"
      },
      "skipped": {
        "shop/scratch": "volumeSnapshot: no applicable volumesnapshotter found;"
      }
    }
    "#);
}

#[test]
fn what_is_not_there_is_said_not_to_be() {
    insta::assert_snapshot!(text(&Volumes::recorded(Vec::new(), &[]), true), @"
    Velero-Native Snapshots: <none included>

    CSI Snapshots: <none included>

    Pod Volume Backups: <none included>
    ");
    let none = json!({"nativeSnapshots": NONE, "csiSnapshots": NONE, "podVolumeBackups": NONE});
    assert_eq!(Volumes::recorded(Vec::new(), &[]).to_json(true), none);
}

#[test]
fn old_backups_have_native_snapshots_in_a_file_of_their_own() {
    let snapshots = engine::files::decode(
        br#"[{"spec":{"backupName":"b","backupUID":"7d","location":"default","persistentVolumeName":"pvc-0000",
        "providerVolumeID":"vol-0","volumeType":"gp3","volumeAZ":"eu-1a","volumeIOPS":100},
        "status":{"providerSnapshotID":"snap-0","phase":"Completed"}}]"#,
    );
    let old = Volumes::unrecorded(snapshots.unwrap(), &[]);
    insta::assert_snapshot!(text(&old, true), @"
    Velero-Native Snapshots:
      pvc-0000:
        Snapshot ID:        snap-0
        Type:               gp3
        Availability Zone:  eu-1a
        IOPS:               100
        Result:             succeeded

    CSI Snapshots: <none included or not detectable>

    Pod Volume Backups: <none included>
    ");
}

#[test]
fn resources_say_how_far_a_running_backup_of_files_is() {
    let resource = |volume: &str, status: Value| {
        let mut resource: PodVolumeBackup = serde_json::from_value(json!({
            "apiVersion": "velero.io/v1", "kind": "PodVolumeBackup", "metadata": {"name": volume},
            "spec": {"pod": {"namespace": "shop", "name": "db-0"}, "volume": volume},
            "status": status,
        }))
        .unwrap();
        resource.spec.uploader_type = UploaderType::Kopia;
        resource
    };
    let resources = [
        resource("b", json!({"phase": "InProgress", "progress": {"bytesDone": 1234, "totalBytes": 10000}})),
        resource("a", json!({"phase": "InProgress"})),
        resource("c", json!({"phase": "Canceled"})),
        resource("d", json!({})),
        resource("e", json!({"phase": "Thawing"})),
    ];
    // Resources are newer than the file, where there are both.
    let file = engine::files::decode(RECORDED.as_bytes()).unwrap();
    let both = text(&Volumes::recorded(file, &resources), true);
    let running = text(&Volumes::unrecorded(Vec::new(), &resources), true);
    assert!(both.contains("shop/db-0: a, b (12.34%)") && !both.contains("shop/db-1"), "{both}");
    insta::assert_snapshot!(running, @"
    Velero-Native Snapshots: <none included>

    CSI Snapshots: <none included or not detectable>

    Pod Volume Backups - kopia:
      Canceled:
        shop/db-0: c
      In Progress:
        shop/db-0: a, b (12.34%)
      New:
        shop/db-0: d
      Unknown:
        shop/db-0: e
    ");
}
