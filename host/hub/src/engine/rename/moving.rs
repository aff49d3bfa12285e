//! A renaming under way: chunk by chunk, and with each how far it is. No value moves twice, so that two names can be exchanged.

use nave_core::catalog::numbers::Rename;
use nave_core::catalog::{Catalog, Numbers};
use nave_core::model::{Cause, ContributionId, Intent, Record, RecordId};
use nave_core::rename;
use nave_store::KeyedRow;
use serde::{Deserialize, Serialize};
use tokio::task::block_in_place;

use super::super::draft::Draft;
use super::super::rows::index_entries;
use super::super::{Engine, EngineError};
use super::SPACE;

/// Row: what is being renamed, from before the first value moves until the last one has.
const MOVING: &str = "renaming";
/// Records, or contributions, in one commit.
const AT_ONCE: usize = 500;

/// What is being renamed, and how far it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Moving {
    /// All at once.
    pub(super) renames: Vec<Rename>,
    /// Names, with their numbers, once it is done.
    pub(super) names: Numbers,
    /// Up to here records are done.
    records: RecordId,
    /// Up to here contributions of no record are done.
    contributions: ContributionId,
    /// Per rename, records that held something.
    counts: Vec<u64>,
}

impl Moving {
    pub(super) fn new(renames: Vec<Rename>, names: &Numbers) -> Self {
        let counts = vec![0; renames.len()];
        Self { renames, names: names.clone(), records: RecordId(0), contributions: ContributionId(0), counts }
    }

    pub(super) fn row(&self) -> KeyedRow {
        KeyedRow { space: SPACE.into(), key: MOVING.into(), value: serde_json::to_vec(self).ok() }
    }

    /// What is to be renamed after it: what the configuration no longer says goes back.
    pub(super) fn then(&self, catalog: &Catalog) -> Vec<Rename> {
        let mut then = self.names.pending(catalog);
        for Rename { entity, from, to } in &self.renames {
            let Some(fields) = catalog.entities.get(entity).map(|entity| &entity.fields) else { continue };
            let free = !self.names.fields.get(entity).is_some_and(|names| names.contains_key(from));
            let known = then.iter().any(|rename| rename.entity == *entity && (rename.from == *to || rename.to == *from));
            if fields.contains_key(from) && !fields.contains_key(to) && free && !known {
                then.push(Rename { entity: entity.clone(), from: to.clone(), to: from.clone() });
            }
        }
        then
    }

    /// Of an entity: which ones, and what to do in order.
    fn of(&self, entity: &str) -> (Vec<usize>, Vec<(String, String)>) {
        let of = self.renames.iter().enumerate().filter(|(_, rename)| rename.entity == entity);
        let (which, moves): (Vec<usize>, Vec<(&str, &str)>) =
            of.map(|(index, rename)| (index, (rename.from.as_str(), rename.to.as_str()))).unzip();
        (which, rename::sequence(&moves))
    }
}

/// Renames one record and what it is made of. Answers which of the renames moved something.
fn rename_record(draft: &mut Draft<'_>, id: RecordId, sequence: &[(String, String)]) -> Result<Vec<usize>, EngineError> {
    let mut done = Vec::new();
    let mut newer = false;
    for (index, (from, to)) in sequence.iter().enumerate() {
        let both = draft.record(id)?.value(to).is_some();
        let mut any = false;
        for row in draft.record(id)?.contributions.clone() {
            let mut renamed = draft.contribution(row)?.clone();
            if rename::contribution(&mut renamed, from, to) {
                *draft.contribution_mut(row)? = renamed;
                any = true;
            }
        }
        let mut renamed = draft.record(id)?.clone();
        if rename::record(&mut renamed, from, to) {
            *draft.record_mut(id)? = renamed;
            done.push(index);
        }
        newer |= any && both;
    }
    if newer {
        // Something was read under the new name meanwhile: the newer claim wins.
        draft.recompute(id)?;
    }
    Ok(done)
}

impl Engine {
    /// What is being renamed: it was broken off, unless it is under way now.
    pub(super) fn moving(&self) -> Result<Option<Moving>, EngineError> {
        self.stored(MOVING)
    }

    /// Renames what is not renamed yet. With the last commit `next` is under way, if there is one.
    pub(super) async fn carry_out(&self, mut moving: Moving, next: Option<&Moving>) -> Result<Vec<(Rename, u64)>, EngineError> {
        let catalog = self.catalog();
        self.rename_records(&mut moving).await?;
        self.rename_unmatched(&mut moving).await?;
        block_in_place(|| {
            self.store.rebuild_index(&|record: &Record| {
                index_entries(catalog.entities.get(record.entity.as_str()).map(AsRef::as_ref), record)
            })
        })?;
        let intents = self.renamed_intents(&moving)?;
        let none = KeyedRow { space: SPACE.into(), key: MOVING.into(), value: None };
        self.write(Cause::default(), |draft| {
            draft.batch.intents.extend_from_slice(&intents);
            draft.batch.rows.push(super::row(&moving.names));
            draft.batch.rows.push(next.map_or_else(|| none.clone(), Moving::row));
            Ok(())
        })
        .await?;
        Ok(moving.renames.into_iter().zip(moving.counts).collect())
    }

    async fn rename_records(&self, moving: &mut Moving) -> Result<(), EngineError> {
        loop {
            let rows = self.store.records_after(moving.records, AT_ONCE)?;
            let Some(last) = rows.last() else { return Ok(()) };
            let last = last.id;
            *moving = self
                .write(Cause::default(), |draft| {
                    let mut after = Moving { records: last, ..moving.clone() };
                    for row in &rows {
                        let (which, sequence) = moving.of(row.entity.as_str());
                        for index in rename_record(draft, row.id, &sequence)? {
                            if let Some(count) = which.get(index).and_then(|index| after.counts.get_mut(*index)) {
                                *count += 1;
                            }
                        }
                    }
                    draft.batch.rows.push(after.row());
                    Ok(after)
                })
                .await?;
        }
    }

    /// Of things that wait for a person to say which record they belong to.
    async fn rename_unmatched(&self, moving: &mut Moving) -> Result<(), EngineError> {
        let catalog = self.catalog();
        loop {
            let rows = self.store.contributions_after(moving.contributions, AT_ONCE)?;
            let Some(last) = rows.last() else { return Ok(()) };
            let after = Moving { contributions: last.id, ..moving.clone() };
            let mut moved = Vec::new();
            for mut row in rows.into_iter().filter(|row| row.record.is_none()) {
                let of = |m: &&std::sync::Arc<nave_core::catalog::Mapping>| {
                    m.connection == row.key.connection && m.alias == row.key.stream
                };
                let Some(entity) = catalog.mappings.values().find(of).map(|mapping| &mapping.entity) else { continue };
                let mut any = false;
                for (from, to) in moving.of(entity).1 {
                    any |= rename::contribution(&mut row, &from, &to);
                }
                moved.extend(any.then_some(row));
            }
            self.write(Cause::default(), |draft| {
                for row in &moved {
                    *draft.contribution_mut(row.id)? = row.clone();
                }
                draft.batch.rows.push(after.row());
                Ok(())
            })
            .await?;
            *moving = after;
        }
    }

    /// Writes whose outcome is not known yet.
    fn renamed_intents(&self, moving: &Moving) -> Result<Vec<Intent>, EngineError> {
        let mut moved = Vec::new();
        for mapping in self.catalog().mappings.values() {
            let (_, sequence) = moving.of(&mapping.entity);
            for mut intent in self.store.intents(&mapping.name)? {
                let mut any = false;
                for (from, to) in &sequence {
                    any |= rename::intent(&mut intent, from, to);
                }
                moved.extend(any.then_some(intent));
            }
        }
        Ok(moved)
    }
}
