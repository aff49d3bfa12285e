//! From a source record to claims.
//!
//! Three steps, all pure: [`changed_paths`] compares the mapped paths, and only those, with the shadow;
//! [`map_in`] spells the changed fields canonically; [`take`] moves claims and shadow. A pulled field becomes a
//! claim only when it differs from its shadow in meaning: the hub's own writes never come back as somebody's
//! opinion, and another spelling of the same value is nobody's.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use smol_str::format_smolstr;

use crate::catalog::{Direction, Entity, FieldMapping, FieldType, ListMapping, Mapping, Watched};
use crate::limits::{LIST_ELEMENTS_MAX, SKEW_MS_MIN};
use crate::mapping::{Env, Hint, MapError, find_near};
use crate::matching::same_element;
use crate::model::{Claim, Contribution, ElementId, Field, Record, Time};
use crate::survivorship::{consent, three_way};
use crate::value::Value;
use crate::{NameMap, Text};

/// Which paths of a body were really read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All: what is missing is empty there.
    Complete,
    /// Only these, and what lies below them.
    Only(Vec<String>),
}

impl Coverage {
    /// Whether a conclusion may be drawn about this path.
    pub fn covers(&self, path: &str) -> bool {
        match self {
            Self::Complete => true,
            Self::Only(paths) => paths
                .iter()
                .any(|read| path == read || path.strip_prefix(read.as_str()).is_some_and(|rest| rest.starts_with('.'))),
        }
    }
}

/// A source record as decoded.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// Body.
    pub body: Value,
    /// What was read of it.
    pub coverage: Coverage,
    /// The system's version.
    pub version: Option<Text>,
    /// The system's modification time.
    pub modified_at: Option<Time>,
    /// Per remote path, where the system keeps one.
    pub field_times: Vec<(String, Time)>,
    /// When the read began.
    pub read_at: Time,
    /// When the hub got it.
    pub observed_at: Time,
}

/// A field that could not be mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Remote path.
    pub path: String,
    /// `type`, `format`, `lookup`, …
    pub class: String,
    /// For a person.
    pub message: String,
}

/// What was mapped: canonical values, not yet claims.
#[derive(Clone, Debug, Default)]
pub struct Mapped {
    /// Index in `mapping.fields` → canonical value. Only fields whose paths differ from the shadow.
    pub fields: Vec<(usize, Value)>,
    /// Index in `mapping.lists` → elements there: their key and canonical value.
    pub lists: Vec<(usize, Vec<(Text, Value)>)>,
}

/// What [`take`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// A claim is new or has another value.
    pub claimed: bool,
    /// A field that only the hub writes was changed there, or one lost its spelling: worth comparing again.
    pub drifted: bool,
    /// Paths of one-way fields (`out`) that were changed there: reported, never taken in.
    pub drifts: Vec<String>,
    /// The shadow moved.
    pub seen: bool,
}

/// Key of a list's shadow: two lists may share a remote path.
pub fn list_path(list: &ListMapping) -> String {
    format!("{}#{}", list.remote, list.canonical)
}

/// The value there, null where a complete body has nothing.
fn pulled_at<'a>(body: &'a Value, path: &str) -> &'a Value {
    const NULL: &Value = &Value::Null;
    crate::mapping::find(body, path).unwrap_or(NULL)
}

/// Remote paths whose shadow a scalar field depends on.
pub(crate) fn paths(field: &FieldMapping) -> impl Iterator<Item = &str> {
    let own = (!field.inputs.contains(&field.remote) && !field.remote.is_empty()).then_some(field.remote.as_str());
    field.inputs.iter().map(String::as_str).chain(own)
}

/// Positions of fields in the order of their canonical names.
pub fn claim_order(fields: &[FieldMapping]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..fields.len()).collect();
    order.sort_by_key(|at| &fields[*at].canonical);
    order
}

/// The paths that fields depend on, in their order; of a path that several depend on, the first field.
pub fn watched(fields: &[FieldMapping]) -> Vec<Watched> {
    let mut watched = Vec::new();
    for (at, field) in fields.iter().enumerate().filter(|(_, field)| field.canonical.is_some()) {
        watched.extend(paths(field).map(|path| Watched { path: path.into(), field: at, near: Hint::default() }));
    }
    watched.sort_by(|left, right| left.path.cmp(&right.path));
    watched.dedup_by(|later, earlier| later.path == earlier.path);
    watched
}

/// Whether a list's declaration concerns this element.
pub fn concerns(list: &ListMapping, element: &Value) -> bool {
    list.only.iter().all(|(path, allowed)| element.at(path).is_some_and(|value| allowed.contains(value)))
}

/// The elements that concern a list, as the system spells them.
pub fn remote_elements(list: &ListMapping, body: &Value) -> Vec<Value> {
    match (crate::mapping::find(body, &list.remote), &list.split) {
        (Some(Value::List(all)), _) => all.iter().filter(|element| concerns(list, element)).cloned().collect(),
        (Some(Value::Text(text)), Some(separator)) => {
            text.split(separator.as_str()).map(str::trim).filter(|part| !part.is_empty()).map(Value::text).collect()
        }
        _ => Vec::new(),
    }
}

/// A whole remote list, as the system spells it: one text where it is split.
pub fn spell_list(list: &ListMapping, elements: Vec<Value>) -> Value {
    match &list.split {
        Some(separator) => Value::text(elements.iter().map(Value::display).collect::<Vec<_>>().join(separator)),
        None => Value::List(elements),
    }
}

/// Remote paths that the mapping reads and that were not read.
pub fn unread(mapping: &Mapping, coverage: &Coverage) -> BTreeSet<String> {
    let fields = mapping.fields.iter().filter(|field| field.canonical.is_some() && field.direction.reads()).flat_map(paths);
    let lists = mapping.lists.iter().filter(|list| list.direction.reads()).map(|list| list.remote.as_str());
    fields.chain(lists).filter(|path| !coverage.covers(path)).map(str::to_owned).collect()
}

/// Whether any mapped path differs from the shadow. Version, time and unmapped paths do not count.
pub fn differs(mapping: &Mapping, contribution: Option<&Contribution>, pulled: &Pulled) -> bool {
    let Some(contribution) = contribution else { return true };
    fields_differ(mapping, contribution, pulled)
        || mapping.lists.iter().any(|list| list_differs(list, contribution, pulled))
        || switches(mapping, pulled).any(|path| contribution.shadow.get(path) != Some(pulled_at(&pulled.body, path)))
}

/// Remote paths by which things are put away and taken out again: known like a mapped path, never claimed.
fn switches<'m>(mapping: &'m Mapping, pulled: &Pulled) -> impl Iterator<Item = &'m str> {
    mapping.archive.keys().chain(mapping.restore.keys()).map(String::as_str).filter(|path| pulled.coverage.covers(path))
}

fn fields_differ(mapping: &Mapping, contribution: &Contribution, pulled: &Pulled) -> bool {
    if pulled.coverage != Coverage::Complete {
        return mapping.fields.iter().any(|field| field_differs(field, contribution, pulled));
    }
    let mut next = 0;
    mapping.watched.iter().any(|watched| {
        let Some((place, known)) = contribution.shadow.get_near(&watched.path, next) else { return true };
        next = place + 1;
        known != watched_in(watched, &pulled.body)
    })
}

/// What a body holds there, null where it has nothing.
fn watched_in<'b>(watched: &Watched, body: &'b Value) -> &'b Value {
    find_near(body, &watched.path, &watched.near).unwrap_or(&Value::Null)
}

fn field_differs(field: &FieldMapping, contribution: &Contribution, pulled: &Pulled) -> bool {
    field.canonical.is_some()
        && paths(field).all(|path| pulled.coverage.covers(path))
        && paths(field).any(|path| contribution.shadow.get(path) != Some(pulled_at(&pulled.body, path)))
}

fn list_differs(list: &ListMapping, contribution: &Contribution, pulled: &Pulled) -> bool {
    pulled.coverage.covers(&list.remote)
        && match contribution.shadow.get(&list_path(list)) {
            Some(Value::List(known)) => *known != remote_elements(list, &pulled.body),
            _ => true,
        }
}

/// Spells what differs from the shadow canonically. All errors of the record at once.
pub fn map_in(
    mapping: &Mapping,
    entity: &Entity,
    contribution: Option<&Contribution>,
    pulled: &Pulled,
    externals: &[Result<Value, MapError>],
    region: Option<&str>,
) -> Result<Mapped, Vec<FieldError>> {
    let mut mapped = Mapped { fields: Vec::with_capacity(mapping.fields.len()), lists: Vec::new() };
    let mut errors = Vec::new();
    let env = Env { body: &pulled.body, externals, connection: &mapping.connection, region };
    for (index, field) in mapping.claim_order.iter().map(|index| (*index, &mapping.fields[*index])) {
        if !field.direction.reads() || !paths(field).all(|path| pulled.coverage.covers(path)) {
            continue;
        }
        if contribution.is_some_and(|known| !field_differs(field, known, pulled)) {
            continue;
        }
        match read(field, &env) {
            Ok(value) => mapped.fields.push((index, value)),
            Err(error) => errors.push((index, field_error(&field.remote, error))),
        }
    }
    // Told in the order of the mapping.
    errors.sort_by_key(|(index, _)| *index);
    let mut errors: Vec<FieldError> = errors.into_iter().map(|(_, error)| error).collect();
    for (index, list) in mapping.lists.iter().enumerate() {
        if !list.direction.reads() || !pulled.coverage.covers(&list.remote) {
            continue;
        }
        if contribution.is_some_and(|known| !list_differs(list, known, pulled)) {
            continue;
        }
        match map_list(mapping, entity, list, &pulled.body, region) {
            Ok(elements) => mapped.lists.push((index, elements)),
            Err(error) => errors.extend(error),
        }
    }
    if errors.is_empty() { Ok(mapped) } else { Err(errors) }
}

/// What can be read of a body, whatever else is wrong with it; without what transform plugins read.
pub fn readable(mapping: &Mapping, entity: &Entity, body: &Value, region: Option<&str>) -> Mapped {
    let env = Env { body, externals: &[], connection: &mapping.connection, region };
    let fields = mapping.fields.iter().enumerate().filter(|(_, field)| field.canonical.is_some() && field.direction.reads());
    let lists = mapping.lists.iter().enumerate().filter(|(_, list)| list.direction.reads());
    Mapped {
        fields: fields.filter_map(|(index, field)| Some((index, read(field, &env).ok()?))).collect(),
        lists: lists.filter_map(|(index, list)| Some((index, map_list(mapping, entity, list, body, region).ok()?))).collect(),
    }
}

fn read(field: &FieldMapping, env: &Env<'_>) -> Result<Value, MapError> {
    match &field.read {
        Some(expression) => expression.evaluate(env),
        None => Ok(Value::Null),
    }
}

pub(crate) fn field_error(path: &str, error: MapError) -> FieldError {
    FieldError { path: path.to_owned(), class: error.class.to_owned(), message: error.message }
}

/// Elements of a list there, with their key: own id, or declared key, or value.
fn map_list(
    mapping: &Mapping,
    entity: &Entity,
    list: &ListMapping,
    body: &Value,
    region: Option<&str>,
) -> Result<Vec<(Text, Value)>, Vec<FieldError>> {
    let elements = remote_elements(list, body);
    if elements.len() > LIST_ELEMENTS_MAX {
        let message = format!("{} elements, at most {LIST_ELEMENTS_MAX} are taken", elements.len());
        return Err(vec![FieldError { path: list.remote.clone(), class: "length".into(), message }]);
    }
    let mut errors = Vec::new();
    let mut found: Vec<(Text, Value)> = Vec::new();
    for (position, element) in elements.iter().enumerate() {
        match element_value(mapping, list, element, region) {
            Ok(value) if value.is_empty() => {}
            Ok(value) => {
                let key = element_key(entity, list, element, &value);
                if !found.iter().any(|(known, _)| *known == key) {
                    found.push((key, value));
                }
            }
            Err((path, error)) => errors.push(field_error(&format!("{}[{position}].{path}", list.remote), error)),
        }
    }
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}

/// One element, canonically. Empty when none of its sub-fields holds anything.
pub fn element_value(
    mapping: &Mapping,
    list: &ListMapping,
    element: &Value,
    region: Option<&str>,
) -> Result<Value, (String, MapError)> {
    let env = Env { body: element, externals: &[], connection: &mapping.connection, region };
    let mut map = NameMap::new();
    let mut full = false;
    for field in &list.fields {
        let Some(canonical) = &field.canonical else { continue };
        if field.read.is_none() {
            continue;
        }
        let value = read(field, &env).map_err(|error| (field.remote.clone(), error))?;
        if !value.is_empty() {
            // A constant such as the kind of phone does not make an element.
            full |= !list.only.contains_key(&field.remote);
            map.insert(canonical, value);
        }
    }
    Ok(if full { Value::Object(map) } else { Value::Null })
}

/// Under which key an element is known: its own id there, or the list's declared key, or its value.
pub fn element_key(entity: &Entity, list: &ListMapping, element: &Value, value: &Value) -> Text {
    if let Some(id) = list.id.as_deref().and_then(|path| element.at(path)).filter(|id| !id.is_empty()) {
        return id.display().into();
    }
    let key = match entity.fields.get(&list.canonical).map(|field| &field.kind) {
        Some(FieldType::List { key, .. }) if !key.is_empty() => {
            key.iter().map(|part| value.at(part).map(Value::display).unwrap_or_default()).collect::<Vec<_>>().join("\u{1f}")
        }
        _ => value.display(),
    };
    format_smolstr!("={key}")
}

/// Under which key an element of a list is tied. Several lists of a mapping may be read into one canonical list, a field there each:
/// what the first of them knows is tied as it is known, what the others know under their own path too.
pub fn tie_key(mapping: &Mapping, list: &ListMapping, key: Text) -> Text {
    match beside(mapping, list) {
        "" => key,
        path => format_smolstr!("{path}{BESIDE}{key}"),
    }
}

/// Between the path of a list and the key of an element of it.
const BESIDE: char = '\u{1e}';

/// The path of a list that another one of its mapping comes before in the same canonical list; empty for the first.
fn beside<'m>(mapping: &Mapping, list: &'m ListMapping) -> &'m str {
    let first = mapping.lists.iter().find(|other| other.canonical == list.canonical);
    if first.is_none_or(|first| first.remote == list.remote) { "" } else { &list.remote }
}

/// Whether an element is tied by this list, and not by another one of its mapping.
fn ties_it(mapping: &Mapping, list: &ListMapping, tie: &str) -> bool {
    let by = |list: &ListMapping| {
        let path = beside(mapping, list);
        !path.is_empty() && tie.strip_prefix(path).is_some_and(|rest| rest.starts_with(BESIDE))
    };
    match beside(mapping, list) {
        "" => !mapping.lists.iter().any(|other| other.canonical == list.canonical && by(other)),
        _ => by(list),
    }
}

/// Moves claims and shadow of a contribution to what was pulled. `record` lends element numbers: elements that the
/// record already has, by the list's key, are joined; new ones get the next number.
pub fn take(
    mapping: &Mapping,
    entity: &Entity,
    contribution: &mut Contribution,
    record: &mut Record,
    pulled: &Pulled,
    mapped: Mapped,
    region: Option<&str>,
) -> Taken {
    let mut taken = Taken::default();
    contribution.claims.reserve(mapped.fields.len());
    contribution.shadow.reserve(mapping.fields.len());
    let before = shadow_body(mapping, contribution);
    let written = written_body(mapping, entity, contribution, &before);
    for (index, value) in mapped.fields {
        let field = &mapping.fields[index];
        let Some(canonical) = &field.canonical else { continue };
        let known = paths(field).all(|path| contribution.shadow.contains_key(path));
        let env = Env { body: &before, externals: &[], connection: &mapping.connection, region };
        let claim = if known {
            // Same meaning in another spelling is not a claim. An old spelling that cannot be read any more is one.
            !read(field, &env).is_ok_and(|old| old == value)
        } else {
            // Empty at first sight says nothing; null would blank what others know.
            !value.is_empty()
        };
        // A number is read in a country. Where only that moved, nobody has said another number.
        let untouched = || {
            let own = |body: &Value| body.at(&field.remote).cloned();
            let phone = entity.fields.get(canonical.as_str()).is_some_and(|field| field.kind == FieldType::Phone);
            phone && known && contribution.claims.get(canonical.as_str()).is_some() && own(&before) == own(&pulled.body)
        };
        // Who refused and says neither now has not granted.
        let stays = || consent::stays(entity, canonical, contribution.claims.get(canonical.as_str()), &value);
        if claim && !untouched() && !stays() {
            let at = claimed_at(pulled, paths(field));
            let against = (known && three_way::is(entity, canonical)).then(|| {
                let stands = record.fields.get(canonical.as_str());
                // What cannot be read again (a transform plugin reads it) is what it said itself, else what stands.
                let held = read(field, &Env { body: &written, ..env }).ok();
                let own = || contribution.claims.get(canonical.as_str()).map(|own| own.value.clone());
                let held = held.or_else(own).or_else(|| stands.map(|field| field.value.clone()));
                Against { held: held.unwrap_or_default(), stands }
            });
            taken.claimed |= put_claim(contribution, canonical.into(), value, at, pulled.observed_at, against);
        }
    }
    for (index, elements) in mapped.lists {
        taken.claimed |= take_list(
            mapping,
            entity,
            &mapping.lists[index],
            contribution,
            record,
            pulled,
            elements,
            (&before, &written),
            region,
        );
    }
    move_shadow(mapping, contribution, pulled, &mut taken);
    contribution.read_at = contribution.read_at.max(pulled.read_at);
    contribution.version = pulled.version.clone().or_else(|| contribution.version.take());
    contribution.modified_at = pulled.modified_at.or(contribution.modified_at);
    taken
}

/// The time of a claim: the field's own, else the record's modification, else the read. Nobody says anything later than it is
/// heard: a system whose clock is ahead, and that shows it nowhere, would else be the newest until everybody's clock is there.
fn claimed_at<'a>(pulled: &Pulled, mut paths: impl Iterator<Item = &'a str>) -> Time {
    let said = paths
        .find_map(|path| pulled.field_times.iter().find(|(known, _)| known == path).map(|(_, time)| *time))
        .or(pulled.modified_at)
        .unwrap_or(pulled.read_at);
    if said > pulled.observed_at.plus_ms(SKEW_MS_MIN) { pulled.observed_at } else { said }
}

/// What a claim of a field that is compared three ways is made against.
pub(crate) struct Against<'a> {
    /// What its system held until then.
    pub(crate) held: Value,
    /// What the record holds.
    pub(crate) stands: Option<&'a Field>,
}

pub(crate) fn put_claim(
    contribution: &mut Contribution,
    field: Text,
    value: Value,
    at: Time,
    observed_at: Time,
    against: Option<Against<'_>>,
) -> bool {
    let own = contribution.claims.get(&field);
    let base = against.map(|against| three_way::based(&against.held, own, against.stands, observed_at));
    let claim = Claim { value, claimed_at: at, observed_at, base };
    let changed =
        contribution.claims.get(&field).is_none_or(|old| old.value != claim.value || old.claimed_at != claim.claimed_at);
    contribution.claims.insert(field, claim);
    changed
}

#[expect(clippy::too_many_arguments, reason = "one step of `take`, split off to be read alone")]
fn take_list(
    mapping: &Mapping,
    entity: &Entity,
    list: &ListMapping,
    contribution: &mut Contribution,
    record: &mut Record,
    pulled: &Pulled,
    elements: Vec<(Text, Value)>,
    (before, written): (&Value, &Value),
    region: Option<&str>,
) -> bool {
    let kind = entity.fields.get(&list.canonical).map_or(&FieldType::Object, |field| &field.kind);
    let ties = contribution.elements.remove(&list.canonical).unwrap_or_default();
    // What another list of the mapping ties is held there too, whatever this one says.
    let (mut ties, others): (Vec<_>, Vec<_>) = ties.into_iter().partition(|(_, key)| ties_it(mapping, list, key));
    let known = contribution.shadow.contains_key(&list_path(list));
    let old = map_list(mapping, entity, list, before, region).unwrap_or_default();
    let written = map_list(mapping, entity, list, written, region).unwrap_or_default();
    let at = claimed_at(pulled, std::iter::once(list.remote.as_str()));
    let compared = three_way::is(entity, &list.canonical);
    let mut claimed = false;
    let mut seen: Vec<ElementId> = Vec::new();
    for (key, value) in elements {
        let tie = tie_key(mapping, list, key.clone());
        let tied = ties.iter().find(|(_, known)| *known == tie).map(|(id, _)| *id);
        let held = old.iter().find(|(known, _)| *known == key).map(|(_, old)| old);
        let (id, claim) = match tied {
            Some(id) => (id, held != Some(&value)),
            None => {
                let number = join(kind, list, record, &ties, &value);
                ties.push((ElementId(number), tie));
                (ElementId(number), true)
            }
        };
        seen.push(id);
        if claim {
            let name = format_smolstr!("{}/{id}", list.canonical);
            let ours = written.iter().find(|(known, _)| *known == key).map(|(_, ours)| ours);
            let against = held.filter(|_| compared && tied.is_some()).map(|held| ours.unwrap_or(held).clone());
            let against = against.map(|held| Against { held, stands: record.fields.get(&name) });
            claimed |= put_claim(contribution, name, value, at, pulled.observed_at, against);
        }
    }
    if known {
        let held = |id: &ElementId| seen.contains(id) || others.iter().any(|(other, _)| other == id);
        for (id, tie) in ties.iter().filter(|(id, _)| !held(id)) {
            let name = format_smolstr!("{}/{id}", list.canonical);
            let mut known = written.iter().chain(&old);
            let mut was = || known.find(|(key, _)| tie_key(mapping, list, key.clone()) == *tie).map(|(_, was)| was.clone());
            let against = compared.then(|| Against { held: was().unwrap_or_default(), stands: record.fields.get(&name) });
            claimed |= put_claim(contribution, name, Value::Null, at, pulled.observed_at, against);
        }
    }
    ties.retain(|(id, _)| seen.contains(id));
    ties.extend(others);
    contribution.elements.insert(&list.canonical, ties);
    claimed
}

/// The element that a value is: one that the record has by the list's key and that is not tied yet, else a new one.
pub(crate) fn join(kind: &FieldType, list: &ListMapping, record: &mut Record, ties: &[(ElementId, Text)], value: &Value) -> u64 {
    let joined = record
        .elements(&list.canonical)
        .find(|(number, element)| !ties.iter().any(|(id, _)| id.0 == *number) && same_element(kind, element, value))
        .map(|(number, _)| number);
    joined.unwrap_or_else(|| {
        let number = record.next_element;
        record.next_element += 1;
        number
    })
}

/// The remote body as far as the shadow knows it.
pub fn shadow_body(mapping: &Mapping, contribution: &Contribution) -> Value {
    body_of(mapping, contribution, |_, value| value)
}

/// The same in the hub's own spelling of what it wrote there: what a claim is made against that is compared three ways.
fn written_body<'b>(mapping: &Mapping, entity: &Entity, contribution: &Contribution, before: &'b Value) -> Cow<'b, Value> {
    if contribution.sent.is_empty() || !three_way::any(entity) {
        return Cow::Borrowed(before);
    }
    Cow::Owned(body_of(mapping, contribution, |path, value| contribution.sent.get(path).unwrap_or(value)))
}

fn body_of<'c>(mapping: &Mapping, contribution: &'c Contribution, spelled: impl Fn(&str, &'c Value) -> &'c Value) -> Value {
    let mut body = Value::Object(NameMap::new());
    let mut lists: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (path, value) in &contribution.shadow {
        let value = spelled(path, value);
        match path.split_once('#') {
            None => body.put(path, value.clone()),
            Some((remote, canonical)) => {
                if let (Value::List(elements), Some(list)) =
                    (value, mapping.lists.iter().find(|l| l.remote == remote && l.canonical == canonical))
                {
                    lists.entry(list.remote.as_str()).or_default().extend(elements.iter().cloned());
                }
            }
        }
    }
    for (path, elements) in lists {
        let split = mapping.lists.iter().find(|list| list.remote == path && list.split.is_some());
        if split.is_some() && contribution.shadow.contains_key(path) {
            continue; // a field of its own too: known as it is spelled there
        }
        let value = match split {
            Some(list) => spell_list(list, elements),
            None => Value::List(elements),
        };
        body.put(path, value);
    }
    body
}

/// Moves the shadow; notes whether it moved, and which paths that the hub writes did.
fn move_shadow(mapping: &Mapping, contribution: &mut Contribution, pulled: &Pulled, taken: &mut Taken) {
    let mut moved = |known: bool, direction: Direction, path: &str| {
        taken.seen = true;
        taken.drifted |= direction.writes() && known;
        if known && direction == Direction::Out && !taken.drifts.iter().any(|noted| noted == path) {
            taken.drifts.push(path.to_owned());
        }
    };
    // Before what is mapped: a field may read such a path too.
    for path in switches(mapping, pulled) {
        let value = pulled_at(&pulled.body, path);
        if contribution.shadow.get(path) != Some(value) {
            moved(contribution.shadow.contains_key(path), Direction::Both, path);
            contribution.shadow.insert(path, value.clone());
            contribution.sent.remove(path);
        }
    }
    for watched in mapping.watched.iter().filter(|watched| pulled.coverage.covers(&watched.path)) {
        let value = watched_in(watched, &pulled.body);
        let known = contribution.shadow.get(&watched.path);
        if known != Some(value) {
            moved(known.is_some(), mapping.fields[watched.field].direction, &watched.path);
            contribution.shadow.insert(watched.path.clone(), value.clone());
            contribution.sent.remove(&watched.path);
        }
    }
    for list in mapping.lists.iter().filter(|list| pulled.coverage.covers(&list.remote)) {
        let path = list_path(list);
        let value = Value::List(remote_elements(list, &pulled.body));
        if contribution.shadow.get(&path) != Some(&value) {
            moved(contribution.shadow.contains_key(&path), list.direction, &list.remote);
            contribution.shadow.insert(&path, value);
            contribution.sent.remove(&path);
        }
    }
}

/// Canonical values that a new thing would claim, for matching before it has a record.
pub fn facts_of(mapping: &Mapping, entity: &Entity, mapped: &Mapped) -> crate::matching::Facts {
    crate::matching::Facts::new(entity, values_of(mapping, mapped))
}

/// Canonical values of what was mapped: (field or `list/position`, value).
pub fn values_of<'m>(mapping: &'m Mapping, mapped: &'m Mapped) -> impl Iterator<Item = (Cow<'m, str>, &'m Value)> + use<'m> {
    let scalars = mapped
        .fields
        .iter()
        .filter_map(|(index, value)| Some((Cow::Borrowed(mapping.fields[*index].canonical.as_deref()?), value)));
    let lists = mapped.lists.iter().flat_map(|(index, elements)| {
        let canonical = &mapping.lists[*index].canonical;
        elements.iter().enumerate().map(move |(position, (_, value))| (format!("{canonical}/{position}").into(), value))
    });
    scalars.chain(lists)
}

#[cfg(test)]
mod tests;
