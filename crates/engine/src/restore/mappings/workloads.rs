//! Where the pods of a workload are described.

use api::meta::GroupResource;
use serde_json::Value;

use crate::document::list_mut;

/// The path to the spec of pods, by type.
const POD_SPECS: &[(&str, &[&str])] = &[
    ("pods", &["spec"]),
    ("podtemplates", &["template", "spec"]),
    ("replicationcontrollers", &["spec", "template", "spec"]),
    ("daemonsets.apps", &["spec", "template", "spec"]),
    ("deployments.apps", &["spec", "template", "spec"]),
    ("replicasets.apps", &["spec", "template", "spec"]),
    ("statefulsets.apps", &["spec", "template", "spec"]),
    ("jobs.batch", &["spec", "template", "spec"]),
    ("cronjobs.batch", &["spec", "jobTemplate", "spec", "template", "spec"]),
    ("deploymentconfigs.apps.openshift.io", &["spec", "template", "spec"]),
];

/// The spec of a pod, or of the pods that a workload makes.
pub(super) fn pod_spec<'a>(document: &'a mut Value, resource: &GroupResource) -> Option<&'a mut Value> {
    let resource = resource.to_string();
    let (_, path) = POD_SPECS.iter().find(|(of, _)| *of == resource)?;
    path.iter().try_fold(document, |value, step| value.get_mut(step)).filter(|spec| spec.is_object())
}

/// The containers of a spec, of every sort.
pub(super) fn containers(spec: &mut Value) -> Vec<&mut Value> {
    let mut containers = Vec::new();
    for (field, list) in spec.as_object_mut().into_iter().flatten() {
        if matches!(field.as_str(), "containers" | "initContainers" | "ephemeralContainers") {
            containers.extend(list_mut(list, &[]).into_iter().flatten());
        }
    }
    containers
}
