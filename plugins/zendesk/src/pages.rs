//! Reading. Users: a list of all by cursor, then Zendesk's export of what changed, which also names what was deleted and shows
//! nothing of the last minute. Tickets: by the export alone, since lists leave out what is archived. Organizations: by the
//! list each time, since their export is silent about deletions.

use nave_sdk::http::Answer;
use nave_sdk::serde::{Deserialize, Serialize};
use nave_sdk::types::{Failure, Operation, Page, SourceRecord};
use nave_sdk::{checkpoint, host, http, slice, time};

use crate::api;
use crate::kind::Kind;
use crate::limits::{EXPORT_MARGIN_S, EXPORT_ROWS_MAX, IDS_PER_QUERY, PAGE_ROWS_MAX};

/// The checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde", deny_unknown_fields)]
struct Position {
    /// Within the list: cursor after the last row seen. None at its beginning.
    after: Option<String>,
    /// Second, by the vendor's clock, at which the list began; there the export takes over.
    since: Option<i64>,
    /// A row of this list had no id: who is missing, nobody knows.
    unnamed: bool,
    /// Cursor of the export.
    export: Option<String>,
    /// The list is done.
    listed: bool,
}

/// The page after a checkpoint.
pub(crate) fn read(kind: Kind, from: Option<&[u8]>, limit: u32) -> Result<Page, Failure> {
    let position: Position = checkpoint::decode(from)?;
    if kind == Kind::Tickets || position.listed { export(kind, position, limit) } else { list(kind, position, limit) }
}

fn list(kind: Kind, mut position: Position, limit: u32) -> Result<Page, Failure> {
    let mut request = api::get(format!("/{}", kind.plural())).query("page[size]", limit.clamp(1, PAGE_ROWS_MAX).to_string());
    if let Some(after) = &position.after {
        request = request.query("page[after]", after);
    }
    let answer = passed(request.send()?, position.after.is_some())?;
    position.since.get_or_insert_with(|| server_second(&answer) - EXPORT_MARGIN_S);
    let records = records(kind, &answer)?;
    position.unnamed |= records.iter().any(|record| record.remote_id.is_empty());
    let more = slice::at(&answer.body, "meta.has_more")?.is_some_and(|more| more.get() == "true");
    if more {
        position.after = Some(cursor(&answer, "meta.after_cursor")?);
        return Ok(Page::more(records, checkpoint::encode(&position)));
    }
    let next = match kind {
        Kind::Organizations => Position::default(),
        _ => Position { listed: true, since: position.since, ..Position::default() },
    };
    let next = checkpoint::encode(&next);
    Ok(if position.unnamed { Page::end(records, next) } else { Page::scan_end(records, next) })
}

fn export(kind: Kind, mut position: Position, limit: u32) -> Result<Page, Failure> {
    let request = api::get(format!("/incremental/{}/cursor", kind.plural()));
    let request = match &position.export {
        Some(cursor) => request.query("cursor", cursor),
        None => request.query("start_time", position.since.unwrap_or(0).to_string()),
    };
    let answer = passed(
        request.query("per_page", limit.clamp(1, EXPORT_ROWS_MAX).to_string()).send()?,
        position.export.is_some() || position.since.is_some(),
    )?;
    let records = records(kind, &answer)?;
    let over = slice::at(&answer.body, "end_of_stream")?.is_some_and(|over| over.get() == "true");
    // Without one there was nothing yet: the same time again.
    if let Ok(cursor) = cursor(&answer, "after_cursor") {
        position.export = Some(cursor);
    } else if !over {
        return Err(Failure::Unavailable("the export goes on and names no cursor".to_owned()));
    }
    let next = checkpoint::encode(&position);
    Ok(if over { Page::end(records, next) } else { Page::more(records, next) })
}

/// A refused cursor or time is one that is no longer known there.
pub(crate) fn passed(answer: Answer, resumed: bool) -> Result<Answer, Failure> {
    match answer.status {
        400 | 404 | 410 | 422 if resumed => Err(Failure::CheckpointExpired),
        _ if answer.is_success() => Ok(answer),
        _ => Err(api::failure(&answer)),
    }
}

/// The cursor at a path of an answer.
pub(crate) fn cursor(answer: &Answer, path: &str) -> Result<String, Failure> {
    slice::at(&answer.body, path)?
        .and_then(|raw| slice::text(raw, ""))
        .filter(|cursor| !cursor.is_empty())
        .ok_or_else(|| Failure::Unavailable(format!("the answer has no {path}")))
}

/// The vendor's clock, or ours where it is silent.
fn server_second(answer: &Answer) -> i64 {
    let theirs = answer.header("date").and_then(time::parse_http_date).map(|us| us / 1_000_000);
    theirs.unwrap_or_else(|| i64::try_from(host::now_ms() / 1_000).unwrap_or(i64::MAX))
}

fn records(kind: Kind, answer: &Answer) -> Result<Vec<SourceRecord>, Failure> {
    Ok(slice::array(&answer.body, kind.plural())?.into_iter().map(|raw| kind.record(raw)).collect())
}

/// These things.
pub(crate) fn get(kind: Kind, ids: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    if let [id] = ids {
        return Ok(one(kind, id)?.into_iter().collect());
    }
    let mut found = Vec::new();
    // A comma would make two of one.
    let ids = ids.iter().map(|id| http::id(id)).collect::<Result<Vec<_>, _>>()?;
    for ids in ids.chunks(IDS_PER_QUERY) {
        let request = api::get(format!("/{}/show_many", kind.plural())).query("ids", ids.join(","));
        let rows = records(kind, &api::read(request)?)?;
        for id in ids {
            match rows.iter().find(|record| record.remote_id == *id) {
                Some(record) => found.push(record.clone()),
                // What the answer passes over may be gone, or not be ours to see.
                None => found.extend(one(kind, id)?),
            }
        }
    }
    Ok(found)
}

/// One thing; a 404 proves that it is gone, a 403 says nothing.
pub(crate) fn one(kind: Kind, id: &str) -> Result<Option<SourceRecord>, Failure> {
    let answer = api::get(format!("/{}/{}", kind.plural(), http::id(id)?)).send()?;
    match answer.status {
        404 | 410 => Ok(Some(SourceRecord::deleted(id))),
        403 => Ok(None),
        _ if answer.is_success() => shown(kind, &answer).map(Some),
        _ => Err(api::failure(&answer)),
    }
}

/// The one object of an answer.
pub(crate) fn shown(kind: Kind, answer: &Answer) -> Result<SourceRecord, Failure> {
    let raw = slice::at(&answer.body, kind.singular())?
        .ok_or_else(|| Failure::Unavailable(format!("the answer has no {}", kind.singular())))?;
    slice::found(raw, "id").map(|_| kind.record(raw))
}

/// Things whose field equals one of the values.
pub(crate) fn find(kind: Kind, path: &str, values: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    let mut found = Vec::new();
    for value in values {
        let request = match (kind, path) {
            (Kind::Tickets, "external_id") => api::get("/tickets").query("external_id", value),
            (_, "external_id") => api::get(format!("/{}/search", kind.plural())).query("external_id", value),
            // The search language has no sure way to write these; nothing can be found, and nothing be mistaken.
            (Kind::Users, "email") if value.chars().any(|c| c == '"' || c == '\\' || c.is_control()) => continue,
            // A search finds more than what is equal.
            (Kind::Users, "email") => api::get("/users/search").query("query", format!("email:\"{value}\"")),
            (Kind::Organizations, "name") => api::get("/organizations/search").query("name", value),
            _ => return Err(Failure::rejected("other", format!("{} cannot be searched by {path}", kind.plural()))),
        };
        let answer = api::read(request)?;
        for raw in slice::array(&answer.body, kind.plural())? {
            slice::found(raw, "id")?;
            let there = slice::text(raw, path).unwrap_or_default();
            let equal = if path == "external_id" { there == *value } else { there.to_lowercase() == value.to_lowercase() };
            found.extend(Some(kind.record(raw)).filter(|record| equal && record.operation == Operation::Upsert));
        }
    }
    Ok(found)
}
