//! The port over a real API server.

use std::sync::Arc;

use api::labels::FIELD_MANAGER;
use api::meta::ResourceType;
use async_trait::async_trait;
use futures::stream::BoxStream;
use http::Method;
use serde_json::{Value, json};

use crate::client::{Caller, Connect};
use crate::port::{
    Cluster, Discovered, ListPage, ObjectRef, Page, Patch, Result, ServerVersion, WatchEvent, WriteOptions,
};
use crate::request::{Call, collection, described, object};
use crate::streams::{ExecRequest, ExecResult};
use crate::watch::{self, Source};
use crate::{discovery, request};

/// A connection to a real cluster. Clones share it.
#[derive(Clone)]
pub struct Kube {
    pub(crate) caller: Arc<Caller>,
}

impl Kube {
    /// Connects to the cluster that `connect` names.
    pub async fn connect(connect: &Connect) -> Result<Self> {
        Ok(Self { caller: Arc::new(Caller::connect(connect).await?) })
    }

    fn source(&self, of: &ResourceType, namespace: Option<&str>, labels: &str, fields: String) -> Source {
        Source {
            caller: Arc::clone(&self.caller),
            of: of.clone(),
            namespace: namespace.map(str::to_owned),
            labels: labels.to_owned(),
            fields,
        }
    }

    async fn put(&self, at: &ObjectRef, subresource: &str, document: &Value) -> Result<Value> {
        let action = described("replace", at);
        let path = format!("{}{subresource}", object(&action, at)?);
        self.caller
            .call(&written(Call::new(Method::PUT, action, path), WriteOptions::default()).json(document))
            .await
    }
}

/// What every write says: whose it is, whether it counts, and that the server need not look for unknown fields.
fn written(call: Call, options: WriteOptions) -> Call {
    call.query("fieldManager", &FIELD_MANAGER).query("fieldValidation", &"Ignore").query_if(
        options.dry_run,
        "dryRun",
        &"All",
    )
}

/// What a delete says: that what hangs on the object goes after it, and what the object has to be.
fn delete_options(preconditions: Option<Value>) -> Value {
    let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
    if let Some(preconditions) = preconditions {
        options["preconditions"] = preconditions;
    }
    options
}

#[async_trait]
impl Cluster for Kube {
    async fn version(&self) -> Result<ServerVersion> {
        let document = self.caller.read(&Call::get("read the server's version", "/version")).await?;
        let text = |field: &str| document[field].as_str().unwrap_or_default().to_owned();
        Ok(ServerVersion { git_version: text("gitVersion"), major: text("major"), minor: text("minor") })
    }

    async fn discover(&self) -> Result<Discovered> {
        discovery::discover(&self.caller).await
    }

    async fn list(&self, of: &ResourceType, namespace: Option<&str>, page: &ListPage) -> Result<Page> {
        watch::page(&self.source(of, namespace, &page.selector, String::new()), page).await
    }

    async fn get(&self, at: &ObjectRef) -> Result<Value> {
        let action = described("get", at);
        let path = object(&action, at)?;
        self.caller.read(&Call::get(action, path)).await
    }

    async fn create(&self, at: &ObjectRef, document: &Value, options: WriteOptions) -> Result<Value> {
        let action = described("create", at);
        let path = collection(&action, &at.resource, at.namespace.as_deref())?;
        self.caller.call(&written(Call::new(Method::POST, action, path), options).json(document)).await
    }

    async fn patch(
        &self,
        at: &ObjectRef,
        subresource: Option<&str>,
        patch: &Patch,
        options: WriteOptions,
    ) -> Result<Value> {
        let action = described("patch", at);
        let mut path = object(&action, at)?;
        if let Some(subresource) = subresource {
            request::check_segment(&action, subresource)?;
            path = format!("{path}/{subresource}");
        }
        let call = written(Call::new(Method::PATCH, action, path), options);
        let call = match patch {
            Patch::Merge(change) => call.body("application/merge-patch+json", change),
            Patch::Json(change) => call.body("application/json-patch+json", change),
            Patch::Apply(document) => {
                call.query("force", &true).body("application/apply-patch+yaml", document)
            }
        };
        self.caller.call(&call).await
    }

    async fn replace_status(&self, at: &ObjectRef, document: &Value) -> Result<Value> {
        self.put(at, "/status", document).await
    }

    async fn replace(&self, at: &ObjectRef, document: &Value) -> Result<Value> {
        self.put(at, "", document).await
    }

    async fn delete(&self, at: &ObjectRef, uid: Option<&str>) -> Result<()> {
        let action = described("delete", at);
        let path = object(&action, at)?;
        let options = delete_options(uid.map(|uid| json!({"uid": uid})));
        self.caller.call(&Call::new(Method::DELETE, action, path).json(&options)).await?;
        Ok(())
    }

    async fn delete_seen(&self, at: &ObjectRef, seen: &Value) -> Result<()> {
        let action = described("delete", at);
        let path = object(&action, at)?;
        let metadata = &seen["metadata"];
        let seen = json!({"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]});
        let options = delete_options(Some(seen));
        self.caller.call(&Call::new(Method::DELETE, action, path).json(&options)).await?;
        Ok(())
    }

    async fn exec(&self, request: &ExecRequest) -> Result<ExecResult> {
        self.run_command(request).await
    }

    fn watch(
        &self,
        of: &ResourceType,
        namespace: Option<&str>,
        selector: &str,
    ) -> BoxStream<'static, Result<WatchEvent>> {
        watch::watch(self.source(of, namespace, selector, String::new()))
    }

    fn watch_one(&self, at: &ObjectRef) -> BoxStream<'static, Result<WatchEvent>> {
        let fields = format!("metadata.name={}", at.name);
        watch::watch(self.source(&at.resource, at.namespace.as_deref(), "", fields))
    }
}
