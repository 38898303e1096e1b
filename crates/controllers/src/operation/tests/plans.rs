//! The executors hold no policy: given a plan made by hand, which planning would never make, they do what it says
//! and nothing more, whatever is asked for, archived or in the cluster.

use std::sync::Arc;

use api::Kind;
use api::meta::GroupResource;
use api::velero::v1::{Backup, Restore};
use cluster::fake::Faulty;
use engine::archive::{ItemPath, Limits, Reader, Writer};
use engine::backup::plan::{Because, Class};
use engine::backup::{BackupPlan, PlannedItem as Stored, Planner};
use engine::catalog::Catalog;
use engine::facts::Span;
use engine::restore::order::Priorities;
use engine::restore::plan::{Gate, PlannedKind, PlannedNamespace};
use engine::restore::{Identity, PlannedItem as Restored, Policy, Request, RestorePlan, Stage};
use flate2::Compression;
use flate2::write::GzEncoder;
use store::bucket::BackupFile;

use super::*;
use crate::operation::journal::Journal;
use crate::operation::spool::Spool;
use crate::operation::{Operation, Place, backup as backups, restore as restores};
use crate::testing::NAMESPACE;

/// What was collected, or archived: more than any plan here names.
const OBJECTS: [(&str, &str, &str); 4] = [
    ("ConfigMap", "shop", "a"),
    ("ConfigMap", "shop", "b"),
    ("Secret", "shop", "c"),
    ("ConfigMap", "db", "d"),
];

fn document((kind, namespace, name): (&str, &str, &str)) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "data": {"of": "the backup"},
        "metadata": {"name": name, "namespace": namespace, "uid": format!("uid-{name}")}})
}

fn plural(kind: &str) -> String {
    format!("{}s", kind.to_lowercase())
}

/// The objects one after the other, as they lie in a spool: where each is, and the whole, sealed.
fn spooled(world: &World) -> (Vec<Span>, Vec<u8>) {
    let spool = Spool::create(&world.deps().config.scratch, "by-hand").unwrap();
    let mut writer = spool.writer(0);
    let spans = OBJECTS.map(|of| writer.append(&serde_json::to_vec(&document(of)).unwrap()).unwrap());
    (spans.into(), writer.seal().unwrap().unwrap().1)
}

fn archive() -> Vec<u8> {
    let gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let mut archive = Writer::new(gzip, jiff::Timestamp::UNIX_EPOCH).unwrap();
    for (kind, namespace, name) in OBJECTS {
        let key = api::meta::ObjectKey::new(GroupResource::new("", plural(kind)), Some(namespace), name);
        let content = serde_json::to_vec(&document((kind, namespace, name))).unwrap();
        archive.append(&ItemPath::of(&key), &content).unwrap();
    }
    archive.finish().unwrap().finish().unwrap()
}

/// Runs what is to be run for the resource of `name` with a counted cluster; gives the calls that are about other
/// objects than that resource.
async fn calls_of<K: Kind>(
    world: &World,
    name: &str,
    run: impl AsyncFnOnce(&Operation) -> crate::error::Result<()>,
) -> Vec<String> {
    let counted = Arc::new(Faulty::new(Arc::new(world.fake.clone()), None));
    let store: Arc<dyn Store> = Arc::new(world.memory.clone());
    let deps = world.deps_with(counted.clone(), Ok(Arc::clone(&store)));
    let document = world.get::<K>(name).await.unwrap().to_document();
    let place = Place { store, read_only: false };
    run(&Operation::new(&deps, K::resource_type(), &document, place, "")).await.unwrap();
    let own = format!("{NAMESPACE}/{name}");
    let about_others = |call: &String| !call.ends_with(&own) && !call.starts_with("create events ");
    counted.log().into_iter().filter(about_others).collect()
}

/// A plan that goes through `objects` one by one, in this order, in a namespace of another name.
fn restore_plan(spans: &[Span], policy: Policy, objects: &[usize]) -> RestorePlan {
    let kinds = ["ConfigMap", "Secret"].map(|kind| PlannedKind {
        source: GroupResource::new("", plural(kind)),
        resource: ResourceType::addressed("", "v1", &plural(kind), kind, true),
        actions: Vec::new(),
    });
    let stage = |number: &usize| {
        let (kind, namespace, name) = OBJECTS[*number];
        let item = Restored {
            kind: usize::from(kind == "Secret"),
            namespace: Some(namespace.into()),
            name: name.into(),
            at: spans[*number],
            managed_fields: false,
            status: false,
            owners: Vec::new(),
        };
        Stage { name: name.into(), namespaces: Vec::new(), items: vec![item], gate: Gate::None }
    };
    let mut stages: Vec<_> = objects.iter().map(stage).collect();
    if let Some(first) = stages.first_mut() {
        first.namespaces = vec![PlannedNamespace { name: "moon".into(), at: None, exists: false }];
    }
    RestorePlan {
        v: 1,
        restore: Identity { namespace: NAMESPACE.into(), name: "r".into(), uid: "uid-r".into() },
        backup: "b".into(),
        policy,
        keep_node_ports: false,
        strip_finalizers: false,
        adjustments: engine::restore::Adjustments::default(),
        namespace_mapping: [("shop".to_owned(), "moon".to_owned())].into(),
        kinds: kinds.into(),
        volumes: BTreeMap::new(),
        stages,
        hooks: Vec::new(),
        init_hooks: Vec::new(),
        left_out: Vec::new(),
        problems: Vec::new(),
    }
}

/// A request that contradicts every plan of these tests: nothing is to be restored, and elsewhere.
fn contrary(policy: Policy) -> Request {
    let mut restore = Restore::new(NAMESPACE, "r");
    restore.metadata.uid = Some("uid-r".into());
    restore.spec.backup_name = "b".into();
    restore.spec.excluded_namespaces = vec!["*".into()];
    restore.spec.excluded_resources = vec!["*".into()];
    restore.spec.namespace_mapping = [("shop".to_owned(), "mars".to_owned())].into();
    let other = if policy == Policy::None { "update" } else { "none" };
    restore.spec.existing_resource_policy = other.parse().unwrap();
    Request::of(&restore, Priorities::default())
}

#[tokio::test(start_paused = true)]
async fn a_restore_takes_the_steps_of_its_plan_and_no_others() {
    let ready = ["get namespaces moon", "create namespaces moon", "get namespaces moon"];
    /// The policy, what is planned, what is there already, and the calls that this leads to.
    type Case = (Policy, &'static [usize], &'static [usize], &'static [&'static str]);
    let cases: [Case; 4] = [
        (Policy::None, &[], &[], &[]),
        (Policy::None, &[2, 0], &[], &["create secrets moon/c", "create configmaps moon/a"]),
        (Policy::None, &[0], &[0], &["create configmaps moon/a", "get configmaps moon/a"]),
        (
            Policy::Update,
            &[0],
            &[0],
            &["create configmaps moon/a", "get configmaps moon/a", "patch configmaps moon/a"],
        ),
    ];
    for (policy, planned, there, steps) in cases {
        let world = shop();
        world.seed(object("Restore", "r", json!({"backupName": "b"}), json!({})));
        for number in there {
            let (kind, _, name) = OBJECTS[*number];
            world.seed(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "moon"}}));
            world.seed(
                json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "moon"}}),
            );
        }
        world.put(&BackupFile::Contents.key("b"), archive()).await;
        let plan = restore_plan(&spooled(&world).0, policy, planned);
        let calls = calls_of::<Restore>(&world, "r", async |operation| {
            let (journal, _) = Journal::open(operation).await?;
            journal.save_plan(&plan).await?;
            restores::run(operation, &contrary(policy)).await
        });
        let first: &[&str] = match (planned, there) {
            ([], _) => &[],
            (_, []) => &ready,
            _ => &ready[..1],
        };
        assert_eq!(calls.await, [first, steps].concat(), "{policy:?} {planned:?} {there:?}");
    }
}

fn backup_plan(spans: &[Span], objects: &[usize]) -> BackupPlan {
    let class = |kind: &str| Class {
        resource: GroupResource::new("", plural(kind)),
        kind: kind.into(),
        version: "v1".into(),
        preferred: false,
        actions: Vec::new(),
    };
    let item = |number: &usize| {
        let (kind, namespace, name) = OBJECTS[*number];
        Stored {
            class: u16::from(kind == "Secret"),
            namespace: Some(namespace.into()),
            name: name.into(),
            uid: format!("uid-{name}"),
            at: spans[*number],
            block: 0,
            because: Because::Selected,
            needs: Vec::new(),
        }
    };
    BackupPlan {
        v: 1,
        name: "b".into(),
        namespace: NAMESPACE.into(),
        uid: "uid-b".into(),
        started: jiff::Timestamp::UNIX_EPOCH,
        classes: ["ConfigMap", "Secret"].map(class).into(),
        items: objects.iter().map(item).collect(),
        left_out: Vec::new(),
        types_left_out: Vec::new(),
        volumes: Vec::new(),
        hooks: Vec::new(),
        keeps_namespaces: false,
        listed: Vec::new(),
        problems: Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_backup_stores_the_items_of_its_plan_and_looks_for_no_others() {
    let cases: [(&[usize], &[&str]); 2] = [
        (&[], &[]),
        (
            &[3, 2],
            &["resources/configmaps/v1/namespaces/db/d.json", "resources/secrets/v1/namespaces/shop/c.json"],
        ),
    ];
    for (planned, stored) in cases {
        let world = shop();
        let (spans, sealed) = spooled(&world);
        let plan = backup_plan(&spans, planned);
        let mut contrary = Backup::new(NAMESPACE, "b");
        contrary.spec.included_namespaces = vec!["shop".into()];
        contrary.spec.excluded_resources = vec!["secrets".into()];
        let planner = Planner::new(&contrary, &Catalog::default(), &[]);
        let calls = calls_of::<Backup>(&world, "b", async |operation| {
            let (journal, _) = Journal::open(operation).await?;
            journal.keep(0, sealed).await?;
            journal.save_plan(&plan).await?;
            backups::run(operation, &planner).await
        });
        assert_eq!(calls.await, [""; 0], "{planned:?}");
        let archive = world.memory.get(&BackupFile::Contents.key("b")).await.unwrap();
        let entries = Reader::new(archive.as_ref(), Limits::default());
        let paths: Vec<_> = entries.map(|entry| entry.unwrap().path).collect();
        let items: Vec<_> = paths.iter().filter(|path| path.starts_with("resources/")).collect();
        assert_eq!(items, stored, "{planned:?}");
    }
}
