//! The Secret with the cloud credentials.

use std::fmt;

use serde_json::{Value, json};

use super::{CLOUD_CREDENTIALS, Strings, metadata};

/// The contents of a credentials file; never shown.
#[derive(Clone)]
pub struct CloudCredentials(String);

impl CloudCredentials {
    /// Takes the contents of a file.
    pub fn new(contents: impl Into<String>) -> Self {
        Self(contents.into())
    }
}

impl fmt::Debug for CloudCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CloudCredentials(***)")
    }
}

/// The Secret. Its contents go in as text, since a credentials file is text and the server encodes it.
pub(super) fn secret(namespace: &str, credentials: &CloudCredentials) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(CLOUD_CREDENTIALS, namespace, &Strings::new()),
        "type": "Opaque",
        "stringData": {"cloud": credentials.0},
    })
}
