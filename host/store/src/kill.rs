//! Points at which a test ends the process, as `kill -9` would.
//!
//! `NAVE_KILL_AT=phase:n` aborts when the phase is reached for the n-th time. Compiled into debug builds only.

/// Says that a phase was reached.
#[cfg(debug_assertions)]
pub fn reach(phase: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static TARGET: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static REACHED: AtomicU64 = AtomicU64::new(0);
    let target = TARGET.get_or_init(|| {
        let text = std::env::var("NAVE_KILL_AT").ok()?;
        let (phase, count) = text.split_once(':')?;
        Some((phase.to_owned(), count.parse().ok()?))
    });
    if let Some((wanted, count)) = target
        && wanted == phase
        && REACHED.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        // As a kill would: no destructor runs, nothing is flushed.
        std::process::abort();
    }
}

/// Does nothing in a release build.
#[cfg(not(debug_assertions))]
pub fn reach(_phase: &str) {}
