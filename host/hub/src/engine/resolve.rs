//! Finds out what became of writes whose answer was lost (I6).
//!
//! Before anything else is read from or sent to a destination, every open intent is looked up: an update by reading
//! the thing, a create by marker or natural key, else by the same key with the same bytes where the system remembers
//! keys. If none of these can tell, a person is asked, and the record waits.

use nave_core::catalog::{Capabilities, Catalog, Mapping, PartMapping};
use nave_core::codec;
use nave_core::landed::landed;
use nave_core::matching::remote_hash;
use nave_core::model::{
    Attempt, AttemptOutcome, Cause, ContributionId, Dirty, Intent, Reason, RemoteKey, Review, ReviewKind, WriteKind,
};
use nave_core::part;
use nave_runtime::contract::{Operation, SourceRecord};
use nave_store::IndexSpace;

use super::children::{Children, is_ours, part_of, sent_element};
use super::lost::likeliest;
use super::pull::{PageCommit, Reading};
use super::take::Times;
use super::{Engine, EngineError};
use crate::spoke::Spoke;

/// What was found out.
enum Found {
    /// It arrived; this is what is there.
    There(Box<SourceRecord>),
    /// It did not arrive, or is no longer to be seen: compare again.
    NotThere,
    /// The thing is gone.
    Gone(Box<SourceRecord>),
    /// Send the same bytes under the same key again.
    SendAgain,
    /// Too early to tell: the system may still hide it.
    Wait,
    /// Only a person can tell.
    Ask,
    /// Each of these may be it: only a person can tell.
    Several(Vec<SourceRecord>),
}

impl Engine {
    /// Resolves every open intent of a mapping's destination. A failure of the system fails the run: nothing is
    /// read or sent on top of an unknown.
    pub(super) async fn resolve_open(&self, mapping: &Mapping, run: u64) -> Result<(), EngineError> {
        let open = self.store.intents(&mapping.name)?;
        let spoke = self.spoke(&mapping.connection)?;
        if open.is_empty() {
            return self.release_held(mapping, spoke.as_ref(), run).await;
        }
        let catalog = self.catalog();
        for intent in open {
            let children = intent.child_stream().and_then(|stream| Children::of(mapping, stream));
            if intent.part().is_some() && part_of(mapping, &intent).is_none() {
                // A child that no part speaks about any more: nobody waits for what became of it.
                self.close(&intent).await?;
                continue;
            }
            let reading = Reading {
                catalog: &catalog,
                mapping,
                spoke: spoke.as_ref(),
                run,
                children: children.as_ref(),
                guard: None,
                archive: false,
            };
            let capabilities = self.capabilities_of(mapping, reading.stream()).await?;
            let found = self.look_up(&catalog, mapping, &capabilities, spoke.as_ref(), &intent).await?;
            tracing::info!(flow = mapping.name, record = %intent.record, key = intent.key, found = found.word(), "open write looked up");
            match found {
                Found::There(record) => self.arrived(&catalog, mapping, run, &intent, *record).await?,
                Found::NotThere => self.close(&intent).await?,
                // What a person took for it is gone: it was not that.
                Found::Gone(_) if intent.contribution.is_none() => {
                    let again = Intent { kind: WriteKind::Create, ..intent };
                    self.write(Cause::default(), |draft| {
                        draft.batch.intents.push(again.clone());
                        Ok(())
                    })
                    .await?;
                    self.ask(mapping, &again).await?;
                }
                Found::Gone(record) => {
                    self.close(&intent).await?;
                    let mut counts = Default::default();
                    let began = self.now();
                    self.take_page(&reading, vec![*record], began, &mut counts, PageCommit::default()).await?;
                }
                Found::SendAgain => {
                    let mut again = intent.clone();
                    again.attempts.push(Attempt { at: self.now(), outcome: AttemptOutcome::Open });
                    self.write(Cause::default(), |draft| {
                        draft.batch.intents.push(again.clone());
                        Ok(())
                    })
                    .await?;
                    self.send_and_settle(&catalog, mapping, spoke.as_ref(), run, &[again], &[], &Default::default()).await?;
                }
                Found::Wait => {}
                Found::Ask => self.ask(mapping, &intent).await?,
                Found::Several(found) => {
                    self.hold_several(mapping, &intent, &found).await?;
                    self.ask(mapping, &intent).await?;
                }
            }
        }
        self.release_held(mapping, spoke.as_ref(), run).await
    }

    async fn look_up(
        &self,
        catalog: &Catalog,
        mapping: &Mapping,
        capabilities: &Capabilities,
        spoke: &dyn Spoke,
        intent: &Intent,
    ) -> Result<Found, EngineError> {
        let failed = |error| EngineError::Spoke(mapping.connection.clone(), error);
        let stream = intent.child_stream().unwrap_or(&mapping.stream);
        match &intent.kind {
            WriteKind::Update(id) | WriteKind::Delete(id) | WriteKind::Merge(id, _) => {
                let mut fetched = self.fetch(mapping, spoke, stream, std::slice::from_ref(id)).await?;
                if !fetched.refused.is_empty() {
                    return Ok(Found::NotThere); // it could not be written to either; comparing again says so
                }
                let Some(record) = fetched.found.pop() else { return Ok(Found::Wait) };
                Ok(match (&record.operation, &intent.kind) {
                    (Operation::Upsert, WriteKind::Update(_)) => Found::There(Box::new(record)),
                    (Operation::Upsert, _) => Found::NotThere,
                    (_, WriteKind::Update(_)) => Found::Gone(Box::new(record)),
                    _ => Found::There(Box::new(record)),
                })
            }
            WriteKind::Create => {
                let last = intent.attempts.last().map_or(intent.run as i64, |attempt| attempt.at.0);
                if let Some((path, value)) = intent.lookup.as_ref().filter(|(path, _)| capabilities.searchable.contains(path)) {
                    let found = spoke.find(stream.to_owned(), path.clone(), vec![value.clone()]).await.map_err(failed)?;
                    let mut found = match part_of(mapping, intent) {
                        Some(part) => self.unclaimed_child(catalog, mapping, part, intent, found)?.into_iter().collect(),
                        None => {
                            let entity = self.entity(catalog, &mapping.entity)?;
                            let found = self.unclaimed(mapping, intent, found)?;
                            likeliest(mapping, entity, intent, found, catalog.hub.region.as_deref())
                        }
                    };
                    if found.len() > 1 {
                        return Ok(Found::Several(found));
                    }
                    if let Some(record) = found.pop() {
                        return Ok(Found::There(Box::new(record)));
                    }
                    let early = self.now().0 < last + capabilities.read_lag_ms as i64;
                    return Ok(if early { Found::Wait } else { Found::SendAgain });
                }
                if capabilities.idempotency_key {
                    return Ok(Found::SendAgain);
                }
                // What is read next may show it, or something that may be it.
                let lost = self.lost(&mapping.name)?;
                let since = last.max(lost.said(intent.record).map_or(last, |said| said.0)) + capabilities.read_lag_ms as i64;
                let shown = self.store.flow(&mapping.name)?.last_in.is_some_and(|read| read.0 > since);
                let wait = mapping.flow_in.is_some() && !shown && !lost.waits_for(intent.record);
                Ok(if wait { Found::Wait } else { Found::Ask })
            }
        }
    }

    /// Of the things found under a natural key, those that belong to no other record. Things that are gone do not count.
    fn unclaimed(&self, mapping: &Mapping, intent: &Intent, found: Vec<SourceRecord>) -> Result<Vec<SourceRecord>, EngineError> {
        let mut candidates = Vec::new();
        for record in found.into_iter().filter(|record| record.operation == Operation::Upsert) {
            let key = RemoteKey::new(&mapping.connection, &mapping.alias, &record.remote_id);
            match self.record_of(&key)? {
                None => candidates.push(record),
                Some(owner) if owner == intent.record => candidates.push(record),
                Some(_) => {}
            }
        }
        Ok(candidates)
    }

    /// Of the children found, the one that was sent and that no list holds yet.
    fn unclaimed_child(
        &self,
        catalog: &Catalog,
        mapping: &Mapping,
        part: &PartMapping,
        intent: &Intent,
        found: Vec<SourceRecord>,
    ) -> Result<Option<SourceRecord>, EngineError> {
        let alias = part::alias(mapping, &part.stream);
        let key = |record: &SourceRecord| RemoteKey::new(&mapping.connection, &alias, &record.remote_id);
        let keys: Vec<u64> = found.iter().map(|record| remote_hash(&key(record))).collect();
        let holders = self.store.candidates(IndexSpace::Remote, &keys)?;
        let region = catalog.hub.region.as_deref();
        let mut candidates = Vec::new();
        for (record, holders) in found.into_iter().zip(holders) {
            let ids: Vec<ContributionId> = holders.into_iter().map(ContributionId).collect();
            let held = self
                .store
                .contributions(&ids)?
                .into_iter()
                .flatten()
                .any(|row| part::children(&row).any(|child| child == key(&record)));
            let body = codec::decode(&record.body).unwrap_or_default();
            if !held
                && record.operation == Operation::Upsert
                && part::parent(part, &body) == self.parent_of(intent)?
                && is_ours(mapping, part, intent, &record.remote_id, &body, region)
            {
                candidates.push(record);
            }
        }
        candidates.sort_by(|left, right| left.remote_id.cmp(&right.remote_id));
        Ok(candidates.into_iter().next())
    }

    /// Remote id of the thing that a child was written for.
    fn parent_of(&self, intent: &Intent) -> Result<Option<String>, EngineError> {
        let Some(id) = intent.contribution else { return Ok(None) };
        Ok(self.store.contributions(&[id])?.pop().flatten().map(|row| row.key.remote_id.to_string()))
    }

    /// It is there: what matches what we sent is settled as ours; what does not is left to the next comparison.
    async fn arrived(
        &self,
        catalog: &Catalog,
        mapping: &Mapping,
        run: u64,
        intent: &Intent,
        record: SourceRecord,
    ) -> Result<(), EngineError> {
        let entity = self.entity(catalog, &mapping.entity)?;
        let body = codec::decode(&record.body).unwrap_or_default();
        let cause = Cause { connection: Some(mapping.connection.as_str().into()), run: Some(run), ..Cause::default() };
        self.write(cause, |draft| {
            match &intent.kind {
                _ if intent.part().is_some() => {
                    let part = part_of(mapping, intent);
                    let region = catalog.hub.region.as_deref();
                    let ours = match (&intent.kind, part, sent_element(intent)) {
                        (WriteKind::Create | WriteKind::Update(_), Some(part), Some(sent)) => {
                            part::landed(mapping, part, &record.remote_id, &body, sent, region)
                        }
                        _ => true,
                    };
                    if ours || intent.kind == WriteKind::Create {
                        // Ours, but changed since: what was sent stands in for it, and the next read says what it is now.
                        let body = Some(&body).filter(|_| ours);
                        self.written(draft, mapping, entity, intent, &record.remote_id, None, body, &Times::of(&record))?;
                    } else {
                        draft.batch.settled.push((intent.destination.clone(), intent.record));
                    }
                }
                WriteKind::Delete(_) | WriteKind::Merge(..) => {
                    super::agreed::removed(draft, mapping, intent)?;
                    super::images::note(draft, mapping, intent, "")?;
                    draft.batch.settled.push((intent.destination.clone(), intent.record));
                }
                WriteKind::Create | WriteKind::Update(_) => {
                    let mut ours = intent.clone();
                    let region = catalog.hub.region.as_deref();
                    ours.values.retain(|path, sent| landed(mapping, &body, path, sent, region));
                    let (id, version) = (&record.remote_id, record.version.clone());
                    self.written(draft, mapping, entity, &ours, id, version, Some(&body), &Times::of(&record))?;
                    draft.batch.revived_subjects.push(super::settle::delivery_subject(intent));
                }
            }
            draft.close_moot(&intent.destination, intent.record)?;
            // Whatever did not land, or was changed since, is compared again.
            draft.batch.clean.retain(|entry| entry.record != intent.record);
            draft.batch.clean.push(entry(intent));
            draft.enter(&intent.destination, intent.record, Reason::Retry);
            draft.batch.unparked.push((intent.destination.clone(), intent.record));
            Ok(())
        })
        .await
    }

    /// It did not arrive: the intent is closed, the record is compared again and gets a new key.
    async fn close(&self, intent: &Intent) -> Result<(), EngineError> {
        self.write(Cause::default(), |draft| {
            draft.batch.settled.push((intent.destination.clone(), intent.record));
            draft.batch.unparked.push((intent.destination.clone(), intent.record));
            draft.close_moot(&intent.destination, intent.record)?;
            draft.enter(&intent.destination, intent.record, Reason::Retry);
            Ok(())
        })
        .await
    }

    /// One review per unknown outcome.
    async fn ask(&self, mapping: &Mapping, intent: &Intent) -> Result<(), EngineError> {
        let open = self.store.reviews(true, nave_core::model::ReviewId(0), usize::MAX)?;
        let asked = open.iter().any(|review| {
            matches!(&review.kind, ReviewKind::UnknownOutcome { destination, record }
                if *destination == intent.destination && *record == intent.record)
        });
        if asked {
            return Ok(());
        }
        self.write(Cause::default(), |draft| {
            let review = Review {
                id: draft.next_review(),
                kind: ReviewKind::UnknownOutcome { destination: intent.destination.clone(), record: intent.record },
                entity: mapping.entity.clone(),
                steward: mapping.steward.clone(),
                opened_at: draft.now,
                closed_at: None,
                title: format!(
                    "Was {}{}/{} created in {}? No answer came, and the system offers no way to tell",
                    intent.child_stream().map_or_else(String::new, |stream| format!("one of the {stream} of ")),
                    mapping.entity,
                    intent.record,
                    mapping.connection
                ),
            };
            draft.batch.reviews.push(review);
            Ok(())
        })
        .await
    }
}

impl Found {
    fn word(&self) -> &'static str {
        match self {
            Self::There(_) => "arrived",
            Self::NotThere => "did not arrive",
            Self::Gone(_) => "the thing is gone",
            Self::SendAgain => "not there; the same again",
            Self::Wait => "too early to tell",
            Self::Ask | Self::Several(_) => "only a person can tell",
        }
    }
}

fn entry(intent: &Intent) -> Dirty {
    Dirty { destination: intent.destination.clone(), record: intent.record, reasons: intent.reasons, stamp: intent.stamp }
}
