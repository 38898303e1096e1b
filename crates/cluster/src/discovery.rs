//! Which types a server has: aggregated discovery, and the classic one where the server has no other.

use std::collections::BTreeSet;

use api::meta::ResourceType;
use futures::stream::{self, StreamExt};
use serde_json::Value;

use crate::client::Caller;
use crate::port::{Discovered, Result};
use crate::request::Call;

/// What we ask for: the aggregated form, and the classic one from servers before 1.26.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                          application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
/// Groups that are asked at the same time in the classic form.
const CLASSIC_AT_ONCE: usize = 8;
const ACTION: &str = "discover the API";

/// A version of a group, and the types in it or why they are not known.
struct GroupVersion {
    group: String,
    version: String,
    types: std::result::Result<Vec<ResourceType>, String>,
}

/// Asks the server for its types.
pub(crate) async fn discover(caller: &Caller) -> Result<Discovered> {
    let (core, groups) = futures::try_join!(half(caller, "/api"), half(caller, "/apis"))?;
    Ok(arranged(core.into_iter().chain(groups).collect()))
}

async fn half(caller: &Caller, path: &str) -> Result<Vec<GroupVersion>> {
    let document = caller.read(&Call::get(ACTION, path).accept(AGGREGATED)).await?;
    match document["kind"].as_str() {
        Some("APIGroupDiscoveryList") => {
            Ok(items(&document["items"]).flat_map(of_aggregated_group).collect())
        }
        _ => Ok(classic(caller, &document).await),
    }
}

/// Orders the versions, the old group `extensions` last, and marks for each type the version to use.
fn arranged(mut versions: Vec<GroupVersion>) -> Discovered {
    versions.sort_by_key(|of| of.group == "extensions");
    let mut discovered = Discovered::default();
    for of in versions {
        match of.types {
            Ok(types) => discovered.types.extend(types),
            Err(why) => discovered.failed.push((written(&of.group, &of.version), why)),
        }
    }
    prefer(&mut discovered.types);
    discovered
}

/// Where the version that a group prefers lacks a type, the first version that has it is the one to use.
fn prefer(types: &mut [ResourceType]) {
    let key = |of: &ResourceType| (of.group.clone(), of.plural.clone());
    let mut settled: BTreeSet<_> = types.iter().filter(|of| of.preferred).map(key).collect();
    for of in types.iter_mut().filter(|of| !of.preferred) {
        of.preferred = settled.insert(key(of));
    }
}

fn written(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn of_aggregated_group(group: &Value) -> Vec<GroupVersion> {
    let name = text(&group["metadata"]["name"]);
    let version = |(position, of): (usize, &Value)| {
        let version = text(&of["version"]);
        let stale = of["freshness"] == "Stale";
        let types =
            || items(&of["resources"]).map(|of| of_aggregated(of, &name, &version, position == 0)).collect();
        let types = if stale { Err("its server does not answer".to_owned()) } else { Ok(types()) };
        GroupVersion { group: name.clone(), version: version.clone(), types }
    };
    items(&group["versions"]).enumerate().map(version).collect()
}

fn of_aggregated(of: &Value, group: &str, version: &str, preferred: bool) -> ResourceType {
    ResourceType {
        group: group.to_owned(),
        version: version.to_owned(),
        plural: text(&of["resource"]),
        singular: text(&of["singularResource"]),
        kind: text(&of["responseKind"]["kind"]),
        short_names: texts(&of["shortNames"]),
        namespaced: of["scope"] == "Namespaced",
        verbs: texts(&of["verbs"]),
        preferred,
    }
}

/// Asks for each version by itself; `document` is the `APIVersions` or the `APIGroupList`.
async fn classic(caller: &Caller, document: &Value) -> Vec<GroupVersion> {
    let core = items(&document["versions"]).map(|version| (String::new(), text(version), true));
    let groups = items(&document["groups"]).flat_map(|group| {
        let best = text(&group["preferredVersion"]["version"]);
        let name = text(&group["name"]);
        let of = move |of: &Value| (name.clone(), text(&of["version"]), text(&of["version"]) == best);
        items(&group["versions"]).map(of).collect::<Vec<_>>()
    });
    let wanted: Vec<_> = core.chain(groups).collect();
    let asked = wanted.into_iter().map(|(group, version, preferred)| async move {
        let types = classic_version(caller, &group, &version, preferred).await.map_err(|error| error.message);
        GroupVersion { group, version, types }
    });
    stream::iter(asked).buffered(CLASSIC_AT_ONCE).collect().await
}

async fn classic_version(
    caller: &Caller,
    group: &str,
    version: &str,
    preferred: bool,
) -> Result<Vec<ResourceType>> {
    let root = if group.is_empty() { "/api" } else { "/apis" };
    let document = caller.read(&Call::get(ACTION, format!("{root}/{}", written(group, version)))).await?;
    let types = items(&document["resources"]).filter(|of| !text(&of["name"]).contains('/'));
    Ok(types.map(|of| of_classic(of, group, version, preferred)).collect())
}

fn of_classic(of: &Value, group: &str, version: &str, preferred: bool) -> ResourceType {
    ResourceType {
        group: group.to_owned(),
        version: version.to_owned(),
        plural: text(&of["name"]),
        singular: text(&of["singularName"]),
        kind: text(&of["kind"]),
        short_names: texts(&of["shortNames"]),
        namespaced: of["namespaced"] == true,
        verbs: texts(&of["verbs"]),
        preferred,
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(list: &Value) -> Vec<String> {
    items(list).map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resource(plural: &str, kind: &str) -> Value {
        json!({"resource": plural, "responseKind": {"kind": kind}, "scope": "Namespaced", "verbs": ["get", "list"],
            "subresources": [{"subresource": "status"}]})
    }

    fn summary(discovered: &Discovered) -> Vec<String> {
        let line = |of: &ResourceType| format!("{}{}", of.kind_key(), if of.preferred { " *" } else { "" });
        discovered.types.iter().map(line).collect()
    }

    #[test]
    fn the_servers_order_and_preference_hold() {
        let groups = json!([
            {"metadata": {"name": "extensions"}, "versions": [{"version": "v1beta1", "resources": [resource("ingresses", "Ingress")]}]},
            {"metadata": {"name": "autoscaling"}, "versions": [
                {"version": "v2", "resources": [resource("horizontalpodautoscalers", "HorizontalPodAutoscaler")]},
                {"version": "v1", "resources": [resource("horizontalpodautoscalers", "HorizontalPodAutoscaler")]}]},
            {"metadata": {"name": "example.com"}, "versions": [
                {"version": "v1", "resources": [resource("widgets", "Widget")]},
                {"version": "v1beta1", "resources": [resource("widgets", "Widget"), resource("gadgets", "Gadget")]},
                {"version": "v1alpha1", "resources": [resource("gadgets", "Gadget")]}]},
            {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "freshness": "Stale"}]},
        ]);
        let discovered = arranged(items(&groups).flat_map(of_aggregated_group).collect());
        assert_eq!(
            summary(&discovered),
            [
                "autoscaling/v2/HorizontalPodAutoscaler *",
                "autoscaling/v1/HorizontalPodAutoscaler",
                "example.com/v1/Widget *",
                "example.com/v1beta1/Widget",
                "example.com/v1beta1/Gadget *",
                "example.com/v1alpha1/Gadget",
                "extensions/v1beta1/Ingress *",
            ]
        );
        assert_eq!(discovered.failed[0].0, "metrics.k8s.io/v1beta1");
    }

    #[test]
    fn both_forms_say_the_same() {
        let classic = json!({"name": "deployments", "singularName": "deployment", "namespaced": true, "kind": "Deployment",
            "shortNames": ["deploy"], "verbs": ["get"]});
        let aggregated = json!({"resource": "deployments", "singularResource": "deployment", "scope": "Namespaced",
            "responseKind": {"group": "", "version": "", "kind": "Deployment"}, "shortNames": ["deploy"], "verbs": ["get"]});
        assert_eq!(of_classic(&classic, "apps", "v1", true), of_aggregated(&aggregated, "apps", "v1", true));
    }
}
