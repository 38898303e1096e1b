//! Rules about volumes: the first whose conditions all hold decides.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::{self, Csi, Document, Nfs};
use super::quantity::Quantity;
use crate::facts::{ClaimDetails, Facts, Labels, Origin, PodVolume, VolumeDetails};
use crate::filter::selector::Labelled;

/// The types of volumes that a condition may name. `awsAzureDisk` names none, and is taken since Velero takes it.
const TYPES: &[&str] = &[
    "awsAzureDisk",
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "image",
    "iscsi",
    "local",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "projected",
    "quobyte",
    "rbd",
    "scaleIO",
    "secret",
    "storageOS",
    "vsphereVolume",
];
/// The movers that a policy may name; the first two are the built-in one.
const MOVERS: &[&str] = &["", "velero", "velero-fs", "velero-block"];

/// Rules about volumes, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VolumePolicies(Vec<VolumePolicy>);

#[derive(Debug, Clone, PartialEq)]
struct VolumePolicy {
    /// What messages call it.
    name: String,
    conditions: Conditions,
    action: Action,
}

/// What a rule does with a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Nothing of its data is in the backup.
    Skip,
    /// It is backed up through the file system of a pod.
    FsBackup,
    /// It is backed up by a snapshot.
    Snapshot(SnapshotParameters),
    /// A plug-in takes care of it.
    Custom,
}

/// What a rule says about a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SnapshotParameters {
    /// Who moves its data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_mover: Option<String>,
    /// The VolumeSnapshotClass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_class: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Conditions {
    /// Without bounds, both sides are open.
    capacity: (Option<Quantity>, Option<Quantity>),
    storage_class: Vec<String>,
    nfs: Option<Nfs>,
    csi: Option<Csi>,
    volume_types: Vec<String>,
    pvc_labels: BTreeMap<String, String>,
    pvc_phase: Vec<String>,
    pvc_volume_mode: String,
    pvc_access_modes: BTreeSet<String>,
}

/// What rules are asked about: a persistent volume, a pod's own volume, or a claim that has no volume yet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Volume<'a> {
    capacity: &'a str,
    class: &'a str,
    source: &'a str,
    origin: Option<&'a Origin>,
    claim: Option<(&'a ClaimDetails, &'a Labels)>,
}

impl<'a> Volume<'a> {
    /// A persistent volume.
    pub fn persistent(volume: &'a VolumeDetails) -> Self {
        Self {
            capacity: &volume.capacity,
            class: &volume.class,
            source: &volume.source,
            origin: volume.origin.as_deref(),
            claim: None,
        }
    }

    /// A volume of a pod.
    pub fn of_pod(volume: &'a PodVolume) -> Self {
        Self { source: &volume.source, origin: volume.origin.as_deref(), ..Self::default() }
    }

    /// The same, as that of a claim.
    #[must_use]
    pub fn claimed(self, claim: &'a Facts, details: &'a ClaimDetails) -> Self {
        Self { claim: Some((details, &claim.labels)), ..self }
    }
}

impl VolumePolicies {
    /// The rules of a document; the name is that of its ConfigMap.
    pub(super) fn of(
        document: &Document,
        name: &str,
        errors: &mut Vec<String>,
        notes: &mut Vec<String>,
    ) -> Self {
        let mut policies = Vec::new();
        for (index, written) in document.volume_policies.iter().enumerate() {
            let at = format!("volumePolicies[{index}]");
            let conditions =
                Conditions::of(&written.conditions).map_err(|error| format!("{at}.conditions.{error}"));
            let action = Action::of(&written.action).map_err(|error| format!("{at}.action.{error}"));
            notes.extend(unread(&written.action).into_iter().map(|key| {
                format!("resource policy {name}: {at}.action.parameters.{key} means nothing to this action")
            }));
            match (conditions, action) {
                (Ok(conditions), Ok(action)) => policies.push(VolumePolicy {
                    name: format!("volume policy {} of {name}", index + 1),
                    conditions,
                    action,
                }),
                (conditions, action) => errors.extend([conditions.err(), action.err()].into_iter().flatten()),
            }
        }
        Self(policies)
    }

    /// Adds rules that are asked after these.
    pub(super) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// The first rule that a volume falls under: what it does, and what it is called.
    pub fn decide(&self, volume: &Volume<'_>) -> Option<(&Action, &str)> {
        let policy = self.0.iter().find(|policy| policy.conditions.hold(volume))?;
        Some((&policy.action, &policy.name))
    }
}

impl Action {
    /// Its name, as it is written.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::FsBackup => "fs-backup",
            Self::Snapshot(_) => "snapshot",
            Self::Custom => "custom",
        }
    }

    fn of(written: &document::Action) -> Result<Self, String> {
        let text = |key: &str| match written.parameters.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("parameters.{key}: it must be a text")),
        };
        match written.kind.as_str() {
            "skip" => Ok(Self::Skip),
            "fs-backup" => Ok(Self::FsBackup),
            "custom" => Ok(Self::Custom),
            "snapshot" => {
                let (data_mover, snapshot_class) = (text("dataMover")?, text("snapshotClass")?);
                match data_mover.as_deref() {
                    Some(mover) if !MOVERS.contains(&mover) => Err(format!(
                        "parameters.dataMover: {mover:?} is not known; velero, velero-fs and velero-block are"
                    )),
                    _ => Ok(Self::Snapshot(SnapshotParameters { data_mover, snapshot_class })),
                }
            }
            "" => Err("type: it is missing; skip, fs-backup, snapshot and custom are known".to_owned()),
            other => Err(format!("type: {other:?} is not known; skip, fs-backup, snapshot and custom are")),
        }
    }
}

/// Parameters that an action does not know. Those of `custom` are for its plug-in.
fn unread(action: &document::Action) -> Vec<&str> {
    let known: &[&str] = match action.kind.as_str() {
        "custom" => return Vec::new(),
        "snapshot" => &["dataMover", "snapshotClass"],
        _ => &[],
    };
    action.parameters.keys().map(String::as_str).filter(|key| !known.contains(key)).collect()
}

impl Conditions {
    fn of(written: &document::Conditions) -> Result<Self, String> {
        let unknown = written.volume_types.iter().find(|name| !TYPES.contains(&name.as_str()));
        if let Some(name) = unknown {
            return Err(unknown_type(name));
        }
        if written.csi.as_ref().is_some_and(|csi| csi.driver.is_empty() && !csi.volume_attributes.is_empty())
        {
            return Err("csi: volumeAttributes need a driver beside them".to_owned());
        }
        Ok(Self {
            capacity: capacity(&written.capacity)?,
            storage_class: written.storage_class.clone(),
            nfs: written.nfs.clone(),
            csi: written.csi.clone(),
            volume_types: written.volume_types.clone(),
            pvc_labels: written.pvc_labels.clone(),
            pvc_phase: written.pvc_phase.clone(),
            pvc_volume_mode: written.pvc_volume_mode.clone(),
            pvc_access_modes: written.pvc_access_modes.iter().cloned().collect(),
        })
    }

    fn hold(&self, volume: &Volume<'_>) -> bool {
        self.holds_capacity(volume)
            && one_of(&self.storage_class, volume.class)
            && one_of(&self.volume_types, type_name(volume.source))
            && self.nfs.as_ref().is_none_or(|nfs| nfs.holds(volume.origin))
            && self.csi.as_ref().is_none_or(|csi| csi.holds(volume.origin))
            && self.hold_of_claim(volume.claim)
    }

    /// A volume whose capacity nobody tells has none.
    fn holds_capacity(&self, volume: &Volume<'_>) -> bool {
        let capacity = Quantity::parse(volume.capacity).unwrap_or_default();
        self.capacity.0.is_none_or(|lower| lower <= capacity)
            && self.capacity.1.is_none_or(|upper| capacity <= upper)
    }

    fn hold_of_claim(&self, claim: Option<(&ClaimDetails, &Labels)>) -> bool {
        let Some((claim, labels)) = claim else {
            return self.pvc_labels.is_empty()
                && self.pvc_phase.is_empty()
                && self.pvc_volume_mode.is_empty()
                && self.pvc_access_modes.is_empty();
        };
        let modes = || {
            claim.access_modes.iter().map(String::as_str).eq(self.pvc_access_modes.iter().map(String::as_str))
        };
        self.pvc_labels.iter().all(|(key, value)| labels.label(key) == Some(value.as_str()))
            && one_of(&self.pvc_phase, &claim.phase)
            && (self.pvc_volume_mode.is_empty() || self.pvc_volume_mode == claim.volume_mode)
            && (self.pvc_access_modes.is_empty() || modes())
    }
}

/// An empty list asks for nothing; what is not there is on no list.
fn one_of(list: &[String], item: &str) -> bool {
    list.is_empty() || !item.is_empty() && list.iter().any(|of| of == item)
}

impl Nfs {
    fn holds(&self, origin: Option<&Origin>) -> bool {
        let Some(Origin::Nfs { server, path }) = origin else { return false };
        (self.server.is_empty() || self.server == *server) && (self.path.is_empty() || self.path == *path)
    }
}

impl Csi {
    fn holds(&self, origin: Option<&Origin>) -> bool {
        let Some(Origin::Csi { driver, attributes }) = origin else { return false };
        let attribute = |(key, value): (&String, &String)| attributes.label(key).unwrap_or_default() == value;
        self.driver.is_empty() || self.driver == *driver && self.volume_attributes.iter().all(attribute)
    }
}

/// The name that policies have for where a volume comes from.
fn type_name(source: &str) -> &str {
    if source == "storageos" { "storageOS" } else { source }
}

fn unknown_type(name: &str) -> String {
    let near = TYPES.iter().find(|of| of.eq_ignore_ascii_case(name));
    match near {
        Some(near) => format!("volumeTypes: {name:?} is not known; write {near}"),
        None => format!("volumeTypes: {name:?} is not known; {} are", TYPES[1..].join(", ")),
    }
}

/// Reads `lower,upper`. A side that is empty or zero is open.
fn capacity(text: &str) -> Result<(Option<Quantity>, Option<Quantity>), String> {
    if text.is_empty() {
        return Ok((None, None));
    }
    let wrong = |what: String| format!("capacity: {what}");
    let Some((lower, upper)) = text.split_once(',') else {
        return Err(wrong(format!("{text:?} has no comma; write lower,upper such as \"10Gi,100Gi\"")));
    };
    let bound = |side: &str| match side.trim() {
        "" => Ok(None),
        side => match Quantity::parse(side) {
            Some(bound) => Ok(Some(bound).filter(|bound| !bound.is_zero())),
            None => Err(wrong(format!("{side:?} is no quantity, such as 10Gi"))),
        },
    };
    match (bound(lower)?, bound(upper)?) {
        (Some(lower), Some(upper)) if upper < lower => {
            Err(wrong(format!("{text:?} is empty: its upper bound is below its lower one")))
        }
        bounds => Ok(bounds),
    }
}
