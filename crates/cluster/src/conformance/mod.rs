//! What every cluster behind the port does, the one in memory and the real one: so that the fake is not kinder.

mod commands;
mod definitions;
mod lifecycle;
mod reads;
mod writes;

use std::sync::Arc;
use std::time::Duration;

use api::meta::ResourceType;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::conditions;
use crate::port::{Cluster, Error, ErrorKind, ObjectRef, Result, WriteOptions};
use crate::wait::until;

/// Why a check failed.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
/// How a check ended.
pub type Outcome = std::result::Result<(), Failure>;

/// How long a server has for what it does by itself.
const SETTLED: Duration = Duration::from_secs(60);

/// What a check works with: a cluster, and a namespace of its own.
pub struct Bench {
    /// The cluster.
    pub cluster: Arc<dyn Cluster>,
    /// The namespace.
    pub namespace: String,
}

/// A check by its name.
pub struct Check {
    /// What it shows.
    pub name: &'static str,
    /// Whether the cluster's controllers must run, and a node: the namespace controller, and pods.
    pub controllers: bool,
    run: for<'a> fn(&'a Bench) -> BoxFuture<'a, Outcome>,
}

macro_rules! checks {
    ($($module:ident::$name:ident $(, controllers = $controllers:literal)?;)*) => {
        &[$(Check {
            name: stringify!($name),
            controllers: false $(|| $controllers)?,
            run: |bench| Box::pin($module::$name(bench)),
        }),*]
    };
}

/// Every check.
pub const CHECKS: &[Check] = checks! {
    reads::the_server_has_its_types;
    reads::an_unknown_type_is_not_found;
    reads::lists_come_in_pages;
    reads::selectors_select;
    reads::a_malformed_selector_is_refused;
    reads::a_watch_tells_what_is_there_and_what_changes;
    reads::a_watch_of_one_sees_only_that_one;
    reads::what_leaves_a_selector_is_deleted_for_its_watch;
    writes::the_server_completes_what_is_created;
    writes::a_name_is_taken_once;
    writes::a_name_can_be_generated;
    writes::a_missing_namespace_is_not_found;
    writes::a_resource_version_cannot_be_created;
    writes::a_name_must_be_a_name;
    writes::a_merge_patch_changes_and_removes;
    writes::a_json_patch_tests_what_it_changes;
    writes::an_empty_change_is_no_change;
    writes::apply_creates_changes_and_leaves;
    writes::a_replacement_needs_the_newest_version;
    writes::a_dry_run_leaves_nothing;
    writes::a_dry_run_is_refused_as_the_write_would_be;
    writes::status_is_written_beside_the_rest;
    lifecycle::a_uid_keeps_the_wrong_object_from_deletion;
    lifecycle::what_has_changed_is_not_deleted_as_it_was_seen;
    lifecycle::finalizers_hold_an_object;
    lifecycle::a_namespace_takes_its_contents_along, controllers = true;
    lifecycle::one_leads_at_a_time;
    commands::a_command_ends_as_it_ends, controllers = true;
    commands::a_command_that_cannot_run_is_refused, controllers = true;
    definitions::a_definition_makes_a_type;
    definitions::unknown_fields_survive_where_they_may;
};

/// Runs every check that the cluster is fit for; what failed, by name.
pub async fn all(cluster: &Arc<dyn Cluster>, controllers: bool) -> Vec<(&'static str, Failure)> {
    let mut failures = Vec::new();
    for check in CHECKS.iter().filter(|check| controllers || !check.controllers) {
        if let Err(failure) = one(cluster, check).await {
            failures.push((check.name, failure));
        }
    }
    failures
}

async fn one(cluster: &Arc<dyn Cluster>, check: &Check) -> Outcome {
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "conformance-"}});
    let at = ObjectRef { resource: namespaces(), namespace: None, name: String::new() };
    let made = cluster.create(&at, &namespace, WriteOptions::default()).await?;
    let bench = Bench { cluster: Arc::clone(cluster), namespace: text(&made["metadata"]["name"]) };
    let outcome = (check.run)(&bench).await;
    let at = ObjectRef { name: bench.namespace, ..at };
    crate::typed::found(cluster.delete(&at, None).await)?;
    outcome
}

impl Bench {
    fn at(&self, of: ResourceType, name: &str) -> ObjectRef {
        ObjectRef { resource: of, namespace: Some(self.namespace.clone()), name: name.to_owned() }
    }

    fn map(&self, name: &str) -> ObjectRef {
        self.at(maps(), name)
    }

    /// Creates a config map with labels and data.
    async fn make(&self, name: &str, labels: Value, data: Value) -> Result<Value> {
        let document = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": data});
        self.cluster.create(&self.map(name), &document, WriteOptions::default()).await
    }

    async fn wait_gone(&self, at: &ObjectRef) -> Outcome {
        until(self.cluster.as_ref(), at, SETTLED, conditions::gone).await?;
        Ok(())
    }
}

fn maps() -> ResourceType {
    ResourceType::addressed("", "v1", "configmaps", "ConfigMap", true)
}

fn namespaces() -> ResourceType {
    ResourceType::addressed("", "v1", "namespaces", "Namespace", false)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(what().into()) }
}

fn same<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Outcome {
    ensure(found == expected, || format!("found {found:?} where {expected:?} was expected"))
}

/// The error that a call is to end with.
fn refused<T: std::fmt::Debug>(outcome: Result<T>, kind: ErrorKind) -> std::result::Result<Error, Failure> {
    match outcome {
        Err(error) if error.kind == kind => Ok(error),
        Err(error) => Err(format!("refused as {:?} where {kind:?} was expected: {error}", error.kind).into()),
        Ok(value) => Err(format!("{kind:?} was expected, and it went through: {value:?}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeCluster;
    use crate::{Connect, Kube, Limits};

    fn report(failures: &[(&'static str, Failure)]) -> String {
        failures.iter().map(|(name, failure)| format!("{name}: {failure}\n")).collect()
    }

    #[tokio::test]
    async fn the_fake_conforms() {
        let fake = FakeCluster::new();
        fake.run_pods();
        let cluster: Arc<dyn Cluster> = Arc::new(fake);
        let failures = all(&cluster, true).await;
        assert!(failures.is_empty(), "{}", report(&failures));
    }

    #[tokio::test]
    async fn a_real_server_conforms() {
        let Some(kubeconfig) = std::env::var_os("SALVOR_TEST_KUBECONFIG") else {
            println!("skipped: SALVOR_TEST_KUBECONFIG is not set");
            return;
        };
        let connect = Connect {
            kubeconfig: Some(kubeconfig.into()),
            user_agent: crate::user_agent("salvor-tests", "v0", "none"),
            limits: Limits { qps: 0.0, ..Limits::default() },
            ..Connect::default()
        };
        let cluster: Arc<dyn Cluster> = Arc::new(Kube::connect(&connect).await.unwrap());
        let controllers = std::env::var_os("SALVOR_TEST_BARE").is_none();
        let failures = all(&cluster, controllers).await;
        assert!(failures.is_empty(), "{}", report(&failures));
    }
}
