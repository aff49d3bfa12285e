//! A piece of a run: sorted blocks, the first key of each, and a filter that says "certainly not here".

use std::sync::{Arc, OnceLock};

use redb::ReadableTable;

use super::IndexFault;
use super::entry::{ENTRY_BYTES, Entry};

/// Entries of a block: what one 4 KiB page of redb holds.
pub(crate) const BLOCK_ENTRIES: usize = 310;
/// Entries of a segment: a merge step makes one, in about a millisecond.
pub(crate) const SEGMENT_ENTRIES: usize = 32_768;
/// Nine bits a key let about one foreign key in fifty through.
const FILTER_BITS_PER_KEY: usize = 9;
/// Bits of one filter line: what a processor's cache line holds.
const LINE_BITS: u64 = 512;
const PROBES: u32 = 5;

/// Key of a block's row: segments are numbered upwards, so blocks are appended.
fn block_key(segment: u64, block: usize) -> u64 {
    segment << 16 | block as u64
}

/// Says "certainly not" or "perhaps".
#[derive(Debug)]
struct Filter(Vec<u64>);

impl Filter {
    fn new(keys: usize) -> Self {
        let lines = (keys * FILTER_BITS_PER_KEY).div_ceil(LINE_BITS as usize).max(1);
        Self(vec![0; lines * 8])
    }

    /// Line and bits of a key. Keys are hashes, but they are sorted: mixed again, so that near keys lie apart.
    fn probe(&self, key: u64) -> (usize, impl Iterator<Item = (usize, u64)> + use<>) {
        let mixed = (key ^ key >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let lines = self.0.len() as u64 / 8;
        let line = ((u128::from(mixed) * u128::from(lines)) >> 64) as usize * 8;
        let bits = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (line, (0..PROBES).map(move |probe| bits >> (probe * 9 + 10) & (LINE_BITS - 1)).map(|bit| ((bit / 64) as usize, 1 << (bit % 64))))
    }

    fn add(&mut self, key: u64) {
        let (line, bits) = self.probe(key);
        for (word, bit) in bits {
            self.0[line + word] |= bit;
        }
    }

    fn perhaps(&self, key: u64) -> bool {
        let (line, mut bits) = self.probe(key);
        bits.all(|(word, bit)| self.0[line + word] & bit != 0)
    }
}

/// What is kept in memory of a segment once it was asked for.
#[derive(Debug)]
struct Guide {
    first_keys: Vec<u64>,
    filter: Filter,
}

/// A segment, named by its number.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) first_key: u64,
    pub(crate) entries: usize,
    guide: OnceLock<Guide>,
}

fn words(row: &[u8]) -> impl Iterator<Item = u64> + '_ {
    row.chunks_exact(8).map(|word| u64::from_le_bytes([word[0], word[1], word[2], word[3], word[4], word[5], word[6], word[7]]))
}

impl Segment {
    pub(crate) fn stored(number: u64, first_key: u64, entries: usize) -> Arc<Self> {
        Arc::new(Self { number, first_key, entries, guide: OnceLock::new() })
    }

    pub(crate) fn blocks(&self) -> usize {
        self.entries.div_ceil(BLOCK_ENTRIES)
    }

    /// Writes sorted entries as blocks and their guide.
    pub(crate) fn write(
        number: u64,
        entries: &[Entry],
        blocks: &mut redb::Table<'_, u64, &'static [u8]>,
        guides: &mut redb::Table<'_, u64, &'static [u8]>,
    ) -> Result<Arc<Self>, IndexFault> {
        let first_key = entries.first().map_or(0, |entry| entry.key);
        let mut filter = Filter::new(entries.len());
        let mut first_keys = Vec::with_capacity(entries.len().div_ceil(BLOCK_ENTRIES));
        let mut block = Vec::with_capacity(BLOCK_ENTRIES * ENTRY_BYTES);
        for (at, part) in entries.chunks(BLOCK_ENTRIES).enumerate() {
            block.clear();
            first_keys.push(part[0].key);
            for entry in part {
                filter.add(entry.key);
                entry.put(&mut block);
            }
            blocks.insert(block_key(number, at), block.as_slice())?;
        }
        let mut row = Vec::with_capacity((first_keys.len() + filter.0.len()) * 8);
        for word in first_keys.iter().chain(&filter.0) {
            row.extend_from_slice(&word.to_le_bytes());
        }
        guides.insert(number, row.as_slice())?;
        let guide = OnceLock::from(Guide { first_keys, filter });
        Ok(Arc::new(Self { number, first_key, entries: entries.len(), guide }))
    }

    fn guide(&self, guides: &impl ReadableTable<u64, &'static [u8]>) -> Result<&Guide, IndexFault> {
        if let Some(guide) = self.guide.get() {
            return Ok(guide);
        }
        let row = guides.get(self.number)?.ok_or(IndexFault::Gone)?;
        let mut all = words(row.value());
        let first_keys: Vec<u64> = all.by_ref().take(self.blocks()).collect();
        let filter = Filter(all.collect());
        if first_keys.len() != self.blocks() || filter.0.len() != Filter::new(self.entries).0.len() {
            return Err(IndexFault::Damaged("a guide has another length than its segment"));
        }
        Ok(self.guide.get_or_init(|| Guide { first_keys, filter }))
    }

    /// Calls for each entry under a key.
    pub(crate) fn find(
        &self,
        key: u64,
        blocks: &impl ReadableTable<u64, &'static [u8]>,
        guides: &impl ReadableTable<u64, &'static [u8]>,
        mut found: impl FnMut(Entry),
    ) -> Result<(), IndexFault> {
        let guide = self.guide(guides)?;
        if !guide.filter.perhaps(key) {
            return Ok(());
        }
        // Entries of a key may begin at the end of the block before the first one that opens with it.
        let opens = guide.first_keys.partition_point(|first| *first < key);
        for block in opens.saturating_sub(1)..guide.first_keys.len() {
            if guide.first_keys[block] > key {
                break;
            }
            let row = blocks.get(block_key(self.number, block))?.ok_or(IndexFault::Gone)?;
            let bytes = row.value();
            let (mut low, mut high) = (0, bytes.len() / ENTRY_BYTES);
            while low < high {
                let middle = low.midpoint(high);
                if Entry::at(bytes, middle).is_some_and(|entry| entry.key < key) { low = middle + 1 } else { high = middle }
            }
            while let Some(entry) = Entry::at(bytes, low).filter(|entry| entry.key == key) {
                found(entry);
                low += 1;
            }
        }
        Ok(())
    }

    /// A block as stored.
    pub(crate) fn block(
        &self,
        block: usize,
        blocks: &impl ReadableTable<u64, &'static [u8]>,
        into: &mut Vec<u8>,
    ) -> Result<(), IndexFault> {
        let row = blocks.get(block_key(self.number, block))?.ok_or(IndexFault::Gone)?;
        into.clear();
        into.extend_from_slice(row.value());
        if into.len().is_multiple_of(ENTRY_BYTES) { Ok(()) } else { Err(IndexFault::Damaged("an index block has a broken end")) }
    }

    /// Takes a segment out that no run holds any more.
    pub(crate) fn remove(
        number: u64,
        blocks: &mut redb::Table<'_, u64, &'static [u8]>,
        guides: &mut redb::Table<'_, u64, &'static [u8]>,
    ) -> Result<(), IndexFault> {
        blocks.retain_in(block_key(number, 0)..block_key(number + 1, 0), |_, _| false)?;
        guides.remove(number)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_no_false_negative_and_few_false_positives() {
        let key = |n: u64| n.wrapping_mul(0x2545_f491_4f6c_dd1d).rotate_left(23);
        let mut filter = Filter::new(SEGMENT_ENTRIES);
        let keys = SEGMENT_ENTRIES as u64;
        (0..keys).for_each(|n| filter.add(key(n)));
        assert!((0..keys).all(|n| filter.perhaps(key(n))));
        let wrong = (keys..2 * keys).filter(|n| filter.perhaps(key(*n))).count();
        assert!(wrong < SEGMENT_ENTRIES / 25, "{wrong} of {keys} foreign keys pass");
    }
}
