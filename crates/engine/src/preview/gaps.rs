//! What restored objects rely on and may not find: storage classes and owners. Noted while objects pass by, looked up at
//! the end.

use std::collections::BTreeMap;

use api::meta::{GroupResource, ObjectKey, ResourceType};
use serde_json::Value;

use super::problems;
use super::restore::Missing;
use crate::catalog::Catalog;
use crate::document::{list, text};
use crate::problem::{Problem, Severity};
use crate::restore::RestorePlan;
use crate::restore::plan::Rule;

/// Distinct things that are noted; more are not looked for.
const NOTED_MAX: usize = 10_000;

/// What objects rely on, each with one that does.
#[derive(Debug, Default)]
pub struct Gaps {
    classes: BTreeMap<String, ObjectKey>,
    /// By their names, so that they are found again.
    owners: BTreeMap<String, BTreeMap<Owner, ObjectKey>>,
    noted: usize,
}

/// What an object was owned by. The namespace is that of the object, whatever the scope of the owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Owner {
    api_version: String,
    kind: String,
    namespace: Option<String>,
}

/// Something to look for in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its type; `None` where the cluster does not have it.
    pub resource: Option<ResourceType>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    kind: String,
    by: ObjectKey,
}

impl Gaps {
    /// Notes what an object relies on: `archived` says what owned it, `desired` what it asks for.
    pub fn note(&mut self, archived: &Value, desired: &Value, key: &ObjectKey) {
        if self.noted >= NOTED_MAX {
            return;
        }
        for class in storage_classes(desired).filter(|class| !class.is_empty()) {
            self.noted += usize::from(!self.classes.contains_key(class));
            self.classes.entry(class.to_owned()).or_insert_with(|| key.clone());
        }
        for owner in list(archived, &["metadata", "ownerReferences"]) {
            let name = text(owner, &["name"]);
            let owner = Owner {
                api_version: text(owner, &["apiVersion"]).to_owned(),
                kind: text(owner, &["kind"]).to_owned(),
                namespace: key.namespace.clone(),
            };
            let of_name = self.owners.entry(name.to_owned()).or_default();
            self.noted += usize::from(!of_name.contains_key(&owner));
            of_name.entry(owner).or_insert_with(|| key.clone());
        }
    }

    /// What the restore does not bring along, and so has to be in the cluster.
    pub fn wanted(mut self, plan: &RestorePlan, catalog: &Catalog) -> Vec<Wanted> {
        for item in plan.items() {
            let of = plan.resource(item);
            if of.kind == "StorageClass" {
                self.classes.remove(&item.name);
            }
            if let Some(of_name) = self.owners.get_mut(&item.name) {
                let target = plan.target(item);
                of_name.retain(|owner, _| {
                    let same_place = target.namespace.is_none() || owner.namespace == target.namespace;
                    !(same_place && is_of(owner, of))
                });
            }
        }
        let class = GroupResource::new("storage.k8s.io", "storageclasses");
        let classes = self.classes.into_iter().map(|(name, by)| Wanted {
            resource: catalog.find(&class).cloned(),
            namespace: None,
            name,
            kind: "StorageClass".to_owned(),
            by,
        });
        let owners = self.owners.into_iter();
        let owners =
            owners.flat_map(|(name, all)| all.into_iter().map(move |(owner, by)| (name.clone(), owner, by)));
        let owners = owners.map(|(name, owner, by)| {
            let resource = catalog.of_kind(&owner.api_version, &owner.kind).cloned();
            let namespaced = resource.as_ref().is_none_or(|of| of.namespaced);
            Wanted { resource, namespace: owner.namespace.filter(|_| namespaced), name, kind: owner.kind, by }
        });
        classes.chain(owners).collect()
    }
}

/// Whether an owner is of this type, in whatever version.
fn is_of(owner: &Owner, of: &ResourceType) -> bool {
    let group = owner.api_version.rsplit_once('/').map_or("", |(group, _)| group);
    owner.kind == of.kind && group == of.group
}

/// The storage classes that a document asks for: a claim, or the claims of a StatefulSet.
fn storage_classes(document: &Value) -> impl Iterator<Item = &str> {
    let own = (document["kind"] == "PersistentVolumeClaim").then_some(document);
    let templates = list(document, &["spec", "volumeClaimTemplates"]);
    own.into_iter().chain(templates).map(|claim| text(claim, &["spec", "storageClassName"]))
}

/// What is missing, and how that is reported.
pub fn missing(plan: &RestorePlan, absent: &[Wanted]) -> (Missing, Vec<Problem>) {
    let mut missing = Missing { types: types(plan), ..Missing::default() };
    let mut problems = Vec::new();
    for Wanted { namespace, name, kind, by, .. } in absent {
        let full = namespace.as_ref().map_or_else(|| name.clone(), |namespace| format!("{namespace}/{name}"));
        let (code, message) = if kind == "StorageClass" {
            missing.storage_classes.push(name.clone());
            (&problems::NO_STORAGE_CLASS, format!("there is no storage class {name}, which it asks for"))
        } else {
            missing.owners.push(format!("{kind} {full}"));
            let message = format!("{kind} {full}, which owned it, is neither restored nor in the cluster");
            (&problems::NO_OWNER, message)
        };
        problems.push(Problem::new(code, Severity::Warning, message).about(by));
    }
    (missing, problems)
}

/// The types that the cluster does not serve.
fn types(plan: &RestorePlan) -> Vec<String> {
    let unserved = plan.left_out.iter().filter(|left| left.rule == Rule::NotServed);
    let mut types: Vec<String> = unserved.map(|left| left.kind.clone()).collect();
    types.sort();
    types.dedup();
    types
}
