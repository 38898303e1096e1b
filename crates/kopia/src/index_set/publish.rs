//! Writing an index so that every reader finds it, also those that list while a new epoch begins.

use std::sync::Arc;
use std::time::Duration;

use super::epochs::Epochs;
use crate::content::Entry;
use crate::content::index::{self, Index};
use crate::content::table::Crypto;
use crate::random::Random;
use crate::{Error, ErrorKind, Format, Result, Storage};

/// How often an index is begun anew because an epoch began.
const ATTEMPTS: usize = 5;

/// What it takes to write an index.
pub(crate) struct Publisher<'a> {
    pub(crate) storage: &'a dyn Storage,
    pub(crate) random: &'a dyn Random,
    pub(crate) format: &'a Format,
    pub(crate) crypto: &'a Crypto,
}

/// What was written.
pub(crate) struct Written {
    /// By the names of their blobs.
    pub(crate) indexes: Vec<(String, Arc<Index>)>,
    /// The state of the epochs after that.
    pub(crate) epochs: Epochs,
}

impl Publisher<'_> {
    /// Writes the index of entries, sorted by name, into the current epoch, which may be known from a list that is not old yet.
    pub(crate) fn publish(
        &self,
        entries: &[Entry],
        session: &str,
        mut known: Option<Epochs>,
    ) -> Result<Written> {
        let shards = index::build(entries)?;
        let suffix = format!("{session}-c{}", shards.len());
        for _ in 0..ATTEMPTS {
            let mut names = Vec::new();
            if let Some(epochs) = self.attempt(&shards, &suffix, known.take(), &mut names)? {
                let parsed = |(name, shard): (String, Vec<u8>)| {
                    let index = Index::parse(&name, shard)?;
                    Ok((name, Arc::new(index)))
                };
                let indexes = names.into_iter().zip(shards).map(parsed).collect::<Result<_>>()?;
                return Ok(Written { indexes, epochs });
            }
            self.take_back(&names)?;
        }
        Err(Error::new(ErrorKind::Clock, "xn", "epochs begin faster than an index is written"))
    }

    /// The state of the epochs once all of it is written; nothing if a new epoch began in the middle.
    fn attempt(
        &self,
        shards: &[Vec<u8>],
        suffix: &str,
        known: Option<Epochs>,
        written: &mut Vec<String>,
    ) -> Result<Option<Epochs>> {
        let epochs = match known.filter(|epochs| self.check(epochs).is_ok()) {
            Some(epochs) => epochs,
            None => self.epochs()?,
        };
        let mut valid_until = epochs.valid_until;
        let prefix = format!("xn{}_", epochs.current);
        for shard in shards {
            if self.storage.now() >= valid_until {
                let again = self.epochs()?;
                if again.current != epochs.current {
                    return Ok(None);
                }
                valid_until = again.valid_until;
            }
            let (name, sealed) = self.crypto.seal_table(self.random, &prefix, suffix, shard)?;
            let retention = self.format.retention_of(&name, self.storage.now());
            self.storage.put(&name, &sealed, retention)?;
            written.push(name);
        }
        let after = self.epochs()?;
        if after.current >= epochs.current.saturating_add(2) {
            // readers may have gone by a merged epoch that lacks it
            self.take_back(written)?;
            return Err(Error::new(
                ErrorKind::Clock,
                prefix,
                "writing the index took longer than two epochs",
            ));
        }
        Ok(Some(after))
    }

    /// The state of the epochs, with most of the time left that it may be gone by.
    fn epochs(&self) -> Result<Epochs> {
        let epochs = Epochs::list(self.storage, self.format.epochs())?;
        self.check(&epochs)?;
        Ok(epochs)
    }

    fn check(&self, epochs: &Epochs) -> Result<()> {
        let left = epochs.valid_until.since(self.storage.now());
        if left < self.format.epochs().refresh_frequency.mul_f32(0.75).max(Duration::from_nanos(1)) {
            let reason = "lists take too long for an index to be written by them";
            return Err(Error::new(ErrorKind::Clock, "xe", reason));
        }
        Ok(())
    }

    fn take_back(&self, written: &[String]) -> Result<()> {
        written.iter().try_for_each(|name| self.storage.delete(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Entry;
    use crate::format::tests::of_kopia;
    use crate::random::fake::Seeded;
    use crate::storage::{Blob, Memory, Put, Retention, sorted};
    use crate::time::Time;
    use bytes::Bytes;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A store in which epochs begin right after the n-th put.
    struct Racing {
        inner: Memory,
        puts: AtomicUsize,
        epochs: &'static [&'static str],
    }

    impl Storage for Racing {
        fn get(&self, name: &str, limit: usize) -> Result<Vec<u8>> {
            self.inner.get(name, limit)
        }
        fn get_range(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
            self.inner.get_range(name, offset, length)
        }
        fn head(&self, name: &str) -> Result<Blob> {
            self.inner.head(name)
        }
        fn store(&self, name: &str, data: Bytes, how: Put) -> Result<()> {
            let done = self.inner.store(name, data, how);
            if self.puts.fetch_add(1, Ordering::Relaxed) == 0 {
                for epoch in self.epochs {
                    self.inner.put(epoch, b"epoch-marker", None)?;
                }
            }
            done
        }
        fn delete(&self, name: &str) -> Result<()> {
            self.inner.delete(name)
        }
        fn list(&self, prefix: &str, visit: &mut dyn FnMut(Blob) -> Result<()>) -> Result<()> {
            self.inner.list(prefix, visit)
        }
        fn extend_retention(&self, name: &str, retention: Retention) -> Result<()> {
            self.inner.extend_retention(name, retention)
        }
        fn now(&self) -> Time {
            self.inner.now()
        }
    }

    fn publish(epochs: &'static [&'static str]) -> (Result<()>, Vec<String>) {
        let storage = Racing { inner: of_kopia(), puts: AtomicUsize::new(0), epochs };
        let format = Format::open(&storage, "test-pass").unwrap();
        let crypto = Crypto { hasher: format.hasher().unwrap(), encryptor: format.encryptor().unwrap() };
        let random = Seeded::new(1);
        let publisher = Publisher { storage: &storage, random: &random, format: &format, crypto: &crypto };
        let entry: Entry = crate::content::entry_of_tests("8fcad2d89cd8e0b0ad22c2720ddec71a");
        let outcome = publisher.publish(&[entry], "s0011223344556677148", None).map(drop);
        let written = sorted(&storage, "xn").unwrap().into_iter().map(|blob| blob.name).collect();
        (outcome, written)
    }

    #[test]
    fn an_index_goes_into_the_current_epoch_even_if_another_begins() {
        for epochs in [&[][..], &["xe1"]] {
            let (outcome, written) = publish(epochs);
            outcome.unwrap();
            assert_eq!(written.len(), 1);
            assert!(
                written[0].starts_with("xn0_") && written[0].ends_with("-s0011223344556677148-c1"),
                "{written:?}"
            );
        }
    }

    #[test]
    fn an_index_that_comes_two_epochs_late_is_taken_back() {
        let (outcome, written) = publish(&["xe1", "xe2"]);
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Clock);
        assert!(written.is_empty(), "{written:?}");
    }
}
