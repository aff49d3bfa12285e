//! A sorted set of (key, id) that also knows positions.
//!
//! Promises: insert, remove and "how many are smaller" without looking at every entry; so a page of a search, and its total, cost the
//! same at a hundred and at a hundred thousand objects. Chunks of bounded size; a balanced tree with counts would be more code for
//! the same numbers.

use crate::limits::SORTED_CHUNK_ENTRIES_MAX;
use std::ops::Range;

/// An entry: the key (a time, a number) and the object's id, which breaks ties.
pub(crate) type Entry = (i64, u64);

#[derive(Debug, Default)]
pub(crate) struct SortedIndex {
    chunks: Vec<Vec<Entry>>,
    len: usize,
}

impl SortedIndex {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds an entry; false where it was there.
    pub(crate) fn insert(&mut self, entry: Entry) -> bool {
        let at = self.chunk_for(entry);
        if at == self.chunks.len() {
            match self.chunks.last_mut() {
                Some(last) if last.len() < SORTED_CHUNK_ENTRIES_MAX => last.push(entry),
                _ => self.chunks.push(vec![entry]),
            }
            self.len += 1;
            return true;
        }
        let chunk = &mut self.chunks[at];
        let Err(slot) = chunk.binary_search(&entry) else {
            return false;
        };
        chunk.insert(slot, entry);
        self.len += 1;
        if chunk.len() > SORTED_CHUNK_ENTRIES_MAX {
            let upper = chunk.split_off(chunk.len() / 2);
            self.chunks.insert(at + 1, upper);
        }
        true
    }

    /// Removes an entry; false where it was not there.
    pub(crate) fn remove(&mut self, entry: Entry) -> bool {
        let at = self.chunk_for(entry);
        let Some(chunk) = self.chunks.get_mut(at) else {
            return false;
        };
        let Ok(slot) = chunk.binary_search(&entry) else {
            return false;
        };
        chunk.remove(slot);
        self.len -= 1;
        if chunk.is_empty() {
            self.chunks.remove(at);
        }
        true
    }

    /// How many entries are smaller than this one: the position it has, or would have.
    pub(crate) fn rank(&self, entry: Entry) -> usize {
        let at = self.chunk_for(entry);
        let before: usize = self.chunks[..at].iter().map(Vec::len).sum();
        before + self.chunks.get(at).map_or(0, |chunk| chunk.partition_point(|e| *e < entry))
    }

    /// The entries at these positions, in order; positions beyond the end are left out.
    pub(crate) fn slice(&self, positions: Range<usize>) -> impl Iterator<Item = Entry> + '_ {
        let mut skip = positions.start;
        let mut first = 0;
        while first < self.chunks.len() && skip >= self.chunks[first].len() {
            skip -= self.chunks[first].len();
            first += 1;
        }
        self.chunks[first..].iter().flatten().skip(skip).take(positions.len()).copied()
    }

    /// The first chunk whose last entry is not smaller; the number of chunks where there is none.
    fn chunk_for(&self, entry: Entry) -> usize {
        self.chunks.partition_point(|chunk| chunk.last().is_some_and(|last| *last < entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn agrees_with_a_plain_set(steps in proptest::collection::vec((any::<bool>(), 0i64..300, 0u64..40), 0..4000), from in 0usize..500, span in 0usize..500) {
            let mut index = SortedIndex::default();
            let mut model = BTreeSet::new();
            for (add, key, id) in steps {
                if add {
                    prop_assert_eq!(index.insert((key, id)), model.insert((key, id)));
                } else {
                    prop_assert_eq!(index.remove((key, id)), model.remove(&(key, id)));
                }
            }
            prop_assert_eq!(index.len(), model.len());
            for probe in [(-1, 0), (0, 0), (150, 7), (299, 39), (1000, 0)] {
                prop_assert_eq!(index.rank(probe), model.range(..probe).count());
            }
            let got: Vec<_> = index.slice(from..from + span).collect();
            let want: Vec<_> = model.iter().copied().skip(from).take(span).collect();
            prop_assert_eq!(got, want);
        }
    }
}
