//! Runs a flow outwards: drains dirty, compares, journals, sends, settles.
//!
//! The order is the promise: an intent is durable before its first byte is sent (I6), at most one per record and
//! destination (I5), nothing empty is sent (I7), and an entry leaves dirty only for a reason that is said (I4).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use nave_core::accounting::{Counts, OutCounts};
use nave_core::catalog::{Capabilities, Catalog, DeletePolicy, DuplicatePolicy, Mapping};
use nave_core::codec;
use nave_core::difference::{self, Blocked, Difference};
use nave_core::limits::DELIVERY_ROUND_RECORDS;
use nave_core::mapping::Env;
use nave_core::model::{
    Attempt, AttemptOutcome, Cause, Contribution, ContributionState, DeadLetter, DeadLetterSubject, Dirty, Intent, Parked,
    Reason, Reasons, Record, RecordId, RecordState, RemoteKey, Run, Time, WriteKind,
};
use nave_core::retry::{self, Next};
use nave_core::value::Value;
use nave_runtime::contract::{self, Outcome};
use nave_store::kill;

use super::draft::Draft;
use super::pull::GET_IDS_MAX;
use super::take::{IncomingKind, Intake, settle_create};
use super::{Engine, EngineError};
use crate::spoke::{Spoke, SpokeError};

/// Passes over dirty in one run: a settlement may make others dirty (references), and those are drained too.
const PASSES_MAX: usize = 4;
/// Stamp of an intent whose dirty entry waits for another one of the same record: no entry ever has it.
const NOT_YET: u64 = u64::MAX;

/// What a record needs at a destination.
pub(super) enum Need {
    /// Nothing: not wanted there, or equal.
    Nothing,
    /// A person or an earlier write has to come first.
    Held(String),
    /// Not before its time.
    Parked(Parked),
    /// These writes.
    Writes(Vec<Write>),
    /// Stopped by us, before anything was sent.
    Blocked(Vec<Blocked>),
}

/// One write that is wanted.
pub(super) struct Write {
    /// What is to be done.
    pub kind: WriteKind,
    /// To which contribution; none for a create.
    pub contribution: Option<Contribution>,
    /// The difference.
    pub difference: Difference,
}

/// A record with what is known of it at the destination.
pub(super) struct Subject {
    pub record: Record,
    /// Contributions in the destination's stream.
    pub there: Vec<Contribution>,
}

/// One run's tools.
struct Sending<'a> {
    engine: &'a Engine,
    catalog: &'a Catalog,
    mapping: &'a Mapping,
    capabilities: &'a Capabilities,
    spoke: &'a dyn Spoke,
    run: u64,
    counter: u64,
    /// Records of which several objects are written: one that succeeds does not clear what another failed with.
    several: HashSet<RecordId>,
}

impl Engine {
    /// One run of a mapping's flow outwards. Nothing is sent before its plan was applied.
    pub async fn run_out(&self, name: &str) -> Result<Run, EngineError> {
        let mapping = self.mapping(name)?;
        let lane = self.lane(&mapping.connection);
        let _lane = lane.lock().await;
        let mut run = self.begin(&mapping, "out").await?;
        let mut counts = OutCounts::default();
        let failure = match self.deliver(&mapping, run.id, &mut counts).await {
            Ok(()) => None,
            Err(error @ (EngineError::Store(_) | EngineError::Commit(_))) => return Err(error),
            Err(error) => Some(error.to_string()),
        };
        run.counts = Counts::Out(counts);
        self.end(run, failure).await
    }

    async fn deliver(&self, mapping: &Arc<Mapping>, run: u64, counts: &mut OutCounts) -> Result<(), EngineError> {
        let catalog = self.catalog();
        self.enter_configuration(mapping).await?;
        let flow = self.store.flow(&mapping.name)?;
        if flow.approved.as_deref() != Some(mapping.digest.as_str()) {
            let waiting = self.store.dirty_count(&mapping.name)?;
            counts.wanted += waiting;
            counts.held += waiting;
            return Ok(());
        }
        let spoke = self.spoke(&mapping.connection)?;
        let capabilities = self.capabilities(mapping).await?;
        self.resolve_open(mapping, run).await?;
        self.unpark_due(mapping).await?;
        let mut sending = Sending {
            engine: self,
            catalog: &catalog,
            mapping,
            capabilities: &capabilities,
            spoke: spoke.as_ref(),
            run,
            counter: 0,
            several: HashSet::new(),
        };
        for _ in 0..PASSES_MAX {
            let before = *counts;
            let mut after = RecordId(0);
            loop {
                let entries = self.store.dirty(&mapping.name, after, DELIVERY_ROUND_RECORDS)?;
                let Some(last) = entries.last() else { break };
                after = last.record;
                sending.round(entries, counts).await?;
                self.report(&mapping.name, counts.wanted);
            }
            if self.store.dirty_count(&mapping.name)? == 0 || counts.delivered == before.delivered {
                break;
            }
        }
        Ok(())
    }

    /// A new or changed configuration makes every record of the entity worth comparing.
    pub(super) async fn enter_configuration(&self, mapping: &Mapping) -> Result<(), EngineError> {
        let mut flow = self.store.flow(&mapping.name)?;
        if flow.configured.as_deref() == Some(mapping.digest.as_str()) {
            return Ok(());
        }
        let mut after = RecordId(0);
        loop {
            let rows = self.store.records_after(after, 5_000)?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            let ids: Vec<RecordId> = rows
                .iter()
                .filter(|row| row.entity == mapping.entity && matches!(row.state, RecordState::Active))
                .map(|row| row.id)
                .collect();
            self.write(Cause::default(), |draft| {
                for id in &ids {
                    draft.enter(&mapping.name, *id, Reason::Configuration);
                }
                Ok(())
            })
            .await?;
        }
        flow.configured = Some(mapping.digest.clone());
        self.write(Cause::default(), |draft| {
            draft.batch.flows.push((mapping.name.clone(), flow.clone()));
            Ok(())
        })
        .await
    }

    /// Parked deliveries whose time has come are compared again; the row stays, for its rung.
    async fn unpark_due(&self, mapping: &Mapping) -> Result<(), EngineError> {
        let now = self.now();
        let due: Vec<Parked> = self.store.parked(&mapping.name)?.into_iter().filter(|row| row.until <= now).collect();
        if due.is_empty() {
            return Ok(());
        }
        self.write(Cause::default(), |draft| {
            for row in &due {
                draft.enter(&row.destination, row.record, Reason::Retry);
            }
            Ok(())
        })
        .await
    }

    /// Loads records with their contributions in a mapping's stream.
    pub(super) fn subjects(&self, mapping: &Mapping, ids: &[RecordId]) -> Result<HashMap<RecordId, Subject>, EngineError> {
        let rows: Vec<Record> = self.store.records(ids)?.into_iter().flatten().collect();
        let wanted: Vec<_> = rows.iter().flat_map(|row| row.contributions.iter().copied()).collect();
        let mut there: HashMap<RecordId, Vec<Contribution>> = HashMap::new();
        for row in self.store.contributions(&wanted)?.into_iter().flatten() {
            if row.key.connection == mapping.connection
                && row.key.stream == mapping.alias
                && let Some(record) = row.record
            {
                there.entry(record).or_default().push(row);
            }
        }
        Ok(rows
            .into_iter()
            .map(|record| (record.id, Subject { there: there.remove(&record.id).unwrap_or_default(), record }))
            .collect())
    }

    /// What a record needs at a destination, from what is stored. `current` are bodies just read, by remote id.
    pub(super) fn need(
        &self,
        catalog: &Catalog,
        mapping: &Mapping,
        subject: &Subject,
        current: &HashMap<String, Value>,
    ) -> Result<Need, EngineError> {
        let Some(flow) = &mapping.flow_out else { return Ok(Need::Nothing) };
        let record = &subject.record;
        let active: Vec<&Contribution> = subject.there.iter().filter(|row| row.is_active()).collect();
        match record.state {
            RecordState::Active | RecordState::Archived => {}
            RecordState::MergedInto(_) => return Ok(Need::Nothing),
            RecordState::Deleted { .. } => {
                let writes = active
                    .iter()
                    .filter(|_| mapping.delete == DeletePolicy::Propagate)
                    .map(|row| Write {
                        kind: WriteKind::Delete(row.key.remote_id.clone()),
                        contribution: Some((*row).clone()),
                        difference: Difference::default(),
                    })
                    .collect::<Vec<_>>();
                return Ok(if writes.is_empty() { Need::Nothing } else { Need::Writes(writes) });
            }
        }
        let region = catalog.hub.region.as_deref();
        if let Some(filter) = &flow.filter {
            let fields: BTreeMap<String, Value> =
                record.fields.iter().map(|(name, field)| (name.clone(), field.value.clone())).collect();
            let body = Value::Object(fields);
            let env = Env { body: &body, externals: &[], connection: &mapping.connection, region };
            match filter.holds(&env) {
                Ok(true) => {}
                Ok(false) => return Ok(Need::Nothing),
                Err(error) => {
                    let blocked = Blocked { class: error.class.into(), field: "filter".into(), message: error.message };
                    return Ok(Need::Blocked(vec![blocked]));
                }
            }
        }
        if active.is_empty() && (!flow.create || !subject.there.is_empty()) {
            // Never created here, or deleted or merged away over there: not resurrected.
            return Ok(Need::Nothing);
        }
        let entity = self.entity(catalog, &mapping.entity)?;
        let locate = |id: RecordId, stream: &str| self.locate(id, &mapping.connection, stream);
        let targets: Vec<Option<&Contribution>> =
            if active.is_empty() { vec![None] } else { active.iter().map(|row| Some(*row)).collect() };
        let mut writes = Vec::new();
        let mut blocked = Vec::new();
        for (position, target) in targets.into_iter().enumerate() {
            if position > 0 && mapping.duplicates == DuplicatePolicy::Review {
                break;
            }
            let body = target.and_then(|row| current.get(&row.key.remote_id));
            match difference::difference(mapping, entity, record, target, body, &locate, region) {
                Ok(difference) if difference.is_empty() => {}
                Ok(difference) => writes.push(Write {
                    kind: target.map_or(WriteKind::Create, |row| WriteKind::Update(row.key.remote_id.clone())),
                    contribution: target.cloned(),
                    difference,
                }),
                Err(errors) => blocked.extend(errors),
            }
        }
        Ok(if !blocked.is_empty() {
            Need::Blocked(blocked)
        } else if writes.is_empty() {
            Need::Nothing
        } else {
            Need::Writes(writes)
        })
    }
}

impl Sending<'_> {
    /// One round: a bounded number of dirty entries from comparison to settlement.
    async fn round(&mut self, entries: Vec<Dirty>, counts: &mut OutCounts) -> Result<(), EngineError> {
        let ids: Vec<RecordId> = entries.iter().map(|entry| entry.record).collect();
        let parked: HashMap<RecordId, Parked> =
            self.engine.store.parked(&self.mapping.name)?.into_iter().map(|row| (row.record, row)).collect();
        let subjects = self.engine.subjects(self.mapping, &ids)?;
        let mut asks = HashSet::new();
        let mut needs = self.compare(&entries, &subjects, &parked, &HashMap::new(), &mut asks)?;
        if !asks.is_empty() {
            // No conditional write: look at the thing itself right before writing it.
            let current = self.look(asks).await?;
            let subjects = self.engine.subjects(self.mapping, &ids)?;
            needs = self.compare(&entries, &subjects, &parked, &current, &mut HashSet::new())?;
        }
        let waves = self.journal(&entries, needs, &parked, counts).await?;
        for (position, intents) in waves.into_iter().enumerate() {
            if position > 0 {
                // What the wave before left open or parked comes first.
                let mut free = Vec::new();
                for intent in intents {
                    if self.engine.store.intent(&self.mapping.name, intent.record)?.is_none() {
                        free.push(intent);
                    }
                }
                counts.wanted += free.len() as u64;
                self.engine
                    .write(self.cause(), |draft| {
                        draft.batch.intents.extend(free.iter().cloned());
                        Ok(())
                    })
                    .await?;
                kill::reach("after-intent");
                self.send(free, counts).await?;
            } else {
                kill::reach("after-intent");
                self.send(intents, counts).await?;
            }
        }
        Ok(())
    }

    fn compare(
        &self,
        entries: &[Dirty],
        subjects: &HashMap<RecordId, Subject>,
        parked: &HashMap<RecordId, Parked>,
        current: &HashMap<String, Value>,
        asks: &mut HashSet<String>,
    ) -> Result<Vec<Need>, EngineError> {
        let now = self.engine.now();
        let mut needs = Vec::with_capacity(entries.len());
        for entry in entries {
            let Some(subject) = subjects.get(&entry.record) else {
                needs.push(Need::Nothing);
                continue;
            };
            if self.engine.store.intent(&self.mapping.name, entry.record)?.is_some() {
                needs.push(Need::Held("an earlier write's outcome is not known yet".into()));
                continue;
            }
            if let Some(row) =
                parked.get(&entry.record).filter(|row| row.until > now && !entry.reasons.iter().any(|r| r == Reason::Resync))
            {
                needs.push(Need::Parked(row.clone()));
                continue;
            }
            let need = self.engine.need(self.catalog, self.mapping, subject, current)?;
            if let Need::Writes(writes) = &need {
                asks.extend(writes.iter().filter_map(|write| match &write.kind {
                    WriteKind::Update(id) | WriteKind::Delete(id) => Some(id.clone()),
                    _ => None,
                }));
            }
            needs.push(need);
        }
        Ok(needs)
    }

    /// Reads things right before they are written; what changed there becomes claims first.
    async fn look(&self, asks: HashSet<String>) -> Result<HashMap<String, Value>, EngineError> {
        let mut current = HashMap::new();
        let mut ids: Vec<String> = asks.into_iter().collect();
        ids.sort();
        for chunk in ids.chunks(GET_IDS_MAX) {
            let began = self.engine.now();
            let found = self
                .spoke
                .get(self.mapping.stream.clone(), chunk.to_vec())
                .await
                .map_err(|error| EngineError::Spoke(self.mapping.connection.clone(), error))?;
            for record in &found {
                if record.operation == contract::Operation::Upsert
                    && let Ok(body) = codec::decode(&record.body)
                {
                    current.insert(record.remote_id.clone(), body);
                }
            }
            let mut counts = nave_core::accounting::InCounts::default();
            self.engine
                .take_page(self.catalog, self.mapping, self.spoke, self.run, found, began, &mut counts, None, None)
                .await?;
        }
        Ok(current)
    }

    /// Writes intents for what is to be sent, and lets go of the entries that need nothing. One commit.
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
                Need::Held(why) => {
                    tracing::debug!(flow = self.mapping.name, record = %entry.record, why, "held");
                    tally.held += 1;
                }
                Need::Parked(row) => {
                    tally.parked += 1;
                    let reasons = row.reasons.union(entry.reasons);
                    effects.push(Effect::Park(entry.clone(), Parked { reasons, ..row }));
                }
                Need::Blocked(errors) => {
                    tally.failed += 1;
                    effects.push(Effect::Dead(entry.clone(), self.blocked(entry.record, &errors, now)));
                }
                Need::Writes(writes) => {
                    let several = writes.len() > 1;
                    let last = writes.len() - 1;
                    if several {
                        self.several.insert(entry.record);
                    }
                    for (position, write) in writes.into_iter().enumerate() {
                        if !self.capabilities.deletable && matches!(write.kind, WriteKind::Delete(_)) {
                            continue;
                        }
                        // One delivery in flight per record and destination (I5): a second object of the record has its
                        // turn in the next wave. The entry leaves dirty with the last one.
                        let mut intent = self.intent(entry, write, now);
                        if position != last {
                            intent.stamp = NOT_YET;
                        }
                        if waves.len() <= position {
                            waves.resize_with(position + 1, Vec::new);
                        }
                        waves[position].push(intent);
                    }
                    if !waves.iter().flatten().any(|intent| intent.record == entry.record) {
                        tally.held += 1;
                    }
                }
            }
        }
        let first: Vec<Intent> = waves.first().cloned().unwrap_or_default();
        self.engine
            .write(self.cause(), |draft| {
                for effect in &effects {
                    effect.apply(draft, parked);
                }
                draft.batch.intents.extend(first.iter().cloned());
                Ok(())
            })
            .await?;
        counts.wanted += tally.wanted;
        counts.unchanged += tally.unchanged;
        counts.held += tally.held;
        counts.parked += tally.parked;
        counts.failed += tally.failed;
        Ok(waves)
    }

    fn cause(&self) -> Cause {
        Cause { connection: Some(self.mapping.connection.clone()), run: Some(self.run), ..Cause::default() }
    }

    fn intent(&mut self, entry: &Dirty, write: Write, now: Time) -> Intent {
        self.counter += 1;
        let key = format!("nave-{}-{}-{}-{}", self.engine.hub_id, self.run, entry.record, self.counter);
        let Write { kind, contribution, mut difference } = write;
        let mut lookup = None;
        if kind == WriteKind::Create
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
            base_version: contribution.and_then(|row| row.version),
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

    /// Sends intents in batches as the system likes them, and settles each batch in one commit.
    async fn send(&self, intents: Vec<Intent>, counts: &mut OutCounts) -> Result<(), EngineError> {
        for chunk in intents.chunks(self.capabilities.batch_max.max(1) as usize) {
            let tally =
                self.engine.send_and_settle(self.catalog, self.mapping, self.spoke, self.run, chunk, &self.several).await?;
            counts.delivered += tally.delivered;
            counts.unchanged += tally.unchanged;
            counts.parked += tally.parked;
            counts.held += tally.held;
            counts.failed += tally.failed;
        }
        Ok(())
    }
}

/// An entry that leaves dirty, and how.
enum Effect {
    Done(Dirty),
    Park(Dirty, Parked),
    Dead(Dirty, DeadLetter),
}

impl Effect {
    fn apply(&self, draft: &mut Draft<'_>, parked: &HashMap<RecordId, Parked>) {
        match self {
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
            Self::Dead(entry, letter) => {
                draft.batch.clean.push(entry.clone());
                draft.batch.dead_letters.push(letter.clone());
                if parked.contains_key(&entry.record) {
                    draft.batch.unparked.push((entry.destination.clone(), entry.record));
                }
            }
        }
    }
}

/// A delivery set aside.
pub(super) fn dead_letter(
    mapping: &Mapping,
    record: RecordId,
    class: &str,
    field: Option<String>,
    message: String,
    now: Time,
    run: u64,
) -> DeadLetter {
    let fix = match class {
        "required" => format!(
            "give {}/{record} a value for it in a system that may say so, or map `{}` in mappings/{}.toml; it is tried again when the record changes, or with `nave dlq retry --class required`",
            mapping.entity,
            field.as_deref().unwrap_or("the field"),
            mapping.name
        ),
        "length" => format!(
            "shorten the value at its source, or add a `truncate` to `out` in mappings/{}.toml, then `nave dlq retry --class length`",
            mapping.name
        ),
        "duplicate" => format!(
            "`nave record show {}/{record}` and merge the two in {}, then `nave dlq retry --class duplicate`",
            mapping.entity, mapping.connection
        ),
        "exhausted" => {
            format!("`nave connection check {}`; when it works, `nave dlq retry --class exhausted`", mapping.connection)
        }
        other => format!(
            "`nave record show {}/{record}`, correct what {} complains about, then `nave dlq retry --class {other}`",
            mapping.entity, mapping.connection
        ),
    };
    DeadLetter {
        id: 0,
        subject: DeadLetterSubject::Delivery { destination: mapping.name.clone(), record },
        class: class.to_owned(),
        field,
        message,
        fix,
        first_at: now,
        last_at: now,
        count: 1,
        run,
    }
}

impl Engine {
    /// Sends one batch of journalled intents, and settles it in one commit.
    pub(super) async fn send_and_settle(
        &self,
        catalog: &Catalog,
        mapping: &Mapping,
        spoke: &dyn Spoke,
        run: u64,
        intents: &[Intent],
        several: &HashSet<RecordId>,
    ) -> Result<OutCounts, EngineError> {
        if intents.is_empty() {
            return Ok(OutCounts::default());
        }
        let deliveries = intents.iter().map(delivery).collect();
        let answer = spoke.write(mapping.stream.clone(), deliveries).await;
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
            Err(error @ (SpokeError::Unavailable(_) | SpokeError::Unauthorized(_) | SpokeError::Misconfigured(_))) => {
                self.release(mapping, intents, &error.to_string()).await?;
                return Ok(OutCounts { parked: intents.len() as u64, ..OutCounts::default() });
            }
            Err(error) => {
                let rejection = contract::Rejection { class: "other".into(), field: None, message: error.to_string() };
                intents.iter().map(|_| Outcome::Rejected(rejection.clone())).collect()
            }
        };
        let read_back = self.read_back(mapping, spoke, &outcomes).await;
        kill::reach("before-settle");
        self.settle(catalog, mapping, run, intents, outcomes, read_back, several).await
    }

    /// Nothing was sent: the intents are closed, the records parked on the ladder.
    async fn release(&self, mapping: &Mapping, intents: &[Intent], why: &str) -> Result<(), EngineError> {
        let parked: HashMap<RecordId, Parked> =
            self.store.parked(&mapping.name)?.into_iter().map(|row| (row.record, row)).collect();
        self.write(Cause::default(), |draft| {
            for intent in intents {
                draft.batch.settled.push((intent.destination.clone(), intent.record));
                self.park(draft, mapping, intent, parked.get(&intent.record), None, why);
            }
            Ok(())
        })
        .await
    }

    /// Parks on the ladder, or sets aside when the ladder is used up. Says whether it was parked.
    fn park(
        &self,
        draft: &mut Draft<'_>,
        mapping: &Mapping,
        intent: &Intent,
        before: Option<&Parked>,
        asked_ms: Option<u64>,
        why: &str,
    ) -> bool {
        let rung = before.map_or(0, |row| row.rung);
        // Spread without randomness: the same record always waits the same share longer.
        let jitter = (nave_core::matching::key_hash(&[&intent.destination, &intent.record.to_string()]) % 1001) as u16;
        draft.batch.clean.push(entry_of(intent));
        match retry::next(draft.now, rung, asked_ms, jitter) {
            Next::Park { until, rung } => {
                draft.batch.parked.push(Parked {
                    destination: intent.destination.clone(),
                    record: intent.record,
                    until,
                    rung,
                    reason: why.to_owned(),
                    reasons: intent.reasons.union(before.map_or(Reasons::default(), |row| row.reasons)),
                });
                true
            }
            Next::DeadLetter => {
                let message = format!("tried {} times; last answer: {why}", retry::LADDER_MS.len() + 1);
                let letter = dead_letter(mapping, intent.record, "exhausted", None, message, draft.now, intent.run);
                draft.batch.dead_letters.push(letter);
                draft.batch.unparked.push((intent.destination.clone(), intent.record));
                false
            }
        }
    }

    /// Bodies of written things that came back without one.
    async fn read_back(&self, mapping: &Mapping, spoke: &dyn Spoke, outcomes: &[Outcome]) -> HashMap<String, Vec<u8>> {
        let ids: Vec<String> = outcomes
            .iter()
            .filter_map(|outcome| match outcome {
                Outcome::Written(written) if written.body.is_empty() => Some(written.remote_id.clone()),
                _ => None,
            })
            .collect();
        let mut bodies = HashMap::new();
        for chunk in ids.chunks(GET_IDS_MAX) {
            match spoke.get(mapping.stream.clone(), chunk.to_vec()).await {
                Ok(found) => bodies.extend(found.into_iter().map(|record| (record.remote_id, record.body))),
                // What was sent stands in for it; the next read corrects the spelling.
                Err(error) => tracing::warn!(connection = mapping.connection, %error, "written, but not read back"),
            }
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
        outcomes: Vec<Outcome>,
        read_back: HashMap<String, Vec<u8>>,
        several: &HashSet<RecordId>,
    ) -> Result<OutCounts, EngineError> {
        let entity = self.entity(catalog, &mapping.entity)?;
        let parked: HashMap<RecordId, Parked> =
            self.store.parked(&mapping.name)?.into_iter().map(|row| (row.record, row)).collect();
        let cause = Cause { connection: Some(mapping.connection.clone()), run: Some(run), ..Cause::default() };
        self.write(cause, |draft| {
            let mut tally = OutCounts::default();
            for (intent, outcome) in intents.iter().zip(&outcomes) {
                let before = parked.get(&intent.record);
                let close = |draft: &mut Draft<'_>| draft.batch.settled.push((intent.destination.clone(), intent.record));
                match outcome {
                    Outcome::Written(written) => {
                        let body = if written.body.is_empty() { read_back.get(&written.remote_id) } else { Some(&written.body) };
                        let body = body.and_then(|bytes| codec::decode(bytes).ok());
                        self.written(draft, mapping, entity, intent, &written.remote_id, written.version.clone(), body.as_ref())?;
                        if !several.contains(&intent.record) {
                            draft.batch.revived_subjects.push(delivery_subject(intent));
                        }
                        if before.is_some() {
                            draft.batch.unparked.push((intent.destination.clone(), intent.record));
                        }
                        tally.delivered += 1;
                    }
                    Outcome::Conflict(current) => {
                        close(draft);
                        self.take_now(draft, catalog, mapping, run, vec![current.clone()])?;
                        draft.enter(&intent.destination, intent.record, Reason::Retry);
                        tally.held += 1;
                    }
                    Outcome::Gone => {
                        close(draft);
                        draft.batch.clean.push(entry_of(intent));
                        if let WriteKind::Update(id) | WriteKind::Delete(id) = &intent.kind {
                            let gone = gone(id);
                            self.take_now(draft, catalog, mapping, run, vec![gone])?;
                        }
                        tally.unchanged += 1;
                    }
                    Outcome::MergedInto(winner) => {
                        close(draft);
                        if let WriteKind::Update(id) | WriteKind::Delete(id) = &intent.kind {
                            let mut merged = gone(id);
                            merged.operation = contract::Operation::MergedInto(winner.clone());
                            self.take_now(draft, catalog, mapping, run, vec![merged])?;
                        }
                        tally.held += 1;
                    }
                    Outcome::RetryAfter(ms) => {
                        close(draft);
                        if self.park(draft, mapping, intent, before, Some(*ms), "asked to wait") {
                            tally.parked += 1;
                        } else {
                            tally.failed += 1;
                        }
                    }
                    Outcome::Rejected(rejection) => {
                        close(draft);
                        draft.batch.clean.push(entry_of(intent));
                        if before.is_some() {
                            draft.batch.unparked.push((intent.destination.clone(), intent.record));
                        }
                        let letter = dead_letter(
                            mapping,
                            intent.record,
                            &rejection.class,
                            rejection.field.clone(),
                            rejection.message.clone(),
                            draft.now,
                            run,
                        );
                        draft.batch.dead_letters.push(letter);
                        tally.failed += 1;
                    }
                    Outcome::Unknown(why) => {
                        let mut open = intent.clone();
                        if let Some(last) = open.attempts.last_mut() {
                            last.outcome = AttemptOutcome::Unknown(why.clone());
                        }
                        draft.batch.intents.push(open);
                        if self.park(draft, mapping, intent, before, None, why) {
                            tally.parked += 1;
                        } else {
                            tally.failed += 1;
                        }
                    }
                }
            }
            Ok(tally)
        })
        .await
    }

    /// A write that the system confirmed: shadow and cross-reference, never a claim.
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
    ) -> Result<(), EngineError> {
        let at = draft.now;
        match (&intent.kind, intent.contribution) {
            (WriteKind::Create, _) | (WriteKind::Update(_), None) => {
                let key = RemoteKey {
                    connection: mapping.connection.clone(),
                    stream: mapping.alias.clone(),
                    remote_id: remote_id.to_owned(),
                };
                settle_create(draft, mapping, entity, intent, key, body, version, Time(at.0 + 1))?;
            }
            (WriteKind::Update(_), Some(id)) => {
                let region = draft.catalog.hub.region.clone();
                let row = draft.contribution_mut(id)?;
                row.version = version;
                difference::settle(mapping, entity, row, &intent.values, &intent.elements, body, at, region.as_deref());
            }
            (WriteKind::Delete(_) | WriteKind::Merge(..), Some(id)) => {
                draft.contribution_mut(id)?.state = ContributionState::Deleted { evidence: "ours".into(), at };
            }
            (WriteKind::Delete(_) | WriteKind::Merge(..), None) => {}
        }
        draft.batch.settled.push((intent.destination.clone(), intent.record));
        draft.batch.clean.push(entry_of(intent));
        Ok(())
    }

    /// Takes source records in within a draft: what an outcome told us about the thing as it is.
    pub(super) fn take_now(
        &self,
        draft: &mut Draft<'_>,
        catalog: &Catalog,
        mapping: &Mapping,
        run: u64,
        records: Vec<contract::SourceRecord>,
    ) -> Result<(), EngineError> {
        let entity = self.entity(catalog, &mapping.entity)?;
        let page = super::pull::decode(catalog, mapping, records, draft.now, draft.now);
        let page = page
            .into_iter()
            .filter(|incoming| !matches!(incoming.kind, IncomingKind::Upsert { .. }) || mapping.externals.is_empty())
            .collect();
        let mut intake = Intake { catalog, mapping, entity, run, open_creates: Vec::new() };
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
