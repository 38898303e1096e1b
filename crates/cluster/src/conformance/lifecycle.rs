//! Deletion, namespaces, leases.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::{Bench, Outcome, SETTLED, ensure, namespaces, refused, same, text};
use crate::clock::SystemClock;
use crate::lease::{Election, LeaseOptions, Terms};
use crate::port::{ErrorKind, ObjectRef, Patch, WriteOptions};

pub(super) async fn a_uid_keeps_the_wrong_object_from_deletion(bench: &Bench) -> Outcome {
    let made = bench.make("a", json!({}), json!({})).await?;
    let other = "00000000-0000-0000-0000-00000000abcd";
    refused(bench.cluster.delete(&bench.map("a"), Some(other)).await, ErrorKind::Conflict)?;
    bench.cluster.delete(&bench.map("a"), Some(&text(&made["metadata"]["uid"]))).await?;
    refused(bench.cluster.delete(&bench.map("a"), None).await, ErrorKind::NotFound)?;
    Ok(())
}

pub(super) async fn what_has_changed_is_not_deleted_as_it_was_seen(bench: &Bench) -> Outcome {
    let at = bench.map("a");
    let seen = bench.make("a", json!({}), json!({})).await?;
    let change = Patch::Merge(json!({"data": {"a": "1"}}));
    let changed = bench.cluster.patch(&at, None, &change, WriteOptions::default()).await?;
    refused(bench.cluster.delete_seen(&at, &seen).await, ErrorKind::Conflict)?;
    let mut other = changed.clone();
    other["metadata"]["uid"] = json!("00000000-0000-0000-0000-00000000abcd");
    refused(bench.cluster.delete_seen(&at, &other).await, ErrorKind::Conflict)?;
    bench.cluster.delete_seen(&at, &changed).await?;
    refused(bench.cluster.delete_seen(&at, &changed).await, ErrorKind::NotFound)?;
    Ok(())
}

pub(super) async fn finalizers_hold_an_object(bench: &Bench) -> Outcome {
    let at = bench.map("a");
    bench.make("a", json!({}), json!({})).await?;
    let hold = Patch::Merge(json!({"metadata": {"finalizers": ["example.com/hold"]}}));
    bench.cluster.patch(&at, None, &hold, WriteOptions::default()).await?;
    bench.cluster.delete(&at, None).await?;
    let held = bench.cluster.get(&at).await?;
    ensure(held["metadata"]["deletionTimestamp"].is_string(), || "it is not marked".into())?;
    bench.cluster.delete(&at, None).await?;
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    bench.cluster.patch(&at, None, &release, WriteOptions::default()).await?;
    refused(bench.cluster.get(&at).await, ErrorKind::NotFound)?;
    Ok(())
}

pub(super) async fn a_namespace_takes_its_contents_along(bench: &Bench) -> Outcome {
    bench.make("plain", json!({}), json!({})).await?;
    bench.make("held", json!({}), json!({})).await?;
    let hold = Patch::Merge(json!({"metadata": {"finalizers": ["example.com/hold"]}}));
    bench.cluster.patch(&bench.map("held"), None, &hold, WriteOptions::default()).await?;
    let namespace = ObjectRef { resource: namespaces(), namespace: None, name: bench.namespace.clone() };
    bench.cluster.delete(&namespace, None).await?;
    same(&bench.cluster.get(&namespace).await?["status"]["phase"], &json!("Terminating"))?;
    let error = refused(bench.make("late", json!({}), json!({})).await, ErrorKind::Forbidden)?;
    ensure(error.is_namespace_terminating(), || format!("the cause is missing: {error}"))?;
    bench.wait_gone(&bench.map("plain")).await?;
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    bench.cluster.patch(&bench.map("held"), None, &release, WriteOptions::default()).await?;
    bench.wait_gone(&namespace).await
}

pub(super) async fn one_leads_at_a_time(bench: &Bench) -> Outcome {
    let options = |identity: &str| LeaseOptions {
        namespace: bench.namespace.clone(),
        name: "velero-server".into(),
        identity: identity.into(),
        terms: Terms { retry: Duration::from_millis(100), ..Terms::default() },
        clock: Arc::new(SystemClock),
    };
    let first = Election::start(Arc::clone(&bench.cluster), options("first"));
    let leadership = timeout(SETTLED, first.standing().won()).await?.ok_or("the election has ended")?;
    let second = Election::start(Arc::clone(&bench.cluster), options("second"));
    let mut renewals = first.standing().channel();
    let renewed =
        renewals.wait_for(|now| now.as_ref().is_some_and(|now| now.held_until > leadership.held_until));
    timeout(SETTLED, renewed).await??;
    ensure(first.standing().leads() && !second.standing().leads(), || "two lead".into())?;
    first.release().await;
    ensure(leadership.lost.is_cancelled(), || "the term has not ended".into())?;
    timeout(SETTLED, second.standing().won()).await?.ok_or("the election has ended")?;
    second.release().await;
    Ok(())
}
