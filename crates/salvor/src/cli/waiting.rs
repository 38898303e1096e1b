//! `--wait`: looks at an operation until it has ended, and shows how far it is.

use std::fmt::Display;
use std::io::IsTerminal;
use std::time::Duration;

use anyhow::bail;
use api::Kind;
use cluster::typed;
use tokio::time::sleep;

use super::Session;
use super::output::{line, print};
use crate::exit::Exit;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where an operation stands.
pub struct Progress<P> {
    /// Its phase.
    pub phase: P,
    /// Whether that is an end.
    pub ended: bool,
    /// How many objects are done, and of how many, where that is known.
    pub counts: Option<(isize, isize)>,
}

/// Tells the user of an operation that was asked for; waits for its end if that is wanted, and says how it ended.
pub async fn follow<K: Kind, P: Display>(
    session: &Session,
    name: &str,
    wanted: bool,
    look: impl Fn(&K) -> Progress<P>,
) -> anyhow::Result<Exit> {
    let (kind, what, called) = (K::KIND, K::KIND.to_lowercase(), &session.called);
    let commands = format!("`{called} {what} describe {name}`");
    line(&format!("{kind} request \"{name}\" submitted successfully."))?;
    if !wanted {
        line(&format!("Run {commands} or `{called} {what} logs {name}` for more details."))?;
        return Ok(Exit::Done);
    }
    line(&format!(
        "Waiting for {what} to complete. You may safely press ctrl-c to stop waiting - your {what} will \
         continue in the background."
    ))?;
    let phase = wait(session, name, look).await?.to_string();
    line(&format!(
        "{kind} completed with status: {phase}. You may check for more information using the commands \
         {commands} and `{called} {what} logs {name}`."
    ))?;
    Ok(exit(session.is_velero(), &phase))
}

/// How `--wait` ends: Velero's program says 0 whatever became of the operation; ours says what became of it.
fn exit(is_velero: bool, phase: &str) -> Exit {
    match phase {
        _ if is_velero => Exit::Done,
        "Completed" => Exit::Done,
        "PartiallyFailed" => Exit::Incomplete,
        _ => Exit::Failed,
    }
}

/// Waits until an operation has ended, and gives its last phase. On a terminal one line shows how far it is;
/// called as `velero`, or into a pipe, a dot a second.
async fn wait<K: Kind, P: Display>(
    session: &Session,
    name: &str,
    look: impl Fn(&K) -> Progress<P>,
) -> anyhow::Result<P> {
    let live = std::io::stdout().is_terminal() && !session.is_velero();
    loop {
        let Some(object) = typed::find::<K>(&session.cluster, &session.namespace, name).await? else {
            bail!("{} {name:?} is gone", K::KIND);
        };
        let progress = look(&object);
        print(&if live { status(&progress) } else { ".".to_owned() })?;
        if progress.ended {
            print("\n")?;
            return Ok(progress.phase);
        }
        sleep(LOOK_EVERY).await;
    }
}

fn status<P: Display>(progress: &Progress<P>) -> String {
    let counts =
        progress.counts.map_or_else(String::new, |(done, total)| format!("  {done} of {total} objects"));
    format!("\r\x1b[K{}{counts}", progress.phase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_by_the_outcome_and_as_velero_always_well() {
        for (phase, expected) in
            [("Completed", Exit::Done), ("PartiallyFailed", Exit::Incomplete), ("Failed", Exit::Failed)]
        {
            assert_eq!((exit(false, phase), exit(true, phase)), (expected, Exit::Done), "{phase}");
        }
    }
}
