//! `repo snapshot restore`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kopia::restore::{self, Existing, Options, Report};
use serde_json::{Value, json};

use super::super::access::{Access, Opened};
use super::super::show::{Problems, Show, size};
use super::super::work::blocking;
use crate::exit::Exit;

/// Restore a snapshot, or a part of one, into a folder
#[derive(Debug, Args)]
pub struct Restore {
    #[command(flatten)]
    access: Access,
    /// The beginning of the snapshot's name, or `latest`
    snapshot: String,
    /// The folder that it is restored into; made if it is not there
    target: PathBuf,
    /// The folder in the snapshot that is restored, if not all of it
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    path: String,
    /// Only these paths below it, and what is below them
    #[arg(long, value_name = "PATH")]
    only: Vec<String>,
    /// What becomes of files that are there already
    #[arg(long, value_name = "WHAT", default_value = "replace")]
    existing: There,
    /// Delete what is in the target and not in the snapshot
    #[arg(long)]
    delete_extra: bool,
    /// Leave holes where there are only zeros
    #[arg(long)]
    sparse: bool,
    /// Go on where owners, permissions, times or attributes may not be set
    #[arg(long)]
    ignore_permission_errors: bool,
    /// How many packs are read and files are written at once
    #[arg(long, value_name = "COUNT", default_value_t = kopia::restore::Options::default().threads)]
    threads: usize,
    #[command(flatten)]
    show: Show,
}

/// What becomes of files that are there already.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum There {
    /// They are replaced.
    Replace,
    /// Those with the same size, time, owner and permissions are kept.
    KeepUnchanged,
    /// They are kept.
    Keep,
}

impl Restore {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let opened = self.access.open().await?;
        let options = self.options(&opened);
        let (snapshot, path, target) = (self.snapshot, self.path, self.target);
        let report = blocking(move |cancel| {
            let root = opened.root(&snapshot)?;
            opened.with_tree(|tree| {
                let folder = restore::find(tree, &root, &path)?.entry;
                restore::restore(tree, &folder, &target, &options, cancel)
            })
        });
        let report = report.await?;
        let told = report.problems.iter().map(|problem| match problem.path.is_empty() {
            true => problem.error.to_string(),
            false => format!("{}: {}", problem.path, problem.error),
        });
        self.show.outcome(facts(&report), &text(&report), &Problems::new(report.problem_count, told))
    }

    fn options(&self, opened: &Opened) -> Options {
        let existing = match self.existing {
            There::Replace => Existing::Replace,
            There::KeepUnchanged => Existing::KeepUnchanged,
            There::Keep => Existing::Keep,
        };
        // of the root of a tree restic stores nothing but what is in it
        let is_root = self.path.split('/').all(str::is_empty);
        Options {
            threads: self.threads,
            existing,
            select: self.only.clone(),
            delete_extra: self.delete_extra,
            is_sparse: self.sparse,
            ignore_permission_errors: self.ignore_permission_errors,
            keep_root: is_root && matches!(opened, Opened::Restic(_)),
            ..Options::default()
        }
    }
}

fn facts(report: &Report) -> Value {
    json!({
        "files": report.files,
        "symlinks": report.symlinks,
        "special": report.special,
        "folders": report.folders,
        "kept": report.kept,
        "deleted": report.deleted,
        "bytes": report.bytes,
    })
}

fn text(report: &Report) -> String {
    format!(
        "{} files ({}), {} links and {} folders restored, {} kept, {} deleted: {} problems\n",
        report.files,
        size(report.bytes),
        report.symlinks,
        report.folders,
        report.kept,
        report.deleted,
        report.problem_count,
    )
}
