//! One round of deliveries: a bounded number of dirty entries from comparison to settlement.

use std::collections::{BTreeMap, HashMap, HashSet};

use nave_core::accounting::OutCounts;
use nave_core::catalog::{Capabilities, Catalog, Mapping, WriteMode};
use nave_core::codec;
use nave_core::difference::Blocked;
use nave_core::intake::list_path;
use nave_core::model::{
    Attempt, AttemptOutcome, Cause, DeadLetter, DeadLetterSubject, Dirty, Intent, Parked, Reason, RecordId, Time, WriteKind,
};
use nave_core::value::Value;
use nave_runtime::contract;
use nave_store::{StoreError, kill};

use super::agreed::{self, Agreement};
use super::children::Children;
use super::dead_letter::dead_letter;
use super::deliver::{Current, JustRead, Need, Subject, Wanted, Write, asked_for};
use super::draft::Draft;
use super::frozen::Noted;
use super::parts::ChildrenKnown;
use super::pull::{GET_IDS_MAX, PageCommit, Reading};
use super::taken::Several;
use super::{Engine, EngineError};
use crate::spoke::Spoke;

/// Stamp of an intent whose dirty entry waits for another one of the same record: no entry ever has it.
const NOT_YET: u64 = u64::MAX;

/// One run's tools.
pub(super) struct Sending<'a> {
    pub(super) engine: &'a Engine,
    pub(super) catalog: &'a Catalog,
    pub(super) mapping: &'a Mapping,
    pub(super) capabilities: &'a Capabilities,
    /// Paths that the system makes itself; they are left out of whole bodies.
    pub(super) read_only: Vec<String>,
    pub(super) known: &'a ChildrenKnown,
    /// Deliveries in one call, by stream of children.
    pub(super) batch_max: HashMap<String, u32>,
    pub(super) spoke: &'a dyn Spoke,
    pub(super) run: u64,
    pub(super) counter: u64,
    /// Records of which several objects are written.
    pub(super) several: Several,
    /// Nothing is sent but what puts back what a person holds.
    pub(super) held_alone: bool,
}

impl Sending<'_> {
    /// One round: a bounded number of dirty entries from comparison to settlement.
    pub(super) async fn round(&mut self, entries: Vec<Dirty>, counts: &mut OutCounts) -> Result<(), EngineError> {
        let ids: Vec<RecordId> = entries.iter().map(|entry| entry.record).collect();
        let parked: HashMap<RecordId, Parked> =
            self.engine.store.parked(&self.mapping.name)?.into_iter().map(|row| (row.record, row)).collect();
        let subjects = self.engine.subjects(self.mapping, &ids)?;
        let mut asks = HashSet::new();
        let mut needs = self.compare(&entries, &subjects, &parked, &HashMap::new(), &mut asks)?;
        if !asks.is_empty() {
            // No conditional write: look at the thing itself right before writing it.
            let (current, refused) = self.look(asks).await?;
            let subjects = self.engine.subjects(self.mapping, &ids)?;
            needs = self.compare(&entries, &subjects, &parked, &current, &mut HashSet::new())?;
            needs.iter_mut().for_each(|need| need.refuse(self.mapping, &refused));
        }
        needs.iter_mut().for_each(|need| need.only_possible(self.mapping, |kind| self.possible(kind)));
        if self.engine.store.flow(&self.mapping.name)?.paused {
            // Stopped while things were looked at: nothing is journalled that is not sent, the entries stay.
            return Ok(());
        }
        let waves = self.journal(&entries, needs, &parked, counts).await?;
        for (position, intents) in waves.into_iter().enumerate() {
            if position > 0 && !self.engine.may_go_on(self.mapping)? {
                break;
            }
            if position == 0 {
                kill::reach("after-intent");
                self.send(&intents, counts).await?;
                continue;
            }
            // What the wave before left open or parked comes first.
            let free = self.free(intents)?;
            counts.wanted += free.len() as u64;
            let first = self.first_batch(&free);
            self.engine
                .write(self.cause(), |draft| {
                    draft.batch.intents.extend_from_slice(first);
                    Ok(())
                })
                .await?;
            kill::reach("after-intent");
            self.send(&free, counts).await?;
        }
        self.revive(&ids).await
    }

    /// Of a later wave, those whose record's place nothing holds: neither an unknown outcome nor a wait, nor a parent
    /// that turned out to be gone. The entry of what is left out stays dirty.
    fn free(&self, intents: Vec<Intent>) -> Result<Vec<Intent>, EngineError> {
        let now = self.engine.now();
        let store = &self.engine.store;
        let parked: HashSet<RecordId> =
            store.parked(&self.mapping.name)?.into_iter().filter(|row| row.until > now).map(|row| row.record).collect();
        let mut free = Vec::new();
        for intent in intents {
            let parent = match intent.contribution.filter(|_| intent.part().is_some()) {
                Some(id) => store.contributions(&[id])?.pop().flatten().is_some_and(|row| row.is_active()),
                None => true,
            };
            if parent && !parked.contains(&intent.record) && store.intent(&self.mapping.name, intent.record)?.is_none() {
                free.push(intent);
            }
        }
        Ok(free)
    }

    /// Lets go of the dead letters of records of which several objects were written, and all arrived.
    async fn revive(&self, ids: &[RecordId]) -> Result<(), EngineError> {
        let store = &self.engine.store;
        let mut subjects = Vec::new();
        for record in ids.iter().filter(|record| self.several.contains(record)) {
            let subject = DeadLetterSubject::Delivery { destination: self.mapping.name.clone(), record: *record };
            let subject = nave_store::subject_key(&subject);
            let old = store.dead_letter_of(&subject)?.is_some_and(|letter| letter.run != self.run);
            let waits = || store.parked(&self.mapping.name).map(|rows| rows.iter().any(|row| row.record == *record));
            if old && store.intent(&self.mapping.name, *record)?.is_none() && !waits()? {
                subjects.push(subject);
            }
        }
        if subjects.is_empty() {
            return Ok(());
        }
        self.engine
            .write(self.cause(), |draft| {
                draft.batch.revived_subjects.extend(subjects.iter().cloned());
                Ok(())
            })
            .await
    }

    fn compare(
        &self,
        entries: &[Dirty],
        subjects: &HashMap<RecordId, Subject>,
        parked: &HashMap<RecordId, Parked>,
        current: &Current,
        asks: &mut HashSet<(String, String)>,
    ) -> Result<Vec<Need>, EngineError> {
        let now = self.engine.now();
        let ids: Vec<RecordId> = entries.iter().map(|entry| entry.record).collect();
        let open = self.engine.store.intents_of(&self.mapping.name, &ids)?;
        let mut needs = Vec::with_capacity(entries.len());
        for (entry, open) in entries.iter().zip(open) {
            let Some(subject) = subjects.get(&entry.record) else {
                needs.push(Need::Nothing);
                continue;
            };
            if open.is_some() {
                needs.push(Need::Held("an earlier write's outcome is not known yet".into()));
                continue;
            }
            if let Some(row) =
                parked.get(&entry.record).filter(|row| row.until > now && !entry.reasons.iter().any(|r| r == Reason::Resync))
            {
                needs.push(Need::Parked(row.clone()));
                continue;
            }
            let mut need = self.engine.need(self.catalog, self.mapping, subject, current, self.known)?;
            if self.held_alone {
                self.engine.held_alone(self.mapping, &mut need)?;
            }
            if let Need::Writes(wanted) = &need {
                asks.extend(wanted.writes.iter().flat_map(|write| {
                    let stream = write.child_of.as_ref().unwrap_or(&self.mapping.stream);
                    asked_for(&write.kind).map(|id| (stream.clone(), id.clone()))
                }));
            }
            needs.push(need);
        }
        Ok(needs)
    }

    /// Reads things right before they are written; what changed there becomes claims first.
    /// Also says which could not be asked for: those are not written to either.
    async fn look(&self, asks: HashSet<(String, String)>) -> Result<(Current, HashMap<(String, String), String>), EngineError> {
        let mut current = HashMap::new();
        let mut refused = HashMap::new();
        let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (stream, id) in asks {
            ids.entry(stream).or_default().push(id);
        }
        for (stream, mut ids) in ids {
            ids.sort();
            let children = Children::of(self.mapping, &stream);
            let reading = Reading {
                catalog: self.catalog,
                mapping: self.mapping,
                spoke: self.spoke,
                run: self.run,
                children: children.as_ref(),
                guard: None,
                archive: false,
            };
            for chunk in ids.chunks(GET_IDS_MAX) {
                let began = self.engine.now();
                let fetched = self.engine.fetch(self.mapping, self.spoke, &stream, chunk).await?;
                refused.extend(fetched.refused.into_iter().map(|(id, why)| ((stream.clone(), id), why)));
                let found = fetched.found;
                for record in &found {
                    if record.operation == contract::Operation::Upsert
                        && let Ok(body) = codec::decode(&record.body)
                    {
                        let read = JustRead { body, version: record.version.clone() };
                        current.insert((stream.clone(), record.remote_id.clone()), read);
                    }
                }
                let mut counts = nave_core::accounting::InCounts::default();
                self.engine.take_page(&reading, found, began, &mut counts, PageCommit::default()).await?;
            }
        }
        Ok((current, refused))
    }

    /// Writes intents for the first batch of what is to be sent, and lets go of the entries that need nothing. One commit.
    /// The other batches are journalled as their turn comes: an open intent is one that may have been sent.
    async fn journal(
        &mut self,
        entries: &[Dirty],
        needs: Vec<Need>,
        parked: &HashMap<RecordId, Parked>,
        counts: &mut OutCounts,
    ) -> Result<Vec<Vec<Intent>>, EngineError> {
        let mut waves: Vec<Vec<Intent>> = Vec::new();
        let mut effects = Vec::new();
        let mut tally = OutCounts::default();
        let now = self.engine.now();
        for (entry, need) in entries.iter().zip(needs) {
            tally.wanted += 1;
            match need {
                Need::Nothing => {
                    tally.unchanged += 1;
                    effects.push(Effect::Done(entry.clone()));
                }
                Need::Surged => {
                    tally.held += 1;
                    effects.push(Effect::Done(entry.clone()));
                }
                Need::Held(why) => {
                    tracing::debug!(flow = self.mapping.name, record = %entry.record, why, "held");
                    tally.held += 1;
                    self.stays(entry);
                }
                Need::Parked(row) => {
                    tally.parked += 1;
                    let reasons = row.reasons.union(entry.reasons);
                    effects.push(Effect::Park(entry.clone(), Parked { reasons, ..row }));
                }
                Need::Blocked(errors) => {
                    tally.failed += 1;
                    errors.iter().filter(|error| error.unfit).for_each(|_| tally.misfit("reject"));
                    effects.push(Effect::Dead(entry.clone(), self.blocked(entry.record, &errors, now)));
                }
                Need::Writes(mut wanted) => {
                    let (noted, frozen) = self.engine.freeze(self.mapping, entry.record, &mut wanted)?;
                    effects.extend(noted.into_iter().map(Effect::Noted));
                    let Wanted { mut writes, stopped, waits } = wanted;
                    writes.retain(|write| !write.later);
                    let (writes, asks): (Vec<Write>, Vec<Write>) =
                        writes.into_iter().partition(|write| write.agreement == Agreement::Given);
                    if writes.is_empty() {
                        tally.held += 1;
                        if (!asks.is_empty() || frozen) && stopped.is_empty() && !waits {
                            // Its review holds its place, and enters it again.
                            effects.push(Effect::Done(entry.clone()));
                        } else {
                            self.stays(entry);
                        }
                    }
                    effects.extend(asks.into_iter().filter_map(|write| Effect::ask(entry.record, write)));
                    if writes.len() + stopped.len() > 1 {
                        self.several.insert(entry.record);
                    }
                    if !stopped.is_empty() {
                        tally.wanted += 1;
                        tally.failed += 1;
                        stopped.iter().filter(|error| error.unfit).for_each(|_| tally.misfit("reject"));
                        effects.push(Effect::Letter(self.blocked(entry.record, &stopped, now)));
                    }
                    let last = writes.len().saturating_sub(1);
                    for (position, write) in writes.into_iter().enumerate() {
                        write.difference.fitted.iter().for_each(|fitted| tally.misfit(fitted.policy));
                        // One delivery in flight per record and destination (I5): a second object of the record has its
                        // turn in the next wave. The entry leaves dirty with the last one.
                        let mut intent = self.intent(entry, write, now);
                        if position != last || waits {
                            intent.stamp = NOT_YET;
                        }
                        if waves.len() <= position {
                            waves.resize_with(position + 1, Vec::new);
                        }
                        waves[position].push(intent);
                    }
                }
            }
        }
        // Each stream's by themselves.
        waves.iter_mut().for_each(|wave| wave.sort_by(|left, right| left.child_stream().cmp(&right.child_stream())));
        let first = waves.first().map_or(&[][..], |wave| self.first_batch(wave));
        self.engine
            .write(self.cause(), |draft| {
                for effect in &effects {
                    effect.apply(self.mapping, draft, parked)?;
                }
                draft.batch.intents.extend_from_slice(first);
                Ok(())
            })
            .await?;
        counts.wanted += tally.wanted;
        counts.unchanged += tally.unchanged;
        counts.held += tally.held;
        counts.parked += tally.parked;
        counts.failed += tally.failed;
        counts.truncated += tally.truncated;
        counts.transformed += tally.transformed;
        counts.rejected += tally.rejected;
        Ok(waves)
    }

    /// An entry that is left where it is. One that is passed over for this run alone is looked at by the next.
    fn stays(&self, entry: &Dirty) {
        if !self.held_alone {
            self.engine.waiting.note(entry);
        }
    }

    /// Whether the stream can do it at all.
    fn possible(&self, kind: &WriteKind) -> bool {
        match kind {
            WriteKind::Create | WriteKind::Update(_) => true,
            WriteKind::Delete(_) => self.capabilities.deletable,
            WriteKind::Merge(..) => self.capabilities.mergeable,
        }
    }

    fn cause(&self) -> Cause {
        Cause { connection: Some(self.mapping.connection.as_str().into()), run: Some(self.run), ..Cause::default() }
    }

    fn intent(&mut self, entry: &Dirty, write: Write, now: Time) -> Intent {
        self.counter += 1;
        // With the time: after a backup is restored, runs and records are counted from where they stood then.
        let key = format!("nave-{}-{:x}-{}-{}-{}", self.engine.hub_id, now.0, self.run, entry.record, self.counter);
        let Write { kind, contribution, version, mut difference, child_of, .. } = write;
        if child_of.is_none() && self.capabilities.write_mode == WriteMode::Replace {
            difference.leave_out(self.read_only.iter().map(String::as_str));
        }
        let mut lookup = None;
        if kind == WriteKind::Create && child_of.is_some() {
            let part = self.mapping.parts.iter().find(|part| difference.values.contains_key(&list_path(&part.list)));
            if let Some(path) = part.and_then(|part| part.marker.as_ref()) {
                difference.changed.put(path, Value::text(&key));
                difference.desired.put(path, Value::text(&key));
                lookup = Some((path.clone(), key.clone()));
            } else if let (Some(part), Some(parent)) = (part, &contribution) {
                lookup = Some((part.parent.clone(), parent.key.remote_id.to_string()));
            }
        } else if kind == WriteKind::Create
            && let Some(flow) = &self.mapping.flow_out
        {
            if let Some(path) = &flow.marker {
                difference.changed.put(path, Value::text(&key));
                difference.desired.put(path, Value::text(&key));
                lookup = Some((path.clone(), key.clone()));
            } else if let Some(path) = &flow.natural_key {
                lookup = difference.desired.at(path).and_then(Value::as_text).map(|value| (path.clone(), value.to_owned()));
            }
        }
        let base = contribution.as_ref().map(|row| row.shadow.clone()).unwrap_or_default();
        Intent {
            destination: self.mapping.name.clone(),
            record: entry.record,
            contribution: contribution.as_ref().map(|row| row.id),
            kind,
            base: base.into_iter().filter(|(path, _)| difference.values.contains_key(path)).collect(),
            base_version: version,
            changed: codec::encode(&difference.changed),
            desired: codec::encode(&difference.desired),
            values: difference.values,
            elements: difference.elements,
            key,
            lookup,
            attempts: vec![Attempt { at: now, outcome: AttemptOutcome::Open }],
            stamp: entry.stamp,
            reasons: entry.reasons,
            run: self.run,
        }
    }

    fn blocked(&self, record: RecordId, errors: &[Blocked], now: Time) -> DeadLetter {
        let first = errors.first();
        dead_letter(
            self.mapping,
            record,
            first.map_or("other", |error| error.class.as_str()),
            first.map(|error| error.field.clone()),
            errors.iter().map(|error| error.message.clone()).collect::<Vec<_>>().join("; "),
            now,
            self.run,
        )
    }

    /// Most deliveries in one call, to the thing's own stream or to one of children.
    fn batch_size(&self, stream: Option<&str>) -> usize {
        let max = match stream {
            Some(stream) => self.batch_max.get(stream).copied().unwrap_or(1),
            None => self.capabilities.batch_max,
        };
        max.max(1) as usize
    }

    /// A wave in batches as the system likes them, each of one stream.
    fn batches<'w>(&self, wave: &'w [Intent]) -> impl Iterator<Item = &'w [Intent]> {
        let streams = wave.chunk_by(|left, right| left.child_stream() == right.child_stream());
        streams.flat_map(|intents| intents.chunks(self.batch_size(intents[0].child_stream())))
    }

    fn first_batch<'w>(&self, wave: &'w [Intent]) -> &'w [Intent] {
        self.batches(wave).next().unwrap_or_default()
    }

    /// Sends intents in batches as the system likes them, and settles each batch in one commit, which journals the next.
    /// The first is journalled already.
    async fn send(&self, intents: &[Intent], counts: &mut OutCounts) -> Result<(), EngineError> {
        let mut batches = self.batches(intents).peekable();
        while let Some(batch) = batches.next() {
            let next = batches.peek().copied().unwrap_or_default();
            let tally =
                self.engine.send_and_settle(self.catalog, self.mapping, self.spoke, self.run, batch, next, &self.several).await?;
            counts.delivered += tally.delivered;
            counts.unchanged += tally.unchanged;
            counts.parked += tally.parked;
            counts.held += tally.held;
            counts.failed += tally.failed;
            let done = counts.delivered + counts.unchanged + counts.parked + counts.failed;
            self.engine.report(&self.mapping.name, done);
            if !self.engine.may_go_on(self.mapping)? {
                // Their entries stay dirty. What was journalled already is not sent.
                self.engine
                    .write(self.cause(), |draft| {
                        let unsent = next.iter().map(|intent| (intent.destination.clone(), intent.record));
                        draft.batch.settled.extend(unsent);
                        Ok(())
                    })
                    .await?;
                counts.held += batches.map(|batch| batch.len() as u64).sum::<u64>();
                return Ok(());
            }
        }
        Ok(())
    }
}

/// An entry that leaves dirty, and how.
enum Effect {
    Done(Dirty),
    Park(Dirty, Parked),
    Dead(Dirty, DeadLetter),
    /// Nothing leaves: a part of it was set aside.
    Letter(DeadLetter),
    /// Does not leave by itself: a person is asked about one of its objects.
    Ask(RecordId, Box<Write>, String),
    /// What is known of contested fields.
    Noted(Noted),
}

impl Effect {
    fn ask(record: RecordId, write: Write) -> Option<Self> {
        let Agreement::Ask(title) = &write.agreement else { return None };
        let title = title.clone();
        Some(Self::Ask(record, Box::new(write), title))
    }

    fn apply(&self, mapping: &Mapping, draft: &mut Draft<'_>, parked: &HashMap<RecordId, Parked>) -> Result<(), StoreError> {
        match self {
            Self::Noted(noted) => noted.apply(draft, mapping)?,
            Self::Done(entry) => {
                draft.batch.clean.push(entry.clone());
                if parked.contains_key(&entry.record) {
                    draft.batch.unparked.push((entry.destination.clone(), entry.record));
                }
                // What once failed is in order now.
                let subject = DeadLetterSubject::Delivery { destination: entry.destination.clone(), record: entry.record };
                draft.batch.revived_subjects.push(nave_store::subject_key(&subject));
            }
            Self::Park(entry, row) => {
                draft.batch.clean.push(entry.clone());
                draft.batch.parked.push(row.clone());
            }
            Self::Letter(letter) => draft.batch.dead_letters.push(letter.clone()),
            Self::Ask(record, write, title) => agreed::ask(draft, mapping, *record, write, title),
            Self::Dead(entry, letter) => {
                draft.batch.clean.push(entry.clone());
                draft.batch.dead_letters.push(letter.clone());
                if parked.contains_key(&entry.record) {
                    draft.batch.unparked.push((entry.destination.clone(), entry.record));
                }
            }
        }
        Ok(())
    }
}
