//! From flags to what is to be installed.

use anyhow::Context;
use api::GoDuration;
use api::labels::FILESYSTEM_PROVIDER;
use base64::Engine;
use controllers::install::deployment::{INSTALL_CREDENTIALS, Labels, Platform, Pod, Workload};
use controllers::install::{Access, CloudCredentials, Location, Options, SnapshotLocation, Strings};
use serde_json::{Map, Value, json};

use super::Install;
use super::flags::{PodFlags, ServerFlags};
use crate::cli::values::Pairs;

/// The name of both default locations.
const DEFAULT: &str = "default";

/// What is to be installed; reads the files that flags name.
pub(super) fn options(
    install: &Install,
    namespace: &str,
    platform: Platform,
    features: &[String],
) -> anyhow::Result<Options> {
    let credentials = match &install.secret_file {
        None => None,
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("read --secret-file {}", file.display()))?;
            Some(CloudCredentials::new(text))
        }
    };
    let access = access(&install.pods);
    let workload = Workload {
        namespace: namespace.to_owned(),
        platform,
        image: install.image(),
        service_account: access.account().to_owned(),
        args: args(&install.server, features),
        labels: Labels {
            all: Strings::new(),
            pods: map(install.pods.pod_labels.as_ref()),
            annotations: map(install.pods.pod_annotations.as_ref()),
        },
        pod: pod(&install.pods),
        credentials: credentials.iter().map(|_| INSTALL_CREDENTIALS).collect(),
        volumes: install.location.volumes.clone(),
    };
    Ok(Options {
        location: location(install)?,
        snapshot_location: snapshot_location(install),
        workload,
        access,
        credentials,
    })
}

fn map(pairs: Option<&Pairs>) -> Strings {
    pairs.map(|pairs| pairs.0.clone()).unwrap_or_default()
}

fn access(flags: &PodFlags) -> Access {
    let annotations = map(flags.sa_annotations.as_ref());
    match (&flags.service_account_name, flags.cluster_admin) {
        (Some(name), _) => Access::Existing(name.clone()),
        (None, true) => Access::ClusterAdmin(annotations),
        (None, false) => Access::Generated(annotations),
    }
}

fn pod(flags: &PodFlags) -> Pod {
    let mut more = Map::new();
    if let Some(class) = &flags.server_priority_class_name {
        more.insert("priorityClassName".to_owned(), json!(class));
    }
    let amounts = |cpu: &String, memory: &String| -> Strings {
        let both = [("cpu", cpu), ("memory", memory)];
        let given = both.into_iter().filter(|(_, amount)| !amount.is_empty() && *amount != "0");
        given.map(|(name, amount)| (name.to_owned(), amount.clone())).collect()
    };
    let parts = [
        ("requests", amounts(&flags.velero_pod_cpu_request, &flags.velero_pod_mem_request)),
        ("limits", amounts(&flags.velero_pod_cpu_limit, &flags.velero_pod_mem_limit)),
    ];
    let parts = parts.into_iter().filter(|(_, amounts)| !amounts.is_empty());
    let resources: Map<String, Value> =
        parts.map(|(part, amounts)| (part.to_owned(), json!(amounts))).collect();
    Pod { resources: Value::Object(resources), more, ..Pod::default() }
}

/// The server's arguments: those that differ from what it does anyway, and the uploader, as Velero has it.
fn args(flags: &ServerFlags, features: &[String]) -> Vec<String> {
    let features = features.join(",");
    let when = |set: bool, argument: &str| set.then(|| format!("--{argument}=true"));
    let time = |name: &str, duration: Option<GoDuration>| {
        duration
            .filter(|duration| *duration > GoDuration::ZERO)
            .map(|duration| format!("--{name}={duration}"))
    };
    let text = |name: &str, text: Option<&String>| text.map(|text| format!("--{name}={text}"));
    let count = |name: &str, count: u32| (count > 0).then(|| format!("--{name}={count}"));
    [
        (!features.is_empty()).then(|| format!("--features={features}")),
        when(flags.default_volumes_to_fs_backup, "default-volumes-to-fs-backup"),
        when(flags.default_snapshot_move_data, "default-snapshot-move-data"),
        when(flags.disable_informer_cache, "disable-informer-cache"),
        when(flags.schedule_skip_immediately, "schedule-skip-immediately"),
        Some("--uploader-type=kopia".to_owned()),
        flags.restore_only.then(|| "--restore-only".to_owned()),
        time("default-repo-maintain-frequency", flags.default_repo_maintain_frequency),
        time("garbage-collection-frequency", flags.garbage_collection_frequency),
        time("fs-backup-timeout", flags.pod_volume_operation_timeout),
        text("backup-repository-configmap", flags.backup_repository_configmap.as_ref()),
        text("repo-maintenance-job-configmap", flags.repo_maintenance_job_configmap.as_ref()),
        text("default-resource-modifier-configmap", flags.default_resource_modifier_configmap.as_ref()),
        count("item-block-worker-count", flags.item_block_worker_count),
        count("concurrent-backups", flags.concurrent_backups),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn location(install: &Install) -> anyhow::Result<Option<Location>> {
    if install.no_default_backup_location {
        return Ok(None);
    }
    let flags = &install.location;
    let mut config = map(flags.backup_location_config.as_ref());
    if let (FILESYSTEM_PROVIDER, [volume]) = (install.provider.as_str(), flags.volumes.as_slice()) {
        config.entry("path".to_owned()).or_insert_with(|| volume.path());
    }
    let ca_cert = match &flags.cacert {
        None => String::new(),
        Some(file) => {
            let bundle =
                std::fs::read(file).with_context(|| format!("failed to read --cacert {}", file.display()))?;
            base64::engine::general_purpose::STANDARD.encode(bundle)
        }
    };
    Ok(Some(Location {
        name: DEFAULT.to_owned(),
        provider: install.provider.clone(),
        bucket: flags.bucket.clone(),
        prefix: flags.prefix.clone(),
        ca_cert,
        config,
        default: true,
        ..Location::default()
    }))
}

/// The snapshot location; a filesystem takes no snapshots.
fn snapshot_location(install: &Install) -> Option<SnapshotLocation> {
    let flags = &install.location;
    (flags.use_volume_snapshots && install.provider != FILESYSTEM_PROVIDER).then(|| SnapshotLocation {
        name: DEFAULT.to_owned(),
        provider: install.provider.clone(),
        config: map(flags.snapshot_location_config.as_ref()),
        ..SnapshotLocation::default()
    })
}
