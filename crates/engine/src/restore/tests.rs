//! Restores as a whole: an archive and a cluster in, a plan and documents out.

mod adjusting;
mod examples;
mod meeting;
mod planning;
mod preparing;
mod selecting;
mod transforming;

use std::collections::BTreeSet;
use std::fmt::Write;

use api::meta::{GroupResource, ObjectKey, ResourceType};
use serde_json::{Value, json};

use super::hooked::add_hooks;
use super::order::Priorities;
use super::volumes::Volumes;
use super::{Gravity, Identity, Request, RestorePlan, Target, check, plan};
use crate::catalog::Catalog;
use crate::facts::{Facts, Span};
use crate::policy::{Filter, Source};
use crate::problem::{Place, Severity};

/// A cluster with the usual types.
pub(super) fn catalog() -> Catalog {
    let types = [
        ("", "v1", "configmaps", "ConfigMap", true),
        ("", "v1", "events", "Event", true),
        ("", "v1", "namespaces", "Namespace", false),
        ("", "v1", "nodes", "Node", false),
        ("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true),
        ("", "v1", "persistentvolumes", "PersistentVolume", false),
        ("", "v1", "pods", "Pod", true),
        ("", "v1", "resourcequotas", "ResourceQuota", true),
        ("", "v1", "secrets", "Secret", true),
        ("", "v1", "serviceaccounts", "ServiceAccount", true),
        ("", "v1", "services", "Service", true),
        (
            "admissionregistration.k8s.io",
            "v1",
            "validatingwebhookconfigurations",
            "ValidatingWebhookConfiguration",
            false,
        ),
        ("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", false),
        ("apiregistration.k8s.io", "v1", "apiservices", "APIService", false),
        ("apps", "v1", "deployments", "Deployment", true),
        ("batch", "v1", "jobs", "Job", true),
        ("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", true),
        ("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false),
        ("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true),
        ("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", false),
        ("snapshot.storage.k8s.io", "v1", "volumesnapshots", "VolumeSnapshot", true),
        ("storage.k8s.io", "v1", "storageclasses", "StorageClass", false),
    ];
    let of = |(group, version, plural, kind, namespaced)| {
        ResourceType::addressed(group, version, plural, kind, namespaced)
    };
    Catalog::new(types.map(of).into())
}

/// What lies in the archive at `place`, such as `deployments.apps shop/web`.
pub(super) fn archived(place: &str, document: Value) -> (Facts, Value) {
    let (resource, name) = place.split_once(' ').unwrap();
    let resource: GroupResource = resource.parse().unwrap();
    let (namespace, name) =
        name.split_once('/').map_or((None, name), |(namespace, name)| (Some(namespace), name));
    let catalog = catalog();
    let known = catalog.find(&resource).cloned();
    let kind = known.map_or(("v1".to_owned(), "Widget".to_owned()), |of| (of.version, of.kind));
    let group = &resource.group;
    let version = if group.is_empty() { kind.0 } else { format!("{group}/{}", kind.0) };
    let mut whole = json!({"apiVersion": version, "kind": kind.1, "metadata": {"name": name}});
    if let Some(namespace) = namespace {
        whole["metadata"]["namespace"] = namespace.into();
    }
    json_patch::merge(&mut whole, &document);
    let version = crate::document::text(&whole, &["apiVersion"]).rsplit('/').next().unwrap().to_owned();
    let kind = crate::document::text(&whole, &["kind"]).to_owned();
    let of = ResourceType::addressed(group, &version, &resource.resource, &kind, namespace.is_some());
    let key = ObjectKey::new(resource, namespace, name);
    (Facts { key, ..Facts::of(&whole, &of, Span::default()) }, whole)
}

pub(super) fn request(spec: Value) -> Request {
    Request {
        expected_plan: None,
        policy: Filter::default(),
        restore: Identity { namespace: "velero".into(), name: "r1".into(), uid: "uid-r1".into() },
        spec: serde_json::from_value(spec).unwrap(),
        backup: "b1".into(),
        priorities: Priorities::default(),
        strip_finalizers: false,
    }
}

/// What a resource policy of these sections selects.
pub(super) fn policy(sections: &str) -> Filter {
    let text = format!("version: v1\n{sections}");
    Source { name: "p".into(), document: Some(json!({"data": {"policy": text}})) }.filter().unwrap()
}

/// The plan of a restore with `spec` of an archive into a cluster with the usual types.
pub(super) fn planned(
    spec: Value,
    archive: &[(&str, Value)],
    volumes: &Volumes,
    target: &Target,
) -> RestorePlan {
    let facts: Vec<Facts> =
        archive.iter().map(|(place, document)| archived(place, document.clone()).0).collect();
    with_hooks(&request(spec), &facts, volumes, target)
}

/// The whole plan of a restore, with its hooks.
pub(super) fn with_hooks(
    request: &Request,
    facts: &[Facts],
    volumes: &Volumes,
    target: &Target,
) -> RestorePlan {
    let mut plan = plan(request, &catalog(), facts, volumes, target).unwrap();
    add_hooks(&mut plan, request, facts, &[]);
    plan
}

/// A plan as people read it.
pub(super) fn rendered(plan: &RestorePlan) -> String {
    let mut text = String::new();
    for stage in &plan.stages {
        writeln!(text, "{}:", stage.name).unwrap();
        for namespace in &stage.namespaces {
            let from = if namespace.at.is_some() { "archived" } else { "bare" };
            let exists = if namespace.exists { ", exists" } else { "" };
            writeln!(text, "  {} ({from}{exists})", namespace.name).unwrap();
        }
        for item in &stage.items {
            let marks = [(item.managed_fields, " +managedFields"), (item.status, " +status")];
            let marks: String = marks.iter().filter(|(set, _)| *set).map(|(_, mark)| *mark).collect();
            writeln!(text, "  {}{marks}", plan.target(item)).unwrap();
        }
    }
    for left in &plan.left_out {
        let namespace = left.namespace.as_ref().map(|of| format!("{of}/")).unwrap_or_default();
        writeln!(text, "not {} {namespace}{}: {}", left.resource, left.names.join(","), left.rule.text())
            .unwrap();
    }
    for problem in &plan.problems {
        let severity = if problem.severity == Severity::Error { "error" } else { "warning" };
        let place = match &problem.place {
            Place::Velero => "velero".to_owned(),
            Place::Cluster => "cluster".to_owned(),
            Place::Namespace(namespace) => namespace.clone(),
        };
        let about = problem.object.as_ref().map(|of| format!(" {of}:")).unwrap_or_default();
        writeln!(text, "{severity} {} [{place}]{about} {}", problem.code, problem.message).unwrap();
    }
    text
}

pub(super) fn fatal(plan: &RestorePlan) -> Vec<String> {
    let notes = check(plan).into_iter().filter(|note| note.gravity == Gravity::Fatal);
    notes.map(|note| note.message).collect()
}

pub(super) fn names(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|name| (*name).to_owned()).collect()
}
