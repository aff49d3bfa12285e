//! A connector to a small API, which keeps every promise of the contract, or breaks one: the setting `fault` says which.
//!
//! `GET /people?after=CURSOR&limit=N` answers `{"people": [{"id": …}], "next": CURSOR or null}`; `POST /people` makes one,
//! `PATCH` and `DELETE /people/ID` change and remove it, `GET /people?email=…` finds those with that address.

use std::sync::atomic::{AtomicUsize, Ordering};

use nave_sdk::http::{Answer, Error};
use nave_sdk::prelude::*;
use nave_sdk::serde_json::value::RawValue;
use nave_sdk::serde_json::{Value, json};
use nave_sdk::write::{self, Stop};
use nave_sdk::{body, host, slice};
use serde::{Deserialize, Serialize};

const API: &str = "api";
/// Reads of this instance: what the fault `memory` goes by.
static READS: AtomicUsize = AtomicUsize::new(0);

/// The connector.
#[derive(Debug)]
pub struct Faulty;

/// What it does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Fault {
    #[default]
    None,
    /// Every failure of the system is `unavailable`.
    OneKind,
    /// Whole numbers go through a float.
    BigInteger,
    /// Characters beyond the first plane are left out.
    Emoji,
    /// Follows the links of pages within one call.
    Paging,
    /// Crashes on a name that is null.
    Null,
    /// Says that it is written when the answer was lost.
    Lost,
    /// Leaves out rows without an id.
    NoId,
    /// Answers otherwise the second time.
    Memory,
}

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    fault: Fault,
}

fn fault() -> Result<Fault, Failure> {
    host::settings::<Settings>().map(|settings| settings.fault)
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    after: String,
    /// A row had no id.
    unnamed: bool,
}

/// What a refusing answer to a reading call means.
fn passed(answer: Answer) -> Result<Answer, Failure> {
    match answer.ok() {
        Err(_) if fault()? == Fault::OneKind => Err(Failure::Unavailable("something went wrong".to_owned())),
        other => other,
    }
}

fn known(stream: &str) -> Result<(), Failure> {
    if stream == "people" { Ok(()) } else { Err(Failure::no_such_stream(stream)) }
}

impl Connection for Faulty {
    fn check() -> Result<CheckReport, Failure> {
        passed(http::get(API, "/people?limit=1").send()?)?;
        Ok(CheckReport::account("people"))
    }
}

impl Source for Faulty {
    fn discover() -> Result<Vec<Stream>, Failure> {
        let fields = vec![
            Field::new("id", "Id", FieldType::Text).read_only().unique(),
            Field::new("name", "Name", FieldType::Text),
            Field::new("email", "E-mail", FieldType::Email),
            Field::new("points", "Points", FieldType::Integer),
        ];
        let capabilities = Capabilities {
            writable: true,
            deletable: true,
            write_mode: WriteMode::Patch,
            deletes: DeleteDetection::FullScan,
            searchable: vec!["email".to_owned()],
            idempotency_key: true,
            ..Capabilities::read_only()
        };
        Ok(vec![Stream::new("people", "People").fields(fields).capabilities(capabilities)])
    }

    fn read(stream: &str, checkpoint: Option<Vec<u8>>, limit: u32) -> Result<Page, Failure> {
        known(stream)?;
        let fault = fault()?;
        let mut position: Position = nave_sdk::checkpoint::decode(checkpoint.as_deref())?;
        let nth = READS.fetch_add(1, Ordering::Relaxed);
        let mut records = Vec::new();
        loop {
            let request = http::get(API, "/people").query("after", &position.after).query("limit", limit.to_string());
            let answer = passed(request.send()?)?;
            for row in slice::array(&answer.body, "people")? {
                let record = record(fault, row);
                if fault == Fault::Memory && nth > 0 {
                    continue;
                }
                if fault == Fault::NoId && record.remote_id.is_empty() {
                    continue;
                }
                position.unnamed |= record.remote_id.is_empty();
                records.push(record);
            }
            let whole: &RawValue = slice::at(&answer.body, "")?.ok_or_else(|| Failure::Unavailable("nothing".to_owned()))?;
            match slice::text(whole, "next") {
                Some(next) if fault == Fault::Paging => position.after = next,
                Some(next) => {
                    position.after = next;
                    return Ok(Page::more(records, nave_sdk::checkpoint::encode(&position)));
                }
                None => break,
            }
        }
        let next = nave_sdk::checkpoint::encode(&Position::default());
        Ok(if position.unnamed { Page::end(records, next) } else { Page::scan_end(records, next) })
    }

    fn get(stream: &str, ids: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        known(stream)?;
        let mut records = Vec::new();
        for id in ids {
            let answer = http::get(API, path(&id)).send()?;
            match answer.status {
                404 => records.push(SourceRecord::deleted(id)),
                _ => records.extend(slice::at(&passed(answer)?.body, "")?.map(|row| slice::record(row, "id"))),
            }
        }
        Ok(records)
    }
}

impl Destination for Faulty {
    fn write(stream: &str, deliveries: Vec<Delivery>) -> Result<Vec<Outcome>, Failure> {
        known(stream)?;
        let fault = fault()?;
        write::one_by_one(&deliveries, |delivery| {
            let request = match &delivery.operation {
                WriteOperation::Create => http::post_json(API, "/people", &body::object(&delivery.desired)?),
                WriteOperation::Update(id) => {
                    let changed = body::object(&delivery.changed)?;
                    if changed.is_empty() {
                        return Ok(write::written_unread(id));
                    }
                    http::patch_json(API, path(id), &changed)
                }
                WriteOperation::Delete(id) => http::delete(API, path(id)),
                WriteOperation::Merge(_) => return Ok(write::rejected("other", "people cannot be merged")),
            };
            let answer = match request.header("Idempotency-Key", &delivery.id).send() {
                Err(Error::NoAnswer(_)) if fault == Fault::Lost => return Ok(write::written_unread("1")),
                Err(error) => return Err(write::lost(error)),
                Ok(answer) => answer,
            };
            if !answer.is_success() {
                return Err(write::refused(&answer));
            }
            match &delivery.operation {
                WriteOperation::Create => {
                    let row = slice::at(&answer.body, "").ok().flatten().and_then(|row| slice::found(row, "id").ok());
                    row.map(write::written).ok_or_else(|| Stop::settled(Outcome::Unknown("the answer is nobody".to_owned())))
                }
                WriteOperation::Update(id) | WriteOperation::Delete(id) => Ok(write::written_unread(id)),
                WriteOperation::Merge(_) => Ok(write::rejected("other", "people cannot be merged")),
            }
        })
    }

    fn find(stream: &str, path: &str, values: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
        known(stream)?;
        if path != "email" {
            return Err(Failure::rejected("other", format!("people cannot be searched by {path}")));
        }
        let mut records = Vec::new();
        for value in values {
            let answer = passed(http::get(API, "/people").query(path, &value).send()?)?;
            for row in slice::array(&answer.body, "people")? {
                records.push(slice::found(row, "id")?);
            }
        }
        Ok(records)
    }
}

nave_sdk::connector!(Faulty);

fn path(id: &str) -> String {
    format!("/people/{}", http::segment(id))
}

/// The system's bytes, or what the fault makes of them.
fn record(fault: Fault, row: &RawValue) -> SourceRecord {
    let mut record = slice::record(row, "id");
    let mut value: Value = nave_sdk::serde_json::from_str(row.get()).unwrap_or_default();
    match fault {
        Fault::BigInteger => floats(&mut value),
        Fault::Emoji => plane(&mut value),
        Fault::Null => {
            assert!(value.get("name").is_none_or(|name| !name.is_null()), "a name is never null");
            return record;
        }
        _ => return record,
    }
    record.body = value.to_string().into_bytes();
    record
}

/// As in a language whose only number is a float.
fn floats(value: &mut Value) {
    match value {
        Value::Object(all) => all.values_mut().for_each(floats),
        Value::Array(all) => all.iter_mut().for_each(floats),
        Value::Number(number) if !number.to_string().contains(['.', 'e', 'E']) => {
            let float: f64 = number.to_string().parse().unwrap_or_default();
            *value = nave_sdk::serde_json::from_str(&format!("{float}")).unwrap_or(json!(0));
        }
        _ => {}
    }
}

/// As in a language whose characters have two bytes.
fn plane(value: &mut Value) {
    match value {
        Value::Object(all) => all.values_mut().for_each(plane),
        Value::Array(all) => all.iter_mut().for_each(plane),
        Value::String(text) => text.retain(|c| u32::from(c) <= 0xffff),
        _ => {}
    }
}
