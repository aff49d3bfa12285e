//! Memory of all guests of an engine together.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What is used of what there may be. Each guest takes before it grows, and gives back when it ends.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    used: AtomicUsize,
    at_most: usize,
}

impl SharedMemory {
    pub(crate) fn new(at_most: usize) -> Self {
        SharedMemory { used: AtomicUsize::new(0), at_most }
    }

    /// Takes so many bytes more, or none.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|total| *total <= self.at_most);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn at_most(&self) -> usize {
        self.at_most
    }
}
