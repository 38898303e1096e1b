//! How many creates are in flight: as many as the server takes. It grows while all goes well, and is halved when
//! the server asks us to slow down.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Creates in flight at the beginning.
const WIDTH_START: usize = 8;
/// Creates in flight at the most.
const WIDTH_MAX: usize = 64;
/// Creates that must go well before one more is allowed.
const GROW_AFTER: usize = 16;

/// How many creates are in flight.
#[derive(Debug)]
pub(super) struct Pace {
    width: AtomicUsize,
    well: AtomicUsize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { width: AtomicUsize::new(WIDTH_START), well: AtomicUsize::new(0) }
    }
}

impl Pace {
    /// How many creates may be in flight.
    pub(super) fn width(&self) -> usize {
        self.width.load(Ordering::Relaxed)
    }

    /// A create went through.
    pub(super) fn well(&self) {
        if self.well.fetch_add(1, Ordering::Relaxed) + 1 >= GROW_AFTER && self.width() < WIDTH_MAX {
            self.well.store(0, Ordering::Relaxed);
            self.width.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The server asked us to slow down.
    pub(super) fn slow_down(&self) {
        self.well.store(0, Ordering::Relaxed);
        self.width.store((self.width() / 2).max(1), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_by_one_and_shrinks_by_half_within_bounds() {
        let pace = Pace::default();
        (0..GROW_AFTER).for_each(|_| pace.well());
        assert_eq!(pace.width(), WIDTH_START + 1);
        (0..GROW_AFTER * WIDTH_MAX).for_each(|_| pace.well());
        assert_eq!(pace.width(), WIDTH_MAX);
        pace.slow_down();
        assert_eq!(pace.width(), WIDTH_MAX / 2);
        (0..10).for_each(|_| pace.slow_down());
        assert_eq!(pace.width(), 1);
    }
}
