//! One call to the API server as a value: method, path, query, body.

use std::fmt::Display;

use api::meta::ResourceType;
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use http::{Method, Request};
use kube::client::Body;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use crate::json;
use crate::port::{Error, ErrorKind, ObjectRef, Result};

/// One call to the API server.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// What it does, for errors: completes "failed to ...".
    pub(crate) action: String,
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    accept: &'static str,
    /// Its media type and bytes.
    body: Option<(&'static str, Bytes)>,
}

impl Call {
    pub(crate) fn new(method: Method, action: impl Into<String>, path: impl Into<String>) -> Self {
        let (action, path) = (action.into(), path.into());
        Self { action, method, path, query: Vec::new(), accept: "application/json", body: None }
    }

    pub(crate) fn get(action: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(Method::GET, action, path)
    }

    pub(crate) fn query(mut self, key: &'static str, value: &dyn Display) -> Self {
        self.query.push((key, value.to_string()));
        self
    }

    pub(crate) fn query_if(self, present: bool, key: &'static str, value: &dyn Display) -> Self {
        if present { self.query(key, value) } else { self }
    }

    pub(crate) fn accept(mut self, media_type: &'static str) -> Self {
        self.accept = media_type;
        self
    }

    pub(crate) fn json(self, document: &Value) -> Self {
        self.body("application/json", document)
    }

    pub(crate) fn body(mut self, media_type: &'static str, document: &Value) -> Self {
        self.body = Some((media_type, json::bytes(document).into()));
        self
    }

    /// The request; a stream is not to be compressed, since it is to arrive piece by piece.
    pub(crate) fn request(&self, stream: bool) -> Result<Request<Body>> {
        let mut request =
            Request::builder().method(self.method.clone()).uri(self.uri()).header(ACCEPT, self.accept);
        if stream {
            request = request.header(ACCEPT_ENCODING, "identity");
        }
        let body = match &self.body {
            Some((media_type, bytes)) => {
                request = request.header(CONTENT_TYPE, *media_type);
                bytes.to_vec()
            }
            None => Vec::new(),
        };
        request.body(Body::from(body)).map_err(|error| {
            Error::new(ErrorKind::Invalid, &self.action, format!("no such request: {error}"))
        })
    }

    fn uri(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        let query = Serializer::new(String::new()).extend_pairs(&self.query).finish();
        let mark = if self.path.contains('?') { '&' } else { '?' };
        format!("{}{mark}{query}", self.path)
    }
}

/// The path of a collection.
pub(crate) fn collection(action: &str, of: &ResourceType, namespace: Option<&str>) -> Result<String> {
    for segment in [
        Some(of.group.as_str()).filter(|group| !group.is_empty()),
        Some(&of.version),
        Some(&of.plural),
        namespace,
    ] {
        check_segment(action, segment.unwrap_or("-"))?;
    }
    Ok(of.path(namespace))
}

/// The path of an object.
pub(crate) fn object(action: &str, at: &ObjectRef) -> Result<String> {
    check_segment(action, &at.name)?;
    let collection = collection(action, &at.resource, at.namespace.as_deref())?;
    Ok(format!("{collection}/{}", escape(&at.name)))
}

/// Names come from users and buckets: what would lead to another path is refused.
pub(crate) fn check_segment(action: &str, segment: &str) -> Result<()> {
    let refused =
        segment.is_empty() || segment == "." || segment == ".." || segment.contains(['/', '%', '?', '#']);
    if refused {
        return Err(Error::new(ErrorKind::Invalid, action, format!("{segment:?} is not a name")));
    }
    Ok(())
}

/// A name as a segment of a path.
pub(crate) fn escape(segment: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@!$&'()*+,;=".contains(&byte);
    let mut escaped = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if keep(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// `shop/web-0`, or `web-0`, or what stands for a name that the server will make.
pub(crate) fn described(verb: &str, at: &ObjectRef) -> String {
    let name = if at.name.is_empty() { "(generated)" } else { &at.name };
    match &at.namespace {
        Some(namespace) => format!("{verb} {} {namespace}/{name}", at.resource.group_resource()),
        None => format!("{verb} {} {name}", at.resource.group_resource()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str) -> ObjectRef {
        let group = "rbac.authorization.k8s.io";
        let resource = ResourceType::addressed(group, "v1", "clusterroles", "ClusterRole", false);
        ObjectRef { resource, namespace: None, name: name.into() }
    }

    #[test]
    fn names_stay_inside_their_segment() {
        let path = object("get", &role("system:node pool")).unwrap();
        assert_eq!(path, "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node%20pool");
        for name in ["", ".", "..", "a/b", "a%2Fb", "a?b", "a#b"] {
            assert_eq!(object("get", &role(name)).unwrap_err().kind, ErrorKind::Invalid, "{name}");
        }
        let pods = ResourceType::addressed("", "v1", "pods", "Pod", true);
        assert!(collection("list", &pods, Some("../nodes")).is_err());
    }

    #[test]
    fn queries_are_escaped() {
        let call =
            Call::get("list", "/api/v1/pods").query("labelSelector", &"a in (b,c)").query_if(false, "x", &1);
        assert_eq!(call.uri(), "/api/v1/pods?labelSelector=a+in+%28b%2Cc%29");
        assert_eq!(Call::get("get", "/x?y=1").query("z", &2).uri(), "/x?y=1&z=2");
    }
}
