//! What a restore looks at before it is planned.

use std::collections::BTreeSet;

use api::meta::ResourceType;
use cluster::port::ListPage;
use engine::catalog::Catalog;
use engine::document::name;
use engine::restore::{Target, Volumes};
use store::backup_files::read_backup_list;
use store::bucket::BackupFile;

use crate::error::Result;
use crate::operation::Operation;

/// The types that the cluster has.
pub(super) async fn catalog(operation: &Operation) -> Result<Catalog> {
    let discovered = operation.deps.cluster.discover().await?;
    for (group, reason) in &discovered.failed {
        tracing::warn!(group, reason, "a group of the cluster did not answer");
    }
    Ok(Catalog::new(discovered.types))
}

/// The namespaces and volumes that the cluster has.
pub(super) async fn target(operation: &Operation) -> Result<Target> {
    let namespaces = ResourceType::addressed("", "v1", "namespaces", "Namespace", false);
    let volumes = ResourceType::addressed("", "v1", "persistentvolumes", "PersistentVolume", false);
    Ok(Target {
        namespaces: names(operation, &namespaces).await?,
        volumes: names(operation, &volumes).await?,
    })
}

/// What the backup's side files say about volumes.
pub(super) async fn volumes(operation: &Operation, backup: &str) -> Result<Volumes> {
    let store = operation.store.as_ref();
    Ok(Volumes::read(
        &read_backup_list(store, backup, BackupFile::VolumeInfo).await?,
        &read_backup_list(store, backup, BackupFile::VolumeSnapshots).await?,
        &read_backup_list(store, backup, BackupFile::PodVolumeBackups).await?,
        &read_backup_list(store, backup, BackupFile::CsiVolumeSnapshots).await?,
    ))
}

async fn names(operation: &Operation, of: &ResourceType) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut page = ListPage { limit: operation.deps.config.limits.page_size, ..ListPage::default() };
    loop {
        let answer = operation.deps.cluster.list(of, None, &page).await?;
        names.extend(answer.items.iter().map(|document| name(document).to_owned()));
        match answer.resume {
            None => return Ok(names),
            resume => page.resume = resume,
        }
    }
}
