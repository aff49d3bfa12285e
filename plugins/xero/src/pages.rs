//! Reading by `If-Modified-Since`. Rows come oldest change first, and a row that changes moves to the end: asking for
//! page two would skip one. So every question begins at the second where the last answer ended, and only a second that
//! fills a whole page is paged through.

use nave_sdk::checkpoint;
use nave_sdk::http::Answer;
use nave_sdk::serde::{Deserialize, Serialize};
use nave_sdk::serde_json::value::RawValue;
use nave_sdk::types::{Failure, Page, SourceRecord};
use nave_sdk::{slice, time};

use crate::api::{self, Settings};
use crate::body;
use crate::limits::{IDS_PER_QUERY, NUMBER_CHARS_MAX, OVERLAP_S, PAGE_ROWS_MAX, SEEN_MAX};

/// One of the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Contacts,
    Invoices,
}

impl Kind {
    pub(crate) fn of(stream: &str) -> Result<Self, Failure> {
        match stream {
            "contacts" => Ok(Self::Contacts),
            "invoices" => Ok(Self::Invoices),
            _ => Err(Failure::no_such_stream(stream)),
        }
    }

    /// Path segment and name of the list.
    fn name(self) -> &'static str {
        match self {
            Self::Contacts => "Contacts",
            Self::Invoices => "Invoices",
        }
    }

    /// Name of the id.
    fn id(self) -> &'static str {
        match self {
            Self::Contacts => "ContactID",
            Self::Invoices => "InvoiceID",
        }
    }

    fn record(self, raw: &RawValue) -> SourceRecord {
        match self {
            Self::Contacts => body::contact(raw),
            Self::Invoices => body::invoice(raw),
        }
    }
}

/// The checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde", deny_unknown_fields)]
struct Position {
    /// Everything changed before this second is read; none at the beginning.
    since: Option<i64>,
    page: u32,
    /// Within the scan of everything.
    full: bool,
    /// Ids of that second that were read already: each row is counted once.
    seen: Vec<String>,
    /// A row of this scan had no id: who is missing, nobody knows.
    #[serde(default)]
    unnamed: bool,
}

impl Default for Position {
    fn default() -> Self {
        Self { since: None, page: 1, full: true, seen: Vec::new(), unnamed: false }
    }
}

/// The page after a checkpoint.
pub(crate) fn read(kind: Kind, settings: &Settings, from: Option<&[u8]>, limit: u32) -> Result<Page, Failure> {
    let mut position: Position = checkpoint::decode(from)?;
    let size = limit.clamp(1, PAGE_ROWS_MAX);
    let mut request = settings
        .request("GET", &format!("/{}", kind.name()))
        .query("page", position.page.to_string())
        .query("pageSize", size.to_string())
        .query("order", "UpdatedDateUTC ASC")
        // At first only what is alive; afterwards archiving is news.
        .query("includeArchived", if position.full { "false" } else { "true" });
    if let Some(since) = position.since {
        request = request.header("If-Modified-Since", time::rfc3339(since * 1_000_000).trim_end_matches('Z'));
    }
    let answer = match request.send()? {
        // A time that is refused is one that lies too far back; where that is not why, reading from the beginning says so.
        answer if from.is_some() && matches!(answer.status, 400 | 404 | 410) => return Err(Failure::CheckpointExpired),
        answer => api::passed(answer)?,
    };
    let rows = list(kind, &answer)?;
    // Later questions begin elsewhere, and count what is left.
    let begins = position.page == 1 && position.seen.is_empty();
    let total =
        if begins { slice::at(&answer.body, "pagination.itemCount")?.and_then(|all| all.get().parse().ok()) } else { None };
    let marks: Vec<(i64, String)> = rows.iter().map(|raw| mark(kind, raw)).collect();
    let records: Vec<SourceRecord> = rows
        .iter()
        .zip(&marks)
        // A row without an id cannot be told from another one: better twice than never.
        .filter(|(_, (_, mark))| mark.starts_with('@') || !position.seen.contains(mark))
        .map(|(raw, _)| kind.record(raw))
        .collect();
    position.unnamed |= records.iter().any(|record| record.remote_id.is_empty());
    let last = rows.iter().filter_map(|raw| body::modified_us(raw)).max().map(|us| us.div_euclid(1_000_000));
    if rows.len() as u64 >= u64::from(size) {
        match last {
            Some(last) if position.since.is_none_or(|since| last > since) => {
                position.since = Some(last);
                position.page = 1;
                position.seen.clear();
            }
            _ => position.page += 1,
        }
        let here = marks.into_iter().filter(|(second, _)| Some(*second) == position.since);
        position.seen.extend(here.map(|(_, mark)| mark));
        let more = position.seen.len().saturating_sub(SEEN_MAX);
        position.seen.drain(..more);
        return Ok(Page::more(records, checkpoint::encode(&position)).of_about(total));
    }
    let since = last.map(|last| last - OVERLAP_S - i64::from(settings.lag_seconds)).max(position.since);
    let next = checkpoint::encode(&Position { since, page: 1, full: since.is_none(), seen: Vec::new(), unnamed: false });
    Ok(if position.full && !position.unnamed { Page::scan_end(records, next) } else { Page::end(records, next) })
}

/// The second of a row's last change, and what tells this state of it from others.
fn mark(kind: Kind, raw: &RawValue) -> (i64, String) {
    let us = body::modified_us(raw).unwrap_or(0);
    let id = slice::text(raw, kind.id()).unwrap_or_default();
    (us.div_euclid(1_000_000), format!("{id}@{}", us / 1000 % 1000))
}

fn list(kind: Kind, answer: &Answer) -> Result<Vec<&RawValue>, Failure> {
    if answer.status == 304 { Ok(Vec::new()) } else { slice::array(&answer.body, kind.name()) }
}

/// These things.
pub(crate) fn get(kind: Kind, settings: &Settings, ids: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    let mut records = Vec::new();
    // A comma would make two of one.
    let ids = ids.iter().map(|id| nave_sdk::http::id(id)).collect::<Result<Vec<_>, _>>()?;
    for ids in ids.chunks(IDS_PER_QUERY) {
        let request = settings
            .request("GET", &format!("/{}", kind.name()))
            .query("IDs", ids.join(","))
            .query("includeArchived", "true")
            .query("page", "1")
            .query("pageSize", PAGE_ROWS_MAX.to_string());
        let answer = api::read(request)?;
        let found: Vec<SourceRecord> = list(kind, &answer)?.iter().map(|raw| kind.record(raw)).collect();
        for id in ids {
            match found.iter().find(|record| record.remote_id.eq_ignore_ascii_case(id)) {
                Some(record) => records.push(record.clone()),
                None => records.extend(one(kind, settings, id)?),
            }
        }
    }
    Ok(records)
}

/// One thing; a 404 proves that it is gone, a 403 says nothing.
pub(crate) fn one(kind: Kind, settings: &Settings, id: &str) -> Result<Option<SourceRecord>, Failure> {
    let answer = settings.request("GET", &format!("/{}/{}", kind.name(), nave_sdk::http::id(id)?)).send()?;
    match answer.status {
        404 => Ok(Some(SourceRecord::deleted(id))),
        403 => Ok(None),
        _ if answer.is_success() => {
            Ok(list(kind, &answer)?.first().map(|raw| SourceRecord { remote_id: id.to_owned(), ..kind.record(raw) }))
        }
        _ => Err(api::failure(&answer)),
    }
}

/// Contacts whose field equals one of the values.
pub(crate) fn find(settings: &Settings, path: &str, values: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    if !matches!(path, "ContactNumber" | "EmailAddress" | "Name" | "AccountNumber") {
        return Err(Failure::rejected("other", format!("contacts cannot be searched by {path}")));
    }
    let mut records = Vec::new();
    for value in values {
        let value = if path == "ContactNumber" { number(value) } else { value.clone() };
        if value.chars().any(|c| c == '"' || c == '\\' || c.is_control()) {
            // The filter language has no way to write it; nothing can be found, and nothing be mistaken.
            continue;
        }
        let request = settings
            .request("GET", "/Contacts")
            .query("where", format!("{path}==\"{value}\""))
            .query("includeArchived", "true")
            .query("page", "1");
        let answer = api::read(request)?;
        for raw in list(Kind::Contacts, &answer)? {
            slice::found(raw, Kind::Contacts.id())?;
            records.push(body::contact(raw));
        }
    }
    Ok(records)
}

/// A marker as a contact number: one that is too long is shortened, always to the same text.
pub(crate) fn number(marker: &str) -> String {
    if marker.chars().count() <= NUMBER_CHARS_MAX {
        return marker.to_owned();
    }
    format!("nave-{}", crate::deliver::digest(marker.as_bytes()))
}
