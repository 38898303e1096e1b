//! `repo change-password`.

use std::path::PathBuf;

use clap::Args;
use kopia::{Format, random};
use secrecy::ExposeSecret;

use super::access::{Access, password};
use super::work::blocking;
use crate::cli::output::line;
use crate::exit::Exit;

/// The variable with the new password.
const NEW_PASSWORD: &str = "SALVOR_REPOSITORY_NEW_PASSWORD";

/// Change the password of a repository
#[derive(Debug, Args)]
pub struct ChangePassword {
    #[command(flatten)]
    access: Access,
    /// The file that holds the new password; else it is what SALVOR_REPOSITORY_NEW_PASSWORD says
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,
}

impl ChangePassword {
    /// Runs it. Whoever has the repository open goes on with what it knows.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let new = password(self.new_password_file.as_deref(), NEW_PASSWORD)?;
        let (storage, old) = self.access.storage().await?;
        let change = blocking(move |_| {
            let (old, new) = (old.expose_secret(), new.expose_secret());
            Format::change_password(&*storage, &random::System, old, new)
        });
        change.await?;
        line("Password changed. Whoever has the old one needs the new one from now on.")?;
        Ok(Exit::Done)
    }
}
