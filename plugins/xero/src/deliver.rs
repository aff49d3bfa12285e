//! Writing contacts. A create with a contact number goes by it, so that it may be repeated; one without is sent alone
//! under its own idempotency key. Updates go fifty at a time; each element answers for itself, and where a whole request is refused
//! because of one of them, they go one by one.

use std::collections::VecDeque;

use nave_sdk::body as bodies;
use nave_sdk::http::Answer;
use nave_sdk::serde_json::value::RawValue;
use nave_sdk::serde_json::{Map, Value, json};
use nave_sdk::slice;
use nave_sdk::types::{Delivery, Failure, Operation, Outcome, WriteOperation};
use nave_sdk::write::{self, Stop};

use crate::api::{self, Settings};
use crate::body;
use crate::pages::{self, Kind};

/// Place of the delivery, and the contact as it is sent.
type Member = (usize, Map<String, Value>);

/// Makes the differences.
pub(crate) fn write(settings: &Settings, deliveries: &[Delivery]) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes: Vec<Option<Outcome>> = vec![None; deliveries.len()];
    let mut batch = Vec::new();
    let mut alone = Vec::new();
    for (index, delivery) in deliveries.iter().enumerate() {
        match element(delivery) {
            Ok(Some(element)) if element.contains_key("ContactID") || element.contains_key("ContactNumber") => {
                batch.push((index, element))
            }
            Ok(Some(element)) => alone.push((index, element)),
            Ok(None) => outcomes[index] = Some(unchanged(delivery)),
            Err(failure) => outcomes[index] = Some(write::later(&failure)),
        }
    }
    let mut sent = false;
    let mut groups: VecDeque<(&str, Vec<Member>)> = VecDeque::new();
    if !batch.is_empty() {
        groups.push_back(("POST", batch));
    }
    groups.extend(alone.into_iter().map(|one| ("PUT", vec![one])));
    while let Some((method, members)) = groups.pop_front() {
        match send(settings, method, &members, deliveries) {
            Ok(done) => {
                sent = true;
                for ((index, _), outcome) in members.iter().zip(done) {
                    outcomes[*index] = Some(outcome);
                }
            }
            // One of them spoils the request, and nothing of it was done.
            Err(Stop::Settled(outcome)) if members.len() > 1 && matches!(*outcome, Outcome::Rejected(_)) => {
                sent = true;
                groups.extend(members.into_iter().map(|one| (method, vec![one])));
            }
            Err(Stop::Settled(outcome)) => {
                sent = true;
                members.iter().for_each(|(index, _)| outcomes[*index] = Some((*outcome).clone()));
            }
            Err(Stop::NotSent(failure)) if !sent => return Err(failure),
            Err(Stop::NotSent(failure)) => members.iter().for_each(|(index, _)| outcomes[*index] = Some(write::later(&failure))),
        }
    }
    resolve_gone(settings, deliveries, &mut outcomes);
    read_back(settings, deliveries, &mut outcomes);
    Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::RetryAfter(1))).collect())
}

/// The element of a request; none when there is nothing to send.
fn element(delivery: &Delivery) -> Result<Option<Map<String, Value>>, Failure> {
    let desired = bodies::object(&delivery.desired)?;
    Ok(match &delivery.operation {
        WriteOperation::Create => {
            let mut element = body::sent(&desired, &desired);
            element.retain(|_, value| value != "");
            if let Some(marker) = element.get("ContactNumber").and_then(Value::as_str) {
                let number = pages::number(marker);
                element.insert("ContactNumber".to_owned(), json!(number));
            }
            Some(element)
        }
        WriteOperation::Update(id) => {
            let mut element = body::sent(&bodies::object(&delivery.changed)?, &desired);
            if element.is_empty() {
                return Ok(None);
            }
            element.insert("ContactID".to_owned(), json!(id));
            Some(element)
        }
        // Contacts with a history cannot be deleted, only archived.
        WriteOperation::Delete(id) => {
            Some(Map::from_iter([("ContactID".to_owned(), json!(id)), ("ContactStatus".to_owned(), json!("ARCHIVED"))]))
        }
        WriteOperation::Merge(_) => {
            return Err(Failure::rejected("other", "Xero merges contacts in its own pages only"));
        }
    })
}

fn unchanged(delivery: &Delivery) -> Outcome {
    match &delivery.operation {
        WriteOperation::Update(id) => write::written_unread(id),
        _ => Outcome::RetryAfter(1),
    }
}

/// One request with its elements.
fn send(settings: &Settings, method: &str, members: &[Member], deliveries: &[Delivery]) -> Result<Vec<Outcome>, Stop> {
    let elements: Vec<&Map<String, Value>> = members.iter().map(|(_, element)| element).collect();
    let bytes = bodies::bytes(&json!({"Contacts": elements}));
    // The same deliveries with the same bytes are the same key; anything else is another one (I6).
    let mut identity: Vec<u8> = method.as_bytes().to_vec();
    for (index, _) in members {
        identity.extend_from_slice(deliveries[*index].id.as_bytes());
        identity.push(0);
    }
    identity.extend_from_slice(&bytes);
    let answer = settings
        .request(method, "/Contacts")
        .query("summarizeErrors", "false")
        .header("Idempotency-Key", format!("nave-{}", digest(&identity)))
        .body(bytes, "application/json")
        .send()
        .map_err(write::lost)?;
    if !answer.is_success() {
        return Err(api::refused(&answer));
    }
    settle(&answer, members)
}

/// One outcome per element, in their order.
fn settle(answer: &Answer, members: &[Member]) -> Result<Vec<Outcome>, Stop> {
    let unknown = |words: &str| Stop::settled(Outcome::Unknown(words.to_owned()));
    let rows: Vec<&RawValue> =
        slice::array(&answer.body, "Contacts").map_err(|_| unknown("the answer to the write is not a list of contacts"))?;
    if rows.len() != members.len() {
        return Err(unknown("the answer to the write has another number of contacts"));
    }
    Ok(rows
        .into_iter()
        .zip(members)
        .map(|(raw, (_, element))| {
            let failed = slice::text(raw, "StatusAttributeString").is_some_and(|status| status == "ERROR")
                || slice::text(raw, "HasValidationErrors").is_some_and(|flag| flag == "true");
            if failed {
                let row: Value = nave_sdk::serde_json::from_str(raw.get()).unwrap_or_default();
                let messages = api::messages(&row);
                return if messages.contains("could not be found") && element.contains_key("ContactID") {
                    Outcome::Gone
                } else {
                    Outcome::Rejected(api::rejection(&messages, 400))
                };
            }
            match slice::found(raw, "ContactID") {
                Ok(_) => write::written(body::contact(raw)),
                Err(_) => Outcome::Unknown("the answer to the write has a contact without an id".to_owned()),
            }
        })
        .collect())
}

/// What is gone may have been merged: the vendor tells when it is asked.
fn resolve_gone(settings: &Settings, deliveries: &[Delivery], outcomes: &mut [Option<Outcome>]) {
    for (delivery, outcome) in deliveries.iter().zip(outcomes) {
        if let (WriteOperation::Update(id), Some(Outcome::Gone)) = (&delivery.operation, &*outcome)
            && let Ok(Some(record)) = pages::one(Kind::Contacts, settings, id)
            && let Operation::MergedInto(winner) = record.operation
        {
            *outcome = Some(Outcome::MergedInto(winner));
        }
    }
}

/// What was written, as it is there: an answer shows what was asked for. One that is not there after all is unknown, and the
/// host looks for it before it sends anything else.
fn read_back(settings: &Settings, deliveries: &[Delivery], outcomes: &mut [Option<Outcome>]) {
    let is_kept = |delivery: &Delivery| matches!(delivery.operation, WriteOperation::Create | WriteOperation::Update(_));
    let written = |(delivery, outcome): (&Delivery, &Option<Outcome>)| match outcome {
        Some(Outcome::Written(written)) if is_kept(delivery) => Some(written.remote_id.clone()),
        _ => None,
    };
    let mut ids: Vec<String> = deliveries.iter().zip(outcomes.iter()).filter_map(written).collect();
    ids.sort();
    ids.dedup();
    // Without it, the answer stands.
    let Ok(records) = pages::get(Kind::Contacts, settings, &ids) else { return };
    for (delivery, outcome) in deliveries.iter().zip(outcomes).filter(|(delivery, _)| is_kept(delivery)) {
        let Some(Outcome::Written(written)) = &*outcome else { continue };
        let Some(record) = records.iter().find(|record| record.remote_id.eq_ignore_ascii_case(&written.remote_id)) else {
            continue;
        };
        match (&record.operation, &delivery.operation) {
            (Operation::Upsert, _) => *outcome = Some(write::written(record.clone())),
            (Operation::Delete, WriteOperation::Create) => {
                *outcome = Some(Outcome::Unknown(format!("{} was said to be made, and is not there", written.remote_id)));
            }
            _ => {}
        }
    }
}

/// 128 bits that differ where the bytes differ (two FNV-1a with different beginnings; nobody gains by making two alike).
pub(crate) fn digest(bytes: &[u8]) -> String {
    let hash = |start: u64| bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:016x}{:016x}", hash(0xcbf2_9ce4_8422_2325), hash(0x6c62_272e_07bb_0142))
}
