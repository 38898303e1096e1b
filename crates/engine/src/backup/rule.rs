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
        })
    }
}
