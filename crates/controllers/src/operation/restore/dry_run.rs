//! The dry run of a restore: its plan is made as for a real one, and for each object the API server is asked what it would
//! say, with `dryRun=All`. What it answers is judged by `engine`; nothing is written but the report.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use api::meta::{GroupResource, ObjectKey, ResourceType};
use cluster::port::{ObjectRef, Patch, WriteOptions};
use cluster::{Error as ClusterError, ErrorKind};
use engine::catalog::Catalog;
use engine::difference::differences;
use engine::document::is_leaving;
use engine::preview::admission::{Verdict, judge};
use engine::preview::gaps::{Wanted, missing};
use engine::preview::problems::PLAN_MOVED;
use engine::preview::restore::{unknown, wanted};
use engine::preview::{Action, Asked, Gaps, Object, Outcome, Seen, Writer};
use engine::problem::{Problem, Severity};
use engine::restore::existing::{Aim, Change, compared, port_taken};
use engine::restore::plan::{PlannedItem, PlannedNamespace, Stage};
use engine::restore::{self, Existing, Request, RestorePlan, Transformed, namespaces, problems};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream::{FuturesOrdered, StreamExt, TryStreamExt, iter};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::metrics::Metric;
use crate::operation::patience::{blamed, patiently};
use crate::operation::spool::Spool;
use crate::operation::{Operation, dry_run as ending};

/// Objects that are looked at side by side: few, since nobody waits for a restore.
const WIDTH: usize = 8;
/// What no write of a dry run goes without.
const DRY: WriteOptions = WriteOptions { dry_run: true };

/// What is said of what is on its way out.
const LEAVING: &str = "it is being deleted, and the restore waits for that";

/// Plans a restore and reports what it would do. A failure to go on is an error: then it is tried again.
pub async fn dry_run(operation: &Operation, request: &Request) -> Result<()> {
    match made(operation, request).await {
        Ok((report, outcome)) => {
            ending::finish(operation, report, (outcome.errors(), outcome.warnings())).await
        }
        Err(Error::Invalid(problem)) => ending::refuse(operation, &problem).await,
        Err(Error::Refused(problem)) => ending::fail(operation, &problem).await,
        Err(error) => Err(error),
    }
}

async fn made(operation: &Operation, request: &Request) -> Result<(Vec<u8>, Outcome)> {
    let spool = Arc::new(Spool::create(&operation.scratch, &operation.uid)?);
    let contents = super::contents(operation, request, &spool).await?;
    let archive = contents.sha256.clone();
    let plan = super::make_plan(operation, request, contents, &spool).await?;
    preview(operation, &plan, &Asked::of(request, &archive), &spool).await
}

/// Makes sure that a plan is the one that somebody has looked at, where the restore names one. Nothing was done yet.
pub(super) async fn confirm(
    operation: &Operation,
    request: &Request,
    plan: &RestorePlan,
    (archive, spool): (&str, &Spool),
) -> Result<()> {
    let Some(expected) = &request.expected_plan else { return Ok(()) };
    let (report, outcome) = preview(operation, plan, &Asked::of(request, archive), spool).await?;
    if outcome.digest == *expected {
        return Ok(());
    }
    // By the report, the command finds what has moved.
    ending::keep(operation, report).await?;
    let message = format!(
        "nothing was restored: the plan {expected} is not the one that would be executed now, {}",
        outcome.digest
    );
    Err(super::refused(&PLAN_MOVED, message))
}

/// Ends a restore whose plan is not the one that was looked at.
pub(super) async fn refuse(operation: &Operation, problem: &Problem) -> Result<()> {
    operation.deps.metrics.count(Metric::RestoreValidationFailure, &[operation.schedule.as_str()]);
    ending::refuse(operation, problem).await
}

/// What a plan would do in the cluster as it is now: the report, packed, and what comes of it.
async fn preview(
    operation: &Operation,
    plan: &RestorePlan,
    asked: &Asked,
    spool: &Spool,
) -> Result<(Vec<u8>, Outcome)> {
    let catalog = Catalog::new(operation.deps.cluster.discover().await?.types);
    let mut look = Look {
        operation,
        plan,
        spool,
        catalog: &catalog,
        places: BTreeMap::new(),
        made: HashSet::new(),
        gaps: Gaps::default(),
        writer: Writer::new(GzEncoder::new(Vec::new(), Compression::default()), asked)?,
    };
    for stage in &plan.stages {
        look.stage(stage).await?;
    }
    let sought = std::mem::take(&mut look.gaps).wanted(plan, &catalog);
    let asked: Vec<_> = sought.into_iter().map(|one| absent(operation, one)).collect();
    let absent: Vec<Option<Wanted>> = iter(asked).buffered(WIDTH).try_collect().await?;
    let absent: Vec<Wanted> = absent.into_iter().flatten().collect();
    let (gaps, problems) = missing(plan, &absent);
    let (report, outcome) = look.writer.finish(Outcome::of(plan, gaps, problems))?;
    Ok((report.finish()?, outcome))
}

/// What is looked for, if it is not there. What the server does not show us is taken for there.
async fn absent(operation: &Operation, wanted: Wanted) -> Result<Option<Wanted>> {
    let Some(resource) = wanted.resource.clone() else { return Ok(Some(wanted)) };
    let at = ObjectRef { resource, namespace: wanted.namespace.clone(), name: wanted.name.clone() };
    match patiently(|| operation.deps.cluster.get(&at)).await {
        Ok(_) => Ok(None),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(Some(wanted)),
        Err(error) => blamed(operation.deps.cluster.as_ref(), error).await.map(|_| None),
    }
}

/// A namespace that objects go to.
enum Place {
    /// It is there.
    There,
    /// It is not there yet: nobody can be asked about what goes into it.
    Fresh,
    /// It cannot be had, for this reason.
    Refused(String),
    /// It may not be there, for this reason.
    Unknown(String),
}

/// A plan that is looked at, stage by stage.
struct Look<'a> {
    operation: &'a Operation,
    plan: &'a RestorePlan,
    spool: &'a Spool,
    catalog: &'a Catalog,
    places: BTreeMap<String, Place>,
    /// The names of what the stages before would create.
    made: HashSet<String>,
    gaps: Gaps,
    writer: Writer<GzEncoder<Vec<u8>>>,
}

/// An object that was looked at, and its documents where there are any: as archived, and as wanted.
type Looked = (Object, Option<(Value, Value)>);

impl<'a> Look<'a> {
    async fn stage(&mut self, stage: &'a Stage) -> Result<()> {
        let mut made = Vec::new();
        for planned in &stage.namespaces {
            let object = self.namespace(planned).await?;
            if object.action == Action::Create {
                made.push(object.key.name.clone());
            }
            self.writer.add(object)?;
        }
        let asker = Asker {
            operation: self.operation,
            plan: self.plan,
            spool: self.spool,
            catalog: self.catalog,
            places: &self.places,
            made: &self.made,
        };
        let mut ahead = stage.items.iter();
        let mut flying = FuturesOrdered::new();
        loop {
            while flying.len() < WIDTH {
                let Some(item) = ahead.next() else { break };
                flying.push_back(asker.look(item));
            }
            let Some(looked) = flying.next().await else { break };
            let (object, documents) = looked?;
            if let Some((archived, desired)) = &documents {
                self.gaps.note(archived, desired, &object.key);
            }
            if object.action == Action::Create {
                made.push(object.key.name.clone());
            }
            self.writer.add(object)?;
        }
        drop(flying);
        self.made.extend(made);
        Ok(())
    }

    async fn namespace(&mut self, planned: &PlannedNamespace) -> Result<Object> {
        let cluster = self.operation.deps.cluster.as_ref();
        let resource = ResourceType::addressed("", "v1", "namespaces", "Namespace", false);
        let name = &planned.name;
        let at = ObjectRef { resource, namespace: None, name: name.clone() };
        let key = ObjectKey::new(GroupResource::new("", "namespaces"), None, name.as_str());
        let mut object = Object::new(Action::Same, "v1/Namespace".to_owned(), key);
        let place = match patiently(|| cluster.get(&at)).await {
            Ok(found) if is_leaving(&found) => {
                let why = LEAVING.to_owned();
                (object.action, object.note) = (Action::Unknown, why.clone());
                Place::Unknown(why)
            }
            Ok(found) => {
                self.namespace_there(planned, &mut object, (&at, &found)).await?;
                Place::There
            }
            Err(error) if error.kind == ErrorKind::NotFound => {
                self.new_namespace(planned, &mut object, &at).await?
            }
            Err(error) => cannot_be_had(&mut object, &blamed(cluster, error).await?),
        };
        self.places.insert(planned.name.clone(), place);
        Ok(object)
    }

    /// A namespace that is there may lack labels and annotations that it is to be given.
    async fn namespace_there(
        &self,
        planned: &PlannedNamespace,
        object: &mut Object,
        (at, found): (&ObjectRef, &Value),
    ) -> Result<()> {
        object.seen = Some(Seen::of(found));
        let Some(span) = planned.at else { return Ok(()) };
        let archived = read(&self.spool.read(span)?, &planned.name)?;
        let patch = namespaces::addition(&archived, found, self.plan).map(Patch::Merge);
        let Some(patch) = patch else { return Ok(()) };
        let cluster = self.operation.deps.cluster.as_ref();
        match patiently(|| cluster.patch(at, None, &patch, DRY)).await {
            Ok(changed) => {
                object.action = Action::Update;
                tell(object, found, &changed);
            }
            Err(error) => {
                let error = blamed(cluster, error).await?.to_string();
                object.action = Action::Keep;
                object.problem = Some(namespaces::not_updated(&planned.name, &error));
            }
        }
        Ok(())
    }

    async fn new_namespace(
        &self,
        planned: &PlannedNamespace,
        object: &mut Object,
        at: &ObjectRef,
    ) -> Result<Place> {
        let cluster = self.operation.deps.cluster.as_ref();
        let archived = planned.at.map(|span| read(&self.spool.read(span)?, &planned.name)).transpose()?;
        let document = namespaces::document(archived.as_ref(), planned, self.plan);
        match patiently(|| cluster.create(at, &document, DRY)).await {
            Ok(_) => {
                object.action = Action::Create;
                Ok(Place::Fresh)
            }
            Err(error) => Ok(cannot_be_had(object, &blamed(cluster, error).await?)),
        }
    }
}

/// A namespace that the API server refuses.
fn cannot_be_had(object: &mut Object, error: &ClusterError) -> Place {
    let name = object.key.name.clone();
    match judge(&error.message, (None, &name), &HashSet::new()) {
        Verdict::Unknown(why) => {
            object.action = Action::Unknown;
            object.problem = Some(unknown(&object.key, &why));
            Place::Unknown(why)
        }
        Verdict::Refused => {
            let message =
                format!("nothing of namespace {name} is restored, because it cannot be created: {error}");
            let problem = Problem::new(&problems::NO_NAMESPACE, Severity::Error, message);
            object.action = Action::Refused;
            object.problem = Some(problem.in_namespace(&name));
            Place::Refused(error.to_string())
        }
    }
}

/// Asks the API server about objects of one stage.
struct Asker<'a> {
    operation: &'a Operation,
    plan: &'a RestorePlan,
    spool: &'a Spool,
    catalog: &'a Catalog,
    places: &'a BTreeMap<String, Place>,
    made: &'a HashSet<String>,
}

impl Asker<'_> {
    async fn look(&self, item: &PlannedItem) -> Result<Looked> {
        let key = self.plan.target(item);
        let archived = read(&self.spool.read(item.at)?, &key.to_string())?;
        let mut object = Object::new(Action::Create, self.plan.resource(item).kind_key(), key);
        match restore::transform(archived.clone(), item, self.plan) {
            Err(problem) => {
                (object.action, object.problem) = (Action::Refused, Some(problem));
                Ok((object, None))
            }
            Ok(Transformed { document: desired, problems }) => {
                let mut problems = problems.into_iter();
                object.problem = problems.next();
                object.more_problems = problems.collect();
                object.wanted = wanted(&desired);
                Ok((self.ask(object, item, &desired).await?, Some((archived, desired))))
            }
        }
    }

    async fn ask(&self, mut object: Object, item: &PlannedItem, desired: &Value) -> Result<Object> {
        let place = object.key.namespace.as_ref().and_then(|namespace| self.places.get(namespace));
        let (action, note) = match place {
            Some(Place::Fresh) => (Action::Create, "not asked: its namespace is not there yet".to_owned()),
            Some(Place::Refused(why)) => (Action::Refused, format!("its namespace cannot be created: {why}")),
            Some(Place::Unknown(why)) => (Action::Unknown, format!("its namespace: {why}")),
            Some(Place::There) | None if self.is_served(item) => {
                return self.create(object, item, desired).await;
            }
            Some(Place::There) | None => (Action::Create, "not asked: its type is not there yet".to_owned()),
        };
        (object.action, object.note) = (action, note);
        Ok(object)
    }

    fn is_served(&self, item: &PlannedItem) -> bool {
        let of = self.plan.resource(item);
        self.catalog.of_kind(&of.api_version(), &of.kind).is_some()
    }

    async fn create(&self, object: Object, item: &PlannedItem, desired: &Value) -> Result<Object> {
        let cluster = self.operation.deps.cluster.as_ref();
        let at = self.at(item);
        let error = match patiently(|| cluster.create(&at, desired, DRY)).await {
            Ok(_) => return Ok(object),
            Err(error) => self.blamed(error).await?,
        };
        if error.kind == ErrorKind::AlreadyExists || port_taken(error.status.as_deref()) {
            match patiently(|| cluster.get(&at)).await {
                Ok(found) => return self.exists(object, item, (&found, desired)).await,
                Err(missing) if missing.kind == ErrorKind::NotFound => {}
                // What was refused before says more than that it cannot be looked at.
                Err(other) => drop(self.blamed(other).await?),
            }
        }
        let message = format!("error restoring {}: {error}", object.key);
        let problem = Problem::new(&problems::CREATE_REFUSED, Severity::Error, message).about(&object.key);
        Ok(self.refused(object, &error, problem))
    }

    /// An object of the name is there.
    async fn exists(
        &self,
        mut object: Object,
        item: &PlannedItem,
        (found, desired): (&Value, &Value),
    ) -> Result<Object> {
        object.seen = Some(Seen::of(found));
        match restore::decide(found, desired, item, self.plan) {
            Existing::Ours | Existing::Equal => object.action = Action::Same,
            Existing::Patch(change) if change.aim == Aim::LabelsOnly => object.action = Action::Same,
            Existing::Patch(change) => return self.change(object, item, (found, &change)).await,
            Existing::Differs(problem) => {
                let (current, wanted) = compared(found, desired, item, self.plan);
                object.action = Action::Keep;
                object.tell(problem);
                tell(&mut object, &current, &wanted);
            }
            Existing::Recreate => {
                let (current, wanted) = compared(found, desired, item, self.plan);
                object.action = Action::Recreate;
                tell(&mut object, &current, &wanted);
            }
            Existing::Leaving => {
                object.action = Action::Unknown;
                object.note = LEAVING.to_owned();
            }
        }
        Ok(object)
    }

    /// What a change would make of an object. One that changes nothing but the marks of restores is none.
    async fn change(
        &self,
        mut object: Object,
        item: &PlannedItem,
        (found, change): (&Value, &Change),
    ) -> Result<Object> {
        let cluster = self.operation.deps.cluster.as_ref();
        let (at, patch) = (self.at(item), Patch::Merge(change.patch.clone()));
        match patiently(|| cluster.patch(&at, None, &patch, DRY)).await {
            Ok(changed) => {
                tell(&mut object, found, &changed);
                object.action = if object.differences.is_empty() { Action::Same } else { Action::Update };
                change.problem.iter().cloned().for_each(|problem| object.tell(problem));
                Ok(object)
            }
            Err(error) => {
                let error = self.blamed(error).await?;
                let problem = change.refused(&error.to_string(), item, self.plan).problem;
                Ok(self.refused(object, &error, problem))
            }
        }
    }

    fn refused(&self, mut object: Object, error: &ClusterError, problem: Problem) -> Object {
        let own = (object.key.namespace.as_deref(), object.key.name.as_str());
        (object.action, object.problem) = match judge(&error.message, own, self.made) {
            Verdict::Refused => (Action::Refused, Some(problem)),
            Verdict::Unknown(why) => (Action::Unknown, Some(unknown(&object.key, &why))),
        };
        object
    }

    fn at(&self, item: &PlannedItem) -> ObjectRef {
        let target = self.plan.target(item);
        let resource = self.plan.resource(item).clone();
        ObjectRef { resource, namespace: target.namespace, name: target.name }
    }

    async fn blamed(&self, error: ClusterError) -> Result<ClusterError> {
        blamed(self.operation.deps.cluster.as_ref(), error).await
    }
}

fn tell(object: &mut Object, old: &Value, new: &Value) {
    let found = differences(old, new);
    (object.differences, object.omitted) = (found.fields, found.omitted);
}

fn read(bytes: &[u8], what: &str) -> Result<Value> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::Malformed { what: what.to_owned(), message: error.to_string() })
}
