//! What a folder held when it was looked at. Files are written over that and nothing else, where the store can: what a
//! server sends that stood still in the middle of it does not undo what another one has written since.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{Put, Result, Store, Tag};

/// The versions of the files in a folder.
#[derive(Debug, Default)]
pub struct Seen {
    tags: BTreeMap<String, Option<Tag>>,
}

impl Seen {
    /// Looks at a folder.
    pub async fn below(store: &dyn Store, folder: &str) -> Result<Self> {
        let found = store.list(folder).await?;
        Ok(Self { tags: found.into_iter().map(|meta| (meta.key, meta.tag)).collect() })
    }

    /// Writes a file over what was seen.
    pub async fn put(&mut self, store: &dyn Store, key: &str, content: Bytes) -> Result<()> {
        let condition = match self.tags.get(key) {
            None => Put::Create,
            Some(Some(tag)) => Put::Replace(tag.clone()),
            // Not every list tells versions.
            Some(None) => store.head(key).await?.tag.map_or(Put::Overwrite, Put::Replace),
        };
        let tag = store.put(key, content, condition).await?;
        self.tags.insert(key.to_owned(), tag);
        Ok(())
    }
}
