//! References from one object to another, as several kinds hold them.

use crate::wire::wire_struct;

wire_struct! {
    /// A key of a Secret in the same namespace.
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub struct SecretKeySelector
    required {
        /// The key in the Secret.
        key: String,
    }
    optional {
        /// The name of the Secret.
        #[schemars(extend("x-default" = ""))]
        name: String,
        /// Whether the Secret or the key may be absent.
        optional: Option<bool>,
    }
}

wire_struct! {
    /// An object of the same namespace, by kind and name.
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub struct TypedLocalObjectReference
    required {
        /// The kind; only `configmap` is of use here.
        kind: String,
        /// The name.
        name: String,
    }
    optional {
        /// The API group; empty for the core group.
        api_group: Option<String>,
    }
}

wire_struct! {
    /// An object anywhere.
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub struct ObjectReference
    optional {
        /// The version of the API.
        api_version: String,
        /// A part of the object.
        field_path: String,
        /// The kind.
        kind: String,
        /// The name.
        name: String,
        /// The namespace.
        namespace: String,
        /// The version of the object that was meant.
        resource_version: String,
        /// The UID.
        uid: String,
    }
}
