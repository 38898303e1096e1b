//! The resource types that a cluster (or an archive) has, and how a user's words name them.

use api::meta::{GroupResource, ResourceType};
use serde::{Deserialize, Serialize};

/// The resource types of a cluster, every served version, in the server's order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    types: Vec<ResourceType>,
}

impl Catalog {
    /// A catalog of `types`, in that order.
    pub fn new(types: Vec<ResourceType>) -> Self {
        Self { types }
    }

    /// Every type in every version.
    pub fn all(&self) -> &[ResourceType] {
        &self.types
    }

    /// Every type once, in the version that the server prefers.
    pub fn preferred(&self) -> impl Iterator<Item = &ResourceType> + Clone {
        self.types.iter().filter(|of| of.preferred)
    }

    /// A type in its preferred version.
    pub fn find(&self, resource: &GroupResource) -> Option<&ResourceType> {
        self.preferred().find(|of| of.group == resource.group && of.plural == resource.resource)
    }

    /// The type of a document.
    pub fn of_kind(&self, api_version: &str, kind: &str) -> Option<&ResourceType> {
        self.types.iter().find(|of| of.kind == kind && of.api_version() == api_version)
    }

    /// The type that a user means by `text`: a plural, singular or short name, with or without its group, of which the
    /// beginning is enough (`storageclasses.storage`). The server's order decides between groups that share a name.
    pub fn resolve(&self, text: &str) -> Option<&ResourceType> {
        let (name, group) = match text.split_once('.') {
            Some((name, group)) => (name, Some(group)),
            None => (text, None),
        };
        let name = name.to_lowercase();
        let named =
            |of: &&ResourceType| of.plural == name || of.singular == name || of.kind.to_lowercase() == name;
        let find = |in_group: &dyn Fn(&str) -> bool| {
            let mut candidates = self.preferred().filter(|of| in_group(&of.group));
            candidates.clone().find(named).or_else(|| candidates.find(|of| of.short_names.contains(&name)))
        };
        match group {
            None => find(&|_| true),
            Some(group) => find(&|of| of == group).or_else(|| find(&|of| of.starts_with(group))),
        }
    }

    /// This catalog with `types` added where it lacks them: types that a restore is about to create.
    #[must_use]
    pub fn with(mut self, types: impl IntoIterator<Item = ResourceType>) -> Self {
        for of in types {
            if self.find(&of.group_resource()).is_none() {
                self.types.push(of);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let mut pods = ResourceType::addressed("", "v1", "pods", "Pod", true);
        pods.short_names = vec!["po".into()];
        pods.singular = "pod".into();
        let deployments = ResourceType::addressed("apps", "v1", "deployments", "Deployment", true);
        let mut old = deployments.clone();
        old.version = "v1beta1".into();
        old.preferred = false;
        Catalog::new(vec![pods, deployments, old])
    }

    #[test]
    fn users_words_resolve_to_the_preferred_version() {
        let catalog = catalog();
        for text in ["pods", "pod", "po", "Pod"] {
            assert_eq!(catalog.resolve(text).unwrap().plural, "pods", "{text}");
        }
        assert_eq!(catalog.resolve("deployments.apps").unwrap().version, "v1");
        assert_eq!(catalog.resolve("deployment").unwrap().group, "apps");
        assert!(catalog.resolve("deployments.extensions").is_none());
        assert_eq!(catalog.resolve("deployments.ap").unwrap().group, "apps");
        assert!(catalog.resolve("deployments.pps").is_none());
        assert!(catalog.resolve("widgets").is_none());
    }

    #[test]
    fn a_kind_is_found_in_the_version_it_was_written_in() {
        assert!(!catalog().of_kind("apps/v1beta1", "Deployment").unwrap().preferred);
        assert!(catalog().of_kind("apps/v2", "Deployment").is_none());
    }
}
