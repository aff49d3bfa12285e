//! Fields that have another name: stored values follow it, before anything runs under the new one.
//!
//! The store remembers under which names its values are. `nave.lock` goes with the configuration from one environment to the
//! next, and each store is behind by what it has not renamed yet. Breaking off leaves nothing lost: the next try moves the
//! rest.

use std::collections::BTreeMap;

use nave_core::catalog::Numbers;
use nave_core::catalog::numbers::Rename;
use nave_core::model::{Cause, ContributionId, Intent, Record, RecordId};
use nave_core::rename;
use nave_store::{KeyedRow, StoreError};
use tokio::task::block_in_place;

use super::rows::index_entries;
use super::{Engine, EngineError};

/// Rows: the names under which this store keeps its values, with their numbers.
const SPACE: &str = "schema";
const NAMES: &str = "names";
/// Records, or contributions, in one commit.
const AT_ONCE: usize = 500;

fn row(numbers: &Numbers) -> KeyedRow {
    KeyedRow { space: SPACE.into(), key: NAMES.into(), value: serde_json::to_vec(numbers).ok() }
}

impl Engine {
    fn stored_names(&self) -> Result<Option<Numbers>, EngineError> {
        let Some(row) = self.store.row(SPACE, NAMES)? else { return Ok(None) };
        let damaged = |error| StoreError::Damaged(format!("the names of stored values: {error}"));
        Ok(Some(serde_json::from_slice(&row).map_err(damaged)?))
    }

    fn is_empty(&self) -> Result<bool, EngineError> {
        Ok(self.store.records_after(RecordId(0), 1)?.is_empty() && self.store.heads()?.contribution <= 1)
    }

    /// Fields whose stored values are still under another name than the configuration's.
    pub fn renames(&self) -> Result<Vec<Rename>, EngineError> {
        match self.stored_names()? {
            Some(numbers) => Ok(numbers.pending(&self.catalog())),
            None if self.is_empty()? => Ok(Vec::new()),
            None => Ok(Numbers::default().pending(&self.catalog())),
        }
    }

    /// Nothing of an entity is read, written or decided while values of it are stored under an old name.
    pub(super) async fn hold_for_renames(&self, entity: &str) -> Result<(), EngineError> {
        if self.stored_names()?.is_none() && self.is_empty()? {
            // From the first value on they are stored as they are called now.
            let numbers = Numbers::named_by(&self.catalog());
            self.write(Cause::default(), |draft| {
                draft.batch.rows.push(row(&numbers));
                Ok(())
            })
            .await?;
        }
        match self.renames()?.into_iter().find(|rename| rename.entity == entity) {
            None => Ok(()),
            Some(Rename { entity, from, to }) => Err(EngineError::Refused(format!(
                "`{from}` of {entity} is called `{to}` now, and its stored values are not yet; `nave plan` shows it, `nave apply` renames them"
            ))),
        }
    }

    /// Renames what is stored, and remembers the names. Answers how many records each is about.
    pub async fn rename(&self, numbers: &Numbers) -> Result<Vec<(Rename, u64)>, EngineError> {
        let catalog = self.catalog();
        let mut held = Vec::new();
        if !self.renames()?.is_empty() {
            // No run is under way that still speaks the old names.
            for connection in catalog.connections.keys() {
                held.push(self.lane(connection).lock_owned().await);
            }
        }
        let renames = self.renames()?;
        let mut counts: BTreeMap<&Rename, u64> = renames.iter().map(|rename| (rename, 0)).collect();
        if !renames.is_empty() {
            self.rename_records(&renames, &mut counts).await?;
            self.rename_unmatched(&renames).await?;
            self.rename_intents(&renames).await?;
            block_in_place(|| {
                self.store.rebuild_index(&|record: &Record| {
                    index_entries(catalog.entities.get(record.entity.as_str()).map(AsRef::as_ref), record)
                })
            })?;
        }
        if !renames.is_empty() || self.stored_names()?.as_ref() != Some(numbers) {
            self.write(Cause::default(), |draft| {
                draft.batch.rows.push(row(numbers));
                Ok(())
            })
            .await?;
        }
        Ok(counts.into_iter().map(|(rename, count)| (rename.clone(), count)).collect())
    }

    async fn rename_records<'r>(&self, renames: &'r [Rename], counts: &mut BTreeMap<&'r Rename, u64>) -> Result<(), EngineError> {
        let mut after = RecordId(0);
        loop {
            let rows = self.store.records_after(after, AT_ONCE)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            let chunk: Vec<(RecordId, Vec<&Rename>)> = rows
                .iter()
                .map(|row| (row.id, renames.iter().filter(|rename| rename.entity == row.entity.as_str()).collect::<Vec<_>>()))
                .filter(|(_, renames)| !renames.is_empty())
                .collect();
            let done = self
                .write(Cause::default(), |draft| {
                    let mut done = Vec::new();
                    for (id, renames) in &chunk {
                        for found in renames {
                            let Rename { from, to, .. } = *found;
                            let both = draft.record(*id)?.value(to).is_some();
                            let mut any = false;
                            for row in draft.record(*id)?.contributions.clone() {
                                let mut renamed = draft.contribution(row)?.clone();
                                if rename::contribution(&mut renamed, from, to) {
                                    *draft.contribution_mut(row)? = renamed;
                                    any = true;
                                }
                            }
                            let mut renamed = draft.record(*id)?.clone();
                            if rename::record(&mut renamed, from, to) {
                                *draft.record_mut(*id)? = renamed;
                                done.push(*found);
                            }
                            if any && both {
                                // Something was read under the new name meanwhile: the newer claim wins.
                                draft.recompute(*id)?;
                            }
                        }
                    }
                    Ok(done)
                })
                .await?;
            for rename in done {
                *counts.entry(rename).or_default() += 1;
            }
        }
    }

    /// Of things that wait for a person to say which record they belong to.
    async fn rename_unmatched(&self, renames: &[Rename]) -> Result<(), EngineError> {
        let catalog = self.catalog();
        let mut after = ContributionId(0);
        loop {
            let rows = self.store.contributions_after(after, AT_ONCE)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            let mut moved = Vec::new();
            for mut row in rows.into_iter().filter(|row| row.record.is_none()) {
                let of = |m: &&std::sync::Arc<nave_core::catalog::Mapping>| {
                    m.connection == row.key.connection && m.alias == row.key.stream
                };
                let Some(entity) = catalog.mappings.values().find(of).map(|mapping| &mapping.entity) else { continue };
                let mut any = false;
                for Rename { from, to, .. } in renames.iter().filter(|rename| rename.entity == *entity) {
                    any |= rename::contribution(&mut row, from, to);
                }
                moved.extend(any.then_some(row));
            }
            self.write(Cause::default(), |draft| {
                for row in &moved {
                    *draft.contribution_mut(row.id)? = row.clone();
                }
                Ok(())
            })
            .await?;
        }
    }

    /// Of writes whose outcome is not known yet.
    async fn rename_intents(&self, renames: &[Rename]) -> Result<(), EngineError> {
        let mut moved: Vec<Intent> = Vec::new();
        for mapping in self.catalog().mappings.values() {
            for mut intent in self.store.intents(&mapping.name)? {
                let mut any = false;
                for Rename { from, to, .. } in renames.iter().filter(|rename| rename.entity == mapping.entity) {
                    any |= rename::intent(&mut intent, from, to);
                }
                moved.extend(any.then_some(intent));
            }
        }
        self.write(Cause::default(), |draft| {
            draft.batch.intents.extend_from_slice(&moved);
            Ok(())
        })
        .await
    }
}
