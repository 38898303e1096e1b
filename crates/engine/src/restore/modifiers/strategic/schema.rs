//! Which lists of Kubernetes' own kinds are merged member by member, and by which field: facts of the API, as its
//! definitions have them in `x-kubernetes-patch-merge-key`.

/// What is known of the fields of an object. Objects that are not listed have no such lists; lists that are not listed are
/// replaced.
pub(super) struct Schema(&'static [(&'static str, Field)]);

/// What is known of a field.
pub(super) enum Field {
    /// It is an object.
    Object(&'static Schema),
    /// It is a list whose members are told apart by a field.
    Keyed(&'static str, &'static Schema),
    /// It is a list of plain values, each of which is there once.
    Set,
}

impl Schema {
    /// What is known of a field.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, field)| field)
    }

    /// What is known of the fields of an object in a field.
    pub(super) fn object(&self, name: &str) -> &'static Schema {
        match self.field(name) {
            Some(Field::Object(schema)) => schema,
            _ => &NOTHING,
        }
    }

    /// By what the members of a list are told apart, if by a field.
    pub(super) fn key(&self, name: &str) -> Option<&'static str> {
        match self.field(name) {
            Some(Field::Keyed(key, _)) => Some(*key),
            _ => None,
        }
    }
}

/// An object of which nothing is known.
pub(super) static NOTHING: Schema = Schema(&[]);

static METADATA: Schema =
    Schema(&[("finalizers", Field::Set), ("ownerReferences", Field::Keyed("uid", &NOTHING))]);
static CONTAINER: Schema = Schema(&[
    ("env", Field::Keyed("name", &NOTHING)),
    ("ports", Field::Keyed("containerPort", &NOTHING)),
    ("volumeDevices", Field::Keyed("devicePath", &NOTHING)),
    ("volumeMounts", Field::Keyed("mountPath", &NOTHING)),
]);
static POD_SPEC: Schema = Schema(&[
    ("containers", Field::Keyed("name", &CONTAINER)),
    ("ephemeralContainers", Field::Keyed("name", &CONTAINER)),
    ("hostAliases", Field::Keyed("ip", &NOTHING)),
    ("imagePullSecrets", Field::Keyed("name", &NOTHING)),
    ("initContainers", Field::Keyed("name", &CONTAINER)),
    ("resourceClaims", Field::Keyed("name", &NOTHING)),
    ("schedulingGates", Field::Keyed("name", &NOTHING)),
    ("topologySpreadConstraints", Field::Keyed("topologyKey", &NOTHING)),
    ("volumes", Field::Keyed("name", &NOTHING)),
]);
static POD: Schema = Schema(&[("metadata", Field::Object(&METADATA)), ("spec", Field::Object(&POD_SPEC))]);
static WITH_TEMPLATE: Schema = Schema(&[("template", Field::Object(&POD))]);
static WORKLOAD: Schema =
    Schema(&[("metadata", Field::Object(&METADATA)), ("spec", Field::Object(&WITH_TEMPLATE))]);
static JOB_TEMPLATE: Schema = Schema(&[("jobTemplate", Field::Object(&WORKLOAD))]);
static CRON_JOB: Schema =
    Schema(&[("metadata", Field::Object(&METADATA)), ("spec", Field::Object(&JOB_TEMPLATE))]);
static POD_TEMPLATE: Schema =
    Schema(&[("metadata", Field::Object(&METADATA)), ("template", Field::Object(&POD))]);
static SERVICE_SPEC: Schema = Schema(&[("ports", Field::Keyed("port", &NOTHING))]);
static SERVICE: Schema =
    Schema(&[("metadata", Field::Object(&METADATA)), ("spec", Field::Object(&SERVICE_SPEC))]);
static ACCOUNT: Schema =
    Schema(&[("metadata", Field::Object(&METADATA)), ("secrets", Field::Keyed("name", &NOTHING))]);
static WEBHOOK: Schema = Schema(&[("matchConditions", Field::Keyed("name", &NOTHING))]);
static WEBHOOKS: Schema =
    Schema(&[("metadata", Field::Object(&METADATA)), ("webhooks", Field::Keyed("name", &WEBHOOK))]);
static POLICY_SPEC: Schema = Schema(&[
    ("matchConditions", Field::Keyed("name", &NOTHING)),
    ("variables", Field::Keyed("name", &NOTHING)),
]);
static POLICY: Schema =
    Schema(&[("metadata", Field::Object(&METADATA)), ("spec", Field::Object(&POLICY_SPEC))]);
static MUTATING_SPEC: Schema = Schema(&[("matchConditions", Field::Keyed("name", &NOTHING))]);
static MUTATING_POLICY: Schema =
    Schema(&[("metadata", Field::Object(&METADATA)), ("spec", Field::Object(&MUTATING_SPEC))]);
/// A kind that has no such lists but those of every object.
static PLAIN: Schema = Schema(&[("metadata", Field::Object(&METADATA))]);

/// The groups of Kubernetes' own kinds.
const GROUPS: &[&str] = &[
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// What is known of a kind; `None` for kinds that are not Kubernetes' own.
pub(super) fn of(api_version: &str, kind: &str) -> Option<&'static Schema> {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    match (group, kind) {
        ("", "Pod") => Some(&POD),
        ("", "PodTemplate") => Some(&POD_TEMPLATE),
        ("", "ReplicationController")
        | ("apps" | "extensions", "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet")
        | ("batch", "Job")
        | ("apps.openshift.io", "DeploymentConfig") => Some(&WORKLOAD),
        ("batch", "CronJob") => Some(&CRON_JOB),
        ("", "Service") => Some(&SERVICE),
        ("", "ServiceAccount") => Some(&ACCOUNT),
        (
            "admissionregistration.k8s.io",
            "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration",
        ) => Some(&WEBHOOKS),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => Some(&POLICY),
        ("admissionregistration.k8s.io", "MutatingAdmissionPolicy") => Some(&MUTATING_POLICY),
        (group, _) if GROUPS.contains(&group) => Some(&PLAIN),
        _ => None,
    }
}
