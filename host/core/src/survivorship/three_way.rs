//! The three-way comparison: against what everybody last agreed on, who changed it?
//!
//! One side changed it: its value. Several the same: that value. Several otherwise: nobody's; the field stays at what was agreed on,
//! systems are left as they are, and a person is asked. Of a list each element is compared for itself, and an element part by part:
//! so a list holds what was there, with everybody's additions and changes and without what anybody removed.
//!
//! What a claim was made against is noted with it when it is made ([`based`]): what its system held until then. A claim made while
//! its system held what the record holds was made in knowledge of everything said before, and takes its place.

use std::collections::BTreeSet;

use super::{Contender, STEWARD, contenders, field, newest};
use crate::catalog::{Entity, Survivorship};
use crate::model::{Base, Claim, Contribution, ContributionId, Field, Rule, Time};
use crate::value::Value;
use crate::{NameMap, Text};

/// Whether this is compared three ways.
pub fn is(entity: &Entity, name: &str) -> bool {
    *super::rule_of(entity, name) == Survivorship::ThreeWay
}

/// Whether any field of an entity is.
pub fn any(entity: &Entity) -> bool {
    entity.fields.values().any(|field| field.survivorship == Survivorship::ThreeWay)
}

/// What a new claim was made against. `held` is what its system held until then, `own` its claim before, `stands` what the record
/// holds; `at` is when the hub hears of it.
pub fn based(held: &Value, own: Option<&Claim>, stands: Option<&Field>, at: Time) -> Box<Base> {
    let undecided = stands.is_some_and(|field| field.rule == Rule::Undecided);
    let same = |field: &Field| field.value == *held || field.value.is_empty() && held.is_empty();
    if undecided {
        // Who is asked about changes his own word further: still against what was agreed on before.
        let further = own.filter(|own| own.value == *held).and_then(|own| own.base.clone());
        return further.unwrap_or_else(|| Box::new(Base { value: held.clone(), known: None }));
    }
    let known = stands.is_none_or(same).then_some(at);
    Box::new(Base { value: held.clone(), known })
}

/// Whether `later` was said in knowledge of `claim`.
fn knew(later: &Claim, claim: &Claim) -> bool {
    let Some(base) = &later.base else { return false };
    base.known.is_some_and(|known| known > claim.observed_at)
        || base.value == claim.value && later.observed_at >= claim.observed_at && later.value != claim.value
}

/// Claims that nobody knew of who said something since.
fn open<'a>(contenders: &[Contender<'a>]) -> Vec<Contender<'a>> {
    let passed = |one: &Contender<'_>| {
        contenders.iter().any(|other| other.contribution.id != one.contribution.id && knew(other.claim, one.claim))
    };
    let open: Vec<Contender<'_>> = contenders.iter().filter(|one| !passed(one)).copied().collect();
    // Each said in knowledge of the other, in one moment: everybody is heard.
    if open.is_empty() { contenders.to_vec() } else { open }
}

/// Claims by which a field was changed, among which a person chooses where they say otherwise.
pub fn changes<'a>(contenders: &[Contender<'a>]) -> Vec<Contender<'a>> {
    let changed = |one: &Contender<'_>| one.claim.base.as_ref().is_none_or(|base| base.value != one.claim.value);
    open(contenders).into_iter().filter(changed).collect()
}

/// What the claims of one record's contributions were made against, before they are compared with those of another record: nobody knew
/// what was said over there. What was passed over among them is no change from then on, and what they agreed on is seen there for the
/// first time. Only those that differ from what they are.
pub fn met(entity: &Entity, rows: &[&Contribution]) -> Vec<(ContributionId, Text, Option<Box<Base>>)> {
    let rows: Vec<&Contribution> = rows.iter().copied().filter(|row| row.key.connection != STEWARD).collect();
    let names: BTreeSet<&Text> = rows.iter().flat_map(|row| row.claims.keys()).filter(|name| is(entity, name)).collect();
    let mut found = Vec::new();
    for name in names {
        let all = contenders(&rows, name);
        let (open, changes) = (open(&all), changes(&all));
        let among = |these: &[Contender<'_>], one: &Contender<'_>| these.iter().any(|c| c.contribution.id == one.contribution.id);
        let agreed = newest(&open).map(|one| &one.claim.value).filter(|_| changes.is_empty());
        for one in &all {
            let base = match &one.claim.base {
                _ if among(&open, one) && agreed == Some(&one.claim.value) => None,
                Some(base) if among(&changes, one) => Some(Base { value: base.value.clone(), known: None }),
                None if among(&changes, one) => None,
                _ => Some(Base { value: one.claim.value.clone(), known: None }),
            };
            let base = base.map(Box::new);
            if base != one.claim.base {
                found.push((one.contribution.id, name.clone(), base));
            }
        }
    }
    found
}

/// What a field holds by these claims, none of them a steward's. `element`: it is one of a list.
pub(super) fn choose(contenders: &[Contender<'_>], element: bool) -> Option<Field> {
    let (open, changes) = (open(contenders), changes(contenders));
    let Some(oldest) = changes.iter().min_by_key(|one| one.contribution.id) else {
        return newest(&open).map(|one| field(one, Rule::ThreeWay));
    };
    let (edits, first): (Vec<Contender<'_>>, Vec<Contender<'_>>) =
        changes.iter().copied().partition(|one| one.claim.base.is_some());
    let values = distinct(&edits);
    let (value, clear) = match values.as_slice() {
        // Seen for the first time at each: who was known first keeps what it says, as nobody decided.
        [] => (oldest.claim.value.clone(), distinct(&first).len() == 1 || element),
        [value] => (Value::clone(value), element || first.iter().all(|one| one.claim.value == **value)),
        _ => {
            let base = common(&edits)?;
            match merged(base, &values).filter(|_| element) {
                Some(value) => (value, true),
                None => (base.clone(), false),
            }
        }
    };
    let saying: Vec<Contender<'_>> = contenders.iter().filter(|one| one.claim.value == value).copied().collect();
    let among: Vec<Contender<'_>> = open.iter().filter(|one| one.claim.value == value).copied().collect();
    let winner = newest(&among).or_else(|| newest(&saying)).or_else(|| newest(&edits))?;
    let rule = if clear { Rule::ThreeWay } else { Rule::Undecided };
    Some(Field { value, ..field(winner, rule) })
}

fn distinct<'a>(contenders: &[Contender<'a>]) -> Vec<&'a Value> {
    let mut values: Vec<&Value> = Vec::new();
    for one in contenders {
        if !values.contains(&&one.claim.value) {
            values.push(&one.claim.value);
        }
    }
    values
}

/// What was agreed on before these edits: what a system held that did not know of the others' when it was edited.
fn common<'a>(edits: &[Contender<'a>]) -> Option<&'a Value> {
    let bases = edits.iter().filter_map(|one| Some((one, one.claim.base.as_deref()?)));
    bases.min_by_key(|(one, base)| (base.known, one.claim.observed_at)).map(|(_, base)| &base.value)
}

/// An element of a list as changed by several, part by part; none where two changed one part otherwise. What one removed and another
/// changed is not clear either.
fn merged(base: &Value, values: &[&Value]) -> Option<Value> {
    let Value::Object(before) = base else { return None };
    let all: Option<Vec<&NameMap<Value>>> = values
        .iter()
        .map(|value| match value {
            Value::Object(parts) => Some(parts),
            _ => None,
        })
        .collect();
    let all = all?;
    let names: BTreeSet<&Text> = before.keys().chain(all.iter().flat_map(|parts| parts.keys())).collect();
    let mut out = NameMap::new();
    for name in names {
        let old = before.get(name);
        let mut said = all.iter().map(|parts| parts.get(name)).filter(|part| *part != old);
        let part = said.next().unwrap_or(old);
        if said.any(|other| other != part) {
            return None;
        }
        if let Some(part) = part {
            out.insert(name.clone(), part.clone());
        }
    }
    Some(Value::Object(out))
}
