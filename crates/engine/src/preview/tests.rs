//! Previews over plans made by hand: what the digest covers, what is unknown, what is missing, what has moved.

use std::collections::HashSet;

use api::meta::{GroupResource, ObjectKey, ResourceType};
use serde_json::{Value, json};

use super::admission::{Verdict, judge};
use super::gaps::{Gaps, missing};
use super::restore::{Asked, Missing, Outcome, Seen, wanted};
use super::*;
use crate::catalog::Catalog;
use crate::problem::{Problem, Severity};
use crate::restore::RestorePlan;

fn kind(group: &str, plural: &str, kind: &str, namespaced: bool) -> Value {
    let of = ResourceType::addressed(group, "v1", plural, kind, namespaced);
    json!({"source": of.group_resource(), "resource": of})
}

fn plan(items: &[(usize, Option<&str>, &str)]) -> RestorePlan {
    let item = |(kind, namespace, name): &(usize, Option<&str>, &str)| json!({"kind": kind, "namespace": namespace, "name": name, "at": {"file": 0, "start": 0, "length": 0}});
    let items: Vec<Value> = items.iter().map(item).collect();
    serde_json::from_value(json!({
        "v": 1, "restore": {"namespace": "velero", "name": "r", "uid": "u"}, "backup": "b", "policy": "none",
        "kinds": [kind("", "configmaps", "ConfigMap", true), kind("storage.k8s.io", "storageclasses", "StorageClass", false),
            kind("apps", "replicasets", "ReplicaSet", true)],
        "stages": [{"name": "all", "items": items}],
        "left_out": [
            {"rule": "notServed", "resource": "widgets.example.com", "kind": "example.com/v1/Widget", "names": ["w"]},
            {"rule": "completed", "resource": "pods", "namespace": "shop", "kind": "v1/Pod", "names": ["p", "q"]}],
    }))
    .unwrap()
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new(GroupResource::new("", "configmaps"), Some("shop"), name)
}

fn object(action: Action, name: &str) -> Object {
    Object { wanted: "w1".into(), ..Object::new(action, "v1/ConfigMap".into(), key(name)) }
}

fn preview(archive: &str, objects: &[Object]) -> RestorePreview {
    let asked = Asked { backup: "b".into(), archive: archive.into(), spec: Default::default() };
    let mut writer = Writer::new(Vec::new(), &asked).unwrap();
    objects.iter().for_each(|object| writer.add(object.clone()).unwrap());
    let outcome = Outcome::of(&plan(&[]), Missing::default(), Vec::new());
    let (text, outcome) = writer.finish(outcome).unwrap();
    let read: RestorePreview = serde_json::from_slice(&text).unwrap();
    assert_eq!(read.outcome, outcome);
    assert_eq!(read.objects, objects);
    read
}

#[test]
fn only_false_is_no_dry_run() {
    let said = |value: &str| is_dry_run(Some(&[(labels::DRY_RUN.to_owned(), value.to_owned())].into()));
    assert!(said("true") && said("yes") && said("") && !said("false"));
    assert!(!is_dry_run(None) && !is_dry_run(Some(&Annotations::new())));
    assert!(document_is_dry_run(&json!({"metadata": {"annotations": {"salvor.io/dry-run": "True"}}})));
}

#[test]
fn a_report_reads_back_with_its_counts() {
    let read =
        preview("a", &[object(Action::Create, "a"), object(Action::Keep, "b"), object(Action::Refused, "c")]);
    let expected = Counts { create: 1, keep: 1, refused: 1, left_out: 3, ..Counts::default() };
    assert_eq!((read.v, read.outcome.counts), (VERSION, expected));
    assert_eq!((read.outcome.errors(), read.outcome.warnings()), (1, 1));
    assert!(read.outcome.loses() && !read.outcome.counts.is_nothing());
    let nothing = preview("a", &[object(Action::Same, "a"), object(Action::Keep, "b")]);
    assert!(!nothing.outcome.loses() && nothing.outcome.counts.is_nothing());
    assert_eq!(preview("a", &[]).objects, []);
}

#[test]
fn the_digest_covers_what_would_be_done_and_no_words() {
    let seen = |state: &str| Some(Seen { uid: "u".into(), state: state.into() });
    let base = Object { seen: seen("1"), ..object(Action::Update, "a") };
    let digest =
        |archive: &str, object: &Object| preview(archive, std::slice::from_ref(object)).outcome.digest;
    let before = digest("a", &base);
    assert!(before.starts_with("sha256:") && before.len() == 71, "{before}");
    assert_ne!(digest("other", &base), before);
    for changed in [
        Object { seen: seen("2"), ..base.clone() },
        Object { seen: None, ..base.clone() },
        Object { action: Action::Keep, ..base.clone() },
        Object { wanted: "w2".into(), ..base.clone() },
        Object { key: key("b"), ..base.clone() },
    ] {
        assert_ne!(digest("a", &changed), before, "{changed:?}");
    }
    let problem = Problem::new(&problems::NO_OWNER, Severity::Warning, "at 12:00:01");
    let told = Object { note: "words".into(), problem: Some(problem), ..base.clone() };
    assert_eq!(digest("a", &told), before);
}

#[test]
fn what_was_seen_of_an_object_is_what_counts() {
    let map = |version: &str, data: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": data}, "status": version,
            "metadata": {"uid": "u", "resourceVersion": version, "managedFields": [version]}})
    };
    assert_eq!(Seen::of(&map("1", "x")), Seen::of(&map("2", "x")));
    assert_ne!(Seen::of(&map("1", "x")), Seen::of(&map("1", "y")));
    let mut secret = map("7", "hunter2");
    secret["kind"] = json!("Secret");
    assert_eq!(Seen::of(&secret), Seen { uid: "u".into(), state: "7".into() });
    let mut other = secret.clone();
    other["data"]["a"] = json!("sesame");
    assert_eq!(wanted(&secret), wanted(&other), "nobody guesses a password from a digest");
    other["data"]["b"] = json!("more");
    assert_ne!(wanted(&secret), wanted(&other));
    assert_ne!(wanted(&map("7", "x")), wanted(&map("7", "y")));
}

fn check_verdict(message: &str, expect: Option<&str>) {
    let made: HashSet<String> = ["builder", "high", "web", "shop"].map(str::to_owned).into();
    match (judge(message, (Some("shop"), "web"), &made), expect) {
        (Verdict::Refused, None) => {}
        (Verdict::Unknown(why), Some(words)) => assert!(why.contains(words), "{why}"),
        (verdict, expect) => panic!("{message}: {verdict:?}, not {expect:?}"),
    }
}

#[test]
fn refusals_that_say_nothing_of_the_real_thing_are_told_apart() {
    check_verdict("admission webhook \"guard.example.com\" denied the request: no", None);
    check_verdict("exceeded quota: feed, requested: count/configmaps=1", None);
    check_verdict(
        "admission webhook \"audit.example.com\" does not support dry run",
        Some("a webhook with side effects cannot be asked (admission webhook \"audit.example.com\""),
    );
    check_verdict("failed calling webhook \"a\": no endpoints", Some("a webhook does not answer"));
    let account = "pods \"web\" is forbidden: error looking up service account shop/builder: serviceaccount \"builder\" not found";
    check_verdict(account, Some("the restore creates builder before it"));
    check_verdict("no PriorityClass with name high was found: it does not exist", Some("creates high"));
    // Its own name, and its namespace, are nothing that is missing.
    check_verdict("pods \"web\" is forbidden: serviceaccount \"other\" not found in shop", None);
}

#[test]
fn storage_classes_and_owners_that_nobody_has_are_missing() {
    let storage = ResourceType::addressed("storage.k8s.io", "v1", "storageclasses", "StorageClass", false);
    let sets = ResourceType::addressed("apps", "v1", "deployments", "Deployment", true);
    let catalog = Catalog::new(vec![storage.clone(), sets.clone()]);
    let plan = plan(&[(1, None, "restored"), (2, Some("shop"), "web-7")]);
    let mut gaps = Gaps::default();
    let claim = |class: &str| json!({"kind": "PersistentVolumeClaim", "spec": {"storageClassName": class}});
    for class in ["restored", "fast", ""] {
        gaps.note(&json!({}), &claim(class), &key("claim"));
    }
    let set = json!({"kind": "StatefulSet", "spec": {"volumeClaimTemplates": [claim("slow")]}});
    gaps.note(&json!({}), &set, &key("set"));
    let owned = |version: &str, kind: &str, name: &str| json!({"metadata": {"ownerReferences": [{"apiVersion": version, "kind": kind, "name": name}]}});
    gaps.note(&owned("apps/v1beta1", "ReplicaSet", "web-7"), &json!({}), &key("pod"));
    gaps.note(&owned("apps/v1", "Deployment", "web"), &json!({}), &key("set"));
    gaps.note(&owned("example.com/v1", "Widget", "w"), &json!({}), &key("child"));
    let wanted = gaps.wanted(&plan, &catalog);
    let names: Vec<_> = wanted.iter().map(|one| (one.name.as_str(), one.resource.is_some())).collect();
    assert_eq!(names, [("fast", true), ("slow", true), ("w", false), ("web", true)]);
    let (missing, problems) = missing(&plan, &wanted);
    assert_eq!(missing.types, ["example.com/v1/Widget"]);
    assert_eq!(missing.storage_classes, ["fast", "slow"]);
    assert_eq!(missing.owners, ["Widget shop/w", "Deployment shop/web"]);
    assert_eq!(problems.len(), 4);
    assert!(problems.iter().all(|problem| problem.severity == Severity::Warning && problem.object.is_some()));
}

#[test]
fn what_has_moved_is_told_object_by_object() {
    let seen = |uid: &str, state: &str| Some(Seen { uid: uid.into(), state: state.into() });
    let at = |seen: Option<Seen>, name: &str| Object { seen, ..object(Action::Same, name) };
    let before = preview(
        "a",
        &[
            at(seen("1", "x"), "changed"),
            at(seen("1", "x"), "replaced"),
            at(None, "came"),
            at(seen("1", "x"), "went"),
            at(None, "out"),
            at(None, "refused"),
            at(None, "same"),
        ],
    );
    let now = preview(
        "b",
        &[
            at(seen("1", "y"), "changed"),
            at(seen("2", "x"), "replaced"),
            at(seen("1", "x"), "came"),
            at(None, "went"),
            at(None, "in"),
            Object { action: Action::Refused, ..at(None, "refused") },
            at(None, "same"),
        ],
    );
    assert_eq!(moved(&before, &before), Vec::<String>::new());
    assert_eq!(
        moved(&before, &now),
        [
            "the archive of backup b is another one",
            "configmaps shop/out is not part of the restore any more",
            "configmaps shop/came is in the cluster now",
            "configmaps shop/changed was changed in the cluster",
            "configmaps shop/in is part of the restore now",
            "configmaps shop/refused is answered differently by the API server",
            "configmaps shop/replaced is another object of the same name",
            "configmaps shop/went is not in the cluster any more",
        ]
    );
}
