//! What changes the objects of a restore: the ConfigMaps of the server's namespace that say so, and what they have to know
//! of the cluster. Read when a Restore is validated, and once more when its plan is made, which keeps it.

use std::collections::BTreeSet;

use api::meta::ResourceType;
use api::velero::v1::RestoreSpec;
use cluster::{ErrorKind, ListPage, ObjectRef};
use engine::document::{annotation, name, text};
use engine::problem::{Problem, Severity};
use engine::restore::adjustments::problems::ADJUSTMENTS_CHANGED;
use engine::restore::adjustments::{Chosen, Questions, Reading};
use engine::restore::mappings::{CONFIG, Existing};
use engine::restore::modifiers::template::{Fact, Facts};
use engine::restore::{Request, RestorePlan};
use serde_json::Value;

use crate::deps::Deps;
use crate::error::{Error, Result};
use crate::objects::{config_maps, find_config_map};

/// The annotations of the storage class that claims get which name none.
const DEFAULT_CLASS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

/// Reads what changes the objects of a restore with this spec.
pub(crate) async fn read(deps: &Deps, spec: &RestoreSpec) -> Result<Reading> {
    reading(deps, spec, BTreeSet::new()).await
}

/// Puts what changes the objects of a restore into its plan.
pub(crate) async fn complete(deps: &Deps, request: &Request, plan: &mut RestorePlan) -> Result<()> {
    let classes = plan.items().filter(|item| plan.kind(item).source.is("storage.k8s.io", "storageclasses"));
    let made = classes.map(|item| item.name.clone()).collect();
    let reading = reading(deps, &request.spec, made).await?;
    if !reading.errors.is_empty() {
        let message = reading.errors.join("; ");
        return Err(Error::Refused(Box::new(Problem::new(&ADJUSTMENTS_CHANGED, Severity::Error, message))));
    }
    plan.adjustments = reading.adjustments;
    plan.problems.extend(reading.problems);
    Ok(())
}

/// `made` are the storage classes that the restore makes.
async fn reading(deps: &Deps, spec: &RestoreSpec, made: BTreeSet<String>) -> Result<Reading> {
    let chosen = Chosen::of(spec, deps.config.restore.default_modifier.as_deref());
    let modifier = match chosen {
        Some(chosen) => Some((chosen, find_config_map(deps, chosen.name()).await?)),
        None => None,
    };
    let modifier = modifier.as_ref().map(|(chosen, config_map)| (*chosen, config_map.as_ref()));
    let mappings = listed(deps, &config_maps(), Some(deps.namespace()), CONFIG).await?;
    let mut reading = Reading::of(modifier, &mappings);
    let questions = reading.questions();
    let classes = classes(deps, &questions).await?;
    let facts = facts(deps, &questions.facts, &classes).await?;
    let existing = Existing {
        storage_classes: classes.iter().map(|class| name(class).to_owned()).chain(made).collect(),
        nodes: nodes(deps, &questions).await?,
    };
    reading.complete(chosen, &facts, &existing);
    Ok(reading)
}

async fn classes(deps: &Deps, questions: &Questions) -> Result<Vec<Value>> {
    if !questions.storage_classes && !questions.facts.contains(&Fact::DefaultStorageClass) {
        return Ok(Vec::new());
    }
    let classes = ResourceType::addressed("storage.k8s.io", "v1", "storageclasses", "StorageClass", false);
    listed(deps, &classes, None, "").await
}

async fn nodes(deps: &Deps, questions: &Questions) -> Result<BTreeSet<String>> {
    if !questions.nodes {
        return Ok(BTreeSet::new());
    }
    let nodes = ResourceType::addressed("", "v1", "nodes", "Node", false);
    Ok(listed(deps, &nodes, None, "").await?.iter().map(|node| name(node).to_owned()).collect())
}

async fn facts(deps: &Deps, asked: &BTreeSet<Fact>, classes: &[Value]) -> Result<Facts> {
    let mut facts = Facts { default_storage_class: default_class(classes), ..Facts::default() };
    if asked.contains(&Fact::ClusterVersion) {
        facts.cluster_version = Some(deps.cluster.version().await?.git_version);
    }
    if asked.contains(&Fact::AppsDomain) {
        let ingresses = ResourceType::addressed("config.openshift.io", "v1", "ingresses", "Ingress", false);
        let settings = found(deps, ingresses, None, "cluster").await?.unwrap_or_default();
        let domain = text(&settings, &["spec", "domain"]);
        facts.apps_domain = Some(domain.to_owned()).filter(|domain| !domain.is_empty());
    }
    Ok(facts)
}

/// The default class; of several the newest, as Kubernetes has it.
fn default_class(classes: &[Value]) -> Option<String> {
    let is_default = |class: &&Value| DEFAULT_CLASS.iter().any(|key| annotation(class, key) == Some("true"));
    let age = |class: &&Value| text(class, &["metadata", "creationTimestamp"]).to_owned();
    classes.iter().filter(is_default).max_by_key(age).map(|class| name(class).to_owned())
}

/// An object, if it is there.
async fn found(
    deps: &Deps,
    resource: ResourceType,
    namespace: Option<&str>,
    name: &str,
) -> Result<Option<Value>> {
    let at = ObjectRef { resource, namespace: namespace.map(str::to_owned), name: name.to_owned() };
    match deps.cluster.get(&at).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The objects that a label selector selects; none where the cluster does not have their type.
async fn listed(
    deps: &Deps,
    of: &ResourceType,
    namespace: Option<&str>,
    selector: &str,
) -> Result<Vec<Value>> {
    let mut page =
        ListPage { selector: selector.to_owned(), limit: deps.config.limits.page_size, resume: None };
    let mut all = Vec::new();
    loop {
        match deps.cluster.list(of, namespace, &page).await {
            Ok(answer) => {
                all.extend(answer.items);
                match answer.resume {
                    Some(resume) => page.resume = Some(resume),
                    None => return Ok(all),
                }
            }
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(all),
            Err(error) => return Err(error.into()),
        }
    }
}
