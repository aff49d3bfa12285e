//! What is put back is spelled as it was there before, where that reads as what the record holds now.

use crate::catalog::{Direction, ListMapping, Mapping};
use crate::intake::{element_value, list_path, spell_list};
use crate::mapping::Env;
use crate::model::{Contribution, Record};
use crate::value::Value;

use super::{Difference, Locate, localised, means, undecided};

/// What a thing was before its record was merged with another one.
#[derive(Clone, Copy, Debug)]
pub struct Before<'a> {
    /// The thing as it was.
    pub was: &'a Contribution,
    /// The others in its stream that the merge made one record with it: of these its system may have taken a spelling over.
    pub others: &'a [Contribution],
}

/// Spells what goes back as it was there before: only fields and elements that are read there too, and only where the former
/// spelling means what the record holds now. A spelling that the system took over from one of the others goes back too, though it
/// means the same. `now` is none for a thing that is made again.
pub fn spell_as_before(
    mapping: &Mapping,
    record: &Record,
    difference: &mut Difference,
    now: Option<&Contribution>,
    before: Before<'_>,
    locate: Locate<'_>,
    region: Option<&str>,
) {
    let (canonical, _) = localised(mapping, record, locate);
    for field in mapping.fields.iter().filter(|field| field.direction == Direction::Both && !field.remote.is_empty()) {
        let path = &field.remote;
        let (Some(read), Some(name)) = (&field.read, &field.canonical) else { continue };
        let (Some(was), Some(here)) = (before.was.shadow.get(path), canonical.at_flat(name)) else { continue };
        let due = match difference.values.get(path) {
            Some(value) => value != was,
            None => now.is_some_and(|now| !undecided(record, name) && taken_over(now, before, path)),
        };
        if was.is_empty() || !due {
            continue;
        }
        let mut body = difference.desired.clone();
        body.put(path, was.clone());
        let env = Env { body: &body, externals: &[], connection: &mapping.connection, region };
        if read.evaluate(&env).is_ok_and(|there| there == *here) {
            difference.set(path, was.clone());
            difference.fitted.retain(|fitted| fitted.path != *path);
        }
    }
    for list in mapping.lists.iter().filter(|list| list.direction == Direction::Both) {
        list_as_before(mapping, list, difference, now, before.was, region);
    }
}

/// Whether what is at a path came there from one of the others, and was not put back already.
fn taken_over(now: &Contribution, before: Before<'_>, path: &str) -> bool {
    let (there, was) = (now.shadow.get(path), before.was.shadow.get(path));
    let of_another = |other: &Contribution| other.shadow.get(path) == there;
    there != was
        && there.is_some_and(|there| !there.is_empty())
        && now.sent.get(path) != was
        && before.others.iter().any(of_another)
}

/// Elements that are not there now are spelled as one that means the same was.
fn list_as_before(
    mapping: &Mapping,
    list: &ListMapping,
    difference: &mut Difference,
    now: Option<&Contribution>,
    was: &Contribution,
    region: Option<&str>,
) {
    let path = list_path(list);
    let (Some(Value::List(elements)), Some(Value::List(before))) = (difference.values.get(&path), was.shadow.get(&path)) else {
        return;
    };
    let there: &[Value] = match now.and_then(|now| now.shadow.get(&path)) {
        Some(Value::List(there)) => there,
        _ => &[],
    };
    let read = |element: &Value| element_value(mapping, list, element, region).ok().filter(|value| !value.is_empty());
    let (mut spelled, mut used) = (elements.clone(), vec![false; before.len()]);
    let mut again: Vec<(Value, Value)> = Vec::new();
    for element in spelled.iter_mut().filter(|element| !there.contains(element)) {
        let Some(meaning) = read(element) else { continue };
        let same = |(at, former): &(usize, &Value)| !used[*at] && read(former).is_some_and(|there| means(&there, &meaning));
        let Some((at, former)) = before.iter().enumerate().find(same) else { continue };
        used[at] = true;
        let own = as_the_former(list, element, former);
        if own != *element && read(&own).is_some_and(|there| means(&there, &meaning)) {
            again.push((std::mem::replace(element, own.clone()), own));
        }
    }
    if again.is_empty() {
        return;
    }
    let whole = match (difference.desired.at(&list.remote), &list.split) {
        (_, Some(_)) if mapping.lists.iter().filter(|other| other.remote == list.remote).count() == 1 => {
            spell_list(list, spelled.clone())
        }
        (Some(Value::List(all)), None) => {
            let mut all = all.clone();
            for (from, to) in again {
                if let Some(at) = all.iter().position(|element| *element == from) {
                    all[at] = to;
                }
            }
            Value::List(all)
        }
        _ => return,
    };
    difference.put_list_back(&path, &list.remote, Value::List(spelled), whole);
}

/// An element with the sub-fields that are written spelled as the former one had them; its id is its own.
fn as_the_former(list: &ListMapping, element: &Value, former: &Value) -> Value {
    let mut own = element.clone();
    for field in list.fields.iter().filter(|field| field.write.is_some()) {
        match former.at(&field.remote) {
            Some(_) if field.remote.is_empty() => own = former.clone(),
            Some(value) if !value.is_empty() => own.put(&field.remote, value.clone()),
            _ => {}
        }
    }
    own
}
