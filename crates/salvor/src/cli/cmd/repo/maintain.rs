//! `repo maintain`.

use clap::Args;
use kopia::maintenance::{Maintainer, Mode, Report, Safety};
use serde_json::{Value, json};

use super::access::Access;
use super::identity::Identity;
use super::show::{Show, size};
use super::work::blocking;
use crate::exit::Exit;

/// Delete what nothing needs any more, and merge indexes
#[derive(Debug, Args)]
pub struct Maintain {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    identity: Identity,
    /// Merge indexes only, due or not
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// Do everything, due or not; without --quick and --full, what is due is done
    #[arg(long)]
    full: bool,
    /// Become the one who maintains the repository
    #[arg(long)]
    take_over: bool,
    /// Wait for nobody who may still write or read: only where nobody else uses the repository
    #[arg(long)]
    without_margins: bool,
    /// How many things are done at once
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    threads: usize,
    #[command(flatten)]
    show: Show,
}

impl Maintain {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let repository = self.access.open_kopia().await?;
        let mode = match (self.quick, self.full) {
            (true, _) => Mode::Quick,
            (_, true) => Mode::Full,
            _ => Mode::Auto,
        };
        let safety = if self.without_margins { Safety::NONE } else { Safety::FULL };
        let maintainer = Maintainer::new(repository, self.identity.user(), self.identity.host())
            .with_safety(safety)
            .with_threads(self.threads);
        let takes_over = self.take_over;
        let report = blocking(move |_| {
            if takes_over {
                maintainer.take_over()?;
            }
            maintainer.run(mode)
        });
        let report = report.await?;
        self.show.facts(&facts(&report), || text(&report))?;
        Ok(Exit::Done)
    }
}

fn facts(report: &Report) -> Value {
    json!({
        "mode": report.mode.map(name),
        "contentsDeleted": report.contents_deleted,
        "contentsRecovered": report.contents_recovered,
        "contentsRewritten": report.contents_rewritten,
        "droppedBefore": report.dropped_before.map(|time| time.to_string()),
        "blobsDeleted": report.blobs_deleted,
        "bytesDeleted": report.bytes_deleted,
        "epochBegun": report.epoch_begun,
        "indexesMerged": report.indexes_merged,
        "indexBlobsDeleted": report.index_blobs_deleted,
        "logsDeleted": report.logs_deleted,
    })
}

fn name(mode: Mode) -> &'static str {
    match mode {
        Mode::Auto => "auto",
        Mode::Quick => "quick",
        Mode::Full => "full",
    }
}

fn text(report: &Report) -> String {
    let Some(mode) = report.mode else {
        return "Nothing is due, or somebody else is at it.\n".to_owned();
    };
    format!(
        "{} maintenance: {} contents marked as deleted, {} taken back, {} moved; {} blobs ({}) deleted; {} indexes \
         merged, {} deleted\n",
        name(mode),
        report.contents_deleted,
        report.contents_recovered,
        report.contents_rewritten,
        report.blobs_deleted,
        size(report.bytes_deleted),
        report.indexes_merged,
        report.index_blobs_deleted,
    )
}
