//! Runs a flow outwards: drains dirty, compares, journals, sends, settles.
//!
//! The order is the promise: an intent is durable before its first byte is sent (I6), at most one per record and
//! destination (I5), nothing empty is sent (I7), and an entry leaves dirty only for a reason that is said (I4).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use nave_core::NameMap;
use nave_core::accounting::{Counts, OutCounts};
use nave_core::catalog::{Catalog, DeletePolicy, DuplicatePolicy, Mapping};
use nave_core::difference::{self, Blocked, Difference};
use nave_core::limits::DELIVERY_ROUND_RECORDS;
use nave_core::mapping::Env;
use nave_core::model::{Cause, Contribution, Parked, Reason, Record, RecordId, RecordState, Run, WriteKind};
use nave_core::value::Value;

use super::round::Sending;
use super::{Engine, EngineError};

/// Passes over dirty in one run: a settlement may make others dirty (references), and those are drained too.
const PASSES_MAX: usize = 4;

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

impl Need {
    /// Nothing is written to a thing that could not be asked for; the reason is kept.
    pub(super) fn refuse(&mut self, refused: &HashMap<String, String>) {
        let Self::Writes(writes) = self else { return };
        let why = |write: &Write| match &write.kind {
            WriteKind::Update(id) | WriteKind::Delete(id) => refused.get(id),
            WriteKind::Create | WriteKind::Merge(..) => None,
        };
        let blocked: Vec<Blocked> = writes
            .iter()
            .filter_map(why)
            .map(|why| Blocked { class: "other".into(), field: "id".into(), message: why.clone() })
            .collect();
        if !blocked.is_empty() {
            *self = Self::Blocked(blocked);
        }
    }
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
            read_only: self.read_only(mapping).await?,
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
                        kind: WriteKind::Delete(row.key.remote_id.to_string()),
                        contribution: Some((*row).clone()),
                        difference: Difference::default(),
                    })
                    .collect::<Vec<_>>();
                return Ok(if writes.is_empty() { Need::Nothing } else { Need::Writes(writes) });
            }
        }
        let region = catalog.hub.region.as_deref();
        if let Some(filter) = &flow.filter {
            let fields: NameMap<Value> = record.fields.iter().map(|(name, field)| (name.clone(), field.value.clone())).collect();
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
            let body = target.and_then(|row| current.get(row.key.remote_id.as_str()));
            match difference::difference(mapping, entity, record, target, body, &locate, region) {
                Ok(difference) if difference.is_empty() => {}
                Ok(difference) => writes.push(Write {
                    kind: target.map_or(WriteKind::Create, |row| WriteKind::Update(row.key.remote_id.to_string())),
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
