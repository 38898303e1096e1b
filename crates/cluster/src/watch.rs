//! List and watch, resumed for ever. An explicit state, stepped by one function, so that each way on is named.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use api::meta::ResourceType;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::time::{sleep, timeout};
use tokio_util::io::StreamReader;

use crate::client::{Caller, lost};
use crate::errors::from_status;
use crate::limits::Backoff;
use crate::port::{Error, ErrorKind, ListPage, Result, WatchEvent};
use crate::request::{Call, collection};

/// Objects in a page of the list that a watch begins with.
const PAGE: u32 = 500;
/// How long the server is asked to keep a watch open.
const WATCH_SECONDS: u32 = 290;
/// How long a watch may be silent. Bookmarks come every minute: after two, the connection is taken for dead.
const WATCH_IDLE: Duration = Duration::from_secs(130);
/// The pause after a first failure.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
/// The longest pause after failures.
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// What is watched.
pub(crate) struct Source {
    pub(crate) caller: Arc<Caller>,
    pub(crate) of: ResourceType,
    pub(crate) namespace: Option<String>,
    pub(crate) labels: String,
    pub(crate) fields: String,
}

/// The objects of a source and their changes.
pub(crate) fn watch(source: Source) -> BoxStream<'static, Result<WatchEvent>> {
    let step = |mut watch: Watch| async move {
        let event = watch.next().await;
        Some((event, watch))
    };
    stream::unfold(Watch::new(source), step).boxed()
}

/// A page of a list, whole documents.
pub(crate) async fn page(source: &Source, page: &ListPage) -> Result<crate::port::Page> {
    let call = source.call("list")?.query_if(page.limit > 0, "limit", &page.limit);
    let call = match &page.resume {
        Some(resume) => call.query("continue", resume),
        None => call,
    };
    let mut list = source.caller.read(&call).await?;
    let kind =
        list["kind"].as_str().and_then(|kind| kind.strip_suffix("List")).filter(|kind| !kind.is_empty());
    let kind = kind.unwrap_or(&source.of.kind).to_owned();
    let api_version = list["apiVersion"].as_str().map_or_else(|| source.of.api_version(), str::to_owned);
    let metadata = |field: &str| list["metadata"][field].as_str().unwrap_or_default().to_owned();
    let (resume, resource_version) = (metadata("continue"), metadata("resourceVersion"));
    let mut items = match list["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    for item in items.iter_mut().filter_map(Value::as_object_mut) {
        item.entry("apiVersion").or_insert_with(|| api_version.as_str().into());
        item.entry("kind").or_insert_with(|| kind.as_str().into());
    }
    Ok(crate::port::Page {
        items,
        resume: Some(resume).filter(|resume| !resume.is_empty()),
        resource_version,
    })
}

impl Source {
    fn call(&self, verb: &str) -> Result<Call> {
        let action = match &self.namespace {
            Some(namespace) => format!("{verb} {} in namespace {namespace}", self.of.group_resource()),
            None => format!("{verb} {}", self.of.group_resource()),
        };
        let path = collection(&action, &self.of, self.namespace.as_deref())?;
        let call = Call::get(action, path);
        let call = call.query_if(!self.labels.is_empty(), "labelSelector", &self.labels);
        Ok(call.query_if(!self.fields.is_empty(), "fieldSelector", &self.fields))
    }
}

type Lines = BufReader<Box<dyn AsyncRead + Send + Unpin>>;
type Key = (String, String);

/// Where a watch is.
enum State {
    /// It knows nothing that holds.
    Start,
    /// It has read pages of the list, and has seen these objects.
    Listing { resume: Option<String>, seen: BTreeSet<Key> },
    /// It knows everything up to a version.
    Current { version: String },
    /// It hears of changes as they happen.
    Open { version: String, lines: Lines, heard: bool },
}

struct Watch {
    source: Source,
    state: State,
    /// The UIDs of the objects that were reported, so that a new list tells which have gone meanwhile.
    known: BTreeMap<Key, String>,
    ready: bool,
    queue: VecDeque<WatchEvent>,
    backoff: Backoff,
    pause: Option<Duration>,
}

impl Watch {
    fn new(source: Source) -> Self {
        Self {
            source,
            state: State::Start,
            known: BTreeMap::new(),
            ready: false,
            queue: VecDeque::new(),
            backoff: Backoff::new(PAUSE_FIRST, PAUSE_MAX),
            pause: None,
        }
    }

    async fn next(&mut self) -> Result<WatchEvent> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Ok(event);
            }
            if let Some(pause) = self.pause.take() {
                sleep(pause).await;
            }
            self.state = match std::mem::replace(&mut self.state, State::Start) {
                State::Start => State::Listing { resume: None, seen: BTreeSet::new() },
                State::Listing { resume, seen } => self.list(resume, seen).await?,
                State::Current { version } => self.open(version).await?,
                State::Open { version, lines, heard } => self.hear(version, lines, heard).await?,
            };
        }
    }

    /// Reads a page. Whatever goes wrong, the list begins again.
    async fn list(&mut self, resume: Option<String>, mut seen: BTreeSet<Key>) -> Result<State> {
        let wanted = ListPage { limit: PAGE, resume, ..ListPage::default() };
        let page = match page(&self.source, &wanted).await {
            Ok(page) => page,
            Err(error) => return self.failed(error, State::Start),
        };
        self.backoff.reset();
        for item in page.items {
            seen.insert(self.applied(item));
        }
        if page.resume.is_some() {
            return Ok(State::Listing { resume: page.resume, seen });
        }
        self.forget_all_but(&seen);
        if !std::mem::replace(&mut self.ready, true) {
            self.queue.push_back(WatchEvent::Ready);
        }
        Ok(State::Current { version: page.resource_version })
    }

    async fn open(&mut self, version: String) -> Result<State> {
        let call = match self.source.call("watch") {
            Ok(call) => call.query("watch", &true).query("allowWatchBookmarks", &true),
            Err(error) => return self.failed(error, State::Current { version }),
        };
        let call = call.query("resourceVersion", &version).query("timeoutSeconds", &WATCH_SECONDS);
        match self.source.caller.open(&call).await {
            Ok(response) => {
                let bytes = response.into_body().into_data_stream().map_err(std::io::Error::other);
                let bytes: BoxStream<'static, std::io::Result<Bytes>> = bytes.boxed();
                let lines: Lines = BufReader::new(Box::new(StreamReader::new(bytes)));
                Ok(State::Open { version, lines, heard: false })
            }
            Err(error) => self.failed(error, State::Current { version }),
        }
    }

    /// Waits for a line. That a watch ends is the way of watches, and no error.
    async fn hear(&mut self, version: String, mut lines: Lines, heard: bool) -> Result<State> {
        let mut line = Vec::new();
        match timeout(WATCH_IDLE, lines.read_until(b'\n', &mut line)).await {
            Ok(Ok(length)) if length > 0 && line.ends_with(b"\n") => self.understand(version, lines, &line),
            Ok(Ok(_)) | Err(_) => {
                self.pause = if heard { None } else { Some(self.backoff.pause()) };
                Ok(State::Current { version })
            }
            Ok(Err(error)) => {
                let error = lost("watch", &error);
                tracing::debug!(%error, of = %self.source.of.group_resource(), "a watch is resumed");
                self.pause = Some(self.backoff.pause());
                Ok(State::Current { version })
            }
        }
    }

    fn understand(&mut self, version: String, lines: Lines, line: &[u8]) -> Result<State> {
        let action = format!("watch {}", self.source.of.group_resource());
        let mut event: Value = match serde_json::from_slice(line) {
            Ok(event) => event,
            Err(error) => {
                let error = Error::new(ErrorKind::Other, action, format!("an event is not JSON: {error}"));
                return self.failed(error, State::Current { version });
            }
        };
        let object = event["object"].take();
        let newer = object["metadata"]["resourceVersion"].as_str().map(str::to_owned);
        match event["type"].as_str() {
            Some("ADDED" | "MODIFIED") => {
                self.applied(object);
            }
            Some("DELETED") => self.deleted(object),
            Some("ERROR") => return self.failed(from_status(&action, object), State::Current { version }),
            _ => {}
        }
        self.backoff.reset();
        Ok(State::Open { version: newer.unwrap_or(version), lines, heard: true })
    }

    /// Reports an error and goes on from `state` after a pause. What expired is only listed again.
    fn failed(&mut self, error: Error, state: State) -> Result<State> {
        let pause = self.backoff.pause();
        self.pause = Some(error.retry_after.map_or(pause, |asked| asked.clamp(pause, PAUSE_MAX)));
        if error.kind == ErrorKind::Expired {
            tracing::debug!(%error, "a watch begins again with a list");
            return Ok(State::Start);
        }
        self.state = state;
        Err(error)
    }

    fn applied(&mut self, object: Value) -> Key {
        let key = key(&object);
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        self.known.insert(key.clone(), uid.to_owned());
        self.queue.push_back(WatchEvent::Applied(object));
        key
    }

    fn deleted(&mut self, object: Value) {
        self.known.remove(&key(&object));
        self.queue.push_back(WatchEvent::Deleted(object));
    }

    /// Reports as deleted, by name and UID only, what a whole list did not hold any more.
    fn forget_all_but(&mut self, seen: &BTreeSet<Key>) {
        let gone: Vec<_> = self.known.extract_if(.., |key, _| !seen.contains(key)).collect();
        for ((namespace, name), uid) in gone {
            let of = &self.source.of;
            let mut object = json!({"apiVersion": of.api_version(), "kind": of.kind, "metadata": {"name": name, "uid": uid}});
            if !namespace.is_empty() {
                object["metadata"]["namespace"] = namespace.into();
            }
            self.queue.push_back(WatchEvent::Deleted(object));
        }
    }
}

fn key(object: &Value) -> Key {
    let metadata = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    (metadata("namespace"), metadata("name"))
}
