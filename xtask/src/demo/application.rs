//! The application: made, looked at, lost.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::Value;
use testkit::client::Client;
use testkit::compare::is_event;
use testkit::fixture::{self, NAMESPACES};
use testkit::objects::{self, Catalog};
use testkit::progress::Progress;
use testkit::wait::{Look, until};
use testkit::zoo;

use super::{Place, made_by_us, refuse_of_others};

/// How long pods may take to run, or namespaces to go.
const PATIENCE: Duration = Duration::from_secs(180);

/// The application before anything happened to it.
pub(crate) struct Made {
    /// Every object.
    pub(crate) objects: BTreeMap<String, Value>,
    /// What the shop answered.
    pub(crate) answers: Vec<String>,
    /// Tells this run from others.
    pub(crate) stamp: u64,
    /// What the objects were made from.
    pub(crate) seed: u64,
}

/// Refuses namespaces and definitions of the application's names that the demo did not make.
pub(crate) async fn refuse_foreign(client: &Client) -> Result<()> {
    for path in not_in_namespaces() {
        if let Some(found) = client.get(&path).await? {
            refuse_of_others(&found)?;
        }
    }
    Ok(())
}

/// Makes the application and waits until it answers.
pub(crate) async fn make(place: &Place, seed: u64, progress: Progress) -> Result<Made> {
    let client = &place.client;
    let catalog = Catalog::read(client).await?;
    let mut documents = fixture::application(seed, &place.images);
    // A cluster of somebody's may be older and lack a type; what the definitions among them add is not there yet.
    let added =
        |document: &Value| document["apiVersion"].as_str().is_some_and(|v| v.contains(".example.com/"));
    documents.retain(|document| added(document) || catalog.list_path(document).is_ok());
    let what = format!("{} objects, seed {seed}", documents.len());
    progress.step(&what, objects::create_all(client, &documents)).await?;
    let answers = wait(place, progress).await?;
    let stamp = SystemTime::now().duration_since(UNIX_EPOCH).context("failed to read the clock")?.as_secs();
    Ok(Made { objects: look(client).await?, answers, stamp, seed })
}

/// Waits until the application runs; what it answers.
pub(crate) async fn wait(place: &Place, progress: Progress) -> Result<Vec<String>> {
    let answers = async {
        fixture::settled(&place.client, PATIENCE).await?;
        fixture::answers(&place.client, PATIENCE).await
    };
    progress.step("its pods run and answer", answers).await
}

/// Every object of the application: those of its namespaces, and the definitions of its custom resources.
pub(crate) async fn look(client: &Client) -> Result<BTreeMap<String, Value>> {
    let mut found = objects::read_namespaces(client, &NAMESPACES).await?;
    found.retain(|name, _| !is_event(name));
    for path in definitions() {
        if let Some(definition) = client.get(&path).await? {
            found.insert(objects::name_of(&definition), definition);
        }
    }
    Ok(found)
}

/// Where the definitions of the application's custom resources are.
fn definitions() -> impl Iterator<Item = String> {
    zoo::definitions().map(|name| format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"))
}

/// Where the application's namespaces and definitions are.
fn not_in_namespaces() -> impl Iterator<Item = String> {
    NAMESPACES.map(|name| format!("/api/v1/namespaces/{name}")).into_iter().chain(definitions())
}

/// Deletes the application's namespaces and definitions, those that the demo made, and waits until they are gone.
pub(crate) async fn remove(place: &Place, progress: Progress) -> Result<()> {
    let client = &place.client;
    let mut paths = Vec::new();
    for path in not_in_namespaces() {
        if client.get(&path).await?.is_some_and(|found| made_by_us(&found)) {
            client.delete(&path).await?;
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Ok(());
    }
    let gone = until("the application does not go", PATIENCE, || async {
        for path in &paths {
            if client.get(path).await?.is_some() {
                return Ok(Look::NotYet(format!("{path} is there")));
            }
        }
        Ok(Look::Done(()))
    });
    progress.step("application deleted", gone).await
}
