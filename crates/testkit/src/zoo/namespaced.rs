//! Objects of namespaces.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::cluster_wide::GROUP;
use super::{Random, Zoo};
use crate::images::BUSYBOX;

/// Configuration, access and limits.
pub(super) fn configuration(zoo: &mut Zoo, random: &mut Random, namespace: &str) {
    for index in 0..random.between(25, 40) {
        zoo.within(namespace, ("v1", "ConfigMap"), &format!("leaflet-{index}"), config_map(random));
    }
    for index in 0..random.between(15, 25) {
        zoo.within(namespace, ("v1", "Secret"), &format!("secret-{index}"), secret(random));
    }
    for index in 0..random.between(4, 8) {
        let pull = json!([{"name": format!("secret-{index}")}]);
        zoo.within(
            namespace,
            ("v1", "ServiceAccount"),
            &format!("keeper-{index}"),
            json!({"imagePullSecrets": pull}),
        );
    }
    let group = "rbac.authorization.k8s.io/v1";
    for index in 0..random.between(3, 6) {
        let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"],
                            "resourceNames": [format!("leaflet-{}", random.between(0, 20))]}]);
        zoo.within(namespace, (group, "Role"), &format!("reader-{index}"), json!({"rules": rules}));
        let subjects =
            json!([{"kind": "ServiceAccount", "name": format!("keeper-{index}"), "namespace": namespace}]);
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": format!("reader-{index}")});
        let body = json!({"subjects": subjects, "roleRef": role});
        zoo.within(namespace, (group, "RoleBinding"), &format!("reader-{index}"), body);
    }
    let limits =
        json!([{"type": "Container", "default": {"memory": format!("{}Mi", random.between(64, 256))}}]);
    zoo.within(namespace, ("v1", "LimitRange"), "cage", json!({"spec": {"limits": limits}}));
    let lease =
        json!({"spec": {"holderIdentity": random.word(), "leaseDurationSeconds": random.between(10, 100)}});
    zoo.within(namespace, ("coordination.k8s.io/v1", "Lease"), "night-watch", lease);
}

/// One custom resource of a kind of which there are many.
pub(super) fn place(zoo: &mut Zoo, random: &mut Random, namespace: &str, kind: &str) {
    let body = json!({"spec": {"species": random.word(), "diet": [random.word()]}});
    zoo.within(namespace, (&format!("{GROUP}/v1"), kind), &kind.to_lowercase(), body);
}

/// What a namespace may hold. It comes last: a server admits nothing that a quota counts until it has counted once.
pub(super) fn quota(zoo: &mut Zoo, random: &mut Random, namespace: &str) {
    let hard =
        json!({"count/animals.zoo.example.com": random.between(1000, 5000).to_string(), "secrets": "5k"});
    zoo.within(namespace, ("v1", "ResourceQuota"), "feed", json!({"spec": {"hard": hard}}));
}

fn config_map(random: &mut Random) -> Value {
    let mut data = Map::new();
    for index in 0..random.between(0, 6) {
        data.insert(format!("{}-{index}.txt", random.word()), json!(random.sentence()));
    }
    let size = random.between(1, 2000);
    let binary = random.once_in(4).then(|| json!({"blob": STANDARD.encode(random.bytes(size))}));
    json!({
        "metadata": {"annotations": {"example.com/note": random.sentence()}},
        "data": data, "binaryData": binary.unwrap_or(json!({})), "immutable": random.once_in(8),
    })
}

fn secret(random: &mut Random) -> Value {
    let encoded = |text: &str| STANDARD.encode(text);
    let (user, password) = (random.word(), random.sentence());
    match random.between(0, 4) {
        0 => {
            json!({"type": "kubernetes.io/basic-auth", "data": {"username": encoded(user), "password": encoded(&password)}})
        }
        1 => json!({"type": "kubernetes.io/dockerconfigjson",
                    "data": {".dockerconfigjson": encoded(r#"{"auths":{"example.com":{"auth":"eDp5"}}}"#)}}),
        2 => {
            json!({"type": "example.com/own", "data": {"key": STANDARD.encode(random.bytes(64))}, "immutable": true})
        }
        _ => json!({"type": "Opaque", "data": {"user": encoded(user), "empty": ""}}),
    }
}

fn template(random: &mut Random, app: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}, "annotations": {"example.com/checksum": random.number().to_string()}},
        "spec": {
            "serviceAccountName": "keeper-0", "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "main", "image": BUSYBOX, "imagePullPolicy": "IfNotPresent", "command": ["sleep", "infinity"],
                "env": [
                    // Some encoders escape these characters, and some controllers compare bytes.
                    {"name": "WORD", "value": format!("<{}> && more", random.word())},
                    {"name": "FROM", "valueFrom": {"configMapKeyRef": {"name": "leaflet-0", "key": "x", "optional": true}}},
                ],
                "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}},
                "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
            }],
            "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": format!("{}Mi", random.between(1, 50))}}],
        },
    })
}

/// Workloads. Few of them run: the others have no replicas, are suspended, or select no node.
pub(super) fn workloads(zoo: &mut Zoo, random: &mut Random, namespace: &str) {
    let selector = |app: &str| json!({"matchLabels": {"app": app}});
    for index in 0..random.between(3, 6) {
        let app = format!("show-{index}");
        let body = json!({"spec": {"replicas": u64::from(index == 0), "selector": selector(&app),
                                   "revisionHistoryLimit": 2, "template": template(random, &app)}});
        zoo.within(namespace, ("apps/v1", "Deployment"), &app, body);
        let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": app});
        let scaler = json!({"spec": {"minReplicas": 1, "maxReplicas": random.between(2, 9), "scaleTargetRef": target,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization",
                         "averageUtilization": random.between(10, 90)}}}]}});
        if index > 0 {
            zoo.within(namespace, ("autoscaling/v2", "HorizontalPodAutoscaler"), &app, scaler);
        }
        let budget = json!({"spec": {"maxUnavailable": random.between(1, 4), "selector": selector(&app)}});
        zoo.within(namespace, ("policy/v1", "PodDisruptionBudget"), &app, budget);
    }
    let body = json!({"spec": {"replicas": 0, "serviceName": "show-0", "selector": selector("parade"),
        "template": template(random, "parade"), "volumeClaimTemplates": [{"metadata": {"name": "food"}, "spec":
            {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}]}});
    zoo.within(namespace, ("apps/v1", "StatefulSet"), "parade", body);
    let mut everywhere = template(random, "fence");
    everywhere["spec"]["nodeSelector"] = json!({"example.com/zoo": "nowhere"});
    let body = json!({"spec": {"selector": selector("fence"), "template": everywhere}});
    zoo.within(namespace, ("apps/v1", "DaemonSet"), "fence", body);
    let body = json!({"spec": {"replicas": 0, "selector": selector("alone"), "template": template(random, "alone")}});
    zoo.within(namespace, ("apps/v1", "ReplicaSet"), "alone", body);
    let body =
        json!({"spec": {"replicas": 0, "selector": {"app": "old"}, "template": template(random, "old")}});
    zoo.within(namespace, ("v1", "ReplicationController"), "old", body);
    zoo.within(namespace, ("v1", "PodTemplate"), "mould", json!({"template": template(random, "mould")}));
    zoo.within(namespace, ("v1", "Pod"), "mascot", json!({"spec": template(random, "mascot")["spec"]}));
    let revision = json!({"revision": random.between(1, 50), "data": {"spec": {"word": random.word()}}});
    zoo.within(namespace, ("apps/v1", "ControllerRevision"), "parade-history", revision);
    jobs(zoo, random, namespace);
}

fn jobs(zoo: &mut Zoo, random: &mut Random, namespace: &str) {
    let job = |random: &mut Random| {
        let mut body = template(random, "chore");
        body["spec"]["restartPolicy"] = json!("Never");
        json!({"suspend": true, "backoffLimit": random.between(0, 6), "template": body})
    };
    for index in 0..random.between(2, 4) {
        let spec = job(random);
        zoo.within(namespace, ("batch/v1", "Job"), &format!("chore-{index}"), json!({"spec": spec}));
        let schedule = format!("{} {} * * *", random.between(0, 60), random.between(0, 24));
        let body = json!({"spec": {"suspend": true, "schedule": schedule, "timeZone": "Etc/UTC",
                                   "jobTemplate": {"spec": job(random)}}});
        zoo.within(namespace, ("batch/v1", "CronJob"), &format!("feeding-{index}"), body);
    }
}

/// Services and what stands around them, and storage.
pub(super) fn network(zoo: &mut Zoo, random: &mut Random, namespace: &str) {
    let port = random.between(1000, 9000);
    let ports = json!([{"name": "http", "port": port, "targetPort": "http"}]);
    for index in 0..random.between(4, 8) {
        let body = match index % 4 {
            0 => json!({"spec": {"selector": {"app": format!("show-{index}")}, "ports": ports}}),
            1 => json!({"spec": {"clusterIP": "None", "selector": {"app": "parade"}, "ports": ports}}),
            2 => {
                json!({"spec": {"type": "ExternalName", "externalName": format!("{}.example.com", random.word())}})
            }
            _ => json!({"spec": {"type": "NodePort", "selector": {"app": "fence"}, "ports": ports}}),
        };
        zoo.within(namespace, ("v1", "Service"), &format!("show-{index}"), body);
    }
    zoo.within(namespace, ("v1", "Service"), "outside", json!({"spec": {"ports": [{"port": 80}]}}));
    let subsets = json!([{"addresses": [{"ip": format!("192.0.2.{}", random.between(1, 250))}], "ports": [{"port": 80}]}]);
    zoo.within(namespace, ("v1", "Endpoints"), "outside", json!({"subsets": subsets}));
    let slice = json!({
        "metadata": {"labels": {"endpointslice.kubernetes.io/managed-by": "zoo"}},
        "addressType": "IPv4", "ports": [{"name": "", "port": 80, "protocol": "TCP"}],
        "endpoints": [{"addresses": [format!("198.51.100.{}", random.between(1, 250))], "conditions": {"ready": true}}],
    });
    zoo.within(namespace, ("discovery.k8s.io/v1", "EndpointSlice"), "far-away", slice);
    for index in 0..random.between(2, 5) {
        let backend = json!({"service": {"name": format!("show-{index}"), "port": {"name": "http"}}});
        let paths =
            json!([{"path": format!("/{}", random.word()), "pathType": "Prefix", "backend": backend}]);
        let rules = json!([{"host": format!("{}.example.com", random.word()), "http": {"paths": paths}}]);
        let body = json!({"spec": {"ingressClassName": "zoo-gate", "rules": rules}});
        zoo.within(namespace, ("networking.k8s.io/v1", "Ingress"), &format!("gate-{index}"), body);
        let body = json!({"spec": {"podSelector": {"matchLabels": {"app": format!("cage-{index}")}},
                                   "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": port}]}]}});
        zoo.within(namespace, ("networking.k8s.io/v1", "NetworkPolicy"), &format!("moat-{index}"), body);
    }
    storage(zoo, random, namespace);
}

fn storage(zoo: &mut Zoo, random: &mut Random, namespace: &str) {
    for index in 0..random.between(1, 3) {
        let body = json!({"spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "zoo-class-0",
                                   "resources": {"requests": {"storage": format!("{}Mi", random.between(1, 64))}}}});
        zoo.within(namespace, ("v1", "PersistentVolumeClaim"), &format!("larder-{index}"), body);
    }
    let body = json!({"storageClassName": "zoo-class-0", "capacity": format!("{}Gi", random.between(1, 64)),
                      "nodeTopology": {"matchLabels": {"example.com/zone": random.word()}}});
    zoo.within(namespace, ("storage.k8s.io/v1", "CSIStorageCapacity"), "capacity", body);
    let requests = json!([{"name": "cage", "exactly": {"deviceClassName": "zoo-device", "count": random.between(1, 3)}}]);
    let spec = json!({"devices": {"requests": requests}});
    zoo.within(namespace, ("resource.k8s.io/v1", "ResourceClaim"), "device", json!({"spec": spec}));
    zoo.within(
        namespace,
        ("resource.k8s.io/v1", "ResourceClaimTemplate"),
        "devices",
        json!({"spec": {"spec": spec}}),
    );
}

/// Custom resources, with fields that no schema knows.
pub(super) fn custom(zoo: &mut Zoo, random: &mut Random, namespace: &str) {
    for index in 0..random.between(12, 24) {
        let notes =
            json!({"deep": {"er": [random.sentence(), null, 1.5, random.number() >> 12, true]}, "empty": {}});
        let weight = if random.once_in(2) { json!(random.between(1, 900)) } else { json!("40%") };
        let body = json!({
            "metadata": {"finalizers": [], "annotations": {"example.com/born": random.word()}},
            "spec": {"species": random.word(), "legs": random.between(0, 9), "diet": [random.word(), random.word()],
                     "weight": weight, "notes": notes},
        });
        zoo.within(namespace, (&format!("{GROUP}/v1"), "Animal"), &format!("animal-{index}"), body);
    }
}
