//! Step one, with a client: reads everything that the application names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use api::oadp::DataProtectionApplication;
use api::{Kind, oadp::DataProtectionApplicationSpec};
use base64::Engine;
use cluster::{Cluster, ListPage, ObjectRef};
use engine::document;
use serde_json::Value;

use super::credentials;
use super::reconcile::Context;
use crate::error::{Error, Result};
use crate::install::{SERVER, types};

/// The contents of a Secret, by key; never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretContents(BTreeMap<String, Vec<u8>>);

impl SecretContents {
    /// Takes contents by key.
    pub fn new(contents: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        Self(contents.into_iter().collect())
    }

    /// What stands under a key; empty contents count as none.
    pub(super) fn get(&self, key: &str) -> Option<&[u8]> {
        self.0.get(key).map(Vec::as_slice).filter(|contents| !contents.is_empty())
    }

    fn of(secret: &Value) -> Self {
        let decode = |text: &String| base64::engine::general_purpose::STANDARD.decode(text).ok();
        let data = document::strings(&secret["data"]);
        Self(data.iter().filter_map(|(key, text)| Some((key.clone(), decode(text)?))).collect())
    }
}

impl fmt::Debug for SecretContents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// An application and everything that it names, as found in the cluster.
#[derive(Debug, Clone)]
pub struct Found {
    /// The application.
    pub application: DataProtectionApplication,
    /// Other applications in its namespace.
    pub others: Vec<String>,
    /// The Secrets that it names, those that are there.
    pub secrets: BTreeMap<String, SecretContents>,
    /// Its Namespace.
    pub namespace: Value,
    /// The server's Deployment, if there is one of that name.
    pub deployment: Option<Value>,
    /// Backup and snapshot locations that were made for it.
    pub locations: Vec<Value>,
}

/// Reads everything that an application names; an application that cannot be read is a message.
pub(super) async fn dereference(
    context: &Context,
    stored: &Value,
) -> Result<std::result::Result<Found, String>> {
    let application = match DataProtectionApplication::from_document(stored) {
        Ok(application) => application,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let (namespace, name) = (application.namespace().to_owned(), application.name().to_owned());
    let reader = Reader { cluster: context.cluster.as_ref(), namespace: &namespace };
    let mut secrets = BTreeMap::new();
    for secret in secret_names(&application.spec) {
        if let Some(found) = reader.get("Secret", &secret).await? {
            secrets.insert(secret, SecretContents::of(&found));
        }
    }
    let selector = format!("{}={name}", super::INSTANCE_LABEL);
    let mut locations = reader.list("BackupStorageLocation", &selector).await?;
    locations.extend(reader.list("VolumeSnapshotLocation", &selector).await?);
    let applications = reader.list("DataProtectionApplication", "").await?;
    let names = applications.iter().map(|other| document::name(other).to_owned());
    Ok(Ok(Found {
        application,
        others: names.filter(|other| *other != name).collect(),
        secrets,
        namespace: reader.get("Namespace", &namespace).await?.unwrap_or_default(),
        deployment: reader.get("Deployment", SERVER).await?,
        locations,
    }))
}

/// The names of all Secrets that are asked for, or used when nothing is asked for.
pub(super) fn secret_names(spec: &DataProtectionApplicationSpec) -> BTreeSet<String> {
    let plugins = spec.configuration.velero.iter().flat_map(|velero| &velero.default_plugins);
    let defaults = plugins.filter_map(|plugin| credentials::default_secret(plugin.as_str()));
    let by_location = spec.backup_locations.iter().flat_map(|location| {
        let velero = location.velero.iter().filter_map(|velero| {
            credentials::reference(velero.credential.as_ref(), &velero.config)
                .or_else(|| credentials::default_of(&velero.provider))
        });
        let bucket = location
            .bucket
            .iter()
            .filter_map(|bucket| credentials::reference(bucket.credential.as_ref(), &bucket.config));
        velero.chain(bucket).map(|(name, _)| name).collect::<Vec<_>>()
    });
    let by_snapshot_location = spec.snapshot_locations.iter().filter_map(|location| {
        let velero = location.velero.as_ref()?;
        credentials::reference(velero.credential.as_ref(), &velero.config).map(|(name, _)| name)
    });
    let names = defaults.map(|credentials| credentials.secret.to_owned());
    names.chain(by_location).chain(by_snapshot_location).filter(|name| !name.is_empty()).collect()
}

struct Reader<'a> {
    cluster: &'a dyn Cluster,
    namespace: &'a str,
}

impl Reader<'_> {
    async fn get(&self, kind: &str, name: &str) -> Result<Option<Value>> {
        let resource = resource_type(kind)?;
        let namespace = resource.namespaced.then(|| self.namespace.to_owned());
        let at = ObjectRef { resource, namespace, name: name.to_owned() };
        match self.cluster.get(&at).await.map_err(Error::from) {
            Err(error) if error.is_not_found() => Ok(None),
            found => found.map(Some),
        }
    }

    async fn list(&self, kind: &str, selector: &str) -> Result<Vec<Value>> {
        let page = ListPage { selector: selector.to_owned(), ..ListPage::default() };
        Ok(self.cluster.list(&resource_type(kind)?, Some(self.namespace), &page).await?.items)
    }
}

pub(super) fn resource_type(kind: &str) -> Result<api::meta::ResourceType> {
    types::of_kind(kind).ok_or_else(|| Error::Other(format!("address objects of kind {kind}")))
}
