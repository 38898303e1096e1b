//! Owners of restored objects: those that no item of the plan restores are looked up in the cluster, once each; and objects
//! that came before their owners are given them when all is there.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use api::meta::ObjectKey;
use cluster::ErrorKind;
use cluster::port::{ObjectRef, Patch, WriteOptions};
use engine::document::{at, uid};
use engine::journal::{Progress, Record};
use engine::problem::{Problem, Severity};
use engine::restore::owners::{Link, addition, references};
use engine::restore::plan::PlannedItem;
use engine::restore::problems::NOT_OWNED;

use super::work::{Step, Work};
use crate::error::Result;
use crate::operation::patience::{blamed, patiently};

/// How often in a row others may be faster to write to an object that is given its owners.
const CONFLICTS_MAX: usize = 5;

/// The owners that were looked up in the cluster: their UIDs, where they are there.
#[derive(Default)]
pub(super) struct Owners(Mutex<BTreeMap<ObjectKey, Option<String>>>);

/// The UIDs of the owners of an item, as far as this restore has brought or found them: by the UIDs that they had.
pub(super) fn settled(planned: &PlannedItem, progress: &Progress) -> BTreeMap<String, String> {
    let now = |link: &Link| Some((link.uid.clone(), progress.uid(link.item?)?.to_owned()));
    planned.owners.iter().filter_map(now).collect()
}

impl Work<'_> {
    /// Adds the UIDs of those owners that no item of the plan restores and that are in the cluster.
    pub(super) async fn look_up(
        &self,
        planned: &PlannedItem,
        uids: &mut BTreeMap<String, String>,
    ) -> Result<()> {
        for link in planned.owners.iter().filter(|link| link.item.is_none()) {
            let key = self.plan.owner(link, planned);
            let known = self.owners.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
            let found = match known {
                Some(known) => known,
                None => self.find(link, key).await?,
            };
            uids.extend(found.map(|found| (link.uid.clone(), found)));
        }
        Ok(())
    }

    async fn find(&self, link: &Link, key: ObjectKey) -> Result<Option<String>> {
        let resource = self.plan.kinds[link.kind].resource.clone();
        let at_owner = ObjectRef { resource, namespace: key.namespace.clone(), name: key.name.clone() };
        let cluster = &self.operation.deps.cluster;
        let found = match patiently(|| cluster.get(&at_owner)).await {
            // What is on its way out would take the object with it.
            Ok(found) => Some(found).filter(|of| at(of, &["metadata", "deletionTimestamp"]).is_null()),
            Err(error) => {
                let error = blamed(cluster.as_ref(), error).await?;
                tracing::debug!(owner = %key, "not an owner any more: failed to {error}");
                None
            }
        };
        let found = found.map(|found| uid(&found).to_owned());
        self.owners.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
        Ok(found)
    }

    /// Gives an object that this restore created the owners that were not there at the time.
    pub(super) async fn give_owners<'w>(
        self,
        (number, planned): (u32, &PlannedItem),
        created: String,
        mut uids: BTreeMap<String, String>,
    ) -> Result<Step<'w>> {
        self.look_up(planned, &mut uids).await?;
        let wanted = references(&self.archived(planned)?, &uids);
        let problem = if wanted.is_empty() { None } else { self.own(planned, &created, &wanted).await? };
        Ok(Step::Done(vec![Record::Owned { number, problem: problem.map(Box::new) }]))
    }

    async fn own(
        &self,
        planned: &PlannedItem,
        created: &str,
        wanted: &[serde_json::Value],
    ) -> Result<Option<Problem>> {
        let cluster = &self.operation.deps.cluster;
        let target = self.plan.target(planned);
        let resource = self.plan.resource(planned).clone();
        let address = ObjectRef { resource, namespace: target.namespace.clone(), name: target.name.clone() };
        let address = &address;
        let mut refusal = None;
        for _ in 0..CONFLICTS_MAX {
            let tried = patiently(|| async move {
                let live = cluster.get(address).await?;
                // Another one under its name is none of ours.
                let patch = if uid(&live) == created { addition(&live, wanted) } else { None };
                let Some(patch) = patch.map(Patch::Merge) else { return Ok(()) };
                cluster.patch(address, None, &patch, WriteOptions::default()).await.map(drop)
            });
            match tried.await {
                Ok(()) => return Ok(None),
                Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
                Err(error) => refusal = Some(blamed(cluster.as_ref(), error).await?),
            }
            if refusal.as_ref().is_some_and(|error| error.kind != ErrorKind::Conflict) {
                break;
            }
        }
        let said = |error: cluster::Error| format!("{target} was created without its owners: {error}");
        Ok(refusal.map(|error| Problem::new(&NOT_OWNED, Severity::Warning, said(error)).about(&target)))
    }
}
