//! How many creates are in flight: as many as make the API server work, and no more than a few that wait there, since
//! behind those waits everybody else, too.
//!
//! That something waits is told by how long an answer takes: there may be more calls in flight while it takes little longer
//! than when there are only two, and there should be fewer when it takes much longer. Where the server asks us to slow down,
//! the width is halved. A short queue costs nothing of the server's rate and others little: docs/bench.md has the figures.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Creates in flight at the beginning, and at the least unless the server asks for less: one that works, and one that is
/// there when that is done. What an answer takes then is what it takes without a queue.
const WIDTH_MIN: usize = 2;
/// Creates in flight at the most.
const WIDTH_MAX: usize = 64;
/// Answers that are looked at together.
const WINDOW: u32 = 16;
/// There may be more in flight while an answer takes less than this times as long as without a queue.
const LITTLE: f64 = 4.0;
/// There should be fewer when it takes longer than this times as long.
const MUCH: f64 = 8.0;

/// How many creates are in flight.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<State>);

#[derive(Debug)]
struct State {
    width: usize,
    answers: u32,
    took: Duration,
    /// What an answer takes without a queue, in seconds, as far as it is known.
    alone: f64,
}

impl Default for State {
    fn default() -> Self {
        Self { width: WIDTH_MIN, answers: 0, took: Duration::ZERO, alone: f64::INFINITY }
    }
}

impl Pace {
    /// How many creates may be in flight.
    pub(super) fn width(&self) -> usize {
        self.state().width
    }

    /// The server has answered.
    pub(super) fn answered(&self, took: Duration) {
        let mut state = self.state();
        state.answers += 1;
        state.took += took;
        if state.answers == WINDOW {
            state.adapt();
        }
    }

    /// The server asked us to slow down.
    pub(super) fn slow_down(&self) {
        let mut state = self.state();
        state.width = (state.width / 2).max(1);
        state.begin_window();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn adapt(&mut self) {
        let now = self.took.as_secs_f64() / f64::from(self.answers);
        self.begin_window();
        // What is created changes, and with it how long that takes: so narrow, there is no queue to be seen in it.
        self.alone = if self.width <= WIDTH_MIN { now } else { self.alone.min(now) };
        if now < self.alone * LITTLE || now == 0.0 {
            self.width = (self.width + (self.width / 4).max(1)).min(WIDTH_MAX);
        } else if now > self.alone * MUCH {
            self.width = (self.width - (self.width / 8).max(1)).max(WIDTH_MIN);
        }
    }

    fn begin_window(&mut self) {
        self.answers = 0;
        self.took = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets a server that works on `parallel` calls at once, each for `work`, answer for a while; the last widths.
    fn settled(pace: &Pace, parallel: usize, work: Duration) -> (usize, usize) {
        let mut widths = Vec::new();
        for _ in 0..400 {
            let width = pace.width();
            for _ in 0..WINDOW {
                pace.answered(work.mul_f64((width as f64 / parallel as f64).max(1.0)));
            }
            widths.push(width);
        }
        let last = &widths[300..];
        (*last.iter().min().unwrap(), *last.iter().max().unwrap())
    }

    #[test]
    fn the_server_has_work_and_few_wait() {
        for (parallel, work) in [(2, 1), (8, 2), (24, 30)] {
            let (least, most) = settled(&Pace::default(), parallel, Duration::from_millis(work));
            assert!(
                least >= parallel && most <= WIDTH_MAX.min(5 * parallel),
                "{parallel}: {least} to {most}"
            );
        }
    }

    #[test]
    fn a_server_with_room_for_all_gets_all_that_is_allowed() {
        assert_eq!(settled(&Pace::default(), 1000, Duration::from_millis(5)), (WIDTH_MAX, WIDTH_MAX));
    }

    #[test]
    fn kinds_that_take_longer_are_no_queue() {
        let pace = Pace::default();
        settled(&pace, 16, Duration::from_millis(2));
        let (least, _) = settled(&pace, 16, Duration::from_millis(40));
        assert!(least >= 16, "{least}");
    }

    #[test]
    fn it_is_halved_when_the_server_says_so_and_never_stops() {
        let pace = Pace::default();
        settled(&pace, 1000, Duration::from_millis(5));
        pace.slow_down();
        assert_eq!(pace.width(), WIDTH_MAX / 2);
        (0..10).for_each(|_| pace.slow_down());
        assert_eq!(pace.width(), 1);
    }
}
