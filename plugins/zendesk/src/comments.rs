//! Comments: of every ticket that the export of tickets names, one request per ticket and hundred comments. A comment is never
//! changed nor deleted, so reading those of a ticket again says nothing new.

use nave_sdk::http::Answer;
use nave_sdk::serde::{Deserialize, Serialize};
use nave_sdk::serde_json::json;
use nave_sdk::serde_json::value::RawValue;
use nave_sdk::types::{Failure, Page, SourceRecord};
use nave_sdk::{checkpoint, http, slice};

use crate::api;
use crate::limits::{COMMENT_REQUESTS_MAX, PAGE_ROWS_MAX};
use crate::pages;

/// Name of the stream.
pub(crate) const STREAM: &str = "comments";

/// The checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde", deny_unknown_fields)]
struct Position {
    /// Cursor of the export of tickets.
    export: Option<String>,
    /// The export has no more for now.
    over: bool,
    /// Tickets whose comments are to be read.
    tickets: Vec<String>,
    /// Pages of the first of them, and comments of the next page, that are read.
    pages: u32,
    comments: usize,
}

/// The page after a checkpoint.
pub(crate) fn read(from: Option<&[u8]>, limit: u32) -> Result<Page, Failure> {
    let mut position: Position = checkpoint::decode(from)?;
    if position.tickets.is_empty() {
        position = tickets(position.export)?;
    }
    let limit = limit.max(1) as usize;
    let mut records = Vec::new();
    // At least one is asked for, so that every call gets on.
    for count in 0..COMMENT_REQUESTS_MAX {
        let Some(ticket) = position.tickets.first().cloned() else { break };
        let answer = match of(&ticket, position.pages) {
            Ok(Some(answer)) => answer,
            Ok(None) => {
                position.next_ticket();
                continue;
            }
            // What was read is not read again because of what follows; the next call says what is wrong.
            Err(_) if count > 0 => break,
            Err(failure) => return Err(failure),
        };
        let rows = slice::array(&answer.body, STREAM)?;
        let new = rows.iter().skip(position.comments).take(limit - records.len());
        let before = records.len();
        records.extend(new.map(|raw| record(&ticket, raw)));
        position.comments += records.len() - before;
        if position.comments < rows.len() {
            break;
        }
        if more(&answer)? {
            position.pages += 1;
            position.comments = 0;
        } else {
            position.next_ticket();
        }
        if records.len() >= limit {
            break;
        }
    }
    let end = position.tickets.is_empty() && position.over;
    let next = checkpoint::encode(&position);
    Ok(if end { Page::end(records, next) } else { Page::more(records, next) })
}

impl Position {
    fn next_ticket(&mut self) {
        self.tickets.remove(0);
        self.pages = 0;
        self.comments = 0;
    }
}

/// The next tickets of the export that are still there.
fn tickets(export: Option<String>) -> Result<Position, Failure> {
    let request = api::get("/incremental/tickets/cursor");
    let request = match &export {
        Some(cursor) => request.query("cursor", cursor),
        None => request.query("start_time", "0"),
    };
    let answer = pages::passed(request.query("per_page", PAGE_ROWS_MAX.to_string()).send()?, export.is_some())?;
    let rows = slice::array(&answer.body, "tickets")?;
    let alive = rows.iter().filter(|raw| slice::text(raw, "status").as_deref() != Some("deleted"));
    let tickets = alive.filter_map(|raw| slice::text(raw, "id")).collect();
    let over = slice::at(&answer.body, "end_of_stream")?.is_some_and(|over| over.get() == "true");
    let export = pages::cursor(&answer, "after_cursor").ok().or(export);
    Ok(Position { export, over, tickets, ..Position::default() })
}

/// A page of a ticket's comments; none where the ticket is gone or not ours to see.
fn of(ticket: &str, pages: u32) -> Result<Option<Answer>, Failure> {
    let request = api::get(format!("/tickets/{}/comments", http::id(ticket)?));
    let answer = if pages == 0 { request } else { request.query("page", (pages + 1).to_string()) }.send()?;
    match answer.status {
        403 | 404 | 410 => Ok(None),
        _ if answer.is_success() => Ok(Some(answer)),
        _ => Err(api::failure(&answer)),
    }
}

fn more(answer: &Answer) -> Result<bool, Failure> {
    Ok(slice::at(&answer.body, "next_page")?.is_some_and(|next| next.get() != "null"))
}

/// A comment under its ticket's id and its own, with the ticket in front of it.
fn record(ticket: &str, raw: &RawValue) -> SourceRecord {
    let [id, created] = slice::texts(raw, ["id", "created_at"]);
    match (id.filter(|id| !id.is_empty()), raw.get().trim_start().strip_prefix('{')) {
        (Some(id), Some(rest)) => {
            let number = ticket.parse::<u64>().map_or_else(|_| json!(ticket), |number| json!(number));
            SourceRecord::upsert(format!("{ticket}/{id}"), format!("{{\"ticket_id\":{number},{rest}")).modified_at(created)
        }
        _ => SourceRecord::upsert("", raw.get()),
    }
}

/// These comments.
pub(crate) fn get(ids: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    let mut found = Vec::new();
    for id in ids {
        let (ticket, comment) =
            id.split_once('/').ok_or_else(|| Failure::rejected("reference", format!("{id} names no ticket")))?;
        http::id(comment)?;
        let mut page = 0;
        let record = loop {
            let Some(answer) = of(ticket, page)? else { break None };
            let rows = slice::array(&answer.body, STREAM)?;
            if let Some(record) = rows.iter().map(|raw| record(ticket, raw)).find(|record| record.remote_id == *id) {
                break Some(record);
            }
            if !more(&answer)? {
                break None;
            }
            page += 1;
        };
        // With its ticket a comment goes; by itself it never does.
        match record {
            Some(record) => found.push(record),
            None => match pages::one(crate::kind::Kind::Tickets, ticket)? {
                Some(ticket) if ticket.operation == nave_sdk::types::Operation::Delete => found.push(SourceRecord::deleted(id)),
                _ => {}
            },
        }
    }
    Ok(found)
}
