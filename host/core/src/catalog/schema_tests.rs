//! Sample records of every canonical entity against its JSON Schema, by a validator that shares nothing with the writer.

use serde_json::{Value as Json, json};

use super::{SHARED_TYPES, json_schema, shared_type_schema, shipped_entities};

/// What is wrong with `data`; a keyword that is not known here is wrong too, so that none goes unchecked.
fn validate(schema: &Json, data: &Json, at: &str, wrong: &mut Vec<String>) {
    let mut say = |what: &str| wrong.push(format!("{at}: {what}"));
    for (keyword, value) in schema.as_object().expect("a schema is an object") {
        let fits = match keyword.as_str() {
            "$schema" | "title" | "description" => value.is_string(),
            "format" => match (value.as_str(), data.as_str()) {
                (Some("date"), Some(text)) => text.len() == 10 && text.as_bytes()[4] == b'-',
                (Some("date-time"), Some(text)) => text.contains('T') && text.ends_with('Z'),
                (Some("email"), Some(text)) => text.contains('@'),
                (Some("uri-reference"), Some(text)) => !text.contains(' '),
                (Some("date" | "date-time" | "email" | "uri-reference"), None) => true,
                _ => false,
            },
            "type" => {
                let words = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                words.iter().any(|word| match word.as_str() {
                    Some("string") => data.is_string(),
                    Some("integer") => data.is_i64() || data.is_u64(),
                    Some("number") => data.is_number(),
                    Some("boolean") => data.is_boolean(),
                    Some("object") => data.is_object(),
                    Some("array") => data.is_array(),
                    Some("null") => data.is_null(),
                    _ => false,
                })
            }
            "enum" => value.as_array().is_some_and(|all| all.contains(data)),
            "pattern" => {
                let letters = match value.as_str() {
                    Some("^[A-Z]{2}$") => 2,
                    Some("^[A-Z]{3}$") => 3,
                    other => panic!("{at}: the pattern {other:?} is not known to this test"),
                };
                data.as_str().is_none_or(|text| text.len() == letters && text.bytes().all(|byte| byte.is_ascii_uppercase()))
            }
            "required" => value.as_array().is_some_and(|all| {
                data.is_null() || all.iter().all(|name| data.get(name.as_str().unwrap_or_default()).is_some())
            }),
            "properties" | "items" => value.is_object(),
            "additionalProperties" => {
                let known = &schema["properties"];
                data.as_object().is_none_or(|map| map.keys().all(|name| known.get(name).is_some()))
            }
            other => other.starts_with("x-"),
        };
        if !fits {
            say(&format!("{data} does not fit {keyword} = {value}"));
        }
    }
    if let (Some(properties), Some(map)) = (schema["properties"].as_object(), data.as_object()) {
        for (name, inner) in map {
            if let Some(schema) = properties.get(name) {
                validate(schema, inner, &format!("{at}.{name}"), wrong);
            }
        }
    }
    if let (Some(items), Some(list)) = (schema.get("items"), data.as_array()) {
        list.iter().for_each(|element| validate(items, element, &format!("{at}[]"), wrong));
    }
}

fn schema_of(name: &str) -> Json {
    let entities = shipped_entities();
    shared_type_schema(name, &entities["contact"]).unwrap_or_else(|| json_schema(&entities[name]))
}

#[track_caller]
fn check(name: &str, data: &Json, fits: bool) {
    let mut wrong = Vec::new();
    validate(&schema_of(name), data, name, &mut wrong);
    assert_eq!(wrong.is_empty(), fits, "{name}: {wrong:#?}");
}

/// A value of the type that a property's schema asks for.
fn sample(schema: &Json) -> Json {
    if let Some(all) = schema["enum"].as_array() {
        return all[0].clone();
    }
    match (schema["type"][0].as_str(), schema["format"].as_str(), schema["pattern"].as_str()) {
        (Some("string"), Some("date"), _) => json!("2026-11-28"),
        (Some("string"), Some("date-time"), _) => json!("2026-11-28T13:00:00Z"),
        (Some("string"), Some("email"), _) => json!("ada@acme.test"),
        (Some("string"), Some("uri-reference"), _) => json!("https://acme.test"),
        (Some("string"), _, Some(_)) => json!("DE"),
        (Some("string"), ..) => json!("text"),
        (Some("integer"), ..) => json!(7),
        (Some("number"), ..) => json!(19.99),
        (Some("boolean"), ..) => json!(true),
        (Some("array"), ..) => json!([]),
        (Some("object"), ..) if schema["properties"].get("currency").is_some() => json!({"amount": 1, "currency": "EUR"}),
        (Some("object"), ..) => json!({}),
        other => panic!("no sample for {other:?}: {schema}"),
    }
}

#[test]
fn sample_data_validates() {
    check(
        "contact",
        &json!({
            "first_name": "Ada", "last_name": "Lovelace", "email": "ada@acme.test", "company": 12, "birth_date": "1815-12-10",
            "phones": [{"number": "+49891234567", "kind": "mobile"}], "address.country": "DE", "archived": false, "notes": null,
        }),
        true,
    );
    check("address", &json!({"street": "Main 1", "city": "Ulm", "postal_code": "89073", "country": "DE"}), true);
    check("money", &json!({"amount": 19.90, "currency": "EUR"}), true);
    for (name, data) in [
        ("contact", json!({"email": 7})),
        ("contact", json!({"e_mail": "ada@acme.test"})),
        ("contact", json!({"phones": [{"nummer": "1"}]})),
        ("contact", json!({"address.country": "Germany"})),
        ("address", json!({"country": "Germany"})),
        ("money", json!({"amount": 1})),
        ("money", json!({"amount": 1, "currency": "Euro"})),
    ] {
        check(name, &data, false);
    }
}

#[test]
fn every_canonical_type_has_a_schema_that_a_full_record_fits() {
    let entities = shipped_entities();
    let wanted = [
        "contact",
        "company",
        "product",
        "invoice",
        "payment",
        "ticket",
        "deal",
        "campaign",
        "interaction",
        "employee",
        "user",
        "address",
        "money",
    ];
    for name in wanted.into_iter().chain(entities.keys().map(String::as_str)).chain(SHARED_TYPES.map(|(name, _)| name)) {
        let schema = schema_of(name);
        let properties = schema["properties"].as_object().unwrap_or_else(|| panic!("{name}: {schema}"));
        assert!(!properties.is_empty(), "{name}");
        if name != "money" {
            let full: serde_json::Map<String, Json> =
                properties.iter().map(|(field, schema)| (field.clone(), sample(schema))).collect();
            check(name, &Json::Object(full), true);
        }
    }
}
