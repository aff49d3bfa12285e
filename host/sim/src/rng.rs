//! Numbers from a seed.
//!
//! Promises the same numbers for the same seed on every machine and in every version. Must not know a clock. Not for secrets of any
//! worth: the simulator's tokens only keep a plugin from reaching what it was not given.

/// A small generator (SplitMix64). Two words of state would be wasted here.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

/// One step of SplitMix64's finaliser: a good mix of all bits.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// FNV-1a over bytes: stable for ever, which the standard library's hasher does not promise.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

impl Rng {
    /// A generator of its own for one purpose, so that a new purpose does not shift the numbers of an old one.
    pub(crate) fn new(seed: u64, purpose: &str, index: u64) -> Self {
        Self(mix(seed ^ mix(fingerprint(purpose.as_bytes()) ^ mix(index))))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `bound`; zero where the bound is zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        if bound == 0 {
            return 0;
        }
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }

    /// True in about `percent` of a hundred calls.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// An id in the form of a version 4 UUID.
pub(crate) fn uuid(seed: u64, purpose: &str, index: u64) -> String {
    let mut rng = Rng::new(seed, purpose, index);
    let (high, low) = (rng.next(), rng.next());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFF,
        0x8000 | ((low >> 48) & 0x3FFF),
        low & 0xFFFF_FFFF_FFFF
    )
}

/// A token of 32 hexadecimal digits.
pub(crate) fn token(seed: u64, purpose: &str) -> String {
    let mut rng = Rng::new(seed, purpose, 0);
    format!("{:016x}{:016x}", rng.next(), rng.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_numbers_and_purposes_are_apart() {
        assert_eq!(uuid(7, "a", 1), uuid(7, "a", 1));
        assert_ne!(uuid(7, "a", 1), uuid(7, "b", 1));
        assert_ne!(uuid(7, "a", 1), uuid(8, "a", 1));
        let id = uuid(7, "a", 1);
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }
}
