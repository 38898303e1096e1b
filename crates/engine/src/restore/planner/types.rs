//! The types that objects are created in: the version that they are stored in, or one that says the same.

use std::collections::{BTreeMap, BTreeSet};

use api::meta::{GroupResource, ObjectKey, ResourceType};

use super::Planner;
use crate::facts::Facts;
use crate::problem::{Code, Problem, Severity};
use crate::restore::plan::PlannedKind;
use crate::restore::{actions, problems, versions};

/// The types that the objects of an archive have.
pub(super) fn of(index: &BTreeMap<&ObjectKey, &Facts>) -> Vec<ResourceType> {
    let mut types: Vec<ResourceType> = Vec::new();
    for (key, facts) in index {
        let resource = &key.resource;
        if types.last().is_none_or(|last| last.group_resource() != *resource) {
            types.push(stored_as(facts));
        }
    }
    types
}

/// The type of an object in the version that it is stored in.
fn stored_as(facts: &Facts) -> ResourceType {
    let GroupResource { group, resource } = &facts.key.resource;
    ResourceType::addressed(group, &facts.version, resource, &facts.kind, facts.key.namespace.is_some())
}

/// Where the definition of a custom resource is.
pub(super) fn definition_of(resource: &GroupResource) -> ObjectKey {
    let definitions = GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions");
    ObjectKey::new(definitions, None, resource.to_string())
}

impl<'a> Planner<'a> {
    /// The type to create an object in, or `None` with a problem for the whole type.
    pub(super) fn kind_of(&mut self, facts: &Facts, chosen: &BTreeSet<&'a ObjectKey>) -> Option<usize> {
        let place = (facts.key.resource.clone(), facts.version.clone());
        if let Some(found) = self.draft.kind_places.get(&place) {
            return *found;
        }
        let found = match self.served(facts, chosen) {
            Ok(resource) => Some(self.add_kind(resource)),
            Err((code, message)) => {
                self.draft.problems.push(Problem::new(code, Severity::Error, message));
                None
            }
        };
        self.draft.kind_places.insert(place, found);
        found
    }

    /// The place of a type that the cluster serves, also where no object of it is restored.
    pub(super) fn kind_in_cluster(&mut self, resource: ResourceType) -> usize {
        let place = (resource.group_resource(), resource.version.clone());
        if let Some(Some(found)) = self.draft.kind_places.get(&place) {
            return *found;
        }
        let kind = self.add_kind(resource);
        self.draft.kind_places.insert(place, Some(kind));
        kind
    }

    fn add_kind(&mut self, resource: ResourceType) -> usize {
        let source = resource.group_resource();
        let actions = actions::names(&source);
        self.draft.kinds.push(PlannedKind { source, resource, actions });
        self.draft.kinds.len() - 1
    }

    fn served(
        &self,
        facts: &Facts,
        chosen: &BTreeSet<&'a ObjectKey>,
    ) -> Result<ResourceType, (&'static Code, String)> {
        let resource = &facts.key.resource;
        let same = |of: &&ResourceType| of.group == resource.group && of.plural == resource.resource;
        let served: Vec<&ResourceType> = self.catalog.all().iter().filter(same).collect();
        let in_version = |version: &str| served.iter().find(|of| of.version == version);
        let instead = || versions::same_as(resource, &facts.version).and_then(in_version);
        if let Some(found) = in_version(&facts.version).or_else(instead) {
            return Ok((*found).clone());
        }
        let own = stored_as(facts);
        let version = own.api_version();
        if facts.version.is_empty() || facts.kind.is_empty() {
            let message =
                format!("some {resource} cannot be restored: their documents have no apiVersion and kind");
            Err((&problems::BAD_ITEM, message))
        } else if !served.is_empty() {
            let message = format!("no {resource} can be restored: the cluster does not serve {version}");
            Err((&problems::NO_SUCH_VERSION, message))
        } else if chosen.contains(&definition_of(resource)) {
            Ok(own)
        } else {
            let message = format!(
                "no {resource} can be restored: the cluster does not have the type, \
                 neither in {version} nor in another version"
            );
            Err((&problems::NO_SUCH_TYPE, message))
        }
    }
}
