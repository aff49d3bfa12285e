//! What HubSpot tells by webhook: a list of changes, each naming an object's type in the singular and its id.

use std::collections::{BTreeMap, BTreeSet};

use nave_sdk::prelude::{Event, Failure};
use nave_sdk::serde_json::{self, Value};

/// The things that a call is about, by stream. Objects that are no streams here are left out.
pub(crate) fn events(body: &[u8], streams: &[String]) -> Result<Vec<Event>, Failure> {
    let told: Vec<Value> = serde_json::from_slice(body)
        .map_err(|error| Failure::rejected("other", format!("the webhook is no list of changes: {error}")))?;
    let mut things: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for change in &told {
        let kind = change["subscriptionType"].as_str().and_then(|kind| kind.split('.').next()).unwrap_or_default();
        let Some(stream) = streams.iter().find(|stream| singular(stream) == kind) else { continue };
        let merged = change["mergedObjectIds"].as_array().into_iter().flatten();
        let ids = [&change["objectId"], &change["primaryObjectId"]].into_iter().chain(merged);
        things.entry(stream.clone()).or_default().extend(ids.filter_map(Value::as_u64).map(|id| id.to_string()));
    }
    Ok(things.into_iter().map(|(stream, ids)| Event { stream, remote_ids: ids.into_iter().collect() }).collect())
}

/// `companies` → `company`, `contacts` → `contact`.
fn singular(plural: &str) -> String {
    match plural.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => plural.strip_suffix('s').unwrap_or(plural).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &[(&str, &[&str])]) {
        let streams = ["contacts".to_owned(), "companies".to_owned()];
        let found = events(body.as_bytes(), &streams).expect("a list");
        let found: Vec<(&str, Vec<&str>)> =
            found.iter().map(|event| (event.stream.as_str(), event.remote_ids.iter().map(String::as_str).collect())).collect();
        let expected: Vec<(&str, Vec<&str>)> = expected.iter().map(|(stream, ids)| (*stream, ids.to_vec())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_thing_is_named_once() {
        check("[]", &[]);
        check(
            r#"[{"subscriptionType": "contact.propertyChange", "objectId": 7}, {"subscriptionType": "contact.deletion", "objectId": 7},
               {"subscriptionType": "company.creation", "objectId": 3}, {"subscriptionType": "deal.creation", "objectId": 9}, 5]"#,
            &[("companies", &["3"]), ("contacts", &["7"])],
        );
        check(
            r#"[{"subscriptionType": "contact.merge", "objectId": 1, "primaryObjectId": 1, "mergedObjectIds": [2, 3]}]"#,
            &[("contacts", &["1", "2", "3"])],
        );
        assert!(events(b"{}", &[]).is_err());
        assert!(events(b"", &[]).is_err());
    }
}
