//! `repo create`.

use clap::Args;
use kopia::format::Options;
use kopia::maintenance::Maintainer;

use super::access::Access;
use super::identity::Identity;
use super::show::Show;
use super::status;
use super::work::blocking;
use crate::exit::Exit;

/// Create a repository
#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    identity: Identity,
    /// The hash that names contents
    #[arg(long, value_name = "NAME")]
    hash: Option<String>,
    /// The encryption of contents
    #[arg(long, value_name = "NAME")]
    encryption: Option<String>,
    /// How files are cut into contents
    #[arg(long, value_name = "NAME")]
    splitter: Option<String>,
    /// Use only algorithms that FIPS 140 approves of
    #[arg(long)]
    approved: bool,
    #[command(flatten)]
    show: Show,
}

impl Create {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let repository = self.access.create(self.options()).await?;
        let maintainer = Maintainer::new(repository.clone(), self.identity.user(), self.identity.host());
        let facts = blocking(move |_| {
            maintainer.take_over()?;
            status::of_kopia(&repository)
        });
        let facts = facts.await?;
        self.show.facts(&facts, || status::sheet(&facts))?;
        Ok(Exit::Done)
    }

    fn options(&self) -> Options {
        let defaults = if self.approved { Options::approved() } else { Options::default() };
        Options {
            hash: self.hash.clone().unwrap_or(defaults.hash),
            encryption: self.encryption.clone().unwrap_or(defaults.encryption),
            splitter: self.splitter.clone().unwrap_or(defaults.splitter),
            ..defaults
        }
    }
}
