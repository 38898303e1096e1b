//! Custom resource definitions and what they define.

use api::meta::ResourceType;
use serde_json::{Value, json};

use super::{Bench, Outcome, SETTLED, ensure, refused, same};
use crate::conditions;
use crate::port::{Cluster, ErrorKind, ObjectRef, Patch, Result, WriteOptions};
use crate::typed::found;
use crate::wait::until;

const GROUP: &str = "conformance.salvor.io";

fn of(plural: &str, kind: &str) -> ResourceType {
    ResourceType::addressed(GROUP, "v1", plural, kind, true)
}

fn definition(plural: &str, kind: &str, subresources: &Value) -> (ObjectRef, Value) {
    let group = "apiextensions.k8s.io";
    let resource =
        ResourceType::addressed(group, "v1", "customresourcedefinitions", "CustomResourceDefinition", false);
    let name = format!("{plural}.{GROUP}");
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let document = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": {"plural": plural, "kind": kind, "singular": kind.to_lowercase(),
                "listKind": format!("{kind}List")},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema, "subresources": subresources}]}});
    (ObjectRef { resource, namespace: None, name }, document)
}

/// Defines a type anew.
async fn define(cluster: &dyn Cluster, plural: &str, kind: &str, subresources: &Value) -> Result<ObjectRef> {
    let (at, document) = definition(plural, kind, subresources);
    found(cluster.delete(&at, None).await)?;
    until(cluster, &at, SETTLED, conditions::gone).await?;
    cluster.create(&at, &document, WriteOptions::default()).await?;
    until(cluster, &at, SETTLED, conditions::established).await?;
    Ok(at)
}

pub(super) async fn a_definition_makes_a_type(bench: &Bench) -> Outcome {
    let cluster = bench.cluster.as_ref();
    let definition = define(cluster, "gadgets", "Gadget", &json!({"status": {}})).await?;
    let at = bench.at(of("gadgets", "Gadget"), "a");
    let document = json!({"apiVersion": "conformance.salvor.io/v1", "kind": "Gadget", "metadata": {"name": "a"},
        "spec": {"size": 1}, "status": {"dropped": true}});
    let made = cluster.create(&at, &document, WriteOptions::default()).await?;
    same(&(&made["spec"], &made["status"]), &(&json!({"size": 1}), &Value::Null))?;
    same(&made["metadata"]["generation"], &json!(1))?;
    let change = Patch::Merge(json!({"spec": {"size": 2}, "status": {"dropped": true}}));
    let changed = cluster.patch(&at, None, &change, WriteOptions::default()).await?;
    same(&(&changed["spec"]["size"], &changed["status"]), &(&json!(2), &Value::Null))?;
    same(&changed["metadata"]["generation"], &json!(2))?;
    let change = Patch::Merge(json!({"spec": {"size": 3}, "status": {"kept": true}}));
    let changed = cluster.patch(&at, Some("status"), &change, WriteOptions::default()).await?;
    same(&(&changed["spec"]["size"], &changed["status"]), &(&json!(2), &json!({"kept": true})))?;
    cluster.delete(&definition, None).await?;
    bench.wait_gone(&definition).await?;
    refused(cluster.get(&at).await, ErrorKind::NotFound)?;
    Ok(())
}

pub(super) async fn unknown_fields_survive_where_they_may(bench: &Bench) -> Outcome {
    let cluster = bench.cluster.as_ref();
    let definition = define(cluster, "widgets", "Widget", &Value::Null).await?;
    let at = bench.at(of("widgets", "Widget"), "a");
    let document = json!({"apiVersion": "conformance.salvor.io/v1", "kind": "Widget", "metadata": {"name": "a"},
        "spec": {"new": {"deep": [1, 2.5, "x"]}}, "status": {"phase": "New"}});
    let made = cluster.create(&at, &document, WriteOptions::default()).await?;
    same(&(&made["spec"], &made["status"]), &(&document["spec"], &document["status"]))?;
    let change = Patch::Merge(json!({"status": {"phase": "InProgress"}}));
    let changed = cluster.patch(&at, None, &change, WriteOptions::default()).await?;
    same(&changed["status"], &json!({"phase": "InProgress"}))?;
    same(&changed["spec"], &document["spec"])?;
    let none = cluster.patch(&at, Some("status"), &change, WriteOptions::default()).await;
    let error = refused(none, ErrorKind::NotFound)?;
    ensure(!error.message.is_empty(), || "the refusal says nothing".into())?;
    cluster.delete(&definition, None).await?;
    Ok(())
}
