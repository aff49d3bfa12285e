//! Webhooks as Xero words and signs them: they say which contact changed, not how. One that is archived or merged has changed, too.

use super::{Books, tenant_id};
use crate::{
    rng::uuid,
    simulated::{Event, Happened, Notice},
    time,
    webhooks::hmac,
};
use serde_json::json;

pub(crate) fn watch(books: &mut Books, on: bool) {
    books.store.watched = on.then(Vec::new);
}

pub(crate) fn events(books: &mut Books) -> Vec<Event> {
    let seen = books.store.watched.as_mut().map(std::mem::take).unwrap_or_default();
    let event = |(before, after): (Option<super::Contact>, super::Contact)| {
        let what = if before.is_none() { Happened::Made } else { Happened::Changed(Vec::new()) };
        Event { kind: "Contacts".to_owned(), id: after.id, what, at: after.modified }
    };
    seen.into_iter().map(event).collect()
}

pub(crate) fn notice(books: &Books, event: &Event, nth: u64) -> Notice {
    let word = if event.what == Happened::Made { "CREATE" } else { "UPDATE" };
    let url = format!("https://api.xero.com/api.xro/2.0/Contacts/{}", event.id);
    let date = time::iso(event.at);
    let event = json!({
        "resourceUrl": url, "resourceId": event.id, "tenantId": tenant_id(books.seed), "tenantType": "ORGANISATION",
        "eventCategory": "CONTACT", "eventType": word, "eventDateUtc": date.trim_end_matches('Z'),
    });
    let entropy: String = uuid(books.seed, "entropy", nth).chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    let body = json!({"events": [event], "firstEventSequence": nth, "lastEventSequence": nth, "entropy": entropy.to_uppercase()});
    Notice { content_type: "application/json", body: body.to_string() }
}

/// Over the body alone.
pub(crate) fn sign(secret: &str, _url: &str, body: &str, _now: i64) -> Vec<(&'static str, String)> {
    vec![("x-xero-signature", hmac(secret, body))]
}
