//! Trials: both servers are given the same backups and restores, and what they did is compared.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use testkit::objects::{Catalog, name_of};
use testkit::wait::{Look, until};
use testkit::zoo::Random;

use super::archive::{self, Archive, PREFIX};
use super::case::{Case, Side};
use super::difference::{Difference, Stage, between_archives, between_clusters, between_lists};
use super::flaws::known;
use super::ground::{self, DEN, NAMESPACES, Objects};
use crate::world::World;

/// How long controllers may take to finish what a restore began.
const SETTLED: Duration = Duration::from_secs(15);
/// Kinds that can be there before a restore, and be changed.
const THERE_BEFORE: [&str; 6] = ["ConfigMap", "Secret", "ServiceAccount", "Role", "NetworkPolicy", "Gadget"];

/// What the trials of some seeds came to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How many objects were compared, in archives and in the cluster.
    pub(super) compared: usize,
    /// How often each known difference was met.
    pub(super) known: BTreeMap<&'static str, usize>,
    /// What nobody knows of.
    pub(super) unknown: Vec<String>,
}

/// Both servers, on one cluster and one bucket.
pub(super) struct Trials<'w> {
    world: &'w World,
    tally: Tally,
}

impl<'w> Trials<'w> {
    /// Installs both.
    pub(super) async fn begin(world: &'w World) -> Self {
        ground::make_types(world).await;
        world.install_salvor(Side::Ours.server(), PREFIX).await;
        world.install_velero(Side::Theirs.server(), PREFIX).await;
        Self { world, tally: Tally::default() }
    }

    /// Removes both, and says what was found.
    pub(super) async fn end(self) -> Tally {
        for side in Side::BOTH {
            self.world.remove(side.server()).await;
        }
        ground::remove_types(self.world).await;
        self.tally
    }

    /// The trials of some seeds. Backups go first, then restores beside the ground, all at once; those to where it was, which is
    /// emptied for them, one after another.
    pub(super) async fn run(&mut self, cases: &[Case]) {
        let start = Instant::now();
        let before = ground::make(self.world).await;
        let stored = self.back_up(cases).await;
        println!("{} backups each after {} s", cases.len(), start.elapsed().as_secs());
        let (emptied, beside): (Vec<&Case>, Vec<&Case>) = stored.into_iter().partition(|case| case.emptied);
        self.restore_beside(&beside, &before).await;
        println!("{} restores each beside it after {} s", beside.len(), start.elapsed().as_secs());
        for case in &emptied {
            self.restore_emptied(case).await;
        }
        ground::lose(self.world).await;
        println!("{} seeds took {} s", cases.len(), start.elapsed().as_secs());
    }

    /// Has both make the backups of all seeds, and compares them; gives the seeds that both have a backup of.
    async fn back_up<'c>(&mut self, cases: &'c [Case]) -> Vec<&'c Case> {
        self.make_config_maps(cases).await;
        let mut stored = Vec::new();
        let den = format!("/api/v1/namespaces/{DEN}");
        for labelled_out in [false, true] {
            let label = labelled_out.then_some("true");
            let change = json!({"metadata": {"labels": {"velero.io/exclude-from-backup": label}}});
            self.world.cluster.client().merge(&den, &change).await.unwrap();
            let cases: Vec<&Case> = cases.iter().filter(|case| case.labelled_out == labelled_out).collect();
            for case in &cases {
                for side in Side::BOTH {
                    let (name, spec) = (case.backup_of(side), case.backup.clone());
                    self.world.request(side.server(), "Backup", &name, spec).await.unwrap();
                }
            }
            for case in cases {
                if self.compare_backups(case).await {
                    stored.push(case);
                }
            }
        }
        stored
    }

    /// Gives both servers the policies and modifiers of all seeds.
    async fn make_config_maps(&self, cases: &[Case]) {
        for side in Side::BOTH {
            let path = format!("/api/v1/namespaces/{}/configmaps", side.server());
            for config_map in cases.iter().flat_map(Case::config_maps) {
                self.world.cluster.client().create(&path, &config_map).await.unwrap();
            }
        }
    }

    /// Compares the backups of a seed. False where one of the two refuses to make it.
    async fn compare_backups(&mut self, case: &Case) -> bool {
        let mut phases = Vec::new();
        for side in Side::BOTH {
            let status = self.world.ended(side.server(), "backups", &case.backup_of(side)).await;
            phases.push(status["phase"].clone());
        }
        let mut found: Vec<Difference> =
            Difference::whole(Stage::Backup, &phases[0], &phases[1]).into_iter().collect();
        let stored = !phases.contains(&json!("FailedValidation"));
        if stored {
            let [ours, theirs] = Side::BOTH.map(|side| Archive::of(self.world, &case.backup_of(side)));
            self.tally.compared += theirs.objects.len();
            found.extend(between_archives(&ours, &theirs));
            found.extend(between_orders(case, &ours, &theirs));
        }
        self.judge(case, found);
        stored
    }

    /// Has both restore beside the ground, into namespaces of each seed and server.
    async fn restore_beside(&mut self, cases: &[&Case], before: &Objects) {
        for case in cases {
            for side in Side::BOTH {
                self.there_before(case, side, before).await;
                self.ask_for_restore(case, side).await;
            }
        }
        for case in cases {
            self.compare_restores(case).await;
        }
        for namespace in cases.iter().flat_map(|case| Side::BOTH.map(|side| case.targets(side))).flatten() {
            self.world.cluster.client().delete(&format!("/api/v1/namespaces/{namespace}")).await.unwrap();
        }
        for namespace in cases.iter().flat_map(|case| Side::BOTH.map(|side| case.targets(side))).flatten() {
            self.world.gone(&format!("/api/v1/namespaces/{namespace}")).await;
        }
    }

    /// Waits until a server has found the backup of the other, and asks it for a restore.
    async fn ask_for_restore(&self, case: &Case, side: Side) {
        self.world.ended(side.server(), "backups", &case.backup_of(case.archive_of)).await;
        let (name, spec) = (case.restore_of(side), case.restore_spec(side));
        self.world.request(side.server(), "Restore", &name, spec).await.unwrap();
    }

    /// Makes some of the objects that a restore is going to make, some of them changed.
    async fn there_before(&self, case: &Case, side: Side, before: &Objects) {
        if case.there_before == 0 {
            return;
        }
        let client = self.world.cluster.client();
        let catalog = Catalog::read(client).await.unwrap();
        for namespace in case.targets(side) {
            let document = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            client.create("/api/v1/namespaces", &document).await.unwrap();
        }
        let mut random = case.numbers_before();
        let kinds = |object: &&Value| THERE_BEFORE.iter().any(|kind| object["kind"] == *kind);
        let mut candidates: Vec<&Value> =
            before.values().filter(kinds).filter(|object| is_plain(object)).collect();
        for _ in 0..case.there_before {
            let at = usize::try_from(random.between(0, candidates.len() as u64)).unwrap();
            let document = planted(candidates.swap_remove(at), &mut random, case, side);
            let path = catalog.list_path(&document).unwrap();
            client.create(&path, &document).await.unwrap();
        }
    }

    /// Compares what both did.
    async fn compare_restores(&mut self, case: &Case) {
        let mut told = Vec::new();
        for side in Side::BOTH {
            let status = self.world.ended(side.server(), "restores", &case.restore_of(side)).await;
            told.push((status["phase"].clone(), self.told(case, side)));
        }
        let mut found = between_lists(&told[0].1, &told[1].1);
        found.extend(Difference::whole(Stage::Restore, &told[0].0, &told[1].0));
        let (compared, differing) = self.compare_clusters(case).await;
        self.tally.compared += compared;
        found.extend(differing);
        self.judge(case, found);
    }

    /// What both made, compared until only known differences are left, or controllers have had time enough to finish.
    async fn compare_clusters(&self, case: &Case) -> (usize, Vec<Difference>) {
        let compare = || async {
            let (ours, theirs) = (self.there(case, Side::Ours).await?, self.there(case, Side::Theirs).await?);
            anyhow::Ok((theirs.len(), between_clusters(case, &ours, &theirs)))
        };
        let settled = until("restored objects differ", SETTLED, || async {
            let (compared, found) = compare().await?;
            let settled = found.iter().all(|difference| known(difference, case).is_some());
            Ok(if settled { Look::Done((compared, found)) } else { Look::NotYet(format!("{case}")) })
        });
        match settled.await {
            Ok(compared) => compared,
            Err(_) => compare().await.unwrap(),
        }
    }

    /// What a restore says that it did, by names as in the backup.
    fn told(&self, case: &Case, side: Side) -> BTreeMap<String, String> {
        let told = archive::done(self.world, &case.restore_of(side));
        told.into_iter().map(|(name, action)| (unmapped(case, side, &name), action)).collect()
    }

    /// What one of the two has made, by names as in the backup.
    async fn there(&self, case: &Case, side: Side) -> Result<Objects> {
        let targets = case.targets(side);
        let found = ground::look(self.world, &targets.each_ref().map(String::as_str), case.emptied).await?;
        let text = serde_json::to_string(&found.into_values().collect::<Vec<_>>())?;
        let objects: Vec<Value> = serde_json::from_str(&unmapped(case, side, &text))?;
        Ok(objects.into_iter().map(|object| (name_of(&object), object)).collect())
    }

    /// Has both restore to where it was, one after the other, and each to where nothing is.
    async fn restore_emptied(&mut self, case: &Case) {
        let mut seen = Vec::new();
        for side in Side::BOTH {
            ground::lose(self.world).await;
            self.ask_for_restore(case, side).await;
            let status = self.world.ended(side.server(), "restores", &case.restore_of(side)).await;
            let there = self.world.settled_by(|| self.there(case, side)).await;
            seen.push((status["phase"].clone(), self.told(case, side), there));
        }
        let (ours, theirs) = (&seen[0], &seen[1]);
        self.tally.compared += theirs.2.len();
        let mut found = between_lists(&ours.1, &theirs.1);
        found.extend(Difference::whole(Stage::Restore, &ours.0, &theirs.0));
        found.extend(between_clusters(case, &ours.2, &theirs.2));
        self.judge(case, found);
    }

    /// Counts what is known, and keeps the rest with all that is needed to understand it.
    fn judge(&mut self, case: &Case, found: Vec<Difference>) {
        let mut unknown = Vec::new();
        for difference in found {
            match known(&difference, case) {
                Some(flaw) => *self.tally.known.entry(flaw.id).or_default() += 1,
                None => unknown.push(difference),
            }
        }
        if unknown.is_empty() {
            return;
        }
        let mut text = format!("{case}\n");
        unknown.iter().for_each(|difference| text.push_str(&format!("  {difference}\n")));
        for side in Side::BOTH {
            text.push_str(&format!(
                "  {}: {}\n",
                side.word(),
                archive::messages(self.world, &case.restore_of(side))
            ));
        }
        println!("{text}");
        self.tally.unknown.push(text);
    }
}

/// Whether an object was made by hand, and is none that controllers work on.
fn is_plain(object: &Value) -> bool {
    object["metadata"]["labels"][ground::MARK.0].is_string()
        && object["type"] != "kubernetes.io/service-account-token"
}

/// An object of the ground as it is planted where a restore goes: as it was, or changed.
fn planted(object: &Value, random: &mut Random, case: &Case, side: Side) -> Value {
    let mut document = object.clone();
    let metadata = &object["metadata"];
    let namespace = case.target(side, metadata["namespace"].as_str().unwrap());
    document["metadata"] =
        json!({"name": metadata["name"], "namespace": namespace, "labels": metadata["labels"]});
    document.as_object_mut().unwrap().remove("status");
    match random.between(0, 3) {
        0 => {}
        1 => document["metadata"]["labels"]["changed"] = json!("yes"),
        _ => {
            document["metadata"]["labels"] = json!({});
            document["metadata"]["annotations"] = json!({"example.com/changed": "yes"});
            if document["data"].is_object() {
                document["data"]["changed"] = json!("eWVz");
            }
        }
    }
    document
}

/// A text with the namespaces as they are called in the backup, and the restore as it is called by neither.
fn unmapped(case: &Case, side: Side, text: &str) -> String {
    let mut text = text.replace(&case.restore_of(side), &format!("r-{}", case.seed));
    if !case.emptied {
        for namespace in NAMESPACES {
            text = text.replace(&case.target(side, namespace), namespace);
        }
    }
    text
}

/// Objects that were to be in an order, and are in another one.
fn between_orders(case: &Case, ours: &Archive, theirs: &Archive) -> Option<Difference> {
    let asked = case.backup["orderedResources"]["configmaps"].as_str()?;
    let asked: BTreeSet<String> = asked.split(',').map(|name| format!("ConfigMap {name}")).collect();
    let order = |archive: &Archive| -> Value {
        archive.order.iter().filter(|name| asked.contains(*name)).cloned().collect()
    };
    let mut found = Difference::whole(Stage::Archive, &order(ours), &order(theirs))?;
    found.field = "order".to_owned();
    Some(found)
}
