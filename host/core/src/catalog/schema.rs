//! A canonical entity as JSON Schema, for `nave schema` and the API.

use serde_json::{Map, Value as Json, json};

use super::{Entity, FieldType};

/// JSON Schema (2020-12) of an entity's records as the API shows them: every field may be absent or null.
pub fn json_schema(entity: &Entity) -> Json {
    let properties: Map<String, Json> = entity
        .fields
        .iter()
        .map(|(name, field)| {
            let mut schema = of(&field.kind);
            if let Json::Object(map) = &mut schema {
                map.insert("title".to_owned(), Json::from(field.label.as_str()));
                if let Some(because) = &field.because {
                    map.insert("description".to_owned(), Json::from(because.as_str()));
                }
                if field.personal {
                    map.insert("x-personal".to_owned(), Json::Bool(true));
                }
            }
            (name.clone(), schema)
        })
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": entity.label,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

/// Types that several entities share: they have no records of their own, and a schema.
pub const SHARED_TYPES: [(&str, &str); 2] = [("address", "Address"), ("money", "Money")];

/// JSON Schema of one of [`SHARED_TYPES`]. An address is what a contact and a company hold as `address.…`.
pub fn shared_type_schema(name: &str, contact: &Entity) -> Option<Json> {
    let (_, label) = SHARED_TYPES.iter().find(|(known, _)| *known == name)?;
    let mut schema = match name {
        "money" => of(&FieldType::Money),
        _ => {
            let parts = contact.fields.iter().filter_map(|(field, about)| Some((field.strip_prefix("address.")?, about)));
            let properties: Map<String, Json> = parts.map(|(part, field)| (part.to_owned(), of(&field.kind))).collect();
            json!({ "type": ["object", "null"], "properties": properties, "additionalProperties": false })
        }
    };
    if let Json::Object(map) = &mut schema {
        map.insert("$schema".to_owned(), Json::from("https://json-schema.org/draft/2020-12/schema"));
        map.insert("title".to_owned(), Json::from(*label));
    }
    Some(schema)
}

fn of(kind: &FieldType) -> Json {
    match kind {
        FieldType::Text | FieldType::Phone => json!({ "type": ["string", "null"] }),
        FieldType::Integer => json!({ "type": ["integer", "null"] }),
        FieldType::Decimal => json!({ "type": ["number", "null"] }),
        FieldType::Money => json!({
            "type": ["object", "null"],
            "properties": { "amount": { "type": "number" }, "currency": { "type": "string", "pattern": "^[A-Z]{3}$" } },
            "required": ["amount", "currency"],
            "additionalProperties": false,
        }),
        FieldType::Boolean => json!({ "type": ["boolean", "null"] }),
        FieldType::Date => json!({ "type": ["string", "null"], "format": "date" }),
        FieldType::Timestamp => json!({ "type": ["string", "null"], "format": "date-time" }),
        FieldType::Email => json!({ "type": ["string", "null"], "format": "email" }),
        FieldType::Country => json!({ "type": ["string", "null"], "pattern": "^[A-Z]{2}$" }),
        FieldType::Url => json!({ "type": ["string", "null"], "format": "uri-reference" }),
        FieldType::Enum(values) => {
            let mut all: Vec<Json> = values.iter().map(|value| Json::from(value.as_str())).collect();
            all.push(Json::Null);
            json!({ "enum": all })
        }
        // A record's number here; a remote id as text while it is not resolved.
        FieldType::Reference(entity) => {
            json!({ "type": ["integer", "string", "null"], "x-entity": entity })
        }
        FieldType::List { fields, key } => {
            let properties: Map<String, Json> = fields.iter().map(|(name, kind)| (name.clone(), of(kind))).collect();
            json!({
                "type": ["array", "null"],
                "items": { "type": "object", "properties": properties, "additionalProperties": false },
                "x-key": key,
            })
        }
        FieldType::Object => json!({ "type": ["object", "null"] }),
        FieldType::File => json!({
            "type": ["object", "null"],
            "properties": {
                "hash": { "type": "string" }, "size": { "type": "integer" }, "media_type": { "type": "string" }, "name": { "type": "string" },
            },
        }),
    }
}
