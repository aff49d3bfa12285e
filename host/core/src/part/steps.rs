//! What the children of a remote object should be, against what they were last known to be: ordered steps, one per child.
//!
//! A child is deleted only where the record says that its element was removed; what nobody ever claimed, and what the
//! system has besides, is left alone.

use std::collections::BTreeSet;

use crate::catalog::{Clear, FieldMapping, Mapping, PartMapping};
use crate::difference::{Blocked, Difference, means, spell, undecided};
use crate::intake::{concerns, element_value, list_path};
use crate::model::{Contribution, ElementId, Record, WriteKind};
use crate::value::Value;
use crate::{NameMap, Text};

use super::{CHILD_ID, child_id, shadow};

/// One child to be made, changed or deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What is to be done, by the child's id.
    pub kind: WriteKind,
    /// The difference, ready to be journalled: bodies as the children's stream takes them.
    pub difference: Difference,
}

/// Steps of one part, deletes first, creates last; and those that are stopped here. `contribution` is none while the
/// parent is not there yet: then these are the children that it will get, without their parent's id. `current` finds the
/// body of a child just read, so that what is not mapped is carried over.
pub fn steps(
    mapping: &Mapping,
    part: &PartMapping,
    record: &Record,
    contribution: Option<&Contribution>,
    current: &dyn Fn(&str) -> Option<Value>,
    region: Option<&str>,
) -> (Vec<Step>, Vec<Blocked>) {
    let making = Making { mapping, part, contribution, current, region };
    let list = &part.list;
    let mut found: Vec<(u8, Step)> = Vec::new();
    let mut blocked = Vec::new();
    if !list.direction.writes() {
        return (Vec::new(), blocked);
    }
    let there = contribution.map_or(&[][..], |contribution| shadow(contribution, part));
    let ties: &[(ElementId, Text)] = contribution.and_then(|row| row.elements.get(&list.canonical)).map_or(&[], Vec::as_slice);
    let tied: BTreeSet<&str> = ties.iter().map(|(_, key)| key.as_str()).collect();
    let mut adopted: BTreeSet<usize> = BTreeSet::new();
    for (number, value) in elements(record, &list.canonical) {
        if contribution.is_some() && undecided(record, &format!("{}/{number}", list.canonical)) {
            continue; // a person is asked: each system is left as it is
        }
        let key = ties.iter().find(|(id, _)| id.0 == number).map(|(_, key)| key.as_str());
        let child = key.and_then(|key| there.iter().find(|element| child_id(element) == Some(key)).map(|element| (key, element)));
        let step = match child {
            Some((key, element)) if value.is_empty() => making.delete(number, key, element).map(|step| (0, step)),
            Some((key, element)) => match making.update(number, value, key, element) {
                Ok(step) => step.map(|step| (1, step)),
                Err(error) => {
                    blocked.push(error);
                    None
                }
            },
            None if value.is_empty() => None,
            None => {
                // There already, though nobody tied it: the same value.
                let same = there.iter().enumerate().position(|(at, element)| {
                    !adopted.contains(&at) && child_id(element).is_none_or(|id| !tied.contains(id)) && making.says(element, value)
                });
                if let Some(at) = same {
                    adopted.insert(at);
                    continue;
                }
                match making.create(number, value) {
                    Ok(step) => step.map(|step| (2, step)),
                    Err(error) => {
                        blocked.push(error);
                        None
                    }
                }
            }
        };
        found.extend(step);
    }
    found.sort_by_key(|(order, _)| *order);
    (found.into_iter().map(|(_, step)| step).collect(), blocked)
}

/// Elements of a list field by number, those that were removed included.
fn elements<'r>(record: &'r Record, list: &str) -> Vec<(u64, &'r Value)> {
    let named = record.fields.starting_with(&format!("{list}/"));
    let mut found: Vec<(u64, &Value)> =
        named.filter_map(|(name, field)| Some((name[list.len() + 1..].parse().ok()?, &field.value))).collect();
    found.sort_by_key(|(number, _)| *number);
    found
}

/// What one step is made from.
struct Making<'m> {
    mapping: &'m Mapping,
    part: &'m PartMapping,
    contribution: Option<&'m Contribution>,
    current: &'m dyn Fn(&str) -> Option<Value>,
    region: Option<&'m str>,
}

impl Making<'_> {
    /// Whether a child says what an element says.
    fn says(&self, there: &Value, value: &Value) -> bool {
        let list = &self.part.list;
        if list.direction.reads() {
            return element_value(self.mapping, list, there, self.region).is_ok_and(|there| means(&there, value));
        }
        spell(self.mapping, list, value, Some(there), self.region).is_ok_and(|spelled| spelled == *there)
    }

    fn delete(&self, number: u64, id: &str, there: &Value) -> Option<Step> {
        let list = &self.part.list;
        let nothing = || element_value(self.mapping, list, there, self.region).is_ok_and(|value| value.is_empty());
        if list.direction.reads() && nothing() {
            return None; // nothing that we ever understood
        }
        let difference = Difference {
            values: [(list_path(list), Value::List(Vec::new()))].into(),
            changed: Value::Object(NameMap::new()),
            desired: Value::Object(NameMap::new()),
            elements: [(list.canonical.clone(), vec![number])].into(),
            ..Difference::default()
        };
        Some(Step { kind: WriteKind::Delete(id.to_owned()), difference })
    }

    fn update(&self, number: u64, value: &Value, id: &str, there: &Value) -> Result<Option<Step>, Blocked> {
        let list = &self.part.list;
        if self.says(there, value) {
            return Ok(None);
        }
        let mut spelled = self.spell(value, Some(there))?;
        let sent = match self.contribution.and_then(|row| row.sent.get(&list_path(list))) {
            Some(Value::List(sent)) => sent.iter().find(|element| child_id(element) == Some(id)),
            _ => None,
        };
        let mut changed = Value::Object(NameMap::new());
        for field in list.fields.iter().filter(|field| field.write.is_some()) {
            let (old, new) = (at(there, &field.remote), at(&spelled, &field.remote));
            // Sent before, and kept there in the system's own spelling.
            let known = sent.is_some_and(|sent| at(sent, &field.remote) == new);
            if old == new || old.is_empty() && new.is_empty() || known {
                continue;
            }
            let new = new.clone();
            match (new.is_empty(), field.clear) {
                (false, _) => changed.put(&field.remote, new),
                (true, Clear::Null | Clear::Omit) => changed.put(&field.remote, Value::Null),
                (true, Clear::EmptyText) => changed.put(&field.remote, Value::text("")),
                (true, Clear::Cannot) => spelled.put(&field.remote, old.clone()),
            }
        }
        if changed.is_empty() {
            return Ok(None);
        }
        let mut desired = (self.current)(id).unwrap_or_else(|| without_id(there));
        copy(&changed, &mut desired, &list.fields);
        Ok(Some(self.step(WriteKind::Update(id.to_owned()), number, spelled, changed, desired)))
    }

    fn create(&self, number: u64, value: &Value) -> Result<Option<Step>, Blocked> {
        let list = &self.part.list;
        let spelled = self.spell(value, None)?;
        let holds = |field: &FieldMapping| {
            field.write.is_some() && !list.only.contains_key(&field.remote) && !at(&spelled, &field.remote).is_empty()
        };
        if !concerns(list, &spelled) || !list.fields.iter().any(holds) {
            return Ok(None); // a kind that this part cannot hold, or nothing that it has a place for
        }
        let mut body = spelled.clone();
        if let Some(parent) = self.contribution.map(|contribution| &contribution.key.remote_id) {
            let id = if self.part.numbered { Value::Number(parent.clone()) } else { Value::Text(parent.clone()) };
            body.put(&self.part.parent, id);
        }
        Ok(Some(self.step(WriteKind::Create, number, spelled, body.clone(), body)))
    }

    fn step(&self, kind: WriteKind, number: u64, spelled: Value, changed: Value, desired: Value) -> Step {
        let list = &self.part.list;
        let difference = Difference {
            values: [(list_path(list), Value::List(vec![spelled]))].into(),
            changed,
            desired,
            elements: [(list.canonical.clone(), vec![number])].into(),
            ..Difference::default()
        };
        Step { kind, difference }
    }

    fn spell(&self, value: &Value, old: Option<&Value>) -> Result<Value, Blocked> {
        let named = |path: &str| format!("{}.{path}", self.part.stream);
        let spelled = spell(self.mapping, &self.part.list, value, old, self.region).map_err(|mut error| {
            let prefix = format!("{}.", self.part.list.remote);
            error.field = named(error.field.strip_prefix(&prefix).unwrap_or(&error.field));
            error
        })?;
        Ok(spelled)
    }
}

fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    const NULL: &Value = &Value::Null;
    value.at(path).unwrap_or(NULL)
}

/// An element as a body.
fn without_id(element: &Value) -> Value {
    let mut body = element.clone();
    if let Value::Object(map) = &mut body {
        map.remove(CHILD_ID);
    }
    body
}

/// Puts what is to change into a whole body.
fn copy(changed: &Value, into: &mut Value, fields: &[FieldMapping]) {
    for field in fields {
        if let Some(value) = changed.at(&field.remote) {
            into.put(&field.remote, value.clone());
        }
    }
}
