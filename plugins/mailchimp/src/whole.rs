//! Reading all members each time, where Mailchimp does not filter by the time of the last change. Pages are counted, so a listing
//! whose number of members changed on the way is not called complete. Members that are archived are missing from it: the hub asks
//! for each by itself.

use nave_sdk::serde::{Deserialize, Serialize};
use nave_sdk::types::{Failure, Page, SourceRecord};
use nave_sdk::{checkpoint, slice, time};

use crate::api::{self, Settings};
use crate::limits::PAGE_ROWS_MAX;
use crate::members::{self, WITHOUT};

/// The checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde", deny_unknown_fields)]
pub(crate) struct Position {
    /// Members that were listed.
    pub(crate) counted: u32,
    /// Number of members when it began.
    total: Option<u32>,
    /// Somebody may be missing: the number changed, or a member had no id.
    torn: bool,
}

/// Whether the audience can be asked who changed since a time. Where that was not granted, it is as Mailchimp's pages say: the first
/// reading then says what is missing.
pub(crate) fn tells_changes(settings: &Settings) -> Result<bool, Failure> {
    let long_ago = time::rfc3339(0).replace('Z', "+00:00");
    let request = api::get(settings.members(None))
        .query("count", "1")
        .query("offset", "0")
        .query("sort_field", "last_changed")
        .query("fields", "total_items")
        .query("since_last_changed", long_ago);
    match api::read(request) {
        Ok(_) => Ok(true),
        Err(Failure::Rejected(_)) => Ok(false),
        Err(Failure::Misconfigured(_)) => Ok(true),
        Err(failure) => Err(failure),
    }
}

/// The page after a position.
pub(crate) fn read(settings: &Settings, mut position: Position, limit: u32) -> Result<Page, Failure> {
    let size = limit.clamp(1, PAGE_ROWS_MAX);
    let request = api::get(settings.members(None))
        .query("count", size.to_string())
        .query("offset", position.counted.to_string())
        // The order that changes least: who comes new comes last.
        .query("sort_field", "timestamp_opt")
        .query("sort_dir", "ASC")
        .query("exclude_fields", WITHOUT);
    let answer = api::read(request)?;
    let records: Vec<SourceRecord> = slice::array(&answer.body, "members")?.iter().map(|raw| members::record(raw)).collect();
    let total: u32 = slice::at(&answer.body, "total_items")?
        .and_then(|total| total.get().parse().ok())
        .ok_or_else(|| Failure::Unavailable("the answer has no total_items".to_owned()))?;
    position.torn |= *position.total.get_or_insert(total) != total || records.iter().any(|record| record.remote_id.is_empty());
    position.counted += size;
    if position.counted < total {
        return Ok(Page::more(records, checkpoint::encode(&position)).of_about(Some(total.into())));
    }
    let next = checkpoint::encode(&Position::default());
    let page = if position.torn { Page::end(records, next) } else { Page::scan_end(records, next) };
    Ok(page.of_about(Some(total.into())))
}
