//! Fields that a person put back to what they were: held there, against what the record says, until a person lets go.
//!
//! The one comparison asks here last. A held field wants its former value while it still shows what the run had written, and
//! nothing else ever: what somebody put there since stays theirs.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use nave_core::catalog::{Clear, Mapping};
use nave_core::difference::{self, Difference};
use nave_core::intake::shadow_body;
use nave_core::model::{Contribution, ContributionId, RecordId, Time, WriteKind};
use nave_core::value::Value;
use nave_store::{KeyedRow, SealedRow, StoreError};
use serde::{Deserialize, Serialize};

use super::deliver::{Current, Need, Subject, Wanted, Write, put_away};
use super::draft::Draft;
use super::merges::restore;
use super::{Engine, EngineError};

/// Where a flow's holds are.
fn space(flow: &str) -> String {
    format!("held {flow}")
}

fn key(contribution: ContributionId) -> String {
    format!("{:020}", contribution.0)
}

/// One field that is held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Held {
    /// What it holds again.
    pub(super) before: Value,
    /// What it showed after the write that is taken back: only then it is ours to write.
    pub(super) there: Value,
    /// The run that is taken back.
    pub(super) run: u64,
    /// The merge that is taken back, 0 for none: only until it is so again, or the record says something of the field.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) once: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What is held of one thing over there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Hold {
    pub(super) record: RecordId,
    /// Remote path → what is held.
    pub(super) paths: BTreeMap<String, Held>,
    /// The run that made the thing, where that is taken back: it is put away or, if a person agrees, deleted.
    pub(super) made: Option<u64>,
    /// The merge that is taken back, 0 for none: what the record says goes back as it was spelled there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) as_before: u64,
    /// Who, and when.
    pub(super) by: String,
    pub(super) at: Time,
}

type OfFlow = Arc<BTreeMap<ContributionId, Hold>>;

/// What is held, as it was last read from the store; forgotten with each change.
#[derive(Default)]
pub(super) struct Holds(Mutex<HashMap<String, OfFlow>>);

impl Holds {
    fn known(&self, flow: &str) -> Option<OfFlow> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(flow).cloned()
    }

    fn learn(&self, flow: &str, holds: &OfFlow) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(flow.to_owned(), holds.clone());
    }

    /// To be called after each commit that changes a hold.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Writes a hold, or takes it out where it holds nothing any more.
pub(super) fn put(draft: &mut Draft<'_>, flow: &str, id: ContributionId, hold: &Hold) -> Result<(), StoreError> {
    if hold.paths.is_empty() && hold.made.is_none() && hold.as_before == 0 {
        draft.batch.rows.push(KeyedRow { space: space(flow), key: key(id), value: None });
        return Ok(());
    }
    let value = serde_json::to_vec(hold).map_err(|error| StoreError::Damaged(error.to_string()))?;
    draft.batch.sealed.push(SealedRow { record: hold.record, space: space(flow), key: key(id), value });
    Ok(())
}

/// The value by which a field is emptied again, as its mapping says; `None`: it cannot be.
pub(super) fn spelled(mapping: &Mapping, path: &str, before: &Value) -> Option<Value> {
    if !before.is_empty() {
        return Some(before.clone());
    }
    match mapping.fields.iter().find(|field| field.remote == path).map(|field| field.clear) {
        None => Some(before.clone()),
        Some(Clear::Null | Clear::Omit) => Some(Value::Null),
        Some(Clear::EmptyText) => Some(Value::text("")),
        Some(Clear::Cannot) => None,
    }
}

/// Whether a thing still shows everything that was written to it.
pub(super) fn untouched(hold: &Hold, row: &Contribution) -> bool {
    hold.paths.iter().all(|(path, held)| row.shadow.get(path).is_none_or(|now| same(now, &held.there)))
}

pub(super) fn same(left: &Value, right: &Value) -> bool {
    left == right || left.is_empty() && right.is_empty()
}

impl Engine {
    /// What is held of a flow's things.
    pub(super) fn holds(&self, flow: &str) -> Result<OfFlow, StoreError> {
        if let Some(known) = self.holds.known(flow) {
            return Ok(known);
        }
        let mut holds = BTreeMap::new();
        for (key, row) in self.store.sealed_rows(&space(flow))? {
            let (Ok(id), Some(row)) = (key.parse(), row) else { continue };
            let hold = serde_json::from_slice(&row).map_err(|error| StoreError::Damaged(error.to_string()))?;
            holds.insert(ContributionId(id), hold);
        }
        let holds = Arc::new(holds);
        self.holds.learn(flow, &holds);
        Ok(holds)
    }

    /// What is held of a flow: fields, things that were made, and the runs that were taken back.
    pub fn held_back(&self, flow: &str) -> Result<(u64, Vec<u64>), StoreError> {
        let holds = self.holds(flow)?;
        let of_runs = |hold: &Hold| hold.paths.values().filter(|held| held.once == 0).count() as u64;
        let fields = holds.values().map(|hold| if hold.made.is_some() { 1 } else { of_runs(hold) }).sum();
        let paths =
            |hold: &Hold| -> Vec<u64> { hold.paths.values().filter(|held| held.once == 0).map(|held| held.run).collect() };
        let mut runs: Vec<u64> = holds.values().flat_map(|hold| hold.made.into_iter().chain(paths(hold))).collect();
        runs.sort_unstable();
        runs.dedup();
        Ok((fields, runs))
    }

    /// What is held of a record at a flow's destination: remote paths, or none for a thing that was made; and the run.
    pub fn held_of(&self, flow: &str, record: RecordId) -> Result<Vec<(Vec<String>, u64)>, StoreError> {
        let mut found = Vec::new();
        for hold in self.holds(flow)?.values().filter(|hold| hold.record == record) {
            if let Some(run) = hold.made {
                found.push((Vec::new(), run));
                continue;
            }
            let mut by_run: BTreeMap<u64, Vec<String>> = BTreeMap::new();
            for (path, held) in hold.paths.iter().filter(|(_, held)| held.once == 0) {
                by_run.entry(held.run).or_default().push(path.clone());
            }
            found.extend(by_run.into_iter().map(|(run, paths)| (paths, run)));
        }
        Ok(found)
    }

    /// What is needed, after what is held has had its say.
    pub(super) fn held(&self, mapping: &Mapping, subject: &Subject, current: &Current, need: Need) -> Result<Need, EngineError> {
        let holds = self.holds(&mapping.name)?;
        if holds.is_empty() {
            return Ok(need);
        }
        let rows: Vec<(&Contribution, &Hold)> = subject.there.iter().filter_map(|row| Some((row, holds.get(&row.id)?))).collect();
        if rows.is_empty() {
            return Ok(need);
        }
        let mut wanted = match need {
            Need::Writes(wanted) => wanted,
            Need::Nothing => Wanted::default(),
            Need::Blocked(stopped) => Wanted { stopped, ..Wanted::default() },
            other => return Ok(other),
        };
        for (row, hold) in rows {
            let of_thing = |write: &Write| write.contribution.as_ref().is_some_and(|known| known.id == row.id);
            if hold.made.is_some() {
                // Nothing else is written to it, and none is made in its place.
                wanted.writes.retain(|write| !of_thing(write) && write.kind != WriteKind::Create);
                if row.is_active() && untouched(hold, row) {
                    wanted.writes.extend(self.unmake(mapping, subject, row, current)?);
                }
                continue;
            }
            if !row.is_active() {
                continue;
            }
            let id = row.key.remote_id.to_string();
            let own = |write: &Write| of_thing(write) && write.child_of.is_none() && matches!(write.kind, WriteKind::Update(_));
            let at = wanted.writes.iter().position(own);
            let read = current.get(&(mapping.stream.clone(), id.clone()));
            let mut write = match at {
                Some(at) => wanted.writes.remove(at),
                None => {
                    let mut difference = Difference::none();
                    difference.desired = read.map_or_else(|| shadow_body(mapping, row), |read| read.body.clone());
                    Write::of(WriteKind::Update(id), Some(row), difference).against(read)
                }
            };
            for (path, held) in &hold.paths {
                let now = row.shadow.get(path.as_str());
                if held.once != 0 && restore::says(mapping, &subject.record, path) {
                    continue;
                }
                write.difference.give_up(path, now);
                let ours = now.is_some_and(|now| same(now, &held.there) && !same(now, &held.before));
                if let (true, Some((remote, whole))) = (ours, restore::list_back(mapping, path, &held.before)) {
                    write.difference.put_list_back(path, &remote, held.before.clone(), whole);
                } else if ours && let Some(value) = spelled(mapping, path, &held.before) {
                    write.difference.put_back(path, value);
                }
            }
            if !write.difference.is_empty() {
                wanted.writes.insert(at.unwrap_or(0), write);
            }
        }
        Ok(match (wanted.writes.is_empty(), wanted.stopped.is_empty(), wanted.waits) {
            (true, true, false) => Need::Nothing,
            (true, false, false) => Need::Blocked(wanted.stopped),
            _ => Need::Writes(wanted),
        })
    }

    /// Takes out of a need whatever does not put back what is held; that goes on waiting.
    pub(super) fn held_alone(&self, mapping: &Mapping, need: &mut Need) -> Result<(), StoreError> {
        let holds = self.holds(&mapping.name)?;
        let mut left = matches!(need, Need::Blocked(_));
        if let Need::Writes(wanted) = need {
            left |= !wanted.stopped.is_empty() || wanted.waits;
            wanted.stopped.clear();
            wanted.writes.retain_mut(|write| {
                let row = write.contribution.clone();
                let hold = row.as_ref().and_then(|row| holds.get(&row.id)).filter(|_| write.child_of.is_none());
                let (Some(row), Some(hold)) = (row, hold) else {
                    left = true;
                    return false;
                };
                if hold.made.is_some() {
                    return true;
                }
                let others = write.difference.values.keys().filter(|path| !hold.paths.contains_key(path.as_str()));
                for path in others.cloned().collect::<Vec<_>>() {
                    write.difference.give_up(&path, row.shadow.get(&path));
                    left = true;
                }
                !write.difference.is_empty()
            });
            wanted.waits = left;
            if !wanted.writes.is_empty() || !left {
                return Ok(());
            }
        }
        if left {
            *need = Need::Held("only what is taken back is sent now".into());
        }
        Ok(())
    }

    /// The write that takes a thing away which a run had made: it is put away where that can be, or deleted if a person
    /// agrees.
    fn unmake(
        &self,
        mapping: &Mapping,
        subject: &Subject,
        row: &Contribution,
        current: &Current,
    ) -> Result<Option<Write>, EngineError> {
        if !mapping.archive.is_empty() {
            return Ok(if difference::is_put_away(mapping, row) { None } else { put_away(mapping, row, current) });
        }
        let catalog = self.catalog();
        let entity = self.entity(&catalog, &mapping.entity)?;
        self.removal(mapping, entity, &subject.record, row, WriteKind::Delete(row.key.remote_id.to_string()))
    }
}
