//! The download service over real TLS, with tokens good and bad.

use super::*;
use crate::server::{test_deps, tls};
use api::Kind;
use api::velero::v1::{Backup, BackupStorageLocation, DownloadRequest};
use cluster::fake::FakeCluster;
use serde_json::{Value, json};
use store::adapter::Filesystem;
use store::{Put, Store};

#[expect(clippy::needless_pass_by_value, reason = "tests pass json! literals")]
fn object(kind: &str, name: &str, spec: Value, status: Value) -> Value {
    json!({"apiVersion": "velero.io/v1", "kind": kind, "metadata": {"name": name, "namespace": "velero"},
        "spec": spec, "status": status})
}

#[tokio::test]
async fn a_file_of_a_filesystem_location_is_streamed_over_tls_to_the_holder_of_the_token() {
    let fake = FakeCluster::new();
    for kind in
        [Backup::resource_type(), BackupStorageLocation::resource_type(), DownloadRequest::resource_type()]
    {
        fake.define(&kind);
    }
    let address = "https://salvor-downloads.velero.svc:8443/downloads/d/abc/b-logs.gz";
    let status = json!({"phase": "Processed", "downloadURL": address, "expiration": "2999-01-01T00:00:00Z"});
    fake.seed([
        object("BackupStorageLocation", "default", json!({"provider": "x"}), json!({})),
        object("Backup", "b", json!({"storageLocation": "default"}), json!({})),
        object("DownloadRequest", "d", json!({"target": {"kind": "BackupLog", "name": "b"}}), status),
    ]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("bucket")).unwrap();
    let store = Filesystem::new(folder.path(), "bucket", "");
    let content = vec![7_u8; 300_000];
    store.put("backups/b/b-logs.gz", content.clone().into(), Put::Overwrite).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(serve(listener, tls::self_signed("velero").unwrap(), test_deps(&fake, store)));
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
    let get = async |path: &str| client.get(format!("https://127.0.0.1:{port}{path}")).send().await.unwrap();
    let answer = get("/downloads/d/abc/b-logs.gz").await;
    assert_eq!((answer.status().as_u16(), answer.content_length()), (200, Some(300_000)));
    assert_eq!(answer.bytes().await.unwrap(), content);
    for path in ["/downloads/d/abd/b-logs.gz", "/downloads/e/abc/b-logs.gz", "/", "/downloads/d/abc"] {
        assert_eq!(get(path).await.status().as_u16(), 404, "{path}");
    }
    serving.abort();
}
