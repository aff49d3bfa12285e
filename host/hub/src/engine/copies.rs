//! Copies of a value that was corrected: in the systems that still show it on this record's things, and in what refers to the
//! record (invoices, tickets) and took it over when it was made. Each is found by what a system was last known to hold; whether
//! it can be put right is what the one comparison says, tried on a draft that is thrown away.

mod unmapped;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use nave_core::catalog::{Catalog, Direction, Entity, FieldMapping, FieldType, ListMapping, Mapping};
use nave_core::copies::{Likeness, Sought};
use nave_core::intake::{element_key, element_value, list_path, shadow_body, tie_key};
use nave_core::limits::{CORRECTION_CHANGES_MAX, CORRECTION_DOCUMENTS_MAX};
use nave_core::mapping::{Env, find, normalise};
use nave_core::matching;
use nave_core::model::{Cause, Contribution, Record, RecordId, RecordState, RemoteKey, WriteKind};
use nave_core::part;
use nave_core::survivorship::STEWARD;
use nave_core::value::{Reference, Value};
use nave_store::IndexSpace;

use super::deliver::{Need, Subject};
use super::draft::Draft;
use super::holds::same;
use super::steward::no_field;
use super::synthetic::Synthetic;
use super::{Engine, EngineError, steward};

pub use unmapped::{Outside, Unmapped};

/// What can be done about a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Can {
    /// The hub may write there, and would write the corrected value.
    Write,
    /// A person has to look at it, for this reason.
    Review(String),
    /// The hub cannot put it right, for this reason.
    Cannot(String),
}

/// One place that holds an old value.
#[derive(Clone, Debug, PartialEq)]
pub struct Copy {
    /// Record that the thing belongs to: the corrected one, or one that refers to it.
    pub record: RecordId,
    /// Its canonical type.
    pub entity: String,
    /// The thing; none where only the hub's own record holds it.
    pub key: Option<RemoteKey>,
    /// Where in it, as the system names it; a canonical field where only the hub holds it.
    pub path: String,
    /// Canonical field that is mapped there.
    pub field: Option<String>,
    /// What is there.
    pub value: Value,
    /// It is the old value, or has it in it.
    pub likeness: Likeness,
    /// Flow that reads or writes the thing.
    pub flow: Option<String>,
    /// Direction of the field there.
    pub direction: Option<Direction>,
    /// What can be done.
    pub can: Can,
    /// Canonical field, and its corrected value, of a record that copied the old value into a field of its own.
    pub claim: Option<(String, Value)>,
}

impl Copy {
    /// Names the place, whatever is in it.
    pub(super) fn place(&self) -> String {
        let thing = self.key.as_ref().map_or_else(|| format!("{}/{}", self.entity, self.record), ToString::to_string);
        format!("{thing} {}", self.path)
    }
}

/// All that were found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Copies {
    /// Canonical field that was corrected.
    pub field: String,
    /// What it holds now.
    pub now: Option<Value>,
    /// What it held before, newest first.
    pub old: Vec<Value>,
    /// Records that refer to it and were looked through.
    pub documents: usize,
    /// And those that were not: there are more than are looked through.
    pub left_out: usize,
    /// Copies: the record's own first, then by record, thing and path.
    pub copies: Vec<Copy>,
}

/// What is looked for, on behalf of which record.
struct Search<'a> {
    catalog: &'a Arc<Catalog>,
    corrected: RecordId,
    field: &'a str,
    sought: &'a [Sought],
    read_only: &'a BTreeMap<String, Vec<String>>,
}

/// What the comparison would send of one record, and what stands in the way.
#[derive(Default)]
struct Sent {
    /// (flow, thing, path) → value.
    values: HashMap<(String, String, String), Value>,
    /// Flow → why nothing is sent.
    stopped: BTreeMap<String, Can>,
}

impl Engine {
    /// Every copy of what a field of a record held before: `from` names that value, otherwise the record's history does.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where there is no such field, or nothing is known that it held before.
    pub async fn copies(&self, record: RecordId, field: &str, from: Option<&str>) -> Result<Copies, EngineError> {
        let catalog = self.catalog();
        let record = self.store.records(&[record])?.pop().flatten();
        let record = record.ok_or_else(|| EngineError::NotFound("there is no such record".into()))?;
        let entity = self.entity(&catalog, &record.entity)?;
        check_field(entity, &record, field)?;
        let now = record.value(field).cloned();
        let old = match from {
            Some(text) => vec![typed(entity, field, text)],
            None => self.held_before(record.id, field, now.as_ref())?,
        };
        if let Some(now) = now.as_ref().filter(|now| old.contains(now)) {
            return Err(EngineError::Refused(format!(
                "`{}` is what `{field}` of {}/{} holds now: correct it first, in the system that owns it, then say which value \
                 it had",
                now.display(),
                record.entity,
                record.id
            )));
        }
        if old.is_empty() {
            return Err(EngineError::Refused(format!(
                "nothing is known that `{field}` of {0}/{1} held before: `nave record history {0}/{1}` shows what is; say it \
                 with `nave record correct {0}/{1} {field} --from OLD_VALUE`",
                record.entity, record.id
            )));
        }
        self.copies_among(&record, field, old).await
    }

    /// Every copy of these values.
    pub(super) async fn copies_among(&self, record: &Record, field: &str, old: Vec<Value>) -> Result<Copies, EngineError> {
        let (catalog, now) = (self.catalog(), record.value(field).cloned());
        let sought = Sought::all(&old, now.as_ref());
        let (documents, left_out) = self.documents(record)?;
        let mut read_only = BTreeMap::new();
        for mapping in catalog.mappings.values().filter(|mapping| mapping.flow_out.is_some()) {
            // Only what its system said already: nothing is asked of anybody for a list.
            if self.known_capabilities(mapping).is_some() {
                read_only.insert(mapping.name.clone(), self.read_only(mapping).await?);
            }
        }
        let search = Search { catalog: &catalog, corrected: record.id, field, sought: &sought, read_only: &read_only };
        let mut copies = self.copies_of(&search, record)?;
        for document in &documents {
            copies.extend(self.copies_of(&search, document)?);
        }
        Ok(Copies { field: field.to_owned(), now, old, documents: documents.len(), left_out, copies })
    }

    /// What a field held before, by the changelog; newest first.
    fn held_before(&self, record: RecordId, field: &str, now: Option<&Value>) -> Result<Vec<Value>, EngineError> {
        let mut old: Vec<Value> = Vec::new();
        for change in self.store.record_changes(record, CORRECTION_CHANGES_MAX)? {
            for of in change.fields.iter().filter(|of| of.field == field) {
                for value in [&of.after, &of.before].into_iter().flatten() {
                    if !value.is_empty() && Some(value) != now && !old.contains(value) {
                        old.push(value.clone());
                    }
                }
            }
        }
        Ok(old)
    }

    /// Records that refer to one, by number or by what a system calls it; and how many more there are.
    fn documents(&self, record: &Record) -> Result<(Vec<Record>, usize), EngineError> {
        let keys: Vec<RemoteKey> =
            self.store.contributions(&record.contributions)?.into_iter().flatten().map(|row| row.key).collect();
        let waiting: Vec<u64> = keys.iter().map(matching::remote_hash).collect();
        let mut ids = self.store.candidates(IndexSpace::Referrer, &[matching::referrer_hash(record.id)])?.concat();
        ids.extend(self.store.candidates(IndexSpace::Waiting, &waiting)?.concat());
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| *id != record.id.0);
        let left_out = ids.len().saturating_sub(CORRECTION_DOCUMENTS_MAX);
        ids.truncate(CORRECTION_DOCUMENTS_MAX);
        let ids: Vec<RecordId> = ids.into_iter().map(RecordId).collect();
        let refers = |found: &Record| {
            found.fields.values().any(|field| match &field.value {
                Value::Reference(Reference::Record(id)) => *id == record.id,
                Value::Reference(Reference::Remote(key)) => keys.contains(key),
                _ => false,
            })
        };
        let rows = self.store.records(&ids)?.into_iter().flatten();
        Ok((rows.filter(|row| !matches!(row.state, RecordState::MergedInto(_)) && refers(row)).collect(), left_out))
    }

    /// Copies in the things of one record.
    fn copies_of(&self, search: &Search<'_>, record: &Record) -> Result<Vec<Copy>, EngineError> {
        let entity = self.entity(search.catalog, &record.entity)?;
        let claims = search.claims(entity, record);
        let rows: Vec<Contribution> = self.store.contributions(&record.contributions)?.into_iter().flatten().collect();
        let rows: Vec<Contribution> = rows.into_iter().filter(|row| row.is_active() && row.key.connection != STEWARD).collect();
        let mut found: Vec<Copy> = Vec::new();
        for row in &rows {
            search.hits(entity, record, row, &mut found);
        }
        for (name, _) in claims.iter() {
            // Nobody shows it: the hub alone holds it.
            if !found.iter().any(|copy| copy.field.as_deref() == Some(name)) {
                let value = record.value(name).cloned().unwrap_or_default();
                found.push(Copy::of(record, None, name.clone(), Some(name.clone()), value, Likeness::Whole));
            }
        }
        if found.is_empty() {
            return Ok(found);
        }
        let sent = self.would_send(search, record, &claims)?;
        for copy in &mut found {
            let row = copy.key.as_ref().and_then(|key| rows.iter().find(|row| row.key == *key));
            copy.can = self.can(search, record, row, copy, &claims, &sent)?;
            let claim = copy.field.as_ref().and_then(|name| Some((name.clone(), claims.get(name)?.clone().ok()?)));
            copy.claim = claim.filter(|_| copy.can == Can::Write);
        }
        found.sort_by(|left, right| (&left.key, &left.path).cmp(&(&right.key, &right.path)));
        Ok(found)
    }

    /// What would be sent of a record, once its own copies are corrected: decided as it would be, then thrown away.
    fn would_send(
        &self,
        search: &Search<'_>,
        record: &Record,
        claims: &BTreeMap<String, Result<Value, String>>,
    ) -> Result<Sent, EngineError> {
        let mut draft = Draft::new(self.store.as_ref(), search.catalog, self.now(), Cause::default())?;
        for (name, value) in claims {
            if let Ok(value) = value {
                steward::assert(&mut draft, record.id, name, value.clone())?;
            }
        }
        draft.recompute(record.id)?;
        let now = draft.record(record.id)?.clone();
        let rows = now.contributions.iter().map(|id| draft.contribution(*id).cloned()).collect::<Result<Vec<_>, _>>()?;
        let mut sent = Sent::default();
        let mappings = search.catalog.mappings.values().filter(|mapping| mapping.entity == now.entity.as_str());
        for mapping in mappings.filter(|mapping| mapping.flow_out.is_some()) {
            if let Some(why) = self.stopped(mapping, record.id)? {
                sent.stopped.insert(mapping.name.clone(), why);
                continue;
            }
            let there = rows.iter().filter(|row| speaks_for(mapping, row)).cloned().collect();
            let synthetic = rows.iter().find_map(|row| Synthetic::of(&row.key.connection));
            let subject = Subject { record: now.clone(), there, synthetic };
            let known = self.children_known(mapping)?;
            match self.need(search.catalog, mapping, &subject, &HashMap::new(), &known)? {
                Need::Nothing => {}
                Need::Held(why) => drop(sent.stopped.insert(mapping.name.clone(), Can::Review(why))),
                Need::Surged => {
                    let why = "it came with far more than usual: `nave review list` asks whether that is right";
                    sent.stopped.insert(mapping.name.clone(), Can::Review(why.into()));
                }
                Need::Parked(row) => {
                    let why =
                        format!("it waits until {}: {}; `nave sync {} --retry` tries now", row.until, row.reason, mapping.name);
                    sent.stopped.insert(mapping.name.clone(), Can::Cannot(why));
                }
                Need::Blocked(errors) => {
                    let why = errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; ");
                    sent.stopped.insert(mapping.name.clone(), Can::Cannot(why));
                }
                Need::Writes(wanted) => {
                    for write in &wanted.writes {
                        let WriteKind::Update(id) = &write.kind else { continue };
                        for (path, value) in &write.difference.values {
                            sent.values.insert((mapping.name.clone(), id.clone(), path.to_string()), value.clone());
                        }
                    }
                }
            }
        }
        Ok(sent)
    }

    /// Why nothing of a flow is sent at all.
    fn stopped(&self, mapping: &Mapping, record: RecordId) -> Result<Option<Can>, EngineError> {
        let (name, flow) = (&mapping.name, self.store.flow(&mapping.name)?);
        let shadow = mapping.flow_out.as_ref().is_some_and(|out| out.shadow);
        Ok(if shadow {
            Some(Can::Cannot(format!(
                "`{name}` is in shadow mode, so nothing is sent: take `mode = \"shadow\"` out of mappings/{name}.toml"
            )))
        } else if flow.paused {
            Some(Can::Cannot(format!("`{name}` is paused: `nave resume {name}`")))
        } else if flow.approved.as_deref() != Some(mapping.digest.as_str()) {
            Some(Can::Cannot(format!("its plan is not agreed to: `nave plan --flow {name}`, `nave apply --flow {name}`")))
        } else if self.store.intent(name, record)?.is_some() {
            Some(Can::Review(
                "an earlier write's outcome is looked up first: `nave review list` shows whether a person is asked".into(),
            ))
        } else {
            None
        })
    }

    /// What can be done about one copy.
    fn can(
        &self,
        search: &Search<'_>,
        record: &Record,
        row: Option<&Contribution>,
        copy: &Copy,
        claims: &BTreeMap<String, Result<Value, String>>,
        sent: &Sent,
    ) -> Result<Can, EngineError> {
        let claim = copy.field.as_ref().and_then(|name| claims.get(name));
        let Some(row) = row else {
            return Ok(match claim {
                Some(Ok(_)) => Can::Write,
                Some(Err(why)) => Can::Cannot(why.clone()),
                None => Can::Cannot("no field of the record is mapped to it".into()),
            });
        };
        let system = &row.key.connection;
        let all = || search.catalog.mappings.values().filter(|mapping| speaks_for(mapping, row));
        if all().next().is_none() {
            return Ok(Can::Cannot(format!("no mapping reads or writes it any more: correct it in {system}")));
        }
        let cover = copy.cover(row, search.catalog);
        for mapping in all() {
            let value = sent.values.get(&(mapping.name.clone(), cover.id.clone(), cover.path.clone()));
            if value.is_some_and(|value| !search.still_in(value, &cover.sub)) {
                return Ok(Can::Write);
            }
        }
        let Some(mapping) = all().find(|mapping| mapping.flow_out.is_some()) else {
            return Ok(Can::Cannot(format!("the hub reads {system} and writes nothing there: correct it in {system}")));
        };
        if copy.direction.is_none_or(|direction| !direction.writes()) {
            let owner = self.entity(search.catalog, &mapping.entity)?.fields.get(copy.field.as_deref().unwrap_or_default());
            let owner = owner.and_then(|field| match &field.survivorship {
                nave_core::catalog::Survivorship::Owner(owner) => Some(format!("; {owner} owns the field")),
                _ => None,
            });
            return Ok(Can::Cannot(format!(
                "one way: `{}` reads it from {system} and writes nothing there{}: correct it in {system}",
                mapping.name,
                owner.unwrap_or_default()
            )));
        }
        if search.read_only.get(&mapping.name).is_some_and(|paths| paths.contains(&copy.path)) {
            return Ok(Can::Cannot(format!("{system} says that it makes this field itself: it is read-only there")));
        }
        if let Some(why) = sent.stopped.get(&mapping.name) {
            return Ok(why.clone());
        }
        if let Some(Err(why)) = claim {
            return Ok(Can::Cannot(why.clone()));
        }
        let hold = self.holds(&mapping.name)?.get(&row.id).cloned();
        if let Some(run) = hold.as_ref().and_then(|hold| hold.made.or(hold.paths.get(&copy.path).map(|held| held.run))) {
            return Ok(Can::Review(format!(
                "it is held as it was since run {run} was taken back: `nave rollback run/{run} --release` lets go of it"
            )));
        }
        if copy.likeness == Likeness::Part && record.id != search.corrected {
            return Ok(Can::Review(format!("the old value is a part of a longer text: correct the text in {system}")));
        }
        if record.state != RecordState::Active {
            return Ok(Can::Cannot("its record is put away or gone: what is not in use is not written".into()));
        }
        let others = self.store.contributions(&record.contributions)?.into_iter().flatten();
        if others.filter(|other| other.is_active() && speaks_for(mapping, other)).count() > 1 {
            return Ok(Can::Review(format!(
                "it may be a second thing of the record in {system}, which `duplicates` in mappings/{}.toml leaves alone",
                mapping.name
            )));
        }
        Ok(Can::Cannot(format!(
            "the comparison finds nothing to send there: the record is outside of the filter of `{0}`, or says of this field what \
             is there; `nave mapping explain {0}` tells what it writes",
            mapping.name
        )))
    }
}

/// Where the comparison would write a copy: the thing, the path or list, and of a list what of its elements.
struct Cover {
    id: String,
    path: String,
    sub: String,
}

impl Copy {
    fn of(
        record: &Record,
        key: Option<&RemoteKey>,
        path: String,
        field: Option<String>,
        value: Value,
        likeness: Likeness,
    ) -> Self {
        Self {
            record: record.id,
            entity: record.entity.to_string(),
            key: key.cloned(),
            path,
            field,
            value,
            likeness,
            flow: None,
            direction: None,
            can: Can::Cannot(String::new()),
            claim: None,
        }
    }

    fn cover(&self, row: &Contribution, catalog: &Catalog) -> Cover {
        let own = Cover { id: row.key.remote_id.to_string(), path: self.path.clone(), sub: String::new() };
        let Some((list, rest)) = self.path.split_once('[') else { return own };
        let Some((inside, sub)) = rest.split_once(']') else { return own };
        let sub = sub.trim_start_matches('.').to_owned();
        for mapping in catalog.mappings.values().filter(|mapping| speaks_for(mapping, row)) {
            if let Some(part) = mapping.parts.iter().find(|part| part.stream == list) {
                return Cover { id: inside.to_owned(), path: list_path(&part.list), sub };
            }
            let canonical = self.field.as_deref().and_then(|field| field.split_once('/')).map(|(list, _)| list);
            let found = mapping.lists.iter().filter(|known| known.remote == list);
            let mut found = found.filter(|known| canonical.is_none_or(|canonical| known.canonical == canonical));
            if let Some(found) = found.next() {
                return Cover { id: own.id, path: list_path(found), sub };
            }
        }
        own
    }
}

impl Search<'_> {
    /// Fields of a record that hold the old value as their own, with what they would hold instead or why they cannot. The
    /// corrected field itself is none: it is right already.
    fn claims(&self, entity: &Entity, record: &Record) -> BTreeMap<String, Result<Value, String>> {
        let mut claims = BTreeMap::new();
        for (name, field) in &record.fields {
            if record.id == self.corrected && name == self.field {
                continue;
            }
            let (base, _) = name.split_once('/').unwrap_or((name, ""));
            let whole = |name: &str, value: &Value| self.sought_in(name, value).filter(|(like, _)| *like == Likeness::Whole);
            let kind = entity.fields.get(base).map(|field| &field.kind);
            let corrected = match (&field.value, kind) {
                (Value::Object(parts), Some(FieldType::List { fields, .. })) => {
                    let hits: Vec<_> = parts.iter().filter_map(|(part, value)| Some((part, whole(part, value)?))).collect();
                    if hits.is_empty() {
                        continue;
                    }
                    let mut element = field.value.clone();
                    let replaced = hits.into_iter().try_for_each(|(part, (_, sought))| {
                        element.put(part, instead(sought, fields.get(part.as_str()).unwrap_or(&FieldType::Text))?);
                        Ok(())
                    });
                    replaced.map(|()| element)
                }
                (value, Some(kind)) => match whole(base, value) {
                    Some((_, sought)) => instead(sought, kind),
                    None => continue,
                },
                _ => continue,
            };
            claims.insert(name.to_string(), corrected);
        }
        claims
    }

    /// How a value of a field is like an old one. A short value counts only in a field of the same name.
    fn like(&self, name: &str, value: &Value) -> Option<Likeness> {
        self.sought_in(name, value).map(|(likeness, _)| likeness)
    }

    /// The same, with the old value that it is.
    fn sought_in(&self, name: &str, value: &Value) -> Option<(Likeness, &Sought)> {
        let own = name == self.field.split_once('/').map_or(self.field, |(list, _)| list);
        let looked_for = self.sought.iter().filter(|sought| own || sought.telling());
        looked_for.filter_map(|sought| Some((sought.like(value)?, sought))).min_by_key(|(likeness, _)| *likeness)
    }

    /// Whether what would be written still holds an old value there.
    fn still_in(&self, written: &Value, sub: &str) -> bool {
        let old = |value: &Value| self.sought.iter().any(|sought| sought.like(value) == Some(Likeness::Whole));
        match written {
            Value::List(elements) if sub.is_empty() => elements.iter().any(old),
            Value::List(elements) => elements.iter().any(|element| find(element, sub).is_some_and(old)),
            value => old(value),
        }
    }

    /// Whether the mapping's own reading of it is an old value of the corrected field.
    fn read_as_old(&self, mapping: &Mapping, field: &FieldMapping, body: &Value) -> bool {
        let Some(read) = field.read.as_ref().filter(|_| mapping.externals.is_empty()) else { return false };
        let region = self.catalog.hub.region.as_deref();
        let env = Env { body, externals: &[], connection: &mapping.connection, region };
        read.evaluate(&env).is_ok_and(|value| self.sought.iter().any(|sought| same(sought.old(), &value) && !value.is_empty()))
    }

    /// Places of one thing that hold an old value, by what it was last known to hold.
    fn hits(&self, entity: &Entity, record: &Record, row: &Contribution, found: &mut Vec<Copy>) {
        let mut mappings: Vec<&Arc<Mapping>> = self.catalog.mappings.values().filter(|m| speaks_for(m, row)).collect();
        mappings.sort_by_key(|mapping| mapping.flow_out.is_none());
        let body = mappings.first().map(|mapping| shadow_body(mapping, row));
        for (path, value) in &row.shadow {
            if path.contains('#') {
                for mapping in &mappings {
                    let of_parts = mapping.parts.iter().map(|part| (&part.list, Some(part.stream.as_str())));
                    let mut lists = mapping.lists.iter().map(|list| (list, None)).chain(of_parts);
                    if let (Some((list, stream)), Value::List(elements)) =
                        (lists.find(|(list, _)| list_path(list) == *path), value)
                    {
                        self.hits_in_list(entity, record, row, mapping, (list, stream), elements, found);
                        break;
                    }
                }
                continue;
            }
            let speaks = |field: &&FieldMapping| field.remote == *path || field.inputs.iter().any(|input| input == path);
            let field = mappings.iter().find_map(|mapping| Some((*mapping, mapping.fields.iter().find(speaks)?)));
            let name = field.and_then(|(_, field)| self.name_of(record, field));
            let corrected = record.id == self.corrected && name.as_deref() == Some(self.field);
            let mut likeness = self.like(name.as_deref().unwrap_or_default(), value);
            if let (true, Some((mapping, field)), Some(body)) = (corrected, field, &body)
                && likeness != Some(Likeness::Whole)
                && field.remote == *path
                && self.read_as_old(mapping, field, body)
            {
                likeness = Some(Likeness::Whole);
            }
            let Some(likeness) = likeness else { continue };
            let mut copy = Copy::of(record, Some(&row.key), path.to_string(), name, value.clone(), likeness);
            copy.flow = field.map(|(mapping, _)| mapping.name.clone()).or(mappings.first().map(|m| m.name.clone()));
            copy.direction = field.map(|(_, field)| field.direction);
            found.push(copy);
        }
    }

    /// Which canonical field a mapped one speaks of: of several that it is written from, the corrected one, else one that holds
    /// the old value.
    fn name_of(&self, record: &Record, field: &FieldMapping) -> Option<String> {
        let mut all = field.canonical.iter().chain(&field.outputs);
        if record.id == self.corrected
            && let Some(own) = all.clone().find(|name| *name == self.field)
        {
            return Some(own.clone());
        }
        let holds = |name: &&String| record.value(name).is_some_and(|value| self.like(name, value).is_some());
        all.clone().find(holds).or_else(|| all.next()).cloned()
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `hits`, split off to be read alone")]
    fn hits_in_list(
        &self,
        entity: &Entity,
        record: &Record,
        row: &Contribution,
        mapping: &Mapping,
        (list, stream): (&ListMapping, Option<&str>),
        elements: &[Value],
        found: &mut Vec<Copy>,
    ) {
        let region = self.catalog.hub.region.as_deref();
        let ties = row.elements.get(&list.canonical).map_or(&[][..], Vec::as_slice);
        for (position, element) in elements.iter().enumerate() {
            let child = part::child_id(element);
            let key = match child {
                Some(id) => Some(id.into()),
                None => element_value(mapping, list, element, region)
                    .ok()
                    .map(|v| tie_key(mapping, list, element_key(entity, list, element, &v))),
            };
            let number = key.and_then(|key| ties.iter().find(|(_, known)| *known == key)).map(|(id, _)| id.0);
            let name = number.map(|number| format!("{}/{number}", list.canonical));
            for field in &list.fields {
                let there = if field.remote.is_empty() { Some(element) } else { find(element, &field.remote) };
                let canonical = field.canonical.as_deref().unwrap_or_default();
                let base =
                    if record.id == self.corrected && name.as_deref() == Some(self.field) { &list.canonical } else { canonical };
                let Some((there, likeness)) = there.and_then(|there| Some((there, self.like(base, there)?))) else { continue };
                let place = child.map_or_else(|| position.to_string(), str::to_owned);
                let dot = if field.remote.is_empty() { "" } else { "." };
                let path = format!("{}[{place}]{dot}{}", stream.unwrap_or(&list.remote), field.remote);
                let mut copy = Copy::of(record, Some(&row.key), path, name.clone(), there.clone(), likeness);
                copy.flow = Some(mapping.name.clone());
                copy.direction = Some(list.direction);
                found.push(copy);
            }
        }
    }
}

/// The corrected value, as a field of this type spells it.
fn instead(sought: &Sought, kind: &FieldType) -> Result<Value, String> {
    let Some(now) = sought.now() else {
        return Err("the record holds nothing there now, so there is nothing to put in its place".into());
    };
    let value = match now {
        Value::Text(_) | Value::Number(_) => Value::text(now.display()),
        other => other.clone(),
    };
    normalise(kind, value).map_err(|error| format!("the corrected value does not go into it: {}", error.message))
}

fn check_field(entity: &Entity, record: &Record, field: &str) -> Result<(), EngineError> {
    let (base, element) = field.split_once('/').map_or((field, None), |(list, number)| (list, Some(number)));
    let Some(known) = entity.fields.get(base) else {
        return Err(EngineError::NotFound(no_field(entity, base)));
    };
    match (&known.kind, element) {
        (FieldType::List { .. }, None) => {
            let elements: Vec<String> = record.elements(base).map(|(number, _)| format!("{base}/{number}")).collect();
            Err(EngineError::Refused(format!(
                "`{base}` is a list: say which of it, as `nave record history {}/{}` names it ({})",
                record.entity,
                record.id,
                if elements.is_empty() { "it holds nothing now".to_owned() } else { elements.join(", ") }
            )))
        }
        (FieldType::Reference(_) | FieldType::File | FieldType::Boolean, _) => Err(EngineError::Refused(format!(
            "`{base}` is no text, number or date: copies of it cannot be told from anything else"
        ))),
        _ => Ok(()),
    }
}

/// An old value as a person typed it, in the field's own spelling where it has one.
fn typed(entity: &Entity, field: &str, text: &str) -> Value {
    let kind = entity.fields.get(field).map_or(&FieldType::Text, |field| &field.kind);
    normalise(kind, Value::text(text)).unwrap_or_else(|_| Value::text(text))
}

pub(super) fn speaks_for(mapping: &Mapping, row: &Contribution) -> bool {
    row.key.connection == mapping.connection && row.key.stream == mapping.alias
}
