//! What happens to persistent volumes: decided once, before any item, whether the volumes themselves are restored
//! or not.

use std::collections::{BTreeMap, BTreeSet};

use api::meta::ObjectKey;
use api::velero::v1::PodVolumeBackup;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::text;
use crate::files::{BackupMethod, NativeSnapshot, VolumeInfo};

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
    /// It is in the cluster, where its claim has gone: it is given free, to be bound to the claim that comes back.
    Release,
    /// Its claim gets a new one from the storage class.
    Provision,
}

/// What a volume in the cluster is held by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The claim that it is bound to or kept for, by namespace and name.
    pub by: Option<(String, String)>,
    /// Whether that claim has gone: no other one can have the volume before somebody gives it free.
    pub is_released: bool,
}

impl Decision {
    /// Whether the volume's own object is part of the restore.
    pub fn is_restored(self) -> bool {
        matches!(self, Self::AsIs | Self::Release)
    }
}

impl Held {
    /// What holds the volume of this document.
    pub fn of(volume: &Value) -> Self {
        let claim = ["namespace", "name"].map(|field| text(volume, &["spec", "claimRef", field]).to_owned());
        let [namespace, name] = claim;
        Self {
            by: (!name.is_empty()).then_some((namespace, name)),
            is_released: text(volume, &["status", "phase"]) == "Released",
        }
    }

    /// Whether another claim than this one has the volume.
    pub fn is_of_another(&self, claim: &ObjectKey) -> bool {
        let claim = (claim.namespace.as_deref().unwrap_or_default(), claim.name.as_str());
        self.by.as_ref().is_some_and(|(namespace, name)| (namespace.as_str(), name.as_str()) != claim)
    }
}

impl Volumes {
    /// Reads the side files: the volume information, and for backups older than that the native snapshots, the
    /// pod volume backups and the VolumeSnapshots. Absent ones are empty.
    pub fn read(
        info: &[VolumeInfo],
        native: &[NativeSnapshot],
        pod_volumes: &[PodVolumeBackup],
        csi: &[Value],
    ) -> Self {
        let method = |entry: &VolumeInfo| {
            (entry.pv_name.clone(), entry.backup_method.map_or(Method::None, Method::from))
        };
        let files = |entry: &PodVolumeBackup| {
            let claim = entry.metadata.annotations.as_ref()?.get("velero.io/pvc-name")?;
            Some((entry.spec.pod.namespace.clone(), claim.clone()))
        };
        let claimed = |entry: &Value| {
            let claim = text(entry, &["spec", "source", "persistentVolumeClaimName"]);
            (!claim.is_empty())
                .then(|| (text(entry, &["metadata", "namespace"]).to_owned(), claim.to_owned()))
        };
        Self {
            methods: info.iter().filter(|entry| !entry.pv_name.is_empty()).map(method).collect(),
            native: native.iter().map(|entry| entry.spec.persistent_volume_name.clone()).collect(),
            files: pod_volumes.iter().filter_map(files).collect(),
            csi: csi.iter().filter_map(claimed).collect(),
        }
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

impl From<BackupMethod> for Method {
    fn from(method: BackupMethod) -> Self {
        match method {
            BackupMethod::NativeSnapshot => Self::Native,
            BackupMethod::PodVolumeBackup => Self::PodVolume,
            BackupMethod::CsiSnapshot => Self::Csi,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn volumes_of_backups_without_volume_info_are_known_by_the_older_lists() {
        let native = from_value(json!({"spec": {"persistentVolumeName": "pv-native"}})).unwrap();
        let files = |claim: Value| {
            let metadata = json!({"name": "b-x", "annotations": claim});
            from_value(json!({"metadata": metadata, "spec": {"pod": {"namespace": "shop", "name": "web"}}}))
                .unwrap()
        };
        let files = [files(json!({"velero.io/pvc-name": "files"})), files(json!({}))];
        let snapshot = json!({"metadata": {"namespace": "shop"}, "spec": {"source": {"persistentVolumeClaimName": "csi"}}});
        let content = json!({"metadata": {"namespace": "shop"}, "spec": {"source": {"volumeSnapshotContentName": "x"}}});
        let volumes = Volumes::read(&[], &[native], &files, &[snapshot, content]);
        for (volume, claim, method) in [
            ("pv-native", None, Method::Native),
            ("pv-1", Some(("shop", "files")), Method::PodVolume),
            ("pv-1", Some(("till", "files")), Method::None),
            ("pv-1", Some(("shop", "csi")), Method::Csi),
            ("pv-1", Some(("shop", "other")), Method::None),
            ("pv-1", None, Method::None),
        ] {
            assert_eq!(volumes.method(volume, claim), method, "{volume} {claim:?}");
        }
    }

    #[test]
    fn volume_info_goes_before_the_older_lists() {
        let native = from_value(json!({"spec": {"persistentVolumeName": "pv-1"}})).unwrap();
        let info = |method: Option<BackupMethod>| VolumeInfo {
            pv_name: "pv-1".into(),
            backup_method: method,
            ..VolumeInfo::default()
        };
        let nameless = VolumeInfo { backup_method: Some(BackupMethod::CsiSnapshot), ..VolumeInfo::default() };
        let volumes = Volumes::read(&[info(None), nameless], &[native], &[], &[]);
        assert_eq!(volumes.method("pv-1", None), Method::None);
        assert_eq!(volumes.method("", None), Method::None);
    }
}
