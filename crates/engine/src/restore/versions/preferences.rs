//! Which of several API versions a type is restored in, as Velero chooses with the feature `EnableAPIGroupVersions`: the
//! first one of the user's list that both the archive and the cluster have; else the one that the cluster prefers; else the
//! one that the backed-up cluster preferred; else the best one that both have. Where they have none in common, objects stay
//! as the archive has them for every restore.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use api::meta::GroupResource;
use serde_json::Value;

use crate::catalog::Catalog;
use crate::document::{at, strings};
use crate::facts::Facts;
use crate::problem::{Problem, Severity};
use crate::restore::problems::VERSION_PRIORITY;

/// The name of the ConfigMap of the server's namespace that holds the user's list.
pub const CONFIG_MAP: &str = "enableapigroupversions";
/// Its key. Each line is `RESOURCE.GROUP=VERSION,VERSION`.
const KEY: &str = "restoreResourcesVersionPriority";

/// The versions that a user prefers, by type, the best one first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences(BTreeMap<GroupResource, Vec<String>>);

/// The versions of one type.
#[derive(Debug, Default)]
struct Versions {
    preferred: Option<String>,
    others: BTreeSet<String>,
}

impl Preferences {
    /// Reads the ConfigMap, if there is one. Lines that mean nothing are passed over, with a warning each.
    pub fn read(config_map: Option<&Value>) -> (Self, Vec<Problem>) {
        let mut preferences = Self::default();
        let mut problems = Vec::new();
        let Some(config_map) = config_map else { return (preferences, problems) };
        let data = strings(at(config_map, &["data"]));
        let mut warn = |message: String| {
            problems.push(Problem::new(&VERSION_PRIORITY, Severity::Warning, message));
        };
        let Some(lines) = data.get(KEY) else {
            warn(format!("the ConfigMap {CONFIG_MAP} is passed over: it has no key {KEY}"));
            return (preferences, problems);
        };
        let written = lines.lines().map(|line| line.replace(char::is_whitespace, ""));
        for line in written.filter(|line| !line.is_empty()) {
            match entry(&line) {
                Some((resource, versions)) => drop(preferences.0.insert(resource, versions)),
                None => warn(format!("a line of the ConfigMap {CONFIG_MAP} is passed over: {line:?}")),
            }
        }
        (preferences, problems)
    }

    /// The version of each type of an archive: `facts` are of the version that the backed-up cluster preferred.
    pub(super) fn choose(
        &self,
        facts: &[Facts],
        others: &[Facts],
        catalog: &Catalog,
    ) -> BTreeMap<GroupResource, String> {
        let mut archived: BTreeMap<&GroupResource, Versions> = BTreeMap::new();
        for of in facts {
            archived.entry(&of.key.resource).or_default().preferred.get_or_insert_with(|| of.version.clone());
        }
        for of in others {
            if let Some(versions) = archived.get_mut(&of.key.resource) {
                versions.others.insert(of.version.clone());
            }
        }
        let chosen = archived.iter().filter_map(|(resource, source)| {
            let target = Versions::served(resource, catalog);
            let told = self.0.get(*resource).map_or(&[][..], Vec::as_slice);
            Some(((*resource).clone(), common(told, source, &target)?))
        });
        chosen.collect()
    }
}

/// A line without blanks.
fn entry(line: &str) -> Option<(GroupResource, Vec<String>)> {
    let (resource, versions) = line.split_once('=')?;
    let versions: Vec<String> = versions.split(',').map(str::to_owned).collect();
    let whole = !resource.is_empty() && !versions.iter().any(|of| of.is_empty() || of.contains('='));
    whole.then(|| Some((resource.parse().ok()?, versions)))?
}

/// The version to take of those that both have.
fn common(told: &[String], source: &Versions, target: &Versions) -> Option<String> {
    let both = |version: &&String| source.has(version) && target.has(version);
    let preferred = target.preferred.iter().chain(&source.preferred);
    let mut rest: Vec<&String> = target.others.iter().collect();
    rest.sort_by_key(|version| Reverse(rank(version)));
    told.iter().chain(preferred).chain(rest).find(both).cloned()
}

impl Versions {
    fn served(resource: &GroupResource, catalog: &Catalog) -> Self {
        let mut versions = Self::default();
        let all = catalog.all().iter();
        for of in all.filter(|of| of.group == resource.group && of.plural == resource.resource) {
            match of.preferred {
                true => versions.preferred = Some(of.version.clone()),
                false => drop(versions.others.insert(of.version.clone())),
            }
        }
        versions
    }

    fn has(&self, version: &str) -> bool {
        self.preferred.as_deref() == Some(version) || self.others.contains(version)
    }
}

/// How good a version is, as Kubernetes orders them: stable before beta before alpha, a high number before a low one, and
/// names of another form last, by the alphabet.
fn rank(version: &str) -> (u8, u64, u64, Reverse<&str>) {
    let known = || {
        let rest = version.strip_prefix('v')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (major, stage) = (rest[..digits].parse().ok()?, &rest[digits..]);
        let of = |prefix: &str| stage.strip_prefix(prefix)?.parse::<u64>().ok();
        match (stage, of("beta"), of("alpha")) {
            ("", ..) => Some((3, major, 0)),
            (_, Some(minor), _) => Some((2, major, minor)),
            (_, _, Some(minor)) => Some((1, major, minor)),
            _ => None,
        }
    };
    let (stage, major, minor) = known().unwrap_or_default();
    (stage, major, minor, Reverse(version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn versions_are_ordered_as_kubernetes_orders_them() {
        let expected = [
            "v10",
            "v2",
            "v1",
            "v11beta2",
            "v10beta3",
            "v3beta1",
            "v12alpha1",
            "v11alpha2",
            "foo1",
            "foo10",
            "v1gamma1",
        ];
        let mut versions = expected;
        versions.reverse();
        versions.sort_by_key(|version| Reverse(rank(version)));
        assert_eq!(versions, expected);
    }

    #[test]
    fn lines_that_mean_nothing_are_passed_over_with_a_warning() {
        let read = |lines: &str| Preferences::read(Some(&json!({"data": {KEY: lines}})));
        let (preferences, problems) = read(
            " gadgets.example.com = v2 , v1 \n\n# nothing\nx.example.com=v1,,v2\npods=v1\na.b=v1=v2\n=v1\n",
        );
        let names: Vec<String> = preferences.0.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["pods", "gadgets.example.com"]);
        assert_eq!(preferences.0.values().last().unwrap(), &["v2", "v1"]);
        let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
        let passed_over =
            |line: &str| format!("a line of the ConfigMap enableapigroupversions is passed over: {line:?}");
        assert_eq!(messages, ["#nothing", "x.example.com=v1,,v2", "a.b=v1=v2", "=v1"].map(passed_over));
        assert_eq!(Preferences::read(None), (Preferences::default(), Vec::new()));
        assert_eq!(Preferences::read(Some(&json!({"data": {"other": "a.b=v1"}}))).1.len(), 1);
    }
}
