//! CustomResourceDefinitions, made from the types of this crate.

mod relaxed;
mod structural;

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::oadp;
use crate::velero::{v1, v2alpha1};
use crate::{Column, Kind};

pub use relaxed::{Change, RELAXED, Relaxation};

/// The definitions of all kinds.
pub fn definitions() -> Vec<Value> {
    vec![
        definition::<oadp::DataProtectionApplication>(),
        definition::<v1::Backup>(),
        definition::<v1::BackupRepository>(),
        definition::<v1::BackupStorageLocation>(),
        definition::<v1::DeleteBackupRequest>(),
        definition::<v1::DownloadRequest>(),
        definition::<v1::PodVolumeBackup>(),
        definition::<v1::PodVolumeRestore>(),
        definition::<v1::Restore>(),
        definition::<v1::Schedule>(),
        definition::<v1::ServerStatusRequest>(),
        definition::<v1::VolumeSnapshotLocation>(),
        definition::<v2alpha1::DataDownload>(),
        definition::<v2alpha1::DataUpload>(),
    ]
}

/// The definition of one kind. None of Velero's has a status subresource: every client patches status with the
/// rest.
pub fn definition<K: Kind>() -> Value {
    let singular = K::KIND.to_ascii_lowercase();
    let mut names = json!({
        "kind": K::KIND,
        "listKind": format!("{}List", K::KIND),
        "plural": K::PLURAL,
        "singular": singular,
    });
    if !K::SHORT_NAMES.is_empty() {
        names["shortNames"] = json!(K::SHORT_NAMES);
    }
    let mut version = json!({
        "name": K::VERSION,
        "served": true,
        "storage": true,
        "subresources": if K::STATUS_SUBRESOURCE { json!({ "status": {} }) } else { json!({}) },
        "schema": { "openAPIV3Schema": schema::<K>() },
    });
    if !K::COLUMNS.is_empty() {
        version["additionalPrinterColumns"] = K::COLUMNS.iter().map(column).collect();
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{}.{}", K::PLURAL, K::GROUP) },
        "spec": {
            "group": K::GROUP,
            "names": names,
            "scope": if K::NAMESPACED { "Namespaced" } else { "Cluster" },
            "versions": [version],
        },
    })
}

/// The structural schema of one kind.
fn schema<K: Kind>() -> Value {
    let mut schema = strict_schema::<K>();
    relaxed::relax(&mut schema, K::PLURAL);
    schema
}

/// The schema of what is written today, which older objects need not follow.
fn strict_schema<K: Kind>() -> Value {
    // what is written, not what is read: reading demands nothing, and so would the schema
    let settings = SchemaSettings::default().for_serialize().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<K>().to_value();
    structural::clean(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.remove("required");
    }
    let properties = &mut schema["properties"];
    properties["apiVersion"] =
        json!({ "type": "string", "description": "The group and version of this object." });
    properties["kind"] = json!({ "type": "string", "description": "The kind of this object." });
    properties["metadata"] = json!({ "type": "object" });
    schema
}

fn column(column: &Column) -> Value {
    let mut value = Map::new();
    value.insert("name".into(), column.name.into());
    value.insert("type".into(), column.kind.into());
    value.insert("jsonPath".into(), column.path.into());
    if let Some(format) = column.format {
        value.insert("format".into(), format.into());
    }
    if column.priority != 0 {
        value.insert("priority".into(), column.priority.into());
    }
    if !column.description.is_empty() {
        value.insert("description".into(), column.description.into());
    }
    Value::Object(value)
}

/// The schema of a label selector.
pub(crate) fn label_selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {
                "description": "Labels that an object must have.",
                "type": "object",
                "additionalProperties": { "type": "string" },
            },
            "matchExpressions": {
                "description": "Conditions that the labels of an object must fulfil.",
                "type": "array",
                "x-kubernetes-list-type": "atomic",
                "items": label_requirement(),
            },
        },
    })
}

fn label_requirement() -> Value {
    json!({
        "type": "object",
        "required": ["key", "operator"],
        "properties": {
            "key": { "description": "The label.", "type": "string" },
            "operator": { "description": "In, NotIn, Exists or DoesNotExist.", "type": "string" },
            "values": {
                "description": "What In and NotIn compare with.",
                "type": "array",
                "x-kubernetes-list-type": "atomic",
                "items": { "type": "string" },
            },
        },
    })
}

/// The schema of a list of label selectors.
pub(crate) fn label_selectors(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": label_selector(generator) })
}

/// The schema of a list of objects that the API server keeps as they are.
pub(crate) fn free_objects(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "x-kubernetes-preserve-unknown-fields": true,
        "items": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
    })
}

#[cfg(test)]
mod tests;
