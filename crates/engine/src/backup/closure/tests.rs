//! What belongs together: the versions of an object, and the claims of a group.

use crate::backup::fixture::{Cluster, backup, render};
use crate::policy::Sources;

const WIDGETS: &str = r"
- {apiVersion: v1, kind: Namespace, metadata: {name: a}}
- {apiVersion: example.com/v1beta1, kind: Widget, metadata: {namespace: a, name: w, uid: w}}
- {apiVersion: example.com/v1, kind: Widget, metadata: {namespace: a, name: w, uid: w}}
- {apiVersion: v1, kind: ConfigMap, metadata: {namespace: a, name: c}}
";

#[test]
fn every_version_is_stored_where_that_is_asked_for() {
    let cluster = Cluster::new(WIDGETS);
    let files = |every_version| {
        let plan = cluster.plan_by(&backup("{}"), &Sources::default(), every_version);
        let widgets = plan.items.iter().filter(|item| item.name == "w");
        let paths = widgets.flat_map(|item| plan.paths(item).into_iter().map(move |path| (item.block, path)));
        paths.map(|(block, path)| format!("{block} {path}")).collect::<Vec<_>>()
    };
    let preferred = [
        "2 resources/widgets.example.com/namespaces/a/w.json",
        "2 resources/widgets.example.com/v1-preferredversion/namespaces/a/w.json",
    ];
    assert_eq!(files(false), preferred);
    let other = "2 resources/widgets.example.com/v1beta1/namespaces/a/w.json";
    assert_eq!(files(true), [preferred[0], preferred[1], other]);
}

/// Two databases in one group, and a third claim that nothing mounts; a claim of no group, and one of another namespace.
const GROUP: &str = r"
- {apiVersion: v1, kind: Namespace, metadata: {name: a}}
- {apiVersion: v1, kind: Namespace, metadata: {name: b}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: one, labels: {app: one}},
   spec: {nodeName: n1, volumes: [{name: d, persistentVolumeClaim: {claimName: one}}]}, status: {phase: Running}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: two},
   spec: {nodeName: n1, volumes: [{name: d, persistentVolumeClaim: {claimName: two}}]}, status: {phase: Running}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: a, name: one, labels: {group: g}}, spec: {volumeName: v1}, status: {phase: Bound}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: a, name: two, labels: {group: g}}, spec: {volumeName: v2}, status: {phase: Bound}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: a, name: idle, labels: {group: g}}, spec: {volumeName: v3}, status: {phase: Bound}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: a, name: other, labels: {group: ''}}, spec: {volumeName: v4}, status: {phase: Bound}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: b, name: far, labels: {group: g}}, spec: {volumeName: v5}, status: {phase: Bound}}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: v1}, spec: {csi: {driver: d}}}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: v2}, spec: {csi: {driver: d}}}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: v3}, spec: {csi: {driver: d}}}
";

/// The blocks of the claims and pods of a backup.
fn blocks(spec: &str) -> Vec<String> {
    let text = render(&Cluster::new(GROUP).plan(&backup(spec)));
    let of = |line: &&str| line.contains(" pods ") || line.contains(" persistentvolumeclaims ");
    text.lines().filter(of).take_while(|line| !line.starts_with("Warning")).map(str::to_owned).collect()
}

#[test]
fn claims_of_a_group_are_quiesced_together() {
    let spec = "{includedNamespaces: [a], labelSelector: {matchLabels: {app: one}}, volumeGroupSnapshotLabelKey: group}";
    assert_eq!(
        blocks(spec),
        [
            "0 persistentvolumeclaims a/one (related)",
            "0 pods a/one (selected)",
            "0 persistentvolumeclaims a/two (related)",
            "0 persistentvolumeclaims a/idle (related)",
            "0 pods a/two (related)",
        ]
    );
    let alone = "{includedNamespaces: [a], labelSelector: {matchLabels: {app: one}}, volumeGroupSnapshotLabelKey: none}";
    assert_eq!(blocks(alone), ["0 persistentvolumeclaims a/one (related)", "0 pods a/one (selected)"]);
}
