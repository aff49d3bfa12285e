//! Sympa's mailing lists over its SOAP interface: the members of one list, and which lists there are.
//!
//! Owns Sympa's spelling: every call wrapped in another that says for which user it is made, refusals as faults of which only some
//! words are the same in every language, names encoded twice. Promises that a name which Sympa did not keep is never called written.
//! Must not know what the hub does with a field, nor the application's password: the host writes it into the envelope.

mod api;
mod deliver;
mod discover;
mod envelope;
mod fault;
mod limits;
mod members;
mod mojibake;
#[cfg(test)]
mod tests;
mod value;

use nave_sdk::prelude::{CheckReport, Connection, Delivery, Destination, Failure, Outcome, Page, Source, SourceRecord, Stream};

use api::Settings;

/// The connector.
#[derive(Debug)]
pub struct Sympa;

impl Connection for Sympa {
    fn check() -> Result<CheckReport, Failure> {
        let settings = Settings::of_connection()?;
        members::all(&settings)?;
        Ok(CheckReport::account(format!("list {} as {}", settings.list, settings.user)))
    }
}

impl Source for Sympa {
    fn discover() -> Result<Vec<Stream>, Failure> {
        Ok(discover::streams())
    }

    fn read(stream: &str, checkpoint: Option<Vec<u8>>, limit: u32) -> Result<Page, Failure> {
        members::read(stream, checkpoint.as_deref(), limit)
    }

    fn get(stream: &str, ids: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        members::get(stream, &ids)
    }
}

impl Destination for Sympa {
    fn write(stream: &str, deliveries: Vec<Delivery>) -> Result<Vec<Outcome>, Failure> {
        deliver::write(stream, &deliveries)
    }

    fn find(stream: &str, path: &str, values: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        members::find(stream, path, &values)
    }
}

nave_sdk::connector!(Sympa);
