//! The settings of Google Cloud Storage.

use secrecy::{ExposeSecret, SecretString};

use super::{Location, invalid, values};
use crate::{Error, ErrorKind, Result};

/// The keys of `spec.config`.
const KEYS: [&str; 5] =
    ["kmsKeyName", "serviceAccount", "credentialsFile", "storeEndpoint", "universeDomain"];

/// A location on Google Cloud.
#[derive(Debug, Clone)]
pub struct Gcp {
    /// The key of a service account, as JSON; without one the machine's account asks.
    pub service_account: Option<SecretString>,
    /// The address of the store, if not Google's.
    pub endpoint: Option<String>,
    /// Certificates to trust, in PEM form.
    pub ca_cert: Option<Vec<u8>>,
}

/// Checks the settings.
pub(super) fn resolve(location: &Location) -> Result<Gcp> {
    let config = &location.config;
    values::known(config, &KEYS)?;
    let unsupported = |message: &str| Error { kind: ErrorKind::Unsupported, ..invalid(message) };
    if values::text(config, "kmsKeyName").is_some() {
        return Err(unsupported("config.kmsKeyName cannot be used; set it as the bucket's default key"));
    }
    if let Some(file) = &location.credentials {
        let document: serde_json::Value = serde_json::from_str(file.expose_secret())
            .map_err(|error| invalid(format!("the credentials are not JSON, line {}", error.line())))?;
        match document["type"].as_str() {
            Some("service_account") => {}
            Some(other) => {
                return Err(unsupported(&format!("credentials of type {other:?} cannot be used")));
            }
            None => return Err(invalid("the credentials are no key of a service account")),
        }
    }
    let universe = values::text(config, "universeDomain").filter(|domain| *domain != "googleapis.com");
    let endpoint = values::address(config, "storeEndpoint")?;
    Ok(Gcp {
        service_account: location.credentials.clone(),
        endpoint: endpoint.or_else(|| universe.map(|domain| format!("https://storage.{domain}"))),
        ca_cert: location.ca_cert.clone().filter(|pem| !pem.is_empty()),
    })
}
