//! In which API version objects are restored: the one that they have in the archive, unless the cluster does not serve it or
//! versions are chosen by [`Preferences`]. An archive may hold an object in several versions; and some versions of one type
//! say the same in the same words, so that an object stored in one can be created in another as it is. Versions that differ
//! in more than their name are left to those who convert.

mod preferences;

use std::collections::BTreeMap;

use api::meta::{GroupResource, ObjectKey};

use crate::catalog::Catalog;
use crate::facts::Facts;

pub use preferences::{CONFIG_MAP, Preferences};

/// The facts of each object in the version to restore it in. That is the one that `preferences` choose, where versions are
/// chosen at all, and else the one that the backed-up cluster preferred; an object that cannot be created in it is taken in
/// one that is served, if it is among the `others` that the archive holds.
pub fn pick(
    mut facts: Vec<Facts>,
    others: Vec<Facts>,
    catalog: &Catalog,
    preferences: Option<&Preferences>,
) -> Vec<Facts> {
    let chosen = preferences.map(|of| of.choose(&facts, &others, catalog)).unwrap_or_default();
    let mut instead: BTreeMap<ObjectKey, Vec<Facts>> = BTreeMap::new();
    for other in others {
        instead.entry(other.key.clone()).or_default().push(other);
    }
    for of in &mut facts {
        let Some(others) = instead.get_mut(&of.key) else { continue };
        let wanted = chosen.get(&of.key.resource).filter(|version| **version != of.version);
        let wanted = wanted.and_then(|version| others.iter().position(|other| other.version == *version));
        if let Some(best) = wanted.or_else(|| served(of, others, catalog)) {
            *of = others.swap_remove(best);
        }
    }
    facts
}

/// Where among `others` an object is in the first version that the cluster serves, if it does not serve its own.
fn served(of: &Facts, others: &[Facts], catalog: &Catalog) -> Option<usize> {
    let GroupResource { group, resource } = &of.key.resource;
    let of_type = catalog.all().iter().filter(|one| one.group == *group && one.plural == *resource);
    let versions: Vec<&str> = of_type.map(|one| one.version.as_str()).collect();
    if versions.contains(&of.version.as_str()) {
        return None;
    }
    versions.iter().find_map(|version| others.iter().position(|other| other.version == *version))
}

/// A group-resource, or `*.GROUP`; the versions that the objects may be stored in; the version that says the same.
const SAME: &[(&str, &[&str], &str)] = &[
    ("*.apps", &["v1beta1", "v1beta2"], "v1"),
    ("*.rbac.authorization.k8s.io", &["v1alpha1", "v1beta1"], "v1"),
    ("apiservices.apiregistration.k8s.io", &["v1beta1"], "v1"),
    ("cronjobs.batch", &["v1beta1"], "v1"),
    ("csidrivers.storage.k8s.io", &["v1beta1"], "v1"),
    ("flowschemas.flowcontrol.apiserver.k8s.io", &["v1beta3"], "v1"),
    ("gatewayclasses.gateway.networking.k8s.io", &["v1beta1"], "v1"),
    ("gateways.gateway.networking.k8s.io", &["v1beta1"], "v1"),
    ("horizontalpodautoscalers.autoscaling", &["v2beta2"], "v2"),
    ("httproutes.gateway.networking.k8s.io", &["v1beta1"], "v1"),
    ("ingressclasses.networking.k8s.io", &["v1beta1"], "v1"),
    ("priorityclasses.scheduling.k8s.io", &["v1alpha1", "v1beta1"], "v1"),
    ("prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", &["v1beta3"], "v1"),
    ("runtimeclasses.node.k8s.io", &["v1beta1"], "v1"),
    ("storageclasses.storage.k8s.io", &["v1beta1"], "v1"),
    ("validatingadmissionpolicies.admissionregistration.k8s.io", &["v1beta1"], "v1"),
    ("validatingadmissionpolicybindings.admissionregistration.k8s.io", &["v1beta1"], "v1"),
    ("volumesnapshotclasses.snapshot.storage.k8s.io", &["v1beta1"], "v1"),
];

/// The version to create an object in that is stored in `version`, where the cluster does not serve that.
pub fn same_as(resource: &GroupResource, version: &str) -> Option<&'static str> {
    let (name, group) = (resource.to_string(), format!("*.{}", resource.group));
    let row = SAME.iter().find(|(of, stored, _)| (*of == name || *of == group) && stored.contains(&version));
    row.map(|(_, _, same)| *same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Span;
    use api::meta::ResourceType;
    use serde_json::json;

    fn check(resource: &str, version: &str, expect: Option<&str>) {
        assert_eq!(same_as(&resource.parse().unwrap(), version), expect, "{resource} {version}");
    }

    fn gadget(version: &str) -> Facts {
        let key = ObjectKey::new("gadgets.example.com".parse().unwrap(), Some("shop"), "g");
        let document = json!({"apiVersion": format!("example.com/{version}"), "kind": "Gadget"});
        Facts { key, ..Facts::of(&document, &served_in(version), Span::default()) }
    }

    fn served_in(version: &str) -> ResourceType {
        ResourceType::addressed("example.com", version, "gadgets", "Gadget", true)
    }

    /// The version in which an object is restored that the archive has in `archived`, of which the first one was preferred,
    /// into a cluster that serves `served`, and prefers the first one.
    fn picked(archived: &[&str], served: &[&str], preferences: Option<&Preferences>) -> String {
        let types = served.iter().enumerate().map(|(place, version)| {
            let mut of = served_in(version);
            of.preferred = place == 0;
            of
        });
        let others = archived[1..].iter().map(|version| gadget(version)).collect();
        let catalog = Catalog::new(types.collect());
        pick(vec![gadget(archived[0])], others, &catalog, preferences)[0].version.clone()
    }

    #[test]
    fn an_object_is_taken_in_a_version_that_is_served() {
        let archived = ["v1", "v1alpha1", "v1beta1"];
        for (served, expected) in [
            (vec!["v1", "v1beta1"], "v1"),
            (vec!["v1beta1", "v1"], "v1"),
            (vec!["v1beta1", "v1alpha1"], "v1beta1"),
            (vec!["v2", "v1alpha1"], "v1alpha1"),
            (vec!["v2"], "v1"),
        ] {
            assert_eq!(picked(&archived, &served, None), expected, "{served:?}");
        }
    }

    #[test]
    fn versions_are_chosen_by_the_users_list_then_by_what_the_clusters_prefer() {
        let list = |lines: &str| {
            Preferences::read(Some(&json!({"data": {"restoreResourcesVersionPriority": lines}}))).0
        };
        let none = Preferences::default();
        let told = list("gadgets.example.com = v9, v2beta1 ,v2\nothers.example.com=v1\n");
        for (archived, served, preferences, expected) in [
            // the first of the list that both have
            (vec!["v1", "v2", "v2beta1"], vec!["v2", "v2beta1", "v1"], &told, "v2beta1"),
            (vec!["v1", "v2"], vec!["v1", "v2beta1", "v2"], &told, "v2"),
            // none of the list is in both
            (vec!["v1", "v2"], vec!["v3", "v1"], &told, "v1"),
            // what the cluster prefers
            (vec!["v1", "v2"], vec!["v2", "v1"], &none, "v2"),
            (vec!["v2beta1", "v1"], vec!["v1", "v2beta1"], &none, "v1"),
            // what the backed-up cluster preferred
            (vec!["v1", "v1beta1"], vec!["v2", "v1beta1", "v1"], &none, "v1"),
            // another one that both have, the best one first
            (
                vec!["v3", "v1alpha1", "v1beta2", "v1beta10"],
                vec!["v2", "v1beta2", "v1alpha1", "v1beta10"],
                &none,
                "v1beta10",
            ),
            // nothing in common, or no such type
            (vec!["v1", "v2"], vec!["v3"], &none, "v1"),
            (vec!["v1", "v2"], vec![], &told, "v1"),
        ] {
            let found = picked(&archived, &served, Some(preferences));
            assert_eq!(found, expected, "{archived:?} into {served:?}");
        }
    }

    #[test]
    fn an_object_that_lacks_the_chosen_version_is_restored_in_the_one_that_it_has() {
        let lacking = Facts { key: ObjectKey { name: "lacking".into(), ..gadget("v1").key }, ..gadget("v1") };
        let mut preferred = served_in("v2");
        preferred.preferred = true;
        let old = ResourceType { preferred: false, ..served_in("v1") };
        let catalog = Catalog::new(vec![preferred, old]);
        let preferences = Preferences::default();
        let found = pick(vec![gadget("v1"), lacking], vec![gadget("v2")], &catalog, Some(&preferences));
        let versions: Vec<&str> = found.iter().map(|of| of.version.as_str()).collect();
        assert_eq!(versions, ["v2", "v1"]);
    }

    #[test]
    fn versions_that_say_the_same_are_known_and_others_are_not() {
        check("cronjobs.batch", "v1beta1", Some("v1"));
        check("rolebindings.rbac.authorization.k8s.io", "v1beta1", Some("v1"));
        check("ingresses.networking.k8s.io", "v1beta1", None);
        check("cronjobs.batch", "v1", None);
        check("widgets.example.com", "v1beta1", None);
    }
}
