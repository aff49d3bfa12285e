//! Creates whose answer was lost, and the things over there that may be what they made.
//!
//! A thing that nobody knows is judged by what was sent: it is ours, it may be ours, or it is not. What may be ours waits,
//! bound to its creates, until they are settled or a person has decided; then it is fetched again and taken in like any
//! other. It never makes a second record meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use nave_core::catalog::{Entity, Mapping};
use nave_core::codec;
use nave_core::intake::{Coverage, Pulled};
use nave_core::landed::landed;
use nave_core::limits::HELD_CANDIDATES_MAX;
use nave_core::matching::Facts;
use nave_core::model::{DecisionChoice, Intent, Reason, RecordId, RemoteKey, Review, Time, WriteKind};
use nave_core::value::Value;
use nave_runtime::contract::{Operation, SourceRecord};
use nave_store::KeyedRow;
use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::pull::{GET_IDS_MAX, PageCommit, Reading};
use super::{Engine, EngineError};
use crate::spoke::Spoke;

/// Space of the rows, one per mapping.
const SPACE: &str = "lost";

/// What waits because of one mapping's lost creates. Empty most of the time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Remote id → a thing that may be what a lost create made.
    held: BTreeMap<String, Held>,
    /// Records that were created, as a person says, without saying as what; since when.
    arrived: BTreeMap<RecordId, Time>,
}

/// A thing that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Records whose create it may be.
    records: BTreeSet<RecordId>,
    /// How many of the values that were sent are there.
    landed: usize,
    /// How many were sent.
    sent: usize,
}

/// How much a thing is like what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// Another thing.
    Not,
    /// So many of the values that were sent, of so many.
    Maybe(usize, usize),
    /// Found by what only ours bears; so many of the values that were sent landed.
    Ours(usize),
}

/// Whose a thing is that nobody knows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Nobody's that we know.
    Nobodys,
    /// The create at this position made it.
    Ours(usize),
    /// Nobody can tell yet.
    Waits(Held),
}

impl Lost {
    /// Remote ids that may be what a record's create made, likeliest first.
    fn of(&self, record: RecordId) -> Vec<(&String, &Held)> {
        let mut found: Vec<_> = self.held.iter().filter(|(_, held)| held.records.contains(&record)).collect();
        found.sort_by_key(|(id, held)| (std::cmp::Reverse(held.landed), id.as_str()));
        found
    }

    /// Whether something waits for this record's create.
    pub(super) fn waits_for(&self, record: RecordId) -> bool {
        self.held.values().any(|held| held.records.contains(&record))
    }

    /// When a person said that this record's create arrived.
    pub(super) fn said(&self, record: RecordId) -> Option<Time> {
        self.arrived.get(&record).copied()
    }

    /// It is seen again, and judged anew.
    pub(super) fn seen(&mut self, remote_id: &str) {
        self.held.remove(remote_id);
    }

    /// It waits.
    pub(super) fn hold(&mut self, remote_id: &str, held: Held) {
        self.held.insert(remote_id.to_owned(), held);
    }

    /// Nothing waits for this record any more.
    fn forget(&mut self, record: RecordId) {
        self.arrived.remove(&record);
        for held in self.held.values_mut() {
            held.records.remove(&record);
        }
    }

    fn row(&self, mapping: &str) -> Result<KeyedRow, EngineError> {
        if self.held.len() > HELD_CANDIDATES_MAX {
            return Err(EngineError::Refused(format!(
                "{} things wait because each may be what a lost create of `{mapping}` made; `nave review list`, decide those first",
                self.held.len()
            )));
        }
        let value = (*self != Self::default()).then(|| serde_json::to_vec(self).unwrap_or_default());
        Ok(KeyedRow { space: SPACE.into(), key: mapping.to_owned(), value })
    }

    /// Whose a thing is that nobody knows: the create's of which most landed, if it is the only one.
    pub(super) fn whose(
        &self,
        mapping: &Mapping,
        entity: &Entity,
        creates: &[Intent],
        remote_id: &str,
        pulled: &Pulled,
        region: Option<&str>,
    ) -> Whose {
        let fits: Vec<(usize, Fit)> = creates
            .iter()
            .map(|intent| fit(mapping, entity, intent, &pulled.body, &pulled.coverage, region))
            .enumerate()
            .filter(|(_, fit)| *fit != Fit::Not)
            .collect();
        let Some(best) = fits.iter().map(|(_, fit)| *fit).max() else { return Whose::Nobodys };
        let likeliest: Vec<usize> = fits.iter().filter(|(_, fit)| *fit == best).map(|(index, _)| *index).collect();
        let rival = |record: RecordId| {
            self.held.iter().any(|(id, held)| id != remote_id && held.landed == held.sent && held.records.contains(&record))
        };
        match (best, likeliest.as_slice()) {
            (Fit::Ours(usize::MAX), [one, ..]) => Whose::Ours(*one),
            (Fit::Ours(_), [one]) if !rival(creates[*one].record) => Whose::Ours(*one),
            // The ids are made by the mapping: it could not be fetched again by its id.
            _ if mapping.id.is_some() => Whose::Nobodys,
            _ => {
                let (landed, sent) = match best {
                    Fit::Maybe(landed, sent) => (landed, sent),
                    Fit::Ours(landed) => (landed, landed),
                    Fit::Not => (0, 0),
                };
                Whose::Waits(Held { records: likeliest.iter().map(|index| creates[*index].record).collect(), landed, sent })
            }
        }
    }
}

/// How much what is there is like what was sent. A marker decides alone; a natural key needs one more value that agrees,
/// since two people may share an e-mail. Where there is neither, everything must have landed, and half of it may be ours.
pub(super) fn fit(
    mapping: &Mapping,
    entity: &Entity,
    intent: &Intent,
    body: &Value,
    coverage: &Coverage,
    region: Option<&str>,
) -> Fit {
    let sent = intent.values.iter().filter(|(_, value)| !value.is_empty());
    let (mut count, mut agreed, mut telling) = (0, 0, entity.match_rules.is_empty());
    let key = intent.lookup.as_ref();
    for (path, value) in sent.filter(|(path, _)| key.is_none_or(|(key, _)| key != *path)) {
        count += 1;
        if coverage.covers(path.split('#').next().unwrap_or(path)) && landed(mapping, body, path, value, region) {
            agreed += 1;
            let canonical =
                mapping.fields.iter().find(|field| field.remote == *path).and_then(|field| field.canonical.as_deref());
            telling |= canonical.is_some_and(|name| !Facts::new(entity, std::iter::once((name.into(), value))).is_empty());
        }
    }
    match key {
        Some((path, value)) => {
            let there = nave_core::mapping::find(body, path).and_then(Value::as_text);
            let equal = there.is_some_and(|text| text.trim().eq_ignore_ascii_case(value));
            let marker = mapping.flow_out.as_ref().is_some_and(|flow| flow.marker.as_ref() == Some(path));
            match equal {
                true if marker => Fit::Ours(usize::MAX),
                true if agreed > 0 || count == 0 => Fit::Ours(agreed),
                _ => Fit::Not,
            }
        }
        None if count > 0 && agreed == count => Fit::Ours(agreed),
        None if telling && agreed * 2 >= count && agreed > 0 => Fit::Maybe(agreed, count),
        None => Fit::Not,
    }
}

/// Of things found under a natural key or a marker, those that are most like what was sent: one is ours, several are a
/// person's decision.
pub(super) fn likeliest(
    mapping: &Mapping,
    entity: &Entity,
    intent: &Intent,
    found: Vec<SourceRecord>,
    region: Option<&str>,
) -> Vec<SourceRecord> {
    let mut fits: Vec<(Fit, SourceRecord)> = found
        .into_iter()
        .filter(|record| record.operation == Operation::Upsert)
        .map(|record| {
            let body = codec::decode(&record.body).unwrap_or_default();
            (fit(mapping, entity, intent, &body, &Coverage::Complete, region), record)
        })
        .filter(|(fit, _)| matches!(fit, Fit::Ours(_)))
        .collect();
    fits.sort_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.remote_id.cmp(&right.1.remote_id)));
    let best = fits.first().map(|(fit, _)| *fit);
    if best == Some(Fit::Ours(usize::MAX)) {
        fits.truncate(1);
    }
    fits.into_iter().filter(|(fit, _)| Some(*fit) == best).map(|(_, record)| record).collect()
}

/// A thing that may be what a lost create made, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostCandidate {
    /// Which thing.
    pub key: RemoteKey,
    /// How many of the values that were sent are there.
    pub landed: usize,
    /// How many were sent.
    pub sent: usize,
}

impl Engine {
    /// What waits because of a mapping's lost creates.
    pub(super) fn lost(&self, mapping: &str) -> Result<Lost, EngineError> {
        let Some(row) = self.store.row(SPACE, mapping)? else { return Ok(Lost::default()) };
        serde_json::from_slice(&row).map_err(|error| {
            nave_store::StoreError::Damaged(format!("what waits for lost creates of `{mapping}`: {error}")).into()
        })
    }

    /// Writes it back where it changed.
    pub(super) fn put_lost(&self, draft: &mut Draft<'_>, mapping: &str, lost: &Lost) -> Result<(), EngineError> {
        if *lost != self.lost(mapping)? {
            draft.batch.rows.push(lost.row(mapping)?);
        }
        Ok(())
    }

    /// Things that may be what a record's lost create made, likeliest first.
    ///
    /// # Errors
    /// [`EngineError`] where the store says no, or the destination is not configured.
    pub fn lost_candidates(&self, destination: &str, record: RecordId) -> Result<Vec<LostCandidate>, EngineError> {
        let mapping = self.mapping(destination)?;
        let lost = self.lost(destination)?;
        let candidate =
            |(id, held): (&String, &Held)| LostCandidate { key: key(&mapping, id), landed: held.landed, sent: held.sent };
        Ok(lost.of(record).into_iter().map(candidate).collect())
    }

    /// Several things are equally like what was sent: they wait for the same decision.
    pub(super) async fn hold_several(
        &self,
        mapping: &Mapping,
        intent: &Intent,
        found: &[SourceRecord],
    ) -> Result<(), EngineError> {
        let sent = intent.values.values().filter(|value| !value.is_empty()).count();
        self.write(Default::default(), |draft| {
            let mut lost = self.lost(&mapping.name)?;
            for record in found {
                lost.hold(&record.remote_id, Held { records: [intent.record].into(), landed: sent, sent });
            }
            self.put_lost(draft, &mapping.name, &lost)
        })
        .await
    }

    /// Takes up what waited for creates that are settled or decided: each is fetched again and taken in like any other.
    pub(super) async fn release_held(&self, mapping: &Mapping, spoke: &dyn Spoke, run: u64) -> Result<(), EngineError> {
        let lost = self.lost(&mapping.name)?;
        if lost == Lost::default() {
            return Ok(());
        }
        let intents = self.store.intents(&mapping.name)?;
        let open: HashSet<RecordId> =
            intents.iter().filter(|i| i.kind == WriteKind::Create && i.part().is_none()).map(|i| i.record).collect();
        let free: Vec<String> = lost
            .held
            .iter()
            .filter(|(_, held)| !held.records.iter().any(|record| open.contains(record)))
            .map(|(id, _)| id.clone())
            .collect();
        let catalog = self.catalog();
        let reading = Reading { catalog: &catalog, mapping, spoke, run, children: None, guard: None, archive: false };
        for chunk in free.chunks(GET_IDS_MAX) {
            let began = self.now();
            let fetched = self.fetch(mapping, spoke, &mapping.stream, chunk).await?;
            self.take_page(&reading, fetched.found, began, &mut Default::default(), PageCommit::default()).await?;
            self.set_aside_refused(&reading, fetched.refused, &mut Default::default()).await?;
        }
        self.write(Default::default(), |draft| {
            let mut now = self.lost(&mapping.name)?;
            // What was judged anew and waits again stays; what the system said nothing about is gone.
            now.held.retain(|id, held| !free.contains(id) || held.records.iter().any(|record| open.contains(record)));
            now.arrived.retain(|record, _| open.contains(record));
            self.put_lost(draft, &mapping.name, &now)
        })
        .await
    }

    /// Carries out what a person says about a write whose answer was lost.
    pub(super) fn decide_unknown(
        &self,
        draft: &mut Draft<'_>,
        review: &Review,
        destination: &str,
        record: RecordId,
        choice: &DecisionChoice,
    ) -> Result<(), EngineError> {
        let intent = self.store.intent(destination, record)?;
        let settle = |draft: &mut Draft<'_>| {
            draft.batch.settled.push((destination.to_owned(), record));
            draft.batch.unparked.push((destination.to_owned(), record));
        };
        let mut lost = self.lost(destination)?;
        let Some(mut intent) = intent.filter(|_| *choice != DecisionChoice::Refuse) else {
            // It did not arrive: send it anew. Or it was settled meanwhile.
            settle(draft);
            if *choice == DecisionChoice::Refuse {
                draft.enter(destination, record, Reason::Retry);
            }
            lost.forget(record);
            return self.put_lost(draft, destination, &lost);
        };
        if intent.kind != WriteKind::Create || intent.part().is_some() {
            // A child is found by the next read of its stream.
            settle(draft);
            return Ok(());
        }
        let mapping = self.mapping(destination)?;
        let type_one = |id: &str| format!("`nave review decide {} {} --reason TEXT`", review.id, key(&mapping, id));
        let chosen = match choice {
            DecisionChoice::Remote(named) => {
                if named.connection != mapping.connection
                    || ![mapping.stream.as_str(), mapping.alias.as_str()].contains(&named.stream.as_str())
                {
                    return Err(EngineError::Refused(format!(
                        "{named} is elsewhere: it was to be created in {}/{}; {}",
                        mapping.connection,
                        mapping.stream,
                        type_one(&named.remote_id)
                    )));
                }
                named.remote_id.to_string()
            }
            _ => match lost.of(record).as_slice() {
                [] if mapping.flow_in.is_some() => {
                    // Which thing it is, the next read shows; nothing is sent for the record meanwhile.
                    lost.arrived.insert(record, draft.now);
                    return self.put_lost(draft, destination, &lost);
                }
                [] => {
                    return Err(EngineError::Refused(format!(
                        "nothing is read from {}, so say which thing it is there: {}",
                        mapping.connection,
                        type_one("ITS-ID")
                    )));
                }
                [(id, _)] => (*id).clone(),
                several => {
                    let commands: Vec<String> = several.iter().map(|(id, _)| type_one(id)).collect();
                    return Err(EngineError::Refused(format!("several things may be it; say which: {}", commands.join(" or "))));
                }
            },
        };
        if let Some(owner) = self.record_of(&key(&mapping, &chosen))?.filter(|owner| *owner != record) {
            return Err(EngineError::Refused(format!(
                "{} belongs to {}/{owner} already; choose another, or `refuse`",
                key(&mapping, &chosen),
                review.entity
            )));
        }
        lost.forget(record);
        lost.seen(&chosen);
        // From now on it is looked up by its id, like any other write.
        intent.kind = WriteKind::Update(chosen);
        draft.batch.intents.push(intent);
        self.put_lost(draft, destination, &lost)
    }
}

fn key(mapping: &Mapping, remote_id: &str) -> RemoteKey {
    RemoteKey::new(&mapping.connection, &mapping.alias, remote_id)
}
