//! What `describe` of backups and of restores have in common: flags, files, and parts of the sheet.

use std::time::Duration;

use api::velero::v1::DownloadTargetKind;
use api::{Kind, LabelSelector, ObjectMeta};
use clap::Args;
use engine::results::Results;
use serde::de::DeserializeOwned;

use super::Session;
use super::download::{DownloadFlags, FileNotFound, text};
use super::selection::Which;
use super::sheet::{Names, Sheet};
use super::text::selector;

/// How long each file of a description may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The flags of commands that describe.
#[derive(Debug, Args)]
pub struct DescribeFlags {
    #[command(flatten)]
    which: Which,
    /// Show what needs files of the bucket, too
    #[arg(long)]
    pub details: bool,
    #[command(flatten)]
    download: DownloadFlags,
}

/// What files say of a backup or a restore: absent where they were not asked for, an error where they were in vain.
#[derive(Debug, Default)]
pub struct Files {
    /// Its warnings and errors.
    pub results: Option<Result<Results, String>>,
    /// What is in it.
    pub resources: Option<Result<Names, String>>,
}

impl DescribeFlags {
    /// The objects to describe.
    pub async fn find<K: Kind>(&self, session: &Session) -> anyhow::Result<Vec<K>> {
        self.which.find(session).await
    }

    /// The files of one that has ended. Results are fetched where it has `problems`, resources for details.
    pub async fn files(
        &self,
        session: &Session,
        name: &str,
        problems: isize,
        (results, resources): (DownloadTargetKind, DownloadTargetKind),
    ) -> Files {
        let mut files = Files::default();
        if problems > 0 {
            files.results = Some(self.file(session, (results, name)).await);
        }
        if self.details {
            files.resources = Some(self.file(session, (resources, name)).await);
        }
        files
    }

    /// What a file says.
    pub async fn file<T: DeserializeOwned + Default>(
        &self,
        session: &Session,
        target: (DownloadTargetKind, &str),
    ) -> Result<T, String> {
        self.file_if_any(session, target).await?.ok_or_else(|| FileNotFound.to_string())
    }

    /// What a file says; nothing where there is no such file.
    pub async fn file_if_any<T: DeserializeOwned + Default>(
        &self,
        session: &Session,
        target: (DownloadTargetKind, &str),
    ) -> Result<Option<T>, String> {
        match text(session, &self.download, target, TIMEOUT).await {
            Err(error) if error.is::<FileNotFound>() => Ok(None),
            Err(error) => Err(error.to_string()),
            Ok(content) => engine::files::decode(&content).map(Some).map_err(|error| error.to_string()),
        }
    }
}

/// Adds what every object has.
pub fn metadata(sheet: &mut Sheet, metadata: &ObjectMeta) {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    sheet.pair(0, "Name", text(&metadata.name)).pair(0, "Namespace", text(&metadata.namespace));
    sheet.map("Labels", metadata.labels.as_ref()).map("Annotations", metadata.annotations.as_ref()).blank();
}

/// Adds what went wrong.
pub fn problems(sheet: &mut Sheet, validation_errors: &[String], failure_reason: &str, files: &Files) {
    if !validation_errors.is_empty() {
        sheet.several(0, "Validation errors", validation_errors.iter().map(|error| one_line(error))).blank();
    }
    if !failure_reason.is_empty() {
        sheet.pair(0, "Failure reason", one_line(failure_reason)).blank();
    }
    if let Some(results) = &files.results {
        sheet.results(results);
    }
}

/// A text as one line, since others would stand outside of its column.
fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Adds the label selectors.
pub fn selectors(sheet: &mut Sheet, all: Option<&LabelSelector>, any: &[LabelSelector]) {
    let any: Vec<_> = any.iter().map(|of| selector(Some(of))).collect();
    sheet.pair(0, "Label selector", selector(all)).blank();
    let any = if any.is_empty() { "<none>".to_owned() } else { any.join(" or ") };
    sheet.pair(0, "Or label selector", any).blank();
}
