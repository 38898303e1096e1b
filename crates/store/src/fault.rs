//! A layer that makes calls fail, for tests.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;

use crate::layer::{Call, Layer, Verb};
use crate::{Error, ErrorKind, Result};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails and has no effect, as when the store answers 500 or 403.
    Before(ErrorKind),
    /// The call has its effect, but its answer is lost.
    After(ErrorKind),
    /// The call takes this much longer.
    Slow(Duration),
    /// The call never ends.
    Hang,
}

/// Which calls go wrong, and how.
#[derive(Debug, Clone)]
pub struct Rule {
    verb: Option<Verb>,
    key: String,
    nth: u64,
    times: u64,
    fault: Fault,
    seen: u64,
}

impl Rule {
    /// The `nth` call (from 1), whatever it asks.
    pub fn nth(nth: u64, fault: Fault) -> Self {
        Self { verb: None, key: String::new(), nth, times: 1, fault, seen: 0 }
    }

    /// The first call that asks this.
    pub fn first(verb: Verb, fault: Fault) -> Self {
        Self { verb: Some(verb), ..Self::nth(1, fault) }
    }

    /// Every call that asks this.
    pub fn every(verb: Verb, fault: Fault) -> Self {
        Self::first(verb, fault).times(u64::MAX)
    }

    /// Counts only calls that ask this.
    pub fn verb(self, verb: Verb) -> Self {
        Self { verb: Some(verb), ..self }
    }

    /// Counts only calls whose key contains this.
    pub fn key(self, part: &str) -> Self {
        Self { key: part.to_owned(), ..self }
    }

    /// Goes wrong so many times in a row.
    pub fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }

    /// Counts a call; what goes wrong with it.
    fn meet(&mut self, call: Call<'_>) -> Option<Fault> {
        if self.verb.is_some_and(|verb| verb != call.verb) || !call.key.contains(&self.key) {
            return None;
        }
        self.seen += 1;
        let wrong = self.seen >= self.nth && self.seen - self.nth < self.times;
        wrong.then_some(self.fault)
    }
}

/// Makes calls fail by rules; clones share what they counted.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    calls: u64,
}

impl Faults {
    /// Calls fail by these rules; the first that applies counts.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { state: Arc::new(Mutex::new(State { rules, calls: 0 })) }
    }

    /// Replaces the rules; calls are counted from 1 again.
    pub fn set(&self, rules: Vec<Rule>) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State { rules, calls: 0 };
    }

    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).calls
    }

    fn meet(&self, call: Call<'_>) -> Option<Fault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.calls += 1;
        let met: Vec<Fault> = state.rules.iter_mut().filter_map(|rule| rule.meet(call)).collect();
        met.into_iter().next()
    }
}

/// The failure that was asked for.
fn injected(call: Call<'_>, kind: ErrorKind) -> Error {
    let message = "a fault was injected".to_owned();
    Error { kind, action: call.verb.name(), key: call.key.to_owned(), message }
}

#[async_trait]
impl Layer for Faults {
    async fn once<T: Send>(&self, call: Call<'_>, run: BoxFuture<'_, Result<T>>) -> Result<T> {
        match self.meet(call) {
            None => run.await,
            Some(Fault::Before(kind)) => Err(injected(call, kind)),
            Some(Fault::After(kind)) => {
                run.await?;
                Err(injected(call, kind))
            }
            Some(Fault::Slow(wait)) => {
                tokio::time::sleep(wait).await;
                run.await
            }
            Some(Fault::Hang) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::adapter::Memory;
    use crate::layer::Layered;
    use crate::{Put, Store};

    #[tokio::test]
    async fn the_nth_call_fails_and_the_others_do_not() {
        let faults = Faults::new(vec![Rule::nth(2, Fault::Before(ErrorKind::Denied))]);
        let store = Layered::new(Arc::new(Memory::default()), faults.clone());
        let mut outcomes = Vec::new();
        for key in ["a", "b", "c"] {
            outcomes.push(store.put(key, Bytes::new(), Put::Overwrite).await.is_ok());
        }
        assert_eq!((outcomes, faults.calls()), (vec![true, false, true], 3));
    }

    #[tokio::test]
    async fn an_upload_that_dies_leaves_nothing_readable() {
        let faults = Faults::new(vec![Rule::nth(2, Fault::Before(ErrorKind::Unavailable)).verb(Verb::Write)]);
        let memory = Memory::default();
        let store = Layered::new(Arc::new(memory.clone()), faults);
        let mut upload = store.upload("big").await.unwrap();
        upload.write(Bytes::from_static(b"1")).await.unwrap();
        assert!(upload.write(Bytes::from_static(b"2")).await.is_err());
        drop(upload);
        assert!(memory.keys().is_empty());
    }

    #[tokio::test]
    async fn a_lost_answer_has_had_its_effect() {
        let faults = Faults::new(vec![Rule::first(Verb::Put, Fault::After(ErrorKind::Unavailable)).key("x")]);
        let memory = Memory::default();
        let store = Layered::new(Arc::new(memory.clone()), faults);
        store.put("y", Bytes::new(), Put::Overwrite).await.unwrap();
        assert!(store.put("x", Bytes::new(), Put::Overwrite).await.is_err());
        assert_eq!(memory.keys(), ["x", "y"]);
    }
}
