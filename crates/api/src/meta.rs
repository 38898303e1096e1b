//! How resources of a cluster are named: group-resource, resource type, object reference.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A resource and its group, written `deployments.apps`, and `pods` for the core group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupResource {
    /// The API group; empty for the core group.
    pub group: String,
    /// The plural name of the resource.
    pub resource: String,
}

impl GroupResource {
    /// Names a resource of a group.
    pub fn new(group: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { group: group.into(), resource: resource.into() }
    }

    /// Whether this is `resource` of `group`.
    pub fn is(&self, group: &str, resource: &str) -> bool {
        self.group == group && self.resource == resource
    }
}

impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group.as_str() {
            "" => f.write_str(&self.resource),
            group => write!(f, "{}.{group}", self.resource),
        }
    }
}

impl FromStr for GroupResource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (resource, group) = text.split_once('.').unwrap_or((text, ""));
        Ok(Self::new(group, resource))
    }
}

impl Serialize for GroupResource {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GroupResource {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (resource, group) = text.split_once('.').unwrap_or((&text, ""));
        Ok(Self::new(group, resource))
    }
}

/// A resource type in one version, as discovery reports it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResourceType {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version, such as `v1`.
    pub version: String,
    /// The plural name, as in paths.
    pub plural: String,
    /// The singular name; may be empty.
    #[serde(default)]
    pub singular: String,
    /// The kind of the objects.
    pub kind: String,
    /// Short names such as `po`.
    #[serde(default)]
    pub short_names: Vec<String>,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// The verbs that the server supports on it.
    #[serde(default)]
    pub verbs: Vec<String>,
    /// Whether this is the version that the server prefers for the group.
    pub preferred: bool,
}

impl ResourceType {
    /// Names a type whose remaining facts are not needed: enough to address objects.
    pub fn addressed(group: &str, version: &str, plural: &str, kind: &str, namespaced: bool) -> Self {
        Self {
            group: group.into(),
            version: version.into(),
            plural: plural.into(),
            singular: String::new(),
            kind: kind.into(),
            short_names: Vec::new(),
            namespaced,
            verbs: Vec::new(),
            preferred: true,
        }
    }

    /// The group-resource.
    pub fn group_resource(&self) -> GroupResource {
        GroupResource::new(&self.group, &self.plural)
    }

    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// `apps/v1/Deployment`: the key of Velero's resource lists.
    pub fn kind_key(&self) -> String {
        format!("{}/{}", self.api_version(), self.kind)
    }

    /// Whether the server supports every one of `verbs`.
    pub fn supports(&self, verbs: &[&str]) -> bool {
        verbs.iter().all(|verb| self.verbs.iter().any(|has| has == verb))
    }

    /// The path of the collection, below the server's address, of one namespace or of the cluster.
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = match self.group.as_str() {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        match namespace {
            Some(namespace) if self.namespaced => format!("{root}/namespaces/{namespace}/{}", self.plural),
            _ => format!("{root}/{}", self.plural),
        }
    }
}

/// Names one object for people and for the keys of maps: no version, since versions are views of one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// The type of the object.
    pub resource: GroupResource,
    /// Its namespace; absent for cluster-scoped objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl ObjectKey {
    /// Names an object.
    pub fn new(resource: GroupResource, namespace: Option<&str>, name: impl Into<String>) -> Self {
        Self { resource, namespace: namespace.map(Into::into), name: name.into() }
    }

    /// `ns/name`, or `name` for cluster-scoped objects.
    pub fn full_name(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.resource, self.full_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_resources_read_back_as_written() {
        for text in ["pods", "deployments.apps", "widgets.example.com"] {
            let parsed: GroupResource = text.parse().unwrap();
            assert_eq!(parsed.to_string(), text);
        }
        assert!("widgets.example.com".parse::<GroupResource>().unwrap().is("example.com", "widgets"));
    }

    #[test]
    fn paths_follow_group_and_scope() {
        let pods = ResourceType::addressed("", "v1", "pods", "Pod", true);
        assert_eq!(pods.path(Some("shop")), "/api/v1/namespaces/shop/pods");
        assert_eq!(pods.path(None), "/api/v1/pods");
        let roles =
            ResourceType::addressed("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false);
        assert_eq!(roles.path(Some("ignored")), "/apis/rbac.authorization.k8s.io/v1/clusterroles");
    }
}
