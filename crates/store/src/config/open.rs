//! From a description to a store.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::signer::Signer;
use object_store::{Certificate, RetryConfig, TagSet};
use secrecy::{ExposeSecret, SecretString};

use super::{Azure, AzureCredentials, Backend, Credentials, Encryption, Gcp, Resolved, S3, invalid};
use crate::adapter::Filesystem;
use crate::adapter::leftovers::Leftovers;
use crate::adapter::object::{Bucket, Clients, Cloud, Region};
use crate::layer::limit::Limit;
use crate::layer::metrics::Metrics;
use crate::layer::redact::Redact;
use crate::layer::retry::Retry;
use crate::layer::timeout::Timeout;
use crate::layer::{Layered, redact};
use crate::{Result, Store};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a part of an upload is tried again.
const PART_RETRY: Duration = Duration::from_secs(120);
/// The region that Amazon's global addresses are signed for.
const FIRST_REGION: &str = "us-east-1";

/// What is laid around every store that is opened.
#[derive(Debug, Clone)]
pub struct Wiring {
    /// How calls are made again.
    pub retry: Retry,
    /// How long calls may take.
    pub timeout: Timeout,
    /// How many calls are in flight at a time.
    pub calls_in_flight: usize,
    /// Where calls are counted.
    pub metrics: Metrics,
}

impl Default for Wiring {
    fn default() -> Self {
        Self {
            retry: Retry::default(),
            timeout: Timeout::default(),
            calls_in_flight: 32,
            metrics: Metrics::default(),
        }
    }
}

/// Opens a location: its adapter, with all layers around it. Nothing is asked of the store yet.
pub fn open(resolved: &Resolved, wiring: &Wiring) -> Result<Arc<dyn Store>> {
    let adapter: Arc<dyn Store> = match &resolved.backend {
        Backend::Filesystem { path } => Arc::new(Filesystem::new(path, &resolved.bucket, &resolved.prefix)),
        Backend::S3(settings) => Arc::new(s3(resolved, settings)?),
        Backend::Azure(settings) => Arc::new(azure(resolved, settings)?),
        Backend::Gcp(settings) => Arc::new(gcp(resolved, settings)?),
    };
    Ok(layered(adapter, secrets(resolved), wiring))
}

/// Lays all layers around an adapter: `retry(timeout(limit(metrics(redact(adapter)))))`. Each attempt has its
/// own time, which includes waiting for its turn; what is measured is the store alone; and no layer sees a
/// secret in an error.
pub fn layered(adapter: Arc<dyn Store>, secrets: Vec<SecretString>, wiring: &Wiring) -> Arc<dyn Store> {
    let store = Arc::new(Layered::new(adapter, Redact::new(secrets)));
    let store = Arc::new(Layered::new(store, wiring.metrics.clone()));
    let store = Arc::new(Layered::new(store, Limit::new(wiring.calls_in_flight)));
    let store = Arc::new(Layered::new(store, wiring.timeout));
    Arc::new(Layered::new(store, wiring.retry.clone()))
}

/// The secrets that a description holds.
fn secrets(resolved: &Resolved) -> Vec<SecretString> {
    match &resolved.backend {
        Backend::Filesystem { .. } => Vec::new(),
        Backend::Gcp(settings) => settings.service_account.iter().cloned().collect(),
        Backend::Azure(settings) => match &settings.credentials {
            AzureCredentials::Key(secret) | AzureCredentials::Secret { secret, .. } => vec![secret.clone()],
            AzureCredentials::Federated { .. } | AzureCredentials::Machine(_) => Vec::new(),
        },
        Backend::S3(settings) => {
            let key = match &settings.encryption {
                Encryption::Customer(key) => Some(key.clone()),
                Encryption::Bucket | Encryption::Managed(_) | Encryption::Kms(_) => None,
            };
            let own = match &settings.credentials {
                Credentials::Static { secret, token, .. } => {
                    std::iter::once(secret.clone()).chain(token.clone()).collect()
                }
                Credentials::WebIdentity { .. } => Vec::new(),
                Credentials::Environment(variables) => {
                    let secret = |name: &&String| name.contains("SECRET") || name.ends_with("SESSION_TOKEN");
                    variables.keys().filter(secret).map(|name| variables[name].clone()).collect()
                }
            };
            key.into_iter().chain(own).collect()
        }
    }
}

/// A client's refusal of its settings.
fn refused(error: &object_store::Error) -> crate::Error {
    invalid(redact::text(&error.to_string()))
}

/// How requests are sent. Times are limited by a layer; a whole object may take long.
fn client_options(endpoint: &str, ca_cert: Option<&[u8]>, insecure: bool) -> Result<ClientOptions> {
    let options = ClientOptions::new()
        .with_connect_timeout(CONNECT)
        .with_timeout_disabled()
        .with_allow_http(endpoint.starts_with("http://"))
        .with_allow_invalid_certificates(insecure);
    let Some(pem) = ca_cert else { return Ok(options) };
    let certificates = Certificate::from_pem_bundle(pem).map_err(|error| refused(&error))?;
    if certificates.is_empty() {
        return Err(invalid("caCert holds no certificate in PEM form"));
    }
    Ok(certificates.into_iter().fold(options, ClientOptions::with_root_certificate))
}

/// A client that makes each request once.
fn no_retry() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// A client that repeats by itself.
fn part_retry() -> RetryConfig {
    RetryConfig { max_retries: 5, retry_timeout: PART_RETRY, ..RetryConfig::default() }
}

/// A bucket on S3.
fn s3(resolved: &Resolved, settings: &S3) -> Result<Bucket> {
    let first = settings.region.clone().unwrap_or_else(|| FIRST_REGION.to_owned());
    let heard = Arc::new(Mutex::new(None));
    let maker = {
        let (settings, bucket, heard) = (settings.clone(), resolved.bucket.clone(), Arc::clone(&heard));
        move |region: &str| s3_clients(&settings, &bucket, region, &heard)
    };
    let clients = maker(&first)?;
    let region = Region {
        current: Mutex::new(first),
        certain: AtomicBool::new(settings.region.is_some()),
        heard,
        relocate: Box::new(maker),
    };
    let mut tags = TagSet::default();
    for (key, value) in &settings.tags {
        tags.push(key, value);
    }
    Ok(Bucket::new(Cloud::S3, clients, Some(region), &resolved.prefix, tags))
}

/// The clients of a bucket on S3 in a region.
fn s3_clients(
    settings: &S3,
    bucket: &str,
    region: &str,
    heard: &Arc<Mutex<Option<String>>>,
) -> Result<Clients> {
    let build = |endpoint: Option<&str>, retry: RetryConfig, single: bool| -> Result<Arc<AmazonS3>> {
        let address = settings.address(endpoint, bucket, region);
        let options = client_options(&address, settings.ca_cert.as_deref(), settings.insecure)?;
        let builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(region)
            .with_endpoint(address)
            .with_virtual_hosted_style_request(!settings.path_style)
            .with_retry(retry)
            .with_disable_bulk_delete(single)
            .with_client_options(options)
            .with_http_connector(Listening { heard: Arc::clone(heard) });
        let builder = with_s3_encryption(with_s3_credentials(builder, &settings.credentials)?, settings);
        Ok(Arc::new(builder.build().map_err(|error| refused(&error))?))
    };
    let plain = build(settings.endpoint.as_deref(), no_retry(), false)?;
    let public = settings.public_endpoint.as_deref().or(settings.endpoint.as_deref());
    // A signed link cannot carry the key that a customer's encryption needs.
    let signer: Option<Arc<dyn Signer>> = match settings.encryption {
        Encryption::Customer(_) => None,
        Encryption::Bucket | Encryption::Managed(_) | Encryption::Kms(_) => {
            Some(build(public, no_retry(), false)?)
        }
    };
    let patient = build(settings.endpoint.as_deref(), part_retry(), true)?;
    let address = settings.address(settings.endpoint.as_deref(), bucket, region);
    let options = client_options(&address, settings.ca_cert.as_deref(), settings.insecure)?;
    let client = ReqwestConnector::default().connect(&options).map_err(|error| refused(&error))?;
    let leftovers = Some(Leftovers { signer: Arc::clone(&plain) as _, client });
    Ok(Clients { lister: Arc::clone(&plain) as _, plain, patient, signer, leftovers })
}

fn with_s3_credentials(builder: AmazonS3Builder, credentials: &Credentials) -> Result<AmazonS3Builder> {
    let set = |builder: AmazonS3Builder, name: &str, value: &str| {
        let key: AmazonS3ConfigKey = name.parse().map_err(|error| refused(&error))?;
        Ok(builder.with_config(key, value))
    };
    match credentials {
        Credentials::Static { id, secret, token } => {
            let builder = builder.with_access_key_id(id).with_secret_access_key(secret.expose_secret());
            Ok(match token {
                Some(token) => builder.with_token(token.expose_secret()),
                None => builder,
            })
        }
        Credentials::WebIdentity { role_arn, token_file, session_name } => {
            let builder = set(builder, "aws_role_arn", role_arn)?;
            let builder = set(builder, "aws_web_identity_token_file", token_file)?;
            match session_name {
                Some(name) => set(builder, "aws_role_session_name", name),
                None => Ok(builder),
            }
        }
        Credentials::Environment(variables) => {
            variables.iter().try_fold(builder, |builder, (name, value)| {
                set(builder, &name.to_ascii_lowercase(), value.expose_secret())
            })
        }
    }
}

fn with_s3_encryption(builder: AmazonS3Builder, settings: &S3) -> AmazonS3Builder {
    let builder = match settings.checksum {
        Some(algorithm) => builder.with_checksum_algorithm(algorithm),
        None => builder,
    };
    match &settings.encryption {
        Encryption::Bucket => builder,
        Encryption::Kms(id) => builder.with_sse_kms_encryption(id),
        Encryption::Customer(key) => builder.with_ssec_encryption(key.expose_secret()),
        Encryption::Managed(algorithm) => match "aws_server_side_encryption".parse::<AmazonS3ConfigKey>() {
            Ok(key) => builder.with_config(key, algorithm),
            Err(_) => builder,
        },
    }
}

/// A container on Azure.
fn azure(resolved: &Resolved, settings: &Azure) -> Result<Bucket> {
    let build = |retry: RetryConfig| {
        let options = client_options(&settings.endpoint, settings.ca_cert.as_deref(), false)?;
        let builder = MicrosoftAzureBuilder::new()
            .with_account(&settings.account)
            .with_container_name(&resolved.bucket)
            .with_endpoint(settings.endpoint.clone())
            .with_retry(retry)
            .with_client_options(options);
        let builder = match &settings.authority {
            Some(authority) => builder.with_authority_host(authority),
            None => builder,
        };
        let builder = match &settings.credentials {
            AzureCredentials::Key(key) => builder.with_access_key(key.expose_secret()),
            AzureCredentials::Secret { tenant, client, secret } => {
                builder.with_client_secret_authorization(client, secret.expose_secret(), tenant)
            }
            AzureCredentials::Federated { tenant, client, token_file } => builder
                .with_tenant_id(tenant)
                .with_client_id(client)
                .with_config(AzureConfigKey::FederatedTokenFile, token_file),
            AzureCredentials::Machine(Some(client)) => builder.with_client_id(client),
            AzureCredentials::Machine(None) => builder,
        };
        Ok::<_, crate::Error>(Arc::new(builder.build().map_err(|error| refused(&error))?))
    };
    let (plain, patient) = (build(no_retry())?, build(part_retry())?);
    let (lister, signer) = (Arc::clone(&plain) as _, Some(Arc::clone(&plain) as _));
    Ok(Bucket::new(
        Cloud::Azure,
        Clients { plain, patient, lister, signer, leftovers: None },
        None,
        &resolved.prefix,
        TagSet::default(),
    ))
}

/// A bucket on Google Cloud.
fn gcp(resolved: &Resolved, settings: &Gcp) -> Result<Bucket> {
    let build = |retry: RetryConfig| {
        let endpoint = settings.endpoint.as_deref().unwrap_or("https://storage.googleapis.com");
        let options = client_options(endpoint, settings.ca_cert.as_deref(), false)?;
        let builder = GoogleCloudStorageBuilder::new()
            .with_bucket_name(&resolved.bucket)
            .with_base_url(endpoint)
            .with_retry(retry)
            .with_client_options(options);
        let builder = match &settings.service_account {
            Some(key) => builder.with_service_account_key(key.expose_secret()),
            None => builder,
        };
        Ok::<_, crate::Error>(Arc::new(builder.build().map_err(|error| refused(&error))?))
    };
    let (plain, patient) = (build(no_retry())?, build(part_retry())?);
    let (lister, signer) = (Arc::clone(&plain) as _, Some(Arc::clone(&plain) as _));
    Ok(Bucket::new(
        Cloud::Google,
        Clients { plain, patient, lister, signer, leftovers: None },
        None,
        &resolved.prefix,
        TagSet::default(),
    ))
}

/// Makes clients that note the region that each answer names.
#[derive(Debug)]
struct Listening {
    heard: Arc<Mutex<Option<String>>>,
}

impl HttpConnector for Listening {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(ListeningClient { inner, heard: Arc::clone(&self.heard) }))
    }
}

/// A client that notes the region that each answer names.
#[derive(Debug)]
struct ListeningClient {
    inner: HttpClient,
    heard: Arc<Mutex<Option<String>>>,
}

#[async_trait]
impl HttpService for ListeningClient {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let answer = self.inner.execute(request).await?;
        if let Some(region) =
            answer.headers().get("x-amz-bucket-region").and_then(|value| value.to_str().ok())
        {
            *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(region.to_owned());
        }
        Ok(answer)
    }
}
