//! Sends journalled intents and settles what came back: one commit per batch, and success is said, never inferred.

use std::collections::HashMap;

use nave_core::accounting::OutCounts;
use nave_core::catalog::{Catalog, Mapping};
use nave_core::difference;
use nave_core::hindrance::Hindrance;
use nave_core::landed;
use nave_core::model::{
    AttemptOutcome, Cause, DeadLetterSubject, Dirty, Intent, Parked, Reason, Reasons, RecordId, RemoteKey, Time, WriteKind,
};
use nave_core::otherwise::kept_otherwise;
use nave_core::retry::{self, Next};
use nave_core::survivorship::consent;
use nave_core::value::Value;
use nave_core::{Text, codec};
use nave_runtime::contract::{self, Outcome};
use nave_store::kill;

use super::agreed;
use super::children::{ChildIntake, Children, written_child};
use super::dead_letter::{dead_letter, parted};
use super::draft::Draft;
use super::frozen;
use super::images;
use super::merges::restore::made_again;
use super::meters;
use super::take::{IncomingKind, Intake, Times, settle_create};
use super::taken::Several;
use super::tries;
use super::writers;
use super::{Engine, EngineError};
use crate::spoke::{Spoke, SpokeError};

impl Engine {
    /// Sends one batch of journalled intents, and settles it in one commit. The same commit journals the `next` batch.
    #[expect(clippy::too_many_arguments, reason = "a batch, where it goes, and what goes next")]
    pub(super) async fn send_and_settle(
        &self,
        catalog: &Catalog,
        mapping: &Mapping,
        spoke: &dyn Spoke,
        run: u64,
        intents: &[Intent],
        next: &[Intent],
        several: &Several,
    ) -> Result<OutCounts, EngineError> {
        if intents.is_empty() {
            return Ok(OutCounts::default());
        }
        let deliveries = intents.iter().map(delivery).collect();
        // All of one stream: the thing's own, or that of its children.
        let stream = intents[0].child_stream().unwrap_or(&mapping.stream);
        let answer = spoke.write(stream.to_owned(), deliveries).await;
        kill::reach("after-send");
        let outcomes = match answer {
            Ok(outcomes) if outcomes.len() == intents.len() => outcomes,
            Ok(outcomes) => {
                let why = format!("{} outcomes for {} deliveries", outcomes.len(), intents.len());
                intents.iter().map(|_| Outcome::Unknown(why.clone())).collect()
            }
            // The guest was stopped: nobody knows what it had sent.
            Err(SpokeError::Guest(why)) => intents.iter().map(|_| Outcome::Unknown(why.clone())).collect(),
            // Nothing was sent.
            Err(SpokeError::RetryAfter(ms)) => intents.iter().map(|_| Outcome::RetryAfter(ms)).collect(),
            Err(
                error @ (SpokeError::Unavailable(_)
                | SpokeError::Unauthorized(_)
                | SpokeError::Misconfigured(_)
                | SpokeError::Held(_)),
            ) => {
                self.meters.not_sent(&mapping.name, intents.len());
                self.release(mapping, run, intents, self.while_answered(mapping, next)?, &error).await?;
                return Ok(OutCounts { parked: intents.len() as u64, ..OutCounts::default() });
            }
            Err(error) => {
                let rejection = contract::Rejection { class: "other".into(), field: None, message: error.to_string() };
                intents.iter().map(|_| Outcome::Rejected(rejection.clone())).collect()
            }
        };
        self.meters.sent(&mapping.name, &outcomes);
        let read_back = self.read_back(mapping, spoke, stream, &outcomes).await;
        kill::reach("before-settle");
        let next = self.while_answered(mapping, next)?;
        let once_only = self.once_only(mapping, &outcomes).await?;
        self.settle(catalog, mapping, run, intents, next, outcomes, read_back, &once_only, several).await
    }

    /// What goes next, if the system still answers and nobody stopped the flow: nothing is journalled that is not sent.
    fn while_answered<'i>(&self, mapping: &Mapping, next: &'i [Intent]) -> Result<&'i [Intent], EngineError> {
        Ok(if self.may_go_on(mapping)? { next } else { &[] })
    }

    /// Nothing was sent: the intents are closed, the records parked on the ladder.
    async fn release(
        &self,
        mapping: &Mapping,
        run: u64,
        intents: &[Intent],
        next: &[Intent],
        error: &SpokeError,
    ) -> Result<(), EngineError> {
        let (why, hindrance) = (error.to_string(), Some(error.hindrance()));
        let parked: HashMap<RecordId, Parked> =
            self.store.parked(&mapping.name)?.into_iter().map(|row| (row.record, row)).collect();
        // A system that is down uses up nobody's retries.
        let wait = self.wait_of(&mapping.connection);
        self.write(Cause::default(), |draft| {
            for intent in intents {
                draft.batch.settled.push((intent.destination.clone(), intent.record));
                self.park(draft, mapping, run, intent, parked.get(&intent.record), wait, &why, hindrance);
            }
            draft.batch.intents.extend_from_slice(next);
            Ok(())
        })
        .await
    }

    /// Parks on the ladder, or sets aside when the ladder is used up. Says whether it was parked.
    #[expect(clippy::too_many_arguments, reason = "one delivery, in which run, and what was said to it")]
    fn park(
        &self,
        draft: &mut Draft<'_>,
        mapping: &Mapping,
        run: u64,
        intent: &Intent,
        before: Option<&Parked>,
        asked_ms: Option<u64>,
        why: &str,
        hindrance: Option<Hindrance>,
    ) -> bool {
        let rung = before.map_or(0, |row| row.rung);
        // Spread without randomness: the same record always waits the same share longer.
        let jitter = (nave_core::matching::key_hash(&[&intent.destination, &intent.record.to_string()]) % 1001) as u16;
        draft.batch.clean.push(entry_of(intent));
        match retry::next(draft.now, rung, asked_ms, jitter) {
            Next::Park { until, rung } => {
                tries::note(draft, run, intent, Some(until), why);
                draft.batch.parked.push(Parked {
                    destination: intent.destination.clone(),
                    record: intent.record,
                    until,
                    rung,
                    reason: why.to_owned(),
                    reasons: intent.reasons.union(before.map_or(Reasons::default(), |row| row.reasons)),
                    hindrance,
                });
                true
            }
            Next::DeadLetter => {
                tries::note(draft, run, intent, None, why);
                let message = format!("tried {} times; last answer: {why}", retry::LADDER_MS.len() + 1);
                let letter = dead_letter(mapping, intent.record, "exhausted", None, message, draft.now, intent.run);
                draft.batch.dead_letters.push(letter);
                draft.batch.unparked.push((intent.destination.clone(), intent.record));
                false
            }
        }
    }

    /// Bodies of written things that came back without one.
    async fn read_back(
        &self,
        mapping: &Mapping,
        spoke: &dyn Spoke,
        stream: &str,
        outcomes: &[Outcome],
    ) -> HashMap<String, Vec<u8>> {
        let ids: Vec<String> = outcomes
            .iter()
            .filter_map(|outcome| match outcome {
                Outcome::Written(written) if written.body.is_empty() => Some(written.remote_id.clone()),
                _ => None,
            })
            .collect();
        let mut bodies = HashMap::new();
        match self.fetch(mapping, spoke, stream, &ids).await {
            Ok(fetched) => bodies.extend(fetched.found.into_iter().map(|record| (record.remote_id, record.body))),
            // What was sent stands in for it; the next read corrects the spelling.
            Err(error) => tracing::warn!(connection = mapping.connection, %error, "written, but not read back"),
        }
        bodies
    }

    #[expect(clippy::too_many_arguments, reason = "a batch, what was said to it, and what it was sent for")]
    async fn settle(
        &self,
        catalog: &Catalog,
        mapping: &Mapping,
        run: u64,
        intents: &[Intent],
        next: &[Intent],
        outcomes: Vec<Outcome>,
        read_back: HashMap<String, Vec<u8>>,
        once_only: &[String],
        several: &Several,
    ) -> Result<OutCounts, EngineError> {
        let entity = self.entity(catalog, &mapping.entity)?;
        let parked: HashMap<RecordId, Parked> =
            self.store.parked(&mapping.name)?.into_iter().map(|row| (row.record, row)).collect();
        let cause = Cause { connection: Some(mapping.connection.as_str().into()), run: Some(run), ..Cause::default() };
        let mut landed = Vec::new();
        let settled = self.write(cause, |draft| {
            let mut tally = OutCounts::default();
            landed.clear();
            draft.batch.intents.extend_from_slice(next);
            load(draft, mapping, intents, &outcomes)?;
            for (intent, outcome) in intents.iter().zip(&outcomes) {
                let before = parked.get(&intent.record);
                let close = |draft: &mut Draft<'_>| draft.batch.settled.push((intent.destination.clone(), intent.record));
                match outcome {
                    Outcome::Written(written) => {
                        let body = if written.body.is_empty() { read_back.get(&written.remote_id) } else { Some(&written.body) };
                        let body = body.and_then(|bytes| codec::decode(bytes).ok());
                        let id = &written.remote_id;
                        let times =
                            Times { modified_at: written.modified_at.as_deref().and_then(Time::parse), ..Times::default() };
                        let version = written.version.clone();
                        landed.extend(meters::claimed(draft, mapping, intent));
                        let kept = self.written(draft, mapping, entity, intent, id, version, body.as_ref(), &times)?;
                        if !kept.is_empty() {
                            // Success is said, never inferred; here it was said, and is not to be seen.
                            let names = kept.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
                            let why = format!("said to be written, but {names} is there as it was before");
                            if self.park(draft, mapping, run, intent, before, None, &why, None) {
                                tally.parked += 1;
                            } else {
                                tally.failed += 1;
                            }
                            continue;
                        }
                        if !several.contains(&intent.record) {
                            draft.batch.revived_subjects.push(delivery_subject(intent));
                        }
                        if before.is_some() {
                            tries::forget(draft, &intent.destination, intent.record);
                            draft.batch.unparked.push((intent.destination.clone(), intent.record));
                        }
                        tally.delivered += 1;
                    }
                    Outcome::Conflict(current) => {
                        close(draft);
                        self.take_now(draft, catalog, mapping, run, intent.child_stream(), vec![current.clone()])?;
                        draft.enter(&intent.destination, intent.record, Reason::Retry);
                        tally.held += 1;
                    }
                    Outcome::Gone if intent.part().is_some() && matches!(intent.kind, WriteKind::Delete(_)) => {
                        // As it was to be.
                        self.written(draft, mapping, entity, intent, "", None, None, &Times::default())?;
                        tally.unchanged += 1;
                    }
                    Outcome::Gone => {
                        close(draft);
                        draft.batch.clean.push(entry_of(intent));
                        if let WriteKind::Update(id) | WriteKind::Delete(id) = &intent.kind {
                            let gone = gone(id);
                            self.take_now(draft, catalog, mapping, run, intent.child_stream(), vec![gone])?;
                        }
                        tally.unchanged += 1;
                    }
                    Outcome::MergedInto(winner) => {
                        close(draft);
                        if let WriteKind::Update(id) | WriteKind::Delete(id) = &intent.kind {
                            let mut merged = gone(id);
                            merged.operation = contract::Operation::MergedInto(winner.clone());
                            self.take_now(draft, catalog, mapping, run, intent.child_stream(), vec![merged])?;
                        }
                        tally.held += 1;
                    }
                    Outcome::RetryAfter(ms) => {
                        close(draft);
                        if self.park(draft, mapping, run, intent, before, Some(*ms), "asked to wait", None) {
                            tally.parked += 1;
                        } else {
                            tally.failed += 1;
                        }
                    }
                    Outcome::Rejected(rejection)
                        if self.note_taken(draft, mapping, entity, intent, rejection, once_only, several)? =>
                    {
                        close(draft);
                        tries::forget(draft, &intent.destination, intent.record);
                        draft.batch.unparked.push((intent.destination.clone(), intent.record));
                        if !several.contains(&intent.record) {
                            draft.batch.revived_subjects.push(delivery_subject(intent));
                        }
                        tally.held += 1;
                    }
                    Outcome::Rejected(rejection) => {
                        close(draft);
                        draft.batch.clean.push(entry_of(intent));
                        if before.is_some() {
                            draft.batch.unparked.push((intent.destination.clone(), intent.record));
                        }
                        let (field, message) = self.in_words(intent, rejection, run)?;
                        let mut letter = dead_letter(mapping, intent.record, &rejection.class, field, message, draft.now, run);
                        if rejection.class == "duplicate"
                            && let Some(merge) = made_again(self, &mapping.name, intent.record)?
                        {
                            letter.fix = parted(mapping, merge);
                        }
                        draft.batch.dead_letters.push(letter);
                        tally.failed += 1;
                    }
                    Outcome::Unknown(why) => {
                        let mut open = intent.clone();
                        if let Some(last) = open.attempts.last_mut() {
                            last.outcome = AttemptOutcome::Unknown(why.clone());
                        }
                        draft.batch.intents.push(open);
                        if self.park(draft, mapping, run, intent, before, None, why, None) {
                            tally.parked += 1;
                        } else {
                            tally.failed += 1;
                        }
                    }
                }
            }
            Ok(tally)
        });
        let tally = settled.await?;
        self.meters.landed(&mapping.name, &landed, self.now());
        Ok(tally)
    }

    /// A write that the system confirmed: shadow and cross-reference, never a claim. Answers the paths that it said to have
    /// written and did not: they are still to be written.
    #[expect(clippy::too_many_arguments, reason = "one settlement: what was intended and what came back")]
    pub(super) fn written(
        &self,
        draft: &mut Draft<'_>,
        mapping: &Mapping,
        entity: &nave_core::catalog::Entity,
        intent: &Intent,
        remote_id: &str,
        version: Option<String>,
        body: Option<&Value>,
        times: &Times,
    ) -> Result<Vec<String>, EngineError> {
        let at = draft.now;
        if intent.part().is_some() {
            written_child(draft, mapping, intent, remote_id, body, at)?;
            images::note(draft, mapping, intent, remote_id)?;
            draft.batch.clean.push(entry_of(intent));
            return Ok(Vec::new());
        }
        let region = draft.catalog.hub.region.clone();
        let (mut kept, mut settled) = (Vec::new(), None);
        match (&intent.kind, intent.contribution) {
            (WriteKind::Create, _) | (WriteKind::Update(_), None) => {
                let key = RemoteKey::new(&mapping.connection, &mapping.alias, remote_id);
                let id =
                    settle_create(draft, mapping, entity, intent, key, body, times, version.map(Text::from), Time(at.0 + 1))?;
                settled = Some(id);
                if let Some(body) = body {
                    kept = landed::kept(mapping, None, &intent.values, body, region.as_deref());
                    let row = draft.contribution_mut(id)?;
                    kept.iter().for_each(|path| _ = row.sent.remove(path));
                }
            }
            (WriteKind::Update(_), Some(id)) => {
                settled = Some(id);
                frozen::written(draft, &mapping.name, id, &intent.values)?;
                let row = draft.contribution_mut(id)?;
                row.version = version.map(Text::from);
                if let Some(body) = body {
                    kept = landed::kept(mapping, Some(row), &intent.values, body, region.as_deref());
                }
                difference::settle(mapping, entity, row, &intent.values, &intent.elements, body, at, region.as_deref());
                kept.iter().for_each(|path| _ = row.sent.remove(path));
                if body.is_some() && consent::answered(mapping, entity, row, &intent.values, at, region.as_deref()) {
                    let record = draft.surviving(intent.record)?;
                    draft.recompute(record)?;
                }
            }
            (WriteKind::Delete(_) | WriteKind::Merge(..), _) => agreed::removed(draft, mapping, intent)?,
        }
        if let Some(id) = settled.filter(|_| body.is_some()) {
            let row = draft.contribution(id)?;
            if intent.values.keys().any(|path| row.sent.get(path) != row.shadow.get(path)) {
                let fields = kept_otherwise(mapping, entity, row, region.as_deref());
                let fields = fields.into_iter().map(|one| one.field.remote.clone());
                let paths: Vec<String> = fields.filter(|path| intent.values.contains_key(path)).collect();
                writers::note(draft, mapping, &paths)?;
            }
        }
        images::note(draft, mapping, intent, remote_id)?;
        draft.batch.settled.push((intent.destination.clone(), intent.record));
        draft.batch.clean.push(entry_of(intent));
        Ok(kept)
    }

    /// What a refusal says: which field, and why; of a child also which stream. What another object of the record was
    /// refused for in the same run stays.
    fn in_words(
        &self,
        intent: &Intent,
        rejection: &contract::Rejection,
        run: u64,
    ) -> Result<(Option<String>, String), EngineError> {
        let (field, message) = match intent.child_stream() {
            None => (rejection.field.clone(), rejection.message.clone()),
            Some(stream) => {
                let field = rejection.field.as_ref().map_or_else(|| stream.to_owned(), |field| format!("{stream}.{field}"));
                (Some(field), format!("{stream}: {}", rejection.message))
            }
        };
        let earlier = self.store.dead_letter_of(&delivery_subject(intent))?;
        Ok(match earlier.filter(|letter| letter.run == run && intent.part().is_some()) {
            Some(letter) => (field, format!("{}; {message}", letter.message)),
            None => (field, message),
        })
    }

    /// Takes source records in within a draft: what an outcome told us about the thing, or the child, as it is.
    pub(super) fn take_now(
        &self,
        draft: &mut Draft<'_>,
        catalog: &Catalog,
        mapping: &Mapping,
        run: u64,
        child_stream: Option<&str>,
        records: Vec<contract::SourceRecord>,
    ) -> Result<(), EngineError> {
        let began = draft.now;
        self.take_as_of(draft, catalog, mapping, run, child_stream, records, began)
    }

    /// The same, of what was read at another time.
    #[expect(clippy::too_many_arguments, reason = "a reading: of what, by what, when")]
    pub(super) fn take_as_of(
        &self,
        draft: &mut Draft<'_>,
        catalog: &Catalog,
        mapping: &Mapping,
        run: u64,
        child_stream: Option<&str>,
        records: Vec<contract::SourceRecord>,
        began: Time,
    ) -> Result<(), EngineError> {
        let entity = self.entity(catalog, &mapping.entity)?;
        let page = super::pull::decode(catalog, mapping, records, began, draft.now);
        if let Some(stream) = child_stream {
            if let Some(children) = &Children::of(mapping, stream) {
                let mut intake = ChildIntake { catalog, mapping, entity, children, run, open_creates: Vec::new(), shelf: None };
                intake.page(draft, page, &mut Default::default())?;
            }
            return Ok(());
        }
        let page = page
            .into_iter()
            .filter(|incoming| !matches!(incoming.kind, IncomingKind::Upsert { .. }) || mapping.externals.is_empty())
            .collect();
        let mut intake = Intake {
            catalog,
            mapping,
            entity,
            run,
            open_creates: Vec::new(),
            lost: Default::default(),
            guard: None,
            arrived: Vec::new(),
            changed: Vec::new(),
            rewritten: Vec::new(),
            near_misses: 0,
            linker: &self.linker,
            judge: None,
            shelf: None,
        };
        intake.page(draft, page, &mut Default::default())?;
        Ok(())
    }
}

/// Under which a delivery's dead letter is kept.
pub(super) fn delivery_subject(intent: &Intent) -> String {
    let subject = DeadLetterSubject::Delivery { destination: intent.destination.clone(), record: intent.record };
    nave_store::subject_key(&subject)
}

fn gone(id: &str) -> contract::SourceRecord {
    contract::SourceRecord {
        remote_id: id.to_owned(),
        version: None,
        modified_at: None,
        field_times: Vec::new(),
        coverage: contract::Coverage::Complete,
        operation: contract::Operation::Delete,
        body: Vec::new(),
    }
}

/// What a batch's confirmed creates lead to is looked up and loaded at once, and so is what its updates were written to.
fn load(draft: &mut Draft<'_>, mapping: &Mapping, intents: &[Intent], outcomes: &[Outcome]) -> Result<(), EngineError> {
    let mut created = Vec::new();
    let mut keys = Vec::new();
    let mut updated = Vec::new();
    for (intent, outcome) in intents.iter().zip(outcomes) {
        let Outcome::Written(written) = outcome else { continue };
        match intent.contribution {
            Some(id) => updated.push(id),
            None => {
                created.push(intent.record);
                keys.push(RemoteKey::new(&mapping.connection, &mapping.alias, &written.remote_id));
            }
        }
    }
    draft.load_contributions(&updated)?;
    draft.load_records(&created)?;
    draft.prefetch(&keys)?;
    draft.prefetch_referrers(&created)?;
    Ok(())
}

fn entry_of(intent: &Intent) -> Dirty {
    Dirty { destination: intent.destination.clone(), record: intent.record, reasons: intent.reasons, stamp: intent.stamp }
}

/// An intent as the contract spells it: the exact bytes that were journalled.
fn delivery(intent: &Intent) -> contract::Delivery {
    contract::Delivery {
        id: intent.key.clone(),
        operation: match &intent.kind {
            WriteKind::Create => contract::WriteOperation::Create,
            WriteKind::Update(id) => contract::WriteOperation::Update(id.clone()),
            WriteKind::Delete(id) => contract::WriteOperation::Delete(id.clone()),
            WriteKind::Merge(from, into) => contract::WriteOperation::Merge(from.clone(), into.clone()),
        },
        if_version: intent.base_version.clone(),
        changed: intent.changed.clone(),
        desired: intent.desired.clone(),
    }
}
