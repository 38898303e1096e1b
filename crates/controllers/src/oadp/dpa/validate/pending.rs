//! Fields that are understood and checked, and that nothing acts on: not yet, or not any more.

use api::oadp::{DataProtectionApplication, DefaultPlugin, ServerArgs, VeleroConfig};

use super::server::arguments;
use crate::config::{EVERY_VERSION, NOT_ACTING};

/// The overrides that have an effect.
const OVERRIDES: [&str; 2] = ["veleroImageFqin", "operator-type"];
/// Annotations by which OADP takes all arguments of a server from a `ConfigMap`.
const ARGUMENTS: [&str; 2] = [
    "oadp.openshift.io/unsupported-velero-server-args",
    "oadp.openshift.io/unsupported-node-agent-server-args",
];
/// Plugins whose work is not done yet.
const PLUGINS: [DefaultPlugin; 3] = [DefaultPlugin::Csi, DefaultPlugin::Kubevirt, DefaultPlugin::Hypershift];

/// The paths of all such fields that are set.
pub(super) fn fields(application: &DataProtectionApplication) -> Vec<String> {
    let spec = &application.spec;
    let configuration = &spec.configuration;
    let mut pending = Vec::new();
    let mut add = |is_set: bool, path: &str| {
        if is_set {
            pending.push(path.to_owned());
        }
    };
    let annotations = application.metadata.annotations.as_ref();
    for key in ARGUMENTS {
        let is_set = annotations.is_some_and(|annotations| annotations.contains_key(key));
        add(is_set, &format!("metadata.annotations[{key}]"));
    }
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
    // A switch that is off asks for what is done anyway.
    for argument in arguments(spec).iter().filter(|argument| argument.value != "false") {
        add(NOT_ACTING.contains(&argument.flag), &argument.field);
    }
    if let Some(velero) = &configuration.velero {
        pending.extend(server(velero));
    }
    pending
}

/// Those that become no argument of their own.
fn server(velero: &VeleroConfig) -> Vec<String> {
    let fields = [
        ("disableFsBackup", velero.disable_fs_backup == Some(true)),
        ("restoreResourcesVersionPriority", !velero.restore_resources_version_priority.is_empty()),
    ];
    let fields = fields.into_iter().filter(|(_, is_set)| *is_set).map(|(field, _)| field.to_owned());
    let features =
        velero.feature_flags.iter().filter(|flag| !matches!(flag.as_str(), "" | "no-secret" | EVERY_VERSION));
    let plugins = PLUGINS.into_iter().filter(|plugin| velero.default_plugins.contains(plugin));
    fields
        .chain(features.map(|flag| format!("featureFlags: {flag}")))
        .chain(plugins.map(|plugin| format!("defaultPlugins: {plugin}")))
        .chain(velero.args.iter().flat_map(logging).map(|name| format!("args.{name}")))
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
