//! Selection against a model that knows no shortcuts, and the lists that find what is selected.

use crate::filter::selector::Labelled as _;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;

use super::*;
use crate::backup::fixture::{Cluster, backup, catalog};

fn namespaces(names: &[&str]) -> Vec<NamespaceFacts> {
    let of = |name: &&str| NamespaceFacts {
        name: (*name).into(),
        phase: "Active".into(),
        ..NamespaceFacts::default()
    };
    names.iter().map(of).collect()
}

fn selection(spec: &str, names: &[&str]) -> (Selection, Vec<Problem>) {
    Selection::new(&backup(spec).spec, &catalog(), &namespaces(names))
}

fn lists(spec: &str, names: &[&str]) -> String {
    let (selection, _) = selection(spec, names);
    let mut text = String::new();
    for ListRequest { resource, namespace, selector, auxiliary } in selection.lists() {
        let auxiliary = if auxiliary { " (auxiliary)" } else { "" };
        text += &format!(
            "{}{auxiliary} {} {selector}\n",
            resource.group_resource(),
            namespace.as_deref().unwrap_or("*")
        );
    }
    text
}

#[test]
fn types_are_in_the_order_of_the_archive() {
    let (selection, problems) = selection("{}", &["shop"]);
    let types: Vec<_> = selection.types().iter().map(|of| of.group_resource().to_string()).collect();
    insta::assert_snapshot!(types.join("\n"), @"
    pods
    persistentvolumeclaims
    persistentvolumes
    configmaps
    endpoints
    namespaces
    nodes
    secrets
    serviceaccounts
    services
    deployments.apps
    clusterrolebindings.rbac.authorization.k8s.io
    clusterroles.rbac.authorization.k8s.io
    priorityclasses.scheduling.k8s.io
    customresourcedefinitions.apiextensions.k8s.io
    leases.coordination.k8s.io
    endpointslices.discovery.k8s.io
    clusterserviceversions.operators.coreos.com
    installplans.operators.coreos.com
    subscriptions.operators.coreos.com
    widgets.example.com
    ");
    let left_out: Vec<_> = selection.left_out().iter().map(|(of, rule)| format!("{of}: {rule}")).collect();
    insta::assert_snapshot!(left_out.join("\n"), @"
    bindings: the server does not support all of list, create, get and delete on it
    events: events tell what happened in the cluster that they are of
    events.events.k8s.io: events tell what happened in the cluster that they are of
    volumesnapshots.snapshot.storage.k8s.io: snapshots are stored with the volumes that they were taken of
    deployments.extensions: its objects are stored under another group that serves them too
    ");
    assert_eq!(problems, []);
}

#[test]
fn namespaces_are_listed_one_by_one_while_they_are_few() {
    insta::assert_snapshot!(lists("{includedNamespaces: [a, b], includedResources: [pods, configmaps]}", &["a", "b", "c"]), @"
    pods a 
    pods b 
    configmaps a 
    configmaps b
    ");
    let many: Vec<String> = (0..40).map(|index| format!("n{index}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(lists("{includedNamespaces: ['n1*'], includedResources: [pods]}", &many), "pods * \n");
    assert_eq!(lists("{includedNamespaces: ['n?'], includedResources: [pods]}", &many), "pods * \n");
    let spec = "{includedNamespaces: [n1, n2, n3], includedResources: [pods]}";
    assert_eq!(lists(spec, &many), "pods n1 \npods n2 \npods n3 \n");
    assert_eq!(lists("{excludedNamespaces: [n1], includedResources: [pods]}", &many), "pods * \n");
    assert_eq!(lists("{includedNamespaces: [gone], includedResources: [pods]}", &many), "");
}

#[test]
fn relations_are_looked_up_where_selectors_would_hide_them() {
    insta::assert_snapshot!(lists(
        "{includedNamespaces: [a], includedResources: [pods, persistentvolumeclaims, serviceaccounts, clusterrolebindings], \
         orLabelSelectors: [{matchLabels: {x: y}}, {matchLabels: {z: w}}]}", &["a", "b"]), @"
         pods a x=y
         pods a z=w
         persistentvolumeclaims a x=y
         persistentvolumeclaims a z=w
         serviceaccounts a x=y
         serviceaccounts a z=w
         clusterrolebindings.rbac.authorization.k8s.io (auxiliary) * 
         pods (auxiliary) a
         ");
}

#[test]
fn words_in_filters_that_mean_nothing_are_warnings() {
    let check = |spec: &str, codes: &[&str]| {
        let (_, problems) = selection(spec, &["a"]);
        let found: Vec<_> = problems.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(found, codes, "{spec}");
    };
    check("{includedResources: [pods, po, Pod, deployments.apps]}", &["SLV-1101"]);
    check("{includedResources: [gadgets, '*.example.com']}", &["SLV-1101"]);
    check("{includedClusterScopedResources: [pods]}", &["SLV-1102"]);
    check("{includedResources: [volumesnapshots]}", &["SLV-1106"]);
    check("{excludedResources: [volumesnapshots]}", &[]);
    check("{includedNamespaces: [a, gone]}", &["SLV-1103"]);
    check("{includedNamespaces: ['x*']}", &["SLV-1104"]);
    check("{labelSelector: {matchExpressions: [{key: a, operator: Near}]}}", &["SLV-1107"]);
}

#[test]
fn a_filter_of_which_nothing_is_left_selects_nothing() {
    let (selection, _) = selection("{includedNamespaceScopedResources: [nodes]}", &["a"]);
    assert!(selection.types().iter().all(|of| !of.namespaced));
    let (selection, _) = Selection::new(
        &backup("{labelSelector: {matchExpressions: [{key: a, operator: Near}]}}").spec,
        &catalog(),
        &namespaces(&["a"]),
    );
    assert!(selection.lists().iter().all(|list| list.resource.plural == "namespaces" || list.auxiliary));
}

#[test]
fn namespaces_that_a_label_keeps_out_leave_a_backup_of_everything_whole() {
    let mut existing = namespaces(&["a", "private"]);
    existing[1].labels = [(api::labels::EXCLUDE_FROM_BACKUP.to_owned(), "true".to_owned())].into();
    let by_label = backup("{includedNamespaces: ['*'], excludedNamespaces: [private]}");
    let (selection, _) = Selection::new(&by_label.spec, &catalog(), &existing);
    assert!(selection.types().iter().any(|of| of.plural == "nodes"));
    let by_hand = backup("{includedNamespaces: ['*'], excludedNamespaces: [a, private]}");
    let (selection, _) = Selection::new(&by_hand.spec, &catalog(), &existing);
    assert!(!selection.types().iter().any(|of| of.plural == "nodes"));
}

#[test]
fn argo_cd_is_pointed_at() {
    let mut existing = namespaces(&["a", "b"]);
    existing[0].labels = [("argocd.argoproj.io/managed-by".to_owned(), "argocd".to_owned())].into();
    let (_, problems) = Selection::new(&backup("{}").spec, &catalog(), &existing);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].place, crate::problem::Place::Namespace("a".into()));
}

/// What a user may write, in words that the model reads without any of the code under test.
#[derive(Debug, Clone)]
struct Written {
    namespaces: (Vec<&'static str>, Vec<&'static str>),
    old: bool,
    cluster_resources: Option<bool>,
    both: (Vec<&'static str>, Vec<&'static str>),
    cluster: (Vec<&'static str>, Vec<&'static str>),
    namespaced: (Vec<&'static str>, Vec<&'static str>),
    labels: Vec<&'static str>,
}

const NAMESPACED: &[&str] = &["pods", "configmaps", "widgets.example.com", "events"];
const CLUSTER: &[&str] =
    &["nodes", "persistentvolumes", "namespaces", "clusterroles.rbac.authorization.k8s.io"];

fn lists_of(names: &'static [&'static str]) -> impl Strategy<Value = (Vec<&'static str>, Vec<&'static str>)> {
    let list = subsequence(names.to_vec(), 0..=2);
    (list.clone(), list).prop_map(|(includes, mut excludes)| {
        excludes.retain(|name| !includes.contains(name));
        (includes, excludes)
    })
}

fn written() -> impl Strategy<Value = Written> {
    let families = (any::<bool>(), select(vec![None, Some(true), Some(false)]));
    let both =
        lists_of(&["pods", "configmaps", "widgets.example.com", "nodes", "persistentvolumes", "namespaces"]);
    let labels = subsequence(vec!["web", "db"], 0..=2);
    (lists_of(&["a", "b", "c"]), families, both, lists_of(CLUSTER), lists_of(NAMESPACED), labels).prop_map(
        |(namespaces, (old, cluster_resources), both, cluster, namespaced, labels)| Written {
            namespaces,
            old,
            cluster_resources,
            both,
            cluster,
            namespaced,
            labels,
        },
    )
}

impl Written {
    fn spec(&self) -> BackupSpec {
        let mut spec = json!({
            "includedNamespaces": self.namespaces.0, "excludedNamespaces": self.namespaces.1,
            "orLabelSelectors": self.labels.iter().map(|app| json!({"matchLabels": {"app": app}})).collect::<Vec<_>>(),
        });
        if self.old {
            spec["includedResources"] = json!(self.both.0);
            spec["excludedResources"] = json!(self.both.1);
            spec["includeClusterResources"] = json!(self.cluster_resources);
        } else {
            spec["includedClusterScopedResources"] = json!(self.cluster.0);
            spec["excludedClusterScopedResources"] = json!(self.cluster.1);
            spec["includedNamespaceScopedResources"] = json!(self.namespaced.0);
            spec["excludedNamespaceScopedResources"] = json!(self.namespaced.1);
        }
        serde_json::from_value(spec).unwrap()
    }

    fn uses_old(&self) -> bool {
        self.old && (!self.both.0.is_empty() || !self.both.1.is_empty() || self.cluster_resources.is_some())
    }

    /// Whether an object is selected, by the rules as the reference words them.
    fn selects(&self, resource: &str, namespace: Option<&str>, app: &str) -> bool {
        let within = |(includes, excludes): &(Vec<&str>, Vec<&str>), name: &str| {
            !excludes.contains(&name) && (includes.is_empty() || includes.contains(&name))
        };
        let unrestricted = |lists: &(Vec<&str>, Vec<&str>)| lists.0.is_empty() && lists.1.is_empty();
        let all_namespaces = unrestricted(&self.namespaces);
        let labelled = self.labels.is_empty() || self.labels.contains(&app);
        if namespace.is_some_and(|namespace| !within(&self.namespaces, namespace)) || !labelled {
            return false;
        }
        // events come only where their type is named, which the lists of the old family here never do
        if self.uses_old() && !resource.starts_with("events") {
            let cluster = self.cluster_resources.unwrap_or(all_namespaces);
            return within(&self.both, resource) && (namespace.is_some() || cluster);
        }
        if resource.starts_with("events") && (self.old || !self.namespaced.0.contains(&resource)) {
            return false;
        }
        let (cluster, namespaced) =
            if self.old { (&(vec![], vec![]), &(vec![], vec![])) } else { (&self.cluster, &self.namespaced) };
        if namespace.is_some() {
            return within(namespaced, resource);
        }
        let everything = unrestricted(cluster) && unrestricted(namespaced) && all_namespaces;
        !cluster.1.contains(&resource) && (everything || cluster.0.contains(&resource))
    }
}

/// Objects of some types in three namespaces, with a label each, and their namespaces.
fn cluster() -> Cluster {
    let mut yaml = String::new();
    for namespace in ["a", "b", "c"] {
        yaml += &format!("- {{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}\n");
        for app in ["web", "db", "none"] {
            for (api_version, kind) in [
                ("v1", "Pod"),
                ("v1", "ConfigMap"),
                ("example.com/v1", "Widget"),
                ("v1", "Event"),
                ("events.k8s.io/v1", "Event"),
            ] {
                yaml += &format!(
                    "- {{apiVersion: {api_version}, kind: {kind}, metadata: {{namespace: {namespace}, name: {app}, labels: {{app: {app}}}}}}}\n"
                );
            }
        }
    }
    for app in ["web", "none"] {
        for (api_version, kind) in
            [("v1", "Node"), ("v1", "PersistentVolume"), ("rbac.authorization.k8s.io/v1", "ClusterRole")]
        {
            yaml += &format!(
                "- {{apiVersion: {api_version}, kind: {kind}, metadata: {{name: {app}, labels: {{app: {app}}}}}}}\n"
            );
        }
    }
    Cluster::new(&yaml)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn selection_is_what_the_rules_say(written in written()) {
        let cluster = cluster();
        let (selection, _) = Selection::new(&written.spec(), &cluster.catalog, &cluster.namespaces());
        let listed: Vec<Facts> =
            selection.lists().iter().filter(|list| !list.auxiliary).flat_map(|list| cluster.list(list)).collect();
        for document in &cluster.documents {
            let of = cluster.catalog.of_kind(document["apiVersion"].as_str().unwrap(), document["kind"].as_str().unwrap()).unwrap();
            let object = Facts::of(document, of, crate::facts::Span::default());
            if object.key.resource.is("", "namespaces") {
                continue;
            }
            let resource = object.key.resource.to_string();
            let app = object.labels.label("app").unwrap();
            // the core group's events win wherever both are selected
            let hidden = resource == "events.events.k8s.io" && written.selects("events", object.key.namespace.as_deref(), app);
            let expected = !hidden && written.selects(&resource, object.key.namespace.as_deref(), app);
            prop_assert_eq!(selection.selects(&object).is_ok(), expected, "{} {:?}", object.key, selection.selects(&object));
            let found = listed.iter().any(|found| found.key == object.key);
            prop_assert!(found || !expected, "{} is selected and not listed", object.key);
        }
    }

    #[test]
    fn every_plan_is_sound(written in written()) {
        let cluster = cluster();
        let mut backup = backup("{}");
        backup.spec = written.spec();
        // the fixture lints the plan
        let plan = cluster.plan(&backup);
        for item in &plan.items {
            let key = plan.key(item);
            prop_assert!(key.namespace.is_none_or(|namespace| !written.namespaces.1.contains(&namespace.as_str())));
        }
    }
}

fn following(spec: &str, policy: &str, names: &[&str]) -> Selection {
    let policy = crate::backup::fixture::policy(policy).read().unwrap();
    Selection::following(&backup(spec).spec, &catalog(), &namespaces(names), (&policy, Options::default())).0
}

fn names(selection: &Selection) -> Vec<String> {
    selection.types().iter().map(|of| of.group_resource().to_string()).collect()
}

#[test]
fn lists_of_a_policy_are_added_to_those_of_the_backup_which_win() {
    let policy = "version: v1\nincludeExcludePolicy: {includedNamespaceScopedResources: [secrets, pod], \
                  excludedNamespaceScopedResources: [configmaps, widgets], includedClusterScopedResources: [nodes]}";
    assert_eq!(names(&following("{}", policy, &["a"])), ["pods", "namespaces", "nodes", "secrets"]);
    let named =
        "{includedNamespaceScopedResources: [configmaps], excludedNamespaceScopedResources: [secrets]}";
    assert_eq!(names(&following(named, policy, &["a"])), ["pods", "configmaps", "namespaces", "nodes"]);
    let refused = names(&following("{excludedNamespaceScopedResources: [secrets, pod]}", policy, &["a"]));
    assert!(
        refused.contains(&"services".to_owned()) && !refused.contains(&"secrets".to_owned()),
        "{refused:?}"
    );
    let all = names(&following("{includedNamespaceScopedResources: ['*']}", policy, &["a"]));
    assert!(all.contains(&"configmaps".to_owned()), "{all:?}");
}

const FILTERS: &str = "version: v1\nclusterScopedFilterPolicy: {resourceFilters: [{kinds: [ClusterRole], names: ['shop-*']}]}\n\
    namespacedFilterPolicies: [{namespaces: [a], resourceFilters: [{kinds: [Pod], labelSelector: {matchLabels: {app: db}}}]}]";

#[test]
fn what_a_policy_refuses_is_not_listed() {
    let spec = "{includedNamespaces: [a, b], includedNamespaceScopedResources: [pods, secrets], labelSelector: {matchLabels: {app: web}}}";
    let lists: Vec<String> = following(spec, FILTERS, &["a", "b"])
        .lists()
        .iter()
        .filter(|list| list.resource.namespaced)
        .map(|list| {
            format!("{} {} {}", list.resource.plural, list.namespace.as_deref().unwrap_or("*"), list.selector)
        })
        .collect();
    assert_eq!(lists, ["pods a app=db", "pods b app=web", "secrets b app=web"]);
}

#[test]
fn filters_of_a_policy_refine_those_of_the_backup() {
    let cluster = Cluster::new(
        "- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n\
         - {apiVersion: v1, kind: Namespace, metadata: {name: b}}\n\
         - {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: db, labels: {app: db}}}\n\
         - {apiVersion: v1, kind: Pod, metadata: {namespace: a, name: web, labels: {app: web}}}\n\
         - {apiVersion: v1, kind: Pod, metadata: {namespace: b, name: web, labels: {app: web}}}\n\
         - {apiVersion: v1, kind: Secret, metadata: {namespace: a, name: s}}\n\
         - {apiVersion: v1, kind: Secret, metadata: {namespace: b, name: s}}\n\
         - {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: shop-reader}}\n\
         - {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: reader}}",
    );
    let policies = crate::backup::fixture::policy(FILTERS);
    insta::assert_snapshot!(crate::backup::fixture::render(&cluster.plan_by(&backup("{}"), &policies, false)), @"
    0 pods a/db (selected)
    1 pods b/web (selected)
    2 namespaces a (selected)
    3 namespaces b (selected)
    4 secrets b/s (selected)
    5 clusterroles.rbac.authorization.k8s.io shop-reader (selected)
    ");
}
