//! What is backed up: a few namespaces with objects of many kinds, and what stands around them. It is the same for every
//! seed, and quiet: nothing in it runs, so that two backups in a row find the same.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::images::BUSYBOX;
use testkit::objects::{Catalog, create_all, read_beside, read_namespaces};
use testkit::wait::{Look, until};
use testkit::zoo::Random;

use crate::world::World;

/// The namespaces.
pub(super) const NAMESPACES: [&str; 4] = ["diff-apes", "diff-birds", "diff-cats", "diff-den"];
/// The one of them that a label keeps out of the backups of some seeds.
pub(super) const DEN: &str = "diff-den";
/// The label of all of it.
pub(super) const MARK: (&str, &str) = ("diff", "ground");
/// The group of its custom resources.
pub(super) const GROUP: &str = "diff.example.com";
/// The values of the labels that selectors ask for.
pub(super) const TEAMS: [&str; 2] = ["red", "blue"];
/// The same of a second label.
pub(super) const TIERS: [&str; 3] = ["front", "back", "middle"];
/// What the labels of the objects are drawn from: not a seed of a trial, since every trial is on the same ground.
const LABELS: u64 = 7;
/// How long the binder of claims may take.
const BOUND_IN: Duration = Duration::from_secs(60);

/// The objects as the server has them, by name.
pub(super) type Objects = BTreeMap<String, Value>;

/// The types of the custom resources. Velero asks a server for its types when it starts: they come before it.
pub(super) async fn make_types(world: &World) {
    let mut made = Making::default();
    made.definition("Gadget", "Namespaced");
    made.definition("Planet", "Cluster");
    create_all(world.cluster.client(), &made.documents).await.unwrap();
}

/// Removes the types.
pub(super) async fn remove_types(world: &World) {
    for plural in ["gadgets", "planets"] {
        let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.{GROUP}");
        world.cluster.client().delete(&path).await.unwrap();
        world.gone(&path).await;
    }
}

/// Makes everything, and gives it as it is when controllers are done with it.
pub(super) async fn make(world: &World) -> Objects {
    let client = world.cluster.client();
    create_all(client, &documents()).await.unwrap();
    for namespace in NAMESPACES {
        let fed = json!({"status": {"phase": "Fed", "meals": 3}});
        let gadgets = format!("/apis/{GROUP}/v1/namespaces/{namespace}/gadgets");
        client.merge(&format!("{gadgets}/gadget-0/status"), &fed).await.unwrap();
        let applied = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "leaflet-1"}, "data": {"applied": "yes"},
        });
        let leaflet = format!("/api/v1/namespaces/{namespace}/configmaps/leaflet-1");
        client.apply(&leaflet, &applied).await.unwrap();
        let ended = json!({"status": {"phase": "Succeeded"}});
        client.merge(&format!("/api/v1/namespaces/{namespace}/pods/ended/status"), &ended).await.unwrap();
    }
    for namespace in NAMESPACES {
        bound(world, &format!("/api/v1/namespaces/{namespace}/persistentvolumeclaims/larder")).await;
    }
    world.settled_by(|| look(world, &NAMESPACES, true)).await
}

/// Waits until a claim has its volume: what a backup takes along depends on it.
async fn bound(world: &World, claim: &str) {
    until("a claim is not bound", BOUND_IN, || async {
        let phase = world.cluster.client().get(claim).await?.map(|claim| claim["status"]["phase"].clone());
        Ok(if phase == Some(json!("Bound")) { Look::Done(()) } else { Look::NotYet(format!("{phase:?}")) })
    })
    .await
    .unwrap();
}

/// What is in namespaces, and beside them.
pub(super) async fn look(world: &World, namespaces: &[&str], beside: bool) -> anyhow::Result<Objects> {
    let client = world.cluster.client();
    let mut all = read_namespaces(client, namespaces).await?;
    if beside {
        all.extend(read_beside(client, MARK).await?);
    }
    Ok(all)
}

/// Removes everything but the types.
pub(super) async fn lose(world: &World) {
    let client = world.cluster.client();
    let catalog = Catalog::read(client).await.unwrap();
    let gone: Vec<String> = documents()
        .iter()
        .filter(|document| document["metadata"]["namespace"].is_null())
        .map(|document| catalog.path(document).unwrap())
        .collect();
    for path in &gone {
        client.delete(path).await.unwrap();
    }
    for path in &gone {
        world.gone(path).await;
    }
}

/// All objects, in an order in which they can be made.
fn documents() -> Vec<Value> {
    let mut made = Making::default();
    for name in NAMESPACES {
        made.add(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    }
    made.beside();
    for name in NAMESPACES {
        made.configuration(name);
        made.workloads(name);
        made.network(name);
        made.claims(name);
    }
    made.documents
}

/// The documents so far.
struct Making {
    documents: Vec<Value>,
    random: Random,
}

impl Default for Making {
    fn default() -> Self {
        Self { documents: Vec::new(), random: Random::new(LABELS) }
    }
}

impl Making {
    /// Adds a document, with the label of all and some that selectors ask for.
    fn add(&mut self, mut document: Value) {
        let labels = &mut document["metadata"]["labels"];
        labels[MARK.0] = json!(MARK.1);
        if !self.random.once_in(4) {
            labels["team"] = json!(TEAMS[usize::from(self.random.once_in(2))]);
        }
        if !self.random.once_in(3) {
            let tier = usize::try_from(self.random.between(0, TIERS.len() as u64)).unwrap();
            labels["tier"] = json!(TIERS[tier]);
        }
        self.documents.push(document);
    }

    fn object(&mut self, (version, kind): (&str, &str), namespace: Option<&str>, name: &str, body: Value) {
        let mut document = body;
        document["apiVersion"] = json!(version);
        document["kind"] = json!(kind);
        document["metadata"]["name"] = json!(name);
        if let Some(namespace) = namespace {
            document["metadata"]["namespace"] = json!(namespace);
        }
        self.add(document);
    }

    fn definition(&mut self, kind: &str, scope: &str) {
        let singular = kind.to_lowercase();
        let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let schema =
            json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": open, "status": open}}});
        let version = json!({"name": "v1", "served": true, "storage": true, "schema": schema, "subresources": {"status": {}}});
        let plural = format!("{singular}s");
        let body = json!({"spec": {
            "group": GROUP, "scope": scope, "versions": [version],
            "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": singular},
        }});
        let name = format!("{plural}.{GROUP}");
        self.object(("apiextensions.k8s.io/v1", "CustomResourceDefinition"), None, &name, body);
    }

    /// Objects of no namespace.
    fn beside(&mut self) {
        for index in 0..2 {
            let planet = json!({"spec": {"moons": index, "unknown": {"deep": [null, 1.5]}}});
            self.object((&format!("{GROUP}/v1"), "Planet"), None, &format!("diff-planet-{index}"), planet);
        }
        let class = json!({"provisioner": "kubernetes.io/no-provisioner", "reclaimPolicy": "Retain"});
        self.object(("storage.k8s.io/v1", "StorageClass"), None, "diff-by-hand", class);
        let class = json!({"value": 10, "description": "diff"});
        self.object(("scheduling.k8s.io/v1", "PriorityClass"), None, "diff-priority", class);
        let class = json!({"spec": {"controller": "example.com/diff"}});
        self.object(("networking.k8s.io/v1", "IngressClass"), None, "diff-gate", class);
        self.object(("node.k8s.io/v1", "RuntimeClass"), None, "diff-runtime", json!({"handler": "runc"}));
        let group = "rbac.authorization.k8s.io";
        let version = format!("{group}/v1");
        for (index, namespace) in NAMESPACES.iter().take(2).enumerate() {
            let name = format!("diff-grant-{index}");
            let rules = json!([{"apiGroups": [GROUP], "resources": ["gadgets"], "verbs": ["get", "list"]}]);
            self.object((&version, "ClusterRole"), None, &name, json!({"rules": rules}));
            let subjects = json!([{"kind": "ServiceAccount", "name": "keeper", "namespace": namespace}]);
            let role = json!({"apiGroup": group, "kind": "ClusterRole", "name": name});
            self.object(
                (&version, "ClusterRoleBinding"),
                None,
                &name,
                json!({"subjects": subjects, "roleRef": role}),
            );
        }
        self.object((&version, "ClusterRole"), None, "diff-unbound", json!({"rules": []}));
        self.volumes();
    }

    /// A volume for the claim of each namespace, one of which goes with its claim, and one that nobody claims.
    fn volumes(&mut self) {
        for name in NAMESPACES.iter().chain(&["diff-unclaimed"]) {
            let policy = if *name == "diff-cats" { "Delete" } else { "Retain" };
            let volume = json!({"spec": {
                "capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "diff-by-hand",
                "persistentVolumeReclaimPolicy": policy, "hostPath": {"path": format!("/tmp/{name}")},
                "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": name, "name": "larder"},
            }});
            self.object(("v1", "PersistentVolume"), None, &format!("{name}-volume"), volume);
        }
    }

    fn configuration(&mut self, namespace: &str) {
        let within = Some(namespace);
        for index in 0..3 {
            let data = json!({"data": {"word": format!("word-{index}")}, "immutable": index == 2});
            self.object(("v1", "ConfigMap"), within, &format!("leaflet-{index}"), data);
        }
        let left_out = json!({"metadata": {"labels": {"velero.io/exclude-from-backup": "true"}}, "data": {"not": "this"}});
        self.object(("v1", "ConfigMap"), within, "left-out", left_out);
        self.object(
            ("v1", "Secret"),
            within,
            "password",
            json!({"stringData": {"password": "correct horse"}}),
        );
        self.object(
            ("v1", "ServiceAccount"),
            within,
            "keeper",
            json!({"imagePullSecrets": [{"name": "password"}]}),
        );
        let token = json!({
            "type": "kubernetes.io/service-account-token",
            "metadata": {"annotations": {"kubernetes.io/service-account.name": "keeper"}},
        });
        self.object(("v1", "Secret"), within, "by-hand", token.clone());
        self.object(("v1", "Secret"), within, "keeper-token-x7k2p", token);
        let group = "rbac.authorization.k8s.io";
        let version = format!("{group}/v1");
        let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]);
        self.object((&version, "Role"), within, "reader", json!({"rules": rules}));
        let subjects = json!([{"kind": "ServiceAccount", "name": "keeper", "namespace": namespace},
                              {"kind": "ServiceAccount", "name": "keeper", "namespace": "diff-apes"}]);
        let role = json!({"apiGroup": group, "kind": "Role", "name": "reader"});
        self.object(
            (&version, "RoleBinding"),
            within,
            "reader",
            json!({"subjects": subjects, "roleRef": role}),
        );
        let limits = json!([{"type": "Container", "default": {"memory": "64Mi"}}]);
        self.object(("v1", "LimitRange"), within, "cage", json!({"spec": {"limits": limits}}));
        let hard = json!({"hard": {"count/secrets": "500"}});
        self.object(("v1", "ResourceQuota"), within, "feed", json!({"spec": hard}));
        for index in 0..2 {
            let spec = json!({"word": format!("word-{index}"), "unknown": {"deep": [null, 2.5, {}]}});
            self.object(
                (&format!("{GROUP}/v1"), "Gadget"),
                within,
                &format!("gadget-{index}"),
                json!({"spec": spec}),
            );
        }
        self.lease(namespace);
    }

    fn lease(&mut self, namespace: &str) {
        let lease = json!({"spec": {"holderIdentity": "nobody", "leaseDurationSeconds": 10}});
        self.object(("coordination.k8s.io/v1", "Lease"), Some(namespace), "watch", lease);
        let revision = json!({"revision": 3, "data": {"spec": {"word": "old"}}});
        self.object(("apps/v1", "ControllerRevision"), Some(namespace), "history", revision);
    }

    /// Workloads of which nothing runs: they have no replicas, are suspended, or select no node.
    fn workloads(&mut self, namespace: &str) {
        let within = Some(namespace);
        let selector = |app: &str| json!({"matchLabels": {"app": app}});
        let body =
            json!({"spec": {"replicas": 0, "selector": selector("show"), "template": template("show")}});
        self.object(("apps/v1", "Deployment"), within, "show", body);
        let body = json!({"spec": {"replicas": 0, "serviceName": "headless", "selector": selector("parade"),
                                   "template": template("parade")}});
        self.object(("apps/v1", "StatefulSet"), within, "parade", body);
        let body = json!({"spec": {"selector": selector("fence"), "template": template("fence")}});
        self.object(("apps/v1", "DaemonSet"), within, "fence", body);
        let body =
            json!({"spec": {"replicas": 0, "selector": selector("alone"), "template": template("alone")}});
        self.object(("apps/v1", "ReplicaSet"), within, "alone", body);
        let mut chore = template("chore");
        chore["spec"]["restartPolicy"] = json!("Never");
        let job = json!({"suspend": true, "template": chore});
        self.object(("batch/v1", "Job"), within, "chore", json!({"spec": job}));
        let body = json!({"spec": {"suspend": true, "schedule": "1 2 * * *", "jobTemplate": {"spec": job}}});
        self.object(("batch/v1", "CronJob"), within, "feeding", body);
        self.object(("v1", "PodTemplate"), within, "mould", json!({"template": template("mould")}));
        let mut pod = json!({"spec": template("mascot")["spec"]});
        pod["spec"]["priorityClassName"] = json!("diff-priority");
        pod["spec"]["volumes"] =
            json!([{"name": "larder", "persistentVolumeClaim": {"claimName": "larder"}}]);
        self.object(("v1", "Pod"), within, "mascot", pod);
        self.object(("v1", "Pod"), within, "ended", json!({"spec": template("ended")["spec"]}));
        let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "show"});
        let body = json!({"spec": {"minReplicas": 1, "maxReplicas": 3, "scaleTargetRef": target}});
        self.object(("autoscaling/v2", "HorizontalPodAutoscaler"), within, "show", body);
        let body = json!({"spec": {"maxUnavailable": 1, "selector": selector("show")}});
        self.object(("policy/v1", "PodDisruptionBudget"), within, "show", body);
    }

    fn network(&mut self, namespace: &str) {
        let within = Some(namespace);
        let ports = json!([{"name": "http", "port": 80, "targetPort": "http"}]);
        let services = [
            ("show", json!({"selector": {"app": "show"}, "ports": ports})),
            ("headless", json!({"clusterIP": "None", "selector": {"app": "parade"}, "ports": ports})),
            ("outside", json!({"ports": ports})),
            ("gate", json!({"type": "NodePort", "selector": {"app": "fence"}, "ports": ports})),
            ("elsewhere", json!({"type": "ExternalName", "externalName": "diff.example.com"})),
        ];
        for (name, spec) in services {
            self.object(("v1", "Service"), within, name, json!({"spec": spec}));
        }
        let subsets = json!([{"addresses": [{"ip": "192.0.2.7"}], "ports": [{"name": "http", "port": 80}]}]);
        self.object(("v1", "Endpoints"), within, "outside", json!({"subsets": subsets}));
        let slice = json!({
            "metadata": {"labels": {"endpointslice.kubernetes.io/managed-by": "diff"}}, "addressType": "IPv4",
            "ports": [{"name": "http", "port": 80}], "endpoints": [{"addresses": ["198.51.100.7"]}],
        });
        self.object(("discovery.k8s.io/v1", "EndpointSlice"), within, "far-away", slice);
        let backend = json!({"service": {"name": "show", "port": {"name": "http"}}});
        let paths = json!([{"path": "/", "pathType": "Prefix", "backend": backend}]);
        let rules = json!([{"host": "show.example.com", "http": {"paths": paths}}]);
        let body = json!({"spec": {"ingressClassName": "diff-gate", "rules": rules}});
        self.object(("networking.k8s.io/v1", "Ingress"), within, "gate", body);
        let body =
            json!({"spec": {"podSelector": {"matchLabels": {"app": "show"}}, "policyTypes": ["Ingress"]}});
        self.object(("networking.k8s.io/v1", "NetworkPolicy"), within, "moat", body);
    }

    /// A claim with a volume, which carries what an earlier restore left on it, and one that waits for a volume.
    fn claims(&mut self, namespace: &str) {
        let spec = |volume: Value| {
            json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "diff-by-hand", "volumeName": volume,
                   "resources": {"requests": {"storage": "1Mi"}}})
        };
        let before = json!({"velero.io/backup-name": "before", "velero.io/restore-name": "before"});
        let bound =
            json!({"metadata": {"labels": before}, "spec": spec(json!(format!("{namespace}-volume")))});
        self.object(("v1", "PersistentVolumeClaim"), Some(namespace), "larder", bound);
        let mut waiting = spec(Value::Null);
        waiting["storageClassName"] = json!("diff-of-nobody");
        self.object(("v1", "PersistentVolumeClaim"), Some(namespace), "waiting", json!({"spec": waiting}));
    }
}

/// What pods are made of that never run.
fn template(app: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {
            "nodeSelector": {"example.com/diff": "nowhere"}, "serviceAccountName": "keeper",
            "containers": [{"name": "main", "image": BUSYBOX, "command": ["sleep", "infinity"]}],
        },
    })
}
