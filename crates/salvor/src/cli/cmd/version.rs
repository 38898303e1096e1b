//! `version`.

use api::{GoDuration, labels};
use clap::Args;

use crate::cli::output::{line, print, told};
use crate::cli::server_status::ask;
use crate::cli::{Globals, Session, values};
use crate::exit::Exit;
use crate::process;

/// Print the versions of this program and of the server
#[derive(Debug, Args)]
pub struct Version {
    /// How long to wait for the server
    #[arg(long, value_parser = values::duration, default_value = "5s")]
    timeout: GoDuration,
    /// Do not ask the server
    #[arg(long)]
    client_only: bool,
}

impl Version {
    /// Runs it. That the server does not answer is said, and no failure, as with Velero.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        print(&client(process::COMMIT))?;
        if self.client_only {
            return Ok(Exit::Done);
        }
        match self.server(globals, called).await {
            Ok(version) => print(&server(&version))?,
            Err(error) => line(&format!("<error getting server version: {}>", told(&error)))?,
        }
        Ok(Exit::Done)
    }

    async fn server(&self, globals: &Globals, called: &str) -> anyhow::Result<String> {
        let session = Session::open(globals, called).await?;
        Ok(ask(&session, self.timeout).await?.status.server_version)
    }
}

/// The lines about this program; which commit it is of, it says only where that is known.
fn client(commit: Option<&str>) -> String {
    let commit = commit.map(|commit| format!("\tGit commit: {commit}\n")).unwrap_or_default();
    format!("Client:\n\tVersion: {}\n{commit}", labels::SERVER_VERSION)
}

/// The lines about the server, with a warning where its version is another one.
fn server(version: &str) -> String {
    let (ours, theirs) = (minor(labels::SERVER_VERSION), minor(version));
    let lines = format!("Server:\n\tVersion: {version}\n");
    if ours == theirs {
        return lines;
    }
    let older = if ours < theirs { "client" } else { "server" };
    format!("{lines}# WARNING: the client version does not match the server version. Please update {older}\n")
}

/// The major and the minor number of a version.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.strip_prefix('v')?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_is_said_where_it_is_known() {
        let version = format!("Client:\n\tVersion: {}\n", labels::SERVER_VERSION);
        assert_eq!(client(None), version);
        assert_eq!(client(Some("abc-dirty")), format!("{version}\tGit commit: abc-dirty\n"));
    }

    #[test]
    fn only_another_minor_version_is_warned_about() {
        assert_eq!(server("v1.18.0"), "Server:\n\tVersion: v1.18.0\n");
        assert!(server("v1.17.2").ends_with("Please update server\n"));
        assert!(server("v1.19.0").ends_with("Please update client\n"));
    }
}
