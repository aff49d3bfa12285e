//! CSV and JSONL folders, in and out: the scheduled export of systems that can do nothing else.
//!
//! Owns the spelling of files. Promises to touch nothing but the granted folders, to read a file of any size in
//! pieces, and to lose no row silently. Must not know what the columns mean.

mod csv;
mod discover;
mod export;
mod formulas;
mod jsonl;
mod limits;
mod repeats;
mod scan;
mod settings;
mod streams;
mod table;
#[cfg(test)]
mod tests;

use nave_sdk::folder;
use nave_sdk::prelude::{CheckReport, Connection, Delivery, Destination, Failure, Outcome, Page, Source, SourceRecord, Stream};

use settings::Settings;

/// The connector.
#[derive(Debug)]
pub struct Files;

impl Connection for Files {
    fn check() -> Result<CheckReport, Failure> {
        Settings::load()?;
        let files = folder::list("drop")?;
        let bytes: u64 = files.iter().map(|file| file.size).sum();
        let mut report = CheckReport::account(format!("folder drop: {} files, {bytes} bytes", files.len()));
        report.scopes.push("drop: read".to_owned());
        if folder::list("export").is_ok() {
            report.scopes.push("export: read and write".to_owned());
        }
        Ok(report)
    }
}

impl Source for Files {
    fn discover() -> Result<Vec<Stream>, Failure> {
        discover::discover(&Settings::load()?)
    }

    fn read(stream: &str, checkpoint: Option<Vec<u8>>, limit: u32) -> Result<Page, Failure> {
        let settings = Settings::load()?;
        let stream = streams::setting(&settings, stream);
        scan::read(&settings, &stream, checkpoint.as_deref(), limit)
    }

    fn get(stream: &str, ids: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        let settings = Settings::load()?;
        export::get(&settings, &streams::setting(&settings, stream), &ids)
    }
}

impl Destination for Files {
    fn write(stream: &str, deliveries: Vec<Delivery>) -> Result<Vec<Outcome>, Failure> {
        let settings = Settings::load()?;
        export::write(&settings, &streams::setting(&settings, stream), &deliveries)
    }

    fn find(stream: &str, path: &str, values: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        let settings = Settings::load()?;
        export::find(&settings, &streams::setting(&settings, stream), path, &values)
    }
}

nave_sdk::connector!(Files);
