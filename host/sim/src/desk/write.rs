//! Making, changing and deleting one object.
//!
//! A plan is everything that a write would change; nothing is changed before all of it is known to be allowed.

use super::{
    Desk, ME,
    fields::{self, Kind, Type, defaults, normal, title},
    refusal::Refusal,
    table::{Comment, Row},
};
use crate::{simulated::Fields, time};
use serde_json::Value;

/// What a write comes to.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) id: u64,
    pub(crate) new: bool,
    /// Changed objects: a requester who was made on the way first, the object itself last. Empty where nothing differs.
    pub(crate) changes: Vec<(Kind, Row)>,
}

/// Fields of a ticket that are no values of it.
const ASIDE: [&str; 5] = ["comment", "description", "requester", "safe_update", "updated_stamp"];

pub(crate) fn plan(desk: &Desk, kind: Kind, old: Option<&Row>, given: &Fields, now: i64) -> Result<Plan, Refusal> {
    let id = old.map_or_else(|| desk.next_id(kind), |old| old.id);
    let mut row = old.cloned().unwrap_or_else(|| Row {
        id,
        fields: defaults(kind),
        created: now,
        modified: now,
        gone: false,
        comments: Vec::new(),
    });
    let mut changes = Vec::new();
    if kind == Kind::Tickets {
        if row.text("status") == "closed" {
            return Err(Refusal::invalid("status", "Status: closed prevents ticket update".to_owned(), "Closed"));
        }
        unchanged_since(old, given)?;
        changes.extend(requester(desk, &mut row, given, now)?);
    }
    for (name, value) in given {
        if (kind == Kind::Tickets && ASIDE.contains(&name.as_str()))
            || (kind == Kind::Users && name == "skip_verify_email")
            || name == "id"
        {
            continue;
        }
        let Some(field) = kind.field(name) else {
            return Err(Refusal::attribute(name, "There is no such attribute."));
        };
        let value = normal(name, field, value)?;
        if let (Type::Id(of), Some(other)) = (field, value.as_u64())
            && desk.table(of).live(other).is_none()
        {
            return Err(Refusal::invalid(name, format!("{}: {other} does not exist", title(name)), "InvalidValue"));
        }
        row.fields.insert(name.clone(), value);
    }
    if kind == Kind::Tickets {
        ticket_defaults(desk, &mut row, &changes);
        let author = row.value("submitter_id").as_u64().unwrap_or(ME);
        row.comments.extend(comment(desk, &row, given, author, now)?);
        if row.comments.is_empty() {
            return Err(Refusal::invalid("base", "Description: cannot be blank".to_owned(), "BlankValue"));
        }
    }
    unique(desk, kind, &row)?;
    if old != Some(&row) {
        row.modified = now;
        changes.push((kind, row));
    }
    Ok(Plan { id, new: old.is_none(), changes })
}

/// 409 where the ticket was changed after the time that the client names.
fn unchanged_since(old: Option<&Row>, given: &Fields) -> Result<(), Refusal> {
    if given.get("safe_update") != Some(&Value::Bool(true)) {
        return Ok(());
    }
    let stamp = given.get("updated_stamp").and_then(Value::as_str).and_then(time::parse);
    let stamp = stamp.ok_or_else(|| Refusal::attribute("updated_stamp", "It must be a time."))?;
    match old {
        Some(old) if old.modified.div_euclid(1_000) > stamp.div_euclid(1_000) => {
            let sentence = "Safe Update prevented the update due to outdated ticket data. Please fetch the latest ticket data and try again.";
            Err(Refusal::Plain(409, "UpdateConflict", sentence.to_owned()))
        }
        _ => Ok(()),
    }
}

/// The requester named by mailbox: found, or made.
fn requester(desk: &Desk, row: &mut Row, given: &Fields, now: i64) -> Result<Option<(Kind, Row)>, Refusal> {
    let Some(wanted) = given.get("requester") else { return Ok(None) };
    let wanted = wanted.as_object().ok_or_else(|| Refusal::attribute("requester", "It must be an object."))?;
    let email = wanted.get("email").and_then(Value::as_str).unwrap_or_default();
    if let Some(user) = desk.table(Kind::Users).found("email", email).first().filter(|_| !email.is_empty()) {
        row.fields.insert("requester_id".to_owned(), user.id.into());
        return Ok(None);
    }
    let made = plan(desk, Kind::Users, None, wanted, now)?;
    row.fields.insert("requester_id".to_owned(), made.id.into());
    Ok(made.changes.into_iter().next())
}

/// Whoever asks through the interface asks for himself, where nobody is named.
fn ticket_defaults(desk: &Desk, row: &mut Row, made: &[(Kind, Row)]) {
    if row.value("requester_id").is_null() {
        row.fields.insert("requester_id".to_owned(), ME.into());
    }
    let requester = row.value("requester_id").as_u64().unwrap_or(ME);
    if row.value("submitter_id").is_null() {
        row.fields.insert("submitter_id".to_owned(), requester.into());
    }
    let new = made.iter().map(|(_, row)| row).find(|row| row.id == requester);
    if row.value("organization_id").is_null()
        && let Some(user) = new.or_else(|| desk.table(Kind::Users).live(requester))
    {
        row.fields.insert("organization_id".to_owned(), user.value("organization_id").clone());
    }
}

fn comment(desk: &Desk, row: &Row, given: &Fields, author: u64, now: i64) -> Result<Option<Comment>, Refusal> {
    let nothing = Fields::new();
    let (body, more) = match (given.get("comment"), given.get("description")) {
        (Some(Value::Object(comment)), _) => (comment.get("body").and_then(Value::as_str).unwrap_or_default(), comment),
        (Some(Value::String(text)), _) | (None, Some(Value::String(text))) => (text.as_str(), &nothing),
        (None, None) => return Ok(None),
        _ => return Err(Refusal::attribute("comment", "It must be an object with a body.")),
    };
    if let Some(odd) = more.keys().find(|name| !["body", "public", "author_id"].contains(&name.as_str())) {
        return Err(Refusal::attribute(&format!("comment.{odd}"), "There is no such attribute."));
    }
    if body.trim().is_empty() {
        return Err(Refusal::invalid("base", "Comment: cannot be blank".to_owned(), "BlankValue"));
    }
    let author = match more.get("author_id") {
        None => author,
        Some(id) => {
            let known = id.as_u64().filter(|id| desk.table(Kind::Users).live(*id).is_some());
            known.ok_or_else(|| Refusal::invalid("author", "Author: does not exist".to_owned(), "InvalidValue"))?
        }
    };
    let public = more.get("public").and_then(Value::as_bool).unwrap_or(true);
    let id = row.id * 1_000 + row.comments.len() as u64 * 2 + 1;
    Ok(Some(Comment { id, author, body: body.to_owned(), public, created: now }))
}

/// What no two may have.
fn unique(desk: &Desk, kind: Kind, row: &Row) -> Result<(), Refusal> {
    let required: &[&str] = if kind == Kind::Tickets { &[] } else { &["name"] };
    for name in required {
        if row.text(name).trim().is_empty() {
            return Err(Refusal::invalid(name, format!("{}: cannot be blank", title(name)), "BlankValue"));
        }
    }
    let alone: &[&'static str] = match kind {
        Kind::Tickets => &[],
        Kind::Users => &["email", "external_id"],
        Kind::Organizations => &["name", "external_id"],
    };
    for name in alone.iter().filter(|name| !row.text(name).is_empty()) {
        let value = row.text(name);
        if desk.table(kind).found(name, value).iter().any(|other| other.id != row.id) {
            let sentence = match kind {
                Kind::Users => format!("{}: {value} is already being used by another user", fields::title(name)),
                _ => format!("{}: {value} has already been taken", fields::title(name)),
            };
            return Err(Refusal::invalid(name, sentence, "DuplicateValue"));
        }
    }
    Ok(())
}

/// The same row, deleted.
pub(crate) fn deleted(row: &Row, now: i64) -> Row {
    Row { gone: true, modified: now, ..row.clone() }
}

/// The user that the fields name by mailbox or external id.
pub(crate) fn named<'a>(desk: &'a Desk, given: &Fields) -> Option<&'a Row> {
    let users = desk.table(Kind::Users);
    ["external_id", "email"].into_iter().find_map(|name| {
        let value = given.get(name).and_then(Value::as_str).filter(|value| !value.is_empty())?;
        users.found(name, value).first().copied()
    })
}
