//! A piece of a run: sorted blocks, the first key of each, and a filter that says "certainly not here".

use std::sync::{Arc, OnceLock};

use redb::ReadableTable;

use super::entry::{ENTRY_BYTES, Entry};
use super::filter::Filter;
use super::{Found, IndexFault};

/// Entries of a block: what one 4 KiB page of redb holds.
pub(crate) const BLOCK_ENTRIES: usize = 310;
/// Entries of a segment: a merge step makes one, in about a millisecond.
pub(crate) const SEGMENT_ENTRIES: usize = 20_000;
/// Key of a block's row: segments are numbered upwards, so blocks are appended.
fn block_key(segment: u64, block: usize) -> u64 {
    segment << 16 | block as u64
}

/// What is kept in memory of a segment once it was asked for.
#[derive(Debug)]
struct Guide {
    first_keys: Vec<u64>,
    filter: Filter,
}

/// Keys asked for, each with the place of its answer; sorted by key.
pub(crate) type Asked = [(u64, u32)];

/// A segment, named by its number.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) first_key: u64,
    pub(crate) entries: usize,
    guide: OnceLock<Guide>,
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
        let filter = Filter::new(entries.iter().map(|entry| entry.key));
        let mut first_keys = Vec::with_capacity(entries.len().div_ceil(BLOCK_ENTRIES));
        let mut block = Vec::with_capacity(BLOCK_ENTRIES * ENTRY_BYTES);
        for (at, part) in entries.chunks(BLOCK_ENTRIES).enumerate() {
            block.clear();
            first_keys.push(part[0].key);
            part.iter().for_each(|entry| entry.put(&mut block));
            blocks.insert(block_key(number, at), block.as_slice())?;
        }
        let mut row: Vec<u8> = first_keys.iter().flat_map(|key| key.to_le_bytes()).collect();
        filter.put(&mut row);
        guides.insert(number, row.as_slice())?;
        let guide = OnceLock::from(Guide { first_keys, filter });
        Ok(Arc::new(Self { number, first_key, entries: entries.len(), guide }))
    }

    fn guide(&self, guides: &impl ReadableTable<u64, &'static [u8]>) -> Result<&Guide, IndexFault> {
        if let Some(guide) = self.guide.get() {
            return Ok(guide);
        }
        let row = guides.get(self.number)?.ok_or(IndexFault::Gone)?;
        let short = IndexFault::Damaged("a guide is shorter than its segment asks for");
        let (keys, filter) = row.value().split_at_checked(self.blocks() * 8).ok_or(short)?;
        let first_keys = keys.as_chunks::<8>().0.iter().map(|key| u64::from_le_bytes(*key)).collect();
        let guide = Guide { first_keys, filter: Filter::read(filter)? };
        Ok(self.guide.get_or_init(|| guide))
    }

    /// Adds each entry under one of the keys to what was found in the key's place, as far as it is asked for.
    pub(crate) fn find(
        &self,
        asked: &Asked,
        blocks: &impl ReadableTable<u64, &'static [u8]>,
        guides: &impl ReadableTable<u64, &'static [u8]>,
        found: &mut [Found],
    ) -> Result<(), IndexFault> {
        let Guide { first_keys, filter } = self.guide(guides)?;
        // Neighbours among the keys are often in one block.
        let mut last = None;
        'keys: for (key, place) in asked {
            let under = &mut found[*place as usize];
            if under.is_enough() || !filter.perhaps(*key) {
                continue;
            }
            // Entries of a key may begin at the end of the block before the first one that opens with it.
            let opens = first_keys.partition_point(|first| first < key);
            for (block, first) in first_keys.iter().enumerate().skip(opens.saturating_sub(1)) {
                if first > key {
                    break;
                }
                let row = match last.take() {
                    Some((number, row)) if number == block => row,
                    _ => blocks.get(block_key(self.number, block))?.ok_or(IndexFault::Gone)?,
                };
                let (_, row) = last.insert((block, row));
                let bytes = row.value();
                let (mut low, mut high) = (0, bytes.len() / ENTRY_BYTES);
                while low < high {
                    let middle = low.midpoint(high);
                    if Entry::at(bytes, middle).is_some_and(|entry| entry.key < *key) { low = middle + 1 } else { high = middle }
                }
                while let Some(entry) = Entry::at(bytes, low).filter(|entry| entry.key == *key) {
                    if under.add(entry).is_break() {
                        continue 'keys;
                    }
                    low += 1;
                }
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
