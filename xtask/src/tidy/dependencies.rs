//! What a crate may link: the layers of the design, and how much of others' code there is at all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::Finding;

/// The most crates of the workspace.
const CRATES_MAX: usize = 13;
/// The most packages that the lock file names.
const LOCKED_MAX: usize = 480;

/// Kubernetes clients.
const CLIENTS: [&str; 4] = ["kube", "kube-core", "kube-client", "kube-runtime"];
/// HTTP servers.
const SERVERS: [&str; 2] = ["axum", "tonic"];
/// What only asynchronous code needs.
const ASYNC: [&str; 4] = ["tokio", "hyper", "reqwest", "object_store"];

/// What a crate never links, not even through others.
fn forbidden(name: &str) -> Vec<&'static str> {
    let groups: &[&[&str]] = match name {
        "api" => &[&CLIENTS, &ASYNC, &SERVERS],
        "engine" => &[&CLIENTS, &ASYNC, &SERVERS, &["store", "cluster", "kopia", "restic"]],
        "kopia" | "restic" => &[&CLIENTS, &ASYNC, &SERVERS, &["store", "cluster"]],
        "store" => &[&CLIENTS, &["kopia", "restic", "cluster"]],
        "cluster" => &[&SERVERS, &["kopia", "restic", "store"]],
        "controllers" => &[&SERVERS, &["kopia", "restic", "clap"]],
        "plugins" | "images" => &[&CLIENTS, &["cluster", "kopia"]],
        "salvor" => &[&["testkit"]],
        _ => &[],
    };
    groups.concat()
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev` or `build`; absent for the usual ones.
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

/// Checks the layers and the sizes.
pub(super) fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let metadata = metadata(root)?;
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).context("failed to read Cargo.lock")?;
    let mut found = layers(&metadata);
    found.extend(direct_clients(&metadata));
    found.extend(at_most("Cargo.toml", "crates", metadata.workspace_members.len(), CRATES_MAX));
    found.extend(at_most("Cargo.lock", "packages", lock.matches("[[package]]").count(), LOCKED_MAX));
    Ok(found)
}

fn metadata(root: &Path) -> anyhow::Result<Metadata> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .current_dir(root)
        .output()
        .context("failed to run cargo metadata")?;
    ensure!(
        output.status.success(),
        "failed to read the workspace: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("failed to read what cargo metadata says")
}

fn at_most(path: &str, what: &str, count: usize, max: usize) -> Option<Finding> {
    (count > max).then(|| Finding::new(path, 0, format!("{count} {what}, {max} at most")))
}

/// Finds crates that link what their layer must not know.
fn layers(metadata: &Metadata) -> Vec<Finding> {
    let names: BTreeMap<&str, &str> =
        metadata.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
    let mut found = Vec::new();
    for id in &metadata.workspace_members {
        let Some(name) = names.get(id.as_str()) else { continue };
        let linked: BTreeSet<&str> =
            linked(metadata, id).into_iter().filter_map(|id| names.get(id).copied()).collect();
        for other in forbidden(name).into_iter().filter(|other| linked.contains(other)) {
            found.push(Finding::new(&format!("crates/{name}/Cargo.toml"), 0, format!("links `{other}`")));
        }
    }
    found
}

/// Every package that a crate links, through others too; what only tests and build scripts use does not count.
fn linked<'a>(metadata: &'a Metadata, id: &'a str) -> BTreeSet<&'a str> {
    let nodes: BTreeMap<&str, &Node> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let mut seen = BTreeSet::new();
    let mut open = vec![id];
    while let Some(node) = open.pop().and_then(|id| nodes.get(id)) {
        let usual = node.deps.iter().filter(|edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none()));
        for edge in usual {
            if seen.insert(edge.pkg.as_str()) {
                open.push(&edge.pkg);
            }
        }
    }
    seen
}

/// Finds crates besides `cluster` that use a Kubernetes client of their own.
fn direct_clients(metadata: &Metadata) -> Vec<Finding> {
    let mut found = Vec::new();
    let members = metadata.packages.iter().filter(|package| metadata.workspace_members.contains(&package.id));
    for package in members.filter(|package| package.name != "cluster") {
        let usual = package.dependencies.iter().filter(|dependency| dependency.kind.is_none());
        for client in usual.filter(|dependency| CLIENTS.contains(&dependency.name.as_str())) {
            let text = format!("uses `{}`: only `cluster` has a client", client.name);
            found.push(Finding::new(&format!("crates/{}/Cargo.toml", package.name), 0, text));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A workspace of edges; `dev` ones are marked.
    fn workspace(edges: &[(&str, &str, Option<&str>)], members: &[&str]) -> Metadata {
        let mut names: BTreeSet<&str> = edges.iter().flat_map(|&(from, to, _)| [from, to]).collect();
        names.extend(members);
        let of = |name: &str| edges.iter().filter(move |edge| edge.0 == name).collect::<Vec<_>>();
        let packages: Vec<_> = names.iter().map(|name| json!({
            "id": name, "name": name,
            "dependencies": of(name).iter().map(|edge| json!({ "name": edge.1, "kind": edge.2 })).collect::<Vec<_>>(),
        })).collect();
        let nodes: Vec<_> = names.iter().map(|name| json!({
            "id": name,
            "deps": of(name).iter().map(|edge| json!({ "pkg": edge.1, "dep_kinds": [{ "kind": edge.2 }] })).collect::<Vec<_>>(),
        })).collect();
        let document =
            json!({ "packages": packages, "workspace_members": members, "resolve": { "nodes": nodes } });
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn layers_hold_through_others_and_not_for_tests() {
        let through = workspace(&[("engine", "middle", None), ("middle", "tokio", None)], &["engine"]);
        assert_eq!(layers(&through), [Finding::new("crates/engine/Cargo.toml", 0, "links `tokio`")]);
        let tests = workspace(
            &[("engine", "tokio", Some("dev")), ("salvor", "testkit", Some("dev"))],
            &["engine", "salvor"],
        );
        assert!(layers(&tests).is_empty());
        let good = workspace(
            &[("controllers", "cluster", None), ("cluster", "kube", None)],
            &["controllers", "cluster"],
        );
        assert!(layers(&good).is_empty() && direct_clients(&good).is_empty());
    }

    #[test]
    fn only_cluster_has_a_client() {
        let found = direct_clients(&workspace(
            &[("salvor", "kube", None), ("cluster", "kube", None)],
            &["salvor", "cluster"],
        ));
        assert_eq!(
            found,
            [Finding::new("crates/salvor/Cargo.toml", 0, "uses `kube`: only `cluster` has a client")]
        );
    }

    #[test]
    fn sizes_have_a_limit() {
        assert_eq!(at_most("Cargo.lock", "packages", 480, 480), None);
        assert!(at_most("Cargo.lock", "packages", 481, 480).is_some());
    }
}
