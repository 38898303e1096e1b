//! `uninstall`: everything that `install` made goes; what is in the bucket stays.

use std::time::Duration;

use anyhow::{anyhow, bail};
use api::meta::ResourceType;
use clap::Args;
use cluster::clock::Deadline;
use cluster::port::WriteOptions;
use cluster::{Cluster, ErrorKind, ListPage, ObjectRef, Patch};
use controllers::install::{COMPONENT, SERVER, SERVER_ROLE, binding_name, flow, operator, types};
use engine::document;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cli::output::{error_line, line};
use crate::cli::selection::ask;
use crate::cli::{Globals, Session};
use crate::exit::Exit;

/// How long objects with finalizers may take to go by themselves.
const FINALIZERS: Duration = Duration::from_secs(60);
/// How long the namespace may take to go.
const NAMESPACE: Duration = Duration::from_secs(600);
/// How often is looked.
const LOOK: Duration = Duration::from_secs(1);
/// Kinds whose objects the server cleans up after before they go.
const WITH_FINALIZERS: [&str; 3] = ["Restore", "DataUpload", "DataDownload"];

/// Remove Salvor from a cluster; backups in object storage stay
#[derive(Debug, Clone, Args)]
pub struct Uninstall {
    /// Do not ask
    #[arg(long)]
    pub force: bool,
    /// Deprecated: it always waits
    #[arg(long, hide = true)]
    pub wait: bool,
}

impl Uninstall {
    /// Asks, then removes everything.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        if self.wait {
            error_line(
                "Warning: the \"--wait\" option is deprecated and will be removed: uninstall always waits",
            );
        }
        if !self.force {
            line("You are about to uninstall Velero.")?;
            if !ask()? {
                return Ok(Exit::Done);
            }
        }
        let session = Session::open(globals, called).await?;
        let removal = Removal { cluster: &session.cluster, namespace: &session.namespace };
        removal
            .everything()
            .await
            .map_err(|error| anyhow!("Errors while attempting to uninstall Velero: \"{error:#}\""))?;
        line("Velero uninstalled \u{26f5}")?;
        Ok(Exit::Done)
    }
}

struct Removal<'a> {
    cluster: &'a dyn Cluster,
    namespace: &'a str,
}

impl Removal<'_> {
    async fn everything(&self) -> anyhow::Result<()> {
        self.with_finalizers().await?;
        self.namespace().await?;
        self.bindings().await?;
        self.flow().await?;
        self.definitions().await
    }

    /// The server cleans up after these itself while it runs; whatever is still there then goes without it.
    async fn with_finalizers(&self) -> anyhow::Result<()> {
        let mut left = Vec::new();
        for kind in WITH_FINALIZERS {
            left.extend(self.list(&kind_of(kind)?, Some(self.namespace), "").await?);
        }
        if left.is_empty() {
            return Ok(());
        }
        line("Waiting for resource with attached finalizer to be deleted")?;
        for object in &left {
            self.delete(&at(object)?).await?;
        }
        let deadline = Deadline::after(FINALIZERS);
        while !left.is_empty() && !deadline.has_passed() {
            sleep(LOOK).await;
            left = self.still_there(left).await?;
        }
        for object in &left {
            let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
            match self.cluster.patch(&at(object)?, None, &patch, WriteOptions::default()).await {
                Err(error) if error.kind == ErrorKind::NotFound => {}
                patched => drop(patched.map_err(failed)?),
            }
        }
        Ok(())
    }

    async fn still_there(&self, objects: Vec<Value>) -> anyhow::Result<Vec<Value>> {
        let mut left = Vec::new();
        for object in objects {
            if self.get(&at(&object)?).await?.is_some() {
                left.push(object);
            }
        }
        Ok(left)
    }

    async fn namespace(&self) -> anyhow::Result<()> {
        let name = self.namespace;
        let namespace = ObjectRef { resource: kind_of("Namespace")?, namespace: None, name: name.to_owned() };
        if self.get(&namespace).await?.is_none() {
            return line(&format!("Velero namespace \"{name}\" does not exist, skipping."));
        }
        self.delete(&namespace).await?;
        line(&format!("Waiting for velero namespace \"{name}\" to be deleted"))?;
        let deadline = Deadline::after(NAMESPACE);
        while let Some(found) = self.get(&namespace).await? {
            if deadline.has_passed() {
                bail!("the namespace {name} is still there: {}", why(&found));
            }
            sleep(LOOK).await;
        }
        line(&format!("Velero namespace \"{name}\" deleted"))
    }

    /// The bindings of this installation, and the role with the last of them.
    async fn bindings(&self) -> anyhow::Result<()> {
        let bindings = kind_of("ClusterRoleBinding")?;
        let name = binding_name(self.namespace);
        let binding = ObjectRef { resource: bindings.clone(), namespace: None, name: name.clone() };
        if self.delete(&binding).await? {
            line(&format!("Velero ClusterRoleBinding \"{name}\" deleted"))?;
        } else {
            line(&format!("Velero ClusterRoleBinding \"{name}\" does not exist, skipping."))?;
        }
        let role = |name: String| -> anyhow::Result<ObjectRef> {
            Ok(ObjectRef { resource: kind_of("ClusterRole")?, namespace: None, name })
        };
        let own = operator::namespace_role_name(self.namespace);
        self.delete(&ObjectRef { resource: bindings.clone(), namespace: None, name: own.clone() }).await?;
        self.delete(&role(own)?).await?;
        let others = self.list(&bindings, None, "").await?;
        let used = others.iter().any(|binding| binding["roleRef"]["name"] == SERVER_ROLE);
        if !used {
            self.delete(&role(SERVER_ROLE.to_owned())?).await?;
        }
        Ok(())
    }

    /// The server's place in the API server's queues, and the level with the last that leads there.
    async fn flow(&self) -> anyhow::Result<()> {
        let schemas = kind_of("FlowSchema")?;
        for name in flow::schema_names(self.namespace) {
            self.delete(&ObjectRef { resource: schemas.clone(), namespace: None, name }).await?;
        }
        let others = self.list(&schemas, None, "").await?;
        let level = |schema: &Value| schema["spec"]["priorityLevelConfiguration"]["name"] == flow::LEVEL;
        if !others.iter().any(level) {
            let resource = kind_of("PriorityLevelConfiguration")?;
            self.delete(&ObjectRef { resource, namespace: None, name: flow::LEVEL.to_owned() }).await?;
        }
        Ok(())
    }

    /// The definitions, unless another installation still needs them.
    async fn definitions(&self) -> anyhow::Result<()> {
        let bindings = self.list(&kind_of("ClusterRoleBinding")?, None, &selector()).await?;
        let other = bindings.iter().find(|binding| binding["subjects"][0]["name"] == SERVER);
        if let Some(other) = other {
            let namespace = document::text(&other["subjects"][0], &["namespace"]);
            return line(&format!(
                "Velero CustomResourceDefinitions are used by the namespace \"{namespace}\", skipping."
            ));
        }
        for definition in self.list(&kind_of("CustomResourceDefinition")?, None, &selector()).await? {
            self.delete(&at(&definition)?).await?;
        }
        line("Velero CustomResourceDefinitions deleted")
    }

    async fn get(&self, at: &ObjectRef) -> anyhow::Result<Option<Value>> {
        match self.cluster.get(at).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            found => found.map(Some).map_err(failed),
        }
    }

    /// Objects of a kind; none where the cluster does not know the kind.
    async fn list(
        &self,
        kind: &ResourceType,
        namespace: Option<&str>,
        selector: &str,
    ) -> anyhow::Result<Vec<Value>> {
        let page = ListPage { selector: selector.to_owned(), ..ListPage::default() };
        match self.cluster.list(kind, namespace, &page).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Vec::new()),
            page => Ok(page.map_err(failed)?.items),
        }
    }

    /// Deletes an object; says whether it was there.
    async fn delete(&self, at: &ObjectRef) -> anyhow::Result<bool> {
        match self.cluster.delete(at, None).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
            deleted => deleted.map(|()| true).map_err(failed),
        }
    }
}

fn selector() -> String {
    format!("{}={}", COMPONENT.0, COMPONENT.1)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn failed(error: cluster::Error) -> anyhow::Error {
    anyhow!("failed to {error}")
}

fn kind_of(kind: &str) -> anyhow::Result<ResourceType> {
    types::of_kind(kind).ok_or_else(|| anyhow!("failed to address objects of kind {kind}"))
}

fn at(object: &Value) -> anyhow::Result<ObjectRef> {
    types::address(object).ok_or_else(|| anyhow!("failed to address {}", document::name(object)))
}

/// What keeps a namespace from going.
fn why(namespace: &Value) -> String {
    let conditions = document::list(namespace, &["status", "conditions"]);
    let messages = conditions.iter().filter(|condition| condition["status"] == "True");
    messages.map(|condition| document::text(condition, &["message"])).collect::<Vec<_>>().join("; ")
}
