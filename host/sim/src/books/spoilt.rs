//! What fault switches ask of the books: what their requests are about, and how Xero words a refusal.

use super::{Books, contact, filter, refusal::Refusal};
use crate::{
    faults::Switch,
    rng::uuid,
    simulated::{Ask, Checkpoint, Fields, No, Page, What},
    time,
    wire::{Call, Reply},
};
use serde_json::{Value, json};

pub(crate) fn lacks(switch: Switch) -> Option<&'static str> {
    match switch {
        Switch::NoUpdatedSince => Some("Xero's lists all take If-Modified-Since"),
        _ => None,
    }
}

pub(crate) fn refuse(books: &Books, no: &No) -> Reply {
    let title = |title, status, detail: &str| Refusal::Title(title, status, detail.to_owned());
    let element = |message: String| {
        let echo = json!({"ContactID": contact::NIL_ID, "HasValidationErrors": true, "ValidationErrors": [{"Message": message}]});
        Refusal::Elements(vec![echo])
    };
    let refusal = match no {
        No::RateLimited => title("TooManyRequests", 429, "The minute limit of calls has been reached"),
        No::Down => title("ServiceUnavailable", 503, "The organisation is offline"),
        No::Failing(503) => title("ServiceUnavailable", 503, "The service is temporarily unavailable"),
        No::Failing(status) => title("InternalServerError", *status, "An error occurred in Xero"),
        No::BadToken => title("Unauthorized", 401, "TokenExpired"),
        No::Forbidden(_) => title("Forbidden", 403, "AuthorizationUnsuccessful"),
        No::UnknownField(field) => element(format!("The field {field} does not exist on a contact")),
        No::ReadOnly(field) => element(format!("The field {field} cannot be updated")),
        No::Unsearchable(field) => Refusal::query(format!("No property or field '{field}' can be filtered by")),
        No::Expired => Refusal::query("If-Modified-Since lies too far in the past"),
    };
    let mut reply = refusal.reply(&uuid(books.seed, "refused", books.requests));
    if matches!(no, No::RateLimited) {
        reply.headers.push(("x-rate-limit-problem", "minute".to_owned()));
        reply.headers.push(("x-minlimit-remaining", "0".to_owned()));
    }
    reply
}

/// What follows the version in a path.
fn rest(call: &Call) -> Option<Vec<&str>> {
    match call.segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["api.xro", "2.0", rest @ ..] => Some(rest.to_vec()),
        _ => None,
    }
}

pub(crate) fn ask(call: &Call) -> Ask {
    let (what, object) = match (call.method.as_str(), rest(call).as_deref()) {
        (_, None) if call.segments.last().is_some_and(|last| last == "token") => (What::Token, None),
        ("GET", Some([kind @ ("Contacts" | "Invoices")])) => (What::List, Some(*kind)),
        ("GET", Some([kind @ ("Contacts" | "Invoices"), ..])) => (What::Get, Some(*kind)),
        ("PUT" | "POST", Some([kind, ..])) => (What::Write, Some(*kind)),
        _ => (What::Other, None),
    };
    Ask { what, object: object.map(str::to_owned) }
}

/// The contacts of a body.
fn elements(body: &mut Value) -> Vec<&mut Value> {
    if body.get("Contacts").is_some() {
        body.get_mut("Contacts").and_then(Value::as_array_mut).into_iter().flatten().collect()
    } else {
        vec![body]
    }
}

pub(crate) fn written(call: &Call, body: &mut Value, visit: &mut dyn FnMut(&mut Fields)) {
    if ask(call).what != What::Write {
        return;
    }
    for contact in elements(body).into_iter().filter_map(Value::as_object_mut) {
        visit(contact);
        for parts in ["Phones", "Addresses", "ContactPersons"] {
            let parts = contact.get_mut(parts).and_then(Value::as_array_mut);
            parts.into_iter().flatten().filter_map(Value::as_object_mut).for_each(&mut *visit);
        }
    }
}

pub(crate) fn batch<'a>(call: &Call, body: &'a mut Value) -> Option<&'a mut Vec<Value>> {
    if ask(call).what == What::Write { body.get_mut("Contacts")?.as_array_mut() } else { None }
}

pub(crate) fn partial(call: &Call, reply: Reply, failed: &[Value]) -> Reply {
    if reply.status >= 300 {
        return reply;
    }
    let each = call.param("summarizeErrors").is_some_and(|text| text.eq_ignore_ascii_case("false"));
    let refused = failed.iter().filter_map(Value::as_object).map(|given| {
        let mut out = contact::echo(given, given.get("ContactID").and_then(Value::as_str));
        out.insert("HasValidationErrors".into(), true.into());
        out.insert("ValidationErrors".into(), json!([{"Message": "The contact could not be saved; try again"}]));
        if each {
            out.insert("StatusAttributeString".into(), "ERROR".into());
        }
        Value::Object(out)
    });
    let refused: Vec<Value> = refused.collect();
    let mut partial = if each {
        let mut body = reply.json_body().unwrap_or_default();
        if let Some(list) = body["Contacts"].as_array_mut() {
            list.extend(refused);
        }
        Reply::json(200, body)
    } else {
        Refusal::Elements(refused).reply("")
    };
    partial.changed = reply.changed;
    partial
}

pub(crate) fn searched(call: &Call) -> Vec<String> {
    let clauses = call.param("where").and_then(|text| filter::parse(text).ok()).unwrap_or_default();
    let order = call.param("order").and_then(|text| filter::parse_order(text).ok());
    clauses.into_iter().map(|clause| clause.field).chain(order.map(|(field, _)| field)).collect()
}

pub(crate) fn strip(_call: &Call, body: &mut Value, field: &str) {
    for list in ["Contacts", "Invoices"] {
        for object in body.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            without(object, field);
        }
    }
}

/// Takes a field out of an object and of the parts in it.
fn without(value: &mut Value, field: &str) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|entry| without(entry, field)),
        Value::Object(fields) => {
            fields.remove(field);
            fields.values_mut().for_each(|entry| without(entry, field));
        }
        _ => {}
    }
}

pub(crate) fn page(call: &Call, body: &Value) -> Option<Page> {
    let Ask { what: What::List, object: Some(kind) } = ask(call) else { return None };
    let name = if kind == "Contacts" { "ContactID" } else { "InvoiceID" };
    let ids = body[&kind].as_array()?.iter().filter_map(|object| object[name].as_str().map(str::to_owned)).collect();
    // Pages are counted: there is no token.
    let more = body["pagination"]["page"].as_u64() < body["pagination"]["pageCount"].as_u64();
    Some(Page { kind, ids, next: more.then(String::new), by_id: false })
}

pub(crate) fn checkpoint(call: &Call) -> Option<Checkpoint> {
    call.header("if-modified-since").and_then(time::parse).map(Checkpoint::Since)
}
