//! An object as a body: the same whether it came alone or in a list, so that it has a version.
//!
//! A list's rows spell what is empty as "", an object alone leaves it out; numbers are texts here and numbers there; a date that
//! is not set is the beginning of 1970.

use nave_sdk::body;
use nave_sdk::names;
use nave_sdk::serde_json::{Map, Value, json};
use nave_sdk::types::SourceRecord;

use crate::kind::Kind;

/// The date that stands for none.
const UNSET: &str = "1970-01-01T00:00:00Z";

/// A row, of whichever form, as a body.
pub(crate) fn simplify(kind: Kind, row: &Value) -> Map<String, Value> {
    let mut out = Map::new();
    for name in kind.fields() {
        let value = match (*name, &row[*name]) {
            ("id" | "ObjectId" | "Priority", value) => text_of(value),
            ("Queue", value) => text_of(&value["Name"]),
            ("Owner" | "Creator" | "EffectiveId", value) => text_of(&value["id"]),
            ("Requestor", value) => {
                value.as_array().and_then(|all| all.first()).map_or(Value::Null, |first| text_of(&first["id"]))
            }
            // A ticket is read by a list, which spells what is empty.
            ("Subject", value) => json!(value.as_str().unwrap_or_default()),
            (_, Value::String(text)) if text == UNSET || text.is_empty() && kind != Kind::Tickets => Value::Null,
            (_, value) => value.clone(),
        };
        out.insert((*name).to_owned(), value);
    }
    match kind {
        Kind::Users => {
            let (first, last) = names::split(out["RealName"].as_str().unwrap_or_default());
            out.insert("first_name".to_owned(), first);
            out.insert("last_name".to_owned(), last);
        }
        Kind::Tickets => {
            out.remove("EffectiveId");
        }
        Kind::Transactions => {}
    }
    out
}

/// A number or a text as a text; empty is null.
pub(crate) fn text_of(value: &Value) -> Value {
    match value {
        Value::String(text) if !text.is_empty() => json!(text),
        Value::Number(number) => json!(number.to_string()),
        _ => Value::Null,
    }
}

/// A row as a record. One without an id is handed on: the hub sets it aside.
pub(crate) fn record(kind: Kind, row: &Value) -> SourceRecord {
    let body = simplify(kind, row);
    let id = body["id"].as_str().unwrap_or_default().to_owned();
    if id.is_empty() {
        return SourceRecord::upsert("", body::bytes(row));
    }
    let modified = body.get("LastUpdated").or(body.get("Created")).and_then(Value::as_str).map(str::to_owned);
    let version = (kind != Kind::Transactions).then(|| version(&body));
    SourceRecord::upsert(id, body::bytes(&Value::Object(body))).modified_at(modified).version(version)
}

/// Changes with everything that the body says. The system's own version, the ETag, is not in its lists.
fn version(body: &Map<String, Value>) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in Value::Object(body.clone()).to_string().bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_the_same_alone_and_in_a_list() {
        let alone = json!({
            "id": 29, "Name": "ann", "EmailAddress": "a@x.test", "RealName": "Ann van der Berg", "City": "Köln", "Disabled": "0",
            "Created": "2026-11-28T21:45:45Z", "LastUpdated": "2026-11-28T21:45:46Z", "CustomFields": [], "Memberships": [],
        });
        let mut listed = alone.clone();
        for empty in ["NickName", "Organization", "Address1", "Zip", "Disabled", "Privileged"] {
            listed[empty] = json!("");
        }
        listed["id"] = json!("29");
        let (one, other) = (record(Kind::Users, &alone), record(Kind::Users, &listed));
        assert_eq!((&one, one.version.is_some()), (&other, true));
        let body = simplify(Kind::Users, &alone);
        assert_eq!(
            (&body["first_name"], &body["last_name"], &body["Zip"]),
            (&json!("Ann"), &json!("van der Berg"), &Value::Null)
        );
    }

    #[test]
    fn references_and_dates_that_are_not_set() {
        let row = json!({
            "id": "7", "Subject": "S", "Priority": "0", "Queue": {"id": "1", "Name": "General"}, "Owner": {"id": 6, "type": "user"},
            "Requestor": [{"id": 29, "EmailAddress": "a@x.test"}, {"id": 31}], "Resolved": "1970-01-01T00:00:00Z",
        });
        let body = simplify(Kind::Tickets, &row);
        let shown = ["Queue", "Owner", "Requestor", "Resolved", "Priority"].map(|name| body[name].clone());
        assert_eq!(shown, [json!("General"), json!("6"), json!("29"), Value::Null, json!("0")]);
    }
}
