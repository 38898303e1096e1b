//! Writing an index so that every reader finds it, also those that list while a new epoch begins.

use std::time::Duration;

use super::epochs::Epochs;
use crate::content::table::Crypto;
use crate::content::{Entry, index};
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

/// What became of an attempt.
enum Outcome {
    Done,
    /// A new epoch began in the middle.
    Again,
}

impl Publisher<'_> {
    /// Writes the index of entries, sorted by name, into the current epoch.
    pub(crate) fn publish(&self, entries: &[Entry], session: &str) -> Result<()> {
        let shards = index::build(entries)?;
        let suffix = format!("{session}-c{}", shards.len());
        for _ in 0..ATTEMPTS {
            let mut written = Vec::new();
            match self.attempt(&shards, &suffix, &mut written) {
                Ok(Outcome::Done) => return Ok(()),
                Ok(Outcome::Again) => self.take_back(&written)?,
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::Clock, "xn", "epochs begin faster than an index is written"))
    }

    fn attempt(&self, shards: &[Vec<u8>], suffix: &str, written: &mut Vec<String>) -> Result<Outcome> {
        let epochs = self.epochs()?;
        let mut valid_until = epochs.valid_until;
        let prefix = format!("xn{}_", epochs.current);
        for shard in shards {
            if self.storage.now() >= valid_until {
                let again = self.epochs()?;
                if again.current != epochs.current {
                    return Ok(Outcome::Again);
                }
                valid_until = again.valid_until;
            }
            let (name, sealed) = self.crypto.seal_table(self.random, &prefix, suffix, shard)?;
            let retention = self.format.retention_of(&name, self.storage.now());
            self.storage.put(&name, &sealed, retention)?;
            written.push(name);
        }
        if self.epochs()?.current >= epochs.current.saturating_add(2) {
            // readers may have gone by a merged epoch that lacks it
            self.take_back(written)?;
            return Err(Error::new(
                ErrorKind::Clock,
                prefix,
                "writing the index took longer than two epochs",
            ));
        }
        Ok(Outcome::Done)
    }

    /// The state of the epochs, with most of the time left that it may be gone by.
    fn epochs(&self) -> Result<Epochs> {
        let epochs = Epochs::list(self.storage, self.format.epochs())?;
        let left = epochs.valid_until.since(self.storage.now());
        if left < self.format.epochs().refresh_frequency.mul_f32(0.75).max(Duration::from_nanos(1)) {
            return Err(Error::new(
                ErrorKind::Clock,
                "xe",
                "lists take too long for an index to be written by them",
            ));
        }
        Ok(epochs)
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
    use crate::storage::{Blob, Memory, Retention, sorted};
    use crate::time::Time;
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
        fn put(&self, name: &str, data: &[u8], retention: Option<Retention>) -> Result<Time> {
            let done = self.inner.put(name, data, retention);
            if self.puts.fetch_add(1, Ordering::Relaxed) == 0 {
                for epoch in self.epochs {
                    self.inner.put(epoch, b"epoch-marker", None)?;
                }
            }
            done
        }
        fn put_if_absent(&self, name: &str, data: &[u8], retention: Option<Retention>) -> Result<Time> {
            self.inner.put_if_absent(name, data, retention)
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
        let outcome = publisher.publish(&[entry], "s0011223344556677148");
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
