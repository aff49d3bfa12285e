//! What two systems hold of an entity, through the hub's records: only there, more than once, differing field by field; each
//! with what there is to do about it. Compares what was last read of both; reads nothing, writes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nave_core::Value;
use nave_core::catalog::{Catalog, Entity, Mapping};
use nave_core::matching::key_hash;
use nave_core::model::{Contribution, ContributionId, Record, RecordId, RecordState, RemoteKey, ReviewId, ReviewKind, Time};
use nave_core::otherwise::{Otherwise, kept_otherwise};
use nave_core::shown::{canonical, shown};

use super::agreed::Agreement;
use super::deliver::{Need, Subject};
use super::parts::ChildrenKnown;
use super::{Engine, EngineError};

/// Things of both systems together that are compared at once: their numbers take about 50 MB.
pub(crate) const COMPARED_MAX: usize = 1_000_000;
/// Rows read from the store at once.
const CHUNK: usize = 2_000;

/// What is wrong with one record, or with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Apart {
    /// In the first system and not in the second.
    Missing,
    /// In the second and not in the first.
    Extra,
    /// In both, and fields differ.
    Differing,
    /// A thing that belongs to no record yet.
    Unmatched,
    /// More than one thing of one record in one system.
    Twice,
}

impl Apart {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 5] = [Self::Missing, Self::Extra, Self::Differing, Self::Unmatched, Self::Twice];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Differing => "differing",
            Self::Unmatched => "unmatched",
            Self::Twice => "twice",
        }
    }
}

/// What there is to do about something, and the command that does it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposed {
    /// For people.
    pub action: String,
    /// What to type.
    pub command: String,
}

impl Proposed {
    fn new(action: impl Into<String>, command: impl Into<String>) -> Self {
        Self { action: action.into(), command: command.into() }
    }
}

/// A field of which the two do not say the same.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldApart {
    /// Canonical field.
    pub field: String,
    /// What the first shows.
    pub left: Value,
    /// What the second shows.
    pub right: Value,
    /// What the record says.
    pub canonical: Value,
    /// What there is to do.
    pub then: Proposed,
}

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What is wrong.
    pub apart: Apart,
    /// Its record; none where a thing belongs to none.
    pub record: Option<RecordId>,
    /// The things there, of the first system and of the second.
    pub things: [Option<RemoteKey>; 2],
    /// Fields that differ.
    pub fields: Vec<FieldApart>,
    /// What there is to do; of differing fields each has its own.
    pub then: Proposed,
}

/// A field that a system keeps otherwise than the hub wrote it, in some records: these agree all the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeptOtherwise {
    /// In how many.
    pub count: u64,
    /// The first of them: the record, what was written, what is kept.
    pub first: Vec<(RecordId, Value, Value)>,
}

/// What two systems have in common, and what not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compared {
    /// Things in each.
    pub things: [u64; 2],
    /// When the one of them was last read that was longest not.
    pub oldest: [Option<Time>; 2],
    /// Records in both that agree.
    pub same: u64,
    /// By [`Apart::ALL`].
    pub counts: [u64; 5],
    /// Records that are only in one of them, because a filter or a policy says so.
    pub meant: u64,
    /// What is kept otherwise than it was written, by which of the two and canonical field.
    pub otherwise: BTreeMap<(usize, String), KeptOtherwise>,
    /// The first findings of each kind.
    pub findings: Vec<Finding>,
    /// A number for each finding, by which the next comparison knows it again; sorted.
    pub keys: Vec<u64>,
}

impl Compared {
    /// Findings in all.
    pub fn apart(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Notes what one thing of a record keeps otherwise, in the system at `at`.
    fn kept_otherwise(&mut self, limit: usize, at: usize, record: &Record, fields: Vec<Otherwise<'_>>) {
        for field in fields {
            let name = field.field.canonical.clone().unwrap_or_default();
            if record.value(&name) == Some(&field.kept) {
                continue; // by now it is everybody's value
            }
            let known = self.otherwise.entry((at, name)).or_default();
            known.count += 1;
            if known.first.len() < limit {
                known.first.push((record.id, field.written, field.kept));
            }
        }
    }

    fn found(
        &mut self,
        limit: usize,
        apart: Apart,
        key: &str,
        finding: impl FnOnce() -> Result<Finding, EngineError>,
    ) -> Result<(), EngineError> {
        let count = &mut self.counts[apart as usize];
        *count += 1;
        let room = *count <= limit as u64;
        self.keys.push(key_hash(&[apart.word(), key]));
        if room {
            self.findings.push(finding()?);
        }
        Ok(())
    }
}

/// One of the two systems.
struct Side<'c> {
    connection: &'c str,
    mappings: Vec<&'c Mapping>,
    /// Of those that write: which children are known.
    known: HashMap<&'c str, ChildrenKnown>,
}

impl<'c> Side<'c> {
    fn of(engine: &Engine, catalog: &'c Catalog, connection: &'c str, entity: &str) -> Result<Self, EngineError> {
        let own = |mapping: &&Mapping| mapping.connection == connection && mapping.entity == entity;
        let mappings: Vec<&Mapping> = catalog.mappings.values().map(AsRef::as_ref).filter(own).collect();
        let mut known = HashMap::new();
        for mapping in &mappings {
            known.insert(mapping.name.as_str(), engine.children_known(mapping)?);
        }
        Ok(Self { connection, mappings, known })
    }

    fn mapping(&self, key: &RemoteKey) -> Option<&'c Mapping> {
        self.mappings.iter().copied().find(|mapping| mapping.alias == key.stream.as_str())
    }

    /// The one by which things are made there.
    fn writes(&self) -> Option<&'c Mapping> {
        self.mappings.iter().copied().find(|mapping| mapping.flow_out.is_some())
    }
}

/// Whether it counts that two systems say otherwise of a field: not where it only comes in, as the day on which each of them first
/// knew somebody does. Nobody sends that, and it never becomes the same. Nor where one of the two is only read, and says nothing of
/// it: it takes nothing over. Two that are only read are compared in everything.
fn counts(both: [(&Mapping, &Value); 2], name: &str) -> bool {
    let written = |mapping: &Mapping, wanted: &dyn Fn(&str) -> bool| {
        let fields = mapping.fields.iter().filter(|field| field.direction.writes());
        let lists =
            mapping.lists.iter().chain(mapping.parts.iter().map(|part| &part.list)).filter(|list| list.direction.writes());
        fields.flat_map(|field| field.canonical.iter().chain(&field.outputs)).any(|name| wanted(name))
            || lists.map(|list| &list.canonical).any(|name| wanted(name))
    };
    let writes = |mapping: &Mapping| written(mapping, &|own| own == name);
    let taken_over = both.iter().all(|(mapping, value)| writes(mapping) || !value.is_empty());
    both.iter().any(|(mapping, _)| writes(mapping)) && taken_over || !both.iter().any(|(mapping, _)| written(mapping, &|_| true))
}

/// What a record has in each system.
type There = BTreeMap<RecordId, [Vec<ContributionId>; 2]>;

impl Engine {
    /// Compares what two connections hold of an entity; at most `limit` findings of each kind are told.
    ///
    /// # Errors
    /// [`EngineError::Refused`] above [`COMPARED_MAX`] things, and those of the store.
    pub fn compare(&self, connections: [&str; 2], entity: &str, limit: usize) -> Result<Compared, EngineError> {
        let catalog = self.catalog();
        let entity = self.entity(&catalog, entity)?;
        let sides =
            [Side::of(self, &catalog, connections[0], &entity.name)?, Side::of(self, &catalog, connections[1], &entity.name)?];
        let mut compared = Compared::default();
        let waiting = self.matches_waiting()?;
        let there = self.things_there(&sides, &waiting, limit, &mut compared)?;
        let ids: Vec<RecordId> = there.keys().copied().collect();
        for chunk in ids.chunks(CHUNK) {
            self.compare_records(&catalog, entity, &sides, &there, chunk, limit, &mut compared)?;
        }
        compared.keys.sort_unstable();
        compared.findings.sort_by_key(|finding| finding.apart);
        Ok(compared)
    }

    /// Contributions that wait for somebody to say which record they are.
    fn matches_waiting(&self) -> Result<HashMap<ContributionId, ReviewId>, EngineError> {
        let (mut found, mut after) = (HashMap::new(), ReviewId(0));
        loop {
            let reviews = self.store.reviews(true, after, CHUNK)?;
            let Some(last) = reviews.iter().map(|review| review.id).max() else { return Ok(found) };
            after = last;
            found.extend(reviews.iter().filter_map(|review| match review.kind {
                ReviewKind::Match { contribution, .. } => Some((contribution, review.id)),
                _ => None,
            }));
        }
    }

    fn things_there(
        &self,
        sides: &[Side<'_>; 2],
        waiting: &HashMap<ContributionId, ReviewId>,
        limit: usize,
        compared: &mut Compared,
    ) -> Result<There, EngineError> {
        let (mut there, mut after): (There, _) = (There::new(), ContributionId(0));
        loop {
            let rows = self.store.contributions_after(after, CHUNK)?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            for row in rows.into_iter().filter(Contribution::is_active) {
                let Some(at) = sides.iter().position(|side| side.connection == row.key.connection.as_str()) else { continue };
                if sides[at].mapping(&row.key).is_none() {
                    continue;
                }
                compared.things[at] += 1;
                let oldest = &mut compared.oldest[at];
                *oldest = Some(oldest.map_or(row.read_at, |oldest| oldest.min(row.read_at)));
                match row.record {
                    Some(record) => there.entry(record).or_default()[at].push(row.id),
                    None => {
                        let key = row.key.to_string();
                        compared.found(limit, Apart::Unmatched, &key, || {
                            let mut things = [None, None];
                            things[at] = Some(row.key.clone());
                            let command = waiting.get(&row.id).map(|review| format!("nave review show {review}"));
                            let command = command.unwrap_or_else(|| "nave review list".to_owned());
                            let then = Proposed::new("say which record it is, or that it is a new one", command);
                            Ok(Finding { apart: Apart::Unmatched, record: None, things, fields: Vec::new(), then })
                        })?;
                    }
                }
            }
            if compared.things.iter().sum::<u64>() > COMPARED_MAX as u64 {
                return Err(EngineError::Refused(format!("more than {COMPARED_MAX} things are not compared at once")));
            }
        }
        Ok(there)
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `compare`, split off to be read alone")]
    fn compare_records(
        &self,
        catalog: &Catalog,
        entity: &Entity,
        sides: &[Side<'_>; 2],
        there: &There,
        ids: &[RecordId],
        limit: usize,
        compared: &mut Compared,
    ) -> Result<(), EngineError> {
        let mut subjects: HashMap<&str, HashMap<RecordId, Subject>> = HashMap::new();
        for mapping in sides.iter().flat_map(|side| &side.mappings) {
            subjects.insert(&mapping.name, self.subjects(mapping, ids)?);
        }
        let region = catalog.hub.region.as_deref();
        for id in ids {
            let own = &there[id];
            let subject = |mapping: &Mapping| subjects.get(mapping.name.as_str()).and_then(|of| of.get(id));
            let rows = |at: usize| {
                let of = |id: &ContributionId| {
                    let mut all = sides[at].mappings.iter().filter_map(|mapping| Some((*mapping, subject(mapping)?)));
                    all.find_map(|(mapping, subject)| Some((mapping, subject, subject.there.iter().find(|row| row.id == *id)?)))
                };
                own[at].iter().filter_map(of).collect::<Vec<_>>()
            };
            let found = [rows(0), rows(1)];
            let Some(record) = found.iter().flatten().map(|(_, subject, _)| &subject.record).next() else { continue };
            for at in [0, 1].into_iter().filter(|at| found[*at].len() > 1) {
                let key = format!("{id} {}", sides[at].connection);
                compared.found(limit, Apart::Twice, &key, || self.twice(record, at, &found[at]))?;
            }
            for at in [0, 1] {
                for (mapping, _, row) in &found[at] {
                    compared.kept_otherwise(limit, at, record, kept_otherwise(mapping, entity, row, region));
                }
            }
            let things = || [0, 1].map(|at| found[at].first().map(|(_, _, row)| row.key.clone()));
            let (apart, absent) = match (found[0].first(), found[1].first()) {
                (Some(_), None) => (Apart::Missing, 1),
                (None, Some(_)) => (Apart::Extra, 0),
                (Some(left), Some(right)) => {
                    let locate = |id: RecordId, stream: &str, connection: &str| self.locate(id, connection, stream);
                    let shows = |(mapping, _, row): &(&Mapping, &Subject, &Contribution)| {
                        shown(mapping, entity, record, row, &|id, stream| locate(id, stream, &mapping.connection), region)
                    };
                    let (shows_left, shows_right) = (shows(left), shows(right));
                    let fields: Vec<(&String, &Value, &Value)> = shows_left
                        .iter()
                        .filter_map(|(name, value)| Some((name, value, shows_right.get(name)?)))
                        .filter(|(name, left_value, right_value)| {
                            !self.same_shown(left_value, right_value)
                                && counts([(left.0, *left_value), (right.0, *right_value)], name)
                        })
                        .collect();
                    if fields.is_empty() {
                        compared.same += 1;
                        continue;
                    }
                    let names = fields.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>().join(" ");
                    compared.found(limit, Apart::Differing, &format!("{id} {names}"), || {
                        let fields = fields.iter().map(|(name, left_value, right_value)| {
                            let canonical = canonical(record, name);
                            let wrong = if self.same_shown(left_value, &canonical) { right } else { left };
                            let then = self.then_field(catalog, sides, wrong, name)?;
                            let (left, right) = ((*left_value).clone(), (*right_value).clone());
                            Ok(FieldApart { field: (*name).clone(), left, right, canonical, then })
                        });
                        let fields = fields.collect::<Result<Vec<_>, EngineError>>()?;
                        let then = fields.first().map(|field| field.then.clone()).unwrap_or_default();
                        Ok(Finding { apart: Apart::Differing, record: Some(*id), things: things(), fields, then })
                    })?;
                    continue;
                }
                (None, None) => continue,
            };
            let side = &sides[absent];
            let writer = side.writes().and_then(|mapping| Some((mapping, subject(mapping)?)));
            let need = match writer {
                Some((mapping, subject)) if record.state == RecordState::Active => {
                    Some(self.need(catalog, mapping, subject, &HashMap::new(), &side.known[mapping.name.as_str()])?)
                }
                _ => None,
            };
            if matches!(need, Some(Need::Nothing)) || record.state == RecordState::Archived {
                compared.meant += 1;
                continue;
            }
            compared.found(limit, apart, &id.to_string(), || {
                let then = match (writer, &need) {
                    (Some((mapping, _)), Some(need)) => self.then(mapping, record, need)?,
                    _ if record.state != RecordState::Active => Proposed::new(
                        "its record is deleted here, and it is still there: put it back, or delete it there",
                        format!("nave record show {}/{id}", record.entity),
                    ),
                    _ => Proposed::new(
                        format!(
                            "nothing writes to {}: enter it there by hand, or give a mapping of it a [flow.out]",
                            side.connection
                        ),
                        side.mappings
                            .first()
                            .map_or_else(String::new, |mapping| format!("nave mapping explain {}", mapping.name)),
                    ),
                };
                Ok(Finding { apart, record: Some(*id), things: things(), fields: Vec::new(), then })
            })?;
        }
        Ok(())
    }

    /// Empty is empty, however it is spelled; a reference there says the same as the record that it stands for.
    fn same_shown(&self, left: &Value, right: &Value) -> bool {
        if left == right || left.is_empty() && right.is_empty() {
            return true;
        }
        let record = |value: &Value| match value {
            Value::Reference(nave_core::value::Reference::Record(id)) => Some(*id),
            Value::Reference(nave_core::value::Reference::Remote(key)) => self.record_of(key).ok().flatten(),
            _ => None,
        };
        matches!((record(left), record(right)), (Some(left), Some(right)) if left == right)
    }

    fn twice(&self, record: &Record, at: usize, rows: &[(&Mapping, &Subject, &Contribution)]) -> Result<Finding, EngineError> {
        let Some((mapping, _, second)) = rows.get(1) else {
            return Err(EngineError::Refused("one thing is not there twice".into()));
        };
        let mut things = [None, None];
        things[at] = Some(second.key.clone());
        let name = format!("{}/{}", record.entity, record.id);
        let action = format!(
            "{} things there are one record: merge them in {}, or let `duplicates` do it",
            rows.len(),
            mapping.connection
        );
        let then = Proposed::new(action, format!("nave xref {name}"));
        Ok(Finding { apart: Apart::Twice, record: Some(record.id), things, fields: Vec::new(), then })
    }

    /// What becomes of a field that differs, where it does.
    fn then_field(
        &self,
        catalog: &Catalog,
        sides: &[Side<'_>; 2],
        (mapping, subject, row): &(&Mapping, &Subject, &Contribution),
        field: &str,
    ) -> Result<Proposed, EngineError> {
        let name = format!("{}/{}", subject.record.entity, subject.record.id);
        let writes = |own: &&nave_core::catalog::FieldMapping| own.direction.writes() && own.canonical.as_deref() == Some(field);
        let scalar = mapping.fields.iter().find(writes).map(|own| own.remote.clone());
        let list = mapping.lists.iter().find(|list| list.direction.writes() && list.canonical == field);
        let Some(path) = scalar.or_else(|| list.map(nave_core::intake::list_path)).filter(|_| mapping.flow_out.is_some()) else {
            let action = format!(
                "the hub does not write it to {}: correct it there by hand, or let the mapping write it",
                mapping.connection
            );
            return Ok(Proposed::new(action, format!("nave record why {name} {field}")));
        };
        for (paths, run) in self.held_of(&mapping.name, subject.record.id)? {
            if paths.is_empty() || paths.contains(&path) {
                return Ok(Proposed::new(
                    "it is held as it was since a run was taken back",
                    format!("nave rollback run/{run} --release"),
                ));
            }
        }
        let left = self.left_as_is(mapping, subject.record.id)?;
        if let Some(left) = left.into_iter().find(|left| left.contribution == row.id && left.path == path) {
            return Ok(Proposed::new(left.sentence(&mapping.connection), format!("nave record show {name}")));
        }
        let side = sides.iter().find(|side| side.connection == mapping.connection);
        let none = ChildrenKnown::default();
        let known = side.and_then(|side| side.known.get(mapping.name.as_str())).unwrap_or(&none);
        let need = self.need(catalog, mapping, subject, &HashMap::new(), known)?;
        let written = match &need {
            Need::Writes(wanted) => wanted.writes.iter().any(|write| {
                write.contribution.as_ref().is_some_and(|known| known.id == row.id) && write.difference.values.contains_key(&path)
            }),
            Need::Nothing => false,
            Need::Held(_) | Need::Parked(_) | Need::Surged | Need::Blocked(_) => true,
        };
        if !written {
            let action = format!("{} is not to have it: a filter, a policy, or a value that cannot go there", mapping.connection);
            return Ok(Proposed::new(action, format!("nave record resync {name} --plan")));
        }
        self.then(mapping, &subject.record, &need)
    }

    /// What becomes of what is needed.
    fn then(&self, mapping: &Mapping, record: &Record, need: &Need) -> Result<Proposed, EngineError> {
        let (flow, connection, id) = (&mapping.name, &mapping.connection, record.id);
        match need {
            Need::Blocked(errors) => {
                let why: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
                return Ok(Proposed::new(
                    format!("the hub stops it: {}", why.join("; ")),
                    format!("nave dlq list --flow {flow}"),
                ));
            }
            Need::Held(why) => return Ok(Proposed::new(why.clone(), "nave review list")),
            Need::Surged => {
                return Ok(Proposed::new("it came with far more than usual: say whether that is right", "nave review list"));
            }
            Need::Writes(wanted) if wanted.writes.iter().any(|write| write.agreement != Agreement::Given) => {
                return Ok(Proposed::new("a person is asked first", "nave review list"));
            }
            Need::Nothing | Need::Parked(_) | Need::Writes(_) => {}
        }
        let state = self.store.flow(flow)?;
        if state.approved.as_deref() != Some(mapping.digest.as_str()) {
            return Ok(Proposed::new(
                format!("the plan that writes it to {connection} waits to be agreed to"),
                format!("nave plan --flow {flow}"),
            ));
        }
        if state.paused {
            return Ok(Proposed::new(format!("{flow} is paused"), format!("nave resume {flow}")));
        }
        let subject = nave_core::model::DeadLetterSubject::Delivery { destination: flow.clone(), record: id };
        if let Some(letter) = self.store.dead_letter_of(&nave_store::subject_key(&subject))? {
            return Ok(Proposed::new(format!("it was set aside: {}", letter.message), format!("nave dlq show {}", letter.id)));
        }
        if let Some(parked) = self.store.parked(flow)?.into_iter().find(|row| row.record == id) {
            return Ok(Proposed::new(
                format!("{connection} did not take it; it is tried again {}", parked.until),
                format!("nave sync {flow} --retry"),
            ));
        }
        let dirty = self.store.dirty(flow, RecordId(id.0.saturating_sub(1)), 1)?;
        Ok(match dirty.first().is_some_and(|entry| entry.record == id) {
            true => Proposed::new(format!("the next sync writes it to {connection}"), format!("nave sync {flow}")),
            false => Proposed::new(format!("write it to {connection}"), format!("nave record resync {}/{id}", record.entity)),
        })
    }

    /// Names of the connections of which something is mapped to an entity, in their order.
    pub fn connections_of(&self, entity: &str) -> BTreeSet<String> {
        let catalog = self.catalog();
        let of = catalog.mappings.values().filter(|mapping| mapping.entity == entity);
        of.map(|mapping| mapping.connection.clone()).collect()
    }
}
