//! Collects what the planning of a backup asks for: lists in parallel, page by page, each document straight into the spool.
//! What those name is fetched in parallel, too. Files of the spool go into the journal as they fill up.

use std::sync::{Arc, Mutex, PoisonError};

use api::meta::{ObjectKey, ResourceType};
use cluster::port::{ListPage, ObjectRef};
use cluster::{Error as ClusterError, ErrorKind};
use engine::backup::{Absence, Collected, ListRequest, Listed, Planner, problems};
use engine::facts::Facts;
use engine::problem::{Problem, Severity};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::pages::{Room, Sizing};
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::operation::journal::Journal;
use crate::operation::patience::{blamed, patiently};
use crate::operation::spool::{Spool, Writer};

/// How often a list begins again whose continuation has expired; objects that come twice are one.
const RESTARTS_MAX: u32 = 3;

/// Collects what `planner` asks for, and what that names. Without a journal, documents are kept on local disk only.
pub(super) async fn collect(
    operation: &Operation,
    journal: Option<&Journal>,
    spool: &Spool,
    planner: &Planner,
) -> Result<Collected> {
    let width = operation.deps.config.limits.connections.max(1);
    let collector = Collector {
        operation,
        journal,
        width,
        room: Room::default(),
        pages: Arc::new(Mutex::new(Pages {
            writer: spool.writer(journal.map_or(0, Journal::first_spool_file)),
            facts: Vec::new(),
        })),
    };
    let lists: Vec<_> = planner.lists().into_iter().map(|list| collector.list(list)).collect();
    let answers: Vec<Answer> = stream::iter(lists).buffered(width).try_collect().await?;
    let mut collected = Collected::default();
    for answer in answers {
        match answer {
            Answer::Listed(list) => collected.listed.push(list),
            Answer::Refused(problem) => collected.problems.push(problem),
            Answer::Gone => {}
        }
    }
    collector.close(planner, &mut collected).await?;
    collector.seal().await?;
    collected.facts = std::mem::take(&mut lock(&collector.pages).facts);
    Ok(collected)
}

/// What became of a list.
enum Answer {
    Listed(Listed),
    Refused(Problem),
    /// There is no such type any more.
    Gone,
}

struct Collector<'a> {
    operation: &'a Operation,
    journal: Option<&'a Journal>,
    /// Calls that are on the way at once.
    width: usize,
    room: Room,
    pages: Arc<Mutex<Pages>>,
}

/// Full files of the spool, by number, compressed.
type Sealed = Vec<(u32, Vec<u8>)>;

/// The documents and facts so far.
struct Pages {
    writer: Writer,
    facts: Vec<Facts>,
}

impl Collector<'_> {
    /// One list, to its end. A type that cannot be listed does not stop the others.
    async fn list(&self, list: ListRequest) -> Result<Answer> {
        let mut sizing = Sizing::first(self.operation.deps.config.limits.page_size);
        let mut page = ListPage { selector: list.selector.clone(), limit: 0, resume: None };
        let (mut restarts, mut count) = (0, 0);
        loop {
            let namespace = list.namespace.as_deref();
            page.limit = sizing.limit();
            let _room = self.room.take(&sizing).await;
            let answer =
                patiently(|| self.operation.deps.cluster.list(&list.resource, namespace, &page)).await;
            let answer = match answer {
                Ok(answer) => answer,
                // The definition of the type was deleted meanwhile, and its objects with it.
                Err(error) if error.kind == ErrorKind::NotFound => return Ok(Answer::Gone),
                Err(error) if error.kind == ErrorKind::Expired && restarts < RESTARTS_MAX => {
                    (restarts, count) = (restarts + 1, 0);
                    page.resume = None;
                    continue;
                }
                Err(error) => {
                    return blamed(self.operation.deps.cluster.as_ref(), error)
                        .await
                        .map(|error| Answer::Refused(not_listed(&list, &error)));
                }
            };
            let objects = answer.items.len();
            let bytes = self.keep(list.resource.clone(), answer.items).await?;
            sizing = sizing.after(objects, bytes);
            count += objects;
            match answer.resume {
                None => return Ok(Answer::Listed(listed(list, answer.resource_version, count))),
                resume => page.resume = resume,
            }
        }
    }

    /// Fetches what the objects name, until they name nothing that is not there.
    async fn close(&self, planner: &Planner, collected: &mut Collected) -> Result<()> {
        loop {
            let wanted = planner.missing(&lock(&self.pages).facts, &collected.absent);
            if wanted.is_empty() {
                return Ok(());
            }
            let fetches: Vec<_> = wanted.into_iter().map(|key| self.fetch(planner, key)).collect();
            let answers: Vec<_> = stream::iter(fetches).buffered(self.width).try_collect().await?;
            collected.absent.extend(answers.into_iter().flatten());
        }
    }

    /// Fetches one object; says why, if it does not come.
    async fn fetch(&self, planner: &Planner, key: ObjectKey) -> Result<Option<(ObjectKey, Absence)>> {
        let Some(resource) = planner.catalog().find(&key.resource).cloned() else {
            return Ok(Some((key, Absence::NotFound)));
        };
        let at = ObjectRef { resource, namespace: key.namespace.clone(), name: key.name.clone() };
        let _room = self.room.take_one().await;
        match patiently(|| self.operation.deps.cluster.get(&at)).await {
            Ok(document) => self.keep(at.resource, vec![document]).await.map(|_| None),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Some((key, Absence::NotFound))),
            Err(error) => blamed(self.operation.deps.cluster.as_ref(), error)
                .await
                .map(|error| Some((key, Absence::Refused(error.to_string())))),
        }
    }

    /// Writes documents down; how many bytes they have.
    async fn keep(&self, resource: ResourceType, documents: Vec<Value>) -> Result<usize> {
        let pages = Arc::clone(&self.pages);
        let (bytes, sealed) = blocking(move || lock(&pages).take(&resource, documents)).await?;
        self.hand_over(sealed).await?;
        Ok(bytes)
    }

    async fn seal(&self) -> Result<()> {
        let pages = Arc::clone(&self.pages);
        let sealed = blocking(move || Ok(lock(&pages).writer.seal()?.into_iter().collect())).await?;
        self.hand_over(sealed).await
    }

    async fn hand_over(&self, sealed: Sealed) -> Result<()> {
        let Some(journal) = self.journal else { return Ok(()) };
        for (number, content) in sealed {
            journal.keep(number, content).await?;
        }
        Ok(())
    }
}

impl Pages {
    /// Writes documents down; gives their bytes, and the files that are full now.
    fn take(&mut self, resource: &ResourceType, documents: Vec<Value>) -> Result<(usize, Sealed)> {
        let (mut written, mut sealed) = (0, Vec::new());
        for document in documents {
            let bytes = serde_json::to_vec(&document).map_err(|error| Error::Other(error.to_string()))?;
            written += bytes.len();
            let span = self.writer.append(&bytes)?;
            self.facts.push(Facts::of(&document, resource, span));
            if self.writer.is_full() {
                sealed.extend(self.writer.seal()?);
            }
        }
        Ok((written, sealed))
    }
}

fn listed(list: ListRequest, version: String, objects: usize) -> Listed {
    Listed { resource: list.resource.group_resource(), namespace: list.namespace, version, objects }
}

fn not_listed(list: &ListRequest, error: &ClusterError) -> Problem {
    let resource = list.resource.group_resource();
    let problem = Problem::new(
        &problems::LIST_FAILED,
        Severity::Error,
        format!("{resource} could not be listed, so none of them are in the backup: {error}"),
    );
    match &list.namespace {
        Some(namespace) => problem.in_namespace(namespace),
        None => problem,
    }
}

/// A panic while the lock was held has ended the operation already.
fn lock(pages: &Mutex<Pages>) -> std::sync::MutexGuard<'_, Pages> {
    pages.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Panicked(error.to_string()))?
}
