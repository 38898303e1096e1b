//! What happens to persistent volumes: decided once, before any item, whether the volumes themselves are restored
//! or not.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::{annotation, list, text};

/// What the side files of a backup say about its volumes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volumes {
    /// How each volume was backed up, as the volume information says.
    methods: BTreeMap<String, Method>,
    /// Volumes with a native snapshot.
    native: BTreeSet<String>,
    /// Claims, by namespace and name, with a pod volume backup.
    files: BTreeSet<(String, String)>,
    /// Claims, by namespace and name, with a CSI snapshot.
    csi: BTreeSet<(String, String)>,
}

/// How the data of a volume was backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Method {
    /// A snapshot by a plugin.
    Native,
    /// Files of a running pod.
    PodVolume,
    /// A CSI snapshot, moved to the repository or not.
    Csi,
    /// Not at all.
    None,
}

/// What happens to a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// It is restored as it was, to be bound to the same claim: its storage has outlived it.
    AsIs,
    /// It is in the cluster already, and its claim is bound to it again.
    Present,
    /// Its claim gets a new one from the storage class.
    Provision,
}

impl Volumes {
    /// Reads the side files: the volume information, and for backups older than that the native snapshots, the
    /// pod volume backups and the CSI snapshots. Absent ones are empty.
    pub fn read(info: &[Value], native: &[Value], pod_volumes: &[Value], csi: &[Value]) -> Self {
        let method =
            |entry: &Value| Some((some(text(entry, &["pvName"]))?, method(text(entry, &["backupMethod"]))));
        let snapshot = |entry: &Value| some(text(entry, &["spec", "persistentVolumeName"]));
        let files = |entry: &Value| {
            let claim = annotation(entry, "velero.io/pvc-name").and_then(some)?;
            Some((some(text(entry, &["spec", "pod", "namespace"]))?, claim))
        };
        let claimed = |entry: &Value| {
            let claim = some(text(entry, &["spec", "source", "persistentVolumeClaimName"]))?;
            Some((some(text(entry, &["metadata", "namespace"]))?, claim))
        };
        Self {
            methods: info.iter().filter_map(method).collect(),
            native: native.iter().filter_map(snapshot).collect(),
            files: pod_volumes.iter().filter_map(files).collect(),
            csi: csi.iter().filter_map(claimed).collect(),
        }
    }

    /// Reads the side files out of the arrays that they hold; anything else counts as empty.
    pub fn of_files(info: &Value, native: &Value, pod_volumes: &Value, csi: &Value) -> Self {
        Self::read(list(info, &[]), list(native, &[]), list(pod_volumes, &[]), list(csi, &[]))
    }

    /// How a volume was backed up, that was bound to a claim of a namespace.
    pub fn method(&self, volume: &str, claim: Option<(&str, &str)>) -> Method {
        if let Some(method) = self.methods.get(volume) {
            return *method;
        }
        let claim = claim.map(|(namespace, name)| (namespace.to_owned(), name.to_owned()));
        let among = |claims: &BTreeSet<_>| claim.as_ref().is_some_and(|claim| claims.contains(claim));
        if self.native.contains(volume) {
            Method::Native
        } else if among(&self.files) {
            Method::PodVolume
        } else if among(&self.csi) {
            Method::Csi
        } else {
            Method::None
        }
    }
}

impl Method {
    /// What happens to a volume that was backed up so; `reclaimed` if its storage went with it.
    pub fn decision(self, reclaimed: bool) -> Decision {
        match self {
            Self::None if !reclaimed => Decision::AsIs,
            _ => Decision::Provision,
        }
    }
}

fn method(text: &str) -> Method {
    match text {
        "NativeSnapshot" => Method::Native,
        "PodVolumeBackup" => Method::PodVolume,
        "CSISnapshot" => Method::Csi,
        _ => Method::None,
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
