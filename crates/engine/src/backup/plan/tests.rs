//! What backups of a cluster on paper hold, and in which order.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::backup::check::{check as lint, is_fatal};
use crate::backup::fixture::{Cluster, backup, render};
use crate::backup::transform::transform;

/// A shop with a database, a custom resource and grants; another namespace; things that are left out.
const SHOP: &str = r"
- {apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {tier: web}}}
- {apiVersion: v1, kind: Namespace, metadata: {name: tools}}
- {apiVersion: v1, kind: Namespace, metadata: {name: going}, status: {phase: Terminating}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: db-0, labels: {app: db}},
   spec: {priorityClassName: high, nodeName: n1, containers: [{volumeMounts: [{name: data}, {name: tmp}]}], volumes: [{name: data, persistentVolumeClaim: {claimName: data}}, {name: tmp, emptyDir: {}}]},
   status: {phase: Running}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: web-0, labels: {app: web}}, status: {phase: Running}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: old-0, deletionTimestamp: '2026-05-20T10:00:00Z'}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: shop, name: data}, spec: {volumeName: pv-1}, status: {phase: Bound}}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: pv-1, labels: {disk: a}},
   spec: {persistentVolumeReclaimPolicy: Delete, csi: {driver: d}, claimRef: {namespace: shop, name: data}}}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: pv-2}, spec: {nfs: {server: s}}}
- {apiVersion: v1, kind: ConfigMap, metadata: {namespace: shop, name: a}}
- {apiVersion: v1, kind: ConfigMap, metadata: {namespace: shop, name: private, labels: {velero.io/exclude-from-backup: 'true'}}}
- {apiVersion: v1, kind: ConfigMap, metadata: {namespace: tools, name: b}}
- {apiVersion: v1, kind: ServiceAccount, metadata: {namespace: shop, name: web}}
- {apiVersion: apps/v1, kind: Deployment, metadata: {namespace: shop, name: web, labels: {app: web}}}
- {apiVersion: extensions/v1beta1, kind: Deployment, metadata: {namespace: shop, name: web, labels: {app: web}}}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: web},
   roleRef: {kind: ClusterRole, name: reader}, subjects: [{kind: ServiceAccount, namespace: shop, name: web}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: other},
   roleRef: {kind: ClusterRole, name: writer}, subjects: [{kind: User, name: u}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: reader}}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: writer}}
- {apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: high}}
- {apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: widgets.example.com}}
- {apiVersion: example.com/v1, kind: Widget, metadata: {namespace: shop, name: w, labels: {kept: 'yes'}}}
- {apiVersion: snapshot.storage.k8s.io/v1, kind: VolumeSnapshot, metadata: {namespace: shop, name: s}}
";

fn check(spec: &str) -> String {
    render(&Cluster::new(SHOP).plan(&backup(spec)))
}

#[test]
fn a_namespace_brings_along_what_it_needs() {
    insta::assert_snapshot!(check("{includedNamespaces: [shop], snapshotVolumes: false}"), @"
    0 priorityclasses.scheduling.k8s.io high (related)
    0 persistentvolumes pv-1 (related)
    0 persistentvolumeclaims shop/data (related)
    0 pods shop/db-0 (selected)
    1 pods shop/web-0 (selected)
    2 configmaps shop/a (selected)
    3 namespaces shop (selected)
    4 clusterroles.rbac.authorization.k8s.io reader (related)
    4 clusterrolebindings.rbac.authorization.k8s.io web (related)
    4 serviceaccounts shop/web (selected)
    5 deployments.apps shop/web (selected)
    6 widgets.example.com shop/w (selected)
    7 customresourcedefinitions.apiextensions.k8s.io widgets.example.com (definition)
    left out configmaps shop/private: it carries the label velero.io/exclude-from-backup=true
    left out pods shop/old-0: it is being deleted
    volume [shop/data|pv-1|] Skipped: snapshotVolumes is false
    ");
}

#[test]
fn everything_is_everything() {
    insta::assert_snapshot!(check("{includedNamespaces: ['*'], snapshotVolumes: false}"), @"
    0 priorityclasses.scheduling.k8s.io high (related)
    0 persistentvolumes pv-1 (related)
    0 persistentvolumeclaims shop/data (related)
    0 pods shop/db-0 (selected)
    1 pods shop/web-0 (selected)
    2 persistentvolumes pv-2 (selected)
    3 configmaps shop/a (selected)
    4 configmaps tools/b (selected)
    5 namespaces shop (selected)
    6 namespaces tools (selected)
    7 clusterroles.rbac.authorization.k8s.io reader (related)
    7 clusterrolebindings.rbac.authorization.k8s.io web (related)
    7 serviceaccounts shop/web (selected)
    8 deployments.apps shop/web (selected)
    9 clusterrolebindings.rbac.authorization.k8s.io other (selected)
    10 clusterroles.rbac.authorization.k8s.io writer (selected)
    11 customresourcedefinitions.apiextensions.k8s.io widgets.example.com (selected)
    12 widgets.example.com shop/w (selected)
    left out configmaps shop/private: it carries the label velero.io/exclude-from-backup=true
    left out namespaces going: it is being deleted
    left out pods shop/old-0: it is being deleted
    volume [shop/data|pv-1|] Skipped: snapshotVolumes is false
    volume [|pv-2|] Skipped: snapshotVolumes is false
    ");
}

#[test]
fn a_label_selects_and_relations_follow() {
    insta::assert_snapshot!(check("{labelSelector: {matchLabels: {app: db}}}"), @"
    0 priorityclasses.scheduling.k8s.io high (related)
    0 persistentvolumes pv-1 (related)
    0 persistentvolumeclaims shop/data (related)
    0 pods shop/db-0 (selected)
    1 namespaces shop (contains)
    volume [shop/data|pv-1|] CsiSnapshot: snapshots are taken where nothing else is said
    Warning SLV-1301 persistentvolumeclaims shop/data: the data of the volume is not in the backup: nothing asks for it
    ");
    insta::assert_snapshot!(check("{orLabelSelectors: [{matchLabels: {app: web}}, {matchExpressions: [{key: tier, operator: Exists}]}]}"), @"
    0 pods shop/web-0 (selected)
    1 namespaces shop (selected)
    2 deployments.apps shop/web (selected)
    ");
}

#[test]
fn a_definition_comes_along_though_no_label_selects_it() {
    insta::assert_snapshot!(check("{labelSelector: {matchLabels: {kept: 'yes'}}}"), @"
    0 widgets.example.com shop/w (selected)
    1 namespaces shop (contains)
    2 customresourcedefinitions.apiextensions.k8s.io widgets.example.com (definition)
    ");
}

#[test]
fn without_cluster_resources_relations_end_there() {
    insta::assert_snapshot!(check("{includedNamespaces: [shop], includeClusterResources: false, includedResources: [pods, pvc, persistentvolumeclaims]}"), @"
    0 persistentvolumeclaims shop/data (related)
    0 pods shop/db-0 (selected)
    1 pods shop/web-0 (selected)
    left out persistentvolumes pv-1: it is cluster-scoped, and the filters leave such objects out
    left out pods shop/old-0: it is being deleted
    left out priorityclasses.scheduling.k8s.io high: it is cluster-scoped, and the filters leave such objects out
    volume [shop/data|pv-1|] CsiSnapshot: snapshots are taken where nothing else is said
    Warning SLV-1101: the cluster has no resource that pvc names
    Warning SLV-1301 persistentvolumeclaims shop/data: the data of the volume is not in the backup: nothing asks for it
    ");
}

#[test]
fn roles_that_are_asked_for_come_without_their_bindings() {
    let text = check("{includedNamespaces: [shop], includedResources: [serviceaccounts, clusterroles]}");
    assert!(text.contains("clusterroles.rbac.authorization.k8s.io reader (related)"), "{text}");
    assert!(!text.contains("clusterrolebindings.rbac.authorization.k8s.io web (related)"), "{text}");
}

#[test]
fn scoped_filters_choose_by_scope() {
    insta::assert_snapshot!(check("{includedClusterScopedResources: [clusterroles], includedNamespaceScopedResources: [widgets]}"), @"
    0 namespaces shop (selected)
    1 namespaces tools (selected)
    2 clusterroles.rbac.authorization.k8s.io reader (selected)
    3 clusterroles.rbac.authorization.k8s.io writer (selected)
    4 widgets.example.com shop/w (selected)
    5 customresourcedefinitions.apiextensions.k8s.io widgets.example.com (definition)
    left out namespaces going: it is being deleted
    ");
    insta::assert_snapshot!(check("{excludedClusterScopedResources: ['*'], includedNamespaceScopedResources: [configmaps, pods, nodes]}"), @"
    0 pods shop/db-0 (selected)
    1 pods shop/web-0 (selected)
    2 configmaps shop/a (selected)
    3 configmaps tools/b (selected)
    left out configmaps shop/private: it carries the label velero.io/exclude-from-backup=true
    left out persistentvolumeclaims shop/data: its type is not selected
    left out pods shop/old-0: it is being deleted
    left out priorityclasses.scheduling.k8s.io high: its type is not selected
    Warning SLV-1102: the filter entry nodes is passed over: nodes are cluster-scoped
    ");
}

#[test]
fn the_order_that_was_asked_for_is_kept() {
    insta::assert_snapshot!(check("{includedNamespaces: [shop], includedResources: [pods], orderedResources: {pods: 'shop/web-0,shop/gone, shop/db-0'}}"), @"
    0 pods shop/web-0 (selected)
    0 pods shop/db-0 (selected)
    left out persistentvolumeclaims shop/data: its type is not selected
    left out pods shop/old-0: it is being deleted
    left out priorityclasses.scheduling.k8s.io high: its type is not selected
    Warning SLV-1202: orderedResources names pods shop/gone, which the backup does not select
    ");
}

#[test]
fn data_that_is_asked_for_and_missing_is_an_error() {
    insta::assert_snapshot!(check("{includedNamespaces: [shop], includedResources: [pods, persistentvolumeclaims, persistentvolumes], defaultVolumesToFsBackup: true}"), @"
    0 persistentvolumes pv-1 (related)
    0 persistentvolumeclaims shop/data (related)
    0 pods shop/db-0 (selected)
    1 pods shop/web-0 (selected)
    left out pods shop/old-0: it is being deleted
    left out priorityclasses.scheduling.k8s.io high: its type is not selected
    volume [shop/data|pv-1|shop/db-0 data] FsBackup: defaultVolumesToFsBackup asks for it
    volume [||shop/db-0 tmp] FsBackup: defaultVolumesToFsBackup asks for it
    Error SLV-1302 persistentvolumeclaims shop/data: the data of the volume is not in the backup, though defaultVolumesToFsBackup asks for it: this version does not back up the data of volumes yet
    Error SLV-1302 pods shop/db-0: the data of the pod's volume tmp is not in the backup, though defaultVolumesToFsBackup asks for it: this version does not back up the data of volumes yet
    ");
    for (asks, code) in
        [("snapshotMoveData: true", "SLV-1302"), ("snapshotVolumes: true", "SLV-1302"), ("", "SLV-1301")]
    {
        let plan = Cluster::new(SHOP).plan(&backup(&format!("{{includedNamespaces: [shop], {asks}}}")));
        let codes: Vec<_> = plan.problems.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(codes, [code], "{asks}");
    }
}

#[test]
fn coverage_can_be_enforced() {
    let mut backup = backup("{includedNamespaces: [shop]}");
    assert_eq!(crate::problem::errors(&Cluster::new(SHOP).plan(&backup).problems), 0);
    backup.metadata.annotations = Some([(labels::COVERAGE.to_owned(), "enforce".to_owned())].into());
    assert_eq!(crate::problem::errors(&Cluster::new(SHOP).plan(&backup).problems), 1);
}

#[test]
fn namespaces_that_are_not_there_are_errors() {
    insta::assert_snapshot!(check("{includedNamespaces: [shop, gone], includedResources: [configmaps]}"), @"
    0 configmaps shop/a (selected)
    left out configmaps shop/private: it carries the label velero.io/exclude-from-backup=true
    Error SLV-1103: namespace gone is included and does not exist
    ");
    insta::assert_snapshot!(check("{includedNamespaces: ['x*'], includedResources: [configmaps, gadgets]}"), @"
    Warning SLV-1104: no namespace matches the included x*: nothing in namespaces is backed up
    Warning SLV-1101: the cluster has no resource that gadgets names
    ");
}

#[test]
fn what_is_needed_and_not_there_is_a_warning() {
    let yaml = r"
- {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: db-0},
   spec: {volumes: [{name: data, persistentVolumeClaim: {claimName: gone}}]}}
";
    let plan = Cluster::new(yaml).plan(&backup("{}"));
    insta::assert_snapshot!(render(&plan), @"
    0 pods shop/db-0 (selected)
    1 namespaces shop (selected)
    Warning SLV-1201 persistentvolumeclaims shop/gone: persistentvolumeclaims shop/gone belongs into the backup and does not exist
    ");
}

#[test]
fn a_plan_survives_its_file_and_is_small() {
    let mut yaml = String::from("- {apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n");
    for index in 0..1000 {
        yaml += &format!(
            "- {{apiVersion: v1, kind: ConfigMap, metadata: {{namespace: shop, name: configuration-{index:06}}}}}\n"
        );
    }
    let plan = Cluster::new(&yaml).plan(&backup("{}"));
    assert_eq!(plan.items.len(), 1001);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<BackupPlan>(&text).unwrap(), plan);
    assert!(text.len() / plan.items.len() < 300, "{} bytes an object", text.len() / plan.items.len());
    let heap = |item: &PlannedItem| {
        item.name.capacity() + item.uid.capacity() + item.namespace.as_ref().map_or(0, String::capacity)
    };
    let memory: usize = plan.items.iter().map(|item| size_of::<PlannedItem>() + heap(item)).sum();
    assert!(memory / plan.items.len() < 300, "{} bytes an object", memory / plan.items.len());
}

#[test]
fn an_item_has_two_files_in_the_preferred_version() {
    let plan = Cluster::new(SHOP).plan(&backup("{includedResources: [widgets]}"));
    let paths: Vec<_> = plan.paths(&plan.items[0]).iter().map(ToString::to_string).collect();
    assert_eq!(
        paths,
        [
            "resources/widgets.example.com/namespaces/shop/w.json",
            "resources/widgets.example.com/v1-preferredversion/namespaces/shop/w.json",
        ]
    );
    assert_eq!(plan.class(&plan.items[0]).unwrap().kind_key(), "example.com/v1/Widget");
}

#[test]
fn lints_find_what_is_wrong() {
    let good = Cluster::new(SHOP).plan(&backup("{includedNamespaces: [shop]}"));
    let check = |name: &str, damage: fn(&mut BackupPlan)| {
        let mut plan = good.clone();
        damage(&mut plan);
        assert!(is_fatal(&lint(&plan)), "{name}");
    };
    check("version", |plan| plan.v = 2);
    check("twice", |plan| plan.items.push(plan.items[0].clone()));
    check("order", |plan| plan.items[0].needs.push(1));
    check("self", |plan| plan.items[0].needs.push(0));
    check("class", |plan| plan.items[0].class = 999);
    check("action", |plan| plan.classes[0].actions.push("velero.io/unknown".into()));
    check("block", |plan| plan.items[0].block = 999);
    check("namespace", |plan| plan.items.retain(|item| item.name != "shop"));
    check("left out", |plan| {
        plan.left_out.push(LeftOut { key: plan.key(&plan.items[0]), rule: Rule::Terminating });
    });
    let mut empty = good.clone();
    empty.items.clear();
    assert!(!lint(&empty).is_empty() && !is_fatal(&lint(&empty)));
}

#[test]
fn the_log_names_what_is_left_out() {
    let plan = Cluster::new(SHOP).plan(&backup("{includedNamespaces: [shop]}"));
    let lines: Vec<_> =
        plan.log("2026-05-20T10:00:00Z".parse().unwrap()).iter().map(ToString::to_string).collect();
    assert!(lines.iter().all(|line| line.contains("backup=velero/b1")));
    let left_out: Vec<_> = lines.iter().filter(|line| line.contains("name=private")).collect();
    assert_eq!(
        left_out,
        ["time=\"2026-05-20T10:00:00Z\" level=info msg=\"Left out: it carries the label \
        velero.io/exclude-from-backup=true\" backup=velero/b1 name=private namespace=shop resource=configmaps"]
    );
}

#[test]
fn cluster_scoped_objects_come_as_include_cluster_resources_says() {
    let resources = |spec: &str| {
        let plan = Cluster::new(SHOP).plan(&backup(spec));
        let keys = plan.items.iter().map(|item| plan.key(item));
        let cluster = keys.filter(|key| key.namespace.is_none() && !key.resource.is("", "namespaces"));
        let mut names: Vec<String> = cluster.map(|key| key.name).collect();
        names.sort();
        names.join(" ")
    };
    let all = "high other pv-1 pv-2 reader web widgets.example.com writer";
    let related = "high pv-1 reader web widgets.example.com";
    for (spec, expected) in [
        ("{includeClusterResources: true}", all),
        ("{includeClusterResources: true, includedNamespaces: [shop]}", all),
        ("{excludedResources: [secrets]}", all),
        ("{excludedResources: [secrets], includedNamespaces: [shop]}", related),
        (
            "{excludedResources: [persistentvolumes], includedNamespaces: [shop]}",
            "high reader web widgets.example.com",
        ),
        ("{includedResources: [persistentvolumes]}", "pv-1 pv-2"),
        (
            "{includedResources: [pods, pvc, persistentvolumeclaims, persistentvolumes], includedNamespaces: [shop]}",
            "pv-1",
        ),
        ("{includedResources: [widgets], includedNamespaces: [shop]}", "widgets.example.com"),
        ("{includedResources: [widgets], excludedResources: [customresourcedefinitions]}", ""),
        ("{includeClusterResources: false}", ""),
        ("{includeClusterResources: false, includedNamespaces: [shop]}", ""),
        // neither family: everything means everything, which Velero lost
        ("{}", all),
        ("{includedNamespaces: [shop]}", related),
        ("{excludedNamespaces: [tools]}", related),
        ("{excludedNamespaceScopedResources: [secrets]}", related),
        ("{includedClusterScopedResources: ['*']}", all),
        ("{includedClusterScopedResources: ['*'], includedNamespaces: [shop]}", all),
        (
            "{excludedClusterScopedResources: [persistentvolumes], includedNamespaces: [shop]}",
            "high reader web widgets.example.com",
        ),
    ] {
        assert_eq!(resources(spec), expected, "{spec}");
    }
}

#[test]
fn an_object_that_two_selectors_find_is_stored_once() {
    let spec = "{includedResources: [deployments], orLabelSelectors: [{matchLabels: {app: web}}, {matchExpressions: [{key: app, operator: Exists}]}]}";
    let plan = Cluster::new(SHOP).plan(&backup(spec));
    assert_eq!(plan.items.len(), 1, "{}", render(&plan));
}

#[test]
fn names_in_ordered_resources_are_plural_and_may_be_cluster_scoped() {
    let spec = "{includedResources: [clusterroles, configmaps], includeClusterResources: true, \
        orderedResources: {clusterroles: 'writer, reader', configmap: shop/a, po: shop/web-0}}";
    let text = check(spec);
    let lines: Vec<&str> =
        text.lines().filter(|line| line.contains("clusterroles") || line.contains("1202")).collect();
    assert_eq!(
        lines,
        [
            "2 clusterroles.rbac.authorization.k8s.io writer (selected)",
            "2 clusterroles.rbac.authorization.k8s.io reader (selected)",
            "Warning SLV-1202: orderedResources names configmap shop/a, which the backup does not select",
            "Warning SLV-1202: orderedResources names po shop/web-0, which the backup does not select",
        ]
    );
}

#[test]
fn snapshot_objects_that_are_named_select_nothing_and_not_everything() {
    for spec in [
        "{includedResources: [volumesnapshots.snapshot.storage.k8s.io]}",
        "{includedResources: [volumesnapshots, volumesnapshots]}",
        "{includedNamespaceScopedResources: [volumesnapshots], excludedClusterScopedResources: ['*']}",
    ] {
        let plan = Cluster::new(SHOP).plan(&backup(spec));
        assert_eq!(plan.items, [], "{spec}");
        assert!(plan.problems.iter().all(|problem| problem.code == "SLV-1106"), "{spec}");
    }
}

/// Any JSON, of a size that finds its way into every field.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z/,-]{0,6}".prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "volumes",
        "name",
        "persistentVolumeClaim",
        "claimName",
        "claimRef",
        "nodeAffinity",
        "required",
        "csi",
        "driver",
        "nfs",
        "capacity",
        "storage",
        "volumeName",
        "phase",
        "selector",
        "matchLabels",
        "labels",
        "annotations",
        "containers",
        "subjects",
        "roleRef",
        "kind",
        "ownerReferences",
        "nodeName",
        "namespace",
        "uid",
    ]);
    leaf.prop_recursive(4, 32, 6, move |inner| {
        let members = prop::collection::btree_map(keys.clone(), inner.clone(), 0..6);
        let object =
            members.prop_map(|members| members.into_iter().map(|(key, of)| (key.to_owned(), of)).collect());
        prop_oneof![prop::collection::vec(inner, 0..4).prop_map(Value::Array), object.prop_map(Value::Object)]
    })
}

proptest! {
    #[test]
    fn no_document_however_odd_makes_planning_fall(
        kind in prop::sample::select(vec![
            "v1 Pod", "v1 PersistentVolumeClaim", "v1 PersistentVolume", "v1 ServiceAccount", "v1 Namespace",
            "rbac.authorization.k8s.io/v1 ClusterRoleBinding", "example.com/v1 Widget",
        ]),
        spec in anything(), status in anything(), metadata in anything(), subjects in anything(),
    ) {
        let mut cluster = Cluster::new(SHOP);
        let (api_version, kind) = kind.split_once(' ').unwrap();
        let mut odd = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "status": status, "subjects": subjects});
        if let Some(metadata) = odd["metadata"].as_object_mut() {
            metadata.insert("name".into(), "odd".into());
            metadata.insert("namespace".into(), "shop".into());
        }
        cluster.documents.push(odd.clone());
        let plan = cluster.plan(&backup("{defaultVolumesToFsBackup: true, volumeSnapshotLocations: [l]}"));
        for item in plan.items.iter().filter(|item| item.name == "odd") {
            let _stored = transform(odd.clone(), item, &plan);
        }
    }
}

#[test]
fn the_empty_namespace_stands_for_what_is_in_none() {
    let plan = Cluster::new(SHOP).plan(&backup("{includedNamespaces: [''], includeClusterResources: true}"));
    assert!(
        plan.items.len() == 8 && plan.items.iter().all(|item| item.namespace.is_none()),
        "{}",
        render(&plan)
    );
    assert!(plan.problems.iter().all(|problem| problem.severity == Severity::Warning), "{}", render(&plan));
}

#[test]
fn a_definition_stays_out_where_its_label_says_so() {
    let labelled = SHOP.replace(
        "{name: widgets.example.com}",
        "{name: widgets.example.com, labels: {velero.io/exclude-from-backup: 'true'}}",
    );
    let plan =
        Cluster::new(&labelled).plan(&backup("{includedNamespaces: [shop], includedResources: [widgets]}"));
    let kinds: Vec<_> = plan.items.iter().map(|item| plan.key(item).resource.to_string()).collect();
    assert_eq!(kinds, ["widgets.example.com"]);
    assert_eq!(plan.left_out[0].rule, Rule::ExcludeLabel);
}
