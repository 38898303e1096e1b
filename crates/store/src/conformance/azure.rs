//! The conformance of Azure Blob Storage, on its emulator.
//!
//! The environment names it: `SALVOR_TEST_AZURE` as `http://ACCOUNT:KEY@HOST:PORT/CONTAINER`, with a key whose `/`, `+` and `=`
//! are percent-encoded.

use super::tests::opened;
use super::{all_but_links, links};
use crate::config::Location;

fn location(url: &url::Url) -> Location {
    let account = url.username();
    let key = url.password().unwrap().replace("%2F", "/").replace("%2B", "+").replace("%3D", "=");
    let address = format!("http://{}:{}/{account}", url.host().unwrap(), url.port().unwrap());
    let config =
        [("storageAccount", account), ("storageAccountKeyEnvVar", "KEY"), ("storageAccountURI", &address)];
    Location {
        provider: "azure".to_owned(),
        bucket: url.path().trim_start_matches('/').to_owned(),
        prefix: format!("conformance-{}", std::process::id()),
        config: config.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        credentials: Some(format!("KEY={key}\n").into()),
        ..Location::default()
    }
}

/// The client signs the percent-encoded key where Azure wants the plain one: only links of plain keys, as all of ours are,
/// are good.
#[tokio::test]
async fn azure_conforms() {
    let Ok(url) = std::env::var("SALVOR_TEST_AZURE") else {
        println!("skipped: SALVOR_TEST_AZURE names no server");
        return;
    };
    let store = opened(&location(&url.parse().unwrap()));
    let broken = all_but_links(store.as_ref()).await;
    assert!(broken.is_empty(), "{broken:#?}");
    links(store.as_ref(), "b-logs.gz").await.unwrap();
}
