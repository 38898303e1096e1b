//! The demo that the README begins with, on a cluster of its own beside that of the other tests.

use std::process::Command;

use testkit::paths;

use crate::world::world;

/// Not the demo's default: a cluster that somebody kept stays.
const CLUSTER: &str = "demo-test";

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_by_the_operator_gets_everything_back_beside_another_cluster() {
    let Some(world) = world().await else { return };
    let mut demo = Command::new(env!("CARGO"));
    let output =
        demo.current_dir(paths::workspace()).args(["xtask", "demo", "--name", CLUSTER]).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    println!("{shown}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the demo failed");
    assert!(shown.contains("The application is back, with all its data."));
    // Its cluster is gone, and ours has not noticed.
    assert!(testkit::cluster::Cluster::running(CLUSTER).await.unwrap().is_none());
    world.cluster.client().answers("/readyz").await.unwrap();
}
