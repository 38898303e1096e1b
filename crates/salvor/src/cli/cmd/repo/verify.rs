//! `repo verify`.

use std::sync::atomic::AtomicBool;

use clap::Args;
use serde_json::{Value, json};

use super::access::{Access, Opened};
use super::show::{Problems, Show, size};
use super::work::blocking;
use crate::exit::Exit;

/// Read what is in a repository and say what is missing or damaged
#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    access: Access,
    /// How many of a hundred contents are read; restic's are all read
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: u8,
    /// Another number reads another sample
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    sample: u64,
    /// How many packs are read at once
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    threads: usize,
    #[command(flatten)]
    show: Show,
}

/// What was found: facts, the same as a line, and what is wrong.
type Found = (Value, String, Problems);

impl Verify {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let opened = self.access.open().await?;
        let options =
            kopia::verify::Options { percent: self.percent, salt: self.sample, threads: self.threads };
        let found = blocking(move |cancel| match opened {
            Opened::Kopia(repository) => of_kopia(&repository, &options, cancel),
            Opened::Restic(repository) => of_restic(&repository, options.threads, cancel),
        });
        let (facts, text, problems) = found.await?;
        self.show.outcome(facts, &text, &problems)
    }
}

fn of_kopia(
    repository: &kopia::Repository,
    options: &kopia::verify::Options,
    cancel: &AtomicBool,
) -> kopia::Result<Found> {
    let report = kopia::verify::verify(repository, options, cancel)?;
    let facts = json!({
        "snapshots": report.snapshots,
        "contents": report.contents,
        "contentsRead": report.contents_read,
        "bytesRead": report.bytes_read,
    });
    let text = format!(
        "{} snapshots, {} contents, {} of them ({}) read: {} problems\n",
        report.snapshots,
        report.contents,
        report.contents_read,
        size(report.bytes_read),
        report.problem_count,
    );
    let problems = report.problems.iter().map(ToString::to_string);
    Ok((facts, text, Problems::new(report.problem_count, problems)))
}

fn of_restic(repository: &restic::Repository, threads: usize, cancel: &AtomicBool) -> kopia::Result<Found> {
    let report = restic::verify::verify(repository, threads, cancel)?;
    let facts = json!({
        "snapshots": report.snapshots,
        "packs": report.packs,
        "blobs": report.blobs,
        "bytesRead": report.bytes,
    });
    let text = format!(
        "{} snapshots, {} packs, {} blobs ({}) read: {} problems\n",
        report.snapshots,
        report.packs,
        report.blobs,
        size(report.bytes),
        report.problem_count,
    );
    let problems = report.problems.iter().map(ToString::to_string);
    Ok((facts, text, Problems::new(report.problem_count, problems)))
}
