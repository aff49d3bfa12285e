//! Which values of an answer stay as they are: what a plugin finds its way by. Denies by default: what is not known to be a number, a
//! time, an id or a word of the system is masked.

use std::collections::{BTreeMap, BTreeSet};

/// Characters of a word of a system.
const WORD_CHARS_MAX: usize = 40;
/// Characters of an id or a cursor.
const ID_CHARS_MAX: usize = 128;
/// A closed set has at most so many words, each so often on average.
const SET_WORDS_MAX: usize = 8;
const SET_TIMES_MIN: usize = 4;

/// In lower case, without what stands between words: values beside these are always masked.
const SECRET: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "token",
    "session",
    "credential",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "licensekey",
    "licencekey",
    "authorization",
    "cookie",
    "signature",
    "otp",
    "iban",
    "swift",
    "accountnumber",
    "bankaccount",
    "cardnumber",
    "creditcard",
    "cvv",
    "cvc",
    "ssn",
    "socialsecurity",
    "taxid",
    "taxnumber",
    "vatid",
    "vatnumber",
    "nationalid",
    "passport",
    "driverlicense",
    "birth",
];
/// As those, where it is the whole name.
const SECRET_WHOLE: &[&str] = &["pw", "pin", "sid", "bic", "auth", "nonce", "hash"];
/// Ends of names that only speak of a secret: its kind, its age.
const ABOUT: &[&str] =
    &["type", "kind", "expiresin", "expiresat", "expires", "expiry", "count", "enabled", "required", "url", "uri"];
/// What is said of people: no word of these is a word of the system because many share it.
const PERSONAL: &[&str] = &[
    "name",
    "phone",
    "mobile",
    "fax",
    "mail",
    "street",
    "city",
    "town",
    "zip",
    "postal",
    "address",
    "user",
    "login",
    "owner",
    "author",
    "contact",
    "person",
    "manager",
    "gender",
    "salutation",
    "title",
    "note",
    "comment",
    "subject",
    "description",
    "text",
    "body",
    "tag",
    "company",
    "employer",
    "region",
    "county",
    "label",
    "value",
    "display",
];
/// Values beside these are words of the system, if they are words.
const STRUCTURAL: &[&str] = &[
    "type",
    "kind",
    "status",
    "state",
    "object",
    "code",
    "format",
    "currency",
    "locale",
    "language",
    "lang",
    "method",
    "operator",
    "fieldtype",
    "groupname",
    "datatype",
    "ttype",
    "model",
    "relation",
    "resource",
    "action",
    "level",
    "error",
    "exception",
    "class",
    "faultcode",
    "jsonrpc",
    "timezone",
    "encoding",
    "mode",
    "scope",
    "unit",
    "rel",
    "field",
    "fields",
    "property",
    "properties",
];
/// Ends of names whose values are ids and cursors.
const IDS: &[&str] =
    &["id", "ids", "uuid", "guid", "href", "cursor", "after", "before", "next", "offset", "etag", "version", "rev", "page"];

/// A name in lower case, without what stands between its words.
fn folded(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a value beside this name is a secret, or somebody's number.
pub(super) fn is_secret(name: &str) -> bool {
    let folded = folded(name);
    !ABOUT.iter().any(|end| folded.ends_with(end))
        && (SECRET.iter().any(|word| folded.contains(word)) || SECRET_WHOLE.contains(&folded.as_str()))
}

/// Whether digits beside this name are where somebody is called, or what somebody pays with.
pub(super) fn is_line(name: &str, text: &str) -> bool {
    let folded = folded(name);
    if folded.contains("phone") {
        return true;
    }
    // `workTel`, `cell_no`; not `hotel`, `cancelled`.
    let mut words = String::new();
    for c in name.chars() {
        match (c.is_alphanumeric(), c.is_uppercase() && words.ends_with(char::is_lowercase)) {
            (false, _) => words.push(' '),
            (true, true) => words.extend([' ', c]),
            (true, false) => words.push(c),
        }
    }
    let whole = |word: &str| ["fax", "tel", "cell", "card", "iban"].contains(&word.to_lowercase().as_str());
    let within = ["mobile", "msisdn", "whatsapp"].iter().any(|word| folded.contains(word));
    (within || words.split_whitespace().any(whole)) && !is_id(name, text)
}

/// Whether a few digits beside this name are a secret, though they are nothing elsewhere.
pub(super) fn is_code(name: &str) -> bool {
    let folded = folded(name);
    ["pin", "pw", "otp", "cvv", "cvc", "ssn"].contains(&folded.as_str())
        || folded.contains("passw")
        || folded.contains("passcode")
}

fn is_personal(name: &str) -> bool {
    let folded = folded(name);
    PERSONAL.iter().any(|word| folded.contains(word))
}

/// Numbers and times: nobody's by themselves, and a plugin computes with them. A telephone number is neither.
pub(super) fn plain(text: &str) -> bool {
    let number = text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    let day = |text: &str| text.parse::<jiff::civil::Date>().is_ok();
    number
        || matches!(text, "true" | "false" | "null")
        || text.parse::<jiff::Timestamp>().is_ok()
        || (text.len() <= 40
            && text.get(..10).is_some_and(day)
            && !text.get(10..).is_some_and(|rest| rest.contains(char::is_alphabetic) && !rest.starts_with('T')))
}

fn is_word(text: &str) -> bool {
    text.len() <= WORD_CHARS_MAX
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'/'))
}

/// As programs spell: `first_name`, `SINGLE_LINE`, `createdAt`. Nobody is called so; capitals may have digits only beside a line.
fn is_identifier(text: &str) -> bool {
    let capitals = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let camel = text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().any(|byte| byte.is_ascii_uppercase());
    let snake = text.contains('_') && !text.bytes().any(|byte| byte.is_ascii_uppercase()) || capitals;
    is_word(text) && digits <= 2 && (snake || camel)
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn is_id(name: &str, text: &str) -> bool {
    let ends = |end: &str| {
        // `userId`, `user_id`, `id`; not `paid`.
        let folded = folded(name);
        folded == end
            || (folded.ends_with(end)
                && (name.ends_with(&format!("_{end}")) || name.ends_with(&format!("-{end}")) || {
                    let mut capital = end.to_owned();
                    capital[..1].make_ascii_uppercase();
                    name.ends_with(&capital) || name.ends_with(&end.to_ascii_uppercase())
                }))
    };
    text.len() <= ID_CHARS_MAX
        && !text.contains(|c: char| c.is_whitespace() || c == '@')
        && text.is_ascii()
        && IDS.iter().any(|end| ends(end))
}

/// How often each value stands beside each name.
#[derive(Default)]
pub(super) struct Counts(BTreeMap<String, BTreeMap<String, usize>>);

impl Counts {
    pub(super) fn note(&mut self, name: &str, text: &str) {
        *self.0.entry(name.to_owned()).or_default().entry(text.to_owned()).or_default() += 1;
    }

    /// Few words, each seen often, beside a name that is not of people.
    fn closed(&self, name: &str) -> bool {
        let Some(values) = self.0.get(name).filter(|_| !name.is_empty() && !is_personal(name)) else { return false };
        values.len() <= SET_WORDS_MAX
            && values.values().sum::<usize>() >= values.len() * SET_TIMES_MIN
            && values.keys().all(|value| is_word(value))
    }
}

fn is_structural(name: &str) -> bool {
    let folded = folded(name);
    STRUCTURAL.contains(&folded.as_str()) || ["type", "kind", "status"].iter().any(|end| folded.ends_with(end))
}

/// Whether a value stays.
pub(super) fn stays(name: &str, text: &str, words: &BTreeSet<String>, counts: &Counts) -> bool {
    if is_secret(name) || text.contains('@') {
        return false;
    }
    text.chars().count() <= 1
        || plain(text)
        || words.contains(text)
        || is_uuid(text)
        || is_id(name, text)
        || is_identifier(text)
        || (is_structural(name) && is_word(text))
        || counts.closed(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_masked() {
        let words = BTreeSet::from(["customer".to_owned()]);
        let mut counts = Counts::default();
        for at in 0..12 {
            counts.note("tier", ["gold", "silver"][at % 2]);
            counts.note("city", ["Berlin", "Bonn"][at % 2]);
            counts.note("nick", &format!("nick{at}"));
        }
        for (name, text, expected) in [
            ("name", "Edsger Dijkstra", false),
            ("Contact", "Edsger", false),
            ("phone", "+49 221 9988776", false),
            ("iban", "DE89370400440532013000", false),
            ("pw", "Tr0ub4dor3xyz", false),
            ("session_token", "zX8q1LmN0pQ7rS2tUvW3xYAb", false),
            ("SessionToken", "abc", false),
            ("tax_id", "12", false),
            ("anything", "ada@corp.test", false),
            ("anything", "a1B2c3D4e5F6g7H8i9J0", false),
            ("city", "Berlin", false),
            ("nick", "nick1", false),
            ("paid", "Ada", false),
            ("token_type", "Bearer", true),
            ("tier", "gold", true),
            ("stage", "customer", true),
            ("id", "65f0c0ffee1234567890abcd", true),
            ("ownerId", "4711-a", true),
            ("next_cursor", "b2Zmc2V0PTM", true),
            ("x", "550e8400-e29b-41d4-a716-446655440000", true),
            ("created", "2026-11-30T10:00:00Z", true),
            ("day", "2026-11-30", true),
            ("total", "19.90", true),
            ("name", "first_name", true),
            ("kind", "SINGLE_LINE", true),
            ("type", "string", true),
        ] {
            assert_eq!(stays(name, text, &words, &counts), expected, "{name}: {text}");
        }
    }
}
