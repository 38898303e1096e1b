//! Policies as people write them: what they come to, and what is said of those that are wrong.

use std::collections::BTreeMap;

use api::meta::{GroupResource, ObjectKey, ResourceType};
use serde_json::{Value, json};

use super::filter::{Note, Verdict};
use super::volumes::{SnapshotParameters, Volume};
use super::*;
use crate::backup::fixture::catalog;
use crate::facts::{Details, Facts, Span};

fn source(text: &str) -> Source {
    Source { name: "p".into(), document: Some(json!({"data": {"policy": text}})) }
}

fn read(text: &str) -> Result<Policy, Vec<String>> {
    Sources { own: Some(source(text)), global: None }.read()
}

/// What is wrong with a policy of these sections, without its name.
fn errors(sections: &str) -> Vec<String> {
    let errors = read(&format!("version: v1\n{sections}")).expect_err(sections);
    errors.into_iter().map(|error| error.strip_prefix("resource policy p: ").unwrap().to_owned()).collect()
}

#[test]
fn a_policy_is_read_strictly() {
    for (text, expected) in [
        ("volumePolicies: []", "it has no version"),
        ("version: v2", "its version is \"v2\""),
        ("version: v1\nvolumePolices: []", "unknown field"),
        (
            "version: v1\nvolumePolicies: [{conditions: {storageclass: [a]}, action: {type: skip}}]",
            "unknown field",
        ),
        ("version: v1\nvolumePolicies: [{conditions: {}, actions: {type: skip}}]", "unknown field"),
        ("version: v1\nversion: v1", "duplicate"),
        ("version: [v1", "it cannot be read"),
        ("- version: v1", "it cannot be read"),
    ] {
        let found = read(text).expect_err(text);
        assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
        assert!(!found[0].contains('\n'), "{found:?}");
    }
    assert_eq!(read("version: v1\nvolumePolicies:\nincludeExcludePolicy:\n").unwrap(), Policy::default());
}

#[test]
fn a_config_map_has_one_policy() {
    let of = |data: Value| Source { name: "p".into(), document: Some(json!({ "data": data })) };
    for (data, keys) in [(json!({}), 0), (json!({"a": "version: v1", "b": "version: v1"}), 2)] {
        let found = Sources { own: Some(of(data)), global: None }.read().unwrap_err();
        assert_eq!(
            found,
            [format!("resource policy p: its ConfigMap must have exactly one key, and has {keys}")]
        );
    }
}

#[test]
fn everything_that_is_wrong_with_volume_policies_is_said_at_once() {
    insta::assert_snapshot!(errors(
        "volumePolicies:\n\
         - {conditions: {capacity: 10Gi}, action: {type: skip}}\n\
         - {conditions: {capacity: '1Gb,'}, action: {type: skip}}\n\
         - {conditions: {capacity: '2Gi,1Gi'}, action: {type: skip}}\n\
         - {conditions: {volumeTypes: [configmap]}, action: {type: skip}}\n\
         - {conditions: {csi: {volumeAttributes: {a: b}}}, action: {type: backup}}\n\
         - {action: {}}\n\
         - {action: {type: snapshot, parameters: {dataMover: mine}}}\n\
         - {action: {type: snapshot, parameters: {snapshotClass: [a]}}}"
    ).join("\n"), @r#"
    volumePolicies[0].conditions.capacity: "10Gi" has no comma; write lower,upper such as "10Gi,100Gi"
    volumePolicies[1].conditions.capacity: "1Gb" is no quantity, such as 10Gi
    volumePolicies[2].conditions.capacity: "2Gi,1Gi" is empty: its upper bound is below its lower one
    volumePolicies[3].conditions.volumeTypes: "configmap" is not known; write configMap
    volumePolicies[4].conditions.csi: volumeAttributes need a driver beside them
    volumePolicies[4].action.type: "backup" is not known; skip, fs-backup, snapshot and custom are
    volumePolicies[5].action.type: it is missing; skip, fs-backup, snapshot and custom are known
    volumePolicies[6].action.parameters.dataMover: "mine" is not known; velero, velero-fs and velero-block are
    volumePolicies[7].action.parameters.snapshotClass: it must be a text
    "#);
    let unknown = errors("volumePolicies: [{conditions: {volumeTypes: [disk]}, action: {type: skip}}]");
    assert!(unknown[0].contains("\"disk\" is not known; awsElasticBlockStore, azureDisk"), "{unknown:?}");
}

#[test]
fn everything_that_is_wrong_with_filters_is_said_at_once() {
    insta::assert_snapshot!(errors(
        "includeExcludePolicy: {includedNamespaceScopedResources: ['*', pods], excludedNamespaceScopedResources: [pods]}\n\
         clusterScopedFilterPolicy: {resourceFilters: [{kinds: ['*']}]}\n\
         namespacedFilterPolicies:\n\
         - {namespaces: [], resourceFilters: []}\n\
         - {namespaces: ['a**', b], resourceFilters: [{kinds: [Pod]}, {kinds: [pod]}, {kinds: []}, {kinds: ['*'], names: [x]}]}\n\
         - namespaces: [b]\n\
         \u{20}\u{20}resourceFilters:\n\
         \u{20}\u{20}- {kinds: [Pod], labelSelector: {matchLabels: {a: b}}, orLabelSelectors: [{matchLabels: {a: b}}]}\n\
         \u{20}\u{20}- {kinds: [Secret], labelSelector: {matchExpressions: [{key: a, operator: Near}]}}\n\
         \u{20}\u{20}- {kinds: [ConfigMap, '*'], names: ['[']}"
    ).join("\n"), @r#"
    clusterScopedFilterPolicy.resourceFilters[0]: its kinds must be named: what is not listed is selected as without the policy
    namespacedFilterPolicies[0]: at least one namespace must be named
    namespacedFilterPolicies[0]: resourceFilters must have at least one entry
    namespacedFilterPolicies[1].namespaces: invalid namespace "a**": it has two '*' in a row
    namespacedFilterPolicies[1].resourceFilters[1]: kind "pod" is in resourceFilters[0] already
    namespacedFilterPolicies[1].resourceFilters[3]: names and excludedNames need kinds beside them
    namespacedFilterPolicies[1]: only one of its resourceFilters can be for all other kinds
    namespacedFilterPolicies[2].namespaces: "b" is in namespacedFilterPolicies[1] already
    namespacedFilterPolicies[2].resourceFilters[0]: labelSelector and orLabelSelectors cannot be used together
    namespacedFilterPolicies[2].resourceFilters[1]: failed to use the label selector: "Near" is not a label selector operator
    namespacedFilterPolicies[2].resourceFilters[2]: '*' must be the only kind
    namespacedFilterPolicies[2].resourceFilters[2]: failed to read the pattern "[": a [ is not closed
    includeExcludePolicy: '*' cannot be used in its lists
    includeExcludePolicy: "pods" is both included and excluded
    "#);
}

/// A claim with its volume, and volumes of a pod, by name.
fn facts(document: Value, plural: &str) -> Facts {
    let namespaced = plural != "persistentvolumes";
    let of =
        ResourceType::addressed("", "v1", plural, document["kind"].as_str().unwrap_or_default(), namespaced);
    Facts::of(&document, &of, Span::default())
}

fn claim() -> Facts {
    facts(
        json!({"metadata": {"name": "c", "namespace": "a", "labels": {"app": "db", "tier": "x"}},
            "spec": {"volumeMode": "Filesystem", "accessModes": ["ReadWriteMany", "ReadOnlyMany"]}, "status": {"phase": "Bound"}}),
        "persistentvolumeclaims",
    )
}

fn volume(spec: Value) -> Facts {
    facts(json!({"metadata": {"name": "v"}, "spec": spec}), "persistentvolumes")
}

/// Whether a rule with these conditions decides about a volume, alone and with its claim.
fn holds(conditions: &str, volume: &Facts) -> (bool, bool) {
    let text =
        format!("version: v1\nvolumePolicies: [{{conditions: {{{conditions}}}, action: {{type: skip}}}}]");
    let policies = read(&text).unwrap().volumes;
    let claim = claim();
    let (Some(Details::Volume(of)), Some(Details::Claim(details))) =
        (volume.details.as_deref(), claim.details.as_deref())
    else {
        panic!("a volume and a claim have details")
    };
    let alone = Volume::persistent(of);
    (policies.decide(&alone).is_some(), policies.decide(&alone.claimed(&claim, details)).is_some())
}

#[test]
fn every_condition_has_its_meaning() {
    let csi = volume(json!({"capacity": {"storage": "10Gi"}, "storageClassName": "fast",
        "csi": {"driver": "d", "volumeAttributes": {"tier": "gold", "zone": "a"}}}));
    let nfs = volume(json!({"nfs": {"server": "s", "path": "/p"}}));
    for (conditions, of_csi, of_nfs) in [
        ("", (true, true), (true, true)),
        ("capacity: ','", (true, true), (true, true)),
        ("capacity: '10Gi,10Gi'", (true, true), (false, false)),
        ("capacity: ' 1Gi , '", (true, true), (false, false)),
        ("capacity: ',5Gi'", (false, false), (true, true)),
        ("capacity: '0,10Gi'", (true, true), (true, true)),
        ("capacity: '11Gi,'", (false, false), (false, false)),
        ("storageClass: [slow, fast]", (true, true), (false, false)),
        ("storageClass: [fas]", (false, false), (false, false)),
        ("csi: {}", (true, true), (false, false)),
        ("csi: {driver: d}", (true, true), (false, false)),
        ("csi: {driver: other}", (false, false), (false, false)),
        ("csi: {driver: d, volumeAttributes: {tier: gold}}", (true, true), (false, false)),
        ("csi: {driver: d, volumeAttributes: {tier: gold, zone: b}}", (false, false), (false, false)),
        ("nfs: {}", (false, false), (true, true)),
        ("nfs: {server: s}", (false, false), (true, true)),
        ("nfs: {path: /q}", (false, false), (false, false)),
        ("nfs: {server: s, path: /p}", (false, false), (true, true)),
        ("volumeTypes: [nfs, csi]", (true, true), (true, true)),
        ("volumeTypes: [image]", (false, false), (false, false)),
        ("pvcLabels: {app: db}", (false, true), (false, true)),
        ("pvcLabels: {app: db, tier: y}", (false, false), (false, false)),
        ("pvcPhase: [Pending, Bound]", (false, true), (false, true)),
        ("pvcPhase: [Lost]", (false, false), (false, false)),
        ("pvcVolumeMode: Filesystem", (false, true), (false, true)),
        ("pvcVolumeMode: filesystem", (false, false), (false, false)),
        ("pvcAccessModes: [ReadOnlyMany, ReadWriteMany]", (false, true), (false, true)),
        ("pvcAccessModes: [ReadOnlyMany]", (false, false), (false, false)),
        ("csi: {driver: d}, pvcLabels: {app: db}, capacity: '1,'", (false, true), (false, false)),
    ] {
        assert_eq!((holds(conditions, &csi), holds(conditions, &nfs)), (of_csi, of_nfs), "{conditions}");
    }
}

#[test]
fn volumes_of_pods_have_types_too() {
    let pod = facts(
        json!({"metadata": {"name": "p", "namespace": "a"}, "spec": {"volumes": [
            {"name": "emptyDir", "emptyDir": {}}, {"name": "nfs", "nfs": {"server": "s", "path": "/"}},
            {"name": "storageOS", "storageos": {}}, {"name": "image", "image": {"reference": "r"}},
            {"name": "csi", "csi": {"driver": "d"}}]}}),
        "pods",
    );
    let Some(Details::Pod(pod)) = pod.details.as_deref() else { panic!() };
    for of in &pod.volumes {
        let text = format!(
            "version: v1\nvolumePolicies: [{{conditions: {{volumeTypes: [{}]}}, action: {{type: fs-backup}}}}]",
            of.name
        );
        let policies = read(&text).unwrap().volumes;
        let matched: Vec<_> =
            pod.volumes.iter().filter(|of| policies.decide(&Volume::of_pod(of)).is_some()).collect();
        assert_eq!(matched, [of], "{text}");
    }
}

#[test]
fn the_first_rule_that_holds_decides_and_keeps_its_parameters() {
    let text = "version: v1\nvolumePolicies:\n\
        - {conditions: {storageClass: [slow]}, action: {type: skip}}\n\
        - {conditions: {storageClass: [fast]}, action: {type: snapshot, parameters: {dataMover: velero-block, snapshotClass: c}}}\n\
        - {action: {type: fs-backup, parameters: {dataMover: velero}}}";
    let policy = read(text).unwrap();
    let fast = volume(json!({"storageClassName": "fast", "csi": {"driver": "d"}}));
    let Some(Details::Volume(of)) = fast.details.as_deref() else { panic!() };
    let parameters =
        SnapshotParameters { data_mover: Some("velero-block".into()), snapshot_class: Some("c".into()) };
    let decided = policy.volumes.decide(&Volume::persistent(of));
    assert_eq!(decided, Some((&Action::Snapshot(parameters), "volume policy 2 of p")));
    assert_eq!(
        policy.notes,
        ["resource policy p: volumePolicies[2].action.parameters.dataMover means nothing to this action"]
    );
}

#[test]
fn the_servers_policy_speaks_of_volumes_only_and_last() {
    let global = source(
        "version: v1\nvolumePolicies: [{action: {type: skip}}]\nincludeExcludePolicy: {excludedNamespaceScopedResources: [secrets]}",
    );
    let own = source("version: v1\nvolumePolicies: [{conditions: {nfs: {}}, action: {type: fs-backup}}]");
    let policy =
        Sources { own: Some(own), global: Some(Source { name: "site".into(), ..global }) }.read().unwrap();
    assert!(!policy.selects());
    assert!(
        policy.notes.len() == 1
            && policy.notes[0].starts_with("resource policy site: as the policy of the server"),
        "{:?}",
        policy.notes
    );
    let missing = Source { name: "site".into(), document: None };
    let found = Sources { own: Some(source("version: v2")), global: Some(missing) }.read().unwrap_err();
    assert_eq!(found.len(), 2, "{found:?}");
}

const FILTERS: &str = "version: v1
clusterScopedFilterPolicy:
  resourceFilters:
  - {kinds: [ClusterRole], names: ['shop-*']}
namespacedFilterPolicies:
- namespaces: ['team-front-*']
  resourceFilters: [{kinds: [Pod, configmaps]}]
- namespaces: ['team-*']
  resourceFilters:
  - {kinds: [Pod], orLabelSelectors: [{matchLabels: {app: web}}, {matchExpressions: [{key: app, operator: In, values: [db]}]}]}
  - {kinds: [Secret], names: ['app-*'], excludedNames: ['*-tmp']}
  - {kinds: ['*'], labelSelector: {matchLabels: {keep: 'yes'}}}
- namespaces: [team-front-prod]
  resourceFilters: [{kinds: [Gadget]}]
";

#[test]
fn filters_judge_objects() {
    let filter = source(FILTERS).filter().unwrap().bind(&catalog());
    let core = |plural: &str| GroupResource::new("", plural);
    let roles = GroupResource::new("rbac.authorization.k8s.io", "clusterroles");
    let gadgets = GroupResource::new("example.com", "gadgets");
    use Verdict::{Refused, Selected, Unconcerned};
    for (resource, kind, namespace, name, label, expected) in [
        (core("pods"), "Pod", Some("team-front-a"), "x", "", Selected),
        (core("configmaps"), "ConfigMap", Some("team-front-a"), "x", "", Selected),
        (core("secrets"), "Secret", Some("team-front-a"), "x", "", Refused),
        (core("pods"), "Pod", Some("team-b"), "x", "app=web", Selected),
        (core("pods"), "Pod", Some("team-b"), "x", "app=db", Selected),
        (core("pods"), "Pod", Some("team-b"), "x", "keep=yes", Refused),
        (core("secrets"), "Secret", Some("team-b"), "app-x", "", Selected),
        (core("secrets"), "Secret", Some("team-b"), "app-tmp", "", Refused),
        (core("secrets"), "Secret", Some("team-b"), "other", "", Refused),
        (core("configmaps"), "ConfigMap", Some("team-b"), "x", "keep=yes", Selected),
        (core("configmaps"), "ConfigMap", Some("team-b"), "x", "", Refused),
        // the namespace's own name goes before the patterns
        (core("pods"), "Pod", Some("team-front-prod"), "x", "", Refused),
        (gadgets, "Gadget", Some("team-front-prod"), "x", "", Selected),
        (core("pods"), "Pod", Some("other"), "x", "", Unconcerned),
        (core("nodes"), "Node", None, "x", "", Unconcerned),
        (roles.clone(), "ClusterRole", None, "shop-reader", "", Selected),
        (roles, "ClusterRole", None, "reader", "", Refused),
    ] {
        let key = ObjectKey::new(resource, namespace, name);
        let labels: BTreeMap<String, String> = label
            .split_once('=')
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        assert_eq!(filter.judge(&key, kind, &labels), expected, "{key} {label}");
    }
}

#[test]
fn what_is_brought_along_is_asked_for_its_name_only() {
    let filter = source(FILTERS).filter().unwrap().bind(&catalog());
    let of = |plural: &str, kind: &str, name: &str| {
        filter.admits(&ObjectKey::new(GroupResource::new("", plural), Some("team-b"), name), kind)
    };
    assert!(of("secrets", "Secret", "app-x") && !of("secrets", "Secret", "x"));
    assert!(of("pods", "Pod", "x") && of("persistentvolumeclaims", "PersistentVolumeClaim", "x"));
}

#[test]
fn what_filters_say_in_vain_is_noted() {
    let text = "version: v1\nclusterScopedFilterPolicy: {resourceFilters: [{kinds: [Pod, ClusterRole]}]}\n\
        namespacedFilterPolicies: [{namespaces: [a], resourceFilters: [{kinds: [Node, Gadget, Secret, ConfigMap]}]}]";
    let filter = source(text).filter().unwrap();
    let notes = filter.notes(&catalog(), |of| of.plural == "secrets");
    let scope = |kind: &str, section| Note::WrongScope { kind: kind.into(), section };
    assert_eq!(
        notes,
        [
            scope("Node", "clusterScopedFilterPolicy"),
            Note::UnknownKind("Gadget".into()),
            Note::LeftOut("Secret".into()),
            scope("Pod", "namespacedFilterPolicies"),
        ]
    );
}

#[test]
fn a_restore_has_filters_only() {
    let found = source("version: v1\nvolumePolicies: [{action: {type: skip}}]\nincludeExcludePolicy: {}")
        .filter()
        .unwrap_err();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(source("version: v1").filter().unwrap().is_empty());
}

#[test]
fn labels_are_selected_as_velero_writes_them_and_as_resources_do() {
    let selected = |selector: &str| {
        let filters = format!("[{{kinds: [Secret], {selector}}}]");
        let text = format!(
            "version: v1\nnamespacedFilterPolicies: [{{namespaces: [a], resourceFilters: {filters}}}]"
        );
        let filter =
            source(&text).filter().unwrap_or_else(|errors| panic!("{selector}: {errors:?}")).bind(&catalog());
        let objects = [("app", "web"), ("app", "db"), ("backup", "true"), ("tier", "1")];
        let judged = objects.map(|(key, value)| {
            let labels = BTreeMap::from([(key.to_owned(), value.to_owned())]);
            let secret = ObjectKey::new(GroupResource::new("", "secrets"), Some("a"), "x");
            filter.judge(&secret, "Secret", &labels) == Verdict::Selected
        });
        judged.map(u8::from)
    };
    for (selector, expected) in [
        ("labelSelector: {app: web}", [1, 0, 0, 0]),
        ("labelSelector: {app: web, tier: '1'}", [0, 0, 0, 0]),
        ("labelSelector: {matchLabels: {app: web}}", [1, 0, 0, 0]),
        ("labelSelector: {matchExpressions: [{key: app, operator: In, values: [web, db]}]}", [1, 1, 0, 0]),
        ("labelSelector: {backup: true}", [0, 0, 1, 0]),
        ("labelSelector: {}", [1, 1, 1, 1]),
        ("orLabelSelectors: [{app: web}, {tier: 1}]", [1, 0, 0, 1]),
        ("orLabelSelectors: [{matchLabels: {app: db}}, {backup: \"true\"}]", [0, 1, 1, 0]),
    ] {
        assert_eq!(selected(selector), expected, "{selector}");
    }
    for wrong in ["{matchLabel: {app: web}}", "{matchLabels: {app: web}, app: web}", "{app: [web]}"] {
        let filters = format!("[{{kinds: [Secret], labelSelector: {wrong}}}]");
        let found =
            errors(&format!("namespacedFilterPolicies: [{{namespaces: [a], resourceFilters: {filters}}}]"));
        assert!(
            found.len() == 1 && found[0].contains("is neither a label with its value"),
            "{wrong}: {found:?}"
        );
    }
}
