//! Custom resources as types: typed reads, typed new objects, and patches. Nothing typed ever replaces what is
//! stored, so that fields which this version does not know survive.

use api::Kind;
use api::meta::ResourceType;
use serde::Serialize;
use serde_json::{Value, json};

use crate::port::{Cluster, Error, ErrorKind, ListPage, ObjectRef, Patch, Result, WriteOptions};

/// Objects in a page of [`list_all`].
const PAGE: u32 = 500;
/// How often a list that expires between its pages is begun again.
const LIST_ATTEMPTS: u32 = 3;

/// The address of an object of a kind.
pub fn at<K: Kind>(namespace: &str, name: &str) -> ObjectRef {
    let namespace = K::NAMESPACED.then(|| namespace.to_owned());
    ObjectRef { resource: K::resource_type(), namespace, name: name.to_owned() }
}

/// One object.
pub async fn get<K: Kind>(cluster: &dyn Cluster, namespace: &str, name: &str) -> Result<K> {
    read(&cluster.get(&at::<K>(namespace, name)).await?)
}

/// One object, or nothing where it is not there.
pub async fn find<K: Kind>(cluster: &dyn Cluster, namespace: &str, name: &str) -> Result<Option<K>> {
    found(get(cluster, namespace, name).await)
}

/// The objects of a kind that a label selector selects. One that cannot be read is left out with a warning,
/// so that it does not stop the work on the others.
pub async fn list<K: Kind>(cluster: &dyn Cluster, namespace: &str, selector: &str) -> Result<Vec<K>> {
    let namespace = K::NAMESPACED.then_some(namespace).filter(|namespace| !namespace.is_empty());
    let documents = list_all(cluster, &K::resource_type(), namespace, selector).await?;
    let readable = |document: &Value| {
        let read = read::<K>(document);
        read.inspect_err(|error| tracing::warn!(%error, "an object is left out")).ok()
    };
    Ok(documents.iter().filter_map(readable).collect())
}

/// Creates an object; its name may be left to the server where it has a `generateName`.
pub async fn create<K: Kind>(cluster: &dyn Cluster, object: &K) -> Result<K> {
    let at = at::<K>(object.namespace(), object.name());
    read(&cluster.create(&at, &object.to_document(), WriteOptions::default()).await?)
}

/// Changes an object by a merge patch.
pub async fn patch<K: Kind>(cluster: &dyn Cluster, namespace: &str, name: &str, change: Value) -> Result<K> {
    let at = at::<K>(namespace, name);
    read(&cluster.patch(&at, None, &Patch::Merge(change), WriteOptions::default()).await?)
}

/// Changes the status of an object by a merge patch of the object itself: Velero's resources have no status
/// sub-resource. What `status` leaves out stays as it is.
pub async fn patch_status<K: Kind>(
    cluster: &dyn Cluster,
    namespace: &str,
    name: &str,
    status: &(impl Serialize + Sync),
) -> Result<K> {
    let status = serde_json::to_value(status).map_err(|error| unreadable::<K>(namespace, name, &error))?;
    patch(cluster, namespace, name, json!({"status": status})).await
}

/// Deletes an object; that it is gone already is as good.
pub async fn delete<K: Kind>(cluster: &dyn Cluster, namespace: &str, name: &str) -> Result<()> {
    found(cluster.delete(&at::<K>(namespace, name), None).await).map(|_| ())
}

/// Nothing, instead of the error that it is not there.
pub fn found<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Err(error) if error.is_not_found() => Ok(None),
        outcome => outcome.map(Some),
    }
}

/// All objects of a type that a label selector selects, read page by page.
pub async fn list_all(
    cluster: &dyn Cluster,
    of: &ResourceType,
    namespace: Option<&str>,
    selector: &str,
) -> Result<Vec<Value>> {
    let mut attempt = 1;
    loop {
        match pages(cluster, of, namespace, selector).await {
            Err(error) if error.kind == ErrorKind::Expired && attempt < LIST_ATTEMPTS => attempt += 1,
            outcome => return outcome,
        }
    }
}

async fn pages(
    cluster: &dyn Cluster,
    of: &ResourceType,
    namespace: Option<&str>,
    selector: &str,
) -> Result<Vec<Value>> {
    let mut wanted = ListPage { selector: selector.to_owned(), limit: PAGE, resume: None };
    let mut items = Vec::new();
    loop {
        let page = cluster.list(of, namespace, &wanted).await?;
        items.extend(page.items);
        if page.resume.is_none() {
            return Ok(items);
        }
        wanted.resume = page.resume;
    }
}

fn read<K: Kind>(document: &Value) -> Result<K> {
    let text = |field: &str| document["metadata"][field].as_str().unwrap_or_default();
    K::from_document(document).map_err(|error| unreadable::<K>(text("namespace"), text("name"), &error))
}

fn unreadable<K: Kind>(namespace: &str, name: &str, error: &serde_json::Error) -> Error {
    let action = format!("understand {} {namespace}/{name}", K::resource_type().group_resource());
    Error::new(ErrorKind::Invalid, action, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeCluster;
    use api::velero::v1::Backup;

    #[tokio::test]
    async fn fields_of_another_version_survive_a_typed_status() {
        let cluster = FakeCluster::new();
        cluster.define(&Backup::resource_type());
        cluster.seed([json!({"apiVersion": "velero.io/v1", "kind": "Backup",
            "metadata": {"name": "b", "namespace": "default"},
            "spec": {"ttl": "720h0m0s", "fromTheFuture": true}, "status": {"alsoNew": 1}})]);
        let backup: Backup =
            patch_status::<Backup>(&cluster, "default", "b", &json!({"phase": "New"})).await.unwrap();
        assert_eq!(backup.name(), "b");
        let stored = cluster.get(&at::<Backup>("default", "b")).await.unwrap();
        assert_eq!(stored["spec"]["fromTheFuture"], true);
        assert_eq!(stored["status"], json!({"alsoNew": 1, "phase": "New"}));
        assert_eq!(list::<Backup>(&cluster, "default", "").await.unwrap().len(), 1);
        delete::<Backup>(&cluster, "default", "b").await.unwrap();
        delete::<Backup>(&cluster, "default", "b").await.unwrap();
        assert!(find::<Backup>(&cluster, "default", "b").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn lists_are_read_to_their_last_page() {
        let cluster = FakeCluster::new();
        let map = |number: usize| {
            json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": format!("m{number:04}"), "namespace": "default"}})
        };
        cluster.seed((0..1201).map(map));
        let of = ResourceType::addressed("", "v1", "configmaps", "ConfigMap", true);
        assert_eq!(list_all(&cluster, &of, Some("default"), "").await.unwrap().len(), 1201);
    }
}
