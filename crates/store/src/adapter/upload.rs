//! Uploads in parts to stores that the `object_store` crate speaks to.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, TagSet};
use tokio::task::JoinSet;

use super::error::translate;
use crate::{Error, ErrorKind, Result, Upload};

/// How large a part is, the least that stores want: parts that are on their way are in memory. Some stores want all but the
/// last alike.
const PART_BYTES: usize = 5 << 20;
/// How large a part is when the 10,000 that stores admit come near: for 340 GB in all.
const LATE_PART_BYTES: usize = 64 << 20;
/// How many parts are of the first size.
const EARLY_PARTS: usize = 5000;
/// How many parts are on their way at a time.
const PARTS_IN_FLIGHT: usize = 3;

/// An object on its way. Small ones go up whole.
pub(super) struct Parts {
    store: Arc<dyn ObjectStore>,
    path: Path,
    key: String,
    tags: TagSet,
    /// What is not sent yet, in the pieces that it came in.
    rest: VecDeque<Bytes>,
    rest_bytes: usize,
    begun: usize,
    upload: Option<Box<dyn MultipartUpload>>,
    in_flight: JoinSet<object_store::Result<()>>,
    failed: bool,
}

impl Parts {
    /// Begins an object; nothing is sent yet.
    pub(super) fn new(store: Arc<dyn ObjectStore>, path: Path, key: &str, tags: TagSet) -> Self {
        Self {
            store,
            path,
            key: key.to_owned(),
            tags,
            rest: VecDeque::new(),
            rest_bytes: 0,
            begun: 0,
            upload: None,
            in_flight: JoinSet::new(),
            failed: false,
        }
    }

    fn part_bytes(&self) -> usize {
        if self.begun < EARLY_PARTS { PART_BYTES } else { LATE_PART_BYTES }
    }

    fn error(&self, error: &object_store::Error) -> Error {
        translate("upload", &self.key, error)
    }

    /// Sends a part, once few enough others are on their way.
    async fn send(&mut self, part: PutPayload) -> Result<()> {
        if self.upload.is_none() {
            let options = PutMultipartOptions { tags: self.tags.clone(), ..Default::default() };
            let begun = self.store.put_multipart_opts(&self.path, options).await;
            self.upload = Some(begun.map_err(|error| self.error(&error))?);
        }
        self.wait(PARTS_IN_FLIGHT - 1).await?;
        if let Some(upload) = &mut self.upload {
            self.in_flight.spawn(upload.put_part(part));
            self.begun += 1;
        }
        Ok(())
    }

    /// Waits until at most `most` parts are on their way.
    async fn wait(&mut self, most: usize) -> Result<()> {
        while self.in_flight.len() > most {
            match self.in_flight.join_next().await {
                None | Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => return Err(self.error(&error)),
                Some(Err(stopped)) => return Err(self.error(&stopped.into())),
            }
        }
        Ok(())
    }

    /// Sends all whole parts.
    async fn drain(&mut self) -> Result<()> {
        while self.rest_bytes >= self.part_bytes() {
            let part = self.take(self.part_bytes());
            self.send(part).await?;
        }
        Ok(())
    }

    /// The next bytes of what is not sent yet, uncopied.
    fn take(&mut self, bytes: usize) -> PutPayload {
        let (mut taken, mut left) = (Vec::new(), bytes);
        while left > 0
            && let Some(mut piece) = self.rest.pop_front()
        {
            if piece.len() > left {
                self.rest.push_front(piece.split_off(left));
            }
            left -= piece.len();
            taken.push(piece);
        }
        self.rest_bytes -= bytes - left;
        taken.into_iter().collect()
    }

    async fn finish(&mut self) -> Result<()> {
        let rest = self.take(self.rest_bytes);
        if self.upload.is_none() {
            let options = PutOptions { tags: self.tags.clone(), ..Default::default() };
            let put = self.store.put_opts(&self.path, rest, options).await;
            return put.map(drop).map_err(|error| self.error(&error));
        }
        if rest.content_length() > 0 {
            self.send(rest).await?;
        }
        self.wait(0).await?;
        if let Some(upload) = &mut self.upload {
            let completed = upload.complete().await;
            completed.map_err(|error| translate("upload", &self.key, &error))?;
        }
        self.upload = None;
        Ok(())
    }

    /// Refuses to go on after a failure: a part may be missing.
    fn check(&self) -> Result<()> {
        if !self.failed {
            return Ok(());
        }
        let message = "a part of the upload failed before".to_owned();
        Err(Error { kind: ErrorKind::Other, action: "upload", key: self.key.clone(), message })
    }
}

#[async_trait]
impl Upload for Parts {
    async fn write(&mut self, piece: Bytes) -> Result<()> {
        self.check()?;
        self.rest_bytes += piece.len();
        self.rest.push_back(piece);
        let sent = self.drain().await;
        self.failed = sent.is_err();
        sent
    }

    async fn complete(&mut self) -> Result<()> {
        self.check()?;
        let finished = self.finish().await;
        self.failed = true;
        finished
    }

    async fn abort(&mut self) -> Result<()> {
        self.failed = true;
        self.in_flight.shutdown().await;
        match self.upload.take() {
            None => Ok(()),
            Some(mut upload) => upload.abort().await.map_err(|error| self.error(&error)),
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        // The parts that are there cost money until somebody sweeps them.
        if let (Some(mut upload), Ok(runtime)) = (self.upload.take(), tokio::runtime::Handle::try_current()) {
            self.in_flight.abort_all();
            runtime.spawn(async move { upload.abort().await });
        }
    }
}
