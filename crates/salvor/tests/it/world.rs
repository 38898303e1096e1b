//! What the tests run on, and the few things that all of them do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use testkit::cluster::Cluster;
use testkit::compare::compare;
use testkit::objects::{Catalog, create_all, read_beside, read_namespaces};
use testkit::progress::Progress;
use testkit::s3::S3;
use testkit::unreliable::Unreliable;
use testkit::wait::{Look, until};
use testkit::{velero, zoo};
use tokio::sync::{Mutex, MutexGuard};

/// What the log of a backup says that another server had planned.
pub(crate) const BACKUP_GOES_ON: &str = "going on with a backup that another server planned";
/// How the log of a restore says that another server had begun it.
pub(crate) const RESTORE_GOES_ON: &str = "going on with a restore of which ";
/// Our own program.
pub(crate) const SALVOR: &str = env!("CARGO_BIN_EXE_salvor");
/// The bucket of the tests.
pub(crate) const BUCKET: &str = "it-tests";
/// How the names of all namespaces begin that tests make.
const OURS: [&str; 8] = ["e2e-", "interop-", "bad-", "two-", "long-", "diff-", "versus-", "kinds-"];
/// The seed of the objects, unless `SALVOR_TEST_SEED` says another.
const SEED: u64 = 20_261_121;
/// How long an operation, or what follows it in the cluster, may take.
const PATIENCE: Duration = Duration::from_secs(240);

/// One test at a time: they share the cluster, its definitions and its cluster-wide objects.
static TURN: Mutex<()> = Mutex::const_new(());

/// A real cluster, an object store, and the programs.
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) s3: S3,
    pub(crate) seed: u64,
    velero: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

/// A pod that is going to be killed.
pub(crate) struct Victim {
    pub(crate) name: String,
    path: String,
    uid: String,
}

/// The world that the environment names; `None` where there is none.
pub(crate) async fn world() -> Option<World> {
    let Ok(name) = std::env::var("SALVOR_TEST_CLUSTER") else {
        eprintln!("skipped: SALVOR_TEST_CLUSTER names no cluster (run `cargo xtask test`)");
        return None;
    };
    let turn = TURN.lock().await;
    let cluster =
        Cluster::running(&name).await.unwrap().expect("the cluster that the environment names is up");
    let s3 = S3::start(&cluster, Progress::quiet()).await.unwrap();
    s3.make_bucket(BUCKET).unwrap();
    let seed = std::env::var("SALVOR_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    println!("seed: {seed}");
    let velero =
        std::env::var_os("SALVOR_TEST_VELERO").expect("SALVOR_TEST_VELERO is the real velero").into();
    let world = World { cluster, s3, seed, velero, _turn: turn };
    world.clear().await;
    Some(world)
}

impl World {
    /// Runs our program in the namespace of a server.
    pub(crate) fn salvor(&self, namespace: &str, arguments: &[&str]) -> Output {
        self.run(Command::new(SALVOR), namespace, arguments)
    }

    /// Runs the real velero in the namespace of a server.
    pub(crate) fn velero(&self, namespace: &str, arguments: &[&str]) -> Output {
        self.run(Command::new(&self.velero), namespace, arguments)
    }

    /// Runs a program as our own, or one like it, is run.
    pub(crate) fn run(&self, mut program: Command, namespace: &str, arguments: &[&str]) -> Output {
        program.env("KUBECONFIG", self.cluster.kubeconfig()).args(["--namespace", namespace]).args(arguments);
        let output = program.output().unwrap();
        println!(
            "$ {program:?}\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    /// Installs our server, with a location in the bucket below `prefix`.
    pub(crate) async fn install_salvor(&self, namespace: &str, prefix: &str) {
        let credentials = std::env::temp_dir().join(format!("credentials-{namespace}"));
        std::fs::write(&credentials, self.s3.credentials_file()).unwrap();
        let config = format!("region=us-east-1,s3ForcePathStyle=true,s3Url={}", self.s3.endpoint);
        let credentials = credentials.display().to_string();
        let output = self.salvor(
            namespace,
            &[
                "install",
                "--provider",
                "aws",
                "--bucket",
                BUCKET,
                "--prefix",
                prefix,
                "--secret-file",
                &credentials,
                "--backup-location-config",
                &config,
                "--image",
                "local/salvor:dev",
                "--use-volume-snapshots=false",
                "--wait",
            ],
        );
        assert!(output.status.success(), "salvor install failed");
        self.sync_often(namespace).await;
    }

    /// Installs the real Velero, with a location in the bucket below `prefix`.
    pub(crate) async fn install_velero(&self, namespace: &str, prefix: &str) {
        velero::install(&self.cluster, namespace, &self.s3, BUCKET, prefix).unwrap();
        self.sync_often(namespace).await;
    }

    /// Makes the location look for other clusters' backups every few seconds, and waits until it is available.
    async fn sync_often(&self, namespace: &str) {
        let path = format!("/apis/velero.io/v1/namespaces/{namespace}/backupstoragelocations/default");
        let spec = json!({
            "apiVersion": "velero.io/v1", "kind": "BackupStorageLocation",
            "metadata": {"name": "default"}, "spec": {"backupSyncPeriod": "3s"},
        });
        self.cluster.client().apply(&path, &spec).await.unwrap();
        until("the location is not available", PATIENCE, || async {
            let location = self.cluster.client().get(&path).await?.unwrap_or_default();
            let status = &location["status"];
            Ok(if status["phase"] == "Available" { Look::Done(()) } else { Look::NotYet(status.to_string()) })
        })
        .await
        .unwrap();
    }

    /// Makes an object in the namespace of a server.
    pub(crate) async fn submit(&self, namespace: &str, plural: &str, document: &Value) -> Result<Value> {
        let path = format!("/apis/velero.io/v1/namespaces/{namespace}/{plural}");
        self.cluster.client().create(&path, document).await
    }

    /// Asks a server for a backup or a restore.
    pub(crate) async fn request(
        &self,
        namespace: &str,
        kind: &str,
        name: &str,
        spec: Value,
    ) -> Result<Value> {
        let document = json!({
            "apiVersion": "velero.io/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        });
        self.submit(namespace, &format!("{}s", kind.to_lowercase()), &document).await
    }

    /// Kills our server when it knows all objects of an operation, and before it has done all of them.
    pub(crate) async fn kill_in_the_middle(&self, namespace: &str, plural: &str, name: &str, done: &str) {
        self.in_progress(namespace, (plural, name), |status| is_half_done(status, done)).await;
        self.kill_server(namespace).await;
    }

    /// Kills every pod in the namespace of a server.
    pub(crate) async fn kill_server(&self, namespace: &str) {
        self.kill(&self.victims(namespace).await).await;
    }

    /// The pods in the namespace of a server.
    pub(crate) async fn victims(&self, namespace: &str) -> Vec<Victim> {
        let pods = format!("/api/v1/namespaces/{namespace}/pods");
        let found = self.cluster.client().list(&pods).await.unwrap();
        assert!(!found.is_empty(), "{namespace} has no server to kill");
        let text = |pod: &Value, field: &str| pod["metadata"][field].as_str().unwrap().to_owned();
        let victim = |pod: &Value| Victim {
            path: format!("{pods}/{}", text(pod, "name")),
            name: text(pod, "name"),
            uid: text(pod, "uid"),
        };
        found.iter().map(victim).collect()
    }

    /// Puts a link between a server and its store that can be told to misbehave; everything passes at first.
    pub(crate) async fn unreliable_store(&self, namespace: &str) -> Unreliable {
        let store = Unreliable::start(self.cluster.subnet().host(), &self.s3.endpoint).await.unwrap();
        let location = format!("/apis/velero.io/v1/namespaces/{namespace}/backupstoragelocations/default");
        let change = json!({"spec": {"config": {"s3Url": store.endpoint}}});
        self.cluster.client().merge(&location, &change).await.unwrap();
        store
    }

    /// Whether the log of an operation has these words.
    pub(crate) fn log_has(&self, namespace: &str, (what, name): (&str, &str), words: &str) -> bool {
        // Not shown as other commands are: it is long.
        let mut program = Command::new(SALVOR);
        program.env("KUBECONFIG", self.cluster.kubeconfig()).args(["--namespace", namespace]);
        let output = program.args([what, "logs", name]).output().unwrap();
        assert!(output.status.success(), "{what} {name} has no log");
        String::from_utf8_lossy(&output.stdout).contains(words)
    }

    /// Waits until an operation is in progress, with a status of that kind.
    pub(crate) async fn in_progress(
        &self,
        namespace: &str,
        (plural, name): (&str, &str),
        wanted: impl Fn(&Value) -> bool,
    ) {
        let path = format!("/apis/velero.io/v1/namespaces/{namespace}/{plural}/{name}");
        until(&format!("{plural} {name} is not in its middle"), PATIENCE, || async {
            let status = self.cluster.client().get(&path).await?.unwrap_or_default()["status"].take();
            let middle = status["phase"] == "InProgress" && wanted(&status);
            Ok(if middle { Look::Done(()) } else { Look::NotYet(status.to_string()) })
        })
        .await
        .unwrap();
    }

    /// Kills pods as a node that dies would: their processes, with no signal that they see, then the pods, so that others come
    /// in their stead and not their own containers again.
    pub(crate) async fn kill(&self, victims: &[Victim]) {
        for victim in victims {
            assert!(self.cluster.kill_pod(&victim.uid) > 0, "{} ran nothing", victim.name);
        }
        for victim in victims {
            self.cluster.client().delete(&format!("{}?gracePeriodSeconds=0", victim.path)).await.unwrap();
        }
    }

    /// Waits until an operation of a server has ended, and gives its status.
    pub(crate) async fn ended(&self, namespace: &str, plural: &str, name: &str) -> Value {
        let path = format!("/apis/velero.io/v1/namespaces/{namespace}/{plural}/{name}");
        let ends = ["Completed", "PartiallyFailed", "Failed", "FailedValidation"];
        until(&format!("{plural} {name} has not ended"), PATIENCE, || async {
            let object = self.cluster.client().get(&path).await?.unwrap_or_default();
            let phase = object["status"]["phase"].as_str().unwrap_or_default();
            Ok(if ends.contains(&phase) {
                Look::Done(object["status"].clone())
            } else {
                Look::NotYet(phase.to_owned())
            })
        })
        .await
        .unwrap()
    }

    /// Fills namespaces with objects from the seed, and gives all that is in them when controllers are done.
    pub(crate) async fn fill(&self, namespaces: &[&str]) -> BTreeMap<String, Value> {
        // What a run that failed left in no namespace.
        self.lose(namespaces).await;
        let client = self.cluster.client();
        create_all(client, &zoo::generate_in(self.seed, namespaces)).await.unwrap();
        let made = self.settled(namespaces).await;
        let (within, beside): (Vec<_>, Vec<_>) =
            made.values().partition(|object| object["metadata"]["namespace"].is_string());
        let kinds = |objects: &[&Value]| {
            let kind = |object: &&Value| format!("{} {}", object["apiVersion"], object["kind"]);
            objects.iter().map(kind).collect::<BTreeSet<_>>().len()
        };
        println!("{} objects of {} kinds in namespaces", within.len(), kinds(&within));
        println!("{} objects of {} kinds beside them", beside.len(), kinds(&beside));
        assert!(within.len() >= 300 && kinds(&within) >= 40, "too few to prove anything");
        assert!(kinds(&beside) >= 15, "too few to prove anything");
        made
    }

    /// The kinds of no namespace that [`World::fill`] made objects of, as filters name them.
    pub(crate) async fn kinds_beside(&self, namespaces: &[&str]) -> Vec<String> {
        let catalog = Catalog::read(self.cluster.client()).await.unwrap();
        let made = zoo::generate_in(self.seed, namespaces);
        let beside = made.iter().filter(|document| {
            document["metadata"]["namespace"].is_null() && document["kind"] != "Namespace"
        });
        let kinds: BTreeSet<_> =
            beside.map(|document| catalog.type_of(document).unwrap().resource()).collect();
        kinds.into_iter().collect()
    }

    /// What a backup is asked for that is to hold all that [`World::fill`] made.
    pub(crate) async fn everything_in(&self, namespaces: &[&str]) -> Value {
        json!({
            "includedNamespaces": namespaces,
            "includedClusterScopedResources": self.kinds_beside(namespaces).await,
        })
    }

    /// All objects of namespaces, and those that the seed made beside them.
    async fn look(&self, namespaces: &[&str]) -> Result<BTreeMap<String, Value>> {
        let client = self.cluster.client();
        let mut all = read_namespaces(client, namespaces).await?;
        all.extend(read_beside(client, (zoo::LABEL, &self.seed.to_string())).await?);
        Ok(all)
    }

    /// Fills a namespace with objects that no compression makes smaller: 12 MiB of them.
    pub(crate) async fn noise(&self, namespace: &str) {
        let client = self.cluster.client();
        let document = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        client.create("/api/v1/namespaces", &document).await.unwrap();
        let mut state = self.seed;
        for number in 0..16 {
            let bytes: Vec<u8> = (0..768 << 10).map(|_| next(&mut state)).collect();
            let document = json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": format!("noise-{number}"), "namespace": namespace},
                "binaryData": {"noise": BASE64_STANDARD.encode(bytes)},
            });
            client.create(&format!("/api/v1/namespaces/{namespace}/configmaps"), &document).await.unwrap();
        }
    }

    /// All that [`World::look`] sees, when two looks in a row see the same ones.
    async fn settled(&self, namespaces: &[&str]) -> BTreeMap<String, Value> {
        self.settled_by(|| self.look(namespaces)).await
    }

    /// What somebody sees, when two looks in a row see the same objects.
    pub(crate) async fn settled_by<F>(&self, look: impl Fn() -> F) -> BTreeMap<String, Value>
    where
        F: Future<Output = Result<BTreeMap<String, Value>>>,
    {
        let mut last = look().await.unwrap();
        loop {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let now = look().await.unwrap();
            if now.keys().eq(last.keys()) {
                return now;
            }
            last = now;
        }
    }

    /// Deletes what [`World::fill`] made: namespaces with all that is in them, and what is beside them.
    pub(crate) async fn lose(&self, namespaces: &[&str]) {
        let client = self.cluster.client();
        let catalog = Catalog::read(client).await.unwrap();
        let mut made = zoo::generate_in(self.seed, namespaces);
        // Definitions last: their objects need them to be deleted.
        made.sort_by_key(|document| document["kind"] == "CustomResourceDefinition");
        let gone: Vec<_> = made
            .iter()
            .filter(|document| document["metadata"]["namespace"].is_null())
            .filter_map(|document| catalog.path(document).ok())
            .collect();
        for path in &gone {
            client.delete(path).await.unwrap();
        }
        for path in &gone {
            self.gone(path).await;
        }
    }

    /// Waits until namespaces, and what is beside them, hold what they held before, and fails with the differences if they do not.
    pub(crate) async fn same(&self, namespaces: &[&str], before: &BTreeMap<String, Value>) {
        let outcome = until("restored objects differ", Duration::from_secs(60), || async {
            let now = self.look(namespaces).await?;
            if let Some(workload) = now.values().find(|object| !taken_up(object)) {
                return Ok(Look::NotYet(format!("its controller has not taken it up: {workload}")));
            }
            let found = compare(before, &now);
            Ok(if found.none() { Look::Done(found.same) } else { Look::NotYet(format!("{found:#?}")) })
        });
        println!("{} objects are as they were", outcome.await.unwrap());
    }

    /// Removes what a test that failed left, in the cluster and in the bucket.
    async fn clear(&self) {
        crate::zoo::release(self).await;
        let namespaces = self.cluster.client().list("/api/v1/namespaces").await.unwrap();
        let names = namespaces.iter().filter_map(|found| found["metadata"]["name"].as_str());
        for name in names.filter(|name| OURS.iter().any(|prefix| name.starts_with(prefix))) {
            self.remove(name).await;
        }
        let bucket = self.s3.folder.join(BUCKET);
        std::fs::remove_dir_all(&bucket).unwrap();
        self.s3.make_bucket(BUCKET).unwrap();
    }

    /// Removes a server.
    pub(crate) async fn remove(&self, namespace: &str) {
        let client = self.cluster.client();
        let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
        client.delete(&format!("{bindings}/velero-{namespace}")).await.unwrap();
        // Restores wait for their server to remove their files; it goes, too.
        let restores = format!("/apis/velero.io/v1/namespaces/{namespace}/restores");
        for restore in client.list(&restores).await.unwrap_or_default() {
            let path = format!("{restores}/{}", restore["metadata"]["name"].as_str().unwrap());
            client.merge(&path, &json!({"metadata": {"finalizers": null}})).await.unwrap();
        }
        self.delete_namespace(namespace).await;
    }

    /// Deletes a namespace, and waits until it is gone.
    pub(crate) async fn delete_namespace(&self, name: &str) {
        let client = self.cluster.client();
        let path = format!("/api/v1/namespaces/{name}");
        client.delete(&path).await.unwrap();
        self.gone(&path).await;
    }

    /// Waits until an object is gone.
    pub(crate) async fn gone(&self, path: &str) {
        until(&format!("{path} is not gone"), PATIENCE, || async {
            let found = self.cluster.client().get(path).await?;
            Ok(if found.is_none() { Look::Done(()) } else { Look::NotYet("still there".to_owned()) })
        })
        .await
        .unwrap();
    }
}

/// Whether an operation knows all of its objects, and has not done all of them.
pub(crate) fn is_half_done(status: &Value, done: &str) -> bool {
    count(status, done) < count(status, "totalItems")
}

fn count(status: &Value, field: &str) -> u64 {
    status["progress"][field].as_u64().unwrap_or_default()
}

/// Whether the controller of a workload works on what is there.
fn taken_up(object: &Value) -> bool {
    let workload = ["Deployment", "StatefulSet", "DaemonSet"].iter().any(|kind| object["kind"] == *kind);
    !workload || object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

/// One byte of Marsaglia's xorshift generator.
fn next(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    state.to_le_bytes()[3]
}
