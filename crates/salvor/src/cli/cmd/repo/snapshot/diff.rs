//! `repo snapshot diff`.

use clap::Args;
use kopia::repository::Verified;
use kopia::snapshot::{Change, diff, find};
use serde_json::json;

use super::super::access::Access;
use super::super::show::Show;
use super::super::work::blocking;
use super::named::{all, one};
use crate::exit::Exit;

/// Show the difference of two snapshots
#[derive(Debug, Args)]
pub struct Diff {
    #[command(flatten)]
    access: Access,
    /// The beginning of the earlier snapshot's name
    before: String,
    /// The beginning of the later snapshot's name, or `latest`
    #[arg(default_value = "latest")]
    after: String,
    /// The folder in both
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    path: String,
    #[command(flatten)]
    show: Show,
}

impl Diff {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let repository = self.access.open_kopia().await?;
        let (before, after, path) = (self.before, self.after, self.path);
        let changes = blocking(move |_| {
            let (snapshots, _) = all(&repository)?;
            let contents = Verified(&repository);
            let root = |name: &str| find(&contents, &one(&snapshots, name)?.1.root, &path);
            let mut changes = Vec::new();
            diff(&contents, &root(&before)?, &root(&after)?, &mut |path, change| {
                changes.push((path.to_owned(), word(&change)));
                Ok(())
            })?;
            Ok(changes)
        });
        let changes = changes.await?;
        let rows = changes.iter().map(|(path, change)| json!({"path": path, "change": change}));
        let facts = json!({"changes": rows.collect::<Vec<_>>()});
        self.show.facts(&facts, || {
            changes.iter().map(|(path, change)| format!("{change:<8} {path}\n")).collect()
        })?;
        Ok(Exit::Done)
    }
}

fn word(change: &Change) -> &'static str {
    match change {
        Change::Added(_) => "added",
        Change::Removed(_) => "removed",
        Change::Changed(..) => "changed",
    }
}
