//! Fields that are understood and checked, and that nothing acts on: not yet, or not any more.

use api::oadp::{DataProtectionApplicationSpec, DefaultPlugin, ServerArgs, VeleroConfig};

/// The overrides that have an effect.
const OVERRIDES: [&str; 2] = ["veleroImageFqin", "operator-type"];

/// The paths of all such fields that are set.
pub(super) fn fields(spec: &DataProtectionApplicationSpec) -> Vec<String> {
    let configuration = &spec.configuration;
    let mut pending = Vec::new();
    let mut add = |is_set: bool, path: &str| {
        if is_set {
            pending.push(path.to_owned());
        }
    };
    add(spec.backup_images != Some(false), "backupImages");
    add(configuration.node_agent.is_some(), "configuration.nodeAgent");
    add(!configuration.repository_maintenance.is_empty(), "configuration.repositoryMaintenance");
    add(spec.non_admin.as_ref().is_some_and(|rules| rules.enable == Some(true)), "nonAdmin");
    for (index, location) in spec.backup_locations.iter().enumerate() {
        add(location.bucket.is_some(), &format!("backupLocations[{index}].bucket"));
    }
    for key in spec.unsupported_overrides.keys().filter(|key| !OVERRIDES.contains(&key.as_str())) {
        add(true, &format!("unsupportedOverrides.{key}"));
    }
    if let Some(velero) = &configuration.velero {
        pending.extend(server(velero));
    }
    pending
}

fn server(velero: &VeleroConfig) -> Vec<String> {
    let args = velero.args.as_ref();
    let volumes = velero.default_volumes_to_fs_backup == Some(true)
        || args.is_some_and(|args| args.default_volumes_to_fs_backup == Some(true));
    let fields = [
        ("defaultVolumesToFSBackup", volumes),
        ("defaultSnapshotMoveData", velero.default_snapshot_move_data == Some(true)),
        ("disableFsBackup", velero.disable_fs_backup == Some(true)),
        ("restoreResourcesVersionPriority", !velero.restore_resources_version_priority.is_empty()),
    ];
    let plugins = [DefaultPlugin::Kubevirt, DefaultPlugin::Hypershift];
    let plugins = plugins.into_iter().filter(|plugin| velero.default_plugins.contains(plugin));
    let fields = fields.into_iter().filter(|(_, is_set)| *is_set).map(|(field, _)| field.to_owned());
    fields
        .chain(plugins.map(|plugin| format!("defaultPlugins: {plugin}")))
        .chain(args.into_iter().flat_map(logging).map(|name| format!("args.{name}")))
        .map(|field| format!("configuration.velero.{field}"))
        .collect()
}

/// Arguments of Go's logging, which this server does not have.
fn logging(args: &ServerArgs) -> impl Iterator<Item = &'static str> {
    [
        ("add_dir_header", args.add_dir_header.is_some()),
        ("alsologtostderr", args.alsologtostderr.is_some()),
        ("colorized", args.colorized.is_some()),
        ("log_backtrace_at", args.log_backtrace_at.is_some()),
        ("log_dir", args.log_dir.is_some()),
        ("log_file", args.log_file.is_some()),
        ("log_file_max_size", args.log_file_max_size.is_some()),
        ("logtostderr", args.logtostderr.is_some()),
        ("one_output", args.one_output.is_some()),
        ("skip_headers", args.skip_headers.is_some()),
        ("skip_log_headers", args.skip_log_headers.is_some()),
        ("stderrthreshold", args.stderrthreshold.is_some()),
        ("v", args.v.is_some()),
        ("vmodule", args.vmodule.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, is_set)| is_set.then_some(name))
}
