//! What a scan has seen, as one bit per contribution: their numbers are dense, and a scan of millions must not fill memory.

use nave_core::model::ContributionId;

const WORD_BITS: u64 = u64::BITS as u64;

/// A set of contributions.
#[derive(Debug, Default)]
pub(super) struct Seen {
    words: Vec<u64>,
}

impl Seen {
    fn place(id: ContributionId) -> (usize, u64) {
        // A number that no memory could hold a bit for was never given.
        (usize::try_from(id.0 / WORD_BITS).unwrap_or(usize::MAX), 1 << (id.0 % WORD_BITS))
    }

    /// Adds one.
    pub(super) fn insert(&mut self, id: ContributionId) {
        let (word, bit) = Self::place(id);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= bit;
    }

    /// Takes one out again.
    pub(super) fn remove(&mut self, id: ContributionId) {
        let (word, bit) = Self::place(id);
        if let Some(word) = self.words.get_mut(word) {
            *word &= !bit;
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether it is there.
    pub(super) fn contains(&self, id: ContributionId) -> bool {
        let (word, bit) = Self::place(id);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_in() {
        let ids = [1, 2, 63, 64, 65, 127, 128, 1_000, 100_000];
        let mut seen = Seen::default();
        for id in ids.into_iter().rev() {
            assert!(!seen.contains(ContributionId(id)), "{id}");
            seen.insert(ContributionId(id));
        }
        for id in 0..100_100 {
            assert_eq!(seen.contains(ContributionId(id)), ids.contains(&id), "{id}");
        }
        assert!(!seen.contains(ContributionId(u64::MAX)));
        assert_eq!(seen.len(), ids.len());
        for id in [64, 64, 1_000_000] {
            seen.remove(ContributionId(id));
        }
        assert!(!seen.contains(ContributionId(64)) && seen.contains(ContributionId(65)));
        assert_eq!(seen.len(), ids.len() - 1);
    }
}
