//! Epochs: index blobs are written into the current one; when it has enough of them, a new one begins and old ones are merged.
//!
//! | name | what |
//! |---|---|
//! | `xe<E>` | epoch E has begun |
//! | `xn<E>_...` | an index, written in epoch E |
//! | `xs<E>_...` | all indexes of epoch E, merged |
//! | `xr<A>_<B>_...` | all indexes of epochs A to B, merged |
//! | `xw<second>` | deletions up to there are final |

use std::collections::BTreeMap;

use super::Active;
use crate::format::EpochParameters;
use crate::storage::{Blob, sorted};
use crate::{Error, ErrorKind, Result, Storage, Time, parallel};

/// How often lists that took too long are made anew.
const ATTEMPTS: usize = 5;

/// The state of a repository's epochs, as lists tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Epochs {
    /// The epoch that is written into.
    pub(crate) current: u64,
    pub(crate) watermark: Option<i64>,
    /// Until when this may be gone by.
    pub(crate) valid_until: Time,
    /// Merged single epochs: one complete set each.
    singles: BTreeMap<u64, Vec<Blob>>,
    /// Merged ranges, one after the other from epoch 0 on.
    ranges: Vec<Range>,
    /// Indexes as they were written, of the current epoch and those beside it.
    recent: BTreeMap<u64, Vec<Blob>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    first: u64,
    last: u64,
    blobs: Vec<Blob>,
}

impl Epochs {
    /// Lists the state.
    pub(crate) fn list(storage: &dyn Storage, parameters: &EpochParameters) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            let valid_until = storage.now().plus(parameters.refresh_frequency);
            let epochs = Self::list_once(storage, valid_until)?;
            if storage.now() < valid_until {
                return Ok(epochs);
            }
        }
        Err(Error::new(ErrorKind::Clock, "xe", "lists take longer than they may be gone by"))
    }

    fn list_once(storage: &dyn Storage, valid_until: Time) -> Result<Self> {
        let lists = parallel::map(&["xe", "xw", "xs", "xr"], 4, |prefix| sorted(storage, prefix))?;
        let [begun, watermarks, singles, ranges] = <[Vec<Blob>; 4]>::try_from(lists).unwrap_or_default();
        let number = |blob: &Blob| numbers(&blob.name)[0];
        let current = begun.iter().filter_map(number).max().unwrap_or(0);
        let watermark =
            watermarks.iter().filter_map(number).max().and_then(|second| i64::try_from(second).ok());
        let near: Vec<u64> = (current.saturating_sub(1)..=current.saturating_add(1)).collect();
        let recent = parallel::map(&near, near.len(), |epoch| sorted(storage, &format!("xn{epoch}_")))?;
        Ok(Self {
            current,
            watermark,
            valid_until,
            singles: complete_singles(singles),
            ranges: chain(&complete_ranges(ranges)),
            recent: near.into_iter().zip(recent).collect(),
        })
    }

    /// The epoch that an index was written in, as its name says.
    pub(crate) fn epoch_of(name: &str) -> Option<u64> {
        numbers(name)[0]
    }

    /// Whether a blob is an index, merged or not.
    pub(crate) fn is_index(name: &str) -> bool {
        ["xn", "xs", "xr"].iter().any(|kind| name.starts_with(kind))
    }

    /// Indexes as they were written in an epoch, of the current one and those beside it.
    pub(crate) fn written_in(&self, epoch: u64) -> &[Blob] {
        self.recent.get(&epoch).map_or(&[], Vec::as_slice)
    }

    /// When an index was written last, as far as recent epochs tell.
    pub(crate) fn latest_write(&self) -> Option<Time> {
        self.recent.values().flatten().map(|blob| blob.modified).max()
    }

    /// The last epoch that nobody writes into any more.
    pub(crate) fn last_settled(&self) -> Option<u64> {
        self.current.checked_sub(2)
    }

    /// The first epoch that no merged range has.
    pub(crate) fn first_behind_ranges(&self) -> u64 {
        self.ranges.last().map_or(0, |range| range.last.saturating_add(1))
    }

    /// The merged index of one epoch.
    pub(crate) fn single(&self, epoch: u64) -> Option<&[Blob]> {
        self.singles.get(&epoch).map(Vec::as_slice)
    }

    /// The first settled epoch that nothing has merged.
    pub(crate) fn first_unmerged(&self) -> Option<u64> {
        let last = self.last_settled()?;
        (self.first_behind_ranges()..=last).find(|epoch| !self.singles.contains_key(epoch))
    }

    /// The index blobs that together have every entry.
    pub(crate) fn active(&self, storage: &dyn Storage) -> Result<Active> {
        let mut blobs = Vec::new();
        let mut start = 0;
        for range in &self.ranges {
            blobs.extend(range.blobs.iter().cloned());
            start = range.last.saturating_add(1);
        }
        let is_settled = |epoch: u64| epoch.saturating_add(2) <= self.current;
        let singles = self.singles.range(start..).filter(|(epoch, _)| is_settled(**epoch));
        blobs.extend(singles.flat_map(|(_, blobs)| blobs.iter().cloned()));
        for (epoch, written) in self.written_since(storage, start)? {
            if !(is_settled(epoch) && self.singles.contains_key(&epoch)) {
                blobs.extend(written);
            }
        }
        Ok(Active { blobs, watermark: self.watermark })
    }

    /// Indexes as they were written, by epoch. Older ones than recent are listed if there may be any that nothing has merged.
    fn written_since(&self, storage: &dyn Storage, start: u64) -> Result<BTreeMap<u64, Vec<Blob>>> {
        let nearest = self.current.saturating_sub(1);
        let merged = self.singles.range(start..nearest).count() as u64;
        if start >= nearest || merged == nearest - start {
            return Ok(self.recent.range(start..).map(|(epoch, blobs)| (*epoch, blobs.clone())).collect());
        }
        let mut written = BTreeMap::<u64, Vec<Blob>>::new();
        for blob in sorted(storage, "xn")? {
            if let Some(epoch) = numbers(&blob.name)[0].filter(|epoch| *epoch >= start) {
                written.entry(epoch).or_default().push(blob);
            }
        }
        written.retain(|epoch, _| *epoch <= self.current.saturating_add(1));
        Ok(written)
    }
}

/// The first two numbers in a name, each up to the next underscore.
fn numbers(name: &str) -> [Option<u64>; 2] {
    let mut parts = name.trim_start_matches(|c: char| !c.is_ascii_digit()).split('_');
    [(); 2].map(|()| parts.next().and_then(|part| part.parse().ok()))
}

/// Blobs that were written together, by what their names have in common; only sets of which all are there.
fn complete_sets(blobs: Vec<Blob>) -> Vec<Vec<Blob>> {
    let mut sets = BTreeMap::<String, Vec<Blob>>::new();
    for blob in blobs {
        let set = blob.name.split('-').nth(1).filter(|_| count_in(&blob.name).is_some());
        sets.entry(set.unwrap_or(&blob.name).to_owned()).or_default().push(blob);
    }
    let is_complete =
        |set: &Vec<Blob>| set.first().is_some_and(|blob| count_in(&blob.name).unwrap_or(1) <= set.len());
    sets.into_values().filter(is_complete).collect()
}

/// How many blobs a set has, as the name of each says: `...-s0123-c<count>`.
fn count_in(name: &str) -> Option<usize> {
    let mut parts = name.split('-').skip(1);
    parts.next().filter(|set| set.starts_with('s'))?;
    parts.next()?.strip_prefix('c')?.parse().ok()
}

fn complete_singles(blobs: Vec<Blob>) -> BTreeMap<u64, Vec<Blob>> {
    let mut by_epoch = BTreeMap::<u64, Vec<Blob>>::new();
    for blob in blobs {
        if let Some(epoch) = numbers(&blob.name)[0] {
            by_epoch.entry(epoch).or_default().push(blob);
        }
    }
    let first = |(epoch, blobs)| complete_sets(blobs).into_iter().next().map(|set| (epoch, set));
    by_epoch.into_iter().filter_map(first).collect()
}

fn complete_ranges(blobs: Vec<Blob>) -> Vec<Range> {
    let mut by_range = BTreeMap::<(u64, u64), Vec<Blob>>::new();
    for blob in blobs {
        if let [Some(first), Some(last)] = numbers(&blob.name) {
            by_range.entry((first, last)).or_default().push(blob);
        }
    }
    let complete = by_range.into_iter().filter_map(|((first, last), blobs)| {
        let blobs = complete_sets(blobs).into_iter().next()?;
        // a range of one epoch is none to kopia
        (first < last).then_some(Range { first, last, blobs })
    });
    complete.collect()
}

/// Of ranges sorted by their first epochs, those that follow each other from epoch 0 the furthest; of several ways the shortest.
fn chain(ranges: &[Range]) -> Vec<Range> {
    // by the epoch that comes next: how many ranges it takes, and the last of them
    let mut ways = BTreeMap::from([(0, (0, None))]);
    for (place, range) in ranges.iter().enumerate() {
        let Some(&(count, _)) = ways.get(&range.first) else { continue };
        let way = ways.entry(range.last.saturating_add(1)).or_insert((usize::MAX, None));
        if count + 1 < way.0 {
            *way = (count + 1, Some(place));
        }
    }
    let mut chosen = Vec::new();
    let mut last = ways.last_key_value().and_then(|(_, way)| way.1);
    while let Some(place) = last {
        chosen.push(ranges[place].clone());
        last = ways.get(&ranges[place].first).and_then(|way| way.1);
    }
    chosen.reverse();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Memory;

    /// The state of a store with these blobs, and the names of those that are read.
    fn active(names: &[&str]) -> (Epochs, Vec<String>) {
        let storage = Memory::new(Time::from_seconds(1000));
        for name in names {
            storage.put(name, b"", None).unwrap();
        }
        let parameters = EpochParameters {
            refresh_frequency: std::time::Duration::from_secs(1200),
            ..EpochParameters::default()
        };
        let epochs = Epochs::list(&storage, &parameters).unwrap();
        let mut names: Vec<String> =
            epochs.active(&storage).unwrap().blobs.into_iter().map(|blob| blob.name).collect();
        names.sort();
        (epochs, names)
    }

    fn read(names: &[&str]) -> Vec<String> {
        active(names).1
    }

    #[test]
    fn an_empty_repository_writes_into_epoch_0() {
        let (epochs, names) = active(&[]);
        assert_eq!((epochs.current, epochs.watermark), (0, None));
        assert_eq!(epochs.valid_until, Time::from_seconds(2200));
        assert!(names.is_empty());
    }

    #[test]
    fn all_recent_indexes_are_read_merged_or_not() {
        let names = ["xn0_a-s1-c1", "xn1_a-s1-c1", "xn2_a-s1-c1", "xs0_a-s1-c1", "xs1_a-s1-c1", "xe1"];
        let (epochs, read) = active(&names);
        assert_eq!(epochs.current, 1);
        assert_eq!(read, ["xn0_a-s1-c1", "xn1_a-s1-c1", "xn2_a-s1-c1"], "epoch 0 has not settled yet");
    }

    #[test]
    fn settled_epochs_are_read_merged_if_they_are_whole() {
        let names =
            ["xe3", "xn0_a", "xn1_a", "xn2_a", "xn3_a", "xn4_a", "xn5_a", "xs0_b-s1-c1", "xs1_b-s1-c2"];
        assert_eq!(read(&names), ["xn1_a", "xn2_a", "xn3_a", "xn4_a", "xs0_b-s1-c1"]);
        let whole = [&names[..], &["xs1_c-s1-c2"]].concat();
        assert_eq!(read(&whole), ["xn2_a", "xn3_a", "xn4_a", "xs0_b-s1-c1", "xs1_b-s1-c2", "xs1_c-s1-c2"]);
    }

    #[test]
    fn ranges_take_the_place_of_what_they_cover() {
        let names = [
            "xe12",
            "xr0_7_a-s1-c1",
            "xs0_a-s1-c1",
            "xs8_a-s1-c1",
            "xn3_a",
            "xn8_a",
            "xn9_a",
            "xn12_a",
            "xn14_a",
        ];
        assert_eq!(read(&names), ["xn12_a", "xn9_a", "xr0_7_a-s1-c1", "xs8_a-s1-c1"]);
        let gap = ["xe12", "xr1_7_a-s1-c1", "xn1_a"];
        assert_eq!(read(&gap), ["xn1_a"], "a range that nothing leads up to");
        let torn = ["xe12", "xr0_7_a-s1-c2", "xn1_a"];
        assert_eq!(read(&torn), ["xn1_a"]);
    }

    #[test]
    fn of_several_chains_the_longest_then_the_shortest_way_is_taken() {
        let names = ["xe40", "xr0_7_a", "xr0_15_a", "xr8_15_a", "xr16_23_a", "xr16_20_a"];
        assert_eq!(read(&names), ["xr0_15_a", "xr16_23_a"]);
    }

    #[test]
    fn the_latest_watermark_and_epoch_count_and_odd_names_do_not() {
        let (epochs, _) =
            active(&["xw100", "xw99", "xe9", "xe10", "xe", "xw-", "xe99999999999999999999", "xs_", "xr1"]);
        assert_eq!((epochs.current, epochs.watermark), (10, Some(100)));
    }

    #[test]
    fn absurd_numbers_end() {
        let end = u64::MAX.to_string();
        let names = [format!("xe{end}"), format!("xr0_{end}_a"), "xn5_a".to_owned()];
        let read = read(&names.each_ref().map(String::as_str));
        assert_eq!(read, [format!("xr0_{end}_a")]);
    }
}
