//! A member of a list: what may be put into it, and how it is written.
//!
//! Promises that a member which was taken in can be answered as it is. Must not know other members.

use super::{md5::md5, refusal::Refusal};
use crate::{crm::schema::PropertyType, simulated::Fields, time};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A column of a list, which Mailchimp calls a merge field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MergeField {
    pub(crate) id: u64,
    /// Upper case, at most ten characters.
    pub(crate) tag: String,
    pub(crate) name: String,
    /// `text`, `number`, `phone`, `date`
    pub(crate) kind: String,
}

/// What a client may ask a member to be.
const STATUSES: [&str; 4] = ["subscribed", "unsubscribed", "cleaned", "pending"];
const EMAIL_TYPES: [&str; 2] = ["html", "text"];
const TEXT_CHARS_MAX: usize = 255;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tag {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) added: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// In the order of their making.
    pub(crate) serial: u64,
    pub(crate) list: String,
    pub(crate) contact: String,
    pub(crate) email: String,
    /// `archived` where it was deleted; it can come back.
    pub(crate) status: String,
    /// By tag of the merge field.
    pub(crate) values: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
    pub(crate) language: String,
    pub(crate) email_type: String,
    pub(crate) vip: bool,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    /// Deleted for good: the mailbox can never be added again.
    #[serde(default)]
    pub(crate) forgotten: bool,
}

/// `2025-06-01T08:00:00+00:00`, as Mailchimp writes it.
pub(crate) fn stamp(ms: i64) -> String {
    format!("{}+00:00", time::iso_plain(ms))
}

impl Member {
    pub(crate) fn new(serial: u64, list: &str, contact: String, now: i64) -> Self {
        Self {
            serial,
            list: list.to_owned(),
            contact,
            email: String::new(),
            status: String::new(),
            values: BTreeMap::new(),
            tags: Vec::new(),
            language: String::new(),
            email_type: "html".to_owned(),
            vip: false,
            created: now,
            modified: now,
            forgotten: false,
        }
    }

    /// What the member is called in paths.
    pub(crate) fn hash(&self) -> String {
        md5(&self.email)
    }

    pub(crate) fn archived(&self) -> bool {
        self.status == "archived"
    }

    /// Puts what a request holds into the member. A field that is not there says nothing; `status_if_new` counts for `new` ones.
    pub(crate) fn take(&mut self, columns: &[MergeField], given: &Fields, new: bool) -> Result<(), Refusal> {
        let text = |name: &str, value: &Value| {
            let text = value.as_str().map(str::to_owned);
            text.ok_or_else(|| Refusal::field(name, format!("Schema describes string, {} found instead", kind(value))))
        };
        for (name, value) in given {
            match name.as_str() {
                "email_address" => self.email = email(&text(name, value)?)?,
                "status" | "status_if_new" => {
                    let status = text(name, value)?;
                    if !STATUSES.contains(&status.as_str()) {
                        return Err(Refusal::field(name, format!("Value must be one of: {}.", STATUSES.join(", "))));
                    }
                    if name == "status" || (new && !given.contains_key("status")) {
                        self.status = status;
                    }
                }
                "language" => self.language = text(name, value)?,
                "email_type" => {
                    let kind = text(name, value)?;
                    if !EMAIL_TYPES.contains(&kind.as_str()) {
                        return Err(Refusal::field(name, "Value must be one of: html, text."));
                    }
                    self.email_type = kind;
                }
                "vip" => self.vip = value.as_bool().ok_or_else(|| Refusal::field(name, "Schema describes boolean"))?,
                "merge_fields" => {
                    let fields = value.as_object().ok_or_else(|| Refusal::field(name, "Schema describes object"))?;
                    for (tag, value) in fields {
                        self.set(columns, tag, value)?;
                    }
                }
                "tags" if new => {
                    let names = value.as_array().ok_or_else(|| Refusal::field(name, "Schema describes array"))?;
                    for tag in names {
                        self.tag(&text(name, tag)?, true, self.created);
                    }
                }
                _ => return Err(Refusal::field(name, "There is no such field")),
            }
        }
        if self.email.is_empty() {
            return Err(Refusal::field("email_address", "This value should not be blank."));
        }
        if self.status.is_empty() {
            return Err(Refusal::field(
                if given.contains_key("status_if_new") { "status_if_new" } else { "status" },
                "This value should not be blank.",
            ));
        }
        Ok(())
    }

    fn set(&mut self, columns: &[MergeField], tag: &str, value: &Value) -> Result<(), Refusal> {
        let column =
            columns.iter().find(|column| column.tag == tag).ok_or_else(|| Refusal::field(tag, "There is no such merge field"))?;
        let text = normal(column, value)?;
        if text.is_empty() {
            _ = self.values.remove(tag)
        } else {
            _ = self.values.insert(tag.to_owned(), text)
        }
        Ok(())
    }

    /// Puts a tag on, or takes it off.
    pub(crate) fn tag(&mut self, name: &str, on: bool, now: i64) {
        self.tags.retain(|tag| on || !tag.name.eq_ignore_ascii_case(name));
        if on && !self.tags.iter().any(|tag| tag.name.eq_ignore_ascii_case(name)) {
            let id = crate::rng::fingerprint(name.to_lowercase().as_bytes()) % 9_000_000 + 1_000_000;
            self.tags.push(Tag { id, name: name.to_owned(), added: now });
        }
    }

    /// As the vendor writes it.
    pub(crate) fn render(&self, columns: &[MergeField]) -> Value {
        let merge_fields: Map<String, Value> = columns
            .iter()
            .map(|column| {
                let text = self.values.get(&column.tag).cloned().unwrap_or_default();
                let number = (column.kind == "number").then(|| text.parse::<serde_json::Number>().ok()).flatten();
                (column.tag.clone(), number.map_or_else(|| text.into(), Value::Number))
            })
            .collect();
        let name = |tag: &str| self.values.get(tag).map_or("", String::as_str);
        let tags: Vec<Value> = self.tags.iter().map(|tag| json!({"id": tag.id, "name": tag.name})).collect();
        json!({
            "id": self.hash(), "email_address": self.email, "unique_email_id": self.contact[..10], "contact_id": self.contact,
            "full_name": format!("{} {}", name("FNAME"), name("LNAME")).trim(), "web_id": 100_000 + self.serial, "email_type": self.email_type,
            "status": self.status, "consents_to_one_to_one_messaging": true, "merge_fields": merge_fields, "interests": {},
            "stats": {"avg_open_rate": 0, "avg_click_rate": 0}, "ip_signup": "", "timestamp_signup": stamp(self.created), "ip_opt": "127.0.0.1",
            "timestamp_opt": stamp(self.created), "member_rating": 2, "last_changed": stamp(self.modified), "language": self.language,
            "vip": self.vip, "email_client": "", "location": {"latitude": 0, "longitude": 0, "gmtoff": 0, "dstoff": 0, "country_code": "", "timezone": "", "region": ""},
            "source": "API - Generic", "tags_count": tags.len(), "tags": tags, "list_id": self.list, "_links": [],
        })
    }
}

/// The value as it is stored. An empty text clears.
pub(crate) fn normal(column: &MergeField, value: &Value) -> Result<String, Refusal> {
    let refuse = |message: &str| Refusal::field(&column.tag, message);
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(refuse("Data did not match any of the schemas described in anyOf.")),
    };
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(refuse("Please enter a value no longer than 255 characters"));
    }
    match column.kind.as_str() {
        _ if text.is_empty() => Ok(text),
        "number" if text.parse::<rust_decimal::Decimal>().is_err() => Err(refuse("Please enter a number")),
        "date" => time::parse(&text).map(time::day).ok_or_else(|| refuse("Please enter the date")),
        _ => Ok(text),
    }
}

/// What Mailchimp calls a type.
pub(crate) fn type_name(kind: PropertyType) -> Result<&'static str, String> {
    match kind {
        PropertyType::String => Ok("text"),
        PropertyType::Number => Ok("number"),
        PropertyType::Date => Ok("date"),
        _ => Err("a merge field is a string, a number or a date here".to_owned()),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A mailbox as Mailchimp takes it: one `@`, something before it, a dotted host after it; lower case.
fn email(text: &str) -> Result<String, Refusal> {
    let text = text.trim().to_lowercase();
    let good = text.split_once('@').is_some_and(|(local, host)| {
        let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
        !local.is_empty() && !text.contains(char::is_whitespace) && host.contains('.') && host.split('.').all(label)
    });
    if good { Ok(text) } else { Err(Refusal::field("email_address", "Please provide a valid email address.")) }
}
