//! `tidy`: the rules of the project that no compiler knows. One file a check.

mod attributes;
mod dependencies;
mod executors;
mod injected;
mod lengths;
mod modules;
mod panics;
mod words;

use std::fmt;
use std::path::Path;

use anyhow::bail;

use crate::files::{self, TextFile};
use crate::source::Source;

/// Something that is against a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file, in the checkout.
    pub(crate) path: String,
    /// The line, counted from 1; 0 for the whole file.
    pub(crate) line: usize,
    /// What is wrong.
    pub(crate) text: String,
}

impl Finding {
    fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.text),
            line => write!(f, "{}:{line}: {}", self.path, self.text),
        }
    }
}

/// Checks the checkout.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let texts = files::texts(root)?;
    let sources = files::rust(&texts);
    let mut findings = of_files(&texts, &sources);
    findings.extend(dependencies::check(root)?);
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => bail!("{count} against the rules of the project"),
    }
}

fn of_files(texts: &[TextFile], sources: &[Source]) -> Vec<Finding> {
    let mut findings = words::check(texts);
    findings.extend(lengths::check(sources));
    findings.extend(sources.iter().flat_map(modules::check));
    findings.extend(sources.iter().flat_map(panics::check));
    findings.extend(sources.iter().flat_map(attributes::check));
    findings.extend(sources.iter().flat_map(executors::check));
    findings.extend(injected::check(sources));
    findings
}
