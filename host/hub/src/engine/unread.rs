//! Columns that a mapping reads and that nothing in a whole scan has: a renamed one says nothing about its field (I11),
//! so that the run must say it aloud. It goes on saying it until a scan shows the column, or the mapping lets go of it.

use std::collections::BTreeSet;

use nave_core::catalog::Mapping;
use nave_core::intake::{self, Coverage};
use nave_core::model::Cause;
use nave_runtime::contract::{self, SourceRecord};
use nave_store::KeyedRow;

use super::{Engine, EngineError};

/// Where the row is.
const SPACE: &str = "unread";

/// Paths that no record of a scan had.
#[derive(Debug, Default)]
pub(super) struct Unread {
    /// None before the first record.
    paths: Option<BTreeSet<String>>,
    /// Coverage of the last record: rows of one file have the same.
    last: Option<contract::Coverage>,
}

impl Unread {
    /// Adds what these records have.
    pub(super) fn add(&mut self, mapping: &Mapping, records: &[SourceRecord]) {
        for record in records {
            let said = match &record.coverage {
                contract::Coverage::Complete => Coverage::Complete,
                contract::Coverage::Only(paths) if paths.is_empty() => continue,
                contract::Coverage::Only(paths) => Coverage::Only(paths.clone()),
            };
            let upsert = matches!(record.operation, contract::Operation::Upsert);
            if !upsert || self.last.as_ref() == Some(&record.coverage) || self.paths.as_ref().is_some_and(BTreeSet::is_empty) {
                continue;
            }
            let unread = intake::unread(mapping, &said);
            self.paths = Some(match self.paths.take() {
                None => unread,
                Some(paths) => paths.intersection(&unread).cloned().collect(),
            });
            self.last = Some(record.coverage.clone());
        }
    }
}

impl Engine {
    /// Fails the run for what an earlier scan had and a whole one has not; without a scan, for what the last one had lost. What
    /// no scan ever had (a starter mapping knows more columns than this export) is only noted.
    pub(super) async fn tell_unread(&self, mapping: &Mapping, found: Unread, whole: bool) -> Result<(), EngineError> {
        let reads = intake::unread(mapping, &Coverage::Only(Vec::new()));
        let before = self.store.row(SPACE, &mapping.name)?.unwrap_or_default();
        let before = String::from_utf8_lossy(&before);
        let marked = |mark: char| -> BTreeSet<String> {
            before
                .lines()
                .filter_map(|line| line.strip_prefix(mark))
                .filter(|path| reads.contains(*path))
                .map(str::to_owned)
                .collect()
        };
        let (mut had, mut lost) = (marked('+'), marked('-'));
        if let (Some(missing), true) = (found.paths, whole) {
            let never: Vec<&String> = missing.iter().filter(|path| !had.contains(*path)).collect();
            if !never.is_empty() {
                tracing::info!(flow = mapping.name, columns = ?never, "mapped, and in nothing that was read");
            }
            lost = missing.intersection(&had).cloned().collect();
            had.extend(reads.difference(&missing).cloned());
        }
        let text: String =
            had.iter().map(|path| format!("+{path}\n")).chain(lost.iter().map(|path| format!("-{path}\n"))).collect();
        if text != before {
            self.write(Cause::default(), |draft| {
                let value = (!text.is_empty()).then(|| text.clone().into_bytes());
                draft.batch.rows.push(KeyedRow { space: SPACE.into(), key: mapping.name.clone(), value });
                Ok(())
            })
            .await?;
        }
        if lost.is_empty() {
            return Ok(());
        }
        let names = lost.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
        Err(EngineError::Refused(format!(
            "nothing that {}/{} holds has {names} any more, which mappings/{}.toml reads: these fields keep what they had, the \
             others were taken in. Was it renamed? Correct it there, or `remote` in the mapping, then `nave sync {} --full`",
            mapping.connection, mapping.stream, mapping.name, mapping.name
        )))
    }
}
