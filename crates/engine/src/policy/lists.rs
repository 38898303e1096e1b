//! `includeExcludePolicy`: types that are added to the scoped lists of a Backup, which win.

use serde::Deserialize;

use crate::files::or_default;
use crate::filter::glob::Glob;

/// Types to include and to exclude, in the words of the policy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Lists {
    /// Cluster-scoped types that are included.
    #[serde(deserialize_with = "or_default")]
    pub included_cluster_scoped_resources: Vec<String>,
    /// Cluster-scoped types that are excluded.
    #[serde(deserialize_with = "or_default")]
    pub excluded_cluster_scoped_resources: Vec<String>,
    /// Namespaced types that are included.
    #[serde(deserialize_with = "or_default")]
    pub included_namespace_scoped_resources: Vec<String>,
    /// Namespaced types that are excluded.
    #[serde(deserialize_with = "or_default")]
    pub excluded_namespace_scoped_resources: Vec<String>,
}

impl Lists {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is wrong with it.
    pub(super) fn errors(&self) -> Vec<String> {
        let scopes = [
            (&self.included_cluster_scoped_resources, &self.excluded_cluster_scoped_resources),
            (&self.included_namespace_scoped_resources, &self.excluded_namespace_scoped_resources),
        ];
        scopes.into_iter().flat_map(|(includes, excludes)| contradictions(includes, excludes)).collect()
    }
}

fn contradictions(includes: &[String], excludes: &[String]) -> Vec<String> {
    let stars = includes.iter().chain(excludes).any(|entry| entry == "*");
    let star = stars.then(|| "includeExcludePolicy: '*' cannot be used in its lists".to_owned());
    let both = includes.iter().filter(|entry| *entry != "*" && excludes.contains(entry));
    let both = both.map(|entry| format!("includeExcludePolicy: {entry:?} is both included and excluded"));
    let patterns = includes.iter().chain(excludes).filter_map(|entry| Glob::new(entry).err());
    let patterns = patterns.map(|error| format!("includeExcludePolicy: {error}"));
    star.into_iter().chain(both).chain(patterns).collect()
}
