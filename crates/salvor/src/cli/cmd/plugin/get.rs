//! `plugin get`.

use api::velero::v1::ServerStatusRequest;
use api::{GoDuration, Kind};
use clap::Args;

use crate::cli::output::{Format, Table, line, objects, print, told};
use crate::cli::server_status::ask;
use crate::cli::{Globals, Session, values};
use crate::exit::Exit;

/// Get the server's plugins
#[derive(Debug, Args)]
pub struct Get {
    /// How long to wait for the server
    #[arg(long, value_parser = values::duration, default_value = "5s")]
    timeout: GoDuration,
    /// Print as table, json or yaml
    #[arg(short = 'o', long = "output", value_name = "FORMAT", hide_possible_values = true)]
    output: Option<Format>,
}

impl Get {
    /// Runs it. That the server does not answer is said, and no failure, as with Velero.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let session = Session::open(globals, called).await?;
        match ask(&session, self.timeout).await {
            Ok(answer) => match self.output {
                None | Some(Format::Table) => print(&table(&answer))?,
                Some(format) => print(&objects(format, "ServerStatusRequest", vec![answer.to_document()])?)?,
            },
            Err(error) => line(&format!("<error getting plugin information: {}>", told(&error)))?,
        }
        Ok(Exit::Done)
    }
}

fn table(answer: &ServerStatusRequest) -> String {
    let mut plugins: Vec<_> = answer.status.plugins.iter().map(|of| (&of.kind, &of.name)).collect();
    plugins.sort();
    let mut table = Table::new(["NAME", "KIND"]);
    plugins.into_iter().for_each(|(kind, name)| table.row([name, kind]));
    table.render()
}
