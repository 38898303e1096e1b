//! `repo rebuild-indexes`.

use clap::Args;
use kopia::{random, recover};
use secrecy::ExposeSecret;
use serde_json::json;

use super::access::Access;
use super::show::{Problems, Show};
use super::work::blocking;
use crate::exit::Exit;

/// Make the indexes anew from what the packs say, where they are lost or damaged
#[derive(Debug, Args)]
pub struct RebuildIndexes {
    #[command(flatten)]
    access: Access,
    /// How many packs are read at once
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    threads: usize,
    #[command(flatten)]
    show: Show,
}

impl RebuildIndexes {
    /// Runs it. Nobody may write meanwhile.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let (storage, password) = self.access.storage().await?;
        let threads = self.threads;
        let report = blocking(move |_| {
            recover::rebuild_indexes(&storage, &random::System, password.expose_secret(), threads)
        });
        let report = report.await?;
        let facts = json!({
            "packs": report.packs,
            "contents": report.contents,
            "deletedIndexes": report.deleted,
        });
        let text = format!(
            "{} contents of {} packs are in the index; {} damaged index blobs deleted\n",
            report.contents,
            report.packs,
            report.deleted.len(),
        );
        let problems = report.problems.iter().map(ToString::to_string);
        self.show.outcome(facts, &text, &Problems::new(report.problems.len() as u64, problems))
    }
}
