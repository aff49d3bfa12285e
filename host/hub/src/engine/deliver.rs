//! Runs a flow outwards: drains dirty, compares, journals, sends, settles.
//!
//! The order is the promise: an intent is durable before its first byte is sent (I6), at most one per record and
//! destination (I5), nothing empty is sent (I7), and an entry leaves dirty only for a reason that is said (I4).

use std::collections::HashMap;
use std::sync::Arc;

use nave_core::NameMap;
use nave_core::accounting::{Counts, OutCounts};
use nave_core::catalog::{Catalog, DeletePolicy, DuplicatePolicy, Entity, Mapping, OnLeave};
use nave_core::difference::{self, Blocked, Difference};
use nave_core::limits::DELIVERY_ROUND_RECORDS;
use nave_core::mapping::Env;
use nave_core::model::{Cause, Contribution, ContributionState, Parked, Reason, Record, RecordId, RecordState, Run, WriteKind};
use nave_core::part;
use nave_core::value::Value;

use super::agreed::{self, Agreement};
use super::budget::purpose_of;
use super::merges::restore::{as_before, made_again};
use super::only::Only;
use super::parts::ChildrenKnown;
use super::round::Sending;
use super::synthetic::{self, Synthetic};
use super::take::title;
use super::taken::Several;
use super::{Engine, EngineError};
use crate::egress::on_behalf;
use crate::spoke::SpokeError;

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
    /// It came with far more than usual: a person says first whether that is right, and enters it again.
    Surged,
    /// These writes.
    Writes(Wanted),
    /// Stopped by us, before anything was sent.
    Blocked(Vec<Blocked>),
}

impl Need {
    /// Nothing is written to a thing that could not be asked for; the reason is kept.
    /// Of children, those alone are stopped.
    pub(super) fn refuse(&mut self, mapping: &Mapping, refused: &HashMap<(String, String), String>) {
        let Self::Writes(Wanted { writes, stopped, waits }) = self else { return };
        if refused.is_empty() {
            return;
        }
        let mut blocked = Vec::new();
        writes.retain(|write| {
            let stream = write.child_of.as_ref().unwrap_or(&mapping.stream);
            let why = asked_for(&write.kind).find_map(|id| refused.get(&(stream.clone(), id.clone())));
            let Some(why) = why else { return true };
            let (field, to) = match &write.child_of {
                Some(stream) => (format!("{stream}.id"), &mut *stopped),
                None => ("id".to_owned(), &mut blocked),
            };
            to.push(Blocked::new("other", field, why));
            false
        });
        if blocked.is_empty() && writes.is_empty() && !*waits {
            blocked = std::mem::take(stopped);
        }
        if !blocked.is_empty() {
            *self = Self::Blocked(blocked);
        }
    }
}

impl Need {
    /// What the system says that it cannot do is neither asked about nor tried: it is set aside, with what to change.
    pub(super) fn only_possible(&mut self, mapping: &Mapping, possible: impl Fn(&WriteKind) -> bool) {
        let Self::Writes(Wanted { writes, stopped, waits }) = self else { return };
        let mut impossible = Vec::new();
        writes.retain(|write| {
            let kept = write.child_of.is_some() || possible(&write.kind);
            if !kept {
                let (what, change) = match write.kind {
                    WriteKind::Merge(..) => ("merges nothing", "duplicates"),
                    _ => ("deletes nothing", "delete` or `on-leave"),
                };
                let message = format!(
                    "{} says that it {what} in `{}`: change `{change}` in mappings/{}.toml",
                    mapping.connection, mapping.stream, mapping.name
                );
                impossible.push(Blocked::new("other", "", message));
            }
            kept
        });
        if impossible.is_empty() {
            return;
        }
        stopped.append(&mut impossible);
        if writes.is_empty() && !*waits {
            *self = Self::Blocked(std::mem::take(stopped));
        }
    }
}

/// What is wanted of a record's objects, in order.
#[derive(Default)]
pub(super) struct Wanted {
    /// Writes, each with an outcome of its own.
    pub writes: Vec<Write>,
    /// Children that were stopped by us; the others go on.
    pub stopped: Vec<Blocked>,
    /// Children were not read yet, so that none of them is written: to be compared again.
    pub waits: bool,
}

/// One write that is wanted.
pub(super) struct Write {
    /// What is to be done.
    pub kind: WriteKind,
    /// To which contribution, or for a child of which one; none for a create of the thing itself.
    pub contribution: Option<Contribution>,
    /// Version that it was computed from.
    pub version: Option<String>,
    /// The difference.
    pub difference: Difference,
    /// Whether it may be sent.
    pub agreement: Agreement,
    /// The children's stream; none for the thing itself.
    pub child_of: Option<String>,
    /// A child whose parent is not there yet: computed anew once it is.
    pub later: bool,
}

impl Write {
    pub(super) fn of(kind: WriteKind, target: Option<&Contribution>, difference: Difference) -> Self {
        let version = target.and_then(|row| row.version.as_ref().map(ToString::to_string));
        let contribution = target.cloned();
        Self { kind, contribution, version, difference, agreement: Agreement::Given, child_of: None, later: false }
    }

    /// Against the version that was just read: what was not mapped may have moved it since, as children do.
    pub(super) fn against(mut self, read: Option<&JustRead>) -> Self {
        if let Some(version) = read.and_then(|read| read.version.as_ref()) {
            self.version = Some(version.clone());
        }
        self
    }
}

/// Ids of the things that a write is about, as they are now.
pub(super) fn asked_for(kind: &WriteKind) -> impl Iterator<Item = &String> {
    let (one, other) = match kind {
        WriteKind::Update(id) | WriteKind::Delete(id) => (Some(id), None),
        WriteKind::Merge(from, into) => (Some(from), Some(into)),
        WriteKind::Create => (None, None),
    };
    one.into_iter().chain(other)
}

/// Things just read, by stream and remote id.
pub(super) type Current = HashMap<(String, String), JustRead>;

/// A thing just read.
#[derive(Clone, Debug, Default)]
pub(super) struct JustRead {
    pub body: Value,
    pub version: Option<String>,
}

/// A record with what is known of it at the destination.
pub(super) struct Subject {
    pub record: Record,
    /// Contributions in the destination's stream.
    pub there: Vec<Contribution>,
    /// Made by the hub itself, to try something: goes only where that is wanted.
    pub synthetic: Option<Synthetic>,
}

impl Engine {
    /// One run of a mapping's flow outwards. Nothing is sent before its plan was applied.
    /// In shadow mode nothing is sent at all.
    pub async fn run_out(&self, name: &str) -> Result<Run, EngineError> {
        let mapping = self.mapping(name)?;
        if mapping.flow_out.as_ref().is_some_and(|flow| flow.shadow) {
            return self.run_shadow(name).await;
        }
        let lane = self.lane(&mapping.connection);
        let lane_held = lane.lock().await;
        // As it is called once the lane is free.
        let mapping = self.mapping(name)?;
        let mut run = self.begin(&mapping, "out").await?;
        let mut counts = OutCounts::default();
        let delivered = on_behalf(purpose_of(&mapping), self.deliver(&mapping, run.id, &mut counts, None));
        let failure = match delivered.await {
            Ok(()) => None,
            Err(error @ (EngineError::Store(_) | EngineError::Commit(_))) => return Err(error),
            Err(error) => Some(error),
        };
        run.counts = Counts::Out(counts);
        self.forget_images().await?;
        let run = self.end(run, failure.as_ref().map(ToString::to_string)).await?;
        drop(lane_held);
        self.tend_merges(&mapping.name, failure.as_ref()).await?;
        Ok(run)
    }

    pub(super) async fn deliver(
        &self,
        mapping: &Arc<Mapping>,
        run: u64,
        counts: &mut OutCounts,
        only: Option<&Only>,
    ) -> Result<(), EngineError> {
        let catalog = self.catalog();
        self.hold_for_renames(&mapping.entity).await?;
        self.conform().await?;
        self.enter_configuration(mapping).await?;
        self.affordable(mapping)?;
        let flow = self.store.flow(&mapping.name)?;
        let agreed = only.is_some_and(|only| only.agreed);
        if flow.approved.as_deref() != Some(mapping.digest.as_str()) && !agreed {
            let waiting = match only {
                None => self.store.dirty_count(&mapping.name)?,
                Some(_) => self.entries(&mapping.name, RecordId(0), usize::MAX, only)?.len() as u64,
            };
            counts.wanted += waiting;
            counts.held += waiting;
            return Ok(());
        }
        self.functions_ready(mapping)?;
        let spoke = self.spoke(&mapping.connection)?;
        let capabilities = self.capabilities(mapping).await?;
        let gate = self.gate(&mapping.name);
        {
            let _sending = gate.read().await;
            if self.store.flow(&mapping.name)?.paused {
                return Ok(());
            }
            self.resolve_open(mapping, run).await?;
        }
        self.unpark_due(mapping).await?;
        let known = self.children_known(mapping)?;
        let mut batch_max = HashMap::new();
        for part in mapping.parts.iter().filter(|part| part.list.direction.writes()) {
            // What is not there is said when it is read, and nothing is written to it before.
            if let Ok(capabilities) = self.capabilities_of(mapping, &part.stream).await {
                batch_max.insert(part.stream.clone(), capabilities.batch_max);
            }
        }
        let mut sending = Sending {
            engine: self,
            catalog: &catalog,
            mapping,
            capabilities: &capabilities,
            read_only: self.read_only(mapping).await?,
            known: &known,
            batch_max,
            spoke: spoke.as_ref(),
            run,
            counter: 0,
            several: Several::default(),
            held_alone: only.is_some_and(|only| only.held_alone),
        };
        if only.is_none() {
            self.waiting.begin(&mapping.name, self.now());
        }
        for _ in 0..PASSES_MAX {
            let before = *counts;
            let mut after = RecordId(0);
            loop {
                let entries = self.entries(&mapping.name, after, DELIVERY_ROUND_RECORDS, only)?;
                let Some(last) = entries.last() else { break };
                after = last.record;
                let sending_now = gate.read().await;
                if self.store.flow(&mapping.name)?.paused {
                    return Ok(());
                }
                sending.round(entries, counts).await?;
                drop(sending_now);
                self.report(&mapping.name, counts.wanted);
                if self.store.flow(&mapping.name)?.paused {
                    return Ok(());
                }
                if let Some((_, until, why)) = self.unanswered(&mapping.connection).filter(|(_, until, _)| *until > self.now()) {
                    if self.patient(&mapping.connection) {
                        return Ok(());
                    }
                    let why = format!("{why}; the rest waits, and it is tried again from {until} on");
                    return Err(EngineError::Spoke(mapping.connection.clone(), SpokeError::Unavailable(why)));
                }
            }
            if self.store.dirty_count(&mapping.name)? == 0 || counts.delivered == before.delivered && !sending.several.again() {
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
                .filter(|row| row.entity == mapping.entity && matches!(row.state, RecordState::Active | RecordState::Archived))
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

    /// Everything that waits for its next try is tried with the next run: a person says so.
    pub async fn retry_parked(&self, name: &str) -> Result<u64, EngineError> {
        let parked = self.store.parked(name)?;
        self.write(Cause::default(), |draft| {
            for row in &parked {
                draft.enter(&row.destination, row.record, Reason::Resync);
            }
            Ok(())
        })
        .await?;
        Ok(parked.len() as u64)
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
        let mut synthetic: HashMap<RecordId, Synthetic> = HashMap::new();
        for row in self.store.contributions(&wanted)?.into_iter().flatten() {
            if let (Some(kind), Some(record)) = (Synthetic::of(&row.key.connection), row.record) {
                synthetic.insert(record, kind);
            }
            if row.key.connection == mapping.connection
                && row.key.stream == mapping.alias
                && let Some(record) = row.record
            {
                there.entry(record).or_default().push(row);
            }
        }
        Ok(rows
            .into_iter()
            .map(|record| {
                let there = there.remove(&record.id).unwrap_or_default();
                (record.id, Subject { there, synthetic: synthetic.remove(&record.id), record })
            })
            .collect())
    }

    /// What a record needs at a destination, from what is stored. `current` is what was just read, `known` says which
    /// children may be written.
    pub(super) fn need(
        &self,
        catalog: &Catalog,
        mapping: &Mapping,
        subject: &Subject,
        current: &Current,
        known: &ChildrenKnown,
    ) -> Result<Need, EngineError> {
        if self.surged(subject.record.id)? {
            return Ok(Need::Surged);
        }
        let need = self.compared_with_record(catalog, mapping, subject, current, known)?;
        let need = self.asked_first(catalog, mapping, subject, known, need)?;
        self.held(mapping, subject, current, need)
    }

    /// What the record says that it needs.
    pub(super) fn compared_with_record(
        &self,
        catalog: &Catalog,
        mapping: &Mapping,
        subject: &Subject,
        current: &Current,
        known: &ChildrenKnown,
    ) -> Result<Need, EngineError> {
        let Some(flow) = &mapping.flow_out else { return Ok(Need::Nothing) };
        let record = &subject.record;
        let mut active: Vec<&Contribution> = subject.there.iter().filter(|row| row.is_active()).collect();
        self.primary_first(record.id, &mut active)?;
        if let Some(synthetic) = subject.synthetic {
            if !synthetic.goes_to(catalog, mapping) {
                return Ok(Need::Nothing);
            }
            if matches!(record.state, RecordState::Deleted { .. }) {
                return Ok(writes(active.iter().filter_map(|row| synthetic::taken_away(mapping, row, current)).collect()));
            }
        }
        match record.state {
            RecordState::Active => {}
            RecordState::Archived => {
                return Ok(writes(active.iter().filter_map(|row| put_away(mapping, row, current)).collect()));
            }
            RecordState::MergedInto(_) => return Ok(Need::Nothing),
            RecordState::Deleted { .. } => {
                let gone = active.iter().filter(|_| mapping.delete == DeletePolicy::Propagate);
                let delete = |row: &&Contribution| {
                    Write::of(WriteKind::Delete(row.key.remote_id.to_string()), Some(*row), Difference::none())
                };
                return Ok(writes(gone.map(delete).collect()));
            }
        }
        let entity = self.entity(catalog, &mapping.entity)?;
        let region = catalog.hub.region.as_deref();
        if subject.synthetic.is_none() && !flow.pilot.holds_share(&mapping.name, record.id) {
            return Ok(Need::Nothing);
        }
        for (name, filter) in [("pilot", &flow.pilot.filter), ("filter", &flow.filter)] {
            let Some(filter) = filter.as_ref().filter(|_| name == "filter" || subject.synthetic.is_none()) else { continue };
            let fields: NameMap<Value> = record.fields.iter().map(|(name, field)| (name.clone(), field.value.clone())).collect();
            let body = Value::Object(fields);
            let env = Env { body: &body, externals: &[], connection: &mapping.connection, region };
            match filter.holds(&env) {
                Ok(true) => {}
                Ok(false) if name == "pilot" => return Ok(Need::Nothing),
                Ok(false) => return self.left(mapping, entity, record, &active, flow.on_leave, current),
                Err(error) => {
                    let blocked = Blocked::new(error.class, name, error.message);
                    return Ok(Need::Blocked(vec![blocked]));
                }
            }
        }
        // What we deleted, since it left the filter or was deleted elsewhere, is made again when it comes back.
        let ours = |row: &Contribution| matches!(&row.state, ContributionState::Deleted { evidence, .. } if evidence == "ours");
        let by_policy = flow.on_leave == OnLeave::Delete || mapping.delete == DeletePolicy::Propagate;
        let again = by_policy && subject.there.iter().all(ours);
        let again =
            again || active.is_empty() && !subject.there.is_empty() && made_again(self, &mapping.name, record.id)?.is_some();
        if active.is_empty() && (!flow.create || !subject.there.is_empty() && !again) {
            let gone = |row: &&Contribution| matches!(row.state, ContributionState::Deleted { .. }) && !ours(row);
            if let Some(row) = subject.there.iter().filter(gone).find(|row| difference::put_away_by_us(mapping, row)) {
                return Ok(Need::Blocked(vec![cannot_restore(mapping, row)]));
            }
            // Never created here, or deleted or merged away over there: not resurrected.
            return Ok(Need::Nothing);
        }
        let locate = |id: RecordId, stream: &str| self.locate(id, &mapping.connection, stream);
        let targets: Vec<Option<&Contribution>> =
            if active.is_empty() { vec![None] } else { active.iter().map(|row| Some(*row)).collect() };
        let mut wanted = Wanted::default();
        let (mut blocked, mut extras) = (Vec::new(), Vec::new());
        for (position, target) in targets.into_iter().enumerate() {
            if let Some(row) = target
                && position > 0
                && mapping.duplicates != DuplicatePolicy::KeepInStep
            {
                extras.extend(self.extra(mapping, entity, record, row, active[0], current)?);
                continue;
            }
            let body = target.and_then(|row| current.get(&(mapping.stream.clone(), row.key.remote_id.to_string())));
            match difference::difference(mapping, entity, record, target, body.map(|read| &read.body), &locate, region) {
                Ok(difference) if difference.is_empty() && target.is_none() => continue,
                Ok(mut difference) => {
                    let made_first = target.is_none() && subject.there.is_empty();
                    let own = if made_first { None } else { as_before(self, &mapping.name, record.id, target)? };
                    if let Some(own) = own {
                        let before = own.before();
                        difference::spell_as_before(mapping, record, &mut difference, target, before, &locate, region);
                    }
                    if let Some(row) = target {
                        self.leave_taken(mapping, entity, record, &active, row, &mut difference)?;
                    }
                    let kind = target.map_or(WriteKind::Create, |row| WriteKind::Update(row.key.remote_id.to_string()));
                    if !difference.is_empty() {
                        wanted.writes.push(Write::of(kind, target, difference).against(body));
                    }
                }
                Err(errors) => {
                    blocked.extend(errors);
                    continue;
                }
            }
            for part in mapping.parts.iter().filter(|part| part.list.direction.writes()) {
                if target.is_some_and(|target| !known.of(part, target)) {
                    wanted.waits = true;
                    continue;
                }
                let read = |id: &str| current.get(&(part.stream.clone(), id.to_owned()));
                let body = |id: &str| read(id).map(|read| read.body.clone());
                let (steps, stopped) = part::steps(mapping, part, record, target, &body, region);
                wanted.stopped.extend(stopped);
                wanted.writes.extend(steps.into_iter().map(|step| Write {
                    version: match &step.kind {
                        WriteKind::Update(id) | WriteKind::Delete(id) => read(id).and_then(|read| read.version.clone()),
                        WriteKind::Create | WriteKind::Merge(..) => None,
                    },
                    kind: step.kind,
                    contribution: target.cloned(),
                    difference: step.difference,
                    agreement: Agreement::Given,
                    child_of: Some(part.stream.clone()),
                    later: target.is_none(),
                }));
            }
        }
        // Second objects first: what they alone may hold (a mailbox, a name) is free for the one that stays then.
        wanted.writes.splice(0..0, extras);
        Ok(if !blocked.is_empty() {
            Need::Blocked(blocked)
        } else if !wanted.writes.is_empty() {
            Need::Writes(wanted)
        } else if wanted.waits {
            Need::Held("its children there have not all been read yet".into())
        } else if !wanted.stopped.is_empty() {
            Need::Blocked(wanted.stopped)
        } else {
            Need::Nothing
        })
    }

    /// A record that is outside the filter: only what this flow wrote once can have left.
    fn left(
        &self,
        mapping: &Mapping,
        entity: &Entity,
        record: &Record,
        active: &[&Contribution],
        on_leave: OnLeave,
        current: &Current,
    ) -> Result<Need, EngineError> {
        let mut wanted = Vec::new();
        for row in active.iter().filter(|row| row.attempted_at.is_some()) {
            match on_leave {
                OnLeave::Keep => {}
                OnLeave::Archive => wanted.extend(put_away(mapping, row, current)),
                OnLeave::Delete => {
                    let kind = WriteKind::Delete(row.key.remote_id.to_string());
                    wanted.extend(self.removal(mapping, entity, record, row, kind)?);
                }
            }
        }
        Ok(writes(wanted))
    }

    /// A second object of a record, by policy.
    fn extra(
        &self,
        mapping: &Mapping,
        entity: &Entity,
        record: &Record,
        row: &Contribution,
        primary: &Contribution,
        current: &Current,
    ) -> Result<Option<Write>, EngineError> {
        match mapping.duplicates {
            DuplicatePolicy::KeepInStep | DuplicatePolicy::Review => Ok(None),
            DuplicatePolicy::Archive => Ok(put_away(mapping, row, current)),
            DuplicatePolicy::Merge => {
                let kind = WriteKind::Merge(row.key.remote_id.to_string(), primary.key.remote_id.to_string());
                self.removal(mapping, entity, record, row, kind)
            }
        }
    }

    /// A delete or a merge, as far as a person agreed to it.
    pub(super) fn removal(
        &self,
        mapping: &Mapping,
        entity: &Entity,
        record: &Record,
        row: &Contribution,
        kind: WriteKind,
    ) -> Result<Option<Write>, EngineError> {
        let words = || agreed::question(mapping, &title(entity, |field| record.value(field)), &kind);
        let agreement = self.agreement(mapping, record, row, &kind, words)?;
        Ok(agreement.map(|agreement| Write { agreement, ..Write::of(kind, Some(row), Difference::none()) }))
    }
}

fn writes(writes: Vec<Write>) -> Need {
    if writes.is_empty() { Need::Nothing } else { Need::Writes(Wanted { writes, ..Wanted::default() }) }
}

/// The write that puts an object away, if it is not put away yet.
pub(super) fn put_away(mapping: &Mapping, row: &Contribution, current: &Current) -> Option<Write> {
    let id = row.key.remote_id.to_string();
    let read = current.get(&(mapping.stream.clone(), id.clone()));
    let difference = difference::put_away(mapping, row, read.map(|read| &read.body));
    (!difference.is_empty()).then(|| Write::of(WriteKind::Update(id), Some(row), difference).against(read))
}

/// It was put away there, and its system calls that gone: nothing is written to what is gone, and nothing is made twice.
fn cannot_restore(mapping: &Mapping, row: &Contribution) -> Blocked {
    let message = format!(
        "it is in use again, and was put away in {0}, which says of it that it is gone: restore `{1}` in {0} by hand",
        mapping.connection, row.key.remote_id
    );
    Blocked::new("other", "", message)
}
