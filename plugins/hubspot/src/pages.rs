//! Reading: once all objects by the list, then what changed by searches, then what was archived.
//!
//! A search is cut off after 10,000 results and its pages shift while objects change, so no page after the first is
//! ever asked for: each question begins at the time where the last answer ended. Objects that share one millisecond
//! are read by their ids.
//!
//! Where the account has no searches by the time of the last change, all objects are read each time, and what was archived.
//! The checkpoint says which way is gone; when the other one is found to be right, it has expired.

use nave_sdk::checkpoint;
use nave_sdk::serde::{Deserialize, Serialize};
use nave_sdk::serde_json::value::RawValue;
use nave_sdk::serde_json::{Value, json};
use nave_sdk::types::{Failure, Page, SourceRecord};
use nave_sdk::{slice, time};

use crate::api;
use crate::limits::{ARCHIVE_PAGES_MAX, BATCH_MAX, PROPERTY_QUERY_CHARS_MAX, SEARCH_PAGE_MAX};
use crate::schema::{self, Object};

/// The checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde", deny_unknown_fields, tag = "at", rename_all = "kebab-case")]
enum Position {
    /// Nothing read yet.
    #[default]
    Start,
    /// Within the list of everything.
    Full {
        /// Newest change before it began, milliseconds; none where there are no searches by it: then all is read again next time.
        began: Option<i64>,
        after: Option<String>,
        /// An object had no id: who is missing, nobody knows.
        #[serde(default)]
        unnamed: bool,
        /// Where all is read each time: newest archiving reported, milliseconds; none the first time.
        #[serde(default)]
        archived: Option<i64>,
    },
    /// All was read, and all will be read again.
    Again {
        /// Newest archiving reported, milliseconds.
        archived: i64,
    },
    /// Reading what changed.
    Changes {
        since: i64,
        /// Within the objects of exactly that millisecond: the last id.
        tie: Option<u64>,
        /// Newest archiving reported, milliseconds.
        archived: i64,
    },
}

/// The page after a checkpoint.
pub(crate) fn read(object: &Object, from: Option<&[u8]>, limit: u32) -> Result<Page, Failure> {
    let names = schema::names(object)?;
    let limit = (limit as usize).max(1);
    match checkpoint::decode(from)? {
        Position::Start => {
            let newest = newest(object)?;
            let scan = Scan { began: newest.map(|newest| newest.at), ..Scan::default() };
            Ok(full(object, &names, scan, limit)?.of_about(newest.and_then(|newest| newest.of)))
        }
        Position::Full { began, after, unnamed, archived } => {
            full(object, &names, Scan { began, after, unnamed, archived }, limit)
        }
        Position::Again { archived } => match newest(object)? {
            None => full(object, &names, Scan { archived: Some(archived), ..Scan::default() }, limit),
            // There are searches again: from now on only what changes is read.
            Some(_) => Err(Failure::CheckpointExpired),
        },
        Position::Changes { since, tie, archived } => match changes(object, &names, since, tie, archived, limit) {
            Err(Failure::Rejected(_)) if newest(object)?.is_none() => Err(Failure::CheckpointExpired),
            page => page,
        },
    }
}

/// Whether the account can be asked for what changed since a time. Where that was not granted, it is as HubSpot's pages say: the
/// first reading then says what is missing.
pub(crate) fn tells_changes(object: &Object) -> Result<bool, Failure> {
    match newest(object) {
        Err(Failure::Misconfigured(_)) => Ok(true),
        newest => Ok(newest?.is_some()),
    }
}

/// The newest change.
#[derive(Clone, Copy, Debug)]
struct Newest {
    /// By the vendor's clock, milliseconds.
    at: i64,
    /// Of so many objects.
    of: Option<u64>,
}

/// The newest change; none where no search goes by it.
fn newest(object: &Object) -> Result<Option<Newest>, Failure> {
    let modified = object.modified();
    let filters = json!([{"filters": [{"propertyName": modified, "operator": "GTE", "value": "0"}]}]);
    let sort = json!([{"propertyName": modified, "direction": "DESCENDING"}]);
    match search(object, filters, sort, &[modified.to_owned()], 1) {
        Ok((found, of)) => Ok(Some(Newest { at: found.first().map_or(0, |(modified, _)| *modified), of })),
        Err(Failure::Rejected(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Where a reading of all objects stands: as in [`Position::Full`].
#[derive(Clone, Debug, Default)]
struct Scan {
    began: Option<i64>,
    after: Option<String>,
    unnamed: bool,
    archived: Option<i64>,
}

fn full(object: &Object, names: &[String], scan: Scan, limit: usize) -> Result<Page, Failure> {
    let Scan { began, mut after, mut unnamed, archived } = scan;
    let mut records = Vec::new();
    loop {
        let size = (limit - records.len()).min(BATCH_MAX);
        let by_address = names.iter().map(|name| name.len() + 3).sum::<usize>() <= PROPERTY_QUERY_CHARS_MAX;
        let mut request = api::get(object.path()).query("limit", size.to_string());
        request = request.query("properties", if by_address { names.join(",") } else { "hs_object_id".to_owned() });
        if let Some(after) = &after {
            request = request.query("after", after);
        }
        let answer = api::read(request)?;
        let listed = slice::array(&answer.body, "results")?;
        unnamed |= listed.iter().any(|raw| slice::text(raw, "id").is_none());
        if by_address {
            listed.iter().for_each(|raw| push(object, raw, &mut records));
        } else {
            let ids: Vec<String> = listed.iter().filter_map(|raw| slice::text(raw, "id")).collect();
            records.extend(batch_read(object, names, &ids)?);
            listed.iter().filter(|raw| slice::text(raw, "id").is_none()).for_each(|raw| push(object, raw, &mut records));
        }
        after = slice::at(&answer.body, "paging.next")?.and_then(|next| slice::text(next, "after"));
        if after.is_none() {
            let next = match (began, archived) {
                (Some(began), _) => {
                    Position::Changes { since: began - object.overlap_ms(), tie: None, archived: began - object.overlap_ms() }
                }
                (None, None) => Position::Again { archived: 0 },
                (None, Some(mut since)) => {
                    records.extend(archive(object, &mut since)?);
                    Position::Again { archived: since }
                }
            };
            let next = checkpoint::encode(&next);
            return Ok(if unnamed { Page::end(records, next) } else { Page::scan_end(records, next) });
        }
        // Losers of merges come with their winners: leave room for them.
        if records.len() + BATCH_MAX > limit {
            return Ok(Page::more(records, checkpoint::encode(&Position::Full { began, after, unnamed, archived })));
        }
    }
}

fn changes(
    object: &Object,
    names: &[String],
    mut since: i64,
    mut tie: Option<u64>,
    mut archived: i64,
    limit: usize,
) -> Result<Page, Failure> {
    let mut records = Vec::new();
    let modified = object.modified();
    loop {
        let size = (limit - records.len()).min(SEARCH_PAGE_MAX);
        let (found, _) = match tie {
            None => {
                let filters = json!([{"filters": [{"propertyName": modified, "operator": "GTE", "value": since.to_string()}]}]);
                search(object, filters, json!([{"propertyName": modified, "direction": "ASCENDING"}]), names, size)?
            }
            Some(after) => {
                let filters = json!([{"filters": [
                    {"propertyName": modified, "operator": "EQ", "value": since.to_string()},
                    {"propertyName": "hs_object_id", "operator": "GT", "value": after.to_string()},
                ]}]);
                search(object, filters, json!([{"propertyName": "hs_object_id", "direction": "ASCENDING"}]), names, size)?
            }
        };
        let whole = found.len() < size;
        // An object without an id has no place of its own: the last one that has says where to go on.
        let id = found.iter().rev().find_map(|(_, raw)| slice::text(raw, "id")?.parse::<u64>().ok());
        let last = found.last().map(|(modified, _)| (*modified, id));
        for (_, raw) in &found {
            push(object, raw, &mut records);
        }
        match (tie, last) {
            (None, _) if whole => break,
            // All of one millisecond: go on by id, from the beginning of it.
            (None, Some((time, _))) if time <= since => tie = Some(0),
            (None, Some((time, _))) => since = time,
            (Some(_), Some((_, Some(id)))) if !whole => tie = Some(id),
            _ => {
                tie = None;
                since += 1;
            }
        }
        if records.len() + SEARCH_PAGE_MAX > limit {
            return Ok(Page::more(records, checkpoint::encode(&Position::Changes { since, tie, archived })));
        }
    }
    let newest = records.iter().filter_map(|record| record.modified_at.as_deref()).filter_map(millis).max();
    since = newest.map_or(since, |newest| since.max(newest - object.overlap_ms()));
    records.extend(archive(object, &mut archived)?);
    Ok(Page::end(records, checkpoint::encode(&Position::Changes { since, tie: None, archived })))
}

/// What was archived since we looked last. The archive is listed by id, so all of it is looked at.
fn archive(object: &Object, since: &mut i64) -> Result<Vec<SourceRecord>, Failure> {
    let mut records = Vec::new();
    let mut newest = *since;
    let mut after: Option<String> = None;
    for _ in 0..ARCHIVE_PAGES_MAX {
        let mut request = api::get(object.path())
            .query("archived", "true")
            .query("limit", BATCH_MAX.to_string())
            .query("properties", "hs_object_id");
        if let Some(after) = &after {
            request = request.query("after", after);
        }
        let answer = api::read(request)?;
        for raw in slice::array(&answer.body, "results")? {
            let Some(id) = slice::text(raw, "id") else {
                records.push(slice::record(raw, "id"));
                continue;
            };
            // Archived, and nobody knows when: news each time.
            let at = slice::text(raw, "archivedAt");
            match at.as_deref().and_then(millis) {
                Some(time) if time < *since => continue,
                time => newest = newest.max(time.unwrap_or(newest)),
            }
            records.push(SourceRecord::deleted(id).modified_at(at));
        }
        after = slice::at(&answer.body, "paging.next")?.and_then(|next| slice::text(next, "after"));
        if after.is_none() {
            break;
        }
    }
    *since = newest;
    Ok(records)
}

fn push(object: &Object, raw: &RawValue, records: &mut Vec<SourceRecord>) {
    let (record, losers) = api::record(object, raw);
    records.push(record);
    records.extend(losers);
}

/// One page of a search: time of change and object.
type Found = Vec<(i64, Box<RawValue>)>;

/// What a search finds, at most `limit`, each with the time of its last change; and how many there are of it in all.
fn search(
    object: &Object,
    filters: Value,
    sorts: Value,
    names: &[String],
    limit: usize,
) -> Result<(Found, Option<u64>), Failure> {
    let body = json!({"filterGroups": filters, "sorts": sorts, "properties": names, "limit": limit, "after": "0"});
    let answer = api::read(api::post(format!("{}/search", object.path()), &body))?;
    let modified = format!("properties.{}", object.modified());
    let total = slice::at(&answer.body, "total")?.and_then(|total| total.get().parse().ok());
    let found = slice::array(&answer.body, "results")?
        .into_iter()
        .map(|raw| {
            let time = slice::text(raw, &modified).or_else(|| slice::text(raw, "updatedAt"));
            (time.as_deref().and_then(millis).unwrap_or(0), raw.to_owned())
        })
        .collect();
    Ok((found, total))
}

fn millis(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| time::parse_rfc3339(text).map(|us| us.div_euclid(1000)))
}

/// Objects by their ids; those that are not there (any more) are left out.
pub(crate) fn batch_read(object: &Object, names: &[String], ids: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    let mut records = Vec::new();
    for ids in ids.chunks(BATCH_MAX) {
        let inputs: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        let body = json!({"inputs": inputs, "properties": names, "propertiesWithHistory": []});
        let answer = api::read(api::post(format!("{}/batch/read", object.path()), &body))?;
        slice::array(&answer.body, "results")?.iter().for_each(|raw| push(object, raw, &mut records));
    }
    Ok(records)
}

/// These things: an id that answers with another object was merged into it; one that does not answer, or only from
/// the archive, is gone.
pub(crate) fn get(object: &Object, ids: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    let names = schema::names(object)?;
    let mut unique = ids.to_vec();
    unique.sort();
    unique.dedup();
    let found = batch_read(object, &names, &unique)?;
    let mut records = Vec::new();
    for id in ids {
        match found.iter().find(|record| record.remote_id == *id) {
            Some(record) => records.push(record.clone()),
            None => records.extend(absent(object, id)?),
        }
    }
    Ok(records)
}

/// What became of an id that a batch did not answer with; none when we may not know.
pub(crate) fn absent(object: &Object, id: &str) -> Result<Option<SourceRecord>, Failure> {
    let path = format!("{}/{}", object.path(), nave_sdk::http::id(id)?);
    let answer = api::get(path).query("properties", "hs_object_id").send()?;
    match answer.status {
        200 => {
            let body: Value = answer.json()?;
            let now = body["id"].as_str().unwrap_or(id);
            if now != id {
                return Ok(Some(SourceRecord::merged_into(id, now)));
            }
            // It came back between the two questions.
            let names = schema::names(object)?;
            Ok(batch_read(object, &names, &[id.to_owned()])?.into_iter().find(|record| record.remote_id == id))
        }
        404 => Ok(Some(SourceRecord::deleted(id))),
        403 => Ok(None),
        _ => Err(api::failure(&answer)),
    }
}

/// Objects whose property equals one of the values.
pub(crate) fn find(object: &Object, path: &str, values: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    if path == "id" {
        return get(object, values);
    }
    let Some(property) = path.strip_prefix("properties.") else {
        return Err(Failure::rejected("other", format!("{} cannot be searched by {path}", object.name)));
    };
    let names = schema::names(object)?;
    if !names.iter().any(|name| name == property) {
        return Err(Failure::rejected("other", format!("{} have no property {property}", object.name)));
    }
    let mut records = Vec::new();
    for values in values.chunks(BATCH_MAX) {
        // The vendor keeps these in lower case.
        let values: Vec<String> = values
            .iter()
            .map(|value| if matches!(property, "email" | "domain") { value.to_lowercase() } else { value.clone() })
            .collect();
        let filters = json!([{"filters": [{"propertyName": property, "operator": "IN", "values": values}]}]);
        let sorts = json!([{"propertyName": "hs_object_id", "direction": "ASCENDING"}]);
        for (_, raw) in search(object, filters, sorts, &names, SEARCH_PAGE_MAX)?.0 {
            slice::found(&raw, "id")?;
            records.push(api::record(object, &raw).0);
        }
    }
    Ok(records)
}
