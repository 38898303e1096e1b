//! `repo copy`.

use std::path::PathBuf;

use clap::Args;
use kopia::Writer;
use kopia::compression::Compression;
use kopia::copy::Copier;
use serde_json::json;

use super::access::Access;
use super::show::{Problems, Show};
use super::snapshot::named::{all, chosen};
use super::work::blocking;
use crate::exit::Exit;

/// Copy snapshots into another repository
#[derive(Debug, Args)]
pub struct Copy {
    #[command(flatten)]
    access: Access,
    /// The beginnings of the names of the snapshots; all if there are none
    #[arg(value_name = "SNAPSHOT")]
    snapshots: Vec<String>,
    /// The other repository, which is reached with the same settings and keys
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// The file that holds the other one's password; else it is what SALVOR_REPOSITORY_PASSWORD says
    #[arg(long, value_name = "FILE")]
    to_password_file: Option<PathBuf>,
    /// What files are compressed with there
    #[arg(long, value_name = "NAME", value_parser = compression)]
    compression: Option<String>,
    /// How many things are copied at once
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    threads: usize,
    #[command(flatten)]
    show: Show,
}

fn compression(name: &str) -> Result<String, String> {
    Compression::named(name).map(|_| name.to_owned()).ok_or_else(|| format!("{name:?} is not known"))
}

impl Copy {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let from = self.access.open_kopia().await?;
        let other = self.access.with_address(&self.to, self.to_password_file.clone());
        let to = other.open_kopia().await?;
        let (names, threads, compression) = (self.snapshots, self.threads, self.compression);
        let copied = blocking(move |cancel| {
            let (snapshots, unread) = all(&from)?;
            let writer = Writer::new(to)?;
            let compression = compression.as_deref().and_then(Compression::named);
            let copier = Copier::new(&from, &writer, threads, compression, cancel);
            let mut copied = Vec::new();
            for (id, snapshot) in chosen(snapshots, &names)? {
                copied.push((id, copier.copy(&snapshot)?));
            }
            Ok((copied, unread))
        });
        let (copied, unread) = copied.await?;
        let rows = copied.iter().map(|(from, to)| json!({"from": from, "to": to}));
        let facts = json!({"copied": rows.collect::<Vec<_>>()});
        let text: String = copied.iter().map(|(from, to)| format!("{from} is {to} there\n")).collect();
        let problems = unread.iter().map(ToString::to_string);
        self.show.outcome(facts, &text, &Problems::new(unread.len() as u64, problems))
    }
}
