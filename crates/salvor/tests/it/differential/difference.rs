//! What two servers did differently, as data.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};
use testkit::compare::{Allowed, allowed, is_event, paths_but};

use super::archive::Archive;
use super::case::Case;
use super::ground::{NAMESPACES, Objects};

/// Where two servers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// How the backup ended.
    Backup,
    /// What is in the archive.
    Archive,
    /// How the restore ended.
    Restore,
    /// What the restore says that it did.
    Told,
    /// What is in the cluster afterwards.
    Cluster,
}

/// One thing that two servers did differently.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    pub(super) stage: Stage,
    /// `Kind.group namespace/name`; empty where it is about the whole.
    pub(super) object: String,
    /// The field, as a pointer; empty where it is about the whole object.
    pub(super) field: String,
    /// What we have there; null for nothing.
    pub(super) ours: Value,
    /// What Velero has there; null for nothing.
    pub(super) theirs: Value,
}

/// What may differ between an object that one restored and the same restored by the other.
const BETWEEN: &[Allowed] = &[
    allowed("*", "/metadata/uid", "the server gives every object its own"),
    allowed("*", "/metadata/resourceVersion", "the server counts"),
    allowed("*", "/metadata/creationTimestamp", "one of them was made first"),
    allowed("*", "/metadata/generation", "controllers write, some twice"),
    allowed("*", "/metadata/ownerReferences/*/uid", "each has an owner of its own"),
    allowed("*", "/metadata/annotations/salvor.io~1operation-uid", "we say which restore made an object"),
    allowed("Service", "/spec/clusterIP", "the server gives a free address"),
    allowed("Service", "/spec/clusterIPs", "the server gives a free address"),
    allowed("Secret", "/data/token", "a token names its own account and secret"),
    allowed("Secret", "/metadata/annotations/kubernetes.io~1service-account.uid", "each account has its own"),
    allowed("Job", "/spec/selector", "the controller makes it out of the uid"),
    allowed("Job", "/spec/template/metadata/labels", "the controller makes them out of the uid"),
    allowed(
        "Job",
        "/metadata/labels/batch.kubernetes.io~1controller-uid",
        "the controller makes it out of the uid",
    ),
    allowed("Job", "/metadata/labels/controller-uid", "the controller makes it out of the uid"),
    allowed(
        "Endpoints",
        "/metadata/annotations/endpoints.kubernetes.io~1last-change-trigger-time",
        "the moment",
    ),
    allowed(
        "EndpointSlice",
        "/metadata/annotations/endpoints.kubernetes.io~1last-change-trigger-time",
        "the moment",
    ),
    allowed("PersistentVolume", "/spec/claimRef/uid", "each claim has its own"),
    allowed("PersistentVolume", "/spec/claimRef/resourceVersion", "the server counts"),
];

/// Objects that controllers make in every namespace: whether they or a restore are first, nobody knows.
const IN_EVERY_NAMESPACE: &[&str] = &["ConfigMap kube-root-ca.crt", "ServiceAccount default"];

/// Kinds whose status the restore alone writes; controllers tell that of all others anew.
const STATUS: &[&str] = &["Gadget", "Planet"];

impl Difference {
    /// One about a whole operation.
    pub(super) fn whole(stage: Stage, ours: &Value, theirs: &Value) -> Option<Self> {
        (ours != theirs).then(|| Self {
            stage,
            object: String::new(),
            field: String::new(),
            ours: ours.clone(),
            theirs: theirs.clone(),
        })
    }

    /// `Kind.group`.
    pub(super) fn kind(&self) -> &str {
        self.object.split(' ').next().unwrap_or_default()
    }

    /// The namespace; `None` where the object has none.
    pub(super) fn namespace(&self) -> Option<&str> {
        Some(self.object.split_once(' ')?.1.split_once('/')?.0)
    }

    /// Whether only we have the object.
    pub(super) fn only_ours(&self) -> bool {
        self.field.is_empty() && !self.ours.is_null() && self.theirs.is_null()
    }

    /// Whether only Velero has the object.
    pub(super) fn only_theirs(&self) -> bool {
        self.field.is_empty() && self.ours.is_null() && !self.theirs.is_null()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |value: &Value| value.to_string().chars().take(200).collect::<String>();
        let (ours, theirs) = (short(&self.ours), short(&self.theirs));
        write!(
            f,
            "{:?}: {} {}\n    ours:   {ours}\n    theirs: {theirs}",
            self.stage, self.object, self.field
        )
    }
}

/// What two archives differ in. Of namespaces that are not ours nothing is compared: what runs there changes by itself.
pub(super) fn between_archives(ours: &Archive, theirs: &Archive) -> Vec<Difference> {
    let names: BTreeSet<&String> = ours.objects.keys().chain(theirs.objects.keys()).collect();
    let mut found = Vec::new();
    for name in names.into_iter().filter(|name| !is_event(name) && stands_still(name)) {
        let difference = |field: &str, ours: Value, theirs: Value| Difference {
            stage: Stage::Archive,
            object: name.clone(),
            field: field.to_owned(),
            ours,
            theirs,
        };
        match (ours.objects.get(name), theirs.objects.get(name)) {
            (Some(our), Some(their)) => {
                if our.paths != their.paths {
                    found.push(difference("paths", json!(our.paths), json!(their.paths)));
                }
                // One that somebody wrote to between the two backups is another object.
                if our.document["metadata"]["resourceVersion"]
                    == their.document["metadata"]["resourceVersion"]
                {
                    for (field, ours, theirs) in fields(&our.document, &their.document, &[]) {
                        found.push(difference(&field, ours, theirs));
                    }
                }
            }
            (our, their) => {
                found.push(difference("", json!(our.map(|_| "saved")), json!(their.map(|_| "saved"))));
            }
        }
    }
    found
}

/// Whether an object is of no namespace, or in one of ours.
fn stands_still(name: &str) -> bool {
    let place = name.split_once(' ').and_then(|(_, place)| place.split_once('/'));
    place.is_none_or(|(namespace, _)| NAMESPACES.contains(&namespace))
}

/// What two restores say differently. Namespaces are named as in the backup.
pub(super) fn between_lists(
    ours: &BTreeMap<String, String>,
    theirs: &BTreeMap<String, String>,
) -> Vec<Difference> {
    let names: BTreeSet<&String> =
        ours.keys().chain(theirs.keys()).filter(|name| is_restored(name)).collect();
    let differing = names.into_iter().filter(|name| ours.get(*name) != theirs.get(*name));
    let difference = |name: &String| Difference {
        stage: Stage::Told,
        object: name.clone(),
        field: String::new(),
        ours: json!(ours.get(name)),
        theirs: json!(theirs.get(name)),
    };
    differing.map(difference).collect()
}

/// What is different in the cluster after two restores. Namespaces are named as in the backup.
pub(super) fn between_clusters(case: &Case, ours: &Objects, theirs: &Objects) -> Vec<Difference> {
    let names: BTreeSet<&String> =
        ours.keys().chain(theirs.keys()).filter(|name| is_restored(name)).collect();
    let mut found = Vec::new();
    for name in names {
        let difference = |field: &str, ours: Value, theirs: Value| Difference {
            stage: Stage::Cluster,
            object: name.clone(),
            field: field.to_owned(),
            ours,
            theirs,
        };
        match (ours.get(name), theirs.get(name)) {
            (Some(our), Some(their)) => {
                for (field, ours, theirs) in fields(&comparable(case, our), &comparable(case, their), BETWEEN)
                {
                    found.push(difference(&field, ours, theirs));
                }
            }
            (our, their) if ![our, their].into_iter().flatten().any(by_a_controller) => {
                found.push(difference("", json!(our.map(|_| "there")), json!(their.map(|_| "there"))));
            }
            _ => {}
        }
    }
    found
}

/// Whether it is for the restore to say what becomes of an object of this name.
fn is_restored(name: &str) -> bool {
    let place =
        name.split_once(' ').and_then(|(kind, place)| Some(format!("{kind} {}", place.split_once('/')?.1)));
    !is_event(name) && !place.is_some_and(|place| IN_EVERY_NAMESPACE.contains(&place.as_str()))
}

/// Whether a controller made the object and named it at random.
fn by_a_controller(object: &Value) -> bool {
    object["metadata"]["generateName"].is_string()
}

/// A document without what its server and its controllers tell of it. Of the owners of fields those remain that applied, and
/// of the ports of nodes those that were asked for.
fn comparable(case: &Case, document: &Value) -> Value {
    let mut document = document.clone();
    if document["kind"] == "Service" && !case.keeps_ports() {
        for port in document["spec"]["ports"].as_array_mut().into_iter().flatten() {
            port["nodePort"] = Value::Null;
        }
    }
    if !STATUS.iter().any(|kind| document["kind"] == *kind) {
        document["status"] = Value::Null;
    }
    let owners = document["metadata"]["managedFields"].take();
    let applied = owners.as_array().into_iter().flatten().filter(|entry| entry["operation"] == "Apply");
    let applied: Vec<Value> = applied.map(|entry| json!([entry["manager"], entry["fieldsV1"]])).collect();
    document["metadata"]["managedFields"] = json!(applied);
    document
}

/// The fields at which two documents differ, with what each has there.
fn fields(ours: &Value, theirs: &Value, but: &[Allowed]) -> Vec<(String, Value, Value)> {
    let at = |document: &Value, path: &str| document.pointer(path).cloned().unwrap_or_default();
    let paths = paths_but(ours, theirs, but);
    paths.into_iter().map(|path| (path.clone(), at(ours, &path), at(theirs, &path))).collect()
}
