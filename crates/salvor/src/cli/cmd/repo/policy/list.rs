//! `repo policy list`.

use clap::Args;
use kopia::manifest::{Manifests, TYPE};
use kopia::policy::Scope;
use serde_json::{Value, json};

use super::super::access::Access;
use super::super::show::Show;
use super::super::work::blocking;
use crate::exit::Exit;

/// List policies
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    show: Show,
}

impl List {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let repository = self.access.open_kopia().await?;
        let policies = blocking(move |_| {
            let manifests = Manifests::load(&repository)?;
            let of = |manifest| {
                let scope = Scope::of(manifest)?.to_string();
                let document: Value = serde_json::from_str(manifest.data()).unwrap_or_default();
                Some((scope, document))
            };
            Ok(manifests.find(&[(TYPE, "policy")]).filter_map(of).collect::<Vec<_>>())
        });
        let policies = policies.await?;
        let rows = policies.iter().map(|(scope, document)| json!({"scope": scope, "policy": document}));
        let facts = json!({"policies": rows.collect::<Vec<_>>()});
        self.show.facts(&facts, || policies.iter().map(|(scope, _)| format!("{scope}\n")).collect())?;
        Ok(Exit::Done)
    }
}
