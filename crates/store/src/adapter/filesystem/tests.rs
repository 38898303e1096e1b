//! The filesystem adapter on folders of its own: layout, missing roots, and ways out.

use super::*;

fn store() -> (tempfile::TempDir, Filesystem) {
    let root = tempfile::tempdir().unwrap();
    let store = Filesystem::new(root.path(), "bucket", "pre/fix");
    (root, store)
}

#[tokio::test]
async fn objects_are_files_below_bucket_and_prefix() {
    let (root, store) = store();
    store.put("backups/b/x", Bytes::from_static(b"1"), Put::Overwrite).await.unwrap();
    assert_eq!(std::fs::read(root.path().join("bucket/pre/fix/backups/b/x")).unwrap(), b"1");
    store.delete(&["backups/b/x".to_owned()]).await.unwrap();
    assert!(!root.path().join("bucket/pre/fix/backups").exists());
}

#[tokio::test]
async fn a_missing_root_is_no_bucket() {
    let (root, _) = store();
    let store = Filesystem::new(root.path().join("not-mounted"), "bucket", "");
    assert_eq!(store.folders("").await.unwrap_err().kind, ErrorKind::NoBucket);
    assert_eq!(store.put("a", Bytes::new(), Put::Create).await.unwrap_err().kind, ErrorKind::NoBucket);
    assert_eq!(store.get("a").await.unwrap_err().kind, ErrorKind::NoBucket);
}

#[tokio::test]
async fn keys_and_links_do_not_lead_out() {
    let (root, store) = store();
    std::fs::write(root.path().join("secret"), "s").unwrap();
    for key in ["../../../secret", "/etc/passwd", "a/../../../../secret", "a//b", "."] {
        assert_eq!(store.get(key).await.unwrap_err().kind, ErrorKind::Config, "{key}");
        let put = store.put(key, Bytes::new(), Put::Overwrite).await;
        assert_eq!(put.unwrap_err().kind, ErrorKind::Config, "{key}");
    }
    store.put("a", Bytes::new(), Put::Overwrite).await.unwrap();
    let base = root.path().join("bucket/pre/fix");
    std::os::unix::fs::symlink(root.path().join("secret"), base.join("file")).unwrap();
    std::os::unix::fs::symlink(root.path(), base.join("folder")).unwrap();
    assert!(store.get("file").await.is_err());
    assert!(store.get("folder/secret").await.is_err());
    assert!(store.put("folder/new", Bytes::new(), Put::Overwrite).await.is_err());
    assert_eq!(store.list("").await.unwrap().len(), 1);
    assert!(!root.path().join("new").exists());
}

#[tokio::test]
async fn of_many_creators_one_wins() {
    let (_root, store) = store();
    let puts = (0..32u8).map(|n| store.put("marker", Bytes::from(vec![n]), Put::Create));
    let results = futures::future::join_all(puts).await;
    let winners: Vec<usize> = (0..32).filter(|n| results[*n].is_ok()).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(store.get("marker").await.unwrap()[..], [winners[0] as u8]);
}

#[tokio::test]
async fn unfinished_uploads_are_swept() {
    let (root, store) = store();
    let mut upload = store.upload("big").await.unwrap();
    upload.write(Bytes::from_static(b"half")).await.unwrap();
    let (partial, now) = (root.path().join(".salvor-partial"), jiff::Timestamp::now());
    assert_eq!(std::fs::read_dir(&partial).unwrap().count(), 1);
    assert_eq!(store.sweep(now - Duration::from_secs(3600)).await.unwrap(), 0);
    assert_eq!(store.sweep(now + Duration::from_secs(3600)).await.unwrap(), 1);
    assert_eq!(store.head("big").await.unwrap_err().kind, ErrorKind::NotFound);
    drop(upload);
    let mut upload = store.upload("big").await.unwrap();
    upload.write(Bytes::from_static(b"half")).await.unwrap();
    drop(upload);
    assert_eq!(std::fs::read_dir(&partial).unwrap().count(), 0);
}

#[tokio::test]
async fn a_writer_and_a_deleter_of_one_folder_both_succeed() {
    let (_root, store) = store();
    let write = async {
        for n in 0..200 {
            let key = format!("folder/w{n}");
            store.put(&key, Bytes::new(), Put::Overwrite).await.unwrap();
            store.delete(&[key]).await.unwrap();
        }
    };
    let delete = async {
        for n in 0..200 {
            let key = format!("folder/d{n}");
            store.put(&key, Bytes::new(), Put::Create).await.unwrap();
            store.delete(&[key]).await.unwrap();
        }
    };
    futures::join!(write, delete);
    assert!(store.folders("").await.unwrap().is_empty());
}
