//! Xero's accounting: contacts both ways, invoices read.
//!
//! Owns Xero's spelling: its dates, phones in parts, refusals in words, the tenant's header. Promises that a repeated
//! create makes no second contact. Must not know what the hub does with a field.

mod api;
mod body;
mod deliver;
mod discover;
mod limits;
mod pages;
#[cfg(test)]
mod tests;
mod told;

use nave_sdk::prelude::{
    CheckReport, Connection, Delivery, Destination, Event, Failure, Outcome, Page, Source, SourceRecord, Stream, WebhookRequest,
};
use nave_sdk::serde_json::Value;

use api::Settings;
use pages::Kind;

/// The connector.
#[derive(Debug)]
pub struct Xero;

impl Connection for Xero {
    fn check() -> Result<CheckReport, Failure> {
        let settings = Settings::load()?;
        let answer = api::read(settings.request("GET", "/Organisation"))?;
        let body: Value = answer.json()?;
        let organisation = &body["Organisations"][0];
        let mut report = CheckReport::account(organisation["Name"].as_str().unwrap_or("a Xero organisation"));
        let demo = organisation["IsDemoCompany"].as_bool().unwrap_or(false);
        report.environment = if demo { "demo" } else { "production" }.to_owned();
        for header in ["x-daylimit-remaining", "x-minlimit-remaining", "x-appminlimit-remaining"] {
            if let Some(value) = answer.header(header) {
                report.limits.push((header.to_owned(), value.to_owned()));
            }
        }
        Ok(report)
    }

    fn webhook(request: WebhookRequest) -> Result<Vec<Event>, Failure> {
        told::events(&request.body)
    }
}

impl Source for Xero {
    fn discover() -> Result<Vec<Stream>, Failure> {
        Ok(discover::streams(&Settings::load()?))
    }

    fn read(stream: &str, checkpoint: Option<Vec<u8>>, limit: u32) -> Result<Page, Failure> {
        pages::read(Kind::of(stream)?, &Settings::load()?, checkpoint.as_deref(), limit)
    }

    fn get(stream: &str, ids: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        pages::get(Kind::of(stream)?, &Settings::load()?, &ids)
    }
}

impl Destination for Xero {
    fn write(stream: &str, deliveries: Vec<Delivery>) -> Result<Vec<Outcome>, Failure> {
        match Kind::of(stream)? {
            Kind::Contacts => deliver::write(&Settings::load()?, &deliveries),
            Kind::Invoices => Err(Failure::rejected("read-only", "invoices are read only")),
        }
    }

    fn find(stream: &str, path: &str, values: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        match Kind::of(stream)? {
            Kind::Contacts => pages::find(&Settings::load()?, path, &values),
            Kind::Invoices => Err(Failure::rejected("other", "invoices cannot be searched")),
        }
    }
}

nave_sdk::connector!(Xero);
