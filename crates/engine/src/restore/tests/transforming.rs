//! What becomes of documents.

use super::*;
use crate::merge::tests::documents;
use crate::restore::transform;
use proptest::prelude::*;

fn transformed(place: &str, document: Value, spec: Value) -> Value {
    let (facts, whole) = archived(place, document);
    let plan = with_hooks(&request(spec), &[facts], &Volumes::default(), &Target::default());
    let item = plan.items().next().unwrap_or_else(|| panic!("{}", rendered(&plan)));
    let made = transform(whole, item, &plan).unwrap().document;
    assert_eq!(transform(made.clone(), item, &plan).unwrap().document, made, "a second time changes nothing");
    made
}

/// What of the document comes out, without what every document gets.
fn check_with(spec: Value, place: &str, document: Value, expect: Value) {
    let mut made = transformed(place, document, spec);
    let labels = json!({"velero.io/backup-name": "b1", "velero.io/restore-name": "r1"});
    for (key, value) in labels.as_object().unwrap() {
        assert_eq!(crate::document::label(&made, key), value.as_str());
        crate::document::remove_label(&mut made, key);
    }
    assert_eq!(crate::document::annotation(&made, "salvor.io/operation-uid"), Some("uid-r1"));
    crate::document::remove_annotation(&mut made, "salvor.io/operation-uid");
    for field in ["apiVersion", "kind"] {
        made.as_object_mut().unwrap().remove(field);
    }
    for field in ["name", "namespace"] {
        crate::document::remove(&mut made, &["metadata", field]);
    }
    if made["metadata"] == json!({}) {
        made.as_object_mut().unwrap().remove("metadata");
    }
    assert_eq!(made, expect);
}

fn check(place: &str, document: Value, expect: Value) {
    check_with(json!({}), place, document, expect);
}

#[test]
fn what_the_old_cluster_said_goes_and_the_rest_stays() {
    check(
        "configmaps shop/a",
        json!({"metadata": {"uid": "u", "resourceVersion": "1", "generation": 3, "creationTimestamp": "t", "selfLink": "/s",
            "generateName": "a-", "deletionTimestamp": "t", "deletionGracePeriodSeconds": 1, "ownerReferences": [{}],
            "managedFields": [{}], "finalizers": ["f"], "novel": 1, "labels": {"a": "b", "velero.io/restore-name": "old"},
            "annotations": {"backup.velero.io/must-include-additional-items": "true", "salvor.io/operation-uid": "old",
                "backup.velero.io/skipped-no-csi-pv": "true", "c": "d"}},
            "data": {"x": "y"}, "status": {"z": 1}, "unheard": {"of": []}}),
        json!({"metadata": {"finalizers": ["f"], "novel": 1, "labels": {"a": "b"}, "annotations": {"c": "d"}},
            "data": {"x": "y"}, "unheard": {"of": []}}),
    );
}

#[test]
fn finalizers_go_where_nobody_would_remove_them() {
    let request = Request { strip_finalizers: true, ..request(json!({})) };
    let (facts, whole) = archived("configmaps shop/a", json!({"metadata": {"finalizers": ["f"]}}));
    let plan = plan(&request, &catalog(), &[facts], &Volumes::default(), &Target::default()).unwrap();
    let made = transform(whole, plan.items().next().unwrap(), &plan).unwrap().document;
    assert_eq!(made["metadata"].get("finalizers"), None);
}

#[test]
fn a_namespace_that_is_there_is_added_to_and_loses_nothing() {
    use crate::restore::namespaces::addition;
    let archived = json!({"metadata": {"labels": {"team": "a", "tier": "1"}, "annotations": {"x": "y",
        "openshift.io/sa.scc.uid-range": "1/2", "kubectl.kubernetes.io/last-applied-configuration": "{}"}}});
    let live = json!({"metadata": {"labels": {"team": "b"}, "annotations": {"openshift.io/sa.scc.uid-range": "9/9"}}});
    let with = |policy: &str| {
        let spec = json!({"existingResourcePolicy": policy});
        planned(spec, &[("configmaps shop/a", json!({}))], &Volumes::default(), &Target::default())
    };
    let added = json!({"metadata": {"labels": {"tier": "1"}, "annotations": {"x": "y"}}});
    assert_eq!(addition(&archived, &live, &with("update")), Some(added.clone()));
    assert_eq!(addition(&archived, &live, &with("recreate")), Some(added));
    assert_eq!(addition(&archived, &live, &with("none")), None);
    assert_eq!(addition(&live, &live, &with("update")), None);
}

#[test]
fn names_are_labels_even_when_long_and_namespaces_are_mapped() {
    let mut request = request(json!({"namespaceMapping": {"shop": "shop-2"}}));
    request.backup = "b".repeat(64);
    let (facts, whole) = archived("configmaps shop/a", json!({}));
    let plan = plan(&request, &catalog(), &[facts], &Volumes::default(), &Target::default()).unwrap();
    let made = transform(whole, plan.items().next().unwrap(), &plan).unwrap().document;
    assert_eq!(made["metadata"]["labels"]["velero.io/backup-name"].as_str().unwrap().len(), 63);
    assert_eq!(made["metadata"]["namespace"], "shop-2");
}

#[test]
fn pods_lose_what_their_node_and_admission_gave_them() {
    check(
        "pods shop/web",
        json!({"spec": {"nodeName": "n1", "priority": 10, "priorityClassName": "high", "serviceAccountName": "web",
            "ephemeralContainers": [{"name": "debug"}],
            "volumes": [{"name": "web-token-x1"}, {"name": "data"}, {"name": "kube-api-access-1"}],
            "initContainers": [{"name": "restore-wait"}, {"name": "restic-wait"}],
            "containers": [{"name": "c", "volumeMounts": [{"name": "web-token-x1"}, {"name": "data"}]}]}}),
        json!({"spec": {"priorityClassName": "high", "serviceAccountName": "web",
            "volumes": [{"name": "data"}, {"name": "kube-api-access-1"}],
            "containers": [{"name": "c", "volumeMounts": [{"name": "data"}]}]}}),
    );
}

#[test]
fn services_lose_what_the_cluster_picked() {
    let applied = |spec: Value| {
        json!({"metadata": {"annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": json!({"spec": spec}).to_string()}}})
    };
    let service = |spec: Value, more: Value| {
        let mut whole = json!({"spec": spec});
        json_patch::merge(&mut whole, &more);
        whole
    };
    let ports = json!({"type": "NodePort", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"],
        "ports": [{"name": "http", "port": 80, "nodePort": 30080}, {"name": "tls", "port": 443, "nodePort": 30443}]});
    // Somebody asked for one of the two ports: by kubectl, as text even.
    let asked = applied(
        json!({"ports": [{"name": "http", "port": 80, "nodePort": "30080"}, {"name": "tls", "port": 443}]}),
    );
    let mut expect = service(
        json!({"type": "NodePort",
        "ports": [{"name": "http", "port": 80, "nodePort": 30080}, {"name": "tls", "port": 443}]}),
        asked.clone(),
    );
    check("services shop/web", service(ports.clone(), asked), expect.clone());
    // By server-side apply.
    let owner = json!({"metadata": {"managedFields": [{"fieldsV1": {"f:spec": {"f:ports": {
        "k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:nodePort": {}}, "k:{\"port\":443,\"protocol\":\"TCP\"}": {}}}}}]}});
    expect.as_object_mut().unwrap().remove("metadata");
    let (facts, whole) = archived("services shop/web", service(ports.clone(), owner));
    let plan =
        plan(&request(json!({})), &catalog(), &[facts], &Volumes::default(), &Target::default()).unwrap();
    let made = transform(whole, plan.items().next().unwrap(), &plan).unwrap().document;
    assert_eq!(made["spec"], expect["spec"]);
    // All of them are to stay.
    let mut kept = ports.clone();
    kept.as_object_mut().unwrap().retain(|key, _| !key.starts_with("clusterIP"));
    check_with(
        json!({"preserveNodePorts": true}),
        "services shop/web",
        json!({"spec": ports}),
        json!({"spec": kept}),
    );
    // Headless ones and health ports.
    check("services shop/db", json!({"spec": {"clusterIP": "None"}}), json!({"spec": {"clusterIP": "None"}}));
    let local =
        json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 31000});
    check(
        "services shop/lb",
        json!({"spec": local}),
        json!({"spec": {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}}),
    );
    let asked = applied(json!({"healthCheckNodePort": 31000}));
    check("services shop/lb", service(local.clone(), asked.clone()), service(local, asked));
}

#[test]
fn unnamed_ports_are_told_apart_by_number() {
    let applied = json!({"spec": {"ports": [{"port": 80, "nodePort": 30080}]}}).to_string();
    let metadata = json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}});
    check(
        "services shop/web",
        json!({"metadata": metadata, "spec": {"ports": [{"port": 80, "nodePort": 30080}]}}),
        json!({"metadata": metadata, "spec": {"ports": [{"port": 80, "nodePort": 30080}]}}),
    );
}

#[test]
fn accounts_and_their_secrets() {
    check(
        "serviceaccounts shop/web",
        json!({"secrets": [{"name": "web-token-1"}, {"name": "pull"}], "imagePullSecrets": [{"name": "pull"}]}),
        json!({"secrets": [{"name": "pull"}], "imagePullSecrets": [{"name": "pull"}]}),
    );
    check("serviceaccounts shop/web", json!({"secrets": [{"name": "web-token-1"}]}), json!({}));
    check(
        "secrets shop/mine",
        json!({"type": "kubernetes.io/service-account-token", "data": {"token": "t", "ca.crt": "c", "extra": "e"},
            "metadata": {"annotations": {"kubernetes.io/service-account.uid": "u", "kubernetes.io/service-account.name": "web"}}}),
        json!({"type": "kubernetes.io/service-account-token", "data": {"extra": "e"},
            "metadata": {"annotations": {"kubernetes.io/service-account.name": "web"}}}),
    );
    check("secrets shop/tls", json!({"data": {"token": "t"}}), json!({"data": {"token": "t"}}));
}

#[test]
fn jobs_get_new_selectors() {
    let labels = json!({"controller-uid": "u", "batch.kubernetes.io/controller-uid": "u", "app": "a"});
    let spec = json!({"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}});
    let kept = json!({"app": "a"});
    check(
        "jobs.batch shop/j",
        json!({"spec": spec}),
        json!({"spec": {"selector": {"matchLabels": kept}, "template": {"metadata": {"labels": kept}}}}),
    );
}

#[test]
fn claims_forget_their_binding_and_volumes_their_claims_uid() {
    check(
        "persistentvolumeclaims shop/data",
        json!({"metadata": {"labels": {"velero.io/volume-snapshot-name": "s"}, "annotations": {
            "pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes",
            "volume.kubernetes.io/storage-provisioner": "p", "volume.beta.kubernetes.io/storage-provisioner": "p",
            "volume.kubernetes.io/selected-node": "n", "velero.io/volume-snapshot-name": "s", "velero.io/data-upload-name": "d",
            "mine": "m"}},
            "spec": {"volumeName": "gone", "storageClassName": "fast"}, "status": {"phase": "Bound"}}),
        json!({"metadata": {"annotations": {"mine": "m"}}, "spec": {"storageClassName": "fast"}}),
    );
    // One that was made from a snapshot, and one that was made from another claim.
    let made_from = |kind: &str| {
        let source = json!({"kind": kind, "name": "s"});
        json!({"spec": {"volumeName": "gone", "dataSource": source, "dataSourceRef": source}, "status": {"phase": "Bound"}})
    };
    check("persistentvolumeclaims shop/data", made_from("VolumeSnapshot"), json!({"spec": {}}));
    let mut clone = made_from("PersistentVolumeClaim");
    clone.as_object_mut().unwrap().remove("status");
    clone["spec"].as_object_mut().unwrap().remove("volumeName");
    check("persistentvolumeclaims shop/data", made_from("PersistentVolumeClaim"), clone);
    // A claim that was made for one volume and is not bound to it yet.
    check(
        "persistentvolumeclaims shop/data",
        json!({"spec": {"volumeName": "v"}}),
        json!({"spec": {"volumeName": "v"}}),
    );
    check_with(
        json!({"namespaceMapping": {"shop": "shop-2"}}),
        "persistentvolumes pv-1",
        json!({"metadata": {"annotations": {"pv.kubernetes.io/bound-by-controller": "yes"}},
            "spec": {"claimRef": {"namespace": "shop", "name": "data", "uid": "u", "resourceVersion": "1"}, "nfs": {"path": "/"}}}),
        json!({"spec": {"claimRef": {"namespace": "shop-2", "name": "data"}, "nfs": {"path": "/"}}}),
    );
}

#[test]
fn restored_pods_get_the_init_containers_of_hooks_before_their_own() {
    let added = json!({"name": "added", "image": "busybox", "command": ["true"], "extra": {"kept": true}});
    let hooks = json!([{"name": "h", "includedNamespaces": ["copy"], "postHooks": [{"init": {"initContainers": [added]}}]}]);
    let spec = json!({"namespaceMapping": {"shop": "copy"}, "hooks": {"resources": hooks}});
    let own = json!({"name": "own"});
    let waits = json!({"name": "restore-wait"});
    check_with(
        spec,
        "pods shop/web",
        json!({"spec": {"initContainers": [waits, own]}}),
        json!({"spec": {"initContainers": [added, own]}}),
    );
    let image = json!({"init.hook.restore.velero.io/container-image": "busybox",
        "init.hook.restore.velero.io/container-name": "mine"});
    check(
        "pods shop/web",
        json!({"metadata": {"annotations": image}, "spec": {}}),
        json!({"metadata": {"annotations": image}, "spec": {"initContainers": [{"name": "mine", "image": "busybox"}]}}),
    );
}

#[test]
fn definitions_webhooks_and_bindings() {
    check(
        "customresourcedefinitions.apiextensions.k8s.io widgets.example.com",
        json!({"spec": {"preserveUnknownFields": true, "versions": [{"schema": {"openAPIV3Schema": {"type": "object"}}}, {}]}}),
        json!({"spec": {"preserveUnknownFields": false, "versions": [
            {"schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}, {}]}}),
    );
    check(
        "validatingwebhookconfigurations.admissionregistration.k8s.io guard",
        json!({"webhooks": [{"sideEffects": "Unknown"}, {"sideEffects": "NoneOnDryRun"}, {}]}),
        json!({"webhooks": [{"sideEffects": "None"}, {"sideEffects": "NoneOnDryRun"}, {"sideEffects": "None"}]}),
    );
    check_with(
        json!({"namespaceMapping": {"shop": "shop-2"}}),
        "rolebindings.rbac.authorization.k8s.io shop/b",
        json!({"subjects": [{"kind": "ServiceAccount", "namespace": "shop"}, {"kind": "User"}, {"namespace": "blog"}]}),
        json!({"subjects": [{"kind": "ServiceAccount", "namespace": "shop-2"}, {"kind": "User"}, {"namespace": "blog"}]}),
    );
}

#[test]
fn references_to_mapped_namespaces_follow() {
    let mapping = json!({"namespaceMapping": {"shop": "shop-2"}});
    let service = |namespace: &str| json!({"name": "s", "namespace": namespace});
    let webhooks = |namespace: &str| {
        json!({"webhooks": [{"sideEffects": "None", "clientConfig": {"service": service(namespace)}},
            {"sideEffects": "None", "clientConfig": {"url": "https://shop"}}]})
    };
    check_with(
        mapping.clone(),
        "validatingwebhookconfigurations.admissionregistration.k8s.io guard",
        webhooks("shop"),
        webhooks("shop-2"),
    );
    let api = |namespace: &str| json!({"spec": {"group": "shop", "service": service(namespace)}});
    check_with(mapping.clone(), "apiservices.apiregistration.k8s.io v1.shop", api("shop"), api("shop-2"));
    check_with(mapping.clone(), "apiservices.apiregistration.k8s.io v1.shop", api("other"), api("other"));
    let conversion = |namespace: &str| json!({"spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {"service": service(namespace)}}}}});
    let definition = "customresourcedefinitions.apiextensions.k8s.io widgets.example.com";
    check_with(mapping.clone(), definition, conversion("shop"), conversion("shop-2"));
    let policy = |namespace: &str| {
        let by_label = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace, "team": "shop"}}});
        let by_list = json!({"namespaceSelector": {"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [namespace, "other"]},
            {"key": "team", "operator": "In", "values": ["shop"]}]}});
        json!({"spec": {"podSelector": {}, "ingress": [{"from": [by_label]}], "egress": [{"to": [by_list, {"ipBlock": {}}]}, {}]}})
    };
    check_with(mapping, "networkpolicies.networking.k8s.io shop/p", policy("shop"), policy("shop-2"));
}

#[test]
fn namespaces_are_like_in_the_backup_under_their_new_name() {
    let plan = planned(
        json!({"namespaceMapping": {"shop": "shop-2"}}),
        &[("configmaps shop/a", json!({}))],
        &Volumes::default(),
        &Target::default(),
    );
    let namespace = &plan.stages[0].namespaces[0];
    let archived = json!({"kind": "Namespace", "metadata": {"name": "shop", "uid": "u", "labels": {"team": "a",
        "kubernetes.io/metadata.name": "shop"}, "annotations": {"x": "y"}}, "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"}});
    assert_eq!(
        crate::restore::namespaces::document(Some(&archived), namespace, &plan),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop-2",
            "labels": {"team": "a", "kubernetes.io/metadata.name": "shop-2"},
            "annotations": {"x": "y", "salvor.io/operation-uid": "uid-r1"}}, "spec": {"finalizers": ["kubernetes"]}})
    );
    assert_eq!(
        crate::restore::namespaces::document(None, namespace, &plan),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop-2",
            "annotations": {"salvor.io/operation-uid": "uid-r1"}}})
    );
}

#[test]
fn a_plan_of_a_newer_version_is_refused() {
    let (facts, whole) = archived("configmaps shop/a", json!({}));
    let mut plan =
        plan(&request(json!({})), &catalog(), &[facts], &Volumes::default(), &Target::default()).unwrap();
    plan.kinds[0].actions.push("salvor.io/dance".into());
    let problem = transform(whole, plan.items().next().unwrap(), &plan).unwrap_err();
    assert_eq!(problem.code, "SLV-2008");
    let item = plan.items().next().unwrap().clone();
    assert_eq!(transform(json!({"metadata": 1}), &item, &plan).unwrap_err().code, "SLV-2001");
}

#[test]
fn what_a_create_drops_comes_back_afterwards() {
    use crate::restore::status;
    let archived = json!({"metadata": {"managedFields": [{"manager": "m"}]}, "status": {"a": 1}, "spec": 1});
    let created = json!({"metadata": {"resourceVersion": "7"}, "spec": 2});
    assert_eq!(
        status::document(&archived, &created),
        json!({"metadata": {"resourceVersion": "7"}, "spec": 2, "status": {"a": 1}})
    );
    let patch = json!({"metadata": {"managedFields": [{"manager": "m"}]}});
    assert_eq!(status::managed_fields(&archived), Some(patch));
    assert_eq!(status::managed_fields(&created), None);
}

proptest! {
    #[test]
    fn unknown_fields_survive_every_action(
        place in proptest::sample::select(vec!["pods a/x", "services a/x", "serviceaccounts a/x", "secrets a/x",
            "persistentvolumeclaims a/x", "configmaps a/x", "jobs.batch a/x", "deployments.apps a/x",
            "rolebindings.rbac.authorization.k8s.io a/x"]),
        unknown in documents(),
    ) {
        let document = json!({"novel": unknown, "spec": {"novel": unknown}, "metadata": {"novel": unknown}});
        let made = transformed(place, document, json!({"namespaceMapping": {"a": "b"}}));
        prop_assert_eq!(&made["novel"], &unknown);
        prop_assert_eq!(&made["spec"]["novel"], &unknown);
        prop_assert_eq!(&made["metadata"]["novel"], &unknown);
    }

    #[test]
    fn no_document_makes_an_action_fall(
        place in proptest::sample::select(vec!["pods a/x", "services a/x", "serviceaccounts a/x", "secrets a/x",
            "persistentvolumeclaims a/x", "jobs.batch a/x", "rolebindings.rbac.authorization.k8s.io a/x",
            "persistentvolumes x", "customresourcedefinitions.apiextensions.k8s.io x",
            "validatingwebhookconfigurations.admissionregistration.k8s.io x"]),
        field in proptest::sample::select(vec!["spec", "data", "secrets", "subjects", "webhooks"]),
        deeper in proptest::sample::select(vec!["ports", "containers", "volumes", "claimRef", "selector", "versions", "x"]),
        strange in documents(),
    ) {
        transformed(place, json!({field: strange}), json!({}));
        transformed(place, json!({field: {deeper: strange}}), json!({}));
        transformed(place, json!({field: {deeper: [strange, {"name": 1}]}}), json!({}));
    }
}
