//! From a child as it was read to claims of its parent's contribution.

use smol_str::format_smolstr;

use crate::catalog::{Direction, Entity, FieldType, Mapping, PartMapping};
use crate::intake::{Against, FieldError, Taken, element_value, field_error, join, list_path, put_claim};
use crate::limits::LIST_ELEMENTS_MAX;
use crate::model::{Contribution, ElementId, Record, Time};
use crate::survivorship::three_way;
use crate::value::Value;

use super::{child_id, shadow};

/// A child as it was seen.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'s> {
    /// Its remote id.
    pub id: &'s str,
    /// What it holds, as [`super::element`] spells it; none: it is gone, has another parent or is none of this part.
    pub element: Option<&'s Value>,
    /// When the system says that it changed.
    pub claimed_at: Time,
    /// When the hub saw it.
    pub observed_at: Time,
}

/// Moves shadow, tie and claim of one element to what was seen. Nothing moves where the child cannot be mapped.
pub fn take_child(
    mapping: &Mapping,
    entity: &Entity,
    part: &PartMapping,
    contribution: &mut Contribution,
    record: &mut Record,
    seen: Seen<'_>,
    region: Option<&str>,
) -> Result<Taken, FieldError> {
    let list = &part.list;
    let path = list_path(list);
    let mut elements = shadow(contribution, part).to_vec();
    let position = elements.iter().position(|element| child_id(element) == Some(seen.id));
    let old = position.map(|at| elements[at].clone());
    if old.as_ref() == seen.element {
        return Ok(Taken::default());
    }
    let meaning = |element: &Value| {
        element_value(mapping, list, element, region)
            .map_err(|(path, error)| field_error(&format!("{}.{path}", part.stream), error))
    };
    let value = match seen.element {
        Some(element) if list.direction.reads() => Some(meaning(element)?).filter(|value| !value.is_empty()),
        _ => None,
    };
    match (position, seen.element) {
        (Some(at), Some(element)) => elements[at] = element.clone(),
        (Some(at), None) => drop(elements.remove(at)),
        (None, Some(_)) if elements.len() >= LIST_ELEMENTS_MAX => {
            let message = format!("its parent has more than {LIST_ELEMENTS_MAX} of them, and no more are taken");
            return Err(FieldError { path: part.stream.clone(), class: "length".into(), message });
        }
        (None, Some(element)) => elements.push(element.clone()),
        (None, None) => {}
    }
    contribution.shadow.insert(&path, Value::List(elements));
    // What the hub wrote there, in its own spelling.
    let ours = match contribution.sent.get(&path) {
        Some(Value::List(sent)) => sent.iter().find(|element| child_id(element) == Some(seen.id)),
        _ => None,
    };
    let ours = ours.and_then(|ours| meaning(ours).ok());
    forget_sent(contribution, &path, seen.id);
    let before = old.as_ref().and_then(|old| meaning(old).ok());
    let kind = entity.fields.get(&list.canonical).map_or(&FieldType::Object, |field| &field.kind);
    let ties = contribution.elements.or_default(&list.canonical);
    let tied = ties.iter().position(|(_, key)| key == seen.id);
    let claim = match (tied, value) {
        (Some(at), Some(value)) => (before.as_ref() != Some(&value)).then(|| (ties[at].0, value)),
        // Gone, or emptied. Without a word of its own about the element there is still one now: it was removed there.
        (Some(at), None) => Some((ties.remove(at).0, Value::Null)),
        (None, Some(value)) => {
            let number = ElementId(join(kind, list, record, ties, &value));
            ties.push((number, seen.id.into()));
            Some((number, value))
        }
        (None, None) => None,
    };
    let claimed = match claim {
        Some((number, value)) if list.direction.reads() => {
            let name = format_smolstr!("{}/{number}", list.canonical);
            let against = before.filter(|_| tied.is_some() && three_way::is(entity, &list.canonical));
            let against = against.map(|held| Against { held: ours.unwrap_or(held), stands: record.fields.get(&name) });
            put_claim(contribution, name, value, seen.claimed_at, seen.observed_at, against)
        }
        _ => false,
    };
    let known = old.is_some();
    let one_way = known && list.direction == Direction::Out;
    let drifts = one_way.then(|| path.to_string()).into_iter().collect();
    Ok(Taken { claimed, drifted: list.direction.writes() && known, seen: true, drifts })
}

/// What was sent for a child is no longer what it holds.
pub(super) fn forget_sent(contribution: &mut Contribution, path: &str, id: &str) {
    if let Some(Value::List(sent)) = contribution.sent.get_mut(path) {
        sent.retain(|element| child_id(element) != Some(id));
        if sent.is_empty() {
            contribution.sent.remove(path);
        }
    }
}
