//! What fault switches ask of the desk: what its requests are about, and how Zendesk words a refusal.

use super::{fields::Kind, path, refusal::Refusal};
use crate::{
    faults::Switch,
    simulated::{Ask, Checkpoint, Fields, No, Page, What},
    wire::{Call, Reply},
};
use serde_json::Value;

pub(crate) fn lacks(switch: Switch) -> Option<&'static str> {
    match switch {
        Switch::NoUpdatedSince => Some("an export of Zendesk's is by time alone"),
        _ => None,
    }
}

pub(crate) fn refuse(no: &No) -> Reply {
    let plain = |status, word, sentence: &str| Refusal::Plain(status, word, sentence.to_owned());
    let refusal = match no {
        No::RateLimited => plain(429, "APIRateLimitExceeded", "Number of allowed API requests per minute exceeded"),
        No::Down | No::Failing(503) => plain(503, "ServiceUnavailable", "The service is temporarily unavailable"),
        No::Failing(status) => plain(*status, "InternalError", "An unexpected error occurred"),
        No::BadToken => plain(401, "Couldn't authenticate you", ""),
        No::Forbidden(_) => {
            let message =
                "You do not have access to this page. Please contact the account owner of this help desk for further help.";
            Refusal::Title(403, "Forbidden", message.to_owned())
        }
        No::UnknownField(field) => Refusal::attribute(field, "There is no such attribute."),
        No::ReadOnly(field) => Refusal::attribute(field, "It cannot be changed."),
        No::Unsearchable(field) => plain(422, "InvalidSearch", &format!("{field} cannot be searched by")),
        No::Expired => plain(422, "InvalidValue", "The cursor has expired; start again from a start_time"),
    };
    let mut reply = refusal.reply();
    if matches!(no, No::RateLimited) {
        reply.headers.push(("x-rate-limit", crate::limits::DESK_REQUESTS_MINUTE_MAX.to_string()));
        reply.headers.push(("x-rate-limit-remaining", "0".to_owned()));
    }
    reply
}

pub(crate) fn ask(call: &Call) -> Ask {
    let path = path(call);
    let rest: Vec<&str> = path.iter().skip(2).map(String::as_str).collect();
    let (what, object) = match (call.method.as_str(), rest.as_slice()) {
        ("GET", ["incremental", kind, ..]) => (What::List, Some(*kind)),
        ("GET", [kind @ ("tickets" | "users" | "organizations")] | [kind, "search"]) => (What::List, Some(*kind)),
        ("GET", [kind @ ("tickets" | "users" | "organizations"), ..]) => (What::Get, Some(*kind)),
        ("GET", _) => (What::Other, None),
        (_, [kind, ..]) => (What::Write, Some(*kind)),
        _ => (What::Other, None),
    };
    Ask { what, object: object.map(str::to_owned) }
}

/// The kind that a request writes.
fn kind(call: &Call) -> Option<Kind> {
    match ask(call) {
        Ask { what: What::Write, object: Some(name) } => Kind::from_plural(&name),
        _ => None,
    }
}

pub(crate) fn written(call: &Call, body: &mut Value, visit: &mut dyn FnMut(&mut Fields)) {
    let Some(kind) = kind(call) else { return };
    if let Some(fields) = body.get_mut(kind.singular()).and_then(Value::as_object_mut) {
        visit(fields);
    }
    let many = body.get_mut(kind.plural()).and_then(Value::as_array_mut);
    many.into_iter().flatten().filter_map(Value::as_object_mut).for_each(visit);
}

pub(crate) fn batch<'a>(call: &Call, body: &'a mut Value) -> Option<&'a mut Vec<Value>> {
    body.get_mut(kind(call)?.plural())?.as_array_mut()
}

pub(crate) fn searched(call: &Call) -> Vec<String> {
    let mut fields = Vec::new();
    if call.param("external_id").or_else(|| call.param("external_ids")).is_some() {
        fields.push("external_id".to_owned());
    }
    if let Some(query) = call.param("query") {
        fields.push(if query.contains('@') { "email" } else { "name" }.to_owned());
    }
    fields.extend(["name", "role"].into_iter().filter(|name| call.param(name).is_some()).map(str::to_owned));
    if path(call).last().is_some_and(|last| last.starts_with("create_or_update")) {
        let mut body = serde_json::from_slice(&call.body).unwrap_or_default();
        written(call, &mut body, &mut |given| {
            // What comes first, finds.
            fields.extend(["external_id", "email"].into_iter().find(|name| given.contains_key(*name)).map(str::to_owned));
        });
    }
    fields
}

pub(crate) fn strip(body: &mut Value, field: &str) {
    let drop = |object: &mut Value| {
        if let Some(fields) = object.as_object_mut() {
            fields.remove(field);
        }
    };
    for kind in Kind::ALL {
        body.get_mut(kind.singular()).into_iter().for_each(drop);
        body.get_mut(kind.plural()).and_then(Value::as_array_mut).into_iter().flatten().for_each(drop);
    }
    if let Some(fields) = body.get_mut("ticket_fields").and_then(Value::as_array_mut) {
        fields.retain(|known| known["type"] != field);
    }
}

pub(crate) fn page(call: &Call, body: &Value) -> Option<Page> {
    let Ask { what: What::List, object: Some(kind) } = ask(call) else { return None };
    let ids = body[&kind].as_array()?.iter().filter_map(|object| object["id"].as_u64().map(|id| id.to_string())).collect();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let next = match (&body["meta"]["has_more"], &body["end_of_stream"]) {
        (Value::Bool(more), _) => text(&body["meta"]["after_cursor"]).filter(|_| *more),
        // The cursor of an export goes on for ever.
        (_, Value::Bool(_)) => text(&body["after_cursor"]),
        _ => text(&body["next_page"]).map(|_| String::new()),
    };
    Some(Page { kind, ids, next, by_id: !body["count"].is_null() })
}

pub(crate) fn checkpoint(call: &Call) -> Option<Checkpoint> {
    if let Some(token) = call.param("cursor").or_else(|| call.param("page[after]")) {
        return Some(Checkpoint::Token(token.to_owned()));
    }
    let seconds: i64 = call.param("start_time")?.parse().ok()?;
    // From the beginning is always possible.
    (seconds > 0).then(|| Checkpoint::Since(seconds.saturating_mul(1_000)))
}
