//! The settings of S3 and of stores that speak its protocol.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::ini::{self, Profile};
use super::{Location, invalid, values};
use crate::{Error, ErrorKind, Result};

pub(super) const CUSTOMER_KEY_FILE: &str = "customerKeyEncryptionFile";
pub(super) const CUSTOMER_KEY_SECRET: &str = "customerKeyEncryptionSecret";

/// The keys of `spec.config`.
const KEYS: [&str; 15] = [
    "region",
    "s3Url",
    "publicUrl",
    "s3ForcePathStyle",
    "kmsKeyId",
    CUSTOMER_KEY_FILE,
    CUSTOMER_KEY_SECRET,
    "serverSideEncryption",
    "signatureVersion",
    "credentialsFile",
    "profile",
    "insecureSkipTLSVerify",
    "enableSharedConfig",
    "tagging",
    "checksumAlgorithm",
];

/// What credentials that a cloud gives are found by.
const ENVIRONMENT: [&str; 10] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_ENDPOINT_URL_STS",
];

/// A location on S3.
#[derive(Debug, Clone)]
pub struct S3 {
    /// The address of the store; `None` is Amazon's.
    pub endpoint: Option<String>,
    /// The address that signed links name, if another.
    pub public_endpoint: Option<String>,
    /// The region, if known; it is otherwise learnt from the store's first answer.
    pub region: Option<String>,
    /// Whether the bucket stands in the path, not in the host.
    pub path_style: bool,
    /// Who asks.
    pub credentials: Credentials,
    /// Certificates to trust, in PEM form.
    pub ca_cert: Option<Vec<u8>>,
    /// Whether any certificate is trusted.
    pub insecure: bool,
    /// How objects are encrypted at rest.
    pub encryption: Encryption,
    /// The checksum that is sent with each object, if any. Requests are signed over their content anyway.
    pub checksum: Option<object_store::aws::Checksum>,
    /// The tags of every object.
    pub tags: Vec<(String, String)>,
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A key.
    Static {
        /// Its id.
        id: String,
        /// The key.
        secret: SecretString,
        /// The token that belongs to a temporary key.
        token: Option<SecretString>,
    },
    /// A role that a token of the cluster stands for.
    WebIdentity {
        /// The role.
        role_arn: String,
        /// The path of the token, read at every use.
        token_file: String,
        /// What the role's log shows.
        session_name: Option<String>,
    },
    /// What the environment or the machine gives.
    Environment(BTreeMap<String, SecretString>),
}

/// How objects are encrypted at rest.
#[derive(Debug, Clone)]
pub enum Encryption {
    /// As the bucket is set.
    Bucket,
    /// With a key of the store, by this algorithm.
    Managed(String),
    /// With this key of the key management service.
    Kms(String),
    /// With a key that we send, in base64.
    Customer(SecretString),
}

/// Checks the settings.
pub(super) fn resolve(location: &Location, bucket: &str, warnings: &mut Vec<String>) -> Result<S3> {
    let config = &location.config;
    values::known(config, &KEYS)?;
    if bucket.starts_with("arn:") {
        return Err(Error {
            kind: ErrorKind::Unsupported,
            ..invalid("access points named by an ARN cannot be used; name the bucket")
        });
    }
    if let Some(version) = values::text(config, "signatureVersion")
        && !matches!(version, "1" | "4")
    {
        return Err(invalid(format!("config.signatureVersion is {version:?}, but only 4 is spoken")));
    }
    values::flag(config, "enableSharedConfig")?;
    let insecure = values::flag(config, "insecureSkipTLSVerify")?.unwrap_or(false);
    if insecure {
        warnings
            .push("insecureSkipTLSVerify is on: whoever is in between can read and change backups".into());
    }
    let endpoint = values::address(config, "s3Url")?;
    let (credentials, profile_region) = credentials(location)?;
    Ok(S3 {
        path_style: path_style(values::flag(config, "s3ForcePathStyle")?, endpoint.as_deref(), bucket),
        public_endpoint: values::address(config, "publicUrl")?,
        region: values::text(config, "region").map(str::to_owned).or(profile_region),
        credentials,
        ca_cert: location.ca_cert.clone().filter(|pem| !pem.is_empty()),
        insecure,
        encryption: encryption(location)?,
        checksum: checksum(config)?,
        tags: values::text(config, "tagging").map(values::tagging).transpose()?.unwrap_or_default(),
        endpoint,
    })
}

/// Whether the bucket stands in the path: as asked, and where no host name can carry it.
fn path_style(asked: Option<bool>, endpoint: Option<&str>, bucket: &str) -> bool {
    let unfit = bucket.contains(['.', '_']) || bucket.chars().any(char::is_uppercase);
    let host =
        endpoint.and_then(|endpoint| url::Url::parse(endpoint).ok()?.host().map(|host| host.to_owned()));
    match host {
        None => asked.unwrap_or(false) || unfit,
        Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => true,
        Some(url::Host::Domain(name)) => {
            let in_cluster = name.ends_with(".svc") || name.ends_with(".svc.cluster.local");
            asked.unwrap_or(in_cluster || unfit) || !name.contains('.')
        }
    }
}

/// Who asks, and the region that the profile names.
fn credentials(location: &Location) -> Result<(Credentials, Option<String>)> {
    let Some(file) = &location.credentials else {
        let given = location.environment.iter().filter(|(name, _)| ENVIRONMENT.contains(&name.as_str()));
        let region = ["AWS_REGION", "AWS_DEFAULT_REGION"]
            .iter()
            .find_map(|name| Some(location.environment.get(*name)?.expose_secret().to_owned()));
        let given = given.map(|(name, value)| (name.clone(), value.clone())).collect();
        return Ok((Credentials::Environment(given), region));
    };
    let name = values::text(&location.config, "profile").unwrap_or("default");
    let mut profiles = ini::parse(file.expose_secret())?;
    let Some(profile) = profiles.remove(name) else {
        let found = profiles.into_keys().collect::<Vec<_>>().join(", ");
        return Err(invalid(format!("the credentials have no profile {name:?}; they have: {found}")));
    };
    Ok((from_profile(name, &profile)?, profile.get("region").cloned()))
}

/// Who a profile says that asks.
fn from_profile(name: &str, profile: &Profile) -> Result<Credentials> {
    let value = |key: &str| profile.get(key).filter(|value| !value.is_empty()).cloned();
    match (value("aws_access_key_id"), value("aws_secret_access_key")) {
        (Some(id), Some(secret)) if value("role_arn").is_none() => {
            let token = value("aws_session_token").map(SecretString::from);
            Ok(Credentials::Static { id, secret: secret.into(), token })
        }
        (id, secret) => match (value("role_arn"), value("web_identity_token_file")) {
            (Some(role_arn), Some(token_file)) => {
                let session_name = value("role_session_name");
                Ok(Credentials::WebIdentity { role_arn, token_file, session_name })
            }
            (Some(_), None) => Err(Error {
                kind: ErrorKind::Unsupported,
                ..invalid(format!(
                    "profile {name:?} takes a role by source_profile or credential_source; \
                     only role_arn with web_identity_token_file can be used"
                ))
            }),
            _ => {
                let missing = match (id, secret) {
                    (Some(_), None) => "aws_secret_access_key",
                    (None, Some(_)) => "aws_access_key_id",
                    _ => "aws_access_key_id and aws_secret_access_key",
                };
                Err(invalid(format!("profile {name:?} of the credentials has no {missing}")))
            }
        },
    }
}

/// How objects are encrypted; only one way can be asked for.
fn encryption(location: &Location) -> Result<Encryption> {
    let text = |key: &str| values::text(&location.config, key);
    let keys = ["kmsKeyId", CUSTOMER_KEY_FILE, CUSTOMER_KEY_SECRET];
    let asked: Vec<&str> = keys.into_iter().filter(|key| text(key).is_some()).collect();
    if asked.len() > 1 {
        return Err(invalid(format!("config has {}: only one of them can be set", asked.join(" and "))));
    }
    if let Some(id) = text("kmsKeyId") {
        return Ok(Encryption::Kms(id.to_owned()));
    }
    if let [key] = asked[..] {
        let Some(given) = &location.customer_key else {
            return Err(invalid(format!("config.{key} names a key that could not be read")));
        };
        let decoded = STANDARD.decode(given.expose_secret()).unwrap_or_default();
        if decoded.len() != 32 {
            return Err(invalid(format!("config.{key} has to name a key of exactly 32 bytes")));
        }
        return Ok(Encryption::Customer(given.clone()));
    }
    match text("serverSideEncryption") {
        None => Ok(Encryption::Bucket),
        Some(algorithm @ ("AES256" | "aws:kms" | "aws:kms:dsse")) => {
            Ok(Encryption::Managed(algorithm.to_owned()))
        }
        Some(other) => Err(invalid(format!(
            "config.serverSideEncryption is {other:?}, but can be AES256, aws:kms or aws:kms:dsse"
        ))),
    }
}

/// The checksum that is sent. Algorithms that the client lacks fall back to the digest that each signature
/// covers, which the store checks as well.
fn checksum(config: &BTreeMap<String, String>) -> Result<Option<object_store::aws::Checksum>> {
    let name = values::text(config, "checksumAlgorithm").map(str::to_ascii_uppercase);
    match name.as_deref() {
        None | Some("CRC32" | "CRC32C" | "SHA1") => Ok(None),
        Some("SHA256") => Ok(Some(object_store::aws::Checksum::SHA256)),
        Some("CRC64NVME") => Ok(Some(object_store::aws::Checksum::CRC64NVME)),
        Some(other) => Err(invalid(format!(
            "config.checksumAlgorithm is {other:?}, but can be empty, CRC32, CRC32C, CRC64NVME, SHA1 or SHA256"
        ))),
    }
}

impl S3 {
    /// The address that has the bucket in it already if not `path_style`, for a region.
    pub(crate) fn address(&self, endpoint: Option<&str>, bucket: &str, region: &str) -> String {
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let host = endpoint.map_or_else(|| format!("https://s3.{region}.{suffix}"), str::to_owned);
        match host.split_once("://") {
            Some((scheme, host)) if !self.path_style => format!("{scheme}://{bucket}.{host}"),
            _ => host,
        }
    }
}
