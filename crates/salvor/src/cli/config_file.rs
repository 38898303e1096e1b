//! The client's configuration file: a flat JSON object of strings below the home folder, shared with `velero`.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use anyhow::Context;

use super::output::error_line;

/// The client's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigFile {
    values: BTreeMap<String, String>,
}

impl ConfigFile {
    /// Reads the user's file. One that cannot be read is reported and counts as empty.
    pub fn load() -> Self {
        let Some(path) = Self::path() else { return Self::default() };
        let read = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Self::default(),
            read => read.map_err(anyhow::Error::from).and_then(|text| Self::parse(&text)),
        };
        read.unwrap_or_else(|error| {
            error_line(&format!("WARNING: Error reading config file: {error:#}"));
            Self::default()
        })
    }

    /// Where the file lies; `None` without a home folder.
    pub fn path() -> Option<PathBuf> {
        Some(PathBuf::from(std::env::var_os("HOME")?).join(".config/velero/config.json"))
    }

    /// Reads a file's text.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let values: BTreeMap<String, serde_json::Value> = serde_json::from_str(text)?;
        let as_text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(Self { values: values.into_iter().map(|(key, value)| (key, as_text(value))).collect() })
    }

    /// A value; `None` where it is not set.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// The keys that are set, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Sets a value; an empty one removes the key.
    pub fn set(&mut self, key: &str, value: &str) {
        self.values.insert(key.to_owned(), value.to_owned());
        self.values.retain(|_, value| !value.is_empty());
    }

    /// Writes the user's file, readable by nobody else.
    pub fn store(&self) -> anyhow::Result<()> {
        let path = Self::path().context("find the home folder: $HOME is not set")?;
        if let Some(folder) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .with_context(|| format!("create {}", folder.display()))?;
        }
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        let mut file = file.with_context(|| format!("write {}", path.display()))?;
        Ok(file.write_all(serde_json::to_string(&self.values)?.as_bytes())?)
    }
}
