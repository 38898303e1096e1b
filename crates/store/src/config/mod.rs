//! What a BackupStorageLocation says, checked and made complete ([`resolve`], pure), and the store that this
//! describes ([`open`]).

mod azure;
mod gcp;
mod ini;
mod open;
mod s3;
mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;

pub use self::azure::{Azure, AzureCredentials};
pub use self::gcp::Gcp;
pub use self::open::{Wiring, layered, open};
pub use self::s3::{Credentials, Encryption, S3};
use crate::{Error, ErrorKind, Result};

/// A BackupStorageLocation in parts, with everything that it refers to already read.
#[derive(Debug, Clone, Default)]
pub struct Location {
    /// `spec.provider`.
    pub provider: String,
    /// `spec.objectStorage.bucket`.
    pub bucket: String,
    /// `spec.objectStorage.prefix`.
    pub prefix: String,
    /// `spec.config`.
    pub config: BTreeMap<String, String>,
    /// The certificates of `spec.objectStorage.caCertRef` or `caCert`, in PEM form.
    pub ca_cert: Option<Vec<u8>>,
    /// What the Secret of `spec.credential` or the credentials file holds.
    pub credentials: Option<SecretString>,
    /// What `customerKeyEncryptionFile` or `customerKeyEncryptionSecret` names: 32 bytes in base64.
    pub customer_key: Option<SecretString>,
    /// Whether `spec.accessMode` is `ReadOnly`.
    pub read_only: bool,
    /// The environment of the process, for the credentials that clouds put there.
    pub environment: BTreeMap<String, SecretString>,
}

/// A complete and valid description of a location.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The bucket; of a filesystem location, the folder that stands for it.
    pub bucket: String,
    /// What all keys begin with: empty, or without `/` at either end.
    pub prefix: String,
    /// Whether the location is there only to restore from.
    pub read_only: bool,
    /// What is true and should be said to whoever wrote the configuration.
    pub warnings: Vec<String>,
    /// The kind of store and its settings.
    pub backend: Backend,
}

/// The kinds of stores.
#[derive(Debug, Clone)]
pub enum Backend {
    /// Amazon S3, or a store that speaks its protocol.
    S3(Box<S3>),
    /// Azure Blob Storage.
    Azure(Box<Azure>),
    /// Google Cloud Storage.
    Gcp(Box<Gcp>),
    /// A mounted volume.
    Filesystem {
        /// Where it is mounted.
        path: PathBuf,
    },
}

/// What a configuration refers to; the caller reads it before it resolves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// The path of a credentials file, unless the location has a Secret.
    pub credentials_file: Option<String>,
    /// The path of a file with an encryption key.
    pub customer_key_file: Option<String>,
    /// `NAME/KEY` of a Secret with an encryption key.
    pub customer_key_secret: Option<String>,
}

/// What this configuration refers to.
pub fn references(config: &BTreeMap<String, String>) -> References {
    let value = |key: &str| config.get(key).filter(|value| !value.is_empty()).cloned();
    References {
        credentials_file: value("credentialsFile"),
        customer_key_file: value(s3::CUSTOMER_KEY_FILE),
        customer_key_secret: value(s3::CUSTOMER_KEY_SECRET),
    }
}

/// Checks a location and makes it complete.
pub fn resolve(location: &Location) -> Result<Resolved> {
    let provider = location.provider.strip_prefix("velero.io/").unwrap_or(&location.provider);
    let bucket = values::bucket(&location.bucket)?;
    let prefix = values::prefix(&location.prefix)?;
    let mut warnings = Vec::new();
    let backend = match provider {
        "" => return Err(invalid("the location names no provider")),
        "aws" => Backend::S3(Box::new(s3::resolve(location, &bucket, &mut warnings)?)),
        "azure" => Backend::Azure(Box::new(azure::resolve(location)?)),
        "gcp" => Backend::Gcp(Box::new(gcp::resolve(location)?)),
        api::labels::FILESYSTEM_PROVIDER => filesystem(location, &bucket)?,
        _ => {
            let message = format!(
                "provider {:?} is unknown; known are aws, azure, gcp (also as velero.io/aws, ...) and {}",
                location.provider,
                api::labels::FILESYSTEM_PROVIDER
            );
            return Err(Error { kind: ErrorKind::Unsupported, ..invalid(message) });
        }
    };
    Ok(Resolved { bucket, prefix, read_only: location.read_only, warnings, backend })
}

/// A location on a mounted volume.
fn filesystem(location: &Location, bucket: &str) -> Result<Backend> {
    values::known(&location.config, &["path"])?;
    let path = location.config.get("path").map_or("", String::as_str);
    if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(invalid("config.path is to be the absolute path of a mounted volume"));
    }
    if bucket.starts_with('.') {
        return Err(invalid("the bucket of a filesystem location may not begin with a dot"));
    }
    Ok(Backend::Filesystem { path: path.into() })
}

/// A configuration that is wrong.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error {
        kind: ErrorKind::Config,
        action: "configure location",
        key: String::new(),
        message: message.into(),
    }
}

#[cfg(test)]
mod tests;
