//! Reading: once everything, then what changed, by the log of transactions, whose numbers only grow. Times in questions are in a
//! zone that the interface does not name, and questions about users pass over conditions that they do not know, ids and times
//! among them, without a word: so users are paged by number, and a list whose length changed on the way is read again. What a
//! search passes over is asked for by its id.

use nave_sdk::http::{self, Answer};
use nave_sdk::serde::{Deserialize, Serialize};
use nave_sdk::serde_json::{Value, json};
use nave_sdk::types::{Failure, Operation, Page, SourceRecord};
use nave_sdk::{body as bodies, checkpoint};

use crate::api;
use crate::body;
use crate::kind::Kind;
use crate::limits::{ASKED_USERS_MAX, OVERLAP_TRANSACTIONS, PAGE_ROWS_MAX, STAFF_PAGES_MAX};

/// The checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde", deny_unknown_fields)]
struct Position {
    /// Every transaction up to this one is read. None: nothing is.
    log: Option<u64>,
    /// The pass through the list that is running.
    pass: Option<Pass>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde", deny_unknown_fields)]
struct Pass {
    /// Last transaction at its beginning.
    log: u64,
    /// Tickets: last id seen.
    after: u64,
    /// Users: pages read, and rows of each.
    pages: u32,
    size: u32,
    /// Users: rows in all when it began.
    total: u64,
    /// Users: the group of agents; none where the system does not show it.
    #[serde(default)]
    agents: Option<String>,
    /// A row had no id, or the length changed: who is missing, nobody knows.
    torn: bool,
}

impl Pass {
    /// Before anything is read: what happens from now on is in the log.
    fn begin(size: u32) -> Result<Self, Failure> {
        Ok(Self { log: newest_transaction()?, after: 0, pages: 0, size, total: 0, agents: None, torn: false })
    }

    fn begin_users(size: u32) -> Result<Self, Failure> {
        let agents = agents()?;
        let size = if agents.is_some() { size } else { size.min(ASKED_USERS_MAX) };
        Ok(Self { agents, ..Self::begin(size)? })
    }
}

/// The page after a checkpoint.
pub(crate) fn read(kind: Kind, from: Option<&[u8]>, limit: u32) -> Result<Page, Failure> {
    let position: Position = checkpoint::decode(from)?;
    let size = limit.clamp(1, PAGE_ROWS_MAX);
    match kind {
        Kind::Users if position.log.is_none() => all_users(position, size),
        Kind::Tickets if position.log.is_none() => all_tickets(position, size),
        _ => log(kind, position, size),
    }
}

fn all_users(mut position: Position, size: u32) -> Result<Page, Failure> {
    // Pages are counted, so that their size must stay.
    let mut pass = match position.pass.take().filter(|pass| pass.size <= size) {
        Some(pass) => pass,
        None => Pass::begin_users(size)?,
    };
    let answer = api::read(by_id(Kind::Users, pass.size).query("page", (pass.pages + 1).to_string()).query("query", ALL))?;
    let rows = items(&answer)?;
    let total = answer.json::<Value>()?["total"].as_u64().unwrap_or_default();
    if pass.pages == 0 {
        pass.total = total;
    }
    let people = rows.iter().filter(|row| !system(row));
    let records: Vec<SourceRecord> = people.map(|row| body::record(Kind::Users, row)).collect();
    pass.torn |= total != pass.total || records.iter().any(|record| record.remote_id.is_empty());
    let records = customers(records, pass.agents.as_deref())?;
    if rows.len() as u64 == u64::from(pass.size) {
        pass.pages += 1;
        let total = pass.total;
        position.pass = Some(pass);
        return Ok(Page::more(records, checkpoint::encode(&position)).of_about(Some(total)));
    }
    if pass.torn {
        // Somebody may have slipped from one page to another: once more.
        return Ok(Page::end(records, checkpoint::encode(&Position::default())));
    }
    let log = pass.log.saturating_sub(OVERLAP_TRANSACTIONS);
    Ok(Page::scan_end(records, checkpoint::encode(&Position { log: Some(log), pass: None })))
}

/// A question for all users. It must hold a condition; this one is passed over.
const ALL: &str = r#"[{"field":"id","operator":">","value":0}]"#;

fn all_tickets(mut position: Position, size: u32) -> Result<Page, Failure> {
    let mut pass = match position.pass.take() {
        Some(pass) => pass,
        None => Pass::begin(size)?,
    };
    let answer = api::read(by_id(Kind::Tickets, size).query("query", format!("id > {}", pass.after)))?;
    let rows = items(&answer)?;
    let records: Vec<SourceRecord> = rows.iter().map(|row| body::record(Kind::Tickets, row)).collect();
    pass.torn |= records.iter().any(|record| record.remote_id.is_empty());
    if rows.len() as u64 == u64::from(size) {
        pass.after = last_id(&rows).filter(|last| *last > pass.after).ok_or_else(|| no_order(Kind::Tickets))?;
        position.pass = Some(pass);
        return Ok(Page::more(records, checkpoint::encode(&position)));
    }
    let log = pass.log.saturating_sub(OVERLAP_TRANSACTIONS);
    let next = checkpoint::encode(&Position { log: Some(log), pass: None });
    Ok(if pass.torn { Page::end(records, next) } else { Page::scan_end(records, next) })
}

/// Transactions after the last one read: themselves, or the tickets or users that they are about.
fn log(kind: Kind, position: Position, size: u32) -> Result<Page, Failure> {
    let from = position.log.unwrap_or(0);
    let (of, size) = match kind {
        // Each is asked for by itself.
        Kind::Users => ("RT::User", size.min(ASKED_USERS_MAX)),
        _ => ("RT::Ticket", size),
    };
    let query = format!("id > {from} AND ObjectType = '{of}'");
    let rows = items(&api::read(by_id(Kind::Transactions, size).query("query", query))?)?;
    // A number stands in the next question as it is; nothing else may.
    let ids = rows.iter().filter_map(|row| bodies::text(row, "ObjectId")?.parse::<u64>().ok());
    let mut about: Vec<String> = ids.map(|id| id.to_string()).collect();
    about.sort();
    about.dedup();
    let records = match kind {
        Kind::Tickets => tickets(&about)?,
        Kind::Users => {
            let mut records = Vec::new();
            for id in &about {
                records.extend(one(kind, id)?.map(|shown| shown.record));
            }
            records
        }
        Kind::Transactions => rows.iter().map(|row| body::record(kind, row)).collect(),
    };
    let last = last_id(&rows).unwrap_or(from);
    if rows.len() as u64 == u64::from(size) {
        if last <= from {
            return Err(no_order(Kind::Transactions));
        }
        return Ok(Page::more(records, checkpoint::encode(&Position { log: Some(last), pass: None })));
    }
    // One that was numbered before the last one may still be on its way.
    let log = from.max(last.saturating_sub(OVERLAP_TRANSACTIONS));
    Ok(Page::end(records, checkpoint::encode(&Position { log: Some(log), pass: None })))
}

/// These tickets; a search passes over those that are deleted or merged, so they are asked for.
fn tickets(about: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    if about.is_empty() {
        return Ok(Vec::new());
    }
    let query = about.iter().map(|id| format!("id = {id}")).collect::<Vec<_>>().join(" OR ");
    let rows = items(&api::read(by_id(Kind::Tickets, PAGE_ROWS_MAX).query("query", query))?)?;
    let mut records: Vec<SourceRecord> = rows.iter().map(|row| body::record(Kind::Tickets, row)).collect();
    for id in about {
        if !records.iter().any(|record| record.remote_id == *id) {
            records.extend(passed_over(id)?.1);
        }
    }
    Ok(records)
}

/// An object as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) record: SourceRecord,
    /// The system's own version, for a write on that condition.
    pub(crate) etag: Option<String>,
}

/// One object; none where it is not ours to see.
pub(crate) fn one(kind: Kind, id: &str) -> Result<Option<Shown>, Failure> {
    if id.parse::<u64>().is_err() {
        // The system would take it for a name.
        return Err(Failure::rejected("reference", format!("{id} is no id of Request Tracker's: ids are numbers")));
    }
    if kind == Kind::Tickets {
        let (etag, record) = passed_over(id)?;
        let Some(record) = record else { return Ok(None) };
        if record.operation != Operation::Upsert {
            return Ok(Some(Shown { record, etag }));
        }
        // Alone a ticket names its requestor by log-in name; the list can be asked for ids.
        let rows = items(&api::read(by_id(Kind::Tickets, 1).query("query", format!("id = {id}")))?)?;
        let record = rows.first().map_or_else(|| SourceRecord::deleted(id), |row| body::record(Kind::Tickets, row));
        return Ok(Some(Shown { record, etag }));
    }
    let answer = api::get(api::path(kind, id)?).send()?;
    match answer.status {
        404 => return Ok(Some(Shown { record: SourceRecord::deleted(id), etag: None })),
        403 => return Ok(None),
        _ if answer.is_success() => {}
        _ => return Err(api::failure(&answer)),
    }
    let row: Value = answer.json()?;
    let etag = answer.header("etag").map(str::to_owned);
    if kind == Kind::Transactions {
        // Alone it names who did it by log-in name; the list can be asked for ids.
        let rows = items(&api::read(by_id(kind, 1).query("query", format!("id = {id}")))?)?;
        return Ok(rows.first().map(|row| Shown { record: body::record(kind, row), etag }));
    }
    if bodies::text(&row, "Privileged").is_some_and(|flag| flag == "1") || system(&row) {
        return Ok(None);
    }
    let disabled = bodies::text(&row, "Disabled").is_some_and(|flag| flag == "1");
    let record = if disabled { SourceRecord::deleted(id) } else { body::record(kind, &row) };
    Ok(Some(Shown { record, etag }))
}

/// A ticket by its id: deleted ones answer, merged ones answer as the one that is left. With its ETag.
fn passed_over(id: &str) -> Result<(Option<String>, Option<SourceRecord>), Failure> {
    let answer = api::get(api::path(Kind::Tickets, id)?).send()?;
    match answer.status {
        404 => return Ok((None, Some(SourceRecord::deleted(id)))),
        403 => return Ok((None, None)),
        _ if answer.is_success() => {}
        _ => return Err(api::failure(&answer)),
    }
    let row: Value = answer.json()?;
    let is = bodies::text(&row, "EffectiveId.id").or_else(|| bodies::text(&row, "id")).unwrap_or_default();
    let record = if row["Status"] == "deleted" {
        SourceRecord::deleted(id)
    } else if is != id && !is.is_empty() {
        SourceRecord::merged_into(id, is)
    } else {
        body::record(Kind::Tickets, &row)
    };
    Ok((answer.header("etag").map(str::to_owned), Some(record)))
}

/// Things whose field equals one of the values.
pub(crate) fn find(kind: Kind, path: &str, values: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    let mut found = Vec::new();
    for value in values {
        let request = match (kind, path) {
            (Kind::Users, "Name" | "EmailAddress") => {
                by_id(kind, PAGE_ROWS_MAX).query("query", json!([{"field": path, "operator": "=", "value": value}]).to_string())
            }
            (Kind::Tickets, "Subject") => by_id(kind, PAGE_ROWS_MAX).query("query", format!("Subject = {}", quoted(value))),
            _ => return Err(Failure::rejected("other", format!("{} cannot be searched by {path}", kind.plural()))),
        };
        for row in items(&api::read(request)?)? {
            let there = row[path].as_str().unwrap_or_default();
            if there == value || kind == Kind::Users && there.to_lowercase() == value.to_lowercase() {
                found.push(body::record(kind, &row));
            }
        }
    }
    if found.iter().any(|record| record.remote_id.is_empty()) {
        return Err(Failure::rejected("format", "the answer has a row without an id"));
    }
    if kind == Kind::Users && !found.is_empty() {
        return customers(found, agents()?.as_deref());
    }
    Ok(found)
}

/// A text of the query language, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The number of the last transaction of all.
pub(crate) fn newest_transaction() -> Result<u64, Failure> {
    let request = api::get("/transactions").query("query", "id > 0").query("fields", "id").query("per_page", "1");
    let rows = items(&api::read(request.query("orderby", "id").query("order", "DESC"))?)?;
    Ok(last_id(&rows).unwrap_or(0))
}

/// The group of the privileged users, who are no customers. None where the system does not show it: since its security
/// release of 2026 (Debian's 5.0.3+dfsg-3~deb12u7) it shows groups that people made, and no others; before, only with SeeGroup.
fn agents() -> Result<Option<String>, Failure> {
    let query = json!([{"field": "Domain", "value": "SystemInternal"}, {"field": "Name", "value": "Privileged"}]);
    let groups = api::get("/groups").query("query", query.to_string()).query("fields", "id,Name,Domain");
    let groups = items(&api::read(groups)?)?;
    Ok(groups.iter().find(|group| group["Name"] == "Privileged").and_then(|group| bodies::text(group, "id")))
}

/// Those of a list who are no agents: lists do not tell them apart. The group does, and without it each by himself.
fn customers(mut found: Vec<SourceRecord>, agents: Option<&str>) -> Result<Vec<SourceRecord>, Failure> {
    if found.is_empty() {
        return Ok(found);
    }
    let Some(group) = agents else {
        let mut customers = Vec::new();
        for record in found {
            // A row without an id is told as it is.
            let shown = if record.remote_id.is_empty() {
                Some(record)
            } else {
                one(Kind::Users, &record.remote_id)?.map(|shown| shown.record)
            };
            customers.extend(shown);
        }
        return Ok(customers);
    };
    for page in 1..=STAFF_PAGES_MAX {
        let request = api::get(format!("/group/{}/members", http::id(group)?)).query("users", "1").query("groups", "0");
        let rows = items(&api::read(request.query("per_page", PAGE_ROWS_MAX.to_string()).query("page", page.to_string()))?)?;
        let staff = ids(&rows);
        found.retain(|record| !staff.contains(&record.remote_id));
        if (rows.len() as u64) < u64::from(PAGE_ROWS_MAX) {
            break;
        }
    }
    Ok(found)
}

/// Users that the system made for itself.
const SYSTEM: [&str; 2] = ["RT_System", "Nobody"];

fn system(row: &Value) -> bool {
    SYSTEM.iter().any(|name| row["Name"] == *name)
}

fn by_id(kind: Kind, size: u32) -> nave_sdk::http::Request {
    let request = api::get(format!("/{}", kind.plural())).query("per_page", size.to_string());
    api::with_fields(request.query("orderby", "id").query("order", "ASC"), kind)
}

fn items(answer: &Answer) -> Result<Vec<Value>, Failure> {
    let body: Value = answer.json()?;
    match &body["items"] {
        Value::Array(items) => Ok(items.clone()),
        _ => Err(Failure::Unavailable("the answer has no items".to_owned())),
    }
}

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().filter_map(|row| bodies::text(row, "id")).collect()
}

fn last_id(rows: &[Value]) -> Option<u64> {
    rows.iter().filter_map(|row| bodies::text(row, "id")?.parse().ok()).max()
}

fn no_order(kind: Kind) -> Failure {
    Failure::Unavailable(format!("a full page of {} has no ids to go on from", kind.plural()))
}
