//! Reading members by the time of their last change. Rows come oldest change first, and a row that changes moves to the end:
//! asking for page two would skip one. So every question begins at the second where the last answer ended, and only a second
//! that fills a whole page is paged through. Archived members are another listing; they are deletions. Where there is no filter by
//! that time, all are read each time (`whole`); when the other way is found to be right, the checkpoint has expired.

use nave_sdk::http::{self, Answer};
use nave_sdk::serde::{Deserialize, Serialize};
use nave_sdk::serde_json::value::RawValue;
use nave_sdk::types::{Failure, Page, SourceRecord};
use nave_sdk::{checkpoint, host, slice, time};

use crate::api::{self, Settings};
use crate::limits::{OVERLAP_S, PAGE_ROWS_MAX, SEEN_MAX};
use crate::whole;

/// What no answer needs.
pub(crate) const WITHOUT: &str = "_links,members._links";

/// The checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde", deny_unknown_fields)]
struct Position {
    /// Everything of the running listing that changed before this second is read; none at its beginning.
    since: Option<i64>,
    /// Rows to pass over from there.
    offset: u32,
    /// Rows from there that were read already: each is counted once.
    seen: Vec<String>,
    /// A row of this scan had no id: who is missing, nobody knows.
    unnamed: bool,
    /// Second from which on changes are read after the scan of everything; none within that.
    changes: Option<i64>,
    /// The listing of archived members is running.
    archived: bool,
    /// Second at which the running round began.
    began: Option<i64>,
}

/// The checkpoint, by the way of reading.
#[derive(Clone, Debug, Deserialize)]
#[serde(crate = "nave_sdk::serde", untagged)]
enum Way {
    Whole(whole::Position),
    ByTime(Position),
}

impl Default for Way {
    fn default() -> Self {
        Self::ByTime(Position::default())
    }
}

/// The page after a checkpoint.
pub(crate) fn read(settings: &Settings, from: Option<&[u8]>, limit: u32) -> Result<Page, Failure> {
    match checkpoint::decode(from)? {
        Way::ByTime(position) if position == Position::default() && !whole::tells_changes(settings)? => {
            whole::read(settings, whole::Position::default(), limit)
        }
        Way::ByTime(position) => match by_time(settings, position, limit) {
            Err(Failure::Rejected(_)) if !whole::tells_changes(settings)? => Err(Failure::CheckpointExpired),
            page => page,
        },
        // The filter is there again: from now on only what changes is read.
        Way::Whole(position) if position.counted == 0 && whole::tells_changes(settings)? => Err(Failure::CheckpointExpired),
        Way::Whole(position) => whole::read(settings, position, limit),
    }
}

fn by_time(settings: &Settings, mut position: Position, limit: u32) -> Result<Page, Failure> {
    let size = limit.clamp(1, PAGE_ROWS_MAX);
    let since = position.since.or(position.changes);
    let mut request = api::get(settings.members(None))
        .query("count", size.to_string())
        .query("offset", position.offset.to_string())
        .query("sort_field", "last_changed")
        .query("sort_dir", "ASC")
        .query("exclude_fields", WITHOUT);
    if let Some(since) = since {
        // "After" leaves out that very second.
        let time = time::rfc3339((since - 1) * 1_000_000).replace('Z', "+00:00");
        request = request.query("since_last_changed", time);
    }
    if position.archived {
        request = request.query("status", "archived");
    }
    let answer = api::read(request)?;
    let began = *position.began.get_or_insert_with(|| second(&answer));
    let rows = slice::array(&answer.body, "members")?;
    // Later questions begin elsewhere, and count what is left.
    let begins = position.offset == 0 && position.seen.is_empty() && !position.archived;
    let total = if begins { slice::at(&answer.body, "total_items")?.and_then(|total| total.get().parse().ok()) } else { None };
    let marks: Vec<(i64, String)> = rows.iter().map(|raw| mark(raw)).collect();
    let records: Vec<SourceRecord> = rows
        .iter()
        .zip(&marks)
        // A row without an id cannot be told from another one: better twice than never.
        .filter(|(_, (_, mark))| mark.starts_with('@') || !position.seen.contains(mark))
        .map(|(raw, _)| record(raw))
        .collect();
    position.unnamed |= records.iter().any(|record| record.remote_id.is_empty());
    if rows.len() as u64 >= u64::from(size) {
        let last = marks.iter().map(|(second, _)| *second).max();
        match last {
            Some(last) if since.is_none_or(|since| last > since) => {
                position.since = Some(last);
                position.offset = 0;
                position.seen.clear();
            }
            _ => position.offset += size,
        }
        let from = position.since.or(position.changes).unwrap_or(i64::MIN);
        // The question names the second before, so its rows come again too.
        position.seen.extend(marks.into_iter().filter(|(second, _)| *second >= from - 1).map(|(_, mark)| mark));
        let more = position.seen.len().saturating_sub(SEEN_MAX);
        position.seen.drain(..more);
        return Ok(Page::more(records, checkpoint::encode(&position)).of_about(total));
    }
    if let (Some(changes), false) = (position.changes, position.archived) {
        // Now those that were archived since.
        let next = Position { changes: Some(changes), archived: true, began: Some(began), ..Position::default() };
        return Ok(Page::more(records, checkpoint::encode(&next)));
    }
    let scanned = position.changes.is_none() && !position.unnamed;
    let next = checkpoint::encode(&Position {
        changes: Some(began - OVERLAP_S - i64::from(settings.lag_seconds)),
        ..Position::default()
    });
    Ok(if scanned { Page::scan_end(records, next) } else { Page::end(records, next) })
}

/// The second of a row's last change, and what tells this state of it from others.
fn mark(raw: &RawValue) -> (i64, String) {
    let [id, changed] = slice::texts(raw, ["contact_id", "last_changed"]);
    let changed = changed.unwrap_or_default();
    let second = time::parse_rfc3339(&changed).map_or(0, |us| us.div_euclid(1_000_000));
    (second, format!("{}@{second}", id.unwrap_or_default()))
}

/// A member under its contact id: the hash that it is called by elsewhere changes with the mailbox. Archived is gone.
pub(crate) fn record(raw: &RawValue) -> SourceRecord {
    let [id, changed, status] = slice::texts(raw, ["contact_id", "last_changed", "status"]);
    match id.filter(|id| !id.is_empty()) {
        Some(id) if status.as_deref() == Some("archived") => SourceRecord::deleted(id).modified_at(changed),
        _ => slice::record(raw, "contact_id").modified_at(changed),
    }
}

/// One member, by contact id; a 404 proves that it is gone.
pub(crate) fn one(settings: &Settings, id: &str) -> Result<Option<SourceRecord>, Failure> {
    called(settings, http::id(id)?)
}

/// One member, by contact id or mailbox.
fn called(settings: &Settings, name: &str) -> Result<Option<SourceRecord>, Failure> {
    let answer = api::get(settings.members(Some(name))).query("exclude_fields", "_links").send()?;
    match answer.status {
        404 => Ok(Some(SourceRecord::deleted(name))),
        403 => Ok(None),
        _ if answer.is_success() => shown(&answer).map(Some),
        _ => Err(api::failure(&answer)),
    }
}

/// The member that an answer is.
pub(crate) fn shown(answer: &Answer) -> Result<SourceRecord, Failure> {
    let raw = slice::at(&answer.body, "")?.ok_or_else(|| Failure::Unavailable("the answer is empty".to_owned()))?;
    slice::found(raw, "contact_id").map(|_| record(raw))
}

/// Members with one of these mailboxes.
pub(crate) fn find(settings: &Settings, path: &str, values: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    if path != "email_address" {
        return Err(Failure::rejected("other", format!("members cannot be searched by {path}; email_address can")));
    }
    let mut found = Vec::new();
    for value in values {
        let mailbox = value.trim().to_lowercase();
        // Members are also called by their ids, and below a member lie other things: what is no mailbox is not asked for.
        if !mailbox.contains('@') || mailbox.contains(['/', '%', '\\']) || mailbox.chars().any(char::is_control) {
            continue;
        }
        // Somebody who never was there, or who is archived: both are found by nobody.
        let there = called(settings, &mailbox)?.filter(|record| !record.body.is_empty());
        let own =
            |record: &SourceRecord| slice::at(&record.body, "email_address").ok().flatten().and_then(|raw| slice::text(raw, ""));
        found.extend(there.filter(|record| own(record).is_some_and(|own| own.to_lowercase() == mailbox)));
    }
    Ok(found)
}

/// The vendor's clock, or ours where it is silent.
fn second(answer: &Answer) -> i64 {
    let theirs = answer.header("date").and_then(time::parse_http_date).map(|us| us / 1_000_000);
    theirs.unwrap_or_else(|| i64::try_from(host::now_ms() / 1_000).unwrap_or(i64::MAX))
}
