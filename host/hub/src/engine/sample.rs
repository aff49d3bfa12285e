//! A few records of a plan, sent before the whole is agreed to, and read back.

use std::collections::{BTreeSet, HashMap};

use nave_core::catalog::Mapping;
use nave_core::matching::key_hash;
use nave_core::model::{AuditEntry, Cause, RecordId, Run};
use serde::{Deserialize, Serialize};

use super::deliver::Need;
use super::only::Only;
use super::plan::{PlannedWrite, planned};
use super::verify::Verified;
use super::{Engine, EngineError};

/// One write as it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listed {
    pub(super) record: RecordId,
    /// Of everything that was shown of it.
    pub(super) hash: u64,
}

impl Listed {
    pub(super) fn of(write: &PlannedWrite) -> Self {
        let fields = write.fields.iter().map(|(path, now, then)| {
            let now = now.as_ref().map(|now| now.to_json().to_string()).unwrap_or_default();
            format!("{path} {now} {}", then.to_json())
        });
        let words: Vec<String> = std::iter::once(write.operation.to_owned()).chain(fields).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Self { record: write.record, hash: key_hash(&words) }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    /// Records that were written.
    pub records: Vec<RecordId>,
    /// The run; none where nothing of what was shown is left to write.
    pub run: Option<Run>,
    /// What was read back.
    pub verified: Verified,
}

impl Engine {
    /// Writes the first records of a plan as it was shown, at most `limit`, and reads each back. The rest of the flow waits
    /// for its plan to be agreed to.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where nobody has seen the plan, it showed fewer, or what it showed has changed.
    pub async fn sample(&self, name: &str, limit: usize, by: &str, reason: &str) -> Result<Sampled, EngineError> {
        let mapping = self.mapping(name)?;
        let again = format!("run `nave plan --flow {name} --limit {limit}` and look");
        let Some((all, shown)) = self.listed(name, &mapping.digest)? else {
            return Err(EngineError::Refused(format!(
                "nobody has seen a plan of `{name}` under the configuration as it is now; {again}"
            )));
        };
        let mut seen: BTreeSet<RecordId> = BTreeSet::new();
        let mut chosen = Only { agreed: true, ..Only::default() };
        for listed in &all {
            if chosen.records.len() >= limit || !seen.insert(listed.record) {
                continue;
            }
            let now = self.writes_of(&mapping, listed.record)?;
            if now.is_empty() {
                continue; // written meanwhile, or not wanted any more
            }
            let as_shown = |write: &PlannedWrite| all.contains(&Listed::of(write));
            if !now.iter().all(as_shown) {
                return Err(EngineError::Refused(format!(
                    "what is to be written to {}/{} is not what the plan showed; {again}",
                    mapping.entity, listed.record
                )));
            }
            chosen.records.insert(listed.record);
        }
        if chosen.records.len() < limit && (all.len() as u64) < shown {
            return Err(EngineError::Refused(format!("the plan of `{name}` showed {} of {shown} writes; {again}", all.len())));
        }
        let records: Vec<RecordId> = chosen.records.iter().copied().collect();
        if records.is_empty() {
            return Ok(Sampled { records, run: None, verified: Verified::default() });
        }
        let detail = format!("{} records of the plan. {reason}", records.len());
        self.write(Cause { person: Some(by.to_owned()), ..Cause::default() }, |draft| {
            draft.batch.audit.push(AuditEntry {
                at: draft.now,
                actor: by.to_owned(),
                action: "plan.sampled".into(),
                subject: name.to_owned(),
                detail: detail.trim_end().to_owned(),
            });
            Ok(())
        })
        .await?;
        let run = self.run_out_only(name, &chosen).await?;
        let verified = self.verify(run.id).await?;
        Ok(Sampled { records, run: Some(run), verified })
    }

    /// What would be written for one record, if it waits for the flow.
    fn writes_of(&self, mapping: &Mapping, record: RecordId) -> Result<Vec<PlannedWrite>, EngineError> {
        let catalog = self.catalog();
        if self.entries(&mapping.name, RecordId(0), 1, Some(&Only::of([record])))?.is_empty() {
            return Ok(Vec::new());
        }
        let subjects = self.subjects(mapping, &[record])?;
        let Some(subject) = subjects.get(&record) else { return Ok(Vec::new()) };
        let known = self.children_known(mapping)?;
        let entity = self.entity(&catalog, &mapping.entity)?;
        Ok(match self.need(&catalog, mapping, subject, &HashMap::new(), &known)? {
            Need::Writes(wanted) => wanted.writes.iter().map(|write| planned(mapping, entity, &subject.record, write)).collect(),
            _ => Vec::new(),
        })
    }
}
