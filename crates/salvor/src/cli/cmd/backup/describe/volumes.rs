//! What became of the data of volumes, as `backup describe` shows it: native snapshots, CSI snapshots and the data moved
//! out of them, and file system backups. The sheet and the JSON come out of the same facts, in Velero's words.

use std::collections::BTreeMap;

use api::velero::data_move::{DataMovePhase, UploaderType};
use api::velero::v1::PodVolumeBackup;
use engine::files::{
    BackupMethod, NativeSnapshot, NativeSnapshotInfo, PodVolumeInfo, SnapshotPhase, VolumeInfo, VolumeResult,
};
use serde_json::{Map, Value, json};

use crate::cli::sheet::Sheet;

const NONE: &str = "<none included>";
const MORE: &str = "specify --details for more information";
/// The groups of file system backups, in the order that they are shown in.
const GROUPS: [(DataMovePhase, &str); 9] = [
    (DataMovePhase::Completed, "Completed"),
    (DataMovePhase::Failed, "Failed"),
    (DataMovePhase::Canceled, "Canceled"),
    (DataMovePhase::InProgress, "In Progress"),
    (DataMovePhase::Canceling, "Canceling"),
    (DataMovePhase::Prepared, "Prepared"),
    (DataMovePhase::Accepted, "Accepted"),
    (DataMovePhase::New, "New"),
    (DataMovePhase::Unknown, "Unknown"),
];

/// What is known of the data of a backup's volumes.
#[derive(Debug)]
pub(super) struct Volumes {
    infos: Vec<VolumeInfo>,
    pods: Vec<PodVolume>,
    /// Whether CSI snapshots could be told: only the backup's own file tells them.
    detectable: bool,
}

/// A fact of a snapshot: its label on the sheet, its key in JSON, its value.
type Fact = (&'static str, &'static str, Value);

/// A part of a CSI snapshot, with its label and key as those of a fact.
type Part = (&'static str, &'static str, Vec<Fact>);

impl Volumes {
    /// What a backup's own file tells. File system backups are shown as their resources stand, where there are any.
    pub(super) fn recorded(infos: Vec<VolumeInfo>, resources: &[PodVolumeBackup]) -> Self {
        let mut pods: Vec<_> = resources.iter().map(PodVolume::of_resource).collect();
        if pods.is_empty() {
            pods = infos.iter().filter_map(|info| info.pvb_info.as_ref()).map(PodVolume::of_info).collect();
        }
        Self { infos, pods, detectable: true }
    }

    /// What is known without that file: the backup goes on, has failed, or is of a Velero before 1.13.
    pub(super) fn unrecorded(snapshots: Vec<NativeSnapshot>, resources: &[PodVolumeBackup]) -> Self {
        let infos = snapshots.into_iter().map(info_of_snapshot).collect();
        let pods = resources.iter().map(PodVolume::of_resource).collect();
        Self { infos, pods, detectable: false }
    }

    /// Adds the sections to a sheet.
    pub(super) fn describe(&self, sheet: &mut Sheet, details: bool) {
        self.natives_on(sheet, details);
        sheet.blank();
        self.csi_on(sheet, details);
        sheet.blank();
        self.pods_on(sheet, details);
        let skipped = self.skipped();
        if details && !skipped.is_empty() {
            sheet.blank().line("\tSkipped:");
            for (volume, reason) in skipped {
                sheet.pair(2, &volume, reason);
            }
        }
    }

    /// The same as JSON.
    pub(super) fn to_json(&self, details: bool) -> Value {
        let mut all = json!({
            "nativeSnapshots": self.natives_in_json(details),
            "csiSnapshots": self.csi_in_json(details),
            "podVolumeBackups": self.pods_in_json(details),
        });
        let skipped = self.skipped();
        if details && !skipped.is_empty() {
            all["skipped"] = json!(skipped);
        }
        all
    }

    fn by(&self, method: BackupMethod) -> impl Iterator<Item = &VolumeInfo> {
        self.infos.iter().filter(move |info| info.backup_method == Some(method))
    }

    fn natives_on(&self, sheet: &mut Sheet, details: bool) {
        let mut infos = self.by(BackupMethod::NativeSnapshot).peekable();
        if infos.peek().is_none() {
            sheet.line(format!("\tVelero-Native Snapshots: {NONE}"));
            return;
        }
        sheet.line("\tVelero-Native Snapshots:");
        for info in infos {
            if !details {
                sheet.line(format!("\t\t{}: {MORE}", info.pv_name));
                continue;
            }
            sheet.line(format!("\t\t{}:", info.pv_name));
            for (label, _, value) in native_facts(info) {
                sheet.pair(3, label, plain(&value));
            }
        }
    }

    fn natives_in_json(&self, details: bool) -> Value {
        let shown = |info| if details { object(native_facts(info)) } else { json!(MORE) };
        let natives = self.by(BackupMethod::NativeSnapshot);
        object_or(natives.map(|info| (info.pv_name.clone(), shown(info))), NONE)
    }

    fn csi_on(&self, sheet: &mut Sheet, details: bool) {
        let mut infos = self.by(BackupMethod::CsiSnapshot).peekable();
        if infos.peek().is_none() {
            sheet.line(format!("\tCSI Snapshots: {}", self.no_csi()));
            return;
        }
        sheet.line("\tCSI Snapshots:");
        for info in infos {
            sheet.line(format!("\t\t{}:", claim(info)));
            for (label, _, facts) in csi_parts(info) {
                if !details {
                    sheet.line(format!("\t\t\t{label}: included, {MORE}"));
                    continue;
                }
                sheet.line(format!("\t\t\t{label}:"));
                for (label, _, value) in facts {
                    sheet.line(format!("\t\t\t\t{label}: {}", plain(&value)));
                }
            }
        }
    }

    fn csi_in_json(&self, details: bool) -> Value {
        let included = format!("included, {MORE}");
        let shown =
            |(_, key, facts): Part| (key.to_owned(), if details { object(facts) } else { json!(included) });
        let parts = |info| Value::Object(csi_parts(info).into_iter().map(shown).collect());
        let snapshots = self.by(BackupMethod::CsiSnapshot);
        object_or(snapshots.map(|info| (claim(info), parts(info))), self.no_csi())
    }

    fn no_csi(&self) -> &'static str {
        if self.detectable { NONE } else { "<none included or not detectable>" }
    }

    fn pods_on(&self, sheet: &mut Sheet, details: bool) {
        let Some(first) = self.pods.first() else {
            sheet.line(format!("\tPod Volume Backups: {NONE}"));
            return;
        };
        let hint = if details { String::new() } else { format!(" ({MORE})") };
        sheet.line(format!("\tPod Volume Backups - {}{hint}:", first.uploader));
        for (group, volumes) in self.groups() {
            if !details {
                sheet.pair(2, group, volumes.len());
                continue;
            }
            sheet.line(format!("\t\t{group}:"));
            for (pod, volumes) in by_pod(&volumes) {
                sheet.line(format!("\t\t\t{pod}: {}", volumes.join(", ")));
            }
        }
    }

    /// Velero misspells the key of the uploader; scripts read it so.
    fn pods_in_json(&self, details: bool) -> Value {
        let Some(first) = self.pods.first() else { return json!(NONE) };
        let shown = |volumes: Vec<&PodVolume>| match details {
            false => json!(volumes.len()),
            true => by_pod(&volumes).iter().map(|(pod, of_pod)| json!({*pod: of_pod.join(", ")})).collect(),
        };
        let groups: Map<_, _> =
            self.groups().map(|(group, volumes)| (group.to_owned(), shown(volumes))).collect();
        json!({"uploderType": first.uploader, "podVolumeBackupsDetails": groups})
    }

    /// The groups of file system backups that have any.
    fn groups(&self) -> impl Iterator<Item = (&'static str, Vec<&PodVolume>)> {
        let of_phase = |phase| self.pods.iter().filter(move |volume| volume.phase == phase).collect();
        let groups = GROUPS.into_iter().map(move |(phase, group)| (group, of_phase(phase)));
        groups.filter(|(_, volumes): &(_, Vec<_>)| !volumes.is_empty())
    }

    /// The volumes without data in the backup, with the reason: Velero does not show them.
    fn skipped(&self) -> BTreeMap<String, &str> {
        let skipped = self.infos.iter().filter(|info| info.skipped);
        skipped.map(|info| (claim(info), info.skipped_reason.as_str())).collect()
    }
}

/// A file system backup of one volume.
#[derive(Debug)]
struct PodVolume {
    pod: String,
    volume: String,
    uploader: String,
    phase: DataMovePhase,
    bytes_done: i64,
    bytes: i64,
    bytes_new: i64,
}

impl PodVolume {
    fn of_resource(resource: &PodVolumeBackup) -> Self {
        let (spec, status) = (&resource.spec, &resource.status);
        let uploader = match spec.uploader_type {
            UploaderType::Unspecified => UploaderType::Restic,
            said => said,
        };
        Self {
            pod: format!("{}/{}", spec.pod.namespace, spec.pod.name),
            volume: spec.volume.clone(),
            uploader: uploader.to_string(),
            phase: status.phase,
            bytes_done: status.progress.bytes_done,
            bytes: status.progress.total_bytes,
            bytes_new: status.incremental_bytes,
        }
    }

    fn of_info(info: &PodVolumeInfo) -> Self {
        let bytes = info.size.unwrap_or_default();
        Self {
            pod: format!("{}/{}", info.pod_namespace, info.pod_name),
            volume: info.volume_name.clone(),
            uploader: info.uploader_type.clone(),
            phase: info.phase.parse().unwrap_or(DataMovePhase::Unknown),
            bytes_done: bytes,
            bytes,
            bytes_new: info.incremental_size.unwrap_or_default(),
        }
    }

    /// Its name, and how large it is or how far.
    fn text(&self) -> String {
        let name = &self.volume;
        match self.phase {
            DataMovePhase::Completed if self.bytes_new > 0 => {
                format!("{name} (size: {}, incremental size: {})", self.bytes, self.bytes_new)
            }
            DataMovePhase::Completed if self.bytes > 0 => format!("{name} (size: {})", self.bytes),
            DataMovePhase::InProgress if self.bytes > 0 => {
                // Hundredths of a per cent, in integers: bytes do not fit a float's mantissa.
                let done = i128::from(self.bytes_done) * 10_000 / i128::from(self.bytes);
                format!("{name} ({}.{:02}%)", done / 100, done % 100)
            }
            _ => name.clone(),
        }
    }
}

/// The volumes of each pod, in the order of their names.
fn by_pod<'a>(volumes: &[&'a PodVolume]) -> BTreeMap<&'a str, Vec<String>> {
    let mut pods: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for volume in volumes {
        pods.entry(&volume.pod).or_default().push(volume.text());
    }
    pods.values_mut().for_each(|of_pod| of_pod.sort_unstable());
    pods
}

/// What the file of an older Velero says of a native snapshot.
fn info_of_snapshot(snapshot: NativeSnapshot) -> VolumeInfo {
    let (spec, status) = (snapshot.spec, snapshot.status);
    VolumeInfo {
        pv_name: spec.persistent_volume_name,
        backup_method: Some(BackupMethod::NativeSnapshot),
        result: match status.phase {
            Some(SnapshotPhase::Completed) => Some(VolumeResult::Succeeded),
            Some(SnapshotPhase::Failed) => Some(VolumeResult::Failed),
            Some(SnapshotPhase::New) | None => None,
        },
        native_snapshot_info: Some(NativeSnapshotInfo {
            snapshot_handle: status.provider_snapshot_id,
            volume_type: spec.volume_type,
            volume_az: spec.volume_az,
            iops: spec.volume_iops.map(|iops| iops.to_string()).unwrap_or_default(),
            ..NativeSnapshotInfo::default()
        }),
        ..VolumeInfo::default()
    }
}

fn claim(info: &VolumeInfo) -> String {
    format!("{}/{}", info.pvc_namespace, info.pvc_name)
}

fn native_facts(info: &VolumeInfo) -> Vec<Fact> {
    let native = info.native_snapshot_info.clone().unwrap_or_default();
    vec![
        ("Snapshot ID", "snapshotID", json!(native.snapshot_handle)),
        ("Type", "type", json!(native.volume_type)),
        ("Availability Zone", "availabilityZone", json!(native.volume_az)),
        ("IOPS", "IOPS", json!(native.iops)),
        ("Result", "result", json!(result(info))),
    ]
}

/// The snapshot that stays in the cluster, and the data that was moved out of one: what there is of the two.
fn csi_parts(info: &VolumeInfo) -> Vec<Part> {
    let snapshot = || ("Snapshot", "snapshot", snapshot_facts(info));
    let moved = || ("Data Movement", "dataMovement", movement_facts(info));
    let parts = [info.preserve_local_snapshot.then(snapshot), info.snapshot_data_moved.then(moved)];
    parts.into_iter().flatten().collect()
}

fn snapshot_facts(info: &VolumeInfo) -> Vec<Fact> {
    let snapshot = info.csi_snapshot_info.clone().unwrap_or_default();
    let mut facts = Vec::new();
    if !info.snapshot_data_moved && !snapshot.operation_id.is_empty() {
        facts.push(("Operation ID", "operationID", json!(snapshot.operation_id)));
    }
    facts.extend([
        ("Snapshot Content Name", "snapshotContentName", json!(snapshot.vsc_name)),
        ("Storage Snapshot ID", "storageSnapshotID", json!(snapshot.snapshot_handle)),
        ("Snapshot Size (bytes)", "snapshotSize(bytes)", json!(snapshot.size)),
        ("CSI Driver", "csiDriver", json!(snapshot.driver)),
        ("Result", "result", json!(result(info))),
    ]);
    facts
}

fn movement_facts(info: &VolumeInfo) -> Vec<Fact> {
    let moved = info.snapshot_data_movement_info.clone().unwrap_or_default();
    let mover = if moved.data_mover.is_empty() { "velero" } else { &moved.data_mover };
    let mut facts = vec![
        ("Operation ID", "operationID", json!(moved.operation_id)),
        ("Data Mover", "dataMover", json!(mover)),
        ("Uploader Type", "uploaderType", json!(moved.uploader_type)),
        ("Moved data Size (bytes)", "size", json!(moved.size)),
    ];
    if let Some(size) = moved.incremental_size.filter(|size| *size > 0) {
        facts.push(("Incremental data Size (bytes)", "incrementalSize", json!(size)));
    }
    facts.push(("Result", "result", json!(result(info))));
    facts
}

fn result(info: &VolumeInfo) -> &'static str {
    match info.result {
        Some(VolumeResult::Succeeded) => "succeeded",
        Some(VolumeResult::Failed) => "failed",
        None => "",
    }
}

/// A value as the sheet shows it: texts without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn object(facts: Vec<Fact>) -> Value {
    Value::Object(facts.into_iter().map(|(_, key, value)| (key.to_owned(), value)).collect())
}

/// An object of these members, or a text where there is none.
fn object_or(members: impl Iterator<Item = (String, Value)>, none: &str) -> Value {
    let members: Map<_, _> = members.collect();
    if members.is_empty() { json!(none) } else { Value::Object(members) }
}

#[cfg(test)]
mod tests;
