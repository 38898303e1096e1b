//! A cluster on paper, and an executor that plans backups of it as the real one does.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use api::Kind;
use api::meta::{ObjectKey, ResourceType};
use api::velero::v1::{Backup, BackupSpec};
use serde_json::{Value, json};

use super::plan::{Absence, BackupPlan};
use super::{Collected, ListRequest, NamespaceFacts, Planner};
use crate::catalog::Catalog;
use crate::facts::{Facts, Span};
use crate::filter::selector::Selector;
use crate::policy::{Source, Sources};

const VERBS: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];

/// The types of the cluster, in the order in which a server tells them.
pub(crate) fn catalog() -> Catalog {
    let of = |text: &str| {
        let words: Vec<&str> = text.split(' ').collect();
        let (api_version, plural, kind) = (words[0], words[1], words[2]);
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let mut of =
            ResourceType::addressed(group, version, plural, kind, words.get(3) == Some(&"namespaced"));
        of.singular = kind.to_lowercase();
        of.verbs = VERBS.iter().map(|verb| (*verb).to_owned()).collect();
        of
    };
    let mut types: Vec<ResourceType> = [
        "v1 bindings Binding namespaced",
        "v1 configmaps ConfigMap namespaced",
        "v1 endpoints Endpoints namespaced",
        "v1 events Event namespaced",
        "v1 namespaces Namespace",
        "v1 nodes Node",
        "v1 persistentvolumeclaims PersistentVolumeClaim namespaced",
        "v1 persistentvolumes PersistentVolume",
        "v1 pods Pod namespaced",
        "v1 secrets Secret namespaced",
        "v1 serviceaccounts ServiceAccount namespaced",
        "v1 services Service namespaced",
        "extensions/v1beta1 deployments Deployment namespaced",
        "apps/v1 deployments Deployment namespaced",
        "events.k8s.io/v1 events Event namespaced",
        "rbac.authorization.k8s.io/v1 clusterrolebindings ClusterRoleBinding",
        "rbac.authorization.k8s.io/v1 clusterroles ClusterRole",
        "scheduling.k8s.io/v1 priorityclasses PriorityClass",
        "apiextensions.k8s.io/v1 customresourcedefinitions CustomResourceDefinition",
        "snapshot.storage.k8s.io/v1 volumesnapshots VolumeSnapshot namespaced",
        "coordination.k8s.io/v1 leases Lease namespaced",
        "discovery.k8s.io/v1 endpointslices EndpointSlice namespaced",
        "operators.coreos.com/v1alpha1 clusterserviceversions ClusterServiceVersion namespaced",
        "operators.coreos.com/v1alpha1 installplans InstallPlan namespaced",
        "operators.coreos.com/v1alpha1 subscriptions Subscription namespaced",
        "example.com/v1 widgets Widget namespaced",
    ]
    .iter()
    .map(|text| of(text))
    .collect();
    types[0].verbs = vec!["create".into()];
    let mut old = of("example.com/v1beta1 widgets Widget namespaced");
    old.preferred = false;
    types.push(old);
    Catalog::new(types)
}

/// A cluster on paper: its objects, and where backups fail to list.
pub(crate) struct Cluster {
    pub(crate) catalog: Catalog,
    pub(crate) documents: Vec<Value>,
}

impl Cluster {
    /// The cluster of a YAML list of objects; a UID is made up for each, and an `Active` phase for namespaces.
    pub(crate) fn new(yaml: &str) -> Self {
        let mut documents: Vec<Value> = serde_saphyr::from_str(yaml).unwrap();
        for (index, document) in documents.iter_mut().enumerate() {
            if document["metadata"]["uid"].is_null() {
                document["metadata"]["uid"] = json!(format!("uid-{index}"));
            }
            if document["kind"] == "Namespace" && document["status"].is_null() {
                document["status"] = json!({"phase": "Active"});
            }
        }
        Self { catalog: catalog(), documents }
    }

    pub(crate) fn namespaces(&self) -> Vec<NamespaceFacts> {
        self.documents.iter().filter(|of| of["kind"] == "Namespace").map(NamespaceFacts::of).collect()
    }

    fn of_type<'a>(&'a self, of: &'a ResourceType) -> impl Iterator<Item = (usize, &'a Value)> {
        let all = self.documents.iter().enumerate();
        all.filter(move |(_, document)| {
            document["apiVersion"] == of.api_version() && document["kind"] == of.kind
        })
    }

    pub(crate) fn list(&self, request: &ListRequest) -> Vec<Facts> {
        let selector = Selector::parse(&request.selector).unwrap();
        let in_namespace =
            |object: &Facts| request.namespace.is_none() || object.key.namespace == request.namespace;
        let facts = self
            .of_type(&request.resource)
            .map(|(index, document)| facts(document, &request.resource, index));
        facts.filter(|object| in_namespace(object) && selector.matches(&object.labels)).collect()
    }

    fn get(&self, key: &ObjectKey) -> Option<Facts> {
        let of = self.catalog.find(&key.resource)?;
        let mut facts = self.of_type(of).map(|(index, document)| facts(document, of, index));
        facts.find(|object| object.key == *key)
    }

    /// The plan of a backup, made as an executor makes it.
    pub(crate) fn plan(&self, backup: &Backup) -> BackupPlan {
        self.plan_by(backup, &Sources::default(), false)
    }

    /// The same by resource policies, and of every version of an object.
    pub(crate) fn plan_by(&self, backup: &Backup, policies: &Sources, every_version: bool) -> BackupPlan {
        let namespaces = self.namespaces();
        let planner = Planner::following(backup, &self.catalog, &namespaces, (policies, every_version));
        let mut facts: Vec<Facts> = planner.lists().iter().flat_map(|request| self.list(request)).collect();
        let mut absent = BTreeMap::new();
        loop {
            let missing = planner.missing(&facts, &absent);
            if missing.is_empty() {
                break;
            }
            for key in missing {
                match self.get(&key) {
                    Some(object) => facts.push(object),
                    None => drop(absent.insert(key, Absence::NotFound)),
                }
            }
        }
        planner.plan(Collected { facts, absent, ..Collected::default() }).unwrap()
    }
}

fn facts(document: &Value, of: &ResourceType, index: usize) -> Facts {
    Facts::of(document, of, Span { file: 0, start: index as u64, length: 1 })
}

/// A Backup with a spec in YAML.
pub(crate) fn backup(spec: &str) -> Backup {
    let mut backup = Backup::new("velero", "b1");
    backup.metadata.uid = Some("backup-uid".into());
    backup.spec = serde_saphyr::from_str::<Option<BackupSpec>>(spec).unwrap().unwrap_or_default();
    backup
}

/// The policy of a Backup, in YAML.
pub(crate) fn policy(text: &str) -> Sources {
    Sources { own: Some(config_map("p", text)), global: None }
}

/// A ConfigMap that holds a policy.
pub(crate) fn config_map(name: &str, text: &str) -> Source {
    Source { name: name.into(), document: Some(json!({"data": {"policy": text}})) }
}

/// A plan as text: a line for each item, for what is left out, each volume and each problem.
pub(crate) fn render(plan: &BackupPlan) -> String {
    let mut text = String::new();
    for item in &plan.items {
        let because = format!("{:?}", item.because).to_lowercase();
        writeln!(text, "{} {} ({because})", item.block, plan.key(item)).unwrap();
    }
    for of in &plan.left_out {
        writeln!(text, "left out {}: {}", of.key, of.rule).unwrap();
    }
    for volume in &plan.volumes {
        let name = volume.volume.as_ref().map(|of| of.name.as_str()).unwrap_or_default();
        let claim = volume.claim.as_ref().map(ObjectKey::full_name).unwrap_or_default();
        let pod =
            volume.pod.as_ref().map(|(pod, name)| format!("{} {name}", pod.full_name())).unwrap_or_default();
        writeln!(text, "volume [{claim}|{name}|{pod}] {:?}: {}", volume.method, volume.reason).unwrap();
    }
    for problem in &plan.problems {
        let about = problem.object.as_ref().map(|key| format!(" {key}")).unwrap_or_default();
        writeln!(text, "{:?} {}{about}: {}", problem.severity, problem.code, problem.message).unwrap();
    }
    text
}
