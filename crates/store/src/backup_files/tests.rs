//! The commit protocol of backups: whole, once, and damage seen.

use std::sync::Arc;

use futures::stream;
use serde_json::json;

use super::*;
use crate::adapter::Memory;
use crate::fault::{Fault, Faults, Rule};
use crate::layer::retry::Retry;
use crate::layer::{Layered, Verb};

async fn committed(store: &Memory) -> Committed {
    let mut commit = Commit::begin(store, "b").await.unwrap();
    let pieces = stream::iter([Ok(Bytes::from_static(b"con")), Ok(Bytes::from_static(b"tents"))]);
    commit.stream(BackupFile::Contents, pieces).await.unwrap();
    commit.json(BackupFile::ResourceList, &json!({"v1/Pod": ["a/b"]})).await.unwrap();
    commit.bytes(BackupFile::Logs, gzip(b"log\n")).await.unwrap();
    commit.finish(&json!({"kind": "Backup", "status": {"phase": "Completed"}})).await.unwrap()
}

async fn findings(store: &Memory) -> Vec<String> {
    let findings = verify_manifest(store, "b", Depth::Contents).await.unwrap();
    findings.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_committed_backup_is_whole() {
    let store = Memory::default();
    let done = committed(&store).await;
    assert_eq!(list_backups(&store).await.unwrap(), ["b"]);
    assert!(backup_exists(&store, "b").await.unwrap());
    let marker = read_marker(&store, "b").await.unwrap().unwrap();
    assert_eq!(marker.backup["metadata"]["annotations"]["salvor.io/manifest-sha256"], done.manifest_sha256);
    assert_eq!(marker.tag, done.tag);
    assert_eq!(findings(&store).await, [""; 0]);
    let manifest: Manifest =
        serde_json::from_slice(&store.get(&BackupFile::Manifest.key("b")).await.unwrap()).unwrap();
    let names: Vec<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["b.tar.gz", "b-resource-list.json.gz", "b-logs.gz"]);
    assert_eq!(manifest.files[0].size, 8);
}

#[tokio::test]
async fn a_backup_that_is_there_is_never_overwritten() {
    let store = Memory::default();
    committed(&store).await;
    let again = Commit::begin(&store, "b").await.err().unwrap();
    assert!(matches!(again, CommitError::AlreadyExists { .. }), "{again}");
}

#[tokio::test]
async fn of_two_servers_one_commits() {
    let store = Memory::default();
    let first = Commit::begin(&store, "b").await.unwrap();
    let mut second = Commit::begin(&store, "b").await.unwrap();
    second.bytes(BackupFile::Logs, gzip(b"second")).await.unwrap();
    first.finish(&json!({"metadata": {"uid": "1"}})).await.unwrap();
    let lost = second.finish(&json!({"metadata": {"uid": "2"}})).await.unwrap_err();
    assert!(lost.to_string().contains("another version"), "{lost}");
    assert_eq!(read_marker(&store, "b").await.unwrap().unwrap().backup["metadata"]["uid"], "1");
    assert!(!findings(&store).await.is_empty(), "the late write is seen");
}

#[tokio::test]
async fn damage_is_found() {
    type Damage = fn(&Memory) -> futures::future::BoxFuture<'_, ()>;
    let cases: [(Damage, &str); 5] = [
        (
            |s| Box::pin(write(s, "backups/b/b.tar.gz", b"conTents")),
            "b.tar.gz: the file holds something else than what was written",
        ),
        (
            |s| Box::pin(write(s, "backups/b/b.tar.gz", b"con")),
            "b.tar.gz: the file has 3 bytes, but 8 were written",
        ),
        (|s| Box::pin(remove(s, "backups/b/b-logs.gz")), "b-logs.gz: the file is not there"),
        (
            |s| Box::pin(write(s, "backups/b/b-results.gz", b"late")),
            "b-results.gz: the file is not in the manifest",
        ),
        (
            |s| Box::pin(remove(s, "backups/b/b-salvor-manifest.json")),
            "b-salvor-manifest.json: the file is not there",
        ),
    ];
    for (damage, expect) in cases {
        let store = Memory::default();
        committed(&store).await;
        damage(&store).await;
        assert_eq!(findings(&store).await, [expect]);
    }
}

async fn write(store: &Memory, key: &str, content: &'static [u8]) {
    store.put(key, Bytes::from_static(content), Put::Overwrite).await.unwrap();
}

async fn remove(store: &Memory, key: &str) {
    store.delete(&[key.to_owned()]).await.unwrap();
}

#[tokio::test]
async fn an_upload_whose_source_fails_leaves_nothing_readable() {
    let store = Memory::default();
    let mut commit = Commit::begin(&store, "b").await.unwrap();
    let pieces = stream::iter([Ok(Bytes::from_static(b"half")), Err(std::io::Error::other("disk"))]);
    let failed = commit.stream(BackupFile::Contents, pieces).await.unwrap_err();
    assert!(matches!(failed, CommitError::Source { .. }), "{failed}");
    assert!(store.keys().is_empty());
}

#[tokio::test]
async fn an_amended_backup_is_whole() {
    let store = Memory::default();
    let done = committed(&store).await;
    let marker = read_marker(&store, "b").await.unwrap().unwrap();
    let mut amend = Commit::amend(&store, "b", marker.tag.clone()).await.unwrap();
    amend.bytes(BackupFile::Contents, Bytes::from_static(b"final")).await.unwrap();
    let amended = amend.finish(&marker.backup).await.unwrap();
    assert_ne!(amended, done);
    assert_eq!(findings(&store).await, [""; 0]);
    let stale = rewrite_marker(&store, "b", &marker.backup, marker.tag).await.unwrap_err();
    assert!(matches!(stale, FileError::Store(error) if error.kind == ErrorKind::Precondition));
    let renewed = rewrite_marker(&store, "b", &json!({"kind": "Backup"}), amended.tag).await.unwrap();
    assert_eq!(renewed, read_marker(&store, "b").await.unwrap().unwrap().tag);
}

#[tokio::test]
async fn absent_and_null_lists_are_empty() {
    let store = Memory::default();
    let absent: Vec<String> = read_backup_list(&store, "b", BackupFile::ItemOperations).await.unwrap();
    assert!(absent.is_empty());
    write_json(&store, &BackupFile::PodVolumeBackups.key("b"), &json!(null)).await.unwrap();
    let null: Vec<String> = read_backup_list(&store, "b", BackupFile::PodVolumeBackups).await.unwrap();
    assert!(null.is_empty());
    write_restore_file(&store, "r", RestoreFile::Results, &json!({"errors": {}})).await.unwrap();
    let results: Option<Value> = read_restore_file(&store, "r", RestoreFile::Results).await.unwrap();
    assert_eq!(results, Some(json!({"errors": {}})));
}

#[tokio::test]
async fn bad_files_are_named() {
    let store = Memory::default();
    write(&store, "backups/b/b-results.gz", b"{}").await;
    let error = read_backup_file::<Value>(&store, "b", BackupFile::Results).await.unwrap_err();
    assert!(
        error.to_string().starts_with("unpack \"backups/b/b-results.gz\": it is not whole gzip"),
        "{error}"
    );
    write(&store, "backups/b/velero-backup.json", b"[]").await;
    let error = read_marker(&store, "b").await.unwrap_err();
    assert_eq!(error.to_string(), "decode \"backups/b/velero-backup.json\": it is not an object");
}

#[tokio::test]
async fn deleting_a_backup_leaves_its_neighbours() {
    let store = Memory::default();
    committed(&store).await;
    write(&store, "backups/b2/velero-backup.json", b"{}").await;
    delete_backup(&store, "b").await.unwrap();
    assert_eq!(store.keys(), ["backups/b2/velero-backup.json"]);
    assert!(delete_folder(&store, "backups/b").await.is_err());
}

/// One attempt to back up through a store whose calls may fail.
async fn attempt(store: &dyn Store) -> Result<Committed, CommitError> {
    let mut commit = Commit::begin(store, "b").await?;
    let pieces = stream::iter([Ok(Bytes::from_static(b"con")), Ok(Bytes::from_static(b"tents"))]);
    commit.stream(BackupFile::Contents, pieces).await?;
    commit.bytes(BackupFile::Logs, gzip(b"log\n")).await?;
    commit.finish(&json!({"kind": "Backup"})).await
}

#[tokio::test]
async fn whatever_call_fails_a_backup_is_whole_or_is_none() {
    let kind = ErrorKind::Unavailable;
    for fault in [Fault::Before(kind), Fault::After(kind), Fault::Before(ErrorKind::Denied)] {
        for nth in 1.. {
            let memory = Memory::default();
            let faults = Faults::new(vec![Rule::nth(nth, fault)]);
            let store = Layered::new(Arc::new(memory.clone()), faults.clone());
            let first = attempt(&store).await;
            if first.is_err() && !backup_exists(&memory, "b").await.unwrap() {
                attempt(&memory).await.unwrap();
            }
            assert_eq!(findings(&memory).await, [""; 0], "{fault:?} at call {nth}");
            if faults.calls() < nth {
                assert!(first.is_ok() && nth > 10, "{fault:?} at call {nth}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_lost_answer_to_the_marker_is_no_failure() {
    let memory = Memory::default();
    let lost = Fault::After(ErrorKind::Unavailable);
    let faults = Faults::new(vec![Rule::first(Verb::Put, lost).key("velero-backup.json")]);
    let faulty = Arc::new(Layered::new(Arc::new(memory.clone()), faults));
    let retry = Retry { first_wait: std::time::Duration::from_millis(1), ..Retry::default() };
    attempt(&Layered::new(faulty, retry)).await.unwrap();
    assert_eq!(findings(&memory).await, [""; 0]);
}

#[tokio::test]
async fn what_is_no_object_is_not_committed() {
    let store = Memory::default();
    for backup in [json!("text"), json!({"metadata": 1}), json!({"metadata": {"annotations": []}})] {
        let refused = Commit::begin(&store, "b").await.unwrap().finish(&backup).await.unwrap_err();
        assert!(matches!(refused, CommitError::File(FileError::Json { .. })), "{refused}");
    }
}

#[tokio::test]
async fn what_never_became_a_backup_goes_with_or_without_its_report() {
    let folder = ["backups/b/b-logs.gz", "backups/b/b-results.gz", "backups/b/b.tar.gz"];
    for (marker, keep_report, left) in [
        (false, true, &folder[..2]),
        (false, false, &[]),
        (true, false, &folder[..]),
        (true, true, &folder[..]),
    ] {
        let store = Memory::default();
        for key in folder {
            write(&store, key, b"x").await;
        }
        if marker {
            write(&store, "backups/b/velero-backup.json", b"{}").await;
        }
        write(&store, "backups/b2/b2.tar.gz", b"x").await;
        delete_half_written(&store, "b", keep_report).await.unwrap();
        let here: Vec<_> = store.keys().into_iter().filter(|key| folder.contains(&key.as_str())).collect();
        assert_eq!(here, left, "marker: {marker}, report kept: {keep_report}");
        assert!(store.keys().contains(&"backups/b2/b2.tar.gz".to_owned()));
    }
}
