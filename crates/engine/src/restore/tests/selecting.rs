//! What a resource policy selects of an archive.

use super::*;
use crate::restore::Rule;

/// The plan of a restore with `spec` and a policy of these sections.
fn planned_by(sections: &str, spec: Value, archive: &[(&str, Value)]) -> RestorePlan {
    let facts: Vec<Facts> =
        archive.iter().map(|(place, document)| archived(place, document.clone()).0).collect();
    let request = Request { policy: policy(sections), ..request(spec) };
    let plan = plan(&request, &catalog(), &facts, &Volumes::default(), &Target::default()).unwrap();
    assert_eq!(fatal(&plan), Vec::<String>::new());
    plan
}

/// The objects of a plan, as the backup names them, and those that its policy leaves out.
fn told(plan: &RestorePlan) -> (Vec<String>, Vec<String>) {
    let left = plan.left_out.iter().filter(|left| left.rule == Rule::FilterPolicy);
    let left = left.flat_map(|left| {
        let namespace = left.namespace.as_deref().unwrap_or("-");
        left.names.iter().map(move |name| format!("{} {namespace}/{name}", left.resource))
    });
    let mut items: Vec<String> = plan.items().map(|item| plan.source(item).to_string()).collect();
    items.sort();
    (items, left.collect())
}

fn labelled(key: &str, value: &str) -> Value {
    json!({"metadata": {"labels": {key: value}}})
}

const SHOP: &str = "namespacedFilterPolicies:\n- namespaces: [shop]\n  resourceFilters:\n  \
    - {kinds: [ConfigMap], names: ['app-*'], excludedNames: ['*-tmp']}\n  \
    - {kinds: [Secret], labelSelector: {matchLabels: {app: web}}}\n";

fn archive() -> Vec<(&'static str, Value)> {
    vec![
        ("namespaces shop", json!({})),
        ("namespaces blog", json!({})),
        ("configmaps shop/app-1", json!({})),
        ("configmaps shop/app-tmp", json!({})),
        ("configmaps shop/other", json!({})),
        ("secrets shop/one", labelled("app", "web")),
        ("secrets shop/two", labelled("app", "db")),
        ("services shop/web", json!({})),
        ("configmaps blog/posts", json!({})),
        ("clusterroles.rbac.authorization.k8s.io shop-reader", json!({})),
        ("clusterroles.rbac.authorization.k8s.io reader", json!({})),
    ]
}

#[test]
fn a_policy_says_what_is_restored_of_its_namespaces_and_nothing_of_others() {
    let (items, left_out) = told(&planned_by(SHOP, json!({}), &archive()));
    let roles =
        ["reader", "shop-reader"].map(|name| format!("clusterroles.rbac.authorization.k8s.io {name}"));
    let mut expected = roles.to_vec();
    expected
        .extend(["configmaps blog/posts", "configmaps shop/app-1", "secrets shop/one"].map(str::to_owned));
    assert_eq!(items, expected);
    let expected =
        ["configmaps shop/app-tmp", "configmaps shop/other", "secrets shop/two", "services shop/web"];
    assert_eq!(left_out, expected);
}

#[test]
fn a_policy_speaks_of_namespaces_by_their_names_in_the_backup() {
    let spec = json!({"includedNamespaces": ["shop"], "namespaceMapping": {"shop": "copy"}});
    let plan = planned_by(SHOP, spec.clone(), &archive());
    assert_eq!(told(&plan).0, ["configmaps shop/app-1", "secrets shop/one"]);
    let targets: Vec<String> = plan.items().map(|item| plan.target(item).to_string()).collect();
    assert_eq!(targets, ["secrets copy/one", "configmaps copy/app-1"]);
    let elsewhere = SHOP.replace("[shop]", "[copy]");
    assert_eq!(told(&planned_by(&elsewhere, spec, &archive())).0.len(), 6, "of copy the backup has nothing");
}

#[test]
fn the_filters_of_the_restore_go_first_and_selectors_of_a_policy_take_the_place_of_its_own() {
    let spec = json!({"includedNamespaces": ["shop"], "excludedResources": ["configmaps"],
        "labelSelector": {"matchLabels": {"app": "db"}}});
    let plan = planned_by(SHOP, spec, &archive());
    assert_eq!(told(&plan).0, ["secrets shop/one"]);
    let warnings: Vec<&str> = plan.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(warnings, ["a filter policy lists ConfigMap, which the other filters leave out everywhere"]);
    assert_eq!(plan.problems[0].code, "SLV-2023");
}

#[test]
fn of_cluster_scoped_kinds_a_policy_chooses_those_that_it_lists() {
    let cluster = "clusterScopedFilterPolicy: {resourceFilters: [{kinds: [ClusterRole], names: ['shop-*']}]}";
    let mut archive = archive();
    archive.push(("storageclasses.storage.k8s.io fast", json!({})));
    let spec = json!({"includedNamespaces": ["blog"], "includeClusterResources": true});
    let plan = planned_by(cluster, spec, &archive);
    let expected = [
        "clusterroles.rbac.authorization.k8s.io shop-reader",
        "configmaps blog/posts",
        "storageclasses.storage.k8s.io fast",
    ];
    assert_eq!(
        told(&plan),
        (
            expected.map(str::to_owned).to_vec(),
            vec!["clusterroles.rbac.authorization.k8s.io -/reader".to_owned()]
        )
    );
    assert_eq!(plan.problems, []);
    // Where cluster-scoped objects are not asked for, a policy does not bring them.
    let plan = planned_by(cluster, json!({"includedNamespaces": ["blog"]}), &archive);
    assert_eq!(told(&plan), (vec!["configmaps blog/posts".to_owned()], Vec::new()));
    assert_eq!(plan.problems.len(), 1, "{:?}", plan.problems);
}

#[test]
fn what_selected_objects_need_comes_along_whatever_a_policy_says() {
    let pods = "namespacedFilterPolicies: [{namespaces: ['sh*'], resourceFilters: [{kinds: [pods]}]}]";
    let mut archive = archive();
    archive.push((
        "pods shop/web-1",
        json!({"spec": {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}}),
    ));
    archive.push(("persistentvolumeclaims shop/data", json!({})));
    archive.push(("persistentvolumeclaims shop/more", json!({})));
    let (items, left_out) = told(&planned_by(pods, json!({"includedNamespaces": ["shop"]}), &archive));
    assert_eq!(items, ["persistentvolumeclaims shop/data", "pods shop/web-1"]);
    assert!(left_out.contains(&"persistentvolumeclaims shop/more".to_owned()), "{left_out:?}");
}

#[test]
fn a_policy_knows_kinds_that_only_the_archive_has() {
    let widgets =
        "namespacedFilterPolicies: [{namespaces: [shop], resourceFilters: [{kinds: [Widget], names: [w1]}]}]";
    let archive = [
        ("customresourcedefinitions.apiextensions.k8s.io widgets.example.com", json!({})),
        ("widgets.example.com shop/w1", json!({})),
        ("widgets.example.com shop/w2", json!({})),
    ];
    let plan = planned_by(widgets, json!({}), &archive);
    assert_eq!(told(&plan).1, ["widgets.example.com shop/w2"]);
    assert!(told(&plan).0.contains(&"widgets.example.com shop/w1".to_owned()));
    assert_eq!(plan.problems, []);
}

#[test]
fn records_of_snapshots_bring_neither_themselves_nor_a_namespace() {
    let archive = [
        ("configmaps shop/a", json!({})),
        ("namespaces velero", json!({})),
        ("datauploads.velero.io velero/du-1", json!({})),
        ("podvolumebackups.velero.io velero/b1-x", json!({})),
        ("volumesnapshots.snapshot.storage.k8s.io shop/s1", json!({})),
        ("volumesnapshotcontents.snapshot.storage.k8s.io s1", json!({})),
    ];
    for spec in [
        json!({"includedNamespaces": ["shop"]}),
        json!({"includedResources": ["configmaps"]}),
        json!({"includeClusterResources": true, "includedNamespaces": ["shop"]}),
    ] {
        let plan = planned(spec.clone(), &archive, &Volumes::default(), &Target::default());
        assert_eq!(told(&plan).0, ["configmaps shop/a"], "{spec}");
        let namespaces = plan.stages.iter().flat_map(|stage| &stage.namespaces);
        let namespaces: Vec<&str> = namespaces.map(|namespace| namespace.name.as_str()).collect();
        assert_eq!(namespaces, ["shop"], "{spec}");
    }
}
