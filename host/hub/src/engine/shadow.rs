//! Shadow mode: everything is computed as ever, what would be written is noted, and nothing is sent.
//!
//! What waits for the destination goes on waiting: sent for real later, it is the real difference of that time.

use std::collections::{BTreeMap, HashMap};

use nave_core::accounting::{Counts, OutCounts};
use nave_core::catalog::Mapping;
use nave_core::limits::{DELIVERY_ROUND_RECORDS, SHADOW_WRITES_MAX};
use nave_core::model::{Cause, RecordId, Run, RunStatus, Time, WriteKind};
use nave_core::value::Value;
use nave_core::{codec, landed};
use nave_runtime::contract::Operation;
use nave_store::{KeyedRow, SealedRow, StoreError};
use serde::{Deserialize, Serialize};

use super::deliver::{Need, Write};
use super::{Engine, EngineError};

fn space(flow: &str) -> String {
    format!("shadow {flow}")
}

/// One write that would have been made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intended {
    /// Record.
    pub record: RecordId,
    /// `create`, `update`, `delete`, `merge`.
    pub operation: String,
    /// The system's id; none for what would have been made.
    pub remote_id: Option<String>,
    /// Stream of children, where a child would have been written.
    pub child_of: Option<String>,
    /// Remote path → what was there, what would be.
    pub fields: BTreeMap<String, (Option<Value>, Value)>,
    /// When it was first wanted, and last.
    pub first_at: Time,
    /// When it was last wanted.
    pub last_at: Time,
}

/// What became of one intended field.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Record.
    pub record: RecordId,
    /// `create`, `update`, `delete`, `merge`.
    pub operation: String,
    /// The system's id, if the thing is there.
    pub remote_id: Option<String>,
    /// Remote path; none for the thing as a whole.
    pub path: Option<String>,
    /// What would have been written.
    pub wanted: Value,
    /// What is there now.
    pub found: Option<Value>,
    /// Whether it is so without us.
    pub same: bool,
    /// When it was first wanted.
    pub since: Time,
}

fn key(record: RecordId, write: &Write) -> String {
    let what = match &write.kind {
        WriteKind::Create => "new".to_owned(),
        WriteKind::Update(id) => format!("update {id}"),
        WriteKind::Delete(id) => format!("delete {id}"),
        WriteKind::Merge(from, into) => format!("merge {from} {into}"),
    };
    format!("{:020} {} {what}", record.0, write.child_of.as_deref().unwrap_or("-"))
}

impl Engine {
    /// One run of a mapping's flow outwards that sends nothing.
    ///
    /// # Errors
    /// Those of the store and of the configuration.
    pub async fn run_shadow(&self, name: &str) -> Result<Run, EngineError> {
        let mapping = self.mapping(name)?;
        let lane = self.lane(&mapping.connection);
        let _lane = lane.lock().await;
        let mapping = self.mapping(name)?;
        let mut run = self.begin(&mapping, "out").await?;
        let mut counts = OutCounts::default();
        let failure = match self.shadowed(&mapping, &mut counts).await {
            Ok(()) => None,
            Err(error @ (EngineError::Store(_) | EngineError::Commit(_))) => return Err(error),
            Err(error) => Some(error.to_string()),
        };
        run.counts = Counts::Out(counts);
        // Not `out`: nothing arrived.
        run.direction = "shadow".to_owned();
        run.status = if failure.is_none() && run.counts.balances() { RunStatus::Success } else { RunStatus::Failed };
        run.message = failure.or_else(|| Some("shadow: nothing was sent".to_owned()));
        self.write(Cause::default(), |draft| {
            run.ended_at = Some(draft.now);
            draft.batch.runs.push(run.clone());
            Ok(run.clone())
        })
        .await
    }

    async fn shadowed(&self, mapping: &Mapping, counts: &mut OutCounts) -> Result<(), EngineError> {
        let catalog = self.catalog();
        self.hold_for_renames(&mapping.entity).await?;
        self.conform().await?;
        self.enter_configuration(mapping).await?;
        self.functions_ready(mapping)?;
        let known = self.children_known(mapping)?;
        let mut noted = self.intended(&mapping.name)?;
        let mut after = RecordId(0);
        loop {
            let entries = self.store.dirty(&mapping.name, after, DELIVERY_ROUND_RECORDS)?;
            let Some(last) = entries.last() else { return Ok(()) };
            after = last.record;
            let ids: Vec<RecordId> = entries.iter().map(|entry| entry.record).collect();
            let subjects = self.subjects(mapping, &ids)?;
            let mut rows = Vec::new();
            let now = self.now();
            for entry in &entries {
                counts.wanted += 1;
                let Some(subject) = subjects.get(&entry.record) else {
                    counts.unchanged += 1;
                    continue;
                };
                let Need::Writes(wanted) = self.need(&catalog, mapping, subject, &HashMap::new(), &known)? else {
                    counts.held += 1;
                    continue;
                };
                counts.held += 1;
                for write in &wanted.writes {
                    let key = key(entry.record, write);
                    if !noted.contains_key(&key) && noted.len() as u64 >= SHADOW_WRITES_MAX {
                        continue;
                    }
                    let first_at = noted.get(&key).map_or(now, |known| known.first_at);
                    let intended = intended(mapping, subject.record.id, write, first_at, now);
                    let value = serde_json::to_vec(&intended).map_err(|error| StoreError::Damaged(error.to_string()))?;
                    rows.push(SealedRow { record: entry.record, space: space(&mapping.name), key: key.clone(), value });
                    noted.insert(key, intended);
                }
            }
            self.write(Cause::default(), |draft| {
                draft.batch.sealed.extend(rows.iter().cloned());
                Ok(())
            })
            .await?;
            self.report(&mapping.name, counts.wanted);
        }
    }

    fn intended(&self, flow: &str) -> Result<BTreeMap<String, Intended>, StoreError> {
        let mut found = BTreeMap::new();
        for (key, row) in self.store.sealed_rows(&space(flow))? {
            let Some(row) = row else { continue };
            found.insert(key, serde_json::from_slice(&row).map_err(|error| StoreError::Damaged(error.to_string()))?);
        }
        Ok(found)
    }

    /// What would have been written, against what the system holds by now. Asks for each thing; keeps nothing of it.
    ///
    /// # Errors
    /// [`EngineError::Spoke`] where the system cannot be asked.
    pub async fn shadow_report(&self, flow: &str) -> Result<Vec<Compared>, EngineError> {
        let mapping = self.mapping(flow)?;
        let catalog = self.catalog();
        let region = catalog.hub.region.as_deref();
        let mut all: Vec<Intended> = self.intended(flow)?.into_values().filter(|intended| intended.child_of.is_none()).collect();
        for intended in &mut all {
            // Somebody may have made it meanwhile.
            if intended.remote_id.is_none() {
                intended.remote_id = self.locate(intended.record, &mapping.connection, &mapping.alias);
            }
        }
        let mut ids: Vec<String> = all.iter().filter_map(|intended| intended.remote_id.clone()).collect();
        ids.sort();
        ids.dedup();
        let fetched = {
            let lane = self.lane(&mapping.connection);
            let _lane = lane.lock().await;
            let spoke = self.spoke(&mapping.connection)?;
            self.fetch(&mapping, spoke.as_ref(), &mapping.stream, &ids).await?
        };
        let bodies: BTreeMap<String, Value> = fetched
            .found
            .into_iter()
            .filter(|record| record.operation == Operation::Upsert)
            .filter_map(|record| Some((record.remote_id, codec::decode(&record.body).ok()?)))
            .collect();
        let mut lines = Vec::new();
        for intended in all {
            let body = intended.remote_id.as_ref().and_then(|id| bodies.get(id));
            let line = |path: Option<String>, wanted: Value, found: Option<Value>, same: bool| Compared {
                record: intended.record,
                operation: intended.operation.clone(),
                remote_id: intended.remote_id.clone().filter(|_| body.is_some()),
                path,
                wanted,
                found,
                same,
                since: intended.first_at,
            };
            let goes = matches!(intended.operation.as_str(), "delete" | "merge");
            match body {
                Some(body) if !goes => {
                    for (path, (_, wanted)) in &intended.fields {
                        let same = landed::landed(&mapping, body, path, wanted, region);
                        let remote = path.split_once('#').map_or(path.as_str(), |(remote, _)| remote);
                        lines.push(line(Some(path.clone()), wanted.clone(), body.at(remote).cloned(), same));
                    }
                }
                _ => lines.push(line(None, Value::Null, None, goes && body.is_none())),
            }
        }
        Ok(lines)
    }

    /// How many writes are noted of a flow.
    pub fn shadow_writes(&self, flow: &str) -> Result<u64, StoreError> {
        Ok(self.store.rows(&space(flow))?.len() as u64)
    }

    /// Forgets what was noted of a flow.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn shadow_clear(&self, flow: &str) -> Result<u64, EngineError> {
        let rows = self.store.rows(&space(flow))?;
        self.write(Cause::default(), |draft| {
            let gone = rows.iter().map(|(key, _)| KeyedRow { space: space(flow), key: key.clone(), value: None });
            draft.batch.rows.extend(gone);
            Ok(())
        })
        .await?;
        Ok(rows.len() as u64)
    }
}

fn intended(mapping: &Mapping, record: RecordId, write: &Write, first_at: Time, last_at: Time) -> Intended {
    let (operation, remote_id) = match &write.kind {
        WriteKind::Create => ("create", None),
        WriteKind::Update(id) => ("update", Some(id.clone())),
        WriteKind::Delete(id) => ("delete", Some(id.clone())),
        WriteKind::Merge(from, _) => ("merge", Some(from.clone())),
    };
    let fields = super::plan::planned_fields(mapping, write).into_iter().map(|(path, now, then)| (path, (now, then)));
    Intended {
        record,
        operation: operation.to_owned(),
        remote_id,
        child_of: write.child_of.clone(),
        fields: fields.collect(),
        first_at,
        last_at,
    }
}
