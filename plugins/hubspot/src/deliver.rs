//! Writing: batches of a hundred, one by one where the vendor refuses a batch for one of its members.

use std::collections::BTreeMap;

use nave_sdk::body;
use nave_sdk::http;
use nave_sdk::serde::Serialize;
use nave_sdk::serde_json::{Map, Value, json};
use nave_sdk::slice;
use nave_sdk::types::{Delivery, Failure, Outcome, Rejection, SourceRecord, WriteOperation};
use nave_sdk::write::{self, Stop};

use crate::api;
use crate::pages;
use crate::schema::{self, Object, Settings};

/// A delivery as HubSpot wants it.
#[derive(Clone, Debug)]
struct Wanted {
    operation: WriteOperation,
    trace: String,
    properties: Map<String, Value>,
    /// Company to be the primary one; null: none. Absent: not to be touched.
    company: Option<Value>,
}

/// Makes the differences.
pub(crate) fn write(object: &Object, settings: &Settings, deliveries: &[Delivery]) -> Result<Vec<Outcome>, Failure> {
    let names = schema::names(object)?;
    let mut outcomes: Vec<Option<Outcome>> = vec![None; deliveries.len()];
    let mut updates = Vec::new();
    let mut upserts = Vec::new();
    let mut singles = Vec::new();
    let mut wanted: Vec<Option<Wanted>> = Vec::new();
    for (index, delivery) in deliveries.iter().enumerate() {
        match Wanted::new(delivery) {
            Ok(one) => {
                let marked = one.marker(settings).is_some_and(|text| !text.is_empty());
                match one.operation {
                    WriteOperation::Update(_) if !one.properties.is_empty() => updates.push(index),
                    WriteOperation::Create if marked => upserts.push(index),
                    _ => singles.push(index),
                }
                wanted.push(Some(one));
            }
            Err(failure) => {
                outcomes[index] = Some(write::later(&failure));
                wanted.push(None);
            }
        }
    }
    // Nothing was sent as long as this is false: then a failure is the whole call's.
    let mut sent = false;
    for (verb, batch) in [("update", updates), ("upsert", upserts)] {
        if batch.is_empty() {
            continue;
        }
        let members: Vec<(usize, &Wanted)> = batch.iter().filter_map(|&index| Some((index, wanted[index].as_ref()?))).collect();
        match send_batch(object, settings, verb, &members) {
            Ok(done) => {
                sent = true;
                for (index, outcome) in done {
                    outcomes[index] = Some(outcome);
                }
            }
            // One member spoils the batch, and nothing of it was done.
            Err(Stop::Settled(outcome)) if matches!(*outcome, Outcome::Rejected(_)) => singles.extend(batch),
            Err(Stop::Settled(outcome)) => {
                sent = true;
                for index in batch {
                    outcomes[index] = Some((*outcome).clone());
                }
            }
            Err(Stop::NotSent(failure)) if !sent => return Err(failure),
            Err(Stop::NotSent(failure)) => {
                for index in batch {
                    outcomes[index] = Some(write::later(&failure));
                }
            }
        }
    }
    for index in singles {
        let Some(one) = &wanted[index] else { continue };
        outcomes[index] = Some(match send_one(object, settings, one) {
            Ok(outcome) => {
                sent = true;
                outcome
            }
            Err(Stop::Settled(outcome)) => {
                sent = true;
                *outcome
            }
            Err(Stop::NotSent(failure)) if !sent && outcomes.iter().all(Option::is_none) => {
                return Err(failure);
            }
            Err(Stop::NotSent(failure)) => write::later(&failure),
        });
    }
    associate(object, &wanted, &mut outcomes);
    read_back(object, &names, &wanted, &mut outcomes);
    Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::RetryAfter(1))).collect())
}

impl Wanted {
    fn marker(&self, settings: &Settings) -> Option<&str> {
        self.properties.get(&settings.marker).and_then(Value::as_str)
    }

    fn new(delivery: &Delivery) -> Result<Self, Failure> {
        let bytes = if delivery.operation == WriteOperation::Create { &delivery.desired } else { &delivery.changed };
        let mut object = body::object(bytes)?;
        let mut properties = Map::new();
        if let Some(Value::Object(given)) = object.remove("properties") {
            for (name, value) in given {
                let text = match value {
                    // An empty text is how HubSpot clears.
                    Value::Null => String::new(),
                    Value::String(text) => text,
                    Value::Number(number) => number.to_string(),
                    Value::Bool(flag) => flag.to_string(),
                    Value::Array(_) | Value::Object(_) => {
                        let message = "a property holds one text, number or flag";
                        return Err(Failure::Rejected(Rejection::new("format", message).field(format!("properties.{name}"))));
                    }
                };
                if delivery.operation != WriteOperation::Create || !text.is_empty() {
                    properties.insert(name, Value::String(text));
                }
            }
        }
        Ok(Self {
            operation: delivery.operation.clone(),
            trace: delivery.id.clone(),
            properties,
            company: object.remove("company_id"),
        })
    }
}

/// One member of a batch, as HubSpot spells it.
#[derive(Serialize)]
#[serde(crate = "nave_sdk::serde", rename_all = "camelCase")]
struct Input<'a> {
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_property: Option<&'a str>,
    properties: &'a Map<String, Value>,
    object_write_trace_id: &'a str,
}

#[derive(Serialize)]
#[serde(crate = "nave_sdk::serde")]
struct Inputs<'a> {
    inputs: Vec<Input<'a>>,
}

/// One batch of updates, or of creates that may be repeated because their marker is unique over there.
fn send_batch(
    object: &Object,
    settings: &Settings,
    verb: &str,
    members: &[(usize, &Wanted)],
) -> Result<Vec<(usize, Outcome)>, Stop> {
    let mut keys: BTreeMap<&str, usize> = BTreeMap::new();
    let mut inputs = Vec::new();
    for (index, one) in members {
        let (id, id_property) = match &one.operation {
            WriteOperation::Update(id) => (Some(id.as_str()), None),
            _ => (one.marker(settings), Some(settings.marker.as_str())),
        };
        keys.insert(&one.trace, *index);
        inputs.push(Input { id, id_property, properties: &one.properties, object_write_trace_id: &one.trace });
    }
    let request = api::post(format!("{}/batch/{verb}", object.path()), &Inputs { inputs });
    let answer = request.send().map_err(write::lost)?;
    if !answer.is_success() {
        return Err(api::refused(&answer));
    }
    let results =
        slice::array(&answer.body, "results").map_err(|failure| Stop::settled(Outcome::Unknown(format!("{failure:?}"))))?;
    let mut done: BTreeMap<usize, Outcome> = BTreeMap::new();
    let marker_path = format!("properties.{}", settings.marker);
    for result in results {
        let [id, trace, marker] = slice::texts(result, ["id", "objectWriteTraceId", &marker_path]);
        let Some(id) = id.as_deref() else {
            continue;
        };
        // By the trace where it is echoed, else by what the result says of itself.
        let index = trace.and_then(|trace| keys.get(trace.as_str()).copied()).or_else(|| {
            members
                .iter()
                .find(|(_, one)| match &one.operation {
                    WriteOperation::Update(wanted) => wanted == id,
                    _ => marker.is_some() && marker.as_deref() == one.marker(settings),
                })
                .map(|(index, _)| *index)
        });
        let Some(index) = index else { continue };
        let wanted = members.iter().find(|(at, _)| *at == index).map(|(_, one)| &one.operation);
        let outcome = match wanted {
            // Its id answers with another object: it was merged, and the winner took our values.
            Some(WriteOperation::Update(asked)) if asked != id => Outcome::MergedInto(id.to_owned()),
            _ => write::written_unread(id),
        };
        done.insert(index, outcome);
    }
    for (index, one) in members {
        if done.contains_key(index) {
            continue;
        }
        let outcome = match &one.operation {
            WriteOperation::Update(id) => match pages::absent(object, id) {
                Ok(Some(record)) => gone(record),
                _ => Outcome::Unknown("the batch's answer does not mention this object".to_owned()),
            },
            _ => Outcome::Unknown("the batch's answer does not mention this object".to_owned()),
        };
        done.insert(*index, outcome);
    }
    Ok(done.into_iter().collect())
}

fn gone(record: SourceRecord) -> Outcome {
    match record.operation {
        nave_sdk::types::Operation::MergedInto(winner) => Outcome::MergedInto(winner),
        nave_sdk::types::Operation::Delete => Outcome::Gone,
        nave_sdk::types::Operation::Upsert => {
            Outcome::Unknown("the object is there, and the batch's answer does not mention it".to_owned())
        }
    }
}

/// One delivery by itself.
fn send_one(object: &Object, settings: &Settings, one: &Wanted) -> Result<Outcome, Stop> {
    let answer = match &one.operation {
        WriteOperation::Update(id) if one.properties.is_empty() => return Ok(write::written_unread(id)),
        WriteOperation::Update(id) => {
            let path = format!("{}/{}", object.path(), http::id(id)?);
            api::request("PATCH", path).json(&json!({"properties": one.properties})).send()
        }
        WriteOperation::Create => {
            let marker = one.properties.get(&settings.marker);
            match marker {
                Some(marker) => {
                    let input = json!({"id": marker, "idProperty": settings.marker, "properties": one.properties});
                    api::post(format!("{}/batch/upsert", object.path()), &json!({"inputs": [input]})).send()
                }
                None => api::post(object.path(), &json!({"properties": one.properties, "associations": []})).send(),
            }
        }
        WriteOperation::Delete(id) => api::request("DELETE", format!("{}/{}", object.path(), http::id(id)?)).send(),
        WriteOperation::Merge((loser, winner)) => {
            api::post(format!("{}/merge", object.path()), &json!({"primaryObjectId": winner, "objectIdToMerge": loser})).send()
        }
    }
    .map_err(write::lost)?;
    if answer.status == 404
        && let WriteOperation::Update(id) = &one.operation
    {
        return Ok(pages::absent(object, id).ok().flatten().map_or(Outcome::Gone, gone));
    }
    if !answer.is_success() {
        return Err(api::refused(&answer));
    }
    if let WriteOperation::Delete(id) = &one.operation {
        return Ok(write::written_unread(id));
    }
    let body: Value = answer.json().unwrap_or_default();
    let id = body["id"].as_str().or_else(|| body["results"][0]["id"].as_str());
    Ok(match (id, &one.operation) {
        (Some(id), WriteOperation::Update(asked)) if asked != id => Outcome::MergedInto(id.to_owned()),
        (Some(id), _) => write::written_unread(id),
        (None, _) => Outcome::Unknown("the answer does not say which object was written".to_owned()),
    })
}

/// Sets the primary company of what was written. The properties are there already, so a refusal here is this
/// delivery's refusal, and a lost answer its unknown.
fn associate(object: &Object, wanted: &[Option<Wanted>], outcomes: &mut [Option<Outcome>]) {
    if object.company_property().is_none() {
        return;
    }
    for (one, outcome) in wanted.iter().zip(outcomes) {
        let Some(Wanted { company: Some(company), .. }) = one else {
            continue;
        };
        let Some(Outcome::Written(written)) = outcome else {
            continue;
        };
        let path = format!(
            "/crm/v4/objects/{}/{}/associations/companies",
            http::segment(&object.name),
            http::segment(&written.remote_id)
        );
        let done = match company.as_str().filter(|id| !id.is_empty()) {
            Some(id) => set_company(&path, id),
            None => clear_company(&path),
        };
        match done {
            Ok(()) => {}
            Err(Stop::Settled(problem)) => *outcome = Some(*problem),
            // The contact is written; what is left comes again by itself.
            Err(Stop::NotSent(failure)) => *outcome = Some(write::later(&failure)),
        }
    }
}

fn set_company(path: &str, id: &str) -> Result<(), Stop> {
    let no_company = || {
        let rejection = Rejection::new("reference", format!("there is no company {id}")).field("company_id");
        Stop::settled(Outcome::Rejected(rejection))
    };
    let id = http::id(id).map_err(|_| no_company())?;
    let before = primary_companies(path)?;
    if before == [id] {
        return Ok(());
    }
    // Number 1 is the primary company of a contact.
    let types = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]);
    let answer = api::request("PUT", format!("{path}/{id}")).json(&types).send().map_err(write::lost)?;
    match answer.status {
        404 => return Err(no_company()),
        _ if answer.is_success() => {}
        _ => return Err(api::refused(&answer)),
    }
    // The company that this one takes the place of goes; others that people added stay.
    before.iter().filter(|other| *other != id).try_for_each(|other| forget(path, other))
}

fn clear_company(path: &str) -> Result<(), Stop> {
    primary_companies(path)?.iter().try_for_each(|id| forget(path, id))
}

/// The primary company of a contact: one, or none.
fn primary_companies(path: &str) -> Result<Vec<String>, Stop> {
    let answer = api::get(path.to_owned()).send().map_err(write::lost)?;
    if !answer.is_success() {
        return Err(api::refused(&answer));
    }
    let body: Value = answer.json()?;
    let edges = body["results"].as_array().map(Vec::as_slice).unwrap_or_default();
    let primary =
        |edge: &&Value| edge["associationTypes"].as_array().is_some_and(|types| types.iter().any(|kind| kind["typeId"] == 1));
    Ok(edges
        .iter()
        .filter(primary)
        .map(|edge| match &edge["toObjectId"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect())
}

fn forget(path: &str, id: &str) -> Result<(), Stop> {
    let answer = api::request("DELETE", format!("{path}/{}", http::id(id)?)).send().map_err(write::lost)?;
    if answer.is_success() || answer.status == 404 { Ok(()) } else { Err(api::refused(&answer)) }
}

/// Reads what was written in one go: the answers of writes do not hold all properties.
fn read_back(object: &Object, names: &[String], wanted: &[Option<Wanted>], outcomes: &mut [Option<Outcome>]) {
    let mut ids: Vec<String> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Some(Outcome::Written(written)) => Some(written.remote_id.clone()),
            _ => None,
        })
        .collect();
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        return;
    }
    // Without it the host asks `get`.
    let Ok(records) = pages::batch_read(object, names, &ids) else {
        return;
    };
    for (outcome, wanted) in outcomes.iter_mut().zip(wanted) {
        let Some(Outcome::Written(written)) = outcome else { continue };
        let created = wanted.as_ref().is_some_and(|wanted| wanted.operation == WriteOperation::Create);
        match records.iter().find(|record| record.remote_id == written.remote_id) {
            Some(record) => *outcome = Some(write::written(record.clone())),
            // A yes that is not to be seen is none; the host looks for it before it sends anything else.
            None if created => {
                *outcome = Some(Outcome::Unknown(format!("{} was said to be made, and is not there", written.remote_id)))
            }
            None => {}
        }
    }
}
