//! References in values, such as `{{target.appsDomain}}`: a fixed list of facts on the cluster and on the object.
//!
//! Only what begins with `source.` or `target.` is a reference. Other braces belong to somebody else's templates, such as
//! those of alerts, and stay.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Subject;

/// What a reference can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// The backup that the object comes from.
    SourceBackup,
    /// The object's name.
    SourceName,
    /// The object's namespace in the backup.
    SourceNamespace,
    /// The domain under which OpenShift exposes applications.
    AppsDomain,
    /// The version of the cluster.
    ClusterVersion,
    /// The storage class of claims that name none.
    DefaultStorageClass,
    /// The object's namespace in the cluster.
    TargetNamespace,
}

/// Every fact, by how it is referred to.
pub const FACTS: &[(&str, Fact)] = &[
    ("source.backup", Fact::SourceBackup),
    ("source.name", Fact::SourceName),
    ("source.namespace", Fact::SourceNamespace),
    ("target.appsDomain", Fact::AppsDomain),
    ("target.clusterVersion", Fact::ClusterVersion),
    ("target.defaultStorageClass", Fact::DefaultStorageClass),
    ("target.namespace", Fact::TargetNamespace),
];

/// What is known of a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Its text.
    Text(String),
    /// Somebody else knows it, at another time.
    Later,
    /// There is none: for this reason.
    Nothing(&'static str),
}

/// What is so in the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The domain under which OpenShift exposes applications.
    pub apps_domain: Option<String>,
    /// The version of the cluster.
    pub cluster_version: Option<String>,
    /// The storage class of claims that name none.
    pub default_storage_class: Option<String>,
}

impl Facts {
    /// What is known of a fact before any object is looked at.
    pub(super) fn of(&self, fact: Fact) -> Known {
        let known = |text: &Option<String>, reason| text.clone().map_or(Known::Nothing(reason), Known::Text);
        match fact {
            Fact::AppsDomain => {
                known(&self.apps_domain, "the cluster has no domain for applications, as OpenShift has")
            }
            Fact::ClusterVersion => known(&self.cluster_version, "the cluster does not tell its version"),
            Fact::DefaultStorageClass => {
                known(&self.default_storage_class, "the cluster has no default storage class")
            }
            Fact::SourceBackup | Fact::SourceName | Fact::SourceNamespace | Fact::TargetNamespace => {
                Known::Later
            }
        }
    }
}

/// What is so of one object.
pub(super) struct Names<'a>(&'a Subject<'a>);

impl<'a> Names<'a> {
    pub(super) fn of_subject(subject: &'a Subject<'a>) -> Self {
        Self(subject)
    }

    /// What is known of a fact when an object is looked at.
    pub(super) fn of(&self, fact: Fact) -> Known {
        let Subject { namespace, target, backup, .. } = self.0;
        let in_namespace = |namespace: Option<&str>| {
            let none = Known::Nothing("the object is cluster-scoped");
            namespace.map_or(none, |namespace| Known::Text(namespace.to_owned()))
        };
        match fact {
            Fact::SourceBackup => Known::Text((*backup).to_owned()),
            Fact::SourceName => Known::Text(target.name.clone()),
            Fact::SourceNamespace => in_namespace(*namespace),
            Fact::TargetNamespace => in_namespace(target.namespace.as_deref()),
            Fact::AppsDomain | Fact::ClusterVersion | Fact::DefaultStorageClass => Known::Later,
        }
    }
}

/// A part of a text.
enum Piece<'a> {
    Text(&'a str),
    Reference { written: &'a str, name: &'a str },
}

/// Takes a text apart.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else { break };
        let written = &rest[start..start + length + 2];
        let name = written[2..length].trim();
        if name.starts_with("source.") || name.starts_with("target.") {
            pieces.push(Piece::Text(&rest[..start]));
            pieces.push(Piece::Reference { written, name });
            rest = &rest[start + written.len()..];
        } else {
            // Whoever wrote the braces may have begun a reference inside of them.
            pieces.push(Piece::Text(&rest[..start + 1]));
            rest = &rest[start + 1..];
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

fn fact(name: &str) -> Result<Fact, String> {
    let found = FACTS.iter().find(|(known, _)| *known == name).map(|(_, fact)| *fact);
    found.ok_or_else(|| {
        let known: Vec<&str> = FACTS.iter().map(|(name, _)| *name).collect();
        format!("{{{{{name}}}}} is not known; known are {}", known.join(", "))
    })
}

/// The facts that a text refers to; an error for one that nobody knows.
pub(super) fn facts(text: &str) -> Result<BTreeSet<Fact>, String> {
    let names = pieces(text).into_iter().filter_map(|piece| match piece {
        Piece::Reference { name, .. } => Some(fact(name)),
        Piece::Text(_) => None,
    });
    names.collect()
}

/// Every text of a value; names of members are no values.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Puts what is known into every text of a value.
pub(super) fn fill(value: &mut Value, known: &impl Fn(Fact) -> Known) -> Result<(), String> {
    match value {
        Value::String(text) if text.contains("{{") => {
            *text = filled(text, known)?;
            Ok(())
        }
        Value::Array(list) => list.iter_mut().try_for_each(|member| fill(member, known)),
        Value::Object(members) => members.values_mut().try_for_each(|member| fill(member, known)),
        _ => Ok(()),
    }
}

fn filled(text: &str, known: &impl Fn(Fact) -> Known) -> Result<String, String> {
    let mut made = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => made.push_str(text),
            Piece::Reference { written, name } => match known(fact(name)?) {
                Known::Text(text) => made.push_str(&text),
                Known::Later => made.push_str(written),
                Known::Nothing(reason) => return Err(format!("{written} has no value: {reason}")),
            },
        }
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, &str>) {
        let facts = Facts { apps_domain: Some("apps.example.com".into()), ..Facts::default() };
        let made = filled(text, &|fact| facts.of(fact));
        assert_eq!(made.as_deref().map_err(String::as_str), expect, "{text}");
    }

    #[test]
    fn references_are_replaced_and_other_braces_stay() {
        check("plain", Ok("plain"));
        check("shop.{{target.appsDomain}}", Ok("shop.apps.example.com"));
        check("{{ target.appsDomain }}/{{target.appsDomain}}", Ok("apps.example.com/apps.example.com"));
        check("{{source.namespace}}", Ok("{{source.namespace}}"));
        check("{{ $labels.pod }} on {{target.appsDomain}}", Ok("{{ $labels.pod }} on apps.example.com"));
        check("{{target.appsDomain", Ok("{{target.appsDomain"));
        check("{{{target.appsDomain}}}", Ok("{apps.example.com}"));
        check("{{a {{target.appsDomain}} b}}", Ok("{{a apps.example.com b}}"));
    }

    #[test]
    fn what_nobody_knows_is_refused() {
        check(
            "{{target.defaultStorageClass}}",
            Err("{{target.defaultStorageClass}} has no value: the cluster has no default storage class"),
        );
        assert!(
            facts("{{target.appDomain}}")
                .unwrap_err()
                .starts_with("{{target.appDomain}} is not known; known are ")
        );
        assert_eq!(facts("{{source.name}} {{x}}").unwrap(), [Fact::SourceName].into());
    }
}
