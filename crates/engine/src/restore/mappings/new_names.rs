//! New names of things that the cluster has to have, `OLD: NEW`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Entry;

/// New names, by the old ones.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct NewNames {
    new: BTreeMap<String, String>,
    /// Those of the new names that there are not.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    missing: BTreeSet<String>,
}

impl NewNames {
    pub(super) fn read(entries: &[Entry]) -> Result<Self, String> {
        let mut new = BTreeMap::new();
        for Entry { key, value } in entries {
            if value.trim().is_empty() {
                return Err(format!("{key} is mapped to nothing"));
            }
            new.insert(key.clone(), value.trim().to_owned());
        }
        Ok(Self { new, missing: BTreeSet::new() })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.new.is_empty()
    }

    /// Notes which of the new names there are.
    pub(super) fn complete(&mut self, existing: &BTreeSet<String>) {
        self.missing = self.new.values().filter(|name| !existing.contains(*name)).cloned().collect();
    }

    /// The new name of what had an old one.
    pub(super) fn of(&self, old: &str) -> Option<&str> {
        self.new.get(old).map(String::as_str)
    }

    /// Whether the cluster lacks what has a new name.
    pub(super) fn lacks(&self, new: &str) -> bool {
        self.missing.contains(new)
    }
}
