//! Webhooks as Zendesk words and signs its events.

use super::{Desk, fields::Kind, render, table::Row};
use crate::{
    rng::{mix, uuid},
    simulated::{Event, Happened, Notice},
    time,
    webhooks::hmac,
};
use serde_json::{Value, json};

pub(crate) fn watch(desk: &mut Desk, on: bool) {
    for table in &mut desk.tables {
        table.watched = on.then(Vec::new);
    }
}

pub(crate) fn events(desk: &mut Desk) -> Vec<Event> {
    let mut events = Vec::new();
    for kind in Kind::ALL {
        for (before, after) in desk.tables[kind as usize].watched.as_mut().map(std::mem::take).unwrap_or_default() {
            let what = happened(before.as_ref(), &after);
            let event = |what| Event { kind: kind.plural().to_owned(), id: after.id.to_string(), what, at: after.modified };
            events.extend(what.map(event));
        }
    }
    events
}

fn happened(before: Option<&Row>, after: &Row) -> Option<Happened> {
    let Some(before) = before else { return Some(Happened::Made) };
    if !before.gone && after.gone {
        return Some(Happened::Deleted);
    }
    let mut changed: Vec<(String, Value)> = Vec::new();
    for (name, value) in &after.fields {
        if before.value(name) != value {
            changed.push((name.clone(), json!({"current": value, "previous": before.value(name)})));
        }
    }
    if after.comments.len() > before.comments.len() {
        let comment = after.comments.last().map(|comment| json!({"id": comment.id.to_string(), "body": comment.body}));
        changed.push(("comment_added".to_owned(), json!({"comment": comment})));
    }
    (!changed.is_empty()).then_some(Happened::Changed(changed))
}

pub(crate) fn notice(desk: &Desk, event: &Event, nth: u64) -> Notice {
    let kind = Kind::from_plural(&event.kind).unwrap_or(Kind::Users);
    let singular = kind.singular();
    let row = event.id.parse().ok().and_then(|id| desk.table(kind).get(id));
    let mut detail = row.map_or(Value::Null, |row| render::object(kind, row, "https://desk.invalid"));
    // There, ids of events are texts.
    detail["id"] = event.id.clone().into();
    // One event tells one change; of several fields the first is named, and all are there.
    let (word, body) = match &event.what {
        Happened::Made => ("created".to_owned(), json!({})),
        Happened::Deleted => ("deleted".to_owned(), json!({})),
        Happened::MergedInto(winner) => ("merged".to_owned(), json!({"user_id": winner})),
        Happened::Changed(fields) => match fields.as_slice() {
            [(name, value)] if name == "comment_added" => (name.clone(), value.clone()),
            fields => {
                let all: serde_json::Map<String, Value> = fields.iter().cloned().collect();
                let first = fields.first().map_or("", |(name, _)| name.as_str());
                (format!("{first}_changed"), if let [(_, only)] = fields { only.clone() } else { all.into() })
            }
        },
    };
    let body = json!({
        "account_id": 10_000_000 + mix(desk.seed) % 80_000_000, "id": uuid(desk.seed, "webhook", nth),
        "type": format!("zen:event-type:{singular}.{word}"), "subject": format!("zen:{singular}:{}", event.id), "time": time::iso(event.at),
        "zendesk_event_version": "2022-11-06", "event": body, "detail": detail,
    });
    Notice { content_type: "application/json", body: body.to_string() }
}

/// Over time and body, in this order.
pub(crate) fn sign(secret: &str, _url: &str, body: &str, now: i64) -> Vec<(&'static str, String)> {
    let at = time::iso_seconds(now);
    vec![("x-zendesk-webhook-signature", hmac(secret, &format!("{at}{body}"))), ("x-zendesk-webhook-signature-timestamp", at)]
}
