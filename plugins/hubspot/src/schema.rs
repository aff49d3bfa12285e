//! The objects that are streams, and their properties as the account has them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use nave_sdk::serde::Deserialize;
use nave_sdk::serde_json::Value;
use nave_sdk::types::{Capabilities, ChangeDetection, DeleteDetection, Failure, Field, FieldType, Stream, WriteMode};
use nave_sdk::{host, http};

use crate::api;
use crate::limits::{BATCH_MAX, NAMES_MS_MAX, OVERLAP_MS, SEARCH_LAG_S};

/// The connection's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(crate = "nave_sdk::serde", rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    /// Objects that are streams.
    pub(crate) objects: Vec<String>,
    /// Property with the hub's marker: unique, made by an administrator.
    pub(crate) marker: String,
    /// How long a write may stay unseen by searches.
    pub(crate) lag_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            objects: vec!["contacts".to_owned(), "companies".to_owned()],
            marker: "nave_id".to_owned(),
            lag_seconds: SEARCH_LAG_S,
        }
    }
}

impl Settings {
    pub(crate) fn load() -> Result<Self, Failure> {
        nave_sdk::host::settings()
    }

    /// The object of a stream.
    pub(crate) fn object(&self, stream: &str) -> Result<Object, Failure> {
        if self.objects.iter().any(|name| name == stream) {
            Ok(Object { lag_seconds: self.lag_seconds, ..Object::new(stream) })
        } else {
            Err(Failure::no_such_stream(stream))
        }
    }
}

/// One kind of object.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) name: String,
    /// How long a write may stay unseen by searches.
    lag_seconds: u32,
}

impl Object {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), lag_seconds: SEARCH_LAG_S }
    }

    /// What changed within this time before the newest change is read again, milliseconds.
    pub(crate) fn overlap_ms(&self) -> i64 {
        i64::from(self.lag_seconds) * 1_000 + OVERLAP_MS
    }

    pub(crate) fn path(&self) -> String {
        format!("/crm/v3/objects/{}", http::segment(&self.name))
    }

    /// The property with the time of the last change.
    pub(crate) fn modified(&self) -> &'static str {
        if self.name == "contacts" { "lastmodifieddate" } else { "hs_lastmodifieddate" }
    }

    /// The property that shows the company.
    pub(crate) fn company_property(&self) -> Option<&'static str> {
        (self.name == "contacts").then_some("associatedcompanyid")
    }
}

/// One property of the account.
#[derive(Clone, Debug, Deserialize)]
#[serde(crate = "nave_sdk::serde", rename_all = "camelCase")]
pub(crate) struct Property {
    pub(crate) name: String,
    #[serde(default)]
    label: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    field_type: String,
    #[serde(default)]
    options: Vec<Value>,
    #[serde(default)]
    has_unique_value: bool,
    #[serde(default)]
    calculated: bool,
    #[serde(default)]
    hubspot_defined: bool,
    #[serde(default)]
    modification_metadata: Value,
}

thread_local! {
    /// Object → when its properties were asked for, and their names.
    static NAMES: RefCell<BTreeMap<String, (u64, Vec<String>)>> = const { RefCell::new(BTreeMap::new()) };
}

/// All properties of an object.
pub(crate) fn properties(object: &Object) -> Result<Vec<Property>, Failure> {
    #[derive(Deserialize)]
    #[serde(crate = "nave_sdk::serde")]
    struct All {
        results: Vec<Property>,
    }
    let answer = api::read(api::get(format!("/crm/v3/properties/{}", http::segment(&object.name))))?;
    let properties = answer.json::<All>()?.results;
    let names = properties.iter().map(|property| property.name.clone()).collect();
    NAMES.with_borrow_mut(|known| known.insert(object.name.clone(), (host::now_ms(), names)));
    Ok(properties)
}

/// Names of all properties; not asked for again with every page and every batch.
pub(crate) fn names(object: &Object) -> Result<Vec<String>, Failure> {
    let now = host::now_ms();
    let known = NAMES.with_borrow(|known| known.get(&object.name).cloned());
    if let Some((_, names)) = known.filter(|(asked, _)| now.saturating_sub(*asked) < NAMES_MS_MAX) {
        return Ok(names);
    }
    Ok(properties(object)?.into_iter().map(|property| property.name).collect())
}

/// A stream as the account has it.
pub(crate) fn stream(object: &Object, settings: &Settings) -> Result<Stream, Failure> {
    let properties = properties(object)?;
    let has_marker = properties.iter().any(|property| property.name == settings.marker && property.has_unique_value);
    let mut fields = vec![
        Field::new("id", "Record id", FieldType::Text).read_only().unique(),
        Field::new("createdAt", "Created", FieldType::Timestamp).read_only(),
        Field::new("updatedAt", "Changed", FieldType::Timestamp).read_only(),
        Field::new("archived", "Archived", FieldType::Boolean).read_only(),
    ];
    if object.company_property().is_some() {
        fields.push(Field::new("company_id", "Primary company", FieldType::Reference).target("companies"));
    }
    let mut searchable = vec!["id".to_owned()];
    for property in &properties {
        if property.has_unique_value || matches!(property.name.as_str(), "email" | "domain" | "name" | "phone") {
            searchable.push(format!("properties.{}", property.name));
        }
        fields.push(field(property));
    }
    let capabilities = Capabilities {
        writable: true,
        changes: if crate::pages::tells_changes(object)? { ChangeDetection::Incremental } else { ChangeDetection::FullScan },
        deletes: DeleteDetection::Feed,
        upsert_by: if has_marker { vec![format!("properties.{}", settings.marker)] } else { Vec::new() },
        batch_max: BATCH_MAX as u32,
        write_mode: WriteMode::Patch,
        webhooks: true,
        deletable: true,
        mergeable: true,
        searchable,
        read_lag_ms: u64::from(object.lag_seconds) * 1_000,
        ..Capabilities::read_only()
    };
    let mut label = object.name.clone();
    if let Some(first) = label.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Ok(Stream::new(&object.name, &label).fields(fields).capabilities(capabilities))
}

fn field(property: &Property) -> Field {
    let kind = match (property.kind.as_str(), property.field_type.as_str(), property.name.as_str()) {
        (_, _, "email") => FieldType::Email,
        (_, "phonenumber", _) | (_, _, "phone" | "mobilephone") => FieldType::Phone,
        ("number", ..) => FieldType::Decimal,
        ("date", ..) => FieldType::Date,
        ("datetime", ..) => FieldType::Timestamp,
        ("bool", ..) => FieldType::Boolean,
        ("enumeration", "checkbox", _) => FieldType::Text,
        ("enumeration", ..) => FieldType::Enum,
        _ => FieldType::Text,
    };
    let mut field = Field::new(&format!("properties.{}", property.name), &property.label, kind);
    field.read_only = property.calculated || property.modification_metadata["readOnlyValue"] == true;
    field.unique = property.has_unique_value;
    field.custom = !property.hubspot_defined;
    if kind == FieldType::Enum {
        field.values = property.options.iter().filter_map(|option| option["value"].as_str()).map(str::to_owned).collect();
    }
    field
}
