//! What no index names goes: deletions become final, and packs and marks of sessions that are left over are deleted.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::Run;
use crate::content::session::Marker;
use crate::storage::{Blob, sorted};
use crate::{Error, ErrorKind, Result, Time};

/// What a blob holds that says up to when deletions are final.
const WATERMARK: &[u8] = b"deletion-watermark";
/// The most bytes of a session's mark.
const MARKER_MAX: usize = 1 << 20;

impl Run<'_> {
    /// Makes deletions final.
    pub(super) fn drop_deleted(&mut self) -> Result<()> {
        let now = self.now();
        let Some(until) = self.schedule.final_until(self.safety(), now) else { return Ok(()) };
        let repository = self.repository().clone();
        if repository.indexes().watermark().is_some_and(|watermark| watermark >= until.seconds()) {
            return Ok(());
        }
        let name = format!("xw{}", until.seconds().max(0));
        let retention = repository.format().retention_of(&name, now);
        repository.storage().put(&name, WATERMARK, retention)?;
        self.report.dropped_before = Some(Time::from_seconds(until.seconds()));
        repository.refresh()
    }

    /// Deletes packs that no index names, and marks of sessions that are over.
    pub(super) fn delete_packs(&mut self) -> Result<()> {
        let repository = self.repository().clone();
        // listed before the index is read: a pack that is put meanwhile is not looked at
        let lists = self.crew.map(&["p", "q", "s"], |prefix| sorted(repository.storage(), prefix))?;
        repository.refresh()?;
        let mut named = HashSet::<Arc<str>>::new();
        repository.entries(&mut |entry| {
            if !named.contains(&entry.pack) {
                named.insert(entry.pack);
            }
            Ok(())
        })?;
        let cutoff = self.started.plus(std::time::Duration::from_secs(1));
        let sessions = self.live_sessions(&lists[2], cutoff)?;
        let is_left_over = |blob: &&Blob| {
            let is_young = blob.modified > cutoff || cutoff.since(blob.modified) < self.safety().pack_age_min;
            let is_live = session_of(&blob.name).is_some_and(|session| sessions.contains(session));
            !is_young && !is_live && !named.contains(blob.name.as_str())
        };
        let left_over: Vec<&Blob> = lists.iter().flatten().filter(is_left_over).collect();
        self.crew.map(&left_over, |blob| repository.storage().delete(&blob.name))?;
        self.report.blobs_deleted = left_over.len() as u64;
        self.report.bytes_deleted = left_over.iter().map(|blob| blob.length).sum();
        Ok(())
    }

    /// Sessions whose writers may be alive. A mark that cannot be read ends it.
    fn live_sessions(&self, marks: &[Blob], cutoff: Time) -> Result<BTreeSet<String>> {
        let repository = self.repository();
        let markers = self.crew.map(marks, |blob| {
            let sealed = match repository.storage().get(&blob.name, MARKER_MAX) {
                // that writer is done
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                sealed => sealed?,
            };
            let json = repository.crypto().open_table(&blob.name, sealed)?;
            let marker: Marker = serde_json::from_slice(&json)
                .map_err(|error| Error::corrupt(&blob.name, format!("is no mark of a session: {error}")))?;
            Ok(Some(marker))
        })?;
        let is_live = |marker: &Marker| cutoff.since(marker.seen) < self.safety().session_age_max;
        Ok(markers.into_iter().flatten().filter(is_live).map(|marker| marker.id).collect())
    }

    /// Has the store keep blobs for longer.
    pub(super) fn extend_retention(&mut self) -> Result<()> {
        let repository = self.repository().clone();
        let format = repository.format();
        let blobs = sorted(repository.storage(), "")?;
        let now = self.now();
        let extended = self.crew.map(&blobs, |blob| match format.retention_of(&blob.name, now) {
            Some(retention) => repository.storage().extend_retention(&blob.name, retention).map(|()| 1),
            None => Ok(0),
        })?;
        self.report.blobs_kept_longer = extended.into_iter().sum();
        Ok(())
    }
}

/// The session that a blob was written in, as its name says.
fn session_of(name: &str) -> Option<&str> {
    name.split('-').skip(1).find(|part| part.starts_with('s'))
}
