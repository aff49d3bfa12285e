//! What a backfill brought that does not fit, kept as it came: it makes no record, goes nowhere, is not tried again and is no dead
//! letter. Once its source changes it and it fits, it comes in like anything else, and is taken off the shelf.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use nave_core::accounting::Counts;
use nave_core::intake::FieldError;
use nave_core::limits::ARCHIVED_MAX;
use nave_core::matching::key_hash;
use nave_core::model::{AuditEntry, Cause, Run, Time};
use nave_store::{KeyedRow, NOBODY, SealedRow, StoreError};
use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::{Engine, EngineError};

/// Where what came is kept, sealed: it may be a person's.
pub(super) const SPACE: &str = "archived ";

fn space(flow: &str) -> String {
    format!("{SPACE}{flow}")
}

/// Where it is known that something is kept.
fn index(flow: &str) -> String {
    format!("archived-index {flow}")
}

/// One thing that is kept, without what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// Class of what is wrong with it.
    pub class: String,
    /// Path in it.
    pub field: String,
    /// When it was kept.
    pub at: Time,
    /// Run that read it.
    pub run: u64,
    /// Tells whether it is another text now.
    digest: u64,
}

/// What was said of it, and it as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What is known of it.
    pub known: Archived,
    /// For a person.
    pub message: String,
    /// As it came.
    pub raw: Vec<u8>,
}

type OfFlow = Arc<BTreeMap<String, Archived>>;

/// What is kept, as it was last read from the store.
#[derive(Default)]
pub(super) struct Archives(Mutex<HashMap<String, OfFlow>>);

impl Archives {
    /// What a commit changed.
    pub(super) fn learn(&self, flow: &str, changed: Vec<(String, Option<Archived>)>) {
        let mut flows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = flows.get_mut(flow).filter(|_| !changed.is_empty()) else { return };
        let known = Arc::make_mut(known);
        for (id, archived) in changed {
            match archived {
                Some(archived) => drop(known.insert(id, archived)),
                None => drop(known.remove(&id)),
            }
        }
    }
}

/// The shelf as one page sees it.
pub(super) struct Shelf {
    flow: String,
    /// A person said that what does not fit is kept.
    open: bool,
    run: u64,
    known: OfFlow,
    pub(super) changed: Vec<(String, Option<Archived>)>,
}

impl Shelf {
    /// Keeps what does not fit, if a person said so and nothing of it is known here; and goes on keeping what is kept already and
    /// has not changed. Says whether it did.
    pub(super) fn keep(
        &mut self,
        draft: &mut Draft<'_>,
        remote_id: &str,
        known_here: bool,
        errors: &[FieldError],
        raw: &[u8],
    ) -> Result<bool, StoreError> {
        // What has no text or no id of its own cannot be found again.
        if raw.is_empty() || errors.iter().any(|error| error.path == "id") {
            return Ok(false);
        }
        let digest = key_hash(&[&String::from_utf8_lossy(raw)]);
        if self.known.get(remote_id).is_some_and(|known| known.digest == digest) {
            return Ok(true);
        }
        if !self.open || known_here || self.known.len() + self.changed.len() >= ARCHIVED_MAX {
            return Ok(false);
        }
        let first = errors.first();
        let archived = Archived {
            class: first.map_or_else(|| "other".to_owned(), |error| error.class.clone()),
            field: first.map(|error| error.path.clone()).unwrap_or_default(),
            at: draft.now,
            run: self.run,
            digest,
        };
        let message = errors.iter().map(|error| format!("{}: {}", error.path, error.message)).collect::<Vec<_>>().join("; ");
        let json = |error: serde_json::Error| StoreError::Damaged(error.to_string());
        // The message in one line, then what came.
        let mut value = serde_json::to_vec(&message).map_err(json)?;
        value.push(b'\n');
        value.extend_from_slice(raw);
        draft.batch.sealed.push(SealedRow { record: NOBODY, space: space(&self.flow), key: remote_id.to_owned(), value });
        let known = serde_json::to_vec(&archived).map_err(json)?;
        draft.batch.rows.push(KeyedRow { space: index(&self.flow), key: remote_id.to_owned(), value: Some(known) });
        self.changed.push((remote_id.to_owned(), Some(archived)));
        Ok(true)
    }

    /// It fits now.
    pub(super) fn take_off(&mut self, draft: &mut Draft<'_>, remote_id: &str) {
        if self.known.contains_key(remote_id) {
            for space in [space(&self.flow), index(&self.flow)] {
                draft.batch.rows.push(KeyedRow { space, key: remote_id.to_owned(), value: None });
            }
            self.changed.push((remote_id.to_owned(), None));
        }
    }
}

impl Engine {
    /// The shelf of a flow.
    pub(super) fn shelf(&self, flow: &str, open: bool, run: u64) -> Result<Shelf, StoreError> {
        Ok(Shelf { flow: flow.to_owned(), open, run, known: self.archived(flow)?, changed: Vec::new() })
    }

    /// What is kept of a flow, by remote id.
    ///
    /// # Errors
    /// Those of the store.
    pub fn archived(&self, flow: &str) -> Result<Arc<BTreeMap<String, Archived>>, StoreError> {
        let mut flows = self.archives.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = flows.get(flow) {
            return Ok(known.clone());
        }
        let mut known = BTreeMap::new();
        for (id, row) in self.store.rows(&index(flow))? {
            known.insert(id, serde_json::from_slice(&row).map_err(|error| StoreError::Damaged(error.to_string()))?);
        }
        let known = Arc::new(known);
        flows.insert(flow.to_owned(), known.clone());
        Ok(known)
    }

    /// Everything that is kept of a flow, as it came: remote id and body. Read at once, since each look goes through all of them.
    pub(super) fn archived_bodies(&self, flow: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let body = |value: Vec<u8>| {
            let end = value.iter().position(|byte| *byte == b'\n').unwrap_or(value.len());
            value.get(end + 1..).unwrap_or_default().to_vec()
        };
        let rows = self.store.sealed_rows(&space(flow))?;
        Ok(rows.into_iter().filter_map(|(key, value)| Some((key, body(value?)))).collect())
    }

    /// One thing that is kept, as it came.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] where nothing of this id is kept.
    pub fn archived_one(&self, flow: &str, remote_id: &str) -> Result<Kept, EngineError> {
        let missing = || {
            EngineError::NotFound(format!(
                "nothing of `{remote_id}` is kept of `{flow}`; `nave backfill {flow} --archived` lists what is"
            ))
        };
        let known = self.archived(flow)?.get(remote_id).cloned().ok_or_else(missing)?;
        let rows = self.store.sealed_rows(&space(flow))?;
        let value = rows.into_iter().find(|(key, _)| key == remote_id).and_then(|(_, value)| value).ok_or_else(missing)?;
        let end = value.iter().position(|byte| *byte == b'\n').unwrap_or(value.len());
        let message = serde_json::from_slice(&value[..end]).map_err(|error| StoreError::Damaged(error.to_string()))?;
        Ok(Kept { known, message, raw: value.get(end + 1..).unwrap_or_default().to_vec() })
    }

    /// Reads a flow whole, and keeps what does not fit. Who said so and why is in the audit.
    ///
    /// # Errors
    /// Those of [`Engine::run_in`].
    pub async fn backfill(&self, name: &str, archive: bool, by: &str, because: &str) -> Result<Run, EngineError> {
        let run = self.run_in_as(name, true, archive).await?;
        let archived = match run.counts {
            Counts::In(counts) => counts.archived,
            Counts::Out(_) => 0,
        };
        let detail = match archive {
            true => format!("run {}, {archived} kept that do not fit: {because}", run.id),
            false => format!("run {}", run.id),
        };
        self.write(Cause::default(), |draft| {
            draft.batch.audit.push(AuditEntry {
                at: draft.now,
                actor: by.to_owned(),
                action: "flow.backfilled".to_owned(),
                subject: name.to_owned(),
                detail: detail.clone(),
            });
            Ok(())
        })
        .await?;
        Ok(run)
    }
}
