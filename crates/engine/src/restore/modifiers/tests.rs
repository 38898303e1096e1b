//! Resource modifiers: how they are read, and what they do.

use super::*;
use serde_json::json;

fn config_map(rules: &str) -> Value {
    json!({"metadata": {"name": "m"}, "data": {"rules.yaml": format!("version: v1\nresourceModifierRules:\n{rules}")}})
}

fn read(rules: &str) -> Modifiers {
    Modifiers::read(&config_map(rules)).unwrap_or_else(|errors| panic!("{rules}\n{errors:?}"))
}

/// What becomes of a document that is at `place`, such as `deployments.apps shop/web`, and of which problems it tells.
fn modified(modifiers: &Modifiers, place: &str, mut document: Value) -> (Value, Vec<String>) {
    let (resource, place) = place.split_once(' ').unwrap();
    let (namespace, name) =
        place.split_once('/').map_or((None, place), |(namespace, name)| (Some(namespace), name));
    document["metadata"]["name"] = name.into();
    if let Some(namespace) = namespace {
        document["metadata"]["namespace"] = namespace.into();
    }
    let resource: GroupResource = resource.parse().unwrap();
    let mapped = namespace.map(|namespace| format!("{namespace}-2"));
    let target = ObjectKey::new(resource.clone(), mapped.as_deref(), name);
    let subject = Subject { resource: &resource, namespace, target: &target, backup: "b1" };
    let problems = modifiers.apply(&mut document, &subject);
    crate::document::remove(&mut document, &["metadata", "name"]);
    crate::document::remove(&mut document, &["metadata", "namespace"]);
    (document, problems.iter().map(|problem| format!("{} {}", problem.code, problem.message)).collect())
}

fn check(rules: &str, place: &str, document: Value, expect: Value) {
    let modifiers = read(rules);
    // What is in a plan does the same as what was read.
    let stored: Modifiers = serde_json::from_value(serde_json::to_value(&modifiers).unwrap()).unwrap();
    assert_eq!(stored, modifiers);
    let (made, problems) = modified(&stored, place, document);
    assert_eq!(problems, Vec::<String>::new(), "{rules}");
    assert_eq!(made, expect, "{rules}");
}

fn patches(conditions: &str, patches: &str) -> String {
    format!("- conditions: {conditions}\n  patches:\n{patches}")
}

const MARK: &str = "  - {operation: add, path: /marked, value: \"true\"}\n";

fn is_for(conditions: &str, place: &str, document: Value) -> bool {
    modified(&read(&patches(conditions, MARK)), place, document).0["marked"] == json!(true)
}

#[test]
fn every_operation_of_a_json_patch() {
    let rules = patches(
        "{groupResource: persistentvolumeclaims}",
        "  - {operation: test, path: /spec/storageClassName, value: standard}
  - {operation: replace, path: /spec/storageClassName, value: premium}
  - {operation: remove, path: /metadata/labels/test}
  - {operation: add, path: /spec/accessModes/-, value: ReadWriteMany}
  - {operation: copy, from: /spec/storageClassName, path: /metadata/labels/class}
  - {operation: move, from: /spec/old, path: /spec/new}
  - {operation: add, path: /metadata/labels/a.b~1c, value: '\"5\"'}
",
    );
    check(
        &rules,
        "persistentvolumeclaims shop/data",
        json!({"metadata": {"labels": {"test": "x"}}, "spec": {"storageClassName": "standard", "accessModes": ["RWO"], "old": 1}}),
        json!({"metadata": {"labels": {"class": "premium", "a.b/c": "5"}},
            "spec": {"storageClassName": "premium", "accessModes": ["RWO", "ReadWriteMany"], "new": 1}}),
    );
}

#[test]
fn places_may_be_counted_from_the_end() {
    let rules = patches(
        "{groupResource: pods}",
        "  - {operation: replace, path: /spec/list/-1/name, value: last}
  - {operation: remove, path: /spec/list/-2}
  - {operation: add, path: /spec/list/-1, value: behind}
  - {operation: add, path: /spec/-1, value: a key}
",
    );
    check(
        &rules,
        "pods shop/web",
        json!({"spec": {"list": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}}),
        json!({"metadata": {}, "spec": {"list": [{"name": "a"}, {"name": "last"}, "behind"], "-1": "a key"}}),
    );
    let far = patches("{groupResource: pods}", "  - {operation: remove, path: /spec/list/-4}\n");
    assert_eq!(modified(&read(&far), "pods shop/web", json!({"spec": {"list": [1]}})).1.len(), 1);
}

#[test]
fn a_test_that_does_not_hold_is_no_problem_and_leaves_the_object_as_it_was() {
    for test in
        ["{operation: test, path: /spec/a, value: \"2\"}", "{operation: test, path: /spec/b, value: x}"]
    {
        let rules = patches("{groupResource: pods}", &format!("{MARK}  - {test}\n"));
        check(&rules, "pods shop/web", json!({"spec": {"a": 1}}), json!({"metadata": {}, "spec": {"a": 1}}));
    }
}

#[test]
fn a_rule_that_fails_is_an_error_and_leaves_the_object_as_it_was() {
    for (operation, reason) in [
        ("{operation: remove, path: /spec/x}", "remove /spec/x finds no such place in the object"),
        (
            "{operation: replace, path: /spec/x, value: a}",
            "replace /spec/x finds no such place in the object",
        ),
        ("{operation: add, path: /no/x, value: a}", "add /no/x finds no such place in the object"),
        ("{operation: copy, from: /spec/x, path: /spec/y}", "copy /spec/x to /spec/y finds nothing to take"),
        (
            "{operation: move, from: /spec, path: /spec/y}",
            "move /spec to /spec/y would move a value into itself",
        ),
    ] {
        let rules = patches("{groupResource: pods}", &format!("{MARK}  - {operation}\n"))
            + &patches("{groupResource: pods}", "  - {operation: add, path: /second, value: x}\n");
        let (made, problems) = modified(&read(&rules), "pods shop/web", json!({"spec": {"a": 1}}));
        assert_eq!(made, json!({"metadata": {}, "spec": {"a": 1}, "second": "x"}), "{operation}");
        assert_eq!(
            problems,
            [format!("SLV-2050 rule 1 of the resource modifier m was not applied: {reason}")]
        );
    }
}

#[test]
fn which_object_it_is_cannot_be_modified() {
    for (path, value, field) in [
        ("/metadata/name", "other", "metadata.name"),
        ("/metadata/namespace", "other", "metadata.namespace"),
        ("/kind", "Other", "kind"),
        ("/apiVersion", "v2", "apiVersion"),
        ("/metadata", "none", "metadata.name"),
    ] {
        let rules = patches(
            "{groupResource: pods}",
            &format!("{MARK}  - {{operation: add, path: {path}, value: {value}}}\n"),
        );
        let (made, problems) = modified(&read(&rules), "pods shop/web", json!({}));
        assert_eq!(made, json!({"metadata": {}}));
        let reason = format!("it would change {field}, and with it which object this is");
        assert_eq!(
            problems,
            [format!("SLV-2051 rule 1 of the resource modifier m was not applied: {reason}")]
        );
    }
}

#[test]
fn types_are_matched_with_the_dot_as_a_separator() {
    for (pattern, resource, expect) in [
        ("pods", "pods", true),
        ("pods", "pods.metrics.k8s.io", false),
        ("'*'", "configmaps", true),
        ("'*'", "deployments.apps", false),
        ("'*.apps'", "deployments.apps", true),
        ("'*.*'", "roles.rbac.authorization.k8s.io", false),
        ("'**'", "roles.rbac.authorization.k8s.io", true),
        ("'{deployments,statefulsets}.apps'", "statefulsets.apps", true),
    ] {
        let conditions = format!("{{groupResource: {pattern}}}");
        assert_eq!(
            is_for(&conditions, &format!("{resource} shop/x"), json!({})),
            expect,
            "{pattern} {resource}"
        );
    }
}

#[test]
fn all_conditions_have_to_hold() {
    let labelled = json!({"metadata": {"labels": {"app": "shop"}}, "spec": {"class": "a", "count": 3}});
    for (conditions, place, expect) in [
        ("namespaces: [shop]", "pods shop/web", true),
        ("namespaces: ['team-*', shop]", "pods team-a/web", true),
        ("namespaces: [shop-2]", "pods shop/web", false),
        ("namespaces: [shop]", "pods web", true),
        ("resourceNameRegex: ^my", "pods shop/mysql", true),
        ("resourceNameRegex: sql$", "pods shop/mysql", true),
        ("resourceNameRegex: ^sql", "pods shop/mysql", false),
        ("labelSelector: {matchLabels: {app: shop}}", "pods shop/web", true),
        (
            "labelSelector: {matchExpressions: [{key: app, operator: NotIn, values: [shop]}]}",
            "pods shop/web",
            false,
        ),
        ("matches: [{path: /spec/class, value: a}]", "pods shop/web", true),
        (
            "matches: [{path: /spec/class, value: a}, {path: /spec/count, value: \"3\"}]",
            "pods shop/web",
            true,
        ),
        ("matches: [{path: /spec/count, value: '\"3\"'}]", "pods shop/web", false),
        ("matches: [{path: /spec/gone, value: a}]", "pods shop/web", false),
        ("matches: [{path: /spec/class, value: b}], namespaces: [shop]", "pods shop/web", false),
    ] {
        let conditions = format!("{{groupResource: pods, {conditions}}}");
        assert_eq!(is_for(&conditions, place, labelled.clone()), expect, "{conditions} {place}");
    }
}

#[test]
fn conditions_look_at_the_object_that_came_and_changes_add_up() {
    let rules = patches(
        "{groupResource: pods, matches: [{path: /spec/a, value: \"1\"}]}",
        "  - {operation: replace, path: /spec/a, value: \"2\"}\n",
    ) + &patches(
        "{groupResource: pods, matches: [{path: /spec/a, value: \"1\"}]}",
        "  - {operation: copy, from: /spec/a, path: /spec/b}\n",
    ) + &patches(
        "{groupResource: pods, matches: [{path: /spec/a, value: \"2\"}]}",
        "  - {operation: add, path: /spec/c, value: x}\n",
    );
    check(
        &rules,
        "pods shop/web",
        json!({"spec": {"a": 1}}),
        json!({"metadata": {}, "spec": {"a": 2, "b": 2}}),
    );
}

#[test]
fn merge_patches_are_json_or_yaml() {
    let rules = r#"
- conditions: {groupResource: pods}
  mergePatches:
  - patchData: '{"metadata": {"annotations": {"a": null}}}'
  - patchData: |
      metadata:
        annotations:
          b: "2"
"#;
    check(
        rules,
        "pods shop/web",
        json!({"metadata": {"annotations": {"a": "1", "c": "3"}}}),
        json!({"metadata": {"annotations": {"b": "2", "c": "3"}}}),
    );
}

#[test]
fn strategic_patches_work_for_every_kind_and_tell_of_lists_that_they_replace() {
    let rules = r#"
- conditions: {groupResource: "*"}
  strategicPatches:
  - patchData: '{"spec": {"containers": [{"name": "a", "image": "new"}]}}'
"#;
    let spec = json!({"containers": [{"name": "a", "tty": true}, {"name": "b"}]});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": spec});
    let (made, problems) = modified(&read(rules), "pods shop/web", pod);
    assert_eq!(
        made["spec"],
        json!({"containers": [{"name": "a", "tty": true, "image": "new"}, {"name": "b"}]})
    );
    assert_eq!(problems, Vec::<String>::new());
    let widget = json!({"apiVersion": "example.com/v1", "kind": "Widget", "spec": spec});
    let (made, problems) = modified(&read(rules), "widgets shop/web", widget);
    assert_eq!(made["spec"], json!({"containers": [{"name": "a", "image": "new"}]}));
    assert!(
        problems[0].starts_with(
            "SLV-2052 rule 1 of the resource modifier m replaced the whole list /spec/containers"
        )
    );
}

#[test]
fn values_refer_to_the_object_and_to_the_cluster() {
    let rules = r#"
- conditions: {groupResource: ingresses.networking.k8s.io, matches: [{path: /spec/of, value: "{{source.name}}"}]}
  patches:
  - {operation: replace, path: /spec/host, value: "{{source.name}}-{{target.namespace}}.{{target.appsDomain}}"}
  - {operation: add, path: /spec/deep, value: {from: ["{{source.backup}}/{{source.namespace}}"]}}
- conditions: {groupResource: "**"}
  mergePatches:
  - patchData: '{"spec": {"alert": "{{ $labels.pod }} is down"}}'
"#;
    let mut modifiers = read(rules);
    assert_eq!(
        modifiers.facts(),
        [
            Fact::SourceBackup,
            Fact::SourceName,
            Fact::SourceNamespace,
            Fact::AppsDomain,
            Fact::TargetNamespace
        ]
        .into()
    );
    let nothing = modifiers.clone().complete(&Facts::default()).unwrap_err();
    assert_eq!(
        nothing,
        [
            "rule 1: {{target.appsDomain}} has no value: the cluster has no domain for applications, as OpenShift has"
        ]
    );
    modifiers.complete(&Facts { apps_domain: Some("apps.new.example".into()), ..Facts::default() }).unwrap();
    let (made, problems) = modified(
        &modifiers,
        "ingresses.networking.k8s.io shop/web",
        json!({"spec": {"host": "web.apps.old.example", "of": "web"}}),
    );
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(
        made["spec"],
        json!({"of": "web", "host": "web-shop-2.apps.new.example", "deep": {"from": ["b1/shop"]}, "alert": "{{ $labels.pod }} is down"})
    );
}

#[test]
fn an_object_without_a_namespace_has_none_to_refer_to() {
    let rules = patches(
        "{groupResource: nodes}",
        "  - {operation: add, path: /a, value: \"{{target.namespace}}\"}\n",
    );
    let (_, problems) = modified(&read(&rules), "nodes n1", json!({}));
    let reason = "{{target.namespace}} has no value: the object is cluster-scoped";
    assert_eq!(problems, [format!("SLV-2050 rule 1 of the resource modifier m was not applied: {reason}")]);
}

#[test]
fn copies_of_copies_end() {
    let copy = |number: u8| format!("  - {{operation: copy, from: /spec, path: /spec/{number}}}\n");
    let copies: String = (0..60).map(copy).collect();
    let rules = read(&patches("{groupResource: pods}", &copies));
    let (made, problems) = modified(&rules, "pods shop/web", json!({"spec": {"a": "x".repeat(100)}}));
    assert_eq!(made["spec"]["0"], json!(null));
    assert!(problems[0].ends_with("its copies make more than 1048576 bytes"), "{problems:?}");
}

fn errors(text: &str) -> Vec<String> {
    Modifiers::read(&json!({"metadata": {"name": "m"}, "data": {"a": text}})).unwrap_err()
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    assert_eq!(Modifiers::read(&json!({})).unwrap_err(), ["it has no data"]);
    let two = json!({"data": {"a": "", "b": ""}});
    assert_eq!(
        Modifiers::read(&two).unwrap_err(),
        ["it has more than one key of data, and only one can be the rules"]
    );
    assert!(errors("a: [").first().unwrap().starts_with("it is not YAML: "));
    assert!(errors("version: v1\nversion: v1\nresourceModifierRules: []")[0].starts_with("it is not YAML: "));
    assert_eq!(
        errors("words"),
        ["invalid type: string \"words\", expected a map with version and resourceModifierRules"]
    );
    assert_eq!(errors("- a"), ["a list stands where a map belongs"]);
    assert_eq!(
        errors("version: v2\nresourceModifierRules: [{}]"),
        ["version \"v2\" is not known: only v1 is"]
    );
    assert_eq!(errors("version: V1\nresourceModifierRules: []"), ["resourceModifierRules is empty"]);
    assert!(
        errors("version: v1\nresourceModifierRules: [{}]\nmore: 1")[0].starts_with("unknown field `more`")
    );
}

#[test]
fn what_is_wrong_is_said_with_its_rule_and_field() {
    for (rule, expect) in [
        ("{}", "conditions: groupResource is missing"),
        (
            "{conditions: {groupResource: '['}}",
            "conditions: groupResource: failed to read the pattern \"[\": a [ is not closed",
        ),
        ("{conditions: {groupResource: pods}}", "it has none of patches, mergePatches and strategicPatches"),
        (
            "{conditions: {groupResource: pods}, patches: [{operation: remove, path: /a}], mergePatches: [{patchData: '{}'}]}",
            "it has more than one of patches, mergePatches and strategicPatches",
        ),
        (
            "{conditions: {groupResource: pods, matches: [{value: a}]}}",
            "conditions: matches, entry 1: path is missing",
        ),
        (
            "{conditions: {groupResource: pods, labelSelector: {matchLabel: {a: b}}}}",
            "conditions: labelSelector: unknown field \"matchLabel\"",
        ),
        (
            "{conditions: {groupResource: pods}, patches: [{path: /a}]}",
            "patches, entry 1: operation is missing",
        ),
        (
            "{conditions: {groupResource: pods}, patches: [{operation: change, path: /a}]}",
            "patches, entry 1: operation \"change\" is none of add, remove, replace, move, copy and test",
        ),
        (
            "{conditions: {groupResource: pods}, patches: [{operation: remove, path: a}]}",
            "patches, entry 1: path \"a\" does not begin with a slash",
        ),
        (
            "{conditions: {groupResource: pods}, patches: [{operation: copy, path: /a}]}",
            "patches, entry 1: from is missing",
        ),
        (
            "{conditions: {groupResource: pods}, mergePatches: [{patchData: '[]'}]}",
            "mergePatches, entry 1: patchData is not an object",
        ),
    ] {
        let good = "{conditions: {groupResource: pods}, patches: [{operation: remove, path: /a}]}";
        let found = errors(&format!("version: v1\nresourceModifierRules:\n- {good}\n- {rule}\n"));
        assert_eq!(found, [format!("rule 2: {expect}")], "{rule}");
    }
}

#[test]
fn what_others_say_is_wrong_is_said_with_its_rule_too() {
    for (rule, expect) in [
        (
            "{conditions: {groupResource: pods, resourceNameRegex: '('}}",
            "rule 1: conditions: resourceNameRegex: failed to read",
        ),
        ("{conditions: {groupResource: pods, what: 1}}", "rule 1: conditions: unknown field `what`"),
        (
            "{conditions: {groupResource: pods}, patches: [{operation: add, path: /a, value: '{{target.domain}}'}]}",
            "rule 1: {{target.domain}} is not known; known are source.backup, source.name",
        ),
        (
            "{conditions: {groupResource: pods}, patches: [{operation: add, path: /a~2, value: x}]}",
            "rule 1: patches, entry 1: ",
        ),
        (
            "{conditions: {groupResource: pods}, patches: [{operation: add, path: /a, value: '{a'}]}",
            "rule 1: patches, entry 1: value",
        ),
    ] {
        let found = errors(&format!("version: v1\nresourceModifierRules:\n- {rule}\n"));
        assert!(found[0].starts_with(expect), "{found:?}");
    }
}

#[test]
fn plain_words_of_yaml_stay_words() {
    let rules = patches(
        "{groupResource: pods}",
        "  - {operation: add, path: /a, value: yes}\n  - {operation: add, path: /b, value: 1.10}\n  - {operation: add, path: /c, value: on}\n",
    );
    check(&rules, "pods shop/web", json!({}), json!({"metadata": {}, "a": "yes", "b": 1.1, "c": "on"}));
}
