//! What a person sees while something is being made: one line a step, with the time it took.

use std::fmt::Display;
use std::future::Future;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::Result;

/// Lines on standard error, or none.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    quiet: bool,
}

impl Progress {
    /// Tells every step.
    pub const fn shown() -> Self {
        Self { quiet: false }
    }

    /// Tells nothing, for tests.
    pub const fn quiet() -> Self {
        Self { quiet: true }
    }

    /// A heading.
    pub fn heading(self, text: impl Display) {
        self.write(format_args!("{text}\n"));
    }

    /// Something that is so already.
    pub fn note(self, what: &str, outcome: impl Display) {
        self.write(format_args!("  {what:<28} {outcome}\n"));
    }

    /// Runs a step and tells how long it took, or that it failed.
    pub async fn step<T>(self, what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.write(format_args!("  {what:<28} "));
        let start = Instant::now();
        let result = work.await;
        self.finish(start, &result);
        result
    }

    /// Runs a step that blocks.
    pub fn block<T>(self, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.write(format_args!("  {what:<28} "));
        let start = Instant::now();
        let result = work();
        self.finish(start, &result);
        result
    }

    fn finish<T>(self, start: Instant, result: &Result<T>) {
        match result {
            Ok(_) => self.write(format_args!("{}\n", seconds(start.elapsed()))),
            Err(_) => self.write(format_args!("failed after {}\n", seconds(start.elapsed()))),
        }
    }

    fn write(self, text: std::fmt::Arguments<'_>) {
        if !self.quiet {
            let mut out = io::stderr().lock();
            // Progress is a courtesy: a closed terminal must not fail the work.
            drop(out.write_fmt(text).and_then(|()| out.flush()));
        }
    }
}

/// A duration as a person reads it.
pub fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        whole => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_readable() {
        for (millis, expected) in
            [(40, "0.0 s"), (1_250, "1.2 s"), (59_900, "59.9 s"), (61_000, "1 min 01 s")]
        {
            assert_eq!(seconds(Duration::from_millis(millis)), expected);
        }
    }
}
