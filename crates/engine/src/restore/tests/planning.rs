//! What is restored, in which order, and what is not.

use super::*;
use crate::files::{BackupMethod, VolumeInfo};
use crate::restore::owners::Link;
use crate::restore::volumes::{Decision, Held};
use proptest::prelude::*;

fn shop() -> Vec<(&'static str, Value)> {
    vec![
        ("namespaces shop", json!({"metadata": {"labels": {"team": "a"}}})),
        ("namespaces blog", json!({})),
        ("nodes n1", json!({})),
        (
            "deployments.apps shop/web",
            json!({"metadata": {"labels": {"app": "web"},
            "managedFields": [{"manager": "argocd", "operation": "Apply"}]}, "status": {"replicas": 1}}),
        ),
        (
            "pods shop/web-1",
            json!({"metadata": {"labels": {"app": "web"}}, "spec": {"priorityClassName": "high",
            "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}}),
        ),
        ("pods shop/done", json!({"status": {"phase": "Succeeded"}})),
        ("pods shop/mirror", json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}})),
        (
            "persistentvolumeclaims shop/data",
            json!({"spec": {"volumeName": "pv-1"}, "status": {"phase": "Bound"}}),
        ),
        (
            "persistentvolumes pv-1",
            json!({"spec": {"persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": "shop", "name": "data"}}}),
        ),
        ("priorityclasses.scheduling.k8s.io high", json!({})),
        ("clusterroles.rbac.authorization.k8s.io reader", json!({})),
        ("serviceaccounts shop/web", json!({})),
        ("secrets shop/web-token-x1", json!({"type": "kubernetes.io/service-account-token"})),
        ("secrets shop/own-token", json!({"type": "kubernetes.io/service-account-token"})),
        (
            "configmaps blog/posts",
            json!({"metadata": {"annotations": {"velero.io/restore-status": "TRUE "}}, "status": {"a": 1}}),
        ),
        ("events shop/e1", json!({})),
        ("customresourcedefinitions.apiextensions.k8s.io widgets.example.com", json!({})),
        ("widgets.example.com shop/w1", json!({})),
        ("validatingwebhookconfigurations.admissionregistration.k8s.io guard", json!({})),
        (
            "apiservices.apiregistration.k8s.io v1.apps",
            json!({"metadata": {"labels":
            {"kube-aggregator.kubernetes.io/automanaged": "onstart"}}}),
        ),
        ("volumesnapshots.snapshot.storage.k8s.io shop/s1", json!({})),
    ]
}

fn check_plan(spec: Value, expect: &str) {
    let plan = planned(spec, &shop(), &Volumes::default(), &Target::default());
    assert_eq!(fatal(&plan), Vec::<String>::new());
    let text = rendered(&plan);
    assert_eq!(text.trim(), expect.trim(), "\n{text}");
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<RestorePlan>(&json).unwrap(), plan);
}

#[test]
fn everything_in_order() {
    check_plan(
        json!({}),
        r"
customresourcedefinitions.apiextensions.k8s.io:
  customresourcedefinitions.apiextensions.k8s.io widgets.example.com
namespaces:
  blog (archived)
  shop (archived)
persistentvolumes:
  persistentvolumes pv-1
persistentvolumeclaims:
  persistentvolumeclaims shop/data
clusterroles.rbac.authorization.k8s.io:
  clusterroles.rbac.authorization.k8s.io reader
serviceaccounts:
  serviceaccounts shop/web
secrets:
  secrets shop/own-token
configmaps:
  configmaps blog/posts +status
priorityclasses.scheduling.k8s.io:
  priorityclasses.scheduling.k8s.io high
pods:
  pods shop/web-1
everything else:
  deployments.apps shop/web +managedFields
  widgets.example.com shop/w1
admission:
  validatingwebhookconfigurations.admissionregistration.k8s.io guard
not events shop/e1: objects of this type belong to one cluster
not nodes n1: objects of this type belong to one cluster
not volumesnapshots.snapshot.storage.k8s.io shop/s1: it records a snapshot, and is read, not restored
not pods shop/done: it has ended
not pods shop/mirror: the kubelet makes mirror pods
not apiservices.apiregistration.k8s.io v1.apps: the API server makes this APIService
not secrets shop/web-token-x1: the token of a service account is made anew
",
    );
}

#[test]
fn what_can_refuse_objects_comes_after_them() {
    let mut objects = shop();
    let guards = ["resourcequotas shop/few", "apiservices.apiregistration.k8s.io v1.example.com"];
    objects.extend(guards.map(|guard| (guard, json!({}))));
    let text = rendered(&planned(json!({}), &objects, &Volumes::default(), &Target::default()));
    let (before, after) = text.split_once("admission:\n").unwrap();
    for guard in guards {
        assert!(!before.contains(guard) && after.contains(&format!("  {guard}\n")), "{guard}:\n{text}");
    }
    assert!(before.contains("  widgets.example.com shop/w1\n"), "{text}");
}

#[test]
fn a_namespace_brings_what_its_objects_need() {
    check_plan(
        json!({"includedNamespaces": ["sh*"], "namespaceMapping": {"shop": "shop-2"}}),
        r"
customresourcedefinitions.apiextensions.k8s.io:
  customresourcedefinitions.apiextensions.k8s.io widgets.example.com
namespaces:
  shop-2 (archived)
persistentvolumes:
  persistentvolumes pv-1
persistentvolumeclaims:
  persistentvolumeclaims shop-2/data
serviceaccounts:
  serviceaccounts shop-2/web
secrets:
  secrets shop-2/own-token
priorityclasses.scheduling.k8s.io:
  priorityclasses.scheduling.k8s.io high
pods:
  pods shop-2/web-1
everything else:
  deployments.apps shop-2/web +managedFields
  widgets.example.com shop-2/w1
not events shop/e1: objects of this type belong to one cluster
not nodes n1: objects of this type belong to one cluster
not volumesnapshots.snapshot.storage.k8s.io shop/s1: it records a snapshot, and is read, not restored
not configmaps blog/posts: its namespace is filtered out
not namespaces blog: its namespace is filtered out
not validatingwebhookconfigurations.admissionregistration.k8s.io guard: cluster-scoped objects are not part of this restore
not apiservices.apiregistration.k8s.io v1.apps: cluster-scoped objects are not part of this restore
not clusterroles.rbac.authorization.k8s.io reader: cluster-scoped objects are not part of this restore
not pods shop/done: it has ended
not pods shop/mirror: the kubelet makes mirror pods
not secrets shop/web-token-x1: the token of a service account is made anew
",
    );
}

#[test]
fn labels_select_and_needs_do_not_ask_for_labels() {
    check_plan(
        json!({"labelSelector": {"matchLabels": {"app": "web"}}, "restoreStatus": {}}),
        r"
namespaces:
  shop (archived)
persistentvolumes:
  persistentvolumes pv-1
persistentvolumeclaims:
  persistentvolumeclaims shop/data +status
priorityclasses.scheduling.k8s.io:
  priorityclasses.scheduling.k8s.io high
pods:
  pods shop/web-1
everything else:
  deployments.apps shop/web +managedFields +status
not events shop/e1: objects of this type belong to one cluster
not nodes n1: objects of this type belong to one cluster
not volumesnapshots.snapshot.storage.k8s.io shop/s1: it records a snapshot, and is read, not restored
not configmaps blog/posts: the label selector does not match
not namespaces blog: the label selector does not match
not pods shop/done,mirror: the label selector does not match
not secrets shop/own-token,web-token-x1: the label selector does not match
not serviceaccounts shop/web: the label selector does not match
not validatingwebhookconfigurations.admissionregistration.k8s.io guard: the label selector does not match
not customresourcedefinitions.apiextensions.k8s.io widgets.example.com: the label selector does not match
not apiservices.apiregistration.k8s.io v1.apps: the label selector does not match
not widgets.example.com shop/w1: the label selector does not match
not clusterroles.rbac.authorization.k8s.io reader: the label selector does not match
",
    );
}

#[test]
fn without_cluster_scoped_objects_claims_get_new_volumes() {
    check_plan(
        json!({"includeClusterResources": false, "includedResources": ["PersistentVolumeClaim", "persistentvolumes"]}),
        r"
namespaces:
  shop (archived)
persistentvolumeclaims:
  persistentvolumeclaims shop/data
not events shop/e1: objects of this type belong to one cluster
not nodes n1: objects of this type belong to one cluster
not volumesnapshots.snapshot.storage.k8s.io shop/s1: it records a snapshot, and is read, not restored
not configmaps blog/posts: its type is filtered out
not namespaces blog: its type is filtered out
not pods shop/done,mirror,web-1: its type is filtered out
not secrets shop/own-token,web-token-x1: its type is filtered out
not serviceaccounts shop/web: its type is filtered out
not validatingwebhookconfigurations.admissionregistration.k8s.io guard: its type is filtered out
not customresourcedefinitions.apiextensions.k8s.io widgets.example.com: its type is filtered out
not apiservices.apiregistration.k8s.io v1.apps: its type is filtered out
not deployments.apps shop/web: its type is filtered out
not widgets.example.com shop/w1: its type is filtered out
not clusterroles.rbac.authorization.k8s.io reader: its type is filtered out
not priorityclasses.scheduling.k8s.io high: its type is filtered out
not persistentvolumes pv-1: cluster-scoped objects are not part of this restore
warning SLV-2012 [shop] persistentvolumeclaims shop/data: the volume pv-1 that it was bound to is neither restored nor in the cluster: it gets a new, empty one
",
    );
}

#[test]
fn cluster_scoped_objects_come_without_namespaces_that_nobody_asked_for() {
    check_plan(
        json!({"includeClusterResources": true, "includedNamespaces": ["blog"]}),
        r"
customresourcedefinitions.apiextensions.k8s.io:
  customresourcedefinitions.apiextensions.k8s.io widgets.example.com
namespaces:
  blog (archived)
persistentvolumes:
  persistentvolumes pv-1
clusterroles.rbac.authorization.k8s.io:
  clusterroles.rbac.authorization.k8s.io reader
configmaps:
  configmaps blog/posts +status
priorityclasses.scheduling.k8s.io:
  priorityclasses.scheduling.k8s.io high
admission:
  validatingwebhookconfigurations.admissionregistration.k8s.io guard
not events shop/e1: objects of this type belong to one cluster
not nodes n1: objects of this type belong to one cluster
not volumesnapshots.snapshot.storage.k8s.io shop/s1: it records a snapshot, and is read, not restored
not namespaces shop: its namespace is filtered out
not persistentvolumeclaims shop/data: its namespace is filtered out
not pods shop/done,mirror,web-1: its namespace is filtered out
not secrets shop/own-token,web-token-x1: its namespace is filtered out
not serviceaccounts shop/web: its namespace is filtered out
not deployments.apps shop/web: its namespace is filtered out
not widgets.example.com shop/w1: its namespace is filtered out
not apiservices.apiregistration.k8s.io v1.apps: the API server makes this APIService
",
    );
}

#[test]
fn hooks_follow_their_pods_to_where_those_are_restored() {
    let annotated = json!({"metadata": {"annotations": {"post.hook.restore.velero.io/command": "load"}},
        "spec": {"containers": [{"name": "db"}]}});
    let plain = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web"}]}});
    let done = json!({"spec": {"containers": [{"name": "job"}]}, "status": {"phase": "Succeeded"}});
    let archive = [
        ("pods shop/db-0", annotated),
        ("pods shop/done", done),
        ("pods shop/web-0", plain.clone()),
        ("pods till/web-1", plain),
    ];
    let exec =
        json!({"exec": {"command": ["warm"], "waitTimeout": "1m", "waitForReady": true, "container": "web"}});
    let init = json!({"init": {"initContainers": [{"name": "i", "image": "busybox", "command": ["true"]}]}});
    let spec = json!({"namespaceMapping": {"shop": "copy"}, "itemOperationTimeout": "2h", "hooks": {"resources": [
        {"name": "h", "includedNamespaces": ["copy"], "includedResources": ["configmaps"], "postHooks": [exec, init]}]}});
    let plan = planned(spec, &archive, &Volumes::default(), &Target::default());
    assert_eq!(fatal(&plan), [""; 0]);
    let hooks: Vec<_> = plan
        .hooks
        .iter()
        .map(|hook| {
            let item = plan.items().nth(hook.item as usize).unwrap();
            assert_eq!(plan.target(item), hook.exec.key());
            (
                hook.exec.key().full_name(),
                hook.exec.command.join(" "),
                hook.wait_timeout.to_string(),
                hook.wait_for_ready,
            )
        })
        .collect();
    let expected = [("copy/db-0", "load", "2h0m0s", false), ("copy/web-0", "warm", "1m0s", true)];
    assert_eq!(
        hooks,
        expected.map(|(pod, command, wait, ready)| (pod.into(), command.into(), wait.into(), ready))
    );
    assert_eq!(plan.init_hooks.len(), 1);
    let pods: Vec<_> =
        plan.init_hooks[0].pods.iter().map(|(namespace, name)| format!("{namespace}/{name}")).collect();
    assert_eq!(pods, ["copy/db-0", "copy/web-0"]);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<super::RestorePlan>(&text).unwrap(), plan);
}

#[test]
fn without_on_error_a_restore_hook_lets_the_others_of_its_pod_run() {
    use crate::hooks::OnError::{self, Continue, Fail};
    let pod = |annotations: Value| json!({"metadata": {"annotations": annotations, "labels": {"app": "db"}}, "spec": {"containers": [{"name": "db"}]}});
    let said = |key: &str| format!("post.hook.restore.velero.io/{key}");
    let archive = [
        ("pods shop/a", pod(json!({ said("command"): "load" }))),
        ("pods shop/b", pod(json!({ said("command"): "load", said("on-error"): "Fail" }))),
        ("pods shop/c", pod(json!({}))),
    ];
    let exec = |more: Value| {
        let mut exec = json!({"command": ["warm"]});
        json_patch::merge(&mut exec, &more);
        json!({ "exec": exec })
    };
    let hooks = [exec(json!({})), exec(json!({"onError": "Fail"})), exec(json!({"onError": "Continue"}))];
    let spec = json!({"hooks": {"resources": [{"name": "h", "postHooks": hooks}]}});
    let plan = planned(spec, &archive, &Volumes::default(), &Target::default());
    let found: Vec<OnError> = plan.hooks.iter().map(|hook| hook.exec.on_error).collect();
    assert_eq!(found, [Continue, Fail, Continue, Fail, Continue]);
}

#[test]
fn nothing_is_said_to_be_nothing() {
    check_plan(
        json!({"includedNamespaces": ["gone-*"], "includeClusterResources": false}),
        r"
not events shop/e1: objects of this type belong to one cluster
not nodes n1: objects of this type belong to one cluster
not volumesnapshots.snapshot.storage.k8s.io shop/s1: it records a snapshot, and is read, not restored
not configmaps blog/posts: its namespace is filtered out
not persistentvolumeclaims shop/data: its namespace is filtered out
not pods shop/done,mirror,web-1: its namespace is filtered out
not secrets shop/own-token,web-token-x1: its namespace is filtered out
not serviceaccounts shop/web: its namespace is filtered out
not deployments.apps shop/web: its namespace is filtered out
not widgets.example.com shop/w1: its namespace is filtered out
not namespaces blog,shop: cluster-scoped objects are not part of this restore
not persistentvolumes pv-1: cluster-scoped objects are not part of this restore
not validatingwebhookconfigurations.admissionregistration.k8s.io guard: cluster-scoped objects are not part of this restore
not customresourcedefinitions.apiextensions.k8s.io widgets.example.com: cluster-scoped objects are not part of this restore
not apiservices.apiregistration.k8s.io v1.apps: cluster-scoped objects are not part of this restore
not clusterroles.rbac.authorization.k8s.io reader: cluster-scoped objects are not part of this restore
not priorityclasses.scheduling.k8s.io high: cluster-scoped objects are not part of this restore
warning SLV-2013 [velero] the restore selects nothing that the backup has
",
    );
}

fn volume_plan(
    spec: Value,
    reclaim: &str,
    method: Option<BackupMethod>,
    target: &Target,
) -> (Option<Decision>, String) {
    let info = VolumeInfo { pv_name: "pv-1".into(), backup_method: method, ..VolumeInfo::default() };
    let mut archive = shop();
    archive[8].1["spec"]["persistentVolumeReclaimPolicy"] = reclaim.into();
    let archive: Vec<_> =
        archive.into_iter().filter(|(place, _)| place.contains("persistentvolume")).collect();
    let plan = planned(spec, &archive, &Volumes::read(&[info], &[], &[], &[]), target);
    assert_eq!(fatal(&plan), Vec::<String>::new());
    let problems: Vec<_> = plan.problems.iter().map(|of| format!("{:?} {}", of.severity, of.code)).collect();
    (plan.volumes.get("pv-1").copied(), problems.join(", "))
}

/// A cluster with the volume, held so.
fn holding(held: Held) -> Target {
    Target { volumes: [("pv-1".to_owned(), held)].into(), ..Target::default() }
}

/// A cluster with the volume, which has a claim, or had it.
fn claimed(namespace: &str, name: &str, is_released: bool) -> Target {
    holding(Held { by: Some((namespace.to_owned(), name.to_owned())), is_released })
}

#[test]
fn volumes_are_decided_once() {
    let (all, none) = (json!({}), Target::default());
    let no_data = json!({"restorePVs": false});
    let claims = json!({"includedResources": ["persistentvolumeclaims"]});
    let present = holding(Held::default());
    let (bound, released) = (claimed("shop", "data", false), claimed("shop", "data", true));
    let of_another = claimed("till", "data", true);
    let csi = Some(BackupMethod::CsiSnapshot);
    let native = Some(BackupMethod::NativeSnapshot);
    for (spec, reclaim, method, target, decision, problems) in [
        (&all, "Retain", None, &none, Decision::AsIs, ""),
        (&all, "Delete", None, &none, Decision::Provision, "Warning SLV-2011"),
        (&all, "Retain", csi, &none, Decision::Provision, "Error SLV-2010"),
        (&all, "Delete", Some(BackupMethod::PodVolumeBackup), &none, Decision::Provision, "Error SLV-2010"),
        (&no_data, "Retain", native, &none, Decision::Provision, ""),
        (&no_data, "Delete", None, &none, Decision::Provision, ""),
        (&claims, "Retain", None, &none, Decision::Provision, "Warning SLV-2012"),
        (&claims, "Retain", None, &present, Decision::Present, ""),
        (&claims, "Delete", None, &present, Decision::Provision, "Warning SLV-2011"),
        (&all, "Retain", None, &bound, Decision::AsIs, ""),
        (&all, "Retain", None, &released, Decision::Release, ""),
        (&claims, "Retain", None, &released, Decision::Present, "Error SLV-2036"),
        (&all, "Retain", None, &of_another, Decision::Provision, "Warning SLV-2035"),
    ] {
        let found = volume_plan(spec.clone(), reclaim, method, target);
        assert_eq!(found, (Some(decision), problems.to_owned()), "{spec} {reclaim} {method:?}");
    }
}

#[test]
fn a_claim_of_a_volume_that_was_not_archived_keeps_it_only_where_it_is() {
    let archive = [("persistentvolumeclaims shop/data", shop()[7].1.clone())];
    let target = holding(Held::default());
    for (target, decision, problems) in
        [(&target, Decision::Present, 0), (&Target::default(), Decision::Provision, 1)]
    {
        let plan = planned(json!({}), &archive, &Volumes::default(), target);
        assert_eq!((plan.volumes["pv-1"], plan.problems.len()), (decision, problems));
    }
}

#[test]
fn types_that_the_cluster_lacks_are_reported_once() {
    let archive = [
        ("gadgets.example.com shop/g1", json!({})),
        ("gadgets.example.com shop/g2", json!({})),
        ("deployments.apps shop/old", json!({"apiVersion": "apps/v1alpha1"})),
    ];
    let plan = planned(json!({}), &archive, &Volumes::default(), &Target::default());
    assert_eq!(
        rendered(&plan),
        "not deployments.apps shop/old: the cluster does not serve its API version\n\
         not gadgets.example.com shop/g1,g2: the cluster does not serve its API version\n\
         error SLV-2003 [velero] no deployments.apps can be restored: the cluster does not serve apps/v1alpha1\n\
         error SLV-2002 [velero] no gadgets.example.com can be restored: the cluster does not have the type, \
         neither in example.com/v1 nor in another version\n\
         warning SLV-2013 [velero] the restore selects nothing that the backup has\n"
    );
}

/// Why there is no plan of a restore with `spec`.
fn refused(spec: Value, archive: &[(&str, Value)]) -> String {
    let facts: Vec<Facts> = archive.iter().map(|(place, of)| archived(place, of.clone()).0).collect();
    plan(&request(spec), &catalog(), &facts, &Volumes::default(), &Target::default()).unwrap_err().to_string()
}

#[test]
fn namespaces_that_clash_are_one_refusal_with_the_pairs() {
    let names = ["a/x", "b/x", "b/y", "a/z", "b/z"];
    let mut archive: Vec<(String, Value)> =
        names.iter().map(|name| (format!("configmaps {name}"), json!({}))).collect();
    archive.extend(["a", "b"].map(|namespace| (format!("serviceaccounts {namespace}/default"), json!({}))));
    let archive: Vec<(&str, Value)> =
        archive.iter().map(|(place, of)| (place.as_str(), of.clone())).collect();
    let both = json!({"namespaceMapping": {"a": "c", "b": "c"}});
    assert_eq!(
        refused(both.clone(), &archive),
        "the namespace mapping sends objects to the same places: configmaps a/x and b/x; configmaps a/z and b/z"
    );
    // One onto another that stays where it is.
    assert!(refused(json!({"namespaceMapping": {"a": "b"}}), &archive).contains("a/z and b/z"));
    // Every namespace has an account of that name: it is no clash.
    let apart: Vec<_> =
        archive.into_iter().filter(|(place, _)| !place.ends_with("b/x") && !place.ends_with("b/z")).collect();
    let target = Target { namespaces: super::names(&["c"]), ..Target::default() };
    assert_eq!(
        rendered(&planned(both, &apart, &Volumes::default(), &target)),
        "namespaces:\n  c (bare, exists)\nserviceaccounts:\n  serviceaccounts c/default\nconfigmaps:\n  configmaps c/x\n  \
         configmaps c/z\n  configmaps c/y\nnot serviceaccounts b/default: another object of the backup goes to the same place\n"
    );
}

#[test]
fn what_controllers_make_of_other_objects_is_left_out() {
    let by = json!({"metadata": {"labels": {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}}});
    let archive = [
        ("configmaps shop/kube-root-ca.crt", json!({})),
        ("endpoints shop/web", json!({})),
        ("endpoints shop/outside", json!({})),
        ("endpointslices.discovery.k8s.io shop/web-1", by),
        ("services shop/web", json!({"spec": {"selector": {"app": "web"}}})),
        ("services shop/outside", json!({"spec": {}})),
    ];
    let text = rendered(&planned(json!({}), &archive, &Volumes::default(), &Target::default()));
    for left in [
        "configmaps shop/kube-root-ca.crt",
        "endpoints shop/web",
        "endpointslices.discovery.k8s.io shop/web-1",
    ] {
        assert!(text.contains(&format!("not {left}: a controller makes it of other objects")), "{text}");
    }
    // Without its service nobody makes it again.
    let alone = rendered(&planned(
        json!({"includedResources": ["endpoints"]}),
        &archive,
        &Volumes::default(),
        &Target::default(),
    ));
    assert!(!alone.contains("endpoints shop/web: a controller"), "{alone}");
}

fn owned_by(kind: &str, name: &str, uid: &str) -> Value {
    let (api_version, kind) = kind.rsplit_once('/').unwrap();
    let owner = json!({"apiVersion": api_version, "kind": kind, "name": name, "uid": uid});
    json!({"metadata": {"ownerReferences": [owner]}})
}

#[test]
fn owners_come_before_what_they_own_and_are_linked_to() {
    let parent = |uid: &str| owned_by("example.com/v1/Widget", "parent", uid);
    let mut grandchild = owned_by("example.com/v1/Widget", "a-child", "c");
    grandchild["metadata"]["uid"] = "g".into();
    let mut child = parent("p");
    child["metadata"]["uid"] = "c".into();
    let archive = [
        ("customresourcedefinitions.apiextensions.k8s.io widgets.example.com", json!({})),
        ("configmaps shop/of-another", owned_by("apps/v1/Deployment", "elsewhere", "e")),
        ("configmaps shop/of-nobody", owned_by("example.com/v1/Gadget", "gone", "e")),
        ("configmaps shop/stale", parent("older")),
        ("clusterroles.rbac.authorization.k8s.io impossible", parent("p")),
        ("pods shop/web-1", owned_by("apps/v1/ReplicaSet", "web", "w")),
        ("secrets shop/early", parent("p")),
        ("widgets.example.com shop/a-child", child),
        ("widgets.example.com shop/a-grandchild", grandchild),
        ("widgets.example.com shop/parent", json!({"metadata": {"uid": "p"}})),
    ];
    let plan = planned(json!({}), &archive, &Volumes::default(), &Target::default());
    assert_eq!(fatal(&plan), Vec::<String>::new());
    let last: Vec<_> = plan
        .stages
        .iter()
        .rev()
        .take(3)
        .map(|stage| (stage.name.as_str(), stage.items[0].name.as_str()))
        .collect();
    assert_eq!(
        last,
        [
            ("everything else, owned (2)", "a-grandchild"),
            ("everything else, owned", "a-child"),
            ("everything else", "parent")
        ]
    );
    let numbers: Vec<&str> = plan.items().map(|item| item.name.as_str()).collect();
    let links: Vec<String> = plan
        .items()
        .flat_map(|item| item.owners.iter().map(move |link| (item, link)))
        .map(|(item, link)| {
            let restored = link.item.map_or("the cluster", |number| numbers[number as usize]);
            format!("{} -> {} {} in {restored}", item.name, plan.kinds[link.kind].source, link.uid)
        })
        .collect();
    assert_eq!(
        links,
        [
            "early -> widgets.example.com p in parent",
            "of-another -> deployments.apps e in the cluster",
            "a-child -> widgets.example.com p in parent",
            "a-grandchild -> widgets.example.com c in a-child",
        ]
    );
}

#[test]
fn owners_in_a_circle_end() {
    let round = |name: &str, uid: &str, owner: &str| {
        let mut one = owned_by("v1/ConfigMap", owner, owner);
        one["metadata"]["uid"] = uid.into();
        (format!("configmaps shop/{name}"), one)
    };
    let archive = [round("a", "a", "b"), round("b", "b", "a"), round("c", "c", "c")];
    let archive: Vec<(&str, Value)> =
        archive.iter().map(|(place, of)| (place.as_str(), of.clone())).collect();
    let plan = planned(json!({}), &archive, &Volumes::default(), &Target::default());
    assert_eq!((fatal(&plan), plan.items().count()), (Vec::new(), 3));
}

#[test]
fn a_volume_that_is_there_for_another_namespace_stays_with_it() {
    let archive: Vec<_> =
        shop().into_iter().filter(|(place, _)| place.contains("persistentvolume")).collect();
    let target = holding(Held::default());
    let copied =
        planned(json!({"namespaceMapping": {"shop": "copy"}}), &archive, &Volumes::default(), &target);
    assert_eq!(copied.volumes["pv-1"], Decision::Provision);
    assert!(rendered(&copied).contains("warning SLV-2035 [copy] persistentvolumeclaims copy/data:"));
    let same = planned(json!({}), &archive, &Volumes::default(), &target);
    assert_eq!((same.volumes["pv-1"], same.problems.len()), (Decision::AsIs, 0));
}

#[test]
fn an_object_is_created_in_a_version_that_says_the_same() {
    let archive =
        [("deployments.apps shop/old", json!({"apiVersion": "apps/v1beta2", "spec": {"replicas": 1}}))];
    let plan = planned(json!({}), &archive, &Volumes::default(), &Target::default());
    let item = plan.items().next().unwrap();
    assert_eq!(plan.resource(item).version, "v1");
    let (_, whole) = archived(archive[0].0, archive[0].1.clone());
    assert_eq!(crate::restore::transform(whole, item, &plan).unwrap().document["apiVersion"], "apps/v1");
}

#[test]
fn a_missing_claim_is_a_warning() {
    let pod = json!({"spec": {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}});
    let plan = planned(json!({}), &[("pods shop/db", pod)], &Volumes::default(), &Target::default());
    assert!(rendered(&plan).contains("warning SLV-2005 [shop] pods shop/db:"));
}

#[test]
fn the_servers_order_is_followed_and_doubted() {
    let archive = [("pods shop/a", json!({})), ("secrets shop/b", json!({})), ("services shop/c", json!({}))];
    let facts: Vec<Facts> = archive.iter().map(|(place, of)| archived(place, of.clone()).0).collect();
    let request = Request { priorities: Priorities::parse("pods, svc ,-,secrets"), ..request(json!({})) };
    let plan = plan(&request, &catalog(), &facts, &Volumes::default(), &Target::default()).unwrap();
    let stages: Vec<&str> = plan.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(stages, ["namespaces", "pods", "everything else", "secrets"]);
    let notes: Vec<String> = check(&plan).iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["advice: pods come before secrets, which they name"]);
}

#[test]
fn broken_plans_are_found_out() {
    type Break = fn(&mut RestorePlan);
    let breaks: [(Break, &str); 8] = [
        (|plan| plan.v = 2, "version"),
        (|plan| plan.stages[0].items[0].kind = 99, "does not list"),
        (|plan| plan.stages.swap(0, 1), "before its namespace"),
        (
            |plan| {
                let again = plan.stages[2].items[0].clone();
                plan.stages[2].items.push(again);
            },
            "planned twice",
        ),
        (
            |plan| {
                let link = Link { uid: "u".into(), kind: 0, name: "x".into(), item: Some(99) };
                plan.stages[0].items[0].owners.push(link);
            },
            "an owner that the plan does not list",
        ),
        (|plan| plan.kinds[0].source = GroupResource::new("", "nodes"), "never restored"),
        (|plan| plan.kinds[0].actions.push("velero.io/dance".into()), "nobody knows"),
        (|plan| plan.stages[0].gate = crate::restore::plan::Gate::None, "nothing waits"),
    ];
    let archive = [
        ("customresourcedefinitions.apiextensions.k8s.io widgets.example.com", json!({})),
        ("configmaps shop/a", json!({})),
        ("widgets.example.com shop/w", json!({})),
    ];
    let whole = planned(json!({}), &archive, &Volumes::default(), &Target::default());
    assert_eq!(fatal(&whole), Vec::<String>::new());
    for (break_it, expect) in breaks {
        let mut plan = whole.clone();
        break_it(&mut plan);
        // Whatever comes before its namespace: the stage of a definition has none, so move one that has.
        if expect == "before its namespace" {
            plan = whole.clone();
            plan.stages.swap(1, 2);
        }
        let notes = fatal(&plan);
        assert!(notes.iter().any(|note| note.contains(expect)), "{expect}: {notes:?}");
    }
}

fn places() -> impl Strategy<Value = Vec<(String, Value)>> {
    let resource = prop_oneof![
        Just("configmaps"),
        Just("pods"),
        Just("persistentvolumeclaims"),
        Just("deployments.apps"),
        Just("widgets.example.com"),
        Just("jobs.batch"),
        Just("gadgets.example.com"),
    ];
    let object = (resource, "[ab]", "[a-d]", any::<bool>()).prop_map(|(resource, namespace, name, flag)| {
        let status = if flag { json!({"phase": "Succeeded", "completionTime": "x"}) } else { json!({}) };
        let spec = json!({"volumeName": "pv", "volumes": [{"persistentVolumeClaim": {"claimName": "a"}}]});
        (format!("{resource} {namespace}/{name}"), json!({"spec": spec, "status": status}))
    });
    proptest::collection::vec(object, 0..20).prop_map(|mut all| {
        all.push(("customresourcedefinitions.apiextensions.k8s.io widgets.example.com".into(), json!({})));
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all.dedup_by(|one, other| one.0 == other.0);
        all
    })
}

fn specs() -> impl Strategy<Value = Value> {
    (any::<Option<bool>>(), "[ab*]", proptest::option::of("[ac]"), any::<bool>()).prop_map(|(cluster, namespace, to, all)| {
        let mapping = to.map(|to| json!({"a": to})).unwrap_or_default();
        let namespaces = if all { json!([]) } else { json!([namespace]) };
        json!({"includeClusterResources": cluster, "includedNamespaces": namespaces, "namespaceMapping": mapping})
    })
}

fn policies() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just(""),
        Just(
            "namespacedFilterPolicies: [{namespaces: [a], resourceFilters: [{kinds: [pods, Widget], names: ['[ab]']}]}]"
        ),
        Just(
            "clusterScopedFilterPolicy: {resourceFilters: [{kinds: [customresourcedefinitions], names: [other]}]}\n\
            namespacedFilterPolicies: [{namespaces: ['*'], resourceFilters: [{kinds: [deployments]}, {kinds: ['*'], \
            labelSelector: {matchLabels: {a: b}}}]}]"
        ),
    ]
}

proptest! {
    #[test]
    fn every_plan_is_sound_and_accounts_for_every_object(archive in places(), spec in specs(), sections in policies()) {
        let facts: Vec<Facts> = archive.iter().map(|(place, of)| archived(place, of.clone()).0).collect();
        let request = Request { policy: policy(sections), ..request(spec) };
        let plan = with_hooks(&request, &facts, &Volumes::default(), &Target::default());
        prop_assert_eq!(fatal(&plan), Vec::<String>::new());
        let left: usize = plan.left_out.iter().map(|left| left.names.len()).sum();
        prop_assert_eq!(plan.items().count() + left, archive.len());
    }
}
