//! Writing: one request per delivery, or several things in one where the description says so.

use nave_rest::description::{Field, Write};
use nave_sdk::http::Answer;
use nave_sdk::types::{Delivery, Failure, Operation, Outcome, SourceRecord, WriteOperation};
use nave_sdk::write::{self, Stop};
use nave_sdk::{body as bodies, slice};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::answers::Told;
use crate::ask::{self, Asked, Words};
use crate::described::Of;
use crate::one;
use crate::place;
use crate::rows;

/// Makes the differences. Deliveries that fit into one request go together where the description says how many.
pub(crate) fn write(of: &Of<'_>, deliveries: &[Delivery]) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes: Vec<Option<Outcome>> = vec![None; deliveries.len()];
    let mut left: Vec<usize> = (0..deliveries.len()).collect();
    for (write, creates) in [(&of.stream.create, true), (&of.stream.update, false)] {
        let Some(write) = write.as_ref().filter(|write| write.batch > 1) else { continue };
        let fits = |index: &usize| match &deliveries[*index].operation {
            WriteOperation::Create => creates,
            WriteOperation::Update(_) => !creates,
            _ => false,
        };
        let (together, others): (Vec<usize>, Vec<usize>) = left.into_iter().partition(fits);
        left = others;
        for group in together.chunks(write.batch as usize) {
            let members: Vec<&Delivery> = group.iter().map(|index| &deliveries[*index]).collect();
            match batch(of, write, &members) {
                Ok(done) => group.iter().zip(done).for_each(|(index, outcome)| outcomes[*index] = Some(outcome)),
                // One of them spoils the request, and nothing of it was done: each for itself.
                Err(Stop::Settled(outcome)) if group.len() > 1 && matches!(*outcome, Outcome::Rejected(_)) => left.extend(group),
                Err(Stop::Settled(outcome)) => group.iter().for_each(|index| outcomes[*index] = Some((*outcome).clone())),
                Err(Stop::NotSent(failure)) if outcomes.iter().all(Option::is_none) => return Err(failure),
                Err(Stop::NotSent(failure)) => group.iter().for_each(|index| outcomes[*index] = Some(write::later(&failure))),
            }
        }
    }
    left.sort_unstable();
    let rest: Vec<Delivery> = left.iter().map(|index| deliveries[*index].clone()).collect();
    let done = match write::one_by_one(&rest, |delivery| alone(of, delivery)) {
        Ok(done) => done,
        Err(failure) if left.len() == deliveries.len() => return Err(failure),
        Err(failure) => rest.iter().map(|_| write::later(&failure)).collect(),
    };
    left.iter().zip(done).for_each(|(index, outcome)| outcomes[*index] = Some(outcome));
    Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::RetryAfter(1))).collect())
}

fn alone(of: &Of<'_>, delivery: &Delivery) -> Result<Outcome, Stop> {
    let cannot = |what: &str| Ok(write::rejected("other", format!("the description of {} has no `{what}`", of.stream.name)));
    match &delivery.operation {
        WriteOperation::Create => match &of.stream.create {
            Some(write) => create(of, write, delivery),
            None => cannot("create"),
        },
        WriteOperation::Update(id) => match &of.stream.update {
            Some(write) => update(of, write, delivery, id),
            None => cannot("update"),
        },
        WriteOperation::Delete(id) => match &of.stream.delete {
            Some(write) => delete(of, write, delivery, id),
            None => cannot("delete"),
        },
        WriteOperation::Merge(_) => Ok(write::rejected("other", "a description cannot merge")),
    }
}

fn create(of: &Of<'_>, write: &Write, delivery: &Delivery) -> Result<Outcome, Stop> {
    let thing = thing(of, write, delivery, None)?.unwrap_or_default();
    let mut asked = filled(of, write, delivery, "")?;
    place_thing(write, &mut asked, Value::Object(thing));
    let answer = asked.request().send().map_err(write::lost)?;
    let told = Told::of(of);
    if told.refuses(&answer) {
        let conflict = || Stop::settled(write::rejected("duplicate", answer.message()));
        return Err(told.refused(&answer).unwrap_or_else(conflict));
    }
    if write.returns.is_some() {
        let raw = returned(of, write, &answer)?;
        if let Some(no) = refused_item(of, write, raw) {
            return Ok(no);
        }
        return Ok(kept(of, raw, None));
    }
    let id = match &write.new_id {
        Some(Ok(at)) => place::text(&answer.body, at),
        Some(Err(header)) => answer.header(header).and_then(last_step),
        None => None,
    };
    match id.filter(|id| !id.is_empty()) {
        Some(id) => Ok(read_back(of, &id)),
        None => Ok(Outcome::Unknown("the answer to the create does not say the new id; correct `new-id`".to_owned())),
    }
}

fn update(of: &Of<'_>, write: &Write, delivery: &Delivery, id: &str) -> Result<Outcome, Stop> {
    let Some(thing) = thing(of, write, delivery, Some(id))? else {
        // Even an empty change would move the time of the last one.
        return Ok(read_back(of, id));
    };
    let mut asked = filled(of, write, delivery, id)?;
    place_thing(write, &mut asked, Value::Object(thing));
    condition(write, delivery, &mut asked)?;
    let answer = asked.request().send().map_err(write::lost)?;
    if Told::of(of).refuses(&answer) {
        return refused(of, &answer, id);
    }
    if write.returns.is_none() {
        return Ok(read_back(of, id));
    }
    let raw = returned(of, write, &answer)?;
    if let Some(no) = refused_item(of, write, raw) {
        return Ok(no);
    }
    Ok(kept(of, raw, Some(&answer)))
}

fn delete(of: &Of<'_>, write: &Write, delivery: &Delivery, id: &str) -> Result<Outcome, Stop> {
    let mut asked = filled(of, write, delivery, id)?;
    condition(write, delivery, &mut asked)?;
    let answer = asked.request().send().map_err(write::lost)?;
    if Told::of(of).refuses(&answer) {
        return refused(of, &answer, id);
    }
    Ok(write::written_unread(id))
}

fn filled(of: &Of<'_>, write: &Write, delivery: &Delivery, id: &str) -> Result<Asked, Stop> {
    let record = Value::Object(bodies::object(&delivery.desired)?);
    let mut asked = ask::filled(&write.request, &of.settings, Words { id, record: Some(&record), ..Words::default() })?;
    if let Some(header) = &write.idempotency_header {
        asked.add_header(header, &delivery.id)?;
    }
    Ok(asked)
}

fn condition(write: &Write, delivery: &Delivery, asked: &mut Asked) -> Result<(), Stop> {
    match (&write.if_match, &delivery.if_version) {
        (Some(parameter), Some(version)) => Ok(asked.set(parameter, version, false)?),
        _ => Ok(()),
    }
}

/// What was refused; a conflict comes with what is there now.
fn refused(of: &Of<'_>, answer: &Answer, id: &str) -> Result<Outcome, Stop> {
    if let Some(stop) = Told::of(of).refused(answer) {
        return Err(stop);
    }
    let current = match &of.stream.get {
        Some(get) => one::one(of, get, id)?,
        None => None,
    };
    Ok(match current {
        Some(current) if current.operation == Operation::Upsert => Outcome::Conflict(current),
        Some(SourceRecord { operation: Operation::MergedInto(winner), .. }) => Outcome::MergedInto(winner),
        Some(_) => Outcome::Gone,
        None => write::rejected("forbidden", answer.message()),
    })
}

/// The thing as it is sent; none where nothing differs.
fn thing(of: &Of<'_>, write: &Write, delivery: &Delivery, id: Option<&str>) -> Result<Option<Map<String, Value>>, Failure> {
    let changed = bodies::object(&delivery.changed)?;
    if id.is_some() && changed.is_empty() {
        return Ok(None);
    }
    let mut thing = if write.send_all { bodies::object(&delivery.desired)? } else { changed };
    let mut whole = Value::Object(std::mem::take(&mut thing));
    for field in &of.stream.fields {
        spell(&mut whole, field);
    }
    if !write.send_nulls {
        drop_nulls(&mut whole);
    }
    if let Value::Object(map) = &mut whole {
        for (name, value) in &write.add {
            map.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    if let (Some(path), Some(id)) = (&write.id_at, id) {
        put(&mut whole, path, Value::from(id));
    }
    match whole {
        Value::Object(map) => Ok(Some(map)),
        _ => Ok(Some(Map::new())),
    }
}

/// What the system makes is not sent; an id of digits goes as a number where it must.
fn spell(thing: &mut Value, field: &Field) {
    let (parents, name) = field.path.rsplit_once('.').map_or(("", field.path.as_str()), |(parents, name)| (parents, name));
    let mut steps = parents.split('.').filter(|step| !step.is_empty());
    let Some(Value::Object(map)) = steps.try_fold(thing, |value, step| value.get_mut(step)) else { return };
    if field.read_only {
        map.remove(name);
    } else if field.number
        && let Some(number) = map.get(name).and_then(Value::as_str).and_then(|text| text.parse::<u64>().ok())
    {
        map.insert(name.to_owned(), number.into());
    }
}

fn drop_nulls(value: &mut Value) {
    if let Value::Object(map) = value {
        map.retain(|_, value| !value.is_null());
        map.values_mut().for_each(drop_nulls);
    }
}

fn put(thing: &mut Value, path: &str, value: Value) {
    let mut at = thing;
    for step in path.split('.') {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Value::Object(map) = at else { return };
        at = map.entry(step).or_insert(Value::Null);
    }
    *at = value;
}

/// The thing at its place in the body.
fn place_thing(write: &Write, asked: &mut Asked, thing: Value) {
    if write.put_at.is_whole() {
        // A body that the description gives besides is filled up.
        if let (Value::Object(body), Value::Object(thing)) = (&mut *asked.body_mut(), &thing) {
            body.extend(thing.clone());
            return;
        }
    }
    let thing = if write.batch > 1 { Value::Array(vec![thing]) } else { thing };
    write.put_at.put(asked.body_mut(), thing);
}

/// Several things in one request. A refusal of the whole is `Settled`, and nothing was done.
fn batch(of: &Of<'_>, write: &Write, deliveries: &[&Delivery]) -> Result<Vec<Outcome>, Stop> {
    let mut outcomes: Vec<Option<Outcome>> = vec![None; deliveries.len()];
    let mut things = Vec::new();
    let mut sent = Vec::new();
    for (index, delivery) in deliveries.iter().enumerate() {
        let id = match &delivery.operation {
            WriteOperation::Update(id) => Some(id.as_str()),
            _ => None,
        };
        match thing(of, write, delivery, id) {
            Ok(Some(thing)) => {
                things.push(Value::Object(thing));
                sent.push(index);
            }
            Ok(None) => outcomes[index] = Some(read_back(of, id.unwrap_or_default())),
            Err(failure) => outcomes[index] = Some(write::later(&failure)),
        }
    }
    if !things.is_empty() {
        let mut asked = ask::filled(&write.request, &of.settings, Words::default())?;
        write.put_at.put(asked.body_mut(), Value::Array(things));
        let answer = asked.request().send().map_err(write::lost)?;
        let told = Told::of(of);
        if told.refuses(&answer) {
            return Err(told.refused(&answer).unwrap_or_else(|| Stop::settled(write::rejected("other", answer.message()))));
        }
        let at = write.returns.clone().unwrap_or_default();
        let items =
            place::raw(&answer.body, &at).ok().flatten().and_then(|raw| serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok());
        let items = items.filter(|items| items.len() == sent.len());
        for (nth, index) in sent.into_iter().enumerate() {
            outcomes[index] = Some(match &items {
                // Which answer is whose, nobody could say.
                None => Outcome::Unknown("the answer does not hold as many things as were sent".to_owned()),
                Some(items) => refused_item(of, write, items[nth]).unwrap_or_else(|| kept(of, items[nth], None)),
            });
        }
    }
    Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::RetryAfter(1))).collect())
}

/// A thing of a success that says that it was refused.
fn refused_item(of: &Of<'_>, write: &Write, raw: &RawValue) -> Option<Outcome> {
    let at = write.item_refused.as_ref()?;
    place::says_yes(place::below(raw, at), &[]).then(|| Outcome::Rejected(Told::of(of).item(raw)))
}

/// The thing in the answer to a write.
fn returned<'a>(of: &Of<'_>, write: &Write, answer: &'a Answer) -> Result<&'a RawValue, Stop> {
    let at = write.returns.clone().unwrap_or_default();
    let found = place::raw(&answer.body, &at).ok().flatten();
    let found = found.and_then(|raw| match raw.get().starts_with('[') && write.batch > 1 {
        true => serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok()?.first().copied(),
        false => Some(raw),
    });
    // It was done, and nobody knows what came of it.
    let lost = || {
        Stop::settled(Outcome::Unknown(format!(
            "the answer to the write of {} has nothing at {:?}; correct `returns`",
            of.stream.name,
            at.text()
        )))
    };
    found.filter(|raw| raw.get().starts_with('{')).ok_or_else(lost)
}

/// Written, with the thing as the answer holds it.
fn kept(of: &Of<'_>, raw: &RawValue, answer: Option<&Answer>) -> Outcome {
    if slice::text(raw, &of.stream.id).is_none_or(|id| id.is_empty()) {
        return Outcome::Unknown(format!("the thing in the answer to the write has no `{}`", of.stream.id));
    }
    let mut record = rows::record(of.stream, raw);
    match record.operation {
        Operation::Upsert => {
            if of.stream.get.as_ref().is_some_and(|get| get.etag) {
                record.version = answer.and_then(|answer| answer.header("etag")).map(str::to_owned).or(record.version);
            }
            write::written(record)
        }
        Operation::Delete => Outcome::Gone,
        Operation::MergedInto(winner) => Outcome::MergedInto(winner),
    }
}

/// It is written; if it cannot be read now the host asks later.
fn read_back(of: &Of<'_>, id: &str) -> Outcome {
    let Some(get) = &of.stream.get else { return write::written_unread(id) };
    match one::one(of, get, id) {
        Ok(Some(record)) if record.operation == Operation::Upsert => write::written(record),
        Ok(Some(SourceRecord { operation: Operation::MergedInto(winner), .. })) => Outcome::MergedInto(winner),
        Ok(Some(_)) => Outcome::Gone,
        Ok(None) | Err(_) => write::written_unread(id),
    }
}

/// `https://a.example/v1/users/7` → `7`.
fn last_step(address: &str) -> Option<String> {
    let path = address.split(['?', '#']).next()?;
    path.trim_end_matches('/').rsplit('/').next().filter(|step| !step.is_empty()).map(str::to_owned)
}
