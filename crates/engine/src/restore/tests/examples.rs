//! The examples of the documentation: each is read, and does what its comment says.

use std::path::{Path, PathBuf};

use super::*;
use crate::restore::Transformed;
use crate::restore::adjustments::{Chosen, Reading};
use crate::restore::mappings::Existing;
use crate::restore::modifiers::template::Facts as Known;
use crate::restore::transform;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What a restore with the example `file` makes of a document, without metadata but labels and annotations of its own.
fn check(file: &str, place: &str, document: Value, expect: Value) {
    let text = std::fs::read_to_string(docs().join("examples").join(file)).unwrap();
    let config_map = yaml(&text);
    let chosen = Chosen::Named("example");
    let mut reading = match file.starts_with("modifiers/") {
        true => Reading::of(Some((chosen, Some(&config_map))), &[]),
        false => Reading::of(None, &[config_map]),
    };
    let facts = Known { apps_domain: Some("apps.new.example.com".into()), ..Known::default() };
    let existing = Existing { storage_classes: names(&["gp3"]), nodes: names(&["node-x"]) };
    reading.complete(Some(chosen), &facts, &existing);
    assert_eq!((reading.errors, reading.problems), (Vec::new(), Vec::new()), "{file}");
    let (facts, whole) = archived(place, document);
    let of = ResourceType::addressed(
        &facts.key.resource.group,
        &facts.version,
        &facts.key.resource.resource,
        &facts.kind,
        facts.key.namespace.is_some(),
    );
    let catalog = catalog().with([of]);
    let spec = json!({"namespaceMapping": {"shop": "shop-2"}});
    let mut plan = plan(&request(spec), &catalog, &[facts], &Volumes::default(), &Target::default()).unwrap();
    plan.adjustments = reading.adjustments;
    let item = plan.items().next().unwrap_or_else(|| panic!("{}", rendered(&plan)));
    let Transformed { mut document, problems } = transform(whole, item, &plan).unwrap();
    assert_eq!(problems, [], "{file}");
    for label in ["velero.io/backup-name", "velero.io/restore-name"] {
        crate::document::remove_label(&mut document, label);
    }
    crate::document::remove_annotation(&mut document, "salvor.io/operation-uid");
    for field in ["name", "namespace"] {
        crate::document::remove(&mut document, &["metadata", field]);
    }
    document
        .as_object_mut()
        .unwrap()
        .retain(|field, value| !matches!(field.as_str(), "apiVersion" | "kind") && *value != json!({}));
    assert_eq!(document, expect, "{file} {place}");
}

#[test]
fn example_modifiers_do_what_they_say() {
    let scale = "modifiers/scale-down.yaml";
    check(
        scale,
        "deployments.apps shop/web",
        json!({"spec": {"replicas": 3}}),
        json!({"spec": {"replicas": 0}}),
    );
    check(
        scale,
        "statefulsets.apps shop-eu/db",
        json!({"spec": {"replicas": 3}}),
        json!({"spec": {"replicas": 0}}),
    );
    check(
        scale,
        "deployments.apps blog/web",
        json!({"spec": {"replicas": 3}}),
        json!({"spec": {"replicas": 3}}),
    );
    check(scale, "cronjobs.batch shop/j", json!({"spec": {}}), json!({"spec": {"suspend": true}}));

    let hosts = "modifiers/host-names.yaml";
    check(
        hosts,
        "routes.route.openshift.io shop/web",
        json!({"spec": {"host": "web-shop.apps.old.example.com", "to": {}}}),
        json!({"spec": {"host": "web-shop-2.apps.new.example.com", "to": {}}}),
    );
    check(
        hosts,
        "ingresses.networking.k8s.io shop/web",
        json!({"spec": {"rules": [{"host": "shop.old.example.com"}], "tls": []}}),
        json!({"spec": {"rules": [{"host": "shop.apps.new.example.com"}]}}),
    );

    check(
        "modifiers/network-annotations.yaml",
        "pods shop/web",
        json!({"metadata": {"annotations": {"k8s.ovn.org/pod-networks": "{}", "mine": "m"}}, "spec": {"a": 1}}),
        json!({"metadata": {"annotations": {"mine": "m"}}, "spec": {"a": 1}}),
    );

    let spec = |containers: Value| json!({"template": {"spec": {"containers": containers}}});
    check(
        "modifiers/sidecar.yaml",
        "deployments.apps shop/web",
        json!({"metadata": {"labels": {"tracing": "on"}}, "spec": spec(json!([{"name": "app", "image": "a"}, {"name": "tracer"}]))}),
        json!({"metadata": {"labels": {"tracing": "on"}},
            "spec": spec(json!([{"name": "app", "image": "a", "env": [{"name": "TRACING", "value": "off"}]}]))}),
    );

    check(
        "modifiers/finalizers.yaml",
        "widgets.example.com shop/shop-1",
        json!({"metadata": {"finalizers": ["example.com/guard"]}, "spec": {"a": 1}}),
        json!({"spec": {"a": 1}}),
    );
}

#[test]
fn example_mappings_do_what_they_say() {
    let claim = |class: &str| json!({"spec": {"storageClassName": class}});
    check("mappings/storage-classes.yaml", "persistentvolumeclaims shop/data", claim("gp2"), claim("gp3"));

    let image = |image: &str| json!({"spec": {"containers": [{"image": image}]}});
    for (old, new) in [
        ("registry.old.example.com/team/base:1", "registry.new.example.com/library/base:1"),
        ("registry.old.example.com/team/app:1", "registry.new.example.com/team/app:1"),
    ] {
        check("mappings/images.yaml", "pods shop/web", image(old), image(new));
    }

    let selector = |of: Value| json!({"spec": {"template": {"spec": {"nodeSelector": of}}}});
    check(
        "mappings/node-selectors.yaml",
        "deployments.apps shop/web",
        selector(
            json!({"topology.kubernetes.io/zone": "a", "kubernetes.io/hostname": "n", "example.com/rack": "7"}),
        ),
        selector(json!({"topology.kubernetes.io/zone": "x", "example.com/pool": "shop"})),
    );

    let on = |node: &str| json!({"metadata": {"annotations": {"volume.kubernetes.io/selected-node": node}}, "spec": {"a": 1}});
    check("mappings/claim-nodes.yaml", "persistentvolumeclaims shop/data", on("node-a"), on("node-x"));
}

#[test]
fn every_example_is_checked_and_named_in_the_guide() {
    let (guide, here) =
        (std::fs::read_to_string(docs().join("modifiers.md")).unwrap(), include_str!("examples.rs"));
    let mut count = 0;
    for folder in ["modifiers", "mappings"] {
        for entry in std::fs::read_dir(docs().join("examples").join(folder)).unwrap() {
            let file = format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap());
            assert!(here.contains(&format!("\"{file}\"")), "{file} is not checked");
            assert!(guide.contains(&format!("(examples/{file})")), "{file} is not in the guide");
            count += 1;
        }
    }
    assert_eq!(count, 9);
}

#[test]
fn the_guide_shows_what_can_be_read_and_every_reference() {
    let guide = std::fs::read_to_string(docs().join("modifiers.md")).unwrap();
    let blocks: Vec<&str> =
        guide.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 1);
    for block in blocks {
        crate::restore::modifiers::Modifiers::read(&yaml(block)).unwrap();
    }
    for (name, _) in crate::restore::modifiers::template::FACTS {
        assert!(guide.contains(&format!("| `{{{{{name}}}}}` |")), "{name} is not in the guide");
    }
}
