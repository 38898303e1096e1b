//! Opens the stores of locations with what the cluster holds for them: credentials, certificates, keys.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::Kind;
use api::meta::ResourceType;
use api::refs::SecretKeySelector;
use api::velero::v1::{AccessMode, BackupStorageLocation};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cluster::{Cluster, ErrorKind, ObjectRef};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use store::Store;
use store::config::{Location, References, Wiring, references, resolve};

use crate::deps::Stores;
use crate::error::{Error, Result};

/// Bytes of a customer's encryption key.
const CUSTOMER_KEY_BYTES: usize = 32;
/// The variable that names a provider's credentials file.
const CREDENTIALS_FILES: [(&str, &str); 3] = [
    ("aws", "AWS_SHARED_CREDENTIALS_FILE"),
    ("azure", "AZURE_CREDENTIALS_FILE"),
    ("gcp", "GOOGLE_APPLICATION_CREDENTIALS"),
];

/// The stores of the locations of one cluster. A store stays open until something that it was opened with
/// changes.
pub struct ClusterStores {
    cluster: Arc<dyn Cluster>,
    namespace: String,
    environment: BTreeMap<String, SecretString>,
    wiring: Wiring,
    open: Mutex<BTreeMap<String, Opened>>,
}

#[derive(Clone)]
struct Opened {
    fingerprint: Vec<u8>,
    store: Arc<dyn Store>,
}

impl ClusterStores {
    /// The stores of the locations in `namespace`. `environment` is that of the process, for the credentials
    /// that clouds put there.
    pub fn new(
        cluster: Arc<dyn Cluster>,
        namespace: &str,
        environment: BTreeMap<String, SecretString>,
        wiring: Wiring,
    ) -> Self {
        let open = Mutex::default();
        Self { cluster, namespace: namespace.to_owned(), environment, wiring, open }
    }

    /// Everything that a location says and refers to.
    async fn describe(&self, location: &BackupStorageLocation) -> Result<Location> {
        let spec = &location.spec;
        let refers = references(&spec.config);
        Ok(Location {
            provider: spec.provider.clone(),
            bucket: spec.object_storage.bucket.clone(),
            prefix: spec.object_storage.prefix.clone(),
            config: spec.config.clone(),
            ca_cert: self.ca_cert(location).await?,
            credentials: match &spec.credential {
                Some(selector) => Some(self.text(selector).await?),
                None => self.credentials_file(&spec.provider, &refers).await?,
            },
            customer_key: self.customer_key(&refers).await?,
            read_only: spec.access_mode == AccessMode::ReadOnly,
            environment: self.environment.clone(),
        })
    }

    async fn ca_cert(&self, location: &BackupStorageLocation) -> Result<Option<Vec<u8>>> {
        let storage = &location.spec.object_storage;
        match (&storage.ca_cert_ref, storage.ca_cert.as_str()) {
            (None, "") => Ok(None),
            (Some(selector), "") => self.secret(&selector.name, &selector.key).await.map(Some),
            (None, inline) => {
                let decoded = STANDARD.decode(inline);
                decoded
                    .map(Some)
                    .map_err(|_| Error::Config("read objectStorage.caCert: it is not base64".to_owned()))
            }
            (Some(_), _) => Err(Error::Config(
                "choose a certificate: objectStorage.caCert and caCertRef are both set, and only one may be"
                    .to_owned(),
            )),
        }
    }

    /// The credentials file that the configuration names, which has to be there, or that of the process,
    /// which may be.
    async fn credentials_file(&self, provider: &str, refers: &References) -> Result<Option<SecretString>> {
        if let Some(path) = &refers.credentials_file {
            let text = tokio::fs::read_to_string(path).await;
            let text = text
                .map_err(|error| Error::Config(format!("read config.credentialsFile {path:?}: {error}")))?;
            return Ok(Some(text.into()));
        }
        let provider = provider.strip_prefix("velero.io/").unwrap_or(provider);
        let variable = CREDENTIALS_FILES.iter().find(|(name, _)| *name == provider);
        let Some(path) = variable.and_then(|(_, variable)| self.environment.get(*variable)) else {
            return Ok(None);
        };
        match tokio::fs::read_to_string(path.expose_secret()).await {
            Ok(text) => Ok(Some(text.into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::Config(format!("read the credentials file of {provider}: {error}"))),
        }
    }

    async fn customer_key(&self, refers: &References) -> Result<Option<SecretString>> {
        let key = match (&refers.customer_key_secret, &refers.customer_key_file) {
            (Some(reference), _) => {
                let (name, key) = reference.split_once('/').ok_or_else(|| {
                    Error::Config(
                        "read config.customerKeyEncryptionSecret: it is not written NAME/KEY".to_owned(),
                    )
                })?;
                self.secret(name, key).await?
            }
            (None, Some(path)) => {
                let bytes = tokio::fs::read(path).await;
                let mut bytes =
                    bytes.map_err(|error| Error::Config(format!("read the key file {path:?}: {error}")))?;
                bytes.truncate(CUSTOMER_KEY_BYTES);
                bytes
            }
            (None, None) => return Ok(None),
        };
        if key.len() != CUSTOMER_KEY_BYTES {
            return Err(Error::Config(format!("use the encryption key: it has {} bytes, not 32", key.len())));
        }
        Ok(Some(STANDARD.encode(key).into()))
    }

    async fn text(&self, selector: &SecretKeySelector) -> Result<SecretString> {
        let bytes = self.secret(&selector.name, &selector.key).await?;
        let text = String::from_utf8(bytes);
        let text = text.map_err(|_| {
            Error::Config(format!("read key {} of Secret {}: it is no text", selector.key, selector.name))
        })?;
        Ok(text.into())
    }

    /// The bytes below a key of a Secret.
    async fn secret(&self, name: &str, key: &str) -> Result<Vec<u8>> {
        let resource = ResourceType::addressed("", "v1", "secrets", "Secret", true);
        let at = ObjectRef { resource, namespace: Some(self.namespace.clone()), name: name.to_owned() };
        let secret = match self.cluster.get(&at).await {
            Err(error) if error.kind == ErrorKind::NotFound => {
                return Err(Error::Config(format!("find Secret {name} in namespace {}", self.namespace)));
            }
            secret => secret?,
        };
        let value = secret["data"].get(key).and_then(serde_json::Value::as_str);
        let value = value.ok_or_else(|| Error::Config(format!("find key {key} in Secret {name}")))?;
        STANDARD
            .decode(value)
            .map_err(|_| Error::Config(format!("read key {key} of Secret {name}: it is not base64")))
    }

    fn opened(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Opened>> {
        // Whoever panicked has left a map of whole entries.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Stores for ClusterStores {
    async fn open(&self, location: &BackupStorageLocation) -> Result<Arc<dyn Store>> {
        let description = self.describe(location).await?;
        let fingerprint = fingerprint(&description);
        let cached = self.opened().get(location.name()).cloned();
        if let Some(cached) = cached.filter(|cached| cached.fingerprint == fingerprint) {
            return Ok(cached.store);
        }
        let store = store::config::open(&resolve(&description)?, &self.wiring)?;
        let opened = Opened { fingerprint, store: Arc::clone(&store) };
        self.opened().insert(location.name().to_owned(), opened);
        Ok(store)
    }

    async fn warnings(&self, location: &BackupStorageLocation) -> Result<Vec<String>> {
        Ok(resolve(&self.describe(location).await?)?.warnings)
    }
}

/// A digest of everything that a store is opened with.
fn fingerprint(location: &Location) -> Vec<u8> {
    let Location {
        provider,
        bucket,
        prefix,
        config,
        ca_cert,
        credentials,
        customer_key,
        read_only,
        environment,
    } = location;
    let mut digest = Sha256::new();
    let mut add = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    for text in [provider, bucket, prefix] {
        add(text.as_bytes());
    }
    for (key, value) in config {
        add(key.as_bytes());
        add(value.as_bytes());
    }
    add(ca_cert.as_deref().unwrap_or_default());
    for secret in [credentials, customer_key] {
        add(secret.as_ref().map_or("", |secret| secret.expose_secret()).as_bytes());
    }
    add(&[u8::from(*read_only)]);
    for (name, value) in environment {
        add(name.as_bytes());
        add(value.expose_secret().as_bytes());
    }
    digest.finalize().to_vec()
}

#[cfg(test)]
mod tests;
