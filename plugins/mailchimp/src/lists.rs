//! Audiences and campaigns: few, read whole each time. Their pages are counted, so a listing whose number of rows changed on the
//! way is not called complete.

use nave_sdk::serde::{Deserialize, Serialize};
use nave_sdk::types::{Failure, Page, SourceRecord};
use nave_sdk::{checkpoint, http, slice};

use crate::api;
use crate::limits::PAGE_ROWS_MAX;

/// One of the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Audiences,
    Campaigns,
}

impl Kind {
    pub(crate) fn of(stream: &str) -> Option<Self> {
        match stream {
            "audiences" => Some(Self::Audiences),
            "campaigns" => Some(Self::Campaigns),
            _ => None,
        }
    }

    /// Path segment and name of the list. What is an audience in the pages is a list in the interface.
    fn name(self) -> &'static str {
        match self {
            Self::Audiences => "lists",
            Self::Campaigns => "campaigns",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde", deny_unknown_fields)]
struct Position {
    offset: u32,
    /// Number of rows when the scan began.
    total: Option<u32>,
    torn: bool,
}

/// The page after a checkpoint.
pub(crate) fn read(kind: Kind, from: Option<&[u8]>, limit: u32) -> Result<Page, Failure> {
    let mut position: Position = checkpoint::decode(from)?;
    let size = limit.clamp(1, PAGE_ROWS_MAX);
    let request = api::get(format!("/{}", kind.name()))
        .query("count", size.to_string())
        .query("offset", position.offset.to_string())
        .query("exclude_fields", format!("_links,{}._links", kind.name()));
    let answer = api::read(request)?;
    let rows = slice::array(&answer.body, kind.name())?;
    let records: Vec<SourceRecord> = rows.iter().map(|raw| slice::record(raw, "id")).collect();
    let total: u32 = slice::at(&answer.body, "total_items")?
        .and_then(|total| total.get().parse().ok())
        .ok_or_else(|| Failure::Unavailable("the answer has no total_items".to_owned()))?;
    position.torn |= *position.total.get_or_insert(total) != total || records.iter().any(|record| record.remote_id.is_empty());
    position.offset += size;
    if position.offset < total {
        return Ok(Page::more(records, checkpoint::encode(&position)).of_about(Some(total.into())));
    }
    let next = checkpoint::encode(&Position::default());
    let page = if position.torn { Page::end(records, next) } else { Page::scan_end(records, next) };
    Ok(page.of_about(Some(total.into())))
}

/// One of them; a 404 proves that it is gone.
pub(crate) fn one(kind: Kind, id: &str) -> Result<Option<SourceRecord>, Failure> {
    let answer = api::get(format!("/{}/{}", kind.name(), http::id(id)?)).query("exclude_fields", "_links").send()?;
    match answer.status {
        404 => Ok(Some(SourceRecord::deleted(id))),
        403 => Ok(None),
        _ if answer.is_success() => {
            let raw = slice::at(&answer.body, "")?.ok_or_else(|| Failure::Unavailable("the answer is empty".to_owned()))?;
            slice::found(raw, "id").map(Some)
        }
        _ => Err(api::failure(&answer)),
    }
}
