//! Objects of no namespace.

use serde_json::{Value, json};

use super::{Random, Zoo};

/// The group of the custom resources.
pub(super) const GROUP: &str = "zoo.example.com";

/// Kinds of custom resources that are nothing but many.
pub(super) const PLACES: [&str; 10] =
    ["Barn", "Burrow", "Cave", "Hive", "Kennel", "Meadow", "Nest", "Pond", "Stable", "Warren"];

/// Definitions of custom resources: those in namespaces, one of them with two versions, and one beside them.
pub(super) fn definitions(zoo: &mut Zoo, random: &mut Random) {
    let size = random.between(10, 100);
    let spec = json!({"type": "object", "properties": {
        "species": {"type": "string", "minLength": 1},
        "legs": {"type": "integer", "default": 4, "maximum": size},
        "diet": {"type": "array", "items": {"type": "string"}},
        "weight": {"x-kubernetes-int-or-string": true},
        "notes": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    }});
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {
        "spec": spec, "status": {"type": "object", "properties": {"fed": {"type": "boolean"}}},
    }}});
    let version = |name: &str, storage: bool| {
        json!({"name": name, "served": true, "storage": storage, "schema": schema, "subresources": {"status": {}},
               "additionalPrinterColumns": [{"name": "Species", "type": "string", "jsonPath": ".spec.species"}]})
    };
    definition(zoo, "Animal", "Namespaced", &[version("v1", true), version("v1beta1", false)]);
    for kind in PLACES {
        definition(zoo, kind, "Namespaced", &[version("v1", true)]);
    }
    definition(zoo, "Habitat", "Cluster", &[version("v1", true)]);
    for index in 0..random.between(2, 5) {
        let body = json!({"spec": {"species": random.word(), "legs": random.between(0, 9)}});
        zoo.named((&format!("{GROUP}/v1"), "Habitat"), &format!("habitat-{index}"), body);
    }
}

/// The name of a definition.
pub(super) fn definition_of(kind: &str) -> String {
    format!("{}s.{GROUP}", kind.to_lowercase())
}

fn definition(zoo: &mut Zoo, kind: &str, scope: &str, versions: &[Value]) {
    let singular = kind.to_lowercase();
    let plural = format!("{singular}s");
    let body = json!({"spec": {
        "group": GROUP, "scope": scope, "versions": versions,
        "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": singular,
                  "shortNames": [&singular[..3]], "categories": ["zoo"]},
    }});
    zoo.named(("apiextensions.k8s.io/v1", "CustomResourceDefinition"), &definition_of(kind), body);
}

/// What configures a whole cluster. All of it is harmless: it selects nothing that anybody else has.
pub(super) fn settings(zoo: &mut Zoo, random: &mut Random, namespaces: &[&str]) {
    access(zoo, random, namespaces);
    storage(zoo, random);
    scheduling(zoo, random);
    admission(zoo, random);
    traffic(zoo, random);
}

fn access(zoo: &mut Zoo, random: &mut Random, namespaces: &[&str]) {
    let group = "rbac.authorization.k8s.io/v1";
    for (index, namespace) in namespaces.iter().enumerate() {
        let name = format!("zoo-keeper-{index}");
        let verbs = if random.once_in(2) { json!(["get", "list"]) } else { json!(["get", "list", "watch"]) };
        let rules = json!([{"apiGroups": [GROUP], "resources": ["animals", "habitats"], "verbs": verbs}]);
        zoo.named((group, "ClusterRole"), &name, json!({"rules": rules}));
        let subject = json!([{"kind": "ServiceAccount", "name": "keeper-0", "namespace": namespace}]);
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name});
        zoo.named((group, "ClusterRoleBinding"), &name, json!({"subjects": subject, "roleRef": role}));
    }
}

fn storage(zoo: &mut Zoo, random: &mut Random) {
    let group = "storage.k8s.io/v1";
    let driver = json!({"spec": {"attachRequired": false, "podInfoOnMount": true, "volumeLifecycleModes": ["Persistent"]}});
    zoo.named((group, "CSIDriver"), "driver.zoo.example.com", driver);
    for index in 0..random.between(2, 4) {
        let body = json!({"provisioner": "driver.zoo.example.com", "reclaimPolicy": "Retain",
                          "volumeBindingMode": "WaitForFirstConsumer", "parameters": {"fence": random.word()}});
        zoo.named((group, "StorageClass"), &format!("zoo-class-{index}"), body);
    }
    let body = json!({"driverName": "driver.zoo.example.com", "parameters": {"iops": random.between(1, 999).to_string()}});
    zoo.named((group, "VolumeAttributesClass"), "zoo-attributes", body);
    for index in 0..random.between(2, 5) {
        let body = json!({"spec": {
            "capacity": {"storage": format!("{}Mi", random.between(1, 100))}, "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "zoo-unclaimed",
            "hostPath": {"path": format!("/tmp/zoo-{index}"), "type": "DirectoryOrCreate"},
        }});
        zoo.named(("v1", "PersistentVolume"), &format!("zoo-volume-{index}"), body);
    }
}

fn scheduling(zoo: &mut Zoo, random: &mut Random) {
    for index in 0..random.between(2, 4) {
        let body = json!({"value": random.between(1, 1000), "globalDefault": false, "description": random.sentence()});
        zoo.named(("scheduling.k8s.io/v1", "PriorityClass"), &format!("zoo-priority-{index}"), body);
    }
    let body = json!({"handler": "runc", "overhead": {"podFixed": {"memory": "8Mi"}}});
    zoo.named(("node.k8s.io/v1", "RuntimeClass"), "zoo-runtime", body);
    let selector = json!([{"cel": {"expression": "device.driver == 'driver.zoo.example.com'"}}]);
    zoo.named(("resource.k8s.io/v1", "DeviceClass"), "zoo-device", json!({"spec": {"selectors": selector}}));
}

fn admission(zoo: &mut Zoo, random: &mut Random) {
    let group = "admissionregistration.k8s.io/v1";
    let rules = json!([{"apiGroups": ["nobody.example.com"], "apiVersions": ["v1"], "operations": ["CREATE"],
                        "resources": ["nothings"]}]);
    for kind in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] {
        let hook = json!({"name": "hook.zoo.example.com", "rules": rules, "sideEffects": "None", "failurePolicy": "Ignore",
                          "admissionReviewVersions": ["v1"], "timeoutSeconds": random.between(1, 10),
                          "clientConfig": {"service": {"namespace": "zoo-nowhere", "name": "hook", "path": "/admit"}}});
        zoo.named((group, kind), "zoo-hook", json!({"webhooks": [hook]}));
    }
    let body = json!({"spec": {
        "failurePolicy": "Ignore", "matchConstraints": {"resourceRules": rules},
        "validations": [{"expression": "object.metadata.name != 'lion'", "message": random.word()}],
    }});
    zoo.named((group, "ValidatingAdmissionPolicy"), "zoo-policy", body);
    let body = json!({"spec": {"policyName": "zoo-policy", "validationActions": ["Audit"]}});
    zoo.named((group, "ValidatingAdmissionPolicyBinding"), "zoo-policy-binding", body);
}

fn traffic(zoo: &mut Zoo, random: &mut Random) {
    let body = json!({"spec": {"controller": "example.com/zoo-gate"}});
    zoo.named(("networking.k8s.io/v1", "IngressClass"), "zoo-gate", body);
    let group = "flowcontrol.apiserver.k8s.io/v1";
    let body = json!({"spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": random.between(1, 5),
                               "limitResponse": {"type": "Reject"}}}});
    zoo.named((group, "PriorityLevelConfiguration"), "zoo-level", body);
    let subject = json!([{"kind": "User", "user": {"name": "zoo-nobody"}}]);
    let rules = json!([{"subjects": subject, "resourceRules": [
        {"verbs": ["list"], "apiGroups": [GROUP], "resources": ["animals"], "namespaces": ["*"]}]}]);
    let body = json!({"spec": {"priorityLevelConfiguration": {"name": "zoo-level"}, "matchingPrecedence": 9000,
                               "rules": rules}});
    zoo.named((group, "FlowSchema"), "zoo-flow", body);
}
