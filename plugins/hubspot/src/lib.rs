//! HubSpot's CRM v3: contacts, companies, and any other object of the account by its name.
//!
//! Owns HubSpot's spelling: searches and their bounds, batches, merges, archives, associations. Promises that an answer
//! that was lost is never called a refusal. Must not know what the hub does with a property.

mod api;
mod deliver;
mod limits;
mod pages;
mod schema;
#[cfg(test)]
mod tests;
mod told;

use nave_sdk::prelude::{
    CheckReport, Connection, Delivery, Destination, Event, Failure, Outcome, Page, Source, SourceRecord, Stream, WebhookRequest,
};
use nave_sdk::serde_json::Value;

use schema::Settings;

/// The connector.
#[derive(Debug)]
pub struct HubSpot;

impl Connection for HubSpot {
    fn check() -> Result<CheckReport, Failure> {
        let settings = Settings::load()?;
        for name in &settings.objects {
            api::read(api::get(settings.object(name)?.path()).query("limit", "1"))?;
        }
        let mut report = CheckReport::account("a HubSpot account");
        // Not every token may see the account's details.
        if let Ok(answer) = api::read(api::get("/account-info/v3/details".to_owned())) {
            let details: Value = answer.json().unwrap_or_default();
            report.account = format!("HubSpot account {}", details["portalId"]);
            report.environment = details["accountType"].as_str().unwrap_or_default().to_lowercase();
            for header in ["x-hubspot-ratelimit-max", "x-hubspot-ratelimit-daily"] {
                if let Some(value) = answer.header(header) {
                    report.limits.push((header.to_owned(), value.to_owned()));
                }
            }
        }
        Ok(report)
    }

    fn webhook(request: WebhookRequest) -> Result<Vec<Event>, Failure> {
        told::events(&request.body, &Settings::load()?.objects)
    }
}

impl Source for HubSpot {
    fn discover() -> Result<Vec<Stream>, Failure> {
        let settings = Settings::load()?;
        settings.objects.iter().map(|name| schema::stream(&settings.object(name)?, &settings)).collect()
    }

    fn read(stream: &str, checkpoint: Option<Vec<u8>>, limit: u32) -> Result<Page, Failure> {
        pages::read(&Settings::load()?.object(stream)?, checkpoint.as_deref(), limit)
    }

    fn get(stream: &str, ids: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        pages::get(&Settings::load()?.object(stream)?, &ids)
    }
}

impl Destination for HubSpot {
    fn write(stream: &str, deliveries: Vec<Delivery>) -> Result<Vec<Outcome>, Failure> {
        let settings = Settings::load()?;
        deliver::write(&settings.object(stream)?, &settings, &deliveries)
    }

    fn find(stream: &str, path: &str, values: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        pages::find(&Settings::load()?.object(stream)?, path, &values)
    }
}

nave_sdk::connector!(HubSpot);
