//! A store that is read and written no faster than somebody wants.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bytes::Bytes;

use super::{Blob, Put, Retention, Storage};
use crate::sync::lock;
use crate::{Result, Time};

/// The longest that nobody has asked for anything and may make up for.
const BURST: Duration = Duration::from_secs(1);

/// How fast bytes go one way.
struct Rate {
    bytes_per_second: u64,
    /// When the bytes that have been asked for will have gone.
    free_at: Mutex<Option<Time>>,
}

impl Rate {
    /// How long whoever asks for so many bytes at that moment has to wait.
    fn ask(&self, bytes: usize, now: Time) -> Duration {
        let mut free_at = lock(&self.free_at);
        let earliest = now.minus(BURST);
        let begin = free_at.map_or(earliest, |at| at.max(earliest));
        let end = begin.plus(Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64));
        *free_at = Some(end);
        end.since(now)
    }
}

/// A store that is read and written no faster than so many bytes a second, by all threads together.
pub struct Throttled {
    inner: Arc<dyn Storage>,
    read: Option<Rate>,
    write: Option<Rate>,
}

impl Throttled {
    /// The store, with limits for reading and writing; where there is none, or it is 0, it is as fast as it is.
    pub fn new(inner: Arc<dyn Storage>, read: Option<u64>, write: Option<u64>) -> Self {
        let rate = |limit: Option<u64>| {
            let limit = limit.filter(|limit| *limit > 0);
            limit.map(|bytes_per_second| Rate { bytes_per_second, free_at: Mutex::default() })
        };
        Self { inner, read: rate(read), write: rate(write) }
    }

    fn wait(&self, rate: Option<&Rate>, bytes: usize) {
        if let Some(rate) = rate {
            thread::sleep(rate.ask(bytes, self.now()));
        }
    }
}

impl Storage for Throttled {
    fn get(&self, name: &str, limit: usize) -> Result<Vec<u8>> {
        let data = self.inner.get(name, limit)?;
        self.wait(self.read.as_ref(), data.len());
        Ok(data)
    }

    fn get_range(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        let data = self.inner.get_range(name, offset, length)?;
        self.wait(self.read.as_ref(), data.len());
        Ok(data)
    }

    fn head(&self, name: &str) -> Result<Blob> {
        self.inner.head(name)
    }

    fn store(&self, name: &str, data: Bytes, how: Put) -> Result<()> {
        self.wait(self.write.as_ref(), data.len());
        self.inner.store(name, data, how)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Memory, conformance};

    #[test]
    fn conformance_of_a_slow_store() {
        let inner = Arc::new(Memory::new(Time::from_seconds(1_700_000_000)));
        assert_eq!(conformance::all(&Throttled::new(inner, Some(1 << 40), Some(1 << 40))), []);
    }

    #[test]
    fn bytes_go_as_fast_as_they_may_and_no_faster() {
        let rate = Rate { bytes_per_second: 1000, free_at: Mutex::default() };
        let at = |millis| Time::from_seconds(1_700_000_000).plus(Duration::from_millis(millis));
        for (bytes, now, waits) in
            [(1000, 0, 0), (500, 0, 500), (500, 0, 1000), (1000, 1000, 1000), (0, 1500, 500), (1000, 9000, 0)]
        {
            assert_eq!(rate.ask(bytes, at(now)), Duration::from_millis(waits), "{bytes} at {now}");
        }
    }
}
