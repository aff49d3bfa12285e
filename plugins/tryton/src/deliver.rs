//! Writing parties: one request per delivery, read back in the same answer.

use std::collections::HashMap;

use nave_sdk::body;
use nave_sdk::http::Answer;
use nave_sdk::serde_json::{Map, Value, json};
use nave_sdk::types::{Delivery, Failure, Outcome, SourceRecord, WriteOperation};
use nave_sdk::write::{self, Stop};

use crate::api::{self, Query};
use crate::edit::{self, Names};
use crate::limits::{COLLISION_MS, FOUND_MAX, IDS_PER_QUERY};
use crate::pages;
use crate::party::{self, Kind, Party, marker_code};
use crate::settings::Settings;

/// Makes the differences one by one: creates in parallel would collide on Tryton's number sequence.
pub(crate) fn write(kind: Kind, settings: &Settings, deliveries: &[Delivery]) -> Result<Vec<Outcome>, Failure> {
    let mut names = Lookup::default();
    write::one_by_one(deliveries, |delivery| match &delivery.operation {
        WriteOperation::Create => create(kind, settings, &mut names, delivery),
        WriteOperation::Update(id) => update(settings, &mut names, delivery, id),
        WriteOperation::Delete(id) => delete(id),
        WriteOperation::Merge(_) => Ok(write::rejected("other", "Tryton merges parties in its own assistant only")),
    })
}

fn create(kind: Kind, settings: &Settings, names: &mut Lookup, delivery: &Delivery) -> Result<Outcome, Stop> {
    let desired = body::object(&delivery.desired)?;
    let mut values = edit::values(&desired, None, settings, names)?;
    let category = match kind {
        Kind::All => None,
        Kind::Person => Some(&settings.person_category),
        Kind::Organisation => Some(&settings.organisation_category),
    };
    if let Some(name) = category.filter(|name| !name.is_empty()) {
        values.insert("categories".to_owned(), json!([["add", [names.category(name)?]]]));
    }
    let request = api::row("POST", "party.party", None, &party::fields(settings, true))?.json(&values);
    let answer = request.send().map_err(write::lost)?;
    if !answer.is_success() {
        return Err(refused(&answer, !values.contains_key("code")));
    }
    read_back(&answer, settings)
}

fn update(settings: &Settings, names: &mut Lookup, delivery: &Delivery, id: &str) -> Result<Outcome, Stop> {
    let Some(current) = pages::one(settings, id)? else {
        return Ok(Outcome::Gone);
    };
    if let Some(winner) = current.replaced_by {
        return Ok(Outcome::MergedInto(winner));
    }
    if delivery.if_version.as_ref().is_some_and(|version| *version != current.version()) {
        return Ok(Outcome::Conflict(current.record()));
    }
    let values = edit::values(&body::object(&delivery.changed)?, Some(&current), settings, names)?;
    if values.is_empty() {
        return Ok(write::written(current.record()));
    }
    let request = api::row("PUT", "party.party", Some(id), &party::fields(settings, true))?.json(&values);
    let answer = request.send().map_err(write::lost)?;
    if !answer.is_success() {
        return Err(refused(&answer, false));
    }
    read_back(&answer, settings)
}

fn delete(id: &str) -> Result<Outcome, Stop> {
    let answer = api::row("DELETE", "party.party", Some(id), &[])?.send().map_err(write::lost)?;
    if answer.is_success() { Ok(write::written_unread(id)) } else { Err(refused(&answer, false)) }
}

/// The answer of a write holds the party as it is now.
fn read_back(answer: &Answer, settings: &Settings) -> Result<Outcome, Stop> {
    match answer.json::<Value>() {
        Ok(row) if row["id"].is_i64() => Ok(write::written(Party::new(&api::simplify(row), settings, false).record())),
        _ => Err(Stop::settled(Outcome::Unknown("Tryton's answer to the write is not a party".to_owned()))),
    }
}

fn refused(answer: &Answer, number_by_sequence: bool) -> Stop {
    match answer.status {
        400 | 409 | 422 => {
            let rejection = api::rejection(answer);
            if number_by_sequence && rejection.class == "duplicate" && rejection.field.as_deref() == Some("code") {
                // Somebody else took the same number at the same moment; nothing was written.
                return Stop::NotSent(Failure::RetryAfter(COLLISION_MS));
            }
            Stop::settled(Outcome::Rejected(rejection))
        }
        _ => write::refused(answer),
    }
}

/// Parties whose field at a path equals one of the values.
pub(crate) fn find(kind: Kind, settings: &Settings, path: &str, values: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    let mut records = Vec::new();
    for values in values.chunks(IDS_PER_QUERY) {
        let domain = match path {
            "marker" => json!([["identifiers.code", "in", values.iter().map(|value| marker_code(value)).collect::<Vec<_>>()]]),
            "name" | "code" => json!([[path, "in", values]]),
            "email" => {
                let mut any = vec![json!("OR")];
                any.extend(values.iter().map(|value| {
                    json!(["contact_mechanisms", "where", [["type", "=", "email"], ["value", "ilike", literally(value)]]])
                }));
                json!([any])
            }
            _ => {
                return Err(Failure::rejected(
                    "other",
                    format!("parties cannot be searched by {path}; marker, name, code and email can"),
                ));
            }
        };
        let found = pages::search(settings, domain, FOUND_MAX * values.len() as u32)?;
        // What we made carries our marker, whatever it looks like since.
        records.extend(found.iter().filter(|party| path == "marker" || party.belongs(kind)).map(Party::record));
    }
    Ok(records)
}

/// Text for `ilike` that stands for itself.
fn literally(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Ids of named rows, asked for once per call.
#[derive(Default)]
struct Lookup {
    countries: Option<HashMap<String, i64>>,
    ids: HashMap<(&'static str, String), Option<i64>>,
}

impl Lookup {
    fn id(&mut self, model: &'static str, name: &str) -> Result<Option<i64>, Failure> {
        if let Some(id) = self.ids.get(&(model, name.to_owned())) {
            return Ok(*id);
        }
        let rows = Query { model, domain: json!([["name", "=", name]]), fields: &["name"], limit: 1 }.rows()?;
        let id = rows.first().and_then(|row| row["id"].as_i64());
        self.ids.insert((model, name.to_owned()), id);
        Ok(id)
    }

    /// A category's row; made when it is missing. It is a label: a second one of the same name does no harm.
    fn category(&mut self, name: &str) -> Result<i64, Failure> {
        if let Some(id) = self.id("party.category", name)? {
            return Ok(id);
        }
        let answer = api::row("POST", "party.category", None, &["name"])?
            .json(&Map::from_iter([("name".to_owned(), json!(name))]))
            .send()?;
        if !answer.is_success() {
            return Err(api::failure(&answer));
        }
        let row: Value = answer.json()?;
        let id =
            row["id"].as_i64().ok_or_else(|| Failure::Unavailable("Tryton made a category and did not say which".to_owned()))?;
        self.ids.insert(("party.category", name.to_owned()), Some(id));
        Ok(id)
    }
}

impl Names for Lookup {
    fn country(&mut self, code: &str) -> Result<Option<i64>, Failure> {
        if self.countries.is_none() {
            let rows = Query { model: "country.country", domain: json!([]), fields: &["code"], limit: 500 }.rows()?;
            let known = rows.iter().filter_map(|row| Some((row["code"].as_str()?.to_owned(), row["id"].as_i64()?)));
            self.countries = Some(known.collect());
        }
        Ok(self.countries.as_ref().and_then(|countries| countries.get(code)).copied())
    }

    fn relation_type(&mut self, name: &str) -> Result<Option<i64>, Failure> {
        self.id("party.relation.type", name)
    }
}
