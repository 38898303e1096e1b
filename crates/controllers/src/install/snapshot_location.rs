//! VolumeSnapshotLocations.

use serde_json::{Map, Value, json};

use super::{Strings, metadata};

/// Where a provider keeps its own volume snapshots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotLocation {
    /// The name of the location.
    pub name: String,
    /// Who takes the snapshots.
    pub provider: String,
    /// The provider's own keys.
    pub config: Strings,
    /// The Secret and its key; absent for the server's own credentials.
    pub credential: Option<(String, String)>,
    /// Labels beyond the installation's.
    pub labels: Strings,
}

/// The VolumeSnapshotLocation.
pub fn snapshot_location(namespace: &str, location: &SnapshotLocation) -> Value {
    let mut spec = Map::from_iter([("provider".to_owned(), json!(location.provider))]);
    if !location.config.is_empty() {
        spec.insert("config".to_owned(), json!(location.config));
    }
    if let Some((name, key)) = &location.credential {
        spec.insert("credential".to_owned(), json!({"name": name, "key": key}));
    }
    json!({
        "apiVersion": "velero.io/v1",
        "kind": "VolumeSnapshotLocation",
        "metadata": metadata(&location.name, namespace, &location.labels),
        "spec": spec,
    })
}
