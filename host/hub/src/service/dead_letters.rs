//! What was set aside: listed, tried again, given up.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::model::{Cause, DeadLetter, DeadLetterSubject, Reason, RecordId, RemoteKey};
use serde_json::Value as Json;

use super::names::{Names, reference};
use super::{audit_entry, count, find, listed, unknown};
use crate::api::{
    Answer, ApiError, ClassCount, DeadLetterAnswer, DeadLetterLine, DeadLetters, DeadLettersAnswer, ProgressSender,
};
use crate::engine::Engine;
use crate::engine::tries::forget;

/// Dead letters read at once.
const CHUNK_LETTERS: usize = 1_000;
/// Numbers named in an audit line.
const AUDITED_IDS_MAX: usize = 20;
/// Lines in one answer.
const LINES_MAX: usize = 10_000;

/// Calls with each dead letter, oldest first.
pub(super) fn each(engine: &Engine, mut with: impl FnMut(DeadLetter)) -> Result<(), ApiError> {
    let mut after = 0;
    loop {
        let letters = engine.store.dead_letters(after, CHUNK_LETTERS)?;
        let Some(last) = letters.last() else { return Ok(()) };
        after = last.id;
        letters.into_iter().for_each(&mut with);
    }
}

/// The flow that a dead letter belongs to.
pub(super) fn flow(letter: &DeadLetter) -> &str {
    match &letter.subject {
        DeadLetterSubject::SourceRecord { mapping, .. } => mapping,
        DeadLetterSubject::Delivery { destination, .. } => destination,
    }
}

/// What was set aside, oldest first. The classes count all of the flow, whatever the class and the limit.
pub(super) fn list(engine: &Engine, of: Option<&str>, class: Option<&str>, limit: usize) -> Result<DeadLettersAnswer, ApiError> {
    let names = Names::new(engine);
    let mut classes: BTreeMap<String, u64> = BTreeMap::new();
    let mut found = Vec::new();
    let mut any_of_flow = false;
    each(engine, |letter| {
        if of.is_some_and(|of| of != flow(&letter)) {
            return;
        }
        any_of_flow = true;
        *classes.entry(letter.class.clone()).or_default() += 1;
        if found.len() < limit.min(LINES_MAX) && class.is_none_or(|class| class == letter.class) {
            found.push(letter);
        }
    })?;
    if let Some(of) = of
        && !any_of_flow
        && !names.catalog.mappings.contains_key(of)
    {
        return Err(unknown("flow", of, names.catalog.mappings.keys()));
    }
    Ok(DeadLettersAnswer {
        dead_letters: found.iter().map(|letter| line(engine, &names, letter)).collect::<Result<_, _>>()?,
        classes: classes.into_iter().map(|(class, count)| ClassCount { class, count }).collect(),
    })
}

fn line(engine: &Engine, names: &Names<'_>, letter: &DeadLetter) -> Result<DeadLetterLine, ApiError> {
    let (direction, subject, record) = match &letter.subject {
        DeadLetterSubject::SourceRecord { connection, stream, mapping, remote_id, .. } => {
            let stream_key = names.catalog.mappings.get(mapping).map_or(stream, |mapping| &mapping.alias);
            let key = RemoteKey::new(connection, stream_key, remote_id);
            let shown = if remote_id.is_empty() { "(without an id)" } else { remote_id };
            ("in", format!("{connection}/{stream}:{shown}"), engine.record_of(&key)?)
        }
        DeadLetterSubject::Delivery { record, .. } => {
            let row = find::load(engine, *record)?;
            ("out", row.map_or_else(|| format!("record {record}"), |row| reference(&row)), Some(*record))
        }
    };
    Ok(DeadLetterLine {
        id: letter.id,
        flow: flow(letter).to_owned(),
        subject,
        direction: direction.to_owned(),
        title: record.and_then(|id| names.title_of(id)).unwrap_or_default(),
        class: letter.class.clone(),
        field: letter.field.clone(),
        message: letter.message.clone(),
        fix: letter.fix.clone(),
        runbook: crate::runbooks::name_for(&letter.class).to_owned(),
        at: letter.last_at.to_string(),
        count: letter.count,
    })
}

/// One dead letter, with its body.
pub(super) fn show(engine: &Engine, id: u64) -> Result<DeadLetterAnswer, ApiError> {
    let letter = by_id(engine, id)?;
    let names = Names::new(engine);
    let body = match &letter.subject {
        DeadLetterSubject::SourceRecord { body, .. } => body.as_slice(),
        DeadLetterSubject::Delivery { .. } => &[],
    };
    let json: Option<Json> = serde_json::from_slice(body).ok();
    let text = (json.is_none() && !body.is_empty()).then(|| String::from_utf8_lossy(body).into_owned());
    Ok(DeadLetterAnswer {
        dead_letter: line(engine, &names, &letter)?,
        first_at: letter.first_at.to_string(),
        run: letter.run,
        body: json,
        body_text: text,
    })
}

fn by_id(engine: &Engine, id: u64) -> Result<DeadLetter, ApiError> {
    let found = engine.store.dead_letters(id.saturating_sub(1), 1)?.pop().filter(|letter| letter.id == id);
    found.ok_or_else(|| {
        ApiError::not_found(format!("there is no dead letter {id}"))
            .help("`nave dlq list` shows those that are there; what was mended is gone")
    })
}

fn chosen(engine: &Engine, which: &DeadLetters) -> Result<Vec<DeadLetter>, ApiError> {
    let mut letters = Vec::new();
    match which {
        DeadLetters::Ids(ids) => {
            for id in ids.iter().collect::<BTreeSet<_>>() {
                letters.push(by_id(engine, *id)?);
            }
        }
        DeadLetters::Class(class) => {
            let mut others: BTreeMap<String, usize> = BTreeMap::new();
            each(engine, |letter| {
                if letter.class == *class {
                    letters.push(letter);
                } else {
                    *others.entry(letter.class).or_default() += 1;
                }
            })?;
            if letters.is_empty() {
                let known: Vec<String> = others.iter().map(|(class, count)| format!("{count} {class}")).collect();
                let there =
                    if known.is_empty() { "nothing is set aside".to_owned() } else { format!("there are: {}", listed(&known)) };
                return Err(ApiError::not_found(format!("no dead letter has the class `{class}`"))
                    .help(format!("{there}; `nave dlq list` shows them")));
            }
        }
        DeadLetters::Flow(of) => {
            let catalog = engine.catalog();
            each(engine, |letter| {
                if flow(&letter) == of {
                    letters.push(letter);
                }
            })?;
            if letters.is_empty() && !catalog.mappings.contains_key(of) {
                return Err(unknown("flow", of, catalog.mappings.keys()));
            }
        }
        DeadLetters::All => each(engine, |letter| letters.push(letter))?,
    }
    Ok(letters)
}

fn subject_of(letters: &[DeadLetter]) -> String {
    let mut ids: Vec<String> = letters.iter().take(AUDITED_IDS_MAX).map(|letter| letter.id.to_string()).collect();
    if letters.len() > AUDITED_IDS_MAX {
        ids.push(format!("… ({} in all)", letters.len()));
    }
    format!("dead letters {}", ids.join(", "))
}

/// Tries them again: a delivery is compared and sent with the next sync; a source record is fetched from its system now.
pub(super) async fn retry(engine: &Engine, which: &DeadLetters, by: &str, progress: &ProgressSender) -> Result<Answer, ApiError> {
    let letters = tokio::task::block_in_place(|| chosen(engine, which))?;
    if letters.is_empty() {
        return Ok(Answer::done("There is nothing to try again.", 0));
    }
    let catalog = engine.catalog();
    let mut deliveries: Vec<(u64, String, RecordId)> = Vec::new();
    let mut sources: BTreeMap<(&str, &str), Vec<(u64, String)>> = BTreeMap::new();
    let mut problems: Vec<ApiError> = Vec::new();
    let mut orphans = 0;
    for letter in &letters {
        match &letter.subject {
            _ if !catalog.mappings.contains_key(flow(letter)) => orphans += 1,
            DeadLetterSubject::Delivery { destination, record } => deliveries.push((letter.id, destination.clone(), *record)),
            DeadLetterSubject::SourceRecord { mapping, stream, remote_id, .. } => {
                sources.entry((mapping, stream)).or_default().push((letter.id, remote_id.clone()));
            }
        }
    }
    if orphans > 0 {
        problems.push(
            ApiError::usage(format!("{} no longer configured", count(orphans, "is of a flow that is", "are of flows that are")))
                .help("`nave dlq list` shows their numbers, `nave dlq discard NUMBER --reason TEXT` gives one up"),
        );
    }
    let subject = subject_of(&letters);
    engine
        .write(Cause { person: Some(by.to_owned()), ..Cause::default() }, |draft| {
            for (id, destination, record) in &deliveries {
                draft.batch.revived.push(*id);
                let record = draft.surviving(*record)?;
                draft.enter(destination, record, Reason::Retry);
                forget(draft, destination, record);
            }
            let line = audit_entry(draft.now, by, "dead-letter.retry", &subject, "");
            draft.batch.audit.push(line);
            Ok(())
        })
        .await?;
    let mut done = deliveries.len();
    let mut parts = Vec::new();
    if !deliveries.is_empty() {
        parts.push(format!(
            "{} with the next sync",
            count(deliveries.len(), "delivery is tried again", "deliveries are tried again")
        ));
    }
    let total: usize = sources.values().map(Vec::len).sum();
    let mut fetched = 0;
    let mut next = None;
    for ((mapping, stream), wanted) in sources {
        progress.report(&format!("fetching for {mapping}"), fetched, Some(total as u64));
        match refetch(engine, mapping, stream, &wanted).await {
            Ok(again) => {
                done += again.taken;
                parts.push(again.message);
                next = next.or(again.next);
            }
            Err(error) => problems.push(error),
        }
        fetched += wanted.len() as u64;
    }
    if done == 0 && parts.is_empty() && !problems.is_empty() {
        return Err(problems.remove(0));
    }
    if done == 0 {
        let error = ApiError::failed(sentence(parts, &problems));
        return Err(match next.or_else(|| problems.into_iter().find_map(|problem| problem.help)) {
            Some(next) => error.help(next),
            None => error,
        });
    }
    let next = next.map(|next| format!(" {next}.")).unwrap_or_default();
    Ok(Answer::done(sentence(parts, &problems) + &next, done as u64))
}

/// What was done, and what could not be.
fn sentence(parts: Vec<String>, problems: &[ApiError]) -> String {
    let all: Vec<String> = parts.into_iter().chain(problems.iter().map(|error| error.message.clone())).collect();
    format!("{}.", all.join("; "))
}

/// What became of source records that were fetched again.
struct Again {
    taken: usize,
    message: String,
    /// What to type for the others.
    next: Option<String>,
}

/// Fetches source records of one mapping.
async fn refetch(engine: &Engine, mapping: &str, stream: &str, wanted: &[(u64, String)]) -> Result<Again, ApiError> {
    let ids: Vec<String> = wanted.iter().map(|(_, id)| id.clone()).filter(|id| !id.is_empty()).collect();
    if ids.is_empty() {
        return Err(ApiError::failed(format!("what {mapping} set aside came without an id and cannot be asked for"))
            .help(format!("correct it at its source; `nave sync {mapping} --full` reads everything again")));
    }
    let fetched = engine.refetch(mapping, stream, &ids, "refetch").await?;
    let mut words = vec![format!("{} of {mapping} taken in", count(fetched.taken.len(), "record", "records"))];
    let mut next = None;
    if !fetched.again.is_empty() {
        words.push(format!("{} set aside again", fetched.again.len()));
        next = Some(format!("`nave dlq list --flow {mapping}` says what is still wrong"));
    }
    let silent = wanted.len() - fetched.taken.len() - fetched.again.len();
    if silent > 0 {
        words.push(format!("{silent} not answered for"));
        next = Some(format!(
            "What cannot be asked for by itself is tried with everything: `nave sync {mapping} --full` reads all of it again and lets go of what is in order"
        ));
    }
    Ok(Again { taken: fetched.taken.len(), message: words.join(", "), next })
}

/// Corrects one value by hand, and tries it again.
pub(super) async fn edit(
    engine: &Engine,
    id: u64,
    (field, value): (&str, &str),
    by: &str,
    reason: &str,
) -> Result<Answer, ApiError> {
    let letter = tokio::task::block_in_place(|| by_id(engine, id))?;
    let mended = engine.mend(&letter, field, value, by, reason).await?;
    let catalog = engine.catalog();
    let entity = catalog.mappings.get(flow(&letter)).map_or("record", |mapping| mapping.entity.as_str());
    let record = format!("{entity}/{}", mended.record);
    let then = match mended.sent_later {
        true => "the delivery is tried again with the next sync",
        false => "the record is taken in, and what follows from it is sent with the next sync",
    };
    Ok(Answer::done(format!("`{}` of {record} is {value:?} now, as a steward's word; {then}.", mended.field), 1))
}

/// Gives them up.
pub(super) async fn discard(engine: &Engine, which: &DeadLetters, by: &str, reason: &str) -> Result<Answer, ApiError> {
    let letters = tokio::task::block_in_place(|| chosen(engine, which))?;
    if letters.is_empty() {
        return Ok(Answer::done("There is nothing to give up.", 0));
    }
    let subject = subject_of(&letters);
    engine
        .write(Cause { person: Some(by.to_owned()), ..Cause::default() }, |draft| {
            draft.batch.revived.extend(letters.iter().map(|letter| letter.id));
            for letter in &letters {
                if let DeadLetterSubject::Delivery { destination, record } = &letter.subject {
                    forget(draft, destination, *record);
                }
            }
            let line = audit_entry(draft.now, by, "dead-letter.discarded", &subject, reason);
            draft.batch.audit.push(line);
            Ok(())
        })
        .await?;
    let what = count(letters.len(), "dead letter was given up", "dead letters were given up");
    Ok(Answer::done(format!("{what}. They come back if the same thing fails again."), letters.len() as u64))
}
