//! Owner references of restored objects: the owners get new UIDs, and a reference to a UID that is nobody's makes the
//! garbage collector delete the object. So a reference comes back with the UID that its owner has now, or not at all.

use std::collections::BTreeMap;

use api::meta::GroupResource;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::document::{at, list, text};
use crate::facts::Owner;

/// An owner that an object had in the backup, and where it may be now: in the same namespace, or in none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The owner's UID in the backup.
    pub uid: String,
    /// The position of its type in the plan's kinds.
    pub kind: usize,
    /// Its name.
    pub name: String,
    /// The number of the item that restores it; absent where none does, and it may be in the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
}

/// Who owns what by finding it: these controllers adopt what their selectors match, and would fight over anything else.
const ADOPTED: &[(&str, &str, &[&str])] = &[
    ("", "ReplicationController", &["pods"]),
    ("apps", "DaemonSet", &["controllerrevisions.apps", "pods"]),
    ("apps", "Deployment", &["replicasets.apps"]),
    ("apps", "ReplicaSet", &["pods"]),
    ("apps", "StatefulSet", &["controllerrevisions.apps", "pods"]),
];

/// Whether the controller of an owner adopts objects of a type by itself.
pub fn is_adopted(owner: &Owner, resource: &GroupResource) -> bool {
    let group = owner.api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let resource = resource.to_string();
    ADOPTED
        .iter()
        .any(|(of, kind, types)| *of == group && *kind == owner.kind && types.contains(&resource.as_str()))
}

/// The owner references of an archived document whose owners are there: `uids` has their UIDs now, by those that they
/// had. All else that a reference says stays.
pub fn references(archived: &Value, uids: &BTreeMap<String, String>) -> Vec<Value> {
    let now = |reference: &Value| {
        let uid = uids.get(text(reference, &["uid"]))?;
        let mut reference = reference.clone();
        reference["uid"] = json!(uid);
        Some(reference)
    };
    list(archived, &["metadata", "ownerReferences"]).iter().filter_map(now).collect()
}

/// The merge patch that adds owner references to an object, if it lacks some. It is for the object as it was seen only;
/// one that has a controller already gets no second one.
pub fn addition(live: &Value, wanted: &[Value]) -> Option<Value> {
    let has = list(live, &["metadata", "ownerReferences"]);
    let controlled = has.iter().any(|reference| reference["controller"] == true);
    let lacks = |reference: &&Value| {
        let is_there = has.iter().any(|other| other["uid"] == reference["uid"]);
        let second = controlled && reference["controller"] == true;
        !is_there && !second
    };
    let added: Vec<&Value> = wanted.iter().filter(lacks).collect();
    if added.is_empty() {
        return None;
    }
    let all: Vec<&Value> = has.iter().chain(added).collect();
    let metadata = at(live, &["metadata"]);
    Some(json!({"metadata": {
        "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"], "ownerReferences": all,
    }}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(uid: &str, controller: bool) -> Value {
        json!({"apiVersion": "example.com/v1", "kind": "Shop", "name": "s", "uid": uid, "controller": controller,
            "blockOwnerDeletion": true, "novel": 1})
    }

    #[test]
    fn references_come_back_with_the_uid_of_now_or_not_at_all() {
        let archived =
            json!({"metadata": {"ownerReferences": [reference("old", true), reference("lost", false)]}});
        let uids = [("old".to_owned(), "new".to_owned())].into();
        assert_eq!(references(&archived, &uids), [reference("new", true)]);
        assert!(references(&json!({}), &uids).is_empty());
    }

    #[test]
    fn what_was_adopted_meanwhile_stays_adopted() {
        let live =
            |has: Value| json!({"metadata": {"uid": "u", "resourceVersion": "7", "ownerReferences": has}});
        let wanted = [reference("new", true), reference("other", false)];
        let patch = addition(&live(json!([])), &wanted).unwrap();
        assert_eq!(
            patch,
            json!({"metadata": {"uid": "u", "resourceVersion": "7", "ownerReferences": wanted}})
        );
        let patch = addition(&live(json!([reference("adopter", true)])), &wanted).unwrap();
        assert_eq!(patch["metadata"]["ownerReferences"], json!([reference("adopter", true), wanted[1]]));
        assert_eq!(addition(&live(json!(wanted)), &wanted), None);
    }

    #[test]
    fn controllers_that_adopt_are_known() {
        let owner = |api_version: &str, kind: &str| Owner {
            api_version: api_version.into(),
            kind: kind.into(),
            name: "x".into(),
            uid: "u".into(),
        };
        let pods = GroupResource::new("", "pods");
        assert!(is_adopted(&owner("apps/v1", "ReplicaSet"), &pods));
        assert!(is_adopted(&owner("v1", "ReplicationController"), &pods));
        assert!(!is_adopted(&owner("example.com/v1", "ReplicaSet"), &pods));
        assert!(!is_adopted(
            &owner("apps/v1", "StatefulSet"),
            &GroupResource::new("", "persistentvolumeclaims")
        ));
    }
}
