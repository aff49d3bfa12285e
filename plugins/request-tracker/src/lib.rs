//! Request Tracker 5 over its REST interface 2: users, tickets, and the transactions of tickets.
//!
//! Owns Request Tracker's spelling: refusals that come as a success with words, fields that are ignored without one, times to
//! the second, what is deleted and still answers. Promises that a value which the system did not keep is never called
//! written. Must not know what the hub does with a field.

mod api;
mod body;
mod deliver;
mod discover;
mod kind;
mod limits;
mod pages;
#[cfg(test)]
mod tests;

use nave_sdk::prelude::{CheckReport, Connection, Delivery, Destination, Failure, Outcome, Page, Source, SourceRecord, Stream};
use nave_sdk::serde_json::Value;

use kind::Kind;

/// The connector.
#[derive(Debug)]
pub struct RequestTracker;

impl Connection for RequestTracker {
    fn check() -> Result<CheckReport, Failure> {
        let body: Value = api::read(api::get("/rt"))?.json()?;
        // The version may be hidden; that the token is taken is what counts.
        pages::newest_transaction()?;
        let version = body["Version"].as_str().unwrap_or_default();
        Ok(CheckReport::account(format!("Request Tracker {version}").trim_end()))
    }
}

impl Source for RequestTracker {
    fn discover() -> Result<Vec<Stream>, Failure> {
        Ok(discover::streams())
    }

    fn read(stream: &str, checkpoint: Option<Vec<u8>>, limit: u32) -> Result<Page, Failure> {
        pages::read(Kind::of(stream)?, checkpoint.as_deref(), limit)
    }

    fn get(stream: &str, ids: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        let kind = Kind::of(stream)?;
        let mut records = Vec::new();
        for id in &ids {
            records.extend(pages::one(kind, id)?.map(|shown| shown.record));
        }
        Ok(records)
    }
}

impl Destination for RequestTracker {
    fn write(stream: &str, deliveries: Vec<Delivery>) -> Result<Vec<Outcome>, Failure> {
        deliver::write(Kind::of(stream)?, &deliveries)
    }

    fn find(stream: &str, path: &str, values: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        pages::find(Kind::of(stream)?, path, &values)
    }
}

nave_sdk::connector!(RequestTracker);
