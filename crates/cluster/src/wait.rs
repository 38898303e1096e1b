//! Waiting until something holds for an object, by watching it.

use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;
use tokio::time::timeout;

use crate::port::{Cluster, Error, ErrorKind, ObjectRef, Result, WatchEvent};
use crate::request::described;

/// What a condition says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Met,
    /// It does not hold yet, and why.
    NotYet(String),
    /// It will never hold, and why.
    Never(String),
}

impl Verdict {
    /// Met if `holds`, otherwise not yet, because of `why`.
    pub fn when(holds: bool, why: impl FnOnce() -> String) -> Self {
        if holds { Self::Met } else { Self::NotYet(why()) }
    }
}

/// Waits until `condition` holds for the object at `at`, which may be absent. Gives the object as it then was.
pub async fn until(
    cluster: &dyn Cluster,
    at: &ObjectRef,
    deadline: Duration,
    condition: impl Fn(Option<&Value>) -> Verdict,
) -> Result<Option<Value>> {
    let action = described("wait for", at);
    let mut reason = String::from("it was never seen");
    match timeout(deadline, watched(cluster, at, condition, &mut reason)).await {
        Ok(Ok(object)) => Ok(object),
        Ok(Err(never)) => Err(Error::new(ErrorKind::Other, action, never)),
        Err(_) => {
            let message = format!("not after {} s: {reason}", deadline.as_secs_f32());
            Err(Error::new(ErrorKind::Unavailable, action, message))
        }
    }
}

/// Watches until the condition says met or never; `reason` is why it has not yet.
async fn watched(
    cluster: &dyn Cluster,
    at: &ObjectRef,
    condition: impl Fn(Option<&Value>) -> Verdict,
    reason: &mut String,
) -> std::result::Result<Option<Value>, String> {
    let mut events = cluster.watch_one(at);
    let mut object = None;
    while let Some(event) = events.next().await {
        match event {
            Ok(WatchEvent::Applied(now)) => object = Some(now),
            Ok(WatchEvent::Deleted(_)) => object = None,
            Ok(WatchEvent::Ready) if object.is_some() => continue,
            Ok(WatchEvent::Ready) => {}
            Err(error) => {
                *reason = error.to_string();
                continue;
            }
        }
        match condition(object.as_ref()) {
            Verdict::Met => return Ok(object),
            Verdict::NotYet(why) => *reason = why,
            Verdict::Never(why) => return Err(why),
        }
    }
    Err("the watch has ended".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions;
    use crate::fake::FakeCluster;
    use crate::port::{Patch, WriteOptions};
    use api::meta::ResourceType;
    use serde_json::json;

    fn pod() -> ObjectRef {
        let resource = ResourceType::addressed("", "v1", "pods", "Pod", true);
        ObjectRef { resource, namespace: Some("default".into()), name: "web".into() }
    }

    #[tokio::test]
    async fn a_condition_is_met_by_a_later_change() {
        let cluster = FakeCluster::new();
        let at = pod();
        let change = async {
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}});
            cluster.create(&at, &pod, WriteOptions::default()).await.unwrap();
            let running = Patch::Merge(json!({"status": {"phase": "Running"}}));
            cluster.patch(&at, Some("status"), &running, WriteOptions::default()).await.unwrap();
        };
        let wait = until(&cluster, &at, Duration::from_secs(20), conditions::phase(&["Running"]));
        let (object, ()) = futures::join!(wait, change);
        assert_eq!(object.unwrap().unwrap()["status"]["phase"], "Running");
    }

    #[tokio::test]
    async fn the_last_reason_is_told_when_time_is_over() {
        let cluster = FakeCluster::new();
        let at = pod();
        let wait = until(&cluster, &at, Duration::from_millis(20), conditions::phase(&["Running"]));
        let error = wait.await.unwrap_err();
        assert_eq!(error.to_string(), "wait for pods default/web: not after 0.02 s: it is not there");
    }

    #[tokio::test]
    async fn what_will_never_be_is_not_waited_for() {
        let cluster = FakeCluster::new();
        let never = |_: Option<&Value>| Verdict::Never("no".into());
        let error = until(&cluster, &pod(), Duration::from_secs(20), never).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Other, "no"));
    }
}
