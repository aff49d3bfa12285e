//! A contact of the books: which fields it has, what may be put into them, and how it is written.
//!
//! Promises that a contact which was taken in is written back as the vendor's document describes it. Must not know other contacts.

use crate::time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(crate) const PHONE_TYPES: [&str; 4] = ["DDI", "DEFAULT", "FAX", "MOBILE"];
pub(crate) const ADDRESS_TYPES: [&str; 2] = ["STREET", "POBOX"];
pub(crate) const NIL_ID: &str = "00000000-0000-0000-0000-000000000000";

/// Text fields of a contact, with the most characters.
const TEXTS: [(&str, usize); 15] = [
    ("Name", 255),
    ("FirstName", 255),
    ("LastName", 255),
    ("EmailAddress", 255),
    ("ContactNumber", 50),
    ("AccountNumber", 50),
    ("CompanyNumber", 50),
    ("TaxNumber", 50),
    ("BankAccountDetails", 255),
    ("AccountsReceivableTaxType", 50),
    ("AccountsPayableTaxType", 50),
    ("SalesDefaultAccountCode", 50),
    ("PurchasesDefaultAccountCode", 50),
    ("XeroNetworkKey", 255),
    ("DefaultCurrency", 3),
];

/// Fields that the vendor takes and ignores, because it keeps them itself.
const READ_ONLY: [&str; 16] = [
    "ContactID",
    "UpdatedDateUTC",
    "HasAttachments",
    "HasValidationErrors",
    "ValidationErrors",
    "StatusAttributeString",
    "IsSupplier",
    "IsCustomer",
    "Balances",
    "ContactGroups",
    "Website",
    "Discount",
    "Attachments",
    "MergedToContactID",
    "SalesTrackingCategories",
    "PurchasesTrackingCategories",
];

const PHONE_TEXTS: [(&str, usize); 3] = [("PhoneNumber", 50), ("PhoneAreaCode", 10), ("PhoneCountryCode", 20)];
const ADDRESS_TEXTS: [(&str, usize); 9] = [
    ("AddressLine1", 500),
    ("AddressLine2", 500),
    ("AddressLine3", 500),
    ("AddressLine4", 500),
    ("City", 255),
    ("Region", 255),
    ("PostalCode", 50),
    ("Country", 50),
    ("AttentionTo", 255),
];
const PERSON_TEXTS: [(&str, usize); 3] = [("FirstName", 255), ("LastName", 255), ("EmailAddress", 255)];
const PERSONS_MAX: usize = 5;

const CURRENCIES: [&str; 16] =
    ["AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "INR", "JPY", "NOK", "NZD", "PLN", "SEK", "USD"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Status {
    Active,
    Archived,
    GdprRequest,
}

impl Status {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Archived => "ARCHIVED",
            Self::GdprRequest => "GDPRREQUEST",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Active, Self::Archived, Self::GdprRequest].into_iter().find(|status| status.word() == word)
    }
}

/// Whether a contact, or a part of one, has this field.
pub(crate) fn has_field(name: &str) -> bool {
    let texts = TEXTS.iter().chain(&PHONE_TEXTS).chain(&ADDRESS_TEXTS).chain(&PERSON_TEXTS).map(|(text, _)| *text);
    texts.chain(READ_ONLY).chain(["ContactStatus", "Phones", "Addresses", "ContactPersons"]).any(|known| known == name)
}

/// A part of a contact: texts by field name.
pub(crate) type Part = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contact {
    /// In the order of their making; the id says nothing about it.
    pub(crate) serial: u64,
    pub(crate) id: String,
    pub(crate) status: Status,
    pub(crate) texts: Part,
    /// By phone type.
    pub(crate) phones: BTreeMap<String, Part>,
    /// By address type.
    pub(crate) addresses: BTreeMap<String, Part>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) persons: Vec<Part>,
    pub(crate) customer: bool,
    pub(crate) modified: i64,
    /// This contact lost a merge; it is archived, and names the other one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) merged_to: Option<String>,
}

impl Contact {
    pub(crate) fn new(serial: u64, id: String) -> Self {
        Self {
            serial,
            id,
            status: Status::Active,
            texts: Part::new(),
            phones: BTreeMap::new(),
            addresses: BTreeMap::new(),
            persons: Vec::new(),
            customer: false,
            modified: 0,
            merged_to: None,
        }
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    /// Puts what a request holds into the contact. A field that is not there says nothing; a phone or an address that is there is
    /// replaced as a whole; the list of persons is replaced as a whole.
    ///
    /// # Errors
    /// Everything that is wrong, in the vendor's manner.
    pub(crate) fn take(&mut self, given: &Map<String, Value>) -> Result<(), Vec<String>> {
        let mut wrong = Vec::new();
        for (name, value) in given {
            if READ_ONLY.contains(&name.as_str()) || value.is_null() {
                continue;
            }
            let taken = match name.as_str() {
                "ContactStatus" => self.take_status(value),
                "Phones" => take_parts(value, "PhoneType", &PHONE_TYPES, &PHONE_TEXTS, &mut self.phones),
                "Addresses" => take_parts(value, "AddressType", &ADDRESS_TYPES, &ADDRESS_TEXTS, &mut self.addresses),
                "ContactPersons" => self.take_persons(value),
                _ => match TEXTS.iter().find(|(text, _)| text == name) {
                    Some((_, most)) => take_text(value, name, *most, &mut self.texts),
                    None => Err(format!("The field {name} does not exist on a contact")),
                },
            };
            wrong.extend(taken.err());
        }
        if self.text("Name").trim().is_empty() {
            wrong.push("The contact name must be specified".to_owned());
        }
        let email = self.text("EmailAddress");
        if !email.is_empty() && !valid_email(email) {
            wrong.push("Email address must be valid.".to_owned());
        }
        let currency = self.text("DefaultCurrency");
        if !currency.is_empty() && !CURRENCIES.contains(&currency) {
            wrong.push(format!("Currency {currency} is not subscribed to by this organisation"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn take_status(&mut self, value: &Value) -> Result<(), String> {
        let status = value.as_str().and_then(Status::from_word);
        self.status = status.ok_or_else(|| format!("{value} is not a valid contact status"))?;
        Ok(())
    }

    fn take_persons(&mut self, value: &Value) -> Result<(), String> {
        let list = value.as_array().ok_or("ContactPersons must be a list")?;
        if list.len() > PERSONS_MAX {
            return Err(format!("A contact has at most {PERSONS_MAX} contact persons"));
        }
        let mut persons = Vec::new();
        for entry in list {
            let entry = entry.as_object().ok_or("A contact person must be an object")?;
            let mut person = Part::new();
            for (name, value) in entry {
                match PERSON_TEXTS.iter().find(|(text, _)| text == name) {
                    Some((_, most)) => take_text(value, name, *most, &mut person)?,
                    None if name == "IncludeInEmails" && value.is_boolean() => _ = person.insert(name.clone(), value.to_string()),
                    None => {
                        return Err(format!("The field {name} does not exist on a contact person"));
                    }
                }
            }
            persons.push(person);
        }
        self.persons = persons;
        Ok(())
    }

    /// As the vendor writes it. `full` adds what the vendor leaves out under `summaryOnly`.
    pub(crate) fn render(&self, full: bool) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("ContactID".into(), self.id.clone().into());
        for (name, _) in TEXTS {
            let value = self.text(name);
            // These are written even where they are empty.
            if !value.is_empty() || matches!(name, "EmailAddress" | "BankAccountDetails") {
                out.insert(name.into(), value.into());
            }
        }
        out.insert("ContactStatus".into(), self.status.word().into());
        out.extend(self.merged_to.iter().map(|id| ("MergedToContactID".to_owned(), id.clone().into())));
        let addresses = ADDRESS_TYPES
            .map(|kind| render_part("AddressType", kind, self.addresses.get(kind), &["City", "Region", "PostalCode", "Country"]));
        let phones =
            PHONE_TYPES.map(|kind| render_part("PhoneType", kind, self.phones.get(kind), &PHONE_TEXTS.map(|(name, _)| name)));
        out.insert("Addresses".into(), addresses.to_vec().into());
        out.insert("Phones".into(), phones.to_vec().into());
        out.insert("UpdatedDateUTC".into(), time::ms_date(self.modified).into());
        out.insert("IsSupplier".into(), false.into());
        out.insert("IsCustomer".into(), self.customer.into());
        if full {
            let persons: Vec<Value> = self
                .persons
                .iter()
                .map(|person| {
                    let mut entry: Map<String, Value> =
                        person.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
                    let include = person.get("IncludeInEmails").is_some_and(|value| value == "true");
                    entry.insert("IncludeInEmails".into(), include.into());
                    Value::Object(entry)
                })
                .collect();
            out.insert("ContactPersons".into(), persons.into());
            out.insert("ContactGroups".into(), json!([]));
            out.insert("SalesTrackingCategories".into(), json!([]));
            out.insert("PurchasesTrackingCategories".into(), json!([]));
            out.insert("HasAttachments".into(), false.into());
        }
        out.insert("HasValidationErrors".into(), false.into());
        out
    }
}

/// What was given, as far as it can be repeated in an answer that says what was wrong with it.
pub(crate) fn echo(given: &Map<String, Value>, id: Option<&str>) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("ContactID".into(), id.unwrap_or(NIL_ID).into());
    for (name, most) in TEXTS {
        if let Some(text) =
            given.get(name).and_then(Value::as_str).filter(|text| text.chars().count() <= most && name != "DefaultCurrency")
        {
            out.insert(name.into(), text.into());
        }
    }
    out
}

fn take_text(value: &Value, name: &str, most: usize, into: &mut Part) -> Result<(), String> {
    let text = match value {
        Value::Null => return Ok(()),
        Value::String(text) => text,
        other => return Err(format!("{name} must be a text, not {other}")),
    };
    if text.chars().count() > most {
        return Err(format!("The field {name} must be a string with a maximum length of {most}."));
    }
    if text.is_empty() {
        into.remove(name);
    } else {
        into.insert(name.to_owned(), text.clone());
    }
    Ok(())
}

fn take_parts(
    value: &Value,
    key: &str,
    kinds: &[&str],
    texts: &[(&str, usize)],
    into: &mut BTreeMap<String, Part>,
) -> Result<(), String> {
    let list = value.as_array().ok_or_else(|| format!("{key}s must be a list"))?;
    for entry in list {
        let entry = entry.as_object().ok_or_else(|| format!("An entry with a {key} must be an object"))?;
        let kind = entry.get(key).and_then(Value::as_str).unwrap_or_default();
        if !kinds.contains(&kind) {
            return Err(format!("{key} \"{kind}\" is not one of {}", kinds.join(", ")));
        }
        let mut part = Part::new();
        for (name, value) in entry {
            match texts.iter().find(|(text, _)| text == name) {
                Some((_, most)) => take_text(value, name, *most, &mut part)?,
                None if name == key || name == "ValidationErrors" => {}
                None => return Err(format!("The field {name} does not exist beside {key}")),
            }
        }
        if part.is_empty() {
            into.remove(kind);
        } else {
            into.insert(kind.to_owned(), part);
        }
    }
    Ok(())
}

fn render_part(key: &str, kind: &str, part: Option<&Part>, always: &[&str]) -> Value {
    let mut out = Map::new();
    out.insert(key.into(), kind.into());
    for name in always {
        out.insert((*name).into(), "".into());
    }
    for (name, value) in part.into_iter().flatten() {
        out.insert(name.clone(), value.clone().into());
    }
    Value::Object(out)
}

/// As Xero takes it: plain ASCII, one `@`, a dotted host.
fn valid_email(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else {
        return false;
    };
    let good = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    !local.is_empty() && local.chars().all(good) && !local.starts_with('.') && host.contains('.') && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(given: Value) -> Option<String> {
        let mut contact = Contact::new(1, "id".into());
        contact.take(given.as_object().unwrap()).err().map(|wrong| wrong.join("; "))
    }

    #[test]
    fn fields_are_checked() {
        for (given, want) in [
            (json!({"Name": "Ann"}), None),
            (json!({}), Some("name must be specified")),
            (json!({"Name": "Ann", "Shoe": 1}), Some("Shoe does not exist")),
            (json!({"Name": "x".repeat(256)}), Some("maximum length of 255")),
            (json!({"Name": "Ann", "EmailAddress": "ann@home"}), Some("Email")),
            (json!({"Name": "Ann", "EmailAddress": "änn@example.org"}), Some("Email")),
            (json!({"Name": "Ann", "DefaultCurrency": "XXX"}), Some("Currency XXX")),
            (json!({"Name": "Ann", "ContactStatus": "GONE"}), Some("status")),
            (json!({"Name": "Ann", "Phones": [{"PhoneType": "PAGER", "PhoneNumber": "1"}]}), Some("PAGER")),
            (json!({"Name": "Ann", "Phones": [{"PhoneType": "MOBILE", "Number": "1"}]}), Some("Number does not exist")),
            (json!({"Name": "Ann", "Phones": [{"PhoneType": "MOBILE", "PhoneAreaCode": "12345678901"}]}), Some("length of 10")),
            (json!({"Name": 7}), Some("must be a text")),
            (json!({"Name": "Ann", "UpdatedDateUTC": "/Date(1+0000)/", "HasAttachments": true, "FirstName": null}), None),
        ] {
            let got = wrong(given.clone());
            match want {
                None => assert_eq!(got, None, "{given}"),
                Some(part) => assert!(got.as_deref().is_some_and(|got| got.contains(part)), "{given}: {got:?}"),
            }
        }
    }

    #[test]
    fn a_phone_is_replaced_as_a_whole_and_others_stay() {
        let mut contact = Contact::new(1, "id".into());
        let take = |contact: &mut Contact, given: Value| contact.take(given.as_object().unwrap()).unwrap();
        take(
            &mut contact,
            json!({"Name": "Ann", "Phones": [
            {"PhoneType": "MOBILE", "PhoneNumber": "1", "PhoneAreaCode": "2"}, {"PhoneType": "DDI", "PhoneNumber": "9"}]}),
        );
        take(&mut contact, json!({"Phones": [{"PhoneType": "MOBILE", "PhoneNumber": "3"}]}));
        let phones = contact.render(true)["Phones"].clone();
        assert_eq!(phones[3], json!({"PhoneType": "MOBILE", "PhoneNumber": "3", "PhoneAreaCode": "", "PhoneCountryCode": ""}));
        assert_eq!(phones[0]["PhoneNumber"], "9");
    }
}
