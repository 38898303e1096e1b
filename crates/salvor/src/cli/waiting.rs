//! `--wait`: looks at an operation until it has ended, and shows how far it is.

use std::fmt::Display;
use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Context, bail};
use api::Kind;
use cluster::clock::Deadline;
use cluster::{Cluster, typed};
use tokio::time::sleep;

use super::Session;
use super::logs::REFUSED;
use super::output::{error_line, line, print};
use crate::exit::Exit;
use crate::problems::remedy;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the API server may leave us without any answer: long enough for a control plane that is being upgraded.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where an operation stands.
pub struct Progress<P> {
    /// Its phase.
    pub phase: P,
    /// Whether that is an end.
    pub ended: bool,
    /// How many objects are done, and of how many, where that is known.
    pub counts: Option<(isize, isize)>,
    /// What a user should know of how it ended, and the phase does not say.
    pub remarks: Vec<String>,
}

/// What is to be said of an operation that ended with these.
pub fn remarks(validation_errors: &[String], errors: isize, warnings: isize) -> Vec<String> {
    let counted = |count: isize, what: &str| {
        (count > 0).then(|| format!("{count} {what}{}", if count == 1 { "" } else { "s" }))
    };
    let numbers: Vec<String> =
        [counted(errors, "error"), counted(warnings, "warning")].into_iter().flatten().collect();
    let numbers = (!numbers.is_empty()).then(|| format!("It has {}.", numbers.join(" and ")));
    let with_remedy = |error: &String| [Some(error.clone()), remedy(error).map(str::to_owned)];
    validation_errors.iter().flat_map(with_remedy).flatten().chain(numbers).collect()
}

/// What a look gave.
pub enum Seen<P> {
    /// Where the operation stands.
    Progress(Progress<P>),
    /// No answer, for the first time since the last one.
    NoAnswer(cluster::Error),
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
    let live = std::io::stdout().is_terminal() && !session.is_velero();
    let (phase, remarks) =
        wait((&session.cluster, &session.namespace, name), look, |seen| show(&seen, live)).await?;
    let phase = phase.to_string();
    print("\n")?;
    let more = match phase.as_str() {
        // It has no log, and never will have one.
        REFUSED if !session.is_velero() => format!("command {commands}"),
        _ => format!("commands {commands} and `{called} {what} logs {name}`"),
    };
    line(&format!(
        "{kind} completed with status: {phase}. You may check for more information using the {more}."
    ))?;
    remarks.iter().for_each(|remark| error_line(remark));
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

/// Waits until an operation has ended, and gives its last phase, with what else there is to say. A server that does not answer is asked again; that
/// the operation is not there any more ends the wait.
pub async fn wait<K: Kind, P: Display>(
    (cluster, namespace, name): (&dyn Cluster, &str, &str),
    look: impl Fn(&K) -> Progress<P>,
    mut show: impl FnMut(Seen<&P>) -> anyhow::Result<()>,
) -> anyhow::Result<(P, Vec<String>)> {
    let mut silence: Option<Deadline> = None;
    loop {
        match typed::find::<K>(cluster, namespace, name).await {
            Ok(None) => bail!("{} {name:?} is gone", K::KIND),
            Ok(Some(object)) => {
                silence = None;
                let Progress { phase, ended, counts, remarks } = look(&object);
                show(Seen::Progress(Progress { phase: &phase, ended, counts, remarks: Vec::new() }))?;
                if ended {
                    return Ok((phase, remarks));
                }
            }
            Err(error) if error.is_transient() => match silence {
                None => {
                    silence = Some(Deadline::after(PATIENCE));
                    show(Seen::NoAnswer(error))?;
                }
                Some(end) if end.has_passed() => {
                    let context = format!("no answer for {} minutes", PATIENCE.as_secs() / 60);
                    return Err(error).context(context);
                }
                Some(_) => {}
            },
            Err(error) => return Err(error.into()),
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Shows what was seen. On a terminal one line says how far the operation is; called as `velero`, or into a pipe, a dot
/// a second.
fn show<P: Display>(seen: &Seen<P>, live: bool) -> anyhow::Result<()> {
    match seen {
        Seen::Progress(progress) => print(&if live { status(progress) } else { ".".to_owned() }),
        Seen::NoAnswer(error) => {
            // What is shown so far has no end of line.
            print("\n")?;
            error_line(&format!("failed to {error}; asking again until there is an answer"));
            Ok(())
        }
    }
}

fn status<P: Display>(progress: &Progress<P>) -> String {
    let counts =
        progress.counts.map_or_else(String::new, |(done, total)| format!("  {done} of {total} objects"));
    format!("\r\x1b[K{}{counts}", progress.phase)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use api::velero::v1::{Backup, BackupPhase};
    use cluster::ErrorKind;
    use cluster::clock::instant;
    use cluster::fake::{FakeCluster, Fault, Faulty};
    use serde_json::json;

    use super::*;

    const BEGUN: BackupPhase = BackupPhase::InProgress;

    /// What was seen while waiting for a backup that is in progress, and how that ended; meanwhile `then` happens.
    async fn waited(
        fault: Option<Fault>,
        then: impl AsyncFnOnce(&FakeCluster),
    ) -> (Vec<String>, anyhow::Result<BackupPhase>) {
        let fake = FakeCluster::new();
        fake.define(&Backup::resource_type());
        let mut backup = Backup::new("default", "b");
        backup.status.phase = BEGUN;
        fake.seed([backup.to_document()]);
        let cluster = Faulty::new(Arc::new(fake.clone()), fault);
        let mut seen = Vec::new();
        let look = |backup: &Backup| {
            let phase = backup.status.phase;
            Progress { phase, ended: phase.is_terminal(), counts: None, remarks: Vec::new() }
        };
        let show = |look: Seen<&BackupPhase>| {
            seen.push(match look {
                Seen::Progress(progress) => progress.phase.to_string(),
                Seen::NoAnswer(error) => error.to_string(),
            });
            Ok(())
        };
        let (end, ()) = futures::join!(wait((&cluster, "default", "b"), look, show), then(&fake));
        seen.dedup();
        (seen, end.map(|(phase, _)| phase))
    }

    async fn completed(fake: &FakeCluster) {
        let status = json!({"phase": "Completed"});
        typed::patch_status::<Backup>(fake, "default", "b", &status).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_away_for_minutes_is_waited_for_and_that_is_said_once() {
        let away = Fault::call(3).times(500);
        let then = async |fake: &FakeCluster| {
            sleep(Duration::from_secs(300)).await;
            completed(fake).await;
        };
        let (seen, end) = waited(Some(away), then).await;
        assert_eq!(end.unwrap(), BackupPhase::Completed);
        assert_eq!(seen, ["InProgress", "get backups.velero.io default/b: injected fault", "Completed"]);
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_and_begins_anew_with_each_answer() {
        let start = instant();
        let (seen, end) = waited(Some(Fault::call(61).then_dead()), async |_| {}).await;
        let error = format!("{:#}", end.unwrap_err());
        assert!(error.starts_with("no answer for 10 minutes: get backups.velero.io default/b"), "{error}");
        assert_eq!(seen.len(), 2, "{seen:?}");
        let waited = start.elapsed();
        assert!(waited >= PATIENCE + Duration::from_secs(60), "{waited:?}");
        assert!(waited <= PATIENCE + Duration::from_secs(62), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_operation_that_is_deleted_ends_the_wait_at_once() {
        let start = instant();
        let then = async |fake: &FakeCluster| {
            sleep(Duration::from_secs(5)).await;
            typed::delete::<Backup>(fake, "default", "b").await.unwrap();
        };
        let (_, end) = waited(None, then).await;
        assert_eq!(end.unwrap_err().to_string(), "Backup \"b\" is gone");
        assert!(start.elapsed() <= Duration::from_secs(6));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_no_silence() {
        let (seen, end) = waited(Some(Fault::call(2).with(ErrorKind::Forbidden)), async |_| {}).await;
        assert!(end.is_err());
        assert_eq!(seen, ["InProgress"]);
    }

    #[test]
    fn waiting_ends_by_the_outcome_and_as_velero_always_well() {
        for (phase, expected) in
            [("Completed", Exit::Done), ("PartiallyFailed", Exit::Incomplete), ("Failed", Exit::Failed)]
        {
            assert_eq!((exit(false, phase), exit(true, phase)), (expected, Exit::Done), "{phase}");
        }
    }

    #[test]
    fn what_the_phase_does_not_say_is_said() {
        assert!(remarks(&[], 0, 0).is_empty());
        assert_eq!(remarks(&[], 1, 0), ["It has 1 error."]);
        assert_eq!(remarks(&["no name".to_owned()], 2, 1), ["no name", "It has 2 errors and 1 warning."]);
        let moved = "nothing was restored (SLV-6004)".to_owned();
        let remedy = engine::preview::problems::PLAN_MOVED.remedy;
        assert_eq!(remarks(std::slice::from_ref(&moved), 0, 0), [moved.as_str(), remedy]);
    }
}
