//! The conformance of stores, run on every adapter.

use std::sync::Arc;

use super::*;
use crate::adapter::{Filesystem, Memory};
use crate::config::{Location, Wiring, layered, open, resolve};

async fn conforms(store: &dyn Store) {
    let broken = all(store).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test]
async fn memory_conforms() {
    conforms(&Memory::default()).await;
    conforms(layered(Arc::new(Memory::default()), Vec::new(), &Wiring::default()).as_ref()).await;
}

#[tokio::test]
async fn a_mounted_volume_conforms() {
    let root = tempfile::tempdir().unwrap();
    let bare = Filesystem::new(root.path(), "bucket", "");
    conforms(&bare).await;
    let below = Filesystem::new(root.path(), "bucket", "below/this");
    conforms(layered(Arc::new(below), Vec::new(), &Wiring::default()).as_ref()).await;
    assert!(bare.folders("").await.unwrap().is_empty(), "nothing is left");
}

/// The location that `SALVOR_TEST_S3` names: `http://KEY:SECRET@HOST:PORT/BUCKET`.
fn test_location() -> Option<Location> {
    let Ok(text) = std::env::var("SALVOR_TEST_S3") else {
        println!("skipped: SALVOR_TEST_S3 names no server");
        return None;
    };
    let url = url::Url::parse(&text).unwrap();
    let address =
        format!("{}://{}:{}", url.scheme(), url.host().unwrap(), url.port_or_known_default().unwrap());
    let keys = format!(
        "[default]\naws_access_key_id={}\naws_secret_access_key={}\n",
        url.username(),
        url.password().unwrap_or_default()
    );
    let mut location = Location {
        provider: "aws".to_owned(),
        bucket: url.path().to_owned(),
        prefix: format!("conformance-{}", std::process::id()),
        config: [("s3Url".to_owned(), address)].into(),
        credentials: Some(keys.into()),
        ..Location::default()
    };
    if let Ok(path) = std::env::var("SALVOR_TEST_S3_CA") {
        location.ca_cert = Some(std::fs::read(path).unwrap());
    }
    Some(location)
}

fn opened(location: &Location) -> Arc<dyn Store> {
    let mut wiring = Wiring::default();
    wiring.retry.attempts = 1;
    open(&resolve(location).unwrap(), &wiring).unwrap()
}

#[tokio::test]
async fn a_real_server_conforms() {
    let Some(location) = test_location() else { return };
    let store = opened(&location);
    conforms(store.as_ref()).await;
    println!("{:?}", store.capabilities());
    let mut checked = location.clone();
    checked.prefix.push_str("-checked");
    checked.config.insert("checksumAlgorithm".to_owned(), "SHA256".to_owned());
    conforms(opened(&checked).as_ref()).await;
}

#[tokio::test]
async fn unfinished_uploads_on_a_real_server_are_swept() {
    let Some(mut location) = test_location() else { return };
    location.prefix.push_str("-sweep");
    let store = opened(&location);
    let mut upload = store.upload("backups/b/b.tar.gz").await.unwrap();
    upload.write(noise(9 << 20)).await.unwrap();
    // Forgotten, not dropped: as a process that was killed leaves it.
    std::mem::forget(upload);
    let hour = Duration::from_secs(3600);
    assert_eq!(store.sweep(jiff::Timestamp::now() - hour).await.unwrap(), 0);
    assert_eq!(store.sweep(jiff::Timestamp::now() + hour).await.unwrap(), 1);
    assert_eq!(store.sweep(jiff::Timestamp::now() + hour).await.unwrap(), 0);
}

#[tokio::test]
async fn a_real_server_refuses_in_ways_that_are_told_apart() {
    let Some(right) = test_location() else { return };
    let mut secret = right.clone();
    secret.credentials =
        Some("[default]\naws_access_key_id=test\naws_secret_access_key=wrong\n".to_owned().into());
    let mut id = right.clone();
    id.credentials = Some("[default]\naws_access_key_id=nobody\naws_secret_access_key=x\n".to_owned().into());
    let mut bucket = right.clone();
    bucket.bucket = "no-such-bucket-here".to_owned();
    let mut address = right.clone();
    address.config.insert("s3Url".to_owned(), "http://127.0.0.1:9".to_owned());
    let cases = [
        (secret, ErrorKind::Denied, "the credentials are wrong"),
        (id, ErrorKind::Denied, "the credentials are wrong"),
        (bucket, ErrorKind::NoBucket, "the bucket does not exist"),
        (address, ErrorKind::Unavailable, "the store cannot be reached"),
    ];
    for (location, kind, words) in cases {
        let store = opened(&location);
        let error = store.folders("").await.unwrap_err();
        println!("{error}");
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.starts_with(words), "{error}");
        let put = store.put("plugins/x", Bytes::new(), Put::Create).await.unwrap_err();
        assert_eq!(put.kind, kind, "{put}");
    }
    if right.config["s3Url"].starts_with("https") {
        let mut authority = right;
        authority.ca_cert = None;
        let error = opened(&authority).folders("").await.unwrap_err();
        println!("{error}");
        assert_eq!(error.kind, ErrorKind::Certificate, "{error}");
    }
}
