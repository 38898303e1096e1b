//! The Services in front of the server.

use api::labels::{DOWNLOAD_PORT, DOWNLOAD_PORT_NAME, DOWNLOAD_SERVICE};
use serde_json::{Value, json};

use super::deployment::{METRICS_PORT, SELECTOR};
use super::{Strings, metadata};

/// Name of the Service that OADP's documentation has monitoring select.
const METRICS_SERVICE: &str = "openshift-adp-velero-metrics-svc";

/// The Service that commands read backups through where the store cannot sign links.
pub fn downloads(namespace: &str, labels: &Strings) -> Value {
    service(DOWNLOAD_SERVICE, namespace, labels, (DOWNLOAD_PORT_NAME, DOWNLOAD_PORT, DOWNLOAD_PORT_NAME))
}

/// The Service that monitoring scrapes, by the name that OADP gives it.
pub fn metrics(namespace: &str, labels: &Strings) -> Value {
    // the container's port by its name: an argument may move it
    service(METRICS_SERVICE, namespace, labels, ("monitoring", METRICS_PORT, "metrics"))
}

fn service(name: &str, namespace: &str, labels: &Strings, port: (&str, u16, &str)) -> Value {
    let (port_name, port, target) = port;
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(name, namespace, labels),
        "spec": {
            "selector": {SELECTOR.0: SELECTOR.1},
            "ports": [{"name": port_name, "port": port, "targetPort": target, "protocol": "TCP"}],
        },
    })
}
