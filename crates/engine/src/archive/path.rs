//! Paths in the archive, read and written in one place.

use std::fmt;

use api::meta::{GroupResource, ObjectKey};

const RESOURCES: &str = "resources";
const CLUSTER: &str = "cluster";
const NAMESPACES: &str = "namespaces";
const PREFERRED: &str = "-preferredversion";
const SUFFIX: &str = ".json";

/// Where something lies in the archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArchivePath {
    /// `metadata/version`.
    Version,
    /// The file of an object.
    Item(ItemPath),
}

/// Where the file of an object lies in the archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemPath {
    /// The resource that the object was collected as.
    pub resource: GroupResource,
    /// The folder of one API version; absent for the file that every restore reads.
    pub version: Option<VersionFolder>,
    /// The object's namespace; absent for cluster-scoped objects.
    pub namespace: Option<String>,
    /// The object's name.
    pub name: String,
}

/// A folder of one API version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionFolder {
    /// The version without its group, such as `v1`.
    pub version: String,
    /// Whether the server preferred it.
    pub preferred: bool,
}

impl ItemPath {
    /// The file of an object that every restore reads.
    pub fn of(key: &ObjectKey) -> Self {
        let ObjectKey { resource, namespace, name } = key.clone();
        Self { resource, version: None, namespace, name }
    }

    /// The same object's file in the folder of a version.
    #[must_use]
    pub fn in_version(mut self, version: &str, preferred: bool) -> Self {
        self.version = Some(VersionFolder { version: version.to_owned(), preferred });
        self
    }

    /// Every file that an object of this version has: two of the preferred version, else one.
    pub fn all_of(key: &ObjectKey, version: &str, preferred: bool) -> Vec<Self> {
        let plain = Self::of(key);
        let versioned = plain.clone().in_version(version, preferred);
        if preferred { vec![plain, versioned] } else { vec![versioned] }
    }

    /// The object.
    pub fn key(&self) -> ObjectKey {
        ObjectKey {
            resource: self.resource.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }
}

impl ArchivePath {
    /// Reads a path; `None` where it means nothing.
    pub fn parse(path: &str) -> Option<Self> {
        if path == "metadata/version" {
            return Some(Self::Version);
        }
        let parts: Vec<&str> = path.split('/').collect();
        let (resource, version, namespace, file) = match *parts.as_slice() {
            [RESOURCES, resource, CLUSTER, file] => (resource, None, None, file),
            [RESOURCES, resource, NAMESPACES, namespace, file] => (resource, None, Some(namespace), file),
            [RESOURCES, resource, version, CLUSTER, file] => (resource, Some(version), None, file),
            [RESOURCES, resource, version, NAMESPACES, namespace, file] => {
                (resource, Some(version), Some(namespace), file)
            }
            _ => return None,
        };
        let name = file.strip_suffix(SUFFIX).filter(|name| !name.is_empty())?;
        let folder = version.map_or(Some(None), |folder| VersionFolder::parse(folder).map(Some))?;
        if resource.is_empty() || namespace == Some("") {
            return None;
        }
        Some(Self::Item(ItemPath {
            resource: resource.parse().ok()?,
            version: folder,
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        }))
    }
}

impl VersionFolder {
    fn parse(folder: &str) -> Option<Self> {
        let (version, preferred) = match folder.strip_suffix(PREFERRED) {
            Some(version) => (version, true),
            None => (folder, false),
        };
        let known = !version.is_empty() && version != CLUSTER && version != NAMESPACES;
        known.then(|| Self { version: version.to_owned(), preferred })
    }
}

impl fmt::Display for ArchivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version => f.write_str("metadata/version"),
            Self::Item(item) => item.fmt(f),
        }
    }
}

impl fmt::Display for ItemPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{RESOURCES}/{}/", self.resource)?;
        if let Some(VersionFolder { version, preferred }) = &self.version {
            write!(f, "{version}{}/", if *preferred { PREFERRED } else { "" })?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, "{NAMESPACES}/{namespace}/{}{SUFFIX}", self.name),
            None => write!(f, "{CLUSTER}/{}{SUFFIX}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(path: &str, key: Option<&str>) {
        let parsed = ArchivePath::parse(path);
        let found = parsed.as_ref().map(|parsed| match parsed {
            ArchivePath::Version => "version".to_owned(),
            ArchivePath::Item(item) => item.key().to_string(),
        });
        assert_eq!(found.as_deref(), key, "{path}");
        if let Some(parsed) = parsed {
            assert_eq!(parsed.to_string(), path);
        }
    }

    #[test]
    fn every_form_reads_back_as_written() {
        check("metadata/version", Some("version"));
        check("resources/pods/namespaces/shop/web-0.json", Some("pods shop/web-0"));
        check("resources/pods/v1-preferredversion/namespaces/shop/web-0.json", Some("pods shop/web-0"));
        check(
            "resources/deployments.apps/v1beta1/namespaces/shop/web.json",
            Some("deployments.apps shop/web"),
        );
        let role = "clusterroles.rbac.authorization.k8s.io";
        check(&format!("resources/{role}/cluster/system:node.json"), Some(&format!("{role} system:node")));
        check("resources/pods/namespaces/cluster/a.json", Some("pods cluster/a"));
        check("resources/pods/namespaces/namespaces/a.json.json", Some("pods namespaces/a.json"));
    }

    #[test]
    fn what_is_no_path_of_ours_is_nothing() {
        for path in [
            "",
            "resources",
            "metadata/other",
            "resources/pods/cluster/a.yaml",
            "resources/pods/cluster/.json",
            "resources//cluster/a.json",
            "resources/pods/namespaces//a.json",
            "resources/pods/namespaces/a.json",
            "resources/pods/-preferredversion/cluster/a.json",
            "resources/pods/v1/else/shop/a.json",
            "resources/pods/v1/namespaces/shop/deep/a.json",
        ] {
            check(path, None);
        }
    }

    #[test]
    fn an_object_of_the_preferred_version_has_two_files() {
        let key = ObjectKey::new(GroupResource::new("", "pods"), Some("shop"), "web");
        let paths: Vec<_> = ItemPath::all_of(&key, "v1", true).iter().map(ToString::to_string).collect();
        assert_eq!(
            paths,
            [
                "resources/pods/namespaces/shop/web.json",
                "resources/pods/v1-preferredversion/namespaces/shop/web.json"
            ]
        );
        assert_eq!(
            ItemPath::all_of(&key, "v1beta1", false)[0].to_string(),
            "resources/pods/v1beta1/namespaces/shop/web.json"
        );
    }

    fn part() -> impl Strategy<Value = String> {
        "[a-z0-9:][a-z0-9:.-]{0,20}".prop_filter("version suffix", |text| !text.ends_with(PREFERRED))
    }

    proptest! {
        #[test]
        fn paths_round_trip(
            resource in "[a-z]{1,12}(\\.[a-z]{1,9}){0,3}",
            version in proptest::option::of(("v[0-9](beta[0-9])?", any::<bool>())),
            namespace in proptest::option::of(part()),
            name in part(),
        ) {
            let version = version.map(|(version, preferred)| VersionFolder { version, preferred });
            let path = ArchivePath::Item(ItemPath { resource: resource.parse().unwrap(), version, namespace, name });
            prop_assert_eq!(ArchivePath::parse(&path.to_string()), Some(path));
        }
    }
}
