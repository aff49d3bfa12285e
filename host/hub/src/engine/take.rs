//! Takes source records in: compare, map, match, merge. Fills a [`Draft`]; commits nothing.

use std::collections::HashSet;

use nave_core::accounting::InCounts;
use nave_core::catalog::{Catalog, Entity, Mapping};
use nave_core::intake::{self, FieldError, Mapped, Pulled};
use nave_core::limits::DEAD_LETTER_BODY_BYTES_MAX;
use nave_core::linkage::{Judge, Term};
use nave_core::mapping::{Env, MapError};
use nave_core::matching::{Facts, MatchDecision};
use nave_core::model::{
    ChangeKind, ContributionId, ContributionState, DeadLetter, DeadLetterSubject, Intent, Reason, Record, RecordId, RecordState,
    RemoteKey, Review, ReviewKind, Time,
};
use nave_core::survivorship::consent;
use nave_core::value::Value;
use nave_core::{Text, difference, matching};
use nave_runtime::contract::SourceRecord;
use nave_store::StoreError;

use super::archive::Shelf;
use super::conflict;
use super::draft::{Draft, Recomputed};
use super::drift;
use super::linker::Linker;
use super::lost::{Lost, Whose};
use super::returned;
use super::volume::Guard;
use crate::shell;

/// A source record on its way in.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The system's own id (or what the mapping's `id` made of it).
    pub remote_id: Text,
    /// What it is.
    pub kind: IncomingKind,
}

/// What a source record says.
#[derive(Clone, Debug)]
pub enum IncomingKind {
    /// It holds this.
    Upsert {
        /// Decoded body with its envelope.
        pulled: Pulled,
        /// Results of transform plugins' functions, in the mapping's order.
        externals: Vec<Result<Value, MapError>>,
        /// Body as it came, for a dead letter.
        raw: Vec<u8>,
    },
    /// The system says that it is gone.
    Delete {
        /// By what evidence.
        evidence: &'static str,
    },
    /// The system merged it into another.
    MergedInto(String),
    /// It could not be decoded.
    Bad {
        /// What is wrong.
        errors: Vec<FieldError>,
        /// Body as it came.
        raw: Vec<u8>,
    },
}

/// What was mapped of something that nobody knows, and what it is matched by.
pub(super) struct First {
    pub(super) mapped: Mapped,
    pub(super) sought: Sought,
}

/// What a thing that nobody knows is looked for by: match keys, and what it is found under where it is compared by score.
pub(super) struct Sought {
    facts: Facts,
    pub(super) terms: Vec<Term>,
}

/// One mapping's intake.
pub struct Intake<'a> {
    /// Configuration.
    pub catalog: &'a Catalog,
    /// Mapping.
    pub mapping: &'a Mapping,
    /// Its entity.
    pub entity: &'a Entity,
    /// Run, for dead letters.
    pub run: u64,
    /// Creates into this stream whose outcome is not known: an unknown remote id may be one of them.
    pub open_creates: Vec<Intent>,
    /// Things that wait because each may be one of those creates.
    pub lost: Lost,
    /// Holds what goes at once.
    pub(super) guard: Option<Guard>,
    /// Remote ids that were taken in for the first time, or anew.
    pub arrived: Vec<Text>,
    /// Remote paths that were changed again so soon after our write.
    pub rewritten: Vec<String>,
    /// Records that a known thing said something new of.
    pub changed: Vec<RecordId>,
    /// Values that were changed again so soon after our write that it may be an automation.
    pub near_misses: u64,
    /// Compares by score what no rule matches.
    pub(super) linker: &'a Linker,
    /// Made ready for this page.
    pub(super) judge: Option<Judge>,
    /// Where what does not fit is kept; none where single things are looked at.
    pub(super) shelf: Option<Shelf>,
}

/// What happened to one source record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    Created,
    Updated,
    Unchanged,
    Deleted,
    Merged,
    Filtered,
    Held,
    Quarantined,
    Archived,
}

impl Happened {
    /// Counts one source record, exactly once (I14).
    pub(super) fn count(self, counts: &mut InCounts) {
        counts.read += 1;
        *match self {
            Self::Created => &mut counts.created,
            Self::Updated => &mut counts.updated,
            Self::Unchanged => &mut counts.unchanged,
            Self::Deleted => &mut counts.deleted,
            Self::Merged => &mut counts.merged,
            Self::Filtered => &mut counts.filtered,
            Self::Held => &mut counts.held,
            Self::Quarantined => &mut counts.quarantined,
            Self::Archived => &mut counts.archived,
        } += 1;
    }
}

impl Intake<'_> {
    fn region(&self) -> Option<&str> {
        self.catalog.hub.region.as_deref()
    }

    /// Contribution key of a remote id.
    pub fn key(&self, remote_id: &str) -> RemoteKey {
        RemoteKey::new(&self.mapping.connection, &self.mapping.alias, remote_id)
    }

    /// Takes a page in. Adds to the counts exactly one per source record (I14). Answers which contributions it is about.
    pub fn page(
        &mut self,
        draft: &mut Draft<'_>,
        mut page: Vec<Incoming>,
        counts: &mut InCounts,
    ) -> Result<Vec<ContributionId>, StoreError> {
        let keys: Vec<RemoteKey> = page.iter().map(|incoming| self.key(&incoming.remote_id)).collect();
        draft.prefetch(&keys)?;
        let differing = self.differing(draft, &keys, &page)?;
        let held = match &mut self.guard {
            Some(guard) => guard.hold(draft, self.mapping, &mut page, &differing)?,
            None => HashSet::new(),
        };
        let noted_before = drift::noted(&draft.batch);
        let first = self.look_ahead(draft, &keys, &page, &differing)?;
        self.get_ready(draft, &first)?;
        let mut met = Vec::with_capacity(keys.len());
        for (at, ((incoming, key), first)) in page.into_iter().zip(&keys).zip(first).enumerate() {
            let held = held.contains(&at);
            let happened = match &incoming.kind {
                IncomingKind::Delete { .. } if held => Happened::Held,
                _ => self.one(draft, incoming, key, first)?,
            };
            // What else it says was taken in.
            if held && happened == Happened::Unchanged { Happened::Held } else { happened }.count(counts);
            met.extend(draft.contribution_of(key)?);
        }
        counts.drifted += drift::noted(&draft.batch) - noted_before;
        counts.near_misses += std::mem::take(&mut self.near_misses);
        draft.settle_queue()?;
        if conflict::any(self.entity) {
            for id in &met {
                if let Some(record) = draft.contribution(*id)?.record {
                    conflict::note(draft, self.entity, record, &self.mapping.steward)?;
                }
            }
        }
        Ok(met)
    }

    /// Of each, the known thing that it says something new about.
    fn differing(
        &self,
        draft: &mut Draft<'_>,
        keys: &[RemoteKey],
        page: &[Incoming],
    ) -> Result<Vec<Option<ContributionId>>, StoreError> {
        let mut differing = Vec::with_capacity(page.len());
        for (incoming, key) in page.iter().zip(keys) {
            let known = draft.contribution_of(key)?;
            differing.push(match (&incoming.kind, known) {
                (IncomingKind::Upsert { pulled, .. }, Some(id)) => {
                    let row = draft.glimpsed(id)?;
                    (!row.is_active() || intake::differs(self.mapping, Some(row), pulled)).then_some(id)
                }
                (_, known) => known,
            });
        }
        Ok(differing)
    }

    /// What a page leads to is looked up and loaded at once: what differs with its records, and the candidates of what
    /// nobody knows. Gives, for each of the latter that passes the filter, what was mapped for it.
    fn look_ahead(
        &self,
        draft: &mut Draft<'_>,
        keys: &[RemoteKey],
        page: &[Incoming],
        differing: &[Option<ContributionId>],
    ) -> Result<Vec<Option<First>>, StoreError> {
        let mut hashes = Vec::new();
        let mut first = Vec::with_capacity(page.len());
        for (incoming, key) in page.iter().zip(keys) {
            let found = match (&incoming.kind, draft.contribution_of(key)?) {
                (IncomingKind::Upsert { pulled, externals, .. }, None) if !incoming.remote_id.is_empty() => {
                    let passes = matches!(self.passes(pulled, externals), Ok(true));
                    let mapped = passes
                        .then(|| intake::map_in(self.mapping, self.entity, None, pulled, externals, self.region()).ok())
                        .flatten();
                    mapped.map(|mapped| First { sought: self.sought(&mapped), mapped })
                }
                _ => None,
            };
            if let Some(First { sought, .. }) = &found {
                hashes.extend(matching::keys(self.entity, &sought.facts).iter().map(|key| key.hash));
            }
            first.push(found);
        }
        draft.load_pairs(&differing.iter().flatten().copied().collect::<Vec<_>>())?;
        draft.prefetch_candidates(&hashes)?;
        Ok(first)
    }

    fn sought(&self, mapped: &Mapped) -> Sought {
        Sought { facts: intake::facts_of(self.mapping, self.entity, mapped), terms: self.terms(mapped) }
    }

    /// Whether the flow's filter lets it in.
    fn passes(&self, pulled: &Pulled, externals: &[Result<Value, MapError>]) -> Result<bool, MapError> {
        let env = Env { body: &pulled.body, externals, connection: &self.mapping.connection, region: self.region() };
        let filter = self.mapping.flow_in.as_ref().and_then(|flow| flow.filter.as_ref());
        filter.map_or(Ok(true), |filter| filter.holds(&env))
    }

    fn one(
        &mut self,
        draft: &mut Draft<'_>,
        incoming: Incoming,
        key: &RemoteKey,
        first: Option<First>,
    ) -> Result<Happened, StoreError> {
        let Incoming { remote_id, kind } = incoming;
        self.lost.seen(&remote_id);
        match kind {
            IncomingKind::Upsert { pulled, externals, raw } => self.upsert(draft, key, pulled, &externals, raw, first),
            IncomingKind::Delete { evidence } => self.delete(draft, &remote_id, evidence),
            IncomingKind::MergedInto(winner) => self.merged(draft, &remote_id, &winner),
            IncomingKind::Bad { errors, raw } => self.misfit(draft, &remote_id, errors, raw),
        }
    }

    fn upsert(
        &mut self,
        draft: &mut Draft<'_>,
        key: &RemoteKey,
        pulled: Pulled,
        externals: &[Result<Value, MapError>],
        raw: Vec<u8>,
        first: Option<First>,
    ) -> Result<Happened, StoreError> {
        if key.remote_id.is_empty() {
            return Ok(Happened::Filtered); // the row has no such thing
        }
        // What was mapped ahead has passed the filter.
        match if first.is_some() { Ok(true) } else { self.passes(&pulled, externals) } {
            Ok(true) => {}
            Ok(false) if self.stays_ours(draft, key)? => {}
            Ok(false) => return Ok(Happened::Filtered),
            Err(error) => {
                let error = FieldError { path: "filter".into(), class: error.class.into(), message: error.message };
                return self.misfit(draft, &key.remote_id, vec![error], raw);
            }
        }
        let known = match draft.contribution_of(key)? {
            Some(id) => Some(id),
            None => {
                if self.is_anothers(draft, key)? {
                    return Ok(Happened::Filtered);
                }
                match self.lost.whose(self.mapping, self.entity, &self.open_creates, &key.remote_id, &pulled, self.region()) {
                    Whose::Nobodys => None,
                    Whose::Ours(index) => Some(self.bind_open_create(draft, index, key, &pulled)?),
                    Whose::Waits(held) => {
                        self.lost.hold(&key.remote_id, held);
                        return Ok(Happened::Held);
                    }
                }
            }
        };
        let glimpse = match known {
            Some(id) => Some(draft.glimpsed(id)?),
            None => None,
        };
        if let Some(existing) = glimpse {
            if existing.attempted_at.is_some_and(|at| pulled.read_at <= at) {
                // I15: read before our last attempt settled; the caller fetched it again already if it could.
                return Ok(Happened::Held);
            }
            if existing.is_active() && !intake::differs(self.mapping, Some(existing), &pulled) {
                return Ok(if existing.record.is_none() { Happened::Held } else { Happened::Unchanged });
            }
        }
        let existing = match known {
            Some(id) => Some(draft.contribution(id)?),
            None => None,
        };
        let mapped = match (first, existing) {
            (Some(First { mapped, sought }), None) => Ok((mapped, Some(sought))),
            (_, existing) => intake::map_in(self.mapping, self.entity, existing, &pulled, externals, self.region())
                .map(|mapped| (mapped, None)),
        };
        let (mapped, sought) = match mapped {
            Ok(mapped) => mapped,
            Err(errors) => {
                return self.misfit(draft, &key.remote_id, errors, raw);
            }
        };
        draft.revive(&self.subject(&key.remote_id))?;
        if let Some(shelf) = &mut self.shelf {
            shelf.take_off(draft, &key.remote_id);
        }
        match known {
            Some(id) => self.update(draft, id, &pulled, mapped),
            None => {
                let sought = sought.unwrap_or_else(|| self.sought(&mapped));
                self.first_sight(draft, key.clone(), &pulled, mapped, &sought)
            }
        }
    }

    /// A contribution that we know says something else than before.
    fn update(
        &mut self,
        draft: &mut Draft<'_>,
        id: ContributionId,
        pulled: &Pulled,
        mapped: Mapped,
    ) -> Result<Happened, StoreError> {
        let row = draft.contribution_mut(id)?;
        let soon = |at: nave_core::model::Time| pulled.read_at.0 - at.0 <= nave_core::meter::NEAR_MISS_MS;
        if row.attempted_at.is_some_and(soon) {
            let written = mapped.fields.iter().filter(|(index, _)| self.mapping.fields[*index].direction.writes());
            self.rewritten.extend(written.clone().map(|(index, _)| self.mapping.fields[*index].remote.clone()));
            self.near_misses += written.count() as u64;
        }
        let returned = !row.is_active();
        row.state = ContributionState::Active;
        let mut row = row.clone();
        let Some(record) = row.record else {
            let mut stand_in = stand_in(&row, &self.entity.name);
            intake::take(self.mapping, self.entity, &mut row, &mut stand_in, pulled, mapped, self.region());
            *draft.contribution_mut(id)? = row;
            return Ok(Happened::Held);
        };
        let record = draft.surviving(record)?;
        let mut target = draft.record(record)?.clone();
        let elements = target.next_element;
        let said = self.owned_elsewhere().then(|| row.claims.clone());
        let away = target.state == RecordState::Archived && difference::put_away_by_us(self.mapping, &row);
        let taken = intake::take(self.mapping, self.entity, &mut row, &mut target, pulled, mapped, self.region());
        // Somebody put it in use again there.
        let back = returned || away && !difference::is_put_away(self.mapping, &row);
        *draft.contribution_mut(id)? = row;
        if target.next_element != elements {
            draft.record_mut(record)?.next_element = target.next_element;
        }
        let restored = match draft.record(record)?.state {
            RecordState::Deleted { .. } => returned,
            RecordState::Archived => back,
            _ => false,
        };
        if restored {
            draft.set_state(record, RecordState::Active, ChangeKind::Restored)?;
        }
        let restored = restored || taken.claimed && !returned && self.edited_after_all(draft, record)?;
        if returned {
            draft.close_deletions(id)?;
            self.arrived.push(draft.contribution(id)?.key.remote_id.clone());
        }
        heed(draft, self.mapping, record, self.run, &taken, returned || restored)?;
        if taken.claimed {
            self.changed.push(record);
        }
        if let Some(said) = said.filter(|_| taken.claimed) {
            self.note_rejected(draft, id, record, &said)?;
        }
        // Another spelling, or the first sight of an empty field: the shadow moved, nobody said anything.
        Ok(if taken.claimed || taken.drifted || returned { Happened::Updated } else { Happened::Unchanged })
    }

    /// A remote object that nobody knows: match it.
    fn first_sight(
        &mut self,
        draft: &mut Draft<'_>,
        key: RemoteKey,
        pulled: &Pulled,
        mapped: Mapped,
        sought: &Sought,
    ) -> Result<Happened, StoreError> {
        let candidates = draft.candidates(self.entity, &sought.facts)?;
        let by_rule = matching::decide(self.entity, &sought.facts, candidates.iter().filter_map(|id| draft.loaded(*id)));
        let decision = self.by_score(draft, &mapped, &sought.terms, by_rule)?;
        self.arrived.push(key.remote_id.clone());
        let id = draft.new_contribution(key, pulled.read_at);
        let (record, happened) = match decision {
            MatchDecision::New => (draft.new_record(&self.entity.name), Happened::Created),
            MatchDecision::Existing(record, why) => {
                draft.linked(record, id, why);
                (record, Happened::Merged)
            }
            MatchDecision::Ambiguous(candidates) => {
                self.hold(draft, id, pulled, mapped, candidates)?;
                return Ok(Happened::Held);
            }
        };
        let (row, target) = draft.pair(id, record)?;
        row.record = Some(record);
        intake::take(self.mapping, self.entity, row, target, pulled, mapped, self.region());
        draft.attach(id, record)?;
        returned::refuses_still(draft, self.entity, &sought.facts, record)?;
        if self.in_use_since(draft, record, pulled)? {
            draft.set_state(record, RecordState::Active, ChangeKind::Restored)?;
        }
        if draft.recompute(record)? == Recomputed::Same {
            // The others learn nothing new, but this one may hold less than the record.
            draft.enter_own(self.mapping, record, Reason::Changed);
        }
        Ok(happened)
    }

    /// Several records could be meant: a person decides. Claims wait in the contribution.
    fn hold(
        &mut self,
        draft: &mut Draft<'_>,
        id: ContributionId,
        pulled: &Pulled,
        mapped: Mapped,
        candidates: Vec<(RecordId, String)>,
    ) -> Result<(), StoreError> {
        let mut row = draft.contribution(id)?.clone();
        let mut stand_in = stand_in(&row, &self.entity.name);
        intake::take(self.mapping, self.entity, &mut row, &mut stand_in, pulled, mapped, self.region());
        let title = title(self.entity, |field| row.claims.get(field).map(|claim| &claim.value));
        let review = Review {
            id: draft.next_review(),
            title: format!("{} from {}: which {} is it?", title, self.mapping.connection, self.entity.label.to_lowercase()),
            kind: ReviewKind::Match {
                contribution: id,
                candidates: candidates.iter().map(|(id, _)| *id).collect(),
                reasons: candidates.into_iter().map(|(_, reason)| reason).collect(),
            },
            entity: self.entity.name.clone(),
            steward: self.mapping.steward.clone(),
            opened_at: draft.now,
            closed_at: None,
        };
        *draft.contribution_mut(id)? = row;
        draft.batch.reviews.push(review);
        Ok(())
    }

    /// An unknown remote id is a create of ours whose answer was lost.
    fn bind_open_create(
        &mut self,
        draft: &mut Draft<'_>,
        index: usize,
        key: &RemoteKey,
        pulled: &Pulled,
    ) -> Result<ContributionId, StoreError> {
        let intent = self.open_creates.remove(index);
        let id = {
            let times = Times { modified_at: pulled.modified_at, fields: pulled.field_times.clone() };
            let body = Some(&pulled.body);
            settle_create(draft, self.mapping, self.entity, &intent, key.clone(), body, &times, None, pulled.read_at)?
        };
        // It waited on the ladder for its look-up; what is there may be less than what was sent.
        draft.batch.unparked.push((intent.destination.clone(), intent.record));
        draft.enter(&intent.destination, intent.record, Reason::Retry);
        draft.batch.revived_subjects.push(super::settle::delivery_subject(&intent));
        draft.close_moot(&intent.destination, intent.record)?;
        Ok(id)
    }

    fn subject(&self, remote_id: &str) -> DeadLetterSubject {
        subject(self.mapping, &self.mapping.stream, remote_id)
    }

    /// It does not fit: kept as it came where a person said so, set aside otherwise.
    fn misfit(
        &mut self,
        draft: &mut Draft<'_>,
        remote_id: &str,
        errors: Vec<FieldError>,
        raw: Vec<u8>,
    ) -> Result<Happened, StoreError> {
        let known_here = draft.contribution_of(&self.key(remote_id))?.is_some();
        if let Some(shelf) = &mut self.shelf
            && shelf.keep(draft, remote_id, known_here, &errors, &raw)?
        {
            draft.revive(&self.subject(remote_id))?;
            return Ok(Happened::Archived);
        }
        self.quarantine(draft, remote_id, errors, raw);
        Ok(Happened::Quarantined)
    }

    pub(super) fn quarantine(&self, draft: &mut Draft<'_>, remote_id: &str, errors: Vec<FieldError>, raw: Vec<u8>) {
        set_aside(draft, self.mapping, &self.mapping.stream, self.run, remote_id, errors, raw);
    }
}

/// A record that only lends element numbers, for a contribution that has none yet.
pub(super) fn stand_in(row: &nave_core::model::Contribution, entity: &str) -> Record {
    let next = row.elements.values().flatten().map(|(id, _)| id.0 + 1).max().unwrap_or(1);
    Record {
        id: RecordId(0),
        entity: entity.into(),
        state: RecordState::Active,
        version: 0,
        fields: Default::default(),
        contributions: Vec::new(),
        next_element: next,
    }
}

/// What follows from a contribution that says something else than before.
pub(super) fn heed(
    draft: &mut Draft<'_>,
    mapping: &Mapping,
    record: RecordId,
    run: u64,
    taken: &intake::Taken,
    returned: bool,
) -> Result<(), StoreError> {
    if taken.claimed || returned {
        let recomputed = draft.recompute(record)?;
        if recomputed == Recomputed::Same && taken.claimed {
            // It lost, or says what the record says already: this system may differ from the record now.
            draft.enter_own(mapping, record, Reason::LosingEdit);
        }
    }
    if taken.drifted {
        draft.enter_own(mapping, record, Reason::Drift);
        draft.batch.rows.extend(drift::row(&mapping.name, record, run, draft.now, &taken.drifts));
    }
    Ok(())
}

/// What a source record's dead letter is kept under; its body is not part of that.
pub(super) fn subject(mapping: &Mapping, stream: &str, remote_id: &str) -> DeadLetterSubject {
    DeadLetterSubject::SourceRecord {
        connection: mapping.connection.clone(),
        stream: stream.to_owned(),
        mapping: mapping.name.clone(),
        remote_id: remote_id.to_owned(),
        body: Vec::new(),
    }
}

/// Sets a source record aside with path and reason; the page goes on.
pub(super) fn set_aside(
    draft: &mut Draft<'_>,
    mapping: &Mapping,
    stream: &str,
    run: u64,
    remote_id: &str,
    errors: Vec<FieldError>,
    mut raw: Vec<u8>,
) {
    raw.truncate(DEAD_LETTER_BODY_BYTES_MAX);
    let message = errors.iter().map(|error| format!("{}: {}", error.path, error.message)).collect::<Vec<_>>().join("; ");
    let first = errors.into_iter().next();
    let class = first.as_ref().map_or_else(|| "other".to_owned(), |error| error.class.clone());
    // What has no id of its own there cannot be asked for by itself: it goes when everything is read again without it.
    let by_itself = mapping.id.is_none() && !raw.starts_with(b"! ") && first.as_ref().is_none_or(|error| error.path != "id");
    let then = match by_itself {
        true => format!("nave dlq retry --class {}", shell::word(&class)),
        false => format!("nave sync {} --full", mapping.name),
    };
    let mut subject = subject(mapping, stream, remote_id);
    if let DeadLetterSubject::SourceRecord { body, .. } = &mut subject {
        *body = raw;
    }
    draft.batch.dead_letters.push(DeadLetter {
        id: 0,
        subject,
        class,
        field: first.map(|error| error.path),
        message,
        fix: format!("correct {remote_id} in {} or change mappings/{}.toml, then `{then}`", mapping.connection, mapping.name),
        first_at: draft.now,
        last_at: draft.now,
        count: 1,
        run,
    });
}

/// What a person calls a thing: the first title field that holds something.
pub fn title<'v>(entity: &Entity, value: impl Fn(&str) -> Option<&'v Value>) -> String {
    let text = |field: &str| value(field).filter(|value| !value.is_empty()).map(Value::display);
    let first = entity.title.iter().position(|field| text(field).is_some());
    // A person whose whole name nobody keeps is called by its parts, before an e-mail is.
    let parts: Vec<String> = ["first_name", "last_name"].into_iter().filter_map(text).collect();
    match first {
        Some(0) => text(&entity.title[0]),
        _ if !parts.is_empty() => Some(parts.join(" ")),
        Some(index) => text(&entity.title[index]),
        None => None,
    }
    .unwrap_or_else(|| format!("a {}", entity.label.to_lowercase()))
}

/// A create of ours is there: contribution and cross-reference are made, the shadow is what was read back, no claim.
#[expect(clippy::too_many_arguments, reason = "one settlement: what was intended, what came back, when")]
pub fn settle_create(
    draft: &mut Draft<'_>,
    mapping: &Mapping,
    entity: &Entity,
    intent: &Intent,
    key: RemoteKey,
    read_back: Option<&Value>,
    times: &Times,
    version: Option<Text>,
    at: Time,
) -> Result<ContributionId, StoreError> {
    let record = draft.surviving(intent.record)?;
    let id = match draft.contribution_of(&key)? {
        Some(id) => id,
        None => draft.new_contribution(key, at),
    };
    let region = draft.catalog.hub.region.clone();
    // The attempt settled a moment before whatever is read from now on (I15).
    let settled = Time(at.0 - 1);
    let row = draft.contribution_mut(id)?;
    if row.record.is_none() {
        // It waited for a match: what it seemed to say was ours.
        (row.shadow, row.sent, row.claims, row.elements) = Default::default();
    }
    let new = row.record.is_none();
    row.record.get_or_insert(record);
    row.version = version;
    difference::settle(mapping, entity, row, &intent.values, &intent.elements, read_back, settled, region.as_deref());
    let target = draft.record_mut(record)?;
    if !target.contributions.contains(&id) {
        target.contributions.push(id);
        target.contributions.sort();
    }
    draft.attach(id, record)?;
    if new {
        draft.linked(record, id, "made there by the hub");
    }
    if let Some(body) = read_back {
        let row = draft.contribution_mut(id)?;
        if new {
            consent::made(mapping, entity, row, body);
        }
        if consent::answered(mapping, entity, row, &intent.values, at, region.as_deref()) {
            draft.recompute(record)?;
        }
        take_rest(draft, mapping, entity, id, record, body, times, at)?;
    }
    draft.batch.settled.push((intent.destination.clone(), intent.record));
    if mapping.parts.iter().any(|part| part.list.direction.writes()) {
        // Its children could not be made before it was there.
        draft.enter(&intent.destination, record, Reason::Reference);
    }
    draft.enter_referrers(record, &mapping.connection)?;
    Ok(id)
}

/// When a system says that a thing, and each of its fields, was changed; nothing where it does not.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// The thing.
    pub modified_at: Option<Time>,
    /// Path of a field → when.
    pub fields: Vec<(String, Time)>,
}

impl Times {
    /// As a record that was read says it.
    pub fn of(record: &SourceRecord) -> Self {
        let fields = record.field_times.iter().filter_map(|(path, time)| Some((path.clone(), Time::parse(time)?)));
        Self { modified_at: record.modified_at.as_deref().and_then(Time::parse), fields: fields.collect() }
    }
}

/// What a new thing holds besides what we sent (a number that the system gave it) is that system's own claim. Only what
/// the answer names is looked at: an answer to a write need not be the whole thing.
#[expect(clippy::too_many_arguments, reason = "one thing: what it is to us, what it holds, and since when")]
fn take_rest(
    draft: &mut Draft<'_>,
    mapping: &Mapping,
    entity: &Entity,
    id: ContributionId,
    record: RecordId,
    body: &Value,
    times: &Times,
    at: Time,
) -> Result<(), StoreError> {
    let named = mapping.fields.iter().flat_map(|field| field.inputs.iter().chain(std::iter::once(&field.remote)));
    let named = named.chain(mapping.lists.iter().map(|list| &list.remote));
    let paths = named.filter(|path| nave_core::mapping::find(body, path).is_some()).cloned().collect();
    let pulled = Pulled {
        body: body.clone(),
        coverage: intake::Coverage::Only(paths),
        version: None,
        // What a person changed in it before we knew of it was changed then, not now.
        modified_at: times.modified_at,
        field_times: times.fields.clone(),
        read_at: at,
        observed_at: draft.now,
    };
    let region = draft.catalog.hub.region.clone();
    let mut row = draft.contribution(id)?.clone();
    if !mapping.externals.is_empty() {
        return Ok(()); // needs its transform plugins: left to the next pull
    }
    // What cannot be read is left to the next pull, which sets it aside with its reason.
    let Ok(mapped) = intake::map_in(mapping, entity, Some(&row), &pulled, &[], region.as_deref()) else { return Ok(()) };
    let mut target = draft.record(record)?.clone();
    let taken = intake::take(mapping, entity, &mut row, &mut target, &pulled, mapped, region.as_deref());
    *draft.contribution_mut(id)? = row;
    draft.record_mut(record)?.next_element = target.next_element;
    if taken.claimed {
        draft.recompute(record)?;
    }
    Ok(())
}
