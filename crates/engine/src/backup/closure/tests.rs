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

/// Pods that share claims in a chain, one that shares none, and one that does not run.
const CHAIN: &str = r"
- {apiVersion: v1, kind: Namespace, metadata: {name: a}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: alone}, spec: {nodeName: n1}, status: {phase: Running}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: first, labels: {app: x}}, status: {phase: Running},
   spec: {nodeName: n1, volumes: [{name: d, persistentVolumeClaim: {claimName: c1}}]}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: middle}, status: {phase: Running},
   spec: {nodeName: n1, volumes: [{name: d, persistentVolumeClaim: {claimName: c1}}, {name: e, persistentVolumeClaim: {claimName: c2}}]}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: last}, status: {phase: Running},
   spec: {nodeName: n1, volumes: [{name: e, persistentVolumeClaim: {claimName: c2}}]}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: waits}, status: {phase: Pending},
   spec: {volumes: [{name: d, persistentVolumeClaim: {claimName: c1}}]}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: a, name: c1}, spec: {volumeName: v1}, status: {phase: Bound}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: a, name: c2}, spec: {volumeName: v2}, status: {phase: Bound}}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: v1}, spec: {csi: {driver: d}, claimRef: {namespace: a, name: c1}}}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: v2}, spec: {csi: {driver: d}, claimRef: {namespace: a, name: c2}}}
";

/// The items of a backup of a cluster, with their blocks, and what is left out.
fn items(yaml: &str, spec: &str) -> Vec<String> {
    let text = render(&Cluster::new(yaml).plan(&backup(spec)));
    let of =
        |line: &&str| line.starts_with(|first: char| first.is_ascii_digit()) || line.starts_with("left out");
    text.lines().filter(of).map(str::to_owned).collect()
}

#[test]
fn pods_that_share_claims_share_a_block_whatever_the_selector_unless_they_do_not_run() {
    let spec = "{includedNamespaces: [a], labelSelector: {matchLabels: {app: x}}}";
    let expected = [
        "0 persistentvolumes v1 (related)",
        "0 persistentvolumeclaims a/c1 (related)",
        "0 pods a/first (selected)",
        "0 persistentvolumes v2 (related)",
        "0 persistentvolumeclaims a/c2 (related)",
        "0 pods a/middle (related)",
        "0 pods a/last (related)",
        "1 namespaces a (selected)",
    ];
    assert_eq!(items(CHAIN, spec), expected);
    let all = items(CHAIN, "{includedNamespaces: [a]}");
    assert!(all.contains(&"0 pods a/alone (selected)".to_owned()), "{all:?}");
    assert!(all.contains(&"1 pods a/last (related)".to_owned()), "{all:?}");
    assert!(all.contains(&"2 pods a/waits (selected)".to_owned()), "{all:?}");
}

#[test]
fn what_the_exclude_label_marks_is_left_out_also_when_something_needs_it() {
    let labelled = CHAIN
        .replace("name: c2}, spec", "name: c2, labels: {velero.io/exclude-from-backup: 'true'}}, spec")
        .replace(
            "metadata: {name: v1}",
            "metadata: {name: v1, labels: {velero.io/exclude-from-backup: 'true'}}",
        );
    let items = items(
        &labelled,
        "{includedNamespaces: [a], includedResources: [pods, persistentvolumeclaims, persistentvolumes]}",
    );
    let label = "it carries the label velero.io/exclude-from-backup=true";
    let left_out: Vec<_> = items.iter().filter(|line| line.starts_with("left out")).collect();
    assert_eq!(
        left_out,
        [
            &format!("left out persistentvolumeclaims a/c2: {label}"),
            &format!("left out persistentvolumes v1: {label}")
        ]
    );
    assert!(
        items.iter().all(|line| !line.contains(" v2 ")),
        "what is left out brings nothing along: {items:?}"
    );
}

#[test]
fn storage_in_use_is_kept_while_it_is_being_deleted() {
    let going = "deletionTimestamp: '2026-05-20T10:00:00Z'";
    let yaml = CHAIN
        .replace(
            "metadata: {namespace: a, name: c1}",
            &format!("metadata: {{namespace: a, name: c1, {going}}}"),
        )
        .replace("metadata: {name: v1}", &format!("metadata: {{name: v1, {going}}}"));
    let plan = Cluster::new(&yaml).plan(&backup("{includedNamespaces: [a], snapshotVolumes: false}"));
    let text = render(&plan);
    assert!(
        text.contains("persistentvolumeclaims a/c1 (related)")
            && text.contains("persistentvolumes v1 (related)"),
        "{text}"
    );
    let told: Vec<_> =
        plan.problems.iter().map(|of| (of.code.as_str(), of.object.clone().unwrap().name)).collect();
    assert_eq!(told, [("SLV-1203", "v1".to_owned()), ("SLV-1203", "c1".to_owned())]);
    // A claim that no pod mounts goes, and so does a pod.
    let unused = yaml.replace("claimName: c1", "claimName: c2");
    let items = items(&unused, "{includedNamespaces: [a]}");
    assert!(
        items.contains(&"left out persistentvolumeclaims a/c1: it is being deleted".to_owned()),
        "{items:?}"
    );
    let pods = CHAIN.replace("kind: Pod, metadata: {", &format!("kind: Pod, metadata: {{{going}, "));
    let kept = self::items(&pods, "{includedNamespaces: [a], includedResources: [pods]}");
    assert!(kept.iter().all(|line| line.starts_with("left out pods")) && kept.len() == 5, "{kept:?}");
}

/// Namespaces with a matching object, with another one, with none, one that matches itself, and one that is going.
const NAMESPACES: &str = r"
- {apiVersion: v1, kind: Namespace, metadata: {name: full}}
- {apiVersion: v1, kind: Namespace, metadata: {name: other}}
- {apiVersion: v1, kind: Namespace, metadata: {name: empty}}
- {apiVersion: v1, kind: Namespace, metadata: {name: own, labels: {app: x}}}
- {apiVersion: v1, kind: Namespace, metadata: {name: going, labels: {app: x}}, status: {phase: Terminating}}
- {apiVersion: v1, kind: ConfigMap, metadata: {namespace: full, name: c, labels: {app: x}}}
- {apiVersion: v1, kind: ConfigMap, metadata: {namespace: other, name: c}}
- {apiVersion: v1, kind: ConfigMap, metadata: {namespace: going, name: c, labels: {app: x}}}
";

#[test]
fn namespace_objects_are_those_of_the_filter_of_the_selector_and_of_what_is_stored() {
    for (spec, expected) in [
        ("{}", "empty full going other own"),
        ("{includedNamespaces: [full, empty, going]}", "empty full going"),
        ("{labelSelector: {matchLabels: {app: x}}}", "full going own"),
        ("{orLabelSelectors: [{matchLabels: {app: y}}, {matchLabels: {app: x}}]}", "full going own"),
        ("{includedNamespaces: [full, other], labelSelector: {matchLabels: {app: x}}}", "full other"),
        ("{includedNamespaces: ['e*', o*], excludedNamespaces: ['ot*']}", "empty own"),
        ("{excludedNamespaces: ['o*', empty, 'g?ing']}", "full"),
        ("{includedResources: [configmaps]}", ""),
        ("{excludedResources: [namespaces]}", ""),
        ("{includeClusterResources: false}", "empty full going other own"),
        ("{excludedClusterScopedResources: ['*']}", ""),
        ("{includedNamespaceScopedResources: [secrets]}", "empty full other own"),
    ] {
        let plan = Cluster::new(NAMESPACES).plan(&backup(spec));
        let mut found: Vec<String> = plan
            .items
            .iter()
            .map(|item| plan.key(item))
            .filter(|key| key.resource.is("", "namespaces"))
            .map(|key| key.name)
            .collect();
        found.sort();
        assert_eq!(found.join(" "), expected, "{spec}");
    }
}
