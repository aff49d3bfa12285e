//! Reading: there is no question for what changed, so everything is read each time. Rows shift while others are made or
//! deleted: pages overlap, and a scan whose number of rows changed on the way is not called complete.

use nave_sdk::checkpoint;
use nave_sdk::http::Answer;
use nave_sdk::serde::{Deserialize, Serialize};
use nave_sdk::serde_json::value::RawValue;
use nave_sdk::slice;
use nave_sdk::types::{Failure, Page, SourceRecord};

use crate::api;
use crate::limits::{FOUND_MAX, OVERLAP_ROWS, PAGE_ROWS_MAX};

/// One of the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Contacts,
    Accounts,
}

impl Kind {
    pub(crate) fn of(stream: &str) -> Result<Self, Failure> {
        match stream {
            "contacts" => Ok(Self::Contacts),
            "accounts" => Ok(Self::Accounts),
            _ => Err(Failure::no_such_stream(stream)),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Accounts => "accounts",
        }
    }

    /// Lists of an answer and the paths of their totals.
    fn lists(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Contacts => &[("results", "count")],
            Self::Accounts => &[
                ("active_accounts.open_accounts", "active_accounts.open_accounts_count"),
                ("closed_accounts.close_accounts", "closed_accounts.close_accounts_count"),
            ],
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde", deny_unknown_fields)]
struct Position {
    offset: u32,
    /// Numbers of rows when the scan began.
    totals: Vec<u32>,
    torn: bool,
    /// Ids of the rows that the next page may show once more.
    shown: Vec<String>,
}

/// The page after a checkpoint.
pub(crate) fn read(kind: Kind, from: Option<&[u8]>, limit: u32) -> Result<Page, Failure> {
    let mut position: Position = checkpoint::decode(from)?;
    // Two lists come at once; a page smaller than the overlap would never move on.
    let size = (limit / kind.lists().len() as u32).clamp(1, PAGE_ROWS_MAX);
    let overlap = OVERLAP_ROWS.min(size / 2);
    let request =
        api::request("GET", kind.name(), None)?.query("limit", size.to_string()).query("offset", position.offset.to_string());
    let answer = request.send()?;
    if !answer.is_success() {
        return Err(api::failure(&answer));
    }
    let (rows, totals) = rows(kind, &answer)?;
    let mut records: Vec<SourceRecord> = rows.iter().map(|raw| record(raw)).collect();
    records.retain(|record| !position.shown.contains(&record.remote_id));
    // Who a row without an id is, nobody knows: what seems to be missing may be there.
    position.torn |= records.iter().any(|record| record.remote_id.is_empty());
    if position.totals.is_empty() {
        position.totals.clone_from(&totals);
    }
    position.torn |= position.totals != totals;
    let total = totals.iter().copied().map(u64::from).sum();
    let seen = position.offset + size;
    if totals.iter().any(|total| *total > seen) {
        position.offset = seen - overlap;
        position.shown = rows.iter().filter_map(|raw| slice::text(raw, "id")).collect();
        return Ok(Page::more(records, checkpoint::encode(&position)).of_about(Some(total)));
    }
    let next = checkpoint::encode(&Position::default());
    let page = if position.torn { Page::end(records, next) } else { Page::scan_end(records, next) };
    Ok(page.of_about(Some(total)))
}

fn rows(kind: Kind, answer: &Answer) -> Result<(Vec<&RawValue>, Vec<u32>), Failure> {
    let mut rows = Vec::new();
    let mut totals = Vec::new();
    for (list, total) in kind.lists() {
        rows.extend(slice::array(&answer.body, list)?);
        let count = slice::at(&answer.body, total)?.and_then(|count| count.get().parse().ok());
        totals.push(count.ok_or_else(|| Failure::Unavailable(format!("the answer has no {total}")))?);
    }
    Ok((rows, totals))
}

/// A row as a record, also without an id: the hub sets it aside. Contacts know when they changed, accounts do not.
fn record(raw: &RawValue) -> SourceRecord {
    slice::record(raw, "id").modified_at(slice::text(raw, "updated_at"))
}

/// One thing; a 404 proves that it is gone.
pub(crate) fn one(kind: Kind, id: &str) -> Result<SourceRecord, Failure> {
    let answer = api::request("GET", kind.name(), Some(id))?.send()?;
    if answer.status == 404 {
        return Ok(SourceRecord::deleted(id));
    }
    if !answer.is_success() {
        return Err(api::failure(&answer));
    }
    let path = match kind {
        Kind::Contacts => "contact_obj",
        Kind::Accounts => "account_obj",
    };
    slice::at(&answer.body, path)?
        .map(|raw| SourceRecord { remote_id: id.to_owned(), ..record(raw) })
        .ok_or_else(|| Failure::Unavailable(format!("the answer has no {path}")))
}

/// Things whose field equals one of the values. The system searches for parts of texts, so what comes is looked at.
pub(crate) fn find(kind: Kind, path: &str, values: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    let parameter = match (kind, path) {
        (_, "custom_fields.nave_id") => "cf_nave_id",
        (Kind::Contacts, "email") => "email",
        (Kind::Accounts, "name") => "name",
        _ => {
            return Err(Failure::rejected("other", format!("{} cannot be searched by {path}", kind.name())));
        }
    };
    let exact = path.starts_with("custom_fields");
    let mut records = Vec::new();
    for value in values {
        let request = api::request("GET", kind.name(), None)?
            .query(parameter, value)
            .query("limit", FOUND_MAX.to_string())
            .query("offset", "0");
        let answer = request.send()?;
        if !answer.is_success() {
            return Err(api::failure(&answer));
        }
        for raw in rows(kind, &answer)?.0 {
            let found = slice::text(raw, path).unwrap_or_default();
            if found == *value || !exact && found.to_lowercase() == value.to_lowercase() {
                records.push(slice::found(raw, "id")?.modified_at(slice::text(raw, "updated_at")));
            }
        }
    }
    Ok(records)
}
