//! What the CRM's objects look like: contacts and companies as they come, or a schema of the caller's own.
//!
//! Promises that a schema which passed [`ObjectSchema::check`] can be served. Must not know values.

use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The type of a property, in HubSpot's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PropertyType {
    /// Text.
    String,
    /// A decimal number.
    Number,
    /// A day, `2025-06-01`.
    Date,
    /// A time, `2025-06-01T08:00:00.000Z`.
    Datetime,
    /// `true` or `false`.
    Bool,
    /// One of the options.
    Enumeration,
}

/// One property of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// Internal name: lower case, digits, `_`.
    pub name: String,
    /// For people.
    pub label: String,
    /// Type of its values.
    #[serde(rename = "type")]
    pub kind: PropertyType,
    /// Values allowed, for [`PropertyType::Enumeration`].
    #[serde(default)]
    pub options: Vec<String>,
    /// No two live objects have the same value; may be an `idProperty`.
    #[serde(default)]
    pub unique: bool,
    /// Set by the CRM itself.
    #[serde(default)]
    pub read_only: bool,
}

impl Property {
    /// A property that clients may set.
    #[must_use]
    pub fn new(name: &str, label: &str, kind: PropertyType) -> Self {
        Self { name: name.to_owned(), label: label.to_owned(), kind, options: Vec::new(), unique: false, read_only: false }
    }

    fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    fn options(mut self, options: &[&str]) -> Self {
        self.options = options.iter().map(|option| (*option).to_owned()).collect();
        self
    }

    /// As `GET /crm/v3/properties/{object}` shows it.
    pub(crate) fn describe(&self) -> Value {
        let field_type = match self.kind {
            PropertyType::String => "text",
            PropertyType::Number => "number",
            PropertyType::Date | PropertyType::Datetime => "date",
            PropertyType::Bool => "booleancheckbox",
            PropertyType::Enumeration => "select",
        };
        let options: Vec<Value> = self
            .options
            .iter()
            .enumerate()
            .map(|(order, value)| json!({"label": value, "value": value, "displayOrder": order, "hidden": false}))
            .collect();
        json!({
            "name": self.name, "label": self.label, "type": self.kind, "fieldType": field_type, "description": "",
            "groupName": "simulated", "options": options, "displayOrder": -1, "calculated": false, "externalOptions": false,
            "hasUniqueValue": self.unique, "hidden": false, "hubspotDefined": true, "formField": !self.read_only, "archived": false,
            "modificationMetadata": {"archivable": true, "readOnlyDefinition": true, "readOnlyOptions": true, "readOnlyValue": self.read_only},
        })
    }
}

/// One kind of object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectSchema {
    /// Plural, as in paths: `contacts`.
    pub name: String,
    /// `contact`.
    pub singular: String,
    /// HubSpot's type id, `0-1` for contacts.
    pub type_id: String,
    /// The property that holds the time of the last modification.
    pub modified_property: String,
    /// What an answer holds where no properties were asked for, beside id and times.
    pub default_properties: Vec<String>,
    /// All properties, the CRM's own included.
    pub properties: Vec<Property>,
}

/// The names of properties that the CRM keeps itself, whatever the schema.
pub(crate) const OBJECT_ID: &str = "hs_object_id";
pub(crate) const CREATED: &str = "createdate";
pub(crate) const MERGED_IDS: &str = "hs_merged_object_ids";

impl ObjectSchema {
    /// A schema with the CRM's own properties added to the caller's.
    #[must_use]
    pub fn new(name: &str, singular: &str, type_id: &str, modified_property: &str, properties: Vec<Property>) -> Self {
        let mut all = properties;
        let default_properties = all.iter().take(3).map(|property| property.name.clone()).collect();
        all.push(Property::new(OBJECT_ID, "Record ID", PropertyType::Number).read_only());
        all.push(Property::new(CREATED, "Create Date", PropertyType::Datetime).read_only());
        all.push(Property::new(modified_property, "Last Modified Date", PropertyType::Datetime).read_only());
        all.push(Property::new(MERGED_IDS, "Merged record IDs", PropertyType::String).read_only());
        Self {
            name: name.to_owned(),
            singular: singular.to_owned(),
            type_id: type_id.to_owned(),
            modified_property: modified_property.to_owned(),
            default_properties,
            properties: all,
        }
    }

    /// HubSpot's contacts, the properties that matter, and `nave_id`: unique, as an administrator would add it for an integration.
    #[must_use]
    pub fn contacts() -> Self {
        use PropertyType::{Bool, Date, Enumeration, Number, String};
        let text = |name, label| Property::new(name, label, String);
        Self::new(
            "contacts",
            "contact",
            "0-1",
            "lastmodifieddate",
            vec![
                text("email", "Email").unique(),
                text("firstname", "First Name"),
                text("lastname", "Last Name"),
                text("salutation", "Salutation"),
                text("phone", "Phone Number"),
                text("mobilephone", "Mobile Phone Number"),
                text("fax", "Fax Number"),
                text("company", "Company Name"),
                text("jobtitle", "Job Title"),
                text("address", "Street Address"),
                text("city", "City"),
                text("state", "State/Region"),
                text("zip", "Postal Code"),
                text("country", "Country/Region"),
                text("website", "Website URL"),
                text("hs_language", "Preferred language"),
                Property::new("date_of_birth", "Date of birth", Date),
                Property::new("annualrevenue", "Annual Revenue", Number),
                Property::new("hs_email_optout", "Unsubscribed from all email", Bool),
                Property::new("lifecyclestage", "Lifecycle Stage", Enumeration).options(&[
                    "subscriber",
                    "lead",
                    "marketingqualifiedlead",
                    "salesqualifiedlead",
                    "opportunity",
                    "customer",
                    "evangelist",
                    "other",
                ]),
                Property::new("hs_lead_status", "Lead Status", Enumeration).options(&[
                    "NEW",
                    "OPEN",
                    "IN_PROGRESS",
                    "OPEN_DEAL",
                    "UNQUALIFIED",
                    "ATTEMPTED_TO_CONTACT",
                    "CONNECTED",
                    "BAD_TIMING",
                ]),
                text("nave_id", "Nave ID").unique(),
                text("hs_additional_emails", "Additional email addresses").read_only(),
                Property::new("associatedcompanyid", "Primary Associated Company ID", Number).read_only(),
            ],
        )
    }

    /// HubSpot's companies, the properties that matter, and `nave_id`.
    #[must_use]
    pub fn companies() -> Self {
        use PropertyType::{Enumeration, Number, String};
        let text = |name, label| Property::new(name, label, String);
        let mut schema = Self::new(
            "companies",
            "company",
            "0-2",
            "hs_lastmodifieddate",
            vec![
                text("name", "Company name"),
                text("domain", "Company Domain Name"),
                text("phone", "Phone Number"),
                text("address", "Street Address"),
                text("address2", "Street Address 2"),
                text("city", "City"),
                text("state", "State/Region"),
                text("zip", "Postal Code"),
                text("country", "Country/Region"),
                text("website", "Website URL"),
                text("description", "Description"),
                Property::new("industry", "Industry", Enumeration).options(&[
                    "ACCOUNTING",
                    "COMPUTER_SOFTWARE",
                    "CONSTRUCTION",
                    "FOOD_BEVERAGES",
                    "LOGISTICS_AND_SUPPLY_CHAIN",
                    "MACHINERY",
                    "RETAIL",
                ]),
                Property::new("numberofemployees", "Number of Employees", Number),
                Property::new("annualrevenue", "Annual Revenue", Number),
                text("nave_id", "Nave ID").unique(),
            ],
        );
        schema.default_properties = vec!["name".to_owned(), "domain".to_owned()];
        schema
    }

    /// A schema that nobody has seen before, the same for the same seed: at least one unique text, and every type of property.
    #[must_use]
    pub fn generated(seed: u64) -> Self {
        const WORDS: [&str; 24] = [
            "amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty", "knoll", "ledge", "marsh",
            "notch", "orbit", "plume", "quarry", "ridge", "shoal", "tarn", "umber", "vale", "weald", "yarrow",
        ];
        let mut rng = Rng::new(seed, "schema", 0);
        let word = WORDS[rng.below(WORDS.len())];
        let kinds = [
            PropertyType::String,
            PropertyType::Number,
            PropertyType::Date,
            PropertyType::Datetime,
            PropertyType::Bool,
            PropertyType::Enumeration,
        ];
        let mut properties = vec![Property::new(&format!("{word}_code"), "Code", PropertyType::String).unique()];
        let count = 6 + rng.below(10);
        for index in 0..count {
            let kind = if index < kinds.len() { kinds[index] } else { kinds[rng.below(kinds.len())] };
            let name = format!("{}_{index}", WORDS[rng.below(WORDS.len())]);
            let mut property = Property::new(&name, &name, kind);
            if kind == PropertyType::Enumeration {
                property.options =
                    (0..2 + rng.below(5)).map(|option| format!("{}_{option}", WORDS[rng.below(WORDS.len())])).collect();
            }
            properties.push(property);
        }
        let type_id = format!("2-{}", 1_000_000 + rng.below(8_999_999));
        Self::new(&format!("{word}s"), word, &type_id, "hs_lastmodifieddate", properties)
    }

    pub(crate) fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// `Contact`, as it stands in messages.
    pub(crate) fn title(&self) -> String {
        let mut letters = self.singular.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }

    /// # Errors
    /// What is wrong with it, in words.
    pub fn check(&self) -> Result<(), String> {
        let mut seen = std::collections::BTreeSet::new();
        for property in &self.properties {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if property.name.is_empty() || !property.name.chars().all(plain) {
                return Err(format!("{}: a property's name is lower case, digits and `_`, not `{}`", self.name, property.name));
            }
            if !seen.insert(&property.name) {
                return Err(format!("{}: property `{}` is there twice", self.name, property.name));
            }
            if property.unique && property.kind != PropertyType::String {
                return Err(format!("{}: only text can be unique, not `{}`", self.name, property.name));
            }
        }
        for name in [OBJECT_ID, CREATED, MERGED_IDS, &self.modified_property]
            .into_iter()
            .chain(self.default_properties.iter().map(String::as_str))
        {
            if self.property(name).is_none() {
                return Err(format!("{}: property `{name}` is missing", self.name));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_can_be_served() {
        ObjectSchema::contacts().check().unwrap();
        ObjectSchema::companies().check().unwrap();
        for seed in 0..200 {
            ObjectSchema::generated(seed).check().unwrap();
        }
        assert_eq!(ObjectSchema::generated(3), ObjectSchema::generated(3));
        assert_ne!(ObjectSchema::generated(3), ObjectSchema::generated(4));
    }

    #[test]
    fn a_schema_that_makes_no_sense_is_refused() {
        let mut twice = ObjectSchema::contacts();
        twice.properties.push(Property::new("email", "Again", PropertyType::String));
        assert!(twice.check().unwrap_err().contains("twice"));
        let mut odd = ObjectSchema::contacts();
        odd.properties[1].name = "First Name".to_owned();
        assert!(odd.check().is_err());
    }
}
