//! A leader that stands still in the middle of a call for as long as another one needs for everything, and goes on then:
//! its call arrives late, and of whatever it wants after that nothing goes through, since its Lease is over.

use store::backup_files::{Depth, verify_manifest};

use super::*;
use crate::testing::{DyingStore, stands_still};
use cluster::fake::Ice;

/// Runs an operation twice: by a server that stands still at some call, and meanwhile by another one. What there was
/// before the late call arrived; `None` where the first server never came to that call.
async fn overtaken(
    world: &World,
    (specs, name): (&[&Spec<Deps>], &str),
    (late, ice): (Arc<Deps>, Arc<Ice>),
) -> Option<Found> {
    let first = work(world, &late, specs, name);
    tokio::pin!(first);
    if !stands_still(first.as_mut(), &ice).await {
        return None;
    }
    work(world, &world.deps(), specs, name).await.unwrap();
    let found = Found::of(world).await;
    ice.thaw();
    let _deposed = first.await;
    Some(found)
}

/// What a late call must not change.
struct Found {
    /// Every object but for events, as it is stored.
    objects: Vec<Value>,
    /// What the location holds for readers.
    stored: BTreeMap<String, bytes::Bytes>,
}

impl Found {
    async fn of(world: &World) -> Self {
        let mut objects = world.fake.objects();
        objects.retain(|object| object["kind"] != "Event");
        let mut stored = BTreeMap::new();
        for key in world.memory.keys().into_iter().filter(|key| !key.starts_with("plugins/")) {
            stored.insert(key.clone(), world.memory.get(&key).await.unwrap());
        }
        Self { objects, stored }
    }

    /// What is not as it was.
    fn differs_from(&self, before: &Self) -> Vec<String> {
        let names = |object: &&Value| format!("{} {}", object["kind"], object["metadata"]["name"]);
        let objects =
            self.objects.iter().filter(|object| !before.objects.contains(object)).map(|o| names(&o));
        let gone = before.objects.iter().filter(|object| !self.objects.contains(object)).map(|o| names(&o));
        let keys: std::collections::BTreeSet<_> = self.stored.keys().chain(before.stored.keys()).collect();
        let stored = keys.into_iter().filter(|key| self.stored.get(*key) != before.stored.get(*key)).cloned();
        objects.chain(gone).chain(stored).collect()
    }
}

/// A server that stands still in a call to the cluster.
fn late_cluster(world: &World, nth: usize) -> (Arc<Deps>, Arc<Ice>) {
    let faulty = Faulty::new(Arc::new(world.fake.clone()), Some(Fault::call(nth).late()));
    let ice = faulty.ice();
    let store = DyingStore::of(world.memory.clone(), faulty.death());
    (world.deps_with(Arc::new(faulty), Ok(Arc::new(store))), ice)
}

/// A server that stands still in a call to the store.
fn late_store(world: &World, nth: usize, unconditional: bool) -> (Arc<Deps>, Arc<Ice>) {
    let ice = Arc::default();
    let cluster = Faulty::new(Arc::new(world.fake.clone()), None);
    let store = DyingStore::late(world.memory.clone(), nth, (&ice, cluster.death()));
    let store = if unconditional { store.unconditional() } else { store };
    (world.deps_with(Arc::new(cluster), Ok(Arc::new(store))), ice)
}

/// Makes one of the servers that stand still.
type Late = fn(&World, usize) -> (Arc<Deps>, Arc<Ice>);

const PLACES: [Late; 2] = [late_cluster, |world, nth| late_store(world, nth, false)];

#[tokio::test(start_paused = true)]
async fn a_leader_that_stood_still_in_a_backup_changes_nothing() {
    for late in PLACES {
        for nth in 1.. {
            let world = shop();
            let Some(found) = overtaken(&world, (&BACKUP, "b"), late(&world, nth)).await else {
                assert!(nth > 10, "the loop has stopped {nth} calls only");
                break;
            };
            let differs = Found::of(&world).await.differs_from(&found);
            assert!(differs.is_empty(), "call {nth}: {differs:?}");
            backed_up(&world, nth).await;
            assert_eq!(verify_manifest(&world.memory, "b", Depth::Contents).await.unwrap(), [], "call {nth}");
        }
    }
}

/// Such a store cannot refuse what is late. The archive is the same whoever packs it; of the rest, the manifest tells.
#[tokio::test(start_paused = true)]
async fn what_it_writes_late_to_a_store_without_conditions_is_told_by_the_manifest() {
    let mut told = 0;
    for nth in 1.. {
        let world = shop();
        let Some(found) = overtaken(&world, (&BACKUP, "b"), late_store(&world, nth, true)).await else {
            assert!(nth > 10 && told > 0, "the loop has stopped {nth} calls only, {told} were told");
            return;
        };
        backed_up(&world, nth).await;
        let differs = Found::of(&world).await.differs_from(&found);
        assert!(!differs.contains(&"backups/b/b.tar.gz".to_owned()), "call {nth}: {differs:?}");
        let findings = verify_manifest(&world.memory, "b", Depth::Contents).await.unwrap();
        assert_eq!(findings.is_empty(), differs.is_empty(), "call {nth}: {differs:?}, {findings:?}");
        told += findings.len();
    }
}

async fn backed_up(world: &World, nth: usize) {
    let status = world.get::<Backup>("b").await.unwrap().status;
    assert_eq!(status.phase, BackupPhase::Completed, "call {nth}: {status:?}");
    assert_eq!(status.progress.unwrap().items_backed_up, 11, "call {nth}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_stood_still_in_a_restore_changes_nothing() {
    for late in PLACES {
        for nth in 1.. {
            let world = shop();
            let before = application(&world);
            work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
            lose(&world).await;
            restore_of(&world);
            let Some(found) = overtaken(&world, (&RESTORE, "r"), late(&world, nth)).await else {
                assert!(nth > 10, "the loop has stopped {nth} calls only");
                break;
            };
            let differs = Found::of(&world).await.differs_from(&found);
            assert!(differs.is_empty(), "call {nth}: {differs:?}");
            assert_eq!(application(&world), before, "call {nth}");
            let status = world.get::<Restore>("r").await.unwrap().status;
            assert_eq!(
                (status.phase, status.warnings),
                (RestorePhase::Completed, 0),
                "call {nth}: {status:?}"
            );
        }
    }
}
