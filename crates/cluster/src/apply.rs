//! Bringing a set of documents into a cluster by server-side apply: namespaces and definitions first.

use std::time::Duration;

use api::meta::ResourceType;
use serde_json::Value;

use crate::conditions;
use crate::port::{Cluster, Error, ErrorKind, ObjectRef, Patch, Result, WriteOptions};
use crate::typed::found;
use crate::wait::until;

/// How long a server has to serve the types of a new definition.
const ESTABLISH_DEADLINE: Duration = Duration::from_secs(30);

/// What applying a document did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There was no such object.
    Created,
    /// It was different.
    Changed,
    /// It was as it should be.
    Unchanged,
}

/// An object that was applied.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Where it is.
    pub at: ObjectRef,
    /// What changed.
    pub change: Change,
}

/// Applies `documents`, and waits until the definitions among them are served. Stops at the first error; to
/// apply the same again goes on from there.
pub async fn apply(
    cluster: &dyn Cluster,
    documents: &[Value],
    options: WriteOptions,
) -> Result<Vec<Applied>> {
    let (first, rest): (Vec<&Value>, Vec<&Value>) = documents.iter().partition(|document| is_first(document));
    let mut applied = batch(cluster, &first, options).await?;
    for definition in applied.iter().filter(|applied| !options.dry_run && is_definition(&applied.at.resource))
    {
        until(cluster, &definition.at, ESTABLISH_DEADLINE, conditions::established).await?;
    }
    applied.extend(batch(cluster, &rest, options).await?);
    Ok(applied)
}

async fn batch(cluster: &dyn Cluster, documents: &[&Value], options: WriteOptions) -> Result<Vec<Applied>> {
    let mut applied = Vec::with_capacity(documents.len());
    if documents.is_empty() {
        return Ok(applied);
    }
    let types = cluster.discover().await?.types;
    for document in documents {
        applied.push(one(cluster, address(&types, document)?, document, options).await?);
    }
    Ok(applied)
}

async fn one(
    cluster: &dyn Cluster,
    at: ObjectRef,
    document: &Value,
    options: WriteOptions,
) -> Result<Applied> {
    let before = found(cluster.get(&at).await)?;
    let after = cluster.patch(&at, None, &Patch::Apply(document.clone()), options).await?;
    let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
    let change = match before {
        None => Change::Created,
        Some(before) if version(&before) == version(&after) => Change::Unchanged,
        Some(_) => Change::Changed,
    };
    Ok(Applied { at, change })
}

/// The address of a document among the types that a server has.
pub fn address(types: &[ResourceType], document: &Value) -> Result<ObjectRef> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (api_version, kind) = (text(&document["apiVersion"]), text(&document["kind"]));
    let metadata = &document["metadata"];
    let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
    let of = types.iter().find(|of| of.kind == kind && of.api_version() == api_version);
    let Some(of) = of else {
        let action = format!("find the type of {kind} {name}");
        return Err(Error::new(
            ErrorKind::NotFound,
            action,
            format!("the cluster has no {kind} in {api_version}"),
        ));
    };
    let namespace = of.namespaced.then_some(namespace).filter(|namespace| !namespace.is_empty());
    Ok(ObjectRef { resource: of.clone(), namespace, name })
}

fn is_first(document: &Value) -> bool {
    matches!(document["kind"].as_str(), Some("Namespace" | "CustomResourceDefinition"))
}

fn is_definition(of: &ResourceType) -> bool {
    of.group_resource().is("apiextensions.k8s.io", "customresourcedefinitions")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeCluster;
    use serde_json::json;

    fn documents() -> Vec<Value> {
        vec![
            json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "shop"}}),
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": "widgets.example.com"},
                "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
                    "versions": [{"name": "v1", "served": true, "storage": true}]}}),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        ]
    }

    #[tokio::test]
    async fn documents_find_their_types_and_namespaces_ready() {
        let cluster = FakeCluster::new();
        let applied = apply(&cluster, &documents(), WriteOptions::default()).await.unwrap();
        let order: Vec<_> =
            applied.iter().map(|applied| (applied.at.name.as_str(), applied.change)).collect();
        let created = |name| (name, Change::Created);
        assert_eq!(order, [created("widgets.example.com"), created("shop"), created("w")]);
        let again = apply(&cluster, &documents(), WriteOptions::default()).await.unwrap();
        assert!(again.iter().all(|applied| applied.change == Change::Unchanged), "{again:?}");
    }

    #[tokio::test]
    async fn an_unknown_type_is_named() {
        let error = apply(&FakeCluster::new(), &documents()[..1], WriteOptions::default()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "find the type of Widget w: the cluster has no Widget in example.com/v1"
        );
    }
}
