//! The results file: problems as Velero's `describe` reads them, sorted into the operation, the cluster and its
//! namespaces.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::problem::{Place, Problem, Severity};

/// The content of `<B>-results.gz` and `restore-<R>-results.gz`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Results {
    /// What was asked for and not done.
    #[serde(deserialize_with = "nothing_if_null")]
    pub errors: Messages,
    /// What else a user should know.
    #[serde(deserialize_with = "nothing_if_null")]
    pub warnings: Messages,
}

/// Messages, by where they belong.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Messages {
    /// About the operation as a whole.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nothing_if_null")]
    pub velero: Vec<String>,
    /// About cluster-scoped objects.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nothing_if_null")]
    pub cluster: Vec<String>,
    /// About the objects of each namespace.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nothing_if_null")]
    pub namespaces: BTreeMap<String, Vec<String>>,
}

impl Results {
    /// The results of a backup, in the form that its readers split into parts.
    pub fn of_backup(problems: &[Problem]) -> Self {
        Self::rendered(problems, |problem| {
            let object = problem.object.as_ref();
            let object = object
                .map(|of| format!(" resource: /{} name: /{}", of.resource, of.name))
                .unwrap_or_default();
            format!("{object} message: /{}", problem.sentence())
        })
    }

    /// The results of a restore.
    pub fn of_restore(problems: &[Problem]) -> Self {
        Self::rendered(problems, |problem| match &problem.object {
            Some(object) => format!("{object}: {}", problem.sentence()),
            None => problem.sentence(),
        })
    }

    fn rendered(problems: &[Problem], render: impl Fn(&Problem) -> String) -> Self {
        let mut results = Self::default();
        for problem in problems {
            let messages = match problem.severity {
                Severity::Warning => &mut results.warnings,
                Severity::Error => &mut results.errors,
            };
            messages.at(&problem.place).push(render(problem));
        }
        results
    }
}

impl Messages {
    /// The messages of a place.
    fn at(&mut self, place: &Place) -> &mut Vec<String> {
        match place {
            Place::Velero => &mut self.velero,
            Place::Cluster => &mut self.cluster,
            Place::Namespace(namespace) => self.namespaces.entry(namespace.clone()).or_default(),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.velero.len() + self.cluster.len() + self.namespaces.values().map(Vec::len).sum::<usize>()
    }
}

/// Go writes an empty list as `null`.
fn nothing_if_null<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Code;
    use api::meta::{GroupResource, ObjectKey};

    const CODE: Code = Code { id: "SLV-1999", title: "for tests", remedy: "" };

    fn problems() -> Vec<Problem> {
        let pod = ObjectKey::new(GroupResource::new("", "pods"), Some("shop"), "web");
        let role =
            ObjectKey::new(GroupResource::new("rbac.authorization.k8s.io", "clusterroles"), None, "admin");
        let say = |severity| Problem::new(&CODE, severity, "it failed");
        vec![say(Severity::Error), say(Severity::Error).about(&pod), say(Severity::Warning).about(&role)]
    }

    #[test]
    fn problems_go_where_they_belong() {
        let results = Results::of_backup(&problems());
        insta::assert_snapshot!(serde_json::to_string_pretty(&results).unwrap(), @r#"
        {
          "errors": {
            "velero": [
              " message: /it failed (SLV-1999)"
            ],
            "namespaces": {
              "shop": [
                " resource: /pods name: /web message: /it failed (SLV-1999)"
              ]
            }
          },
          "warnings": {
            "cluster": [
              " resource: /clusterroles.rbac.authorization.k8s.io name: /admin message: /it failed (SLV-1999)"
            ]
          }
        }
        "#);
        assert_eq!((results.errors.count(), results.warnings.count()), (2, 1));
        let restore = Results::of_restore(&problems());
        assert_eq!(restore.errors.namespaces["shop"], ["pods shop/web: it failed (SLV-1999)"]);
    }

    #[test]
    fn nothing_is_two_empty_objects() {
        assert_eq!(serde_json::to_string(&Results::default()).unwrap(), r#"{"errors":{},"warnings":{}}"#);
        let theirs = r#"{"errors":null,"warnings":{"velero":null,"namespaces":{"a":["b"]}}}"#;
        let read: Results = serde_json::from_str(theirs).unwrap();
        assert_eq!(read.warnings.count(), 1);
    }
}
