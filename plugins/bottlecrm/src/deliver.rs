//! Writing: one request per delivery, and one to read back, because the answers do not hold the record.

use nave_sdk::body;
use nave_sdk::serde_json::Value;
use nave_sdk::types::{Delivery, Failure, Operation, Outcome, WriteOperation};
use nave_sdk::write::{self, Stop};

use crate::api;
use crate::pages::{self, Kind};

/// Makes the differences one by one.
pub(crate) fn write(kind: Kind, deliveries: &[Delivery]) -> Result<Vec<Outcome>, Failure> {
    write::one_by_one(deliveries, |delivery| one(kind, delivery))
}

fn one(kind: Kind, delivery: &Delivery) -> Result<Outcome, Stop> {
    let request = match &delivery.operation {
        WriteOperation::Create => {
            let mut body = body::object(&delivery.desired)?;
            body.retain(|_, value| !value.is_null());
            api::request("POST", kind.name(), None)?.json(&body)
        }
        WriteOperation::Update(id) => {
            let body = body::object(&delivery.changed)?;
            if body.is_empty() {
                // Even an empty change would move the time of the last one.
                return Ok(read_back(kind, id));
            }
            api::request("PATCH", kind.name(), Some(id))?.json(&body)
        }
        WriteOperation::Delete(id) => api::request("DELETE", kind.name(), Some(id))?,
        WriteOperation::Merge(_) => return Ok(write::rejected("other", "BottleCRM cannot merge")),
    };
    let answer = request.send().map_err(write::lost)?;
    if !answer.is_success() {
        return Err(api::refused(&answer));
    }
    Ok(match &delivery.operation {
        WriteOperation::Delete(id) => write::written_unread(id),
        WriteOperation::Update(id) => read_back(kind, id),
        _ => {
            let body: Value = answer.json().unwrap_or_default();
            match body["id"].as_str() {
                Some(id) => read_back(kind, id),
                None => Outcome::Unknown("the answer to the create has no id".to_owned()),
            }
        }
    })
}

/// It is written; if it cannot be read now the host asks later.
fn read_back(kind: Kind, id: &str) -> Outcome {
    match pages::one(kind, id) {
        Ok(record) if record.operation == Operation::Upsert => write::written(record),
        Ok(_) => Outcome::Gone,
        Err(_) => write::written_unread(id),
    }
}
