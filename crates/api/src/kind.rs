//! What every custom resource offers: its names, its metadata, and the way to and from a document.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::meta::ResourceType;

/// A column of `kubectl get`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The heading.
    pub name: &'static str,
    /// Where the value is.
    pub path: &'static str,
    /// `string`, `integer`, `boolean` or `date`.
    pub kind: &'static str,
    /// A narrower type, such as `int64`.
    pub format: Option<&'static str>,
    /// Above zero: only with `-o wide`.
    pub priority: i32,
    /// What it shows, if the heading does not say it.
    pub description: &'static str,
}

impl Column {
    /// A column with a heading that needs no explanation.
    pub const fn new(name: &'static str, kind: &'static str, path: &'static str) -> Self {
        Self { name, path, kind, format: None, priority: 0, description: "" }
    }

    /// A column of a count of bytes.
    pub const fn bytes(name: &'static str, path: &'static str) -> Self {
        Self { format: Some("int64"), ..Self::new(name, "integer", path) }
    }

    /// The same column with an explanation.
    pub const fn about(self, description: &'static str) -> Self {
        Self { description, ..self }
    }

    /// The same column, shown only with `-o wide`.
    pub const fn wide(self) -> Self {
        Self { priority: 10, ..self }
    }

    /// The age of the object.
    pub const AGE: Self = Self::new("Age", "date", ".metadata.creationTimestamp");
}

/// A custom resource. Typed values are for reading and for making new objects; a stored object is only ever
/// patched, so that fields which this version does not know survive.
pub trait Kind: Serialize + DeserializeOwned + JsonSchema {
    /// The API group.
    const GROUP: &'static str;
    /// The version, served and stored.
    const VERSION: &'static str;
    /// The kind.
    const KIND: &'static str;
    /// The plural name, as in paths.
    const PLURAL: &'static str;
    /// Names to type.
    const SHORT_NAMES: &'static [&'static str];
    /// Whether objects live in namespaces.
    const NAMESPACED: bool = true;
    /// Whether the status is a sub-resource, which Velero's own kinds do not have.
    const STATUS_SUBRESOURCE: bool = false;
    /// What `kubectl get` shows.
    const COLUMNS: &'static [Column];

    /// A new object with nothing but its name.
    fn new(namespace: &str, name: &str) -> Self;

    /// The metadata of the object.
    fn metadata(&self) -> &ObjectMeta;

    /// The metadata of the object, to change.
    fn metadata_mut(&mut self) -> &mut ObjectMeta;

    /// The name of the object; empty if it has none yet.
    fn name(&self) -> &str {
        self.metadata().name.as_deref().unwrap_or_default()
    }

    /// The namespace of the object; empty if it has none.
    fn namespace(&self) -> &str {
        self.metadata().namespace.as_deref().unwrap_or_default()
    }

    /// The UID of the object; empty before it is stored.
    fn uid(&self) -> &str {
        self.metadata().uid.as_deref().unwrap_or_default()
    }

    /// The type, as a client addresses it.
    fn resource_type() -> ResourceType {
        ResourceType {
            singular: Self::KIND.to_ascii_lowercase(),
            short_names: Self::SHORT_NAMES.iter().map(|&name| name.to_owned()).collect(),
            ..ResourceType::addressed(Self::GROUP, Self::VERSION, Self::PLURAL, Self::KIND, Self::NAMESPACED)
        }
    }

    /// Reads an object; what it says that this version does not know is passed over.
    fn from_document(document: &Value) -> Result<Self, serde_json::Error> {
        Self::deserialize(document)
    }

    /// Writes the object. A new object, or a base for a patch: never a replacement of what is stored.
    fn to_document(&self) -> Value {
        serde_json::to_value(self).expect("structs of strings, numbers and maps by string are always JSON")
    }
}

/// Declares a custom resource of spec and status, and implements [`Kind`] for it.
macro_rules! kind {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            const GROUP = $group:literal;
            const VERSION = $version:literal;
            const PLURAL = $plural:expr;
            const SHORT_NAMES = $short_names:expr;
            const COLUMNS = $columns:expr;
            $(const STATUS_SUBRESOURCE = $status_subresource:expr;)?
            $(#[$spec_meta:meta])* spec: $spec:ty,
            $(#[$status_meta:meta])* status: $status:ty,
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            #[serde(skip_deserializing, default = "api_version")]
            api_version: &'static str,
            #[serde(skip_deserializing, default = "kind")]
            kind: &'static str,
            /// Name, namespace, labels, annotations.
            #[serde(default, deserialize_with = "crate::wire::or_default")]
            #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
            pub metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
            $(#[$spec_meta])*
            #[serde(default, deserialize_with = "crate::wire::or_default")]
            pub spec: $spec,
            $(#[$status_meta])*
            #[serde(
                default,
                deserialize_with = "crate::wire::or_default",
                skip_serializing_if = "crate::wire::is_default"
            )]
            pub status: $status,
        }

        fn api_version() -> &'static str {
            const API_VERSION: &str = concat!($group, "/", $version);
            API_VERSION
        }

        fn kind() -> &'static str {
            stringify!($name)
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    api_version: api_version(),
                    kind: kind(),
                    metadata: Default::default(),
                    spec: Default::default(),
                    status: Default::default(),
                }
            }
        }

        impl crate::Kind for $name {
            const GROUP: &'static str = $group;
            const VERSION: &'static str = $version;
            const KIND: &'static str = stringify!($name);
            const PLURAL: &'static str = $plural;
            const SHORT_NAMES: &'static [&'static str] = &$short_names;
            const COLUMNS: &'static [crate::Column] = &$columns;
            $(const STATUS_SUBRESOURCE: bool = $status_subresource;)?

            fn new(namespace: &str, name: &str) -> Self {
                let mut object = Self::default();
                object.metadata.namespace = Some(namespace.to_owned());
                object.metadata.name = Some(name.to_owned());
                object
            }

            fn metadata(&self) -> &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &self.metadata
            }

            fn metadata_mut(&mut self) -> &mut k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

pub(crate) use kind;
