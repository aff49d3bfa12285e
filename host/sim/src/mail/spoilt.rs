//! What fault switches ask of the mail system: what its requests are about, and how Mailchimp words a refusal.

use super::{Mail, refusal::Refusal};
use crate::{
    faults::Switch,
    rng::uuid,
    simulated::{Ask, Fields, No, Page, What},
    wire::{Call, Reply},
};
use serde_json::Value;

/// Fields of a member that are no merge fields.
pub(crate) const FIELDS: [&str; 7] =
    ["email_address", "status", "status_if_new", "language", "vip", "unique_email_id", "since_last_changed"];

pub(crate) fn lacks(switch: Switch) -> Option<&'static str> {
    match switch {
        Switch::NoIdempotency => Some("Mailchimp has no idempotency keys"),
        Switch::ExpiredCheckpoint => Some("Mailchimp's pages are counted, and its times never too old"),
        _ => None,
    }
}

pub(crate) fn refuse(mail: &Mail, no: &No) -> Reply {
    let refusal = match no {
        No::RateLimited => Refusal::new(429, "Too Many Requests", "You have exceeded the limit of 10 simultaneous connections."),
        No::Down | No::Failing(503) => Refusal::new(503, "ComplianceRelated", "This method has been disabled."),
        No::Failing(status) => Refusal::new(*status, "InternalServerError", "An unexpected internal error has occurred."),
        No::BadToken => Refusal::new(
            401,
            "API Key Invalid",
            "Your API key may be invalid, or you've attempted to access the wrong datacenter.",
        ),
        No::Forbidden(_) => Refusal::new(403, "Forbidden", "You are not permitted to access this resource."),
        No::UnknownField(field) => Refusal::field(field, "There is no such field"),
        No::ReadOnly(field) => Refusal::field(field, "This field cannot be changed"),
        No::Unsearchable(field) => Refusal::field(field, "Members cannot be filtered by this field"),
        No::Expired => Refusal::field("since_last_changed", "This value is too old"),
    };
    refusal.reply(&uuid(mail.seed, "refused", mail.requests))
}

/// What follows the version in a path.
fn rest(call: &Call) -> Vec<&str> {
    call.segments.iter().skip(1).map(String::as_str).collect()
}

pub(crate) fn ask(call: &Call) -> Ask {
    let (what, object) = match (call.method.as_str(), rest(call).as_slice()) {
        ("GET", ["lists", _, "members"]) => (What::List, Some("members")),
        ("GET", ["lists", _, "members", ..]) => (What::Get, Some("members")),
        ("GET", ["campaigns"]) => (What::List, Some("campaigns")),
        ("GET", ["campaigns", _]) => (What::Get, Some("campaigns")),
        ("GET", _) => (What::Other, None),
        _ => (What::Write, Some("members")),
    };
    Ask { what, object: object.map(str::to_owned) }
}

pub(crate) fn written(call: &Call, body: &mut Value, visit: &mut dyn FnMut(&mut Fields)) {
    if ask(call).what != What::Write {
        return;
    }
    let mut member = |fields: &mut Fields| {
        visit(fields);
        if let Some(columns) = fields.get_mut("merge_fields").and_then(Value::as_object_mut) {
            visit(columns);
        }
    };
    match body.get_mut("members").and_then(Value::as_array_mut) {
        Some(many) => many.iter_mut().filter_map(Value::as_object_mut).for_each(member),
        None => body.as_object_mut().into_iter().for_each(&mut member),
    }
}

pub(crate) fn batch<'a>(call: &Call, body: &'a mut Value) -> Option<&'a mut Vec<Value>> {
    match (call.method.as_str(), rest(call).as_slice()) {
        ("POST", ["lists", _]) => body.get_mut("members")?.as_array_mut(),
        _ => None,
    }
}

pub(crate) fn searched(call: &Call) -> Vec<String> {
    FIELDS.iter().filter(|name| call.param(name).is_some()).map(|name| (*name).to_owned()).collect()
}

/// The parameter with the time of the last change.
pub(crate) fn by_updated(call: &Call) -> Option<String> {
    let name = "since_last_changed";
    call.param(name).map(|_| name.to_owned())
}

pub(crate) fn strip(body: &mut Value, field: &str) {
    match body {
        Value::Array(list) => {
            list.retain(|entry| entry["tag"] != field);
            list.iter_mut().for_each(|entry| strip(entry, field));
        }
        Value::Object(fields) => {
            fields.remove(field);
            fields.values_mut().for_each(|entry| strip(entry, field));
        }
        _ => {}
    }
}

pub(crate) fn page(call: &Call, body: &Value) -> Option<Page> {
    if ask(call).object.as_deref() != Some("members") {
        return None;
    }
    let members = body["members"].as_array()?;
    let ids: Vec<String> = members.iter().filter_map(|member| member["contact_id"].as_str().map(str::to_owned)).collect();
    let offset: u64 = call.param("offset").and_then(|text| text.parse().ok()).unwrap_or(0);
    let more = offset + (members.len() as u64) < body["total_items"].as_u64()?;
    Some(Page {
        kind: "members".to_owned(),
        ids,
        next: more.then(String::new),
        by_id: call.param("sort_field") != Some("last_changed"),
    })
}
