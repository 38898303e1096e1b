//! `restore get`.

use api::Kind;
use api::velero::v1::Restore;
use clap::Args;

use crate::cli::output::{OutputFlags, Table};
use crate::cli::selection::Which;
use crate::cli::text::{marked, selector, time_or};
use crate::cli::{Globals, Session};
use crate::exit::Exit;

/// Get restores
#[derive(Debug, Args)]
pub struct Get {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    output: OutputFlags,
}

impl Get {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let session = Session::open(globals, called).await?;
        let restores: Vec<Restore> = self.which.find(&session).await?;
        self.output.show(&restores, |all| table(all, &self.output))?;
        Ok(Exit::Done)
    }
}

fn table(restores: &[Restore], flags: &OutputFlags) -> String {
    let headers =
        ["NAME", "BACKUP", "STATUS", "STARTED", "COMPLETED", "ERRORS", "WARNINGS", "CREATED", "SELECTOR"];
    let mut table = Table::new(flags.headers(&headers));
    for restore in restores {
        let status = &restore.status;
        let leaving = if restore.metadata.deletion_timestamp.is_some() { " (Deleting)" } else { "" };
        let cells = [
            restore.name().to_owned(),
            restore.spec.backup_name.clone(),
            format!("{}{leaving}", marked(status.phase, restore.metadata())),
            time_or(status.start_timestamp.as_ref(), "<nil>"),
            time_or(status.completion_timestamp.as_ref(), "<nil>"),
            status.errors.to_string(),
            status.warnings.to_string(),
            time_or(restore.metadata.creation_timestamp.as_ref(), "<nil>"),
            selector(restore.spec.label_selector.as_ref()),
        ];
        table.row(flags.cells(cells, restore.metadata()));
    }
    table.render()
}
