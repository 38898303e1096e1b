//! Backup locations that tests make beside the one that an installation has.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::wait::{Look, until};

use crate::world::{BUCKET, World};

/// How long a location may take to be looked at again.
const PATIENCE: Duration = Duration::from_secs(120);

/// Makes a location below `prefix` in the bucket of all, changed as `change` says.
pub(crate) async fn make_location(world: &World, server: &str, name: &str, prefix: &str, change: &Value) {
    let mut document = json!({
        "apiVersion": "velero.io/v1", "kind": "BackupStorageLocation",
        "metadata": {"name": name, "namespace": server},
        "spec": {
            "provider": "aws", "validationFrequency": "1s",
            "objectStorage": {"bucket": BUCKET, "prefix": prefix},
            "config": {"region": "us-east-1", "s3ForcePathStyle": "true", "s3Url": world.s3.endpoint},
        },
    });
    merge(&mut document["spec"], change);
    world.submit(server, "backupstoragelocations", &document).await.unwrap();
}

fn merge(target: &mut Value, change: &Value) {
    match (target, change) {
        (Value::Object(target), Value::Object(change)) => {
            change.iter().for_each(|(key, value)| merge(target.entry(key).or_insert(Value::Null), value));
        }
        (target, change) => *target = change.clone(),
    }
}

/// Waits until a location is in a phase, with a message that says so.
pub(crate) async fn location_is(world: &World, server: &str, name: &str, phase: &str, says: &str) {
    let path = format!("/apis/velero.io/v1/namespaces/{server}/backupstoragelocations/{name}");
    until(&format!("location {name} is not {phase} ({says})"), PATIENCE, || async {
        let location = world.cluster.client().get(&path).await?.unwrap_or_default();
        let status = &location["status"];
        let told = status["message"].as_str().unwrap_or_default().contains(says);
        Ok(if status["phase"] == phase && told { Look::Done(()) } else { Look::NotYet(status.to_string()) })
    })
    .await
    .unwrap();
}
