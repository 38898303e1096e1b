//! Dry runs and plans against a real API server: its audit log says what was written, and its admission what is refused.

use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::wait::{Look, until};

use crate::world::{World, world};

/// The namespace of the server.
const SERVER: &str = "bad-plans";
/// The namespace of the application.
const SHOP: &str = "bad-plans-shop";
/// How long admission may take to know its rules.
const PATIENCE: Duration = Duration::from_secs(60);
const REGISTRATION: &str = "/apis/admissionregistration.k8s.io/v1";

fn maps() -> String {
    format!("/api/v1/namespaces/{SHOP}/configmaps")
}

fn map(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"map": name}}, "data": data})
}

/// An application of a few objects, which has a backup `b`.
async fn shop(world: &World) {
    let client = world.cluster.client();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SHOP}});
    client.create("/api/v1/namespaces", &namespace).await.unwrap();
    for name in ["settings", "prices", "gone", "guarded", "watched"] {
        client.create(&maps(), &map(name, &json!({"mode": "slow"}))).await.unwrap();
    }
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"},
        "stringData": {"password": "open-sesame"}});
    client.create(&format!("/api/v1/namespaces/{SHOP}/secrets"), &secret).await.unwrap();
    let pod = json!({"metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "local/web:1"}]}});
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": pod}});
    client.create(&format!("/apis/apps/v1/namespaces/{SHOP}/deployments"), &web).await.unwrap();
    let made = world.salvor(SERVER, &["backup", "create", "b", "--include-namespaces", SHOP, "--wait"]);
    assert!(made.status.success(), "no backup was made");
}

/// What happens to the application after its backup.
async fn trouble(world: &World) {
    let client = world.cluster.client();
    for name in ["gone", "guarded", "watched"] {
        client.delete(&format!("{}/{name}", maps())).await.unwrap();
    }
    let settings = format!("{}/settings", maps());
    client.merge(&settings, &json!({"data": {"mode": "fast", "more": "x"}})).await.unwrap();
    let secret = format!("/api/v1/namespaces/{SHOP}/secrets/login");
    client.merge(&secret, &json!({"stringData": {"password": "hunter2"}})).await.unwrap();
    let web = format!("/apis/apps/v1/namespaces/{SHOP}/deployments/web");
    let image = json!([{"name": "web", "image": "local/web:2"}]);
    client.merge(&web, &json!({"spec": {"template": {"spec": {"containers": image}}}})).await.unwrap();
}

/// A policy that refuses the ConfigMap `guarded`, and a webhook for `watched` that does not answer.
async fn guards(world: &World) {
    let client = world.cluster.client();
    let of_maps = |name: &str| json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": [name]});
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": SHOP}, "spec": {"matchConstraints": {"resourceRules": [of_maps("configmaps")]},
            "validations": [{"expression": "object.metadata.name != 'guarded'", "message": "nobody may have this one"}]}});
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": SHOP}, "spec": {"policyName": SHOP, "validationActions": ["Deny"]}});
    let webhook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": SHOP}, "webhooks": [{"name": "watch.example.com", "sideEffects": "None",
            "admissionReviewVersions": ["v1"], "failurePolicy": "Fail", "timeoutSeconds": 1,
            "clientConfig": {"url": "https://127.0.0.1:9/"}, "rules": [of_maps("configmaps")],
            "objectSelector": {"matchLabels": {"map": "watched"}}}]});
    for (plural, document) in [
        ("validatingadmissionpolicies", policy),
        ("validatingadmissionpolicybindings", binding),
        ("validatingwebhookconfigurations", webhook),
    ] {
        client.create(&format!("{REGISTRATION}/{plural}"), &document).await.unwrap();
    }
    let tried = format!("{}?dryRun=All", maps());
    for name in ["guarded", "watched"] {
        until(&format!("{name} is not refused"), PATIENCE, || async {
            let refused = client.create(&tried, &map(name, &json!({}))).await.is_err();
            Ok(if refused { Look::Done(()) } else { Look::NotYet("admitted".to_owned()) })
        })
        .await
        .unwrap();
    }
}

async fn no_guards(world: &World) {
    let kinds = [
        "validatingadmissionpolicybindings",
        "validatingadmissionpolicies",
        "validatingwebhookconfigurations",
    ];
    for plural in kinds {
        world.cluster.client().delete(&format!("{REGISTRATION}/{plural}/{SHOP}")).await.unwrap();
    }
    let tried = format!("{}?dryRun=All", maps());
    until("guarded is refused", PATIENCE, || async {
        let document = map("guarded", &json!({}));
        let admitted = world.cluster.client().create(&tried, &document).await.is_ok();
        Ok(if admitted { Look::Done(()) } else { Look::NotYet("refused".to_owned()) })
    })
    .await
    .unwrap();
}

/// The API server's audit log from some moment on.
struct Audit {
    file: PathBuf,
    from: usize,
}

impl Audit {
    fn begin(world: &World) -> Self {
        let file = world.cluster.layout().audit_log();
        let from = fs::read(&file).unwrap().len();
        Self { file, from }
    }

    /// The writes of the server of this test since then: those with `dryRun=All`, and the others.
    fn writes(&self) -> (Vec<String>, Vec<String>) {
        let log = fs::read(&self.file).unwrap();
        let events = log[self.from..].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let events = events.map(|line| serde_json::from_slice::<Value>(line).unwrap());
        let server = format!("system:serviceaccount:{SERVER}:velero");
        let write = |event: &Value| {
            let verb = event["verb"].as_str().unwrap();
            event["user"]["username"] == *server && !["get", "list", "watch"].contains(&verb)
        };
        let told = |event: &Value| {
            format!("{} {}", event["verb"].as_str().unwrap(), event["requestURI"].as_str().unwrap())
        };
        events.filter(write).map(|event| told(&event)).partition(|write| write.contains("dryRun=All"))
    }
}

/// What is no write to the cluster that a dry run is about: the server's work on what it was asked, its Lease, its reviews.
fn is_own(write: &str) -> bool {
    write.contains(&format!("/namespaces/{SERVER}/")) || write.contains("reviews")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn dry(world: &World, more: &[&str]) -> Output {
    let mut arguments =
        vec!["restore", "create", "--from-backup", "b", "--existing-resource-policy", "update", "--dry-run"];
    arguments.extend(more);
    world.salvor(SERVER, &arguments)
}

/// Every object that a test of this module made, with its version.
async fn state(world: &World) -> Vec<Value> {
    let mut all = Vec::new();
    for path in [
        maps(),
        format!("/api/v1/namespaces/{SHOP}/secrets"),
        format!("/apis/apps/v1/namespaces/{SHOP}/deployments"),
    ] {
        all.extend(world.cluster.client().list(&path).await.unwrap());
    }
    all.iter().map(|object| object["metadata"]["resourceVersion"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_writes_nothing_and_a_plan_does_what_it_says_or_is_refused() {
    let Some(world) = world().await else { return };
    world.install_salvor(SERVER, SERVER).await;
    shop(&world).await;
    trouble(&world).await;
    guards(&world).await;
    looked_at(&world).await;
    no_guards(&world).await;
    applied(&world).await;
    saved(&world).await;
    world.delete_namespace(SHOP).await;
    world.remove(SERVER).await;
}

/// A dry run tells all that would happen, and the audit log says that nothing did.
async fn looked_at(world: &World) {
    let (audit, before) = (Audit::begin(world), state(world).await);
    let output = dry(world, &["-o", "json"]);
    assert_eq!(output.status.code(), Some(2), "an object is refused");
    let (asked, written) = audit.writes();
    let strange: Vec<_> = written.iter().filter(|write| !is_own(write)).collect();
    assert!(strange.is_empty(), "{strange:#?}");
    assert!(asked.len() >= 7, "{asked:#?}");
    assert_eq!(state(world).await, before);
    let text = out(&output);
    assert!(
        !text.contains("hunter2") && !text.contains("b3Blbi1zZXNhbWU") && !text.contains("aHVudGVyMg"),
        "{text}"
    );
    let plan: Value = serde_json::from_str(&text).unwrap();
    let of = |name: &str| {
        let found = plan["objects"].as_array().unwrap().iter().find(|object| object["name"] == name);
        assert!(found.is_some(), "{name} is not in {plan}");
        found.unwrap().clone()
    };
    for (name, action) in [
        ("gone", "create"),
        ("settings", "update"),
        ("login", "update"),
        ("web", "update"),
        ("prices", "same"),
        ("guarded", "refused"),
        ("watched", "unknown"),
    ] {
        assert_eq!(of(name)["action"], action, "{}", of(name));
    }
    assert!(of("guarded")["problem"]["message"].as_str().unwrap().contains("nobody may have this one"));
    let (web, path) = (of("web"), "spec.template.spec.containers[name=web].image");
    let image = web["differences"].as_array().unwrap().iter().find(|field| field["path"] == path).unwrap();
    assert_eq!((&image["old"], &image["new"]), (&json!("local/web:2"), &json!("local/web:1")), "{web}");
    let shown = dry(world, &[]);
    let first = out(&shown).lines().next().unwrap().to_owned();
    assert!(first.contains("1 refused, 1 unknown"), "{first}");
    let left = world.salvor(SERVER, &["restore", "get"]);
    assert!(!out(&left).contains("dry-run-"), "the command takes its Restore away");
}

/// A plan is refused when something moves, is carried out otherwise, and then there is nothing more to do.
async fn applied(world: &World) {
    let file = std::env::temp_dir().join(format!("salvor-plan-{}.json", std::process::id()));
    let path = file.display().to_string();
    let output = dry(world, &["-o", "json"]);
    assert_eq!(output.status.code(), Some(0));
    fs::write(&file, &output.stdout).unwrap();
    let prices = format!("{}/prices", maps());
    world.cluster.client().merge(&prices, &json!({"data": {"mode": "other"}})).await.unwrap();
    let before = state(world).await;
    let refused = world.salvor(SERVER, &["restore", "apply", "moved", "--plan", &path, "--wait"]);
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(words.contains("SLV-6004"), "{words}");
    assert!(words.contains(&format!("configmaps {SHOP}/prices was changed in the cluster")), "{words}");
    assert_eq!(state(world).await, before, "a plan that is refused writes nothing");

    world.cluster.client().merge(&prices, &json!({"data": {"mode": "slow"}})).await.unwrap();
    let applied = world.salvor(SERVER, &["restore", "apply", "held", "--plan", &path, "--wait"]);
    assert_eq!(applied.status.code(), Some(0));
    // What somebody added stays.
    for (name, data) in
        [("gone", json!({"mode": "slow"})), ("settings", json!({"mode": "slow", "more": "x"}))]
    {
        let found = world.cluster.client().get(&format!("{}/{name}", maps())).await.unwrap().unwrap();
        assert_eq!(found["data"], data, "{name}");
    }
    let again = dry(world, &[]);
    assert_eq!(again.status.code(), Some(0));
    assert!(out(&again).contains("No changes"), "the second plan is empty");
    fs::remove_file(file).unwrap();
}

/// The dry run of a backup.
async fn saved(world: &World) {
    let audit = Audit::begin(world);
    let output =
        world.salvor(SERVER, &["backup", "create", "--include-namespaces", SHOP, "--dry-run", "-o", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let (_, written) = audit.writes();
    let strange: Vec<_> = written.iter().filter(|write| !is_own(write)).collect();
    assert!(strange.is_empty(), "{strange:#?}");
    let report: Value = serde_json::from_str(&out(&output)).unwrap();
    let maps =
        report["saved"].as_array().unwrap().iter().find(|group| group["resource"] == "configmaps").unwrap();
    assert!(maps["names"].as_array().unwrap().contains(&json!("settings")), "{maps}");
    world.salvor(SERVER, &["backup", "create", "--include-namespaces", SHOP, "--dry-run"]);
    let folder = world.s3.folder.join(crate::world::BUCKET).join(SERVER).join("backups");
    let backups: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(backups, ["b"], "a dry run leaves no backup");
}
