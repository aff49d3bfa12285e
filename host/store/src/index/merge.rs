//! Runs become fewer and longer, one segment at a time.
//!
//! When a level holds [`FAN_IN`] runs that nobody merges, its oldest ones become one run of the next level. A step reads
//! from where the last one stopped, writes one segment, and leaves its position in the shape's row; the row of the
//! last step also switches over. Entries that were removed vanish with what removed them once nothing older is left.

use std::sync::Arc;

use super::IndexFault;
use super::entry::{ENTRY_BYTES, Entry};
use super::segment::{SEGMENT_ENTRIES, Segment};
use super::shape::{Merge, Position, Run, Shape};

/// Runs of one level that become one of the next: sizes are about four times the last.
pub(crate) const FAN_IN: usize = 4;
/// Segments thrown away in one step: deleting is cheaper than merging.
const GARBAGE_PER_STEP: usize = 2;

type Blocks<'t> = redb::Table<'t, u64, &'static [u8]>;

/// Reads a run in order, from a position.
struct RunReader<'s> {
    segments: &'s [Arc<Segment>],
    at: Position,
    block: Vec<u8>,
    loaded: bool,
}

impl<'s> RunReader<'s> {
    fn new(run: &'s Run, at: Position) -> Self {
        Self { segments: &run.segments, at, block: Vec::new(), loaded: false }
    }

    fn peek(&mut self, blocks: &Blocks<'_>) -> Result<Option<Entry>, IndexFault> {
        loop {
            let Some(segment) = self.segments.get(self.at.segment) else { return Ok(None) };
            if !self.loaded {
                segment.block(self.at.block, blocks, &mut self.block)?;
                self.loaded = true;
            }
            if let Some(entry) = Entry::at(&self.block, self.at.entry) {
                return Ok(Some(entry));
            }
            self.loaded = false;
            self.at.entry = 0;
            self.at.block += 1;
            if self.at.block >= segment.blocks() {
                self.at.block = 0;
                self.at.segment += 1;
            }
        }
    }

    fn skip(&mut self) {
        self.at.entry += 1;
    }
}

/// Starts what is due.
pub(crate) fn start_due(shape: &mut Shape) {
    loop {
        let busy = |number: u64| shape.merges.iter().any(|merge| merge.inputs.iter().any(|(run, _)| *run == number));
        // Neighbours only: what lies between two runs is newer than the one and older than the other.
        let alike = |left: &Run, right: &Run| left.level == right.level && busy(left.number) == busy(right.number);
        let due = shape.runs.chunk_by(alike).find(|runs| runs.len() >= FAN_IN && !busy(runs[0].number));
        let Some(runs) = due else { return };
        let inputs: Vec<(u64, Position)> =
            runs[runs.len() - FAN_IN..].iter().map(|run| (run.number, Position::default())).collect();
        let level = runs[0].level + 1;
        let last = shape.runs.last().map(|run| run.number) == inputs.last().map(|(run, _)| *run);
        shape.merges.push(Merge { inputs, level, last, output: Vec::new() });
        shape.merges.sort_by_key(|merge| merge.level);
    }
}

/// One step of a merge; the last one switches over.
pub(crate) fn step(shape: &mut Shape, at: usize, blocks: &mut Blocks<'_>, guides: &mut Blocks<'_>) -> Result<(), IndexFault> {
    let number = shape.number();
    let merge = &shape.merges[at];
    let mut readers = Vec::with_capacity(merge.inputs.len());
    for (run, position) in &merge.inputs {
        let run = shape.run(*run).ok_or(IndexFault::Damaged("a merge reads a run that is not there"))?;
        readers.push(RunReader::new(run, *position));
    }
    let mut entries: Vec<Entry> = Vec::with_capacity(SEGMENT_ENTRIES);
    let mut heads = Vec::with_capacity(readers.len());
    for reader in &mut readers {
        heads.push(reader.peek(blocks)?);
    }
    // What is dropped takes time too: a step reads at most two segments' worth.
    for _ in 0..2 * SEGMENT_ENTRIES {
        if entries.len() == SEGMENT_ENTRIES {
            break;
        }
        // The newest of the inputs that hold the smallest (key, id) wins; inputs are newest first.
        let mut winner: Option<(usize, Entry)> = None;
        for (input, head) in heads.iter().enumerate() {
            if let Some(head) = head
                && winner.is_none_or(|(_, best)| (head.key, head.id()) < (best.key, best.id()))
            {
                winner = Some((input, *head));
            }
        }
        let Some((first, entry)) = winner else { break };
        for input in first..heads.len() {
            if heads[input].is_some_and(|head| head.key == entry.key && head.id() == entry.id()) {
                readers[input].skip();
                heads[input] = readers[input].peek(blocks)?;
            }
        }
        if entry.is_add() || !merge.last {
            entries.push(entry);
        }
    }
    crate::kill::reach("in-merge");
    let done = heads.iter().all(Option::is_none);
    let positions: Vec<Position> = readers.iter().map(|reader| reader.at).collect();
    let written = if entries.is_empty() { None } else { Some(Segment::write(number, &entries, blocks, guides)?) };
    let merge = &mut shape.merges[at];
    merge.output.extend(written);
    for (input, position) in merge.inputs.iter_mut().zip(positions) {
        input.1 = position;
    }
    if done {
        switch_over(shape, at);
    }
    Ok(())
}

/// The merged run takes the place of its inputs.
fn switch_over(shape: &mut Shape, at: usize) {
    let merge = shape.merges.remove(at);
    let number = shape.number();
    let is_input = |run: &Run| merge.inputs.iter().any(|(input, _)| *input == run.number);
    let place = shape.runs.iter().position(is_input).unwrap_or(shape.runs.len());
    for run in shape.runs.iter().filter(|run| is_input(run)) {
        shape.garbage.extend(run.segments.iter().map(|segment| segment.number));
    }
    shape.runs.retain(|run| !is_input(run));
    if !merge.output.is_empty() {
        let run = Run { number, level: merge.level, segments: Arc::new(merge.output) };
        shape.runs.insert(place, run);
    }
}

/// Throws a few segments away.
pub(crate) fn sweep(shape: &mut Shape, blocks: &mut Blocks<'_>, guides: &mut Blocks<'_>) -> Result<(), IndexFault> {
    let from = shape.garbage.len().saturating_sub(GARBAGE_PER_STEP);
    for number in shape.garbage.drain(from..) {
        Segment::remove(number, blocks, guides)?;
    }
    Ok(())
}

/// All entries of a run, for checks.
pub(crate) fn all(run: &Run, blocks: &impl redb::ReadableTable<u64, &'static [u8]>) -> Result<Vec<Entry>, IndexFault> {
    let mut entries = Vec::new();
    let mut block = Vec::new();
    for segment in run.segments.iter() {
        for at in 0..segment.blocks() {
            segment.block(at, blocks, &mut block)?;
            entries.extend((0..block.len() / ENTRY_BYTES).filter_map(|position| Entry::at(&block, position)));
        }
    }
    Ok(entries)
}
