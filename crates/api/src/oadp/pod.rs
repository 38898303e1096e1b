//! What pods are like.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::refs::SecretKeySelector;
use crate::wire::wire_struct;

wire_struct! {
    /// What the pods of a workload are like.
    pub struct PodConfig
    nullable {
        /// What they may use.
        resource_allocations: Option<ResourceRequirements>,
    }
    optional {
        /// Variables of their environment.
        env: Vec<EnvVar>,
        /// Their labels.
        labels: BTreeMap<String, String>,
        /// Labels of the nodes that they run on.
        node_selector: BTreeMap<String, String>,
        /// Taints that they bear.
        tolerations: Vec<Toleration>,
    }
}

wire_struct! {
    /// What a container may use.
    pub struct ResourceRequirements
    nullable {
        /// At most.
        limits: BTreeMap<String, Quantity>,
        /// At least.
        requests: BTreeMap<String, Quantity>,
    }
    optional {
        /// Claims to devices.
        #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
        claims: Vec<ResourceClaim>,
    }
}

wire_struct! {
    /// A claim to a device.
    pub struct ResourceClaim
    required {
        /// Its name in the pod.
        name: String,
    }
    optional {
        /// The one request of it that is meant.
        request: String,
    }
}

/// An amount as people write it: a number, or digits with a unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantity(pub Value);

/// What the API server takes for an amount.
const QUANTITY: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

impl schemars::JsonSchema for Quantity {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [{ "type": "integer" }, { "type": "string" }],
            "nullable": true,
            "pattern": QUANTITY,
            "x-kubernetes-int-or-string": true,
        })
    }
}

wire_struct! {
    /// A taint that is borne.
    pub struct Toleration
    optional {
        /// The effect of the taint.
        effect: String,
        /// The key of the taint.
        key: String,
        /// How the value is compared.
        operator: String,
        /// For how long.
        toleration_seconds: Option<i64>,
        /// The value of the taint.
        value: String,
    }
}

wire_struct! {
    /// A variable of the environment.
    pub struct EnvVar
    required {
        /// Its name.
        name: String,
    }
    optional {
        /// Its value.
        value: String,
        /// Where its value is.
        value_from: Option<EnvVarSource>,
    }
}

wire_struct! {
    /// Where a value is.
    pub struct EnvVarSource
    optional {
        /// In a ConfigMap.
        config_map_key_ref: Option<ConfigMapKeySelector>,
        /// In the pod.
        field_ref: Option<FieldSelector>,
        /// In what a container may use.
        resource_field_ref: Option<ResourceFieldSelector>,
        /// In a Secret.
        secret_key_ref: Option<SecretKeySelector>,
    }
}

wire_struct! {
    /// A key of a ConfigMap in the same namespace.
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub struct ConfigMapKeySelector
    required {
        /// The key in the ConfigMap.
        key: String,
    }
    optional {
        /// The name of the ConfigMap.
        #[schemars(extend("x-default" = ""))]
        name: String,
        /// Whether the ConfigMap or the key may be absent.
        optional: Option<bool>,
    }
}

wire_struct! {
    /// A field of the pod.
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub struct FieldSelector
    required {
        /// The path of the field.
        field_path: String,
    }
    optional {
        /// The version of the pod that is meant.
        api_version: String,
    }
}

wire_struct! {
    /// What a container may use of a resource.
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub struct ResourceFieldSelector
    required {
        /// The resource.
        resource: String,
    }
    optional {
        /// The container.
        container_name: String,
        /// The unit to count in.
        divisor: Option<Quantity>,
    }
}
