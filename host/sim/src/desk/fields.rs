//! What tickets, users and organizations look like: which fields clients may set, and what may be put into them.
//!
//! Promises that a value which passes can be stored and answered as it is. Must not know other objects.

use super::refusal::Refusal;
use crate::{simulated::Fields, time};
use serde_json::{Value, json};

/// A kind of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Tickets,
    Users,
    Organizations,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// Text of at most so many characters, or null.
    Text(usize),
    Email,
    /// An object of this kind, or null.
    Id(Kind),
    /// One of these, or null.
    Choice(&'static [&'static str]),
    /// Words.
    Tags,
    Texts,
    Bool,
    Time,
}

const STATUSES: &[&str] = &["new", "open", "pending", "hold", "solved", "closed"];
const PRIORITIES: &[&str] = &["low", "normal", "high", "urgent"];
const TYPES: &[&str] = &["problem", "incident", "question", "task"];
const ROLES: &[&str] = &["end-user", "agent", "admin"];

const TICKET: &[(&str, Type)] = &[
    ("subject", Type::Text(150)),
    ("priority", Type::Choice(PRIORITIES)),
    ("status", Type::Choice(STATUSES)),
    ("type", Type::Choice(TYPES)),
    ("requester_id", Type::Id(Kind::Users)),
    ("submitter_id", Type::Id(Kind::Users)),
    ("assignee_id", Type::Id(Kind::Users)),
    ("organization_id", Type::Id(Kind::Organizations)),
    ("external_id", Type::Text(255)),
    ("tags", Type::Tags),
    ("due_at", Type::Time),
];

const USER: &[(&str, Type)] = &[
    ("name", Type::Text(255)),
    ("email", Type::Email),
    ("phone", Type::Text(128)),
    ("role", Type::Choice(ROLES)),
    ("external_id", Type::Text(255)),
    ("organization_id", Type::Id(Kind::Organizations)),
    ("alias", Type::Text(255)),
    ("details", Type::Text(65_536)),
    ("notes", Type::Text(65_536)),
    ("locale", Type::Text(16)),
    ("time_zone", Type::Text(64)),
    ("tags", Type::Tags),
    ("verified", Type::Bool),
    ("suspended", Type::Bool),
];

const ORGANIZATION: &[(&str, Type)] = &[
    ("name", Type::Text(255)),
    ("external_id", Type::Text(255)),
    ("domain_names", Type::Texts),
    ("details", Type::Text(65_536)),
    ("notes", Type::Text(65_536)),
    ("tags", Type::Tags),
    ("shared_tickets", Type::Bool),
    ("shared_comments", Type::Bool),
];

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Tickets, Self::Users, Self::Organizations];

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Tickets => "tickets",
            Self::Users => "users",
            Self::Organizations => "organizations",
        }
    }

    pub(crate) fn singular(self) -> &'static str {
        match self {
            Self::Tickets => "ticket",
            Self::Users => "user",
            Self::Organizations => "organization",
        }
    }

    pub(crate) fn from_plural(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.plural() == name)
    }

    /// The fields that clients set.
    pub(crate) fn fields(self) -> &'static [(&'static str, Type)] {
        match self {
            Self::Tickets => TICKET,
            Self::Users => USER,
            Self::Organizations => ORGANIZATION,
        }
    }

    pub(crate) fn field(self, name: &str) -> Option<Type> {
        self.fields().iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }
}

/// The value as it is stored.
pub(crate) fn normal(name: &str, kind: Type, value: &Value) -> Result<Value, Refusal> {
    let wrong = |why: &str| Refusal::attribute(name, why);
    let invalid = |sentence: String, word| Refusal::invalid(name, format!("{}: {sentence}", title(name)), word);
    if value.is_null() && !matches!(kind, Type::Tags | Type::Texts | Type::Bool) {
        return Ok(Value::Null);
    }
    match kind {
        Type::Text(most) => {
            let text = value.as_str().ok_or_else(|| wrong("It must be a string."))?;
            if text.chars().count() > most {
                return Err(invalid(format!("is too long (maximum is {most} characters)"), "ValueTooLong"));
            }
            Ok(if text.is_empty() { Value::Null } else { text.into() })
        }
        Type::Email => {
            let text = value.as_str().ok_or_else(|| wrong("It must be a string."))?.trim().to_lowercase();
            if text.is_empty() {
                return Ok(Value::Null);
            }
            if valid_email(&text) {
                Ok(text.into())
            } else {
                Err(invalid(format!("{text} is not properly formatted"), "InvalidFormat"))
            }
        }
        Type::Id(_) => {
            let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
            number.map(Value::from).ok_or_else(|| wrong("It must be an integer."))
        }
        Type::Choice(options) => match value.as_str() {
            Some(text) if options.contains(&text) => Ok(text.into()),
            _ => Err(wrong(&format!("It must be one of {}.", options.join(", ")))),
        },
        Type::Tags => {
            let list: Vec<String> = match value {
                Value::String(text) => text.split_whitespace().map(str::to_lowercase).collect(),
                Value::Array(list) => {
                    let tags = list.iter().map(|tag| tag.as_str().map(|tag| tag.trim().to_lowercase().replace(' ', "_")));
                    tags.collect::<Option<_>>().ok_or_else(|| wrong("Tags are strings."))?
                }
                _ => return Err(wrong("It must be a list of strings.")),
            };
            let mut list: Vec<String> = list.into_iter().filter(|tag| !tag.is_empty()).collect();
            list.sort();
            list.dedup();
            Ok(json!(list))
        }
        Type::Texts => match value.as_array() {
            Some(list) if list.iter().all(Value::is_string) => Ok(value.clone()),
            _ => Err(wrong("It must be a list of strings.")),
        },
        Type::Bool => value.as_bool().map(Value::from).ok_or_else(|| wrong("It must be true or false.")),
        Type::Time => match value.as_str().and_then(time::parse) {
            Some(ms) => Ok(time::iso_seconds(ms).into()),
            None => Err(wrong("It must be a time.")),
        },
    }
}

/// `Email`, as it stands in sentences.
pub(crate) fn title(name: &str) -> String {
    let mut letters = name.trim_end_matches("_id").chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A mailbox as Zendesk takes it: one `@`, something before it, a dotted host after it, ASCII.
fn valid_email(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else { return false };
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    !local.is_empty()
        && text.is_ascii()
        && !text.chars().any(|c| c.is_whitespace() || matches!(c, ',' | ';' | '<' | '>' | '(' | ')'))
        && host.contains('.')
        && host.split('.').all(label)
}

/// What a new object holds where nothing was said.
pub(crate) fn defaults(kind: Kind) -> Fields {
    let value = match kind {
        Kind::Tickets => json!({"status": "new", "tags": []}),
        Kind::Users => {
            json!({"role": "end-user", "tags": [], "verified": false, "suspended": false, "locale": "en-US", "time_zone": "Berlin"})
        }
        Kind::Organizations => json!({"domain_names": [], "tags": [], "shared_tickets": false, "shared_comments": false}),
    };
    match value {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_type() {
        for (kind, name, given, want) in [
            (Kind::Users, "email", json!(" Ann@Example.ORG"), Ok(json!("ann@example.org"))),
            (Kind::Users, "email", json!("nobody"), Err("not properly formatted")),
            (Kind::Users, "email", json!(""), Ok(Value::Null)),
            (Kind::Users, "name", json!(7), Err("must be a string")),
            (Kind::Users, "role", json!("boss"), Err("one of end-user, agent, admin")),
            (Kind::Users, "organization_id", json!("12"), Ok(json!(12))),
            (Kind::Users, "organization_id", json!("x"), Err("must be an integer")),
            (Kind::Users, "verified", json!("yes"), Err("true or false")),
            (Kind::Tickets, "subject", json!("x".repeat(151)), Err("too long")),
            (Kind::Tickets, "tags", json!("b A a"), Ok(json!(["a", "b"]))),
            (Kind::Tickets, "tags", json!([1]), Err("strings")),
            (Kind::Tickets, "due_at", json!("2025-06-01T10:00:00+02:00"), Ok(json!("2025-06-01T08:00:00Z"))),
            (Kind::Tickets, "due_at", json!("soon"), Err("a time")),
            (Kind::Tickets, "external_id", Value::Null, Ok(Value::Null)),
            (Kind::Organizations, "domain_names", json!(["a.example"]), Ok(json!(["a.example"]))),
        ] {
            let got = normal(name, kind.field(name).unwrap(), &given).map_err(|refusal| refusal.line().1);
            match (&got, want) {
                (Ok(got), Ok(want)) => assert_eq!(*got, want, "{name} {given}"),
                (Err(got), Err(part)) => assert!(got.contains(part), "{name} {given}: {got}"),
                (got, want) => panic!("{name} {given}: {got:?}, not {want:?}"),
            }
        }
    }
}
