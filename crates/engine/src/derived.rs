//! Objects that a controller makes out of others, and makes again wherever those are. To bring them back is to race with
//! it: it deletes what comes too early, and fights over what comes too late. One table says which they are; that of backups,
//! which leave out less, is beside it in `backup::derived`.

use api::meta::{GroupResource, ObjectKey};

use crate::facts::{Facts, Owner};
use crate::filter::selector::Labelled;

/// Looks an object up among those that stay.
type Find<'f, 'a> = &'f dyn Fn(&ObjectKey) -> Option<&'a Facts>;

/// One kind of derived objects.
struct Row {
    /// Their type.
    resource: &'static str,
    /// Which of them; `None` for all.
    which: Option<for<'f, 'a> fn(&Facts, Find<'f, 'a>) -> bool>,
    /// Who makes them again, in words that follow "made by".
    maker: &'static str,
}

const TABLE: &[Row] = &[
    Row {
        resource: "clusterserviceversions.operators.coreos.com",
        which: Some(|facts, _| is_copied(facts)),
        maker: "the operator lifecycle manager",
    },
    Row {
        resource: "configmaps",
        which: Some(|facts, _| is_authority(facts)),
        maker: "the publisher of certificate authorities",
    },
    Row {
        resource: "csistoragecapacities.storage.k8s.io",
        which: Some(|facts, _| has_label(facts, "csi.storage.k8s.io/managed-by")),
        maker: "the storage driver",
    },
    Row { resource: "endpoints", which: Some(is_of_selector), maker: "the controller of its service" },
    Row {
        resource: "endpointslices.discovery.k8s.io",
        which: Some(|facts, _| is_of_service(facts)),
        maker: "the controller of its service",
    },
    Row {
        resource: "endpointslices.discovery.k8s.io",
        which: Some(|facts, _| is_mirrored(facts)),
        maker: "the controller that mirrors its endpoints",
    },
    Row {
        resource: "ipaddresses.networking.k8s.io",
        which: Some(|facts, _| has_label(facts, "ipaddress.kubernetes.io/managed-by")),
        maker: "the API server, for a service",
    },
    Row {
        resource: "leasecandidates.coordination.k8s.io",
        which: Some(|facts, _| facts.marks.renewed),
        maker: "whoever wants to lead",
    },
    Row {
        resource: "leases.coordination.k8s.io",
        which: Some(|facts, _| facts.marks.renewed),
        maker: "whoever leads",
    },
    Row { resource: "nodes.metrics.k8s.io", which: None, maker: "the metrics server" },
    Row { resource: "pods", which: Some(is_of_job_or_build), maker: "its job or build" },
    Row { resource: "pods.metrics.k8s.io", which: None, maker: "the metrics server" },
    Row {
        resource: "resourceslices.resource.k8s.io",
        which: Some(|facts, _| !facts.owners.is_empty()),
        maker: "the device driver",
    },
];

/// Who makes an object again, if somebody does. `find` looks up what stays: an object is derived only while what it is
/// made of stays, too, where that can be told.
pub fn maker<'a>(facts: &Facts, find: impl Fn(&ObjectKey) -> Option<&'a Facts>) -> Option<&'static str> {
    let resource = facts.key.resource.to_string();
    let mut rows = TABLE.iter().filter(|row| row.resource == resource);
    rows.find(|row| row.which.is_none_or(|which| which(facts, &find))).map(|row| row.maker)
}

/// Whether a label says that a controller keeps the object.
fn has_label(facts: &Facts, label: &str) -> bool {
    facts.labels.label(label).is_some()
}

/// An operator's version that was copied into other namespaces.
pub(crate) fn is_copied(facts: &Facts) -> bool {
    facts.labels.label("olm.copiedFrom").is_some()
}

/// Every namespace gets these: they hold the authorities of one cluster.
pub(crate) fn is_authority(facts: &Facts) -> bool {
    matches!(facts.key.name.as_str(), "kube-root-ca.crt" | "openshift-service-ca.crt")
}

/// Endpoints that follow from the selector of the service of their name. Those of services without one were written by
/// somebody.
fn is_of_selector(facts: &Facts, find: Find<'_, '_>) -> bool {
    let services = GroupResource::new("", "services");
    let service = ObjectKey::new(services, facts.key.namespace.as_deref(), &facts.key.name);
    let managed = facts.labels.label("endpoints.kubernetes.io/managed-by") == Some("endpoint-controller");
    find(&service).map_or(managed, |service| service.marks.selects)
}

/// Who keeps a slice.
const SLICE_KEEPER: &str = "endpointslice.kubernetes.io/managed-by";

/// Slices that a controller of Kubernetes wrote from the selector of a service.
pub(crate) fn is_of_service(slice: &Facts) -> bool {
    slice.labels.label(SLICE_KEEPER) == Some("endpointslice-controller.k8s.io")
}

/// Slices that a controller of Kubernetes wrote from endpoints.
pub(crate) fn is_mirrored(slice: &Facts) -> bool {
    slice.labels.label(SLICE_KEEPER) == Some("endpointslicemirroring-controller.k8s.io")
}

/// A pod of a build, or of a job that stays: jobs get new selectors, so that they would not know it again, and make
/// another one beside it. Pods of replica sets and the like are adopted, and stay.
fn is_of_job_or_build(facts: &Facts, find: Find<'_, '_>) -> bool {
    let jobs = GroupResource::new("batch", "jobs");
    let of_job = |owner: &Owner| {
        let job = ObjectKey::new(jobs.clone(), facts.key.namespace.as_deref(), &owner.name);
        owner.kind == "Job" && owner.api_version.starts_with("batch/") && find(&job).is_some()
    };
    facts.labels.label("openshift.io/build.name").is_some() || facts.owners.iter().any(of_job)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Span;
    use api::meta::ResourceType;
    use serde_json::{Value, json};

    fn facts(resource: &str, name: &str, document: Value) -> Facts {
        let resource: GroupResource = resource.parse().unwrap();
        let of = ResourceType::addressed(&resource.group, "v1", &resource.resource, "", true);
        let key = ObjectKey::new(resource, Some("shop"), name);
        Facts { key, ..Facts::of(&document, &of, Span::default()) }
    }

    fn is_derived(of: &Facts, others: &[Facts]) -> bool {
        maker(of, |key| others.iter().find(|other| other.key == *key)).is_some()
    }

    #[test]
    fn endpoints_follow_from_a_selector_or_were_written_by_somebody() {
        let endpoints = facts("endpoints", "web", json!({}));
        let with = [facts("services", "web", json!({"spec": {"selector": {"app": "web"}}}))];
        let without = [facts("services", "web", json!({"spec": {"selector": {}}}))];
        assert!(is_derived(&endpoints, &with));
        assert!(!is_derived(&endpoints, &without) && !is_derived(&endpoints, &[]));
        let by = |who: &str| json!({"metadata": {"labels": {"endpointslice.kubernetes.io/managed-by": who}}});
        let slice = |who: &str| facts("endpointslices.discovery.k8s.io", "web-1", by(who));
        assert!(is_derived(&slice("endpointslice-controller.k8s.io"), &[]));
        let mirrored = maker(&slice("endpointslicemirroring-controller.k8s.io"), |_| None);
        assert_eq!(mirrored, Some("the controller that mirrors its endpoints"));
        assert!(!is_derived(&slice("somebody"), &[]));
    }

    #[test]
    fn pods_of_a_job_that_stays_are_made_anew_and_others_are_not() {
        let pod = |kind: &str, group: &str| {
            let owner = json!({"apiVersion": format!("{group}/v1"), "kind": kind, "name": "x"});
            facts("pods", "x-1", json!({"metadata": {"ownerReferences": [owner]}}))
        };
        let job = [facts("jobs.batch", "x", json!({})), facts("replicasets.apps", "x", json!({}))];
        assert!(is_derived(&pod("Job", "batch"), &job));
        assert!(!is_derived(&pod("Job", "batch"), &[]));
        assert!(!is_derived(&pod("ReplicaSet", "apps"), &job));
        assert!(!is_derived(&pod("Job", "example.com"), &job));
    }

    #[test]
    fn what_every_namespace_gets_is_derived_and_what_users_write_is_not() {
        assert!(is_derived(&facts("configmaps", "kube-root-ca.crt", json!({})), &[]));
        assert!(!is_derived(&facts("configmaps", "settings", json!({})), &[]));
        let renewed = json!({"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}});
        assert!(is_derived(&facts("leases.coordination.k8s.io", "leader", renewed), &[]));
        assert!(!is_derived(&facts("leases.coordination.k8s.io", "by-hand", json!({})), &[]));
        assert!(!is_derived(&facts("leases.example.com", "flat", json!({})), &[]));
    }
}
