//! The fake server's refusals, in the real one's words.

use serde_json::{Value, json};

use crate::errors::from_status;
use crate::port::{Error, ObjectRef};
use crate::request::described;

/// A refusal of a call on an object.
pub(super) struct Refusal<'a> {
    pub(super) verb: &'static str,
    pub(super) at: &'a ObjectRef,
}

impl Refusal<'_> {
    fn error(&self, code: u16, reason: &str, message: &str, causes: &Value) -> Error {
        let of = &self.at.resource;
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": {},
            "code": code, "reason": reason, "message": message,
            "details": {"name": self.at.name, "group": of.group, "kind": of.plural, "causes": causes}});
        from_status(&described(self.verb, self.at), status)
    }

    fn quoted(&self) -> String {
        format!("{} {:?}", self.at.resource.group_resource(), self.at.name)
    }

    pub(super) fn no_such_type(&self) -> Error {
        self.error(404, "NotFound", "the server could not find the requested resource", &Value::Null)
    }

    pub(super) fn not_found(&self) -> Error {
        self.error(404, "NotFound", &format!("{} not found", self.quoted()), &Value::Null)
    }

    pub(super) fn already_exists(&self) -> Error {
        self.error(409, "AlreadyExists", &format!("{} already exists", self.quoted()), &Value::Null)
    }

    pub(super) fn conflict(&self, why: &str) -> Error {
        let message = format!("Operation cannot be fulfilled on {}: {why}", self.quoted());
        self.error(409, "Conflict", &message, &Value::Null)
    }

    pub(super) fn invalid(&self, field: &str, why: &str) -> Error {
        let message = format!("{} {:?} is invalid: {field}: {why}", self.at.resource.kind, self.at.name);
        self.error(
            422,
            "Invalid",
            &message,
            &json!([{"reason": "FieldValueInvalid", "field": field, "message": why}]),
        )
    }

    pub(super) fn bad_request(&self, why: &str) -> Error {
        self.error(400, "BadRequest", why, &Value::Null)
    }

    pub(super) fn internal(&self, why: &str) -> Error {
        self.error(500, "", why, &Value::Null)
    }

    pub(super) fn no_namespace(&self, namespace: &str) -> Error {
        self.error(404, "NotFound", &format!("namespaces {namespace:?} not found"), &Value::Null)
    }

    pub(super) fn terminating(&self, namespace: &str) -> Error {
        let why = "because it is being terminated";
        let message = format!(
            "{} is forbidden: unable to create new content in namespace {namespace} {why}",
            self.quoted()
        );
        let cause = json!([{"reason": "NamespaceTerminating", "field": "metadata.namespace",
            "message": format!("namespace {namespace} is being terminated")}]);
        self.error(403, "Forbidden", &message, &cause)
    }

    /// What an admission plugin or webhook says.
    pub(super) fn denied(&self, code: u16, words: &str) -> Error {
        let reason = if code == 403 { "Forbidden" } else { "InternalError" };
        self.error(code, reason, words, &Value::Null)
    }

    pub(super) fn expired(&self) -> Error {
        self.error(410, "Expired", "The provided continue parameter is too old", &Value::Null)
    }
}
