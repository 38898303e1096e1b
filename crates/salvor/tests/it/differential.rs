//! Random selections and restores, given to the real Velero 1.18.3 and to us on one cluster and one bucket: what each saved
//! and restored is the same, but for the known flaws of Velero and what we do otherwise on purpose ([`flaws`]).
//!
//! A seed is a selection and a restore ([`case`]); all seeds are on the same ground ([`ground`]). `SALVOR_TEST_SEED` repeats one
//! seed, and `SALVOR_TEST_SEEDS`, `LAST` or such as `3,7-9`, says which ones `cargo xtask test long` tries.

mod archive;
mod case;
mod difference;
mod flaws;
mod ground;
mod trial;

use std::ops::RangeInclusive;

use self::case::Case;
use self::trial::{Tally, Trials};
use crate::world::world;

/// The seeds of the gate.
const SEEDS: RangeInclusive<u64> = 1..=10;
/// How many seeds there are in the long run.
const MANY: u64 = 200;
/// How many seeds share one ground and are restored side by side.
const BATCH: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn ten_random_selections_and_restores_are_as_veleros() {
    let asked = std::env::var("SALVOR_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = asked.map_or(SEEDS, |seed| seed..=seed);
    let Some(tally) = try_all(seeds.collect()).await else { return };
    assert!(tally.unknown.is_empty(), "{} differences that nobody knows of", tally.unknown.len());
    assert!(tally.compared > 100, "{} objects are too few to prove anything", tally.compared);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long"]
async fn many_random_selections_and_restores_are_as_veleros() {
    let seeds =
        std::env::var("SALVOR_TEST_SEEDS").map_or_else(|_| (1..=MANY).collect(), |text| chosen(&text));
    let all = seeds.len() as u64 == MANY;
    let Some(tally) = try_all(seeds).await else { return };
    assert!(tally.unknown.is_empty(), "{} differences that nobody knows of", tally.unknown.len());
    let stale = flaws::KNOWN.iter().filter(|flaw| !tally.known.contains_key(flaw.id));
    let stale: Vec<&str> = stale.map(|flaw| flaw.id).collect();
    assert!(stale.is_empty() || !all, "listed and never met: {stale:?}");
}

/// `LAST`, or seeds and ranges of them: `3,7-9`.
fn chosen(text: &str) -> Vec<u64> {
    if let Ok(last) = text.parse() {
        return (1..=last).collect();
    }
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        first.parse::<u64>().unwrap()..=last.parse().unwrap()
    };
    text.split(',').flat_map(range).collect()
}

#[test]
fn every_known_difference_stands_in_the_documents() {
    let parity = std::fs::read_to_string(testkit::paths::workspace().join("docs/parity.md")).unwrap();
    let (_, table) = parity.split_once("### Beside Velero").unwrap();
    let table = table.split_once("\n## ").map_or(table, |(table, _)| table);
    let rows: Vec<&str> =
        table.lines().filter(|line| line.starts_with("| E") || line.starts_with("| own")).collect();
    let listed: Vec<String> =
        flaws::KNOWN.iter().map(|flaw| format!("| {} | {} |", flaw.id, flaw.why)).collect();
    assert_eq!(rows, listed);
}

/// The trials of these seeds; `None` where there is no cluster.
async fn try_all(seeds: Vec<u64>) -> Option<Tally> {
    let world = world().await?;
    println!("seeds: {seeds:?}");
    let cases: Vec<Case> = seeds.into_iter().map(Case::new).collect();
    let mut trials = Trials::begin(&world).await;
    for batch in cases.chunks(BATCH) {
        trials.run(batch).await;
    }
    let tally = trials.end().await;
    println!("{} objects compared", tally.compared);
    for (id, times) in &tally.known {
        let why = flaws::KNOWN.iter().find(|flaw| flaw.id == *id).map_or("", |flaw| flaw.why);
        println!("{id}: {times} differences: {why}");
    }
    Some(tally)
}
