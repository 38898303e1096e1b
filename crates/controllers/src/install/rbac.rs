//! What each role may do in the API, row by row, each with its reason. The ClusterRoles and Roles that are
//! installed are generated from these tables, and the tests run with them.

/// One row: who needs what of which resources, and why.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The API groups; `*` for all.
    pub groups: &'static [&'static str],
    /// The resources and sub-resources; `*` for all of both.
    pub resources: &'static [&'static str],
    /// The only objects meant; empty for all.
    pub names: &'static [&'static str],
    /// The verbs.
    pub verbs: &'static [&'static str],
    /// Why the role cannot do without.
    pub reason: &'static str,
}

const RBAC: &str = "rbac.authorization.k8s.io";
const READ: &[&str] = &["get", "list", "watch"];

/// The server, in the whole cluster.
///
/// A server that restores whatever it is given must be able to create whatever it is given, roles among it:
/// whoever controls it controls the cluster. What it does not get is what it does not do: it replaces nothing
/// outside its own namespace, impersonates nobody, approves and signs nothing.
pub const SERVER: &[Rule] = &[
    Rule {
        groups: &["*"],
        resources: &["*"],
        names: &[],
        verbs: READ,
        reason: "a backup reads every kind of object, custom resources and Secrets among them, and kinds come and go",
    },
    Rule {
        groups: &["*"],
        resources: &["*"],
        names: &[],
        verbs: &["create", "patch"],
        reason: "a restore creates every kind of object, and patches those that are there when its policy says so; \
                 hooks need create (and by websocket also get) on pods/exec, tenants' checks on subjectaccessreviews",
    },
    Rule {
        groups: &["*"],
        resources: &["*"],
        names: &[],
        verbs: &["delete"],
        reason: "a restore with existingResourcePolicy recreate deletes what it creates again, as it has seen it",
    },
    Rule {
        groups: &["*"],
        resources: &["*/status"],
        names: &[],
        verbs: &["update"],
        reason: "a restore with restoreStatus puts the status back",
    },
    Rule {
        groups: &["*"],
        resources: &["*/finalizers"],
        names: &[],
        verbs: &["update"],
        reason: "clusters that guard owner references let nobody restore one that blocks deletion without it",
    },
    Rule {
        groups: &[RBAC],
        resources: &["roles", "clusterroles"],
        names: &[],
        verbs: &["escalate", "bind"],
        reason: "the API server lets nobody create a role or binding that grants more than its creator has",
    },
];

/// The server, in its own namespace.
pub const SERVER_NAMESPACE: &[Rule] = &[
    Rule {
        groups: &["velero.io", "salvor.io"],
        resources: &["*"],
        names: &[],
        verbs: &["delete"],
        reason: "backups expire, requests are answered and go, and what has left the bucket leaves the cluster",
    },
    Rule {
        groups: &["coordination.k8s.io"],
        resources: &["leases"],
        names: &[],
        verbs: &["update"],
        reason: "one server works at a time: its Lease is replaced under its resource version",
    },
    Rule {
        groups: &[""],
        resources: &["configmaps"],
        names: &[],
        verbs: &["delete"],
        reason: "the journal of a restore from a read-only location lives in ConfigMaps and goes with it",
    },
];

/// The operator, in its own namespace: it has no rights elsewhere but on that Namespace itself.
pub const OPERATOR_NAMESPACE: &[Rule] = &[
    Rule {
        groups: &["oadp.openshift.io"],
        resources: &["dataprotectionapplications"],
        names: &[],
        verbs: READ,
        reason: "what is asked for",
    },
    Rule {
        groups: &["oadp.openshift.io"],
        resources: &["dataprotectionapplications/status", "dataprotectionapplications/finalizers"],
        names: &[],
        verbs: &["patch", "update"],
        reason: "to say what became of it, and to own what is made for it",
    },
    Rule {
        groups: &["apps"],
        resources: &["deployments"],
        names: &[],
        verbs: &["get", "list", "watch", "create", "patch", "delete"],
        reason: "the server; deleted only when its selector, which cannot change, is another's",
    },
    Rule {
        groups: &["velero.io"],
        resources: &["backupstoragelocations", "volumesnapshotlocations"],
        names: &[],
        verbs: &["get", "list", "watch", "create", "patch", "delete"],
        reason: "the locations; surplus ones go",
    },
    Rule {
        groups: &[""],
        resources: &["serviceaccounts", "services"],
        names: &[],
        verbs: &["get", "list", "watch", "create", "patch"],
        reason: "the server's account and services; they go with their owner",
    },
    Rule {
        groups: &[""],
        resources: &["secrets"],
        names: &[],
        verbs: &["get", "list", "watch", "patch"],
        reason: "credentials are checked before use, and labelled so that their changes are seen",
    },
    Rule {
        groups: &["coordination.k8s.io"],
        resources: &["leases"],
        names: &[],
        verbs: &["get", "create", "update", "patch"],
        reason: "one operator works at a time",
    },
    Rule {
        groups: &["", "events.k8s.io"],
        resources: &["events"],
        names: &[],
        verbs: &["create", "patch"],
        reason: "changes are told",
    },
];

/// The operator, in the whole cluster; the object's name is that of its own namespace.
pub const OPERATOR_NAMESPACE_VERBS: (&[&str], &str) = (
    &["get", "patch"],
    "a location on a hostPath or NFS volume needs a wider Pod Security level, set by label",
);
