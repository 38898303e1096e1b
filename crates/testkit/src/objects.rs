//! Objects by their documents: where they are on a server, creating many, listing all.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use crate::client::Client;
use crate::wait::{Look, until};

/// How many requests are under way at once.
const AT_ONCE: usize = 8;

/// A type of objects as a server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// Such as `deployments`.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether it can be listed and created.
    pub stored: bool,
}

/// The types of a server, in all versions.
#[derive(Debug, Clone)]
pub struct Catalog {
    types: BTreeMap<(String, String), Type>,
    /// As the server lists them: of each group the preferred one first.
    versions: Vec<String>,
}

impl Catalog {
    /// Asks a server for its types.
    pub async fn read(client: &Client) -> Result<Self> {
        let groups = client.get("/apis").await?.context("failed to list API groups")?;
        let mut versions = vec!["v1".to_owned()];
        for group in items(&groups["groups"]) {
            let served =
                items(&group["versions"]).iter().filter_map(|version| version["groupVersion"].as_str());
            versions.extend(served.map(str::to_owned));
        }
        let lists = stream::iter(&versions).map(|version| types_of(client, version)).buffered(AT_ONCE);
        let found: Vec<Vec<Type>> = lists.try_collect().await?;
        let types =
            found.into_iter().flatten().map(|t| ((t.api_version.clone(), t.kind.clone()), t)).collect();
        Ok(Self { types, versions })
    }

    /// The types that hold objects, each once: in the preferred version of its group, or else in the first that has it.
    pub fn stored(&self) -> impl Iterator<Item = &Type> {
        self.types.values().filter(|found| found.stored && self.is_first(found))
    }

    fn is_first(&self, of: &Type) -> bool {
        let group = |version: &str| version.rsplit_once('/').map(|(group, _)| group.to_owned());
        let has = |version: &&String| {
            group(version) == group(&of.api_version)
                && self.types.contains_key(&((*version).clone(), of.kind.clone()))
        };
        self.versions.iter().find(has) == Some(&of.api_version)
    }

    /// The type of a document.
    pub fn type_of(&self, document: &Value) -> Result<&Type> {
        let (version, kind) = (text(document, "apiVersion"), text(document, "kind"));
        let found = self.types.get(&(version.to_owned(), kind.to_owned()));
        found.with_context(|| format!("failed to find the type {version} {kind} on the server"))
    }

    /// The path of the list that a document belongs to.
    pub fn list_path(&self, document: &Value) -> Result<String> {
        Ok(self.type_of(document)?.path(document["metadata"]["namespace"].as_str()))
    }

    /// The path of a document.
    pub fn path(&self, document: &Value) -> Result<String> {
        let name = document["metadata"]["name"].as_str().context("failed to find the name of an object")?;
        Ok(format!("{}/{name}", self.list_path(document)?))
    }
}

impl Type {
    /// What filters call it: `deployments.apps`, `pods`.
    pub fn resource(&self) -> String {
        let group = self.api_version.rsplit_once('/').map(|(group, _)| format!(".{group}"));
        format!("{}{}", self.plural, group.unwrap_or_default())
    }

    /// The path of its list, in one namespace or in all.
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.api_version == "v1" { "/api" } else { "/apis" };
        let within = namespace
            .filter(|_| self.namespaced)
            .map(|name| format!("namespaces/{name}/"))
            .unwrap_or_default();
        format!("{root}/{}/{within}{}", self.api_version, self.plural)
    }
}

async fn types_of(client: &Client, version: &str) -> Result<Vec<Type>> {
    let path = if version == "v1" { "/api/v1".to_owned() } else { format!("/apis/{version}") };
    let list = client.get(&path).await?.unwrap_or_default();
    let of = |entry: &Value| {
        let plural = entry["name"].as_str().filter(|name| !name.contains('/'))?.to_owned();
        let verbs = items(&entry["verbs"]);
        Some(Type {
            api_version: version.to_owned(),
            kind: entry["kind"].as_str()?.to_owned(),
            plural,
            namespaced: entry["namespaced"] == true,
            stored: ["list", "create"].iter().all(|verb| verbs.iter().any(|found| found == verb)),
        })
    };
    Ok(items(&list["resources"]).iter().filter_map(of).collect())
}

/// Creates documents in their order; definitions of types are waited for before what follows them.
pub async fn create_all(client: &Client, documents: &[Value]) -> Result<()> {
    create_at_once(client, documents, AT_ONCE).await
}

/// The same, with so many creates in flight.
pub async fn create_at_once(client: &Client, documents: &[Value], width: usize) -> Result<()> {
    let mut rest = documents;
    while !rest.is_empty() {
        let stage = rest.iter().take_while(|document| document["kind"] == rest[0]["kind"]).count();
        let (now, later) = rest.split_at(stage);
        rest = later;
        let catalog = Catalog::read(client).await?;
        let creates =
            stream::iter(now).map(|document| create(client, &catalog, document)).buffer_unordered(width);
        creates.try_collect::<Vec<()>>().await?;
        if now[0]["kind"] == "CustomResourceDefinition" {
            established(client, &catalog, now).await?;
        }
    }
    Ok(())
}

async fn create(client: &Client, catalog: &Catalog, document: &Value) -> Result<()> {
    let created = client.create(&catalog.list_path(document)?, document).await;
    created.with_context(|| format!("failed to create {}", name_of(document))).map(drop)
}

async fn established(client: &Client, catalog: &Catalog, definitions: &[Value]) -> Result<()> {
    for definition in definitions {
        let path = catalog.path(definition)?;
        until(&format!("{} is not established", name_of(definition)), Duration::from_secs(60), || async {
            let found = client.get(&path).await?.unwrap_or_default();
            let conditions = items(&found["status"]["conditions"]);
            let done = conditions.iter().any(|c| c["type"] == "Established" && c["status"] == "True");
            Ok(if done { Look::Done(()) } else { Look::NotYet("no such condition".to_owned()) })
        })
        .await?;
    }
    Ok(())
}

/// Every object of some namespaces, and these namespaces, by name.
pub async fn read_namespaces(client: &Client, namespaces: &[&str]) -> Result<BTreeMap<String, Value>> {
    let catalog = Catalog::read(client).await?;
    let mut paths = Vec::new();
    for found in catalog.stored().filter(|found| found.namespaced) {
        paths.extend(namespaces.iter().map(|namespace| (found, found.path(Some(namespace)))));
    }
    let lists = stream::iter(&paths).map(|(found, path)| list(client, found, path)).buffer_unordered(AT_ONCE);
    let mut objects: BTreeMap<String, Value> = lists.try_concat().await?.into_iter().collect();
    for namespace in namespaces {
        if let Some(found) = client.get(&format!("/api/v1/namespaces/{namespace}")).await? {
            objects.insert(name_of(&found), found);
        }
    }
    Ok(objects)
}

/// Every object of no namespace that has a label, by name.
pub async fn read_beside(client: &Client, (key, value): (&str, &str)) -> Result<BTreeMap<String, Value>> {
    let catalog = Catalog::read(client).await?;
    let types: Vec<_> =
        catalog.stored().filter(|found| !found.namespaced).map(|found| (found, found.path(None))).collect();
    let lists = stream::iter(&types).map(|(found, path)| list(client, found, path)).buffer_unordered(AT_ONCE);
    let all = lists.try_concat().await?;
    Ok(all.into_iter().filter(|(_, object)| object["metadata"]["labels"][key] == value).collect())
}

/// A list leaves out what its items are.
async fn list(client: &Client, found: &Type, path: &str) -> Result<Vec<(String, Value)>> {
    let mut items = client.list(path).await?;
    for item in &mut items {
        item["apiVersion"] = found.api_version.clone().into();
        item["kind"] = found.kind.clone().into();
    }
    Ok(items.into_iter().map(|item| (name_of(&item), item)).collect())
}

/// `Kind.group namespace/name`, without the version.
pub fn name_of(document: &Value) -> String {
    let group = text(document, "apiVersion")
        .rsplit_once('/')
        .map(|(group, _)| format!(".{group}"))
        .unwrap_or_default();
    let name = document["metadata"]["name"].as_str().unwrap_or_default();
    let within =
        document["metadata"]["namespace"].as_str().map(|space| format!("{space}/")).unwrap_or_default();
    format!("{}{group} {within}{name}", text(document, "kind"))
}

fn text<'a>(document: &'a Value, field: &str) -> &'a str {
    document[field].as_str().unwrap_or_default()
}

/// The elements of a list; none where there is no list.
pub fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_follow_group_and_scope() {
        let of = |api_version: &str, plural: &str, namespaced| Type {
            api_version: api_version.to_owned(),
            kind: String::new(),
            plural: plural.to_owned(),
            namespaced,
            stored: true,
        };
        let cases = [
            (of("v1", "pods", true), Some("a"), "/api/v1/namespaces/a/pods"),
            (of("v1", "nodes", false), Some("a"), "/api/v1/nodes"),
            (of("apps/v1", "deployments", true), None, "/apis/apps/v1/deployments"),
        ];
        for (found, namespace, expected) in cases {
            assert_eq!(found.path(namespace), expected);
        }
    }

    #[test]
    fn filters_name_types_by_plural_and_group() {
        let of = |api_version: &str, plural: &str| Type {
            api_version: api_version.to_owned(),
            kind: String::new(),
            plural: plural.to_owned(),
            namespaced: false,
            stored: true,
        };
        assert_eq!(of("v1", "persistentvolumes").resource(), "persistentvolumes");
        assert_eq!(of("zoo.example.com/v1", "habitats").resource(), "habitats.zoo.example.com");
    }

    #[test]
    fn names_tell_kind_and_place() {
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                          "metadata": {"namespace": "a", "name": "b"}});
        assert_eq!(name_of(&role), "Role.rbac.authorization.k8s.io a/b");
        assert_eq!(
            name_of(&json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}})),
            "Node n"
        );
    }
}
