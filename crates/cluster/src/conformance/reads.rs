//! Discovery, lists and watches.

use futures::stream::{BoxStream, StreamExt};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Bench, Failure, Outcome, SETTLED, ensure, maps, refused, same, text};
use crate::port::{ErrorKind, ListPage, Patch, Result, WatchEvent, WriteOptions};
use api::meta::ResourceType;

type Events = BoxStream<'static, Result<WatchEvent>>;

pub(super) async fn the_server_has_its_types(bench: &Bench) -> Outcome {
    let discovered = bench.cluster.discover().await?;
    let find = |group: &str, plural: &str| {
        let ours = |of: &&ResourceType| of.group == group && of.plural == plural && of.preferred;
        discovered.types.iter().filter(ours).cloned().collect::<Vec<_>>()
    };
    let (pods, namespaces, deployments) =
        (find("", "pods"), find("", "namespaces"), find("apps", "deployments"));
    same(&(pods.len(), namespaces.len(), deployments.len()), &(1, 1, 1))?;
    ensure(pods[0].namespaced && !namespaces[0].namespaced, || "scopes are wrong".into())?;
    ensure(pods[0].supports(&["list", "create", "get", "delete", "patch"]), || "verbs are missing".into())?;
    same(&(pods[0].kind.as_str(), pods[0].singular.as_str()), &("Pod", "pod"))?;
    same(&pods[0].short_names, &vec!["po".to_owned()])?;
    ensure(discovered.types.iter().all(|of| !of.plural.contains('/')), || {
        "sub-resources are no types".into()
    })?;
    let scalers = find("autoscaling", "horizontalpodautoscalers");
    same(&scalers.iter().map(|of| of.version.as_str()).collect::<Vec<_>>(), &vec!["v2"])?;
    ensure(!bench.cluster.version().await?.git_version.is_empty(), || "there is no version".into())
}

pub(super) async fn an_unknown_type_is_not_found(bench: &Bench) -> Outcome {
    let unknown = ResourceType::addressed("example.com", "v1", "unknowns", "Unknown", true);
    refused(
        bench.cluster.list(&unknown, Some(&bench.namespace), &ListPage::default()).await,
        ErrorKind::NotFound,
    )?;
    let at = bench.at(unknown, "a");
    refused(bench.cluster.get(&at).await, ErrorKind::NotFound)?;
    let document = json!({"apiVersion": "example.com/v1", "kind": "Unknown", "metadata": {"name": "a"}});
    refused(bench.cluster.create(&at, &document, WriteOptions::default()).await, ErrorKind::NotFound)?;
    Ok(())
}

pub(super) async fn lists_come_in_pages(bench: &Bench) -> Outcome {
    for name in ["e", "c", "a", "d", "b"] {
        bench.make(name, json!({"ours": "yes"}), json!({})).await?;
    }
    let mut wanted = ListPage { selector: "ours=yes".into(), limit: 2, resume: None };
    let mut pages = Vec::new();
    loop {
        let page = bench.cluster.list(&maps(), Some(&bench.namespace), &wanted).await?;
        ensure(
            page.items.iter().all(|item| item["kind"] == "ConfigMap" && item["apiVersion"] == "v1"),
            || "an item lacks its kind".into(),
        )?;
        ensure(!page.resource_version.is_empty(), || "the list has no version".into())?;
        pages.push(names(&page.items).concat());
        wanted.resume = page.resume;
        if wanted.resume.is_none() {
            return same(&pages, &vec!["ab".to_owned(), "cd".into(), "e".into()]);
        }
    }
}

pub(super) async fn selectors_select(bench: &Bench) -> Outcome {
    bench.make("a", json!({"app": "web", "tier": "front"}), json!({})).await?;
    bench.make("b", json!({"app": "db"}), json!({})).await?;
    let cases = [
        ("app=web", "a"),
        ("app==db", "b"),
        ("app in (web,db)", "ab"),
        ("app in (web,db),!tier", "b"),
        ("app,app!=db", "a"),
        ("app,tier notin (front)", "b"),
    ];
    for (selector, expected) in cases {
        let page = ListPage { selector: selector.into(), ..ListPage::default() };
        let page = bench.cluster.list(&maps(), Some(&bench.namespace), &page).await?;
        same(&(selector, names(&page.items).concat().as_str()), &(selector, expected))?;
    }
    Ok(())
}

pub(super) async fn a_malformed_selector_is_refused(bench: &Bench) -> Outcome {
    let page = ListPage { selector: "app within (web)".into(), ..ListPage::default() };
    refused(bench.cluster.list(&maps(), Some(&bench.namespace), &page).await, ErrorKind::Invalid)?;
    Ok(())
}

pub(super) async fn a_watch_tells_what_is_there_and_what_changes(bench: &Bench) -> Outcome {
    bench.make("before", json!({"ours": "yes"}), json!({})).await?;
    let mut events = bench.cluster.watch(&maps(), Some(&bench.namespace), "ours=yes");
    same(&heard(&mut events).await?, &"applied before".to_owned())?;
    same(&heard(&mut events).await?, &"ready".to_owned())?;
    bench.make("after", json!({"ours": "yes"}), json!({})).await?;
    bench.make("other", json!({}), json!({})).await?;
    same(&heard(&mut events).await?, &"applied after".to_owned())?;
    let change = Patch::Merge(json!({"data": {"changed": "yes"}}));
    bench.cluster.patch(&bench.map("before"), None, &change, WriteOptions::default()).await?;
    same(&heard(&mut events).await?, &"applied before".to_owned())?;
    bench.cluster.delete(&bench.map("after"), None).await?;
    same(&heard(&mut events).await?, &"deleted after".to_owned())
}

pub(super) async fn a_watch_of_one_sees_only_that_one(bench: &Bench) -> Outcome {
    bench.make("other", json!({}), json!({})).await?;
    let mut events = bench.cluster.watch_one(&bench.map("one"));
    same(&heard(&mut events).await?, &"ready".to_owned())?;
    bench.make("another", json!({}), json!({})).await?;
    bench.make("one", json!({}), json!({})).await?;
    same(&heard(&mut events).await?, &"applied one".to_owned())?;
    bench.cluster.delete(&bench.map("one"), None).await?;
    same(&heard(&mut events).await?, &"deleted one".to_owned())
}

pub(super) async fn what_leaves_a_selector_is_deleted_for_its_watch(bench: &Bench) -> Outcome {
    bench.make("a", json!({"ours": "yes"}), json!({})).await?;
    let mut events = bench.cluster.watch(&maps(), Some(&bench.namespace), "ours=yes");
    same(&heard(&mut events).await?, &"applied a".to_owned())?;
    same(&heard(&mut events).await?, &"ready".to_owned())?;
    let change = Patch::Merge(json!({"metadata": {"labels": {"ours": "no"}}}));
    bench.cluster.patch(&bench.map("a"), None, &change, WriteOptions::default()).await?;
    same(&heard(&mut events).await?, &"deleted a".to_owned())
}

/// The next event in words.
async fn heard(events: &mut Events) -> std::result::Result<String, Failure> {
    let event = timeout(SETTLED, events.next()).await.map_err(|_| "no event came")?;
    Ok(match event.ok_or("the watch has ended")?? {
        WatchEvent::Applied(object) => format!("applied {}", text(&object["metadata"]["name"])),
        WatchEvent::Deleted(object) => format!("deleted {}", text(&object["metadata"]["name"])),
        WatchEvent::Ready => "ready".into(),
    })
}

fn names(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| text(&item["metadata"]["name"])).collect()
}
