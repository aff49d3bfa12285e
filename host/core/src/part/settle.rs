//! What a confirmed write of a child means: its element in the shadow, its tie. Claims are not touched.

use crate::catalog::{Mapping, PartMapping};
use crate::difference::means;
use crate::intake::{Coverage, concerns, element_value, list_path};
use crate::model::{Contribution, ElementId, Time, WriteKind};
use crate::value::Value;

use super::take::forget_sent;
use super::{CHILD_ID, child_id, element, shadow};

/// After a confirmed write of one child. `sent` is the element as it was spelled (none for a delete), `body` what came
/// back, `id` the child.
#[expect(clippy::too_many_arguments, reason = "what was sent for which element, and what came back")]
pub fn settle_child(
    part: &PartMapping,
    contribution: &mut Contribution,
    kind: &WriteKind,
    number: Option<u64>,
    sent: Option<&Value>,
    id: &str,
    body: Option<&Value>,
    at: Time,
) {
    let list = &part.list;
    let path = list_path(list);
    let mut elements = shadow(contribution, part).to_vec();
    let position = elements.iter().position(|element| child_id(element) == Some(id));
    forget_sent(contribution, &path, id);
    let ties = contribution.elements.or_default(&list.canonical);
    let sent = sent.filter(|_| matches!(kind, WriteKind::Create | WriteKind::Update(_)));
    ties.retain(|(tied, key)| key != id && (sent.is_none() || Some(tied.0) != number));
    let there = sent.map(|sent| {
        let mut ours = sent.clone();
        ours.put(CHILD_ID, Value::text(id));
        let there = body.map_or_else(|| ours.clone(), |body| element(part, id, body, &Coverage::Complete, None));
        (ours, there)
    });
    match there {
        Some((ours, there)) if concerns(list, &there) => {
            match position {
                Some(at) => elements[at] = there,
                None => elements.push(there),
            }
            ties.extend(number.map(|number| (ElementId(number), id.into())));
            if let Value::List(sent) = contribution.sent.or_insert_with(&path, || Value::List(Vec::new())) {
                sent.push(ours);
            }
        }
        _ => {
            if let Some(at) = position {
                elements.remove(at);
            }
        }
    }
    contribution.shadow.insert(path, Value::List(elements));
    contribution.attempted_at = Some(at);
}

/// Whether a child that is there is the one that was sent.
pub fn landed(mapping: &Mapping, part: &PartMapping, id: &str, body: &Value, sent: &Value, region: Option<&str>) -> bool {
    let list = &part.list;
    let there = element(part, id, body, &Coverage::Complete, None);
    if list.direction.reads() {
        let meaning = |element: &Value| element_value(mapping, list, element, region);
        return matches!((meaning(&there), meaning(sent)), (Ok(there), Ok(sent)) if means(&there, &sent));
    }
    list.fields.iter().filter(|field| field.write.is_some()).all(|field| there.at(&field.remote) == sent.at(&field.remote))
}
