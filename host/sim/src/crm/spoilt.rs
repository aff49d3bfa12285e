//! What fault switches ask of the CRM: what its requests are about, and how HubSpot words a refusal.

use super::{
    Crm,
    refusal::{BadValue, Refusal},
};
use crate::{
    faults::Switch,
    rng::uuid,
    simulated::{Ask, Checkpoint, Fields, No, Page, What},
    wire::{Body, Call, Reply},
};
use serde_json::{Value, json};

pub(crate) fn lacks(switch: Switch) -> Option<&'static str> {
    match switch {
        Switch::NoIdempotency => Some("HubSpot has no idempotency keys"),
        _ => None,
    }
}

pub(crate) fn refuse(crm: &Crm, no: &No) -> Reply {
    let refusal = match no {
        No::RateLimited => {
            let mut reply = Refusal::new(429, "RATE_LIMITS", "You have reached your secondly limit.").reply(&correlation(crm));
            if let Body::Json(body) = &mut reply.body {
                body["errorType"] = "RATE_LIMIT".into();
                body["policyName"] = "SECONDLY".into();
            }
            reply.headers.push(("x-hubspot-ratelimit-secondly", "19".to_owned()));
            reply.headers.push(("x-hubspot-ratelimit-secondly-remaining", "0".to_owned()));
            return reply;
        }
        No::Down | No::Failing(503) => Refusal::new(503, "SERVICE_UNAVAILABLE", "The service is temporarily unavailable"),
        No::Failing(status) => Refusal::new(*status, "INTERNAL_ERROR", "internal error"),
        No::BadToken => Refusal::new(
            401,
            "EXPIRED_AUTHENTICATION",
            "The OAuth token used to make this call expired. Refresh the token and try again.",
        ),
        No::Forbidden(object) => {
            let scope = format!("crm.objects.{}.read", object.as_deref().unwrap_or("custom"));
            let mut refusal = Refusal::new(
                403,
                "MISSING_SCOPES",
                "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.",
            );
            let message = "One or more of the following scopes are required.";
            refusal.errors = vec![json!({"message": message, "context": {"requiredGranularScopes": [scope]}})];
            refusal
        }
        No::UnknownField(field) => Refusal::no_property(field),
        No::ReadOnly(field) => Refusal::values(&[BadValue {
            property: field.clone(),
            code: "READ_ONLY_VALUE",
            message: format!("\"{field}\" is a read only property; its value cannot be set"),
        }]),
        No::Unsearchable(field) => Refusal::invalid(format!("Property {field} is not searchable")),
        No::Expired => Refusal::invalid("The paging cursor has expired. Start again from the first page"),
    };
    refusal.reply(&correlation(crm))
}

fn correlation(crm: &Crm) -> String {
    uuid(crm.seed, "refused", crm.requests)
}

/// The kind in a path and what follows it.
fn parts(call: &Call) -> Option<(&str, Vec<&str>)> {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["crm", "v3", "objects", kind, rest @ ..]
        | ["crm", "v4", "objects", kind, rest @ ..]
        | ["crm", "objects", "2026-03", kind, rest @ ..] => Some((*kind, rest.to_vec())),
        _ => None,
    }
}

pub(crate) fn ask(crm: &Crm, call: &Call) -> Ask {
    let object = parts(call).and_then(|(kind, _)| crm.kind(kind).ok()).map(|kind| crm.tables[kind].schema.name.clone());
    let what = match (call.method.as_str(), parts(call).map(|(_, rest)| rest).as_deref()) {
        (_, None) if call.segments.last().is_some_and(|last| last == "token") => What::Token,
        (_, None) => What::Other,
        ("GET", Some([])) | ("POST", Some(["search"])) => What::List,
        ("GET", Some(_)) | ("POST", Some(["batch", "read"])) => What::Get,
        _ => What::Write,
    };
    Ask { what, object }
}

pub(crate) fn written(call: &Call, body: &mut Value, visit: &mut dyn FnMut(&mut Fields)) {
    let Some((_, rest)) = parts(call) else { return };
    let mut visit = |object: &mut Value| {
        if let Some(fields) = object.get_mut("properties").and_then(Value::as_object_mut) {
            visit(fields);
        }
    };
    match (call.method.as_str(), rest.as_slice()) {
        ("POST", []) | ("PATCH", [_]) => visit(body),
        ("POST", ["batch", "create" | "update" | "upsert"]) => {
            body.get_mut("inputs").and_then(Value::as_array_mut).into_iter().flatten().for_each(visit);
        }
        _ => {}
    }
}

pub(crate) fn batch<'a>(call: &Call, body: &'a mut Value) -> Option<&'a mut Vec<Value>> {
    // An archived batch is answered without a body, which cannot tell one from the other.
    match (call.method.as_str(), parts(call)?.1.as_slice()) {
        ("POST", ["batch", "create" | "update" | "upsert"]) => body.get_mut("inputs")?.as_array_mut(),
        _ => None,
    }
}

pub(crate) fn partial(crm: &Crm, _call: &Call, reply: Reply, failed: &[Value]) -> Reply {
    if reply.status >= 300 {
        return reply;
    }
    let mut body = reply.json_body().unwrap_or_default();
    let errors: Vec<Value> = failed
        .iter()
        .map(|input| {
            let context = ["objectWriteTraceId", "id"].into_iter().find_map(|name| Some((name, input.get(name)?)));
            let context = context.map_or_else(|| json!({}), |(name, value)| json!({name: [value]}));
            json!({
                "status": "error", "id": correlation(crm), "category": "INTERNAL_ERROR",
                "message": "The object could not be written; try again", "context": context, "errors": [], "links": {},
            })
        })
        .collect();
    body["numErrors"] = errors.len().into();
    body["errors"] = errors.into();
    let mut partial = Reply::json(207, body);
    partial.changed = reply.changed;
    partial
}

pub(crate) fn searched(call: &Call) -> Vec<String> {
    let mut fields: Vec<String> = call.param("idProperty").map(str::to_owned).into_iter().collect();
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let name = |value: &Value, key: &str| value[key].as_str().map(str::to_owned);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    fields.extend(name(&body, "idProperty"));
    fields.extend(list(&body["inputs"]).iter().filter_map(|input| name(input, "idProperty")));
    for group in list(&body["filterGroups"]) {
        fields.extend(list(&group["filters"]).iter().filter_map(|filter| name(filter, "propertyName")));
    }
    fields.extend(list(&body["sorts"]).iter().filter_map(|sort| name(sort, "propertyName")));
    fields
}

/// The property with the time of the last change, where a search filters or sorts by it.
pub(crate) fn by_updated(crm: &Crm, call: &Call) -> Option<String> {
    let (kind, rest) = parts(call)?;
    let modified = &crm.tables[crm.kind(kind).ok()?].schema.modified_property;
    (rest.as_slice() == ["search"]).then(|| searched(call).into_iter().find(|field| field == modified))?
}

pub(crate) fn strip(call: &Call, body: &mut Value, field: &str) {
    let schema = call.segments.get(2).is_some_and(|part| part == "properties");
    let drop = |object: &mut Value| {
        if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
            properties.remove(field);
        }
    };
    drop(body);
    if let Some(results) = body.get_mut("results").and_then(Value::as_array_mut) {
        results.iter_mut().for_each(drop);
        if schema {
            results.retain(|property| property["name"] != field);
        }
    }
}

pub(crate) fn page(crm: &Crm, call: &Call, body: &Value) -> Option<Page> {
    let Ask { what: What::List, object: Some(kind) } = ask(crm, call) else { return None };
    let ids = body["results"].as_array()?.iter().filter_map(|object| object["id"].as_str().map(str::to_owned)).collect();
    let next = body["paging"]["next"]["after"].as_str().map(str::to_owned);
    Some(Page { kind, ids, next, by_id: false })
}

pub(crate) fn checkpoint(call: &Call) -> Option<Checkpoint> {
    let (_, rest) = parts(call)?;
    if !matches!(rest.as_slice(), [] | ["search"]) {
        return None;
    }
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let after = match (call.param("after"), &body["after"]) {
        (Some(after), _) => after.to_owned(),
        (None, Value::String(after)) => after.clone(),
        (None, Value::Number(after)) => after.to_string(),
        _ => return None,
    };
    // A search that goes on at its beginning does not go on.
    (!after.is_empty() && after != "0").then_some(Checkpoint::Token(after))
}
