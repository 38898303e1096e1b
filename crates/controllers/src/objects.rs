//! The custom resources of the server's namespace, by kind and name: reading them typed, changing them by
//! merge patches only.

use api::Kind;
use api::meta::ResourceType;
use cluster::{ErrorKind, ListPage, ObjectRef, Patch};
use jiff::Timestamp;
use serde_json::{Value, json};
use tracing::warn;

use crate::deps::Deps;
use crate::error::{Error, Result, read};

/// The UID of the server's namespace: which cluster and which installation in it we are.
pub async fn installation(deps: &Deps) -> Result<String> {
    let resource = ResourceType::addressed("", "v1", "namespaces", "Namespace", false);
    let at = ObjectRef { resource, namespace: None, name: deps.namespace().to_owned() };
    Ok(engine::document::uid(&deps.cluster.get(&at).await?).to_owned())
}

/// A time as Kubernetes writes it, to the second.
pub fn stamp(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

/// The address of one of our objects.
pub fn at<K: Kind>(deps: &Deps, name: &str) -> ObjectRef {
    let namespace = K::NAMESPACED.then(|| deps.namespace().to_owned());
    ObjectRef { resource: K::resource_type(), namespace, name: name.to_owned() }
}

/// One of our objects, whole; `None` where it is not there.
pub async fn find_document<K: Kind>(deps: &Deps, name: &str) -> Result<Option<Value>> {
    if name.is_empty() {
        return Ok(None);
    }
    match deps.cluster.get(&at::<K>(deps, name)).await {
        Ok(document) => Ok(Some(document)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// One of our objects; `None` where it is not there.
pub async fn find<K: Kind>(deps: &Deps, name: &str) -> Result<Option<K>> {
    find_document::<K>(deps, name).await?.as_ref().map(read).transpose()
}

/// A ConfigMap of the server's namespace; `None` where it is not there, or nobody names one.
pub async fn find_config_map(deps: &Deps, name: &str) -> Result<Option<Value>> {
    if name.is_empty() {
        return Ok(None);
    }
    match deps.cluster.get(&config_map_at(deps, name)).await {
        Ok(document) => Ok(Some(document)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Where a ConfigMap of the server's namespace is.
pub fn config_map_at(deps: &Deps, name: &str) -> ObjectRef {
    ObjectRef { resource: config_maps(), namespace: Some(deps.namespace().to_owned()), name: name.to_owned() }
}

/// The type of ConfigMaps.
pub fn config_maps() -> ResourceType {
    ResourceType::addressed("", "v1", "configmaps", "ConfigMap", true)
}

/// Our objects that a label selector selects, whole.
pub async fn list_documents<K: Kind>(deps: &Deps, selector: &str) -> Result<Vec<Value>> {
    let mut page =
        ListPage { selector: selector.to_owned(), limit: deps.config.limits.page_size, resume: None };
    let mut all = Vec::new();
    loop {
        let found = deps.cluster.list(&K::resource_type(), Some(deps.namespace()), &page).await?;
        all.extend(found.items);
        match found.resume {
            Some(resume) => page.resume = Some(resume),
            None => return Ok(all),
        }
    }
}

/// Our objects that a label selector selects. A malformed one is reported and left out.
pub async fn list<K: Kind>(deps: &Deps, selector: &str) -> Result<Vec<K>> {
    let documents = list_documents::<K>(deps, selector).await?;
    Ok(documents.iter().filter_map(|document| reported(read(document))).collect())
}

fn reported<T>(outcome: Result<T>) -> Option<T> {
    outcome.inspect_err(|error| warn!("failed to {error}; it is left out")).ok()
}

/// Merges a patch into one of our objects as it was seen. Whoever decided on it by what is the past meanwhile, such as a
/// leader that stood still, is refused with a conflict.
pub async fn amend<K: Kind>(deps: &Deps, seen: &K, mut change: Value) -> Result<Value> {
    if let Some(version) = &seen.metadata().resource_version {
        change["metadata"]["resourceVersion"] = json!(version);
    }
    patch::<K>(deps, seen.name(), change).await
}

/// Merges a status into that of one of our objects as it was seen: as [`amend`].
pub async fn amend_status<K: Kind>(deps: &Deps, seen: &K, status: Value) -> Result<Value> {
    amend(deps, seen, json!({ "status": status })).await
}

/// Merges a patch into one of our objects, whatever it is like by now.
pub async fn patch<K: Kind>(deps: &Deps, name: &str, patch: Value) -> Result<Value> {
    Ok(deps.cluster.patch(&at::<K>(deps, name), None, &Patch::Merge(patch), Default::default()).await?)
}

/// Merges a status into that of one of our objects, whatever it is like by now.
pub async fn patch_status<K: Kind>(deps: &Deps, name: &str, status: Value) -> Result<Value> {
    patch::<K>(deps, name, json!({ "status": status })).await
}

/// Creates one of our objects; `None` where one of that name is there already.
pub async fn create<K: Kind>(deps: &Deps, document: &Value) -> Result<Option<Value>> {
    let at = at::<K>(deps, engine::document::name(document));
    match deps.cluster.create(&at, document, Default::default()).await {
        Ok(created) => Ok(Some(created)),
        Err(error) if error.kind == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Deletes one of our objects, if it still is the one of this UID.
pub async fn delete<K: Kind>(deps: &Deps, name: &str, uid: &str) -> Result<()> {
    let uid = Some(uid).filter(|uid| !uid.is_empty());
    match deps.cluster.delete(&at::<K>(deps, name), uid).await {
        // A conflict says that the name belongs to another object by now.
        Err(error) if !matches!(error.kind, ErrorKind::NotFound | ErrorKind::Conflict) => {
            Err(Error::from(error))
        }
        _ => Ok(()),
    }
}

/// A label selector for one label whose value is a name.
pub fn labelled(label: &str, name: &str) -> String {
    format!("{label}={}", api::names::label_value(name))
}
