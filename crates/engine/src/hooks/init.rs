//! Init containers that restored pods get, by their annotations or by the spec of the restore.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::annotations::command;
use crate::document::{annotation, list_mut, name, object_mut};

/// Annotations of init containers.
const PREFIX: &str = "init.hook.restore.velero.io/";
/// How the names of containers begin that nobody named.
const NAMELESS: &str = "velero-restore-init-";
/// Digits that end those.
const DIGITS: usize = 8;

/// Init containers that the spec of a restore adds to pods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InitHooks {
    /// The containers, as pods have them.
    pub containers: Vec<Value>,
    /// The pods that get them: namespace and name in the cluster.
    pub pods: BTreeSet<(String, String)>,
}

/// Adds `containers` for a pod to those that are planned; equal ones are kept once.
pub(crate) fn add(hooks: &mut Vec<InitHooks>, containers: Vec<Value>, pod: (&str, &str)) {
    if containers.is_empty() {
        return;
    }
    let pod = (pod.0.to_owned(), pod.1.to_owned());
    match hooks.iter_mut().find(|of| of.containers == containers) {
        Some(of) => drop(of.pods.insert(pod)),
        None => hooks.push(InitHooks { containers, pods: BTreeSet::from([pod]) }),
    }
}

/// What is planned for a pod at this place.
pub(crate) fn planned<'a>(hooks: &'a [InitHooks], pod: (&str, &str)) -> &'a [Value] {
    let pod = (pod.0.to_owned(), pod.1.to_owned());
    hooks.iter().find(|of| of.pods.contains(&pod)).map_or(&[], |of| &of.containers)
}

/// Puts the init containers of its annotations, or else those of the spec, before those that the pod has. One of the
/// same name is replaced: an earlier restore may have left it. `restore` tells restores apart, for names.
pub(crate) fn insert(pod: &mut Value, by_spec: &[Value], restore: &str) {
    let by_annotation: Vec<Value> = by_annotations(pod, restore).into_iter().collect();
    let added = if by_annotation.is_empty() { by_spec } else { &by_annotation };
    if added.is_empty() {
        return;
    }
    let Some(spec) = object_mut(pod, &["spec"]) else { return };
    let has = spec.entry("initContainers").or_insert_with(|| Value::Array(Vec::new()));
    if !has.is_array() {
        *has = Value::Array(Vec::new());
    }
    let Some(has) = list_mut(pod, &["spec", "initContainers"]) else { return };
    has.retain(|container| !added.iter().any(|new| new["name"] == container["name"]));
    has.splice(0..0, added.iter().cloned());
}

/// The init container of the pod's annotations. Without a command it does what its image does.
fn by_annotations(pod: &Value, restore: &str) -> Option<Value> {
    let of = |key: &str| annotation(pod, &format!("{PREFIX}{key}")).filter(|text| !text.is_empty());
    let image = of("container-image")?;
    let container_name = of("container-name").map_or_else(|| nameless(pod, restore), str::to_owned);
    let mut container = Map::new();
    container.insert("name".to_owned(), json!(container_name));
    container.insert("image".to_owned(), json!(image));
    if let Some(text) = of("command") {
        container.insert("command".to_owned(), json!(command(text)));
    }
    Some(Value::Object(container))
}

/// The same name whenever it is asked for: a restore that is cut off makes the same pod again.
fn nameless(pod: &Value, restore: &str) -> String {
    let digest = hex::encode(Sha256::digest(format!("{restore}/{}", name(pod))));
    format!("{NAMELESS}{}", &digest[..DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{list, text};

    fn names(pod: &Value) -> Vec<&str> {
        list(pod, &["spec", "initContainers"]).iter().map(|of| text(of, &["name"])).collect()
    }

    fn pod(annotations: Value, init: Value) -> Value {
        json!({"metadata": {"name": "db-0", "annotations": annotations}, "spec": {"containers": [{"name": "db"}], "initContainers": init}})
    }

    #[test]
    fn what_is_added_comes_first_and_annotations_win() {
        let annotations = json!({"init.hook.restore.velero.io/container-image": "busybox",
            "init.hook.restore.velero.io/container-name": "mine", "init.hook.restore.velero.io/command": "[\"ls\", \"/\"]"});
        let by_spec = [json!({"name": "theirs", "image": "i", "command": ["c"], "extra": {"kept": true}})];
        for (annotations, expected) in [(annotations, ["mine", "own"]), (json!({}), ["theirs", "own"])] {
            let mut pod = pod(annotations, json!([{"name": "own"}]));
            insert(&mut pod, &by_spec, "uid-r");
            assert_eq!(names(&pod), expected);
            let once = pod.clone();
            insert(&mut pod, &by_spec, "uid-r");
            assert_eq!(pod, once, "what an earlier restore left is replaced");
        }
    }

    #[test]
    fn without_a_command_the_image_does_what_it_does() {
        let mut pod = pod(json!({"init.hook.restore.velero.io/container-image": "busybox"}), Value::Null);
        insert(&mut pod, &[], "uid-r");
        let container = &pod["spec"]["initContainers"][0];
        assert_eq!((&container["image"], &container["command"]), (&json!("busybox"), &Value::Null));
        let name = container["name"].as_str().unwrap();
        assert!(name.starts_with(NAMELESS) && name.len() == NAMELESS.len() + DIGITS, "{name}");
    }

    #[test]
    fn a_pod_that_asks_for_nothing_stays_as_it_is() {
        let before = json!({"metadata": {"name": "db-0"}, "spec": {"containers": []}});
        let mut pod = before.clone();
        insert(&mut pod, &[], "uid-r");
        assert_eq!(pod, before);
    }
}
