//! What the server says about itself: a ServerStatusRequest, and its answer.

use std::time::Duration;

use anyhow::bail;
use api::velero::v1::{ServerStatusRequest, ServerStatusRequestPhase};
use api::{GoDuration, Kind};
use cluster::clock::Deadline;
use cluster::typed;
use tokio::time::sleep;

use super::Session;

/// How often the request is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Asks the server, and waits for its answer.
pub async fn ask(session: &Session, timeout: GoDuration) -> anyhow::Result<ServerStatusRequest> {
    let deadline = Deadline::after(timeout.to_std().unwrap_or_default());
    let mut request = ServerStatusRequest::new(&session.namespace, "");
    request.metadata.name = None;
    request.metadata.generate_name = Some("velero-cli-".to_owned());
    let name = typed::create(&session.cluster, &request).await?.name().to_owned();
    while !deadline.has_passed() {
        let answer: ServerStatusRequest = typed::get(&session.cluster, &session.namespace, &name).await?;
        if answer.status.phase == ServerStatusRequestPhase::Processed {
            return Ok(answer);
        }
        sleep(LOOK_EVERY).await;
    }
    bail!("timed out: no server answers in namespace {:?}", session.namespace)
}
