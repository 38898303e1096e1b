//! Half-empty packs: what is used of them is written anew, so that they can be deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Run;
use crate::Result;
use crate::content::Entry;
use crate::content::pack::Kind;

/// How full a pack is, in percent of its usual length, that is left as it is.
const FULL_PERCENT: u64 = 60;
/// How many contents are moved before the next are looked for.
const PAGE: usize = 256;

impl Run<'_> {
    /// Moves contents out of half-empty packs, if there are at least two of a kind.
    pub(super) fn rewrite(&mut self) -> Result<()> {
        let repository = self.repository().clone();
        let short = self.short_packs()?;
        if short.is_empty() {
            return Ok(());
        }
        let age_min = i64::try_from(self.safety().rewrite_age_min.as_secs()).unwrap_or(i64::MAX);
        let newest = self.started.seconds().saturating_sub(age_min);
        let writer = self.maintainer.writer()?;
        let (mut page, mut count) = (Vec::new(), 0);
        let mut moved = |page: &mut Vec<Entry>| -> Result<()> {
            count += page.len() as u64;
            self.crew.map(page, |entry| writer.rewrite(entry))?;
            page.clear();
            Ok(())
        };
        repository.indexes().entries(None, &mut |entry| {
            // a deleted one would be deleted later again
            if entry.is_deleted || entry.time > newest || !short.contains(&entry.pack) {
                return Ok(());
            }
            page.push(entry);
            if page.len() >= PAGE { moved(&mut page) } else { Ok(()) }
        })?;
        moved(&mut page)?;
        writer.flush()?;
        self.report.contents_rewritten = count;
        Ok(())
    }

    fn short_packs(&self) -> Result<BTreeSet<Arc<str>>> {
        let mut packs = BTreeMap::<Arc<str>, (Kind, u64, bool)>::new();
        self.repository().entries(&mut |entry| {
            let pack = packs.entry(Arc::clone(&entry.pack)).or_insert((Kind::of(&entry.id), 0, false));
            pack.1 += u64::from(entry.packed_length);
            pack.2 |= !entry.is_deleted;
            Ok(())
        })?;
        let full = u64::from(self.repository().format().pack_length()) * FULL_PERCENT / 100;
        packs.retain(|_, (_, length, is_used)| *length < full && *is_used);
        let count = |kind: Kind| packs.values().filter(|pack| pack.0 == kind).count();
        let counts = [Kind::Data, Kind::Metadata].map(|kind| (kind, count(kind)));
        let is_worth_it = |kind: Kind| counts.iter().any(|(other, count)| *other == kind && *count > 1);
        packs.retain(|_, pack| is_worth_it(pack.0));
        Ok(packs.into_keys().collect())
    }
}
