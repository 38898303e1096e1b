//! `--wait`: looks at an operation until it has ended, and shows how far it is.

use std::fmt::Display;
use std::io::IsTerminal;
use std::time::Duration;

use anyhow::bail;
use api::Kind;
use cluster::typed;
use tokio::time::sleep;

use super::Session;
use super::output::print;

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

/// Waits until an operation has ended, and gives its last phase. On a terminal one line shows how far it is;
/// called as `velero`, or into a pipe, a dot a second.
pub async fn wait<K: Kind, P: Display>(
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
