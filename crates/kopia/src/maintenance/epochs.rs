//! Epochs: a new one begins, settled ones are merged, and what merged indexes replace goes.

use std::time::Duration;

use super::Run;
use crate::content::merge::merged;
use crate::content::{Entry, index};
use crate::index_set::epochs::Epochs;
use crate::index_set::fetch_all;
use crate::random;
use crate::storage::{Blob, sorted};
use crate::{ErrorKind, Result};

/// What the blob holds that begins an epoch.
const MARKER: &[u8] = b"epoch-marker";

impl Run<'_> {
    fn epochs(&self) -> Result<Epochs> {
        Epochs::list(self.repository().storage(), self.repository().format().epochs())
    }

    /// Begins an epoch if the current one has lasted and has enough in it.
    pub(super) fn advance_epoch(&mut self) -> Result<()> {
        let epochs = self.epochs()?;
        let format = self.repository().format();
        let parameters = format.epochs();
        let written = epochs.written_in(epochs.current);
        let times = || written.iter().map(|blob| blob.modified);
        let span = times().max().zip(times().min()).map_or(Duration::ZERO, |(last, first)| last.since(first));
        let bytes: u64 = written.iter().map(|blob| blob.length).sum();
        let is_much = written.len() >= parameters.advance_count as usize || bytes >= parameters.advance_bytes;
        if !is_much || span < parameters.duration_min {
            return Ok(());
        }
        let next = epochs.current.saturating_add(1);
        self.put(&format!("xe{next}"), MARKER)?;
        self.report.epoch_begun = Some(next);
        // whoever writes next here writes into it
        self.repository().refresh()
    }

    /// Merges the indexes of the first settled epoch that nothing has merged.
    pub(super) fn compact_epoch(&mut self) -> Result<()> {
        let epochs = self.epochs()?;
        let Some(epoch) = epochs.first_unmerged() else { return Ok(()) };
        let blobs = sorted(self.repository().storage(), &format!("xn{epoch}_"))?;
        if blobs.is_empty() {
            return Ok(());
        }
        self.merge(&blobs, &format!("xs{epoch}_"))
    }

    /// Merges settled epochs behind the last range, if they are many.
    pub(super) fn merge_range(&mut self) -> Result<()> {
        let epochs = self.epochs()?;
        let first = epochs.first_behind_ranges();
        let Some(last) = epochs.last_settled() else { return Ok(()) };
        let frequency = u64::from(self.repository().format().epochs().checkpoint_frequency).max(1);
        if last.saturating_sub(first) < frequency {
            return Ok(());
        }
        let mut blobs = Vec::new();
        for epoch in first..=last {
            match epochs.single(epoch) {
                Some(merged) => blobs.extend_from_slice(merged),
                None => blobs.extend(sorted(self.repository().storage(), &format!("xn{epoch}_"))?),
            }
        }
        self.merge(&blobs, &format!("xr{first}_{last}_"))
    }

    /// Writes the entries of several indexes as one, deleted ones too.
    fn merge(&mut self, blobs: &[Blob], prefix: &str) -> Result<()> {
        let repository = self.repository().clone();
        let indexes = match fetch_all(repository.storage(), repository.crypto(), blobs) {
            // somebody else has merged them
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            indexes => indexes?,
        };
        let mut entries = Vec::<Entry>::new();
        merged(&indexes, None, &mut |entry| {
            entries.push(entry);
            Ok(())
        })?;
        let shards = index::build(&entries)?;
        let set = hex::encode(random::bytes::<8>(repository.random())?);
        let suffix = format!("s{set}-c{}", shards.len());
        for shard in &shards {
            let (name, sealed) =
                repository.crypto().seal_table(repository.random(), prefix, &suffix, shard)?;
            self.put(&name, &sealed)?;
        }
        self.report.indexes_merged += blobs.len() as u64;
        repository.refresh()
    }

    fn put(&self, name: &str, data: &[u8]) -> Result<()> {
        let repository = self.repository();
        repository.storage().put(name, data, repository.format().retention_of(name, self.now()))
    }

    /// Deletes the marks of epochs long past, and of deletions that later ones include.
    pub(super) fn delete_markers(&mut self) -> Result<()> {
        let epochs = self.epochs()?;
        let Some(latest) = epochs.latest_write() else { return Ok(()) };
        let margin = self.repository().format().epochs().cleanup_margin;
        let storage = self.repository().storage();
        let mut old = Vec::new();
        for blob in sorted(storage, "xe")? {
            let epoch = blob.name.strip_prefix("xe").and_then(|number| number.parse::<u64>().ok());
            if epoch.is_some_and(|epoch| epoch.saturating_add(1) < epochs.current) {
                old.push(blob.name);
            }
        }
        for blob in sorted(storage, "xw")? {
            let second = blob.name.strip_prefix("xw").and_then(|number| number.parse::<i64>().ok());
            let is_replaced = second.zip(epochs.watermark).is_some_and(|(second, last)| second < last);
            if is_replaced && latest.since(blob.modified) > margin {
                old.push(blob.name);
            }
        }
        self.delete_index_blobs(&old)
    }

    /// Deletes indexes of epochs that were merged long enough ago.
    pub(super) fn delete_superseded(&mut self) -> Result<()> {
        let epochs = self.epochs()?;
        let Some(latest) = epochs.latest_write() else { return Ok(()) };
        let margin = self.repository().format().epochs().cleanup_margin;
        let mut old = Vec::new();
        for blob in sorted(self.repository().storage(), "xn")? {
            let merged = Epochs::epoch_of(&blob.name).and_then(|epoch| epochs.single(epoch));
            let since = merged.and_then(|merged| merged.iter().map(|blob| blob.modified).max());
            if since.is_some_and(|since| latest.since(since) > margin) {
                old.push(blob.name);
            }
        }
        self.delete_index_blobs(&old)
    }

    fn delete_index_blobs(&mut self, names: &[String]) -> Result<()> {
        let repository = self.repository().clone();
        self.crew.map(names, |name| repository.storage().delete(name))?;
        self.report.index_blobs_deleted += names.len() as u64;
        Ok(())
    }
}
