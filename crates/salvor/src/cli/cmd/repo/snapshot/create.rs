//! `repo snapshot create`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use kopia::Writer;
use kopia::manifest::Manifests;
use kopia::policy::Effective;
use kopia::snapshot::Source;
use kopia::upload::{self, Counts, Options, Problem, Progress, Request, Saved, Severity};
use serde_json::{Value, json};

use super::super::access::Access;
use super::super::identity::Identity;
use super::super::show::{Problems, Show, size};
use super::super::work::blocking;
use crate::cli::output::error_line;
use crate::cli::values::{Pairs, merged, pairs};
use crate::exit::Exit;

/// Make a snapshot of a folder
#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    identity: Identity,
    /// The folder
    folder: PathBuf,
    /// The path that the snapshot is of, if not that of the folder
    #[arg(long, value_name = "PATH")]
    source_path: Option<String>,
    /// What is said about it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    description: String,
    /// What it is labelled with, k=v,...
    #[arg(long, value_name = "TAGS", value_parser = pairs)]
    tags: Vec<Pairs>,
    /// Who holds it, so that it does not expire
    #[arg(long, value_name = "NAME")]
    pin: Vec<String>,
    /// Read everything, also what earlier snapshots have
    #[arg(long)]
    full: bool,
    /// Leave out what files in the tree say is to be left out: .kopiaignore and CACHEDIR.TAG
    #[arg(long)]
    obey_tree: bool,
    /// How many files are read at once, if the policies do not say it
    #[arg(long, value_name = "COUNT")]
    threads: Option<usize>,
    #[command(flatten)]
    show: Show,
}

impl Create {
    /// Runs it. What could not be read is missing in a snapshot that is kept all the same, and the outcome says so.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let repository = self.access.open_kopia().await?;
        let folder = std::path::absolute(&self.folder).context("find the folder")?;
        let path = self.source_path.clone().unwrap_or_else(|| folder.display().to_string());
        let (user, host) = (self.identity.user().to_owned(), self.identity.host().to_owned());
        let source = Source { host: host.clone(), user: user.clone(), path };
        let request = Request {
            source: source.clone(),
            description: self.description.clone(),
            tags: merged(&self.tags),
            pins: self.pin.clone(),
            is_full: self.full,
            ..Request::default()
        };
        let (obeys, threads) = (self.obey_tree, self.threads);
        let made = blocking(move |cancel| {
            let policies = Effective::of(&Manifests::load(&repository)?, &source)?;
            let (options, bad) = policies.options();
            let options = adapted(options, obeys, threads);
            let writer = Writer::with_identity(repository, &user, &host)?;
            let progress = Progress::default();
            let saved = upload::snapshot(&writer, &folder, &request, &options, &progress, cancel)?;
            Ok((saved, progress.counts(), progress.problems(), bad))
        });
        let (saved, counts, problems, bad) = made.await?;
        bad.iter().for_each(|one| error_line(&format!("passed over in the policies: {one}")));
        let (errors, others): (Vec<&Problem>, Vec<&Problem>) =
            problems.iter().partition(|problem| problem.severity == Severity::Error);
        others.iter().for_each(|problem| error_line(&format!("warning: {}", told(problem))));
        let problems = Problems::new(counts.errors, errors.into_iter().map(told));
        self.show.outcome(facts(&saved, counts), &text(&saved, counts), &problems)
    }
}

/// What a tree names itself leaves nothing out unless somebody asks for it.
fn adapted(options: Options, obeys: bool, threads: Option<usize>) -> Options {
    let options = Options { threads: threads.unwrap_or(options.threads), ..options };
    if obeys { options } else { Options { rule_files: Vec::new(), skip_caches: false, ..options } }
}

fn told(problem: &Problem) -> String {
    format!("{}: {}", problem.path, problem.reason)
}

fn facts(saved: &Saved, counts: Counts) -> Value {
    json!({
        "id": saved.id,
        "root": saved.snapshot.root.object.map(|object| object.to_string()),
        "started": saved.snapshot.started.to_string(),
        "ended": saved.snapshot.ended.to_string(),
        "files": counts.files,
        "cachedFiles": counts.cached_files,
        "directories": counts.directories,
        "bytes": counts.bytes,
        "cachedBytes": counts.cached_bytes,
        "excludedFiles": counts.excluded_files,
        "excludedDirectories": counts.excluded_directories,
        "warnings": counts.warnings,
        "ignoredErrors": counts.ignored_errors,
    })
}

fn text(saved: &Saved, counts: Counts) -> String {
    format!(
        "snapshot {}: {} files ({}) read, {} ({}) known from earlier ones, {} directories; {} files and {} directories \
         left out by policies\n",
        saved.id,
        counts.files,
        size(counts.bytes),
        counts.cached_files,
        size(counts.cached_bytes),
        counts.directories,
        counts.excluded_files,
        counts.excluded_directories,
    )
}
