//! The objects that make an installation, as pure functions from options to documents: `salvor install`
//! and the operator build from the same ones.

mod binding;
mod cluster_role;
pub mod crds;
pub mod deployment;
pub mod flow;
pub mod location;
pub mod location_volume;
pub mod namespace;
pub mod operator;
pub mod rbac;
mod secret;
mod service;
mod service_account;
mod snapshot_location;
#[cfg(test)]
mod tests;
pub mod types;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use binding::{Role, binding_name};
pub use deployment::Workload;
pub use location::Location;
pub use location_volume::LocationVolume;
pub use secret::CloudCredentials;
pub use service::{downloads, metrics};
pub use service_account::service_account;
pub use snapshot_location::{SnapshotLocation, snapshot_location};

/// Label that every object of an installation carries.
pub const COMPONENT: (&str, &str) = ("component", "velero");
/// Name of the server's Deployment, container and service account.
pub const SERVER: &str = "velero";
/// Name of the Secret that holds the cloud credentials, and of its volume.
pub const CLOUD_CREDENTIALS: &str = "cloud-credentials";
/// Name of the ClusterRole and Role that the server runs with.
pub const SERVER_ROLE: &str = "salvor-server";

/// The image that is installed unless somebody says otherwise.
pub const IMAGE: &str = concat!("salvor:", env!("CARGO_PKG_VERSION"));
/// The namespace of an operator unless somebody says otherwise.
pub const OPERATOR_NAMESPACE: &str = "openshift-adp";

/// A map of labels, annotations or provider keys.
pub type Strings = BTreeMap<String, String>;

/// What the server's service account may do, and how it comes to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// A service account bound to the generated role.
    Generated(Strings),
    /// A service account bound to `cluster-admin`.
    ClusterAdmin(Strings),
    /// A service account that is there; its rights are none of our business.
    Existing(String),
}

impl Access {
    /// The name of the service account.
    pub fn account(&self) -> &str {
        match self {
            Self::Existing(name) => name,
            Self::Generated(_) | Self::ClusterAdmin(_) => SERVER,
        }
    }
}

/// Everything that an installation without an operator is made from.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server's Deployment; also says the namespace.
    pub workload: Workload,
    /// What the server may do.
    pub access: Access,
    /// Cloud credentials to store.
    pub credentials: Option<CloudCredentials>,
    /// The default location.
    pub location: Option<Location>,
    /// The default snapshot location.
    pub snapshot_location: Option<SnapshotLocation>,
}

/// Every object of an installation but the CRDs, in the order in which they are created.
pub fn objects(options: &Options) -> Vec<Value> {
    let namespace = options.workload.namespace.as_str();
    let mut objects = vec![namespace::namespace(namespace, namespace::needed(&options.workload.volumes))];
    objects.extend(access(namespace, &options.access));
    objects.extend(flow::objects(namespace, options.access.account()));
    objects.extend(options.credentials.as_ref().map(|credentials| secret::secret(namespace, credentials)));
    objects.extend(options.location.as_ref().map(|location| location::location(namespace, location)));
    objects.extend(options.snapshot_location.as_ref().map(|location| snapshot_location(namespace, location)));
    objects.push(service::downloads(namespace, &Strings::new()));
    objects.push(deployment::deployment(&options.workload));
    objects
}

/// Everything that an operator is installed from, in the order in which it is applied.
pub fn manifest(namespace: &str, image: &deployment::Image) -> Vec<Value> {
    crds::crds().into_iter().chain(operator::objects(namespace, image)).collect()
}

/// The role, its bindings and the service account of the server.
fn access(namespace: &str, access: &Access) -> Vec<Value> {
    match access {
        Access::Existing(_) => Vec::new(),
        Access::ClusterAdmin(annotations) => vec![
            binding::cluster(namespace, Role::ClusterAdmin),
            service_account(namespace, annotations, &Strings::new()),
        ],
        Access::Generated(annotations) => {
            let mut objects = server_rights(namespace);
            objects.push(service_account(namespace, annotations, &Strings::new()));
            objects
        }
    }
}

/// The generated roles of the server and their bindings.
fn server_rights(namespace: &str) -> Vec<Value> {
    vec![
        cluster_role::cluster(SERVER_ROLE, rbac::SERVER),
        cluster_role::namespaced(namespace, SERVER_ROLE, rbac::SERVER_NAMESPACE),
        binding::cluster(namespace, Role::Generated),
        binding::namespaced(namespace, SERVER, SERVER_ROLE),
    ]
}

/// Metadata of an object of the installation; an empty namespace means a cluster-scoped one.
fn metadata(name: &str, namespace: &str, labels: &Strings) -> Value {
    let mut all = labels.clone();
    all.insert(COMPONENT.0.to_owned(), COMPONENT.1.to_owned());
    match namespace {
        "" => json!({"name": name, "labels": all}),
        namespace => json!({"name": name, "namespace": namespace, "labels": all}),
    }
}
