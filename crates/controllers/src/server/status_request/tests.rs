//! Questions for the status of the server, from the answer to being forgotten.

use super::*;
use crate::testing::{World, object};

#[tokio::test]
async fn a_question_is_answered_and_forgotten_after_a_minute() {
    let world = World::new();
    world.seed(object("ServerStatusRequest", "q", json!({}), json!({})));
    world.reconcile(&SPEC, "q").await.unwrap();
    let answer = world.get::<ServerStatusRequest>("q").await.unwrap().status;
    assert_eq!(answer.phase, ServerStatusRequestPhase::Processed);
    assert!(answer.server_version.starts_with("v1.18.3+salvor."), "{}", answer.server_version);
    assert!(
        answer
            .plugins
            .iter()
            .any(|plugin| plugin.name == "velero.io/pod" && plugin.kind == "BackupItemAction")
    );
    world.pass(Duration::from_secs(20));
    assert_eq!(world.reconcile(&SPEC, "q").await.unwrap(), Next::After(Duration::from_secs(40)));
    world.pass(Duration::from_secs(40));
    world.reconcile(&SPEC, "q").await.unwrap();
    assert!(world.get::<ServerStatusRequest>("q").await.is_none());
}
