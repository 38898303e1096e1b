//! How the server runs: its image, arguments and pods.

use std::collections::{BTreeMap, BTreeSet};

use api::oadp::{
    DataProtectionApplicationSpec, DefaultPlugin, LoadAffinity, PodConfig, ServerArgs, VeleroConfig,
};
use api::{GoDuration, LabelSelector};
use serde_json::{Map, Value, json};

use super::{Review, problems, values};
use crate::install::deployment::{Image, Labels, Pod, SELECTOR};
use crate::install::{COMPONENT, Strings};
use crate::oadp::dpa::{INSTANCE_LABEL, OADP_LABEL};

/// How the server runs.
#[derive(Debug, Clone)]
pub struct Server {
    /// What it runs.
    pub image: Image,
    /// Its arguments, none twice.
    pub args: Vec<String>,
    /// Labels and annotations.
    pub labels: Labels,
    /// What else its pods are.
    pub pod: Pod,
}

/// Checks and collects how the server runs.
pub(super) fn check(review: &mut Review<'_>) -> Server {
    durations(review);
    let at = "configuration.velero.podConfig";
    values::pod(review, at, review.velero.pod_config.as_ref());
    let labels = labels(review);
    let spec = review.spec();
    let overridden = spec.unsupported_overrides.get("veleroImageFqin").filter(|image| !image.is_empty());
    let image = Image {
        name: overridden.unwrap_or(&review.settings.image).clone(),
        pull_policy: spec.image_pull_policy.map(|policy| policy.to_string()),
    };
    Server { image, args: args(review), labels, pod: pod(review) }
}

fn durations(review: &mut Review<'_>) {
    let velero = review.velero;
    let fields = [
        ("defaultItemOperationTimeout", &velero.default_item_operation_timeout),
        ("itemOperationSyncFrequency", &velero.item_operation_sync_frequency),
        ("resourceTimeout", &velero.resource_timeout),
    ];
    for (field, text) in fields {
        values::duration(review, &format!("configuration.velero.{field}"), text);
    }
}

/// Labels of the Deployment and its pods; refuses those that the pods must have otherwise.
fn labels(review: &mut Review<'_>) -> Labels {
    let name = api::Kind::name(&review.found.application);
    let all: Strings = [
        ("app.kubernetes.io/name", "velero"),
        (INSTANCE_LABEL, name),
        ("app.kubernetes.io/managed-by", "oadp-operator"),
        ("app.kubernetes.io/component", "server"),
        OADP_LABEL,
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let asked = review.velero.pod_config.as_ref().map(|pod| pod.labels.clone()).unwrap_or_default();
    for (key, value) in &asked {
        let own = [COMPONENT, SELECTOR].into_iter().find(|(own, _)| own == key).map(|(_, value)| value);
        let own = own.or_else(|| all.get(key).map(String::as_str));
        review.refuse_if(
            own.is_some_and(|own| own != value),
            &problems::VALUE,
            format!("configuration.velero.podConfig.labels: conflicting key {key:?}"),
        );
    }
    Labels { all, pods: asked, annotations: review.spec().pod_annotations.clone() }
}

fn pod(review: &Review<'_>) -> Pod {
    let spec = review.spec();
    let config = review.velero.pod_config.clone().unwrap_or_default();
    let mut more = Map::new();
    if !spec.pod_dns_policy.is_empty() {
        more.insert("dnsPolicy".to_owned(), json!(spec.pod_dns_policy));
    }
    if let Some(dns) = &spec.pod_dns_config {
        more.insert("dnsConfig".to_owned(), json!(dns));
    }
    Pod {
        resources: resources(&config),
        env: config.env.iter().map(|variable| json!(variable)).collect(),
        node_selector: config.node_selector,
        tolerations: config.tolerations.iter().map(|toleration| json!(toleration)).collect(),
        node_terms: node_terms(&review.velero.load_affinity),
        more,
    }
}

/// What the server may use: half a processor and 128Mi are kept for it unless somebody says otherwise.
fn resources(config: &PodConfig) -> Value {
    let asked = config.resource_allocations.clone().unwrap_or_default();
    let texts = |amounts: &BTreeMap<String, api::oadp::Quantity>| -> Strings {
        let texts = amounts.iter().map(|(name, amount)| (name.clone(), values::text(amount)));
        texts.filter(|(_, text)| !text.is_empty()).collect()
    };
    let mut requests = texts(&asked.requests);
    for (name, amount) in [("cpu", "500m"), ("memory", "128Mi")] {
        requests.entry(name.to_owned()).or_insert_with(|| amount.to_owned());
    }
    let mut resources = json!({"requests": requests});
    if !asked.limits.is_empty() {
        resources["limits"] = json!(texts(&asked.limits));
    }
    resources
}

/// Label selectors in the words of node selector terms.
fn node_terms(affinity: &[LoadAffinity]) -> Vec<Vec<Value>> {
    let term = |LabelSelector { match_expressions, match_labels }: &LabelSelector| {
        let labels = match_labels.iter().flatten();
        let labels = labels.map(|(key, value)| json!({"key": key, "operator": "In", "values": [value]}));
        labels.chain(match_expressions.iter().flatten().map(|expression| json!(expression))).collect()
    };
    affinity.iter().map(|affinity| term(&affinity.node_selector)).collect()
}

/// A field of the application that becomes an argument of the server.
pub(super) struct Argument {
    /// Where the field is, in `spec`.
    pub(super) field: String,
    /// The flag, without dashes.
    pub(super) flag: &'static str,
    /// The flag's value.
    pub(super) value: String,
}

/// The arguments of fields, then those of `args`.
pub(super) fn arguments(spec: &DataProtectionApplicationSpec) -> Vec<Argument> {
    let mut arguments = Vec::new();
    let mut add = |field: String, flag, value| arguments.push(Argument { field, flag, value });
    if spec.log_format != api::oadp::LogFormat::default() {
        add("logFormat".to_owned(), "log-format", spec.log_format.to_string());
    }
    let agent = spec.configuration.node_agent.as_ref();
    if let Some(timeout) = agent.map(|agent| agent.timeout.clone()).filter(|timeout| !timeout.is_empty()) {
        add("configuration.nodeAgent.timeout".to_owned(), "fs-backup-timeout", timeout);
    }
    let Some(velero) = &spec.configuration.velero else { return arguments };
    for (field, flag, value) in field_args(velero) {
        add(format!("configuration.velero.{field}"), flag, value);
    }
    for (flag, value) in velero.args.iter().flat_map(raw_args) {
        let name = if flag == "disable-controllers" { "disabled-controllers" } else { flag };
        add(format!("configuration.velero.args.{name}"), flag, value);
    }
    arguments
}

/// The command line: no flag twice, and `args` win.
fn args(review: &Review<'_>) -> Vec<String> {
    let mut args = BTreeMap::from([("uploader-type", "kopia".to_owned())]);
    let features = features(review.velero);
    if !features.is_empty() {
        args.insert("features", features);
    }
    args.extend(arguments(review.spec()).into_iter().map(|argument| (argument.flag, argument.value)));
    args.into_iter().map(|(name, value)| format!("--{name}={value}")).collect()
}

/// Fields, their flags and values.
fn field_args(velero: &VeleroConfig) -> impl Iterator<Item = (&'static str, &'static str, String)> {
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let switch = |on: Option<bool>| on.map(|on| on.to_string());
    let count = |count: Option<isize>| count.map(|count| count.to_string());
    let level = velero.log_level.map(|level| level.to_string());
    let (timeout, frequency) =
        (&velero.default_item_operation_timeout, &velero.item_operation_sync_frequency);
    [
        ("client-burst", "client-burst", count(velero.client_burst)),
        ("client-qps", "client-qps", count(velero.client_qps)),
        ("defaultItemOperationTimeout", "default-item-operation-timeout", text(timeout)),
        ("defaultSnapshotMoveData", "default-snapshot-move-data", switch(velero.default_snapshot_move_data)),
        (
            "defaultVolumesToFSBackup",
            "default-volumes-to-fs-backup",
            switch(velero.default_volumes_to_fs_backup),
        ),
        ("disableInformerCache", "disable-informer-cache", switch(velero.disable_informer_cache)),
        ("itemBlockWorkerCount", "item-block-worker-count", count(velero.item_block_worker_count)),
        ("itemOperationSyncFrequency", "item-operation-sync-frequency", text(frequency)),
        ("logLevel", "log-level", level),
        ("resourceTimeout", "resource-timeout", text(&velero.resource_timeout)),
    ]
    .into_iter()
    .filter_map(|(field, flag, value)| Some((field, flag, value?)))
}

/// Feature flags, with those that plugins and fields stand for, and without those that are OADP's alone.
fn features(velero: &VeleroConfig) -> String {
    let mut flags: BTreeSet<&str> = velero.feature_flags.iter().map(String::as_str).collect();
    flags.remove("no-secret");
    flags.remove("");
    if velero.default_plugins.contains(&DefaultPlugin::Csi) {
        flags.insert("EnableCSI");
    }
    if !velero.restore_resources_version_priority.is_empty() {
        flags.insert("EnableAPIGroupVersions");
    }
    flags.into_iter().collect::<Vec<_>>().join(",")
}

/// The raw arguments that the server knows; those of Go's logging have no effect and are reported so.
fn raw_args(args: &ServerArgs) -> impl Iterator<Item = (&'static str, String)> {
    let time = |nanoseconds: Option<i64>| nanoseconds.map(|count| GoDuration::from_nanos(count).to_string());
    let count = |count: Option<isize>| count.map(|count| count.to_string());
    let disabled = (!args.disabled_controllers.is_empty()).then(|| args.disabled_controllers.join(","));
    [
        ("backup-sync-period", time(args.backup_sync_period)),
        ("client-burst", count(args.client_burst)),
        ("client-page-size", count(args.client_page_size)),
        ("client-qps", args.client_qps.clone()),
        ("default-backup-ttl", time(args.default_backup_ttl)),
        ("default-item-operation-timeout", time(args.default_item_operation_timeout)),
        ("default-repo-maintain-frequency", time(args.default_repo_maintain_frequency)),
        ("default-volumes-to-fs-backup", args.default_volumes_to_fs_backup.map(|on| on.to_string())),
        ("disable-controllers", disabled),
        ("fs-backup-timeout", time(args.fs_backup_timeout)),
        ("garbage-collection-frequency", time(args.garbage_collection_frequency)),
        ("item-operation-sync-frequency", time(args.item_operation_sync_frequency)),
        ("log-format", args.log_format.map(|format| format.to_string())),
        ("max-concurrent-k8s-connections", count(args.max_concurrent_k8s_connections)),
        ("metrics-address", args.metrics_address.clone()),
        ("profiler-address", args.profiler_address.clone()),
        ("resource-timeout", time(args.resource_timeout)),
        ("restore-resource-priorities", args.restore_resource_priorities.clone()),
        ("store-validation-frequency", time(args.store_validation_frequency)),
        ("terminating-resource-timeout", time(args.terminating_resource_timeout)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}
