//! Waiting for a condition, with a deadline.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// What one look at a condition found.
#[derive(Debug)]
pub enum Look<T> {
    /// It holds.
    Done(T),
    /// Not yet, and why.
    NotYet(String),
}

/// Looks until the condition holds; fails at the deadline with what was seen last, or at once if a look fails.
pub async fn until<T, F>(what: &str, deadline: Duration, mut look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Look<T>>>,
{
    let start = Instant::now();
    loop {
        match look().await? {
            Look::Done(value) => return Ok(value),
            Look::NotYet(why) if start.elapsed() >= deadline => {
                bail!("{what}: not after {} s ({why})", deadline.as_secs())
            }
            Look::NotYet(_) => tokio::time::sleep(INTERVAL).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_ends_when_the_condition_holds() {
        let mut looks = 0;
        let found = until("third look", Duration::from_secs(30), || {
            looks += 1;
            let look = if looks == 3 { Look::Done(looks) } else { Look::NotYet("early".to_owned()) };
            async { Ok(look) }
        });
        assert_eq!(found.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn at_the_deadline_it_says_what_was_seen_last() {
        let never = || async { Ok(Look::<()>::NotYet("still red".to_owned())) };
        let error = until("lights", Duration::ZERO, never).await.unwrap_err();
        assert_eq!(error.to_string(), "lights: not after 0 s (still red)");
    }
}
