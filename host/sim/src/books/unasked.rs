//! What happens to a contact without a request: a bookkeeper's or an automation's doing.

use super::{
    Books,
    contact::{Contact, Status},
    store::folded,
};
use crate::simulated::Amendment;
use serde_json::{Map, Value, json};

pub(crate) fn live(books: &Books, kind: &str) -> Vec<String> {
    let active = books.store.contacts().filter(|contact| contact.status == Status::Active);
    if kind == "Contacts" { active.map(|contact| contact.id.clone()).collect() } else { Vec::new() }
}

pub(crate) fn about(entry: &Value) -> Option<(String, String)> {
    Some(("Contacts".to_owned(), entry["contact"]["id"].as_str()?.to_owned()))
}

pub(crate) fn amend(books: &mut Books, kind: &str, id: &str, amendment: Amendment<'_>, now: i64) -> Vec<Value> {
    if kind == "Invoices" {
        return touch_invoice(books, id, amendment, now).into_iter().collect();
    }
    let Some(mut contact) = books.store.by_id(id).filter(|contact| contact.status == Status::Active).cloned() else {
        return Vec::new();
    };
    match amendment {
        // The books delete nothing.
        Amendment::Delete => contact.status = Status::Archived,
        Amendment::Touch => {}
        Amendment::Set(field, edit) => {
            if !set(books, &mut contact, field, edit) {
                return Vec::new();
            }
        }
    }
    contact.modified = now;
    vec![keep(books, contact)]
}

/// Sets a field of the contact or of its phones; false where nothing changes, or the system itself would refuse it.
fn set(books: &Books, contact: &mut Contact, field: &str, edit: &dyn Fn(&str) -> String) -> bool {
    let before = contact.clone();
    let mut inside = false;
    for part in contact.phones.values_mut().chain(contact.addresses.values_mut()) {
        if let Some(text) = part.get_mut(field) {
            *text = edit(text);
            inside = true;
        }
    }
    if !inside {
        let given = Map::from_iter([(field.to_owned(), edit(contact.text(field)).into())]);
        if contact.take(&given).is_err() {
            return false;
        }
    }
    let taken = books.store.by_name(contact.text("Name")).is_some_and(|other| other.serial != contact.serial)
        || books.store.by_number(contact.text("ContactNumber")).is_some_and(|other| other.serial != contact.serial);
    *contact != before && !taken
}

fn touch_invoice(books: &mut Books, id: &str, amendment: Amendment<'_>, now: i64) -> Option<Value> {
    let Amendment::Touch = amendment else { return None };
    let mut invoice = books.store.invoice_named(id)?.clone();
    invoice.modified = now;
    let entry = json!({"invoice": invoice});
    books.store.put_invoice(invoice);
    Some(entry)
}

fn keep(books: &mut Books, contact: Contact) -> Value {
    let entry = json!({"contact": contact});
    books.store.put_contact(contact);
    entry
}

/// The loser is archived and names the winner, which takes over its invoices and what it lacks itself.
pub(crate) fn merge(books: &mut Books, kind: &str, winner: &str, loser: &str, now: i64) -> Result<Vec<Value>, String> {
    let find = |id: &str| {
        let found = books.store.by_id(id).filter(|contact| contact.status == Status::Active).cloned();
        found.ok_or_else(|| format!("there is no active one of {kind} with the id {id}"))
    };
    let (mut winner, mut loser) = (find(winner)?, find(loser)?);
    if winner.serial == loser.serial {
        return Err("a contact cannot be merged with itself".to_owned());
    }
    for (name, text) in &loser.texts {
        if !["Name", "ContactNumber"].contains(&name.as_str()) {
            winner.texts.entry(name.clone()).or_insert_with(|| text.clone());
        }
    }
    for (own, other) in [(&mut winner.phones, &loser.phones), (&mut winner.addresses, &loser.addresses)] {
        for (kind, part) in other {
            own.entry(kind.clone()).or_insert_with(|| part.clone());
        }
    }
    winner.customer |= loser.customer;
    loser.status = Status::Archived;
    loser.merged_to = Some(winner.id.clone());
    (winner.modified, loser.modified) = (now, now);
    let theirs: Vec<_> =
        books.store.invoices().filter(|invoice| folded(&invoice.contact) == folded(&loser.id)).cloned().collect();
    let mut entries = Vec::new();
    for mut invoice in theirs {
        invoice.contact.clone_from(&winner.id);
        invoice.modified = now;
        entries.push(json!({"invoice": invoice}));
        books.store.put_invoice(invoice);
    }
    // The loser goes first, so that its name is free.
    entries.push(keep(books, loser));
    entries.push(keep(books, winner));
    Ok(entries)
}
