//! `POST /crm/v3/objects/{object}/merge`.
//!
//! The primary object keeps its id and its values and takes over what it lacks: values, associations, and the other's e-mail address
//! as an additional one. The other's id answers with the primary object from then on.

use super::{
    Changes, Crm, Refusal, associations, body, known_params,
    objects::{Shape, render},
};
use crate::wire::{Call, Reply};
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct MergeBody {
    primary_object_id: String,
    object_id_to_merge: String,
}

pub(crate) fn merge(crm: &mut Crm, call: &Call, kind: usize, now: i64) -> Result<Reply, Refusal> {
    known_params(call, &[])?;
    let input: MergeBody = body(call)?;
    let (winner, entries) = join(crm, kind, &input.primary_object_id, &input.object_id_to_merge, now)?;
    let shape = Shape::all(&crm.tables[kind]);
    let object = crm.tables[kind].get(winner).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, render(crm, kind, object, &shape)).with_entries(entries))
}

/// Makes one object of two: the id of the one that stays, and what to remember.
pub(crate) fn join(crm: &mut Crm, kind: usize, winner: &str, loser: &str, now: i64) -> Result<(u64, Vec<Value>), Refusal> {
    let table = &crm.tables[kind];
    let find = |text: &str| text.parse().ok().and_then(|id| table.live(id)).cloned().ok_or_else(Refusal::not_found);
    let mut winner = find(winner)?;
    let mut loser = find(loser)?;
    if winner.id == loser.id {
        return Err(Refusal::invalid(format!("Object {} cannot be merged with itself", winner.id)));
    }
    for (name, value) in &loser.values {
        let own = winner.values.entry(name.clone()).or_default();
        if own.is_empty() {
            own.clone_from(value);
        } else if name == "email" && !value.is_empty() && !winner.more_emails.contains(value) {
            winner.more_emails.push(value.clone());
        }
    }
    winner.more_emails.append(&mut loser.more_emails);
    winner.merged.push(loser.id);
    winner.merged.append(&mut loser.merged);
    winner.modified = now;
    loser.modified = now;
    loser.merged_into = Some(winner.id);
    let links = std::mem::take(&mut loser.links);
    let (winner_id, loser_id) = (winner.id, loser.id);

    // The loser goes first, so that its unique values are free when the winner takes them.
    let mut changes: Changes = vec![(kind, loser), (kind, winner)];
    for (to, ids) in links {
        for other in ids {
            associations::plan_forget(crm, &to, other, (kind, loser_id), &mut changes, now);
            if let Some(to) = crm.kind_named(&to).filter(|to| (*to, other) != (kind, winner_id)) {
                associations::plan_link(crm, (kind, winner_id), (to, other), false, &mut changes, now);
            }
        }
    }
    Ok((winner_id, crm.commit(changes)))
}
