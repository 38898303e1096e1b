//! Sheets: what `describe` prints, built line by line and laid out at the end.

use std::collections::BTreeMap;
use std::fmt::Write;

use engine::results::{Messages, Results};

use super::tabs::aligned;

/// Names by kind, as the list of resources has them.
pub type Names = BTreeMap<String, Vec<String>>;

/// A sheet in the making. Cells are separated by tabs, lines are indented by them.
#[derive(Debug, Default)]
pub struct Sheet {
    text: String,
}

impl Sheet {
    /// Adds a line.
    pub fn line(&mut self, line: impl AsRef<str>) -> &mut Self {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
        self
    }

    /// Adds a line of a label and a value, `depth` columns in.
    pub fn pair(&mut self, depth: usize, label: &str, value: impl std::fmt::Display) -> &mut Self {
        self.text.extend(std::iter::repeat_n('\t', depth));
        // Writing to a string does not fail.
        let _written = writeln!(self.text, "{label}:\t{value}");
        self
    }

    /// Adds an empty line.
    pub fn blank(&mut self) -> &mut Self {
        self.line("")
    }

    /// Adds a map, a member a line.
    pub fn map(&mut self, label: &str, map: Option<&BTreeMap<String, String>>) -> &mut Self {
        let members = map.into_iter().flatten().map(|(key, value)| format!("{key}={value}"));
        self.several(0, label, members)
    }

    /// Adds a label with a value a line, or `<none>`.
    pub fn several(
        &mut self,
        depth: usize,
        label: &str,
        values: impl IntoIterator<Item = String>,
    ) -> &mut Self {
        let mut values = values.into_iter();
        self.pair(depth, label, values.next().unwrap_or_else(|| "<none>".to_owned()));
        for value in values {
            self.text.extend(std::iter::repeat_n('\t', depth + 1));
            self.line(value);
        }
        self
    }

    /// Adds the warnings and errors of a results file, as far as there are any.
    pub fn results(&mut self, results: &Result<Results, String>) -> &mut Self {
        let results = match results {
            Ok(results) => results,
            Err(error) => {
                self.pair(0, "Warnings", format!("<error getting warnings: {error}>")).blank();
                return self.pair(0, "Errors", format!("<error getting errors: {error}>")).blank();
            }
        };
        for (label, messages) in [("Warnings", &results.warnings), ("Errors", &results.errors)] {
            if messages.count() > 0 {
                self.messages(label, messages).blank();
            }
        }
        self
    }

    /// Adds the list of resources that a file holds.
    pub fn resources(&mut self, resources: &Result<Names, String>) -> &mut Self {
        let resources = match resources {
            Ok(resources) if resources.is_empty() => return self.pair(0, "Resource List", "<none>"),
            Ok(resources) => resources,
            Err(error) => {
                return self.pair(0, "Resource List", format!("<error getting resource list: {error}>"));
            }
        };
        self.line("Resource List:");
        for (kind, names) in resources {
            self.line(format!("\t{kind}:"));
            for name in names {
                self.line(format!("\t\t- {name}"));
            }
        }
        self
    }

    fn messages(&mut self, label: &str, messages: &Messages) -> &mut Self {
        self.line(format!("{label}:"));
        self.several(1, "Velero", messages.velero.clone());
        self.several(1, "Cluster", messages.cluster.clone());
        if messages.namespaces.is_empty() {
            return self.pair(1, "Namespaces", "<none>");
        }
        self.line("\tNamespaces:");
        for (namespace, of_namespace) in &messages.namespaces {
            self.several(2, namespace, of_namespace.clone());
        }
        self
    }

    /// The sheet, laid out.
    pub fn finish(&self) -> String {
        aligned(&self.text)
    }
}
