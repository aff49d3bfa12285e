//! `PUT` and `POST Contacts`.
//!
//! `PUT` only creates. `POST` finds the contact by ContactID, else by ContactNumber, else (where neither is given) by the name of an
//! active contact, else creates. Without `summarizeErrors=false` one bad element refuses them all; with it each stands for itself.

use super::{
    Books,
    contact::{Contact, Status, echo},
    read::{flag, known},
    refusal::Refusal,
    store::folded,
};
use crate::{
    rng::uuid,
    wire::{Call, Reply},
};
use serde_json::{Map, Value, json};

/// What is to be done with the elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode<'a> {
    Create,
    Upsert,
    /// The contact that the path names.
    Update(&'a str),
}

/// An element that was looked at.
enum Verdict {
    /// The contact as it will be; whether it differs from what is there.
    Good(Box<Contact>, bool),
    Bad(Map<String, Value>, Vec<String>),
}

pub(crate) fn contacts(books: &mut Books, call: &Call, mode: Mode<'_>, now: i64) -> Result<Reply, Refusal> {
    known(call, if matches!(mode, Mode::Update(_)) { &[] } else { &["summarizeErrors"] })?;
    let each = call.param("summarizeErrors").is_some() && !flag(call, "summarizeErrors")?;
    let elements = elements(call)?;
    if matches!(mode, Mode::Update(_)) && elements.len() != 1 {
        return Err(Refusal::data("One contact is expected for a path that names one"));
    }
    let mut staged: Vec<Contact> = Vec::new();
    let mut verdicts = Vec::new();
    for element in &elements {
        let verdict = judge(books, &staged, element, mode, now)?;
        if let Verdict::Good(contact, true) = &verdict {
            staged.retain(|other| other.serial != contact.serial);
            staged.push(contact.as_ref().clone());
        }
        verdicts.push(verdict);
    }
    let bad: Vec<Value> = verdicts
        .iter()
        .filter_map(|verdict| if let Verdict::Bad(echo, wrong) = verdict { Some(refused(echo, wrong, false)) } else { None })
        .collect();
    if !bad.is_empty() && !each {
        return Err(Refusal::Elements(bad));
    }
    let answers: Vec<Value> = verdicts
        .iter()
        .map(|verdict| match verdict {
            Verdict::Good(contact, _) => {
                let mut out = contact.render(true);
                if each {
                    out.insert("StatusAttributeString".into(), "OK".into());
                }
                Value::Object(out)
            }
            Verdict::Bad(echo, wrong) => refused(echo, wrong, true),
        })
        .collect();
    let mut entries = Vec::new();
    for contact in staged {
        entries.push(json!({"contact": contact}));
        books.store.put_contact(contact);
    }
    Ok(books.envelope("Contacts", answers, None, now).with_entries(entries))
}

fn refused(echo: &Map<String, Value>, wrong: &[String], with_status: bool) -> Value {
    let mut out = echo.clone();
    out.insert("HasValidationErrors".into(), true.into());
    out.insert("ValidationErrors".into(), wrong.iter().map(|message| json!({"Message": message})).collect());
    if with_status {
        out.insert("StatusAttributeString".into(), "ERROR".into());
    }
    Value::Object(out)
}

/// The contacts of a body: a list under `Contacts`, or one contact alone.
fn elements(call: &Call) -> Result<Vec<Map<String, Value>>, Refusal> {
    if !call.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/json")) {
        return Err(Refusal::Status(415, 14, "PostDataInvalidException", "The request body must be application/json".to_owned()));
    }
    let body: Value =
        serde_json::from_slice(&call.body).map_err(|error| Refusal::data(format!("JSON for post data was invalid, {error}")))?;
    let Value::Object(mut body) = body else {
        return Err(Refusal::data("JSON for post data was invalid, an object is expected"));
    };
    let list = match body.remove("Contacts") {
        None => return Ok(vec![body]),
        Some(Value::Array(list)) => list,
        Some(_) => {
            return Err(Refusal::data("JSON for post data was invalid, Contacts must be a list"));
        }
    };
    body.remove("pagination");
    body.remove("Warnings");
    if let Some(name) = body.keys().next() {
        return Err(Refusal::data(format!("The field {name} does not exist beside Contacts")));
    }
    if list.is_empty() {
        return Err(Refusal::Number(17, "NoDataProcessedException", "No data has been processed for this endpoint. This endpoint is expecting Contact data to be specified in the request body.".to_owned()));
    }
    list.into_iter()
        .map(|element| match element {
            Value::Object(element) => Ok(element),
            _ => Err(Refusal::data("JSON for post data was invalid, a contact must be an object")),
        })
        .collect()
}

fn judge(books: &Books, staged: &[Contact], given: &Map<String, Value>, mode: Mode<'_>, now: i64) -> Result<Verdict, Refusal> {
    let text = |name: &str| given.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let latest = |found: Option<&Contact>| -> Option<Contact> {
        let found = found?;
        Some(staged.iter().find(|other| other.serial == found.serial).unwrap_or(found).clone())
    };
    let find = |matches: &dyn Fn(&Contact) -> bool, stored: Option<&Contact>| {
        staged.iter().find(|contact| matches(contact)).cloned().or_else(|| latest(stored).filter(|contact| matches(contact)))
    };
    let by_number = |number: &str| find(&|contact| contact.text("ContactNumber") == number, books.store.by_number(number));
    let by_name = |name: &str| {
        let key = folded(name);
        find(&|contact| contact.status == Status::Active && folded(contact.text("Name")) == key, books.store.by_name(name))
    };
    let old = match mode {
        Mode::Create => None,
        Mode::Update(path) => {
            let found = latest(books.store.by_id(path).or_else(|| books.store.by_number(path))).ok_or_else(Refusal::not_found)?;
            if text("ContactID").is_some_and(|id| !id.eq_ignore_ascii_case(&found.id)) {
                return Err(Refusal::data("The ContactID in the body is not the one in the path"));
            }
            Some(found)
        }
        Mode::Upsert => match (text("ContactID"), text("ContactNumber"), text("Name")) {
            (Some(id), _, _) => match latest(books.store.by_id(id)) {
                Some(found) => Some(found),
                None => {
                    return Ok(Verdict::Bad(
                        echo(given, Some(super::contact::NIL_ID)),
                        vec![format!("The contact {id} could not be found")],
                    ));
                }
            },
            (None, Some(number), _) => by_number(number),
            (None, None, Some(name)) => by_name(name),
            (None, None, None) => None,
        },
    };
    let serial = books.store.next_serial().max(staged.iter().map(|contact| contact.serial + 1).max().unwrap_or(0));
    let mut contact = old.clone().unwrap_or_else(|| Contact::new(serial, uuid(books.seed, "contact", serial)));
    let mut wrong = contact.take(given).err().unwrap_or_default();
    if mode == Mode::Create && text("ContactID").is_some() {
        wrong.push("A ContactID cannot be given for a contact that is to be created".to_owned());
    }
    let name = contact.text("Name");
    if contact.status == Status::Active && by_name(name).is_some_and(|other| other.serial != contact.serial) {
        wrong.push(format!(
            "The contact name {name} is already assigned to another contact. The contact name must be unique across all active contacts."
        ));
    }
    let number = contact.text("ContactNumber");
    if !number.is_empty() && by_number(number).is_some_and(|other| other.serial != contact.serial) {
        wrong.push(format!(
            "The contact number {number} is already assigned to another contact. The contact number must be unique."
        ));
    }
    if !wrong.is_empty() {
        return Ok(Verdict::Bad(echo(given, old.as_ref().map(|contact| contact.id.as_str())), wrong));
    }
    let changed = old.as_ref() != Some(&contact);
    if changed {
        contact.modified = now;
    }
    Ok(Verdict::Good(Box::new(contact), changed))
}
