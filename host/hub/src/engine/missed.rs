//! What a scan missed: one scan that does not show a thing is no evidence that it is gone, a second
//! one is (I11).
//!
//! What was missed once is one small row per stream, written by completed scans only; a thing that any read shows
//! again is forgotten. Another configuration or another plugin may ask the system otherwise, so that what was missed
//! under the old one is forgotten too.

use std::hash::{DefaultHasher, Hash, Hasher};

use nave_core::model::Cause;
use nave_store::KeyedRow;

use super::pull::Reading;
use super::{Engine, EngineError};

/// Things remembered as missed, per stream: eight bytes each. More wait for their turn.
const MISSED_MAX: usize = 50_000;
/// Where the row is.
const SPACE: &str = "missed";

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// What completed scans of earlier runs missed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missed {
    key: String,
    /// Hash of configuration and plugin that it was missed under.
    under: u64,
    /// Contributions, or hashes of children's keys, in order.
    things: Vec<u64>,
}

impl Missed {
    fn decode(&mut self, row: &[u8]) {
        let numbers: Vec<u64> =
            row.chunks_exact(8).map(|bytes| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))).collect();
        if let Some((under, things)) = numbers.split_first()
            && *under == self.under
        {
            self.things = things.to_vec();
        }
    }

    fn row(&self) -> KeyedRow {
        let numbers = std::iter::once(self.under).chain(self.things.iter().copied());
        let value = (!self.things.is_empty()).then(|| numbers.flat_map(u64::to_le_bytes).collect());
        KeyedRow { space: SPACE.into(), key: self.key.clone(), value }
    }
}

impl Engine {
    /// What earlier runs missed of a stream.
    pub(super) fn missed(&self, reading: &Reading<'_>) -> Result<Missed, EngineError> {
        let Reading { catalog, mapping, spoke, .. } = *reading;
        let under = hash(&format!("{} {}", catalog.digest, spoke.digest()));
        let mut missed = Missed { key: format!("{}/{}", mapping.connection, reading.alias()), under, things: Vec::new() };
        if let Some(row) = self.store.row(SPACE, &missed.key)? {
            missed.decode(&row);
        }
        Ok(missed)
    }

    /// Forgets what was seen again, whatever becomes of this run.
    pub(super) async fn forget_seen(&self, missed: &mut Missed, met: impl Iterator<Item = u64>) -> Result<(), EngineError> {
        if missed.things.is_empty() {
            return Ok(());
        }
        let before = missed.things.len();
        for id in met {
            if let Ok(at) = missed.things.binary_search(&id) {
                missed.things.remove(at);
            }
        }
        if missed.things.len() == before {
            return Ok(());
        }
        self.remember(missed).await
    }

    /// A completed scan missed these: answers those that the one before missed as well, and remembers all.
    pub(super) async fn missed_again(
        &self,
        missed: &mut Missed,
        missing: Vec<(u64, String)>,
    ) -> Result<Vec<String>, EngineError> {
        let known = std::mem::take(&mut missed.things);
        missed.things = missing.iter().map(|(id, _)| *id).take(MISSED_MAX).collect();
        missed.things.sort_unstable();
        self.remember(missed).await?;
        Ok(missing.into_iter().filter(|(id, _)| known.binary_search(id).is_ok()).map(|(_, remote)| remote).collect())
    }

    async fn remember(&self, missed: &Missed) -> Result<(), EngineError> {
        self.write(Cause::default(), |draft| {
            draft.batch.rows.push(missed.row());
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written() {
        let empty = || Missed { key: "a/b".into(), under: u64::MAX - 1, things: Vec::new() };
        let missed = Missed { things: vec![1, 2, u64::MAX], ..empty() };
        let row = missed.row().value.expect("a value");
        let mut read = empty();
        read.decode(&row);
        assert_eq!(read, missed);
        let mut other = Missed { under: 7, ..empty() };
        other.decode(&row);
        assert!(other.things.is_empty(), "missed under another configuration");
        assert_eq!(empty().row().value, None);
    }
}
