//! API versions of one type that say the same in the same words, so that an object stored in one can be created in another
//! as it is. Versions that differ in more than their name are left to those who convert.

use api::meta::GroupResource;

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

    fn check(resource: &str, version: &str, expect: Option<&str>) {
        assert_eq!(same_as(&resource.parse().unwrap(), version), expect, "{resource} {version}");
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
