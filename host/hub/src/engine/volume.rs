//! Holds what goes at once for a person: many things that vanished or were deleted, or one field that many lost (I11).
//!
//! What is held is written down with the page that said it, so that the checkpoint may move on, and is let go of when the
//! system says otherwise. A person agrees to exactly the things that were asked about; what goes later is judged anew.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use nave_core::catalog::{Entity, Mapping};
use nave_core::intake::{Coverage, Pulled, list_path};
use nave_core::matching::remote_hash;
use nave_core::model::{Cause, Contribution, ContributionId, Reason, RemoteKey, Review, ReviewId, ReviewKind, Time, Went};
use nave_core::value::Value;
use nave_core::volume::{self, Volume};
use nave_core::{NameMap, accounting::InCounts};
use nave_store::{KeyedRow, StoreError};
use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::pull::{PageCommit, Reading};
use super::take::{Incoming, IncomingKind};
use super::{Engine, EngineError};

/// What is asked about, and what was answered: a row by stream and by what went.
const SPACE: &str = "volume";
/// Things taken in at a time once somebody agreed.
const AGREED_AT_ONCE: usize = 500;

/// A stream's things that wait: a row by what went and remote id.
fn things(connection: &str, stream: &str) -> String {
    format!("volume {connection}/{stream}")
}

fn word(what: &Went) -> String {
    match what {
        Went::Vanished => "vanished".to_owned(),
        Went::Deleted => "deleted".to_owned(),
        Went::Cleared(path) => format!("cleared {path}"),
        Went::Arrived => "arrived".to_owned(),
        Went::Changed => "changed".to_owned(),
    }
}

fn went(word: &str) -> Option<Went> {
    match word.strip_prefix("cleared ") {
        Some(path) => Some(Went::Cleared(path.to_owned())),
        None => (word == "deleted").then_some(Went::Deleted),
    }
}

fn asked_key(connection: &str, stream: &str, what: &Went) -> String {
    format!("{connection}/{stream} {}", word(what))
}

fn thing_key(what: &Went, remote_id: &str) -> String {
    format!("{}\t{remote_id}", word(what))
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Answer {
    #[default]
    Open,
    Approved,
    Refused,
}

/// What a person is asked about, or answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    review: Option<ReviewId>,
    answer: Answer,
    /// Contributions, or hashes of children's keys; of deletions and clearings, hashes of remote ids.
    things: BTreeSet<u64>,
    /// Of what vanished or was deleted: those that somebody said are not gone, until their system shows them again.
    refused: BTreeSet<u64>,
}

impl Asked {
    fn of(row: Option<Vec<u8>>) -> Self {
        row.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default()
    }

    fn row(&self, key: String) -> Result<KeyedRow, StoreError> {
        let value = serde_json::to_vec(self).map_err(|error| StoreError::Damaged(error.to_string()))?;
        Ok(KeyedRow { space: SPACE.into(), key, value: (*self != Self::default()).then_some(value) })
    }

    /// A person agreed that these are gone.
    fn agreed(&self, thing: u64) -> bool {
        self.answer == Answer::Approved && self.things.contains(&thing)
    }
}

/// A person's answer.
pub(super) fn answer(draft: &mut Draft<'_>, connection: &str, stream: &str, what: &Went, yes: bool) -> Result<(), StoreError> {
    if matches!(what, Went::Arrived | Went::Changed) {
        return super::surge::answer(draft, connection, stream, what, yes);
    }
    let key = asked_key(connection, stream, what);
    let mut asked = Asked::of(draft.row(SPACE, &key)?);
    asked.review = None;
    match (what, yes) {
        (Went::Vanished, false) => {
            let things = std::mem::take(&mut asked.things);
            asked.refused.extend(things);
        }
        (_, true) => asked.answer = Answer::Approved,
        (_, false) => asked.answer = Answer::Refused,
    }
    draft.batch.rows.push(asked.row(key)?);
    Ok(())
}

/// What one run of a stream let go so far, and what is held of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard {
    limit: Volume,
    known: u64,
    deleted: u64,
    cleared: BTreeMap<String, u64>,
    /// Keys of the things that wait.
    held: BTreeSet<String>,
    /// What vanished and a person agreed to, as long as nothing shows it.
    agreed: HashSet<u64>,
    /// Of what was deleted: hashes of those that somebody said are not gone.
    refused: BTreeSet<u64>,
    /// For people.
    said: Vec<String>,
}

/// A copy for one attempt to commit.
pub(super) fn copy(guard: Option<&Mutex<Guard>>) -> Option<Guard> {
    guard.map(|guard| guard.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// What it became, once that is committed, and what was met.
pub(super) fn put_back(guard: Option<&Mutex<Guard>>, became: Option<Guard>, met: impl Iterator<Item = ContributionId>) {
    if let (Some(guard), Some(became)) = (guard, became) {
        let mut guard = guard.lock().unwrap_or_else(PoisonError::into_inner);
        *guard = became;
        if !guard.agreed.is_empty() {
            for id in met {
                guard.agreed.remove(&id.0);
            }
        }
    }
}

/// What there is to say of a run.
pub(super) fn said(guard: &Mutex<Guard>) -> Option<String> {
    let said = std::mem::take(&mut guard.lock().unwrap_or_else(PoisonError::into_inner).said);
    (!said.is_empty()).then(|| said.join("; "))
}

impl Guard {
    /// Holds what is too much of a page. Answers the positions of what waits; the rest of those is taken in.
    pub(super) fn hold(
        &mut self,
        draft: &mut Draft<'_>,
        mapping: &Mapping,
        page: &mut [Incoming],
        differing: &[Option<ContributionId>],
    ) -> Result<HashSet<usize>, StoreError> {
        let mut not_gone = Vec::new();
        let mut going: BTreeMap<String, (Went, Vec<usize>)> = BTreeMap::new();
        let mut go = |what: Went, at: usize| going.entry(word(&what)).or_insert_with(|| (what, Vec::new())).1.push(at);
        for (at, incoming) in page.iter().enumerate() {
            self.contradicted(draft, mapping, incoming)?;
            let Some(id) = differing[at] else { continue };
            let row = draft.glimpsed(id)?;
            match &incoming.kind {
                IncomingKind::Delete { .. } if self.refused.contains(&hash(mapping, &incoming.remote_id)) => not_gone.push(at),
                IncomingKind::Delete { .. } if row.is_active() => go(Went::Deleted, at),
                IncomingKind::Upsert { pulled, .. } if row.is_active() => {
                    volume::cleared(mapping, row, pulled).for_each(|path| go(Went::Cleared(path.to_owned()), at));
                }
                _ => {}
            }
        }
        let mut held: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (what, all) in going.into_values() {
            let waits = |at: &usize| self.held.contains(&thing_key(&what, &page[*at].remote_id));
            let (mut stay, new): (Vec<usize>, Vec<usize>) = all.into_iter().partition(waits);
            let gone = match &what {
                Went::Cleared(path) => self.cleared.entry(path.clone()).or_default(),
                Went::Deleted | Went::Vanished | Went::Arrived | Went::Changed => &mut self.deleted,
            };
            if self.limit.exceeded(*gone + new.len() as u64, self.known) {
                stay.extend(new);
            } else {
                *gone += new.len() as u64;
            }
            for at in stay {
                let key = thing_key(&what, &page[at].remote_id);
                let space = things(&mapping.connection, &mapping.alias);
                draft.batch.rows.push(KeyedRow { space, key: key.clone(), value: Some(draft.now.0.to_string().into_bytes()) });
                self.held.insert(key);
                let paths = held.entry(at).or_default();
                if let Went::Cleared(path) = &what {
                    paths.push(path.clone());
                }
            }
        }
        for (at, paths) in &held {
            if let IncomingKind::Upsert { pulled, .. } = &mut page[*at].kind {
                let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
                pulled.coverage = Coverage::Only(volume::without(mapping, pulled, &paths));
            }
        }
        if !not_gone.is_empty() {
            self.said.push(format!("{} were deleted that somebody said are not gone; held", not_gone.len()));
        }
        Ok(held.into_keys().chain(not_gone).collect())
    }

    /// It is there, or it holds something there: whatever was said before is no longer so.
    fn contradicted(&mut self, draft: &mut Draft<'_>, mapping: &Mapping, incoming: &Incoming) -> Result<(), StoreError> {
        let IncomingKind::Upsert { pulled, .. } = &incoming.kind else { return Ok(()) };
        if !self.refused.is_empty() && self.refused.remove(&hash(mapping, &incoming.remote_id)) {
            let key = asked_key(&mapping.connection, &mapping.alias, &Went::Deleted);
            let mut asked = Asked::of(draft.row(SPACE, &key)?);
            asked.refused.clone_from(&self.refused);
            draft.batch.rows.push(asked.row(key)?);
        }
        if self.held.is_empty() {
            return Ok(());
        }
        let contradicted = |key: &&String| {
            let Some((word, remote_id)) = key.split_once('\t') else { return false };
            incoming.remote_id == remote_id
                && match went(word) {
                    Some(Went::Cleared(path)) => {
                        let holds = nave_core::mapping::find(&pulled.body, &path).is_some_and(|value| !value.is_empty());
                        pulled.coverage.covers(&path) && holds
                    }
                    _ => true,
                }
        };
        let gone: Vec<String> = self.held.iter().filter(contradicted).cloned().collect();
        for key in gone {
            self.held.remove(&key);
            draft.batch.rows.push(KeyedRow { space: things(&mapping.connection, &mapping.alias), key, value: None });
        }
        Ok(())
    }
}

/// The hash of one of a mapping's own things.
fn hash(mapping: &Mapping, remote_id: &str) -> u64 {
    remote_hash(&RemoteKey::new(&mapping.connection, &mapping.alias, remote_id))
}

/// What vanished, sorted by what people said.
pub(super) struct Sorted {
    /// Somebody agreed that they are gone.
    pub agreed: Vec<(u64, String)>,
    /// They are looked at one by one.
    pub rest: Vec<(u64, String)>,
}

impl Engine {
    /// The guard of a run of a mapping's own stream.
    pub(super) fn guard(&self, mapping: &Mapping) -> Result<Guard, EngineError> {
        let asked = self.asked(&mapping.connection, &mapping.alias, &Went::Vanished)?;
        Ok(Guard {
            limit: mapping.flow_in.as_ref().map(|flow| flow.hold_above).unwrap_or_default(),
            known: self.active_of(&mapping.connection, &mapping.alias)?,
            held: self.store.rows(&things(&mapping.connection, &mapping.alias))?.into_iter().map(|(key, _)| key).collect(),
            refused: self.asked(&mapping.connection, &mapping.alias, &Went::Deleted)?.refused,
            agreed: if asked.answer == Answer::Approved { asked.things.into_iter().collect() } else { HashSet::new() },
            ..Guard::default()
        })
    }

    /// How many things of a stream are there.
    pub(super) fn active_of(&self, connection: &str, stream: &str) -> Result<u64, EngineError> {
        let objects = self.store.objects()?;
        Ok(objects.iter().find(|of| of.connection == connection && of.stream == stream).map_or(0, |of| of.active))
    }

    fn asked(&self, connection: &str, stream: &str, what: &Went) -> Result<Asked, EngineError> {
        Ok(Asked::of(self.store.row(SPACE, &asked_key(connection, stream, what))?))
    }

    /// Holds too many that vanished, and asks about them. Answers what may be looked at one by one.
    pub(super) async fn sort_vanished(
        &self,
        reading: &Reading<'_>,
        missing: Vec<(u64, String)>,
        known: u64,
        counts: &mut InCounts,
    ) -> Result<Sorted, EngineError> {
        let alias = reading.alias();
        let before = self.asked(&reading.mapping.connection, &alias, &Went::Vanished)?;
        let (refused, missing): (Vec<_>, Vec<_>) = missing.into_iter().partition(|(id, _)| before.refused.contains(id));
        let (agreed, mut rest): (Vec<_>, Vec<_>) = missing.into_iter().partition(|(id, _)| before.agreed(*id));
        let limit = reading.mapping.flow_in.as_ref().map(|flow| flow.hold_above).unwrap_or_default();
        let mut held = refused.len() as u64;
        let mut asked = Asked { refused: refused.iter().map(|(id, _)| *id).collect(), ..Asked::default() };
        if limit.exceeded(rest.len() as u64, known) {
            held += rest.len() as u64;
            asked.things = std::mem::take(&mut rest).into_iter().map(|(id, _)| id).collect();
        }
        counts.read += held;
        counts.held += held;
        if !refused.is_empty() {
            self.say(reading, format!("{} vanished that somebody said are not gone; held", refused.len()));
        }
        self.ask_volume(reading, &alias, Went::Vanished, before, asked, known).await?;
        if let Some(guard) = reading.guard {
            guard.lock().unwrap_or_else(PoisonError::into_inner).agreed.clear();
        }
        Ok(Sorted { agreed, rest })
    }

    /// Carries out what was answered, and asks about what waits. After all that there was to read.
    pub(super) async fn settle_held(&self, reading: &Reading<'_>, counts: &mut InCounts) -> Result<(), EngineError> {
        let Reading { mapping, .. } = *reading;
        self.take_vanished(reading, counts).await?;
        let space = things(&mapping.connection, &mapping.alias);
        let mut waiting: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, _) in self.store.rows(&space)? {
            if let Some((word, remote_id)) = key.split_once('\t') {
                waiting.entry(word.to_owned()).or_default().push(remote_id.to_owned());
            }
        }
        // What was asked about and waits no more.
        let prefix = format!("{}/{} ", mapping.connection, mapping.alias);
        for (key, _) in self.store.rows(SPACE)? {
            if let Some(word) = key.strip_prefix(&prefix).filter(|word| went(word).is_some()) {
                waiting.entry(word.to_owned()).or_default();
            }
        }
        for (word, ids) in waiting {
            let Some(what) = went(&word) else { continue };
            let before = self.asked(&mapping.connection, &mapping.alias, &what)?;
            let (answered, open): (Vec<String>, Vec<String>) =
                ids.into_iter().partition(|id| before.answer != Answer::Open && before.things.contains(&hash(mapping, id)));
            let mut refused = before.refused.clone();
            if what == Went::Deleted && before.answer == Answer::Refused {
                refused.extend(answered.iter().map(|id| hash(mapping, id)));
            }
            match before.answer {
                Answer::Approved => self.take_answered(reading, &what, answered, counts).await?,
                Answer::Refused => self.drop_answered(reading, &what, answered).await?,
                Answer::Open => {}
            }
            let asked = Asked { things: open.iter().map(|id| hash(mapping, id)).collect(), refused, ..Asked::default() };
            let known = self.active_of(&mapping.connection, &mapping.alias)?;
            self.ask_volume(reading, &mapping.alias, what, before, asked, known).await?;
        }
        Ok(())
    }

    /// What vanished and a person agreed to, where this run did not scan anew.
    async fn take_vanished(&self, reading: &Reading<'_>, counts: &mut InCounts) -> Result<(), EngineError> {
        let Some(guard) = copy(reading.guard).filter(|guard| !guard.agreed.is_empty()) else { return Ok(()) };
        let Reading { mapping, .. } = *reading;
        let ids: Vec<ContributionId> = guard.agreed.iter().copied().map(ContributionId).collect();
        let ours =
            |row: &Contribution| row.is_active() && row.key.connection == mapping.connection && row.key.stream == mapping.alias;
        let rows = self.store.contributions(&ids)?;
        let gone: Vec<String> = rows.into_iter().flatten().filter(ours).map(|row| row.key.remote_id.to_string()).collect();
        self.take_missing(reading, gone, true, counts).await?;
        let before = self.asked(&mapping.connection, &mapping.alias, &Went::Vanished)?;
        let asked = Asked { refused: before.refused.clone(), ..Asked::default() };
        self.ask_volume(reading, &mapping.alias, Went::Vanished, before, asked, guard.known).await
    }

    /// Takes in what somebody agreed to.
    async fn take_answered(
        &self,
        reading: &Reading<'_>,
        what: &Went,
        ids: Vec<String>,
        counts: &mut InCounts,
    ) -> Result<(), EngineError> {
        let Reading { catalog, mapping, .. } = *reading;
        let agreed = Reading { guard: None, ..*reading };
        for chunk in ids.chunks(AGREED_AT_ONCE) {
            let now = self.now();
            let mut page: Vec<Incoming> =
                chunk.iter().map(|id| Incoming { remote_id: id.as_str().into(), kind: incoming(what, now) }).collect();
            self.externals(catalog, mapping, &mut page).await?;
            let space = things(&mapping.connection, &mapping.alias);
            let rows = chunk.iter().map(|id| KeyedRow { space: space.clone(), key: thing_key(what, id), value: None }).collect();
            self.take_decoded(&agreed, page, counts, PageCommit { rows, ..PageCommit::default() }).await?;
        }
        Ok(())
    }

    /// Somebody said that it is not so: what is deleted is still there for us, and what is cleared is written back.
    async fn drop_answered(&self, reading: &Reading<'_>, what: &Went, ids: Vec<String>) -> Result<(), EngineError> {
        let Reading { mapping, .. } = *reading;
        for chunk in ids.chunks(AGREED_AT_ONCE) {
            self.write(reading.cause(), |draft| {
                for id in chunk {
                    let space = things(&mapping.connection, &mapping.alias);
                    draft.batch.rows.push(KeyedRow { space, key: thing_key(what, id), value: None });
                    let Went::Cleared(path) = what else { continue };
                    let key = RemoteKey::new(&mapping.connection, &mapping.alias, id.as_str());
                    let Some(known) = draft.contribution_of(&key)? else { continue };
                    let row = draft.contribution_mut(known)?;
                    row.shadow.insert(nave_core::Text::from(path.as_str()), Value::Null);
                    for list in mapping.lists.iter().filter(|list| list.remote == *path) {
                        row.shadow.insert(nave_core::Text::from(list_path(list)), Value::List(Vec::new()));
                    }
                    if let Some(record) = row.record {
                        let record = draft.surviving(record)?;
                        draft.enter_own(mapping, record, Reason::Drift);
                    }
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// Some of what a review of this kind is about, at most so many: their keys, and their records.
    pub(crate) fn held_things(
        &self,
        connection: &str,
        stream: &str,
        what: &Went,
        at_most: usize,
    ) -> Result<Vec<Contribution>, EngineError> {
        let ids: Vec<ContributionId> = match what {
            Went::Vanished => {
                let asked = self.asked(connection, stream, what)?;
                asked.things.into_iter().take(at_most).map(ContributionId).collect()
            }
            Went::Arrived | Went::Changed => {
                let records = self.surged_records(connection, stream, what, at_most)?;
                let records = self.store.records(&records)?.into_iter().flatten();
                records.flat_map(|record| record.contributions).collect()
            }
            Went::Deleted | Went::Cleared(_) => {
                let prefix = thing_key(what, "");
                let rows = self.store.rows(&things(connection, stream))?;
                let ids = rows.iter().filter_map(|(key, _)| key.strip_prefix(&prefix)).take(at_most);
                let keys: Vec<RemoteKey> = ids.map(|id| RemoteKey::new(connection, stream, id)).collect();
                self.store.resolve(&keys)?.into_iter().flatten().collect()
            }
        };
        let mut rows: Vec<Contribution> = self.store.contributions(&ids)?.into_iter().flatten().collect();
        // A child's hash may be another's number.
        rows.retain(|row| row.key.connection == connection && row.key.stream == stream);
        Ok(rows)
    }

    fn say(&self, reading: &Reading<'_>, words: String) {
        tracing::info!(connection = reading.mapping.connection, stream = reading.alias(), "{words}");
        if let Some(guard) = reading.guard {
            guard.lock().unwrap_or_else(PoisonError::into_inner).said.push(words);
        }
    }

    /// Keeps the one review of what went in step with what waits, and the row with both.
    async fn ask_volume(
        &self,
        reading: &Reading<'_>,
        alias: &str,
        what: Went,
        before: Asked,
        mut asked: Asked,
        known: u64,
    ) -> Result<(), EngineError> {
        let Reading { catalog, mapping, .. } = *reading;
        let count = asked.things.len() as u64;
        if count > 0 {
            asked.review = before.review;
        }
        if asked == before && asked.review.is_some() == (count > 0) {
            if let Some(review) = asked.review {
                self.say(reading, waits(&what, count, known, review));
            }
            return Ok(());
        }
        let entity = self.entity(catalog, &mapping.entity)?;
        let stored = match before.review {
            Some(id) => self.store.review(id)?.filter(|review| review.closed_at.is_none()),
            None => None,
        };
        let (mapping, what) = (mapping, &what);
        let field = if let Went::Cleared(path) = what { Some(path.as_str()) } else { None };
        let (before, asked) = (&before, &asked);
        let review = self
            .write(Cause::default(), |draft| {
                let mut asked = asked.clone();
                if count == 0 {
                    if let Some(review) = stored.clone() {
                        draft.batch.reviews.push(Review { closed_at: Some(draft.now), ..review });
                    }
                    asked.review = None;
                } else {
                    let id = stored.as_ref().map_or_else(|| draft.next_review(), |review| review.id);
                    asked.review = Some(id);
                    draft.batch.reviews.push(Review {
                        id,
                        kind: ReviewKind::Volume {
                            connection: mapping.connection.clone(),
                            stream: alias.to_owned(),
                            what: what.clone(),
                            things: count,
                            known,
                        },
                        entity: mapping.entity.clone(),
                        steward: mapping.steward_for(catalog, field).to_owned(),
                        opened_at: stored.as_ref().map_or(draft.now, |review| review.opened_at),
                        closed_at: None,
                        title: title(entity, &mapping.connection, what, count, known),
                    });
                }
                if asked != *before {
                    draft.batch.rows.push(asked.row(asked_key(&mapping.connection, alias, what))?);
                }
                Ok(asked.review)
            })
            .await?;
        if let Some(review) = review {
            self.say(reading, waits(what, count, known, review));
        }
        Ok(())
    }
}

/// What is taken in of a thing that waited.
fn incoming(what: &Went, now: Time) -> IncomingKind {
    match what {
        Went::Vanished | Went::Deleted | Went::Arrived | Went::Changed => IncomingKind::Delete { evidence: "system" },
        Went::Cleared(path) => IncomingKind::Upsert {
            pulled: Pulled {
                body: Value::Object(NameMap::new()),
                coverage: Coverage::Only(vec![path.clone()]),
                version: None,
                modified_at: None,
                field_times: Vec::new(),
                read_at: now,
                observed_at: now,
            },
            externals: Vec::new(),
            raw: Vec::new(),
        },
    }
}

fn title(entity: &Entity, connection: &str, what: &Went, things: u64, known: u64) -> String {
    let label = entity.label.to_lowercase();
    match what {
        // Their reviews are asked where they are counted.
        Went::Arrived | Went::Changed => format!("{things} ({label}) came at once in {connection}: is that right?"),
        Went::Vanished => format!("{things} of {known} ({label}) vanished from {connection} at once: are they gone?"),
        Went::Deleted => format!("{things} of {known} ({label}) were deleted in {connection} at once: is that right?"),
        Went::Cleared(path) => {
            format!("`{path}` of {things} of {known} ({label}) was cleared in {connection} at once: is that right?")
        }
    }
}

fn waits(what: &Went, things: u64, known: u64, review: ReviewId) -> String {
    let went = match what {
        Went::Vanished => "vanished at once".to_owned(),
        Went::Arrived | Went::Changed => "came at once".to_owned(),
        Went::Deleted => "were deleted at once".to_owned(),
        Went::Cleared(path) => format!("lost `{path}` at once"),
    };
    format!("{things} of {known} {went}; held until somebody says whether that is right: `nave review show {review}`")
}
