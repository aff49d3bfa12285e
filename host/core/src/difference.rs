//! What a remote object should hold, against what it was last known to hold.
//!
//! A `both` field is equal when `in`(shadow) equals the canonical value: normalisation alone never writes. A value
//! that was sent and read back in another spelling is equal to what was sent. What nobody ever claimed is never written,
//! unless a thing is made and its `out` makes a value up.

mod as_before;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use as_before::{Before, spell_as_before};

use crate::catalog::{Clear, Direction, Entity, FieldMapping, FlowOut, ListMapping, Mapping};
use crate::fit::{Fit, Fitted, Unfit};
use crate::intake::{concerns, element_key, element_value, list_path, paths, remote_elements, shadow_body, spell_list};
use crate::mapping::Env;
use crate::model::{Contribution, ElementId, Record, RecordId, RemoteKey, Rule, Time};
use crate::value::{Reference, Value};
use crate::{NameMap, Text};

/// Finds the remote id of a record in a stream of the destination's connection.
pub type Locate<'a> = &'a dyn Fn(RecordId, &str) -> Option<String>;

/// A difference, ready to be journalled. Empty `values` and `lists`: nothing to send (I7).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// Remote path (or list path) → value to be there.
    pub values: NameMap<Value>,
    /// Body with the fields that differ.
    pub changed: Value,
    /// Body as it should be, with what is not mapped carried over.
    pub desired: Value,
    /// List field → element number per remote element of the desired list that is ours, in order.
    pub elements: BTreeMap<String, Vec<u64>>,
    /// Paths left alone, and why: a reference that is not there yet, a field that cannot be cleared.
    pub skipped: Vec<(String, String)>,
    /// Values that go there otherwise than they are here, because they do not fit.
    pub fitted: Vec<Fitted>,
}

/// Stopped here, by policy, before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// `required`, `length`, `format`.
    pub class: String,
    /// Remote path.
    pub field: String,
    /// For a person.
    pub message: String,
    /// A constraint of the field was broken, and its policy is to reject.
    pub unfit: bool,
}

impl Blocked {
    /// Stopped for another reason than a constraint.
    pub fn new(class: impl Into<String>, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { class: class.into(), field: field.into(), message: message.into(), unfit: false }
    }

    /// A value that its field does not take.
    fn unfit(mapping: &Mapping, field: impl Into<String>, unfit: Unfit) -> Self {
        let message = format!(
            "{}: correct it at its source, or say in mappings/{}.toml what goes there instead (`misfit`)",
            unfit.why, mapping.name
        );
        Self { unfit: true, ..Self::new(unfit.class, field, message) }
    }
}

impl Difference {
    /// Of a thing that goes: no field of it changes.
    pub fn none() -> Self {
        let nothing = || Value::Object(NameMap::new());
        Self { changed: nothing(), desired: nothing(), ..Self::default() }
    }

    /// Nothing to send.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Leaves these paths out of the whole body: what a system makes itself is not ours to send back, and many refuse it.
    /// What a mapping writes there on purpose stays: the system says no, and a person sees it.
    pub fn leave_out<'p>(&mut self, read_only: impl IntoIterator<Item = &'p str>) {
        for path in read_only.into_iter().filter(|path| !self.values.contains_key(*path)) {
            self.desired.remove(path);
        }
    }

    /// Leaves this path as it is over there.
    pub fn give_up(&mut self, path: &str, there: Option<&Value>) {
        self.values.remove(path);
        self.fitted.retain(|fitted| fitted.path != path);
        let remote = path.split_once('#').map_or(path, |(remote, _)| remote);
        self.changed.remove(remote);
        self.elements.retain(|list, _| !path.ends_with(&format!("#{list}")));
        match there {
            Some(value) => self.desired.put(remote, value.clone()),
            None => self.desired.remove(remote),
        }
    }

    /// This path is to hold this value again, as it is spelled over there.
    pub fn put_back(&mut self, path: &str, value: Value) {
        self.set(path, value);
    }

    /// A list is to hold these elements again: `whole` is the list as it is spelled at `remote`.
    pub fn put_list_back(&mut self, path: &str, remote: &str, elements: Value, whole: Value) {
        self.changed.put(remote, whole.clone());
        self.desired.put(remote, whole);
        self.values.insert(path, elements);
    }

    fn set(&mut self, path: &str, value: Value) {
        self.changed.put(path, value.clone());
        self.desired.put(path, value.clone());
        self.values.insert(path, value);
    }

    fn note(&mut self, field: &FieldMapping, found: Result<Option<Sent>, Wanted>, blocked: &mut Vec<Blocked>) {
        match found {
            Ok(Some(Sent { value, fitted })) => {
                self.set(&field.remote, value);
                self.fitted.extend(fitted);
            }
            Ok(None) => {}
            Err(Wanted::Skip(why)) => self.skipped.push((field.remote.clone(), why)),
            Err(Wanted::Block(error)) => blocked.push(error),
        }
    }
}

/// Computes the difference. `contribution` is none for a create; `current` is the body just read, if it was, so that
/// unmapped list elements and fields are carried over.
pub fn difference(
    mapping: &Mapping,
    entity: &Entity,
    record: &Record,
    contribution: Option<&Contribution>,
    current: Option<&Value>,
    locate: Locate<'_>,
    region: Option<&str>,
) -> Result<Difference, Vec<Blocked>> {
    let (canonical, pending) = localised(mapping, record, locate);
    let known = contribution.map(|contribution| shadow_body(mapping, contribution));
    let mut difference = Difference {
        changed: Value::Object(NameMap::new()),
        desired: current.cloned().or_else(|| known.clone()).unwrap_or_else(|| Value::Object(NameMap::new())),
        ..Difference::default()
    };
    let mut blocked = Vec::new();
    let written = || mapping.fields.iter().filter(|field| field.direction.writes());
    let claimed = |field: &FieldMapping| field.outputs.iter().any(|name| record.fields.contains_key(name));
    for field in written().filter(|field| claimed(field)) {
        if let Some(name) = field.outputs.iter().find(|name| pending.iter().any(|known| known == *name)) {
            difference.skipped.push((field.remote.clone(), format!("`{name}` refers to a record that is not there yet")));
            continue;
        }
        if contribution.is_some() && field.outputs.iter().any(|name| undecided(record, name)) {
            difference.skipped.push((field.remote.clone(), UNDECIDED.to_owned()));
            continue;
        }
        let found = wanted(mapping, field, &canonical, contribution, known.as_ref(), region);
        difference.note(field, found, &mut blocked);
    }
    lists(mapping, entity, record, contribution, current, region, &mut difference, &mut blocked);
    if let Some(contribution) = contribution.filter(|row| !mapping.restore.is_empty() && put_away_by_us(mapping, row)) {
        switch(&mapping.restore, contribution, &mut difference);
    }
    if contribution.is_none() && !difference.is_empty() {
        // What nobody ever claimed is written once, when the thing is made, and only where `out` makes a value up.
        for field in written().filter(|field| !claimed(field)) {
            if field.write.as_ref().is_some_and(|write| !write.may_be_empty()) {
                let found = wanted(mapping, field, &canonical, None, None, region);
                difference.note(field, found, &mut blocked);
            }
        }
        finish_create(mapping, &mut difference, &mut blocked);
    }
    if blocked.is_empty() { Ok(difference) } else { Err(blocked) }
}

const UNDECIDED: &str = "systems changed it otherwise, and a person is asked which is right";

/// Whether a person is asked what a field is, so that each system is left as it is.
pub(crate) fn undecided(record: &Record, name: &str) -> bool {
    record.fields.get(name).is_some_and(|field| field.rule == Rule::Undecided)
}

/// The difference that puts a thing away. A thing that is put away already needs none, whoever did it.
pub fn put_away(mapping: &Mapping, contribution: &Contribution, current: Option<&Value>) -> Difference {
    let mut difference = Difference {
        changed: Value::Object(NameMap::new()),
        desired: current.cloned().unwrap_or_else(|| shadow_body(mapping, contribution)),
        ..Difference::default()
    };
    switch(&mapping.archive, contribution, &mut difference);
    difference
}

/// Whether it is put away, and the hub did it: nobody changed it there since.
pub fn put_away_by_us(mapping: &Mapping, contribution: &Contribution) -> bool {
    !mapping.archive.is_empty() && mapping.archive.iter().all(|(path, value)| contribution.sent.get(path) == Some(value))
}

/// Whether everything by which a thing is put away is so there.
pub fn is_put_away(mapping: &Mapping, contribution: &Contribution) -> bool {
    mapping.archive.iter().all(|(path, value)| contribution.shadow.get(path) == Some(value))
}

/// Sets what is not so there yet.
fn switch(values: &BTreeMap<String, Value>, contribution: &Contribution, difference: &mut Difference) {
    for (path, value) in values {
        if contribution.shadow.get(path) != Some(value) && contribution.sent.get(path) != Some(value) {
            difference.set(path, value.clone());
        }
    }
}

enum Wanted {
    Skip(String),
    Block(Blocked),
}

/// A value to send, and how it was made to fit.
struct Sent {
    value: Value,
    fitted: Option<Fitted>,
}

impl From<Value> for Sent {
    fn from(value: Value) -> Self {
        Self { value, fitted: None }
    }
}

/// The value to send for a field, if one is to be sent.
fn wanted(
    mapping: &Mapping,
    field: &FieldMapping,
    canonical: &Value,
    contribution: Option<&Contribution>,
    known: Option<&Value>,
    region: Option<&str>,
) -> Result<Option<Sent>, Wanted> {
    let Some(write) = &field.write else { return Ok(None) };
    let env = Env { body: canonical, externals: &[], connection: &mapping.connection, region };
    let whole = write.evaluate(&env).map_err(|error| Wanted::Block(Blocked::new(error.class, &field.remote, error.message)))?;
    // What would go there is what is compared: a value that was cut on its way is there already.
    let (value, fitted, unfit) = match field.constraints.fit(&field.remote, &whole, &mapping.connection, region) {
        Fit::Whole => (whole, None, None),
        Fit::Instead(value) => {
            let fitted = Fitted::new(field, &whole, &value);
            (value, Some(fitted), None)
        }
        Fit::Unfit(unfit) => (whole, None, Some(unfit)),
    };
    let shadow = contribution.and_then(|contribution| contribution.shadow.get(&field.remote));
    if let (Some(contribution), Some(shadow)) = (contribution, shadow) {
        if *shadow == value || shadow.is_empty() && value.is_empty() || contribution.sent.get(&field.remote) == Some(&value) {
            return Ok(None);
        }
        // Normalisation alone never writes.
        if field.direction == Direction::Both
            && let (Some(read), Some(known), Some(name)) = (&field.read, known, &field.canonical)
            && let Some(here) = canonical.at_flat(name)
        {
            let env = Env { body: known, externals: &[], connection: &mapping.connection, region };
            if read.evaluate(&env).is_ok_and(|there| there == *here) {
                return Ok(None);
            }
        }
    }
    if value.is_empty() {
        if shadow.is_none_or(Value::is_empty) {
            return Ok(None); // unknown or empty there: nothing to clear
        }
        return match field.clear {
            Clear::Null | Clear::Omit => Ok(Some(Value::Null.into())),
            Clear::EmptyText => Ok(Some(Value::text("").into())),
            Clear::Cannot => Err(Wanted::Skip("it is empty here and cannot be cleared there".into())),
        };
    }
    match unfit {
        Some(unfit) => Err(Wanted::Block(Blocked::unfit(mapping, &field.remote, unfit))),
        None => Ok(Some(Sent { value, fitted })),
    }
}

/// Canonical fields as one object of flat names, references spelled for the destination; and the fields whose
/// reference has no counterpart there yet.
fn localised(mapping: &Mapping, record: &Record, locate: Locate<'_>) -> (Value, Vec<Text>) {
    let mut map = NameMap::with_capacity(record.fields.len());
    let mut pending = Vec::new();
    for (name, field) in record.fields.iter().filter(|(name, _)| !name.contains('/')) {
        let value = match &field.value {
            Value::Reference(reference) => {
                let streams = reference_streams(mapping, name);
                let found = match reference {
                    Reference::Record(id) => {
                        streams.iter().find_map(|stream| Some((Text::from(stream), locate(*id, stream)?.into())))
                    }
                    Reference::Remote(key) if key.connection == mapping.connection => {
                        Some((key.stream.clone(), key.remote_id.clone()))
                    }
                    Reference::Remote(_) => None,
                };
                match found {
                    Some((stream, remote_id)) => {
                        Value::Reference(Reference::Remote(Arc::new(RemoteKey::new(&mapping.connection, stream, remote_id))))
                    }
                    None => {
                        pending.push(name.clone());
                        continue;
                    }
                }
            }
            value => value.clone(),
        };
        map.insert(name.clone(), value);
    }
    (Value::Object(map), pending)
}

/// Streams that a reference field of this mapping points into.
fn reference_streams(mapping: &Mapping, canonical: &str) -> Vec<String> {
    mapping
        .fields
        .iter()
        .filter(|field| field.outputs.iter().any(|name| name == canonical) || field.canonical.as_deref() == Some(canonical))
        .flat_map(|field| field.read.iter().chain(field.write.iter()))
        .filter_map(|expression| expression.reference_stream().map(str::to_owned))
        .collect()
}

#[expect(clippy::too_many_arguments, reason = "one step of `difference`, split off to be read alone")]
fn lists(
    mapping: &Mapping,
    entity: &Entity,
    record: &Record,
    contribution: Option<&Contribution>,
    current: Option<&Value>,
    region: Option<&str>,
    difference: &mut Difference,
    blocked: &mut Vec<Blocked>,
) {
    let mut remotes: Vec<&str> = mapping.lists.iter().filter(|l| l.direction.writes()).map(|l| l.remote.as_str()).collect();
    remotes.dedup();
    for remote in remotes {
        let mut all: Vec<Value> = Vec::new();
        let mut any = false;
        for list in mapping.lists.iter().filter(|list| list.remote == remote) {
            match one_list(mapping, entity, list, record, contribution, region) {
                Ok(found) => {
                    if found.changed && list.direction.writes() {
                        any = true;
                        difference.values.insert(list_path(list), Value::List(found.elements.clone()));
                        difference.elements.insert(list.canonical.clone(), found.numbers);
                    }
                    all.extend(found.elements);
                }
                Err(error) => blocked.push(error),
            }
        }
        if !any {
            continue;
        }
        // Elements that no declaration concerns are carried over, never dropped.
        if let Some(Value::List(there)) = current.and_then(|body| crate::mapping::find(body, remote)) {
            let foreign =
                there.iter().filter(|element| !mapping.lists.iter().any(|list| list.remote == remote && concerns(list, element)));
            all.extend(foreign.cloned());
        }
        let value = match mapping.lists.iter().find(|list| list.remote == remote && list.split.is_some()) {
            Some(list) => spell_list(list, all),
            None => Value::List(all),
        };
        difference.changed.put(remote, value.clone());
        difference.desired.put(remote, value);
    }
}

struct OneList {
    elements: Vec<Value>,
    numbers: Vec<u64>,
    changed: bool,
}

fn one_list(
    mapping: &Mapping,
    entity: &Entity,
    list: &ListMapping,
    record: &Record,
    contribution: Option<&Contribution>,
    region: Option<&str>,
) -> Result<OneList, Blocked> {
    let shadow: &[Value] = match contribution.and_then(|c| c.shadow.get(&list_path(list))) {
        Some(Value::List(elements)) => elements,
        _ => &[],
    };
    let ties: &[(ElementId, Text)] = contribution.and_then(|c| c.elements.get(&list.canonical)).map_or(&[], Vec::as_slice);
    let ever = record.fields.starting_with(&format!("{}/", list.canonical)).next().is_some();
    let mut found = OneList { elements: Vec::new(), numbers: Vec::new(), changed: false };
    if !ever || !list.direction.writes() {
        // Not ours to write: stays as it is there.
        found.elements = shadow.to_vec();
        return Ok(found);
    }
    if list.direction == Direction::Out {
        return out_list(mapping, list, record, contribution, shadow, region);
    }
    let asked = |number: u64| undecided(record, &format!("{}/{number}", list.canonical));
    let mut used = vec![false; shadow.len()];
    for (number, value) in record.elements(&list.canonical) {
        let key = ties.iter().find(|(id, _)| id.0 == number).map(|(_, key)| key.as_str());
        let there = shadow.iter().enumerate().find(|(index, element)| {
            !used[*index]
                && match key {
                    Some(key) => tie_matches(mapping, entity, list, element, key, region),
                    // Not tied, but there already: the same value.
                    None => element_value(mapping, list, element, region).is_ok_and(|there| means(&there, value)),
                }
        });
        match there {
            Some((index, element)) => {
                used[index] = true;
                let same = element_value(mapping, list, element, region).is_ok_and(|there| means(&there, value));
                if same || asked(number) {
                    found.elements.push(element.clone());
                } else {
                    found.elements.push(spell(mapping, list, value, Some(element), region)?);
                    found.changed = true;
                }
                found.numbers.push(number);
            }
            None if contribution.is_some() && asked(number) => {}
            None => {
                let element = spell(mapping, list, value, None, region)?;
                if !concerns(list, &element) {
                    continue; // a kind that this list cannot hold there
                }
                found.elements.push(element);
                found.numbers.push(number);
                found.changed = true;
            }
        }
    }
    // What is left of the shadow: removed here, or never understood.
    for (_, element) in shadow.iter().enumerate().filter(|(index, _)| !used[*index]) {
        let empty = element_value(mapping, list, element, region).is_ok_and(|value| value.is_empty());
        if empty {
            found.elements.push(element.clone());
        } else {
            found.changed = true;
        }
    }
    Ok(found)
}

/// A list that is written and never read: there is no way back from an element there, so it is compared as it is spelled. What was
/// sent is remembered: another spelling of it is no difference.
fn out_list(
    mapping: &Mapping,
    list: &ListMapping,
    record: &Record,
    contribution: Option<&Contribution>,
    shadow: &[Value],
    region: Option<&str>,
) -> Result<OneList, Blocked> {
    let mut found = OneList { elements: Vec::new(), numbers: Vec::new(), changed: false };
    let mut used = vec![false; shadow.len()];
    for (number, value) in record.elements(&list.canonical) {
        let element = spell(mapping, list, value, None, region)?;
        if element.is_empty() || !concerns(list, &element) {
            continue; // holds nothing that this list has a place for
        }
        let there = shadow.iter().enumerate().find(|(index, there)| !used[*index] && means(there, &element));
        match there {
            Some((index, there)) => {
                used[index] = true;
                found.elements.push(there.clone());
            }
            None => {
                found.elements.push(element);
                found.changed = true;
            }
        }
        found.numbers.push(number);
    }
    found.changed |= used.contains(&false);
    if contribution.and_then(|c| c.sent.get(&list_path(list))) == Some(&Value::List(found.elements.clone())) {
        found.changed = false;
    }
    Ok(found)
}

/// Whether an element there says what the canonical one says. What the canonical one does not know (a kind that nobody
/// gave) is not compared: the system may have filled it in.
pub(crate) fn means(there: &Value, canonical: &Value) -> bool {
    match (there, canonical) {
        (Value::Object(there), Value::Object(canonical)) => {
            canonical.iter().all(|(name, value)| value.is_empty() || there.get(name) == Some(value))
        }
        _ => there == canonical,
    }
}

fn tie_matches(mapping: &Mapping, entity: &Entity, list: &ListMapping, element: &Value, key: &str, region: Option<&str>) -> bool {
    element_value(mapping, list, element, region).is_ok_and(|value| element_key(entity, list, element, &value) == key)
}

/// An element as the system spells it: `only` constants, the sub-fields, and the rest of the old one.
pub(crate) fn spell(
    mapping: &Mapping,
    list: &ListMapping,
    value: &Value,
    old: Option<&Value>,
    region: Option<&str>,
) -> Result<Value, Blocked> {
    let mut element = old.cloned().unwrap_or_else(|| Value::Object(NameMap::new()));
    if old.is_none() {
        for (path, allowed) in &list.only {
            if let Some(first) = allowed.first() {
                element.put(path, first.clone());
            }
        }
    }
    let env = Env { body: value, externals: &[], connection: &mapping.connection, region };
    for field in &list.fields {
        let Some(write) = &field.write else { continue };
        let named = || format!("{}.{}", list.remote, field.remote);
        let spelled = write.evaluate(&env).map_err(|error| Blocked::new(error.class, named(), error.message))?;
        // Of elements nothing is cut: those without an id are told apart by what they hold.
        if let Fit::Unfit(unfit) = field.constraints.fit(&field.remote, &spelled, &mapping.connection, region) {
            return Err(Blocked::unfit(mapping, named(), unfit));
        }
        if !spelled.is_empty() {
            if field.remote.is_empty() {
                element = spelled; // the element itself
                continue;
            }
            element.put(&field.remote, spelled);
        } else if !field.remote.is_empty()
            && element.at(&field.remote).is_some_and(|there| !there.is_empty())
            && !list.only.contains_key(&field.remote)
        {
            element.put(&field.remote, Value::Null);
        }
    }
    Ok(element)
}

/// Constants and required paths of a create.
fn finish_create(mapping: &Mapping, difference: &mut Difference, blocked: &mut Vec<Blocked>) {
    for (path, value) in &mapping.constants {
        if difference.changed.at(path).is_none_or(Value::is_empty) {
            difference.changed.put(path, value.clone());
            difference.desired.put(path, value.clone());
        }
    }
    let Some(FlowOut { required, .. }) = &mapping.flow_out else { return };
    for path in required {
        if difference.changed.at(path).is_none_or(Value::is_empty) {
            let message = format!("`{path}` is required there and the record has no value for it");
            blocked.push(Blocked::new("required", path, message));
        }
    }
}

/// After a confirmed write: the shadow becomes what was read back, what was sent is remembered as its meaning, list
/// elements get their remote ids. Claims are not touched.
#[expect(clippy::too_many_arguments, reason = "what was sent, what came back, and the rules that read it")]
pub fn settle(
    mapping: &Mapping,
    entity: &Entity,
    contribution: &mut Contribution,
    values: &NameMap<Value>,
    elements: &BTreeMap<String, Vec<u64>>,
    read_back: Option<&Value>,
    at: Time,
    region: Option<&str>,
) {
    for (path, sent) in values.iter().filter(|(path, _)| !path.contains('#')) {
        let there = match read_back {
            Some(body) => crate::mapping::find(body, path).cloned().unwrap_or(Value::Null),
            None => sent.clone(),
        };
        // A list that reads what was written here as a field knows it too: what the hub wrote is nobody's word.
        for list in mapping.lists.iter().filter(|list| *list.remote == **path && !values.contains_key(&list_path(list))) {
            let mut body = Value::Object(NameMap::new());
            body.put(path, there.clone());
            contribution.shadow.insert(list_path(list), Value::List(remote_elements(list, &body)));
        }
        contribution.shadow.insert(path.clone(), there);
        contribution.sent.insert(path.clone(), sent.clone());
    }
    for list in mapping.lists.iter() {
        let path = list_path(list);
        let Some(Value::List(sent)) = values.get(&path) else { continue };
        let there = match read_back {
            Some(body) => remote_elements(list, body),
            None => sent.clone(),
        };
        let numbers = elements.get(&list.canonical).cloned().unwrap_or_default();
        let mut ties = Vec::new();
        let mut used = vec![false; there.len()];
        for (number, element) in numbers.iter().zip(sent) {
            let meaning = element_value(mapping, list, element, region).unwrap_or_default();
            let id = list.id.as_deref().and_then(|path| element.at(path)).filter(|id| !id.is_empty());
            let found = there.iter().enumerate().find(|(index, candidate)| {
                !used[*index]
                    && match (id, list.id.as_deref()) {
                        (Some(id), Some(path)) => candidate.at(path) == Some(id),
                        _ => element_value(mapping, list, candidate, region).is_ok_and(|value| value == meaning),
                    }
            });
            if let Some((index, candidate)) = found {
                used[index] = true;
                ties.push((ElementId(*number), element_key(entity, list, candidate, &meaning)));
            }
        }
        contribution.elements.insert(&list.canonical, ties);
        contribution.shadow.insert(&path, Value::List(there));
        contribution.sent.insert(path, Value::List(sent.clone()));
    }
    if let Some(body) = read_back {
        note_empty(mapping, contribution, body);
    }
    contribution.attempted_at = Some(at);
}

/// Mapped paths that were never read and hold nothing in what came back are known from now on: the next read of a thing
/// that we made finds nothing new. What holds something is left to that read, which may make it a claim.
fn note_empty(mapping: &Mapping, contribution: &mut Contribution, body: &Value) {
    for path in mapping.fields.iter().filter(|field| field.canonical.is_some()).flat_map(paths) {
        let there = body.at(path).unwrap_or(&Value::Null);
        if there.is_empty() && !contribution.shadow.contains_key(path) {
            contribution.shadow.insert(path, there.clone());
        }
    }
    for list in &mapping.lists {
        if remote_elements(list, body).is_empty() {
            contribution.shadow.or_insert_with(list_path(list), || Value::List(Vec::new()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(desired: &str, values: &[&str], read_only: &[&str], expected: &str) {
        let decode = |text: &str| crate::codec::decode(text.as_bytes()).unwrap();
        let values = values.iter().map(|path| ((*path).to_owned(), Value::Null)).collect();
        let mut difference = Difference { desired: decode(desired), values, ..Difference::default() };
        difference.leave_out(read_only.iter().copied());
        assert_eq!(difference.desired, decode(expected));
    }

    #[test]
    fn what_the_system_makes_itself_is_left_out() {
        check(r#"{"id":"1","name":"Ada"}"#, &["name"], &["id", "changed"], r#"{"name":"Ada"}"#);
        check(r#"{"meta":{"at":1,"by":2},"n":3}"#, &[], &["meta.at", "n.x", "no.such"], r#"{"meta":{"by":2},"n":3}"#);
        // Written on purpose: the system says no, and a person sees it.
        check(r#"{"id":"1"}"#, &["id"], &["id"], r#"{"id":"1"}"#);
    }
}
