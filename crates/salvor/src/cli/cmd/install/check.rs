//! What flags may not be used together, and which have no effect.

use anyhow::{Context, bail, ensure};
use api::GoDuration;
use api::labels::FILESYSTEM_PROVIDER;
use cluster::{Cluster, ObjectRef};
use serde_json::Value;

use super::Install;

/// The providers that are built in.
const PROVIDERS: [&str; 7] =
    ["aws", "azure", "gcp", "velero.io/aws", "velero.io/azure", "velero.io/gcp", FILESYSTEM_PROVIDER];
/// Parts of the names of plugin images that are built in.
const BUILT_IN: [&str; 6] = [
    "plugin-for-aws",
    "plugin-for-microsoft-azure",
    "plugin-for-gcp",
    "plugin-for-csi",
    "openshift-velero-plugin",
    "plugin-for-legacy-aws",
];

/// Refuses flags that contradict each other; says which have no effect.
pub(super) fn check(install: &Install) -> anyhow::Result<Vec<String>> {
    if install.operator {
        return operator(install);
    }
    if !install.crds_only {
        locations(install)?;
        secret(install)?;
        let asks = install.server.default_volumes_to_fs_backup && !install.node_agent.use_node_agent;
        ensure!(!asks, "--use-node-agent is required when using --default-volumes-to-fs-backup");
        for duration in
            [install.server.default_repo_maintain_frequency, install.server.garbage_collection_frequency]
        {
            ensure!(
                duration.is_none_or(|duration| duration >= GoDuration::ZERO),
                "durations must be non-negative"
            );
        }
    }
    Ok(notes(install))
}

/// An operator is told by a DataProtectionApplication, not by flags.
fn operator(install: &Install) -> anyhow::Result<Vec<String>> {
    let told = !install.provider.is_empty()
        || !install.location.bucket.is_empty()
        || install.secret_file.is_some()
        || !install.location.volumes.is_empty();
    ensure!(
        !told,
        "--operator takes no --provider, --bucket, --secret-file or --location-volume: \
         a DataProtectionApplication says where backups go"
    );
    Ok(Vec::new())
}

fn locations(install: &Install) -> anyhow::Result<()> {
    let flags = &install.location;
    let config = flags.backup_location_config.is_some();
    if install.no_default_backup_location {
        ensure!(flags.bucket.is_empty(), both("--bucket"));
        ensure!(flags.prefix.is_empty(), both("--prefix"));
        ensure!(!config, both("--backup-location-config"));
        if !flags.use_volume_snapshots {
            ensure!(
                install.provider.is_empty(),
                "--provider must be empty when using --no-default-backup-location and --use-volume-snapshots=false"
            );
        }
    } else {
        ensure!(!install.provider.is_empty(), "--provider is required");
        ensure!(!flags.bucket.is_empty(), "--bucket is required");
        ensure!(
            !flags.bucket.starts_with('-'),
            "Bucket names cannot begin with a dash. Bucket name was: {}",
            flags.bucket
        );
    }
    match flags.use_volume_snapshots {
        true => ensure!(
            !install.provider.is_empty(),
            "--provider is required when --use-volume-snapshots is set to true"
        ),
        false => ensure!(
            flags.snapshot_location_config.is_none(),
            "--snapshot-location-config must be empty when --use-volume-snapshots=false"
        ),
    }
    provider(install)
}

fn both(flag: &str) -> String {
    format!("Cannot use both {flag} and --no-default-backup-location at the same time")
}

fn provider(install: &Install) -> anyhow::Result<()> {
    let provider = install.provider.as_str();
    if !provider.is_empty() && !PROVIDERS.contains(&provider) {
        bail!(
            "--provider {provider:?} is not built in, and plugins in images are not hosted yet; it is one of {}",
            PROVIDERS.join(", ")
        );
    }
    let filesystem = provider == FILESYSTEM_PROVIDER && !install.no_default_backup_location;
    ensure!(
        !filesystem || !install.location.volumes.is_empty(),
        "--location-volume is required with --provider {FILESYSTEM_PROVIDER}"
    );
    Ok(())
}

fn secret(install: &Install) -> anyhow::Result<()> {
    if install.provider == FILESYSTEM_PROVIDER {
        return Ok(());
    }
    match (&install.secret_file, install.no_secret) {
        (None, false) => bail!("One of --secret-file or --no-secret is required"),
        (Some(_), true) => bail!("Cannot use both --secret-file and --no-secret"),
        _ => Ok(()),
    }
}

/// One line for each flag that has no effect.
fn notes(install: &Install) -> Vec<String> {
    let agent = &install.node_agent;
    let not_yet = [
        ("--use-node-agent", agent.use_node_agent),
        ("--use-node-agent-windows", agent.use_node_agent_windows),
        ("--privileged-node-agent", agent.privileged_node_agent),
        ("--node-agent-disable-host-path", agent.node_agent_disable_host_path),
        ("--kubelet-root-dir", agent.kubelet_root_dir.is_some()),
        ("--node-agent-pod-cpu-request", agent.node_agent_pod_cpu_request.is_some()),
        ("--node-agent-pod-mem-request", agent.node_agent_pod_mem_request.is_some()),
        ("--node-agent-pod-cpu-limit", agent.node_agent_pod_cpu_limit.is_some()),
        ("--node-agent-pod-mem-limit", agent.node_agent_pod_mem_limit.is_some()),
        ("--node-agent-configmap", agent.node_agent_configmap.is_some()),
        ("--node-agent-priority-class-name", agent.node_agent_priority_class_name.is_some()),
        ("--default-volumes-to-fs-backup", install.server.default_volumes_to_fs_backup),
        ("--default-snapshot-move-data", install.server.default_snapshot_move_data),
    ];
    let obsolete = &install.obsolete;
    let gone = [
        ("--keep-latest-maintenance-jobs", obsolete.keep_latest_maintenance_jobs.is_some()),
        ("--maintenance-job-cpu-request", obsolete.maintenance_job_cpu_request.is_some()),
        ("--maintenance-job-mem-request", obsolete.maintenance_job_mem_request.is_some()),
        ("--maintenance-job-cpu-limit", obsolete.maintenance_job_cpu_limit.is_some()),
        ("--maintenance-job-mem-limit", obsolete.maintenance_job_mem_limit.is_some()),
    ];
    let set = |flags: &[(&'static str, bool)], why: &str| -> Vec<String> {
        flags.iter().filter(|(_, set)| *set).map(|(flag, _)| format!("Note: {flag} {why}")).collect()
    };
    let mut notes = set(&not_yet, "is not honoured yet: nothing moves volumes in this version");
    notes.extend(set(&gone, "is obsolete and has no effect; use --repo-maintenance-job-configmap"));
    notes.extend(install.server.plugins.iter().flat_map(|plugins| &plugins.0).map(|image| plugin(image)));
    if install.server.uploader_type == "restic" {
        notes.push("Note: --uploader-type=restic: new backups of volumes are written as kopia".to_owned());
    }
    notes
}

fn plugin(image: &str) -> String {
    match BUILT_IN.iter().any(|part| image.contains(part)) {
        true => format!("Note: --plugins {image}: it is built in, the image is not used"),
        false => format!("Note: --plugins {image} is not honoured yet: plugins in images are not hosted"),
    }
}

/// The ConfigMaps that the server is told of must be there, and hold JSON.
pub(super) async fn config_maps(
    install: &Install,
    cluster: &dyn Cluster,
    namespace: &str,
) -> anyhow::Result<()> {
    let server = &install.server;
    let named = server.backup_repository_configmap.iter().chain(&server.repo_maintenance_job_configmap);
    for name in named.chain(&install.node_agent.node_agent_configmap) {
        let resource = api::meta::ResourceType::addressed("", "v1", "configmaps", "ConfigMap", true);
        let at = ObjectRef { resource, namespace: Some(namespace.to_owned()), name: name.clone() };
        let found = cluster.get(&at).await.with_context(|| format!("failed to find the ConfigMap {name}"))?;
        for (key, text) in engine::document::strings(&found["data"]) {
            serde_json::from_str::<Value>(&text)
                .with_context(|| format!("failed to read {key} of the ConfigMap {name} as JSON"))?;
        }
    }
    Ok(())
}
