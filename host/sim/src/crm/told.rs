//! Webhooks as HubSpot words and signs them (signature version 3).

use super::{Crm, object::Object};
use crate::{
    rng::mix,
    simulated::{Event, Happened, Notice},
    webhooks::hmac,
};
use serde_json::{Value, json};

pub(crate) fn watch(crm: &mut Crm, on: bool) {
    for table in &mut crm.tables {
        table.watched = on.then(Vec::new);
    }
}

pub(crate) fn events(crm: &mut Crm) -> Vec<Event> {
    let mut events = Vec::new();
    for table in &mut crm.tables {
        let kind = &table.schema.name;
        for (before, after) in table.watched.as_mut().map(std::mem::take).unwrap_or_default() {
            let what = happened(before.as_ref(), &after);
            events.extend(what.map(|what| Event { kind: kind.clone(), id: after.id.to_string(), what, at: after.modified }));
        }
    }
    events
}

fn happened(before: Option<&Object>, after: &Object) -> Option<Happened> {
    let Some(before) = before else { return Some(Happened::Made) };
    if let (None, Some(winner)) = (before.merged_into, after.merged_into) {
        return Some(Happened::MergedInto(winner.to_string()));
    }
    if before.live() && !after.live() {
        return Some(Happened::Deleted);
    }
    let changed = after.values.iter().filter(|(name, value)| before.values.get(*name) != Some(value));
    let changed: Vec<(String, Value)> = changed.map(|(name, value)| (name.clone(), value.clone().into())).collect();
    (!changed.is_empty()).then_some(Happened::Changed(changed))
}

pub(crate) fn notice(crm: &Crm, event: &Event, nth: u64) -> Notice {
    let singular = crm.kind_named(&event.kind).map_or("object", |kind| crm.tables[kind].schema.singular.as_str());
    let id = event.id.parse::<u64>().unwrap_or(0);
    let one = |word: &str, at: u64, more: Value| {
        let mut out = json!({
            "eventId": nth * 1_000 + at, "subscriptionId": 1_000 + mix(crm.seed) % 9_000, "portalId": 10_000_000 + mix(crm.seed) % 80_000_000,
            "appId": 1_000_000, "occurredAt": event.at, "subscriptionType": format!("{singular}.{word}"), "attemptNumber": 0,
            "objectId": id, "changeSource": "CRM_UI",
        });
        if let (Value::Object(out), Value::Object(more)) = (&mut out, more) {
            out.extend(more);
        }
        out
    };
    let told = match &event.what {
        Happened::Made => vec![one("creation", 0, json!({"changeFlag": "CREATED"}))],
        Happened::Deleted => vec![one("deletion", 0, json!({"changeFlag": "DELETED"}))],
        Happened::MergedInto(winner) => {
            let winner = winner.parse::<u64>().unwrap_or(0);
            vec![one(
                "merge",
                0,
                json!({"objectId": winner, "primaryObjectId": winner, "mergedObjectIds": [id], "newObjectId": winner}),
            )]
        }
        Happened::Changed(fields) => (0..)
            .zip(fields)
            .map(|(at, (name, value))| one("propertyChange", at, json!({"propertyName": name, "propertyValue": value})))
            .collect(),
    };
    Notice { content_type: "application/json", body: Value::Array(told).to_string() }
}

/// Over method, address, body and time, in this order.
pub(crate) fn sign(secret: &str, url: &str, body: &str, now: i64) -> Vec<(&'static str, String)> {
    vec![
        ("x-hubspot-signature-v3", hmac(secret, &format!("POST{url}{body}{now}"))),
        ("x-hubspot-request-timestamp", now.to_string()),
    ]
}
