//! The server's Deployment: Velero's names, labels, ports, environment and arguments, under the restricted
//! Pod Security level.

use api::labels::{DOWNLOAD_PORT, DOWNLOAD_PORT_NAME};
use cluster::port::Discovered;
use serde_json::{Map, Value, json};

use super::location_volume::{LocationVolume, Source};
use super::{SERVER, Strings, metadata};

/// The label by which the Deployment and the Services know the server's pods.
pub const SELECTOR: (&str, &str) = ("deploy", "velero");
/// The port that serves metrics unless an argument says otherwise.
pub const METRICS_PORT: u16 = 8085;
/// The user and group that the image runs as.
pub const USER: u32 = 65532;
/// Where the folders of the pod are mounted; all empty at start, since nothing in them is needed again.
const EMPTY_DIRS: [(&str, &str); 3] = [("plugins", "/plugins"), ("scratch", "/scratch"), ("tmp", "/tmp")];

/// What decides about the users that pods may run as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Platform {
    /// The pod names its user.
    #[default]
    Kubernetes,
    /// The cluster gives each namespace its own users, and refuses pods that name others.
    OpenShift,
}

/// A group of resources that only OpenShift has.
const OPENSHIFT_GROUP: &str = "security.openshift.io";

impl Platform {
    /// The platform of a cluster that has these types.
    pub fn of(discovered: &Discovered) -> Self {
        match discovered.types.iter().any(|kind| kind.group == OPENSHIFT_GROUP) {
            true => Self::OpenShift,
            false => Self::Kubernetes,
        }
    }
}

/// Everything that the server's Deployment is made from.
#[derive(Debug, Clone, Default)]
pub struct Workload {
    /// Where it runs.
    pub namespace: String,
    /// Who decides about users.
    pub platform: Platform,
    /// What it runs.
    pub image: Image,
    /// What it runs as.
    pub service_account: String,
    /// The arguments after `server`.
    pub args: Vec<String>,
    /// Labels and annotations of the Deployment and its pods.
    pub labels: Labels,
    /// What else its pods are.
    pub pod: Pod,
    /// Credentials files.
    pub credentials: Vec<Credentials>,
    /// Volumes of filesystem locations.
    pub volumes: Vec<LocationVolume>,
}

/// An image and when it is pulled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Its name.
    pub name: String,
    /// When it is pulled; absent for what its name suggests.
    pub pull_policy: Option<String>,
}

impl Image {
    /// The image of this version.
    pub fn of_this_version() -> Self {
        Self { name: super::IMAGE.to_owned(), pull_policy: None }
    }

    /// When it is pulled: always if its tag may come to mean something else.
    pub fn pull_policy(&self) -> &str {
        let last = self.name.rsplit('/').next().unwrap_or_default();
        let fixed = last.contains('@') || last.split_once(':').is_some_and(|(_, tag)| tag != "latest");
        self.pull_policy.as_deref().unwrap_or(if fixed { "IfNotPresent" } else { "Always" })
    }
}

/// Labels and annotations, beyond those that every installation has.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    /// On the Deployment and on its pods.
    pub all: Strings,
    /// On its pods.
    pub pods: Strings,
    /// Annotations of its pods.
    pub annotations: Strings,
}

/// What the pods are, in the words of a pod's specification.
#[derive(Debug, Clone, Default)]
pub struct Pod {
    /// `env`, after what the server needs.
    pub env: Vec<Value>,
    /// `resources`.
    pub resources: Value,
    /// `nodeSelector`.
    pub node_selector: Strings,
    /// `tolerations`.
    pub tolerations: Vec<Value>,
    /// Node selector terms, any of which a node must fit.
    pub node_terms: Vec<Vec<Value>>,
    /// Any other field, such as `priorityClassName` or `dnsPolicy`.
    pub more: Map<String, Value>,
}

/// A credentials file that is mounted from a Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials {
    /// The Secret, and the volume.
    pub secret: &'static str,
    /// Where it is mounted.
    pub mount: &'static str,
    /// Variables that are to hold the path of its `cloud`.
    pub variables: &'static [&'static str],
    /// Whether the server starts without it.
    pub optional: bool,
}

/// The one credentials file of `install`, for whichever provider.
pub const INSTALL_CREDENTIALS: Credentials = Credentials {
    secret: super::CLOUD_CREDENTIALS,
    mount: "/credentials",
    variables: &[
        "GOOGLE_APPLICATION_CREDENTIALS",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AZURE_CREDENTIALS_FILE",
        "ALIBABA_CLOUD_CREDENTIALS_FILE",
    ],
    optional: false,
};

/// The Deployment.
pub fn deployment(workload: &Workload) -> Value {
    let Workload { namespace, labels, .. } = workload;
    let mut spec = json!({
        "selector": {"matchLabels": {SELECTOR.0: SELECTOR.1}},
        "template": {
            "metadata": {"labels": pod_labels(labels), "annotations": pod_annotations(workload)},
            "spec": pod_spec(workload),
        },
    });
    if workload.volumes.iter().any(|volume| matches!(volume.source, Source::Claim(_))) {
        // two pods on two nodes cannot hold one ReadWriteOnce claim: the old one has to go first
        spec["strategy"] = json!({"type": "Recreate"});
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(SERVER, namespace, &labels.all),
        "spec": spec,
    })
}

fn pod_labels(labels: &Labels) -> Strings {
    let own = [super::COMPONENT, SELECTOR].map(|(key, value)| (key.to_owned(), value.to_owned()));
    labels.all.clone().into_iter().chain(labels.pods.clone()).chain(own).collect()
}

fn pod_annotations(workload: &Workload) -> Strings {
    let scrape = [
        ("scrape", "true".to_owned()),
        ("port", metrics_port(&workload.args)),
        ("path", "/metrics".to_owned()),
    ];
    let scrape = scrape.into_iter().map(|(key, value)| (format!("prometheus.io/{key}"), value));
    scrape.chain(workload.labels.annotations.clone()).collect()
}

/// The port in the server's `--metrics-address`.
fn metrics_port(args: &[String]) -> String {
    let address = args.iter().rev().find_map(|arg| arg.strip_prefix("--metrics-address="));
    let port = address.and_then(|address| address.rsplit(':').next()?.parse::<u16>().ok());
    port.unwrap_or(METRICS_PORT).to_string()
}

fn pod_spec(workload: &Workload) -> Value {
    let Pod { env: _, resources: _, node_selector, tolerations, node_terms, more } = &workload.pod;
    let mut spec = more.clone();
    let mut set = |field: &str, value: Value| spec.insert(field.to_owned(), value);
    set("serviceAccountName", json!(workload.service_account));
    set("restartPolicy", json!("Always"));
    set("os", json!({"name": "linux"}));
    set("affinity", affinity(node_terms));
    set("securityContext", pod_security(workload.platform));
    set("containers", json!([container(workload)]));
    set("volumes", json!(volumes(workload)));
    let prepare = init_containers(workload);
    if !prepare.is_empty() {
        set("initContainers", json!(prepare));
    }
    if !node_selector.is_empty() {
        set("nodeSelector", json!(node_selector));
    }
    if !tolerations.is_empty() {
        set("tolerations", json!(tolerations));
    }
    Value::Object(spec)
}

/// Nodes that do not run Windows, and that fit one of the terms if there are any.
fn affinity(terms: &[Vec<Value>]) -> Value {
    let not_windows = json!({"key": "kubernetes.io/os", "operator": "NotIn", "values": ["windows"]});
    let term = |expressions: &[Value]| {
        let all: Vec<_> = std::iter::once(&not_windows).chain(expressions).collect();
        json!({"matchExpressions": all})
    };
    let terms: Vec<_> = match terms {
        [] => vec![term(&[])],
        terms => terms.iter().map(|expressions| term(expressions)).collect(),
    };
    json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}})
}

/// The pod's part of the restricted level. The group may write to claims.
fn pod_security(platform: Platform) -> Value {
    match platform {
        Platform::OpenShift => json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}),
        Platform::Kubernetes => json!({
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        }),
    }
}

fn container(workload: &Workload) -> Value {
    json!({
        "name": SERVER,
        "image": workload.image.name,
        "imagePullPolicy": workload.image.pull_policy(),
        "command": ["/velero"],
        "args": std::iter::once("server").chain(workload.args.iter().map(String::as_str)).collect::<Vec<_>>(),
        "ports": [
            {"name": "metrics", "containerPort": metrics_port(&workload.args).parse::<u16>().unwrap_or(METRICS_PORT)},
            {"name": DOWNLOAD_PORT_NAME, "containerPort": DOWNLOAD_PORT},
        ],
        "env": env(workload),
        "resources": workload.pod.resources,
        "volumeMounts": mounts(workload),
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    })
}

/// The environment: what the server needs, then what was asked for, which wins.
fn env(workload: &Workload) -> Vec<Value> {
    let field = json!({"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}});
    let mut all = vec![
        json!({"name": "VELERO_SCRATCH_DIR", "value": "/scratch"}),
        json!({"name": "VELERO_NAMESPACE", "valueFrom": field}),
        json!({"name": "LD_LIBRARY_PATH", "value": "/plugins"}),
    ];
    for credentials in &workload.credentials {
        let path = format!("{}/cloud", credentials.mount);
        all.extend(credentials.variables.iter().map(|variable| json!({"name": variable, "value": path})));
    }
    all.retain(|own| workload.pod.env.iter().all(|asked| asked["name"] != own["name"]));
    all.extend(workload.pod.env.iter().cloned());
    all
}

fn mounts(workload: &Workload) -> Vec<Value> {
    let empty = EMPTY_DIRS.iter().map(|(name, path)| json!({"name": name, "mountPath": path}));
    let secrets = workload.credentials.iter().map(
        |credentials| json!({"name": credentials.secret, "mountPath": credentials.mount, "readOnly": true}),
    );
    empty.chain(secrets).chain(workload.volumes.iter().map(location_mount)).collect()
}

fn location_mount(volume: &LocationVolume) -> Value {
    json!({"name": volume.volume_name(), "mountPath": volume.path()})
}

fn volumes(workload: &Workload) -> Vec<Value> {
    let empty = EMPTY_DIRS.iter().map(|(name, _)| json!({"name": name, "emptyDir": {}}));
    let secrets = workload.credentials.iter().map(|credentials| {
        let mut secret = json!({"secretName": credentials.secret, "defaultMode": 0o444});
        if credentials.optional {
            secret["optional"] = Value::Bool(true);
        }
        json!({"name": credentials.secret, "secret": secret})
    });
    empty.chain(secrets).chain(workload.volumes.iter().map(LocationVolume::volume)).collect()
}

/// One step for all hostPath volumes: nobody but root can hand their folders to the server's user.
fn init_containers(workload: &Workload) -> Vec<Value> {
    let host_paths: Vec<_> =
        workload.volumes.iter().filter(|volume| matches!(volume.source, Source::HostPath(_))).collect();
    if host_paths.is_empty() {
        return Vec::new();
    }
    let own = ["prepare-locations".to_owned(), format!("--owner={USER}")];
    let args: Vec<_> = own.into_iter().chain(host_paths.iter().map(|volume| volume.path())).collect();
    vec![json!({
        "name": "prepare-locations",
        "image": workload.image.name,
        "imagePullPolicy": workload.image.pull_policy(),
        "command": ["/salvor"],
        "args": args,
        "volumeMounts": host_paths.iter().map(|volume| location_mount(volume)).collect::<Vec<_>>(),
        "securityContext": {
            "runAsUser": 0,
            "runAsNonRoot": false,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]},
        },
    })]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_may_change_are_pulled_always() {
        for (name, expect) in [
            ("local/salvor:dev", "IfNotPresent"),
            ("salvor", "Always"),
            ("salvor:latest", "Always"),
            ("registry.example:5000/salvor", "Always"),
            ("registry.example:5000/salvor:0.1.0", "IfNotPresent"),
            ("example/salvor@sha256:00", "IfNotPresent"),
        ] {
            let image = Image { name: name.to_owned(), pull_policy: None };
            assert_eq!(image.pull_policy(), expect, "{name}");
            let told = Image { pull_policy: Some("Never".to_owned()), ..image };
            assert_eq!(told.pull_policy(), "Never");
        }
    }

    #[test]
    fn the_port_to_scrape_follows_the_argument() {
        let workload = Workload { args: vec!["--metrics-address=:9000".to_owned()], ..Workload::default() };
        let document = deployment(&workload);
        let template = &document["spec"]["template"];
        assert_eq!(template["metadata"]["annotations"]["prometheus.io/port"], "9000");
        assert_eq!(template["spec"]["containers"][0]["ports"][0]["containerPort"], 9000);
    }

    #[test]
    fn what_was_asked_for_wins_in_the_environment() {
        let env =
            vec![json!({"name": "VELERO_SCRATCH_DIR", "value": "/big"}), json!({"name": "A", "value": "b"})];
        let workload = Workload { pod: Pod { env, ..Pod::default() }, ..Workload::default() };
        let document = deployment(&workload);
        let all = document["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
        let of = |name: &str| all.iter().filter(|one| one["name"] == name).collect::<Vec<_>>();
        assert_eq!(of("VELERO_SCRATCH_DIR"), [&json!({"name": "VELERO_SCRATCH_DIR", "value": "/big"})]);
        assert_eq!(of("A").len(), 1);
    }

    #[test]
    fn a_claim_is_never_held_by_two_pods() {
        let with = |volume: &str| {
            deployment(&Workload { volumes: vec![volume.parse().unwrap()], ..Workload::default() })
        };
        assert_eq!(with("a=pvc:x")["spec"]["strategy"]["type"], "Recreate");
        assert!(with("a=nfs:h:/p")["spec"].get("strategy").is_none());
    }

    #[test]
    fn only_host_paths_need_a_step_as_root() {
        let with = |volume: &str| {
            deployment(&Workload { volumes: vec![volume.parse().unwrap()], ..Workload::default() })
        };
        let pod = with("a=hostPath:/srv")["spec"]["template"]["spec"].clone();
        let step = &pod["initContainers"][0];
        assert_eq!(step["args"], json!(["prepare-locations", "--owner=65532", "/locations/a"]));
        assert_eq!(step["securityContext"]["capabilities"], json!({"drop": ["ALL"], "add": ["CHOWN"]}));
        assert!(with("a=pvc:x")["spec"]["template"]["spec"].get("initContainers").is_none());
    }
}
