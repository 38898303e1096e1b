//! Which snapshots of a source expire, by kopia's rules: of each year, month, week, day and hour the latest is kept, for so many of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::Time;
use crate::policy::Retention;
use crate::snapshot::Snapshot;

/// How many snapshots that are not whole are kept, at the most recent end, and how long more of them.
const INCOMPLETE_COUNT: usize = 3;
const INCOMPLETE_AGE_MAX: Duration = Duration::from_hours(4);

/// A kind of period, of which the latest snapshots are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Period {
    Latest,
    Year,
    Month,
    Week,
    Day,
    Hour,
}

impl Period {
    /// What all snapshots of one period have in common.
    fn of(self, place: usize, start: DateTime) -> (i64, i64) {
        let date = start.date();
        let (year, day) = (i64::from(date.year()), i64::from(date.day_of_year()));
        match self {
            Self::Latest => (0, place as i64),
            Self::Year => (year, 0),
            Self::Month => (year, date.month().into()),
            Self::Week => (date.iso_week_date().year().into(), date.iso_week_date().week().into()),
            Self::Day => (year, day),
            Self::Hour => (year, day * 24 + i64::from(start.hour())),
        }
    }

    /// The moment so many periods before another; none if that is before all times.
    fn before(self, end: DateTime, count: i32) -> Option<DateTime> {
        let count = i64::from(count);
        match self {
            Self::Latest => None,
            Self::Year => months_before(end, count.checked_mul(12)?),
            Self::Month => months_before(end, count),
            Self::Week => end.checked_sub(Span::new().try_days(count * 7).ok()?).ok(),
            Self::Day => end.checked_sub(Span::new().try_days(count).ok()?).ok(),
            Self::Hour => end.checked_sub(Span::new().try_hours(count).ok()?).ok(),
        }
    }
}

/// The same day so many months before; where that month is too short, as many days later, as Go has it.
fn months_before(end: DateTime, count: i64) -> Option<DateTime> {
    let month = i64::from(end.year()) * 12 + i64::from(end.month()) - 1 - count;
    let year = i16::try_from(month.div_euclid(12)).ok()?;
    let first = Date::new(year, i8::try_from(month.rem_euclid(12)).ok()? + 1, 1).ok()?;
    let date = first.checked_add(Span::new().try_days(end.day() - 1).ok()?).ok()?;
    Some(date.to_datetime(end.time()))
}

fn civil(time: Time) -> DateTime {
    let timestamp = Timestamp::from_nanosecond(time.nanos().into()).unwrap_or(Timestamp::UNIX_EPOCH);
    TimeZone::UTC.to_datetime(timestamp)
}

/// The snapshots of one source that expire, by their places in the list. One that somebody holds does not.
pub fn expired(snapshots: &[Snapshot], keep: &Retention) -> Vec<usize> {
    let rules: Vec<(Period, i32)> = [
        (Period::Latest, keep.keep_latest),
        (Period::Year, keep.keep_annual),
        (Period::Month, keep.keep_monthly),
        (Period::Week, keep.keep_weekly),
        (Period::Day, keep.keep_daily),
        (Period::Hour, keep.keep_hourly),
    ]
    .into_iter()
    .filter_map(|(period, count)| Some((period, count.filter(|count| *count > 0)?)))
    .collect();
    if rules.is_empty() {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..snapshots.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(snapshots[*place].started));
    let is_kept = kept(snapshots, &order, &rules);
    let is_held = |place: &usize| is_kept.contains(place) || !snapshots[*place].pins.is_empty();
    (0..snapshots.len()).filter(|place| !is_held(place)).collect()
}

/// The places of those for which there is a reason; `order` has the latest first.
fn kept(snapshots: &[Snapshot], order: &[usize], rules: &[(Period, i32)]) -> BTreeSet<usize> {
    let is_whole = |place: usize| snapshots[place].incomplete.is_empty();
    let first_whole = order.iter().position(|place| is_whole(*place));
    let mut kept = BTreeSet::new();
    let newest = order.first().map_or(Time::EPOCH, |place| snapshots[*place].started);
    for (number, place) in order[..first_whole.unwrap_or(order.len())].iter().enumerate() {
        if number < INCOMPLETE_COUNT || newest.since(snapshots[*place].started) < INCOMPLETE_AGE_MAX {
            kept.insert(*place);
        }
    }
    let Some(first_whole) = first_whole else { return kept };
    let end = civil(snapshots[order[first_whole]].started);
    let (mut seen, mut granted) = (BTreeSet::new(), BTreeMap::<Period, i32>::new());
    for (number, place) in order.iter().enumerate().filter(|(_, place)| is_whole(**place)) {
        let start = civil(snapshots[*place].started);
        for (period, count) in rules {
            let is_recent = period.before(end, *count).is_none_or(|limit| start >= limit);
            let so_far = granted.entry(*period).or_default();
            if is_recent && *so_far < *count && seen.insert((*period, period.of(number, start))) {
                *so_far += 1;
                kept.insert(*place);
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshots(times: &[&str]) -> Vec<Snapshot> {
        let of = |time: &&str| Snapshot { started: time.parse().unwrap(), ..Snapshot::default() };
        times.iter().map(of).collect()
    }

    const TIMES: [&str; 7] = [
        "2026-03-31T10:00:00Z",
        "2026-03-31T09:59:00Z",
        "2026-03-31T09:01:00Z",
        "2026-03-29T00:00:00Z",
        "2026-03-03T10:00:00Z",
        "2026-03-03T09:59:59Z",
        "2025-12-31T00:00:00Z",
    ];

    fn left(keep: Retention) -> Vec<usize> {
        let expired = expired(&snapshots(&TIMES), &keep);
        (0..TIMES.len()).filter(|place| !expired.contains(place)).collect()
    }

    #[test]
    fn the_latest_of_each_period_is_kept() {
        let none = Retention::default();
        for (keep, expected) in [
            (Retention { keep_latest: Some(2), ..none }, &[0, 1][..]),
            (Retention { keep_hourly: Some(3), ..none }, &[0, 1]),
            (Retention { keep_daily: Some(2), ..none }, &[0]),
            (Retention { keep_daily: Some(3), ..none }, &[0, 3]),
            (Retention { keep_weekly: Some(9), ..none }, &[0, 3, 4]),
            (Retention { keep_monthly: Some(1), ..none }, &[0]),
            (Retention { keep_annual: Some(2), ..none }, &[0, 6]),
            (Retention { keep_latest: Some(1), keep_annual: Some(2), ..none }, &[0, 6]),
            (Retention { keep_latest: Some(i32::MAX), ..none }, &[0, 1, 2, 3, 4, 5, 6]),
            (Retention { keep_annual: Some(i32::MAX), ..none }, &[0, 6]),
            (none, &[0, 1, 2, 3, 4, 5, 6]),
            (Retention { keep_latest: Some(0), ..none }, &[0, 1, 2, 3, 4, 5, 6]),
        ] {
            assert_eq!(left(keep), expected, "{keep:?}");
        }
    }

    #[test]
    fn short_months_run_over_as_in_go() {
        let end = civil("2026-03-31T10:00:00Z".parse().unwrap());
        let before = |count| Period::Month.before(end, count).unwrap().to_string();
        assert_eq!(before(1), "2026-03-03T10:00:00");
        assert_eq!(before(3), "2025-12-31T10:00:00");
        assert_eq!(Period::Month.before(end, i32::MAX), None);
    }

    #[test]
    fn what_is_held_or_just_begun_is_kept() {
        let mut all = snapshots(&TIMES);
        all[5].pins = vec!["somebody".to_owned()];
        for place in [0, 1, 3] {
            all[place].incomplete = "checkpoint".to_owned();
        }
        let keep = Retention { keep_latest: Some(1), ..Retention::default() };
        assert_eq!(expired(&all, &keep), [3, 4, 6], "what was begun before the latest whole one is over");
    }
}
