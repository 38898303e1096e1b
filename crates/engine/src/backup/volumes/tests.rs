//! Decisions about volumes, one a line.

use crate::backup::fixture::{Cluster, backup, config_map, policy, render};
use crate::policy::Sources;

/// Volumes of every sort: of CSI, of NFS, of a node, a block device, unbound, mounted and not.
const CLUSTER: &str = r"
- {apiVersion: v1, kind: Namespace, metadata: {name: a}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: a, name: csi, labels: {app: db}},
   spec: {volumeName: csi, volumeMode: Filesystem, accessModes: [ReadWriteOnce]}, status: {phase: Bound}}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: csi}, spec: {capacity: {storage: 10Gi}, storageClassName: fast,
   csi: {driver: d, volumeAttributes: {tier: gold}}, claimRef: {namespace: a, name: csi}}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: a, name: nfs}, spec: {volumeName: nfs}, status: {phase: Bound}}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: nfs}, spec: {capacity: {storage: 1Ti}, nfs: {server: s, path: /p},
   claimRef: {namespace: a, name: nfs}}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: a, name: raw}, spec: {volumeName: raw, volumeMode: Block},
   status: {phase: Bound}}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: raw}, spec: {csi: {driver: d}, claimRef: {namespace: a, name: raw}}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: a, name: waits}, status: {phase: Pending}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: db, annotations: {backup.velero.io/backup-volumes: own}},
   spec: {nodeName: n1, volumes: [{name: data, persistentVolumeClaim: {claimName: csi}}, {name: disk, persistentVolumeClaim: {claimName: raw}},
   {name: later, persistentVolumeClaim: {claimName: waits}}, {name: own, emptyDir: {}}, {name: node, hostPath: {path: /x}}]},
   status: {phase: Running}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: done},
   spec: {nodeName: n1, volumes: [{name: data, persistentVolumeClaim: {claimName: nfs}}, {name: own, emptyDir: {}}]},
   status: {phase: Succeeded}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: build, annotations: {openshift.io/build.name: b}},
   spec: {nodeName: n1, volumes: [{name: work, emptyDir: {}}]}, status: {phase: Running}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: starting},
   spec: {volumes: [{name: own, emptyDir: {}}]}, status: {phase: Pending}}
";

/// The decisions of a backup, and its problems by code.
fn check(spec: &str, policies: &Sources) -> String {
    let plan = Cluster::new(CLUSTER).plan_by(&backup(spec), policies, false);
    let text = render(&plan);
    let lines = text.lines().filter(|line| line.starts_with("volume") || line.contains("SLV-"));
    lines.map(|line| line.split(": the data").next().unwrap_or(line).to_owned() + "\n").collect()
}

#[test]
fn without_a_policy_pods_decide_and_then_the_backup() {
    insta::assert_snapshot!(check("{}", &Sources::default()), @"
    volume [a/csi|csi|] CsiSnapshot: snapshots are taken where nothing else is said
    volume [a/raw|raw|] CsiSnapshot: snapshots are taken where nothing else is said
    volume [a/waits||] ObjectOnly: the claim is not bound
    volume [||a/db own] FsBackup: an annotation of a pod asks for it
    volume [a/nfs|nfs|] ObjectOnly: it has no CSI driver, and the backup no location for native snapshots
    Warning SLV-1301 persistentvolumeclaims a/csi
    Warning SLV-1301 persistentvolumeclaims a/raw
    Error SLV-1302 pods a/db
    Warning SLV-1301 persistentvolumeclaims a/nfs
    ");
    insta::assert_snapshot!(check("{volumeSnapshotLocations: [l], snapshotVolumes: true}", &Sources::default()), @"
    volume [a/csi|csi|] CsiSnapshot: snapshotVolumes asks for it
    volume [a/raw|raw|] CsiSnapshot: snapshotVolumes asks for it
    volume [a/waits||] ObjectOnly: the claim is not bound
    volume [||a/db own] FsBackup: an annotation of a pod asks for it
    volume [a/nfs|nfs|] NativeSnapshot: snapshotVolumes asks for it
    Error SLV-1302 persistentvolumeclaims a/csi
    Error SLV-1302 persistentvolumeclaims a/raw
    Error SLV-1302 pods a/db
    Error SLV-1302 persistentvolumeclaims a/nfs
    ");
}

#[test]
fn the_file_systems_of_pods_that_have_ended_are_nobodys() {
    insta::assert_snapshot!(check("{defaultVolumesToFsBackup: true, snapshotMoveData: true}", &Sources::default()), @"
    volume [||a/build work] Skipped: the pod is that of a build
    volume [a/csi|csi|a/db data] FsBackup: defaultVolumesToFsBackup asks for it
    volume [a/raw|raw|] MovedSnapshot: snapshotMoveData asks for it
    volume [a/waits||] ObjectOnly: the claim is not bound
    volume [||a/db own] FsBackup: defaultVolumesToFsBackup asks for it
    volume [a/nfs|nfs|] ObjectOnly: only snapshots of CSI drivers can be moved
    volume [||a/done own] Skipped: the pod has ended
    volume [||a/starting own] ObjectOnly: the pod does not run
    Error SLV-1302 persistentvolumeclaims a/csi
    Error SLV-1302 persistentvolumeclaims a/raw
    Error SLV-1302 pods a/db
    Error SLV-1302 persistentvolumeclaims a/nfs
    Error SLV-1302 pods a/starting
    ");
}

#[test]
fn the_first_policy_that_matches_decides() {
    let policies = policy(
        "version: v1\nvolumePolicies:\n\
         - {conditions: {csi: {driver: d, volumeAttributes: {tier: gold}}}, action: {type: snapshot, parameters: {snapshotClass: c}}}\n\
         - {conditions: {pvcVolumeMode: Block}, action: {type: fs-backup}}\n\
         - {conditions: {pvcPhase: [Pending]}, action: {type: skip}}\n\
         - {conditions: {nfs: {}}, action: {type: fs-backup}}\n\
         - {conditions: {volumeTypes: [emptyDir]}, action: {type: skip}}\n\
         - {action: {type: custom}}",
    );
    insta::assert_snapshot!(check("{snapshotVolumes: false}", &policies), @"
    volume [a/csi|csi|] CsiSnapshot: volume policy 1 of p says snapshot
    volume [a/raw|raw|] ObjectOnly: it is a block device, which has no file system to read
    volume [a/waits||] Skipped: volume policy 3 of p says skip
    volume [||a/db own] Skipped: volume policy 5 of p says skip
    volume [a/nfs|nfs|] ObjectOnly: no running pod mounts the claim
    Error SLV-1302 persistentvolumeclaims a/csi
    Error SLV-1302 persistentvolumeclaims a/raw
    Error SLV-1302 persistentvolumeclaims a/nfs
    ");
    let plan = Cluster::new(CLUSTER).plan_by(&backup("{}"), &policies, false);
    let snapshot = plan.volumes.iter().find_map(|volume| volume.snapshot.as_ref()).unwrap();
    assert_eq!(snapshot.snapshot_class.as_deref(), Some("c"));
}

#[test]
fn the_policy_of_the_server_comes_after_that_of_the_backup() {
    let mut policies = policy(
        "version: v1\nvolumePolicies: [{conditions: {storageClass: [fast]}, action: {type: fs-backup}}]",
    );
    policies.global = Some(config_map("site", "version: v1\nvolumePolicies: [{action: {type: skip}}]"));
    insta::assert_snapshot!(check("{}", &policies), @"
    volume [a/csi|csi|a/db data] FsBackup: volume policy 1 of p says fs-backup
    volume [a/raw|raw|] Skipped: volume policy 1 of site says skip
    volume [a/waits||] Skipped: volume policy 1 of site says skip
    volume [||a/db own] Skipped: volume policy 1 of site says skip
    volume [a/nfs|nfs|] Skipped: volume policy 1 of site says skip
    Error SLV-1302 persistentvolumeclaims a/csi
    ");
}

#[test]
fn what_a_plug_in_is_to_do_is_unprotected() {
    let policies = policy(
        "version: v1\nvolumePolicies: [{conditions: {nfs: {server: s, path: /p}}, action: {type: custom}}]",
    );
    let text = check("{}", &policies);
    assert!(
        text.contains(
            "[a/nfs|nfs|] Custom: volume policy 1 of p says custom, and there is no plug-in for it"
        ),
        "{text}"
    );
    assert!(text.contains("Warning SLV-1301 persistentvolumeclaims a/nfs"), "{text}");
}

#[test]
fn a_volume_that_nothing_claims_is_told_apart() {
    let cluster = Cluster::new(
        "- {apiVersion: v1, kind: PersistentVolume, metadata: {name: csi}, spec: {csi: {driver: d}}}\n\
         - {apiVersion: v1, kind: PersistentVolume, metadata: {name: disk}, spec: {fc: {lun: 1}}}\n\
         - {apiVersion: v1, kind: PersistentVolume, metadata: {name: taken}, spec: {fc: {lun: 1}, claimRef: {namespace: a, name: c}}}",
    );
    let plan = cluster.plan(&backup("{volumeSnapshotLocations: [l]}"));
    let text = render(&plan);
    let volumes: Vec<&str> = text.lines().filter(|line| line.starts_with("volume")).collect();
    assert_eq!(
        volumes,
        [
            "volume [|csi|] ObjectOnly: no claim uses it",
            "volume [|disk|] NativeSnapshot: snapshots are taken where nothing else is said",
            "volume [|taken|] Skipped: its claim a/c is not in the backup",
        ]
    );
}

#[test]
fn the_log_lists_decisions_and_sums_up_what_is_skipped() {
    let plan = Cluster::new(CLUSTER).plan(&backup("{}"));
    let lines: Vec<_> =
        plan.log("2026-05-20T10:00:00Z".parse().unwrap()).iter().map(ToString::to_string).collect();
    let decided = "msg=\"Decided about a volume: CSI snapshot (snapshots are taken where nothing else is said)\" \
                   backup=velero/b1 name=csi namespace=a resource=persistentvolumeclaims volume=csi";
    assert!(lines.iter().any(|line| line.contains(decided)), "{lines:#?}");
    let summary = r#"Summary for skipped PVs: [{\"name\":\"nfs\",\"reasons\":[{\"approach\":\"volumeSnapshot\",\"reason\":"#;
    assert!(lines.iter().any(|line| line.contains(summary)), "{lines:#?}");
}
