//! The rules that leave something out of a backup. Whatever is left out names one of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why an object or a type is not in a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// It carries `velero.io/exclude-from-backup=true`.
    ExcludeLabel,
    /// It is being deleted.
    Terminating,
    /// Its namespace is not selected.
    NamespaceFilter,
    /// Its type is not selected.
    ResourceFilter,
    /// It is cluster-scoped, and nothing asked for such objects.
    ClusterScope,
    /// No label selector selects it.
    LabelSelector,
    /// Its type is served by another group too, under which it is stored.
    Cohabitation,
    /// The server does not list, create, get and delete its type.
    Verbs,
    /// Snapshots come with the volumes that they were taken of.
    SnapshotObject,
    /// It is a namespace without anything selected in it.
    EmptyNamespace,
    /// A filter of the resource policy does not select it.
    FilterPolicy,
    /// It tells what happened.
    Event,
    /// Somebody renews it, and says with it that he leads at the moment.
    Lease,
    /// It is made from the selector of a Service.
    Endpoints,
    /// It is made from Endpoints that somebody wrote.
    Mirrored,
    /// The cluster publishes it into every namespace.
    Published,
    /// OLM copies it from the namespace that an operator is installed in.
    OperatorCopy,
    /// OLM makes it from a Subscription that is in the backup.
    OperatorIntent,
}

impl Rule {
    /// Whether it leaves out what the cluster makes again by itself: see [`super::derived`].
    pub fn derived(self) -> bool {
        use Rule::{Endpoints, Event, Lease, Mirrored, OperatorCopy, OperatorIntent, Published};
        matches!(self, Event | Lease | Endpoints | Mirrored | Published | OperatorCopy | OperatorIntent)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExcludeLabel => "it carries the label velero.io/exclude-from-backup=true",
            Self::Terminating => "it is being deleted",
            Self::NamespaceFilter => "its namespace is not selected",
            Self::ResourceFilter => "its type is not selected",
            Self::ClusterScope => "it is cluster-scoped, and the filters leave such objects out",
            Self::LabelSelector => "no label selector selects it",
            Self::Cohabitation => "its objects are stored under another group that serves them too",
            Self::Verbs => "the server does not support all of list, create, get and delete on it",
            Self::SnapshotObject => "snapshots are stored with the volumes that they were taken of",
            Self::EmptyNamespace => "nothing that is selected lies in this namespace",
            Self::FilterPolicy => "a filter of the resource policy does not select it",
            Self::Event => "events tell what happened in the cluster that they are of",
            Self::Lease => "whoever renews a lease takes it again",
            Self::Endpoints => "the cluster makes it from the selector of its Service",
            Self::Mirrored => "the cluster mirrors it from the Endpoints of its Service",
            Self::Published => "the cluster publishes it into every namespace",
            Self::OperatorCopy => "OLM copies it from the namespace that the operator is installed in",
            Self::OperatorIntent => {
                "OLM makes it from the Subscription of its operator, which is in the backup"
            }
        })
    }
}
