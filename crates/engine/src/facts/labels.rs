//! Labels as facts keep them: those of every object of an operation are in memory at once, where a map takes half a
//! kilobyte for its first label.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::filter::selector::Labelled;

/// The labels of an object, sorted by key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Labels(Box<[(Box<str>, Box<str>)]>);

impl Labels {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Labelled for Labels {
    fn label(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(of, _)| of.as_ref().cmp(key)).ok()?;
        Some(&self.0[at].1)
    }
}

impl From<BTreeMap<String, String>> for Labels {
    fn from(labels: BTreeMap<String, String>) -> Self {
        Self(labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl From<Labels> for BTreeMap<String, String> {
    fn from(labels: Labels) -> Self {
        labels.0.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_found_and_come_back_as_they_were() {
        let map: BTreeMap<String, String> =
            ["z", "a", "m"].map(|key| (key.to_owned(), format!("of {key}"))).into();
        let labels = Labels::from(map.clone());
        assert_eq!((labels.label("m"), labels.label("b")), (Some("of m"), None));
        assert_eq!(serde_json::to_value(&labels).unwrap(), serde_json::to_value(&map).unwrap());
        assert_eq!(BTreeMap::from(labels), map);
        assert!(Labels::default().is_empty());
    }
}
