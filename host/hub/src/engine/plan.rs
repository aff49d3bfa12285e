//! What would be sent, without sending it. A first sync into a system needs a plan that somebody has seen.

use std::collections::HashMap;

use nave_core::Text;
use nave_core::catalog::{Entity, Mapping};
use nave_core::difference::Blocked;
use nave_core::fit::Fitted;
use nave_core::intake::list_path;
use nave_core::model::{Cause, Record, RecordId, Time, WriteKind};
use nave_core::part;
use nave_core::value::Value;
use serde::{Deserialize, Serialize};

use super::deliver::{Need, Write};
use super::sample::Listed;
use super::take::title;
use super::{Engine, EngineError};

/// Rows: every configuration of a flow that somebody has agreed to.
const AGREED: &str = "agreed";

fn agreed(flow: &str, digest: &str) -> String {
    format!("{flow} {digest}")
}

/// Writes that may have come to a plan since it was shown, before it has to be shown again: what moves in a system at work.
const GREW_FREE_MAX: u64 = 10;
/// And in percent of what was shown.
const GREW_PERCENT_MAX: u64 = 10;

/// What was shown of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Shown {
    digest: String,
    creates: u64,
    updates: u64,
    deletes: u64,
    /// The writes that were listed.
    #[serde(default)]
    listed: Vec<Listed>,
}

impl Shown {
    fn of(digest: &str, plan: &FlowPlan) -> Self {
        Self {
            digest: digest.to_owned(),
            creates: plan.creates,
            updates: plan.updates,
            deletes: plan.deletes,
            listed: plan.writes.iter().map(Listed::of).collect(),
        }
    }

    /// What has come to it, in words; nothing where it is about as much.
    fn grew(&self, now: &Self) -> Option<String> {
        let more = |what: &str, shown: u64, now: u64| {
            let free = GREW_FREE_MAX.max(shown.saturating_mul(GREW_PERCENT_MAX) / 100);
            (now > shown.saturating_add(free)).then(|| format!("{} more {what}", now - shown))
        };
        let all = [
            more("creates", self.creates, now.creates),
            more("updates", self.updates, now.updates),
            more("deletes", self.deletes, now.deletes),
        ];
        let all: Vec<String> = all.into_iter().flatten().collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

/// One write that would be made.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedWrite {
    /// Record.
    pub record: RecordId,
    /// What a person calls it.
    pub title: String,
    /// `create`, `update`, `delete`, `merge`.
    pub operation: &'static str,
    /// Remote path, value there now, value it would get.
    pub fields: Vec<(String, Option<Value>, Value)>,
    /// Of these: what goes there otherwise than it is here.
    pub fitted: Vec<Fitted>,
}

/// One flow's plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlowPlan {
    /// Mapping name.
    pub flow: String,
    /// Connection.
    pub connection: String,
    /// Records that would be created.
    pub creates: u64,
    /// Records that would be updated.
    pub updates: u64,
    /// Deletes, and merges of one thing into another.
    pub deletes: u64,
    /// Records that would be refused by us, with the reason of the first few.
    pub blocked: u64,
    /// Waiting for a person or for time.
    pub waiting: u64,
    /// Already equal.
    pub unchanged: u64,
    /// The first writes, as asked for.
    pub writes: Vec<PlannedWrite>,
    /// Reasons of the first blocked ones.
    pub reasons: Vec<String>,
    /// Whether a plan for this configuration was applied before.
    pub approved: bool,
}

/// Path, value there now, value it would get; of a child those of its own fields.
pub(super) fn planned_fields(mapping: &Mapping, write: &Write) -> Vec<(String, Option<Value>, Value)> {
    let there = write.contribution.as_ref();
    let Some(stream) = &write.child_of else {
        let planned = |(path, value): (&Text, &Value)| {
            (path.to_string(), there.and_then(|row| row.shadow.get(path).cloned()), value.clone())
        };
        return write.difference.values.iter().map(planned).collect();
    };
    let part = mapping.parts.iter().find(|part| write.difference.values.contains_key(&list_path(&part.list)));
    let Some(part) = part else { return Vec::new() };
    let child = match &write.kind {
        WriteKind::Update(id) | WriteKind::Delete(id) => {
            there.and_then(|row| part::shadow(row, part).iter().find(|element| part::child_id(element) == Some(id)))
        }
        WriteKind::Create | WriteKind::Merge(..) => None,
    };
    let own = |path: &&String| matches!(write.kind, WriteKind::Delete(_)) || write.difference.changed.at(path).is_some();
    let paths = part.list.fields.iter().map(|field| &field.remote).filter(own);
    let planned = |path: &String| {
        let value = write.difference.changed.at(path).cloned().unwrap_or_default();
        (format!("{stream}.{path}"), child.and_then(|child| child.at(path).cloned()), value)
    };
    paths.map(planned).collect()
}

/// A write as a person sees it before it is made.
pub(super) fn planned(mapping: &Mapping, entity: &Entity, record: &Record, write: &Write) -> PlannedWrite {
    PlannedWrite {
        record: record.id,
        title: title(entity, |field| record.value(field)),
        operation: match write.kind {
            WriteKind::Create => "create",
            WriteKind::Update(_) => "update",
            WriteKind::Delete(_) => "delete",
            WriteKind::Merge(..) => "merge",
        },
        fields: planned_fields(mapping, write),
        fitted: write.difference.fitted.clone(),
    }
}

/// One line for one record, whatever stops it.
fn blocked(name: &str, errors: &[Blocked]) -> String {
    let errors: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    format!("{name}: {}", errors.join("; "))
}

impl Engine {
    /// Computes a flow's plan from what is stored, and remembers that it was seen. Sends nothing, reads nothing over there.
    pub async fn plan(&self, name: &str, limit: usize) -> Result<FlowPlan, EngineError> {
        let plan = self.planned(name, limit).await?;
        if self.waits_for_renames(&self.mapping(name)?.entity)? {
            return Ok(plan);
        }
        let shown = Shown::of(&self.mapping(name)?.digest, &plan);
        let value = serde_json::to_vec(&shown).map_err(|error| EngineError::Refused(error.to_string()))?;
        self.write(Cause::default(), |draft| {
            let value = Some(value.clone());
            draft.batch.rows.push(nave_store::KeyedRow { space: "plan".into(), key: name.to_owned(), value });
            Ok(())
        })
        .await?;
        Ok(plan)
    }

    async fn planned(&self, name: &str, limit: usize) -> Result<FlowPlan, EngineError> {
        let mapping = self.mapping(name)?;
        let catalog = self.catalog();
        let entity = self.entity(&catalog, &mapping.entity)?;
        self.enter_configuration(&mapping).await?;
        let approved = self.store.flow(name)?.approved.as_deref() == Some(mapping.digest.as_str());
        let mut plan =
            FlowPlan { flow: name.to_owned(), connection: mapping.connection.clone(), approved, ..FlowPlan::default() };
        if self.waits_for_renames(&mapping.entity)? {
            // What would be sent is known once the stored values have their names.
            plan.waiting = self.store.dirty_count(name)?;
            return Ok(plan);
        }
        self.conform().await?;
        let mut after = RecordId(0);
        let none = HashMap::new();
        let known = self.children_known(&mapping)?;
        loop {
            let entries = self.store.dirty(name, after, 1_000)?;
            let Some(last) = entries.last() else { break };
            after = last.record;
            let ids: Vec<RecordId> = entries.iter().map(|entry| entry.record).collect();
            let subjects = self.subjects(&mapping, &ids)?;
            for entry in &entries {
                let Some(subject) = subjects.get(&entry.record) else { continue };
                match self.need(&catalog, &mapping, subject, &none, &known)? {
                    Need::Nothing => plan.unchanged += 1,
                    Need::Held(_) | Need::Parked(_) | Need::Surged => plan.waiting += 1,
                    Need::Blocked(errors) => {
                        plan.blocked += 1;
                        if plan.reasons.len() < limit {
                            let name = title(entity, |field| subject.record.value(field));
                            plan.reasons.push(blocked(&name, &errors));
                        }
                    }
                    Need::Writes(wanted) => {
                        let name = title(entity, |field| subject.record.value(field));
                        plan.blocked += u64::from(!wanted.stopped.is_empty());
                        if plan.reasons.len() < limit && !wanted.stopped.is_empty() {
                            plan.reasons.push(blocked(&name, &wanted.stopped));
                        }
                        for write in wanted.writes {
                            *match write.kind {
                                WriteKind::Create => &mut plan.creates,
                                WriteKind::Update(_) => &mut plan.updates,
                                WriteKind::Delete(_) | WriteKind::Merge(..) => &mut plan.deletes,
                            } += 1;
                            if plan.writes.len() < limit {
                                plan.writes.push(planned(&mapping, entity, &subject.record, &write));
                            }
                        }
                    }
                }
            }
        }
        Ok(plan)
    }

    /// The writes that a plan listed under this configuration, and how many it had in all.
    pub(super) fn listed(&self, name: &str, digest: &str) -> Result<Option<(Vec<Listed>, u64)>, EngineError> {
        let seen = self.store.row("plan", name)?.and_then(|row| serde_json::from_slice::<Shown>(&row).ok());
        let seen = seen.filter(|seen| seen.digest == digest);
        Ok(seen.map(|seen| (seen.listed, seen.creates + seen.updates + seen.deletes)))
    }

    /// Whether a plan of this flow was ever shown, under whatever configuration.
    pub fn was_planned(&self, name: &str) -> Result<bool, EngineError> {
        Ok(self.store.row("plan", name)?.is_some())
    }

    /// What has come to a flow's plan since it was shown, in words; nothing where it is about as much, or where this very
    /// configuration was agreed to before.
    pub async fn grew(&self, name: &str) -> Result<Option<String>, EngineError> {
        let mapping = self.mapping(name)?;
        let seen = self.store.row("plan", name)?.and_then(|row| serde_json::from_slice::<Shown>(&row).ok());
        let Some(seen) = seen.filter(|seen| seen.digest == mapping.digest) else { return Ok(None) };
        if self.store.row(AGREED, &agreed(name, &mapping.digest))?.is_some() {
            return Ok(None);
        }
        Ok(seen.grew(&Shown::of(&mapping.digest, &self.planned(name, 0).await?)))
    }

    /// Agrees to a flow's plan. Refused when no plan was seen for this very configuration, unless it was agreed to
    /// before: an older configuration that is checked out again is in force with one command.
    pub async fn approve(&self, name: &str, by: &str, reason: &str) -> Result<Time, EngineError> {
        let mapping = self.mapping(name)?;
        let seen = self.store.row("plan", name)?.and_then(|row| serde_json::from_slice::<Shown>(&row).ok());
        let agreed_before = self.store.row(AGREED, &agreed(name, &mapping.digest))?.is_some();
        if seen.is_none_or(|seen| seen.digest != mapping.digest) && !agreed_before {
            return Err(EngineError::Refused(format!(
                "nobody has seen a plan of `{name}` under the configuration as it is now; run `nave plan --flow {name}` first"
            )));
        }
        if let Some(more) = self.grew(name).await? {
            return Err(EngineError::Refused(format!(
                "since the plan of `{name}` was shown, {more} came to it; run `nave plan --flow {name}` and look again"
            )));
        }
        self.write(Cause { person: Some(by.to_owned()), ..Cause::default() }, |draft| {
            let mut flow = self.store.flow(name)?;
            let before = flow.approved.replace(mapping.digest.clone());
            for digest in before.iter().chain(&flow.approved) {
                let key = agreed(name, digest);
                draft.batch.rows.push(nave_store::KeyedRow { space: AGREED.into(), key, value: Some(b"1".to_vec()) });
            }
            draft.batch.flows.push((name.to_owned(), flow));
            draft.batch.audit.push(nave_core::model::AuditEntry {
                at: draft.now,
                actor: by.to_owned(),
                action: "plan.applied".into(),
                subject: name.to_owned(),
                detail: reason.to_owned(),
            });
            Ok(draft.now)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_several_things_stop_is_one_line() {
        let error = |message: &str| Blocked::new("required", "x", message);
        assert_eq!(blocked("Ada", &[error("no name"), error("no e-mail")]), "Ada: no name; no e-mail");
    }
}
