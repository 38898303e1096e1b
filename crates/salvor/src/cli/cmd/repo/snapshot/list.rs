//! `repo snapshot list`.

use clap::Args;
use kopia::snapshot::Snapshot;
use serde_json::{Value, json};

use super::super::access::{Access, Opened};
use super::super::show::{Problems, Show, moment, size};
use super::super::work::blocking;
use super::named::all;
use crate::cli::output::Table;
use crate::exit::Exit;

/// List snapshots
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    access: Access,
    /// Only those of this path
    #[arg(long, value_name = "PATH")]
    source_path: Option<String>,
    #[command(flatten)]
    show: Show,
}

impl List {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let opened = self.access.open().await?;
        let listed = blocking(move |_| match &opened {
            Opened::Kopia(repository) => {
                let (snapshots, unread) = all(repository)?;
                Ok((
                    snapshots.iter().map(|(id, snapshot)| of_kopia(id, snapshot)).collect::<Vec<_>>(),
                    unread,
                ))
            }
            Opened::Restic(repository) => {
                Ok((repository.snapshots()?.iter().map(of_restic).collect(), Vec::new()))
            }
        });
        let (mut rows, unread) = listed.await?;
        if let Some(path) = &self.source_path {
            rows.retain(|row| row["path"].as_str() == Some(path));
        }
        let problems = Problems::new(unread.len() as u64, unread.iter().map(ToString::to_string));
        let text = table(&rows);
        self.show.outcome(json!({"snapshots": rows}), &text, &problems)
    }
}

fn of_kopia(id: &str, snapshot: &Snapshot) -> Value {
    let summary = snapshot.root.summary.clone().unwrap_or_default();
    json!({
        "id": id,
        "time": snapshot.started.to_string(),
        "shown": moment(snapshot.started),
        "host": snapshot.source.host,
        "user": snapshot.source.user,
        "path": snapshot.source.path,
        "description": snapshot.description,
        "incomplete": snapshot.incomplete,
        "tags": snapshot.tags,
        "pins": snapshot.pins,
        "root": snapshot.root.object.map(|object| object.to_string()),
        "files": summary.files,
        "bytes": summary.size,
        "failed": summary.failed,
    })
}

fn of_restic(snapshot: &restic::Snapshot) -> Value {
    json!({
        "id": snapshot.id,
        "time": snapshot.time.to_string(),
        "shown": moment(snapshot.time),
        "host": snapshot.hostname,
        "user": snapshot.username,
        "path": snapshot.paths.join(", "),
        "tags": snapshot.tags,
        "root": snapshot.tree.to_string(),
    })
}

fn table(rows: &[Value]) -> String {
    let mut table = Table::new(["ID", "TIME", "SOURCE", "FILES", "SIZE", "STATE"]);
    for row in rows {
        let text = |field: &str| row[field].as_str().unwrap_or_default();
        let number = |field: &str| row[field].as_u64();
        let state = match (text("incomplete"), number("failed").unwrap_or_default()) {
            ("", 0) => "whole".to_owned(),
            ("", failed) => format!("{failed} failed"),
            (why, _) => why.to_owned(),
        };
        table.row([
            text("id").get(..12).unwrap_or(text("id")).to_owned(),
            text("shown").to_owned(),
            format!("{}@{}:{}", text("user"), text("host"), text("path")),
            number("files").map_or_else(|| "-".to_owned(), |count| count.to_string()),
            number("bytes").map_or_else(|| "-".to_owned(), size),
            state,
        ]);
    }
    table.render()
}
