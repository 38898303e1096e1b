//! One object each of the kinds that [`testkit::zoo`] does not have.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use super::server::{GROUP, Server};

/// The service in front of the server that answers for an API group.
pub(super) const SERVICE: &str = "guests";

/// The definitions of snapshots, as far as they are looked at here.
pub(super) fn definitions() -> Vec<Value> {
    let of = |kind: &str, scope: &str| {
        let plural = format!("{}s", kind.to_lowercase()).replace("classs", "classes");
        let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {
                "name": format!("{plural}.snapshot.storage.k8s.io"),
                // Groups of Kubernetes itself are protected.
                "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
            },
            "spec": {
                "group": "snapshot.storage.k8s.io", "scope": scope,
                "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List")},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
            },
        })
    };
    vec![
        of("VolumeSnapshotClass", "Cluster"),
        of("VolumeSnapshotContent", "Cluster"),
        of("VolumeSnapshot", "Namespaced"),
    ]
}

/// Objects of a namespace.
pub(super) fn within(namespace: &str) -> Vec<Value> {
    let object = |kind: &str, body: Value| {
        let mut document = json!({
            "apiVersion": "velero.io/v1", "kind": kind, "metadata": {"name": "kept", "namespace": namespace},
        });
        document["spec"] = body;
        document
    };
    let storage = json!({"provider": "aws", "objectStorage": {"bucket": "elsewhere"}, "config": {"region": "us-east-1"}});
    vec![
        object("Schedule", json!({"schedule": "1 2 * * *", "paused": true, "template": {"ttl": "1h0m0s"}})),
        object("BackupStorageLocation", storage),
        object("VolumeSnapshotLocation", json!({"provider": "example.com/disks", "config": {"zone": "z"}})),
        object("DownloadRequest", json!({"target": {"kind": "BackupLog", "name": "nothing"}})),
        object("DeleteBackupRequest", json!({"backupName": "nothing"})),
        object("ServerStatusRequest", json!({})),
    ]
}

/// Objects of no namespace; those that only have a meaning in one refer to this one.
pub(super) fn beside(namespace: &str, server: &Server) -> Vec<Value> {
    let object = |version: &str, kind: &str, name: &str, body: Value| {
        let mut document = body;
        document["apiVersion"] = json!(version);
        document["kind"] = json!(kind);
        document["metadata"]["name"] = json!(name);
        document
    };
    let request = json!({"spec": {
        "request": BASE64_STANDARD.encode(certificate_request()), "signerName": "example.com/nobody",
        "usages": ["client auth"],
    }});
    let address = json!({"spec": {"parentRef": {"group": "", "resource": "services", "namespace": namespace, "name": SERVICE}}});
    let slice = json!({"spec": {
        "driver": "driver.kinds.example.com", "allNodes": true,
        "pool": {"name": "kinds", "generation": 1, "resourceSliceCount": 1},
        "devices": [{"name": "device-0", "attributes": {"model": {"string": "lion"}}}],
    }});
    let class = json!({"driver": "driver.kinds.example.com", "deletionPolicy": "Delete", "parameters": {"zone": "z"}});
    let api = json!({"spec": {
        "group": format!("guests.{GROUP}"), "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100,
        "service": {"namespace": namespace, "name": SERVICE, "port": 443}, "caBundle": server.authority,
    }});
    vec![
        object("certificates.k8s.io/v1", "CertificateSigningRequest", "kinds-request", request),
        object(
            "networking.k8s.io/v1",
            "ServiceCIDR",
            "kinds-range",
            json!({"spec": {"cidrs": ["192.168.77.0/24"]}}),
        ),
        object("networking.k8s.io/v1", "IPAddress", "192.168.77.7", address),
        object("resource.k8s.io/v1", "ResourceSlice", "kinds-slice", slice),
        object("snapshot.storage.k8s.io/v1", "VolumeSnapshotClass", "kinds-class", class),
        object("apiregistration.k8s.io/v1", "APIService", &format!("v1.guests.{GROUP}"), api),
    ]
}

/// The service and its endpoints: the API server reaches the test by them.
pub(super) fn service(namespace: &str, server: &Server) -> Vec<Value> {
    let ports = json!([{"name": "https", "port": 443, "targetPort": server.port}]);
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": SERVICE, "namespace": namespace}, "spec": {"ports": ports},
    });
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": SERVICE, "namespace": namespace, "labels": {
            "kubernetes.io/service-name": SERVICE, "endpointslice.kubernetes.io/managed-by": "kinds.example.com"}},
        "ports": [{"name": "https", "port": server.port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [server.host], "conditions": {"ready": true}}],
    });
    vec![service, slice]
}

fn certificate_request() -> String {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["nobody.example.com".to_owned()]).unwrap();
    params.serialize_request(&key).unwrap().pem().unwrap()
}
