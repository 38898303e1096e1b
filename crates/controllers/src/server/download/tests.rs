//! Downloads in a world in memory: signed addresses, our own service, and what is not there.

use super::*;
use crate::testing::{DyingStore, World, backup, object, store_error};
use futures::TryStreamExt;

fn request(kind: &str, name: &str) -> Value {
    object("DownloadRequest", "d", json!({"target": {"kind": kind, "name": name}}), json!({}))
}

async fn asked(kind: &str, name: &str) -> World {
    let world = World::new();
    world.seed(backup("b", "Completed"));
    world.seed(object("Restore", "r", json!({"backupName": "b"}), json!({})));
    world.put("backups/b/b-logs.gz", "a log").await;
    world.seed(request(kind, name));
    world
}

fn unsigned(world: &World) -> Arc<Deps> {
    world.deps_with(Arc::new(world.fake.clone()), Ok(Arc::new(DyingStore::new(world.memory.clone(), 1000))))
}

async fn text(served: Option<Served>) -> Option<String> {
    let pieces: Vec<Bytes> = served?.content.try_collect().await.unwrap();
    Some(String::from_utf8(pieces.concat()).unwrap())
}

#[tokio::test]
async fn a_store_that_signs_gives_the_address() {
    let world = asked("BackupLog", "b").await;
    world.reconcile(&SPEC, "d").await.unwrap();
    let status = world.get::<DownloadRequest>("d").await.unwrap().status;
    assert_eq!(status.phase, DownloadRequestPhase::Processed);
    assert!(status.download_url.contains("backups/b/b-logs.gz"), "{}", status.download_url);
    assert_eq!(status.expiration.unwrap().0, world.deps().now() + VALID);
}

#[tokio::test]
async fn files_of_restores_lie_where_their_backup_does() {
    let world = asked("RestoreResults", "r").await;
    world.reconcile(&SPEC, "d").await.unwrap();
    let status = world.get::<DownloadRequest>("d").await.unwrap().status;
    assert!(status.download_url.contains("restores/r/restore-r-results.gz"), "{}", status.download_url);
}

#[tokio::test]
async fn without_signing_our_service_serves_one_file_to_whoever_has_the_token() {
    let world = asked("BackupLog", "b").await;
    let deps = unsigned(&world);
    world.reconcile_with(&SPEC, "d", &deps).await.unwrap();
    let url = world.get::<DownloadRequest>("d").await.unwrap().status.download_url;
    let path = url.strip_prefix("https://salvor-downloads.velero.svc:8443/downloads/").unwrap();
    let (name, rest) = path.split_once('/').unwrap();
    let (token, file) = rest.split_once('/').unwrap();
    assert_eq!((name, file, token.len()), ("d", "b-logs.gz", 64));
    assert_eq!(text(serve(&deps, "d", token).await.unwrap()).await.as_deref(), Some("a log"));
    for (name, token) in [("d", ""), ("d", &token[1..]), ("d", "b-logs.gz"), ("other", token)] {
        assert!(serve(&deps, name, token).await.unwrap().is_none(), "{name} {token}");
    }
    world.pass(VALID);
    assert!(serve(&deps, "d", token).await.unwrap().is_none(), "it has expired");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_found() {
    let world = asked("BackupResults", "b").await;
    let deps = unsigned(&world);
    world.reconcile_with(&SPEC, "d", &deps).await.unwrap();
    let url = world.get::<DownloadRequest>("d").await.unwrap().status.download_url;
    let token = url.rsplit('/').nth(1).unwrap();
    assert!(serve(&deps, "d", token).await.unwrap().is_none());
}

#[tokio::test]
async fn requests_that_cannot_be_met_say_why() {
    for (kind, name, text) in [
        ("BackupLog", "nothing", "find backup \"nothing\""),
        ("RestoreLog", "nothing", "find restore \"nothing\""),
        ("BackupLog", "", "find backup \"\""),
    ] {
        let world = asked(kind, name).await;
        world.reconcile(&SPEC, "d").await.unwrap();
        let status = world.get::<DownloadRequest>("d").await.unwrap().status;
        assert_eq!(status.phase, DownloadRequestPhase::Failed);
        assert!(status.message.contains(text) && status.message.contains("SLV-5101"), "{}", status.message);
    }
    let world = asked("BackupLog", "b").await;
    let busy = Err(store_error(store::ErrorKind::Unavailable, "503"));
    let deps = world.deps_with(Arc::new(world.fake.clone()), busy);
    assert!(world.reconcile_with(&SPEC, "d", &deps).await.is_err(), "tried again, not given up");
}

#[tokio::test]
async fn answered_requests_go_when_they_expire() {
    let world = asked("BackupLog", "b").await;
    world.reconcile(&SPEC, "d").await.unwrap();
    world.pass(Duration::from_secs(599));
    assert_eq!(world.reconcile(&SPEC, "d").await.unwrap(), Next::After(Duration::from_secs(1)));
    world.pass(Duration::from_secs(1));
    world.reconcile(&SPEC, "d").await.unwrap();
    assert!(world.get::<DownloadRequest>("d").await.is_none());
}

#[tokio::test]
async fn files_of_a_restore_that_lie_in_the_cluster_come_from_our_service() {
    let world = asked("RestoreLog", "r").await;
    let deps = world.deps();
    let owner = json!({"apiVersion": "velero.io/v1", "kind": "Restore", "name": "r", "uid": "uid-r"});
    let mut maps = ConfigMaps::open(&deps, "uid-r", owner).await.unwrap();
    maps.put(&deps, "restore-r-logs.gz", "its log".into()).await.unwrap();
    world.reconcile(&SPEC, "d").await.unwrap();
    let url = world.get::<DownloadRequest>("d").await.unwrap().status.download_url;
    let path = url.strip_prefix("https://salvor-downloads.velero.svc:8443/downloads/d/").unwrap();
    let (token, file) = path.split_once('/').unwrap();
    assert_eq!(file, "restore-r-logs.gz");
    let served = serve(&deps, "d", token).await.unwrap().unwrap();
    assert_eq!(served.size, 7);
    assert_eq!(text(Some(served)).await.as_deref(), Some("its log"));
}

#[tokio::test]
async fn what_a_dry_run_found_comes_from_our_service_whatever_the_store_can_do() {
    let world = World::new();
    world.seed(backup("b", "Completed"));
    world.seed(object("Restore", "r", json!({"backupName": "b"}), json!({})));
    world.put("plugins/salvor/operations/uid-b/dry-run.json.gz", "of the backup").await;
    world.put("plugins/salvor/operations/uid-r/dry-run.json.gz", "of the restore").await;
    for (name, kind, of, found) in
        [("x", "BackupResults", "b", "of the backup"), ("y", "RestoreResults", "r", "of the restore")]
    {
        let mut request =
            object("DownloadRequest", name, json!({"target": {"kind": kind, "name": of}}), json!({}));
        engine::document::set_annotation(&mut request, FILE, FILE_PLAN);
        world.seed(request);
        world.reconcile(&SPEC, name).await.unwrap();
        let url = world.get::<DownloadRequest>(name).await.unwrap().status.download_url;
        let path = url.strip_prefix("https://salvor-downloads.velero.svc:8443/downloads/").unwrap();
        let token = path.split('/').nth(1).unwrap();
        assert_eq!(text(serve(&world.deps(), name, token).await.unwrap()).await.as_deref(), Some(found));
    }
    let mut request = request("BackupResults", "b");
    engine::document::set_annotation(&mut request, FILE, "secrets");
    world.seed(request);
    world.reconcile(&SPEC, "d").await.unwrap();
    assert_eq!(world.get::<DownloadRequest>("d").await.unwrap().status.phase, DownloadRequestPhase::Failed);
}
