//! Under what records are found: made anew where another version spells it otherwise, or another configuration asks for something
//! else. Without that nothing would be found that is here already, and it would be made a second time.

use nave_core::catalog::Catalog;
use nave_core::matching::{SPELLING, key_hash};
use nave_core::model::{AuditEntry, Cause, Record};
use nave_store::{IndexEntry, KeyedRow};

use super::rows::index_entries;
use super::{Engine, EngineError};

/// Where it is noted how the match keys in the index are spelled, and of what.
const SPELLED: (&str, &str) = ("hub", "match spelling");

/// How match keys are spelled, and of what: the keys of match rules, and what scored entities are looked up by.
fn spelling(catalog: &Catalog) -> String {
    let of = |entity: &nave_core::catalog::Entity| {
        let mut keys: Vec<&str> = entity.match_rules.iter().map(|rule| rule.key.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        let roles = entity.scoring.as_ref().filter(|scoring| scoring.on).map(|scoring| &scoring.roles);
        format!("{} {keys:?} {roles:?}", entity.name)
    };
    let entities: Vec<String> = catalog.entities.values().map(|entity| of(entity)).collect();
    format!("{SPELLING} {:016x}", key_hash(&entities.iter().map(String::as_str).collect::<Vec<_>>()))
}

impl Engine {
    /// Makes the index anew where it is spelled otherwise than this version and this configuration ask for; else does nothing.
    /// Says whether it did.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn respell(&self) -> Result<bool, EngineError> {
        let (space, key) = SPELLED;
        let is_now =
            |now: &str| -> Result<bool, EngineError> { Ok(self.store.row(space, key)?.is_some_and(|row| row == now.as_bytes())) };
        if is_now(&spelling(&self.catalog()))? {
            return Ok(false);
        }
        let some = self.store.heads()?.record > 1;
        let now = {
            // Nothing is decided meanwhile: what is committed afterwards is spelled as it is then.
            let _writer = self.writer.lock().await;
            let catalog = self.catalog();
            let of_record = |record: &Record| -> Vec<IndexEntry> {
                index_entries(catalog.entities.get(record.entity.as_str()).map(AsRef::as_ref), record)
            };
            if some {
                tracing::info!("records are found under other keys from now on: the index is made anew");
                tokio::task::block_in_place(|| self.store.rebuild_index(&of_record))?;
            }
            spelling(&catalog)
        };
        self.write(Cause::default(), |draft| {
            draft.batch.rows.push(KeyedRow { space: space.into(), key: key.into(), value: Some(now.clone().into_bytes()) });
            if some {
                draft.batch.audit.push(AuditEntry {
                    at: draft.now,
                    actor: "hub".to_owned(),
                    action: "store.rebuilt".to_owned(),
                    subject: "indexes".to_owned(),
                    detail: "records are found under other keys".to_owned(),
                });
            }
            Ok(())
        })
        .await?;
        Ok(some)
    }
}
