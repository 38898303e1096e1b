//! Uploads to S3 that nobody finished: their parts are stored, and paid for, until somebody gives them up.

use std::sync::Arc;

use bytes::Bytes;
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};

use super::error::{element, plain, translate};
use crate::bucket::TOP_LEVEL;
use crate::{Error, ErrorKind, Result};

/// How long a request may be under way before its signature ends.
const VALID: std::time::Duration = std::time::Duration::from_secs(300);

/// Finds and gives up unfinished uploads. The client library cannot list them, but it can sign.
#[derive(Clone)]
pub(crate) struct Leftovers {
    /// Signs requests to the store's own address.
    pub(crate) signer: Arc<dyn Signer>,
    /// Sends them.
    pub(crate) client: HttpClient,
}

/// An upload that is not finished.
#[derive(Debug, PartialEq, Eq)]
struct Unfinished {
    key: String,
    upload: String,
    begun: jiff::Timestamp,
}

impl Leftovers {
    /// Gives up uploads below `prefix` that were begun before a moment, of one page; how many.
    pub(super) async fn sweep(&self, prefix: &str, before: jiff::Timestamp) -> Result<u64> {
        let query = [("uploads", ""), ("prefix", prefix)];
        let listed = self.send("GET", &Path::ROOT, &query).await?;
        let listed = unfinished(&String::from_utf8_lossy(&listed));
        let mut swept = 0;
        for one in listed.iter().filter(|one| one.begun < before && is_ours(&one.key, prefix)) {
            if let Ok(path) = Path::parse(&one.key) {
                self.send("DELETE", &path, &[("uploadId", &one.upload)]).await?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// Sends a request that its address authorizes.
    async fn send(&self, method: &str, path: &Path, query: &[(&str, &str)]) -> Result<Bytes> {
        let failed = |error: object_store::Error| translate("sweep", path.as_ref(), &error);
        let query = query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let options = SignedUrlOptions::default().with_query(query);
        let url = self.signer.signed_url_opts(method.parse().unwrap_or_default(), path, VALID, &options);
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = method.parse().unwrap_or_default();
        *request.uri_mut() =
            url.await.map_err(failed)?.as_str().parse().map_err(|_| other(path, "bad address"))?;
        let generic = |error| object_store::Error::Generic { store: "S3", source: Box::new(error) };
        let answer = self.client.execute(request).await.map_err(|error| failed(generic(error)))?;
        let status = answer.status();
        let body = answer.into_body().bytes().await.map_err(|error| failed(generic(error)))?;
        if status.is_success() || (method == "DELETE" && status.as_u16() == 404) {
            return Ok(body);
        }
        let text = format!("status code: {}: {}", status.as_u16(), String::from_utf8_lossy(&body));
        Err(failed(object_store::Error::Generic { store: "S3", source: text.into() }))
    }
}

fn other(path: &Path, message: &str) -> Error {
    let key = path.as_ref().to_owned();
    Error { kind: ErrorKind::Other, action: "sweep", key, message: message.to_owned() }
}

/// Whether a key lies in one of the folders of a location.
fn is_ours(key: &str, prefix: &str) -> bool {
    let folder = key.strip_prefix(prefix).and_then(|rest| rest.split_once('/'));
    folder.is_some_and(|(folder, _)| TOP_LEVEL.contains(&folder))
}

/// The uploads that an answer lists.
fn unfinished(listed: &str) -> Vec<Unfinished> {
    let entries = listed.split("<Upload>").skip(1).filter_map(|entry| {
        let entry = entry.split("</Upload>").next()?;
        Some(Unfinished {
            key: plain(element(entry, "Key")?),
            upload: element(entry, "UploadId")?.to_owned(),
            begun: element(entry, "Initiated")?.parse().ok()?,
        })
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_uploads_are_read() {
        let listed = "<ListMultipartUploadsResult><Bucket>b</Bucket>\
            <Upload><Key>backups/a&amp;b</Key><UploadId>u1</UploadId><Initiated>2026-11-20T10:00:00.000Z</Initiated></Upload>\
            <Upload><Key>no date</Key><UploadId>u2</UploadId></Upload></ListMultipartUploadsResult>";
        let begun = "2026-11-20T10:00:00Z".parse().unwrap();
        let expect = Unfinished { key: "backups/a&b".to_owned(), upload: "u1".to_owned(), begun };
        assert_eq!(unfinished(listed), [expect]);
    }

    #[test]
    fn foreign_uploads_are_left_alone() {
        assert!(is_ours("pre/backups/b/b.tar.gz", "pre/"));
        assert!(!is_ours("pre/photos/x", "pre/") && !is_ours("backups/x", "pre/") && !is_ours("backups", ""));
    }
}
