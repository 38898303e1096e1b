//! Servers that are killed at many random moments, for which the gate has no time: `cargo xtask test long`. A run prints
//! its seed; `SALVOR_TEST_SEED` repeats it, and `SALVOR_TEST_KILLS` says how many kills there are of each kind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use testkit::zoo::Random;

use crate::leaders;
use crate::world::{BACKUP_GOES_ON, RESTORE_GOES_ON, World, world};

const NAMESPACES: [&str; 3] = ["long-apes", "long-birds", "long-cats"];
/// Holds what makes a backup take long enough to be hit in its middle.
const NOISE: &str = "long-noise";
const OURS: &str = "long-salvor";
/// How many backups, and how many restores, lose their server.
const KILLS: u64 = 20;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long"]
async fn backups_whose_server_is_killed_at_any_moment_hold_the_same_objects() {
    let Some(world) = world().await else { return };
    world.install_salvor(OURS, "long").await;
    world.fill(&NAMESPACES).await;
    world.noise(NOISE).await;
    let mut spec = world.everything_in(&NAMESPACES).await;
    spec["includedNamespaces"].as_array_mut().unwrap().push(NOISE.into());
    let mut moments = Moments::measured(&world, ("Backup", "whole"), &spec).await;
    let whole = entries(&world, "whole");
    assert!(whole.len() > 300, "{} entries are too few to prove anything", whole.len());
    let mut resumed = 0;
    for kill in 0..kills() {
        let name = format!("killed-{kill}");
        moments.kill(&world, ("Backup", &name), &spec).await;
        let found = entries(&world, &name);
        assert!(
            found == whole,
            "{name} differs: {:#?}",
            found.symmetric_difference(&whole).collect::<Vec<_>>()
        );
        resumed += usize::from(world.log_has(OURS, ("backup", &name), BACKUP_GOES_ON));
    }
    println!("{resumed} of {} backups went on with the plan of a server that was killed", kills());
    assert!(resumed > 0 || kills() < KILLS, "nobody was killed in the middle");
    world.delete_namespace(NOISE).await;
    world.lose(&NAMESPACES).await;
    world.remove(OURS).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long"]
async fn restores_whose_server_is_killed_at_any_moment_create_nothing_twice() {
    let Some(world) = world().await else { return };
    world.install_salvor(OURS, "long").await;
    let before = world.fill(&NAMESPACES).await;
    world.request(OURS, "Backup", "b", world.everything_in(&NAMESPACES).await).await.unwrap();
    assert_eq!(world.ended(OURS, "backups", "b").await["phase"], "Completed");
    let spec = json!({"backupName": "b"});
    world.lose(&NAMESPACES).await;
    let mut moments = Moments::measured(&world, ("Restore", "whole"), &spec).await;
    world.same(&NAMESPACES, &before).await;
    let mut resumed = 0;
    for kill in 0..kills() {
        let name = format!("killed-{kill}");
        world.lose(&NAMESPACES).await;
        let audit = Audit::from_now(&world);
        moments.kill(&world, ("Restore", &name), &spec).await;
        let (created, again) = audit.created(&NAMESPACES);
        assert!(created >= 300, "the server created only {created} objects");
        assert!(again.is_empty(), "{name} created again: {again:#?}");
        world.same(&NAMESPACES, &before).await;
        resumed += usize::from(world.log_has(OURS, ("restore", &name), RESTORE_GOES_ON));
    }
    println!("{resumed} of {} restores went on where a server that was killed had stopped", kills());
    assert!(resumed > 0 || kills() < KILLS, "nobody was killed in the middle");
    world.lose(&NAMESPACES).await;
    world.remove(OURS).await;
}

/// How many kills are asked for.
fn kills() -> u64 {
    std::env::var("SALVOR_TEST_KILLS").map_or(KILLS, |text| text.parse().unwrap())
}

/// Random moments of an operation.
struct Moments {
    random: Random,
    /// How long the operation takes when nobody is killed.
    whole: Duration,
}

impl Moments {
    /// Runs an operation to its end, to know how long it takes.
    async fn measured(world: &World, (kind, name): (&str, &str), spec: &Value) -> Self {
        leaders::led(world, OURS).await;
        let start = Instant::now();
        world.request(OURS, kind, name, spec.clone()).await.unwrap();
        completed(world, kind, name).await;
        let whole = start.elapsed();
        println!("seed {}: {kind} {name} took {} ms", world.seed, whole.as_millis());
        Self { random: Random::new(world.seed), whole }
    }

    /// Asks for an operation, kills the server at some moment of it, and waits until the operation has completed.
    async fn kill(&mut self, world: &World, (kind, name): (&str, &str), spec: &Value) {
        let whole = u64::try_from(self.whole.as_millis()).unwrap();
        let moment = Duration::from_millis(self.random.between(0, whole));
        leaders::scale(world, OURS, 1).await;
        leaders::led(world, OURS).await;
        let server = world.victims(OURS).await;
        world.request(OURS, kind, name, spec.clone()).await.unwrap();
        // No condition to wait for: any moment is as good as another, and that is what is tested.
        tokio::time::sleep(moment).await;
        world.kill(&server).await;
        println!("killed the server {} ms after {kind} {name} was asked for", moment.as_millis());
        completed(world, kind, name).await;
    }
}

async fn completed(world: &World, kind: &str, name: &str) {
    let status = world.ended(OURS, &format!("{}s", kind.to_lowercase()), name).await;
    assert_eq!(status["phase"], "Completed", "{kind} {name}: {status}");
}

/// What the archive of a backup holds, but for events, which come and go by themselves.
fn entries(world: &World, backup: &str) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("archive.tar.gz").display().to_string();
    let output = world.salvor(OURS, &["backup", "download", backup, "-o", &file]);
    assert!(output.status.success(), "{backup} cannot be downloaded");
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(&file).unwrap()));
    let paths = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
    paths.filter(|path| !path.starts_with("resources/events")).collect()
}

/// The API server's record of requests, from some moment on.
struct Audit {
    file: File,
}

impl Audit {
    fn from_now(world: &World) -> Self {
        // Held open: when the API server begins a new file, this one keeps its content.
        let mut file = File::open(world.cluster.layout().audit_log()).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        Self { file }
    }

    /// How many objects of these namespaces our server has created since, and those that it created again though nobody else had
    /// deleted them. Controllers do: an EndpointSlice that comes before its Service goes at once.
    fn created(mut self, namespaces: &[&str]) -> (usize, Vec<String>) {
        let mut text = String::new();
        self.file.read_to_string(&mut text).unwrap();
        // The last line may be half written.
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        let (mut creates, mut deletes) = (BTreeMap::new(), BTreeMap::new());
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let (object, uri) = (&event["objectRef"], event["requestURI"].as_str().unwrap());
            let concerned = namespaces.iter().any(|namespace| object["namespace"] == *namespace)
                && object["subresource"].is_null()
                && !uri.contains("dryRun=");
            if !concerned {
                continue;
            }
            let parts = ["apiGroup", "resource", "namespace", "name"];
            let name = parts.map(|part| object[part].as_str().unwrap_or_default()).join("/");
            let by_us = event["user"]["username"] == format!("system:serviceaccount:{OURS}:velero");
            match (event["verb"].as_str(), event["responseStatus"]["code"].as_u64(), by_us) {
                (Some("create"), Some(201), true) => *creates.entry(name).or_insert(0_usize) += 1,
                (Some("delete"), Some(200 | 202), false) => *deletes.entry(name).or_insert(0_usize) += 1,
                _ => {}
            }
        }
        let deleted = |name: &str| deletes.get(name).copied().unwrap_or_default();
        let again = creates.iter().filter(|(name, times)| **times > 1 + deleted(name));
        (creates.len(), again.map(|(name, _)| name.clone()).collect())
    }
}
