//! Create, patch, apply, replace.

use api::meta::ResourceType;
use serde_json::{Value, json};

use super::{Bench, Outcome, ensure, refused, same, text};
use crate::port::{ErrorKind, Patch, Result, WriteOptions};

const PLAIN: WriteOptions = WriteOptions { dry_run: false };

fn version(object: &Value) -> String {
    text(&object["metadata"]["resourceVersion"])
}

pub(super) async fn the_server_completes_what_is_created(bench: &Bench) -> Outcome {
    let document = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": "value"},
        "metadata": {"name": "a", "uid": "00000000-0000-0000-0000-00000000abcd", "creationTimestamp": "2001-01-01T00:00:00Z",
            "managedFields": [{"manager": "somebody", "operation": "Apply", "apiVersion": "v1"}]}});
    let made = bench.cluster.create(&bench.map("a"), &document, PLAIN).await?;
    let metadata = &made["metadata"];
    same(&text(&metadata["namespace"]), &bench.namespace)?;
    ensure(text(&metadata["uid"]).len() == 36 && metadata["uid"] != document["metadata"]["uid"], || {
        "the UID is not the server's".into()
    })?;
    ensure(!text(&metadata["creationTimestamp"]).starts_with("2001"), || {
        "the time is not the server's".into()
    })?;
    same(&text(&metadata["managedFields"][0]["manager"]), &"salvor".to_owned())?;
    same(&made["data"], &document["data"])?;
    let read = bench.cluster.get(&bench.map("a")).await?;
    same(&read, &made)?;
    same(&(text(&read["apiVersion"]), text(&read["kind"])), &("v1".to_owned(), "ConfigMap".to_owned()))
}

pub(super) async fn a_name_is_taken_once(bench: &Bench) -> Outcome {
    bench.make("a", json!({}), json!({})).await?;
    let error = refused(bench.make("a", json!({}), json!({})).await, ErrorKind::AlreadyExists)?;
    same(&error.reason(), &"AlreadyExists")?;
    ensure(!error.is_transient(), || "it is not worth trying again".into())
}

pub(super) async fn a_name_can_be_generated(bench: &Bench) -> Outcome {
    let document = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "made-"}});
    let first = bench.cluster.create(&bench.map(""), &document, PLAIN).await?;
    let second = bench.cluster.create(&bench.map(""), &document, PLAIN).await?;
    let (first, second) = (text(&first["metadata"]["name"]), text(&second["metadata"]["name"]));
    ensure(first != second, || "the same name came twice".into())?;
    ensure(first.starts_with("made-") && first.len() == 10, || format!("a strange name: {first}"))
}

pub(super) async fn a_missing_namespace_is_not_found(bench: &Bench) -> Outcome {
    let mut at = bench.map("a");
    at.namespace = Some("conformance-missing".into());
    let document = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let error = refused(bench.cluster.create(&at, &document, PLAIN).await, ErrorKind::NotFound)?;
    ensure(error.message.contains("conformance-missing"), || error.message.clone())
}

pub(super) async fn a_resource_version_cannot_be_created(bench: &Bench) -> Outcome {
    let document =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "7"}});
    // The server takes this for an error of its own, without a reason: code 500.
    let error =
        refused(bench.cluster.create(&bench.map("a"), &document, PLAIN).await, ErrorKind::Unavailable)?;
    ensure(error.message.contains("resourceVersion should not be set"), || error.message.clone())
}

pub(super) async fn a_name_must_be_a_name(bench: &Bench) -> Outcome {
    for name in ["Upper", "under_score", "-edge", ""] {
        refused(bench.make(name, json!({}), json!({})).await, ErrorKind::Invalid)?;
    }
    Ok(())
}

pub(super) async fn a_merge_patch_changes_and_removes(bench: &Bench) -> Outcome {
    let made = bench.make("a", json!({"kept": "yes"}), json!({"one": "1", "two": "2"})).await?;
    let change = Patch::Merge(
        json!({"data": {"one": null, "three": "3"}, "metadata": {"uid": made["metadata"]["uid"]}}),
    );
    let changed = bench.cluster.patch(&bench.map("a"), None, &change, PLAIN).await?;
    same(&changed["data"], &json!({"two": "2", "three": "3"}))?;
    same(&changed["metadata"]["labels"], &made["metadata"]["labels"])?;
    ensure(version(&changed) != version(&made), || "the version is the same".into())?;
    let stale = Patch::Merge(json!({"data": {"four": "4"}, "metadata": {"resourceVersion": version(&made)}}));
    refused(bench.cluster.patch(&bench.map("a"), None, &stale, PLAIN).await, ErrorKind::Conflict)?;
    refused(bench.cluster.patch(&bench.map("missing"), None, &change, PLAIN).await, ErrorKind::NotFound)?;
    Ok(())
}

pub(super) async fn a_json_patch_tests_what_it_changes(bench: &Bench) -> Outcome {
    bench.make("a", json!({}), json!({"one": "1"})).await?;
    let change = |expected: &str| {
        Patch::Json(json!([{"op": "test", "path": "/data/one", "value": expected},
            {"op": "replace", "path": "/data/one", "value": "2"}]))
    };
    refused(bench.cluster.patch(&bench.map("a"), None, &change("9"), PLAIN).await, ErrorKind::Invalid)?;
    let changed = bench.cluster.patch(&bench.map("a"), None, &change("1"), PLAIN).await?;
    same(&changed["data"]["one"], &json!("2"))
}

pub(super) async fn an_empty_change_is_no_change(bench: &Bench) -> Outcome {
    let made = bench.make("a", json!({}), json!({"one": "1"})).await?;
    let change = Patch::Merge(json!({"data": {"one": "1"}}));
    let changed = bench.cluster.patch(&bench.map("a"), None, &change, PLAIN).await?;
    same(&version(&changed), &version(&made))
}

async fn apply(bench: &Bench, value: &str) -> Result<Value> {
    let metadata = json!({"name": "a", "namespace": bench.namespace});
    let document =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": value}});
    bench.cluster.patch(&bench.map("a"), None, &Patch::Apply(document), PLAIN).await
}

pub(super) async fn apply_creates_changes_and_leaves(bench: &Bench) -> Outcome {
    let made = apply(bench, "1").await?;
    let again = apply(bench, "1").await?;
    same(&version(&again), &version(&made))?;
    let changed = apply(bench, "2").await?;
    same(&changed["data"]["key"], &json!("2"))?;
    ensure(version(&changed) != version(&made), || "the version is the same".into())?;
    let managed = &changed["metadata"]["managedFields"][0];
    same(
        &(text(&managed["manager"]), text(&managed["operation"])),
        &("salvor".to_owned(), "Apply".to_owned()),
    )
}

pub(super) async fn a_replacement_needs_the_newest_version(bench: &Bench) -> Outcome {
    let made = bench.make("a", json!({}), json!({"one": "1"})).await?;
    let mut next = made.clone();
    next["data"] = json!({"two": "2"});
    let replaced = bench.cluster.replace(&bench.map("a"), &next).await?;
    same(&replaced["data"], &json!({"two": "2"}))?;
    refused(bench.cluster.replace(&bench.map("a"), &next).await, ErrorKind::Conflict)?;
    Ok(())
}

pub(super) async fn a_dry_run_is_refused_as_the_write_would_be(bench: &Bench) -> Outcome {
    let dry = WriteOptions { dry_run: true };
    let document = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    bench.make("a", json!({}), json!({"key": "value"})).await?;
    let there = bench.cluster.get(&bench.map("a")).await?;
    refused(bench.cluster.create(&bench.map("a"), &document("a"), dry).await, ErrorKind::AlreadyExists)?;
    let mut nowhere = bench.map("b");
    nowhere.namespace = Some("conformance-missing".into());
    refused(bench.cluster.create(&nowhere, &document("b"), dry).await, ErrorKind::NotFound)?;
    refused(bench.cluster.create(&bench.map("Upper"), &document("Upper"), dry).await, ErrorKind::Invalid)?;
    let change = Patch::Merge(json!({"data": {"key": "other"}}));
    refused(bench.cluster.patch(&bench.map("b"), None, &change, dry).await, ErrorKind::NotFound)?;
    let renamed = Patch::Merge(json!({"metadata": {"name": "other"}}));
    ensure(bench.cluster.patch(&bench.map("a"), None, &renamed, dry).await.is_err(), || {
        "a name cannot be changed".into()
    })?;
    same(&bench.cluster.get(&bench.map("a")).await?, &there)
}

pub(super) async fn a_dry_run_leaves_nothing(bench: &Bench) -> Outcome {
    let dry = WriteOptions { dry_run: true };
    let document = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let made = bench.cluster.create(&bench.map("a"), &document, dry).await?;
    same(&made["metadata"]["name"], &json!("a"))?;
    refused(bench.cluster.get(&bench.map("a")).await, ErrorKind::NotFound)?;
    let made = bench.make("a", json!({}), json!({"one": "1"})).await?;
    let change = Patch::Merge(json!({"data": {"one": "2"}}));
    let changed = bench.cluster.patch(&bench.map("a"), None, &change, dry).await?;
    same(&changed["data"]["one"], &json!("2"))?;
    same(&bench.cluster.get(&bench.map("a")).await?["data"], &made["data"])
}

pub(super) async fn status_is_written_beside_the_rest(bench: &Bench) -> Outcome {
    let claims = ResourceType::addressed("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true);
    let at = bench.at(claims, "a");
    let document = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "a"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}, "storageClassName": "none"},
        "status": {"phase": "Bound"}});
    let made = bench.cluster.create(&at, &document, PLAIN).await?;
    same(&made["status"]["phase"], &json!("Pending"))?;
    let lost = Patch::Merge(json!({"status": {"phase": "Lost"}}));
    let beside = bench.cluster.patch(&at, None, &lost, PLAIN).await?;
    same(&beside["status"]["phase"], &json!("Pending"))?;
    let mut written = bench.cluster.patch(&at, Some("status"), &lost, PLAIN).await?;
    same(&written["status"]["phase"], &json!("Lost"))?;
    written["status"]["phase"] = "Pending".into();
    written["spec"]["volumeName"] = "ignored".into();
    let replaced = bench.cluster.replace_status(&at, &written).await?;
    same(&(&replaced["status"]["phase"], &replaced["spec"]["volumeName"]), &(&json!("Pending"), &Value::Null))
}
