//! Brings what is stored in step with changed rules: claims that another mapping spells otherwise, records that another rule
//! decides otherwise. Before anything runs under the new configuration, so that the result does not depend on what is read next.

use std::collections::BTreeMap;

use nave_core::catalog::{Catalog, Mapping};
use nave_core::intake::{Coverage, Pulled, shadow_body};
use nave_core::model::{Cause, Contribution, ContributionId, RecordId, RecordState};
use nave_core::remap::{self, Changed, Reading};
use nave_store::{KeyedRow, StoreError};

use super::take::{Incoming, IncomingKind};
use super::{Engine, EngineError};

/// Rows: by what rules what is stored was computed; by mapping, and by entity.
const SPACE: &str = "computed";
/// Contributions or records in one commit.
const AT_ONCE: usize = 500;

fn mapping_key(mapping: &Mapping) -> String {
    format!("mapping {}", mapping.name)
}

impl Engine {
    /// Computes anew what was computed under other rules. Broken off, it is done again from the start: twice is once.
    pub(crate) async fn conform(&self) -> Result<(), EngineError> {
        let catalog = self.catalog();
        let mut conformed = self.conformed.lock().await;
        if *conformed == catalog.digest {
            return Ok(());
        }
        self.respell().await?;
        let mut rows = Vec::new();
        for mapping in catalog.mappings.values() {
            let now = remap::reading(mapping);
            let before = self.store.row(SPACE, &mapping_key(mapping))?;
            let before: Option<Reading> = before.and_then(|row| serde_json::from_slice(&row).ok());
            if before.as_ref() == Some(&now) {
                continue;
            }
            if let Some(before) = before {
                self.remap(&catalog, mapping, &Changed::between(&before, &now)).await?;
            }
            rows.push(KeyedRow { space: SPACE.into(), key: mapping_key(mapping), value: Some(json(&now)?) });
        }
        let mut stale = BTreeMap::new();
        for entity in catalog.entities.values() {
            let key = format!("entity {}", entity.name);
            let now = json(&remap::rules(entity))?;
            let before = self.store.row(SPACE, &key)?;
            if before.as_ref() != Some(&now) {
                if before.is_some() {
                    stale.insert(entity.name.clone(), ());
                }
                rows.push(KeyedRow { space: SPACE.into(), key, value: Some(now) });
            }
        }
        if !stale.is_empty() {
            self.recompute(|entity| stale.contains_key(entity)).await?;
        }
        if !rows.is_empty() {
            self.write(Cause::default(), |draft| {
                draft.batch.rows.extend(rows.iter().cloned());
                Ok(())
            })
            .await?;
        }
        conformed.clone_from(&catalog.digest);
        Ok(())
    }

    /// Spells the claims of a mapping's contributions anew, and computes their records.
    async fn remap(&self, catalog: &Catalog, mapping: &Mapping, changed: &Changed) -> Result<(), EngineError> {
        let cause = Cause {
            connection: Some(mapping.connection.as_str().into()),
            rule: Some(format!("mapping {} changed", mapping.name)),
            ..Cause::default()
        };
        let region = catalog.hub.region.as_deref();
        let entity = self.entity(catalog, &mapping.entity)?;
        let mut after = ContributionId(0);
        let mut done = 0;
        loop {
            let mut rows = self.store.contributions_after(after, AT_ONCE)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            rows.retain(|row| row.key.connection == mapping.connection && row.key.stream == mapping.alias);
            let mut page: Vec<Incoming> = rows.iter().map(|row| as_read(mapping, row)).collect();
            self.externals(catalog, mapping, &mut page).await?;
            self.write(cause.clone(), |draft| {
                for (row, incoming) in rows.iter().zip(&page) {
                    let IncomingKind::Upsert { pulled, externals, .. } = &incoming.kind else { continue };
                    let mut now = draft.contribution(row.id)?.clone();
                    if now.shadow != row.shadow {
                        continue; // read since: under the new mapping already
                    }
                    if !remap::remap(mapping, entity, &mut now, changed, &pulled.body, externals, region) {
                        continue;
                    }
                    let record = now.record;
                    *draft.contribution_mut(row.id)? = now;
                    if let Some(record) = record {
                        let record = draft.surviving(record)?;
                        draft.recompute(record)?;
                    }
                }
                Ok(())
            })
            .await?;
            done += rows.len() as u64;
            self.report(&format!("{}: spelled anew", mapping.name), done);
        }
    }

    /// Computes the records of these entities anew.
    async fn recompute(&self, of: impl Fn(&str) -> bool) -> Result<(), EngineError> {
        let cause = Cause { rule: Some("rules changed".to_owned()), ..Cause::default() };
        let mut after = RecordId(0);
        let mut done = 0;
        loop {
            let mut rows = self.store.records_after(after, AT_ONCE)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            rows.retain(|row| of(&row.entity) && matches!(row.state, RecordState::Active | RecordState::Archived));
            self.write(cause.clone(), |draft| {
                for row in &rows {
                    draft.recompute(row.id)?;
                }
                Ok(())
            })
            .await?;
            done += rows.len() as u64;
            self.report("computed anew", done);
        }
    }
}

/// A contribution as if its system had just said what is known of it.
fn as_read(mapping: &Mapping, row: &Contribution) -> Incoming {
    let pulled = Pulled {
        body: shadow_body(mapping, row),
        coverage: Coverage::Complete,
        version: row.version.clone(),
        modified_at: row.modified_at,
        field_times: Vec::new(),
        read_at: row.read_at,
        observed_at: row.read_at,
    };
    let kind = IncomingKind::Upsert { pulled, externals: Vec::new(), raw: Vec::new() };
    Incoming { remote_id: row.key.remote_id.clone(), kind }
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError::Damaged(error.to_string()))
}
