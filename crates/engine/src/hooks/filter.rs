//! Which pods an entry of `spec.hooks` is for.

use api::LabelSelector;
use api::meta::GroupResource;
use api::velero::v1::{BackupHooks, RestoreHooks};

use crate::catalog::Catalog;
use crate::filter::selector::Labelled;
use crate::filter::set::unreadable;
use crate::filter::{Selector, SelectorError, Set};
use crate::restore::scope::canonical;

/// Which pods an entry of `spec.hooks` is for.
#[derive(Debug)]
pub(super) struct Filter {
    namespaces: Set,
    pods: bool,
    selector: Selector,
}

impl Filter {
    /// An entry for the pods of these namespaces.
    pub(super) fn new(
        included: &[String],
        excluded: &[String],
        selector: Option<&LabelSelector>,
    ) -> Result<Self, SelectorError> {
        let selector = selector.map(Selector::of).transpose()?.unwrap_or_default();
        Ok(Self { namespaces: Set::new(included, excluded), pods: true, selector })
    }

    /// The same, if pods are among these resources.
    pub(super) fn of_resources(self, included: &[String], excluded: &[String], catalog: &Catalog) -> Self {
        let canonical =
            |list: &[String]| list.iter().map(|entry| canonical(entry, catalog)).collect::<Vec<_>>();
        let resources = Set::new(&canonical(included), &canonical(excluded));
        Self { pods: resources.matches(&GroupResource::new("", "pods").to_string()), ..self }
    }

    /// Whether it is for a pod.
    pub(super) fn matches(&self, namespace: &str, labels: &impl Labelled) -> bool {
        self.pods && self.namespaces.matches(namespace) && self.selector.matches(labels)
    }
}

/// What is wrong with the hooks of a Backup.
pub fn of_backup(hooks: &BackupHooks) -> Vec<String> {
    let mut errors = Vec::new();
    for entry in &hooks.resources {
        errors.extend(patterns(&entry.name, &entry.included_namespaces, &entry.excluded_namespaces));
        errors.extend(patterns(&entry.name, &entry.included_resources, &entry.excluded_resources));
        errors.extend(selector(&entry.name, entry.label_selector.as_ref()));
        let commands = entry.pre_hooks.iter().chain(&entry.post_hooks).map(|hook| &hook.exec);
        errors.extend(commands.filter_map(|exec| timeout(&entry.name, exec.timeout)));
    }
    errors
}

/// What is wrong with the hooks of a Restore, besides its init containers.
pub fn of_restore(hooks: &RestoreHooks) -> Vec<String> {
    let mut errors = Vec::new();
    for entry in &hooks.resources {
        errors.extend(patterns(&entry.name, &entry.included_namespaces, &entry.excluded_namespaces));
        errors.extend(patterns(&entry.name, &entry.included_resources, &entry.excluded_resources));
        errors.extend(selector(&entry.name, entry.label_selector.as_ref()));
        let commands = entry.post_hooks.iter().filter_map(|hook| hook.exec.as_ref());
        let times = commands.flat_map(|exec| [exec.exec_timeout, exec.wait_timeout]);
        errors.extend(times.filter_map(|time| timeout(&entry.name, time)));
    }
    errors
}

/// Entries that are no pattern: with one of them the hook would be for no pod, in silence.
fn patterns(name: &str, included: &[String], excluded: &[String]) -> impl Iterator<Item = String> {
    unreadable(included, excluded).into_iter().map(move |error| format!("hook {name:?}: {error}"))
}

fn selector(name: &str, selector: Option<&LabelSelector>) -> Option<String> {
    let error = Selector::of(selector?).err()?;
    Some(format!("hook {name:?}: {error}"))
}

fn timeout(name: &str, timeout: api::GoDuration) -> Option<String> {
    timeout
        .to_std()
        .is_none()
        .then(|| format!("hook {name:?} has the timeout {timeout}, which is less than none"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::backup::fixture::catalog;
    use serde_json::json;

    fn filter(entry: serde_json::Value) -> Filter {
        let entry: api::velero::v1::BackupResourceHookSpec = serde_json::from_value(entry).unwrap();
        let filter = Filter::new(
            &entry.included_namespaces,
            &entry.excluded_namespaces,
            entry.label_selector.as_ref(),
        );
        filter.unwrap().of_resources(&entry.included_resources, &entry.excluded_resources, &catalog())
    }

    #[test]
    fn every_filter_of_an_entry_must_select_the_pod() {
        let labels = BTreeMap::from([("app".to_owned(), "db".to_owned())]);
        for (entry, matches) in [
            (json!({}), true),
            (json!({"includedNamespaces": ["shop", "till"]}), true),
            (json!({"includedNamespaces": ["till"]}), false),
            (json!({"excludedNamespaces": ["sh*"]}), false),
            (json!({"includedResources": ["pods"]}), true),
            (json!({"includedResources": ["Pod"]}), true),
            (json!({"includedResources": ["*"]}), true),
            (json!({"includedResources": ["configmaps"]}), false),
            (json!({"excludedResources": ["pods"]}), false),
            (json!({"labelSelector": {"matchLabels": {"app": "db"}}}), true),
            (json!({"labelSelector": {"matchLabels": {"app": "web"}}}), false),
        ] {
            assert_eq!(filter(entry.clone()).matches("shop", &labels), matches, "{entry}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let hooks = json!({"resources": [{
            "name": "h", "includedNamespaces": ["team-[9-0]"], "excludedResources": ["{pods"], "labelSelector": {"matchExpressions": [{"key": "a", "operator": "Near"}]},
            "pre": [{"exec": {"command": ["a"], "timeout": "-1s"}}],
        }]});
        let errors = of_backup(&serde_json::from_value(hooks).unwrap());
        assert!(
            errors.len() == 4 && errors.iter().all(|error| error.starts_with("hook \"h\"")),
            "{errors:?}"
        );
    }
}
