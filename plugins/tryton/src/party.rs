//! A party as a body: its children as lists, and the usual first ones (e-mail, address, company) as plain fields.
//!
//! Also tells persons from organisations, which are one model over there: a category says it; where none does, a tax
//! identifier, people working for it or a legal form in its name make an organisation, and anything else is a person.

use nave_sdk::names;
use nave_sdk::serde_json::{Map, Value, json};
use nave_sdk::types::{Coverage, Failure, SourceRecord};

use crate::settings::Settings;

/// Fields of a party, without its addresses.
const PLAIN: [&str; 15] = [
    "name",
    "code",
    "active",
    "write_date",
    "create_date",
    "replaced_by",
    "categories.name",
    "contact_mechanisms.type",
    "contact_mechanisms.value",
    "contact_mechanisms.name",
    "contact_mechanisms.write_date",
    "identifiers.type",
    "identifiers.code",
    "identifiers.write_date",
    "identifiers.create_date",
];
const ADDRESSES: [&str; 9] = [
    "addresses.street",
    "addresses.postal_code",
    "addresses.city",
    "addresses.country.code",
    "addresses.subdivision.name",
    "addresses.subdivision.code",
    "addresses.party_name",
    "addresses.write_date",
    "addresses.create_date",
];
const RELATIONS: [&str; 2] = ["relations.to", "relations.type.name"];

/// Paths of a body that was read without addresses (one with a country that is not there breaks the whole answer).
const WITHOUT_ADDRESSES: [&str; 15] = [
    "id",
    "name",
    "code",
    "active",
    "marker",
    "contact_mechanisms",
    "identifiers",
    "company",
    "email",
    "phone",
    "mobile",
    "website",
    "tax_id",
    "first_name",
    "last_name",
];

/// The fields to ask for.
pub(crate) fn fields(settings: &Settings, addresses: bool) -> Vec<&'static str> {
    let mut fields = PLAIN.to_vec();
    if addresses {
        fields.extend(ADDRESSES);
    }
    if settings.relations() {
        fields.extend(RELATIONS);
    }
    fields
}

/// Which parties a stream shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    All,
    Person,
    Organisation,
}

impl Kind {
    /// The stream's name.
    pub(crate) fn of(stream: &str) -> Option<Self> {
        match stream {
            "parties" => Some(Self::All),
            "persons" => Some(Self::Person),
            "organisations" => Some(Self::Organisation),
            _ => None,
        }
    }
}

/// A party as it was read, simplified, with what a write needs beside the body.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// Winner of a merge.
    pub(crate) replaced_by: Option<String>,
    /// The record's body.
    pub(crate) body: Map<String, Value>,
    /// Row id of the relation to the company.
    pub(crate) employment: Option<i64>,
    /// Row id of the identifier that is our marker.
    pub(crate) marker_id: Option<i64>,
    /// Row id of the tax identifier.
    pub(crate) tax_row: Option<i64>,
    modified_at: Option<String>,
    partial: bool,
}

impl Party {
    /// From a simplified row.
    pub(crate) fn new(row: &Value, settings: &Settings, partial: bool) -> Self {
        let id = row_id(row);
        let mut employment = None;
        let mut company = Value::Null;
        let mut employs = false;
        for relation in list(row, "relations") {
            if relation["type"]["name"] == settings.employment_relation.as_str() {
                if employment.is_none() {
                    employment = relation["id"].as_i64();
                    company = id_text(&relation["to"]);
                }
            } else {
                // The same relation, seen from its other end, has an odd id.
                employs |= relation["id"].as_i64().is_some_and(|id| id % 2 == 1);
            }
        }
        let is_marker = |row: &Value| row["type"].is_null() && row["code"].as_str().is_some_and(|code| code.starts_with("nave"));
        let marker_row = list(row, "identifiers").find(|row| is_marker(row));
        let tax = list(row, "identifiers").find(|row| row["type"].as_str().is_some_and(|kind| kind.ends_with("_vat")));
        let names: Vec<&str> = list(row, "categories").filter_map(|category| category["name"].as_str()).collect();
        let kind = if names.contains(&settings.organisation_category.as_str()) {
            Kind::Organisation
        } else if names.contains(&settings.person_category.as_str()) {
            Kind::Person
        } else if employment.is_none() && (tax.is_some() || employs || has_legal_form(row["name"].as_str().unwrap_or_default())) {
            Kind::Organisation
        } else {
            Kind::Person
        };
        let mechanisms: Vec<Value> = list(row, "contact_mechanisms").map(mechanism).collect();
        let addresses: Vec<Value> = list(row, "addresses").map(address).collect();
        let first =
            |kind: &str| mechanisms.iter().find(|row| row["type"] == kind).map_or(Value::Null, |row| row["value"].clone());
        let mut body = Map::new();
        let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
        put("id", row["id"].clone());
        put("name", row["name"].clone());
        let (first_name, last_name) = names::split(row["name"].as_str().unwrap_or_default());
        put("first_name", first_name);
        put("last_name", last_name);
        put("code", row["code"].clone());
        put("active", Value::Bool(truth(&row["active"])));
        put("marker", marker_row.map_or(Value::Null, |row| json!(marker_of(row["code"].as_str().unwrap_or_default()))));
        put("email", first("email"));
        put("phone", first("phone"));
        put("mobile", first("mobile"));
        put("website", first("website"));
        put("tax_id", tax.map_or(Value::Null, |row| row["code"].clone()));
        if settings.relations() {
            put("company", company);
        }
        put("contact_mechanisms", Value::Array(mechanisms));
        if !partial {
            put("address", addresses.first().map_or(Value::Null, without_id));
            put("addresses", Value::Array(addresses));
        }
        let identifiers = list(row, "identifiers").filter(|row| !is_marker(row));
        put("identifiers", identifiers.map(|row| json!({"id": row["id"], "type": row["type"], "code": row["code"]})).collect());
        Self {
            id,
            kind,
            replaced_by: id_text(&row["replaced_by"]).as_str().map(str::to_owned),
            body,
            employment,
            marker_id: marker_row.and_then(|row| row["id"].as_i64()),
            tax_row: tax.and_then(|row| row["id"].as_i64()),
            modified_at: newest(row),
            partial,
        }
    }

    /// Whether a stream shows it.
    pub(crate) fn belongs(&self, kind: Kind) -> bool {
        kind == Kind::All || kind == self.kind
    }

    /// Changes with everything that the body says, deleted children included; Tryton has no version of its own.
    pub(crate) fn version(&self) -> String {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in Value::Object(self.body.clone()).to_string().bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        format!("{hash:016x}")
    }

    /// The record.
    pub(crate) fn record(&self) -> SourceRecord {
        if let Some(winner) = &self.replaced_by {
            return SourceRecord::merged_into(&self.id, winner);
        }
        let mut record = SourceRecord::upsert(&self.id, nave_sdk::body::bytes(&Value::Object(self.body.clone())))
            .modified_at(self.modified_at.clone())
            .version(Some(self.version()));
        if self.partial {
            record.coverage = Coverage::Only(WITHOUT_ADDRESSES.map(str::to_owned).to_vec());
        }
        record
    }
}

/// Whether a name ends in the legal form of a company, spelled as such.
fn has_legal_form(name: &str) -> bool {
    const FORMS: [&str; 32] = [
        "GmbH",
        "AG",
        "KG",
        "KGaA",
        "OHG",
        "UG",
        "GbR",
        "eG",
        "eV",
        "eK",
        "SE",
        "Ltd",
        "Limited",
        "LLC",
        "LLP",
        "Inc",
        "Corp",
        "Corporation",
        "plc",
        "PLC",
        "SA",
        "SAS",
        "SARL",
        "Srl",
        "SpA",
        "BV",
        "NV",
        "AB",
        "ApS",
        "A/S",
        "Oy",
        "Oyj",
    ];
    let last = name.split_whitespace().next_back().unwrap_or_default().replace('.', "");
    name.contains(' ') && FORMS.contains(&last.as_str())
}

/// The code of an identifier that carries a marker.
pub(crate) fn marker_code(marker: &str) -> String {
    if marker.starts_with("nave") { marker.to_owned() } else { format!("nave:{marker}") }
}

fn marker_of(code: &str) -> &str {
    code.strip_prefix("nave:").unwrap_or(code)
}

fn mechanism(row: &Value) -> Value {
    json!({"id": row["id"], "type": row["type"], "value": row["value"], "name": row["name"]})
}

fn address(row: &Value) -> Value {
    json!({
        "id": row["id"], "name": row["party_name"], "street": row["street"], "postal_code": row["postal_code"],
        "city": row["city"], "region": row["subdivision"]["name"], "country": row["country"]["code"],
    })
}

fn without_id(row: &Value) -> Value {
    let mut map = row.as_object().cloned().unwrap_or_default();
    map.remove("id");
    Value::Object(map)
}

/// A party whose lists of children are something else would look as if it had lost them.
pub(crate) fn lists_are_lists(rows: &[Value]) -> Result<(), Failure> {
    const LISTS: [&str; 6] = ["contact_mechanisms", "addresses", "identifiers", "categories", "relations", "lines"];
    let other =
        |row: &Value| LISTS.iter().find(|name| row.get(**name).is_some_and(|list| !list.is_array() && !list.is_null())).copied();
    match rows.iter().find_map(other) {
        Some(name) => Err(Failure::Unavailable(format!("Tryton's answer has a row whose {name} are no list"))),
        None => Ok(()),
    }
}

pub(crate) fn list<'a>(row: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    row[key].as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

/// A row's own id; empty where it has none: the hub sets such a row aside.
pub(crate) fn row_id(row: &Value) -> String {
    row["id"].as_i64().map(|id| id.to_string()).unwrap_or_default()
}

/// A reference's id as text: remote ids are text everywhere.
pub(crate) fn id_text(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.to_string()),
        Value::Object(map) => map.get("id").map_or(Value::Null, id_text),
        _ => Value::Null,
    }
}

/// SQLite spells booleans as numbers.
pub(crate) fn truth(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| value.as_i64() != Some(0))
}

/// The newest time of a party and its children: a child's change does not move the party's own.
fn newest(row: &Value) -> Option<String> {
    let own = ["write_date", "create_date"].into_iter().map(|key| &row[key]);
    let children = ["contact_mechanisms", "addresses", "identifiers"]
        .into_iter()
        .flat_map(|key| list(row, key))
        .flat_map(|child| [&child["write_date"], &child["create_date"]]);
    // One spelling, so the later text is the later time; fractions differ in length, hence the numbers.
    own.chain(children)
        .filter_map(Value::as_str)
        .filter_map(|text| Some((nave_sdk::time::parse_rfc3339(text)?, text)))
        .max_by_key(|(time, _)| *time)
        .map(|(_, text)| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(row: Value, expected: Kind) {
        assert_eq!(Party::new(&row, &Settings::default(), false).kind, expected, "{row}");
    }

    #[test]
    fn persons_and_organisations_are_told_apart() {
        check(json!({"id": 1}), Kind::Person);
        check(json!({"id": 1, "name": "Radhaus Köln KG"}), Kind::Organisation);
        check(json!({"id": 1, "name": "Beispiel e.K."}), Kind::Organisation);
        check(json!({"id": 1, "name": "Sá Sa"}), Kind::Person);
        check(json!({"id": 1, "name": "AG"}), Kind::Person);
        assert_eq!((row_id(&json!({"id": null})), row_id(&json!({"id": 1}))), (String::new(), "1".to_owned()));
        check(json!({"id": 1, "categories": [{"name": "Organisation"}]}), Kind::Organisation);
        check(json!({"id": 1, "identifiers": [{"id": 1, "type": "eu_vat", "code": "DE1"}]}), Kind::Organisation);
        check(json!({"id": 1, "identifiers": [{"id": 1, "type": null, "code": "nave-1"}]}), Kind::Person);
        check(
            json!({"id": 1, "identifiers": [{"id": 1, "type": "eu_vat", "code": "x"}], "categories": [{"name": "Person"}]}),
            Kind::Person,
        );
        check(json!({"id": 1, "relations": [{"id": 3, "to": 2, "type": {"name": "employs"}}]}), Kind::Organisation);
        check(json!({"id": 1, "relations": [{"id": 2, "to": 2, "type": {"name": "works for"}}]}), Kind::Person);
    }

    #[test]
    fn a_party_is_spelled_simply() {
        let row = json!({
            "id": 3, "name": "Ada", "code": "3", "active": 1, "write_date": "2026-11-24T02:00:00Z", "replaced_by": null,
            "contact_mechanisms": [
                {"id": 1, "type": "phone", "value": "+49 1", "write_date": "2026-11-24T02:00:00.5Z"},
                {"id": 3, "type": "email", "value": "a@x.test"},
            ],
            "addresses": [{"id": 9, "street": "R 1\nH", "postal_code": "50667", "city": "Köln", "country": {"code": "DE", "id": 5}}],
            "identifiers": [{"id": 1, "type": null, "code": "nave-h-1"}, {"id": 2, "type": "eu_vat", "code": "DE136695976"}],
            "relations": [{"id": 4, "to": {"id": 7}, "type": {"name": "works for"}}],
        });
        let party = Party::new(&row, &Settings::default(), false);
        assert_eq!(
            Value::Object(party.body.clone()),
            json!({
                "id": 3, "name": "Ada", "first_name": null, "last_name": "Ada", "code": "3", "active": true, "marker": "nave-h-1", "email": "a@x.test", "phone": "+49 1",
                "mobile": null, "website": null, "tax_id": "DE136695976", "company": "7",
                "contact_mechanisms": [
                    {"id": 1, "type": "phone", "value": "+49 1", "name": null},
                    {"id": 3, "type": "email", "value": "a@x.test", "name": null},
                ],
                "address": {"name": null, "street": "R 1\nH", "postal_code": "50667", "city": "Köln", "region": null, "country": "DE"},
                "addresses": [{"id": 9, "name": null, "street": "R 1\nH", "postal_code": "50667", "city": "Köln", "region": null, "country": "DE"}],
                "identifiers": [{"id": 2, "type": "eu_vat", "code": "DE136695976"}],
            })
        );
        let record = party.record();
        assert_eq!((record.remote_id.as_str(), record.modified_at.as_deref()), ("3", Some("2026-11-24T02:00:00.5Z")));
        let merged = Party::new(&json!({"id": 3, "replaced_by": 5}), &Settings::default(), false);
        assert_eq!(merged.record(), SourceRecord::merged_into("3", "5"));
    }
}
