//! Writers, deletions, maintenance, faults and a clock, all by chance from a seed: no snapshot that was kept loses anything, whatever happens.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::ErrorKind;
use crate::format::Options;
use crate::maintenance::{Maintainer, Mode};
use crate::random::fake::Seeded;
use crate::storage::Memory;
use crate::writer::tests::Faulty;

/// How many seeds are tried.
const SEEDS: u64 = 25;
/// How much happens with each.
const STEPS: u64 = 120;
/// How many clients there are.
const CLIENTS: u64 = 3;
/// How long a writer may take: what it goes by is not deleted before.
const DRAFT_AGE_MAX: Duration = Duration::from_hours(4);

/// A client, and what it is about to keep.
struct Client {
    repository: Arc<Repository>,
    draft: Option<(Writer, Files, Time)>,
}

/// What happens.
struct World {
    storage: Arc<Faulty>,
    format: Format,
    clients: Vec<Client>,
    state: u64,
    /// What was kept and not deleted since.
    kept: BTreeMap<String, Files>,
    /// What may have been kept, or deleted, by a call that failed.
    unsure: BTreeSet<String>,
    seed: u64,
    /// Contents that maintenance deleted, and blobs.
    deleted: (u64, u64),
}

impl World {
    fn new(format: &Format, created: &Memory, seed: u64) -> Self {
        let inner = Memory::new(Time::from_seconds(1_700_000_000));
        for blob in crate::storage::sorted(created, "").unwrap() {
            inner.put(&blob.name, &created.get(&blob.name, 1 << 20).unwrap(), None).unwrap();
        }
        let storage = Faulty::over(inner);
        let as_storage = Arc::clone(&storage) as Arc<dyn Storage>;
        let client = |number| {
            let repository = Arc::new(reopen(&as_storage, format, seed * 100 + number).unwrap());
            Client { repository, draft: None }
        };
        let clients: Vec<Client> = (0..CLIENTS).map(client).collect();
        let format = format.reopen(&*storage).unwrap();
        let (kept, unsure) = (BTreeMap::new(), BTreeSet::new());
        let world = Self { storage, format, clients, state: seed, kept, unsure, seed, deleted: (0, 0) };
        world.maintainer().take_over().unwrap();
        world
    }

    fn chance(&mut self, of: u64) -> u64 {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % of
    }

    fn maintainer(&self) -> Maintainer {
        Maintainer::new(Arc::clone(&self.clients[0].repository), "u", "h").with_threads(1)
    }

    fn step(&mut self) {
        match self.chance(16) {
            0..5 => self.write(),
            5..9 => self.commit(),
            9 => self.delete(),
            10 => self.give_up(),
            11 => self.fail_soon(),
            12 | 13 => self.maintain(),
            14 => self.wait(Duration::from_mins(20)),
            _ => self.wait(Duration::from_hours(13)),
        }
    }

    /// A client adds files to what it is about to keep: most of them are somewhere already.
    fn write(&mut self) {
        let (client, name, seed) = (self.chance(CLIENTS) as usize, self.chance(5), self.chance(12));
        let bytes = vec![seed as u8 + 1; 50 + seed as usize * 100];
        let now = self.storage.now();
        let client = &mut self.clients[client];
        if client.draft.is_none() {
            let writer = Writer::new(Arc::clone(&client.repository)).unwrap();
            client.draft = Some((writer, Files::new(), now));
        }
        if let Some((writer, files, _)) = &mut client.draft
            && writer.put(None, &bytes, None).is_ok()
        {
            files.insert(name.to_string(), bytes);
        }
    }

    fn commit(&mut self) {
        let client = self.chance(CLIENTS) as usize;
        let Some((writer, files, _)) = self.clients[client].draft.take() else { return };
        match save(&writer, &files) {
            Ok(id) => drop(self.kept.insert(id, files)),
            // it may be there all the same: the last call only takes the mark of the session away
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Storage, "seed {}: {error}", self.seed);
                if let Ok(all) = read_all(&self.fresh()) {
                    let new: Vec<String> = all.into_keys().filter(|id| !self.kept.contains_key(id)).collect();
                    self.unsure.extend(new);
                }
            }
        }
    }

    fn delete(&mut self) {
        let ids: Vec<String> = self.kept.keys().cloned().collect();
        if ids.len() < 3 {
            return;
        }
        let id = ids[self.chance(ids.len() as u64) as usize].clone();
        self.kept.remove(&id);
        self.unsure.insert(id.clone());
        let repository = Arc::clone(&self.clients[1].repository);
        repository.refresh().unwrap();
        let manifests = Manifests::load(&repository).unwrap();
        let mut changes = Changes::default();
        changes.delete(&repository, manifests.get(&id).unwrap());
        let _ = Writer::new(Arc::clone(&repository)).and_then(|writer| {
            changes.write(&writer)?;
            writer.flush()
        });
    }

    /// A client dies, and another takes its place.
    fn give_up(&mut self) {
        let client = self.chance(CLIENTS) as usize;
        let as_storage = Arc::clone(&self.storage) as Arc<dyn Storage>;
        let seed = self.state;
        let repository = Arc::new(reopen(&as_storage, &self.format, seed).unwrap());
        self.clients[client] = Client { repository, draft: None };
    }

    fn fail_soon(&mut self) {
        let calls = self.chance(12) as usize;
        self.storage.fail_after(calls);
    }

    fn maintain(&mut self) {
        let mode = if self.chance(2) == 0 { Mode::Full } else { Mode::Auto };
        match self.maintainer().run(mode) {
            Ok(report) => {
                self.deleted.0 += report.contents_deleted;
                self.deleted.1 += report.blobs_deleted;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Storage, "seed {}: {error}", self.seed),
        }
        self.check();
    }

    fn wait(&mut self, duration: Duration) {
        self.storage.inner.advance(duration);
        let now = self.storage.now();
        for client in &mut self.clients {
            client.draft = client.draft.take().filter(|draft| now.since(draft.2) < DRAFT_AGE_MAX);
        }
    }

    fn fresh(&self) -> Repository {
        let as_storage = Arc::clone(&self.storage) as Arc<dyn Storage>;
        reopen(&as_storage, &self.format, 1).unwrap()
    }

    /// What was kept is there, as it was; and nothing else.
    fn check(&self) {
        let found = read_all(&self.fresh()).unwrap_or_else(|error| panic!("seed {}: {error}", self.seed));
        for (id, files) in &self.kept {
            assert_eq!(found.get(id), Some(files), "seed {}: {id}", self.seed);
        }
        let known = |id: &&String| self.kept.contains_key(*id) || self.unsure.contains(*id);
        assert!(found.keys().all(|id| known(&id)), "seed {}: {:?}", self.seed, found.keys());
    }
}

#[test]
fn no_snapshot_loses_anything_whatever_happens() {
    let created = Memory::new(Time::from_seconds(1_700_000_000));
    Format::create(&created, &Seeded::new(1), "secret", &Options::default()).unwrap();
    let format = Format::open(&created, "secret").unwrap();
    let first = std::env::var("SALVOR_TEST_SEED").ok().map(|seed| seed.parse().unwrap());
    let seeds = first.map_or(0..SEEDS, |seed| seed..seed + 1);
    let (mut kept, mut deleted) = (0, (0, 0));
    for seed in seeds {
        println!("seed {seed}: SALVOR_TEST_SEED={seed} repeats it");
        let mut world = World::new(&format, &created, seed);
        (0..STEPS).for_each(|_| world.step());
        world.check();
        kept += world.kept.len();
        deleted = (deleted.0 + world.deleted.0, deleted.1 + world.deleted.1);
    }
    if first.is_none() {
        assert!(kept > 60 && deleted.0 > 30 && deleted.1 > 60, "something happens: {kept} {deleted:?}");
    }
}
