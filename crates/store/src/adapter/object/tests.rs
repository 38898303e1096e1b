//! What is sent to a store and what its answers mean, against a server that answers by script.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::config::{Location, Wiring, open, resolve};
use crate::{ErrorKind, Put, Store};

/// Gives the status line, further header lines and the body that answer a request.
type Script = fn(&str) -> (&'static str, &'static str, &'static str);

/// A configuration as it is written in a table of cases.
type Config<'a> = &'a [(&'a str, &'a str)];

/// A server that answers by script and keeps the heads of requests.
struct Server {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, script, Arc::clone(&kept)));
            }
        });
        Self { address, heads }
    }

    /// The heads of requests so far, in lower case.
    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    fn open(&self, config: Config<'_>) -> Arc<dyn Store> {
        let mut config: std::collections::BTreeMap<String, String> =
            config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        config.insert("s3Url".to_owned(), self.address.clone());
        let keys = "[default]\naws_access_key_id=ID\naws_secret_access_key=TOPSECRET\n".to_owned();
        let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".to_owned();
        let location = Location {
            provider: "aws".to_owned(),
            bucket: "bucket".to_owned(),
            prefix: "pre".to_owned(),
            config,
            credentials: Some(keys.into()),
            customer_key: Some(key.into()),
            ..Location::default()
        };
        opened(&location)
    }

    fn open_google(&self) -> Arc<dyn Store> {
        // Without `disable_oauth`, a token would be asked for at Google's address.
        let account = r#"{"type": "service_account", "private_key": "none", "private_key_id": "none",
            "client_email": "tests@example.com", "disable_oauth": true}"#;
        opened(&Location {
            provider: "gcp".to_owned(),
            bucket: "bucket".to_owned(),
            config: [("storeEndpoint".to_owned(), self.address.clone())].into(),
            credentials: Some(account.to_owned().into()),
            ..Location::default()
        })
    }
}

fn opened(location: &Location) -> Arc<dyn Store> {
    let mut wiring = Wiring::default();
    wiring.retry.attempts = 2;
    wiring.retry.first_wait = Duration::from_millis(1);
    open(&resolve(location).unwrap(), &wiring).unwrap()
}

/// Answers one request and closes.
async fn serve(mut connection: TcpStream, script: Script, heads: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    let head = loop {
        if connection.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        if body.len() >= length.and_then(|digits| digits.parse().ok()).unwrap_or(0) {
            break head.to_owned();
        }
    };
    let (status, headers, body) = script(&head);
    heads.lock().unwrap().push(head);
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _ = connection.write_all(answer.as_bytes()).await;
}

const PUT_DONE: (&str, &str, &str) = ("200 OK", "ETag: \"e\"\r\n", "");

#[tokio::test]
async fn settings_become_headers() {
    let cases: [(Config, &[&str]); 6] = [
        (&[], &["put /bucket/pre/k http", "x-amz-content-sha256: 9f86d0"]),
        (&[("serverSideEncryption", "AES256")], &["x-amz-server-side-encryption: aes256"]),
        (
            &[("kmsKeyId", "key-1")],
            &["x-amz-server-side-encryption: aws:kms", "x-amz-server-side-encryption-aws-kms-key-id: key-1"],
        ),
        (
            &[("customerKeyEncryptionFile", "/k")],
            &["customer-algorithm: aes256", "customer-key: mdeymzq1", "customer-key-md5: "],
        ),
        (&[("tagging", "a=1&b=2")], &["x-amz-tagging: a=1&b=2"]),
        (&[("checksumAlgorithm", "SHA256")], &["x-amz-checksum-sha256: "]),
    ];
    for (config, expect) in cases {
        let server = Server::start(|_| PUT_DONE).await;
        let store = server.open(config);
        store.put("k", Bytes::from_static(b"test"), Put::Overwrite).await.unwrap();
        let heads = server.heads();
        for header in expect {
            assert!(heads[0].contains(header), "{header} in {}", heads[0]);
        }
        assert!(heads[0].contains("/us-east-1/s3/aws4_request"), "{}", heads[0]);
    }
}

#[tokio::test]
async fn conditions_are_sent() {
    let server = Server::start(|_| PUT_DONE).await;
    let store = server.open(&[]);
    let tag = store.put("k", Bytes::new(), Put::Create).await.unwrap().unwrap();
    store.put("k", Bytes::new(), Put::Replace(tag)).await.unwrap();
    let heads = server.heads();
    assert!(heads[0].contains("if-none-match: *") && heads[1].contains("if-match: \"e\""), "{heads:?}");
}

#[tokio::test]
async fn a_store_without_conditions_is_looked_at_first() {
    let server = Server::start(|head| match head {
        head if head.contains("if-none-match") => ("501 Not Implemented", "", ""),
        head if head.starts_with("head") => ("404 Not Found", "", ""),
        _ => PUT_DONE,
    })
    .await;
    let store = server.open(&[]);
    assert!(store.capabilities().create);
    store.put("k", Bytes::new(), Put::Create).await.unwrap();
    assert!(!store.capabilities().create);
}

#[tokio::test]
async fn the_region_that_the_store_names_is_used() {
    fn moved(head: &str) -> (&'static str, &'static str, &'static str) {
        let listed = "<ListBucketResult><CommonPrefixes><Prefix>pre/backups/</Prefix></CommonPrefixes></ListBucketResult>";
        match (head.contains("/eu-west-7/"), head.starts_with("head")) {
            (true, true) => ("200 OK", "Last-Modified: Sat, 21 Nov 2026 01:00:00 GMT\r\nETag: \"e\"\r\n", ""),
            (true, false) => ("200 OK", "", listed),
            (false, true) => ("400 Bad Request", "x-amz-bucket-region: eu-west-7\r\n", ""),
            (false, false) => (
                "400 Bad Request",
                "",
                "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-7</Region></Error>",
            ),
        }
    }
    let server = Server::start(moved).await;
    assert_eq!(server.open(&[]).folders("").await.unwrap(), ["backups"]);
    assert!(server.open(&[]).head("k").await.is_ok());
    let link = server.open(&[]).presign("k", Duration::from_secs(9)).await.unwrap().unwrap();
    assert!(link.contains("%2Feu-west-7%2F"), "{link}");
}

#[tokio::test]
async fn links_name_the_public_address_and_never_carry_a_customers_key() {
    let server = Server::start(|_| ("500 Never Asked", "", "")).await;
    let config = [("publicUrl", "https://192.0.2.1/"), ("region", "r1")];
    let link = server.open(&config).presign("a b", Duration::from_secs(600)).await.unwrap().unwrap();
    assert!(link.starts_with("https://192.0.2.1/bucket/pre/a%20b?"), "{link}");
    assert!(link.contains("X-Amz-Expires=600") && !link.contains("TOPSECRET"), "{link}");
    let sealed = server.open(&[("customerKeyEncryptionFile", "/k")]);
    assert_eq!(sealed.presign("k", Duration::from_secs(600)).await.unwrap(), None);
}

#[tokio::test]
async fn answers_have_their_kinds_and_only_passing_failures_are_asked_again() {
    let cases: [(Script, ErrorKind, usize); 6] = [
        (|_| ("500 Internal Server Error", "", ""), ErrorKind::Unavailable, 2),
        (|_| ("503 Slow Down", "", "<Error><Code>SlowDown</Code></Error>"), ErrorKind::Unavailable, 2),
        (|_| ("429 Too Many Requests", "", ""), ErrorKind::Unavailable, 2),
        (|_| ("403 Forbidden", "", "<Error><Code>AccessDenied</Code></Error>"), ErrorKind::Denied, 1),
        (|_| ("404 Not Found", "", "<Error><Code>NoSuchBucket</Code></Error>"), ErrorKind::NoBucket, 1),
        (|_| ("404 Not Found", "", "<Error><Code>NoSuchKey</Code></Error>"), ErrorKind::NotFound, 1),
    ];
    for (script, kind, requests) in cases {
        let server = Server::start(script).await;
        let error = server.open(&[]).get("k").await.unwrap_err();
        assert_eq!((error.kind, server.heads().len()), (kind, requests), "{error}");
    }
}

#[tokio::test]
async fn an_upload_that_the_store_breaks_off_is_no_object() {
    let server = Server::start(|head| match head {
        head if head.starts_with("post") && head.contains("uploads") => (
            "200 OK",
            "",
            "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>",
        ),
        head if head.starts_with("delete") => ("204 No Content", "", ""),
        _ => ("403 Forbidden", "", ""),
    })
    .await;
    let store = server.open(&[("region", "r1")]);
    let mut upload = store.upload("k").await.unwrap();
    upload.write(vec![0; 9 << 20].into()).await.unwrap();
    assert_eq!(upload.complete().await.unwrap_err().kind, ErrorKind::Denied);
    upload.abort().await.unwrap();
    assert!(server.heads().iter().any(|head| head.starts_with("delete") && head.contains("uploadid=u1")));
    assert!(!server.heads().iter().any(|head| head.starts_with("post") && head.contains("uploadid=u1")));
}

#[tokio::test]
async fn versions_on_google_cloud_are_generations() {
    let script: Script = |_| {
        let told =
            "etag: \"abc\"\r\nx-goog-generation: 42\r\nlast-modified: Sun, 01 Mar 2026 00:00:00 GMT\r\n";
        ("200 OK", told, "")
    };
    let server = Server::start(script).await;
    let store = server.open_google();
    let first = store.put("marker", Bytes::from_static(b"1"), Put::Create).await.unwrap().unwrap();
    assert_eq!(store.head("marker").await.unwrap().tag.as_ref(), Some(&first));
    store.put("marker", Bytes::from_static(b"2"), Put::Replace(first)).await.unwrap();
    let heads = server.heads();
    assert!(heads[0].contains("x-goog-if-generation-match: 0"), "{heads:?}");
    assert!(heads[2].contains("x-goog-if-generation-match: 42"), "{heads:?}");
}
