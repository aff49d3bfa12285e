//! BottleCRM: contacts and accounts.
//!
//! Owns its spelling: slashes, lists that shift, refusals by field. Promises that a scan which may have missed a row is
//! never called complete. Must not know what the hub does with a field.

mod api;
mod deliver;
mod discover;
mod limits;
mod pages;
#[cfg(test)]
mod tests;

use nave_sdk::prelude::{CheckReport, Connection, Delivery, Destination, Failure, Outcome, Page, Source, SourceRecord, Stream};
use nave_sdk::slice;

use pages::Kind;

/// The connector.
#[derive(Debug)]
pub struct BottleCrm;

impl Connection for BottleCrm {
    fn check() -> Result<CheckReport, Failure> {
        let answer = api::request("GET", "contacts", None)?.query("limit", "1").query("offset", "0").send()?;
        if !answer.is_success() {
            return Err(api::failure(&answer));
        }
        let rows = slice::array(&answer.body, "results")?;
        let organisation = rows.first().and_then(|raw| slice::text(raw, "org.name"));
        Ok(CheckReport::account(organisation.unwrap_or_else(|| "a BottleCRM organisation".to_owned())))
    }
}

impl Source for BottleCrm {
    fn discover() -> Result<Vec<Stream>, Failure> {
        Ok(discover::streams())
    }

    fn read(stream: &str, checkpoint: Option<Vec<u8>>, limit: u32) -> Result<Page, Failure> {
        pages::read(Kind::of(stream)?, checkpoint.as_deref(), limit)
    }

    fn get(stream: &str, ids: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        let kind = Kind::of(stream)?;
        ids.iter().map(|id| pages::one(kind, id)).collect()
    }
}

impl Destination for BottleCrm {
    fn write(stream: &str, deliveries: Vec<Delivery>) -> Result<Vec<Outcome>, Failure> {
        deliver::write(Kind::of(stream)?, &deliveries)
    }

    fn find(stream: &str, path: &str, values: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        pages::find(Kind::of(stream)?, path, &values)
    }
}

nave_sdk::connector!(BottleCrm);
