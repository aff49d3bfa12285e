//! Any JSON API, by a description (`rest.toml`, see the crate `nave-rest`): lists in every usual style of paging, single things, writes,
//! refusals.
//!
//! Owns how a description is acted by: the order of requests, the checkpoint, what an answer means. Promises that a list which may
//! have missed a row is never called complete, that a write whose answer was lost is never called a refusal, and that nothing
//! is reached but what the manifest made of the same description lists. Must not know any system.

mod answers;
mod ask;
mod clock;
mod deliver;
mod described;
mod discover;
mod guard;
mod limits;
mod more;
mod one;
mod pages;
mod paging;
mod place;
mod rows;
#[cfg(test)]
mod tests;

use nave_sdk::prelude::{CheckReport, Connection, Delivery, Destination, Failure, Outcome, Page, Source, SourceRecord, Stream};

/// The connector.
#[derive(Debug)]
pub struct Rest;

impl Connection for Rest {
    fn check() -> Result<CheckReport, Failure> {
        discover::check(&*described::described()?)
    }
}

impl Source for Rest {
    fn discover() -> Result<Vec<Stream>, Failure> {
        Ok(described::described()?.streams.iter().map(discover::stream).collect())
    }

    fn read(stream: &str, checkpoint: Option<Vec<u8>>, limit: u32) -> Result<Page, Failure> {
        let description = described::described()?;
        pages::read(&described::Of::new(&description, stream)?, checkpoint.as_deref(), limit)
    }

    fn get(stream: &str, ids: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        let description = described::described()?;
        one::get(&described::Of::new(&description, stream)?, &ids)
    }
}

impl Destination for Rest {
    fn write(stream: &str, deliveries: Vec<Delivery>) -> Result<Vec<Outcome>, Failure> {
        let description = described::described()?;
        deliver::write(&described::Of::new(&description, stream)?, &deliveries)
    }

    fn find(stream: &str, path: &str, values: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        let description = described::described()?;
        one::find(&described::Of::new(&description, stream)?, path, &values)
    }
}

nave_sdk::connector!(Rest);
