//! From an application to its objects, and every refusal.

mod cluster;
mod examples;
mod golden;
mod pending;
mod refusals;
mod state;

use std::collections::BTreeMap;

use api::Kind;
use api::oadp::DataProtectionApplication;
use serde_json::{Value, json};

use super::dereference::{Found, SecretContents};
use super::reconcile::Settings;
use crate::install::deployment::Platform;

fn settings() -> Settings {
    Settings { image: "salvor:0.1.0".to_owned(), platform: Platform::Kubernetes }
}

/// An application of these fields, and the Secrets of all providers.
#[expect(clippy::needless_pass_by_value, reason = "tests pass json! literals")]
fn found(spec: Value) -> Found {
    let document = json!({
        "apiVersion": "oadp.openshift.io/v1alpha1",
        "kind": "DataProtectionApplication",
        "metadata": {"name": "dpa", "namespace": "openshift-adp", "uid": "u-1", "generation": 1},
        "spec": spec,
    });
    of_document(&document)
}

fn of_document(document: &Value) -> Found {
    let aws = "[default]\naws_access_key_id=a\naws_secret_access_key=b\n";
    let azure = "AZURE_SUBSCRIPTION_ID=s\nAZURE_STORAGE_ACCOUNT_ACCESS_KEY=k\n";
    Found {
        application: DataProtectionApplication::from_document(document).unwrap(),
        others: Vec::new(),
        secrets: BTreeMap::from([
            secret("cloud-credentials", "cloud", aws),
            secret("cloud-credentials-gcp", "cloud", "{}"),
            secret("cloud-credentials-azure", "cloud", azure),
        ]),
        namespace: json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}),
        deployment: None,
        locations: Vec::new(),
    }
}

fn secret(name: &str, key: &str, text: &str) -> (String, SecretContents) {
    (name.to_owned(), SecretContents::new([(key.to_owned(), text.as_bytes().to_vec())]))
}

/// The smallest application that is not refused.
fn base() -> Value {
    json!({
        "backupImages": false,
        "configuration": {"velero": {"defaultPlugins": ["aws"]}},
        "backupLocations": [{"velero": {
            "provider": "aws",
            "default": true,
            "objectStorage": {"bucket": "b", "prefix": "p"},
            "config": {"region": "eu"},
        }}],
    })
}

/// The base with a merge patch applied to its fields.
fn with(patch: Value) -> Found {
    let mut spec = base();
    merge(&mut spec, patch);
    found(spec)
}

/// RFC 7386.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(changes) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, change) in changes {
        match change {
            Value::Null => drop(target.as_object_mut().unwrap().remove(&key)),
            change => merge(&mut target[&key], change),
        }
    }
}
