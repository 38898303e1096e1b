//! `restore apply`: executes a plan that was looked at, and nothing else.

use std::io::Read;

use anyhow::Context;
use api::velero::v1::{Restore, RestorePhase, RestoreSpec};
use api::{Kind, labels};
use clap::Args;
use cluster::typed;
use engine::preview::problems::PLAN_MOVED;
use engine::preview::restore::KIND;
use engine::preview::{RestorePreview, moved};
use jiff::tz::TimeZone;

use super::create::progress;
use crate::cli::dry_run::{read, refuse_others, report_of_restore};
use crate::cli::output::error_line;
use crate::cli::waiting::{Progress, Seen, follow, wait};
use crate::cli::{Globals, Session};
use crate::exit::Exit;
use crate::problems::remedy;

/// What has moved is listed up to this many lines.
const MOVED_MAX: usize = 20;

/// Execute a plan of `restore create --dry-run -o json`, if it still holds
#[derive(Debug, Args)]
pub struct Apply {
    /// The name of the restore [default: that of the backup, and the time]
    name: Option<String>,
    /// What `restore create --dry-run -o json` has printed; - for the standard input
    #[arg(long, value_name = "FILE")]
    plan: String,
    /// Wait until the restore has ended
    #[arg(short = 'w', long)]
    wait: bool,
}

impl Apply {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let plan = self.plan().with_context(|| format!("read the plan {:?}", self.plan))?;
        let session = Session::open(globals, called).await?;
        refuse_others(&session).await?;
        let restore = self.restore(&session, &plan);
        typed::create(&session.cluster, &restore).await?;
        if decided(&session, restore.name()).await? == RestorePhase::FailedValidation {
            return Ok(refused(&session, restore.name(), &plan).await);
        }
        follow(&session, restore.name(), self.wait, progress).await
    }

    fn plan(&self) -> anyhow::Result<RestorePreview> {
        let mut text = Vec::new();
        match self.plan.as_str() {
            "-" => std::io::stdin().read_to_end(&mut text).map(drop)?,
            file => text = std::fs::read(file)?,
        }
        read(&text, KIND)
    }

    fn restore(&self, session: &Session, plan: &RestorePreview) -> Restore {
        let name = self.name.clone().unwrap_or_else(|| {
            let stamp = session.now().to_zoned(TimeZone::system()).strftime("%Y%m%d%H%M%S").to_string();
            format!("{}-{stamp}", plan.asked.backup)
        });
        as_planned(Restore::new(&session.namespace, &name), plan)
    }
}

/// The restore that may only execute `plan`. Of the schedule, the backup that was looked at is named already.
fn as_planned(mut restore: Restore, plan: &RestorePreview) -> Restore {
    restore.spec = RestoreSpec {
        backup_name: plan.asked.backup.clone(),
        schedule_name: String::new(),
        ..plan.asked.spec.clone()
    };
    let expected = (labels::EXPECTED_PLAN.to_owned(), plan.outcome.digest.clone());
    restore.metadata.annotations = Some([expected].into());
    restore
}

/// Waits until the server has refused the plan, or has begun with it.
async fn decided(session: &Session, name: &str) -> anyhow::Result<RestorePhase> {
    let look = |restore: &Restore| {
        let status = &restore.status;
        let ended = status.phase.is_terminal() || status.progress.is_some();
        Progress { phase: status.phase, ended, counts: None, remarks: Vec::new() }
    };
    let silent = |seen: Seen<&RestorePhase>| {
        if let Seen::NoAnswer(error) = seen {
            error_line(&format!("failed to {error}; asking again until there is an answer"));
        }
        Ok(())
    };
    Ok(wait((&session.cluster, &session.namespace, name), look, silent).await?.0)
}

/// Says why a restore was refused, and what has moved since the plan was made.
async fn refused(session: &Session, name: &str, plan: &RestorePreview) -> Exit {
    let restore = typed::get::<Restore>(&session.cluster, &session.namespace, name).await;
    let errors = restore.map(|restore| restore.status.validation_errors).unwrap_or_default();
    error_line(&format!("Restore {name} was refused: {}", errors.join("; ")));
    // What was refused for something else has no report.
    if errors.iter().any(|error| error.contains(PLAN_MOVED.id)) {
        say_what_moved(session, name, plan).await;
    }
    errors.iter().filter_map(|error| remedy(error)).for_each(error_line);
    Exit::Failed
}

async fn say_what_moved(session: &Session, name: &str, plan: &RestorePreview) {
    match report_of_restore(session, name).await {
        Ok(now) => {
            let moved = moved(plan, &now);
            moved.iter().take(MOVED_MAX).for_each(|what| error_line(&format!("  {what}")));
            if moved.len() > MOVED_MAX {
                error_line(&format!("  and {} more", moved.len() - MOVED_MAX));
            }
        }
        Err(error) => error_line(&format!("  what has moved cannot be told: {error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_restore_of_a_plan_asks_for_the_same_and_names_the_plan() {
        let plan: RestorePreview = serde_json::from_value(json!({
            "v": 1, "kind": "RestorePreview", "objects": [],
            "asked": {"backup": "nightly-1", "archive": "ab", "spec": {"backupName": "nightly-1",
                "scheduleName": "nightly", "includedNamespaces": ["shop"]}},
            "outcome": {"digest": "sha256:00", "leftOut": [], "volumes": [], "problems": [], "dataLost": [],
                "missing": {"types": [], "storageClasses": [], "owners": []},
                "counts": {"create": 0, "update": 0, "keep": 0, "same": 0, "refused": 0, "unknown": 0, "leftOut": 0}},
        }))
        .unwrap();
        let restore = as_planned(Restore::new("velero", "r"), &plan).to_document();
        assert_eq!(restore["metadata"]["annotations"], json!({"salvor.io/expected-plan": "sha256:00"}));
        assert_eq!(restore["spec"]["backupName"], "nightly-1");
        assert_eq!(restore["spec"].get("scheduleName"), None);
        assert_eq!(restore["spec"]["includedNamespaces"], json!(["shop"]));
    }
}
