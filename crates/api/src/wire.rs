//! How resources look on the wire: the macros that declare their structs and enums, and what they share.
//!
//! Reading forgives: an absent field and a `null` are the default, an unknown enum value is `Unknown`, an
//! unknown field is passed over. Writing is what Velero's own types write: required fields always, others
//! when they say something.

use serde::{Deserialize, Deserializer};

/// A text that is none of the values of an enum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to read {text:?} as {what}: it is one of {}", .values.join(", "))]
pub struct UnknownValue {
    /// The name of the enum.
    pub what: &'static str,
    /// What was given.
    pub text: String,
    /// What may be given.
    pub values: &'static [&'static str],
}

/// Reads a value, taking `null` for the default.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Whether a value says nothing and need not be written.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Declares a struct of a resource, its fields grouped by what the API server demands of them: `required` ones
/// are always written, `nullable` ones may be stored as `null`, `optional` ones may be absent.
macro_rules! wire_struct {
    (
        $(#[$meta:meta])*
        pub struct $name:ident
        $(required { $($(#[$required_meta:meta])* $required:ident: $required_type:ty,)* })?
        $(nullable { $($(#[$nullable_meta:meta])* $nullable:ident: $nullable_type:ty,)* })?
        $(optional { $($(#[$optional_meta:meta])* $optional:ident: $optional_type:ty,)* })?
    ) => {
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(default, rename_all = "camelCase")]
        $(#[$meta])*
        pub struct $name {
            $($(
                $(#[$required_meta])*
                #[serde(deserialize_with = "crate::wire::or_default")]
                pub $required: $required_type,
            )*)?
            $($(
                $(#[$nullable_meta])*
                #[serde(
                    deserialize_with = "crate::wire::or_default",
                    skip_serializing_if = "crate::wire::is_default"
                )]
                #[schemars(extend("nullable" = true))]
                pub $nullable: $nullable_type,
            )*)?
            $($(
                $(#[$optional_meta])*
                #[serde(
                    deserialize_with = "crate::wire::or_default",
                    skip_serializing_if = "crate::wire::is_default"
                )]
                pub $optional: $optional_type,
            )*)?
        }
    };
}

/// Declares an enum of fixed texts. The first value is the default and what an empty text means; a text that
/// is not listed reads as `Unknown`, so that one new value does not make a whole object unreadable.
macro_rules! wire_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $(#[$default_meta:meta])* $default:ident = $default_text:literal,
            $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[$default_meta])*
            #[default]
            $default,
            $($(#[$variant_meta])* $variant,)*
            /// A value that this version does not know; the API server refuses it when it is written.
            Unknown,
        }

        impl $name {
            /// The texts of all values.
            pub const TEXTS: &'static [&'static str] = &[$default_text, $($text,)*];

            /// The text of this value.
            pub fn as_str(self) -> &'static str {
                match self {
                    Self::$default => $default_text,
                    $(Self::$variant => $text,)*
                    Self::Unknown => "Unknown",
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::wire::UnknownValue;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    _ if text.is_empty() => Ok(Self::default()),
                    $default_text => Ok(Self::$default),
                    $($text => Ok(Self::$variant),)*
                    _ => Err(crate::wire::UnknownValue {
                        what: stringify!($name),
                        text: text.to_owned(),
                        values: Self::TEXTS,
                    }),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Ok(text.parse().unwrap_or(Self::Unknown))
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": Self::TEXTS })
            }
        }
    };
}

pub(crate) use {wire_enum, wire_struct};
