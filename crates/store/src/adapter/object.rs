//! Stores that the `object_store` crate speaks to: S3, Azure, Google Cloud.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, TagSet, UpdateVersion};

use super::error::{element, translate};
use super::leftovers::Leftovers;
use super::upload::Parts;
use super::{is_sound, unsound};
use crate::{Capabilities, Error, ErrorKind, Meta, Put, Result, Store, Tag, Upload};

/// In what the stores differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cloud {
    /// S3, and what speaks like it.
    S3,
    /// Azure Blob Storage: its client leaves out the object whose key is the prefix that is listed.
    Azure,
    /// Google Cloud Storage: a version is known by its generation, and not by its entity tag.
    Google,
}

impl Cloud {
    fn tag(self, e_tag: Option<String>, generation: Option<String>) -> Option<Tag> {
        if self == Self::Google { generation } else { e_tag }.map(Tag)
    }

    fn version(self, tag: &Tag) -> UpdateVersion {
        let known = Some(tag.0.clone());
        match self {
            Self::S3 | Self::Azure => UpdateVersion { e_tag: known, version: None },
            Self::Google => UpdateVersion { e_tag: None, version: known },
        }
    }
}

/// The clients of one bucket.
#[derive(Clone)]
pub(crate) struct Clients {
    /// Makes each request once: the layers above repeat it.
    pub(crate) plain: Arc<dyn ObjectStore>,
    /// Repeats by itself, for the parts of uploads, and deletes one by one.
    pub(crate) patient: Arc<dyn ObjectStore>,
    /// Lists below any prefix.
    pub(crate) lister: Arc<dyn PaginatedListStore>,
    /// Signs links.
    pub(crate) signer: Option<Arc<dyn Signer>>,
    /// Finds unfinished uploads, where they do not end by themselves.
    pub(crate) leftovers: Option<Leftovers>,
}

/// How clients for another region are made.
type Relocate = Box<dyn Fn(&str) -> Result<Clients> + Send + Sync>;

/// The region that requests are signed for, and what the store says of it.
pub(crate) struct Region {
    /// The region in use.
    pub(crate) current: Mutex<String>,
    /// Whether the store has accepted it, or a person named it.
    pub(crate) certain: AtomicBool,
    /// The region that the store's last answer named.
    pub(crate) heard: Arc<Mutex<Option<String>>>,
    /// Makes the clients anew.
    pub(crate) relocate: Relocate,
}

/// A bucket below a prefix.
pub(crate) struct Bucket {
    cloud: Cloud,
    clients: RwLock<Clients>,
    region: Option<Region>,
    prefix: String,
    tags: TagSet,
    /// Whether the store has refused conditions.
    unconditional: AtomicBool,
}

impl Bucket {
    /// The bucket of these clients.
    pub(crate) fn new(
        cloud: Cloud,
        clients: Clients,
        region: Option<Region>,
        prefix: &str,
        tags: TagSet,
    ) -> Self {
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let unconditional = AtomicBool::new(false);
        Self { cloud, clients: RwLock::new(clients), region, prefix, tags, unconditional }
    }

    fn clients(&self) -> Clients {
        self.clients.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn path(&self, action: &'static str, key: &str) -> Result<Path> {
        let path = Path::parse(format!("{}{key}", self.prefix));
        path.ok().filter(|_| is_sound(key)).ok_or_else(|| unsound(action, key))
    }

    /// Makes a call; once more if the store's answer names another region than the call was signed for.
    async fn call<T, F, A>(&self, action: &'static str, key: &str, call: F) -> Result<T>
    where
        F: Fn(Clients) -> A,
        A: Future<Output = object_store::Result<T>>,
    {
        let mut answer = call(self.clients()).await;
        if let Err(error) = &answer
            && self.relocate(error)?
        {
            answer = call(self.clients()).await;
        }
        answer.map_err(|error| translate(action, key, &error))
    }

    /// Makes sure of the region, for what is signed now and seen by the store later, or in many requests.
    async fn settle_region(&self) -> Result<()> {
        if let Some(region) = &self.region
            && !region.certain.load(Ordering::Relaxed)
        {
            self.folders("").await?;
            region.certain.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Changes to the region that the store named, if it is another; whether it was.
    fn relocate(&self, error: &object_store::Error) -> Result<bool> {
        let Some(region) = &self.region else { return Ok(false) };
        let heard = region.heard.lock().unwrap_or_else(PoisonError::into_inner).take();
        let text = error.to_string();
        let Some(named) = heard.or_else(|| element(&text, "Region").map(str::to_owned)) else {
            return Ok(false);
        };
        let mut current = region.current.lock().unwrap_or_else(PoisonError::into_inner);
        if named.is_empty() || named == *current {
            return Ok(false);
        }
        let clients = (region.relocate)(&named)?;
        tracing::info!(from = %current, to = %named, "the store names another region");
        *self.clients.write().unwrap_or_else(PoisonError::into_inner) = clients;
        *current = named;
        region.certain.store(true, Ordering::Relaxed);
        Ok(true)
    }

    /// What is known of an object, below the prefix.
    fn meta(&self, meta: ObjectMeta) -> Option<Meta> {
        let key = String::from(meta.location).strip_prefix(&self.prefix)?.to_owned();
        let modified = jiff::Timestamp::new(
            meta.last_modified.timestamp(),
            i32::try_from(meta.last_modified.timestamp_subsec_nanos()).unwrap_or(0),
        );
        let tag = self.cloud.tag(meta.e_tag, meta.version);
        Some(Meta { key, size: meta.size, modified: modified.ok(), tag })
    }

    /// Lists one prefix to its end, as whole keys or as folders.
    async fn pages(&self, prefix: &str, folders: bool) -> Result<Vec<object_store::ListResult>> {
        let whole = format!("{}{prefix}", self.prefix);
        let (mut pages, mut token) = (Vec::new(), None);
        loop {
            let list = |clients: Clients| {
                let page_token = token.clone();
                let delimiter = folders.then_some("/".into());
                let whole = whole.clone();
                async move {
                    let options = PaginatedListOptions { delimiter, page_token, ..Default::default() };
                    clients
                        .lister
                        .list_paginated(Some(whole.as_str()).filter(|prefix| !prefix.is_empty()), options)
                        .await
                }
            };
            let page = self.call("list", prefix, list).await?;
            pages.push(page.result);
            token = page.page_token;
            if token.is_none() {
                return Ok(pages);
            }
        }
    }

    /// A put that tells whether it went through without the store's help: not in one step.
    async fn put_after_look(&self, key: &str, content: Bytes, condition: &Put) -> Result<Option<Tag>> {
        let there = match self.head(key).await {
            Err(error) if error.kind == ErrorKind::NotFound => None,
            found => Some(found?),
        };
        let holds = match (condition, there) {
            (Put::Overwrite, _) | (Put::Create, None) => true,
            (Put::Replace(tag), Some(meta)) => meta.tag.as_ref() == Some(tag),
            (Put::Create, Some(_)) | (Put::Replace(_), None) => false,
        };
        if !holds {
            let message = "the object exists, or is another version".to_owned();
            return Err(Error { kind: ErrorKind::Precondition, action: "put", key: key.to_owned(), message });
        }
        self.put_mode(key, content, PutMode::Overwrite).await
    }

    async fn put_mode(&self, key: &str, content: Bytes, mode: PutMode) -> Result<Option<Tag>> {
        let path = self.path("put", key)?;
        let put = |clients: Clients| {
            let options = PutOptions { mode: mode.clone(), tags: self.tags.clone(), ..Default::default() };
            let (path, content) = (path.clone(), content.clone());
            async move { clients.plain.put_opts(&path, content.into(), options).await }
        };
        let done = self.call("put", key, put).await?;
        Ok(self.cloud.tag(done.e_tag, done.version))
    }

    /// Deletes with one of the clients; objects that are not there count as deleted.
    async fn delete_with(&self, paths: &[Path], patient: bool) -> Result<()> {
        let delete = |clients: Clients| {
            let store = if patient { clients.patient } else { clients.plain };
            let paths: Vec<_> = paths.iter().cloned().map(Ok).collect();
            async move {
                let mut deleted = store.delete_stream(stream::iter(paths).boxed());
                while let Some(done) = deleted.next().await {
                    match done {
                        Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            }
        };
        let first = paths.first().map_or("", |path| path.as_ref());
        self.call("delete", first.strip_prefix(&self.prefix).unwrap_or(first), delete).await
    }
}

#[async_trait]
impl Store for Bucket {
    fn capabilities(&self) -> Capabilities {
        let conditional = !self.unconditional.load(Ordering::Relaxed);
        Capabilities { create: conditional, replace: conditional, presign: self.clients().signer.is_some() }
    }

    async fn head(&self, key: &str) -> Result<Meta> {
        let path = self.path("head", key)?;
        let head = |clients: Clients| {
            let path = path.clone();
            async move { clients.plain.head(&path).await }
        };
        let found = self.call("head", key, head).await?;
        self.meta(found).ok_or_else(|| unsound("head", key))
    }

    async fn get(&self, key: &str) -> Result<Bytes> {
        let path = self.path("get", key)?;
        let get = |clients: Clients| {
            let path = path.clone();
            async move { clients.plain.get(&path).await?.bytes().await }
        };
        self.call("get", key, get).await
    }

    async fn get_range(&self, key: &str, start: u64, end: u64) -> Result<Bytes> {
        let path = self.path("get", key)?;
        let size = || async { Ok::<u64, Error>(self.head(key).await?.size) };
        if start >= end {
            return size().await.map(|_| Bytes::new());
        }
        let get = |clients: Clients| {
            let path = path.clone();
            async move { clients.plain.get_range(&path, start..end).await }
        };
        match self.call("get", key, get).await {
            // Stores differ in how they refuse a range that begins behind the end.
            Err(error) if error.kind == ErrorKind::Other && size().await? <= start => Ok(Bytes::new()),
            read => read,
        }
    }

    async fn stream(&self, key: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        let path = self.path("get", key)?;
        let get = |clients: Clients| {
            let path = path.clone();
            async move { clients.plain.get(&path).await }
        };
        let found = self.call("get", key, get).await?;
        let key = key.to_owned();
        Ok(found.into_stream().map_err(move |error| translate("get", &key, &error)).boxed())
    }

    async fn put(&self, key: &str, content: Bytes, condition: Put) -> Result<Option<Tag>> {
        if condition != Put::Overwrite && self.unconditional.load(Ordering::Relaxed) {
            return self.put_after_look(key, content, &condition).await;
        }
        let mode = match &condition {
            Put::Overwrite => PutMode::Overwrite,
            Put::Create => PutMode::Create,
            Put::Replace(tag) => PutMode::Update(self.cloud.version(tag)),
        };
        match self.put_mode(key, content.clone(), mode).await {
            Err(error) if error.kind == ErrorKind::Unsupported && condition != Put::Overwrite => {
                self.unconditional.store(true, Ordering::Relaxed);
                self.put_after_look(key, content, &condition).await
            }
            put => put,
        }
    }

    async fn upload(&self, key: &str) -> Result<Box<dyn Upload>> {
        let path = self.path("upload", key)?;
        self.settle_region().await?;
        Ok(Box::new(Parts::new(self.clients().patient, path, key, self.tags.clone())))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Meta>> {
        let pages = self.pages(prefix, false).await?;
        let found = pages.into_iter().flat_map(|page| page.objects).filter_map(|meta| self.meta(meta));
        // A folder's own marker loses its slash on the way, and is then not below the prefix.
        let mut found: Vec<Meta> = found.filter(|meta| meta.key.starts_with(prefix)).collect();
        if self.cloud == Cloud::Azure && is_sound(prefix) {
            match self.head(prefix).await {
                Err(error) if error.kind == ErrorKind::NotFound => {}
                there => found.push(there?),
            }
        }
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>> {
        let pages = self.pages(prefix, true).await?;
        let names = pages.iter().flat_map(|page| &page.common_prefixes).filter_map(Path::filename);
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    async fn delete(&self, keys: &[String]) -> Result<()> {
        let paths: Vec<Path> = keys.iter().map(|key| self.path("delete", key)).collect::<Result<_>>()?;
        if paths.is_empty() {
            return Ok(());
        }
        match self.delete_with(&paths, false).await {
            // Not every store deletes many at once.
            Err(error) if matches!(error.kind, ErrorKind::Unsupported | ErrorKind::Other) => {
                self.delete_with(&paths, true).await
            }
            deleted => deleted,
        }
    }

    async fn presign(&self, key: &str, valid: Duration) -> Result<Option<String>> {
        let path = self.path("presign", key)?;
        if self.clients().signer.is_none() {
            return Ok(None);
        }
        self.settle_region().await?;
        let Some(signer) = self.clients().signer else { return Ok(None) };
        let signed = signer.signed_url("GET".parse().unwrap_or_default(), &path, valid).await;
        signed.map(|url| Some(url.into())).map_err(|error| translate("presign", key, &error))
    }

    async fn sweep(&self, before: jiff::Timestamp) -> Result<u64> {
        self.settle_region().await?;
        match self.clients().leftovers {
            Some(leftovers) => leftovers.sweep(&self.prefix, before).await,
            None => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests;
