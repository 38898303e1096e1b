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
use crate::{Error, ErrorKind, Result, Storage, Time};

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
    /// Indexes as they were written, up to the epoch behind the current one.
    written: BTreeMap<u64, Vec<Blob>>,
}

/// Everything that tells of epochs, by one list: a store answers late, and what is deleted has been replaced for hours.
pub(crate) struct Listed {
    blobs: Vec<Blob>,
    begun: Time,
}

impl Listed {
    pub(crate) fn of(storage: &dyn Storage) -> Result<Self> {
        let begun = storage.now();
        Ok(Self { blobs: sorted(storage, "x")?, begun })
    }
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
        Self::list_from(None, storage, parameters)
    }

    /// The same, by a list that may be there already.
    pub(crate) fn list_from(
        mut listed: Option<Listed>,
        storage: &dyn Storage,
        parameters: &EpochParameters,
    ) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            let epochs = Self::of(listed.take().map_or_else(|| Listed::of(storage), Ok)?, parameters);
            if storage.now() < epochs.valid_until {
                return Ok(epochs);
            }
        }
        Err(Error::new(ErrorKind::Clock, "xe", "lists take longer than they may be gone by"))
    }

    fn of(listed: Listed, parameters: &EpochParameters) -> Self {
        let mut of_kind = BTreeMap::<String, Vec<Blob>>::new();
        for blob in listed.blobs {
            of_kind.entry(blob.name.chars().take(2).collect()).or_default().push(blob);
        }
        let mut take = |kind| of_kind.remove(kind).unwrap_or_default();
        let number = |blob: &Blob| numbers(&blob.name)[0];
        let current = take("xe").iter().filter_map(number).max().unwrap_or(0);
        let watermark =
            take("xw").iter().filter_map(number).max().and_then(|second| i64::try_from(second).ok());
        let mut written = by_epoch(take("xn"));
        written.retain(|epoch, _| *epoch <= current.saturating_add(1));
        Self {
            current,
            watermark,
            valid_until: listed.begun.plus(parameters.refresh_frequency),
            singles: complete_singles(take("xs")),
            ranges: chain(&complete_ranges(take("xr"))),
            written,
        }
    }

    /// The epoch that an index was written in, as its name says.
    pub(crate) fn epoch_of(name: &str) -> Option<u64> {
        numbers(name)[0]
    }

    /// Whether a blob is an index, merged or not.
    pub(crate) fn is_index(name: &str) -> bool {
        ["xn", "xs", "xr"].iter().any(|kind| name.starts_with(kind))
    }

    /// Indexes as they were written in an epoch.
    pub(crate) fn written_in(&self, epoch: u64) -> &[Blob] {
        self.written.get(&epoch).map_or(&[], Vec::as_slice)
    }

    /// When an index was written last.
    pub(crate) fn latest_write(&self) -> Option<Time> {
        self.written.values().flatten().map(|blob| blob.modified).max()
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
    pub(crate) fn active(&self) -> Active {
        let mut blobs: Vec<Blob> = self.ranges.iter().flat_map(|range| range.blobs.iter().cloned()).collect();
        let start = self.first_behind_ranges();
        let is_settled = |epoch: u64| epoch.saturating_add(2) <= self.current;
        let singles = self.singles.range(start..).filter(|(epoch, _)| is_settled(**epoch));
        blobs.extend(singles.flat_map(|(_, blobs)| blobs.iter().cloned()));
        for (epoch, written) in self.written.range(start..) {
            if !(is_settled(*epoch) && self.singles.contains_key(epoch)) {
                blobs.extend(written.iter().cloned());
            }
        }
        Active { blobs, watermark: self.watermark }
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

fn by_epoch(blobs: Vec<Blob>) -> BTreeMap<u64, Vec<Blob>> {
    let mut by_epoch = BTreeMap::<u64, Vec<Blob>>::new();
    for blob in blobs {
        if let Some(epoch) = numbers(&blob.name)[0] {
            by_epoch.entry(epoch).or_default().push(blob);
        }
    }
    by_epoch
}

fn complete_singles(blobs: Vec<Blob>) -> BTreeMap<u64, Vec<Blob>> {
    let first = |(epoch, blobs)| complete_sets(blobs).into_iter().next().map(|set| (epoch, set));
    by_epoch(blobs).into_iter().filter_map(first).collect()
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
        let mut names: Vec<String> = epochs.active().blobs.into_iter().map(|blob| blob.name).collect();
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
