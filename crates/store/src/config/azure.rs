//! The settings of Azure Blob Storage.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::{Location, invalid, values};
use crate::Result;

/// The keys of `spec.config`. The subscription and the resource group matter only to exchange a token for
/// the account's key, which is not needed here.
const KEYS: [&str; 9] = [
    "storageAccount",
    "resourceGroup",
    "subscriptionId",
    "storageAccountKeyEnvVar",
    "blockSizeInBytes",
    "activeDirectoryAuthorityURI",
    "storageAccountURI",
    "useAAD",
    "credentialsFile",
];

/// A location on Azure.
#[derive(Debug, Clone)]
pub struct Azure {
    /// The storage account.
    pub account: String,
    /// The address of the store.
    pub endpoint: String,
    /// Where tokens come from, if not the usual place.
    pub authority: Option<String>,
    /// Who asks.
    pub credentials: AzureCredentials,
    /// Certificates to trust, in PEM form.
    pub ca_cert: Option<Vec<u8>>,
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum AzureCredentials {
    /// The account's key.
    Key(SecretString),
    /// An application with a password.
    Secret {
        /// The directory.
        tenant: String,
        /// The application.
        client: String,
        /// The password.
        secret: SecretString,
    },
    /// An application that a token of the cluster stands for.
    Federated {
        /// The directory.
        tenant: String,
        /// The application.
        client: String,
        /// The path of the token.
        token_file: String,
    },
    /// What the machine gives, for this application if one is named.
    Machine(Option<String>),
}

/// Checks the settings.
pub(super) fn resolve(location: &Location) -> Result<Azure> {
    let config = &location.config;
    values::known(config, &KEYS)?;
    values::flag(config, "useAAD")?;
    let account =
        values::text(config, "storageAccount").ok_or_else(|| invalid("config has no storageAccount"))?;
    let variables = variables(location);
    let suffix = match variables.get("AZURE_CLOUD_NAME").map(ExposeSecret::expose_secret) {
        None | Some("" | "AzurePublicCloud" | "AzureCloud" | "AzurePublic") => "core.windows.net",
        Some("AzureUSGovernmentCloud" | "AzureUSGovernment") => "core.usgovcloudapi.net",
        Some("AzureChinaCloud" | "AzureChina") => "core.chinacloudapi.cn",
        Some(other) => {
            return Err(invalid(format!("AZURE_CLOUD_NAME is {other:?}, which is no known cloud")));
        }
    };
    let endpoint = values::address(config, "storageAccountURI")?;
    Ok(Azure {
        account: account.to_owned(),
        endpoint: endpoint.unwrap_or_else(|| format!("https://{account}.blob.{suffix}")),
        authority: values::address(config, "activeDirectoryAuthorityURI")?,
        credentials: credentials(config, &variables)?,
        ca_cert: location.ca_cert.clone().filter(|pem| !pem.is_empty()),
    })
}

/// The lines `NAME=VALUE` of the credentials; without any, those of the environment.
fn variables(location: &Location) -> BTreeMap<String, SecretString> {
    let Some(file) = &location.credentials else { return location.environment.clone() };
    let lines = file.expose_secret().lines().filter_map(|line| {
        let (name, value) = line.trim().trim_start_matches("export ").split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        Some((name.trim().to_owned(), SecretString::from(value)))
    });
    let mut variables: BTreeMap<_, _> = lines.filter(|(name, _)| !name.starts_with('#')).collect();
    // The cluster's token is announced in the environment, whatever the Secret holds.
    for name in ["AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID", "AZURE_TENANT_ID"] {
        if let Some(value) = location.environment.get(name) {
            variables.entry(name.to_owned()).or_insert_with(|| value.clone());
        }
    }
    variables
}

/// Who asks, in the order in which Velero looks.
fn credentials(
    config: &BTreeMap<String, String>,
    variables: &BTreeMap<String, SecretString>,
) -> Result<AzureCredentials> {
    let get = |name: &str| variables.get(name).filter(|value| !value.expose_secret().is_empty()).cloned();
    let plain = |name: &str| get(name).map(|value| value.expose_secret().to_owned());
    if let Some(name) = values::text(config, "storageAccountKeyEnvVar") {
        let key = get(name).ok_or_else(|| invalid(format!("the credentials have no {name}")))?;
        return Ok(AzureCredentials::Key(key));
    }
    match (plain("AZURE_TENANT_ID"), plain("AZURE_CLIENT_ID")) {
        (Some(tenant), Some(client)) => {
            match (get("AZURE_CLIENT_SECRET"), plain("AZURE_FEDERATED_TOKEN_FILE")) {
                (Some(secret), _) => Ok(AzureCredentials::Secret { tenant, client, secret }),
                (None, Some(token_file)) => Ok(AzureCredentials::Federated { tenant, client, token_file }),
                (None, None) if get("AZURE_CLIENT_CERTIFICATE_PATH").is_some() => Err(crate::Error {
                    kind: crate::ErrorKind::Unsupported,
                    ..invalid("client certificates cannot be used; use a client secret or workload identity")
                }),
                (None, None) => Ok(AzureCredentials::Machine(Some(client))),
            }
        }
        (_, client) => Ok(AzureCredentials::Machine(client)),
    }
}
