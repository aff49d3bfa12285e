//! Takes children in: things of another stream that make a list of their parents' records. Fills a [`Draft`]; commits nothing.
//!
//! A child that is new, changed, moved or gone changes the list of its parent's contribution, and of no other. A child
//! whose parent is not here is passed over; when the parent comes, its children are asked for.

use std::collections::HashMap;

use nave_core::Text;
use nave_core::accounting::InCounts;
use nave_core::catalog::{Catalog, Entity, Mapping, PartMapping};
use nave_core::intake::{FieldError, Pulled, Taken, concerns, list_path};
use nave_core::model::{ContributionId, Intent, Reason, RemoteKey, Time, WriteKind};
use nave_core::part::{self, Seen};
use nave_core::value::Value;
use nave_store::StoreError;

use super::archive::Shelf;
use super::draft::Draft;
use super::drift;
use super::take::{Happened, Incoming, IncomingKind, heed, set_aside, stand_in, subject};

/// The parts of a mapping that one stream holds the children of.
#[derive(Clone, Debug)]
pub(super) struct Children<'m> {
    /// The children's stream.
    pub(super) stream: &'m str,
    /// Parts that they belong to, told apart by `only`.
    pub(super) parts: Vec<&'m PartMapping>,
}

impl<'m> Children<'m> {
    /// What a stream is to a mapping; none where it is its own, or nothing any more.
    pub(super) fn of(mapping: &'m Mapping, stream: &str) -> Option<Self> {
        let parts: Vec<&PartMapping> = mapping.parts.iter().filter(|part| part.stream == stream).collect();
        Some(Self { stream: &parts.first()?.stream, parts })
    }

    /// Every stream that holds children of a mapping, once.
    pub(super) fn all(mapping: &'m Mapping) -> Vec<Self> {
        let mut streams: Vec<&str> = Vec::new();
        for part in &mapping.parts {
            if !streams.contains(&part.stream.as_str()) {
                streams.push(&part.stream);
            }
        }
        streams.into_iter().filter_map(|stream| Self::of(mapping, stream)).collect()
    }

    /// Paths under which a child names a parent.
    pub(super) fn parent_paths(&self) -> Vec<&'m str> {
        let mut paths: Vec<&str> = self.parts.iter().map(|part| part.parent.as_str()).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// Parents that children name.
    pub(super) fn parents<'p>(&self, page: impl Iterator<Item = &'p Incoming>) -> Vec<String> {
        let mut found: Vec<String> = page
            .filter_map(|incoming| match &incoming.kind {
                IncomingKind::Upsert { pulled, .. } => Some(&pulled.body),
                _ => None,
            })
            .flat_map(|body| self.parts.iter().filter_map(|part| part::parent(part, body)))
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

/// One mapping's intake of one stream of children.
pub(super) struct ChildIntake<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) mapping: &'a Mapping,
    pub(super) entity: &'a Entity,
    pub(super) children: &'a Children<'a>,
    /// Run, for dead letters.
    pub(super) run: u64,
    /// Creates of children whose outcome is not known: an unknown child may be one of them.
    pub(super) open_creates: Vec<Intent>,
    /// Where what does not fit is kept, under its stream and id; none where single things are looked at.
    pub(super) shelf: Option<Shelf>,
}

impl ChildIntake<'_> {
    /// Takes a page in. Adds to the counts exactly one per child (I14).
    pub(super) fn page(&mut self, draft: &mut Draft<'_>, page: Vec<Incoming>, counts: &mut InCounts) -> Result<(), StoreError> {
        let keys: Vec<RemoteKey> = page.iter().map(|incoming| self.key(&incoming.remote_id)).collect();
        let found = draft.holding(&keys)?;
        let mut holders: HashMap<Text, Vec<ContributionId>> = keys.into_iter().map(|key| key.remote_id).zip(found).collect();
        let parents: Vec<RemoteKey> = self.children.parents(page.iter()).iter().map(|id| self.parent_key(id)).collect();
        draft.prefetch(&parents)?;
        let noted_before = drift::noted(&draft.batch);
        for incoming in page {
            let known = holders.entry(incoming.remote_id.clone()).or_default();
            self.one(draft, incoming, known)?.count(counts);
        }
        counts.drifted += drift::noted(&draft.batch) - noted_before;
        draft.settle_queue()
    }

    fn key(&self, remote_id: &str) -> RemoteKey {
        RemoteKey::new(&self.mapping.connection, part::alias(self.mapping, self.children.stream), remote_id)
    }

    fn parent_key(&self, remote_id: &str) -> RemoteKey {
        RemoteKey::new(&self.mapping.connection, &self.mapping.alias, remote_id)
    }

    /// One child. `holders` are the contributions that may hold it; the one that does afterwards is added.
    fn one(
        &mut self,
        draft: &mut Draft<'_>,
        incoming: Incoming,
        holders: &mut Vec<ContributionId>,
    ) -> Result<Happened, StoreError> {
        let Incoming { remote_id, kind } = incoming;
        let (pulled, raw) = match kind {
            IncomingKind::Upsert { pulled, raw, .. } => (Some(pulled), raw),
            IncomingKind::Delete { .. } | IncomingKind::MergedInto(_) => (None, Vec::new()),
            IncomingKind::Bad { errors, raw } => return self.misfit(draft, &remote_id, holders, errors, raw),
        };
        let mut homes = Vec::new();
        for part in &self.children.parts {
            let home = self.home(draft, part, pulled.as_ref(), &remote_id, holders)?;
            if let (Some(home), Some(pulled)) = (home, &pulled)
                && draft.contribution(home)?.attempted_at.is_some_and(|at| pulled.read_at <= at)
            {
                // I15: read before our last attempt settled; the caller fetched it again already if it could.
                return Ok(Happened::Held);
            }
            homes.push(home);
        }
        let mut happened = Happened::Filtered;
        for (part, home) in self.children.parts.clone().into_iter().zip(homes) {
            let found = match self.at_home(draft, part, home, pulled.as_ref(), &remote_id, holders)? {
                Ok(found) => found,
                Err(error) => return self.misfit(draft, &remote_id, holders, vec![error], raw),
            };
            // Of a child that goes from one part to another, the more telling counts.
            let rank = |happened| match happened {
                Happened::Created => 4,
                Happened::Updated => 3,
                Happened::Deleted => 2,
                Happened::Unchanged => 1,
                _ => 0,
            };
            if rank(found) > rank(happened) {
                happened = found;
            }
        }
        let letter = subject(self.mapping, self.children.stream, &remote_id);
        draft.revive(&letter)?;
        if let Some(shelf) = &mut self.shelf {
            shelf.take_off(draft, &kept_as(self.children.stream, &remote_id));
        }
        Ok(happened)
    }

    /// It does not fit: kept as it came where a person said so and nothing of it is known, set aside otherwise.
    fn misfit(
        &mut self,
        draft: &mut Draft<'_>,
        remote_id: &str,
        holders: &[ContributionId],
        errors: Vec<FieldError>,
        raw: Vec<u8>,
    ) -> Result<Happened, StoreError> {
        let mut known_here = false;
        for holder in holders {
            for part in &self.children.parts {
                known_here |= holds(draft, *holder, part, remote_id)?.is_some();
            }
        }
        if let Some(shelf) = &mut self.shelf
            && shelf.keep(draft, &kept_as(self.children.stream, remote_id), known_here, &errors, &raw)?
        {
            draft.revive(&subject(self.mapping, self.children.stream, remote_id))?;
            return Ok(Happened::Archived);
        }
        set_aside(draft, self.mapping, self.children.stream, self.run, remote_id, errors, raw);
        Ok(Happened::Quarantined)
    }

    /// The contribution that a child belongs to now, as far as a part is concerned.
    fn home(
        &self,
        draft: &mut Draft<'_>,
        part: &PartMapping,
        pulled: Option<&Pulled>,
        remote_id: &str,
        holders: &[ContributionId],
    ) -> Result<Option<ContributionId>, StoreError> {
        let Some(pulled) = pulled else { return Ok(None) };
        if !pulled.coverage.covers(&part.parent) {
            // Not said: where it was.
            for id in holders {
                if holds(draft, *id, part, remote_id)?.is_some() {
                    return Ok(Some(*id));
                }
            }
            return Ok(None);
        }
        let Some(parent) = part::parent(part, &pulled.body) else { return Ok(None) };
        let Some(id) = draft.contribution_of(&self.parent_key(&parent))? else { return Ok(None) };
        Ok(draft.contribution(id)?.is_active().then_some(id))
    }

    /// Lets a part's lists say what was seen: the one that the child is in now, and those that it was in.
    fn at_home(
        &mut self,
        draft: &mut Draft<'_>,
        part: &PartMapping,
        home: Option<ContributionId>,
        pulled: Option<&Pulled>,
        remote_id: &str,
        holders: &mut Vec<ContributionId>,
    ) -> Result<Result<Happened, FieldError>, StoreError> {
        let claimed_at = pulled.map_or(draft.now, |pulled| pulled.modified_at.unwrap_or(pulled.read_at));
        let observed_at = pulled.map_or(draft.now, |pulled| pulled.observed_at);
        let seen = |element| Seen { id: remote_id, element, claimed_at, observed_at };
        let mut happened = Happened::Filtered;
        for holder in holders.clone() {
            if Some(holder) != home && holds(draft, holder, part, remote_id)?.is_some() {
                // Gone, or moved to another parent: a removal needs no reading.
                if let Err(error) = self.apply(draft, holder, part, seen(None))? {
                    return Ok(Err(error));
                }
                happened = if pulled.is_some() { Happened::Updated } else { Happened::Deleted };
            }
        }
        let (Some(home), Some(pulled)) = (home, pulled) else { return Ok(Ok(happened)) };
        let known = holds(draft, home, part, remote_id)?;
        let element = part::element(part, remote_id, &pulled.body, &pulled.coverage, known.as_ref());
        let concerned = concerns(&part.list, &element);
        if known.is_none() && !concerned {
            return Ok(Ok(happened));
        }
        if known.is_none() && self.bind_open_create(draft, part, home, remote_id, pulled)? {
            holders.push(home);
            return Ok(Ok(Happened::Updated));
        }
        let taken = match self.apply(draft, home, part, seen(concerned.then_some(&element)))? {
            Ok(taken) => taken,
            Err(error) => return Ok(Err(error)),
        };
        if !holders.contains(&home) {
            holders.push(home);
        }
        Ok(Ok(match (known.is_some(), taken.seen) {
            (false, _) if happened == Happened::Filtered => Happened::Created,
            (false, _) | (true, true) => Happened::Updated,
            (true, false) => Happened::Unchanged,
        }))
    }

    /// Moves one contribution's element, and what follows from it.
    fn apply(
        &self,
        draft: &mut Draft<'_>,
        id: ContributionId,
        part: &PartMapping,
        seen: Seen<'_>,
    ) -> Result<Result<Taken, FieldError>, StoreError> {
        let mut row = draft.contribution(id)?.clone();
        let record = match row.record {
            Some(record) => Some(draft.surviving(record)?),
            None => None,
        };
        let mut target = match record {
            Some(record) => draft.record(record)?.clone(),
            None => stand_in(&row, &self.entity.name),
        };
        let elements = target.next_element;
        let region = self.catalog.hub.region.as_deref();
        let taken = match part::take_child(self.mapping, self.entity, part, &mut row, &mut target, seen, region) {
            Ok(taken) => taken,
            Err(error) => return Ok(Err(error)),
        };
        if taken.seen {
            *draft.contribution_mut(id)? = row;
        }
        if let Some(record) = record {
            if target.next_element != elements {
                draft.record_mut(record)?.next_element = target.next_element;
            }
            heed(draft, self.mapping, record, self.run, &taken, false)?;
        }
        Ok(Ok(taken))
    }

    /// An unknown child may be a create of ours whose answer was lost: bound by marker, or by parent and meaning.
    fn bind_open_create(
        &mut self,
        draft: &mut Draft<'_>,
        part: &PartMapping,
        home: ContributionId,
        remote_id: &str,
        pulled: &Pulled,
    ) -> Result<bool, StoreError> {
        let path = list_path(&part.list);
        let region = self.catalog.hub.region.as_deref();
        let found = self.open_creates.iter().position(|intent| {
            intent.part() == Some(path.as_str())
                && intent.contribution == Some(home)
                && is_ours(self.mapping, part, intent, remote_id, &pulled.body, region)
        });
        let Some(index) = found else { return Ok(false) };
        let intent = self.open_creates.remove(index);
        // The attempt settled a moment before whatever is read from now on (I15).
        written_child(draft, self.mapping, &intent, remote_id, Some(&pulled.body), Time(pulled.read_at.0 - 1))?;
        draft.close_moot(&intent.destination, intent.record)?;
        // It waited on the ladder for its look-up.
        draft.batch.unparked.push((intent.destination.clone(), intent.record));
        draft.enter(&intent.destination, intent.record, Reason::Retry);
        Ok(true)
    }
}

/// What a child that does not fit is kept as: ids are told apart within a stream only.
fn kept_as(stream: &str, remote_id: &str) -> String {
    format!("{stream}:{remote_id}")
}

/// The element of a child that a contribution holds.
fn holds(draft: &mut Draft<'_>, id: ContributionId, part: &PartMapping, remote_id: &str) -> Result<Option<Value>, StoreError> {
    let row = draft.contribution(id)?;
    Ok(part::shadow(row, part).iter().find(|element| part::child_id(element) == Some(remote_id)).cloned())
}

/// The element that a child's intent carries.
pub(super) fn sent_element(intent: &Intent) -> Option<&Value> {
    match intent.values.get(intent.part()?) {
        Some(Value::List(sent)) => sent.first(),
        _ => None,
    }
}

/// The part that an intent writes a child of, if the mapping still has it.
pub(super) fn part_of<'m>(mapping: &'m Mapping, intent: &Intent) -> Option<&'m PartMapping> {
    let path = intent.part()?;
    mapping.parts.iter().find(|part| list_path(&part.list) == path)
}

/// Whether a child that is there is the one that an intent made: by its marker, else by what it means.
pub(super) fn is_ours(
    mapping: &Mapping,
    part: &PartMapping,
    intent: &Intent,
    remote_id: &str,
    body: &Value,
    region: Option<&str>,
) -> bool {
    match (&part.marker, &intent.lookup) {
        (Some(marker), Some((path, value))) if marker == path => {
            nave_core::mapping::find(body, path).is_some_and(|there| there.display().trim() == value)
        }
        _ => sent_element(intent).is_some_and(|sent| part::landed(mapping, part, remote_id, body, sent, region)),
    }
}

/// A write of a child that the system confirmed: the parent's list, never a claim.
pub(super) fn written_child(
    draft: &mut Draft<'_>,
    mapping: &Mapping,
    intent: &Intent,
    remote_id: &str,
    body: Option<&Value>,
    at: Time,
) -> Result<(), StoreError> {
    if let (Some(part), Some(id)) = (part_of(mapping, intent), intent.contribution) {
        let child = match &intent.kind {
            WriteKind::Update(id) | WriteKind::Delete(id) | WriteKind::Merge(id, _) => id,
            WriteKind::Create => remote_id,
        };
        let number = intent.elements.get(&part.list.canonical).and_then(|numbers| numbers.first()).copied();
        let row = draft.contribution_mut(id)?;
        part::settle_child(part, row, &intent.kind, number, sent_element(intent), child, body, at);
    }
    draft.batch.settled.push((intent.destination.clone(), intent.record));
    Ok(())
}
