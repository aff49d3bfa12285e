//! Reads a stream, and those of its children, whole and says what of it does not fit, before any of it is taken in. Writes nothing: no record, no checkpoint,
//! no dead letter, and the source is not told that anything was read.

use std::collections::{BTreeSet, HashSet};

use nave_core::catalog::{Catalog, Entity, Mapping};
use nave_core::difference::difference;
use nave_core::intake::{self, FieldError, Pulled, concerns, element_value};
use nave_core::limits::PAGE_RECORDS;
use nave_core::mapping::{Env, find};
use nave_core::matching::key_hash;
use nave_core::model::{ContributionId, Field, Record, RecordId, RecordState, Rule, Time};
use nave_core::profile::{Profile, field};
use nave_core::value::Value;
use nave_core::{NameMap, Text, codec, part};
use nave_runtime::contract::SourceRecord;

use super::children::Children;
use super::pull::decode;
use super::take::{Incoming, IncomingKind};
use super::{Engine, EngineError};
use crate::spoke::{Spoke, SpokeError};

impl Engine {
    /// What of a flow's stream does not fit: on its way in, and at the destinations that it would be made in. Reads all of it.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where nothing comes in by this flow; those of the system.
    pub async fn profile(&self, name: &str) -> Result<Profile, EngineError> {
        let mapping = self.mapping(name)?;
        if mapping.flow_in.is_none() {
            return Err(EngineError::Refused(format!(
                "`{name}` only writes: there is nothing to read. `nave plan --flow {name}` shows what it would write, and what does \
                 not fit there"
            )));
        }
        let lane = self.lane(&mapping.connection);
        let _lane = lane.lock().await;
        let (mapping, catalog) = (self.mapping(name)?, self.catalog());
        self.functions_ready(&mapping)?;
        self.affordable(&mapping)?;
        let spoke = self.spoke(&mapping.connection)?;
        let profiling = Profiling::new(&catalog, &mapping, self.entity(&catalog, &mapping.entity)?);
        let mut profile = Profile::default();
        // Things that would be here: children of others are passed over.
        let mut here: HashSet<u64> = HashSet::new();
        let mut pages = Pages::new(&mapping.stream);
        while let Some((page, began)) = pages.next(self, spoke.as_ref(), &mapping).await? {
            let mut decoded = tokio::task::block_in_place(|| decode(&catalog, &mapping, page, began, self.now()));
            self.externals(&catalog, &mapping, &mut decoded).await?;
            tokio::task::block_in_place(|| {
                for incoming in decoded {
                    let id = key_hash(&[&incoming.remote_id]);
                    if profiling.one(incoming, &mut profile) {
                        here.insert(id);
                    }
                }
            });
            self.report(name, profile.read);
        }
        for children in Children::all(&mapping) {
            let mut of = Profile::default();
            let mut pages = Pages::new(children.stream);
            while let Some((page, began)) = pages.next(self, spoke.as_ref(), &mapping).await? {
                let decoded = tokio::task::block_in_place(|| decode(&catalog, &mapping, page, began, self.now()));
                decoded.into_iter().for_each(|incoming| profiling.child(&children, incoming, &here, &mut of));
                self.report(name, profile.read + of.read);
            }
            profile.children.insert(children.stream.to_owned(), of);
        }
        Ok(profile)
    }
}

/// The pages of a stream, from its start; the source is not told that they were read.
struct Pages<'s> {
    stream: &'s str,
    checkpoint: Option<Vec<u8>>,
    done: bool,
}

impl<'s> Pages<'s> {
    fn new(stream: &'s str) -> Self {
        Self { stream, checkpoint: None, done: false }
    }

    /// The next one, with the time at which reading it began; none: that was all.
    async fn next(
        &mut self,
        engine: &Engine,
        spoke: &dyn Spoke,
        mapping: &Mapping,
    ) -> Result<Option<(Vec<SourceRecord>, Time)>, EngineError> {
        if self.done {
            return Ok(None);
        }
        let began = engine.now();
        let page = spoke.read(self.stream.to_owned(), self.checkpoint.clone(), PAGE_RECORDS).await;
        let page = page.map_err(|error| EngineError::Spoke(mapping.connection.clone(), error))?;
        if page.more && self.checkpoint.as_deref() == Some(page.next.as_slice()) {
            let message = "it says that there is more, but its `next` is the checkpoint that it was asked with: it would never \
                           end. This is a mistake in the plugin; tell its author";
            return Err(EngineError::Spoke(mapping.connection.clone(), SpokeError::Guest(message.to_owned())));
        }
        self.done = !page.more;
        self.checkpoint = Some(page.next);
        Ok(Some((page.records, began)))
    }
}

/// What is profiled, and by what.
struct Profiling<'a> {
    catalog: &'a Catalog,
    mapping: &'a Mapping,
    entity: &'a Entity,
    destinations: Vec<&'a Mapping>,
}

impl<'a> Profiling<'a> {
    fn new(catalog: &'a Catalog, mapping: &'a Mapping, entity: &'a Entity) -> Self {
        let others = catalog.mappings.values().map(AsRef::as_ref);
        let goes = |other: &&Mapping| {
            let makes = other.flow_out.as_ref().is_some_and(|out| out.create);
            makes && other.entity == mapping.entity && other.connection != mapping.connection
        };
        Self { catalog, mapping, entity, destinations: others.filter(goes).collect() }
    }

    /// Counts one thing; whether it would be here.
    fn one(&self, incoming: Incoming, profile: &mut Profile) -> bool {
        profile.read += 1;
        let fitting = profile.left_out + profile.misfit;
        self.look(incoming, profile);
        profile.left_out + profile.misfit == fitting
    }

    fn look(&self, incoming: Incoming, profile: &mut Profile) {
        let Incoming { remote_id, kind } = incoming;
        match kind {
            IncomingKind::Bad { errors, raw } => {
                let body = codec::decode(&raw).unwrap_or_default();
                self.breaks(profile, &remote_id, &body, errors);
            }
            IncomingKind::Delete { .. } | IncomingKind::MergedInto(_) => profile.left_out += 1,
            IncomingKind::Upsert { .. } if remote_id.is_empty() => profile.left_out += 1,
            IncomingKind::Upsert { pulled, externals, .. } => {
                let region = self.catalog.hub.region.as_deref();
                let env = Env { body: &pulled.body, externals: &externals, connection: &self.mapping.connection, region };
                let filter = self.mapping.flow_in.as_ref().and_then(|flow| flow.filter.as_ref());
                match filter.map_or(Ok(true), |filter| filter.holds(&env)) {
                    Ok(true) => {}
                    Ok(false) => {
                        profile.left_out += 1;
                        return;
                    }
                    Err(error) => {
                        let error = FieldError { path: "filter".into(), class: error.class.into(), message: error.message };
                        self.breaks(profile, &remote_id, &pulled.body, vec![error]);
                        return;
                    }
                }
                match intake::map_in(self.mapping, self.entity, None, &pulled, &externals, region) {
                    Err(errors) => self.breaks(profile, &remote_id, &pulled.body, errors),
                    Ok(mapped) => {
                        let values =
                            intake::values_of(self.mapping, &mapped).map(|(name, value)| (name.as_ref().into(), value.clone()));
                        self.goes(profile, &remote_id, &pulled, values.collect());
                    }
                }
            }
        }
    }

    /// Counts one child: an element of the list of its parent, where that would be here.
    fn child(&self, children: &Children<'_>, incoming: Incoming, here: &HashSet<u64>, profile: &mut Profile) {
        profile.read += 1;
        let Incoming { remote_id, kind } = incoming;
        let stream = children.stream;
        match kind {
            IncomingKind::Bad { errors, raw } => {
                profile.misfit += 1;
                let body = codec::decode(&raw).unwrap_or_default();
                let personal = children.parts.iter().any(|part| self.personal(&part.list.canonical));
                for error in errors {
                    let value = find(&body, &error.path).filter(|value| !value.is_empty());
                    let rule = (None, error.class, field(&format!("{stream}.{}", error.path)));
                    profile.note(rule, &remote_id, value, personal, &error.message);
                }
            }
            IncomingKind::Delete { .. } | IncomingKind::MergedInto(_) => profile.left_out += 1,
            IncomingKind::Upsert { pulled, .. } => {
                let (mut concerned, mut broken) = (false, false);
                for part in &children.parts {
                    let parent = part::parent(part, &pulled.body);
                    let element = part::element(part, &remote_id, &pulled.body, &pulled.coverage, None);
                    if !parent.is_some_and(|id| here.contains(&key_hash(&[&id]))) || !concerns(&part.list, &element) {
                        continue;
                    }
                    concerned = true;
                    let region = self.catalog.hub.region.as_deref();
                    if part.list.direction.reads()
                        && let Err((path, error)) = element_value(self.mapping, &part.list, &element, region)
                    {
                        broken = true;
                        let value = find(&pulled.body, &path).filter(|value| !value.is_empty());
                        let rule = (None, error.class.to_owned(), field(&format!("{stream}.{path}")));
                        profile.note(rule, &remote_id, value, self.personal(&part.list.canonical), &error.message);
                    }
                }
                profile.misfit += u64::from(broken);
                profile.left_out += u64::from(!concerned);
            }
        }
    }

    /// It does not come in.
    fn breaks(&self, profile: &mut Profile, remote_id: &str, body: &Value, errors: Vec<FieldError>) {
        profile.misfit += 1;
        let mut rules = BTreeSet::new();
        for error in errors {
            let path = field(&error.path);
            if rules.insert((error.class.clone(), path.clone())) {
                let personal = self.personal_there(&path);
                let value = find(body, &error.path).filter(|value| !value.is_empty());
                profile.note((None, error.class, path), remote_id, value, personal, &error.message);
            }
        }
    }

    /// It comes in; whether it would be made at each destination.
    fn goes(&self, profile: &mut Profile, remote_id: &str, pulled: &Pulled, values: Vec<(Text, Value)>) {
        if self.destinations.is_empty() {
            return;
        }
        let record = record(self.entity, values, pulled.read_at);
        let mut refused = false;
        for destination in &self.destinations {
            let region = self.catalog.hub.region.as_deref();
            let flow = destination.flow_out.as_ref();
            let body = Value::Object(record.fields.iter().map(|(name, field)| (name.clone(), field.value.clone())).collect());
            let env = Env { body: &body, externals: &[], connection: &destination.connection, region };
            let wanted = flow.and_then(|flow| flow.filter.as_ref()).is_none_or(|filter| filter.holds(&env).unwrap_or(true));
            if !wanted {
                continue;
            }
            let Err(blocked) = difference(destination, self.entity, &record, None, None, &|_, _| None, region) else { continue };
            refused = true;
            let mut rules = BTreeSet::new();
            for stopped in blocked {
                let path = field(&stopped.field);
                if rules.insert((stopped.class.clone(), path.clone())) {
                    let names =
                        destination.fields.iter().filter(|field| field.remote == stopped.field).flat_map(|field| &field.outputs);
                    let names: Vec<&String> = names.collect();
                    let personal = names.is_empty() || names.iter().any(|name| self.personal(name));
                    let value = names.first().and_then(|name| record.value(name)).filter(|value| !value.is_empty());
                    let rule = (Some(destination.name.clone()), stopped.class, path);
                    profile.note(rule, remote_id, value, personal, &stopped.message);
                }
            }
        }
        profile.refused += u64::from(refused);
    }

    fn personal(&self, canonical: &str) -> bool {
        let base = canonical.split_once('/').map_or(canonical, |(list, _)| list);
        self.entity.fields.get(base).is_none_or(|field| field.personal)
    }

    /// Whether a path of the source may hold a person's value. What is not mapped to a field that is none, may.
    fn personal_there(&self, path: &str) -> bool {
        let scalar = self.mapping.fields.iter().find(|field| field.remote == path).and_then(|field| field.canonical.as_deref());
        let mut lists = self.mapping.lists.iter().chain(self.mapping.parts.iter().map(|part| &part.list));
        let list = || lists.find(|list| path.starts_with(&format!("{}[]", list.remote))).map(|list| list.canonical.as_str());
        scalar.or_else(list).is_none_or(|canonical| self.personal(canonical))
    }
}

/// A record as it would be made of these values alone.
fn record(entity: &Entity, values: Vec<(Text, Value)>, at: Time) -> Record {
    let field = |value: Value| Field { value, winner: ContributionId(0), rule: Rule::Only, claimed_at: at };
    let fields: NameMap<Field> = values.into_iter().map(|(name, value)| (name, field(value))).collect();
    Record {
        id: RecordId(0),
        entity: entity.name.as_str().into(),
        state: RecordState::Active,
        version: 1,
        fields,
        contributions: Vec::new(),
        next_element: 1,
    }
}
