//! The ways on of a watch that a healthy server does not show.

use api::meta::ResourceType;
use futures::StreamExt;
use serde_json::{Value, json};

use crate::port::{Cluster, ErrorKind, Result, WatchEvent};
use crate::scripted::{Answer, Scripted, lines, ok, refusal};

fn pods() -> ResourceType {
    ResourceType::addressed("", "v1", "pods", "Pod", true)
}

fn pod(name: &str, version: u32) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"), "resourceVersion": version.to_string()}})
}

fn list(version: u32, items: &[Value]) -> Answer {
    ok(
        &json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": version.to_string()}, "items": items}),
    )
}

fn event(kind: &str, object: &Value) -> Value {
    json!({"type": kind, "object": object})
}

fn words(event: Result<WatchEvent>) -> String {
    match event {
        Ok(WatchEvent::Applied(object)) => {
            format!("applied {}", object["metadata"]["name"].as_str().unwrap())
        }
        Ok(WatchEvent::Deleted(object)) => format!("deleted {}", object["metadata"]["uid"].as_str().unwrap()),
        Ok(WatchEvent::Ready) => "ready".into(),
        Err(error) => format!("{:?}", error.kind),
    }
}

/// What a watch of the script reports, and what it asks for.
async fn check(script: Vec<Answer>, expected: &[&str], asked: &[&str]) {
    let server = Scripted::start(script).await;
    let events = server.kube.watch(&pods(), Some("shop"), "");
    let events: Vec<String> = events.take(expected.len()).map(words).collect().await;
    assert_eq!(events, expected);
    let versions = server.asked().into_iter().map(|line| {
        let version =
            line.split_once("resourceVersion=").map(|(_, rest)| rest.split('&').next().unwrap().to_owned());
        version.map_or("list".to_owned(), |version| format!("watch {version}"))
    });
    assert_eq!(versions.take(asked.len()).collect::<Vec<_>>(), asked);
}

#[tokio::test]
async fn a_watch_that_ends_is_resumed_from_the_last_version_it_heard_of() {
    let script = vec![
        list(10, &[pod("a", 5)]),
        lines(&[event("ADDED", &pod("b", 11)), event("BOOKMARK", &pod("", 19))]),
        lines(&[event("DELETED", &pod("a", 20))]),
    ];
    check(script, &["applied a", "ready", "applied b", "deleted uid-a"], &["list", "watch 10", "watch 19"])
        .await;
}

#[tokio::test]
async fn what_went_while_a_watch_had_expired_is_reported_as_deleted() {
    let gone = json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"});
    let script = vec![
        list(10, &[pod("a", 5), pod("b", 6)]),
        lines(&[event("ERROR", &gone)]),
        list(30, &[pod("b", 6), pod("c", 29)]),
        lines(&[event("MODIFIED", &pod("c", 31))]),
    ];
    let expected =
        ["applied a", "applied b", "ready", "applied b", "applied c", "deleted uid-a", "applied c"];
    check(script, &expected, &["list", "watch 10", "list", "watch 30"]).await;
}

#[tokio::test]
async fn an_expired_version_at_the_door_leads_to_a_list() {
    let script = vec![list(10, &[]), refusal(410, ""), list(20, &[pod("a", 15)])];
    check(script, &["ready", "applied a"], &["list", "watch 10", "list"]).await;
}

#[tokio::test]
async fn a_refusal_is_reported_and_the_watch_goes_on() {
    let script =
        vec![refusal(403, ""), list(10, &[]), refusal(403, ""), lines(&[event("ADDED", &pod("a", 11))])];
    let expected = ["Forbidden", "ready", "Forbidden", "applied a"];
    check(script, &expected, &["list", "list", "watch 10", "watch 10"]).await;
}

#[tokio::test]
async fn reads_are_tried_again_and_writes_are_not() {
    let script =
        vec![refusal(503, ""), refusal(429, "retry-after: 1\r\n"), ok(&pod("a", 1)), refusal(503, "")];
    let server = Scripted::start(script).await;
    let at = crate::ObjectRef { resource: pods(), namespace: Some("shop".into()), name: "a".into() };
    let begin = std::time::Instant::now();
    assert_eq!(server.kube.get(&at).await.unwrap()["metadata"]["name"], "a");
    assert!(begin.elapsed().as_millis() >= 1000, "the server asked for a second");
    let error = server.kube.create(&at, &json!({}), crate::port::WriteOptions::default()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert_eq!(error.message, "the server answered 503 Service Unavailable");
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn an_old_server_is_asked_version_by_version() {
    let resource = |name: &str, kind: &str| json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["get"]});
    let group = json!({"name": "apps", "versions": [{"version": "v1"}, {"version": "v1beta1"}], "preferredVersion": {"version": "v1"}});
    // The two halves are asked at the same time: each call gets what fits either.
    let root = json!({"kind": "APIVersions", "versions": ["v1"], "groups": [group]});
    let types = json!({"resources": [resource("things", "Thing"), resource("things/status", "Thing")]});
    let mut script: Vec<Answer> = (0..2).map(|_| ok(&root)).collect();
    script.extend((0..5).map(|_| ok(&types)));
    script.push(refusal(403, ""));
    let server = Scripted::start(script).await;
    let discovered = server.kube.discover().await.unwrap();
    assert_eq!((discovered.types.len(), discovered.failed.len()), (5, 1), "{discovered:?}");
    assert!(discovered.types.iter().all(|of| of.plural == "things"));
    assert!(server.asked().iter().any(|line| line == "GET /apis/apps/v1beta1"));
}
