//! Fields that have another name: stored values follow it, before anything runs under the new one.
//!
//! The store remembers under which names its values are. `nave.lock` goes with the configuration from one environment to the
//! next, and each store is behind by what it has not renamed yet. What is being renamed is written down before the first
//! value moves, and how far it came with every value: after breaking off, the next try goes on from there.

use nave_core::catalog::Numbers;
use nave_core::catalog::numbers::Rename;
use nave_core::model::{Cause, RecordId};
use nave_store::{KeyedRow, StoreError};

use super::{Engine, EngineError};
use moving::Moving;

mod moving;

/// Rows: the names under which this store keeps its values, with their numbers.
const SPACE: &str = "schema";
const NAMES: &str = "names";

fn row(numbers: &Numbers) -> KeyedRow {
    KeyedRow { space: SPACE.into(), key: NAMES.into(), value: serde_json::to_vec(numbers).ok() }
}

impl Engine {
    fn stored<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>, EngineError> {
        let Some(row) = self.store.row(SPACE, key)? else { return Ok(None) };
        let damaged = |error| StoreError::Damaged(format!("the names of stored values: {error}"));
        Ok(Some(serde_json::from_slice(&row).map_err(damaged)?))
    }

    fn stored_names(&self) -> Result<Option<Numbers>, EngineError> {
        self.stored(NAMES)
    }

    fn is_empty(&self) -> Result<bool, EngineError> {
        Ok(self.store.records_after(RecordId(0), 1)?.is_empty() && self.store.heads()?.contribution <= 1)
    }

    /// What this store is behind by, when nothing is under way, with the names that it has.
    fn behind(&self) -> Result<(Numbers, Vec<Rename>), EngineError> {
        let names = match self.stored_names()? {
            Some(names) => names,
            None if self.is_empty()? => return Ok(Default::default()),
            None => Numbers::default(),
        };
        let renames = names.pending(&self.catalog());
        Ok((names, renames))
    }

    /// Fields whose stored values are still under another name than the configuration's, also some of them only.
    pub fn renames(&self) -> Result<Vec<Rename>, EngineError> {
        let Some(moving) = self.moving()? else { return Ok(self.behind()?.1) };
        let then = moving.then(&self.catalog());
        Ok(if then.is_empty() { moving.renames } else { then })
    }

    /// Whether values of an entity are stored under an old name, or on their way to a new one.
    pub(super) fn waits_for_renames(&self, entity: &str) -> Result<bool, EngineError> {
        let moving = self.moving()?.is_some_and(|moving| moving.renames.iter().any(|rename| rename.entity == entity));
        Ok(moving || self.renames()?.iter().any(|rename| rename.entity == entity))
    }

    /// Nothing of an entity is read, written or decided while values of it are stored under an old name.
    pub(super) async fn hold_for_renames(&self, entity: &str) -> Result<(), EngineError> {
        let moving = self.moving()?.map(|moving| moving.renames).unwrap_or_default();
        if let Some(Rename { entity, from, to }) = moving.into_iter().find(|rename| rename.entity == entity) {
            return Err(EngineError::Refused(format!(
                "renaming `{from}` of {entity} to `{to}` was broken off; `nave apply` finishes it, or takes it back, as the configuration says"
            )));
        }
        if self.stored_names()?.is_none() && self.is_empty()? {
            // From the first value on they are stored as they are called now.
            let numbers = Numbers::named_by(&self.catalog());
            self.write(Cause::default(), |draft| {
                draft.batch.rows.push(row(&numbers));
                Ok(())
            })
            .await?;
        }
        let (names, mut renames) = self.behind()?;
        renames.retain(|rename| rename.entity == entity);
        check_free(&names, &renames)?;
        match renames.into_iter().next() {
            None => Ok(()),
            Some(Rename { entity, from, to }) => Err(EngineError::Refused(format!(
                "`{from}` of {entity} is called `{to}` now, and its stored values are not yet; `nave plan` shows it, `nave apply` renames them"
            ))),
        }
    }

    /// Renames what is stored, and remembers the names. Answers how many records each is about. What was broken off is
    /// finished first, and taken back then if the configuration no longer says it.
    pub async fn rename(&self, numbers: &Numbers) -> Result<Vec<(Rename, u64)>, EngineError> {
        let catalog = self.catalog();
        let mut held = Vec::new();
        if self.moving()?.is_some() || !self.renames()?.is_empty() {
            // No run is under way that still speaks the old names.
            for connection in catalog.connections.keys() {
                held.push(self.lane(connection).lock_owned().await);
            }
        }
        let mut next = self.moving()?;
        if next.is_none() {
            let (names, renames) = self.behind()?;
            check_free(&names, &renames)?;
            if !renames.is_empty() {
                let moving = Moving::new(renames, numbers);
                self.write(Cause::default(), |draft| {
                    draft.batch.rows.push(moving.row());
                    Ok(())
                })
                .await?;
                next = Some(moving);
            }
        }
        let mut done = Vec::new();
        while let Some(moving) = next {
            let then = moving.then(&catalog);
            check_free(&moving.names, &then)?;
            next = (!then.is_empty()).then(|| Moving::new(then, numbers));
            done.extend(self.carry_out(moving, next.as_ref()).await?);
        }
        if self.stored_names()?.as_ref() != Some(numbers) {
            self.write(Cause::default(), |draft| {
                draft.batch.rows.push(row(numbers));
                Ok(())
            })
            .await?;
        }
        Ok(done)
    }
}

/// Refuses what would put values of two fields under one name.
fn check_free(names: &Numbers, renames: &[Rename]) -> Result<(), EngineError> {
    match names.occupied(renames).into_iter().next() {
        None => Ok(()),
        Some(Rename { entity, from, to }) => Err(EngineError::Refused(format!(
            "`{from}` of {entity} is called `{to}` now, and values of another field are stored under `{to}`, of which nave.lock \
             says nothing; apply the earlier versions of the configuration one after the other, then this one"
        ))),
    }
}
