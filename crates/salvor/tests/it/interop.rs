//! The real Velero 1.18.3, its own pods and its own command, against ours: both ways.

use serde_json::{Value, json};
use testkit::unreliable::Mood;

use crate::commands::{self, Terminal};
use crate::world::{BACKUP_GOES_ON, BUCKET, RESTORE_GOES_ON, World, world};

const NAMESPACES: [&str; 3] = ["interop-apes", "interop-birds", "interop-cats"];
const OURS: &str = "interop-salvor";
const THEIRS: &str = "interop-velero";

fn include() -> String {
    NAMESPACES.join(",")
}

fn phase(status: &Value) -> &str {
    status["phase"].as_str().unwrap_or_default()
}

/// Waits until a server has found a backup in the bucket.
async fn synced(world: &World, namespace: &str, backup: &str) {
    let status = world.ended(namespace, "backups", backup).await;
    assert_eq!(phase(&status), "Completed", "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn velero_restores_our_backup() {
    let Some(world) = world().await else { return };
    let prefix = "ours";
    world.install_salvor(OURS, prefix).await;
    let store = world.unreliable_store(OURS).await;
    world.install_velero(THEIRS, prefix).await;
    let before = world.fill(&NAMESPACES).await;
    let spec = world.everything_in(&NAMESPACES).await;
    // The archive does not get through before the server is dead: else it would have been too late.
    store.set(Mood::StallsAt(".tar.gz"));
    world.request(OURS, "Backup", "from-salvor", spec).await.unwrap();
    world.kill_in_the_middle(OURS, "backups", "from-salvor", "itemsBackedUp").await;
    store.set(Mood::Passes);
    synced(&world, OURS, "from-salvor").await;
    assert!(world.log_has(OURS, ("backup", "from-salvor"), BACKUP_GOES_ON));
    synced(&world, THEIRS, "from-salvor").await;
    let listed = world.velero(THEIRS, &["backup", "get", "from-salvor"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("from-salvor"));
    world.lose(&NAMESPACES).await;
    world.velero(THEIRS, &["restore", "create", "by-velero", "--from-backup", "from-salvor", "--wait"]);
    let status = world.ended(THEIRS, "restores", "by-velero").await;
    assert_eq!(phase(&status), "Completed", "{status}");
    world.same(&NAMESPACES, &before).await;
    world.lose(&NAMESPACES).await;
    world.remove(THEIRS).await;
    world.remove(OURS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_restore_veleros_backup() {
    let Some(world) = world().await else { return };
    let prefix = "theirs";
    // Velero asks for the types of the cluster when it starts, and every five minutes: those that came since are not in
    // its backups, and it does not say so.
    let before = world.fill(&NAMESPACES).await;
    world.install_velero(THEIRS, prefix).await;
    world.install_salvor(OURS, prefix).await;
    let (within, beside) = (include(), world.kinds_beside(&NAMESPACES).await.join(","));
    let create = ["backup", "create", "from-velero", "--include-namespaces", &within, "--wait"];
    let create = [&create[..], &["--include-cluster-scoped-resources", &beside]].concat();
    world.velero(THEIRS, &create);
    synced(&world, THEIRS, "from-velero").await;
    synced(&world, OURS, "from-velero").await;
    world.lose(&NAMESPACES).await;
    world.request(OURS, "Restore", "by-salvor", json!({"backupName": "from-velero"})).await.unwrap();
    world.kill_in_the_middle(OURS, "restores", "by-salvor", "itemsRestored").await;
    let status = world.ended(OURS, "restores", "by-salvor").await;
    assert_eq!(phase(&status), "Completed", "{status}");
    assert!(world.log_has(OURS, ("restore", "by-salvor"), RESTORE_GOES_ON));
    world.same(&NAMESPACES, &before).await;
    world.lose(&NAMESPACES).await;
    world.remove(THEIRS).await;
    world.remove(OURS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_velero_command_and_ours_run_against_our_server() {
    let Some(world) = world().await else { return };
    world.install_salvor(OURS, "command").await;
    let before = world.fill(&NAMESPACES).await;
    let velero = |arguments: &[&str]| {
        let output = world.velero(OURS, arguments);
        assert!(output.status.success(), "velero {arguments:?} failed");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let (within, beside) = (include(), world.kinds_beside(&NAMESPACES).await.join(","));
    let create = ["backup", "create", "b", "--include-namespaces", &within, "--wait"];
    velero(&[&create[..], &["--include-cluster-scoped-resources", &beside]].concat());
    assert!(velero(&["backup", "get"]).contains("Completed"));
    let described = velero(&["backup", "describe", "b", "--details"]);
    assert!(described.contains("v1/ConfigMap:") && !described.contains("error getting"), "{described}");
    assert!(velero(&["backup", "logs", "b"]).contains("level=info"));
    let file = std::env::temp_dir().join("interop-download.tar.gz").display().to_string();
    velero(&["backup", "download", "b", "--force", "-o", &file]);
    assert!(std::fs::metadata(&file).unwrap().len() > 1000);
    world.lose(&NAMESPACES).await;
    velero(&["restore", "create", "r", "--from-backup", "b", "--wait"]);
    assert!(velero(&["restore", "get"]).contains("Completed"));
    let described = velero(&["restore", "describe", "r", "--details"]);
    assert!(described.contains("(created)") && !described.contains("error getting"), "{described}");
    assert!(velero(&["restore", "logs", "r"]).contains("level=info"));
    assert!(velero(&["version"]).contains("v1.18.3+salvor"));
    world.same(&NAMESPACES, &before).await;
    our_command_does_what_veleros_does(&world, &file).await;
    assert!(world.salvor(OURS, &["backup", "delete", "b", "--confirm"]).status.success());
    world.gone(&format!("/apis/velero.io/v1/namespaces/{OURS}/restores/r")).await;
    world.gone(&format!("/apis/velero.io/v1/namespaces/{OURS}/backups/b")).await;
    let left = world.s3.folder.join(BUCKET).join("command/backups/b");
    let files = std::fs::read_dir(left).map_or(0, Iterator::count);
    assert_eq!(files, 0, "a deleted backup leaves nothing in the bucket");
    world.lose(&NAMESPACES).await;
    commands::the_server_has_its_own_place_in_the_queues_of_the_api_server(&world, OURS).await;
    commands::uninstalled_without_a_trace(&Terminal { world: &world, server: OURS }, "command").await;
}

/// Our own commands about the backup `b` and the restore `r`, beside those of Velero.
async fn our_command_does_what_veleros_does(world: &World, downloaded: &str) {
    let terminal = Terminal { world, server: OURS };
    for arguments in [&["backup", "logs", "b"], &["restore", "logs", "r"]] {
        assert_eq!(terminal.done(arguments), terminal.theirs(arguments).out, "{arguments:?}");
    }
    for arguments in [&["backup", "describe", "b", "--details"], &["restore", "describe", "r", "--details"]] {
        let (ours, theirs) = (terminal.done(arguments), terminal.theirs(arguments).out);
        let listed = |text: &str| text.lines().filter(|line| line.trim().starts_with("- ")).count();
        assert_eq!(listed(&ours), listed(&theirs), "{ours}\n{theirs}");
    }
    let describe = ["backup", "describe", "b"];
    let (ours, theirs) = (terminal.done(&describe), terminal.theirs(&describe).out);
    let volumes =
        |text: &str| text.split_once("Backup Volumes:").map(|(_, volumes)| volumes.trim().to_owned());
    assert!(volumes(&theirs).is_some());
    assert_eq!(volumes(&ours), volumes(&theirs));
    commands::tables_are_veleros(&terminal);
    commands::downloads_are_veleros(&terminal, downloaded);
    commands::version_and_completion(&terminal);
    commands::a_dry_run_installs_nothing(&terminal).await;
    commands::waiting_ends_by_the_outcome(&terminal, NAMESPACES[0]).await;
    commands::locations_come_and_go(&terminal).await;
    let restored = format!("/api/v1/namespaces/{}/configmaps/leaflet-0", NAMESPACES[0]);
    commands::restores_are_deleted(&terminal, "command", &restored).await;
}
