//! One of everything: each kind that the API server can make and list is backed up, lost and restored, and compared field by
//! field, or stands in a list of exceptions with its reason; and so are objects at the limits of what the server takes, and
//! those that webhooks guard.

mod extremes;
mod reasons;
mod rest;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use testkit::compare::{ALLOWED, is_event, paths, paths_but};
use testkit::objects::{Catalog, Type, create_all, name_of, read_beside, read_namespaces};
use testkit::wait::{Look, until};
use testkit::zoo;

use self::reasons::{EXCEPTIONS, OF_THE_REST};
use self::server::{CHANGED, DENIED, FORBIDDEN, GROUP, Server};
use crate::world::{World, world};

/// Our server.
const OURS: &str = "kinds-salvor";
/// Where the objects are.
const NAMESPACE: &str = "kinds-zoo";
/// How long controllers may take to finish what a restore began.
const SETTLED: Duration = Duration::from_secs(60);

/// Takes away what keeps namespaces from going: a group of the API that nobody answers for, a webhook that nobody converts by,
/// and an object that is held.
pub(crate) async fn release(world: &World) {
    let client = world.cluster.client();
    let api = format!("/apis/apiregistration.k8s.io/v1/apiservices/v1.guests.{GROUP}");
    client.delete(&api).await.unwrap();
    world.gone(&api).await;
    let lodgings = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/lodgings.{GROUP}");
    if client.get(&lodgings).await.unwrap().is_some() {
        let nobody = json!({"spec": {"conversion": {"strategy": "None", "webhook": null}}});
        client.merge(&lodgings, &nobody).await.unwrap();
    }
    let held = format!("/apis/{GROUP}/v1/namespaces/{NAMESPACE}/guests/held");
    if client.get(&held).await.unwrap().is_some() {
        client.merge(&held, &json!({"metadata": {"finalizers": null}})).await.unwrap();
    }
}

/// The objects of a test as the server has them, by name.
type Objects = BTreeMap<String, Value>;

/// What a test makes, loses and gets back.
struct Menagerie<'w> {
    world: &'w World,
    server: Server,
    namespaces: Vec<String>,
    /// In an order in which they can be made.
    documents: Vec<Value>,
}

impl<'w> Menagerie<'w> {
    /// Installs our server, and starts the one that the API server asks.
    async fn begin(world: &'w World, namespaces: &[&str]) -> Self {
        world.install_salvor(OURS, OURS).await;
        let names = [format!("{}.{NAMESPACE}.svc", rest::SERVICE)];
        let server = Server::start(world.cluster.subnet().host(), &names).await;
        let namespaces: Vec<String> = namespaces.iter().map(|name| (*name).to_owned()).collect();
        let empty = Self { world, server, namespaces, documents: Vec::new() };
        empty.lose().await;
        empty
    }

    /// Makes documents, with the label by which those of no namespace are found again.
    async fn make(&mut self, mut documents: Vec<Value>) {
        for document in &mut documents {
            document["metadata"]["labels"][zoo::LABEL] = json!(self.world.seed.to_string());
        }
        self.documents.extend(documents.iter().cloned());
        create_all(self.world.cluster.client(), &documents).await.unwrap();
    }

    /// All that is in the namespaces, and all of the test beside them.
    async fn look(&self) -> Result<Objects> {
        let client = self.world.cluster.client();
        let namespaces: Vec<&str> = self.namespaces.iter().map(String::as_str).collect();
        let mut all = read_namespaces(client, &namespaces).await?;
        all.extend(read_beside(client, (zoo::LABEL, &self.world.seed.to_string())).await?);
        Ok(all)
    }

    /// Backs all of it up.
    async fn back_up(&self, name: &str) -> Value {
        let catalog = Catalog::read(self.world.cluster.client()).await.unwrap();
        let beside = self.documents.iter().filter(|document| {
            document["metadata"]["namespace"].is_null() && document["kind"] != "Namespace"
        });
        let beside: BTreeSet<String> =
            beside.map(|document| catalog.type_of(document).unwrap().resource()).collect();
        let spec = json!({"includedNamespaces": self.namespaces, "includedClusterScopedResources": beside});
        self.world.request(OURS, "Backup", name, spec).await.unwrap();
        self.world.ended(OURS, "backups", name).await
    }

    /// Removes all of it, also what a run that failed left.
    async fn lose(&self) {
        release(self.world).await;
        let all = until("not all groups of the API answer", SETTLED, || async {
            Ok(match (self.look().await, Catalog::read(self.world.cluster.client()).await) {
                (Ok(all), Ok(catalog)) => Look::Done((all, catalog)),
                (Err(error), _) | (_, Err(error)) => Look::NotYet(error.to_string()),
            })
        });
        let (all, catalog) = all.await.unwrap();
        let beside = all.values().filter(|object| object["metadata"]["namespace"].is_null());
        // Definitions last: their objects need them to be deleted.
        let (definitions, others): (Vec<&Value>, Vec<&Value>) =
            beside.partition(|object| object["kind"] == "CustomResourceDefinition");
        for objects in [others, definitions] {
            let paths: Vec<String> = objects.iter().map(|object| catalog.path(object).unwrap()).collect();
            for path in &paths {
                self.world.cluster.client().delete(path).await.unwrap();
            }
            for path in &paths {
                self.world.gone(path).await;
            }
        }
    }

    /// Restores all of it.
    async fn restore(&self, name: &str, backup: &str, more: Value) -> Value {
        let mut spec = more;
        spec["backupName"] = json!(backup);
        self.world.request(OURS, "Restore", name, spec).await.unwrap();
        self.world.ended(OURS, "restores", name).await
    }

    /// Waits until all is as it was, but for what may differ.
    async fn same(&self, before: &Objects) {
        let outcome = until("restored objects differ", SETTLED, || async {
            // A group of the API that has just been restored does not answer at once.
            let now = match self.look().await {
                Ok(now) => now,
                Err(error) => return Ok(Look::NotYet(error.to_string())),
            };
            let found = differences(before, &now);
            Ok(if found.is_empty() { Look::Done(()) } else { Look::NotYet(found.join("\n")) })
        });
        outcome.await.unwrap();
        println!("{} objects are as they were", before.len());
    }

    async fn end(self) {
        self.lose().await;
        self.world.remove(OURS).await;
    }
}

/// What differs that may not. Objects that controllers name at random come and go.
fn differences(before: &Objects, now: &Objects) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).filter(|name| !is_event(name)).collect();
    let mut found = Vec::new();
    for name in names {
        match (before.get(name), now.get(name)) {
            (Some(old), Some(new)) => {
                let rest = paths_but(old, new, OF_THE_REST);
                let differing = paths(old, new).into_iter().filter(|path| rest.contains(path));
                found.extend(differing.map(|path| format!("{name}: {path}")));
            }
            (Some(one), None) | (None, Some(one)) if one["metadata"]["generateName"].is_null() => {
                found.push(format!(
                    "{name}: {}",
                    if before.contains_key(name) { "is missing" } else { "is new" }
                ));
            }
            _ => {}
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_that_can_be_made_and_listed_comes_back_or_has_a_reason_not_to() {
    let Some(world) = world().await else { return };
    let mut zoo = Menagerie::begin(&world, &[NAMESPACE]).await;
    zoo.make(zoo::generate_in(world.seed, &[NAMESPACE])).await;
    zoo.make(rest::definitions()).await;
    zoo.make(rest::within(NAMESPACE)).await;
    zoo.make(rest::service(NAMESPACE, &zoo.server)).await;
    zoo.make(rest::beside(NAMESPACE, &zoo.server)).await;
    let catalog = Catalog::read(world.cluster.client()).await.unwrap();
    assert_eq!(unaccounted(&zoo.documents, &catalog), Vec::<String>::new());
    let before = world.settled_by(|| zoo.look()).await;
    let status = zoo.back_up("everything").await;
    assert_eq!(status["phase"], "Completed", "{status}");
    zoo.lose().await;
    let status = zoo.restore("everything", "everything", json!({})).await;
    assert_eq!(status["phase"], "Completed", "{status}");
    zoo.same(&before).await;
    zoo.end().await;
}

/// Kinds that have neither an object nor a reason, kinds that have both, and reasons of kinds that are not there.
fn unaccounted(documents: &[Value], catalog: &Catalog) -> Vec<String> {
    let kind_of = |version: &str, kind: &str| match version.rsplit_once('/') {
        Some((group, _)) => format!("{kind}.{group}"),
        None => kind.to_owned(),
    };
    let text = |document: &Value, field: &str| document[field].as_str().unwrap().to_owned();
    let made: BTreeSet<String> =
        documents.iter().map(|of| kind_of(&text(of, "apiVersion"), &text(of, "kind"))).collect();
    let there: BTreeSet<String> =
        catalog.stored().map(|Type { api_version, kind, .. }| kind_of(api_version, kind)).collect();
    println!("{} kinds, {} of them with a reason not to come back", there.len(), EXCEPTIONS.len());
    let mut found = Vec::new();
    for kind in &there {
        let reason = EXCEPTIONS.iter().find(|exception| exception.kind == kind);
        match (made.contains(kind), reason) {
            (false, None) => {
                found.push(format!("{kind} has neither an object in the zoo nor a reason to be missing"));
            }
            (true, Some(of)) => {
                found.push(format!("{kind} is in the zoo, and not to come back because it {}", of.reason));
            }
            _ => {}
        }
    }
    let stale = EXCEPTIONS.iter().filter(|of| !there.contains(of.kind));
    found.extend(stale.map(|of| format!("{} is no kind of this cluster any more", of.kind)));
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_at_the_limits_of_the_server_come_back() {
    let Some(world) = world().await else { return };
    let long = extremes::long_namespace();
    let mut zoo = Menagerie::begin(&world, &[NAMESPACE, &long]).await;
    zoo.make(namespaces(&zoo.namespaces)).await;
    zoo.make(extremes::definitions(&zoo.server)).await;
    zoo.make(extremes::objects(world.seed, NAMESPACE)).await;
    let owners = make_chain(&mut zoo).await;
    let client = world.cluster.client();
    let guests = format!("/apis/{GROUP}/v1/namespaces/{NAMESPACE}/guests");
    let fed = json!({"status": {"meals": [1, 2, 3], "unknown": {"deep": null}}});
    client.merge(&format!("{guests}/fed/status"), &fed).await.unwrap();
    let before = world.settled_by(|| zoo.look()).await;
    // Names of operations are labels on what they restore: those that are too long for one are shortened.
    let name = format!("kinds-{}", "b".repeat(150));
    let status = zoo.back_up(&name).await;
    assert_eq!(status["phase"], "Completed", "{status}");
    zoo.lose().await;
    let status = zoo.restore(&name, &name, json!({"restoreStatus": {"includedResources": ["guests"]}})).await;
    assert_eq!(status["phase"], "Completed", "{status}");
    zoo.same(&before).await;
    let now = zoo.look().await.unwrap();
    let guest = format!("Guest.{GROUP} {NAMESPACE}/fed");
    assert_eq!(now[&guest]["status"], before[&guest]["status"], "a status that was asked for comes back");
    let old = format!("/apis/{GROUP}/v1/namespaces/{NAMESPACE}/lodgings/new");
    assert_eq!(client.get(&old).await.unwrap().unwrap()["spec"], json!({"place": "east/9"}));
    assert!(zoo.server.converted() > 0, "nobody was asked to convert");
    owners_are_there(&owners, &now);
    zoo.end().await;
}

fn namespaces(names: &[String]) -> Vec<Value> {
    let of = |name: &String| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    names.iter().map(of).collect()
}

/// Makes a chain of three objects, each of which owns the next; their names.
async fn make_chain(zoo: &mut Menagerie<'_>) -> Vec<String> {
    let client = zoo.world.cluster.client();
    let mut owner = Value::Null;
    let mut names = Vec::new();
    for mut document in extremes::chain(NAMESPACE) {
        if !owner.is_null() {
            document["metadata"]["ownerReferences"] = json!([{
                "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"], "blockOwnerDeletion": true, "controller": true,
            }]);
        }
        let path = Catalog::read(client).await.unwrap().list_path(&document).unwrap();
        owner = client.create(&path, &document).await.unwrap();
        names.push(name_of(&owner));
    }
    names
}

/// Fails if an object of a chain names an owner that is not there: the garbage collector would take it away.
fn owners_are_there(chain: &[String], now: &Objects) {
    let uids: BTreeSet<&str> = now.values().filter_map(|object| object["metadata"]["uid"].as_str()).collect();
    for name in chain {
        let owners = now[name]["metadata"]["ownerReferences"].as_array();
        for owner in owners.into_iter().flatten() {
            assert!(
                owner["uid"].as_str().is_some_and(|uid| uids.contains(uid)),
                "{name} has a strange owner: {owner}"
            );
        }
    }
}

/// Two webhooks: one changes config maps with labels, the other denies some.
fn webhooks(server: &Server) -> Vec<Value> {
    let hook = |name: &str, path: &str| {
        json!({
            "name": format!("{name}.kinds.example.com"), "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "failurePolicy": "Fail", "clientConfig": server.client_config(path),
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
        })
    };
    let of = |kind: &str, name: &str| {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": format!("kinds-{name}")},
            "webhooks": [hook(name, name)],
        })
    };
    vec![of("MutatingWebhookConfiguration", "change"), of("ValidatingWebhookConfiguration", "deny")]
}

/// What the policy says.
const NO_LIONS: &str = "no lions";

/// A policy that denies config maps of one name, and its binding to our namespace.
fn policy() -> Vec<Value> {
    let group = "admissionregistration.k8s.io/v1";
    let rules = json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}]);
    vec![
        json!({"apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "kinds-no-lion"}, "spec": {
            "failurePolicy": "Fail", "matchConstraints": {"resourceRules": rules},
            "validations": [{"expression": "object.metadata.name != 'lion'", "message": NO_LIONS}],
        }}),
        json!({"apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "kinds-no-lion"}, "spec": {
            "policyName": "kinds-no-lion", "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}},
        }}),
    ]
}

fn config_map(name: &str, label: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"word": "kept"},
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {label: "yes"}},
    })
}

/// Waits until what guards a namespace does so: the API server learns of it a little later. Only the guards' own words
/// count, since a name may be taken.
async fn guarded(world: &World) {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/configmaps?dryRun=All");
    let client = world.cluster.client();
    until("nobody guards the namespace", SETTLED, || async {
        let changed = client.create(&path, &config_map("probe", "kinds.example.com/probe")).await?;
        let says = async |object: &Value, words: &str| {
            client.create(&path, object).await.is_err_and(|error| format!("{error:#}").contains(words))
        };
        let denied = says(&config_map("probe", FORBIDDEN), DENIED).await;
        let refused = says(&config_map("lion", "kinds.example.com/probe"), NO_LIONS).await;
        let guarded = changed["metadata"]["labels"][CHANGED] == "yes" && denied && refused;
        Ok(if guarded { Look::Done(()) } else { Look::NotYet(format!("denied {denied}, refused {refused}")) })
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_and_policies_guard_what_comes_after_them_and_not_their_own_restore() {
    let Some(world) = world().await else { return };
    let mut zoo = Menagerie::begin(&world, &[NAMESPACE]).await;
    zoo.make(namespaces(&zoo.namespaces)).await;
    let objects = [
        config_map("plain", "example.com/plain"),
        config_map("denied", FORBIDDEN),
        config_map("lion", "example.com/l"),
    ];
    zoo.make(objects.to_vec()).await;
    zoo.make(webhooks(&zoo.server)).await;
    zoo.make(policy()).await;
    guarded(&world).await;
    let before = world.settled_by(|| zoo.look()).await;
    let status = zoo.back_up("guarded").await;
    assert_eq!(status["phase"], "Completed", "{status}");
    zoo.lose().await;
    let status = zoo.restore("guarded", "guarded", json!({})).await;
    assert_eq!(status["phase"], "Completed", "{status}");
    zoo.same(&before).await;
    guarded(&world).await;

    // Now the guards stay, and what they guard is lost: they have their say, and it is reported.
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    for object in &objects {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/configmaps/{}", name(object));
        world.cluster.client().delete(&path).await.unwrap();
        world.gone(&path).await;
    }
    let status = zoo.restore("again", "guarded", json!({"includedNamespaces": [NAMESPACE]})).await;
    assert_eq!((&status["phase"], &status["errors"]), (&json!("PartiallyFailed"), &json!(2)), "{status}");
    for words in [DENIED, NO_LIONS] {
        assert!(world.log_has(OURS, ("restore", "again"), words), "the log does not say why: {words}");
    }
    let now = zoo.look().await.unwrap();
    let there = |name: &str| now.get(&format!("ConfigMap {NAMESPACE}/{name}"));
    assert_eq!(there("plain").unwrap()["metadata"]["labels"][CHANGED], "yes");
    assert!(there("denied").is_none() && there("lion").is_none());
    let differing: Vec<String> =
        paths_but(&before[&format!("ConfigMap {NAMESPACE}/plain")], there("plain").unwrap(), ALLOWED);
    assert_eq!(differing, [format!("/metadata/labels/{}", CHANGED.replace('/', "~1"))]);
    zoo.end().await;
}
