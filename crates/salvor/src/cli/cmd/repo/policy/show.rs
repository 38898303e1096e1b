//! `repo policy show`.

use anyhow::Context;
use clap::Args;
use kopia::manifest::Manifests;
use kopia::policy::Scope;
use serde_json::Value;

use super::super::access::Access;
use super::super::work::blocking;
use crate::cli::output::print;
use crate::exit::Exit;

/// Print a policy
#[derive(Debug, Args)]
pub struct ShowPolicy {
    #[command(flatten)]
    access: Access,
    /// What it is for: (global), @HOST, USER@HOST or USER@HOST:PATH
    #[arg(default_value = "(global)")]
    scope: Scope,
}

impl ShowPolicy {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let repository = self.access.open_kopia().await?;
        let scope = self.scope;
        let found = blocking(move |_| {
            let manifests = Manifests::load(&repository)?;
            Ok(scope.find(&manifests).map(|manifest| manifest.data().to_owned()))
        });
        let document =
            found.await?.context("there is no such policy; what it does not say, kopia's defaults say")?;
        let document: Value = serde_json::from_str(&document)?;
        print(&(serde_json::to_string_pretty(&document)? + "\n"))?;
        Ok(Exit::Done)
    }
}
