//! The application that the demo loses and gets back: a shop that answers out of Redis, in three namespaces.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::client::Client;
use crate::images::{BUSYBOX, REDIS};
use crate::objects::items;
use crate::wait::{Look, until};
use crate::zoo::{self, Random};

/// The namespaces of the application.
pub const NAMESPACES: [&str; 3] = ["demo-shop", "demo-data", "demo-tools"];
/// The label by which the demo knows a namespace or definition that it made.
pub const MADE_BY: (&str, &str) = ("salvor.io/made-by", "demo");
/// Where the shop answers, below the API server's address.
pub const ANSWERS: &str = "/api/v1/namespaces/demo-shop/services/shop:http/proxy/cgi-bin/answers";

/// The images that the application runs.
#[derive(Debug, Clone)]
pub struct Images {
    /// A static busybox.
    pub busybox: String,
    /// Redis 7, with a shell and `redis-cli`.
    pub redis: String,
}

impl Images {
    /// Those of a local cluster.
    pub fn local() -> Self {
        Self { busybox: BUSYBOX.to_owned(), redis: REDIS.to_owned() }
    }

    /// Those that any cluster with access to a registry finds.
    pub fn public() -> Self {
        Self { busybox: "busybox:1.36-musl".to_owned(), redis: "redis:7".to_owned() }
    }
}

/// Everything of the application, in an order in which it can be created.
pub fn application(seed: u64, images: &Images) -> Vec<Value> {
    let mut documents = surroundings(seed, images);
    documents.extend(data(seed, images));
    documents.extend(shop(images));
    documents
}

/// What the shop answers, once it does: a line each for products, orders, sales and the digest of all data in Redis.
pub async fn answers(client: &Client, deadline: Duration) -> Result<Vec<String>> {
    until("the shop does not answer", deadline, || async {
        let page = match client.text(ANSWERS).await {
            Ok(page) => page,
            Err(error) => return Ok(Look::NotYet(error.to_string())),
        };
        let lines: Vec<String> = page.lines().map(str::to_owned).collect();
        let whole = lines.len() == 5 && lines.iter().all(|line| !line.ends_with(": "));
        Ok(if whole { Look::Done(lines) } else { Look::NotYet(format!("it says {page:?}")) })
    })
    .await
}

/// Waits until every workload of the application has the replicas that it wants.
pub async fn settled(client: &Client, deadline: Duration) -> Result<()> {
    for (kind, namespace) in
        ["deployments", "statefulsets"].iter().flat_map(|kind| NAMESPACES.map(|n| (kind, n)))
    {
        let path = format!("/apis/apps/v1/namespaces/{namespace}/{kind}");
        until(&format!("{kind} of {namespace} are not ready"), deadline, || async {
            let all = client.get(&path).await?.unwrap_or_default();
            let waiting = items(&all["items"]).iter().find(|workload| !is_settled(workload));
            Ok(waiting
                .map_or(Look::Done(()), |workload| Look::NotYet(workload["metadata"]["name"].to_string())))
        })
        .await?;
    }
    Ok(())
}

fn is_settled(workload: &Value) -> bool {
    let (wanted, status) = (workload["spec"]["replicas"].as_u64().unwrap_or(1), &workload["status"]);
    let seen = status["observedGeneration"] == workload["metadata"]["generation"];
    seen && status["readyReplicas"].as_u64().unwrap_or(0) == wanted
}

/// What stands around: the namespaces, definitions, and objects of many kinds. Of what belongs to a whole cluster, only the
/// definition of the custom resources is made: the cluster may be somebody's.
fn surroundings(seed: u64, images: &Images) -> Vec<Value> {
    let keep = |document: &Value| {
        let definition =
            document["kind"] == "CustomResourceDefinition" && document["spec"]["scope"] == "Namespaced";
        document["kind"] == "Namespace" || definition || document["metadata"]["namespace"].is_string()
    };
    let mut documents = zoo::generate_in(seed, &NAMESPACES);
    documents.retain(keep);
    for document in &mut documents {
        if !document["metadata"]["namespace"].is_string() {
            document["metadata"]["labels"][MADE_BY.0] = json!(MADE_BY.1);
        }
        if images.busybox != BUSYBOX {
            replace_text(document, BUSYBOX, &images.busybox);
        }
    }
    documents
}

fn replace_text(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) if text == from => to.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| replace_text(item, from, to)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace_text(field, from, to)),
        _ => {}
    }
}

/// Redis, which loads its data set from a ConfigMap at start and asks for the password of a Secret.
fn data(seed: u64, images: &Images) -> Vec<Value> {
    let start = "redis-server --requirepass \"$REDISCLI_AUTH\" --save '' --enable-debug-command yes &\n\
                 until redis-cli ping 2>/dev/null | grep -q PONG; do sleep 0.1; done\n\
                 redis-cli < /data-set/commands.redis > /dev/null\n\
                 redis-cli set loaded yes\nwait\n";
    let container = json!({
        "name": "redis", "image": images.redis, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", start],
        "env": [password()], "ports": [{"name": "redis", "containerPort": 6379}],
        "readinessProbe": {"exec": {"command": ["sh", "-c", "redis-cli get loaded | grep -q yes"]}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data-set", "mountPath": "/data-set"}],
    });
    let volumes = json!([{"name": "data-set", "configMap": {"name": "data-set"}}]);
    vec![
        object("demo-data", "v1", "Secret", "redis", json!({"stringData": {"password": secret_word(seed)}})),
        object(
            "demo-data",
            "v1",
            "ConfigMap",
            "data-set",
            json!({"data": {"commands.redis": data_set(seed)}}),
        ),
        object("demo-data", "v1", "Service", "redis", service("redis", 6379, "redis")),
        object(
            "demo-data",
            "apps/v1",
            "StatefulSet",
            "redis",
            json!({"spec": {
                "replicas": 1, "serviceName": "redis", "selector": {"matchLabels": {"app": "redis"}},
                "template": pod("redis", &[container], &volumes),
            }}),
        ),
        object("demo-shop", "v1", "Secret", "redis", json!({"stringData": {"password": secret_word(seed)}})),
    ]
}

fn password() -> Value {
    json!({"name": "REDISCLI_AUTH", "valueFrom": {"secretKeyRef": {"name": "redis", "key": "password"}}})
}

fn secret_word(seed: u64) -> String {
    let mut random = Random::new(seed ^ 0x5ec4);
    format!("{}-{}-{}", random.word(), random.word(), random.between(100, 999))
}

/// What Redis is told at start: a shop's products and orders.
fn data_set(seed: u64) -> String {
    let mut random = Random::new(seed ^ 0xda7a);
    let mut lines = String::new();
    for product in 0..200 {
        let (name, price) = (random.word(), random.between(100, 99_999));
        lines.push_str(&format!(
            "HSET product:{product} name \"{name}\" cents {price}\nSADD products {product}\n"
        ));
    }
    for order in 0..300 {
        let (product, count) = (random.between(0, 200), random.between(1, 9));
        lines.push_str(&format!("RPUSH orders \"{order} {count} x product:{product}\"\n"));
        lines.push_str(&format!("ZINCRBY bestsellers {count} product:{product}\nINCRBY sold {count}\n"));
    }
    lines
}

/// A web server that answers out of Redis, in another namespace than Redis.
fn shop(images: &Images) -> Vec<Value> {
    let answers = "#!/bin/sh\nask() { redis-cli -h redis.demo-data \"$@\"; }\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\n\
                   echo \"products: $(ask scard products)\"\necho \"orders: $(ask llen orders)\"\n\
                   echo \"sold: $(ask get sold)\"\necho \"best: $(ask zrevrange bestsellers 0 0)\"\n\
                   echo \"digest: $(ask debug digest)\"\n";
    let tools = json!([{"name": "tools", "mountPath": "/tools"}]);
    let copy = json!({"name": "copy", "image": images.busybox, "imagePullPolicy": "IfNotPresent",
                      "command": ["cp", "/bin/busybox", "/tools/busybox"], "volumeMounts": tools});
    let container = json!({
        "name": "shop", "image": images.redis, "imagePullPolicy": "IfNotPresent",
        "command": ["/tools/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"],
        "env": [password()], "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 1},
        "volumeMounts": [tools[0], {"name": "pages", "mountPath": "/www/cgi-bin"}],
    });
    let volumes = json!([{"name": "tools", "emptyDir": {}},
                         {"name": "pages", "configMap": {"name": "pages", "defaultMode": 0o755}}]);
    let mut template = pod("shop", &[container], &volumes);
    template["spec"]["initContainers"] = json!([copy]);
    vec![
        object("demo-shop", "v1", "ConfigMap", "pages", json!({"data": {"answers": answers}})),
        object("demo-shop", "v1", "Service", "shop", service("shop", 80, "http")),
        object(
            "demo-shop",
            "apps/v1",
            "Deployment",
            "shop",
            json!({"spec": {
                "replicas": 1, "selector": {"matchLabels": {"app": "shop"}}, "template": template,
            }}),
        ),
    ]
}

fn service(app: &str, port: u16, target: &str) -> Value {
    json!({"spec": {"selector": {"app": app}, "ports": [{"name": target, "port": port, "targetPort": target}]}})
}

fn pod(app: &str, containers: &[Value], volumes: &Value) -> Value {
    json!({"metadata": {"labels": {"app": app}},
           "spec": {"terminationGracePeriodSeconds": 1, "containers": containers, "volumes": volumes}})
}

fn object(namespace: &str, api_version: &str, kind: &str, name: &str, body: Value) -> Value {
    let mut document = body;
    document["apiVersion"] = json!(api_version);
    document["kind"] = json!(kind);
    document["metadata"] = json!({"namespace": namespace, "name": name, "labels": {"app": name}});
    document
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_application_has_hundreds_of_objects_of_many_kinds_and_none_of_a_whole_cluster_but_its_definition()
    {
        let documents = application(3, &Images::local());
        let kinds: BTreeSet<&str> =
            documents.iter().filter_map(|document| document["kind"].as_str()).collect();
        assert!(
            documents.len() >= 300 && kinds.len() >= 25,
            "{} objects, {} kinds",
            documents.len(),
            kinds.len()
        );
        let wide = documents.iter().filter(|document| !document["metadata"]["namespace"].is_string());
        let wide: BTreeSet<&str> = wide.filter_map(|document| document["kind"].as_str()).collect();
        assert_eq!(wide, BTreeSet::from(["CustomResourceDefinition", "Namespace"]));
    }

    #[test]
    fn public_images_leave_no_local_one() {
        let text = serde_json::to_string(&application(3, &Images::public())).unwrap();
        assert!(!text.contains("local/"), "a local image is left");
    }
}
