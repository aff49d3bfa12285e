//! A run taken back: where a system still shows what the run wrote, it is to hold what it held before.
//!
//! This is no second way to write. What was overwritten becomes a hold, in one commit with the entry that has it compared;
//! the one comparison does the rest, as often as it takes. The record goes on saying what it says: a field that is held is
//! left alone until a person lets go of it, so that the hub does not send again what was just taken back.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::catalog::Mapping;
use nave_core::model::{AuditEntry, Cause, Contribution, ContributionId, Reason, RecordId, RemoteKey, Run, WriteKind};
use nave_core::value::Value;
use nave_store::KeyedRow;
use serde::{Deserialize, Serialize};

use super::agreed;
use super::holds::{self, Held, Hold, same, spelled, untouched};
use super::images::Image;
use super::only::Only;
use super::{Engine, EngineError};

/// Rows: what was shown of a rollback, by run.
const SHOWN: &str = "rollback";
/// Things whose holds are written in one commit.
const AT_ONCE: usize = 1_000;

/// What becomes of one field, or of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// It is to hold what it held before.
    ToRestore,
    /// It holds that.
    Restored,
    /// The run had made the thing: it is to be put away, or deleted once a person agrees.
    ToRemove,
    /// It is put away, or gone.
    Removed,
    /// A person was asked whether it is deleted.
    Asked,
    /// Left alone, for this reason.
    Left(&'static str),
}

/// Why something is left alone.
pub mod left {
    /// Somebody put something else there.
    pub const CHANGED: &str = "somebody changed it since";
    /// The hub itself wrote it again.
    pub const AGAIN: &str = "a later run wrote it again: take that one back first";
    /// Nobody knew what was there.
    pub const UNKNOWN: &str = "what it held before was not known";
    /// It cannot be emptied over there.
    pub const CANNOT: &str = "it was empty, and cannot be emptied there";
    /// A list, or a child.
    pub const LIST: &str = "a list or a thing of a list: put it right by hand";
    /// Deleted or merged.
    pub const GONE: &str = "the run deleted or merged it there: it cannot be made again from here";
    /// No longer there.
    pub const NOT_THERE: &str = "it is not there any more";
    /// Neither can be done.
    pub const NO_WAY: &str = "the run made it; it can neither be put away nor deleted there";
    /// A person said no.
    pub const REFUSED: &str = "the run made it, and a person said that it stays";
}

/// One line of a rollback.
#[derive(Clone, Debug, PartialEq)]
pub struct BackLine {
    /// Record.
    pub record: RecordId,
    /// The system's id.
    pub remote_id: String,
    /// Remote path; none for the thing as a whole.
    pub path: Option<String>,
    /// What is there now, as far as it is known.
    pub now: Option<Value>,
    /// What was there before.
    pub before: Option<Value>,
    /// What becomes of it.
    pub back: Back,
}

/// A run taken back, or what that would be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rollback {
    /// Flow that had written.
    pub flow: String,
    /// By thing and path.
    pub lines: Vec<BackLine>,
    /// The system could not be asked what is there now: the lines say what was known.
    pub unread: Option<String>,
    /// The run that did it.
    pub run: Option<Run>,
    /// Nothing was sent, for this reason; it is done with the next run of the flow.
    pub waits: Option<String>,
}

impl Rollback {
    /// How many lines come to this.
    pub fn count(&self, what: impl Fn(Back) -> bool) -> u64 {
        self.lines.iter().filter(|line| what(line.back)).count() as u64
    }
}

/// What was shown.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Shown {
    restore: u64,
    remove: u64,
}

/// One thing that the run wrote to, its writes folded: before the first, after the last.
struct Thing {
    record: RecordId,
    made: bool,
    gone: bool,
    children: bool,
    before: BTreeMap<String, Value>,
    /// Path → (sent, there).
    after: BTreeMap<String, (Value, Value)>,
}

fn fold(images: Vec<Image>) -> BTreeMap<String, Thing> {
    let mut things: BTreeMap<String, Thing> = BTreeMap::new();
    for image in images {
        let thing = things.entry(image.remote_id.clone()).or_insert_with(|| Thing {
            record: image.record,
            made: false,
            gone: false,
            children: false,
            before: BTreeMap::new(),
            after: BTreeMap::new(),
        });
        if image.child_of.is_some() {
            thing.children = true;
            continue;
        }
        match image.kind {
            WriteKind::Create => thing.made = true,
            WriteKind::Update(_) => {}
            WriteKind::Delete(_) | WriteKind::Merge(..) => {
                thing.gone = true;
                continue;
            }
        }
        for (path, sent) in &image.sent {
            if let Some(before) = image.before.get(path).filter(|_| !thing.after.contains_key(path.as_str())) {
                thing.before.insert(path.to_string(), before.clone());
            }
            let there = image.there.get(path).unwrap_or(sent).clone();
            thing.after.insert(path.to_string(), (sent.clone(), there));
        }
    }
    things
}

impl Engine {
    /// What taking a run back would come to, and remembers that it was shown. The system is asked what is there now.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] where nothing is kept of the run.
    pub async fn plan_rollback(&self, run: u64) -> Result<Rollback, EngineError> {
        let (rollback, _) = self.rollback_of(run, true).await?;
        let shown = Shown {
            restore: rollback.count(|back| back == Back::ToRestore),
            remove: rollback.count(|back| back == Back::ToRemove),
        };
        let value = serde_json::to_vec(&shown).map_err(|error| EngineError::Refused(error.to_string()))?;
        self.write(Cause::default(), |draft| {
            draft.batch.rows.push(KeyedRow { space: SHOWN.into(), key: run.to_string(), value: Some(value.clone()) });
            Ok(())
        })
        .await?;
        Ok(rollback)
    }

    /// Takes a run back, as it was shown. Doing it again goes on where it was broken off, and changes nothing that is done.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where nobody has seen the plan, or more came to it since.
    pub async fn rollback(&self, run: u64, by: &str, reason: &str) -> Result<Rollback, EngineError> {
        let (before, things) = self.rollback_of(run, true).await?;
        let shown = self.store.row(SHOWN, &run.to_string())?.and_then(|row| serde_json::from_slice::<Shown>(&row).ok());
        let Some(shown) = shown else {
            return Err(EngineError::Refused(format!(
                "nobody has seen what this would do; `nave rollback run/{run} --plan` shows it"
            )));
        };
        let (restore, remove) = (before.count(|back| back == Back::ToRestore), before.count(|back| back == Back::ToRemove));
        if restore > shown.restore || remove > shown.remove {
            return Err(EngineError::Refused(format!(
                "{restore} fields and {remove} things would be put back, more than the {} and {} that were shown; \
                 `nave rollback run/{run} --plan` shows them",
                shown.restore, shown.remove
            )));
        }
        let flow = before.flow.clone();
        let records = self.hold(&flow, run, &before, &things, by, reason).await?;
        let (mut ran, mut waits) = (None, None);
        match self.run_out_only(&flow, &Only { records, agreed: true, held_alone: true }).await {
            Ok(done) => ran = Some(done),
            Err(EngineError::Refused(why)) => waits = Some(why),
            Err(error) => return Err(error),
        }
        let (after, _) = self.rollback_of(run, false).await?;
        Ok(Rollback { run: ran, waits, ..after })
    }

    /// Lets go of what is held of a run: what the record says is written again.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] where nothing is held.
    pub async fn let_go(&self, run: u64, by: &str, reason: &str) -> Result<(String, u64), EngineError> {
        let of_run = |hold: &Hold| hold.made == Some(run) || hold.paths.values().any(|held| held.run == run);
        let catalog = self.catalog();
        for flow in catalog.mappings.keys() {
            let holds = self.holds(flow)?;
            let held: Vec<(ContributionId, &Hold)> =
                holds.iter().filter(|(_, hold)| of_run(hold)).map(|(id, hold)| (*id, hold)).collect();
            if held.is_empty() {
                continue;
            }
            let mut fields = 0;
            for chunk in held.chunks(AT_ONCE) {
                let let_go = self
                    .write(Cause { person: Some(by.to_owned()), ..Cause::default() }, |draft| {
                        let mut count = 0;
                        for (id, hold) in chunk {
                            let mut hold = (*hold).clone();
                            let before = hold.paths.len();
                            if hold.made == Some(run) {
                                hold.made = None;
                                count += 1;
                            } else {
                                count += hold.paths.values().filter(|held| held.run == run).count() as u64;
                            }
                            hold.paths.retain(|_, held| held.run != run);
                            debug_assert!(hold.paths.len() < before || count > 0);
                            holds::put(draft, flow, *id, &hold)?;
                            let record = draft.surviving(hold.record)?;
                            draft.enter(flow, record, Reason::Resync);
                        }
                        let subject = format!("run {run}");
                        draft.batch.audit.push(line(draft.now, by, "rollback.released", subject, reason));
                        Ok(count)
                    })
                    .await;
                self.holds.forget();
                fields += let_go?;
            }
            return Ok((flow.clone(), fields));
        }
        Err(EngineError::NotFound(format!("nothing is held of run {run}; `nave status` says what is")))
    }

    /// Writes the holds, in one commit each with the entries that have them compared.
    async fn hold(
        &self,
        flow: &str,
        run: u64,
        rollback: &Rollback,
        things: &BTreeMap<String, Known>,
        by: &str,
        reason: &str,
    ) -> Result<BTreeSet<RecordId>, EngineError> {
        let mut of_thing: BTreeMap<&str, Vec<&BackLine>> = BTreeMap::new();
        for of in rollback.lines.iter().filter(|of| matches!(of.back, Back::ToRestore | Back::ToRemove | Back::Asked)) {
            of_thing.entry(&of.remote_id).or_default().push(of);
        }
        let known = self.holds(flow)?;
        let mut records = BTreeSet::new();
        let of_thing: Vec<(&str, Vec<&BackLine>)> = of_thing.into_iter().collect();
        for (at, chunk) in of_thing.chunks(AT_ONCE).enumerate() {
            let written = self
                .write(Cause { person: Some(by.to_owned()), ..Cause::default() }, |draft| {
                    for (remote_id, lines) in chunk {
                        let Some(Known { row: Some(row), thing }) = things.get(*remote_id) else { continue };
                        let mut hold = known.get(&row.id).cloned().unwrap_or_default();
                        let record = draft.surviving(thing.record)?;
                        (hold.record, hold.by, hold.at) = (record, by.to_owned(), draft.now);
                        if thing.made {
                            hold.made = Some(run);
                        }
                        for of in lines {
                            let Some(path) = &of.path else { continue };
                            let (_, there) = &thing.after[path];
                            let before = of.before.clone().unwrap_or_default();
                            hold.paths.insert(path.clone(), Held { before, there: there.clone(), run, once: 0 });
                        }
                        if thing.made {
                            let all = thing.after.iter().map(|(path, (_, there))| {
                                (path.clone(), Held { before: Value::Null, there: there.clone(), run, once: 0 })
                            });
                            hold.paths = all.filter(|(path, _)| !path.contains('#')).collect();
                        }
                        holds::put(draft, flow, row.id, &hold)?;
                        draft.enter(flow, record, Reason::Resync);
                        records.insert(record);
                    }
                    if at == 0 {
                        draft.batch.audit.push(line(draft.now, by, "run.rolled-back", format!("run {run}"), reason));
                    }
                    Ok(())
                })
                .await;
            self.holds.forget();
            written?;
        }
        Ok(records)
    }

    /// What is kept of a run, against what is there.
    async fn rollback_of(&self, run: u64, ask: bool) -> Result<(Rollback, BTreeMap<String, Known>), EngineError> {
        let Some(kept) = self.kept(run)? else {
            let exists = run > 0 && run < self.store.heads()?.run;
            let why = match exists {
                true => format!("run {run} wrote nothing, or what it overwrote is not kept any more"),
                false => format!("there is no run {run}"),
            };
            return Err(EngineError::NotFound(format!("{why}; `nave run list` shows the runs")));
        };
        let mapping = self.mapping(&kept.flow)?;
        let things = fold(self.images(run)?);
        let mut rollback = Rollback { flow: kept.flow, ..Rollback::default() };
        if ask && mapping.id.is_none() {
            let ids: Vec<String> = things.iter().filter(|(_, thing)| !thing.gone).map(|(id, _)| id.clone()).collect();
            if let Err(error) = self.refetch(&mapping.name, &mapping.stream, &ids, "refetch").await {
                rollback.unread = Some(error.to_string());
            }
        }
        let deletable = self.capabilities(&mapping).await.is_ok_and(|capabilities| capabilities.deletable);
        let keys: Vec<RemoteKey> =
            things.keys().map(|id| RemoteKey::new(&mapping.connection, &mapping.alias, id.as_str())).collect();
        let ids = self.store.resolve(&keys)?;
        let mut known = BTreeMap::new();
        for ((remote_id, thing), id) in things.into_iter().zip(ids) {
            let row = match id {
                Some(id) => self.store.contributions(&[id])?.pop().flatten(),
                None => None,
            };
            self.lines(&mapping, run, &remote_id, &thing, row.as_ref(), deletable, &mut rollback.lines)?;
            known.insert(remote_id, Known { row, thing });
        }
        Ok((rollback, known))
    }

    #[expect(clippy::too_many_arguments, reason = "one thing, as it was written and as it is known")]
    fn lines(
        &self,
        mapping: &Mapping,
        run: u64,
        remote_id: &str,
        thing: &Thing,
        row: Option<&Contribution>,
        deletable: bool,
        lines: &mut Vec<BackLine>,
    ) -> Result<(), EngineError> {
        let mut say = |path: Option<&String>, now: Option<&Value>, before: Option<&Value>, back: Back| {
            lines.push(BackLine {
                record: thing.record,
                remote_id: remote_id.to_owned(),
                path: path.cloned(),
                now: now.cloned(),
                before: before.cloned(),
                back,
            });
        };
        if thing.children {
            say(None, None, None, Back::Left(left::LIST));
        }
        if thing.gone {
            say(None, None, None, Back::Left(left::GONE));
            return Ok(());
        }
        let Some(row) = row else {
            say(None, None, None, Back::Left(left::NOT_THERE));
            return Ok(());
        };
        let hold = self.holds(&mapping.name)?.get(&row.id).cloned();
        if thing.made {
            let ours = hold.as_ref().is_some_and(|hold| hold.made == Some(run));
            let shown = Hold {
                paths: thing
                    .after
                    .iter()
                    .filter(|(path, _)| !path.contains('#'))
                    .map(|(path, (_, there))| (path.clone(), Held { before: Value::Null, there: there.clone(), run, once: 0 }))
                    .collect(),
                ..Hold::default()
            };
            let record = self.store.records(&[thing.record])?.pop().flatten();
            let back = if !row.is_active() {
                if ours { Back::Removed } else { Back::Left(left::NOT_THERE) }
            } else if ours && !mapping.archive.is_empty() && nave_core::difference::is_put_away(mapping, row) {
                Back::Removed
            } else if !untouched(&shown, row) {
                Back::Left(left::CHANGED)
            } else if mapping.archive.is_empty() && !deletable {
                Back::Left(left::NO_WAY)
            } else if let (true, true, Some(record)) = (ours, mapping.archive.is_empty(), record) {
                let kind = WriteKind::Delete(remote_id.to_owned());
                match self.agreement(mapping, &record, row, &kind, String::new)? {
                    None => Back::Left(left::REFUSED),
                    Some(agreed::Agreement::Asked) => Back::Asked,
                    Some(_) => Back::ToRemove,
                }
            } else {
                Back::ToRemove
            };
            say(None, None, None, back);
            return Ok(());
        }
        for (path, (sent, there)) in &thing.after {
            let now = row.shadow.get(path.as_str());
            let before = thing.before.get(path);
            let is = |value: &Value| now.is_some_and(|now| same(now, value));
            let by_us = row.sent.get(path.as_str());
            let back = if path.contains('#') {
                Back::Left(left::LIST)
            } else if !row.is_active() {
                Back::Left(left::NOT_THERE)
            } else {
                match before {
                    None => Back::Left(left::UNKNOWN),
                    Some(before) if is(before) || by_us.is_some_and(|by_us| same(by_us, before)) => Back::Restored,
                    Some(before) if is(there) => match spelled(mapping, path, before) {
                        Some(_) => Back::ToRestore,
                        None => Back::Left(left::CANNOT),
                    },
                    Some(_) if by_us.is_some_and(|by_us| !same(by_us, sent)) => Back::Left(left::AGAIN),
                    Some(_) => Back::Left(left::CHANGED),
                }
            };
            say(Some(path), now, before, back);
        }
        Ok(())
    }
}

/// A thing of the run, and what is known of it now.
struct Known {
    row: Option<Contribution>,
    thing: Thing,
}

fn line(at: nave_core::model::Time, by: &str, action: &str, subject: String, detail: &str) -> AuditEntry {
    AuditEntry { at, actor: by.to_owned(), action: action.to_owned(), subject, detail: detail.to_owned() }
}
