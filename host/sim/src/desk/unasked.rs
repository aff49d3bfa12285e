//! What happens to an object without a request: an agent's or a trigger's doing.

use super::{
    Desk, ME,
    fields::{Kind, Type},
    refusal::Refusal,
    table::{Comment, Row},
    write,
};
use crate::simulated::{Amendment, Fields};
use serde_json::{Value, json};

pub(crate) fn live(desk: &Desk, kind: &str) -> Vec<String> {
    let Some(kind) = Kind::from_plural(kind) else { return Vec::new() };
    desk.table(kind).all_live().filter(|row| row.text("role") != "admin").map(|row| row.id.to_string()).collect()
}

pub(crate) fn about(entry: &Value) -> Option<(String, String)> {
    Some((entry["of"].as_str()?.to_owned(), entry["row"]["id"].as_u64()?.to_string()))
}

pub(crate) fn amend(desk: &mut Desk, kind: &str, id: &str, amendment: Amendment<'_>, now: i64) -> Vec<Value> {
    let (Some(kind), Ok(id)) = (Kind::from_plural(kind), id.parse::<u64>()) else { return Vec::new() };
    let Some(row) = desk.table(kind).live(id) else { return Vec::new() };
    let changes = match amendment {
        Amendment::Delete => return desk.delete(kind, id, now).unwrap_or_default(),
        Amendment::Touch => vec![(kind, Row { modified: now, ..row.clone() })],
        Amendment::Set(field, edit) => {
            if !matches!(kind.field(field), Some(Type::Text(_) | Type::Email | Type::Choice(_) | Type::Time)) {
                return Vec::new();
            }
            let given = Fields::from_iter([(field.to_owned(), edit(row.text(field)).into())]);
            // What the system itself would refuse does not happen.
            write::plan(desk, kind, Some(row), &given, now).map(|plan| plan.changes).unwrap_or_default()
        }
    };
    desk.commit(changes)
}

pub(crate) fn merge(desk: &mut Desk, kind: &str, winner: &str, loser: &str, now: i64) -> Result<Vec<Value>, String> {
    let kind = Kind::from_plural(kind).ok_or_else(|| format!("there are no {kind} here"))?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text} is not an id"));
    join(desk, kind, number(winner)?, number(loser)?, now).map_err(|refusal| refusal.line().1)
}

/// Users: the loser is deleted, and the winner has its tickets. Tickets: the loser is closed, with a word in both. Organizations do not
/// merge through the interface, and do the same.
pub(crate) fn join(desk: &mut Desk, kind: Kind, winner: u64, loser: u64, now: i64) -> Result<Vec<Value>, Refusal> {
    let table = desk.table(kind);
    let find = |id: u64| table.live(id).cloned().ok_or_else(Refusal::not_found);
    let (mut kept, mut lost) = (find(winner)?, find(loser)?);
    if winner == loser || loser == ME {
        return Err(Refusal::invalid("base", format!("{loser} cannot be merged into {winner}"), "InvalidValue"));
    }
    (kept.modified, lost.modified) = (now, now);
    let mut changes = Vec::new();
    if kind == Kind::Tickets {
        let note = |row: &mut Row, body: String| {
            let id = row.id * 1_000 + row.comments.len() as u64 * 2 + 1;
            row.comments.push(Comment { id, author: ME, body, public: false, created: now });
        };
        note(&mut kept, format!("Request #{loser} was closed and merged into this request."));
        note(&mut lost, format!("This request was closed and merged into request #{winner}."));
        lost.fields.insert("status".to_owned(), "closed".into());
        lost.fields.insert("tags".to_owned(), json!(["closed_by_merge"]));
    } else {
        for (name, value) in &lost.fields {
            if kept.value(name).is_null() && name != "external_id" {
                kept.fields.insert(name.clone(), value.clone());
            }
        }
        lost.gone = true;
        let field = if kind == Kind::Users { "requester_id" } else { "organization_id" };
        let tickets = desk.table(Kind::Tickets).all_live().filter(|row| row.value(field).as_u64() == Some(loser));
        changes.extend(tickets.cloned().map(|mut row| {
            row.fields.insert(field.to_owned(), winner.into());
            row.modified = now;
            (Kind::Tickets, row)
        }));
    }
    // The loser goes first, so that its mailbox is free.
    changes.extend([(kind, lost), (kind, kept)]);
    Ok(desk.commit(changes))
}
