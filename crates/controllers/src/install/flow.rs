//! The server's place in the API server's queues: a level of its own, so that a restore takes its seats from nobody,
//! and the Lease in the level that Kubernetes keeps for leaders, so that no restore delays its renewal.

use serde_json::{Value, json};

use super::binding::binding_name;
use super::{SERVER_ROLE, Strings, metadata};

/// The API group of what this makes. Clusters before 1.29 do not have its version.
pub const GROUP: &str = "flowcontrol.apiserver.k8s.io";
/// Name of the level; servers of all namespaces share it.
pub const LEVEL: &str = SERVER_ROLE;
/// The server's share of the API server's seats; Kubernetes gives its own levels 245 in sum.
const SHARES: u32 = 20;
/// Before the schema that catches all service accounts, at 9000.
const PRECEDENCE: u32 = 8000;
/// Before every other schema of the server.
const LEASE_PRECEDENCE: u32 = 150;

/// The level, and what leads there.
pub(super) fn objects(namespace: &str, account: &str) -> Vec<Value> {
    let [all, lease] = schema_names(namespace);
    let everything =
        json!({"apiGroups": ["*"], "resources": ["*"], "clusterScope": true, "namespaces": ["*"]});
    let leases =
        json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "namespaces": [namespace]});
    vec![
        level(),
        schema(&all, LEVEL, PRECEDENCE, (namespace, account), everything),
        schema(&lease, "leader-election", LEASE_PRECEDENCE, (namespace, account), leases),
    ]
}

/// Names of the FlowSchemas of a namespace's server.
pub fn schema_names(namespace: &str) -> [String; 2] {
    let name = binding_name(namespace);
    [name.clone(), format!("{name}-lease")]
}

/// Seats that the server does not use are lent, and what it borrows is bounded.
fn level() -> Value {
    json!({
        "apiVersion": format!("{GROUP}/v1"),
        "kind": "PriorityLevelConfiguration",
        "metadata": metadata(LEVEL, "", &Strings::new()),
        "spec": {
            "type": "Limited",
            "limited": {
                "nominalConcurrencyShares": SHARES,
                "lendablePercent": 90,
                "borrowingLimitPercent": 100,
                "limitResponse": {
                    "type": "Queue",
                    "queuing": {"queues": 16, "handSize": 4, "queueLengthLimit": 64},
                },
            },
        },
    })
}

fn schema(
    name: &str,
    level: &str,
    precedence: u32,
    (namespace, account): (&str, &str),
    mut what: Value,
) -> Value {
    what["verbs"] = json!(["*"]);
    let who = json!({"kind": "ServiceAccount", "serviceAccount": {"name": account, "namespace": namespace}});
    json!({
        "apiVersion": format!("{GROUP}/v1"),
        "kind": "FlowSchema",
        "metadata": metadata(name, "", &Strings::new()),
        "spec": {
            "priorityLevelConfiguration": {"name": level},
            "matchingPrecedence": precedence,
            "distinguisherMethod": {"type": "ByUser"},
            "rules": [{"subjects": [who], "resourceRules": [what]}],
        },
    })
}
