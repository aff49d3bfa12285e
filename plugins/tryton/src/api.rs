//! Tryton's REST calls: queries in base64url JSON, tagged dates and decimals, errors in words or in HTML.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use nave_sdk::http::{self, Answer, Request};
use nave_sdk::serde_json::{Map, Value, json};
use nave_sdk::time;
use nave_sdk::types::{Failure, Rejection};

/// The endpoint of the manifest.
const ENDPOINT: &str = "api";

/// A search: domain, order, fields.
pub(crate) struct Query<'a> {
    pub(crate) model: &'a str,
    pub(crate) domain: Value,
    pub(crate) fields: &'a [&'a str],
    pub(crate) limit: u32,
}

impl Query<'_> {
    /// Rows in the order of their ids.
    pub(crate) fn send(&self) -> Result<Answer, Failure> {
        let mut request = http::get(ENDPOINT, format!("/{}", self.model))
            .query("d", encode(&self.domain))
            .query("o", encode(&json!([["id", "ASC"]])))
            .query("s", self.limit.to_string());
        for field in self.fields {
            request = request.query("f", field);
        }
        Ok(request.send()?)
    }

    /// Rows in the order of their ids, those that are not active too.
    pub(crate) fn send_all(&self) -> Result<Answer, Failure> {
        let mut request = all(http::get(ENDPOINT, format!("/{}", self.model)))
            .query("d", encode(&self.domain))
            .query("o", encode(&json!([["id", "ASC"]])))
            .query("s", self.limit.to_string());
        for field in self.fields {
            request = request.query("f", field);
        }
        Ok(request.send()?)
    }

    /// The rows, simplified.
    pub(crate) fn rows(&self) -> Result<Vec<Value>, Failure> {
        let answer = self.send()?;
        if !answer.is_success() {
            return Err(failure(&answer));
        }
        rows(&answer)
    }

    /// The rows, seen as this company sees them (prices depend on it).
    pub(crate) fn rows_of_company(&self, company: i64) -> Result<Vec<Value>, Failure> {
        let mut request = http::get(ENDPOINT, format!("/{}", self.model))
            .header("X-Tryton-Context", encode(&json!({"company": company, "companies": [company]})))
            .query("d", encode(&self.domain))
            .query("o", encode(&json!([["id", "ASC"]])))
            .query("s", self.limit.to_string());
        for field in self.fields {
            request = request.query("f", field);
        }
        let answer = request.send()?;
        if !answer.is_success() {
            return Err(failure(&answer));
        }
        rows(&answer)
    }
}

/// A request that sees what is not active too.
pub(crate) fn all(request: Request) -> Request {
    request.header("X-Tryton-Context", encode(&json!({"active_test": false})))
}

/// The list of an answer, simplified.
pub(crate) fn rows(answer: &Answer) -> Result<Vec<Value>, Failure> {
    let rows: Vec<Value> = answer.json()?;
    Ok(rows.into_iter().map(simplify).collect())
}

/// A request for one row (or, without an id, the model), with the fields to answer.
pub(crate) fn row(method: &str, model: &str, id: Option<&str>, fields: &[&str]) -> Result<Request, Failure> {
    let path = match id {
        Some(id) => format!("/{model}/{}", http::id(id)?),
        None => format!("/{model}"),
    };
    Ok(fields.iter().fold(http::request(method, ENDPOINT, path), |request, field| request.query("f", field)))
}

fn encode(value: &Value) -> String {
    URL_SAFE.encode(value.to_string())
}

/// The time that the server says it is, microseconds; ours where it says nothing.
pub(crate) fn server_time(answer: &Answer) -> i64 {
    let ours = || i64::try_from(nave_sdk::host::now_ms()).unwrap_or(0) * 1000;
    answer.header("date").and_then(time::parse_http_date).unwrap_or_else(ours)
}

/// A time as Tryton takes it.
pub(crate) fn datetime(us: i64) -> Value {
    let (year, month, day) = time::civil_from_days(us.div_euclid(86_400_000_000));
    let rest = us.rem_euclid(86_400_000_000);
    let seconds = rest / 1_000_000;
    json!({
        "__class__": "datetime", "year": year, "month": month, "day": day, "hour": seconds / 3600,
        "minute": seconds / 60 % 60, "second": seconds % 60, "microsecond": rest % 1_000_000,
    })
}

/// Dates as ISO text, decimals as text, no class names.
pub(crate) fn simplify(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(simplify).collect()),
        Value::Object(map) => match map.get("__class__").and_then(Value::as_str) {
            Some(class) => tagged(class, &map).unwrap_or(Value::Object(map)),
            None => Value::Object(
                map.into_iter().filter(|(key, _)| key != "__name__").map(|(key, value)| (key, simplify(value))).collect(),
            ),
        },
        plain => plain,
    }
}

fn tagged(class: &str, map: &Map<String, Value>) -> Option<Value> {
    let part = |name: &str| map.get(name).and_then(Value::as_i64);
    match class {
        "Decimal" => map.get("decimal").cloned(),
        "date" => Some(json!(format!("{:04}-{:02}-{:02}", part("year")?, part("month")?, part("day")?))),
        "datetime" => {
            let days =
                time::days_from_civil(part("year")?, u32::try_from(part("month")?).ok()?, u32::try_from(part("day")?).ok()?);
            let seconds = (part("hour")? * 60 + part("minute")?) * 60 + part("second")?;
            Some(json!(time::rfc3339((days * 86_400 + seconds) * 1_000_000 + part("microsecond").unwrap_or(0))))
        }
        "timedelta" => map.get("seconds").cloned(),
        _ => None,
    }
}

/// What a refusing answer means. Validation comes as JSON in words; anything unexpected as HTML, and that is a
/// mistake of ours (a field that this database does not have), never "later".
pub(crate) fn failure(answer: &Answer) -> Failure {
    match answer.status {
        400 | 409 | 422 => Failure::Rejected(rejection(answer)),
        404 => Failure::Misconfigured(
            "Tryton answers 404: the address, the database or the model is not there. The setting `url` is the address with the \
             database, as in https://erp.example.com/company"
                .to_owned(),
        ),
        _ => answer.failure(),
    }
}

/// The refusal in the system's words, classed by them.
pub(crate) fn rejection(answer: &Answer) -> Rejection {
    let words: Value = answer.json().unwrap_or_default();
    let Some(message) = words.get("message").and_then(Value::as_str) else {
        return Rejection::new(
            "other",
            format!("{}: Tryton met something it did not expect (a field that this database does not have?)", answer.message()),
        );
    };
    let description = words.get("description").and_then(Value::as_str).unwrap_or_default();
    let full = if description.is_empty() { message.to_owned() } else { format!("{message} {description}") };
    let has = |text: &str| message.contains(text);
    let class = if has("value is required") {
        "required"
    } else if has("must be unique") {
        "duplicate"
    } else if has("don't exist") || has("they are used by") {
        "reference"
    } else if has("cannot modify") || has("must edit their") || has("you cannot") || has("You cannot") {
        "read-only"
    } else if has("not allowed to") || has("access") {
        "forbidden"
    } else if has("too long") || has("size") {
        "length"
    } else if has("is not valid") || has("not one of the allowed") || has("not correct") {
        "format"
    } else {
        "other"
    };
    let rejection = Rejection::new(class, full);
    match field(message) {
        Some(path) => rejection.field(path),
        None => rejection,
    }
}

/// The field that a message is about, by our path.
fn field(message: &str) -> Option<&'static str> {
    [
        ("Contact Mechanism", "contact_mechanisms"),
        ("phone number", "contact_mechanisms"),
        ("email address", "email"),
        ("VAT Number", "tax_id"),
        ("Identifier", "identifiers"),
        ("Address", "addresses"),
        ("code on party", "code"),
        ("\"Name\"", "name"),
    ]
    .iter()
    .find(|(words, _)| message.contains(words))
    .map(|(_, path)| *path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spelled_simply() {
        let given = json!({
            "__name__": "account.invoice", "id": 1, "total": {"__class__": "Decimal", "decimal": "117.80"},
            "date": {"__class__": "date", "year": 2026, "month": 1, "day": 4},
            "lines": [{"__name__": "x", "at": {"__class__": "datetime", "year": 2026, "month": 11, "day": 24, "hour": 2,
                "minute": 6, "second": 37, "microsecond": 649_386}}],
        });
        assert_eq!(
            simplify(given),
            json!({"id": 1, "total": "117.80", "date": "2026-01-04", "lines": [{"at": "2026-11-24T02:06:37.649386Z"}]})
        );
        let us = time::parse_rfc3339("2026-11-24T02:06:37.649386Z").expect("a time");
        assert_eq!(simplify(datetime(us)), json!("2026-11-24T02:06:37.649386Z"));
    }

    #[track_caller]
    fn check(status: u16, body: &str, class: &str, field: Option<&str>) {
        let answer = Answer { status, headers: vec![], body: body.as_bytes().to_vec() };
        let rejection = rejection(&answer);
        assert_eq!((rejection.class.as_str(), rejection.field.as_deref()), (class, field), "{body}");
    }

    #[test]
    fn refusals_are_classed_by_their_words() {
        check(
            400,
            r#"{"message":"A value is required for field \"Value\" in record \"x\" of \"Party Contact Mechanism\"."}"#,
            "required",
            Some("contact_mechanisms"),
        );
        check(400, r#"{"message":"The code on party must be unique."}"#, "duplicate", Some("code"));
        check(
            400,
            r#"{"message":"The European VAT Number \"DE123\" for party \"Addr\" is not valid."}"#,
            "format",
            Some("tax_id"),
        );
        check(
            400,
            r#"{"message":"The records could not be deleted because they are used by field \"Invoice Address\" of \"Account Invoice\"."}"#,
            "reference",
            Some("addresses"),
        );
        check(
            400,
            r#"{"message":"You cannot modify invoice \"2026-1\" because it is posted, paid or cancelled."}"#,
            "read-only",
            None,
        );
        check(400, "<html><p>Unable to get RPC method</p>", "other", None);
    }
}
