//! Seeded numbers, and the seed that a run uses.

use std::time::{SystemTime, UNIX_EPOCH};

/// SplitMix64: small, and the same on every machine.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    #[expect(clippy::should_implement_trait, reason = "not an iterator: it never ends and is not meant to be chained")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, share: u64) -> bool {
        self.next() % 100 < share
    }

    /// One of them; none of nothing.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        (!all.is_empty()).then(|| &all[self.below(all.len())])
    }
}

/// `NAVE_SEED`, or `usual`. `NAVE_SEED=random` takes one from the clock.
pub fn seed(usual: u64) -> u64 {
    match std::env::var("NAVE_SEED").ok().as_deref() {
        None => usual,
        Some("random") => SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |age| age.as_micros() as u64 % 1_000_000),
        Some(text) => text.parse().unwrap_or_else(|_| panic!("NAVE_SEED is a number or `random`, not `{text}`")),
    }
}

/// Says, when a test panics, how to run it again with the same seed.
pub struct SayHow {
    /// Test.
    pub test: &'static str,
    /// Seed.
    pub seed: u64,
}

impl Drop for SayHow {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("\nto run it again: NAVE_SEED={} cargo test -p nave-tests --test e2e {}\n", self.seed, self.test);
        }
    }
}
