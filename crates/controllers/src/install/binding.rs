//! The bindings that give the server's service account its roles.

use serde_json::{Value, json};

use super::{SERVER, SERVER_ROLE, Strings, metadata};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Which ClusterRole the server is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The one that is generated from [`super::rbac::SERVER`].
    Generated,
    /// The cluster's administrator, as Velero installs itself.
    ClusterAdmin,
}

/// The name of the ClusterRoleBinding: namespaces other than Velero's own are told apart by it.
pub fn binding_name(namespace: &str) -> String {
    match namespace {
        "velero" => SERVER.to_owned(),
        other => format!("{SERVER}-{other}"),
    }
}

/// Binds the server's service account of a namespace to a ClusterRole.
pub(super) fn cluster(namespace: &str, role: Role) -> Value {
    let role = match role {
        Role::Generated => SERVER_ROLE,
        Role::ClusterAdmin => "cluster-admin",
    };
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": metadata(&binding_name(namespace), "", &Strings::new()),
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
        "subjects": [subject(namespace, SERVER)],
    })
}

/// Binds a service account to a role of its own namespace.
pub(super) fn namespaced(namespace: &str, account: &str, role: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata(account, namespace, &Strings::new()),
        "roleRef": {"apiGroup": GROUP, "kind": "Role", "name": role},
        "subjects": [subject(namespace, account)],
    })
}

/// A service account as the subject of a binding.
pub(super) fn subject(namespace: &str, account: &str) -> Value {
    json!({"kind": "ServiceAccount", "namespace": namespace, "name": account})
}
