//! What Xero tells by webhook: events that name a category and the id of a thing. The hub has verified the signature, also of the
//! call without events by which Xero asks at the beginning whether it is listened to.

use std::collections::{BTreeMap, BTreeSet};

use nave_sdk::prelude::{Event, Failure};
use nave_sdk::serde_json::{self, Value};

/// The things that a call is about, by stream.
pub(crate) fn events(body: &[u8]) -> Result<Vec<Event>, Failure> {
    let told: Value =
        serde_json::from_slice(body).map_err(|error| Failure::rejected("other", format!("the webhook is no JSON: {error}")))?;
    let mut things: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for event in told["events"].as_array().into_iter().flatten() {
        let stream = match event["eventCategory"].as_str() {
            Some("CONTACT") => "contacts",
            Some("INVOICE") => "invoices",
            _ => continue,
        };
        things.entry(stream).or_default().extend(event["resourceId"].as_str().map(str::to_owned));
    }
    let event =
        |(stream, ids): (&str, BTreeSet<String>)| Event { stream: stream.to_owned(), remote_ids: ids.into_iter().collect() };
    Ok(things.into_iter().map(event).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thing_is_named_once() {
        let event = |category: &str, id: &str| format!(r#"{{"eventCategory": "{category}", "resourceId": "{id}"}}"#);
        let all =
            [event("CONTACT", "b"), event("CONTACT", "a"), event("CONTACT", "b"), event("INVOICE", "i"), event("OTHER", "x")];
        let found = events(format!(r#"{{"events": [{}]}}"#, all.join(",")).as_bytes()).expect("events");
        let found: Vec<(String, Vec<String>)> = found.into_iter().map(|event| (event.stream, event.remote_ids)).collect();
        assert_eq!(found, [("contacts".into(), vec!["a".into(), "b".into()]), ("invoices".into(), vec!["i".into()])]);
        assert!(events(br#"{"events": [], "entropy": "X"}"#).expect("whether it is listened to").is_empty());
        assert!(events(b"<events/>").is_err());
    }
}
