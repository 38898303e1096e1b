//! Decisions about volumes, one a line.

use crate::backup::fixture::{Cluster, backup, config_map, policy, render};
use crate::backup::volumes::Method;
use crate::policy::Sources;
use crate::problem::Severity;

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
   spec: {nodeName: n1, containers: [{volumeMounts: [{name: data}, {name: disk}, {name: later}, {name: own}, {name: node}]}],
   volumes: [{name: data, persistentVolumeClaim: {claimName: csi}}, {name: disk, persistentVolumeClaim: {claimName: raw}},
   {name: later, persistentVolumeClaim: {claimName: waits}}, {name: own, emptyDir: {}}, {name: node, hostPath: {path: /x}}]},
   status: {phase: Running}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: done},
   spec: {nodeName: n1, containers: [{volumeMounts: [{name: data}, {name: own}]}],
   volumes: [{name: data, persistentVolumeClaim: {claimName: nfs}}, {name: own, emptyDir: {}}]},
   status: {phase: Succeeded}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: build, annotations: {openshift.io/build.name: b}},
   spec: {nodeName: n1, containers: [{volumeMounts: [{name: work}]}], volumes: [{name: work, emptyDir: {}}]}, status: {phase: Running}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: starting},
   spec: {containers: [{volumeMounts: [{name: own}]}], volumes: [{name: own, emptyDir: {}}]}, status: {phase: Pending}}
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

/// Which volumes a combination is about: of CSI or not, and what the pod that mounts it says of it.
fn decided(driver: bool, annotation: &str, spec: &str) -> (Method, Option<Severity>) {
    let source = if driver { "csi: {driver: d}" } else { "fc: {lun: 1}" };
    let cluster = Cluster::new(&format!(
        "- {{apiVersion: v1, kind: Namespace, metadata: {{name: a}}}}\n\
         - {{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{namespace: a, name: c}}, spec: {{volumeName: v}}, status: {{phase: Bound}}}}\n\
         - {{apiVersion: v1, kind: PersistentVolume, metadata: {{name: v}}, spec: {{{source}, claimRef: {{namespace: a, name: c}}}}}}\n\
         - {{apiVersion: v1, kind: Pod, metadata: {{namespace: a, name: p, annotations: {{{annotation}}}}}, status: {{phase: Running}},\n   \
            spec: {{nodeName: n1, containers: [{{volumeMounts: [{{name: data}}]}}], volumes: [{{name: data, persistentVolumeClaim: {{claimName: c}}}}]}}}}",
    ));
    let plan = cluster.plan(&backup(spec));
    assert_eq!(plan.volumes.len(), 1, "{}", render(&plan));
    (plan.volumes[0].method, plan.problems.first().map(|problem| problem.severity))
}

#[test]
fn the_combinations_of_defaults_and_annotations_come_to_what_they_come_to_with_velero() {
    use Method::{CsiSnapshot, FsBackup, MovedSnapshot, NativeSnapshot, ObjectOnly, Skipped};
    let (none, wanted, unwanted) =
        ("", "backup.velero.io/backup-volumes: data", "backup.velero.io/backup-volumes-excludes: data");
    let (csi, other) = (true, false);
    for (driver, annotation, spec, expected) in [
        (csi, wanted, "{}", FsBackup),
        (other, wanted, "{}", FsBackup),
        (csi, none, "{}", CsiSnapshot),
        (csi, none, "{snapshotMoveData: true}", MovedSnapshot),
        (other, none, "{volumeSnapshotLocations: [l]}", NativeSnapshot),
        (other, none, "{}", ObjectOnly),
        (csi, none, "{defaultVolumesToFsBackup: true}", FsBackup),
        (other, none, "{defaultVolumesToFsBackup: true}", FsBackup),
        (csi, unwanted, "{defaultVolumesToFsBackup: true}", CsiSnapshot),
        (other, unwanted, "{defaultVolumesToFsBackup: true, volumeSnapshotLocations: [l]}", NativeSnapshot),
        (other, unwanted, "{defaultVolumesToFsBackup: true}", Skipped),
        (csi, unwanted, "{}", CsiSnapshot),
        (csi, none, "{snapshotVolumes: false}", Skipped),
        (csi, wanted, "{snapshotVolumes: false}", FsBackup),
        (csi, unwanted, "{snapshotVolumes: false, defaultVolumesToFsBackup: true}", Skipped),
    ] {
        assert_eq!(decided(driver, annotation, spec).0, expected, "{driver} {annotation} {spec}");
    }
    // Who leaves a volume out by name is not warned that it is left out; who says nothing is.
    assert_eq!(decided(other, unwanted, "{defaultVolumesToFsBackup: true}").1, None);
    assert_eq!(decided(other, none, "{}").1, Some(Severity::Warning));
}

#[test]
fn a_volume_that_an_annotation_leaves_out_is_skipped_in_its_name() {
    let cluster = CLUSTER
        .replace("backup.velero.io/backup-volumes: own", "backup.velero.io/backup-volumes-excludes: own");
    let plan = Cluster::new(&cluster).plan(&backup("{defaultVolumesToFsBackup: true}"));
    let text = render(&plan);
    assert!(text.contains("volume [||a/db own] Skipped: an annotation of the pod leaves it out"), "{text}");
    let decision = plan.volumes.iter().find(|of| of.reason.starts_with("an annotation")).unwrap();
    assert_eq!(decision.approach(), "podvolume");
}

/// Two pods with one claim, of which only the second one wants its data, under the second of its names.
const SHARED: &str = r"
- {apiVersion: v1, kind: Namespace, metadata: {name: a}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: a, name: c}, spec: {volumeName: v}, status: {phase: Bound}}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: v}, spec: {csi: {driver: d}, claimRef: {namespace: a, name: c}}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: one}, status: {phase: Running},
   spec: {nodeName: n1, containers: [{volumeMounts: [{name: data}]}], volumes: [{name: data, persistentVolumeClaim: {claimName: c}}]}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: two, annotations: {backup.velero.io/backup-volumes: 'x, again'}},
   spec: {nodeName: n1, containers: [{volumeMounts: [{name: data}, {name: again}]}],
   volumes: [{name: data, persistentVolumeClaim: {claimName: c}}, {name: again, persistentVolumeClaim: {claimName: c}}]},
   status: {phase: Running}}
";

#[test]
fn a_claim_that_several_pods_mount_is_decided_once() {
    let text = render(&Cluster::new(SHARED).plan(&backup("{}")));
    let lines: Vec<&str> =
        text.lines().filter(|line| line.starts_with("volume") || line.contains("1303")).collect();
    assert_eq!(
        lines,
        [
            "volume [a/c|v|a/two again] FsBackup: an annotation of a pod asks for it",
            "Warning SLV-1303 pods a/two: the pod has no volume x, which its annotation asks to back up",
        ]
    );
}

#[test]
fn an_unbound_claim_is_asked_about_and_fails_nothing() {
    let yaml = "- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n\
        - {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: a, name: c, labels: {keep: 'no'}}, status: {phase: Pending}}\n\
        - {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: p}, status: {phase: Running},\n   \
           spec: {nodeName: n1, containers: [{volumeMounts: [{name: data}]}], volumes: [{name: data, persistentVolumeClaim: {claimName: c}}]}}";
    for (rule, expected) in [
        (
            "{conditions: {storageClass: [fast]}, action: {type: fs-backup}}",
            "ObjectOnly: the claim is not bound",
        ),
        ("{conditions: {capacity: '1Gi,'}, action: {type: fs-backup}}", "ObjectOnly: the claim is not bound"),
        (
            "{conditions: {pvcLabels: {keep: 'no'}}, action: {type: skip}}",
            "Skipped: volume policy 1 of p says skip",
        ),
    ] {
        let policies = policy(&format!("version: v1\nvolumePolicies: [{rule}]"));
        let plan = Cluster::new(yaml).plan_by(&backup("{defaultVolumesToFsBackup: true}"), &policies, false);
        assert!(render(&plan).contains(&format!("volume [a/c||] {expected}")), "{}", render(&plan));
        assert_eq!(plan.problems, [], "{rule}");
        assert_eq!(plan.items.len(), 3, "pod, claim and namespace are stored");
    }
}

#[test]
fn a_volume_of_a_driver_that_nothing_claims_is_a_warning() {
    let cluster = Cluster::new(
        "- {apiVersion: v1, kind: PersistentVolume, metadata: {name: csi}, spec: {csi: {driver: d}}}",
    );
    let plan = cluster.plan(&backup("{}"));
    let told: Vec<_> = plan
        .problems
        .iter()
        .map(|of| (of.severity, of.code.as_str(), of.object.clone().unwrap().name))
        .collect();
    assert_eq!(told, [(Severity::Warning, "SLV-1301", "csi".to_owned())]);
}

#[test]
fn a_volume_of_a_pod_that_does_not_run_is_an_error_where_its_data_was_asked_for() {
    let waiting = SHARED.replace("status: {phase: Running}", "status: {phase: Pending}");
    let plan = Cluster::new(&waiting).plan(&backup("{}"));
    let text = render(&plan);
    assert!(
        text.contains("ObjectOnly: it is to be read in the pod a/two, and the pod does not run"),
        "{text}"
    );
    assert!(text.contains("Error SLV-1302 persistentvolumeclaims a/c"), "{text}");
    let plan = Cluster::new(&waiting).plan(&backup("{defaultVolumesToFsBackup: true}"));
    assert!(render(&plan).contains("Error SLV-1302 persistentvolumeclaims a/c"), "{}", render(&plan));
}

#[test]
fn a_folder_of_a_node_of_which_nothing_can_be_taken_is_missing_for_its_own_reason() {
    let folder = SHARED.replace("csi: {driver: d}", "hostPath: {path: /srv}");
    let told = |spec: &str| {
        let plan = Cluster::new(&folder).plan(&backup(spec));
        let problem = plan.problems.iter().find(|of| of.code == "SLV-1301" || of.code == "SLV-1302").unwrap();
        (plan.volumes[0].method, problem.code.clone(), problem.message.clone())
    };
    let why = "the data of the volume is not in the backup, though defaultVolumesToFsBackup asks for it: \
        it is a folder of a node, which is never read through a pod; nor is a snapshot taken: ";
    for (spec, nor) in [
        (
            "{defaultVolumesToFsBackup: true}",
            "it has no CSI driver, and the backup no location for native snapshots",
        ),
        ("{defaultVolumesToFsBackup: true, snapshotVolumes: false}", "snapshotVolumes is false"),
        (
            "{defaultVolumesToFsBackup: true, snapshotMoveData: true}",
            "only snapshots of CSI drivers can be moved",
        ),
    ] {
        let expected = (Method::ObjectOnly, "SLV-1302".to_owned(), format!("{why}{nor}"));
        assert_eq!(told(spec), expected, "{spec}");
    }
    let native = told("{defaultVolumesToFsBackup: true, volumeSnapshotLocations: [l]}");
    assert_eq!((native.0, native.1.as_str()), (Method::NativeSnapshot, "SLV-1301"), "a snapshot is as good");
}

#[test]
fn a_volume_that_no_container_mounts_is_not_read_through_its_pod() {
    let unmounted = SHARED
        .replace("{name: data}, {name: again}", "{name: data}")
        .replace("[{name: data, p", "[{name: tmp, emptyDir: {}}, {name: data, p");
    let lines = |yaml: &str, spec: &str| {
        let text = render(&Cluster::new(yaml).plan(&backup(spec)));
        let of = |line: &&str| line.starts_with("volume") || line.contains("SLV-130");
        text.lines()
            .filter(of)
            .map(|line| line.split(": the data").next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let wanted = lines(&unmounted, "{}");
    assert!(
        wanted[0].ends_with(
            "ObjectOnly: it is to be read in the pod a/two, and no container of the pod mounts it"
        ),
        "{wanted:?}"
    );
    assert!(wanted.contains(&"Error SLV-1302 persistentvolumeclaims a/c".to_owned()), "{wanted:?}");
    let own = lines(&unmounted.replace("'x, again'", "tmp"), "{}");
    assert!(
        own.contains(&"volume [||a/two tmp] Skipped: no container of the pod mounts it".to_owned()),
        "{own:?}"
    );
    assert!(
        own.iter()
            .any(|line| line.starts_with("Warning SLV-1303 pods a/two: the volume tmp is not backed up")),
        "{own:?}"
    );
    let nobody =
        unmounted.replace("{volumeMounts: [{name: data}]}", "{name: main}").replace("'x, again'", "''");
    assert!(
        lines(&nobody, "{defaultVolumesToFsBackup: true}")[0].starts_with("volume [a/c|v|] CsiSnapshot"),
        "what is asked of all is not asked of those that it does not fit"
    );
}
