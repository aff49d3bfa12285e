//! Many objects at once: the answer is a job, whose outcome is asked for later.
//!
//! The work is done before the job is answered; asked at once, it is `queued` all the same, as there. Each object stands for itself.
//! Jobs are not remembered across a restart.

use super::{
    Desk, body,
    fields::Kind,
    known,
    refusal::Refusal,
    write::{self, plan},
};
use crate::{
    limits::{DESK_JOB_OBJECTS_MAX, DESK_JOBS_MAX},
    rng::uuid,
    simulated::Fields,
    wire::{Call, Reply},
};
use serde_json::{Value, json};

/// A job that was started.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    id: String,
    results: Vec<Value>,
}

/// What became of one object.
fn result(index: usize, action: &str, outcome: &Result<u64, Refusal>) -> Value {
    match outcome {
        Ok(id) => {
            json!({"index": index, "id": id, "action": action, "success": true, "status": if action == "create" { "Created" } else { "Updated" }})
        }
        Err(refusal) => {
            let (word, sentence) = refusal.line();
            json!({"index": index, "error": word, "details": sentence, "success": false, "status": "Failed"})
        }
    }
}

/// `POST …/create_many`, `POST users/create_or_update_many`
pub(crate) fn create(desk: &mut Desk, call: &Call, kind: Kind, upsert: bool, now: i64) -> Result<Reply, Refusal> {
    known(call, &[])?;
    let items = items(call, kind)?;
    let mut entries = Vec::new();
    let results = items.iter().enumerate().map(|(index, given)| {
        let old = if upsert { write::named(desk, given).cloned() } else { None };
        let action = if old.is_some() { "update" } else { "create" };
        let outcome = plan(desk, kind, old.as_ref(), given, now);
        result(index, action, &outcome.map(|plan| desk.carry_out(plan, &mut entries)))
    });
    let results = results.collect();
    Ok(start(desk, call, results).with_entries(entries))
}

/// `PUT …/update_many`: a list of objects with their ids, or ids and one object.
pub(crate) fn update(desk: &mut Desk, call: &Call, kind: Kind, now: i64) -> Result<Reply, Refusal> {
    known(call, &["ids"])?;
    let items: Vec<(u64, Fields)> = if call.param("ids").is_some() {
        let given: Fields = super::inner(call, kind.singular())?;
        ids(call)?.into_iter().map(|id| (id, given.clone())).collect()
    } else {
        let id = |given: &Fields| {
            given.get("id").and_then(Value::as_u64).ok_or_else(|| Refusal::attribute("id", "It must be an integer."))
        };
        items(call, kind)?.into_iter().map(|given| Ok((id(&given)?, given))).collect::<Result<_, Refusal>>()?
    };
    let mut entries = Vec::new();
    let results = items.iter().enumerate().map(|(index, (id, given))| {
        let old = desk.table(kind).live(*id).cloned();
        let outcome = old.ok_or_else(Refusal::not_found).and_then(|old| plan(desk, kind, Some(&old), given, now));
        result(index, "update", &outcome.map(|plan| desk.carry_out(plan, &mut entries)))
    });
    let results = results.collect();
    Ok(start(desk, call, results).with_entries(entries))
}

/// `DELETE …/destroy_many`
pub(crate) fn destroy(desk: &mut Desk, call: &Call, kind: Kind, now: i64) -> Result<Reply, Refusal> {
    known(call, &["ids"])?;
    let mut entries = Vec::new();
    let mut results = Vec::new();
    for (index, id) in ids(call)?.into_iter().enumerate() {
        let outcome = desk.delete(kind, id, now).map(|more| {
            entries.extend(more);
            id
        });
        results.push(result(index, "delete", &outcome));
    }
    Ok(start(desk, call, results).with_entries(entries))
}

fn ids(call: &Call) -> Result<Vec<u64>, Refusal> {
    let ids: Option<Vec<u64>> = call.list("ids").iter().map(|id| id.parse().ok()).collect();
    let ids = ids.ok_or_else(|| Refusal::attribute("ids", "They must be integers."))?;
    counted(ids.len()).map(|()| ids)
}

fn items(call: &Call, kind: Kind) -> Result<Vec<Fields>, Refusal> {
    let mut body: Fields = body(call)?;
    let list = body.remove(kind.plural());
    if let Some(odd) = body.keys().next() {
        return Err(Refusal::attribute(odd, "There is no such attribute."));
    }
    let list: Option<Vec<Fields>> = list.and_then(|list| serde_json::from_value(list).ok());
    let list = list.ok_or_else(|| Refusal::attribute(kind.plural(), "It must be a list of objects."))?;
    counted(list.len()).map(|()| list)
}

fn counted(count: usize) -> Result<(), Refusal> {
    if (1..=DESK_JOB_OBJECTS_MAX).contains(&count) {
        return Ok(());
    }
    Err(Refusal::Plain(422, "TooManyRecords", format!("A job has between 1 and {DESK_JOB_OBJECTS_MAX} records, not {count}")))
}

fn start(desk: &mut Desk, call: &Call, results: Vec<Value>) -> Reply {
    let id = uuid(desk.seed, "job", desk.requests).replace('-', "");
    let url = format!("{}/api/v2/job_statuses/{id}.json", super::base(call));
    if desk.jobs.len() == DESK_JOBS_MAX {
        desk.jobs.pop_front();
    }
    desk.jobs.push_back(Job { id: id.clone(), results });
    let status =
        json!({"id": id, "url": url, "total": null, "progress": null, "status": "queued", "message": null, "results": null});
    Reply::json(200, json!({"job_status": status}))
}

/// Objects that a job was to write and did not: noted in the job that the reply is about.
pub(crate) fn failed(desk: &mut Desk, reply: &Reply, count: usize) {
    let id = reply.json_body().and_then(|body| body["job_status"]["id"].as_str().map(str::to_owned));
    if let Some(job) = desk.jobs.iter_mut().find(|job| Some(&job.id) == id.as_ref()) {
        for _ in 0..count {
            let refusal = Refusal::Plain(500, "InternalError", "The record could not be written; try again".to_owned());
            job.results.push(result(job.results.len(), "", &Err(refusal)));
        }
    }
}

/// `GET job_statuses/{id}`
pub(crate) fn show(desk: &Desk, call: &Call, id: &str) -> Result<Reply, Refusal> {
    known(call, &[])?;
    let job = desk.jobs.iter().find(|job| job.id == id).ok_or_else(Refusal::not_found)?;
    let (total, url) = (job.results.len(), format!("{}/api/v2/job_statuses/{id}.json", super::base(call)));
    let status = json!({
        "id": id, "url": url, "total": total, "progress": total, "status": "completed",
        "message": "Completed", "results": job.results,
    });
    Ok(Reply::json(200, json!({"job_status": status})))
}
