//! Xero's contacts and invoices as bodies, and back: the vendor's object as it is, with plain fields put in front where
//! the vendor keeps parts in lists (`phone`, `mobile`, `fax`, `ddi`, `address`) or deep (`balance`, `overdue`), or spells dates its own way.

use nave_sdk::serde_json::value::RawValue;
use nave_sdk::serde_json::{Map, Value, json};
use nave_sdk::types::SourceRecord;
use nave_sdk::{slice, time};

/// Our field and the vendor's phone type.
const PHONES: [(&str, &str); 4] = [("phone", "DEFAULT"), ("mobile", "MOBILE"), ("fax", "FAX"), ("ddi", "DDI")];
/// Fields that only we know.
const OURS: [&str; 8] = ["phone", "mobile", "fax", "ddi", "address", "balance", "overdue", "kind"];
/// Legal forms of organisations, as the last word of a name spells them, without points.
const FORMS: [&str; 26] = [
    "ab",
    "ag",
    "aps",
    "as",
    "bv",
    "co",
    "company",
    "corp",
    "corporation",
    "ev",
    "gmbh",
    "inc",
    "kg",
    "limited",
    "llc",
    "llp",
    "ltd",
    "nv",
    "oy",
    "plc",
    "pty",
    "sa",
    "sarl",
    "se",
    "spa",
    "srl",
];

/// A contact as a record. An archived one is gone, a merged one says where to. A row that is neither is handed on as it
/// is: the hub sets aside what has no id or is no object.
pub(crate) fn contact(raw: &RawValue) -> SourceRecord {
    let [id, winner, status] = slice::texts(raw, ["ContactID", "MergedToContactID", "ContactStatus"]);
    let Some(id) = id else { return slice::record(raw, "ContactID") };
    if let Some(winner) = winner.filter(|winner| !winner.is_empty()) {
        return SourceRecord::merged_into(id, winner);
    }
    let modified = modified(raw);
    if status.as_deref() == Some("ARCHIVED") {
        return SourceRecord::deleted(id).modified_at(modified);
    }
    let mut plain = Map::new();
    let phones = parts(raw, "Phones");
    for (field, kind) in PHONES {
        let phone = phones.iter().find(|phone| phone["PhoneType"] == kind);
        plain.insert(field.to_owned(), phone.map_or(Value::Null, number));
    }
    let addresses = parts(raw, "Addresses");
    let street = addresses.iter().find(|address| address["AddressType"] == "STREET");
    plain.insert("address".to_owned(), street.map_or(Value::Null, address));
    plain.insert("kind".to_owned(), json!(kind(raw)));
    let owed = part(raw, "Balances.AccountsReceivable");
    plain.insert("balance".to_owned(), owed["Outstanding"].clone());
    plain.insert("overdue".to_owned(), owed["Overdue"].clone());
    SourceRecord::upsert(id, before(raw, &Value::Object(plain))).modified_at(modified)
}

/// Whether a contact is a `person` or an `organisation`, which Xero does not say: both have a name, and an organisation may
/// name its primary person in the fields of the first and last name. So one is an organisation that names no person, that has a legal
/// form, or whose name has no word of its person's. A person whose last name was corrected, and whose name was not yet, stays one.
fn kind(raw: &RawValue) -> &'static str {
    let [name, first, last] = slice::texts(raw, ["Name", "FirstName", "LastName"]).map(|text| words(&text.unwrap_or_default()));
    let of_a_person = name.iter().any(|word| first.contains(word) || last.contains(word));
    let nameless = name.is_empty() && !(first.is_empty() && last.is_empty());
    let form = name.len() > 1 && name.last().is_some_and(|word| FORMS.contains(&word.as_str()) && !last.contains(word));
    if nameless || (of_a_person && !form) { "person" } else { "organisation" }
}

/// The words of a name in small Latin letters, without points: `S.p.A.` is `spa`, and `Błażej` is `blazej`, as who types on another
/// keyboard spells him.
fn words(name: &str) -> Vec<String> {
    let all = any_ascii::any_ascii(name).to_lowercase().replace('.', "");
    all.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// An invoice as a record, as a contact is.
pub(crate) fn invoice(raw: &RawValue) -> SourceRecord {
    let Some(id) = slice::text(raw, "InvoiceID") else { return slice::record(raw, "InvoiceID") };
    let day = |plain: &str, tagged: &str| {
        let us = slice::text(raw, plain)
            .and_then(|text| time::parse_rfc3339(&text))
            .or_else(|| tagged_time(&slice::text(raw, tagged)?));
        us.map(|us| time::rfc3339(us)[..10].to_owned())
    };
    let plain = json!({
        "contact_id": slice::text(raw, "Contact.ContactID"),
        "date": day("DateString", "Date"),
        "due_date": day("DueDateString", "DueDate"),
    });
    let modified = modified(raw);
    if slice::text(raw, "Status").as_deref() == Some("DELETED") {
        return SourceRecord::deleted(id).modified_at(modified);
    }
    SourceRecord::upsert(id, before(raw, &plain)).modified_at(modified)
}

/// The vendor's bytes with our fields in front; as they are where they are no object.
fn before(raw: &RawValue, plain: &Value) -> String {
    let plain = plain.to_string();
    match (plain.strip_suffix('}'), raw.get().trim_start().strip_prefix('{')) {
        (Some(plain), Some(rest)) => format!("{plain},{rest}"),
        _ => raw.get().to_owned(),
    }
}

fn parts(raw: &RawValue, path: &str) -> Vec<Value> {
    match part(raw, path) {
        Value::Array(parts) => parts,
        _ => Vec::new(),
    }
}

/// What is at a path; null where nothing is.
fn part(raw: &RawValue, path: &str) -> Value {
    let found = slice::at(raw.get().as_bytes(), path).ok().flatten();
    found.and_then(|found| nave_sdk::serde_json::from_str(found.get()).ok()).unwrap_or_default()
}

/// `/Date(1748764800123+0000)/` in microseconds.
pub(crate) fn tagged_time(text: &str) -> Option<i64> {
    let inner = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let end =
        inner.char_indices().skip(1).find(|(_, character)| matches!(character, '+' | '-')).map_or(inner.len(), |(at, _)| at);
    Some(inner[..end].parse::<i64>().ok()? * 1000)
}

/// The time of the last change, microseconds.
pub(crate) fn modified_us(raw: &RawValue) -> Option<i64> {
    let text = slice::text(raw, "UpdatedDateUTC")?;
    tagged_time(&text).or_else(|| time::parse_rfc3339(&text))
}

fn modified(raw: &RawValue) -> Option<String> {
    modified_us(raw).map(time::rfc3339)
}

/// A phone number in one text, from its three parts.
fn number(phone: &Value) -> Value {
    let part = |name: &str| phone[name].as_str().unwrap_or_default().trim();
    let country = part("PhoneCountryCode").trim_start_matches(['+', '0']);
    let area = part("PhoneAreaCode");
    // The trunk zero is dialled inside the country only; Italy's is part of the number.
    let area = if country.is_empty() || country == "39" { area } else { area.trim_start_matches('0') };
    let country = if country.is_empty() { String::new() } else { format!("+{country}") };
    let text =
        [country.as_str(), area, part("PhoneNumber")].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    if part("PhoneNumber").is_empty() { Value::Null } else { json!(text) }
}

fn address(address: &Value) -> Value {
    let text = |name: &str| match address[name].as_str().map(str::trim) {
        Some(text) if !text.is_empty() => json!(text),
        _ => Value::Null,
    };
    let lines: Vec<&str> = (1..=4)
        .filter_map(|line| address[format!("AddressLine{line}")].as_str())
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let street = if lines.is_empty() { Value::Null } else { json!(lines.join("\n")) };
    json!({
        "street": street, "city": text("City"), "region": text("Region"), "postal_code": text("PostalCode"),
        "country": text("Country"), "attention": text("AttentionTo"),
    })
}

/// A contact as it is sent: what changed, with our plain fields turned back into the vendor's parts. A part is replaced
/// there as a whole, so an address is taken from `desired`.
pub(crate) fn sent(changed: &Map<String, Value>, desired: &Map<String, Value>) -> Map<String, Value> {
    let mut out: Map<String, Value> = changed
        .iter()
        .filter(|(name, _)| !OURS.contains(&name.as_str()))
        // Null says nothing over there, an empty text clears.
        .map(|(name, value)| (name.clone(), if value.is_null() { json!("") } else { value.clone() }))
        .collect();
    let mut phones = list(&out, "Phones");
    for (field, kind) in PHONES {
        if let Some(value) = changed.get(field) {
            phones.retain(|phone| phone["PhoneType"] != kind);
            phones.push(json!({
                "PhoneType": kind, "PhoneNumber": value.as_str().unwrap_or_default(), "PhoneAreaCode": "", "PhoneCountryCode": "",
            }));
        }
    }
    if !phones.is_empty() {
        out.insert("Phones".to_owned(), Value::Array(phones));
    }
    if let Some(part) = changed.get("address") {
        let whole = desired.get("address").unwrap_or(part);
        let text = |name: &str| part.get(name).or_else(|| whole.get(name)).and_then(Value::as_str).unwrap_or_default();
        let mut lines = text("street").lines();
        let mut address = json!({
            "AddressType": "STREET", "City": text("city"), "Region": text("region"), "PostalCode": text("postal_code"),
            "Country": text("country"), "AttentionTo": text("attention"),
        });
        for line in 1..=3 {
            address[format!("AddressLine{line}")] = json!(lines.next().unwrap_or_default());
        }
        address["AddressLine4"] = json!(lines.collect::<Vec<_>>().join(", "));
        let mut addresses = list(&out, "Addresses");
        addresses.retain(|other| other["AddressType"] != "STREET");
        addresses.push(address);
        out.insert("Addresses".to_owned(), Value::Array(addresses));
    }
    out
}

fn list(out: &Map<String, Value>, key: &str) -> Vec<Value> {
    out.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(value: Value) -> Box<RawValue> {
        RawValue::from_string(value.to_string()).expect("JSON")
    }

    #[test]
    fn a_contact_gets_plain_fields() {
        let given = json!({
            "ContactID": "c1", "ContactStatus": "ACTIVE", "Name": "Ada", "UpdatedDateUTC": "/Date(1748764800123+0000)/",
            "Phones": [
                {"PhoneType": "DEFAULT", "PhoneCountryCode": "49", "PhoneAreaCode": "0221", "PhoneNumber": "4711"},
                {"PhoneType": "MOBILE", "PhoneNumber": "", "PhoneAreaCode": ""},
            ],
            "Addresses": [{"AddressType": "STREET", "AddressLine1": "Ring 1", "AddressLine2": "Hof", "City": "Köln", "Country": ""}],
            "Balances": {"AccountsReceivable": {"Outstanding": 760.10, "Overdue": 0}, "AccountsPayable": {"Outstanding": 1}},
        });
        let record = contact(&raw(given.clone()));
        let body: Value = nave_sdk::serde_json::from_slice(&record.body).expect("JSON");
        assert_eq!(
            (body["phone"].clone(), body["mobile"].clone(), body["Name"].clone()),
            (json!("+49 221 4711"), Value::Null, json!("Ada"))
        );
        assert_eq!(
            body["address"],
            json!({"street": "Ring 1\nHof", "city": "Köln", "region": null, "postal_code": null, "country": null, "attention": null})
        );
        assert_eq!((&body["balance"], &body["overdue"]), (&json!(760.1), &json!(0)));
        assert_eq!(record.modified_at.as_deref(), Some("2025-06-01T08:00:00.123Z"));
        let mut archived = given.clone();
        archived["ContactStatus"] = json!("ARCHIVED");
        assert_eq!(contact(&raw(archived.clone())).operation, nave_sdk::types::Operation::Delete);
        archived["MergedToContactID"] = json!("c2");
        assert_eq!(contact(&raw(archived)), SourceRecord::merged_into("c1", "c2"));
    }

    #[test]
    fn a_person_is_told_from_an_organisation() {
        for (name, first, last, expected) in [
            ("Ada Lovelace", "Ada", "Lovelace", "person"),
            ("LOVELACE, Ada", "Ada", "Lovelace", "person"),
            ("Dr. Ada Lovelace", "Ada", "", "person"),
            // Corrected in one field, not yet in the other.
            ("Ada Byron", "Ada", "Lovelace", "person"),
            ("Blazej Szczepanski", "Błażej", "Szczepański", "person"),
            ("Νίκος Οικονόμου", "Nikos", "", "person"),
            ("", "Ada", "Lovelace", "person"),
            ("Bo Co", "Bo", "Co", "person"),
            ("Nordlicht GmbH", "", "", "organisation"),
            ("Ridgeway University", "Ada", "Lovelace", "organisation"),
            ("Lovelace & Sons Ltd", "Ada", "Lovelace", "organisation"),
            ("Lovelace S.p.A.", "Ada", "Lovelace", "organisation"),
            ("花屋", "", "", "organisation"),
            ("", "", "", "organisation"),
        ] {
            let given = json!({"ContactID": "c1", "Name": name, "FirstName": first, "LastName": last});
            let body: Value = nave_sdk::serde_json::from_slice(&contact(&raw(given)).body).expect("JSON");
            assert_eq!(body["kind"], expected, "{name} / {first} {last}");
        }
    }

    #[track_caller]
    fn check(changed: Value, desired: Value, expected: Value) {
        let object = |value: &Value| value.as_object().cloned().unwrap_or_default();
        assert_eq!(Value::Object(sent(&object(&changed), &object(&desired))), expected);
    }

    #[test]
    fn plain_fields_become_parts() {
        check(json!({"Name": "A", "EmailAddress": null}), json!({}), json!({"Name": "A", "EmailAddress": ""}));
        check(
            json!({"phone": "+49221", "mobile": null}),
            json!({}),
            json!({"Phones": [
                {"PhoneType": "DEFAULT", "PhoneNumber": "+49221", "PhoneAreaCode": "", "PhoneCountryCode": ""},
                {"PhoneType": "MOBILE", "PhoneNumber": "", "PhoneAreaCode": "", "PhoneCountryCode": ""},
            ]}),
        );
        check(
            json!({"address": {"city": "Bonn"}}),
            json!({"address": {"city": "Bonn", "street": "a\nb\nc\nd\ne", "country": "DE", "attention": "Ms X"}}),
            json!({"Addresses": [{
                "AddressType": "STREET", "AddressLine1": "a", "AddressLine2": "b", "AddressLine3": "c", "AddressLine4": "d, e", "City": "Bonn",
                "Region": "", "PostalCode": "", "Country": "DE", "AttentionTo": "Ms X",
            }]}),
        );
    }

    #[test]
    fn vendor_times_are_read() {
        for (text, expected) in [
            ("/Date(0+0000)/", Some(0)),
            ("/Date(1748764800123)/", Some(1_748_764_800_123_000)),
            ("/Date(-5+0000)/", Some(-5000)),
            ("/Date()/", None),
            ("2025", None),
        ] {
            assert_eq!(tagged_time(text), expected, "{text}");
        }
    }
}
