//! Single things: by their ids, and by a field.

use nave_rest::description::Get;
use nave_sdk::http::Answer;
use nave_sdk::slice;
use nave_sdk::types::{Failure, Operation, SourceRecord};

use nave_rest::description::Means;

use crate::answers::Told;
use crate::ask::{self, Words};
use crate::described::Of;
use crate::pages;
use crate::place;
use crate::rows;

/// These things. Where the description cannot read one, all are left out: nothing is known about them.
pub(crate) fn get(of: &Of<'_>, ids: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    let Some(get) = &of.stream.get else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for id in ids {
        found.extend(one(of, get, id)?);
    }
    Ok(found)
}

/// One thing; a 404 proves that it is gone, a 403 says nothing.
pub(crate) fn one(of: &Of<'_>, get: &Get, id: &str) -> Result<Option<SourceRecord>, Failure> {
    let answer = ask::filled(&get.request, &of.settings, Words { id, ..Words::default() })?.request().send()?;
    let told = Told::of(of);
    if told.refuses(&answer) {
        return match (told.says(&answer), answer.status) {
            (Some(Means::Gone), _) | (None, 404 | 410) => Ok(Some(SourceRecord::deleted(id))),
            (Some(Means::Rejected("forbidden")), _) | (None, 403) => Ok(None),
            _ => Err(told.failure(&answer)),
        };
    }
    let Some(record) = shown(of, get, &answer)? else {
        // A list by id that is empty: it is not there, and nobody said that it is gone.
        return Ok(None);
    };
    if !record.remote_id.is_empty() && record.remote_id != id {
        // Who asks for one that was merged may get the winner.
        return Ok(Some(SourceRecord::merged_into(id, record.remote_id)).filter(|_| of.stream.merged_into.is_some()));
    }
    Ok(Some(SourceRecord { remote_id: id.to_owned(), ..record }))
}

/// The one thing of an answer.
fn shown(of: &Of<'_>, get: &Get, answer: &Answer) -> Result<Option<SourceRecord>, Failure> {
    let misfit = |why: String| Failure::Unavailable(format!("the answer about one of {}: {why}", of.stream.name));
    let raw = place::raw(&answer.body, &get.record).map_err(|error| misfit(error.to_string()))?;
    match raw {
        Some(raw) if raw.get().starts_with('{') => {
            let mut record = rows::record(of.stream, raw);
            if get.etag && record.operation == Operation::Upsert {
                record.version = answer.header("etag").map(str::to_owned).or(record.version);
            }
            Ok(Some(record))
        }
        // An index into a list that is empty.
        None if get.record.steps().last().is_some_and(|step| step.parse::<usize>().is_ok()) => Ok(None),
        _ => Err(misfit(format!("nothing is at {:?}; correct `record` of its `get`", get.record.text()))),
    }
}

/// Things whose field equals one of the values.
pub(crate) fn find(of: &Of<'_>, path: &str, values: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    let Some(find) = of.stream.find.iter().find(|find| find.path == path) else {
        return Err(Failure::rejected("other", format!("{} cannot be searched by {path}", of.stream.name)));
    };
    let told = Told::of(of);
    let mut found: Vec<SourceRecord> = Vec::new();
    for value in values {
        let asked = match ask::filled(&find.request, &of.settings, Words { value, ..Words::default() }) {
            // The question cannot be asked for this value; nothing can be found, and nothing be mistaken.
            Err(Failure::Rejected(_)) => continue,
            asked => asked?,
        };
        let answer = asked.request().send()?;
        if told.refuses(&answer) {
            match (told.says(&answer), answer.status) {
                // Some systems answer so where nothing was found.
                (Some(Means::Gone), _) | (None, 404 | 410) => continue,
                _ => return Err(told.failure(&answer)),
            }
        }
        let none = || {
            Failure::Misconfigured(format!(
                "the answer to the search has no list at {:?}: correct `records` of [streams.{}.find.\"{path}\"]",
                find.records.text(),
                of.stream.name
            ))
        };
        for raw in pages::elements(&answer.body, &find.records, &find.record, &of.stream.name)?.ok_or_else(none)? {
            slice::found(raw, &of.stream.id)?;
            // A search may find more than what is equal.
            let there = slice::text(raw, path).unwrap_or_default();
            let equal = there == *value || find.any_case && there.to_lowercase() == value.to_lowercase();
            let record = rows::record(of.stream, raw);
            if equal && record.operation == Operation::Upsert && !found.iter().any(|other| other.remote_id == record.remote_id) {
                found.push(record);
            }
        }
    }
    Ok(found)
}
