//! What a restore looks at before it is planned.

use std::collections::BTreeSet;
use std::time::Duration;

use api::meta::{GroupResource, ResourceType};
use cluster::clock::Deadline;
use cluster::port::ListPage;
use engine::catalog::Catalog;
use engine::document::name;
use engine::facts::Facts;
use engine::restore::volumes::Held;
use engine::restore::{Target, Volumes};
use serde_json::Value;
use store::backup_files::read_backup_list;
use store::bucket::BackupFile;
use tokio::time::sleep;

use super::gate::established;
use crate::error::Result;
use crate::operation::Operation;

/// How long discovery may take to show the types of a definition that is established.
const SHOWN_AFTER_MAX: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The types that the cluster has. Definitions that are new, of types that are to be restored, are waited for.
pub(super) async fn catalog(operation: &Operation, facts: &[Facts]) -> Result<Catalog> {
    let catalog = discover(operation).await?;
    let lacks = |catalog: &Catalog, of: &GroupResource| catalog.find(of).is_none();
    let types: BTreeSet<&GroupResource> = facts.iter().map(|of| &of.key.resource).collect();
    let lacking: Vec<_> =
        types.into_iter().filter(|of| of.group.contains('.') && lacks(&catalog, of)).collect();
    let deadline = Deadline::after(operation.deps.config.limits.resource_timeout);
    let mut defined = Vec::new();
    for resource in lacking {
        if established(&operation.deps, &resource.to_string(), deadline).await? {
            defined.push(resource);
        }
    }
    let shown = Deadline::after(SHOWN_AFTER_MAX);
    let mut catalog = catalog;
    while defined.iter().any(|of| lacks(&catalog, of)) && !shown.has_passed() {
        sleep(LOOK_EVERY).await;
        catalog = discover(operation).await?;
    }
    Ok(catalog)
}

async fn discover(operation: &Operation) -> Result<Catalog> {
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
        namespaces: listed(operation, &namespaces, |document| name(document).to_owned()).await?,
        volumes: listed(operation, &volumes, |document| (name(document).to_owned(), Held::of(document)))
            .await?,
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

async fn listed<T, All: Default + Extend<T>>(
    operation: &Operation,
    of: &ResourceType,
    what: impl Fn(&Value) -> T,
) -> Result<All> {
    let mut all = All::default();
    let mut page = ListPage { limit: operation.deps.config.limits.page_size, ..ListPage::default() };
    loop {
        let answer = operation.deps.cluster.list(of, None, &page).await?;
        all.extend(answer.items.iter().map(&what));
        match answer.resume {
            None => return Ok(all),
            resume => page.resume = resume,
        }
    }
}
