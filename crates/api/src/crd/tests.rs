//! The definitions against Velero's own and against what is committed, and documents through the types.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

/// Where the definitions of Velero and others stand, beside the checkout.
const UPSTREAM: &str = "../shared/crds";

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of somebody's definitions. Where it is not, that is said past the test's captured output: a comparison that was
/// not made must be seen.
fn upstream(name: &str) -> Option<PathBuf> {
    let folder = checkout().join(UPSTREAM).join(name);
    if !folder.is_dir() {
        writeln!(io::stderr(), "skipped: {} is not there to compare with", folder.display()).unwrap();
        return None;
    }
    Some(folder)
}

fn read_yaml(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn file_name(definition: &Value) -> String {
    let spec = &definition["spec"];
    format!("{}_{}.yaml", spec["group"].as_str().unwrap(), spec["names"]["plural"].as_str().unwrap())
}

/// Every schema in a schema by its path, without what it holds and what is only for people.
fn flatten(schema: &Value, path: &str, into: &mut BTreeMap<String, Value>) {
    let mut own = schema.as_object().unwrap().clone();
    own.remove("description");
    for (field, schema) in own.remove("properties").iter().flat_map(|fields| fields.as_object().unwrap()) {
        flatten(schema, &format!("{path}.{field}"), into);
    }
    for (key, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(schema) = own.remove(key) {
            flatten(&schema, &format!("{path}{mark}"), into);
        }
    }
    for key in ["enum", "required"] {
        if let Some(Value::Array(values)) = own.get_mut(key) {
            values.sort_by_key(Value::to_string);
        }
    }
    into.insert(path.to_owned(), Value::Object(own));
}

/// A definition as a flat list of what it says, each by where it says it.
fn facts(definition: &Value) -> BTreeMap<String, Value> {
    let spec = &definition["spec"];
    let [version] = spec["versions"].as_array().unwrap().as_slice() else { panic!("more than one version") };
    let mut facts = BTreeMap::new();
    flatten(&version["schema"]["openAPIV3Schema"], "", &mut facts);
    for key in ["group", "scope"] {
        facts.insert(format!("spec {key}"), spec[key].clone());
    }
    for (key, value) in spec["names"].as_object().unwrap() {
        facts.insert(format!("names {key}"), value.clone());
    }
    for (key, value) in version.as_object().unwrap() {
        if !["schema", "additionalPrinterColumns"].contains(&key.as_str()) {
            facts.insert(format!("version {key}"), value.clone());
        }
    }
    for (at, column) in version["additionalPrinterColumns"].as_array().into_iter().flatten().enumerate() {
        let mut column = column.as_object().unwrap().clone();
        column.remove("description");
        facts.insert(format!("column {at}"), Value::Object(column));
    }
    facts
}

/// What differs between two definitions, one line each.
fn differences(ours: &Value, theirs: &Value) -> Vec<String> {
    let (ours, theirs) = (facts(ours), facts(theirs));
    let mut all: Vec<&String> = ours.keys().chain(theirs.keys()).collect();
    all.sort();
    all.dedup();
    all.into_iter()
        .filter(|path| ours.get(*path) != theirs.get(*path))
        .map(|path| format!("{path}: ours {:?}, theirs {:?}", ours.get(path), theirs.get(path)))
        .collect()
}

#[test]
fn definitions_are_those_of_velero_but_for_what_is_relaxed() {
    let Some(upstream) = upstream("velero-next") else { return };
    let mut relaxed = 0;
    let mut compared = 0;
    for ours in definitions().iter().filter(|definition| definition["spec"]["group"] == "velero.io") {
        let version = ours["spec"]["versions"][0]["name"].as_str().unwrap();
        let mut theirs = read_yaml(&upstream.join(version).join(file_name(ours)));
        let plural = theirs["spec"]["names"]["plural"].as_str().unwrap().to_owned();
        relaxed += relaxed::relax(&mut theirs["spec"]["versions"][0]["schema"]["openAPIV3Schema"], &plural);
        assert_eq!(differences(ours, &theirs), Vec::<String>::new(), "{plural}");
        compared += 1;
    }
    let files = ["v1", "v2alpha1"].map(|version| fs::read_dir(upstream.join(version)).unwrap().count());
    assert_eq!(compared, files.iter().sum::<usize>(), "a kind of Velero's is missing here");
    assert_eq!(relaxed, RELAXED.len(), "a relaxation is of no effect any more");
}

/// Where the definitions of OADP's kinds differ from OADP's own: the beginning of the path, and why.
const OADP_DIFFERENCES: &[(&str, &str)] = &[
    (
        ".spec.backupLocations[].velero.objectStorage.caCertRef",
        "a location may name its certificates in a Secret, as in Velero's newest definition",
    ),
    (
        ".spec.configuration.nodeAgent.podConfig",
        "null stands for no amounts, as OADP has it for the server but not for the node agents",
    ),
    (".spec.configuration.restic.podConfig.env", "an amount is one type, and may be null wherever one may"),
    (".spec.configuration.velero.podConfig.env", "an amount is one type, and may be null wherever one may"),
    (
        ".spec.configuration.velero.args.disabled-controllers",
        "OADP lists the values for the array instead of its items, so that no array is valid",
    ),
    (".spec.nonAdmin.enforceBackupSpec", "fields that Velero's backups got after OADP's definition was made"),
    (
        ".spec.nonAdmin.enforceRestoreSpec",
        "fields that Velero's restores got after OADP's definition was made",
    ),
    (".status.objects", "ours: what was made, and how it is"),
    (".status.observedGeneration", "ours: which generation the status speaks of"),
    (".status.versions", "ours: what runs"),
    ("column", "ours: whether the server runs and its locations answer"),
];

#[test]
fn definitions_of_oadp_are_its_own_but_for_what_is_listed() {
    let Some(upstream) = upstream("oadp") else { return };
    let mut unused: Vec<_> = OADP_DIFFERENCES.iter().map(|(path, _)| *path).collect();
    let mut surprises = Vec::new();
    for ours in definitions().iter().filter(|definition| definition["spec"]["group"] == "oadp.openshift.io") {
        for difference in differences(ours, &read_yaml(&upstream.join(file_name(ours)))) {
            match OADP_DIFFERENCES.iter().find(|(path, _)| difference.starts_with(path)) {
                Some((path, _)) => unused.retain(|other| other != path),
                None => surprises.push(difference),
            }
        }
    }
    assert_eq!(surprises, Vec::<String>::new());
    assert_eq!(unused, Vec::<&str>::new(), "these do not differ any more");
}

#[test]
fn a_changed_field_is_a_difference() {
    let ours = definition::<v1::Backup>();
    let fields = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let mut theirs = ours.clone();
    *theirs.pointer_mut(&format!("{fields}/ttl/type")).unwrap() = "integer".into();
    theirs.pointer_mut(fields).unwrap()["added"] = json!({ "type": "string" });
    let found = differences(&ours, &theirs);
    assert!(
        matches!(found.as_slice(), [a, b] if a.starts_with(".spec.added") && b.starts_with(".spec.ttl")),
        "{found:?}"
    );
}

#[test]
fn committed_definitions_are_those_of_the_types() {
    for definition in definitions() {
        let path = checkout().join("deploy/crds").join(file_name(&definition));
        assert!(read_yaml(&path) == definition, "{} is old: run `cargo xtask codegen`", path.display());
    }
}

/// Draws the values of a document for a schema; the same seed draws the same document.
struct Documents {
    state: u64,
    everything: bool,
}

impl Documents {
    fn coin(&mut self) -> bool {
        // xorshift: enough to choose fields
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.everything || self.state.is_multiple_of(2)
    }

    fn value(&mut self, schema: &Value) -> Value {
        if let Some(values) = schema["enum"].as_array() {
            // the last one: the first may be the default, which need not be written
            return values.last().unwrap().clone();
        }
        match schema["type"].as_str().unwrap() {
            "string" if schema["format"] == "date-time" => json!("2026-11-20T12:34:56Z"),
            // a text that is good as a duration too
            "string" => json!("1h2m3s"),
            "integer" => json!(7),
            "boolean" => json!(true),
            "array" => json!([self.value(&schema["items"])]),
            _ => self.object(schema),
        }
    }

    fn object(&mut self, schema: &Value) -> Value {
        if let Some(values) = schema.get("additionalProperties") {
            return json!({ "key": self.value(values) });
        }
        let mut object = Map::new();
        for (field, schema_of_field) in schema["properties"].as_object().into_iter().flatten() {
            let required =
                schema["required"].as_array().is_some_and(|names| names.iter().any(|name| name == field));
            if !required && !self.coin() {
                continue;
            }
            let value = self.value(schema_of_field);
            // an object that says nothing need not be written
            if required || value != json!({}) {
                object.insert(field.clone(), value);
            }
        }
        Value::Object(object)
    }

    fn document<K: Kind>(&mut self) -> Value {
        let schema = strict_schema::<K>();
        json!({
            "apiVersion": format!("{}/{}", K::GROUP, K::VERSION),
            "kind": K::KIND,
            "metadata": { "name": "n", "namespace": "ns", "labels": { "a": "b" } },
            "spec": self.value(&schema["properties"]["spec"]),
            "status": self.value(&schema["properties"]["status"]),
        })
    }
}

fn survives<K: Kind>(seed: u64, everything: bool) {
    let mut document = Documents { state: seed | 1, everything }.document::<K>();
    if document["status"] == json!({}) {
        document.as_object_mut().unwrap().remove("status");
    }
    let read = K::from_document(&document).unwrap_or_else(|error| panic!("{error}: {document:#}"));
    assert_eq!(read.to_document(), document, "{}", K::KIND);
}

fn all_survive(seed: u64, everything: bool) {
    survives::<v1::Backup>(seed, everything);
    survives::<v1::BackupRepository>(seed, everything);
    survives::<v1::BackupStorageLocation>(seed, everything);
    survives::<v1::DeleteBackupRequest>(seed, everything);
    survives::<v1::DownloadRequest>(seed, everything);
    survives::<v1::PodVolumeBackup>(seed, everything);
    survives::<v1::PodVolumeRestore>(seed, everything);
    survives::<v1::Restore>(seed, everything);
    survives::<v1::Schedule>(seed, everything);
    survives::<v1::ServerStatusRequest>(seed, everything);
    survives::<v1::VolumeSnapshotLocation>(seed, everything);
    survives::<v2alpha1::DataDownload>(seed, everything);
    survives::<v2alpha1::DataUpload>(seed, everything);
}

#[test]
fn documents_with_every_field_survive_the_types() {
    all_survive(1, true);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn documents_with_some_fields_survive_the_types(seed: u64) {
        all_survive(seed, false);
    }
}

/// Sets every value in a document below spec and status to `null`, one level at a time.
fn nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.keys().map(|field| (field.clone(), Value::Null)).collect(),
        _ => Value::Null,
    }
}

#[test]
fn null_reads_as_absent() {
    let full = Documents { state: 1, everything: true }.document::<v1::Backup>();
    let mut document = full.clone();
    document["spec"] = nulls(&full["spec"]);
    document["status"] = nulls(&full["status"]);
    assert_eq!(v1::Backup::from_document(&document).unwrap().spec, v1::BackupSpec::default());
    document["spec"] = Value::Null;
    document["status"] = Value::Null;
    let mut named = v1::Backup::default();
    named.metadata = v1::Backup::from_document(&full).unwrap().metadata;
    assert_eq!(v1::Backup::from_document(&document).unwrap(), named);
}

#[test]
fn unknown_values_and_fields_leave_the_rest_readable() {
    let document = json!({
        "metadata": { "name": "b" },
        "spec": { "ttl": "1h0m0s", "fieldOfTomorrow": [1] },
        "status": { "phase": "PhaseOfTomorrow", "errors": 3 },
    });
    let backup = v1::Backup::from_document(&document).unwrap();
    assert_eq!(backup.status.phase, v1::BackupPhase::Unknown);
    assert_eq!((backup.name(), backup.status.errors), ("b", 3));
    let empty = json!({ "status": { "phase": "" } });
    assert_eq!(v1::Backup::from_document(&empty).unwrap().status.phase, v1::BackupPhase::New);
}

#[test]
fn new_objects_say_what_they_are() {
    let schedule = v1::Schedule::new("velero", "nightly");
    let expect = json!({
        "apiVersion": "velero.io/v1",
        "kind": "Schedule",
        "metadata": { "namespace": "velero", "name": "nightly" },
        "spec": { "schedule": "", "template": {} },
    });
    assert_eq!(schedule.to_document(), expect);
    assert_eq!(
        v1::Schedule::resource_type().path(Some("velero")),
        "/apis/velero.io/v1/namespaces/velero/schedules"
    );
}
