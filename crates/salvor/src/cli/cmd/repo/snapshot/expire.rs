//! `repo snapshot expire`.

use std::collections::BTreeMap;

use clap::Args;
use kopia::manifest::Manifests;
use kopia::policy::Effective;
use kopia::retention::expired;
use kopia::snapshot::{Snapshot, Source};
use kopia::{Repository, Result};
use serde_json::json;

use super::super::access::Access;
use super::super::identity::Identity;
use super::super::show::{Problems, Show};
use super::super::work::blocking;
use super::delete::delete;
use super::named::{Named, all};
use crate::exit::Exit;

/// Delete the snapshots that the policies do not keep
#[derive(Debug, Args)]
pub struct Expire {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    identity: Identity,
    /// Delete them; without it, they are only named
    #[arg(long)]
    delete: bool,
    #[command(flatten)]
    show: Show,
}

impl Expire {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let repository = self.access.open_kopia().await?;
        let (user, host) = (self.identity.user().to_owned(), self.identity.host().to_owned());
        let deletes = self.delete;
        let gone = blocking(move |_| {
            let (snapshots, unread) = all(&repository)?;
            let ids = not_kept(&repository, snapshots)?;
            if deletes && !ids.is_empty() {
                delete(&repository, &ids, &user, &host)?;
            }
            Ok((ids, unread))
        });
        let (ids, unread) = gone.await?;
        let what = if deletes { "deleted" } else { "would be deleted with --delete" };
        let text: String = ids.iter().map(|id| format!("snapshot {id} {what}\n")).collect();
        let problems = Problems::new(unread.len() as u64, unread.iter().map(ToString::to_string));
        self.show.outcome(json!({"expired": ids, "deleted": deletes}), &text, &problems)
    }
}

/// The snapshots that the policy of their source does not keep.
fn not_kept(repository: &Repository, snapshots: Vec<Named>) -> Result<Vec<String>> {
    let manifests = Manifests::load(repository)?;
    let mut by_source: BTreeMap<(String, String, String), Vec<Named>> = BTreeMap::new();
    for named in snapshots {
        let Source { host, user, path } = named.1.source.clone();
        by_source.entry((host, user, path)).or_default().push(named);
    }
    let mut gone = Vec::new();
    for ((host, user, path), of_source) in by_source {
        let keep = Effective::of(&manifests, &Source { host, user, path })?.retention();
        let (ids, of_source): (Vec<String>, Vec<Snapshot>) = of_source.into_iter().unzip();
        gone.extend(expired(&of_source, &keep).into_iter().map(|place| ids[place].clone()));
    }
    Ok(gone)
}
