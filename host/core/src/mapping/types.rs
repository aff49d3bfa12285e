//! Types as the checker sees them: what an operation takes and gives, and what fits a field.

use crate::catalog::{FieldType, RemoteType};

/// Type of a value in a mapping. Texts with a meaning (an e-mail, a country) are texts here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the table of types in the design")]
pub enum Type {
    /// Not known before a value is seen.
    Any,
    Text,
    Integer,
    Decimal,
    Boolean,
    Date,
    Timestamp,
    Money,
    Reference,
    List,
    Object,
}

impl Type {
    /// For messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "a value of unknown type",
            Self::Text => "text",
            Self::Integer => "an integer",
            Self::Decimal => "a decimal number",
            Self::Boolean => "a boolean",
            Self::Date => "a date",
            Self::Timestamp => "a timestamp",
            Self::Money => "money",
            Self::Reference => "a reference",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }

    /// Type of a canonical field's values.
    pub fn of_field(kind: &FieldType) -> Self {
        match kind {
            FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::Country | FieldType::Url | FieldType::Enum(_) => {
                Self::Text
            }
            FieldType::Integer => Self::Integer,
            FieldType::Decimal => Self::Decimal,
            FieldType::Money => Self::Money,
            FieldType::Boolean => Self::Boolean,
            FieldType::Date => Self::Date,
            FieldType::Timestamp => Self::Timestamp,
            FieldType::Reference(_) => Self::Reference,
            FieldType::List { .. } => Self::List,
            FieldType::Object | FieldType::File => Self::Object,
        }
    }

    /// Type of a remote field's values. A remote reference is an id, in whatever spelling.
    pub fn of_remote(kind: RemoteType) -> Self {
        match kind {
            RemoteType::Text | RemoteType::Email | RemoteType::Phone | RemoteType::Url | RemoteType::Enum => Self::Text,
            RemoteType::Integer => Self::Integer,
            RemoteType::Decimal => Self::Decimal,
            RemoteType::Boolean => Self::Boolean,
            RemoteType::Date => Self::Date,
            RemoteType::Timestamp => Self::Timestamp,
            RemoteType::List => Self::List,
            RemoteType::Object => Self::Object,
            RemoteType::Reference | RemoteType::Json => Self::Any,
        }
    }

    /// Of a function's declaration in a manifest.
    pub(super) fn of_function(name: &str) -> Self {
        match name {
            "text" => Self::Text,
            "integer" => Self::Integer,
            "boolean" => Self::Boolean,
            _ => Self::Any,
        }
    }

    /// Whether values of this type can be put, as they are, where `target` is wanted. Text may spell most
    /// things, and is checked value by value then; nothing else is converted silently.
    pub fn fits(self, target: Self) -> bool {
        use Type::{Any, Boolean, Date, Decimal, Integer, Money, Object, Text, Timestamp};
        match (self, target) {
            (Any, _) | (_, Any) => true,
            (from, to) if from == to => true,
            (Text, Integer | Decimal | Boolean | Date | Timestamp) => true,
            (Date | Timestamp, Text) => true,
            (Integer, Decimal | Boolean) => true,
            (Object, Money) | (Money, Object) => true,
            _ => false,
        }
    }

    /// What to add to a mapping so that it fits.
    pub fn advice(self, target: Self) -> Option<&'static str> {
        use Type::{Boolean, Date, Decimal, Integer, Money, Reference, Text, Timestamp};
        Some(match (self, target) {
            (Integer | Decimal | Boolean, Text) => "add `| text`",
            (Integer | Decimal, Date) => {
                "if it counts seconds or milliseconds since 1970, add `| date(unix_s)` or `| date(unix_ms)`"
            }
            (Integer | Decimal, Timestamp) => {
                "if it counts seconds or milliseconds since 1970, add `| timestamp(unix_s)` or `| timestamp(unix_ms)`"
            }
            (Timestamp, Date) => "add `| date` to keep the date alone",
            (Text | Integer, Reference) => "add `| text | reference(STREAM)` with the stream whose ids these are",
            (Reference, Text) => "add `| remote_id(STREAM)`",
            (Integer | Decimal | Text, Money) => "add `| money(EUR)`, or `| money(PATH)` with the path of the currency",
            (Decimal, Integer) => "add `| integer`; a number with a fraction is then set aside",
            _ => return None,
        })
    }
}
