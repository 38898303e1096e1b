//! The conformance of stores, run on every adapter.

use std::sync::Arc;

use secrecy::ExposeSecret as _;

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

/// The locations that the environment names, as `http://KEY:SECRET@HOST:PORT/BUCKET`: `SALVOR_TEST_S3`, and
/// `SALVOR_TEST_S3_TLS` with its authority in the file `SALVOR_TEST_S3_CA`.
fn test_locations() -> Vec<Location> {
    let named = |variable| std::env::var(variable).ok();
    let plain = named("SALVOR_TEST_S3").map(|url| test_location(&url, None));
    let authority = named("SALVOR_TEST_S3_CA").map(|path| std::fs::read(path).unwrap());
    let tls = named("SALVOR_TEST_S3_TLS").map(|url| test_location(&url, authority));
    if plain.is_none() {
        println!("skipped: SALVOR_TEST_S3 names no server");
    }
    plain.into_iter().chain(tls).collect()
}

fn test_location(text: &str, ca_cert: Option<Vec<u8>>) -> Location {
    let url = url::Url::parse(text).unwrap();
    let address =
        format!("{}://{}:{}", url.scheme(), url.host().unwrap(), url.port_or_known_default().unwrap());
    Location {
        provider: "aws".to_owned(),
        bucket: url.path().trim_start_matches('/').to_owned(),
        prefix: format!("conformance-{}", std::process::id()),
        config: [("s3Url".to_owned(), address)].into(),
        credentials: Some(keys(url.username(), url.password().unwrap_or_default())),
        ca_cert,
        ..Location::default()
    }
}

fn keys(id: &str, secret: &str) -> secrecy::SecretString {
    format!("[default]\naws_access_key_id={id}\naws_secret_access_key={secret}\n").into()
}

pub(super) fn opened(location: &Location) -> Arc<dyn Store> {
    let mut wiring = Wiring::default();
    wiring.retry.attempts = 1;
    open(&resolve(location).unwrap(), &wiring).unwrap()
}

#[tokio::test]
async fn real_servers_conform() {
    for location in test_locations() {
        let store = opened(&location);
        conforms(store.as_ref()).await;
        println!("{:?}", store.capabilities());
        let mut checked = location.clone();
        checked.prefix.push_str("-checked");
        checked.config.insert("checksumAlgorithm".to_owned(), "SHA256".to_owned());
        conforms(opened(&checked).as_ref()).await;
    }
}

#[tokio::test]
async fn unfinished_uploads_on_real_servers_are_swept() {
    for mut location in test_locations() {
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
}

#[tokio::test]
async fn real_servers_refuse_in_ways_that_are_told_apart() {
    for right in test_locations() {
        let changed = |change: fn(&mut Location)| {
            let mut location = right.clone();
            change(&mut location);
            location
        };
        let secret = changed(|location| {
            let file = location.credentials.as_ref().unwrap().expose_secret();
            let id = file.split(['=', '\n']).nth(2).unwrap();
            location.credentials = Some(keys(id, "wrong"));
        });
        let id = changed(|location| location.credentials = Some(keys("nobody", "x")));
        let bucket = changed(|location| location.bucket = "no-such-bucket-here".to_owned());
        let address = changed(|location| {
            location.config.insert("s3Url".to_owned(), "http://127.0.0.1:9".to_owned());
        });
        refused(&secret, ErrorKind::Denied, "the credentials are wrong").await;
        refused(&id, ErrorKind::Denied, "the credentials are wrong").await;
        refused(&bucket, ErrorKind::NoBucket, "the bucket does not exist").await;
        refused(&address, ErrorKind::Unavailable, "the store cannot be reached").await;
        if right.ca_cert.is_some() {
            let authority = changed(|location| location.ca_cert = None);
            refused(&authority, ErrorKind::Certificate, "certificate is not trusted").await;
        }
    }
}

/// Reading and writing fail in the same way.
async fn refused(location: &Location, kind: ErrorKind, words: &str) {
    let store = opened(location);
    let error = store.folders("").await.unwrap_err();
    println!("{error}");
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.message.contains(words), "{error}");
    let put = store.put("plugins/x", Bytes::new(), Put::Create).await.unwrap_err();
    assert_eq!(put.kind, kind, "{put}");
}
