//! Mailchimp's Marketing API: the members of an audience, audiences and campaigns.
//!
//! Owns Mailchimp's spelling: members by mailbox, merge fields, deletions as an archive, problem documents. Promises that
//! nobody is subscribed whom the settings do not say so of. Must not know what the hub does with a field.

mod api;
mod deliver;
mod discover;
mod limits;
mod lists;
mod members;
#[cfg(test)]
mod tests;
mod told;
mod whole;

use nave_sdk::http;
use nave_sdk::prelude::{
    CheckReport, Connection, Delivery, Destination, Event, Failure, Outcome, Page, Source, SourceRecord, Stream, WebhookRequest,
};
use nave_sdk::serde_json::Value;

use api::Settings;
use lists::Kind;

/// The stream that is written.
const MEMBERS: &str = "members";

/// The connector.
#[derive(Debug)]
pub struct Mailchimp;

impl Connection for Mailchimp {
    fn check() -> Result<CheckReport, Failure> {
        let settings = Settings::load()?;
        let body: Value = api::read(api::get(format!("/lists/{}", http::segment(&settings.audience))))?.json()?;
        let name = body["name"].as_str().unwrap_or("an audience");
        let company = body["contact"]["company"].as_str().unwrap_or_default();
        Ok(CheckReport::account(if company.is_empty() { name.to_owned() } else { format!("{name} ({company})") }))
    }

    fn webhook(request: WebhookRequest) -> Result<Vec<Event>, Failure> {
        told::events(&request.body, &Settings::load()?.audience)
    }
}

impl Source for Mailchimp {
    fn discover() -> Result<Vec<Stream>, Failure> {
        discover::streams(&Settings::load()?)
    }

    fn read(stream: &str, checkpoint: Option<Vec<u8>>, limit: u32) -> Result<Page, Failure> {
        match Kind::of(stream) {
            Some(kind) => lists::read(kind, checkpoint.as_deref(), limit),
            None => members::read(&members_of(stream)?, checkpoint.as_deref(), limit),
        }
    }

    fn get(stream: &str, ids: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        match Kind::of(stream) {
            Some(kind) => ids.iter().filter_map(|id| lists::one(kind, id).transpose()).collect(),
            None => {
                let settings = members_of(stream)?;
                ids.iter().filter_map(|id| members::one(&settings, id).transpose()).collect()
            }
        }
    }
}

impl Destination for Mailchimp {
    fn write(stream: &str, deliveries: Vec<Delivery>) -> Result<Vec<Outcome>, Failure> {
        match Kind::of(stream) {
            Some(_) => Err(Failure::rejected("read-only", format!("{stream} are read only"))),
            None => deliver::write(&members_of(stream)?, &deliveries),
        }
    }

    fn find(stream: &str, path: &str, values: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        match Kind::of(stream) {
            Some(_) => Err(Failure::rejected("other", format!("{stream} cannot be searched"))),
            None => members::find(&members_of(stream)?, path, &values),
        }
    }
}

fn members_of(stream: &str) -> Result<Settings, Failure> {
    if stream == MEMBERS { Settings::load() } else { Err(Failure::no_such_stream(stream)) }
}

nave_sdk::connector!(Mailchimp);
