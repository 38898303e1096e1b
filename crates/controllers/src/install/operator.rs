//! `deploy/operator.yaml`: the operator, what it may do, and what the server that it makes may do.
//!
//! The server's roles are installed here and not by the operator: nobody may grant more than he has, so an
//! operator that granted them would need them all itself.

use serde_json::{Value, json};

use super::deployment::Image;
use super::namespace::{Level, namespace};
use super::{SERVER, Strings, binding, cluster_role, flow, metadata, rbac, server_rights};

/// Name of the operator's Deployment and service account, as OADP's.
pub const OPERATOR: &str = "openshift-adp-controller-manager";
/// Name of the role and binding of the operator.
const OPERATOR_ROLE: &str = "salvor-operator";
/// The label by which the Deployment knows its pods.
const SELECTOR: (&str, &str) = ("control-plane", "controller-manager");

/// The objects of an operator, but the CRDs, in the order in which they are created.
pub fn objects(in_namespace: &str, image: &Image) -> Vec<Value> {
    let mut objects = vec![namespace(in_namespace, Level::Restricted)];
    objects.extend(server_rights(in_namespace));
    objects.extend(flow::objects(in_namespace, SERVER));
    objects.extend([
        cluster_role::namespaced(in_namespace, OPERATOR_ROLE, rbac::OPERATOR_NAMESPACE),
        binding::namespaced(in_namespace, OPERATOR, OPERATOR_ROLE),
        namespace_role(in_namespace),
        namespace_binding(in_namespace),
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata(OPERATOR, in_namespace, &Strings::new()),
        }),
        deployment(in_namespace, image),
    ]);
    objects
}

/// Name of the cluster-scoped role and binding of an operator.
pub fn namespace_role_name(in_namespace: &str) -> String {
    format!("{OPERATOR_ROLE}-{in_namespace}")
}

/// The right to the operator's own Namespace, and to no other.
fn namespace_role(in_namespace: &str) -> Value {
    let (verbs, _) = rbac::OPERATOR_NAMESPACE_VERBS;
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": metadata(&namespace_role_name(in_namespace), "", &Strings::new()),
        "rules": [{"apiGroups": [""], "resources": ["namespaces"], "resourceNames": [in_namespace], "verbs": verbs}],
    })
}

fn namespace_binding(in_namespace: &str) -> Value {
    let name = namespace_role_name(in_namespace);
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": metadata(&name, "", &Strings::new()),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [binding::subject(in_namespace, OPERATOR)],
    })
}

fn deployment(in_namespace: &str, image: &Image) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(OPERATOR, in_namespace, &Strings::new()),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {SELECTOR.0: SELECTOR.1}},
            "template": {
                "metadata": {"labels": {SELECTOR.0: SELECTOR.1}},
                "spec": pod_spec(image),
            },
        },
    })
}

fn pod_spec(image: &Image) -> Value {
    json!({
        "serviceAccountName": OPERATOR,
        "os": {"name": "linux"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        // no user is named: the image has its own, and a cluster that gives out users gives this pod one
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "manager",
            "image": image.name,
            "imagePullPolicy": image.pull_policy(),
            "command": ["/salvor"],
            "args": ["operator"],
            "env": [
                {"name": "WATCH_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
                {"name": "RELATED_IMAGE_VELERO", "value": image.name},
            ],
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            },
        }],
    })
}
