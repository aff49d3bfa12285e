//! What Zendesk tells by webhook: one event, whose subject names one thing. An event of a ticket may name a new comment as well, one
//! of a merge the user that is left.

use std::collections::{BTreeMap, BTreeSet};

use nave_sdk::prelude::{Event, Failure};
use nave_sdk::serde_json::{self, Value};

use crate::comments;
use crate::kind::Kind;

/// The things that a call is about, by stream. Subjects that are no streams here, such as articles, are left out.
pub(crate) fn events(body: &[u8]) -> Result<Vec<Event>, Failure> {
    let told: Value =
        serde_json::from_slice(body).map_err(|error| Failure::rejected("other", format!("the webhook is no JSON: {error}")))?;
    let subject = told["subject"].as_str().unwrap_or_default();
    let mut things: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    if let Some((kind, id)) = named(subject) {
        things.entry(kind.plural()).or_default().insert(id.to_owned());
        if kind == Kind::Users {
            things.entry(kind.plural()).or_default().extend(text(&told["event"]["user_id"]));
        }
        if kind == Kind::Tickets
            && let Some(comment) = text(&told["event"]["comment"]["id"])
        {
            things.entry(comments::STREAM).or_default().insert(format!("{id}/{comment}"));
        }
    }
    let event =
        |(stream, ids): (&str, BTreeSet<String>)| Event { stream: stream.to_owned(), remote_ids: ids.into_iter().collect() };
    Ok(things.into_iter().map(event).collect())
}

/// `zen:ticket:12`.
fn named(subject: &str) -> Option<(Kind, &str)> {
    let (kind, id) = subject.strip_prefix("zen:")?.split_once(':')?;
    let kind = [Kind::Users, Kind::Organizations, Kind::Tickets].into_iter().find(|known| known.singular() == kind)?;
    is_id(id).then_some((kind, id))
}

/// An id, which events write as a text and other answers as a number.
fn text(id: &Value) -> Option<String> {
    let id = id.as_str().map(str::to_owned).or_else(|| id.as_u64().map(|id| id.to_string()))?;
    is_id(&id).then_some(id)
}

/// It becomes a part of an address.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &[(&str, &[&str])]) {
        let found = events(body.as_bytes()).expect("an event");
        let found: Vec<(&str, Vec<&str>)> =
            found.iter().map(|event| (event.stream.as_str(), event.remote_ids.iter().map(String::as_str).collect())).collect();
        let expected: Vec<(&str, Vec<&str>)> = expected.iter().map(|(stream, ids)| (*stream, ids.to_vec())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_subject_is_the_thing() {
        check(
            r#"{"id": "e", "type": "zen:event-type:ticket.created", "subject": "zen:ticket:12", "event": {}}"#,
            &[("tickets", &["12"])],
        );
        check(r#"{"type": "zen:event-type:user.deleted", "subject": "zen:user:7", "event": {}}"#, &[("users", &["7"])]);
        check(r#"{"subject": "zen:organization:3", "event": {"current": "a"}}"#, &[("organizations", &["3"])]);
    }

    #[test]
    fn a_comment_and_the_winner_of_a_merge_are_named_too() {
        check(
            r#"{"type": "zen:event-type:ticket.comment_added", "subject": "zen:ticket:12", "event": {"comment": {"id": "99", "body": "Hi"}}}"#,
            &[("comments", &["12/99"]), ("tickets", &["12"])],
        );
        check(
            r#"{"type": "zen:event-type:user.merged", "subject": "zen:user:7", "event": {"user_id": "5"}}"#,
            &[("users", &["5", "7"])],
        );
        check(r#"{"subject": "zen:user:7", "event": {"user_id": 7}}"#, &[("users", &["7"])]);
    }

    #[test]
    fn what_names_nothing_of_ours_is_nothing() {
        for subject in ["zen:article:5", "zen:ticket:", "zen:ticket:12/../../users", "ticket:12", ""] {
            check(&format!(r#"{{"subject": "{subject}", "event": {{}}}}"#), &[]);
        }
        check("{}", &[]);
        check(r#"{"subject": "zen:ticket:12", "event": {"comment": {"id": "9/9"}}}"#, &[("tickets", &["12"])]);
        assert!(events(b"<event/>").is_err());
        assert!(events(b"").is_err());
    }
}
