//! API versions that the cluster does not serve: an archive may hold the object in another version, too; and some versions
//! of one type say the same in the same words, so that an object stored in one can be created in another as it is. Versions
//! that differ in more than their name are left to those who convert.

use std::collections::BTreeMap;

use api::meta::{GroupResource, ObjectKey, ResourceType};

use crate::catalog::Catalog;
use crate::facts::Facts;

/// The facts of each object in the version to restore it in: the one that the backed-up cluster preferred, unless only one
/// of the `others` that the archive holds is served.
pub fn pick(mut facts: Vec<Facts>, others: Vec<Facts>, catalog: &Catalog) -> Vec<Facts> {
    let place = |of: &Facts| {
        let GroupResource { group, resource } = &of.key.resource;
        let is = |one: &ResourceType| one.group == *group && one.plural == *resource;
        catalog.all().iter().position(|one| is(one) && one.version == of.version)
    };
    let mut instead: BTreeMap<ObjectKey, (usize, Facts)> = BTreeMap::new();
    for other in others {
        let Some(place) = place(&other) else { continue };
        if instead.get(&other.key).is_none_or(|(best, _)| place < *best) {
            instead.insert(other.key.clone(), (place, other));
        }
    }
    for of in facts.iter_mut().filter(|of| place(of).is_none()) {
        if let Some((_, other)) = instead.remove(&of.key) {
            *of = other;
        }
    }
    facts
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
    use serde_json::json;

    fn check(resource: &str, version: &str, expect: Option<&str>) {
        assert_eq!(same_as(&resource.parse().unwrap(), version), expect, "{resource} {version}");
    }

    #[test]
    fn an_object_is_taken_in_a_version_that_is_served() {
        let of = |version: &str| {
            let key = ObjectKey::new("gadgets.example.com".parse().unwrap(), Some("shop"), "g");
            let document = json!({"apiVersion": format!("example.com/{version}"), "kind": "Gadget"});
            let of = ResourceType::addressed("example.com", version, "gadgets", "Gadget", true);
            Facts { key, ..Facts::of(&document, &of, Span::default()) }
        };
        let serving = |versions: &[&str]| {
            let of =
                |version: &&str| ResourceType::addressed("example.com", version, "gadgets", "Gadget", true);
            Catalog::new(versions.iter().map(of).collect())
        };
        let picked = |versions: &[&str]| {
            let others = vec![of("v1alpha1"), of("v1beta1")];
            pick(vec![of("v1")], others, &serving(versions))[0].version.clone()
        };
        assert_eq!(picked(&["v1", "v1beta1"]), "v1");
        assert_eq!(picked(&["v1beta1", "v1alpha1"]), "v1beta1");
        assert_eq!(picked(&["v2", "v1alpha1"]), "v1alpha1");
        assert_eq!(picked(&["v2"]), "v1");
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
