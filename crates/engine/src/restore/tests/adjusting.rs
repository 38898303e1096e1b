//! What ConfigMaps change in documents, in its place among everything else that becomes of them.

use super::*;
use crate::restore::adjustments::{Chosen, Questions, Reading};
use crate::restore::mappings::Existing;
use crate::restore::modifiers::template::{Fact, Facts as Known};
use crate::restore::{Existing as Found, Transformed, decide, transform};

const RULES: &str = "
version: v1
resourceModifierRules:
- conditions: {groupResource: deployments.apps, namespaces: [shop]}
  patches:
  - {operation: replace, path: /spec/replicas, value: 0}
  - {operation: remove, path: /metadata/labels/velero.io~1restore-name}
  - {operation: add, path: /metadata/annotations, value: {domain: \"{{target.appsDomain}}\"}}
";

fn modifier() -> Value {
    json!({"metadata": {"name": "m"}, "data": {"rules.yaml": RULES}})
}

fn images() -> Value {
    json!({"metadata": {"name": "i", "labels": {"velero.io/plugin-config": "", "velero.io/change-image-name": "RestoreItemAction"}},
        "data": {"a": "old.io,new.io"}})
}

fn known() -> Known {
    Known { apps_domain: Some("apps.example.com".into()), ..Known::default() }
}

/// The plan of a restore of a deployment that is adjusted, and its document.
fn adjusted() -> (RestorePlan, Value) {
    let document = json!({"metadata": {"labels": {"velero.io/restore-name": "before"}},
        "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "c", "image": "old.io/app"}]}}}});
    let (facts, whole) = archived("deployments.apps shop/web", document);
    let mut plan = plan(
        &request(json!({"namespaceMapping": {"shop": "shop-2"}})),
        &catalog(),
        &[facts],
        &Volumes::default(),
        &Target::default(),
    )
    .unwrap();
    let chosen = Chosen::Named("m");
    let mut reading = Reading::of(Some((chosen, Some(&modifier()))), &[images()]);
    let questions = Questions { facts: [Fact::AppsDomain].into(), ..Questions::default() };
    assert_eq!(reading.questions(), questions);
    reading.complete(Some(chosen), &known(), &Existing::default());
    assert_eq!((reading.errors.len(), reading.problems.len()), (0, 0));
    plan.adjustments = reading.adjustments;
    (plan, whole)
}

#[test]
fn an_adjusted_object_keeps_its_place_and_the_labels_of_its_restore() {
    let (plan, whole) = adjusted();
    // A restore that goes on reads its plan again.
    let plan: RestorePlan = serde_json::from_value(serde_json::to_value(&plan).unwrap()).unwrap();
    let Transformed { document, problems } = transform(whole, plan.items().next().unwrap(), &plan).unwrap();
    assert_eq!(problems, []);
    assert_eq!(
        document,
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop-2",
                "labels": {"velero.io/backup-name": "b1", "velero.io/restore-name": "r1"},
                "annotations": {"domain": "apps.example.com", "salvor.io/operation-uid": "uid-r1"}},
            "spec": {"replicas": 0, "template": {"spec": {"containers": [{"name": "c", "image": "new.io/app"}]}}}})
    );
}

#[test]
fn an_object_that_is_there_is_compared_with_the_adjusted_one() {
    let (plan, whole) = adjusted();
    let item = plan.items().next().unwrap();
    let desired = transform(whole.clone(), item, &plan).unwrap().document;
    let mut there = desired.clone();
    crate::document::remove_annotation(&mut there, "salvor.io/operation-uid");
    assert_eq!(decide(&there, &desired, item, &plan), Found::Equal);
    // What the backup has is not what is asked for.
    let mut unadjusted = whole;
    unadjusted["metadata"]["namespace"] = "shop-2".into();
    assert!(matches!(decide(&unadjusted, &desired, item, &plan), Found::Differs(_)));
}

#[test]
fn a_plan_without_adjustments_does_not_speak_of_them() {
    let plan =
        planned(json!({}), &[("configmaps shop/a", json!({}))], &Volumes::default(), &Target::default());
    let stored = serde_json::to_value(&plan).unwrap();
    assert_eq!(stored.get("adjustments"), None);
    assert!(serde_json::from_value::<RestorePlan>(stored).unwrap().adjustments.is_empty());
}

#[test]
fn a_missing_class_keeps_an_object_back() {
    let (mut plan, _) = adjusted();
    let classes = json!({"metadata": {"name": "s", "labels": {"velero.io/change-storage-class": "RestoreItemAction"}}, "data": {"a": "b"}});
    let mut reading = Reading::of(None, &[classes]);
    assert!(reading.questions().storage_classes);
    reading.complete(None, &Known::default(), &Existing::default());
    plan.adjustments = reading.adjustments;
    plan.kinds[0].source = "persistentvolumeclaims".parse().unwrap();
    let claim = json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"storageClassName": "a"}});
    let problem = transform(claim, plan.items().next().unwrap(), &plan).unwrap_err();
    assert_eq!(problem.code, "SLV-2055");
}

#[test]
fn the_modifier_of_a_restore_is_used_alone_and_its_errors_end_it() {
    let of = |spec: Value| serde_json::from_value(spec).unwrap();
    let named = of(
        json!({"resourceModifier": {"kind": "ConfigMap", "name": "m"}, "skipDefaultResourceModifier": true}),
    );
    assert_eq!(Chosen::of(&named, Some("d")), Some(Chosen::Named("m")));
    assert_eq!(Chosen::of(&of(json!({})), Some("d")), Some(Chosen::Default("d")));
    assert_eq!(Chosen::of(&of(json!({})), None), None);
    assert_eq!(Chosen::of(&of(json!({"skipDefaultResourceModifier": true})), Some("d")), None);

    let missing = Reading::of(Some((Chosen::Named("m"), None)), &[]);
    assert_eq!(missing.errors, ["resourceModifier \"m\": it does not exist"]);
    let mut unknown = Reading::of(Some((Chosen::Named("m"), Some(&modifier()))), &[]);
    unknown.complete(Some(Chosen::Named("m")), &Known::default(), &Existing::default());
    let reason =
        "{{target.appsDomain}} has no value: the cluster has no domain for applications, as OpenShift has";
    assert_eq!(unknown.errors, [format!("resourceModifier \"m\": rule 1: {reason}")]);
}

#[test]
fn a_default_modifier_that_cannot_be_used_is_a_warning() {
    let chosen = Chosen::Default("d");
    let mut reading = Reading::of(Some((chosen, Some(&modifier()))), &[]);
    reading.complete(Some(chosen), &Known::default(), &Existing::default());
    assert_eq!((reading.adjustments.modifiers, reading.errors), (None, Vec::new()));
    assert_eq!(
        (reading.problems[0].code.as_str(), reading.problems[0].severity),
        ("SLV-2053", Severity::Warning)
    );
    let broken = json!({"metadata": {"name": "d"}, "data": {"a": "version: v1"}});
    assert_eq!(Reading::of(Some((chosen, Some(&broken))), &[]).problems.len(), 1);
    assert_eq!(Reading::of(Some((chosen, None)), &[]).problems.len(), 1);
}
