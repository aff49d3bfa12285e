//! Contact mechanisms as things of their own: each with its party's id, read, written and deleted by itself.
//!
//! Those that are not active are shown too, and say so. A deletion that the log names makes everything be read once more;
//! those that went with their party are in no log, and neither are they needed.

use nave_sdk::body;
use nave_sdk::checkpoint;
use nave_sdk::serde_json::{Map, Value, json};
use nave_sdk::types::{Delivery, Failure, Outcome, Page, Rejection, SourceRecord, WriteOperation};
use nave_sdk::write::{self, Stop};

use crate::api::{self, Query};
use crate::limits::{FOUND_MAX, IDS_PER_QUERY, OVERLAP_US, PAGE_ROWS_MAX};
use crate::pages::{Pass, Position, deleted};
use crate::party::{id_text, row_id, truth};

/// The stream's name.
pub(crate) const STREAM: &str = "contact-mechanisms";
const MODEL: &str = "party.contact_mechanism";
const FIELDS: [&str; 7] = ["party", "type", "value", "name", "active", "write_date", "create_date"];

/// The page after a checkpoint.
pub(crate) fn read(from: Option<&[u8]>, limit: u32) -> Result<Page, Failure> {
    let mut position: Position = checkpoint::decode(from)?;
    let (full, after) = match &position.pass {
        Some(pass) => (pass.full, pass.after),
        None => {
            let last = deleted(position.log, &["party.contact_mechanism,%"])?;
            position.log = position.log.max(last.unwrap_or(0));
            (position.since.is_none() || last.is_some(), 0)
        }
    };
    let mut domain = vec![json!(["id", ">", after])];
    if let Some(since) = position.since.filter(|_| !full) {
        let time = api::datetime(since);
        domain.push(json!(["OR", ["write_date", ">=", time], ["create_date", ">=", time]]));
    }
    let limit = limit.clamp(1, PAGE_ROWS_MAX);
    let answer = Query { model: MODEL, domain: Value::Array(domain), fields: &FIELDS, limit }.send_all()?;
    if !answer.is_success() {
        return Err(api::failure(&answer));
    }
    let rows = api::rows(&answer)?;
    let unnamed = position.pass.as_ref().is_some_and(|pass| pass.unnamed) || rows.iter().any(|row| row["id"].as_i64().is_none());
    let until = position.pass.as_ref().map_or_else(|| api::server_time(&answer), |pass| pass.until);
    let records: Vec<SourceRecord> = rows.iter().map(record).collect();
    if rows.len() as u64 == u64::from(limit) {
        let after = rows.last().and_then(|row| row["id"].as_i64()).unwrap_or(after);
        position.pass = Some(Pass { until, after, full, unnamed });
        return Ok(Page::more(records, checkpoint::encode(&position)));
    }
    position = Position { since: Some(until - OVERLAP_US), pass: None, ..position };
    let next = checkpoint::encode(&position);
    Ok(if full && !unnamed { Page::scan_end(records, next) } else { Page::end(records, next) })
}

/// These mechanisms.
pub(crate) fn get(ids: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    let mut records = Vec::new();
    for ids in ids.chunks(IDS_PER_QUERY) {
        let numbers: Vec<i64> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let found = search(json!([["id", "in", numbers]]), ids.len() as u32)?;
        for id in ids.iter().filter(|id| id.parse::<i64>().is_ok()) {
            match found.iter().find(|row| id_text(&row["id"]) == id.as_str()) {
                Some(row) => records.push(record(row)),
                None => records.extend(one(id)?.map_or_else(|| Some(SourceRecord::deleted(id)), |row| Some(record(&row)))),
            }
        }
    }
    Ok(records)
}

/// Mechanisms of parties, or with a value.
pub(crate) fn find(path: &str, values: &[String]) -> Result<Vec<SourceRecord>, Failure> {
    let mut records = Vec::new();
    for values in values.chunks(IDS_PER_QUERY) {
        let domain = match path {
            "party" => {
                let numbers: Vec<i64> = values.iter().filter_map(|value| value.parse().ok()).collect();
                json!([["party", "in", numbers]])
            }
            "value" => json!([["value", "in", values]]),
            _ => {
                let message = format!("contact mechanisms cannot be searched by {path}; party and value can");
                return Err(Failure::rejected("other", message));
            }
        };
        records.extend(search(domain, FOUND_MAX * values.len() as u32)?.iter().map(record));
    }
    Ok(records)
}

/// Makes the differences one by one.
pub(crate) fn write(deliveries: &[Delivery]) -> Result<Vec<Outcome>, Failure> {
    write::one_by_one(deliveries, |delivery| match &delivery.operation {
        WriteOperation::Create => {
            let values = values(&body::object(&delivery.desired)?)?;
            let request = api::all(api::row("POST", MODEL, None, &FIELDS)?).json(&values);
            let answer = request.send().map_err(write::lost)?;
            read_back(&answer)
        }
        WriteOperation::Update(id) => update(delivery, id),
        WriteOperation::Delete(id) => {
            let answer = api::all(api::row("DELETE", MODEL, Some(id), &[])?).send().map_err(write::lost)?;
            match answer.status {
                404 => Ok(Outcome::Gone),
                _ if answer.is_success() => Ok(write::written_unread(id)),
                _ => Err(refused(&answer)),
            }
        }
        WriteOperation::Merge(_) => Ok(write::rejected("other", "contact mechanisms are not merged")),
    })
}

fn update(delivery: &Delivery, id: &str) -> Result<Outcome, Stop> {
    let Some(current) = one(id)? else { return Ok(Outcome::Gone) };
    if delivery.if_version.is_some() && delivery.if_version != version(&current) {
        return Ok(Outcome::Conflict(record(&current)));
    }
    let mut values = values(&body::object(&delivery.changed)?)?;
    values.retain(|field, value| field != "party" && current[field.as_str()] != *value);
    if values.is_empty() {
        return Ok(write::written(record(&current)));
    }
    let answer = api::all(api::row("PUT", MODEL, Some(id), &FIELDS)?).json(&values).send().map_err(write::lost)?;
    read_back(&answer)
}

/// The answer of a write holds the mechanism as it is now.
fn read_back(answer: &nave_sdk::http::Answer) -> Result<Outcome, Stop> {
    if !answer.is_success() {
        return Err(refused(answer));
    }
    match answer.json::<Value>() {
        Ok(row) if row["id"].is_i64() => Ok(write::written(record(&api::simplify(row)))),
        _ => Err(Stop::settled(Outcome::Unknown("Tryton's answer to the write is not a contact mechanism".to_owned()))),
    }
}

fn refused(answer: &nave_sdk::http::Answer) -> Stop {
    match answer.status {
        400 | 409 | 422 => Stop::settled(Outcome::Rejected(api::rejection(answer))),
        _ => write::refused(answer),
    }
}

/// A delivery's body as Tryton takes it: the party is a row's number.
fn values(body: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    let mut values = Map::new();
    for (field, value) in body {
        match field.as_str() {
            "type" | "value" | "name" | "active" => drop(values.insert(field.clone(), value.clone())),
            "party" => {
                let number = value.as_str().map_or_else(|| value.as_i64(), |text| text.parse().ok());
                let Some(number) = number else {
                    let message = format!("{value} is not the id of a party");
                    return Err(Failure::Rejected(Rejection::new("reference", message).field("party")));
                };
                values.insert(field.clone(), json!(number));
            }
            _ => {}
        }
    }
    Ok(values)
}

fn search(domain: Value, limit: u32) -> Result<Vec<Value>, Failure> {
    let answer = Query { model: MODEL, domain, fields: &FIELDS, limit: limit.max(1) }.send_all()?;
    if !answer.is_success() {
        return Err(api::failure(&answer));
    }
    api::rows(&answer)
}

/// One mechanism; none when it is not there.
fn one(id: &str) -> Result<Option<Value>, Failure> {
    let answer = api::all(api::row("GET", MODEL, Some(id), &FIELDS)?).send()?;
    match answer.status {
        404 => Ok(None),
        _ if answer.is_success() => Ok(Some(api::simplify(answer.json()?))),
        _ => Err(api::failure(&answer)),
    }
}

fn record(row: &Value) -> SourceRecord {
    let body = json!({
        "id": row["id"], "party": id_text(&row["party"]), "type": row["type"], "value": row["value"], "name": row["name"],
        "active": truth(&row["active"]),
    });
    SourceRecord::upsert(row_id(row), body::bytes(&body)).modified_at(version(row)).version(version(row))
}

/// The time of its last change tells one state from another.
fn version(row: &Value) -> Option<String> {
    row["write_date"].as_str().or_else(|| row["create_date"].as_str()).map(str::to_owned)
}
