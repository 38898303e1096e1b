//! The Namespace, with the lowest Pod Security level that its pods can run under.

use serde_json::{Value, json};

use super::location_volume::{LocationVolume, Source};

/// Where the levels stand in a Namespace's labels.
const MODES: [&str; 3] = ["enforce", "audit", "warn"];

/// A level of the Pod Security Standards, from the strictest to the widest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What the server needs by itself.
    Restricted,
    /// For NFS volumes.
    Baseline,
    /// For hostPath volumes.
    Privileged,
}

impl Level {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Restricted => "restricted",
            Self::Baseline => "baseline",
            Self::Privileged => "privileged",
        }
    }

    /// The level that a Namespace enforces; without a label a cluster's default is as wide as can be.
    pub fn of(namespace: &Value) -> Self {
        match engine::document::label(namespace, "pod-security.kubernetes.io/enforce") {
            Some("restricted") => Self::Restricted,
            Some("baseline") => Self::Baseline,
            _ => Self::Privileged,
        }
    }
}

/// The level that a server with these volumes needs.
pub fn needed(volumes: &[LocationVolume]) -> Level {
    let level = |volume: &LocationVolume| match volume.source {
        Source::Claim(_) => Level::Restricted,
        Source::Nfs { .. } => Level::Baseline,
        Source::HostPath(_) => Level::Privileged,
    };
    volumes.iter().map(level).max().unwrap_or(Level::Restricted)
}

/// The Namespace of an installation.
pub fn namespace(name: &str, level: Level) -> Value {
    let mut metadata = super::metadata(name, "", &super::Strings::new());
    for (label, value) in labels(level) {
        metadata["labels"][label] = Value::String(value);
    }
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
}

/// The labels that set a level.
pub fn labels(level: Level) -> Vec<(String, String)> {
    let label = |mode: &str, suffix: &str| format!("pod-security.kubernetes.io/{mode}{suffix}");
    MODES
        .iter()
        .flat_map(|mode| {
            [(label(mode, ""), level.as_str().to_owned()), (label(mode, "-version"), "latest".to_owned())]
        })
        .collect()
}
