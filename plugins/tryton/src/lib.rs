//! Tryton ERP over its REST interface: parties as persons and organisations, their contact mechanisms, products, invoices.
//!
//! Owns Tryton's spelling: base64 queries, tagged values, nested commands, where errors are words. Promises that one
//! delivery is one request that Tryton applies whole or not at all. Must not know what the hub does with a field.

mod api;
mod deliver;
mod discover;
mod documents;
mod edit;
mod limits;
mod mechanisms;
mod pages;
mod party;
mod settings;
#[cfg(test)]
mod tests;

use nave_sdk::prelude::{CheckReport, Connection, Delivery, Destination, Failure, Outcome, Page, Source, SourceRecord, Stream};
use nave_sdk::serde_json::json;

use documents::Document;
use party::Kind;
use settings::Settings;

/// The connector.
#[derive(Debug)]
pub struct Tryton;

impl Connection for Tryton {
    fn check() -> Result<CheckReport, Failure> {
        let settings = Settings::load()?;
        pages::search(&settings, json!([]), 1)?;
        let company = api::Query {
            model: "company.company",
            domain: json!([["id", "=", settings.company]]),
            fields: &["party.name"],
            limit: 1,
        };
        // Not every user may look at companies.
        let rows = company.rows().unwrap_or_default();
        let name = rows.first().and_then(|row| row["party"]["name"].as_str()).unwrap_or("a Tryton database");
        Ok(CheckReport::account(name))
    }
}

impl Source for Tryton {
    fn discover() -> Result<Vec<Stream>, Failure> {
        Ok(discover::streams(&Settings::load()?))
    }

    fn read(stream: &str, checkpoint: Option<Vec<u8>>, limit: u32) -> Result<Page, Failure> {
        let settings = Settings::load()?;
        if let Some(document) = Document::of(stream) {
            return documents::read(document, &settings, checkpoint.as_deref(), limit);
        }
        if stream == mechanisms::STREAM {
            return mechanisms::read(checkpoint.as_deref(), limit);
        }
        pages::read(kind(stream)?, &settings, checkpoint.as_deref(), limit)
    }

    fn get(stream: &str, ids: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        let settings = Settings::load()?;
        if let Some(document) = Document::of(stream) {
            return documents::get(document, &settings, &ids);
        }
        if stream == mechanisms::STREAM {
            return mechanisms::get(&ids);
        }
        pages::get(kind(stream)?, &settings, &ids)
    }
}

impl Destination for Tryton {
    fn write(stream: &str, deliveries: Vec<Delivery>) -> Result<Vec<Outcome>, Failure> {
        if Document::of(stream).is_some() {
            return Err(Failure::rejected("read-only", format!("{stream} are read only")));
        }
        if stream == mechanisms::STREAM {
            return mechanisms::write(&deliveries);
        }
        deliver::write(kind(stream)?, &Settings::load()?, &deliveries)
    }

    fn find(stream: &str, path: &str, values: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        if stream == mechanisms::STREAM {
            return mechanisms::find(path, &values);
        }
        deliver::find(kind(stream)?, &Settings::load()?, path, &values)
    }
}

fn kind(stream: &str) -> Result<Kind, Failure> {
    Kind::of(stream).ok_or_else(|| Failure::no_such_stream(stream))
}

nave_sdk::connector!(Tryton);
