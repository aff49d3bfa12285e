//! Which runs there are, which merges are under way, what is to be thrown away: one row, rewritten when it changes.

use std::sync::Arc;

use super::IndexFault;
use super::segment::Segment;
use crate::format::{FormatError, Reader, put_u64};

const VERSION: u8 = 1;

/// Sorted entries in segments.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) number: u64,
    pub(crate) level: u32,
    pub(crate) segments: Arc<Vec<Arc<Segment>>>,
}

/// Where a merge stands in one of its inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) segment: usize,
    pub(crate) block: usize,
    pub(crate) entry: usize,
}

/// A merge under way. Everything it needs to go on is here, so that it survives a crash between two steps.
#[derive(Clone, Debug)]
pub(crate) struct Merge {
    /// Runs that become one, newest first, and how far each was read.
    pub(crate) inputs: Vec<(u64, Position)>,
    /// Level of the run that it makes.
    pub(crate) level: u32,
    /// Nothing older exists: what was removed need not be remembered.
    pub(crate) last: bool,
    /// Segments made so far.
    pub(crate) output: Vec<Arc<Segment>>,
}

/// The index without its newest, unsorted part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    /// Newest first; levels ascend.
    pub(crate) runs: Vec<Run>,
    pub(crate) merges: Vec<Merge>,
    /// Segments that no run holds.
    pub(crate) garbage: Vec<u64>,
    /// Number for the next run or segment.
    pub(crate) next: u64,
    /// First row of the log that is not in a run.
    pub(crate) log_from: u64,
}

fn put_segments(out: &mut Vec<u8>, segments: &[Arc<Segment>]) {
    put_u64(out, segments.len() as u64);
    for segment in segments {
        put_u64(out, segment.number);
        out.extend_from_slice(&segment.first_key.to_le_bytes());
        put_u64(out, segment.entries as u64);
    }
}

fn usize_of(number: u64) -> Result<usize, FormatError> {
    usize::try_from(number).map_err(|_| FormatError::Short)
}

fn read_segments(reader: &mut Reader<'_>) -> Result<Vec<Arc<Segment>>, FormatError> {
    let count = reader.count()?;
    let one = |_| {
        let number = reader.u64()?;
        let first = reader.take(8)?.first_chunk::<8>().ok_or(FormatError::Short)?;
        Ok(Segment::stored(number, u64::from_le_bytes(*first), usize_of(reader.u64()?)?))
    };
    (0..count).map(one).collect()
}

impl Shape {
    pub(crate) fn put(&self) -> Vec<u8> {
        let mut row = vec![VERSION];
        let out = &mut row;
        put_u64(out, self.next);
        put_u64(out, self.log_from);
        put_u64(out, self.runs.len() as u64);
        for run in &self.runs {
            put_u64(out, run.number);
            put_u64(out, run.level.into());
            put_segments(out, &run.segments);
        }
        put_u64(out, self.merges.len() as u64);
        for merge in &self.merges {
            put_u64(out, merge.level.into());
            out.push(merge.last.into());
            put_u64(out, merge.inputs.len() as u64);
            for (run, at) in &merge.inputs {
                for number in [*run, at.segment as u64, at.block as u64, at.entry as u64] {
                    put_u64(out, number);
                }
            }
            put_segments(out, &merge.output);
        }
        put_u64(out, self.garbage.len() as u64);
        for number in &self.garbage {
            put_u64(out, *number);
        }
        row
    }

    pub(crate) fn read(row: &[u8]) -> Result<Self, IndexFault> {
        let mut reader = Reader(row);
        let reader = &mut reader;
        reader.version(VERSION)?;
        let (next, log_from) = (reader.u64()?, reader.u64()?);
        let level = |number: u64| u32::try_from(number).map_err(|_| FormatError::Unknown("a level that was never written"));
        let mut runs = Vec::new();
        for _ in 0..reader.count()? {
            let (number, level) = (reader.u64()?, level(reader.u64()?)?);
            runs.push(Run { number, level, segments: Arc::new(read_segments(reader)?) });
        }
        let mut merges = Vec::new();
        for _ in 0..reader.count()? {
            let (level, last) = (level(reader.u64()?)?, reader.byte()? == 1);
            let mut inputs = Vec::new();
            for _ in 0..reader.count()? {
                let run = reader.u64()?;
                let [segment, block, entry] = [usize_of(reader.u64()?)?, usize_of(reader.u64()?)?, usize_of(reader.u64()?)?];
                inputs.push((run, Position { segment, block, entry }));
            }
            merges.push(Merge { inputs, level, last, output: read_segments(reader)? });
        }
        let mut garbage = Vec::new();
        for _ in 0..reader.count()? {
            garbage.push(reader.u64()?);
        }
        Ok(Self { runs, merges, garbage, next, log_from })
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn run(&self, number: u64) -> Option<&Run> {
        self.runs.iter().find(|run| run.number == number)
    }
}
