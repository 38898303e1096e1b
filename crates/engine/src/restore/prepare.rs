//! Reading a Restore: what is wrong with it, which backup it means, what it leaves to the server.

use api::refs::TypedLocalObjectReference;
use api::velero::v1::{Backup, BackupPhase, BackupStorageLocation, LocationPhase, Restore, RestorePhase};
use api::velero::v1::{RestoreSpec, RestoreStatus};
use api::{GoDuration, Kind, labels};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::scope::NOT_RESTORABLE;
use crate::catalog::Catalog;
use crate::filter::{Selector, set};
use crate::preview::is_dry_run;

/// What is so when a Restore is read.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The Backups of the server's namespace.
    pub backups: &'a [Backup],
    /// The locations of the server's namespace.
    pub locations: &'a [BackupStorageLocation],
    /// The types of the cluster.
    pub catalog: &'a Catalog,
    /// What is wrong with the ConfigMaps that change objects and that choose them: see [`super::adjustments`] and
    /// [`crate::policy`].
    pub config_maps: &'a [String],
    /// Now.
    pub now: Timestamp,
}

/// What the server does where a Restore does not say.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    /// How long to wait for work in the background.
    pub item_operation_timeout: GoDuration,
}

/// A Restore that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// Its spec, completed.
    pub spec: RestoreSpec,
    /// Its status: in progress, or refused.
    pub status: RestoreStatus,
    /// What is wrong with it.
    pub validation_errors: Vec<String>,
}

/// Reads a Restore. What is returned is to be written back before anything else happens.
pub fn prepare(restore: &Restore, observed: &Observed<'_>, defaults: &Defaults) -> Prepared {
    let mut spec = restore.spec.clone();
    let mut errors = types(&mut spec, observed.catalog);
    errors.extend(filters(&spec));
    errors.extend(settings(&spec));
    errors.extend_from_slice(observed.config_maps);
    errors.extend(source(&mut spec, observed, is_forced(restore)).err());
    if spec.item_operation_timeout.is_zero() {
        spec.item_operation_timeout = defaults.item_operation_timeout;
    }
    let mut status = restore.status.clone();
    status.validation_errors.clone_from(&errors);
    if errors.is_empty() {
        status.phase = RestorePhase::InProgress;
        status.start_timestamp = Some(Time(observed.now));
    } else {
        status.phase = RestorePhase::FailedValidation;
    }
    Prepared { spec, status, validation_errors: errors }
}

/// Leaves out the types that are never restored; refuses those of them that were asked for.
fn types(spec: &mut RestoreSpec, catalog: &Catalog) -> Vec<String> {
    let canonical = |entry: &String| super::scope::canonical(entry, catalog);
    let asked: Vec<String> = spec.included_resources.iter().map(canonical).collect();
    let excluded: Vec<String> = spec.excluded_resources.iter().map(canonical).collect();
    let mut errors = Vec::new();
    for resource in NOT_RESTORABLE {
        if asked.iter().any(|entry| entry == resource) {
            errors.push(format!("{resource} cannot be restored"));
        }
        if !excluded.iter().any(|entry| entry == resource) {
            spec.excluded_resources.push((*resource).to_owned());
        }
    }
    errors
}

fn filters(spec: &RestoreSpec) -> Vec<String> {
    // What cannot be restored is reported by itself.
    let restorable = |entry: &&String| !NOT_RESTORABLE.contains(&entry.as_str());
    let included: Vec<&String> = spec.included_resources.iter().filter(restorable).collect();
    let excluded: Vec<&String> = spec.excluded_resources.iter().collect();
    let resources = set::check_lists(&included, &excluded).into_iter();
    let namespaces = set::check_lists(&spec.included_namespaces, &spec.excluded_namespaces).into_iter();
    let mut errors: Vec<String> = resources.map(|text| format!("invalid resource filters: {text}")).collect();
    errors.extend(namespaces.map(|text| format!("invalid namespace filters: {text}")));
    if spec.label_selector.is_some() && !spec.or_label_selectors.is_empty() {
        errors.push("labelSelector and orLabelSelectors cannot be used together".to_owned());
    }
    let selectors = spec.label_selector.iter().chain(&spec.or_label_selectors);
    errors.extend(selectors.filter_map(|selector| Some(Selector::of(selector).err()?.to_string())));
    errors
}

fn settings(spec: &RestoreSpec) -> Vec<String> {
    let mut errors = Vec::new();
    if !matches!(spec.existing_resource_policy.as_str(), "" | "none" | "update" | "recreate") {
        let policy = &spec.existing_resource_policy;
        errors.push(format!("existingResourcePolicy {policy:?} is none of none, update and recreate"));
    }
    for (source, target) in &spec.namespace_mapping {
        if !set::dns_label(target) {
            errors.push(format!(
                "namespaceMapping sends {source:?} to {target:?}, which cannot name a namespace"
            ));
        }
    }
    // Restoring without them would bring back something else than what was asked for.
    if let Some(TypedLocalObjectReference { kind, name, .. }) = &spec.resource_modifier
        && !kind.eq_ignore_ascii_case("configmap")
    {
        errors
            .push(format!("resourceModifier {name:?} is of the kind {kind:?}: only a ConfigMap can be used"));
    }
    if let Some(reference) = &spec.resource_policy
        && !reference.kind.eq_ignore_ascii_case("configmap")
    {
        let TypedLocalObjectReference { kind, name, .. } = reference;
        errors.push(format!("resourcePolicy {name:?} is of the kind {kind:?}: only a ConfigMap can be used"));
    }
    errors.extend(init_hooks(spec));
    errors.extend(crate::hooks::check_restore(&spec.hooks));
    errors
}

/// Init containers of hooks need a name, an image and a command.
fn init_hooks(spec: &RestoreSpec) -> Vec<String> {
    let mut errors = Vec::new();
    for resource in &spec.hooks.resources {
        let containers = resource.post_hooks.iter().filter_map(|hook| hook.init.as_ref());
        for container in containers.flat_map(|init| &init.init_containers) {
            let lacking = ["name", "image", "command"].into_iter().find(|field| match &container[*field] {
                serde_json::Value::String(text) => text.is_empty(),
                serde_json::Value::Array(list) => list.is_empty(),
                _ => true,
            });
            if let Some(field) = lacking {
                errors.push(format!("hook {:?} has an init container without {field}", resource.name));
            }
        }
    }
    errors
}

/// Whether the Restore takes a backup that did not end well.
fn is_forced(restore: &Restore) -> bool {
    annotated(restore, labels::FORCE)
}

/// Whether an annotation of the Restore says `true`.
pub(super) fn annotated(restore: &Restore, key: &str) -> bool {
    let annotations = restore.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(key)).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

/// Finds the backup, names it and its schedule in the spec, and sees that it can be read.
fn source(spec: &mut RestoreSpec, observed: &Observed<'_>, forced: bool) -> Result<(), String> {
    let backup = match (spec.backup_name.as_str(), spec.schedule_name.as_str()) {
        ("", "") => return Err("either backupName or scheduleName must be given".to_owned()),
        ("", schedule) => newest(schedule, observed.backups)?,
        (name, "") => {
            let found = observed.backups.iter().find(|backup| backup.name() == name);
            found.ok_or_else(|| format!("backup {name:?} does not exist"))?
        }
        _ => return Err("backupName and scheduleName cannot be given together".to_owned()),
    };
    if is_dry_run(backup.metadata.annotations.as_ref()) {
        return Err(format!("backup {:?} is a dry run: it holds nothing", backup.name()));
    }
    backup.name().clone_into(&mut spec.backup_name);
    schedule_of(backup).clone_into(&mut spec.schedule_name);
    let ended_well = matches!(backup.status.phase, BackupPhase::Completed | BackupPhase::PartiallyFailed);
    if !ended_well && !forced {
        let (name, phase) = (backup.name(), backup.status.phase);
        return Err(format!(
            "backup {name:?} cannot be restored: its phase is {phase}; the annotation {}: \"true\" tries it all the same",
            labels::FORCE
        ));
    }
    location(&backup.spec.storage_location, observed.locations)
}

/// The newest completed backup of a schedule.
fn newest<'a>(schedule: &str, backups: &'a [Backup]) -> Result<&'a Backup, String> {
    let completed = backups.iter().filter(|backup| {
        backup.status.phase == BackupPhase::Completed
            && schedule_of(backup) == schedule
            && !schedule.is_empty()
            && !is_dry_run(backup.metadata.annotations.as_ref())
    });
    let started = |backup: &&Backup| backup.status.start_timestamp.as_ref().map(|time| time.0);
    completed.max_by_key(started).ok_or_else(|| format!("schedule {schedule:?} has no completed backup"))
}

fn schedule_of(backup: &Backup) -> &str {
    let labels = backup.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(labels::SCHEDULE_NAME)).map_or("", String::as_str)
}

fn location(name: &str, locations: &[BackupStorageLocation]) -> Result<(), String> {
    let found = locations.iter().find(|location| location.name() == name);
    match found.map(|location| location.status.phase) {
        None => Err(format!("the backup's location {name:?} does not exist")),
        Some(Some(LocationPhase::Available)) => Ok(()),
        Some(_) => Err(format!("the backup's location {name:?} is not available")),
    }
}
