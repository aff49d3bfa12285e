//! The engine over the store in memory and systems that a test scripts: the thread, and what may interrupt it.
//!
//! Scripted systems show faults that a real one cannot be made to show at will; the same thread runs against real
//! systems in `tests/`.

/// Makes two tests of each function of the module that takes a `Kind`: on the store in memory, and on redb.
macro_rules! on_both_stores {
    ($($test:ident),* $(,)?) => {
        mod on_memory { $(#[tokio::test(flavor = "multi_thread")] async fn $test() { super::$test(super::Kind::Memory).await })* }
        mod on_redb { $(#[tokio::test(flavor = "multi_thread")] async fn $test() { super::$test(super::Kind::Redb).await })* }
    };
}

mod alerts;
mod alike;
mod as_before;
mod backfill;
mod bench;
mod breaker;
mod carried;
mod compare;
mod conform;
mod consented;
mod corrected;
mod detached;
mod fanned;
mod frozen;
mod hindered;
mod human;
mod kept;
mod lag;
mod listed;
mod lost;
mod mended;
mod merges;
mod meters;
mod misfits;
mod missed;
mod odd;
mod parts;
mod past;
mod paused;
mod policies;
mod races;
mod reconcile;
mod released;
mod renamed;
mod resync;
mod rollback;
mod sample;
mod shadow;
mod sibling;
mod spelled;
mod standing;
mod surge;
mod synthetic;
mod system;
mod taken;
mod thread;
mod three_way;
mod undone;
mod unlisted;
mod unreadable;
mod volume;
mod whose;
mod writers;
