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
    /// Fails the run for what a whole scan did not have; without a scan, for what the last one did not have.
    pub(super) async fn tell_unread(&self, mapping: &Mapping, found: Unread, whole: bool) -> Result<(), EngineError> {
        let before: BTreeSet<String> = match self.store.row(SPACE, &mapping.name)? {
            Some(row) => String::from_utf8_lossy(&row).lines().map(str::to_owned).collect(),
            None => BTreeSet::new(),
        };
        let now = match found.paths {
            Some(paths) if whole => paths,
            _ => {
                let read = intake::unread(mapping, &Coverage::Only(Vec::new()));
                before.intersection(&read).cloned().collect()
            }
        };
        if now != before {
            let text = now.iter().cloned().collect::<Vec<_>>().join("\n");
            self.write(Cause::default(), |draft| {
                let value = (!text.is_empty()).then(|| text.clone().into_bytes());
                draft.batch.rows.push(KeyedRow { space: SPACE.into(), key: mapping.name.clone(), value });
                Ok(())
            })
            .await?;
        }
        if now.is_empty() {
            return Ok(());
        }
        let names = now.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
        Err(EngineError::Refused(format!(
            "nothing that {}/{} holds has {names}, which mappings/{}.toml reads: these fields keep what they had, the others \
             were taken in. Was it renamed? Correct it there, or `remote` in the mapping, then `nave sync {} --full`",
            mapping.connection, mapping.stream, mapping.name, mapping.name
        )))
    }
}
