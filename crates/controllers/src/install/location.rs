//! BackupStorageLocations.

use serde_json::{Map, Value, json};

use super::{Strings, metadata};

/// Where backups are to be stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// The name of the location.
    pub name: String,
    /// Who stores.
    pub provider: String,
    /// The bucket.
    pub bucket: String,
    /// The folder of the bucket; empty for none.
    pub prefix: String,
    /// A bundle of certificates to trust, in base64; empty for none.
    pub ca_cert: String,
    /// The Secret and its key that hold certificates to trust.
    pub ca_cert_ref: Option<(String, String)>,
    /// The provider's own keys.
    pub config: Strings,
    /// The Secret and its key; absent for the server's own credentials.
    pub credential: Option<(String, String)>,
    /// Whether backups that name no location go here.
    pub default: bool,
    /// `accessMode`, `backupSyncPeriod` and `validationFrequency`, as they are to stand in the object.
    pub more: Map<String, Value>,
    /// Labels beyond the installation's.
    pub labels: Strings,
}

/// The BackupStorageLocation.
pub fn location(namespace: &str, location: &Location) -> Value {
    let mut storage = Map::from_iter([("bucket".to_owned(), json!(location.bucket))]);
    for (key, value) in [("prefix", &location.prefix), ("caCert", &location.ca_cert)] {
        if !value.is_empty() {
            storage.insert(key.to_owned(), json!(value));
        }
    }
    if let Some((name, key)) = &location.ca_cert_ref {
        storage.insert("caCertRef".to_owned(), json!({"name": name, "key": key}));
    }
    let mut spec = location.more.clone();
    spec.insert("provider".to_owned(), json!(location.provider));
    spec.insert("objectStorage".to_owned(), Value::Object(storage));
    if !location.config.is_empty() {
        spec.insert("config".to_owned(), json!(location.config));
    }
    if location.default {
        spec.insert("default".to_owned(), Value::Bool(true));
    }
    if let Some((name, key)) = &location.credential {
        spec.insert("credential".to_owned(), json!({"name": name, "key": key}));
    }
    json!({
        "apiVersion": "velero.io/v1",
        "kind": "BackupStorageLocation",
        "metadata": metadata(&location.name, namespace, &location.labels),
        "spec": spec,
    })
}
