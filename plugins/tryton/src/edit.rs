//! From a delivery's body and the party just read to the values of one request: children as nested commands, so that
//! Tryton applies all of it or nothing. Pure; names that must be looked up come in through [`Names`].

use nave_sdk::names;
use nave_sdk::serde_json::{Map, Value, json};
use nave_sdk::types::{Failure, Rejection};

use crate::party::{Party, marker_code};
use crate::settings::Settings;

/// Looks up the ids of what a body names.
pub(crate) trait Names {
    /// A country's row by its ISO code.
    fn country(&mut self, code: &str) -> Result<Option<i64>, Failure>;
    /// A relation type's row by its name.
    fn relation_type(&mut self, name: &str) -> Result<Option<i64>, Failure>;
}

/// Kinds of contact mechanisms that are plain fields too.
const MECHANISMS: [&str; 4] = ["email", "phone", "mobile", "website"];
/// Fields of the party's own row.
const OWN: [&str; 3] = ["name", "code", "active"];

/// The values of the request that makes this change; empty when there is nothing to send.
pub(crate) fn values(
    changed: &Map<String, Value>,
    current: Option<&Party>,
    settings: &Settings,
    names: &mut impl Names,
) -> Result<Map<String, Value>, Failure> {
    let empty = Map::new();
    let body = current.map_or(&empty, |party| &party.body);
    let mut values = Map::new();
    for field in OWN {
        if let Some(value) = changed.get(field).filter(|value| body.get(field) != Some(value)) {
            values.insert(field.to_owned(), value.clone());
        }
    }
    if changed.contains_key("first_name") || changed.contains_key("last_name") {
        // What is not named stays as it is; a create has nothing to keep.
        let part = |key: &str| changed.get(key).or_else(|| body.get(key)).unwrap_or(&Value::Null);
        let name = names::join(part("first_name"), part("last_name"));
        if body.get("name") != Some(&name) && (!name.is_null() || !changed.contains_key("name")) {
            values.insert("name".to_owned(), name);
        } else if !name.is_null() {
            values.remove("name");
        }
    }
    let mechanisms = wanted_mechanisms(changed, body)?;
    put(
        &mut values,
        "contact_mechanisms",
        commands(items(body, "contact_mechanisms"), mechanisms, &mut |row| Ok(pick(row, &["type", "value", "name"])))?,
    );
    let addresses = wanted_addresses(changed, body)?;
    put(&mut values, "addresses", commands(items(body, "addresses"), addresses, &mut |row| address(row, names))?);
    let mut identifiers =
        commands(items(body, "identifiers"), wanted_list(changed, "identifiers")?, &mut |row| Ok(pick(row, &["type", "code"])))?;
    identifiers.extend(tax_id(changed, current));
    if let Some(marker) =
        changed.get("marker").and_then(Value::as_str).filter(|marker| body.get("marker") != Some(&json!(marker)))
    {
        let code = marker_code(marker);
        identifiers.push(match current.and_then(|party| party.marker_id) {
            Some(id) => json!(["write", [id], {"code": code}]),
            None => json!(["create", [{"type": null, "code": code}]]),
        });
    }
    put(&mut values, "identifiers", identifiers);
    put(&mut values, "relations", company(changed, current, settings, names)?);
    Ok(values)
}

fn put(values: &mut Map<String, Value>, key: &str, commands: Vec<Value>) {
    if !commands.is_empty() {
        values.insert(key.to_owned(), Value::Array(commands));
    }
}

fn items<'a>(body: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    body.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The list that a body wants, if it names it.
fn wanted_list(changed: &Map<String, Value>, key: &str) -> Result<Option<Vec<Value>>, Failure> {
    match changed.get(key) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(Vec::new())),
        Some(Value::Array(items)) if items.iter().all(Value::is_object) => Ok(Some(items.clone())),
        Some(_) => Err(Failure::Rejected(Rejection::new("format", format!("{key} must be a list of objects")).field(key))),
    }
}

/// Contact mechanisms as they should be: the list, then the plain fields upon it.
fn wanted_mechanisms(changed: &Map<String, Value>, body: &Map<String, Value>) -> Result<Option<Vec<Value>>, Failure> {
    let mut wanted = wanted_list(changed, "contact_mechanisms")?;
    for kind in MECHANISMS {
        let Some(value) = changed.get(kind) else {
            continue;
        };
        let rows = wanted.get_or_insert_with(|| items(body, "contact_mechanisms").to_vec());
        let first = rows.iter().position(|row| row["type"] == kind);
        match (first, value.as_str().filter(|text| !text.is_empty())) {
            (Some(at), Some(text)) => rows[at]["value"] = json!(text),
            (Some(at), None) => {
                rows.remove(at);
            }
            (None, Some(text)) => rows.push(json!({"type": kind, "value": text})),
            (None, None) => {}
        }
    }
    Ok(wanted)
}

/// Addresses as they should be: the list, then the plain `address` upon the first.
fn wanted_addresses(changed: &Map<String, Value>, body: &Map<String, Value>) -> Result<Option<Vec<Value>>, Failure> {
    let mut wanted = wanted_list(changed, "addresses")?;
    if let Some(Value::Object(address)) = changed.get("address") {
        let rows = wanted.get_or_insert_with(|| items(body, "addresses").to_vec());
        if rows.is_empty() {
            if address.values().all(is_empty) {
                return Ok(wanted);
            }
            rows.push(json!({}));
        }
        if let Some(first) = rows[0].as_object_mut() {
            first.extend(address.clone());
        }
    }
    Ok(wanted)
}

/// Turns a child's body into the values of its row.
type Spell<'s> = dyn FnMut(&Value) -> Result<Map<String, Value>, Failure> + 's;

/// Commands that turn the children there into the children wanted. A child is known by its id; one with an id that
/// is not among the party's own is new (a foreign id would change another party's child).
fn commands(current: &[Value], wanted: Option<Vec<Value>>, spell: &mut Spell<'_>) -> Result<Vec<Value>, Failure> {
    let Some(wanted) = wanted else {
        return Ok(Vec::new());
    };
    let mut commands = Vec::new();
    let mut kept = Vec::new();
    let mut created = Vec::new();
    for row in &wanted {
        let id = row_id(row);
        match current.iter().find(|there| id.is_some() && row_id(there) == id) {
            Some(there) => {
                kept.push(id);
                // Only what differs: a value that was left alone is not checked again over there.
                let mut differs = row.as_object().cloned().unwrap_or_default();
                differs.retain(|key, value| there.get(key).unwrap_or(&Value::Null) != value);
                let differs = spell(&Value::Object(differs))?;
                if !differs.is_empty() {
                    commands.push(json!(["write", [id], differs]));
                }
            }
            None => {
                let values = spell(row)?;
                if !values.values().all(is_empty) {
                    created.push(Value::Object(values));
                }
            }
        }
    }
    let gone: Vec<i64> = current.iter().filter(|row| !kept.contains(&row_id(row))).filter_map(row_id).collect();
    if !gone.is_empty() {
        commands.push(json!(["delete", gone]));
    }
    if !created.is_empty() {
        commands.push(json!(["create", created]));
    }
    Ok(commands)
}

fn row_id(row: &Value) -> Option<i64> {
    match &row["id"] {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value == ""
}

fn pick(row: &Value, keys: &[&str]) -> Map<String, Value> {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), row.get(key)?.clone()))).collect()
}

/// An address as Tryton takes it. The region is read only: subdivisions are rows of their own there.
fn address(row: &Value, names: &mut impl Names) -> Result<Map<String, Value>, Failure> {
    let mut values = pick(row, &["street", "postal_code", "city"]);
    if let Some(name) = row.get("name") {
        values.insert("party_name".to_owned(), name.clone());
    }
    match row.get("country") {
        None => {}
        Some(Value::Null) => {
            values.insert("country".to_owned(), Value::Null);
        }
        Some(country) => {
            let code = country.as_str().unwrap_or_default();
            let Some(id) = names.country(code)? else {
                let message = format!(
                    "the country {code:?} is not among Tryton's countries; load them there with trytond_import_countries"
                );
                return Err(Failure::Rejected(Rejection::new("reference", message).field("address.country")));
            };
            values.insert("country".to_owned(), json!(id));
        }
    }
    Ok(values)
}

/// The tax identifier: the one that is there is changed; a new one is a European VAT number when it looks like one.
fn tax_id(changed: &Map<String, Value>, current: Option<&Party>) -> Option<Value> {
    let wanted = changed.get("tax_id")?;
    if current.is_some_and(|party| party.body.get("tax_id") == Some(wanted)) {
        return None;
    }
    let row = current.and_then(|party| party.tax_row);
    match (row, wanted.as_str().filter(|text| !text.is_empty())) {
        (Some(id), Some(code)) => Some(json!(["write", [id], {"code": code}])),
        (Some(id), None) => Some(json!(["delete", [id]])),
        (None, Some(code)) => Some(json!(["create", [{"type": "eu_vat", "code": code}]])),
        (None, None) => None,
    }
}

/// The relation to the company.
fn company(
    changed: &Map<String, Value>,
    current: Option<&Party>,
    settings: &Settings,
    names: &mut impl Names,
) -> Result<Vec<Value>, Failure> {
    let Some(wanted) = changed.get("company") else {
        return Ok(Vec::new());
    };
    let refused = |class: &str, message: String| Err(Failure::Rejected(Rejection::new(class, message).field("company")));
    if current.is_some_and(|party| party.body.get("company") == Some(wanted)) {
        return Ok(Vec::new());
    }
    let row = current.and_then(|party| party.employment);
    if is_empty(wanted) {
        return Ok(row.map(|id| json!(["delete", [id]])).into_iter().collect());
    }
    let to: i64 = match wanted.as_str().map_or_else(|| wanted.as_i64(), |text| text.parse().ok()) {
        Some(to) => to,
        None => return refused("reference", format!("{wanted} is not the id of a party")),
    };
    if let Some(id) = row {
        return Ok(vec![json!(["write", [id], {"to": to}])]);
    }
    if !settings.relations() {
        return refused("read-only", "the setting employment-relation is empty: this database has no relations".to_owned());
    }
    match names.relation_type(&settings.employment_relation)? {
        Some(kind) => Ok(vec![json!(["create", [{"to": to, "type": kind}]])]),
        None => refused(
            "reference",
            format!(
                "Tryton has no relation type {:?}; make it there or change the setting employment-relation",
                settings.employment_relation
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Names for Fixed {
        fn country(&mut self, code: &str) -> Result<Option<i64>, Failure> {
            Ok((code == "DE").then_some(5))
        }
        fn relation_type(&mut self, name: &str) -> Result<Option<i64>, Failure> {
            Ok((name == "works for").then_some(1))
        }
    }

    fn party() -> Party {
        let row = json!({
            "id": 3, "name": "Ada", "active": 1,
            "contact_mechanisms": [
                {"id": 1, "type": "phone", "value": "1"}, {"id": 2, "type": "email", "value": "a@x"}, {"id": 4, "type": "phone", "value": "2"},
            ],
            "addresses": [{"id": 9, "street": "R 1", "city": "Köln", "country": {"code": "DE"}}],
            "identifiers": [{"id": 1, "type": null, "code": "nave-1"}],
            "relations": [{"id": 4, "to": 7, "type": {"name": "works for"}}],
        });
        Party::new(&row, &Settings::default(), false)
    }

    #[track_caller]
    fn check(current: Option<&Party>, changed: Value, expected: Value) {
        let got = values(changed.as_object().expect("an object"), current, &Settings::default(), &mut Fixed).expect("values");
        assert_eq!(Value::Object(got), expected, "{changed}");
    }

    #[test]
    fn a_new_party_is_one_request() {
        check(
            None,
            json!({
                "name": "Ada", "marker": "nave-h-1", "email": "a@x", "company": "7", "tax_id": "DE136695976",
                "contact_mechanisms": [{"type": "phone", "value": "1"}], "address": {"city": "Köln", "country": "DE"},
            }),
            json!({
                "name": "Ada",
                "contact_mechanisms": [["create", [{"type": "phone", "value": "1"}, {"type": "email", "value": "a@x"}]]],
                "addresses": [["create", [{"city": "Köln", "country": 5}]]],
                "identifiers": [["create", [{"type": "eu_vat", "code": "DE136695976"}]], ["create", [{"type": null, "code": "nave-h-1"}]]],
                "relations": [["create", [{"to": 7, "type": 1}]]],
            }),
        );
        check(None, json!({"name": "A", "email": null, "address": {"city": null}, "company": null}), json!({"name": "A"}));
    }

    #[test]
    fn a_change_touches_only_what_differs() {
        let party = party();
        let check = |changed, expected| check(Some(&party), changed, expected);
        check(Value::Object(party.body.clone()), json!({}));
        check(
            json!({"name": "Bo", "email": "b@x"}),
            json!({"name": "Bo", "contact_mechanisms": [["write", [2], {"value": "b@x"}]]}),
        );
        check(json!({"email": ""}), json!({"contact_mechanisms": [["delete", [2]]]}));
        check(
            json!({"contact_mechanisms": [{"id": 1, "type": "phone", "value": "1"}, {"id": 4, "type": "mobile", "value": "2"}, {"type": "fax", "value": "3"}]}),
            json!({"contact_mechanisms": [["write", [4], {"type": "mobile"}], ["delete", [2]], ["create", [{"type": "fax", "value": "3"}]]]}),
        );
        // Another party's child is not ours to change.
        check(
            json!({"identifiers": [{"id": 77, "type": null, "code": "x"}]}),
            json!({"identifiers": [["create", [{"type": null, "code": "x"}]]]}),
        );
        check(json!({"address": {"city": "Bonn"}}), json!({"addresses": [["write", [9], {"city": "Bonn"}]]}));
        check(json!({"address": {"country": null}}), json!({"addresses": [["write", [9], {"country": null}]]}));
        check(json!({"company": "8"}), json!({"relations": [["write", [4], {"to": 8}]]}));
        check(json!({"company": null}), json!({"relations": [["delete", [4]]]}));
        check(json!({"company": "7"}), json!({}));
        check(json!({"first_name": "Augusta"}), json!({"name": "Augusta Ada"}));
        check(json!({"last_name": "Ada"}), json!({}));
        check(json!({"first_name": "A", "last_name": "L", "name": "old"}), json!({"name": "A L"}));
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for (changed, field) in [
            (json!({"address": {"country": "XX"}}), "address.country"),
            (json!({"company": "Acme"}), "company"),
            (json!({"contact_mechanisms": "1"}), "contact_mechanisms"),
        ] {
            let got = values(changed.as_object().expect("an object"), None, &Settings::default(), &mut Fixed);
            assert!(matches!(got, Err(Failure::Rejected(rejection)) if rejection.field.as_deref() == Some(field)), "{changed}");
        }
    }
}
