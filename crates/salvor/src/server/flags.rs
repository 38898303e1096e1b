//! The flags of the server: every one that Velero's server has, and what they come to.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use api::GoDuration;
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser};
use controllers::Config;
use controllers::config::{
    BackupDefaults, EVERY_VERSION, Limits, NOT_ACTING, Periods, Priorities, RestoreSettings,
};
use controllers::server::{CAN_BE_DISABLED, NOT_FOR_RESTORES};

use crate::telemetry::{Format, Verbosity};

/// The namespace that Velero's own commands assume.
const NAMESPACE: &str = "velero";
/// How often a repository is maintained where no flag says otherwise.
const MAINTENANCE: Duration = Duration::from_secs(3600);
/// How often expired backups are looked for where no flag says otherwise.
const GARBAGE: Duration = Duration::from_secs(3600);
/// How often operations under way are looked at where no flag says otherwise.
const OPERATIONS: Duration = Duration::from_secs(10);

/// What the flags come to.
#[derive(Debug)]
pub struct Settings {
    /// What the controllers are given.
    pub config: Config,
    /// How the cluster is reached.
    pub root: Root,
    /// Calls a second, and at once.
    pub client: Client,
    /// How logs look.
    pub log: Log,
    /// Where metrics are served.
    pub metrics_address: SocketAddr,
    /// Flags that were given and change nothing yet.
    pub not_acting: Vec<String>,
    /// Flags that were given and mean something else than they say.
    pub notes: Vec<String>,
}

/// The server: backs up, restores, keeps locations, and answers requests.
#[derive(Debug, Parser)]
#[command(
    name = "server",
    bin_name = "salvor server",
    args_override_self = true,
    disable_version_flag = true
)]
struct Flags {
    #[command(flatten)]
    root: Root,
    #[command(flatten)]
    client: Client,
    #[command(flatten)]
    log: Log,
    #[command(flatten)]
    periods: PeriodFlags,
    #[command(flatten)]
    backup: BackupFlags,
    #[command(flatten)]
    restore: RestoreFlags,
    #[command(flatten)]
    other: OtherFlags,
}

/// How the cluster is reached.
#[derive(Debug, Clone, Args)]
pub struct Root {
    /// The file that says how to reach the cluster; empty for the cluster that this runs in
    #[arg(long, default_value = "")]
    pub kubeconfig: String,
    /// The context in that file
    #[arg(long, default_value = "")]
    pub kubecontext: String,
    /// The namespace whose objects are ours
    #[arg(long, short, env = "VELERO_NAMESPACE", default_value = NAMESPACE)]
    pub namespace: String,
    /// Feature flags that are on
    #[arg(long, value_delimiter = ',')]
    features: Vec<String>,
    /// Taken for compatibility: logs have no colours
    #[arg(long, default_value = "true", hide = true)]
    colorized: bool,
    /// Taken for compatibility: verbosity of libraries that are not here
    #[arg(long = "v", id = "klog", hide = true)]
    klog: Option<String>,
}

/// How hard the API server may be asked.
#[derive(Debug, Clone, Copy, Args)]
pub struct Client {
    /// Requests a second to the API server, in the long run; without it, as many as the API server takes
    #[arg(long = "client-qps")]
    pub qps: Option<f32>,
    /// Requests that may go out at once
    #[arg(long = "client-burst", default_value = "100")]
    pub burst: u32,
    /// Objects in a page of a list; 0 lists everything at once
    #[arg(long = "client-page-size", default_value = "500")]
    pub page_size: u32,
    /// Lists that run at once
    #[arg(long = "max-concurrent-k8s-connections", default_value = "30")]
    pub connections: usize,
}

/// How logs look.
#[derive(Debug, Clone, Copy, Args)]
pub struct Log {
    /// trace, debug, info, warning, error, fatal or panic
    #[arg(long = "log-level", default_value = "info")]
    pub level: Verbosity,
    /// text or json
    #[arg(long = "log-format", default_value = "text")]
    pub format: Format,
}

#[derive(Debug, Args)]
struct PeriodFlags {
    /// Between two syncs of a location that does not say
    #[arg(long, default_value = "1m")]
    backup_sync_period: GoDuration,
    /// Between two validations of a location that does not say; 0 validates once
    #[arg(long, default_value = "1m")]
    store_validation_frequency: GoDuration,
    /// Between two looks for expired backups; 0 for an hour
    #[arg(long, default_value = "0")]
    garbage_collection_frequency: GoDuration,
    /// Between two looks at operations under way; 0 for ten seconds
    #[arg(long, default_value = "0")]
    item_operation_sync_frequency: GoDuration,
    /// Between two maintenance runs of a repository; 0 for an hour
    #[arg(long, default_value = "0")]
    default_repo_maintain_frequency: GoDuration,
}

#[derive(Debug, Args)]
struct BackupFlags {
    /// How long a backup is kept that does not say
    #[arg(long, default_value = "720h")]
    default_backup_ttl: GoDuration,
    /// The location of backups that name none, if no location is the default
    #[arg(long, default_value = "default")]
    default_backup_storage_location: String,
    /// Whether volumes go through the file system
    #[arg(long)]
    default_volumes_to_fs_backup: bool,
    /// Whether snapshots move to the repository
    #[arg(long)]
    default_snapshot_move_data: bool,
    /// How long an operation of an item may take
    #[arg(long, default_value = "4h")]
    default_item_operation_timeout: GoDuration,
    /// Snapshot locations, as provider:location
    #[arg(long, value_delimiter = ',')]
    default_volume_snapshot_locations: Vec<String>,
    /// How long the file system backup of a pod may take
    #[arg(long, default_value = "4h")]
    fs_backup_timeout: GoDuration,
    /// The label that groups volumes into one snapshot
    #[arg(long, default_value = "velero.io/volume-group")]
    volume_group_snapshot_label_key: String,
    /// The ConfigMap with rules about the volumes of every backup
    #[arg(long, default_value = "")]
    global_backup_volume_policies_configmap: String,
    /// Blocks of items of one backup that are brought to rest at once
    #[arg(long, default_value = "1")]
    item_block_worker_count: usize,
    /// Backups that run at once
    #[arg(long, default_value = "1")]
    concurrent_backups: usize,
    /// What copies files into repositories: kopia
    #[arg(long, default_value = "kopia")]
    uploader_type: String,
}

#[derive(Debug, Args)]
struct RestoreFlags {
    /// Resources that go first, then `-`, then those that go last
    #[arg(long)]
    restore_resource_priorities: Option<String>,
    /// The ConfigMap of the resource modifier of restores that name none
    #[arg(long, default_value = "")]
    default_resource_modifier_configmap: String,
    /// How long to wait for something that is being deleted
    #[arg(long, default_value = "10m")]
    terminating_resource_timeout: GoDuration,
    /// Runs no controller that makes or deletes backups
    #[arg(long)]
    restore_only: bool,
    /// Whether restores read existing objects one by one
    #[arg(long)]
    disable_informer_cache: bool,
}

#[derive(Debug, Args)]
struct OtherFlags {
    /// Controllers that do not run
    #[arg(long, value_delimiter = ',')]
    disable_controllers: Vec<String>,
    /// Where metrics are served
    #[arg(long, default_value = ":8085")]
    metrics_address: String,
    /// Where profiles are served
    #[arg(long, default_value = "localhost:6060")]
    profiler_address: String,
    /// Where plugins lie
    #[arg(long, default_value = "/plugins")]
    plugin_dir: PathBuf,
    /// How long waits that have no flag of their own may take
    #[arg(long, default_value = "10m")]
    resource_timeout: GoDuration,
    /// Whether schedules skip the backup that is due when they are made
    #[arg(long)]
    schedule_skip_immediately: bool,
    /// The ConfigMap of repository settings
    #[arg(long)]
    backup_repository_configmap: Option<String>,
    /// The ConfigMap of repository maintenance settings
    #[arg(long)]
    repo_maintenance_job_configmap: Option<String>,
}

/// Why the arguments cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// They do not parse; or help was asked for.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// A value makes no sense.
    #[error("invalid argument {value:?} for --{flag}: {reason}")]
    Value {
        /// The flag.
        flag: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads the arguments that follow `server`.
pub fn parse(arguments: Vec<String>) -> Result<Settings, Refused> {
    let command = Flags::command().mut_args(go_switch);
    let matches = command.try_get_matches_from(std::iter::once("server".to_owned()).chain(arguments))?;
    let flags = Flags::from_arg_matches(&matches)?;
    flags.settings(&matches)
}

/// Switches are written as Go writes them: `--flag`, `--flag=true`, `--flag=false`.
fn go_switch(arg: clap::Arg) -> clap::Arg {
    if arg.get_value_parser().type_id() != std::any::TypeId::of::<bool>() || arg.get_id() == "help" {
        return arg;
    }
    arg.action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .default_value("false")
}

/// The flags that were given and change nothing yet; one that was given empty asks for nothing, and one feature acts.
fn not_acting(matches: &ArgMatches) -> Vec<String> {
    let is_given = |arg: &clap::Arg| {
        let id = arg.get_id().as_str();
        let in_vain = |value: &OsStr| !value.is_empty() && value.to_str() != Some(EVERY_VERSION);
        let asks = || matches.get_raw(id).is_some_and(|mut values| values.any(in_vain));
        matches.value_source(id) == Some(ValueSource::CommandLine) && asks()
    };
    let command = Flags::command();
    let flags = command.get_arguments().filter(|arg| is_given(arg)).filter_map(clap::Arg::get_long);
    flags.filter(|flag| NOT_ACTING.contains(flag)).map(|flag| format!("--{flag}")).collect()
}

impl Flags {
    fn settings(self, matches: &ArgMatches) -> Result<Settings, Refused> {
        let mut notes = Vec::new();
        match self.backup.uploader_type.as_str() {
            "kopia" | "" => {}
            "restic" => {
                notes.push("--uploader-type=restic is accepted; new data is written as kopia".to_owned());
            }
            other => {
                return Err(refuse("uploader-type", &other, "invalid uploader type, valid type: 'kopia'"));
            }
        }
        Ok(Settings {
            metrics_address: address("metrics-address", &self.other.metrics_address)?,
            log: self.log,
            client: self.checked_client()?,
            root: self.root.clone(),
            config: self.config()?,
            not_acting: not_acting(matches),
            notes,
        })
    }

    fn checked_client(&self) -> Result<Client, Refused> {
        let client = self.client;
        if let Some(qps) = client.qps.filter(|qps| *qps <= 0.0) {
            return Err(refuse("client-qps", &qps, "it is above 0"));
        }
        match client.burst {
            0 => Err(refuse("client-burst", &0, "it is above 0")),
            _ => Ok(client),
        }
    }

    fn config(self) -> Result<Config, Refused> {
        let Self { root, client, log: _, periods, backup, restore, other } = self;
        Ok(Config {
            namespace: root.namespace,
            default_location: backup.default_backup_storage_location.clone(),
            scratch: std::env::var_os("VELERO_SCRATCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from),
            periods: periods.settings()?,
            features: words(root.features),
            disabled: disabled(other.disable_controllers, restore.restore_only)?,
            restore: restore.settings()?,
            limits: Limits {
                resource_timeout: length("resource-timeout", other.resource_timeout)?,
                page_size: client.page_size,
                connections: client.connections.max(1),
            },
            backup: backup.settings()?,
        })
    }
}

impl PeriodFlags {
    fn settings(self) -> Result<Periods, Refused> {
        let or = |flag, given: GoDuration, default| {
            length(flag, given).map(|given| if given.is_zero() { default } else { given })
        };
        Ok(Periods {
            sync: length("backup-sync-period", self.backup_sync_period)?,
            validation: length("store-validation-frequency", self.store_validation_frequency)?,
            garbage: or("garbage-collection-frequency", self.garbage_collection_frequency, GARBAGE)?,
            operations: or("item-operation-sync-frequency", self.item_operation_sync_frequency, OPERATIONS)?,
            maintenance: or(
                "default-repo-maintain-frequency",
                self.default_repo_maintain_frequency,
                MAINTENANCE,
            )?,
        })
    }
}

impl BackupFlags {
    fn settings(self) -> Result<BackupDefaults, Refused> {
        Ok(BackupDefaults {
            ttl: length("default-backup-ttl", self.default_backup_ttl)?,
            volumes_to_fs_backup: self.default_volumes_to_fs_backup,
            snapshot_move_data: self.default_snapshot_move_data,
            item_operation_timeout: length(
                "default-item-operation-timeout",
                self.default_item_operation_timeout,
            )?,
            fs_backup_timeout: length("fs-backup-timeout", self.fs_backup_timeout)?,
            snapshot_locations: pairs(self.default_volume_snapshot_locations)?,
            volume_group_label: self.volume_group_snapshot_label_key,
            volume_policies: Some(self.global_backup_volume_policies_configmap)
                .filter(|name| !name.is_empty()),
            concurrent: self.concurrent_backups.max(1),
            item_block_workers: self.item_block_worker_count.max(1),
        })
    }
}

impl RestoreFlags {
    fn settings(self) -> Result<RestoreSettings, Refused> {
        Ok(RestoreSettings {
            priorities: self.restore_resource_priorities.as_deref().map(priorities),
            default_modifier: Some(self.default_resource_modifier_configmap).filter(|name| !name.is_empty()),
            terminating_timeout: length("terminating-resource-timeout", self.terminating_resource_timeout)?,
            concurrent: 1,
        })
    }
}

/// `high1,high2,-,low1`: what stands before the dash goes first, what stands after it last.
fn priorities(text: &str) -> Priorities {
    let mut names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let high = names.by_ref().take_while(|name| *name != "-").map(str::to_owned).collect();
    Priorities { high, low: names.map(str::to_owned).collect() }
}

fn disabled(names: Vec<String>, restore_only: bool) -> Result<BTreeSet<String>, Refused> {
    let mut disabled = words(names);
    if let Some(unknown) = disabled.iter().find(|name| !CAN_BE_DISABLED.contains(&name.as_str())) {
        let reason = format!("the controllers are {}", CAN_BE_DISABLED.join(", "));
        return Err(refuse("disable-controllers", &unknown, &reason));
    }
    if restore_only {
        disabled.extend(NOT_FOR_RESTORES.iter().map(|name| (*name).to_owned()));
    }
    Ok(disabled)
}

fn pairs(texts: Vec<String>) -> Result<BTreeMap<String, String>, Refused> {
    let pair = |text: String| match text.split_once(':') {
        Some((provider, location)) => Ok((provider.to_owned(), location.to_owned())),
        None => Err(refuse("default-volume-snapshot-locations", &text, "it is written provider:location")),
    };
    words(texts).into_iter().map(pair).collect()
}

/// An empty list flag is one empty word: it counts for nothing.
fn words(texts: Vec<String>) -> BTreeSet<String> {
    texts.into_iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
}

fn length(flag: &'static str, given: GoDuration) -> Result<Duration, Refused> {
    given.to_std().ok_or_else(|| refuse(flag, &given, "it is not negative"))
}

/// `:8085` is every address, as Go has it.
fn address(flag: &'static str, text: &str) -> Result<SocketAddr, Refused> {
    let full = match text.strip_prefix(':') {
        Some(port) => format!("[::]:{port}"),
        None => text.replace("localhost:", "127.0.0.1:"),
    };
    full.parse().map_err(|_| refuse(flag, &text, "it is written ADDRESS:PORT or :PORT"))
}

fn refuse(flag: &'static str, value: &dyn std::fmt::Display, reason: &str) -> Refused {
    Refused::Value { flag, value: value.to_string(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Settings, Refused> {
        parse(text.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn the_arguments_of_an_installation_are_understood() {
        let settings = parsed(
            "--features= --uploader-type=kopia --default-volumes-to-fs-backup=true --namespace oadp \
             --garbage-collection-frequency=30m --concurrent-backups=3 --log-format json",
        )
        .unwrap();
        assert_eq!(settings.config.namespace, "oadp");
        assert!(settings.config.features.is_empty());
        assert!(settings.config.backup.volumes_to_fs_backup);
        assert_eq!(settings.config.periods.garbage, Duration::from_secs(1800));
        assert_eq!(settings.config.backup.concurrent, 3);
        assert_eq!(settings.log.format, Format::Json);
        assert_eq!(settings.not_acting, ["--default-volumes-to-fs-backup"]);
        assert_eq!(settings.metrics_address.port(), 8085);
    }

    #[test]
    fn flags_that_change_nothing_are_named_as_they_are_written() {
        let settings =
            parsed("--v=4 --features=EnableCSI --fs-backup-timeout=1h --default-backup-ttl=1h").unwrap();
        let named: BTreeSet<_> = settings.not_acting.iter().map(String::as_str).collect();
        assert_eq!(named, ["--features", "--fs-backup-timeout", "--v"].into());
        for acting in ["--default-item-operation-timeout=2h --features=", "--features=EnableAPIGroupVersions"]
        {
            assert!(parsed(acting).unwrap().not_acting.is_empty(), "{acting}");
        }
        let both = parsed("--features=EnableAPIGroupVersions,EnableCSI").unwrap();
        assert_eq!(both.not_acting, ["--features"]);
        let command = Flags::command();
        let known: BTreeSet<_> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
        assert!(NOT_ACTING.iter().all(|flag| known.contains(flag)));
    }

    #[test]
    fn defaults_are_those_of_velero() {
        let config = parsed("").unwrap().config;
        assert_eq!(config.backup.ttl, Duration::from_secs(720 * 3600));
        assert_eq!(config.periods.sync, Duration::from_secs(60));
        assert_eq!(config.periods.operations, Duration::from_secs(10));
        assert_eq!(config.limits.page_size, 500);
        assert!(config.restore.priorities.is_none());
        assert_eq!(config.restore.default_modifier, None);
        let config = parsed("--default-resource-modifier-configmap=m").unwrap().config;
        assert_eq!(config.restore.default_modifier.as_deref(), Some("m"));
    }

    #[test]
    fn switches_are_written_as_go_writes_them() {
        for (text, expect) in
            [("--restore-only", true), ("--restore-only=true", true), ("--restore-only=false", false)]
        {
            assert_eq!(parsed(text).unwrap().config.disabled.contains("gc"), expect, "{text}");
        }
    }

    #[test]
    fn priorities_are_split_at_the_dash() {
        let given =
            parsed("--restore-resource-priorities=a,b,-,c").unwrap().config.restore.priorities.unwrap();
        assert_eq!((given.high, given.low), (vec!["a".into(), "b".into()], vec!["c".into()]));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_reason() {
        for (text, expect) in [
            ("--restic-timeout=1h", "--restic-timeout"),
            ("--uploader-type=tar", "valid type: 'kopia'"),
            ("--disable-controllers=backup,nonsense", "nonsense"),
            ("--client-qps=0", "above 0"),
            ("--client-burst=0", "above 0"),
            ("--default-backup-ttl=-1h", "not negative"),
            ("--metrics-address=here", ":PORT"),
            ("--log-level=loud", "panic"),
            ("--backup-sync-period=3", "3"),
        ] {
            let error = parsed(text).unwrap_err().to_string();
            assert!(error.contains(expect), "{text}: {error}");
        }
    }

    #[test]
    fn every_flag_of_velero_is_known() {
        let known: Vec<String> =
            Flags::command().get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
        for flag in "log-level log-format plugin-dir metrics-address backup-sync-period fs-backup-timeout restore-only \
            disable-controllers restore-resource-priorities default-backup-storage-location store-validation-frequency \
            client-qps client-burst client-page-size profiler-address terminating-resource-timeout default-backup-ttl \
            volume-group-snapshot-label-key default-repo-maintain-frequency garbage-collection-frequency \
            item-operation-sync-frequency default-volumes-to-fs-backup uploader-type default-item-operation-timeout \
            resource-timeout max-concurrent-k8s-connections default-snapshot-move-data disable-informer-cache \
            schedule-skip-immediately default-volume-snapshot-locations backup-repository-configmap \
            repo-maintenance-job-configmap default-resource-modifier-configmap item-block-worker-count \
            concurrent-backups global-backup-volume-policies-configmap kubeconfig kubecontext \
            namespace features colorized"
            .split_whitespace()
        {
            assert!(known.contains(&flag.to_owned()), "{flag}");
        }
    }
}
