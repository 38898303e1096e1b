//! One watch of a kind, handed to every controller that looks at it.

use std::sync::Arc;
use std::time::Duration;

use api::meta::ResourceType;
use cluster::WatchEvent;
use futures::StreamExt;
use serde_json::Value;
use tokio::sync::mpsc::Sender;
use tracing::warn;

use super::Host;

/// How long to wait before a watch that has ended begins again.
const PAUSE: Duration = Duration::from_secs(1);

/// What a controller hears.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// An object is there, or has changed.
    Applied(Arc<Value>),
    /// An object has gone.
    Deleted(Arc<Value>),
}

/// Watches a kind until the host stops.
pub(super) async fn feed<H: Host>(host: Arc<H>, kind: ResourceType, outputs: Vec<Sender<Event>>) {
    let stop = host.stop().clone();
    let watching = async {
        loop {
            let mut events = host.cluster().watch(&kind, Some(host.namespace()), "");
            while let Some(event) = events.next().await {
                match event {
                    Ok(event) => hand_out(event, &outputs).await,
                    Err(error) => warn!(kind = %kind.group_resource(), "failed to {error}"),
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    stop.run_until_cancelled(watching).await;
}

async fn hand_out(event: WatchEvent, outputs: &[Sender<Event>]) {
    let event = match event {
        WatchEvent::Applied(document) => Event::Applied(Arc::new(document)),
        WatchEvent::Deleted(document) => Event::Deleted(Arc::new(document)),
        WatchEvent::Ready => return,
    };
    for output in outputs {
        // A closed channel is a controller that is stopping.
        let _ = output.send(event.clone()).await;
    }
}
