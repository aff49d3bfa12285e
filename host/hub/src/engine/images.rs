//! What every write overwrote, kept for a while by run, so that a run can be taken back.
//!
//! A row per write, sealed under its record's key as the changelog's values are (I2); a row per run says how many there are.

use nave_core::NameMap;
use nave_core::catalog::Mapping;
use nave_core::limits::{BEFORE_IMAGE_MS_MAX, BEFORE_IMAGES_MAX, COMMIT_RECORDS_MAX};
use nave_core::model::{Cause, Intent, RecordId, RemoteKey, Time, WriteKind};
use nave_core::value::Value;
use nave_store::{KeyedRow, SealedRow, StoreError};
use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::{Engine, EngineError};

/// Rows by run: what is kept of it.
const RUNS: &str = "written";

/// Where a run's images are.
fn space(run: u64) -> String {
    format!("written {run:020}")
}

fn run_key(run: u64) -> String {
    format!("{run:020}")
}

/// What is kept of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Flow that wrote.
    pub(super) flow: String,
    /// When it last did.
    pub(super) at: Time,
    /// Writes.
    pub(super) count: u64,
}

/// One write that was made: what was there before, what was sent, and what was there then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Image {
    pub(super) record: RecordId,
    /// Id of the thing itself; of a child's write that of its parent where it is known.
    pub(super) remote_id: String,
    pub(super) kind: WriteKind,
    /// Stream of children, where a child was written.
    pub(super) child_of: Option<String>,
    /// Remote path → value that the write was computed from. A missing path was not known.
    pub(super) before: NameMap<Value>,
    /// Remote path → value sent.
    pub(super) sent: NameMap<Value>,
    /// Remote path → what it held after the write, in that system's spelling.
    pub(super) there: NameMap<Value>,
    pub(super) at: Time,
}

/// A write arrived, and the rows say so already: keeps its image.
pub(super) fn note(draft: &mut Draft<'_>, mapping: &Mapping, intent: &Intent, remote_id: &str) -> Result<(), StoreError> {
    let child_of = intent.child_stream().map(str::to_owned);
    let remote_id = match &intent.kind {
        WriteKind::Update(id) | WriteKind::Delete(id) | WriteKind::Merge(id, _) => id.as_str(),
        WriteKind::Create => remote_id,
    };
    let (mut before, mut sent, mut there) = Default::default();
    if child_of.is_none() {
        (before, sent) = (intent.base.clone(), intent.values.clone());
        let contribution = match intent.contribution {
            Some(id) => Some(id),
            None => draft.contribution_of(&RemoteKey::new(&mapping.connection, &mapping.alias, remote_id))?,
        };
        if let Some(id) = contribution {
            let row = draft.contribution(id)?;
            match &intent.kind {
                WriteKind::Delete(_) | WriteKind::Merge(..) => before = row.shadow.clone(),
                WriteKind::Create | WriteKind::Update(_) => {
                    let of_ours = row.shadow.iter().filter(|(path, _)| sent.contains_key(path.as_str()));
                    there = of_ours.map(|(path, value)| (path.clone(), value.clone())).collect();
                }
            }
        }
    }
    let record = draft.surviving(intent.record)?;
    let image = Image {
        record,
        remote_id: remote_id.to_owned(),
        kind: intent.kind.clone(),
        child_of,
        before,
        sent,
        there,
        at: draft.now,
    };
    let key = format!("{:020} {}", draft.now.0, intent.key);
    draft.batch.sealed.push(SealedRow { record, space: space(intent.run), key, value: json(&image)? });
    let known = draft.row(RUNS, &run_key(intent.run))?;
    let mut kept: Kept = known.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default();
    kept.flow.clone_from(&intent.destination);
    kept.at = draft.now;
    kept.count += 1;
    draft.batch.rows.retain(|row| !(row.space == RUNS && row.key == run_key(intent.run)));
    draft.batch.rows.push(KeyedRow { space: RUNS.into(), key: run_key(intent.run), value: Some(json(&kept)?) });
    Ok(())
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// A write of one record that is kept: which run, when, and the remote paths that were sent.
pub(crate) struct Sent {
    pub(crate) run: u64,
    pub(crate) flow: String,
    pub(crate) remote_id: String,
    pub(crate) at: Time,
    pub(crate) paths: Vec<String>,
}

impl Engine {
    /// Writes of a record that are kept, newest run first.
    pub(crate) fn sent_of(&self, record: RecordId) -> Result<Vec<Sent>, StoreError> {
        let mut found = Vec::new();
        for (key, row) in self.store.rows(RUNS)?.into_iter().rev() {
            let (Ok(run), Ok(kept)) = (key.parse(), serde_json::from_slice::<Kept>(&row)) else { continue };
            let images = self.images(run)?.into_iter().filter(|image| image.record == record);
            found.extend(images.map(|image| Sent {
                run,
                flow: kept.flow.clone(),
                remote_id: image.remote_id,
                at: image.at,
                paths: image.sent.iter().map(|(path, _)| path.to_string()).collect(),
            }));
        }
        Ok(found)
    }

    /// What is kept of a run, if anything is.
    pub(super) fn kept(&self, run: u64) -> Result<Option<Kept>, StoreError> {
        Ok(self.store.row(RUNS, &run_key(run))?.and_then(|row| serde_json::from_slice(&row).ok()))
    }

    /// A run's images, oldest first. Those of erased records are gone.
    pub(super) fn images(&self, run: u64) -> Result<Vec<Image>, StoreError> {
        let rows = self.store.sealed_rows(&space(run))?;
        let read = |row: Vec<u8>| serde_json::from_slice(&row).map_err(|error| StoreError::Damaged(error.to_string()));
        rows.into_iter().filter_map(|(_, row)| row).map(read).collect()
    }

    /// Lets go of the images of runs that are too old, or too many.
    pub(super) async fn forget_images(&self) -> Result<(), EngineError> {
        let rows = self.store.rows(RUNS)?;
        let kept: Vec<(u64, Kept)> =
            rows.iter().filter_map(|(key, row)| Some((key.parse().ok()?, serde_json::from_slice(row).ok()?))).collect();
        let mut writes: u64 = kept.iter().map(|(_, kept)| kept.count).sum();
        let oldest = self.now().plus_ms(-BEFORE_IMAGE_MS_MAX);
        let newest = kept.last().map(|(run, _)| *run);
        for (run, of) in kept {
            if of.at >= oldest && writes <= BEFORE_IMAGES_MAX || Some(run) == newest {
                continue;
            }
            writes -= of.count;
            let mut gone: Vec<KeyedRow> = self
                .store
                .sealed_rows(&space(run))?
                .into_iter()
                .map(|(key, _)| KeyedRow { space: space(run), key, value: None })
                .collect();
            // Its own row last: broken off, the rest goes the next time.
            gone.push(KeyedRow { space: RUNS.into(), key: run_key(run), value: None });
            for chunk in gone.chunks(COMMIT_RECORDS_MAX) {
                self.write(Cause::default(), |draft| {
                    draft.batch.rows.extend_from_slice(chunk);
                    Ok(())
                })
                .await?;
            }
        }
        Ok(())
    }
}
