//! Stores opened from locations: credentials, warnings, and when they are opened again.

use super::*;
use cluster::fake::FakeCluster;
use serde_json::{Value, json};

fn secret(name: &str, key: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "velero"},
           "data": {key: STANDARD.encode(value)}})
}

#[expect(clippy::needless_pass_by_value, reason = "tests pass json! literals")]
fn location(spec: Value) -> BackupStorageLocation {
    let document = json!({"apiVersion": "velero.io/v1", "kind": "BackupStorageLocation",
        "metadata": {"name": "l", "namespace": "velero"}, "spec": spec});
    BackupStorageLocation::from_document(&document).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "tests pass json! literals")]
fn s3(more: Value) -> BackupStorageLocation {
    let mut spec = json!({
        "provider": "aws", "objectStorage": {"bucket": "b"},
        "credential": {"name": "cloud", "key": "k"},
        "config": {"region": "r", "s3Url": "http://127.0.0.1:1"},
    });
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    location(spec)
}

fn stores(objects: Vec<Value>) -> (FakeCluster, ClusterStores) {
    let fake = FakeCluster::new();
    fake.seed(objects);
    let stores = ClusterStores::new(Arc::new(fake.clone()), "velero", BTreeMap::new(), Wiring::default());
    (fake, stores)
}

const PROFILE: &str = "[default]\naws_access_key_id=ID\naws_secret_access_key=";

#[tokio::test]
async fn a_store_stays_open_until_its_credentials_change() {
    let (fake, stores) = stores(vec![secret("cloud", "k", &format!("{PROFILE}old"))]);
    let first = stores.open(&s3(json!({}))).await.unwrap();
    let second = stores.open(&s3(json!({}))).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    fake.seed([secret("cloud", "k", &format!("{PROFILE}new"))]);
    let third = stores.open(&s3(json!({}))).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &third));
}

#[tokio::test]
async fn what_is_missing_or_contradicts_itself_is_named() {
    let ca = |more: Value| s3(json!({"objectStorage": more}));
    for (location, expect) in [
        (s3(json!({"credential": {"name": "none", "key": "k"}})), "find Secret none in namespace velero"),
        (s3(json!({"credential": {"name": "cloud", "key": "none"}})), "find key none in Secret cloud"),
        (
            ca(json!({"bucket": "b", "caCert": "eA==", "caCertRef": {"name": "cloud", "key": "k"}})),
            "both set",
        ),
        (ca(json!({"bucket": "b", "caCert": "***"})), "not base64"),
        (ca(json!({"bucket": "b", "caCert": STANDARD.encode("no certificate")})), "ertificate"),
        (ca(json!({"bucket": "b/c"})), "b/c"),
        (s3(json!({"provider": "floppy"})), "floppy"),
        (
            s3(json!({"config": {"credentialsFile": "/no/such"}, "credential": null})),
            "config.credentialsFile",
        ),
        (s3(json!({"config": {"region": "r", "customerKeyEncryptionSecret": "cloud/k"}})), "not 32"),
    ] {
        let (_, stores) = stores(vec![secret("cloud", "k", &format!("{PROFILE}SECRET"))]);
        let error = stores.open(&location).await.map(drop).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
        assert!(!error.contains("SECRET"), "{error}");
    }
}

#[tokio::test]
async fn a_connection_that_is_not_verified_is_warned_of() {
    let (_, stores) = stores(vec![secret("cloud", "k", &format!("{PROFILE}x"))]);
    let config =
        json!({"config": {"region": "r", "s3Url": "https://127.0.0.1:1", "insecureSkipTLSVerify": "true"}});
    assert_eq!(stores.warnings(&s3(config)).await.unwrap().len(), 1);
    assert!(stores.warnings(&s3(json!({}))).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_credentials_file_of_the_process_is_used_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cloud");
    let environment = |path: &std::path::Path| {
        BTreeMap::from([(
            "AWS_SHARED_CREDENTIALS_FILE".to_owned(),
            SecretString::from(path.display().to_string()),
        )])
    };
    let fake: Arc<dyn Cluster> = Arc::new(FakeCluster::new());
    let stores = ClusterStores::new(fake, "velero", environment(&path), Wiring::default());
    let refers = References::default();
    assert!(stores.credentials_file("aws", &refers).await.unwrap().is_none());
    std::fs::write(&path, PROFILE).unwrap();
    let found = stores.credentials_file("velero.io/aws", &refers).await.unwrap().unwrap();
    assert_eq!(found.expose_secret(), PROFILE);
}
