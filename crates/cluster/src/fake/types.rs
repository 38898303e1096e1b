//! The types that the fake cluster has from the start, and those that custom resource definitions add.

use api::meta::ResourceType;
use serde_json::Value;

/// Group, version, plural, kind, scope (`n` or `c`), and `s` where there is a status sub-resource.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// In a real server's order.
const BUILT_IN: &[Row] = &[
    ("", "v1", "configmaps", "ConfigMap", "n"),
    ("", "v1", "endpoints", "Endpoints", "n"),
    ("", "v1", "events", "Event", "n"),
    ("", "v1", "limitranges", "LimitRange", "n"),
    ("", "v1", "namespaces", "Namespace", "cs"),
    ("", "v1", "nodes", "Node", "cs"),
    ("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "ns"),
    ("", "v1", "persistentvolumes", "PersistentVolume", "cs"),
    ("", "v1", "pods", "Pod", "ns"),
    ("", "v1", "replicationcontrollers", "ReplicationController", "ns"),
    ("", "v1", "resourcequotas", "ResourceQuota", "ns"),
    ("", "v1", "secrets", "Secret", "n"),
    ("", "v1", "serviceaccounts", "ServiceAccount", "n"),
    ("", "v1", "services", "Service", "ns"),
    ("apiregistration.k8s.io", "v1", "apiservices", "APIService", "cs"),
    ("apps", "v1", "controllerrevisions", "ControllerRevision", "n"),
    ("apps", "v1", "daemonsets", "DaemonSet", "ns"),
    ("apps", "v1", "deployments", "Deployment", "ns"),
    ("apps", "v1", "replicasets", "ReplicaSet", "ns"),
    ("apps", "v1", "statefulsets", "StatefulSet", "ns"),
    ("events.k8s.io", "v1", "events", "Event", "n"),
    ("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "ns"),
    ("autoscaling", "v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "ns"),
    ("batch", "v1", "cronjobs", "CronJob", "ns"),
    ("batch", "v1", "jobs", "Job", "ns"),
    ("networking.k8s.io", "v1", "ingresses", "Ingress", "ns"),
    ("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", "n"),
    ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", "ns"),
    ("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", "c"),
    ("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", "c"),
    ("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", "n"),
    ("rbac.authorization.k8s.io", "v1", "roles", "Role", "n"),
    ("storage.k8s.io", "v1", "csidrivers", "CSIDriver", "c"),
    ("storage.k8s.io", "v1", "csinodes", "CSINode", "c"),
    ("storage.k8s.io", "v1", "storageclasses", "StorageClass", "c"),
    ("storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", "cs"),
    (
        "admissionregistration.k8s.io",
        "v1",
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        "c",
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        "c",
    ),
    ("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", "cs"),
    ("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", "c"),
    ("coordination.k8s.io", "v1", "leases", "Lease", "n"),
    ("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", "n"),
];

const SHORT_NAMES: &[(&str, &str)] = &[
    ("configmaps", "cm"),
    ("namespaces", "ns"),
    ("nodes", "no"),
    ("persistentvolumeclaims", "pvc"),
    ("persistentvolumes", "pv"),
    ("pods", "po"),
    ("serviceaccounts", "sa"),
    ("services", "svc"),
    ("daemonsets", "ds"),
    ("deployments", "deploy"),
    ("replicasets", "rs"),
    ("statefulsets", "sts"),
    ("customresourcedefinitions", "crd"),
    ("storageclasses", "sc"),
];

const VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// A type, and what the server does with its status.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) of: ResourceType,
    /// Whether its status is a sub-resource: then it is written there and nowhere else.
    pub(super) status: bool,
}

pub(super) fn built_in() -> Vec<Served> {
    let served = |(group, version, plural, kind, traits): &Row| {
        let mut of = ResourceType::addressed(group, version, plural, kind, traits.starts_with('n'));
        of.singular = kind.to_lowercase();
        of.verbs = VERBS.iter().map(ToString::to_string).collect();
        of.short_names =
            SHORT_NAMES.iter().filter(|(of, _)| of == plural).map(|(_, short)| (*short).into()).collect();
        of.preferred = (*group, *version) != ("autoscaling", "v1");
        Served { of, status: traits.ends_with('s') }
    };
    BUILT_IN.iter().map(served).collect()
}

/// The types that a custom resource definition adds, the most stable version first.
pub(super) fn of_definition(definition: &Value) -> Vec<Served> {
    let spec = &definition["spec"];
    let (group, names) = (text(&spec["group"]), &spec["names"]);
    let mut versions: Vec<&Value> = spec["versions"].as_array().into_iter().flatten().collect();
    versions.retain(|version| version["served"] == true);
    versions.sort_by_key(|version| std::cmp::Reverse(priority(text(&version["name"]))));
    let served = |(position, version): (usize, &&Value)| {
        let namespaced = spec["scope"] == "Namespaced";
        let mut of = ResourceType::addressed(
            group,
            text(&version["name"]),
            text(&names["plural"]),
            text(&names["kind"]),
            namespaced,
        );
        of.singular = text(&names["singular"]).to_owned();
        of.verbs = VERBS.iter().map(ToString::to_string).collect();
        of.short_names =
            names["shortNames"].as_array().into_iter().flatten().map(|name| text(name).to_owned()).collect();
        of.preferred = position == 0;
        Served { of, status: version["subresources"]["status"].is_object() }
    };
    versions.iter().enumerate().map(served).collect()
}

/// The rank of a version among others: `v2` over `v1` over `v1beta2` over `v1alpha1` over anything else.
fn priority(version: &str) -> (u8, u32, u32) {
    let Some(rest) = version.strip_prefix('v') else { return (0, 0, 0) };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (major, stage) = rest.split_at(digits);
    let major = major.parse().unwrap_or(0);
    let of = |stage: &str| stage.parse().unwrap_or(0);
    match (stage, stage.strip_prefix("beta"), stage.strip_prefix("alpha")) {
        ("", ..) => (3, major, 0),
        (_, Some(minor), _) => (2, major, of(minor)),
        (_, _, Some(minor)) => (1, major, of(minor)),
        _ => (0, 0, 0),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn definitions_add_their_served_versions_the_most_stable_first() {
        let version = |name: &str, served: bool| json!({"name": name, "served": served, "subresources": {"status": {}}});
        let definition = json!({"spec": {"group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [version("v1alpha1", true), version("v1", true), version("v2", false), version("v1beta1", true)]}});
        let types = of_definition(&definition);
        let versions: Vec<_> =
            types.iter().map(|served| (served.of.version.as_str(), served.of.preferred)).collect();
        assert_eq!(versions, [("v1", true), ("v1beta1", false), ("v1alpha1", false)]);
        assert!(types.iter().all(|served| served.status && served.of.namespaced));
    }
}
