//! The rules of writing to the fake cluster: create, patch, replace, delete.

use api::labels::FIELD_MANAGER;
use api::meta::GroupResource;
use serde_json::{Value, json};

use super::answers::Refusal;
use super::state::{Key, State, key, viewed};
use crate::port::{ObjectRef, Patch, Result, WriteOptions};

/// What the server keeps of `metadata` whatever a writer says.
const KEPT: &[&str] = &["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "generation"];

impl State {
    pub(super) fn create(
        &mut self,
        at: &ObjectRef,
        document: &Value,
        options: WriteOptions,
    ) -> Result<Value> {
        let served = self.must_serve("create", at)?.clone();
        let mut object = document.clone();
        self.admit(at, &mut object)?;
        let named = ObjectRef { name: self.name_of(&object), ..at.clone() };
        let refusal = Refusal { verb: "create", at: &named };
        check_name(&refusal)?;
        if self.objects.contains_key(&key(&named)) {
            return Err(refusal.already_exists());
        }
        self.complete(&named, &mut object, served.status);
        if options.dry_run {
            return Ok(object);
        }
        let stored = self.store(&key(&named), object);
        if served.of.kind == "CustomResourceDefinition" && !self.hold_definitions {
            self.establish(&stored);
        }
        Ok(stored)
    }

    /// What the server checks before it looks for the name.
    fn admit(&self, at: &ObjectRef, object: &mut Value) -> Result<()> {
        let refusal = Refusal { verb: "create", at };
        if object["kind"] != *at.resource.kind || object["apiVersion"] != *at.resource.api_version() {
            return Err(refusal.bad_request("the object provided is unrecognized or of another type"));
        }
        if !object["metadata"]["resourceVersion"].as_str().unwrap_or_default().is_empty() {
            return Err(refusal.internal("resourceVersion should not be set on objects to be created"));
        }
        if !at.resource.namespaced {
            return Ok(());
        }
        let namespace = at.namespace.as_deref().unwrap_or_default();
        let said = object["metadata"]["namespace"].as_str().unwrap_or_default();
        if !said.is_empty() && said != namespace {
            return Err(refusal.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        object["metadata"]["namespace"] = namespace.into();
        match self.objects.get(&namespace_key(namespace)) {
            None => Err(refusal.no_namespace(namespace)),
            Some(found) if is_terminating(found) => Err(refusal.terminating(namespace)),
            Some(_) => self.guarded(&refusal, object),
        }
    }

    /// What those say who may refuse creates.
    fn guarded(&self, refusal: &Refusal<'_>, object: &Value) -> Result<()> {
        let there = |kind: &str, name: &str| {
            self.objects.values().any(|one| one["kind"] == kind && one["metadata"]["name"] == name)
        };
        match self.guards.iter().find_map(|judge| judge(object, &there)) {
            Some((code, words)) => Err(refusal.denied(code, &words)),
            None => Ok(()),
        }
    }

    fn name_of(&mut self, object: &Value) -> String {
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
        match (text("name"), text("generateName")) {
            ("", "") => String::new(),
            ("", prefix) => format!("{prefix}{}", self.next_suffix()),
            (name, _) => name.to_owned(),
        }
    }

    /// What the server fills in.
    fn complete(&mut self, at: &ObjectRef, object: &mut Value, has_status: bool) {
        let uid = self.next_uid();
        if has_status && let Some(members) = object.as_object_mut() {
            members.remove("status");
        }
        let (now, has_spec) = (self.now(), object["spec"].is_object());
        if let Some(metadata) = object["metadata"].as_object_mut() {
            for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"] {
                metadata.remove(field);
            }
            metadata.insert("name".into(), at.name.as_str().into());
            metadata.insert("uid".into(), uid);
            metadata.insert("creationTimestamp".into(), now.clone());
            metadata.insert("managedFields".into(), json!([managed(at, "Update", &now)]));
            if has_spec {
                metadata.insert("generation".into(), 1.into());
            }
        }
        match at.resource.kind.as_str() {
            "Namespace" => {
                object["metadata"]["labels"]["kubernetes.io/metadata.name"] = at.name.as_str().into();
                object["spec"]["finalizers"] = json!(["kubernetes"]);
                object["status"] = json!({"phase": "Active"});
            }
            "Pod" if self.runs_pods && super::exec::finds_a_node(object) => super::exec::start(object),
            "Pod" | "PersistentVolumeClaim" | "PersistentVolume" => {
                object["status"] = json!({"phase": "Pending"});
            }
            _ => {}
        }
    }

    pub(super) fn patch(
        &mut self,
        at: &ObjectRef,
        subresource: Option<&str>,
        patch: &Patch,
        options: WriteOptions,
    ) -> Result<Value> {
        let served = self.must_serve("patch", at)?.clone();
        let refusal = Refusal { verb: "patch", at };
        let Some(before) = self.objects.get(&key(at)).cloned() else {
            return match patch {
                Patch::Apply(document) => self.create(at, document, options),
                Patch::Merge(_) | Patch::Json(_) => Err(refusal.not_found()),
            };
        };
        let mut after = viewed(&before, &served.of);
        match patch {
            Patch::Merge(change) => json_patch::merge(&mut after, change),
            Patch::Json(change) => apply_json(&refusal, &mut after, change)?,
            Patch::Apply(document) => {
                if document["kind"] != *served.of.kind || document["apiVersion"] != *served.of.api_version() {
                    return Err(refusal.bad_request("apiVersion and kind must be those of the patched type"));
                }
                json_patch::merge(&mut after, document);
            }
        }
        let operation = if matches!(patch, Patch::Apply(_)) { "Apply" } else { "Update" };
        self.update(&refusal, &before, after, &Change { subresource, operation, options })
    }

    pub(super) fn replace(
        &mut self,
        at: &ObjectRef,
        subresource: Option<&str>,
        document: &Value,
    ) -> Result<Value> {
        let served = self.must_serve("replace", at)?;
        let refusal = Refusal { verb: "replace", at };
        let view = viewed(document, &served.of);
        let before = self.objects.get(&key(at)).cloned().ok_or_else(|| refusal.not_found())?;
        if document["kind"] != *at.resource.kind || document["metadata"]["name"] != *at.name {
            return Err(refusal.bad_request("the name or kind of the object does not match the URL"));
        }
        self.update(
            &refusal,
            &before,
            view,
            &Change { subresource, operation: "Update", options: WriteOptions::default() },
        )
    }

    /// Puts `after` in the place of `before`, as far as the server lets a writer.
    fn update(
        &mut self,
        refusal: &Refusal<'_>,
        before: &Value,
        mut after: Value,
        change: &Change<'_>,
    ) -> Result<Value> {
        let at = refusal.at;
        let has_status = self.must_serve(refusal.verb, at)?.status;
        if !matches!((change.subresource, has_status), (None, _) | (Some("status"), true)) {
            return Err(refusal.no_such_type());
        }
        for field in ["resourceVersion", "uid"] {
            let said = &after["metadata"][field];
            if said.as_str().is_some_and(|said| !said.is_empty() && before["metadata"][field] != *said) {
                return Err(refusal.conflict("the object has been modified; please apply your changes to the latest version and try again"));
            }
        }
        if after["metadata"]["name"].as_str().is_some_and(|name| name != at.name) {
            return Err(refusal.invalid("metadata.name", "field is immutable"));
        }
        let mut object = divided(before, &mut after, change.subresource.is_some(), has_status);
        keep_metadata(before, &mut object);
        if comparable(&object) == comparable(before) || change.options.dry_run {
            return Ok(object);
        }
        if object["spec"] != before["spec"] && before["metadata"]["generation"].is_u64() {
            object["metadata"]["generation"] =
                (before["metadata"]["generation"].as_u64().unwrap_or(0) + 1).into();
        }
        object["metadata"]["managedFields"] = json!([managed(at, change.operation, &self.now())]);
        let stored = self.store(&key(at), object);
        if is_terminating(&stored) && !has_finalizers(&stored) {
            self.take(&key(at));
            self.finish_namespaces();
        }
        Ok(viewed(&stored, &at.resource))
    }

    pub(super) fn delete(&mut self, at: &ObjectRef, uid: Option<&str>) -> Result<()> {
        self.must_serve("delete", at)?;
        let refusal = Refusal { verb: "delete", at };
        let object = self.objects.get(&key(at)).ok_or_else(|| refusal.not_found())?;
        if uid.is_some_and(|uid| object["metadata"]["uid"] != *uid) {
            return Err(refusal
                .conflict("Precondition failed: the UID in the precondition is not that of the object"));
        }
        match at.resource.kind.as_str() {
            "Namespace" => self.delete_namespace(&key(at)),
            "CustomResourceDefinition" => self.delete_definition(&key(at)),
            _ => self.remove(&key(at)),
        }
        self.finish_namespaces();
        Ok(())
    }

    pub(super) fn delete_seen(&mut self, at: &ObjectRef, seen: &Value) -> Result<()> {
        let refusal = Refusal { verb: "delete", at };
        let object = self.objects.get(&key(at)).ok_or_else(|| refusal.not_found())?;
        if object["metadata"]["resourceVersion"] != seen["metadata"]["resourceVersion"] {
            return Err(refusal.conflict(
                "Precondition failed: the ResourceVersion in the precondition is not that of the object",
            ));
        }
        self.delete(at, seen["metadata"]["uid"].as_str())
    }

    /// Removes an object, or marks it for its finalizers.
    fn remove(&mut self, key: &Key) {
        let Some(mut object) = self.objects.get(key).cloned() else { return };
        if !has_finalizers(&object) {
            self.take(key);
        } else if !is_terminating(&object) {
            object["metadata"]["deletionTimestamp"] = self.now();
            object["metadata"]["deletionGracePeriodSeconds"] = 0.into();
            self.store(key, object);
        }
    }

    fn delete_namespace(&mut self, at: &Key) {
        let Some(mut namespace) = self.objects.get(at).cloned() else { return };
        if !is_terminating(&namespace) {
            namespace["metadata"]["deletionTimestamp"] = self.now();
            namespace["status"]["phase"] = "Terminating".into();
            self.store(at, namespace);
        }
        let inside: Vec<Key> = self.objects.keys().filter(|key| key.1 == at.2).cloned().collect();
        for key in inside {
            self.remove(&key);
        }
    }

    fn delete_definition(&mut self, at: &Key) {
        let spec = self.objects.get(at).map(|definition| definition["spec"].clone()).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let of = GroupResource::new(text(&spec["group"]), text(&spec["names"]["plural"]));
        let all: Vec<Key> = self.objects.keys().filter(|key| key.0 == of).cloned().collect();
        for key in all {
            self.take(&key);
        }
        self.types.retain(|served| served.of.group_resource() != of);
        self.take(at);
    }

    /// Removes the namespaces that are being deleted and have become empty.
    fn finish_namespaces(&mut self) {
        let namespaces = GroupResource::new("", "namespaces");
        let of = |(key, object): (&Key, &Value)| {
            (key.0 == namespaces && is_terminating(object)).then(|| key.clone())
        };
        let leaving: Vec<Key> = self.objects.iter().filter_map(of).collect();
        for namespace in leaving {
            let empty = !self.objects.keys().any(|key| key.1 == namespace.2);
            let object = &self.objects[&namespace];
            if empty && !has_finalizers(object) {
                self.take(&namespace);
            }
        }
    }
}

/// How an object is updated.
struct Change<'a> {
    subresource: Option<&'a str>,
    operation: &'static str,
    options: WriteOptions,
}

/// The status is written through its sub-resource and everything else beside it, where there is one.
fn divided(before: &Value, after: &mut Value, to_status: bool, has_status: bool) -> Value {
    let (mut object, status) = match (to_status, has_status) {
        (true, _) => (before.clone(), after["status"].take()),
        (false, true) => (after.take(), before["status"].clone()),
        (false, false) => return after.take(),
    };
    if let Some(members) = object.as_object_mut() {
        members.remove("status");
        if !status.is_null() {
            members.insert("status".into(), status);
        }
    }
    object
}

fn keep_metadata(before: &Value, object: &mut Value) {
    let Some(metadata) = object["metadata"].as_object_mut() else { return };
    for field in KEPT {
        match &before["metadata"][*field] {
            Value::Null => metadata.remove(*field),
            kept => metadata.insert((*field).into(), kept.clone()),
        };
    }
}

/// An object without what changes by itself.
fn comparable(object: &Value) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = Value::Null;
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
        metadata.remove("resourceVersion");
    }
    object
}

fn apply_json(refusal: &Refusal<'_>, object: &mut Value, change: &Value) -> Result<()> {
    let patch: json_patch::Patch =
        serde_json::from_value(change.clone()).map_err(|error| refusal.bad_request(&error.to_string()))?;
    json_patch::patch(object, &patch).map_err(|error| refusal.invalid("patch", &error.to_string()))
}

fn managed(at: &ObjectRef, operation: &str, now: &Value) -> Value {
    json!({"manager": FIELD_MANAGER, "operation": operation, "apiVersion": at.resource.api_version(),
        "time": now, "fieldsType": "FieldsV1", "fieldsV1": {}})
}

fn check_name(refusal: &Refusal<'_>) -> Result<()> {
    let name = refusal.at.name.as_str();
    if name.is_empty() {
        return Err(refusal.invalid("metadata.name", "Required value: name or generateName is required"));
    }
    let lenient = refusal.at.resource.group == "rbac.authorization.k8s.io";
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let strict = name.len() <= 253
        && name.bytes().all(letter)
        && edge(name.bytes().next())
        && edge(name.bytes().last());
    if lenient || strict { Ok(()) } else { Err(refusal.invalid("metadata.name", "Invalid value")) }
}

fn namespace_key(name: &str) -> Key {
    (GroupResource::new("", "namespaces"), String::new(), name.to_owned())
}

fn is_terminating(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

fn has_finalizers(object: &Value) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty())
}
